//! How fast debts are paid, and whose turn it is: a platform that is down is not hammered, one that
//! recovers is not overrun by the debts of its outage, and what works again is not held up by what
//! does not. Pure.

use std::collections::BTreeMap;
use std::time::Duration;

use bongsu_model::{JourneyName, Monotonic, TargetName};
use bongsu_probes::Debt;

/// The rest of a target's lane after a payment that was sent: the 8,640 debts of a day's outage take
/// two and a half hours and what their payments take, and the two lanes add two small runs a second
/// at most to what the target carries.
const AFTER_SENT: Duration = Duration::from_secs(1);

/// The rest of a journey after its first payment that failed; it doubles with each in a row.
const AFTER_FAILED: Duration = Duration::from_secs(5);

/// The longest rest of a journey: what is left behind is cleaned up soon after its feature is
/// back. A target that is down as a whole is asked at most once in that time by each of its
/// journeys: less than their runs ask of it, unless those come less often.
const AFTER_FAILED_MAX: Duration = Duration::from_secs(300);

/// The rest when nothing was sent: a debt that cannot be tried lets the next one try soon.
const AFTER_UNTRIED: Duration = Duration::from_millis(100);

/// How often debts that wait for their time are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// The shortest sleep, in the machine's time: under a clock that is much faster a second is a
/// millisecond or two, and all debts are gone through at each look.
const SLEEP_MIN: Duration = Duration::from_millis(10);

/// How a payment ended for its lane and its journey.
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

/// Which debts of a target are paid one after the other. What works again has a lane of its own, so
/// that what is still down, of which each try may take its whole time, does not hold it up but for
/// the first try of each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lane {
    /// Of journeys of which the last payment did not fail.
    Working,
    /// Of journeys of which it did.
    Failing,
}

/// Whether a payment may begin in a lane.
#[derive(Debug, Default, Clone, Copy)]
enum Standing {
    #[default]
    Free,
    /// A payment is going.
    Taken,
    RestsUntil(Monotonic),
}

impl Standing {
    fn is_free(self, now: Monotonic) -> bool {
        match self {
            Self::Free => true,
            Self::Taken => false,
            Self::RestsUntil(until) => until <= now,
        }
    }

    const fn rests_until(self) -> Option<Monotonic> {
        match self {
            Self::RestsUntil(until) => Some(until),
            Self::Free | Self::Taken => None,
        }
    }
}

/// What is known of one journey of a target.
#[derive(Debug)]
struct Journey {
    /// When a payment of it last began.
    begun: Monotonic,
    /// Where its last payment failed.
    failing: Option<Failing>,
}

/// What is known of one target.
#[derive(Debug, Default)]
struct Target {
    working: Standing,
    failing: Standing,
    /// Its journeys of which a payment was tried; as many as its plans had.
    journeys: BTreeMap<JourneyName, Journey>,
}

impl Target {
    fn lane_of(&self, journey: &JourneyName) -> Lane {
        match self.journeys.get(journey) {
            Some(one) if one.failing.is_some() => Lane::Failing,
            Some(_) | None => Lane::Working,
        }
    }

    const fn standing(&mut self, lane: Lane) -> &mut Standing {
        match lane {
            Lane::Working => &mut self.working,
            Lane::Failing => &mut self.failing,
        }
    }
}

/// Whose turn it is among the journeys that owe: the lowest goes first. It is that of the journey
/// that waited longest, so that none is held up by how much others owe.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Turn(Option<Monotonic>);

/// The targets that have owed something since the start; as many as the plans had.
#[derive(Debug, Default)]
pub(super) struct Pace(BTreeMap<TargetName, Target>);

impl Pace {
    /// When it is `debt`'s turn among those that may be paid now; none if it may not.
    pub(super) fn turn(&self, debt: &Debt, now: Monotonic) -> Option<Turn> {
        let Some(target) = self.0.get(&debt.target) else {
            return Some(Turn(None));
        };
        let Some(journey) = target.journeys.get(&debt.journey) else {
            return target.working.is_free(now).then_some(Turn(None));
        };
        let may = match &journey.failing {
            None => target.working.is_free(now),
            Some(failing) => target.failing.is_free(now) && failing.until <= now,
        };
        may.then_some(Turn(Some(journey.begun)))
    }

