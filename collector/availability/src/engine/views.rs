//! What the engine shows: boards, agents, fleet, incidents, history. Nothing here changes it.

use std::time::Duration;

use bongsu_model::{AgentId, CellKey, FeatureId, FeatureState, Overlay, TargetName, Timestamp};

use crate::availability::{HOUR, Met, WINDOWS, combine, windows};
use crate::cell::scores::AgentIx;
use crate::span::Span;
use crate::{
    AgentView, Board, CellView, Failure, FeatureView, FleetView, HistoryBucket, IncidentView,
    Ledger, Presence, RunRef, Windows,
};

use super::Engine;
use super::agents::Agent;

/// Buckets of one answer: a day of minutes.
const BUCKETS_MAX: usize = 1_440;

impl Engine {
    /// The environments that any plan names.
    pub fn targets(&self) -> Vec<TargetName> {
        self.targets.iter().cloned().collect()
    }

    /// All features of `target` as of `now`: those of the catalogue in its order, then others
    /// that plans or runs speak of.
    pub fn board(&self, target: &TargetName, now: Timestamp) -> Board {
        let listed = self.catalogue.features().iter().map(|feature| &feature.id);
        let others = self
            .features
            .keys()
            .filter(|(of, feature)| of == target && self.catalogue.feature(feature).is_none())
            .map(|(_, feature)| feature);
        let features = listed.chain(others);
        Board {
            target: target.clone(),
            as_of: now,
            features: features
                .map(|feature| self.feature(target, feature, now))
                .collect(),
        }
    }

    /// One feature of `target` as of `now`.
    pub fn feature(&self, target: &TargetName, id: &FeatureId, now: Timestamp) -> FeatureView {
        let Some(feature) = self.features.get(target, id) else {
            return unmeasured(id);
        };
        let cells = self.cells_of(target, id);
        let met: Vec<[Met; 3]> = cells.iter().map(|cell| self.met(*cell, now)).collect();
        let over_regions = |window: usize| {
            let met = cells.iter().zip(&met);
            let met: Vec<_> = met
                .map(|(cell, met)| (self.weight(*cell), met[window]))
                .collect();
            combine(&met)
        };
        let view = |(cell, met): (&usize, &[Met; 3])| self.cell(*cell, met, now);
        let regions: Vec<CellView> = cells.iter().zip(&met).map(view).collect();
        let failures = regions
            .iter()
            .filter_map(|region| region.last_failure.clone());
        let mut overlays: Vec<Overlay> = Vec::new();
        for overlay in regions.iter().flat_map(|region| &region.overlays) {
            if !overlays.contains(overlay) {
                overlays.push(*overlay);
            }
        }
        overlays.sort();
        FeatureView {
            feature: id.clone(),
            state: feature.state,
            since: feature.since,
            blocked_by: feature.blocked_by.clone(),
            overlays,
            availability: windows(over_regions),
            last_failure: failures.max_by_key(|failure| failure.at),
            regions,
            incident: self.incidents.covering(target, id),
        }
    }

    /// The cells of a feature, in the roster's order of their regions.
    pub(super) fn cells_of(&self, target: &TargetName, id: &FeatureId) -> Vec<usize> {
        let feature = self.features.get(target, id);
        let mut cells = feature.map_or_else(Vec::new, |feature| feature.cells.clone());
        cells.sort_by_key(|cell| {
            let region = &self.cells.cells[*cell].key.region;
            (self.region_order(region), region)
        });
        cells
    }

    /// The listed agents as of `now`, by id.
    pub fn agents(&self, now: Timestamp) -> Vec<AgentView> {
        let listed = self.agents.listed();
        listed
            .map(|(ix, agent)| self.agent(ix, agent, now))
            .collect()
    }

    /// The fleet as of the newest event.
    pub fn fleet(&self, now: Timestamp) -> FleetView {
        let views = self.agents(now);
        let is_present = |view: &&AgentView| view.presence == Presence::Present;
        FleetView {
            state: self.fleet,
            agents: u32_of(views.len()),
            present: u32_of(views.iter().filter(is_present).count()),
            blind: self.blind_agents(),
            outliers: views
                .iter()
                .filter(|v| v.outlier)
                .map(|v| v.agent.clone())
                .collect(),
        }
    }

    /// The incidents of `target`, newest first.
    pub fn incidents(&self, target: &TargetName) -> Vec<IncidentView> {
        self.incidents.views(target)
    }

    /// What became of a cell's slots and time, as is known at `now`. It is a function of the set
    /// of events, whatever their order, but for `revised`. At most 1,440 buckets, the newest;
    /// nothing for a zero step.
    pub fn history(&self, cell: &CellKey, span: HistorySpan, now: Timestamp) -> Vec<HistoryBucket> {
        let cells: Vec<usize> = self.cells.find(cell).into_iter().collect();
        self.buckets(&cells, span, now)
    }

    /// The same of a feature over its regions, by their weights.
    pub fn feature_history(
        &self,
        target: &TargetName,
        feature: &FeatureId,
        span: HistorySpan,
        now: Timestamp,
    ) -> Vec<HistoryBucket> {
        let feature = self.features.get(target, feature);
        self.buckets(feature.map_or(&[], |feature| &feature.cells), span, now)
    }

