//! Books of whole won: accounts and transfers between them. Knows no HTTP. The component `pay-core`
//! keeps its wallets in them, the bank its accounts in books of its own.
//!
//! Every movement is two entries that cancel each other out, so that no won is made or lost; the
//! proof of it is in `proof`. Nothing runs by itself: whoever asks settles first what is due.

mod books;
mod payments;
mod proof;
mod statement;
#[cfg(test)]
mod tests;

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bongsu_model::{Monotonic, RegionId, Timestamp};

use crate::audit::{Count, Counts};
use books::{Books, Request};
pub(crate) use payments::{
    Asked, BARCODE_LASTS, Foreign, Paid, Payment, PaymentKind, PaymentRefused, PaymentState,
    Payments,
};
pub use proof::{MoneyAudit, OpenTransfer};
pub(crate) use statement::Line;

/// What every wallet begins with, in won.
pub(crate) const OPENING_WON: u64 = 1_000_000;
/// Most won of one transfer.
pub(crate) const TRANSFER_MAX_WON: u64 = 500_000;
/// Most won that one wallet may send in a day of the platform's zone.
pub(crate) const DAY_MAX_WON: u64 = 5_000_000;
/// Most won that a wallet may hold: a transfer beyond it is rejected when it would settle.
pub(crate) const WALLET_MAX_WON: u64 = 2_000_000;

/// How long a transfer takes to settle: well below a second, so that a poll of 250 ms sees both
/// states and a journey of 6 s has time left.
const SETTLES_AFTER: Duration = Duration::from_millis(300);
/// How long a transfer in a chat waits to be received before its money goes back, by the clock on
/// the wall.
const WAITS_FOR: Duration = Duration::from_secs(24 * 3600);
/// How long an approved payment waits to be confirmed by the merchant, likewise.
const CONFIRMED_WITHIN: Duration = Duration::from_secs(30 * 60);

/// The time of an act: on the wall and since the start.
pub(crate) type Now = (Timestamp, Monotonic);

/// Which way a transfer was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Channel {
    /// To an account number.
    Account,
    /// In a chat: the receiver has to receive it.
    Chat,
    /// To a merchant, who has to confirm it.
    Payment(PaymentKind),
    /// Into one's own pocket, where it is kept apart.
    IntoPocket,
    /// Out of one's own pocket.
    OutOfPocket,
}

impl Channel {
    /// How long its money waits for the receiver's word; None if it needs none.
    const fn waits(self) -> Option<Duration> {
        match self {
            Self::Chat => Some(WAITS_FOR),
            Self::Payment(_) => Some(CONFIRMED_WITHIN),
            Self::Account | Self::IntoPocket | Self::OutOfPocket => None,
        }
    }

    /// Whether money stays with its owner.
    const fn is_pocket(self) -> bool {
        matches!(self, Self::IntoPocket | Self::OutOfPocket)
    }
}

/// Whom a transfer goes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Payee {
    Number(String),
    User(String),
    /// The place among the wallets.
    Place(usize),
}

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Wish {
    /// Money for somebody.
    Pay { to: Payee, amount: i64 },
    /// The money of this transfer back to who sent it.
    GiveBack { transfer: String },
    /// Money into one's own pocket, or out of it, as the channel says.
    Pocket { amount: i64 },
}

/// A transfer that someone wants to make.
#[derive(Debug, Clone)]
pub(crate) struct Order {
    /// The sender's place among the accounts.
    pub(crate) from: usize,
    pub(crate) wish: Wish,
    pub(crate) channel: Channel,
    /// What the sender calls it, to find it again.
    pub(crate) reference: Option<String>,
    pub(crate) idempotency_key: String,
    /// From where it is asked.
    pub(crate) region: RegionId,
}

/// How far a transfer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TransferState {
    /// Sent in a chat and not received yet; the money is held.
    Waiting,
    /// Accepted and not settled yet; the money is held.
    Accepted,
    /// The receiver has the money.
    Settled,
    /// The receiver gave the money back.
    Reversed,
    /// It could not settle; the sender has the money again.
    Rejected,
    /// The sender took it back before it was received.
    Cancelled,
    /// Nobody received it in time; the sender has the money again.
    Expired,
}

impl TransferState {
    /// Its word in answers.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Accepted => "accepted",
            Self::Settled => "settled",
            Self::Reversed => "reversed",
            Self::Rejected => "rejected",
            Self::Cancelled => "cancelled",
            Self::Expired => "expired",
        }
    }
}

/// Why a transfer is not made, or not changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refused {
    /// Not a positive number of won.
    BadAmount,
    AmountTooLarge,
    InsufficientFunds,
    OverDailyLimit,
    NoSuchPayee,
    OwnAccount,
    NoSuchTransfer,
    /// What shall be given back was not received, or is given back already.
    NotReversible,
    /// It is too late, or not this person's to do.
    NotCancellable,
    NotReceivable,
    /// Too many transfers of the sender are unfinished.
    TooManyOpen,
    /// There is less in the pocket than that.
    PocketEmpty,
}

/// What became of an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Sent {
    New(Transfer),
    /// It was made before under the same key.
    Before(Transfer),
    /// Refused, now or before under the same key.
    Refused(Refused),
    /// The key was used for something else.
    Conflict,
}

