//! The control channel over a WebSocket.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::Response;
use bongsu_model::AgentId;
use bongsu_wire::opamp::{
    AgentToServer, MESSAGE_BYTES_MAX, ServerErrorResponse, ServerErrorResponseType, ServerToAgent,
    frame, instance_uid, unframe,
};
use futures_util::{SinkExt as _, StreamExt as _};
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use tokio::io::AsyncReadExt as _;
use tokio::sync::mpsc;
use tokio::time::MissedTickBehavior;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::error::{CapacityError, Error as WsError};
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Bytes, Message as Frame};
use tokio_util::task::TaskTracker;

use super::counters::Refusal;
use super::registry::{Outgoing, Place};
use super::serve::too_often;
use super::session::{answer, error};
use crate::state::Shared;

/// How often an agent that is silent is asked whether it is there, in wall time.
const PING_EVERY: Duration = Duration::from_secs(10);

/// Pings that may go unanswered before the connection is given up.
const SILENT_PINGS_MAX: u32 = 3;

/// How long a frame may take to be taken from us.
const SEND_WITHIN: Duration = Duration::from_secs(5);

/// How long the other end may take to close.
const CLOSE_WITHIN: Duration = Duration::from_secs(2);

/// Of a message that is too large at most this much more is read before its sender is cut off.
const DISCARD_BYTES_MAX: u64 = 4 << 20;

/// A WebSocket leaves the listener's count of connections. It is bounded all the same: one for each
/// listed agent, and those that are being closed, of which an agent's messages a second allow few.
type Socket = WebSocketStream<TokioIo<Upgraded>>;

/// Why a conversation ends.
#[derive(Debug)]
enum End {
    /// The other end closed, or the connection broke.
    Gone,
    /// We close it, and say why.
    Close(CloseCode, String, Option<ServerErrorResponse>),
}

impl End {
    fn refuse(code: CloseCode, message: String) -> Self {
        let error = error(ServerErrorResponseType::BadRequest, message.clone());
        Self::Close(code, message, Some(error))
    }
}

/// Answers a request for a WebSocket, and serves it when the connection is upgraded.
///
/// # Errors
/// What to tell a sender that does not ask for one.
pub(super) fn open(
    shared: &Arc<Shared>,
    tasks: &TaskTracker,
    agent: AgentId,
    mut request: Request,
) -> Result<Response, &'static str> {
    let key = upgrade_key(request.headers())
        .ok_or("this is a WebSocket of version 13: ask for an upgrade, or use POST")?;
    let upgrade = hyper::upgrade::on(&mut request);
    tasks.spawn(serve(Arc::clone(shared), agent, upgrade));
    let mut answer = Response::new(Body::empty());
    *answer.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = answer.headers_mut();
    headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
    let accept = HeaderValue::from_str(&derive_accept_key(key.as_bytes()))
        .expect("base64 is fit for a header");
    headers.insert(header::SEC_WEBSOCKET_ACCEPT, accept);
    Ok(answer)
}

fn upgrade_key(headers: &HeaderMap) -> Option<String> {
    let text = |name| headers.get(name)?.to_str().ok();
    let says = |name, word: &str| {
        let value: Option<&str> = text(name);
        value.is_some_and(|value| {
            value
                .split(',')
                .any(|one| one.trim().eq_ignore_ascii_case(word))
        })
    };
    let is_wanted = says(header::CONNECTION, "upgrade")
        && says(header::UPGRADE, "websocket")
        && text(header::SEC_WEBSOCKET_VERSION) == Some("13");
    text(header::SEC_WEBSOCKET_KEY)
        .filter(|_| is_wanted)
        .map(str::to_owned)
}

async fn serve(shared: Arc<Shared>, agent: AgentId, upgrade: OnUpgrade) {
    let upgraded = tokio::select! {
        () = shared.stopping.cancelled() => return,
        upgraded = upgrade => upgraded,
    };
    let Ok(upgraded) = upgraded else {
        return;
    };
    let config = WebSocketConfig::default()
        .max_message_size(Some(MESSAGE_BYTES_MAX))
        .max_frame_size(Some(MESSAGE_BYTES_MAX))
        .read_buffer_size(8 * 1_024);
    let io = TokioIo::new(upgraded);
    let mut socket = WebSocketStream::from_raw_socket(io, Role::Server, Some(config)).await;
    let Some((place, mut outgoing)) = shared.control.open(&agent) else {
        return;
    };
    let sockets = &shared.control.counters().sockets;
    sockets.raise(1);
    tracing::info!(%agent, "the control channel is open");
    let end = converse(&shared, &place, &mut socket, &mut outgoing).await;
    shared.control.close(&place, outgoing);
    tracing::info!(%agent, ?end, "the control channel is closed");
    if let End::Close(code, reason, error) = end {
        bid_farewell(&mut socket, code, reason, error).await;
    }
    sockets.lower(1);
}

