//! The body of a request: `json`, `form`, `multipart` or `body`.

use base64::Engine as _;

use crate::document::{Node, NodeValue, Table};
use crate::journey::Body;
use crate::keys;
use crate::multipart::{FormPart, GENERATED_BYTES_MAX, PARTS_MAX, PartContent};
use crate::parser::{Parser, shown};
use crate::rule::Rule;

/// The keys that give a request its body.
pub(super) const BODIES: &[&str] = &["json", "form", "multipart", "body", "oauth2"];

/// The keys of a part that give its content, of which it has one.
pub(crate) const PART_CONTENTS: &[&str] = &["text", "json", "size"];

/// The units of a size in bytes.
pub(crate) const UNITS: &[(&str, usize)] = &[
    ("KiB", 1024),
    ("MiB", 1024 * 1024),
    ("kB", 1_000),
    ("MB", 1_000_000),
    ("B", 1),
];

impl Parser<'_> {
    pub(super) fn body(&mut self, table: &Table) -> Option<Body> {
        let given: Vec<_> = BODIES.iter().filter_map(|key| table.entry(key)).collect();
        if let [first, second, ..] = given.as_slice() {
            let _ = self
                .error(
                    &second.key_span,
                    format!("a request has one body, this one has `{}` too", first.key),
                )
                .rule(Rule::MisplacedKey)
                .help(format!("keep one of {}", BODIES.join(", ")));
            return None;
        }
        let Some(entry) = given.first() else {
            return Some(Body::Empty);
        };
        match (entry.key.as_str(), entry.node.as_table()) {
            ("json", table) => {
                if let Some(table) = table {
                    self.refuse_secret_literals(table);
                }
                self.value(&entry.node).map(Body::Json)
            }
            ("form", Some(table)) => {
                self.refuse_secret_literals(table);
                self.text_pairs(table).map(Body::Form)
            }
            ("multipart", Some(parts)) => self.multipart(parts, &entry.key_span, table),
            ("oauth2", Some(request)) => self.oauth2_form(request).map(Body::Form),
            ("body", None) => match entry.node.as_text() {
                Some(_) => self.template(&entry.node).map(Body::Text),
                None => {
                    let _ = self
                        .error(
                            &entry.node.span,
                            "`body` must be text, or a table that says how its bytes are made",
                        )
                        .label(format!("this is {}", entry.node.kind()))
                        .help("write text in quotes, { size = \"1MiB\" } or { base64 = \"…\" }");
                    None
                }
            },
            ("body", Some(raw)) => self.raw(raw, &entry.key_span),
            _ => None,
        }
    }

    /// Bytes that are no text: generated, or written as base64.
    fn raw(&mut self, raw: &Table, owner: &std::ops::Range<usize>) -> Option<Body> {
        self.check_keys(raw, owner, &keys::RAW);
        match (raw.get("size"), raw.text("base64")) {
            (Some(size), None) => self.size(size).map(Body::Generated),
            (None, Some((text, node))) => {
                let engine = base64::engine::general_purpose::STANDARD;
                match engine.decode(text.trim()) {
                    Ok(bytes) => Some(Body::Bytes(bytes)),
                    Err(_) => {
                        let _ = self
                            .error(&node.span, "this is not base64")
                            .help("write it with the letters of RFC 4648, padded with =");
                        None
                    }
                }
            }
            (Some(_), Some((_, second))) => {
                let _ = self
                    .error(&second.span, "a body is made in one way")
                    .help("keep one of `size` and `base64`");
                None
            }
            (None, None) => {
                if raw.get("base64").is_none() {
                    let _ = self
                        .error(owner, "the body does not say how its bytes are made")
                        .help("add size = \"1MiB\" or base64 = \"…\"");
                }
                None
            }
        }
    }

    fn multipart(
        &mut self,
        parts: &Table,
        owner: &std::ops::Range<usize>,
        step: &Table,
    ) -> Option<Body> {
        let own_type = step.table("headers").and_then(|headers| {
            let mut entries = headers.entries.iter();
            entries.find(|entry| entry.key.eq_ignore_ascii_case("content-type"))
        });
        if let Some(entry) = own_type {
            let _ = self
                .error(
                    &entry.key_span,
                    "the content type of `multipart` is set by the runner itself",
                )
                .label("it names the boundary between the parts")
                .help("remove it");
        }
        if parts.entries.is_empty() || parts.entries.len() > PARTS_MAX {
            let _ = self
                .error(owner, "the form has no parts, or too many")
                .help(format!("write 1 to {PARTS_MAX} parts"));
            return None;
        }
        let read: Vec<Option<FormPart>> = parts
            .entries
            .iter()
            .map(|entry| self.part(&entry.key, &entry.key_span, &entry.node))
            .collect();
        let read: Vec<FormPart> = read.into_iter().collect::<Option<_>>()?;
        let generated = read.iter().map(|part| match part.content {
            PartContent::Generated(size) => size,
            PartContent::Text(_) | PartContent::Json(_) => 0,
        });
        if generated.fold(0, usize::saturating_add) > GENERATED_BYTES_MAX {
            let _ = self
                .error(owner, "the files are too large together")
                .help(format!("at most {GENERATED_BYTES_MAX} bytes are generated"));
            return None;
        }
        Some(Body::Multipart(read))
    }

    fn part(
        &mut self,
        name: &str,
        owner: &std::ops::Range<usize>,
        node: &Node,
    ) -> Option<FormPart> {
        let Some(part) = node.as_table() else {
            self.refuse_secret_literal(name, node);
            if matches!(node.value, NodeValue::Array(_)) {
                let _ = self
                    .error(&node.span, format!("part `{}` is a list", shown(name)))
                    .help("write it as { json = […] }, or make several parts of it");
                return None;
            }
            return Some(FormPart {
                name: name.to_owned(),
                file: None,
                content_type: None,
                content: PartContent::Text(self.value(node)?),
            });
        };
        self.check_keys(part, owner, &keys::PART);
        self.refuse_secret_literals(part);
        let content_type = match part.text("type") {
            Some((text, node)) => Some(self.content_type(text, node)?),
            None => None,
        };
        let contents: Vec<_> = PART_CONTENTS
            .iter()
            .filter_map(|key| part.entry(key))
            .collect();
        let [entry] = contents.as_slice() else {
            let _ = self
                .error(
                    owner,
                    format!("part `{}` has no content, or more than one", shown(name)),
                )
                .help("give it one of `text`, `json` and `size`");
            return None;
        };
        let (content, usual_type) = match entry.key.as_str() {
            "text" => (PartContent::Text(self.value(&entry.node)?), None),
            "json" => (
                PartContent::Json(self.value(&entry.node)?),
                Some("application/json"),
            ),
            _ => (
                PartContent::Generated(self.size(&entry.node)?),
                Some("application/octet-stream"),
            ),
        };
        let file = match part.get("file") {
            Some(node) => Some(self.template(node)?),
            None => None,
        };
        Some(FormPart {
            name: name.to_owned(),
            file,
            content_type: content_type.or_else(|| usual_type.map(str::to_owned)),
            content,
        })
    }

    /// RFC 9110, section 8.3.1: `type/subtype`, perhaps with parameters.
    fn content_type(&mut self, text: &str, node: &Node) -> Option<String> {
        let essence = text.split(';').next().unwrap_or_default().trim();
        let is_token = |part: &str| {
            let is_of_token = |b: u8| b.is_ascii_alphanumeric() || b"!#$&^_.+-".contains(&b);
            !part.is_empty() && part.bytes().all(is_of_token)
        };
        let is_type = essence
            .split_once('/')
            .is_some_and(|(kind, subtype)| is_token(kind) && is_token(subtype));
        if is_type && text.bytes().all(|b| (b' '..0x7f).contains(&b)) {
            return Some(text.to_owned());
        }
        let _ = self
            .error(
                &node.span,
                format!("`{}` is not a content type", shown(text)),
            )
            .help("write it as in \"image/jpeg\"");
        None
    }

    /// A number of bytes, as `1048576`, `"200KiB"` or `"1MiB"`.
    fn size(&mut self, node: &Node) -> Option<usize> {
        let bytes = match &node.value {
            NodeValue::Integer(bytes) => usize::try_from(*bytes).ok(),
            NodeValue::Text(text) => UNITS.iter().find_map(|(unit, factor)| {
                let number = text.strip_suffix(unit)?.trim().parse::<usize>().ok()?;
                number.checked_mul(*factor)
            }),
            NodeValue::Float(_)
            | NodeValue::Bool(_)
            | NodeValue::Other(_)
            | NodeValue::Array(_)
            | NodeValue::Table(_) => None,
        };
        let bytes = bytes.filter(|bytes| *bytes <= GENERATED_BYTES_MAX);
        if bytes.is_none() {
            let _ = self
                .error(&node.span, "this is not a size that can be generated")
                .help("write it as in \"200KiB\" or \"1MiB\", at most \"16MiB\"");
        }
        bytes
    }
}
