//! The books: wallets, what was asked for under which key, transfers and their entries.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::time::Duration;

use bongsu_model::{Monotonic, RegionId, Timestamp};

use super::statement::{self, Line};
use super::{
    Channel, DAY_MAX_WON, Now, OPENING_WON, Order, Payee, Refused, SETTLES_AFTER, TRANSFER_MAX_WON,
    Transfer, TransferState, WALLET_MAX_WON, WalletView, Wish,
};
use crate::audit::{Count, Counts};

/// Most requests remembered per wallet, each with its key and the transfer made of it: an hour of
/// a run every ten seconds that sends one and gives one back, over two wallets, leaves 360.
pub(super) const RECORDS_PER_WALLET_MAX: usize = 512;
/// How long a finished one is remembered: longer than an agent waits between two tries to clean up.
const REMEMBERED_FOR: Duration = Duration::from_secs(24 * 3600);
/// The platform counts days in Korea's time.
const ZONE_AHEAD_S: u64 = 9 * 3600;

pub(super) type TransferId = u64;

/// A side of a wallet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Side {
    Available,
    Held,
    Pocket,
}

/// What there is on each side of a wallet, in won.
pub(super) type Sides<T> = [T; 3];

/// One half of a movement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) wallet: usize,
    pub(super) side: Side,
    /// Won that come (positive) or go (negative).
    pub(super) won: i64,
}

/// What was asked for, to tell the same request from another one under its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Request {
    wish: Wish,
    channel: Channel,
    reference: Option<String>,
}

impl Request {
    pub(super) fn of(order: &Order) -> Self {
        Self {
            wish: order.wish.clone(),
            channel: order.channel,
            reference: order.reference.clone(),
        }
    }
}

/// A request that was answered.
#[derive(Debug)]
pub(super) struct Record {
    pub(super) key: String,
    pub(super) request: Request,
    pub(super) outcome: Result<TransferId, Refused>,
    answered: Monotonic,
}

#[derive(Debug)]
pub(super) struct Wallet {
    pub(super) user_id: String,
    pub(super) has: Sides<u64>,
    /// What it had before the entries that are still kept.
    pub(super) carried: Sides<i64>,
    /// The latest entries of what is available, oldest first.
    pub(super) statement: VecDeque<Line>,
    pub(super) records: VecDeque<Record>,
    /// The day that was last sent on, and how much.
    sent_on: (u64, u64),
}

impl Wallet {
    pub(super) const fn on(&self, side: Side) -> u64 {
        self.has[side as usize]
    }
}

/// When something happens to a transfer by itself.
#[derive(Debug, Clone, Copy)]
enum Due {
    Settles(Monotonic),
    /// By the clock on the wall: nobody waits for that, so that it need not go by as slowly as what
    /// users and platform do with each other.
    Expires(Timestamp),
}

#[derive(Debug)]
pub(super) struct Kept {
    pub(super) from: usize,
    pub(super) to: usize,
    pub(super) amount: u64,
    pub(super) state: TransferState,
    pub(super) channel: Channel,
    pub(super) reference: Option<String>,
    pub(super) reverses: Option<TransferId>,
    /// The transfer that gives this one's money back, from when it is accepted.
    pub(super) reversed_by: Option<TransferId>,
    pub(super) made: Monotonic,
    made_at: Timestamp,
    region: RegionId,
    due: Option<Due>,
    pub(super) entries: Vec<[Entry; 2]>,
}

impl Kept {
    /// Whether nothing more will or should happen with it.
    pub(super) fn is_finished(&self) -> bool {
        match self.state {
            TransferState::Waiting | TransferState::Accepted => false,
            TransferState::Settled => self.reverses.is_some() || self.channel.is_pocket(),
            TransferState::Reversed
            | TransferState::Rejected
            | TransferState::Cancelled
            | TransferState::Expired => true,
        }
    }

    /// Whether money is held for it, or on its way back.
    fn is_moving(&self) -> bool {
        matches!(self.state, TransferState::Waiting | TransferState::Accepted)
            || (self.state == TransferState::Settled && self.reversed_by.is_some())
    }
}

