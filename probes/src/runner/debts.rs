//! What a run owes: written down before a side effect is sent, struck out when it is undone.
//!
//! The cleanup of a scope (the journey's own, or one `use`) is owed from the moment a step of that
//! scope with side effects is about to be sent.

use std::collections::BTreeSet;
use std::time::Duration;

use bongsu_language::{Journey, Need, Scope, Secrecy, Step};
use bongsu_model::{ActorName, Timestamp};

use super::Run;
use crate::clock::{Budget, Deadline};
use crate::compensation::{Debt, OwedVariable};
use crate::context::Context;
use crate::failure::Fault;

/// How long the log may take to settle a debt when the run is over. A disk that hangs must not
/// hold the run's report back.
const LOG_TIMEOUT: Duration = Duration::from_secs(1);

/// The debts of one run.
#[derive(Debug, Default)]
pub(super) struct Debts {
    /// Scopes that are written down.
    owed: BTreeSet<Scope>,
    /// By whom something may have been made, and in which scope.
    made: BTreeSet<(Scope, usize)>,
    /// The variables that are written down.
    variables: Vec<OwedVariable>,
    /// When the first of them was written down.
    since: Option<Timestamp>,
    /// How often paying was tried before.
    attempts: u32,
}

impl Debts {
    /// The debts of an earlier run that is paid now. Scopes that the journey no longer has are
    /// left out.
    pub(super) fn taken_up(debt: &Debt, journey: &Journey) -> Self {
        let owed: BTreeSet<Scope> = debt
            .scopes
            .iter()
            .filter_map(|code| scope_of(*code, journey))
            .collect();
        let made = owed
            .iter()
            .flat_map(|scope| {
                let actors = match scope {
                    Scope::Journey => (0..journey.actors.len()).collect(),
                    Scope::Fragment(n) => journey.uses[*n].actors.clone(),
                };
                actors.into_iter().map(|actor| (*scope, actor))
            })
            .collect();
        Self {
            owed,
            made,
            variables: debt.variables.clone(),
            since: Some(debt.since),
            attempts: debt.attempts,
        }
    }

    /// Whether anything is written down.
    pub(super) fn is_any_owed(&self) -> bool {
        !self.owed.is_empty()
    }

    /// A side effect of `step` by `actor` may have happened.
    pub(super) fn made(&mut self, step: &Step, actor: usize) {
        if step.verb().has_side_effects() && self.owed.contains(&step.scope) {
            self.made.insert((step.scope, actor));
        }
    }

    /// What `actor` made in `scope` is to stay.
    pub(super) fn forget(&mut self, scope: Scope, actor: usize) {
        let was_made = self.made.remove(&(scope, actor));
        let is_left = self.made.iter().any(|(other, _)| *other == scope);
        // The last one stays, so that the log is told that nothing is owed any more.
        if was_made && !is_left && self.owed.len() > 1 {
            self.owed.remove(&scope);
        }
    }

    /// Whether anything may have been made at all.
    pub(super) fn is_any_made(&self) -> bool {
        !self.made.is_empty()
    }

    /// For whom a cleanup step is to be performed: in a fragment's scope for those who made
    /// something, in the journey's own for all if anyone did.
    pub(super) fn cleaners(&self, step: &Step) -> Vec<usize> {
        let is_owed = |actor: &usize| match step.scope {
            Scope::Journey => self.made.iter().any(|(scope, _)| *scope == Scope::Journey),
            Scope::Fragment(_) => self.made.contains(&(step.scope, *actor)),
        };
        step.actors.iter().copied().filter(is_owed).collect()
    }

    /// Whether `actor` may have made something in `scope`.
    pub(super) fn is_owed_by(&self, scope: Scope, actor: usize) -> bool {
        self.made.contains(&(scope, actor))
    }
}

