//! OTLP/HTTP from agents.

use std::sync::Arc;

use axum::Router;

use crate::journal::Journal;
use crate::state::Shared;

/// All that is served on `[listen] otlp`.
pub fn router(shared: Arc<Shared>, journal: Journal) -> Router {
    let _ = (shared, journal);
    Router::new()
}
