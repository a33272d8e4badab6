//! What a step keeps of an answer.

use std::sync::Arc;

use regex::Regex;

use crate::fact::Fact;
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
    /// A header, or a part of it.
    Header(String, HeaderPart),
    /// A cookie that the answer sets, or a redirect that was followed on the way to it.
    Cookie(String),
    /// The first group, or the whole match if there is none, in the body or in the frame.
    Regex(Arc<Regex>),
    /// The whole body, or the whole frame, as text.
    Text,
    /// How long the attempt took, in seconds.
    Time(Span),
    /// What was agreed on with the server.
    Tls(TlsFact),
    /// The address that was connected to.
    Ip,
    /// A fact of an exchange below HTTP.
    Fact(Fact, Take),
}

/// What is taken of a header.
#[derive(Debug, Clone)]
pub enum HeaderPart {
    /// All of it.
    Whole,
    /// The first group, or the whole match if there is none.
    Pattern(Arc<Regex>),
    /// The parameter of this name in the query or, where it has none, in the fragment of the URL
    /// that the header holds, percent-decoded.
    Parameter(String),
}

/// A part of an attempt's time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Span {
    /// All phases.
    Total,
    /// Resolving the name.
    Dns,
    /// The TCP handshake.
    Connect,
    /// The TLS handshake.
    Tls,
    /// From the request to the first byte of the answer.
    Wait,
    /// From there to the answer's last byte.
    Receive,
}

/// A fact of a TLS session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TlsFact {
    /// `1.2` or `1.3`.
    Version,
    /// The cipher suite, by its IANA name.
    Cipher,
    /// What ALPN agreed on.
    Protocol,
    /// When the server's certificate ends, in whole seconds since 1970.
    NotAfter,
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
