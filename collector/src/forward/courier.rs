//! What carries spans to one destination: reads its queues, sends, obeys the answer, moves on.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bongsu_model::Monotonic;
use bongsu_wire::{Answer, Backoff, merge_traces};
use bytes::Bytes;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::client::Client;
use super::store::{ForeignPlace, Place, Store, StoreError, Waiting};
use crate::config::Forward;
use crate::counters::ForwardCounts;
use crate::journal::ReadError;
use crate::state::Shared;

/// Of one request: a run has 1 to 4 KiB, and 1 MiB is what every server takes. A larger run goes
/// alone.
const BATCH_MAX: usize = 500;
const BATCH_BYTES_MAX: usize = 1 << 20;

/// The first wait after a failure, and the longest of our own, in wall time.
const WAIT_FIRST: Duration = Duration::from_millis(250);
const WAIT_LONGEST: Duration = Duration::from_secs(30);

/// How often a destination is asked again that refused our headers, in wall time.
const ASK_AGAIN_AFTER: Duration = Duration::from_secs(30);

/// The same trouble is not said more often than this.
const SAY_AGAIN_AFTER: Duration = Duration::from_secs(60);

#[derive(Debug)]
pub(super) struct Courier {
    pub(super) config: Forward,
    pub(super) client: Client,
    pub(super) store: Arc<Mutex<Store>>,
    pub(super) shared: Arc<Shared>,
    pub(super) counts: Arc<ForwardCounts>,
    pub(super) wake: Arc<Notify>,
    pub(super) stop: CancellationToken,
    pub(super) place: Place,
    /// Runs up to here are counted as waiting.
    pub(super) counted_to: u64,
    pub(super) backoff: Backoff,
    pub(super) said: Option<(String, Monotonic)>,
}

/// One run's spans, or one request of foreign spans.
#[derive(Debug)]
struct Part {
    bytes: Vec<u8>,
    /// What it counts as: a run as one, foreign spans as so many.
    weight: u64,
}

/// How many of a batch were taken and refused, by weight.
#[derive(Debug, Default, Clone, Copy)]
struct Settled {
    sent: u64,
    refused: u64,
}

enum Fate {
    Sent,
    Refused,
}

/// The collector stops: what is not settled goes after the next start.
#[derive(Debug)]
struct Stopped;

