//! `forward.db`: how far each destination has come, and the foreign spans that wait.
//!
//! Runs are not copied: the journal is their queue, and a destination has its place in it. Foreign
//! spans are in no journal, so they wait here, within a bound; when it is reached the oldest go.

use std::path::Path;
use std::time::Duration;

use bongsu_wire::ForeignSpans;
use rusqlite::{Connection, OptionalExtension as _, Transaction, params};

/// The file in the data folder.
pub(super) const FILE: &str = "forward.db";

const VERSION: i64 = 1;

/// `total` counts spans since the beginning, those of the row included: what lies between two
/// places is a difference, whatever was deleted.
const SCHEMA: &str = "
CREATE TABLE destination (
    name          TEXT PRIMARY KEY,
    runs          INTEGER NOT NULL,  -- place in journal.db
    foreign_id    INTEGER NOT NULL,
    foreign_total INTEGER NOT NULL,
    takes_foreign INTEGER NOT NULL   -- whether foreign spans wait for it
) STRICT;
CREATE TABLE waiting (
    id    INTEGER PRIMARY KEY AUTOINCREMENT,
    total INTEGER NOT NULL,
    spans INTEGER NOT NULL,
    otlp  BLOB NOT NULL
) STRICT;
CREATE TABLE sum (total INTEGER NOT NULL) STRICT;
INSERT INTO sum VALUES (0);
";

/// How long a statement waits for another program's lock.
const BUSY: Duration = Duration::from_secs(2);

/// Why the file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// SQLite refused.
    #[error(
        "forward.db cannot be used: {0}; if it is damaged move it away: forwarding begins anew \
         with what comes then"
    )]
    Sqlite(#[from] rusqlite::Error),
    /// The file is of a later version.
    #[error("forward.db is of version {0}, this program knows {VERSION}; start the newer one")]
    TooNew(i64),
    /// The work on it did not come to its end.
    #[error("the work on forward.db was interrupted")]
    Interrupted,
}

/// How far a destination has come. What lies before is delivered, refused or given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Place {
    /// In the journal.
    pub(super) runs: u64,
    /// Among the foreign spans.
    pub(super) foreign: ForeignPlace,
}

/// A place among the foreign spans.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct ForeignPlace {
    pub(super) id: u64,
    /// Spans before it since the beginning.
    pub(super) total: u64,
}

/// A destination as the configuration has it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Listed<'c> {
    pub(super) name: &'c str,
    pub(super) runs: bool,
    pub(super) foreign: bool,
}

/// Foreign spans that wait.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Waiting {
    /// Whole requests, with their numbers of spans.
    pub(super) requests: Vec<(Vec<u8>, u64)>,
    /// Spans that went before this destination had them.
    pub(super) lost: u64,
    /// Spans from here to the end of the queue.
    pub(super) spans: u64,
    /// The place after them.
    pub(super) to: ForeignPlace,
}

#[derive(Debug)]
pub(super) struct Store {
    connection: Connection,
    bytes: u64,
    bytes_max: u64,
}

