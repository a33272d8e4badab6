//! The spans of runs in the order of the journal, for those who pass them on.

use rusqlite::params;

use super::reader::{ReadError, Reader};
use super::{segments, sqlite};

/// Some runs' spans, and how far in the journal they reach.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SpansPage {
    /// Per run the OTLP bytes of its spans.
    pub spans: Vec<Vec<u8>>,
    /// Runs whose spans retention had dropped.
    pub thinned: u64,
    /// Everything up to this place is in the page.
    pub to: u64,
}

impl Reader {
    /// The spans of the runs after `after`, up to and with `to`: at most `runs_max` runs and,
    /// beyond the first, at most `bytes_max` bytes.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn spans_after(
        &self,
        after: u64,
        to: u64,
        runs_max: usize,
        bytes_max: usize,
    ) -> Result<SpansPage, ReadError> {
        self.with(|connection| {
            let mut page = SpansPage {
                to,
                ..SpansPage::default()
            };
            // In the order of the table itself: no index holds the spans.
            let mut statement = connection.prepare_cached(
                "SELECT seq, spans, segment, segment_offset, segment_bytes FROM event NOT INDEXED \
                 WHERE seq > ?1 AND seq <= ?2 AND run IS NOT NULL ORDER BY seq LIMIT ?3",
            )?;
            let runs_max = runs_max.max(1);
            let limit = i64::try_from(runs_max).unwrap_or(i64::MAX);
            let mut rows =
                statement.query(params![after.cast_signed(), to.cast_signed(), limit])?;
            let (mut reached, mut runs, mut bytes) = (after, 0, 0);
            while let Some(row) = rows.next()? {
                let place = sqlite::place(row, 2)?;
                let spans = match place {
                    Some(place) => segments::read_beside(self.folder(), place)?,
                    None => row.get::<_, Option<Vec<u8>>>(1)?,
                };
                bytes += spans.as_ref().map_or(0, Vec::len);
                if bytes > bytes_max && runs > 0 {
                    page.to = reached;
                    return Ok(page);
                }
                match spans {
                    Some(spans) => page.spans.push(spans),
                    None => page.thinned += 1,
                }
                runs += 1;
                reached = row.get::<_, i64>(0)?.cast_unsigned();
            }
            if runs == runs_max {
                page.to = reached;
            }
            Ok(page)
        })
    }

    /// How many runs are kept after `after`, up to and with `to`.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn count_runs_between(&self, after: u64, to: u64) -> Result<u64, ReadError> {
        self.with(|connection| {
            let count = connection
                .prepare_cached(
                    "SELECT count(*) FROM event NOT INDEXED WHERE seq > ?1 AND seq <= ?2 AND \
                     run IS NOT NULL",
                )?
                .query_row([after.cast_signed(), to.cast_signed()], |row| {
                    row.get::<_, i64>(0).map(i64::cast_unsigned)
                })?;
            Ok(count)
        })
    }
}

#[cfg(test)]
mod tests {
    use rusqlite::Connection;

    use super::*;
    use crate::journal::{FILE, Sqlite};

    const ALL: usize = usize::MAX >> 1;

    /// A journal with a heartbeat, runs of 10, none, 30 and 40 bytes at places 2 to 5, a plan.
    fn journal(folder: &std::path::Path) -> Reader {
        drop(Sqlite::open(folder).unwrap());
        let file = Connection::open(folder.join(FILE)).unwrap();
        file.execute_batch(
            "INSERT INTO event (received, kind, facts) VALUES (1, 'heartbeat', '{}');
             INSERT INTO event (received, kind, run, facts, spans) VALUES
                 (1, 'run', x'01', '{}', zeroblob(10)), (1, 'run', x'02', '{}', NULL),
                 (1, 'run', x'03', '{}', zeroblob(30)), (1, 'run', x'04', '{}', zeroblob(40));
             INSERT INTO event (received, kind, facts) VALUES (1, 'plan', '{}');",
        )
        .unwrap();
        Reader::new(folder)
    }

    #[test]
    fn a_page_ends_at_its_bounds_and_reaches_past_what_is_no_run() {
        let folder = tempfile::tempdir().unwrap();
        let reader = journal(folder.path());
        let last = reader.last().unwrap();
        assert_eq!(last, 6);
        for (after, to, runs_max, bytes_max, sizes, thinned, reached) in [
            (0, last, ALL, ALL, vec![10, 30, 40], 1, 6),
            (0, last, 2, ALL, vec![10], 1, 3),
            (0, last, ALL, 40, vec![10, 30], 1, 4),
            (0, last, ALL, 39, vec![10], 1, 3),
            // One run goes however large it is.
            (3, last, ALL, 1, vec![30], 0, 4),
            (0, last, 0, ALL, vec![10], 0, 2),
            (0, 4, ALL, ALL, vec![10, 30], 1, 4),
            (5, last, ALL, ALL, vec![], 0, 6),
            (6, last, ALL, ALL, vec![], 0, 6),
        ] {
            let page = reader.spans_after(after, to, runs_max, bytes_max).unwrap();
            let found: Vec<usize> = page.spans.iter().map(Vec::len).collect();
            let told = (found, page.thinned, page.to);
            assert_eq!(
                told,
                (sizes, thinned, reached),
                "{after} {runs_max} {bytes_max}"
            );
        }
        assert_eq!(reader.count_runs_between(0, last).unwrap(), 4);
        assert_eq!(reader.count_runs_between(3, 4).unwrap(), 1);
    }

    #[test]
    fn reading_onward_follows_the_table_and_sorts_nothing() {
        let folder = tempfile::tempdir().unwrap();
        drop(journal(folder.path()));
        let file = Connection::open(folder.path().join(FILE)).unwrap();
        let plan: String = file
            .query_row(
                "EXPLAIN QUERY PLAN SELECT seq, spans FROM event NOT INDEXED WHERE seq > 1 AND \
                 seq <= 9 AND run IS NOT NULL ORDER BY seq LIMIT 5",
                [],
                |row| row.get(3),
            )
            .unwrap();
        assert!(
            plan.contains("INTEGER PRIMARY KEY (rowid>? AND rowid<?)"),
            "{plan}"
        );
    }
}
