//! What people write of an incident: cause, response, plan, contact. Each with who and when.
//!
//! It comes as TOML, in a file or by an operator's request, and is never changed: who writes anew
//! adds to it, and the newest text of a topic counts.

use std::collections::BTreeMap;
use std::path::Path;

use bongsu_model::{Names, Timestamp};

use super::platform::Circumstance;
use super::profile::{Word as _, reading, words};
use crate::config::{ConfigError, Section, Value, read_document};
use crate::web::answer::Time;

/// Longest text of a topic in bytes.
const TEXT_BYTES_MAX: usize = 2_000;

/// Longest name of an author in bytes.
const AUTHOR_BYTES_MAX: usize = 64;

/// Longest file of words in bytes: every topic in both languages, and air.
pub const WORDS_BYTES_MAX: usize = 64 << 10;

/// Words that are kept of one incident: an hourly update for five days, and as much again.
pub const WORDS_MAX: usize = 256;

words! {
    /// What people write about.
    Topic: "topic" {
        /// The cause.
        Cause = "cause",
        /// The state of the response.
        Response = "response",
        /// Where users turn to.
        Contact = "contact",
        /// What was done at once.
        Measures = "measures",
        /// What will be done.
        Plan = "plan",
        /// Where it happened.
        Place = "place",
        /// What was damaged, beyond what is measured.
        Damage = "damage",
        /// Who may claim damages.
        Claimant = "claimant",
        /// By what standard.
        Standard = "standard",
        /// How.
        Procedure = "procedure",
        /// Whatever else.
        Other = "other",
    }
}

/// What somebody wrote at one time.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Words {
    /// Who.
    pub by: String,
    /// When.
    pub at: Time,
    /// The texts by topic.
    pub texts: BTreeMap<Topic, Names>,
    /// What is the case, or is not.
    pub circumstances: BTreeMap<Circumstance, bool>,
    /// When users are told next.
    pub next_update: Option<Time>,
}

/// Who writes when.
#[derive(Debug, Clone, Copy)]
pub enum Author<'a> {
    /// The text says so itself: `by` and `at`.
    Said,
    /// It is known otherwise, and the text must not say anything else.
    Known(&'a str, Timestamp),
}

/// The words in `text`, which stands in `file`.
///
/// # Errors
/// Every mistake in it at once.
pub fn read(text: &str, file: &Path, author: Author<'_>) -> Result<Words, ConfigError> {
    read_document(text, file, |root| lower(root, author))
}

fn lower(root: &Section<'_>, author: Author<'_>) -> Option<Words> {
    let (by, at) = match author {
        Author::Said => (
            root.required("by", |value| self::author(&value)),
            root.required("at", |value| time(&value)),
        ),
        Author::Known(by, at) => (Some(by.to_owned()), Some(Time::cut(at))),
    };
    let next_update = root.or("next_update", None, |value| time(&value).map(Some));
    let mut texts = BTreeMap::new();
    let mut is_whole = true;
    for topic in Topic::ALL {
        match root.or(topic.as_str(), None, |value| both(&value).map(Some)) {
            Some(Some(text)) => {
                texts.insert(*topic, text);
            }
            Some(None) => {}
            None => is_whole = false,
        }
    }
    let circumstances = circumstances(root);
    let found = Words {
        by: by?,
        at: at?,
        texts,
        circumstances: circumstances?,
        next_update: next_update?,
    };
    let says_something =
        !found.texts.is_empty() || !found.circumstances.is_empty() || found.next_update.is_some();
    if is_whole && !says_something {
        let message = "nothing is said: write a topic, as `cause = { ko = \"…\", en = \"…\" }`";
        root.refuse("cause", message.to_owned());
        return None;
    }
    is_whole.then_some(found)
}

fn circumstances(root: &Section<'_>) -> Option<BTreeMap<Circumstance, bool>> {
    let section = root.section("circumstances");
    let mut found = BTreeMap::new();
    for circumstance in Circumstance::ALL {
        let said = section.or(circumstance.as_str(), None, |value| {
            value.boolean().map(Some)
        });
        if let Some(said) = said? {
            found.insert(*circumstance, said);
        }
    }
    section.finish();
    Some(found)
}

fn author(value: &Value<'_>) -> Result<String, String> {
    let text = reading::plain(value.text()?)?;
    if text.len() > AUTHOR_BYTES_MAX {
        return Err(format!("use {AUTHOR_BYTES_MAX} bytes at most"));
    }
    Ok(text)
}

fn time(value: &Value<'_>) -> Result<Time, String> {
    let text = value.text()?;
    text.parse::<Time>()
        .map_err(|_| format!("`{text}` is not a time; write it as 2022-10-16T14:30:00+09:00"))
}

/// A text in both languages; it may have lines.
fn both(value: &Value<'_>) -> Result<Names, String> {
    if let Some(key) = value.keys().find(|key| !["ko", "en"].contains(key)) {
        return Err(format!("unknown key `{key}`; the keys here are ko, en"));
    }
    let text = |key| {
        let text = value.text_of(key)?;
        if text.trim().is_empty() {
            return Err(format!(
                "`{key}` is empty: notices are in both languages, write it or leave the topic out"
            ));
        }
        if text.len() > TEXT_BYTES_MAX {
            return Err(format!("use {TEXT_BYTES_MAX} bytes at most in `{key}`"));
        }
        if text.chars().any(|c| c.is_control() && c != '\n') {
            return Err(format!("`{key}` has control characters: write plain text"));
        }
        Ok(text.trim().to_owned())
    };
    Ok(Names {
        ko: text("ko")?,
        en: text("en")?,
    })
}

