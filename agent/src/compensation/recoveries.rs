//! Which journeys work again: then what they owe is worth a try. Pure.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use bongsu_model::{JourneyName, Monotonic, Outcome, TargetName};

use crate::schedule::Lineage;

/// A journey of a target.
type Key = (TargetName, JourneyName);

/// How long a journey that recovered does not recover again: of one that fails now and then, what
/// can never be paid is not tried at every change.
const APART: Duration = Duration::from_secs(300);

/// What is known of the journeys of all targets; of as many as plans had.
#[derive(Debug, Default)]
pub(super) struct Recoveries {
    /// Those of which the last run that says something was not good. Warm and cold are told apart:
    /// while nobody can sign in, the one is good and the other is not.
    out: BTreeSet<Lineage>,
    /// When each recovered last.
    last: BTreeMap<Key, Monotonic>,
    /// Those that recovered since it was last asked.
    untold: BTreeSet<Key>,
}

impl Recoveries {
    /// Learns from a run how its journey does; says whether it recovered by that, which it does
    /// when a run is good after others were not.
    pub(super) fn learn(&mut self, lineage: &Lineage, verdict: &Outcome, now: Monotonic) -> bool {
        match verdict {
            Outcome::Fail(_) | Outcome::Blocked(_) => {
                self.out.insert(lineage.clone());
                false
            }
            Outcome::Blind(_) | Outcome::Skipped(_) => false,
            Outcome::Pass | Outcome::Slow => {
                let recovered = self.out.contains(lineage)
                    && self.works(&lineage.target, &lineage.journey, now);
                if recovered {
                    self.out.remove(lineage);
                }
                recovered
            }
        }
    }

    /// The journey was seen to work; says whether it recovered by that. Not so soon after the last
    /// time: then what shows it next counts.
    pub(super) fn works(
        &mut self,
        target: &TargetName,
        journey: &JourneyName,
        now: Monotonic,
    ) -> bool {
        let key = (target.clone(), journey.clone());
        let last = self.last.get(&key);
        if last.is_some_and(|last| now.since(*last) < APART) {
            return false;
        }
        self.last.insert(key.clone(), now);
        self.untold.insert(key);
        true
    }

    pub(super) fn take_untold(&mut self) -> BTreeSet<Key> {
        std::mem::take(&mut self.untold)
    }
}

#[cfg(test)]
mod tests {
    use bongsu_model::{FailClass, SkipReason, Variant};

    use super::*;

    fn of(variant: Variant) -> Lineage {
        Lineage {
            target: TargetName::new("superapp").unwrap(),
            journey: JourneyName::new("send-message").unwrap(),
            variant,
        }
    }

    fn at(seconds: u64) -> Monotonic {
        Monotonic::from_origin(Duration::from_secs(seconds))
    }

    const BAD: Outcome = Outcome::Fail(FailClass::Timeout);

    #[test]
    fn a_journey_recovers_when_a_run_is_good_after_others_were_not() {
        let (cold, warm) = (of(Variant::cold()), of(Variant::warm()));
        let mut known = Recoveries::default();
        assert!(
            !known.learn(&cold, &Outcome::Pass, at(0)),
            "it was never out"
        );
        assert!(!known.learn(&cold, &BAD, at(1)));
        let skipped = Outcome::Skipped(SkipReason::Budget);
        assert!(!known.learn(&cold, &skipped, at(2)), "it says nothing");
        assert!(
            !known.learn(&warm, &Outcome::Pass, at(3)),
            "the other was out"
        );
        assert!(known.learn(&cold, &Outcome::Slow, at(4)));
        let told = known.take_untold();
        assert!(told.contains(&(cold.target.clone(), cold.journey.clone())));
        assert!(known.take_untold().is_empty(), "told once");
        assert!(
            !known.learn(&cold, &Outcome::Pass, at(999)),
            "recovered once"
        );
    }

    #[test]
    fn a_journey_that_fails_now_and_then_recovers_now_and_then() {
        let cold = of(Variant::cold());
        let mut known = Recoveries::default();
        let mut recovered = Vec::new();
        for minute in 0..20 {
            known.learn(&cold, &BAD, at(60 * minute));
            if known.learn(&cold, &Outcome::Pass, at(60 * minute + 30)) {
                recovered.push(minute);
            }
        }
        assert_eq!(recovered, [0, 5, 10, 15]);
        // What was too soon is not lost: the next good run counts.
        known.learn(&cold, &BAD, at(1_210));
        assert!(!known.learn(&cold, &Outcome::Pass, at(1_229)));
        assert!(known.learn(&cold, &Outcome::Pass, at(1_230)));
    }
}
