//! `capture.NAME = { … }`.

use bongsu_model::Verb;

use crate::capture::{Capture, CaptureFrom, HeaderPart, Presence, Secrecy, Span, Take, TlsFact};
use crate::document::{Entry, Node, Table};
use crate::jsonpath::{Cardinality, JsonPath};
use crate::keys;
use crate::parse::expect::Of;
use crate::parse::secrets::is_secret_name;
use crate::parser::{Parser, is_misspelt};
use crate::rule::Rule;

/// Which match of a JSONPath is meant.
pub(crate) const TAKES: &[(&str, Take)] = &[
    ("one", Take::One),
    ("first", Take::First),
    ("last", Take::Last),
    ("all", Take::All),
    ("count", Take::Count),
];

/// Where a value may come from. `regex` and `parameter` may stand beside `header`.
const SOURCES: &[&str] = &[
    "json", "header", "regex", "cookie", "body", "frame", "time", "tls", "ip", "dns", "hex",
];

const SPANS: &[(&str, Span)] = &[
    ("total", Span::Total),
    ("dns", Span::Dns),
    ("connect", Span::Connect),
    ("tls", Span::Tls),
    ("wait", Span::Wait),
    ("receive", Span::Receive),
];

const TLS_FACTS: &[(&str, TlsFact)] = &[
    ("version", TlsFact::Version),
    ("cipher", TlsFact::Cipher),
    ("protocol", TlsFact::Protocol),
    ("not_after", TlsFact::NotAfter),
];

