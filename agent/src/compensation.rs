//! Debts of cleanup on disk: written before a side effect is sent, paid even after a crash.

mod book;
mod given_up;
mod recoveries;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use bongsu_model::{
    AccountName, Clock, JourneyName, Monotonic, Outcome, RunId, TargetName, Timestamp,
};
use bongsu_probes::{CompensationError, CompensationLog, Debt};
use futures_util::future::BoxFuture;
use tokio::sync::Notify;

use crate::schedule::Lineage;
use crate::spool::{replace_durably, sync_folder};
use book::{Book, Standing};
use given_up::{GIVEN_UP_MAX, GivenUp};
use recoveries::Recoveries;

/// Most debts at a time: 43 features once a minute owe 2,580 an hour, so an outage of 11.6 hours
/// fits. One takes about 1 KiB of memory and a file of one block: 30 MiB and 120 MiB in all. Past
/// it the oldest gives way to the newest, since an outage must not end its own probing.
const OPEN_MAX: usize = 30_000;

/// How often it is told that debts give way: an outage brings one with every run.
const TOLD_EVERY: Duration = Duration::from_secs(60);

/// The wait after the first payment that failed; it doubles with each.
const PAY_AGAIN_FIRST: Duration = Duration::from_secs(10);

/// The longest wait between two tries of one debt.
const PAY_AGAIN_MAX: Duration = Duration::from_secs(3600);

/// The wait when an account of the debt is in use: longer than most runs.
const PUT_OFF_FOR: Duration = Duration::from_secs(5);

/// A debt older than this is given up: whatever it left has been there for days.
const GIVEN_UP_AFTER: Duration = Duration::from_secs(3 * 86_400);

/// Why the compensation log could not be opened.
#[derive(Debug, thiserror::Error)]
#[error("cannot use the folder of owed cleanups {}: {source}", path.display())]
pub struct CompensationOpenError {
    path: PathBuf,
    source: std::io::Error,
}

/// What became of debts since the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct DebtCounts {
    /// Owed now, by runs that have ended.
    pub(crate) open: u64,
    /// Paid after the run.
    pub(crate) paid: u64,
    /// Given up, because they were too old or newer ones needed their place.
    pub(crate) given_up: u64,
    /// Records of given-up debts that had to go for newer ones.
    pub(crate) forgotten: u64,
}

/// How much is kept at most.
#[derive(Debug, Clone, Copy)]
struct Bounds {
    open: usize,
    given_up: usize,
}

/// The folder `debts/`: a file per run that owes.
#[derive(Debug)]
pub(crate) struct Debts {
    folder: PathBuf,
    clock: Arc<dyn Clock>,
    bounds: Bounds,
    open: Mutex<Book>,
    recoveries: Mutex<Recoveries>,
    records: Arc<GivenUp>,
    changed: Notify,
    paid: AtomicU64,
    given_up: AtomicU64,
    forgotten: AtomicU64,
    /// When it was last told that debts give way.
    told: Mutex<Option<Monotonic>>,
}

impl Debts {
    /// Reads what a former process owed: all of it is to be paid.
    pub(crate) fn open(data: &Path, clock: Arc<dyn Clock>) -> Result<Self, CompensationOpenError> {
        let bounds = Bounds {
            open: OPEN_MAX,
            given_up: GIVEN_UP_MAX,
        };
        Self::open_within(data, clock, bounds)
    }

    fn open_within(
        data: &Path,
        clock: Arc<dyn Clock>,
        bounds: Bounds,
    ) -> Result<Self, CompensationOpenError> {
        let folder = data.join("debts");
        let read = read_all(&folder, clock.monotonic())
            .and_then(|book| Ok((book, GivenUp::open(&folder, bounds.given_up)?)));
        let (book, records) = read.map_err(|source| CompensationOpenError {
            path: folder.clone(),
            source,
        })?;
        Ok(Self {
            folder,
            clock,
            bounds,
            open: Mutex::new(book),
            recoveries: Mutex::default(),
            records: Arc::new(records),
            changed: Notify::new(),
            paid: AtomicU64::new(0),
            given_up: AtomicU64::new(0),
            forgotten: AtomicU64::new(0),
            told: Mutex::new(None),
        })
    }

    fn lock(&self) -> MutexGuard<'_, Book> {
        self.open
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// Whether `run` owes something.
    pub(crate) fn has(&self, run: RunId) -> bool {
        self.lock().has(run)
    }

