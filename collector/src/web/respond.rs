//! Answers with an entity tag, and the headers that every answer carries.

use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use sha2::Digest as _;

use super::api::ApiError;

/// Longest address in bytes: the longest real one has a run id and a few names of 100 bytes.
const ADDRESS_BYTES_MAX: usize = 2048;

/// Pages load their own files, talk to their own collector and are framed by no one.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; \
     img-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; \
     frame-ancestors 'none'";

/// The body under a tag of its content: 304 to a reader that has it already. It may be kept, but
/// not used unasked, because it changes at any time.
pub(super) fn with_tag(headers: &HeaderMap, media_type: &'static str, body: Bytes) -> Response {
    let digest = sha2::Sha256::digest(&body);
    let digits: String = digest.iter().take(12).map(|b| format!("{b:02x}")).collect();
    let tag = format!("\"{digits}\"");
    let known = headers
        .get_all(header::IF_NONE_MATCH)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|known| known.trim().trim_start_matches("W/") == tag);
    let tagged = [
        (header::ETAG, tag),
        (header::CACHE_CONTROL, "no-cache".to_owned()),
    ];
    if known {
        (StatusCode::NOT_MODIFIED, tagged).into_response()
    } else {
        let media_type = [(header::CONTENT_TYPE, media_type)];
        (tagged, media_type, Body::from(body)).into_response()
    }
}

/// What may be asked of an address, and the refusal of anything else.
fn methods(path: &str) -> (&'static [Method], &'static str, &'static str) {
    const READ: [Method; 2] = [Method::GET, Method::HEAD];
    const BOTH: [Method; 3] = [Method::GET, Method::HEAD, Method::POST];
    const WRITTEN: [Method; 1] = [Method::POST];
    let is_words = path
        .strip_prefix("/api/v1/incidents/")
        .and_then(|rest| rest.strip_suffix("/words"));
    if path == "/api/v1/claims" {
        let message = "claims are read and handed in: use GET, HEAD or POST";
        (&BOTH, "GET, HEAD, POST", message)
    } else if is_words.is_some_and(|id| !id.contains('/')) {
        let message = "words are written here with POST, and read in the incident's report";
        (&WRITTEN, "POST", message)
    } else {
        let message = "everything here is read: use GET or HEAD";
        (&READ, "GET, HEAD", message)
    }
}

/// Refuses what is never served: other methods than GET and HEAD, except where operators write,
/// and endless addresses.
pub(super) async fn bounds(request: Request, next: Next) -> Response {
    let (allowed, methods, message) = methods(request.uri().path());
    if !allowed.contains(request.method()) {
        let refusal = ApiError {
            status: StatusCode::METHOD_NOT_ALLOWED,
            code: "method_not_allowed",
            message: message.to_owned(),
        };
        return ([(header::ALLOW, methods)], refusal).into_response();
    }
    let address = request.uri();
    let length = address.path().len() + address.query().map_or(0, str::len);
    if length > ADDRESS_BYTES_MAX {
        return ApiError {
            status: StatusCode::URI_TOO_LONG,
            code: "address_too_long",
            message: format!("an address has at most {ADDRESS_BYTES_MAX} bytes"),
        }
        .into_response();
    }
    next.run(request).await
}

/// Adds the headers that keep a page to itself.
pub(super) async fn secure(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::REFERRER_POLICY, "no-referrer"),
        (
            HeaderName::from_static("cross-origin-resource-policy"),
            "same-origin",
        ),
        (
            HeaderName::from_static("permissions-policy"),
            "camera=(), geolocation=(), microphone=()",
        ),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}
