//! The HTTP API of the service `mobility`: quotes and rides for riders, offers for drivers, and a
//! stream for each of them. What the apps show before anyone rides, the apps of drivers,
//! errands, parking and bikes have files of their own.

use hyper::body::Incoming;
use hyper::{Method, Request, StatusCode};
use serde_json::{Value, json};

use crate::audit::Count;
use crate::component::{Component, FaultPoint, PlatformFeature};
use crate::dispatch::{Call, Called, News, Notice, Position, QUOTE_LASTS, Refused, Ride};
use crate::http::{self, Answer, Caller, Content, Cut, REFERENCE_BYTES_MAX, Refusal};
use crate::map_core::{self, NoWay, Place};
use crate::outlet::{Delivery, Topic};
use crate::pay_api::checked_reference;
use crate::world::World;
use crate::{bike_api, driver_api, errand_api, mobility_app_api, parking_api, stream};

/// A quote needs the map and nobody who drives.
const QUOTE_NEEDS: &[FaultPoint] = &[
    FaultPoint::Component(Component::MapCore),
    FaultPoint::Feature(PlatformFeature::MobilityTaxiCall),
];
/// Everything else is between riders and drivers.
const NEEDS: &[FaultPoint] = &[
    FaultPoint::Component(Component::Dispatch),
    FaultPoint::Feature(PlatformFeature::MobilityTaxiCall),
];

