//! The recovery of an outage: who was affected, how far each is, how much is back, in what time.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use bongsu_availability::{
    Change, IncidentClocks, RecoveryRow, RecoveryState, RecoveryStep, RecoveryView, Rto, RtoAlarm,
    Settings, Transition,
};
use bongsu_model::{CellState, FeatureId, RegionId, Timestamp};
use proptest::prelude::*;

use crate::sim::{
    DEMO, Effect, LOGIN, Scope, Sim, TEXT, cell_key, feature_id, region_id, secs, target,
};

fn recovery(sim: &Sim) -> RecoveryView {
    let all = sim.engine.recoveries(&target(), sim.now);
    all.into_iter().next().expect("there was an outage")
}

fn row(sim: &Sim, feature: &str) -> RecoveryRow {
    let rows = recovery(sim).rows;
    let row = rows.into_iter().find(|row| row.feature.as_str() == feature);
    row.expect("it was affected")
}

/// The states that a feature's recovery went through.
fn path(sim: &Sim, feature: &str) -> Vec<RecoveryState> {
    let states = sim.log.iter().filter_map(|t| match &t.change {
        Change::Recovery { feature: f, to, .. } if f.as_str() == feature => Some(*to),
        _ => None,
    });
    states.collect()
}

fn alarms(log: &[Transition]) -> Vec<(Timestamp, FeatureId, RtoAlarm)> {
    let alarms = log.iter().filter_map(|t| match &t.change {
        Change::Rto { feature, alarm, .. } => Some((t.at, feature.clone(), *alarm)),
        _ => None,
    });
    alarms.collect()
}

#[test]
fn a_login_outage_affects_what_it_blocks_and_ends_verified() {
    let mut sim = Sim::new(DEMO);
    sim.run(secs(300));
    assert!(sim.engine.recoveries(&target(), sim.now).is_empty());

    sim.set(Scope::feature(LOGIN), Effect::Fail(1.0));
    sim.run(secs(120));
    let out = recovery(&sim);
    assert_eq!(out.rows.len(), 2);
    assert_eq!((out.share.restored, out.share.affected), (0, 2));
    assert_eq!(out.share.weighted, 0.0);
    assert_eq!(out.ended, None);
    let incident = &sim.engine.incidents(&target())[0];
    assert_eq!(out.id, incident.id);
    assert_eq!(
        (out.onset, out.detected),
        (incident.onset, incident.detected)
    );
    let login = row(&sim, LOGIN);
    assert_eq!(login.state, RecoveryState::Down);
    assert_eq!((login.regions_up(), login.regions.len()), (0, 3));
    assert!(login.last_failure.is_some());
    assert_eq!(login.clock.unwrap().started, incident.onset);
    let text = row(&sim, TEXT);
    assert_eq!(text.state, RecoveryState::Blocked);
    assert_eq!(text.blocked_by, Some(feature_id(LOGIN)));
    assert_eq!(text.clock, None, "nothing of its own failed");

    let mended = sim.now;
    sim.mend();
    sim.run(secs(25));
    assert_eq!(row(&sim, LOGIN).state, RecoveryState::Recovering);
    // It is up, but nothing that was affected is back before it has passed often enough.
    assert_eq!(row(&sim, TEXT).state, RecoveryState::Recovering);
    assert_eq!(recovery(&sim).share.restored, 0);
    sim.run(secs(75));
    let back = recovery(&sim);
    assert_eq!((back.share.restored, back.share.affected), (2, 2));
    assert_eq!(back.share.weighted, 1.0);
    assert_eq!(row(&sim, LOGIN).state, RecoveryState::Recovered);
    let clock = row(&sim, LOGIN).clock.unwrap();
    let stopped = clock.stopped.unwrap();
    assert!(
        stopped >= mended && stopped.since(mended) <= secs(10),
        "from the first pass on"
    );
    assert_eq!(clock.elapsed(sim.now), stopped.since(clock.started));

    sim.run(secs(17 * 60));
    let over = recovery(&sim);
    assert!(over.ended.is_some());
    assert_eq!(row(&sim, LOGIN).state, RecoveryState::Verified);
    assert_eq!(row(&sim, TEXT).state, RecoveryState::Verified);
    assert_eq!(
        path(&sim, LOGIN),
        [
            RecoveryState::Down,
            RecoveryState::Recovering,
            RecoveryState::Recovered,
            RecoveryState::Verified,
        ]
    );
    assert_eq!(alarms(&sim.log), [], "it was back in time");
}

