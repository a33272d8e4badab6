//! What a collector answers: success, partial success, or an error's status.

use std::time::Duration;

use opentelemetry_proto::tonic::collector::logs::v1::{
    ExportLogsPartialSuccess, ExportLogsServiceResponse,
};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTracePartialSuccess, ExportTraceServiceResponse,
};
use prost::Message as _;

use crate::limits::cut;
use crate::refusal::DecodeError;

/// Bytes of a message in an answer: enough for a few reasons, far below the 4 MiB that a client
/// takes.
pub const MESSAGE_BYTES_MAX: usize = 4_096;

/// The header of a collector's 200 that says when it received the request, in Unix nanoseconds of
/// its own clock. Agents estimate their clock's offset from it; `Date` only has whole seconds.
pub const RECEIVED_HEADER: &str = "bongsu-received-ns";

/// The header of a collector's answer to a heartbeat that names a plan it has no record of; its
/// value is [`PLAN_UNKNOWN`]. The agent then sends the record again.
pub const PLAN_HEADER: &str = "bongsu-plan";

/// The value of [`PLAN_HEADER`].
pub const PLAN_UNKNOWN: &str = "unknown";

/// Part of a request was refused, for good; or, with nothing refused, a warning.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartialSuccess {
    /// Spans or log records that were refused. They must not be sent again.
    pub rejected: i64,
    /// Why, for people.
    pub message: String,
}

/// An `ExportTraceServiceResponse`. Full success leaves `partial_success` unset, as OTLP demands.
pub fn trace_response(partial: Option<PartialSuccess>) -> Vec<u8> {
    let partial_success = partial.map(|partial| ExportTracePartialSuccess {
        rejected_spans: partial.rejected,
        error_message: cut(&partial.message, MESSAGE_BYTES_MAX).to_owned(),
    });
    ExportTraceServiceResponse { partial_success }.encode_to_vec()
}

/// An `ExportLogsServiceResponse`. Full success leaves `partial_success` unset, as OTLP demands.
pub fn logs_response(partial: Option<PartialSuccess>) -> Vec<u8> {
    let partial_success = partial.map(|partial| ExportLogsPartialSuccess {
        rejected_log_records: partial.rejected,
        error_message: cut(&partial.message, MESSAGE_BYTES_MAX).to_owned(),
    });
    ExportLogsServiceResponse { partial_success }.encode_to_vec()
}

/// [`trace_response`] in JSON.
pub fn trace_response_json(partial: Option<PartialSuccess>) -> Vec<u8> {
    json_response("rejectedSpans", partial)
}

/// [`logs_response`] in JSON.
pub fn logs_response_json(partial: Option<PartialSuccess>) -> Vec<u8> {
    json_response("rejectedLogRecords", partial)
}

fn json_response(rejected: &str, partial: Option<PartialSuccess>) -> Vec<u8> {
    let mut answer = serde_json::Map::new();
    if let Some(partial) = partial {
        let message = cut(&partial.message, MESSAGE_BYTES_MAX);
        // 64-bit numbers are texts in protobuf's JSON.
        let partial = serde_json::json!({
            rejected: partial.rejected.to_string(),
            "errorMessage": message,
        });
        answer.insert("partialSuccess".to_owned(), partial);
    }
    serde_json::Value::from(answer).to_string().into_bytes()
}

/// Reads an answer to traces. None is full success, also when an empty partial success is set.
///
/// # Errors
/// When the bytes are no `ExportTraceServiceResponse`.
pub fn decode_trace_response(bytes: &[u8]) -> Result<Option<PartialSuccess>, DecodeError> {
    let response = ExportTraceServiceResponse::decode(bytes)
        .map_err(DecodeError::protobuf("ExportTraceServiceResponse"))?;
    Ok(response
        .partial_success
        .and_then(|partial| meant(partial.rejected_spans, partial.error_message)))
}

/// Reads an answer to logs, as [`decode_trace_response`] does.
///
/// # Errors
/// When the bytes are no `ExportLogsServiceResponse`.
pub fn decode_logs_response(bytes: &[u8]) -> Result<Option<PartialSuccess>, DecodeError> {
    let response = ExportLogsServiceResponse::decode(bytes)
        .map_err(DecodeError::protobuf("ExportLogsServiceResponse"))?;
    Ok(response
        .partial_success
        .and_then(|partial| meant(partial.rejected_log_records, partial.error_message)))
}

/// The body of an error's answer: a `google.rpc.Status` with `message` for people. Over HTTP the
/// code is told by the HTTP status, not by this body.
pub fn status_body(message: &str) -> Vec<u8> {
    RpcStatus {
        message: cut(message, MESSAGE_BYTES_MAX).to_owned(),
        ..RpcStatus::default()
    }
    .encode_to_vec()
}

/// [`status_body`] in JSON.
pub fn status_json(message: &str) -> Vec<u8> {
    serde_json::json!({ "message": cut(message, MESSAGE_BYTES_MAX) })
        .to_string()
        .into_bytes()
}

