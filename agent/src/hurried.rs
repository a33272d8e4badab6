//! Runs under a clock that is faster than the machine's: a network cannot be hurried, so that a run
//! keeps the machine's pace, and its journey is cut to fit into its slot.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bongsu_language::{Journey, Step};
use bongsu_model::{BlindReason, Clock, Monotonic, Timestamp};
use bongsu_probes::SelfCheck;
use futures_util::future::BoxFuture;
use tokio_util::sync::CancellationToken;

use crate::controls::Controls;

/// The share of its slot that a run may take: half, so that a slot that is begun late still ends
/// before the next.
const RUN_SHARE: f64 = 0.5;
/// The share that its cleanup may take behind it; with the run's less than the whole slot.
const CLEANUP_SHARE: f64 = 0.4;

/// How much faster than the machine's a clock is; at least 1, since no network is in a hurry.
pub(crate) fn speed(clock: &dyn Clock) -> f64 {
    clock.speed().max(1.0)
}

/// The journey as it can be run when `period`, its cadence, passes `speed` times as fast as the
/// machine's time: its deadlines are at most half a slot, and what it waits for by itself is as
/// much shorter as its deadline is. The limits of its steps stay as they are: they are of the
/// network, and the deadline cuts them.
pub(crate) fn fit(journey: Arc<Journey>, speed: f64) -> Arc<Journey> {
    let Some(period) = journey.every.filter(|_| speed > 1.0) else {
        return journey;
    };
    let slot = period.div_f64(speed);
    let timeout = journey.timeout.min(slot.mul_f64(RUN_SHARE));
    let pace = journey.timeout.as_secs_f64() / timeout.as_secs_f64().max(f64::MIN_POSITIVE);
    let mut fitted = Journey::clone(&journey);
    fitted.timeout = timeout;
    fitted.cleanup_timeout = fitted.cleanup_timeout.min(slot.mul_f64(CLEANUP_SHARE));
    let steps = fitted.steps.iter_mut().chain(&mut fitted.cleanup);
    steps.for_each(|step| quicken(step, pace));
    Arc::new(fitted)
}

fn quicken(step: &mut Step, pace: f64) {
    if let Some(poll) = &mut step.poll {
        poll.every = poll.every.div_f64(pace);
    }
    step.wait_before = step.wait_before.map(|wait| wait.div_f64(pace));
}

/// The clock of one run that may take `timeout`, and the agent's check of itself in that clock's
/// time.
///
/// The clock starts at the agent's present and goes on at the machine's pace, so that a run's
/// durations are those of the network; it is the agent's own where that is no faster.
pub(crate) fn surroundings(
    clock: &Arc<dyn Clock>,
    controls: &Arc<Controls>,
    starvation: &Arc<Starvation>,
    timeout: Duration,
) -> (Arc<dyn Clock>, Arc<dyn SelfCheck>) {
    match RunClock::of(clock) {
        None => (clock.clone(), controls.clone()),
        Some(run) => {
            let check = RunCheck {
                clock: run.clone(),
                controls: controls.clone(),
                starvation: starvation.clone(),
                late_before: starvation.late(),
                timeout,
            };
            (Arc::new(run), Arc::new(check))
        }
    }
}

/// Whether this process got no time to run lately. What a hurried run then misses is no sign of
/// the platform: its deadlines are short.
#[derive(Debug, Default)]
pub(crate) struct Starvation(Mutex<Lateness>);

/// In the time of the agent's clock.
#[derive(Debug, Default)]
struct Lateness {
    /// When a timer was last too late.
    newest: Option<Monotonic>,
    /// How late all timers were together.
    all: Duration,
}

/// Between two looks at how late timers are.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// The share of a run's time that timers may be late.
const LATE_SHARE: f64 = 0.2;

impl Starvation {
    /// Watches until `stop`; nothing under a clock of the machine's speed. `period` tells the
    /// shortest cadence of the plan as it is then; nothing is too late for a plan without any.
    pub(crate) async fn watch(
        &self,
        clock: Arc<dyn Clock>,
        period: impl Fn() -> Option<Duration>,
        stop: CancellationToken,
    ) {
        let at_first = speed(&*clock);
        if at_first <= 1.0 {
            return;
        }
        loop {
            let speed = speed(&*clock);
            let began = clock.monotonic();
            tokio::select! {
                () = tokio::time::sleep(LOOK_EVERY) => {}
                () = stop.cancelled() => return,
            }
            if let Some(period) = period() {
                let took = clock.monotonic().since(began);
                let late = took.saturating_sub(LOOK_EVERY.mul_f64(speed));
                // What runs were fitted into, however slow the clock goes since.
                let late_max = period.mul_f64(RUN_SHARE * LATE_SHARE * speed / at_first);
                self.looked(began + took, late, late_max);
            }
        }
    }

