//! What is sent next: plans first, then the fresh lane, then the backlog, each in order.

use std::ops::Range;
use std::time::Duration;

use bongsu_model::Timestamp;
use bytes::Bytes;

use super::record::RecordKind;
use super::segment::Entry;
use super::store::Store;

/// How long a record is fresh. A run is live evidence for 2T + D + L, some 30 s at a cadence of
/// 10 s; what is older restates history only and can wait.
pub(crate) const FRESH_FOR: Duration = Duration::from_secs(30);

/// Most spans and log records in one request: the collector's and our memory stay small.
const ITEMS_MAX: u32 = 100;

/// Most payload bytes in one request.
const BYTES_MAX: u64 = 512 << 10;

/// Most records in one request.
const RECORDS_MAX: usize = 64;

/// The lane that a window comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Lane {
    /// Plan records that are not yet known to the collector.
    Plan,
    /// What was measured just now.
    Fresh,
    /// What was measured while the collector was away.
    Backlog,
}

/// Records that may go out together, in order.
#[derive(Debug, Clone)]
pub(crate) struct Window {
    /// The lane it comes from.
    pub(crate) lane: Lane,
    /// Sequence, kind and payload of each record.
    pub(crate) records: Vec<(u64, RecordKind, Bytes)>,
    /// Whether nothing more waited for the collector.
    pub(crate) is_last: bool,
}

impl Store {
    /// What `collector` is to get next. None if it has everything.
    pub(super) fn next_window(
        &mut self,
        collector: &str,
        now: Timestamp,
        fresh_for: Duration,
    ) -> std::io::Result<Option<Window>> {
        self.age(collector, now, fresh_for);
        let Some((lane, chosen)) = self.choose(collector) else {
            return Ok(None);
        };
        let is_last = self.is_last(collector, chosen.len());
        let mut records = Vec::with_capacity(chosen.len());
        let mut damaged = Vec::new();
        for (entry, payload) in chosen.iter().zip(self.read(&chosen)?) {
            match payload {
                Some(payload) => records.push((entry.sequence, entry.kind, payload)),
                None => damaged.push(entry.sequence),
            }
        }
        // What cannot be read will never be sent: it is counted, and must not hold up the rest.
        self.acknowledge(collector, &damaged);
        Ok(Some(Window {
            lane,
            records,
            is_last,
        }))
    }

    /// Whether the collector is owed no more than so many records.
    fn is_last(&self, collector: &str, records: usize) -> bool {
        let Some(cursor) = self.cursors.get(collector) else {
            return true;
        };
        let fresh = cursor.fresh()..u64::MAX;
        let mut owed = self
            .in_ranges(cursor.gaps())
            .chain(self.in_ranges(std::slice::from_ref(&fresh)));
        owed.nth(records).is_none()
    }

    fn age(&mut self, collector: &str, now: Timestamp, fresh_for: Duration) {
        let Some(cursor) = self.cursors.get(collector) else {
            return;
        };
        let fresh = cursor.fresh();
        let first_fresh = self
            .segments()
            .filter(|segment| segment.span().end > fresh)
            .flat_map(|segment| &segment.entries)
            .filter(|entry| entry.sequence >= fresh)
            .find(|entry| now.since(entry.time) <= fresh_for)
            .map(|entry| entry.sequence);
        let end = self
            .segments()
            .last()
            .map_or(fresh, |segment| segment.span().end);
        if let Some(cursor) = self.cursors.get_mut(collector) {
            cursor.age_to(first_fresh.unwrap_or(end));
        }
    }

    fn choose(&self, collector: &str) -> Option<(Lane, Vec<Entry>)> {
        let cursor = self.cursors.get(collector)?;
        let is_plan = |entry: &Entry| entry.kind == RecordKind::Plan;
        let plans = cut(self.in_ranges(cursor.gaps()).filter(is_plan));
        if !plans.is_empty() {
            return Some((Lane::Plan, plans));
        }
        let backlog = || {
            let entries = cut(self.in_ranges(cursor.gaps()));
            (!entries.is_empty()).then_some((Lane::Backlog, entries))
        };
        if self.is_backlogs_turn(collector)
            && let Some(turn) = backlog()
        {
            return Some(turn);
        }
        let fresh = cut(self.in_ranges(std::slice::from_ref(&(cursor.fresh()..u64::MAX))));
        if !fresh.is_empty() {
            return Some((Lane::Fresh, fresh));
        }
        backlog()
    }

    /// Whether anything waits in the collector's backlog.
    pub(super) fn has_backlog(&self, collector: &str) -> bool {
        self.cursors
            .get(collector)
            .is_some_and(|cursor| self.in_ranges(cursor.gaps()).next().is_some())
    }

    fn in_ranges<'s>(&'s self, ranges: &'s [Range<u64>]) -> impl Iterator<Item = Entry> + 's {
        ranges.iter().flat_map(move |range| {
            self.segments()
                .filter(move |segment| {
                    let span = segment.span();
                    span.start < range.end && span.end > range.start
                })
                .flat_map(move |segment| {
                    let from = segment
                        .entries
                        .partition_point(|e| e.sequence < range.start);
                    let to = segment.entries.partition_point(|e| e.sequence < range.end);
                    segment.entries[from..to].iter().copied()
                })
        })
    }
}

/// The first records that fit into one request; at least one. Plans go alone, because the paths of
/// a window are posted one after the other, and no run may overtake its plan.
fn cut(entries: impl Iterator<Item = Entry>) -> Vec<Entry> {
    let mut items = 0;
    let mut bytes = 0;
    let mut chosen = Vec::new();
    for entry in entries.take(RECORDS_MAX) {
        items += u32::from(entry.items);
        bytes += u64::from(entry.payload_bytes);
        let is_full = items > ITEMS_MAX || bytes > BYTES_MAX;
        let is_other = chosen.first().is_some_and(|first: &Entry| {
            (first.kind == RecordKind::Plan) != (entry.kind == RecordKind::Plan)
        });
        if is_other || (is_full && !chosen.is_empty()) {
            break;
        }
        chosen.push(entry);
    }
    chosen
}
