//! What one synthetic user (agent, journey, variant) met, slot by slot, over the last day.
//!
//! It is a function of the set of runs and plans, whatever their order: a slot holds what was
//! heard of it, and everything else is computed as of an instant.

mod segment;
mod slot;
mod sums;

use std::collections::BTreeMap;
use std::time::Duration;

use bongsu_model::{PlanEntry, RunFacts, Timestamp};

use crate::span::{Span, first_difference, union};

use segment::{Carved, Segment};
pub(crate) use slot::{Arrival, SlotOutcome};
use slot::{Slot, shown_from};
pub(crate) use sums::Sums;

/// The longest window that is shown, with an hour to spare.
pub(crate) const KEPT: Duration = Duration::from_secs(25 * 3600);

/// Runs kept of one user that no plan covers yet: eleven hours of a ten-second cadence.
const STRAYS_MAX: usize = 4_096;

/// What became of a run that was offered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Recorded {
    /// It answered a slot.
    Kept(Arrival),
    /// The slot was answered before.
    Known,
    /// No plan on record covers it; it is kept until one does.
    Stray,
    /// Older than what is kept, or one stray too many.
    Dropped,
}

/// The timing of the plan entry that covers an instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Timing {
    /// T.
    pub(crate) period: Duration,
    /// How long after due a run is live evidence: 2T + D + L.
    pub(crate) fresh: Duration,
    /// How long after due a slot that nothing was heard of counts as missed: D + L.
    pub(crate) settles: Duration,
}

/// The slots beside an instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Slots {
    /// When the last one before it, or at it, was due, if the plan had one.
    pub(crate) last: Option<Timestamp>,
    /// When the next one is.
    pub(crate) next: Timestamp,
    /// D.
    pub(crate) deadline: Duration,
}

/// Where an agent fails alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// In the user's own cell: all that it ran is blind.
    Here,
    /// In another cell of the target: what blocked it there is blind.
    Upstream,
}

impl Carved {
    fn of(&mut self, whose: Fault) -> &mut Vec<Span> {
        match whose {
            Fault::Here => &mut self.outlier,
            Fault::Upstream => &mut self.self_blocked,
        }
    }
}

/// One user's history.
#[derive(Debug, Clone, Default)]
pub(crate) struct History {
    segments: Vec<Segment>,
    strays: BTreeMap<Timestamp, Slot>,
    carved: Carved,
    /// Stretches whose runs were judged anew, with the agent. A union.
    restated: Vec<Span>,
}

impl History {
    /// Takes the plan's spans in place of those before; runs find their slots anew.
    pub(crate) fn replan(
        &mut self,
        spans: &[(Span, PlanEntry)],
        lateness: Duration,
        now: Timestamp,
    ) {
        let is_same = |(segment, (span, entry)): (&Segment, &(Span, PlanEntry))| {
            segment.span == *span
                && segment.cadence == entry.cadence
                && segment.deadline == entry.deadline
        };
        let same =
            self.segments.len() == spans.len() && self.segments.iter().zip(spans).all(is_same);
        if same && self.strays.is_empty() {
            return;
        }
        let before = std::mem::take(&mut self.segments);
        let mut heard = std::mem::take(&mut self.strays).split_off(&(now - KEPT));
        heard.extend(before.iter().flat_map(Segment::heard));
        self.segments = spans
            .iter()
            .map(|(span, entry)| Segment::new(*span, entry.cadence, entry.deadline, lateness))
            .collect();
        for (due, slot) in heard {
            self.place(due, slot, now);
        }
    }

    /// Takes the outcome of a scheduled run in.
    pub(crate) fn record(&mut self, run: &RunFacts, received: Timestamp) -> Recorded {
        if run.due < received - KEPT {
            return Recorded::Dropped;
        }
        let outcome = SlotOutcome::from(run.outcomes.verdict());
        let offset = run.started.since(run.due);
        let Some((segment, n)) = self.find(run.due) else {
            if self.strays.contains_key(&run.due) {
                return Recorded::Known;
            }
            if self.strays.len() >= STRAYS_MAX {
                return Recorded::Dropped;
            }
            self.strays
                .insert(run.due, Slot::new(outcome, offset, Arrival::InTime));
            return Recorded::Stray;
        };
        let segment = &self.segments[segment];
        if segment.slot(n).outcome().is_some() {
            return Recorded::Known;
        }
        let arrival = if received < segment.settles(n) {
            Arrival::InTime
        } else {
            Arrival::Late
        };
        self.place(run.due, Slot::new(outcome, offset, arrival), received);
        Recorded::Kept(arrival)
    }

    /// Whether a slot is due at exactly `due`.
    pub(crate) fn has_slot(&self, due: Timestamp) -> bool {
        self.find(due).is_some()
    }

