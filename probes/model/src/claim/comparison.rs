//! A claim held against what was measured: one table.

use crate::closed_list::closed_list;
use crate::{ClaimedState, FeatureState};

closed_list! {
    /// What a claim and the measurement of the same feature have to do with each other.
    Comparison: "comparison" {
        /// They agree.
        Same = "same",
        /// They differ: it works better than is claimed.
        MeasuredBetter = "measured_better",
        /// They differ: it works worse than is claimed.
        MeasuredWorse = "measured_worse",
        /// Nothing was measured that could confirm or contradict the claim.
        NotMeasured = "not_measured",
        /// The claim gives no state that could be measured.
        NotComparable = "not_comparable",
    }
}

impl Comparison {
    /// Holds what is claimed of a feature against its measured state.
    ///
    /// | claimed | `operational` | `degraded` | `recovering` | `partial_outage` | `major_outage` |
    /// |---|---|---|---|---|---|
    /// | `up` | same | worse | worse | worse | worse |
    /// | `degraded` | better | same | same | same | worse |
    /// | `recovering` | better | same | same | same | same |
    /// | `down` | better | better | better | same | same |
    ///
    /// "Recovering" is what owners say of all that is not wholly restored, whether or not it has
    /// begun to work: only a feature that works contradicts it. Beside the measured states
    /// `unknown`, `unmeasured` and `maintenance` these claims are not measured. A claim of
    /// `maintenance` agrees with the measured `maintenance` and is otherwise not comparable, as
    /// are `unknown` and `unmeasured` always.
    pub const fn of(claimed: ClaimedState, measured: FeatureState) -> Self {
        use FeatureState as M;
        match claimed {
            ClaimedState::Up => match measured {
                M::Operational => Self::Same,
                M::Degraded | M::Recovering | M::PartialOutage | M::MajorOutage => {
                    Self::MeasuredWorse
                }
                M::Unknown | M::Maintenance | M::Unmeasured => Self::NotMeasured,
            },
            ClaimedState::Degraded => match measured {
                M::Operational => Self::MeasuredBetter,
                M::Degraded | M::Recovering | M::PartialOutage => Self::Same,
                M::MajorOutage => Self::MeasuredWorse,
                M::Unknown | M::Maintenance | M::Unmeasured => Self::NotMeasured,
            },
            ClaimedState::Recovering => match measured {
                M::Operational => Self::MeasuredBetter,
                M::Degraded | M::Recovering | M::PartialOutage | M::MajorOutage => Self::Same,
                M::Unknown | M::Maintenance | M::Unmeasured => Self::NotMeasured,
            },
            ClaimedState::Down => match measured {
                M::Operational | M::Degraded | M::Recovering => Self::MeasuredBetter,
                M::PartialOutage | M::MajorOutage => Self::Same,
                M::Unknown | M::Maintenance | M::Unmeasured => Self::NotMeasured,
            },
            ClaimedState::Maintenance => match measured {
                M::Maintenance => Self::Same,
                M::Operational
                | M::Degraded
                | M::Recovering
                | M::PartialOutage
                | M::MajorOutage
                | M::Unknown
                | M::Unmeasured => Self::NotComparable,
            },
            ClaimedState::Unknown | ClaimedState::Unmeasured => Self::NotComparable,
        }
    }

    /// Whether measurement and claim contradict each other.
    pub const fn differs(self) -> bool {
        match self {
            Self::MeasuredBetter | Self::MeasuredWorse => true,
            Self::Same | Self::NotMeasured | Self::NotComparable => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How well it works, from the worst.
    fn rank(measured: FeatureState) -> Option<u8> {
        match measured {
            FeatureState::MajorOutage => Some(0),
            FeatureState::PartialOutage => Some(1),
            FeatureState::Recovering => Some(2),
            FeatureState::Degraded => Some(3),
            FeatureState::Operational => Some(4),
            FeatureState::Unknown | FeatureState::Maintenance | FeatureState::Unmeasured => None,
        }
    }

    #[test]
    fn what_is_not_measured_contradicts_nobody() {
        for claimed in ClaimedState::ALL {
            for measured in FeatureState::ALL {
                if rank(*measured).is_none() {
                    assert!(!Comparison::of(*claimed, *measured).differs());
                }
            }
        }
    }

    #[test]
    fn the_better_it_works_the_less_it_works_worse_than_claimed() {
        let order = |comparison| match comparison {
            Comparison::MeasuredWorse => 0,
            Comparison::Same => 1,
            Comparison::MeasuredBetter => 2,
            Comparison::NotMeasured | Comparison::NotComparable => panic!("measured"),
        };
        let mut measured: Vec<FeatureState> = FeatureState::ALL.to_vec();
        measured.retain(|state| rank(*state).is_some());
        measured.sort_by_key(|state| rank(*state));
        for claimed in [
            ClaimedState::Up,
            ClaimedState::Degraded,
            ClaimedState::Recovering,
            ClaimedState::Down,
        ] {
            let found: Vec<i32> = measured
                .iter()
                .map(|state| order(Comparison::of(claimed, *state)))
                .collect();
            assert!(found.is_sorted(), "{claimed}: {found:?}");
            assert!(found.contains(&1), "{claimed} agrees with nothing");
        }
    }

    #[test]
    fn a_claim_without_a_state_is_comparable_with_nothing() {
        for measured in FeatureState::ALL {
            for claimed in [ClaimedState::Unknown, ClaimedState::Unmeasured] {
                let found = Comparison::of(claimed, *measured);
                assert_eq!(found, Comparison::NotComparable);
            }
        }
    }
}
