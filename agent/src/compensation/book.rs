//! The debts that are known, by run: which may be paid, which go first, who owes how many. Pure.

use std::collections::BTreeMap;

use bongsu_model::{AccountName, JourneyName, Monotonic, RunId, TargetName};
use bongsu_probes::Debt;

/// More failures of a debt than so many are not told apart: after a long outage all have many.
const FAILURES_TOLD: u32 = 3;

/// Who is to pay a debt, and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    /// The run that owes is still going, and may yet pay by itself.
    RunGoing,
    /// The run ended without paying: to be tried from then on.
    Payable(Monotonic),
    /// It is being paid.
    BeingPaid,
}

/// A debt as the agent knows it.
#[derive(Debug)]
pub(super) struct Open {
    debt: Debt,
    standing: Standing,
    /// Payments of this process that failed.
    failures: u32,
    /// Those of them since its journey last recovered: they decide the wait.
    tries: u32,
}

/// All debts, and a count of them by account, since that is asked for every run and account.
#[derive(Debug, Default)]
pub(super) struct Book {
    open: BTreeMap<RunId, Open>,
    /// Debts of runs that have ended, by the accounts that owe.
    owed_by: BTreeMap<(TargetName, AccountName), u64>,
}

impl Book {
    pub(super) fn len(&self) -> usize {
        self.open.len()
    }

    pub(super) fn has(&self, run: RunId) -> bool {
        self.open.contains_key(&run)
    }

    /// Debts of runs that have ended.
    pub(super) fn ended(&self) -> usize {
        let open = self.open.values();
        open.filter(|open| open.standing != Standing::RunGoing)
            .count()
    }

    /// How many cleanups runs that have ended owe with this account of the target.
    pub(super) fn owed_by(&self, target: &TargetName, account: &AccountName) -> u64 {
        let key = (target.clone(), account.clone());
        self.owed_by.get(&key).copied().unwrap_or_default()
    }

    /// Enters a debt, in place of what its run owed before: the tries are kept, and that it is
    /// being paid.
    pub(super) fn enter(&mut self, debt: Debt, standing: Standing) {
        let before = self.strike_out(debt.run);
        let (failures, tries) = before
            .as_ref()
            .map_or((0, 0), |open| (open.failures, open.tries));
        let standing = match before.map(|open| open.standing) {
            Some(Standing::BeingPaid) => Standing::BeingPaid,
            Some(Standing::RunGoing | Standing::Payable(_)) | None => standing,
        };
        self.put(Open {
            debt,
            standing,
            failures,
            tries,
        });
    }

    /// Puts a debt back that was struck out.
    pub(super) fn put(&mut self, open: Open) {
        if open.standing != Standing::RunGoing {
            for key in accounts(&open.debt) {
                *self.owed_by.entry(key).or_default() += 1;
            }
        }
        self.open.insert(open.debt.run, open);
    }

    pub(super) fn strike_out(&mut self, run: RunId) -> Option<Open> {
        let open = self.open.remove(&run)?;
        if open.standing != Standing::RunGoing {
            for key in accounts(&open.debt) {
                if let Some(count) = self.owed_by.get_mut(&key) {
                    *count = count.saturating_sub(1);
                    if *count == 0 {
                        self.owed_by.remove(&key);
                    }
                }
            }
        }
        Some(open)
    }

    /// Says who is to pay the debt of `run` from now on, if it has one.
    pub(super) fn set(&mut self, run: RunId, standing: Standing) -> Option<&Debt> {
        let open = self.strike_out(run)?;
        self.put(Open { standing, ..open });
        self.open.get(&run).map(|open| &open.debt)
    }

    /// The journey works again: all that it owes is payable from `now`, and a payment that fails
    /// waits no longer for what failed before.
    pub(super) fn recovered(&mut self, target: &TargetName, journey: &JourneyName, now: Monotonic) {
        for open in self.open.values_mut() {
            if open.debt.target != *target || open.debt.journey != *journey {
                continue;
            }
            open.tries = 0;
            if let Standing::Payable(from) = &mut open.standing {
                *from = now.min(*from);
            }
        }
    }

    #[cfg(test)]
    pub(super) fn tries(&self, run: RunId) -> Option<u32> {
        self.open.get(&run).map(|open| open.tries)
    }

    /// Counts a payment that failed; gives how many did before.
    pub(super) fn count_try(&mut self, run: RunId) -> Option<u32> {
        let open = self.open.get_mut(&run)?;
        open.failures += 1;
        open.tries += 1;
        Some(open.tries - 1)
    }

    /// The debt to be tried at `now`, of those that `turn` gives a turn: that of the lowest turn;
    /// of those one that failed less often, since each failure lets its whole journey rest, so that
    /// those that can never be paid hold up no other; then the one that is payable for longest.
    pub(super) fn next_payable<T: Ord>(
        &self,
        turn: impl Fn(&Debt) -> Option<T>,
        now: Monotonic,
    ) -> Option<&Debt> {
        let payable = self.open.values().filter_map(|open| {
            let Standing::Payable(from) = open.standing else {
                return None;
            };
            let turn = (from <= now).then(|| turn(&open.debt))??;
            let failures = open.failures.min(FAILURES_TOLD);
            Some(((turn, failures, from, open.debt.since), &open.debt))
        });
        let next = payable.min_by(|(one, _), (other, _)| one.cmp(other));
        next.map(|(_, debt)| debt)
    }

    /// The oldest debt that nobody is about to pay.
    pub(super) fn oldest_payable(&self) -> Option<RunId> {
        self.open
            .values()
            .filter(|open| matches!(open.standing, Standing::Payable(_)))
            .min_by_key(|open| open.debt.since)
            .map(|open| open.debt.run)
    }
}

/// The accounts of a debt, each once. Accounts of one name in two pools are counted together: too
/// much rather than too little.
fn accounts(debt: &Debt) -> Vec<(TargetName, AccountName)> {
    let mut keys: Vec<_> = debt
        .accounts
        .iter()
        .map(|(_, name)| (debt.target.clone(), name.clone()))
        .collect();
    keys.sort();
    keys.dedup();
    keys
}
