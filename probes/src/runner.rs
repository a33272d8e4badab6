//! One run: its steps in order, then its cleanup, then its report. It always returns.

mod act;
mod actor;
mod attempt;
mod cleanup;
mod debts;
mod grpc;
mod net;
mod pay;
mod performed;
mod step;
mod warm;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use bongsu_language::{Environment, Journey, Need, RunWords, Secrecy, Step};
use bongsu_model::{
    BlindReason, CleanupState, Monotonic, RunId, RunReport, StepKind, StepOutcome, TimeAnchor,
};

use crate::attribution::{Ending, PerformedStep, PlannedStep, attribute};
use crate::clock::{Budget, Deadline};
use crate::context::{Context, StepWatch, Unwatched};
use crate::failure::Fault;
use crate::phases::{Phase, Stopwatch};
use crate::redact::Mask;
use crate::report;
use crate::session::Session;
use actor::Hands;
use debts::Debts;
pub use pay::pay;
use performed::{Performed, StepFailed};
pub(crate) use step::Performance;
use warm::{Refused, Standing};

/// How far the wall clock may move against the monotonic one during a run. A jump beyond it means
/// that stamps are wrong, so that the run proves nothing.
const CLOCK_JUMP_MAX: Duration = Duration::from_secs(1);

/// How long closing what is left open may take at the end of a run.
const GOODBYE_TIMEOUT: Duration = Duration::from_millis(200);

/// Performs `journey` once and reports it.
///
/// It ends within the journey's `timeout` and `cleanup_timeout` together, whatever the platform
/// does; cleanup runs also after a failure, a timeout or a cancellation. Dropping the future
/// instead of cancelling leaves the cleanup to the compensation log.
pub async fn run(journey: &Journey, context: &Context) -> RunReport {
    run_watched(journey, context, &Unwatched).await
}

/// As [`run`], and tells `watch` how far it is.
pub async fn run_watched(journey: &Journey, context: &Context, watch: &dyn StepWatch) -> RunReport {
    let mut run = Run::new(journey, context, context.order.id);
    run.watch = watch;
    if context.accounts.len() < journey.actors.len() {
        return run.report(Some(BlindReason::NoAccount), CleanupState::None);
    }
    run.resume_sessions();
    let deadline = Deadline::after(journey.timeout, Budget::Journey);
    run.perform_steps(deadline).await;
    run.settle_sessions();

    let network_failures = run.performances.iter().filter(|p| p.is_network_failure());
    let failing_since = network_failures.map(Performance::failing_since).min();
    let budget = Deadline::after(journey.cleanup_timeout, Budget::Cleanup);
    let checking = async {
        if let Some(since) = failing_since {
            // A check that was cut short has found nothing out, and what is not known is never
            // charged: controls that do not answer in all of that time are no sign of health.
            let asked = budget.bound(context.self_check.own_fault(since)).await;
            asked.unwrap_or(Some(BlindReason::Starved))
        } else {
            None
        }
    };
    let cleaning = async {
        let cleanup = run.clean_up(budget).await;
        run.say_goodbye(budget).await;
        cleanup
    };
    let (own_fault, cleanup) = futures_util::join!(checking, cleaning);
    run.leave_sessions();

    if let Some(reason) = own_fault {
        run.excuse_network_failures(reason);
    }
    let has_jumped = run.anchor.drift(context.clock.as_ref()) > CLOCK_JUMP_MAX;
    let blind = has_jumped.then_some(BlindReason::Clock).or(own_fault);
    run.report(blind, cleanup)
}

