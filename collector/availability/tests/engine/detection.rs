//! How long a fault takes to be decided, and how rarely nothing is taken for a fault.

use std::time::Duration;

use bongsu_availability::{QuarantineStep, Settings, Trial, TrialFleet, TrialRun};
use bongsu_model::{CellState, Outcome, Trigger};
use proptest::prelude::*;

use crate::fleet::{DEADLINE, Journey, PERIOD};
use crate::replay::{Setup, replay};
use crate::script::{FAIL, Script, region_of, start};
use crate::sim::{Effect, LOGIN, Layout, Scope, Sim, cell_key, secs};

const REGION: Layout = Layout {
    regions: 1,
    agents: 3,
    message: false,
    noise: 0.0,
};

fn detections(layout: Layout, effect: Effect, count: u64) -> Vec<Duration> {
    let detection = |seed| {
        let mut sim = Sim::with(layout, Settings::default(), seed);
        let phase = Duration::from_secs_f64(sim.random() * 10.0);
        sim.run(secs(60) + phase);
        sim.set(Scope::feature(LOGIN), effect);
        sim.run_until(&cell_key(LOGIN, 0), CellState::Down, secs(600))
            .expect("a fault is found within ten minutes")
    };
    let mut all: Vec<Duration> = (0..count).map(detection).collect();
    all.sort();
    all
}

#[test]
fn a_total_outage_is_down_within_sixteen_seconds_mostly_and_twenty_one_nearly_always() {
    let all = detections(REGION, Effect::Fail(1.0), 500);
    let (p50, p95) = (all[250], all[475]);
    println!("p50 {p50:?} p95 {p95:?} max {:?}", all[499]);
    assert!(p50 <= secs(16), "p50 {p50:?}");
    assert!(p95 <= secs(21), "p95 {p95:?}");
}

#[test]
fn steps_of_other_journeys_do_not_make_a_login_outage_slower_to_find() {
    let all = detections(
        Layout {
            message: true,
            ..REGION
        },
        Effect::Fail(1.0),
        100,
    );
    assert!(
        all[50] <= secs(16) && all[95] <= secs(21),
        "{:?} {:?}",
        all[50],
        all[95]
    );
}

#[test]
fn a_hang_takes_its_time_limit_longer_for_want_of_bursts() {
    // A burst five seconds after the time limit would run into the next slot, so that only slots
    // speak, 10/3 seconds apart. The eighth failure is the fifth without the loudest agent: it
    // begins 23.3 s after the first, which itself begins within 3.3 s, and ends 6 s later.
    let all = detections(REGION, Effect::Hang, 100);
    let (p50, p95) = (all[50], all[95]);
    println!("p50 {p50:?} p95 {p95:?}");
    assert!(
        p50 <= secs(32) && p95 <= secs(33),
        "p50 {p50:?} p95 {p95:?}"
    );
}

#[test]
fn half_of_the_runs_failing_is_found_within_two_minutes_mostly() {
    let all = detections(REGION, Effect::Fail(0.5), 100);
    assert!(all[50] <= secs(120), "p50 {:?}", all[50]);
}

fn healthy(settings: Settings, noise: f64, days: u64) -> Setup {
    let fleet = TrialFleet {
        agents: 3,
        period: PERIOD,
        deadline: DEADLINE,
    };
    Setup {
        settings,
        fleet,
        noise,
        span: secs(days * 24 * 3_600),
    }
}

#[test]
fn the_documented_noise_alone_turns_nothing_down() {
    // 25 cells for three hours through the whole engine are three cell-days.
    let layout = Layout {
        regions: 25,
        noise: 0.01,
        ..REGION
    };
    let mut sim = Sim::with(layout, Settings::default(), 7);
    sim.run(secs(3 * 3600));
    assert_eq!(sim.entered(CellState::Down), 0);
    assert!(sim.runs > 32_000);

    // Forty cell-days through the machine of one cell; the example `false_alarms` runs
    // cell-years.
    let tally = replay(&healthy(Settings::default(), 0.01, 40), 7);
    assert_eq!((tally.false_alarms, tally.quarantines), (0, 0));
    assert_eq!(tally.scheduled, 40 * 8_640 * 3);
    let (runs, failures) = (tally.scheduled + tally.bursts, tally.failures);
    assert!(
        (runs / 103..runs / 97).contains(&failures),
        "{failures} of {runs}"
    );
}

