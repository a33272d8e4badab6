//! Expectations in words: a mismatch says what was expected, and a plan says it of all.

use serde_json::Value;

use super::check::cut;
use super::{Check, Existence, Expectation, Expectations};
use crate::capture::Secrecy;
use crate::duration::display_duration;
use crate::environment::Environment;
use crate::prepare::RenderError;
use crate::template::ValueTemplate;

/// The words for what one actor expects.
pub(super) struct Words<'a> {
    pub(super) environment: &'a Environment,
    pub(super) actor: usize,
    /// How a value is written that is no secret.
    pub(super) show: fn(&Value) -> String,
}

impl Words<'_> {
    pub(super) fn check(&self, check: &Check) -> Result<String, RenderError> {
        let show = |template: &ValueTemplate| {
            let variable = template.render(self.environment, self.actor)?;
            Ok(match variable.secrecy {
                Secrecy::Public => (self.show)(&variable.value),
                Secrecy::Secret => "a secret value".to_owned(),
            })
        };
        Ok(match check {
            Check::Equals(expected) => show(expected)?,
            Check::Is(kind) => kind.as_str().to_owned(),
            Check::In(options) => {
                let options: Result<Vec<_>, RenderError> = options.iter().map(show).collect();
                format!("one of {}", options?.join(", "))
            }
            Check::Status(sets) => sets
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>()
                .join(" or "),
            Check::GrpcStatus(statuses) => statuses
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>()
                .join(" or "),
            Check::Min(bound) => format!("at least {}", show(bound)?),
            Check::Max(bound) => format!("at most {}", show(bound)?),
            Check::Slower(bound) => format!("at least {}", display_duration(*bound)),
            Check::Faster(bound) => format!("at most {}", display_duration(*bound)),
            Check::Contains(part) => format!("something that contains {}", show(part)?),
            Check::StartsWith(start) => format!("something that starts with {}", show(start)?),
            Check::Matches(pattern) => format!("something that matches {}", pattern.as_str()),
            Check::Exists(Existence::Present) => "a value".to_owned(),
            Check::Exists(Existence::Absent) => "no value".to_owned(),
            Check::Count(checks) => format!("a count of {}", self.all(checks)?),
            Check::Not(checks) => format!("not {}", self.all(checks)?),
        })
    }

    pub(super) fn all(&self, checks: &[Check]) -> Result<String, RenderError> {
        let told: Result<Vec<_>, _> = checks.iter().map(|check| self.check(check)).collect();
        Ok(told?.join(" and "))
    }
}

impl Expectations {
    /// Each as a plan tells it to whoever is the actor: `json $.id: at least 1`. Secrets are not
    /// told; what only a run knows is a placeholder.
    pub(crate) fn told(&self, environment: &Environment, actor: usize) -> Vec<String> {
        let words = Words {
            environment,
            actor,
            show: |value| cut(&crate::sketch::in_json(&value.to_string())),
        };
        let tell = |one: &Expectation| {
            let told = words.all(&one.checks).unwrap_or_else(|error| {
                // A run would say the same.
                format!("what is known in a run only: {error}")
            });
            format!("{}: {told}", one.subject)
        };
        self.all.iter().map(tell).collect()
    }
}
