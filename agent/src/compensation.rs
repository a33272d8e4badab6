//! Debts of cleanup on disk: written before a side effect is sent, paid even after a crash.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use bongsu_model::{AccountName, Clock, Monotonic, RunId, TargetName, Timestamp};
use bongsu_probes::{CompensationError, CompensationLog, Debt};
use futures_util::future::BoxFuture;
use tokio::sync::Notify;

use crate::spool::{replace_durably, sync_folder};

/// Most debts at a time; past it no further side effect is sent. An outage of a day at one run
/// every ten seconds leaves 8,640.
const OPEN_MAX: usize = 10_000;

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

/// Whether the run that owes is still going.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    /// It is, and may yet pay by itself.
    RunGoing,
    /// It ended without paying: to be tried from then on.
    Payable(Monotonic),
}

#[derive(Debug)]
struct Open {
    debt: Debt,
    standing: Standing,
    /// Payments of this process that failed: they decide the wait.
    tries: u32,
}

/// What became of debts since the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct DebtCounts {
    /// Owed now, by runs that have ended.
    pub(crate) open: u64,
    /// Paid after the run.
    pub(crate) paid: u64,
    /// Given up.
    pub(crate) given_up: u64,
}

/// The folder `debts/`: a file per run that owes.
#[derive(Debug)]
pub(crate) struct Debts {
    folder: PathBuf,
    clock: Arc<dyn Clock>,
    open: Mutex<BTreeMap<RunId, Open>>,
    changed: Notify,
    paid: AtomicU64,
    given_up: AtomicU64,
}

