//! A TOML file as a tree in file order, in which every key and value knows its place.

use std::ops::Range;

use toml::de::{DeTable, DeValue};

use crate::diagnostic::Diagnostic;
use crate::rule::Rule;
use crate::source::Source;
use crate::syntax;

/// Largest file in bytes: a journey is read by people, and 1,000 of them fit in memory.
pub(crate) const FILE_BYTES_MAX: usize = 256 * 1024;

/// A value and the bytes it was written in.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    pub(crate) span: Range<usize>,
    pub(crate) value: NodeValue,
}

/// A TOML value.
#[derive(Debug, Clone)]
pub(crate) enum NodeValue {
    Text(String),
    Integer(i64),
    Float(f64),
    Bool(bool),
    /// Dates and numbers beyond 64 bits: no key takes them.
    Other(&'static str),
    Array(Vec<Node>),
    Table(Table),
}

/// A table in file order.
#[derive(Debug, Clone, Default)]
pub(crate) struct Table {
    pub(crate) entries: Vec<Entry>,
}

/// A key with its value.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) key: String,
    pub(crate) key_span: Range<usize>,
    pub(crate) node: Node,
}

impl Table {
    pub(crate) fn entry(&self, key: &str) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.key == key)
    }

    pub(crate) fn get(&self, key: &str) -> Option<&Node> {
        self.entry(key).map(|entry| &entry.node)
    }

    pub(crate) fn text(&self, key: &str) -> Option<(&str, &Node)> {
        let node = self.get(key)?;
        node.as_text().map(|text| (text, node))
    }

    pub(crate) fn table(&self, key: &str) -> Option<&Table> {
        self.get(key).and_then(Node::as_table)
    }

    /// The tables of `[[key]]`.
    pub(crate) fn tables(&self, key: &str) -> Vec<(&Table, &Node)> {
        match self.get(key).map(|node| &node.value) {
            Some(NodeValue::Array(items)) => items
                .iter()
                .filter_map(|node| node.as_table().map(|table| (table, node)))
                .collect(),
            _ => Vec::new(),
        }
    }
}

impl Table {
    /// Whether both hold the same keys and values; the order of keys does not matter.
    pub(crate) fn means_the_same(&self, other: &Self) -> bool {
        self.entries.len() == other.entries.len()
            && self.entries.iter().all(|entry| {
                let found = other.get(&entry.key);
                found.is_some_and(|found| entry.node.means_the_same(found))
            })
    }
}

impl Node {
    fn means_the_same(&self, other: &Self) -> bool {
        match (&self.value, &other.value) {
            (NodeValue::Text(a), NodeValue::Text(b)) => a == b,
            (NodeValue::Integer(a), NodeValue::Integer(b)) => a == b,
            (NodeValue::Float(a), NodeValue::Float(b)) => a.to_bits() == b.to_bits(),
            (NodeValue::Bool(a), NodeValue::Bool(b)) => a == b,
            // The text of such a value is not kept here, and is not touched by the layout.
            (NodeValue::Other(a), NodeValue::Other(b)) => a == b,
            (NodeValue::Array(a), NodeValue::Array(b)) => {
                a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.means_the_same(b))
            }
            (NodeValue::Table(a), NodeValue::Table(b)) => a.means_the_same(b),
            _ => false,
        }
    }

    pub(crate) fn as_text(&self) -> Option<&str> {
        match &self.value {
            NodeValue::Text(text) => Some(text),
            _ => None,
        }
    }

    pub(crate) fn as_table(&self) -> Option<&Table> {
        match &self.value {
            NodeValue::Table(table) => Some(table),
            _ => None,
        }
    }

    pub(crate) fn as_integer(&self) -> Option<i64> {
        match self.value {
            NodeValue::Integer(integer) => Some(integer),
            _ => None,
        }
    }

    pub(crate) fn as_bool(&self) -> Option<bool> {
        match self.value {
            NodeValue::Bool(flag) => Some(flag),
            _ => None,
        }
    }

    pub(crate) fn items(&self) -> Option<&[Node]> {
        match &self.value {
            NodeValue::Array(items) => Some(items),
            _ => None,
        }
    }

    /// What the value is, as a reader calls it.
    pub(crate) fn kind(&self) -> &'static str {
        match &self.value {
            NodeValue::Text(_) => "text",
            NodeValue::Integer(_) => "a whole number",
            NodeValue::Float(_) => "a number with a fraction",
            NodeValue::Bool(_) => "true or false",
            NodeValue::Other(kind) => kind,
            NodeValue::Array(_) => "a list",
            NodeValue::Table(_) => "a table",
        }
    }

    /// The file's bytes for bytes `range` of this text: exact if the literal has no escapes,
    /// otherwise the whole value.
    pub(crate) fn inside(&self, source: &Source<'_>, range: &Range<usize>) -> Range<usize> {
        let (Some(text), Some(literal)) = (self.as_text(), source.text.get(self.span.clone()))
        else {
            return self.span.clone();
        };
        match literal.find(text) {
            Some(quotes) if !text.is_empty() && quotes <= 4 => {
                let start = self.span.start + quotes;
                start + range.start.min(text.len())..start + range.end.min(text.len())
            }
            _ => self.span.clone(),
        }
    }
}

