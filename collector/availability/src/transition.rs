//! What the machines say when something changes.

use std::sync::Arc;

use bongsu_model::{
    AgentId, CellKey, CellState, FeatureId, FeatureState, RunId, TargetName, Timestamp,
};

use crate::{RecoveryState, RtoAlarm};

/// The stable name of an incident: the same again when the journal is replayed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(transparent)]
pub struct IncidentId(Arc<str>);

impl IncidentId {
    /// The name of the incident of `target` that was detected then, first in `feature`.
    pub fn new(detected: Timestamp, target: &TargetName, feature: &FeatureId) -> Self {
        let ms = detected.as_unix_nanos() / 1_000_000;
        Self(format!("{ms}.{target}.{feature}").into())
    }

    /// The name as text: when it was detected (unix ms), target, first feature; URL-safe.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Display for IncidentId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// How sure a cell's `down` is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Confidence {
    /// One agent alone: nothing rules out that the agent is at fault. Never a major outage.
    Low,
    /// The evidence is enough without any one of the agents.
    Full,
}

/// Whether an agent gives signs of life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Presence {
    /// No heartbeat was ever received.
    Unseen,
    /// The newest heartbeat is fresh.
    Present,
    /// Three heartbeats in a row did not come.
    Lost,
}

/// Whether the fleet as a whole can see.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FleetState {
    /// Most agents see.
    Sighted,
    /// More than a third of the agents call themselves blind: look at the fleet, not at features.
    /// It ends once no more than a sixth do for one T of the journey that is run most often. Runs
    /// that came after their slots counted as missed neither begin nor end it.
    Blind,
}

/// Why an agent's runs count again in a cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Release {
    /// It passed often enough in a row.
    Passes,
    /// Another agent failed too: it may have been right.
    Corroborated,
    /// Its plan no longer covers the cell, or it left the roster.
    Left,
}

/// What changed of an agent's standing in one cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum QuarantineStep {
    /// It fails alone: its runs since this instant are blind.
    Held {
        /// The first failure of its streak.
        since: Timestamp,
    },
    /// Its runs count again.
    Released {
        /// Why.
        why: Release,
    },
}

/// How far an incident is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum IncidentPhase {
    /// Some cell of it is down, or was and is out of sight.
    Open,
    /// None is down, some is recovering.
    Recovering,
    /// All are up; a relapse would reopen it.
    Resolved,
    /// All were up for the quiet period, or it was merged into an older one.
    Closed,
}

/// What changed of an incident.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum IncidentStep {
    /// A cell went down and no open incident covered it.
    Opened,
    /// Another cell joined it.
    Widened {
        /// The cell.
        cell: CellKey,
    },
    /// It turned out to be one with a younger incident, whose cells are now its own.
    Absorbed {
        /// The younger one.
        incident: IncidentId,
    },
    /// It turned out to be one with an older incident, and is closed.
    Merged {
        /// The older one.
        into: IncidentId,
    },
    /// A cell of it went down again.
    Relapsed {
        /// The cell.
        cell: CellKey,
    },
    /// It moved on to this phase.
    Phase {
        /// The phase.
        phase: IncidentPhase,
    },
    /// Some cell of it is out of sight.
    LostSight,
    /// All cells of it are in sight again.
    RegainedSight,
}

/// What changed.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Change {
    /// A cell's state, or what blocks it.
    ///
    /// A cell that is in sight again goes where its score leads; with an outage still open it goes
    /// to recovering if it had begun to recover or has passed since, and otherwise to down. Each
    /// relapse in an outage doubles the passes that the next recovery takes to begin, up to those
    /// of [`Settings::passes_to_up`](crate::Settings::passes_to_up).
    Cell {
        /// Which.
        cell: CellKey,
        /// Its state before.
        from: CellState,
        /// Its state now.
        to: CellState,
        /// While unknown: the feature that stands before it.
        blocked_by: Option<FeatureId>,
        /// While suspect or down: the start of the first failed run.
        onset: Option<Timestamp>,
        /// How sure it is.
        confidence: Confidence,
    },
    /// A feature's state over its regions.
    Feature {
        /// In which environment.
        target: TargetName,
        /// Which.
        feature: FeatureId,
        /// Its state before.
        from: FeatureState,
        /// Its state now.
        to: FeatureState,
        /// While unknown: the feature that stands before it in most regions.
        blocked_by: Option<FeatureId>,
        /// While any of its cells is down: the earliest onset among them.
        onset: Option<Timestamp>,
    },
    /// An incident.
    Incident {
        /// In which environment.
        target: TargetName,
        /// Which.
        incident: IncidentId,
        /// What happened to it.
        step: IncidentStep,
    },
    /// How far the recovery of a feature is that an outage affected.
    Recovery {
        /// In which environment.
        target: TargetName,
        /// Which.
        feature: FeatureId,
        /// The newest incident that has it.
        incident: IncidentId,
        /// How far it was; none when it came to be affected.
        from: Option<RecoveryState>,
        /// How far it is.
        to: RecoveryState,
    },
    /// A feature's recovery clock reached a limit, and no passes go on that may have kept it.
    Rto {
        /// In which environment.
        target: TargetName,
        /// Which.
        feature: FeatureId,
        /// The newest incident that has it.
        incident: IncidentId,
        /// Which limit.
        alarm: RtoAlarm,
    },
    /// An agent's standing in a cell.
    Quarantine {
        /// Who.
        agent: AgentId,
        /// In which cell.
        cell: CellKey,
        /// What happened.
        step: QuarantineStep,
    },
    /// An agent's presence.
    Presence {
        /// Who.
        agent: AgentId,
        /// Before.
        from: Presence,
        /// Now.
        to: Presence,
    },
    /// The sight of the fleet.
    Fleet {
        /// Before.
        from: FleetState,
        /// Now.
        to: FleetState,
        /// The agents that are blind.
        blind: Vec<AgentId>,
    },
}

/// One change, with its instant and the runs that speak for it.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Transition {
    /// Engine time: the receipt of the event, or the deadline of the timer, that brought it.
    pub at: Timestamp,
    /// What changed.
    #[serde(flatten)]
    pub change: Change,
    /// Runs that speak for it, the newest last; at most [`EVIDENCE_MAX`].
    pub evidence: Vec<RunId>,
}

/// Runs named by a transition: the decision needs five failures beyond one agent, so eight show
/// all of a typical one.
pub const EVIDENCE_MAX: usize = 8;
