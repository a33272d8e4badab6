//! Whether the collector lives, and whether what it shows can be believed.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;

use super::Web;
use super::standing::Standing;

pub(super) fn routes() -> Router<Arc<Web>> {
    Router::new()
        .route("/livez", get(async || plain(StatusCode::OK, "alive\n")))
        .route("/readyz", get(ready))
}

async fn ready(State(web): State<Arc<Web>>) -> Response {
    let why_not = match Standing::of(&web.source.picture(), &*web.source) {
        Standing::Current => return plain(StatusCode::OK, "ready\n"),
        Standing::Replaying => "the journal is being replayed\n",
        Standing::Halted => {
            "deriving has failed, and what is shown stands still; the log says why: restart the \
             collector\n"
        }
        Standing::Behind => {
            "nothing new was decided for a while, and what is shown stands still: the journal \
             cannot be written, or deriving is behind; the log says which\n"
        }
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