#[test]
fn the_percentage_falls_on_a_relapse_within_the_same_incident() {
    let mut sim = Sim::new(DEMO);
    sim.run(secs(120));
    sim.set(Scope::feature(LOGIN).in_region(0), Effect::Fail(1.0));
    sim.set(Scope::feature(LOGIN).in_region(1), Effect::Fail(1.0));
    sim.run(secs(60));
    assert_eq!(
        row(&sim, LOGIN).regions.len(),
        2,
        "the third was not affected"
    );
    sim.mend();
    sim.run(secs(120));
    let back = recovery(&sim);
    assert_eq!(back.share.weighted, 1.0);
    let first = row(&sim, LOGIN).clock.unwrap();
    assert!(first.stopped.is_some());

    sim.set(Scope::feature(LOGIN).in_region(0), Effect::Fail(1.0));
    sim.run(secs(60));
    let again = recovery(&sim);
    assert_eq!(again.id, back.id);
    assert_eq!(again.incidents.len(), 1);
    assert!(again.share.weighted < back.share.weighted);
    assert_eq!(again.share.restored, 0);
    let login = row(&sim, LOGIN);
    assert_eq!(
        login.state,
        RecoveryState::Recovering,
        "one region of two is up"
    );
    assert_eq!((login.regions_up(), login.relapses), (1, 1));
    assert_eq!(login.share(), 0.5);
    let clock = login.clock.unwrap();
    assert_eq!((clock.started, clock.stopped), (first.started, None));
    let incident = sim.engine.incidents(&target()).remove(0);
    assert_eq!((incident.id.clone(), incident.relapses), (again.id, 1));

    sim.mend();
    sim.run(secs(300));
    let stopped = row(&sim, LOGIN).clock.unwrap().stopped;
    let incident = sim.engine.incidents(&target()).remove(0);
    assert!(stopped > first.stopped, "the last unbroken streak counts");
    assert_eq!(stopped, incident.resolved);
    assert_eq!(recovery(&sim).share.weighted, 1.0);
}

#[test]
fn runs_that_pass_among_failures_are_a_recovery_and_not_yet_back() {
    let mut sim = Sim::new(DEMO);
    sim.run(secs(120));
    sim.set(Scope::feature(LOGIN), Effect::Fail(1.0));
    sim.run(secs(90));
    assert_eq!(row(&sim, LOGIN).state, RecoveryState::Down);
    sim.mend();
    sim.set(Scope::feature(LOGIN), Effect::Alternate);
    sim.run(secs(60));
    assert_eq!(sim.cell(LOGIN, 0).state, CellState::Down);
    assert_eq!(row(&sim, LOGIN).state, RecoveryState::Recovering);
    assert_eq!(row(&sim, LOGIN).regions_up(), 0);
    sim.mend();
    sim.set(Scope::feature(LOGIN), Effect::Fail(1.0));
    sim.run(secs(120));
    assert_eq!(row(&sim, LOGIN).state, RecoveryState::Down);
}

#[test]
fn what_nobody_sees_any_more_is_not_back() {
    let mut sim = Sim::new(DEMO);
    sim.run(secs(120));
    sim.set(Scope::feature(LOGIN).in_region(0), Effect::Fail(1.0));
    sim.run(secs(60));
    sim.mend();
    sim.run(secs(120));
    assert_eq!(recovery(&sim).share.weighted, 1.0);
    sim.set(Scope::region(0), Effect::Silent);
    sim.run(secs(60));
    let out = recovery(&sim);
    assert_eq!(row(&sim, LOGIN).state, RecoveryState::NoSight);
    assert_eq!(out.share.restored, 0);
    assert!(out.share.weighted < 1.0);
    let clock = row(&sim, LOGIN).clock.unwrap();
    assert!(clock.stopped.is_some(), "sight that is lost is no relapse");
    assert_eq!(out.relapses, 0);
}

#[test]
fn the_clock_warns_after_10_minutes_and_is_over_after_20() {
    let mut sim = Sim::new(DEMO);
    sim.run(secs(120));
    sim.set(Scope::feature(LOGIN), Effect::Fail(1.0));
    sim.run(secs(25 * 60));
    let started = row(&sim, LOGIN).clock.unwrap().started;
    let minutes = |n: u64| started + secs(n * 60);
    assert_eq!(
        alarms(&sim.log),
        [
            (minutes(10), feature_id(LOGIN), RtoAlarm::Warn),
            (minutes(20), feature_id(LOGIN), RtoAlarm::Breach),
        ],
        "once each, and none for what is only blocked"
    );
    let log = recovery(&sim).log;
    let kept = log
        .iter()
        .filter(|e| matches!(e.step, RecoveryStep::Alarm(_)));
    assert_eq!(kept.count(), 2);
    let clock = row(&sim, LOGIN).clock.unwrap();
    assert_eq!(clock.reached(sim.now), Some(RtoAlarm::Breach));
}

