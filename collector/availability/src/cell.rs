//! One feature seen from one region: evidence in, state out.

pub(crate) mod decide;
pub(crate) mod onset;
mod outage;
pub(crate) mod scores;
pub(crate) mod sight;

use std::collections::VecDeque;
use std::time::Duration;

use bongsu_model::{CellKey, CellState, FailClass, FeatureId, Overlay, RunId, Timestamp};

use crate::{Confidence, Settings};

use onset::Onset;
use outage::{Outage, Passes, Streak};
use scores::{AgentIx, Scores, Sign, Test};
use sight::{Held, Newest, Sight};

/// Entries into down that are remembered to tell flapping.
const DOWNS_MAX: usize = 16;

/// Good runs that are remembered to tell when a fault cannot have begun yet: a failure that hung
/// arrives behind good runs that began after it, at most a few of each agent.
const GOODS_MAX: usize = 16;

/// In which time a cell has to go down again and again to be called flapping.
const FLAPPING_WITHIN: Duration = Duration::from_secs(3600);

/// What a run says of the cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mark {
    Pass,
    /// Passed, but slowly or only at a later attempt.
    Weak,
    Slow,
    Fail(FailClass),
}

impl Mark {
    pub(crate) fn is_good(self) -> bool {
        !matches!(self, Self::Fail(_))
    }
}

/// How much a run says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Weight {
    /// A scheduled or burst run of the cell's own journey: scores, passes, recovery.
    Own,
    /// A manual run of it: scores only.
    Manual,
    /// A step of another feature's journey: scores only.
    Touch,
}

/// A live, valid run, as one cell sees it.
#[derive(Debug, Clone)]
pub(crate) struct Evidence {
    pub(crate) run: RunId,
    pub(crate) agent: AgentIx,
    pub(crate) started: Timestamp,
    pub(crate) ended: Timestamp,
    pub(crate) fresh_until: Timestamp,
    pub(crate) mark: Mark,
    pub(crate) weight: Weight,
}

/// The newest runs that people are pointed to.
#[derive(Debug, Clone, Default)]
pub(crate) struct Shown {
    pub(crate) run: Option<(RunId, AgentIx, Timestamp)>,
    pub(crate) success: Option<(RunId, AgentIx, Timestamp)>,
    pub(crate) failure: Option<(RunId, AgentIx, Timestamp, FailClass)>,
}

/// Slow and failed runs since the soft score was last zero.
#[derive(Debug, Clone, Default)]
struct Soft {
    scores: Scores,
    slow: u32,
    fail: u32,
    clean: Passes,
    alarmed: bool,
}

/// The decision about one cell.
#[derive(Debug, Clone)]
pub(crate) struct Cell {
    pub(crate) key: CellKey,
    pub(crate) state: CellState,
    pub(crate) since: Option<Timestamp>,
    pub(crate) blocked_by: Option<FeatureId>,
    pub(crate) sight: Sight,
    pub(crate) shown: Shown,
    /// T of the feature's own journeys, the shortest; None if no plan covers the cell.
    pub(crate) period: Option<Duration>,
    hard: Scores,
    soft: Soft,
    streak: Option<Streak>,
    outage: Option<Outage>,
    passes: Passes,
    /// Starts of the newest good runs, in the order of arrival.
    goods: VecDeque<Timestamp>,
    downs: VecDeque<Timestamp>,
}

impl Cell {
    pub(crate) fn new(key: CellKey) -> Self {
        Self {
            key,
            state: CellState::Unmeasured,
            since: None,
            blocked_by: None,
            sight: Sight::default(),
            shown: Shown::default(),
            period: None,
            hard: Scores::default(),
            soft: Soft::default(),
            streak: None,
            outage: None,
            passes: Passes::default(),
            goods: VecDeque::new(),
            downs: VecDeque::new(),
        }
    }

    /// Points people to a run, whether it is evidence or not.
    pub(crate) fn show(
        &mut self,
        run: RunId,
        agent: AgentIx,
        started: Timestamp,
        mark: Option<Mark>,
    ) {
        let newer = |known: Option<Timestamp>| known.is_none_or(|known| known <= started);
        if newer(self.shown.run.map(|(_, _, at)| at)) {
            self.shown.run = Some((run, agent, started));
        }
        match mark {
            Some(Mark::Fail(class)) if newer(self.shown.failure.map(|(_, _, at, _)| at)) => {
                self.shown.failure = Some((run, agent, started, class));
            }
            Some(Mark::Pass | Mark::Weak | Mark::Slow)
                if newer(self.shown.success.map(|(_, _, at)| at)) =>
            {
                self.shown.success = Some((run, agent, started));
            }
            Some(_) | None => {}
        }
    }

    /// Notes the newest live run of a user, valid or not.
    pub(crate) fn note(&mut self, agent: AgentIx, newest: Newest) {
        self.sight.note(agent, newest);
    }

