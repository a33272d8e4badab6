//! The strips of features, and the hourly sealing of what is about to leave history.

use bongsu_model::{FeatureId, TargetName, Timestamp};

use crate::span::Span;
use crate::strip::{HOUR, Sealed, floor};
use crate::{RegionStrip, Strip, StripBucket, StripWindow};

use super::{Engine, TimerKey};

impl Engine {
    /// A feature over `window`, region by region, as is known at `now`. Hours that ended 23 hours
    /// ago or earlier are shown as they were when they were sealed.
    pub fn strip(
        &self,
        target: &TargetName,
        feature: &FeatureId,
        window: StripWindow,
        now: Timestamp,
    ) -> Strip {
        let spans: Vec<Span> = window.spans(now).collect();
        let region = |cell: usize| RegionStrip {
            region: self.cells.cells[cell].key.region.clone(),
            buckets: spans
                .iter()
                .map(|span| self.strip_bucket(cell, *span, window, now))
                .collect(),
        };
        Strip {
            target: target.clone(),
            feature: feature.clone(),
            as_of: now,
            from: spans.first().map_or(now, |span| span.from),
            regions: self
                .cells_of(target, feature)
                .into_iter()
                .map(region)
                .collect(),
        }
    }

    fn strip_bucket(
        &self,
        cell: usize,
        span: Span,
        window: StripWindow,
        now: Timestamp,
    ) -> StripBucket {
        if window == StripWindow::Week && self.sealed.covers(span.from) {
            return self.sealed.hour(cell, span.from);
        }
        self.fresh_bucket(cell, span, now)
    }

    /// A bucket from what history holds.
    fn fresh_bucket(&self, cell: usize, span: Span, now: Timestamp) -> StripBucket {
        let bucket = self.bucket(&[cell], span, now);
        let mut users = self.cells.users_of[cell].iter();
        let work = self.maintenance.shown(&self.cells.cells[cell].key);
        let at_work = span.nanos() - span.nanos_outside(&work);
        StripBucket {
            from: bucket.from,
            until: bucket.until,
            samples: bucket.samples,
            availability: bucket.availability,
            planned: users.any(|user| self.cells.users[*user].history.is_planned(span)),
            maintenance: share(at_work, span.nanos()),
            revised: bucket.revised,
            sealed: false,
        }
    }

    /// Sees to it that hours are sealed, from the first plan on.
    pub(super) fn seal_hours(&mut self) {
        if !self.sealing {
            self.sealing = true;
            let next = floor(self.now, HOUR) + HOUR;
            self.timers.set(TimerKey::Seal, Some(next));
        }
    }

    /// Seals the hour that is due at `at`, of every cell.
    pub(super) fn seal(&mut self, at: Timestamp) {
        let hour = Sealed::hour_due(at);
        for cell in 0..self.cells.cells.len() {
            let bucket = self.fresh_bucket(cell, hour, at);
            self.sealed.push(cell, &bucket);
        }
        self.timers.set(TimerKey::Seal, Some(at + HOUR));
    }
}

/// A share of a bucket; none of an empty one.
#[expect(
    clippy::cast_precision_loss,
    reason = "buckets are at most an hour, below 2^53 ns"
)]
fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 {
        return 0.0;
    }
    part as f64 / whole as f64
}
