//! The heart of the service `pay`: one's balance with its latest entries, and the pocket in which
//! money is kept apart.

use hyper::body::Incoming;
use hyper::{Method, Request, StatusCode};
use serde_json::{Value, json};

use crate::component::{Component, FaultPoint, PlatformFeature};
use crate::http::{self, Answer, Caller, Content, Cut, Refusal};
use crate::pay_api::{checked_reference, made};
use crate::pay_core::{Channel, Line, Order, Wish};
use crate::payment_api::now;

/// All of it rests on the wallets; money into the pocket and out of it settles there.
pub(crate) const NEEDS: &[FaultPoint] = &[
    FaultPoint::Component(Component::PayCore),
    FaultPoint::Feature(PlatformFeature::PayCore),
];
/// How many entries an answer shows.
const ENTRIES: usize = 5;

/// Won into the pocket (positive) or out of it (negative).
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Moving {
    amount: i64,
    note: Option<String>,
}

/// Whether a path of the service `pay` is about one's own balance.
pub(crate) fn is_path(path: &str) -> bool {
    matches!(path, "/v1/summary" | "/v1/pocket")
}

pub(crate) async fn answer(caller: Caller, request: Request<Incoming>) -> Result<Answer, Cut> {
    let is_summary = match (request.uri().path(), request.method()) {
        ("/v1/summary", &Method::GET) => true,
        ("/v1/pocket", &Method::POST) => false,
        _ => return Ok(http::not_allowed().into()),
    };
    let content = match http::pass_faults(&caller, NEEDS).await? {
        Ok(content) => content,
        Err(refusal) => return Ok(refusal.into()),
    };
    Ok(http::either(if is_summary {
        summary(&caller, &request, content)
    } else {
        pocket(&caller, request).await
    }))
}

fn summary(
    caller: &Caller,
    request: &Request<Incoming>,
    content: Content,
) -> Result<Answer, Refusal> {
    let who = http::signed_in(&caller.world, request)?;
    let core = caller.world.pay_core();
    let wallet = core
        .wallet(who.account)
        .ok_or_else(crate::pay_api::no_wallet)?;
    let available = match content {
        Content::Right => wallet.available,
        Content::Wrong => wallet.available / 2,
    };
    let entries = core.statement(who.account, ENTRIES);
    let entries: Vec<Value> = entries.iter().map(entry_json).collect();
    let body = json!({
        "user_id": who.user_id,
        "currency": "KRW",
        "available": available,
        "held": wallet.held,
        "incoming": wallet.incoming,
        "pocket": wallet.pocket,
        "entries": entries,
    });
    Ok(http::json(StatusCode::OK, &body))
}

/// An entry of a statement as answers show it.
pub(crate) fn entry_json(line: &Line) -> Value {
    json!({
        "transfer": line.transfer,
        "amount": line.won,
        "balance": line.balance,
        "note": line.reference,
        "made_at": http::rfc3339(line.made_at),
    })
}

async fn pocket(caller: &Caller, request: Request<Incoming>) -> Result<Answer, Refusal> {
    let world = &*caller.world;
    let who = http::signed_in(world, &request)?;
    let idempotency_key = http::idempotency_key(&request)?;
    let moving: Moving = http::read_json(request.into_body()).await?;
    let channel = if moving.amount < 0 {
        Channel::OutOfPocket
    } else {
        Channel::IntoPocket
    };
    let order = Order {
        from: who.account,
        wish: Wish::Pocket {
            amount: moving.amount.saturating_abs(),
        },
        channel,
        reference: checked_reference(moving.note)?,
        idempotency_key,
        region: caller.place.region.clone(),
    };
    let sent = world.pay_core().send(order, now(world), &world.counts);
    let (status, transfer) = made(sent)?;
    let body = json!({
        "transfer": transfer.id,
        "amount": moving.amount,
        "state": transfer.state.as_str(),
    });
    Ok(http::json(status, &body))
}
