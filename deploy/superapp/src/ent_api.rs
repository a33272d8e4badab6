//! The HTTP API of the service `ent`: webtoons to read, music to search, to choose and to play. The
//! pictures and segments themselves come from the service `cdn`.

use bongsu_model::Timestamp;
use hyper::body::Incoming;
use hyper::{Method, Request, StatusCode};
use serde_json::{Value, json};

use crate::component::{Component, FaultPoint, PlatformFeature};
use crate::faults::Then;
use crate::http::{self, Answer, Caller, Content, Cut, Refusal};
use crate::music;
use crate::picture::{picture, s256};

const WEBTOON_NEEDS: &[FaultPoint] = &[
    FaultPoint::Component(Component::Cdn),
    FaultPoint::Feature(PlatformFeature::EntWebtoon),
];
const STREAMING_NEEDS: &[FaultPoint] = &[
    FaultPoint::Component(Component::Cdn),
    FaultPoint::Feature(PlatformFeature::EntMelonStreaming),
];
const SEARCH_NEEDS: &[FaultPoint] = &[
    FaultPoint::Component(Component::Search),
    FaultPoint::Feature(PlatformFeature::EntMelonSearch),
];
const CHART_NEEDS: &[FaultPoint] = &[
    FaultPoint::Component(Component::BigData),
    FaultPoint::Feature(PlatformFeature::EntMelonChart),
];
const PICKS_NEEDS: &[FaultPoint] = &[FaultPoint::Feature(
    PlatformFeature::EntMelonPersonalization,
)];
/// Without it the same picks are shown to everybody, and said to be so.
const PICKS_COMPUTED_BY: &[FaultPoint] = &[FaultPoint::Component(Component::BigData)];

/// Webtoons: ids and titles. The first episodes of each are free.
const WEBTOONS: [(&str, &str); 3] = [
    ("beacon-keeper", "The Keeper of the Beacon"),
    ("night-bus", "Night Bus"),
    ("two-rooms", "Two Rooms"),
];
const EPISODES: u32 = 12;
const FREE_EPISODES: u32 = 3;
/// Pictures of an episode.
const PICTURES: u32 = 3;
/// Segments of a track that are described.
const SEGMENTS_DESCRIBED: u32 = 3;
/// Most finds of one search.
const FINDS_MAX: usize = 20;

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Playing {
    track: String,
}

enum Route {
    Webtoons,
    Episode(String, String),
    Play,
    Track(String),
    Search,
    Chart,
    Picks,
}

fn route(path: &str, method: &Method) -> Result<Route, Refusal> {
    let parts: Vec<&str> = path.trim_start_matches('/').split('/').collect();
    let (route, wanted) = match parts.as_slice() {
        ["v1", "webtoons"] => (Route::Webtoons, Method::GET),
        ["v1", "webtoons", id, "episodes", number] => (
            Route::Episode((*id).to_owned(), (*number).to_owned()),
            Method::GET,
        ),
        ["v1", "melon", "streams"] => (Route::Play, Method::POST),
        ["v1", "melon", "tracks", id] => (Route::Track((*id).to_owned()), Method::GET),
        ["v1", "melon", "search"] => (Route::Search, Method::GET),
        ["v1", "melon", "chart"] => (Route::Chart, Method::GET),
        ["v1", "melon", "picks"] => (Route::Picks, Method::GET),
        _ => return Err(http::not_found(path)),
    };
    if method == wanted {
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
        Route::Webtoons | Route::Episode(..) => WEBTOON_NEEDS,
        Route::Play | Route::Track(_) => STREAMING_NEEDS,
        Route::Search => SEARCH_NEEDS,
        Route::Chart => CHART_NEEDS,
        Route::Picks => PICKS_NEEDS,
    };
    let content = match http::pass_faults(&caller, needs).await? {
        Ok(content) => content,
        Err(refusal) => return Ok(refusal.into()),
    };
    let source = match route {
        Route::Picks => computed(&caller).await?,
        _ => Content::Right,
    };
    Ok(http::either(match route {
        Route::Webtoons => webtoons(&caller, &request, content),
        Route::Episode(id, number) => episode(&caller, &request, ((&id, &number), content)),
        Route::Play => play(&caller, request, content).await,
        Route::Track(id) => track(&caller, &request, (&id, content)),
        Route::Search => search(&caller, &request, content),
        Route::Chart => chart(&caller, &request, content),
        Route::Picks => picks(&caller, &request, (content, source)),
    }))
}