impl Parser<'_> {
    /// The names of all captures, and those that could be read.
    pub(super) fn captures(&mut self, table: &Table, of: Of) -> (Vec<String>, Vec<Capture>) {
        let mut names = Vec::new();
        let mut captures = Vec::new();
        for entry in table
            .table("capture")
            .map_or(&[][..], |captures| &captures.entries)
        {
            if !self.check_variable_name(&entry.key, &entry.key_span, "a variable") {
                continue;
            }
            names.push(entry.key.clone());
            let Some(options) = entry.node.as_table() else {
                let _ = self
                    .error(
                        &entry.node.span,
                        format!("capture `{}` must be a table", entry.key),
                    )
                    .rule(Rule::WrongType)
                    .help("write it as in { json = \"$.id\" }");
                continue;
            };
            self.check_keys(options, &entry.key_span, &keys::CAPTURE);
            let flag = |key: &str| options.get(key).and_then(Node::as_bool) == Some(true);
            let presence = if flag("optional") {
                Presence::Optional
            } else {
                Presence::Required
            };
            let secrecy = if flag("secret") {
                Secrecy::Secret
            } else {
                Secrecy::Public
            };
            if secrecy == Secrecy::Public && is_secret_name(&entry.key) {
                let _ = self
                    .warning(
                        &entry.key_span,
                        format!("`{}` sounds like a secret", entry.key),
                    )
                    .rule(Rule::SecretShown)
                    .label("it may show in reports")
                    .help("add `secret = true`, which keeps it out of everything that is shown");
            }
            if let Some(from) = self.capture_from(options, &entry.key_span, of) {
                captures.push(Capture {
                    name: entry.key.clone(),
                    from,
                    presence,
                    secrecy,
                    position: self.position(&entry.key_span),
                });
            }
        }
        (names, captures)
    }

    fn capture_from(
        &mut self,
        options: &Table,
        owner: &std::ops::Range<usize>,
        of: Of,
    ) -> Option<CaptureFrom> {
        let entry = self.capture_source(options, owner)?;
        let take = options
            .get("take")
            .map(|node| (node, self.word(node, "a `take`", TAKES)));
        if let Some((node, Some(_))) = take
            && !(matches!(entry.key.as_str(), "json" | "dns")
                || (entry.key == "tls" && matches!(of, Of::Net(_))))
        {
            let _ = self
                .error(&node.span, "`take` chooses among the matches of a JSONPath")
                .help("remove it");
        }
        match (entry.key.as_str(), of) {
            ("dns" | "hex", _) | ("tls", Of::Net(_)) => {
                self.capture_fact(entry, take.and_then(|(_, take)| take), of)
            }
            ("json" | "regex" | "body", Of::Net(Verb::Dns | Verb::Tls | Verb::Ping))
            | ("header" | "cookie" | "frame", Of::Net(_)) => {
                let _ = self
                    .error(&entry.key_span, format!("there is no {} here", entry.key))
                    .help("`dns` and `tls` give facts, `tcp` and `udp` a body");
                None
            }
            ("json" | "regex" | "body" | "frame", Of::Head) => {
                let _ = self
                    .error(&entry.key_span, format!("there is no {} here", entry.key))
                    .label("an answer to HEAD has no body")
                    .help("use `header` or `cookie`, or write `get` to have the body");
                None
            }
            ("json", _) => {
                let path = self.path(&entry.node)?;
                let take = take.and_then(|(_, take)| take);
                if path.cardinality() == Cardinality::Many && options.get("take").is_none() {
                    let _ = self
                        .error(&entry.node.span, "this path can match many values")
                        .label("which one is meant?")
                        .help("add take = \"one\" | \"first\" | \"last\" | \"all\" | \"count\"");
                    return None;
                }
                Some(CaptureFrom::Json(path, take.unwrap_or(Take::One)))
            }
            ("header" | "cookie" | "tls" | "ip", Of::Frame) => {
                let what = match entry.key.as_str() {
                    "header" => "a frame has no headers",
                    "cookie" => "a frame sets no cookies",
                    _ => "a frame comes over a connection that is open already",
                };
                let _ = self.error(&entry.key_span, what).help("use `json`");
                None
            }
            ("header", _) => {
                let name = self.header_name(entry.node.as_text()?, &entry.node.span)?;
                Some(CaptureFrom::Header(name, self.header_part(options)?))
            }
            ("cookie", _) => entry
                .node
                .as_text()
                .map(|name| CaptureFrom::Cookie(name.to_owned())),
            ("time", _) => self
                .word(&entry.node, "a part of the time", SPANS)
                .map(CaptureFrom::Time),
            ("tls", _) => self
                .word(&entry.node, "a fact of TLS", TLS_FACTS)
                .map(CaptureFrom::Tls),
            ("ip", _) => self.says_true(entry).then_some(CaptureFrom::Ip),
            ("regex", _) => self.pattern(&entry.node).map(CaptureFrom::Regex),
            ("body", Of::Answer | Of::Call | Of::Net(Verb::Tcp | Verb::Udp))
            | ("frame", Of::Frame | Of::Opening) => {
                self.says_true(entry).then_some(CaptureFrom::Text)
            }
            (key, _) => {
                let other = if key == "body" { "frame" } else { "body" };
                let _ = self
                    .error(&entry.key_span, format!("there is no {key} here"))
                    .help(format!("use `{other} = true`"));
                None
            }
        }
    }

    /// Whether a flag that chooses a source is true; tells it if not.
    fn says_true(&mut self, entry: &Entry) -> bool {
        let is_false = entry.node.as_bool() == Some(false);
        if is_false {
            let _ = self
                .error(
                    &entry.node.span,
                    format!("`{} = false` says nothing", entry.key),
                )
                .help(format!("write `{} = true`", entry.key));
        }
        !is_false
    }

    /// What is taken of a header.
    fn header_part(&mut self, options: &Table) -> Option<HeaderPart> {
        match (options.entry("regex"), options.entry("parameter")) {
            (None, None) => Some(HeaderPart::Whole),
            (Some(pattern), None) => self.pattern(&pattern.node).map(HeaderPart::Pattern),
            (None, Some(name)) => {
                let name = name.node.as_text()?;
                Some(HeaderPart::Parameter(name.to_owned()))
            }
            (Some(_), Some(second)) => {
                let _ = self
                    .error(&second.key_span, "one part of a header is meant")
                    .help("keep one of `regex` and `parameter`");
                None
            }
        }
    }

    fn capture_source<'t>(
        &mut self,
        options: &'t Table,
        owner: &std::ops::Range<usize>,
    ) -> Option<&'t Entry> {
        let has_header = options.get("header").is_some();
        let sources: Vec<_> = SOURCES
            .iter()
            .filter(|key| !(has_header && **key == "regex"))
            .filter_map(|key| options.entry(key))
            .collect();
        if let Some(entry) = options.entry("parameter")
            && !has_header
        {
            let _ = self
                .error(&entry.key_span, "`parameter` is part of a URL in a header")
                .help("add `header = \"location\"`");
        }
        match sources.as_slice() {
            [entry] => Some(*entry),
            [] if is_misspelt(options, &keys::CAPTURE, SOURCES) => None,
            [] => {
                let _ = self
                    .error(owner, "the capture does not say where its value is")
                    .rule(Rule::MissingKey)
                    .help(format!("add one of {}", SOURCES.join(", ")));
                None
            }
            [_, second, ..] => {
                let _ = self
                    .error(&second.key_span, "a capture has one source")
                    .help("make two captures of it");
                None
            }
        }
    }

    /// A JSONPath, told with the place inside of the text.
    pub(super) fn path(&mut self, node: &Node) -> Option<JsonPath> {
        let text = node.as_text()?;
        match self.known.path(text) {
            Ok(path) => Some(path),
            Err(error) => {
                let at = error.offset.min(text.len());
                let span = node.inside(self.source, &(at..(at + 1).min(text.len().max(at))));
                let _ = self
                    .error(&span, format!("not a JSONPath: {}", error.message))
                    .help(error.help);
                None
            }
        }
    }
}
