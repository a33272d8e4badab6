//! When a run happened, as far as its receipt lets it be believed.

use bongsu_model::{Outcome, RunFacts, Timestamp, Trigger};

use crate::cell::scores::AgentIx;
use crate::cell::sight::{Newest, Seen};
use crate::cell::{Evidence, Mark, Weight};
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

    /// When it had ended, whatever the agent's clock says.
    pub(crate) fn ended(&self) -> Timestamp {
        self.run.ended.max(self.started()).min(self.received)
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

    /// What it says of its own feature.
    pub(crate) fn own(&self, user: usize, agent: AgentIx, fresh_until: Timestamp) -> Own {
        let verdict = self.run.outcomes.verdict();
        let newest = Newest {
            user,
            due: self.due(),
            fresh_until,
            seen: seen(verdict),
        };
        let weight = match self.run.trigger {
            Trigger::Scheduled { .. } | Trigger::Burst => Weight::Own,
            Trigger::Manual | Trigger::Ci => Weight::Manual,
        };
        let evidence = mark(verdict, self.run.flaky).map(|mark| Evidence {
            run: self.run.id,
            agent,
            started: self.started(),
            ended: self.ended(),
            fresh_until,
            mark,
            weight,
        });
        Own {
            agent,
            newest,
            evidence,
            ended: self.run.ended,
        }
    }
}

/// What a run of a user says of the user's own cell.
#[derive(Debug)]
pub(crate) struct Own {
    pub(crate) agent: AgentIx,
    pub(crate) newest: Newest,
    /// None if it is no evidence.
    pub(crate) evidence: Option<Evidence>,
    pub(crate) ended: Timestamp,
}

pub(crate) fn mark(outcome: &Outcome, flaky: bool) -> Option<Mark> {
    match outcome {
        Outcome::Pass if flaky => Some(Mark::Weak),
        Outcome::Pass => Some(Mark::Pass),
        Outcome::Slow => Some(Mark::Slow),
        Outcome::Fail(class) => Some(Mark::Fail(*class)),
        Outcome::Blocked(_) | Outcome::Blind(_) | Outcome::Skipped(_) => None,
    }
}

pub(crate) fn seen(outcome: &Outcome) -> Seen {
    match outcome {
        Outcome::Pass | Outcome::Slow | Outcome::Fail(_) => Seen::Valid,
        Outcome::Blocked(by) => Seen::Blocked(by.clone()),
        Outcome::Blind(_) | Outcome::Skipped(_) => Seen::Nothing,
    }
}
