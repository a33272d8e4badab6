//! A TOML text read key by key: every mistake is kept with its place, unknown keys too.

use std::cell::RefCell;
use std::ops::Range;

use toml::de::{DeTable, DeValue};

/// One thing wrong in a file, with its place and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    /// What is wrong, without place.
    pub message: String,
    /// How to mend it.
    pub remedy: Option<String>,
    /// Bytes of the text that are meant; empty for what is missing.
    pub span: Range<usize>,
}

/// A text under reading, and the mistakes found in it so far.
#[derive(Debug, Default)]
pub(super) struct Mistakes(RefCell<Vec<Mistake>>);

impl Mistakes {
    pub(super) fn add(&self, span: Range<usize>, message: impl Into<String>) {
        self.push(span, message.into(), None);
    }

    pub(super) fn add_with(&self, span: Range<usize>, message: impl Into<String>, remedy: String) {
        self.push(span, message.into(), Some(remedy));
    }

    fn push(&self, span: Range<usize>, message: String, remedy: Option<String>) {
        self.0.borrow_mut().push(Mistake {
            message,
            remedy,
            span,
        });
    }

    /// All mistakes, in the order of the text.
    pub(super) fn into_sorted(self) -> Vec<Mistake> {
        let mut mistakes = self.0.into_inner();
        mistakes.sort_by_key(|mistake| mistake.span.start);
        mistakes
    }
}

/// A table under reading. Every key that is asked for becomes a known one.
pub(super) struct Section<'s> {
    mistakes: &'s Mistakes,
    table: &'s DeTable<'s>,
    span: Range<usize>,
    name: &'static str,
    known: RefCell<Vec<&'static str>>,
}

impl<'s> Section<'s> {
    pub(super) fn new(
        mistakes: &'s Mistakes,
        table: &'s DeTable<'s>,
        span: Range<usize>,
        name: &'static str,
    ) -> Self {
        Self {
            mistakes,
            table,
            span,
            name,
            known: RefCell::default(),
        }
    }

    fn value(&self, key: &'static str) -> Option<(&'s DeValue<'s>, Range<usize>)> {
        self.known.borrow_mut().push(key);
        let (_, value) = self.table.iter().find(|(k, _)| k.get_ref() == key)?;
        Some((value.get_ref(), value.span()))
    }

    fn missing(&self, key: &'static str) {
        let place = if self.name.is_empty() {
            String::new()
        } else {
            format!(" in {}", self.name)
        };
        self.mistakes
            .add(self.span.clone(), format!("`{key}` is missing{place}"));
    }

    /// The text under `key`, read by `read`; None if it is missing or wrong, which is kept.
    pub(super) fn required<T, E: std::fmt::Display>(
        &self,
        key: &'static str,
        read: impl FnOnce(&str) -> Result<T, E>,
    ) -> Option<T> {
        if self.table.iter().all(|(k, _)| k.get_ref() != key) {
            self.known.borrow_mut().push(key);
            self.missing(key);
            return None;
        }
        self.optional(key, read)
    }

    /// As [`Self::required`], but the key may be left out.
    pub(super) fn optional<T, E: std::fmt::Display>(
        &self,
        key: &'static str,
        read: impl FnOnce(&str) -> Result<T, E>,
    ) -> Option<T> {
        let (value, span) = self.value(key)?;
        let Some(text) = value.as_str() else {
            self.wrong_type(key, value, span, "a text in quotes");
            return None;
        };
        read(text)
            .map_err(|error| self.mistakes.add(span, error.to_string()))
            .ok()
    }

    /// The whole number under `key`, within `range`.
    pub(super) fn integer(&self, key: &'static str, range: Range<u64>) -> Option<u64> {
        let (value, span) = self.value(key)?;
        let Some(number) = value.as_integer() else {
            self.wrong_type(key, value, span, "a whole number");
            return None;
        };
        let read = u64::from_str_radix(&number.as_str().replace('_', ""), number.radix());
        match read {
            Ok(number) if range.contains(&number) => Some(number),
            _ => {
                let message = format!(
                    "`{key}` is a whole number from {} to {}",
                    range.start,
                    range.end - 1
                );
                self.mistakes.add(span, message);
                None
            }
        }
    }

    /// The truth value under `key`.
    pub(super) fn boolean(&self, key: &'static str) -> Option<bool> {
        let (value, span) = self.value(key)?;
        let read = value.as_bool();
        if read.is_none() {
            self.wrong_type(key, value, span, "true or false");
        }
        read
    }

    /// The list of texts under `key`, each read by `read`, with its place.
    pub(super) fn list<T, E: std::fmt::Display>(
        &self,
        key: &'static str,
        read: impl Fn(&str) -> Result<T, E>,
    ) -> Option<(Vec<T>, Range<usize>)> {
        let Some((value, span)) = self.value(key) else {
            self.missing(key);
            return None;
        };
        let Some(items) = value.as_array() else {
            self.wrong_type(key, value, span, "a list of texts");
            return None;
        };
        let mut texts = Vec::new();
        for item in items.iter() {
            match item.get_ref().as_str().map(&read) {
                Some(Ok(text)) => texts.push(text),
                Some(Err(error)) => self.mistakes.add(item.span(), error.to_string()),
                None => self.wrong_type(key, item.get_ref(), item.span(), "a list of texts"),
            }
        }
        Some((texts, span))
    }

