//! What an address asks for, checked; each refusal says how to mend it.

use std::ops::Range;

use axum::http::Uri;
use bongsu_availability::{IncidentView, RecoveryView, StripWindow};
use bongsu_model::{AgentId, Catalogue, FeatureId, RegionId, TargetName, Timestamp, Track};

use super::answer::ClaimsWanted;
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
        let region = self
            .get("region")
            .map(|id| region(id, source))
            .transpose()?;
        let due = self.due()?;
        let limit = self.get("limit").map_or(Ok(LIMIT_DEFAULT), limit)?;
        Ok(RunsWanted {
            target,
            feature,
            outcome,
            agent,
            region,
            due,
            limit,
        })
    }

    /// The claims that are asked for, at most `limit` unless the address says otherwise.
    pub(crate) fn claims_wanted(
        &self,
        target: TargetName,
        source: &dyn Source,
        picture: &Published,
        most: u32,
    ) -> Result<ClaimsWanted, ApiError> {
        let feature = self
            .get("feature")
            .map(|id| feature(id, source.catalogue()))
            .transpose()?;
        let track = self.get("track").map(track).transpose()?;
        let at = |name| self.get(name).map(|text| instant(name, text)).transpose();
        let (since, until) = (at("since")?, at("until")?);
        let incident = self
            .get("incident")
            .map(|id| Ok(incident(id, &target, picture)?.id.clone()))
            .transpose()?;
        let most = self.get("limit").map_or(Ok(most), limit)?;
        Ok(ClaimsWanted {
            target,
            feature,
            track,
            since,
            until,
            incident,
            limit: most as usize,
        })
    }

    /// The stretch that `from` and `until` name; an end that is not named is open.
    fn due(&self) -> Result<Option<Range<Timestamp>>, ApiError> {
        let at = |name| self.get(name).map(|text| instant(name, text)).transpose();
        let (from, until) = (at("from")?, at("until")?);
        if from.is_none() && until.is_none() {
            return Ok(None);
        }
        let due = from.unwrap_or(Timestamp::EPOCH)..until.unwrap_or(Timestamp::MAX);
        if due.is_empty() {
            return Err(ApiError::bad(
                "empty_stretch",
                "`until` must be later than `from`".to_owned(),
            ));
        }
        Ok(Some(due))
    }

    /// A place in the journal, if the parameter is given.
    pub(crate) fn place(&self, name: &str) -> Result<Option<u64>, ApiError> {
        let Some(text) = self.get(name) else {
            return Ok(None);
        };
        text.parse().map(Some).map_err(|_| {
            ApiError::bad(
                "bad_place",
                format!(
                    "`{}` in `{name}` is not a place in the journal; use `seq` or `next` of an \
                     earlier answer",
                    shortened(text)
                ),
            )
        })
    }

    /// The window of a strip: a day unless another one is asked for.
    pub(crate) fn window(&self) -> Result<StripWindow, ApiError> {
        let Some(asked) = self.get("window") else {
            return Ok(StripWindow::Day);
        };
        StripWindow::parse(asked).ok_or_else(|| {
            ApiError::bad(
                "unknown_window",
                format!(
                    "`{}` is not a window; use {}",
                    shortened(asked),
                    listed(StripWindow::ALL.map(StripWindow::as_str))
                ),
            )
        })
    }

    /// The parameters of `names` that were given, for another address.
    pub(crate) fn kept(&self, names: &[&'static str]) -> Vec<(&'static str, String)> {
        let given = |name: &&'static str| Some((*name, self.get(name)?.to_owned()));
        names.iter().filter_map(given).collect()
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

/// The incident of this name, if it is remembered.
pub(crate) fn incident<'a>(
    id: &str,
    target: &TargetName,
    picture: &'a Published,
) -> Result<&'a IncidentView, ApiError> {
    let mut known = picture.incidents.get(target).into_iter().flatten();
    let found = known.find(|incident| incident.id.as_str() == id);
    found.ok_or_else(|| {
        ApiError::missing(
            "unknown_incident",
            format!(
                "`{}` is not an incident of this target; /api/v1/incidents lists them",
                shortened(id)
            ),
        )
    })
}

/// The outage of this name, if it is remembered.
pub(crate) fn outage<'a>(
    id: &str,
    outages: &'a [RecoveryView],
) -> Result<&'a RecoveryView, ApiError> {
    let found = outages.iter().find(|outage| outage.id.as_str() == id);
    found.ok_or_else(|| {
        ApiError::missing(
            "unknown_outage",
            format!(
                "`{}` is not an outage of this target that is remembered; use {}",
                shortened(id),
                listed(outages.iter().map(|outage| outage.id.as_str()))
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

fn region(id: &str, source: &dyn Source) -> Result<RegionId, ApiError> {
    let regions = source.regions();
    let known = regions.iter().find(|(region, _)| region.as_str() == id);
    known.map(|(region, _)| region.clone()).ok_or_else(|| {
        ApiError::missing(
            "unknown_region",
            format!(
                "`{}` is not a listed region; use {}",
                shortened(id),
                listed(regions.iter().map(|(region, _)| region.as_str()))
            ),
        )
    })
}

fn track(word: &str) -> Result<Track, ApiError> {
    word.parse().map_err(|_| {
        ApiError::bad(
            "unknown_track",
            format!(
                "`{}` is not a track; use {}",
                shortened(word),
                listed(Track::ALL.iter().map(|track| track.as_str()))
            ),
        )
    })
}

fn instant(name: &str, text: &str) -> Result<Timestamp, ApiError> {
    let at = text.parse::<jiff::Timestamp>().ok();
    at.and_then(|at| u64::try_from(at.as_nanosecond()).ok())
        .map(Timestamp::from_unix_nanos)
        .ok_or_else(|| {
            ApiError::bad(
                "bad_time",
                format!(
                    "`{}` in `{name}` is not a time since 1970; write it as `2022-10-15T06:19:00Z`",
                    shortened(text)
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

/// A value for an address: all but letters, digits and `-._~` is percent-encoded.
pub(crate) fn encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
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
    fn what_is_encoded_is_decoded_to_the_same() {
        for text in ["account.login", "2022-10-16T05:30:00Z", "a b&c=d%톡\"<>"] {
            assert_eq!(decode(&encode(text)), text);
            assert!(encode(text).is_ascii() && !encode(text).contains(['&', '"', '<', ' ']));
        }
    }

    #[test]
    fn a_stretch_has_a_beginning_before_its_end() {
        let due = |query: &str| Query::of(&format!("/?{query}").parse().unwrap()).due();
        assert_eq!(due("").unwrap(), None);
        let second = Timestamp::from_unix_seconds(1);
        assert_eq!(
            due("from=1970-01-01T09:00:01%2B09:00").unwrap(),
            Some(second..Timestamp::MAX)
        );
        assert_eq!(
            due("until=1970-01-01T00:00:01Z").unwrap(),
            Some(Timestamp::EPOCH..second)
        );
        for bad in [
            "from=yesterday",
            "until=1665898200",
            "from=1969-12-31T23:59:59Z",
            "from=2022-10-16T05:30:00Z&until=2022-10-16T05:30:00Z",
        ] {
            assert!(due(bad).is_err(), "{bad}");
        }
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