#[derive(Debug, thiserror::Error)]
enum RoundError {
    #[error(transparent)]
    Journal(#[from] ReadError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

pub(super) fn backoff() -> Backoff {
    Backoff::new(WAIT_FIRST, WAIT_LONGEST)
}

impl Courier {
    /// Carries until it is told to stop.
    pub(super) async fn run(mut self) {
        while !self.stop.is_cancelled() {
            let moved = match self.round().await {
                Ok(moved) => moved,
                Err(error) => {
                    self.say("its queue cannot be read", &error.to_string());
                    let wait = self.backoff.failed(None, jitter());
                    if self.sleep(wait).await.is_err() {
                        return;
                    }
                    true
                }
            };
            if !moved {
                tokio::select! {
                    () = self.wake.notified() => {}
                    () = self.stop.cancelled() => return,
                }
            }
        }
    }

    /// One batch of each queue, so that neither waits for the other to be empty.
    async fn round(&mut self) -> Result<bool, RoundError> {
        let runs = self.config.runs && self.round_of_runs().await?;
        let foreign = self.config.foreign && self.round_of_foreign().await?;
        Ok(runs || foreign)
    }

    async fn round_of_runs(&mut self) -> Result<bool, RoundError> {
        self.count_waiting().await?;
        let shared = Arc::clone(&self.shared);
        let (after, end) = (self.place.runs, self.counted_to);
        let page = blocking(move || {
            let reader = shared.reader();
            reader.spans_after(after, end, BATCH_MAX, BATCH_BYTES_MAX)
        })
        .await?;
        let thinned = page.thinned;
        let parts: Vec<Part> = page
            .spans
            .into_iter()
            .map(|bytes| Part { bytes, weight: 1 })
            .collect();
        let runs = parts.len() as u64 + thinned;
        if runs > 0 {
            let Ok(settled) = self.deliver(parts).await else {
                return Ok(false);
            };
            self.counts.runs_sent.add(settled.sent);
            self.counts.runs_refused.add(settled.refused);
            self.counts.runs_dropped.add(thinned);
        }
        let waiting = self.counts.runs_waiting.get().saturating_sub(runs);
        self.place.runs = page.to;
        if page.to == self.counted_to {
            // Those that were counted and have not come were taken by retention meanwhile.
            self.counts.runs_dropped.add(waiting);
            self.counts.runs_waiting.set(0);
        } else {
            self.counts.runs_waiting.set(waiting);
        }
        if runs > 0 {
            let (name, to) = (self.config.name.to_string(), page.to);
            self.advance(move |store| store.advance_runs(&name, to))
                .await;
        }
        Ok(runs > 0)
    }

    /// Counts the runs that came since it last looked.
    async fn count_waiting(&mut self) -> Result<(), RoundError> {
        let (shared, after) = (Arc::clone(&self.shared), self.counted_to);
        let (came, last) = blocking(move || {
            let reader = shared.reader();
            let last = reader.last()?.max(after);
            Ok::<_, ReadError>((reader.count_runs_between(after, last)?, last))
        })
        .await?;
        self.counted_to = last;
        self.counts.runs_waiting.raise(came);
        Ok(())
    }

    async fn count_all_waiting(&mut self) -> Result<(), RoundError> {
        if self.config.runs {
            self.count_waiting().await?;
        }
        if self.config.foreign {
            let waiting = self.foreign(0).await?;
            self.counts.foreign_waiting.set(waiting.spans);
        }
        Ok(())
    }

    async fn foreign(&self, requests_max: usize) -> Result<Waiting, StoreError> {
        let (store, after) = (Arc::clone(&self.store), self.place.foreign);
        blocking(move || {
            let store = store.lock().unwrap_or_else(PoisonError::into_inner);
            store.foreign_after(after, requests_max, BATCH_BYTES_MAX)
        })
        .await
    }

    async fn round_of_foreign(&mut self) -> Result<bool, RoundError> {
        let waiting = self.foreign(BATCH_MAX).await?;
        self.counts.foreign_waiting.set(waiting.spans);
        if waiting.requests.is_empty() {
            return Ok(false);
        }
        self.counts.foreign_dropped.add(waiting.lost);
        // What was lost is told once, also when the batch is not settled before the stop.
        self.place.foreign.total += waiting.lost;
        let parts = waiting.requests.into_iter();
        let parts = parts
            .map(|(bytes, weight)| Part { bytes, weight })
            .collect();
        let Ok(settled) = self.deliver(parts).await else {
            return Ok(false);
        };
        self.counts.foreign_sent.add(settled.sent);
        self.counts.foreign_refused.add(settled.refused);
        let weight = settled.sent + settled.refused;
        let left = self.counts.foreign_waiting.get().saturating_sub(weight);
        self.counts.foreign_waiting.set(left);
        let (name, to): (String, ForeignPlace) = (self.config.name.to_string(), waiting.to);
        self.place.foreign = to;
        self.advance(move |store| store.advance_foreign(&name, to))
            .await;
        Ok(true)
    }

    /// Writes the place down. A failure costs at most that something is sent twice.
    async fn advance(
        &mut self,
        write: impl FnOnce(&mut Store) -> Result<(), StoreError> + Send + 'static,
    ) {
        let store = Arc::clone(&self.store);
        let written = blocking(move || {
            let mut store = store.lock().unwrap_or_else(PoisonError::into_inner);
            write(&mut store)
        })
        .await;
        if let Err(error) = written {
            self.say("its place could not be written down", &error.to_string());
        }
    }

    /// Sends a batch until it is settled.
    async fn deliver(&mut self, parts: Vec<Part>) -> Result<Settled, Stopped> {
        let mut settled = Settled::default();
        if parts.is_empty() {
            return Ok(settled);
        }
        let whole = merge_traces(parts.iter().map(|part| part.bytes.as_slice()));
        let weight = parts.iter().map(|part| part.weight).sum();
        match self.send(whole.into()).await? {
            Fate::Sent => settled.sent = weight,
            Fate::Refused if parts.len() == 1 => settled.refused = weight,
            // One bad part must not take the others with it: each goes alone.
            Fate::Refused => {
                for part in parts {
                    match self.send(part.bytes.into()).await? {
                        Fate::Sent => settled.sent += part.weight,
                        Fate::Refused => settled.refused += part.weight,
                    }
                }
            }
        }
        Ok(settled)
    }

    /// Sends one request until it is acknowledged or refused for good.
    async fn send(&mut self, body: Bytes) -> Result<Fate, Stopped> {
        loop {
            let clock = Arc::clone(&self.shared.clock);
            let posted = self.client.post(body.clone(), move || clock.wall());
            let answer = tokio::select! {
                answer = posted => answer,
                () = self.stop.cancelled() => return Err(Stopped),
            };
            match answer {
                Answer::Accepted { rejected, message } => {
                    self.accepted(rejected, &message);
                    return Ok(Fate::Sent);
                }
                Answer::Refused { reason } => {
                    self.backoff.succeeded();
                    self.say("a request was refused for good", &reason);
                    return Ok(Fate::Refused);
                }
                Answer::PlainPlease if self.client.is_plain() => {
                    self.say("a request was refused for good", "status 415");
                    return Ok(Fate::Refused);
                }
                Answer::PlainPlease => {
                    self.say("it takes no gzip", "bodies go plain");
                    self.client.send_plain();
                }
                Answer::Retry { reason, after } => {
                    self.say("it is waited for", &reason);
                    self.wait(after).await?;
                }
                // Not as OTLP has it, which gives up what was sent: an expired token must not
                // cost a backlog.
                Answer::Unauthorised { reason } => {
                    self.say(
                        "ITS HEADERS ARE NOT ACCEPTED, and everything waits",
                        &reason,
                    );
                    if let Err(error) = self.client.refresh() {
                        self.say("its headers are not to be had", &error.to_string());
                    }
                    self.wait(Some(ASK_AGAIN_AFTER)).await?;
                }
                Answer::NoReceiver { reason } => {
                    self.say(
                        "NO OTLP SERVER IS AT ITS `url`, and everything waits",
                        &reason,
                    );
                    self.wait(Some(ASK_AGAIN_AFTER)).await?;
                }
            }
        }
    }

    fn accepted(&mut self, rejected: u64, message: &str) {
        self.backoff.succeeded();
        if rejected > 0 {
            self.counts.spans_rejected.add(rejected);
            self.say("part of a request was refused", message);
        } else if !message.is_empty() {
            self.say("it warns", message);
        } else if self.said.take().is_some() {
            tracing::info!(to = %self.config.name, "forwarding goes on");
        }
    }

    /// Waits before the same is sent again.
    async fn wait(&mut self, after: Option<Duration>) -> Result<(), Stopped> {
        self.counts.retries.add(1);
        let wait = self.backoff.failed(after, jitter());
        if let Err(error) = self.count_all_waiting().await {
            tracing::debug!(%error, "what waits could not be counted");
        }
        self.sleep(wait).await
    }

    async fn sleep(&self, wait: Duration) -> Result<(), Stopped> {
        tokio::select! {
            () = tokio::time::sleep(wait) => Ok(()),
            () = self.stop.cancelled() => Err(Stopped),
        }
    }

    /// Tells of a trouble when it is new, and once a minute while it lasts.
    fn say(&mut self, what: &str, reason: &str) {
        let now = self.shared.clock.monotonic();
        let text = format!("{what}: {reason}");
        let is_old = self
            .said
            .as_ref()
            .is_some_and(|(said, at)| *said == text && now.since(*at) < SAY_AGAIN_AFTER);
        if !is_old {
            tracing::warn!(to = %self.config.name, reason, "{what}");
            self.said = Some((text, now));
        }
    }
}

/// A random number in 0..1, 0.5 if the system has none to give.
fn jitter() -> f64 {
    getrandom::u32().map_or(0.5, |bits| f64::from(bits) / (f64::from(u32::MAX) + 1.0))
}

async fn blocking<T: Send + 'static, E: Send + 'static + From<Interrupted>>(
    work: impl FnOnce() -> Result<T, E> + Send + 'static,
) -> Result<T, E> {
    tokio::task::spawn_blocking(work)
        .await
        .unwrap_or_else(|_| Err(E::from(Interrupted)))
}

/// The blocking task did not come to its end.
struct Interrupted;

impl From<Interrupted> for ReadError {
    fn from(_: Interrupted) -> Self {
        Self::Interrupted
    }
}

impl From<Interrupted> for StoreError {
    fn from(_: Interrupted) -> Self {
        Self::Interrupted
    }
}
