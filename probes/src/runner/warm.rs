//! Warm runs: they begin with the session of an earlier one, pass over signing in, sign in again
//! where the platform no longer knows the session, and leave it to the next run.

use std::collections::BTreeMap;

use bongsu_language::{GrpcStatus, Scope, Step};
use bongsu_model::{EarlierAttempt, FailClass, Monotonic, StepKind, Variant};

use super::{Performance, Run, StepFailed};
use crate::clock::Deadline;
use crate::failure::Fault;
use crate::session::{Session, SessionOwner};

/// How an actor stands to the platform in a warm run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    /// It signs in as in every run.
    Stranger,
    /// It has the session of an earlier run.
    Known,
}

/// An actor whose session the platform no longer knew.
#[derive(Debug)]
pub(super) struct Refused {
    pub(super) actor: usize,
    /// When the attempt began that was refused.
    pub(super) began: Monotonic,
    /// What is to be told of it: no failure, and no retry.
    pub(super) told: EarlierAttempt,
}

impl Run<'_> {
    /// Gives each actor the session that is kept for its account, if the run is a warm one.
    pub(super) fn resume_sessions(&mut self) {
        if !self.is_warm() {
            return;
        }
        for actor in 0..self.journey.actors.len() {
            let owner = self.owner(actor);
            let revision = &self.journey.revision;
            let Some(session) = self.context.sessions.take(&owner, revision) else {
                continue;
            };
            for (name, variable) in session.given.into_values().flatten() {
                self.environment
                    .set(actor, &name, variable.value, variable.secrecy);
            }
            self.hands[actor].cookies = session.cookies;
            self.standings[actor] = Standing::Known;
        }
        for secret in self.environment.secrets() {
            self.mask.learn(&secret);
        }
    }

    /// Whether `actor` has what the step's fragment gives, so that it need not be performed.
    pub(super) fn passes_over(&self, step: &Step, actor: usize) -> bool {
        self.standings[actor] == Standing::Known && self.journey.is_passed_over_when_warm(step)
    }

    /// Whether the platform no longer knows the session that the actor came with. Cleanup signs
    /// nobody in: what cannot be undone stays owed.
    pub(super) fn is_refusal(&self, step: &Step, actor: usize, fault: Option<&Fault>) -> bool {
        step.kind == StepKind::Step
            && self.standings[actor] == Standing::Known
            && fault.is_some_and(is_unauthenticated)
    }

    pub(super) fn is_refused(&self, performance: &Performance<'_>) -> bool {
        self.is_refusal(performance.step(), performance.actor(), performance.fault())
    }

    /// The platform no longer knows `actor`, who has to sign in again.
    pub(super) fn forget_session(&mut self, actor: usize) {
        self.standings[actor] = Standing::Stranger;
        self.context.sessions.note_refused();
        self.hands[actor].cookies.clear();
    }

    /// Performs what `actor` passed over on its way to `refused`, as a run without a session does.
    ///
    /// # Errors
    /// When a step of signing in did not pass.
    pub(super) async fn sign_in_again(
        &mut self,
        actor: usize,
        refused: &Step,
        deadline: Deadline,
    ) -> Result<(), StepFailed> {
        let journey = self.journey;
        let before = journey.steps.iter();
        for step in before.take_while(|step| step.index < refused.index) {
            if !(journey.is_passed_over_when_warm(step) && step.actors.contains(&actor)) {
                continue;
            }
            let applies = step.applies(&self.environment, actor);
            if applies.is_ok_and(|applies| !applies) {
                continue;
            }
            self.plan_also(step);
            // What is timed from signing in is timed from this one.
            self.begun[step.index as usize] = None;
            if !self
                .perform_once(step, &[actor], deadline)
                .await
                .is_passed()
            {
                return Err(StepFailed);
            }
        }
        Ok(())
    }

    /// Takes the time from `since` until now, which went into signing in again, off every clock
    /// that ran by then: no feature is to be charged with it. `begun` is when the steps had begun
    /// that started them.
    pub(super) fn stop_clocks(&mut self, begun: Vec<Option<Monotonic>>, since: Monotonic) {
        let lost = self.now().since(since);
        for (clock, begun) in self.begun.iter_mut().zip(begun) {
            *clock = begun.map(|begun| begun + lost).or(*clock);
        }
    }

    /// Settles for whom the session is kept after this run: what would end it is not owed then.
    ///
    /// A step that failed by what was answered may have failed because of the session; the next
    /// run then begins without one. Where nothing was answered, or only that the platform cannot,
    /// the session is not in doubt: while signing in is impossible it is all there is.
    pub(super) fn settle_sessions(&mut self) {
        if !self.is_warm() || self.context.cancel.is_cancelled() {
            // An agent that stops leaves no next run.
            return;
        }
        for actor in 0..self.journey.actors.len() {
            let mut own = self.performances.iter().filter(|p| p.actor() == actor);
            if own.any(Performance::puts_session_in_doubt) {
                continue;
            }
            let Some(session) = self.session(actor) else {
                continue;
            };
            for n in 0..self.journey.uses.len() {
                if self.journey.uses[n].is_session {
                    self.debts.forget(Scope::Fragment(n), actor);
                }
            }
            self.kept.insert(actor, session);
        }
    }

    /// Leaves the sessions to the next run, but for those that cleanup found ended.
    pub(super) fn leave_sessions(&mut self) {
        for (actor, mut session) in std::mem::take(&mut self.kept) {
            let mut own = self.performances.iter().filter(|p| p.actor() == actor);
            if own.any(|p| p.fault().is_some_and(is_unauthenticated)) {
                continue;
            }
            // Cleanup may have been given newer ones.
            session.cookies = self.hands[actor].cookies.to_keep();
            self.context.sessions.keep(self.owner(actor), session);
        }
    }

    /// What `actor` has of all fragments that sign it in; none if one was not performed whole.
    fn session(&self, actor: usize) -> Option<Session> {
        let mut given = BTreeMap::new();
        let uses = self.journey.uses.iter();
        for used in uses.filter(|used| used.is_session && used.actors.contains(&actor)) {
            let is_known = self.standings[actor] == Standing::Known;
            let mut steps = self.journey.steps[used.steps.clone()].iter();
            if !is_known && !steps.all(|step| self.has_passed(step, actor)) {
                return None;
            }
            let variables = used.gives.iter().map(|name| {
                let variable = self.environment.get(actor, name)?;
                Some((name.clone(), variable.clone()))
            });
            given.insert(used.fragment.clone(), variables.collect::<Option<_>>()?);
        }
        let session = Session {
            revision: self.journey.revision.clone(),
            given,
            cookies: self.hands[actor].cookies.to_keep(),
        };
        let is_any = !session.given.is_empty() && !session.is_empty();
        is_any.then_some(session)
    }

    /// Whether `actor` performed the step and passed, or its `when` left it out.
    fn has_passed(&self, step: &Step, actor: usize) -> bool {
        let mut performed = self.performances.iter();
        performed
            .find(|p| p.index() == step.index && p.actor() == actor)
            .map_or_else(|| step.when.is_some(), Performance::is_passed)
    }

    fn is_warm(&self) -> bool {
        self.context.order.variant == Variant::warm()
    }

    fn owner(&self, actor: usize) -> SessionOwner {
        SessionOwner {
            target: self.context.target.name().clone(),
            journey: self.journey.name.clone(),
            pool: self.journey.actors[actor].pool.clone(),
            account: self.context.accounts[actor].name.clone(),
        }
    }
}

impl Performance<'_> {
    /// As what it is told that the platform no longer knew the session.
    pub(super) fn as_refused(&self) -> Refused {
        Refused {
            actor: self.actor(),
            began: self.last_began(),
            told: EarlierAttempt {
                class: FailClass::Status,
                detail: "401: the session of an earlier run has ended".to_owned(),
                duration: self.ended().since(self.started()),
            },
        }
    }

    /// Whether it failed by an answer that a session may be the cause of.
    fn puts_session_in_doubt(&self) -> bool {
        let Some(fault) = self.fault() else {
            return false;
        };
        match fault.class() {
            Some(FailClass::Expectation | FailClass::RedirectRefused) => true,
            Some(FailClass::Status) => {
                let grpc = GrpcStatus::from_name(fault.detail());
                !fault.detail().starts_with('5') && !grpc.is_some_and(GrpcStatus::is_server_fault)
            }
            Some(_) | None => false,
        }
    }
}

/// Whether the answer says that it does not know who asks.
fn is_unauthenticated(fault: &Fault) -> bool {
    fault.class() == Some(FailClass::Status)
        && (fault.detail() == "401"
            || GrpcStatus::from_name(fault.detail()) == Some(GrpcStatus::UNAUTHENTICATED))
}
