//! What every file's reader shares: the mistakes found so far, keys held against the key table,
//! durations, names and templates with their places.

use std::collections::{HashMap, HashSet};
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use bongsu_model::NameError;
use regex::Regex;
use serde_json::Value;

use crate::diagnostic::{Diagnostic, Related};
use crate::document::{Entry, Node, NodeValue, Table};
use crate::duration::parse_duration;
use crate::expression::{ExpressionError, Name};
use crate::jsonpath::{JsonPath, JsonPathError};
use crate::keys::{Key, Presence, Section, Shape, did_you_mean};
use crate::remedy;
use crate::rule::Rule;
use crate::source::{Position, Source};
use crate::template::{Template, ValueTemplate};

/// How many items of one list are told to be of the wrong type: those after are echoes.
const ITEMS_TOLD_MAX: usize = 10;

/// A name with its place in the file.
#[derive(Debug, Clone)]
pub(crate) struct PlacedName {
    pub(crate) name: Name,
    pub(crate) position: Position,
}

/// Reads one file; mistakes are collected, never thrown.
pub(crate) struct Parser<'a> {
    pub(crate) source: &'a Source<'a>,
    pub(crate) diagnostics: Vec<Diagnostic>,
    /// The names read by the templates since this was last taken.
    pub(crate) names: Vec<PlacedName>,
    pub(crate) known: Known,
}

/// What was compiled before, by its text: thousands of journeys say the same, and are held
/// together.
#[derive(Default)]
pub(crate) struct Known {
    pub(crate) patterns: HashMap<String, Arc<Regex>>,
    pub(crate) templates: HashMap<String, Template>,
    paths: HashMap<String, JsonPath>,
    names: HashSet<Arc<str>>,
}

impl Known {
    /// The text of a name.
    pub(crate) fn name(&mut self, text: &str) -> Arc<str> {
        if let Some(known) = self.names.get(text) {
            return known.clone();
        }
        let name: Arc<str> = text.into();
        self.names.insert(name.clone());
        name
    }

    pub(crate) fn path(&mut self, text: &str) -> Result<JsonPath, JsonPathError> {
        if let Some(known) = self.paths.get(text) {
            return Ok(known.clone());
        }
        let path = JsonPath::parse(text)?;
        self.paths.insert(text.to_owned(), path.clone());
        Ok(path)
    }
}

impl<'a> Parser<'a> {
    pub(crate) fn new(source: &'a Source<'a>) -> Self {
        Self {
            source,
            diagnostics: Vec::new(),
            names: Vec::new(),
            known: Known::default(),
        }
    }

    pub(crate) fn position(&self, span: &Range<usize>) -> Position {
        self.source.position(span)
    }

