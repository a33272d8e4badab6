//! The soak: random troubles and agent kills for a while, then everything is healed, what is owed is
//! paid, and the platform's audit is held against the agents' debts. No won may be made or lost,
//! and whatever is left behind must be owed by somebody.

mod plan;
mod trouble;

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use bongsu_model::AgentId;
use bongsu_superapp::{Audit, Count, MoneyAudit};

use crate::fleet::{Fleet, FleetError};
use plan::{Act, Planner};
use trouble::Struck;

/// How long money that is on its way may take to settle once nothing is broken.
const SETTLES_IN: Duration = Duration::from_secs(5);
/// Between two looks at that money.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// What a soak is.
#[derive(Debug, Clone, Copy)]
pub struct Soak {
    /// How long things are broken and mended.
    pub lasts: Duration,
    /// How long agents may take afterwards to pay what they owe.
    pub pays_for: Duration,
    /// Decides what is broken, and when: the same seed, the same acts.
    pub seed: u64,
}

/// Something that was left on the platform.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leftover {
    /// What it is: `transfer t-12 (settled)`.
    pub what: String,
    /// What its maker called it: holds the run's id.
    pub client_ref: String,
    /// The agent that owes its removal, if any does.
    pub owed_by: Option<AgentId>,
}

/// What a soak came to.
#[derive(Debug)]
pub struct Outcome {
    /// How often each kind of trouble was there, by its name.
    pub troubles: BTreeMap<&'static str, usize>,
    /// What could not be broken or healed, or is still broken at the end; each as words.
    pub unhealed: Vec<String>,
    /// Agents killed.
    pub kills: usize,
    /// Runs that the collector has.
    pub runs: u64,
    /// Counters of the platform, by name.
    pub counts: BTreeMap<&'static str, u64>,
    /// Whether the money balances.
    pub money: MoneyAudit,
    /// Whether it does at the bank.
    pub bank: MoneyAudit,
    /// What is left on the platform.
    pub leftovers: Vec<Leftover>,
    /// The runs that each agent owes cleanup for; those that owe nothing are left out.
    pub debts: BTreeMap<AgentId, Vec<String>>,
    /// Transfers that the platform forgot before their money was given back.
    pub forgotten: u64,
}

impl Outcome {
    /// Whether everything is healed, no won is missing and everything that is left is owed by
    /// somebody.
    pub fn is_accounted_for(&self) -> bool {
        let is_owed = |left: &Leftover| left.owed_by.is_some();
        let is_clean = self.money.is_clean() && self.bank.is_clean();
        is_clean
            && self.unhealed.is_empty()
            && self.forgotten == 0
            && self.leftovers.iter().all(is_owed)
    }
}

/// Soaks the fleet's default target. The agents are stopped at the end; the platform is not.
///
/// # Errors
/// When a killed agent does not start again.
pub async fn run(
    fleet: &mut Fleet,
    soak: Soak,
    mut tell: impl FnMut(&str),
) -> Result<Outcome, FleetError> {
    let mut planner = Planner::new(soak.seed, fleet.agents().cloned().collect());
    let mut done = Done::default();
    let mut left = soak.lasts;
    while let Some((wait, act)) = planner.next(left) {
        left -= wait;
        tokio::time::sleep(wait).await;
        tell(&act.to_string());
        done.act(act, fleet).await?;
    }
    tokio::time::sleep(left).await;
    tell("everything is healed; what is owed is paid");
    for act in planner.end() {
        done.act(act, fleet).await?;
    }
    done.unhealed
        .extend(trouble::still_broken(fleet.platform()));
    fleet.come_to_rest(soak.pays_for).await?;
    fleet.stop_agents().await;
    let audit = settled(fleet).await;
    Ok(outcome(fleet, audit, done))
}

/// What was done so far.
#[derive(Debug, Default)]
struct Done {
    /// What is broken now, oldest first.
    broken: VecDeque<Struck>,
    /// How often each kind was.
    troubles: BTreeMap<&'static str, usize>,
    kills: usize,
    /// What the platform did not take, or did not give back.
    unhealed: Vec<String>,
}

impl Done {
    async fn act(&mut self, act: Act, fleet: &mut Fleet) -> Result<(), FleetError> {
        match act {
            Act::Break(trouble) => {
                let struck = trouble.strike(fleet.platform(), &mut self.unhealed);
                self.broken.push_back(struck);
                *self.troubles.entry(trouble.kind()).or_default() += 1;
            }
            Act::Mend => {
                if let Some(oldest) = self.broken.pop_front() {
                    oldest.heal(fleet.platform(), &mut self.unhealed);
                }
            }
            Act::Kill(agent) => {
                fleet.kill(&agent).await;
                self.kills += 1;
            }
            Act::Start(agent) => fleet.revive(&agent).await?,
        }
        Ok(())
    }
}

