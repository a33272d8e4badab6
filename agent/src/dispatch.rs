//! The agent's loop: slots and looks begin when they are due, within the bounds of rooms and accounts.

mod permit;
mod run;

pub(crate) use run::cleanup_left;

use std::collections::{HashMap, HashSet};
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use bongsu_model::{
    BlindReason, CleanupState, Monotonic, Outcome, PoolName, SkipReason, Timestamp, Trigger,
    Variant,
};
use bongsu_wire::opamp::{BurstOrder, BurstRefusal};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::accounts::Lease;
use crate::budget::Share;
use crate::burst::{Bursts, Standing};
use crate::config;
use crate::control_channel::Asked;
use crate::inflight::RunInFlight;
use crate::plan::{Plan, Planned};
use crate::schedule::{Decision, DueSlot, Lineage, Schedule};
use crate::state::{Shared, nonce};
use crate::watchdog::Pulse;
use permit::Permit;
use run::{Ended, Order};

/// Longest sleep: a wall clock that is set must be noticed.
const NAP_MAX: Duration = Duration::from_secs(1);

/// The least time between two records of one plan, however often a collector lacks it.
const TELL_AGAIN_AFTER: Duration = Duration::from_secs(60);

/// The bounds of a dispatcher.
#[derive(Debug)]
pub(crate) struct Bounds {
    pub(crate) concurrency: NonZeroUsize,
    pub(crate) bursts: config::Bursts,
}

/// Begins what is due and takes in what ended.
#[derive(Debug)]
pub(crate) struct Dispatcher {
    shared: Arc<Shared>,
    bounds: Bounds,
    plan: Arc<Plan>,
    plans: watch::Receiver<Arc<Plan>>,
    schedule: Schedule,
    bursts: Bursts,
    runs: JoinSet<Ended>,
    going: HashMap<tokio::task::Id, Going>,
    /// Lineages whose newest valid run was not good: they may use the reserve of budgets.
    troubled: HashSet<Lineage>,
    /// Cancelled on a graceful stop: runs end early and still clean up.
    cancel_runs: CancellationToken,
    pulse: Arc<Pulse>,
    /// Requests of collectors to run early.
    asked: mpsc::Receiver<Asked>,
    /// Whether the plan's record still has to be spooled.
    is_plan_untold: bool,
    /// From when the plan holds. Its record says so each time that it is told, so that one which
    /// comes late still covers the runs before it, and one that comes twice is the same.
    plan_valid_from: Timestamp,
    /// When its record was last spooled.
    plan_told: Monotonic,
}

#[derive(Debug)]
struct Going {
    lineage: Lineage,
    in_flight: RunInFlight,
    leases: Vec<Lease>,
}

impl Dispatcher {
    pub(crate) fn new(
        shared: Arc<Shared>,
        bounds: Bounds,
        pulse: Arc<Pulse>,
        asked: mpsc::Receiver<Asked>,
    ) -> Self {
        let plans = shared.plan.subscribe();
        let plan = shared.plan.current();
        let (plan_valid_from, plan_told) = (shared.clock.wall(), shared.clock.monotonic());
        Self {
            shared,
            bounds,
            plan,
            plans,
            schedule: Schedule::default(),
            bursts: Bursts::default(),
            runs: JoinSet::new(),
            going: HashMap::new(),
            troubled: HashSet::new(),
            cancel_runs: CancellationToken::new(),
            pulse,
            asked,
            is_plan_untold: true,
            plan_valid_from,
            plan_told,
        }
    }

    /// Runs until `stop`, then lets going runs clean up. Dropping the future aborts every run, as
    /// a crash would.
    pub(crate) async fn work(mut self, stop: CancellationToken) {
        self.adopt().await;
        loop {
            let nap = self.nap();
            tokio::select! {
                () = tokio::time::sleep(nap) => {}
                Some(joined) = self.runs.join_next_with_id(), if !self.runs.is_empty() => {
                    self.take_in(joined).await;
                }
                changed = self.plans.changed() => {
                    if changed.is_ok() {
                        self.adopt().await;
                    }
                }
                Some(asked) = self.asked.recv() => self.begin_asked(&asked).await,
                () = stop.cancelled() => break,
            }
            self.tell_plan().await;
            self.begin_due().await;
        }
        self.drain().await;
    }

