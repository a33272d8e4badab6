//! The part of a request that needs no waiting, only work: undoing the compression, JSON to
//! protobuf, judging.

use std::sync::Arc;

use axum::http::StatusCode;
use bongsu_wire::{DecodeError, ForeignSpans};

use super::AGAIN_LATER;
use super::answer::{Form, Refused, Signal};
use super::body::{self, Coding};
use super::judge::{Bench, Judged, Refusal};
use super::limits::Reservation;
use crate::config::ForeignPolicy;
use crate::counters::{self, Counters};

/// Uncompressed bodies up to this size are worked on where they are read: below it handing them
/// to another thread costs as much as it saves.
const INLINE_BYTES_MAX: usize = 64 * 1024;

/// A request that was read.
#[derive(Debug)]
pub(super) struct Work {
    pub(super) signal: Signal,
    pub(super) form: Form,
    pub(super) coding: Coding,
    pub(super) wire: Vec<u8>,
    pub(super) bytes_max: u64,
    pub(super) held: Reservation,
    pub(super) judge: Judge,
    pub(super) counters: Arc<Counters>,
}

/// What a request is held against.
#[derive(Debug)]
pub(super) struct Judge {
    /// None for a sender, none of whose records counts.
    pub(super) bench: Option<Bench>,
    pub(super) foreign: ForeignPolicy,
}

/// A request that was worked on.
#[derive(Debug)]
pub(super) struct Done {
    pub(super) judged: Judged,
    /// What is to be passed on.
    pub(super) foreign: Option<ForeignSpans>,
    pub(super) held: Reservation,
}

impl Work {
    /// Large and compressed bodies are worked on where blocking is allowed: a few bytes on the
    /// wire can inflate to the limit.
    pub(super) async fn spread(self) -> Result<Done, Refused> {
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

    fn run(mut self) -> Result<Done, Refused> {
        self.counters.wire_bytes.add(self.wire.len() as u64);
        let wire = std::mem::take(&mut self.wire);
        let bytes = body::inflate(self.coding, wire, self.bytes_max, &mut self.held)?;
        self.counters.body_bytes.add(bytes.len() as u64);
        let bytes = self.protobuf(bytes)?;
        let (bytes, runs, foreign) = match (self.signal, self.judge.foreign) {
            (Signal::Traces, ForeignPolicy::Forward { .. }) => self.sort(bytes)?,
            (Signal::Traces | Signal::Logs, _) => (bytes, 0, None),
        };
        let judged = match (&self.judge.bench, self.signal) {
            (Some(bench), Signal::Traces) => bench.traces(&bytes).map_err(|e| undecodable(&e))?,
            (Some(bench), Signal::Logs) => bench.logs(&bytes).map_err(|e| undecodable(&e))?,
            (None, _) => {
                // What is left is told to be broken, if it is.
                bongsu_wire::decode_traces(&bytes).map_err(|e| undecodable(&e))?;
                unheard(runs)
            }
        };
        judged
            .refusals
            .iter()
            .for_each(|refusal| self.counters.refuse(refusal.why));
        Ok(Done {
            judged,
            foreign,
            held: self.held,
        })
    }

    /// What is left of a request for judging with its number of spans, and what is foreign.
    fn sort(&mut self, bytes: Vec<u8>) -> Result<(Vec<u8>, usize, Option<ForeignSpans>), Refused> {
        let sorted = bongsu_wire::take_foreign(bytes).map_err(|error| undecodable(&error))?;
        if let Some(foreign) = &sorted.foreign {
            self.held.grow(foreign.request.len())?;
        }
        let runs = usize::try_from(sorted.ours_count).unwrap_or(usize::MAX);
        Ok((sorted.ours, runs, sorted.foreign))
    }

    /// The request in protobuf, whatever it came in. It is never larger than the same in JSON.
    fn protobuf(&mut self, bytes: Vec<u8>) -> Result<Vec<u8>, Refused> {
        let transcoded = match (self.form, self.signal) {
            (Form::Protobuf, _) => return Ok(bytes),
            (Form::Json, Signal::Traces) => bongsu_wire::traces_from_json(&bytes),
            (Form::Json, Signal::Logs) => bongsu_wire::logs_from_json(&bytes),
        };
        let protobuf =
            transcoded.map_err(|error| Refused::new(StatusCode::BAD_REQUEST, error.to_string()))?;
        self.held.grow(protobuf.len())?;
        Ok(protobuf)
    }
}

fn undecodable(error: &DecodeError) -> Refused {
    let cause = std::error::Error::source(error);
    let cause = cause.map_or_else(String::new, |cause| format!(": {cause}"));
    Refused::new(StatusCode::BAD_REQUEST, format!("{error}{cause}"))
}

/// A sender's runs, of so many spans: it has no voice.
fn unheard(spans: usize) -> Judged {
    let refusal = || Refusal {
        why: counters::Refusal::Foreign,
        message: "runs are taken from agents only, and this token is a sender's".to_owned(),
        count: spans,
    };
    Judged {
        refusals: (spans > 0).then(refusal).into_iter().collect(),
        ..Judged::default()
    }
}
