//! `/livez`, `/readyz` and `/metrics`, on loopback.

use std::net::SocketAddr;
use std::sync::{Arc, Weak};
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::state::Shared;
use crate::units::count;
use crate::watchdog::{Life, Pulse};

/// How long requests that are going may take when the agent ends.
const LAST_ANSWERS: Duration = Duration::from_millis(500);

/// What is said after the end.
const ENDED: &str = "the agent has ended\n";

/// What the pages tell of.
#[derive(Debug, Clone)]
pub(crate) struct Pages {
    /// Weak, because a visitor's connection outlives the pages, and must not hold the spool open.
    pub(crate) shared: Weak<Shared>,
    pub(crate) pulse: Arc<Pulse>,
    /// Cancelled when the agent stops.
    pub(crate) stop: CancellationToken,
}

/// Why the pages could not be served.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address}: {source}; free the port or set another `listen.address`")]
pub struct ListenError {
    /// The address.
    pub address: SocketAddr,
    /// What the system said.
    pub source: std::io::Error,
}

/// Binds the address.
pub(crate) async fn bind(address: SocketAddr) -> Result<TcpListener, ListenError> {
    TcpListener::bind(address)
        .await
        .map_err(|source| ListenError { address, source })
}

/// Serves the pages until `end`.
pub(crate) async fn serve(listener: TcpListener, pages: Pages, end: CancellationToken) {
    let router = Router::new()
        .route("/livez", get(livez))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics))
        .with_state(pages);
    let serving =
        axum::serve(listener, router).with_graceful_shutdown(end.clone().cancelled_owned());
    let patience = async {
        end.cancelled().await;
        tokio::time::sleep(LAST_ANSWERS).await;
    };
    tokio::select! {
        served = serving => if let Err(error) = served {
            tracing::error!(%error, "the health pages ended");
        },
        // Somebody is connected and asks nothing: that must not keep the agent from ending.
        () = patience => {}
    }
}

async fn livez(State(pages): State<Pages>) -> (StatusCode, String) {
    match pages.pulse.life() {
        Life::Alive => (StatusCode::OK, "alive\n".to_owned()),
        Life::Stuck(silent) => (
            StatusCode::SERVICE_UNAVAILABLE,
            format!("stuck: no slot finished for {} s\n", silent.as_secs()),
        ),
    }
}

/// Ready while it works on a plan and may ship; the text says what is amiss in either case.
async fn readyz(State(pages): State<Pages>) -> (StatusCode, String) {
    let Some(shared) = pages.shared.upgrade() else {
        return (StatusCode::SERVICE_UNAVAILABLE, ENDED.to_owned());
    };
    let plan = shared.plan.current();
    let mut text = format!(
        "plan: {} ({})\n",
        plan.revision,
        count(plan.planned.len(), "journey")
    );
    let mut is_ready = true;
    if pages.stop.is_cancelled() {
        is_ready = false;
        text.push_str("stopping: going runs clean up\n");
    }
    if let Some(refusal) = shared.plan.refusal() {
        text.push_str(&format!("plan_refused: the old plan stays\n{refusal}\n"));
    }
    for (name, counts) in &shared.ships {
        if let Some(pause) = counts.pause() {
            is_ready = false;
            text.push_str(&format!("collector {name}: {pause}; everything is kept\n"));
        }
    }
    let status = if is_ready {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    (status, text)
}

async fn metrics(State(pages): State<Pages>) -> impl IntoResponse {
    let page = match pages.shared.upgrade() {
        Some(shared) => shared.metrics_page().await.map_err(|e| format!("{e}\n")),
        None => Err(ENDED.to_owned()),
    };
    match page {
        Ok(page) => (
            StatusCode::OK,
            [(
                header::CONTENT_TYPE,
                "text/plain; version=0.0.4; charset=utf-8",
            )],
            page,
        ),
        Err(message) => (
            StatusCode::SERVICE_UNAVAILABLE,
            [(header::CONTENT_TYPE, "text/plain; charset=utf-8")],
            message,
        ),
    }
}
