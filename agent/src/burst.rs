//! Looking again: when a collector asks, or, where none can, 5 s after the end of a failed run; both
//! as far as one bucket reaches. Pure.

use std::collections::BTreeMap;
use std::time::Duration;

use bongsu_model::{JourneyName, TargetName, Timestamp};
use bongsu_wire::opamp::BurstRefusal;

use crate::schedule::Lineage;

/// How long after the end of its own failed run an agent looks again.
const LOOK_AGAIN_AFTER: Duration = Duration::from_secs(5);

/// Looks that a full bucket holds.
const DEPTH: f64 = 10.0;

/// Refill of a bucket as a share of the planned rate.
const REFILL: f64 = 0.2;

/// No burst starts nearer than this to the next slot.
const BEFORE_SLOT: Duration = Duration::from_secs(1);

/// What is known of a lineage when a look is due.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Standing {
    /// Whether a run of the same journey and variant is going.
    pub(crate) is_running: bool,
    /// When its next slot is due.
    pub(crate) next_due: Timestamp,
}

#[derive(Debug, Clone)]
struct Bucket {
    looks: f64,
    filled: Timestamp,
    /// Slots a second of all variants together.
    rate: f64,
}

impl Bucket {
    fn fill(&mut self, now: Timestamp) {
        let gained = now.since(self.filled).as_secs_f64() * self.rate * REFILL;
        self.looks = (self.looks + gained).min(DEPTH);
        self.filled = now;
    }

    /// Takes one look out, if there is one.
    fn take(&mut self, now: Timestamp) -> bool {
        self.fill(now);
        let has_one = self.looks >= 1.0;
        if has_one {
            self.looks -= 1.0;
        }
        has_one
    }
}

/// What shares a bucket: all variants of a journey against a target.
type Key = (TargetName, JourneyName);

fn key(lineage: &Lineage) -> Key {
    (lineage.target.clone(), lineage.journey.clone())
}

/// Every bucket, by its key: there may be thousands, and they stay as long as the plan.
#[derive(Debug, Default)]
struct Buckets(Box<[(Key, Bucket)]>);

impl Buckets {
    fn place(&self, lineage: &Lineage) -> Option<usize> {
        let wanted = (&lineage.target, &lineage.journey);
        let place = self
            .0
            .binary_search_by(|((target, journey), _)| (target, journey).cmp(&wanted));
        place.ok()
    }

    fn get(&self, lineage: &Lineage) -> Option<&Bucket> {
        self.place(lineage).map(|place| &self.0[place].1)
    }

    fn get_mut(&mut self, lineage: &Lineage) -> Option<&mut Bucket> {
        self.place(lineage).map(|place| &mut self.0[place].1)
    }
}

/// Pending looks and the buckets that bound them: one bucket per (target, journey), at most one
/// pending look per lineage.
#[derive(Debug, Default)]
pub(crate) struct Bursts {
    buckets: Buckets,
    pending: BTreeMap<Lineage, Timestamp>,
}

impl Bursts {
    /// Takes on these lineages with their periods; buckets of those that stay keep what they hold.
    pub(crate) fn replace(&mut self, lineages: &[(Lineage, Duration)], now: Timestamp) {
        let mut buckets: Vec<(Key, Bucket)> = lineages
            .iter()
            .map(|(lineage, period)| {
                let full = Bucket {
                    looks: DEPTH,
                    filled: now,
                    rate: 0.0,
                };
                let mut bucket = self.buckets.get(lineage).cloned().unwrap_or(full);
                bucket.fill(now);
                bucket.rate = 1.0 / period.as_secs_f64();
                (key(lineage), bucket)
            })
            .collect();
        buckets.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
        buckets.dedup_by(|(variant, own), (first, shared)| {
            let is_shared = variant == first;
            if is_shared {
                shared.rate += own.rate;
            }
            is_shared
        });
        self.buckets = Buckets(buckets.into_boxed_slice());
        self.pending
            .retain(|lineage, _| lineages.iter().any(|(known, _)| known == lineage));
    }

    /// A run of `lineage` ended as failed at `ended`: it is looked at again 5 s after the newest.
    pub(crate) fn failed(&mut self, lineage: &Lineage, ended: Timestamp) {
        if self.buckets.get(lineage).is_some() {
            self.pending
                .insert(lineage.clone(), ended + LOOK_AGAIN_AFTER);
        }
    }

    /// A run of `lineage` ended otherwise: there is nothing to look at again.
    pub(crate) fn passed(&mut self, lineage: &Lineage) {
        self.pending.remove(lineage);
    }

    /// Whether a collector's request to look at once may be followed; it is paid from the same
    /// bucket as the agent's own looks, and takes the place of one that is pending.
    pub(crate) fn ask(
        &mut self,
        lineage: &Lineage,
        now: Timestamp,
        standing: Option<Standing>,
    ) -> Result<(), BurstRefusal> {
        let standing = standing.ok_or(BurstRefusal::Unknown)?;
        if standing.is_running {
            return Err(BurstRefusal::Running);
        }
        if standing.next_due < now + BEFORE_SLOT {
            return Err(BurstRefusal::NearSlot);
        }
        let bucket = self.buckets.get_mut(lineage);
        let bucket = bucket.ok_or(BurstRefusal::Unknown)?;
        if !bucket.take(now) {
            return Err(BurstRefusal::Bucket);
        }
        self.pending.remove(lineage);
        Ok(())
    }

    /// When a look is due next.
    pub(crate) fn next_wakeup(&self) -> Option<Timestamp> {
        self.pending.values().min().copied()
    }

