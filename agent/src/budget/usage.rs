//! The use of one account by the hour, so that any 24 hours can be added up. Pure.

use std::collections::BTreeMap;

use bongsu_language::Journey;
use bongsu_model::Timestamp;

/// Hours that are kept: those that any 24 hours can touch.
const HOURS: u64 = 25;

const HOUR_NANOS: u64 = 3_600_000_000_000;

/// What a run takes from an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
pub(crate) struct Charge {
    pub(crate) runs: u64,
    /// In whole minor units.
    pub(crate) money: u64,
}

impl Charge {
    /// What one run of the journey takes from the account of the actor with this index.
    pub(crate) fn of(journey: &Journey, actor: usize) -> Self {
        Self {
            runs: 1,
            money: journey.spends(actor).unwrap_or(0),
        }
    }

    fn plus(self, other: Self) -> Self {
        Self {
            runs: self.runs.saturating_add(other.runs),
            money: self.money.saturating_add(other.money),
        }
    }
}

/// The use of one account. A clock that was set back finds its later hours still counted.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
pub(crate) struct Usage {
    /// By the number of the hour since the Unix epoch.
    hours: BTreeMap<u64, Charge>,
}

impl Usage {
    /// All use of the last 24 hours, and of the rest of the hour in which they begin.
    pub(crate) fn within_a_day(&self, now: Timestamp) -> Charge {
        let from = (hour(now) + 1).saturating_sub(HOURS);
        self.hours
            .range(from..)
            .fold(Charge::default(), |sum, (_, charge)| sum.plus(*charge))
    }

    pub(crate) fn add(&mut self, now: Timestamp, charge: Charge) {
        let from = (hour(now) + 1).saturating_sub(HOURS);
        self.hours = self.hours.split_off(&from);
        let entry = self.hours.entry(hour(now)).or_default();
        *entry = entry.plus(charge);
    }

    /// Takes money out of the hour in which it was charged.
    pub(crate) fn give_back(&mut self, charged: Timestamp, money: u64) {
        if let Some(charge) = self.hours.get_mut(&hour(charged)) {
            charge.money = charge.money.saturating_sub(money);
        }
    }
}

fn hour(at: Timestamp) -> u64 {
    at.as_unix_nanos() / HOUR_NANOS
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(minutes: u64) -> Timestamp {
        Timestamp::from_unix_seconds(1_000_000 * 3600 + minutes * 60)
    }

    #[test]
    fn use_counts_for_a_day_and_then_makes_room() {
        let mut usage = Usage::default();
        let charge = Charge {
            runs: 1,
            money: 100,
        };
        usage.add(at(0), charge);
        usage.add(at(59), charge);
        assert_eq!(usage.within_a_day(at(60)).runs, 2);
        assert_eq!(usage.within_a_day(at(24 * 60)).money, 200);
        assert_eq!(usage.within_a_day(at(25 * 60)).money, 0);
        usage.give_back(at(30), 150);
        assert_eq!(usage.within_a_day(at(60)).money, 50);
        usage.give_back(at(30), 150);
        assert_eq!(usage.within_a_day(at(60)).money, 0, "never less than none");
    }

    proptest! {
        /// Whatever the times, what is allowed by the sum never exceeds the bound in any 24 hours.
        #[test]
        fn no_24_hours_hold_more_than_was_allowed(gaps in prop::collection::vec(0_u64..200, 1..300)) {
            const BOUND: u64 = 7;
            let mut usage = Usage::default();
            let mut runs: Vec<u64> = Vec::new();
            let mut now = 0;
            for gap in gaps {
                now += gap;
                if usage.within_a_day(at(now)).runs < BOUND {
                    usage.add(at(now), Charge { runs: 1, money: 0 });
                    runs.push(now);
                }
            }
            for start in &runs {
                let day = start..&(start + 24 * 60);
                let count = runs.iter().filter(|run| day.contains(run)).count();
                prop_assert!(count as u64 <= BOUND);
            }
            prop_assert!(usage.hours.len() <= 25);
        }
    }
}
