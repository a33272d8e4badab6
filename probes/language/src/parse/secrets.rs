//! Secrets do not stand in files: where one would, a variable must.

use std::sync::LazyLock;

use regex::Regex;

use crate::document::{Node, NodeValue, Table};
use crate::parser::Parser;
use crate::rule::Rule;

/// Words in a key's name that make its value a secret.
const SECRET_WORDS: &[&str] = &[
    "password",
    "passwd",
    "passphrase",
    "secret",
    "token",
    "apikey",
    "api_key",
    "access_key",
    "private_key",
    "credential",
    "pin_code",
    "otp",
];

/// Headers whose values are credentials.
const SECRET_HEADERS: &[&str] = &[
    "authorization",
    "proxy-authorization",
    "cookie",
    "x-api-key",
    "x-auth-token",
];

/// Whether a field of this name holds a secret.
pub fn is_secret_name(name: &str) -> bool {
    let name = name.to_ascii_lowercase().replace('-', "_");
    SECRET_WORDS.iter().any(|word| {
        let after = name.strip_prefix(word);
        let before = name.strip_suffix(word);
        after.is_some_and(|rest| rest.is_empty() || rest.starts_with('_'))
            || before.is_some_and(|rest| rest.ends_with('_'))
    }) || matches!(
        name.as_str(),
        "accesstoken" | "refreshtoken" | "clientsecret"
    )
}

/// `key = "literal"` or a list, the key's last part and the literal's inside apart; the literal
/// may be unclosed.
static ASSIGNMENT: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(
        r#"([A-Za-z0-9_-]+)["']?[ \t]*=[ \t]*(?:"((?:[^"\\\n]|\\.)*)|'([^'\n]*)|\[([^\]\n]*))"#,
    )
    .expect("a constant pattern")
});

/// The text with stars in place of what looks like secret literals, byte for byte, so that
/// excerpts in messages do not show them.
pub(crate) fn conceal(text: &str) -> String {
    let mut concealed = text.to_owned();
    for found in ASSIGNMENT.captures_iter(text) {
        let is_secret = found
            .get(1)
            .is_some_and(|key| holds_credential(key.as_str()));
        let text = found.get(2).or_else(|| found.get(3));
        let literal = text
            .filter(|text| is_bare(text.as_str()))
            .or_else(|| found.get(4));
        if let Some(literal) = literal.filter(|_| is_secret) {
            concealed.replace_range(literal.range(), &"*".repeat(literal.len()));
        }
    }
    for found in URL_PASSWORD.captures_iter(text) {
        if let Some(password) = found.get(1).filter(|password| is_bare(password.as_str())) {
            concealed.replace_range(password.range(), &"*".repeat(password.len()));
        }
    }
    concealed
}

/// The password of a URL: RFC 3986, section 3.2.1.
pub(super) static URL_PASSWORD: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r#"://[^/?#\s"'@:]*:([^/?#\s"'@]+)@"#).expect("a constant pattern")
});

fn holds_credential(name: &str) -> bool {
    SECRET_HEADERS.contains(&name.to_ascii_lowercase().as_str()) || is_secret_name(name)
}

impl Parser<'_> {
    /// Refuses literals under secret names, at any depth.
    pub(super) fn refuse_secret_literals(&mut self, table: &Table) {
        for entry in &table.entries {
            self.refuse_secret_literal(&entry.key, &entry.node);
        }
    }

    pub(super) fn refuse_secret_literal(&mut self, key: &str, node: &Node) {
        match &node.value {
            NodeValue::Text(text) if is_secret_name(key) && is_bare(text) => {
                self.secret_literal(key, node);
            }
            NodeValue::Table(table) => self.refuse_secret_literals(table),
            NodeValue::Array(items) => {
                for item in items {
                    self.refuse_secret_literal(key, item);
                }
            }
            NodeValue::Text(_)
            | NodeValue::Integer(_)
            | NodeValue::Float(_)
            | NodeValue::Bool(_)
            | NodeValue::Other(_) => {}
        }
    }

    pub(super) fn refuse_secret_header(&mut self, name: &str, node: &Node) {
        if holds_credential(name) && node.as_text().is_some_and(is_bare) {
            self.secret_literal(name, node);
        }
    }

    fn secret_literal(&mut self, key: &str, node: &Node) {
        let _ = self
            .error(
                &node.span,
                format!("`{key}` holds a secret, and secrets do not stand in files"),
            )
            .rule(Rule::SecretLiteral)
            .label("written in plain text")
            .help(
                "keep it in the target profile's pool as { file = … } or { env = … } and write \
                 `{{ password }}` here",
            );
    }
}

/// Whether there is a value and no expression in it.
fn is_bare(text: &str) -> bool {
    !text.is_empty() && !text.contains("{{")
}
