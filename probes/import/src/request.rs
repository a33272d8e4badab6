//! A request as it was recorded or commanded, whatever told of it.

use serde_json::Value;
use url::Url;

use crate::credentials::{Secrets, is_secret_pair};
use crate::parts::{Content, Part};

/// A request.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    /// An HTTP verb of the journey language, lower-case.
    pub(crate) verb: &'static str,
    pub(crate) url: Url,
    /// Without what a client sets by itself; names as they were written.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) payload: Payload,
}

/// What a request carries.
#[derive(Debug, Clone)]
pub(crate) enum Payload {
    None,
    Json(Value),
    Form(Vec<(String, String)>),
    /// A form of parts.
    Parts(Vec<Part>),
    Text(String),
    Bytes(Vec<u8>),
    /// A file's content, which is not known; how many bytes it has if that is.
    File(Option<usize>),
    /// What the language cannot say, in words for a comment.
    Untold(String),
}

/// The verb of the language, if it has one for this method.
pub(crate) fn verb(method: &str) -> Option<&'static str> {
    ["get", "post", "put", "patch", "delete", "head"]
        .into_iter()
        .find(|verb| method.eq_ignore_ascii_case(verb))
}

/// Most bytes that `max_body` of a step allows: sixteen times what it is unless it says so.
pub(crate) const MAX_BODY_BYTES_MAX: u64 = 16 * bongsu_language::BODY_BYTES_MAX as u64;

/// How many of [`OWN_HEADERS`] the runner sets.
const RUNNER_HEADERS: usize = 9;

/// Headers that a client or the runner sets by itself, and those that only a browser sends.
const OWN_HEADERS: &[&str] = &[
    "host",
    "content-length",
    "transfer-encoding",
    "connection",
    "keep-alive",
    "te",
    "trailer",
    "expect",
    "upgrade",
    "accept-encoding",
    "user-agent",
    "accept-language",
    "origin",
    "referer",
    "cache-control",
    "pragma",
    "dnt",
    "priority",
    "upgrade-insecure-requests",
    "if-none-match",
    "if-modified-since",
    "purpose",
    "range",
    "traceparent",
    "tracestate",
    "baggage",
    "b3",
    "x-client-data",
    "via",
    "forwarded",
    "http2-settings",
    "proxy-connection",
    "save-data",
    "alt-used",
];

/// Whether the runner sets a header itself and takes it from no journey.
pub(crate) fn is_set_by_runner(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    OWN_HEADERS[..RUNNER_HEADERS].contains(&name.as_str()) || name.starts_with("sec-websocket-")
}

/// Whether a recorded header is left out: a client's own, or a browser's.
pub(crate) fn is_own_header(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    name.starts_with(':')
        || name.starts_with("sec-")
        || name.starts_with("x-forwarded-")
        || name.starts_with("x-b3-")
        || OWN_HEADERS.contains(&name.as_str())
}

/// RFC 9110, section 5.1: a token, short enough for the language.
pub(crate) fn is_header_name(name: &str) -> bool {
    (1..=100).contains(&name.len())
        && name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b))
}

impl Request {
    /// Learns the credentials that it carries.
    pub(crate) fn learn(&self, secrets: &mut Secrets) {
        for (name, value) in &self.headers {
            secrets.learn_header(name, value);
        }
        learn_url(&self.url, secrets);
        self.payload.learn(secrets);
    }
}

/// Learns the credentials that a URL carries.
pub(crate) fn learn_url(url: &Url, secrets: &mut Secrets) {
    secrets.learn_encoded(url.password().unwrap_or_default());
    let pairs: Vec<(String, String)> = url
        .query_pairs()
        .map(|(key, value)| (key.into_owned(), value.into_owned()))
        .collect();
    learn_pairs(&pairs, secrets);
    secrets.learn_tokens(url.path());
}

fn learn_pairs(pairs: &[(String, String)], secrets: &mut Secrets) {
    for (key, value) in pairs {
        if is_secret_pair(key, value) {
            secrets.learn(value);
        }
        secrets.learn_tokens(value);
    }
}

impl Payload {
    /// Learns the credentials in it.
    pub(crate) fn learn(&self, secrets: &mut Secrets) {
        match self {
            Self::Json(value) => secrets.learn_json(value),
            Self::Form(pairs) => learn_pairs(pairs, secrets),
            Self::Parts(parts) => {
                for part in parts {
                    let Content::Text(text) = &part.content else {
                        continue;
                    };
                    if part.file.is_none() && is_secret_pair(&part.name, text) {
                        secrets.learn(text);
                    }
                    match serde_json::from_str::<Value>(text) {
                        Ok(value) => secrets.learn_json(&value),
                        Err(_) => secrets.learn_text(text),
                    }
                }
            }
            Self::Text(text) => secrets.learn_text(text),
            Self::Bytes(bytes) => secrets.learn_text(&String::from_utf8_lossy(bytes)),
            Self::File(_) | Self::None | Self::Untold(_) => {}
        }
    }

    /// Of a body's text by its content type.
    pub(crate) fn of_text(text: &str, content_type: &str) -> Self {
        let kind = content_type.to_ascii_lowercase();
        if text.is_empty() {
            return Self::None;
        }
        if kind.starts_with("application/x-www-form-urlencoded") {
            return Self::Form(form(text));
        }
        let is_json = kind.contains("json") || kind.is_empty() || kind.starts_with("text/plain");
        match serde_json::from_str::<Value>(text) {
            Ok(value) if is_json && (kind.contains("json") || value.is_object()) => {
                Self::Json(value)
            }
            _ => Self::Text(text.to_owned()),
        }
    }
}

/// The pairs of a form.
pub(crate) fn form(text: &str) -> Vec<(String, String)> {
    url::form_urlencoded::parse(text.as_bytes())
        .map(|(key, value)| (key.into_owned(), value.into_owned()))
        .collect()
}
