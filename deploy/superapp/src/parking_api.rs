//! Parking at the service `mobility`: in the app, and at the machines of the gates, where nobody
//! signs in and a card is shown instead.

use hyper::body::Incoming;
use hyper::{Method, Request, StatusCode};
use serde_json::{Value, json};

use crate::account::token;
use crate::component::{Component, FaultPoint, PlatformFeature};
use crate::http::{self, Answer, Caller, Content, Cut, Refusal};
use crate::parking::{KIOSKS, ParkingRefused, Stay, StayState};
use crate::pay_core::{Asked, Paid, PaymentKind};
use crate::payment_api::{self, now};
use crate::world::World;

const APP_NEEDS: &[FaultPoint] = &[
    FaultPoint::Component(Component::ParkingEdge),
    FaultPoint::Feature(PlatformFeature::MobilityTParking),
];
const APP_PAYING_NEEDS: &[FaultPoint] = &[
    FaultPoint::Component(Component::ParkingEdge),
    FaultPoint::Component(Component::PayCore),
    FaultPoint::Feature(PlatformFeature::MobilityTParking),
];
const KIOSK_NEEDS: &[FaultPoint] = &[
    FaultPoint::Component(Component::ParkingEdge),
    FaultPoint::Feature(PlatformFeature::MobilityParkingKiosk),
];
const KIOSK_PAYING_NEEDS: &[FaultPoint] = &[
    FaultPoint::Component(Component::ParkingEdge),
    FaultPoint::Component(Component::PayCore),
    FaultPoint::Feature(PlatformFeature::MobilityParkingKiosk),
];

/// What a gate that is told to open passes through, for who pays in this way.
pub(crate) const fn opens(kind: PaymentKind) -> &'static [FaultPoint] {
    match kind {
        PaymentKind::Kiosk => KIOSK_NEEDS,
        _ => APP_NEEDS,
    }
}

/// Longest plate: the id of a run fits.
const PLATE_BYTES_MAX: usize = 64;

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Entering {
    plate: String,
}

/// At a machine: whose card is shown.
#[derive(serde::Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct Paying {
    card: Option<String>,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Leaving {
    gate_token: String,
}

enum Act {
    Status,
    Enter,
    Get(String),
    Pay(String),
    Leave(String),
    Void(String),
}

/// Where one pays: in the app, or at the machine of this name.
#[derive(Clone)]
struct Counter {
    kind: PaymentKind,
    kiosk: Option<String>,
}

/// Whether a path of the service `mobility` is about parking.
pub(crate) fn is_path(path: &str) -> bool {
    path.starts_with("/v1/parking/") || path.starts_with("/v1/kiosks/")
}

fn route(path: &str, method: &Method) -> Result<(Counter, Act), Refusal> {
    let parts: Vec<&str> = path.trim_start_matches('/').split('/').collect();
    let (kind, kiosk, rest) = match parts.as_slice() {
        ["v1", "parking", rest @ ..] => (PaymentKind::Parking, None, rest),
        ["v1", "kiosks", kiosk, rest @ ..] => (PaymentKind::Kiosk, Some((*kiosk).to_owned()), rest),
        _ => return Err(http::not_found(path)),
    };
    let get = method == Method::GET;
    let post = method == Method::POST;
    let act = match rest {
        [] if get && kiosk.is_some() => Act::Status,
        ["stays"] if post => Act::Enter,
        ["stays", plate] if get => Act::Get((*plate).to_owned()),
        ["stays", plate, "pay"] if post => Act::Pay((*plate).to_owned()),
        ["stays", plate, "leave"] if post => Act::Leave((*plate).to_owned()),
        ["stays", plate, "void"] if post => Act::Void((*plate).to_owned()),
        [] | ["stays"] | ["stays", _] | ["stays", _, "pay" | "leave" | "void"] => {
            return Err(http::not_allowed());
        }
        _ => return Err(http::not_found(path)),
    };
    Ok((Counter { kind, kiosk }, act))
}

