//! Which of the features that went down together names what failed under all of them.

use std::collections::BTreeMap;
use std::time::Duration;

use bongsu_model::{Catalogue, CellKey, FeatureId, Timestamp};

/// When a cell or feature began to fail, as far as runs can tell.
///
/// A run that passed says that it worked when the run began; a run that failed says that it did
/// not by the time the run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Onset {
    /// Start of the last good run before; none if none is known.
    pub(crate) after: Option<Timestamp>,
    /// Start of the first failed run.
    pub(crate) first: Timestamp,
    /// When the first of the failed runs to end had ended.
    by: Timestamp,
    /// T of the feature's journey.
    period: Duration,
}

impl Onset {
    /// The first failed run began at `first`, one had ended at `by`; the feature is looked at every
    /// `period`.
    pub(crate) fn new(
        after: Option<Timestamp>,
        (first, by): (Timestamp, Timestamp),
        period: Duration,
    ) -> Self {
        Self {
            // A run that came late may have moved the first failure before it.
            after: after.filter(|after| *after < first),
            first,
            by: by.max(first),
            period,
        }
    }

    /// Whether both may be of one fault: they lie within two periods of the one that is looked at
    /// less often, or within `least` if that is more.
    pub(crate) fn is_near(self, other: Self, least: Duration) -> bool {
        let within = least.max(self.period.max(other.period) * 2);
        self.first.distance(other.first) <= within
    }

    /// Whether this began before `other`, however unlucky the runs were timed.
    fn is_surely_before(self, other: Self) -> bool {
        other.after.is_some_and(|after| self.by <= after)
    }

    /// When what failed in either way began to.
    fn or(self, other: Self) -> Self {
        Self {
            after: self.after.zip(other.after).map(|(a, b)| a.min(b)),
            first: self.first.min(other.first),
            by: self.by.min(other.by),
            period: self.period.max(other.period),
        }
    }
}

/// The feature that names the common cause of `cells`, which went down together; none if there
/// are none.
///
/// 1. **The most upstream**: no other of the features explains it
///    ([`Catalogue::explaining`](bongsu_model::Catalogue::explaining)), neither as something that
///    it rests on nor as the one in which a part shows first that both rest on. When a part that
///    the catalogue knows of breaks, and all that rests on it is measured, exactly one is left: the
///    feature in which users miss it first. If nobody measures that one, several may be left.
/// 2. Of several, **what began surely earlier**. Which of two features was probed first after the
///    fault is chance, so the order of their first failed runs says nothing; it counts only when
///    the one's first failed run must have ended before the other's last good run began.
/// 3. Of these, the one that **explains most** of the others.
/// 4. Then **the order of the catalogue**, which is that of its author.
///
/// It is a function of the cells: in which order they went down does not change it, nor do times
/// that lie within a cadence.
pub(crate) fn of<'a>(
    cells: impl Iterator<Item = (&'a CellKey, Onset)>,
    catalogue: &Catalogue,
) -> Option<FeatureId> {
    let mut features: BTreeMap<&FeatureId, Onset> = BTreeMap::new();
    for (cell, onset) in cells {
        let known = features.entry(&cell.feature).or_insert(onset);
        *known = known.or(onset);
    }
    let explained: BTreeMap<_, _> = features
        .keys()
        .map(|feature| (*feature, catalogue.explaining(feature)))
        .collect();
    let upstream = features.iter().filter(|(feature, _)| {
        let explaining = &explained[*feature];
        !features.keys().any(|other| explaining.contains(*other))
    });
    let upstream: Vec<_> = upstream
        .map(|(feature, onset)| (*feature, *onset))
        .collect();
    let first = upstream.iter().filter(|(_, onset)| {
        let mut others = upstream.iter();
        !others.any(|(_, other)| other.is_surely_before(*onset))
    });
    let explains = |feature: &FeatureId| {
        let others = explained.values();
        others.filter(|by| by.contains(feature)).count()
    };
    let place = |feature: &FeatureId| {
        let mut listed = catalogue.features().iter();
        listed.position(|listed| listed.id == *feature)
    };
    let unlisted = catalogue.features().len();
    let root = first.min_by_key(|(feature, _)| {
        (
            std::cmp::Reverse(explains(feature)),
            place(feature).unwrap_or(unlisted),
            *feature,
        )
    });
    root.map(|(feature, _)| (*feature).clone())
}

#[cfg(test)]
mod tests;
