//! Outages of a platform: the features that its incidents affected, and how far each is.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bongsu_model::{CellKey, CellState, FeatureId, RegionId, TargetName, Timestamp};

use crate::recovery::{RecoveryEvent, RecoveryState, RecoveryStep, Rto, RtoAlarm};
use crate::{Failure, IncidentId, Settings};

/// Outages kept: a year of a platform that has one a week. The oldest that ended leave.
const OUTAGES_MAX: usize = 52;

/// Incidents of one outage that are listed, the newest.
const MEMBERS_MAX: usize = 256;

/// Events of one outage that are kept, the newest: fifty features that move ten times each.
const LOG_MAX: usize = 500;

/// What is known of a cell when it is looked at.
#[derive(Debug)]
pub(crate) struct Seen<'a> {
    pub(crate) cell: usize,
    pub(crate) key: &'a CellKey,
    pub(crate) state: CellState,
    pub(crate) blocked_by: Option<&'a FeatureId>,
    /// Whether some of its newest runs pass although it is down.
    pub(crate) mixed: bool,
    pub(crate) passes: u32,
    /// Start of the first of these passes.
    pub(crate) first_pass: Option<Timestamp>,
    pub(crate) failure: Option<Failure>,
}

/// A cell comes to be affected, or is again.
#[derive(Debug)]
pub(crate) struct Affected<'a> {
    pub(crate) cell: usize,
    pub(crate) key: &'a CellKey,
    pub(crate) incident: (u32, &'a IncidentId),
    /// When the incident was decided.
    pub(crate) detected: Timestamp,
    /// Start of the first failed run; none while it is only blocked.
    pub(crate) onset: Option<Timestamp>,
}

/// What happened to a feature, in which incident.
#[derive(Debug)]
pub(crate) struct Told {
    pub(crate) target: TargetName,
    pub(crate) feature: FeatureId,
    pub(crate) incident: IncidentId,
    pub(crate) step: RecoveryStep,
}

/// A cell within an outage.
#[derive(Debug)]
pub(crate) struct Spot {
    cell_state: Option<CellState>,
    pub(crate) state: RecoveryState,
    pub(crate) since: Timestamp,
    pub(crate) blocked_by: Option<FeatureId>,
    pub(crate) onset: Option<Timestamp>,
    /// The incident that the onset is of.
    failed_in: Option<u32>,
    pub(crate) first_pass: Option<Timestamp>,
    /// Start of the passes that may turn out to have ended its outage, or did.
    passing: Option<Timestamp>,
    pub(crate) passes: u32,
    pub(crate) relapses: u32,
    /// How far back it is while it is up: a suspicion or a single failure does not undo that.
    back: Option<RecoveryState>,
    /// Whether it had begun to recover since it last went down.
    had_begun: bool,
}

/// A feature's clock as it runs.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Clock {
    pub(crate) started: Timestamp,
    pub(crate) stopped: Option<Timestamp>,
    /// The alarm that was told last.
    told: Option<RtoAlarm>,
}

/// A feature within an outage.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) incident: IncidentId,
    pub(crate) spots: BTreeMap<RegionId, Spot>,
    pub(crate) state: Option<RecoveryState>,
    pub(crate) since: Timestamp,
    pub(crate) clock: Option<Clock>,
    pub(crate) last_failure: Option<Failure>,
}

/// One outage of a target.
#[derive(Debug)]
pub(crate) struct Outage {
    pub(crate) id: IncidentId,
    pub(crate) target: TargetName,
    /// The newest of its incidents, the oldest first.
    pub(crate) incidents: Vec<IncidentId>,
    /// Those of its incidents that were open when last looked at.
    open: BTreeSet<u32>,
    pub(crate) onset: Timestamp,
    pub(crate) detected: Timestamp,
    pub(crate) ended: Option<Timestamp>,
    pub(crate) rows: BTreeMap<FeatureId, Row>,
    pub(crate) log: Arc<Vec<RecoveryEvent>>,
    pub(crate) log_dropped: u64,
}

/// All outages, by their number in the order of detection.
#[derive(Debug, Default)]
pub(crate) struct Outages {
    outages: BTreeMap<u32, Outage>,
    next: u32,
    /// The cells that are followed, each in the outage that affected it last.
    followed: BTreeMap<usize, u32>,
}

impl Outages {
    /// Takes a cell into the outage of its target, which begins if there is none. Returns the
    /// number of the outage.
    pub(crate) fn affect(&mut self, affected: &Affected<'_>, now: Timestamp) -> u32 {
        let number = self.open_or_begin(affected);
        let outage = self.outages.get_mut(&number).expect("found or made before");
        outage.take(affected, now);
        self.followed.insert(affected.cell, number);
        number
    }

