//! The JSON API under `/api/v1`.

mod claims;
mod error;
mod events;
mod openapi;
mod report;
mod written;

use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, Uri};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};

pub(crate) use error::ApiError;
pub use openapi::document;

use super::Web;
use super::answer::RunsAnswer;
use super::query::{self, Query};
use super::respond::with_tag;
use crate::strips::StripWanted;

/// What runs are asked for by.
const RUNS_PARAMETERS: [&str; 8] = [
    "target", "feature", "outcome", "agent", "region", "from", "until", "limit",
];

const JSON: &str = "application/json; charset=utf-8";

pub(super) fn routes() -> Router<Arc<Web>> {
    Router::new()
        .route("/board", get(board))
        .route("/features/{id}", get(feature))
        .route("/features/{id}/strip", get(strip))
        .route("/recovery", get(recovery))
        .route("/incidents/{id}", get(incident))
        .route("/incidents/{id}/report", get(report::report))
        .route("/incidents/{id}/files/{name}", get(report::file))
        .route("/incidents/{id}/evidence", get(report::evidence))
        .route("/incidents/{id}/words", post(report::write))
        .route("/copy", get(super::copy::copy))
        .route("/runs", get(runs))
        .route("/runs/{run_id}", get(run))
        .route("/agents", get(agents))
        .route("/incidents", get(incidents))
        .route("/claims", get(claims::log).post(claims::hand_in))
        .route("/events", get(events::events))
        .route("/openapi.json", get(openapi_json))
        .fallback(no_such_endpoint)
}

async fn board(
    State(web): State<Arc<Web>>,
    headers: HeaderMap,
    uri: Uri,
) -> Result<Response, ApiError> {
    let query = Query::of(&uri);
    query.only(&["target"])?;
    let picture = web.picture().await?;
    let target = query.target(&*web.source, &picture)?;
    Ok(json(&headers, &web.board(&picture, &target)))
}

async fn feature(
    State(web): State<Arc<Web>>,
    Path(id): Path<String>,
    headers: HeaderMap,
    uri: Uri,
) -> Result<Response, ApiError> {
    let query = Query::of(&uri);
    query.only(&["target"])?;
    let picture = web.picture().await?;
    let target = query.target(&*web.source, &picture)?;
    let id = query::feature(&id, web.source.catalogue())?;
    let board = web.board(&picture, &target);
    Ok(json(&headers, &web.feature_detail(&board, &id)?))
}

async fn strip(
    State(web): State<Arc<Web>>,
    Path(id): Path<String>,
    headers: HeaderMap,
    uri: Uri,
) -> Result<Response, ApiError> {
    let query = Query::of(&uri);
    query.only(&["target", "window"])?;
    let picture = web.picture().await?;
    let wanted = StripWanted {
        target: query.target(&*web.source, &picture)?,
        feature: query::feature(&id, web.source.catalogue())?,
        window: query.window()?,
    };
    Ok(json(&headers, &web.strip(&picture, wanted).await?))
}

async fn recovery(
    State(web): State<Arc<Web>>,
    headers: HeaderMap,
    uri: Uri,
) -> Result<Response, ApiError> {
    let query = Query::of(&uri);
    query.only(&["target", "outage"])?;
    let picture = web.picture().await?;
    let target = query.target(&*web.source, &picture)?;
    Ok(json(
        &headers,
        &web.recovery(&picture, &target, query.get("outage"))?,
    ))
}

async fn incident(
    State(web): State<Arc<Web>>,
    Path(id): Path<String>,
    headers: HeaderMap,
    uri: Uri,
) -> Result<Response, ApiError> {
    let query = Query::of(&uri);
    query.only(&["target"])?;
    let picture = web.picture().await?;
    let target = query.target(&*web.source, &picture)?;
    Ok(json(&headers, &web.incident(&picture, &target, &id)?))
}

async fn runs(
    State(web): State<Arc<Web>>,
    headers: HeaderMap,
    uri: Uri,
) -> Result<Response, ApiError> {
    let query = Query::of(&uri);
    query.only(&RUNS_PARAMETERS)?;
    let picture = web.picture().await?;
    let target = query.target(&*web.source, &picture)?;
    let wanted = query.runs_wanted(target.clone(), &*web.source, &picture)?;
    let runs = web.runs(wanted).await?;
    Ok(json(&headers, &RunsAnswer { target, runs }))
}

async fn run(
    State(web): State<Arc<Web>>,
    Path(id): Path<String>,
    headers: HeaderMap,
    uri: Uri,
) -> Result<Response, ApiError> {
    let query = Query::of(&uri);
    query.only(&["target"])?;
    let picture = web.picture().await?;
    let asked = query
        .get("target")
        .map(|_| query.target(&*web.source, &picture))
        .transpose()?;
    let detail = web.run(&id, asked.as_ref()).await?;
    Ok(json(&headers, &detail))
}

async fn agents(
    State(web): State<Arc<Web>>,
    headers: HeaderMap,
    uri: Uri,
) -> Result<Response, ApiError> {
    let query = Query::of(&uri);
    query.only(&["target"])?;
    let picture = web.picture().await?;
    let target = query.target(&*web.source, &picture)?;
    Ok(json(&headers, &web.agents(&picture, &target)))
}

async fn incidents(
    State(web): State<Arc<Web>>,
    headers: HeaderMap,
    uri: Uri,
) -> Result<Response, ApiError> {
    let query = Query::of(&uri);
    query.only(&["target"])?;
    let picture = web.picture().await?;
    let target = query.target(&*web.source, &picture)?;
    Ok(json(&headers, &web.incidents(&picture, &target)))
}

async fn openapi_json(headers: HeaderMap) -> Response {
    let mut body = serde_json::to_string_pretty(&document()).expect("a JSON value");
    body.push('\n');
    with_tag(&headers, JSON, body.into())
}

async fn no_such_endpoint() -> Response {
    ApiError::missing(
        "unknown_endpoint",
        "there is no such endpoint; /api/v1/openapi.json lists them".to_owned(),
    )
    .into_response()
}

pub(super) fn json(headers: &HeaderMap, answer: &impl serde::Serialize) -> Response {
    let body = serde_json::to_vec(answer).expect("answers have text keys only");
    with_tag(headers, JSON, body.into())
}
