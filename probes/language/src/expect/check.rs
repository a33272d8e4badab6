//! Holds expectations against what was observed; each is judged alone, all failures are told.

use std::borrow::Cow;

use serde_json::Value;

use super::told::Words;
use super::{Check, Existence, Expectation, Expectations, Kind, StatusSet, Subject};
use crate::environment::Environment;
use crate::fact::Fact;
use crate::observed::{Matches, Observed, ROUNDED};
use crate::prepare::{RenderError, kind_of};
use crate::source::Position;
use crate::template::ValueTemplate;

/// Longest shown text of a value, in characters.
const SHOWN_CHARS_MAX: usize = 120;

/// An expectation that does not hold. The texts are not yet redacted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mismatch {
    /// Of what: `status`, `json $.id`.
    pub subject: String,
    /// What was expected.
    pub expected: String,
    /// What came, cut to 120 characters.
    pub actual: String,
    /// Whether it is the status that is wrong.
    pub about: About,
    /// Where the expectation stands.
    pub position: Position,
}

/// What kind of mismatch it is: a status and everything else are different failure classes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum About {
    /// The status.
    Status,
    /// The code of a DNS answer.
    Rcode,
    /// Anything else.
    Content,
}

impl std::fmt::Display for Mismatch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{}: expected {}, got {}",
            self.subject, self.expected, self.actual
        )
    }
}

impl Expectations {
    /// Every expectation that does not hold, in order: the status comes first.
    ///
    /// # Errors
    /// When an expectation's own templates cannot be rendered: that is not the platform's fault.
    pub fn check(
        &self,
        observed: &Observed<'_>,
        environment: &Environment,
        actor: usize,
    ) -> Result<Vec<Mismatch>, RenderError> {
        let judge = Judge {
            observed,
            environment,
            actor,
        };
        let mut mismatches = Vec::new();
        for expectation in &self.all {
            judge.judge(expectation, &mut mismatches)?;
        }
        Ok(mismatches)
    }

    /// Whether nothing is expected.
    pub const fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// Whether content is looked at, and not only status, headers and time: an opened socket
    /// must then wait for its first frame.
    pub fn wants_content(&self) -> bool {
        self.all
            .iter()
            .any(|expectation| match expectation.subject {
                Subject::Json(_) | Subject::Text | Subject::Sha256 => true,
                Subject::Status | Subject::GrpcStatus | Subject::Header(_) | Subject::Time => false,
                Subject::Fact(fact) => fact == Fact::Hex,
            })
    }
}

impl std::fmt::Display for Subject {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Status => f.write_str("status"),
            Self::GrpcStatus => f.write_str("grpc_status"),
            Self::Header(name) => write!(f, "header {name}"),
            Self::Json(path) => write!(f, "json {}", path.text()),
            Self::Text => f.write_str("content"),
            Self::Sha256 => f.write_str("sha256"),
            Self::Time => f.write_str("time"),
            Self::Fact(fact) => write!(f, "{fact}"),
        }
    }
}

