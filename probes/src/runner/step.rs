//! One step by one actor: its attempts, by `retry` and `poll`, within its budgets.

use std::time::Duration;

use bongsu_language::{Captured, GrpcStatus, Poll, Retry, RetryOn, Secrecy, Step};
use bongsu_model::{
    BlindReason, EarlierAttempt, FailClass, Monotonic, NetworkFacts, RedirectHop, Secret, StepKind,
    StepOutcome,
};

use super::Run;
use super::actor::Hands;
use super::attempt::{Attempt, Effect, Finality};
use crate::clock::{Budget, Deadline};
use crate::failure::Fault;

/// How long after a failed send it is repeated.
const RETRY_WAIT: Duration = Duration::from_millis(200);

/// How late a timer may be before the agent counts as starved. A busy host delays timers by tens
/// of milliseconds.
const LAG_MAX: Duration = Duration::from_secs(1);

/// Most earlier attempts that are reported; the counters count all of them.
const EARLIER_MAX: usize = 16;

/// A step as one actor performed it.
#[derive(Debug)]
pub(crate) struct Performance<'a> {
    step: &'a Step,
    actor: usize,
    attempts: u32,
    polls: u32,
    started: Monotonic,
    last: Attempt,
    /// Of all attempts together, each once.
    secrets: Vec<Secret>,
    earlier: Vec<EarlierAttempt>,
    /// When the first of its newest attempts began that failed one after the other.
    failing_since: Option<Monotonic>,
    /// Of all attempts together.
    effect: Effect,
    outcome: StepOutcome,
    overrun: Option<Duration>,
}

impl<'a> Run<'a> {
    /// Performs `step` as `actor` until it passes, may not be tried again, or `deadline` passes.
    pub(super) async fn perform(
        &self,
        step: &'a Step,
        actor: usize,
        hands: &mut Hands,
        deadline: Deadline,
    ) -> Performance<'a> {
        let elapsed = self
            .since(step)
            .map_or(Duration::ZERO, |since| self.now().since(since));
        let deadline = budget(step, deadline, elapsed);
        let mut tries = Tries::none();
        let mut not_yet = None;
        let last = loop {
            let own = Deadline::after(step.attempt_timeout(), Budget::Step);
            let limit = deadline.earlier(own);
            let mut attempt = self.attempt(step, actor, hands, limit).await;
            own_up_to_starvation(&mut attempt, limit);
            tries.learn(std::mem::take(&mut attempt.secrets));
            tries.count(step, &attempt);
            if self.is_refusal(step, actor, attempt.fault.as_ref()) {
                // Whoever is no longer known asks in vain, however often.
                break attempt;
            }
            match tries.next(step, &attempt, deadline, || self.now()) {
                Next::Done => break cut_by_poll(step, attempt, deadline, not_yet),
                Next::JourneyIsOver => {
                    break Attempt {
                        fault: Some(Fault::journey_deadline()),
                        ..attempt
                    };
                }
                Next::After(wait) => {
                    tries.remember(step, &attempt);
                    let ended = tokio::select! {
                        () = tokio::time::sleep(wait) => Waited::Long,
                        () = self.told_to_stop(step) => Waited::Stopped,
                    };
                    if ended == Waited::Stopped {
                        break Attempt {
                            fault: Some(Fault::interrupted()),
                            ..attempt
                        };
                    }
                    not_yet = attempt
                        .fault
                        .as_ref()
                        .is_some_and(is_not_yet)
                        .then_some(attempt);
                }
            }
        };
        let mut performance = Performance {
            step,
            actor,
            attempts: tries.attempts,
            polls: tries.polls,
            started: tries.started.unwrap_or(last.started),
            last,
            secrets: tries.secrets,
            earlier: tries.earlier,
            failing_since: tries.failing_since,
            effect: tries.effect,
            outcome: StepOutcome::Pass,
            overrun: None,
        };
        performance.judge_time(self.since(step).unwrap_or(performance.started));
        performance
    }

    /// Returns when the agent stops and `step` need not be waited for. Cleanup is never cut short.
    pub(super) async fn told_to_stop(&self, step: &Step) {
        match step.kind {
            StepKind::Step => self.context.cancel.cancelled().await,
            StepKind::Cleanup => std::future::pending().await,
        }
    }

    /// When the step began whose start starts this one's clock.
    fn since(&self, step: &Step) -> Option<Monotonic> {
        self.begun.get(step.since?).copied().flatten()
    }
}

