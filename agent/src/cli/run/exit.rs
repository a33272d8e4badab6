//! What runs mean for a script.

use bongsu_model::{CleanupState, Outcome, RunReport, StepKind, StepOutcome};

use crate::cli::Exit;

/// What a run means for a script.
pub(super) fn exit_of(report: &RunReport, strict: bool) -> Exit {
    let step_failed = report
        .steps
        .iter()
        .any(|step| step.kind == StepKind::Step && matches!(step.outcome, StepOutcome::Fail(_)));
    match report.facts.outcomes.verdict() {
        _ if step_failed => Exit::Failed,
        Outcome::Fail(_) | Outcome::Blocked(_) => Exit::Failed,
        Outcome::Blind(_) | Outcome::Skipped(_) => Exit::Blind,
        Outcome::Slow if strict => Exit::Failed,
        Outcome::Pass | Outcome::Slow => match report.facts.cleanup {
            CleanupState::Leaked | CleanupState::Owed => Exit::Leaked,
            CleanupState::None | CleanupState::Done => Exit::Good,
        },
    }
}

/// A failure outweighs everything, what proves nothing outweighs a leak.
pub(super) fn worse(a: Exit, b: Exit) -> Exit {
    let weight = |exit| match exit {
        Exit::Good => 0,
        Exit::Leaked => 1,
        Exit::Blind => 2,
        Exit::Failed => 3,
        Exit::Invalid => 4,
        Exit::Usage => 5,
        Exit::Interrupted => 6,
    };
    if weight(b) > weight(a) { b } else { a }
}

/// Whether `--fail-fast` starts nothing more after it.
pub(super) fn ends_all(exit: Exit) -> bool {
    !matches!(exit, Exit::Good | Exit::Leaked)
}
