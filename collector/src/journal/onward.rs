//! The spans of runs in the order of the journal, for those who pass them on.

use rusqlite::params;

use super::reader::{ReadError, Reader};

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
                "SELECT seq, spans FROM event NOT INDEXED WHERE seq > ?1 AND seq <= ?2 AND \
                 run IS NOT NULL ORDER BY seq LIMIT ?3",
            )?;
            let runs_max = runs_max.max(1);
            let limit = i64::try_from(runs_max).unwrap_or(i64::MAX);
            let mut rows =
                statement.query(params![after.cast_signed(), to.cast_signed(), limit])?;
            let (mut reached, mut runs, mut bytes) = (after, 0, 0);
            while let Some(row) = rows.next()? {
                let spans = row.get_ref(1)?.as_blob_or_null()?;
                bytes += spans.map_or(0, <[u8]>::len);
                if bytes > bytes_max && runs > 0 {
                    page.to = reached;
                    return Ok(page);
                }
                match spans {
                    Some(spans) => page.spans.push(spans.to_vec()),
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
            connection
                .prepare_cached(
                    "SELECT count(*) FROM event NOT INDEXED WHERE seq > ?1 AND seq <= ?2 AND \
                     run IS NOT NULL",
                )?
                .query_row([after.cast_signed(), to.cast_signed()], |row| {
                    row.get::<_, i64>(0).map(i64::cast_unsigned)
                })
        })
    }
}
