//! Claims: in force beside a feature, and as a log held against what was measured.

use bongsu_availability::{IncidentId, IncidentView};
use bongsu_model::{
    Catalogue, Claim, ClaimConfidence, ClaimId, ClaimSubject, ClaimedState, Comparison, FeatureId,
    FeatureState, TargetName, Timestamp, Track,
};

use super::{IncidentAnswer, Time};
use crate::claims::{Held, Stated};
use crate::published::Published;

/// What was said.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct ClaimAnswer {
    /// Its id, which depends on its content alone.
    pub id: ClaimId,
    /// Whose it is.
    pub track: Track,
    /// What it speaks of: a feature, or `*` for all.
    pub feature: ClaimSubject,
    /// What it says.
    pub state: ClaimedState,
    /// The instant that it speaks of.
    pub as_of: Time,
    /// When it was made public.
    pub published: Time,
    /// When it was handed in.
    pub received: Time,
    /// Where it was made.
    pub source: String,
    /// What else is to be known of it.
    pub note: Option<String>,
    /// How sure it is.
    pub confidence: ClaimConfidence,
}

impl ClaimAnswer {
    /// The answer for one claim.
    pub fn new(stated: &Stated) -> Self {
        let claim = &stated.claim;
        Self {
            id: stated.id,
            track: claim.track,
            feature: claim.subject.clone(),
            state: claim.state,
            as_of: Time(claim.as_of),
            published: Time(claim.published),
            received: Time(stated.received),
            source: claim.source.to_string(),
            note: claim.note.as_ref().map(ToString::to_string),
            confidence: claim.confidence,
        }
    }
}

/// What is said of a feature now, beside its measured state of now.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct ClaimInForceAnswer {
    /// The claim.
    #[serde(flatten)]
    pub claim: ClaimAnswer,
    /// What it has to do with the measured state of now.
    pub comparison: Comparison,
}

impl ClaimInForceAnswer {
    /// The answer beside a measured state.
    pub fn new(stated: &Stated, measured: FeatureState) -> Self {
        Self {
            claim: ClaimAnswer::new(stated),
            comparison: Comparison::of(stated.claim.state, measured),
        }
    }
}

/// Which claims are wanted; what is None does not matter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClaimsWanted {
    /// Of this environment.
    pub target: TargetName,
    /// That speak of this feature, those about all included.
    pub feature: Option<FeatureId>,
    /// On this track.
    pub track: Option<Track>,
    /// That speak of this instant or a later one.
    pub since: Option<Timestamp>,
    /// That speak of an earlier instant.
    pub until: Option<Timestamp>,
    /// That belong to this incident: about a feature of it, made while it lasted.
    pub incident: Option<IncidentId>,
    /// At most this many.
    pub limit: usize,
}

impl ClaimsWanted {
    /// All claims of a target, at most `limit`.
    pub const fn of(target: TargetName, limit: usize) -> Self {
        Self {
            target,
            feature: None,
            track: None,
            since: None,
            until: None,
            incident: None,
            limit,
        }
    }

    fn wants(&self, claim: &Claim) -> bool {
        self.feature
            .as_ref()
            .is_none_or(|feature| claim.subject.covers(feature))
            && self.track.is_none_or(|track| claim.track == track)
            && self.since.is_none_or(|since| claim.as_of >= since)
            && self.until.is_none_or(|until| claim.as_of < until)
    }
}

/// `GET /api/v1/claims`: the claim-diff log.
#[derive(Debug, Clone, serde::Serialize)]
pub struct ClaimsAnswer {
    /// The environment.
    pub target: TargetName,
    /// As of when.
    pub as_of: Time,
    /// What was said, the latest as-of time first.
    pub claims: Vec<StatementAnswer>,
    /// Whether there are more than were asked for.
    pub more: bool,
    /// The incident that was asked for.
    pub incident: Option<IncidentAnswer>,
}