    /// The looks to start at `now`, each paid from its bucket. A look that may not start is given
    /// up: the going run, or the slot that is near, looks for it.
    pub(crate) fn due(
        &mut self,
        now: Timestamp,
        standing: impl Fn(&Lineage) -> Option<Standing>,
    ) -> Vec<Lineage> {
        let due: Vec<Lineage> = self
            .pending
            .iter()
            .filter(|(_, at)| **at <= now)
            .map(|(lineage, _)| lineage.clone())
            .collect();
        let mut started = Vec::new();
        for lineage in due {
            self.pending.remove(&lineage);
            let may_start = standing(&lineage)
                .is_some_and(|s| !s.is_running && s.next_due >= now + BEFORE_SLOT);
            if may_start
                && let Some(bucket) = self.buckets.get_mut(&lineage)
                && bucket.take(now)
            {
                started.push(lineage);
            }
        }
        started
    }
}

#[cfg(test)]
mod tests {
    use bongsu_model::Variant;
    use proptest::prelude::*;

    use super::*;

    fn lineage() -> Lineage {
        Lineage {
            target: TargetName::new("superapp").unwrap(),
            journey: JourneyName::new("login").unwrap(),
            variant: Variant::cold(),
        }
    }

    fn at(seconds: u64) -> Timestamp {
        Timestamp::from_unix_seconds(seconds)
    }

    fn bursts() -> Bursts {
        let mut bursts = Bursts::default();
        bursts.replace(&[(lineage(), Duration::from_secs(10))], at(0));
        bursts
    }

    const FREE: Standing = Standing {
        is_running: false,
        next_due: Timestamp::MAX,
    };

    #[test]
    fn an_agent_looks_again_five_seconds_after_the_end_of_its_newest_failure() {
        let mut bursts = bursts();
        bursts.failed(&lineage(), at(10));
        bursts.failed(&lineage(), at(12));
        assert_eq!(bursts.next_wakeup(), Some(at(17)));
        assert_eq!(bursts.due(at(16), |_| Some(FREE)), []);
        assert_eq!(bursts.due(at(17), |_| Some(FREE)), [lineage()]);
        assert_eq!(bursts.due(at(18), |_| Some(FREE)), []);
        bursts.failed(&lineage(), at(20));
        bursts.passed(&lineage());
        assert_eq!(bursts.next_wakeup(), None);
    }

    #[test]
    fn no_look_starts_beside_a_going_run_or_just_before_a_slot() {
        let going = Standing {
            is_running: true,
            ..FREE
        };
        let near = Standing {
            next_due: at(5) + Duration::from_millis(999),
            ..FREE
        };
        let far = Standing {
            next_due: at(6),
            ..FREE
        };
        for (standing, expected) in [(going, 0), (near, 0), (far, 1)] {
            let mut bursts = bursts();
            bursts.failed(&lineage(), at(0));
            assert_eq!(
                bursts.due(at(5), |_| Some(standing)).len(),
                expected,
                "{standing:?}"
            );
        }
    }

    #[test]
    fn a_request_is_refused_where_a_look_would_be_given_up() {
        let refused = |standing| bursts().ask(&lineage(), at(5), standing);
        let going = Standing {
            is_running: true,
            ..FREE
        };
        let near = Standing {
            next_due: at(5) + Duration::from_millis(999),
            ..FREE
        };
        assert_eq!(refused(Some(FREE)), Ok(()));
        assert_eq!(refused(Some(going)), Err(BurstRefusal::Running));
        assert_eq!(refused(Some(near)), Err(BurstRefusal::NearSlot));
        assert_eq!(refused(None), Err(BurstRefusal::Unknown));
    }

    #[test]
    fn a_request_takes_the_place_of_a_pending_look() {
        let mut bursts = bursts();
        bursts.failed(&lineage(), at(1));
        assert_eq!(bursts.ask(&lineage(), at(2), Some(FREE)), Ok(()));
        assert_eq!(bursts.next_wakeup(), None);
    }

    #[test]
    fn a_lineage_that_left_the_plan_is_not_looked_at() {
        let mut bursts = bursts();
        bursts.failed(&lineage(), at(0));
        bursts.replace(&[], at(1));
        assert_eq!(bursts.next_wakeup(), None);
        bursts.failed(&lineage(), at(1));
        assert_eq!(bursts.next_wakeup(), None);
    }

    proptest! {
        #[test]
        fn requests_and_looks_together_never_exceed_the_one_bucket(
            steps in prop::collection::vec((0_u64..8, any::<bool>()), 1..300),
        ) {
            let mut bursts = bursts();
            let mut now = 0;
            let mut looks = 0_u32;
            for (gap, is_asked) in steps {
                now += gap;
                if is_asked {
                    looks += u32::from(bursts.ask(&lineage(), at(now), Some(FREE)).is_ok());
                } else {
                    bursts.failed(&lineage(), at(now));
                }
                looks += u32::try_from(bursts.due(at(now), |_| Some(FREE)).len()).unwrap();
                let refilled = f64::from(u32::try_from(now).unwrap()) * 0.1 * REFILL;
                prop_assert!(f64::from(looks) <= DEPTH + refilled + 1e-6);
            }
        }

        #[test]
        fn looks_never_exceed_the_bucket_and_a_fifth_of_the_planned_rate(
            gaps in prop::collection::vec(0_u64..20, 1..200),
        ) {
            let mut bursts = bursts();
            let mut now = 0;
            let mut looks = 0_u32;
            for gap in gaps {
                now += gap;
                bursts.failed(&lineage(), at(now));
                now += 5;
                looks += u32::try_from(bursts.due(at(now), |_| Some(FREE)).len()).unwrap();
                let refilled = f64::from(u32::try_from(now).unwrap()) * 0.1 * REFILL;
                prop_assert!(f64::from(looks) <= DEPTH + refilled + 1e-6);
            }
        }
    }
}