/// The audit once the money that goes back has settled.
async fn settled(fleet: &Fleet) -> Audit {
    let settling = async {
        loop {
            let audit = fleet.platform().audit();
            let mut open = audit
                .transfers_open
                .iter()
                .chain(&audit.bank_transfers_open);
            if !open.any(|transfer| transfer.state == "accepted") {
                return audit;
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    };
    match tokio::time::timeout(SETTLES_IN, settling).await {
        Ok(audit) => audit,
        Err(_) => fleet.platform().audit(),
    }
}

fn outcome(fleet: &Fleet, audit: Audit, done: Done) -> Outcome {
    let debts = fleet.debts();
    let leftovers = leftovers(&audit, &debts);
    Outcome {
        troubles: done.troubles,
        unhealed: done.unhealed,
        kills: done.kills,
        runs: fleet.collector.shared().counters.runs_accepted.get(),
        forgotten: audit.count(Count::TransfersExpired)
            + audit.count(Count::RidesAbandoned)
            + audit.count(Count::RecordsExpired),
        counts: audit.counts,
        money: audit.money,
        bank: audit.bank_money,
        leftovers,
        debts,
    }
}

/// Everything that the audit lists as left behind, and who owes its removal.
fn leftovers(audit: &Audit, debts: &BTreeMap<AgentId, Vec<String>>) -> Vec<Leftover> {
    let left = |what: String, client_ref: &Option<String>| {
        // Run ids are written with and without hyphens.
        let client_ref = client_ref.as_deref().unwrap_or_default().replace('-', "");
        let owes = |(_, runs): &(&AgentId, &Vec<String>)| {
            let mut runs = runs.iter();
            runs.any(|run| client_ref.contains(run.as_str()))
        };
        Leftover {
            what,
            owed_by: debts.iter().find(owes).map(|(agent, _)| agent.clone()),
            client_ref,
        }
    };
    let sessions = audit.sessions_open.iter();
    let sessions = sessions.map(|one| left(format!("session of {}", one.user_id), &one.client_ref));
    let messages = audit.messages_undeleted.iter();
    let messages = messages.map(|one| left(format!("message {}", one.id), &one.client_ref));
    let transfers = audit
        .transfers_open
        .iter()
        .chain(&audit.bank_transfers_open);
    let transfers = transfers.map(|one| {
        let what = format!("{} won in transfer {} ({})", one.amount, one.id, one.state);
        left(what, &one.client_ref)
    });
    let rides = audit.rides_open.iter().map(|one| {
        let what = format!("ride {} ({})", one.id, one.state);
        left(what, &one.client_ref)
    });
    let records = audit.records_open.iter().map(|one| {
        let what = format!("{} ({})", one.id, one.state);
        left(what, &one.client_ref)
    });
    let named = |what: String, client_ref: &str| left(what, &Some(client_ref.to_owned()));
    let cards = audit.cards_stored.iter();
    let cards = cards.map(|one| named("stored card".to_owned(), one));
    let cars = audit.cars_parked.iter();
    let cars = cars.map(|one| named(format!("car {} ({})", one.plate, one.state), &one.plate));
    let bikes = audit.bikes_out.iter();
    let bikes = bikes.map(|one| named(format!("ride {} on a bike", one.id), &one.client_ref));
    let errands = audit.errands_open.iter();
    let errands = errands.map(|one| named(format!("errand {}", one.id), &one.client_ref));
    sessions
        .chain(messages)
        .chain(transfers)
        .chain(rides)
        .chain(records)
        .chain(cards)
        .chain(cars)
        .chain(bikes)
        .chain(errands)
        .collect()
}

#[cfg(test)]
mod tests {
    use bongsu_superapp::{OpenSession, OpenTransfer};

    use super::*;

    const OWED: &str = "01a218a3a0708f9886f7d6f691d5d7ce";

    fn outcome_of(audit: Audit, debts: BTreeMap<AgentId, Vec<String>>) -> Outcome {
        Outcome {
            troubles: BTreeMap::new(),
            unhealed: Vec::new(),
            kills: 0,
            runs: 0,
            forgotten: 0,
            counts: BTreeMap::new(),
            leftovers: leftovers(&audit, &debts),
            money: audit.money,
            bank: audit.bank_money,
            debts,
        }
    }

    fn audit(client_ref: &str) -> Audit {
        Audit {
            sessions_open: vec![OpenSession {
                user_id: "u-a".to_owned(),
                client_ref: Some("01a218a3-a070-8f98-86f7-d6f691d5d7ce".to_owned()),
                age_s: 1.0,
            }],
            transfers_open: vec![OpenTransfer {
                id: "t-1".to_owned(),
                from: "u-a".to_owned(),
                to: "u-b".to_owned(),
                amount: 1,
                state: "settled",
                client_ref: Some(format!("bongsu {client_ref}")),
                age_s: 1.0,
            }],
            money: MoneyAudit {
                issued: 2,
                available: 2,
                transfers: 1,
                keys: 1,
                ..MoneyAudit::default()
            },
            ..Audit::default()
        }
    }

    #[test]
    fn what_is_left_must_be_owed_and_no_won_may_be_missing() {
        let agent = AgentId::new("seoul-1").unwrap();
        let debts = || BTreeMap::from([(agent.clone(), vec![OWED.to_owned()])]);
        let owed = outcome_of(audit(OWED), debts());
        assert!(owed.is_accounted_for(), "{owed:?}");
        assert_eq!(owed.leftovers[0].owed_by, Some(agent.clone()));

        let unowed = outcome_of(audit("of another run"), debts());
        assert!(!unowed.is_accounted_for(), "{unowed:?}");
        assert_eq!(unowed.leftovers[1].owed_by, None);
        assert!(!outcome_of(audit(OWED), BTreeMap::new()).is_accounted_for());

        let mut broken = outcome_of(audit(OWED), debts());
        broken.unhealed = vec!["dc-a has no power still".to_owned()];
        assert!(!broken.is_accounted_for(), "{broken:?}");

        let mut lost = audit(OWED);
        lost.money.available = 1;
        assert!(!outcome_of(lost, debts()).is_accounted_for());
    }
}
