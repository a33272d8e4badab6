//! A claim held against what was measured at the instant that it speaks of.

use bongsu_model::{Comparison, FeatureId, FeatureState, Timestamp};

use super::{ClaimBook, MeasuredLog, Stated};

/// What was measured of one feature when something was claimed of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// The feature.
    pub feature: FeatureId,
    /// Its measured state at the claim's as-of time; None if that is not remembered.
    pub measured: Option<FeatureState>,
    /// What the two have to do with each other.
    pub comparison: Comparison,
    /// From when on the measurement agreed: the as-of time itself, or a later instant before the
    /// next statement. None if it never did.
    pub agrees_from: Option<Timestamp>,
    /// When the next statement about the feature on the same track speaks of, if there is one.
    pub followed: Option<Timestamp>,
}

impl Held {
    /// Holds `stated` against what `measured` remembers of `feature`.
    pub fn new(
        stated: &Stated,
        feature: &FeatureId,
        book: &ClaimBook,
        measured: &MeasuredLog,
    ) -> Self {
        let claim = &stated.claim;
        let state = measured.at(&claim.target, feature, claim.as_of);
        let comparison = Comparison::of(claim.state, state.unwrap_or(FeatureState::Unknown));
        let followed = book.after(stated, feature).map(|next| next.claim.as_of);
        let agrees_from = measured.agrees_from(
            (&claim.target, feature),
            claim.state,
            claim.as_of,
            followed.unwrap_or(Timestamp::MAX),
        );
        Self {
            feature: feature.clone(),
            measured: state,
            comparison,
            agrees_from,
            followed,
        }
    }
}

#[cfg(test)]
mod tests {
    use bongsu_model::ClaimedState;

    use super::*;
    use crate::claims::book::tests::{feature, minute, stated};
    use crate::claims::measured::tests::log;

    #[test]
    fn a_claim_ahead_of_the_measurement_differs_until_it_agrees() {
        use FeatureState::{MajorOutage, Operational};
        let measured = log("map.core", &[(0, MajorOutage), (75, Operational)]);
        let up = stated(1, "map.core", ClaimedState::Up, (30, 30));
        let mut book = ClaimBook::default();
        book.add(up.clone());
        let held = Held::new(&up, &feature("map.core"), &book, &measured);
        assert_eq!(held.measured, Some(MajorOutage));
        assert_eq!(held.comparison, Comparison::MeasuredWorse);
        assert_eq!(held.agrees_from, Some(minute(75)));
        // A statement about all that follows ends the wait.
        book.add(stated(2, "*", ClaimedState::Degraded, (60, 60)));
        let held = Held::new(&up, &feature("map.core"), &book, &measured);
        assert_eq!((held.agrees_from, held.followed), (None, Some(minute(60))));
    }

    #[test]
    fn what_nobody_measures_neither_agrees_nor_differs() {
        let up = stated(1, "map.core", ClaimedState::Up, (30, 30));
        let mut book = ClaimBook::default();
        book.add(up.clone());
        let held = Held::new(&up, &feature("map.core"), &book, &MeasuredLog::default());
        assert_eq!(held.comparison, Comparison::NotMeasured);
        assert_eq!(held.agrees_from, None);
    }
}
