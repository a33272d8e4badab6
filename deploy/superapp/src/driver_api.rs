//! The apps of drivers, of taxis, designated ones and those of parcels, at the service `mobility`: a stream on which
//! they are online, and an offer that they order for themselves.

use hyper::body::Incoming;
use hyper::{Method, Request, StatusCode};
use serde_json::{Value, json};

use crate::http::{self, Answer, Caller, Content, Cut, REFERENCE_BYTES_MAX, Refusal};
use crate::outlet::{Delivery, Topic};
use crate::stream;
use crate::test_offers::TestOffer;

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Ordering {
    client_ref: String,
}

enum Act {
    Stream,
    Order,
    Contact(String),
    Decline(String),
}

/// Whether a path of the service `mobility` is about the apps of drivers.
pub(crate) fn is_path(path: &str) -> bool {
    path.starts_with("/v1/drivers/")
}

fn route(path: &str, method: &Method) -> Result<(Topic, Act), Refusal> {
    let parts: Vec<&str> = path.trim_start_matches('/').split('/').collect();
    let get = method == Method::GET;
    let post = method == Method::POST;
    let (topic, rest) = match parts.as_slice() {
        ["v1", "drivers", "taxi", rest @ ..] => (Topic::TaxiDriver, rest),
        ["v1", "drivers", "chauffeur", rest @ ..] => (Topic::Chauffeur, rest),
        ["v1", "drivers", "picker", rest @ ..] => (Topic::Picker, rest),
        _ => return Err(http::not_found(path)),
    };
    let act = match rest {
        ["stream"] if get => Act::Stream,
        ["test-offers"] if post => Act::Order,
        ["test-offers", id, "contact"] if get => Act::Contact((*id).to_owned()),
        ["test-offers", id, "decline"] if post => Act::Decline((*id).to_owned()),
        ["stream" | "test-offers"] | ["test-offers", _, "contact" | "decline"] => {
            return Err(http::not_allowed());
        }
        _ => return Err(http::not_found(path)),
    };
    Ok((topic, act))
}

pub(crate) async fn answer(caller: Caller, request: Request<Incoming>) -> Result<Answer, Cut> {
    let (topic, act) = match route(request.uri().path(), request.method()) {
        Ok(found) => found,
        Err(refusal) => return Ok(refusal.into()),
    };
    let content = match http::pass_faults(&caller, topic.passes()).await? {
        Ok(content) => content,
        Err(refusal) => return Ok(refusal.into()),
    };
    Ok(http::either(match act {
        Act::Stream => stream::open(&caller, request, topic, None),
        Act::Order => order(&caller, request, topic).await,
        Act::Contact(id) => contact(&caller, &request, (&id, content)),
        Act::Decline(id) => decline(&caller, &request, (&id, content)),
    }))
}

async fn order(
    caller: &Caller,
    request: Request<Incoming>,
    topic: Topic,
) -> Result<Answer, Refusal> {
    let world = &*caller.world;
    let who = http::signed_in(world, &request)?;
    let Ordering { client_ref } = http::read_json(request.into_body()).await?;
    if !(1..=REFERENCE_BYTES_MAX).contains(&client_ref.len()) {
        let text = "a client_ref has 1 to 200 bytes";
        return Err(http::error(StatusCode::BAD_REQUEST, "bad_client_ref", text));
    }
    if !world.outlets.is_open(&who.user_id, topic) {
        let text = "go online first: open the stream";
        return Err(http::error(StatusCode::CONFLICT, "not_online", text));
    }
    let now = world.clock.monotonic();
    let (offer, is_new) = world.test_offers.order(&who.user_id, &client_ref, now);
    if is_new {
        let frame = |content| json!({ "type": "offer", "offer": offer_json(&offer, content) });
        let delivery = Delivery {
            frame: frame(Content::Right),
            altered: frame(Content::Wrong),
            region: caller.place.region.clone(),
        };
        world
            .outlets
            .deliver(&who.user_id, topic, &delivery, &world.counts);
    }
    let body = json!({ "id": offer.id, "client_ref": offer.client_ref });
    Ok(http::json(StatusCode::CREATED, &body))
}

/// Whom the masked number of an offer rings: nobody but the driver who asks.
fn contact(
    caller: &Caller,
    request: &Request<Incoming>,
    (id, content): (&str, Content),
) -> Result<Answer, Refusal> {
    let world = &*caller.world;
    let who = http::signed_in(world, request)?;
    let offer = world
        .test_offers
        .get(&who.user_id, id, world.clock.monotonic())
        .ok_or_else(no_such_offer)?;
    let rings = match content {
        Content::Right => who.user_id.as_str(),
        Content::Wrong => "u-someone-else",
    };
    let body = json!({ "number": offer.masked, "rings": rings });
    Ok(http::json(StatusCode::OK, &body))
}

fn decline(
    caller: &Caller,
    request: &Request<Incoming>,
    (id, content): (&str, Content),
) -> Result<Answer, Refusal> {
    let world = &*caller.world;
    let who = http::signed_in(world, request)?;
    let declined = world
        .test_offers
        .decline(&who.user_id, id, world.clock.monotonic());
    let offer = declined.ok_or_else(no_such_offer)?;
    Ok(http::json(StatusCode::OK, &offer_json(&offer, content)))
}

fn no_such_offer() -> Refusal {
    let text = "you were offered no such thing";
    http::error(StatusCode::NOT_FOUND, "no_such_offer", text)
}

fn offer_json(offer: &TestOffer, content: Content) -> Value {
    let price = match content {
        Content::Right => 4_800,
        Content::Wrong => 4_800_000,
    };
    json!({
        "id": offer.id,
        "client_ref": offer.client_ref,
        "state": offer.state.as_str(),
        "is_test": true,
        "price": { "amount": price, "currency": "KRW" },
        "masked_number": offer.masked,
    })
}
