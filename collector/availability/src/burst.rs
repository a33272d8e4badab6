//! Looking early at what is suspect: how often a cell's agents may be asked. Pure; who is asked is
//! decided by the engine, which knows who covers the cell.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use bongsu_model::{AgentId, CellKey, CellState, JourneyName, TargetName, Timestamp, Variant};

/// Requests that a full bucket holds, for each agent of the cell.
const DEPTH_PER_AGENT: f64 = 10.0;

/// Refill of a bucket as a share of the cell's planned rate.
const REFILL: f64 = 0.2;

/// Least time between two requests of a cell, however many agents it has.
const GAP_MIN: Duration = Duration::from_secs(1);

/// What each agent is asked at most once in, on the average: the gap is this by the number of agents.
const GAP_OF_AGENT: Duration = Duration::from_secs(5);

/// How long a request is worth following, and how long its answer is waited for before the agent
/// is asked again.
pub(crate) const WORTH: Duration = Duration::from_secs(5);

/// No request is made nearer than this to the next slot: that run looks itself.
pub(crate) const BEFORE_SLOT: Duration = Duration::from_secs(1);

/// When to look again after nobody could be asked: runs end and slots pass meanwhile.
const TRY_AGAIN: Duration = Duration::from_millis(250);

/// An agent is to run a journey early, because the cell that it measures is suspect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BurstRequest {
    /// Who is asked.
    pub agent: AgentId,
    /// For the sake of which cell.
    pub cell: CellKey,
    /// Against which environment.
    pub target: TargetName,
    /// Which journey.
    pub journey: JourneyName,
    /// How it is run.
    pub variant: Variant,
    /// From when on it is better not begun: the picture has moved on, or the slot is near.
    pub until: Timestamp,
}

/// What bounds the requests of a cell.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Pace {
    /// N: the agents that count.
    pub(crate) agents: usize,
    /// Slots a second of all of them.
    pub(crate) rate: f64,
}

impl Pace {
    fn agents(self) -> u32 {
        u32::try_from(self.agents).unwrap_or(u32::MAX).max(1)
    }

    fn depth(self) -> f64 {
        DEPTH_PER_AGENT * f64::from(self.agents())
    }

    fn gap(self) -> Duration {
        (GAP_OF_AGENT / self.agents()).max(GAP_MIN)
    }

    fn refill(self) -> f64 {
        self.rate.max(0.0) * REFILL
    }
}

#[derive(Debug, Clone, Copy)]
struct Bucket {
    requests: f64,
    filled: Timestamp,
    asked: Option<Timestamp>,
}

impl Bucket {
    fn full(now: Timestamp, pace: Pace) -> Self {
        Self {
            requests: pace.depth(),
            filled: now,
            asked: None,
        }
    }

    fn fill(&mut self, now: Timestamp, pace: Pace) {
        let gained = now.since(self.filled).as_secs_f64() * pace.refill();
        self.requests = (self.requests + gained).min(pace.depth());
        self.filled = self.filled.max(now);
    }

    /// The first instant at which the next request may be made; never where nothing refills.
    fn ready(&self, pace: Pace) -> Option<Timestamp> {
        let rested = self.asked.map_or(self.filled, |asked| asked + pace.gap());
        if self.requests >= 1.0 {
            return Some(rested);
        }
        let missing = (1.0 - self.requests) / pace.refill();
        let refilled = Duration::try_from_secs_f64(missing).ok()?;
        Some(rested.max(self.filled + refilled))
    }
}

/// The cells that are suspect or recovering, and the bucket of each that was asked about.
#[derive(Debug, Default)]
pub(crate) struct Bursts {
    pub(crate) suspect: BTreeSet<usize>,
    pub(crate) recovering: BTreeSet<usize>,
    /// At most one for each cell.
    buckets: BTreeMap<usize, Bucket>,
    /// When each user was asked last; gone when it is nobody's answer any more.
    asked: BTreeMap<usize, Timestamp>,
    next: Option<Timestamp>,
}

impl Bursts {
    /// A cell is in this state now. One that becomes suspect is to be asked about at once.
    pub(crate) fn note(&mut self, cell: usize, state: CellState, now: Timestamp) {
        if state == CellState::Suspect {
            if self.suspect.insert(cell) {
                self.wake(now);
            }
        } else {
            self.suspect.remove(&cell);
        }
        if state == CellState::Recovering {
            self.recovering.insert(cell);
        } else {
            self.recovering.remove(&cell);
        }
    }

    /// When somebody may have to be asked next.
    pub(crate) fn next(&self) -> Option<Timestamp> {
        self.next.filter(|_| !self.suspect.is_empty())
    }

