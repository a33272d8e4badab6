//! When a run happened, as far as its receipt lets it be believed.

use bongsu_model::{RunFacts, Timestamp};

use crate::history::{Arrival, Timing};

/// A run with its time of receipt.
///
/// An agent's clock may be ahead by as much as is accepted at all. What moves live state takes a
/// run's place in time from here: none is due or begun after its receipt, or it would speak for an
/// agent that is silent and stand before what comes after it; none is begun before it was due.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Heard<'a> {
    pub(crate) run: &'a RunFacts,
    pub(crate) received: Timestamp,
}

impl<'a> Heard<'a> {
    pub(crate) fn new(run: &'a RunFacts, received: Timestamp) -> Self {
        Self { run, received }
    }

    pub(crate) fn due(&self) -> Timestamp {
        self.run.due.min(self.received)
    }

    pub(crate) fn started(&self) -> Timestamp {
        self.run.started.max(self.run.due).min(self.received)
    }

    /// Until when it is evidence: 2T + D + L after it was due.
    pub(crate) fn fresh_until(&self, timing: Timing) -> Timestamp {
        self.due() + timing.fresh
    }

    /// Whether it came before a slot that is due then counts as missed.
    pub(crate) fn arrival(&self, timing: Timing) -> Arrival {
        if self.received < self.due() + timing.settles {
            Arrival::InTime
        } else {
            Arrival::Late
        }
    }
}
