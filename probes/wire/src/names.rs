//! Every attribute and event name of the wire, once, with type, unit and description.
//!
//! Version 1 has no OTLP metrics: agents never send availability, the collector derives it.

/// What a name stands on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// An attribute of the resource: the agent.
    Resource,
    /// An attribute of the root span: the run.
    Run,
    /// An attribute of a step span.
    Step,
    /// An attribute of a log record.
    Log,
    /// The `event_name` of a log record.
    Event,
}

/// One name: where it stands, its OTLP type, its unit and what it says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Definition {
    /// The name as written on the wire.
    pub name: &'static str,
    /// Where it stands.
    pub place: Place,
    /// The OTLP type of its value: `string`, `int`, `double`, `string[]`, `bool[]`, `double[]`.
    pub value: &'static str,
    /// The unit in UCUM, `1` where there is none.
    pub unit: &'static str,
    /// What it says.
    pub description: &'static str,
}

/// A name with its place in [`ALL`]: what a reader looks an attribute up by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Key {
    pub(crate) name: &'static str,
    pub(crate) place: usize,
}

impl Key {
    /// Of a name of [`ALL`]; another does not compile.
    const fn of(name: &'static str) -> Self {
        let mut place = 0;
        while !is_same(ALL[place].name.as_bytes(), name.as_bytes()) {
            place += 1;
        }
        Self { name, place }
    }
}

const fn is_same(a: &[u8], b: &[u8]) -> bool {
    let mut i = 0;
    while i < a.len() && i < b.len() && a[i] == b[i] {
        i += 1;
    }
    i == a.len() && i == b.len()
}

impl From<Key> for &'static str {
    fn from(key: Key) -> Self {
        key.name
    }
}

macro_rules! definitions {
    ($( $constant:ident = $name:literal, $place:ident, $value:literal, $unit:literal, $description:literal; )+) => {
        $(
            #[doc = concat!("`", $name, "`: ", $description)]
            pub const $constant: &str = $name;
        )+

        /// The names with their places.
        #[expect(dead_code, reason = "names that are written only have places too")]
        pub(crate) mod key {
            use super::Key;

            $( pub(crate) const $constant: Key = Key::of($name); )+
        }

        /// Every name, in the order of `wire.md`.
        pub const ALL: &[Definition] = &[ $( Definition {
            name: $name,
            place: Place::$place,
            value: $value,
            unit: $unit,
            description: $description,
        } ),+ ];
    };
}

