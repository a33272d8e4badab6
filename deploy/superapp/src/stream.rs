//! The WebSockets: they hand what happens to whoever listens.

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
use crate::faults::Then;
use crate::http::{self, Answer, Caller, Refusal};
use crate::mobility_api::position_delivery;
use crate::outlet::{Delivery, Inbox, Topic};
use crate::record::{Kind, Record};
use crate::record_api::call;
use crate::world::World;

/// Longest frame from a client: of those who call, signals; of others, pings and close.
const FRAME_BYTES_MAX: usize = 16 * 1024;
/// Longest wait until a frame is taken from us; below the platform's patience when it stops.
const SEND_MAX: Duration = Duration::from_secs(3);

/// Between two positions of a taxi, in time of the platform's clock; and on the machine's, so that
/// a fast clock does not flood anyone.
const TICK: Duration = Duration::from_millis(500);
const TICK_MIN: Duration = Duration::from_millis(20);

type Socket = WebSocketStream<TokioIo<Upgraded>>;

/// Answers a request for a stream, and serves it when the connection is upgraded.
pub(crate) fn open(
    caller: &Caller,
    mut request: Request<Incoming>,
    topic: Topic,
    tag: Option<String>,
) -> Result<Answer, Refusal> {
    let who = http::signed_in(&caller.world, &request)?;
    let key = upgrade_key(&request)?;
    let upgrade = hyper::upgrade::on(&mut request);
    caller
        .world
        .tasks
        .spawn(listen(caller.clone(), who, (topic, tag), upgrade));
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

async fn listen(
    caller: Caller,
    who: SignedIn,
    (topic, tag): (Topic, Option<String>),
    upgrade: OnUpgrade,
) {
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
    let world = &*caller.world;
    let mut inbox = world.outlets.open(&who.user_id, topic, &world.counts);
    if topic == Topic::Offers {
        world.dispatch().online(&who.user_id, inbox.id, tag);
    }
    if let Err(error) = converse(&caller, &who, &mut socket, &mut inbox).await {
        tracing::debug!(%error, "a stream ended early");
    }
    if topic == Topic::Offers {
        world.dispatch().offline(&who.user_id, inbox.id);
    }
    world.outlets.close(&inbox);
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
    let mut ticks = ticks(world, inbox.topic);
    let mut changes = world.faults.watch();
    say(
        socket,
        &json!({ "type": "ready", "user_id": inbox.user_id }),
    )
    .await?;
    if let Some(missed) = missed(caller, inbox) {
        hand_over(caller, socket, inbox, missed).await?;
    }
    loop {
        changes.mark_unchanged();
        match caller.stream_effect(inbox.topic.passes()).then {
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
            () = next(&mut ticks) => for delivery in due(world, inbox) {
                hand_over(caller, socket, inbox, delivery).await?;
            },
            delivery = inbox.deliveries.recv() => match delivery {
                Some(delivery) => hand_over(caller, socket, inbox, delivery).await?,
                None => return Ok(()),
            },
            frame = socket.next() => match frame {
                None | Some(Ok(Frame::Close(_))) => return Ok(()),
                Some(Err(error)) => return Err(error),
                Some(Ok(Frame::Text(text))) => if let Topic::Records(kind) = inbox.topic
                    && kind.is_call()
                    && let Some(back) = call::heard(caller, &who.user_id, (kind, text.as_str())).await
                {
                    say(socket, &back).await?;
                },
                // Pings are answered by the library; a client has nothing else to say.
                Some(Ok(_)) => (),
            },
        }
    }
}

/// How often something is looked for on streams that do not only wait: where the taxis are, and
/// whom rides can be offered to.
fn ticks(world: &World, topic: Topic) -> Option<tokio::time::Interval> {
    match topic {
        Topic::Texts
        | Topic::Cards
        | Topic::PayCards
        | Topic::Records(_)
        | Topic::TaxiDriver
        | Topic::Chauffeur
        | Topic::Picker => None,
        Topic::Rides | Topic::Offers => {
            let every = machine_time(&*world.clock, TICK).max(TICK_MIN);
            let mut ticks = tokio::time::interval(every);
            ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
            Some(ticks)
        }
    }
}

async fn next(ticks: &mut Option<tokio::time::Interval>) {
    match ticks {
        Some(ticks) => _ = ticks.tick().await,
        None => std::future::pending().await,
    }
}

/// What a tick brings.
fn due(world: &World, inbox: &Inbox) -> Vec<Delivery> {
    let dispatch = world.dispatch();
    match inbox.topic {
        Topic::Rides => {
            let positions = dispatch.positions(&inbox.user_id, world.clock.monotonic());
            positions.into_iter().map(position_delivery).collect()
        }
        Topic::Texts
        | Topic::Cards
        | Topic::PayCards
        | Topic::Offers
        | Topic::Records(_)
        | Topic::TaxiDriver
        | Topic::Chauffeur
        | Topic::Picker => Vec::new(),
    }
}

/// What a computer that was just signed in from gets first: which computers there are, and how
/// much was said meanwhile.
fn missed(caller: &Caller, inbox: &Inbox) -> Option<Delivery> {
    if inbox.topic != Topic::Records(Kind::Device) {
        return None;
    }
    let world = &*caller.world;
    let now = world.clock.monotonic();
    let devices = world
        .records
        .find((Kind::Device, &inbox.user_id), None, now);
    let confirmed = devices.iter().filter(|device| device.state == "confirmed");
    let unread = world.relay.received(&inbox.user_id, now);
    let frame =
        |devices: Vec<Value>| json!({ "type": "sync", "unread": unread, "devices": devices });
    Some(Delivery {
        frame: frame(confirmed.clone().map(Record::shown).collect()),
        altered: frame(confirmed.map(Record::altered).collect()),
        region: caller.place.region.clone(),
    })
}

async fn hand_over(
    caller: &Caller,
    socket: &mut Socket,
    inbox: &Inbox,
    delivery: Delivery,
) -> Result<(), tungstenite::Error> {
    let regions = [&caller.place.region, &delivery.region];
    let counts = &caller.world.counts;
    let faults = &caller.world.faults;
    let passing = faults.passing(inbox.topic.passes(), regions, &inbox.user_id);
    let frame = if passing.is_altered {
        delivery.altered
    } else {
        delivery.frame
    };
    let frame = frame.to_string();
    if passing.is_lost || passing.is_too_large(frame.len()) {
        counts.add(Count::MessagesLost);
        return Ok(());
    }
    for _ in 0..passing.times() {
        in_time(socket.send(Frame::text(frame.clone()))).await?;
    }
    counts.add(Count::MessagesDelivered);
    counts.add_many(Count::MessagesDoubled, passing.times() - 1);
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
