//! Durations as seconds in a double, exact to the nanosecond.

use std::time::Duration;

use crate::limits::DURATION_MAX;

/// The nearest double to `duration` in seconds, at most [`DURATION_MAX`].
///
/// One division of two exact doubles (nanoseconds stay under 2^53) is rounded once, so that
/// [`from_seconds`] gives the same nanoseconds back: below 2^23 s neighbouring doubles lie less
/// than a nanosecond apart.
pub(crate) fn seconds(duration: Duration) -> f64 {
    duration.min(DURATION_MAX).as_nanos() as f64 / 1e9
}

/// The duration of so many seconds, to the nearest nanosecond. None unless it is finite, not
/// negative and at most [`DURATION_MAX`].
pub(crate) fn from_seconds(seconds: f64) -> Option<Duration> {
    Duration::try_from_secs_f64(seconds)
        .ok()
        .filter(|duration| *duration <= DURATION_MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_no_duration_is_refused() {
        for bad in [
            f64::NAN,
            f64::INFINITY,
            f64::NEG_INFINITY,
            -1e-9,
            8_388_608.1,
            1e300,
        ] {
            assert_eq!(from_seconds(bad), None, "{bad}");
        }
    }

    #[test]
    fn the_longest_duration_comes_back() {
        for nanos in [0, 1, 999_999_999, 1_000_000_001] {
            let duration = DURATION_MAX - Duration::from_nanos(nanos);
            assert_eq!(from_seconds(seconds(duration)), Some(duration));
        }
        assert_eq!(seconds(Duration::MAX), 8_388_608.0);
    }

    proptest! {
        #[test]
        fn every_nanosecond_comes_back(nanos in 0..=8_388_608_000_000_000_u64) {
            let duration = Duration::from_nanos(nanos);
            prop_assert_eq!(from_seconds(seconds(duration)), Some(duration));
        }
    }
}
