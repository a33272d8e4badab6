//! The watchdog: an agent that finishes no slot for three intervals is of no use, and must say so.
//!
//! It stands on a thread of its own, because what it watches for is a runtime that hangs.

use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::Duration;

use bongsu_model::{Clock, Monotonic};

/// Intervals without a finished slot.
const INTERVALS: u32 = 3;

/// Least patience: a machine that swaps or sleeps for a moment is not stuck.
const PATIENCE_MIN: Duration = Duration::from_secs(20);

#[derive(Debug)]
struct Heart {
    last: Monotonic,
    /// None while the plan has no slots.
    patience: Option<Duration>,
    is_over: bool,
}

/// When a slot last finished.
#[derive(Debug)]
pub(crate) struct Pulse {
    clock: Arc<dyn Clock>,
    heart: Mutex<Heart>,
    over: Condvar,
}

/// Whether the agent is alive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Life {
    Alive,
    /// No slot finished for this long.
    Stuck(Duration),
}

impl Pulse {
    pub(crate) fn new(clock: Arc<dyn Clock>) -> Self {
        let last = clock.monotonic();
        Self {
            clock,
            heart: Mutex::new(Heart {
                last,
                patience: None,
                is_over: false,
            }),
            over: Condvar::new(),
        }
    }

    fn heart(&self) -> MutexGuard<'_, Heart> {
        self.heart
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// From now on a slot finishes at least every `period`, `deadline` after it was due.
    pub(crate) fn expect(&self, period: Option<Duration>, deadline: Duration) {
        let mut heart = self.heart();
        heart.last = self.clock.monotonic();
        heart.patience = period.map(|period| (period * INTERVALS + deadline).max(PATIENCE_MIN));
    }

    /// A slot finished.
    pub(crate) fn beat(&self) {
        self.heart().last = self.clock.monotonic();
    }

    pub(crate) fn life(&self) -> Life {
        let heart = self.heart();
        let silent = self.clock.monotonic().since(heart.last);
        match heart.patience {
            Some(patience) if silent > patience => Life::Stuck(silent),
            Some(_) | None => Life::Alive,
        }
    }

    /// Ends the watch.
    pub(crate) fn end(&self) {
        self.heart().is_over = true;
        self.over.notify_all();
    }

    /// Watches on this thread until the end; calls `stuck` once if the agent is.
    pub(crate) fn watch(&self, stuck: impl FnOnce(Duration)) {
        const LOOK_EVERY: Duration = Duration::from_secs(1);
        loop {
            if let Life::Stuck(silent) = self.life() {
                stuck(silent);
                return;
            }
            let heart = self.heart();
            let waited = self
                .over
                .wait_timeout_while(heart, LOOK_EVERY, |heart| !heart.is_over);
            let (heart, _) = waited.unwrap_or_else(|poisoned| poisoned.into_inner());
            if heart.is_over {
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use bongsu_model::Timestamp;

    use super::*;

    #[derive(Debug, Default)]
    struct Hands(AtomicU64);

    impl Clock for Hands {
        fn wall(&self) -> Timestamp {
            Timestamp::from_unix_seconds(self.0.load(Ordering::SeqCst))
        }

        fn monotonic(&self) -> Monotonic {
            Monotonic::from_origin(Duration::from_secs(self.0.load(Ordering::SeqCst)))
        }
    }

    #[test]
    fn three_intervals_and_a_deadline_without_a_slot_are_too_many() {
        let hands = Arc::new(Hands::default());
        let pulse = Pulse::new(hands.clone());
        hands.0.store(1_000, Ordering::SeqCst);
        assert_eq!(pulse.life(), Life::Alive, "no slots are expected yet");
        pulse.expect(Some(Duration::from_secs(10)), Duration::from_secs(9));
        hands.0.store(1_039, Ordering::SeqCst);
        assert_eq!(pulse.life(), Life::Alive);
        hands.0.store(1_040, Ordering::SeqCst);
        assert_eq!(pulse.life(), Life::Stuck(Duration::from_secs(40)));
        let mut told = None;
        pulse.watch(|silent| told = Some(silent));
        assert_eq!(told, Some(Duration::from_secs(40)));
        pulse.beat();
        assert_eq!(pulse.life(), Life::Alive);
        pulse.end();
        pulse.watch(|_| panic!("the watch is over"));
    }
}
