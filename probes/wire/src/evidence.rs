//! What a failed step saw, as a log record with the step's ids.

use bongsu_model::{Evidence, RunId, RunReport, StepReport, Timestamp};
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::logs::v1::{LogRecord, SeverityNumber};

use crate::attribute::{AttributeError, AttributeFault, Attributes, Writer};
use crate::frame::RESOURCE_ATTRIBUTES;
use crate::limits::{
    EVIDENCE_BODY_BYTES_MAX, EVIDENCE_HEADER_BYTES_MAX, EVIDENCE_HEADERS_MAX, cut,
};
use crate::names::{self, key};
use crate::schema::{SCHEMA, check_schema};

/// What one step of a run saw.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepEvidence {
    /// The run.
    pub run: RunId,
    /// The span id of the step.
    pub step_span: [u8; 8],
    /// When the step ended.
    pub seen: Timestamp,
    /// What it saw.
    pub evidence: Evidence,
}

/// Puts evidence back into the step that it belongs to. False if the report is of another run or
/// has no such step.
pub fn attach_evidence(report: &mut RunReport, found: StepEvidence) -> bool {
    let id = report.facts.id;
    let step = report
        .steps
        .iter_mut()
        .find(|step| id.step_span(step.index, step.actor_index) == found.step_span);
    match step {
        Some(step) if id == found.run => {
            step.evidence = Some(found.evidence);
            true
        }
        _ => false,
    }
}

/// The record of a step's evidence, if it has any.
pub(crate) fn encode(step: &StepReport, id: RunId) -> Option<LogRecord> {
    let evidence = step.evidence.as_ref()?;
    Some(LogRecord {
        time_unix_nano: step.ended.as_unix_nanos(),
        observed_time_unix_nano: step.ended.as_unix_nanos(),
        severity_number: SeverityNumber::Warn.into(),
        event_name: names::EVENT_EVIDENCE.to_owned(),
        body: Some(AnyValue {
            value: Some(Value::StringValue(
                cut(&evidence.body_head, EVIDENCE_BODY_BYTES_MAX).to_owned(),
            )),
        }),
        attributes: encode_headers(&evidence.headers),
        trace_id: id.as_bytes().to_vec(),
        span_id: id.step_span(step.index, step.actor_index).to_vec(),
        ..LogRecord::default()
    })
}

/// Reads a record of evidence.
pub(crate) fn decode(record: &LogRecord) -> Result<StepEvidence, AttributeError> {
    let attributes = Attributes::new(&record.attributes, "attributes")?;
    check_schema(attributes.signed(key::SCHEMA)?, SCHEMA)
        .map_err(|error| AttributeFault::Schema(error).of(key::SCHEMA))?;
    let run = id(&record.trace_id, "trace_id")?;
    let body_head = match record.body.as_ref().and_then(|body| body.value.as_ref()) {
        Some(Value::StringValue(text)) if text.len() <= EVIDENCE_BODY_BYTES_MAX => text.clone(),
        Some(Value::StringValue(_)) => {
            return Err(AttributeFault::TooLong(EVIDENCE_BODY_BYTES_MAX).of("body"));
        }
        Some(_) => return Err(AttributeFault::Type("string").of("body")),
        None => return Err(AttributeFault::Missing.of("body")),
    };
    let names = attributes.required_array(key::EVIDENCE_HEADER_NAMES, EVIDENCE_HEADERS_MAX)?;
    let values = attributes
        .required_array(key::EVIDENCE_HEADER_VALUES, EVIDENCE_HEADERS_MAX)?
        .expect_len(names.len())?;
    let headers = names
        .texts(EVIDENCE_HEADER_BYTES_MAX)?
        .into_iter()
        .zip(values.texts(EVIDENCE_HEADER_BYTES_MAX)?)
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    Ok(StepEvidence {
        run: RunId::from_bytes(run),
        step_span: id(&record.span_id, "span_id")?,
        seen: Timestamp::from_unix_nanos(record.time_unix_nano),
        evidence: Evidence { headers, body_head },
    })
}

fn encode_headers(headers: &[(String, String)]) -> Vec<KeyValue> {
    let headers = &headers[..headers.len().min(EVIDENCE_HEADERS_MAX)];
    let mut writer = Writer::of(RESOURCE_ATTRIBUTES);
    writer.int(names::SCHEMA, u64::from(SCHEMA));
    writer.texts(
        names::EVIDENCE_HEADER_NAMES,
        headers.iter().map(|(name, _)| name.as_str()),
        EVIDENCE_HEADER_BYTES_MAX,
    );
    writer.texts(
        names::EVIDENCE_HEADER_VALUES,
        headers.iter().map(|(_, value)| value.as_str()),
        EVIDENCE_HEADER_BYTES_MAX,
    );
    writer.tree()
}

fn id<const N: usize>(bytes: &[u8], field: &'static str) -> Result<[u8; N], AttributeError> {
    bytes
        .try_into()
        .map_err(|_| AttributeFault::Range(format!("{} bytes, not {N}", bytes.len())).of(field))
}
