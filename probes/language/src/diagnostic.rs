//! What is wrong with a file, where, and how to mend it; drawn as rustc draws it.

use std::panic::Location;

use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};

use crate::parse::conceal;
use crate::rule::Rule;
use crate::source::{Position, SourceFile};

/// How grave a diagnostic is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// The file cannot be used.
    Error,
    /// The file can be used, but something about it is likely a mistake.
    Warning,
}

impl Severity {
    /// The severity as a word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
        }
    }
}

/// Whether a drawing carries terminal colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Colour {
    /// ANSI colours.
    Ansi,
    /// Plain text.
    Plain,
}

/// Another place that belongs to a diagnostic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Related {
    /// Where.
    pub position: Position,
    /// What is there.
    pub label: String,
}

/// One mistake: message, place, label at the place, remedy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// The rule that is broken.
    pub rule: Rule,
    /// How grave it is.
    pub severity: Severity,
    /// What is wrong, in one line.
    pub message: String,
    /// Where.
    pub position: Position,
    /// What is to be said at the place; may be empty.
    pub label: String,
    /// How to mend it, one line each.
    pub help: Vec<String>,
    /// Other places of the same or another file.
    pub related: Vec<Related>,
    /// Where in this program it was made: every such place has a pair of files that reaches it.
    pub origin: &'static Location<'static>,
}

impl Diagnostic {
    /// One about what a run showed, drawn like a mistake of the file.
    #[track_caller]
    pub fn observed(severity: Severity, position: Position, message: impl Into<String>) -> Self {
        Self {
            rule: Rule::Observed,
            severity,
            message: message.into(),
            position,
            label: String::new(),
            help: Vec::new(),
            related: Vec::new(),
            origin: Location::caller(),
        }
    }

    /// An error of [`Rule::InvalidValue`], unless another rule is named.
    #[track_caller]
    pub(crate) fn error(position: Position, message: impl Into<String>) -> Self {
        Self {
            rule: Rule::InvalidValue,
            ..Self::observed(Severity::Error, position, message)
        }
    }

    #[track_caller]
    pub(crate) fn warning(position: Position, message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Warning,
            ..Self::error(position, message)
        }
    }

    pub(crate) fn rule(mut self, rule: Rule) -> Self {
        self.rule = rule;
        self
    }

    pub(crate) fn label(mut self, label: impl Into<String>) -> Self {
        self.label = label.into();
        self
    }

    pub(crate) fn help(mut self, help: impl Into<String>) -> Self {
        self.help.push(help.into());
        self
    }

    pub(crate) fn related(mut self, position: Position, label: impl Into<String>) -> Self {
        self.related.push(Related {
            position,
            label: label.into(),
        });
        self
    }

    /// Whether the file cannot be used because of it.
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }

    /// Draws the diagnostic with excerpts of those of `files` that it points into. Literals that
    /// look like secrets are starred out.
    pub fn render(&self, files: &[SourceFile], colour: Colour) -> String {
        let texts: Vec<(&str, String)> = std::iter::once(&self.position)
            .chain(self.related.iter().map(|related| &related.position))
            .filter_map(|position| files.iter().find(|file| file.path == *position.path))
            .map(|file| (file.path.as_str(), conceal(&file.text)))
            .collect();
        let level = match self.severity {
            Severity::Error => Level::ERROR,
            Severity::Warning => Level::WARNING,
        };
        let mut group = level
            .primary_title(self.message.as_str())
            .elements(std::iter::empty::<annotate_snippets::Element<'_>>());
        match text_of(&texts, &self.position) {
            Some(text) => group = group.element(self.excerpt(text)),
            None => {
                group = group.element(
                    annotate_snippets::Origin::path(&*self.position.path)
                        .line(self.position.line as usize)
                        .char_column(self.position.column as usize),
                );
            }
        }
        for related in &self.related {
            if related.position.path != self.position.path
                && let Some(text) = text_of(&texts, &related.position)
            {
                group = group.element(
                    Snippet::source(text)
                        .path(&*related.position.path)
                        .annotation(
                            AnnotationKind::Context
                                .span(drawable(text, &related.position))
                                .label(related.label.as_str()),
                        ),
                );
            }
        }
        for help in &self.help {
            group = group.element(Level::HELP.message(help.as_str()));
        }
        match colour {
            Colour::Ansi => Renderer::styled(),
            Colour::Plain => Renderer::plain(),
        }
        .render(&[group])
    }

    fn excerpt<'a>(&'a self, text: &'a str) -> Snippet<'a, annotate_snippets::Annotation<'a>> {
        let primary = AnnotationKind::Primary.span(drawable(text, &self.position));
        let primary = if self.label.is_empty() {
            primary
        } else {
            primary.label(self.label.as_str())
        };
        let context = self
            .related
            .iter()
            .filter(|related| related.position.path == self.position.path)
            .map(|related| {
                AnnotationKind::Context
                    .span(drawable(text, &related.position))
                    .label(related.label.as_str())
            });
        Snippet::source(text)
            .path(&*self.position.path)
            .annotation(primary)
            .annotations(context)
    }
}

fn text_of<'a>(texts: &'a [(&str, String)], position: &Position) -> Option<&'a str> {
    let (_, text) = texts.iter().find(|(path, _)| *path == &*position.path)?;
    text.get(position.span.clone()).map(|_| text.as_str())
}

/// The span without the line breaks at its end and cut to its first line, so that a mark under a
/// whole table stays one line.
fn drawable(text: &str, position: &Position) -> std::ops::Range<usize> {
    let span = position.span.clone();
    let inside = text.get(span.clone()).unwrap_or_default();
    let first_line = inside.find(['\n', '\r']).unwrap_or(inside.len());
    span.start..span.start + first_line
}

impl std::fmt::Display for Diagnostic {
    /// One line: `path:line:column: severity: message`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{}: {}: {}",
            self.position,
            self.severity.as_str(),
            self.message
        )
    }
}