/// A `google.rpc.Status` that asks for the same request again after `delay`: what a gRPC answer
/// carries beside the code, as OTLP has it ("OTLP/gRPC Throttling").
pub fn retry_status(code: i32, message: &str, delay: Duration) -> Vec<u8> {
    let delay = ProtobufDuration {
        seconds: i64::try_from(delay.as_secs()).unwrap_or(i64::MAX),
        nanos: i32::try_from(delay.subsec_nanos()).expect("below 10^9"),
    };
    let retry = RetryInfo {
        retry_delay: Some(delay),
    };
    let details = vec![Any {
        type_url: "type.googleapis.com/google.rpc.RetryInfo".to_owned(),
        value: retry.encode_to_vec(),
    }];
    RpcStatus {
        code,
        message: cut(message, MESSAGE_BYTES_MAX).to_owned(),
        details,
    }
    .encode_to_vec()
}

/// The message of an error's answer.
///
/// # Errors
/// When the bytes are no `google.rpc.Status`: whatever answered, it was no OTLP server.
pub fn decode_status_body(bytes: &[u8]) -> Result<String, DecodeError> {
    RpcStatus::decode(bytes)
        .map(|status| status.message)
        .map_err(DecodeError::protobuf("google.rpc.Status"))
}

/// `google.rpc.Status`
/// (<https://github.com/googleapis/googleapis/blob/master/google/rpc/status.proto>).
#[derive(Clone, PartialEq, prost::Message)]
struct RpcStatus {
    #[prost(int32, tag = "1")]
    code: i32,
    #[prost(string, tag = "2")]
    message: String,
    #[prost(message, repeated, tag = "3")]
    details: Vec<Any>,
}

/// `google.protobuf.Any`.
#[derive(Clone, PartialEq, prost::Message)]
struct Any {
    #[prost(string, tag = "1")]
    type_url: String,
    #[prost(bytes = "vec", tag = "2")]
    value: Vec<u8>,
}

/// `google.rpc.RetryInfo`
/// (<https://github.com/googleapis/googleapis/blob/master/google/rpc/error_details.proto>).
#[derive(Clone, PartialEq, prost::Message)]
struct RetryInfo {
    #[prost(message, optional, tag = "1")]
    retry_delay: Option<ProtobufDuration>,
}

/// `google.protobuf.Duration`.
#[derive(Clone, Copy, PartialEq, prost::Message)]
struct ProtobufDuration {
    #[prost(int64, tag = "1")]
    seconds: i64,
    #[prost(int32, tag = "2")]
    nanos: i32,
}

fn meant(rejected: i64, message: String) -> Option<PartialSuccess> {
    (rejected != 0 || !message.is_empty()).then_some(PartialSuccess { rejected, message })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn full_success_leaves_partial_success_unset() {
        assert_eq!(trace_response(None), Vec::<u8>::new());
        assert_eq!(logs_response(None), Vec::<u8>::new());
        assert_eq!(decode_trace_response(&[]), Ok(None));
        assert_eq!(decode_logs_response(&[]), Ok(None));
    }

    #[test]
    fn an_empty_partial_success_is_read_as_full() {
        let empty = ExportTraceServiceResponse {
            partial_success: Some(ExportTracePartialSuccess::default()),
        };
        assert_eq!(decode_trace_response(&empty.encode_to_vec()), Ok(None));
    }

    #[test]
    fn partial_success_and_warnings_come_back() {
        for rejected in [0, 3] {
            let partial = Some(PartialSuccess {
                rejected,
                message: "시계가 빠르다".to_owned(),
            });
            let traces = trace_response(partial.clone());
            assert_eq!(decode_trace_response(&traces), Ok(partial.clone()));
            let logs = logs_response(partial.clone());
            assert_eq!(decode_logs_response(&logs), Ok(partial));
        }
    }

    #[test]
    fn answers_in_json_say_the_same() {
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        assert_eq!(text(trace_response_json(None)), "{}");
        assert_eq!(text(logs_response_json(None)), "{}");
        let partial = Some(PartialSuccess {
            rejected: 3,
            message: "a \"clock\"".to_owned(),
        });
        assert_eq!(
            text(trace_response_json(partial.clone())),
            r#"{"partialSuccess":{"rejectedSpans":"3","errorMessage":"a \"clock\""}}"#
        );
        assert_eq!(
            text(logs_response_json(partial)),
            r#"{"partialSuccess":{"rejectedLogRecords":"3","errorMessage":"a \"clock\""}}"#
        );
        assert_eq!(text(status_json("too large")), r#"{"message":"too large"}"#);
    }

    #[test]
    fn a_status_that_asks_again_says_when() {
        let bytes = retry_status(14, "busy", Duration::from_millis(1_500));
        assert_eq!(decode_status_body(&bytes), Ok("busy".to_owned()));
        let status = RpcStatus::decode(bytes.as_slice()).unwrap();
        assert_eq!(status.code, 14);
        let retry = RetryInfo::decode(status.details[0].value.as_slice()).unwrap();
        let delay = retry.retry_delay.unwrap();
        assert_eq!((delay.seconds, delay.nanos), (1, 500_000_000));
    }

    #[test]
    fn a_status_carries_its_message_and_html_is_no_status() {
        assert_eq!(
            decode_status_body(&status_body("too large")),
            Ok("too large".to_owned())
        );
        let error = decode_status_body(b"<html>").unwrap_err();
        assert_eq!(error.to_string(), "not a valid google.rpc.Status");
        assert!(decode_trace_response(b"<html>").is_err());
    }
}