    /// How long to sleep until a lane or a journey has rested, at most [`LOOK_EVERY`]; in the
    /// machine's time, where the clock that rests are counted by passes `speed` times as fast.
    pub(super) fn nap(&self, now: Monotonic, speed: f64) -> Duration {
        let rests = self.0.values().flat_map(|target| {
            let failing = target
                .journeys
                .values()
                .filter_map(|one| one.failing.as_ref());
            let lanes = [target.working, target.failing].map(Standing::rests_until);
            let until = failing.map(|failing| failing.until);
            lanes.into_iter().flatten().chain(until)
        });
        let soonest = rests.filter(|until| *until > now).min();
        let rest = soonest.map_or(LOOK_EVERY, |until| until.since(now).min(LOOK_EVERY));
        rest.div_f64(speed.max(1.0)).max(SLEEP_MIN)
    }

    /// A payment of `debt` begins; gives the lane that is taken until it ends.
    pub(super) fn begun(&mut self, debt: &Debt, now: Monotonic) -> Lane {
        let target = self.0.entry(debt.target.clone()).or_default();
        let lane = target.lane_of(&debt.journey);
        *target.standing(lane) = Standing::Taken;
        let journey = target.journeys.entry(debt.journey.clone());
        let journey = journey.or_insert(Journey {
            begun: now,
            failing: None,
        });
        journey.begun = now;
        lane
    }

    /// It ended at `now`. Says whether its journey works again by that.
    pub(super) fn ended(
        &mut self,
        (debt, lane): (&Debt, Lane),
        payment: Payment,
        now: Monotonic,
    ) -> bool {
        let Some(target) = self.0.get_mut(&debt.target) else {
            return false;
        };
        let rest = match payment {
            Payment::Paid | Payment::Failed => AFTER_SENT,
            Payment::Untried => AFTER_UNTRIED,
        };
        *target.standing(lane) = Standing::RestsUntil(now + rest);
        let Some(journey) = target.journeys.get_mut(&debt.journey) else {
            return false;
        };
        match payment {
            Payment::Paid => return journey.failing.take().is_some(),
            // It was begun before the journey recovered, and says nothing of it since.
            Payment::Failed if lane == Lane::Failing && journey.failing.is_none() => {}
            Payment::Failed => {
                let failing = journey.failing.get_or_insert(Failing {
                    until: now,
                    times: 0,
                });
                let doubled = AFTER_FAILED.saturating_mul(1 << failing.times.min(10));
                failing.until = now + doubled.min(AFTER_FAILED_MAX);
                failing.times = failing.times.saturating_add(1);
            }
            Payment::Untried => {}
        }
        false
    }

