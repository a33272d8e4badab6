//! Walks a spanned TOML tree and collects every mistake. The keys that were asked for are the
//! keys that exist: what is left over is unknown, and the nearest known one is suggested.

use std::cell::RefCell;
use std::ops::Range;
use std::path::Path;

use bongsu_model::NameError;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::diagnostic::{ConfigError, Problem};

/// Reads `text` by `lower`, which returns a value unless it reported a problem.
pub(crate) fn read<T>(
    text: &str,
    file: &Path,
    lower: impl FnOnce(&Section<'_>) -> Option<T>,
) -> Result<T, ConfigError> {
    let invalid = |mut problems: Vec<Problem>| {
        problems.sort_by_key(|problem| (problem.line, problem.column));
        ConfigError::Invalid {
            file: file.to_owned(),
            problems,
        }
    };
    let root = DeTable::parse(text).map_err(|error| {
        let span = error.span().unwrap_or(0..0);
        invalid(vec![Problem::at(text, span, error.message().to_owned())])
    })?;
    let problems = Problems {
        text,
        found: RefCell::default(),
    };
    let section = Section::new(Some(root.get_ref()), 0..0, "", &problems);
    let value = lower(&section);
    section.finish();
    match (value, problems.found.into_inner()) {
        (Some(value), problems) if problems.is_empty() => Ok(value),
        (_, problems) => Err(invalid(problems)),
    }
}

/// The mistakes found so far.
struct Problems<'t> {
    text: &'t str,
    found: RefCell<Vec<Problem>>,
}

/// One table of the file.
pub(crate) struct Section<'t> {
    table: Option<&'t DeTable<'t>>,
    span: Range<usize>,
    name: &'static str,
    problems: &'t Problems<'t>,
    asked: RefCell<Vec<&'static str>>,
}

impl<'t> Section<'t> {
    fn new(
        table: Option<&'t DeTable<'t>>,
        span: Range<usize>,
        name: &'static str,
        problems: &'t Problems<'t>,
    ) -> Self {
        Self {
            table,
            span,
            name,
            problems,
            asked: RefCell::default(),
        }
    }

