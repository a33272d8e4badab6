//! A file that is read: where its lines start, and mistakes with their places.

use std::ops::Range;
use std::sync::Arc;

use bongsu_language::{Diagnostic, Position, Rule, Severity, SourceFile};

/// Largest file in bytes: a scenario is read by people.
pub(super) const FILE_BYTES_MAX: usize = 1024 * 1024;

/// A text and the bytes of the file that it was written in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Cell {
    pub(super) text: String,
    pub(super) span: Range<usize>,
}

/// A file with what is wrong with it.
#[derive(Debug)]
pub(super) struct Text<'a> {
    pub(super) path: Arc<str>,
    pub(super) text: &'a str,
    line_starts: Vec<usize>,
    pub(super) mistakes: Vec<Diagnostic>,
}

impl<'a> Text<'a> {
    pub(super) fn new(file: &'a SourceFile) -> Self {
        let ends = file.text.match_indices('\n').map(|(at, _)| at + 1);
        Self {
            path: file.path.as_str().into(),
            text: &file.text,
            line_starts: std::iter::once(0).chain(ends).collect(),
            mistakes: Vec::new(),
        }
    }

    pub(super) fn position(&self, span: &Range<usize>) -> Position {
        let start = self.boundary(span.start);
        let end = self.boundary(span.end).max(start);
        let line = self.line_starts.partition_point(|begin| *begin <= start);
        let begin = self.line_starts[line.saturating_sub(1)];
        let column = self.text[begin..start].chars().count() + 1;
        Position {
            path: self.path.clone(),
            line: u32::try_from(line).unwrap_or(u32::MAX),
            column: u32::try_from(column).unwrap_or(u32::MAX),
            span: start..end,
        }
    }

    /// Notes a mistake with its remedy.
    #[track_caller]
    pub(super) fn wrong(
        &mut self,
        span: &Range<usize>,
        rule: Rule,
        message: impl Into<String>,
        remedy: impl Into<String>,
    ) {
        let mut mistake = Diagnostic::observed(Severity::Error, self.position(span), message);
        mistake.rule = rule;
        mistake.help.push(remedy.into());
        self.mistakes.push(mistake);
    }

    fn boundary(&self, at: usize) -> usize {
        let at = at.min(self.text.len());
        let mut before = (0..=at).rev();
        let found = before.find(|at| self.text.is_char_boundary(*at));
        found.unwrap_or(0)
    }
}

/// `; did you mean …?` behind a remedy when one of `known` is near `word`.
pub(super) fn did_you_mean<'a>(word: &str, known: impl Iterator<Item = &'a str>) -> String {
    known
        .map(|candidate| (strsim::jaro_winkler(word, candidate), candidate))
        .filter(|(likeness, _)| *likeness > 0.8)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, candidate)| format!("did you mean `{candidate}`? "))
        .unwrap_or_default()
}