    /// Runs of the journey are good again: its debts need not rest any more.
    pub(super) fn recovered(&mut self, target: &TargetName, journey: &JourneyName) {
        let target = self.0.get_mut(target);
        if let Some(journey) = target.and_then(|one| one.journeys.get_mut(journey)) {
            journey.failing = None;
        }
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

    fn pay(pace: &mut Pace, debt: &Debt, payment: Payment, now: Monotonic) {
        let lane = pace.begun(debt, now);
        let _works_again = pace.ended((debt, lane), payment, now);
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
                if pace.turn(one, now).is_some() {
                    let lane = pace.begun(one, now);
                    let target = &pace.0[&one.target];
                    let mut same = debts.iter().filter(|d| target.lane_of(&d.journey) == lane);
                    let is_taken = same.all(|debt| pace.turn(debt, now).is_none());
                    assert!(is_taken, "one at a time");
                    let _works_again = pace.ended((one, lane), payment, now);
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
        let most = 66 * (7 + (10_800 - 315) / 300);
        let begun = begun_within(10_800, 66, Payment::Failed);
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
        let one = debt("superapp", "send-message");
        pay(&mut pace, &one, Payment::Untried, at(0));
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
            pay(&mut pace, &photos, Payment::Failed, at(0));
        }
        assert!(
            pace.turn(&taxi, at(999)).is_none(),
            "the first try was in its lane"
        );
        assert!(pace.turn(&taxi, at(1_000)).is_some());
        assert!(pace.turn(&photos, at(299_999)).is_none());
        assert!(pace.turn(&photos, at(300_000)).is_some());
        let lane = pace.begun(&photos, at(300_000));
        assert!(
            pace.turn(&taxi, at(300_000)).is_some(),
            "while it takes its whole time"
        );
        pay(&mut pace, &taxi, Payment::Paid, at(300_000));
        assert!(!pace.ended((&photos, lane), Payment::Failed, at(304_000)));
        assert!(pace.turn(&taxi, at(304_000)).is_some());
    }

    #[test]
    fn a_target_gets_two_payments_a_second_at_most() {
        let mut pace = Pace::default();
        let debts: Vec<_> = (0..40)
            .map(|n| debt("superapp", &format!("j{n}")))
            .collect();
        let mut begun = 0;
        for now in (0..600).map(|tenth| at(tenth * 100)) {
            let next = |pace: &Pace| {
                let turns = debts.iter().enumerate();
                let turns = turns.filter_map(|(n, one)| Some((pace.turn(one, now)?, n)));
                turns.min().map(|(_, n)| n)
            };
            while let Some(n) = next(&pace) {
                let payment = [Payment::Paid, Payment::Failed][n % 2];
                pay(&mut pace, &debts[n], payment, now);
                begun += 1;
            }
        }
        // Two lanes of a minute; that a journey fails is known from its first try on.
        assert!((90..=120).contains(&begun), "{begun}");
    }

    #[test]
    fn journeys_take_turns_however_much_one_owes() {
        let debts = ["a", "b", "c"].map(|journey| debt("superapp", journey));
        let mut pace = Pace::default();
        let mut order = Vec::new();
        for now in (0..6).map(|second| at(second * 1_000)) {
            let turns = debts
                .iter()
                .filter_map(|one| Some((pace.turn(one, now)?, one)));
            let (_, next) = turns.min_by_key(|(turn, _)| *turn).unwrap();
            order.push(next.journey.to_string());
            pay(&mut pace, next, Payment::Paid, now);
        }
        assert_eq!(order, ["a", "b", "c", "a", "b", "c"]);
    }

    #[test]
    fn a_success_ends_the_long_rests_of_its_journey_and_another_target_is_not_held_up() {
        let (own, other) = (debt("superapp", "call-taxi"), debt("other", "call-taxi"));
        let mut pace = Pace::default();
        for _ in 0..9 {
            pay(&mut pace, &own, Payment::Failed, at(0));
        }
        let lane = pace.begun(&own, at(300_000));
        assert!(pace.turn(&other, at(300_000)).is_some());
        assert!(pace.ended((&own, lane), Payment::Paid, at(300_000)));
        pay(&mut pace, &own, Payment::Failed, at(301_000));
        assert!(pace.turn(&own, at(305_999)).is_none());
        assert!(pace.turn(&own, at(306_000)).is_some());
    }

    #[test]
    fn runs_that_are_good_again_end_the_rests_of_their_journey() {
        let own = debt("superapp", "call-taxi");
        let mut pace = Pace::default();
        for _ in 0..9 {
            pay(&mut pace, &own, Payment::Failed, at(0));
        }
        assert!(pace.turn(&own, at(10_000)).is_none());
        let lane = pace.begun(&own, at(300_000));
        pace.recovered(&own.target, &own.journey);
        assert!(pace.turn(&own, at(300_000)).is_some(), "in the other lane");
        pay(&mut pace, &own, Payment::Paid, at(300_000));
        // A try that was begun while it was down ends now, and badly.
        assert!(!pace.ended((&own, lane), Payment::Failed, at(301_000)));
        assert!(pace.turn(&own, at(301_000)).is_some());
    }
}