/// The latest moment of which a component knows anything computed.
fn computed_until(caller: &Caller, component: Component) -> Timestamp {
    let world = &*caller.world;
    let now = world.clock.wall();
    world.faults.facilities().computed_until(component, now)
}

/// Whether a component computes anything anew: a weak copy does not.
fn computes(caller: &Caller, component: Component) -> bool {
    let now = caller.world.clock.wall();
    computed_until(caller, component) >= now
}

/// Whether picks can be computed for one user; else what everybody gets is shown.
async fn computed(caller: &Caller) -> Result<Content, Cut> {
    match caller.effect(PICKS_COMPUTED_BY).then {
        Then::Fail(_) | Then::Close | Then::Reset | Then::AnswerWrongly => Ok(Content::Wrong),
        Then::Answer if !computes(caller, Component::BigData) => Ok(Content::Wrong),
        Then::Answer | Then::Hang => {
            let passed = http::pass_faults(caller, PICKS_COMPUTED_BY).await?;
            Ok(passed.unwrap_or(Content::Wrong))
        }
    }
}

fn webtoons(
    caller: &Caller,
    request: &Request<Incoming>,
    content: Content,
) -> Result<Answer, Refusal> {
    http::signed_in(&caller.world, request)?;
    let shown = match content {
        Content::Right => WEBTOONS.as_slice(),
        Content::Wrong => &[],
    };
    let items: Vec<Value> = shown
        .iter()
        .map(|(id, title)| {
            json!({ "id": id, "title": title, "episodes": EPISODES, "free": FREE_EPISODES })
        })
        .collect();
    Ok(http::json(StatusCode::OK, &json!({ "items": items })))
}

fn episode(
    caller: &Caller,
    request: &Request<Incoming>,
    ((id, number), content): ((&str, &str), Content),
) -> Result<Answer, Refusal> {
    http::signed_in(&caller.world, request)?;
    let number = number.parse().ok().filter(|n| (1..=EPISODES).contains(n));
    let known = WEBTOONS.iter().find(|(known, _)| *known == id);
    let (Some((id, title)), Some(number)) = (known, number) else {
        let text = "there is no such episode";
        return Err(http::error(StatusCode::NOT_FOUND, "no_such_episode", text));
    };
    if number > FREE_EPISODES {
        let text = "this episode is not free: buy it in the app";
        let status = StatusCode::PAYMENT_REQUIRED;
        return Err(http::error(status, "not_free", text));
    }
    let images: Vec<Value> = (1..=PICTURES)
        .map(|page| {
            let bytes = picture(&page_name(id, number, page));
            let hash = match content {
                Content::Right => s256(&bytes),
                Content::Wrong => s256(b"something else"),
            };
            let path = format!("/v1/webtoons/{id}/{number}/{page}");
            json!({ "path": path, "bytes": bytes.len(), "s256": hash })
        })
        .collect();
    let body = json!({ "id": id, "title": title, "number": number, "images": images });
    Ok(http::json(StatusCode::OK, &body))
}

/// The name of the picture on a page of an episode; None if there is no such page.
pub(crate) fn page(id: &str, number: &str, page: &str) -> Option<String> {
    let number = number.parse().ok().filter(|n| (1..=EPISODES).contains(n))?;
    let page = page.parse().ok().filter(|n| (1..=PICTURES).contains(n))?;
    let (id, _) = WEBTOONS.iter().find(|(known, _)| *known == id)?;
    Some(page_name(id, number, page))
}

fn page_name(id: &str, number: u32, page: u32) -> String {
    format!("webtoon/{id}/{number}/{page}")
}