    /// The run has ended: what it still owes is to be paid for it.
    pub(crate) fn run_ended(&self, run: RunId) {
        let from = self.clock.monotonic() + PAY_AGAIN_FIRST;
        if self.lock().set(run, Standing::Payable(from)).is_some() {
            self.changed.notify_one();
        }
    }

    /// Learns from a run how its journey does. When it recovers, all that it owes is payable at once:
    /// what is left behind would trouble the runs that follow.
    pub(crate) fn learn(&self, lineage: &Lineage, verdict: &Outcome) {
        let now = self.clock.monotonic();
        if self.recoveries().learn(lineage, verdict, now) {
            self.recovered(&lineage.target, &lineage.journey, now);
        }
    }

    /// Learns from a payment after others that failed that its journey works again.
    pub(crate) fn learn_from_payment(&self, debt: &Debt) {
        let now = self.clock.monotonic();
        if self.recoveries().works(&debt.target, &debt.journey, now) {
            self.recovered(&debt.target, &debt.journey, now);
        }
    }

    fn recovered(&self, target: &TargetName, journey: &JourneyName, now: Monotonic) {
        self.lock().recovered(target, journey, now);
        self.changed.notify_one();
    }

    /// The journeys that recovered since this was last asked.
    pub(crate) fn take_recovered(&self) -> BTreeSet<(TargetName, JourneyName)> {
        self.recoveries().take_untold()
    }

    /// How often paying failed for `run` since its journey recovered.
    #[cfg(test)]
    pub(crate) fn tries(&self, run: RunId) -> Option<u32> {
        self.lock().tries(run)
    }

    fn recoveries(&self) -> MutexGuard<'_, Recoveries> {
        self.recoveries
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// How many cleanups runs that have ended owe with this account of the target. Accounts of
    /// one name in two pools are counted together: too much rather than too little.
    pub(crate) fn owed_by(&self, target: &TargetName, account: &AccountName) -> u64 {
        self.lock().owed_by(target, account)
    }

    pub(crate) fn counts(&self) -> DebtCounts {
        DebtCounts {
            open: self.lock().ended() as u64,
            paid: self.paid.load(Ordering::Relaxed),
            given_up: self.given_up.load(Ordering::Relaxed),
            forgotten: self.forgotten.load(Ordering::Relaxed),
        }
    }

    /// The debt that is to be paid now, of those that `turn` gives a turn: that of the lowest turn,
    /// of those one that failed less often, then the one that is payable for longest. It is being
    /// paid from here until it is paid, put off or failed.
    pub(crate) fn begin_payment<T: Ord>(&self, turn: impl Fn(&Debt) -> Option<T>) -> Option<Debt> {
        let now = self.clock.monotonic();
        let mut book = self.lock();
        let run = book.next_payable(turn, now)?.run;
        book.set(run, Standing::BeingPaid).cloned()
    }

    /// Returns when a debt may have become payable.
    pub(crate) async fn changed(&self) {
        self.changed.notified().await;
    }

    /// The debt was paid after its run. It is struck out already, or will be paid once more.
    pub(crate) fn settled(&self, run: RunId) {
        self.paid.fetch_add(1, Ordering::Relaxed);
        let from = self.clock.monotonic() + PAY_AGAIN_FIRST;
        self.lock().set(run, Standing::Payable(from));
    }

    /// Paying failed: it is tried again later, or given up when it is too old.
    pub(crate) async fn failed(&self, run: RunId, now: Timestamp) -> Result<(), CompensationError> {
        let is_given_up = {
            let monotonic = self.clock.monotonic();
            let mut book = self.lock();
            let Some(tries) = book.count_try(run) else {
                return Ok(());
            };
            let wait = PAY_AGAIN_FIRST.saturating_mul(1 << tries.min(12));
            let from = monotonic + wait.min(PAY_AGAIN_MAX);
            book.set(run, Standing::Payable(from))
                .filter(|debt| now.since(debt.since) > GIVEN_UP_AFTER)
                .cloned()
        };
        let Some(debt) = is_given_up else {
            return Ok(());
        };
        tracing::error!(%run, target = %debt.target, journey = %debt.journey, "a cleanup is given up; see debts/given-up");
        self.give_up(run).await
    }

    /// Puts the debt off without counting a try: what it needs is in use.
    pub(crate) fn put_off(&self, run: RunId) {
        let from = self.clock.monotonic() + PUT_OFF_FOR;
        self.lock().set(run, Standing::Payable(from));
    }