    fn looked(&self, ended: Monotonic, late: Duration, late_max: Duration) {
        let mut lateness = self.lateness();
        lateness.all += late;
        if late > late_max {
            lateness.newest = Some(ended);
        }
    }

    /// Whether a timer was too late at `since` or later.
    fn was_there(&self, since: Monotonic) -> bool {
        self.lateness().newest.is_some_and(|newest| newest >= since)
    }

    /// How late all timers were together so far, in the time of the agent's clock.
    fn late(&self) -> Duration {
        self.lateness().all
    }

    fn lateness(&self) -> MutexGuard<'_, Lateness> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Debug, Clone)]
struct RunClock {
    agent: Arc<dyn Clock>,
    wall: Timestamp,
    origin: Monotonic,
    speed: f64,
}

impl RunClock {
    /// None where the agent's clock is no faster than the machine's.
    fn of(agent: &Arc<dyn Clock>) -> Option<Self> {
        let speed = speed(&**agent);
        (speed > 1.0).then(|| Self {
            wall: agent.wall(),
            origin: agent.monotonic(),
            agent: agent.clone(),
            speed,
        })
    }

    fn gone(&self) -> Duration {
        self.agent
            .monotonic()
            .since(self.origin)
            .div_f64(self.speed)
    }

    /// The agent's instant at which this clock showed `at`.
    fn of_agent(&self, at: Monotonic) -> Monotonic {
        let gone = at.since(Monotonic::from_origin(Duration::ZERO));
        self.origin + gone.mul_f64(self.speed)
    }
}

impl Clock for RunClock {
    fn wall(&self) -> Timestamp {
        self.wall + self.gone()
    }

    fn monotonic(&self) -> Monotonic {
        Monotonic::from_origin(self.gone())
    }
}

/// The agent's check, asked in the time of a run.
#[derive(Debug)]
struct RunCheck {
    clock: RunClock,
    controls: Arc<Controls>,
    starvation: Arc<Starvation>,
    /// How late timers had been when the run began.
    late_before: Duration,
    timeout: Duration,
}

impl RunCheck {
    /// Whether a run's time was up `now` although the act that it was in since `since` had taken
    /// less than half of it, and timers were late for much of it: what hangs takes most of a run's
    /// time, a slow machine takes it everywhere. A platform that hangs late in a run may look the
    /// same, but makes no timer late.
    fn was_slow_throughout(&self, since: Monotonic, now: Monotonic) -> bool {
        let gone = now.since(Monotonic::default());
        let late = self.starvation.late().saturating_sub(self.late_before);
        gone >= self.timeout.mul_f64(UP_SHARE)
            && now.since(since) < gone / 2
            && late >= gone.mul_f64(self.clock.speed * LATE_SHARE)
    }
}

/// The share of its time after which a run counts as cut by it.
const UP_SHARE: f64 = 0.95;

impl SelfCheck for RunCheck {
    fn own_fault(&self, since: Monotonic) -> BoxFuture<'_, Option<BlindReason>> {
        let was_slow = self.was_slow_throughout(since, self.clock.monotonic());
        let since = self.clock.of_agent(since);
        if was_slow || self.starvation.was_there(since) {
            return Box::pin(std::future::ready(Some(BlindReason::Starved)));
        }
        self.controls.own_fault(since)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

    use bongsu_language::{CheckOptions, SourceFile, load};

    use super::*;

    /// A clock of 600 times the machine's time, which a test moves.
    #[derive(Debug, Default)]
    struct Hands(AtomicU64);

    impl Clock for Hands {
        fn wall(&self) -> Timestamp {
            Timestamp::from_unix_seconds(1_000_000) + self.gone()
        }

        fn monotonic(&self) -> Monotonic {
            Monotonic::from_origin(self.gone())
        }

        fn speed(&self) -> f64 {
            600.0
        }
    }

    impl Hands {
        fn gone(&self) -> Duration {
            Duration::from_millis(self.0.load(Ordering::SeqCst))
        }
    }

    fn journey() -> Arc<Journey> {
        let text = "format = 1\njourney = \"wait\"\nfeature = \"account.login\"\nevery = \"5m\"\n\
                    timeout = \"6s\"\ncleanup_timeout = \"3s\"\nbase = \"https://a.test\"\n\
                    actor.user.account = \"pool:login-users\"\n\
                    [[step]]\nname = \"look\"\nget = \"/\"\nwithin = \"2s\"\n\
                    poll = { every = \"240ms\", for = \"2s\" }\n";
        let file = SourceFile::new("wait.toml", text);
        let mut loaded = load(&[file], CheckOptions::default());
        assert!(loaded.diagnostics.iter().all(|one| !one.is_error()));
        Arc::new(loaded.journeys.remove(0))
    }

