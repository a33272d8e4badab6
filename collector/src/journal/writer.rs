//! The one thread that writes: group commit, acknowledgement after durability, recovery.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError};
use std::time::Duration;

use bongsu_model::{Clock, Monotonic, Timestamp};
use tokio::sync::oneshot;

use super::AppendError;
use super::record::{Event, Facts, Record, Stored};
use super::storage::{End, Retention, Storage, StorageError};
use crate::counters::Counters;

/// Records in one commit: 35,000 rows a second were measured at groups of 500 and 59,000 at
/// 5,000, so that a group takes some 40 ms.
const GROUP_RECORDS_MAX: usize = 2_000;

/// Bytes in one commit, so that a group's memory is bounded as well as its length.
const GROUP_BYTES_MAX: usize = 16 * 1024 * 1024;

/// How often the deriving thread is told the present while nothing is appended, in wall time.
const TICK: Duration = Duration::from_millis(100);

/// A clock that is slewed may lag by some milliseconds; more is a person's or a machine's mistake.
const CLOCK_BEHIND_MS_MAX: u64 = 1_000;

/// How often retention looks, by the collector's clock.
const SWEEP_EVERY: Duration = Duration::from_secs(60);

/// What the writer is asked for.
#[derive(Debug)]
pub(super) enum Request {
    /// Append these records, then answer.
    Append {
        records: Vec<Record>,
        answer: oneshot::Sender<Result<Vec<Stored>, AppendError>>,
    },
    /// End.
    Stop,
}

/// What the deriving thread is told: every event up to `seq` is in the journal, and every later
/// one will carry a time of receipt of `as_of` or later.
#[derive(Debug)]
pub struct Progress {
    /// The writer's present.
    pub as_of: Timestamp,
    /// The place of the last durable event before `events`.
    pub after: u64,
    /// The place of the last durable event.
    pub seq: u64,
    /// The events between the two, in order. Who has not come up to `after` reads the journal.
    pub events: Vec<Event>,
}

type Waiting = (
    Vec<Record>,
    oneshot::Sender<Result<Vec<Stored>, AppendError>>,
);

#[derive(Debug)]
pub(super) struct Writer {
    storage: Box<dyn Storage>,
    end: End,
    /// Set after a failure until recovery has worked.
    broken: bool,
    retention: Retention,
    swept: Option<Monotonic>,
    clock: Arc<dyn Clock>,
    counters: Arc<Counters>,
    progress: SyncSender<Progress>,
}

impl Writer {
    pub(super) fn new(
        storage: Box<dyn Storage>,
        end: End,
        retention: Retention,
        clock: Arc<dyn Clock>,
        counters: Arc<Counters>,
        progress: SyncSender<Progress>,
    ) -> Self {
        Self {
            storage,
            end,
            broken: false,
            retention,
            swept: None,
            clock,
            counters,
            progress,
        }
    }

    /// Works until it is told to stop or nobody can ask any more.
    pub(super) fn run(mut self, incoming: &Receiver<Request>) {
        loop {
            match incoming.recv_timeout(TICK) {
                Ok(Request::Append { records, answer }) => {
                    let (group, stop) = gather((records, answer), incoming);
                    self.commit(group);
                    if stop {
                        return;
                    }
                }
                Ok(Request::Stop) | Err(RecvTimeoutError::Disconnected) => return,
                Err(RecvTimeoutError::Timeout) => {
                    if self.broken {
                        self.recover();
                    }
                    self.report(Vec::new());
                }
            }
            self.sweep();
        }
    }

    fn commit(&mut self, group: Vec<Waiting>) {
        self.counters.queue_depth.lower(group.len() as u64);
        let lengths: Vec<usize> = group.iter().map(|(records, _)| records.len()).collect();
        let mut records = Vec::new();
        let mut answers = Vec::new();
        for (batch, answer) in group {
            records.extend(batch);
            answers.push(answer);
        }
        match self.append(&records) {
            Ok((received, stored)) => {
                self.count(&records, &stored);
                let mut rest = stored.as_slice();
                for (answer, length) in answers.into_iter().zip(lengths) {
                    let (own, others) = rest.split_at(length);
                    rest = others;
                    // A client that went away learns of it when it sends again.
                    let _ = answer.send(Ok(own.to_vec()));
                }
                self.report(events(received, records, &stored));
            }
            Err(error) => {
                let reason: Arc<str> = error.to_string().into();
                for answer in answers {
                    let _ = answer.send(Err(AppendError::Refused(Arc::clone(&reason))));
                }
            }
        }
    }

    /// Makes the records durable, all with one time of receipt.
    fn append(&mut self, records: &[Record]) -> Result<(Timestamp, Vec<Stored>), StorageError> {
        let refused = |counters: &Counters| counters.commit_failures.add(1);
        if self.broken {
            self.try_recover()
                .inspect_err(|_| refused(&self.counters))?;
        }
        let received = self.present();
        let stored = self
            .storage
            .append(received, records)
            .inspect_err(|error| {
                self.broken = true;
                refused(&self.counters);
                tracing::error!(%error, records = records.len(), "the journal refused a commit");
            })?;
        // What is durable bounds the next time of receipt, whatever the clock does meanwhile.
        self.end.received = received;
        Ok((received, stored))
    }

