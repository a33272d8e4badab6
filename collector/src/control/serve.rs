//! `/v1/opamp`: upgrades to a WebSocket, or takes one message and answers it.

use std::io::Read as _;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::Response;
use axum::routing::any;
use bongsu_model::AgentId;
use bongsu_wire::opamp::RetryInfo;
use bongsu_wire::opamp::{
    AgentToServer, FrameError, MESSAGE_BYTES_MAX, OPAMP_MEDIA_TYPE, OPAMP_PATH,
    ServerErrorResponse, ServerErrorResponseType, ServerToAgent, decode, encode, error_details,
};
use tokio_util::task::TaskTracker;

use super::counters::Refusal;
use super::session::{answer, error};
use super::socket;
use crate::state::Shared;

/// A posted message that has not come whole by then is given up.
const BODY_WITHIN: Duration = Duration::from_secs(10);

/// After what a client that sends too often may come again.
const AGAIN_AFTER: Duration = Duration::from_secs(5);

#[derive(Debug)]
struct Endpoint {
    shared: Arc<Shared>,
    /// Tasks of WebSockets; who stops the collector waits for them.
    tasks: TaskTracker,
}

/// The control channel, beside what is served on `[listen] otlp`.
pub(crate) fn router(shared: Arc<Shared>, tasks: TaskTracker) -> Router {
    Router::new()
        .route(OPAMP_PATH, any(receive))
        .with_state(Arc::new(Endpoint { shared, tasks }))
}

/// A request that comes to nothing.
#[derive(Debug)]
struct Turned {
    code: StatusCode,
    error: ServerErrorResponse,
}

impl Turned {
    fn away(code: StatusCode, message: impl Into<String>) -> Self {
        Self {
            code,
            error: error(ServerErrorResponseType::BadRequest, message),
        }
    }
}

async fn receive(State(endpoint): State<Arc<Endpoint>>, request: Request) -> Response {
    match endpoint.answer(request).await {
        Ok(response) => response,
        Err(turned) => {
            tracing::debug!(
                code = turned.code.as_u16(),
                reason = turned.error.error_message,
                "refused"
            );
            let mut response = protobuf(turned.code, &answer(turned.error));
            let headers = response.headers_mut();
            match turned.code {
                StatusCode::UNAUTHORIZED => {
                    headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
                }
                StatusCode::METHOD_NOT_ALLOWED => {
                    headers.insert(header::ALLOW, HeaderValue::from_static("GET, POST"));
                }
                StatusCode::UPGRADE_REQUIRED => {
                    headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
                }
                StatusCode::TOO_MANY_REQUESTS => {
                    headers.insert(header::RETRY_AFTER, AGAIN_AFTER.as_secs().into());
                }
                _ => {}
            }
            response
        }
    }
}

impl Endpoint {
    async fn answer(&self, request: Request) -> Result<Response, Turned> {
        let control = &self.shared.control;
        let speaker = crate::ingest::agent_of(request.headers(), &self.shared.config);
        let agent = match speaker {
            Ok(agent) => agent.vantage.agent.clone(),
            Err(message) => {
                control.counters().refuse(Refusal::Unauthorised);
                return Err(Turned::away(StatusCode::UNAUTHORIZED, message));
            }
        };
        if !control.may_speak(&agent) {
            control.counters().refuse(Refusal::TooOften);
            return Err(Turned {
                code: StatusCode::TOO_MANY_REQUESTS,
                error: too_often(&agent),
            });
        }
        match *request.method() {
            Method::POST => self.poll(&agent, request).await,
            Method::GET => self.upgrade(agent, request),
            _ => Err(Turned::away(
                StatusCode::METHOD_NOT_ALLOWED,
                "open a WebSocket, or use POST",
            )),
        }
    }

    fn upgrade(&self, agent: AgentId, request: Request) -> Result<Response, Turned> {
        socket::open(&self.shared, &self.tasks, agent, request)
            .map_err(|message| Turned::away(StatusCode::UPGRADE_REQUIRED, message))
    }

