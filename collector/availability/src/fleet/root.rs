//! Which of the features that went down together names what failed under all of them.

use std::collections::BTreeMap;

use bongsu_model::{Catalogue, CellKey, FeatureId, Timestamp};

use crate::cell::onset::Onset;

/// Between which instants a feature surely worked last, if that is known, and surely did not.
type Bounds = (Option<Timestamp>, Timestamp);

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
    let mut features: BTreeMap<&FeatureId, Bounds> = BTreeMap::new();
    for (cell, onset) in cells {
        let first = (onset.after, onset.by);
        let (after, by) = features.entry(&cell.feature).or_insert(first);
        *after = after.zip(onset.after).map(|(a, b)| a.min(b));
        *by = onset.by.min(*by);
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
        .map(|(feature, bounds)| (*feature, *bounds))
        .collect();
    // However unlucky the runs were timed, no other was broken while it still worked.
    let first = upstream.iter().filter(|(_, (after, _))| {
        let mut others = upstream.iter();
        !others.any(|(_, (_, by))| after.is_some_and(|after| *by <= after))
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
