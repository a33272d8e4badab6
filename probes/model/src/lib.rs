//! The words of Bongsu as types: names, times, outcomes, run reports, plans, the catalogue.
//!
//! Agent, collector, wire and the availability machines all speak in these types, so that one
//! idea has one name everywhere. The crate is pure: it reads no clock, opens no file and no
//! socket, and knows no wire format. [`Clock`] is a trait without an implementation here.

mod cadence;
mod catalogue;
mod claim;
mod cleanup;
mod closed_list;
mod heartbeat;
mod name;
mod outcome;
mod plan;
mod report;
mod run;
mod run_id;
mod secret;
mod state;
mod time;
mod vantage;

pub use cadence::Cadence;
pub use catalogue::{
    Catalogue, CatalogueError, Dependency, DependencyStrength, Feature, Names, Paid, Rank,
    RankError, Service,
};
pub use claim::{
    CLAIM_NOTE_BYTES_MAX, CLAIM_SOURCE_BYTES_MAX, Claim, ClaimConfidence, ClaimId, ClaimSubject,
    ClaimText, ClaimTextError, ClaimedState, Comparison, Track,
};
pub use cleanup::CleanupState;
pub use closed_list::UnknownWord;
pub use heartbeat::{ControlCheck, Heartbeat, SpoolDepth};
pub use name::{
    AccountName, ActorName, AgentId, BootId, FeatureId, JourneyName, NameError, NetworkId,
    OperatorId, PoolName, RegionId, Revision, ServiceId, Tag, TargetName, Variant,
};
pub use outcome::{BlindReason, FailClass, FeatureOutcome, Outcome, Outcomes, SkipReason};
pub use plan::{PlanEntry, PlanRecord};
pub use report::{
    EarlierAttempt, Evidence, NetworkFacts, Phases, RedirectHop, RunReport, StepKind, StepOutcome,
    StepReport, Verb,
};
pub use run::{RunFacts, Trigger, TriggerKind};
pub use run_id::{RunId, RunIdError, RunIdentity};
pub use secret::Secret;
pub use state::{CellKey, CellState, FeatureState, Overlay};
pub use time::{Clock, Monotonic, TimeAnchor, Timestamp};
pub use vantage::Vantage;