/// The header by which the drivers of a run are found for its riders, and for no one else.
const SYNTHETIC: &str = "x-synthetic";

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Asking {
    from: Place,
    to: Place,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Calling {
    quote: String,
    client_ref: Option<String>,
}

enum Route {
    Quote,
    Call,
    Find,
    Get(String),
    Cancel(String),
    Accept(String),
    Decline(String),
    Stream(Topic),
}

fn route(path: &str, method: &Method) -> Result<Route, Refusal> {
    let parts: Vec<&str> = path.trim_start_matches('/').split('/').collect();
    let get = method == Method::GET;
    let post = method == Method::POST;
    match parts.as_slice() {
        ["v1", "quotes"] if post => Ok(Route::Quote),
        ["v1", "rides"] if post => Ok(Route::Call),
        ["v1", "rides"] if get => Ok(Route::Find),
        ["v1", "rides", "stream"] if get => Ok(Route::Stream(Topic::Rides)),
        ["v1", "offers", "stream"] if get => Ok(Route::Stream(Topic::Offers)),
        ["v1", "rides", id] if get => Ok(Route::Get((*id).to_owned())),
        ["v1", "rides", id, "cancel"] if post => Ok(Route::Cancel((*id).to_owned())),
        ["v1", "offers", id, "accept"] if post => Ok(Route::Accept((*id).to_owned())),
        ["v1", "offers", id, "decline"] if post => Ok(Route::Decline((*id).to_owned())),
        ["v1", "quotes" | "rides"]
        | ["v1", "rides", _]
        | ["v1", "offers", "stream"]
        | ["v1", "rides", _, "cancel"]
        | ["v1", "offers", _, "accept" | "decline"] => Err(http::not_allowed()),
        _ => Err(http::not_found(path)),
    }
}

pub(crate) async fn answer(caller: Caller, request: Request<Incoming>) -> Result<Answer, Cut> {
    if request.uri().path() == "/healthz" && request.method() == Method::GET {
        return Ok(http::healthy());
    }
    let path = request.uri().path();
    if mobility_app_api::is_path(path) {
        return mobility_app_api::answer(caller, request).await;
    }
    if driver_api::is_path(path) {
        return driver_api::answer(caller, request).await;
    }
    if errand_api::is_path(path) {
        return errand_api::answer(caller, request).await;
    }
    if parking_api::is_path(path) {
        return parking_api::answer(caller, request).await;
    }
    if bike_api::is_path(path) {
        return bike_api::answer(caller, request).await;
    }
    let route = match route(request.uri().path(), request.method()) {
        Ok(route) => route,
        Err(refusal) => return Ok(refusal.into()),
    };
    let needs = match route {
        Route::Quote => QUOTE_NEEDS,
        _ => NEEDS,
    };
    let content = match http::pass_faults(&caller, needs).await? {
        Ok(content) => content,
        Err(refusal) => return Ok(refusal.into()),
    };
    Ok(http::either(match route {
        Route::Quote => quote(&caller, request, content).await,
        Route::Call => call(&caller, request, content).await,
        Route::Find => find(&caller, &request, content),
        Route::Get(id) => get(&caller, &request, (&id, content)),
        Route::Cancel(id) => cancel(&caller, &request, (&id, content)),
        Route::Accept(id) => accept(&caller, &request, (&id, content)),
        Route::Decline(id) => decline(&caller, &request, (&id, content)),
        Route::Stream(topic) => open(&caller, request, topic),
    }))
}

async fn quote(
    caller: &Caller,
    request: Request<Incoming>,
    content: Content,
) -> Result<Answer, Refusal> {
    let world = &*caller.world;
    let who = http::signed_in(world, &request)?;
    let Asking { from, to } = http::read_json(request.into_body()).await?;
    let way = map_core::way(from, to).map_err(no_way)?;
    let price = match content {
        Content::Right => map_core::fare(way),
        Content::Wrong => map_core::fare(way) * 1000,
    };
    let now = world.clock.monotonic();
    let quote = world.dispatch().quote(&who.user_id, (from, to), price, now);
    let body = json!({
        "id": quote.id,
        "from": from,
        "to": to,
        "price": won(quote.price),
        "distance_m": way.distance_m,
        "duration_s": way.duration_s,
        "expires_at": http::rfc3339(world.clock.wall() + QUOTE_LASTS),
    });
    Ok(http::json(StatusCode::OK, &body))
}

async fn call(
    caller: &Caller,
    request: Request<Incoming>,
    content: Content,
) -> Result<Answer, Refusal> {
    let world = &*caller.world;
    let who = http::signed_in(world, &request)?;
    let idempotency_key = http::idempotency_key(&request)?;
    let tag = tag(&request)?;
    let calling: Calling = http::read_json(request.into_body()).await?;
    let call = Call {
        rider: who.user_id,
        quote: calling.quote,
        client_ref: checked_reference(calling.client_ref)?,
        idempotency_key,
        tag,
        region: caller.place.region.clone(),
    };
    let now = (world.clock.wall(), world.clock.monotonic());
    let called = world.dispatch().call(call, now, &world.counts);
    let (status, ride) = match called.map_err(refusal)? {
        Called::New(ride) => (StatusCode::CREATED, ride),
        Called::Before(ride) => (StatusCode::OK, ride),
    };
    // Offers it to a driver at once.
    world.dispatch();
    Ok(http::json(status, &ride_json(&ride, content)))
}

fn find(caller: &Caller, request: &Request<Incoming>, content: Content) -> Result<Answer, Refusal> {
    let who = http::signed_in(&caller.world, request)?;
    let client_ref = http::query_value(request, "client_ref");
    let rides = caller.world.dispatch();
    let rides = rides.rides(&who.user_id, client_ref.as_deref());
    let items: Vec<Value> = rides.iter().map(|ride| ride_json(ride, content)).collect();
    Ok(http::json(StatusCode::OK, &json!({ "items": items })))
}

fn get(
    caller: &Caller,
    request: &Request<Incoming>,
    (id, content): (&str, Content),
) -> Result<Answer, Refusal> {
    let who = http::signed_in(&caller.world, request)?;
    let ride = caller.world.dispatch().get(&who.user_id, id);
    let ride = ride.ok_or_else(|| refusal(Refused::NoSuchRide))?;
    Ok(http::json(StatusCode::OK, &ride_json(&ride, content)))
}

fn cancel(
    caller: &Caller,
    request: &Request<Incoming>,
    (id, content): (&str, Content),
) -> Result<Answer, Refusal> {
    let world = &*caller.world;
    let who = http::signed_in(world, request)?;
    let cancelled = world.dispatch().cancel(&who.user_id, id, &world.counts);
    let (ride, notice) = cancelled.map_err(refusal)?;
    tell(world, notice);
    Ok(http::json(StatusCode::OK, &ride_json(&ride, content)))
}

fn accept(
    caller: &Caller,
    request: &Request<Incoming>,
    (id, content): (&str, Content),
) -> Result<Answer, Refusal> {
    let world = &*caller.world;
    let who = http::signed_in(world, request)?;
    let now = world.clock.monotonic();
    let accepted = world
        .dispatch()
        .accept(&who.user_id, id, now, &world.counts);
    let (ride, notice) = accepted.map_err(refusal)?;
    tell(world, notice);
    Ok(http::json(StatusCode::OK, &ride_json(&ride, content)))
}

fn decline(
    caller: &Caller,
    request: &Request<Incoming>,
    (id, content): (&str, Content),
) -> Result<Answer, Refusal> {
    let world = &*caller.world;
    let who = http::signed_in(world, request)?;
    let declined = world.dispatch().decline(&who.user_id, id);
    let ride = declined.map_err(refusal)?;
    // Offers it to the next driver at once.
    world.dispatch();
    Ok(http::json(StatusCode::OK, &ride_json(&ride, content)))
}

/// Opens the stream of a rider, or that of a driver, who is online for as long as it is open.
fn open(caller: &Caller, request: Request<Incoming>, topic: Topic) -> Result<Answer, Refusal> {
    let tag = tag(&request)?;
    stream::open(caller, request, topic, tag)
}

/// The run that a request belongs to.
fn tag(request: &Request<Incoming>) -> Result<Option<String>, Refusal> {
    let Some(value) = request.headers().get(SYNTHETIC) else {
        return Ok(None);
    };
    let tag = value.to_str().ok();
    let tag = tag.filter(|tag| (1..=REFERENCE_BYTES_MAX).contains(&tag.len()));
    tag.map(|tag| Some(tag.to_owned())).ok_or_else(|| {
        let text = "an X-Synthetic header has 1 to 200 visible ASCII characters";
        http::error(StatusCode::BAD_REQUEST, "bad_synthetic", text)
    })
}

/// Hands a notice to whoever listens as its receiver.
pub(crate) fn tell(world: &World, notices: impl IntoIterator<Item = Notice>) {
    for Notice { to, what, region } in notices {
        let (topic, frame): (_, Box<dyn Fn(Content) -> Value>) = match what {
            News::Offer { id, ride } => (
                Topic::Offers,
                Box::new(
                    move |content| json!({ "type": "offer", "offer": { "id": id, "ride": ride_json(&ride, content) } }),
                ),
            ),
            News::Withdrawn(ride) => (
                Topic::Offers,
                Box::new(
                    move |content| json!({ "type": "withdrawn", "ride": ride_json(&ride, content) }),
                ),
            ),
            News::Changed(ride) => (
                Topic::Rides,
                Box::new(
                    move |content| json!({ "type": "ride", "ride": ride_json(&ride, content) }),
                ),
            ),
        };
        let delivery = Delivery {
            frame: frame(Content::Right),
            altered: frame(Content::Wrong),
            region,
        };
        world.outlets.deliver(&to, topic, &delivery, &world.counts);
    }
}

/// A position as a frame.
pub(crate) fn position_delivery(position: Position) -> Delivery {
    let frame = |place: Place| {
        json!({
            "type": "position",
            "position": {
                "ride": position.ride,
                "number": position.number,
                "lat": place.lat,
                "lon": place.lon,
                "arrives_in_s": position.arrives_in.as_secs(),
            },
        })
    };
    let elsewhere = Place {
        lat: position.place.lat + 2.0,
        ..position.place
    };
    Delivery {
        frame: frame(position.place),
        altered: frame(elsewhere),
        region: position.region,
    }
}

fn ride_json(ride: &Ride, content: Content) -> Value {
    let (driver, price) = match content {
        Content::Right => (ride.driver.as_deref(), ride.price),
        Content::Wrong => (Some("u-someone-else"), ride.price * 1000),
    };
    json!({
        "id": ride.id,
        "rider": ride.rider,
        "state": ride.state.as_str(),
        "open": ride.state.is_open(),
        "driver": driver.map(|id| json!({ "user_id": id })),
        "from": ride.from,
        "to": ride.to,
        "price": won(price),
        // Nobody is carried here, so that nothing is ever charged: cancelling is free.
        "fee": won(0),
        "client_ref": ride.client_ref,
        "called_at": http::rfc3339(ride.called_at),
    })
}

fn won(amount: u64) -> Value {
    json!({ "amount": amount, "currency": "KRW" })
}

pub(crate) fn no_way(no_way: NoWay) -> Refusal {
    let (code, text) = match no_way {
        NoWay::Outside => ("outside", "taxis go between places in Korea"),
        NoWay::TooNear => ("too_near", "this is nearer than a taxi goes: 100 m"),
        NoWay::TooFar => ("too_far", "this is farther than a taxi goes: 100 km"),
    };
    http::error(StatusCode::UNPROCESSABLE_ENTITY, code, text)
}

fn refusal(refused: Refused) -> Refusal {
    let (status, code, text) = match refused {
        Refused::NoSuchQuote => (
            StatusCode::NOT_FOUND,
            "no_such_quote",
            "there is no such quote, or it holds no longer: ask again",
        ),
        Refused::TooManyRides => (
            StatusCode::CONFLICT,
            "too_many_rides",
            "8 of your rides are not over: cancel one first",
        ),
        Refused::NoSuchRide => (
            StatusCode::NOT_FOUND,
            "no_such_ride",
            "you have called no such ride",
        ),
        Refused::NoSuchOffer => (
            StatusCode::NOT_FOUND,
            "no_such_offer",
            "you were offered no such ride",
        ),
        Refused::OfferGone => (
            StatusCode::CONFLICT,
            "offer_gone",
            "somebody else has the ride, or it is over",
        ),
        Refused::Conflict => (
            StatusCode::CONFLICT,
            Count::IdempotencyConflicts.as_str(),
            "this Idempotency-Key was used for another ride",
        ),
    };
    http::error(status, code, text)
}