/// What a run has and what it has done.
#[derive(Debug)]
struct Run<'a> {
    journey: &'a Journey,
    context: &'a Context,
    id: RunId,
    environment: Environment,
    hands: Vec<Hands>,
    standings: Vec<Standing>,
    /// By actor, what the next warm run will begin with.
    kept: BTreeMap<usize, Session>,
    anchor: TimeAnchor,
    /// When each step was first begun, by its index; later by as long as the clocks stood still.
    begun: Vec<Option<Monotonic>>,
    /// The steps that were or are to be performed; those left out by `when` are taken away.
    planned: Vec<PlannedStep>,
    performances: Vec<Performance<'a>>,
    debts: Debts,
    /// The variables that cleanup reads and that no account has.
    cleanup_reads: BTreeSet<Need>,
    mask: Mask,
    watch: &'a dyn StepWatch,
}

impl<'a> Run<'a> {
    fn new(journey: &'a Journey, context: &'a Context, id: RunId) -> Self {
        let anchor = TimeAnchor::new(context.clock.as_ref());
        let words = RunWords {
            id,
            agent: context.order.vantage.agent.clone(),
            region: context.order.vantage.region.clone(),
        };
        let now = context.clock.wall();
        let mut environment = Environment::new(journey, context.target.profile(), words, now);
        let mut mask = Mask::default();
        for secret in context.target.proxy_secrets() {
            mask.learn(&secret);
        }
        for (actor, account) in context.accounts.iter().enumerate() {
            for (name, value) in &account.fields {
                environment.set(actor, name, value.clone(), Secrecy::Public);
            }
            for (name, secret) in &account.secrets {
                environment.set(actor, name, secret.expose().into(), Secrecy::Secret);
                mask.learn(secret);
            }
        }
        Self {
            journey,
            context,
            id,
            environment,
            hands: journey.actors.iter().map(|_| Hands::default()).collect(),
            standings: vec![Standing::Stranger; journey.actors.len()],
            kept: BTreeMap::new(),
            anchor,
            begun: vec![None; journey.steps.len() + journey.cleanup.len()],
            planned: journey.steps.iter().map(planned).collect(),
            performances: Vec::with_capacity(journey.steps.len()),
            debts: Debts::default(),
            cleanup_reads: debts::cleanup_reads(journey, context),
            mask,
            watch: &Unwatched,
        }
    }

    /// Performs the steps in order until one fails, the agent stops or the deadline passes.
    async fn perform_steps(&mut self, deadline: Deadline) {
        let journey = self.journey;
        for step in &journey.steps {
            if self.context.cancel.is_cancelled() {
                return;
            }
            let actors = match self.acting(step) {
                Ok(actors) => actors,
                Err(fault) => {
                    let failed = Performance::unsent(step, step.actors[0], fault, self.now());
                    self.performances.push(failed);
                    return;
                }
            };
            self.plan_only(step, actors.len());
            if actors.is_empty() {
                continue;
            }
            if self.perform_step(step, &actors, deadline).await.is_err() {
                return;
            }
        }
    }

    /// The actors for whom the step's `when` holds, without those who are signed in already.
    fn acting(&self, step: &Step) -> Result<Vec<usize>, Fault> {
        let mut actors = Vec::with_capacity(step.actors.len());
        for actor in &step.actors {
            if self.passes_over(step, *actor) {
                continue;
            }
            let applies = step
                .applies(&self.environment, *actor)
                .map_err(|error| Fault::internal(error.to_string()))?;
            if applies {
                actors.push(*actor);
            }
        }
        Ok(actors)
    }

    fn plan_only(&mut self, step: &Step, actors: usize) {
        self.planned.retain_mut(|planned| {
            if planned.index == step.index {
                planned.actors = actors;
            }
            planned.actors > 0
        });
    }

    /// One more actor is to perform `step` after all.
    fn plan_also(&mut self, step: &Step) {
        let mut known = self.planned.iter_mut();
        match known.find(|planned| planned.index == step.index) {
            Some(planned) => planned.actors += 1,
            None => self.planned.push(PlannedStep {
                actors: 1,
                ..planned(step)
            }),
        }
    }

