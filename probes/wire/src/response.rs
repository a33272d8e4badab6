//! What a collector answers: success, partial success, or an error's status.

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

/// The message of an error's answer.
///
/// # Errors
/// When the bytes are no `google.rpc.Status`: whatever answered, it was no OTLP server.
pub fn decode_status_body(bytes: &[u8]) -> Result<String, DecodeError> {
    RpcStatus::decode(bytes)
        .map(|status| status.message)
        .map_err(DecodeError::protobuf("google.rpc.Status"))
}

/// `google.rpc.Status` without its details, which readers skip
/// (<https://github.com/googleapis/googleapis/blob/master/google/rpc/status.proto>).
#[derive(Clone, PartialEq, prost::Message)]
struct RpcStatus {
    #[prost(int32, tag = "1")]
    code: i32,
    #[prost(string, tag = "2")]
    message: String,
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
