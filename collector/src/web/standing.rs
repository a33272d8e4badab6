//! Whether what is shown can be taken for the present.

use std::time::Duration;

use super::source::Source;
use crate::published::Published;

/// A picture older than this, in wall time, is called stale: one is published every second, and a
/// commit of the journal may hold it up for some.
const STALE_AFTER: Duration = Duration::from_secs(15);

/// [`STALE_AFTER`] in seconds of a present that passes at this speed.
pub(super) fn stale_after(speed: f64) -> Duration {
    STALE_AFTER.mul_f64(speed.clamp(0.0, 1e6))
}

/// How a picture stands to the present.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It is that of now.
    Current,
    /// There is none yet: the journal is being replayed.
    Replaying,
    /// Deriving has failed, and no new one will come.
    Halted,
    /// No new one came for a while: the journal cannot be written, or deriving is behind.
    Behind,
}

impl Standing {
    pub(super) fn of(picture: &Published, source: &dyn Source) -> Self {
        if !picture.ready {
            return if picture.has_content() {
                Self::Halted
            } else {
                Self::Replaying
            };
        }
        if source.now().since(picture.as_of) > stale_after(source.speed()) {
            Self::Behind
        } else {
            Self::Current
        }
    }
}
