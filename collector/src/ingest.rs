//! OTLP/HTTP from agents: who speaks, how much, what is said; then the journal, then the answer.
//!
//! A request is answered 200 only when all that it holds is durable or refused for good. What is
//! wrong with the request as a whole is a 4xx, our own troubles are 503 with `Retry-After`, never
//! 500, which a conforming sender would not send again.
//!
//! A record that claims another agent, region or network than its token allows is refused alone,
//! so that a mixed batch keeps its good records. Only a request in which every record is another
//! agent's is refused as a whole with 403: then the sender's token or id is misconfigured, and it
//! keeps its records until that is mended.

mod answer;
mod auth;
mod body;
mod judge;
mod limits;

use std::sync::Arc;

use axum::Router;
use axum::body::BodyDataStream;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::Response;

use crate::counters::Counters;
use crate::journal::{AppendError, Journal, Record, Stored};
use crate::state::Shared;
use answer::{Refused, Signal};
use body::Coding;
use judge::{Bench, Judged};
use limits::{Admission, Reservation};

/// Uncompressed bodies up to this size are worked on where they are read: below it handing them
/// to another thread costs as much as it saves.
const INLINE_BYTES_MAX: usize = 64 * 1024;

/// Seconds after which to come again when the queue is full, and when the disk fails.
const AGAIN_SOON: u64 = 1;
const AGAIN_LATER: u64 = 5;

/// What every request needs.
#[derive(Debug)]
struct Ingest {
    shared: Arc<Shared>,
    journal: Journal,
    admission: Admission,
}

/// All that is served on `[listen] otlp`.
pub fn router(shared: Arc<Shared>, journal: Journal) -> Router {
    let admission = Admission::new(&shared.config, Arc::clone(&shared.counters));
    Router::new().fallback(receive).with_state(Arc::new(Ingest {
        shared,
        journal,
        admission,
    }))
}

async fn receive(State(ingest): State<Arc<Ingest>>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let mut body = body.into_data_stream();
    let received = ingest.shared.clock.wall();
    let answer = match ingest.answer(&head, &mut body).await {
        Ok(body) => answer::success(body, received),
        Err(refused) => {
            body::discard(&mut body).await;
            tracing::debug!(
                code = refused.code.as_u16(),
                reason = refused.message,
                "refused"
            );
            answer::refusal(&refused)
        }
    };
    ingest
        .shared
        .counters
        .requests
        .count(answer.status().as_u16());
    answer
}

impl Ingest {
    async fn answer(&self, head: &Parts, body: &mut BodyDataStream) -> Result<Vec<u8>, Refused> {
        let signal = Signal::of(&head.method, head.uri.path())?;
        let agent = auth::agent(&head.headers, &self.shared.config.roster)?;
        let now = self.shared.clock.monotonic();
        self.admission.rate(&agent.vantage.agent, now)?;
        let mut held = self.admission.enter(&agent.vantage.agent)?;
        body::check_type(&head.headers)?;
        let coding = body::coding(&head.headers)?;
        let bytes_max = self.shared.config.limits.body_bytes_max;
        let wire = body::read(&head.headers, body, bytes_max, &mut held).await?;
        let bench = Bench::new(&self.shared.config, agent, self.shared.clock.wall());
        let counters = Arc::clone(&self.shared.counters);
        let work = Work {
            signal,
            coding,
            wire,
            bytes_max,
            held,
            bench,
            counters,
        };
        // The reservation lives until the records are durable.
        let (judged, _held) = work.spread().await?;
        if let Some(message) = judged.all_foreign {
            return Err(Refused::new(StatusCode::FORBIDDEN, message));
        }
        let stored = self.append(judged.records).await?;
        Ok(signal.response(answer::partial(&judged.refusals, &stored)))
    }

    async fn append(&self, records: Vec<Record>) -> Result<Vec<Stored>, Refused> {
        if records.is_empty() {
            return Ok(Vec::new());
        }
        self.journal.append(records).await.map_err(|error| {
            let again = match error {
                AppendError::Overloaded => AGAIN_SOON,
                AppendError::Refused(_) | AppendError::Stopping => AGAIN_LATER,
            };
            Refused::later(StatusCode::SERVICE_UNAVAILABLE, error.to_string(), again)
        })
    }
}

/// The part of a request that needs no waiting, only work.
#[derive(Debug)]
struct Work {
    signal: Signal,
    coding: Coding,
    wire: Vec<u8>,
    bytes_max: u64,
    held: Reservation,
    bench: Bench,
    counters: Arc<Counters>,
}

impl Work {
    /// Large and compressed bodies are worked on where blocking is allowed: a few bytes on the
    /// wire can inflate to the limit.
    async fn spread(self) -> Result<(Judged, Reservation), Refused> {
        if self.coding == Coding::Identity && self.wire.len() <= INLINE_BYTES_MAX {
            return self.run();
        }
        match tokio::task::spawn_blocking(move || self.run()).await {
            Ok(done) => done,
            Err(error) => {
                tracing::error!(%error, "working on a request failed");
                let message = "the collector failed on this request; it will be looked into";
                Err(Refused::later(
                    StatusCode::SERVICE_UNAVAILABLE,
                    message,
                    AGAIN_LATER,
                ))
            }
        }
    }

    fn run(mut self) -> Result<(Judged, Reservation), Refused> {
        self.counters.wire_bytes.add(self.wire.len() as u64);
        let bytes = body::inflate(self.coding, self.wire, self.bytes_max, &mut self.held)?;
        self.counters.body_bytes.add(bytes.len() as u64);
        let judged = match self.signal {
            Signal::Traces => self.bench.traces(&bytes),
            Signal::Logs => self.bench.logs(&bytes),
        };
        let judged = judged.map_err(|error| {
            let cause = std::error::Error::source(&error);
            let cause = cause.map_or_else(String::new, |cause| format!(": {cause}"));
            Refused::new(StatusCode::BAD_REQUEST, format!("{error}{cause}"))
        })?;
        judged
            .refusals
            .iter()
            .for_each(|refusal| self.counters.refuse(refusal.why));
        Ok((judged, self.held))
    }
}
