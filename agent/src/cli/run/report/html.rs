//! `html`: one page with a waterfall of every run. It needs nothing else: no script, no font, no
//! picture, nothing from anywhere.

use std::path::Path;
use std::time::Duration;

use bongsu_model::{Outcome, RunReport, StepKind, StepOutcome, StepReport};
use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::file::WholeFile;
use super::{Held, LISTED_RUNS_MAX, Ran, ReportError, Sink, Sum};
use crate::cli::render;

const STYLE: &str = include_str!("report.css");

/// The page may load nothing, whatever stands in it.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'";

pub(super) struct Html {
    file: WholeFile,
    /// Runs on the page.
    listed: usize,
    /// Runs that are not.
    beyond: u64,
}

impl Html {
    pub(super) fn open(path: &Path) -> Result<Self, ReportError> {
        let mut file = WholeFile::open(path)?;
        file.write(&head())?;
        Ok(Self {
            file,
            listed: 0,
            beyond: 0,
        })
    }

    fn add(&mut self, markup: Markup) -> Result<(), ReportError> {
        if self.listed == LISTED_RUNS_MAX {
            self.beyond += 1;
            return Ok(());
        }
        self.listed += 1;
        self.file.write(&markup.into_string())
    }
}

impl Sink for Html {
    fn take(&mut self, ran: &Ran<'_>) -> Result<(), ReportError> {
        self.add(run(ran))
    }

    fn held_back(&mut self, held: &Held<'_>) -> Result<(), ReportError> {
        self.add(html! {
            details.run {
                summary {
                    span.mark.skipped { "skipped" }
                    span.title { (held.title) }
                    span.note { "the kill switch holds it back" }
                }
            }
        })
    }

    fn finish(mut self: Box<Self>, sum: &Sum<'_>) -> Result<(), ReportError> {
        let text = foot(sum, self.beyond).into_string();
        self.file.write(&text)?;
        // What `head` opened.
        self.file.write("</main></body></html>\n")?;
        self.file.keep()
    }
}

/// Up to the first run; the sum is written last and shown first.
fn head() -> String {
    let head = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(POLICY);
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { "Bongsu: runs" }
                style { (PreEscaped(STYLE)) }
            }
            body { main { (PreEscaped(OPEN)) } }
        }
    };
    let text = head.into_string();
    let (before, _) = text.split_once(OPEN).expect("it was just put there");
    before.to_owned()
}

/// Where runs are put in.
const OPEN: &str = "<!--runs-->";

fn foot(sum: &Sum<'_>, beyond: u64) -> Markup {
    let tally = sum.tally;
    let is_good = tally.failed + tally.blocked + tally.blind == 0;
    let parts = [
        ("pass", "passed", tally.passed),
        ("slow", "slow", tally.slow),
        ("fail", "failed", tally.failed),
        ("blocked", "blocked", tally.blocked),
        ("blind", "blind", tally.blind),
        ("skipped", "skipped", tally.skipped),
        ("skipped", "not run", sum.not_run),
    ];
    let all: u64 = parts.iter().map(|(_, _, number)| number).sum();
    html! {
        header {
            h1 .bad[!is_good] { @if is_good { "All is well" } @else { "Not all is well" } }
            p.sum {
                @for (class, word, number) in parts.iter().filter(|(_, _, number)| *number > 0) {
                    span.count { b class=(class) { (number) } " " (word) }
                }
                span.count { "in " (render::length(sum.took)) }
            }
            div.share aria-hidden="true" {
                @for (class, _, number) in parts.iter().filter(|(_, _, number)| *number > 0) {
                    i class=(class) style={ "flex-grow:" (number) } {}
                }
                @if all == 0 { i.skipped style="flex-grow:1" {} }
            }
            p.legend {
                @for phase in PHASES { span { i class=(phase) {} (phase) } }
                span { i.other {} "earlier attempts, pauses, what was waited for" }
            }
            @if beyond > 0 {
                p.note { (beyond) " further runs are counted above and not listed." }
            }
            @if tally.flaky > 0 {
                p.note { (tally.flaky) " of the runs passed only on a later attempt." }
            }
            @if tally.leaked > 0 {
                p.note { (tally.leaked) " of the runs left something behind on the platform." }
            }
        }
    }
}

