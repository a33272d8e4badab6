//! Tells how runs ended, one after the other, and sums up.

use std::time::Duration;

use bongsu_agent::count;
use bongsu_language::{Redactor, SourceFile};
use bongsu_model::{Outcome, RunReport, TargetName};

use super::arguments::RunArguments;
use super::crew::{End, Ended};
use super::exit::worse;
use super::select::Selected;
use super::stage::Piece;
use crate::cli::render::{self, Detail};
use crate::cli::{Exit, colour, say, say_error};

/// Most failed runs that the summary shows again; the others are counted.
const SHOWN_FAILURES_MAX: usize = 20;

/// Tells runs as they end and remembers what the summary needs.
pub(super) struct Teller<'a> {
    arguments: &'a RunArguments,
    files: &'a [SourceFile],
    target: &'a TargetName,
    total: u64,
    tally: Tally,
    worst: Exit,
    /// The failed ones as the summary shows them.
    failures: Vec<String>,
}

/// How many runs ended how.
#[derive(Debug, Default)]
struct Tally {
    passed: u64,
    slow: u64,
    failed: u64,
    blocked: u64,
    blind: u64,
    skipped: u64,
    flaky: u64,
    leaked: u64,
}

impl<'a> Teller<'a> {
    pub(super) fn new(arguments: &'a RunArguments, selected: &'a Selected, total: u64) -> Self {
        Self {
            arguments,
            files: &selected.files,
            target: selected.target.target.name(),
            total,
            tally: Tally::default(),
            worst: Exit::Good,
            failures: Vec::new(),
        }
    }

    /// The next run in order.
    pub(super) fn tell(&mut self, piece: &Piece, ended: Ended) {
        let exit = ended.exit(self.arguments);
        self.worst = worse(self.worst, exit);
        match ended.end {
            End::Ran { report, redactor } => self.ran(piece, &report, redactor.as_ref(), exit),
            End::HeldBack => self.held_back(piece),
        }
    }

    /// How the command ends.
    pub(super) fn exit(&self) -> Exit {
        self.worst
    }

    fn held_back(&mut self, piece: &Piece) {
        self.tally.skipped += 1;
        say_error(&format!(
            "skipped: {}: the kill switch of target `{}` holds it back",
            piece.journey.name, self.target,
        ));
    }

    fn ran(&mut self, piece: &Piece, report: &RunReport, redactor: Option<&Redactor>, exit: Exit) {
        self.tally.add(report);
        if self.arguments.json {
            say(&render::json(report).to_string());
            return;
        }
        let is_alone = self.total == 1;
        let detail = if is_alone || self.arguments.verbose || exit != Exit::Good {
            Detail::Steps
        } else {
            Detail::Line
        };
        let text = render::text(&piece.journey, report, self.files, colour(), detail);
        say(&redacted(text, redactor));
        if exit != Exit::Good && self.failures.len() < SHOWN_FAILURES_MAX {
            let waterfall = render::waterfall(report, colour());
            self.failures.push(redacted(waterfall, redactor));
        }
    }

    /// What all runs together were like.
    pub(super) fn sum_up(&self, took: Duration, not_run: u64) {
        if self.arguments.json {
            return;
        }
        for failure in &self.failures {
            say(&format!("\n{failure}"));
        }
        if self.total > 1 {
            say(&format!("\n{}", self.tally.line(took, not_run)));
        }
    }
}

fn redacted(text: String, redactor: Option<&Redactor>) -> String {
    match redactor {
        Some(redactor) => redactor.redact(&text),
        None => text,
    }
}

impl Tally {
    fn add(&mut self, report: &RunReport) {
        let facts = &report.facts;
        let counter = match facts.outcomes.verdict() {
            Outcome::Pass => &mut self.passed,
            Outcome::Slow => &mut self.slow,
            Outcome::Fail(_) => &mut self.failed,
            Outcome::Blocked(_) => &mut self.blocked,
            Outcome::Blind(_) => &mut self.blind,
            Outcome::Skipped(_) => &mut self.skipped,
        };
        *counter += 1;
        self.flaky += u64::from(facts.flaky);
        self.leaked += u64::from(render::has_leaked(report));
    }

    /// In one line, without what there was none of.
    fn line(&self, took: Duration, not_run: u64) -> String {
        let parts = [
            (self.passed, "passed"),
            (self.slow, "slow"),
            (self.failed, "failed"),
            (self.blocked, "blocked"),
            (self.blind, "blind"),
            (self.skipped, "skipped"),
            (self.flaky, "of them flaky"),
            (self.leaked, "of them left something behind"),
            (not_run, "not run"),
        ];
        let runs: u64 = parts[..6].iter().map(|(number, _)| number).sum();
        let runs = usize::try_from(runs).unwrap_or(usize::MAX);
        let said = parts.iter().filter(|(number, _)| *number > 0);
        let said: Vec<String> = said
            .map(|(number, what)| format!("{number} {what}"))
            .collect();
        let said = if said.is_empty() {
            "nothing was run".to_owned()
        } else {
            said.join(", ")
        };
        format!("{} in {}: {said}", count(runs, "run"), render::length(took))
    }
}
