//! What people say of features: claims of the platform's owner, and what others observed. None of
//! it ever moves what is measured.

mod comparison;
mod text;

use std::borrow::Cow;

use sha2::Digest as _;

use crate::closed_list::closed_list;
use crate::{FeatureId, NameError, TargetName, Timestamp};

pub use comparison::Comparison;
pub use text::{ClaimText, ClaimTextError};

closed_list! {
    /// Whose statements: they are kept apart and never stand in for each other.
    Track: "track" {
        /// The platform's owner.
        Claim = "claim",
        /// Third parties: reporters, users, authorities.
        Observed = "observed",
    }
}

closed_list! {
    /// What a statement says of a feature. [`Comparison::of`] is the table against feature states.
    ClaimedState: "claimed state" {
        /// It works.
        Up = "up",
        /// It works, slowly, for some or with some errors.
        Degraded = "degraded",
        /// It is being restored and does not wholly work yet.
        Recovering = "recovering",
        /// It does not work.
        Down = "down",
        /// It is out of use by plan.
        Maintenance = "maintenance",
        /// The speaker does not know.
        Unknown = "unknown",
        /// An open-ended phrase ("other main functions") names it without giving it a state.
        Unmeasured = "unmeasured",
    }
}

impl ClaimedState {
    /// Whether it admits an outage: what the announced onset of an incident is counted from.
    pub const fn admits_outage(self) -> bool {
        match self {
            Self::Degraded | Self::Recovering | Self::Down => true,
            Self::Up | Self::Maintenance | Self::Unknown | Self::Unmeasured => false,
        }
    }
}

closed_list! {
    /// How sure it is that the statement was made so, at that time.
    ClaimConfidence: "confidence" {
        /// The statement itself was seen.
        High = "high",
        /// It is reported by others.
        Medium = "medium",
        /// Its words or its time are estimated.
        Low = "low",
    }
}

/// What a statement is about.
#[derive(
    Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
#[serde(try_from = "Cow<'_, str>", into = "String")]
pub enum ClaimSubject {
    /// Every feature of the target, written `*`.
    All,
    /// One feature.
    Feature(FeatureId),
}

impl ClaimSubject {
    /// How it is written: `*` or the feature's id.
    pub fn as_str(&self) -> &str {
        match self {
            Self::All => "*",
            Self::Feature(feature) => feature.as_str(),
        }
    }

    /// Whether it speaks of `feature`.
    pub fn covers(&self, feature: &FeatureId) -> bool {
        match self {
            Self::All => true,
            Self::Feature(own) => own == feature,
        }
    }
}

impl std::str::FromStr for ClaimSubject {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        match text {
            "*" => Ok(Self::All),
            feature => FeatureId::new(feature).map(Self::Feature),
        }
    }
}

impl TryFrom<Cow<'_, str>> for ClaimSubject {
    type Error = NameError;

    fn try_from(text: Cow<'_, str>) -> Result<Self, NameError> {
        text.parse()
    }
}

impl From<ClaimSubject> for String {
    fn from(subject: ClaimSubject) -> Self {
        subject.as_str().to_owned()
    }
}

impl std::fmt::Display for ClaimSubject {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Longest source in bytes: an address with its query, or a citation.
pub const CLAIM_SOURCE_BYTES_MAX: usize = 500;

/// Longest note in bytes: a paragraph, about 660 Hangul syllables.
pub const CLAIM_NOTE_BYTES_MAX: usize = 2_000;

/// One statement about one feature, or about all. It is kept as it was made: a later statement
/// stands after it and never replaces it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub struct Claim {
    /// The environment it speaks of.
    pub target: TargetName,
    /// Whose it is.
    pub track: Track,
    /// What it is about.
    pub subject: ClaimSubject,
    /// What it says.
    pub state: ClaimedState,
    /// The instant that it speaks of.
    pub as_of: Timestamp,
    /// When it was made public: at `as_of` or later, nearly always.
    pub published: Timestamp,
    /// Where it was made: an address, or words that lead there.
    pub source: ClaimText<CLAIM_SOURCE_BYTES_MAX>,
    /// What else is to be known of it.
    pub note: Option<ClaimText<CLAIM_NOTE_BYTES_MAX>>,
    /// How sure it is.
    pub confidence: ClaimConfidence,
}

