//! From what somebody handed in to claims that make sense, with every mistake at once.

use bongsu_model::{
    Claim, ClaimConfidence, ClaimSubject, ClaimText, ClaimedState, FeatureId, TargetName,
    Timestamp, Track, UnknownWord,
};
use serde_json::Value;

use crate::web::answer::Time;

/// Claims of one request: ten boards of 43 features.
pub const CLAIMS_PER_REQUEST_MAX: usize = 500;

/// What a claim is written with: the fields of [`RawClaim`].
const FIELDS: [&str; 9] = [
    "feature",
    "state",
    "as_of",
    "published",
    "source",
    "note",
    "track",
    "confidence",
    "target",
];

/// A claim as it was written: texts that nobody has looked at.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RawClaim {
    /// `*` or the id of a feature.
    pub feature: Option<String>,
    /// A claimed state.
    pub state: Option<String>,
    /// RFC 3339.
    pub as_of: Option<String>,
    /// RFC 3339; the as-of time if it is not given.
    pub published: Option<String>,
    /// An address or a citation.
    pub source: Option<String>,
    /// Anything else.
    pub note: Option<String>,
    /// A track; the owner's if it is not given.
    pub track: Option<String>,
    /// A confidence; high if it is not given.
    pub confidence: Option<String>,
    /// An environment; the default one if it is not given.
    pub target: Option<String>,
}

/// Where in the input something is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// Which claim, from 0.
    pub item: usize,
    /// Which field of it; empty for the claim as a whole.
    pub field: &'static str,
}

impl std::fmt::Display for Place {
    /// As a path: `claims[3].state`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "claims[{}]", self.item)?;
        if self.field.is_empty() {
            return Ok(());
        }
        write!(f, ".{}", self.field)
    }
}

/// One thing that is wrong, and how to mend it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    /// Where.
    pub place: Place,
    /// What.
    pub message: String,
    /// How to mend it.
    pub remedy: String,
}

/// What claims are checked against.
#[derive(Debug, Clone, Copy)]
pub struct Grounds<'a> {
    /// The features that there are.
    pub features: &'a [FeatureId],
    /// The environments that there are, the default one first.
    pub targets: &'a [TargetName],
    /// The last instant that a claim may speak of or be made at.
    pub latest: Timestamp,
}

impl RawClaim {
    /// The fields of a JSON object. Unknown ones and those that are no texts are mistakes.
    pub fn from_json(item: usize, value: &Value, mistakes: &mut Vec<Mistake>) -> Self {
        let mut raw = Self::default();
        let Some(object) = value.as_object() else {
            mistakes.push(Mistake {
                place: Place { item, field: "" },
                message: "a claim is a JSON object".to_owned(),
                remedy: format!("write it with the fields {}", FIELDS.join(", ")),
            });
            return raw;
        };
        for (name, value) in object {
            let Some(field) = FIELDS.into_iter().find(|known| known == name) else {
                let known = FIELDS.into_iter();
                mistakes.push(Mistake {
                    place: Place { item, field: "" },
                    message: format!("`{}` is not a field of a claim", shortened(name)),
                    remedy: nearest(name, known)
                        .unwrap_or_else(|| format!("use {}", FIELDS.join(", "))),
                });
                continue;
            };
            match value {
                Value::Null => {}
                Value::String(text) => *raw.field(field) = Some(text.clone()),
                Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
                    mistakes.push(Mistake {
                        place: Place { item, field },
                        message: format!("`{field}` is not a text"),
                        remedy: "write it in quotes".to_owned(),
                    });
                }
            }
        }
        raw
    }

    /// The field of this name, which [`RawClaim::knows`].
    pub fn field(&mut self, name: &str) -> &mut Option<String> {
        match name {
            "feature" => &mut self.feature,
            "state" => &mut self.state,
            "as_of" => &mut self.as_of,
            "published" => &mut self.published,
            "source" => &mut self.source,
            "note" => &mut self.note,
            "track" => &mut self.track,
            "confidence" => &mut self.confidence,
            _ => &mut self.target,
        }
    }

    /// Whether a claim has a field of this name.
    pub fn knows(name: &str) -> bool {
        FIELDS.contains(&name)
    }
}

