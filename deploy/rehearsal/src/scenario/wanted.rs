//! What may be measured of a feature, in words: `up`, `down by dns`, `blocked by account.login`.

use bongsu_model::{FailClass, FeatureId, FeatureState};

use super::text::did_you_mean;

/// What may be measured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wanted {
    /// It works.
    Up,
    /// It works, slowly or with some errors.
    Degraded,
    /// It was down and has begun to work.
    Recovering,
    /// It is down somewhere, or cannot be seen behind something that is. With a class it is down
    /// itself, and its newest failure is of that class.
    Down(Option<FailClass>),
    /// It cannot be seen behind something that is down: behind this feature, if one is named.
    Blocked(Option<FeatureId>),
    /// Too little is seen of it, and nothing stands before it.
    Unknown,
}

/// What a board says of a feature, or of it in one region.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sight<'a> {
    /// Its state.
    pub state: FeatureState,
    /// What stands before it, while it is not seen.
    pub blocked_by: Option<&'a FeatureId>,
    /// Why its newest failed run failed.
    pub last_failure: Option<FailClass>,
    /// For which share of the last 24 hours it is known how it was: 0 to 1.
    pub coverage: f64,
    /// For which share of what is known of the last hour it failed by its own doing: 0 to 1.
    pub failed: f64,
}

/// What must have been so for a share of the time before, in hundredths of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AtLeast {
    /// Of the last 24 hours it is known how it was.
    Seen(u8),
    /// Of what is known of the last hour it failed: what fails for some users goes up and down.
    Failed(u8),
}

type Word = (&'static str, fn(u8) -> AtLeast);

impl AtLeast {
    /// Its words, each with what it makes of the share behind it.
    pub(super) const WORDS: [Word; 2] = [("seen", Self::Seen), ("failed", Self::Failed)];

    /// Whether it was so.
    pub fn is_met(self, shown: &Sight<'_>) -> bool {
        let (is, least) = match self {
            Self::Seen(least) => (shown.coverage, least),
            Self::Failed(least) => (shown.failed, least),
        };
        is * 100.0 >= f64::from(least)
    }
}

impl std::fmt::Display for AtLeast {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Seen(least) => write!(f, "seen {least}%"),
            Self::Failed(least) => write!(f, "failed {least}%"),
        }
    }
}

/// The words, each with whether ` by …` may follow.
const WORDS: [(&str, Wanted); 6] = [
    ("up", Wanted::Up),
    ("degraded", Wanted::Degraded),
    ("recovering", Wanted::Recovering),
    ("down", Wanted::Down(None)),
    ("blocked", Wanted::Blocked(None)),
    ("unknown", Wanted::Unknown),
];

impl Wanted {
    /// Its word.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Up => "up",
            Self::Degraded => "degraded",
            Self::Recovering => "recovering",
            Self::Down(_) => "down",
            Self::Blocked(_) => "blocked",
            Self::Unknown => "unknown",
        }
    }

    /// Whether what is shown is this.
    pub fn is(&self, shown: &Sight<'_>) -> bool {
        let is_out = matches!(
            shown.state,
            FeatureState::PartialOutage | FeatureState::MajorOutage
        );
        let is_hidden = shown.state == FeatureState::Unknown;
        match self {
            Self::Up => shown.state == FeatureState::Operational,
            Self::Degraded => shown.state == FeatureState::Degraded,
            Self::Recovering => shown.state == FeatureState::Recovering,
            Self::Down(None) => is_out || (is_hidden && shown.blocked_by.is_some()),
            Self::Down(Some(class)) => is_out && shown.last_failure == Some(*class),
            Self::Blocked(None) => is_hidden && shown.blocked_by.is_some(),
            Self::Blocked(Some(by)) => is_hidden && shown.blocked_by == Some(by),
            Self::Unknown => is_hidden && shown.blocked_by.is_none(),
        }
    }

    /// Reads one of the alternatives; `offers` are the ids of the features that can stand before
    /// another.
    ///
    /// # Errors
    /// What is wrong and what to write instead.
    pub(super) fn read<'a>(
        text: &str,
        offers: impl Iterator<Item = &'a str> + Clone,
    ) -> Result<Self, (String, String)> {
        let (word, by) = match text.split_once(" by ") {
            Some((word, by)) => (word.trim(), Some(by.trim())),
            None => (text, None),
        };
        let found = WORDS.iter().find(|(known, _)| *known == word);
        let Some((_, wanted)) = found else {
            let known = || WORDS.iter().map(|(known, _)| *known);
            let hint = did_you_mean(word, known());
            let known = known().collect::<Vec<_>>().join(", ");
            return Err((
                format!("`{word}` is nothing that is measured"),
                format!("{hint}known, with | between them: {known}; or `any` alone"),
            ));
        };
        match (wanted, by) {
            (wanted, None) => Ok(wanted.clone()),
            (Self::Down(_), Some(by)) => {
                let class = by.parse().map_err(|error: bongsu_model::UnknownWord| {
                    let remedy = "write why its runs fail, as in `down by dns`";
                    (error.to_string(), remedy.to_owned())
                })?;
                Ok(Self::Down(Some(class)))
            }
            (Self::Blocked(_), Some(by)) => {
                let id = FeatureId::new(by).ok();
                let id = id.filter(|_| offers.clone().any(|offered| offered == by));
                id.map(|id| Self::Blocked(Some(id))).ok_or_else(|| {
                    let hint = did_you_mean(by, offers);
                    (
                        format!("`{by}` is no feature of the platform"),
                        format!("{hint}write the one that stands before it"),
                    )
                })
            }
            (_, Some(_)) => Err((
                format!("`{word}` is by nothing"),
                "only `down by CLASS` and `blocked by FEATURE` say more".to_owned(),
            )),
        }
    }
}