/// A deadline that struck much too late struck because this process got no time to run: what it
/// then says of the platform is worth nothing.
fn own_up_to_starvation(attempt: &mut Attempt, limit: Deadline) {
    if !attempt.fault.as_ref().is_some_and(Fault::is_network) {
        return;
    }
    let overrun = limit.overrun();
    if overrun > LAG_MAX {
        attempt.fault = Some(Fault::Own {
            reason: BlindReason::Starved,
            detail: format!(
                "a timer of this agent was {:.1} s late",
                overrun.as_secs_f64()
            ),
        });
    }
}

/// How a wait between two attempts ended.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Waited {
    Long,
    Stopped,
}

/// What a poll ends with. Where its time is up soon after it was asked once more, that there was
/// no answer yet says nothing; that the condition did not hold before does.
fn cut_by_poll(
    step: &Step,
    attempt: Attempt,
    deadline: Deadline,
    not_yet: Option<Attempt>,
) -> Attempt {
    let (Some(poll), Some(before)) = (&step.poll, not_yet) else {
        return attempt;
    };
    let is_cut = deadline.budget() == Budget::Poll
        && deadline.has_passed()
        && attempt.fault.as_ref().is_some_and(Fault::is_network)
        && attempt.ended.since(attempt.started) < poll.every;
    if is_cut {
        Attempt {
            ended: attempt.ended,
            ..before
        }
    } else {
        attempt
    }
}

/// The deadline of all attempts together; `elapsed` of `within` has gone by before the step.
fn budget(step: &Step, deadline: Deadline, elapsed: Duration) -> Deadline {
    let mut earliest = deadline;
    if let Some(within) = step.within {
        let left = within.saturating_sub(elapsed);
        earliest = earliest.earlier(Deadline::after(left, Budget::Within));
    }
    if let Some(poll) = &step.poll {
        earliest = earliest.earlier(Deadline::after(poll.for_, Budget::Poll));
    }
    earliest
}

/// What comes after an attempt.
enum Next {
    Done,
    After(Duration),
    /// It would be tried again, but the journey's time is up.
    JourneyIsOver,
}

struct Tries {
    /// When the first attempt started.
    started: Option<Monotonic>,
    attempts: u32,
    polls: u32,
    secrets: Vec<Secret>,
    earlier: Vec<EarlierAttempt>,
    failing_since: Option<Monotonic>,
    effect: Effect,
}

impl Tries {
    fn none() -> Self {
        Self {
            started: None,
            attempts: 0,
            polls: 0,
            secrets: Vec::new(),
            earlier: Vec::new(),
            failing_since: None,
            effect: Effect::Impossible,
        }
    }

    /// Keeps what an attempt sent or was given and nobody may see: a later answer may say it too.
    fn learn(&mut self, secrets: Vec<Secret>) {
        for secret in secrets {
            if !self.secrets.contains(&secret) {
                self.secrets.push(secret);
            }
        }
    }

    fn count(&mut self, step: &Step, attempt: &Attempt) {
        self.started.get_or_insert(attempt.started);
        self.failing_since = attempt
            .fault
            .as_ref()
            .filter(|fault| matches!(fault, Fault::Platform { .. }) && !is_not_yet(fault))
            .map(|_| self.failing_since.unwrap_or(attempt.started));
        if attempt.effect == Effect::Possible {
            self.effect = Effect::Possible;
        }
        if step.poll.is_some() {
            self.polls = self.polls.saturating_add(1);
            self.attempts = self.attempts.max(1);
        } else {
            self.attempts = self.attempts.saturating_add(1);
        }
    }

