//! What is said of a file that is not TOML: one mistake a line, with what to write instead.

use std::ops::Range;

use toml_parser::lexer::TokenKind;

use crate::diagnostic::Diagnostic;
use crate::rule::Rule;
use crate::source::Source;

mod remedy;

use remedy::{Around, remedy};

/// How many syntax errors of one file are told: those after are echoes of the first.
const ERRORS_MAX: usize = 10;

/// Most parts of a dotted key, and levels of tables and lists in each other, that the parser reads.
const KEY_PARTS_MAX: usize = 80;

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
        let first = error.message().trim().lines().next();
        let first = first.unwrap_or("not valid TOML");
        let is_too_deep = first.starts_with("recursion limit");
        // Of this one the parser does not say where.
        let span = match error.span() {
            None if is_too_deep => first_long_key(source.text),
            span => span.unwrap_or(0..0),
        };
        let position = source.position(&span);
        let line = position.line;
        // What follows on the same line is an echo.
        if told.iter().any(|(known, _)| *known == line) {
            continue;
        }
        if told.len() == ERRORS_MAX {
            break;
        }
        let message = if is_too_deep {
            format!("this key has more than {KEY_PARTS_MAX} parts")
        } else {
            format!("this is not valid TOML: {first}")
        };
        let rest = error.message().trim().lines().skip(1).map(str::trim);
        let rest: Vec<&str> = rest.filter(|line| !line.is_empty()).collect();
        let help = if rest.is_empty() {
            remedy(first, &Around::of(source.text, &position.span)).to_owned()
        } else {
            rest.join("; ")
        };
        let diagnostic = Diagnostic::error(position, message);
        let diagnostic = diagnostic.rule(Rule::Syntax).help(help);
        told.push((line, diagnostic));
    }
    // The parser tells what it cannot take apart first, and wrong values after that.
    told.sort_by_key(|(line, _)| *line);
    told.into_iter().map(|(_, diagnostic)| diagnostic).collect()
}

/// Where the first key with more parts than are read begins.
fn first_long_key(text: &str) -> Range<usize> {
    let mut first = 0..0;
    let mut dots = 0;
    let mut is_behind_dot = false;
    for token in toml_parser::Source::new(text).lex() {
        match token.kind() {
            TokenKind::Whitespace => {}
            TokenKind::Dot => {
                dots += 1;
                is_behind_dot = true;
                if dots == KEY_PARTS_MAX {
                    return first;
                }
            }
            _ if is_behind_dot => is_behind_dot = false,
            _ => {
                dots = 0;
                first = token.span().start()..token.span().end();
            }
        }
    }
    0..0
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
