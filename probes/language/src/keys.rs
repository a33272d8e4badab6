//! The key table: every key of every file and its shape. Parsing, suggestions and the schema for
//! editors are driven by it.

mod catalogue;
mod table;
mod target;

pub(crate) use catalogue::{CATALOGUE, DEPENDENCY, FEATURE, NAMES, SERVICE};
pub(crate) use table::{
    ACTOR, CAPTURE, CASE, DEFAULTS, EXPECT, FRAGMENT, JOURNEY, OAUTH2, OPERATORS, PART, PAYLOAD,
    POLL, RAW, RETRY, STEP, TIME,
};
pub(crate) use target::{BUDGET, POOL, PROXY, SECRET, TARGET};

/// What a key's value looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    Text,
    Duration,
    Integer,
    Number,
    Flag,
    /// A text or a list of texts.
    Names,
    /// A list of texts.
    Texts,
    List,
    Table,
    /// A list of tables.
    Tables,
    /// Read by its own rules.
    Any,
}

/// Whether a key must be there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Presence {
    Required,
    Optional,
}

/// One key.
#[derive(Debug)]
pub(crate) struct Key {
    pub(crate) name: &'static str,
    pub(crate) shape: Shape,
    pub(crate) presence: Presence,
    /// What it says, for messages and for the schema.
    pub(crate) about: &'static str,
}

/// The keys that may stand together in one table.
#[derive(Debug)]
pub(crate) struct Section {
    /// As a reader calls it, with its article.
    pub(crate) title: &'static str,
    pub(crate) keys: &'static [Key],
}

impl Section {
    pub(crate) fn key(&self, name: &str) -> Option<&'static Key> {
        self.keys.iter().find(|key| key.name == name)
    }

    /// The names of the keys.
    pub(crate) fn names(&self) -> impl Iterator<Item = &'static str> {
        self.keys.iter().map(|key| key.name)
    }
}

impl Shape {
    /// What is expected, with an example.
    pub(crate) const fn describe(self) -> &'static str {
        match self {
            Self::Text => "text in quotes",
            Self::Duration => "a duration in quotes, such as \"800ms\", \"2.5s\" or \"1m\"",
            Self::Integer => "a whole number",
            Self::Number => "a number",
            Self::Flag => "true or false",
            Self::Names => "text in quotes, or a list of such texts",
            Self::Texts => "a list of texts, such as [\"a\", \"b\"]",
            Self::List => "a list, such as [1, 2]",
            Self::Table => "a table",
            Self::Tables => "a list of tables",
            Self::Any => "a value",
        }
    }
}

const fn required(name: &'static str, shape: Shape, about: &'static str) -> Key {
    Key {
        name,
        shape,
        presence: Presence::Required,
        about,
    }
}

const fn optional(name: &'static str, shape: Shape, about: &'static str) -> Key {
    Key {
        name,
        shape,
        presence: Presence::Optional,
        about,
    }
}

/// The known word most like `word`, if one is near enough to be a slip of the hand.
pub(crate) fn did_you_mean<'a>(
    word: &str,
    known: impl Iterator<Item = &'a str>,
) -> Option<&'a str> {
    known
        .map(|candidate| (strsim::damerau_levenshtein(word, candidate), candidate))
        .filter(|(distance, candidate)| {
            *distance <= 1.max(candidate.len() / 3) && *distance < candidate.len()
        })
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}
