//! What an agent says it will run.

use std::time::Duration;

use crate::{Cadence, FeatureId, JourneyName, Revision, TargetName, Timestamp, Variant};

/// One journey of a plan, as the ledger needs it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlanEntry {
    /// The journey.
    pub journey: JourneyName,
    /// Where it runs.
    pub target: TargetName,
    /// How it runs.
    pub variant: Variant,
    /// The feature whose slots these are.
    pub feature: FeatureId,
    /// Other features that its steps touch.
    pub touches: Vec<FeatureId>,
    /// When its slots are due.
    pub cadence: Cadence,
    /// D: how long a run may take, cleanup included.
    pub deadline: Duration,
}

/// An agent's plan: replaces the one before from `valid_from` on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlanRecord {
    /// The content hash of the plan.
    pub revision: Revision,
    /// From when on its slots are expected.
    pub valid_from: Timestamp,
    /// What it runs.
    pub entries: Vec<PlanEntry>,
}