    /// The outage that follows this cell.
    pub(crate) fn following(&self, cell: usize) -> Option<u32> {
        self.followed.get(&cell).copied()
    }

    /// Looks at a cell that is followed, and tells what that did to its feature.
    pub(crate) fn follow(
        &mut self,
        seen: &Seen<'_>,
        now: Timestamp,
        settings: &Settings,
    ) -> Option<Told> {
        let number = self.following(seen.cell)?;
        let outage = self.outages.get_mut(&number)?;
        let (told, goes_on) = outage.follow(seen, now, settings);
        if !goes_on {
            self.followed.remove(&seen.cell);
        }
        told
    }

    /// When the next alarm of an outage is due.
    pub(crate) fn deadline(&self, number: u32, rto: Rto) -> Option<Timestamp> {
        let outage = self.outages.get(&number)?;
        if outage.ended.is_some() {
            return None;
        }
        let alarms = outage.rows.values().filter_map(|row| row.next_alarm(rto));
        alarms.map(|(_, at)| at).min()
    }

    /// Tells one alarm that is due at `now`; call it until there is none.
    pub(crate) fn alarm(&mut self, number: u32, now: Timestamp, rto: Rto) -> Option<Told> {
        let outages = self.outages.get_mut(&number);
        let outage = outages.filter(|outage| outage.ended.is_none())?;
        let target = &outage.target;
        let due = outage.rows.iter_mut().find_map(|(feature, row)| {
            let (alarm, _) = row.next_alarm(rto).filter(|(_, at)| *at <= now)?;
            row.clock.as_mut()?.told = Some(alarm);
            Some(Told {
                target: target.clone(),
                feature: feature.clone(),
                incident: row.incident.clone(),
                step: RecoveryStep::Alarm(alarm),
            })
        })?;
        outage.note(now, &due);
        Some(due)
    }

    /// Incident `from` turned out to be one with `into`: what it affected is that one's.
    pub(crate) fn merge(&mut self, from: (u32, &IncidentId), into: (u32, &IncidentId)) {
        for outage in self.outages.values_mut() {
            // The older one is of the same outage: while either is open, that has not ended.
            if outage.open.remove(&from.0) {
                for row in outage.rows.values_mut() {
                    row.merge(from, into);
                }
            }
        }
    }

    /// The outage of `target` ends when none of its incidents is open any more.
    pub(crate) fn end(
        &mut self,
        target: &TargetName,
        is_open: impl Fn(u32) -> bool,
        now: Timestamp,
    ) {
        let open = self
            .outages
            .values_mut()
            .rev()
            .find(|outage| outage.target == *target && outage.ended.is_none());
        if let Some(outage) = open {
            outage.open.retain(|number| is_open(*number));
            if outage.open.is_empty() {
                outage.ended = Some(now);
            }
        }
    }

    /// The outages of a target, newest first.
    pub(crate) fn of<'a>(&'a self, target: &'a TargetName) -> impl Iterator<Item = &'a Outage> {
        let outages = self.outages.values().rev();
        outages.filter(move |outage| outage.target == *target)
    }

    fn open_or_begin(&mut self, affected: &Affected<'_>) -> u32 {
        let target = &affected.key.target;
        let open = self
            .outages
            .iter()
            .rev()
            .find(|(_, outage)| outage.target == *target && outage.ended.is_none());
        if let Some((number, _)) = open {
            return *number;
        }
        let number = self.next;
        self.next += 1;
        let outage = Outage {
            id: affected.incident.1.clone(),
            target: target.clone(),
            incidents: Vec::new(),
            open: BTreeSet::new(),
            onset: affected.onset.unwrap_or(affected.detected),
            detected: affected.detected,
            ended: None,
            rows: BTreeMap::new(),
            log: Arc::default(),
            log_dropped: 0,
        };
        self.outages.insert(number, outage);
        self.trim();
        number
    }

    fn trim(&mut self) {
        while self.outages.len() > OUTAGES_MAX {
            let mut ended = self.outages.iter().filter(|(_, o)| o.ended.is_some());
            // One outage of each target is open: with more targets than outages are kept, the
            // oldest of those leaves.
            let oldest = ended.next().or_else(|| self.outages.iter().next());
            let Some(oldest) = oldest.map(|(number, _)| *number) else {
                return;
            };
            self.outages.remove(&oldest);
            self.followed.retain(|_, number| *number != oldest);
        }
    }
}

