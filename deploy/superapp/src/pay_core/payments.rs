//! Payments to merchants: what is asked for, by which means it is paid, and how far it is. The money
//! moves in the books; a payment only points at its transfer.

mod means;

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bongsu_model::{Monotonic, RegionId};

use super::{Channel, Now, Order, PayCore, Payee, Refused, Sent, TransferState, Wish};
use crate::account::token;
use crate::audit::Counts;
use crate::component::{Component, FaultPoint, PlatformFeature};
pub(crate) use means::BARCODE_LASTS;
use means::{Barcode, Means};

/// Most payments kept of one merchant. What moves no money any more is forgotten for a new one; where
/// there is nothing such, no more are taken.
const PAYMENTS_PER_MERCHANT_MAX: usize = 256;

/// By what means something is paid: each is a feature of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum PaymentKind {
    /// In a web shop: approved by the user, confirmed by the merchant.
    Online,
    /// At a till, by bar code.
    Offline,
    /// At a till abroad, by bar code, in another currency.
    Overseas,
    /// A stored card, at the end of a ride.
    KakaoT,
    /// Parking, in the app.
    Parking,
    /// Parking, at the gate.
    Kiosk,
    /// A ride on a bike.
    Bike,
}

impl PaymentKind {
    /// What a payment passes through until it is settled.
    pub(crate) const fn settles(self) -> &'static [FaultPoint] {
        const PAY: FaultPoint = FaultPoint::Component(Component::PayCore);
        const BANKS: FaultPoint = FaultPoint::Component(Component::BankNetwork);
        use FaultPoint::Feature as F;
        use PlatformFeature as P;
        match self {
            Self::Online => &[PAY, BANKS, F(P::PayPaymentOnline)],
            Self::Offline => &[PAY, BANKS, F(P::PayPaymentOffline)],
            Self::Overseas => &[PAY, BANKS, F(P::PayPaymentOverseas)],
            Self::KakaoT => &[PAY, BANKS, F(P::PayPaymentKakaoT)],
            Self::Parking => &[PAY, F(P::MobilityTParking)],
            Self::Kiosk => &[PAY, F(P::MobilityParkingKiosk)],
            Self::Bike => &[PAY, F(P::MobilityTBike)],
        }
    }
}

/// What a payment costs where won are not spent.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Foreign {
    /// The currency's code (ISO 4217).
    pub(crate) currency: &'static str,
    /// Whole units.
    pub(crate) amount: u64,
    /// Won for one unit.
    pub(crate) rate: f64,
}

/// What a merchant asks for.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) kind: PaymentKind,
    /// The merchant's place among the wallets.
    pub(crate) merchant: usize,
    pub(crate) won: i64,
    pub(crate) foreign: Option<Foreign>,
    /// What the merchant calls it: unique among its payments of this kind.
    pub(crate) reference: String,
    pub(crate) region: RegionId,
}

/// How far a payment is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PaymentState {
    /// Asked for, and approved by nobody yet.
    Ready,
    /// The money is held for the merchant.
    Approved,
    /// Confirmed, and not settled yet.
    Confirming,
    Paid,
    /// The money is on its way back.
    Refunding,
    Refunded,
    Cancelled,
    Failed,
}

impl PaymentState {
    /// Its word in answers.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Ready => "ready",
            Self::Approved => "approved",
            Self::Confirming => "confirming",
            Self::Paid => "paid",
            Self::Refunding => "refunding",
            Self::Refunded => "refunded",
            Self::Cancelled => "cancelled",
            Self::Failed => "failed",
        }
    }

    /// Whether no money is held or owed for it.
    const fn is_idle(self) -> bool {
        matches!(
            self,
            Self::Ready | Self::Refunded | Self::Cancelled | Self::Failed
        )
    }
}

/// A payment as merchant and payer see it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Payment {
    pub(crate) id: String,
    pub(crate) state: PaymentState,
    pub(crate) won: u64,
    pub(crate) foreign: Option<Foreign>,
    pub(crate) reference: String,
}

/// Why a payment is not made, or not changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PaymentRefused {
    NoSuchPayment,
    /// The reference is another payment's.
    Conflict,
    /// Nobody has this bar code, or it was used, or it is too old.
    BadBarcode,
    NoSuchCard,
    TooManyCards,
    /// It is not to be approved or confirmed now, or not by this approval.
    NotNow,
    /// The books say no.
    Money(Refused),
}

/// A payment that was made now, or before under the same reference.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Paid {
    New(Payment),
    Before(Payment),
}

#[derive(Debug)]
struct Kept {
    kind: PaymentKind,
    merchant: usize,
    payer: Option<usize>,
    won: u64,
    foreign: Option<Foreign>,
    reference: String,
    region: RegionId,
    /// What the payer's approval gave to the merchant.
    approval: Option<String>,
    transfer: Option<String>,
    is_cancelled: bool,
    is_refunded: bool,
    refunds_tried: u32,
}