impl Store {
    /// Opens or makes the file. A destination that is new begins at the end of everything; one
    /// that is no longer listed is forgotten.
    pub(super) fn open(
        folder: &Path,
        listed: &[Listed<'_>],
        bytes_max: u64,
        journal_end: u64,
    ) -> Result<Self, StoreError> {
        let mut connection = Connection::open(folder.join(FILE))?;
        connection.busy_timeout(BUSY)?;
        connection.query_row("PRAGMA journal_mode=WAL", [], |_| Ok(()))?;
        connection.pragma_update(None, "synchronous", "FULL")?;
        migrate(&mut connection)?;
        let transaction = connection.transaction()?;
        forget_others(&transaction, listed)?;
        for destination in listed {
            begin(&transaction, *destination, journal_end)?;
        }
        transaction.commit()?;
        let bytes = connection.query_row(
            "SELECT coalesce(sum(length(otlp)), 0) FROM waiting",
            [],
            unsigned,
        )?;
        let mut store = Self {
            connection,
            bytes,
            bytes_max,
        };
        store.drop_delivered()?;
        Ok(store)
    }

    pub(super) fn place(&self, name: &str) -> Result<Place, StoreError> {
        let place = self.connection.query_row(
            "SELECT runs, foreign_id, foreign_total FROM destination WHERE name = ?1",
            [name],
            |row| {
                Ok(Place {
                    runs: row.get::<_, i64>(0)?.cast_unsigned(),
                    foreign: ForeignPlace {
                        id: row.get::<_, i64>(1)?.cast_unsigned(),
                        total: row.get::<_, i64>(2)?.cast_unsigned(),
                    },
                })
            },
        )?;
        Ok(place)
    }

    pub(super) fn advance_runs(&self, name: &str, to: u64) -> Result<(), StoreError> {
        self.connection.execute(
            "UPDATE destination SET runs = ?2 WHERE name = ?1",
            params![name, to.cast_signed()],
        )?;
        Ok(())
    }

    pub(super) fn advance_foreign(
        &mut self,
        name: &str,
        to: ForeignPlace,
    ) -> Result<(), StoreError> {
        self.connection.execute(
            "UPDATE destination SET foreign_id = ?2, foreign_total = ?3 WHERE name = ?1",
            params![name, to.id.cast_signed(), to.total.cast_signed()],
        )?;
        self.drop_delivered()
    }

    /// Keeps foreign spans, durable when this returns. The oldest make room.
    pub(super) fn keep(&mut self, foreign: &ForeignSpans) -> Result<(), StoreError> {
        let transaction = self.connection.transaction()?;
        let total = transaction.query_row(
            "UPDATE sum SET total = total + ?1 RETURNING total",
            [foreign.count.cast_signed()],
            |row| row.get::<_, i64>(0),
        )?;
        transaction.execute(
            "INSERT INTO waiting (total, spans, otlp) VALUES (?1, ?2, ?3)",
            params![total, foreign.count.cast_signed(), foreign.request],
        )?;
        let mut bytes = self.bytes + foreign.request.len() as u64;
        while bytes > self.bytes_max {
            let oldest = transaction
                .query_row(
                    "SELECT id, length(otlp) FROM waiting WHERE id < (SELECT max(id) FROM \
                     waiting) ORDER BY id LIMIT 1",
                    [],
                    |row| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?)),
                )
                .optional()?;
            let Some((id, length)) = oldest else { break };
            transaction.execute("DELETE FROM waiting WHERE id = ?1", [id])?;
            bytes = bytes.saturating_sub(length.cast_unsigned());
        }
        transaction.commit()?;
        self.bytes = bytes;
        Ok(())
    }

    /// The foreign spans after `after`: at most `requests_max` requests and, beyond the first, at
    /// most `bytes_max` bytes.
    pub(super) fn foreign_after(
        &self,
        after: ForeignPlace,
        requests_max: usize,
        bytes_max: usize,
    ) -> Result<Waiting, StoreError> {
        let total = self
            .connection
            .query_row("SELECT total FROM sum", [], unsigned)?;
        let mut statement = self.connection.prepare_cached(
            "SELECT id, total, spans, otlp FROM waiting WHERE id > ?1 ORDER BY id LIMIT ?2",
        )?;
        let limit = i64::try_from(requests_max).unwrap_or(i64::MAX);
        let mut rows = statement.query(params![after.id.cast_signed(), limit])?;
        let mut found = Waiting {
            to: after,
            ..Waiting::default()
        };
        let mut bytes = 0;
        while let Some(row) = rows.next()? {
            let request = row.get_ref(3)?.as_blob().map_err(rusqlite::Error::from)?;
            bytes += request.len();
            if bytes > bytes_max && !found.requests.is_empty() {
                break;
            }
            let place = ForeignPlace {
                id: row.get::<_, i64>(0)?.cast_unsigned(),
                total: row.get::<_, i64>(1)?.cast_unsigned(),
            };
            let spans = row.get::<_, i64>(2)?.cast_unsigned();
            let before = place.total.saturating_sub(spans);
            found.lost += before.saturating_sub(found.to.total);
            found.requests.push((request.to_vec(), spans));
            found.to = place;
        }
        found.spans = total.saturating_sub(after.total + found.lost);
        Ok(found)
    }

    /// Deletes what every destination has had.
    fn drop_delivered(&mut self) -> Result<(), StoreError> {
        let gone = "id <= (SELECT coalesce(min(foreign_id), 9223372036854775807) FROM \
                    destination WHERE takes_foreign)";
        let transaction = self.connection.transaction()?;
        let bytes = transaction.query_row(
            &format!("SELECT coalesce(sum(length(otlp)), 0) FROM waiting WHERE {gone}"),
            [],
            unsigned,
        )?;
        if bytes > 0 {
            transaction.execute(&format!("DELETE FROM waiting WHERE {gone}"), [])?;
        }
        transaction.commit()?;
        self.bytes = self.bytes.saturating_sub(bytes);
        Ok(())
    }
}