/// All that the component knows.
#[derive(Debug)]
pub(super) struct Books {
    pub(super) wallets: Vec<Wallet>,
    pub(super) transfers: BTreeMap<TransferId, Kept>,
    /// Won that were put in circulation.
    pub(super) issued: u64,
    /// What account numbers begin with.
    prefix: &'static str,
    by_user: HashMap<String, usize>,
    settling: BTreeSet<(Monotonic, TransferId)>,
    waiting: BTreeSet<(Timestamp, TransferId)>,
    last_id: TransferId,
}

impl Books {
    pub(super) fn open(prefix: &'static str, user_ids: impl Iterator<Item = String>) -> Self {
        let wallet = |user_id| Wallet {
            user_id,
            has: [OPENING_WON, 0, 0],
            carried: [signed(OPENING_WON), 0, 0],
            statement: VecDeque::new(),
            records: VecDeque::new(),
            sent_on: (0, 0),
        };
        let wallets: Vec<Wallet> = user_ids.map(wallet).collect();
        let users = wallets.iter().enumerate();
        Self {
            by_user: users.map(|(i, w)| (w.user_id.clone(), i)).collect(),
            issued: OPENING_WON * wallets.len() as u64,
            prefix,
            wallets,
            transfers: BTreeMap::new(),
            settling: BTreeSet::new(),
            waiting: BTreeSet::new(),
            last_id: 0,
        }
    }

    pub(super) fn record(&self, who: usize, key: &str) -> Option<&Record> {
        let records = &self.wallets.get(who)?.records;
        records.iter().find(|record| record.key == key)
    }

    pub(super) fn remember(
        &mut self,
        who: usize,
        key: String,
        request: Request,
        (outcome, answered): (Result<TransferId, Refused>, Monotonic),
    ) {
        if let Some(wallet) = self.wallets.get_mut(who) {
            wallet.records.push_back(Record {
                key,
                request,
                outcome,
                answered,
            });
        }
    }

    /// Forgets what is finished and old, and one more where a wallet is full: what is finished
    /// first, then what was never given back. False if all are in motion.
    pub(super) fn make_room(&mut self, who: usize, now: Monotonic, counts: &Counts) -> bool {
        loop {
            let Some(wallet) = self.wallets.get(who) else {
                return false;
            };
            let records = || wallet.records.iter();
            let is_full = wallet.records.len() >= RECORDS_PER_WALLET_MAX;
            let kept = |record: &Record| self.transfers.get(&record.outcome.ok()?);
            let is_done = |record: &Record| kept(record).is_none_or(Kept::is_finished);
            let is_old = |record: &Record| now.since(record.answered) >= REMEMBERED_FOR;
            let old = records().position(|r| is_old(r) && is_done(r));
            let still = |record: &Record| kept(record).is_none_or(|kept| !kept.is_moving());
            let at = old.or_else(|| {
                let first = is_full.then(|| records().position(is_done))?;
                first.or_else(|| records().position(still))
            });
            let Some(at) = at else {
                return !is_full;
            };
            if !is_done(&wallet.records[at]) {
                counts.add(Count::TransfersExpired);
            }
            counts.add(Count::PayKeysForgotten);
            self.forget(who, at);
        }
    }

    /// Forgets one record and its transfer; the entries go into what the wallets carry.
    fn forget(&mut self, who: usize, at: usize) {
        let record = self.wallets[who].records.remove(at);
        let Some(Ok(id)) = record.map(|record| record.outcome) else {
            return;
        };
        let Some(kept) = self.transfers.remove(&id) else {
            return;
        };
        for entry in kept.entries.iter().flatten() {
            self.wallets[entry.wallet].carried[entry.side as usize] += entry.won;
        }
    }