    /// Performs one step by all of `actors` at the same time; all end before this does. Those whose
    /// session turns out to have ended sign in and perform it once more.
    ///
    /// # Errors
    /// When it did not pass for every one of them.
    async fn perform_step(
        &mut self,
        step: &'a Step,
        actors: &[usize],
        deadline: Deadline,
    ) -> Result<(), StepFailed> {
        self.watch.begins(step);
        let performed = self.perform_once(step, actors, deadline).await;
        let Some(since) = performed.refused.iter().map(|one| one.began).min() else {
            return performed.ended;
        };
        let refused: Vec<usize> = performed.refused.iter().map(|one| one.actor).collect();
        for actor in &refused {
            self.forget_session(*actor);
        }
        let begun = self.begun.clone();
        for actor in &refused {
            self.sign_in_again(*actor, step, deadline).await?;
        }
        let prepared = self.prepare(step, &refused, deadline).await;
        self.stop_clocks(begun, since);
        let again = match prepared {
            Ok(()) => self.perform_now(step, &refused, deadline).await,
            Err(StepFailed) => Performed::not_begun(),
        };
        for Refused { actor, told, .. } in performed.refused {
            let mut own = self.performances.iter_mut().rev();
            if let Some(own) = own.find(|p| p.actor() == actor && p.index() == step.index) {
                own.came_after(told);
            }
        }
        performed.ended.and(again.ended)
    }

    async fn perform_once(
        &mut self,
        step: &'a Step,
        actors: &[usize],
        deadline: Deadline,
    ) -> Performed {
        match self.prepare(step, actors, deadline).await {
            Ok(()) => self.perform_now(step, actors, deadline).await,
            Err(StepFailed) => Performed::not_begun(),
        }
    }

    /// Does what comes before a step: waits, and writes down what it may leave behind.
    ///
    /// # Errors
    /// When the step cannot be begun, which is then how it ended for all of `actors`.
    async fn prepare(
        &mut self,
        step: &'a Step,
        actors: &[usize],
        deadline: Deadline,
    ) -> Result<(), StepFailed> {
        let mut prepared = self.wait_before(step, deadline).await;
        if prepared.is_ok() {
            self.environment.set_now(self.anchor.stamp(self.now()));
            prepared = self.owe_before(step, deadline).await;
        }
        prepared.map_err(|fault| {
            for actor in actors {
                let failed = Performance::unsent(step, *actor, fault.clone(), self.now());
                self.performances.push(failed);
            }
            StepFailed
        })
    }

    async fn perform_now(
        &mut self,
        step: &'a Step,
        actors: &[usize],
        deadline: Deadline,
    ) -> Performed {
        let begun = self.now();
        if let Some(slot) = usize::try_from(step.index)
            .ok()
            .and_then(|at| self.begun.get_mut(at))
        {
            slot.get_or_insert(begun);
        }
        let mut hands = std::mem::take(&mut self.hands);
        let mut performed = Performed::by_nobody();
        if let [actor] = actors
            && let Some(own) = hands.get_mut(*actor)
        {
            // Nearly every step is performed by one: there is nothing to join.
            let performance = self.perform(step, *actor, own, deadline).await;
            self.conclude(step, performance, &mut performed);
        } else {
            let stage = &*self;
            let performing = hands
                .iter_mut()
                .enumerate()
                .filter(|(actor, _)| actors.contains(actor))
                .map(|(actor, hands)| stage.perform(step, actor, hands, deadline));
            for performance in Box::pin(futures_util::future::join_all(performing)).await {
                self.conclude(step, performance, &mut performed);
            }
        }
        self.hands = hands;
        self.owe_what_was_captured(deadline).await;
        performed
    }

    /// Takes in how one of its actors performed a step.
    fn conclude(
        &mut self,
        step: &Step,
        mut performance: Performance<'a>,
        performed: &mut Performed,
    ) {
        self.take_in(step, &mut performance);
        if self.is_refused(&performance) {
            performed.refused.push(performance.as_refused());
            return;
        }
        if !performance.is_passed() {
            performed.ended = Err(StepFailed);
        }
        self.performances.push(performance);
    }

