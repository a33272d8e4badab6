//! What is said of a file that is not TOML: one mistake a line, with what to write instead.

use std::ops::Range;

use crate::diagnostic::Diagnostic;
use crate::rule::Rule;
use crate::source::Source;

/// How many syntax errors of one file are told: those after are echoes of the first.
const ERRORS_MAX: usize = 10;

/// The mistakes of a file, as the TOML parser found them.
pub(crate) fn diagnostics(source: &Source<'_>, errors: &[toml::de::Error]) -> Vec<Diagnostic> {
    if let Some(other) = other_format(source.text) {
        let at = errors.first().and_then(toml::de::Error::span);
        let diagnostic = Diagnostic::error(
            source.position(&at.unwrap_or(0..0)),
            format!("this is not TOML: it looks like {}", other.name),
        );
        return vec![diagnostic.rule(Rule::Syntax).help(other.help)];
    }
    let mut told: Vec<(u32, Diagnostic)> = Vec::new();
    for error in errors {
        let span = error.span().unwrap_or(0..0);
        let position = source.position(&span);
        let line = position.line;
        // What follows on the same line is an echo.
        if told.iter().any(|(known, _)| *known == line) {
            continue;
        }
        if told.len() == ERRORS_MAX {
            break;
        }
        let mut lines = error.message().trim().lines();
        let first = lines.next().unwrap_or("not valid TOML");
        let message = format!("this is not valid TOML: {first}");
        let rest: Vec<&str> = lines.map(str::trim).filter(|l| !l.is_empty()).collect();
        let diagnostic = Diagnostic::error(position, message).rule(Rule::Syntax);
        let diagnostic = if rest.is_empty() {
            diagnostic.help(remedy(first, line_around(source.text, &span)))
        } else {
            diagnostic.help(rest.join("; "))
        };
        told.push((line, diagnostic));
    }
    told.into_iter().map(|(_, diagnostic)| diagnostic).collect()
}

struct Other {
    name: &'static str,
    help: &'static str,
}

/// What a file is that is plainly no TOML.
fn other_format(text: &str) -> Option<Other> {
    let other = |name, help| Some(Other { name, help });
    if text.contains('\0') {
        return other(
            "UTF-16 text, or no text at all",
            "save it as UTF-8, which is what every file of Bongsu is",
        );
    }
    let mut lines = text
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with('#'));
    let first = lines.next()?;
    if first.starts_with('{') && !first.contains('=') {
        return other(
            "JSON",
            "a recording (HAR) is imported by `bongsu import har`, a description by `bongsu \
             import openapi`; a journey is TOML, as in key = \"value\"",
        );
    }
    let is_request = ["GET ", "POST ", "PUT ", "PATCH ", "DELETE ", "HEAD "]
        .iter()
        .any(|method| first.starts_with(method));
    if is_request {
        return other("hurl", "import it: `bongsu import hurl FILE`");
    }
    if first.starts_with("curl ") {
        return other("a command of curl", "import it: `bongsu import curl`");
    }
    let is_yaml = |line: &str| {
        let word = line.trim_start_matches("- ");
        let key = word.split_once(':').map(|(key, _)| key);
        let is_key = |key: &str| {
            !key.is_empty() && key.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
        };
        line == "---" || key.is_some_and(is_key)
    };
    (is_yaml(first) && lines.take(3).all(is_yaml)).then_some(Other {
        name: "YAML",
        help: "write `key = \"value\"` instead of `key: value`, and a [[step]] instead of a list",
    })
}

/// The line in which a span begins, and the rest of it from there.
fn line_around<'t>(text: &'t str, span: &Range<usize>) -> (&'t str, &'t str) {
    let at = span.start.min(text.len());
    let start = text[..at].rfind('\n').map_or(0, |newline| newline + 1);
    let end = text[at..]
        .find('\n')
        .map_or(text.len(), |length| at + length);
    (&text[start..end], &text[at..end])
}

fn remedy(message: &str, (line, rest): (&str, &str)) -> &'static str {
    let rest = rest.trim();
    if ["null", "nil", "None", "undefined"].contains(&rest) {
        "TOML has no null: leave the key out; to expect it, write { is = \"null\" }"
    } else if message.starts_with("duplicate key") {
        "a key stands once: keep one of them, or put both values into one table or list"
    } else if line.contains("\":") && line.contains('{') {
        "a table is { name = \"value\" }: = stands where JSON has a colon, and names need no quotes"
    } else if message.starts_with("string values must be quoted") {
        "put text in quotes, as in name = \"value\""
    } else if message.starts_with("unclosed") && line.trim_start().starts_with("[[") {
        "close it with two brackets, as in [[step]]"
    } else if message.contains("string") && message.contains("expected") {
        "close the text with the quote that opened it"
    } else if message.starts_with("invalid unquoted key") {
        "a key of other letters than a-z, 0-9, - and _ stands in quotes, as in json.\"$.id\""
    } else if message.starts_with("unexpected key or value") && line.contains('\'') {
        "one `key = value` a line; a text with ' in it stands in \"…\""
    } else {
        "text stands in \"quotes\", one `key = value` a line"
    }
}
