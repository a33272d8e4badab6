//! How fast a scenario is played: at most, and where nobody asks for a speed.

use crate::clock::SPEED_MAX;
use crate::region::Shape;
use crate::scenario::{EVERY, Scenario};

use super::Play;

/// Runs in a second of the machine's time that two processors carry with as much of them left for
/// what is paid and shown beside them: a run in which nothing waits takes 7 ms of one. A run keeps
/// the time that the speed leaves it also where the clock goes slower, so that one of a machine
/// that is busy throughout misses it.
const RUNS_PER_SECOND: f64 = 140.0;

/// How fast a scenario can be played at most: a slot is never shorter than half a second of the
/// machine's time, which is what the usual cadence has at [`SPEED_MAX`].
pub fn speed_max(scenario: &Scenario) -> f64 {
    let slots = scenario.every.as_secs_f64() / EVERY.as_secs_f64();
    (SPEED_MAX * slots).min(SPEED_MAX)
}

/// How fast it is played: as asked, else so that a machine of two processors carries the runs; at
/// least as fast as it was and at most [`speed_max`].
pub fn played_speed(play: &Play, scenario: &Scenario) -> f64 {
    let usual = || usual(&play.shape(scenario), play.journeys.count());
    let speed = play.speed.unwrap_or_else(usual);
    speed.min(speed_max(scenario)).max(1.0)
}

/// The whole number of times at which a fleet that runs so many journeys has [`RUNS_PER_SECOND`].
#[expect(clippy::cast_precision_loss, reason = "some hundreds")]
fn usual(shape: &Shape, journeys: usize) -> f64 {
    let runs = (shape.count() * journeys).max(1) as f64;
    (RUNS_PER_SECOND * shape.every.as_secs_f64() / runs).floor()
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;
    use crate::layout::Journeys;
    use crate::scenario::{load, shipped};

    fn play(speed: Option<f64>) -> Play {
        Play {
            speed,
            until: None,
            seed: 1,
            regions: None,
            agents: None,
            web: std::net::SocketAddr::from(([127, 0, 0, 1], 0)),
            folder: PathBuf::new(),
            memory: None,
            journeys: Journeys::Cold,
        }
    }

    #[test]
    fn what_is_not_asked_for_is_what_two_processors_carry() {
        let runs = |name: &str, play: &Play| {
            let scenario = load(&shipped(name).unwrap().files()).unwrap();
            let shape = play.shape(&scenario);
            let slots = (shape.count() * Journeys::Cold.count()) as f64;
            let speed = played_speed(play, &scenario);
            (speed, speed * slots / scenario.every.as_secs_f64())
        };
        // Every five minutes from two regions, every minute by five agents, every ten from one.
        // The READMEs tell these.
        let told = [
            ("dns-only", 154.0),
            ("small-outage", 12.0),
            ("pangyo-2022", 600.0),
        ];
        for (name, times) in told {
            let (speed, per_second) = runs(name, &play(None));
            assert!(per_second <= RUNS_PER_SECOND, "{name}: {per_second}");
            assert!(per_second > 0.9 * RUNS_PER_SECOND, "{name}: {per_second}");
            assert_eq!(speed, times, "{name}");
        }
        let more = Play {
            agents: Some(4),
            ..play(None)
        };
        let (speed, per_second) = runs("dns-only", &more);
        assert!(speed < 100.0 && per_second <= RUNS_PER_SECOND, "{speed}");
    }

    #[test]
    fn what_is_asked_for_is_played_as_fast_as_the_slots_allow() {
        let scenario = |name: &str| load(&shipped(name).unwrap().files()).unwrap();
        assert_eq!(
            played_speed(&play(Some(600.0)), &scenario("dns-only")),
            600.0
        );
        assert_eq!(
            played_speed(&play(Some(600.0)), &scenario("small-outage")),
            120.0
        );
        assert_eq!(
            played_speed(&play(Some(2.5)), &scenario("small-outage")),
            2.5
        );
    }
}
