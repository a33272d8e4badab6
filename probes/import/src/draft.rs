//! A journey in the making, before it is text: what every kind of import is turned into.

use std::time::Duration;

use crate::phrase::Phrase;
use crate::sites::{SiteId, Sites};
use crate::toml_text::Data;

/// A journey in the making.
#[derive(Debug, Default)]
pub(crate) struct Draft {
    /// What stands above everything, a comment a line.
    pub(crate) head: Vec<String>,
    pub(crate) sites: Sites,
    /// Account fields that are read beside login, password and user_id.
    pub(crate) needs: Vec<String>,
    pub(crate) vars: Vec<(String, Data)>,
    pub(crate) default_headers: Vec<(String, Phrase)>,
    pub(crate) steps: Vec<Step>,
    pub(crate) cleanup: Vec<Step>,
    /// What the person at the keyboard is told beside the text.
    pub(crate) notes: Vec<String>,
}

impl Draft {
    /// Says that the account must have this field.
    pub(crate) fn need(&mut self, field: &str) {
        let has = |known: &&str| *known == field;
        if !crate::credentials::ACCOUNT_FIELDS.iter().any(has)
            && !self.needs.iter().any(|known| known == field)
        {
            self.needs.push(field.to_owned());
        }
    }
}

/// A step in the making.
#[derive(Debug, Clone)]
pub(crate) struct Step {
    /// What stands above it, a comment a line.
    pub(crate) comments: Vec<String>,
    pub(crate) name: String,
    pub(crate) act: Act,
    pub(crate) headers: Vec<(String, Phrase)>,
    pub(crate) query: Vec<(String, Vec<Phrase>)>,
    pub(crate) body: Body,
    /// How many redirects are followed; none if it is 0.
    pub(crate) follow: u32,
    pub(crate) max_body: Option<u64>,
    pub(crate) wait_before: Option<Duration>,
    pub(crate) retry: Option<Retry>,
    pub(crate) timeout: Option<Duration>,
    pub(crate) poll: Option<Poll>,
    /// What is expected: the key's parts after `expect`, and the value.
    pub(crate) expect: Vec<(Vec<String>, Data)>,
    pub(crate) captures: Vec<Capture>,
    /// Whether it says that it changes nothing that matters.
    pub(crate) harmless: Harmless,
}

/// Whether a step says `side_effect = false`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Harmless {
    Said,
    Unsaid,
}

/// What a step does.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Act {
    /// An HTTP verb, lower-case, and where it goes.
    Http(&'static str, Address),
    /// Opens the socket of this name.
    Open(Address, String),
    Send(String),
    Receive(String, Vec<(Vec<String>, Data)>),
}

/// A path at a site.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Address {
    pub(crate) site: SiteId,
    /// Begins with `/`, or is empty.
    pub(crate) path: Phrase,
}

impl Address {
    /// The segments of the path in which there is no expression, decoded.
    pub(crate) fn literal_segments(&self) -> Vec<String> {
        let path = self.path.written();
        path.split('/')
            .filter(|segment| !segment.contains("{{"))
            .map(|segment| {
                let decoded = percent_encoding::percent_decode_str(segment);
                decoded.decode_utf8_lossy().into_owned()
            })
            .collect()
    }
}

/// The body of a step.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Body {
    None,
    Json(Data),
    Form(Vec<(String, Vec<Phrase>)>),
    /// Each part by its name.
    Multipart(Vec<(String, Data)>),
    Text(Phrase),
    /// A table that says how its bytes are made.
    Raw(Data),
}

/// Repeat until it is so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Poll {
    pub(crate) every: Duration,
    pub(crate) for_: Duration,
}

/// Sent again if it fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Retry {
    pub(crate) times: u32,
    /// After what, in the words of the language.
    pub(crate) on: &'static [&'static str],
}

/// A value that is kept.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Capture {
    pub(crate) name: String,
    /// `json`, `header`, `regex` and so on, and where in it; a `header` may say which part.
    pub(crate) from: Vec<(&'static str, Data)>,
    pub(crate) take: Option<&'static str>,
    pub(crate) secret: bool,
}

impl Step {
    pub(crate) fn new(name: String, act: Act) -> Self {
        Self {
            comments: Vec::new(),
            name,
            act,
            headers: Vec::new(),
            query: Vec::new(),
            body: Body::None,
            follow: 0,
            max_body: None,
            wait_before: None,
            retry: None,
            timeout: None,
            poll: None,
            expect: Vec::new(),
            captures: Vec::new(),
            harmless: Harmless::Unsaid,
        }
    }

    /// Sets a header, in place of one of that name.
    pub(crate) fn set_header(&mut self, name: &str, value: Phrase) {
        self.headers.retain(|(known, _)| known != name);
        self.headers.push((name.to_owned(), value));
    }

    /// Expects a status.
    pub(crate) fn expect_status(&mut self, status: u16) {
        self.expect
            .push((vec!["status".to_owned()], Data::Number(status.into())));
    }
}
