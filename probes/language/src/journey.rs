//! A journey as it runs: every reference resolved, every fragment laid out, every text compiled.

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use bongsu_model::{
    ActorName, FailClass, FeatureId, JourneyName, PoolName, Revision, StepKind, Tag, Variant, Verb,
};
use serde_json::Value;

use crate::capture::Capture;
use crate::expect::Expectations;
use crate::expression::Expression;
use crate::grpc::{GrpcStatus, Method};
use crate::multipart::FormPart;
use crate::source::Position;
use crate::template::{Template, ValueTemplate};

mod net;

pub use net::{BytesAct, DnsAct, DnsServer, NetAct, Over, Payload, Peer, TlsAct};

/// How long a step may take if it says nothing of it.
pub const STEP_TIMEOUT: Duration = Duration::from_secs(10);

/// How long the cleanup may take if the journey says nothing of it.
pub const CLEANUP_TIMEOUT: Duration = Duration::from_secs(5);

/// Most bytes of an answer's body, counted after decompression, if the step says nothing of it.
pub const BODY_BYTES_MAX: usize = 1024 * 1024;

/// Most headers that one table names; with those of `defaults` and of the actor a request has three
/// times as many at most, and many servers take fewer.
pub const HEADERS_MAX: usize = 100;

/// Most redirects that a step may follow: as many as a report has room for.
pub const FOLLOW_MAX: u32 = 8;

/// Most steps of a journey, fragments laid out and cleanup included.
pub const STEPS_MAX: usize = 100;

/// A scripted path through one feature. One that exists can run.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Journey {
    /// Its name, unique among the files loaded together.
    pub name: JourneyName,
    /// The feature whose availability it measures; some step measures this one.
    pub feature: FeatureId,
    /// The content hash of its text and of the fragments that it uses.
    pub revision: Revision,
    /// The cadence, unless the plan says otherwise.
    pub every: Option<Duration>,
    /// The deadline of all steps together.
    pub timeout: Duration,
    /// The budget of all cleanup steps together, after the journey's.
    pub cleanup_timeout: Duration,
    /// The personas, at least one.
    pub actors: Vec<Actor>,
    /// The only IP version that is used, if the file says so.
    pub ip: Option<IpVersion>,
    /// Constants of the journey.
    pub vars: Vec<(String, Value)>,
    /// The journey of each `[[case]]`, with the case as its only variant. A journey with cases is
    /// run as these; agents refuse it.
    pub cases: Vec<Journey>,
    /// Words by which `run` picks journeys.
    pub tags: Vec<Tag>,
    /// The steps, fragments laid out, in order; at least one.
    pub steps: Vec<Step>,
    /// The cleanup: the journey's own, then that of each `use`, in file order.
    pub cleanup: Vec<Step>,
    /// The `use` steps; [`Scope::Fragment`] counts them.
    pub uses: Vec<FragmentUse>,
    /// How it is run: cold, and with `warm = true` warm as well, each with slots of its own.
    ///
    /// A cold run begins as a new user does: no name resolved, no connection, no session. A warm
    /// run begins with the session that an earlier warm run of the same journey opened for the
    /// same account: its cookies, and what fragments with `session = true` gave it. The steps of
    /// these fragments are passed over then, so that the run says nothing of signing in and goes on
    /// seeing its own feature while nobody can sign in. Names are resolved, connections opened and
    /// TLS sessions begun anew in every run.
    ///
    /// ```toml
    /// # fragments/sign-in.toml
    /// session = true      # what its steps make is a session
    /// gives = ["token"]
    ///
    /// # send-message.toml
    /// warm = true         # run as `cold` and as `warm`
    /// [[step]]
    /// name = "both sign in"
    /// as = ["alice", "bob"]
    /// use = "sign-in"     # a warm run passes over it for who has a session
    /// ```
    ///
    /// An agent gives a warm run accounts that have a session, where they are free. While there is
    /// no session a warm run signs in as a cold one does, and is blocked where that fails. Where a
    /// step is answered with 401 (gRPC: `UNAUTHENTICATED`) the session has ended: the actor signs
    /// in again within the run, which is measured as signing in always is and runs no clock of
    /// another step, and the step is performed once more; a 401 to the new session is the step's
    /// own failure.
    /// After any other answer that a session may be the cause of (redirects, 4xx, content that is
    /// not as expected) the next run signs in anew; after 5xx, or no answer, it does not.
    ///
    /// The cleanup of a session's fragment is not performed while the session is kept. Sessions are
    /// in memory alone, and end with the agent or the command: nobody is signed out then, and the
    /// platform ends them in its own time.
    pub variants: Vec<Variant>,
    /// The file that it stands in.
    pub path: Arc<str>,
}

