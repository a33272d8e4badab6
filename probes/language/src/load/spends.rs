//! What steps say of the money that they move, held against the constants of the journey.

use serde_json::Value;

use crate::diagnostic::Diagnostic;
use crate::journey::Journey;
use crate::parse::{JourneyFile, Spends, StepEntry};
use crate::rule::Rule;
use crate::target::TargetProfile;

impl Spends {
    /// The amount in whole minor units; none if it names no constant that is one.
    pub(super) fn amount(&self, vars: &[(String, Value)]) -> Option<u64> {
        match self {
            Self::Amount(amount) => Some(*amount),
            Self::Constant(name) => vars
                .iter()
                .find(|(known, _)| known == name)
                .and_then(|(_, value)| value.as_u64()),
        }
    }
}

/// Tells the steps whose amount is not known before a run.
pub(super) fn check_spends(
    steps: &[StepEntry],
    cleanup: &[StepEntry],
    vars: &[(String, Value)],
    diagnostics: &mut Vec<Diagnostic>,
) {
    for step in steps.iter().chain(cleanup) {
        if let Some((spends, position)) = &step.spends
            && spends.amount(vars).is_none()
        {
            diagnostics.push(
                Diagnostic::error(
                    position.clone(),
                    "what this step spends is not known before the run",
                )
                .rule(Rule::UnknownSpending)
                .label("no constant of `vars` that is a whole number, 0 or more")
                .help(
                    "write the amount itself, or a constant of the journey's `vars`; a fragment \
                     has none",
                ),
            );
        }
    }
}

/// Tells the steps whose amount is known, but not in every case.
pub(super) fn check_spends_in_cases(file: &JourneyFile, diagnostics: &mut Vec<Diagnostic>) {
    let spending = file.steps.iter().chain(&file.cleanup);
    let spending = spending.filter_map(|step| step.spends.as_ref());
    for (spends, position) in spending.filter(|(spends, _)| spends.amount(&file.vars).is_some()) {
        let mut cases = file.cases.iter();
        let Some(case) = cases.find(|case| spends.amount(&case.vars_of(&file.vars)).is_none())
        else {
            continue;
        };
        diagnostics.push(
            Diagnostic::error(
                position.clone(),
                format!("what this step spends is not known in case `{}`", case.name),
            )
            .label("no whole number, 0 or more, there")
            .help("give the constant an amount in whole minor units in every case"),
        );
    }
}

impl Journey {
    /// Pools whose money budget this journey cannot be held to.
    pub(super) fn beyond_budget(&self, target: &TargetProfile) -> Vec<Diagnostic> {
        let mut diagnostics = Vec::new();
        for (index, actor) in self.actors.iter().enumerate() {
            let budget = target.pool(&actor.pool).and_then(|pool| pool.budget.money);
            let Some(budget) = budget else { continue };
            let diagnostic = match self.spends(index) {
                None => Diagnostic::error(
                    actor.position.clone(),
                    format!(
                        "pool `{}` has a budget of money, and no step says what it spends",
                        actor.pool
                    ),
                )
                .rule(Rule::UnknownSpending)
                .help("add `spends` to the steps that move money, or `spends = 0` to one step"),
                Some(spends) if spends > budget => Diagnostic::error(
                    actor.position.clone(),
                    format!(
                        "a run spends {spends}, and pool `{}` allows an account {budget} in 24 \
                         hours",
                        actor.pool
                    ),
                )
                .rule(Rule::UnknownSpending)
                .help(format!(
                    "spend less, or raise `budget.money` in target `{}`",
                    target.target
                )),
                Some(_) => continue,
            };
            diagnostics.push(diagnostic);
        }
        diagnostics
    }
}
