//! A fleet whose runs are written down one by one.

use std::time::Duration;

use bongsu_availability::{CellView, Change, Engine, Event, QuarantineStep, Settings, Transition};
use bongsu_model::{
    Cadence, CellState, FailClass, FeatureOutcome, Outcome, Outcomes, PlanEntry, PlanRecord,
    Revision, RunFacts, Timestamp, Trigger, Variant,
};

use crate::fleet::{
    DEADLINE, Journey, LOGIN, Layout, TEXT, Told, agent_id, catalogue, feature_id, roster, run,
    secs, target,
};

pub const FAIL: Outcome = Outcome::Fail(FailClass::Status);

pub fn start() -> Timestamp {
    Timestamp::from_unix_seconds(1_700_000_000)
}

/// One region with so many agents.
pub fn region_of(agents: usize) -> Layout {
    Layout {
        regions: 1,
        agents,
        message: true,
        noise: 0.0,
    }
}

/// An engine with what it said so far.
pub struct Script {
    pub engine: Engine,
    pub log: Vec<Transition>,
    layout: Layout,
    period: Duration,
}

impl Script {
    /// A fleet of which no plan is known.
    pub fn new(layout: Layout, period: u64) -> Self {
        Self::deciding_by(Settings::default(), layout, period)
    }

    /// The same, under other rules.
    pub fn deciding_by(settings: Settings, layout: Layout, period: u64) -> Self {
        let mut script = Self {
            engine: Engine::new(settings),
            log: Vec::new(),
            layout,
            period: secs(period),
        };
        script.give(start(), Event::Catalogue(catalogue()));
        script.give(start(), Event::Roster(roster(layout)));
        script
    }

    /// A fleet in which every agent runs these journeys.
    pub fn planned(layout: Layout, period: u64, journeys: &[Journey]) -> Self {
        let mut script = Self::new(layout, period);
        for agent in 0..layout.regions * layout.agents {
            script.plan(agent, journeys, start());
        }
        script
    }

    pub fn give(&mut self, received: Timestamp, event: Event) {
        self.engine.handle(received, event);
        self.collect();
    }

    pub fn advance(&mut self, now: Timestamp) {
        self.engine.advance(now);
        self.collect();
    }

    fn collect(&mut self) {
        while let Some(transition) = self.engine.poll_transition() {
            self.log.push(transition);
        }
    }

    /// Gives each run at its end.
    pub fn feed(&mut self, mut runs: Vec<RunFacts>) {
        runs.sort_by_key(|run| (run.ended, run.id));
        for run in runs {
            self.give(run.ended, Event::Run(Box::new(run)));
        }
    }

    pub fn plan(&mut self, agent: usize, journeys: &[Journey], valid_from: Timestamp) {
        let entry = |journey: &Journey| self.entry(agent, *journey, Variant::cold());
        let entries: Vec<PlanEntry> = journeys.iter().map(entry).collect();
        self.plan_entries(agent, entries, valid_from);
    }

    pub fn plan_entries(&mut self, agent: usize, entries: Vec<PlanEntry>, valid_from: Timestamp) {
        let record = PlanRecord {
            revision: Revision::of(b"plan"),
            valid_from,
            entries,
        };
        let agent = agent_id(agent);
        self.give(valid_from, Event::Plan { agent, record });
    }

    pub fn entry(&self, agent: usize, journey: Journey, variant: Variant) -> PlanEntry {
        PlanEntry {
            journey: journey.name(),
            target: target(),
            variant,
            feature: feature_id(journey.feature()),
            touches: match journey {
                Journey::Login => Vec::new(),
                Journey::Message => vec![feature_id(LOGIN)],
            },
            cadence: self.cadence(agent),
            deadline: DEADLINE,
        }
    }

    /// The agents of a region are evenly spread.
    pub fn cadence(&self, agent: usize) -> Cadence {
        let agents = u32::try_from(self.layout.agents).unwrap();
        let place = u32::try_from(agent % self.layout.agents).unwrap();
        Cadence::new(self.period, self.period / agents * place).unwrap()
    }

