//! Decides which features work, for whom, since when and how sure that is.
//!
//! Two machines with events between them. **Cells** decide from one feature's runs in one region;
//! the **fleet** sees their transitions and the agents' statistics, and decides on outliers,
//! presence, fleet blindness and incidents. Both are pure: no clock, no I/O, no randomness. The
//! same journal, replayed, gives the same transitions; the history (ledger and availability) is
//! the same for every order in which the same events arrive.
//!
//! Drive it through [`Engine`]: [`Engine::handle`] for each event in journal order with its time
//! of receipt, [`Engine::advance`] at [`Engine::next_wakeup`], [`Engine::poll_transition`] until
//! it is empty, [`Engine::board`] to look. [`Engine::ask`] says which agents are to look early.
//!
//! Above incidents stand outages: what all incidents of a target affected, from the first that opens
//! to the last that is closed. [`Engine::recoveries`] tells how far each affected feature is, how
//! much is back, and what its recovery clock reads; [`IncidentClocks`] are the limits that duties
//! and manuals set on one incident.
//!
//! How often the rule errs is measured with a [`Trial`]:
//! `cargo run --release -p bongsu-availability --example false_alarms -- --cell-years 900`.

mod availability;
mod board;
mod burst;
mod cell;
mod cells;
mod clocks;
mod counters;
mod engine;
mod event;
mod feature;
mod fleet;
mod history;
mod ledger;
mod maintenance;
mod plan;
mod recovery;
mod roster;
mod settings;
mod span;
mod strip;
mod timers;
mod transition;
mod trial;

pub use board::{
    AgentView, Availability, Board, CellView, Failure, FeatureView, FleetView, HistoryBucket,
    IncidentEvent, IncidentView, RunRef, Windows,
};
pub use burst::BurstRequest;
pub use clocks::IncidentClocks;
pub use counters::Counters;
pub use engine::{Engine, FUTURE_MAX, HistorySpan};
pub use event::{Event, MaintenanceWindow, Scope};
pub use ledger::Ledger;
pub use recovery::{
    FeatureWeight, RecoveredShare, RecoveryClock, RecoveryEvent, RecoveryRow, RecoveryState,
    RecoveryStep, RecoveryView, RegionRecovery, Rto, RtoAlarm, TierCount,
};
pub use roster::{Region, Roster};
pub use settings::Settings;
pub use strip::{RegionStrip, Sight, Strip, StripBucket, StripWindow};
pub use transition::{
    Change, Confidence, EVIDENCE_MAX, FleetState, IncidentId, IncidentPhase, IncidentStep,
    Presence, QuarantineStep, Release, Transition,
};
pub use trial::{Trial, TrialFleet, TrialRun};
