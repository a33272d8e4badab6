//! The verbs of a step, and which of its keys have a meaning for which verb.

use bongsu_model::Verb;

use crate::keys;

/// The verbs of a step, in the order in which they are listed in messages.
pub(super) const VERBS: &[(&str, StepVerb)] = &[
    ("get", StepVerb::Http(Verb::Get)),
    ("post", StepVerb::Http(Verb::Post)),
    ("put", StepVerb::Http(Verb::Put)),
    ("patch", StepVerb::Http(Verb::Patch)),
    ("delete", StepVerb::Http(Verb::Delete)),
    ("head", StepVerb::Http(Verb::Head)),
    ("grpc", StepVerb::Grpc),
    ("ws", StepVerb::Open),
    ("send", StepVerb::Send),
    ("receive", StepVerb::Receive),
    ("close", StepVerb::Close),
    ("dns", StepVerb::Net(Verb::Dns)),
    ("tls", StepVerb::Net(Verb::Tls)),
    ("tcp", StepVerb::Net(Verb::Tcp)),
    ("udp", StepVerb::Net(Verb::Udp)),
    ("ping", StepVerb::Net(Verb::Ping)),
    ("use", StepVerb::Use),
];

/// What a step does, by its verb.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum StepVerb {
    Http(Verb),
    Grpc,
    Open,
    Send,
    Receive,
    Close,
    Net(Verb),
    Use,
}

impl StepVerb {
    /// The keys that have a meaning for this verb, beside `name`, the verb itself and `as`.
    pub(super) fn keys(self) -> impl Iterator<Item = &'static str> {
        keys::STEP.names().filter(move |key| self.takes(key))
    }

    /// Whether `key`, which is neither `name` nor the verb itself nor `as`, has a meaning for this
    /// verb.
    pub(super) fn takes(self, key: &str) -> bool {
        use StepVerb::{Close, Grpc, Http, Net, Open, Receive, Send, Use};
        let sends_body = matches!(self, Http(verb) if !matches!(verb, Verb::Get | Verb::Head));
        match key {
            "feature" | "slow" | "within" | "since" | "timeout" | "when" => self != Use,
            "wait_before" => !matches!(self, Net(_) | Use),
            "headers" => matches!(self, Http(_) | Grpc | Open),
            "query" => matches!(self, Http(_) | Open),
            "follow" => matches!(self, Http(_)),
            "form" | "multipart" | "oauth2" => sends_body,
            "body" => sends_body || self == Send,
            "json" | "spends" | "side_effect" => sends_body || matches!(self, Grpc | Send),
            "descriptor" => self == Grpc,
            "expect" => !matches!(self, Send | Close | Use),
            "fail_if" | "poll" | "retry" => matches!(self, Http(_) | Grpc | Net(_)),
            "capture" => !matches!(self, Send | Close | Net(Verb::Ping) | Use),
            "max_body" => matches!(self, Http(_) | Grpc | Net(Verb::Tcp | Verb::Udp)),
            "socket" => self == Open,
            "where" => self == Receive,
            "type" | "server" | "over" => self == Net(Verb::Dns),
            "server_name" | "alpn" => self == Net(Verb::Tls),
            "send" => matches!(self, Net(Verb::Tcp | Verb::Udp)),
            _ => false,
        }
    }
}

/// Whether a key of a step is its verb.
pub(crate) fn is_verb(key: &str) -> bool {
    VERBS.iter().any(|(word, _)| *word == key)
}

/// Every verb, with the keys that it takes beside `name` and `as`.
pub(crate) fn verb_keys() -> impl Iterator<Item = (&'static str, Vec<&'static str>)> {
    VERBS
        .iter()
        .map(|(word, verb)| (*word, verb.keys().collect()))
}
