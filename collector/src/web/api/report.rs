//! `/api/v1/incidents/{id}/…`: the report of an incident, its files, its evidence, and where
//! operators write what only people know.

use std::path::Path as FilePath;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::{IntoResponse as _, Response};

use super::{ApiError, JSON, json, written};
use crate::report::Lineage;
use crate::report::evidence::Wanted;
use crate::report::files;
use crate::report::pen::WriteError;
use crate::report::words::{self, Author, WORDS_BYTES_MAX};
use crate::web::answer::{EvidencePageAnswer, ReportAnswer, WrittenAnswer};
use crate::web::query::{self, Query};
use crate::web::respond::with_tag;
use crate::web::{Web, in_time, incidents_of};

/// The media type of what operators write.
const TOML: &str = "application/toml";

pub(super) async fn report(
    State(web): State<Arc<Web>>,
    Path(id): Path<String>,
    headers: HeaderMap,
    uri: Uri,
) -> Result<Response, ApiError> {
    let query = Query::of(&uri);
    query.only(&["target"])?;
    let picture = web.picture().await?;
    let target = query.target(&*web.source, &picture)?;
    let subject = web.subject(&picture, &target, &id).await?;
    let duties = subject.assessments(&web.source.duties().shelf_on(&subject));
    Ok(json(&headers, &ReportAnswer { subject, duties }))
}

pub(super) async fn file(
    State(web): State<Arc<Web>>,
    Path((id, name)): Path<(String, String)>,
    headers: HeaderMap,
    uri: Uri,
) -> Result<Response, ApiError> {
    let query = Query::of(&uri);
    query.only(&["target"])?;
    let picture = web.picture().await?;
    let target = query.target(&*web.source, &picture)?;
    let subject = web.subject(&picture, &target, &id).await?;
    let shelf = web.source.duties().shelf_on(&subject);
    let all = files::files(&subject, &shelf);
    let names: Vec<_> = all.iter().map(|file| file.name.clone()).collect();
    let mut found = all.into_iter().filter(|file| file.name == name);
    let found = found.next().ok_or_else(|| {
        ApiError::missing(
            "unknown_file",
            format!("a report has no such file; use one of {}", names.join(", ")),
        )
    })?;
    Ok(with_tag(&headers, found.media_type, found.content.into()))
}

pub(super) async fn evidence(
    State(web): State<Arc<Web>>,
    Path(id): Path<String>,
    headers: HeaderMap,
    uri: Uri,
) -> Result<Response, ApiError> {
    let query = Query::of(&uri);
    query.only(&["target", "after", "until"])?;
    let picture = web.picture().await?;
    let target = query.target(&*web.source, &picture)?;
    let wanted = Wanted::of(query::incident(&id, &target, &picture)?);
    let after = query.place("after")?.unwrap_or(0);
    let until = query.place("until")?.unwrap_or(u64::MAX);
    let page = in_time(web.source.evidence(wanted, after, until)).await?;
    Ok(json(&headers, &EvidencePageAnswer::of(page)))
}

pub(super) async fn write(
    State(web): State<Arc<Web>>,
    Path(id): Path<String>,
    headers: HeaderMap,
    uri: Uri,
    body: Body,
) -> Response {
    match written(&web, &id, &headers, &uri, body).await {
        Ok(answer) => {
            let body = serde_json::to_vec(&answer).expect("answers have text keys only");
            (StatusCode::CREATED, [(header::CONTENT_TYPE, JSON)], body).into_response()
        }
        Err(refusal) => {
            web.words_refused.add(1);
            refusal.into_response()
        }
    }
}

async fn written(
    web: &Web,
    id: &str,
    headers: &HeaderMap,
    uri: &Uri,
    body: Body,
) -> Result<WrittenAnswer, ApiError> {
    let by = written::operator(web, headers)?;
    let query = Query::of(uri);
    query.only(&["target"])?;
    if !written::is_of(headers, TOML) {
        return Err(ApiError {
            status: StatusCode::UNSUPPORTED_MEDIA_TYPE,
            code: "not_toml",
            message: format!("send what you write as TOML with `Content-Type: {TOML}`"),
        });
    }
    let bytes = written::read(body, WORDS_BYTES_MAX, "words").await?;
    let picture = web.picture().await?;
    let target = query.target(&*web.source, &picture)?;
    let incident = query::incident(id, &target, &picture)?;
    if let Some(into) = &incident.merged_into {
        return Err(ApiError {
            status: StatusCode::CONFLICT,
            code: "merged",
            message: format!(
                "this incident turned out to be one with `{into}`, whose report has what was \
                 written of it: write to /api/v1/incidents/{into}/words"
            ),
        });
    }
    let about = Lineage::of(incident, incidents_of(&picture, &target));
    let text = std::str::from_utf8(&bytes).map_err(|_| {
        ApiError::bad(
            "not_toml",
            "the body is not UTF-8: save it as that".to_owned(),
        )
    })?;
    let author = Author::Known(by.as_str(), web.source.now());
    let read = words::read(text, FilePath::new("body"), author);
    let words = read.map_err(|error| ApiError {
        status: StatusCode::UNPROCESSABLE_ENTITY,
        code: "wrong_words",
        message: error.to_string(),
    })?;
    let answer = WrittenAnswer::of(&words);
    let kept = web.source.write(by, about, words).await;
    kept.map_err(not_kept)?;
    Ok(answer)
}

#[expect(clippy::needless_pass_by_value, reason = "the shape of a mapper")]
fn not_kept(error: WriteError) -> ApiError {
    let (status, code) = match &error {
        WriteError::TooMany => (StatusCode::TOO_MANY_REQUESTS, "too_many"),
        WriteError::TooManyToday => (StatusCode::TOO_MANY_REQUESTS, "too_many_today"),
        WriteError::Append(_) | WriteError::Read(_) => {
            tracing::warn!(%error, "words were not taken in");
            (StatusCode::SERVICE_UNAVAILABLE, "journal_unavailable")
        }
    };
    ApiError {
        status,
        code,
        message: error.to_string(),
    }
}
