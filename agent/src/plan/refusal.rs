//! Why a plan is refused: every problem of every file, in one line and drawn.

use bongsu_language::{Colour, Diagnostic, SourceFile};

use crate::units::count;

/// One thing that a plan is refused for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlanProblem {
    /// In one line.
    pub line: String,
    /// With excerpt and marker, where there is one.
    pub drawing: String,
}

impl PlanProblem {
    pub(super) fn plain(line: impl std::fmt::Display) -> Self {
        let line = line.to_string();
        Self {
            drawing: format!("error: {line}"),
            line,
        }
    }

    fn drawn(diagnostic: &Diagnostic, files: &[SourceFile]) -> Self {
        Self {
            line: diagnostic.to_string(),
            drawing: diagnostic.render(files, Colour::Plain),
        }
    }
}

/// Why a plan was refused: every problem.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlanRefusal(pub Vec<PlanProblem>);

impl PlanRefusal {
    /// All problems, one a line.
    pub fn lines(&self) -> String {
        let lines: Vec<&str> = self.0.iter().map(|problem| problem.line.as_str()).collect();
        lines.join("\n")
    }
}

impl std::fmt::Display for PlanRefusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for problem in &self.0 {
            writeln!(f, "{}\n", problem.drawing.trim_end())?;
        }
        write!(f, "the plan is refused: {}", count(self.0.len(), "problem"))
    }
}

impl std::error::Error for PlanRefusal {}

/// For one problem that leaves nothing to go on with.
pub(super) fn refused(error: impl std::fmt::Display) -> PlanRefusal {
    PlanRefusal(vec![PlanProblem::plain(error)])
}

/// Adds what is wrong with the files.
pub(super) fn tell(
    problems: &mut Vec<PlanProblem>,
    diagnostics: &[Diagnostic],
    files: &[SourceFile],
) {
    problems.extend(diagnostics.iter().map(|one| PlanProblem::drawn(one, files)));
}