    /// Weighs one run. A quarantined agent's is only kept.
    pub(crate) fn weigh(&mut self, evidence: &Evidence, settings: &Settings) {
        let voter = self.sight.voters.entry(evidence.agent).or_default();
        voter.keep(evidence);
        if voter.held.is_some() {
            voter.judge(evidence);
            return;
        }
        if self.outage.is_none() && evidence.weight != Weight::Touch {
            voter.quiet_runs += 1;
        }
        self.weigh_hard(evidence, settings);
        self.weigh_soft(evidence, settings);
        if evidence.weight == Weight::Own {
            let trailing = trailing_max(settings);
            if evidence.mark.is_good() {
                self.passes.pass(evidence, trailing);
            } else {
                self.passes.fail(evidence, trailing);
            }
        }
    }

    fn weigh_hard(&mut self, evidence: &Evidence, settings: &Settings) {
        let test = Test::hard(settings);
        if evidence.mark.is_good() {
            self.hard.feed(test, evidence.agent, Sign::Good);
            if let Some(streak) = &mut self.streak {
                streak.pass(evidence);
            }
            if self.goods.len() >= GOODS_MAX {
                self.goods.pop_front();
            }
            self.goods.push_back(evidence.started);
        } else {
            self.hard.feed(test, evidence.agent, Sign::Bad);
            let before = outage::last_before(evidence.started, &self.goods);
            self.streak
                .get_or_insert_with(|| Streak::begin(evidence, before))
                .fail(evidence);
        }
        if self.outage.is_some() {
            // In an outage an agent only begins to fail alone once no other fails any more.
            if let Some(streak) = &mut self.streak {
                streak
                    .agents
                    .retain(|agent, _| self.hard.without(*agent) == 0.0);
            }
        } else if self.hard.pooled() == 0.0 {
            self.end_streak();
        }
    }

    fn weigh_soft(&mut self, evidence: &Evidence, settings: &Settings) {
        let soft = &mut self.soft;
        let trailing = trailing_max(settings);
        let sign = match evidence.mark {
            Mark::Pass => Sign::Good,
            Mark::Weak | Mark::Slow | Mark::Fail(_) => Sign::Bad,
        };
        soft.scores.feed(Test::soft(settings), evidence.agent, sign);
        match evidence.mark {
            Mark::Pass => soft.clean.pass(evidence, trailing),
            Mark::Weak | Mark::Slow => {
                soft.slow += 1;
                soft.clean.fail(evidence, trailing);
            }
            Mark::Fail(_) => {
                soft.fail += 1;
                soft.clean.fail(evidence, trailing);
            }
        }
        if soft.scores.pooled() == 0.0 {
            self.soft = Soft::default();
        }
    }

    /// The failures did not become an outage: they were noise of their agents.
    fn end_streak(&mut self) {
        let Some(streak) = self.streak.take() else {
            return;
        };
        for (agent, failing) in streak.agents {
            if let Some(voter) = self.sight.voters.get_mut(&agent) {
                voter.uncorroborated += failing.own;
            }
        }
        self.forget_recent();
    }

    /// No failure of those that count matters any more.
    fn forget_recent(&mut self) {
        let voters = self.sight.voters.values_mut();
        for voter in voters.filter(|voter| voter.held.is_none()) {
            voter.recent.clear();
        }
    }

    /// The agent fails alone since `since`: it neither counts nor votes from now on. Its runs are
    /// kept, in case it was right.
    pub(crate) fn hold(&mut self, agent: AgentIx, since: Timestamp) {
        let voter = self.sight.voters.entry(agent).or_default();
        voter.held = Some(Held { passes: 0 });
        voter.recent.retain(|evidence| evidence.started >= since);
        // The score without it is zero, so what is left of the score is its own doing.
        self.hard.reset();
        self.forget_soft(agent);
        match self.outage {
            Some(_) => {
                if let Some(streak) = &mut self.streak {
                    streak.agents.clear();
                }
            }
            None => self.end_streak(),
        }
    }

    /// The agent counts again: its fresh runs are weighed now. Returns the start of the first.
    pub(crate) fn release(
        &mut self,
        agent: AgentIx,
        now: Timestamp,
        settings: &Settings,
    ) -> Option<Timestamp> {
        let voter = self.sight.voters.get_mut(&agent)?;
        voter.held.take()?;
        let mut fresh: Vec<Evidence> = std::mem::take(&mut voter.recent).into();
        fresh.retain(|evidence| evidence.fresh_until > now);
        for evidence in &fresh {
            self.weigh(evidence, settings);
        }
        fresh.iter().map(|evidence| evidence.started).min()
    }

