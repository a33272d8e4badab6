//! `junit`: a suite for each run, a case for each step as each actor performed it.
//!
//! The class name is the feature. A failed step is a failure, a blind one an error, one that was
//! not reached is skipped with its cause; attempts before the deciding one are reruns.

use std::path::Path;

use bongsu_language::{Journey, Step};
use bongsu_model::{
    BlindReason, FailClass, Outcome, RunReport, StepKind, StepOutcome, StepReport, Timestamp,
};
use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestRerun, TestSuite};

use super::file::WholeFile;
use super::{Held, LISTED_RUNS_MAX, Ran, ReportError, Sink, Sum};
use crate::cli::render;

/// The class name of steps that undo.
const CLEANUP: &str = "cleanup";

pub(super) struct JUnit {
    file: WholeFile,
    report: Report,
    /// Runs that are not listed.
    beyond: usize,
}

impl JUnit {
    pub(super) fn open(path: &Path) -> Result<Self, ReportError> {
        Ok(Self {
            file: WholeFile::open(path)?,
            report: Report::new("bongsu"),
            beyond: 0,
        })
    }

    fn add(&mut self, suite: TestSuite) {
        if self.report.test_suites.len() < LISTED_RUNS_MAX {
            let _ = self.report.add_test_suite(suite);
        } else {
            self.beyond += 1;
        }
    }
}

impl Sink for JUnit {
    fn take(&mut self, ran: &Ran<'_>) -> Result<(), ReportError> {
        let started = stamp(ran.report.facts.started);
        if self.report.timestamp.is_none() {
            let _ = self.report.set_timestamp(started);
        }
        self.add(suite(ran));
        Ok(())
    }

    fn held_back(&mut self, held: &Held<'_>) -> Result<(), ReportError> {
        let mut suite = TestSuite::new(held.title.as_str());
        for step in &held.journey.steps {
            let name = held.redactor.redact(&step.name);
            for actor in &step.actors {
                let named = named(held.journey, &name, name_of(held.journey, *actor));
                let case = skipped(step, named, "the kill switch holds it back");
                let _ = suite.add_test_case(case);
            }
        }
        self.add(suite);
        Ok(())
    }

    fn finish(mut self: Box<Self>, sum: &Sum<'_>) -> Result<(), ReportError> {
        let _ = self.report.set_time(sum.took);
        if self.beyond > 0 {
            let mut rest = TestSuite::new(format!("{} more runs", self.beyond));
            let text = format!(
                "{} runs are not listed, {LISTED_RUNS_MAX} are. All runs: {}",
                self.beyond,
                sum.tally.line(sum.took, sum.not_run)
            );
            let _ = rest.set_system_out(text);
            let _ = self.report.add_test_suite(rest);
        }
        let path = self.file.path().to_owned();
        let made = self.report.to_string();
        let text = made.map_err(|source| ReportError::JUnit { path, source })?;
        self.file.write(&text)?;
        self.file.keep()
    }
}

fn stamp(time: Timestamp) -> chrono::DateTime<chrono::FixedOffset> {
    let nanos = i64::try_from(time.as_unix_nanos()).unwrap_or(i64::MAX);
    chrono::DateTime::from_timestamp_nanos(nanos).fixed_offset()
}

fn suite(ran: &Ran<'_>) -> TestSuite {
    let facts = &ran.report.facts;
    let mut suite = TestSuite::new(ran.title.as_str());
    let _ = suite
        .set_timestamp(stamp(facts.started))
        .set_time(facts.ended.since(facts.started));
    let cleanup = facts.cleanup.to_string();
    let id = facts.id.to_string();
    for (name, value) in [
        ("run", id.as_str()),
        ("target", facts.target.as_str()),
        ("variant", facts.variant.as_str()),
        ("feature", ran.journey.feature.as_str()),
        ("cleanup", &cleanup),
    ] {
        let _ = suite.add_property((name, value));
    }
    for step in &ran.report.steps {
        let _ = suite.add_test_case(performed(ran, step));
    }
    let _ = suite.add_test_cases(not_performed(ran));
    let verdict = facts.outcomes.verdict();
    if let Outcome::Blind(reason) = verdict
        && ran.failures.is_empty()
    {
        // The whole run proves nothing, whatever its steps were.
        let mut status = TestCaseStatus::non_success(NonSuccessKind::Error);
        let _ = status
            .set_type(reason.as_str())
            .set_message(render::verdict(verdict));
        let mut case = TestCase::new("the run", status);
        let _ = case.set_classname(ran.journey.feature.as_str());
        let _ = suite.add_test_case(case);
    }
    suite
}

