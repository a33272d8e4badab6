//! The agent's disk queue of finished runs, on a thread of its own.
//!
//! A record is with the system before anything is sent, and on the disk at most a second later.
//! Each collector has its own place; a record goes when every collector has acknowledged it, or
//! when the spool is full: the oldest passes first, then anything, plans last, each counted.
//! After a crash at any byte, what was written whole is still there.

mod cursor;
mod disk;
mod outbox;
mod record;
mod segment;
mod store;
mod window;

use std::collections::HashSet;
use std::path::Path;
use std::time::Duration;

use bongsu_model::{RunId, SpoolDepth, Timestamp};
use tokio::sync::{mpsc, oneshot, watch};

pub(crate) use disk::{Disk, SystemDisk};
pub(crate) use disk::{replace_durably, sync_folder};
pub(crate) use record::{Record, RecordKind};
pub use store::SpoolOpenError;
pub(crate) use store::{SpoolAppendError, SpoolCounts};
pub(crate) use window::{FRESH_FOR, Window};

use crate::inflight::{InFlight, RunInFlight};
use outbox::{Filled, Item, Next, Outbox, Report, Rest};
use store::Store;

/// Commands waiting for the disk: 32 runs at a time each ask for two, the collectors for the rest.
const COMMANDS_MAX: usize = 256;

/// How long what was written may wait for the disk itself; with the command's own time it stays
/// below the promised second.
const SYNC_EVERY: Duration = Duration::from_millis(500);

/// How a spool is set up.
#[derive(Debug)]
pub(crate) struct SpoolSettings<'a> {
    /// The agent's folder; the spool takes `spool/` in it.
    pub(crate) data: &'a Path,
    /// Most bytes on disk.
    pub(crate) bytes_max: u64,
    /// Who is sent everything.
    pub(crate) collectors: &'a [String],
    /// The disk.
    pub(crate) disk: Box<dyn Disk>,
    /// How fast the agent's clock goes: rests are in its time.
    pub(crate) speed: f64,
}

/// How long the disk thread rests between two looks into the outbox, unless a command comes or the
/// outbox is half full. Waking it for each item would cost more than writing it. Each sync takes
/// in what lies there too, so that the promised second holds.
const REST: Duration = Duration::from_millis(200);

/// Looks in a row that find nothing, after which the disk thread rests until it is woken.
const EMPTY_LOOKS_MAX: u32 = 5;

/// What the disk thread is asked for.
enum Command {
    Begin(Box<RunInFlight>, oneshot::Sender<std::io::Result<()>>),
    Report(Report),
    Append(Record, oneshot::Sender<Result<(), SpoolAppendError>>),
    Next {
        collector: String,
        now: Timestamp,
        fresh_for: Duration,
        reply: oneshot::Sender<std::io::Result<Option<Window>>>,
    },
    Acknowledge {
        collector: String,
        sequences: Vec<u64>,
    },
    Status(oneshot::Sender<(SpoolDepth, SpoolCounts)>),
    Sync(oneshot::Sender<std::io::Result<()>>),
}

/// The disk thread has ended, which happens only when it was told to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the spool is closed")]
pub(crate) struct SpoolClosed;

/// A handle to the spool's thread; cheap to clone. The thread ends with the last handle.
#[derive(Debug, Clone)]
pub(crate) struct Spool {
    commands: mpsc::Sender<Command>,
    outbox: Outbox,
    appended: watch::Receiver<u64>,
}

/// What the spool's opening found.
#[derive(Debug)]
pub(crate) struct SpoolOpened {
    pub(crate) spool: Spool,
    /// Joins the disk thread once every handle is gone.
    pub(crate) thread: std::thread::JoinHandle<()>,
    /// Runs that a former process began and never reported.
    pub(crate) interrupted: Vec<RunInFlight>,
}

