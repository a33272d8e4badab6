//! The states that Bongsu publishes.

use crate::closed_list::closed_list;
use crate::{FeatureId, RegionId, TargetName};

/// The unit of decision: one feature of one target seen from one region.
#[derive(
    Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
pub struct CellKey {
    /// The environment.
    pub target: TargetName,
    /// The feature.
    pub feature: FeatureId,
    /// Where it is seen from.
    pub region: RegionId,
}

closed_list! {
    /// The state of a cell.
    CellState: "cell state" {
        /// No journey of any agent covers it.
        Unmeasured = "unmeasured",
        /// Too few agents see it.
        Unknown = "unknown",
        /// It works.
        Up = "up",
        /// It failed, and that is not yet sure.
        Suspect = "suspect",
        /// It does not work.
        Down = "down",
        /// It was down and has begun to work.
        Recovering = "recovering",
    }
}

closed_list! {
    /// What is said of a cell beside its state.
    Overlay: "overlay" {
        /// In a declared maintenance window.
        Maintenance = "maintenance",
        /// It works, slowly.
        Slow = "slow",
        /// Some runs pass and some fail.
        Partial = "partial",
        /// It changes state too often.
        Flapping = "flapping",
    }
}

closed_list! {
    /// The state of a feature over its regions.
    FeatureState: "feature state" {
        /// It works everywhere.
        Operational = "operational",
        /// It works, slowly or with some errors.
        Degraded = "degraded",
        /// It is down nowhere and recovering somewhere.
        Recovering = "recovering",
        /// It is down in some regions.
        PartialOutage = "partial_outage",
        /// It is down for most.
        MajorOutage = "major_outage",
        /// Too little is seen of it.
        Unknown = "unknown",
        /// In a declared maintenance window.
        Maintenance = "maintenance",
        /// No journey measures it.
        Unmeasured = "unmeasured",
    }
}
