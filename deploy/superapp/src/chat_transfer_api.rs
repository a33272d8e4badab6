//! Money in a chat: the receiver gets a card on the open stream and takes the money; until then the
//! sender may take it back. The service `talk` offers it in the chat, the service `pay` in its app:
//! one way of the money, two features.

use hyper::body::Incoming;
use hyper::{Method, Request, StatusCode};
use serde_json::{Value, json};

use crate::component::{Component, FaultPoint, PlatformFeature, Service};
use crate::http::{self, Answer, Caller, Content, Cut, Refusal};
use crate::outlet::{Delivery, Topic};
use crate::pay_api::{checked_reference, made, refusal, transfer_json, wallet};
use crate::pay_core::{Channel, Order, Payee, Refused, Transfer, Wish};
use crate::stream;

/// Every act moves or shows money; open sessions need no component.
const NEEDS: &[FaultPoint] = &[
    FaultPoint::Component(Component::PayCore),
    FaultPoint::Feature(PlatformFeature::TalkTransferInChat),
];
/// Sending also puts a card into the chat.
const SENDING_NEEDS: &[FaultPoint] = &[
    FaultPoint::Component(Component::Relay),
    FaultPoint::Component(Component::PayCore),
    FaultPoint::Feature(PlatformFeature::TalkTransferInChat),
];
/// The same at the service `pay`.
const PAY_NEEDS: &[FaultPoint] = &[
    FaultPoint::Component(Component::PayCore),
    FaultPoint::Feature(PlatformFeature::PayTransferInTalk),
];
const PAY_SENDING_NEEDS: &[FaultPoint] = &[
    FaultPoint::Component(Component::Relay),
    FaultPoint::Component(Component::PayCore),
    FaultPoint::Feature(PlatformFeature::PayTransferInTalk),
];
/// What money in a chat passes through from its being received until it is settled.
pub(crate) const SETTLES: &[FaultPoint] = &[FaultPoint::Component(Component::PayCore)];

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Sending {
    to: String,
    amount: i64,
    client_ref: Option<String>,
}

enum Route {
    Stream,
    Wallet,
    Send,
    Find,
    Get(String),
    Receive(String),
    Cancel(String),
    GiveBack(String),
}

/// Whether a path of the service `talk` is about money.
pub(crate) fn is_path(path: &str) -> bool {
    path == "/v1/wallet" || path == "/v1/transfers" || path.starts_with("/v1/transfers/")
}

/// Whether a path of the service `pay` is about money in a chat.
pub(crate) fn is_pay_path(path: &str) -> bool {
    path.starts_with("/v1/talk/")
}

pub(crate) async fn answer(caller: Caller, request: Request<Incoming>) -> Result<Answer, Cut> {
    let at_pay = caller.place.service == Service::Pay;
    let path = request.uri().path();
    let path = &match path.strip_prefix("/v1/talk") {
        Some(rest) if at_pay => format!("/v1{rest}"),
        Some(_) | None => path.to_owned(),
    };
    let one = path.strip_prefix("/v1/transfers/").unwrap_or_default();
    let (id, act) = one.split_once('/').unwrap_or((one, ""));
    let route = match (path.as_str(), act, request.method()) {
        ("/v1/stream", _, &Method::GET) if at_pay => Route::Stream,
        ("/v1/wallet", _, &Method::GET) => Route::Wallet,
        ("/v1/transfers", _, &Method::POST) => Route::Send,
        ("/v1/transfers", _, &Method::GET) => Route::Find,
        ("/v1/wallet" | "/v1/transfers", _, _) => return Ok(http::not_allowed().into()),
        (_, "", &Method::GET) => Route::Get(id.to_owned()),
        (_, "receive", &Method::POST) => Route::Receive(id.to_owned()),
        (_, "cancel", &Method::POST) => Route::Cancel(id.to_owned()),
        (_, "return", &Method::POST) => Route::GiveBack(id.to_owned()),
        (_, "" | "receive" | "cancel" | "return", _) => return Ok(http::not_allowed().into()),
        (path, _, _) => return Ok(http::not_found(path).into()),
    };
    let needs = match route {
        Route::Send if at_pay => PAY_SENDING_NEEDS,
        Route::Stream => Topic::PayCards.passes(),
        _ if at_pay => PAY_NEEDS,
        Route::Send => SENDING_NEEDS,
        _ => NEEDS,
    };
    let content = match http::pass_faults(&caller, needs).await? {
        Ok(content) if at_pay => content,
        // In the chat wrong content shows on the card, so that sending and cleaning up still work.
        Ok(_) => Content::Right,
        Err(refusal) => return Ok(refusal.into()),
    };
    Ok(http::either(match route {
        Route::Stream => stream::open(&caller, request, Topic::PayCards, None),
        Route::Wallet => wallet(&caller, &request, content),
        Route::Send => send(&caller, request, content).await,
        Route::Find => find(&caller, &request, content),
        Route::Get(id) => get(&caller, &request, (&id, content)),
        Route::Receive(id) => receive(&caller, &request, (&id, content)),
        Route::Cancel(id) => cancel(&caller, &request, (&id, content)),
        Route::GiveBack(id) => give_back(&caller, &request, (id, content)),
    }))
}

