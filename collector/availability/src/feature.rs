//! The state of a feature over its regions.

use bongsu_model::{CellState, FeatureState};

use crate::Confidence;

/// Share of the weight that must be in sight.
const SIGHT_MIN: f64 = 0.5;
/// Share of the weight in sight that must be down for a major outage.
const MAJOR_FROM: f64 = 0.5;
/// Share below which a major outage ends: less, so that regions at a tie do not make it flap.
const MAJOR_UNTIL: f64 = 0.34;

/// What one region contributes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RegionFacts {
    pub(crate) weight: f64,
    pub(crate) state: CellState,
    pub(crate) confidence: Confidence,
    /// Slow, or failing too rarely to be down.
    pub(crate) degraded: bool,
    /// In a window that was declared before it began.
    pub(crate) maintenance: bool,
}

/// The state that `regions` call for, in the order of evaluation that is documented; `before`
/// matters only for leaving a major outage.
pub(crate) fn decide(before: FeatureState, regions: &[RegionFacts]) -> FeatureState {
    let measured: Vec<&RegionFacts> = regions
        .iter()
        .filter(|region| region.state != CellState::Unmeasured)
        .collect();
    if measured.is_empty() {
        return FeatureState::Unmeasured;
    }
    if measured.iter().all(|region| region.maintenance) {
        return FeatureState::Maintenance;
    }
    let asked = || measured.iter().filter(|region| !region.maintenance);
    let in_sight = || asked().filter(|region| region.state != CellState::Unknown);
    let seen = weight(in_sight());
    if seen < SIGHT_MIN * weight(asked()) || seen == 0.0 {
        return FeatureState::Unknown;
    }
    let is = |state: CellState| in_sight().filter(move |region| region.state == state);
    // What a single agent says may be the agent's own fault: it never makes an outage major.
    let sure = || is(CellState::Down).filter(|region| region.confidence == Confidence::Full);
    let down = weight(sure()) / seen;
    let widespread = sure().count() >= 2 || measured.len() == 1;
    if (down >= MAJOR_FROM && widespread)
        || (before == FeatureState::MajorOutage && down >= MAJOR_UNTIL)
    {
        FeatureState::MajorOutage
    } else if is(CellState::Down).next().is_some() {
        FeatureState::PartialOutage
    } else if is(CellState::Recovering).next().is_some() {
        FeatureState::Recovering
    } else if in_sight().any(|region| region.degraded) {
        FeatureState::Degraded
    } else {
        FeatureState::Operational
    }
}

fn weight<'a>(regions: impl Iterator<Item = &'a &'a RegionFacts>) -> f64 {
    regions.map(|region| region.weight).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn region(state: CellState) -> RegionFacts {
        RegionFacts {
            weight: 1.0,
            state,
            confidence: Confidence::Full,
            degraded: false,
            maintenance: false,
        }
    }

    fn check(states: &[CellState], before: FeatureState, expected: FeatureState) {
        let regions: Vec<RegionFacts> = states.iter().map(|state| region(*state)).collect();
        assert_eq!(
            decide(before, &regions),
            expected,
            "{states:?} after {before}"
        );
    }

    #[test]
    fn states_are_evaluated_in_the_documented_order() {
        use CellState::{Down, Recovering, Suspect, Unknown, Unmeasured, Up};
        let up = FeatureState::Operational;
        check(&[], up, FeatureState::Unmeasured);
        check(&[Unmeasured, Unmeasured], up, FeatureState::Unmeasured);
        check(&[Up, Suspect, Unmeasured], up, FeatureState::Operational);
        check(&[Up, Unknown, Unknown], up, FeatureState::Unknown);
        check(&[Up, Up, Unknown], up, FeatureState::Operational);
        check(&[Down, Up, Up], up, FeatureState::PartialOutage);
        check(&[Down, Down, Up], up, FeatureState::MajorOutage);
        check(
            &[Down, Unknown, Unmeasured],
            up,
            FeatureState::PartialOutage,
        );
        check(&[Down], up, FeatureState::MajorOutage);
        check(&[Recovering, Up, Up], up, FeatureState::Recovering);
        check(&[Recovering, Down, Up], up, FeatureState::PartialOutage);
    }

    #[test]
    fn a_major_outage_ends_below_a_third_not_at_the_tie() {
        use CellState::{Down, Recovering, Up};
        let major = FeatureState::MajorOutage;
        check(&[Down, Down, Up, Up], FeatureState::Operational, major);
        check(
            &[Down, Down, Up, Up, Up],
            FeatureState::Operational,
            FeatureState::PartialOutage,
        );
        check(&[Down, Down, Up, Up, Up], major, major);
        check(
            &[Down, Recovering, Recovering],
            major,
            FeatureState::PartialOutage,
        );
        check(&[Recovering; 3], major, FeatureState::Recovering);
    }

    #[test]
    fn one_agent_alone_never_makes_it_major() {
        let low = RegionFacts {
            confidence: Confidence::Low,
            ..region(CellState::Down)
        };
        let state = decide(FeatureState::Operational, &[low, low, low]);
        assert_eq!(state, FeatureState::PartialOutage);
    }

    #[test]
    fn announced_work_counts_for_the_regions_it_covers() {
        let at_work = RegionFacts {
            maintenance: true,
            ..region(CellState::Down)
        };
        let up = FeatureState::Operational;
        assert_eq!(decide(up, &[at_work, at_work]), FeatureState::Maintenance);
        assert_eq!(decide(up, &[at_work, region(CellState::Up)]), up);
        let slow = RegionFacts {
            degraded: true,
            ..region(CellState::Up)
        };
        assert_eq!(decide(up, &[at_work, slow]), FeatureState::Degraded);
    }
}
