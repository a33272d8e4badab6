//! Instants and the trait that hands them out. No clock is read here.

use std::ops::{Add, Sub};
use std::time::Duration;

/// Wall-clock time: nanoseconds since the Unix epoch, UTC. Good until the year 2554.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, serde::Serialize, serde::Deserialize,
)]
#[serde(transparent)]
pub struct Timestamp(u64);

impl Timestamp {
    /// The Unix epoch.
    pub const EPOCH: Self = Self(0);
    /// The last instant that can be told.
    pub const MAX: Self = Self(u64::MAX);

    /// From nanoseconds since the Unix epoch.
    pub const fn from_unix_nanos(nanos: u64) -> Self {
        Self(nanos)
    }

    /// From whole seconds since the Unix epoch.
    pub const fn from_unix_seconds(seconds: u64) -> Self {
        Self(seconds.saturating_mul(1_000_000_000))
    }

    /// Nanoseconds since the Unix epoch.
    pub const fn as_unix_nanos(self) -> u64 {
        self.0
    }

    /// Seconds since the Unix epoch, with fraction.
    pub fn as_unix_seconds_f64(self) -> f64 {
        Duration::from_nanos(self.0).as_secs_f64()
    }

    /// Time since `earlier`; zero if `earlier` is in fact later.
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }

    /// The distance to `other`, whichever is first.
    pub const fn distance(self, other: Self) -> Duration {
        Duration::from_nanos(self.0.abs_diff(other.0))
    }
}

impl Add<Duration> for Timestamp {
    type Output = Self;

    /// Saturates at [`Timestamp::MAX`].
    fn add(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(nanos(duration)))
    }
}

impl Sub<Duration> for Timestamp {
    type Output = Self;

    /// Saturates at the epoch.
    fn sub(self, duration: Duration) -> Self {
        Self(self.0.saturating_sub(nanos(duration)))
    }
}

impl std::fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{}.{:09}s",
            self.0 / 1_000_000_000,
            self.0 % 1_000_000_000
        )
    }
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// Time since some fixed but unknown origin, never set back: for durations only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Monotonic(Duration);

impl Monotonic {
    /// From the time since the clock's own origin.
    pub const fn from_origin(since_origin: Duration) -> Self {
        Self(since_origin)
    }

    /// Time since `earlier`; zero if `earlier` is in fact later.
    pub const fn since(self, earlier: Self) -> Duration {
        self.0.saturating_sub(earlier.0)
    }
}

impl Add<Duration> for Monotonic {
    type Output = Self;

    fn add(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(duration))
    }
}

/// Where the present comes from. The implementations live at the edges, in each `clock.rs`.
pub trait Clock: Send + Sync + std::fmt::Debug {
    /// The wall clock now.
    fn wall(&self) -> Timestamp;

    /// The monotonic clock now.
    fn monotonic(&self) -> Monotonic;

    /// How many seconds of this clock pass in one second of the machine's: 1 unless simulated.
    fn speed(&self) -> f64 {
        1.0
    }
}

/// Pairs wall and monotonic time once, so that every stamp of a run is the wall clock at its
/// start plus monotonic time: a clock set back in between cannot make a step end before it began.
#[derive(Debug, Clone, Copy)]
pub struct TimeAnchor {
    wall: Timestamp,
    monotonic: Monotonic,
}

impl TimeAnchor {
    /// Reads both clocks now.
    pub fn new(clock: &dyn Clock) -> Self {
        Self {
            wall: clock.wall(),
            monotonic: clock.monotonic(),
        }
    }

    /// The wall-clock stamp of a monotonic instant at or after the anchor.
    pub fn stamp(&self, at: Monotonic) -> Timestamp {
        self.wall + at.since(self.monotonic)
    }

    /// How far the wall clock has been moved against the monotonic one since the anchor.
    pub fn drift(&self, clock: &dyn Clock) -> Duration {
        self.stamp(clock.monotonic()).distance(clock.wall())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arithmetic_saturates_at_both_ends() {
        let second = Duration::from_secs(1);
        assert_eq!(Timestamp::EPOCH - second, Timestamp::EPOCH);
        assert_eq!(Timestamp::MAX + second, Timestamp::MAX);
        assert_eq!(Timestamp::EPOCH.since(Timestamp::MAX), Duration::ZERO);
        let at = Timestamp::from_unix_seconds(5);
        assert_eq!((at + second).since(at), second);
        assert_eq!(at.distance(at + second), (at + second).distance(at));
    }
}
