//! Which state each feature was measured in, and when: what claims are held against.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use bongsu_availability::{Change, Transition};
use bongsu_model::{ClaimedState, Comparison, FeatureId, FeatureState, TargetName, Timestamp};

/// Changes that are remembered of one feature: one in ten minutes for a week.
pub const CHANGES_PER_FEATURE_MAX: usize = 1_000;

/// The states of features over time as they are known now: an outage counts from its measured
/// onset, which is known only once it is decided. It reaches back as far as the journal does, so
/// that a restart remembers neither more nor less. Cheap to copy: unchanged features are shared.
#[derive(Debug, Clone, Default)]
pub struct MeasuredLog {
    /// Nothing is known of what was before.
    since: Timestamp,
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

    /// Forgets the states before `at`: the journal does not keep what they rest on either.
    pub fn forget_before(&mut self, at: Timestamp) {
        self.since = self.since.max(at);
        for path in self.features.values_mut() {
            // The last change before it says what the state was at that instant.
            let later = path.changes.partition_point(|(changed, _)| *changed <= at);
            if later > 1 {
                Arc::make_mut(path).changes.drain(..later - 1);
            }
        }
    }

    /// The state in which the feature was measured at `at`; None if that is not remembered.
    pub fn at(
        &self,
        target: &TargetName,
        feature: &FeatureId,
        at: Timestamp,
    ) -> Option<FeatureState> {
        if at < self.since {
            return None;
        }
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
    /// state that agrees with what is claimed. None also if its state at `from` is not remembered:
    /// what is known to agree later may have done so all the time.
    pub fn agrees_from(
        &self,
        (target, feature): (&TargetName, &FeatureId),
        claimed: ClaimedState,
        from: Timestamp,
        until: Timestamp,
    ) -> Option<Timestamp> {
        let agrees = |state| Comparison::of(claimed, state) == Comparison::Same;
        if agrees(self.at(target, feature, from)?) {
            return Some(from);
        }
        let path = self.path(target, feature)?;
        let found = path
            .changes
            .iter()
            .find(|(at, state)| *at > from && agrees(*state));
        found.map(|(at, _)| *at).filter(|at| *at < until)
    }

    /// When the feature was out between `from` and `until`: from its measured onset until it was back,
    /// recovering included. What nobody saw is not counted. An end that is not known yet is none.
    pub fn outages(
        &self,
        target: &TargetName,
        feature: &FeatureId,
        from: Timestamp,
        until: Timestamp,
    ) -> Vec<(Timestamp, Option<Timestamp>)> {
        let Some(path) = self.path(target, feature) else {
            return Vec::new();
        };
        let mut outages = Vec::new();
        let mut began = path
            .before
            .filter(|state| is_not_back(*state))
            .map(|_| from);
        for (at, state) in &path.changes {
            match began {
                None if is_not_back(*state) => began = Some(*at),
                Some(begin) if !is_not_back(*state) => {
                    outages.push((begin, Some(*at)));
                    began = None;
                }
                None | Some(_) => {}
            }
        }
        outages.extend(began.map(|begin| (begin, None)));
        let touches = |(begin, end): &(Timestamp, Option<Timestamp>)| {
            *begin < until && end.is_none_or(|end| end > from)
        };
        outages.retain(touches);
        for (begin, _) in &mut outages {
            *begin = (*begin).max(from);
        }
        outages
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

const fn is_not_back(state: FeatureState) -> bool {
    is_out(state) || matches!(state, FeatureState::Recovering)
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
    fn what_the_journal_keeps_no_more_is_neither_measured_nor_unmeasured() {
        use FeatureState::{MajorOutage, Operational, Unmeasured};
        let mut log = log(
            "map.core",
            &[(10, Operational), (20, MajorOutage), (40, Operational)],
        );
        let at = |log: &MeasuredLog, id: &str, n| log.at(&target(), &feature(id), minute(n));
        log.forget_before(minute(30));
        log.forget_before(minute(25));
        assert_eq!(at(&log, "map.core", 29), None);
        assert_eq!(at(&log, "map.core", 30), Some(MajorOutage));
        assert_eq!(at(&log, "map.core", 40), Some(Operational));
        assert_eq!(at(&log, "map.transit", 29), None);
        assert_eq!(at(&log, "map.transit", 30), Some(Unmeasured));
        let kept = log.features.values().map(|path| path.changes.len());
        assert_eq!(kept.sum::<usize>(), 2);
        let id = feature("map.core");
        let agrees =
            |from| log.agrees_from((&target(), &id), ClaimedState::Up, minute(from), minute(90));
        assert_eq!(agrees(29), None);
        assert_eq!(agrees(30), Some(minute(40)));
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

    #[test]
    fn an_outage_lasts_until_the_feature_is_back_and_silence_is_none() {
        use FeatureState::{MajorOutage, Operational, Recovering, Unknown};
        let log = log(
            "map.core",
            &[
                (10, MajorOutage),
                (20, Recovering),
                (30, Operational),
                (40, MajorOutage),
                (50, Unknown),
                (60, MajorOutage),
            ],
        );
        let outages = |from, until| {
            let id = feature("map.core");
            let found = log.outages(&target(), &id, minute(from), minute(until));
            let minutes = |at: Timestamp| at.since(minute(0)).as_secs() / 60;
            found
                .into_iter()
                .map(|(begin, end)| (minutes(begin), end.map(minutes)))
                .collect::<Vec<_>>()
        };
        assert_eq!(
            outages(0, 100),
            [(10, Some(30)), (40, Some(50)), (60, None)]
        );
        assert_eq!(outages(25, 60), [(25, Some(30)), (40, Some(50))]);
        assert_eq!(outages(30, 40), []);
    }
}
