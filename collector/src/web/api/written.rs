//! What is written to the API: who writes, of what kind, and a body within bounds.

use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, StatusCode, header};
use bongsu_model::OperatorId;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};

use super::ApiError;
use crate::bearer;
use crate::web::Web;

/// How long a body may take to come, in wall time.
const BODY_WITHIN: Duration = Duration::from_secs(20);

/// The operator that asks.
pub(super) fn operator(web: &Web, headers: &HeaderMap) -> Result<OperatorId, ApiError> {
    let refused = |message: &str| ApiError {
        status: StatusCode::UNAUTHORIZED,
        code: "unauthorized",
        message: message.to_owned(),
    };
    let token = bearer::token(headers).map_err(refused)?;
    web.source.operator(&token).ok_or_else(|| {
        refused(
            "no operator has this token; list its SHA-256 under [[operator]] in the collector's \
             configuration",
        )
    })
}

/// Whether the body says to be of this media type.
pub(super) fn is_of(headers: &HeaderMap, media_type: &str) -> bool {
    let said = headers.get(header::CONTENT_TYPE);
    let said = said.and_then(|value| value.to_str().ok());
    let said = said.and_then(|value| value.split(';').next());
    said.is_some_and(|said| said.trim() == media_type)
}

/// The body, of `bytes_max` bytes at most; `what` it is of, in words.
pub(super) async fn read(body: Body, bytes_max: usize, what: &str) -> Result<Bytes, ApiError> {
    let refused = |status, code, message| ApiError {
        status,
        code,
        message,
    };
    let reading = Limited::new(body, bytes_max).collect();
    match tokio::time::timeout(BODY_WITHIN, reading).await {
        Ok(Ok(collected)) => Ok(collected.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(refused(
            StatusCode::PAYLOAD_TOO_LARGE,
            "body_too_large",
            format!("at most {bytes_max} bytes of {what} are read: hand in fewer at a time"),
        )),
        Ok(Err(error)) => Err(refused(
            StatusCode::BAD_REQUEST,
            "body_unreadable",
            format!("the body could not be read: {error}"),
        )),
        Err(_) => Err(refused(
            StatusCode::REQUEST_TIMEOUT,
            "body_too_slow",
            format!("the body did not come within {} s", BODY_WITHIN.as_secs()),
        )),
    }
}
