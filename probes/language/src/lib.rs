//! The journey language: text in, [`Journey`]s or [`Diagnostic`]s out.
//!
//! Everything that can be wrong with a file is told at once, with line, column and remedy; a
//! journey that exists can run. The crate is pure: it reads no file, no clock and no socket.

mod capture;
mod catalogue;
mod diagnostic;
mod document;
mod duration;
mod environment;
mod expect;
mod expression;
mod extract;
mod fact;
mod format;
mod grpc;
mod header_lines;
mod host_port;
mod journey;
mod json;
mod jsonpath;
mod keys;
mod load;
mod multipart;
mod needs;
mod observed;
mod parse;
mod parser;
mod prepare;
mod redact;
mod remedy;
mod rule;
mod schema;
mod sketch;
mod source;
mod syntax;
mod target;
mod template;

pub use capture::{Capture, CaptureFrom, HeaderPart, Presence, Secrecy, Span, Take, TlsFact};
pub use catalogue::load_catalogue;
pub use diagnostic::{Colour, Diagnostic, Related, Severity};
pub use duration::{DurationError, display_duration, parse_duration};
pub use environment::{Environment, RunWords, Variable};
pub use expect::{
    About, Check, Existence, Expectation, Expectations, Kind, Mismatch, StatusSet, Subject,
};
pub use expression::{Expression, Name};
pub use extract::{CaptureError, Captured};
pub use fact::Fact;
pub use format::format;
pub use grpc::{
    GrpcStatus, MessageError, Method, REFLECTION_METHODS, ReflectionAnswer, ReflectionQuestion,
    Schema, SchemaError,
};
pub use header_lines::HeaderLines;
pub use host_port::HostPort;
pub use journey::{
    Act, Actor, BODY_BYTES_MAX, Body, BytesAct, CLEANUP_TIMEOUT, ClientCredentials, Cookies,
    DnsAct, DnsServer, Effect, FOLLOW_MAX, FragmentUse, GrpcAct, HEADERS_MAX, Header, HeaderOrigin,
    HttpAct, IpVersion, Journey, Need, NetAct, OpenAct, Over, Payload, Peer, Poll, Retry, RetryOn,
    STEP_TIMEOUT, STEPS_MAX, Scope, Step, TlsAct, Url,
};
pub use jsonpath::{Cardinality, JsonPath, JsonPathError};
pub use load::{CheckOptions, Loaded, load, load_each, load_journeys, named_descriptors};
pub use multipart::{FormPart, GENERATED_BYTES_MAX, PARTS_MAX, PartContent};
pub use observed::Observed;
pub use parse::is_secret_name;
pub use prepare::{
    Prepared, PreparedAct, PreparedCall, PreparedDns, PreparedNet, PreparedRequest, PreparedServer,
    RenderError,
};
pub use redact::{Redactor, SECRET_BYTES_MIN, SecretTooShort, check_secret};
pub use rule::Rule;
pub use schema::{SchemaKind, schema};
pub use sketch::{Sketch, SketchedJourney, SketchedStep, sketch};
pub use source::{Position, SourceFile};
pub use target::{
    AccountSpec, Budget, FieldSource, HostPattern, KillSwitch, Pool, ProxyLogin, ProxySpec, Reach,
    TargetProfile, load_target,
};
pub use template::{Template, ValueTemplate};
