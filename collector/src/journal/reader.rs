//! Reads the journal on connections of their own, which cannot write.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use bongsu_model::{
    AgentId, FeatureId, RegionId, RunFacts, RunId, RunReport, TargetName, Timestamp,
};
use bongsu_wire::{ReportError, StepEvidence};
use rusqlite::{Connection, OpenFlags, OptionalExtension as _, Row, ToSql, params};

use super::query::{self, Places, Query};
use super::record::{Event, Facts, Kind};
use super::sqlite::{self, FILE, stamp};
use super::{evidence, segments};

/// Connections that are kept open between reads; more readers open their own.
const IDLE_MAX: usize = 4;

/// How long before it was due a run may be received, by a clock that is ahead: what ingest lets in
/// by default, twice.
pub(super) const RECEIVED_BEFORE_DUE: Duration = Duration::from_secs(600);

/// Evidence records that are shown of one run: more than it can have steps.
const EVIDENCE_MAX: u32 = 256;

/// Why the journal could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// SQLite refused.
    #[error("cannot read the journal: {0}")]
    Sqlite(#[from] rusqlite::Error),
    /// A file of spans cannot be read.
    #[error("cannot read the spans of a run: {0}")]
    Spans(#[from] std::io::Error),
    /// The reading task did not come to its end.
    #[error("reading the journal was interrupted")]
    Interrupted,
}

/// Which runs are wanted; what is None does not matter.
#[derive(Debug, Clone, Default)]
pub struct RunFilter {
    /// Against this environment.
    pub target: Option<TargetName>,
    /// Of journeys whose own feature is this one.
    pub feature: Option<FeatureId>,
    /// With this outcome word of the own feature: `pass`, `fail`, `blocked` ….
    pub outcome: Option<String>,
    /// By this agent.
    pub agent: Option<AgentId>,
    /// From this region.
    pub region: Option<RegionId>,
    /// Due in this stretch.
    pub due: Option<Range<Timestamp>>,
    /// Received before this place: where an earlier page ended.
    pub before: Option<u64>,
    /// At most this many, up to 1,000.
    pub limit: u32,
}

/// A run as the journal keeps it.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredRun {
    /// Its place in the journal.
    pub seq: u64,
    /// When it was received.
    pub received: Timestamp,
    /// Its facts.
    pub facts: RunFacts,
}

/// The runs before and after a run.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Neighbours {
    /// The one before.
    pub previous: Option<StoredRun>,
    /// The one after.
    pub next: Option<StoredRun>,
}

/// A run with what people read of it.
#[derive(Debug, Clone, PartialEq)]
pub struct RunDetail {
    /// The run.
    pub run: StoredRun,
    /// The OTLP bytes of its spans, unless retention dropped them.
    pub spans: Option<Vec<u8>>,
    /// Its evidence records that are left.
    pub evidence: Vec<StepEvidence>,
}

impl RunDetail {
    /// The run step by step with its evidence; None when its spans were dropped.
    ///
    /// # Errors
    /// When the spans cannot be read.
    pub fn report(&self) -> Result<Option<RunReport>, ReportError> {
        let Some(spans) = &self.spans else {
            return Ok(None);
        };
        let mut report = bongsu_wire::decode_report(spans)?;
        for found in &self.evidence {
            bongsu_wire::attach_evidence(&mut report, found.clone());
        }
        Ok(Some(report))
    }
}

/// Read-only access. Its methods block: call them where blocking is allowed.
#[derive(Debug)]
pub struct Reader {
    folder: PathBuf,
    idle: Mutex<Vec<Connection>>,
}

impl Reader {
    /// A reader of the journal in `folder`, which must exist by the time of the first read.
    pub fn new(folder: &Path) -> Self {
        Self {
            folder: folder.to_owned(),
            idle: Mutex::default(),
        }
    }

