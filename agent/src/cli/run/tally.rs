//! Counts how runs ended.

use std::time::Duration;

use bongsu_agent::count;
use bongsu_model::{Outcome, RunReport};

use crate::cli::render;

/// How many runs ended how.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) passed: u64,
    pub(super) slow: u64,
    pub(super) failed: u64,
    pub(super) blocked: u64,
    pub(super) blind: u64,
    pub(super) skipped: u64,
    pub(super) flaky: u64,
    pub(super) leaked: u64,
}

impl Tally {
    /// One more run.
    pub(super) fn add(&mut self, report: &RunReport) {
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
    pub(super) fn line(&self, took: Duration, not_run: u64) -> String {
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