/// A transfer as both sides see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Transfer {
    pub(crate) id: String,
    /// User ids.
    pub(crate) from: String,
    pub(crate) to: String,
    pub(crate) amount: u64,
    pub(crate) state: TransferState,
    pub(crate) channel: Channel,
    pub(crate) reference: Option<String>,
    /// The transfer whose money this one gives back.
    pub(crate) reverses: Option<String>,
    pub(crate) made_at: Timestamp,
}

/// A wallet as its owner sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct WalletView {
    /// Kept apart by its owner.
    pub(crate) pocket: u64,
    pub(crate) number: String,
    pub(crate) available: u64,
    /// Sent and not settled.
    pub(crate) held: u64,
    /// On its way here and not settled; what waits in a chat is not.
    pub(crate) incoming: u64,
}

/// The wallets of one platform: one per account, in the accounts' order.
#[derive(Debug)]
pub(crate) struct PayCore {
    books: Mutex<Books>,
}

impl PayCore {
    /// A wallet for each of these users, in their order; account numbers begin with `prefix`.
    pub(crate) fn new(prefix: &'static str, user_ids: impl Iterator<Item = String>) -> Self {
        Self {
            books: Mutex::new(Books::open(prefix, user_ids)),
        }
    }

    /// Settles, rejects or returns what is due, but for what is `stuck`.
    pub(crate) fn settle_due(
        &self,
        now: Now,
        stuck: impl Fn(Channel, &RegionId) -> bool,
        counts: &Counts,
    ) {
        self.books().settle_due(now, stuck, counts);
    }

    /// Makes a transfer, once per sender and key. What is refused is remembered as well, so that
    /// the same request gets the same answer.
    pub(crate) fn send(&self, order: Order, (wall, now): Now, counts: &Counts) -> Sent {
        let mut books = self.books();
        let request = Request::of(&order);
        if let Some(record) = books.record(order.from, &order.idempotency_key) {
            if record.request != request {
                counts.add(Count::IdempotencyConflicts);
                return Sent::Conflict;
            }
            return match record.outcome {
                Ok(id) => match books.view(id) {
                    Some(transfer) => Sent::Before(transfer),
                    None => Sent::Refused(Refused::NoSuchTransfer),
                },
                Err(refused) => Sent::Refused(refused),
            };
        }
        let from = order.from;
        if !books.make_room(from, now, counts) {
            counts.add(Count::TransfersRefused);
            // Nothing is remembered: there is no room for it.
            return Sent::Refused(Refused::TooManyOpen);
        }
        let key = order.idempotency_key.clone();
        let outcome = books.execute(order, (wall, now));
        books.remember(from, key, request, (outcome, now));
        let id = match outcome {
            Ok(id) => id,
            Err(refused) => {
                counts.add(Count::TransfersRefused);
                return Sent::Refused(refused);
            }
        };
        counts.add(Count::TransfersAccepted);
        match books.view(id) {
            Some(transfer) => Sent::New(transfer),
            None => Sent::Refused(Refused::NoSuchTransfer),
        }
    }

    /// The receiver receives what waits in a chat. Asking again changes nothing.
    pub(crate) fn receive(
        &self,
        who: usize,
        id: &str,
        now: Monotonic,
    ) -> Result<Transfer, Refused> {
        self.books().receive(who, id, now)
    }

    /// The sender takes back what waits in a chat. Asking again changes nothing.
    pub(crate) fn cancel(&self, who: usize, id: &str) -> Result<Transfer, Refused> {
        self.books().cancel(who, id)
    }

    /// A transfer that `who` sent or is to receive.
    pub(crate) fn get(&self, who: usize, id: &str) -> Option<Transfer> {
        let books = self.books();
        let id = books.own(who, id)?;
        books.view(id)
    }

    /// The transfers that `who` sent, newest last, of one reference and state or all.
    pub(crate) fn sent(
        &self,
        who: usize,
        reference: Option<&str>,
        state: Option<&str>,
    ) -> Vec<Transfer> {
        let sent = self.books().sent(who);
        sent.into_iter()
            .filter(|t| reference.is_none() || t.reference.as_deref() == reference)
            .filter(|t| state.is_none_or(|state| t.state.as_str() == state))
            .collect()
    }

    pub(crate) fn wallet(&self, who: usize) -> Option<WalletView> {
        self.books().wallet(who)
    }

    /// The latest entries of a wallet, newest first.
    pub(crate) fn statement(&self, who: usize, most: usize) -> Vec<Line> {
        self.books().statement(who, most)
    }

    /// Whether `who` is the receiver of a transfer.
    pub(crate) fn received(&self, who: usize, id: &str) -> bool {
        self.books().received(who, id)
    }

    /// A transfer, whoever asks.
    fn look(&self, id: &str) -> Option<Transfer> {
        self.books().look(id)
    }

    /// Who has the account of this number.
    pub(crate) fn owner(&self, number: &str) -> Option<String> {
        let books = self.books();
        let index = books.by_number(number)?;
        books.user_id(index)
    }

    /// The proof that no won was made or lost.
    pub(crate) fn proof(&self) -> MoneyAudit {
        self.books().proof()
    }

    /// The transfers that are not finished, or whose money was not given back, oldest first.
    pub(crate) fn open(&self, now: Monotonic) -> Vec<OpenTransfer> {
        self.books().open_transfers(now)
    }

    fn books(&self) -> MutexGuard<'_, Books> {
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
