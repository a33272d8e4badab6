//! Plans, heartbeats and evidence as log records, and reading a request record by record.

use bongsu_model::{Heartbeat, PlanRecord, RunReport, Timestamp};
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope};
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs, SeverityNumber};
use prost::Message as _;

use crate::attribute::AttributeFault;
use crate::evidence::{self, StepEvidence};
use crate::heartbeat::{heartbeat_from_json, heartbeat_to_json};
use crate::names;
use crate::plan::{plan_from_json, plan_to_json};
use crate::refusal::{BodyError, DecodeError, RecordRefusal};
use crate::resource::AgentResource;
use crate::weight::{Message, is_too_dense};

/// One log record of an agent, kept.
#[derive(Debug, Clone, PartialEq)]
pub struct DecodedRecord {
    /// Who speaks.
    pub resource: AgentResource,
    /// What it says.
    pub record: AgentRecord,
}

/// What a log record of an agent says.
#[derive(Debug, Clone, PartialEq)]
pub enum AgentRecord {
    /// What it will run.
    Plan(PlanRecord),
    /// That it lives, and how.
    Heartbeat(Heartbeat),
    /// What a failed step saw.
    Evidence(StepEvidence),
}

/// One log record, refused.
#[derive(Debug, Clone, PartialEq)]
pub struct RejectedRecord {
    /// Its event name, cut to 80 bytes.
    pub event: String,
    /// Why.
    pub reason: RecordRefusal,
}

/// The plan as an `ExportLogsServiceRequest`, made at `now`.
pub fn encode_plan(plan: &PlanRecord, resource: &AgentResource, now: Timestamp) -> Vec<u8> {
    let record = json_record(names::EVENT_PLAN, plan_to_json(plan), now);
    request(resource, vec![record])
}

/// The heartbeat as an `ExportLogsServiceRequest`.
pub fn encode_heartbeat(heartbeat: &Heartbeat, resource: &AgentResource) -> Vec<u8> {
    let json = heartbeat_to_json(heartbeat);
    let record = json_record(names::EVENT_HEARTBEAT, json, heartbeat.sent);
    request(resource, vec![record])
}

/// The evidence of a run's steps as an `ExportLogsServiceRequest`; none if no step has any.
pub fn encode_evidence(report: &RunReport, resource: &AgentResource) -> Option<Vec<u8>> {
    let id = report.facts.id;
    let records: Vec<LogRecord> = report
        .steps
        .iter()
        .filter_map(|step| evidence::encode(step, id))
        .collect();
    (!records.is_empty()).then(|| request(resource, records))
}

/// Several encoded requests as one, as [`merge_traces`](crate::merge_traces) does for runs.
pub fn merge_logs<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> Vec<u8> {
    parts.into_iter().collect::<Vec<_>>().concat()
}

/// Reads a request: per record what it says, or why it is refused.
///
/// # Errors
/// When the bytes are no `ExportLogsServiceRequest`: nothing of it is kept.
pub fn decode_logs(
    bytes: &[u8],
) -> Result<Vec<Result<DecodedRecord, RejectedRecord>>, DecodeError> {
    const MESSAGE: &str = "ExportLogsServiceRequest";
    if is_too_dense(bytes, Message::Logs) {
        return Err(DecodeError::TooDense { message: MESSAGE });
    }
    let request =
        ExportLogsServiceRequest::decode(bytes).map_err(DecodeError::protobuf(MESSAGE))?;
    let mut records = Vec::new();
    for resource_logs in &request.resource_logs {
        let resource = AgentResource::decode(resource_logs.resource.as_ref());
        let of_scopes = resource_logs
            .scope_logs
            .iter()
            .flat_map(|scope_logs| &scope_logs.log_records);
        for record in of_scopes {
            let decoded = decode_record(record).and_then(|decoded| {
                let resource = resource.clone().map_err(RecordRefusal::Resource)?;
                Ok(DecodedRecord {
                    resource,
                    record: decoded,
                })
            });
            records.push(decoded.map_err(|reason| RejectedRecord {
                event: crate::limits::cut(&record.event_name, 80).to_owned(),
                reason,
            }));
        }
    }
    Ok(records)
}

fn decode_record(record: &LogRecord) -> Result<AgentRecord, RecordRefusal> {
    match record.event_name.as_str() {
        names::EVENT_PLAN => {
            read_body(record, names::EVENT_PLAN, plan_from_json).map(AgentRecord::Plan)
        }
        names::EVENT_HEARTBEAT => read_body(record, names::EVENT_HEARTBEAT, heartbeat_from_json)
            .map(AgentRecord::Heartbeat),
        names::EVENT_EVIDENCE => {
            evidence::decode(record)
                .map(AgentRecord::Evidence)
                .map_err(|error| RecordRefusal::Attribute {
                    event: names::EVENT_EVIDENCE,
                    error,
                })
        }
        _ => Err(RecordRefusal::Foreign),
    }
}

fn read_body<T>(
    record: &LogRecord,
    event: &'static str,
    read: fn(&str) -> Result<T, BodyError>,
) -> Result<T, RecordRefusal> {
    let fault = match record.body.as_ref().and_then(|body| body.value.as_ref()) {
        Some(Value::StringValue(json)) => {
            return read(json).map_err(|error| RecordRefusal::Body { event, error });
        }
        Some(_) => AttributeFault::Type("string"),
        None => AttributeFault::Missing,
    };
    Err(RecordRefusal::Attribute {
        event,
        error: fault.of("body"),
    })
}

fn json_record(event: &str, json: String, at: Timestamp) -> LogRecord {
    LogRecord {
        time_unix_nano: at.as_unix_nanos(),
        observed_time_unix_nano: at.as_unix_nanos(),
        severity_number: SeverityNumber::Info.into(),
        event_name: event.to_owned(),
        body: Some(AnyValue {
            value: Some(Value::StringValue(json)),
        }),
        ..LogRecord::default()
    }
}

fn request(resource: &AgentResource, log_records: Vec<LogRecord>) -> Vec<u8> {
    let scope_logs = ScopeLogs {
        scope: Some(InstrumentationScope {
            name: names::SCOPE_AGENT.to_owned(),
            version: resource.version.clone(),
            ..InstrumentationScope::default()
        }),
        log_records,
        schema_url: names::SEMANTIC_CONVENTIONS_URL.to_owned(),
    };
    ExportLogsServiceRequest {
        resource_logs: vec![ResourceLogs {
            resource: Some(resource.encode()),
            scope_logs: vec![scope_logs],
            schema_url: names::SEMANTIC_CONVENTIONS_URL.to_owned(),
        }],
    }
    .encode_to_vec()
}
