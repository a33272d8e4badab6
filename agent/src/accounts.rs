//! Who plays the actors: this agent's share of each pool, leased to one run at a time. Pure.

use std::collections::BTreeMap;
use std::time::Duration;

use bongsu_model::{
    AccountName, BlindReason, Outcome, PoolName, SkipReason, TargetName, Timestamp,
};
use bongsu_probes::Account;

/// How long an account that failed alone is left alone.
const WITHDRAWN_FOR: Duration = Duration::from_secs(600);

/// Failures in a row before an account may be withdrawn: one may be chance.
const FAILURES_MIN: u32 = 2;

/// A pool of one target.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct PoolKey {
    pub(crate) target: TargetName,
    pub(crate) pool: PoolName,
}

/// An account in use by one run.
#[derive(Debug, Clone)]
pub(crate) struct Lease {
    pub(crate) key: PoolKey,
    pub(crate) account: Account,
}

/// What decides between the accounts of a pool that are free, for the actor with this index.
pub(crate) trait Choice {
    /// Whether it may play the account at all.
    fn allows(&self, actor: usize, key: &PoolKey, name: &AccountName) -> bool;

    /// Whether the account is taken before those that rested longer.
    fn prefers(&self, actor: usize, key: &PoolKey, name: &AccountName) -> bool;
}

/// Why named accounts could not be leased.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unleased {
    /// One is in use, or needed by the slots: later.
    InUse,
    /// One is no longer among this agent's accounts.
    Gone,
}

/// What becomes of a pool that holds less than two accounts per actor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Small {
    /// It is for the slots alone.
    Withheld,
    /// It is lent all the same, since otherwise nothing ever could be.
    Lent,
}

#[derive(Debug)]
struct Member {
    account: Account,
    is_leased: bool,
    /// Counts leases, so that the one that rested longest is taken.
    last_lease: u64,
    failures: u32,
    failing_since: Timestamp,
    last_good: Option<Timestamp>,
    withdrawn_until: Option<Timestamp>,
}

/// The agent's accounts. None is ever lent to two runs at once.
#[derive(Debug, Default)]
pub(crate) struct Accounts {
    pools: BTreeMap<PoolKey, Vec<Member>>,
    /// Accounts that left the plan while a run has them; as many as runs can have, at most.
    gone: BTreeMap<PoolKey, Vec<Member>>,
    leases: u64,
}

impl Accounts {
    /// Takes on these pools; what is known of accounts that stay is kept. A lease outlives also
    /// that its account leaves the plan and comes back.
    pub(crate) fn replace(&mut self, pools: Vec<(PoolKey, Vec<Account>)>) {
        let mut old = std::mem::take(&mut self.pools);
        for (key, members) in std::mem::take(&mut self.gone) {
            old.entry(key).or_default().extend(members);
        }
        for (key, accounts) in pools {
            let mut known = old.remove(&key).unwrap_or_default();
            let members = accounts
                .into_iter()
                .map(|account| {
                    let at = known.iter().position(|m| m.account.name == account.name);
                    match at.map(|at| known.swap_remove(at)) {
                        Some(member) => Member { account, ..member },
                        None => Member {
                            account,
                            is_leased: false,
                            last_lease: 0,
                            failures: 0,
                            failing_since: Timestamp::EPOCH,
                            last_good: None,
                            withdrawn_until: None,
                        },
                    }
                })
                .collect();
            old.insert(key.clone(), known);
            self.pools.insert(key, members);
        }
        for members in old.values_mut() {
            members.retain(|member| member.is_leased);
        }
        old.retain(|_, members| !members.is_empty());
        self.gone = old;
    }

    /// Leases one account that is usable for each of `pools` of `target`, all or none: of those
    /// that are preferred, or else of all, the one that rested longest.
    ///
    /// # Errors
    /// What becomes of the run: none is free, or all that are were withdrawn, or are used up.
    pub(crate) fn lease(
        &mut self,
        target: &TargetName,
        pools: &[PoolName],
        now: Timestamp,
        choice: &dyn Choice,
    ) -> Result<Vec<Lease>, Outcome> {
        let mut leases = Vec::with_capacity(pools.len());
        for (actor, pool) in pools.iter().enumerate() {
            let key = PoolKey {
                target: target.clone(),
                pool: pool.clone(),
            };
            match self.lease_one(&key, actor, now, choice) {
                Ok(account) => leases.push(Lease { key, account }),
                Err(outcome) => {
                    self.release(&leases);
                    return Err(outcome);
                }
            }
        }
        Ok(leases)
    }

