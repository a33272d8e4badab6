//! When the platform's owner first told of an incident, against when it was measured to begin.

use std::sync::Arc;
use std::time::Duration;

use bongsu_availability::IncidentView;
use bongsu_model::{ClaimSubject, FeatureId, Timestamp, Track};

use super::{ClaimBook, Stated};

/// How long before the measured onset an announcement may have been made and still be of this
/// incident: an owner may know before the next run fails, by a few slots of the rarest journeys.
pub const ANNOUNCED_BEFORE_MAX: Duration = Duration::from_secs(30 * 60);

/// The first public admission of an incident.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Announcement {
    /// What was said.
    pub stated: Arc<Stated>,
    /// The measured onset of the incident.
    pub onset: Timestamp,
}

impl Announcement {
    /// The first claim of the owner that a feature of `incident` does not wholly work: published
    /// from shortly before the measured onset, if it still stood then, to the incident's close.
    /// What others observed announces nothing.
    pub fn of(incident: &IncidentView, book: &ClaimBook) -> Option<Self> {
        let from = incident.onset - ANNOUNCED_BEFORE_MAX;
        let until = incident.closed.unwrap_or(Timestamp::MAX);
        let mut features: Vec<&FeatureId> =
            incident.cells.iter().map(|cell| &cell.feature).collect();
        features.dedup();
        let stands = |stated: &Stated| {
            let about = |feature: &&FeatureId| stated.claim.subject.covers(feature);
            features.iter().copied().filter(about).any(|feature| {
                let then = book.in_force(&incident.target, Track::Claim, feature, incident.onset);
                then.is_some_and(|then| then.claim.state.admits_outage())
            })
        };
        let concerns = |subject: &ClaimSubject| features.iter().any(|f| subject.covers(f));
        let made = book.admissions_from(from);
        let mut made = made.take_while(|stated| stated.claim.published <= until);
        let first = made.find(|stated| {
            let claim = &stated.claim;
            claim.target == incident.target
                && concerns(&claim.subject)
                && (claim.published >= incident.onset || stands(stated))
        })?;
        Some(Self {
            stated: Arc::clone(first),
            onset: incident.onset,
        })
    }

    /// How long after the measured onset it was made, in seconds; negative if before.
    pub fn lag_s(&self) -> f64 {
        let published = self.stated.claim.published;
        published.since(self.onset).as_secs_f64() - self.onset.since(published).as_secs_f64()
    }
}

#[cfg(test)]
mod tests {
    use bongsu_availability::{IncidentId, IncidentPhase};
    use bongsu_model::{CellKey, ClaimedState, RegionId};

    use super::*;
    use crate::claims::book::tests::{feature, minute, stated, target};

    fn incident(onset: u64, closed: Option<u64>) -> IncidentView {
        let id = feature("account.login");
        IncidentView {
            id: IncidentId::new(minute(onset + 1), &target(), &id),
            target: target(),
            phase: IncidentPhase::Open,
            root: id.clone(),
            cells: vec![CellKey {
                target: target(),
                feature: id,
                region: RegionId::new("kr-seoul").unwrap(),
            }],
            blocked: Vec::new(),
            onset_low: None,
            onset: minute(onset),
            detected: minute(onset + 1),
            recover_first: None,
            first_pass: None,
            resolved: None,
            closed: closed.map(minute),
            merged_into: None,
            relapses: 0,
            lost_sight: false,
            evidence: Vec::new(),
            timeline: Arc::default(),
            timeline_dropped: 0,
        }
    }

    fn lag(incident: &IncidentView, claims: &[Arc<Stated>]) -> Option<f64> {
        let mut book = ClaimBook::default();
        for stated in claims {
            book.add(Arc::clone(stated));
        }
        Announcement::of(incident, &book).map(|announcement| announcement.lag_s())
    }

    #[test]
    fn the_lag_runs_from_the_measured_onset_to_the_first_admission() {
        let claims = [
            stated(1, "map.core", ClaimedState::Down, (101, 101)),
            stated(2, "account.login", ClaimedState::Up, (102, 102)),
            stated(3, "account.login", ClaimedState::Down, (100, 118)),
            stated(4, "*", ClaimedState::Degraded, (112, 112)),
        ];
        assert_eq!(lag(&incident(100, None), &claims), Some(720.0));
        assert_eq!(lag(&incident(100, None), &claims[..3]), Some(1_080.0));
        assert_eq!(lag(&incident(100, None), &claims[..2]), None);
    }

    #[test]
    fn an_owner_may_tell_before_the_first_run_fails() {
        let down = stated(1, "account.login", ClaimedState::Down, (95, 95));
        assert_eq!(
            lag(&incident(100, None), std::slice::from_ref(&down)),
            Some(-300.0)
        );
        // What was taken back before the onset was about something else.
        let up = stated(2, "account.login", ClaimedState::Up, (98, 98));
        assert_eq!(lag(&incident(100, None), &[down.clone(), up]), None);
        // And what was said long before is about something else too.
        assert_eq!(lag(&incident(126, None), &[down]), None);
    }

    #[test]
    fn what_is_told_after_the_close_announces_nothing() {
        let late = stated(1, "*", ClaimedState::Down, (190, 200));
        assert_eq!(
            lag(&incident(100, Some(180)), std::slice::from_ref(&late)),
            None
        );
        assert_eq!(lag(&incident(100, Some(220)), &[late]), Some(6_000.0));
    }

    #[test]
    fn an_incident_that_outlasts_the_journal_stays_announced_as_it_was() {
        let mut book = ClaimBook::default();
        book.add(stated(1, "account.login", ClaimedState::Down, (112, 112)));
        book.add(stated(2, "*", ClaimedState::Recovering, (500, 500)));
        for forgotten in [0, 300, 600] {
            book.forget_before(minute(forgotten));
            let found = Announcement::of(&incident(100, None), &book).unwrap();
            assert_eq!((found.stated.seq, found.lag_s()), (1, 720.0), "{forgotten}");
        }
        assert!(book.is_empty());
    }

    #[test]
    fn what_others_observe_announces_nothing() {
        let mut seen = Stated::clone(&stated(1, "*", ClaimedState::Down, (101, 101)));
        seen.claim.track = Track::Observed;
        assert_eq!(lag(&incident(100, None), &[Arc::new(seen)]), None);
    }
}