    /// The agent has nothing to do with the cell any more: what it said neither raises a
    /// suspicion nor keeps one up.
    pub(crate) fn leave(&mut self, agent: AgentIx) {
        self.hard.forget(agent);
        self.forget_soft(agent);
        self.passes.agents.remove(&agent);
        if let Some(voter) = self.sight.voters.get_mut(&agent) {
            voter.recent.clear();
        }
        if let Some(streak) = &mut self.streak {
            if self.outage.is_none()
                && let Some(failing) = streak.agents.remove(&agent)
                && let Some(voter) = self.sight.voters.get_mut(&agent)
            {
                voter.uncorroborated += failing.own;
            }
            streak.forget(agent);
            // How much of what the others say is theirs and how much was its doing is not known.
            for failing in streak.agents.keys() {
                self.hard.doubt(*failing);
            }
        }
        if self.outage.is_none() && self.hard.pooled() == 0.0 {
            self.hard.reset();
            self.end_streak();
        }
    }

    fn forget_soft(&mut self, agent: AgentIx) {
        self.soft.scores.forget(agent);
        self.soft.clean.agents.remove(&agent);
        if self.soft.scores.pooled() == 0.0 {
            self.soft = Soft::default();
        }
    }

    /// The agent that fails alone, with its first failure: the pooled score says down, the score
    /// without it says nothing at all, and somebody else looks.
    pub(crate) fn fails_alone(&self, now: Timestamp, h: f64) -> Option<(AgentIx, Timestamp)> {
        if self.hard.pooled() < h {
            return None;
        }
        let failing = &self.streak.as_ref()?.agents;
        let alone = failing.iter().find(|(agent, _)| {
            self.hard.without(**agent) == 0.0
                && !self.sight.is_held(**agent)
                && self.sight.another_sees(**agent, now)
        });
        alone.map(|(agent, failing)| (*agent, failing.since))
    }

    /// Whether a pass would change nothing but when the cell was last seen.
    pub(crate) fn is_quiet(&self) -> bool {
        self.state == CellState::Up
            && self.hard.is_zero()
            && self.streak.is_none()
            && self.sight.held().is_empty()
    }

    /// What is said beside the state, without the maintenance that only the engine knows.
    pub(crate) fn overlays(&self, now: Timestamp, settings: &Settings) -> Vec<Overlay> {
        let mut overlays = Vec::new();
        let partial = self.streak.as_ref().is_some_and(Streak::is_partial);
        match self.state {
            CellState::Down | CellState::Recovering if partial => overlays.push(Overlay::Partial),
            CellState::Up | CellState::Suspect if self.soft.alarmed => {
                overlays.push(if self.soft.slow >= self.soft.fail {
                    Overlay::Slow
                } else {
                    Overlay::Partial
                });
            }
            CellState::Unmeasured
            | CellState::Unknown
            | CellState::Up
            | CellState::Suspect
            | CellState::Down
            | CellState::Recovering => {}
        }
        let again = self
            .downs
            .iter()
            .filter(|at| now.since(**at) < FLAPPING_WITHIN);
        if again.count() >= settings.flapping as usize {
            overlays.push(Overlay::Flapping);
        }
        overlays
    }

    /// Whether it works, but slowly or not always.
    pub(crate) fn is_degraded(&self) -> bool {
        self.soft.alarmed
    }

    /// The start of the first failed run, while suspect or in an outage.
    pub(crate) fn onset(&self) -> Option<Timestamp> {
        self.failing_since().map(|onset| onset.first)
    }

    /// When it began to fail, while suspect or in an outage.
    fn failing_since(&self) -> Option<Onset> {
        match (&self.outage, self.state) {
            (Some(outage), _) => Some(outage.onset),
            (None, CellState::Suspect) => self.streak.as_ref().map(|streak| streak.onset),
            (None, _) => None,
        }
    }

    pub(crate) fn confidence(&self) -> Confidence {
        let outage = self.outage.as_ref();
        outage.map_or(Confidence::Full, |outage| outage.confidence)
    }

    pub(crate) fn passes_in_a_row(&self) -> u32 {
        self.passes.in_a_row
    }

    /// Start of the first of them.
    pub(crate) fn passing_since(&self) -> Option<Timestamp> {
        self.passes.first
    }

    /// Whether several of the newest own runs since it went down passed.
    pub(crate) fn passes_are_mixed_in(&self) -> bool {
        self.passes.trailing_passes() >= outage::MIXED_MIN as usize
    }

    /// The deciding score as a share of h.
    pub(crate) fn score(&self, h: f64) -> f64 {
        self.deciding_score() / h
    }

    /// With one agent nobody can be left out; that is said by its confidence. It is left out all
    /// the same as soon as another fails too, which then has only touched the cell.
    fn deciding_score(&self) -> f64 {
        let failing = self.streak.as_ref().map_or(0, |streak| streak.agents.len());
        if self.sight.agents() < 2 && failing < 2 {
            self.hard.pooled()
        } else {
            self.hard.least()
        }
    }
}

fn trailing_max(settings: &Settings) -> usize {
    settings.passes_to_up as usize
}
