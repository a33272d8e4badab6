//! The machine's clocks: the only place of this crate that reads them.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use bongsu_model::{Clock, Monotonic, Timestamp};

/// The machine's wall clock and its monotonic clock.
#[derive(Debug)]
pub struct SystemClock {
    origin: Instant,
}

impl SystemClock {
    /// A clock whose monotonic time starts now.
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place that reads the clock"
    )]
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
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place that reads the clock"
    )]
    fn wall(&self) -> Timestamp {
        let since_epoch = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or(Duration::ZERO);
        Timestamp::EPOCH + since_epoch
    }

    fn monotonic(&self) -> Monotonic {
        Monotonic::from_origin(self.origin.elapsed())
    }
}

/// How long the machine has to wait until `duration` of `clock` has passed.
pub(crate) fn real(clock: &dyn Clock, duration: Duration) -> Duration {
    let speed = clock.speed();
    if speed == 1.0 || speed <= 0.0 || !speed.is_finite() {
        duration
    } else {
        duration.div_f64(speed)
    }
}
