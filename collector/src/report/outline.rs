//! An incident in outline: its times, and the clocks that duties and manuals set on it.

use bongsu_availability::{IncidentId, IncidentPhase, IncidentView};
use bongsu_model::{FeatureId, RunId, Timestamp};

use crate::claims::{Announcement, ClaimBook};
use crate::web::answer::{ClockStanding, IncidentClockAnswer, Time, incident_clocks};

/// A clock of an incident.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Clock {
    /// Its name: `t_fail_first`, `t_20m` …
    pub name: String,
    /// Its instant; null where it has none yet, or counts for the incident that it was merged into.
    pub at: Option<Time>,
    /// How it stands.
    pub standing: ClockStanding,
}

/// The ten clocks of `incident` as of `now`: a function of the incident, of what was said, and of
/// the present.
pub fn clocks(incident: &IncidentView, claims: &ClaimBook, now: Timestamp) -> Vec<Clock> {
    let announced = Announcement::of(incident, claims);
    let announced = announced.map(|first| first.stated.claim.published);
    let clocks = incident_clocks(incident, announced, now).into_iter();
    let clock = |clock: IncidentClockAnswer| Clock {
        name: clock.name.to_owned(),
        at: clock.at,
        standing: clock.standing,
    };
    clocks.map(clock).collect()
}

/// What is told of the incident itself.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Outline {
    /// Its name.
    pub id: String,
    /// The word of its phase: `open`, `recovering`, `resolved`, `closed`.
    pub phase: String,
    /// The feature that names its common cause: the most upstream of its features.
    pub root: FeatureId,
    /// Start of the last good run before it.
    pub onset_low: Option<Time>,
    /// Start of the first failed run.
    pub onset: Time,
    /// When it was decided.
    pub detected: Time,
    /// When the platform's owner first said so.
    pub announced: Option<Time>,
    /// Start of the first run that passed again.
    pub recover_first: Option<Time>,
    /// Start of the last unbroken streak of passes, once everything is up.
    pub resolved: Option<Time>,
    /// When the quiet period was over, or it was merged into another.
    pub closed: Option<Time>,
    /// The older incident that it turned out to be one with: its report goes on there.
    #[serde(default)]
    pub merged_into: Option<String>,
    /// Incidents that turned out to be one with it, the oldest first: their reports go on here.
    #[serde(default)]
    pub absorbed: Vec<String>,
    /// How often a cell of it went down again.
    pub relapses: u32,
    /// Whether a cell of it is out of sight.
    pub lost_sight: bool,
    /// Runs that speak for it.
    pub evidence: Vec<RunId>,
}

impl Outline {
    /// The outline of `incident`, into which `absorbed` were merged.
    pub fn of(incident: &IncidentView, absorbed: &[IncidentId], claims: &ClaimBook) -> Self {
        let announced = Announcement::of(incident, claims);
        Self {
            id: incident.id.to_string(),
            phase: word(incident.phase).to_owned(),
            root: incident.root.clone(),
            onset_low: incident.onset_low.map(Time::cut),
            onset: Time::cut(incident.onset),
            detected: Time::cut(incident.detected),
            announced: announced.map(|first| Time::cut(first.stated.claim.published)),
            recover_first: incident.recover_first.map(Time::cut),
            resolved: incident.resolved.map(Time::cut),
            closed: incident.closed.map(Time::cut),
            merged_into: incident.merged_into.as_ref().map(ToString::to_string),
            absorbed: absorbed.iter().map(ToString::to_string).collect(),
            relapses: incident.relapses,
            lost_sight: incident.lost_sight,
            evidence: incident.evidence.clone(),
        }
    }
}

const fn word(phase: IncidentPhase) -> &'static str {
    match phase {
        IncidentPhase::Open => "open",
        IncidentPhase::Recovering => "recovering",
        IncidentPhase::Resolved => "resolved",
        IncidentPhase::Closed => "closed",
    }
}
