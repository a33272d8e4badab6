//! The control channel: one for each collector, over WebSocket or, where that is refused, polled.
//!
//! It reports who the agent is, how it is and what it is configured with, and brings requests to
//! run early. Nothing waits for it: runs, spool and heartbeats go on without.

mod counts;
mod http;
mod poll;
mod report;
mod socket;
mod state;

use std::sync::Arc;
use std::time::Duration;

use bongsu_wire::Backoff;
use bongsu_wire::opamp::{BurstOrder, BurstRefusal};
use futures_util::future::join_all;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

pub(crate) use counts::{ChannelCounts, ChannelKind};
pub(crate) use http::ControlClient;

use crate::gate::CutOff;
use crate::ship::{WAIT_FIRST, WAIT_LONGEST, jitter};
use crate::state::Shared;
use report::Reporter;

/// Requests to run early that may wait for the dispatcher, over all collectors.
pub(crate) const ASKED_MAX: usize = 32;

/// Refusals that may wait to be sent to one collector.
const REFUSALS_MAX: usize = 32;

/// For how long an agent polls before it tries a WebSocket again.
const POLL_FOR: Duration = Duration::from_secs(60);

/// After what a collector is asked again that has no control channel, does not know the token, or
/// gave the place to another process.
const ASK_AGAIN_AFTER: Duration = Duration::from_secs(30);

/// A request to run early, and where a refusal goes.
#[derive(Debug)]
pub(crate) struct Asked {
    pub(crate) order: BurstOrder,
    refusals: mpsc::Sender<BurstRefusal>,
}

impl Asked {
    /// Tells the collector that the agent does not. A full queue loses it: it is for counting.
    pub(crate) fn refuse(&self, refusal: BurstRefusal) {
        let _ = self.refusals.try_send(refusal);
    }
}

/// How a conversation over a WebSocket, or a stretch of polling, ended.
#[derive(Debug, Clone, PartialEq, Eq)]
enum End {
    /// The agent stops.
    Stopped,
    /// The connection broke, could not be made, or was closed: try again soon.
    Broke(String),
    /// The collector does not open a WebSocket: poll for a while.
    NoSocket(String),
    /// Asking again soon changes nothing.
    Refused(String),
    /// The token is not accepted.
    Unauthorised(String),
    /// The collector asks for so much time.
    Wait(String, Duration),
    /// It is time to try a WebSocket again.
    Polled,
}

/// One collector's channel.
#[derive(Debug)]
struct Channel {
    shared: Arc<Shared>,
    client: ControlClient,
    counts: Arc<ChannelCounts>,
    reporter: Reporter,
    asked: mpsc::Sender<Asked>,
    refusals: (mpsc::Sender<BurstRefusal>, mpsc::Receiver<BurstRefusal>),
    /// Why there was no channel last, so that the same is not said again and again.
    told: String,
}

/// Keeps a channel open to each collector until `stop`.
pub(crate) async fn keep(
    shared: Arc<Shared>,
    clients: Vec<ControlClient>,
    asked: mpsc::Sender<Asked>,
    stop: CancellationToken,
) {
    let channels = clients.into_iter().filter_map(|client| {
        let counts = shared.channel(client.name())?;
        Some(
            Channel {
                reporter: Reporter::new(&shared.vantage.agent, &shared.resource),
                shared: shared.clone(),
                client,
                counts,
                asked: asked.clone(),
                refusals: mpsc::channel(REFUSALS_MAX),
                told: String::new(),
            }
            .keep_open(stop.clone()),
        )
    });
    join_all(channels).await;
}

impl Channel {
    async fn keep_open(mut self, stop: CancellationToken) {
        let mut backoff = Backoff::new(WAIT_FIRST, WAIT_LONGEST);
        loop {
            let mut end = self.pass(&stop, Way::Socket, &mut backoff).await;
            if let End::NoSocket(reason) = &end {
                tracing::debug!(collector = self.client.name(), %reason, "no WebSocket: polling");
                end = self.pass(&stop, Way::Poll, &mut backoff).await;
            }
            self.counts.is(ChannelKind::None);
            let wait = match end {
                End::Stopped => return,
                End::Polled => continue,
                End::Broke(reason) | End::NoSocket(reason) => {
                    self.counts.failed();
                    tracing::debug!(collector = self.client.name(), %reason, "no control channel");
                    backoff.failed(None, jitter())
                }
                End::Wait(reason, wait) => {
                    self.counts.failed();
                    tracing::debug!(collector = self.client.name(), %reason, "no control channel");
                    backoff.failed(Some(wait.min(ASK_AGAIN_AFTER)), jitter())
                }
                End::Refused(reason) => {
                    self.counts.failed();
                    if self.told != reason {
                        tracing::warn!(collector = self.client.name(), %reason, "no control channel");
                        self.told = reason;
                    }
                    ASK_AGAIN_AFTER.mul_f64(1.0 + jitter())
                }
                End::Unauthorised(reason) => {
                    self.counts.failed();
                    // The shipper complains loudly; here only a replaced token must be noticed.
                    let _ = self.client.refresh_token();
                    tracing::debug!(collector = self.client.name(), %reason, "no control channel");
                    ASK_AGAIN_AFTER.mul_f64(1.0 + jitter())
                }
            };
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                () = stop.cancelled() => return,
            }
        }
    }

    /// One conversation, for as long as the agent's network is there.
    async fn pass(&mut self, stop: &CancellationToken, way: Way, backoff: &mut Backoff) -> End {
        let gate = self.shared.gate.clone();
        let talk = async {
            match way {
                Way::Socket => self.converse(stop, backoff).await,
                Way::Poll => self.poll(stop, backoff).await,
            }
        };
        match gate.pass(talk).await {
            Ok(end) => end,
            Err(CutOff) if stop.is_cancelled() => End::Stopped,
            Err(cut_off) => End::Broke(cut_off.to_string()),
        }
    }

    /// Hands a request to the dispatcher; one that finds no room is refused.
    fn hand_over(&self, order: BurstOrder) {
        self.counts.asked();
        let asked = Asked {
            order,
            refusals: self.refusals.0.clone(),
        };
        if let Err(full) = self.asked.try_send(asked) {
            let asked = full.into_inner();
            self.shared.counts.burst_refused(BurstRefusal::NoRoom);
            asked.refuse(BurstRefusal::NoRoom);
        }
    }
}

#[derive(Debug, Clone, Copy)]
enum Way {
    Socket,
    Poll,
}
