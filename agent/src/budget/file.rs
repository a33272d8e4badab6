//! The file of one account's use: replaced as a whole, so that a crash leaves the old or the new.

use std::path::PathBuf;

use super::usage::Usage;
use crate::spool::replace_durably;

/// Why the use of an account cannot be read or written down.
#[derive(Debug, thiserror::Error)]
#[error("{}: {reason}", path.display())]
pub(crate) struct BudgetError {
    path: PathBuf,
    reason: String,
}

/// The use that stands in the file; none at all if there is no file.
pub(super) async fn read(path: PathBuf) -> Result<Usage, BudgetError> {
    off_thread(path, |path| match std::fs::read(path) {
        Ok(bytes) => serde_json::from_slice(&bytes).map_err(std::io::Error::from),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Usage::default()),
        Err(error) => Err(error),
    })
    .await
}

pub(super) async fn write(path: PathBuf, usage: Usage) -> Result<(), BudgetError> {
    off_thread(path, move |path| {
        let json = serde_json::to_vec(&usage)?;
        path.parent().map_or(Ok(()), std::fs::create_dir_all)?;
        replace_durably(path, &json)
    })
    .await
}

/// Disk work does not belong on the runtime's one thread.
async fn off_thread<T: Send + 'static>(
    path: PathBuf,
    work: impl FnOnce(&std::path::Path) -> std::io::Result<T> + Send + 'static,
) -> Result<T, BudgetError> {
    let at = path.clone();
    let done = tokio::task::spawn_blocking(move || work(&at)).await;
    let told = |reason: String| BudgetError { path, reason };
    match done {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => Err(told(error.to_string())),
        Err(error) => Err(told(error.to_string())),
    }
}