/// Reads a file into a tree. With syntax errors there is no tree: what was understood of a broken
/// file would only add mistakes that nobody made.
pub(crate) fn parse_document(source: &Source<'_>) -> Result<Table, Vec<Diagnostic>> {
    let remedy = "split it into several journeys, or move steps into a fragment";
    parse_within(source, FILE_BYTES_MAX, remedy)
}

/// As [`parse_document`], of at most `most` bytes; `remedy` says what to do about more.
pub(crate) fn parse_within(
    source: &Source<'_>,
    most: usize,
    remedy: &str,
) -> Result<Table, Vec<Diagnostic>> {
    if source.text.len() > most {
        let message = format!(
            "the file is too large: {} bytes, at most {most} are read",
            source.text.len()
        );
        return Err(vec![
            Diagnostic::error(source.position(&(0..0)), message)
                .rule(Rule::Syntax)
                .help(remedy),
        ]);
    }
    let (table, errors) = DeTable::parse_recoverable(source.text);
    if errors.is_empty() {
        return Ok(convert_table(table.get_ref()));
    }
    Err(syntax::diagnostics(source, &errors))
}

fn convert_table(table: &DeTable<'_>) -> Table {
    let mut entries: Vec<Entry> = table
        .iter()
        .map(|(key, value)| Entry {
            key: key.get_ref().to_string(),
            key_span: key.span(),
            node: Node {
                span: value.span(),
                value: convert(value.get_ref()),
            },
        })
        .collect();
    entries.sort_by_key(|entry| entry.key_span.start);
    Table { entries }
}

fn convert(value: &DeValue<'_>) -> NodeValue {
    match value {
        DeValue::String(text) => NodeValue::Text(text.to_string()),
        DeValue::Integer(integer) => i64::from_str_radix(integer.as_str(), integer.radix()).map_or(
            NodeValue::Other("a number beyond 64 bits"),
            NodeValue::Integer,
        ),
        DeValue::Float(float) => match float.as_str().parse::<f64>() {
            Ok(number) if number.is_finite() => NodeValue::Float(number),
            _ => NodeValue::Other("a number that is not finite"),
        },
        DeValue::Boolean(flag) => NodeValue::Bool(*flag),
        DeValue::Datetime(_) => NodeValue::Other("a date"),
        DeValue::Array(items) => NodeValue::Array(
            items
                .iter()
                .map(|item| Node {
                    span: item.span(),
                    value: convert(item.get_ref()),
                })
                .collect(),
        ),
        DeValue::Table(table) => NodeValue::Table(convert_table(table)),
    }
}
