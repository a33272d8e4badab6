//! A run as a person reads it, and as a program does. Pure.

use std::time::Duration;

use bongsu_language::{Colour, Diagnostic, Journey, Severity, SourceFile, display_duration};
use bongsu_model::{
    CleanupState, FeatureId, JourneyName, Outcome, Phases, RunReport, StepKind, StepOutcome,
    StepReport, Variant,
};
use serde_json::json;
pub(super) use waterfall::waterfall;

mod waterfall;
mod why;

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

/// A run as text; its failures are drawn where steps are shown.
pub(super) fn text(
    report: &RunReport,
    failures: &[Failure<'_>],
    files: &[SourceFile],
    colour: Colour,
    detail: Detail,
) -> String {
    let facts = &report.facts;
    let id = facts.id.to_string();
    let mut text = format!(
        "{}: {} · {}   run {} · {}",
        verdict(facts.outcomes.verdict()),
        named(&facts.journey, &facts.variant),
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
        for hop in hops(step) {
            text.push_str(&format!("    {hop}\n"));
        }
    }
    for failure in failures {
        text.push_str(&format!("\n{}\n\n", failure.drawn(files, colour)));
    }
    for other in facts.outcomes.others() {
        text.push_str(&format!("  {}: {}\n", other.feature, other.outcome));
    }
    text.push_str(&format!("  cleanup: {}", facts.cleanup));
    text
}

/// The journey, with the case that was run of it.
pub(super) fn named(journey: &JourneyName, variant: &Variant) -> String {
    if *variant == Variant::cold() {
        journey.to_string()
    } else {
        format!("{journey} [{variant}]")
    }
}

/// Why a step that passed is a failed one where slow ones are.
pub(super) fn too_slow(journey: &Journey, step: &StepReport) -> String {
    let mut steps = journey.steps.iter();
    let limit = steps.find(|one| one.index == step.index);
    match limit.and_then(|one| one.slow) {
        Some(slow) => format!("it took longer than `slow` = {}", display_duration(slow)),
        None => "it was slow".to_owned(),
    }
}

/// Whether something was left behind on the platform.
pub(super) fn has_leaked(report: &RunReport) -> bool {
    match report.facts.cleanup {
        CleanupState::Leaked | CleanupState::Owed => true,
        CleanupState::None | CleanupState::Done => false,
    }
}

pub(super) fn verdict(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Pass => "passed".to_owned(),
        Outcome::Slow => "slow".to_owned(),
        Outcome::Fail(class) => format!("failed ({class})"),
        Outcome::Blocked(by) => format!("blocked by {by}"),
        Outcome::Blind(reason) => format!("blind ({reason}), which proves nothing of the platform"),
        Outcome::Skipped(reason) => format!("skipped ({reason})"),
    }
}

pub(super) fn outcome_word(step: &StepReport) -> String {
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

/// The status of the answer, where the outcome's word does not tell it.
pub(super) fn status(step: &StepReport) -> Option<String> {
    let status = step.network.http_status?.to_string();
    // A wrong status is told as the failure's detail already.
    (step.detail.as_ref() != Some(&status)).then_some(status)
}

fn step_line(step: &StepReport) -> String {
    let status = status(step).map_or_else(String::new, |status| format!(" {status}"));
    let kind = match step.kind {
        StepKind::Step => "",
        StepKind::Cleanup => "cleanup: ",
    };
    format!(
        "{kind}{} [{}]: {}{status}{} in {} ms{}",
        step.name,
        step.actor,
        outcome_word(step),
        seen(step),
        millis(step.ended.since(step.started)),
        phases(&step.phases),
    )
}

/// The redirects that were followed, one line each, and where they ended; none for most steps.
pub(super) fn hops(step: &StepReport) -> Vec<String> {
    let told = step.redirects.iter();
    let mut lines: Vec<String> = told
        .map(|hop| {
            let took = millis(hop.duration);
            let phases = phases(&hop.phases);
            format!("{} from {} in {took} ms{phases}", hop.status, hop.url)
        })
        .collect();
    if !lines.is_empty()
        && let Some(url) = &step.network.url
    {
        lines.push(format!("then {url}"));
    }
    lines
}

/// In brackets, and with a blank before them; nothing where none was reached.
fn phases(phases: &Phases) -> String {
    let reached = phases.named().into_iter();
    let reached = reached.filter_map(|(name, long)| Some(format!("{name} {}", millis(long?))));
    let reached: Vec<String> = reached.collect();
    if reached.is_empty() {
        String::new()
    } else {
        format!(" ({})", reached.join(", "))
    }
}

/// The feature that the run is charged to, if it is to any.
fn charged(report: &RunReport) -> Option<&FeatureId> {
    let mut outcomes = report.facts.outcomes.iter();
    outcomes.find_map(|(one, _)| matches!(one.outcome, Outcome::Fail(_)).then_some(&one.feature))
}

/// A step that failed or was blind, with the place in its file that says what was wanted.
#[derive(Debug)]
pub(super) struct Failure<'a> {
    pub(super) step: &'a StepReport,
    pub(super) told: Diagnostic,
}

impl Failure<'_> {
    /// The place, marked, with every expectation that did not hold.
    pub(super) fn drawn(&self, files: &[SourceFile], colour: Colour) -> String {
        self.told.render(files, colour).trim_end().to_owned()
    }
}

/// The failures of a run, in order of start.
pub(super) fn failures<'a>(journey: &Journey, report: &'a RunReport) -> Vec<Failure<'a>> {
    let run = Failed {
        journey,
        charged: charged(report),
    };
    let has_failed =
        |step: &&StepReport| matches!(step.outcome, StepOutcome::Fail(_) | StepOutcome::Blind(_));
    let failed = report.steps.iter().filter(has_failed);
    let told = failed.filter_map(|step| {
        let told = run.tell(step)?;
        Some(Failure { step, told })
    });
    told.collect()
}

/// A run of which failures are told.
struct Failed<'a> {
    journey: &'a Journey,
    charged: Option<&'a FeatureId>,
}

impl Failed<'_> {
    fn tell(&self, report: &StepReport) -> Option<Diagnostic> {
        let journey = self.journey;
        let mut steps = journey.steps.iter().chain(&journey.cleanup);
        let step = steps.find(|step| step.index == report.index)?;
        let position = match &step.within_position {
            Some(within) if report.detail.as_deref() == Some("within") => within,
            Some(_) | None => &step.position,
        };
        let mut expectations = report.failed_expectations.iter();
        let label = expectations
            .next()
            .cloned()
            .or_else(|| why::why(journey, step, report))
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
        let severity = match report.kind {
            StepKind::Step => Severity::Error,
            StepKind::Cleanup => Severity::Warning,
        };
        let message = format!(
            "{} · {} · {owner}: {}",
            journey.name,
            report.name,
            outcome_word(report)
        );
        Some(Diagnostic {
            label,
            help,
            ..Diagnostic::observed(severity, position.clone(), message)
        })
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
pub(super) fn millis(duration: Duration) -> String {
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
            let redirects = step.redirects.iter().map(|hop| {
                json!({
                    "status": hop.status,
                    "url": hop.url,
                    "duration_s": hop.duration.as_secs_f64(),
                })
            });
            json!({
                "name": step.name,
                "kind": step.kind,
                "actor": step.actor,
                "feature": step.feature,
                "outcome": outcome_word(step),
                "status": step.network.http_status,
                "duration_s": step.ended.since(step.started).as_secs_f64(),
                "attempts": step.attempts,
                "url": step.network.url,
                "redirects": redirects.collect::<Vec<_>>(),
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
