//! The HTTP API of the service `talk`: sending, finding and deleting messages, and the streams.
//! Money in a chat is `chat_transfer_api`'s.

use hyper::body::Incoming;
use hyper::{Method, Request, StatusCode};
use serde_json::{Value, json};

use crate::audit::Count;
use crate::component::{Component, FaultPoint, PlatformFeature};
use crate::http::{self, Answer, Caller, Cut, REFERENCE_BYTES_MAX, Refusal};
use crate::outlet::{Delivery, Topic};
use crate::record::Kind;
use crate::relay::{Accepted, Draft, Message};
use crate::{cdn_api, chat_transfer_api, stream};

/// Every act goes through the relay; open sessions need no component.
pub(crate) const NEEDS: &[FaultPoint] = &[
    FaultPoint::Component(Component::Relay),
    FaultPoint::Feature(PlatformFeature::TalkMessageText),
];

/// A stream of cards stays when text messages are broken, and goes with money in chats.
const CARDS_NEED: &[FaultPoint] = &[
    FaultPoint::Component(Component::Relay),
    FaultPoint::Feature(PlatformFeature::TalkTransferInChat),
];

/// Who is not there is told by a push that there is a message; without it nobody is told.
const TELLS: &[FaultPoint] = &[FaultPoint::Component(Component::Push)];

/// Longest text of a message.
const TEXT_BYTES_MAX: usize = 16 * 1024;

#[derive(serde::Deserialize)]
struct Sending {
    to: String,
    text: String,
    client_ref: Option<String>,
}

enum Route {
    Stream(Topic),
    Send,
    Find,
    Delete(String),
}

pub(crate) async fn answer(caller: Caller, request: Request<Incoming>) -> Result<Answer, Cut> {
    let path = request.uri().path();
    if chat_transfer_api::is_path(path) {
        return chat_transfer_api::answer(caller, request).await;
    }
    if let (Some(name), &Method::GET) = (path.strip_prefix("/v1/emoticons/"), request.method()) {
        return picture(&caller, name).await;
    }
    let one = path
        .strip_prefix("/v1/messages/")
        .filter(|id| !id.is_empty());
    let route = match (path, one, request.method()) {
        ("/healthz", _, &Method::GET) => return Ok(http::healthy()),
        ("/v1/stream", _, &Method::GET) => match topic(&request) {
            Ok(topic) => Route::Stream(topic),
            Err(refusal) => return Ok(refusal.into()),
        },
        ("/v1/messages", _, &Method::POST) => Route::Send,
        ("/v1/messages", _, &Method::GET) => Route::Find,
        (_, Some(id), &Method::DELETE) => Route::Delete(id.to_owned()),
        ("/healthz" | "/v1/stream" | "/v1/messages", _, _) | (_, Some(_), _) => {
            return Ok(http::not_allowed().into());
        }
        (path, None, _) => return Ok(http::not_found(path).into()),
    };
    // Wrong content shows where a message arrives, so that sending and cleaning up still work.
    let needs = match route {
        Route::Stream(Topic::Cards) => CARDS_NEED,
        Route::Stream(Topic::Records(kind)) => kind.needs(),
        _ => NEEDS,
    };
    if let Err(refusal) = http::pass_faults(&caller, needs).await? {
        return Ok(refusal.into());
    }
    Ok(http::either(match route {
        Route::Stream(topic) => stream::open(&caller, request, topic, None),
        Route::Send => send(&caller, request).await,
        Route::Find => find(&caller, &request),
        Route::Delete(id) => delete(&caller, &request, &id),
    }))
}

/// The picture of an emoticon, for whoever got one.
async fn picture(caller: &Caller, name: &str) -> Result<Answer, Cut> {
    const NEEDS: &[FaultPoint] = &[FaultPoint::Feature(PlatformFeature::TalkEmoticonExchange)];
    match http::pass_faults(caller, NEEDS).await? {
        Ok(_) => Ok(http::either(
            cdn_api::from_the_messenger(caller, name).await,
        )),
        Err(refusal) => Ok(refusal.into()),
    }
}