    /// Does what is asked for; the money is held from here on.
    pub(super) fn execute(&mut self, order: Order, now: Now) -> Result<TransferId, Refused> {
        match &order.wish {
            Wish::Pay { to, amount } => {
                let amount = checked_amount(*amount)?;
                let to = match to {
                    Payee::Number(number) => self.by_number(number),
                    Payee::User(user_id) => self.by_user.get(user_id).copied(),
                    Payee::Place(place) => (*place < self.wallets.len()).then_some(*place),
                }
                .ok_or(Refused::NoSuchPayee)?;
                if to == order.from {
                    return Err(Refused::OwnAccount);
                }
                if self.wallets[order.from].on(Side::Available) < amount {
                    return Err(Refused::InsufficientFunds);
                }
                self.count_for_the_day(order.from, amount, now.0)?;
                Ok(self.begin(order, (to, amount, None), now))
            }
            Wish::GiveBack { transfer } => {
                let id = self
                    .own(order.from, transfer)
                    .ok_or(Refused::NoSuchTransfer)?;
                let kept = &self.transfers[&id];
                let (to, amount) = (kept.from, kept.amount);
                let is_whole = kept.state == TransferState::Settled
                    && kept.to == order.from
                    && kept.reverses.is_none()
                    && kept.reversed_by.is_none();
                if !is_whole {
                    return Err(Refused::NotReversible);
                }
                if self.wallets[order.from].on(Side::Available) < amount {
                    return Err(Refused::InsufficientFunds);
                }
                let back = self.begin(order, (to, amount, Some(id)), now);
                if let Some(kept) = self.transfers.get_mut(&id) {
                    kept.reversed_by = Some(back);
                }
                Ok(back)
            }
            Wish::Pocket { amount } => {
                let amount = checked_amount(*amount)?;
                let (source, _) = sides(order.channel);
                if self.wallets[order.from].on(source) < amount {
                    return Err(match source {
                        Side::Pocket => Refused::PocketEmpty,
                        Side::Available | Side::Held => Refused::InsufficientFunds,
                    });
                }
                let from = order.from;
                Ok(self.begin(order, (from, amount, None), now))
            }
        }
    }

    fn count_for_the_day(&mut self, who: usize, amount: u64, at: Timestamp) -> Result<(), Refused> {
        let day = (at.as_unix_nanos() / 1_000_000_000 + ZONE_AHEAD_S) / 86_400;
        let sent_on = &mut self.wallets[who].sent_on;
        let before = if sent_on.0 == day { sent_on.1 } else { 0 };
        if before + amount > DAY_MAX_WON {
            return Err(Refused::OverDailyLimit);
        }
        *sent_on = (day, before + amount);
        Ok(())
    }

    /// Keeps a transfer whose money is held until it is settled, or goes back.
    fn begin(
        &mut self,
        order: Order,
        (to, amount, reverses): (usize, u64, Option<TransferId>),
        (made_at, made): Now,
    ) -> TransferId {
        let waits = order.channel.waits().filter(|_| reverses.is_none());
        let (state, due) = match waits {
            Some(waits) => (TransferState::Waiting, Due::Expires(made_at + waits)),
            None => (TransferState::Accepted, Due::Settles(made + SETTLES_AFTER)),
        };
        let (source, _) = sides(order.channel);
        self.last_id += 1;
        let id = self.last_id;
        let from = order.from;
        let kept = Kept {
            from: order.from,
            to,
            amount,
            state,
            channel: order.channel,
            reference: order.reference,
            reverses,
            reversed_by: None,
            made,
            made_at,
            region: order.region,
            due: None,
            entries: Vec::new(),
        };
        self.transfers.insert(id, kept);
        self.schedule(id, Some(due));
        self.post(id, (from, source), (from, Side::Held));
        id
    }

    /// Lets a transfer be due then, in place of when it was.
    fn schedule(&mut self, id: TransferId, due: Option<Due>) {
        let Some(kept) = self.transfers.get_mut(&id) else {
            return;
        };
        match std::mem::replace(&mut kept.due, due) {
            Some(Due::Settles(at)) => self.settling.remove(&(at, id)),
            Some(Due::Expires(at)) => self.waiting.remove(&(at, id)),
            None => false,
        };
        match due {
            Some(Due::Settles(at)) => self.settling.insert((at, id)),
            Some(Due::Expires(at)) => self.waiting.insert((at, id)),
            None => false,
        };
    }