impl Claim {
    /// Its id, which depends on its content alone: the same statement has the same id.
    pub fn id(&self) -> ClaimId {
        ClaimId::of(self)
    }
}

/// The first 16 bytes of SHA-256 over a claim's content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClaimId([u8; 16]);

impl ClaimId {
    /// Over every field in the order of [`Claim`]; texts are followed by a zero byte, which no
    /// field holds, times are big-endian nanoseconds since the Unix epoch.
    fn of(claim: &Claim) -> Self {
        let mut digest = sha2::Sha256::new();
        for text in [
            claim.target.as_str(),
            claim.track.as_str(),
            claim.subject.as_str(),
            claim.state.as_str(),
        ] {
            digest.update(text.as_bytes());
            digest.update([0]);
        }
        digest.update(claim.as_of.as_unix_nanos().to_be_bytes());
        digest.update(claim.published.as_unix_nanos().to_be_bytes());
        for text in [
            claim.source.as_str(),
            claim.note.as_ref().map_or("", ClaimText::as_str),
            claim.confidence.as_str(),
        ] {
            digest.update(text.as_bytes());
            digest.update([0]);
        }
        let digest: [u8; 32] = digest.finalize().into();
        Self(digest[..16].try_into().expect("16 of 32 bytes"))
    }

    /// Its bytes.
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl std::fmt::Display for ClaimId {
    /// As 32 hex digits.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl serde::Serialize for ClaimId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claim() -> Claim {
        Claim {
            target: TargetName::new("superapp").unwrap(),
            track: Track::Claim,
            subject: ClaimSubject::Feature(FeatureId::new("talk.message.text").unwrap()),
            state: ClaimedState::Up,
            as_of: Timestamp::from_unix_seconds(1_665_898_200),
            published: Timestamp::from_unix_seconds(1_665_898_260),
            source: ClaimText::new("notice of 14:30").unwrap(),
            note: None,
            confidence: ClaimConfidence::High,
        }
    }

    #[test]
    fn the_id_is_that_of_the_content() {
        assert_eq!(claim().id(), claim().id());
        let note = |text: &str| Some(ClaimText::new(text).unwrap());
        let others = [
            Claim {
                target: TargetName::new("staging").unwrap(),
                ..claim()
            },
            Claim {
                track: Track::Observed,
                ..claim()
            },
            Claim {
                subject: ClaimSubject::All,
                ..claim()
            },
            Claim {
                state: ClaimedState::Down,
                ..claim()
            },
            Claim {
                as_of: Timestamp::EPOCH,
                ..claim()
            },
            Claim {
                published: Timestamp::MAX,
                ..claim()
            },
            Claim {
                source: ClaimText::new("notice of 15:00").unwrap(),
                ..claim()
            },
            Claim {
                note: note("mobile only"),
                ..claim()
            },
            Claim {
                confidence: ClaimConfidence::Low,
                ..claim()
            },
        ];
        let mut ids: Vec<ClaimId> = others.iter().map(Claim::id).collect();
        ids.push(claim().id());
        ids.sort();
        ids.dedup();
        assert_eq!(ids.len(), others.len() + 1);
    }

    #[test]
    fn a_claim_is_the_same_after_a_way_through_json() {
        let all = Claim {
            subject: ClaimSubject::All,
            note: Some(ClaimText::new("모든 기능").unwrap()),
            ..claim()
        };
        for claim in [claim(), all] {
            let json = serde_json::to_string(&claim).unwrap();
            assert_eq!(serde_json::from_str::<Claim>(&json).unwrap(), claim);
        }
    }

    #[test]
    fn a_subject_is_a_feature_or_a_star() {
        assert_eq!("*".parse(), Ok(ClaimSubject::All));
        let feature = FeatureId::new("map.core").unwrap();
        assert_eq!(
            "map.core".parse(),
            Ok(ClaimSubject::Feature(feature.clone()))
        );
        assert!(ClaimSubject::All.covers(&feature));
        assert!(ClaimSubject::Feature(feature.clone()).covers(&feature));
        assert!(!ClaimSubject::Feature(FeatureId::new("map.transit").unwrap()).covers(&feature));
        for bad in ["", "**", "map.*", "Map.core"] {
            assert!(bad.parse::<ClaimSubject>().is_err(), "{bad:?}");
        }
    }
}
