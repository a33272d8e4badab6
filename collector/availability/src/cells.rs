//! The first machine: every cell with the users that measure it. Runs and plans in, changes out.

mod heard;
mod standing;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use bongsu_model::{
    CellKey, FeatureId, JourneyName, PlanEntry, RegionId, RunFacts, RunId, TargetName, Timestamp,
    Trigger, Variant,
};

use crate::cell::decide::CellChange;
use crate::cell::scores::AgentIx;
use crate::cell::{Cell, Evidence, Weight};
use crate::counters::Counters;
use crate::fleet::quarantine;
use crate::history::{Arrival, History, KEPT, Recorded};
use crate::span::Span;
use crate::{QuarantineStep, Release, Settings};

pub(crate) use heard::{Heard, Own, mark, seen};
use standing::Standing;

/// Ids of burst and manual runs remembered of one user, so that none counts twice: three minutes
/// of bursts five seconds apart, while none is live for longer than 2T + D + L.
const UNSLOTTED_MAX: usize = 64;

/// Users of one fleet: a thousand agents with a hundred journeys each.
const USERS_MAX: usize = 100_000;

/// Users of one agent: a hundred journeys, cold and warm, in five versions that changed their
/// feature. Without it one agent could leave no room for the others.
pub(crate) const USERS_OF_AGENT_MAX: usize = 1_000;

/// Users of one agent that are known from runs only: a plan always finds room beside them.
const UNPLANNED_MAX: usize = 200;

/// Cells of one fleet: a thousand features in twenty regions of five targets.
const CELLS_MAX: usize = 100_000;

/// A synthetic user.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct UserKey {
    agent: AgentIx,
    target: TargetName,
    journey: JourneyName,
    variant: Variant,
    /// The journey's own feature: a journey that changes it is another user.
    feature: FeatureId,
}

#[derive(Debug)]
pub(crate) struct User {
    pub(crate) agent: AgentIx,
    pub(crate) journey: JourneyName,
    pub(crate) variant: Variant,
    pub(crate) cell: usize,
    pub(crate) history: History,
    unslotted: VecDeque<RunId>,
}

/// What became of a run.
#[derive(Debug)]
pub(crate) enum Taken {
    /// It is evidence.
    Live(Live),
    /// It is history only, or nothing at all.
    Settled,
    /// No plan covers it yet.
    Waiting,
}

/// What a live run may have changed.
#[derive(Debug)]
pub(crate) struct Live {
    pub(crate) user: usize,
    pub(crate) fresh_until: Timestamp,
    pub(crate) arrival: Arrival,
    pub(crate) cells: Vec<usize>,
}

/// Who ran, from where.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Speaker<'a> {
    pub(crate) agent: AgentIx,
    pub(crate) region: &'a RegionId,
}

#[derive(Debug)]
pub(crate) struct Cells {
    settings: Settings,
    pub(crate) cells: Vec<Cell>,
    /// The users whose own feature each cell is.
    pub(crate) users_of: Vec<Vec<usize>>,
    by_key: BTreeMap<CellKey, usize>,
    pub(crate) users: Vec<User>,
    by_user: BTreeMap<UserKey, usize>,
    /// How many users each agent has.
    users_by_agent: BTreeMap<AgentIx, usize>,
    /// When the newest touch of a cell began that was weighed of an agent.
    touched: BTreeMap<(AgentIx, usize), Timestamp>,
    pub(crate) standing: Vec<Standing>,
    /// Cells whose agents were quarantined elsewhere, or are no longer.
    pub(crate) unsettled: BTreeSet<usize>,
}

impl Cells {
    pub(crate) fn new(settings: Settings) -> Self {
        Self {
            settings,
            cells: Vec::new(),
            users_of: Vec::new(),
            by_key: BTreeMap::new(),
            users: Vec::new(),
            by_user: BTreeMap::new(),
            users_by_agent: BTreeMap::new(),
            touched: BTreeMap::new(),
            standing: Vec::new(),
            unsettled: BTreeSet::new(),
        }
    }