    /// Takes on the newest plan. Going runs end on the plan that they began with.
    async fn adopt(&mut self) {
        let known = self.plan.revision.clone();
        self.plan = self.plans.borrow_and_update().clone();
        for target in &self.plan.targets {
            target.set_link(self.shared.gate.link());
        }
        let now = self.shared.clock.wall();
        let entries: Vec<_> = self
            .plan
            .planned
            .iter()
            .map(|planned| (planned.lineage.clone(), planned.cadence))
            .collect();
        let periods: Vec<_> = entries
            .iter()
            .map(|(lineage, cadence)| (lineage.clone(), cadence.period()))
            .collect();
        self.schedule.replace(&entries, now);
        self.bursts.replace(&periods, now);
        let pools = self.plan.accounts.iter();
        let budgets = pools.clone().map(|pool| {
            let names = pool.accounts.iter().map(|account| account.name.clone());
            (pool.key.clone(), pool.budget, names.collect())
        });
        self.shared.budgets.replace(budgets.collect()).await;
        let accounts = pools.map(|pool| (pool.key.clone(), pool.accounts.clone()));
        self.shared.accounts().replace(accounts.collect());
        self.troubled
            .retain(|lineage| self.plan.find(lineage).is_some());
        self.shared.sessions.retain(|target, journey| {
            let lineage = Lineage {
                target: target.clone(),
                journey: journey.clone(),
                variant: Variant::warm(),
            };
            self.plan.find(&lineage).is_some()
        });
        let longest = self
            .plan
            .planned
            .iter()
            .map(|planned| planned.deadline)
            .max();
        let period = self.schedule.shortest_period();
        self.pulse.expect(period, longest.unwrap_or_default());
        if self.plan.revision != known {
            self.is_plan_untold = true;
            self.plan_valid_from = now;
        }
        self.tell_plan().await;
    }

    /// Spools the plan's record; what a full disk did not take is tried again at the next turn,
    /// since without it nobody can make sense of the runs. So is what a collector lacks.
    async fn tell_plan(&mut self) {
        let now = self.shared.clock.monotonic();
        self.is_plan_untold |=
            now.since(self.plan_told) >= TELL_AGAIN_AFTER && self.shared.doubts.is_any();
        if self.is_plan_untold {
            self.plan_told = now;
            self.shared.doubts.clear();
            let spooling = self.shared.spool_plan(&self.plan, self.plan_valid_from);
            self.is_plan_untold = !spooling.await;
        }
    }

    fn nap(&self) -> Duration {
        let wake = [self.schedule.next_wakeup(), self.bursts.next_wakeup()];
        let Some(wake) = wake.into_iter().flatten().min() else {
            return NAP_MAX;
        };
        let clock = &*self.shared.clock;
        let speed = clock.speed().max(f64::MIN_POSITIVE);
        wake.since(clock.wall()).div_f64(speed).min(NAP_MAX)
    }

    async fn begin_due(&mut self) {
        let now = self.shared.clock.wall();
        for slot in self.schedule.due(now) {
            self.begin_slot(slot, now).await;
        }
        if self.bounds.bursts == config::Bursts::Off {
            return;
        }
        let (going, schedule) = (&self.going, &self.schedule);
        let looks = self
            .bursts
            .due(now, |lineage| standing(going, schedule, lineage));
        for lineage in looks {
            // One that finds no room is given up: the next slot looks anyway.
            let _ = self.begin_look(&lineage, now);
        }
    }

    /// Runs early for a collector, or tells it why not.
    async fn begin_asked(&mut self, asked: &Asked) {
        // A slot that is due goes first.
        self.begin_due().await;
        if let Err(refusal) = self.try_asked(&asked.order) {
            tracing::debug!(order = ?asked.order, refusal = refusal.as_str(), "not run early");
            self.shared.counts.burst_refused(refusal);
            asked.refuse(refusal);
        }
    }

