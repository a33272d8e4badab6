//! The recovery clock of a feature: which regions keep it going, and when its limits are told.

use bongsu_availability::{Change, RecoveryClock, RecoveryRow, RecoveryState, RtoAlarm};
use bongsu_model::Timestamp;

use crate::sim::{DEMO, Effect, LOGIN, Scope, Sim, TEXT, feature_id, secs, target};

fn row(sim: &Sim, feature: &str) -> RecoveryRow {
    let newest = sim.engine.recoveries(&target(), sim.now).remove(0);
    let mut rows = newest.rows.into_iter();
    rows.find(|row| row.feature.as_str() == feature)
        .expect("it was affected")
}

fn clock(sim: &Sim, feature: &str) -> RecoveryClock {
    row(sim, feature).clock.expect("it failed by itself")
}

/// The alarms of a feature, with when they were told.
fn alarms(sim: &Sim, feature: &str) -> Vec<(Timestamp, RtoAlarm)> {
    let told = sim.log.iter().filter_map(|told| match &told.change {
        Change::Rto {
            feature: of, alarm, ..
        } if *of == feature_id(feature) => Some((told.at, *alarm)),
        _ => None,
    });
    told.collect()
}

#[test]
fn a_region_that_is_only_blocked_keeps_no_clock_going() {
    let mut sim = Sim::new(DEMO);
    sim.run(secs(120));
    let blocking = Scope::feature(LOGIN).in_region(1);
    sim.set(blocking.clone(), Effect::Fail(1.0));
    sim.set(Scope::feature(TEXT).in_region(0), Effect::Fail(1.0));
    sim.run(secs(120));
    sim.mend();
    sim.set(blocking, Effect::Fail(1.0));
    sim.run(secs(25 * 60));
    let text = row(&sim, TEXT);
    let states: Vec<_> = text.regions.iter().map(|region| region.state).collect();
    assert_eq!(states, [RecoveryState::Verified, RecoveryState::Blocked]);
    let stopped = text.clock.unwrap().stopped;
    assert_eq!(
        stopped, text.regions[0].first_pass,
        "its own failure is over"
    );
    assert!(clock(&sim, TEXT).elapsed(sim.now) < secs(200));
    assert_eq!(alarms(&sim, TEXT), []);
    assert_eq!(alarms(&sim, LOGIN).len(), 2);
}

#[test]
fn in_another_incident_every_region_has_an_onset_of_that_one() {
    let mut sim = Sim::new(DEMO);
    sim.run(secs(120));
    // Messages stay down in one region and keep the outage open.
    let text = Scope::feature(TEXT).in_region(2);
    let both = || [0, 1].map(|region| Scope::feature(LOGIN).in_region(region));
    sim.set(text.clone(), Effect::Fail(1.0));
    sim.run(secs(300));
    for scope in both() {
        sim.set(scope, Effect::Fail(1.0));
    }
    sim.run(secs(60));
    sim.mend();
    sim.set(text, Effect::Fail(1.0));
    sim.run(secs(20 * 60));
    let again = sim.now;
    for scope in both() {
        sim.set(scope, Effect::Fail(1.0));
    }
    sim.run(secs(60));
    assert_eq!(sim.engine.recoveries(&target(), sim.now).len(), 1);
    let login = row(&sim, LOGIN);
    let onsets = login.regions.iter().map(|region| region.onset.unwrap());
    assert!(onsets.clone().all(|onset| onset >= again), "{login:?}");
    assert_eq!(login.clock.unwrap().started, onsets.min().unwrap());
}

/// An outage that is mended so many seconds before its clock is over; when the clock started.
fn mended_before_the_breach(sim: &mut Sim, left: u64) -> Timestamp {
    sim.run(secs(120));
    sim.set(Scope::feature(LOGIN), Effect::Fail(1.0));
    sim.run(secs(60));
    let started = clock(sim, LOGIN).started;
    let mended = started + secs(20 * 60 - left);
    sim.run(mended.since(sim.now));
    sim.mend();
    started
}

#[test]
fn a_limit_that_was_kept_is_not_told_before_the_passes_are_enough_to_know_it() {
    let mut sim = Sim::new(DEMO);
    let started = mended_before_the_breach(&mut sim, 20);
    let warned = [(started + secs(600), RtoAlarm::Warn)];
    // The limit passes among the first of the passes.
    sim.run(secs(25));
    let running = clock(&sim, LOGIN);
    assert_eq!(running.stopped, None);
    assert!(sim.now > running.breach_at && running.passing < Some(running.breach_at));
    assert_eq!(running.reached(sim.now), Some(RtoAlarm::Warn));
    assert_eq!(alarms(&sim, LOGIN), warned);
    sim.run(secs(120));
    let stopped = clock(&sim, LOGIN);
    assert_eq!(stopped.stopped, running.passing);
    assert_eq!(stopped.reached(sim.now), Some(RtoAlarm::Warn));
    assert_eq!(alarms(&sim, LOGIN), warned);
}

#[test]
fn a_limit_is_told_as_soon_as_the_passes_end_that_might_have_kept_it() {
    let mut sim = Sim::new(DEMO);
    let started = mended_before_the_breach(&mut sim, 20);
    sim.run(secs(30));
    assert_eq!(alarms(&sim, LOGIN).len(), 1);
    let again = sim.now;
    sim.set(Scope::feature(LOGIN).in_region(1), Effect::Fail(1.0));
    sim.run(secs(60));
    let told = alarms(&sim, LOGIN);
    let [(warned, RtoAlarm::Warn), (breached, RtoAlarm::Breach)] = told[..] else {
        panic!("{told:?}");
    };
    assert_eq!(warned, started + secs(600));
    assert!(
        breached > again && breached.since(again) < secs(10),
        "{told:?}"
    );
    assert_eq!(clock(&sim, LOGIN).reached(sim.now), Some(RtoAlarm::Breach));
}

#[test]
fn passes_that_nobody_sees_go_on_hold_no_limit_back() {
    let mut sim = Sim::new(DEMO);
    let started = mended_before_the_breach(&mut sim, 30);
    sim.run(secs(15));
    sim.set(Scope::default(), Effect::Silent);
    sim.run(secs(120));
    let told = alarms(&sim, LOGIN);
    let [_, (breached, RtoAlarm::Breach)] = told[..] else {
        panic!("{told:?}");
    };
    // 2T + D + L after the last run was due.
    assert!(breached >= started + secs(20 * 60), "{told:?}");
    assert!(breached <= started + secs(20 * 60 + 40), "{told:?}");
}
