//! What a run looked like, step by step.

use std::net::IpAddr;
use std::time::Duration;

use crate::closed_list::closed_list;
use crate::{ActorName, BlindReason, FailClass, FeatureId, RunFacts, Timestamp};

closed_list! {
    /// The act that a step performs.
    Verb: "verb" {
        /// HTTP GET.
        Get = "get",
        /// HTTP POST.
        Post = "post",
        /// HTTP PUT.
        Put = "put",
        /// HTTP PATCH.
        Patch = "patch",
        /// HTTP DELETE.
        Delete = "delete",
        /// HTTP HEAD.
        Head = "head",
        /// A DNS query.
        Dns = "dns",
        /// A TLS handshake.
        Tls = "tls",
        /// A TCP exchange.
        Tcp = "tcp",
        /// A UDP exchange.
        Udp = "udp",
        /// Opens a WebSocket.
        Ws = "ws",
        /// Sends a WebSocket frame.
        Send = "send",
        /// Waits for a WebSocket frame.
        Receive = "receive",
        /// Closes a WebSocket.
        Close = "close",
        /// A gRPC call.
        Grpc = "grpc",
        /// An ICMP echo.
        Ping = "ping",
    }
}

impl Verb {
    /// The HTTP method, for verbs that are one.
    pub const fn http_method(self) -> Option<&'static str> {
        match self {
            Self::Get => Some("GET"),
            Self::Post => Some("POST"),
            Self::Put => Some("PUT"),
            Self::Patch => Some("PATCH"),
            Self::Delete => Some("DELETE"),
            Self::Head => Some("HEAD"),
            Self::Dns
            | Self::Tls
            | Self::Tcp
            | Self::Udp
            | Self::Ws
            | Self::Send
            | Self::Receive
            | Self::Close
            | Self::Grpc
            | Self::Ping => None,
        }
    }

    /// Whether the step can leave something behind on the platform.
    pub const fn has_side_effects(self) -> bool {
        matches!(
            self,
            Self::Post | Self::Put | Self::Patch | Self::Delete | Self::Send | Self::Grpc
        )
    }
}

closed_list! {
    /// Whether a step measures or undoes.
    StepKind: "step kind" {
        /// A `[[step]]`: it measures a feature.
        Step = "step",
        /// A `[[cleanup]]`: it undoes, and owns no feature.
        Cleanup = "cleanup",
    }
}

/// How a step that was performed ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum StepOutcome {
    /// All expectations held in time.
    Pass,
    /// As `Pass`, but slower than the step's `slow`.
    Slow,
    /// The platform did not do what was expected.
    Fail(FailClass),
    /// The agent could not do its part.
    Blind(BlindReason),
}

/// Durations of the phases of the deciding attempt: disjoint, absent where not reached.
///
/// They add up to the attempt's total. `wait` runs from the first byte sent to the first byte of
/// the answer (the sending of bodies is folded in), `receive` to the last byte read. Over HTTP/2,
/// where other frames come before an answer's, `wait` runs to the whole head of the answer. A
/// request over a connection that was open already has neither `dns` nor `connect` nor `tls`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Phases {
    /// Resolving the name.
    pub dns: Option<Duration>,
    /// The TCP handshake.
    pub connect: Option<Duration>,
    /// The TLS handshake.
    pub tls: Option<Duration>,
    /// From the request to the first byte of the answer, over HTTP/2 to its whole head.
    pub wait: Option<Duration>,
    /// From there to the answer's last byte.
    pub receive: Option<Duration>,
}

