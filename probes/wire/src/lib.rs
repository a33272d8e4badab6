//! What agent and collector say to each other, version [`SCHEMA`].
//!
//! A run is a trace: the root span is the run, child spans are its steps, all in one OTLP
//! request ([`encode_run`], [`decode_traces`], [`decode_report`]). Plans, heartbeats and evidence
//! are OTLP log records ([`encode_plan`], [`encode_heartbeat`], [`encode_evidence`],
//! [`decode_logs`]). What comes as OTLP/JSON is made protobuf first ([`traces_from_json`],
//! [`logs_from_json`]). Every name on the wire is in [`names`], every bound in [`limits`].
//!
//! What a server's answer means to a sender, and how long it waits, is here too ([`read_answer`],
//! [`Backoff`]): agent and collector both send.
//!
//! The crate is pure: it reads no clock and opens no socket; bytes in, values out.
//!
//! # What a decoder holds
//! - A bad run or record is refused alone, with a reason that names what is wrong
//!   ([`RunRefusal`], [`RecordRefusal`]); only bytes that are no OTLP, or that would decode to many
//!   times their size, refuse a whole request ([`DecodeError`]).
//! - A word outside its closed list is refused, and so is one that only the collector may say.
//!   Unknown attributes and JSON keys are ignored: that is how versions may grow.
//! - The id of a scheduled run is the one that its facts give ([`facts_match_id`]), so that a slot
//!   cannot count twice under two ids.
//! - A run that [`decode_traces`] keeps is one that [`decode_report`] reads.
//!
//! # What the types do not show
//! Whole numbers on the wire are signed: times reach to the year 2262, counts to 2^63 − 1.
//! Durations are seconds in doubles, exact to the nanosecond up to [`limits::DURATION_MAX`].

mod answer;
mod attribute;
mod backoff;
mod body;
mod date;
mod evidence;
mod foreign;
mod frame;
mod heartbeat;
mod json;
pub mod limits;
mod logs;
pub mod names;
mod network;
pub mod opamp;
mod outcomes;
mod plan;
mod protobuf;
mod refusal;
mod resource;
mod response;
mod root;
mod schema;
mod seconds;
mod span_time;
mod step;
mod traces;
mod value;
mod view;
mod weight;

pub use answer::{Answer, RawAnswer, http_date, read_answer};
pub use attribute::{AttributeError, AttributeFault};
pub use backoff::Backoff;
pub use evidence::{StepEvidence, attach_evidence};
pub use foreign::{ForeignSpans, Sorted, take_foreign};
pub use heartbeat::{heartbeat_from_json, heartbeat_to_json};
pub use json::{logs_from_json, traces_from_json};
pub use logs::{
    AgentRecord, DecodedRecord, RejectedRecord, decode_logs, encode_evidence, encode_heartbeat,
    encode_plan, merge_logs,
};
pub use plan::{plan_bytes, plan_from_json, plan_to_json};
pub use refusal::{BodyError, DecodeError, JsonError, RecordRefusal, RunRefusal};
pub use resource::AgentResource;
pub use response::{
    MESSAGE_BYTES_MAX, PLAN_HEADER, PLAN_UNKNOWN, PartialSuccess, RECEIVED_HEADER,
    decode_logs_response, decode_status_body, decode_trace_response, logs_response,
    logs_response_json, retry_status, status_body, status_json, trace_response,
    trace_response_json,
};
pub use root::facts_match_id;
pub use schema::{SCHEMA, SchemaError, check_schema, is_readable};
pub use traces::{
    DecodedRun, RejectedRun, ReportError, decode_report, decode_traces, decode_traces_whole,
    encode_run, is_read_in_place, merge_traces,
};
