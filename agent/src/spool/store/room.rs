//! Room in a full spool: what nobody needs goes first, then the oldest passes, then anything.

use super::{Store, replace_durably};
use crate::spool::record::{self, RecordKind};
use crate::spool::segment::{Entry, MAGIC, Segment};

impl Store {
    pub(super) fn make_room(&mut self, bytes: u64) {
        if self.disk_bytes() + bytes > self.bytes_max {
            self.forget_every_acknowledged();
        }
        while self.disk_bytes() + bytes > self.bytes_max {
            if self.sealed.is_empty() && self.active.is_some() {
                self.seal();
            }
            if !self.drop_oldest_passes() && !self.drop_oldest_segment() {
                return;
            }
        }
    }

    /// Rewrites the oldest segment that has passed runs without them. False if none has any.
    pub(super) fn drop_oldest_passes(&mut self) -> bool {
        let has_passes = |segment: &Segment| {
            segment
                .entries
                .iter()
                .any(|e| e.kind == RecordKind::PassedRun)
        };
        if !self.sealed.iter().any(has_passes) {
            self.seal();
        }
        let Some(at) = self.sealed.iter().position(has_passes) else {
            return false;
        };
        match self.rewrite_without_passes(&self.sealed[at]) {
            Ok(Some(rewritten)) => {
                self.count_dropped_passes(at);
                self.sealed[at] = rewritten;
            }
            Ok(None) => {
                self.count_dropped_passes(at);
                self.remove_segment(at);
            }
            Err(error) => {
                // No room even for the rest: the segment goes as a whole.
                tracing::warn!(%error, "a spool segment could not be thinned; all of it is dropped");
                self.drop_segment(at);
            }
        }
        true
    }

    fn count_dropped_passes(&mut self, at: usize) {
        let dropped: Vec<u64> = self.sealed[at]
            .entries
            .iter()
            .filter(|entry| entry.kind == RecordKind::PassedRun && self.is_owed(entry.sequence))
            .map(|entry| entry.sequence)
            .collect();
        self.counts.dropped_passes += dropped.len() as u64;
    }

    fn rewrite_without_passes(&self, segment: &Segment) -> std::io::Result<Option<Segment>> {
        let kept: Vec<&Entry> = segment
            .entries
            .iter()
            .filter(|entry| entry.kind != RecordKind::PassedRun)
            .collect();
        if kept.is_empty() {
            return Ok(None);
        }
        let source = std::fs::File::open(&segment.path)?;
        let mut bytes = MAGIC.to_vec();
        let mut rewritten = Segment::empty(segment.path.clone());
        for entry in kept {
            if let Some(encoded) = segment.read_encoded(&source, entry)? {
                let (head, _) = record::decode(&encoded).expect("it was read whole");
                rewritten.appended(&head);
                bytes.extend(encoded);
            }
        }
        replace_durably(&segment.path, &bytes)?;
        Ok(Some(rewritten))
    }

    /// Drops the oldest segment, those with plans last. False if there is none.
    pub(super) fn drop_oldest_segment(&mut self) -> bool {
        if self.sealed.is_empty() {
            self.seal();
        }
        let has_plan =
            |segment: &Segment| segment.entries.iter().any(|e| e.kind == RecordKind::Plan);
        let at = self.sealed.iter().position(|segment| !has_plan(segment));
        let Some(at) = at.or_else(|| (!self.sealed.is_empty()).then_some(0)) else {
            return false;
        };
        self.drop_segment(at);
        true
    }

    fn drop_segment(&mut self, at: usize) {
        for entry in &self.sealed[at].entries {
            if !self.is_owed(entry.sequence) {
                continue;
            }
            match entry.kind {
                RecordKind::PassedRun => self.counts.dropped_passes += 1,
                RecordKind::Plan | RecordKind::Run | RecordKind::Evidence => {
                    self.counts.dropped_others += 1;
                }
            }
        }
        self.remove_segment(at);
    }
}
