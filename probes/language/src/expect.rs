//! What must hold of an answer.

use std::sync::Arc;

use std::time::Duration;

use regex::Regex;

use crate::fact::Fact;
use crate::grpc::GrpcStatus;
use crate::jsonpath::JsonPath;
use crate::source::Position;
use crate::template::ValueTemplate;

mod check;
mod items;
mod told;

pub(crate) use check::compare;
pub use check::{About, Mismatch};

/// Expectations of a step, status first.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Expectations {
    /// All of them; each is judged alone.
    pub all: Vec<Expectation>,
}

/// One thing that must hold.
#[derive(Debug, Clone, PartialEq)]
pub struct Expectation {
    /// Of what.
    pub subject: Subject,
    /// What: every check must hold.
    pub checks: Vec<Check>,
    /// Where it stands; for the default status, where the step's name stands.
    pub position: Position,
}

/// What an expectation is about.
#[derive(Debug, Clone, PartialEq)]
pub enum Subject {
    /// The answer's status.
    Status,
    /// How a gRPC call ended.
    GrpcStatus,
    /// A header, by its lower-case name.
    Header(String),
    /// A path into the body, or into the frame.
    Json(JsonPath),
    /// The whole body, or the whole frame, as text.
    Text,
    /// The SHA-256 of the body's bytes, in lower-case hexadecimal digits.
    Sha256,
    /// How long the step took, in seconds.
    Time,
    /// A fact of an exchange below HTTP.
    Fact(Fact),
}

/// One operator with its operand.
#[derive(Debug, Clone)]
pub enum Check {
    /// Equal in type and value; 1 and 1.0 are the same number.
    Equals(ValueTemplate),
    /// Of this type.
    Is(Kind),
    /// Equal to one of these.
    In(Vec<ValueTemplate>),
    /// One of these statuses.
    Status(Vec<StatusSet>),
    /// One of these statuses of gRPC.
    GrpcStatus(Vec<GrpcStatus>),
    /// A number not below this.
    Min(ValueTemplate),
    /// A number not above this.
    Max(ValueTemplate),
    /// Not faster than this.
    Slower(Duration),
    /// Not slower than this.
    Faster(Duration),
    /// A text with this part, or a list with this item.
    Contains(ValueTemplate),
    /// A text that starts so.
    StartsWith(ValueTemplate),
    /// A text in which this pattern is found.
    Matches(Arc<Regex>),
    /// Whether there is a value at all.
    Exists(Existence),
    /// How many values a path matches.
    Count(Vec<Self>),
    /// These do not all hold.
    Not(Vec<Self>),
}

/// Whether a value is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Existence {
    /// There is one.
    Present,
    /// There is none.
    Absent,
}

/// A set of statuses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StatusSet {
    /// One.
    Code(u16),
    /// A hundred: 2 is 200 to 299.
    Class(u16),
}

/// A JSON type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Text.
    String,
    /// A number written without a fraction.
    Integer,
    /// Any number.
    Number,
    /// True or false.
    Boolean,
    /// A list.
    Array,
    /// A table.
    Object,
    /// Null.
    Null,
}

impl PartialEq for Check {
    fn eq(&self, other: &Self) -> bool {
        format!("{self:?}") == format!("{other:?}")
    }
}