    fn buckets(&self, cells: &[usize], span: HistorySpan, now: Timestamp) -> Vec<HistoryBucket> {
        let mut buckets = Vec::new();
        let mut until = span.until;
        let is_empty = cells.is_empty() || span.step.is_zero();
        while until > span.from && !is_empty && buckets.len() < BUCKETS_MAX {
            let window = Span::new(span.from.max(until - span.step), until);
            buckets.push(self.bucket(cells, window, now));
            until = window.from;
        }
        buckets.reverse();
        buckets
    }

    pub(super) fn bucket(&self, cells: &[usize], window: Span, now: Timestamp) -> HistoryBucket {
        let met = |cell: &usize| (self.weight(*cell), Met::of(&self.cells, *cell, window, now));
        let met: Vec<(f64, Met)> = cells.iter().map(met).collect();
        let mut samples = Ledger::default();
        for (_, met) in &met {
            samples += met.ledger;
        }
        let mut users = cells.iter().flat_map(|cell| &self.cells.users_of[*cell]);
        HistoryBucket {
            from: window.from,
            until: window.until,
            samples,
            availability: combine(&met),
            revised: users.any(|user| self.cells.users[*user].history.is_revised(window)),
        }
    }

    fn cell(&self, ix: usize, met: &[Met; 3], now: Timestamp) -> CellView {
        let cell = &self.cells.cells[ix];
        let mut overlays = cell.overlays(now, &self.settings);
        if self.maintenance.is_shown(&cell.key, now) {
            overlays.insert(0, Overlay::Maintenance);
        }
        let run_ref = |(run, agent, at)| RunRef {
            run,
            agent: self.agents.id(agent),
            at,
        };
        let failure = cell.shown.failure.map(|(run, agent, at, class)| Failure {
            run,
            agent: self.agents.id(agent),
            region: cell.key.region.clone(),
            at,
            class,
        });
        CellView {
            region: cell.key.region.clone(),
            state: cell.state,
            since: cell.since,
            onset: cell.onset(),
            overlays,
            blocked_by: cell.blocked_by.clone(),
            confidence: cell.confidence(),
            agents: u32_of(cell.sight.agents()),
            seeing: u32_of(cell.sight.seeing(now)),
            quarantined: self.ids(&cell.sight.held()),
            passes: cell.passes_in_a_row(),
            samples: met[1].ledger,
            last_run: cell.shown.run.map(run_ref),
            last_success: cell.shown.success.map(run_ref),
            last_failure: failure,
            availability: windows(|window| met[window].availability()),
            score: cell.score(self.settings.h),
        }
    }

    /// What the users of a cell met in each of the windows that are shown.
    fn met(&self, cell: usize, now: Timestamp) -> [Met; 3] {
        WINDOWS.map(|window| Met::of(&self.cells, cell, Span::new(now - window, now), now))
    }

    fn weight(&self, cell: usize) -> f64 {
        self.known().weight(&self.cells.cells[cell].key.region)
    }

    fn agent(&self, ix: AgentIx, agent: &Agent, now: Timestamp) -> AgentView {
        let cells = self.cells.cells.iter();
        let covered = cells.clone().filter(|cell| cell.sight.covers(ix)).count();
        let held = cells.filter(|cell| cell.sight.is_held(ix));
        let quarantined: Vec<CellKey> = held.map(|cell| cell.key.clone()).collect();
        let voters = self
            .cells
            .cells
            .iter()
            .filter_map(|cell| cell.sight.voters.get(&ix));
        let (quiet_runs, uncorroborated) = voters.fold((0, 0), |(runs, failures), voter| {
            (runs + voter.quiet_runs, failures + voter.uncorroborated)
        });
        let mut samples = Ledger::default();
        for user in self.cells.users.iter().filter(|user| user.agent == ix) {
            samples += user.history.sums(Span::new(now - HOUR, now), now).ledger;
        }
        AgentView {
            agent: agent.vantage.agent.clone(),
            region: agent.vantage.region.clone(),
            presence: agent.pulse.presence,
            last_heartbeat: agent.pulse.received,
            heartbeat: agent.pulse.heartbeat.clone(),
            plan_unknown: works_on_unknown(agent),
            last_run: agent.last_run,
            blind: agent.eyes.is_blind(now),
            cells: u32_of(covered),
            outlier: !quarantined.is_empty() && 2 * quarantined.len() >= covered,
            quarantined,
            samples,
            quiet_runs,
            uncorroborated,
        }
    }

    fn ids(&self, agents: &[AgentIx]) -> Vec<AgentId> {
        agents.iter().map(|agent| self.agents.id(*agent)).collect()
    }
}

/// Whether the agent's newest heartbeat names a plan that is not on record.
fn works_on_unknown(agent: &Agent) -> bool {
    let heartbeat = agent.pulse.heartbeat.as_ref();
    let named = heartbeat.and_then(|heartbeat| heartbeat.plan_revision.as_ref());
    named.is_some_and(|revision| !agent.plans.knows_revision(revision))
}

/// Which history is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HistorySpan {
    /// Its first instant.
    pub from: Timestamp,
    /// The first instant after it.
    pub until: Timestamp,
    /// The length of a bucket.
    pub step: Duration,
}

fn unmeasured(id: &FeatureId) -> FeatureView {
    FeatureView {
        feature: id.clone(),
        state: FeatureState::Unmeasured,
        since: None,
        blocked_by: None,
        overlays: Vec::new(),
        availability: Windows::default(),
        regions: Vec::new(),
        last_failure: None,
        incident: None,
    }
}

fn u32_of(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}
