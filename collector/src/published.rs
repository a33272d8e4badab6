//! What is shown: one consistent picture of all that the engine knows, replaced as a whole.

use std::collections::BTreeMap;
use std::sync::Arc;

use bongsu_availability::{
    AgentView, Board, Engine, FleetState, FleetView, IncidentView, RecoveryView,
};
use bongsu_model::{TargetName, Timestamp};

use crate::claims::{ClaimBook, MeasuredLog};

/// Everything as of one instant. Cheap to share: it never changes once it is published.
#[derive(Debug, Clone)]
pub struct Published {
    /// Whether the journal was replayed, and deriving follows it. Before that the picture is
    /// empty; should deriving fail, the last one stays.
    pub ready: bool,
    /// As of when, in engine time.
    pub as_of: Timestamp,
    /// Grows with every picture.
    pub version: u64,
    /// The features of every target that a plan names, and of the default target.
    pub boards: BTreeMap<TargetName, Board>,
    /// The incidents of the same targets, newest first.
    pub incidents: BTreeMap<TargetName, Vec<IncidentView>>,
    /// The outages of the same targets, newest first.
    pub recoveries: BTreeMap<TargetName, Vec<RecoveryView>>,
    /// The agents of the roster.
    pub agents: Vec<AgentView>,
    /// The fleet.
    pub fleet: FleetView,
    /// What people say of features. Nothing above rests on it.
    pub claims: Arc<ClaimBook>,
    /// The states of features over time, which claims are held against.
    pub measured: Arc<MeasuredLog>,
}

impl Published {
    /// Whether there is something to show: also when deriving has failed since, as of then.
    pub fn has_content(&self) -> bool {
        self.ready || self.version > 0
    }

    /// The picture before the journal was replayed.
    pub(crate) fn unready() -> Self {
        Self {
            ready: false,
            as_of: Timestamp::EPOCH,
            version: 0,
            boards: BTreeMap::new(),
            incidents: BTreeMap::new(),
            recoveries: BTreeMap::new(),
            agents: Vec::new(),
            fleet: FleetView {
                state: FleetState::Sighted,
                agents: 0,
                present: 0,
                blind: Vec::new(),
                outliers: Vec::new(),
            },
            claims: Arc::default(),
            measured: Arc::default(),
        }
    }

    /// The picture of `engine` as of `as_of`.
    pub(crate) fn of(
        engine: &Engine,
        default_target: &TargetName,
        (claims, measured): (Arc<ClaimBook>, Arc<MeasuredLog>),
        as_of: Timestamp,
        version: u64,
    ) -> Self {
        let mut targets = engine.targets();
        if !targets.contains(default_target) {
            targets.push(default_target.clone());
        }
        let boards = targets
            .iter()
            .map(|target| (target.clone(), engine.board(target, as_of)));
        let incidents = targets
            .iter()
            .map(|target| (target.clone(), engine.incidents(target)));
        let recoveries = targets
            .iter()
            .map(|target| (target.clone(), engine.recoveries(target, as_of)));
        Self {
            ready: true,
            as_of,
            version,
            boards: boards.collect(),
            incidents: incidents.collect(),
            recoveries: recoveries.collect(),
            agents: engine.agents(as_of),
            fleet: engine.fleet(as_of),
            claims,
            measured,
        }
    }
}