    fn try_asked(&mut self, order: &BurstOrder) -> Result<(), BurstRefusal> {
        if self.bounds.bursts == config::Bursts::Off {
            return Err(BurstRefusal::Off);
        }
        let now = self.shared.clock.wall();
        // The order tells the collector's time.
        let offset = Duration::try_from_secs_f64(self.shared.offset.seconds().abs());
        let offset = offset.unwrap_or_default();
        let until = if self.shared.offset.seconds() < 0.0 {
            order.until - offset
        } else {
            order.until + offset
        };
        if now >= until {
            return Err(BurstRefusal::Stale);
        }
        let lineage = Lineage {
            target: order.target.clone(),
            journey: order.journey.clone(),
            variant: order.variant.clone(),
        };
        let standing = standing(&self.going, &self.schedule, &lineage);
        self.bursts.ask(&lineage, now, standing)?;
        self.begin_look(&lineage, now)
    }

    async fn begin_slot(&mut self, slot: DueSlot, now: Timestamp) {
        let Some(planned) = self.plan.find(&slot.lineage).cloned() else {
            return;
        };
        let trigger = Trigger::Scheduled { slot: slot.slot };
        let in_flight = self.describe(&planned, trigger, slot.due, slot.slot, now);
        let refusal = match slot.decision {
            Decision::Skip(reason) => Some(Outcome::Skipped(reason)),
            Decision::Run if permit::is_held_back(&planned) => {
                Some(Outcome::Skipped(SkipReason::KillSwitch))
            }
            Decision::Run if self.going.len() >= self.bounds.concurrency.get() => {
                Some(Outcome::Skipped(SkipReason::RateLimit))
            }
            Decision::Run => match self.lease(&planned, slot.slot, now) {
                Ok(leases) => {
                    self.spawn(planned, in_flight, leases);
                    return;
                }
                Err(outcome) => Some(outcome),
            },
        };
        if slot.decision == Decision::Run {
            self.schedule.finished(&slot.lineage);
        }
        if let Some(outcome) = refusal {
            let report = in_flight.without_steps(outcome, CleanupState::None, now);
            self.shared.spool_report(&report).await;
            self.pulse.beat();
        }
    }

    /// Begins a look if there is room and an account to spare.
    fn begin_look(&mut self, lineage: &Lineage, now: Timestamp) -> Result<(), BurstRefusal> {
        let planned = self.plan.find(lineage).cloned();
        let planned = planned.ok_or(BurstRefusal::Unknown)?;
        // The last room is for a slot.
        if permit::is_held_back(&planned) {
            return Err(BurstRefusal::Off);
        }
        if self.going.len() + 1 >= self.bounds.concurrency.get() {
            return Err(BurstRefusal::NoRoom);
        }
        let permit = self.permit(&planned, None, now);
        let leases = {
            let (mut accounts, target) = (self.shared.accounts(), &planned.lineage.target);
            let pools = pools(&planned);
            // Accounts that are locked or throttled alike are not asked more than the plan does.
            if accounts.fail_alike(target, &pools) {
                return Err(BurstRefusal::NoRoom);
            }
            accounts.lease_to_spare(target, &pools, now, &permit)
        };
        let leases = leases.ok_or(BurstRefusal::NoRoom)?;
        let in_flight = self.describe(&planned, Trigger::Burst, now, nonce(), now);
        self.spawn(planned, in_flight, leases);
        Ok(())
    }

    fn lease(&self, planned: &Planned, slot: u64, now: Timestamp) -> Result<Vec<Lease>, Outcome> {
        let permit = self.permit(planned, Some(slot), now);
        self.shared
            .accounts()
            .lease(&planned.lineage.target, &pools(planned), now, &permit)
    }

    fn permit<'a>(&'a self, planned: &'a Planned, slot: Option<u64>, now: Timestamp) -> Permit<'a> {
        Permit {
            shared: &self.shared,
            plan: &self.plan,
            planned,
            share: if self.troubled.contains(&planned.lineage) {
                Share::Whole
            } else {
                Share::Routine
            },
            slot,
            now,
        }
    }

