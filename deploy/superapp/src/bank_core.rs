//! The component `bank-core`: the bank's own customers, sign-in and books, in a centre of its own.
//! Knows no HTTP. Nothing of it rests on the rest of the platform.

use std::time::Duration;

use crate::account::{Accounts, TestAccount};
use crate::audit::Counts;
use crate::pay_core::{Now, PayCore};

/// The accounts that every customer has, in the order of the books.
const KINDS: [&str; 2] = ["main", "savings"];
/// What account numbers of the bank begin with.
const PREFIX: &str = "3333";

/// The bank of one platform.
#[derive(Debug)]
pub(crate) struct BankCore {
    /// Customers and their sessions, apart from those of the platform.
    pub(crate) customers: Accounts,
    /// Two accounts for every customer; reached through [`BankCore::books`].
    unsettled: PayCore,
}

impl BankCore {
    /// A bank that these accounts are customers of.
    pub(crate) fn new(customers: Vec<TestAccount>, session_lifetime: Duration) -> Self {
        let owners = customers.iter().map(|one| one.user_id.clone());
        let accounts = owners.flat_map(|owner| KINDS.map(|kind| format!("{owner}/{kind}")));
        Self {
            unsettled: PayCore::new(PREFIX, accounts),
            customers: Accounts::new(customers, session_lifetime),
        }
    }

    /// The books, after what is due has settled. Money between accounts of the bank leaves its
    /// centre never, so that nothing can hold it up.
    pub(crate) fn books(&self, now: Now, counts: &Counts) -> &PayCore {
        self.unsettled.settle_due(now, |_, _| false, counts);
        &self.unsettled
    }

    /// The accounts of a customer: kind and place in the books.
    pub(crate) fn accounts_of(customer: usize) -> impl Iterator<Item = (&'static str, usize)> {
        KINDS
            .into_iter()
            .enumerate()
            .map(move |(n, kind)| (kind, customer * KINDS.len() + n))
    }

    /// The place in the books of a customer's account of this kind.
    pub(crate) fn account(customer: usize, kind: &str) -> Option<usize> {
        let mut own = Self::accounts_of(customer);
        own.find(|(one, _)| *one == kind).map(|(_, place)| place)
    }
}
