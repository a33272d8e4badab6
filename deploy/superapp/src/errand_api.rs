//! Errands at the service `mobility`: designated drivers and parcels are ordered and cancelled.

use hyper::body::Incoming;
use hyper::{Method, Request, StatusCode};
use serde_json::{Value, json};

use crate::component::{Component, FaultPoint, PlatformFeature};
use crate::errands::{Errand, ErrandKind, Errands};
use crate::http::{self, Answer, Caller, Content, Cut, REFERENCE_BYTES_MAX, Refusal};
use crate::map_core::{self, Place};
use crate::mobility_api::no_way;

const CHAUFFEUR_NEEDS: &[FaultPoint] = &[
    FaultPoint::Component(Component::MapCore),
    FaultPoint::Component(Component::Dispatch),
    FaultPoint::Feature(PlatformFeature::MobilityChauffeurCall),
];
const PARCEL_NEEDS: &[FaultPoint] = &[
    FaultPoint::Component(Component::MapCore),
    FaultPoint::Component(Component::Dispatch),
    FaultPoint::Feature(PlatformFeature::MobilityQuickParcel),
];

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Ordering {
    from: Place,
    to: Place,
    client_ref: String,
}

enum Act {
    Order,
    Find,
    Get(String),
    Cancel(String),
}

/// What an order passes through on its way to a driver.
const fn needs(kind: ErrandKind) -> &'static [FaultPoint] {
    match kind {
        ErrandKind::Chauffeur => CHAUFFEUR_NEEDS,
        ErrandKind::Parcel => PARCEL_NEEDS,
    }
}

/// Whether a path of the service `mobility` is about errands.
pub(crate) fn is_path(path: &str) -> bool {
    path.starts_with("/v1/errands/")
}

fn route(path: &str, method: &Method) -> Result<(ErrandKind, Act), Refusal> {
    let parts: Vec<&str> = path.trim_start_matches('/').split('/').collect();
    let (kind, rest) = match parts.as_slice() {
        ["v1", "errands", "chauffeur", rest @ ..] => (ErrandKind::Chauffeur, rest),
        ["v1", "errands", "parcel", rest @ ..] => (ErrandKind::Parcel, rest),
        _ => return Err(http::not_found(path)),
    };
    let get = method == Method::GET;
    let post = method == Method::POST;
    let act = match rest {
        [] if post => Act::Order,
        [] if get => Act::Find,
        [id] if get => Act::Get((*id).to_owned()),
        [id, "cancel"] if post => Act::Cancel((*id).to_owned()),
        [] | [_] | [_, "cancel"] => return Err(http::not_allowed()),
        _ => return Err(http::not_found(path)),
    };
    Ok((kind, act))
}

pub(crate) async fn answer(caller: Caller, request: Request<Incoming>) -> Result<Answer, Cut> {
    let (kind, act) = match route(request.uri().path(), request.method()) {
        Ok(found) => found,
        Err(refusal) => return Ok(refusal.into()),
    };
    let content = match http::pass_faults(&caller, needs(kind)).await? {
        Ok(content) => content,
        Err(refusal) => return Ok(refusal.into()),
    };
    Ok(http::either(match act {
        Act::Order => order(&caller, request, (kind, content)).await,
        act => errand(&caller, &request, (kind, act, content)),
    }))
}

/// The errands, after drivers have taken what is due.
fn errands(caller: &Caller) -> &Errands {
    let world = &*caller.world;
    let region = &caller.place.region;
    let lost = |kind| world.faults.loses(needs(kind), [region, region]);
    let now = (world.clock.wall(), world.clock.monotonic());
    world.errands.advance(now, lost);
    &world.errands
}

async fn order(
    caller: &Caller,
    request: Request<Incoming>,
    (kind, content): (ErrandKind, Content),
) -> Result<Answer, Refusal> {
    let world = &*caller.world;
    let who = http::signed_in(world, &request)?;
    let asked: Ordering = http::read_json(request.into_body()).await?;
    if !(1..=REFERENCE_BYTES_MAX).contains(&asked.client_ref.len()) {
        let text = "a client_ref has 1 to 200 bytes";
        return Err(http::error(StatusCode::BAD_REQUEST, "bad_client_ref", text));
    }
    let way = map_core::way(asked.from, asked.to).map_err(no_way)?;
    let what = (asked.client_ref, map_core::fare(way));
    let now = (world.clock.wall(), world.clock.monotonic());
    let ordered = errands(caller).order((kind, &who.user_id), what, now);
    let (errand, is_new) = ordered.ok_or_else(|| {
        let text = "8 of your errands are not over: cancel one first";
        http::error(StatusCode::CONFLICT, "too_many_errands", text)
    })?;
    let status = if is_new {
        StatusCode::CREATED
    } else {
        StatusCode::OK
    };
    Ok(http::json(status, &errand_json(&errand, content)))
}

fn errand(
    caller: &Caller,
    request: &Request<Incoming>,
    (kind, act, content): (ErrandKind, Act, Content),
) -> Result<Answer, Refusal> {
    let who = http::signed_in(&caller.world, request)?;
    let user_id = who.user_id.as_str();
    let errand = match act {
        Act::Get(id) => errands(caller).get(kind, user_id, &id),
        Act::Cancel(id) => errands(caller).cancel(kind, user_id, &id),
        Act::Find | Act::Order => {
            let client_ref = http::query_value(request, "client_ref");
            let found = errands(caller).find(kind, user_id, client_ref.as_deref());
            let items: Vec<Value> = found.iter().map(|one| errand_json(one, content)).collect();
            return Ok(http::json(StatusCode::OK, &json!({ "items": items })));
        }
    };
    let errand = errand.ok_or_else(|| {
        let text = "you have ordered no such errand";
        http::error(StatusCode::NOT_FOUND, "no_such_errand", text)
    })?;
    Ok(http::json(StatusCode::OK, &errand_json(&errand, content)))
}

fn errand_json(errand: &Errand, content: Content) -> Value {
    let price = match content {
        Content::Right => errand.price,
        Content::Wrong => errand.price * 1000,
    };
    json!({
        "id": errand.id,
        "state": errand.state.as_str(),
        "open": errand.state.is_open(),
        "price": { "amount": price, "currency": "KRW" },
        // Nobody comes here, so that nothing is ever charged: cancelling is free.
        "fee": { "amount": 0, "currency": "KRW" },
        "client_ref": errand.client_ref,
    })
}