    fn lease_one(
        &mut self,
        key: &PoolKey,
        actor: usize,
        now: Timestamp,
        choice: &dyn Choice,
    ) -> Result<Account, Outcome> {
        let blind = Outcome::Blind;
        let Some(members) = self.pools.get_mut(key) else {
            return Err(blind(BlindReason::NoAccount));
        };
        let is_withdrawn = |m: &Member| m.withdrawn_until.is_some_and(|until| now < until);
        let mut best = None;
        for (at, member) in members.iter().enumerate() {
            if member.is_leased || is_withdrawn(member) {
                continue;
            }
            let name = &member.account.name;
            let rank = (!choice.prefers(actor, key, name), member.last_lease);
            let is_better = best.is_none_or(|(known, _)| rank < known);
            // Whether it may be used is asked last: budgets and debts are looked up for it.
            if is_better && choice.allows(actor, key, name) {
                best = Some((rank, at));
            }
        }
        let Some(member) = best.and_then(|(_, at)| members.get_mut(at)) else {
            let mut others = members.iter().filter(|m| !m.is_leased);
            return Err(if others.clone().any(|m| !is_withdrawn(m)) {
                Outcome::Skipped(SkipReason::Budget)
            } else if others.any(is_withdrawn) {
                blind(BlindReason::DirtyAccount)
            } else {
                blind(BlindReason::NoAccount)
            });
        };
        self.leases += 1;
        member.is_leased = true;
        member.last_lease = self.leases;
        Ok(member.account.clone())
    }

    /// Leases as [`Self::lease`] does, but only if a slot of the same kind would still find its
    /// accounts: what is done beside the slots must never make one of them blind.
    pub(crate) fn lease_to_spare(
        &mut self,
        target: &TargetName,
        pools: &[PoolName],
        now: Timestamp,
        choice: &dyn Choice,
    ) -> Option<Vec<Lease>> {
        let leases = self.lease(target, pools, now, choice).ok()?;
        self.keep_if_spare(leases, Small::Withheld)
    }

    /// Leases these very accounts, to pay a debt of theirs, and leaves as many free for the slots
    /// where the pool is large enough for that.
    ///
    /// # Errors
    /// Whether waiting can help.
    pub(crate) fn lease_named(
        &mut self,
        wanted: &[(PoolKey, AccountName)],
    ) -> Result<Vec<Lease>, Unleased> {
        let mut leases = Vec::with_capacity(wanted.len());
        for (key, name) in wanted {
            match self.member(key, name) {
                Some(member) if !member.is_leased => {
                    member.is_leased = true;
                    leases.push(Lease {
                        key: key.clone(),
                        account: member.account.clone(),
                    });
                }
                found => {
                    let reason = found.map_or(Unleased::Gone, |_| Unleased::InUse);
                    self.release(&leases);
                    return Err(reason);
                }
            }
        }
        self.keep_if_spare(leases, Small::Lent)
            .ok_or(Unleased::InUse)
    }

    /// Keeps the leases if each of their pools has as many free accounts left as they took.
    fn keep_if_spare(&mut self, leases: Vec<Lease>, small: Small) -> Option<Vec<Lease>> {
        let is_spare = leases.iter().all(|lease| {
            let taken = leases.iter().filter(|other| other.key == lease.key).count();
            self.pools.get(&lease.key).is_some_and(|members| {
                let free = members.iter().filter(|m| !m.is_leased).count();
                free >= taken || (small == Small::Lent && members.len() < 2 * taken)
            })
        });
        if is_spare {
            return Some(leases);
        }
        self.release(&leases);
        None
    }

