//! What is wrong with a configuration: place, excerpt, remedy.

use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};

/// One mistake in a configuration file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// What is wrong.
    pub message: String,
    /// How to mend it, where that is known.
    pub help: Option<String>,
    excerpt: String,
    width: usize,
}

impl Problem {
    /// A mistake at the bytes `span` of `text`.
    pub(super) fn at(text: &str, span: Range<usize>, message: String) -> Self {
        let start = (0..=span.start.min(text.len()))
            .rev()
            .find(|at| text.is_char_boundary(*at))
            .unwrap_or(0);
        let line_start = text[..start].rfind('\n').map_or(0, |at| at + 1);
        let line_end = text[start..].find('\n').map_or(text.len(), |at| start + at);
        let end = span.end.clamp(start, line_end);
        Self {
            line: text[..start].matches('\n').count() + 1,
            column: text[line_start..start].chars().count() + 1,
            message,
            help: None,
            excerpt: text[line_start..line_end].to_owned(),
            width: text
                .get(start..end)
                .map_or(1, |cut| cut.chars().count())
                .max(1),
        }
    }

    pub(super) fn with_help(mut self, help: Option<String>) -> Self {
        self.help = help;
        self
    }

    fn write(&self, file: &Path, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            line,
            column,
            message,
            ..
        } = self;
        let gutter = " ".repeat(line.to_string().len());
        writeln!(f, "{}:{line}:{column}: {message}", file.display())?;
        writeln!(f, "{gutter} |")?;
        writeln!(f, "{line} | {}", self.excerpt)?;
        let indent = " ".repeat(column.saturating_sub(1));
        writeln!(f, "{gutter} | {indent}{}", "^".repeat(self.width))?;
        match &self.help {
            Some(help) => writeln!(f, "{gutter} = help: {help}"),
            None => Ok(()),
        }
    }
}

/// Why there is no configuration.
#[derive(Debug)]
pub enum ConfigError {
    /// The file could not be read.
    Read {
        /// The file.
        file: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file has mistakes.
    Invalid {
        /// The file.
        file: PathBuf,
        /// All of them, in the order of the file.
        problems: Vec<Problem>,
    },
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Read { file, source } => write!(
                f,
                "cannot read the configuration {}: {source}; give its path with --config",
                file.display()
            ),
            Self::Invalid { file, problems } => {
                problems
                    .iter()
                    .try_for_each(|problem| problem.write(file, f))?;
                let s = if problems.len() == 1 { "" } else { "s" };
                write!(f, "{} mistake{s} in {}", problems.len(), file.display())
            }
        }
    }
}

impl std::error::Error for ConfigError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Read { source, .. } => Some(source),
            Self::Invalid { .. } => None,
        }
    }
}
