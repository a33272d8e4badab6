//! By what a payer agrees without being asked: one-time bar codes and stored cards.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use bongsu_model::Monotonic;

use super::{PaymentKind, PaymentRefused};
use crate::account::token;

/// How long a one-time bar code holds, and how many of one user are kept.
pub(crate) const BARCODE_LASTS: Duration = Duration::from_secs(180);
const BARCODES_PER_USER_MAX: usize = 16;
/// Most cards stored of one user.
pub(super) const CARDS_PER_USER_MAX: usize = 8;

/// A bar code that pays once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Barcode {
    pub(crate) code: String,
    kind: PaymentKind,
    until: Monotonic,
}

/// The bar codes and cards of every user, by place among the wallets.
#[derive(Debug, Default)]
pub(super) struct Means {
    barcodes: HashMap<usize, VecDeque<Barcode>>,
    /// Keys, with what their owner calls them.
    cards: HashMap<usize, Vec<(String, String)>>,
}

impl Means {
    /// A bar code that pays once, for a while.
    pub(super) fn barcode(&mut self, owner: usize, kind: PaymentKind, now: Monotonic) -> Barcode {
        let barcode = Barcode {
            code: digits(),
            kind,
            until: now + BARCODE_LASTS,
        };
        let codes = self.barcodes.entry(owner).or_default();
        codes.retain(|one| now < one.until);
        if codes.len() >= BARCODES_PER_USER_MAX {
            codes.pop_front();
        }
        codes.push_back(barcode.clone());
        barcode
    }

    /// Uses up a bar code; gives who showed it.
    pub(super) fn redeem(
        &mut self,
        code: &str,
        kind: PaymentKind,
        now: Monotonic,
    ) -> Option<usize> {
        self.barcodes.iter_mut().find_map(|(owner, codes)| {
            let is_it = |one: &Barcode| one.code == code && one.kind == kind && now < one.until;
            let at = codes.iter().position(is_it)?;
            codes.remove(at).map(|_| *owner)
        })
    }

    /// Stores a card under a reference, once; gives the key that charges it.
    pub(super) fn store_card(
        &mut self,
        owner: usize,
        reference: &str,
    ) -> Result<String, PaymentRefused> {
        let cards = self.cards.entry(owner).or_default();
        if let Some((key, _)) = cards.iter().find(|(_, one)| one == reference) {
            return Ok(key.clone());
        }
        if cards.len() >= CARDS_PER_USER_MAX {
            return Err(PaymentRefused::TooManyCards);
        }
        let key = format!("card-{}", token());
        cards.push((key.clone(), reference.to_owned()));
        Ok(key)
    }

    /// Forgets the cards that were stored under a reference.
    pub(super) fn forget_card(&mut self, owner: usize, reference: &str) {
        if let Some(cards) = self.cards.get_mut(&owner) {
            cards.retain(|(_, one)| one != reference);
        }
    }

    /// Who stored the card of this key.
    pub(super) fn card_owner(&self, key: &str) -> Option<usize> {
        let mut cards = self.cards.iter();
        let found = cards.find(|(_, cards)| cards.iter().any(|(one, _)| one == key));
        found.map(|(owner, _)| *owner)
    }

    /// The cards that are stored: what their owners call them.
    pub(super) fn cards_stored(&self) -> Vec<String> {
        let cards = self.cards.values().flatten();
        cards.map(|(_, reference)| reference.clone()).collect()
    }
}

/// 24 digits that nobody guesses.
fn digits() -> String {
    let mut bytes = [0_u8; 24];
    getrandom::fill(&mut bytes).expect("the system's random source works once it is up");
    let digit = |byte: &u8| char::from(b'0' + byte % 10);
    bytes.iter().map(digit).collect()
}
