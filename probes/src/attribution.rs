//! Which feature a run's failure is charged to, and what follows for every feature of the journey.
//!
//! Pure: steps and their results in, outcomes out. The rules:
//! 1. The earliest failure is charged to its step's feature: in order of steps, and among actors
//!    that acted at the same time in order of when they failed.
//! 2. If that failure is the journey's deadline, no step is known to be the slow one but by its own
//!    measure: the step that overran its `slow` limit most is charged, the failed one if none did.
//! 3. A feature is `pass` (or `slow`) only if all its steps were performed and passed. The charged
//!    feature is `fail`; all others are `blocked` by it.
//! 4. What the agent itself got wrong proves nothing: then every outcome is `blind`.

use std::collections::BTreeSet;
use std::time::Duration;

use bongsu_model::{
    BlindReason, FailClass, FeatureId, FeatureOutcome, Monotonic, Outcome, Outcomes, StepOutcome,
};

/// A step of the journey that was to be performed; those left out by `when` are none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PlannedStep {
    /// Its index in the journey.
    pub(crate) index: u32,
    /// Whose availability it measures.
    pub(crate) feature: FeatureId,
    /// How many actors perform it.
    pub(crate) actors: usize,
}

/// A step as one actor performed it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PerformedStep {
    /// Its index in the journey.
    pub(crate) index: u32,
    /// How it ended.
    pub(crate) outcome: StepOutcome,
    /// When it ended.
    pub(crate) ended: Monotonic,
    /// How far it overran its `slow` limit; None without a limit or within it.
    pub(crate) overrun: Option<Duration>,
    /// Whether it was cut off by the journey's deadline rather than by a budget of its own.
    pub(crate) ending: Ending,
}

/// What ended a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    /// Its own doing.
    Own,
    /// The journey's deadline.
    JourneyDeadline,
}

/// The outcomes of a run for the journey's own feature and every other that its steps name.
///
/// `blind` overrides everything: some fault of the agent's touches the whole run.
pub(crate) fn attribute(
    own: &FeatureId,
    planned: &[PlannedStep],
    performed: &[PerformedStep],
    blind: Option<BlindReason>,
) -> Outcomes {
    let judge =
        |feature: &FeatureId| match judgement(planned, performed, blind) {
            Judgement::Blind(reason) => Outcome::Blind(reason),
            Judgement::Charged(charged, class) if charged == feature => Outcome::Fail(class),
            Judgement::Charged(charged, _) => passed(feature, planned, performed)
                .unwrap_or_else(|| Outcome::Blocked(charged.clone())),
            // A run that ends early without a failure was ended by the agent.
            Judgement::NoFailure => passed(feature, planned, performed)
                .unwrap_or(Outcome::Blind(BlindReason::Interrupted)),
        };
    let outcome_of = |feature: &FeatureId| FeatureOutcome {
        feature: feature.clone(),
        outcome: judge(feature),
    };
    let others: BTreeSet<&FeatureId> = planned
        .iter()
        .map(|step| &step.feature)
        .filter(|feature| *feature != own)
        .collect();
    Outcomes::new(
        outcome_of(own),
        others.into_iter().map(outcome_of).collect(),
    )
    .expect("a set names no feature twice, and the own one is taken out")
}

enum Judgement<'a> {
    NoFailure,
    Charged(&'a FeatureId, FailClass),
    Blind(BlindReason),
}

fn judgement<'a>(
    planned: &'a [PlannedStep],
    performed: &[PerformedStep],
    blind: Option<BlindReason>,
) -> Judgement<'a> {
    if let Some(reason) = blind {
        return Judgement::Blind(reason);
    }
    let earliest = performed
        .iter()
        .filter(|step| matches!(step.outcome, StepOutcome::Fail(_) | StepOutcome::Blind(_)))
        .min_by_key(|step| (step.index, step.ended));
    let Some(earliest) = earliest else {
        return Judgement::NoFailure;
    };
    let class = match earliest.outcome {
        StepOutcome::Blind(reason) => return Judgement::Blind(reason),
        StepOutcome::Fail(class) => class,
        StepOutcome::Pass | StepOutcome::Slow => return Judgement::NoFailure,
    };
    let charged = match earliest.ending {
        Ending::Own => earliest,
        Ending::JourneyDeadline => slowest(performed).unwrap_or(earliest),
    };
    let feature = planned
        .iter()
        .find(|step| step.index == charged.index)
        .map(|step| &step.feature);
    // Only planned steps are performed; if ours are not, the fault is ours.
    feature.map_or(Judgement::Blind(BlindReason::Internal), |feature| {
        Judgement::Charged(feature, class)
    })
}

/// The step that overran its `slow` limit most, the earlier of equals.
fn slowest(performed: &[PerformedStep]) -> Option<&PerformedStep> {
    performed
        .iter()
        .filter(|step| step.overrun.is_some())
        .max_by_key(|step| (step.overrun, std::cmp::Reverse((step.index, step.ended))))
}

/// `pass` or `slow` if all steps of `feature` were performed and passed, by every actor.
fn passed(
    feature: &FeatureId,
    planned: &[PlannedStep],
    performed: &[PerformedStep],
) -> Option<Outcome> {
    let mut outcome = None;
    for step in planned.iter().filter(|step| step.feature == *feature) {
        let mut results = 0;
        for result in performed.iter().filter(|one| one.index == step.index) {
            results += 1;
            outcome = match (result.outcome, outcome) {
                (StepOutcome::Slow, _) | (StepOutcome::Pass, Some(Outcome::Slow)) => {
                    Some(Outcome::Slow)
                }
                (StepOutcome::Pass, _) => Some(Outcome::Pass),
                (StepOutcome::Fail(_) | StepOutcome::Blind(_), _) => return None,
            };
        }
        if results < step.actors {
            return None;
        }
    }
    outcome
}

#[cfg(test)]
mod tests;