    /// The value of `key`, which must be there.
    pub(crate) fn required<T>(
        &self,
        key: &'static str,
        parse: impl FnOnce(Value<'_>) -> Result<T, String>,
    ) -> Option<T> {
        if let Some(value) = self.find(key) {
            return self.parsed(value, parse);
        }
        let place = if self.name.is_empty() {
            format!("the key `{key}` is missing")
        } else {
            format!("the key `{key}` is missing in `{}`", self.name)
        };
        self.report(self.span.clone(), place);
        None
    }

    /// The value of `key`, or `default` when it is not there. None only after a problem.
    pub(crate) fn or<T>(
        &self,
        key: &'static str,
        default: T,
        parse: impl FnOnce(Value<'_>) -> Result<T, String>,
    ) -> Option<T> {
        match self.find(key) {
            Some(value) => self.parsed(value, parse),
            None => Some(default),
        }
    }

    /// The table `key`, empty if it is not there.
    pub(crate) fn section(&self, key: &'static str) -> Section<'t> {
        let Some(value) = self.find(key) else {
            return Self::new(None, self.span.clone(), key, self.problems);
        };
        let table = value.get_ref().as_table();
        if table.is_none() {
            self.report(value.span(), format!("`{key}` must be a table: `[{key}]`"));
        }
        Self::new(table, value.span(), key, self.problems)
    }

    /// The tables of the array `key`, none if it is not there.
    pub(crate) fn sections(&self, key: &'static str) -> Vec<Section<'t>> {
        let Some(value) = self.find(key) else {
            return Vec::new();
        };
        let tables = value.get_ref().as_array().map(|array| {
            array
                .iter()
                .map(|item| (item.get_ref().as_table(), item.span()))
                .collect::<Vec<_>>()
        });
        match tables {
            Some(tables) if tables.iter().all(|(table, _)| table.is_some()) => tables
                .into_iter()
                .map(|(table, span)| Self::new(table, span, key, self.problems))
                .collect(),
            _ => {
                self.report(value.span(), format!("`{key}` must be tables: `[[{key}]]`"));
                Vec::new()
            }
        }
    }

    /// Reports a mistake of the value of `key`, or of the table if the key is not there.
    pub(crate) fn refuse(&self, key: &'static str, message: String) {
        let span = self
            .find(key)
            .map_or_else(|| self.span.clone(), Spanned::span);
        self.report(span, message);
    }

    /// Reports every key that nobody asked for. Call it once, after all keys were read.
    pub(crate) fn finish(&self) {
        let asked = self.asked.borrow();
        for (key, _) in self.table.into_iter().flatten() {
            let name = key.get_ref().as_ref();
            if asked.contains(&name) {
                continue;
            }
            let near = asked
                .iter()
                .map(|known| (strsim::damerau_levenshtein(known, name), known))
                .min()
                .filter(|(distance, known)| *distance <= known.len().max(3) / 3)
                .map(|(_, known)| format!("did you mean `{known}`?"));
            let help = near.unwrap_or_else(|| format!("the keys here are {}", asked.join(", ")));
            let problem = Problem::at(
                self.problems.text,
                key.span(),
                format!("unknown key `{name}`"),
            );
            self.problems
                .found
                .borrow_mut()
                .push(problem.with_help(Some(help)));
        }
    }

    fn find(&self, key: &'static str) -> Option<&'t Spanned<DeValue<'t>>> {
        let mut asked = self.asked.borrow_mut();
        if !asked.contains(&key) {
            asked.push(key);
        }
        self.table?.get(key)
    }

    fn parsed<T>(
        &self,
        value: &Spanned<DeValue<'_>>,
        parse: impl FnOnce(Value<'_>) -> Result<T, String>,
    ) -> Option<T> {
        match parse(Value(value.get_ref())) {
            Ok(parsed) => Some(parsed),
            Err(message) => {
                self.report(value.span(), message);
                None
            }
        }
    }

    fn report(&self, span: Range<usize>, message: String) {
        let problem = Problem::at(self.problems.text, span, message);
        self.problems.found.borrow_mut().push(problem);
    }
}

/// One value of the file.
pub(crate) struct Value<'v>(&'v DeValue<'v>);

impl<'v> Value<'v> {
    /// As a text.
    pub(crate) fn text(&self) -> Result<&'v str, String> {
        self.0
            .as_str()
            .ok_or_else(|| self.expected("a text in quotes"))
    }

    /// As a name of some kind.
    pub(crate) fn name<T>(&self, make: fn(&str) -> Result<T, NameError>) -> Result<T, String> {
        make(self.text()?).map_err(|error| error.to_string())
    }

    /// As a whole number.
    pub(crate) fn integer(&self) -> Result<i64, String> {
        self.0
            .as_integer()
            .and_then(|int| i64::from_str_radix(int.as_str(), int.radix()).ok())
            .ok_or_else(|| self.expected("a whole number"))
    }

    /// As a number with or without a fraction.
    pub(crate) fn number(&self) -> Result<f64, String> {
        let float = self.0.as_float().map(|float| float.as_str());
        let integer = self
            .0
            .as_integer()
            .filter(|int| int.radix() == 10)
            .map(|int| int.as_str());
        float
            .or(integer)
            .and_then(|text| text.parse::<f64>().ok())
            .filter(|number| number.is_finite())
            .ok_or_else(|| self.expected("a number"))
    }

    /// As true or false.
    pub(crate) fn boolean(&self) -> Result<bool, String> {
        self.0
            .as_bool()
            .ok_or_else(|| self.expected("true or false"))
    }

    /// As an array: its values.
    pub(crate) fn items(&self) -> Result<Vec<Value<'v>>, String> {
        let array = self.0.as_array();
        let array = array.ok_or_else(|| self.expected("a list: [\"…\"]"))?;
        Ok(array.iter().map(|item| Value(item.get_ref())).collect())
    }

    /// As a table: its keys and values.
    pub(crate) fn entries(&self) -> Result<Vec<(&'v str, Value<'v>)>, String> {
        let table = self.0.as_table().ok_or_else(|| self.expected("a table"))?;
        Ok(table
            .iter()
            .map(|(key, value)| (key.get_ref().as_ref(), Value(value.get_ref())))
            .collect())
    }

    /// As a table of texts: the text of `key`.
    pub(crate) fn text_of(&self, key: &str) -> Result<&'v str, String> {
        let table = self.0.as_table().ok_or_else(|| self.expected("a table"))?;
        let value = table
            .get(key)
            .ok_or_else(|| format!("the key `{key}` is missing"))?;
        Value(value.get_ref()).text()
    }

    /// The keys of a table.
    pub(crate) fn keys(&self) -> impl Iterator<Item = &'v str> {
        self.0
            .as_table()
            .into_iter()
            .flatten()
            .map(|(key, _)| key.get_ref().as_ref())
    }

    fn expected(&self, what: &str) -> String {
        format!("expected {what}, found {}", self.0.type_str())
    }
}
