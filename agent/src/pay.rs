//! Paying cleanups that runs left owed: paced, as the very same accounts, at most two of a target at
//! a time: one of what works and one of what does not.

mod pace;

use std::collections::HashMap;
use std::sync::Arc;

use bongsu_language::KillSwitch;
use bongsu_model::{CleanupState, Monotonic, Trigger};
use bongsu_probes::{Account, Context, Debt, RunOrder};
use tokio::task::{Id, JoinError, JoinSet};
use tokio_util::sync::CancellationToken;

use crate::accounts::{Lease, PoolKey, Unleased};
use crate::hurried;
use crate::plan::Planned;
use crate::state::Shared;
use pace::{Lane, Pace, Payment};

/// Pays debts until `stop`; a payment that is going is let finish.
pub(crate) async fn pay_debts(shared: Arc<Shared>, stop: CancellationToken) {
    let mut payments = Payments::default();
    loop {
        while !stop.is_cancelled() {
            for (target, journey) in shared.debts.take_recovered() {
                payments.pace.recovered(&target, &journey);
            }
            let now = shared.clock.monotonic();
            let payable = shared
                .debts
                .begin_payment(|debt| payments.pace.turn(debt, now));
            let Some(debt) = payable else {
                break;
            };
            let paying = pay_one(shared.clone(), debt.clone(), stop.clone());
            payments.begin(debt, now, paying);
        }
        let speed = hurried::speed(&*shared.clock);
        let nap = payments.pace.nap(shared.clock.monotonic(), speed);
        tokio::select! {
            Some(done) = payments.going.join_next_with_id(), if !payments.going.is_empty() => {
                payments.take_in(&shared, done).await;
            }
            () = shared.debts.changed() => {}
            () = tokio::time::sleep(nap) => {}
            () = stop.cancelled(), if !stop.is_cancelled() => {}
        }
        if stop.is_cancelled() && payments.going.is_empty() {
            return;
        }
    }
}

/// The payments that are going, one a lane of a target.
#[derive(Debug, Default)]
struct Payments {
    going: JoinSet<Payment>,
    debts: HashMap<Id, (Debt, Lane)>,
    pace: Pace,
}

impl Payments {
    fn begin(
        &mut self,
        debt: Debt,
        now: Monotonic,
        paying: impl Future<Output = Payment> + Send + 'static,
    ) {
        let lane = self.pace.begun(&debt, now);
        let id = self.going.spawn(paying).id();
        self.debts.insert(id, (debt, lane));
    }

    async fn take_in(&mut self, shared: &Shared, done: Result<(Id, Payment), JoinError>) {
        let id = match &done {
            Ok((id, _)) => *id,
            Err(error) => error.id(),
        };
        let Some((debt, lane)) = self.debts.remove(&id) else {
            return;
        };
        let payment = match done {
            Ok((_, payment)) => payment,
            Err(error) => {
                // As one that failed: it must not be tried again at once, and again.
                tracing::error!(run = %debt.run, %error, "a payment broke off");
                failed(shared, &debt).await;
                Payment::Failed
            }
        };
        let now = shared.clock.monotonic();
        if self.pace.ended((&debt, lane), payment, now) {
            shared.debts.learn_from_payment(&debt);
        }
    }
}

/// Leased accounts that are given back however the payment ends.
struct Held {
    shared: Arc<Shared>,
    leases: Vec<Lease>,
}

impl Drop for Held {
    fn drop(&mut self) {
        self.shared.accounts().release(&self.leases);
    }
}

async fn pay_one(shared: Arc<Shared>, debt: Debt, stop: CancellationToken) -> Payment {
    let plan = shared.plan.current();
    let planned = plan
        .planned
        .iter()
        .find(|planned| {
            planned.lineage.target == debt.target && planned.lineage.journey == debt.journey
        })
        .cloned();
    let Some(planned) = planned else {
        tracing::warn!(run = %debt.run, journey = %debt.journey, "a cleanup is owed by a journey that the plan no longer has");
        failed(&shared, &debt).await;
        return Payment::Untried;
    };
    if planned.target.profile().kill_switch == KillSwitch::Everything {
        shared.debts.put_off(debt.run);
        return Payment::Untried;
    }
    if planned.journey.revision != debt.journey_revision {
        tracing::warn!(run = %debt.run, journey = %debt.journey, "a cleanup is owed by an older text of the journey; today's cleanup is tried");
    }
    let held = match lease(&shared, &planned, &debt) {
        Ok(leases) => Held {
            shared: shared.clone(),
            leases,
        },
        Err(Unleased::InUse) => {
            shared.debts.put_off(debt.run);
            return Payment::Untried;
        }
        Err(Unleased::Gone) => {
            tracing::warn!(run = %debt.run, journey = %debt.journey, "a cleanup is owed by an account that this agent no longer has");
            failed(&shared, &debt).await;
            return Payment::Untried;
        }
    };
    let accounts = held
        .leases
        .iter()
        .map(|lease| lease.account.clone())
        .collect();
    let context = context(&shared, &planned, &debt, accounts, stop);
    let state = bongsu_probes::pay(&planned.journey, &debt, &context).await;
    drop(held);
    match state {
        CleanupState::Done | CleanupState::None => {
            tracing::info!(run = %debt.run, "an owed cleanup is paid");
            shared.debts.settled(debt.run);
            Payment::Paid
        }
        CleanupState::Owed | CleanupState::Leaked => {
            failed(&shared, &debt).await;
            Payment::Failed
        }
    }
}

async fn failed(shared: &Shared, debt: &Debt) {
    if let Err(error) = shared.debts.failed(debt.run, shared.clock.wall()).await {
        tracing::error!(run = %debt.run, %error, "an owed cleanup could not be noted");
    }
}

