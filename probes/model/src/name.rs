//! Names and ids: one newtype each, cheap to clone, checked when made.

use std::borrow::Cow;
use std::sync::{Arc, LazyLock};

/// Why a text is not a name of the wanted kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not {} {kind}: {rule}", article(kind))]
pub struct NameError {
    /// What the name would have named.
    pub kind: &'static str,
    /// The text that was given, cut to 80 characters.
    pub text: String,
    /// The rule it breaks.
    pub rule: &'static str,
}

/// `a` or `an`, by the first letter.
pub(crate) fn article(noun: &str) -> &'static str {
    if noun.starts_with(['a', 'e', 'i', 'o', 'u']) {
        "an"
    } else {
        "a"
    }
}

/// Longest name in bytes: names become metric labels and file names.
const NAME_BYTES_MAX: usize = 100;

const RULE: &str = "use 1 to 100 of a-z, 0-9, `.`, `-`, `_`, starting with a letter or digit";

fn is_name(text: &str) -> bool {
    let bytes = text.as_bytes();
    (1..=NAME_BYTES_MAX).contains(&bytes.len())
        && (bytes[0].is_ascii_lowercase() || bytes[0].is_ascii_digit())
        && bytes
            .iter()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"._-".contains(b))
}

macro_rules! names {
    ($( $(#[$meta:meta])* $name:ident: $kind:literal ),+ $(,)?) => { $(
        $(#[$meta])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Deserialize)]
        #[serde(try_from = "Cow<'_, str>")]
        pub struct $name(Arc<str>);

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        impl TryFrom<Cow<'_, str>> for $name {
            type Error = NameError;

            fn try_from(text: Cow<'_, str>) -> Result<Self, NameError> {
                Self::new(&text)
            }
        }

        impl $name {
            /// Checks `text` against the rule for names.
            ///
            /// # Errors
            /// When it is empty, too long, or has a character outside `a-z 0-9 . - _`.
            pub fn new(text: &str) -> Result<Self, NameError> {
                Self::check(text).map(|()| Self(text.into()))
            }

            /// Checks `text` as [`new`](Self::new) does, but makes nothing of it.
            ///
            /// # Errors
            /// As [`new`](Self::new).
            pub fn check(text: &str) -> Result<(), NameError> {
                if is_name(text) {
                    Ok(())
                } else {
                    Err(NameError { kind: $kind, text: text.chars().take(80).collect(), rule: RULE })
                }
            }

            /// As [`new`](Self::new), but keeps `text` itself: what says the same can share it.
            ///
            /// # Errors
            /// As [`new`](Self::new).
            pub fn from_arc(text: Arc<str>) -> Result<Self, NameError> {
                Self::check(&text).map(|()| Self(text))
            }

            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(f, "{}({})", stringify!($name), self.0)
            }
        }

        impl std::str::FromStr for $name {
            type Err = NameError;

            fn from_str(text: &str) -> Result<Self, NameError> {
                Self::new(text)
            }
        }

        impl TryFrom<String> for $name {
            type Error = NameError;

            fn try_from(text: String) -> Result<Self, NameError> {
                Self::new(&text)
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> Self {
                name.as_str().to_owned()
            }
        }
    )+ };
}

names! {
    /// A capability that users know by name: `talk.message.text`.
    FeatureId: "feature id",
    /// A scripted path through one feature: `send-message`.
    JourneyName: "journey name",
    /// A persona in a run: `alice`.
    ActorName: "actor name",
    /// A test account, unique within its pool.
    AccountName: "account name",
    /// A set of test accounts: `chat-users`.
    PoolName: "pool name",
    /// A named environment of the platform: `staging`, `superapp`.
    TargetName: "target name",
    /// Where in the world runs are made from: `kr-seoul`.
    RegionId: "region id",
    /// The provider or ASN that a vantage sits in: `as4766`.
    NetworkId: "network id",
    /// One agent, equal to its `service.instance.id`.
    AgentId: "agent id",
    /// Someone who may act on a collector, by the name of their token: `incident-desk`.
    OperatorId: "operator id",
    /// A service that features belong to: `talk`.
    ServiceId: "service id",
    /// How a journey is run: `cold`, `warm`, or a named case.
    Variant: "variant",
    /// A word by which journeys are picked: `smoke`.
    Tag: "tag",
    /// A content hash of a journey, a plan or a catalogue, in hex.
    Revision: "revision",
    /// One start of an agent: scopes the sequence numbers of its runs.
    BootId: "boot id",
}

impl Variant {
    /// The variant that every journey runs by default: new DNS, TCP, TLS and session.
    pub fn cold() -> Self {
        static COLD: LazyLock<Variant> = LazyLock::new(|| Variant("cold".into()));
        COLD.clone()
    }

    /// The variant that keeps a session's cookies and tokens across runs.
    pub fn warm() -> Self {
        Self("warm".into())
    }
}

impl Revision {
    /// The first 16 hex digits of the content's SHA-256: enough to tell revisions apart.
    pub fn of(content: &[u8]) -> Self {
        use sha2::Digest as _;
        let digest = sha2::Sha256::digest(content);
        Self(
            digest
                .iter()
                .take(8)
                .map(|b| format!("{b:02x}"))
                .collect::<String>()
                .into(),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_short_lower_case_and_printable() {
        for good in ["a", "talk.message.text", "kr-seoul", "0a", "e2e_users"] {
            assert_eq!(FeatureId::new(good).unwrap().as_str(), good);
        }
        for bad in [
            "",
            ".a",
            "-a",
            "A",
            "a b",
            "카카오",
            "a\n",
            &"a".repeat(101),
        ] {
            assert!(FeatureId::new(bad).is_err(), "{bad:?} passed");
        }
    }

    #[test]
    fn the_error_names_kind_text_and_rule() {
        let error = RegionId::new("Seoul").unwrap_err();
        assert_eq!(
            error.to_string(),
            "`Seoul` is not a region id: use 1 to 100 of a-z, 0-9, `.`, `-`, `_`, starting with \
             a letter or digit"
        );
    }

    #[test]
    fn the_article_is_that_of_the_noun() {
        let error = AgentId::new("").unwrap_err().to_string();
        assert!(error.starts_with("`` is not an agent id: "), "{error}");
    }

    #[test]
    fn a_revision_depends_on_content_alone() {
        assert_eq!(Revision::of(b"a"), Revision::of(b"a"));
        assert_ne!(Revision::of(b"a"), Revision::of(b"b"));
        assert_eq!(Revision::of(b"").as_str(), "e3b0c44298fc1c14");
    }
}