impl Run<'_> {
    /// Writes down, durably, what will be owed once `step` is sent.
    ///
    /// # Errors
    /// When it cannot be written in time. The step must not be sent.
    pub(super) async fn owe_before(
        &mut self,
        step: &Step,
        deadline: Deadline,
    ) -> Result<(), Fault> {
        let has_cleanup = self.journey.cleanup.iter().any(|c| c.scope == step.scope);
        let is_new = !self.debts.owed.contains(&step.scope);
        if !(step.verb().has_side_effects() && has_cleanup && is_new) {
            return Ok(());
        }
        self.debts.owed.insert(step.scope);
        let now = self.anchor.stamp(self.now());
        self.debts.since.get_or_insert(now);
        self.debts.variables = self.variables_for_cleanup();
        let debt = self.debt();
        let written = deadline.bound(self.context.compensation.owe(&debt)).await;
        let failed = match written {
            Ok(Ok(())) => return Ok(()),
            Ok(Err(error)) => Fault::internal(format!("not sent: {error}")),
            Err(_) => Fault::internal("not sent: the compensation log took too long"),
        };
        self.debts.owed.remove(&step.scope);
        Err(failed)
    }

    /// Writes the debt again if variables that cleanup needs have been captured since.
    pub(super) async fn owe_what_was_captured(&mut self, deadline: Deadline) {
        if !self.debts.is_any_owed() {
            return;
        }
        let variables = self.variables_for_cleanup();
        if variables == self.debts.variables {
            return;
        }
        self.debts.variables = variables;
        let debt = self.debt();
        let written = deadline.bound(self.context.compensation.owe(&debt)).await;
        if !matches!(written, Ok(Ok(()))) {
            // The debt itself stands in the log; without the variable paying it may have to fail.
            tracing::warn!(run = %self.id, "a captured variable is missing in the compensation log");
        }
    }

    /// Strikes the debt out.
    pub(super) async fn paid(&self) {
        let striking = self.context.compensation.paid(self.id);
        let problem = match Deadline::after(LOG_TIMEOUT, Budget::Cleanup)
            .bound(striking)
            .await
        {
            Ok(Ok(())) => return,
            Ok(Err(error)) => error.to_string(),
            Err(_) => "the compensation log took too long".to_owned(),
        };
        tracing::warn!(run = %self.id, problem, "a debt is paid and stays in the log");
    }

    /// Leaves the debt in the log for later; says whether the log keeps it.
    pub(super) async fn leave_owed(&mut self) -> bool {
        if !self.context.compensation.is_kept() {
            return false;
        }
        let debt = self.debt();
        let writing = self.context.compensation.owe(&debt);
        let written = Deadline::after(LOG_TIMEOUT, Budget::Cleanup)
            .bound(writing)
            .await;
        if !matches!(written, Ok(Ok(()))) {
            tracing::warn!(run = %self.id, "the log has an older state of a debt");
        }
        true
    }

    fn debt(&self) -> Debt {
        let actor_names = self.journey.actors.iter().map(|actor| actor.name.clone());
        let accounts = self
            .context
            .accounts
            .iter()
            .map(|account| account.name.clone());
        Debt {
            run: self.id,
            target: self.context.target.name().clone(),
            journey: self.journey.name.clone(),
            journey_revision: self.journey.revision.clone(),
            variant: self.context.order.variant.clone(),
            accounts: actor_names.zip(accounts).collect(),
            scopes: self
                .debts
                .owed
                .iter()
                .map(|scope| code_of(*scope))
                .collect(),
            variables: self.debts.variables.clone(),
            since: self
                .debts
                .since
                .unwrap_or_else(|| self.anchor.stamp(self.now())),
            attempts: self.debts.attempts,
        }
    }

    /// The public captured variables that cleanup steps read; account fields come with the
    /// account and secrets are made anew.
    fn variables_for_cleanup(&self) -> Vec<OwedVariable> {
        self.cleanup_reads
            .iter()
            .filter_map(|need| {
                let variable = self.environment.get(need.actor, &need.name)?;
                (variable.secrecy == Secrecy::Public).then(|| OwedVariable {
                    actor: self.actor_name(need.actor),
                    name: need.name.clone(),
                    value: variable.value.clone(),
                })
            })
            .collect()
    }

    fn actor_name(&self, actor: usize) -> ActorName {
        self.journey.actors[actor].name.clone()
    }
}

/// The variables that a journey's cleanup reads, without the fields of accounts.
pub(super) fn cleanup_reads(journey: &Journey, context: &Context) -> BTreeSet<Need> {
    let is_account_field = |need: &Need| {
        context.accounts.get(need.actor).is_some_and(|account| {
            let mut public = account.fields.iter().map(|(field, _)| field);
            let mut secret = account.secrets.iter().map(|(field, _)| field);
            public.any(|field| *field == need.name) || secret.any(|field| *field == need.name)
        })
    };
    let mut reads = BTreeSet::new();
    for step in &journey.cleanup {
        for actor in &step.actors {
            reads.extend(journey.needs(step, *actor));
        }
    }
    reads.retain(|need| !is_account_field(need));
    reads
}

/// How a scope is written in a debt.
fn code_of(scope: Scope) -> u32 {
    match scope {
        Scope::Journey => 0,
        Scope::Fragment(n) => u32::try_from(n).unwrap_or(u32::MAX).saturating_add(1),
    }
}

fn scope_of(code: u32, journey: &Journey) -> Option<Scope> {
    let Some(n) = code.checked_sub(1) else {
        return Some(Scope::Journey);
    };
    let n = usize::try_from(n).ok()?;
    (n < journey.uses.len()).then_some(Scope::Fragment(n))
}
