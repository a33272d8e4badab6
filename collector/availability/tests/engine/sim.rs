//! A fleet in simulated time: agents that run two journeys against a world with faults, burst
//! after failures, and deliver to an engine that may be away.

use std::collections::BTreeMap;
use std::time::Duration;

use bongsu_availability::{
    Board, BurstRequest, CellView, Change, Engine, Event, FeatureView, Settings, Transition,
};
use bongsu_model::{
    BlindReason, CellKey, CellState, FailClass, FeatureOutcome, FeatureState, Outcome, Outcomes,
    Timestamp, Trigger,
};

pub use crate::fleet::*;

/// From the end of a run to its receipt.
const DELIVERY: Duration = Duration::from_millis(50);
/// After what a run that gets no answer gives up.
const TIME_LIMIT: Duration = Duration::from_secs(6);
/// How long a run takes.
const RUN: Duration = Duration::from_millis(300);
const BURST_AFTER: Duration = Duration::from_secs(5);
const BURST_DEPTH: f64 = 10.0;
/// Refill in tokens a second: 20 % of the planned rate.
const BURST_REFILL: f64 = 0.2 / 10.0;

/// What a fault does to the runs that it concerns.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Effect {
    /// This share of runs fails.
    Fail(f64),
    /// Of all runs of a region, every other one fails.
    Alternate,
    /// No answer comes: a run fails only at its time limit.
    Hang,
    Slow,
    /// The agent knows that it cannot see.
    Blind,
    /// The agent neither runs nor beats.
    Silent,
}

/// Whom a fault concerns: all where nothing is said.
#[derive(Debug, Clone, Default)]
pub struct Scope {
    pub feature: Option<&'static str>,
    pub region: Option<usize>,
    /// Agent of the fleet, counted over regions.
    pub agent: Option<usize>,
}

impl Scope {
    pub fn feature(feature: &'static str) -> Self {
        Self {
            feature: Some(feature),
            ..Self::default()
        }
    }

    pub fn region(region: usize) -> Self {
        Self {
            region: Some(region),
            ..Self::default()
        }
    }

    pub fn agent(agent: usize) -> Self {
        Self {
            agent: Some(agent),
            ..Self::default()
        }
    }

    pub fn in_region(mut self, region: usize) -> Self {
        self.region = Some(region);
        self
    }

    fn concerns(&self, feature: &str, region: usize, agent: usize) -> bool {
        self.feature.is_none_or(|f| f == feature)
            && self.region.is_none_or(|r| r == region)
            && self.agent.is_none_or(|a| a == agent)
    }
}

enum Action {
    Slot {
        agent: usize,
        journey: Journey,
        slot: u64,
    },
    Burst {
        agent: usize,
        journey: Journey,
    },
    Asked {
        agent: usize,
        journey: Journey,
    },
    Beat {
        agent: usize,
    },
    Deliver(Event),
}

#[derive(Debug, Clone, Copy)]
struct Bucket {
    tokens: f64,
    at: Timestamp,
    pending: bool,
}

pub struct Sim {
    pub engine: Engine,
    pub now: Timestamp,
    pub log: Vec<Transition>,
    /// Every event with its receipt, as a journal would have it.
    pub journal: Vec<(Timestamp, Event)>,
    pub runs: usize,
    layout: Layout,
    queue: BTreeMap<(Timestamp, u64), Action>,
    next: u64,
    faults: Vec<(Scope, Effect)>,
    buckets: BTreeMap<(usize, Journey), Bucket>,
    away: Option<Vec<Event>>,
    random: u64,
    turns: BTreeMap<usize, bool>,
    busy_until: BTreeMap<(usize, Journey), Timestamp>,
    /// Whether agents are asked to run early, and do not look again by themselves.
    pub channel: bool,
    /// What was asked for, with when.
    pub asked: Vec<(Timestamp, BurstRequest)>,
}

