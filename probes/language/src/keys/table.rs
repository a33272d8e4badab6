//! The tables of journeys and fragments.

use super::{Section, Shape, optional, required};

/// The keys of a journey.
pub(crate) static JOURNEY: Section = Section {
    title: "a journey",
    keys: &[
        required("format", Shape::Integer, "the version of the format: 1"),
        required("journey", Shape::Text, "the journey's name, unique"),
        required("feature", Shape::Text, "the feature that it measures"),
        optional(
            "every",
            Shape::Duration,
            "the cadence; a plan may override it",
        ),
        optional(
            "warm",
            Shape::Flag,
            "true if agents also run it as `warm`: with the session that an earlier run opened",
        ),
        required(
            "timeout",
            Shape::Duration,
            "the deadline of all steps together",
        ),
        optional(
            "cleanup_timeout",
            Shape::Duration,
            "the cleanup's own budget, after the journey's",
        ),
        optional(
            "base",
            Shape::Text,
            "what URLs that begin with / are put behind",
        ),
        optional("vars", Shape::Table, "constants of the journey"),
        required("actor", Shape::Table, "the personas"),
        optional(
            "defaults",
            Shape::Table,
            "what every step has unless it says otherwise",
        ),
        required("step", Shape::Tables, "the steps, in order"),
        optional(
            "cleanup",
            Shape::Tables,
            "what is undone afterwards, always",
        ),
        optional(
            "case",
            Shape::Tables,
            "named sets of variables: `run` makes a run of each, agents refuse them",
        ),
        optional("ip", Shape::Text, "the IP version to use: \"4\" or \"6\""),
        optional("tags", Shape::Texts, "words by which `run` picks journeys"),
    ],
};

/// The keys of a case.
pub(crate) static CASE: Section = Section {
    title: "a case",
    keys: &[
        required("name", Shape::Text, "its name, unique in the file"),
        required(
            "vars",
            Shape::Table,
            "what it sets of the journey's `vars`; the others stay as they are",
        ),
    ],
};

/// The keys of a fragment.
pub(crate) static FRAGMENT: Section = Section {
    title: "a fragment",
    keys: &[
        required("format", Shape::Integer, "the version of the format: 1"),
        required("fragment", Shape::Text, "the fragment's name, unique"),
        required(
            "feature",
            Shape::Text,
            "the feature that its steps measure, wherever it is used",
        ),
        optional(
            "needs",
            Shape::Texts,
            "variables that the acting actor must have",
        ),
        optional(
            "gives",
            Shape::Texts,
            "variables that it sets on the acting actor",
        ),
        optional(
            "session",
            Shape::Flag,
            "true if its steps sign in: a warm run passes over them while it has what they gave",
        ),
        required("step", Shape::Tables, "the steps, in order"),
        optional(
            "cleanup",
            Shape::Tables,
            "what is undone afterwards, after the journey's own cleanup",
        ),
    ],
};

/// The keys of an actor.
pub(crate) static ACTOR: Section = Section {
    title: "an actor",
    keys: &[
        required(
            "account",
            Shape::Text,
            "where its account is leased from: `pool:NAME`",
        ),
        optional(
            "needs",
            Shape::Texts,
            "account fields beside login, password and user_id",
        ),
        optional(
            "cookies",
            Shape::Flag,
            "false if it neither keeps nor sends cookies",
        ),
        optional(
            "headers",
            Shape::Table,
            "headers of its requests; one whose variable is unset is left out",
        ),
    ],
};

/// The keys of defaults.
pub(crate) static DEFAULTS: Section = Section {
    title: "defaults",
    keys: &[optional(
        "headers",
        Shape::Table,
        "headers of every request; one whose variable is unset is left out",
    )],
};

