//! The accounts of this process: each is in one run at a time. Pure.

use bongsu_language::Journey;
use bongsu_model::PoolName;
use bongsu_probes::Account;

/// Accounts that no run holds.
#[derive(Debug)]
pub(super) struct Leases {
    /// The free ones of each pool; the next to be lent is the last, which is the one that came
    /// back last, so that few runs at a time use few accounts.
    free: Vec<(PoolName, Vec<Account>)>,
}

impl Leases {
    pub(super) fn new(pools: &[(PoolName, Vec<Account>)]) -> Self {
        let reversed = |accounts: &Vec<Account>| accounts.iter().rev().cloned().collect();
        let pools = pools.iter();
        Self {
            free: pools
                .map(|(name, accounts)| (name.clone(), reversed(accounts)))
                .collect(),
        }
    }

    /// One account for each actor, no account twice; all of them or none.
    pub(super) fn take(&mut self, journey: &Journey) -> Option<Vec<Account>> {
        let mut taken = Vec::with_capacity(journey.actors.len());
        for actor in &journey.actors {
            let free = self.free.iter_mut().find(|(name, _)| *name == actor.pool);
            match free.and_then(|(_, accounts)| accounts.pop()) {
                Some(account) => taken.push(account),
                None => {
                    self.give_back(journey, taken);
                    return None;
                }
            }
        }
        Some(taken)
    }

    /// Takes back what [`take`](Self::take) lent to this journey.
    pub(super) fn give_back(&mut self, journey: &Journey, accounts: Vec<Account>) {
        let lent = journey.actors.iter().zip(accounts);
        // In reverse: who comes next gets the same in the same order.
        for (actor, account) in lent.collect::<Vec<_>>().into_iter().rev() {
            let free = self.free.iter_mut().find(|(name, _)| *name == actor.pool);
            if let Some((_, accounts)) = free {
                accounts.push(account);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use bongsu_language::{SourceFile, load_journeys};
    use bongsu_model::AccountName;

    use super::*;

    fn account(name: &str) -> Account {
        Account {
            name: AccountName::new(name).unwrap(),
            fields: Vec::new(),
            secrets: Vec::new(),
        }
    }

    fn two_actors() -> Journey {
        let text = "format = 1\njourney = \"j\"\nfeature = \"f\"\ntimeout = \"5s\"\n\
                    actor.alice.account = \"pool:users\"\nactor.bob.account = \"pool:users\"\n\
                    [[step]]\nname = \"s\"\nas = \"alice\"\nget = \"https://a.test/\"\n";
        let mut journeys = load_journeys(&[SourceFile::new("j.toml", text)]).unwrap();
        journeys.remove(0)
    }

    fn names(accounts: &[Account]) -> Vec<&str> {
        accounts.iter().map(|one| one.name.as_str()).collect()
    }

    #[test]
    fn no_account_is_lent_twice_and_what_came_back_is_lent_again() {
        let users = ["a", "b", "c", "d", "e"].map(account).to_vec();
        let mut leases = Leases::new(&[(PoolName::new("users").unwrap(), users)]);
        let journey = two_actors();
        let first = leases.take(&journey).unwrap();
        let second = leases.take(&journey).unwrap();
        assert_eq!(names(&first), ["a", "b"]);
        assert_eq!(names(&second), ["c", "d"]);
        // One is left, two are needed: it is not kept.
        assert!(leases.take(&journey).is_none());
        leases.give_back(&journey, first);
        assert_eq!(names(&leases.take(&journey).unwrap()), ["a", "b"]);
    }

    #[test]
    fn a_pool_that_is_not_there_lends_nothing() {
        assert!(Leases::new(&[]).take(&two_actors()).is_none());
    }
}
