//! What leaves the journal, and in which order: events past their age, then the spans of passes,
//! then all other spans. Facts stay until their age, so that deciding and recognising duplicates
//! never depend on the size.

use std::time::Duration;

use bongsu_model::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, params};

use super::segments::{Class, Segments};
use super::sqlite::nanos;
use super::storage::{Retention, StorageError, Swept};

/// Heartbeats decide presence only: a day of them is plenty to replay, and at 1,000 agents is
/// 8.6 million rows instead of 60.
const HEARTBEATS_KEPT: Duration = Duration::from_secs(24 * 3600);

/// Rows that one round may delete or thin: about 30 ms at the measured 65,000 rows a second, so
/// that appends never wait longer.
const ROWS_MAX: i64 = 2_000;

/// Free pages that one round hands back to the file system: 16 MiB.
const PAGES_FREED_MAX: i64 = 4_096;

/// How far earlier rounds have come: spans at or before these places are gone.
#[derive(Debug, Default)]
pub(super) struct Progress {
    passes: i64,
    others: i64,
    /// Heartbeats before this place are gone.
    heartbeats: i64,
}

/// One round.
pub(super) fn sweep(
    (connection, segments): (&mut Connection, &mut Segments),
    progress: &mut Progress,
    now: Timestamp,
    retention: Retention,
) -> Result<Swept, StorageError> {
    let last = last(connection)?;
    let aged = first_since(connection, last, now - retention.age)?;
    let stale = first_since(connection, last, now - HEARTBEATS_KEPT.min(retention.age))?;
    let beats_to = stale.min(behind(connection, progress.heartbeats)?);
    let full = usize::try_from(ROWS_MAX).expect("a small constant");
    let transaction = connection.transaction()?;
    // The plan, catalogue and roster that were in force then stay: later events rest on them.
    let expired = transaction.execute(
        "DELETE FROM event WHERE seq IN (SELECT seq FROM event AS old WHERE seq < ?1 AND \
         (run IS NOT NULL OR about IS NOT NULL OR kind IN ('heartbeat', 'claim', 'words') OR EXISTS (SELECT \
         1 FROM event AS newer WHERE newer.run IS NULL AND newer.kind = old.kind AND newer.agent IS \
         old.agent AND newer.seq > old.seq AND newer.seq < ?1)) ORDER BY seq LIMIT ?2)",
        params![aged, ROWS_MAX],
    )?;
    let beats = transaction.execute(
        "DELETE FROM event WHERE seq >= ?1 AND seq < ?2 AND kind = 'heartbeat'",
        params![progress.heartbeats, beats_to],
    )?;
    transaction.commit()?;
    if expired < full {
        segments.drop_before(connection, aged)?;
    }
    progress.heartbeats = beats_to;
    let mut swept = Swept {
        events: (expired + beats) as u64,
        ..Swept::default()
    };
    swept.unfinished = expired >= full || beats_to < stale;
    if used(connection)? > retention.bytes_max {
        thin((connection, segments), progress, &mut swept)?;
        swept.over = !swept.unfinished && used(connection)? > retention.bytes_max;
    }
    free(connection)?;
    swept.bytes = bytes(connection, "page_count")? + Segments::bytes(connection)?;
    Ok(swept)
}

/// Drops the spans of the oldest passes; when there are none left, the oldest spans. Those that
/// an earlier version left in their rows go after the segments of their class.
fn thin(
    (connection, segments): (&Connection, &mut Segments),
    progress: &mut Progress,
    swept: &mut Swept,
) -> Result<(), StorageError> {
    let last = last(connection)?;
    for class in [Class::Pass, Class::Other] {
        if let Some(runs) = segments.drop_oldest(connection, class)? {
            swept.spans = runs;
            swept.unfinished = true;
            return Ok(());
        }
        let (from, which) = match class {
            Class::Pass => (&mut progress.passes, "AND outcome IN ('pass', 'slow')"),
            Class::Other => (&mut progress.others, ""),
        };
        if *from < last {
            let to = last.min(behind(connection, *from + 1)? - 1);
            let sql = format!(
                "UPDATE event SET spans = NULL WHERE seq > ?1 AND seq <= ?2 AND spans IS NOT NULL \
                 {which}"
            );
            swept.spans = connection.execute(&sql, params![*from, to])? as u64;
            *from = to;
            swept.unfinished = true;
            return Ok(());
        }
    }
    Ok(())
}

/// The place behind the next rows of one round from `from` on. Places are never used twice: years
/// of them that are empty must not take a round each after every start.
fn behind(connection: &Connection, from: i64) -> Result<i64, StorageError> {
    let found = connection
        .prepare_cached("SELECT seq FROM event WHERE seq >= ?1 ORDER BY seq LIMIT 1 OFFSET ?2")?
        .query_row([from, ROWS_MAX], |row| row.get(0))
        .optional()?;
    Ok(found.unwrap_or(i64::MAX))
}

