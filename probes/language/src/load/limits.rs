//! Limits of time held against each other: what can never be reached, what cannot fit, and a cadence
//! that is too slow for what the catalogue promises.

use std::time::Duration;

use bongsu_model::Catalogue;

use super::Fragment;
use super::resolve::find;
use crate::diagnostic::Diagnostic;
use crate::duration::display_duration;
use crate::parse::{Doing, JourneyFile, StepEntry};
use crate::rule::Rule;
use crate::source::Position;

/// The period over which an objective is held: 30 days.
const OBJECTIVE_PERIOD: Duration = Duration::from_secs(30 * 86_400);

/// How sure one wants to be that an objective is met: 95 %.
const CONFIDENCE: f64 = 0.95;

/// Holds the limits of a file against each other.
pub(super) fn check_limits(
    file: &JourneyFile,
    fragments: &[Fragment],
    diagnostics: &mut Vec<Diagnostic>,
) {
    let Some((timeout, timeout_at)) = &file.timeout else {
        return;
    };
    if let Some((every, every_at)) = &file.every {
        let both = *timeout + file.cleanup_timeout;
        if both >= *every {
            diagnostics.push(
                Diagnostic::error(
                    every_at.clone(),
                    "a run may take longer than the time between two runs",
                )
                .rule(Rule::RunsOverlap)
                .label(format!(
                    "timeout {} + cleanup_timeout {} must be below this",
                    display_duration(*timeout),
                    display_duration(file.cleanup_timeout)
                ))
                .help(format!(
                    "raise `every` above {}, or lower the limits",
                    display_duration(both)
                )),
            );
        }
    }
    let whole = Whole {
        key: "timeout",
        limit: *timeout,
        at: Some(timeout_at),
        what: "the whole journey ends",
        related: "the journey's deadline",
    };
    whole.check(&file.steps, fragments, diagnostics);
    let cleanup = Whole {
        key: "cleanup_timeout",
        limit: file.cleanup_timeout,
        at: file.cleanup_timeout_at.as_ref(),
        what: "the whole cleanup ends",
        related: "the cleanup's deadline",
    };
    cleanup.check(&file.cleanup, fragments, diagnostics);
}

/// A limit of several steps together.
struct Whole<'a> {
    key: &'static str,
    limit: Duration,
    /// None if it is the default.
    at: Option<&'a Position>,
    what: &'static str,
    related: &'static str,
}

impl Whole<'_> {
    fn check(
        &self,
        steps: &[StepEntry],
        fragments: &[Fragment],
        diagnostics: &mut Vec<Diagnostic>,
    ) {
        let before = diagnostics.len();
        let reaching = match self.key {
            "timeout" => self.check_pauses(steps, fragments, diagnostics),
            _ => None,
        };
        for step in steps {
            self.check_step(step, reaching, diagnostics);
        }
        if diagnostics.len() > before {
            return; // their sum cannot fit either
        }
        let together = steps.iter().map(|step| whole_limit(step, fragments)).sum();
        if self.limit < together {
            let at = steps
                .iter()
                .rev()
                .find_map(|step| step.poll_for_at.as_ref());
            let Some(at) = self.at.or(at) else {
                return;
            };
            diagnostics.push(
                Diagnostic::warning(
                    at.clone(),
                    format!("the limits of the steps do not fit into `{}`", self.key),
                )
                .rule(Rule::LimitsCannotFit)
                .label(format!(
                    "`poll.for` and `within` are {} together, {} after {}",
                    display_duration(together),
                    self.what,
                    display_duration(self.limit)
                ))
                .help(format!("raise `{}`, or lower the limits", self.key)),
            );
        }
    }

    /// The pauses that are certain must leave time for what the journey does. Gives the one that
    /// does not, where there is one.
    fn check_pauses<'s>(
        &self,
        steps: &'s [StepEntry],
        fragments: &'s [Fragment],
        diagnostics: &mut Vec<Diagnostic>,
    ) -> Option<&'s Position> {
        let mut together = Duration::ZERO;
        let reaching = pauses(steps, fragments).find(|(pause, _)| {
            together = together.saturating_add(*pause);
            together >= self.limit
        });
        let (pause, at) = reaching?;
        let label = if together == pause {
            format!("{} after {}", self.what, display_duration(self.limit))
        } else {
            format!(
                "the pauses up to here are {}, {} after {}",
                display_duration(together),
                self.what,
                display_duration(self.limit)
            )
        };
        let mut told = Diagnostic::error(at.clone(), "no run gets beyond this pause")
            .rule(Rule::LimitsCannotFit)
            .label(label)
            .help(format!(
                "shorten the pauses, or raise the journey's `{}`",
                self.key
            ));
        if let Some(at) = self.at {
            told = told.related(at.clone(), self.related);
        }
        diagnostics.push(told);
        Some(at)
    }

    /// `told` is the place of a pause that has been told already.
    fn check_step(
        &self,
        step: &StepEntry,
        told: Option<&Position>,
        diagnostics: &mut Vec<Diagnostic>,
    ) {
        let poll_for = step.poll.map(|poll| poll.for_);
        let limits = [
            ("poll.for", poll_for.zip(step.poll_for_at.clone())),
            ("within", step.within.clone()),
            ("timeout", step.timeout.clone()),
            ("wait_before", step.wait_before.clone()),
            ("slow", step.slow.clone()),
        ];
        for (key, limit) in limits {
            let Some((limit, at)) = limit else { continue };
            if limit <= self.limit || told == Some(&at) {
                continue;
            }
            let mut told = Diagnostic::warning(at, format!("`{key}` can never be reached"))
                .rule(Rule::LimitsCannotFit)
                .label(format!(
                    "{} after {}",
                    self.what,
                    display_duration(self.limit)
                ))
                .help(format!("lower it, or raise the journey's `{}`", self.key));
            if let Some(at) = self.at {
                told = told.related(at.clone(), self.related);
            }
            diagnostics.push(told);
        }
    }
}