#[derive(Debug, Default)]
struct State {
    last_id: u64,
    kept: BTreeMap<u64, Kept>,
    means: Means,
}

/// The payments of one platform.
#[derive(Debug, Default)]
pub(crate) struct Payments(Mutex<State>);

impl Payments {
    /// Asks for money; once per merchant, kind and reference.
    pub(crate) fn ask(&self, asked: Asked, core: &PayCore) -> Result<Paid, PaymentRefused> {
        self.state().ask(asked, core).map(|(paid, _)| paid)
    }

    /// The payer agrees; gives the approval that the merchant confirms with.
    pub(crate) fn approve(
        &self,
        id: &str,
        payer: usize,
        books: (&PayCore, Now, &Counts),
    ) -> Result<(Payment, String), PaymentRefused> {
        let mut state = self.state();
        let id = state.number(id)?;
        state.approve(id, payer, books)?;
        let kept = state.kept.get(&id).ok_or(PaymentRefused::NoSuchPayment)?;
        let approval = kept.approval.clone().ok_or(PaymentRefused::NotNow)?;
        Ok((state.view(id, books.0)?, approval))
    }

    /// The merchant takes the money. Asking again changes nothing.
    pub(crate) fn confirm(
        &self,
        (id, merchant): (&str, usize),
        approval: &str,
        (core, now): (&PayCore, Now),
    ) -> Result<Payment, PaymentRefused> {
        let state = self.state();
        let id = state.own(id, merchant)?;
        let kept = state.kept.get(&id).ok_or(PaymentRefused::NoSuchPayment)?;
        if kept.approval.as_deref() != Some(approval) {
            return Err(PaymentRefused::NotNow);
        }
        take(kept, core, now)?;
        state.view(id, core)
    }

    /// Asks, approves and takes at once: where the payer's agreement is a bar code, a card, or
    /// the payer's own request.
    pub(crate) fn charge(
        &self,
        asked: Asked,
        payer: usize,
        books: (&PayCore, Now, &Counts),
    ) -> Result<Paid, PaymentRefused> {
        self.state().charge(asked, payer, books)
    }

    /// Charges who showed a bar code, which is used up by it.
    pub(crate) fn charge_barcode(
        &self,
        asked: Asked,
        code: &str,
        books: (&PayCore, Now, &Counts),
    ) -> Result<Paid, PaymentRefused> {
        let mut state = self.state();
        // A repeated request finds its payment, though the bar code is used.
        if let Some(before) = state.before(&asked, books.0)? {
            return Ok(Paid::Before(before));
        }
        let payer = state.means.redeem(code, asked.kind, books.1.1);
        let payer = payer.ok_or(PaymentRefused::BadBarcode)?;
        state.charge(asked, payer, books)
    }

    /// Charges the owner of a stored card.
    pub(crate) fn charge_card(
        &self,
        asked: Asked,
        key: &str,
        books: (&PayCore, Now, &Counts),
    ) -> Result<Paid, PaymentRefused> {
        let mut state = self.state();
        let payer = state.means.card_owner(key);
        let payer = payer.ok_or(PaymentRefused::NoSuchCard)?;
        state.charge(asked, payer, books)
    }

    /// Gives the money back, or lets go what was not taken yet. Asking again changes nothing.
    pub(crate) fn refund(
        &self,
        (id, merchant): (&str, usize),
        (core, now, counts): (&PayCore, Now, &Counts),
    ) -> Result<Payment, PaymentRefused> {
        let mut state = self.state();
        let id = state.own(id, merchant)?;
        let kept = state
            .kept
            .get_mut(&id)
            .ok_or(PaymentRefused::NoSuchPayment)?;
        match (kept.transfer.clone(), kept.payer) {
            (Some(transfer), Some(payer)) => match core.look(&transfer).map(|one| one.state) {
                Some(TransferState::Waiting) => {
                    let cancelled = core.cancel(payer, &transfer);
                    cancelled.map_err(PaymentRefused::Money)?;
                }
                // The books remember what they refuse: what would be refused is not asked for.
                Some(TransferState::Accepted) => {
                    return Err(PaymentRefused::Money(Refused::NotReversible));
                }
                Some(TransferState::Settled) if !kept.is_refunded => {
                    kept.refunds_tried += 1;
                    let order = Order {
                        from: merchant,
                        wish: Wish::GiveBack { transfer },
                        channel: Channel::Payment(kept.kind),
                        reference: Some(kept.reference.clone()),
                        idempotency_key: format!("refund-{id}-{}", kept.refunds_tried),
                        region: kept.region.clone(),
                    };
                    match core.send(order, now, counts) {
                        Sent::New(_) | Sent::Before(_) => kept.is_refunded = true,
                        Sent::Refused(refused) => return Err(PaymentRefused::Money(refused)),
                        Sent::Conflict => return Err(PaymentRefused::Conflict),
                    }
                }
                Some(_) | None => {}
            },
            _ => kept.is_cancelled = true,
        }
        state.view(id, core)
    }