impl Journey {
    /// D: how long a run may take, cleanup included.
    pub fn deadline(&self) -> Duration {
        self.timeout + self.cleanup_timeout
    }

    /// Whether a run always ends before the next one is due.
    pub fn fits(&self, every: Duration) -> bool {
        self.deadline() < every
    }

    /// Whether a run changes something on the platform beyond what its steps declare harmless.
    pub fn has_side_effects(&self) -> bool {
        self.steps.iter().any(|step| step.effect == Effect::Change)
    }

    /// Whether no step and no cleanup has a verb that can change something, whatever the file says
    /// of it: a run leaves nothing behind, wherever it ends.
    pub fn only_asks(&self) -> bool {
        let mut all = self.steps.iter().chain(&self.cleanup);
        all.all(|step| !step.verb().has_side_effects())
    }

    /// The most money, in whole minor units, that a run moves out of the account of the actor
    /// with this index, cleanup included; none if no step says what it spends.
    pub fn spends(&self, actor: usize) -> Option<u64> {
        let all = || self.steps.iter().chain(&self.cleanup);
        let own = all().filter(|step| step.actors.contains(&actor));
        let sum = own
            .filter_map(|step| step.spends)
            .fold(0, u64::saturating_add);
        all().any(|step| step.spends.is_some()).then_some(sum)
    }

    /// Whether a run of the warm variant leaves `step` out while it has a session: its fragment
    /// signs in.
    pub fn is_passed_over_when_warm(&self, step: &Step) -> bool {
        match step.scope {
            Scope::Journey => false,
            Scope::Fragment(n) => {
                self.variants.contains(&Variant::warm())
                    && self.uses.get(n).is_some_and(|used| used.is_session)
            }
        }
    }

    /// The actor with this index.
    pub fn actor_name(&self, actor: usize) -> Option<&ActorName> {
        self.actors.get(actor).map(|actor| &actor.name)
    }
}

/// A version of IP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum IpVersion {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

/// Whether an actor keeps cookies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cookies {
    /// It keeps what it is given, and sends it back.
    Kept,
    /// It neither keeps nor sends any: `cookies = false`.
    Refused,
}

/// A persona with an account of its own.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Actor {
    /// Its name.
    pub name: ActorName,
    /// Where its account is leased from.
    pub pool: PoolName,
    /// The account fields that the journey reads, in order of first use.
    pub fields: Vec<String>,
    /// Whether it keeps cookies.
    pub cookies: Cookies,
    /// Where the actor is declared.
    pub position: Position,
}

/// A fragment laid out at one `use` step.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct FragmentUse {
    /// The fragment's name.
    pub fragment: String,
    /// The name of the `use` step.
    pub step: String,
    /// Who performs it: indices into [`Journey::actors`].
    pub actors: Vec<usize>,
    /// The steps that it became, as indices into [`Journey::steps`].
    pub steps: Range<usize>,
    /// The variables that it sets on the acting actor.
    pub gives: Vec<String>,
    /// Whether a warm run passes over it while it has what an earlier one gave.
    pub is_session: bool,
}

/// Which part of a journey a step belongs to: it decides which cleanup is owed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// The journey's own steps.
    Journey,
    /// The steps of the n-th `use`: an index into [`Journey::uses`].
    Fragment(usize),
}

