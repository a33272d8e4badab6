//! Secrets written where none may stand: starred out before any line of the file is shown. Pure.

use std::ops::Range;

use toml::de::{DeTable, DeValue};

/// Words of keys whose values are taken for secrets, beside those that journeys know.
const SECRET_WORDS: [&str; 9] = [
    "token",
    "password",
    "passphrase",
    "secret",
    "credential",
    "bearer",
    "api_key",
    "authorization",
    "headers",
];

/// The text, byte for byte as long, with stars in place of every value under a key that is like a
/// secret's or nearly so, and of credentials in URLs. Line breaks stay.
pub(super) fn conceal(text: &str) -> String {
    let (document, errors) = DeTable::parse_recoverable(text);
    let mut spans = Vec::new();
    for_table(text, document.get_ref(), Under::Other, &mut spans);
    if !errors.is_empty() {
        as_written(text, &mut spans);
    }
    let mut concealed = text.to_owned();
    for span in spans {
        let Some(found) = concealed.get(span.clone()) else {
            continue;
        };
        let stars: String = found
            .bytes()
            .map(|byte| match byte {
                b'\n' | b'\r' => char::from(byte),
                _ => '*',
            })
            .collect();
        concealed.replace_range(span, &stars);
    }
    concealed
}

/// A text from the file for a message: not if it may hold credentials.
pub(super) fn shown(text: &str) -> String {
    if text.contains('@') {
        "this".to_owned()
    } else {
        format!("`{text}`")
    }
}

/// What kind of key a value is under.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Under {
    Secret,
    Other,
}

fn kind_of(key: &str) -> Under {
    let lower = key.to_ascii_lowercase().replace('-', "_");
    let is_near = |word: &str| strsim::damerau_levenshtein(word, &lower) <= 1 + word.len() / 4;
    if bongsu_language::is_secret_name(key) || SECRET_WORDS.into_iter().any(is_near) {
        Under::Secret
    } else {
        Under::Other
    }
}

fn for_table(text: &str, table: &DeTable<'_>, under: Under, spans: &mut Vec<Range<usize>>) {
    for (key, value) in table {
        let key: &str = key.get_ref();
        // Where a secret is, is none: `token = { file = "…" }`.
        let is_place = matches!(key, "file" | "env");
        let inner = match under {
            Under::Secret if !is_place => Under::Secret,
            Under::Secret | Under::Other => kind_of(key),
        };
        for_value(text, value.get_ref(), value.span(), inner, spans);
    }
}

fn for_value(
    text: &str,
    value: &DeValue<'_>,
    span: Range<usize>,
    under: Under,
    spans: &mut Vec<Range<usize>>,
) {
    match value {
        DeValue::Table(table) => for_table(text, table, under, spans),
        DeValue::Array(items) => {
            for item in items {
                for_value(text, item.get_ref(), item.span(), under, spans);
            }
        }
        _ if under == Under::Secret => spans.push(span),
        DeValue::String(_) => spans.extend(credentials(text, span)),
        _ => {}
    }
}

/// Name and password in a URL: `https://name:password@host`.
fn credentials(text: &str, span: Range<usize>) -> Option<Range<usize>> {
    let written = text.get(span.clone())?;
    let from = written.find("://").map_or(0, |at| at + 3);
    let at = written.rfind('@').filter(|at| *at > from)?;
    Some(span.start + from..span.start + at)
}

/// Where the text is no TOML, values are where they seem to be: behind `key =` up to the end of
/// the line, or of a text over several lines.
fn as_written(text: &str, spans: &mut Vec<Range<usize>>) {
    let mut from = 0;
    while let Some(equals) = text[from..].find('=').map(|at| from + at) {
        from = equals + 1;
        let before = text[..equals].trim_end().trim_end_matches(['"', '\'']);
        let is_word = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-');
        let key_start = before
            .char_indices()
            .rev()
            .take_while(|(_, c)| is_word(*c))
            .last()
            .map_or(before.len(), |(at, _)| at);
        if kind_of(&before[key_start..]) == Under::Other {
            continue;
        }
        let value = &text[from..];
        let fence = ["\"\"\"", "'''"]
            .into_iter()
            .find(|fence| value.trim_start().starts_with(fence));
        let length = match fence {
            Some(fence) => {
                let inside = value.find(fence).map_or(0, |at| at + fence.len());
                let close = value[inside..].find(fence);
                close.map_or(value.len(), |at| inside + at)
            }
            None => value.find('\n').unwrap_or(value.len()),
        };
        spans.push(from..from + length);
        from += length;
    }
}
