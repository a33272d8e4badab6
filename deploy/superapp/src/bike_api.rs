//! Bikes at the service `mobility`: unlock, ride, lock, and end the ride.

use hyper::body::Incoming;
use hyper::{Method, Request, StatusCode};
use serde_json::{Value, json};

use crate::bikes::{BikeRefused, BikeRide, BikeState, Bikes};
use crate::component::{Component, FaultPoint, PlatformFeature};
use crate::http::{self, Answer, Caller, Content, Cut, REFERENCE_BYTES_MAX, Refusal};
use crate::parking_api::{give_back, paid_json};
use crate::pay_core::{Asked, Paid, PaymentKind};
use crate::payment_api::{self, now};
use crate::world::World;

/// Rides are the dispatch's, which also tells the locks what to do; only ending a ride moves money.
const RIDE_NEEDS: &[FaultPoint] = &[
    FaultPoint::Component(Component::Dispatch),
    FaultPoint::Feature(PlatformFeature::MobilityTBike),
];
const UNLOCK_NEEDS: &[FaultPoint] = &[
    FaultPoint::Component(Component::Dispatch),
    FaultPoint::Component(Component::LockIot),
    FaultPoint::Feature(PlatformFeature::MobilityTBike),
];
const LOCK_NEEDS: &[FaultPoint] = &[
    FaultPoint::Component(Component::LockIot),
    FaultPoint::Feature(PlatformFeature::MobilityTBike),
];
const END_NEEDS: &[FaultPoint] = &[
    FaultPoint::Component(Component::Dispatch),
    FaultPoint::Component(Component::PayCore),
    FaultPoint::Feature(PlatformFeature::MobilityTBike),
];

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Unlocking {
    client_ref: String,
}

enum Act {
    Unlock(u32),
    Find,
    Get(String),
    Lock(String),
    End(String),
    Void(String),
}

/// Whether a path of the service `mobility` is about bikes.
pub(crate) fn is_path(path: &str) -> bool {
    path.starts_with("/v1/bikes/") || path.starts_with("/v1/bike-rides")
}

fn route(path: &str, method: &Method) -> Result<Act, Refusal> {
    let parts: Vec<&str> = path.trim_start_matches('/').split('/').collect();
    let get = method == Method::GET;
    let post = method == Method::POST;
    let own = |id: &&str| (*id).to_owned();
    match parts.as_slice() {
        ["v1", "bikes", number, "unlock"] if post => number
            .parse()
            .map(Act::Unlock)
            .map_err(|_| refusal(BikeRefused::NoSuchBike)),
        ["v1", "bike-rides"] if get => Ok(Act::Find),
        ["v1", "bike-rides", id] if get => Ok(Act::Get(own(id))),
        ["v1", "bike-rides", id, "lock"] if post => Ok(Act::Lock(own(id))),
        ["v1", "bike-rides", id, "end"] if post => Ok(Act::End(own(id))),
        ["v1", "bike-rides", id, "void"] if post => Ok(Act::Void(own(id))),
        ["v1", "bikes", _, "unlock"]
        | ["v1", "bike-rides"]
        | ["v1", "bike-rides", _]
        | ["v1", "bike-rides", _, "lock" | "end" | "void"] => Err(http::not_allowed()),
        _ => Err(http::not_found(path)),
    }
}

pub(crate) async fn answer(caller: Caller, request: Request<Incoming>) -> Result<Answer, Cut> {
    let act = match route(request.uri().path(), request.method()) {
        Ok(act) => act,
        Err(refusal) => return Ok(refusal.into()),
    };
    let needs = match act {
        Act::Unlock(_) => UNLOCK_NEEDS,
        Act::Lock(_) => LOCK_NEEDS,
        Act::End(_) | Act::Void(_) => END_NEEDS,
        Act::Find | Act::Get(_) => RIDE_NEEDS,
    };
    let content = match http::pass_faults(&caller, needs).await? {
        Ok(content) => content,
        Err(refusal) => return Ok(refusal.into()),
    };
    Ok(http::either(match act {
        Act::Unlock(bike) => unlock(&caller, request, (bike, content)).await,
        act => ride(&caller, &request, (act, content)),
    }))
}

/// The bikes, after their locks have done what they were told.
fn bikes(caller: &Caller) -> &Bikes {
    let world = &*caller.world;
    let region = &caller.place.region;
    let is_lost = world.faults.loses(UNLOCK_NEEDS, [region, region]);
    world.unlocked.advance(world.clock.monotonic(), is_lost);
    &world.unlocked
}