async fn send(caller: &Caller, request: Request<Incoming>) -> Result<Answer, Refusal> {
    let world = &*caller.world;
    let who = http::signed_in(world, &request)?;
    let key = http::idempotency_key(&request)?;
    let sending: Sending = http::read_json(request.into_body()).await?;
    let reference = sending.client_ref.as_ref().map_or(0, String::len);
    if sending.text.len() > TEXT_BYTES_MAX || reference > REFERENCE_BYTES_MAX {
        let text = "a text may have 16 KiB and a client_ref 200 bytes";
        return Err(http::error(StatusCode::BAD_REQUEST, "too_long", text));
    }
    if !world.accounts.knows_user(&sending.to) {
        let text = "nobody has the user id in `to`";
        return Err(http::error(StatusCode::NOT_FOUND, "no_such_user", text));
    }
    let draft = Draft {
        from: who.user_id,
        to: sending.to,
        text: sending.text,
        client_ref: sending.client_ref,
        idempotency_key: key,
    };
    let now = (world.clock.wall(), world.clock.monotonic());
    match world.relay.accept(draft, now, &world.counts) {
        Accepted::New(message) => {
            let receipt = receipt(&message);
            let delivery = delivery(caller, &message);
            world
                .outlets
                .deliver(&message.to, Topic::Texts, &delivery, &world.counts);
            let _goes_without = http::pass_soft(caller, TELLS).await;
            Ok(http::json(StatusCode::CREATED, &receipt))
        }
        Accepted::Before(message) => Ok(http::json(StatusCode::OK, &receipt(&message))),
        Accepted::Conflict => Err(http::error(
            StatusCode::CONFLICT,
            Count::IdempotencyConflicts.as_str(),
            "this Idempotency-Key was used for another message",
        )),
    }
}

fn find(caller: &Caller, request: &Request<Incoming>) -> Result<Answer, Refusal> {
    let who = http::signed_in(&caller.world, request)?;
    let client_ref = http::query_value(request, "client_ref");
    let now = caller.world.clock.monotonic();
    let sent = caller
        .world
        .relay
        .sent(&who.user_id, client_ref.as_deref(), now);
    let items: Vec<Value> = sent.iter().map(message_json).collect();
    Ok(http::json(StatusCode::OK, &json!({ "items": items })))
}

fn delete(caller: &Caller, request: &Request<Incoming>, id: &str) -> Result<Answer, Refusal> {
    let who = http::signed_in(&caller.world, request)?;
    let now = caller.world.clock.monotonic();
    if caller.world.relay.delete(&who.user_id, id, now) {
        Ok(http::empty(StatusCode::NO_CONTENT))
    } else {
        let text = "you have sent no such message, or it is gone";
        Err(http::error(StatusCode::NOT_FOUND, "no_such_message", text))
    }
}

/// What a stream is about, as `?kind=` says; texts unless said.
fn topic(request: &Request<Incoming>) -> Result<Topic, Refusal> {
    match http::query_value(request, "kind").as_deref() {
        None | Some("text") => Ok(Topic::Texts),
        Some("transfer") => Ok(Topic::Cards),
        Some(kind) => Kind::streamed(kind).map(Topic::Records).ok_or_else(|| {
            let kinds = Kind::ALL.iter().map(|kind| kind.collection());
            let kinds = kinds.filter(|kind| Kind::streamed(kind).is_some());
            let kinds: Vec<_> = kinds.collect();
            let text = format!("a stream is about text, transfer, {}", kinds.join(", "));
            http::error(StatusCode::BAD_REQUEST, "no_such_kind", text)
        }),
    }
}

fn delivery(caller: &Caller, message: &Message) -> Delivery {
    let right = message_json(message);
    let mut wrong = right.clone();
    wrong["from"] = Value::from("u-someone-else");
    wrong["text"] = Value::from(format!("{} (altered)", message.text));
    let frame = |message| json!({ "type": "message", "message": message });
    Delivery {
        frame: frame(right),
        altered: frame(wrong),
        region: caller.place.region.clone(),
    }
}

/// A message with its text, as its receiver and its sender see it.
fn message_json(message: &Message) -> Value {
    let mut body = receipt(message);
    body["text"] = Value::from(message.text.as_str());
    body
}

fn receipt(message: &Message) -> Value {
    json!({
        "id": message.id,
        "from": message.from,
        "to": message.to,
        "client_ref": message.client_ref,
        "sent_at": http::rfc3339(message.sent_at),
    })
}
