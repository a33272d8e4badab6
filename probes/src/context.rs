//! What a run is given: its order, its target, its accounts, its clock and its safety nets.

use std::sync::Arc;

use bongsu_language::Step;
use bongsu_model::{
    AccountName, BlindReason, BootId, Clock, Monotonic, Revision, RunId, Secret, Timestamp,
    Trigger, Vantage, Variant,
};
use futures_util::future::BoxFuture;
use tokio_util::sync::CancellationToken;

use crate::compensation::CompensationLog;
use crate::session::Sessions;
use crate::target::Target;

/// What is to be run, and how it will be known.
#[derive(Debug, Clone)]
pub struct RunOrder {
    /// The run's id. Scripts make their idempotency keys from it.
    pub id: RunId,
    /// Who runs, and from where.
    pub vantage: Vantage,
    /// The content hash of the plan that asks for it.
    pub plan_revision: Revision,
    /// Cold, warm or a named case.
    pub variant: Variant,
    /// What started it, and which slot it answers.
    pub trigger: Trigger,
    /// When it was due; for other triggers than the schedule, when it was ordered.
    pub due: Timestamp,
    /// The agent's start that scopes `seq`.
    pub boot: BootId,
    /// Counts the runs of one boot.
    pub seq: u64,
    /// The agent's clock minus the collector's, in seconds.
    pub clock_offset_s: f64,
}

/// A leased test account. Its secret fields are never shown, logged or reported.
#[derive(Debug, Clone)]
pub struct Account {
    /// Its name, unique within its pool.
    pub name: AccountName,
    /// Its public fields, as the actor's variables.
    pub fields: Vec<(String, serde_json::Value)>,
    /// Its secret fields, as the actor's variables.
    pub secrets: Vec<(String, Secret)>,
}

/// Watches a run from beside it, as a person at a terminal does.
pub trait StepWatch: Sync + std::fmt::Debug {
    /// A step begins, or a cleanup step for one more actor. Must return at once: the run waits.
    fn begins(&self, step: &Step);
}

/// Nobody watches.
#[derive(Debug, Clone, Copy)]
pub struct Unwatched;

impl StepWatch for Unwatched {
    fn begins(&self, _: &Step) {}
}

/// Judges whether the agent itself is at fault.
pub trait SelfCheck: Send + Sync + std::fmt::Debug {
    /// Asked once, at once, when a run meets a failure of the network's (dns, connect, tls, send,
    /// timeout): Some if the agent's own network, resolver, clock or runtime is the cause.
    ///
    /// `since` is when the act began that failed: a fault found at any time from then on answers.
    /// That there is none is only known from what was looked at after the failure.
    ///
    /// The run waits for the answer beside its cleanup, no longer than the cleanup's budget.
    fn own_fault(&self, since: Monotonic) -> BoxFuture<'_, Option<BlindReason>>;
}

/// A self-check for agents without control targets: never at fault.
#[derive(Debug, Clone, Copy)]
pub struct NoSelfCheck;

impl SelfCheck for NoSelfCheck {
    fn own_fault(&self, _: Monotonic) -> BoxFuture<'_, Option<BlindReason>> {
        Box::pin(std::future::ready(None))
    }
}

/// All that a run needs beside its journey.
#[derive(Debug, Clone)]
pub struct Context {
    /// Stamps and durations come from here.
    pub clock: Arc<dyn Clock>,
    /// What is to be run.
    pub order: RunOrder,
    /// Where.
    pub target: Arc<Target>,
    /// One leased account for each of the journey's actors, in their order.
    pub accounts: Vec<Account>,
    /// What warm runs begin with; runs of other variants neither read nor change it.
    pub sessions: Arc<Sessions>,
    /// Where cleanup is written down before a side effect is sent.
    pub compensation: Arc<dyn CompensationLog>,
    /// Cancelled on a graceful stop: the run ends after the act it is in, and still cleans up.
    pub cancel: CancellationToken,
    /// Asked on network failures.
    pub self_check: Arc<dyn SelfCheck>,
}
