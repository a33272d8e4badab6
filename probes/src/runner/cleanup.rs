//! Cleanup: always, in file order, past failures, within its own budget.

use bongsu_language::{Need, Presence, Step};
use bongsu_model::CleanupState;

use super::{Performance, Run};
use crate::clock::Deadline;

/// What came of one cleanup step for one actor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Settlement {
    Settled,
    Unsettled,
}

impl<'a> Run<'a> {
    /// Undoes what may have been made, and settles the debt.
    pub(super) async fn clean_up(&mut self, deadline: Deadline) -> CleanupState {
        if !self.debts.is_any_owed() {
            return CleanupState::None;
        }
        if !self.debts.is_any_made() {
            self.paid().await;
            return CleanupState::None;
        }
        let journey = self.journey;
        let mut settlement = Settlement::Settled;
        for step in &journey.cleanup {
            for actor in self.debts.cleaners(step) {
                if self.settle(step, actor, deadline).await == Settlement::Unsettled {
                    settlement = Settlement::Unsettled;
                }
            }
        }
        match settlement {
            Settlement::Settled => {
                self.paid().await;
                CleanupState::Done
            }
            Settlement::Unsettled if self.leave_owed().await => CleanupState::Owed,
            Settlement::Unsettled => CleanupState::Leaked,
        }
    }

    async fn settle(&mut self, step: &'a Step, actor: usize, deadline: Deadline) -> Settlement {
        if deadline.has_passed() {
            return Settlement::Unsettled;
        }
        let unset: Vec<Need> = self
            .journey
            .needs(step, actor)
            .into_iter()
            .filter(|need| !self.environment.has(need))
            .collect();
        if !unset.is_empty() {
            let is_fine = unset.iter().all(|need| self.was_looked_for(need));
            return if is_fine {
                Settlement::Settled
            } else {
                Settlement::Unsettled
            };
        }
        match step.applies(&self.environment, actor) {
            Ok(true) => {}
            Ok(false) => return Settlement::Settled,
            Err(_) => return Settlement::Unsettled,
        }
        match self.perform_step(step, &[actor], deadline).await {
            Ok(()) => Settlement::Settled,
            Err(_) => Settlement::Unsettled,
        }
    }

    /// Whether a step that passed looked for this variable and may find nothing: then there is
    /// nothing to undo. A variable that was never looked for may hide something.
    fn was_looked_for(&self, need: &Need) -> bool {
        let captures_it = |performance: &&Performance<'_>| {
            performance.actor() == need.actor
                && performance.step().captures.iter().any(|capture| {
                    capture.name == need.name && capture.presence == Presence::Optional
                })
        };
        self.performances
            .iter()
            .filter(captures_it)
            .any(Performance::is_passed)
    }
}
