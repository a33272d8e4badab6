//! Credentials never reach the text: what they are, and what stands in their place.

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::LazyLock;

use base64::Engine as _;
use bongsu_language::{Redactor, SECRET_BYTES_MIN, is_secret_name};
use bongsu_model::Secret;
use regex::Regex;
use serde_json::Value;

use crate::marks::is_marked;
use crate::names::snake;
use crate::phrase::Phrase;

/// The fields that every test account has.
pub(crate) const ACCOUNT_FIELDS: &[&str] = &["login", "password", "user_id"];

/// Most secrets that one redactor takes: below its own bound, with every form of each.
const SECRETS_PER_REDACTOR: usize = 200;

/// Words of a field's name that make its value a secret, beside those that the language refuses.
const SECRET_WORDS: &[&str] = &[
    "pass",
    "pw",
    "pwd",
    "passcode",
    "pin",
    "cvv",
    "cvc",
    "session",
    "sessionid",
    "sid",
    "jwt",
    "csrf",
    "xsrf",
    "ticket",
    "signature",
    "sig",
    "auth",
    "authorization",
    "cookie",
    "assertion",
    "ssn",
    "bearer",
    "dpop",
    "nonce",
    "verifier",
];

/// What Korean names of fields that hold a secret contain: three words for a password.
const SECRET_WORDS_KOREAN: &[&str] = &["비밀번호", "비번", "암호"];

/// Names of fields that hold a secret if their value is long and of no language.
const OPAQUE_WORDS: &[&str] = &["key", "code", "state", "hash", "proof", "appid", "app_id"];

/// Schemes by which a header says who asks, whatever its name.
const SCHEMES: &[&str] = &["basic", "bearer", "dpop"];

/// Fields that hold the password of a person.
const PASSWORD_WORDS: &[&str] = &[
    "password",
    "passwd",
    "passphrase",
    "pass",
    "pw",
    "pwd",
    "passcode",
];

/// Fields that hold the name of who signs in.
const LOGIN_WORDS: &[&str] = &[
    "login",
    "username",
    "user_name",
    "user",
    "email",
    "e_mail",
    "mail",
    "userid",
    "user_id",
    "login_id",
    "loginid",
    "account",
    "phone",
    "phone_number",
    "identifier",
    "id",
];

/// A JSON Web Token, wherever it stands.
static JWT: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{4,}(?:\.[A-Za-z0-9_-]*)*")
        .expect("a constant pattern")
});

/// `password=…`, `"token": "…"` and `<secret>…` in a text that is neither JSON nor a form.
static ASSIGNED: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r#"([A-Za-z0-9_.-]+)["']?\s*[=:>]\s*["']?([^"'&<>\s,;}]+)"#)
        .expect("a constant pattern")
});

/// Whether a field of this name holds a secret.
pub(crate) fn is_secret_field(name: &str) -> bool {
    if is_secret_name(name) || is_korean_secret(name) {
        return true;
    }
    let name = snake(name);
    is_secret_name(&name)
        || name.split('_').any(|word| SECRET_WORDS.contains(&word))
        || is_secret_name(&name.replace('_', ""))
        || name.replace('_', "").contains("cardnumber")
        || name.contains("password")
        || name.contains("secret")
        || name.ends_with("token")
}

fn is_korean_secret(name: &str) -> bool {
    SECRET_WORDS_KOREAN.iter().any(|word| name.contains(word))
}

/// Whether a field of this name and value holds a secret: names such as `key` and `code` do if the
/// value is long and of no language.
pub(crate) fn is_secret_pair(name: &str, value: &str) -> bool {
    const OPAQUE_BYTES_MIN: usize = 20;
    let is_opaque = value.len() >= OPAQUE_BYTES_MIN
        && value.bytes().any(|b| b.is_ascii_digit())
        && value
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"-_.~+/=".contains(&b));
    is_secret_field(name) || is_opaque && OPAQUE_WORDS.contains(&snake(name).as_str())
}

/// Whether a header's value says who asks by one of the usual schemes.
pub(crate) fn is_authorization(value: &str) -> bool {
    let scheme = value.split_once(' ').map_or("", |(scheme, _)| scheme);
    SCHEMES
        .iter()
        .any(|known| scheme.eq_ignore_ascii_case(known))
}

/// Whether a header of this name carries a credential, `authorization` and cookies apart.
pub(crate) fn is_secret_header(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    is_secret_field(&name) || name.ends_with("-key") && !name.contains("idempotency")
}

