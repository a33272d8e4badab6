//! A file as it was handed in: its path as shown in messages, its text, and its lines.

use std::ops::Range;
use std::sync::Arc;

/// A file's path, as messages show it, and its text. The crate itself never reads a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceFile {
    /// The path as a reader should see it in messages.
    pub path: String,
    /// The file's content.
    pub text: String,
    /// The descriptors of gRPC that it names, each by its path as the file has it.
    pub descriptors: Vec<(String, Vec<u8>)>,
}

impl SourceFile {
    /// A file from its path and content.
    pub fn new(path: impl Into<String>, text: impl Into<String>) -> Self {
        Self {
            path: path.into(),
            text: text.into(),
            descriptors: Vec::new(),
        }
    }

    /// The file with a descriptor that it names.
    #[must_use]
    pub fn with_descriptor(mut self, path: impl Into<String>, content: Vec<u8>) -> Self {
        self.descriptors.push((path.into(), content));
        self
    }
}

/// A place in a file, for messages at load and during a run.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Position {
    /// The file, as shown in messages.
    pub path: Arc<str>,
    /// The line, from 1.
    pub line: u32,
    /// The column in characters, from 1.
    pub column: u32,
    /// The bytes of the file that are meant.
    pub span: Range<usize>,
}

impl std::fmt::Display for Position {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}:{}", self.path, self.line, self.column)
    }
}

/// A file being loaded: knows where its lines start.
#[derive(Debug)]
pub(crate) struct Source<'a> {
    pub(crate) path: Arc<str>,
    pub(crate) text: &'a str,
    pub(crate) descriptors: &'a [(String, Vec<u8>)],
    line_starts: Vec<u32>,
}

impl<'a> Source<'a> {
    pub(crate) fn new(file: &'a SourceFile) -> Self {
        Self::at(file.path.as_str().into(), file)
    }

    /// The file, whose path is known already.
    pub(crate) fn at(path: Arc<str>, file: &'a SourceFile) -> Self {
        let text = file.text.as_str();
        let ends = text.match_indices('\n').map(|(at, _)| at + 1);
        let line_starts = std::iter::once(0).chain(ends);
        Self {
            path,
            text,
            descriptors: &file.descriptors,
            line_starts: line_starts.map_while(|at| u32::try_from(at).ok()).collect(),
        }
    }

    /// The place of `span`, pulled back to the file's bounds and to character boundaries.
    pub(crate) fn position(&self, span: &Range<usize>) -> Position {
        let start = self.boundary(span.start);
        let end = self.boundary(span.end).max(start);
        let line = self
            .line_starts
            .partition_point(|line_start| *line_start as usize <= start);
        let line_start = self.line_starts[line.saturating_sub(1)] as usize;
        let column = self.text[line_start..start].chars().count() + 1;
        Position {
            path: self.path.clone(),
            line: u32::try_from(line).unwrap_or(u32::MAX),
            column: u32::try_from(column).unwrap_or(u32::MAX),
            span: start..end,
        }
    }

    fn boundary(&self, at: usize) -> usize {
        let mut at = at.min(self.text.len());
        while !self.text.is_char_boundary(at) {
            at -= 1;
        }
        at
    }
}