    /// Gives leased accounts back.
    pub(crate) fn release(&mut self, leases: &[Lease]) {
        for lease in leases {
            let name = &lease.account.name;
            if let Some(member) = self.member(&lease.key, name) {
                member.is_leased = false;
            } else if let Some(members) = self.gone.get_mut(&lease.key) {
                members.retain(|member| member.account.name != *name);
            }
        }
    }

    /// A run saw the account work.
    pub(crate) fn worked(&mut self, key: &PoolKey, name: &AccountName, now: Timestamp) {
        if let Some(member) = self.member(key, name) {
            member.failures = 0;
            member.last_good = Some(now);
            member.withdrawn_until = None;
        }
    }

    /// A run saw evidence against this one account: locked, throttled, refused, or not cleaned up.
    ///
    /// It is withdrawn only when another account of its pool worked since its failures began.
    /// When all fail alike it is the platform, and withdrawing them would blind the outage.
    pub(crate) fn failed(&mut self, key: &PoolKey, name: &AccountName, now: Timestamp) {
        let Some(member) = self.member(key, name) else {
            return;
        };
        if member.failures == 0 {
            member.failing_since = now;
        }
        member.failures += 1;
        let (failures, since) = (member.failures, member.failing_since);
        let others_work = self.pools[key].iter().any(|other| {
            other.account.name != *name && other.last_good.is_some_and(|good| good >= since)
        });
        if failures >= FAILURES_MIN
            && others_work
            && let Some(member) = self.member(key, name)
        {
            tracing::warn!(
                account = %name, pool = %key.pool, target = %key.target,
                "an account fails while others of its pool work; it is left alone for a while"
            );
            member.withdrawn_until = Some(now + WITHDRAWN_FOR);
        }
    }

    /// Whether most accounts of one of these pools fail, so that it is not the accounts: none is
    /// withdrawn then, and nothing is asked beyond the slots until one works again.
    pub(crate) fn fail_alike(&self, target: &TargetName, pools: &[PoolName]) -> bool {
        pools.iter().any(|pool| {
            let key = PoolKey {
                target: target.clone(),
                pool: pool.clone(),
            };
            self.pools.get(&key).is_some_and(|members| {
                let failing = members.iter().filter(|m| m.failures >= FAILURES_MIN);
                2 * failing.count() > members.len()
            })
        })
    }

    /// How many accounts are withdrawn.
    pub(crate) fn withdrawn(&self, now: Timestamp) -> usize {
        self.pools
            .values()
            .flatten()
            .filter(|m| m.withdrawn_until.is_some_and(|until| now < until))
            .count()
    }

