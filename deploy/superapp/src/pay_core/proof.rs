//! The proof that no won was made or lost, from the books alone: whoever changes a balance, an
//! entry or a key behind their back is found.

use std::collections::BTreeSet;

use bongsu_model::Monotonic;

use super::books::{Books, Entry, Kept, Side, Sides, named, sides, signed};
use super::statement;
use super::{Channel, TransferState};

/// Most problems that are told; one already says that the books are wrong.
const PROBLEMS_MAX: usize = 20;

/// Whether the money balances. Every figure is in won.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize)]
pub struct MoneyAudit {
    /// What was put in circulation.
    pub issued: u64,
    /// What owners can spend.
    pub available: u64,
    /// What is on its way.
    pub held: u64,
    /// What owners keep apart in their pockets.
    pub pocketed: u64,
    /// How many transfers were checked.
    pub transfers: usize,
    /// How many idempotency keys were checked.
    pub keys: usize,
    /// What is wrong, in words; nothing when no won was made or lost.
    pub problems: Vec<String>,
}

impl MoneyAudit {
    /// Whether no won was made or lost and no key was executed twice.
    pub fn is_clean(&self) -> bool {
        self.problems.is_empty() && self.available + self.held + self.pocketed == self.issued
    }
}

/// A transfer that is not finished, or whose money was not given back.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct OpenTransfer {
    /// Its id.
    pub id: String,
    /// Who sent it.
    pub from: String,
    /// Who has it or is to have it.
    pub to: String,
    /// How many won.
    pub amount: u64,
    /// How far it is.
    pub state: &'static str,
    /// What its sender called it.
    pub client_ref: Option<String>,
    /// Seconds since it was made.
    pub age_s: f64,
}

impl Books {
    pub(super) fn proof(&self) -> MoneyAudit {
        let mut problems = Vec::new();
        let all = |side| {
            self.wallets
                .iter()
                .map(|wallet| wallet.on(side))
                .sum::<u64>()
        };
        let [available, held, pocketed] = [Side::Available, Side::Held, Side::Pocket].map(all);
        if available + held + pocketed != self.issued {
            problems.push(format!(
                "{available} available, {held} held and {pocketed} pocketed are not the {} issued",
                self.issued
            ));
        }
        self.check_wallets(&mut problems);
        for (id, kept) in &self.transfers {
            self.check_transfer(*id, kept, &mut problems);
        }
        let keys = self.check_keys(&mut problems);
        problems.truncate(PROBLEMS_MAX);
        MoneyAudit {
            issued: self.issued,
            available,
            held,
            pocketed,
            transfers: self.transfers.len(),
            keys,
            problems,
        }
    }

    /// A wallet has what it carries and what its entries say, and holds what is on its way.
    fn check_wallets(&self, problems: &mut Vec<String>) {
        let mut counted: Vec<Sides<i64>> = self.wallets.iter().map(|w| w.carried).collect();
        let mut moving = vec![0_u64; self.wallets.len()];
        for kept in self.transfers.values() {
            for entry in kept.entries.iter().flatten() {
                counted[entry.wallet][entry.side as usize] += entry.won;
            }
            if matches!(kept.state, TransferState::Waiting | TransferState::Accepted) {
                moving[kept.from] += kept.amount;
            }
        }
        for ((wallet, counted), moving) in self.wallets.iter().zip(counted).zip(moving) {
            let has = wallet.has.map(signed);
            if has != counted {
                problems.push(format!(
                    "the wallet of {} has {has:?}, its entries say {counted:?}",
                    wallet.user_id
                ));
            }
            if wallet.on(Side::Held) != moving {
                problems.push(format!(
                    "the wallet of {} holds {}, its open transfers say {moving}",
                    wallet.user_id,
                    wallet.on(Side::Held)
                ));
            }
            if !statement::holds(&wallet.statement, wallet.on(Side::Available)) {
                problems.push(format!(
                    "the statement of {} does not lead to its balance",
                    wallet.user_id
                ));
            }
        }
    }

    /// A transfer has the entries that its state says, and each pair cancels out.
    fn check_transfer(&self, id: u64, kept: &Kept, problems: &mut Vec<String>) {
        let (from, to) = (kept.from, kept.to);
        let (source, target) = sides(kept.channel);
        let hold = pair((from, source), (from, Side::Held), kept.amount);
        let settle = pair((from, Side::Held), (to, target), kept.amount);
        let give_back = pair((from, Side::Held), (from, source), kept.amount);
        let wanted = match kept.state {
            TransferState::Waiting | TransferState::Accepted => vec![hold],
            TransferState::Settled | TransferState::Reversed => vec![hold, settle],
            TransferState::Rejected | TransferState::Cancelled | TransferState::Expired => {
                vec![hold, give_back]
            }
        };
        if kept.entries != wanted {
            problems.push(format!(
                "{} is {} and has the entries {:?}",
                named(id),
                kept.state.as_str(),
                kept.entries
            ));
        }
        let back = kept.reversed_by.and_then(|back| self.transfers.get(&back));
        let is_given_back = back.is_some_and(|back| back.state == TransferState::Settled);
        if kept.state == TransferState::Settled && is_given_back {
            problems.push(format!("{} was given back and is not reversed", named(id)));
        }
    }

    /// Every key made at most one transfer, and every transfer came from one key.
    fn check_keys(&self, problems: &mut Vec<String>) -> usize {
        let mut keys = BTreeSet::new();
        let mut made = BTreeSet::new();
        for (who, wallet) in self.wallets.iter().enumerate() {
            for record in &wallet.records {
                if !keys.insert((who, record.key.as_str())) {
                    problems.push(format!("{} used a key twice", wallet.user_id));
                }
                if let Ok(id) = record.outcome
                    && !made.insert(id)
                {
                    problems.push(format!("two keys made {}", named(id)));
                }
            }
        }
        for id in self.transfers.keys().filter(|id| !made.contains(id)) {
            problems.push(format!("no key made {}", named(*id)));
        }
        keys.len()
    }

    pub(super) fn open_transfers(&self, now: Monotonic) -> Vec<OpenTransfer> {
        let open = self
            .transfers
            .iter()
            .filter(|(_, kept)| !kept.is_finished());
        open.filter_map(|(id, kept)| {
            let view = self.view(*id)?;
            Some(OpenTransfer {
                id: view.id,
                from: view.from,
                to: view.to,
                amount: view.amount,
                state: view.state.as_str(),
                client_ref: view.reference,
                age_s: now.since(kept.made).as_secs_f64(),
            })
        })
        .chain(self.pockets())
        .collect()
    }

    /// What is left in pockets: nobody else gets it, and its owner misses it.
    fn pockets(&self) -> impl Iterator<Item = OpenTransfer> {
        let wallets = self.wallets.iter().enumerate();
        let full = wallets.filter(|(_, wallet)| wallet.on(Side::Pocket) > 0);
        full.map(|(who, wallet)| {
            let mut moved = self.transfers.values().rev();
            let last = moved.find(|one| one.from == who && one.channel == Channel::IntoPocket);
            OpenTransfer {
                id: "pocket".to_owned(),
                from: wallet.user_id.clone(),
                to: wallet.user_id.clone(),
                amount: wallet.on(Side::Pocket),
                state: "pocketed",
                client_ref: last.and_then(|last| last.reference.clone()),
                age_s: 0.0,
            }
        })
    }
}

fn pair(giver: (usize, Side), taker: (usize, Side), amount: u64) -> [Entry; 2] {
    let entry = |(wallet, side), won| Entry { wallet, side, won };
    [entry(giver, -signed(amount)), entry(taker, signed(amount))]
}
