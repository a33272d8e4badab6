//! How fast debts are paid: a platform that is down is not hammered, one that recovers is not
//! overrun by the debts of its outage, and what works again is not held up by what does not. Pure.

use std::collections::BTreeMap;
use std::time::Duration;

use bongsu_model::{JourneyName, Monotonic, TargetName};
use bongsu_probes::Debt;

/// The rest of a target after a payment that was sent: the 8,640 debts of a day's outage are paid
/// within two and a half hours, and add one small run a second to what the target carries.
const AFTER_SENT: Duration = Duration::from_secs(1);

/// The rest of a journey after its first payment that failed; it doubles with each in a row.
const AFTER_FAILED: Duration = Duration::from_secs(5);

/// The longest rest of a journey: what is left behind is cleaned up soon after its feature is
/// back. A target that is down as a whole is asked once in that time by each of its journeys: less
/// than their runs ask of it, unless those come less often.
const AFTER_FAILED_MAX: Duration = Duration::from_secs(300);

/// The rest when nothing was sent: a debt that cannot be tried lets the next one try soon.
const AFTER_UNTRIED: Duration = Duration::from_millis(100);

/// How often debts that wait for their time are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// The shortest sleep, in the machine's time: under a clock that is much faster a second is a
/// millisecond or two, and all debts are gone through at each look.
const SLEEP_MIN: Duration = Duration::from_millis(20);

/// How a payment ended for its target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Payment {
    /// The platform took it.
    Paid,
    /// It was tried, and something is still owed.
    Failed,
    /// Nothing was sent.
    Untried,
}

/// Payments of one journey in a row that failed, whichever debts they were for.
#[derive(Debug)]
struct Failing {
    until: Monotonic,
    times: u32,
}

/// What is known of one target.
#[derive(Debug, Default)]
struct Target {
    /// None while a payment is going.
    rests_until: Option<Monotonic>,
    /// Its journeys of which the last payment failed.
    failing: BTreeMap<JourneyName, Failing>,
}

/// The targets that have owed something since the start; as many as the plans had.
#[derive(Debug, Default)]
pub(super) struct Pace(BTreeMap<TargetName, Target>);

impl Pace {
    /// Whether `debt` may be paid now.
    pub(super) fn allows(&self, debt: &Debt, now: Monotonic) -> bool {
        let Some(target) = self.0.get(&debt.target) else {
            return true;
        };
        let failing = target.failing.get(&debt.journey);
        target.rests_until.is_some_and(|until| until <= now)
            && failing.is_none_or(|failing| failing.until <= now)
    }

    /// How long to sleep until a target or a journey has rested, at most [`LOOK_EVERY`]; in the
    /// machine's time, where the clock that rests are counted by passes `speed` times as fast.
    pub(super) fn nap(&self, now: Monotonic, speed: f64) -> Duration {
        let rests = self.0.values().flat_map(|target| {
            let failing = target.failing.values().map(|failing| failing.until);
            target.rests_until.into_iter().chain(failing)
        });
        let soonest = rests.filter(|until| *until > now).min();
        let rest = soonest.map_or(LOOK_EVERY, |until| until.since(now).min(LOOK_EVERY));
        rest.div_f64(speed.max(1.0)).max(SLEEP_MIN)
    }

    /// A payment of `debt` begins.
    pub(super) fn begun(&mut self, debt: &Debt) {
        self.0.entry(debt.target.clone()).or_default().rests_until = None;
    }

    /// It ended at `now`.
    pub(super) fn ended(&mut self, debt: &Debt, payment: Payment, now: Monotonic) {
        let Some(target) = self.0.get_mut(&debt.target) else {
            return;
        };
        let rest = match payment {
            Payment::Paid => {
                target.failing.remove(&debt.journey);
                AFTER_SENT
            }
            Payment::Failed => {
                let failing = target.failing.entry(debt.journey.clone());
                let failing = failing.or_insert(Failing {
                    until: now,
                    times: 0,
                });
                let doubled = AFTER_FAILED.saturating_mul(1 << failing.times.min(10));
                failing.until = now + doubled.min(AFTER_FAILED_MAX);
                failing.times = failing.times.saturating_add(1);
                AFTER_SENT
            }
            Payment::Untried => AFTER_UNTRIED,
        };
        target.rests_until = Some(now + rest);
    }
}

#[cfg(test)]
mod tests {
    use bongsu_model::{Revision, RunId, Timestamp, Variant};

