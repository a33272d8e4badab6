//! Slots at a fixed rate, anchored to the Unix epoch.

use std::time::Duration;

use crate::Timestamp;

/// When the slots of a journey are due: slot n at n·period + phase after the Unix epoch.
///
/// Anchoring to the epoch, not to a start, lets agent and collector number slots alike without
/// talking about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Cadence {
    period_ns: u64,
    /// Less than the period.
    phase_ns: u64,
}

impl Cadence {
    /// A cadence of `period`, shifted by `phase` modulo the period. None if the period is zero.
    pub fn new(period: Duration, phase: Duration) -> Option<Self> {
        let period_ns = u64::try_from(period.as_nanos()).ok().filter(|ns| *ns > 0)?;
        let phase_ns = phase.as_nanos() % u128::from(period_ns);
        let phase_ns = u64::try_from(phase_ns).ok()?;
        Some(Self {
            period_ns,
            phase_ns,
        })
    }

    /// The time between two slots.
    pub fn period(&self) -> Duration {
        Duration::from_nanos(self.period_ns)
    }

    /// How far the slots are shifted, always less than the period.
    pub fn phase(&self) -> Duration {
        Duration::from_nanos(self.phase_ns)
    }

    /// When slot `n` is due.
    pub fn due(&self, n: u64) -> Timestamp {
        Timestamp::EPOCH + Duration::from_nanos(self.period_ns.saturating_mul(n)) + self.phase()
    }

    /// The first slot that is due at or after `at`.
    pub fn first_at_or_after(&self, at: Timestamp) -> u64 {
        at.as_unix_nanos()
            .saturating_sub(self.phase_ns)
            .div_ceil(self.period_ns)
    }

    /// The last slot that is due at or before `at`, if any is.
    pub fn last_at_or_before(&self, at: Timestamp) -> Option<u64> {
        Some(at.as_unix_nanos().checked_sub(self.phase_ns)? / self.period_ns)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_zero_period_is_no_cadence() {
        assert_eq!(Cadence::new(Duration::ZERO, Duration::ZERO), None);
    }

    proptest! {
        #[test]
        fn slots_and_due_times_are_inverse(
            period_ms in 1_u64..1_000_000,
            phase_ms in 0_u64..2_000_000,
            n in 0_u64..10_000_000,
        ) {
            let cadence = Cadence::new(
                Duration::from_millis(period_ms), Duration::from_millis(phase_ms),
            ).unwrap();
            prop_assert!(cadence.phase() < cadence.period());
            let due = cadence.due(n);
            prop_assert_eq!(cadence.first_at_or_after(due), n);
            prop_assert_eq!(cadence.last_at_or_before(due), Some(n));
            let after = due + Duration::from_nanos(1);
            prop_assert_eq!(cadence.first_at_or_after(after), n + 1);
            prop_assert_eq!(cadence.last_at_or_before(after), Some(n));
        }
    }
}