/// One network act, performed by one actor or by several at the same time.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Step {
    /// Its name, unique in the journey; `use step: fragment's step` if a fragment gave it.
    pub name: String,
    /// Its place, steps and cleanup counted together, from 0.
    pub index: u32,
    /// Whether it measures or undoes.
    pub kind: StepKind,
    /// The part of the journey that it belongs to.
    pub scope: Scope,
    /// Who performs it: indices into [`Journey::actors`]; several act at the same time, and all
    /// end before the next step begins.
    pub actors: Vec<usize>,
    /// The feature that it measures; none of a cleanup step's results count for it.
    pub feature: FeatureId,
    /// What it does.
    pub act: Act,
    /// What must hold; an HTTP step without a status expects 2xx.
    pub expect: Expectations,
    /// If this holds, a poll ends at once as failed.
    pub fail_if: Expectations,
    /// What is kept of the answer.
    pub captures: Vec<Capture>,
    /// Repeat until `expect` holds.
    pub poll: Option<Poll>,
    /// Repeat a failed send.
    pub retry: Option<Retry>,
    /// Slower than this is slow.
    pub slow: Option<Duration>,
    /// Slower than this, counted from `since`, has failed.
    pub within: Option<Duration>,
    /// The step, as an index into [`Journey::steps`], whose start starts the clock of `slow` and
    /// `within`.
    pub since: Option<usize>,
    /// How long one attempt may take, if the file says so.
    pub timeout: Option<Duration>,
    /// The step is left out unless this is true.
    pub when: Option<Expression>,
    /// The pause before the step; none of its times count it.
    pub wait_before: Option<Duration>,
    /// Most bytes of the answer's body, counted after decompression.
    pub max_body: usize,
    /// Most money that it moves out of its actor's account, in whole minor units; none if the
    /// file does not say.
    pub spends: Option<u64>,
    /// Whether the kill switch holds it back.
    pub effect: Effect,
    /// Where its name stands.
    pub position: Position,
    /// Where its `within` stands.
    pub within_position: Option<Position>,
}

impl Step {
    /// The verb of its act.
    pub fn verb(&self) -> Verb {
        self.act.verb()
    }

    /// How long one attempt may take.
    pub fn attempt_timeout(&self) -> Duration {
        self.timeout.unwrap_or(STEP_TIMEOUT)
    }
}

/// Whether a step changes something on the platform.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// It only asks, or says that what it changes does not matter, such as a session.
    None,
    /// An unsafe verb: something is made, moved or deleted.
    Change,
}

/// What a step does.
#[derive(Debug, Clone, PartialEq)]
pub enum Act {
    /// An HTTP request.
    Http(HttpAct),
    /// A gRPC call.
    Grpc(Box<GrpcAct>),
    /// Opens a WebSocket.
    Open(OpenAct),
    /// Sends a frame.
    Send {
        /// The socket's name, as the actor opened it.
        socket: String,
        /// The frame: text as it is, a value as JSON.
        body: Body,
    },
    /// Waits for a frame.
    Receive {
        /// The socket's name, as the actor opened it.
        socket: String,
        /// The frames that are meant; the others are passed over.
        filter: Expectations,
    },
    /// Closes a socket.
    Close {
        /// The socket's name, as the actor opened it.
        socket: String,
    },
    /// An exchange below HTTP.
    Net(Box<NetAct>),
}

impl Act {
    /// The act's verb.
    pub fn verb(&self) -> Verb {
        match self {
            Self::Http(act) => act.verb,
            Self::Grpc(_) => Verb::Grpc,
            Self::Open(_) => Verb::Ws,
            Self::Send { .. } => Verb::Send,
            Self::Receive { .. } => Verb::Receive,
            Self::Close { .. } => Verb::Close,
            Self::Net(act) => act.verb(),
        }
    }
}

/// An HTTP request.
#[derive(Debug, Clone, PartialEq)]
pub struct HttpAct {
    /// One of the HTTP verbs.
    pub verb: Verb,
    /// Where it goes.
    pub url: Url,
    /// Its headers: defaults, then the actors', then its own; the last of a name counts.
    pub headers: Vec<Header>,
    /// The query, in order.
    pub query: Vec<(String, ValueTemplate)>,
    /// Who asks, in the header `authorization`, if it is an OAuth2 client that says so there.
    pub client: Option<ClientCredentials>,
    /// Its body.
    pub body: Body,
    /// How many redirects are followed, at most [`FOLLOW_MAX`].
    pub follow: u32,
}

/// An OAuth2 client's credentials as HTTP Basic has them (RFC 6749, section 2.3.1).
#[derive(Debug, Clone, PartialEq)]
pub struct ClientCredentials {
    /// `client_id`.
    pub id: Template,
    /// `client_secret`.
    pub secret: Template,
}

