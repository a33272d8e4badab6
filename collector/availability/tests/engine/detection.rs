//! How long a fault takes to be decided, and how rarely nothing is taken for a fault.

use std::time::Duration;

use bongsu_model::CellState;

use crate::sim::{Effect, LOGIN, Layout, Scope, Sim, cell_key, secs};

const REGION: Layout = Layout {
    regions: 1,
    agents: 3,
    message: false,
    noise: 0.0,
};

fn detections(layout: Layout, effect: Effect, count: u64) -> Vec<Duration> {
    let detection = |seed| {
        let mut sim = Sim::with(layout, bongsu_availability::Settings::default(), seed);
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

#[test]
fn the_documented_noise_alone_turns_nothing_down() {
    // 100 cells for twelve hours are 50 cell-days; the example `false_alarms` runs cell-years.
    let layout = Layout {
        regions: 25,
        noise: 0.01,
        ..REGION
    };
    let mut sim = Sim::with(layout, bongsu_availability::Settings::default(), 7);
    sim.run(secs(3 * 3600));
    assert_eq!(sim.entered(CellState::Down), 0);
    assert!(sim.runs > 32_000);
}
