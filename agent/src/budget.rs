//! What accounts were used for in the last 24 hours, held against the budgets of their pools.
//!
//! A run's whole use is charged before it begins, and is on disk before anything is sent, so that
//! a crash never makes room; money that the run provably did not come to move is given back. What
//! cannot be read or written counts as used up: a budget fails closed.

mod file;
mod usage;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard};

use bongsu_language::{Budget, Journey};
use bongsu_model::{AccountName, RunReport, Timestamp};

use crate::accounts::{Lease, PoolKey};
pub(crate) use file::BudgetError;
pub(crate) use usage::Charge;
use usage::Usage;

/// The part of every budget that is kept for cells that are not up: one in so many.
const RESERVE_DIVISOR: u64 = 5;

/// How much of a budget may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Share {
    /// All but the reserve: the newest run of the journey was good.
    Routine,
    /// All of it: an outage is being watched.
    Whole,
}

impl Share {
    /// What of `bound` may be used.
    pub(crate) const fn of(self, bound: u64) -> u64 {
        match self {
            Self::Routine => bound - bound / RESERVE_DIVISOR,
            Self::Whole => bound,
        }
    }
}

#[derive(Debug, Default)]
struct Ledger {
    budgets: BTreeMap<PoolKey, Budget>,
    /// None: it could not be read.
    usage: BTreeMap<(PoolKey, AccountName), Option<Usage>>,
}

/// The budgets of an agent's accounts, and the folder `budgets/`: a file per account.
#[derive(Debug)]
pub(crate) struct Budgets {
    folder: PathBuf,
    ledger: Mutex<Ledger>,
}

impl Budgets {
    pub(crate) fn new(folder: PathBuf) -> Self {
        Self {
            folder,
            ledger: Mutex::default(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Ledger> {
        self.ledger
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// Takes on the budgets of these accounts; the use of those that are new is read from disk.
    pub(crate) async fn replace(&self, pools: Vec<(PoolKey, Budget, Vec<AccountName>)>) {
        let is_bounded = |budget: &Budget| budget.runs.is_some() || budget.money.is_some();
        let bounded = pools.iter().filter(|(_, budget, _)| is_bounded(budget));
        let accounts: Vec<(PoolKey, AccountName)> = bounded
            .flat_map(|(key, _, names)| names.iter().map(|name| (key.clone(), name.clone())))
            .collect();
        let mut read = BTreeMap::new();
        for account in &accounts {
            let is_known = matches!(self.lock().usage.get(account), Some(Some(_)));
            if !is_known {
                read.insert(account.clone(), self.read(account).await);
            }
        }
        let mut ledger = self.lock();
        let mut known = std::mem::take(&mut ledger.usage);
        for account in accounts {
            let usage = match read.remove(&account) {
                Some(read) => read,
                None => known.remove(&account).flatten(),
            };
            ledger.usage.insert(account, usage);
        }
        ledger.budgets = pools
            .into_iter()
            .map(|(key, budget, _)| (key, budget))
            .collect();
    }

    async fn read(&self, (key, name): &(PoolKey, AccountName)) -> Option<Usage> {
        file::read(self.path(key, name))
            .await
            .inspect_err(|error| {
                tracing::error!(
                    account = %name, pool = %key.pool, target = %key.target, %error,
                    "the account is not used: what it was used for is not known; remove the file \
                     to begin anew"
                );
            })
            .ok()
    }

    /// Whether the account may be used for this as well.
    pub(crate) fn allows(
        &self,
        key: &PoolKey,
        name: &AccountName,
        charge: Charge,
        share: Share,
        now: Timestamp,
    ) -> bool {
        let ledger = self.lock();
        let Some(budget) = ledger.budgets.get(key) else {
            return true;
        };
        let Some(usage) = ledger.usage.get(&(key.clone(), name.clone())) else {
            return true;
        };
        let Some(usage) = usage else { return false };
        let used = usage.within_a_day(now);
        let fits = |bound: Option<u64>, used: u64, more: u64| {
            bound.is_none_or(|bound| used.saturating_add(more) <= share.of(bound))
        };
        fits(budget.runs, used.runs, charge.runs) && fits(budget.money, used.money, charge.money)
    }

    /// The bound of cleanups owed at a time by one account of this pool.
    pub(crate) fn uncleaned_max(&self, key: &PoolKey) -> Option<u64> {
        self.lock().budgets.get(key)?.uncleaned
    }

    /// Charges each account for a run of the journey: from now on no other run can use what this
    /// one takes. [`Self::save`] makes it durable.
    pub(crate) fn charge(&self, leases: &[Lease], journey: &Journey, now: Timestamp) {
        let mut ledger = self.lock();
        for (actor, lease) in leases.iter().enumerate() {
            let account = (lease.key.clone(), lease.account.name.clone());
            if let Some(Some(usage)) = ledger.usage.get_mut(&account) {
                usage.add(now, Charge::of(journey, actor));
            }
        }
    }

    /// Writes the use of these accounts down.
    ///
    /// # Errors
    /// When the disk does not take it; the run must not begin then.
    pub(crate) async fn save(&self, leases: &[Lease]) -> Result<(), BudgetError> {
        for lease in leases {
            let account = (lease.key.clone(), lease.account.name.clone());
            let usage = match self.lock().usage.get(&account) {
                Some(Some(usage)) => usage.clone(),
                Some(None) | None => continue,
            };
            file::write(self.path(&lease.key, &lease.account.name), usage).await?;
        }
        Ok(())
    }

    /// Gives back the money that the run, charged at `charged`, did not come to move.
    pub(crate) fn settle(
        &self,
        leases: &[Lease],
        journey: &Journey,
        report: &RunReport,
        charged: Timestamp,
    ) {
        let mut ledger = self.lock();
        for (actor, lease) in leases.iter().enumerate() {
            let account = (lease.key.clone(), lease.account.name.clone());
            if !has_spent(journey, report, actor)
                && let Some(Some(usage)) = ledger.usage.get_mut(&account)
            {
                usage.give_back(charged, Charge::of(journey, actor).money);
            }
        }
    }

    /// How many accounts may not be used for another run, reserve included.
    pub(crate) fn used_up(&self, now: Timestamp) -> usize {
        let accounts: Vec<_> = self.lock().usage.keys().cloned().collect();
        let one_more = Charge { runs: 1, money: 0 };
        accounts
            .iter()
            .filter(|(key, name)| !self.allows(key, name, one_more, Share::Whole, now))
            .count()
    }

    fn path(&self, key: &PoolKey, name: &AccountName) -> PathBuf {
        // Names are of letters, digits, `.`, `-` and `_`, and begin with a letter or digit.
        self.folder
            .join(key.target.as_str())
            .join(key.pool.as_str())
            .join(format!("{name}.json"))
    }
}

/// Whether a step of this actor that spends was sent, or may have been, or is still owed.
fn has_spent(journey: &Journey, report: &RunReport, actor: usize) -> bool {
    use bongsu_model::CleanupState::{Leaked, Owed};
    let all = journey.steps.iter().chain(&journey.cleanup);
    let mut spending = all
        .filter(|step| step.spends.is_some_and(|spends| spends > 0))
        .filter(|step| step.actors.contains(&actor));
    matches!(report.facts.cleanup, Owed | Leaked)
        || spending.any(|step| {
            report
                .steps
                .iter()
                .any(|done| done.index == step.index && done.actor_index as usize == actor)
        })
}

#[cfg(test)]
mod tests;
