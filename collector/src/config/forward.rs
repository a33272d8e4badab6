//! Where spans go on to, and whose spans besides the agents': `[[forward]]`, `[foreign]` and
//! `[[sender]]`.

use std::path::{Path, PathBuf};

use axum::http::HeaderName;
use axum::http::header;
use bongsu_model::{AgentId, NameError};

use super::document::{Section, Value};
use super::quantity::parse_bytes;
use super::roster::{Roster, TokenHash, token_hash};
use super::secret::SecretSource;

/// Destinations of one collector: each holds one batch in memory and reads the journal by itself.
pub const FORWARDS_MAX: usize = 8;

/// Headers of one destination.
const HEADERS_MAX: usize = 16;

/// The smallest queue of foreign spans: the largest request must fit.
const FOREIGN_BYTES_MIN: u64 = 64 << 20;

/// Headers that are ours to set.
const OURS: [HeaderName; 6] = [
    header::CONTENT_TYPE,
    header::CONTENT_LENGTH,
    header::CONTENT_ENCODING,
    header::TRANSFER_ENCODING,
    header::HOST,
    header::USER_AGENT,
];

/// The name of a sender or of a destination: it obeys the rule of all names.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PeerName(String);

impl PeerName {
    /// Checks a name.
    ///
    /// # Errors
    /// When it breaks the rule.
    pub fn new(text: &str) -> Result<Self, NameError> {
        AgentId::new(text).map(|name| Self(name.as_str().to_owned()))
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Display for PeerName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// Somebody whose spans are passed on and who has no voice: no run of its counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sender {
    /// What it is called in messages.
    pub id: PeerName,
    /// What its token hashes to.
    pub token: TokenHash,
}

/// What becomes of spans that are no run of Bongsu.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ForeignPolicy {
    /// They are refused, by a partial success that says why.
    #[default]
    Refuse,
    /// They are passed on.
    Forward {
        /// Bytes that may wait for a destination; when they are full the oldest go.
        bytes_max: u64,
    },
}

/// Whether bodies are compressed on their way to a destination.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    /// As every OTLP server must take it.
    Gzip,
    /// Not at all.
    None,
}

/// A destination: an OTLP/HTTP server that spans go on to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Forward {
    /// Its name, which its place in the queue is kept under.
    pub name: PeerName,
    /// Its address; `/v1/traces` is added.
    pub url: String,
    /// Headers of each request, by name.
    pub headers: Vec<(HeaderName, SecretSource)>,
    /// A private root certificate, for https.
    pub ca: Option<PathBuf>,
    /// Whether bodies are compressed.
    pub compression: Compression,
    /// Whether the spans of accepted runs go there.
    pub runs: bool,
    /// Whether foreign spans go there.
    pub foreign: bool,
}

/// All three together, which fit.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Forwarding {
    /// Where spans go on to.
    pub forwards: Vec<Forward>,
    /// What becomes of foreign spans.
    pub foreign: ForeignPolicy,
    senders: Vec<Sender>,
}

impl Forwarding {
    /// Those who may have spans passed on.
    pub fn senders(&self) -> &[Sender] {
        &self.senders
    }

    /// The sender whose token hashes to `token`.
    pub fn sender_by_token(&self, token: &TokenHash) -> Option<&Sender> {
        self.senders.iter().find(|sender| sender.token == *token)
    }
}

/// Reads the three. None only after a problem was reported.
pub(super) fn read(
    root: &Section<'_>,
    roster: Option<&Roster>,
    folder: &Path,
) -> Option<Forwarding> {
    let forwards = forwards(root, folder);
    let foreign = foreign(root);
    let senders = senders(root, roster);
    let whole = Forwarding {
        forwards: forwards?,
        foreign: foreign?,
        senders: senders?,
    };
    let forwards_foreign = whole.foreign != ForeignPolicy::Refuse;
    if forwards_foreign && !whole.forwards.iter().any(|forward| forward.foreign) {
        root.refuse(
            "foreign",
            "foreign spans have nowhere to go: list a [[forward]] that takes them".to_owned(),
        );
        return None;
    }
    if !forwards_foreign && !whole.senders.is_empty() {
        root.refuse(
            "sender",
            "a sender may only have its spans passed on: set `spans = \"forward\"` under [foreign]"
                .to_owned(),
        );
        return None;
    }
    Some(whole)
}

fn forwards(root: &Section<'_>, folder: &Path) -> Option<Vec<Forward>> {
    let mut forwards: Vec<Forward> = Vec::new();
    let mut whole = true;
    for section in root.sections("forward") {
        let Some(forward) = forward(&section, folder) else {
            whole = false;
            continue;
        };
        let wrong = if forwards.iter().any(|known| known.name == forward.name) {
            Some(format!("`{}` is listed twice", forward.name))
        } else if forwards.len() == FORWARDS_MAX {
            Some(format!("more than {FORWARDS_MAX} are listed"))
        } else {
            None
        };
        if let Some(wrong) = wrong {
            section.refuse("name", wrong);
            whole = false;
        }
        forwards.push(forward);
    }
    whole.then_some(forwards)
}