    fn next(
        &self,
        step: &Step,
        attempt: &Attempt,
        deadline: Deadline,
        now: impl FnOnce() -> Monotonic,
    ) -> Next {
        let Some(fault @ Fault::Platform { .. }) = &attempt.fault else {
            return Next::Done;
        };
        if attempt.finality == Finality::Final || fault.is_journey_deadline() {
            return Next::Done;
        }
        let wait = match (&step.poll, &step.retry) {
            (Some(poll), _) => until_next_poll(poll, attempt, now()),
            (None, Some(retry)) if self.may_retry(retry, fault) => RETRY_WAIT,
            (None, _) => return Next::Done,
        };
        if deadline.left() > wait {
            return Next::After(wait);
        }
        // What failed by itself failed, also where no time is left to try again.
        match deadline.budget() {
            Budget::Journey if step.poll.is_some() && is_not_yet(fault) => Next::JourneyIsOver,
            Budget::Journey | Budget::Step | Budget::Within | Budget::Poll | Budget::Cleanup => {
                Next::Done
            }
        }
    }

    fn may_retry(&self, retry: &Retry, fault: &Fault) -> bool {
        let is_meant = retry.on.iter().any(|on| match on {
            RetryOn::Class(class) => fault.class() == Some(*class),
            RetryOn::Grpc(status) => {
                fault.class() == Some(FailClass::Status) && fault.detail() == status.name()
            }
            RetryOn::Status(status) => {
                fault.class() == Some(FailClass::Status) && fault.detail() == status.to_string()
            }
        });
        is_meant && self.attempts <= retry.times
    }

    /// Keeps a failed attempt for the report. That a poll's condition did not hold yet is no
    /// failure; that it could not be asked is.
    fn remember(&mut self, step: &Step, attempt: &Attempt) {
        let Some(Fault::Platform { class, detail }) = &attempt.fault else {
            return;
        };
        let is_expected = step.poll.is_some() && attempt.fault.as_ref().is_some_and(is_not_yet);
        if is_expected || self.earlier.len() == EARLIER_MAX {
            return;
        }
        self.earlier.push(EarlierAttempt {
            class: *class,
            detail: detail.clone(),
            duration: attempt.ended.since(attempt.started),
        });
    }
}

/// Whether a poll's condition does not hold yet, as opposed to that it could not be asked.
fn is_not_yet(fault: &Fault) -> bool {
    match fault.class() {
        Some(FailClass::Expectation) => true,
        Some(FailClass::Status) => {
            let grpc = GrpcStatus::from_name(fault.detail());
            !fault.detail().starts_with('5') && !grpc.is_some_and(GrpcStatus::is_server_fault)
        }
        _ => false,
    }
}

/// Polls start `every` apart; one that took longer is followed at once.
fn until_next_poll(poll: &Poll, attempt: &Attempt, now: Monotonic) -> Duration {
    poll.every.saturating_sub(now.since(attempt.started))
}

impl<'a> Performance<'a> {
    /// A step that could not be begun.
    pub(super) fn unsent(step: &'a Step, actor: usize, fault: Fault, now: Monotonic) -> Self {
        let mut performance = Self {
            step,
            actor,
            attempts: 1,
            polls: 0,
            started: now,
            last: Attempt::unsent(fault, now),
            secrets: Vec::new(),
            earlier: Vec::new(),
            failing_since: None,
            effect: Effect::Impossible,
            outcome: StepOutcome::Pass,
            overrun: None,
        };
        performance.judge_time(now);
        performance
    }

    /// Decides the outcome from the last attempt and the time since the step's clock started.
    fn judge_time(&mut self, since: Monotonic) {
        let took = self.last.arrived.unwrap_or(self.last.ended).since(since);
        self.overrun = self
            .step
            .slow
            .and_then(|slow| took.checked_sub(slow))
            .filter(|overrun| !overrun.is_zero());
        if self.last.fault.is_none() && self.step.within.is_some_and(|within| took > within) {
            self.last.fault = Some(Fault::platform(FailClass::Timeout, "within"));
        }
        self.outcome = match (&self.last.fault, self.overrun) {
            (Some(Fault::Platform { class, .. }), _) => StepOutcome::Fail(*class),
            (Some(Fault::Own { reason, .. }), _) => StepOutcome::Blind(*reason),
            (None, Some(_)) => StepOutcome::Slow,
            (None, None) => StepOutcome::Pass,
        };
    }