pub(crate) async fn answer(caller: Caller, request: Request<Incoming>) -> Result<Answer, Cut> {
    let (counter, act) = match route(request.uri().path(), request.method()) {
        Ok(found) => found,
        Err(refusal) => return Ok(refusal.into()),
    };
    let needs = match (&act, counter.kind) {
        (Act::Pay(_) | Act::Void(_), PaymentKind::Kiosk) => KIOSK_PAYING_NEEDS,
        (Act::Pay(_) | Act::Void(_), _) => APP_PAYING_NEEDS,
        (_, PaymentKind::Kiosk) => KIOSK_NEEDS,
        _ => APP_NEEDS,
    };
    let content = match http::pass_faults(&caller, needs).await? {
        Ok(content) => content,
        Err(refusal) => return Ok(refusal.into()),
    };
    Ok(http::either(
        served(&caller, request, (counter, act, content)).await,
    ))
}

async fn served(
    caller: &Caller,
    request: Request<Incoming>,
    (counter, act, content): (Counter, Act, Content),
) -> Result<Answer, Refusal> {
    let world = &*caller.world;
    match &counter.kiosk {
        Some(kiosk) if !KIOSKS.contains(&kiosk.as_str()) => {
            let text = "there is no such machine";
            return Err(http::error(StatusCode::NOT_FOUND, "no_such_kiosk", text));
        }
        Some(_) => {}
        None => _ = http::signed_in(world, &request)?,
    }
    let kind = counter.kind;
    let mono = world.clock.monotonic();
    let stay = match act {
        Act::Status => return status(caller, counter.kiosk.as_deref(), content),
        Act::Enter => {
            let Entering { plate } = http::read_json(request.into_body()).await?;
            if !(1..=PLATE_BYTES_MAX).contains(&plate.len()) {
                let text = "a plate has 1 to 64 bytes";
                return Err(http::error(StatusCode::BAD_REQUEST, "bad_plate", text));
            }
            let stay = parking(caller).enter(&plate, kind, now(world));
            let stay = stay.map_err(refusal)?;
            let body = stay_json(world, &stay, content);
            return Ok(http::json(StatusCode::CREATED, &body));
        }
        Act::Get(plate) => parking(caller).get(&plate, kind, mono),
        Act::Pay(plate) => return pay(caller, request, (&plate, kind, content)).await,
        Act::Leave(plate) => {
            let Leaving { gate_token } = http::read_json(request.into_body()).await?;
            parking(caller).leave(&plate, &gate_token, mono)
        }
        Act::Void(plate) => {
            let stay = parking(caller).get(&plate, kind, mono).map_err(refusal)?;
            give_back(world, stay.payment.as_deref())?;
            parking(caller).void(&plate, kind, mono)
        }
    };
    let stay = stay.map_err(refusal)?;
    let body = stay_json(world, &stay, content);
    Ok(http::json(StatusCode::OK, &body))
}

/// The car parks, after what is due has happened.
fn parking(caller: &Caller) -> &crate::parking::Parking {
    caller.world.parking(&caller.place.region)
}

/// Gives back what was paid to the platform itself.
pub(crate) fn give_back(world: &World, payment: Option<&str>) -> Result<(), Refusal> {
    let Some(payment) = payment else {
        return Ok(());
    };
    let books = (world.pay_core(), now(world), &world.counts);
    let back = world.payments.refund((payment, world.house), books);
    back.map(drop).map_err(payment_api::refusal)
}

/// How far a payment to the platform itself is, as answers show it.
pub(crate) fn paid_json(world: &World, payment: Option<&str>) -> Option<Value> {
    let payment = (payment?, world.house);
    let payment = world.payments.get(payment, world.pay_core()).ok()?;
    Some(json!({ "id": payment.id, "state": payment.state.as_str() }))
}

