//! One collector's place in the spool: what it has not acknowledged, as two lanes.

use std::ops::Range;

/// Most gaps kept apart. Past it the two nearest are joined, which sends a few records twice:
/// each gap costs 16 bytes, and a collector knows runs it has seen.
const GAPS_MAX: usize = 4096;

/// What one collector has not acknowledged: everything from `fresh` on, and the backlog's gaps.
///
/// Records are known by sequence number only; those that were dropped meanwhile are skipped by
/// the reader. Invariant: gaps are sorted, not empty, do not touch, and end at or before `fresh`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Cursor {
    fresh: u64,
    gaps: Vec<Range<u64>>,
}

impl Cursor {
    /// A collector that has seen nothing: all before `fresh` is its backlog.
    pub(super) fn unseen(fresh: u64) -> Self {
        let mut cursor = Self {
            fresh,
            gaps: Vec::new(),
        };
        cursor.add_gap(0..fresh);
        cursor
    }

    /// Where the fresh lane begins.
    pub(super) fn fresh(&self) -> u64 {
        self.fresh
    }

    /// The backlog, oldest first.
    pub(super) fn gaps(&self) -> &[Range<u64>] {
        &self.gaps
    }

    /// Moves what is before `fresh` from the fresh lane to the backlog.
    pub(super) fn age_to(&mut self, fresh: u64) {
        if fresh > self.fresh {
            let aged = self.fresh..fresh;
            self.fresh = fresh;
            self.add_gap(aged);
        }
    }

    /// Takes a record as acknowledged.
    pub(super) fn acknowledge(&mut self, sequence: u64) {
        if sequence >= self.fresh {
            self.age_to(sequence);
            self.fresh = sequence + 1;
            return;
        }
        let Some(at) = self.gaps.iter().position(|gap| gap.contains(&sequence)) else {
            return;
        };
        let gap = self.gaps.remove(at);
        let parts = [gap.start..sequence, sequence + 1..gap.end];
        for part in parts.into_iter().rev().filter(|part| !part.is_empty()) {
            self.gaps.insert(at, part);
        }
        self.join_past_the_bound();
    }

    /// Forgets what lies in `range`: no such records are left in the spool.
    pub(super) fn forget(&mut self, range: &Range<u64>) {
        if range.is_empty() {
            return;
        }
        let gaps = std::mem::take(&mut self.gaps);
        for gap in gaps {
            for part in [
                gap.start..gap.end.min(range.start),
                gap.start.max(range.end)..gap.end,
            ] {
                if !part.is_empty() {
                    self.gaps.push(part);
                }
            }
        }
    }

    /// Whether the record is still owed to the collector.
    pub(super) fn owes(&self, sequence: u64) -> bool {
        let after = self.gaps.partition_point(|gap| gap.start <= sequence);
        sequence >= self.fresh
            || after
                .checked_sub(1)
                .is_some_and(|at| self.gaps[at].contains(&sequence))
    }

    /// As text for its file: `fresh`, then a gap a line.
    pub(super) fn to_text(&self) -> String {
        let mut text = format!("bongsu-cursor 1\n{}\n", self.fresh);
        for gap in &self.gaps {
            text.push_str(&format!("{} {}\n", gap.start, gap.end));
        }
        text.push_str("end\n");
        text
    }

    /// From the text of its file; None if it is damaged.
    pub(super) fn from_text(text: &str) -> Option<Self> {
        let mut lines = text.lines();
        if lines.next()? != "bongsu-cursor 1" {
            return None;
        }
        let fresh = lines.next()?.parse().ok()?;
        let mut gaps: Vec<Range<u64>> = Vec::new();
        loop {
            let line = lines.next()?;
            if line == "end" {
                return Some(Self { fresh, gaps });
            }
            let (start, end) = line.split_once(' ')?;
            let gap = start.parse().ok()?..end.parse().ok()?;
            let after = gaps.last().map_or(0, |last| last.end + 1);
            let sorted = gap.start >= after || gaps.is_empty();
            if gap.is_empty() || !sorted || gap.end > fresh {
                return None;
            }
            gaps.push(gap);
        }
    }

    fn add_gap(&mut self, gap: Range<u64>) {
        if gap.is_empty() {
            return;
        }
        match self.gaps.last_mut() {
            Some(last) if last.end == gap.start => last.end = gap.end,
            Some(_) | None => self.gaps.push(gap),
        }
        self.join_past_the_bound();
    }

    fn join_past_the_bound(&mut self) {
        while self.gaps.len() > GAPS_MAX {
            let nearest = (1..self.gaps.len())
                .min_by_key(|at| self.gaps[*at].start - self.gaps[at - 1].end)
                .expect("more than one gap");
            let second = self.gaps.remove(nearest);
            self.gaps[nearest - 1].end = second.end;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    #[derive(Debug, Clone)]
    enum Act {
        Acknowledge(u64),
        Age(u64),
        Forget(u64, u64),
    }

    fn act() -> impl Strategy<Value = Act> {
        prop_oneof![
            (0_u64..60).prop_map(Act::Acknowledge),
            (0_u64..60).prop_map(Act::Age),
            (0_u64..60, 0_u64..10).prop_map(|(start, length)| Act::Forget(start, length)),
        ]
    }

    proptest! {
        #[test]
        fn a_cursor_owes_exactly_what_was_not_acknowledged(acts in prop::collection::vec(act(), 0..60)) {
            let mut cursor = Cursor::unseen(20);
            let mut owed: BTreeSet<u64> = (0..60).collect();
            for act in acts {
                match act {
                    Act::Acknowledge(sequence) => {
                        cursor.acknowledge(sequence);
                        owed.remove(&sequence);
                    }
                    Act::Age(fresh) => cursor.age_to(fresh),
                    Act::Forget(start, length) => {
                        cursor.forget(&(start..start + length));
                        let fresh = cursor.fresh();
                        owed.retain(|s| *s >= fresh || !(start..start + length).contains(s));
                    }
                }
                let left: BTreeSet<u64> = (0..60).filter(|s| cursor.owes(*s)).collect();
                prop_assert_eq!(&left, &owed);
                prop_assert_eq!(Cursor::from_text(&cursor.to_text()), Some(cursor.clone()));
            }
        }

        #[test]
        fn a_cut_cursor_file_is_noticed(cut in 0_usize..40) {
            let mut cursor = Cursor::unseen(1000);
            cursor.acknowledge(7);
            cursor.acknowledge(900);
            let text = cursor.to_text();
            prop_assume!(cut + 1 < text.len());
            prop_assert_eq!(Cursor::from_text(&text[..cut]), None);
        }
    }
}