/// What a subject turned out to be: none, one or several values.
enum Found<'a, 'o> {
    Nothing,
    One(Cow<'a, Value>),
    Several(Matches<'o, 'a>),
    /// A list without an order, which is judged as a whole.
    Items(&'a [Value]),
    NotJson(Cow<'a, str>),
}

pub(super) struct Judge<'a, 'o> {
    observed: &'a Observed<'o>,
    environment: &'a Environment,
    actor: usize,
}

impl<'a, 'o> Judge<'a, 'o> {
    fn judge(
        &self,
        expectation: &Expectation,
        mismatches: &mut Vec<Mismatch>,
    ) -> Result<(), RenderError> {
        let found = self.find(&expectation.subject);
        for check in &expectation.checks {
            let is_decided = !(check.is_exact() && self.is_rounded(&found));
            if is_decided && self.holds(check, &found)? {
                continue;
            }
            let shown = self.show(&expectation.subject, &found);
            mismatches.push(Mismatch {
                subject: expectation.subject.to_string(),
                expected: self.words().check(check)?,
                actual: if self.is_rounded(&found) {
                    format!("{shown}, {ROUNDED}")
                } else {
                    shown
                },
                about: match expectation.subject {
                    Subject::Status | Subject::GrpcStatus => About::Status,
                    Subject::Fact(Fact::Rcode) => About::Rcode,
                    Subject::Header(_)
                    | Subject::Json(_)
                    | Subject::Text
                    | Subject::Sha256
                    | Subject::Time
                    | Subject::Fact(_) => About::Content,
                },
                position: expectation.position.clone(),
            });
        }
        Ok(())
    }

    fn find(&self, subject: &Subject) -> Found<'a, 'o> {
        let observed = self.observed;
        let value = match subject {
            Subject::Status => observed.status().map(Value::from),
            Subject::GrpcStatus => observed
                .grpc_status()
                .map(|status| Value::from(status.number())),
            Subject::Header(name) => observed.header(name).map(Value::from),
            Subject::Text => Some(Value::from(observed.text().into_owned())),
            Subject::Sha256 => Some(Value::from(observed.sha256())),
            Subject::Time => Some(Value::from(observed.elapsed().as_secs_f64())),
            Subject::Json(path) => {
                return match observed.select(path) {
                    Some(matches) => found_of(matches),
                    None => Found::NotJson(observed.text()),
                };
            }
            Subject::Fact(fact) => {
                return match observed.fact(*fact) {
                    Some(Value::Array(items)) => Found::Items(items),
                    value => value.map_or(Found::Nothing, |value| Found::One(Cow::Borrowed(value))),
                };
            }
        };
        value.map_or(Found::Nothing, |value| Found::One(Cow::Owned(value)))
    }

    /// Whether a value is not known exactly.
    fn is_rounded(&self, found: &Found<'_, '_>) -> bool {
        let observed = self.observed;
        match found {
            Found::One(value) => observed.is_rounded(value),
            Found::Several(Matches::Parts(parts)) => {
                parts.iter().any(|part| observed.is_rounded_part(*part))
            }
            Found::Several(Matches::Values(values)) => {
                values.iter().any(|value| observed.is_rounded(value))
            }
            Found::Nothing | Found::Items(_) | Found::NotJson(_) => false,
        }
    }

    fn holds(&self, check: &Check, found: &Found<'_, '_>) -> Result<bool, RenderError> {
        // Content that is not JSON meets no expectation about JSON, not even an absence.
        let count = match found {
            Found::Nothing => 0,
            Found::One(_) => 1,
            Found::Several(matches) => matches.count(),
            Found::Items(items) => return self.items_hold(check, items),
            Found::NotJson(_) => return Ok(false),
        };
        match check {
            Check::Exists(Existence::Present) => return Ok(count > 0),
            Check::Exists(Existence::Absent) => return Ok(count == 0),
            Check::Count(checks) => {
                let count = Found::One(Cow::Owned(Value::from(count)));
                return self.all_hold(checks, &count);
            }
            Check::Not(checks) => return Ok(!self.all_hold(checks, found)?),
            Check::Equals(_)
            | Check::Is(_)
            | Check::In(_)
            | Check::Status(_)
            | Check::GrpcStatus(_)
            | Check::Min(_)
            | Check::Max(_)
            | Check::Slower(_)
            | Check::Faster(_)
            | Check::Contains(_)
            | Check::StartsWith(_)
            | Check::Matches(_) => {}
        }
        match found {
            Found::One(value) => self.value_holds(check, value),
            _ => Ok(false),
        }
    }

    fn all_hold(&self, checks: &[Check], found: &Found<'_, '_>) -> Result<bool, RenderError> {
        for check in checks {
            if !self.holds(check, found)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    pub(super) fn value_holds(&self, check: &Check, value: &Value) -> Result<bool, RenderError> {
        Ok(match check {
            Check::Equals(expected) => equal(value, &*self.render(expected)?),
            Check::Is(Kind::Integer) if self.observed.is_rounded(value) => true,
            Check::Is(kind) => is_kind(value, *kind),
            Check::In(options) => {
                let mut found = false;
                for option in options {
                    found |= equal(value, &*self.render(option)?);
                }
                found
            }
            Check::Status(sets) => value
                .as_u64()
                .is_some_and(|status| sets.iter().any(|set| set.has(status))),
            Check::GrpcStatus(statuses) => statuses
                .iter()
                .any(|status| value.as_u64() == Some(u64::from(status.number()))),
            Check::Min(bound) => compare(value, &*self.render(bound)?).is_some_and(|o| o.is_ge()),
            Check::Max(bound) => compare(value, &*self.render(bound)?).is_some_and(|o| o.is_le()),
            Check::Slower(bound) => self.observed.elapsed() >= *bound,
            Check::Faster(bound) => self.observed.elapsed() <= *bound,
            Check::Contains(part) => contains(value, &*self.render(part)?),
            Check::StartsWith(start) => match (value.as_str(), self.render(start)?.as_str()) {
                (Some(text), Some(start)) => text.starts_with(start),
                _ => false,
            },
            Check::Matches(pattern) => value.as_str().is_some_and(|text| pattern.is_match(text)),
            Check::Exists(_) | Check::Count(_) | Check::Not(_) => true,
        })
    }

    fn words(&self) -> Words<'_> {
        Words {
            environment: self.environment,
            actor: self.actor,
            show: shorten,
        }
    }

    pub(super) fn render<'v>(
        &self,
        template: &'v ValueTemplate,
    ) -> Result<Cow<'v, Value>, RenderError>
    where
        'a: 'v,
    {
        template.look_at(self.environment, self.actor)
    }

    fn show(&self, subject: &Subject, found: &Found<'_, '_>) -> String {
        match (subject, self.observed.grpc_status()) {
            (Subject::GrpcStatus, Some(status)) => match self.observed.grpc_message() {
                "" => status.to_string(),
                message => format!("{status}: {}", cut(message)),
            },
            _ => show_found(subject, found),
        }
    }
}

fn found_of<'a, 'o>(matches: Matches<'o, 'a>) -> Found<'a, 'o> {
    match &matches {
        Matches::Parts(parts) => match parts.as_slice() {
            [] => Found::Nothing,
            [part] => Found::One(Cow::Owned(part.to_value())),
            _ => Found::Several(matches),
        },
        Matches::Values(values) => match values.as_slice() {
            [] => Found::Nothing,
            [value] => Found::One(Cow::Borrowed(value)),
            _ => Found::Several(matches),
        },
    }
}

impl Check {
    /// Whether it needs to know the value exactly.
    fn is_exact(&self) -> bool {
        match self {
            Self::Equals(_) | Self::In(_) | Self::Contains(_) => true,
            Self::Not(checks) => checks.iter().any(Self::is_exact),
            Self::Is(_)
            | Self::Status(_)
            | Self::GrpcStatus(_)
            | Self::Min(_)
            | Self::Max(_)
            | Self::Slower(_)
            | Self::Faster(_)
            | Self::StartsWith(_)
            | Self::Matches(_)
            | Self::Exists(_)
            | Self::Count(_) => false,
        }
    }
}

impl StatusSet {
    fn has(self, status: u64) -> bool {
        match self {
            Self::Code(code) => status == u64::from(code),
            Self::Class(class) => status / 100 == u64::from(class),
        }
    }
}

impl std::fmt::Display for StatusSet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Code(code) => write!(f, "{code}"),
            Self::Class(class) => write!(f, "{class}xx"),
        }
    }
}

