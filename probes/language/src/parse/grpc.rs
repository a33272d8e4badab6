//! `grpc = "https://host/package.Service/Method"`.

use crate::document::{Node, Table};
use crate::expect::{Check, Expectation, Expectations, Subject};
use crate::grpc::{GrpcStatus, health_check, is_health_check};
use crate::journey::{Act, GrpcAct};
use crate::jsonpath::JsonPath;
use crate::keys;
use crate::parse::Doing;
use crate::parser::{Parser, shown};
use crate::source::Position;
use crate::template::{Part, Template, ValueTemplate};

/// Metadata that the runner sets itself, beside all that begins with `grpc-`.
const OWN_METADATA: &[&str] = &["content-type", "content-encoding", "accept-encoding"];

/// Longest name of a service and a method together, in bytes.
const NAME_BYTES_MAX: usize = 500;

impl Parser<'_> {
    pub(super) fn call(&mut self, table: &Table, node: &Node) -> Option<GrpcAct> {
        let url = self.url(node, &["http://", "https://"]);
        let headers = self.step_headers(table);
        self.refuse_own_metadata(table);
        let message = match table.get("json") {
            None => Some(ValueTemplate::Table(Box::default())),
            Some(message) => {
                if let Some(fields) = message.as_table() {
                    self.refuse_secret_literals(fields);
                }
                self.value(message)
            }
        };
        let message_position = self.position(&table.get("json").unwrap_or(node).span);
        let descriptor = match table.text("descriptor") {
            None => None,
            Some((path, node)) => Some(self.descriptor(path, node)?),
        };
        let url = url?;
        let Some((service, method)) = method_of(&url.rest) else {
            let _ = self
                .error(&node.span, "this names no method of gRPC")
                .help("end it with /package.Service/Method, written out");
            return None;
        };
        let known = (descriptor.is_none() && is_health_check(&service, &method))
            .then(|| health_check().clone());
        Some(GrpcAct {
            url,
            service,
            method,
            headers,
            message: message?,
            descriptor,
            known,
            message_position,
        })
    }

    fn refuse_own_metadata(&mut self, table: &Table) {
        for entry in table.table("headers").map_or(&[][..], |h| &h.entries) {
            let name = entry.key.to_ascii_lowercase();
            if OWN_METADATA.contains(&name.as_str()) || name.starts_with("grpc-") {
                let _ = self
                    .error(
                        &entry.key_span,
                        format!("`{}` is set by the runner itself", shown(&name)),
                    )
                    .help("remove it");
            }
        }
    }

    /// A path below the journey's own folder, so that a journey reads nothing else.
    fn descriptor(&mut self, path: &str, node: &Node) -> Option<(String, Position)> {
        if is_descriptor_path(path) {
            return Some((path.to_owned(), self.position(&node.span)));
        }
        let _ = self
            .error(
                &node.span,
                format!("`{}` cannot be the path of a descriptor", shown(path)),
            )
            .help("name a .binpb file in this file's folder or below, as in \"protos/pay.binpb\"");
        None
    }

    pub(super) fn grpc_status(&mut self, node: &Node) -> Option<Expectation> {
        let checks = match node.as_table() {
            None => vec![Check::GrpcStatus(self.grpc_statuses(node)?)],
            Some(table) => {
                let mut checks = Vec::new();
                for entry in &table.entries {
                    let statuses = self.grpc_statuses(&entry.node);
                    match entry.key.as_str() {
                        "in" => checks.push(Check::GrpcStatus(statuses?)),
                        "not" => checks.push(Check::Not(vec![Check::GrpcStatus(statuses?)])),
                        key => {
                            let _ = self
                                .error(&entry.key_span, format!("a status has no `{}`", shown(key)))
                                .help("use a name, a number, a list, { in = … } or { not = … }");
                            return None;
                        }
                    }
                }
                checks
            }
        };
        Some(Expectation {
            subject: Subject::GrpcStatus,
            checks,
            position: self.position(&node.span),
        })
    }

    fn grpc_statuses(&mut self, node: &Node) -> Option<Vec<GrpcStatus>> {
        match node.items() {
            Some(items) if !items.is_empty() => {
                let all: Vec<_> = items.iter().map(|item| self.grpc_one(item)).collect();
                all.into_iter().collect()
            }
            _ => self.grpc_one(node).map(|status| vec![status]),
        }
    }

    fn grpc_one(&mut self, node: &Node) -> Option<GrpcStatus> {
        let (number, name) = (node.as_integer(), node.as_text());
        let status = number
            .and_then(GrpcStatus::from_number)
            .or_else(|| GrpcStatus::from_name(name?));
        if status.is_none() {
            let similar = name.map(str::to_ascii_uppercase);
            let similar = similar.and_then(|name| keys::did_you_mean(&name, GrpcStatus::names()));
            let help = similar.map_or_else(
                || "use a number from 0 to 16, or a name such as \"NOT_FOUND\"".to_owned(),
                |similar| format!("did you mean \"{similar}\"?"),
            );
            let _ = self
                .error(&node.span, "this is not a status of gRPC")
                .label(format!("this is {}", node.kind()))
                .help(help);
        }
        status
    }
}

/// Whether a path stays below the folder that it starts in, and is that of a descriptor.
pub(crate) fn is_descriptor_path(path: &str) -> bool {
    let is_plain = |part: &str| !part.is_empty() && part != "." && part != "..";
    path.ends_with(".binpb")
        && path.len() <= NAME_BYTES_MAX
        && !path.contains(|c: char| c.is_control() || c == '\\')
        && path.split('/').all(is_plain)
}

impl Expectations {
    /// With OK expected, unless something is said about the status; and SERVING of a health check
    /// of which nothing else is said.
    pub(super) fn of_call(mut self, act: &GrpcAct, position: &Position) -> Self {
        let says = |subject: fn(&Subject) -> bool| self.all.iter().any(|e| subject(&e.subject));
        if says(|subject| *subject == Subject::GrpcStatus) {
            return self;
        }
        let is_open = !says(|subject| matches!(subject, Subject::Json(_)));
        let expected = |subject, check| Expectation {
            subject,
            checks: vec![check],
            position: position.clone(),
        };
        let ok = Check::GrpcStatus(vec![GrpcStatus::OK]);
        self.all.insert(0, expected(Subject::GrpcStatus, ok));
        if is_open
            && is_health_check(&act.service, &act.method)
            && let Ok(path) = JsonPath::parse("$.status")
        {
            let serving = Check::Equals(ValueTemplate::Literal(Box::new("SERVING".into())));
            self.all.push(expected(Subject::Json(path), serving));
        }
        self
    }
}

/// Whether a step only asks: the standard health check changes nothing.
pub(super) fn only_asks(doing: Option<&Doing>) -> bool {
    matches!(doing, Some(Doing::Act(Act::Grpc(act)))
        if is_health_check(&act.service, &act.method))
}

/// Service and method at the end of a URL, where they are written out.
fn method_of(url: &Template) -> Option<(String, String)> {
    let Part::Text(end) = url.parts().last()? else {
        return None;
    };
    let (before, method) = end.rsplit_once('/')?;
    let (before, service) = before.rsplit_once('/')?;
    let is_word = |word: &str| {
        word.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
            && word.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
    };
    let fits = is_word(method)
        && service.split('.').all(is_word)
        && end.len() <= NAME_BYTES_MAX
        && !before.ends_with('/')
        && !before.contains(['?', '#']);
    fits.then(|| (service.to_owned(), method.to_owned()))
}