#[test]
fn limits_are_what_the_settings_say_and_those_that_passed_unseen_are_told_at_once() {
    let settings = Settings {
        rto: Rto {
            warn: secs(2),
            breach: secs(3),
        },
        ..Settings::default()
    };
    let mut sim = Sim::with(DEMO, settings, 1);
    sim.run(secs(120));
    sim.set(Scope::feature(LOGIN).in_region(0), Effect::Fail(1.0));
    sim.run(secs(60));
    let told = alarms(&sim.log);
    assert_eq!(
        told.iter().map(|(_, _, alarm)| *alarm).collect::<Vec<_>>(),
        [RtoAlarm::Warn, RtoAlarm::Breach]
    );
    let detected = recovery(&sim).detected;
    assert!(told.iter().all(|(at, _, _)| *at == detected));
}

#[test]
fn a_feature_that_fails_again_in_another_incident_of_the_outage_begins_another_clock() {
    let mut sim = Sim::new(DEMO);
    sim.run(secs(120));
    // Messages stay down in one region and keep the outage open.
    let text = Scope::feature(TEXT).in_region(2);
    sim.set(text.clone(), Effect::Fail(1.0));
    sim.run(secs(300));
    sim.set(Scope::feature(LOGIN).in_region(0), Effect::Fail(1.0));
    sim.run(secs(60));
    let first = row(&sim, LOGIN);
    sim.mend();
    sim.set(text, Effect::Fail(1.0));
    sim.run(secs(20 * 60));
    assert_eq!(row(&sim, LOGIN).state, RecoveryState::Verified);
    sim.set(Scope::feature(LOGIN).in_region(0), Effect::Fail(1.0));
    sim.run(secs(60));
    let again = row(&sim, LOGIN);
    assert_eq!(
        sim.engine.recoveries(&target(), sim.now).len(),
        1,
        "one outage"
    );
    assert_eq!(recovery(&sim).incidents.len(), 3);
    assert_ne!(again.incident, first.incident);
    assert!(again.clock.unwrap().started > first.clock.unwrap().started + secs(20 * 60));
    assert_eq!(again.relapses, 1);
}

#[test]
fn an_outage_ends_with_its_last_incident_and_the_next_is_another() {
    let mut sim = Sim::new(DEMO);
    sim.run(secs(120));
    sim.set(Scope::feature(LOGIN).in_region(0), Effect::Fail(1.0));
    sim.run(secs(60));
    sim.mend();
    sim.run(secs(20 * 60));
    let first = recovery(&sim);
    assert!(first.ended.is_some());
    assert_eq!(first.present(), first.ended.unwrap());
    sim.set(Scope::feature(TEXT), Effect::Fail(1.0));
    sim.run(secs(60));
    let all = sim.engine.recoveries(&target(), sim.now);
    assert_eq!(all.len(), 2);
    assert_eq!(all[0].ended, None);
    assert_eq!(all[0].rows[0].feature, feature_id(TEXT));
    assert_eq!((&all[1].id, &all[1].rows), (&first.id, &first.rows));
}

#[test]
fn the_clocks_of_an_incident_count_from_the_first_failure_and_from_the_recovery() {
    let mut sim = Sim::new(DEMO);
    sim.run(secs(120));
    sim.set(Scope::feature(LOGIN), Effect::Fail(1.0));
    sim.run(secs(120));
    let incident = sim.engine.incidents(&target()).remove(0);
    let onset = incident.onset;
    let clocks = IncidentClocks::of(&incident, Some(onset + secs(90)));
    let at = |name: &str| {
        let named = clocks.named().into_iter().find(|(known, _)| *known == name);
        named.unwrap().1
    };
    assert_eq!(at("t_fail_first"), Some(onset));
    assert_eq!(at("t_detect"), Some(incident.detected));
    assert_eq!(at("t_announce"), Some(onset + secs(90)));
    assert_eq!(at("t_20m"), Some(onset + secs(1_200)));
    assert_eq!(at("t_30m_dc"), Some(onset + secs(1_800)));
    assert_eq!(at("t_2h"), Some(onset + secs(7_200)));
    assert_eq!(at("t_4h"), Some(onset + secs(14_400)));
    for none in ["t_recover_first", "t_recover_sustained", "t_30d"] {
        assert_eq!(at(none), None);
    }

    sim.mend();
    sim.run(secs(25));
    let first = sim.engine.incidents(&target()).remove(0).recover_first;
    assert!(first.is_some());
    sim.set(Scope::feature(LOGIN), Effect::Fail(1.0));
    sim.run(secs(60));
    sim.mend();
    sim.run(secs(300));
    let incident = sim.engine.incidents(&target()).remove(0);
    let clocks = IncidentClocks::of(&incident, None);
    assert_eq!(
        clocks.recover_first, first,
        "the first recovery, though it did not last"
    );
    assert!(clocks.recover_sustained > first);
    let damages = clocks.recover_sustained.unwrap() + secs(30 * 24 * 3600);
    assert_eq!(clocks.days_30, Some(damages));
    let timeline = &incident.timeline;
    assert_eq!(timeline.first().unwrap().at, incident.detected);
    let told = sim
        .log
        .iter()
        .filter(|t| matches!(&t.change, Change::Incident { .. }));
    assert_eq!(timeline.len(), told.count());
}

