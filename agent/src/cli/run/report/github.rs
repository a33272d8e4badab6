//! `github`: workflow commands that GitHub shows as annotations at the line of the file.
//!
//! Source of the escapes: actions/toolkit, packages/core/src/command.ts, `escapeData` and
//! `escapeProperty`.

use std::path::{Path, PathBuf};

use bongsu_language::Journey;
use bongsu_model::{Outcome, StepKind, StepOutcome, StepReport};

use super::{Held, Ran, ReportError, Shown, Sink, Sum};
use crate::cli::{render, say};

pub(super) struct GitHub {
    /// Where the repository lies: annotations know files from there.
    workspace: Option<PathBuf>,
}

/// How an annotation is shown.
#[derive(Debug, Clone, Copy)]
enum Level {
    Error,
    Warning,
    Notice,
}

impl GitHub {
    pub(super) fn new() -> Self {
        Self {
            workspace: std::env::var_os("GITHUB_WORKSPACE").map(PathBuf::from),
        }
    }

    fn failure(&self, shown: &Shown<'_>) -> String {
        let level = match (shown.step.kind, shown.step.outcome) {
            (StepKind::Cleanup, _) | (_, StepOutcome::Blind(_)) => Level::Warning,
            (StepKind::Step, _) => Level::Error,
        };
        let place = format!(
            " file={},line={},col={},title={}",
            property(&self.in_repository(&shown.path)),
            shown.line,
            shown.column,
            property(&shown.message),
        );
        command(level, &place, &shown.reasons.join("\n"))
    }

    /// What is told of a step that passed.
    fn passed(
        &self,
        journey: &Journey,
        step: &StepReport,
        level: Level,
        (title, message): (&str, &str),
    ) -> Option<String> {
        let mut steps = journey.steps.iter().chain(&journey.cleanup);
        let position = &steps.find(|one| one.index == step.index)?.position;
        let place = format!(
            " file={},line={},col={},title={}",
            property(&self.in_repository(&position.path)),
            position.line,
            position.column,
            property(&format!("{} · {}: {title}", journey.name, step.name)),
        );
        Some(command(level, &place, message))
    }

    /// The file as the repository knows it.
    fn in_repository(&self, path: &str) -> String {
        let path = Path::new(path);
        let workspace = self.workspace.as_deref();
        let inside = workspace.and_then(|workspace| path.strip_prefix(workspace).ok());
        let inside = inside.unwrap_or(path);
        let inside = inside.strip_prefix(".").unwrap_or(inside);
        inside.display().to_string()
    }
}

impl Sink for GitHub {
    fn take(&mut self, ran: &Ran<'_>) -> Result<(), ReportError> {
        for shown in &ran.failures {
            say(&self.failure(shown));
        }
        for step in &ran.report.steps {
            let is_flaky = step.attempts > 1
                && step.kind == StepKind::Step
                && matches!(step.outcome, StepOutcome::Pass | StepOutcome::Slow);
            if is_flaky {
                let message = format!("it passed on attempt {}", step.attempts);
                let told = ("flaky", message.as_str());
                say_all(self.passed(ran.journey, step, Level::Warning, told));
            }
            if let Some(why) = ran.too_slow(step) {
                let told = ("slow", why.as_str());
                say_all(self.passed(ran.journey, step, Level::Error, told));
            }
        }
        let verdict = ran.report.facts.outcomes.verdict();
        if ran.failures.is_empty() && matches!(verdict, Outcome::Blind(_)) {
            let title = format!(" title={}", property(&ran.title));
            say(&command(Level::Warning, &title, &render::verdict(verdict)));
        }
        Ok(())
    }

    fn held_back(&mut self, held: &Held<'_>) -> Result<(), ReportError> {
        let title = format!(" title={}", property(&held.title));
        say(&command(
            Level::Notice,
            &title,
            "the kill switch holds it back",
        ));
        Ok(())
    }

    fn finish(self: Box<Self>, _: &Sum<'_>) -> Result<(), ReportError> {
        Ok(())
    }
}

fn say_all(lines: impl IntoIterator<Item = String>) {
    lines.into_iter().for_each(|line| say(&line));
}

fn command(level: Level, properties: &str, message: &str) -> String {
    let name = match level {
        Level::Error => "error",
        Level::Warning => "warning",
        Level::Notice => "notice",
    };
    format!("::{name}{properties}::{}", data(message))
}

fn data(text: &str) -> String {
    text.replace('%', "%25")
        .replace('\r', "%0D")
        .replace('\n', "%0A")
}

fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_of_a_text_is_taken_for_a_command() {
        let text = "100 %: a,b\r\n::set-output name=x::y";
        let line = command(Level::Error, &format!(" title={}", property(text)), text);
        assert_eq!(
            line,
            "::error title=100 %25%3A a%2Cb%0D%0A%3A%3Aset-output name=x%3A%3Ay::100 %25: \
             a,b%0D%0A::set-output name=x::y"
        );
    }

    #[test]
    fn files_are_named_as_the_repository_knows_them() {
        let github = GitHub {
            workspace: Some("/home/runner/repo".into()),
        };
        for (path, expected) in [
            ("/home/runner/repo/journeys/a.toml", "journeys/a.toml"),
            ("./journeys/a.toml", "journeys/a.toml"),
            ("journeys/a.toml", "journeys/a.toml"),
            ("/elsewhere/a.toml", "/elsewhere/a.toml"),
        ] {
            assert_eq!(github.in_repository(path), expected);
        }
    }
}
