//! The collector's append-only truth: typed events, each with its time of receipt, each run once.
//!
//! One thread writes; it commits what waits as one group and acknowledges only what is durable.
//! It also stamps the times of receipt, so that they never go back, and hands what it committed
//! to the deriving thread in the same order, with the present as a lower bound of all that is
//! still to come. Readers have connections of their own. Only this module knows SQLite and the
//! files of spans beside it.

mod dossier;
mod evidence;
mod onward;
mod query;
mod reader;
mod record;
mod retention;
mod schema;
mod segments;
mod sqlite;
mod storage;
mod writer;

use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;

use bongsu_model::Clock;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

pub use dossier::EvidencePage;
pub use onward::SpansPage;
pub use reader::{Neighbours, ReadError, Reader, RunDetail, RunFilter, StoredRun};
pub use record::{ClaimFacts, Event, Facts, Kind, Record, Stored, WordsFacts};
pub use sqlite::{FILE, Sqlite};
pub use storage::{End, Retention, Storage, StorageError, Swept};
pub use writer::Progress;

use crate::counters::Counters;
use writer::{Request, Writer};

/// Requests that may wait for the writer. With the bound on request bytes in flight this is a
/// bound on length only; at 40 groups a second it is under two seconds of waiting.
pub const QUEUE_MAX: usize = 64;

/// Progress reports that may wait for the deriving thread; beyond them it reads the journal.
const PROGRESS_MAX: usize = 64;

/// Why records were not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AppendError {
    /// Too many requests wait for the disk.
    #[error("the journal is behind: {QUEUE_MAX} requests wait for the disk")]
    Overloaded,
    /// The disk refused; none of the records may count as kept.
    #[error("the journal could not keep the records: {0}")]
    Refused(Arc<str>),
    /// The collector is stopping.
    #[error("the collector is stopping")]
    Stopping,
}

/// A handle to the writer.
#[derive(Debug, Clone)]
pub struct Journal {
    requests: SyncSender<Request>,
    counters: Arc<Counters>,
    ended: CancellationToken,
}

/// The writing thread; it ends after [`Journal::stop`].
#[derive(Debug)]
pub struct WriterThread(JoinHandle<()>);

impl Journal {
    /// Starts the writer on `storage`, which must be open. The receiver gets what it commits.
    ///
    /// # Errors
    /// When the journal's end cannot be read or no thread can be had.
    pub fn start(
        mut storage: Box<dyn Storage>,
        retention: Retention,
        clock: Arc<dyn Clock>,
        counters: Arc<Counters>,
    ) -> Result<(Self, WriterThread, Receiver<Progress>), StorageError> {
        let end = storage.end()?;
        let (requests, incoming) = sync_channel(QUEUE_MAX);
        let (progress, derive) = sync_channel(PROGRESS_MAX);
        let writer = Writer::new(
            storage,
            end,
            retention,
            clock,
            Arc::clone(&counters),
            progress,
        );
        let ended = CancellationToken::new();
        let guard = ended.clone().drop_guard();
        let thread = std::thread::Builder::new()
            .name("journal".to_owned())
            .spawn(move || {
                // Dropped by a panic too.
                let _guard = guard;
                writer.run(&incoming);
            })
            .map_err(|error| StorageError::Other(error.to_string()))?;
        let journal = Self {
            requests,
            counters,
            ended,
        };
        Ok((journal, WriterThread(thread), derive))
    }

    /// Appends records, all or none, and returns when they are durable.
    ///
    /// # Errors
    /// When they may not be durable: the sender must keep them and send them again.
    pub async fn append(&self, records: Vec<Record>) -> Result<Vec<Stored>, AppendError> {
        let (answer, stored) = oneshot::channel();
        self.counters.queue_depth.raise(1);
        if let Err(error) = self.requests.try_send(Request::Append { records, answer }) {
            self.counters.queue_depth.lower(1);
            return Err(match error {
                TrySendError::Full(_) => AppendError::Overloaded,
                TrySendError::Disconnected(_) => AppendError::Stopping,
            });
        }
        stored.await.unwrap_or(Err(AppendError::Stopping))
    }

    /// Waits until the writer has ended: without [`Journal::stop`] it failed, and nothing can be
    /// kept any more.
    pub async fn ended(&self) {
        self.ended.cancelled().await;
    }

    /// Asks the writer to end after what already waits. Blocks while the queue is full.
    pub fn stop(&self) {
        // A writer that is gone already has nothing left to end.
        let _ = self.requests.send(Request::Stop);
    }
}

impl WriterThread {
    /// Waits until the file is closed.
    pub fn join(self) {
        if self.0.join().is_err() {
            tracing::error!("the journal's writer panicked");
        }
    }
}

#[cfg(test)]
mod claims_tests;
#[cfg(test)]
mod dossier_tests;
#[cfg(test)]
mod tests;