    /// The timing of the plan entry that covers `at`.
    pub(crate) fn timing(&self, at: Timestamp) -> Option<Timing> {
        let segment = self.segments.iter().rev().find(|s| s.span.contains(at))?;
        Some(Timing {
            period: segment.cadence.period(),
            fresh: segment.fresh(),
            settles: segment.patience(),
        })
    }

    /// The slots beside `at`, by the plan entry that covers it.
    pub(crate) fn slots_around(&self, at: Timestamp) -> Option<Slots> {
        let segment = self.segments.iter().rev().find(|s| s.span.contains(at))?;
        let cadence = segment.cadence;
        let last = cadence.last_at_or_before(at);
        let next = last.map_or_else(|| cadence.first_at_or_after(at), |n| n + 1);
        Some(Slots {
            last: last
                .map(|n| cadence.due(n))
                .filter(|due| segment.span.contains(*due)),
            next: cadence.due(next),
            deadline: segment.deadline,
        })
    }

    /// What `window` adds up to as of `now`.
    pub(crate) fn sums(&self, window: Span, now: Timestamp) -> Sums {
        let mut sums = Sums::default();
        for segment in &self.segments {
            let speaks = Span::new(segment.span.from, segment.span.until);
            if speaks.clip(window).nanos() > 0 {
                sums += segment.sums(window, now, &self.carved);
            }
        }
        sums
    }

    /// How much of `window` a plan covered, less the maintenance, in nanoseconds. A plan that
    /// still holds is counted as if it had held for the whole window: coverage is young then.
    pub(crate) fn covered(&self, window: Span) -> u64 {
        let in_force = self.timing(window.until).is_some();
        if in_force {
            return window.nanos_outside(&self.carved.maintenance);
        }
        let spans = self
            .segments
            .iter()
            .map(|segment| segment.span.clip(window));
        spans
            .map(|span| span.nanos_outside(&self.carved.maintenance))
            .sum()
    }

    /// Whether a plan called for runs in any of `window`.
    pub(crate) fn is_planned(&self, window: Span) -> bool {
        self.segments
            .iter()
            .any(|segment| segment.span.clip(window).nanos() > 0)
    }

    /// Whether anything in `window` was told differently before.
    pub(crate) fn is_revised(&self, window: Span) -> bool {
        let restated = self
            .restated
            .iter()
            .any(|span| span.clip(window).nanos() > 0);
        restated
            || self
                .segments
                .iter()
                .any(|segment| segment.is_revised(window))
    }

    /// Carves announced work out of availability.
    pub(crate) fn set_maintenance(&mut self, spans: Vec<Span>) {
        let spans = union(spans);
        // Nearly every call changes nothing, and what lies before a change stays sealed.
        let changed = first_difference(&self.carved.maintenance, &spans);
        self.carved.maintenance = spans;
        if let Some(from) = changed {
            self.reseal(from);
        }
    }

    /// The agent fails alone since `since`, as is known since `now`: what it ran is blind from
    /// then on.
    pub(crate) fn hold(&mut self, whose: Fault, since: Timestamp, now: Timestamp) {
        let since = shown_from(since);
        let held = Span::new(since, Timestamp::MAX);
        self.carved.of(whose).push(held);
        self.restate(since, now);
    }

    /// What the agent ran from `from` on counts again, as is known since `now`.
    pub(crate) fn release(&mut self, whose: Fault, from: Timestamp, now: Timestamp) {
        let from = shown_from(from);
        for span in self.carved.of(whose) {
            span.until = span.until.min(from);
        }
        self.restate(from, now);
    }

    fn restate(&mut self, from: Timestamp, now: Timestamp) {
        self.restated.push(Span::new(from, now));
        let Carved {
            outlier,
            self_blocked,
            ..
        } = &mut self.carved;
        for spans in [outlier, self_blocked, &mut self.restated] {
            spans.retain(|span| span.until > now - KEPT);
            *spans = union(std::mem::take(spans));
        }
        self.reseal(from);
    }

    fn reseal(&mut self, from: Timestamp) {
        for segment in &mut self.segments {
            segment.reseal_since(from, &self.carved);
        }
    }

    fn find(&self, due: Timestamp) -> Option<(usize, u64)> {
        let found = self.segments.iter().enumerate().rev();
        found
            .filter_map(|(i, segment)| Some((i, segment.slot_at(due)?)))
            .next()
    }

    fn place(&mut self, due: Timestamp, slot: Slot, now: Timestamp) {
        match self.find(due) {
            Some((i, n)) => {
                let segment = &mut self.segments[i];
                segment.put(n, slot, now, &self.carved);
                segment.trim(now - KEPT);
            }
            None => {
                self.strays.insert(due, slot);
            }
        }
    }
}