    pub(super) fn settle_due(
        &mut self,
        (today, now): Now,
        stuck: impl Fn(Channel, &RegionId) -> bool,
        counts: &Counts,
    ) {
        let settling = self.settling.iter().take_while(|(due, _)| *due <= now);
        let waiting = self.waiting.iter().take_while(|(due, _)| *due <= today);
        let due: Vec<TransferId> = settling
            .map(|(_, id)| *id)
            .chain(waiting.map(|(_, id)| *id))
            .collect();
        for id in due {
            let Some(kept) = self.transfers.get(&id) else {
                continue;
            };
            let (from, to) = (kept.from, kept.to);
            match kept.state {
                TransferState::Waiting => self.give_held_back(id, TransferState::Expired),
                TransferState::Accepted if stuck(kept.channel, &kept.region) => continue,
                TransferState::Accepted => {
                    let would_have = self.wallets[to].on(Side::Available) + kept.amount;
                    let (_, target) = sides(kept.channel);
                    // Who gives money back must not fail because the other is rich.
                    let is_free = kept.reverses.is_some() || kept.channel.is_pocket();
                    if would_have > WALLET_MAX_WON && !is_free {
                        counts.add(Count::TransfersRejected);
                        self.give_held_back(id, TransferState::Rejected);
                    } else {
                        counts.add(Count::TransfersSettled);
                        self.post(id, (from, Side::Held), (to, target));
                        self.end(id, TransferState::Settled);
                    }
                }
                _ => {}
            }
        }
    }

    pub(super) fn receive(
        &mut self,
        who: usize,
        id: &str,
        now: Monotonic,
    ) -> Result<Transfer, Refused> {
        let id = self.own(who, id).ok_or(Refused::NoSuchTransfer)?;
        let kept = self.transfers.get_mut(&id).ok_or(Refused::NoSuchTransfer)?;
        let is_for_them = kept.to == who && kept.channel.waits().is_some();
        match kept.state {
            TransferState::Waiting if is_for_them => {
                kept.state = TransferState::Accepted;
                self.schedule(id, Some(Due::Settles(now + SETTLES_AFTER)));
            }
            TransferState::Accepted | TransferState::Settled if is_for_them => {}
            _ => return Err(Refused::NotReceivable),
        }
        self.view(id).ok_or(Refused::NoSuchTransfer)
    }

    pub(super) fn cancel(&mut self, who: usize, id: &str) -> Result<Transfer, Refused> {
        let id = self.own(who, id).ok_or(Refused::NoSuchTransfer)?;
        let kept = &self.transfers[&id];
        match kept.state {
            TransferState::Waiting if kept.from == who => {
                self.give_held_back(id, TransferState::Cancelled);
            }
            TransferState::Cancelled if kept.from == who => {}
            _ => return Err(Refused::NotCancellable),
        }
        self.view(id).ok_or(Refused::NoSuchTransfer)
    }

    fn give_held_back(&mut self, id: TransferId, state: TransferState) {
        let from = self.transfers[&id].from;
        self.post(id, (from, Side::Held), (from, Side::Available));
        self.end(id, state);
    }

    /// Writes one movement as two entries and moves the balances by them.
    fn post(&mut self, id: TransferId, giver: (usize, Side), taker: (usize, Side)) {
        let Some(kept) = self.transfers.get_mut(&id) else {
            return;
        };
        let won = signed(kept.amount);
        let entry = |(wallet, side), won| Entry { wallet, side, won };
        let entries = [entry(giver, -won), entry(taker, won)];
        kept.entries.push(entries);
        let (made_at, reference) = (kept.made_at, kept.reference.clone());
        for Entry { wallet, side, won } in entries {
            let wallet = &mut self.wallets[wallet];
            let balance = &mut wallet.has[side as usize];
            *balance = balance
                .checked_add_signed(won)
                .expect("what is taken was checked to be there, and all won together fit");
            if side == Side::Available {
                let line = Line {
                    transfer: named(id),
                    won,
                    balance: *balance,
                    reference: reference.clone(),
                    made_at,
                };
                statement::push(&mut wallet.statement, line);
            }
        }
    }

