//! Values as TOML 1.0 writes them, on one line.

use std::fmt::Write as _;

use serde_json::Number;

use crate::marks::is_typed_mark;
use crate::phrase::Phrase;

/// A value of a journey in the making.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Data {
    /// JSON's null, which TOML does not have.
    Null,
    Bool(bool),
    Number(Number),
    Text(Phrase),
    /// A lone expression whose value keeps its type.
    Typed(String),
    List(Vec<Self>),
    Table(Vec<(String, Self)>),
}

impl Data {
    pub(crate) fn words(text: impl Into<String>) -> Self {
        Self::Text(Phrase::words(text))
    }

    /// From JSON, every text as it is.
    pub(crate) fn of(value: &serde_json::Value) -> Self {
        match value {
            serde_json::Value::Null => Self::Null,
            serde_json::Value::Bool(flag) => Self::Bool(*flag),
            serde_json::Value::Number(number) => Self::Number(number.clone()),
            serde_json::Value::String(text) => Self::words(text),
            serde_json::Value::Array(items) => Self::List(items.iter().map(Self::of).collect()),
            serde_json::Value::Object(entries) => Self::Table(
                entries
                    .iter()
                    .map(|(key, value)| (key.clone(), Self::of(value)))
                    .collect(),
            ),
        }
    }

    /// Whether TOML can say it.
    pub(crate) fn fits_toml(&self) -> bool {
        match self {
            Self::Null => false,
            // TOML's whole numbers have 64 bits with their sign.
            Self::Number(number) => !number.is_u64() || number.is_i64(),
            Self::Bool(_) | Self::Text(_) | Self::Typed(_) => true,
            Self::List(items) => items.iter().all(Self::fits_toml),
            Self::Table(entries) => entries.iter().all(|(_, value)| value.fits_toml()),
        }
    }

    /// As a TOML value; what TOML cannot say is left out of tables and lists.
    pub(crate) fn toml(&self) -> String {
        match self {
            Self::Null => "\"\"".to_owned(),
            Self::Bool(flag) => flag.to_string(),
            Self::Number(number) => number.to_string(),
            Self::Text(phrase) => quoted(&phrase.written()),
            Self::Typed(expression) => quoted(&format!("{{{{ {expression} }}}}")),
            Self::List(items) => {
                let items: Vec<String> = items
                    .iter()
                    .filter(|item| item.fits_toml())
                    .map(Self::toml)
                    .collect();
                format!("[{}]", items.join(", "))
            }
            Self::Table(entries) => {
                let entries: Vec<String> = entries
                    .iter()
                    .filter(|(_, value)| value.fits_toml())
                    .map(|(key, value)| format!("{} = {}", bare_or_quoted(key), value.toml()))
                    .collect();
                if entries.is_empty() {
                    "{}".to_owned()
                } else {
                    format!("{{ {} }}", entries.join(", "))
                }
            }
        }
    }

    /// As JSON in a text with expressions.
    pub(crate) fn json_phrase(&self) -> Phrase {
        let mut phrase = Phrase::default();
        self.write_json(&mut phrase);
        phrase
    }

    fn write_json(&self, phrase: &mut Phrase) {
        match self {
            Self::Null => phrase.push_words("null"),
            Self::Bool(flag) => phrase.push_words(&flag.to_string()),
            Self::Number(number) => phrase.push_words(&number.to_string()),
            Self::Typed(expression) => phrase.push_expression(expression),
            Self::Text(text) if text.plain().is_some_and(is_typed_mark) => {
                phrase.append(text.clone());
            }
            Self::Text(text) => {
                phrase.push_words("\"");
                phrase.append(text.clone().map_words(|words| {
                    let json = serde_json::Value::from(words).to_string();
                    json[1..json.len() - 1].to_owned()
                }));
                phrase.push_words("\"");
            }
            Self::List(items) => {
                for (at, item) in items.iter().enumerate() {
                    phrase.push_words(if at == 0 { "[" } else { ", " });
                    item.write_json(phrase);
                }
                phrase.push_words(if items.is_empty() { "[]" } else { "]" });
            }
            Self::Table(entries) => {
                for (at, (key, value)) in entries.iter().enumerate() {
                    phrase.push_words(if at == 0 { "{" } else { ", " });
                    phrase.push_words(&serde_json::Value::from(key.as_str()).to_string());
                    phrase.push_words(": ");
                    value.write_json(phrase);
                }
                phrase.push_words(if entries.is_empty() { "{}" } else { "}" });
            }
        }
    }
}

/// A key as it stands before a dot or an equals sign.
pub(crate) fn bare_or_quoted(key: &str) -> String {
    let is_bare = !key.is_empty()
        && key
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
    if is_bare { key.to_owned() } else { basic(key) }
}

/// A text in quotes: in single ones where that saves backslashes.
pub(crate) fn quoted(text: &str) -> String {
    let plain = !text.contains(['\'', '\n']) && !text.chars().any(char::is_control);
    if plain && text.contains(['"', '\\']) {
        format!("'{text}'")
    } else {
        basic(text)
    }
}

fn basic(text: &str) -> String {
    let mut written = String::with_capacity(text.len() + 2);
    written.push('"');
    for c in text.chars() {
        match c {
            '"' => written.push_str("\\\""),
            '\\' => written.push_str("\\\\"),
            '\n' => written.push_str("\\n"),
            '\r' => written.push_str("\\r"),
            '\t' => written.push_str("\\t"),
            c if c.is_control() => {
                let _ = write!(written, "\\u{:04X}", u32::from(c));
            }
            c => written.push(c),
        }
    }
    written.push('"');
    written
}
