//! The journal in SQLite: WAL, `synchronous=FULL`, one writing connection.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bongsu_model::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, Row, Statement, params};

use super::record::{Record, RunColumns, Stored};
use super::segments::{Batch, Class, Place, Segments};
use super::storage::{End, Retention, Storage, StorageError, Swept};
use super::{retention, schema};

/// The journal's file in the data folder.
pub const FILE: &str = "journal.db";

/// The file whose lock says that a collector works on the folder.
const LOCK: &str = "collector.lock";

/// Pages of the log that are moved into the database file at a time: 16 MiB. Every run touches the
/// same few pages of the indexes, which are so moved once instead of four times.
const CHECKPOINT_PAGES: i64 = 4_096;

/// Memory for pages, in KiB: those that a full group writes, so that none is written twice.
const CACHE_KIB: i64 = 8_192;

/// How long a statement waits for a reader's lock; checkpoints are the only ones that may.
const BUSY: Duration = Duration::from_secs(2);

/// The journal's file, opened for writing by this process alone.
#[derive(Debug)]
pub struct Sqlite {
    connection: Option<Connection>,
    segments: Segments,
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
        let segments = Segments::open(folder, &connection)?;
        Ok(Self {
            connection: Some(connection),
            segments,
            file,
            pages_max,
            sweep: retention::Progress::default(),
            _lock: lock,
        })
    }

    fn parts(&mut self) -> Result<(&mut Connection, &mut Segments), StorageError> {
        match &mut self.connection {
            Some(connection) => Ok((connection, &mut self.segments)),
            None => Err(StorageError::Io(
                "not opened again since the last failure".to_owned(),
            )),
        }
    }
}

impl Storage for Sqlite {
    fn append(
        &mut self,
        received: Timestamp,
        group: &[Record],
    ) -> Result<Vec<Stored>, StorageError> {
        let (connection, segments) = self.parts()?;
        let transaction = connection.transaction()?;
        let mut batch = segments.batch();
        let mut stored = Vec::with_capacity(group.len());
        {
            let mut insert = transaction.prepare_cached(INSERT)?;
            for record in group {
                let added = add(&transaction, &mut insert, &mut batch, (received, record))?;
                stored.push(added);
            }
        }
        let newest = stored.iter().rev().find_map(|stored| match stored {
            Stored::New(seq) => Some(seq.cast_signed()),
            Stored::Duplicate | Stored::Conflict => None,
        });
        batch.write(&transaction, newest.unwrap_or(0))?;
        transaction.commit()?;
        Ok(stored)
    }

    fn recover(&mut self) -> Result<End, StorageError> {
        // After a failed sync the kernel may take its pages for written. Opening anew and moving
        // the whole log into the database file writes and syncs them once more; until that has
        // worked nothing that is read back may count as durable.
        drop(self.connection.take());
        self.segments.close();
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
        let (connection, _) = self.parts()?;
        let end = connection
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
        let (connection, segments) = self.parts()?;
        let swept = retention::sweep((connection, segments), &mut progress, now, retention);
        self.sweep = progress;
        swept
    }
}

impl Drop for Sqlite {
    /// Moves the log into the database file, so that after a stop `journal.db` and `spans` are the
    /// whole journal: SQLite itself does it only if no reader has the file open.
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
    connection.pragma_update(None, "wal_autocheckpoint", CHECKPOINT_PAGES)?;
    connection.pragma_update(None, "cache_size", -CACHE_KIB)?;
    if let Some(pages) = pages_max {
        connection.query_row(&format!("PRAGMA max_page_count={pages}"), [], |_| Ok(()))?;
    }
    schema::migrate(&mut connection, &schema::MIGRATIONS)?;
    Ok(connection)
}

/// Only runs, evidence and claims can be known already: all other unique columns are null.
const INSERT: &str = "INSERT INTO event (received, kind, agent, run, about, digest, target, feature, \
    outcome, due, facts, spans, segment, segment_offset, segment_bytes) \
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15) \
    ON CONFLICT DO NOTHING";

fn add<'g>(
    transaction: &Connection,
    insert: &mut Statement<'_>,
    batch: &mut Batch<'_, 'g>,
    (received, record): (Timestamp, &'g Record),
) -> Result<Stored, StorageError> {
    let run = record.run.as_ref();
    let class = Class::of(run.map_or("", |run| run.outcome));
    let place = match (run, &record.spans) {
        (Some(_), Some(spans)) => Some((batch.place(transaction, class, spans)?, spans)),
        (Some(_) | None, _) => None,
    };
    let at = place.map(|(place, _)| place);
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
        record.spans.as_ref().filter(|_| run.is_none()),
        at.map(|at| at.segment),
        at.map(|at| at.offset),
        at.map(|at| at.bytes),
    ])?;
    match (run, place) {
        (run, place) if added > 0 => {
            if let (Some(_), Some((_, spans))) = (run, place) {
                batch.put(class, spans);
            }
            Ok(Stored::New(transaction.last_insert_rowid().cast_unsigned()))
        }
        (Some(run), _) => again(transaction, batch, run, record),
        (None, _) => Ok(Stored::Duplicate),
    }
}

/// Whether a run that is known came again as it was, or with another content. Of spans that were
/// dropped since only the length is known.
fn again(
    transaction: &Connection,
    batch: &Batch<'_, '_>,
    run: &RunColumns,
    record: &Record,
) -> Result<Stored, StorageError> {
    let (facts, in_row, place) = transaction
        .prepare_cached(
            "SELECT facts, spans, segment, segment_offset, segment_bytes FROM event WHERE run = ?1",
        )?
        .query_row([run.id.as_bytes()], |row| {
            let facts = row.get_ref(0)?.as_str()? == record.facts;
            Ok((facts, row.get::<_, Option<Vec<u8>>>(1)?, place(row, 2)?))
        })?;
    let length = record.spans.as_ref().map(Vec::len);
    let known = match place {
        Some(place) if length != usize::try_from(place.bytes).ok() => return Ok(Stored::Conflict),
        Some(place) if facts => batch.read(place)?,
        Some(_) | None => in_row,
    };
    let same = known.is_none() || record.spans == known;
    Ok(if facts && same {
        Stored::Duplicate
    } else {
        Stored::Conflict
    })
}

/// The place in three columns from `first` on.
pub(super) fn place(row: &Row<'_>, first: usize) -> Result<Option<Place>, rusqlite::Error> {
    let Some(segment) = row.get(first)? else {
        return Ok(None);
    };
    Ok(Some(Place {
        segment,
        offset: row.get(first + 1)?,
        bytes: row.get(first + 2)?,
    }))
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