    /// A payment of `merchant`.
    pub(crate) fn get(
        &self,
        (id, merchant): (&str, usize),
        core: &PayCore,
    ) -> Result<Payment, PaymentRefused> {
        let state = self.state();
        let id = state.own(id, merchant)?;
        state.view(id, core)
    }

    /// The payments of `merchant` of one kind and reference, newest last.
    pub(crate) fn find(
        &self,
        (kind, merchant): (PaymentKind, usize),
        reference: Option<&str>,
        core: &PayCore,
    ) -> Vec<Payment> {
        let state = self.state();
        let own = state.kept.iter().filter(|(_, kept)| {
            kept.merchant == merchant
                && kept.kind == kind
                && reference.is_none_or(|reference| kept.reference == reference)
        });
        own.filter_map(|(id, _)| state.view(*id, core).ok())
            .collect()
    }

    /// A bar code that pays once, for a while.
    pub(crate) fn barcode(&self, owner: usize, kind: PaymentKind, now: Monotonic) -> Barcode {
        self.state().means.barcode(owner, kind, now)
    }

    /// Stores a card under a reference, once; gives the key that charges it.
    pub(crate) fn store_card(
        &self,
        owner: usize,
        reference: &str,
    ) -> Result<String, PaymentRefused> {
        self.state().means.store_card(owner, reference)
    }

    /// Forgets the cards that were stored under a reference.
    pub(crate) fn forget_card(&self, owner: usize, reference: &str) {
        self.state().means.forget_card(owner, reference);
    }

    /// The cards that are stored: what their owners call them.
    pub(crate) fn cards_stored(&self) -> Vec<String> {
        self.state().means.cards_stored()
    }

