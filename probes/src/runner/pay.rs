//! Paying cleanup that an earlier run still owes: after a crash, or when it failed the first time.

use std::collections::BTreeSet;

use bongsu_language::{Journey, Need, Scope, Secrecy};
use bongsu_model::CleanupState;

use super::Run;
use super::debts::Debts;
use crate::clock::{Budget, Deadline};
use crate::compensation::Debt;
use crate::context::Context;

/// Performs the cleanup that `debt` says is owed, and strikes it out if all of it passes.
///
/// Variables that are secrets (a session's token) are not in a debt: the fragments that give them
/// are performed again, under the id of the run that owes, so that idempotency keys are the same
/// and what they make is undone by the same cleanup. Ends within the journey's `timeout` and
/// `cleanup_timeout` together. `context.order.id` is not used.
///
/// Gives `Done`; or `Owed`, with one more attempt counted in the log, if some of it failed; or
/// `Leaked` where the log keeps nothing. A debt of another journey, of other accounts than
/// `context` has or of cleanup that the journey no longer has stays `Owed` untouched.
pub async fn pay(journey: &Journey, debt: &Debt, context: &Context) -> CleanupState {
    if !fits(journey, debt, context) {
        tracing::warn!(run = %debt.run, "a debt does not fit the journey and accounts given");
        return CleanupState::Owed;
    }
    let mut run = Run::new(journey, context, debt.run);
    let attempted = Debt {
        attempts: debt.attempts.saturating_add(1),
        ..debt.clone()
    };
    run.debts = Debts::taken_up(&attempted, journey);
    if !run.debts.is_any_owed() {
        tracing::warn!(run = %debt.run, "the journey no longer has the cleanup that is owed");
        return CleanupState::Owed;
    }
    for variable in &debt.variables {
        let actor = journey
            .actors
            .iter()
            .position(|actor| actor.name == variable.actor);
        if let Some(actor) = actor {
            let value = variable.value.clone();
            run.environment
                .set(actor, &variable.name, value, Secrecy::Public);
        }
    }
    run.make_anew(Deadline::after(journey.timeout, Budget::Journey))
        .await;
    let budget = Deadline::after(journey.cleanup_timeout, Budget::Cleanup);
    let cleanup = run.clean_up(budget).await;
    run.say_goodbye(budget).await;
    cleanup
}

fn fits(journey: &Journey, debt: &Debt, context: &Context) -> bool {
    let has_same_accounts = debt.accounts.len() == journey.actors.len()
        && journey
            .actors
            .iter()
            .zip(&context.accounts)
            .all(|(actor, account)| {
                debt.accounts
                    .iter()
                    .any(|(name, leased)| *name == actor.name && *leased == account.name)
            })
        && context.accounts.len() >= journey.actors.len();
    debt.journey == journey.name && has_same_accounts
}

impl Run<'_> {
    /// Performs the fragments again that give what the owed cleanup needs and has not.
    async fn make_anew(&mut self, deadline: Deadline) {
        let journey = self.journey;
        let mut missing: BTreeSet<Need> = BTreeSet::new();
        for step in &journey.cleanup {
            for actor in self.debts.cleaners(step) {
                let needs = journey.needs(step, actor);
                missing.extend(needs.into_iter().filter(|need| !self.environment.has(need)));
            }
        }
        // What default headers read is not needed by them, but the cleanup is refused without it.
        for (n, used) in journey.uses.iter().enumerate() {
            for actor in &used.actors {
                let gives_missing = missing
                    .iter()
                    .any(|need| need.actor == *actor && used.gives.contains(&need.name));
                let was_performed = self.debts.is_owed_by(Scope::Fragment(n), *actor);
                if gives_missing || (was_performed && self.acts_in_owed_cleanup(*actor)) {
                    self.perform_fragment(n, *actor, deadline).await;
                }
            }
        }
    }

    fn acts_in_owed_cleanup(&self, actor: usize) -> bool {
        self.journey
            .cleanup
            .iter()
            .any(|step| self.debts.cleaners(step).contains(&actor))
    }

    /// Performs the steps of the n-th `use` by `actor`; its own cleanup is owed from then on.
    async fn perform_fragment(&mut self, n: usize, actor: usize, deadline: Deadline) {
        let journey = self.journey;
        let Some(steps) = journey.steps.get(journey.uses[n].steps.clone()) else {
            return;
        };
        for step in steps.iter().filter(|step| step.actors.contains(&actor)) {
            if self.perform_step(step, &[actor], deadline).await.is_err() {
                // The cleanup that needs what is missing stays owed.
                return;
            }
        }
    }
}