    use super::*;

    fn debt(target: &str, journey: &str) -> Debt {
        Debt {
            run: RunId::from_bytes([1; 16]),
            target: TargetName::new(target).unwrap(),
            journey: JourneyName::new(journey).unwrap(),
            journey_revision: Revision::of(b""),
            variant: Variant::cold(),
            accounts: Vec::new(),
            scopes: vec![0],
            variables: Vec::new(),
            since: Timestamp::EPOCH,
            attempts: 0,
        }
    }

    fn at(millis: u64) -> Monotonic {
        Monotonic::from_origin(Duration::from_millis(millis))
    }

    /// Payments that begin within `seconds` when each of `journeys` always has a debt to pay.
    fn begun_within(seconds: u64, journeys: usize, payment: Payment) -> usize {
        let mut pace = Pace::default();
        let debts: Vec<_> = (0..journeys)
            .map(|n| debt("superapp", &format!("j{n}")))
            .collect();
        let mut begun = 0;
        for now in (0..seconds * 10).map(|tenth| at(tenth * 100)) {
            for one in &debts {
                if pace.allows(one, now) {
                    pace.begun(one);
                    assert!(
                        debts.iter().all(|debt| !pace.allows(debt, now)),
                        "one at a time"
                    );
                    pace.ended(one, payment, now);
                    begun += 1;
                }
            }
        }
        begun
    }

    #[test]
    fn a_days_outage_of_a_feature_is_not_hammered_by_its_debts() {
        // 5 + 10 + … + 160 s, then one in 300 s.
        let once = 7 + (86_400 - 315) / 300;
        assert_eq!(begun_within(86_400, 1, Payment::Failed), once);
    }

    #[test]
    fn a_platform_that_is_down_as_a_whole_is_asked_by_each_journey_now_and_then() {
        let most = 66 * (7 + (86_400 - 315) / 300);
        let begun = begun_within(86_400, 66, Payment::Failed);
        assert!((most * 9 / 10..=most).contains(&begun), "{begun}");
    }

    #[test]
    fn a_platform_that_recovers_gets_one_payment_a_second() {
        assert_eq!(begun_within(60, 1, Payment::Paid), 60);
        assert_eq!(begun_within(60, 66, Payment::Paid), 60);
    }

    #[test]
    fn rests_are_slept_as_fast_as_the_clock_passes() {
        let mut pace = Pace::default();
        assert_eq!(pace.nap(at(0), 1.0), LOOK_EVERY);
        assert_eq!(pace.nap(at(0), 10.0), LOOK_EVERY / 10);
        assert_eq!(pace.nap(at(0), 600.0), SLEEP_MIN);
        pace.begun(&debt("superapp", "send-message"));
        pace.ended(&debt("superapp", "send-message"), Payment::Untried, at(0));
        assert_eq!(pace.nap(at(0), 1.0), AFTER_UNTRIED);
        assert_eq!(pace.nap(at(0), 4.0), AFTER_UNTRIED / 4);
    }

    #[test]
    fn what_works_again_is_paid_while_the_rest_still_fails() {
        let (photos, taxi) = (
            debt("superapp", "send-image"),
            debt("superapp", "call-taxi"),
        );
        let mut pace = Pace::default();
        for _ in 0..9 {
            pace.begun(&photos);
            pace.ended(&photos, Payment::Failed, at(0));
        }
        assert!(!pace.allows(&taxi, at(999)), "the target rests a second");
        assert!(pace.allows(&taxi, at(1_000)));
        assert!(!pace.allows(&photos, at(299_999)));
        assert!(pace.allows(&photos, at(300_000)));
    }

    #[test]
    fn a_success_ends_the_long_rests_of_its_journey_and_another_target_is_not_held_up() {
        let (own, other) = (debt("superapp", "call-taxi"), debt("other", "call-taxi"));
        let mut pace = Pace::default();
        for _ in 0..9 {
            pace.begun(&own);
            pace.ended(&own, Payment::Failed, at(0));
        }
        pace.begun(&own);
        assert!(pace.allows(&other, at(300_000)));
        pace.ended(&own, Payment::Paid, at(300_000));
        pace.begun(&own);
        pace.ended(&own, Payment::Failed, at(301_000));
        assert!(!pace.allows(&own, at(305_999)));
        assert!(pace.allows(&own, at(306_000)));
    }
}
