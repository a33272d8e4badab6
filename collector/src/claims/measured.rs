//! Which state each feature was measured in, and when: what claims are held against.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use bongsu_availability::{Change, Transition};
use bongsu_model::{ClaimedState, Comparison, FeatureId, FeatureState, TargetName, Timestamp};

/// Changes that are remembered of one feature: one in ten minutes for a week.
pub const CHANGES_PER_FEATURE_MAX: usize = 1_000;

/// The states of features over time as they are known now: an outage counts from its measured
/// onset, which is known only once it is decided. It reaches back as far as the journal that was
/// replayed at the start. Cheap to copy: unchanged features are shared.
#[derive(Debug, Clone, Default)]
pub struct MeasuredLog {
    features: BTreeMap<(TargetName, FeatureId), Arc<Path>>,
}

#[derive(Debug, Clone)]
struct Path {
    /// The state before the first change; None when earlier changes were forgotten.
    before: Option<FeatureState>,
    /// Each change: when, and into what.
    changes: VecDeque<(Timestamp, FeatureState)>,
}

impl MeasuredLog {
    /// Takes in a change of a feature's state; other changes do not matter here.
    pub fn note(&mut self, transition: &Transition) {
        let Change::Feature {
            target,
            feature,
            from,
            to,
            onset,
            ..
        } = &transition.change
        else {
            return;
        };
        if from == to {
            return;
        }
        let path = self
            .features
            .entry((target.clone(), feature.clone()))
            .or_insert_with(|| {
                Arc::new(Path {
                    before: Some(*from),
                    changes: VecDeque::new(),
                })
            });
        let path = Arc::make_mut(path);
        // A relapse has the onset of the outage that it falls back into.
        let breaks = works(*from) && is_out(*to);
        let began = onset.filter(|_| breaks).unwrap_or(transition.at);
        let last = path.changes.back().map_or(Timestamp::EPOCH, |(at, _)| *at);
        path.changes.push_back((began.max(last), *to));
        if path.changes.len() > CHANGES_PER_FEATURE_MAX {
            path.changes.pop_front();
            path.before = None;
        }
    }

    /// The state in which the feature was measured at `at`; None if that is not remembered.
    pub fn at(
        &self,
        target: &TargetName,
        feature: &FeatureId,
        at: Timestamp,
    ) -> Option<FeatureState> {
        let Some(path) = self.path(target, feature) else {
            // It never changed: no plan ever measured it.
            return Some(FeatureState::Unmeasured);
        };
        let later = path.changes.partition_point(|(changed, _)| *changed <= at);
        match later.checked_sub(1) {
            Some(last) => Some(path.changes[last].1),
            None => path.before,
        }
    }

    /// The first instant from `from` on and before `until` at which the feature was measured in a
    /// state that agrees with what is claimed.
    pub fn agrees_from(
        &self,
        (target, feature): (&TargetName, &FeatureId),
        claimed: ClaimedState,
        from: Timestamp,
        until: Timestamp,
    ) -> Option<Timestamp> {
        let agrees = |state| Comparison::of(claimed, state) == Comparison::Same;
        if self.at(target, feature, from).is_some_and(agrees) {
            return Some(from);
        }
        let path = self.path(target, feature)?;
        let found = path
            .changes
            .iter()
            .find(|(at, state)| *at > from && agrees(*state));
        found.map(|(at, _)| *at).filter(|at| *at < until)
    }

    fn path(&self, target: &TargetName, feature: &FeatureId) -> Option<&Path> {
        let key = (target.clone(), feature.clone());
        self.features.get(&key).map(AsRef::as_ref)
    }
}

const fn works(state: FeatureState) -> bool {
    match state {
        FeatureState::Operational | FeatureState::Degraded => true,
        FeatureState::Recovering
        | FeatureState::PartialOutage
        | FeatureState::MajorOutage
        | FeatureState::Unknown
        | FeatureState::Maintenance
        | FeatureState::Unmeasured => false,
    }
}

