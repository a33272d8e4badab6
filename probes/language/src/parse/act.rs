//! What a step sends: URL, headers, query.

use std::ops::Range;
use std::sync::LazyLock;

use regex::Regex;

use crate::document::{Entry, Node, Table};
use crate::host_port::{NotAPlace, PortRule, host_port};
use crate::journey::{FOLLOW_MAX, HEADERS_MAX, Header, HeaderOrigin, Url};
use crate::parse::secrets::URL_PASSWORD;
use crate::parser::{Parser, shown};
use crate::rule::Rule;
use crate::template::{Part, Template, ValueTemplate};

/// An expression as other languages write it.
static DOLLAR: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"\$\{[^}]*\}").expect("a constant pattern"));

/// Headers that the runner sets itself.
const OWN_HEADERS: &[&str] = &[
    "host",
    "content-length",
    "transfer-encoding",
    "connection",
    "keep-alive",
    "te",
    "trailer",
    "expect",
    "upgrade",
    "sec-websocket-key",
    "sec-websocket-version",
    "sec-websocket-extensions",
];

impl Parser<'_> {
    /// The journey's base: an absolute URL.
    pub(super) fn base(&mut self, node: &Node) -> Option<Template> {
        let template = self.template(node)?;
        self.check_url_text(node, &template, &["http://", "https://"], Paths::Refused)
            .then_some(template)
    }

    /// A step's URL: absolute, or a path for the journey's base.
    pub(super) fn url(&mut self, node: &Node, schemes: &[&str; 2]) -> Option<Url> {
        let template = self.template(node)?;
        let paths = if schemes[0] == "http://" {
            Paths::Allowed
        } else {
            Paths::Refused
        };
        self.check_url_text(node, &template, schemes, paths)
            .then(|| Url {
                base: None,
                rest: template,
                position: self.position(&node.span),
            })
    }

    fn check_url_text(
        &mut self,
        node: &Node,
        template: &Template,
        schemes: &[&str; 2],
        paths: Paths,
    ) -> bool {
        let text = node.as_text().unwrap_or_default();
        if holds_password(template) {
            let _ = self
                .error(&node.span, "a password stands in this URL")
                .rule(Rule::SecretLiteral)
                .label("written in plain text")
                .help(
                    "remove it, and send headers.authorization = \"Basic {{ (login + ':' + \
                     password) | b64 }}\"",
                );
        }
        self.check_braces(node, template);
        let blank = template.parts().iter().any(|part| match part {
            Part::Text(text) => text.contains(|c: char| c.is_whitespace() || c.is_control()),
            Part::Expression(..) => false,
        });
        if blank {
            let _ = self
                .error(&node.span, "a URL has no blanks")
                .help("put values into `query`, where they are encoded");
            return false;
        }
        let starts_well = match template.parts().first() {
            Some(Part::Expression(..)) => true,
            Some(Part::Text(start)) => {
                schemes.iter().any(|scheme| start.starts_with(scheme))
                    || paths == Paths::Allowed && start.starts_with('/') && !start.starts_with("//")
            }
            None => false,
        };
        if !starts_well {
            let [plain, secure] = schemes;
            let message = match text.split_once("://") {
                Some((scheme, _)) => format!("the scheme `{}` is not known here", shown(scheme)),
                None => format!("`{}` is not a URL", shown(text)),
            };
            let help = match paths {
                Paths::Allowed => format!(
                    "begin with {plain} or {secure}, with {{{{ target.base.NAME }}}}, or with / \
                     for a path behind `base`"
                ),
                Paths::Refused => {
                    let kind = if plain.starts_with("ws") {
                        "ws"
                    } else {
                        "base"
                    };
                    format!("begin with {plain} or {secure}, or with {{{{ target.{kind}.NAME }}}}")
                }
            };
            let _ = self.error(&node.span, message).help(help);
        }
        if starts_well && has_bad_port(template) {
            let _ = self
                .error(&node.span, "the port of this URL cannot be used")
                .help("write a port from 1 to 65535, or none for that of the scheme");
        }
        starts_well
    }

    /// Tells what looks like an expression and is sent as it is.
    fn check_braces(&mut self, node: &Node, template: &Template) {
        let texts = template.parts().iter().filter_map(|part| match part {
            Part::Text(text) => Some(text.as_str()),
            Part::Expression(..) => None,
        });
        let mut slips = texts.filter_map(slip);
        if let Some(slip) = slips.next() {
            let slip = shown(slip);
            let _ = self
                .warning(&node.span, format!("`{slip}` is sent as it is"))
                .rule(Rule::InvalidExpression)
                .help("an expression stands in two braces on each side, as in {{ token }}");
        }
    }

    pub(super) fn step_headers(&mut self, table: &Table) -> Vec<Header> {
        table.table("headers").map_or_else(Vec::new, |headers| {
            self.headers(headers, HeaderOrigin::Step)
        })
    }

    pub(super) fn step_query(&mut self, table: &Table) -> Option<Vec<(String, ValueTemplate)>> {
        let Some(query) = table.table("query") else {
            return Some(Vec::new());
        };
        self.refuse_secret_literals(query);
        self.text_pairs(query)
    }

    /// Headers by name; one that cannot be read, or is one too many, is told and left out.
    pub(super) fn headers(&mut self, table: &Table, origin: HeaderOrigin) -> Vec<Header> {
        let mut headers = Vec::new();
        if let Some(beyond) = table.entries.get(HEADERS_MAX) {
            let _ = self
                .error(
                    &beyond.key_span,
                    format!("there are {} headers here", table.entries.len()),
                )
                .label(format!("the first beyond {HEADERS_MAX}"))
                .help(format!("keep {HEADERS_MAX} at most"));
        }
        for (at, entry) in table.entries.iter().take(HEADERS_MAX).enumerate() {
            let Some(name) = self.header_name(&entry.key, &entry.key_span) else {
                continue;
            };
            self.check_header_is_new(entry, &table.entries[..at]);
            if OWN_HEADERS.contains(&name.as_str()) {
                let _ = self
                    .error(
                        &entry.key_span,
                        format!("`{name}` is set by the runner itself"),
                    )
                    .help("remove it");
                continue;
            }
            let Some(text) = entry.node.as_text() else {
                let _ = self
                    .error(
                        &entry.node.span,
                        format!("header `{name}` must be text in quotes"),
                    )
                    .rule(Rule::WrongType)
                    .label(format!("this is {}", entry.node.kind()));
                continue;
            };
            if text.contains(|c: char| c.is_control() && c != '\t') {
                let _ = self
                    .error(
                        &entry.node.span,
                        format!("header `{name}` has a line break in it"),
                    )
                    .label("a header is one line")
                    .help("remove the line break: it would start another header");
                continue;
            }
            self.refuse_secret_header(&name, &entry.node);
            if let Some(value) = self.template(&entry.node) {
                self.check_braces(&entry.node, &value);
                headers.push(Header {
                    name,
                    value,
                    origin,
                });
            }
        }
        headers
    }

    /// The name of a header in lower case; what cannot be one is told.
    pub(super) fn header_name(&mut self, text: &str, span: &Range<usize>) -> Option<String> {
        let name = text.to_ascii_lowercase();
        if is_header_name(&name) {
            return Some(name);
        }
        let _ = self
            .error(span, format!("`{}` is not a header name", shown(text)))
            .help("use letters, digits and -");
        None
    }

    /// Tells a header that stands among `before` too, written in another case.
    pub(super) fn check_header_is_new(&mut self, entry: &Entry, before: &[Entry]) {
        let mut same = before
            .iter()
            .filter(|known| known.key.eq_ignore_ascii_case(&entry.key));
        if let Some(first) = same.next() {
            let position = self.position(&first.key_span);
            let _ = self
                .error(
                    &entry.key_span,
                    format!("`{}` is written twice", shown(&entry.key)),
                )
                .rule(Rule::DuplicateName)
                .label("the case of a header's name means nothing")
                .related(position, "the same header")
                .help("keep one of them");
        }
    }

    /// How many redirects are followed.
    pub(super) fn follow(&mut self, table: &Table) -> u32 {
        let Some((node, count)) = table
            .get("follow")
            .and_then(|node| Some((node, node.as_integer()?)))
        else {
            return 0;
        };
        match u32::try_from(count) {
            Ok(count) if count <= FOLLOW_MAX => count,
            _ => {
                let _ = self
                    .error(&node.span, "`follow` is out of range")
                    .help(format!("follow 1 to {FOLLOW_MAX} redirects, or none: 0"));
                0
            }
        }
    }
}

