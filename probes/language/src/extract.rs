//! Takes captures out of what was observed.

use bongsu_model::Secret;
use serde_json::Value;

use crate::capture::{Capture, CaptureFrom, Presence, Secrecy, Take};
use crate::environment::collect_texts;
use crate::jsonpath::JsonPath;
use crate::observed::Observed;
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
                CaptureFrom::Json(path, _) if observed.json().is_none() => {
                    format!("the content is not JSON, so {} finds nothing", path.text())
                }
                CaptureFrom::Json(path, _) => format!("{} finds nothing", path.text()),
                CaptureFrom::Header(name) => format!("there is no header {name}"),
                CaptureFrom::Regex(pattern) => format!("{} finds nothing", pattern.as_str()),
                CaptureFrom::Text => "there is no content".to_owned(),
            })),
            Err(reason) => Err(self.error(reason)),
        }
    }

    fn find(&self, observed: &Observed<'_>) -> Result<Option<Value>, String> {
        match &self.from {
            CaptureFrom::Json(path, take) => match observed.json() {
                Some(body) => select(path, *take, body),
                None => Ok(None),
            },
            CaptureFrom::Header(name) => Ok(observed.header(name).map(Value::from)),
            CaptureFrom::Regex(pattern) => {
                Ok(pattern.captures(&observed.text()).and_then(|found| {
                    found
                        .get(1)
                        .or_else(|| found.get(0))
                        .map(|part| Value::from(part.as_str()))
                }))
            }
            CaptureFrom::Text => {
                let text = observed.text();
                Ok((!text.is_empty()).then(|| Value::from(text.into_owned())))
            }
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

fn select(path: &JsonPath, take: Take, body: &Value) -> Result<Option<Value>, String> {
    let found = path.select(body);
    Ok(match take {
        Take::One if found.len() > 1 => {
            return Err(format!(
                "{} finds {} values, one is meant",
                path.text(),
                found.len()
            ));
        }
        Take::One | Take::First => found.first().map(|value| (*value).clone()),
        Take::Last => found.last().map(|value| (*value).clone()),
        Take::All => Some(found.into_iter().cloned().collect()),
        Take::Count => Some(found.len().into()),
    })
}