impl Sim {
    pub fn new(layout: Layout) -> Self {
        Self::with(layout, Settings::default(), 1)
    }

    pub fn with(layout: Layout, settings: Settings, seed: u64) -> Self {
        let start = Timestamp::from_unix_seconds(1_700_000_000);
        let mut sim = Self {
            engine: Engine::new(settings),
            now: start,
            log: Vec::new(),
            journal: Vec::new(),
            runs: 0,
            layout,
            queue: BTreeMap::new(),
            next: 0,
            faults: Vec::new(),
            buckets: BTreeMap::new(),
            away: None,
            random: seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1,
            turns: BTreeMap::new(),
            busy_until: BTreeMap::new(),
            channel: false,
            asked: Vec::new(),
        };
        sim.give(Event::Catalogue(catalogue()));
        sim.give(Event::Roster(roster(layout)));
        for agent in 0..layout.regions * layout.agents {
            sim.give(Event::Plan {
                agent: agent_id(agent),
                record: plan(layout, agent, start),
            });
            sim.push(start, Action::Beat { agent });
            for journey in journeys(layout) {
                let slot = cadence(layout, agent, journey).first_at_or_after(start);
                let due = cadence(layout, agent, journey).due(slot);
                sim.push(
                    due,
                    Action::Slot {
                        agent,
                        journey,
                        slot,
                    },
                );
            }
        }
        sim
    }

    pub fn set(&mut self, scope: Scope, effect: Effect) {
        self.faults.push((scope, effect));
    }

    pub fn mend(&mut self) {
        self.faults.clear();
    }

    /// The collector goes away: what agents send waits in their spools.
    pub fn collector_goes(&mut self) {
        self.away = Some(Vec::new());
    }

    /// The collector is back: fresh runs come at once, the backlog behind, fifty a second.
    pub fn collector_returns(&mut self) {
        let backlog = self.away.take().expect("it was away");
        let mut at = self.now + secs(1);
        for event in backlog {
            at = at + Duration::from_millis(20);
            self.push(at, Action::Deliver(event));
        }
    }

    pub fn run(&mut self, duration: Duration) {
        let until = self.now + duration;
        loop {
            let asks = self.engine.next_ask().filter(|_| self.channel);
            let asks = asks.map(|at| at.max(self.now)).filter(|at| *at <= until);
            let first = self.queue.first_key_value().map(|((at, _), _)| *at);
            if let Some(at) = asks.filter(|at| first.is_none_or(|first| *at < first)) {
                self.now = at;
                self.ask();
                continue;
            }
            let Some(entry) = self.queue.first_entry() else {
                break;
            };
            if entry.key().0 > until {
                break;
            }
            let ((at, _), action) = entry.remove_entry();
            self.now = at;
            self.act(action);
        }
        self.now = until;
        if self.away.is_none() {
            self.engine.advance(until);
            self.collect();
        }
    }

    /// Asks whom the engine says; the request takes as long as a delivery.
    fn ask(&mut self) {
        for request in self.engine.ask(self.now, &|_| true) {
            let agents = 0..self.layout.regions * self.layout.agents;
            let agent = agents
                .into_iter()
                .find(|agent| agent_id(*agent) == request.agent);
            let journey = [Journey::Login, Journey::Message]
                .into_iter()
                .find(|journey| journey.name() == request.journey);
            let asked = Action::Asked {
                agent: agent.unwrap(),
                journey: journey.unwrap(),
            };
            self.push(self.now + DELIVERY, asked);
            self.asked.push((self.now, request));
        }
    }

    /// Runs until the cell is in this state; how long it took, or None after `limit`.
    pub fn run_until(
        &mut self,
        cell: &CellKey,
        state: CellState,
        limit: Duration,
    ) -> Option<Duration> {
        let start = self.now;
        let seen = self.log.len();
        let step = Duration::from_millis(500);
        while self.now.since(start) < limit {
            let reached = self.log[seen..].iter().find(|transition| {
                matches!(&transition.change, Change::Cell { cell: c, to, .. }
                    if c == cell && *to == state)
            });
            if let Some(transition) = reached {
                return Some(transition.at.since(start));
            }
            self.run(step);
        }
        None
    }

