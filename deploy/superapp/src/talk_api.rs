//! The HTTP API of the service `talk`: sending, finding and deleting messages, and the stream.

use hyper::body::Incoming;
use hyper::{Method, Request, StatusCode};
use serde_json::{Value, json};

use crate::audit::Count;
use crate::component::{Component, FaultPoint, PlatformFeature};
use crate::http::{self, Answer, Caller, Cut, REFERENCE_BYTES_MAX, Refusal};
use crate::relay::{Accepted, Delivery, Draft, Message};
use crate::stream;

/// Every act checks the session with the account component and goes through the relay.
pub(crate) const NEEDS: &[FaultPoint] = &[
    FaultPoint::Component(Component::Account),
    FaultPoint::Component(Component::Relay),
    FaultPoint::Feature(PlatformFeature::TalkMessageText),
];

/// Longest text of a message.
const TEXT_BYTES_MAX: usize = 16 * 1024;

#[derive(serde::Deserialize)]
struct Sending {
    to: String,
    text: String,
    client_ref: Option<String>,
}

enum Route {
    Stream,
    Send,
    Find,
    Delete(String),
}

pub(crate) async fn answer(caller: Caller, request: Request<Incoming>) -> Result<Answer, Cut> {
    let path = request.uri().path();
    let one = path
        .strip_prefix("/v1/messages/")
        .filter(|id| !id.is_empty());
    let route = match (path, one, request.method()) {
        ("/healthz", _, &Method::GET) => return Ok(http::healthy()),
        ("/v1/stream", _, &Method::GET) => Route::Stream,
        ("/v1/messages", _, &Method::POST) => Route::Send,
        ("/v1/messages", _, &Method::GET) => Route::Find,
        (_, Some(id), &Method::DELETE) => Route::Delete(id.to_owned()),
        ("/healthz" | "/v1/stream" | "/v1/messages", _, _) | (_, Some(_), _) => {
            return Ok(http::not_allowed().into());
        }
        (path, None, _) => return Ok(http::not_found(path).into()),
    };
    // Wrong content shows where a message arrives, so that sending and cleaning up still work.
    if let Err(refusal) = http::pass_faults(&caller, NEEDS).await? {
        return Ok(refusal.into());
    }
    Ok(http::either(match route {
        Route::Stream => stream::open(&caller, request),
        Route::Send => send(&caller, request).await,
        Route::Find => find(&caller, &request),
        Route::Delete(id) => delete(&caller, &request, &id),
    }))
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
            let delivery = Delivery {
                message,
                sender_region: caller.place.region.clone(),
            };
            world.relay.deliver(&delivery, &world.counts);
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

/// A message with its text, as its receiver and its sender see it.
pub(crate) fn message_json(message: &Message) -> Value {
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
