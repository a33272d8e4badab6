//! Takes captures out of what was observed.

use bongsu_model::Secret;
use percent_encoding::percent_decode_str;
use regex::Regex;
use serde_json::Value;

use crate::capture::{Capture, CaptureFrom, HeaderPart, Presence, Secrecy, Span, Take, TlsFact};
use crate::environment::collect_texts;
use crate::observed::{Matches, Observed, ROUNDED};
use crate::source::Position;

/// A captured value.
#[derive(Clone, PartialEq)]
pub struct Captured {
    /// The variable to set on the acting actor.
    pub name: String,
    /// Its value.
    pub value: Value,
    /// Whether it may be shown.
    pub secrecy: Secrecy,
}

impl Captured {
    /// The texts inside the value, for [`crate::Redactor`].
    pub fn texts(&self) -> Vec<Secret> {
        let mut found = Vec::new();
        collect_texts(&self.value, &mut found);
        found
    }
}

impl std::fmt::Debug for Captured {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Captured")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

/// Why a required capture has no value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("capture `{name}`: {reason}")]
pub struct CaptureError {
    /// The variable.
    pub name: String,
    /// What was or was not found; never a value.
    pub reason: String,
    /// Where the capture stands.
    pub position: Position,
}

impl Capture {
    /// The captured value; none if it is optional and nothing was found.
    ///
    /// # Errors
    /// When nothing was found, or several values where one is meant.
    pub fn extract(&self, observed: &Observed<'_>) -> Result<Option<Captured>, CaptureError> {
        match self.find(observed) {
            Ok(Some(value)) => Ok(Some(Captured {
                name: self.name.clone(),
                value,
                secrecy: self.secrecy,
            })),
            Ok(None) if self.presence == Presence::Optional => Ok(None),
            Ok(None) => Err(self.error(match &self.from {
                CaptureFrom::Json(path, _) if !observed.is_json() => {
                    format!("the content is not JSON, so {} finds nothing", path.text())
                }
                CaptureFrom::Json(path, _) => format!("{} finds nothing", path.text()),
                CaptureFrom::Header(name, _) if observed.header(name).is_none() => {
                    format!("there is no header {name}")
                }
                CaptureFrom::Header(name, HeaderPart::Parameter(parameter)) => {
                    format!("header {name} holds no URL with a parameter {parameter}")
                }
                CaptureFrom::Header(name, _) => format!("nothing is found in header {name}"),
                CaptureFrom::Cookie(name) => format!("no cookie {name} is set"),
                CaptureFrom::Time(_) => "that phase was not gone through".to_owned(),
                CaptureFrom::Tls(_) => {
                    "the connection was not encrypted, or does not say".to_owned()
                }
                CaptureFrom::Ip => "nothing was connected to".to_owned(),
                CaptureFrom::Regex(pattern) => format!("{} finds nothing", pattern.as_str()),
                CaptureFrom::Text => "there is no content".to_owned(),
                CaptureFrom::Fact(fact, _) => format!("there is no {fact}"),
            })),
            Err(reason) => Err(self.error(reason)),
        }
    }

