//! One incident: its clocks, its features, what happened, in the words of recovery board and API.

use bongsu_availability::{
    IncidentClocks, IncidentId, IncidentStep, IncidentView, RecoveryStep, RecoveryView,
};
use bongsu_model::{FeatureId, RegionId, RunId, TargetName, Timestamp};

use super::transition::{incident_word, other_incident};
use super::{IncidentAnswer, Naming, RecoveryFeatureAnswer, RecoverySource, Time};

/// `GET /api/v1/incidents/{id}`.
#[derive(Debug, Clone, serde::Serialize)]
pub struct IncidentDetailAnswer {
    /// The environment.
    pub target: TargetName,
    /// As of when.
    pub as_of: Time,
    /// The incident.
    pub incident: IncidentAnswer,
    /// The outage that it belongs to; null if that is not remembered any more.
    pub outage: Option<IncidentId>,
    /// Its clocks.
    pub clocks: Vec<IncidentClockAnswer>,
    /// Its features as the recovery board has them, the heaviest first.
    pub features: Vec<RecoveryFeatureAnswer>,
    /// What happened to it and its features, the oldest first.
    pub timeline: Vec<IncidentEventAnswer>,
    /// How many things happened that the timeline no longer has.
    pub timeline_dropped: u64,
}

impl IncidentDetailAnswer {
    /// The answer for one incident.
    pub fn new(incident: &IncidentView, source: RecoverySource<'_>, naming: Naming<'_>) -> Self {
        let board = source.board;
        let mut outages = source.outages.iter();
        let outage = outages.find(|outage| outage.incidents.contains(&incident.id));
        let answer = IncidentAnswer::new(incident, source.claims);
        let announced = answer.announcement.as_ref().map(|first| first.published.0);
        let has = |feature: &FeatureId| {
            answer.features.contains(feature) || answer.blocked.contains(feature)
        };
        let rows = outage.map_or(&[][..], |outage| outage.rows.as_slice());
        let present = outage.map_or(board.as_of.0, RecoveryView::present);
        Self {
            target: board.target.clone(),
            as_of: board.as_of,
            outage: outage.map(|outage| outage.id.clone()),
            clocks: incident_clocks(incident, announced, board.as_of.0),
            features: rows
                .iter()
                .filter(|row| has(&row.feature))
                .map(|row| RecoveryFeatureAnswer::new(row, present, board, naming))
                .collect(),
            timeline: timeline(incident, outage, has),
            timeline_dropped: incident.timeline_dropped
                + outage.map_or(0, |outage| outage.log_dropped),
            incident: answer,
        }
    }
}

/// A clock of an incident.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct IncidentClockAnswer {
    /// Its name: `t_fail_first`, `t_20m` …
    pub name: &'static str,
    /// Its instant; null where it has none yet, or counts for the incident that it was merged into.
    pub at: Option<Time>,
    /// How it stands.
    pub standing: ClockStanding,
}

/// How a clock of an incident stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClockStanding {
    /// What it waits for has not happened, or is not known.
    Open,
    /// It happened then.
    Happened,
    /// The limit lies ahead, and counts.
    Running,
    /// The limit was passed.
    Passed,
    /// It was over before the limit.
    Met,
}

/// What is counted to, rather than what happened.
const LIMITS: [&str; 5] = ["t_20m", "t_30m_dc", "t_2h", "t_4h", "t_30d"];

/// The clocks of `incident`, which was announced then, and how they stand. The limits of one that
/// was merged into another are that one's: here they have no instant.
pub(crate) fn incident_clocks(
    incident: &IncidentView,
    announced: Option<Timestamp>,
    as_of: Timestamp,
) -> Vec<IncidentClockAnswer> {
    let counts = |name| incident.merged_into.is_none() || !LIMITS.contains(&name);
    let clocks = IncidentClocks::of(incident, announced);
    let named = clocks.named().into_iter();
    named
        .map(|(name, at)| {
            let at = at.filter(|_| counts(name));
            IncidentClockAnswer {
                name,
                at: at.map(Time),
                standing: clock_standing(name, at, incident, as_of),
            }
        })
        .collect()
}