    /// Events after `seq` that are derived from, at most `limit`, in order.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn events_after(&self, seq: u64, limit: usize) -> Result<Vec<Event>, ReadError> {
        self.with(|connection| {
            // Kinds of a later version are left out here and not in `event`: a page full of
            // them would look like the end.
            let mut statement = connection.prepare_cached(
                "SELECT seq, received, kind, agent, facts FROM event WHERE seq > ?1 AND kind IN \
                 ('run', 'plan', 'heartbeat', 'catalogue', 'roster', 'claim') ORDER BY seq \
                 LIMIT ?2",
            )?;
            let mut rows = statement.query(params![
                seq.cast_signed(),
                i64::try_from(limit).unwrap_or(i64::MAX)
            ])?;
            let mut events = Vec::new();
            while let Some(row) = rows.next()? {
                events.extend(event(row)?);
            }
            Ok(events)
        })
    }

    /// The newest event of a kind that the collector itself wrote.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn newest(&self, kind: Kind) -> Result<Option<Event>, ReadError> {
        self.with(|connection| {
            let row = connection
                .query_row(
                    "SELECT seq, received, kind, agent, facts FROM event WHERE run IS NULL AND \
                     kind = ?1 AND agent IS NULL ORDER BY seq DESC LIMIT 1",
                    [kind.as_str()],
                    event,
                )
                .optional()?;
            Ok(row.flatten())
        })
    }

    /// How many claims were received at `since` or later.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn count_claims(&self, since: Timestamp) -> Result<u64, ReadError> {
        self.with(|connection| {
            let count = connection
                .prepare_cached(
                    "SELECT count(*) FROM event WHERE run IS NULL AND kind = 'claim' AND agent IS \
                     NULL AND seq >= ?1",
                )?
                .query_row([first_received(connection, since)?], |row| {
                    row.get::<_, i64>(0)
                })?;
            Ok(count.cast_unsigned())
        })
    }

    /// The runs that `filter` wants, newest received first.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn runs(&self, filter: &RunFilter) -> Result<Vec<StoredRun>, ReadError> {
        self.with(|connection| {
            let places = Places {
                last: last(connection)?,
                first_due: filter
                    .due
                    .as_ref()
                    .map(|due| first_received(connection, due.start - RECEIVED_BEFORE_DUE))
                    .transpose()?,
            };
            Ok(answers(connection, &query::runs(filter, places))?)
        })
    }

    /// The runs of the same agent, journey and variant that started last before `run` and first
    /// after it, among those received near it.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn neighbours(&self, run: &StoredRun) -> Result<Neighbours, ReadError> {
        self.with(|connection| {
            let mut near = answers(connection, &query::before(run))?;
            near.extend(answers(connection, &query::after(run))?);
            let place = |other: &StoredRun| (other.facts.started, other.facts.id);
            let here = place(run);
            let previous = near.iter().filter(|other| place(other) < here);
            let next = near.iter().filter(|other| place(other) > here);
            Ok(Neighbours {
                previous: previous.max_by_key(|other| place(other)).cloned(),
                next: next.min_by_key(|other| place(other)).cloned(),
            })
        })
    }

    /// One run with what people read of it.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn run(&self, id: &RunId) -> Result<Option<RunDetail>, ReadError> {
        self.with(|connection| {
            let row = connection
                .prepare_cached(
                    "SELECT seq, received, facts, spans, segment, segment_offset, segment_bytes \
                     FROM event WHERE run = ?1",
                )?
                .query_row([id.as_bytes()], |row| {
                    Ok((stored_run(row)?, row.get(3)?, sqlite::place(row, 4)?))
                })
                .optional()?;
            let Some((Some(run), in_row, place)) = row else {
                return Ok(None);
            };
            let spans = match place {
                Some(place) => segments::read_beside(&self.folder, place)?,
                None => in_row,
            };
            let evidence = connection
                .prepare_cached(
                    "SELECT spans FROM event WHERE about = ?1 AND spans IS NOT NULL AND \
                     agent = ?3 ORDER BY seq LIMIT ?2",
                )?
                .query_map(
                    params![
                        id.as_bytes(),
                        EVIDENCE_MAX,
                        run.facts.vantage.agent.as_str()
                    ],
                    |row| row.get::<_, Vec<u8>>(0),
                )?
                .filter_map(|json| json.map(|json| evidence::from_json(*id, &json)).transpose())
                .collect::<Result<Vec<_>, _>>()?;
            Ok(Some(RunDetail {
                run,
                spans,
                evidence,
            }))
        })
    }

    /// How many runs are kept.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn count_runs(&self) -> Result<u64, ReadError> {
        self.with(|connection| {
            let sql = "SELECT count(*) FROM event WHERE run IS NOT NULL";
            let count = connection.query_row(sql, [], |row| row.get::<_, i64>(0))?;
            Ok(count.cast_unsigned())
        })
    }

    /// The place of the last event, 0 if there is none.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn last(&self) -> Result<u64, ReadError> {
        self.with(|connection| Ok(last(connection)?.cast_unsigned()))
    }

    /// Where the files of spans lie.
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    pub(super) fn with<T>(
        &self,
        read: impl FnOnce(&Connection) -> Result<T, ReadError>,
    ) -> Result<T, ReadError> {
        let idle = || self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = idle().pop();
        let connection = kept.map_or_else(|| self.connect(), Ok)?;
        let value = read(&connection)?;
        let mut idle = idle();
        if idle.len() < IDLE_MAX {
            idle.push(connection);
        }
        Ok(value)
    }

    fn connect(&self) -> Result<Connection, rusqlite::Error> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(self.folder.join(FILE), flags)?;
        connection.busy_timeout(Duration::from_secs(2))?;
        Ok(connection)
    }
}

