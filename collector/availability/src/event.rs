//! What the machines are told.

use std::collections::BTreeSet;

use bongsu_model::{
    AgentId, Catalogue, FeatureId, Heartbeat, PlanRecord, RegionId, RunFacts, TargetName, Timestamp,
};

use crate::Roster;

/// One event of the journal.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// A run was received.
    Run(Box<RunFacts>),
    /// An agent said what it is going to run.
    Plan {
        /// Who said so.
        agent: AgentId,
        /// What it runs.
        record: PlanRecord,
    },
    /// An agent gave a sign of life.
    Heartbeat {
        /// Whose.
        agent: AgentId,
        /// What it said.
        heartbeat: Heartbeat,
    },
    /// The features and their dependencies, replacing what was known.
    Catalogue(Catalogue),
    /// The regions and agents, replacing what was known. An agent that is no longer listed has
    /// left, and its plan ends.
    Roster(Roster),
    /// A maintenance window was declared.
    Maintenance(MaintenanceWindow),
}

/// All of a kind, or some of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope<T> {
    /// All.
    All,
    /// Only these.
    Only(BTreeSet<T>),
}

impl<T: Ord> Scope<T> {
    /// Whether `item` is within the scope.
    pub fn contains(&self, item: &T) -> bool {
        match self {
            Self::All => true,
            Self::Only(items) => items.contains(item),
        }
    }
}

/// Work on the platform that its owner announced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MaintenanceWindow {
    /// Which environments.
    pub targets: Scope<TargetName>,
    /// Which features.
    pub features: Scope<FeatureId>,
    /// Seen from which regions.
    pub regions: Scope<RegionId>,
    /// Its first instant.
    pub from: Timestamp,
    /// The first instant after it.
    pub until: Timestamp,
    /// When it was declared. Declared after `from` it is a label only: it neither leaves
    /// availability nor changes a state.
    pub declared: Timestamp,
}

impl MaintenanceWindow {
    /// Whether it was declared before it began, so that its time is excluded.
    pub fn is_excluded(&self) -> bool {
        self.declared <= self.from
    }

    /// Whether `at` lies in it.
    pub fn contains(&self, at: Timestamp) -> bool {
        self.from <= at && at < self.until
    }
}
