//! The clocks at this edge: the machine's clock, and deadlines for network waits.
//!
//! This is the only file of the package that reads a clock of the machine.

use std::time::{Duration, Instant, SystemTime};

use bongsu_model::{Clock, Monotonic, Timestamp};
use futures_util::TryFutureExt as _;

/// The machine's own clocks.
#[derive(Debug, Clone)]
pub struct SystemClock {
    origin: Instant,
}

impl SystemClock {
    /// A clock whose monotonic origin is now.
    #[expect(clippy::disallowed_methods, reason = "this is the clock")]
    pub fn new() -> Self {
        Self {
            origin: Instant::now(),
        }
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the clock")]
    fn wall(&self) -> Timestamp {
        let since_epoch = SystemTime::now()
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap_or(Duration::ZERO);
        Timestamp::EPOCH + since_epoch
    }

    #[expect(clippy::disallowed_methods, reason = "this is the clock")]
    fn monotonic(&self) -> Monotonic {
        Monotonic::from_origin(Instant::now().saturating_duration_since(self.origin))
    }
}

/// Whose budget a deadline is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Budget {
    /// The step's own `timeout`.
    Step,
    /// The step's `within`.
    Within,
    /// The `for` of a poll.
    Poll,
    /// The whole journey's `timeout`, or what is left of it.
    Journey,
    /// The `cleanup_timeout`.
    Cleanup,
}

/// An absolute point in the runtime's time that no wait may pass; handed down, never extended.
///
/// It is in real time even where the journey's clock is simulated: a network cannot be hurried.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Deadline {
    at: tokio::time::Instant,
    budget: Budget,
}

/// A deadline passed, and whose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Struck(pub(crate) Budget);

impl Deadline {
    /// A deadline `duration` from now.
    #[expect(
        clippy::disallowed_methods,
        reason = "timers of the runtime need the runtime's time"
    )]
    pub(crate) fn after(duration: Duration, budget: Budget) -> Self {
        /// Longer waits than this are no deadline; it keeps the sum inside the clock's range.
        const DEADLINE_MAX: Duration = Duration::from_secs(24 * 60 * 60);
        Self {
            at: tokio::time::Instant::now() + duration.min(DEADLINE_MAX),
            budget,
        }
    }

    /// The earlier of two deadlines; the first where they are equal.
    pub(crate) fn earlier(self, other: Self) -> Self {
        if other.at < self.at { other } else { self }
    }

    /// Whose budget it is.
    pub(crate) fn budget(self) -> Budget {
        self.budget
    }

    /// What is left, zero if it has passed.
    #[expect(
        clippy::disallowed_methods,
        reason = "timers of the runtime need the runtime's time"
    )]
    pub(crate) fn left(self) -> Duration {
        self.at
            .saturating_duration_since(tokio::time::Instant::now())
    }

    /// How long ago it passed, zero if it has not.
    #[expect(
        clippy::disallowed_methods,
        reason = "timers of the runtime need the runtime's time"
    )]
    pub(crate) fn overrun(self) -> Duration {
        tokio::time::Instant::now().saturating_duration_since(self.at)
    }

    /// Whether it has passed.
    pub(crate) fn has_passed(self) -> bool {
        self.left().is_zero()
    }

    /// Waits for `future`, but not past the deadline.
    ///
    /// No `async fn`: that would have room for `future` twice, and futures are moved.
    pub(crate) fn bound<T>(
        self,
        future: impl Future<Output = T>,
    ) -> impl Future<Output = Result<T, Struck>> {
        tokio::time::timeout_at(self.at, future).map_err(move |_| Struck(self.budget))
    }
}