    pub fn board(&self) -> Board {
        self.engine.board(&target(), self.now)
    }

    pub fn feature(&self, feature: &str) -> FeatureView {
        self.engine
            .feature(&target(), &feature_id(feature), self.now)
    }

    pub fn cell(&self, feature: &str, region: usize) -> CellView {
        let regions = self.feature(feature).regions;
        regions
            .into_iter()
            .find(|cell| cell.region == region_id(region))
            .unwrap()
    }

    pub fn state(&self, feature: &str) -> FeatureState {
        self.feature(feature).state
    }

    /// How often a cell went into this state.
    pub fn entered(&self, state: CellState) -> usize {
        let into = self.log.iter().filter(|transition| {
            matches!(&transition.change, Change::Cell { from, to, .. } if *to == state && from != to)
        });
        into.count()
    }

    /// The states that a feature went through.
    pub fn path(&self, feature: &str) -> Vec<FeatureState> {
        let changes = self
            .log
            .iter()
            .filter_map(|transition| match &transition.change {
                Change::Feature {
                    feature: f,
                    from,
                    to,
                    ..
                } if f.as_str() == feature && from != to => Some(*to),
                _ => None,
            });
        changes.collect()
    }

    pub fn give(&mut self, event: Event) {
        self.journal.push((self.now, event.clone()));
        self.engine.handle(self.now, event);
        self.collect();
    }

