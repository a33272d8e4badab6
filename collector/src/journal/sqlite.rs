//! The journal in SQLite: WAL, `synchronous=FULL`, one writing connection.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bongsu_model::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, params};

use super::record::{Record, Stored};
use super::storage::{End, Retention, Storage, StorageError, Swept};
use super::{retention, schema};

/// The journal's file in the data folder.
pub const FILE: &str = "journal.db";

/// The file whose lock says that a collector works on the folder.
const LOCK: &str = "collector.lock";

/// How long a statement waits for a reader's lock; checkpoints are the only ones that may.
const BUSY: Duration = Duration::from_secs(2);

/// The journal's file, opened for writing by this process alone.
#[derive(Debug)]
pub struct Sqlite {
    connection: Option<Connection>,
    file: PathBuf,
    pages_max: Option<u32>,
    sweep: retention::Progress,
    /// Held as long as the storage lives.
    _lock: File,
}

impl Sqlite {
    /// Opens or makes the journal in `folder`.
    ///
    /// # Errors
    /// When the folder cannot be written, another collector holds it, or the file is damaged or
    /// of a later version.
    pub fn open(folder: &Path) -> Result<Self, StorageError> {
        Self::open_limited(folder, None)
    }

    /// As [`Sqlite::open`], but the file never grows over `pages_max` pages of 4 KiB: a disk
    /// that is full beyond them.
    ///
    /// # Errors
    /// As [`Sqlite::open`].
    pub fn open_limited(folder: &Path, pages_max: Option<u32>) -> Result<Self, StorageError> {
        let lock = lock(folder)?;
        let file = folder.join(FILE);
        let connection = connect(&file, pages_max)?;
        Ok(Self {
            connection: Some(connection),
            file,
            pages_max,
            sweep: retention::Progress::default(),
            _lock: lock,
        })
    }

    fn connection(&mut self) -> Result<&mut Connection, StorageError> {
        self.connection
            .as_mut()
            .ok_or_else(|| StorageError::Io("not opened again since the last failure".to_owned()))
    }
}

impl Storage for Sqlite {
    fn append(
        &mut self,
        received: Timestamp,
        group: &[Record],
    ) -> Result<Vec<Stored>, StorageError> {
        let transaction = self.connection()?.transaction()?;
        let stored = group
            .iter()
            .map(|record| insert(&transaction, received, record))
            .collect::<Result<Vec<_>, _>>()?;
        transaction.commit()?;
        Ok(stored)
    }

    fn recover(&mut self) -> Result<End, StorageError> {
        // After a failed sync the kernel may take its pages for written. Opening anew and moving
        // the whole log into the database file writes and syncs them once more; until that has
        // worked nothing that is read back may count as durable.
        drop(self.connection.take());
        let connection = connect(&self.file, self.pages_max)?;
        let busy = connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| {
            row.get::<_, i64>(0)
        })?;
        if busy != 0 {
            return Err(StorageError::Other("a reader holds the log".to_owned()));
        }
        self.connection = Some(connection);
        self.end()
    }

    fn end(&mut self) -> Result<End, StorageError> {
        let end = self
            .connection()?
            .query_row(
                "SELECT seq, received FROM event ORDER BY seq DESC LIMIT 1",
                [],
                |row| {
                    Ok(End {
                        seq: row.get::<_, i64>(0)?.cast_unsigned(),
                        received: stamp(row.get(1)?),
                    })
                },
            )
            .optional()?;
        Ok(end.unwrap_or_default())
    }

    fn sweep(&mut self, now: Timestamp, retention: Retention) -> Result<Swept, StorageError> {
        let mut progress = std::mem::take(&mut self.sweep);
        let swept = retention::sweep(self.connection()?, &mut progress, now, retention);
        self.sweep = progress;
        swept
    }
}

impl Drop for Sqlite {
    /// Moves the log into the database file, so that after a stop `journal.db` alone is the whole
    /// journal: SQLite itself does it only if no reader has the file open.
    fn drop(&mut self) {
        let Some(connection) = &self.connection else {
            return;
        };
        let moved = connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()));
        if let Err(error) = moved {
            tracing::debug!(%error, "the log stays beside journal.db; the next start reads it");
        }
    }
}

