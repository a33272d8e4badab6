//! OpenAPI 3.0 and 3.1, in JSON or YAML: a skeleton of a step for each operation that is chosen.

use std::collections::BTreeSet;

use serde_json::Value;
use url::Url;

use crate::credentials::{BASIC, Secrets};
use crate::draft::Step;
use crate::finish::finish;
use crate::lowering::Lowering;
use crate::marks::Marks;
use crate::parts::is_binary_type;
use crate::phrase::Phrase;
use crate::request::{Payload, Request, is_header_name, is_set_by_runner, verb};
use crate::{ImportError, Imported, Names, names};

mod document;
mod example;
mod parts;

use document::{Document, Operation, not_openapi};

/// A host that stands for a server that the description does not name.
const NO_SERVER: &str = "https://api.invalid";

/// Turns operations of a description into a journey, in the order in which they are named: by
/// `operationId`, or as `GET /path`.
///
/// # Errors
/// When the text is no such description, none is named, or one that is named does not exist.
pub fn openapi(text: &str, operations: &[String], names: &Names) -> Result<Imported, ImportError> {
    let document = Document::read(text)?;
    let known = document.operations();
    let chosen = choose(&known, operations)?;
    let mut skeletons = Vec::new();
    for operation in chosen {
        let mut skeleton = Skeleton::default();
        let request = skeleton.request(&document, operation)?;
        skeletons.push((operation, skeleton, request));
    }
    let mut secrets = Secrets::default();
    for (_, _, request) in &skeletons {
        request.learn(&mut secrets);
    }
    secrets.settle();
    let mut lowering = Lowering::new(secrets);
    for (operation, skeleton, request) in skeletons {
        let step = skeleton.step(&document, operation, &request, &mut lowering);
        lowering.draft.steps.push(step);
    }
    let head = "From an OpenAPI description: say here what the journey asks, and give its steps the \
                values that they share.";
    lowering.draft.head.push(head.to_owned());
    Ok(finish(lowering.draft, names))
}

/// The operations that are named.
fn choose<'a, 'd>(
    known: &'a [Operation<'d>],
    wanted: &[String],
) -> Result<Vec<&'a Operation<'d>>, ImportError> {
    const SHOWN_MAX: usize = 40;
    let list = || {
        let ids: Vec<String> = known.iter().take(SHOWN_MAX).map(Operation::id).collect();
        let more = match known.len().saturating_sub(SHOWN_MAX) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        format!("{}{more}", ids.join(", "))
    };
    if wanted.is_empty() {
        return Err(ImportError::Absent {
            what: "no operation is named, as by `--operation NAME`".to_owned(),
            known: list(),
        });
    }
    wanted
        .iter()
        .map(|name| {
            let is_it = |one: &&Operation<'_>| one.id() == *name || one.place() == *name;
            known.iter().find(is_it).ok_or_else(|| ImportError::Absent {
                what: format!("there is no operation `{name}`"),
                known: list(),
            })
        })
        .collect()
}

/// What becomes of one operation.
#[derive(Debug, Default)]
struct Skeleton {
    marks: Marks,
    /// Variables that the step reads and nobody sets yet.
    reads: BTreeSet<String>,
    told: Vec<String>,
}

impl Skeleton {
    fn request(
        &mut self,
        document: &Document,
        operation: &Operation<'_>,
    ) -> Result<Request, ImportError> {
        let verb = verb(operation.method).ok_or_else(|| ImportError::Refused {
            what: format!("operation `{}`", operation.id()),
            why: "a journey has get, post, put, patch, delete and head".to_owned(),
        })?;
        let server = document.server(operation).unwrap_or("/");
        let mut path = operation.path.to_owned();
        let mut headers = Vec::new();
        let mut query = Vec::new();
        for parameter in document.parameters(operation) {
            let Some(name) = parameter["name"].as_str() else {
                continue;
            };
            let kind = parameter["in"].as_str().unwrap_or_default();
            if kind == "path" {
                let mark = self.variable(name);
                path = path.replace(&format!("{{{name}}}"), &mark);
                continue;
            }
            if parameter["required"].as_bool() != Some(true) {
                self.told.push(format!("may have {kind} parameter {name}"));
                continue;
            }
            let value = match document.example(parameter).as_ref().map(as_text) {
                Some(Some(text)) => text,
                _ => self.variable(name),
            };
            match kind {
                "query" => query.push((name.to_owned(), value)),
                "header" if is_header_name(name) && !is_set_by_runner(name) => {
                    headers.push((name.to_owned(), value));
                }
                _ => self.told.push(format!("left out: {kind} parameter {name}")),
            }
        }
        let mut url = address(server, &path)?;
        for (key, value) in &query {
            let _ = url.query_pairs_mut().append_pair(key, value);
        }
        let payload = self.payload(document, operation);
        if let Payload::File(_) = payload
            && let Some(kind) = document.binary_type(operation)
        {
            headers.push(("content-type".to_owned(), kind.to_owned()));
        }
        Ok(Request {
            verb,
            url,
            headers,
            payload,
        })
    }

    /// A mark for a variable that the author has to set.
    fn variable(&mut self, name: &str) -> String {
        let variable = names::variable(name);
        let mark = self.marks.text(&variable);
        let _ = self.reads.insert(variable);
        mark
    }