impl Outage {
    fn take(&mut self, affected: &Affected<'_>, now: Timestamp) {
        let (number, id) = affected.incident;
        if self.open.insert(number) {
            if self.incidents.len() >= MEMBERS_MAX {
                self.incidents.remove(0);
            }
            self.incidents.push(id.clone());
        }
        if let Some(onset) = affected.onset {
            self.onset = self.onset.min(onset);
        }
        let row = self
            .rows
            .entry(affected.key.feature.clone())
            .or_insert_with(|| Row {
                incident: id.clone(),
                spots: BTreeMap::new(),
                state: None,
                since: now,
                clock: None,
                last_failure: None,
            });
        row.take(affected, now);
    }

    /// Returns what is to be told, and whether the cell has to be looked at any more.
    fn follow(
        &mut self,
        seen: &Seen<'_>,
        now: Timestamp,
        settings: &Settings,
    ) -> (Option<Told>, bool) {
        let feature = &seen.key.feature;
        let over = self.ended.is_some();
        let Some(row) = self.rows.get_mut(feature) else {
            return (None, false);
        };
        let Some(spot) = row.spots.get_mut(&seen.key.region) else {
            return (None, false);
        };
        if over && !spot.may_be_verified(seen) {
            return (None, false);
        }
        spot.look(seen, now, settings);
        let goes_on = !over || spot.state != RecoveryState::Verified;
        row.settle(seen, over);
        let regions: Vec<RecoveryState> = row.spots.values().map(|spot| spot.state).collect();
        let state = RecoveryState::over(&regions);
        if row.state == Some(state) {
            return (None, goes_on);
        }
        let from = row.state.replace(state);
        row.since = now;
        let told = Told {
            target: self.target.clone(),
            feature: feature.clone(),
            incident: row.incident.clone(),
            step: RecoveryStep::State { from, to: state },
        };
        self.note(now, &told);
        (Some(told), goes_on)
    }

    fn note(&mut self, at: Timestamp, told: &Told) {
        let log = Arc::make_mut(&mut self.log);
        if log.len() >= LOG_MAX {
            log.remove(0);
            self.log_dropped += 1;
        }
        log.push(RecoveryEvent {
            at,
            feature: told.feature.clone(),
            step: told.step.clone(),
        });
    }
}

impl Row {
    fn take(&mut self, affected: &Affected<'_>, now: Timestamp) {
        let (number, id) = affected.incident;
        let is_another = affected.onset.is_some() && self.incident != *id;
        if affected.onset.is_some() || self.clock.is_none() {
            self.incident = id.clone();
        }
        if let Some(onset) = affected.onset {
            // It was back, and goes down in an incident of its own: that is another recovery.
            let begins_anew = is_another && self.clock.is_some_and(|clock| clock.stopped.is_some());
            match &mut self.clock {
                Some(clock) if !begins_anew => {
                    clock.started = clock.started.min(onset);
                    clock.stopped = None;
                }
                Some(_) | None => {
                    self.clock = Some(Clock {
                        started: onset,
                        stopped: None,
                        told: None,
                    });
                }
            }
        }
        let spot = self
            .spots
            .entry(affected.key.region.clone())
            .or_insert_with(|| Spot::new(now));
        if let Some(onset) = affected.onset {
            let known = spot.onset.filter(|_| spot.failed_in == Some(number));
            spot.onset = Some(known.map_or(onset, |known| known.min(onset)));
            spot.failed_in = Some(number);
        }
    }

    fn merge(&mut self, from: (u32, &IncidentId), into: (u32, &IncidentId)) {
        if self.incident == *from.1 {
            self.incident = into.1.clone();
        }
        let failed = self.spots.values_mut().map(|spot| &mut spot.failed_in);
        for number in failed.filter(|number| **number == Some(from.0)) {
            *number = Some(into.0);
        }
    }

    /// Stops the clock when every region that failed since it started is back. One that is only
    /// blocked keeps no clock going: what blocks it has one.
    fn settle(&mut self, seen: &Seen<'_>, over: bool) {
        if over {
            return;
        }
        let newer = |known: &Failure, failure: &Failure| known.at <= failure.at;
        if let Some(failure) = &seen.failure
            && self
                .last_failure
                .as_ref()
                .is_none_or(|known| newer(known, failure))
        {
            self.last_failure = Some(failure.clone());
        }
        if let Some(clock) = &mut self.clock
            && clock.stopped.is_none()
        {
            let started = clock.started;
            let failed = || self.spots.values().filter(|s| s.has_failed_since(started));
            if failed().all(|spot| spot.state.is_restored()) {
                clock.stopped = failed().filter_map(|spot| spot.first_pass).max();
            }
        }
    }

