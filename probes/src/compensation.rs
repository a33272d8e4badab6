//! The compensation log: what cleanup is owed, on disk before the side effect is sent.

use bongsu_model::{
    AccountName, ActorName, JourneyName, Revision, RunId, TargetName, Timestamp, Variant,
};
use futures_util::future::BoxFuture;

/// What a run owes the platform until its cleanup has passed. Never holds a secret.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Debt {
    /// The run that owes. Its cleanup finds what was made by this id.
    pub run: RunId,
    /// Against which environment.
    pub target: TargetName,
    /// Which journey.
    pub journey: JourneyName,
    /// The content hash of the journey that was run.
    pub journey_revision: Revision,
    /// Cold, warm or a named case.
    pub variant: Variant,
    /// The account of each actor: cleanup must act as the same ones.
    pub accounts: Vec<(ActorName, AccountName)>,
    /// Whose cleanup is owed: 0 for the journey's own, n + 1 for that of its n-th `use`.
    pub scopes: Vec<u32>,
    /// Captured variables that are no secrets.
    pub variables: Vec<OwedVariable>,
    /// When the debt was made.
    pub since: Timestamp,
    /// How often paying it was tried.
    pub attempts: u32,
}

/// A captured variable that cleanup may need.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct OwedVariable {
    /// Whose it is.
    pub actor: ActorName,
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: serde_json::Value,
}

/// Why a debt could not be written down or struck out.
#[derive(Debug, thiserror::Error)]
#[error("the compensation log cannot be written: {0}")]
pub struct CompensationError(pub String);

/// Keeps debts across a crash.
pub trait CompensationLog: Send + Sync + std::fmt::Debug {
    /// Writes `debt` down durably (it is on disk when this returns), in place of what the same run
    /// owed before.
    ///
    /// # Errors
    /// When it is not on disk. The side effect is then not sent.
    fn owe<'a>(&'a self, debt: &'a Debt) -> BoxFuture<'a, Result<(), CompensationError>>;

    /// Strikes out what `run` owes; nothing happens if it owes nothing.
    ///
    /// # Errors
    /// When the log cannot be written: the debt stays and will be paid once more.
    fn paid(&self, run: RunId) -> BoxFuture<'_, Result<(), CompensationError>>;

    /// Whether a debt written here will be paid later. Where not, an unpaid one has leaked.
    fn is_kept(&self) -> bool {
        true
    }
}

/// No log: for one-shot runs that leave no agent behind. What cannot be cleaned up leaks.
#[derive(Debug, Clone, Copy)]
pub struct NoCompensationLog;

impl CompensationLog for NoCompensationLog {
    fn owe<'a>(&'a self, _: &'a Debt) -> BoxFuture<'a, Result<(), CompensationError>> {
        Box::pin(std::future::ready(Ok(())))
    }

    fn paid(&self, _: RunId) -> BoxFuture<'_, Result<(), CompensationError>> {
        Box::pin(std::future::ready(Ok(())))
    }

    fn is_kept(&self) -> bool {
        false
    }
}