    /// The table under `key`.
    pub(super) fn section(&self, key: &'static str, name: &'static str) -> Option<Section<'s>> {
        let (value, span) = self.value(key)?;
        match value.as_table() {
            Some(table) => Some(Section::new(self.mistakes, table, span, name)),
            None => {
                self.wrong_type(key, value, span, "a table");
                None
            }
        }
    }

    /// As [`Self::section`]; its absence is a mistake.
    pub(super) fn required_section(
        &self,
        key: &'static str,
        name: &'static str,
    ) -> Option<Section<'s>> {
        if self.table.iter().all(|(k, _)| k.get_ref() != key) {
            self.missing(key);
        }
        self.section(key, name)
    }

    /// The tables under `[[key]]`.
    pub(super) fn sections(&self, key: &'static str, name: &'static str) -> Vec<Section<'s>> {
        let Some((value, span)) = self.value(key) else {
            return Vec::new();
        };
        let Some(items) = value.as_array() else {
            self.wrong_type(key, value, span, "a list of tables, written as [[…]]");
            return Vec::new();
        };
        let mut sections = Vec::new();
        for item in items.iter() {
            match item.get_ref().as_table() {
                Some(table) => {
                    sections.push(Section::new(self.mistakes, table, item.span(), name));
                }
                None => self.wrong_type(key, item.get_ref(), item.span(), "a table"),
            }
        }
        sections
    }

    /// Every key with its table, whatever the keys are.
    pub(super) fn tables(&self) -> Vec<(&'s str, Section<'s>)> {
        let mut tables = Vec::new();
        for (key, value) in self.table.iter() {
            let key: &str = key.get_ref();
            match value.get_ref().as_table() {
                Some(table) => {
                    let section = Section::new(self.mistakes, table, value.span(), self.name);
                    tables.push((key, section));
                }
                None => self.wrong_type(key, value.get_ref(), value.span(), "a table"),
            }
        }
        tables
    }

    /// Where the value of `key` stands, or the table where it is missing.
    pub(super) fn span_of(&self, key: &str) -> Range<usize> {
        self.table
            .iter()
            .find(|(k, _)| k.get_ref() == key)
            .map_or_else(|| self.span.clone(), |(_, value)| value.span())
    }

    /// Keeps every key that nobody asked for as a mistake.
    pub(super) fn finish(self) {
        let known = self.known.into_inner();
        for (key, _) in self.table.iter() {
            let text: &str = key.get_ref();
            if known.contains(&text) {
                continue;
            }
            let near = known
                .iter()
                .map(|word| (strsim::damerau_levenshtein(word, text), word))
                .filter(|(distance, word)| *distance <= 1 + word.len() / 4)
                .min();
            let remedy = match near {
                Some((_, word)) => format!("did you mean `{word}`?"),
                None => format!("known here: {}", known.join(", ")),
            };
            self.mistakes
                .add_with(key.span(), format!("unknown key `{text}`"), remedy);
        }
    }

    fn wrong_type(&self, key: &str, value: &DeValue<'_>, span: Range<usize>, expected: &str) {
        let found = value.type_str();
        self.mistakes.add(
            span,
            format!("`{key}` must be {expected}, not of type {found}"),
        );
    }
}

/// Draws mistakes as the compiler does: message, place, line, marker, remedy. `text` is without
/// secrets.
pub(super) fn draw(path: &str, text: &str, mistakes: &[Mistake]) -> String {
    let mut drawing = String::new();
    for mistake in mistakes {
        if !drawing.is_empty() {
            drawing.push('\n');
        }
        drawing.push_str(&draw_one(path, text, mistake));
    }
    drawing
}

fn draw_one(path: &str, text: &str, mistake: &Mistake) -> String {
    let start = (0..=mistake.span.start.min(text.len()))
        .rev()
        .find(|at| text.is_char_boundary(*at))
        .unwrap_or(0);
    let line_start = text[..start].rfind('\n').map_or(0, |at| at + 1);
    let line_number = text[..start].matches('\n').count() + 1;
    let line = text[line_start..].lines().next().unwrap_or_default();
    let column = text[line_start..start].chars().count();
    let marked = text
        .get(start..mistake.span.end.min(line_start + line.len()).max(start))
        .map_or(1, |marked| marked.chars().count().max(1));
    let gutter = " ".repeat(line_number.to_string().len());
    let mut drawing = format!(
        "error: {}\n{gutter}--> {path}:{line_number}:{}\n{gutter} |\n{line_number} | {line}\n{gutter} | {}{}\n",
        mistake.message,
        column + 1,
        " ".repeat(column),
        "^".repeat(marked),
    );
    if let Some(remedy) = &mistake.remedy {
        drawing.push_str(&format!("{gutter} = help: {remedy}\n"));
    }
    drawing
}