    async fn poll(&self, agent: &AgentId, request: Request) -> Result<Response, Turned> {
        let control = &self.shared.control;
        let (head, body) = request.into_parts();
        let message = match read(&head.headers, body).await {
            Ok(message) => message,
            Err(turned) => {
                control.counters().refuse(match turned.code {
                    StatusCode::PAYLOAD_TOO_LARGE => Refusal::TooLarge,
                    _ => Refusal::Malformed,
                });
                return Err(turned);
            }
        };
        match control.poll(agent, &message) {
            Some(Ok(answer)) => Ok(protobuf(StatusCode::OK, &answer)),
            Some(Err(refused)) => Err(Turned::away(StatusCode::FORBIDDEN, refused.to_string())),
            None => Err(Turned::away(
                StatusCode::UNAUTHORIZED,
                "the agent is not listed any more",
            )),
        }
    }
}

/// Says that an agent sends too often.
pub(super) fn too_often(agent: &AgentId) -> ServerErrorResponse {
    let nanos = u64::try_from(AGAIN_AFTER.as_nanos()).unwrap_or(u64::MAX);
    let details = error_details::Details::RetryInfo(RetryInfo {
        retry_after_nanoseconds: nanos,
    });
    let mut error = error(
        ServerErrorResponseType::Unavailable,
        format!("{agent} sends too many messages"),
    );
    error.details = Some(details);
    error
}

async fn read(headers: &HeaderMap, body: Body) -> Result<AgentToServer, Turned> {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let kind = text(header::CONTENT_TYPE).and_then(|kind| kind.split(';').next());
    if !kind.is_some_and(|kind| kind.trim().eq_ignore_ascii_case(OPAMP_MEDIA_TYPE)) {
        return Err(Turned::away(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            format!("OpAMP messages are posted as {OPAMP_MEDIA_TYPE}"),
        ));
    }
    let is_packed = match text(header::CONTENT_ENCODING) {
        None | Some("" | "identity") => false,
        Some(coding) if coding.eq_ignore_ascii_case("gzip") => true,
        Some(_) => {
            return Err(Turned::away(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "a message may be compressed with gzip, or not at all",
            ));
        }
    };
    let whole = tokio::time::timeout(BODY_WITHIN, to_bytes(body, MESSAGE_BYTES_MAX)).await;
    let bytes = match whole {
        Ok(Ok(bytes)) => bytes,
        Ok(Err(_)) => return Err(too_large("or broke off")),
        Err(_) => {
            return Err(Turned::away(
                StatusCode::REQUEST_TIMEOUT,
                format!(
                    "the message did not come whole within {} s",
                    BODY_WITHIN.as_secs()
                ),
            ));
        }
    };
    let decoded = if is_packed {
        let mut plain = Vec::new();
        flate2::read::MultiGzDecoder::new(&*bytes)
            .take(MESSAGE_BYTES_MAX as u64 + 1)
            .read_to_end(&mut plain)
            .map_err(|error| {
                let message = format!("the message is not whole gzip: {error}");
                Turned::away(StatusCode::BAD_REQUEST, message)
            })?;
        decode(&plain)
    } else {
        decode(&bytes)
    };
    decoded.map_err(|error| match error {
        FrameError::TooLong(_) => too_large("after decompression"),
        FrameError::NoHeader | FrameError::Header(_) | FrameError::Message(_) => {
            Turned::away(StatusCode::BAD_REQUEST, error.to_string())
        }
    })
}

fn too_large(how: &str) -> Turned {
    Turned::away(
        StatusCode::PAYLOAD_TOO_LARGE,
        format!("the message has more than {MESSAGE_BYTES_MAX} bytes {how}"),
    )
}

fn protobuf(code: StatusCode, message: &ServerToAgent) -> Response {
    let mut response = Response::new(Body::from(encode(message)));
    *response.status_mut() = code;
    let kind = HeaderValue::from_static(OPAMP_MEDIA_TYPE);
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response
}
