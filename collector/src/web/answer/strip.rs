//! A feature over time: regions, their buckets, and what happened beside them.

use bongsu_availability::{
    IncidentId, IncidentPhase, IncidentView, Ledger, Sight, Strip, StripBucket, StripWindow,
    Transition,
};
use bongsu_model::{FeatureId, RegionId, TargetName};

use super::{AnnouncementAnswer, NamesAnswer, Naming, Time, TransitionAnswer};
use crate::claims::ClaimBook;

/// Changes of one strip: more than its buckets can show apart.
const TRANSITIONS_MAX: usize = 200;

/// `GET /api/v1/features/{id}/strip`.
#[derive(Debug, Clone, serde::Serialize)]
pub struct StripAnswer {
    /// The environment.
    pub target: TargetName,
    /// The feature.
    pub feature: FeatureId,
    /// `1h`, `24h` or `7d`.
    pub window: &'static str,
    /// As of when: the end of the last bucket.
    pub as_of: Time,
    /// The beginning of the first bucket.
    pub from: Time,
    /// The length of a bucket in seconds; the last one may be shorter.
    pub step_s: u64,
    /// The regions.
    pub regions: Vec<RegionStripAnswer>,
    /// Incidents that covered or blocked the feature in this time, newest first.
    pub incidents: Vec<StripIncidentAnswer>,
    /// The feature's changes of state in this time, newest first, as far as they are remembered.
    pub transitions: Vec<TransitionAnswer>,
}

/// What a strip is made of.
#[derive(Debug, Clone, Copy)]
pub struct StripSource<'a> {
    /// The buckets.
    pub strip: &'a Strip,
    /// How far back they reach.
    pub window: StripWindow,
    /// The incidents of the target.
    pub incidents: &'a [IncidentView],
    /// Changes, newest first.
    pub transitions: &'a [&'a Transition],
    /// What was said of the target's features.
    pub claims: &'a ClaimBook,
}

impl StripAnswer {
    /// The answer for a strip with what happened beside it.
    pub fn new(source: StripSource<'_>, naming: Naming<'_>) -> Self {
        let StripSource { strip, window, .. } = source;
        let in_time = |incident: &&IncidentView| {
            let over = incident.closed.or(incident.resolved);
            // One that was merged is told by the one that has its features now.
            incident.merged_into.is_none() && over.is_none_or(|over| over >= strip.from)
        };
        let transitions = source
            .transitions
            .iter()
            .filter(|transition| transition.at >= strip.from)
            .map(|transition| TransitionAnswer::new(transition))
            .filter(|transition| transition.concerns(&strip.target, &strip.feature));
        Self {
            target: strip.target.clone(),
            feature: strip.feature.clone(),
            window: window.as_str(),
            as_of: Time(strip.as_of),
            from: Time(strip.from),
            step_s: window.step().as_secs(),
            regions: strip
                .regions
                .iter()
                .map(|row| RegionStripAnswer {
                    region: row.region.clone(),
                    names: naming.region(&row.region),
                    buckets: row.buckets.iter().map(BucketAnswer::new).collect(),
                })
                .collect(),
            incidents: source
                .incidents
                .iter()
                .filter(in_time)
                .filter_map(|incident| {
                    StripIncidentAnswer::new(incident, &strip.feature, source.claims)
                })
                .collect(),
            transitions: transitions.take(TRANSITIONS_MAX).collect(),
        }
    }
}

/// One region of a strip.
#[derive(Debug, Clone, serde::Serialize)]
pub struct RegionStripAnswer {
    /// The region.
    pub region: RegionId,
    /// Its names.
    pub names: NamesAnswer,
    /// Its buckets, oldest first; the same stretches in every region.
    pub buckets: Vec<BucketAnswer>,
}

/// A feature in one region in a stretch of time.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub struct BucketAnswer {
    /// Its first instant.
    pub from: Time,
    /// The first instant after it.
    pub until: Time,
    /// What is known in it, in one word.
    pub sight: Sight,
    /// Own availability; null where nothing is known.
    pub own: Option<f64>,
    /// Perceived availability; null where nothing is known.
    pub perceived: Option<f64>,
    /// Own's known time over the stretch less maintenance.
    pub coverage: f64,
    /// The share of it in which work went on.
    pub maintenance: f64,
    /// The slots due in it by outcome.
    pub samples: Ledger,
    /// Whether it was told differently before.
    pub revised: bool,
    /// Whether it is kept as it was a day later.
    pub sealed: bool,
}

impl BucketAnswer {
    fn new(bucket: &StripBucket) -> Self {
        Self {
            from: Time(bucket.from),
            until: Time(bucket.until),
            sight: bucket.sight(),
            own: bucket.availability.own,
            perceived: bucket.availability.perceived,
            coverage: bucket.availability.coverage,
            maintenance: bucket.maintenance,
            samples: bucket.samples,
            revised: bucket.revised,
            sealed: bucket.sealed,
        }
    }
}

/// An incident beside a strip.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct StripIncidentAnswer {
    /// Its name.
    pub id: IncidentId,
    /// How far it is.
    pub phase: IncidentPhase,
    /// The feature that names its common cause: the most upstream of its features.
    pub root: FeatureId,
    /// Whether the feature was down in it, and not merely blocked by it.
    pub down: bool,
    /// Start of the first failed run.
    pub onset: Time,
    /// When the first cell went down.
    pub detected: Time,
    /// Start of the last unbroken streak of passes, once all its cells are up.
    pub resolved: Option<Time>,
    /// When the quiet period was over.
    pub closed: Option<Time>,
    /// When the platform's owner first told of it; null as long as it has not.
    pub announcement: Option<AnnouncementAnswer>,
}

impl StripIncidentAnswer {
    /// The answer; none for an incident that does not concern the feature.
    fn new(incident: &IncidentView, feature: &FeatureId, claims: &ClaimBook) -> Option<Self> {
        let down = incident.cells.iter().any(|cell| cell.feature == *feature);
        (down || incident.blocked.contains(feature)).then(|| Self {
            id: incident.id.clone(),
            phase: incident.phase,
            root: incident.root.clone(),
            down,
            onset: Time(incident.onset),
            detected: Time(incident.detected),
            resolved: incident.resolved.map(Time),
            closed: incident.closed.map(Time),
            announcement: AnnouncementAnswer::of(incident, claims),
        })
    }
}