    /// What does not fit between payments and books, in words.
    pub(crate) fn problems(&self, core: &PayCore) -> Vec<String> {
        let state = self.state();
        let mut problems = Vec::new();
        for (id, kept) in &state.kept {
            let Some(transfer) = &kept.transfer else {
                continue;
            };
            // A transfer that the books have forgotten is over.
            let Some(moved) = core.look(transfer) else {
                continue;
            };
            if moved.amount != kept.won || moved.reverses.is_some() {
                problems.push(format!(
                    "{} is over {} won and {transfer} moved {}",
                    named(*id),
                    kept.won,
                    moved.amount
                ));
            }
            let is_back = matches!(moved.state, TransferState::Reversed);
            if is_back && !kept.is_refunded {
                problems.push(format!("{} was given back and never refunded", named(*id)));
            }
        }
        problems
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// The payment that was made before under the reference of `asked`.
    fn before(&self, asked: &Asked, core: &PayCore) -> Result<Option<Payment>, PaymentRefused> {
        let mut own = self.kept.iter().rev();
        let found = own.find(|(_, kept)| {
            kept.merchant == asked.merchant
                && kept.kind == asked.kind
                && kept.reference == asked.reference
        });
        let Some((id, kept)) = found else {
            return Ok(None);
        };
        if u64::try_from(asked.won) != Ok(kept.won) {
            return Err(PaymentRefused::Conflict);
        }
        self.view(*id, core).map(Some)
    }

    fn ask(&mut self, asked: Asked, core: &PayCore) -> Result<(Paid, u64), PaymentRefused> {
        if let Some(before) = self.before(&asked, core)? {
            let id = self.number(&before.id)?;
            return Ok((Paid::Before(before), id));
        }
        let won = super::books::checked_amount(asked.won).map_err(PaymentRefused::Money)?;
        self.make_room(asked.merchant, core)?;
        self.last_id += 1;
        let id = self.last_id;
        let kept = Kept {
            kind: asked.kind,
            merchant: asked.merchant,
            payer: None,
            won,
            foreign: asked.foreign,
            reference: asked.reference,
            region: asked.region,
            approval: None,
            transfer: None,
            is_cancelled: false,
            is_refunded: false,
            refunds_tried: 0,
        };
        self.kept.insert(id, kept);
        Ok((Paid::New(self.view(id, core)?), id))
    }

    fn charge(
        &mut self,
        asked: Asked,
        payer: usize,
        books: (&PayCore, Now, &Counts),
    ) -> Result<Paid, PaymentRefused> {
        let (core, now, _) = books;
        let (paid, id) = self.ask(asked, core)?;
        if matches!(paid, Paid::Before(_)) {
            return Ok(paid);
        }
        let taken = self
            .approve(id, payer, books)
            .and_then(|()| self.kept.get(&id).ok_or(PaymentRefused::NoSuchPayment))
            .and_then(|kept| take(kept, core, now));
        if let Err(refused) = taken {
            self.kept.remove(&id);
            return Err(refused);
        }
        self.view(id, core).map(Paid::New)
    }

    fn approve(
        &mut self,
        id: u64,
        payer: usize,
        (core, now, counts): (&PayCore, Now, &Counts),
    ) -> Result<(), PaymentRefused> {
        let state = self.view(id, core)?.state;
        let kept = self
            .kept
            .get_mut(&id)
            .ok_or(PaymentRefused::NoSuchPayment)?;
        if kept.payer == Some(payer) && state == PaymentState::Approved {
            return Ok(());
        }
        if state != PaymentState::Ready {
            return Err(PaymentRefused::NotNow);
        }
        let order = Order {
            from: payer,
            wish: Wish::Pay {
                to: Payee::Place(kept.merchant),
                amount: i64::try_from(kept.won).unwrap_or(i64::MAX),
            },
            channel: Channel::Payment(kept.kind),
            reference: Some(kept.reference.clone()),
            idempotency_key: format!("payment-{id}"),
            region: kept.region.clone(),
        };
        match core.send(order, now, counts) {
            Sent::New(transfer) | Sent::Before(transfer) => {
                kept.transfer = Some(transfer.id);
                kept.payer = Some(payer);
                kept.approval = Some(format!("a-{}", token()));
                Ok(())
            }
            Sent::Refused(refused) => Err(PaymentRefused::Money(refused)),
            Sent::Conflict => Err(PaymentRefused::Conflict),
        }
    }

    /// Forgets the oldest payment of a merchant that has too many, if one moves no money any more.
    fn make_room(&mut self, merchant: usize, core: &PayCore) -> Result<(), PaymentRefused> {
        let own = self
            .kept
            .iter()
            .filter(|(_, kept)| kept.merchant == merchant);
        let own: Vec<u64> = own.map(|(id, _)| *id).collect();
        if own.len() < PAYMENTS_PER_MERCHANT_MAX {
            return Ok(());
        }
        let is_idle = |id: &u64| self.view(*id, core).is_ok_and(|one| one.state.is_idle());
        let idle = own.into_iter().find(is_idle);
        let idle = idle.ok_or(PaymentRefused::Money(Refused::TooManyOpen))?;
        self.kept.remove(&idle);
        Ok(())
    }

    fn number(&self, id: &str) -> Result<u64, PaymentRefused> {
        let number = id.strip_prefix("p-").and_then(|id| id.parse().ok());
        number
            .filter(|id| self.kept.contains_key(id))
            .ok_or(PaymentRefused::NoSuchPayment)
    }

    fn own(&self, id: &str, merchant: usize) -> Result<u64, PaymentRefused> {
        let id = self.number(id)?;
        let is_own = self.kept[&id].merchant == merchant;
        is_own.then_some(id).ok_or(PaymentRefused::NoSuchPayment)
    }

    fn view(&self, id: u64, core: &PayCore) -> Result<Payment, PaymentRefused> {
        let kept = self.kept.get(&id).ok_or(PaymentRefused::NoSuchPayment)?;
        let transfer = kept.transfer.as_ref().map(|id| core.look(id));
        let state = match transfer {
            None if kept.is_cancelled => PaymentState::Cancelled,
            None => PaymentState::Ready,
            // The books forget what is over first.
            Some(None) => PaymentState::Refunded,
            Some(Some(transfer)) => match transfer.state {
                TransferState::Waiting => PaymentState::Approved,
                TransferState::Accepted => PaymentState::Confirming,
                TransferState::Settled if kept.is_refunded => PaymentState::Refunding,
                TransferState::Settled => PaymentState::Paid,
                TransferState::Reversed => PaymentState::Refunded,
                TransferState::Cancelled | TransferState::Expired => PaymentState::Cancelled,
                TransferState::Rejected => PaymentState::Failed,
            },
        };
        Ok(Payment {
            id: named(id),
            state,
            won: kept.won,
            foreign: kept.foreign,
            reference: kept.reference.clone(),
        })
    }
}

/// Takes the money that is held for a merchant; what was taken already stays as it is.
fn take(kept: &Kept, core: &PayCore, (_, now): Now) -> Result<(), PaymentRefused> {
    let transfer = kept.transfer.as_deref().ok_or(PaymentRefused::NotNow)?;
    let taken = core.receive(kept.merchant, transfer, now);
    taken.map(drop).map_err(|_| PaymentRefused::NotNow)
}

fn named(id: u64) -> String {
    format!("p-{id}")
}

#[cfg(test)]
mod tests;