#[test]
fn a_replay_tells_a_hasty_rule_and_a_noisy_fleet_by_their_false_alarms() {
    let hasty = Settings {
        h: 4.0,
        ..Settings::default()
    };
    let tally = replay(&healthy(hasty, 0.01, 30), 7);
    assert!(tally.false_alarms > 5, "{tally:?}");
    let tally = replay(&healthy(Settings::default(), 0.1, 5), 7);
    assert!(tally.false_alarms > 5, "{tally:?}");
}

/// Runs of three agents in the order in which they end: whose, in which tenth of a second it
/// begins, and whether it fails. Some stretches fail more, so that every state is met.
fn evidence() -> impl Strategy<Value = Vec<(u32, u64, bool)>> {
    let stretch = (0.0..1.0_f64, 1_usize..60).prop_flat_map(|(share, length)| {
        let run = (
            0_u32..3,
            10_u64..60,
            proptest::bool::weighted(share * share),
        );
        proptest::collection::vec(run, length)
    });
    let stretches = proptest::collection::vec(stretch, 1..8);
    stretches.prop_map(|stretches| stretches.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(64) })]

    #[test]
    fn a_trial_decides_as_the_engine_does(evidence in evidence()) {
        let fleet = TrialFleet { agents: 3, period: PERIOD, deadline: DEADLINE };
        let mut trial = Trial::new(Settings::default(), fleet);
        let mut script = Script::planned(region_of(3), 10, &[Journey::Login]);
        let mut due = start();
        for (agent, gap, failed) in evidence {
            due = due + Duration::from_millis(100 * gap);
            let outcome = if failed { FAIL } else { Outcome::Pass };
            let run = script.unslotted(agent as usize, Trigger::Burst, due, outcome.clone());
            let told = TrialRun { agent, due, ended: run.ended, outcome: &outcome };
            let state = trial.run(told);
            let ended = run.ended;
            script.feed(vec![run]);
            prop_assert_eq!(state, script.login_cell(ended).state);
        }
        let is_held = |step: &&QuarantineStep| matches!(step, QuarantineStep::Held { .. });
        let held = script.standing().iter().filter(is_held).count();
        prop_assert_eq!(trial.quarantines(), held as u64);
    }

    #[test]
    fn passes_that_a_trial_takes_as_read_leave_no_trace(
        evidence in evidence(),
        quiet in 3_u64..200,
    ) {
        let fleet = TrialFleet { agents: 3, period: PERIOD, deadline: DEADLINE };
        let trial = || Trial::new(Settings::default(), fleet);
        let give = |trial: &mut Trial, agent: u32, due, outcome: &Outcome| {
            trial.run(TrialRun { agent, due, ended: due + secs(1), outcome })
        };
        let (mut all, mut read) = (trial(), trial());
        let passes = |trial: &mut Trial, from: u64, until: u64| {
            for place in from..until {
                let agent = u32::try_from(place % 3).unwrap();
                give(trial, agent, start() + secs(3 * place), &Outcome::Pass);
            }
        };
        passes(&mut all, 0, 3 + quiet);
        passes(&mut read, 0, 3);
        prop_assert!(read.is_quiet());
        read.all_passed(start() + secs(3 * quiet));
        passes(&mut read, quiet, 3 + quiet);
        let mut due = start() + secs(3 * (3 + quiet));
        for (agent, gap, failed) in evidence {
            due = due + Duration::from_millis(1_000 + 100 * gap);
            let outcome = if failed { FAIL } else { Outcome::Pass };
            let states = [&mut all, &mut read].map(|trial| give(trial, agent, due, &outcome));
            prop_assert_eq!(states[0], states[1]);
        }
    }
}