/// The pauses of all steps that are performed whatever comes, in order, each with its place; of a
/// fragment's steps, where the journey uses it.
fn pauses<'s>(
    steps: &'s [StepEntry],
    fragments: &'s [Fragment],
) -> impl Iterator<Item = (Duration, &'s Position)> {
    let certain = steps.iter().filter(|step| step.when.is_none());
    certain.flat_map(|step| match &step.doing {
        Some(Doing::Use { fragment, position }) => {
            let used = find(fragments, fragment).map_or(&[][..], |found| &found.steps);
            used.iter()
                .filter(|step| step.when.is_none())
                .filter_map(|step| Some((step.wait_before.as_ref()?.0, position)))
                .collect()
        }
        _ => {
            let pause = step.wait_before.as_ref();
            let pause: Vec<_> = pause.map(|(pause, at)| (*pause, at)).into_iter().collect();
            pause
        }
    })
}

/// How long a step may take in all as it says itself; nothing if another step starts its clock.
fn whole_limit(step: &StepEntry, fragments: &[Fragment]) -> Duration {
    if let Some(Doing::Use { fragment, .. }) = &step.doing {
        let steps = find(fragments, fragment).map_or(&[][..], |found| &found.steps);
        return steps
            .iter()
            .filter(|step| !matches!(step.doing, Some(Doing::Use { .. })))
            .map(|step| whole_limit(step, fragments))
            .sum();
    }
    let within = step.within.as_ref().map(|(within, _)| *within);
    let poll = step.poll.map(|poll| poll.for_);
    match (poll, within.filter(|_| step.since.is_none())) {
        (Some(poll), Some(within)) => poll.min(within),
        (Some(limit), None) | (None, Some(limit)) => limit,
        (None, None) => Duration::ZERO,
    }
}

/// Whether a journey runs often enough to show what the catalogue aims at for its feature. Without
/// one failure among n runs an availability of at least o is shown with confidence c from
/// n = ln(1 − c) / ln(o) on; one agent has the 30 days that objectives are held over.
pub(super) fn check_cadence(
    file: &JourneyFile,
    catalogue: &Catalogue,
    diagnostics: &mut Vec<Diagnostic>,
) {
    let (Some((every, every_at)), Some((feature, _))) = (&file.every, &file.feature) else {
        return;
    };
    let Some(objective) = catalogue.feature(feature).and_then(|known| known.objective) else {
        return;
    };
    let runs_needed = ((1.0 - CONFIDENCE).ln() / objective.ln()).ceil().max(1.0);
    let slowest = OBJECTIVE_PERIOD.div_f64(runs_needed);
    if *every <= slowest {
        return;
    }
    let runs = OBJECTIVE_PERIOD.as_secs_f64() / every.as_secs_f64();
    diagnostics.push(
        Diagnostic::warning(
            every_at.clone(),
            format!("the cadence cannot show the objective of `{feature}`"),
        )
        .rule(Rule::CadenceBelowObjective)
        .label(format!(
            "{runs:.0} runs in 30 days; to show {} % with 95 % confidence takes {runs_needed:.0} \
             without a failure",
            percent(objective)
        ))
        .help(format!(
            "lower `every` to {} or less, or lower the objective in the catalogue",
            display_duration(Duration::from_secs(slowest.as_secs().max(1)))
        )),
    );
}

/// An objective as people write it: 99.9.
fn percent(objective: f64) -> f64 {
    (objective * 1e8).round() / 1e6
}