async fn send(
    caller: &Caller,
    request: Request<Incoming>,
    content: Content,
) -> Result<Answer, Refusal> {
    let world = &*caller.world;
    let who = http::signed_in(world, &request)?;
    let idempotency_key = http::idempotency_key(&request)?;
    let sending: Sending = http::read_json(request.into_body()).await?;
    let order = Order {
        from: who.account,
        wish: Wish::Pay {
            to: Payee::User(sending.to),
            amount: sending.amount,
        },
        channel: Channel::Chat,
        reference: checked_reference(sending.client_ref)?,
        idempotency_key,
        region: caller.place.region.clone(),
    };
    let now = (world.clock.wall(), world.clock.monotonic());
    let (status, transfer) = made(world.pay_core().send(order, now, &world.counts))?;
    // The card comes once: a repeated request is answered and shown to nobody.
    if status == StatusCode::CREATED {
        show_card(caller, &transfer, &transfer.to);
    }
    Ok(answered(status, &transfer, content))
}

fn find(caller: &Caller, request: &Request<Incoming>, content: Content) -> Result<Answer, Refusal> {
    let who = http::signed_in(&caller.world, request)?;
    let reference = http::query_value(request, "client_ref");
    let state = http::query_value(request, "state");
    let core = caller.world.pay_core();
    let sent = core.sent(who.account, reference.as_deref(), state.as_deref());
    let sent = sent.iter().filter(|t| t.channel == Channel::Chat);
    let items: Vec<Value> = sent.map(|t| transfer_json(t, content)).collect();
    Ok(http::json(StatusCode::OK, &json!({ "items": items })))
}

fn get(
    caller: &Caller,
    request: &Request<Incoming>,
    (id, content): (&str, Content),
) -> Result<Answer, Refusal> {
    let who = http::signed_in(&caller.world, request)?;
    let transfer = caller.world.pay_core().get(who.account, id);
    let transfer = transfer.ok_or_else(|| refusal(Refused::NoSuchTransfer))?;
    Ok(answered(StatusCode::OK, &transfer, content))
}

fn receive(
    caller: &Caller,
    request: &Request<Incoming>,
    (id, content): (&str, Content),
) -> Result<Answer, Refusal> {
    let world = &*caller.world;
    let who = http::signed_in(world, request)?;
    let now = world.clock.monotonic();
    let received = world.pay_core().receive(who.account, id, now);
    let transfer = received.map_err(refusal)?;
    show_card(caller, &transfer, &transfer.from);
    Ok(answered(StatusCode::OK, &transfer, content))
}

fn cancel(
    caller: &Caller,
    request: &Request<Incoming>,
    (id, content): (&str, Content),
) -> Result<Answer, Refusal> {
    let who = http::signed_in(&caller.world, request)?;
    let cancelled = caller.world.pay_core().cancel(who.account, id);
    let transfer = cancelled.map_err(refusal)?;
    show_card(caller, &transfer, &transfer.to);
    Ok(answered(StatusCode::OK, &transfer, content))
}

fn give_back(
    caller: &Caller,
    request: &Request<Incoming>,
    (id, content): (String, Content),
) -> Result<Answer, Refusal> {
    let world = &*caller.world;
    let who = http::signed_in(world, request)?;
    let order = Order {
        from: who.account,
        wish: Wish::GiveBack { transfer: id },
        channel: Channel::Chat,
        reference: None,
        idempotency_key: http::idempotency_key(request)?,
        region: caller.place.region.clone(),
    };
    let now = (world.clock.wall(), world.clock.monotonic());
    let (status, transfer) = made(world.pay_core().send(order, now, &world.counts))?;
    Ok(answered(status, &transfer, content))
}

fn answered(status: StatusCode, transfer: &Transfer, content: Content) -> Answer {
    http::json(status, &transfer_json(transfer, content))
}

/// Shows a transfer to who listens for cards as `user_id`.
fn show_card(caller: &Caller, transfer: &Transfer, user_id: &str) {
    let card =
        |content| json!({ "type": "transfer", "transfer": transfer_json(transfer, content) });
    let delivery = Delivery {
        frame: card(Content::Right),
        altered: card(Content::Wrong),
        region: caller.place.region.clone(),
    };
    let world = &*caller.world;
    for topic in [Topic::Cards, Topic::PayCards] {
        world
            .outlets
            .deliver(user_id, topic, &delivery, &world.counts);
    }
}
