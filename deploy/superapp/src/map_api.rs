//! The HTTP API of the service `map`: places, tiles and ways; buses and trains; pictures of
//! streets. It knows nobody: one needs no session here.

use bongsu_model::Timestamp;
use hyper::body::Incoming;
use hyper::{Method, Request, StatusCode};
use serde_json::{Value, json};

use crate::component::{Component, FaultPoint, PlatformFeature};
use crate::http::{self, Answer, Caller, Content, Cut, Refusal};
use crate::map_core::{self, Place, places};
use crate::mobility_api::no_way;
use crate::picture::{picture, s256, shown};
use crate::transit;

const CORE_NEEDS: &[FaultPoint] = &[
    FaultPoint::Component(Component::MapCore),
    FaultPoint::Feature(PlatformFeature::MapCore),
];
const TRANSIT_NEEDS: &[FaultPoint] = &[
    FaultPoint::Component(Component::MapCore),
    FaultPoint::Component(Component::TransitFeed),
    FaultPoint::Feature(PlatformFeature::MapTransit),
];
const ROADVIEW_NEEDS: &[FaultPoint] = &[
    FaultPoint::Component(Component::MapCore),
    FaultPoint::Component(Component::MediaStore),
    FaultPoint::Feature(PlatformFeature::MapRoadview),
];

/// Deepest zoom of a tile.
const ZOOM_MAX: u32 = 19;
/// Pictures of one panorama: ahead and behind.
const PANORAMA_TILES: u32 = 2;
/// Points of a way beside its ends.
const POINTS: u32 = 8;

enum Route {
    Search,
    Tile(String),
    Way,
    Itineraries,
    Arrivals(String),
    Panorama,
    Street(String, String),
}

fn route(path: &str, method: &Method) -> Result<Route, Refusal> {
    let parts: Vec<&str> = path.trim_start_matches('/').split('/').collect();
    let route = match parts.as_slice() {
        ["v1", "places"] => Route::Search,
        ["v1", "tiles", z, x, y] => Route::Tile(format!("{z}/{x}/{y}")),
        ["v1", "routes"] => Route::Way,
        ["v1", "transit", "itineraries"] => Route::Itineraries,
        ["v1", "transit", "stops", stop, "arrivals"] => Route::Arrivals((*stop).to_owned()),
        ["v1", "roadview"] => Route::Panorama,
        ["v1", "roadview", id, tile] => Route::Street((*id).to_owned(), (*tile).to_owned()),
        _ => return Err(http::not_found(path)),
    };
    if method == Method::GET {
        Ok(route)
    } else {
        Err(http::not_allowed())
    }
}

pub(crate) async fn answer(caller: Caller, request: Request<Incoming>) -> Result<Answer, Cut> {
    if request.uri().path() == "/healthz" && request.method() == Method::GET {
        return Ok(http::healthy());
    }
    let route = match route(request.uri().path(), request.method()) {
        Ok(route) => route,
        Err(refusal) => return Ok(refusal.into()),
    };
    let needs = match route {
        Route::Search | Route::Tile(_) | Route::Way => CORE_NEEDS,
        Route::Itineraries | Route::Arrivals(_) => TRANSIT_NEEDS,
        Route::Panorama | Route::Street(..) => ROADVIEW_NEEDS,
    };
    let content = match http::pass_faults(&caller, needs).await? {
        Ok(content) => content,
        Err(refusal) => return Ok(refusal.into()),
    };
    Ok(http::either(match route {
        Route::Search => search(&request, content),
        Route::Tile(name) => tile(&name, content),
        Route::Way => way(&request, content),
        Route::Itineraries => itineraries(&request, content),
        Route::Arrivals(stop) => arrivals(&caller, &stop, content),
        Route::Panorama => panorama(&request, content),
        Route::Street(id, tile) => street(&caller, (&id, &tile), content),
    }))
}

fn search<B>(request: &Request<B>, content: Content) -> Result<Answer, Refusal> {
    let words = required(request, "query")?;
    let items: Vec<Value> = places::search(&words)
        .iter()
        .map(|found| {
            // Wrong words put everything on the other side of the sea.
            let lon = match content {
                Content::Right => found.place.lon,
                Content::Wrong => found.place.lon + 5.0,
            };
            json!({
                "id": found.id,
                "names": { "ko": found.ko, "en": found.en },
                "lat": found.place.lat,
                "lon": lon,
            })
        })
        .collect();
    Ok(http::json(StatusCode::OK, &json!({ "items": items })))
}

fn tile(name: &str, content: Content) -> Result<Answer, Refusal> {
    let numbers: Option<Vec<u32>> = name.split('/').map(|part| part.parse().ok()).collect();
    match numbers.as_deref() {
        Some([z, x, y]) if *z <= ZOOM_MAX && *x < (1 << z) && *y < (1 << z) => {
            Ok(shown(&format!("tile/{z}/{x}/{y}"), content))
        }
        _ => {
            let text = "a tile is at zoom 0 to 19, with x and y below 2 to the zoom";
            Err(http::error(StatusCode::NOT_FOUND, "no_such_tile", text))
        }
    }
}

fn way<B>(request: &Request<B>, content: Content) -> Result<Answer, Refusal> {
    let (from, to) = (place(request, "from")?, place(request, "to")?);
    let way = map_core::way(from, to).map_err(no_way)?;
    let points: Vec<Place> = (0..=POINTS)
        .map(|n| map_core::between(from, to, f64::from(n) / f64::from(POINTS)))
        .collect();
    let distance = match content {
        Content::Right => way.distance_m,
        Content::Wrong => way.distance_m * 10,
    };
    let body = json!({
        "distance_m": distance,
        "duration_s": way.duration_s,
        "points": points,
    });
    Ok(http::json(StatusCode::OK, &body))
}