    pub(crate) fn find(&self, key: &CellKey) -> Option<usize> {
        self.by_key.get(key).copied()
    }

    /// T of the journey that is run most often.
    pub(crate) fn shortest_period(&self) -> Option<Duration> {
        self.cells.iter().filter_map(|cell| cell.period).min()
    }

    /// Takes a run in: into the history of its slot, and as evidence if it is live.
    pub(crate) fn take(
        &mut self,
        speaker: Speaker<'_>,
        heard: Heard<'_>,
        now: Timestamp,
        counters: &mut Counters,
    ) -> Taken {
        let run = heard.run;
        if run.trigger == Trigger::Ci {
            counters.ci += 1;
            return Taken::Settled;
        }
        let Some(user) = self.user(speaker, run) else {
            counters.dropped += 1;
            return Taken::Settled;
        };
        match self.record(user, run, now) {
            Recorded::Known => counters.duplicates += 1,
            Recorded::Dropped => counters.dropped += 1,
            Recorded::Stray => return Taken::Waiting,
            Recorded::Kept(arrival) => {
                if arrival == Arrival::Late {
                    counters.revised += 1;
                }
                return self.derive_of(user, speaker, heard, (now, counters));
            }
        }
        Taken::Settled
    }

    /// Weighs a run whose slot is recorded, if a plan covers it and it is live.
    pub(crate) fn derive(
        &mut self,
        speaker: Speaker<'_>,
        heard: Heard<'_>,
        now: Timestamp,
        counters: &mut Counters,
    ) -> Taken {
        let Some(user) = self.user(speaker, heard.run) else {
            return Taken::Settled;
        };
        self.derive_of(user, speaker, heard, (now, counters))
    }

    fn derive_of(
        &mut self,
        user: usize,
        speaker: Speaker<'_>,
        heard: Heard<'_>,
        (now, counters): (Timestamp, &mut Counters),
    ) -> Taken {
        let run = heard.run;
        let Some(timing) = self.users[user].history.timing(run.due) else {
            return Taken::Waiting;
        };
        let history = &self.users[user].history;
        if run.trigger.slot().is_some() && !history.has_slot(run.due) {
            return Taken::Waiting;
        }
        self.show(speaker, heard);
        let fresh_until = heard.fresh_until(timing);
        if fresh_until < now {
            counters.late += 1;
            return Taken::Settled;
        }
        let User { agent, cell, .. } = self.users[user];
        let mut changed = vec![cell];
        if !self.weigh_own(cell, heard.own(user, agent, fresh_until), now) {
            counters.late += 1;
        }
        for other in run.outcomes.others() {
            let Some(mark) = mark(&other.outcome, run.flaky) else {
                continue;
            };
            let cell = self.cell(&run.target, &other.feature, speaker.region);
            let cell = cell.filter(|cell| self.may_touch(speaker.agent, *cell, heard.started()));
            if let Some(cell) = cell {
                let evidence = Evidence {
                    run: run.id,
                    agent: speaker.agent,
                    started: heard.started(),
                    ended: heard.ended(),
                    fresh_until,
                    mark,
                    weight: Weight::Touch,
                };
                if self.is_news(cell, &evidence, run.ended) {
                    self.weigh(cell, &evidence, now);
                    changed.push(cell);
                }
            }
        }
        Taken::Live(Live {
            user,
            fresh_until,
            arrival: heard.arrival(timing),
            cells: changed,
        })
    }