    fn member(&mut self, key: &PoolKey, name: &AccountName) -> Option<&mut Member> {
        self.pools
            .get_mut(key)?
            .iter_mut()
            .find(|member| member.account.name == *name)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn key() -> PoolKey {
        PoolKey {
            target: TargetName::new("superapp").unwrap(),
            pool: PoolName::new("users").unwrap(),
        }
    }

    fn name(n: usize) -> AccountName {
        AccountName::new(&format!("user-{n}")).unwrap()
    }

    fn accounts(count: usize) -> Accounts {
        let list = (0..count)
            .map(|n| Account {
                name: name(n),
                fields: Vec::new(),
                secrets: Vec::new(),
            })
            .collect();
        let mut accounts = Accounts::default();
        accounts.replace(vec![(key(), list)]);
        accounts
    }

    fn at(seconds: u64) -> Timestamp {
        Timestamp::from_unix_seconds(seconds)
    }

    /// Those that may be used, and those that are preferred, by their numbers.
    struct Of(&'static [usize], &'static [usize]);

    const ANY: &Of = &Of(&[0, 1, 2, 3], &[]);

    impl Choice for Of {
        fn allows(&self, _: usize, _: &PoolKey, account: &AccountName) -> bool {
            self.0.iter().any(|n| *account == name(*n))
        }

        fn prefers(&self, _: usize, _: &PoolKey, account: &AccountName) -> bool {
            self.1.iter().any(|n| *account == name(*n))
        }
    }

    const NO_ACCOUNT: Outcome = Outcome::Blind(BlindReason::NoAccount);

    fn lease(accounts: &mut Accounts, count: usize, now: u64) -> Result<Vec<Lease>, Outcome> {
        let pools = vec![key().pool; count];
        accounts.lease(&key().target, &pools, at(now), ANY)
    }

    #[test]
    fn an_account_is_lent_to_one_run_at_a_time_all_or_none() {
        let mut accounts = accounts(3);
        let first = lease(&mut accounts, 2, 0).unwrap();
        assert_ne!(first[0].account.name, first[1].account.name);
        assert_eq!(lease(&mut accounts, 2, 0).unwrap_err(), NO_ACCOUNT);
        assert_eq!(lease(&mut accounts, 1, 0).unwrap().len(), 1);
        accounts.release(&first);
        assert_eq!(lease(&mut accounts, 2, 0).unwrap().len(), 2);
    }

    #[test]
    fn an_account_that_fails_while_others_work_is_left_alone_for_a_while() {
        let mut accounts = accounts(2);
        accounts.failed(&key(), &name(0), at(1));
        accounts.worked(&key(), &name(1), at(2));
        accounts.failed(&key(), &name(0), at(3));
        assert_eq!(accounts.withdrawn(at(4)), 1);
        let only = lease(&mut accounts, 1, 4).unwrap();
        assert_eq!(only[0].account.name, name(1));
        assert_eq!(
            lease(&mut accounts, 1, 4).unwrap_err(),
            Outcome::Blind(BlindReason::DirtyAccount)
        );
        assert_eq!(
            lease(&mut accounts, 1, 700).unwrap()[0].account.name,
            name(0)
        );
    }

    #[test]
    fn an_account_that_is_not_usable_is_passed_over_and_none_is_a_matter_of_budget() {
        let mut accounts = accounts(2);
        let pools = [key().pool];
        for _ in 0..2 {
            // Also where it is preferred.
            let leases = accounts.lease(&key().target, &pools, at(0), &Of(&[1], &[0]));
            let leases = leases.unwrap();
            assert_eq!(leases[0].account.name, name(1));
            accounts.release(&leases);
        }
        let refused = accounts.lease(&key().target, &pools, at(0), &Of(&[], &[]));
        assert_eq!(refused.unwrap_err(), Outcome::Skipped(SkipReason::Budget));
    }

    #[test]
    fn the_account_that_rested_longest_is_taken_of_those_that_are_preferred_if_any_is() {
        let mut accounts = accounts(4);
        let mut taken = |preferred| {
            let choice = Of(ANY.0, preferred);
            let leases = accounts.lease(&key().target, &[key().pool], at(0), &choice);
            let leases = leases.unwrap();
            accounts.release(&leases);
            leases[0].account.name.clone()
        };
        let preferred: [&[usize]; 8] = [&[], &[], &[0, 1], &[0, 1], &[0], &[0], &[], &[]];
        let names = preferred.map(&mut taken);
        assert_eq!(names, [0, 1, 0, 1, 0, 0, 2, 3].map(name));
    }

    #[test]
    fn when_all_accounts_fail_alike_none_is_withdrawn() {
        let mut accounts = accounts(2);
        accounts.worked(&key(), &name(1), at(0));
        for second in 1..20 {
            accounts.failed(&key(), &name(0), at(second));
            accounts.failed(&key(), &name(1), at(second));
        }
        assert_eq!(accounts.withdrawn(at(20)), 0);
    }

    #[test]
    fn accounts_fail_alike_when_most_do_and_until_one_works() {
        let mut accounts = accounts(3);
        let alike = |accounts: &Accounts| accounts.fail_alike(&key().target, &[key().pool]);
        accounts.failed(&key(), &name(0), at(1));
        accounts.failed(&key(), &name(0), at(2));
        accounts.failed(&key(), &name(1), at(3));
        assert!(
            !alike(&accounts),
            "one may be at fault itself, one failure is chance"
        );
        accounts.failed(&key(), &name(1), at(4));
        assert!(alike(&accounts));
        assert_eq!(accounts.withdrawn(at(5)), 0);
        accounts.worked(&key(), &name(1), at(6));
        assert!(!alike(&accounts));
    }

    #[test]
    fn a_reload_keeps_leases_and_what_is_known() {
        let mut accounts = accounts(2);
        let leased = lease(&mut accounts, 1, 0).unwrap();
        let list = (0..3)
            .map(|n| Account {
                name: name(n),
                fields: Vec::new(),
                secrets: Vec::new(),
            })
            .collect();
        accounts.replace(vec![(key(), list)]);
        assert_eq!(lease(&mut accounts, 3, 0).unwrap_err(), NO_ACCOUNT);
        let others = lease(&mut accounts, 2, 0).unwrap();
        assert_eq!(others.len(), 2);
        accounts.release(&leased);
        accounts.release(&others);
        assert!(
            accounts
                .lease_named(&[(key(), leased[0].account.name.clone())])
                .is_ok()
        );
        let again = accounts.lease_named(&[(key(), leased[0].account.name.clone())]);
        assert_eq!(again.unwrap_err(), Unleased::InUse);
        let gone = accounts.lease_named(&[(key(), name(9))]);
        assert_eq!(gone.unwrap_err(), Unleased::Gone);
    }

    #[test]
    fn a_pool_that_leaves_and_comes_back_while_a_run_goes_lends_no_account_twice() {
        let list = |count| {
            let list = (0..count).map(|n| Account {
                name: name(n),
                fields: Vec::new(),
                secrets: Vec::new(),
            });
            list.collect::<Vec<_>>()
        };
        let mut accounts = accounts(2);
        let leased = lease(&mut accounts, 2, 0).unwrap();
        // The pool goes, then one of its accounts is missing, then all is as it was.
        accounts.replace(Vec::new());
        accounts.replace(vec![(key(), list(1))]);
        accounts.replace(vec![(key(), list(2))]);
        assert_eq!(lease(&mut accounts, 1, 0).unwrap_err(), NO_ACCOUNT);
        accounts.release(&leased);
        let again = lease(&mut accounts, 2, 0).unwrap();
        accounts.replace(Vec::new());
        accounts.release(&again);
        assert!(accounts.gone.values().all(Vec::is_empty));
        accounts.replace(vec![(key(), list(2))]);
        assert_eq!(lease(&mut accounts, 2, 0).unwrap().len(), 2);
    }

    #[test]
    fn looks_and_payments_leave_the_slots_their_accounts() {
        let pools = vec![key().pool; 2];
        let mut four = accounts(4);
        let look = four
            .lease_to_spare(&key().target, &pools, at(0), ANY)
            .unwrap();
        assert!(
            four.lease_to_spare(&key().target, &pools, at(0), ANY)
                .is_none()
        );
        assert_eq!(
            four.lease_named(&[(key(), name(2)), (key(), name(3))])
                .unwrap_err(),
            Unleased::InUse
        );
        assert_eq!(lease(&mut four, 2, 0).unwrap().len(), 2, "for the slot");
        four.release(&look);
        let mut two = accounts(2);
        assert!(
            two.lease_to_spare(&key().target, &pools, at(0), ANY)
                .is_none()
        );
        let named = [(key(), name(0)), (key(), name(1))];
        assert_eq!(two.lease_named(&named).unwrap().len(), 2);
    }

    proptest! {
        /// The account that worked last is never withdrawn, whatever else goes wrong: an outage,
        /// which fails all alike, withdraws none, and a pool is never emptied by bad luck.
        #[test]
        fn a_pool_is_never_withdrawn_as_a_whole(
            seen in prop::collection::vec((0_usize..3, any::<bool>()), 1..80),
        ) {
            let mut accounts = accounts(3);
            for (second, (account, works)) in (1..).zip(seen) {
                if works {
                    accounts.worked(&key(), &name(account), at(second));
                } else {
                    accounts.failed(&key(), &name(account), at(second));
                }
                prop_assert!(accounts.withdrawn(at(second)) < 3);
            }
            let withdrawn = accounts.withdrawn(at(100));
            for second in 100..120 {
                (0..3).for_each(|n| accounts.failed(&key(), &name(n), at(second)));
            }
            prop_assert!(accounts.withdrawn(at(120)) <= withdrawn.max(2));
        }
    }
}