    /// The login run of `agent` that answers its slot `n` after the start.
    pub fn login(&self, agent: usize, n: u64, outcome: Outcome) -> RunFacts {
        let outcomes = Outcomes::only(feature_id(LOGIN), outcome);
        self.scheduled(agent, Journey::Login, n, outcomes)
    }

    /// The message run that meets `login` on its way, and is blocked if that fails.
    pub fn message(&self, agent: usize, n: u64, login: Outcome) -> RunFacts {
        let outcomes = message_outcomes(login);
        self.scheduled(agent, Journey::Message, n, outcomes)
    }

    /// A login run without a slot.
    pub fn unslotted(
        &self,
        agent: usize,
        trigger: Trigger,
        due: Timestamp,
        outcome: Outcome,
    ) -> RunFacts {
        let outcomes = Outcomes::only(feature_id(LOGIN), outcome);
        self.without_slot(agent, Journey::Login, (trigger, due), outcomes)
    }

    /// A burst of the message journey that meets `login` on its way.
    pub fn message_burst(&self, agent: usize, due: Timestamp, login: Outcome) -> RunFacts {
        let outcomes = message_outcomes(login);
        self.without_slot(agent, Journey::Message, (Trigger::Burst, due), outcomes)
    }

    pub fn login_cell(&self, now: Timestamp) -> CellView {
        self.cell(LOGIN, now)
    }

    pub fn cell(&self, feature: &str, now: Timestamp) -> CellView {
        let view = self.engine.feature(&target(), &feature_id(feature), now);
        view.regions.into_iter().next().unwrap()
    }

    /// The states that the cell of a feature went into, with seconds since the start.
    pub fn path(&self, feature: &str) -> Vec<(u64, CellState)> {
        let moves = self.log.iter().filter_map(|transition| {
            let Change::Cell { cell, from, to, .. } = &transition.change else {
                return None;
            };
            let at = transition.at.since(start()).as_secs();
            (cell.feature.as_str() == feature && from != to).then_some((at, *to))
        });
        moves.collect()
    }

    /// How often the login cell went into this state.
    pub fn entered(&self, state: CellState) -> usize {
        let path = self.path(LOGIN);
        path.iter().filter(|(_, to)| *to == state).count()
    }

    /// What became of agents' standing, in order.
    pub fn standing(&self) -> Vec<QuarantineStep> {
        let steps = self.log.iter().filter_map(|t| match &t.change {
            Change::Quarantine { step, .. } => Some(*step),
            _ => None,
        });
        steps.collect()
    }

    fn without_slot(
        &self,
        agent: usize,
        journey: Journey,
        (trigger, due): (Trigger, Timestamp),
        outcomes: Outcomes,
    ) -> RunFacts {
        let told = Told {
            agent,
            journey,
            trigger,
            due,
            ended: due + Duration::from_millis(300),
            nonce: due.as_unix_nanos(),
        };
        run(self.layout, told, outcomes)
    }

    fn scheduled(&self, agent: usize, journey: Journey, n: u64, outcomes: Outcomes) -> RunFacts {
        let cadence = self.cadence(agent);
        let slot = cadence.first_at_or_after(start()) + n;
        let due = cadence.due(slot);
        let told = Told {
            agent,
            journey,
            trigger: Trigger::Scheduled { slot },
            due,
            ended: due + Duration::from_millis(300),
            nonce: 0,
        };
        run(self.layout, told, outcomes)
    }
}

/// What a message run says that meets `login` on its way, and is blocked if that fails.
fn message_outcomes(login: Outcome) -> Outcomes {
    let own = FeatureOutcome {
        feature: feature_id(TEXT),
        outcome: match login {
            Outcome::Fail(_) => Outcome::Blocked(feature_id(LOGIN)),
            _ => Outcome::Pass,
        },
    };
    let other = FeatureOutcome {
        feature: feature_id(LOGIN),
        outcome: login,
    };
    Outcomes::new(own, vec![other]).unwrap()
}
