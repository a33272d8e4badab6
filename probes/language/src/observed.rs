//! What a step got: the facts that expectations and captures are held against.

use std::sync::OnceLock;
use std::time::Duration;

use bongsu_model::{NetworkFacts, Phases};
use serde_json::{Number, Value};

use crate::fact::Fact;
use crate::grpc::GrpcStatus;
use crate::header_lines::HeaderLines;
use crate::json::{Json, Part};
use crate::jsonpath::JsonPath;

/// From here on a whole number may be beyond 64 bits: 2⁶³, which has 19 digits.
const TWO_TO_63: f64 = 9_223_372_036_854_775_808.0;
const LONG_DIGITS: usize = 19;

/// What is said of a number that was rounded.
pub(crate) const ROUNDED: &str = "a whole number beyond 64 bits, which JSON is not read exactly with: look at it as text, with \
     `regex`";

const NO_LINES: &HeaderLines = &HeaderLines::new();

/// An answer or a frame.
#[derive(Clone)]
pub struct Observed<'a> {
    status: Option<u16>,
    grpc: Option<(GrpcStatus, &'a str)>,
    headers: &'a HeaderLines,
    content: &'a [u8],
    facts: &'a [(Fact, Value)],
    elapsed: Duration,
    phases: Phases,
    network: Option<&'a NetworkFacts>,
    /// The header lines of redirects that led to the answer.
    redirects: &'a [HeaderLines],
    json: OnceLock<Option<Json<'a>>>,
    /// The same as one value, for the few paths that are not walked.
    value: OnceLock<Option<Value>>,
}

/// What a path matches.
#[derive(Debug)]
pub(crate) enum Matches<'a, 'j> {
    /// By walking.
    Parts(Vec<Part<'j, 'a>>),
    /// By the library.
    Values(Vec<&'j Value>),
}

impl Matches<'_, '_> {
    pub(crate) fn count(&self) -> usize {
        match self {
            Self::Parts(parts) => parts.len(),
            Self::Values(values) => values.len(),
        }
    }
}

impl<'a> Observed<'a> {
    /// An HTTP answer, its body decompressed.
    pub fn answer(
        status: u16,
        headers: &'a HeaderLines,
        body: &'a [u8],
        elapsed: Duration,
    ) -> Self {
        Self {
            status: Some(status),
            grpc: None,
            headers,
            content: body,
            facts: &[],
            elapsed,
            phases: Phases::default(),
            network: None,
            redirects: &[],
            json: OnceLock::new(),
            value: OnceLock::new(),
        }
    }

    /// The end of a gRPC call: its status with its message, its metadata with its trailers, and
    /// its answer as JSON, empty if there is none.
    pub fn call(
        (status, message): (GrpcStatus, &'a str),
        headers: &'a HeaderLines,
        json: &'a [u8],
        elapsed: Duration,
    ) -> Self {
        Self {
            status: None,
            grpc: Some((status, message)),
            headers,
            content: json,
            facts: &[],
            elapsed,
            phases: Phases::default(),
            network: None,
            redirects: &[],
            json: OnceLock::new(),
            value: OnceLock::new(),
        }
    }

    /// A WebSocket frame, or an act without an answer (then `frame` is empty).
    pub fn frame(frame: &'a str, elapsed: Duration) -> Self {
        Self {
            status: None,
            grpc: None,
            headers: NO_LINES,
            content: frame.as_bytes(),
            facts: &[],
            elapsed,
            phases: Phases::default(),
            network: None,
            redirects: &[],
            json: OnceLock::new(),
            value: OnceLock::new(),
        }
    }

    /// With what was measured and seen on the way.
    #[must_use]
    pub const fn over(mut self, phases: Phases, network: &'a NetworkFacts) -> Self {
        self.phases = phases;
        self.network = Some(network);
        self
    }

    /// With the header lines of the redirects that led to the answer, in order.
    #[must_use]
    pub const fn after(mut self, redirects: &'a [HeaderLines]) -> Self {
        self.redirects = redirects;
        self
    }

    pub(crate) const fn phases(&self) -> &Phases {
        &self.phases
    }

    pub(crate) const fn network(&self) -> Option<&'a NetworkFacts> {
        self.network
    }

    /// The value that a cookie was given last; one that was removed has none.
    pub(crate) fn cookie(&self, name: &str) -> Option<&'a str> {
        let redirects: &'a [HeaderLines] = self.redirects;
        let all = redirects.iter().chain([self.headers]);
        all.flat_map(|lines| lines.values("set-cookie"))
            .filter_map(|line| {
                let pair = line.split(';').next().unwrap_or_default();
                let (given, value) = pair.split_once('=')?;
                (given.trim() == name).then(|| value.trim())
            })
            .last()
            .filter(|value| !value.is_empty())
    }

