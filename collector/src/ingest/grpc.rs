//! OTLP/gRPC: one message in, one out.
//!
//! What gRPC puts around a message is five bytes before it and trailers after the answer
//! (<https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md>), and is read here: tonic's
//! own server would inflate a message where everybody waits for it, before memory is reserved,
//! with zstd windows of any size, and answers one that is too large with OUT_OF_RANGE, which
//! OTLP tells senders to send again. Its statuses are used, and its client is what tests speak.

use std::sync::Arc;

use axum::Router;
use axum::body::{Body, BodyDataStream, Bytes};
use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::Response;
use bongsu_wire::RECEIVED_HEADER;
use http_body_util::{BodyExt as _, Full};
use tonic::{Code, Status};

use super::Ingest;
use super::answer::{self, Form, Refused, Signal};
use super::body::{self, Coding};
use super::work::Work;
use crate::counters::Counters;

const MEDIA_TYPE: &str = "application/grpc";

const TRACES: &str = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";
const LOGS: &str = "/opentelemetry.proto.collector.logs.v1.LogsService/Export";
const METRICS: &str = "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export";

/// Bytes before a message: whether it is compressed, and its length.
const PREFIX: usize = 5;

/// What the sender may compress with.
const ACCEPTED: HeaderValue = HeaderValue::from_static("identity,gzip,zstd");

/// All that is served on `[listen] otlp_grpc`.
pub(super) fn router(ingest: Arc<Ingest>) -> Router {
    Router::new().fallback(receive).with_state(ingest)
}

/// Whether a request says that it is gRPC.
pub(super) fn is_grpc(headers: &HeaderMap) -> bool {
    let found = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok());
    found.is_some_and(|found| {
        let rest = found.strip_prefix(MEDIA_TYPE);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['+', ';']))
    })
}

/// The answer to gRPC on a port that takes none.
pub(super) fn misdirected(counters: &Counters, way: String) -> Response {
    refusal(counters, &Refused::new(StatusCode::NOT_FOUND, way))
}

async fn receive(State(ingest): State<Arc<Ingest>>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let mut body = body.into_data_stream();
    let counters = &ingest.shared.counters;
    if !is_grpc(&head.headers) {
        let way = format!(
            "this port takes OTLP over gRPC; send HTTP to port {}, to /v1/traces or /v1/logs, or \
             use the protocol grpc",
            ingest.ports.http.port()
        );
        let refused = Refused::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, way);
        counters.requests.count(refused.code.as_u16());
        body::discard(&mut body).await;
        let form = Form::of(&head.headers).unwrap_or_default();
        return answer::refusal(form, &refused);
    }
    let received = ingest.shared.clock.wall();
    match answer(&ingest, &head, &mut body).await {
        Ok(message) => {
            counters.requests.count(StatusCode::OK.as_u16());
            let mut response = success(&message);
            let received = HeaderValue::from(received.as_unix_nanos());
            response.headers_mut().insert(RECEIVED_HEADER, received);
            response
        }
        Err(refused) => refusal(counters, &refused),
    }
}

async fn answer(
    ingest: &Ingest,
    head: &Parts,
    body: &mut BodyDataStream,
) -> Result<Vec<u8>, Refused> {
    let signal = method(&head.method, head.uri.path())?;
    let (speaker, mut held) = ingest.admit(&head.headers, signal)?;
    let coding = coding(&head.headers)?;
    let bytes_max = ingest.shared.config.limits.body_bytes_max;
    let framed_max = bytes_max + PREFIX as u64;
    let framed = body::read(&head.headers, body, framed_max, &mut held)
        .await
        .map_err(|refused| match refused.code {
            // The limit is told as that of the message.
            StatusCode::PAYLOAD_TOO_LARGE => body::too_large(bytes_max),
            _ => refused,
        })?;
    let (coding, wire) = unframe(framed, coding)?;
    let work = Work {
        signal,
        form: Form::Protobuf,
        coding,
        wire,
        bytes_max,
        held,
        judge: ingest.judge(speaker),
        counters: Arc::clone(&ingest.shared.counters),
    };
    Ok(signal.response(Form::Protobuf, ingest.take(work).await?))
}

fn method(method: &Method, path: &str) -> Result<Signal, Refused> {
    if method != Method::POST {
        return Err(Refused::new(
            StatusCode::METHOD_NOT_ALLOWED,
            "gRPC is sent with POST",
        ));
    }
    match path {
        TRACES => Ok(Signal::Traces),
        LOGS => Ok(Signal::Logs),
        METRICS => Err(Refused::new(StatusCode::NOT_FOUND, answer::NO_METRICS)),
        _ => Err(Refused::new(
            StatusCode::NOT_FOUND,
            "no such method; here are Export of opentelemetry's TraceService and LogsService",
        )),
    }
}

/// How messages that say that they are compressed are compressed.
fn coding(headers: &HeaderMap) -> Result<Option<Coding>, Refused> {
    match headers.get("grpc-encoding").map(HeaderValue::as_bytes) {
        None | Some(b"identity") => Ok(None),
        Some(b"gzip") => Ok(Some(Coding::Gzip)),
        Some(b"zstd") => Ok(Some(Coding::Zstd)),
        Some(_) => Err(Refused::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "a message may be compressed with gzip or zstd, or not at all",
        )),
    }
}

