//! What the API answers. The pages draw the same values, so that they cannot disagree.

mod agents;
mod board;
mod claim;
mod copy;
mod incident;
mod incident_detail;
mod recovery;
mod report;
mod run;
mod strip;
mod time;
mod transition;

pub use agents::{
    AgentAnswer, AgentsAnswer, ChannelAnswer, ConfigAnswer, ControlAnswer, FleetAnswer,
    HealthAnswer, Known, QuarantineAnswer, SpoolAnswer,
};
pub use board::{
    AvailabilityAnswer, BoardAnswer, FailureAnswer, FeatureAnswer, NamesAnswer, Naming,
    RegionAnswer, RunMention, ServiceAnswer, WindowAnswer,
};
pub use claim::{
    ClaimAnswer, ClaimInForceAnswer, ClaimsAnswer, ClaimsWanted, ComparedAnswer, HandedInAnswer,
    ReceiptAnswer, StatementAnswer,
};
pub use copy::{CopyAnswer, CopyFileAnswer};
pub use incident::{AnnouncementAnswer, IncidentAnswer, IncidentsAnswer};
pub(crate) use incident_detail::incident_clocks;
pub use incident_detail::{
    ClockStanding, IncidentClockAnswer, IncidentDetailAnswer, IncidentEventAnswer,
};
pub use recovery::{
    OutageAnswer, OutageMention, RecoveredAnswer, RecoveryAnswer, RecoveryClockAnswer,
    RecoveryFeatureAnswer, RecoverySource, RegionRecoveryAnswer,
};
pub use report::{EvidencePageAnswer, ReportAnswer, WrittenAnswer};
pub use run::{
    AttemptAnswer, EvidenceAnswer, NetworkAnswer, OutcomeAnswer, PhasesAnswer, RedirectAnswer,
    RunAnswer, RunDetailAnswer, RunsAnswer, StepAnswer,
};
pub use strip::{BucketAnswer, RegionStripAnswer, StripAnswer, StripIncidentAnswer, StripSource};
pub use time::Time;
pub(crate) use time::to_jiff;
pub use transition::{FeatureDetailAnswer, TransitionAnswer};
