//! What steps and variables are called, and what requests are about.

use percent_encoding::percent_decode_str;
use serde_json::Value;
use url::Url;

use super::Lowering;
use crate::answers::Origin;
use crate::draft::{Act, Address, Step};
use crate::names;
use crate::request::{Payload, Request};

impl Lowering {
    /// What a request does, in a name that no step has.
    pub(super) fn name(&self, request: &Request, address: &Address, is_sign_in: bool) -> String {
        let segments = address.literal_segments();
        let operation = match &request.payload {
            Payload::Json(value) => value.get("operationName").and_then(Value::as_str),
            _ => None,
        };
        let text = match operation {
            Some(operation) => names::snake(operation).replace('_', " "),
            None if is_sign_in => "sign in".to_owned(),
            None if is_sign_out(request.verb, &segments) => "sign out".to_owned(),
            None => names::of_request(request.verb, &segments),
        };
        self.free_name(&text)
    }
}

/// The decoded segments of a URL's path.
pub(crate) fn segments(url: &Url) -> Vec<String> {
    url.path()
        .trim_start_matches('/')
        .split('/')
        .map(|segment| percent_decode_str(segment).decode_utf8_lossy().into_owned())
        .collect()
}

/// Whether a request ends a session.
pub(crate) fn is_sign_out(verb: &str, segments: &[String]) -> bool {
    let words: Vec<String> = segments
        .iter()
        .map(|segment| names::snake(segment))
        .collect();
    let says = |wanted: &[&str]| words.iter().any(|word| wanted.contains(&word.as_str()));
    says(&["logout", "log_out", "signout", "sign_out"])
        || verb == "delete" && says(&["session", "sessions"])
}

/// Whether a client makes the value of such a field up, so that requests are told apart.
pub(super) fn is_made_up(name: &str) -> bool {
    let name = names::snake(name);
    name.contains("idempotency")
        || name.contains("dedup")
        || name.starts_with("client_")
            && (name.contains("ref") || name.ends_with("_id") && name.matches('_').count() > 1)
        || [
            "request_id",
            "x_request_id",
            "correlation_id",
            "x_correlation_id",
            "external_id",
            "reference",
            "order_ref",
            "external_ref",
        ]
        .contains(&name.as_str())
}

/// What a captured value is called: by its field, an `id` by what it is the id of.
pub(super) fn variable_name(origin: &Origin) -> String {
    let key = names::snake(&origin.key);
    if key == "id" && !origin.thing.is_empty() {
        format!("{}_id", origin.thing)
    } else {
        key
    }
}

/// What a step is about, in one word: `ride` of `/v1/rides`.
pub(crate) fn thing(step: &Step) -> String {
    let Act::Http(_, address) = &step.act else {
        return String::new();
    };
    let segments = address.literal_segments();
    names::telling(&segments)
        .last()
        .map(|segment| names::singular(&names::snake(segment)))
        .unwrap_or_default()
}