/// The one message of a request and how it is compressed.
fn unframe(mut framed: Vec<u8>, coding: Option<Coding>) -> Result<(Coding, Vec<u8>), Refused> {
    let broken = |message: &str| Refused::new(StatusCode::BAD_REQUEST, message);
    let Some((prefix, message)) = framed.split_first_chunk::<PREFIX>() else {
        return Err(broken("the request holds no whole message"));
    };
    let [flag, length @ ..] = *prefix;
    let coding = match (flag, coding) {
        (0, _) => Coding::Identity,
        (1, Some(coding)) => coding,
        (1, None) => {
            return Err(broken(
                "the message says that it is compressed, but no grpc-encoding says how",
            ));
        }
        _ => return Err(broken("the byte before the message's length is not 0 or 1")),
    };
    let length = usize::try_from(u32::from_be_bytes(length)).unwrap_or(usize::MAX);
    if message.len() < length {
        return Err(broken("the message is cut short"));
    }
    if message.len() > length {
        return Err(broken("a request is one message, and here is more"));
    }
    framed.drain(..PREFIX);
    Ok((coding, framed))
}

fn success(message: &[u8]) -> Response {
    let length = u32::try_from(message.len()).expect("an answer has a few KiB");
    let mut framed = Vec::with_capacity(PREFIX + message.len());
    framed.push(0);
    framed.extend_from_slice(&length.to_be_bytes());
    framed.extend_from_slice(message);
    let mut trailers = HeaderMap::new();
    trailers.insert(Status::GRPC_STATUS, HeaderValue::from_static("0"));
    let body = Full::new(Bytes::from(framed)).with_trailers(async { Some(Ok(trailers)) });
    let mut response = Response::new(Body::new(body));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
    headers.insert("grpc-accept-encoding", ACCEPTED);
    response
}

fn refusal(counters: &Counters, refused: &Refused) -> Response {
    counters.requests.count(refused.code.as_u16());
    tracing::debug!(code = ?code(refused), reason = refused.message, "refused");
    let mut response: Response = status(refused).into_http();
    response
        .headers_mut()
        .insert("grpc-accept-encoding", ACCEPTED);
    response
}

fn status(refused: &Refused) -> Status {
    // It travels in a header, of which clients take 8 KiB in all.
    let message = answer::clipped(&refused.message);
    let code = code(refused);
    match refused.again {
        None => Status::new(code, message),
        Some(delay) => {
            let details = bongsu_wire::retry_status(i32::from(code), &message, delay);
            Status::with_details(code, message, details.into())
        }
    }
}

/// The code that says the same as the HTTP status: of those that may come again UNAVAILABLE, of
/// the others none that OTLP lets a sender send again.
fn code(refused: &Refused) -> Code {
    if refused.again.is_some() {
        return Code::Unavailable;
    }
    match refused.code {
        StatusCode::UNAUTHORIZED => Code::Unauthenticated,
        StatusCode::FORBIDDEN => Code::PermissionDenied,
        StatusCode::PAYLOAD_TOO_LARGE => Code::ResourceExhausted,
        StatusCode::NOT_FOUND
        | StatusCode::METHOD_NOT_ALLOWED
        | StatusCode::UNSUPPORTED_MEDIA_TYPE => Code::Unimplemented,
        _ => Code::InvalidArgument,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn framed(flag: u8, length: u32, message: &[u8]) -> Vec<u8> {
        [&[flag], length.to_be_bytes().as_slice(), message].concat()
    }

    #[test]
    fn one_whole_message_comes_out_of_its_frame() {
        let plain = unframe(framed(0, 3, b"abc"), None).unwrap();
        assert_eq!(plain, (Coding::Identity, b"abc".to_vec()));
        let empty = unframe(framed(0, 0, b""), Some(Coding::Gzip)).unwrap();
        assert_eq!(empty, (Coding::Identity, Vec::new()));
        let packed = unframe(framed(1, 1, b"z"), Some(Coding::Zstd)).unwrap();
        assert_eq!(packed, (Coding::Zstd, b"z".to_vec()));
    }

    #[test]
    fn a_broken_frame_is_refused_for_good_and_says_how() {
        for (bytes, coding, says) in [
            (Vec::new(), None, "no whole message"),
            (vec![0, 0, 0, 0], None, "no whole message"),
            (framed(0, 4, b"abc"), None, "cut short"),
            (framed(0, u32::MAX, b"abc"), None, "cut short"),
            (framed(0, 2, b"abc"), None, "here is more"),
            (framed(1, 3, b"abc"), None, "no grpc-encoding"),
            (framed(2, 3, b"abc"), Some(Coding::Gzip), "not 0 or 1"),
        ] {
            let refused = unframe(bytes, coding).unwrap_err();
            assert!(refused.message.contains(says), "{refused:?}");
            assert_eq!(code(&refused), Code::InvalidArgument);
        }
    }

    #[test]
    fn only_what_may_come_again_has_a_code_that_is_sent_again() {
        let may_come_again = [
            Code::Cancelled,
            Code::DeadlineExceeded,
            Code::Aborted,
            Code::OutOfRange,
            Code::Unavailable,
            Code::DataLoss,
        ];
        for status in 400..=599 {
            let status = StatusCode::from_u16(status).unwrap();
            let final_code = code(&Refused::new(status, ""));
            assert!(!may_come_again.contains(&final_code), "{status}");
            let later = super::status(&Refused::later(status, "busy", 1));
            assert_eq!(later.code(), Code::Unavailable);
            assert!(!later.details().is_empty());
        }
    }
}
