//! What reports read of the journal: the runs of an incident in order, and what people wrote.

use bongsu_model::Timestamp;
use rusqlite::{OptionalExtension as _, ToSql, params};

use super::reader::{RECEIVED_BEFORE_DUE, ReadError, Reader, first_received};
use super::record::WordsFacts;
use super::sqlite::{nanos, stamp};
use crate::report::Lineage;
use crate::report::evidence::{PAGE_MAX, Record, Wanted};
use crate::report::words::WORDS_MAX;

/// Places that one page looks through: a second at the measured rate. An incident of few features
/// among many takes more pages, not longer ones.
const LOOKED_THROUGH_MAX: i64 = 200_000;

/// A page of an incident's runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EvidencePage {
    /// The runs, in the journal's order.
    pub records: Vec<Record>,
    /// Up to which place it looked.
    pub looked: u64,
    /// Where the next page begins. None after the last.
    pub next: Option<u64>,
}

impl Reader {
    /// The runs that `wanted` asks for after the place `after`, up to `until`, at most
    /// [`PAGE_MAX`].
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn evidence(
        &self,
        wanted: &Wanted,
        after: u64,
        until: u64,
    ) -> Result<EvidencePage, ReadError> {
        self.with(|connection| {
            let first = first_received(connection, wanted.from - RECEIVED_BEFORE_DUE)?;
            let from = after.cast_signed().max(first - 1);
            let end =
                connection.query_row("SELECT coalesce(max(seq), 0) FROM event", [], |row| {
                    row.get::<_, i64>(0)
                })?;
            let mut end = end.min(i64::try_from(until).unwrap_or(i64::MAX));
            if wanted.received_until < Timestamp::MAX {
                end = end.min(first_received(connection, wanted.received_until)? - 1);
            }
            let to = from.saturating_add(LOOKED_THROUGH_MAX).min(end);
            let marks: Vec<_> = (0..wanted.features.len())
                .map(|n| format!("?{}", n + 6))
                .collect();
            let sql = format!(
                "SELECT seq, received, facts FROM event NOT INDEXED WHERE seq > ?1 AND seq <= ?2 \
                 AND run IS NOT NULL AND target = ?3 AND due >= ?4 AND due < ?5 AND feature IN \
                 ({}) ORDER BY seq LIMIT {PAGE_MAX}",
                marks.join(", ")
            );
            let mut values: Vec<Box<dyn ToSql>> = vec![
                Box::new(from),
                Box::new(to),
                Box::new(wanted.target.to_string()),
                Box::new(nanos(wanted.from)),
                Box::new(nanos(wanted.until)),
            ];
            for feature in &wanted.features {
                values.push(Box::new(feature.to_string()));
            }
            let values: Vec<&dyn ToSql> = values.iter().map(AsRef::as_ref).collect();
            let mut statement = connection.prepare_cached(&sql)?;
            let mut rows = statement.query(values.as_slice())?;
            let mut records = Vec::new();
            while let Some(row) = rows.next()? {
                records.push(Record {
                    seq: row.get::<_, i64>(0)?.cast_unsigned(),
                    received_ns: stamp(row.get(1)?).as_unix_nanos(),
                    facts: row.get(2)?,
                });
            }
            let is_full = records.len() == PAGE_MAX;
            let last = records.last().filter(|_| is_full).map(|record| record.seq);
            let looked = last.unwrap_or_else(|| to.max(0).cast_unsigned());
            Ok(EvidencePage {
                next: (is_full || to < end).then_some(looked),
                looked,
                records,
            })
        })
    }

    /// The place of the oldest run that is kept, and when it was received.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn oldest_run(&self) -> Result<Option<(u64, Timestamp)>, ReadError> {
        self.with(|connection| {
            let sql = "SELECT seq, received FROM event NOT INDEXED WHERE run IS NOT NULL ORDER BY seq \
                       LIMIT 1";
            let oldest = connection.query_row(sql, [], |row| {
                let seq = row.get::<_, i64>(0)?.cast_unsigned();
                Ok((seq, stamp(row.get(1)?)))
            });
            Ok(oldest.optional()?)
        })
    }

    /// What people wrote of an incident and of those that were merged into it, the oldest first; of
    /// each the newest [`WORDS_MAX`].
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn words(&self, about: &Lineage) -> Result<Vec<WordsFacts>, ReadError> {
        self.with(|connection| {
            let mut statement = connection.prepare_cached(
                "SELECT facts FROM (SELECT seq, facts, row_number() OVER (PARTITION BY \
                 json_extract(facts, '$.incident') ORDER BY seq DESC) AS nth FROM event \
                 WHERE run IS NULL AND kind = 'words' AND agent IS NULL \
                 AND json_extract(facts, '$.incident') IN (SELECT value FROM json_each(?1))) \
                 WHERE nth <= ?2 ORDER BY seq",
            )?;
            let names = serde_json::to_string(&about.names()).expect("names are texts");
            let limit = i64::try_from(WORDS_MAX).unwrap_or(i64::MAX);
            let mut rows = statement.query(params![names, limit])?;
            let mut found: Vec<WordsFacts> = Vec::new();
            while let Some(row) = rows.next()? {
                // Of a later version: not understood, not shown.
                let facts: String = row.get(0)?;
                found.extend(serde_json::from_str::<WordsFacts>(&facts).ok());
            }
            found.retain(|words| words.target == about.target);
            Ok(found)
        })
    }

    /// How often somebody wrote at `since` or later, of any incident.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn count_words(&self, since: Timestamp) -> Result<u64, ReadError> {
        self.with(|connection| {
            let sql = "SELECT count(*) FROM event WHERE run IS NULL AND kind = 'words' AND agent \
                       IS NULL AND seq >= ?1";
            let count = connection
                .prepare_cached(sql)?
                .query_row([first_received(connection, since)?], |row| {
                    row.get::<_, i64>(0)
                })?;
            Ok(count.cast_unsigned())
        })
    }
}