pub(crate) fn is_password_field(name: &str) -> bool {
    if is_korean_secret(name) {
        return true;
    }
    let name = snake(name);
    PASSWORD_WORDS.iter().any(|word| {
        name == *word
            || name.ends_with(&format!("_{word}"))
            || name.starts_with(&format!("{word}_"))
    })
}

/// How likely it is that a field of this name says who signs in; less is likelier.
pub(crate) fn login_rank(name: &str) -> Option<usize> {
    let name = snake(name);
    LOGIN_WORDS.iter().position(|word| *word == name)
}

/// The secret texts of a recording.
#[derive(Debug, Default)]
pub(crate) struct Secrets {
    texts: BTreeSet<String>,
    redactors: Vec<Redactor>,
}

impl Secrets {
    pub(crate) fn learn(&mut self, text: &str) {
        let text = text.trim();
        if text.len() >= SECRET_BYTES_MIN && !is_marked(text) {
            let _ = self.texts.insert(text.to_owned());
        }
    }

    /// Learns whatever a header gives away.
    pub(crate) fn learn_header(&mut self, name: &str, value: &str) {
        let name = name.to_ascii_lowercase();
        match name.as_str() {
            "authorization" | "proxy-authorization" => self.learn_authorization(value),
            "cookie" => value
                .split(';')
                .for_each(|cookie| self.learn_cookie(cookie)),
            "set-cookie" => value.lines().for_each(|line| {
                self.learn_cookie(line.split(';').next().unwrap_or_default());
            }),
            name if is_secret_header(name) => self.learn(value),
            _ if is_authorization(value) => self.learn_authorization(value),
            _ => {}
        }
        self.learn_tokens(value);
    }

    fn learn_cookie(&mut self, cookie: &str) {
        if let Some((_, value)) = cookie.split_once('=') {
            self.learn_cookie_value(value.trim().trim_matches('"'));
        }
    }

    /// Learns a cookie's value, unless it is a word such as `korean` or `desktop`: no cookie is
    /// copied anyway, and paths have such words.
    pub(crate) fn learn_cookie_value(&mut self, value: &str) {
        const WORD_BYTES_MAX: usize = 11;
        let is_word =
            value.len() <= WORD_BYTES_MAX && value.bytes().all(|b| b.is_ascii_alphabetic());
        if !is_word {
            self.learn_encoded(value);
        }
    }

    fn learn_authorization(&mut self, value: &str) {
        let (scheme, credentials) = value.split_once(' ').unwrap_or(("", value));
        self.learn(credentials);
        if let Some((login, password)) = basic(scheme, credentials) {
            self.learn(&password);
            self.learn(&format!("{login}:{password}"));
        }
        for part in credentials.split([',', '"']) {
            self.learn(part.rsplit('=').next().unwrap_or_default());
        }
    }

    /// Learns a text, and what it says if it is percent-encoded.
    pub(crate) fn learn_encoded(&mut self, text: &str) {
        self.learn(text);
        if let Ok(decoded) = percent_encoding::percent_decode_str(text).decode_utf8() {
            self.learn(&decoded);
        }
    }

    /// Learns the values of secret fields at any depth.
    pub(crate) fn learn_json(&mut self, value: &Value) {
        self.learn_below(value, false);
    }

    fn learn_below(&mut self, value: &Value, secret: bool) {
        match value {
            Value::Object(entries) => {
                for (key, value) in entries {
                    let text = value.as_str().unwrap_or_default();
                    self.learn_below(value, secret || is_secret_pair(key, text));
                }
            }
            Value::Array(items) => items.iter().for_each(|item| self.learn_below(item, secret)),
            Value::String(text) => {
                if secret {
                    self.learn(text);
                }
                // A document within it, such as one of GraphQL, has fields of its own.
                if text.contains('{') {
                    self.learn_text(text);
                } else {
                    self.learn_tokens(text);
                }
            }
            Value::Number(number) if secret => self.learn(&number.to_string()),
            Value::Number(_) | Value::Bool(_) | Value::Null => {}
        }
    }

    /// Learns what looks like a token in any text.
    pub(crate) fn learn_tokens(&mut self, text: &str) {
        let found: Vec<&str> = JWT.find_iter(text).map(|found| found.as_str()).collect();
        found.into_iter().for_each(|token| self.learn(token));
    }

    /// Learns the values of secret fields of a text in no particular form.
    pub(crate) fn learn_text(&mut self, text: &str) {
        for (_, at) in assigned_secrets(text) {
            self.learn_encoded(&text[at]);
        }
        self.learn_tokens(text);
    }

