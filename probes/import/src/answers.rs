//! Values that earlier answers gave: what a later request repeats of them becomes a capture.

use std::collections::{HashMap, HashSet};

use bongsu_language::JsonPath;
use regex::Regex;
use serde_json::Value;
use url::Url;

use crate::names::snake;

/// Most values that are remembered of one answer: a page of a list is far below.
const VALUES_PER_ANSWER_MAX: usize = 20_000;

/// Most values that are remembered in all; later ones are not found again and stay as they are.
const VALUES_MAX: usize = 400_000;

/// The header that says where to go, or where something new is.
const LOCATION: &str = "location";

/// Headers of answers whose values no request repeats.
const DULL_HEADERS: &[&str] = &[
    "date",
    "expires",
    "last-modified",
    "content-length",
    "content-type",
    "content-encoding",
    "cache-control",
    "server",
    "vary",
    "set-cookie",
    "connection",
    "age",
    "alt-svc",
    "via",
    "strict-transport-security",
    "content-security-policy",
    "report-to",
    "nel",
];

/// Where a value came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum From {
    Json(String),
    Header(String),
    /// A parameter of the URL that a header holds.
    Parameter(&'static str, String),
    /// What a pattern finds in a header.
    Pattern(&'static str, String),
    Cookie(String),
    Regex(String),
}

impl From {
    /// As a capture says it.
    pub(crate) fn said(&self) -> Vec<(&'static str, &str)> {
        match self {
            Self::Json(path) => vec![("json", path)],
            Self::Header(name) => vec![("header", name)],
            Self::Parameter(header, name) => vec![("header", *header), ("parameter", name)],
            Self::Pattern(header, pattern) => vec![("header", *header), ("regex", pattern)],
            Self::Cookie(name) => vec![("cookie", name)],
            Self::Regex(pattern) => vec![("regex", pattern)],
        }
    }
}

/// A value that an answer gave.
#[derive(Debug, Clone)]
pub(crate) struct Origin {
    /// The step whose answer it was.
    pub(crate) step: usize,
    pub(crate) from: From,
    /// The field's or header's name.
    pub(crate) key: String,
    /// What the answer was about, in one word.
    pub(crate) thing: String,
    pub(crate) is_number: bool,
    /// The variable that it is captured into, once it is.
    pub(crate) variable: Option<String>,
}

impl Origin {
    fn of(step: usize, from: From, key: String) -> Self {
        Self {
            step,
            from,
            key,
            thing: String::new(),
            is_number: false,
            variable: None,
        }
    }
}

/// Where a value would be put.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place<'a> {
    /// A segment of a path: it often says which one is meant.
    Segment,
    /// It proves who asks.
    Credential,
    /// The value of a field, a header or a parameter.
    Field(&'a str),
    /// A word among others.
    Word,
}

impl<'a> Place<'a> {
    pub(crate) fn of_field(name: &'a str) -> Self {
        if crate::credentials::is_secret_field(name) {
            Self::Credential
        } else {
            Self::Field(name)
        }
    }

    /// Whether a value there says which one of `things` is meant.
    fn says_which(self, thing: &str) -> bool {
        match self {
            Self::Segment => true,
            Self::Field(name) => is_id_key(name) || !thing.is_empty() && snake(name) == thing,
            Self::Credential | Self::Word => false,
        }
    }
}

/// What earlier answers gave and earlier requests said.
#[derive(Debug, Default)]
pub(crate) struct Answers {
    known: HashMap<String, Origin>,
    /// What requests said before any answer did: the client's own.
    sent: HashSet<String>,
    /// JSON answers, by step.
    bodies: HashMap<usize, Value>,
    /// Pages and other texts, by step.
    texts: Vec<(usize, String)>,
}

impl Answers {
    /// Remembers a text that a request said.
    pub(crate) fn sends(&mut self, text: &str) {
        if !self.known.contains_key(text) && self.sent.len() < VALUES_MAX {
            let _ = self.sent.insert(text.to_owned());
        }
    }

    /// Remembers what a JSON answer gave.
    pub(crate) fn learn_json(&mut self, (step, thing): (usize, &str), body: Value) {
        let mut leaves = Vec::new();
        collect(&body, "$", "", &mut leaves);
        // Of one value at several places the plainest is taken.
        leaves.sort_by_key(|leaf| (leaf.path.matches('[').count(), leaf.path.len()));
        for leaf in leaves {
            self.learn(
                Origin {
                    step,
                    from: From::Json(leaf.path),
                    key: leaf.key,
                    thing: thing.to_owned(),
                    is_number: leaf.is_number,
                    variable: None,
                },
                leaf.text,
            );
        }
        let _ = self.bodies.insert(step, body);
    }

    pub(crate) fn learn_header(&mut self, step: usize, name: &str, value: &str) {
        let name = name.to_ascii_lowercase();
        match name.as_str() {
            LOCATION => return self.learn_location(step, value),
            // A recording may have several in one, a line each.
            "set-cookie" => value.lines().for_each(|line| self.learn_cookie(step, line)),
            _ => {}
        }
        if !DULL_HEADERS.contains(&name.as_str()) && crate::request::is_header_name(&name) {
            let from = From::Header(name.clone());
            self.learn(Origin::of(step, from, name), value.to_owned());
        }
    }

    /// Remembers what a cookie says, for those that send it in another place as well.
    fn learn_cookie(&mut self, step: usize, line: &str) {
        let pair = line.split(';').next().unwrap_or_default();
        let Some((name, value)) = pair.split_once('=') else {
            return;
        };
        let (name, value) = (name.trim(), value.trim().trim_matches('"'));
        if crate::request::is_header_name(name) {
            let from = From::Cookie(name.to_owned());
            let origin = Origin::of(step, from, name.to_owned());
            self.learn(origin, value.to_owned());
        }
    }

    /// Remembers where an answer points: the parameters, and the last segment, which names what
    /// was made.
    fn learn_location(&mut self, step: usize, value: &str) {
        let Ok(base) = Url::parse("https://relative.invalid") else {
            return;
        };
        let Ok(url) = base.join(value) else {
            return;
        };
        let pairs: Vec<_> = url.query_pairs().collect();
        for (name, text) in &pairs {
            let is_once = pairs.iter().filter(|(known, _)| known == name).count() == 1;
            if is_once {
                let from = From::Parameter(LOCATION, name.clone().into_owned());
                let origin = Origin::of(step, from, name.clone().into_owned());
                self.learn(origin, text.clone().into_owned());
            }
        }
        let mut segments = url.path().trim_end_matches('/').rsplit('/');
        let (last, before) = (segments.next(), segments.next());
        if let (Some(last), Some(before)) = (last, before)
            && last.bytes().any(|b| b.is_ascii_digit())
        {
            let pattern = format!("{}/([^/?#]+)", regex::escape(before));
            let found = Regex::new(&pattern).ok().and_then(|pattern| {
                let found = pattern.captures(value)?;
                Some(found[1] == *last)
            });
            if found == Some(true) {
                let thing = crate::names::singular(&snake(before));
                let origin = Origin {
                    thing,
                    ..Origin::of(step, From::Pattern(LOCATION, pattern), "id".to_owned())
                };
                self.learn(origin, last.to_owned());
            }
        }
    }

    pub(crate) fn learn_text(&mut self, step: usize, text: String) {
        self.texts.push((step, text));
    }

    fn learn(&mut self, origin: Origin, text: String) {
        let is_full = self.known.len() >= VALUES_MAX;
        if !is_full && !text.is_empty() && !self.sent.contains(&text) {
            let _ = self.known.entry(text).or_insert(origin);
        }
    }

    /// The text of the first of these fields that a JSON answer has.
    pub(crate) fn field(&self, step: usize, names: &[&str]) -> Option<String> {
        let mut found = Vec::new();
        collect(self.bodies.get(&step)?, "$", "", &mut found);
        names.iter().find_map(|name| {
            let leaf = found.iter().find(|leaf| snake(&leaf.key) == *name)?;
            Some(leaf.text.clone())
        })
    }

    /// The variable into which a text is captured already.
    pub(crate) fn variable(&self, text: &str) -> Option<&str> {
        self.known.get(text)?.variable.as_deref()
    }

    /// The origin of a value, if it is plain that the request repeats it.
    pub(crate) fn find(&mut self, text: &str, place: Place<'_>) -> Option<&mut Origin> {
        let origin = self.known.get_mut(text)?;
        let is_sure = match &origin.from {
            _ if origin.variable.is_some() => true,
            From::Json(path) => {
                let body = self.bodies.get(&origin.step);
                body.is_some_and(|body| finds(path, body, text))
            }
            From::Header(_)
            | From::Parameter(..)
            | From::Pattern(..)
            | From::Cookie(_)
            | From::Regex(_) => true,
        };
        (is_sure && is_repeated(text, origin, place)).then_some(origin)
    }

    /// Finds a text in the pages of earlier answers; what is found is remembered.
    pub(crate) fn find_in_texts(&mut self, text: &str, key: &str) -> Option<&mut Origin> {
        let is_telling = text.len() >= 12 && text.bytes().all(|b| b.is_ascii_graphic());
        if !is_telling || self.sent.contains(text) {
            return None;
        }
        let (step, pattern) = self
            .texts
            .iter()
            .find_map(|(step, page)| Some((*step, pattern_for(text, page)?)))?;
        let from = From::Regex(pattern);
        self.learn(Origin::of(step, from, key.to_owned()), text.to_owned());
        self.known.get_mut(text)
    }
}

/// Whether a value is told apart enough that its coming again is no accident.
fn is_repeated(text: &str, origin: &Origin, place: Place<'_>) -> bool {
    let has_digit = text.bytes().any(|b| b.is_ascii_digit());
    let is_id = is_id_key(&origin.key);
    let says_which = is_id && place.says_which(&origin.thing);
    match place {
        Place::Credential => text.len() >= 6,
        _ if origin.is_number => text.len() >= 5 || says_which,
        Place::Field(_) if is_id && has_digit => text.len() >= 3,
        Place::Segment | Place::Field(_) if says_which => text.len() >= 2,
        Place::Segment | Place::Field(_) | Place::Word => {
            text.len() >= 20 || text.len() >= 6 && has_digit
        }
    }
}

/// Whether a field of this name says which one is meant.
fn is_id_key(name: &str) -> bool {
    let name = snake(name);
    let last = name.rsplit('_').next().unwrap_or_default();
    [
        "id", "ids", "uuid", "number", "no", "key", "code", "slug", "ref", "handle",
    ]
    .contains(&last)
}

/// Every value of a body that has no other value in it, by its path.
pub(crate) fn leaves(body: &Value) -> Vec<(String, &Value)> {
    let mut found = Vec::new();
    let mut open = vec![("$".to_owned(), body)];
    while let Some((path, value)) = open.pop() {
        match value {
            Value::Object(entries) if !entries.is_empty() => {
                let inner = entries
                    .iter()
                    .map(|(name, value)| (member(&path, name), value));
                open.extend(inner.rev());
            }
            Value::Array(items) if !items.is_empty() => {
                let inner = items.iter().enumerate();
                open.extend(
                    inner
                        .map(|(at, value)| (format!("{path}[{at}]"), value))
                        .rev(),
                );
            }
            _ => found.push((path, value)),
        }
    }
    found
}

struct Leaf {
    path: String,
    key: String,
    text: String,
    is_number: bool,
}

fn collect(value: &Value, path: &str, key: &str, leaves: &mut Vec<Leaf>) {
    if leaves.len() >= VALUES_PER_ANSWER_MAX {
        return;
    }
    let mut leaf = |text: String, is_number| {
        leaves.push(Leaf {
            path: path.to_owned(),
            key: key.to_owned(),
            text,
            is_number,
        });
    };
    match value {
        Value::String(text) => leaf(text.clone(), false),
        Value::Number(number) => leaf(number.to_string(), true),
        Value::Object(entries) => {
            for (name, value) in entries {
                collect(value, &member(path, name), name, leaves);
            }
        }
        Value::Array(items) => {
            for (at, item) in items.iter().enumerate() {
                collect(item, &format!("{path}[{at}]"), key, leaves);
            }
        }
        Value::Null | Value::Bool(_) => {}
    }
}

/// The path of a member: RFC 9535, the shorthand where it is allowed.
pub(crate) fn member(path: &str, name: &str) -> String {
    let is_shorthand = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    if is_shorthand {
        format!("{path}.{name}")
    } else {
        let name = name.replace('\\', "\\\\").replace('\'', "\\'");
        format!("{path}['{name}']")
    }
}

/// Whether a path is one that the language reads, and finds the value in this body.
fn finds(path: &str, body: &Value, text: &str) -> bool {
    let Ok(path) = JsonPath::parse(path) else {
        return false;
    };
    match path.select(body).as_slice() {
        [Value::String(found)] => found == text,
        [Value::Number(found)] => found.to_string() == text,
        _ => false,
    }
}

/// A pattern whose first group is the text, made of what stands before it on the page.
fn pattern_for(text: &str, page: &str) -> Option<String> {
    let at = page.find(text)?;
    let line = page[..at].rsplit('\n').next().unwrap_or_default();
    [30, 60, 120].into_iter().find_map(|chars| {
        let skip = line.chars().count().saturating_sub(chars);
        let before: String = line.chars().skip(skip).collect();
        if before.trim().is_empty() {
            return None;
        }
        let pattern = format!("{}([^\"'<>&\\s]+)", regex::escape(&before));
        let found = Regex::new(&pattern).ok()?.captures(page)?;
        (found.get(1)?.as_str() == text).then_some(pattern)
    })
}
