//! Shipping: stored bytes to each collector, verbatim, until they are acknowledged.
//!
//! Each collector has a task of its own, so that a slow one holds up no other. What goes next is
//! the spool's choice: plans, then the fresh lane, then the backlog, each in order.

mod client;
mod dead_letter;
mod offset;
mod packer;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bongsu_model::Clock;
pub(crate) use bongsu_wire::Answer;
use bongsu_wire::Backoff;
use bytes::Bytes;
use tokio_util::sync::CancellationToken;

pub(crate) use client::{Client, PlanThere, Surroundings, client_builder, told};
pub use client::{ClientError, check_collectors};
pub(crate) use dead_letter::DeadLetters;
use dead_letter::{DeadLetter, Kept};
pub(crate) use offset::ClockOffset;

use crate::hurried;
use crate::plan::{Doubt, PlanDoubts};
use crate::spool::{FRESH_FOR, RecordKind, Spool, Window};

/// Time between the starts of two requests where the first left nothing waiting: what is spooled
/// meanwhile goes together. A run after a pause goes out at once, and none waits longer than this,
/// which is little beside the seconds that a collector needs to be sure of an outage.
const PACE: Duration = Duration::from_millis(500);

/// The least real time between them, however fast a simulated clock goes: a request a run would
/// cost more than the runs.
const PACE_REAL_MIN: Duration = Duration::from_millis(20);

/// The first wait after a failure; it doubles with each.
pub(crate) const WAIT_FIRST: Duration = Duration::from_millis(250);

/// The longest wait of our own: fresh runs are live evidence for some 30 s, so a collector that
/// comes back must hear of them well within that.
pub(crate) const WAIT_LONGEST: Duration = Duration::from_secs(5);

/// How often a collector is asked again that refused the token, or that is none: by the agent's
/// clock.
const ASK_AGAIN_AFTER: Duration = Duration::from_secs(30);

/// The least real time between two, however fast a simulated clock goes.
const ASK_AGAIN_REAL_MIN: Duration = Duration::from_millis(250);

/// Why a queue waits for a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pause {
    /// The token is refused.
    Token,
    /// No OTLP receiver is at the address.
    Address,
}

impl std::fmt::Display for Pause {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Token => "the token is not accepted",
            Self::Address => "no OTLP receiver answers at its `url`",
        })
    }
}

/// What became of shipping to one collector; each number only grows.
#[derive(Debug, Default)]
pub(crate) struct ShipCounts {
    /// Records that the collector acknowledged.
    pub(crate) acknowledged: AtomicU64,
    /// Spans and log records that it refused in an acknowledged request.
    pub(crate) rejected: AtomicU64,
    /// Records that it refused as a whole request.
    pub(crate) refused: AtomicU64,
    /// Requests that will be sent again.
    pub(crate) retries: AtomicU64,
    /// Why the queue waits for a person, if it does.
    pause: Mutex<Option<Pause>>,
}

impl ShipCounts {
    /// Why the queue waits for a person, if it does.
    pub(crate) fn pause(&self) -> Option<Pause> {
        *self
            .pause
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    fn set_pause(&self, pause: Option<Pause>) {
        *self
            .pause
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner()) = pause;
    }
}

/// Ships the spool to one collector.
#[derive(Debug)]
pub(crate) struct Shipper {
    pub(crate) client: Client,
    pub(crate) spool: Spool,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) counts: Arc<ShipCounts>,
    pub(crate) dead_letters: DeadLetters,
    pub(crate) doubts: Arc<PlanDoubts>,
}

/// How a request ended for the queue.
enum Progress {
    Done,
    Wait(Duration),
}

