//! The fleet: who measures, from where, and how well.

use bongsu_availability::{AgentView, Board, FleetState, FleetView, IncidentPhase, IncidentView};
use bongsu_availability::{Ledger, Presence};
use bongsu_model::{
    AgentId, BootId, ControlCheck, FeatureId, NetworkId, RegionId, Revision, SpoolDepth,
    TargetName, Vantage,
};

use super::{BoardAnswer, Time};
use crate::control::{ChannelKind, ChannelView};

/// `GET /api/v1/agents`.
#[derive(Debug, Clone, serde::Serialize)]
pub struct AgentsAnswer {
    /// The environment that the fleet's counts speak of.
    pub target: TargetName,
    /// As of when.
    pub as_of: Time,
    /// The fleet as a whole.
    pub fleet: FleetAnswer,
    /// Every agent of the collector's configuration.
    pub agents: Vec<AgentAnswer>,
}

impl AgentsAnswer {
    /// The answer for the listed agents.
    pub fn new(board: &BoardAnswer, agents: &[AgentView], known: Known<'_>) -> Self {
        Self {
            target: board.target.clone(),
            as_of: board.as_of,
            fleet: board.fleet.clone(),
            agents: agents
                .iter()
                .map(|view| AgentAnswer::new(view, known))
                .collect(),
        }
    }
}

/// What is known of agents beside what the engine shows.
#[derive(Debug, Clone, Copy)]
pub struct Known<'a> {
    /// Those that the configuration lists.
    pub listed: &'a [Vantage],
    /// Their control channels.
    pub channels: &'a [ChannelView],
}

/// The fleet as a whole.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct FleetAnswer {
    /// Whether it can see: `sighted` or `blind`.
    pub state: FleetState,
    /// Agents that the configuration lists.
    pub agents: u32,
    /// Agents whose heartbeat is fresh.
    pub present: u32,
    /// Agents that call themselves blind.
    pub blind: Vec<AgentId>,
    /// Agents that are quarantined in at least half of their cells.
    pub outliers: Vec<AgentId>,
    /// Cells of the target in which some agent is quarantined.
    pub quarantined_cells: usize,
    /// Incidents of the target that are not yet resolved.
    pub incidents_open: usize,
}

impl FleetAnswer {
    /// The fleet, as it bears on one target.
    pub fn new(fleet: &FleetView, board: &Board, incidents: &[IncidentView]) -> Self {
        let cells = board.features.iter().flat_map(|feature| &feature.regions);
        Self {
            state: fleet.state,
            agents: fleet.agents,
            present: fleet.present,
            blind: fleet.blind.clone(),
            outliers: fleet.outliers.clone(),
            quarantined_cells: cells.filter(|cell| !cell.quarantined.is_empty()).count(),
            incidents_open: incidents
                .iter()
                .filter(|incident| incident.phase < IncidentPhase::Resolved)
                .count(),
        }
    }
}

/// One agent.
#[derive(Debug, Clone, serde::Serialize)]
pub struct AgentAnswer {
    /// Its id.
    pub id: AgentId,
    /// The region that it speaks for.
    pub region: RegionId,
    /// The network that it sits in; null when it is no longer listed.
    pub network: Option<NetworkId>,
    /// Whether it gives signs of life: `unseen`, `present` or `lost`.
    pub presence: Presence,
    /// Whether most of its newest runs are blind.
    pub blind: bool,
    /// When its last heartbeat was received.
    pub last_heartbeat: Option<Time>,
    /// When its last run was received.
    pub last_run: Option<Time>,
    /// Its start, as it names it.
    pub boot: Option<BootId>,
    /// Its version.
    pub version: Option<String>,
    /// Its clock minus the collector's, in seconds.
    pub clock_offset_s: Option<f64>,
    /// Its disk queue.
    pub spool: Option<SpoolAnswer>,
    /// Runs whose cleanup is still owed.
    pub cleanup_debts: Option<u64>,
    /// The plan that it works on.
    pub plan_revision: Option<Revision>,
    /// Why it refused a newer plan, if it did.
    pub plan_refused: Option<String>,
    /// Whether that plan's record never came: what the agent covers is unmeasured then.
    pub plan_unknown: bool,
    /// How it can be asked for something.
    pub channel: ChannelAnswer,
    /// How it says it is; null until it says so over its control channel.
    pub health: Option<HealthAnswer>,
    /// What it says it is configured with; null until then.
    pub effective_config: Option<ConfigAnswer>,
    /// What its neutral controls answered.
    pub controls: Vec<ControlAnswer>,
    /// Cells that its plan covers.
    pub cells: u32,
    /// Cells in which it does not count, because it fails alone.
    pub quarantined: Vec<QuarantineAnswer>,
    /// Whether these are at least half of its cells.
    pub outlier: bool,
    /// Its slots of the last hour by outcome, over all targets.
    pub samples: Ledger,
    /// Valid runs while the cell was not in an outage.
    pub quiet_runs: u64,
    /// How many of these failed and no other agent agreed.
    pub uncorroborated: u64,
}