    /// Waits as long as the step says, unless the time is up or the agent stops before.
    async fn wait_before(&self, step: &Step, deadline: Deadline) -> Result<(), Fault> {
        let Some(wait) = step.wait_before else {
            return Ok(());
        };
        let pause = deadline.bound(tokio::time::sleep(wait));
        tokio::select! {
            waited = pause => waited.map_err(|struck| Fault::struck(struck, Phase::Wait)),
            () = self.told_to_stop(step) => Err(Fault::interrupted()),
        }
    }

    /// Keeps what a performance captured and learned.
    fn take_in(&mut self, step: &Step, performance: &mut Performance<'_>) {
        for secret in performance.take_secrets() {
            self.mask.learn(&secret);
        }
        for captured in performance.take_captured() {
            if captured.secrecy == Secrecy::Secret {
                for text in captured.texts() {
                    self.mask.learn(&text);
                }
            }
            let actor = performance.actor();
            self.environment
                .set(actor, &captured.name, captured.value, captured.secrecy);
        }
        if performance.may_have_reached_the_platform() {
            self.debts.made(step, performance.actor());
        }
    }

    /// Closes the sockets that are still open, so that the platform does not take a test account
    /// for present that is gone.
    async fn say_goodbye(&mut self, budget: Deadline) {
        let deadline = budget.earlier(Deadline::after(GOODBYE_TIMEOUT, Budget::Step));
        for hands in &mut self.hands {
            for (_, socket) in std::mem::take(&mut hands.sockets) {
                let mut watch = Stopwatch::start(&self.context.clock);
                // The run is over; a socket that cannot be closed politely is dropped.
                let _ = socket.close(&mut watch, deadline).await;
            }
        }
    }

    fn now(&self) -> Monotonic {
        self.context.clock.monotonic()
    }

    /// The agent was at fault: what looked like the network's failure is none of the platform's.
    fn excuse_network_failures(&mut self, reason: BlindReason) {
        for performance in &mut self.performances {
            performance.excuse(reason);
        }
    }

    fn report(mut self, blind: Option<BlindReason>, cleanup: CleanupState) -> RunReport {
        let ended = self.now();
        for credential in self
            .hands
            .iter()
            .flat_map(|hands| hands.cookies.credentials())
        {
            self.mask.learn(credential);
        }
        Hands::close_behind(self.hands);
        let performed: Vec<PerformedStep> = self
            .performances
            .iter()
            .filter(|performance| performance.kind() == StepKind::Step)
            .map(Performance::for_attribution)
            .collect();
        let outcomes = attribute(&self.journey.feature, &self.planned, &performed, blind);
        self.performances.sort_by_key(Performance::started);
        let parts = report::Parts {
            journey: self.journey,
            context: self.context,
            id: self.id,
            anchor: self.anchor,
            ended,
            outcomes,
            cleanup,
            mask: &self.mask,
        };
        report::assemble(parts, self.performances)
    }
}

fn planned(step: &Step) -> PlannedStep {
    PlannedStep {
        index: step.index,
        feature: step.feature.clone(),
        actors: step.actors.len(),
    }
}

impl Performance<'_> {
    fn for_attribution(&self) -> PerformedStep {
        PerformedStep {
            index: self.index(),
            outcome: self.outcome(),
            ended: self.ended(),
            overrun: self.overrun(),
            ending: if self.is_cut_by_the_journey() {
                Ending::JourneyDeadline
            } else {
                Ending::Own
            },
        }
    }

    fn is_passed(&self) -> bool {
        matches!(self.outcome(), StepOutcome::Pass | StepOutcome::Slow)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn assert_send<T: Send>(_: impl Fn(&'static Journey, &'static Context) -> T) {}

    #[test]
    fn runs_can_move_between_threads() {
        assert_send(run);
        assert_send(|journey, context| async move {
            let debt: &crate::Debt = std::future::pending().await;
            pay(journey, debt, context).await
        });
    }
}