impl Spool {
    /// Opens the spool and starts its thread.
    ///
    /// # Errors
    /// When the folder cannot be read or written.
    pub(crate) fn open(settings: SpoolSettings<'_>) -> Result<SpoolOpened, SpoolOpenError> {
        let folder = settings.data.join("spool");
        let unusable = |path: &Path| {
            let path = path.to_owned();
            move |source| SpoolOpenError::Unusable { path, source }
        };
        let opened = Store::open(
            &folder,
            settings.bytes_max,
            settings.collectors,
            settings.disk,
        )?;
        let notes = InFlight::path_in(settings.data);
        let (in_flight, interrupted) =
            InFlight::open(&notes, &opened.runs).map_err(unusable(&notes))?;
        let (commands, queue) = mpsc::channel(COMMANDS_MAX);
        let outbox = Outbox::default();
        let (announce, appended) = watch::channel(0);
        let worker = Worker {
            outbox: outbox.clone(),
            store: opened.store,
            in_flight,
            announce,
            rest: REST.div_f64(settings.speed.max(1.0)),
        };
        let thread = std::thread::Builder::new()
            .name("bongsu-spool".to_owned())
            .spawn(move || worker.work(queue))
            .map_err(unusable(&folder))?;
        Ok(SpoolOpened {
            spool: Self {
                commands,
                outbox,
                appended,
            },
            thread,
            interrupted,
        })
    }

    /// Writes down that a run begins, and returns when that is with the system.
    pub(crate) async fn begin(&self, run: RunInFlight) -> Result<std::io::Result<()>, SpoolClosed> {
        self.ask(|reply| Command::Begin(Box::new(run), reply)).await
    }

    /// Hands over that a run begins which leaves nothing behind. Nobody waits for the disk: after a
    /// crash within the run's first milliseconds its slot is `missed`, not `interrupted`, and of
    /// a run that ends before the note is written there never is one.
    pub(crate) fn begin_soon(&self, run: RunInFlight) {
        // Of a disk thread that is gone nobody empties the outbox.
        if !self.commands.is_closed() {
            self.outbox.note(Box::new(run));
        }
    }

    /// Hands over all records of a run that ended, and strikes it out of those in flight. Nobody
    /// waits for the disk: until the records are written, some milliseconds later, the run counts
    /// as in flight, and what the disk does not take is counted there.
    pub(crate) async fn report(&self, run: RunId, records: Vec<Record>) -> Result<(), SpoolClosed> {
        // What lies in the outbox of a disk thread that is gone would be lost without a count.
        if self.commands.is_closed() {
            return Err(SpoolClosed);
        }
        match self.outbox.put(Report { run, records }) {
            None => Ok(()),
            Some(report) => {
                let command = Command::Report(report);
                self.commands.send(command).await.map_err(|_| SpoolClosed)
            }
        }
    }

    /// Appends a record that belongs to no run.
    pub(crate) async fn append(
        &self,
        record: Record,
    ) -> Result<Result<(), SpoolAppendError>, SpoolClosed> {
        self.ask(|reply| Command::Append(record, reply)).await
    }

    /// What `collector` is to get next.
    pub(crate) async fn next(
        &self,
        collector: &str,
        now: Timestamp,
        fresh_for: Duration,
    ) -> Result<std::io::Result<Option<Window>>, SpoolClosed> {
        self.ask(|reply| Command::Next {
            collector: collector.to_owned(),
            now,
            fresh_for,
            reply,
        })
        .await
    }

    /// Takes records as acknowledged by `collector`.
    pub(crate) async fn acknowledge(
        &self,
        collector: &str,
        sequences: Vec<u64>,
    ) -> Result<(), SpoolClosed> {
        let command = Command::Acknowledge {
            collector: collector.to_owned(),
            sequences,
        };
        self.commands.send(command).await.map_err(|_| SpoolClosed)
    }

    /// How full it is, and what it has lost.
    pub(crate) async fn status(&self) -> Result<(SpoolDepth, SpoolCounts), SpoolClosed> {
        self.ask(Command::Status).await
    }

    /// Returns when all that was appended is on the disk itself.
    pub(crate) async fn sync(&self) -> Result<std::io::Result<()>, SpoolClosed> {
        self.ask(Command::Sync).await
    }