    /// Remembers what came before its first attempt and was none of its own.
    pub(super) fn came_after(&mut self, earlier: EarlierAttempt) {
        self.earlier.truncate(EARLIER_MAX - 1);
        self.earlier.insert(0, earlier);
    }

    /// Turns a failure of the network's into a fault of the agent's.
    pub(super) fn excuse(&mut self, reason: BlindReason) {
        if self.is_network_failure() {
            self.outcome = StepOutcome::Blind(reason);
        }
    }

    /// Whether it failed in a way that the agent's own network could be the cause of. Cleanup
    /// decides nothing, so nothing is asked for its sake.
    pub(super) fn is_network_failure(&self) -> bool {
        self.step.kind == StepKind::Step && self.last.fault.as_ref().is_some_and(Fault::is_network)
    }

    /// Whether a side effect of any of its attempts may have happened.
    pub(super) fn may_have_reached_the_platform(&self) -> bool {
        self.effect == Effect::Possible
    }

    pub(super) fn is_cut_by_the_journey(&self) -> bool {
        self.last
            .fault
            .as_ref()
            .is_some_and(Fault::is_journey_deadline)
    }

    pub(super) fn take_captured(&mut self) -> Vec<Captured> {
        std::mem::take(&mut self.last.captured)
    }

    pub(super) fn take_secrets(&mut self) -> Vec<Secret> {
        std::mem::take(&mut self.secrets)
    }

    pub(crate) fn step(&self) -> &'a Step {
        self.step
    }

    pub(crate) fn index(&self) -> u32 {
        self.step.index
    }

    pub(crate) fn kind(&self) -> StepKind {
        self.step.kind
    }

    pub(crate) fn actor(&self) -> usize {
        self.actor
    }

    pub(crate) fn attempts(&self) -> u32 {
        self.attempts
    }

    pub(crate) fn polls(&self) -> u32 {
        self.polls
    }

    pub(crate) fn started(&self) -> Monotonic {
        self.started
    }

    /// When the first of its newest attempts began that failed one after the other.
    pub(super) fn failing_since(&self) -> Monotonic {
        self.failing_since.unwrap_or(self.last.started)
    }

    /// When its last attempt began.
    pub(super) fn last_began(&self) -> Monotonic {
        self.last.started
    }

    pub(crate) fn ended(&self) -> Monotonic {
        self.last.ended
    }

    pub(crate) fn outcome(&self) -> StepOutcome {
        self.outcome
    }

    pub(crate) fn overrun(&self) -> Option<Duration> {
        self.overrun
    }

    pub(crate) fn earlier(&self) -> &[EarlierAttempt] {
        &self.earlier
    }

    pub(crate) fn fault(&self) -> Option<&Fault> {
        self.last.fault.as_ref()
    }

    /// Whether a secret that the step was to capture was not found, so that it may stand anywhere
    /// in the answer.
    pub(crate) fn has_unfound_secrets(&self) -> bool {
        let captures = self.step.captures.iter();
        let secret = captures.filter(|capture| capture.secrecy == Secrecy::Secret);
        secret.count() > self.last.secrets_found
    }

    pub(crate) fn mismatches(&self) -> &[String] {
        &self.last.mismatches
    }

    pub(crate) fn redirects(&self) -> &[RedirectHop] {
        &self.last.redirects
    }

    pub(crate) fn answer(&self) -> Option<&crate::http::Answer> {
        self.last.answer.as_ref()
    }

    pub(crate) fn phases(&self) -> bongsu_model::Phases {
        self.last.phases
    }

    pub(crate) fn take_network(&mut self) -> NetworkFacts {
        std::mem::take(&mut self.last.network)
    }
}
