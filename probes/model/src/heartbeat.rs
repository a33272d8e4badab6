//! An agent's sign of life.

use crate::{BootId, Revision, Timestamp};

/// What one neutral control target answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ControlCheck {
    /// The control's address, as configured.
    pub control: String,
    /// Whether it could be reached.
    pub reachable: bool,
    /// When it was last asked.
    pub checked: Timestamp,
}

/// How full an agent's spool is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SpoolDepth {
    /// Records that no collector, or not every collector, has acknowledged.
    pub records: u64,
    /// Their size on disk.
    pub bytes: u64,
    /// When the oldest of them was written.
    pub oldest: Option<Timestamp>,
    /// Records dropped because the spool was full, since the agent's start.
    pub dropped: u64,
}

/// What an agent says of itself every 10 seconds. It alone decides presence; it is never spooled.
#[derive(Debug, Clone, PartialEq)]
pub struct Heartbeat {
    /// The agent's wall clock when it was made.
    pub sent: Timestamp,
    /// The agent's start.
    pub boot: BootId,
    /// The agent's clock minus the collector's, as the agent estimates it, in seconds.
    pub clock_offset_s: f64,
    /// The newest control checks.
    pub controls: Vec<ControlCheck>,
    /// The spool.
    pub spool: SpoolDepth,
    /// Runs whose cleanup is still owed.
    pub cleanup_debts: u64,
    /// The plan that is being worked on.
    pub plan_revision: Option<Revision>,
    /// Why a newer plan was refused, if one was.
    pub plan_refused: Option<String>,
    /// The agent's version.
    pub version: String,
}