    fn find(&self, observed: &Observed<'_>) -> Result<Option<Value>, String> {
        match &self.from {
            CaptureFrom::Json(path, take) => {
                let value = match observed.select(path) {
                    Some(Matches::Parts(parts)) => {
                        choose(&parts, *take, &path.text(), |part| part.to_value())?
                    }
                    Some(Matches::Values(values)) => {
                        choose(&values, *take, &path.text(), |value| Value::clone(value))?
                    }
                    None => None,
                };
                match value {
                    Some(value) if observed.is_rounded(&value) => {
                        Err(format!("{} finds {ROUNDED}", path.text()))
                    }
                    value => Ok(value),
                }
            }
            CaptureFrom::Header(name, part) => {
                let value = observed.header(name);
                Ok(value.and_then(|value| part_of(&value, part)))
            }
            CaptureFrom::Cookie(name) => Ok(observed.cookie(name).map(Value::from)),
            CaptureFrom::Regex(pattern) => Ok(first_match(pattern, &observed.text())),
            CaptureFrom::Time(span) => Ok(seconds(*span, observed).map(Value::from)),
            CaptureFrom::Tls(fact) => Ok(tls(*fact, observed)),
            CaptureFrom::Ip => {
                let address = observed.network().and_then(|network| network.peer_address);
                Ok(address.map(|address| Value::from(address.to_string())))
            }
            CaptureFrom::Text => {
                let text = observed.text();
                Ok((!text.is_empty()).then(|| Value::from(text.into_owned())))
            }
            CaptureFrom::Fact(fact, take) => match observed.fact(*fact) {
                Some(Value::Array(items)) => choose(items, *take, fact, Value::clone),
                value => Ok(value.cloned()),
            },
        }
    }

    fn error(&self, reason: String) -> CaptureError {
        CaptureError {
            name: self.name.clone(),
            reason,
            position: self.position.clone(),
        }
    }
}

fn first_match(pattern: &Regex, text: &str) -> Option<Value> {
    let found = pattern.captures(text)?;
    let part = found.get(1).or_else(|| found.get(0))?;
    Some(Value::from(part.as_str()))
}

fn part_of(value: &str, part: &HeaderPart) -> Option<Value> {
    match part {
        HeaderPart::Whole => Some(Value::from(value)),
        HeaderPart::Pattern(pattern) => first_match(pattern, value),
        HeaderPart::Parameter(name) => {
            let (before, fragment) = value.split_once('#').unwrap_or((value, ""));
            let query = before.split_once('?').map_or("", |(_, query)| query);
            [query, fragment]
                .into_iter()
                .find_map(|pairs| parameter(pairs, name))
                .map(Value::from)
        }
    }
}

/// A parameter of `application/x-www-form-urlencoded` pairs.
fn parameter(pairs: &str, name: &str) -> Option<String> {
    let decode = |text: &str| {
        let spaced = text.replace('+', " ");
        percent_decode_str(&spaced).decode_utf8_lossy().into_owned()
    };
    pairs
        .split('&')
        .filter_map(|pair| pair.split_once('='))
        .find(|(key, _)| decode(key) == name)
        .map(|(_, value)| decode(value))
}

fn seconds(span: Span, observed: &Observed<'_>) -> Option<f64> {
    let phases = observed.phases();
    let duration = match span {
        Span::Total => Some(observed.elapsed()),
        Span::Dns => phases.dns,
        Span::Connect => phases.connect,
        Span::Tls => phases.tls,
        Span::Wait => phases.wait,
        Span::Receive => phases.receive,
    };
    duration.map(|duration| duration.as_secs_f64())
}

fn tls(fact: TlsFact, observed: &Observed<'_>) -> Option<Value> {
    let network = observed.network()?;
    let text = |text: &Option<String>| text.as_deref().map(Value::from);
    match fact {
        TlsFact::Version => text(&network.tls_version),
        TlsFact::Cipher => text(&network.tls_cipher),
        TlsFact::Protocol => text(&network.tls_next_protocol),
        TlsFact::NotAfter => network
            .tls_not_after
            .map(|end| Value::from(end.as_unix_nanos() / 1_000_000_000)),
    }
}

/// Of what `from` found, what `take` means.
fn choose<T>(
    found: &[T],
    take: Take,
    from: &impl std::fmt::Display,
    value: impl Fn(&T) -> Value,
) -> Result<Option<Value>, String> {
    Ok(match take {
        Take::One if found.len() > 1 => {
            return Err(format!("{from} finds {} values, one is meant", found.len()));
        }
        Take::One | Take::First => found.first().map(value),
        Take::Last => found.last().map(value),
        Take::All => Some(found.iter().map(value).collect()),
        Take::Count => Some(found.len().into()),
    })
}