impl std::fmt::Display for Wanted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())?;
        match self {
            Self::Down(Some(class)) => write!(f, " by {class}"),
            Self::Blocked(Some(by)) => write!(f, " by {by}"),
            Self::Up
            | Self::Degraded
            | Self::Recovering
            | Self::Down(None)
            | Self::Blocked(None)
            | Self::Unknown => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OFFERS: [&str; 2] = ["account.login", "pay.core"];

    fn read(text: &str) -> Result<Wanted, (String, String)> {
        Wanted::read(text, OFFERS.into_iter())
    }

    fn shown(state: FeatureState) -> Sight<'static> {
        Sight {
            state,
            blocked_by: None,
            last_failure: None,
            coverage: 1.0,
            failed: 0.0,
        }
    }

    #[test]
    fn what_is_blocked_is_down_and_what_is_merely_unseen_is_not() {
        let login = FeatureId::new("account.login").unwrap();
        let blocked = Sight {
            blocked_by: Some(&login),
            ..shown(FeatureState::Unknown)
        };
        let unseen = shown(FeatureState::Unknown);
        let is = |text: &str, shown: &Sight<'_>| read(text).unwrap().is(shown);
        assert!(is("down", &blocked) && !is("down", &unseen));
        assert!(is("blocked", &blocked) && !is("blocked", &unseen));
        assert!(is("blocked by account.login", &blocked));
        assert!(!is("blocked by pay.core", &blocked));
        assert!(is("unknown", &unseen) && !is("unknown", &blocked));
        assert!(is("down", &shown(FeatureState::PartialOutage)));
        assert!(!is("blocked", &shown(FeatureState::MajorOutage)));
        assert!(!is("up", &shown(FeatureState::Degraded)));
    }

    #[test]
    fn a_class_is_that_of_the_newest_failure_of_what_is_down_itself() {
        let by_names = Sight {
            last_failure: Some(FailClass::Dns),
            ..shown(FeatureState::MajorOutage)
        };
        let down_by_dns = read("down by dns").unwrap();
        assert_eq!(down_by_dns, Wanted::Down(Some(FailClass::Dns)));
        assert!(down_by_dns.is(&by_names));
        assert!(!read("down by status").unwrap().is(&by_names));
        let recovered = Sight {
            state: FeatureState::Operational,
            ..by_names
        };
        assert!(!down_by_dns.is(&recovered));
    }

    #[test]
    fn what_is_written_is_told_again_and_what_is_wrong_with_its_remedy() {
        for text in ["up", "down", "down by ws_closed", "blocked by pay.core"] {
            assert_eq!(read(text).unwrap().to_string(), text);
        }
        for (text, message) in [
            ("upp", "nothing that is measured"),
            ("down by dsn", "`dsn` is not a failure class"),
            (
                "blocked by account.logn",
                "`account.logn` is no feature of the platform",
            ),
            ("up by dns", "`up` is by nothing"),
        ] {
            let (told, remedy) = read(text).unwrap_err();
            assert!(told.contains(message), "{told}");
            assert!(!remedy.is_empty());
        }
        assert!(
            read("blocked by account.logn")
                .unwrap_err()
                .1
                .contains("did you mean")
        );
    }
}