    /// Takes a transfer off what is due and gives it its last state.
    fn end(&mut self, id: TransferId, state: TransferState) {
        self.schedule(id, None);
        let Some(kept) = self.transfers.get_mut(&id) else {
            return;
        };
        kept.state = state;
        if let (TransferState::Settled, Some(reversed)) = (state, kept.reverses)
            && let Some(reversed) = self.transfers.get_mut(&reversed)
        {
            reversed.state = TransferState::Reversed;
        }
    }

    /// The number of a transfer that `who` sent or is to receive.
    pub(super) fn own(&self, who: usize, id: &str) -> Option<TransferId> {
        let id: TransferId = id.strip_prefix("t-")?.parse().ok()?;
        let kept = self.transfers.get(&id)?;
        (kept.from == who || kept.to == who).then_some(id)
    }

    pub(super) fn sent(&self, who: usize) -> Vec<Transfer> {
        let records = self.wallets.get(who).map(|wallet| &wallet.records);
        let made = records.into_iter().flatten();
        made.filter_map(|record| self.view(record.outcome.ok()?))
            .collect()
    }

    pub(super) fn view(&self, id: TransferId) -> Option<Transfer> {
        let kept = self.transfers.get(&id)?;
        Some(Transfer {
            id: named(id),
            from: self.user_id(kept.from)?,
            to: self.user_id(kept.to)?,
            amount: kept.amount,
            state: kept.state,
            channel: kept.channel,
            reference: kept.reference.clone(),
            reverses: kept.reverses.map(named),
            made_at: kept.made_at,
        })
    }

    pub(super) fn wallet(&self, who: usize) -> Option<WalletView> {
        let wallet = self.wallets.get(who)?;
        let settling = self.settling.iter();
        let coming = settling.filter_map(|(_, id)| self.transfers.get(id));
        Some(WalletView {
            number: self.number(who),
            available: wallet.on(Side::Available),
            held: wallet.on(Side::Held),
            pocket: wallet.on(Side::Pocket),
            incoming: coming
                .filter(|kept| kept.to == who && kept.state == TransferState::Accepted)
                .map(|kept| kept.amount)
                .sum(),
        })
    }

    pub(super) fn by_number(&self, text: &str) -> Option<usize> {
        let place: usize = text
            .strip_prefix(self.prefix)?
            .strip_prefix('-')?
            .parse()
            .ok()?;
        let index = place.checked_sub(1)?;
        (index < self.wallets.len() && self.number(index) == text).then_some(index)
    }

    /// The number of a wallet's account: `1015-000001`.
    fn number(&self, index: usize) -> String {
        format!("{}-{:06}", self.prefix, index + 1)
    }

    pub(super) fn received(&self, who: usize, id: &str) -> bool {
        self.own(who, id)
            .is_some_and(|id| self.transfers[&id].to == who)
    }

    pub(super) fn look(&self, id: &str) -> Option<Transfer> {
        self.view(id.strip_prefix("t-")?.parse().ok()?)
    }

    pub(super) fn user_id(&self, index: usize) -> Option<String> {
        self.wallets.get(index).map(|wallet| wallet.user_id.clone())
    }
}

/// From which side of the sender's wallet money goes, and to which of the receiver's.
pub(super) const fn sides(channel: Channel) -> (Side, Side) {
    match channel {
        Channel::IntoPocket => (Side::Available, Side::Pocket),
        Channel::OutOfPocket => (Side::Pocket, Side::Available),
        Channel::Account | Channel::Chat | Channel::Payment(_) => {
            (Side::Available, Side::Available)
        }
    }
}

pub(super) fn checked_amount(amount: i64) -> Result<u64, Refused> {
    match u64::try_from(amount) {
        Ok(0) | Err(_) => Err(Refused::BadAmount),
        Ok(amount) if amount > TRANSFER_MAX_WON => Err(Refused::AmountTooLarge),
        Ok(amount) => Ok(amount),
    }
}

pub(super) fn named(id: TransferId) -> String {
    format!("t-{id}")
}

pub(super) fn signed(won: u64) -> i64 {
    i64::try_from(won).unwrap_or(i64::MAX)
}
