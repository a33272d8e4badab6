//! The facts of a run: all that deciding availability needs, and nothing else.

use crate::closed_list::closed_list;
use crate::{
    BootId, CleanupState, JourneyName, Outcomes, Revision, RunId, TargetName, Timestamp, Vantage,
    Variant,
};

closed_list! {
    /// What starts a run, as a word.
    TriggerKind: "trigger" {
        /// The schedule: the run answers exactly one slot.
        Scheduled = "scheduled",
        /// A confirmation burst.
        Burst = "burst",
        /// A person.
        Manual = "manual",
        /// A CI job; never counted into availability.
        Ci = "ci",
    }
}

/// What started a run. Only a scheduled run has a slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub enum Trigger {
    /// The schedule, for this slot number.
    Scheduled {
        /// The slot that the run answers.
        slot: u64,
    },
    /// A confirmation burst.
    Burst,
    /// A person.
    Manual,
    /// A CI job.
    Ci,
}

impl Trigger {
    /// The trigger without its slot.
    pub const fn kind(self) -> TriggerKind {
        match self {
            Self::Scheduled { .. } => TriggerKind::Scheduled,
            Self::Burst => TriggerKind::Burst,
            Self::Manual => TriggerKind::Manual,
            Self::Ci => TriggerKind::Ci,
        }
    }

    /// The slot that a scheduled run answers.
    pub const fn slot(self) -> Option<u64> {
        match self {
            Self::Scheduled { slot } => Some(slot),
            Self::Burst | Self::Manual | Self::Ci => None,
        }
    }
}

/// One execution of a journey, without its steps: what the root span carries.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct RunFacts {
    /// The run's id, which is its trace id.
    pub id: RunId,
    /// Who ran it, and from where.
    pub vantage: Vantage,
    /// Against which environment.
    pub target: TargetName,
    /// Which journey.
    pub journey: JourneyName,
    /// The content hash of the journey that was run.
    pub journey_revision: Revision,
    /// The content hash of the plan that asked for it.
    pub plan_revision: Revision,
    /// Cold, warm or a named case.
    pub variant: Variant,
    /// What started it, and which slot it answers.
    pub trigger: Trigger,
    /// When it was due; for other triggers than the schedule, when it started.
    pub due: Timestamp,
    /// When it started.
    pub started: Timestamp,
    /// When its last step, cleanup included, ended.
    pub ended: Timestamp,
    /// How it ended, per feature.
    pub outcomes: Outcomes,
    /// Whether a step passed only on a later attempt.
    pub flaky: bool,
    /// What became of the cleanup.
    pub cleanup: CleanupState,
    /// The start of the agent that scopes `seq`.
    pub boot: BootId,
    /// Counts the runs of one boot: a gap is a lost run.
    pub seq: u64,
    /// The agent's clock minus the collector's, as the agent estimated it, in seconds.
    pub clock_offset_s: f64,
}