fn performed(ran: &Ran<'_>, step: &StepReport) -> TestCase {
    let mut status = match step.outcome {
        StepOutcome::Pass | StepOutcome::Slow => match ran.too_slow(step) {
            Some(why) => too_slow(&why),
            None => TestCaseStatus::success(),
        },
        StepOutcome::Fail(class) => failed(ran, step, NonSuccessKind::Failure, class.as_str()),
        StepOutcome::Blind(reason) => failed(ran, step, NonSuccessKind::Error, reason.as_str()),
    };
    let _ = status.add_reruns(step.earlier_attempts.iter().map(|earlier| {
        let mut rerun = TestRerun::new(NonSuccessKind::Failure);
        let _ = rerun
            .set_time(earlier.duration)
            .set_type(earlier.class.as_str())
            .set_message(earlier.detail.as_str());
        rerun
    }));
    let name = named(ran.journey, &step.name, step.actor.as_str());
    let mut case = TestCase::new(name, status);
    let class = step.feature.as_ref().map_or(CLEANUP, |f| f.as_str());
    let _ = case
        .set_classname(class)
        .set_timestamp(stamp(step.started))
        .set_time(step.ended.since(step.started));
    if step.outcome == StepOutcome::Slow {
        let _ = case.add_property(("outcome", "slow"));
    }
    case
}

fn too_slow(why: &str) -> TestCaseStatus {
    let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
    let _ = status.set_type("slow").set_message(why);
    status
}

fn failed(
    ran: &Ran<'_>,
    step: &StepReport,
    kind: NonSuccessKind,
    class: &'static str,
) -> TestCaseStatus {
    let mut status = TestCaseStatus::non_success(kind);
    let _ = status.set_type(class);
    match ran.failure(step) {
        Some(shown) => {
            let message = shown.reasons.first().unwrap_or(&shown.message);
            let _ = status
                .set_message(message.as_str())
                .set_description(shown.drawn.as_str());
        }
        None => {
            let _ = status.set_message(render::outcome_word(step));
        }
    }
    status
}

/// The steps that were not performed, by everybody who was to.
fn not_performed(ran: &Ran<'_>) -> Vec<TestCase> {
    let journey = ran.journey;
    let report = ran.report;
    let reached = report
        .steps
        .iter()
        .filter(|step| step.kind == StepKind::Step);
    let reached = reached.map(|step| step.index).max();
    let mut cases = Vec::new();
    for step in &journey.steps {
        for actor in &step.actors {
            let is_performed = report.steps.iter().any(|performed| {
                performed.index == step.index && performed.actor_index as usize == *actor
            });
            if is_performed {
                continue;
            }
            let is_passed_over = reached.is_some_and(|reached| step.index < reached);
            let cause = if is_passed_over {
                "`when` does not hold".to_owned()
            } else {
                cause(report)
            };
            let name = ran.redactor.redact(&step.name);
            let named = named(journey, &name, name_of(journey, *actor));
            cases.push(skipped(step, named, &cause));
        }
    }
    cases
}

/// Why the rest was not performed.
fn cause(report: &RunReport) -> String {
    let ended_by = report.steps.iter().find_map(|step| match step.outcome {
        StepOutcome::Fail(class) if step.kind == StepKind::Step => Some(blocked(step, class)),
        StepOutcome::Blind(reason) if step.kind == StepKind::Step => Some(format!(
            "not reached: \"{}\" was blind ({reason})",
            step.name
        )),
        _ => None,
    });
    ended_by.unwrap_or_else(|| match report.facts.outcomes.verdict() {
        Outcome::Blind(BlindReason::Interrupted) => "not reached: interrupted".to_owned(),
        Outcome::Blind(reason) => format!("not reached: blind ({reason})"),
        _ => "`when` does not hold".to_owned(),
    })
}

fn blocked(step: &StepReport, class: FailClass) -> String {
    let feature = step.feature.as_ref().map_or(CLEANUP, |f| f.as_str());
    format!("blocked by {feature}: \"{}\" failed ({class})", step.name)
}

fn skipped(step: &Step, named: String, cause: &str) -> TestCase {
    let mut status = TestCaseStatus::skipped();
    let _ = status.set_message(cause);
    let mut case = TestCase::new(named, status);
    let _ = case.set_classname(step.feature.as_str());
    case
}

fn name_of(journey: &Journey, actor: usize) -> &str {
    journey.actor_name(actor).map_or("", |name| name.as_str())
}

/// A step's name, with its actor's where there are several.
fn named(journey: &Journey, step: &str, actor: &str) -> String {
    if journey.actors.len() > 1 {
        format!("{step} [{actor}]")
    } else {
        step.to_owned()
    }
}