/// A stored time. Times are below 2^63 ns until the year 2262.
pub(super) fn stamp(nanos: i64) -> Timestamp {
    Timestamp::from_unix_nanos(nanos.cast_unsigned())
}

/// A time as it is stored.
pub(super) fn nanos(at: Timestamp) -> i64 {
    i64::try_from(at.as_unix_nanos()).unwrap_or(i64::MAX)
}

fn lock(folder: &Path) -> Result<File, StorageError> {
    let unwritable = |error: std::io::Error| StorageError::Folder {
        folder: folder.to_owned(),
        reason: error.to_string(),
    };
    std::fs::create_dir_all(folder).map_err(unwritable)?;
    let lock = File::create(folder.join(LOCK)).map_err(unwritable)?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(std::fs::TryLockError::WouldBlock) => Err(StorageError::Locked(folder.to_owned())),
        Err(std::fs::TryLockError::Error(error)) => Err(unwritable(error)),
    }
}

fn connect(file: &Path, pages_max: Option<u32>) -> Result<Connection, StorageError> {
    let mut connection = Connection::open(file)?;
    connection.busy_timeout(BUSY)?;
    // Only has an effect while the file is still empty.
    connection.pragma_update(None, "auto_vacuum", "INCREMENTAL")?;
    let mode =
        connection.query_row("PRAGMA journal_mode=WAL", [], |row| row.get::<_, String>(0))?;
    if mode != "wal" {
        return Err(StorageError::Other(format!(
            "journal mode {mode} instead of wal; is the data folder on a network file system?"
        )));
    }
    connection.pragma_update(None, "synchronous", "FULL")?;
    if let Some(pages) = pages_max {
        connection.query_row(&format!("PRAGMA max_page_count={pages}"), [], |_| Ok(()))?;
    }
    schema::migrate(&mut connection, &schema::MIGRATIONS)?;
    Ok(connection)
}

fn insert(
    transaction: &Connection,
    received: Timestamp,
    record: &Record,
) -> Result<Stored, StorageError> {
    // Only runs and evidence can be known already: all other unique columns are null.
    let mut insert = transaction.prepare_cached(
        "INSERT INTO event (received, kind, agent, run, about, digest, target, feature, outcome, \
         due, facts, spans) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12) \
         ON CONFLICT DO NOTHING",
    )?;
    let run = record.run.as_ref();
    let added = insert.execute(params![
        nanos(received),
        record.kind.as_str(),
        record.agent.as_ref().map(|agent| agent.as_str()),
        run.map(|run| run.id.as_bytes()),
        record.about.as_ref().map(|run| run.as_bytes()),
        record.digest,
        run.map(|run| &run.target),
        run.map(|run| &run.feature),
        run.map(|run| run.outcome),
        run.map(|run| nanos(run.due)),
        record.facts,
        record.spans,
    ])?;
    match run {
        _ if added > 0 => Ok(Stored::New(transaction.last_insert_rowid().cast_unsigned())),
        Some(run) => {
            let known = transaction
                .prepare_cached("SELECT digest FROM event WHERE run = ?1")?
                .query_row([run.id.as_bytes()], |row| row.get::<_, Option<[u8; 16]>>(0))?;
            if known == record.digest {
                Ok(Stored::Duplicate)
            } else {
                Ok(Stored::Conflict)
            }
        }
        None => Ok(Stored::Duplicate),
    }
}

impl From<rusqlite::Error> for StorageError {
    fn from(error: rusqlite::Error) -> Self {
        use rusqlite::ErrorCode;
        let text = error.to_string();
        match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => Self::Full,
            Some(ErrorCode::SystemIoFailure) => Self::Io(text),
            Some(ErrorCode::CannotOpen | ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => {
                Self::Access(text)
            }
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => Self::Corrupt(text),
            _ => Self::Other(text),
        }
    }
}