    fn count(&self, records: &[Record], stored: &[Stored]) {
        let counters = &self.counters;
        counters.commits.add(1);
        for (record, stored) in records.iter().zip(stored) {
            match stored {
                Stored::New(_) => {
                    counters.journal_bytes_appended.add(record.bytes() as u64);
                    if record.run.is_some() {
                        counters.runs_accepted.add(1);
                    } else {
                        counters.records_accepted.add(1);
                    }
                }
                Stored::Duplicate if record.run.is_some() => counters.runs_duplicate.add(1),
                Stored::Duplicate => counters.records_duplicate.add(1),
                Stored::Conflict => {
                    counters.runs_conflicting.add(1);
                    let run = record.run.as_ref().map(|run| run.id.to_string());
                    tracing::warn!(run, agent = ?record.agent,
                        "a run came again with another content; the first one stays");
                }
            }
        }
    }

    /// Tells the deriving thread. If its queue is full it learns from a later report and reads
    /// the journal for what it missed: the acknowledgement never waits for deriving.
    fn report(&mut self, events: Vec<Event>) {
        if self.broken {
            return;
        }
        let behind = self.end.received.since(self.clock.wall());
        let behind_ms = u64::try_from(behind.as_millis()).unwrap_or(u64::MAX);
        self.counters.clock_behind_ms.set(behind_ms);
        let as_of = self.present();
        self.end.received = as_of;
        let after = self.end.seq;
        self.end.seq = events.last().map_or(after, |last| last.seq);
        let progress = Progress {
            as_of,
            after,
            seq: self.end.seq,
            events,
        };
        if let Err(TrySendError::Full(_)) = self.progress.try_send(progress) {
            self.counters.derive_lagged.add(1);
        }
    }

    /// The wall clock, held back from ever going back.
    fn present(&self) -> Timestamp {
        self.clock.wall().max(self.end.received)
    }

    fn recover(&mut self) {
        if let Err(error) = self.try_recover() {
            tracing::debug!(%error, "the journal is still out of order");
        }
    }

    fn try_recover(&mut self) -> Result<(), StorageError> {
        let end = self.storage.recover()?;
        self.end = End {
            seq: end.seq,
            received: end.received.max(self.end.received),
        };
        self.broken = false;
        tracing::info!(seq = end.seq, "the journal is in order again");
        Ok(())
    }

    fn sweep(&mut self) {
        let now = self.clock.monotonic();
        if self.broken || self.swept.is_some_and(|last| now.since(last) < SWEEP_EVERY) {
            return;
        }
        let behind_ms = self.counters.clock_behind_ms.get();
        if behind_ms > CLOCK_BEHIND_MS_MAX {
            tracing::error!(
                behind_ms,
                "the machine's clock was set back: engine time stands still until it catches up"
            );
        }
        match self.storage.sweep(self.present(), self.retention) {
            Ok(swept) => {
                // What is unfinished goes on after the next group.
                self.swept = (!swept.unfinished).then_some(now);
                self.counters.journal_bytes.set(swept.bytes);
                self.counters.events_expired.add(swept.events);
                self.counters.spans_dropped.add(swept.spans);
                if swept.over {
                    tracing::warn!(
                        bytes = swept.bytes,
                        limit = self.retention.bytes_max,
                        "the journal is over bytes_max with facts alone, which stay until \
                         retention ends; raise bytes_max"
                    );
                }
            }
            Err(error) => {
                self.swept = Some(now);
                self.broken = true;
                tracing::error!(%error, "retention failed");
            }
        }
    }
}

/// The records that are new, with their places.
fn events(received: Timestamp, records: Vec<Record>, stored: &[Stored]) -> Vec<Event> {
    let placed = records.into_iter().zip(stored);
    placed
        .filter_map(|(record, stored)| match stored {
            Stored::New(seq) => Some(Event {
                seq: *seq,
                received,
                kind: record.kind,
                agent: record.agent,
                facts: match record.read {
                    Some(facts) => Facts::Run(facts),
                    None => Facts::Json(record.facts),
                },
            }),
            Stored::Duplicate | Stored::Conflict => None,
        })
        .collect()
}

/// The first request and whatever else waits already, up to a group; and whether to stop then.
fn gather(first: Waiting, incoming: &Receiver<Request>) -> (Vec<Waiting>, bool) {
    let size = |records: &[Record]| records.iter().map(Record::bytes).sum::<usize>();
    let (mut records, mut bytes) = (first.0.len(), size(&first.0));
    let mut group = vec![first];
    while records < GROUP_RECORDS_MAX && bytes < GROUP_BYTES_MAX {
        match incoming.try_recv() {
            Ok(Request::Append {
                records: next,
                answer,
            }) => {
                records += next.len();
                bytes += size(&next);
                group.push((next, answer));
            }
            Ok(Request::Stop) => return (group, true),
            Err(_) => break,
        }
    }
    (group, false)
}