const fn is_out(state: FeatureState) -> bool {
    match state {
        FeatureState::PartialOutage | FeatureState::MajorOutage => true,
        FeatureState::Operational
        | FeatureState::Degraded
        | FeatureState::Recovering
        | FeatureState::Unknown
        | FeatureState::Maintenance
        | FeatureState::Unmeasured => false,
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::claims::book::tests::{feature, minute, target};

    fn change(id: &str, from: FeatureState, to: FeatureState, onset: Option<u64>) -> Change {
        Change::Feature {
            target: target(),
            feature: feature(id),
            from,
            to,
            blocked_by: None,
            onset: onset.map(minute),
        }
    }

    pub(crate) fn log(id: &str, changes: &[(u64, FeatureState)]) -> MeasuredLog {
        let mut log = MeasuredLog::default();
        let mut from = FeatureState::Unmeasured;
        for (at, to) in changes {
            log.note(&Transition {
                at: minute(*at),
                change: change(id, from, *to, None),
                evidence: Vec::new(),
            });
            from = *to;
        }
        log
    }

    #[test]
    fn an_outage_counts_from_its_measured_onset_and_a_relapse_from_its_decision() {
        use FeatureState::{MajorOutage, Operational, Recovering};
        let mut log = log("map.core", &[(10, Operational)]);
        for (at, from, to, onset) in [
            (22, Operational, MajorOutage, Some(20)),
            (30, MajorOutage, Recovering, None),
            (35, Recovering, MajorOutage, Some(20)),
        ] {
            log.note(&Transition {
                at: minute(at),
                change: change("map.core", from, to, onset),
                evidence: Vec::new(),
            });
        }
        let at = |n| log.at(&target(), &feature("map.core"), minute(n)).unwrap();
        let found = [at(19), at(20), at(29), at(30), at(34), at(35)];
        let expected = [
            Operational,
            MajorOutage,
            MajorOutage,
            Recovering,
            Recovering,
            MajorOutage,
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn the_state_at_an_instant_is_that_of_the_last_change_before_it() {
        use FeatureState::{MajorOutage, Operational, Unmeasured};
        let log = log("map.core", &[(10, Operational), (20, MajorOutage)]);
        let at = |n| log.at(&target(), &feature("map.core"), minute(n)).unwrap();
        assert_eq!(
            [at(9), at(10), at(19), at(20), at(99)],
            [
                Unmeasured,
                Operational,
                Operational,
                MajorOutage,
                MajorOutage
            ]
        );
        let other = log.at(&target(), &feature("map.transit"), minute(15));
        assert_eq!(other, Some(Unmeasured));
    }

    #[test]
    fn what_was_forgotten_is_not_guessed() {
        let states = [FeatureState::Operational, FeatureState::MajorOutage];
        let changes: Vec<_> = (0..=CHANGES_PER_FEATURE_MAX as u64)
            .map(|n| (n, states[usize::from(n % 2 == 1)]))
            .collect();
        let log = log("map.core", &changes);
        assert_eq!(log.at(&target(), &feature("map.core"), minute(0)), None);
        let kept = log.at(&target(), &feature("map.core"), minute(1));
        assert_eq!(kept, Some(FeatureState::MajorOutage));
    }

    #[test]
    fn agreement_is_found_until_the_next_claim() {
        use FeatureState::{MajorOutage, Operational, Recovering};
        let log = log(
            "map.core",
            &[(0, MajorOutage), (30, Recovering), (50, Operational)],
        );
        let id = feature("map.core");
        let agrees = |claimed, from, until| {
            log.agrees_from((&target(), &id), claimed, minute(from), minute(until))
        };
        assert_eq!(agrees(ClaimedState::Up, 10, 100), Some(minute(50)));
        assert_eq!(agrees(ClaimedState::Up, 10, 50), None);
        assert_eq!(agrees(ClaimedState::Down, 10, 20), Some(minute(10)));
        assert_eq!(agrees(ClaimedState::Down, 40, 100), None);
    }
}
