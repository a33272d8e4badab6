//! The slots of one user under one cadence, with sums over blocks that are settled.

use std::collections::VecDeque;
use std::time::Duration;

use bongsu_model::{Cadence, Timestamp};

use crate::span::Span;

use super::slot::{Slot, SlotOutcome};
use super::sums::Sums;

/// Slots that are added up once: a day of a ten-second cadence is 135 blocks.
const BLOCK: u64 = 64;

/// What a segment needs to know of its user to judge a slot.
#[derive(Debug, Clone, Default)]
pub(crate) struct Carved {
    /// Announced work: carved out of time. A union.
    pub(crate) maintenance: Vec<Span>,
    /// Stretches in which the agent failed alone: its runs are blind. A union.
    pub(crate) outlier: Vec<Span>,
    /// Stretches in which the agent failed alone in another cell of the target: where that
    /// blocked it, it was its own doing. A union.
    pub(crate) self_blocked: Vec<Span>,
}

/// A stretch in which a user's slots follow one cadence.
#[derive(Debug, Clone)]
pub(crate) struct Segment {
    pub(crate) span: Span,
    pub(crate) cadence: Cadence,
    /// D.
    pub(crate) deadline: Duration,
    /// L.
    lateness: Duration,
    /// The number of the first kept slot, a multiple of [`BLOCK`].
    first: u64,
    slots: VecDeque<Slot>,
    /// The sums of the blocks from `first` on; a block is sealed once every slot that its sums
    /// depend on is settled.
    sealed: VecDeque<Sums>,
}

impl Segment {
    pub(crate) fn new(
        span: Span,
        cadence: Cadence,
        deadline: Duration,
        lateness: Duration,
    ) -> Self {
        Self {
            span,
            cadence,
            deadline,
            lateness,
            first: 0,
            slots: VecDeque::new(),
            sealed: VecDeque::new(),
        }
    }

    /// C: how long a run speaks for its user at most, 2T + D.
    pub(crate) fn reach(&self) -> Duration {
        self.cadence.period() * 2 + self.deadline
    }

    /// How long after due a run is still live evidence, 2T + D + L.
    pub(crate) fn fresh(&self) -> Duration {
        self.reach() + self.lateness
    }

    /// The slot that is due at exactly `due`, if the segment has it.
    pub(crate) fn slot_at(&self, due: Timestamp) -> Option<u64> {
        let n = self.cadence.last_at_or_before(due)?;
        (self.span.contains(due) && self.cadence.due(n) == due).then_some(n)
    }

    /// When a slot that nothing was heard of counts as missed.
    pub(crate) fn settles(&self, n: u64) -> Timestamp {
        self.cadence.due(n) + self.patience()
    }

    /// How long after due a slot is waited for, D + L.
    pub(crate) fn patience(&self) -> Duration {
        self.deadline + self.lateness
    }

    pub(crate) fn slot(&self, n: u64) -> Slot {
        n.checked_sub(self.first)
            .and_then(|i| self.slots.get(usize::try_from(i).ok()?))
            .copied()
            .unwrap_or(Slot::EMPTY)
    }

    /// Writes slot `n`, seals what has become settled by `now` and drops what is older than
    /// `keep`.
    pub(crate) fn put(&mut self, n: u64, slot: Slot, now: Timestamp, carved: &Carved) {
        self.make_room(n);
        let index = usize::try_from(n - self.first).expect("a slot number within the kept day");
        self.slots[index] = slot;
        let oldest = n.saturating_sub(self.lookahead()).max(self.first);
        for block in oldest / BLOCK..=n / BLOCK {
            self.reseal(block, carved);
        }
        self.seal(now, carved);
    }

    /// Drops whole blocks that were due before `oldest`.
    pub(crate) fn trim(&mut self, oldest: Timestamp) {
        let block = usize::try_from(BLOCK).expect("small");
        while !self.sealed.is_empty() && self.cadence.due(self.first + BLOCK) < oldest {
            self.slots.drain(..block);
            self.sealed.pop_front();
            self.first += BLOCK;
        }
    }

    /// Adds the sealed blocks up anew that hold time from `from` on, after what is carved out of
    /// it changed.
    pub(crate) fn reseal_since(&mut self, from: Timestamp, carved: &Carved) {
        let first_changed = self.cadence.first_at_or_after(from - self.reach()) / BLOCK;
        for block in (self.first / BLOCK..).take(self.sealed.len()) {
            if block >= first_changed {
                self.reseal(block, carved);
            }
        }
    }

