//! The part of a request that needs no waiting, only work: undoing the compression, JSON to
//! protobuf, judging.

use std::sync::Arc;

use axum::http::StatusCode;

use super::AGAIN_LATER;
use super::answer::{Form, Refused, Signal};
use super::body::{self, Coding};
use super::judge::{Bench, Judged};
use super::limits::Reservation;
use crate::counters::Counters;

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
    pub(super) bench: Bench,
    pub(super) counters: Arc<Counters>,
}

impl Work {
    /// Large and compressed bodies are worked on where blocking is allowed: a few bytes on the
    /// wire can inflate to the limit.
    pub(super) async fn spread(self) -> Result<(Judged, Reservation), Refused> {
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
        let wire = std::mem::take(&mut self.wire);
        let bytes = body::inflate(self.coding, wire, self.bytes_max, &mut self.held)?;
        self.counters.body_bytes.add(bytes.len() as u64);
        let bytes = self.protobuf(bytes)?;
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
