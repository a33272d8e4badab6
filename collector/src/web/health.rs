//! Whether the collector lives, and whether what it shows can be believed.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;

use super::Web;

pub(super) fn routes() -> Router<Arc<Web>> {
    Router::new()
        .route("/livez", get(async || plain(StatusCode::OK, "alive\n")))
        .route("/readyz", get(ready))
}

async fn ready(State(web): State<Arc<Web>>) -> Response {
    let picture = web.source.picture();
    let why_not = if picture.ready {
        return plain(StatusCode::OK, "ready\n");
    } else if picture.has_content() {
        "deriving has failed, and what is shown stands still; the log says why: restart the \
         collector\n"
    } else {
        "the journal is being replayed\n"
    };
    plain(StatusCode::SERVICE_UNAVAILABLE, why_not)
}

fn plain(status: StatusCode, text: &'static str) -> Response {
    let headers = [
        (header::CONTENT_TYPE, "text/plain; charset=utf-8"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    (status, headers, text).into_response()
}
