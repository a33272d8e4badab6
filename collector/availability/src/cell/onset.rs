//! When something began to fail, as far as runs can tell.

use bongsu_model::Timestamp;

/// When a cell began to fail.
///
/// A run that passed says that it worked when the run began; a run that failed says that it did
/// not by the time the run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Onset {
    /// Start of the last good run before; none if none is known.
    pub(crate) after: Option<Timestamp>,
    /// Start of the first failed run.
    pub(crate) first: Timestamp,
    /// When the first of the failed runs to end had ended.
    pub(crate) by: Timestamp,
}

impl Onset {
    /// The first failed run began at `first`, one had ended at `by`.
    pub(crate) fn new(after: Option<Timestamp>, (first, by): (Timestamp, Timestamp)) -> Self {
        Self {
            // A run that came late may have moved the first failure before it.
            after: after.filter(|after| *after < first),
            first,
            by: by.max(first),
        }
    }

    /// With a further failed run.
    pub(crate) fn with(self, (started, ended): (Timestamp, Timestamp)) -> Self {
        let first = self.first.min(started);
        Self::new(self.after, (first, self.by.min(ended)))
    }
}
