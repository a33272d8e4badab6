//! How fast a machine that has other work too can play: the clock goes slower while tasks wait for a
//! processor, and faster again when they do not. Runs keep the machine's time, so that one that has
//! to wait misses its deadline and shows nothing.

use std::time::Duration;

use bongsu_model::Clock;

use crate::clock::ReplayClock;

/// How long a look sleeps: what it sleeps longer, it waited for a processor.
const LOOK: Duration = Duration::from_millis(5);

/// Looks that a speed is decided by: a quarter of a second of them.
const LOOKS: u32 = 50;

/// With tasks that wait this long on average the clock goes slower. A run of a few dozen turns has
/// a quarter of a second at the highest speed.
const WAITING: Duration = Duration::from_micros(2_500);

/// With tasks that wait less it goes faster. A timer is up to a millisecond late by itself.
const PUNCTUAL: Duration = Duration::from_micros(1_800);

/// What the speed falls to at each decision, and what it rises to.
const SLOWER: f64 = 0.85;
const FASTER: f64 = 1.04;

/// What it begins with, of what was asked for: a fleet that is overrun at once fails before anybody
/// can see why.
pub(super) const AT_FIRST: f64 = 3.0;

/// It is never this many times slower than was asked for: a machine that needs more cannot play.
const SLOWEST: f64 = 30.0;

/// How much slower than was asked for time passes while the last picture is waited for.
pub(super) const LINGER: f64 = 20.0;

/// Keeps the clock as fast as the machine can follow; never ends.
pub(super) async fn keep(clock: ReplayClock, machine: std::sync::Arc<dyn Clock>) {
    loop {
        let began = machine.monotonic();
        for _ in 0..LOOKS {
            tokio::time::sleep(LOOK).await;
        }
        let slept = machine.monotonic().since(began) / LOOKS;
        let waited = slept.saturating_sub(LOOK);
        let now = clock.speed();
        let next = next(now, clock.top_speed(), waited);
        if next != now {
            clock.play_at(next);
        }
    }
}

/// The speed after `now`, when `asked` was asked for and tasks waited for `waited` on average.
fn next(now: f64, asked: f64, waited: Duration) -> f64 {
    let next = if waited >= WAITING {
        now * SLOWER
    } else if waited < PUNCTUAL {
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
        assert_eq!(next(speed, 600.0, Duration::ZERO), 600.0, "never faster");
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
            speed = next(speed, 600.0, Duration::from_millis(1));
        }
        assert_eq!(speed, 600.0);
    }

    #[test]
    fn it_never_goes_slower_than_the_machine() {
        assert_eq!(next(2.0, 2.0, Duration::from_secs(1)), 1.7);
        assert_eq!(next(1.0, 2.0, Duration::from_secs(1)), 1.0);
    }
}
