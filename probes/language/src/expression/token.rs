//! The words of an expression, with their places: what the expression compiler itself does not
//! tell.

use std::ops::Range;

use super::ExpressionError;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TokenKind {
    Word,
    Number,
    Text,
    Dot,
    Comma,
    Pipe,
    Open,
    Close,
    Operator,
    Comparison,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Token<'a> {
    pub(super) kind: TokenKind,
    pub(super) text: &'a str,
    pub(super) at: Range<usize>,
}

/// Splits an expression into its words.
pub(super) fn tokens(text: &str) -> Result<Vec<Token<'_>>, ExpressionError> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(first) = text[at..].chars().next() {
        if first.is_whitespace() {
            at += first.len_utf8();
            continue;
        }
        let (kind, length) =
            read(&text[at..], first).map_err(|(message, help)| ExpressionError {
                message,
                help,
                at: at..at + first.len_utf8(),
            })?;
        found.push(Token {
            kind,
            text: &text[at..at + length],
            at: at..at + length,
        });
        at += length;
    }
    Ok(found)
}

fn read(rest: &str, first: char) -> Result<(TokenKind, usize), (String, String)> {
    let run = |accept: fn(char) -> bool| rest.find(|c| !accept(c)).unwrap_or(rest.len());
    Ok(match first {
        'a'..='z' | 'A'..='Z' | '_' => (
            TokenKind::Word,
            run(|c| c.is_ascii_alphanumeric() || c == '_'),
        ),
        '0'..='9' => (TokenKind::Number, number_length(rest)),
        '"' | '\'' => match rest[1..].find([first, '\\']) {
            Some(end) if rest[1 + end..].starts_with(first) => (TokenKind::Text, end + 2),
            Some(_) => {
                return Err((
                    "a text in an expression takes no backslash".into(),
                    "capture the text, or put it outside of the braces".into(),
                ));
            }
            None => {
                return Err((
                    "this text has no closing quote".into(),
                    format!("close it with {first}"),
                ));
            }
        },
        '.' => (TokenKind::Dot, 1),
        ',' => (TokenKind::Comma, 1),
        '|' => (TokenKind::Pipe, 1),
        '(' => (TokenKind::Open, 1),
        ')' => (TokenKind::Close, 1),
        '*' if rest.starts_with("**") => return Err(unknown("**")),
        '+' | '-' | '*' => (TokenKind::Operator, 1),
        '=' | '!' | '<' | '>' if rest[1..].starts_with('=') => (TokenKind::Comparison, 2),
        '<' | '>' => (TokenKind::Comparison, 1),
        '=' => {
            return Err((
                "`=` has no meaning in an expression".into(),
                "write `==` to compare".into(),
            ));
        }
        other => return Err(unknown(&other.to_string())),
    })
}

fn number_length(rest: &str) -> usize {
    let whole = rest
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(rest.len());
    let fraction = rest[whole..].strip_prefix('.').map_or(0, |digits| {
        digits
            .find(|c: char| !c.is_ascii_digit())
            .unwrap_or(digits.len())
    });
    if fraction == 0 {
        whole
    } else {
        whole + 1 + fraction
    }
}

fn unknown(text: &str) -> (String, String) {
    (
        format!("`{text}` has no meaning in an expression"),
        "use names, dots, + - * and filters, as in `{{ price * 2 }}` or `{{ name | lower }}`"
            .into(),
    )
}