async fn play(
    caller: &Caller,
    request: Request<Incoming>,
    content: Content,
) -> Result<Answer, Refusal> {
    let world = &*caller.world;
    http::signed_in(world, &request)?;
    let Playing { track } = http::read_json(request.into_body()).await?;
    let number = music::track_number(&track).ok_or_else(no_such_track)?;
    let token = music::token(&world.stream_secret, number, world.clock.wall());
    // Wrong words are about another track, where the token lets nobody in.
    let shown = match content {
        Content::Right => number,
        Content::Wrong => number % music::TRACKS + 1,
    };
    let id = music::track_id(shown);
    let body = json!({
        "track": id,
        "title": music::title(shown),
        "master": format!("/v1/hls/{id}/master.m3u8?token={token}"),
        "token": token,
    });
    Ok(http::json(StatusCode::CREATED, &body))
}

/// What a track is made of at the lowest bit rate: the first segments and their hashes.
fn track(
    caller: &Caller,
    request: &Request<Incoming>,
    (id, content): (&str, Content),
) -> Result<Answer, Refusal> {
    http::signed_in(&caller.world, request)?;
    let number = music::track_number(id).ok_or_else(no_such_track)?;
    let shown = match content {
        Content::Right => number,
        Content::Wrong => number % music::TRACKS + 1,
    };
    let [lowest, ..] = music::KILOBITS;
    let segments: Vec<Value> = (0..SEGMENTS_DESCRIBED)
        .filter_map(|segment| music::segment(shown, lowest, segment))
        .map(|bytes| json!({ "bytes": bytes.len(), "s256": s256(&bytes) }))
        .collect();
    let body = json!({
        "id": id,
        "title": music::title(number),
        "kilobits": lowest,
        "segments": segments,
    });
    Ok(http::json(StatusCode::OK, &body))
}

/// The refusal to who asks for a track that is not there.
pub(crate) fn no_such_track() -> Refusal {
    let text = "there is no such track: track-001 to track-300";
    http::error(StatusCode::NOT_FOUND, "no_such_track", text)
}

fn search(
    caller: &Caller,
    request: &Request<Incoming>,
    content: Content,
) -> Result<Answer, Refusal> {
    http::signed_in(&caller.world, request)?;
    let Some(words) = http::query_value(request, "query") else {
        let text = "say what to look for: ?query=…";
        return Err(http::error(StatusCode::BAD_REQUEST, "incomplete", text));
    };
    let found: Vec<u32> = match content {
        // The index of a weak copy was never filled.
        Content::Right if !computes(caller, Component::Search) => Vec::new(),
        Content::Right => music::search(&words).take(FINDS_MAX).collect(),
        Content::Wrong => Vec::new(),
    };
    Ok(http::json(
        StatusCode::OK,
        &json!({ "items": tracks(&found) }),
    ))
}

fn chart(
    caller: &Caller,
    request: &Request<Incoming>,
    content: Content,
) -> Result<Answer, Refusal> {
    http::signed_in(&caller.world, request)?;
    let computed = music::computed_at(computed_until(caller, Component::BigData));
    let seconds = computed.as_unix_nanos() / 1_000_000_000;
    // Wrong words are old ones.
    let as_of = match content {
        Content::Right => seconds,
        Content::Wrong => seconds.saturating_sub(86_400),
    };
    let body = json!({
        "as_of": http::rfc3339(computed),
        "as_of_unix": as_of,
        "items": tracks(&music::chart(computed)),
    });
    Ok(http::json(StatusCode::OK, &body))
}

fn picks(
    caller: &Caller,
    request: &Request<Incoming>,
    (content, source): (Content, Content),
) -> Result<Answer, Refusal> {
    let who = http::signed_in(&caller.world, request)?;
    let (source, found) = match (content, source) {
        (Content::Right, Content::Right) => ("personal", music::picks(&who.user_id)),
        // What is shown to everybody is not wrong, and it is not personal.
        _ => ("generic", music::picks("everybody")),
    };
    let body = json!({ "user_id": who.user_id, "source": source, "items": tracks(&found) });
    Ok(http::json(StatusCode::OK, &body))
}

fn tracks(numbers: &[u32]) -> Vec<Value> {
    let track =
        |number: &u32| json!({ "id": music::track_id(*number), "title": music::title(*number) });
    numbers.iter().map(track).collect()
}