impl Shipper {
    /// Ships until `stop`, then for as long as `drained` is not cancelled and there is more.
    pub(crate) async fn ship(mut self, stop: CancellationToken, abandon: CancellationToken) {
        let mut appended = self.spool.appended();
        let mut backoff = Backoff::new(WAIT_FIRST, WAIT_LONGEST);
        loop {
            appended.borrow_and_update();
            let now = self.clock.wall();
            let fresh_for = FRESH_FOR.mul_f64(hurried::speed(&*self.clock));
            let next = self.spool.next(self.client.name(), now, fresh_for).await;
            let wait = match next {
                Ok(Ok(Some(window))) => {
                    let is_last = window.is_last;
                    let pace = PACE
                        .div_f64(hurried::speed(&*self.clock))
                        .max(PACE_REAL_MIN);
                    let pace = tokio::time::sleep(pace);
                    let progress = tokio::select! {
                        progress = self.deliver(window, &mut backoff) => progress,
                        () = abandon.cancelled() => return,
                    };
                    match progress {
                        Progress::Done if is_last => {
                            tokio::select! {
                                () = pace => {}
                                () = stop.cancelled() => {}
                            }
                            continue;
                        }
                        Progress::Done => continue,
                        Progress::Wait(wait) => Some(wait),
                    }
                }
                Ok(Ok(None)) if stop.is_cancelled() => return,
                Ok(Ok(None)) => None,
                Ok(Err(error)) => {
                    tracing::error!(collector = self.client.name(), %error, "the spool cannot be read");
                    Some(backoff.failed(None, jitter()))
                }
                Err(_closed) => return,
            };
            match wait {
                Some(wait) => tokio::select! {
                    () = tokio::time::sleep(wait) => {}
                    () = abandon.cancelled() => return,
                },
                None => tokio::select! {
                    changed = appended.changed() => if changed.is_err() { return },
                    () = stop.cancelled() => {}
                },
            }
        }
    }

    /// Sends a window, one request per path, and acknowledges what was accepted.
    async fn deliver(&mut self, window: Window, backoff: &mut Backoff) -> Progress {
        tracing::debug!(collector = self.client.name(), lane = ?window.lane, records = window.records.len(), "sending");
        for path in ["/v1/traces", "/v1/logs"] {
            let part: Vec<&(u64, RecordKind, Bytes)> = window
                .records
                .iter()
                .filter(|(_, kind, _)| kind.path() == path)
                .collect();
            if part.is_empty() {
                continue;
            }
            if let Progress::Wait(wait) = self.deliver_part(path, &part, backoff).await {
                return Progress::Wait(wait);
            }
        }
        Progress::Done
    }

    async fn deliver_part(
        &mut self,
        path: &'static str,
        part: &[&(u64, RecordKind, Bytes)],
        backoff: &mut Backoff,
    ) -> Progress {
        let body = merge(path, part);
        let answer = self.client.post(path, &body).await;
        if let Answer::Refused { reason } = &answer
            && part.len() > 1
        {
            // One bad record must not take the others with it: each goes alone.
            tracing::warn!(collector = self.client.name(), %reason, "a request was refused; its records go one by one");
            for one in part {
                let body = merge(path, &[one]);
                let answer = self.client.post(path, &body).await;
                if let Progress::Wait(wait) = self.settle(path, &[one], body, answer, backoff).await
                {
                    return Progress::Wait(wait);
                }
            }
            return Progress::Done;
        }
        self.settle(path, part, body, answer, backoff).await
    }