    fn describe(
        &self,
        planned: &Planned,
        trigger: Trigger,
        due: Timestamp,
        n: u64,
        now: Timestamp,
    ) -> RunInFlight {
        RunInFlight::of(
            planned,
            &self.shared,
            run::Occasion {
                trigger,
                due,
                n,
                started: now,
                plan_revision: self.plan.revision.clone(),
            },
        )
    }

    fn spawn(&mut self, planned: Planned, in_flight: RunInFlight, leases: Vec<Lease>) {
        let charged = in_flight.started;
        self.shared
            .budgets
            .charge(&leases, &planned.journey, charged);
        let order = Order {
            planned,
            in_flight: in_flight.clone(),
            leases: leases.clone(),
            cancel: self.cancel_runs.clone(),
        };
        let lineage = order.planned.lineage.clone();
        let handle = self.runs.spawn(run::perform(order, self.shared.clone()));
        let going = Going {
            lineage,
            in_flight,
            leases,
        };
        self.going.insert(handle.id(), going);
        self.note_going();
    }

    fn note_going(&self) {
        let going = &self.shared.counts.going;
        going.store(
            self.going.len() as u64,
            std::sync::atomic::Ordering::Relaxed,
        );
    }

    async fn take_in(&mut self, joined: Result<(tokio::task::Id, Ended), tokio::task::JoinError>) {
        let id = match &joined {
            Ok((id, _)) => *id,
            Err(error) => error.id(),
        };
        let Some(going) = self.going.remove(&id) else {
            return;
        };
        self.note_going();
        self.shared.accounts().release(&going.leases);
        self.shared.debts.run_ended(going.in_flight.id);
        if going.in_flight.trigger.slot().is_some() {
            self.schedule.finished(&going.lineage);
            self.pulse.beat();
        }
        let ended = match joined {
            Ok((_, ended)) => ended,
            Err(error) => {
                // A run that panicked still answers its slot, and proves nothing.
                tracing::error!(run = %going.in_flight.id, %error, "a run broke off");
                let now = self.shared.clock.wall();
                let cleanup = cleanup_left(&self.shared, going.in_flight.id);
                let outcome = Outcome::Blind(BlindReason::Internal);
                let report = going.in_flight.without_steps(outcome, cleanup, now);
                self.shared.spool_report(&report).await;
                return;
            }
        };
        run::learn_of_accounts(&self.shared, &going.leases, &ended);
        self.shared.debts.learn(&going.lineage, &ended.verdict);
        match &ended.verdict {
            // A collector that can ask sees more than this agent, and says when and whom.
            Outcome::Fail(_) => {
                if !self.shared.can_be_asked() {
                    self.bursts.failed(&going.lineage, ended.ended);
                }
                self.troubled.insert(going.lineage);
            }
            Outcome::Pass | Outcome::Slow => {
                self.bursts.passed(&going.lineage);
                self.troubled.remove(&going.lineage);
            }
            Outcome::Blocked(_) | Outcome::Blind(_) | Outcome::Skipped(_) => {}
        }
    }

    /// Lets going runs clean up; slots that fall due meanwhile are told as skipped.
    async fn drain(&mut self) {
        self.cancel_runs.cancel();
        while !self.runs.is_empty() {
            let nap = self.nap();
            tokio::select! {
                Some(joined) = self.runs.join_next_with_id() => self.take_in(joined).await,
                () = tokio::time::sleep(nap) => {}
            }
            let now = self.shared.clock.wall();
            for mut slot in self.schedule.due(now) {
                slot.decision = Decision::Skip(SkipReason::Draining);
                self.begin_slot(slot, now).await;
            }
        }
    }
}

/// What stands against a look at `lineage`; None if it is not planned.
fn standing(
    going: &HashMap<tokio::task::Id, Going>,
    schedule: &Schedule,
    lineage: &Lineage,
) -> Option<Standing> {
    Some(Standing {
        is_running: going.values().any(|run| run.lineage == *lineage),
        next_due: schedule.next_due(lineage)?,
    })
}

/// The pool of each actor, in order.
fn pools(planned: &Planned) -> Vec<PoolName> {
    let actors = planned.journey.actors.iter();
    actors.map(|actor| actor.pool.clone()).collect()
}