    /// When the clock will have stopped, if the passes of every region that failed go on.
    pub(crate) fn passing(&self) -> Option<Timestamp> {
        let started = self.clock?.started;
        let failed = self.spots.values().filter(|s| s.has_failed_since(started));
        let passing: Option<Vec<Timestamp>> = failed.map(|spot| spot.passing).collect();
        passing?.into_iter().max()
    }

    /// The alarm that is due next, and when. A limit that passes which go on may turn out to have
    /// kept waits: it is told as soon as they end.
    fn next_alarm(&self, rto: Rto) -> Option<(RtoAlarm, Timestamp)> {
        let (alarm, at) = self.clock?.next(rto)?;
        let may_be_kept = self.passing().is_some_and(|passing| passing < at);
        (!may_be_kept).then_some((alarm, at))
    }

    /// What stands before most of its blocked regions.
    pub(crate) fn blocked_by(&self) -> Option<FeatureId> {
        let mut counts: BTreeMap<&FeatureId, usize> = BTreeMap::new();
        for by in self.spots.values().filter_map(|s| s.blocked_by.as_ref()) {
            *counts.entry(by).or_default() += 1;
        }
        let most = counts
            .into_iter()
            .max_by_key(|(by, count)| (*count, std::cmp::Reverse(*by)));
        most.map(|(by, _)| by.clone())
    }
}

impl Clock {
    /// The alarm that is due next, and when.
    fn next(self, rto: Rto) -> Option<(RtoAlarm, Timestamp)> {
        if self.stopped.is_some() {
            return None;
        }
        match self.told {
            None => Some((RtoAlarm::Warn, self.started + rto.warn)),
            Some(RtoAlarm::Warn) => Some((RtoAlarm::Breach, self.started + rto.breach)),
            Some(RtoAlarm::Breach) => None,
        }
    }
}

impl Spot {
    fn new(now: Timestamp) -> Self {
        Self {
            cell_state: None,
            state: RecoveryState::NoSight,
            since: now,
            blocked_by: None,
            onset: None,
            failed_in: None,
            first_pass: None,
            passing: None,
            passes: 0,
            relapses: 0,
            back: None,
            had_begun: false,
        }
    }

    fn has_failed_since(&self, at: Timestamp) -> bool {
        self.onset.is_some_and(|onset| onset >= at)
    }

    /// After an outage only this is waited for.
    fn may_be_verified(&self, seen: &Seen<'_>) -> bool {
        self.state == RecoveryState::Recovered
            && matches!(seen.state, CellState::Up | CellState::Suspect)
    }

    fn look(&mut self, seen: &Seen<'_>, now: Timestamp, settings: &Settings) {
        let went_down = seen.state == CellState::Down && self.cell_state != Some(CellState::Down);
        self.cell_state = Some(seen.state);
        self.passes = seen.passes;
        if went_down && std::mem::take(&mut self.had_begun) {
            self.relapses += 1;
        }
        let state = match seen.state {
            CellState::Down => {
                self.back = None;
                self.first_pass = None;
                if seen.mixed {
                    RecoveryState::Recovering
                } else {
                    RecoveryState::Down
                }
            }
            CellState::Recovering => {
                self.back = None;
                self.had_begun = true;
                self.first_pass = seen.first_pass;
                RecoveryState::Recovering
            }
            CellState::Up | CellState::Suspect => self.look_up(seen, now, settings),
            CellState::Unknown | CellState::Unmeasured => {
                self.back = None;
                if seen.blocked_by.is_some() {
                    RecoveryState::Blocked
                } else {
                    RecoveryState::NoSight
                }
            }
        };
        self.passing = match seen.state {
            CellState::Down | CellState::Recovering => seen.first_pass,
            CellState::Up | CellState::Suspect => self.first_pass,
            // Nobody sees them go on.
            CellState::Unknown | CellState::Unmeasured => None,
        };
        self.blocked_by = seen.blocked_by.cloned();
        if state != self.state {
            self.state = state;
            self.since = now;
        }
    }

    /// A cell that is up is back after the passes of a recovery, also if it was only blocked.
    fn look_up(&mut self, seen: &Seen<'_>, now: Timestamp, settings: &Settings) -> RecoveryState {
        let is_up = seen.state == CellState::Up;
        if self.back.is_none() {
            self.first_pass = seen.first_pass;
            if is_up && seen.passes >= settings.passes_to_up {
                self.back = Some(RecoveryState::Recovered);
                self.had_begun = true;
            }
        }
        let lasts = seen.first_pass.map(|first| now.since(first));
        if self.back.is_some()
            && is_up
            && seen.passes >= settings.passes_to_verified
            && lasts.is_some_and(|lasts| lasts >= settings.verification)
        {
            self.back = Some(RecoveryState::Verified);
        }
        self.back.unwrap_or(RecoveryState::Recovering)
    }
}