/// The phases as they are called on the page and in its style.
const PHASES: [&str; 5] = ["dns", "connect", "tls", "wait", "receive"];

fn run(ran: &Ran<'_>) -> Markup {
    let facts = &ran.report.facts;
    let verdict = facts.outcomes.verdict();
    let is_good = verdict.is_good() && ran.failures.is_empty();
    html! {
        details.run open[!is_good] {
            summary {
                span.mark.(class_of(verdict)) { (verdict) }
                span.title { (ran.title) }
                span.note { (ran.journey.feature) }
                span.note { (render::length(facts.ended.since(facts.started))) }
                @if facts.flaky { span.mark.slow { "flaky" } }
            }
            ol.steps {
                @for step in &ran.report.steps { (row(step, ran.report)) }
            }
            @for shown in &ran.failures {
                section.failure {
                    h3 { (shown.message) }
                    @for reason in &shown.reasons { p { (reason) } }
                    pre tabindex="0" { (shown.drawn) }
                }
            }
            dl {
                dt { "run" } dd { code { (facts.id) } }
                dt { "target" } dd { (facts.target) }
                dt { "cleanup" } dd { (facts.cleanup) }
                dt { "started" } dd { (started(ran.report)) }
                @for other in facts.outcomes.others() {
                    dt { (other.feature) } dd { (other.outcome) }
                }
            }
        }
    }
}

fn started(report: &RunReport) -> String {
    let nanos = report.facts.started.as_unix_nanos();
    let time = chrono::DateTime::from_timestamp_nanos(i64::try_from(nanos).unwrap_or(i64::MAX));
    time.format("%Y-%m-%d %H:%M:%S UTC").to_string()
}

fn row(step: &StepReport, report: &RunReport) -> Markup {
    let facts = &report.facts;
    let whole = facts.ended.since(facts.started);
    let length = step.ended.since(step.started);
    let class = match step.outcome {
        StepOutcome::Pass => "pass",
        StepOutcome::Slow => "slow",
        StepOutcome::Fail(_) => "fail",
        StepOutcome::Blind(_) => "blind",
    };
    html! {
        li {
            span.step {
                span.dot.(class) {}
                @if step.kind == StepKind::Cleanup { "cleanup: " }
                (step.name) " "
                span.note { (step.actor) }
            }
            span.what {
                @if step.outcome != StepOutcome::Pass { b class=(class) { (render::outcome_word(step)) } " " }
                @if let Some(status) = render::status(step) { (status) " · " }
                (render::millis(length)) " ms"
                @if step.attempts > 1 { " · attempt " (step.attempts) }
            }
            span.bar title=(spoken(step)) {
                @for (class, from, long) in bars(step, report) {
                    i class=(class) style={
                        "left:" (percent(from, whole)) "%;width:" (percent(long, whole)) "%"
                    } {}
                }
            }
            @let hops = render::hops(step);
            @if !hops.is_empty() {
                ol.hops { @for hop in &hops { li { (hop) } } }
            }
        }
    }
}

/// The phases in words, for those who point at a bar or hear it.
fn spoken(step: &StepReport) -> String {
    let phases = step.phases.named();
    let said = phases
        .iter()
        .filter_map(|(name, long)| long.map(|long| format!("{name} {} ms", render::millis(long))));
    said.collect::<Vec<_>>().join(", ")
}

/// What stands where in a step's bar: its class, its start from the run's, and its length.
fn bars(step: &StepReport, report: &RunReport) -> Vec<(&'static str, Duration, Duration)> {
    let start = step.started.since(report.facts.started);
    let length = step.ended.since(step.started);
    // The deciding attempt is the last one.
    let before = length.saturating_sub(step.phases.total());
    let mut bars = vec![("other", start, before)];
    let mut at = start + before;
    for ((_, phase), class) in step.phases.named().into_iter().zip(PHASES) {
        let Some(long) = phase else { continue };
        bars.push((class, at, long));
        at += long;
    }
    bars
}

fn percent(part: Duration, whole: Duration) -> String {
    let share = part.as_secs_f64() / whole.as_secs_f64().max(f64::MIN_POSITIVE);
    format!("{:.2}", share.min(1.0) * 100.0)
}

fn class_of(outcome: &Outcome) -> &'static str {
    outcome.word()
}