/// The accounts of the debt, in the order of the journey's actors.
fn lease(shared: &Shared, planned: &Planned, debt: &Debt) -> Result<Vec<Lease>, Unleased> {
    let wanted: Option<Vec<_>> = planned
        .journey
        .actors
        .iter()
        .map(|actor| {
            let (_, account) = debt.accounts.iter().find(|(name, _)| *name == actor.name)?;
            let key = PoolKey {
                target: debt.target.clone(),
                pool: actor.pool.clone(),
            };
            Some((key, account.clone()))
        })
        .collect();
    // An actor that the debt does not know: the journey was rewritten since.
    let wanted = wanted.ok_or(Unleased::Gone)?;
    shared.accounts().lease_named(&wanted)
}

fn context(
    shared: &Shared,
    planned: &Planned,
    debt: &Debt,
    accounts: Vec<Account>,
    cancel: CancellationToken,
) -> Context {
    let (clock, self_check) = hurried::surroundings(
        &shared.clock,
        &shared.controls,
        &shared.starvation,
        planned.journey.cleanup_timeout,
    );
    Context {
        clock,
        order: RunOrder {
            id: debt.run,
            vantage: shared.vantage.clone(),
            plan_revision: shared.plan.current().revision.clone(),
            variant: debt.variant.clone(),
            trigger: Trigger::Manual,
            due: shared.clock.wall(),
            boot: shared.boot.clone(),
            seq: 0,
            clock_offset_s: shared.offset.seconds(),
        },
        target: planned.target.clone(),
        accounts,
        sessions: shared.sessions.clone(),
        compensation: shared.debts.clone(),
        cancel,
        self_check,
    }
}

#[cfg(test)]
mod tests {
    use bongsu_model::{
        AccountName, ActorName, FailClass, JourneyName, Outcome, PoolName, Revision, RunId,
        TargetName, Timestamp, Variant,
    };
    use bongsu_probes::CompensationLog as _;

    use super::*;
    use crate::schedule::Lineage;

    fn debt(since: Timestamp) -> Debt {
        Debt {
            run: RunId::from_bytes([1; 16]),
            target: TargetName::new("superapp").unwrap(),
            journey: JourneyName::new("send-message").unwrap(),
            journey_revision: Revision::of(b""),
            variant: Variant::cold(),
            accounts: vec![(
                ActorName::new("alice").unwrap(),
                AccountName::new("users-001").unwrap(),
            )],
            scopes: vec![0],
            variables: Vec::new(),
            since,
            attempts: 0,
        }
    }

    #[tokio::test]
    async fn a_payment_that_panics_gives_its_accounts_back_and_the_target_rests() {
        let data = tempfile::tempdir().unwrap();
        let shared = Arc::new(Shared::for_tests(data.path()));
        let debt = debt(shared.clock.wall());
        let key = PoolKey {
            target: debt.target.clone(),
            pool: PoolName::new("users").unwrap(),
        };
        let account = Account {
            name: AccountName::new("users-001").unwrap(),
            fields: Vec::new(),
            secrets: Vec::new(),
        };
        let wanted = [(key.clone(), account.name.clone())];
        shared.accounts().replace(vec![(key, vec![account])]);
        shared.debts.owe(&debt).await.unwrap();
        shared.debts.run_ended(debt.run);

        let mut payments = Payments::default();
        let leases = shared.accounts().lease_named(&wanted).unwrap();
        let held = Held {
            shared: shared.clone(),
            leases,
        };
        payments.begin(debt.clone(), shared.clock.monotonic(), async move {
            let _held = held;
            tokio::task::yield_now().await;
            panic!("as a mistake of ours would");
        });
        let done = payments.going.join_next_with_id().await.unwrap();
        payments.take_in(&shared, done).await;
        assert!(shared.accounts().lease_named(&wanted).is_ok());
        let now = shared.clock.monotonic();
        assert_eq!(payments.pace.turn(&debt, now), None, "its target rests");
        assert_eq!(shared.debts.counts().open, 1, "it stays owed");
        assert_eq!(
            shared.debts.begin_payment(|_| Some(())),
            None,
            "not at once"
        );
    }

    #[tokio::test]
    async fn what_a_journey_owes_is_tried_as_soon_as_its_runs_are_good_again() {
        let data = tempfile::tempdir().unwrap();
        let shared = Arc::new(Shared::for_tests(data.path()));
        let debt = debt(shared.clock.wall());
        shared.debts.owe(&debt).await.unwrap();
        shared.debts.run_ended(debt.run);
        for _ in 0..9 {
            shared.debts.failed(debt.run, debt.since).await.unwrap();
        }
        let stop = CancellationToken::new();
        let paying = tokio::spawn(pay_debts(shared.clone(), stop.clone()));
        let lineage = Lineage {
            target: debt.target.clone(),
            journey: debt.journey.clone(),
            variant: Variant::cold(),
        };
        shared
            .debts
            .learn(&lineage, &Outcome::Fail(FailClass::Timeout));
        shared.debts.learn(&lineage, &Outcome::Pass);
        // The journey is in no plan, so that a try shows by its being counted; it would be due in
        // an hour.
        let tried = async {
            while shared.debts.tries(debt.run) != Some(1) {
                tokio::task::yield_now().await;
            }
        };
        let patience = std::time::Duration::from_secs(30);
        tokio::time::timeout(patience, tried).await.unwrap();
        assert!(
            shared.debts.take_recovered().is_empty(),
            "the pace was told"
        );
        stop.cancel();
        paying.await.unwrap();
    }
}