/// Checks one claim. None only after a mistake was added to `mistakes`.
pub fn lower(
    item: usize,
    raw: &RawClaim,
    grounds: &Grounds<'_>,
    mistakes: &mut Vec<Mistake>,
) -> Option<Claim> {
    let mut reading = Reading { item, mistakes };
    let subject = reading.required("feature", raw.feature.as_deref(), EXAMPLE_FEATURE, |text| {
        subject(text, grounds.features)
    });
    let state = reading.required(
        "state",
        raw.state.as_deref(),
        &words(ClaimedState::ALL),
        word,
    );
    let as_of = reading.required("as_of", raw.as_of.as_deref(), EXAMPLE_TIME, |text| {
        instant(text, grounds.latest)
    });
    let published = match &raw.published {
        None => as_of,
        Some(text) => reading.parsed("published", text, |text| instant(text, grounds.latest)),
    };
    if let (Some(as_of), Some(published)) = (as_of, published)
        && published < as_of
    {
        reading.wrong(
            "published",
            format!(
                "it was made public before {}, which it speaks of",
                Time(as_of)
            ),
            "leave out what was only forecast, or give the time at which it was made".to_owned(),
        );
    }
    let source = reading.required("source", raw.source.as_deref(), EXAMPLE_SOURCE, text);
    let note = match raw.note.as_deref().filter(|note| !note.trim().is_empty()) {
        None => Some(None),
        Some(note) => reading.parsed("note", note, text).map(Some),
    };
    let track = reading.or("track", raw.track.as_deref(), Track::Claim, word);
    let confidence = reading.or(
        "confidence",
        raw.confidence.as_deref(),
        ClaimConfidence::High,
        word,
    );
    let default = grounds.targets.first()?.clone();
    let target = reading.or("target", raw.target.as_deref(), default, |text| {
        target(text, grounds.targets)
    });
    Some(Claim {
        target: target?,
        track: track?,
        subject: subject?,
        state: state?,
        as_of: as_of?,
        published: published?,
        source: source?,
        note: note?,
        confidence: confidence?,
    })
}

const EXAMPLE_FEATURE: &str = "the id of a feature of the catalogue, or * for all of them";
const EXAMPLE_TIME: &str = "a time with its offset, as 2022-10-16T14:30:00+09:00";
const EXAMPLE_SOURCE: &str = "the address of the statement, or words that lead to it";

/// What is wrong with a text, and how to mend it.
type Wrong = (String, String);

/// Reads the fields of one claim.
struct Reading<'m> {
    item: usize,
    mistakes: &'m mut Vec<Mistake>,
}

impl Reading<'_> {
    fn required<T>(
        &mut self,
        field: &'static str,
        text: Option<&str>,
        expected: &str,
        parse: impl FnOnce(&str) -> Result<T, Wrong>,
    ) -> Option<T> {
        let Some(text) = text.filter(|text| !text.trim().is_empty()) else {
            self.wrong(
                field,
                format!("`{field}` is missing"),
                format!("give {expected}"),
            );
            return None;
        };
        self.parsed(field, text, parse)
    }

    fn or<T>(
        &mut self,
        field: &'static str,
        text: Option<&str>,
        default: T,
        parse: impl FnOnce(&str) -> Result<T, Wrong>,
    ) -> Option<T> {
        match text {
            None => Some(default),
            Some(text) => self.parsed(field, text, parse),
        }
    }

    fn parsed<T>(
        &mut self,
        field: &'static str,
        text: &str,
        parse: impl FnOnce(&str) -> Result<T, Wrong>,
    ) -> Option<T> {
        match parse(text.trim()) {
            Ok(parsed) => Some(parsed),
            Err((message, remedy)) => {
                self.wrong(field, message, remedy);
                None
            }
        }
    }

    fn wrong(&mut self, field: &'static str, message: String, remedy: String) {
        let place = Place {
            item: self.item,
            field,
        };
        // What is no text at all was told as that.
        if self.mistakes.iter().any(|known| known.place == place) {
            return;
        }
        self.mistakes.push(Mistake {
            place,
            message,
            remedy,
        });
    }
}