fn unsigned(row: &rusqlite::Row<'_>) -> rusqlite::Result<u64> {
    row.get::<_, i64>(0).map(i64::cast_unsigned)
}

fn migrate(connection: &mut Connection) -> Result<(), StoreError> {
    let found = connection.query_row("PRAGMA user_version", [], |row| row.get::<_, i64>(0))?;
    match found {
        VERSION => Ok(()),
        0 => {
            let transaction = connection.transaction()?;
            transaction.execute_batch(SCHEMA)?;
            transaction.pragma_update(None, "user_version", VERSION)?;
            transaction.commit()?;
            Ok(())
        }
        later => Err(StoreError::TooNew(later)),
    }
}

fn forget_others(transaction: &Transaction<'_>, listed: &[Listed<'_>]) -> Result<(), StoreError> {
    let known: Vec<String> = transaction
        .prepare("SELECT name FROM destination")?
        .query_map([], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    for name in known {
        if !listed.iter().any(|listed| listed.name == name) {
            transaction.execute("DELETE FROM destination WHERE name = ?1", [&name])?;
            tracing::info!(to = name, "no longer forwarded to; its place is forgotten");
        }
    }
    Ok(())
}

/// Gives a destination its place: the end for one that is new, and for what it does not take.
fn begin(
    transaction: &Transaction<'_>,
    destination: Listed<'_>,
    journal_end: u64,
) -> Result<(), StoreError> {
    let Listed {
        name,
        runs,
        foreign,
    } = destination;
    // Rows that were deleted keep their number from being used again.
    transaction.execute(
        "INSERT INTO destination (name, runs, foreign_id, foreign_total, takes_foreign) \
         VALUES (?1, ?2, coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'waiting'), 0), \
         (SELECT total FROM sum), ?4) ON CONFLICT (name) DO UPDATE SET takes_foreign = ?4, \
         runs = iif(?3, runs, excluded.runs), \
         foreign_id = iif(?4, foreign_id, excluded.foreign_id), \
         foreign_total = iif(?4, foreign_total, excluded.foreign_total)",
        params![name, journal_end.cast_signed(), runs, foreign],
    )?;
    let replaced = transaction.execute(
        "UPDATE destination SET runs = 0 WHERE name = ?1 AND runs > ?2",
        params![name, journal_end.cast_signed()],
    )?;
    if replaced > 0 {
        tracing::warn!(
            to = name,
            "journal.db is shorter than what was forwarded of it: it is another one, and goes on \
             from its beginning"
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEMPO: Listed<'static> = Listed {
        name: "tempo",
        runs: true,
        foreign: true,
    };
    const OTHER: Listed<'static> = Listed {
        name: "other",
        ..TEMPO
    };

    fn spans(count: u64, bytes: usize) -> ForeignSpans {
        ForeignSpans {
            request: vec![u8::try_from(count).unwrap(); bytes],
            count,
        }
    }

    fn store(folder: &Path, listed: &[Listed<'_>], end: u64) -> Store {
        Store::open(folder, listed, 1_000, end).unwrap()
    }

    #[test]
    fn a_new_destination_begins_at_the_end_and_a_known_one_where_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let mut first = store(folder.path(), &[TEMPO], 7);
        assert_eq!(first.place("tempo").unwrap().runs, 7);
        first.advance_runs("tempo", 9).unwrap();
        first.keep(&spans(3, 10)).unwrap();
        drop(first);
        let second = store(folder.path(), &[TEMPO, OTHER], 20);
        let (tempo, other) = (
            second.place("tempo").unwrap(),
            second.place("other").unwrap(),
        );
        assert_eq!((tempo.runs, tempo.foreign.total), (9, 0));
        assert_eq!((other.runs, other.foreign.total), (20, 3));
        assert_eq!(
            second
                .foreign_after(tempo.foreign, 9, 999)
                .unwrap()
                .requests
                .len(),
            1
        );
        assert_eq!(
            second
                .foreign_after(other.foreign, 9, 999)
                .unwrap()
                .requests
                .len(),
            0
        );
        drop(second);
        drop(store(folder.path(), &[OTHER], 20));
        let again = store(folder.path(), &[TEMPO, OTHER], 30);
        assert_eq!(again.place("tempo").unwrap().runs, 30);
    }

    #[test]
    fn what_a_destination_does_not_take_it_does_not_get_later_either() {
        let folder = tempfile::tempdir().unwrap();
        let idle = Listed {
            runs: false,
            foreign: false,
            ..TEMPO
        };
        store(folder.path(), &[idle, OTHER], 0)
            .keep(&spans(3, 10))
            .unwrap();
        let store = store(folder.path(), &[idle, OTHER], 50);
        let place = store.place("tempo").unwrap();
        assert_eq!((place.runs, place.foreign.total), (50, 3));
    }

    #[test]
    fn a_journal_that_was_replaced_is_forwarded_from_its_beginning() {
        let folder = tempfile::tempdir().unwrap();
        drop(store(folder.path(), &[TEMPO], 100));
        assert_eq!(
            store(folder.path(), &[TEMPO], 40)
                .place("tempo")
                .unwrap()
                .runs,
            0
        );
    }

    #[test]
    fn foreign_spans_go_when_every_destination_had_them() {
        let folder = tempfile::tempdir().unwrap();
        let mut store = store(folder.path(), &[TEMPO, OTHER], 0);
        for count in 1..=3 {
            store.keep(&spans(count, 100)).unwrap();
        }
        let start = ForeignPlace::default();
        let found = store.foreign_after(start, 2, 999).unwrap();
        assert_eq!(
            found.requests.iter().map(|r| r.1).collect::<Vec<_>>(),
            [1, 2]
        );
        assert_eq!((found.lost, found.spans, found.to.total), (0, 6, 3));
        // At least one, however large.
        assert_eq!(store.foreign_after(start, 9, 1).unwrap().requests.len(), 1);
        store.advance_foreign("tempo", found.to).unwrap();
        assert_eq!(store.bytes, 300);
        store.advance_foreign("other", found.to).unwrap();
        assert_eq!(store.bytes, 100);
        let rest = store.foreign_after(found.to, 9, 999).unwrap();
        assert_eq!((rest.requests.len(), rest.spans), (1, 3));
        store.advance_foreign("tempo", rest.to).unwrap();
        store.advance_foreign("other", rest.to).unwrap();
        assert_eq!(store.bytes, 0);
        let end = store.place("tempo").unwrap().foreign;
        assert_eq!(store.foreign_after(end, 9, 999).unwrap().spans, 0);
    }

    #[test]
    fn nothing_waits_for_a_destination_that_takes_no_foreign_spans() {
        let folder = tempfile::tempdir().unwrap();
        let other = Listed {
            foreign: false,
            ..OTHER
        };
        let mut store = store(folder.path(), &[TEMPO, other], 0);
        store.keep(&spans(3, 100)).unwrap();
        let found = store
            .foreign_after(ForeignPlace::default(), 9, 999)
            .unwrap();
        store.advance_foreign("tempo", found.to).unwrap();
        assert_eq!(store.bytes, 0);
    }

    #[test]
    fn a_full_queue_loses_the_oldest_and_counts_them_for_those_who_missed_them() {
        let folder = tempfile::tempdir().unwrap();
        let mut store = store(folder.path(), &[TEMPO, OTHER], 0);
        for count in 1..=4 {
            store.keep(&spans(count, 250)).unwrap();
        }
        let seen = store
            .foreign_after(ForeignPlace::default(), 1, 999)
            .unwrap();
        store.advance_foreign("tempo", seen.to).unwrap();
        store.keep(&spans(5, 500)).unwrap();
        let tempo = store.foreign_after(seen.to, 9, 9_999).unwrap();
        assert_eq!((tempo.lost, tempo.spans), (2, 12));
        let other = store
            .foreign_after(ForeignPlace::default(), 9, 9_999)
            .unwrap();
        assert_eq!((other.lost, other.spans), (3, 12));
        assert_eq!(other.requests.len(), 3);
        // What is larger than the whole queue still waits, alone.
        store.keep(&spans(9, 5_000)).unwrap();
        let other = store
            .foreign_after(ForeignPlace::default(), 9, 9_999)
            .unwrap();
        assert_eq!((other.requests.len(), other.lost, other.spans), (1, 15, 9));
        assert_eq!(store.bytes, 5_000);
    }

    #[test]
    fn a_file_of_a_later_version_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let file = Connection::open(folder.path().join(FILE)).unwrap();
        file.pragma_update(None, "user_version", 9).unwrap();
        let error = Store::open(folder.path(), &[TEMPO], 1_000, 0).unwrap_err();
        assert!(error.to_string().contains("version 9"), "{error}");
    }
}