impl Kind {
    /// The kinds' words, as `is` takes them.
    pub(crate) const WORDS: &'static [(&'static str, Self)] = &[
        ("string", Self::String),
        ("integer", Self::Integer),
        ("number", Self::Number),
        ("boolean", Self::Boolean),
        ("array", Self::Array),
        ("object", Self::Object),
        ("null", Self::Null),
    ];

    /// The kind as a word.
    pub fn as_str(self) -> &'static str {
        Self::WORDS
            .iter()
            .find(|(_, kind)| *kind == self)
            .map_or("", |(word, _)| word)
    }
}

fn is_kind(value: &Value, kind: Kind) -> bool {
    match kind {
        Kind::String => value.is_string(),
        Kind::Integer => value.is_i64() || value.is_u64(),
        Kind::Number => value.is_number(),
        Kind::Boolean => value.is_boolean(),
        Kind::Array => value.is_array(),
        Kind::Object => value.is_object(),
        Kind::Null => value.is_null(),
    }
}

/// Equality of JSON values in type and value. Numbers are equal by value, however written: 1 and
/// 1.0 are the same; text never equals a number.
pub(super) fn equal(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(_), Value::Number(_)) => compare(a, b).is_some_and(|o| o.is_eq()),
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| equal(a, b))
        }
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len()
                && a.iter()
                    .all(|(key, value)| b.get(key).is_some_and(|other| equal(value, other)))
        }
        _ => a == b,
    }
}

/// The order of two numbers; whole ones exactly, others as floats. None for anything else.
pub(crate) fn compare(a: &Value, b: &Value) -> Option<std::cmp::Ordering> {
    let whole = |value: &Value| {
        value
            .as_i64()
            .map(i128::from)
            .or_else(|| value.as_u64().map(i128::from))
    };
    match (whole(a), whole(b)) {
        (Some(a), Some(b)) => Some(a.cmp(&b)),
        _ => a.as_f64()?.partial_cmp(&b.as_f64()?),
    }
}

fn contains(value: &Value, part: &Value) -> bool {
    match (value, part) {
        (Value::String(text), Value::String(part)) => text.contains(part.as_str()),
        (Value::Array(items), part) => items.iter().any(|item| equal(item, part)),
        _ => false,
    }
}

fn show_found(subject: &Subject, found: &Found<'_, '_>) -> String {
    match found {
        Found::NotJson(text) if text.is_empty() => "nothing at all".to_owned(),
        Found::NotJson(text) => format!("what is not JSON: {}", cut(text)),
        Found::Nothing | Found::Items([]) => "nothing".to_owned(),
        Found::One(value) if *subject == Subject::Time => value
            .as_f64()
            .map_or_else(String::new, |seconds| format!("{seconds:.3}s")),
        Found::One(value) => shorten(value),
        Found::Several(matches) => format!("{} values", matches.count()),
        Found::Items(items) => shorten(&Value::Array(items.to_vec())),
    }
}

/// A value as JSON; one that is too long is cut, a nested one says what it is.
fn shorten(value: &Value) -> String {
    let text = value.to_string();
    if text.chars().count() <= SHOWN_CHARS_MAX {
        text
    } else {
        format!("{} {}", kind_of(value), cut(&text))
    }
}

pub(super) fn cut(text: &str) -> String {
    let mut shown: String = text.chars().take(SHOWN_CHARS_MAX).collect();
    if shown.len() < text.len() {
        let _ = shown.pop();
        shown.push('…');
    }
    shown
}