definitions! {
    SERVICE_NAME = "service.name", Resource, "string", "1",
        "Always `bongsu-agent`.";
    SERVICE_VERSION = "service.version", Resource, "string", "1",
        "The agent's version.";
    SERVICE_INSTANCE_ID = "service.instance.id", Resource, "string", "1",
        "The agent id.";
    HOST_NAME = "host.name", Resource, "string", "1",
        "The machine the agent runs on.";
    HOST_ARCH = "host.arch", Resource, "string", "1",
        "Its processor architecture.";
    OS_TYPE = "os.type", Resource, "string", "1",
        "Its operating system.";
    CLOUD_PROVIDER = "cloud.provider", Resource, "string", "1",
        "The cloud it runs in.";
    CLOUD_REGION = "cloud.region", Resource, "string", "1",
        "The cloud's region.";
    CLOUD_ZONE = "cloud.availability_zone", Resource, "string", "1",
        "The cloud's zone.";
    GEO_COUNTRY = "geo.country.iso_code", Resource, "string", "1",
        "Its country, ISO 3166-1 alpha-2.";
    GEO_LOCALITY = "geo.locality.name", Resource, "string", "1",
        "Its city.";

    SCHEMA = "bongsu.schema", Run, "int", "1",
        "The version of this schema; on evidence records too.";
    JOURNEY = "bongsu.journey", Run, "string", "1",
        "The journey.";
    JOURNEY_REVISION = "bongsu.journey.revision", Run, "string", "1",
        "The content hash of the journey that was run.";
    PLAN_REVISION = "bongsu.plan.revision", Run, "string", "1",
        "The content hash of the plan that asked for it.";
    TARGET = "bongsu.target", Run, "string", "1",
        "The environment of the platform.";
    VARIANT = "bongsu.variant", Run, "string", "1",
        "`cold`, `warm` or a case's name.";
    TRIGGER = "bongsu.trigger", Run, "string", "1",
        "`scheduled`, `burst`, `manual` or `ci`.";
    REGION = "bongsu.region", Run, "string", "1",
        "The region the agent speaks for.";
    NETWORK = "bongsu.network", Run, "string", "1",
        "The provider or ASN the agent sits in.";
    DUE = "bongsu.due", Run, "int", "ns",
        "When the run was due, Unix time; the start for other triggers than the schedule.";
    SLOT = "bongsu.slot", Run, "int", "1",
        "The slot number; only with trigger `scheduled`.";
    VERDICT = "bongsu.verdict", Run, "string", "1",
        "The outcome of the journey's own feature.";
    OUTCOME_FEATURE = "bongsu.outcome.feature", Run, "string[]", "1",
        "The features the run speaks of.";
    OUTCOME_VALUE = "bongsu.outcome.value", Run, "string[]", "1",
        "`pass`, `slow`, `fail`, `blocked`, `blind` or `skipped`, per feature.";
    OUTCOME_CLASS = "bongsu.outcome.class", Run, "string[]", "1",
        "The failure class, empty unless `fail`.";
    OUTCOME_BY = "bongsu.outcome.by", Run, "string[]", "1",
        "The feature that blocks, empty unless `blocked`.";
    OUTCOME_REASON = "bongsu.outcome.reason", Run, "string[]", "1",
        "Why blind or skipped, empty otherwise.";
    OUTCOME_OWN = "bongsu.outcome.own", Run, "bool[]", "1",
        "Whether it is the journey's own feature: exactly one is.";
    FLAGS = "bongsu.flags", Run, "string[]", "1",
        "`flaky` if a step passed only on a later attempt.";
    CLEANUP = "bongsu.cleanup", Run, "string", "1",
        "`none`, `done`, `leaked` or `owed`.";
    BOOT = "bongsu.boot", Run, "string", "1",
        "The agent's start, which scopes `bongsu.seq`.";
    SEQ = "bongsu.seq", Run, "int", "1",
        "Counts the runs of one boot: a gap is a lost run.";
    CLOCK_OFFSET = "bongsu.clock.offset", Run, "double", "s",
        "The agent's clock minus the collector's, estimated.";
    STEPS_DROPPED = "bongsu.steps.dropped", Run, "int", "1",
        "Steps left out because the run had more than a run may carry; absent if none.";

    STEP_NAME = "bongsu.step.name", Step, "string", "1",
        "The step's name in the journey.";
    STEP_INDEX = "bongsu.step.index", Step, "int", "1",
        "Its place in the journey, cleanup steps counted too, from 0.";
    STEP_KIND = "bongsu.step.kind", Step, "string", "1",
        "`step` or `cleanup`.";
    STEP_VERB = "bongsu.step.verb", Step, "string", "1",
        "The act.";
    STEP_ACTOR = "bongsu.step.actor", Step, "string", "1",
        "Who performed it.";
    STEP_ACTOR_INDEX = "bongsu.step.actor_index", Step, "int", "1",
        "The actor's place among the journey's actors, from 0.";
    STEP_OUTCOME = "bongsu.step.outcome", Step, "string", "1",
        "`pass`, `slow`, `fail` or `blind`.";
    STEP_REASON = "bongsu.step.reason", Step, "string", "1",
        "Why the step is blind; only then.";
    FEATURE = "bongsu.feature", Step, "string", "1",
        "Whose availability the step measures; absent on cleanup steps.";
    ATTEMPTS = "bongsu.attempts", Step, "int", "1",
        "How often the step was tried, 1 or more.";
    POLLS = "bongsu.polls", Step, "int", "1",
        "How often a poll asked, 0 for steps that do not poll.";
    PHASE_DNS = "bongsu.phase.dns.duration", Step, "double", "s",
        "Resolving the name, in the deciding attempt.";
    PHASE_CONNECT = "bongsu.phase.connect.duration", Step, "double", "s",
        "The TCP handshake.";
    PHASE_TLS = "bongsu.phase.tls.duration", Step, "double", "s",
        "The TLS handshake.";
    PHASE_WAIT = "bongsu.phase.wait.duration", Step, "double", "s",
        "From the request to the first byte of the answer, over HTTP/2 to its whole head.";
    PHASE_RECEIVE = "bongsu.phase.receive.duration", Step, "double", "s",
        "From there to the last byte of the answer.";
    ERROR_TYPE = "error.type", Step, "string", "1",
        "The failure class; only with outcome `fail`.";
    ERROR_DETAIL = "bongsu.error.detail", Step, "string", "1",
        "Why it failed, in a few words, redacted.";
    EXPECT_FAILED = "bongsu.expect.failed", Step, "string[]", "1",
        "Expectations that did not hold, with actual values, redacted; at most 5.";
    EARLIER_CLASS = "bongsu.earlier.class", Step, "string[]", "1",
        "Failure classes of the attempts before the deciding one.";
    EARLIER_DETAIL = "bongsu.earlier.detail", Step, "string[]", "1",
        "How each of them failed, redacted.";
    EARLIER_DURATION = "bongsu.earlier.duration", Step, "double[]", "s",
        "How long each of them took.";
    REDIRECT_STATUS = "bongsu.redirect.status", Step, "string[]", "1",
        "Statuses of the redirects that the deciding attempt followed, in order.";
    REDIRECT_URL = "bongsu.redirect.url", Step, "string[]", "1",
        "The URLs that redirected, redacted.";
    REDIRECT_DURATION = "bongsu.redirect.duration", Step, "double[]", "s",
        "How long each of them took.";
    REDIRECT_DNS = "bongsu.redirect.dns.duration", Step, "double[]", "s",
        "How long each of them resolved the name, -1 where it did not.";
    REDIRECT_CONNECT = "bongsu.redirect.connect.duration", Step, "double[]", "s",
        "How long each of them connected, -1 where it did not.";
    REDIRECT_TLS = "bongsu.redirect.tls.duration", Step, "double[]", "s",
        "How long the TLS handshake of each of them took, -1 where there was none.";
    REDIRECT_WAIT = "bongsu.redirect.wait.duration", Step, "double[]", "s",
        "How long each of them waited for the answer's first byte, -1 where none came.";
    REDIRECT_RECEIVE = "bongsu.redirect.receive.duration", Step, "double[]", "s",
        "How long each of them received the answer, -1 where none came.";
    RESPONSE_BODY_SIZE = "bongsu.response.body.size", Step, "int", "By",
        "The answer's body after decompression (the convention's `http.response.body.size` counts \
         before).";
    SYNTHETIC_TYPE = "user_agent.synthetic.type", Step, "string", "1",
        "Always `test`.";
    HTTP_METHOD = "http.request.method", Step, "string", "1",
        "The HTTP method.";
    HTTP_RESEND_COUNT = "http.request.resend_count", Step, "int", "1",
        "HTTP attempts before the deciding one, if any.";
    HTTP_STATUS = "http.response.status_code", Step, "int", "1",
        "The status of the HTTP answer.";
    URL_FULL = "url.full", Step, "string", "1",
        "The URL, redacted.";
    SERVER_ADDRESS = "server.address", Step, "string", "1",
        "The name or address that was asked for.";
    SERVER_PORT = "server.port", Step, "int", "1",
        "The port that was asked for.";
    PEER_ADDRESS = "network.peer.address", Step, "string", "1",
        "The one address that was connected to.";
    TUNNEL_DURATION = "bongsu.proxy.tunnel.duration", Step, "double", "s",
        "How long the proxy took to open the way, a part of connecting; absent without a proxy.";
    NETWORK_TYPE = "network.type", Step, "string", "1",
        "`ipv4` or `ipv6`, of the peer's address.";
    NETWORK_TRANSPORT = "network.transport", Step, "string", "1",
        "`tcp` or `udp`, where the verb tells.";
    PROTOCOL_NAME = "network.protocol.name", Step, "string", "1",
        "`http`, where a version of it was spoken.";
    PROTOCOL_VERSION = "network.protocol.version", Step, "string", "1",
        "`1.1` or `2`.";
    DNS_QUESTION = "dns.question.name", Step, "string", "1",
        "The name that a `dns` step asked for.";
    DNS_ANSWERS = "dns.answers", Step, "string[]", "1",
        "The addresses that the name resolved to.";
    TLS_PROTOCOL_NAME = "tls.protocol.name", Step, "string", "1",
        "`tls`, where a session was made.";
    TLS_PROTOCOL_VERSION = "tls.protocol.version", Step, "string", "1",
        "`1.2` or `1.3`.";
    TLS_CIPHER = "tls.cipher", Step, "string", "1",
        "The cipher suite, by its IANA name.";
    TLS_NEXT_PROTOCOL = "tls.next_protocol", Step, "string", "1",
        "What ALPN agreed on: `h2` or `http/1.1`; absent where the server named nothing.";
    TLS_NOT_AFTER = "tls.server.not_after", Step, "string", "1",
        "When the server's certificate ends, RFC 3339 in UTC.";

    EVIDENCE_HEADER_NAMES = "bongsu.evidence.header.names", Log, "string[]", "1",
        "Names of the answer's headers, in their order.";
    EVIDENCE_HEADER_VALUES = "bongsu.evidence.header.values", Log, "string[]", "1",
        "Their values, redacted.";

    EVENT_PLAN = "bongsu.plan", Event, "string", "1",
        "The body is the agent's plan as JSON.";
    EVENT_HEARTBEAT = "bongsu.heartbeat", Event, "string", "1",
        "The body is the agent's sign of life as JSON.";
    EVENT_EVIDENCE = "bongsu.evidence", Event, "string", "1",
        "The body is the head of what a failed step was answered, redacted.";
}