impl ClaimsAnswer {
    /// The wanted claims, each held against what was measured of what it speaks of.
    pub fn new(picture: &Published, catalogue: &Catalogue, wanted: &ClaimsWanted) -> Self {
        let incidents = picture.incidents.get(&wanted.target);
        let incident = wanted.incident.as_ref().and_then(|id| {
            let mut incidents = incidents.into_iter().flatten();
            incidents.find(|incident| incident.id == *id)
        });
        let all = picture.claims.of_target(&wanted.target);
        let mut found = all
            .into_iter()
            .rev()
            .filter(|stated| wanted.wants(&stated.claim))
            .filter(|stated| {
                wanted.incident.is_none()
                    || incident.is_some_and(|incident| belongs(&stated.claim, incident))
            });
        let features = |subject: &ClaimSubject| match (&wanted.feature, subject) {
            (Some(feature), _) | (None, ClaimSubject::Feature(feature)) => vec![feature.clone()],
            (None, ClaimSubject::All) => {
                let all = catalogue
                    .features()
                    .iter()
                    .map(|feature| feature.id.clone());
                all.filter(|id| incident.is_none_or(|incident| concerns(incident, id)))
                    .collect()
            }
        };
        let claims = found.by_ref().take(wanted.limit).map(|stated| {
            let compared = features(&stated.claim.subject).into_iter().map(|feature| {
                let (claims, measured) = (&picture.claims, &picture.measured);
                ComparedAnswer::new(&Held::new(stated, &feature, claims, measured))
            });
            StatementAnswer {
                claim: ClaimAnswer::new(stated),
                compared: compared.collect(),
            }
        });
        Self {
            target: wanted.target.clone(),
            as_of: Time(picture.as_of),
            claims: claims.collect(),
            more: found.next().is_some(),
            incident: incident.map(|incident| IncidentAnswer::new(incident, &picture.claims)),
        }
    }
}

/// Whether a claim was made of a feature of the incident while it lasted, or announced it.
fn belongs(claim: &Claim, incident: &IncidentView) -> bool {
    let from = incident.onset - crate::claims::ANNOUNCED_BEFORE_MAX;
    let until = incident.closed.unwrap_or(Timestamp::MAX);
    let about = match &claim.subject {
        ClaimSubject::All => true,
        ClaimSubject::Feature(feature) => concerns(incident, feature),
    };
    about && (from..=until).contains(&claim.published)
}

fn concerns(incident: &IncidentView, feature: &FeatureId) -> bool {
    incident.blocked.contains(feature) || incident.cells.iter().any(|cell| cell.feature == *feature)
}

/// One statement of the log.
#[derive(Debug, Clone, serde::Serialize)]
pub struct StatementAnswer {
    /// What was said.
    #[serde(flatten)]
    pub claim: ClaimAnswer,
    /// What was measured of each feature that it speaks of.
    pub compared: Vec<ComparedAnswer>,
}

/// What was measured of one feature at a claim's as-of time.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct ComparedAnswer {
    /// The feature.
    pub feature: FeatureId,
    /// Its measured state then; null if that is not remembered any more.
    pub measured: Option<FeatureState>,
    /// What the two have to do with each other.
    pub comparison: Comparison,
    /// From when on the measurement agreed, before the next statement; null if it did not.
    pub agrees_from: Option<Time>,
    /// The as-of time of the next statement about the feature on the same track.
    pub followed: Option<Time>,
}

impl ComparedAnswer {
    fn new(held: &Held) -> Self {
        Self {
            feature: held.feature.clone(),
            measured: held.measured,
            comparison: held.comparison,
            agrees_from: held.agrees_from.map(Time),
            followed: held.followed.map(Time),
        }
    }
}

/// `POST /api/v1/claims`: what became of what was handed in.
#[derive(Debug, Clone, serde::Serialize)]
pub struct HandedInAnswer {
    /// Claims that are new.
    pub new: u64,
    /// Claims that were there already.
    pub known: u64,
    /// Each of them, in the order of the request.
    pub claims: Vec<ReceiptAnswer>,
}

/// What became of one claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct ReceiptAnswer {
    /// Its id.
    pub id: ClaimId,
    /// Whether it is new.
    pub new: bool,
}
