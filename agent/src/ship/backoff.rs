//! How long to wait before trying a collector again. Pure; randomness comes from outside.

use std::time::Duration;

/// The first wait; it doubles with each failure.
const FIRST: Duration = Duration::from_millis(250);

/// The longest wait of our own: fresh runs are live evidence for some 30 s, so a collector that
/// comes back must hear of them well within that.
const LONGEST: Duration = Duration::from_secs(5);

/// Doubling waits with full jitter, so that a fleet does not return all at once.
#[derive(Debug, Default)]
pub(crate) struct Backoff {
    failures: u32,
}

impl Backoff {
    /// It worked: the next wait is the first one again.
    pub(crate) fn succeeded(&mut self) {
        self.failures = 0;
    }

    /// The wait after one more failure: `after` if the collector asked for it, plus up to a tenth;
    /// otherwise from half to the whole of the doubled wait. `jitter` is in 0..1.
    pub(crate) fn failed(&mut self, after: Option<Duration>, jitter: f64) -> Duration {
        let doubled = FIRST
            .saturating_mul(1 << self.failures.min(10))
            .min(LONGEST);
        self.failures = self.failures.saturating_add(1);
        let jitter = jitter.clamp(0.0, 1.0);
        match after {
            Some(after) => after + after.max(FIRST).mul_f64(jitter * 0.1),
            None => doubled.mul_f64(0.5 + jitter * 0.5),
        }
    }
}

/// A random number in 0..1, 0.5 if the system has none to give.
pub(crate) fn jitter() -> f64 {
    getrandom::u32().map_or(0.5, |bits| f64::from(bits) / (f64::from(u32::MAX) + 1.0))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn waits_double_up_to_a_cap_and_start_over() {
        let mut backoff = Backoff::default();
        let waits: Vec<u128> = (0..7)
            .map(|_| backoff.failed(None, 1.0).as_millis())
            .collect();
        assert_eq!(waits, [250, 500, 1000, 2000, 4000, 5000, 5000]);
        backoff.succeeded();
        assert_eq!(backoff.failed(None, 0.0).as_millis(), 125);
    }

    proptest! {
        #[test]
        fn a_collectors_wish_is_never_undercut(
            seconds in 0_u64..4_000, failures in 0_u32..50, jitter in 0.0_f64..1.0,
        ) {
            let mut backoff = Backoff::default();
            for _ in 0..failures {
                backoff.failed(None, jitter);
            }
            let after = Duration::from_secs(seconds);
            let wait = backoff.failed(Some(after), jitter);
            prop_assert!(wait >= after && wait <= after.mul_f64(1.1) + FIRST);
        }
    }
}
