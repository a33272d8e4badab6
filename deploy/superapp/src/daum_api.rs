//! The portal's news, which anybody reads. Posts and mails are things that users make.

use hyper::{Method, Request, StatusCode};
use serde_json::json;

use crate::component::{Component, FaultPoint, PlatformFeature};
use crate::http::{self, Answer, Caller, Content, Cut};
use crate::media_api::sha256_hex;

const NEEDS: &[FaultPoint] = &[
    FaultPoint::Component(Component::Cdn),
    FaultPoint::Feature(PlatformFeature::DaumNews),
];

/// The articles of the day: name, headline, text.
const ARTICLES: [(&str, &str, &str); 3] = [
    (
        "beacons",
        "Beacons lit along the coast",
        "The relay was tried this morning. The fire went from hill to hill in eleven minutes.",
    ),
    (
        "ferry",
        "Ferry runs twice as often",
        "From Monday the ferry leaves every quarter of an hour until ten in the evening.",
    ),
    (
        "market",
        "Night market comes back",
        "After two years the market by the river opens again on Friday, with forty stalls.",
    ),
];

/// What stands in place of an article while the platform answers wrongly.
const WRONG: (&str, &str, &str) = ("nothing", "Untitled", "This article is being prepared.");

pub(crate) async fn answer<B>(caller: Caller, request: Request<B>) -> Result<Answer, Cut> {
    let path = request.uri().path();
    if path == "/healthz" && request.method() == Method::GET {
        return Ok(http::healthy());
    }
    let parts: Vec<&str> = path.trim_start_matches('/').split('/').collect();
    let ["v1", "news", rest @ ..] = parts.as_slice() else {
        return Ok(http::not_found(path).into());
    };
    if request.method() != Method::GET {
        return Ok(http::not_allowed().into());
    }
    let content = match http::pass_faults(&caller, NEEDS).await? {
        Ok(content) => content,
        Err(refusal) => return Ok(refusal.into()),
    };
    let article = match rest {
        [] => {
            let items: Vec<_> = ARTICLES
                .iter()
                .map(|(id, headline, _)| json!({ "id": id, "headline": headline }))
                .collect();
            return Ok(http::json(StatusCode::OK, &json!({ "items": items })));
        }
        [name] => ARTICLES.iter().find(|(id, ..)| id == name),
        _ => None,
    };
    let Some(article) = article else {
        return Ok(http::not_found(path).into());
    };
    let (id, headline, text) = match content {
        Content::Right => article,
        Content::Wrong => &WRONG,
    };
    let hash = sha256_hex(article.2.as_bytes());
    let said = json!({ "id": id, "headline": headline, "text": text, "sha256": hash });
    Ok(http::json(StatusCode::OK, &said))
}