    /// Takes an agent's plans in. Returns the cells that may change.
    pub(crate) fn replan(
        &mut self,
        speaker: Speaker<'_>,
        spans: Vec<(Span, PlanEntry)>,
        now: Timestamp,
        counters: &mut Counters,
    ) -> Vec<usize> {
        let mut by_user: BTreeMap<usize, Vec<(Span, PlanEntry)>> = BTreeMap::new();
        let mut touches = BTreeSet::new();
        for (span, entry) in spans {
            for touched in &entry.touches {
                let cell = self.cell(&entry.target, touched, speaker.region);
                touches.extend(cell.filter(|_| span.contains(now)));
            }
            let key = UserKey {
                agent: speaker.agent,
                target: entry.target.clone(),
                journey: entry.journey.clone(),
                variant: entry.variant.clone(),
                feature: entry.feature.clone(),
            };
            match self.user_of(key, speaker.region, USERS_OF_AGENT_MAX) {
                Some(user) => by_user.entry(user).or_default().push((span, entry)),
                None => counters.refused += 1,
            }
        }
        let users = 0..self.users.len();
        let mut cells = BTreeSet::new();
        for user in users
            .filter(|u| self.users[*u].agent == speaker.agent)
            .collect::<Vec<_>>()
        {
            let mut spans = by_user.remove(&user).unwrap_or_default();
            spans.sort_by_key(|(span, _)| span.from);
            let lateness = self.settings.lateness;
            self.users[user].history.replan(&spans, lateness, now);
            cells.insert(self.users[user].cell);
        }
        for (cell, facts) in self.cells.iter().enumerate() {
            if facts.sight.voters.contains_key(&speaker.agent) {
                cells.insert(cell);
            }
        }
        for cell in &cells {
            self.cover(speaker.agent, *cell, now);
            let is_covered = self.cells[*cell].sight.covers(speaker.agent);
            if !is_covered && !touches.contains(cell) {
                self.leave(speaker.agent, *cell, now);
            }
        }
        cells.into_iter().collect()
    }

    /// The changes that what is known of a cell at `now` calls for.
    pub(crate) fn settle(&mut self, cell: usize, now: Timestamp) -> Vec<CellChange> {
        self.cells[cell].settle(now, &self.settings)
    }

    fn record(&mut self, user: usize, run: &RunFacts, now: Timestamp) -> Recorded {
        let user = &mut self.users[user];
        if run.trigger.slot().is_some() {
            return user.history.record(run, now);
        }
        if run.due < now - KEPT {
            return Recorded::Dropped;
        }
        if user.unslotted.contains(&run.id) {
            return Recorded::Known;
        }
        if user.unslotted.len() >= UNSLOTTED_MAX {
            user.unslotted.pop_front();
        }
        user.unslotted.push_back(run.id);
        Recorded::Kept(Arrival::InTime)
    }

    fn show(&mut self, speaker: Speaker<'_>, heard: Heard<'_>) {
        let run = heard.run;
        for (outcome, _) in run.outcomes.iter() {
            let mark = mark(&outcome.outcome, run.flaky);
            if let Some(cell) = self.cell(&run.target, &outcome.feature, speaker.region) {
                self.cells[cell].show(run.id, speaker.agent, heard.started(), mark);
            }
        }
    }

    /// Weighs what a run says of its own feature. False if it was over before one that was weighed.
    pub(crate) fn weigh_own(&mut self, cell: usize, own: Own, now: Timestamp) -> bool {
        self.cells[cell].note(own.agent, own.newest);
        let Some(evidence) = own.evidence else {
            return true;
        };
        let is_news = self.is_news(cell, &evidence, own.ended);
        if is_news {
            self.weigh(cell, &evidence, now);
        }
        is_news
    }

    fn is_news(&mut self, cell: usize, evidence: &Evidence, ended: Timestamp) -> bool {
        let voters = &mut self.cells[cell].sight.voters;
        let voter = voters.entry(evidence.agent).or_default();
        voter.is_news(evidence, ended)
    }

