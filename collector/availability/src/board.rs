//! What is shown: plain values, cheap to make, ready to be written as JSON.

use std::sync::Arc;

use bongsu_model::{
    AgentId, CellKey, CellState, FailClass, FeatureId, FeatureState, Heartbeat, Overlay, RegionId,
    RunId, TargetName, Timestamp,
};

use crate::{Confidence, FleetState, IncidentId, IncidentPhase, IncidentStep, Ledger, Presence};

/// Availability in one window. `None` where nothing is known: shown as "–", never as a number.
#[derive(Debug, Clone, Copy, PartialEq, Default, serde::Serialize)]
pub struct Availability {
    /// The feature's own doing: time blocked by other features is left out. 0 to 1.
    pub own: Option<f64>,
    /// What a user got: time blocked counts as down. 0 to 1.
    pub perceived: Option<f64>,
    /// Own's known time / (window − maintenance). 0 to 1.
    pub coverage: f64,
}

/// Availability over the three windows that are shown everywhere.
#[derive(Debug, Clone, Copy, PartialEq, Default, serde::Serialize)]
pub struct Windows {
    /// The last five minutes.
    #[serde(rename = "5m")]
    pub minutes_5: Availability,
    /// The last hour.
    #[serde(rename = "1h")]
    pub hour: Availability,
    /// The last 24 hours.
    #[serde(rename = "24h")]
    pub hours_24: Availability,
}

/// A run that is pointed to as evidence.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct RunRef {
    /// The run.
    pub run: RunId,
    /// Who ran it.
    pub agent: AgentId,
    /// When it started.
    pub at: Timestamp,
}

/// A failed run that is pointed to as evidence.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Failure {
    /// The run.
    pub run: RunId,
    /// Who ran it.
    pub agent: AgentId,
    /// From where.
    pub region: RegionId,
    /// When it started.
    pub at: Timestamp,
    /// Why it failed.
    pub class: FailClass,
}

/// One feature seen from one region.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct CellView {
    /// From where.
    pub region: RegionId,
    /// Its state.
    pub state: CellState,
    /// Since when.
    pub since: Option<Timestamp>,
    /// While suspect, down or recovering: the start of the first failed run.
    pub onset: Option<Timestamp>,
    /// What is said beside the state.
    pub overlays: Vec<Overlay>,
    /// While unknown: the feature that stands before it.
    pub blocked_by: Option<FeatureId>,
    /// How sure `down` is.
    pub confidence: Confidence,
    /// N: agents whose plan covers it, less the quarantined.
    pub agents: u32,
    /// Agents that see it now.
    pub seeing: u32,
    /// Agents whose runs do not count here because they fail alone.
    pub quarantined: Vec<AgentId>,
    /// Passes in a row, newest first.
    pub passes: u32,
    /// Slots of the last hour by outcome.
    pub samples: Ledger,
    /// The newest run that says anything of it.
    pub last_run: Option<RunRef>,
    /// The newest run that passed.
    pub last_success: Option<RunRef>,
    /// The newest run that failed.
    pub last_failure: Option<Failure>,
    /// Its availability.
    pub availability: Windows,
    /// The decision score as a share of its threshold: at 1 the cell is down.
    pub score: f64,
}

/// One feature over all regions.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct FeatureView {
    /// Which.
    pub feature: FeatureId,
    /// Its state.
    pub state: FeatureState,
    /// Since when. None if it was never measured.
    pub since: Option<Timestamp>,
    /// While unknown: the feature that stands before it in most regions.
    pub blocked_by: Option<FeatureId>,
    /// What is said of any of its regions beside the state.
    pub overlays: Vec<Overlay>,
    /// Its availability over regions, by their weights.
    pub availability: Windows,
    /// Its regions, in the roster's order.
    pub regions: Vec<CellView>,
    /// The newest failure in any region.
    pub last_failure: Option<Failure>,
    /// The incident that covers it, until it is closed.
    pub incident: Option<IncidentId>,
}

/// All features of one target.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Board {
    /// Which environment.
    pub target: TargetName,
    /// As of when.
    pub as_of: Timestamp,
    /// The features, in the catalogue's order.
    pub features: Vec<FeatureView>,
}

