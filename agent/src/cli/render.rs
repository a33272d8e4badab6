//! A run as a person reads it, and as a program does. Pure.

use std::time::Duration;

use bongsu_language::{Colour, Diagnostic, Journey, Severity, SourceFile};
use bongsu_model::{
    CleanupState, FeatureId, Outcome, RunReport, StepKind, StepOutcome, StepReport, Variant,
};
use serde_json::json;
pub(super) use waterfall::waterfall;

mod waterfall;

use super::seen::seen;

/// Characters of a run id that are shown: enough to find it.
const ID_CHARS: usize = 12;

/// How much is said of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Detail {
    /// The verdict.
    Line,
    /// The verdict, each step, and the place of every failure.
    Steps,
}

/// A run as text.
pub(super) fn text(
    journey: &Journey,
    report: &RunReport,
    files: &[SourceFile],
    colour: Colour,
    detail: Detail,
) -> String {
    let facts = &report.facts;
    let id = facts.id.to_string();
    let mut text = format!(
        "{}: {} · {}   run {} · {}",
        verdict(facts.outcomes.verdict()),
        named(report),
        facts.outcomes.own().feature,
        &id[..ID_CHARS],
        length(facts.ended.since(facts.started)),
    );
    if detail == Detail::Line {
        return text;
    }
    text.push('\n');
    for step in &report.steps {
        text.push_str(&format!("  {}\n", step_line(step)));
    }
    for step in &report.steps {
        if let StepOutcome::Fail(_) | StepOutcome::Blind(_) = step.outcome {
            let drawn = Drawn {
                journey,
                charged: charged(report),
            };
            text.push_str(&drawn.failure(step, files, colour));
        }
    }
    for other in facts.outcomes.others() {
        text.push_str(&format!("  {}: {}\n", other.feature, other.outcome));
    }
    text.push_str(&format!("  cleanup: {}", facts.cleanup));
    text
}

/// The journey, with the case that was run of it.
pub(super) fn named(report: &RunReport) -> String {
    let facts = &report.facts;
    if facts.variant == Variant::cold() {
        facts.journey.to_string()
    } else {
        format!("{} [{}]", facts.journey, facts.variant)
    }
}

/// Whether something was left behind on the platform.
pub(super) fn has_leaked(report: &RunReport) -> bool {
    match report.facts.cleanup {
        CleanupState::Leaked | CleanupState::Owed => true,
        CleanupState::None | CleanupState::Done => false,
    }
}

fn verdict(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Pass => "passed".to_owned(),
        Outcome::Slow => "slow".to_owned(),
        Outcome::Fail(class) => format!("failed ({class})"),
        Outcome::Blocked(by) => format!("blocked by {by}"),
        Outcome::Blind(reason) => format!("blind ({reason}), which proves nothing of the platform"),
        Outcome::Skipped(reason) => format!("skipped ({reason})"),
    }
}

fn outcome_word(step: &StepReport) -> String {
    let word = match step.outcome {
        StepOutcome::Pass => "pass".to_owned(),
        StepOutcome::Slow => "slow".to_owned(),
        StepOutcome::Fail(class) => format!("fail({class})"),
        StepOutcome::Blind(reason) => format!("blind({reason})"),
    };
    match &step.detail {
        Some(detail) if !matches!(step.outcome, StepOutcome::Pass) => format!("{word} {detail}"),
        Some(_) | None => word,
    }
}

fn step_line(step: &StepReport) -> String {
    let status = step
        .network
        .http_status
        .map(|status| status.to_string())
        // A wrong status is told as the failure's detail already.
        .filter(|status| step.detail.as_ref() != Some(status))
        .map_or_else(String::new, |status| format!(" {status}"));
    let kind = match step.kind {
        StepKind::Step => "",
        StepKind::Cleanup => "cleanup: ",
    };
    let phases: Vec<String> = step
        .phases
        .named()
        .into_iter()
        .filter_map(|(name, duration)| Some(format!("{name} {}", millis(duration?))))
        .collect();
    let phases = if phases.is_empty() {
        String::new()
    } else {
        format!(" ({})", phases.join(", "))
    };
    format!(
        "{kind}{} [{}]: {}{status}{} in {} ms{phases}",
        step.name,
        step.actor,
        outcome_word(step),
        seen(step),
        millis(step.ended.since(step.started)),
    )
}