    fn weigh(&mut self, cell: usize, evidence: &Evidence, now: Timestamp) {
        let agent = evidence.agent;
        let held = self.cells[cell].sight.held();
        if !evidence.mark.is_good() && !held.contains(&agent) {
            for other in held {
                self.release(other, cell, Release::Corroborated, now);
            }
        }
        self.cells[cell].weigh(evidence, &self.settings);
        if quarantine::is_absolved(&self.cells[cell], agent, &self.settings) {
            self.release(agent, cell, Release::Passes, now);
        }
        if let Some((outlier, since)) = quarantine::outlier(&self.cells[cell], now, &self.settings)
        {
            let hold = Standing {
                agent: outlier,
                cell,
                step: QuarantineStep::Held { since },
                run: Some(evidence.run),
            };
            self.hold(hold, since, now);
        }
    }

    /// Whether a touch counts: the first of an agent in each period T of the feature's own
    /// journey. A feature without one keeps the evidence and stays unmeasured.
    fn may_touch(&mut self, agent: AgentIx, cell: usize, started: Timestamp) -> bool {
        let Some(period) = self.cells[cell].period else {
            return false;
        };
        let period_ns = u64::try_from(period.as_nanos()).unwrap_or(u64::MAX);
        let bucket = |at: Timestamp| at.as_unix_nanos() / period_ns;
        let newest = self.touched.get(&(agent, cell));
        if newest.is_some_and(|newest| bucket(*newest) >= bucket(started)) {
            return false;
        }
        self.touched.insert((agent, cell), started);
        true
    }

    fn cover(&mut self, agent: AgentIx, cell: usize, now: Timestamp) {
        let mut covering = self.users_in(agent, cell);
        covering.retain(|user| self.users[*user].history.timing(now).is_some());
        self.cells[cell].sight.cover(agent, &covering);
        let users = self.users_of[cell].iter();
        let timings = users.filter_map(|user| self.users[*user].history.timing(now));
        self.cells[cell].period = timings.map(|timing| timing.period).min();
    }

    fn users_in(&self, agent: AgentIx, cell: usize) -> Vec<usize> {
        let users = self.users_of[cell].iter().copied();
        users
            .filter(|user| self.users[*user].agent == agent)
            .collect()
    }

    fn user(&mut self, speaker: Speaker<'_>, run: &RunFacts) -> Option<usize> {
        let key = UserKey {
            agent: speaker.agent,
            target: run.target.clone(),
            journey: run.journey.clone(),
            variant: run.variant.clone(),
            feature: run.outcomes.own().feature.clone(),
        };
        self.user_of(key, speaker.region, UNPLANNED_MAX)
    }

    /// The user, made if its agent has fewer than `most` and there is room.
    fn user_of(&mut self, key: UserKey, region: &RegionId, most: usize) -> Option<usize> {
        if let Some(user) = self.by_user.get(&key) {
            return Some(*user);
        }
        let of_agent = self.users_by_agent.get(&key.agent).copied().unwrap_or(0);
        if of_agent >= most || self.users.len() >= USERS_MAX {
            return None;
        }
        let cell = self.cell(&key.target, &key.feature, region)?;
        self.users_by_agent.insert(key.agent, of_agent + 1);
        let user = self.users.len();
        self.users.push(User {
            agent: key.agent,
            journey: key.journey.clone(),
            variant: key.variant.clone(),
            cell,
            history: History::default(),
            unslotted: VecDeque::new(),
        });
        self.users_of[cell].push(user);
        self.by_user.insert(key, user);
        Some(user)
    }

    /// The cell, made if there is room.
    pub(crate) fn cell(
        &mut self,
        target: &TargetName,
        feature: &FeatureId,
        region: &RegionId,
    ) -> Option<usize> {
        let key = CellKey {
            target: target.clone(),
            feature: feature.clone(),
            region: region.clone(),
        };
        if let Some(cell) = self.by_key.get(&key) {
            return Some(*cell);
        }
        if self.cells.len() >= CELLS_MAX {
            return None;
        }
        let cell = self.cells.len();
        self.cells.push(Cell::new(key.clone()));
        self.users_of.push(Vec::new());
        self.by_key.insert(key, cell);
        Some(cell)
    }
}