/// The place of the last event, 0 if there is none.
fn last(connection: &Connection) -> Result<i64, StorageError> {
    let sql = "SELECT coalesce(max(seq), 0) FROM event";
    Ok(connection.query_row(sql, [], |row| row.get(0))?)
}

/// A place before which every event was received before `at`, and after which none was: found by
/// halving, since times of receipt never go back. A scan would read the whole file.
fn first_since(connection: &Connection, last: i64, at: Timestamp) -> Result<i64, StorageError> {
    let mut probe = connection
        .prepare_cached("SELECT seq, received FROM event WHERE seq >= ?1 ORDER BY seq LIMIT 1")?;
    if last == 0 {
        return Ok(0);
    }
    let (mut low, mut high) = (0, last + 1);
    while low < high {
        let middle = low + (high - low) / 2;
        let (seq, received): (i64, i64) =
            probe.query_row([middle], |row| Ok((row.get(0)?, row.get(1)?)))?;
        if received < nanos(at) {
            low = seq + 1;
        } else {
            high = middle;
        }
    }
    Ok(low)
}

fn free(connection: &Connection) -> Result<(), StorageError> {
    let mut statement =
        connection.prepare(&format!("PRAGMA incremental_vacuum({PAGES_FREED_MAX})"))?;
    let mut rows = statement.query([])?;
    while rows.next()?.is_some() {}
    Ok(())
}

/// Bytes of the segments and of the pages that hold something.
fn used(connection: &Connection) -> Result<u64, StorageError> {
    let pages =
        bytes(connection, "page_count")?.saturating_sub(bytes(connection, "freelist_count")?);
    Ok(pages + Segments::bytes(connection)?)
}

fn bytes(connection: &Connection, pragma: &str) -> Result<u64, StorageError> {
    let read = |name: &str| {
        connection.query_row(&format!("PRAGMA {name}"), [], |row| row.get::<_, i64>(0))
    };
    Ok((read(pragma)? * read("page_size")?).cast_unsigned())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use bongsu_model::{AgentId, FailClass, Outcome};

    use super::*;
    use crate::journal::tests::{KEEP, at, facts, sweep_all};
    use crate::journal::{FILE, Kind, Record, Sqlite, Storage as _};

    fn beat(n: u64) -> Record {
        let agent = AgentId::new("seoul-1").unwrap();
        Record::of_agent(Kind::Heartbeat, agent, format!("{{\"n\":{n}}}"))
    }

    /// A journal of which years have left: its catalogue stands at the first place, all else at
    /// places from ten million on.
    fn old(folder: &Path) -> Sqlite {
        let mut storage = Sqlite::open(folder).unwrap();
        let catalogue = Record::of_collector(Kind::Catalogue, "{}".to_owned());
        storage.append(at(0), &[catalogue]).unwrap();
        drop(storage);
        let file = Connection::open(folder.join(FILE)).unwrap();
        file.execute(
            "UPDATE sqlite_sequence SET seq = 10000000 WHERE name = 'event'",
            [],
        )
        .unwrap();
        drop(file);
        Sqlite::open(folder).unwrap()
    }

    #[test]
    fn heartbeats_of_yesterday_leave_however_many_places_are_empty() {
        let folder = tempfile::tempdir().unwrap();
        let mut storage = old(folder.path());
        let beats: Vec<_> = (0..5_000).map(beat).collect();
        storage.append(at(1), &beats).unwrap();
        let now = at(2) + HEARTBEATS_KEPT;
        storage.append(now, &[beat(5_000)]).unwrap();
        let first = storage.sweep(now, KEEP).unwrap();
        assert!(first.unfinished, "a round is bounded");
        assert!((1..=ROWS_MAX.cast_unsigned()).contains(&first.events));
        let rest = sweep_all(&mut storage, now, KEEP);
        assert_eq!(first.events + rest.events, 5_000);
    }

    #[test]
    fn spans_of_failures_leave_a_full_journal_however_many_places_are_empty() {
        let folder = tempfile::tempdir().unwrap();
        let mut storage = old(folder.path());
        let failed = Record::run(facts(1, Outcome::Fail(FailClass::Dns)), vec![7; 4_096]);
        storage.append(at(1), &[failed]).unwrap();
        let small = Retention {
            bytes_max: 4_096,
            ..KEEP
        };
        let swept = sweep_all(&mut storage, at(2), small);
        assert_eq!(swept.spans, 1);
        assert!(swept.over, "facts stay");
    }
}
