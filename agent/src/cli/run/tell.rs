//! Tells how runs ended, one after the other, and sums up.

use std::time::Duration;

use bongsu_language::{Colour, Journey, Redactor, SourceFile};
use bongsu_model::{PoolName, RunReport, TargetName};
use bongsu_probes::Account;

use super::arguments::RunArguments;
use super::crew::{End, Ended, redactor_of};
use super::exit::worse;
use super::report::{Held, Ran, ReportError, Reports, Sum, shown};
use super::select::Selected;
use super::stage::Piece;
use super::tally::Tally;
use crate::cli::render::{self, Detail};
use crate::cli::{Exit, colour, say, say_error};

/// Most failed runs that the summary shows again; the others are counted.
const SHOWN_FAILURES_MAX: usize = 20;

/// Tells runs as they end and remembers what the summary needs.
pub(super) struct Teller<'a> {
    arguments: &'a RunArguments,
    files: &'a [SourceFile],
    target: &'a TargetName,
    pools: &'a [(PoolName, Vec<Account>)],
    total: u64,
    colour: Colour,
    tally: Tally,
    worst: Exit,
    /// The failed ones as the summary shows them.
    failures: Vec<String>,
    reports: Reports,
    /// Whether a report was asked for that cannot be written.
    lacks_report: bool,
}

impl<'a> Teller<'a> {
    pub(super) fn new(
        arguments: &'a RunArguments,
        selected: &'a Selected,
        total: u64,
        reports: Reports,
    ) -> Self {
        Self {
            arguments,
            files: &selected.files,
            target: selected.target.target.name(),
            pools: &selected.target.pools,
            total,
            colour: colour(),
            tally: Tally::default(),
            worst: Exit::Good,
            failures: Vec::new(),
            reports,
            lacks_report: false,
        }
    }

    /// The next run in order.
    pub(super) fn tell(&mut self, piece: &Piece, ended: Ended) {
        let exit = ended.exit(self.arguments);
        self.worst = worse(self.worst, exit);
        match ended.end {
            End::Ran { report, redactor } => {
                self.tally.add(&report);
                self.print(piece, &report, redactor.as_deref(), exit);
                self.report(piece, &report, redactor.as_deref(), ended.nth);
            }
            End::HeldBack => self.held_back(piece, ended.nth),
        }
    }

    fn held_back(&mut self, piece: &Piece, nth: u64) {
        self.tally.skipped += 1;
        say_error(&format!(
            "skipped: {}: the kill switch of target `{}` holds it back",
            piece.journey.name, self.target,
        ));
        if !self.reports.is_empty() {
            let redactor = self.redactor_of_pools(&piece.journey);
            let held = Held {
                journey: &piece.journey,
                title: redactor.redact(&self.title(piece, nth)),
                redactor: &redactor,
            };
            let errors = self.reports.held_back(&held);
            self.tell_lacking(&errors);
        }
    }

    /// Knows the secrets of every account that could have played in the journey.
    fn redactor_of_pools(&self, journey: &Journey) -> Redactor {
        let plays_in = |pool: &PoolName| journey.actors.iter().any(|actor| actor.pool == *pool);
        let pools = self.pools.iter().filter(|(name, _)| plays_in(name));
        redactor_of(pools.flat_map(|(_, accounts)| accounts))
    }

    fn print(
        &mut self,
        piece: &Piece,
        report: &RunReport,
        redactor: Option<&Redactor>,
        exit: Exit,
    ) {
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
        let failures = render::failures(&piece.journey, report);
        let text = render::text(report, &failures, self.files, self.colour, detail);
        say(&redacted(text, redactor));
        if exit != Exit::Good && self.failures.len() < SHOWN_FAILURES_MAX {
            let waterfall = render::waterfall(report, self.colour);
            self.failures.push(redacted(waterfall, redactor));
        }
    }

    fn report(&mut self, piece: &Piece, report: &RunReport, redactor: Option<&Redactor>, nth: u64) {
        if self.reports.is_empty() {
            return;
        }
        let knows_none = Redactor::new();
        let redactor = redactor.unwrap_or(&knows_none);
        let failures = render::failures(&piece.journey, report);
        let ran = Ran {
            journey: &piece.journey,
            report,
            title: redactor.redact(&self.title(piece, nth)),
            failures: shown(failures, self.files, redactor),
            redactor,
            is_strict: self.arguments.strict,
        };
        let errors = self.reports.take(&ran);
        self.tell_lacking(&errors);
    }

    /// The journey, its case and which repetition it is.
    pub(super) fn title(&self, piece: &Piece, nth: u64) -> String {
        let name = render::named(&piece.journey.name, &piece.variant);
        let repeat = self.arguments.repeat.get();
        if repeat == 1 {
            name
        } else {
            let pieces = self.total / repeat;
            format!("{name} #{}", nth / pieces.max(1) + 1)
        }
    }

    fn tell_lacking(&mut self, errors: &[ReportError]) {
        for error in errors {
            self.lacks_report = true;
            say_error(&format!("error: {error}"));
        }
    }

    /// Says what all runs together were like, closes the reports, and gives back how the command
    /// ends.
    pub(super) async fn finish(&mut self, took: Duration, not_run: u64) -> Exit {
        if !self.arguments.json {
            for failure in &self.failures {
                say(&format!("\n{failure}"));
            }
            if self.total > 1 {
                say(&format!("\n{}", self.tally.line(took, not_run)));
            }
        }
        let sum = Sum {
            tally: &self.tally,
            took,
            not_run,
        };
        let errors = self.reports.finish(&sum);
        self.tell_lacking(&errors);
        let errors = self.reports.delivered().await;
        self.tell_lacking(&errors);
        if self.lacks_report && self.worst == Exit::Good {
            Exit::Usage
        } else {
            self.worst
        }
    }
}

fn redacted(text: String, redactor: Option<&Redactor>) -> String {
    match redactor {
        Some(redactor) => redactor.redact(&text),
        None => text,
    }
}
