//! How fast a machine that has other work too can play: the clock goes slower while tasks wait for a
//! processor, and faster again when they do not. Runs keep the machine's time, so that one that has
//! to wait misses its deadline and shows nothing.

use std::sync::Arc;
use std::time::Duration;

use bongsu_model::Clock;
use tokio::task::JoinHandle;

use crate::clock::ReplayClock;

/// How long a look sleeps: what it sleeps longer, it waited for a processor.
const LOOK: Duration = Duration::from_millis(5);

/// Looks that a speed is decided by: a quarter of a second of them.
const LOOKS: u32 = 50;

/// A look that waited longer than this was late. A timer is up to a millisecond late by itself; a
/// run of a few dozen turns has a quarter of a second at the highest speed.
const LATE: Duration = Duration::from_micros(2_500);

/// With this share of the looks late the clock goes slower: runs wait throughout. A single stall,
/// however long, is over when it is seen, and going slower mends nothing of it.
const WAITING: f64 = 0.2;

/// With a smaller share than this it goes faster.
const PUNCTUAL: f64 = 0.1;

/// What the speed falls to at each decision, and what it rises to.
const SLOWER: f64 = 0.85;
const FASTER: f64 = 1.06;

/// What it begins with, of what was asked for: a fleet that is overrun at once fails before anybody
/// can see why.
pub(super) const AT_FIRST: f64 = 3.0;

/// It is never this many times slower than was asked for: a machine that needs more cannot play.
const SLOWEST: f64 = 30.0;

/// How much slower than was asked for time passes while a picture is waited for.
const LINGER: f64 = 20.0;

/// Lets time pass slowly while a picture is waited for; no faster than `before`.
pub(super) fn linger(clock: &ReplayClock, before: f64) {
    clock.play_at(before.min(clock.top_speed() / LINGER));
}

/// Keeps the clock as fast as the machine can follow, until it is ended.
#[derive(Debug)]
pub(super) struct Pacing(JoinHandle<()>);

impl Pacing {
    pub(super) fn begin(clock: &ReplayClock, machine: &Arc<dyn Clock>) -> Self {
        Self(tokio::spawn(keep(clock.clone(), Arc::clone(machine))))
    }

    /// Returns once it touches the clock no more.
    pub(super) async fn end(self) {
        self.0.abort();
        // It ends by being aborted.
        let _ = self.0.await;
    }
}

/// Never ends.
async fn keep(clock: ReplayClock, machine: Arc<dyn Clock>) {
    loop {
        let mut late = 0;
        for _ in 0..LOOKS {
            let began = machine.monotonic();
            tokio::time::sleep(LOOK).await;
            let slept = machine.monotonic().since(began);
            late += u32::from(slept.saturating_sub(LOOK) > LATE);
        }
        let now = clock.speed();
        let next = next(now, clock.top_speed(), f64::from(late) / f64::from(LOOKS));
        if next != now {
            clock.play_at(next);
        }
    }
}

/// The speed after `now`, when `asked` was asked for and this share of the looks was late.
fn next(now: f64, asked: f64, late: f64) -> f64 {
    let next = if late >= WAITING {
        now * SLOWER
    } else if late < PUNCTUAL {
        now * FASTER
    } else {
        now
    };
    next.clamp((asked / SLOWEST).max(1.0), asked)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_slower_while_tasks_wait_and_as_fast_as_asked_when_none_does() {
        let mut speed = 600.0;
        assert_eq!(next(speed, 600.0, 0.0), 600.0, "never faster");
        for _ in 0..100 {
            let before = speed;
            speed = next(speed, 600.0, WAITING);
            assert!(speed < before || speed == 600.0 / SLOWEST);
        }
        assert_eq!(speed, 20.0);
        assert_eq!(
            next(speed, 600.0, PUNCTUAL),
            speed,
            "between the two it stays"
        );
        for _ in 0..200 {
            speed = next(speed, 600.0, 0.05);
        }
        assert_eq!(speed, 600.0);
    }

    #[test]
    fn it_never_goes_slower_than_the_machine() {
        assert_eq!(next(2.0, 2.0, 1.0), 1.7);
        assert_eq!(next(1.0, 2.0, 1.0), 1.0);
    }
}