    /// What came of an exchange below HTTP: its facts, and the bytes that came, if any.
    pub fn exchange(facts: &'a [(Fact, Value)], content: &'a [u8], elapsed: Duration) -> Self {
        Self {
            status: None,
            grpc: None,
            headers: NO_LINES,
            content,
            facts,
            elapsed,
            phases: Phases::default(),
            network: None,
            redirects: &[],
            json: OnceLock::new(),
            value: OnceLock::new(),
        }
    }

    /// The fact of this name.
    pub fn fact(&self, fact: Fact) -> Option<&'a Value> {
        let found = self.facts.iter().find(|(known, _)| *known == fact);
        found.map(|(_, value)| value)
    }

    /// The status of an HTTP answer.
    pub const fn status(&self) -> Option<u16> {
        self.status
    }

    /// How a gRPC call ended.
    pub fn grpc_status(&self) -> Option<GrpcStatus> {
        self.grpc.map(|(status, _)| status)
    }

    /// What the server said about it.
    pub(crate) fn grpc_message(&self) -> &'a str {
        self.grpc.map_or("", |(_, message)| message)
    }

    pub(crate) const fn elapsed(&self) -> Duration {
        self.elapsed
    }

    /// The values of a header, in any case, joined with a comma as RFC 9110, section 5.3 allows.
    pub(crate) fn header(&self, name: &str) -> Option<String> {
        let values: Vec<&str> = self.headers.values(name).collect();
        (!values.is_empty()).then(|| values.join(", "))
    }

    /// The content as text, with U+FFFD for what is not UTF-8.
    pub(crate) fn text(&self) -> std::borrow::Cow<'a, str> {
        String::from_utf8_lossy(self.content)
    }

    /// Whether a whole number in this part of the content was rounded when it was read: no 64 bits
    /// hold it, so that two that differ may look the same.
    pub(crate) fn is_rounded(&self, part: &Value) -> bool {
        match part {
            Value::Number(number) => self.is_rounded_number(number),
            Value::Array(items) => items.iter().any(|item| self.is_rounded(item)),
            Value::Object(entries) => entries.values().any(|entry| self.is_rounded(entry)),
            Value::Null | Value::Bool(_) | Value::String(_) => false,
        }
    }

    /// The same of a part that is no value yet.
    pub(crate) fn is_rounded_part(&self, part: Part<'_, '_>) -> bool {
        part.has_number(&|number| self.is_rounded_number(number))
    }

    fn is_rounded_number(&self, number: &Number) -> bool {
        let is_beyond = || {
            number
                .as_f64()
                .is_some_and(|value| value.abs() >= TWO_TO_63)
        };
        number.is_f64() && is_beyond() && self.has_long_integer()
    }

    /// Whether so many digits stand in a row as only a whole number beyond 64 bits has, or one that
    /// is nearly as large; a float with a large exponent has fewer.
    fn has_long_integer(&self) -> bool {
        let rows = self.content.split(|byte| !byte.is_ascii_digit());
        rows.into_iter().any(|digits| digits.len() >= LONG_DIGITS)
    }

    /// The SHA-256 of the content's bytes, in lower-case hexadecimal digits.
    pub(crate) fn sha256(&self) -> String {
        let hash = ring::digest::digest(&ring::digest::SHA256, self.content);
        let digits = hash.as_ref().iter().map(|byte| format!("{byte:02x}"));
        digits.collect()
    }

    /// What `path` matches in the content; none if that is not JSON.
    pub(crate) fn select(&self, path: &JsonPath) -> Option<Matches<'a, '_>> {
        let json = self.json()?;
        if let Some(parts) = path.walk(json) {
            return Some(Matches::Parts(parts));
        }
        let value = self
            .value
            .get_or_init(|| serde_json::from_slice(self.content).ok());
        Some(Matches::Values(path.select(value.as_ref()?)))
    }

    /// Whether the content is JSON.
    pub(crate) fn is_json(&self) -> bool {
        self.json().is_some()
    }

    fn json(&self) -> Option<&Json<'a>> {
        self.json.get_or_init(|| Json::read(self.content)).as_ref()
    }
}

impl std::fmt::Debug for Observed<'_> {
    /// Shows no content: there may be secrets in it.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Observed")
            .field("status", &self.status)
            .field("bytes", &self.content.len())
            .finish_non_exhaustive()
    }
}