fn subject(text: &str, features: &[FeatureId]) -> Result<ClaimSubject, Wrong> {
    let known = |subject: &ClaimSubject| match subject {
        ClaimSubject::All => true,
        ClaimSubject::Feature(id) => features.contains(id),
    };
    text.parse().ok().filter(known).ok_or_else(|| {
        let near = nearest(text, features.iter().map(FeatureId::as_str));
        (
            format!("`{}` is not a feature of the catalogue", shortened(text)),
            near.unwrap_or_else(|| format!("use {EXAMPLE_FEATURE}")),
        )
    })
}

fn word<T: std::str::FromStr<Err = UnknownWord>>(text: &str) -> Result<T, Wrong> {
    text.parse().map_err(|unknown: UnknownWord| {
        (
            format!("`{}` is not a {}", shortened(text), unknown.list),
            format!("use one of {}", unknown.known),
        )
    })
}

fn words(all: &[ClaimedState]) -> String {
    let words: Vec<_> = all.iter().map(|state| state.as_str()).collect();
    format!("one of {}", words.join(", "))
}

fn instant(text: &str, latest: Timestamp) -> Result<Timestamp, Wrong> {
    let at = text.parse::<jiff::Timestamp>().ok();
    let at = at.and_then(|at| u64::try_from(at.as_nanosecond()).ok());
    let at = at.map(Timestamp::from_unix_nanos).ok_or_else(|| {
        (
            format!("`{}` is not a time since 1970", shortened(text)),
            format!("write {EXAMPLE_TIME}"),
        )
    })?;
    if at > latest {
        return Err((
            format!("{} is in the future", Time(at)),
            "hand it in when its time has come, and check the offset of its zone".to_owned(),
        ));
    }
    Ok(at)
}

fn text<const BYTES_MAX: usize>(text: &str) -> Result<ClaimText<BYTES_MAX>, Wrong> {
    ClaimText::new(text).map_err(|error| {
        let remedy = format!("write one line of at most {BYTES_MAX} bytes");
        (error.to_string(), remedy)
    })
}

fn target(text: &str, targets: &[TargetName]) -> Result<TargetName, Wrong> {
    let found = targets.iter().find(|target| target.as_str() == text);
    found.cloned().ok_or_else(|| {
        let known: Vec<_> = targets.iter().map(TargetName::as_str).collect();
        (
            format!("`{}` is not a target", shortened(text)),
            format!("use one of {}", known.join(", ")),
        )
    })
}

fn nearest<'a>(text: &str, known: impl Iterator<Item = &'a str>) -> Option<String> {
    let length = text.chars().count();
    let distance_max = |known: &str| known.len().max(3) / 3;
    known
        // The distance is at least the difference in length, and costs the product of both: a text
        // as long as a body is compared with nothing.
        .filter(|known| known.chars().count().abs_diff(length) <= distance_max(known))
        .map(|known| (strsim::damerau_levenshtein(known, text), known))
        .filter(|(distance, known)| *distance <= distance_max(known))
        .min()
        .map(|(_, known)| format!("did you mean `{known}`?"))
}

fn shortened(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(80).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(text: &str, known: &[&str]) -> Option<String> {
        nearest(text, known.iter().copied())
    }

    #[test]
    fn a_slip_is_told_by_the_name_that_is_near_enough() {
        let features = ["account.login", "map.core", "abcde", "abcdeqyzw"];
        let meant = |name: &str| Some(format!("did you mean `{name}`?"));
        assert_eq!(near("acount.login", &features), meant("account.login"));
        assert_eq!(near("map.cor", &features), meant("map.core"));
        assert_eq!(near("something", &features), None);
        // The nearer one is too short to be meant.
        assert_eq!(near("abcdexy", &features), meant("abcdeqyzw"));
        assert_eq!(near(&"x".repeat(1 << 20), &features), None);
    }
}