/// How the clock of this name stands that reads `at` for this incident.
fn clock_standing(
    name: &str,
    at: Option<Timestamp>,
    incident: &IncidentView,
    as_of: Timestamp,
) -> ClockStanding {
    match (name, at) {
        (_, None) => ClockStanding::Open,
        ("t_20m" | "t_30m_dc" | "t_2h" | "t_4h", Some(at)) => {
            let end = incident.resolved.or(incident.closed);
            let out_at = end.unwrap_or(as_of).min(as_of);
            match (out_at >= at, incident.resolved, end) {
                (true, _, _) => ClockStanding::Passed,
                (false, Some(_), _) => ClockStanding::Met,
                // It was closed, and nobody measured whether it was over before.
                (false, None, Some(_)) => ClockStanding::Open,
                (false, None, None) => ClockStanding::Running,
            }
        }
        ("t_30d", Some(at)) if at <= as_of => ClockStanding::Passed,
        ("t_30d", Some(_)) => ClockStanding::Running,
        (_, Some(_)) => ClockStanding::Happened,
    }
}

/// Something that happened in an incident. Fields that do not apply are null.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct IncidentEventAnswer {
    /// When, in engine time.
    pub at: Time,
    /// To what: `incident`, `recovery` of a feature, or `rto`, a feature's clock.
    pub kind: &'static str,
    /// The feature.
    pub feature: Option<FeatureId>,
    /// The region.
    pub region: Option<RegionId>,
    /// The word before.
    pub from: Option<&'static str>,
    /// The word from then on.
    pub to: &'static str,
    /// The incident that it turned out to be one with, beside `absorbed` and `merged`.
    pub other: Option<IncidentId>,
    /// Runs that speak for it, the newest last.
    pub evidence: Vec<RunId>,
}

/// Both what happened to the incident and, from its detection to its end, to its features.
fn timeline(
    incident: &IncidentView,
    outage: Option<&RecoveryView>,
    has: impl Fn(&FeatureId) -> bool,
) -> Vec<IncidentEventAnswer> {
    let steps = incident.timeline.iter().map(|event| {
        let cell = match &event.step {
            IncidentStep::Widened { cell } | IncidentStep::Relapsed { cell } => Some(cell),
            IncidentStep::Opened
            | IncidentStep::Absorbed { .. }
            | IncidentStep::Merged { .. }
            | IncidentStep::Phase { .. }
            | IncidentStep::LostSight
            | IncidentStep::RegainedSight => None,
        };
        IncidentEventAnswer {
            at: Time(event.at),
            kind: "incident",
            feature: cell.map(|cell| cell.feature.clone()),
            region: cell.map(|cell| cell.region.clone()),
            from: None,
            to: incident_word(&event.step),
            other: other_incident(&event.step).cloned(),
            evidence: event.evidence.clone(),
        }
    });
    let until = incident.closed.unwrap_or(Timestamp::MAX);
    let log = outage.map_or(&[][..], |outage| outage.log.as_slice());
    let rows = log
        .iter()
        .filter(|event| (incident.detected..=until).contains(&event.at) && has(&event.feature))
        .map(|event| {
            let (kind, from, to) = match &event.step {
                RecoveryStep::State { from, to } => {
                    ("recovery", from.map(|from| from.as_str()), to.as_str())
                }
                RecoveryStep::Alarm(alarm) => ("rto", None, alarm.as_str()),
            };
            IncidentEventAnswer {
                at: Time(event.at),
                kind,
                feature: Some(event.feature.clone()),
                region: None,
                from,
                to,
                other: None,
                evidence: Vec::new(),
            }
        });
    let mut events: Vec<IncidentEventAnswer> = steps.chain(rows).collect();
    events.sort_by_key(|event| event.at);
    events
}