    #[test]
    fn a_hurried_journey_fits_into_half_of_its_slot() {
        let fitted = fit(journey(), 600.0);
        assert_eq!(fitted.timeout, Duration::from_millis(250));
        assert_eq!(fitted.cleanup_timeout, Duration::from_millis(200));
        assert!(fitted.deadline().mul_f64(600.0) < fitted.every.unwrap());
        let step = &fitted.steps[0];
        assert_eq!(step.within, Some(Duration::from_secs(2)));
        assert_eq!(
            step.poll.as_ref().unwrap().every,
            Duration::from_millis(10),
            "as much shorter as the deadline"
        );
    }

    #[test]
    fn a_journey_that_fits_is_left_as_it_is() {
        let same = journey();
        assert!(Arc::ptr_eq(&fit(same.clone(), 1.0), &same));
        let fitted = fit(journey(), 20.0);
        assert_eq!(fitted.timeout, Duration::from_secs(6));
        assert_eq!(fitted.cleanup_timeout, Duration::from_secs(3));
        let every = fitted.steps[0].poll.as_ref().unwrap().every;
        assert_eq!(every, Duration::from_millis(240));
    }

    #[test]
    fn a_run_keeps_the_machines_pace_and_starts_in_the_agents_present() {
        let hands = Arc::new(Hands::default());
        hands.0.store(60_000, Ordering::SeqCst);
        let agent: Arc<dyn Clock> = hands.clone();
        let run = RunClock::of(&agent).unwrap();
        assert_eq!(run.wall(), agent.wall());
        hands.0.store(66_000, Ordering::SeqCst);
        let began = run.wall;
        assert_eq!(run.wall().since(began), Duration::from_millis(10));
        assert_eq!(
            run.of_agent(run.monotonic()),
            agent.monotonic(),
            "and the agent's instant is found again"
        );
    }

    #[test]
    fn a_late_timer_speaks_for_the_runs_that_went_on_and_not_for_later_ones() {
        let at = |seconds| Monotonic::from_origin(Duration::from_secs(seconds));
        let starvation = Starvation::default();
        let late = |seconds| Duration::from_secs(seconds);
        starvation.looked(at(42), late(30), late(30));
        assert!(!starvation.was_there(at(0)));
        starvation.looked(at(100), late(31), late(30));
        assert!(starvation.was_there(at(0)) && starvation.was_there(at(100)));
        assert!(!starvation.was_there(at(101)));
        assert_eq!(starvation.late(), late(61));
    }

    #[tokio::test]
    async fn how_late_a_timer_may_be_is_by_the_plan_that_is_worked_on() {
        let hands = Arc::new(Hands::default());
        let stop = CancellationToken::new();
        let starvation = Starvation::default();
        let was_there = || starvation.was_there(Monotonic::default());
        // An hour goes by in each look: nothing for a plan without slots or with one a day.
        let plans = [0, 24 * 60, 5, 0].map(|minutes| Duration::from_secs(60 * minutes));
        let looks = AtomicUsize::new(0);
        let period = || {
            let look = looks.fetch_add(1, Ordering::SeqCst);
            assert_eq!(was_there(), look > 2, "look {look}");
            hands.0.fetch_add(3_600_000, Ordering::SeqCst);
            if look + 1 == plans.len() {
                stop.cancel();
            }
            Some(plans[look]).filter(|period| !period.is_zero())
        };
        starvation.watch(hands.clone(), period, stop.clone()).await;
        assert_eq!(looks.load(Ordering::SeqCst), plans.len());
    }

    #[tokio::test]
    async fn a_run_that_was_slow_throughout_with_late_timers_is_no_sign_of_the_platform() {
        let agent: Arc<dyn Clock> = Arc::new(Hands::default());
        let folder = tempfile::tempdir().unwrap();
        let shared = crate::state::Shared::for_tests(folder.path());
        let starvation = Arc::new(Starvation::default());
        let looked = |late| starvation.looked(agent.monotonic(), late, Duration::MAX);
        looked(Duration::from_secs(90));
        let check = RunCheck {
            clock: RunClock::of(&agent).unwrap(),
            controls: shared.controls.clone(),
            starvation: starvation.clone(),
            late_before: starvation.late(),
            timeout: Duration::from_millis(250),
        };
        let at = |millis| Monotonic::from_origin(Duration::from_millis(millis));
        // 250 milliseconds are 150 seconds of the agent's clock.
        looked(Duration::from_secs(29));
        assert!(!check.was_slow_throughout(at(200), at(250)), "it hung late");
        looked(Duration::from_secs(2));
        assert!(check.was_slow_throughout(at(200), at(250)));
        assert!(!check.was_slow_throughout(at(50), at(250)), "it hung");
        assert!(
            !check.was_slow_throughout(at(90), at(100)),
            "it was refused"
        );
    }

    #[test]
    fn at_the_machines_own_speed_there_is_one_clock() {
        let clock: Arc<dyn Clock> = Arc::new(bongsu_probes::SystemClock::new());
        assert!(RunClock::of(&clock).is_none());
    }
}