    /// Nothing is learned from here on.
    pub(crate) fn settle(&mut self) {
        let mut texts: Vec<&String> = self.texts.iter().collect();
        texts.sort_by_key(|text| std::cmp::Reverse(text.len()));
        self.redactors = texts
            .chunks(SECRETS_PER_REDACTOR)
            .map(|chunk| {
                let mut redactor = Redactor::new();
                for text in chunk {
                    redactor.learn(&Secret::new(text.as_str()));
                }
                redactor
            })
            .collect();
    }

    pub(crate) fn is_known(&self, text: &str) -> bool {
        self.texts.contains(text)
    }

    /// The text without any secret.
    pub(crate) fn redact(&self, text: &str) -> String {
        self.redactors
            .iter()
            .fold(text.to_owned(), |text, redactor| redactor.redact(&text))
    }

    pub(crate) fn redact_phrase(&self, phrase: Phrase) -> Phrase {
        phrase.map_words(|words| self.redact(words))
    }
}

/// The names of secret fields in a text in no particular form, and the bytes of their values.
pub(crate) fn assigned_secrets(text: &str) -> Vec<(String, Range<usize>)> {
    /// Longest value of another field that is looked into, in bytes: `query: mutation { login(…)`
    /// is one. It bounds how often a byte is looked at.
    const INSIDE_BYTES_MAX: usize = 512;
    let mut secrets = Vec::new();
    let mut from = 0;
    while let Some(found) = ASSIGNED.captures_at(text, from) {
        let (Some(name), Some(value)) = (found.get(1), found.get(2)) else {
            break;
        };
        let is_secret = is_secret_field(name.as_str());
        if is_secret {
            secrets.push((name.as_str().to_owned(), value.range()));
        }
        from = if is_secret || value.len() > INSIDE_BYTES_MAX {
            value.end()
        } else {
            value.start()
        };
    }
    secrets
}

/// Login and password of HTTP basic authentication.
pub(crate) fn basic(scheme: &str, credentials: &str) -> Option<(String, String)> {
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let bytes = base64::engine::general_purpose::STANDARD
        .decode(credentials.trim())
        .ok()?;
    let text = String::from_utf8(bytes).ok()?;
    let (login, password) = text.split_once(':')?;
    Some((login.to_owned(), password.to_owned()))
}

/// The value of `authorization` for basic authentication with the account's own fields.
pub(crate) const BASIC: &str = "(login + ':' + password) | b64";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secret_fields_are_known_by_their_names() {
        for name in [
            "password",
            "Password",
            "user_pass",
            "access_token",
            "accessToken",
            "csrfToken",
            "sid",
            "X-Api-Key",
            "clientSecret",
            "newPassword",
            "refreshtoken",
            "authToken",
            "pin",
        ] {
            assert!(is_secret_field(name), "{name}");
        }
        for name in [
            "id",
            "to",
            "client_ref",
            "note",
            "author",
            "passenger",
            "pinned",
            "amount",
        ] {
            assert!(!is_secret_field(name), "{name}");
        }
    }

    #[test]
    fn long_opaque_values_of_plain_names_are_secret_too() {
        for (name, value) in [
            ("key", "AIzaSyD-0123456789abcdefghij"),
            ("code", "4/0AX4XfWh_0123456789abcd"),
        ] {
            assert!(is_secret_pair(name, value), "{name}");
        }
        for (name, value) in [
            ("key", "colour"),
            ("code", "SUMMER-2026"),
            ("q", "AIzaSyD-0123456789abcdefghij"),
            ("state", "waiting for the driver to come 2"),
        ] {
            assert!(!is_secret_pair(name, value), "{name}");
        }
    }

    #[test]
    fn what_a_recording_gives_away_is_learned_and_taken_out() {
        let mut secrets = Secrets::default();
        secrets.learn_header("Authorization", "Basic YWxpY2U6b3BlbnNlc2FtZQ==");
        secrets.learn_header("Cookie", "sid=aaaa1111; theme=dark-blue%2Fx");
        secrets.learn_json(&serde_json::json!({"a": [{"token": ["t-778899"]}], "b": "t-0"}));
        secrets.learn_text("<password>hunter22</password>&api_key=k-445566");
        secrets.settle();
        for secret in [
            "opensesame",
            "YWxpY2U6b3BlbnNlc2FtZQ",
            "aaaa1111",
            "dark-blue/x",
            "t-778899",
            "hunter22",
            "k-445566",
            "OPENSESAME",
        ] {
            let redacted = secrets.redact(&format!("before {secret} after"));
            assert!(!redacted.contains(secret), "{redacted}");
        }
        assert_eq!(secrets.redact("b t-0"), "b t-0");
    }
}
