//! The seam between the writer and the disk. A test puts a failing disk behind it.

use std::path::PathBuf;
use std::time::Duration;

use bongsu_model::Timestamp;

use super::record::{Record, Stored};

/// Why the disk could not do its part.
#[derive(Debug, thiserror::Error)]
pub enum StorageError {
    /// No room: the disk, a quota, or a page limit.
    #[error("the disk is full; free space for journal.db or lower bytes_max")]
    Full,
    /// Reading, writing or syncing failed.
    #[error("the disk failed: {0}")]
    Io(String),
    /// The file or its folder may not be written to.
    #[error(
        "journal.db cannot be opened for writing: {0}; check owner and mode of the data folder \
         and of the files in it"
    )]
    Access(String),
    /// The file's content makes no sense.
    #[error(
        "journal.db is damaged: {0}; move it away to start anew, or mend it with \
         `sqlite3 journal.db .recover`"
    )]
    Corrupt(String),
    /// The file is of a later version.
    #[error(
        "journal.db is of version {found}, this program knows up to {newest}; start the newer \
         bongsu-collector"
    )]
    TooNew {
        /// The version in the file.
        found: i64,
        /// The newest version known here.
        newest: usize,
    },
    /// The folder cannot be made or written to.
    #[error("cannot write to the data folder {folder}: {reason}; check `data` and its owner")]
    Folder {
        /// The folder.
        folder: PathBuf,
        /// Why, as the system says it.
        reason: String,
    },
    /// Another collector works on the folder.
    #[error("the data folder {0} is in use by another collector; stop it or set another `data`")]
    Locked(PathBuf),
    /// Anything else that SQLite says.
    #[error("the journal refused: {0}")]
    Other(String),
}

/// What is kept, and how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// How long events are kept.
    pub age: Duration,
    /// Largest size of the file; above it spans are dropped, those of passes first.
    pub bytes_max: u64,
}

/// What one round of retention did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Swept {
    /// Events that were deleted.
    pub events: u64,
    /// Runs whose spans were dropped.
    pub spans: u64,
    /// The size of the file afterwards.
    pub bytes: u64,
    /// Whether it is still too large although no spans are left to drop.
    pub over: bool,
    /// Whether there is more to do at once.
    pub unfinished: bool,
}

/// The end of the journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct End {
    /// The place of the last event, 0 when there is none.
    pub seq: u64,
    /// When it was received.
    pub received: Timestamp,
}

/// A place where events are kept.
pub trait Storage: Send + std::fmt::Debug {
    /// Appends all records or none, and returns only when they are durable.
    ///
    /// # Errors
    /// When they may not be durable. [`Storage::recover`] must succeed before the next append.
    fn append(
        &mut self,
        received: Timestamp,
        group: &[Record],
    ) -> Result<Vec<Stored>, StorageError>;

    /// Opens the file anew after an error and makes durable whatever it holds. An append that
    /// was refused may turn out to be there: then the end says so.
    ///
    /// # Errors
    /// When the disk still fails.
    fn recover(&mut self) -> Result<End, StorageError>;

    /// Where the journal ends.
    ///
    /// # Errors
    /// When it cannot be read.
    fn end(&mut self) -> Result<End, StorageError>;

    /// One bounded round of retention.
    ///
    /// # Errors
    /// When the disk fails.
    fn sweep(&mut self, now: Timestamp, retention: Retention) -> Result<Swept, StorageError>;
}