/// A text with who wrote it when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Said<'a> {
    /// The text.
    pub text: &'a Names,
    /// Who.
    pub by: &'a str,
    /// When.
    pub at: Time,
}

/// The newest text of a topic.
pub fn said(words: &[Words], topic: Topic) -> Option<Said<'_>> {
    let texts = words.iter().enumerate().filter_map(|(place, words)| {
        let text = words.texts.get(&topic)?;
        let said = Said {
            text,
            by: &words.by,
            at: words.at,
        };
        Some(((words.at, place), said))
    });
    texts.max_by_key(|(order, _)| *order).map(|(_, said)| said)
}

/// The newest that was said of a circumstance; none while nobody did.
pub fn circumstance(words: &[Words], circumstance: Circumstance) -> Option<bool> {
    let found = words.iter().enumerate().filter_map(|(place, words)| {
        let said = words.circumstances.get(&circumstance)?;
        Some(((words.at, place), *said))
    });
    found.max_by_key(|(order, _)| *order).map(|(_, said)| said)
}

/// When users are told next, as it was said last.
pub fn next_update(words: &[Words]) -> Option<Time> {
    let found = words.iter().enumerate().filter_map(|(place, words)| {
        let next = words.next_update?;
        Some(((words.at, place), next))
    });
    found.max_by_key(|(order, _)| *order).map(|(_, next)| next)
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "by = \"desk\"\nat = \"2022-10-16T14:00:00+09:00\"\n\
                        cause = { ko = \"화재\", en = \"A fire\" }\n\
                        [circumstances]\ndisaster = true\n";

    fn read_file(text: &str) -> Result<Words, String> {
        let read = read(text, Path::new("words.toml"), Author::Said);
        read.map_err(|error| error.to_string())
    }

    #[test]
    fn the_commented_example_is_read() {
        let example = include_str!("../../../deploy/config/words.toml");
        let words = read_file(example).unwrap();
        assert_eq!((words.by.as_str(), words.texts.len()), ("incident desk", 7));
        assert_eq!(words.circumstances.len(), 3);
        assert!(words.next_update > Some(words.at));
    }

    #[test]
    fn the_newest_text_of_a_topic_counts_whoever_wrote_it() {
        let first = read_file(GOOD).unwrap();
        let mut later = read_file(&GOOD.replace("14:00", "15:00")).unwrap();
        later.by = "other".to_owned();
        later.circumstances.clear();
        let all = [later, first];
        assert_eq!(said(&all, Topic::Cause).unwrap().by, "other");
        assert_eq!(said(&all, Topic::Plan), None);
        assert_eq!(circumstance(&all, Circumstance::Disaster), Some(true));
        assert_eq!(circumstance(&all, Circumstance::CloudService), None);
        assert_eq!(next_update(&all), None);
    }

    #[test]
    fn every_mistake_is_told_with_its_place_and_a_remedy() {
        let long = "가".repeat(TEXT_BYTES_MAX / 3 + 1);
        for (bad, place, says) in [
            (
                GOOD.replace("by = \"desk\"\n", ""),
                "1:1",
                "`by` is missing",
            ),
            (GOOD.replace("desk", " "), "1:6", "the text is empty"),
            (
                GOOD.replace("14:00:00+09:00", "14"),
                "2:6",
                "is not a time; write it as",
            ),
            (
                GOOD.replace(", en = \"A fire\"", ""),
                "3:9",
                "the key `en` is missing",
            ),
            (GOOD.replace("A fire", ""), "3:9", "`en` is empty"),
            (
                GOOD.replace("화재", &long),
                "3:9",
                "2000 bytes at most in `ko`",
            ),
            (
                GOOD.replace("A fire", "A\\u0000"),
                "3:9",
                "control characters",
            ),
            (
                GOOD.replace("cause", "couse"),
                "3:1",
                "did you mean `cause`?",
            ),
            (
                GOOD.replace("disaster", "disastre"),
                "5:1",
                "did you mean `disaster`?",
            ),
            (
                GOOD.replace("true", "\"yes\""),
                "5:12",
                "expected true or false",
            ),
            (
                GOOD.replace("en =", "fr ="),
                "3:9",
                "the keys here are ko, en",
            ),
            (
                "by = \"desk\"\nat = \"2022-10-16T14:00:00+09:00\"".to_owned(),
                "1:1",
                "nothing is said",
            ),
        ] {
            let error = read_file(&bad).unwrap_err();
            let place = format!("words.toml:{place}: ");
            assert!(error.contains(&place), "{error} has no {place}");
            assert!(error.contains(says), "{error} does not say {says}");
        }
    }

    #[test]
    fn who_is_known_is_not_said_again() {
        let at = Timestamp::from_unix_seconds(1_665_898_200);
        let author = Author::Known("desk", at);
        let file = Path::new("words.toml");
        let error = read(GOOD, file, author).unwrap_err().to_string();
        assert!(error.contains("unknown key `by`"), "{error}");
        let text = GOOD.split_once("00\"\n").unwrap().1;
        let words = read(text, file, author).unwrap();
        assert_eq!((words.by.as_str(), words.at), ("desk", Time(at)));
    }
}