    /// Moves a debt to those that nobody will pay.
    async fn give_up(&self, run: RunId) -> Result<(), CompensationError> {
        // Out of the book first, so that nobody begins to pay it and none is given up twice.
        let Some(open) = self.lock().strike_out(run) else {
            return Ok(());
        };
        let (records, from) = (self.records.clone(), self.path(run));
        match off_thread(move || records.keep(run, &from)).await {
            Ok(forgotten) => {
                self.given_up.fetch_add(1, Ordering::Relaxed);
                self.forgotten.fetch_add(forgotten, Ordering::Relaxed);
                Ok(())
            }
            Err(error) => {
                self.lock().put(open);
                Err(error)
            }
        }
    }

    /// Makes room for what `run` owes: the oldest debts that wait to be paid give way. Runs that
    /// owe at the same moment may each take a place beyond the bound, which the next gives back.
    async fn make_room(&self, run: RunId) -> Result<(), CompensationError> {
        loop {
            let oldest = {
                let book = self.lock();
                if book.len() < self.bounds.open || book.has(run) {
                    return Ok(());
                }
                book.oldest_payable()
            };
            let Some(oldest) = oldest else {
                let known = self.bounds.open;
                self.tell(|| {
                    tracing::error!(
                        known,
                        "all owed cleanups are of runs that are going; nothing more is sent"
                    );
                });
                return Err(CompensationError(format!(
                    "{known} cleanups are owed by runs that are going; nothing more is sent until some have ended"
                )));
            };
            self.give_up(oldest).await?;
            self.tell(|| {
                let given_up = self.given_up.load(Ordering::Relaxed);
                tracing::error!(
                    most = self.bounds.open, given_up,
                    "as many cleanups are owed as may be: the oldest are given up for new ones; see debts/given-up"
                );
            });
        }
    }

    fn tell(&self, line: impl FnOnce()) {
        let now = self.clock.monotonic();
        let mut told = self
            .told
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner());
        if told.is_none_or(|told| now.since(told) >= TOLD_EVERY) {
            *told = Some(now);
            line();
        }
    }

    async fn write(&self, debt: &Debt) -> Result<(), CompensationError> {
        let path = self.path(debt.run);
        let json = serde_json::to_vec_pretty(debt).map_err(told)?;
        off_thread(move || replace_durably(&path, &json)).await
    }

    async fn strike_out(&self, run: RunId) -> Result<(), CompensationError> {
        if !self.has(run) {
            return Ok(());
        }
        let path = self.path(run);
        let folder = self.folder.clone();
        off_thread(move || {
            present(std::fs::remove_file(&path))?;
            sync_folder(&folder)
        })
        .await?;
        self.lock().strike_out(run);
        Ok(())
    }

    fn path(&self, run: RunId) -> PathBuf {
        self.folder.join(format!("{run}.json"))
    }
}

impl CompensationLog for Debts {
    fn owe<'a>(&'a self, debt: &'a Debt) -> BoxFuture<'a, Result<(), CompensationError>> {
        Box::pin(async move {
            self.make_room(debt.run).await?;
            self.write(debt).await?;
            self.lock().enter(debt.clone(), Standing::RunGoing);
            Ok(())
        })
    }

    fn paid(&self, run: RunId) -> BoxFuture<'_, Result<(), CompensationError>> {
        Box::pin(self.strike_out(run))
    }
}

/// Disk work does not belong on the runtime's one thread.
async fn off_thread<T: Send + 'static>(
    work: impl FnOnce() -> std::io::Result<T> + Send + 'static,
) -> Result<T, CompensationError> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(told)?
        .map_err(told)
}

/// A file that somebody else removed is as gone as one that we removed.
fn present(done: std::io::Result<()>) -> std::io::Result<()> {
    match done {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}

fn told(error: impl std::fmt::Display) -> CompensationError {
    CompensationError(error.to_string())
}

fn read_all(folder: &Path, now: Monotonic) -> std::io::Result<Book> {
    std::fs::create_dir_all(folder)?;
    let mut book = Book::default();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        let extension = path.extension().and_then(|extension| extension.to_str());
        if extension == Some("tmp") {
            // A crash came between writing and renaming: nothing was sent for it yet, or the
            // older state of the same debt still stands beside it.
            present(std::fs::remove_file(&path))?;
        }
        if extension != Some("json") {
            continue;
        }
        match serde_json::from_slice::<Debt>(&std::fs::read(&path)?) {
            Ok(debt) => book.enter(debt, Standing::Payable(now)),
            // Files are replaced as a whole, so this is not a crash's doing; a person must look.
            Err(error) => {
                tracing::error!(path = %path.display(), %error, "an owed cleanup cannot be read");
            }
        }
    }
    Ok(book)
}

#[cfg(test)]
mod tests;