async fn unlock(
    caller: &Caller,
    request: Request<Incoming>,
    (bike, content): (u32, Content),
) -> Result<Answer, Refusal> {
    let world = &*caller.world;
    let who = http::signed_in(world, &request)?;
    let Unlocking { client_ref } = http::read_json(request.into_body()).await?;
    if !(1..=REFERENCE_BYTES_MAX).contains(&client_ref.len()) {
        let text = "a client_ref has 1 to 200 bytes";
        return Err(http::error(StatusCode::BAD_REQUEST, "bad_client_ref", text));
    }
    let now = world.clock.monotonic();
    let unlocked = bikes(caller).unlock(&who.user_id, (bike, client_ref), now);
    let (ride, is_new) = unlocked.map_err(refusal)?;
    let status = if is_new {
        StatusCode::CREATED
    } else {
        StatusCode::OK
    };
    Ok(http::json(status, &ride_json(world, &ride, content)))
}

fn ride(
    caller: &Caller,
    request: &Request<Incoming>,
    (act, content): (Act, Content),
) -> Result<Answer, Refusal> {
    let world = &*caller.world;
    let who = http::signed_in(world, request)?;
    let rider = who.user_id.as_str();
    let mono = world.clock.monotonic();
    let ride = match act {
        Act::Find | Act::Unlock(_) => {
            let client_ref = http::query_value(request, "client_ref");
            let found = bikes(caller).find(rider, client_ref.as_deref(), mono);
            let items: Vec<Value> = found
                .iter()
                .map(|one| ride_json(world, one, content))
                .collect();
            return Ok(http::json(StatusCode::OK, &json!({ "items": items })));
        }
        Act::Get(id) => bikes(caller).get(rider, &id, mono),
        Act::Lock(id) => bikes(caller).lock(rider, &id, mono),
        Act::End(id) => end(caller, (rider, who.account), &id),
        Act::Void(id) => {
            let ride = bikes(caller).get(rider, &id, mono).map_err(refusal)?;
            give_back(world, ride.payment.as_deref())?;
            bikes(caller).void(rider, &id, mono)
        }
    };
    let ride = ride.map_err(refusal)?;
    Ok(http::json(
        StatusCode::OK,
        &ride_json(world, &ride, content),
    ))
}

/// Charges what the ride costs by now, and ends it. Asking again changes nothing.
fn end(caller: &Caller, (rider, payer): (&str, usize), id: &str) -> Result<BikeRide, BikeRefused> {
    let world = &*caller.world;
    let mono = world.clock.monotonic();
    let ride = bikes(caller).due(rider, id, mono)?;
    if ride.state == BikeState::Ended {
        return Ok(ride);
    }
    let asked = Asked {
        kind: PaymentKind::Bike,
        merchant: world.house,
        won: i64::try_from(ride.fee).unwrap_or(i64::MAX),
        foreign: None,
        // What the rider calls the ride tells whose debt it is, its own id that it is this one.
        reference: format!("{} {}", ride.id, ride.client_ref),
        region: caller.place.region.clone(),
    };
    let books = (world.pay_core(), now(world), &world.counts);
    let paid = world.payments.charge(asked, payer, books);
    match paid.map_err(BikeRefused::Money)? {
        Paid::New(payment) | Paid::Before(payment) => {
            bikes(caller).end(rider, id, (ride.fee, payment.id), mono)
        }
    }
}

fn ride_json(world: &World, ride: &BikeRide, content: Content) -> Value {
    let fee = match content {
        Content::Right => ride.fee,
        Content::Wrong => ride.fee * 1000,
    };
    json!({
        "id": ride.id,
        "bike": ride.bike,
        "state": ride.state.as_str(),
        "lock": ride.lock.as_str(),
        "fee": { "amount": fee, "currency": "KRW" },
        "payment": paid_json(world, ride.payment.as_deref()),
        "client_ref": ride.client_ref,
    })
}

fn refusal(refused: BikeRefused) -> Refusal {
    let (status, code, text) = match refused {
        BikeRefused::Money(refused) => return payment_api::refusal(refused),
        BikeRefused::NoSuchBike => (
            StatusCode::NOT_FOUND,
            "no_such_bike",
            "there is no such bike",
        ),
        BikeRefused::NoSuchRide => (
            StatusCode::NOT_FOUND,
            "no_such_ride",
            "you have no such ride",
        ),
        BikeRefused::TooManyRides => (
            StatusCode::CONFLICT,
            "too_many_rides",
            "4 of your rides are not over: end one first",
        ),
        BikeRefused::NotLocked => (
            StatusCode::CONFLICT,
            "not_locked",
            "lock the bike first: the ride goes on until then",
        ),
        BikeRefused::Over => (StatusCode::CONFLICT, "over", "the ride is over"),
    };
    http::error(status, code, text)
}
