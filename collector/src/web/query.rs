//! What an address asks for, checked; each refusal says how to mend it.

use axum::http::Uri;
use bongsu_model::{AgentId, Catalogue, FeatureId, TargetName};

use super::api::ApiError;
use super::source::{RunsWanted, Source};
use crate::published::Published;

/// Outcome words that runs can be asked for by; `missed` is no run.
pub(crate) const OUTCOMES: [&str; 6] = ["pass", "slow", "fail", "blocked", "blind", "skipped"];

/// Most runs of one answer.
pub(crate) const LIMIT_MAX: u32 = 500;

/// Runs of one answer when no limit is asked for.
const LIMIT_DEFAULT: u32 = 50;

/// The parameters of an address, decoded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Query(Vec<(String, String)>);

impl Query {
    /// The parameters of `uri`. What cannot be decoded is kept as it is, and then refused by name.
    pub(crate) fn of(uri: &Uri) -> Self {
        let pairs = uri.query().unwrap_or_default().split('&');
        Self(
            pairs
                .filter(|pair| !pair.is_empty())
                .map(|pair| {
                    let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
                    (decode(name), decode(value))
                })
                .collect(),
        )
    }

    /// The first value of a parameter; an empty one is as good as none.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.as_str())
            .filter(|value| !value.is_empty())
    }

    /// Refuses parameters that are not in `known`, so that a slip does not go unseen.
    pub(crate) fn only(&self, known: &[&str]) -> Result<(), ApiError> {
        match self
            .0
            .iter()
            .find(|(name, _)| !known.contains(&name.as_str()))
        {
            None => Ok(()),
            Some((name, _)) => Err(ApiError::bad(
                "unknown_parameter",
                format!(
                    "`{}` is not a parameter here; use {}",
                    shortened(name),
                    listed(known.iter().copied())
                ),
            )),
        }
    }

    /// The environment that is asked for, or the default one.
    pub(crate) fn target(
        &self,
        source: &dyn Source,
        picture: &Published,
    ) -> Result<TargetName, ApiError> {
        let default = source.default_target();
        let Some(asked) = self.get("target") else {
            return Ok(default.clone());
        };
        let targets = targets(default, picture);
        targets
            .iter()
            .find(|target| target.as_str() == asked)
            .cloned()
            .ok_or_else(|| {
                ApiError::missing(
                    "unknown_target",
                    format!(
                        "`{}` is not a target; use {}",
                        shortened(asked),
                        listed(targets.iter().map(TargetName::as_str))
                    ),
                )
            })
    }

    /// The runs that are asked for.
    pub(crate) fn runs_wanted(
        &self,
        target: TargetName,
        source: &dyn Source,
        picture: &Published,
    ) -> Result<RunsWanted, ApiError> {
        let feature = self
            .get("feature")
            .map(|id| feature(id, source.catalogue()))
            .transpose()?;
        let outcome = self.get("outcome").map(outcome).transpose()?;
        let agent = self.get("agent").map(|id| agent(id, picture)).transpose()?;
        let limit = self.get("limit").map_or(Ok(LIMIT_DEFAULT), limit)?;
        Ok(RunsWanted {
            target,
            feature,
            outcome,
            agent,
            limit,
        })
    }
}

/// Every environment that can be asked for, the default one first.
pub(crate) fn targets(default: &TargetName, picture: &Published) -> Vec<TargetName> {
    let mut targets = vec![default.clone()];
    targets.extend(
        picture
            .boards
            .keys()
            .filter(|known| *known != default)
            .cloned(),
    );
    targets
}

/// The feature of this id, if the catalogue has it.
pub(crate) fn feature(id: &str, catalogue: &Catalogue) -> Result<FeatureId, ApiError> {
    let features = catalogue.features();
    features
        .iter()
        .find(|feature| feature.id.as_str() == id)
        .map(|feature| feature.id.clone())
        .ok_or_else(|| {
            ApiError::missing(
                "unknown_feature",
                format!(
                    "`{}` is not a feature of the catalogue; use {}",
                    shortened(id),
                    listed(features.iter().map(|feature| feature.id.as_str()))
                ),
            )
        })
}

fn agent(id: &str, picture: &Published) -> Result<AgentId, ApiError> {
    let agents = &picture.agents;
    agents
        .iter()
        .find(|view| view.agent.as_str() == id)
        .map(|view| view.agent.clone())
        .ok_or_else(|| {
            ApiError::missing(
                "unknown_agent",
                format!(
                    "`{}` is not a listed agent; use {}",
                    shortened(id),
                    listed(agents.iter().map(|view| view.agent.as_str()))
                ),
            )
        })
}

fn outcome(word: &str) -> Result<&'static str, ApiError> {
    OUTCOMES
        .into_iter()
        .find(|known| *known == word)
        .ok_or_else(|| {
            ApiError::bad(
                "unknown_outcome",
                format!(
                    "`{}` is not an outcome of a run; use {}",
                    shortened(word),
                    listed(OUTCOMES)
                ),
            )
        })
}

fn limit(text: &str) -> Result<u32, ApiError> {
    text.parse()
        .ok()
        .filter(|limit| (1..=LIMIT_MAX).contains(limit))
        .ok_or_else(|| {
            ApiError::bad(
                "bad_limit",
                format!(
                    "`{}` is not a limit; use a number from 1 to {LIMIT_MAX}",
                    shortened(text)
                ),
            )
        })
}

fn listed<'a>(words: impl IntoIterator<Item = &'a str>) -> String {
    let words: Vec<_> = words.into_iter().map(|word| format!("`{word}`")).collect();
    if words.is_empty() {
        return "none: nothing is known yet".to_owned();
    }
    format!("one of {}", words.join(", "))
}

fn shortened(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(80).collect()
}

/// Undoes percent-encoding and `+`; bytes that are no UTF-8 become U+FFFD.
fn decode(text: &str) -> String {
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        decoded.push(match first {
            b'+' => b' ',
            b'%' => match encoded_byte(after) {
                Some(byte) => {
                    rest = &after[2..];
                    byte
                }
                None => b'%',
            },
            other => *other,
        });
    }
    String::from_utf8_lossy(&decoded).into_owned()
}

fn encoded_byte(digits: &[u8]) -> Option<u8> {
    let digits = digits
        .get(..2)
        .filter(|d| d.iter().all(u8::is_ascii_hexdigit))?;
    u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_decoded_and_broken_ones_kept() {
        let query = Query::of(&Uri::from_static(
            "/?a=1%2B2&b=%ED%86%A1+x&c=%zz&d=%4&e&&a=9",
        ));
        assert_eq!(query.get("a"), Some("1+2"));
        assert_eq!(query.get("b"), Some("톡 x"));
        assert_eq!(query.get("c"), Some("%zz"));
        assert_eq!(query.get("d"), Some("%4"));
        assert_eq!(query.get("e"), None);
        assert!(query.only(&["a", "b", "c", "d"]).is_err());
        assert!(query.only(&["a", "b", "c", "d", "e"]).is_ok());
    }

    #[test]
    fn a_limit_is_a_number_from_1_to_500() {
        assert_eq!(limit("1").unwrap(), 1);
        assert_eq!(limit("500").unwrap(), 500);
        for bad in ["0", "501", "-1", "ten", "1.5", "99999999999999999999"] {
            assert!(limit(bad).is_err(), "{bad}");
        }
    }
}
