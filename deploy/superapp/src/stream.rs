//! The WebSocket of the service `talk`: hands messages to whoever listens.

use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use hyper::body::Incoming;
use hyper::header::{CONNECTION, HeaderValue, UPGRADE};
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{self, Message as Frame};

use crate::account::SignedIn;
use crate::audit::Count;
use crate::clock::machine_time;
use crate::component::{Component, FaultPoint, PlatformFeature};
use crate::faults::Then;
use crate::http::{self, Answer, Caller, Refusal};
use crate::relay::{Delivery, Inbox};
use crate::talk_api::message_json;

/// What a message passes through on its way to a stream.
const DELIVERS: &[FaultPoint] = &[
    FaultPoint::Component(Component::Relay),
    FaultPoint::Feature(PlatformFeature::TalkMessageText),
];
/// Longest frame from a client: clients have nothing to say but pings and close.
const FRAME_BYTES_MAX: usize = 16 * 1024;
/// Longest wait until a frame is taken from us; below the platform's patience when it stops.
const SEND_MAX: Duration = Duration::from_secs(3);

type Socket = WebSocketStream<TokioIo<Upgraded>>;

/// Answers a request for a stream, and serves it when the connection is upgraded.
pub(crate) fn open(caller: &Caller, mut request: Request<Incoming>) -> Result<Answer, Refusal> {
    let who = http::signed_in(&caller.world, &request)?;
    let key = upgrade_key(&request)?;
    let upgrade = hyper::upgrade::on(&mut request);
    caller
        .world
        .tasks
        .spawn(listen(caller.clone(), who, upgrade));
    let mut answer = http::empty(StatusCode::SWITCHING_PROTOCOLS);
    let headers = answer.headers_mut();
    headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
    let accept = HeaderValue::from_str(&derive_accept_key(key.as_bytes()))
        .expect("base64 is fit for a header");
    headers.insert("sec-websocket-accept", accept);
    Ok(answer)
}

fn upgrade_key<B>(request: &Request<B>) -> Result<String, Refusal> {
    let header = |name: &str| request.headers().get(name)?.to_str().ok();
    let says = |name, word: &str| {
        header(name).is_some_and(|value| {
            value
                .split(',')
                .any(|one| one.trim().eq_ignore_ascii_case(word))
        })
    };
    let wanted = says("connection", "upgrade") && says("upgrade", "websocket");
    match header("sec-websocket-key") {
        Some(key) if wanted && header("sec-websocket-version") == Some("13") => Ok(key.to_owned()),
        Some(_) | None => {
            let text = "this is a WebSocket of version 13: ask for an upgrade";
            let status = StatusCode::UPGRADE_REQUIRED;
            Err(http::error(status, "not_a_websocket", text))
        }
    }
}

async fn listen(caller: Caller, who: SignedIn, upgrade: OnUpgrade) {
    let upgraded = tokio::select! {
        () = caller.world.stop.cancelled() => return,
        upgraded = upgrade => upgraded,
    };
    let Ok(upgraded) = upgraded else {
        return;
    };
    let config = WebSocketConfig::default()
        .max_message_size(Some(FRAME_BYTES_MAX))
        .max_frame_size(Some(FRAME_BYTES_MAX));
    let io = TokioIo::new(upgraded);
    let mut socket = WebSocketStream::from_raw_socket(io, Role::Server, Some(config)).await;
    let mut inbox = caller.world.relay.open(&who.user_id, &caller.world.counts);
    let (user_id, id) = (inbox.user_id.clone(), inbox.id);
    if let Err(error) = converse(&caller, &who, &mut socket, &mut inbox).await {
        tracing::debug!(%error, "a stream ended early");
    }
    caller.world.relay.close(&user_id, id);
}

async fn converse(
    caller: &Caller,
    who: &SignedIn,
    socket: &mut Socket,
    inbox: &mut Inbox,
) -> Result<(), tungstenite::Error> {
    let world = &*caller.world;
    let left = who.expires.since(world.clock.monotonic());
    let expiry = tokio::time::sleep(machine_time(&*world.clock, left));
    tokio::pin!(expiry);
    let mut changes = world.faults.watch();
    say(
        socket,
        &json!({ "type": "ready", "user_id": inbox.user_id }),
    )
    .await?;
    loop {
        changes.mark_unchanged();
        match caller.effect(DELIVERS).then {
            Then::Reset => {
                caller.hard.set();
                return Ok(());
            }
            Then::Close => return Ok(()),
            Then::Answer | Then::AnswerWrongly | Then::Fail(_) | Then::Hang => (),
        }
        tokio::select! {
            () = world.stop.cancelled() => return bye(socket, "the platform stops").await,
            () = who.ended.cancelled() => return bye(socket, "the session ended").await,
            () = &mut expiry => return bye(socket, "the session expired").await,
            () = inbox.crowded_out.cancelled() => return bye(socket, "too many streams").await,
            changed = changes.changed() => if changed.is_err() { return Ok(()) },
            delivery = inbox.deliveries.recv() => match delivery {
                Some(delivery) => hand_over(caller, socket, &delivery).await?,
                None => return Ok(()),
            },
            frame = socket.next() => match frame {
                None | Some(Ok(Frame::Close(_))) => return Ok(()),
                Some(Err(error)) => return Err(error),
                // Pings are answered by the library; a client has nothing else to say.
                Some(Ok(_)) => (),
            },
        }
    }
}

async fn hand_over(
    caller: &Caller,
    socket: &mut Socket,
    delivery: &Delivery,
) -> Result<(), tungstenite::Error> {
    let regions = [&caller.place.region, &delivery.sender_region];
    if caller.world.faults.loses(DELIVERS, regions) {
        caller.world.counts.add(Count::MessagesLost);
        return Ok(());
    }
    let mut message = message_json(&delivery.message);
    if caller.world.faults.alters(DELIVERS, regions) {
        message["from"] = Value::from("u-someone-else");
        message["text"] = Value::from(format!("{} (altered)", delivery.message.text));
    }
    say(socket, &json!({ "type": "message", "message": message })).await?;
    caller.world.counts.add(Count::MessagesDelivered);
    Ok(())
}

async fn say(socket: &mut Socket, frame: &Value) -> Result<(), tungstenite::Error> {
    in_time(socket.send(Frame::text(frame.to_string()))).await
}

async fn bye(socket: &mut Socket, reason: &'static str) -> Result<(), tungstenite::Error> {
    let frame = CloseFrame {
        code: CloseCode::Away,
        reason: reason.into(),
    };
    in_time(socket.close(Some(frame))).await
}

/// A client that reads nothing for this long is gone.
async fn in_time(
    sending: impl Future<Output = Result<(), tungstenite::Error>>,
) -> Result<(), tungstenite::Error> {
    tokio::time::timeout(SEND_MAX, sending)
        .await
        .unwrap_or(Err(tungstenite::Error::ConnectionClosed))
}
