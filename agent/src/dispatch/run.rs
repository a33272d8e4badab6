//! One run: written down, performed, reported, and what it says of its accounts.

use std::sync::Arc;

use bongsu_language::Journey;
use bongsu_model::{
    BlindReason, CleanupState, Outcome, Revision, RunId, RunIdentity, StepKind, StepOutcome,
    Timestamp, Trigger,
};
use bongsu_probes::{Context, RunOrder};
use tokio_util::sync::CancellationToken;

use crate::accounts::Lease;
use crate::hurried;
use crate::inflight::RunInFlight;
use crate::plan::Planned;
use crate::state::Shared;

/// When and why a run begins.
#[derive(Debug)]
pub(crate) struct Occasion {
    pub(crate) trigger: Trigger,
    pub(crate) due: Timestamp,
    /// The slot's number, or a nonce.
    pub(crate) n: u64,
    pub(crate) started: Timestamp,
    pub(crate) plan_revision: Revision,
}

impl RunInFlight {
    pub(crate) fn of(planned: &Planned, shared: &Shared, occasion: Occasion) -> Self {
        let lineage = &planned.lineage;
        let identity = RunIdentity {
            agent: &shared.vantage.agent,
            target: &lineage.target,
            journey: &lineage.journey,
            variant: &lineage.variant,
            trigger: occasion.trigger.kind(),
            n: occasion.n,
        };
        Self {
            id: RunId::derive(identity, occasion.due),
            vantage: shared.vantage.clone(),
            target: lineage.target.clone(),
            journey: lineage.journey.clone(),
            journey_revision: planned.journey.revision.clone(),
            plan_revision: occasion.plan_revision,
            variant: lineage.variant.clone(),
            trigger: occasion.trigger,
            feature: planned.journey.feature.clone(),
            due: occasion.due,
            started: occasion.started,
            boot: shared.boot.clone(),
            seq: shared.next_seq(),
        }
    }
}

/// A run that is to be performed.
#[derive(Debug)]
pub(super) struct Order {
    pub(super) planned: Planned,
    pub(super) in_flight: RunInFlight,
    /// One per actor, in order; charged for the run, which is not on disk yet.
    pub(super) leases: Vec<Lease>,
    pub(super) cancel: CancellationToken,
}

/// What the loop needs to know of a run that ended and is spooled.
#[derive(Debug)]
pub(super) struct Ended {
    pub(super) verdict: Outcome,
    pub(super) ended: Timestamp,
    /// Actors, by index, whose account was refused, locked, throttled or not cleaned up.
    pub(super) against: Vec<usize>,
}

pub(super) async fn perform(order: Order, shared: Arc<Shared>) -> Ended {
    let in_flight = order.in_flight;
    note_begun(&order.planned.journey, &in_flight, &shared).await;
    let charged = in_flight.started;
    if let Err(error) = shared.budgets.save(&order.leases).await {
        tracing::error!(run = %in_flight.id, %error, "a run is not begun: its budget cannot be noted");
        return unnoted(in_flight, &shared).await;
    }
    let (clock, self_check) = hurried::surroundings(
        &shared.clock,
        &shared.controls,
        &shared.starvation,
        order.planned.journey.timeout,
    );
    let context = Context {
        clock,
        order: RunOrder {
            id: in_flight.id,
            vantage: in_flight.vantage,
            plan_revision: in_flight.plan_revision,
            variant: in_flight.variant,
            trigger: in_flight.trigger,
            due: in_flight.due,
            boot: in_flight.boot,
            seq: in_flight.seq,
            clock_offset_s: shared.offset.seconds(),
        },
        target: order.planned.target,
        accounts: order
            .leases
            .iter()
            .map(|lease| lease.account.clone())
            .collect(),
        sessions: shared.sessions.clone(),
        compensation: shared.debts.clone(),
        cancel: order.cancel,
        self_check,
    };
    let journey = &order.planned.journey;
    let report = bongsu_probes::run(journey, &context).await;
    shared
        .budgets
        .settle(&order.leases, journey, &report, charged);
    shared.spool_report(&report).await;
    Ended {
        verdict: report.facts.outcomes.verdict().clone(),
        ended: report.facts.ended,
        against: report
            .steps
            .iter()
            .filter(|step| {
                is_against_the_account(step.kind, &step.outcome, step.network.http_status)
            })
            .map(|step| step.actor_index as usize)
            .collect(),
    }
}

/// Before anything is sent that may leave something behind, the note is with the system; a run
/// that only asks does not wait for it.
async fn note_begun(journey: &Journey, in_flight: &RunInFlight, shared: &Shared) {
    let note = in_flight.clone();
    if journey.only_asks() {
        // A closed spool shows itself at the report.
        shared.spool.begin_soon(note);
    } else if let Ok(Err(error)) = shared.spool.begin(note).await {
        tracing::warn!(run = %in_flight.id, %error, "a run could not be noted as begun");
    }
}

/// Nothing is sent that is not in the budget on disk: the slot proves nothing.
async fn unnoted(in_flight: RunInFlight, shared: &Shared) -> Ended {
    let ended = shared.clock.wall();
    let verdict = Outcome::Blind(BlindReason::Internal);
    let report = in_flight.without_steps(verdict.clone(), CleanupState::None, ended);
    shared.spool_report(&report).await;
    Ended {
        verdict,
        ended,
        against: Vec::new(),
    }
}

/// Locked, throttled, refused, or a cleanup that failed: evidence about one account.
fn is_against_the_account(kind: StepKind, outcome: &StepOutcome, status: Option<u16>) -> bool {
    match outcome {
        StepOutcome::Fail(_) => {
            kind == StepKind::Cleanup || matches!(status, Some(401 | 403 | 423 | 429))
        }
        StepOutcome::Pass | StepOutcome::Slow | StepOutcome::Blind(_) => false,
    }
}

/// Tells the accounts what a run saw of them.
pub(super) fn learn_of_accounts(shared: &Shared, leases: &[Lease], ended: &Ended) {
    let now = shared.clock.wall();
    let mut accounts = shared.accounts();
    for (actor, lease) in leases.iter().enumerate() {
        if ended.against.contains(&actor) {
            accounts.failed(&lease.key, &lease.account.name, now);
        } else if ended.verdict.is_good() {
            accounts.worked(&lease.key, &lease.account.name, now);
        }
    }
}

/// What a run that broke off left behind.
pub(crate) fn cleanup_left(shared: &Shared, run: RunId) -> CleanupState {
    if shared.debts.has(run) {
        CleanupState::Owed
    } else {
        CleanupState::None
    }
}
