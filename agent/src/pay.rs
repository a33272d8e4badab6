//! Paying cleanups that runs left owed: one per target at a time, paced, as the very same accounts.

mod pace;

use std::sync::Arc;

use bongsu_language::KillSwitch;
use bongsu_model::{CleanupState, TargetName, Trigger};
use bongsu_probes::{Account, Context, Debt, RunOrder};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::accounts::{Lease, PoolKey, Unleased};
use crate::plan::Planned;
use crate::state::Shared;
use pace::{Pace, Payment};

/// Pays debts until `stop`; a payment that is going is let finish.
pub(crate) async fn pay_debts(shared: Arc<Shared>, stop: CancellationToken) {
    let mut going: JoinSet<(TargetName, Payment)> = JoinSet::new();
    let mut pace = Pace::default();
    loop {
        while !stop.is_cancelled() {
            let busy = pace.busy(shared.clock.monotonic());
            let Some(debt) = shared.debts.begin_payment(&busy) else {
                break;
            };
            pace.begun(debt.target.clone());
            going.spawn(pay_one(shared.clone(), debt, stop.clone()));
        }
        let nap = pace.nap(shared.clock.monotonic());
        tokio::select! {
            Some(done) = going.join_next(), if !going.is_empty() => match done {
                Ok((target, payment)) => pace.ended(&target, payment, shared.clock.monotonic()),
                Err(error) => {
                    tracing::error!(%error, "a payment broke off");
                    pace = Pace::default();
                }
            },
            () = shared.debts.changed() => {}
            () = tokio::time::sleep(nap) => {}
            () = stop.cancelled(), if !stop.is_cancelled() => {}
        }
        if stop.is_cancelled() && going.is_empty() {
            return;
        }
    }
}

async fn pay_one(
    shared: Arc<Shared>,
    debt: Debt,
    stop: CancellationToken,
) -> (TargetName, Payment) {
    let target = debt.target.clone();
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
        return (target, Payment::Untried);
    };
    if planned.target.profile().kill_switch == KillSwitch::Everything {
        shared.debts.put_off(debt.run);
        return (target, Payment::Untried);
    }
    if planned.journey.revision != debt.journey_revision {
        tracing::warn!(run = %debt.run, journey = %debt.journey, "a cleanup is owed by an older text of the journey; today's cleanup is tried");
    }
    let leases = match lease(&shared, &planned, &debt) {
        Ok(leases) => leases,
        Err(Unleased::InUse) => {
            shared.debts.put_off(debt.run);
            return (target, Payment::Untried);
        }
        Err(Unleased::Gone) => {
            tracing::warn!(run = %debt.run, journey = %debt.journey, "a cleanup is owed by an account that this agent no longer has");
            failed(&shared, &debt).await;
            return (target, Payment::Untried);
        }
    };
    let accounts = leases.iter().map(|lease| lease.account.clone()).collect();
    let context = context(&shared, &planned, &debt, accounts, stop);
    let state = bongsu_probes::pay(&planned.journey, &debt, &context).await;
    shared.accounts().release(&leases);
    let payment = match state {
        CleanupState::Done | CleanupState::None => {
            tracing::info!(run = %debt.run, "an owed cleanup is paid");
            shared.debts.settled(debt.run);
            Payment::Paid
        }
        CleanupState::Owed | CleanupState::Leaked => {
            failed(&shared, &debt).await;
            Payment::Failed
        }
    };
    (target, payment)
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
    Context {
        clock: shared.clock.clone(),
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
        compensation: shared.debts.clone(),
        cancel,
        self_check: shared.controls.clone(),
    }
}