fn itineraries<B>(request: &Request<B>, content: Content) -> Result<Answer, Refusal> {
    let (from, to) = (place(request, "from")?, place(request, "to")?);
    let minute = minute(&required(request, "depart")?)?;
    let way = map_core::way(from, to).map_err(no_way)?;
    let found = match content {
        Content::Right => transit::itineraries(way, minute),
        Content::Wrong => Vec::new(),
    };
    let items: Vec<Value> = found
        .iter()
        .map(|one| {
            json!({
                "line": one.line.id,
                "mode": one.line.mode,
                "departs": clock_time(one.departs),
                "arrives": clock_time(one.arrives),
                "minutes": one.arrives - one.departs,
                "fare": { "amount": one.fare, "currency": "KRW" },
            })
        })
        .collect();
    Ok(http::json(StatusCode::OK, &json!({ "items": items })))
}

/// The minute of the day of a time such as `08:30`.
fn minute(time: &str) -> Result<u64, Refusal> {
    let parts = time.split_once(':');
    let parts = parts.and_then(|(h, m)| Some((h.parse::<u64>().ok()?, m.parse::<u64>().ok()?)));
    match parts {
        Some((hour, minute)) if hour < 24 && minute < 60 => Ok(hour * 60 + minute),
        _ => {
            let text = "a time of the day is written 08:30";
            Err(http::error(StatusCode::BAD_REQUEST, "bad_time", text))
        }
    }
}

fn clock_time(minute: u64) -> String {
    format!("{:02}:{:02}", minute / 60 % 24, minute % 60)
}

fn arrivals(caller: &Caller, stop: &str, content: Content) -> Result<Answer, Refusal> {
    let Some(stop) = places::by_id(stop) else {
        let text = "there is no such stop";
        return Err(http::error(StatusCode::NOT_FOUND, "no_such_stop", text));
    };
    let now = caller.world.clock.wall();
    let read_at = transit::read_at(now);
    // Wrong words are old ones.
    let seconds = read_at.as_unix_nanos() / 1_000_000_000;
    let as_of = match content {
        Content::Right => seconds,
        Content::Wrong => seconds.saturating_sub(3_600),
    };
    let items: Vec<Value> = transit::arrivals(now)
        .map(|(line, in_s)| json!({ "line": line.id, "mode": line.mode, "in_s": in_s }))
        .collect();
    let body = json!({
        "stop": stop.id,
        "as_of": http::rfc3339(read_at),
        "as_of_unix": as_of,
        "arrivals": items,
    });
    Ok(http::json(StatusCode::OK, &body))
}

/// The panorama nearest to a place: one every 0.001 degrees.
fn panorama<B>(request: &Request<B>, content: Content) -> Result<Answer, Refusal> {
    let at = place(request, "at")?;
    let id = format!("pv-{:.0}-{:.0}", at.lat * 1_000.0, at.lon * 1_000.0);
    let tiles: Vec<Value> = (0..PANORAMA_TILES)
        .map(|tile| {
            let bytes = picture(&street_name(&id, tile));
            let (length, hash) = (bytes.len(), s256(&bytes));
            json!({ "path": format!("/v1/roadview/{id}/{tile}"), "bytes": length, "s256": hash })
        })
        .collect();
    let heading = match content {
        Content::Right => 90,
        Content::Wrong => 900,
    };
    let body = json!({ "id": id, "heading": heading, "tiles": tiles });
    Ok(http::json(StatusCode::OK, &body))
}

fn street(caller: &Caller, (id, tile): (&str, &str), content: Content) -> Result<Answer, Refusal> {
    let place: Option<Vec<u32>> = id
        .strip_prefix("pv-")
        .and_then(|rest| rest.split('-').map(|part| part.parse().ok()).collect());
    let tile = tile.parse().ok().filter(|tile| *tile < PANORAMA_TILES);
    match (place.as_deref(), tile) {
        // Streets were photographed long ago: an incomplete copy lacks some.
        (Some([lat, lon]), Some(tile)) if is_copied(caller, id) => Ok(shown(
            &street_name(&format!("pv-{lat}-{lon}"), tile),
            content,
        )),
        _ => {
            let text = "there is no such picture";
            Err(http::error(StatusCode::NOT_FOUND, "no_such_picture", text))
        }
    }
}

fn is_copied(caller: &Caller, panorama: &str) -> bool {
    let facilities = caller.world.faults.facilities();
    facilities.has(Component::MediaStore, panorama, Timestamp::EPOCH)
}

fn street_name(id: &str, tile: u32) -> String {
    format!("street/{id}/{tile}")
}

fn required<B>(request: &Request<B>, key: &str) -> Result<String, Refusal> {
    http::query_value(request, key).ok_or_else(|| {
        let text = format!("the query needs `{key}`");
        http::error(StatusCode::BAD_REQUEST, "incomplete", text)
    })
}

/// A place in the query: `37.5716,126.9769`.
pub(crate) fn place<B>(request: &Request<B>, key: &str) -> Result<Place, Refusal> {
    let text = required(request, key)?;
    let pair = text.split_once(',');
    let place = pair.and_then(|(lat, lon)| {
        Some(Place {
            lat: lat.trim().parse().ok()?,
            lon: lon.trim().parse().ok()?,
        })
    });
    place
        .filter(|place| map_core::is_served(*place))
        .ok_or_else(|| {
            let text = format!("`{key}` is a place in Korea, written 37.5716,126.9769");
            http::error(StatusCode::BAD_REQUEST, "bad_place", text)
        })
}
