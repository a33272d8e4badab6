//! The agent's clock against the collector's, estimated from every acknowledgement.

use std::sync::Mutex;
use std::time::Duration;

use bongsu_model::Timestamp;

/// Weight of the newest sample.
const WEIGHT: f64 = 0.2;

/// Slower round trips say too little about the clock.
const ROUND_TRIP_MAX: Duration = Duration::from_secs(1);

/// Samples further apart than round trip and coarseness explain (half a second each): a clock was
/// set, and what was known of it is void.
const STEP_S: f64 = 1.5;

/// Half of the second that an HTTP `Date` leaves open.
const DATE_DOUBT_S: f64 = 0.5;

/// When the collector says it received something.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Received {
    /// To the nanosecond, from our own collector's header.
    Exact(Timestamp),
    /// To the second, from the header `Date`.
    Second(Timestamp),
}

#[derive(Debug, Clone, Copy)]
struct Estimate {
    seconds: f64,
    is_exact: bool,
}

/// The running estimate; shared by the shippers and the runs.
#[derive(Debug, Default)]
pub(crate) struct ClockOffset(Mutex<Option<Estimate>>);

impl ClockOffset {
    /// Takes a sample: sent and answered by the agent's clock, received by the collector's.
    pub(crate) fn sample(&self, sent: Timestamp, answered: Timestamp, received: Received) {
        let round_trip = answered.since(sent);
        if round_trip > ROUND_TRIP_MAX || answered < sent {
            return;
        }
        let middle = sent.as_unix_seconds_f64() + round_trip.as_secs_f64() / 2.0;
        let (seconds, is_exact) = match received {
            Received::Exact(at) => (middle - at.as_unix_seconds_f64(), true),
            Received::Second(at) => (middle - at.as_unix_seconds_f64() - DATE_DOUBT_S, false),
        };
        let mut estimate = self
            .0
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner());
        *estimate = match *estimate {
            Some(old) if old.is_exact && !is_exact => Some(old),
            Some(old) if old.is_exact == is_exact && (seconds - old.seconds).abs() <= STEP_S => {
                Some(Estimate {
                    seconds: old.seconds + WEIGHT * (seconds - old.seconds),
                    is_exact,
                })
            }
            Some(_) | None => Some(Estimate { seconds, is_exact }),
        };
    }

    /// The agent's clock minus the collector's, in seconds; 0 while nothing is known, and while a
    /// coarse estimate cannot be told from 0.
    pub(crate) fn seconds(&self) -> f64 {
        let estimate = *self
            .0
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner());
        match estimate {
            Some(estimate) if estimate.is_exact || estimate.seconds.abs() > DATE_DOUBT_S => {
                estimate.seconds
            }
            Some(_) | None => 0.0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(millis: u64) -> Timestamp {
        Timestamp::from_unix_nanos((1_000_000 + millis) * 1_000_000)
    }

    #[test]
    fn the_middle_of_the_round_trip_is_held_against_the_collectors_time() {
        let offset = ClockOffset::default();
        offset.sample(ms(2_000), ms(2_100), Received::Exact(ms(50)));
        assert!((offset.seconds() - 2.0).abs() < 1e-6);
        offset.sample(ms(9_000), ms(12_000), Received::Exact(ms(50)));
        assert!(
            (offset.seconds() - 2.0).abs() < 1e-6,
            "a slow round trip counts for nothing"
        );
    }

    #[test]
    fn a_clock_that_was_set_is_believed_at_once() {
        let offset = ClockOffset::default();
        offset.sample(ms(3_600_000), ms(3_600_000), Received::Exact(ms(0)));
        offset.sample(ms(100), ms(100), Received::Exact(ms(0)));
        assert!((offset.seconds() - 0.1).abs() < 1e-6);
    }

    #[test]
    fn a_date_to_the_second_says_nothing_below_half_a_second() {
        let offset = ClockOffset::default();
        offset.sample(ms(900), ms(910), Received::Second(ms(0)));
        assert_eq!(offset.seconds(), 0.0);
        let far = ClockOffset::default();
        far.sample(ms(60_500), ms(60_500), Received::Second(ms(0)));
        assert!((far.seconds() - 60.0).abs() < 1e-6);
        far.sample(ms(3_000), ms(3_000), Received::Exact(ms(0)));
        far.sample(ms(60_500), ms(60_500), Received::Second(ms(0)));
        assert!((far.seconds() - 3.0).abs() < 1e-6, "exact wins over coarse");
    }
}