/// The keys of a step.
pub(crate) static STEP: Section = Section {
    title: "a step",
    keys: &[
        required("name", Shape::Text, "its name, unique in the file"),
        optional("get", Shape::Text, "HTTP GET of this URL"),
        optional("post", Shape::Text, "HTTP POST to this URL"),
        optional("put", Shape::Text, "HTTP PUT to this URL"),
        optional("patch", Shape::Text, "HTTP PATCH of this URL"),
        optional("delete", Shape::Text, "HTTP DELETE of this URL"),
        optional("head", Shape::Text, "HTTP HEAD of this URL"),
        optional("ws", Shape::Text, "opens a WebSocket"),
        optional(
            "send",
            Shape::Any,
            "sends a frame on this socket; with `tcp` and `udp`, what is sent",
        ),
        optional("receive", Shape::Text, "waits for a frame on this socket"),
        optional("close", Shape::Text, "closes this socket"),
        optional("grpc", Shape::Text, "calls this gRPC method"),
        optional("use", Shape::Text, "performs this fragment"),
        optional("dns", Shape::Text, "asks DNS for this name"),
        optional("tls", Shape::Text, "shakes hands with this host:port"),
        optional("tcp", Shape::Text, "connects to this host:port"),
        optional("udp", Shape::Text, "sends a datagram to this host:port"),
        optional("ping", Shape::Text, "asks this host for an ICMP echo"),
        optional("type", Shape::Text, "the type of DNS record; A if left out"),
        optional("server", Shape::Text, "the DNS server, if not the target's"),
        optional(
            "over",
            Shape::Text,
            "how DNS is asked: udp, tcp, dot or doh",
        ),
        optional(
            "server_name",
            Shape::Text,
            "the name that the certificate must be good for, if not the host's",
        ),
        optional("alpn", Shape::Texts, "what the handshake offers by ALPN"),
        optional(
            "as",
            Shape::Names,
            "the actor, or a list: once each, at the same time",
        ),
        optional(
            "feature",
            Shape::Text,
            "the feature that it measures, if not the journey's",
        ),
        optional("json", Shape::Any, "the body as JSON"),
        optional("form", Shape::Table, "the body as a form"),
        optional(
            "multipart",
            Shape::Table,
            "the body as a form of parts, files among them",
        ),
        optional(
            "body",
            Shape::Any,
            "the body as text, or how its bytes are made",
        ),
        optional(
            "oauth2",
            Shape::Table,
            "asks a token endpoint; what it gives is `token` and, where there is one, `refresh_token`",
        ),
        optional("query", Shape::Table, "the URL's query"),
        optional("headers", Shape::Table, "headers of the request"),
        optional(
            "descriptor",
            Shape::Text,
            "a file beside this one that describes the messages of a gRPC call",
        ),
        optional("expect", Shape::Table, "what must hold of the answer"),
        optional(
            "fail_if",
            Shape::Table,
            "what ends a poll at once as failed",
        ),
        optional("capture", Shape::Table, "what is kept of the answer"),
        optional("poll", Shape::Table, "repeat until `expect` holds"),
        optional("retry", Shape::Table, "repeat a failed send"),
        optional("slow", Shape::Duration, "slower than this is slow"),
        optional("within", Shape::Duration, "slower than this has failed"),
        optional(
            "since",
            Shape::Text,
            "the step whose start starts the clock",
        ),
        optional(
            "socket",
            Shape::Text,
            "the name of the WebSocket that is opened",
        ),
        optional("where", Shape::Table, "which frames are meant"),
        optional("timeout", Shape::Duration, "how long one attempt may take"),
        optional(
            "max_body",
            Shape::Integer,
            "most bytes of the answer's body, decompressed",
        ),
        optional(
            "when",
            Shape::Text,
            "a condition; the step is left out unless it is true",
        ),
        optional(
            "spends",
            Shape::Any,
            "most money that it moves out of its actor's account, in whole minor units",
        ),
        optional(
            "side_effect",
            Shape::Flag,
            "false if an unsafe verb changes nothing that the kill switch must hold back",
        ),
        optional(
            "follow",
            Shape::Integer,
            "how many redirects to follow, 1 to 8; none unless it says so",
        ),
        optional("wait_before", Shape::Duration, "a pause before the step"),
    ],
};

/// The keys of an expectation.
pub(crate) static EXPECT: Section = Section {
    title: "an expectation",
    keys: &[
        optional(
            "status",
            Shape::Any,
            "a status, a list of them, or a class such as \"2xx\"",
        ),
        optional(
            "grpc_status",
            Shape::Any,
            "a status of gRPC by name or number, or a list of them",
        ),
        optional("header", Shape::Table, "headers by name"),
        optional("json", Shape::Table, "values by JSONPath"),
        optional("body", Shape::Any, "the whole body as text"),
        optional(
            "sha256",
            Shape::Any,
            "the SHA-256 of the body's bytes, in hexadecimal",
        ),
        optional("frame", Shape::Any, "the first frame of a socket"),
        optional("time", Shape::Table, "how long the step may take"),
        optional("rcode", Shape::Any, "the code of a DNS answer"),
        optional("answers", Shape::Any, "the records of a DNS answer"),
        optional("ttl", Shape::Any, "the shortest time to live, in seconds"),
        optional("dnssec", Shape::Any, "what the DNS server says of DNSSEC"),
        optional("days_left", Shape::Any, "days until the certificate ends"),
        optional("issuer", Shape::Any, "who issued the certificate"),
        optional("names", Shape::Any, "what the certificate is good for"),
        optional("chain", Shape::Any, "the subjects of the certificates sent"),
        optional("version", Shape::Any, "the version of TLS"),
        optional("cipher", Shape::Any, "the cipher suite"),
        optional("alpn", Shape::Any, "what ALPN agreed on"),
        optional(
            "ocsp",
            Shape::Any,
            "the stapled revocation status: good, revoked, unknown, stale, unverified, unreadable, none",
        ),
        optional("hex", Shape::Any, "the bytes that came, in hexadecimal"),
    ],
};

