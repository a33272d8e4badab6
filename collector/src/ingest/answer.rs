//! What a sender hears, in the words of OTLP and in the form that it speaks.

use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::Response;
use bongsu_model::Timestamp;
use bongsu_wire::{
    PartialSuccess, RECEIVED_HEADER, logs_response, logs_response_json, status_body, status_json,
    trace_response, trace_response_json,
};

use super::judge::Refusal;
use crate::journal::Stored;

/// Reasons that one answer names; more are counted only.
const REASONS_MAX: usize = 5;

/// Characters of one reason: longer ones quote what the sender wrote.
const REASON_CHARS_MAX: usize = 300;

/// Why there is no place for metrics.
pub(super) const NO_METRICS: &str =
    "metrics are not taken: availability is derived here, from runs";

/// What a message over HTTP is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Form {
    #[default]
    Protobuf,
    Json,
}

impl Form {
    /// The form that the content type names, its parameters aside.
    pub(super) fn of(headers: &HeaderMap) -> Option<Self> {
        let found = headers.get(header::CONTENT_TYPE)?.to_str().ok()?;
        let essence = found.split(';').next().unwrap_or_default().trim();
        [Self::Protobuf, Self::Json]
            .into_iter()
            .find(|form| essence.eq_ignore_ascii_case(form.media_type()))
    }

    /// Its media type in OTLP.
    pub(super) const fn media_type(self) -> &'static str {
        match self {
            Self::Protobuf => "application/x-protobuf",
            Self::Json => "application/json",
        }
    }
}

/// What a request carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Signal {
    /// Runs.
    Traces,
    /// Plans, heartbeats, evidence.
    Logs,
}

impl Signal {
    /// What is sent to `path`.
    pub(super) fn of(method: &Method, path: &str) -> Result<Self, Refused> {
        let signal = match path {
            "/v1/traces" => Self::Traces,
            "/v1/logs" => Self::Logs,
            "/v1/metrics" => {
                return Err(Refused::new(StatusCode::NOT_FOUND, NO_METRICS));
            }
            _ => {
                return Err(Refused::new(
                    StatusCode::NOT_FOUND,
                    "nothing is here; send runs to /v1/traces, records to /v1/logs",
                ));
            }
        };
        if method == Method::POST {
            Ok(signal)
        } else {
            Err(Refused::new(StatusCode::METHOD_NOT_ALLOWED, "use POST"))
        }
    }

    /// The body of a 200.
    pub(super) fn response(self, form: Form, partial: Option<PartialSuccess>) -> Vec<u8> {
        match (self, form) {
            (Self::Traces, Form::Protobuf) => trace_response(partial),
            (Self::Traces, Form::Json) => trace_response_json(partial),
            (Self::Logs, Form::Protobuf) => logs_response(partial),
            (Self::Logs, Form::Json) => logs_response_json(partial),
        }
    }
}

/// A request that is refused as a whole.
#[derive(Debug)]
pub(super) struct Refused {
    /// The status.
    pub(super) code: StatusCode,
    /// Why, for people.
    pub(super) message: String,
    /// After how long the same request may be sent again, if it may.
    pub(super) again: Option<Duration>,
}

impl Refused {
    /// For good.
    pub(super) fn new(code: StatusCode, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            again: None,
        }
    }

    /// For now: the same request may be sent again after so many seconds.
    pub(super) fn later(code: StatusCode, message: impl Into<String>, seconds: u64) -> Self {
        Self {
            code,
            message: message.into(),
            again: Some(Duration::from_secs(seconds)),
        }
    }
}

/// A 200 with this body, which says when the request was received.
pub(super) fn success(form: Form, body: Vec<u8>, received: Timestamp) -> Response {
    let mut response = response(StatusCode::OK, form, body);
    let received = HeaderValue::from(received.as_unix_nanos());
    response.headers_mut().insert(RECEIVED_HEADER, received);
    response
}

/// An error with a `google.rpc.Status`.
pub(super) fn refusal(form: Form, refused: &Refused) -> Response {
    tracing::debug!(
        code = refused.code.as_u16(),
        reason = refused.message,
        "refused"
    );
    let body = match form {
        Form::Protobuf => status_body(&refused.message),
        Form::Json => status_json(&refused.message),
    };
    let mut response = response(refused.code, form, body);
    let headers = response.headers_mut();
    if let Some(again) = refused.again {
        headers.insert(header::RETRY_AFTER, again.as_secs().into());
    }
    if refused.code == StatusCode::METHOD_NOT_ALLOWED {
        headers.insert(header::ALLOW, HeaderValue::from_static("POST"));
    }
    if refused.code == StatusCode::UNAUTHORIZED {
        headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    response
}

/// What was refused alone, or is worth a warning; None when all went well.
pub(super) fn partial(refusals: &[Refusal], stored: &[Stored]) -> Option<PartialSuccess> {
    let conflicts = stored
        .iter()
        .filter(|stored| **stored == Stored::Conflict)
        .count();
    if refusals.is_empty() && conflicts == 0 {
        return None;
    }
    let mut reasons: Vec<String> = refusals
        .iter()
        .take(REASONS_MAX)
        .map(|refusal| clipped(&refusal.message))
        .collect();
    if refusals.len() > REASONS_MAX {
        reasons.push(format!("and {} more", refusals.len() - REASONS_MAX));
    }
    if conflicts > 0 {
        reasons.push(format!(
            "{conflicts} runs were received before with another content, which stays"
        ));
    }
    let rejected = refusals.iter().map(|refusal| refusal.count).sum::<usize>();
    Some(PartialSuccess {
        rejected: i64::try_from(rejected).unwrap_or(i64::MAX),
        message: reasons.join("; "),
    })
}

/// `reason`, cut to a length that fits beside others.
pub(super) fn clipped(reason: &str) -> String {
    match reason.char_indices().nth(REASON_CHARS_MAX) {
        Some((end, _)) => format!("{}…", &reason[..end]),
        None => reason.to_owned(),
    }
}

fn response(code: StatusCode, form: Form, body: Vec<u8>) -> Response {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = code;
    let media_type = HeaderValue::from_static(form.media_type());
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, media_type);
    response
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::counters;

    #[test]
    fn an_answer_never_grows_with_what_the_sender_wrote() {
        let refusals: Vec<_> = (0..1_000)
            .map(|n| Refusal {
                why: counters::Refusal::Malformed,
                message: format!("record {n}{}: not known", "가".repeat(100_000)),
                count: 1,
            })
            .collect();
        let partial = partial(&refusals, &[]).unwrap();
        assert_eq!(partial.rejected, 1_000);
        assert!(partial.message.starts_with("record 0가"));
        assert!(partial.message.ends_with("…; and 995 more"));
        assert!(partial.message.chars().count() < (REASONS_MAX + 1) * (REASON_CHARS_MAX + 5));
    }
}
