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