    pub fn random(&mut self) -> f64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        #[expect(clippy::cast_precision_loss, reason = "53 random bits fit an f64")]
        let unit = (self.random >> 11) as f64 / (1_u64 << 53) as f64;
        unit
    }

    fn act(&mut self, action: Action) {
        match action {
            Action::Deliver(event) => match &mut self.away {
                Some(backlog) => {
                    if !matches!(event, Event::Heartbeat { .. }) {
                        backlog.push(event);
                    }
                }
                None => self.give(event),
            },
            Action::Beat { agent } => {
                if !self.is_silent(agent) {
                    let event = Event::Heartbeat {
                        agent: agent_id(agent),
                        heartbeat: heartbeat(self.now),
                    };
                    self.push(self.now + DELIVERY, Action::Deliver(event));
                }
                self.push(self.now + secs(10), Action::Beat { agent });
            }
            Action::Slot {
                agent,
                journey,
                slot,
            } => {
                let next = cadence(self.layout, agent, journey).due(slot + 1);
                self.push(
                    next,
                    Action::Slot {
                        agent,
                        journey,
                        slot: slot + 1,
                    },
                );
                self.perform(agent, journey, Trigger::Scheduled { slot });
            }
            Action::Burst { agent, journey } => {
                self.buckets.get_mut(&(agent, journey)).unwrap().pending = false;
                self.look(agent, journey);
            }
            Action::Asked { agent, journey } => self.look(agent, journey),
        }
    }

    fn look(&mut self, agent: usize, journey: Journey) {
        let cadence = cadence(self.layout, agent, journey);
        let next = cadence.due(cadence.first_at_or_after(self.now));
        let busy_until = self.busy_until.get(&(agent, journey));
        if next.since(self.now) >= secs(1) && busy_until.is_none_or(|until| *until <= self.now) {
            self.perform(agent, journey, Trigger::Burst);
        }
    }

    fn perform(&mut self, agent: usize, journey: Journey, trigger: Trigger) {
        if self.is_silent(agent) {
            return;
        }
        self.runs += 1;
        let outcomes = self.outcomes(agent, journey);
        let failed = outcomes
            .iter()
            .any(|(o, _)| matches!(o.outcome, Outcome::Fail(_)));
        let hung = outcomes
            .iter()
            .any(|(o, _)| o.outcome == Outcome::Fail(FailClass::Timeout));
        let ended = self.now + if hung { TIME_LIMIT } else { RUN };
        self.busy_until.insert((agent, journey), ended);
        if failed && !self.channel {
            self.plan_burst(agent, journey, ended);
        }
        self.next += 1;
        let mut run = run(
            self.layout,
            Told {
                agent,
                journey,
                trigger,
                due: self.now,
                ended,
                nonce: self.next,
            },
            outcomes,
        );
        // No scheduler starts a run to the nanosecond.
        run.started = run.due + Duration::from_nanos(self.next.wrapping_mul(314_159) % 1_000_000);
        self.push(ended + DELIVERY, Action::Deliver(Event::Run(Box::new(run))));
    }

    fn plan_burst(&mut self, agent: usize, journey: Journey, ended: Timestamp) {
        let full = Bucket {
            tokens: BURST_DEPTH,
            at: ended,
            pending: false,
        };
        let bucket = self.buckets.entry((agent, journey)).or_insert(full);
        let refilled = bucket.tokens + ended.since(bucket.at).as_secs_f64() * BURST_REFILL;
        bucket.tokens = refilled.min(BURST_DEPTH);
        bucket.at = ended;
        if bucket.tokens >= 1.0 && !bucket.pending {
            bucket.tokens -= 1.0;
            bucket.pending = true;
            self.push(ended + BURST_AFTER, Action::Burst { agent, journey });
        }
    }

    fn outcomes(&mut self, agent: usize, journey: Journey) -> Outcomes {
        let login = self.meets(LOGIN, agent);
        match journey {
            Journey::Login => Outcomes::only(feature_id(LOGIN), login),
            Journey::Message => {
                let own = match &login {
                    Outcome::Fail(_) => Outcome::Blocked(feature_id(LOGIN)),
                    Outcome::Blind(reason) => Outcome::Blind(*reason),
                    _ => self.meets(TEXT, agent),
                };
                let own = FeatureOutcome {
                    feature: feature_id(TEXT),
                    outcome: own,
                };
                let other = FeatureOutcome {
                    feature: feature_id(LOGIN),
                    outcome: login,
                };
                Outcomes::new(own, vec![other]).unwrap()
            }
        }
    }

    fn meets(&mut self, feature: &str, agent: usize) -> Outcome {
        let region = agent / self.layout.agents;
        let found = self
            .faults
            .iter()
            .find(|(scope, _)| scope.concerns(feature, region, agent));
        let (share, otherwise) = match found.map(|(_, effect)| *effect) {
            Some(Effect::Fail(share)) => (share, Outcome::Pass),
            Some(Effect::Alternate) => {
                let turn = self.turns.entry(region).or_default();
                *turn = !*turn;
                (if *turn { 1.0 } else { 0.0 }, Outcome::Pass)
            }
            Some(Effect::Hang) => return Outcome::Fail(FailClass::Timeout),
            Some(Effect::Slow) => (0.0, Outcome::Slow),
            Some(Effect::Blind) => return Outcome::Blind(BlindReason::Egress),
            Some(Effect::Silent) | None => (self.layout.noise, Outcome::Pass),
        };
        if self.random() < share {
            Outcome::Fail(FailClass::Status)
        } else {
            otherwise
        }
    }

    fn is_silent(&self, agent: usize) -> bool {
        let region = agent / self.layout.agents;
        self.faults.iter().any(|(scope, effect)| {
            *effect == Effect::Silent && scope.concerns(LOGIN, region, agent)
        })
    }

    fn push(&mut self, at: Timestamp, action: Action) {
        self.next += 1;
        self.queue.insert((at, self.next), action);
    }

    fn collect(&mut self) {
        while let Some(transition) = self.engine.poll_transition() {
            self.log.push(transition);
        }
    }
}