    /// Adds an error; the returned diagnostic takes label and help.
    #[track_caller]
    pub(crate) fn error(&mut self, span: &Range<usize>, message: impl Into<String>) -> Told<'_> {
        let diagnostic = Diagnostic::error(self.source.position(span), message);
        self.diagnostics.push(diagnostic);
        Told(self.diagnostics.last_mut())
    }

    #[track_caller]
    pub(crate) fn warning(&mut self, span: &Range<usize>, message: impl Into<String>) -> Told<'_> {
        let diagnostic = Diagnostic::warning(self.source.position(span), message);
        self.diagnostics.push(diagnostic);
        Told(self.diagnostics.last_mut())
    }

    /// Holds a table's keys against the key table: unknown ones, wrong types, missing ones. `owner`
    /// is where a missing key is told.
    pub(crate) fn check_keys(&mut self, table: &Table, owner: &Range<usize>, section: &Section) {
        for entry in &table.entries {
            match section.key(&entry.key) {
                None => self.unknown_key(entry, section),
                Some(key) => self.check_shape(entry, key),
            }
        }
        for key in section
            .keys
            .iter()
            .filter(|key| key.presence == Presence::Required)
        {
            if table.get(key.name).is_none() && !is_misspelt(table, section, &[key.name]) {
                let _ = self
                    .error(owner, format!("`{}` is missing", key.name))
                    .rule(Rule::MissingKey)
                    .label(format!("{} needs it", section.title))
                    .help(remedy::of_missing_key(key));
            }
        }
    }

    fn unknown_key(&mut self, entry: &Entry, section: &Section) {
        let help = remedy::of_unknown_key(&entry.key, section);
        let _ = self
            .error(
                &entry.key_span,
                format!("unknown key `{}` in {}", shown(&entry.key), section.title),
            )
            .rule(Rule::UnknownKey)
            .help(help);
    }

    fn check_shape(&mut self, entry: &Entry, key: &Key) {
        let shape = key.shape;
        let fits = match (shape, &entry.node.value) {
            (Shape::Any, _)
            | (Shape::Text | Shape::Duration | Shape::Names, NodeValue::Text(_))
            | (Shape::Integer, NodeValue::Integer(_))
            | (Shape::Number, NodeValue::Integer(_) | NodeValue::Float(_))
            | (Shape::Flag, NodeValue::Bool(_))
            | (Shape::List, NodeValue::Array(_))
            | (Shape::Table, NodeValue::Table(_)) => true,
            (Shape::Names | Shape::Texts | Shape::Tables, NodeValue::Array(items)) => {
                self.check_items(items, key);
                true
            }
            _ => false,
        };
        if !fits {
            let told = self
                .error(
                    &entry.node.span,
                    format!("`{}` must be {}", shown(&entry.key), shape.describe()),
                )
                .rule(Rule::WrongType)
                .label(format!("this is {}", entry.node.kind()));
            if let Some(help) = remedy::of_shape(entry, key) {
                let _ = told.help(help);
            }
        }
    }

    /// Holds the items of a list of texts or tables against it; the first few that are none are told.
    fn check_items(&mut self, items: &[Node], key: &Key) {
        let (shape, fits): (_, fn(&Node) -> bool) = match key.shape {
            Shape::Tables => (Shape::Table, |item| item.as_table().is_some()),
            _ => (Shape::Text, |item| item.as_text().is_some()),
        };
        let wrong = items.iter().filter(|item| !fits(item));
        for item in wrong.take(ITEMS_TOLD_MAX) {
            let literal = self.source.text.get(item.span.clone()).unwrap_or_default();
            let message = format!("an item of `{}` must be {}", key.name, shape.describe());
            let told = self
                .error(&item.span, message)
                .rule(Rule::WrongType)
                .label(format!("this is {}", item.kind()));
            if let Some(help) = remedy::of_item(item, literal, key) {
                let _ = told.help(help);
            }
        }
    }

    /// A duration; a wrong type has been told by the key table.
    pub(crate) fn duration(&mut self, table: &Table, key: &str) -> Option<Duration> {
        let (text, node) = table.text(key)?;
        match parse_duration(text) {
            Ok(duration) => Some(duration),
            Err(error) => {
                let _ = self
                    .error(&node.span, format!("`{}` is not a duration", shown(text)))
                    .rule(Rule::InvalidDuration)
                    .label(error.to_string())
                    .help(remedy::of_duration(text));
                None
            }
        }
    }

    /// A name or id of the model.
    pub(crate) fn name<T>(
        &mut self,
        node: &Node,
        make: impl Fn(&str) -> Result<T, NameError>,
    ) -> Option<T> {
        let text = node.as_text()?;
        match make(text) {
            Ok(name) => Some(name),
            Err(error) => {
                let _ = self
                    .error(
                        &node.span,
                        format!("`{}` is not a {}", shown(text), error.kind),
                    )
                    .rule(Rule::InvalidName)
                    .help(error.rule);
                None
            }
        }
    }

    /// The word of a closed list.
    pub(crate) fn word<T: Copy>(
        &mut self,
        node: &Node,
        list: &str,
        words: &[(&str, T)],
    ) -> Option<T> {
        let text = node.as_text()?;
        if let Some((_, value)) = words.iter().find(|(word, _)| *word == text) {
            return Some(*value);
        }
        let known: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
        let similar = did_you_mean(text, known.iter().copied());
        let help = similar.map_or_else(
            || format!("one of {}", known.join(", ")),
            |similar| format!("did you mean `{similar}`?"),
        );
        let _ = self
            .error(&node.span, format!("`{}` is not {list}", shown(text)))
            .help(help);
        None
    }

    /// A text with expressions; the names in it are noted.
    pub(crate) fn template(&mut self, node: &Node) -> Option<Template> {
        let text = node.as_text()?;
        let known = self.known.templates.get(text).cloned();
        let is_new = known.is_none();
        match known.map_or_else(|| Template::parse(text), Ok) {
            Ok(template) => {
                if is_new {
                    let (text, template) = (text.to_owned(), template.clone());
                    let _ = self.known.templates.insert(text, template);
                }
                for (name, at) in template.placed_names() {
                    let position = self.source.position(&node.inside(self.source, &at));
                    self.names.push(PlacedName {
                        name: name.clone(),
                        position,
                    });
                }
                Some(template)
            }
            Err(errors) => {
                for error in errors {
                    self.expression_error(node, &error);
                }
                None
            }
        }
    }

    pub(crate) fn expression_error(&mut self, node: &Node, error: &ExpressionError) {
        let span = node.inside(self.source, &error.at);
        let _ = self
            .error(&span, error.message.clone())
            .rule(Rule::InvalidExpression)
            .help(error.help.clone());
    }

    /// A value whose texts are templates.
    pub(crate) fn value(&mut self, node: &Node) -> Option<ValueTemplate> {
        match &node.value {
            NodeValue::Text(_) => {
                let template = self.template(node)?;
                Some(match template.literal() {
                    Some(text) => ValueTemplate::literal(text),
                    None => ValueTemplate::Text(template),
                })
            }
            NodeValue::Integer(integer) => Some(ValueTemplate::literal(*integer)),
            NodeValue::Float(float) => Some(ValueTemplate::literal(*float)),
            NodeValue::Bool(flag) => Some(ValueTemplate::literal(*flag)),
            NodeValue::Other(kind) => {
                let _ = self
                    .error(&node.span, format!("{kind} cannot stand here"))
                    .help("write it as text in quotes");
                None
            }
            NodeValue::Array(items) => {
                let values: Vec<Option<ValueTemplate>> =
                    items.iter().map(|item| self.value(item)).collect();
                Some(ValueTemplate::List(
                    values.into_iter().collect::<Option<_>>()?,
                ))
            }
            NodeValue::Table(table) => Some(ValueTemplate::Table(self.pairs(table)?.into())),
        }
    }

    /// A table whose values are templates.
    pub(crate) fn pairs(&mut self, table: &Table) -> Option<Vec<(String, ValueTemplate)>> {
        let values: Vec<Option<(String, ValueTemplate)>> = table
            .entries
            .iter()
            .map(|entry| Some((entry.key.clone(), self.value(&entry.node)?)))
            .collect();
        values.into_iter().collect()
    }

    /// Pairs of which each value is sent as text, one of a list after the other.
    pub(crate) fn text_pairs(&mut self, table: &Table) -> Option<Vec<(String, ValueTemplate)>> {
        for entry in &table.entries {
            let values = entry.node.items();
            for value in values.unwrap_or_else(|| std::slice::from_ref(&entry.node)) {
                if value.as_table().is_some() || value.items().is_some() {
                    let key = shown(&entry.key);
                    let _ = self
                        .error(&value.span, format!("`{key}` is sent as text"))
                        .label(format!("this is {}, which has none", value.kind()))
                        .help(format!(
                            "write a pair for each value, as in \"{key}[a]\" = 1"
                        ));
                }
            }
        }
        self.pairs(table)
    }

    /// A value without expressions.
    pub(crate) fn plain_value(&mut self, node: &Node) -> Option<Value> {
        let before = self.names.len();
        let value = self.value(node)?;
        if self.names.len() > before {
            self.names.truncate(before);
            let _ = self
                .error(&node.span, "a constant has no expressions")
                .rule(Rule::InvalidExpression)
                .help("put the expression where the constant is used");
            return None;
        }
        literal(&value)
    }

    /// The version of the format must be the one that this reader knows.
    pub(crate) fn check_format(&mut self, table: &Table) {
        if let Some(node) = table.get("format")
            && let Some(version) = node.as_integer()
            && version != 1
        {
            let _ = self
                .error(&node.span, format!("format {version} is not known"))
                .label("this version reads format 1")
                .help("use a newer version of the program, or write `format = 1`");
        }
    }
}

