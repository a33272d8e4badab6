//! What a step keeps of an answer.

use std::sync::Arc;

use regex::Regex;

use crate::jsonpath::JsonPath;
use crate::source::Position;

/// A variable to be set on the acting actor.
#[derive(Debug, Clone)]
pub struct Capture {
    /// The variable.
    pub name: String,
    /// Where its value comes from.
    pub from: CaptureFrom,
    /// What is done if nothing is found.
    pub presence: Presence,
    /// Whether the value must never be shown.
    pub secrecy: Secrecy,
    /// Where the capture stands.
    pub position: Position,
}

/// What is done if nothing is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Presence {
    /// The step has failed.
    Required,
    /// The variable stays unset.
    Optional,
}

/// Whether a value may be shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Secrecy {
    /// It may.
    Public,
    /// It may not: it is taken out of everything that leaves the run.
    Secret,
}

/// Where a captured value comes from.
#[derive(Debug, Clone)]
pub enum CaptureFrom {
    /// A path into the body, or into the frame.
    Json(JsonPath, Take),
    /// A header.
    Header(String),
    /// The first group, or the whole match if there is none, in the body or in the frame.
    Regex(Arc<Regex>),
    /// The whole body, or the whole frame, as text.
    Text,
}

/// Which of a path's matches is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Take {
    /// The only one: several are an error.
    One,
    /// The first.
    First,
    /// The last.
    Last,
    /// All, as a list.
    All,
    /// How many there are.
    Count,
}

impl PartialEq for Capture {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name && self.position == other.position
    }
}
