//! Whether a run may begin: the kill switch of its target, and what its accounts were used for
//! and owe.

use bongsu_model::{AccountName, Timestamp, Variant};

use crate::accounts::{Choice, PoolKey};
use crate::budget::{Charge, Share};
use crate::plan::{Plan, Planned};
use crate::state::Shared;

/// While most accounts of a pool owe more than they may, one slot in so many is run: it is the
/// platform that does not clean up, and somebody must see when it does again.
const SPARING: u64 = 4;

/// Whether the kill switch holds the run back.
pub(super) fn is_held_back(planned: &Planned) -> bool {
    let kill_switch = planned.target.profile().kill_switch;
    kill_switch.holds_back(&planned.journey)
}

/// Which accounts a run may use.
#[derive(Debug)]
pub(super) struct Permit<'a> {
    pub(super) shared: &'a Shared,
    pub(super) plan: &'a Plan,
    pub(super) planned: &'a Planned,
    pub(super) share: Share,
    /// The slot that is answered; none for a look.
    pub(super) slot: Option<u64>,
    pub(super) now: Timestamp,
}

impl Choice for Permit<'_> {
    fn allows(&self, actor: usize, key: &PoolKey, name: &AccountName) -> bool {
        let charge = Charge::of(&self.planned.journey, actor);
        let budgets = &self.shared.budgets;
        budgets.allows(key, name, charge, self.share, self.now) && self.is_clean_enough(key, name)
    }

    /// A warm run begins with a session, as its journey has one of only so many accounts: with
    /// another account it would sign in, and be blocked while nobody can.
    fn prefers(&self, _: usize, key: &PoolKey, name: &AccountName) -> bool {
        let Planned {
            lineage, journey, ..
        } = self.planned;
        lineage.variant == Variant::warm()
            && self
                .shared
                .sessions
                .has(&key.target, journey, &key.pool, name)
    }
}

impl Permit<'_> {
    fn is_clean_enough(&self, key: &PoolKey, name: &AccountName) -> bool {
        let Some(max) = self.shared.budgets.uncleaned_max(key) else {
            return true;
        };
        let owes = |name: &AccountName| self.shared.debts.owed_by(&key.target, name);
        let pools = self.plan.accounts.iter().filter(|pool| pool.key == *key);
        let names = pools.flat_map(|pool| pool.accounts.iter().map(|account| &account.name));
        let pool: Vec<u64> = names.map(owes).collect();
        may_owe_more(owes(name), max, &pool, self.slot)
    }
}

/// Whether an account that owes so many cleanups may be used, among those of its pool. One that
/// owes too much is left alone while most others do not.
fn may_owe_more(owes: u64, max: u64, pool: &[u64], slot: Option<u64>) -> bool {
    if owes < max {
        return true;
    }
    let owing = pool.iter().filter(|owed| **owed >= max).count();
    2 * owing > pool.len() && slot.is_some_and(|slot| slot.is_multiple_of(SPARING))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_that_owes_too_much_is_left_alone_while_most_others_do_not() {
        assert!(may_owe_more(1, 2, &[1, 9, 9], Some(1)));
        for slot in 0..8 {
            assert!(!may_owe_more(2, 2, &[2, 0, 0], Some(slot)));
        }
    }

    #[test]
    fn when_most_owe_too_much_it_is_the_platform_and_some_slots_go_on() {
        let run = (0..8).filter(|slot| may_owe_more(5, 2, &[5, 5, 0], Some(*slot)));
        assert_eq!(run.collect::<Vec<u64>>(), [0, 4]);
        assert!(!may_owe_more(5, 2, &[5, 5, 0], None), "no looks");
    }
}