fn answers(connection: &Connection, query: &Query) -> Result<Vec<StoredRun>, rusqlite::Error> {
    let values: Vec<&dyn ToSql> = query.values.iter().map(AsRef::as_ref).collect();
    let mut statement = connection.prepare_cached(&query.sql)?;
    let mut rows = statement.query(values.as_slice())?;
    let mut runs = Vec::new();
    while let Some(row) = rows.next()? {
        runs.extend(stored_run(row)?);
    }
    Ok(runs)
}

/// The first place at or after which everything was received at `at` or later: places follow the
/// times of receipt, so that it is found by halving.
pub(super) fn first_received(
    connection: &Connection,
    at: Timestamp,
) -> Result<i64, rusqlite::Error> {
    let mut statement = connection
        .prepare_cached("SELECT seq, received FROM event WHERE seq >= ?1 ORDER BY seq LIMIT 1")?;
    let (mut low, mut high) = (0, last(connection)? + 1);
    while low < high {
        let middle = low + (high - low) / 2;
        let found = statement
            .query_row([middle], |row| {
                Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?))
            })
            .optional()?;
        match found {
            Some((seq, received)) if stamp(received) < at => low = seq + 1,
            Some(_) | None => high = middle,
        }
    }
    Ok(low)
}

fn last(connection: &Connection) -> Result<i64, rusqlite::Error> {
    connection.query_row("SELECT coalesce(max(seq), 0) FROM event", [], |row| {
        row.get(0)
    })
}

/// None for an event that only a later version understands.
fn event(row: &Row<'_>) -> Result<Option<Event>, rusqlite::Error> {
    let Some(kind) = Kind::parse(row.get_ref(2)?.as_str()?) else {
        return Ok(None);
    };
    let agent = row
        .get_ref(3)?
        .as_str_or_null()?
        .and_then(|agent| AgentId::new(agent).ok());
    Ok(Some(Event {
        seq: row.get::<_, i64>(0)?.cast_unsigned(),
        received: stamp(row.get(1)?),
        kind,
        agent,
        facts: Facts::Json(row.get(4)?),
    }))
}

/// None for facts that only a later version understands.
fn stored_run(row: &Row<'_>) -> Result<Option<StoredRun>, rusqlite::Error> {
    let facts = serde_json::from_str(row.get_ref(2)?.as_str()?)
        .inspect_err(|error| tracing::warn!(%error, "a run in the journal cannot be read"));
    let Ok(facts) = facts else { return Ok(None) };
    Ok(Some(StoredRun {
        seq: row.get::<_, i64>(0)?.cast_unsigned(),
        received: stamp(row.get(1)?),
        facts,
    }))
}

#[cfg(test)]
mod tests;
