//! The sign of life: every 10 s to each collector, newest only, never spooled.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures_util::future::join_all;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use crate::hurried;
use crate::plan::Doubt;
use crate::ship::{Answer, Client, PlanThere};
use crate::state::Shared;

/// The agent's time between two heartbeats.
const EVERY: Duration = Duration::from_secs(10);

/// The least real time between two, however fast a simulated clock goes.
const EVERY_REAL_MIN: Duration = Duration::from_millis(250);

/// Sends heartbeats to each collector until `stop`. Each has a beat of its own, since presence is
/// decided by it: a collector that hangs must not make the agent look absent to another.
pub(crate) async fn beat(shared: Arc<Shared>, clients: Vec<Client>, stop: CancellationToken) {
    let beats = clients
        .into_iter()
        .map(|client| beat_to(shared.clone(), client));
    tokio::select! {
        _ = join_all(beats) => {}
        () = stop.cancelled() => {}
    }
}

async fn beat_to(shared: Arc<Shared>, mut client: Client) {
    let every = EVERY
        .div_f64(hurried::speed(&*shared.clock))
        .max(EVERY_REAL_MIN);
    // Ticks, not rests: an answer that takes long does not stretch the beat.
    let mut ticks = tokio::time::interval(every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let Ok(heartbeat) = shared.heartbeat().await else {
            return;
        };
        let body = bongsu_wire::encode_heartbeat(&heartbeat, &shared.resource);
        if !send(&mut client, &body, &shared).await {
            shared
                .counts
                .heartbeats_failed
                .fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// Whether the collector took it. It is never sent again: the next one is newer.
async fn send(client: &mut Client, body: &[u8], shared: &Shared) -> bool {
    let (answer, plan) = client.post_heartbeat(body).await;
    match answer {
        Answer::Accepted { rejected, message } => {
            learn_of_plan(client.name(), plan, shared);
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
        // The shipper complains.
        Answer::Retry { .. } | Answer::NoReceiver { .. } => false,
        Answer::Refused { reason } => {
            tracing::warn!(collector = client.name(), %reason, "a heartbeat was refused");
            false
        }
    }
}

/// Without the plan's record a collector can make nothing of the runs: it is sent again.
fn learn_of_plan(collector: &str, plan: PlanThere, shared: &Shared) {
    match plan {
        PlanThere::Undisputed => shared.doubts.settle(collector),
        PlanThere::Unknown if shared.doubts.raise(collector, Doubt::Unknown) => {
            tracing::warn!(
                collector,
                "the collector does not know this agent's plan; its record is sent again"
            );
        }
        PlanThere::Unknown => {}
    }
}
