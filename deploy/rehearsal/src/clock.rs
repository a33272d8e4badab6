//! The clock of a replay: one present for platform, agents and collector, which starts at an
//! origin of its own and passes faster than the machine's.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bongsu_model::{Clock, Monotonic, Timestamp};

/// How fast a replay may be. At 600 a slot of five minutes is half a second, and a run must end
/// in half of that: a network cannot be hurried further.
pub const SPEED_MAX: f64 = 600.0;

/// Origin + wall × speed.
#[derive(Debug, Clone)]
pub struct ReplayClock {
    machine: Arc<dyn Clock>,
    /// When it was released.
    began: Arc<OnceLock<Monotonic>>,
    origin: Timestamp,
    speed: f64,
}

impl ReplayClock {
    /// A clock that shows `origin` until it is released, and passes `speed` times as fast as
    /// `machine` from then on: what starts a fleet takes no time of it.
    pub fn held(machine: Arc<dyn Clock>, origin: Timestamp, speed: f64) -> Self {
        Self {
            began: Arc::default(),
            machine,
            origin,
            speed,
        }
    }

    /// Lets it pass; nothing if it does already.
    pub fn release(&self) {
        let _released = self.began.get_or_init(|| self.machine.monotonic());
    }

    /// The clock as the platform takes it. It stamps with the same present; but what users and
    /// platform do with each other (an offer that waits for an answer, money that settles, a
    /// delay) goes on at `pace` times the machine's time: those who answer are on a network, so
    /// that it is only hurried as much as the runs are.
    pub fn of_platform(&self, pace: f64) -> PlatformClock {
        PlatformClock {
            replay: self.clone(),
            pace: pace.clamp(1.0, self.speed.max(1.0)),
        }
    }

    /// How long `simulated` lasts on the machine.
    pub fn on_machine(&self, simulated: Duration) -> Duration {
        simulated.div_f64(self.speed)
    }

    fn gone(&self) -> Duration {
        let began = self.began.get();
        began.map_or(Duration::ZERO, |began| {
            self.machine.monotonic().since(*began)
        })
    }
}

impl Clock for ReplayClock {
    fn wall(&self) -> Timestamp {
        self.origin + self.gone().mul_f64(self.speed)
    }

    fn monotonic(&self) -> Monotonic {
        Monotonic::from_origin(self.gone().mul_f64(self.speed))
    }

    fn speed(&self) -> f64 {
        self.speed
    }
}

/// See [`ReplayClock::of_platform`].
#[derive(Debug, Clone)]
pub struct PlatformClock {
    replay: ReplayClock,
    pace: f64,
}

impl Clock for PlatformClock {
    fn wall(&self) -> Timestamp {
        self.replay.wall()
    }

    fn monotonic(&self) -> Monotonic {
        Monotonic::from_origin(self.replay.gone().mul_f64(self.pace))
    }

    fn speed(&self) -> f64 {
        self.pace
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;

    #[derive(Debug, Default)]
    struct Machine(AtomicU64);

    impl Clock for Machine {
        fn wall(&self) -> Timestamp {
            Timestamp::EPOCH
        }

        fn monotonic(&self) -> Monotonic {
            Monotonic::from_origin(Duration::from_millis(self.0.load(Ordering::SeqCst)))
        }
    }

    #[test]
    fn one_present_passes_six_hundred_times_as_fast_and_the_platform_acts_at_its_own_pace() {
        let machine = Arc::new(Machine(AtomicU64::new(5_000)));
        let origin = Timestamp::from_unix_seconds(1_665_810_000);
        let clock = ReplayClock::held(machine.clone(), origin, 600.0);
        let platform = clock.of_platform(24.0);
        machine.0.store(9_000, Ordering::SeqCst);
        assert_eq!(clock.wall(), origin, "it is held");
        clock.release();
        machine.0.store(9_500, Ordering::SeqCst);
        clock.release();
        machine.0.store(10_500, Ordering::SeqCst);
        assert_eq!(clock.wall().since(origin), Duration::from_secs(900));
        assert_eq!(platform.wall(), clock.wall());
        let zero = Monotonic::default();
        assert_eq!(clock.monotonic().since(zero), Duration::from_secs(900));
        assert_eq!(platform.monotonic().since(zero), Duration::from_secs(36));
        assert_eq!(
            clock.on_machine(Duration::from_secs(300)),
            Duration::from_millis(500)
        );
    }

    #[test]
    fn a_platform_never_acts_faster_than_its_clock_nor_slower_than_the_machine() {
        let machine = Arc::new(Machine::default());
        let clock = ReplayClock::held(machine, Timestamp::EPOCH, 10.0);
        assert_eq!(clock.of_platform(24.0).speed(), 10.0);
        assert_eq!(clock.of_platform(0.1).speed(), 1.0);
    }
}