impl Phases {
    /// All phases with their names on the wire, in the order in which they happen.
    pub const fn named(&self) -> [(&'static str, Option<Duration>); 5] {
        [
            ("dns", self.dns),
            ("connect", self.connect),
            ("tls", self.tls),
            ("wait", self.wait),
            ("receive", self.receive),
        ]
    }

    /// The sum of the phases that were reached.
    pub fn total(&self) -> Duration {
        self.named()
            .iter()
            .filter_map(|(_, duration)| *duration)
            .sum()
    }
}

/// What was seen of the network by the deciding attempt; absent where not reached.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct NetworkFacts {
    /// The name or address that was asked for.
    pub server_address: Option<String>,
    /// The port that was asked for.
    pub server_port: Option<u16>,
    /// The one address that was connected to: the proxy's where the target is reached through one.
    pub peer_address: Option<IpAddr>,
    /// How long a proxy took to open the way to the server, which is a part of the phase connect;
    /// absent without a proxy, and where it passes plain requests on.
    pub tunnel: Option<Duration>,
    /// The URL, redacted.
    pub url: Option<String>,
    /// The status of the HTTP answer.
    pub http_status: Option<u16>,
    /// `1.1` or `2`.
    pub http_version: Option<String>,
    /// Bytes of the answer's body after decompression.
    pub body_bytes: Option<u64>,
    /// The addresses that the name resolved to.
    pub dns_answers: Vec<IpAddr>,
    /// `1.2` or `1.3`.
    pub tls_version: Option<String>,
    /// The cipher suite, by its IANA name.
    pub tls_cipher: Option<String>,
    /// What ALPN agreed on, `h2` or `http/1.1`; absent where the server names nothing.
    pub tls_next_protocol: Option<String>,
    /// When the server's certificate ends.
    pub tls_not_after: Option<Timestamp>,
}

/// An attempt before the deciding one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EarlierAttempt {
    /// Why it failed.
    pub class: FailClass,
    /// How, in a few words, redacted.
    pub detail: String,
    /// How long it took.
    pub duration: Duration,
}

/// A redirect that was followed on the way to the deciding answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RedirectHop {
    /// The status that redirected.
    pub status: u16,
    /// The URL that answered so, redacted.
    pub url: String,
    /// How long it took.
    pub duration: Duration,
    /// Where that time went; they are part of the attempt's phases.
    pub phases: Phases,
}

/// What a failed step saw, redacted and cut.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Evidence {
    /// Header lines of the answer, redacted.
    pub headers: Vec<(String, String)>,
    /// The first 4 KiB of the answer's body, redacted, with U+FFFD for what is not UTF-8.
    pub body_head: String,
}

/// One step as performed by one actor.
#[derive(Debug, Clone, PartialEq)]
pub struct StepReport {
    /// The step's name in the journey.
    pub name: String,
    /// Its place in the journey, steps and cleanup steps counted together, from 0.
    pub index: u32,
    /// Whether it measures or undoes.
    pub kind: StepKind,
    /// The act.
    pub verb: Verb,
    /// Who performed it.
    pub actor: ActorName,
    /// The actor's place among the journey's actors, from 0.
    pub actor_index: u32,
    /// Whose availability it measures; none for cleanup steps.
    pub feature: Option<FeatureId>,
    /// How it ended.
    pub outcome: StepOutcome,
    /// When its first attempt started.
    pub started: Timestamp,
    /// When its last attempt ended.
    pub ended: Timestamp,
    /// How often it was tried, 1 or more.
    pub attempts: u32,
    /// How often a `poll` asked, 0 for steps that do not poll.
    pub polls: u32,
    /// The deciding attempt's phases.
    pub phases: Phases,
    /// What the deciding attempt saw of the network.
    pub network: NetworkFacts,
    /// Why it failed, in a few words, redacted: `nxdomain`, `first_byte`, `503`.
    pub detail: Option<String>,
    /// The expectations that did not hold, with actual values, redacted; at most 5.
    pub failed_expectations: Vec<String>,
    /// Attempts before the deciding one.
    pub earlier_attempts: Vec<EarlierAttempt>,
    /// Redirects that the deciding attempt followed, in order; none while redirects are off.
    pub redirects: Vec<RedirectHop>,
    /// What was seen, for failures only.
    pub evidence: Option<Evidence>,
}

/// One execution of a journey: its facts and its steps.
#[derive(Debug, Clone, PartialEq)]
pub struct RunReport {
    /// What the engine reads.
    pub facts: RunFacts,
    /// What a person reads: one entry per (step, actor) that was performed, in order of start.
    pub steps: Vec<StepReport>,
}
