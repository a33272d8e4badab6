//! The sign of life: every 10 s to each collector, newest only, never spooled.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures_util::future::join_all;
use tokio_util::sync::CancellationToken;

use crate::ship::{Answer, Client};
use crate::state::Shared;

/// The agent's time between two heartbeats.
const EVERY: Duration = Duration::from_secs(10);

/// The least real time between two, however fast a simulated clock goes.
const EVERY_REAL_MIN: Duration = Duration::from_millis(250);

/// Sends heartbeats until `stop`.
pub(crate) async fn beat(shared: Arc<Shared>, mut clients: Vec<Client>, stop: CancellationToken) {
    let every = EVERY
        .div_f64(shared.clock.speed().max(1.0))
        .max(EVERY_REAL_MIN);
    loop {
        let Ok(heartbeat) = shared.heartbeat().await else {
            return;
        };
        let body = bongsu_wire::encode_heartbeat(&heartbeat, &shared.resource);
        let sending = join_all(clients.iter_mut().map(|client| send(client, &body)));
        tokio::select! {
            reached = sending => {
                if reached.iter().all(|reached| !reached) {
                    shared.counts.heartbeats_failed.fetch_add(1, Ordering::Relaxed);
                }
            }
            () = stop.cancelled() => return,
        }
        tokio::select! {
            () = tokio::time::sleep(every) => {}
            () = stop.cancelled() => return,
        }
    }
}

/// Whether the collector took it. It is never sent again: the next one is newer.
async fn send(client: &mut Client, body: &[u8]) -> bool {
    match client.post("/v1/logs", body).await {
        Answer::Accepted { rejected, message } => {
            if rejected > 0 {
                tracing::warn!(collector = client.name(), %message, "a heartbeat was refused");
            }
            rejected == 0
        }
        Answer::PlainPlease => {
            client.send_plain();
            false
        }
        Answer::Unauthorised { .. } => {
            // The shipper complains loudly; here only a replaced token must be noticed.
            let _ = client.refresh_token();
            false
        }
        Answer::Retry { .. } => false,
        Answer::Refused { reason } => {
            tracing::warn!(collector = client.name(), %reason, "a heartbeat was refused");
            false
        }
    }
}