/// The value, if there is no expression in it.
pub(crate) fn literal(value: &ValueTemplate) -> Option<Value> {
    match value {
        ValueTemplate::Literal(value) => Some(Value::clone(value)),
        ValueTemplate::Text(_) => None,
        ValueTemplate::List(items) => Some(Value::Array(
            items.iter().map(literal).collect::<Option<_>>()?,
        )),
        ValueTemplate::Table(entries) => Some(Value::Object(
            entries
                .iter()
                .map(|(key, value)| Some((key.clone(), literal(value)?)))
                .collect::<Option<_>>()?,
        )),
    }
}

/// Whether a key of the table is most likely one of `names`, misspelt: that has been told, and the
/// lack of it would be told twice.
pub(crate) fn is_misspelt(table: &Table, section: &Section, names: &[&str]) -> bool {
    table
        .entries
        .iter()
        .filter(|entry| section.key(&entry.key).is_none())
        .filter_map(|entry| remedy::meant(&entry.key, section))
        .any(|similar| names.contains(&similar))
}

/// A diagnostic that was just added, to be given its label and help.
pub(crate) struct Told<'d>(Option<&'d mut Diagnostic>);

impl Told<'_> {
    /// The rule, if it is not [`Rule::InvalidValue`].
    pub(crate) fn rule(mut self, rule: Rule) -> Self {
        if let Some(diagnostic) = &mut self.0 {
            diagnostic.rule = rule;
        }
        self
    }

    pub(crate) fn label(mut self, label: impl Into<String>) -> Self {
        if let Some(diagnostic) = &mut self.0 {
            diagnostic.label = label.into();
        }
        self
    }

    pub(crate) fn help(mut self, help: impl Into<String>) -> Self {
        if let Some(diagnostic) = &mut self.0 {
            diagnostic.help.push(help.into());
        }
        self
    }

    pub(crate) fn related(mut self, position: Position, label: impl Into<String>) -> Self {
        if let Some(diagnostic) = &mut self.0 {
            diagnostic.related.push(Related {
                position,
                label: label.into(),
            });
        }
        self
    }
}

/// A text of a file as a message shows it: one line, at most 80 characters.
pub(crate) fn shown(text: &str) -> String {
    let mut shown: String = text
        .chars()
        .map(|c| if c.is_control() { '\u{fffd}' } else { c })
        .take(81)
        .collect();
    if shown.chars().count() > 80 {
        let _ = shown.pop();
        shown.push('…');
    }
    shown
}
