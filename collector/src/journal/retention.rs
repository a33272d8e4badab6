//! What leaves the journal, and in which order: events past their age, then the spans of passes,
//! then all other spans. Facts stay until their age, so that deciding and recognising duplicates
//! never depend on the size.

use std::time::Duration;

use bongsu_model::Timestamp;
use rusqlite::{Connection, params};

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
    let beats_to = stale.min(progress.heartbeats.saturating_add(ROWS_MAX));
    let full = usize::try_from(ROWS_MAX).expect("a small constant");
    let transaction = connection.transaction()?;
    // The plan, catalogue and roster that were in force then stay: later events rest on them.
    let expired = transaction.execute(
        "DELETE FROM event WHERE seq IN (SELECT seq FROM event AS old WHERE seq < ?1 AND \
         (run IS NOT NULL OR about IS NOT NULL OR kind IN ('heartbeat', 'claim') OR EXISTS (SELECT \
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
            let to = (*from + ROWS_MAX).min(last);
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
