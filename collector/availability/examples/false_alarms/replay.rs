//! A healthy cell, year by year: its agents pass but for the noise, and each alarm is false.

use std::time::Duration;

use bongsu_availability::{Settings, Trial, TrialFleet, TrialRun};
use bongsu_model::{CellState, FailClass, Outcome, Timestamp};

/// How long a run takes.
const RUN: Duration = Duration::from_millis(300);
/// No burst starts nearer before a slot of the same agent.
const BEFORE_SLOT: Duration = Duration::from_secs(1);
/// The bucket of bursts of a cell: so many for each agent, filled at a share of the cell's rate.
const BURST_DEPTH: f64 = 10.0;
const BURST_REFILL: f64 = 0.2;

const FAIL: Outcome = Outcome::Fail(FailClass::Status);

/// What is replayed.
#[derive(Debug, Clone)]
pub struct Setup {
    pub settings: Settings,
    pub fleet: TrialFleet,
    /// Probability that a run fails although the feature works.
    pub noise: f64,
    /// How long each cell is watched.
    pub span: Duration,
}

/// What came of it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    pub scheduled: u64,
    pub bursts: u64,
    pub failures: u64,
    /// Times that the cell turned suspect.
    pub suspicions: u64,
    /// Times that it turned down; it begins anew after each.
    pub false_alarms: u64,
    /// Agents that were quarantined, though none is broken.
    pub quarantines: u64,
}

impl std::ops::AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.scheduled += other.scheduled;
        self.bursts += other.bursts;
        self.failures += other.failures;
        self.suspicions += other.suspicions;
        self.false_alarms += other.false_alarms;
        self.quarantines += other.quarantines;
    }
}

/// Replays one cell. The same seed gives the same.
pub fn replay(setup: &Setup, seed: u64) -> Tally {
    let mut replay = Replay {
        setup,
        trial: Trial::new(setup.settings.clone(), setup.fleet),
        random: Random(seed),
        tally: Tally::default(),
        state: CellState::Unknown,
        tokens: BURST_DEPTH * f64::from(setup.fleet.agents),
        filled: start(),
        turn: 0,
    };
    replay.all();
    replay.tally
}

struct Replay<'a> {
    setup: &'a Setup,
    trial: Trial,
    random: Random,
    tally: Tally,
    state: CellState,
    tokens: f64,
    filled: Timestamp,
    /// Whose turn it is to burst.
    turn: u32,
}

fn start() -> Timestamp {
    Timestamp::from_unix_seconds(1_700_000_000)
}

impl Replay<'_> {
    fn all(&mut self) {
        let agents = u64::from(self.setup.fleet.agents);
        let slots = self.setup.span.as_nanos() / self.setup.fleet.period.as_nanos();
        let total = u64::try_from(slots).expect("fewer than 2^64") * agents;
        let mut place = 0;
        while place < total {
            if !self.trial.is_quiet() {
                let failed = self.random.unit() < self.setup.noise;
                self.slot(place, failed);
                place += 1;
                continue;
            }
            // Passes change nothing now: all but the last of each agent are taken as read.
            let failure = place.saturating_add(self.random.passes(self.setup.noise));
            let read = failure.saturating_sub(agents).clamp(place, total);
            if read > place {
                self.tally.scheduled += read - place;
                self.trial
                    .all_passed(self.due(read) - self.setup.fleet.period);
            }
            for pass in read..failure.min(total) {
                self.slot(pass, false);
            }
            if failure < total {
                self.slot(failure, true);
            }
            place = failure.saturating_add(1);
        }
        self.tally.quarantines += self.trial.quarantines();
    }

    /// The agents' slots are evenly spread, in their order.
    fn due(&self, place: u64) -> Timestamp {
        let TrialFleet { agents, period, .. } = self.setup.fleet;
        let slot = Duration::from_nanos(
            u64::try_from(period.as_nanos()).expect("a short period") * (place / u64::from(agents)),
        );
        start() + slot + period / agents * self.agent(place)
    }

    fn agent(&self, place: u64) -> u32 {
        u32::try_from(place % u64::from(self.setup.fleet.agents)).expect("less than the agents")
    }

    fn slot(&mut self, place: u64, failed: bool) {
        let due = self.due(place);
        self.tally.scheduled += 1;
        self.run(self.agent(place), due, failed);
        if self.state == CellState::Suspect {
            self.burst(place, due + RUN);
        }
    }

    /// While it is suspect its agents run early, in turn.
    fn burst(&mut self, place: u64, from: Timestamp) {
        let agents = self.setup.fleet.agents;
        let gap = Duration::from_secs(1).max(Duration::from_secs(5) / agents);
        let mut at = from;
        while self.state == CellState::Suspect && at < self.due(place + 1) && self.take_token(at) {
            let is_near = |ahead: u64| self.due(place + ahead) < at + BEFORE_SLOT;
            let near: Vec<u32> = (1..=u64::from(agents))
                .filter(|ahead| is_near(*ahead))
                .map(|ahead| self.agent(place + ahead))
                .collect();
            let mut turns = (self.turn..self.turn + agents).map(|turn| turn % agents);
            let Some(agent) = turns.find(|agent| !near.contains(agent)) else {
                return;
            };
            self.turn = (agent + 1) % agents;
            self.tally.bursts += 1;
            let failed = self.random.unit() < self.setup.noise;
            self.run(agent, at, failed);
            at = at + gap.max(RUN);
        }
    }

    fn take_token(&mut self, at: Timestamp) -> bool {
        let TrialFleet { agents, period, .. } = self.setup.fleet;
        let agents = f64::from(agents);
        let refill = BURST_REFILL * agents / period.as_secs_f64();
        let filled = self.tokens + at.since(self.filled).as_secs_f64() * refill;
        self.tokens = filled.min(BURST_DEPTH * agents);
        self.filled = at;
        let has_one = self.tokens >= 1.0;
        if has_one {
            self.tokens -= 1.0;
        }
        has_one
    }

    fn run(&mut self, agent: u32, due: Timestamp, failed: bool) {
        self.tally.failures += u64::from(failed);
        let outcome = if failed { &FAIL } else { &Outcome::Pass };
        let run = TrialRun {
            agent,
            due,
            ended: due + RUN,
            outcome,
        };
        let state = self.trial.run(run);
        let turned = state != std::mem::replace(&mut self.state, state);
        self.tally.suspicions += u64::from(turned && state == CellState::Suspect);
        if state == CellState::Down {
            self.tally.false_alarms += 1;
            self.tally.quarantines += self.trial.quarantines();
            self.trial = Trial::new(self.setup.settings.clone(), self.setup.fleet);
            self.trial.all_passed(due);
            self.state = CellState::Unknown;
        }
    }
}

/// Steele, Lea and Flood's SplitMix64: good enough for billions of draws, and the same everywhere.
struct Random(u64);

impl Random {
    /// From (0, 1].
    fn unit(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^= mixed >> 31;
        #[expect(clippy::cast_precision_loss, reason = "53 random bits fit an f64")]
        let unit = ((mixed >> 11) + 1) as f64 / (1_u64 << 53) as f64;
        unit
    }

    /// How many runs pass before the next failure.
    fn passes(&mut self, noise: f64) -> u64 {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "not negative, and saturating is as good as never"
        )]
        let passes = (self.unit().ln() / (1.0 - noise).ln()) as u64;
        passes
    }
}