/// A gRPC call: one message each way.
///
/// ```toml
/// [[step]]
/// name = "the shop takes orders"
/// grpc = "/shop.v1.Orders/Get"          # behind `base`, or a whole URL; service and method written out
/// side_effect = false                   # it only asks: it may be polled and retried, owes no cleanup
/// headers.authorization = "Bearer {{ token }}"       # metadata; a name in -bin takes base64
/// json = { id = "{{ order_id }}", count = 2 }        # the message, in ProtoJSON
/// descriptor = "protos/shop.binpb"      # else the server is asked by reflection, once in a run
/// retry = { times = 2, on = ["connect", "UNAVAILABLE"] }
/// expect.grpc_status = ["OK", "NOT_FOUND"]           # names or numbers; OK if nothing is said
/// expect.header.x-region = "seoul"      # metadata and trailers alike
/// expect.json."$.total.units" = { min = 1 }          # default values are there, 64 bits are numbers
/// capture.order = { json = "$.id" }
/// ```
///
/// `http://` is HTTP/2 by prior knowledge, `https://` by ALPN. The descriptor is what `protoc
/// --include_imports --descriptor_set_out=FILE.binpb` writes, in the folder of the file that names
/// it or below; with one, messages are held against it at load. The standard health check
/// (`grpc.health.v1.Health/Check`) needs neither, changes nothing, and expects `SERVING` unless
/// the step expects something else. The time that reflection takes is no part of the step's.
#[derive(Debug, Clone, PartialEq)]
pub struct GrpcAct {
    /// Where it goes, service and method included.
    pub url: Url,
    /// The service's full name: `package.Service`.
    pub service: String,
    /// The method's name.
    pub method: String,
    /// Its metadata, defaults first.
    pub headers: Vec<Header>,
    /// The message, as JSON.
    pub message: ValueTemplate,
    /// The file that describes the messages, beside the journey's own, and where it is named.
    pub descriptor: Option<(String, Position)>,
    /// The method, if its messages are known; else the server is asked by reflection.
    pub known: Option<Method>,
    /// Where the message stands.
    pub message_position: Position,
}

/// The opening of a WebSocket.
#[derive(Debug, Clone, PartialEq)]
pub struct OpenAct {
    /// Where it goes: `ws://` or `wss://`.
    pub url: Url,
    /// Headers of the upgrade, defaults first.
    pub headers: Vec<Header>,
    /// The query, in order.
    pub query: Vec<(String, ValueTemplate)>,
    /// The name by which other steps know the socket.
    pub socket: String,
}

/// A URL: absolute, or a path behind the journey's base.
#[derive(Debug, Clone, PartialEq)]
pub struct Url {
    /// The base that a path is put behind.
    pub base: Option<Template>,
    /// The rest; values in it are percent-encoded, except `target.…`.
    pub rest: Template,
    /// Where it stands.
    pub position: Position,
}

/// A header of a request.
#[derive(Debug, Clone, PartialEq)]
pub struct Header {
    /// Its name, lower-case.
    pub name: String,
    /// Its value.
    pub value: Template,
    /// What happens while a variable in it is unset.
    pub origin: HeaderOrigin,
}

/// Where a header comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HeaderOrigin {
    /// From `defaults`: left out while a variable in it is unset.
    Default,
    /// From the actor with this index: sent by it alone, and left out while a variable in it is
    /// unset.
    Actor(usize),
    /// From the step: an unset variable is an error.
    Step,
}

/// The body of a request or frame.
#[derive(Debug, Clone, PartialEq)]
pub enum Body {
    /// None.
    Empty,
    /// JSON; a lone placeholder keeps its type.
    Json(ValueTemplate),
    /// `application/x-www-form-urlencoded`.
    Form(Vec<(String, ValueTemplate)>),
    /// `multipart/form-data`.
    Multipart(Vec<FormPart>),
    /// Text as it is.
    Text(Template),
    /// Bytes as they are.
    Bytes(Vec<u8>),
    /// So many generated bytes.
    Generated(usize),
}

/// Repeat until the expectations hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Poll {
    /// The time between two starts.
    pub every: Duration,
    /// For how long in all.
    pub for_: Duration,
}

/// Repeat a failed send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Retry {
    /// How often beside the first time.
    pub times: u32,
    /// After what.
    pub on: Vec<RetryOn>,
}

/// What a send may be repeated after.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RetryOn {
    /// A failure of this class: dns, connect, tls or timeout.
    Class(FailClass),
    /// This status of HTTP.
    Status(u16),
    /// This status of gRPC.
    Grpc(GrpcStatus),
}

/// A variable that a step reads.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Need {
    /// Whose it is: an index into [`Journey::actors`].
    pub actor: usize,
    /// Its name.
    pub name: String,
}