fn status(caller: &Caller, kiosk: Option<&str>, content: Content) -> Result<Answer, Refusal> {
    let world = &*caller.world;
    let region = &caller.place.region;
    let is_lost = world.faults.loses(KIOSK_NEEDS, [region, region]);
    let kiosk = kiosk.unwrap_or_default();
    let heard = world
        .unopened
        .heartbeat(kiosk, world.clock.wall(), is_lost)
        .ok_or_else(|| http::not_found(kiosk))?;
    let seconds = heard.as_unix_nanos() / 1_000_000_000;
    // Wrong words are old ones.
    let heard_unix = match content {
        Content::Right => seconds,
        Content::Wrong => seconds.saturating_sub(3_600),
    };
    let body = json!({
        "id": kiosk,
        "state": "in service",
        "heartbeat_at": http::rfc3339(heard),
        "heartbeat_unix": heard_unix,
    });
    Ok(http::json(StatusCode::OK, &body))
}

async fn pay(
    caller: &Caller,
    request: Request<Incoming>,
    (plate, kind, content): (&str, PaymentKind, Content),
) -> Result<Answer, Refusal> {
    let world = &*caller.world;
    let payer = match kind {
        PaymentKind::Kiosk => {
            let Paying { card } = http::read_json(request.into_body()).await?;
            card.and_then(|card| world.accounts.by_user_id(&card))
                .ok_or_else(|| {
                    let text = "show the card of a test account: its user id";
                    http::error(StatusCode::UNPROCESSABLE_ENTITY, "bad_card", text)
                })?
        }
        _ => http::signed_in(world, &request)?.account,
    };
    let mono = world.clock.monotonic();
    let stay = parking(caller).get(plate, kind, mono).map_err(refusal)?;
    let (fee, payment) = match (stay.state, stay.payment) {
        (StayState::Parked, _) => {
            let asked = Asked {
                kind,
                merchant: world.house,
                won: i64::try_from(stay.fee).unwrap_or(i64::MAX),
                foreign: None,
                reference: stay.plate.clone(),
                region: caller.place.region.clone(),
            };
            let books = (world.pay_core(), now(world), &world.counts);
            let paid = world.payments.charge(asked, payer, books);
            match paid.map_err(payment_api::refusal)? {
                Paid::New(payment) | Paid::Before(payment) => (stay.fee, payment.id),
            }
        }
        (_, Some(payment)) => (stay.fee, payment),
        (_, None) => return Err(refusal(ParkingRefused::NotNow)),
    };
    let token = format!("g-{}", token());
    let (stay, token) = parking(caller)
        .paid(plate, (fee, payment), token, mono)
        .map_err(refusal)?;
    let mut body = stay_json(world, &stay, content);
    body["gate_token"] = token.into();
    Ok(http::json(StatusCode::OK, &body))
}

fn stay_json(world: &World, stay: &Stay, content: Content) -> Value {
    let fee = match content {
        Content::Right => stay.fee,
        Content::Wrong => stay.fee * 1000,
    };
    json!({
        "plate": stay.plate,
        "state": stay.state.as_str(),
        "fee": { "amount": fee, "currency": "KRW" },
        "payment": paid_json(world, stay.payment.as_deref()),
        "entered_at": http::rfc3339(stay.entered_at),
    })
}

fn refusal(refused: ParkingRefused) -> Refusal {
    let (status, code, text) = match refused {
        ParkingRefused::NoSuchCar => (
            StatusCode::NOT_FOUND,
            "no_such_car",
            "no car of this plate pays here",
        ),
        ParkingRefused::AlreadyInside => (
            StatusCode::CONFLICT,
            "already_inside",
            "a car of this plate is or was here",
        ),
        ParkingRefused::GateStaysShut => (
            StatusCode::CONFLICT,
            "gate_stays_shut",
            "pay first, and show the token that this gave",
        ),
        ParkingRefused::Full => (
            StatusCode::CONFLICT,
            "full",
            "too many cars are known: take some out first",
        ),
        ParkingRefused::NotNow => (
            StatusCode::CONFLICT,
            "not_now",
            "it was paid for already, or the car is out",
        ),
    };
    http::error(status, code, text)
}
