//! How fast debts of one target are paid: a platform that is down is not hammered, and one that
//! recovers is not overrun by the debts of its outage. Pure.

use std::collections::BTreeMap;
use std::time::Duration;

use bongsu_model::{Monotonic, TargetName};

/// The rest after a payment that worked: the 8,640 debts of a day's outage are paid within
/// two and a half hours, and add one small run a second to what the target carries.
const AFTER_PAID: Duration = Duration::from_secs(1);

/// The rest after the first payment that failed; it doubles with each in a row.
const AFTER_FAILED: Duration = Duration::from_secs(5);

/// The longest rest: what is left behind is cleaned up soon after the platform is back.
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

#[derive(Debug, Default)]
struct Rest {
    /// None while a payment is going.
    until: Option<Monotonic>,
    /// Payments in a row that failed, whichever debts they were for.
    failures: u32,
}

/// The targets that have owed something since the start; as many as the plans had.
#[derive(Debug, Default)]
pub(super) struct Pace(BTreeMap<TargetName, Rest>);

impl Pace {
    /// The targets where nothing may be paid now.
    pub(super) fn busy(&self, now: Monotonic) -> Vec<TargetName> {
        let is_busy = |rest: &Rest| rest.until.is_none_or(|until| until > now);
        let busy = self.0.iter().filter(|(_, rest)| is_busy(rest));
        busy.map(|(target, _)| target.clone()).collect()
    }

    /// How long to sleep until a target has rested, at most [`LOOK_EVERY`]; in the machine's time,
    /// where the clock that rests are counted by passes `speed` times as fast.
    pub(super) fn nap(&self, now: Monotonic, speed: f64) -> Duration {
        let rests = self.0.values().filter_map(|rest| rest.until);
        let soonest = rests.filter(|until| *until > now).min();
        let rest = soonest.map_or(LOOK_EVERY, |until| until.since(now).min(LOOK_EVERY));
        rest.div_f64(speed.max(1.0)).max(SLEEP_MIN)
    }

    /// A payment to `target` begins.
    pub(super) fn begun(&mut self, target: TargetName) {
        self.0.entry(target).or_default().until = None;
    }

    /// It ended at `now`.
    pub(super) fn ended(&mut self, target: &TargetName, payment: Payment, now: Monotonic) {
        let Some(rest) = self.0.get_mut(target) else {
            return;
        };
        let length = match payment {
            Payment::Paid => {
                rest.failures = 0;
                AFTER_PAID
            }
            Payment::Failed => {
                let doubled = AFTER_FAILED.saturating_mul(1 << rest.failures.min(10));
                rest.failures = rest.failures.saturating_add(1);
                doubled.min(AFTER_FAILED_MAX)
            }
            Payment::Untried => AFTER_UNTRIED,
        };
        rest.until = Some(now + length);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target() -> TargetName {
        TargetName::new("superapp").unwrap()
    }

    fn at(millis: u64) -> Monotonic {
        Monotonic::from_origin(Duration::from_millis(millis))
    }

    /// Payments that begin within `seconds` when there is always a debt to pay.
    fn begun_within(seconds: u64, payment: Payment) -> usize {
        let mut pace = Pace::default();
        let begun = (0..seconds * 10)
            .map(|tenth| at(tenth * 100))
            .filter(|now| {
                let is_free = pace.busy(*now).is_empty();
                if is_free {
                    pace.begun(target());
                    assert_eq!(pace.busy(*now), [target()], "one at a time");
                    pace.ended(&target(), payment, *now);
                }
                is_free
            });
        begun.count()
    }

    #[test]
    fn a_days_outage_of_the_platform_is_not_hammered_by_its_debts() {
        // 5 + 10 + … + 160 s, then one in 300 s.
        assert_eq!(
            begun_within(86_400, Payment::Failed),
            7 + (86_400 - 315) / 300
        );
    }

    #[test]
    fn a_platform_that_recovers_gets_one_payment_a_second() {
        assert_eq!(begun_within(60, Payment::Paid), 60);
    }

    #[test]
    fn rests_are_slept_as_fast_as_the_clock_passes() {
        let mut pace = Pace::default();
        assert_eq!(pace.nap(at(0), 1.0), LOOK_EVERY);
        assert_eq!(pace.nap(at(0), 10.0), LOOK_EVERY / 10);
        assert_eq!(pace.nap(at(0), 600.0), SLEEP_MIN);
        pace.begun(target());
        pace.ended(&target(), Payment::Untried, at(0));
        assert_eq!(pace.nap(at(0), 1.0), AFTER_UNTRIED);
        assert_eq!(pace.nap(at(0), 4.0), AFTER_UNTRIED / 4);
    }

    #[test]
    fn a_success_ends_the_long_rests_and_another_target_is_not_held_up() {
        let mut pace = Pace::default();
        for _ in 0..9 {
            pace.begun(target());
            pace.ended(&target(), Payment::Failed, at(0));
        }
        assert_eq!(pace.busy(at(299_999)), [target()]);
        assert_eq!(pace.busy(at(300_000)), []);
        let other = TargetName::new("other").unwrap();
        pace.begun(other.clone());
        assert_eq!(pace.busy(at(300_000)), [other]);
        pace.begun(target());
        pace.ended(&target(), Payment::Paid, at(300_000));
        pace.begun(target());
        pace.ended(&target(), Payment::Failed, at(301_000));
        assert!(!pace.busy(at(306_000)).contains(&target()));
    }
}