fn forward(section: &Section<'_>, folder: &Path) -> Option<Forward> {
    let name = section.required("name", |value| value.name(PeerName::new));
    let url = section.required("url", |value| base_url(value.text()?, "/v1/traces"));
    let headers = section.or("headers", Vec::new(), |value| headers(&value, folder));
    let ca = section.or("ca", None, |value| Ok(Some(folder.join(value.text()?))));
    let compression = section.or("compression", Compression::Gzip, |value| {
        match value.text()? {
            "gzip" => Ok(Compression::Gzip),
            "none" => Ok(Compression::None),
            other => Err(format!("`{other}` is not a compression: use gzip or none")),
        }
    });
    let runs = section.or("runs", true, |value| value.boolean());
    let foreign = section.or("foreign", true, |value| value.boolean());
    section.finish();
    if (runs, foreign) == (Some(false), Some(false)) {
        section.refuse(
            "runs",
            "with neither runs nor foreign spans it is idle".to_owned(),
        );
        return None;
    }
    Some(Forward {
        name: name?,
        url: url?,
        headers: headers?,
        ca: ca?,
        compression: compression?,
        runs: runs?,
        foreign: foreign?,
    })
}

/// An address that `path` is put behind.
pub(super) fn base_url(text: &str, path: &str) -> Result<String, String> {
    let url =
        reqwest::Url::parse(text).map_err(|error| format!("`{text}` is not a URL: {error}"))?;
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
        return Err(format!("`{text}` is not an http:// or https:// address"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("a URL carries no credentials here; use `headers`".to_owned());
    }
    if url.query().is_some() || url.fragment().is_some() || url.path().contains("/v1/") {
        return Err(format!("give the address only; {path} is added"));
    }
    Ok(text.trim_end_matches('/').to_owned())
}

pub(super) fn headers(
    value: &Value<'_>,
    folder: &Path,
) -> Result<Vec<(HeaderName, SecretSource)>, String> {
    let mut headers: Vec<(HeaderName, SecretSource)> = Vec::new();
    for (key, value) in value.entries()? {
        let name = HeaderName::from_bytes(key.as_bytes())
            .map_err(|_| format!("`{key}` is not the name of a header"))?;
        if OURS.contains(&name) {
            return Err(format!("the header `{name}` is set by the collector"));
        }
        if headers.iter().any(|(known, _)| *known == name) {
            return Err(format!("the header `{name}` is there twice"));
        }
        let source = SecretSource::read(&value, folder)
            .map_err(|error| format!("header `{name}`: {error}"))?;
        headers.push((name, source));
    }
    if headers.len() > HEADERS_MAX {
        return Err(format!("a destination has at most {HEADERS_MAX} headers"));
    }
    Ok(headers)
}

fn foreign(root: &Section<'_>) -> Option<ForeignPolicy> {
    let section = root.section("foreign");
    let is_forwarded = section.or("spans", false, |value| match value.text()? {
        "refuse" => Ok(false),
        "forward" => Ok(true),
        other => Err(format!("`{other}` is neither refuse nor forward")),
    });
    let bytes_max = section.or("bytes_max", 256 << 20, |value| {
        let bytes = parse_bytes(value.text()?)?;
        if bytes < FOREIGN_BYTES_MIN {
            return Err("the queue needs 64MiB or more: the largest request must fit".to_owned());
        }
        Ok(bytes)
    });
    section.finish();
    Some(match (is_forwarded?, bytes_max?) {
        (true, bytes_max) => ForeignPolicy::Forward { bytes_max },
        (false, _) => ForeignPolicy::Refuse,
    })
}

fn senders(root: &Section<'_>, roster: Option<&Roster>) -> Option<Vec<Sender>> {
    let mut senders: Vec<Sender> = Vec::new();
    let mut whole = true;
    for section in root.sections("sender") {
        let id = section.required("id", |value| value.name(PeerName::new));
        let token = section.required("token_sha256", token_hash);
        section.finish();
        let (Some(id), Some(token)) = (id, token) else {
            whole = false;
            continue;
        };
        let agents = roster.map_or(&[][..], |roster| roster.agents());
        let agent = |sought: &str| agents.iter().any(|a| a.vantage.agent.as_str() == sought);
        if agent(id.as_str()) || senders.iter().any(|known| known.id == id) {
            section.refuse("id", format!("`{id}` is listed twice"));
            whole = false;
        }
        let is_an_agents = roster.is_some_and(|roster| roster.agent_by_token(&token).is_some());
        if is_an_agents || senders.iter().any(|known| known.token == token) {
            section.refuse(
                "token_sha256",
                format!("`{id}` has the token of another, and could speak as it"),
            );
            whole = false;
        }
        senders.push(Sender { id, token });
    }
    whole.then_some(senders)
}