/// What became of a cell's slots and time in a stretch.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct HistoryBucket {
    /// Its first instant.
    pub from: Timestamp,
    /// The first instant after it.
    pub until: Timestamp,
    /// The slots due in it by outcome.
    pub samples: Ledger,
    /// Its availability.
    pub availability: Availability,
    /// Whether a run came after its slot had been told as missed.
    pub revised: bool,
}

/// One agent.
#[derive(Debug, Clone, PartialEq)]
pub struct AgentView {
    /// Who.
    pub agent: AgentId,
    /// Where.
    pub region: RegionId,
    /// Whether it gives signs of life.
    pub presence: Presence,
    /// When the newest heartbeat was received.
    pub last_heartbeat: Option<Timestamp>,
    /// What it said.
    pub heartbeat: Option<Heartbeat>,
    /// Whether it works on a plan whose record never came: its cells are unmeasured then.
    pub plan_unknown: bool,
    /// When its newest run was received.
    pub last_run: Option<Timestamp>,
    /// Whether most of its newest runs are blind.
    pub blind: bool,
    /// Cells that its plan covers.
    pub cells: u32,
    /// Cells in which its runs do not count because it fails alone.
    pub quarantined: Vec<CellKey>,
    /// Whether these are at least half of its cells: its owner should look.
    pub outlier: bool,
    /// Its slots of the last hour by outcome, over all targets.
    pub samples: Ledger,
    /// Valid runs while the cell was not in an outage.
    pub quiet_runs: u64,
    /// How many of these failed and no other agent agreed: divided by `quiet_runs`, an estimate
    /// of p0.
    pub uncorroborated: u64,
}

/// The fleet.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct FleetView {
    /// Whether it can see.
    pub state: FleetState,
    /// Listed agents.
    pub agents: u32,
    /// Agents with fresh heartbeats.
    pub present: u32,
    /// Agents that call themselves blind.
    pub blind: Vec<AgentId>,
    /// Agents that are quarantined in at least half of their cells.
    pub outliers: Vec<AgentId>,
}

/// One incident. Times are engine time except onset, first pass and resolved, which are starts
/// of runs.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct IncidentView {
    /// Its name.
    pub id: IncidentId,
    /// In which environment.
    pub target: TargetName,
    /// How far it is.
    pub phase: IncidentPhase,
    /// The feature that names its common cause: the most upstream of its features; of several the
    /// one that surely began earlier, explains most of the others, stands first in the catalogue.
    pub root: FeatureId,
    /// Every cell that was down in it; grows, never shrinks.
    pub cells: Vec<CellKey>,
    /// Features that were unknown because a feature of it stood before them.
    pub blocked: Vec<FeatureId>,
    /// Start of the last good run before it: it began after this.
    pub onset_low: Option<Timestamp>,
    /// Start of the first failed run.
    pub onset: Timestamp,
    /// When the first cell went down.
    pub detected: Timestamp,
    /// Start of the first run that passed again when it first began to recover.
    pub recover_first: Option<Timestamp>,
    /// Start of the first run that passed again, of the newest streak.
    pub first_pass: Option<Timestamp>,
    /// Start of the last unbroken streak of passes, once all its cells are up.
    pub resolved: Option<Timestamp>,
    /// When the quiet period was over, or it was merged into another.
    pub closed: Option<Timestamp>,
    /// The older incident that it turned out to be one with.
    pub merged_into: Option<IncidentId>,
    /// How often a cell of it went down again.
    pub relapses: u32,
    /// Whether a cell of it is out of sight.
    pub lost_sight: bool,
    /// Runs that speak for it, from its first cell.
    pub evidence: Vec<RunId>,
    /// What happened to it, the oldest first: its opening, and of very many steps the newest.
    pub timeline: Arc<Vec<IncidentEvent>>,
    /// How many steps the timeline no longer has.
    pub timeline_dropped: u64,
}

/// Something that happened to an incident.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct IncidentEvent {
    /// When, in engine time.
    pub at: Timestamp,
    /// What.
    pub step: IncidentStep,
    /// Runs that speak for it.
    pub evidence: Vec<RunId>,
}