    /// Changes whenever something was appended.
    pub(crate) fn appended(&self) -> watch::Receiver<u64> {
        self.appended.clone()
    }

    /// Keeps the promise of the second: syncs until the handle is dropped or the spool closed.
    pub(crate) async fn keep_synced(self) {
        loop {
            tokio::time::sleep(SYNC_EVERY).await;
            match self.sync().await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => tracing::error!(%error, "the spool could not be synced"),
                Err(SpoolClosed) => return,
            }
        }
    }

    async fn ask<T>(
        &self,
        command: impl FnOnce(oneshot::Sender<T>) -> Command,
    ) -> Result<T, SpoolClosed> {
        let (reply, answer) = oneshot::channel();
        self.commands
            .send(command(reply))
            .await
            .map_err(|_| SpoolClosed)?;
        answer.await.map_err(|_| SpoolClosed)
    }
}

/// The disk thread: the only one that touches the spool's files.
struct Worker {
    outbox: Outbox,
    store: Store,
    in_flight: InFlight,
    announce: watch::Sender<u64>,
    rest: Duration,
}

impl Worker {
    fn work(mut self, mut queue: mpsc::Receiver<Command>) {
        // An answer that nobody waits for any more is no trouble: the work is done either way.
        let mut rest = Rest::of_this_thread();
        let mut empty_looks = 0;
        loop {
            let longest = if empty_looks >= EMPTY_LOOKS_MAX && self.outbox.wakes_at(Filled::AtAll) {
                None
            } else if self.outbox.wakes_at(Filled::Half) {
                Some(self.rest)
            } else {
                Some(Duration::ZERO)
            };
            let next = rest.until(&mut queue, longest);
            // Before the command: what was handed over before it was asked.
            let items = self.outbox.take();
            empty_looks = if items.is_empty() { empty_looks + 1 } else { 0 };
            self.take_in(items);
            let command = match next {
                Next::Command(command) => command,
                Next::Nothing => continue,
                Next::Closed => break,
            };
            match command {
                Command::Begin(run, reply) => drop(reply.send(self.in_flight.begin(&run))),
                Command::Report(report) => self.take_in(vec![Item::Ended(report)]),
                Command::Append(record, reply) => {
                    drop(reply.send(self.store.append(&record)));
                    self.announce();
                }
                Command::Next {
                    collector,
                    now,
                    fresh_for,
                    reply,
                } => drop(reply.send(self.store.next_window(&collector, now, fresh_for))),
                Command::Acknowledge {
                    collector,
                    sequences,
                } => self.store.acknowledge(&collector, &sequences),
                Command::Status(reply) => {
                    drop(reply.send((self.store.depth(), self.store.counts)));
                }
                Command::Sync(reply) => drop(reply.send(self.store.sync())),
            }
        }
        if let Err(error) = self.store.sync() {
            tracing::error!(%error, "the spool could not be synced at its end");
        }
    }

    fn take_in(&mut self, items: Vec<Item>) {
        let ended: HashSet<RunId> = items.iter().filter_map(Item::ended).collect();
        for item in items {
            match item {
                // Begun and ended since the last look: its report says all.
                Item::Begun(run) if ended.contains(&run.id) => {}
                Item::Begun(run) => {
                    if let Err(error) = self.in_flight.begin(&run) {
                        tracing::warn!(run = %run.id, %error, "a run could not be noted as begun");
                    }
                }
                Item::Ended(report) => self.report(&report),
            }
        }
        if !ended.is_empty() {
            self.announce();
        }
    }

    fn report(&mut self, Report { run, records }: &Report) {
        let mut records = records.iter();
        if let Err(error) = records.try_for_each(|record| self.store.append(record)) {
            self.store.counts.runs_lost += 1;
            tracing::error!(%run, %error, "a run's report is lost");
        }
        // The same thread spools the report and strikes the run out, so no acknowledgement can
        // remove the report in between.
        if let Err(error) = self.in_flight.end(*run) {
            tracing::warn!(%run, %error, "a finished run could not be struck out");
        }
    }

    fn announce(&self) {
        self.announce.send_modify(|count| *count += 1);
    }
}