    fn payload(&mut self, document: &Document, operation: &Operation<'_>) -> Payload {
        let body = document.follow(&operation.said["requestBody"]);
        let Some(content) = body["content"].as_object() else {
            return Payload::None;
        };
        let of_kind = |wanted: &str| {
            let mut kinds = content.iter();
            kinds
                .find(|(kind, _)| kind.contains(wanted))
                .map(|(_, media)| media)
        };
        if let Some(media) = of_kind("json") {
            return match document.example(media) {
                Some(value) => Payload::Json(value),
                None => Payload::Untold("the description says nothing of the body".to_owned()),
            };
        }
        if let Some(media) = of_kind("x-www-form-urlencoded") {
            let example = document.example(media).unwrap_or_default();
            let entries = example.as_object().into_iter().flatten();
            let pairs = entries
                .filter_map(|(key, value)| Some((key.clone(), as_text(value)?)))
                .collect();
            return Payload::Form(pairs);
        }
        if let Some(media) = of_kind("multipart/form-data") {
            let parts = document.parts(media);
            if !parts.is_empty() {
                return Payload::Parts(parts);
            }
        }
        if content.keys().any(|kind| is_binary_type(kind)) {
            return Payload::File(None);
        }
        let kinds: Vec<&str> = content.keys().map(String::as_str).collect();
        Payload::Untold(format!("left out: a body of type {}", kinds.join(" or ")))
    }

    fn step(
        mut self,
        document: &Document,
        operation: &Operation<'_>,
        request: &Request,
        lowering: &mut Lowering,
    ) -> Step {
        lowering.draft.sites.alias("api.invalid", "api");
        let mut step = self.marks.expand_step(lowering.step(request));
        let summary = operation.said["summary"].as_str().map(|summary| {
            let summary = summary.trim().trim_end_matches('.');
            let mut letters = summary.chars();
            let first = letters.next().map(|first| first.to_lowercase().to_string());
            format!("{}{}", first.unwrap_or_default(), letters.as_str())
        });
        if let Some(summary) = summary.filter(|summary| !summary.is_empty()) {
            step.name = lowering.free_name(&summary);
        }
        for scheme in document.security(operation) {
            self.secure(scheme, &mut step, lowering);
        }
        let statuses = operation.said["responses"]
            .as_object()
            .into_iter()
            .flatten();
        let good = statuses
            .filter_map(|(status, _)| status.parse::<u16>().ok())
            .find(|status| (200..300).contains(status));
        if let Some(status) = good {
            step.expect_status(status);
        }
        for variable in &self.reads {
            lowering.draft.need(variable);
        }
        if !self.reads.is_empty() {
            let reads: Vec<&str> = self.reads.iter().map(String::as_str).collect();
            self.told.push(format!(
                "capture in an earlier step, or keep in the account: {}",
                reads.join(", ")
            ));
        }
        let place = operation.place();
        step.comments.insert(0, lowering.clean(&place));
        step.comments
            .extend(self.told.iter().map(|line| lowering.clean(line)));
        step
    }

    fn secure(&mut self, scheme: &Value, step: &mut Step, lowering: &mut Lowering) {
        let word = |key: &str| {
            scheme[key]
                .as_str()
                .unwrap_or_default()
                .to_ascii_lowercase()
        };
        match (word("type").as_str(), word("scheme").as_str()) {
            ("http", "basic") => {
                let mut phrase = Phrase::words("Basic ");
                phrase.push_expression(BASIC);
                step.set_header("authorization", phrase);
            }
            ("http", "bearer") | ("oauth2" | "openidconnect", _) => {
                lowering.draft.need("token");
                let mut phrase = Phrase::words("Bearer ");
                phrase.push_expression("token");
                step.set_header("authorization", phrase);
            }
            ("apikey", _) => {
                let name = scheme["name"].as_str().unwrap_or_default();
                let field = names::variable(name);
                let value = Phrase::expression(field.clone());
                match word("in").as_str() {
                    "header" if is_header_name(name) && !is_set_by_runner(name) => {
                        step.set_header(&name.to_ascii_lowercase(), value);
                    }
                    "query" => {
                        step.query.retain(|(known, _)| known != name);
                        step.query.push((name.to_owned(), vec![value]));
                    }
                    _ => {
                        self.told
                            .push(format!("left out: the cookie {name} that it asks for"));
                        return;
                    }
                }
                lowering.draft.need(&field);
            }
            (kind, _) => self.told.push(format!(
                "left out: the security scheme {kind} that it asks for"
            )),
        }
    }
}

fn as_text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(flag.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// The URL of a path at a server, which may be a path itself or have variables.
fn address(server: &str, path: &str) -> Result<Url, ImportError> {
    let is_whole = server.starts_with("http://") || server.starts_with("https://");
    let server = if is_whole && !server.contains('{') {
        server.to_owned()
    } else if is_whole || server.contains('{') {
        NO_SERVER.to_owned()
    } else {
        format!("{NO_SERVER}/{}", server.trim_matches('/'))
    };
    let whole = format!("{}{path}", server.trim_end_matches('/'));
    Url::parse(&whole)
        .ok()
        .filter(Url::has_host)
        .ok_or_else(|| not_openapi(&format!("`{whole}` is not a URL")))
}
