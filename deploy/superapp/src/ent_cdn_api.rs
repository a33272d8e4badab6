//! What the service `ent` keeps at the service `cdn`: pictures of webtoons, playlists and segments of
//! music.

use bytes::Bytes;
use hyper::{Method, Request, StatusCode};

use crate::component::{Component, FaultPoint, PlatformFeature};
use crate::ent_api;
use crate::http::{self, Answer, Caller, Content, Cut, Refusal};
use crate::music;
use crate::picture::{served, shown};

const WEBTOON_NEEDS: &[FaultPoint] = &[
    FaultPoint::Component(Component::Cdn),
    FaultPoint::Feature(PlatformFeature::EntWebtoon),
];
const STREAMING_NEEDS: &[FaultPoint] = &[
    FaultPoint::Component(Component::Cdn),
    FaultPoint::Feature(PlatformFeature::EntMelonStreaming),
];

/// What kinds of content are called (RFC 8216, section 4; IANA's registry of media types).
const PLAYLIST: &str = "application/vnd.apple.mpegurl";
const SEGMENT: &str = "video/mp2t";

enum Route<'a> {
    Page(&'a str, &'a str, &'a str),
    Master(&'a str),
    Playlist(&'a str, &'a str),
    Segment(&'a str, &'a str, &'a str),
}

fn route<'a>(parts: &[&'a str]) -> Option<Route<'a>> {
    match parts {
        ["v1", "webtoons", id, number, page] => Some(Route::Page(id, number, page)),
        ["v1", "hls", track, "master.m3u8"] => Some(Route::Master(track)),
        ["v1", "hls", track, kilobits, "index.m3u8"] => Some(Route::Playlist(track, kilobits)),
        ["v1", "hls", track, kilobits, segment] => {
            let number = segment.strip_prefix("seg-")?.strip_suffix(".ts")?;
            Some(Route::Segment(track, kilobits, number))
        }
        _ => None,
    }
}

pub(crate) async fn answer<B>(caller: Caller, request: Request<B>) -> Result<Answer, Cut> {
    let path = request.uri().path();
    if path == "/healthz" && request.method() == Method::GET {
        return Ok(http::healthy());
    }
    let parts: Vec<&str> = path.trim_start_matches('/').split('/').collect();
    let Some(route) = route(&parts) else {
        return Ok(http::not_found(path).into());
    };
    if request.method() != Method::GET {
        return Ok(http::not_allowed().into());
    }
    let needs = match route {
        Route::Page(..) => WEBTOON_NEEDS,
        Route::Master(_) | Route::Playlist(..) | Route::Segment(..) => STREAMING_NEEDS,
    };
    let content = match http::pass_faults(&caller, needs).await? {
        Ok(content) => content,
        Err(refusal) => return Ok(refusal.into()),
    };
    Ok(http::either(match route {
        Route::Page(id, number, page) => ent_api::page(id, number, page)
            .map(|name| shown(&name, content))
            .ok_or_else(|| http::not_found(path)),
        Route::Master(track) => {
            let number = allowed(&caller, &request, track);
            number.map(|(_, token)| playlist(music::master(&token), content))
        }
        Route::Playlist(track, kilobits) => {
            allowed(&caller, &request, track).and_then(|(_, token)| {
                let kilobits = kilobits.parse().ok();
                let is_known = kilobits.is_some_and(|one| music::KILOBITS.contains(&one));
                let text = is_known.then(|| music::playlist(&token));
                let text = text.ok_or_else(|| http::not_found(path))?;
                Ok(playlist(text, content))
            })
        }
        Route::Segment(track, kilobits, segment) => {
            allowed(&caller, &request, track).and_then(|(number, _)| {
                let asked = kilobits.parse().ok().zip(segment.parse().ok());
                let bytes =
                    asked.and_then(|(kilobits, segment)| music::segment(number, kilobits, segment));
                let bytes = bytes.ok_or_else(|| http::not_found(path))?;
                // Wrong bytes are of the right length, and silence.
                Ok(match content {
                    Content::Right => served(bytes, SEGMENT),
                    Content::Wrong => served(Bytes::from(vec![b'0'; bytes.len()]), SEGMENT),
                })
            })
        }
    }))
}

fn playlist(text: String, content: Content) -> Answer {
    match content {
        Content::Right => served(Bytes::from(text), PLAYLIST),
        Content::Wrong => served(Bytes::from_static(b"#EXTM3U\n#EXT-X-ENDLIST\n"), PLAYLIST),
    }
}

/// The track that the request's token lets one stream, and the token.
fn allowed<B>(
    caller: &Caller,
    request: &Request<B>,
    track: &str,
) -> Result<(u32, String), Refusal> {
    let number = music::track_number(track).ok_or_else(ent_api::no_such_track)?;
    let world = &*caller.world;
    let token = http::query_value(request, "token").unwrap_or_default();
    if music::is_token(&world.stream_secret, number, &token, world.clock.wall()) {
        Ok((number, token))
    } else {
        let text = "ask for a token first: it lets one stream a track for ten minutes";
        Err(http::error(StatusCode::FORBIDDEN, "no_token", text))
    }
}