#[derive(Debug, Clone)]
struct Weather {
    effect: Option<Effect>,
    feature: &'static str,
    region: usize,
    seconds: u64,
}

fn weather() -> impl Strategy<Value = Weather> {
    let effect = prop_oneof![
        4 => Just(None),
        3 => Just(Some(Effect::Fail(1.0))),
        1 => Just(Some(Effect::Fail(0.5))),
        1 => Just(Some(Effect::Silent)),
    ];
    (
        effect,
        prop_oneof![Just(LOGIN), Just(TEXT)],
        0..2_usize,
        20_u64..140,
    )
        .prop_map(|(effect, feature, region, seconds)| Weather {
            effect,
            feature,
            region,
            seconds,
        })
}

/// Every region of every affected feature: whether it is back, and how often it relapsed.
type Spots = BTreeMap<(FeatureId, RegionId), (bool, u32)>;

fn spots(view: &RecoveryView) -> Spots {
    let rows = view.rows.iter();
    rows.flat_map(|row| {
        row.regions.iter().map(|region| {
            let key = (row.feature.clone(), region.region.clone());
            (key, (region.state.is_restored(), region.relapses))
        })
    })
    .collect()
}

proptest! {
    #![proptest_config(ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::with_cases(24)
    })]

    #[test]
    fn the_affected_set_never_shrinks_and_a_relapse_lets_the_share_fall(
        days in proptest::collection::vec(weather(), 4..14),
    ) {
        let mut sim = Sim::new(crate::fleet::Layout { regions: 2, agents: 2, ..DEMO });
        sim.run(secs(100));
        let mut before: Option<RecoveryView> = None;
        for day in days {
            sim.mend();
            if let Some(effect) = day.effect {
                sim.set(Scope::feature(day.feature).in_region(day.region), effect);
            }
            for _ in 0..day.seconds / 2 {
                sim.run(secs(2));
                let now = sim.engine.recoveries(&target(), sim.now).into_iter().next();
                let last = std::mem::replace(&mut before, now.clone());
                let Some(now) = now else { continue };
                prop_assert!((0.0..=1.0).contains(&now.share.weighted));
                prop_assert!(now.share.restored <= now.share.affected);
                prop_assert_eq!(now.share.affected as usize, now.rows.len());
                let Some(last) = last.filter(|last| last.id == now.id) else { continue };
                let (old, new) = (spots(&last), spots(&now));
                let known: BTreeSet<_> = new.keys().collect();
                prop_assert!(old.keys().all(|spot| known.contains(spot)), "it shrank");
                let relapsed = old.iter().any(|(spot, (back, relapses))| {
                    *back && new[spot].1 > *relapses
                });
                let gained = new.iter().any(|(spot, (back, _))| {
                    *back && !old.get(spot).is_some_and(|(back, _)| *back)
                });
                if relapsed && !gained {
                    prop_assert!(now.share.weighted < last.share.weighted);
                }
                let all_back = new.values().all(|(back, _)| *back);
                prop_assert_eq!(all_back, now.share.restored == now.share.affected);
                prop_assert_eq!(all_back, (now.share.weighted - 1.0).abs() < 1e-9);
            }
        }
    }
}

#[test]
fn a_region_that_is_affected_later_joins_and_lets_the_share_fall() {
    let mut sim = Sim::new(DEMO);
    sim.run(secs(120));
    sim.set(Scope::feature(LOGIN).in_region(0), Effect::Fail(1.0));
    sim.run(secs(60));
    sim.mend();
    sim.run(secs(120));
    assert_eq!(recovery(&sim).share.weighted, 1.0);
    sim.set(Scope::feature(LOGIN).in_region(1), Effect::Fail(1.0));
    sim.run(secs(60));
    let out = recovery(&sim);
    assert_eq!(out.share.weighted, 0.5);
    let login = row(&sim, LOGIN);
    let regions: Vec<_> = login.regions.iter().map(|region| &region.region).collect();
    assert_eq!(regions, [&region_id(0), &region_id(1)]);
    assert_eq!(login.regions[1].relapses, 0);
    assert!(
        out.rows
            .iter()
            .all(|row| row.passes <= row.regions[0].passes)
    );
    assert!(Duration::ZERO < login.clock.unwrap().elapsed(sim.now));
    assert_eq!(sim.cell(LOGIN, 1).state, CellState::Down);
    assert_eq!(
        sim.engine.incidents(&target())[0].cells[0],
        cell_key(LOGIN, 0)
    );
}
