//! `/api/v1/claims`: what was said, and where operators hand it in.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use bongsu_model::Claim;
use serde_json::{Value, json};

use super::{ApiError, JSON, json, written};
use crate::claims::{
    CLAIMS_PER_REQUEST_MAX, Grounds, HandInError, HandedIn, Mistake, RawClaim, lower,
};
use crate::published::Published;
use crate::web::Web;
use crate::web::answer::{HandedInAnswer, ReceiptAnswer};
use crate::web::query::{self, Query};

/// Claims of one answer when no limit is asked for.
pub(super) const CLAIMS_DEFAULT: u32 = 100;

/// Largest body in bytes: the most claims of one request, each with 4 KiB.
const BODY_BYTES_MAX: usize = CLAIMS_PER_REQUEST_MAX * 4 * 1024;

/// Mistakes that are told of one request.
const MISTAKES_MAX: usize = 100;

pub(super) async fn log(
    State(web): State<Arc<Web>>,
    headers: HeaderMap,
    uri: Uri,
) -> Result<Response, ApiError> {
    let query = Query::of(&uri);
    query.only(&[
        "target", "feature", "track", "since", "until", "incident", "limit",
    ])?;
    let picture = web.picture().await?;
    let target = query.target(&*web.source, &picture)?;
    let wanted = query.claims_wanted(target, &*web.source, &picture, CLAIMS_DEFAULT)?;
    Ok(json(&headers, &web.claims(&picture, &wanted)))
}

pub(super) async fn hand_in(
    State(web): State<Arc<Web>>,
    headers: HeaderMap,
    uri: Uri,
    body: Body,
) -> Response {
    match taken_in(&web, &headers, &uri, body).await {
        Ok(answer) => {
            let status = if answer.new > 0 {
                StatusCode::CREATED
            } else {
                StatusCode::OK
            };
            let body = serde_json::to_vec(&answer).expect("answers have text keys only");
            (status, [(header::CONTENT_TYPE, JSON)], body).into_response()
        }
        Err(refusal) => {
            web.claims_refused.add(1);
            refusal.into_response()
        }
    }
}

/// Why no claim of a request was taken in.
enum Refusal {
    Whole(ApiError),
    Mistakes(Vec<Mistake>),
}

impl From<ApiError> for Refusal {
    fn from(error: ApiError) -> Self {
        Self::Whole(error)
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        match self {
            Self::Whole(error) => error.into_response(),
            Self::Mistakes(mistakes) => {
                let told = mistakes.iter().take(MISTAKES_MAX).map(|mistake| {
                    json!({
                        "place": mistake.place.to_string(),
                        "message": mistake.message,
                        "remedy": mistake.remedy,
                    })
                });
                let told: Vec<Value> = told.collect();
                let message = match mistakes.len() {
                    1 => "one mistake, so that no claim was taken in".to_owned(),
                    count => format!("{count} mistakes, so that no claim was taken in"),
                };
                let body = json!({ "error": {
                    "code": "wrong_claims", "message": message, "mistakes": told,
                } });
                let headers = [
                    (header::CONTENT_TYPE, JSON),
                    (header::CACHE_CONTROL, "no-store"),
                ];
                let status = StatusCode::UNPROCESSABLE_ENTITY;
                (status, headers, body.to_string()).into_response()
            }
        }
    }
}

async fn taken_in(
    web: &Web,
    headers: &HeaderMap,
    uri: &Uri,
    body: Body,
) -> Result<HandedInAnswer, Refusal> {
    let by = written::operator(web, headers)?;
    if uri.query().is_some_and(|query| !query.is_empty()) {
        return Err(refused(
            StatusCode::BAD_REQUEST,
            "unknown_parameter",
            "claims are handed in without parameters: write `target` into each claim".to_owned(),
        ));
    }
    if !written::is_of(headers, "application/json") {
        return Err(refused(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "not_json",
            "send claims as JSON with `Content-Type: application/json`".to_owned(),
        ));
    }
    let bytes = written::read(body, BODY_BYTES_MAX, "claims").await?;
    let picture = web.picture().await?;
    let claims = claims_of(web, &picture, &bytes)?;
    let ids: Vec<_> = claims.iter().map(Claim::id).collect();
    let became = web.source.hand_in(by, claims).await.map_err(not_taken)?;
    let new = became
        .iter()
        .filter(|became| **became == HandedIn::New)
        .count() as u64;
    let claims = ids
        .into_iter()
        .zip(&became)
        .map(|(id, became)| ReceiptAnswer {
            id,
            new: *became == HandedIn::New,
        });
    Ok(HandedInAnswer {
        new,
        known: became.len() as u64 - new,
        claims: claims.collect(),
    })
}

/// The claims of a body, or all that is wrong with them.
fn claims_of(web: &Web, picture: &Published, bytes: &[u8]) -> Result<Vec<Claim>, Refusal> {
    let bad = |message: String| refused(StatusCode::BAD_REQUEST, "not_claims", message);
    let value: Value = serde_json::from_slice(bytes)
        .map_err(|error| bad(format!("the body is no JSON: {error}")))?;
    let listed = value.get("claims").and_then(Value::as_array);
    let items = match (listed, &value) {
        (Some(items), Value::Object(object)) if object.len() == 1 => items.as_slice(),
        (None, Value::Object(object)) if !object.contains_key("claims") => {
            std::slice::from_ref(&value)
        }
        _ => {
            let shape = "the body is one claim, or { \"claims\": [ … ] } and nothing else";
            return Err(bad(shape.to_owned()));
        }
    };
    if items.is_empty() {
        return Err(bad("there is no claim in `claims`".to_owned()));
    }
    if items.len() > CLAIMS_PER_REQUEST_MAX {
        return Err(refused(
            StatusCode::PAYLOAD_TOO_LARGE,
            "too_many_claims",
            format!(
                "{} claims: hand in at most {CLAIMS_PER_REQUEST_MAX} at a time",
                items.len()
            ),
        ));
    }
    let targets = query::targets(web.source.default_target(), picture);
    let features = web.source.catalogue().features().iter();
    let features: Vec<_> = features.map(|feature| feature.id.clone()).collect();
    let grounds = Grounds {
        features: &features,
        targets: &targets,
        latest: web.source.claims_until(),
    };
    let (mut claims, mut mistakes) = (Vec::new(), Vec::new());
    for (item, value) in items.iter().enumerate() {
        let raw = RawClaim::from_json(item, value, &mut mistakes);
        // What is no object lacks every field: that is told once.
        if value.is_object() {
            claims.extend(lower(item, &raw, &grounds, &mut mistakes));
        }
    }
    if mistakes.is_empty() {
        Ok(claims)
    } else {
        Err(Refusal::Mistakes(mistakes))
    }
}

#[expect(clippy::needless_pass_by_value, reason = "the shape of a mapper")]
fn not_taken(error: HandInError) -> Refusal {
    let (status, code) = match &error {
        HandInError::TooMany { .. } => (StatusCode::TOO_MANY_REQUESTS, "too_many_today"),
        HandInError::Append(_) | HandInError::Read(_) => {
            tracing::warn!(%error, "claims were not taken in");
            (StatusCode::SERVICE_UNAVAILABLE, "journal_unavailable")
        }
    };
    refused(status, code, error.to_string())
}

const fn refused(status: StatusCode, code: &'static str, message: String) -> Refusal {
    Refusal::Whole(ApiError {
        status,
        code,
        message,
    })
}
