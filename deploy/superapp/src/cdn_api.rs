//! The service `cdn`: the pictures of emoticons, near to users, by their names; what else is there is
//! `ent_cdn_api`'s.

use bytes::Bytes;
use hyper::body::Incoming;
use hyper::header::{HeaderValue, LOCATION};
use hyper::{Method, Request, StatusCode};

use crate::component::{Component, FaultPoint, Service};
use crate::ent_cdn_api;
use crate::http::{self, Answer, Caller, Content, Cut, Refusal};
use crate::media_api::raw;

/// Every asset is the component's.
const NEEDS: &[FaultPoint] = &[FaultPoint::Component(Component::Cdn)];

/// The emoticons that everybody has, and how many bytes their pictures have.
pub(crate) const EMOTICONS: &[(&str, usize)] = &[("beacon-lit", 3_000), ("beacon-waving", 24_000)];

/// The picture of an emoticon: bytes that follow from its name, since nobody looks at them.
pub(crate) fn emoticon(name: &str) -> Option<Bytes> {
    let (name, bytes) = EMOTICONS.iter().find(|(known, _)| *known == name)?;
    let mut picture = Vec::with_capacity(*bytes);
    let mut state = name.bytes().fold(0x811c_9dc5_u32, |hash, byte| {
        (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)
    });
    while picture.len() < *bytes {
        // Marsaglia's xorshift (2003), with the shifts 13, 17 and 5.
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        picture.extend_from_slice(&state.to_le_bytes());
    }
    picture.truncate(*bytes);
    Some(Bytes::from(picture))
}

pub(crate) async fn answer(caller: Caller, request: Request<Incoming>) -> Result<Answer, Cut> {
    let path = request.uri().path();
    let name = match (path.strip_prefix("/emoticons/"), request.method()) {
        (_, &Method::GET) if path == "/healthz" => return Ok(http::healthy()),
        (Some(name), &Method::GET) => name,
        (Some(_), _) => return Ok(http::not_allowed().into()),
        (None, _) => return ent_cdn_api::answer(caller, request).await,
    };
    match http::pass_faults(&caller, NEEDS).await? {
        Ok(content) => Ok(http::either(picture(name, content))),
        Err(refusal) => Ok(refusal.into()),
    }
}

/// Sends whoever asks the messenger for a picture to the nearest copy; without one it has it from
/// the messenger itself, late.
pub(crate) async fn from_the_messenger(caller: &Caller, name: &str) -> Result<Answer, Refusal> {
    let bases = caller.world.bases.get(&caller.place.region);
    let near = bases.and_then(|bases| bases.get(Service::Cdn.as_str()));
    let (true, Some(near)) = (http::pass_soft(caller, NEEDS).await, near) else {
        return picture(name, Content::Right);
    };
    let mut answer = http::empty(StatusCode::FOUND);
    if let Ok(place) = HeaderValue::from_str(&format!("{near}/emoticons/{name}")) {
        answer.headers_mut().insert(LOCATION, place);
    }
    Ok(answer)
}

fn picture(name: &str, content: Content) -> Result<Answer, Refusal> {
    match emoticon(name) {
        Some(picture) => Ok(raw(picture, content)),
        None => Err(http::not_found("an emoticon of no known name")),
    }
}
