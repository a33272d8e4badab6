//! The limits of one step, held against each other.

use std::time::Duration;

use crate::document::Table;
use crate::duration::{display_duration, parse_duration};
use crate::journey::{Poll, STEP_TIMEOUT};
use crate::parser::Parser;
use crate::rule::Rule;

impl Parser<'_> {
    /// `slow`, `within` and `poll.for` must be able to speak.
    pub(super) fn check_limits(&mut self, table: &Table, poll: Option<Poll>) {
        let slow = limit(table, "slow");
        let within = limit(table, "within");
        if let (Some(slow), Some(within), Some(node)) = (slow, within, table.get("slow"))
            && slow >= within
        {
            let _ = self
                .error(&node.span, "`slow` must be below `within`")
                .rule(Rule::LimitsCannotFit)
                .label("a step this slow has failed already")
                .help("lower `slow` or raise `within`");
        }
        if let (Some(poll), Some(within), Some(entry)) = (poll, within, table.entry("poll"))
            && poll.for_ > within
            && table.get("since").is_none()
        {
            let _ = self
                .warning(&entry.key_span, "`poll.for` can never be reached")
                .rule(Rule::LimitsCannotFit)
                .label(format!(
                    "`within` ends the step after {}",
                    display_duration(within)
                ))
                .help("lower `for`, or raise `within`");
        }
        // Several attempts, or a clock that another step starts, may take longer than one attempt.
        let is_one_attempt = ["poll", "retry", "since"]
            .iter()
            .all(|key| table.get(key).is_none());
        if is_one_attempt {
            let is_said = table.get("timeout").is_some();
            let attempt = limit(table, "timeout").unwrap_or(STEP_TIMEOUT);
            for (key, limit) in [("slow", slow), ("within", within)] {
                self.check_attempt(table, (key, limit), attempt, is_said);
            }
        }
    }

    fn check_attempt(
        &mut self,
        table: &Table,
        (key, limit): (&str, Option<Duration>),
        attempt: Duration,
        is_said: bool,
    ) {
        let (Some(limit), Some(node)) = (limit, table.get(key)) else {
            return;
        };
        // `within` just as long as an attempt says the same twice, and does no harm.
        let reached = if key == "slow" {
            limit < attempt
        } else {
            limit <= attempt
        };
        if reached {
            return;
        }
        let whose = if is_said {
            "its `timeout`"
        } else {
            "the usual timeout"
        };
        let _ = self
            .warning(&node.span, format!("`{key}` can never be reached"))
            .rule(Rule::LimitsCannotFit)
            .label(format!(
                "the step's only attempt ends after {}, {whose}",
                display_duration(attempt)
            ))
            .help(format!(
                "lower it, or give the step a `timeout` above {}",
                display_duration(limit)
            ));
    }
}

/// A limit as written; one that cannot be read has been told.
fn limit(table: &Table, key: &str) -> Option<Duration> {
    let (text, _) = table.text(key)?;
    parse_duration(text).ok()
}
