//! The options of an entry, and the credentials that stand in its sections.

use std::time::Duration;

use super::check;
use super::read::Entry;
use crate::credentials::{Secrets, is_secret_field};
use crate::draft::{Poll, Step};
use crate::request::Request;
use crate::toml_text::Data;

/// Longest wait of a poll.
const POLL_FOR_MAX: Duration = Duration::from_secs(30);

/// Learns the credentials that stand beside a request.
pub(super) fn learn(entry: &Entry, secrets: &mut Secrets) {
    let lines = ["BasicAuth", "Cookies"];
    for line in entry.asked.section(&lines) {
        secrets.learn(line.split_once(':').unwrap_or_default().1);
    }
    for (name, value) in &entry.asked.headers {
        secrets.learn_header(name, value);
    }
    for line in entry.asked.section(&["Options"]) {
        match named(line) {
            Some(("user", value)) => secrets.learn(value.split_once(':').unwrap_or_default().1),
            Some(("variable", value)) => secrets.learn_text(value),
            _ => {}
        }
    }
    for line in entry.answered.section(&["Asserts"]) {
        if let Some((key, checks)) = check::assert(line)
            && key
                .last()
                .is_some_and(|key| is_secret_field(last_name(key)))
        {
            for (operator, value) in checks {
                if let Data::Text(text) = value
                    && operator != "is"
                {
                    secrets.learn(text.plain().unwrap_or_default());
                }
            }
        }
    }
    entry
        .comments
        .iter()
        .for_each(|comment| secrets.learn_text(comment));
}

/// The last name of a path.
pub(super) fn last_name(path: &str) -> &str {
    path.trim_end_matches(['\'', ']'])
        .rsplit(['.', '\''])
        .next()
        .unwrap_or_default()
}

/// `name: value`.
pub(super) fn named(line: &str) -> Option<(&str, &str)> {
    let (name, value) = line.split_once(':')?;
    Some((
        name.trim(),
        value.split(" #").next().unwrap_or_default().trim(),
    ))
}

/// What an option of an entry says.
pub(super) fn option<'a>(entry: &'a Entry, wanted: &str) -> Option<&'a str> {
    let mut options = entry.asked.section(&["Options"]).filter_map(named);
    options
        .find(|(name, _)| *name == wanted)
        .map(|(_, value)| value)
}

/// A number with or without a unit; `unit` is that of a bare number, in milliseconds.
pub(super) fn duration(text: &str, unit: u64) -> Option<Duration> {
    let digits = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    let number: u64 = text[..digits].parse().ok()?;
    let unit = match &text[digits..] {
        "" => unit,
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        _ => return None,
    };
    let millis = number.checked_mul(unit)?;
    (1..=3_600_000)
        .contains(&millis)
        .then(|| Duration::from_millis(millis))
}

/// Asking again until the asserts hold is a poll.
pub(super) fn poll(entry: &Entry, request: &Request, step: &mut Step, told: &mut Vec<String>) {
    let Some(times) = option(entry, "retry").and_then(|times| times.parse::<i32>().ok()) else {
        return;
    };
    if times == 0 {
        return;
    }
    if !matches!(request.verb, "get" | "head") {
        told.push("left out: `retry`: this verb would do something again and again".to_owned());
        return;
    }
    let every = option(entry, "retry-interval")
        .and_then(|text| duration(text, 1))
        .unwrap_or(Duration::from_secs(1))
        .clamp(Duration::from_millis(100), POLL_FOR_MAX / 2);
    let for_ = every.saturating_mul(u32::try_from(times).unwrap_or(u32::MAX));
    step.poll = Some(Poll {
        every,
        for_: for_.clamp(every * 2, POLL_FOR_MAX),
    });
}
