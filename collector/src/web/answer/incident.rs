//! Incidents of a target, each with when it was announced.

use bongsu_availability::{IncidentId, IncidentPhase, IncidentView};
use bongsu_model::{ClaimId, ClaimSubject, ClaimedState, FeatureId, RegionId, RunId, TargetName};

use super::Time;
use crate::claims::{Announcement, ClaimBook};

/// `GET /api/v1/incidents`.
#[derive(Debug, Clone, serde::Serialize)]
pub struct IncidentsAnswer {
    /// The environment.
    pub target: TargetName,
    /// As of when.
    pub as_of: Time,
    /// Newest first.
    pub incidents: Vec<IncidentAnswer>,
}

/// One incident.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct IncidentAnswer {
    /// Its name.
    pub id: IncidentId,
    /// How far it is.
    pub phase: IncidentPhase,
    /// The feature that names its common cause: the most upstream of its features.
    pub root: FeatureId,
    /// The features that were down in it, in some region.
    pub features: Vec<FeatureId>,
    /// Features that were unknown because a feature of it stood before them.
    pub blocked: Vec<FeatureId>,
    /// Regions in which a feature was down.
    pub regions: Vec<RegionId>,
    /// Start of the last good run before it: it began after this.
    pub onset_low: Option<Time>,
    /// Start of the first failed run: the measured onset.
    pub onset: Time,
    /// When the first cell went down.
    pub detected: Time,
    /// Start of the first run that passed again, of the newest streak.
    pub first_pass: Option<Time>,
    /// Start of the last unbroken streak of passes, once all its cells are up; null also where
    /// nobody measures them any more.
    pub resolved: Option<Time>,
    /// When the quiet period was over, or it was merged into another.
    pub closed: Option<Time>,
    /// The older incident that it turned out to be one with, and that has its features now.
    pub merged_into: Option<IncidentId>,
    /// How often a cell of it went down again.
    pub relapses: u32,
    /// Whether a cell of it is out of sight.
    pub lost_sight: bool,
    /// Runs that speak for it.
    pub evidence: Vec<RunId>,
    /// When the platform's owner first told of it; null as long as it has not.
    pub announcement: Option<AnnouncementAnswer>,
}

impl IncidentAnswer {
    /// The answer for one incident.
    pub fn new(incident: &IncidentView, claims: &ClaimBook) -> Self {
        let mut features: Vec<_> = incident.cells.iter().map(|c| c.feature.clone()).collect();
        features.dedup();
        let mut regions: Vec<_> = incident.cells.iter().map(|c| c.region.clone()).collect();
        regions.sort();
        regions.dedup();
        Self {
            id: incident.id.clone(),
            phase: incident.phase,
            root: incident.root.clone(),
            features,
            blocked: incident.blocked.clone(),
            regions,
            onset_low: incident.onset_low.map(Time),
            onset: Time(incident.onset),
            detected: Time(incident.detected),
            first_pass: incident.first_pass.map(Time),
            resolved: incident.resolved.map(Time),
            closed: incident.closed.map(Time),
            merged_into: incident.merged_into.clone(),
            relapses: incident.relapses,
            lost_sight: incident.lost_sight,
            evidence: incident.evidence.clone(),
            announcement: AnnouncementAnswer::of(incident, claims),
        }
    }

    /// When it was over: its recovery or, where that was not measured, its close.
    pub fn end(&self) -> Option<Time> {
        self.resolved.or(self.closed)
    }
}

/// The first public admission of an incident.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct AnnouncementAnswer {
    /// The claim.
    pub claim: ClaimId,
    /// What it speaks of: a feature, or `*` for all.
    pub feature: ClaimSubject,
    /// What it says.
    pub state: ClaimedState,
    /// When it was made public: the announced onset's clock starts here.
    pub published: Time,
    /// The instant that it speaks of: when it says the trouble began or stood.
    pub as_of: Time,
    /// Published after the measured onset by so many seconds; negative if before.
    pub lag_s: f64,
}

impl AnnouncementAnswer {
    /// The answer, if the incident was announced.
    pub fn of(incident: &IncidentView, claims: &ClaimBook) -> Option<Self> {
        let announcement = Announcement::of(incident, claims)?;
        let stated = &announcement.stated;
        Some(Self {
            claim: stated.id,
            feature: stated.claim.subject.clone(),
            state: stated.claim.state,
            published: Time(stated.claim.published),
            as_of: Time(stated.claim.as_of),
            lag_s: announcement.lag_s(),
        })
    }
}