    /// Whether the cell may be asked about now; if not, when.
    pub(crate) fn is_ready(&mut self, cell: usize, pace: Pace, now: Timestamp) -> bool {
        let bucket = self
            .buckets
            .entry(cell)
            .or_insert_with(|| Bucket::full(now, pace));
        bucket.fill(now, pace);
        match bucket.ready(pace) {
            Some(ready) if ready <= now => true,
            Some(ready) => {
                self.wake(ready);
                false
            }
            None => false,
        }
    }

    /// Pays for one request to `user`.
    pub(crate) fn take(&mut self, cell: usize, user: usize, pace: Pace, now: Timestamp) {
        if let Some(bucket) = self.buckets.get_mut(&cell) {
            bucket.requests = (bucket.requests - 1.0).max(0.0);
            bucket.asked = Some(now);
            if let Some(ready) = bucket.ready(pace) {
                self.wake(ready);
            }
        }
        self.asked.insert(user, now);
    }

    /// When `user` was asked last, as far as that still matters.
    pub(crate) fn asked(&self, user: usize) -> Option<Timestamp> {
        self.asked.get(&user).copied()
    }

    /// Nobody could be asked about a cell that may be.
    pub(crate) fn nobody(&mut self, now: Timestamp) {
        self.wake(now + TRY_AGAIN);
    }

    /// Begins a round: what it finds decides when the next one is.
    pub(crate) fn begin(&mut self, now: Timestamp) {
        self.next = None;
        self.asked.retain(|_, at| now.since(*at) < WORTH);
    }

    fn wake(&mut self, at: Timestamp) {
        self.next = Some(self.next.map_or(at, |next| next.min(at)));
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at_ms(millis: u64) -> Timestamp {
        Timestamp::from_unix_nanos(millis * 1_000_000)
    }

    #[test]
    fn the_gap_is_five_seconds_by_the_agents_and_a_second_at_least() {
        let gap = |agents| Pace { agents, rate: 0.1 }.gap().as_millis();
        assert_eq!([gap(1), gap(2), gap(3)], [5_000, 2_500, 1_666]);
        assert_eq!([gap(5), gap(50), gap(0)], [1_000, 1_000, 5_000]);
    }

    #[test]
    fn the_first_request_is_at_once_and_the_next_after_the_gap() {
        let pace = Pace {
            agents: 5,
            rate: 0.5,
        };
        let mut bursts = Bursts::default();
        bursts.note(7, CellState::Suspect, at_ms(10));
        assert_eq!(bursts.next(), Some(at_ms(10)));
        bursts.begin(at_ms(10));
        assert!(bursts.is_ready(7, pace, at_ms(10)));
        bursts.take(7, 0, pace, at_ms(10));
        assert_eq!(bursts.next(), Some(at_ms(1_010)));
        bursts.begin(at_ms(1_009));
        assert!(!bursts.is_ready(7, pace, at_ms(1_009)));
        assert_eq!(bursts.next(), Some(at_ms(1_010)));
        bursts.note(7, CellState::Down, at_ms(1_010));
        assert_eq!(bursts.next(), None, "what is down is not asked about");
    }

    proptest! {
        /// Suspicions come and go, agents come and go, the clock may go back: no window holds
        /// more requests than a full bucket and what refills meanwhile, and no two are nearer
        /// than the gap.
        #[test]
        fn requests_never_exceed_bucket_refill_and_gap(
            steps in prop::collection::vec((0_u64..4_000, 1_usize..8, any::<bool>(), 0_u64..50), 1..400),
        ) {
            let mut bursts = Bursts::default();
            let mut now = 1_000_000_u64;
            let mut made: Vec<u64> = Vec::new();
            for (step, agents, suspect, back) in steps {
                now = now + step - back.min(step + 1);
                let state = if suspect { CellState::Suspect } else { CellState::Up };
                bursts.note(0, state, at_ms(now));
                bursts.begin(at_ms(now));
                let pace = Pace { agents, rate: 0.1 * f64::from(u32::try_from(agents).unwrap()) };
                if suspect && bursts.is_ready(0, pace, at_ms(now)) {
                    if let Some(last) = made.last() {
                        prop_assert!(now >= last + u64::try_from(pace.gap().as_millis()).unwrap());
                    }
                    bursts.take(0, 0, pace, at_ms(now));
                    made.push(now);
                }
                // Seven agents at most: a depth of 70, a refill of 0.14 a second.
                for (i, from) in made.iter().enumerate() {
                    let count = f64::from(u32::try_from(made.len() - i).unwrap());
                    let seconds = Duration::from_millis(now.saturating_sub(*from)).as_secs_f64();
                    prop_assert!(count <= 70.0 + seconds * 0.14 + 1e-6);
                }
                if suspect {
                    prop_assert!(bursts.next().is_some());
                }
            }
        }
    }
}