/// The value of [`SERVICE_NAME`].
pub const AGENT_SERVICE: &str = "bongsu-agent";

/// The scope that spans are made in.
pub const SCOPE_JOURNEY: &str = "bongsu.journey";

/// The scope that log records are made in.
pub const SCOPE_AGENT: &str = "bongsu.agent";

/// The only word of [`FLAGS`].
pub const FLAG_FLAKY: &str = "flaky";

/// The semantic conventions whose names are used beside our own.
pub const SEMANTIC_CONVENTIONS_URL: &str = "https://opentelemetry.io/schemas/1.44.0";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_there_once_and_described() {
        for (i, definition) in ALL.iter().enumerate() {
            assert!(
                ALL[i + 1..]
                    .iter()
                    .all(|other| other.name != definition.name),
                "{} is there twice",
                definition.name
            );
            assert!(definition.description.ends_with('.'), "{}", definition.name);
        }
    }

    #[test]
    fn a_key_is_the_place_of_its_name() {
        for key in [
            key::SERVICE_NAME,
            key::DUE,
            key::URL_FULL,
            key::EVENT_EVIDENCE,
        ] {
            assert_eq!(ALL[key.place].name, key.name);
        }
    }

    #[test]
    fn durations_are_in_seconds() {
        for definition in ALL.iter().filter(|d| d.name.ends_with(".duration")) {
            assert_eq!(definition.unit, "s", "{}", definition.name);
        }
    }
}