impl AgentAnswer {
    fn new(view: &AgentView, known: Known<'_>) -> Self {
        let heartbeat = view.heartbeat.as_ref();
        let mut channels = known.channels.iter();
        let channel = channels.find(|channel| channel.agent == view.agent);
        Self {
            id: view.agent.clone(),
            region: view.region.clone(),
            network: known
                .listed
                .iter()
                .find(|vantage| vantage.agent == view.agent)
                .map(|vantage| vantage.network.clone()),
            presence: view.presence,
            blind: view.blind,
            last_heartbeat: view.last_heartbeat.map(Time),
            last_run: view.last_run.map(Time),
            boot: heartbeat.map(|h| h.boot.clone()),
            version: heartbeat.map(|h| h.version.clone()),
            clock_offset_s: heartbeat.map(|h| h.clock_offset_s),
            spool: heartbeat.map(|h| SpoolAnswer::new(&h.spool)),
            cleanup_debts: heartbeat.map(|h| h.cleanup_debts),
            plan_revision: heartbeat.and_then(|h| h.plan_revision.clone()),
            plan_unknown: view.plan_unknown,
            plan_refused: heartbeat.and_then(|h| h.plan_refused.clone()),
            channel: ChannelAnswer {
                kind: channel.map_or(ChannelKind::None, |channel| channel.kind),
                since: channel.and_then(|channel| channel.since).map(Time),
            },
            health: channel.and_then(|channel| {
                channel.health.as_ref().map(|health| HealthAnswer {
                    healthy: health.healthy,
                    status: health.status.clone(),
                    last_error: health.last_error.clone(),
                    received: Time(health.received),
                })
            }),
            effective_config: channel.and_then(|channel| {
                channel.config.as_ref().map(|config| ConfigAnswer {
                    hash: config.hash.clone(),
                    plan_revision: config.plan_revision.clone(),
                    received: Time(config.received),
                })
            }),
            controls: heartbeat
                .map(|h| h.controls.iter().map(ControlAnswer::new).collect())
                .unwrap_or_default(),
            cells: view.cells,
            quarantined: view
                .quarantined
                .iter()
                .map(|cell| QuarantineAnswer {
                    target: cell.target.clone(),
                    feature: cell.feature.clone(),
                    region: cell.region.clone(),
                })
                .collect(),
            outlier: view.outlier,
            samples: view.samples,
            quiet_runs: view.quiet_runs,
            uncorroborated: view.uncorroborated,
        }
    }
}

/// How an agent can be asked for something.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct ChannelAnswer {
    /// `websocket`, `polling` or `none`.
    pub kind: ChannelKind,
    /// Since when; null if it never had a channel since the collector started.
    pub since: Option<Time>,
}

/// How an agent says it is.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct HealthAnswer {
    /// Whether it does its work.
    pub healthy: bool,
    /// Its state in a word: `working`, `stopping`.
    pub status: String,
    /// What is wrong; empty if nothing is.
    pub last_error: String,
    /// When it said so.
    pub received: Time,
}

/// What an agent says it is configured with.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct ConfigAnswer {
    /// SHA-256 over its files, in hex.
    pub hash: String,
    /// The plan that it works on.
    pub plan_revision: Option<String>,
    /// When it said so.
    pub received: Time,
}

/// An agent's disk queue.
#[derive(Debug, Clone, serde::Serialize)]
pub struct SpoolAnswer {
    /// Records that are not acknowledged everywhere.
    pub records: u64,
    /// Their size.
    pub bytes: u64,
    /// When the oldest was written.
    pub oldest: Option<Time>,
    /// Records dropped because the queue was full, since the agent's start.
    pub dropped: u64,
}

impl SpoolAnswer {
    fn new(depth: &SpoolDepth) -> Self {
        Self {
            records: depth.records,
            bytes: depth.bytes,
            oldest: depth.oldest.map(Time),
            dropped: depth.dropped,
        }
    }
}

/// What a neutral control answered.
#[derive(Debug, Clone, serde::Serialize)]
pub struct ControlAnswer {
    /// Its address.
    pub control: String,
    /// Whether it could be reached.
    pub reachable: bool,
    /// When it was asked.
    pub checked: Time,
}

impl ControlAnswer {
    fn new(check: &ControlCheck) -> Self {
        Self {
            control: check.control.clone(),
            reachable: check.reachable,
            checked: Time(check.checked),
        }
    }
}

/// A cell in which an agent does not count.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct QuarantineAnswer {
    /// The environment.
    pub target: TargetName,
    /// The feature.
    pub feature: FeatureId,
    /// The region.
    pub region: RegionId,
}
