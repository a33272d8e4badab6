//! How long to wait before trying a server again. Randomness comes from outside.

use std::time::Duration;

/// Doubling waits with full jitter, so that a fleet does not return all at once.
#[derive(Debug, Clone)]
pub struct Backoff {
    first: Duration,
    longest: Duration,
    failures: u32,
}

impl Backoff {
    /// Waits that begin with `first` and double up to `longest`.
    pub fn new(first: Duration, longest: Duration) -> Self {
        Self {
            first,
            longest,
            failures: 0,
        }
    }

    /// It worked: the next wait is the first one again.
    pub fn succeeded(&mut self) {
        self.failures = 0;
    }

    /// The wait after one more failure: `after` if the server asked for it, plus up to a tenth;
    /// otherwise from half to the whole of the doubled wait. `jitter` is in 0..1.
    pub fn failed(&mut self, after: Option<Duration>, jitter: f64) -> Duration {
        let doubled = self
            .first
            .saturating_mul(1 << self.failures.min(10))
            .min(self.longest);
        self.failures = self.failures.saturating_add(1);
        let jitter = jitter.clamp(0.0, 1.0);
        match after {
            Some(after) => after + after.max(self.first).mul_f64(jitter * 0.1),
            None => doubled.mul_f64(0.5 + jitter * 0.5),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const FIRST: Duration = Duration::from_millis(250);
    const LONGEST: Duration = Duration::from_secs(5);

    #[test]
    fn waits_double_up_to_a_cap_and_start_over() {
        let mut backoff = Backoff::new(FIRST, LONGEST);
        let waits: Vec<u128> = (0..7)
            .map(|_| backoff.failed(None, 1.0).as_millis())
            .collect();
        assert_eq!(waits, [250, 500, 1000, 2000, 4000, 5000, 5000]);
        backoff.succeeded();
        assert_eq!(backoff.failed(None, 0.0).as_millis(), 125);
    }

    proptest! {
        #[test]
        fn a_servers_wish_is_never_undercut(
            seconds in 0_u64..4_000, failures in 0_u32..50, jitter in 0.0_f64..1.0,
        ) {
            let mut backoff = Backoff::new(FIRST, LONGEST);
            for _ in 0..failures {
                backoff.failed(None, jitter);
            }
            let after = Duration::from_secs(seconds);
            let wait = backoff.failed(Some(after), jitter);
            prop_assert!(wait >= after && wait <= after.mul_f64(1.1) + FIRST);
        }
    }
}
