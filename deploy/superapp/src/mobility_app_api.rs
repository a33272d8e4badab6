//! What the apps of the service `mobility` show before anyone rides: the start of the T app, and the
//! ways of the navigation.

use hyper::body::Incoming;
use hyper::{Method, Request, StatusCode};
use serde_json::{Value, json};

use crate::component::{Component, FaultPoint, PlatformFeature};
use crate::http::{self, Answer, Caller, Content, Cut, Refusal};
use crate::map_api;
use crate::map_core::{self, Place};
use crate::mobility_api::no_way;

const APP_NEEDS: &[FaultPoint] = &[FaultPoint::Feature(PlatformFeature::MobilityTApp)];
/// The home screen shows a map; without one it shows the rest, late.
const HOME_SHOWS: &[FaultPoint] = &[FaultPoint::Component(Component::MapCore)];
const NAVI_NEEDS: &[FaultPoint] = &[
    FaultPoint::Component(Component::MapCore),
    FaultPoint::Feature(PlatformFeature::MobilityNaviApp),
];

/// How often speeds on roads are measured.
const TRAFFIC_EVERY_S: u64 = 60;

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Asking {
    from: Place,
    to: Place,
}

enum Act {
    Config,
    Home,
    Addresses,
    Flags,
    Way,
    Traffic,
}

/// Whether a path of the service `mobility` is about what is shown before anyone rides.
pub(crate) fn is_path(path: &str) -> bool {
    path.starts_with("/v1/app/") || path.starts_with("/v1/navi/")
}

fn route(path: &str, method: &Method) -> Result<Act, Refusal> {
    let (act, wanted) = match path {
        "/v1/app/config" => (Act::Config, Method::GET),
        "/v1/app/home" => (Act::Home, Method::GET),
        "/v1/app/addresses" => (Act::Addresses, Method::GET),
        "/v1/app/flags" => (Act::Flags, Method::GET),
        "/v1/navi/routes" => (Act::Way, Method::POST),
        "/v1/navi/traffic" => (Act::Traffic, Method::GET),
        _ => return Err(http::not_found(path)),
    };
    if method == wanted {
        Ok(act)
    } else {
        Err(http::not_allowed())
    }
}

pub(crate) async fn answer(caller: Caller, request: Request<Incoming>) -> Result<Answer, Cut> {
    let act = match route(request.uri().path(), request.method()) {
        Ok(act) => act,
        Err(refusal) => return Ok(refusal.into()),
    };
    let needs = match act {
        Act::Way | Act::Traffic => NAVI_NEEDS,
        Act::Config | Act::Home | Act::Addresses | Act::Flags => APP_NEEDS,
    };
    let content = match http::pass_faults(&caller, needs).await? {
        Ok(content) => content,
        Err(refusal) => return Ok(refusal.into()),
    };
    Ok(http::either(match act {
        Act::Way => way(&caller, request, content).await,
        Act::Traffic => traffic(&caller, &request, content),
        Act::Home => {
            let map = http::pass_soft(&caller, HOME_SHOWS).await;
            home(&caller, &request, (map, content))
        }
        Act::Config | Act::Addresses | Act::Flags => page(&caller, &request, (&act, content)),
    }))
}

fn home(
    caller: &Caller,
    request: &Request<Incoming>,
    (map, content): (bool, Content),
) -> Result<Answer, Refusal> {
    let who = http::signed_in(&caller.world, request)?;
    let user_id = match content {
        Content::Right => who.user_id.as_str(),
        Content::Wrong => "u-someone-else",
    };
    let body = json!({
        "user_id": user_id,
        "services": ["taxi", "chauffeur", "bike", "parking", "navi"],
        "map": if map { "shown" } else { "unavailable" },
    });
    Ok(http::json(StatusCode::OK, &body))
}

fn page(
    caller: &Caller,
    request: &Request<Incoming>,
    (act, content): (&Act, Content),
) -> Result<Answer, Refusal> {
    let who = http::signed_in(&caller.world, request)?;
    let body = match act {
        Act::Config => json!({ "minimum_version": "6.0.0", "zone": "Asia/Seoul" }),
        Act::Addresses => json!({
            "user_id": who.user_id,
            "items": [
                { "name": "home", "place": { "lat": 37.5716, "lon": 126.9769 } },
                { "name": "work", "place": { "lat": 37.3948, "lon": 127.1112 } },
            ],
        }),
        _ => json!({ "flags": { "taxi": true, "bike": true, "parking": true } }),
    };
    let body = match content {
        Content::Right => body,
        Content::Wrong => json!({}),
    };
    Ok(http::json(StatusCode::OK, &body))
}

/// A way from where the driver is: asked for again when the driver has left it.
async fn way(
    caller: &Caller,
    request: Request<Incoming>,
    content: Content,
) -> Result<Answer, Refusal> {
    http::signed_in(&caller.world, &request)?;
    let Asking { from, to } = http::read_json(request.into_body()).await?;
    let way = map_core::way(from, to).map_err(no_way)?;
    let distance = match content {
        Content::Right => way.distance_m,
        Content::Wrong => way.distance_m * 10,
    };
    let body = json!({
        "distance_m": distance,
        "duration_s": way.duration_s,
        "turns": [
            { "at": from, "say": "go straight on" },
            { "at": map_core::between(from, to, 0.5), "say": "turn right" },
            { "at": to, "say": "you are there" },
        ],
    });
    Ok(http::json(StatusCode::OK, &body))
}

fn traffic(
    caller: &Caller,
    request: &Request<Incoming>,
    content: Content,
) -> Result<Answer, Refusal> {
    http::signed_in(&caller.world, request)?;
    let at = map_api::place(request, "at")?;
    let seconds = caller.world.clock.wall().as_unix_nanos() / 1_000_000_000;
    let measured = seconds / TRAFFIC_EVERY_S * TRAFFIC_EVERY_S;
    // Wrong words are old ones.
    let as_of = match content {
        Content::Right => measured,
        Content::Wrong => measured.saturating_sub(7_200),
    };
    let roads: Vec<Value> = (0..4_u64)
        .map(|road| {
            let speed = 15 + (measured / TRAFFIC_EVERY_S + road * 7) % 40;
            json!({ "road": format!("road-{road}"), "speed_kmh": speed })
        })
        .collect();
    let body = json!({ "as_of_unix": as_of, "at": at, "roads": roads });
    Ok(http::json(StatusCode::OK, &body))
}