    /// All slots that something was heard of, with when they were due.
    pub(crate) fn heard(&self) -> impl Iterator<Item = (Timestamp, Slot)> + '_ {
        (self.first..)
            .zip(&self.slots)
            .filter(|(_, slot)| slot.outcome().is_some())
            .map(|(n, slot)| (self.cadence.due(n), *slot))
    }

    /// Whether a slot that is due in `window` came after it had counted as missed.
    pub(crate) fn is_revised(&self, window: Span) -> bool {
        let begin = self.cadence.first_at_or_after(window.from).max(self.first);
        let end = self.cadence.first_at_or_after(window.until);
        let end = end.min(self.first + self.slots.len() as u64);
        (begin..end).any(|n| self.slot(n).is_late())
    }

    /// What `window` adds up to as of `now`.
    pub(crate) fn sums(&self, window: Span, now: Timestamp, carved: &Carved) -> Sums {
        let mut sums = Sums::default();
        let window = window.clip(Span::new(Timestamp::EPOCH, now));
        let expected = window.clip(self.span);
        let begin = self.cadence.first_at_or_after(self.span.from);
        let reach_back = window.from.max(self.span.from) - self.reach();
        let mut n = self.cadence.first_at_or_after(reach_back).max(begin);
        let end = self
            .cadence
            .first_at_or_after(self.span.until.min(window.until));
        while n < end {
            if let Some(block) = self.sealed_block(n)
                && self.cadence.due(n) >= expected.from
                && self.cadence.due(n + BLOCK) + self.reach() <= window.until
                && n + BLOCK <= end
            {
                sums += *block;
                n += BLOCK;
            } else if self.is_silent(n) {
                let silent_until = if n < self.first && !self.slots.is_empty() {
                    self.first.min(end)
                } else {
                    end
                };
                sums.ledger.missed += self.missed(n, silent_until, expected.from, now);
                n = silent_until;
            } else {
                self.add(n, window, now, carved, &mut sums);
                n += 1;
            }
        }
        sums
    }

    /// Slots from `n` to before `end`, due at or after `from`, that count as missed at `now`.
    fn missed(&self, n: u64, end: u64, from: Timestamp, now: Timestamp) -> u64 {
        let last_settled = self.cadence.last_at_or_before(now - self.patience());
        let settled = last_settled.map_or(0, |last| last + 1).min(end);
        settled.saturating_sub(n.max(self.cadence.first_at_or_after(from)))
    }

    /// Whether slot `n` lies outside of what is kept, so that nothing was heard of it.
    fn is_silent(&self, n: u64) -> bool {
        n < self.first || n >= self.first + self.slots.len() as u64
    }

    /// Adds one slot's count and time.
    fn add(&self, n: u64, window: Span, now: Timestamp, carved: &Carved, sums: &mut Sums) {
        let due = self.cadence.due(n);
        let start = self.start(n);
        let outcome = self.judged(n, start, carved);
        if window.contains(due) && (outcome.is_some() || self.settles(n) <= now) {
            sums.count(outcome);
        }
        if let Some(outcome) = outcome {
            let spoken = Span::new(start, self.end(n, start, now)).clip(window);
            sums.spend(outcome, spoken.nanos_outside(&carved.maintenance));
        }
    }

    /// The outcome of slot `n`, after the collector's own judgement of the agent.
    fn judged(&self, n: u64, start: Timestamp, carved: &Carved) -> Option<SlotOutcome> {
        let outcome = self.slot(n).outcome()?;
        let within = |spans: &[Span]| spans.iter().any(|span| span.contains(start));
        Some(match outcome {
            SlotOutcome::Skipped => SlotOutcome::Skipped,
            _ if within(&carved.outlier) => SlotOutcome::Blind,
            SlotOutcome::Blocked if within(&carved.self_blocked) => SlotOutcome::Blind,
            heard => heard,
        })
    }

    /// When slot `n` began, within its period: so that slots stay in order.
    fn start(&self, n: u64) -> Timestamp {
        let latest = self.cadence.period() - Duration::from_nanos(1);
        self.cadence.due(n) + self.slot(n).offset().min(latest)
    }

    /// Until when slot `n` speaks for its user: the next slot that was heard of or is settled,
    /// C, the end of the plan, or now.
    fn end(&self, n: u64, start: Timestamp, now: Timestamp) -> Timestamp {
        let longest = (start + self.reach()).min(self.span.until).min(now);
        let next = (n + 1..)
            .take_while(|m| self.cadence.due(*m) < longest)
            .find(|m| self.slot(*m).outcome().is_some() || self.settles(*m) <= now);
        next.map_or(longest, |m| self.start(m).min(longest))
    }

    /// How many slots after it a slot's time may depend on.
    fn lookahead(&self) -> u64 {
        let slots = self.reach().as_nanos() / self.cadence.period().as_nanos();
        u64::try_from(slots).unwrap_or(u64::MAX).saturating_add(1)
    }

    fn sealed_block(&self, n: u64) -> Option<&Sums> {
        let since_first = n.checked_sub(self.first)?;
        if since_first % BLOCK != 0 {
            return None;
        }
        self.sealed.get(usize::try_from(since_first / BLOCK).ok()?)
    }

    fn seal(&mut self, now: Timestamp, carved: &Carved) {
        loop {
            let next = self.first + self.sealed.len() as u64 * BLOCK;
            let last = next + BLOCK + self.lookahead();
            let kept = self.first + self.slots.len() as u64;
            if kept < next + BLOCK || self.settles(last) > now {
                return;
            }
            let sums = self.block_sums(next, carved);
            self.sealed.push_back(sums);
        }
    }

    fn reseal(&mut self, block: u64, carved: &Carved) {
        let Some(index) = (block * BLOCK).checked_sub(self.first) else {
            return;
        };
        let index = usize::try_from(index / BLOCK).expect("a block within the kept day");
        if index < self.sealed.len() {
            self.sealed[index] = self.block_sums(block * BLOCK, carved);
        }
    }

    /// The whole of a settled block. Slots outside of the segment's span are not its own.
    fn block_sums(&self, first: u64, carved: &Carved) -> Sums {
        let mut sums = Sums::default();
        let ever = Span::new(Timestamp::EPOCH, Timestamp::MAX);
        for n in first..first + BLOCK {
            if self.span.contains(self.cadence.due(n)) {
                self.add(n, ever, Timestamp::MAX, carved, &mut sums);
            }
        }
        sums
    }

    fn make_room(&mut self, n: u64) {
        let block = n / BLOCK * BLOCK;
        if self.slots.is_empty() {
            self.first = block;
        }
        while block < self.first {
            for _ in 0..BLOCK {
                self.slots.push_front(Slot::EMPTY);
            }
            self.first -= BLOCK;
            // What was sealed starts later now: it is sealed again, from the front on.
            self.sealed.clear();
        }
        while n >= self.first + self.slots.len() as u64 {
            self.slots.push_back(Slot::EMPTY);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::slot::Arrival;
    use super::*;

    const DAY: u64 = 8_640;

    fn at(seconds: u64) -> Timestamp {
        Timestamp::from_unix_seconds(1_700_000_000 + seconds)
    }

    fn segment() -> Segment {
        let cadence = Cadence::new(Duration::from_secs(10), Duration::ZERO).expect("not zero");
        let span = Span::new(at(0), Timestamp::MAX);
        Segment::new(
            span,
            cadence,
            Duration::from_secs(9),
            Duration::from_secs(5),
        )
    }

    fn put(segment: &mut Segment, i: u64, outcome: SlotOutcome) {
        let n = segment.cadence.first_at_or_after(at(0)) + i;
        let now = segment.cadence.due(n) + Duration::from_secs(1);
        let slot = Slot::new(outcome, Duration::ZERO, Arrival::InTime);
        segment.put(n, slot, now, &Carved::default());
        segment.trim(now - Duration::from_secs(25 * 3600));
    }

    #[test]
    fn a_day_is_kept_in_four_bytes_a_slot_and_added_up_by_blocks() {
        let mut segment = segment();
        for i in 0..2 * DAY {
            let outcome = if i % 4 == 0 {
                SlotOutcome::Fail
            } else {
                SlotOutcome::Pass
            };
            put(&mut segment, i, outcome);
        }
        assert!(segment.slots.len() as u64 <= DAY + 360 + 2 * BLOCK);
        assert!(segment.sealed.len() as u64 >= DAY / BLOCK);
        let now = at(2 * DAY * 10);
        let window = Span::new(at(DAY * 10), now);
        let sums = segment.sums(window, now, &Carved::default());
        assert_eq!((sums.ledger.fail, sums.ledger.pass), (DAY / 4, DAY * 3 / 4));
        assert_eq!(sums.ledger.expected(), DAY);
        assert_eq!(
            (sums.down, sums.up),
            (21_600_000_000_000, 64_800_000_000_000)
        );
    }

    #[test]
    fn what_is_carved_out_later_leaves_sealed_blocks_too() {
        let mut segment = segment();
        for i in 0..1_000 {
            put(&mut segment, i, SlotOutcome::Fail);
        }
        let carved = Carved {
            outlier: vec![Span::new(at(2_000), Timestamp::MAX)],
            ..Carved::default()
        };
        segment.reseal_since(at(2_000), &carved);
        let now = at(10_000);
        let sums = segment.sums(Span::new(at(0), now), now, &carved);
        assert_eq!((sums.ledger.fail, sums.ledger.blind), (200, 800));
        assert_eq!(sums.down, 2_000_000_000_000);
    }

    #[test]
    fn a_backlog_from_before_the_first_kept_slot_finds_room() {
        let mut segment = segment();
        put(&mut segment, 2_000, SlotOutcome::Pass);
        for i in 0..2_000 {
            put(&mut segment, i, SlotOutcome::Pass);
        }
        let now = at(20_010);
        let sums = segment.sums(Span::new(at(0), now), now, &Carved::default());
        assert_eq!((sums.ledger.pass, sums.ledger.missed), (2_001, 0));
        assert_eq!(sums.up, 20_010_000_000_000);
    }
}
