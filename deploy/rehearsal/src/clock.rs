//! The clock of a replay: one present for platform, agents and collector, which starts at an
//! origin of its own and passes faster than the machine's.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bongsu_model::{Clock, Monotonic, Timestamp};

/// How fast a replay may be. At 600 a slot of five minutes is half a second, and a run must end
/// in half of that: a network cannot be hurried further.
pub const SPEED_MAX: f64 = 600.0;

/// Origin + wall × speed. The speed may be lowered while it passes, and raised again up to the one
/// that it began with: what is past stays as it was, and it never goes back.
#[derive(Debug, Clone)]
pub struct ReplayClock {
    machine: Arc<dyn Clock>,
    /// None until it is released.
    course: Arc<Mutex<Option<Course>>>,
    origin: Timestamp,
    /// The highest.
    speed: f64,
}

/// How it passes from an instant on.
#[derive(Debug, Clone, Copy)]
struct Course {
    /// When it was released.
    began: Monotonic,
    /// Since when it passes at this speed.
    since: Monotonic,
    /// How much of its time had gone by then.
    gone: Duration,
    speed: f64,
}

impl Course {
    fn gone_at(&self, now: Monotonic) -> Duration {
        self.gone + now.since(self.since).mul_f64(self.speed)
    }
}

impl ReplayClock {
    /// A clock that shows `origin` until it is released, and passes `speed` times as fast as
    /// `machine` from then on: what starts a fleet takes no time of it.
    pub fn held(machine: Arc<dyn Clock>, origin: Timestamp, speed: f64) -> Self {
        Self {
            course: Arc::default(),
            machine,
            origin,
            speed,
        }
    }

    /// Lets it pass; nothing if it does already.
    pub fn release(&self) {
        let now = self.machine.monotonic();
        self.course().get_or_insert(Course {
            began: now,
            since: now,
            gone: Duration::ZERO,
            speed: self.speed,
        });
    }

    /// Lets it pass `speed` times as fast as the machine's time from now on, at most as fast as it
    /// began; nothing before it is released.
    pub fn play_at(&self, speed: f64) {
        // Read with the course in hand, so that no later reading lies before this one.
        let mut course = self.course();
        let now = self.machine.monotonic();
        if let Some(course) = &mut *course {
            course.gone = course.gone_at(now);
            course.since = now;
            course.speed = speed.clamp(1.0_f64.min(self.speed), self.speed);
        }
    }

    /// The speed that it began with, which it never exceeds.
    pub fn top_speed(&self) -> f64 {
        self.speed
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

    /// How long `simulated` lasts on the machine at the speed of now.
    pub fn on_machine(&self, simulated: Duration) -> Duration {
        simulated.div_f64(self.speed())
    }

    fn course(&self) -> MutexGuard<'_, Option<Course>> {
        self.course.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn gone(&self) -> Duration {
        let course = self.course();
        let now = self.machine.monotonic();
        course.map_or(Duration::ZERO, |course| course.gone_at(now))
    }

    /// How much of the machine's time has gone since it was released.
    fn gone_on_machine(&self) -> Duration {
        let course = self.course();
        let now = self.machine.monotonic();
        course.map_or(Duration::ZERO, |course| now.since(course.began))
    }
}

impl Clock for ReplayClock {
    fn wall(&self) -> Timestamp {
        self.origin + self.gone()
    }

    fn monotonic(&self) -> Monotonic {
        Monotonic::from_origin(self.gone())
    }

    fn speed(&self) -> f64 {
        self.course().map_or(self.speed, |course| course.speed)
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
        Monotonic::from_origin(self.replay.gone_on_machine().mul_f64(self.pace))
    }

    fn speed(&self) -> f64 {
        self.pace
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;

    /// A machine whose time is set: milliseconds since it began.
    #[derive(Debug, Default)]
    pub(crate) struct Machine(AtomicU64);

    impl Machine {
        pub(crate) fn set(&self, milliseconds: u64) {
            self.0.store(milliseconds, Ordering::SeqCst);
        }
    }

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
        let machine = Arc::new(Machine::default());
        machine.set(5_000);
        let origin = Timestamp::from_unix_seconds(1_665_810_000);
        let clock = ReplayClock::held(machine.clone(), origin, 600.0);
        let platform = clock.of_platform(24.0);
        machine.set(9_000);
        assert_eq!(clock.wall(), origin, "it is held");
        clock.release();
        machine.set(9_500);
        clock.release();
        machine.set(10_500);
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
    fn it_slows_down_and_never_goes_back_nor_beyond_the_speed_that_it_began_with() {
        let machine = Arc::new(Machine::default());
        let origin = Timestamp::from_unix_seconds(1_665_810_000);
        let clock = ReplayClock::held(machine.clone(), origin, 600.0);
        let platform = clock.of_platform(24.0);
        let gone = || clock.wall().since(origin).as_secs();
        clock.play_at(100.0);
        assert_eq!(clock.speed(), 600.0, "it is held");
        clock.release();
        machine.set(1_000);
        clock.play_at(100.0);
        assert_eq!((gone(), clock.speed()), (600, 100.0));
        machine.set(3_000);
        assert_eq!(gone(), 800);
        clock.play_at(10_000.0);
        assert_eq!((gone(), clock.speed()), (800, clock.top_speed()));
        machine.set(4_000);
        assert_eq!(gone(), 1_400);
        let on_platform = platform.monotonic().since(Monotonic::default());
        assert_eq!(on_platform.as_secs(), 4 * 24, "it keeps its pace");
    }

    #[test]
    fn a_platform_never_acts_faster_than_its_clock_nor_slower_than_the_machine() {
        let machine = Arc::new(Machine::default());
        let clock = ReplayClock::held(machine, Timestamp::EPOCH, 10.0);
        assert_eq!(clock.of_platform(24.0).speed(), 10.0);
        assert_eq!(clock.of_platform(0.1).speed(), 1.0);
    }
}