/// The keys of an expectation's operators.
pub(crate) static OPERATORS: Section = Section {
    title: "an expectation's operators",
    keys: &[
        optional(
            "is",
            Shape::Text,
            "a type: string, integer, number, boolean, array, object, null",
        ),
        optional("in", Shape::List, "equal to one of these"),
        optional("min", Shape::Any, "a number not below this"),
        optional("max", Shape::Any, "a number not above this"),
        optional(
            "contains",
            Shape::Any,
            "a text with this part, or a list with this item",
        ),
        optional("starts_with", Shape::Text, "a text that starts so"),
        optional(
            "matches",
            Shape::Text,
            "a text in which this pattern is found",
        ),
        optional("exists", Shape::Flag, "whether there is a value at all"),
        optional("count", Shape::Any, "how many values a path matches"),
        optional("not", Shape::Any, "does not hold"),
    ],
};

/// The keys of a time.
pub(crate) static TIME: Section = Section {
    title: "a time",
    keys: &[
        optional("min", Shape::Duration, "not faster than this"),
        optional("max", Shape::Duration, "not slower than this"),
    ],
};

/// The keys of a capture.
pub(crate) static CAPTURE: Section = Section {
    title: "a capture",
    keys: &[
        optional("json", Shape::Text, "a JSONPath into the body or frame"),
        optional("header", Shape::Text, "a header"),
        optional(
            "regex",
            Shape::Text,
            "a pattern; its first group, or all of it; beside `header` it is looked for there",
        ),
        optional(
            "parameter",
            Shape::Text,
            "a parameter of the URL that the `header` holds",
        ),
        optional(
            "cookie",
            Shape::Text,
            "a cookie that the answer sets, or a redirect that led to it",
        ),
        optional(
            "time",
            Shape::Text,
            "seconds: total, or of a phase: dns, connect, tls, wait, receive",
        ),
        optional(
            "tls",
            Shape::Text,
            "a fact of TLS: version, cipher, protocol, not_after; of a `tls` step also what it expects",
        ),
        optional("dns", Shape::Text, "a fact of a DNS answer"),
        optional("hex", Shape::Flag, "the bytes that came, in hexadecimal"),
        optional("ip", Shape::Flag, "the address that was connected to"),
        optional("body", Shape::Flag, "the whole body"),
        optional("frame", Shape::Flag, "the whole frame"),
        optional(
            "take",
            Shape::Text,
            "which match: one, first, last, all, count",
        ),
        optional("optional", Shape::Flag, "whether nothing may be found"),
        optional(
            "secret",
            Shape::Flag,
            "whether the value must never be shown",
        ),
    ],
};

/// The keys of a part of a multipart form.
pub(crate) static PART: Section = Section {
    title: "a part of a form",
    keys: &[
        optional("file", Shape::Text, "the file's name"),
        optional("type", Shape::Text, "the content type that is stated"),
        optional("text", Shape::Any, "the content as text"),
        optional("json", Shape::Any, "the content as JSON"),
        optional(
            "size",
            Shape::Any,
            "generated content of so many bytes, as in \"200KiB\"",
        ),
    ],
};

/// The keys of a raw body.
pub(crate) static RAW: Section = Section {
    title: "a raw body",
    keys: &[
        optional(
            "size",
            Shape::Any,
            "so many generated bytes, as in \"200KiB\"",
        ),
        optional("base64", Shape::Text, "bytes in base64"),
    ],
};

/// The keys of a token request.
pub(crate) static OAUTH2: Section = Section {
    title: "a token request",
    keys: &[
        required(
            "grant",
            Shape::Text,
            "client_credentials, refresh_token or authorization_code",
        ),
        required("client_id", Shape::Text, "the client"),
        optional("client_secret", Shape::Text, "its secret"),
        optional(
            "auth",
            Shape::Text,
            "where the client's credentials go: basic (a header) or post (the form)",
        ),
        optional("scope", Shape::Text, "what is asked for"),
        optional("audience", Shape::Text, "whom the token is for"),
        optional("code", Shape::Text, "the authorization code"),
        optional(
            "redirect_uri",
            Shape::Text,
            "where the code was sent, as when it was asked for",
        ),
        optional(
            "code_verifier",
            Shape::Text,
            "what the challenge was made of (PKCE)",
        ),
        optional("refresh_token", Shape::Text, "the refresh token"),
    ],
};

/// The keys of bytes to be sent.
pub(crate) static PAYLOAD: Section = Section {
    title: "bytes",
    keys: &[
        optional("hex", Shape::Text, "pairs of hexadecimal digits"),
        optional("base64", Shape::Text, "base64 (RFC 4648, section 4)"),
    ],
};

/// The keys of a poll.
pub(crate) static POLL: Section = Section {
    title: "a poll",
    keys: &[
        required("every", Shape::Duration, "the time between two starts"),
        required("for", Shape::Duration, "for how long in all"),
        optional(
            "idempotent",
            Shape::Flag,
            "says that repeating an unsafe verb does no harm",
        ),
    ],
};

/// The keys of a retry.
pub(crate) static RETRY: Section = Section {
    title: "a retry",
    keys: &[
        required(
            "times",
            Shape::Integer,
            "how often beside the first time, 1 to 5",
        ),
        required(
            "on",
            Shape::Texts,
            "after what: connect, dns, tls, timeout, or a status",
        ),
    ],
};
