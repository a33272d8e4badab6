//! The machine's own clock: the one place of this crate that reads it.

use std::time::{Duration, Instant, SystemTime};

use bongsu_model::{Clock, Monotonic, Timestamp};

/// The machine's clock, at speed 1.
#[derive(Debug, Clone, Copy)]
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

    fn monotonic(&self) -> Monotonic {
        Monotonic::from_origin(self.origin.elapsed())
    }
}

/// How long `simulated` lasts on the machine's own clock.
pub(crate) fn machine_time(clock: &dyn Clock, simulated: Duration) -> Duration {
    let speed = clock.speed();
    if speed.is_finite() && speed > 0.0 {
        Duration::try_from_secs_f64(simulated.as_secs_f64() / speed).unwrap_or(simulated)
    } else {
        simulated
    }
}