async fn converse(
    shared: &Shared,
    place: &Place,
    socket: &mut Socket,
    outgoing: &mut mpsc::Receiver<Outgoing>,
) -> End {
    let mut pings = tokio::time::interval(PING_EVERY);
    pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut silent = 0;
    let mut is_first = true;
    loop {
        let sent = tokio::select! {
            () = shared.stopping.cancelled() => {
                return End::Close(CloseCode::Away, "the collector stops".to_owned(), None);
            }
            order = outgoing.recv() => match order {
                Some(Outgoing::Order(order)) => {
                    let message = ServerToAgent {
                        instance_uid: instance_uid(&place.agent).to_vec(),
                        custom_message: Some(order.to_message()),
                        ..ServerToAgent::default()
                    };
                    say(socket, &message).await
                }
                Some(Outgoing::Replaced) | None => return replaced(place),
            },
            frame = socket.next() => {
                silent = 0;
                match hear(shared, place, frame, &mut is_first) {
                    Ok(Some(answer)) => say(socket, &answer).await,
                    Ok(None) => Ok(()),
                    Err(end) => return end,
                }
            }
            _ = pings.tick() => {
                silent += 1;
                if silent > SILENT_PINGS_MAX {
                    return End::Gone;
                }
                send(socket, Frame::Ping(Bytes::new())).await
            }
        };
        if sent.is_err() {
            return End::Gone;
        }
    }
}

/// What a frame is answered, if anything.
fn hear(
    shared: &Shared,
    place: &Place,
    frame: Option<Result<Frame, WsError>>,
    is_first: &mut bool,
) -> Result<Option<ServerToAgent>, End> {
    let counters = shared.control.counters();
    let bytes = match frame {
        Some(Ok(Frame::Binary(bytes))) => bytes,
        Some(Ok(Frame::Text(_))) => {
            counters.refuse(Refusal::Malformed);
            let message = "messages are binary frames: a header 0 and protobuf".to_owned();
            return Err(End::refuse(CloseCode::Unsupported, message));
        }
        Some(Ok(Frame::Ping(_) | Frame::Pong(_) | Frame::Frame(_))) => return Ok(None),
        Some(Err(WsError::Capacity(CapacityError::MessageTooLong { .. }))) => {
            counters.refuse(Refusal::TooLarge);
            let message = format!("a message has at most {MESSAGE_BYTES_MAX} bytes");
            return Err(End::refuse(CloseCode::Size, message));
        }
        Some(Ok(Frame::Close(_)) | Err(_)) | None => return Err(End::Gone),
    };
    if !shared.control.may_speak(&place.agent) {
        counters.refuse(Refusal::TooOften);
        let error = too_often(&place.agent);
        let reason = "too many messages".to_owned();
        return Err(End::Close(CloseCode::Again, reason, Some(error)));
    }
    let message: AgentToServer = unframe(&bytes).map_err(|error| {
        counters.refuse(Refusal::Malformed);
        End::refuse(CloseCode::Protocol, error.to_string())
    })?;
    match shared.control.take(place, &message, *is_first) {
        None => Err(replaced(place)),
        Some(Err(refused)) => Err(End::refuse(CloseCode::Policy, refused.to_string())),
        Some(Ok(taken)) if taken.is_last => {
            Err(End::Close(CloseCode::Normal, "goodbye".to_owned(), None))
        }
        Some(Ok(taken)) => {
            *is_first = false;
            Ok(taken.is_due.then_some(taken.answer))
        }
    }
}

fn replaced(place: &Place) -> End {
    let message = format!(
        "a newer control channel of {} took over; if two processes have its token, give each its own",
        place.agent
    );
    let error = error(ServerErrorResponseType::Unknown, message);
    End::Close(
        CloseCode::Policy,
        "a newer channel took over".to_owned(),
        Some(error),
    )
}

async fn say(socket: &mut Socket, message: &ServerToAgent) -> Result<(), ()> {
    send(socket, Frame::Binary(frame(message).into())).await
}

async fn send(socket: &mut Socket, frame: Frame) -> Result<(), ()> {
    let sent = tokio::time::timeout(SEND_WITHIN, socket.send(frame)).await;
    match sent {
        Ok(Ok(())) => Ok(()),
        Ok(Err(_)) | Err(_) => Err(()),
    }
}

/// Says why, closes, and gives the other end a moment to hear it.
async fn bid_farewell(
    socket: &mut Socket,
    code: CloseCode,
    reason: String,
    error: Option<ServerErrorResponse>,
) {
    let farewell = async {
        if let Some(error) = error {
            say(socket, &answer(error)).await?;
        }
        let reason: String = reason.chars().take(100).collect();
        let close = CloseFrame {
            code,
            reason: reason.into(),
        };
        send(socket, Frame::Close(Some(close))).await?;
        while let Some(Ok(_)) = socket.next().await {}
        if code == CloseCode::Size {
            // A socket that is closed with bytes unread resets, and the reason is lost.
            let rest = socket.get_mut().take(DISCARD_BYTES_MAX);
            let _ = tokio::io::copy(&mut { rest }, &mut tokio::io::sink()).await;
        }
        Ok::<(), ()>(())
    };
    // Who does not listen loses the reason.
    let _ = tokio::time::timeout(CLOSE_WITHIN, farewell).await;
}