impl Debts {
    /// Reads what a former process owed: all of it is to be paid.
    pub(crate) fn open(data: &Path, clock: Arc<dyn Clock>) -> Result<Self, CompensationOpenError> {
        let folder = data.join("debts");
        let open =
            read_all(&folder, clock.monotonic()).map_err(|source| CompensationOpenError {
                path: folder.clone(),
                source,
            })?;
        Ok(Self {
            folder,
            clock,
            open: Mutex::new(open),
            changed: Notify::new(),
            paid: AtomicU64::new(0),
            given_up: AtomicU64::new(0),
        })
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<RunId, Open>> {
        self.open
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// Whether `run` owes something.
    pub(crate) fn has(&self, run: RunId) -> bool {
        self.lock().contains_key(&run)
    }

    /// The run has ended: what it still owes is to be paid for it.
    pub(crate) fn run_ended(&self, run: RunId) {
        let now = self.clock.monotonic();
        if let Some(open) = self.lock().get_mut(&run) {
            open.standing = Standing::Payable(now + PAY_AGAIN_FIRST);
            self.changed.notify_one();
        }
    }

    /// How many cleanups runs that have ended owe with this account of the target. Accounts of
    /// one name in two pools are counted together: too much rather than too little.
    pub(crate) fn owed_by(&self, target: &TargetName, account: &AccountName) -> u64 {
        let all = self.lock();
        let owed = all.values().filter(|open| {
            open.standing != Standing::RunGoing
                && open.debt.target == *target
                && open.debt.accounts.iter().any(|(_, name)| name == account)
        });
        owed.count() as u64
    }

    pub(crate) fn counts(&self) -> DebtCounts {
        let open = self
            .lock()
            .values()
            .filter(|open| open.standing != Standing::RunGoing)
            .count();
        DebtCounts {
            open: open as u64,
            paid: self.paid.load(Ordering::Relaxed),
            given_up: self.given_up.load(Ordering::Relaxed),
        }
    }

    /// The debt that may be tried now, of a target that is not in `busy`: those that failed least
    /// often go first, so that one that can never be paid holds up no other, then the oldest.
    pub(crate) fn next_payable(&self, busy: &[TargetName]) -> Option<Debt> {
        let now = self.clock.monotonic();
        self.lock()
            .values()
            .filter(|open| matches!(open.standing, Standing::Payable(from) if from <= now))
            .filter(|open| !busy.contains(&open.debt.target))
            .min_by_key(|open| (open.tries, open.debt.since))
            .map(|open| open.debt.clone())
    }

    /// Returns when a debt may have become payable.
    pub(crate) async fn changed(&self) {
        self.changed.notified().await;
    }

    /// The debt was paid after its run, and is struck out already.
    pub(crate) fn settled(&self) {
        self.paid.fetch_add(1, Ordering::Relaxed);
    }

    /// Paying failed: it is tried again later, or given up when it is too old.
    pub(crate) async fn failed(&self, run: RunId, now: Timestamp) -> Result<(), CompensationError> {
        let (debt, is_given_up) = {
            let monotonic = self.clock.monotonic();
            let mut all = self.lock();
            let Some(open) = all.get_mut(&run) else {
                return Ok(());
            };
            let wait = PAY_AGAIN_FIRST.saturating_mul(1 << open.tries.min(12));
            open.tries += 1;
            open.standing = Standing::Payable(monotonic + wait.min(PAY_AGAIN_MAX));
            let is_given_up = now.since(open.debt.since) > GIVEN_UP_AFTER;
            (open.debt.clone(), is_given_up)
        };
        if !is_given_up {
            return Ok(());
        }
        tracing::error!(%run, target = %debt.target, journey = %debt.journey, "a cleanup is given up; see debts/given-up");
        let from = self.path(run);
        let folder = self.folder.join("given-up");
        let to = folder.join(format!("{run}.json"));
        off_thread(move || {
            std::fs::create_dir_all(&folder)?;
            present(std::fs::rename(&from, &to))
        })
        .await?;
        self.lock().remove(&run);
        self.given_up.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    /// Puts the debt off without counting a try: what it needs is in use.
    pub(crate) fn put_off(&self, run: RunId) {
        let from = self.clock.monotonic() + PUT_OFF_FOR;
        if let Some(open) = self.lock().get_mut(&run) {
            open.standing = Standing::Payable(from);
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
        self.lock().remove(&run);
        Ok(())
    }

    fn path(&self, run: RunId) -> PathBuf {
        self.folder.join(format!("{run}.json"))
    }
}

impl CompensationLog for Debts {
    fn owe<'a>(&'a self, debt: &'a Debt) -> BoxFuture<'a, Result<(), CompensationError>> {
        Box::pin(async move {
            let known = self.lock().len();
            if known >= OPEN_MAX && !self.has(debt.run) {
                return Err(CompensationError(format!(
                    "{known} cleanups are owed already; nothing more is sent until some are paid"
                )));
            }
            self.write(debt).await?;
            let mut all = self.lock();
            let tries = all.get(&debt.run).map_or(0, |open| open.tries);
            let open = Open {
                debt: debt.clone(),
                standing: Standing::RunGoing,
                tries,
            };
            all.insert(debt.run, open);
            Ok(())
        })
    }

    fn paid(&self, run: RunId) -> BoxFuture<'_, Result<(), CompensationError>> {
        Box::pin(self.strike_out(run))
    }
}

/// Disk work does not belong on the runtime's one thread.
async fn off_thread(
    work: impl FnOnce() -> std::io::Result<()> + Send + 'static,
) -> Result<(), CompensationError> {
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

fn read_all(folder: &Path, now: Monotonic) -> std::io::Result<BTreeMap<RunId, Open>> {
    std::fs::create_dir_all(folder)?;
    let mut open = BTreeMap::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_none_or(|extension| extension != "json") {
            continue;
        }
        match serde_json::from_slice::<Debt>(&std::fs::read(&path)?) {
            Ok(debt) => {
                let standing = Standing::Payable(now);
                let tries = 0;
                open.insert(
                    debt.run,
                    Open {
                        debt,
                        standing,
                        tries,
                    },
                );
            }
            // Files are replaced as a whole, so this is not a crash's doing; a person must look.
            Err(error) => {
                tracing::error!(path = %path.display(), %error, "an owed cleanup cannot be read");
            }
        }
    }
    Ok(open)
}

#[cfg(test)]
mod tests {
    use bongsu_model::{ActorName, JourneyName, Revision, Variant};
    use bongsu_probes::SystemClock;

    use super::*;

    fn debt(n: u8, target: &str) -> Debt {
        Debt {
            run: RunId::from_bytes([n; 16]),
            target: TargetName::new(target).unwrap(),
            journey: JourneyName::new("send-message").unwrap(),
            journey_revision: Revision::of(b""),
            variant: Variant::cold(),
            accounts: vec![(
                ActorName::new("alice").unwrap(),
                AccountName::new("users-001").unwrap(),
            )],
            scopes: vec![0],
            variables: Vec::new(),
            since: Timestamp::from_unix_seconds(u64::from(n)),
            attempts: 0,
        }
    }

    fn debts(data: &Path) -> Debts {
        Debts::open(data, Arc::new(SystemClock::new())).unwrap()
    }

    #[tokio::test]
    async fn a_debt_outlives_the_process_and_is_then_to_be_paid_oldest_first() {
        let data = tempfile::tempdir().unwrap();
        let before = debts(data.path());
        before.owe(&debt(2, "superapp")).await.unwrap();
        before.owe(&debt(1, "superapp")).await.unwrap();
        before.owe(&debt(3, "superapp")).await.unwrap();
        assert_eq!(before.next_payable(&[]), None, "their runs are still going");
        before.paid(debt(3, "superapp").run).await.unwrap();
        drop(before);
        let after = debts(data.path());
        assert_eq!(after.counts().open, 2);
        assert_eq!(after.next_payable(&[]), Some(debt(1, "superapp")));
        assert_eq!(
            after.next_payable(&[TargetName::new("superapp").unwrap()]),
            None
        );
        after.paid(debt(1, "superapp").run).await.unwrap();
        after.settled();
        assert_eq!(after.next_payable(&[]), Some(debt(2, "superapp")));
        assert_eq!((after.counts().open, after.counts().paid), (1, 1));
    }

    #[tokio::test]
    async fn a_payment_that_failed_is_tried_again_later_and_given_up_in_the_end() {
        let data = tempfile::tempdir().unwrap();
        let log = debts(data.path());
        let one = debt(1, "superapp");
        log.owe(&one).await.unwrap();
        log.run_ended(one.run);
        log.failed(one.run, one.since).await.unwrap();
        assert_eq!(log.next_payable(&[]), None, "not at once");
        let late = one.since + GIVEN_UP_AFTER + Duration::from_secs(1);
        log.failed(one.run, late).await.unwrap();
        assert_eq!((log.counts().open, log.counts().given_up), (0, 1));
        assert_eq!(debts(data.path()).counts().open, 0);
    }

    #[tokio::test]
    async fn a_debt_that_failed_lets_others_go_first() {
        let data = tempfile::tempdir().unwrap();
        let before = debts(data.path());
        before.owe(&debt(1, "superapp")).await.unwrap();
        before.owe(&debt(2, "superapp")).await.unwrap();
        drop(before);
        let log = debts(data.path());
        log.failed(debt(1, "superapp").run, debt(1, "superapp").since)
            .await
            .unwrap();
        log.lock()
            .get_mut(&debt(1, "superapp").run)
            .unwrap()
            .standing = Standing::Payable(Monotonic::from_origin(Duration::ZERO));
        assert_eq!(log.next_payable(&[]), Some(debt(2, "superapp")));
    }

    #[tokio::test]
    async fn a_debt_whose_file_a_person_removed_is_struck_out() {
        let data = tempfile::tempdir().unwrap();
        let log = debts(data.path());
        let one = debt(1, "superapp");
        log.owe(&one).await.unwrap();
        std::fs::remove_file(log.path(one.run)).unwrap();
        log.paid(one.run).await.unwrap();
        assert!(!log.has(one.run));
    }

    #[tokio::test]
    async fn what_cannot_be_written_is_not_owed() {
        let data = tempfile::tempdir().unwrap();
        let log = debts(data.path());
        std::fs::remove_dir_all(data.path().join("debts")).unwrap();
        let error = log.owe(&debt(1, "superapp")).await.unwrap_err();
        assert!(error.to_string().contains("cannot be written"), "{error}");
        assert!(!log.has(debt(1, "superapp").run));
    }
}