/// The feature that the run is charged to, if it is to any.
fn charged(report: &RunReport) -> Option<&FeatureId> {
    let mut outcomes = report.facts.outcomes.iter();
    outcomes.find_map(|(one, _)| matches!(one.outcome, Outcome::Fail(_)).then_some(&one.feature))
}

/// A run whose failures are drawn.
struct Drawn<'a> {
    journey: &'a Journey,
    charged: Option<&'a FeatureId>,
}

impl Drawn<'_> {
    /// The step's place in its file, marked, with every expectation that did not hold.
    fn failure(&self, report: &StepReport, files: &[SourceFile], colour: Colour) -> String {
        let journey = self.journey;
        let steps = journey.steps.iter().chain(&journey.cleanup);
        let Some(step) = steps.into_iter().find(|step| step.index == report.index) else {
            return String::new();
        };
        let position = match &step.within_position {
            Some(within) if report.detail.as_deref() == Some("within") => within,
            Some(_) | None => &step.position,
        };
        let mut expectations = report.failed_expectations.iter();
        let label = expectations
            .next()
            .cloned()
            .or_else(|| report.detail.clone())
            .unwrap_or_default();
        let mut help: Vec<String> = expectations.cloned().collect();
        let owner = match (&report.feature, self.charged) {
            (None, _) => "cleanup".to_owned(),
            // Another step took the time that this one had not.
            (Some(owner), Some(charged)) if owner != charged => {
                help.push(format!(
                "the journey's `timeout` struck in this step of `{owner}`; a step of `{charged}` \
                 overran its `slow` limit most, so that `{charged}` is charged"
            ));
                format!("charged to {charged}")
            }
            (Some(owner), _) => owner.to_string(),
        };
        let diagnostic = Diagnostic {
            severity: match report.kind {
                StepKind::Step => Severity::Error,
                StepKind::Cleanup => Severity::Warning,
            },
            message: format!(
                "{} · {} · {owner}: {}",
                journey.name,
                report.name,
                outcome_word(report)
            ),
            position: position.clone(),
            label,
            help,
            related: Vec::new(),
        };
        format!("\n{}\n\n", diagnostic.render(files, colour).trim_end())
    }
}

/// A run's length: milliseconds while it is short, seconds when a person would count in them.
pub(super) fn length(duration: Duration) -> String {
    if duration < Duration::from_secs(1) {
        format!("{} ms", millis(duration))
    } else {
        format!("{:.2} s", duration.as_secs_f64())
    }
}

/// Milliseconds, with a digit more where whole ones would read as nothing.
fn millis(duration: Duration) -> String {
    if duration < Duration::from_millis(10) {
        format!("{:.1}", duration.as_secs_f64() * 1e3)
    } else {
        duration.as_millis().to_string()
    }
}

/// A run as one JSON object.
pub(super) fn json(report: &RunReport) -> serde_json::Value {
    let facts = &report.facts;
    let outcomes: Vec<_> = facts
        .outcomes
        .iter()
        .map(|(one, own)| {
            json!({ "feature": one.feature, "outcome": one.outcome.to_string(), "own": own })
        })
        .collect();
    let steps: Vec<_> = report
        .steps
        .iter()
        .map(|step| {
            json!({
                "name": step.name,
                "kind": step.kind,
                "actor": step.actor,
                "feature": step.feature,
                "outcome": outcome_word(step),
                "status": step.network.http_status,
                "duration_s": step.ended.since(step.started).as_secs_f64(),
                "attempts": step.attempts,
                "failed_expectations": step.failed_expectations,
            })
        })
        .collect();
    json!({
        "run": facts.id,
        "journey": facts.journey,
        "variant": facts.variant,
        "target": facts.target,
        "verdict": facts.outcomes.verdict().to_string(),
        "outcomes": outcomes,
        "flaky": facts.flaky,
        "cleanup": facts.cleanup,
        "duration_s": facts.ended.since(facts.started).as_secs_f64(),
        "steps": steps,
    })
}