    async fn settle(
        &mut self,
        path: &'static str,
        part: &[&(u64, RecordKind, Bytes)],
        body: Bytes,
        answer: Answer,
        backoff: &mut Backoff,
    ) -> Progress {
        self.counts.set_pause(match &answer {
            Answer::Unauthorised { .. } => Some(Pause::Token),
            Answer::NoReceiver { .. } => Some(Pause::Address),
            Answer::Accepted { .. }
            | Answer::Retry { .. }
            | Answer::PlainPlease
            | Answer::Refused { .. } => None,
        });
        let records = part.len() as u64;
        match answer {
            Answer::Accepted { rejected, message } => {
                backoff.succeeded();
                self.counts
                    .acknowledged
                    .fetch_add(records, Ordering::Relaxed);
                if rejected > 0 {
                    self.counts.rejected.fetch_add(rejected, Ordering::Relaxed);
                    tracing::warn!(collector = self.client.name(), rejected, %message, "part of a request was refused");
                    self.doubt_plan(part, &message);
                    self.bury(path, message, body).await;
                } else if !message.is_empty() {
                    tracing::warn!(collector = self.client.name(), %message, "the collector warns");
                }
                self.acknowledge(part).await
            }
            Answer::Refused { reason } => {
                backoff.succeeded();
                self.counts.refused.fetch_add(records, Ordering::Relaxed);
                tracing::error!(collector = self.client.name(), %reason, records, "refused for good");
                self.doubt_plan(part, &reason);
                self.bury(path, reason, body).await;
                self.acknowledge(part).await
            }
            Answer::Retry { reason, after } => {
                let wait = backoff.failed(after, jitter());
                self.counts.retries.fetch_add(1, Ordering::Relaxed);
                tracing::info!(collector = self.client.name(), %reason, ?wait, "will be sent again");
                Progress::Wait(wait)
            }
            Answer::PlainPlease if self.client.is_plain() => {
                // Not our compression, then: as final as any other refusal.
                self.counts.refused.fetch_add(records, Ordering::Relaxed);
                self.doubt_plan(part, "status 415");
                self.bury(path, "status 415".to_owned(), body).await;
                self.acknowledge(part).await
            }
            Answer::PlainPlease => {
                tracing::warn!(
                    collector = self.client.name(),
                    "the collector takes no zstd; bodies go plain"
                );
                self.client.send_plain();
                Progress::Wait(Duration::ZERO)
            }
            Answer::Unauthorised { reason } => {
                self.counts.retries.fetch_add(1, Ordering::Relaxed);
                tracing::error!(
                    collector = self.client.name(), %reason,
                    "THE TOKEN IS NOT ACCEPTED: nothing is shipped, everything is kept; check `token` \
                     here and `token_sha256` there"
                );
                if let Err(error) = self.client.refresh_token() {
                    tracing::error!(collector = self.client.name(), %error, "the token is not to be had");
                }
                Progress::Wait(self.ask_again(backoff))
            }
            Answer::NoReceiver { reason } => {
                self.counts.retries.fetch_add(1, Ordering::Relaxed);
                tracing::error!(
                    collector = self.client.name(), %reason,
                    "NO OTLP RECEIVER ANSWERS AT THE COLLECTOR'S ADDRESS: nothing is shipped, \
                     everything is kept; check `url` of this [[collector]]: scheme, host, port, \
                     no path of a page, nothing in between that redirects"
                );
                Progress::Wait(self.ask_again(backoff))
            }
        }
    }

    fn ask_again(&self, backoff: &mut Backoff) -> Duration {
        let after = ASK_AGAIN_AFTER.div_f64(hurried::speed(&*self.clock));
        backoff.failed(Some(after.max(ASK_AGAIN_REAL_MIN)), jitter())
    }

    /// A plan's record that is refused must not be lost silently: no run counts without it.
    fn doubt_plan(&self, part: &[&(u64, RecordKind, Bytes)], reason: &str) {
        if part.iter().any(|(_, kind, _)| *kind == RecordKind::Plan) {
            tracing::error!(
                collector = self.client.name(), %reason,
                "THE PLAN IS REFUSED by the collector: its features are unmeasured there until the \
                 record is taken; it is sent again within a minute or so"
            );
            self.doubts.raise(self.client.name(), Doubt::Refused);
        }
    }

    async fn acknowledge(&self, part: &[&(u64, RecordKind, Bytes)]) -> Progress {
        let sequences = part.iter().map(|(sequence, ..)| *sequence).collect();
        // A closed spool ends the loop at its next turn.
        let _ = self.spool.acknowledge(self.client.name(), sequences).await;
        Progress::Done
    }

    async fn bury(&self, path: &str, reason: String, body: Bytes) {
        let letter = DeadLetter {
            collector: self.client.name().to_owned(),
            time: self.clock.wall(),
            signal: if path == "/v1/traces" {
                "traces"
            } else {
                "logs"
            },
            reason,
            body: body.into(),
        };
        match self.dead_letters.keep(letter).await {
            Ok(Kept::Yes) => {}
            Ok(Kept::Full) => {
                tracing::warn!("the dead-letter folder is full; the body is not kept")
            }
            Err(error) => tracing::warn!(%error, "a dead letter could not be written"),
        }
    }
}

/// A random number in 0..1, 0.5 if the system has none to give.
pub(crate) fn jitter() -> f64 {
    getrandom::u32().map_or(0.5, |bits| f64::from(bits) / (f64::from(u32::MAX) + 1.0))
}

/// OTLP requests merge by concatenation: their one field is repeated.
fn merge(path: &str, part: &[&(u64, RecordKind, Bytes)]) -> Bytes {
    if let [(_, _, only)] = part {
        return only.clone();
    }
    let payloads = part.iter().map(|(_, _, payload)| payload.as_ref());
    if path == "/v1/traces" {
        bongsu_wire::merge_traces(payloads).into()
    } else {
        bongsu_wire::merge_logs(payloads).into()
    }
}