/// What was meant as an expression: braces that none opened, or those of another language.
fn slip(text: &str) -> Option<&str> {
    // Few texts have either mark, and compiling a pattern takes as long as all else of a file.
    if text.contains("${")
        && let Some(found) = DOLLAR.find(text)
    {
        return Some(found.as_str());
    }
    let is_open = text.matches('{').count() >= text.matches('}').count();
    text.find("}}")
        .filter(|_| !is_open)
        .map(|at| &text[at..at + 2])
}

/// Whether a URL is written with a port that is none; what an expression gives is not known.
fn has_bad_port(template: &Template) -> bool {
    let [Part::Text(start), behind @ ..] = template.parts() else {
        return false;
    };
    let Some((scheme, rest)) = start.split_once("://") else {
        return false;
    };
    let is_whole = behind.is_empty() || rest.contains(['/', '?', '#']);
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    // A password in it is told by itself.
    is_whole
        && !authority.contains('@')
        && host_port(&format!("{scheme}://{authority}"), PortRule::Required)
            == Err(NotAPlace::PortBad)
}

/// Whether a URL says whose it is, with a password that is no expression.
fn holds_password(template: &Template) -> bool {
    template.parts().iter().any(|part| match part {
        Part::Text(text) => text.contains("://") && URL_PASSWORD.is_match(text),
        Part::Expression(..) => false,
    })
}

/// Whether a URL may be a path only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Paths {
    Allowed,
    Refused,
}

/// RFC 9110, section 5.1: a token.
fn is_header_name(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= 100
        && name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b))
}
