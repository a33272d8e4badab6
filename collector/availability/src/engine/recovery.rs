//! Joins incidents and cells to the outages of the platform, and shows how far these are.

use bongsu_model::{FeatureId, TargetName, Timestamp};

use crate::fleet::recovery::{Affected, Outage, Row, Seen, Told};
use crate::recovery::{self, RecoveryStep};
use crate::{
    Change, Failure, FeatureWeight, RecoveredShare, RecoveryClock, RecoveryRow, RecoveryState,
    RecoveryView, RegionRecovery,
};

use super::{Engine, TimerKey};

impl Engine {
    /// The outages of `target` with how far each affected feature is, newest first: at most one
    /// has not ended, and it is the first.
    pub fn recoveries(&self, target: &TargetName, now: Timestamp) -> Vec<RecoveryView> {
        let outages = self.outages.of(target);
        outages.map(|outage| self.recovery(outage, now)).collect()
    }

    /// A cell is down or blocked in incident `number`: its feature is affected.
    pub(super) fn affect(&mut self, cell: usize, number: u32, onset: Option<Timestamp>) {
        let Some((id, detected)) = self.incidents.named(number) else {
            return;
        };
        let affected = Affected {
            cell,
            key: &self.cells.cells[cell].key,
            incident: (number, id),
            detected,
            onset,
        };
        self.outages.affect(&affected, self.now);
        self.follow(cell);
    }

    /// Looks at a cell if an outage affected it.
    pub(super) fn follow(&mut self, cell: usize) {
        let Some(outage) = self.outages.following(cell) else {
            return;
        };
        let facts = &self.cells.cells[cell];
        let failure = facts.shown.failure.map(|(run, agent, at, class)| Failure {
            run,
            agent: self.agents.id(agent),
            region: facts.key.region.clone(),
            at,
            class,
        });
        let seen = Seen {
            cell,
            key: &facts.key,
            state: facts.state,
            blocked_by: facts.blocked_by.as_ref(),
            mixed: facts.passes_are_mixed_in(),
            passes: facts.passes_in_a_row(),
            first_pass: facts.passing_since(),
            failure,
        };
        let told = self.outages.follow(&seen, self.now, &self.settings);
        if let Some(told) = told {
            self.tell_recovery(told);
        }
        self.sound_alarms(outage);
    }

    /// Tells the alarms of an outage that are due, and waits for the next one.
    pub(super) fn sound_alarms(&mut self, outage: u32) {
        while let Some(told) = self.outages.alarm(outage, self.now, self.settings.rto) {
            self.tell_recovery(told);
        }
        let next = self.outages.deadline(outage, self.settings.rto);
        self.timers.set(TimerKey::Alarm(outage), next);
    }

    /// Waits for the end of incident `number`, and no more for that of those that went into it:
    /// what they affected, it did.
    pub(super) fn follow_incidents(&mut self, number: u32, merged: &[u32]) {
        for from in merged {
            self.timers.set(TimerKey::Incident(*from), None);
            if let Some((from_id, _)) = self.incidents.named(*from)
                && let Some((into_id, _)) = self.incidents.named(number)
            {
                self.outages.merge((*from, from_id), (number, into_id));
            }
        }
        let deadline = self.incidents.deadline(number);
        self.timers.set(TimerKey::Incident(number), deadline);
    }

    /// Closes an incident whose quiet is over; the outage of its target may be over with it.
    pub(super) fn close_incident(&mut self, number: u32) {
        let Some(target) = self.incidents.target(number).cloned() else {
            return;
        };
        let steps = self.incidents.close(number, self.now);
        self.tell_incident(&target, steps);
        let incidents = &self.incidents;
        self.outages
            .end(&target, |number| incidents.is_open(number), self.now);
    }

    fn tell_recovery(&mut self, told: Told) {
        let Told {
            target,
            feature,
            incident,
            step,
        } = told;
        let change = match step {
            RecoveryStep::State { from, to } => Change::Recovery {
                target,
                feature,
                incident,
                from,
                to,
            },
            RecoveryStep::Alarm(alarm) => Change::Rto {
                target,
                feature,
                incident,
                alarm,
            },
        };
        self.tell(change, Vec::new());
    }

    fn recovery(&self, outage: &Outage, now: Timestamp) -> RecoveryView {
        let rows = outage.rows.iter();
        let mut rows: Vec<RecoveryRow> = rows
            .map(|(feature, row)| {
                let weight = FeatureWeight::of(self.catalogue.feature(feature));
                self.row(feature, row, weight)
            })
            .collect();
        recovery::sort(&mut rows, &self.catalogue);
        RecoveryView {
            id: outage.id.clone(),
            target: outage.target.clone(),
            incidents: outage.incidents.clone(),
            onset: outage.onset,
            detected: outage.detected,
            ended: outage.ended,
            as_of: now,
            share: RecoveredShare::of(&rows),
            relapses: rows.iter().map(|row| row.relapses).sum(),
            rows,
            log: outage.log.clone(),
            log_dropped: outage.log_dropped,
        }
    }

    fn row(&self, feature: &FeatureId, row: &Row, weight: FeatureWeight) -> RecoveryRow {
        let regions = row.spots.iter().map(|(region, spot)| RegionRecovery {
            region: region.clone(),
            weight: self.known().weight(region),
            state: spot.state,
            since: spot.since,
            blocked_by: spot.blocked_by.clone(),
            onset: spot.onset,
            first_pass: spot.first_pass,
            passes: spot.passes,
            relapses: spot.relapses,
        });
        let mut regions: Vec<RegionRecovery> = regions.collect();
        regions.sort_by_key(|region| self.region_order(&region.region));
        let rto = self.settings.rto;
        RecoveryRow {
            feature: feature.clone(),
            incident: row.incident.clone(),
            state: row.state.unwrap_or(RecoveryState::NoSight),
            since: row.since,
            blocked_by: row.blocked_by(),
            weight,
            passes: regions
                .iter()
                .map(|region| region.passes)
                .min()
                .unwrap_or(0),
            last_failure: row.last_failure.clone(),
            relapses: regions.iter().map(|region| region.relapses).sum(),
            regions,
            clock: row.clock.map(|clock| RecoveryClock {
                started: clock.started,
                stopped: clock.stopped,
                passing: row.passing(),
                warn_at: clock.started + rto.warn,
                breach_at: clock.started + rto.breach,
            }),
        }
    }
}
