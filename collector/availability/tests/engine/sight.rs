//! What is not seen is unknown: silent regions, blind fleets, outliers, a collector away.

use std::time::Duration;

use bongsu_availability::{
    Change, Event, FeatureView, FleetState, MaintenanceWindow, Presence, QuarantineStep, Roster,
    Scope as Covers, Settings,
};
use bongsu_model::{CellState, FeatureState, Overlay};
use proptest::prelude::*;

use crate::sim::{
    DEMO, Effect, LOGIN, Scope, Sim, TEXT, agent_id, cell_key, feature_id, region_id, roster, secs,
};

#[test]
fn a_feature_without_a_journey_is_unmeasured() {
    let mut sim = Sim::new(DEMO);
    sim.run(secs(60));
    let board = sim.board();
    let photo = board
        .features
        .iter()
        .find(|f| f.feature.as_str() == "talk.message.photo");
    assert_eq!(photo.unwrap().state, FeatureState::Unmeasured);
    assert_eq!(board.features.len(), 3);
}

#[test]
fn a_fleet_that_has_not_run_yet_is_unknown_then_up() {
    let mut sim = Sim::new(DEMO);
    assert_eq!(sim.state(LOGIN), FeatureState::Unknown);
    sim.run(secs(20));
    assert_eq!(sim.state(LOGIN), FeatureState::Operational);
    let coverage = sim.feature(LOGIN).availability.hour.coverage;
    assert!(coverage < 0.01, "twenty seconds are no hour: {coverage}");
}

#[test]
fn a_silent_region_is_unknown_and_costs_no_availability() {
    let mut sim = Sim::new(DEMO);
    sim.run(secs(600));
    sim.set(Scope::region(2), Effect::Silent);
    sim.run(secs(300));
    assert_eq!(sim.cell(LOGIN, 2).state, CellState::Unknown);
    assert_eq!(sim.cell(LOGIN, 2).blocked_by, None);
    assert!(sim.cell(LOGIN, 2).samples.missed > 70);
    assert_eq!(
        sim.state(LOGIN),
        FeatureState::Operational,
        "two of three regions see it"
    );
    let availability = sim.feature(LOGIN).availability.minutes_5;
    assert_eq!(availability.own, Some(1.0));
    assert!(
        (0.6..0.72).contains(&availability.coverage),
        "{}",
        availability.coverage
    );
    let lost = sim
        .engine
        .agents(sim.now)
        .into_iter()
        .filter(|a| a.presence == Presence::Lost);
    assert_eq!(lost.count(), 3);
    assert_eq!(sim.entered(CellState::Down), 0);
}

#[test]
fn a_fleet_that_is_blind_turns_nothing_down_and_says_so() {
    let mut sim = Sim::new(DEMO);
    sim.run(secs(120));
    sim.set(Scope::default(), Effect::Blind);
    sim.run(secs(120));
    assert_eq!(sim.state(LOGIN), FeatureState::Unknown);
    assert_eq!(sim.state(TEXT), FeatureState::Unknown);
    assert_eq!(sim.feature(TEXT).blocked_by, None);
    assert_eq!(sim.entered(CellState::Down), 0);
    let fleet = sim.engine.fleet(sim.now);
    assert_eq!(fleet.state, FleetState::Blind);
    assert_eq!((fleet.blind.len(), fleet.present), (9, 9));
    sim.mend();
    sim.run(secs(60));
    assert_eq!(sim.engine.fleet(sim.now).state, FleetState::Sighted);
    assert_eq!(sim.state(TEXT), FeatureState::Operational);
}

#[test]
fn agents_that_were_blind_and_went_silent_do_not_keep_the_fleet_blind() {
    let mut sim = Sim::new(DEMO);
    sim.set(Scope::default(), Effect::Blind);
    sim.run(secs(60));
    assert_eq!(sim.engine.fleet(sim.now).state, FleetState::Blind);
    sim.mend();
    sim.set(Scope::default(), Effect::Silent);
    sim.run(secs(60));
    let fleet = sim.engine.fleet(sim.now);
    assert_eq!((fleet.state, fleet.present), (FleetState::Sighted, 0));
    assert_eq!(sim.state(LOGIN), FeatureState::Unknown);
}

/// What the fleet's sight did.
fn glances(sim: &Sim) -> Vec<FleetState> {
    let moves = sim.log.iter().filter_map(|t| match &t.change {
        Change::Fleet { to, .. } => Some(*to),
        _ => None,
    });
    moves.collect()
}

/// A fleet that is cut off from everything for `cut`, the collector too, which is back `later`.
fn cut_off(seed: u64, cut: Duration, later: Duration) -> Sim {
    let mut sim = Sim::with(DEMO, Settings::default(), seed);
    let phase = sim.random();
    sim.run(secs(120) + secs(10).mul_f64(phase));
    sim.collector_goes();
    sim.set(Scope::default(), Effect::Blind);
    sim.run(cut);
    sim.mend();
    sim.run(later);
    sim.collector_returns();
    sim.run(secs(60));
    sim
}

#[test]
fn a_backlog_of_blind_runs_pages_nobody() {
    for seed in 0..20 {
        let cut = secs(15 + 3 * seed);
        let late = cut_off(seed, cut, secs(15));
        assert_eq!(glances(&late), [], "all came after their slots had settled");
        let fresh = cut_off(seed, cut, secs(0));
        let told = glances(&fresh);
        assert!(
            told.is_empty() || told == [FleetState::Blind, FleetState::Sighted],
            "what came in time is told once: {told:?}"
        );
        assert_eq!(fresh.state(LOGIN), FeatureState::Operational);
        assert_eq!(fresh.entered(CellState::Down), 0);
    }
}

#[test]
fn a_fleet_is_blind_from_a_third_on_and_sees_again_below_a_sixth() {
    let mut sim = Sim::new(DEMO);
    sim.run(secs(60));
    for (blind, expected) in [
        (3, FleetState::Sighted),
        (4, FleetState::Blind),
        (3, FleetState::Blind),
        (2, FleetState::Blind),
        (1, FleetState::Sighted),
        (3, FleetState::Sighted),
    ] {
        sim.mend();
        for agent in 0..blind {
            sim.set(Scope::agent(agent), Effect::Blind);
        }
        sim.run(secs(60));
        assert_eq!(sim.engine.fleet(sim.now).state, expected, "{blind} of 9");
    }
    assert_eq!(glances(&sim), [FleetState::Blind, FleetState::Sighted]);
}

#[test]
fn an_agent_that_always_fails_is_quarantined_and_turns_nothing_down() {
    let mut sim = Sim::new(DEMO);
    sim.run(secs(120));
    let broken = sim.now;
    sim.set(Scope::agent(4), Effect::Fail(1.0));
    sim.run(secs(2 * 3600));
    assert_eq!(sim.entered(CellState::Down), 0);
    let held = sim.log.iter().find(|transition| {
        matches!(
            &transition.change,
            Change::Quarantine {
                step: QuarantineStep::Held { .. },
                ..
            }
        )
    });
    assert!(held.unwrap().at.since(broken) < secs(300));
    let cell = sim.cell(LOGIN, 1);
    assert_eq!(cell.quarantined, [agent_id(4)]);
    assert_eq!((cell.agents, cell.seeing), (2, 2));
    assert_eq!(cell.state, CellState::Up);
    assert_eq!(cell.samples.fail, 0, "all it ran is blind");
    assert_eq!(cell.samples.blind, 360);
    assert_eq!(cell.availability.hours_24.own, Some(1.0));
    let text = sim.feature(TEXT).availability.hour;
    assert_eq!(
        (text.own, text.perceived),
        (Some(1.0), Some(1.0)),
        "it blocked only itself"
    );
    let view = sim.engine.agents(sim.now).into_iter().nth(4).unwrap();
    assert!(view.outlier);
    assert_eq!(sim.engine.fleet(sim.now).outliers, [agent_id(4)]);

    sim.mend();
    sim.run(secs(200));
    assert!(
        sim.cell(LOGIN, 1).quarantined.is_empty(),
        "fourteen passes in a row"
    );
}

#[test]
fn an_always_failing_agent_in_a_noisy_fleet_turns_nothing_down() {
    let layout = crate::sim::Layout {
        noise: 0.01,
        ..DEMO
    };
    let mut sim = Sim::new(layout);
    sim.set(Scope::agent(4), Effect::Fail(1.0));
    sim.run(secs(3 * 3600));
    assert_eq!(sim.entered(CellState::Down), 0);
    let own = sim.cell(LOGIN, 1).availability.hour.own.unwrap();
    assert!(own > 0.95, "its failures are not charged: {own}");
}

#[test]
fn an_outage_ends_the_quarantine_of_an_agent_that_was_right() {
    let mut sim = Sim::new(DEMO);
    sim.run(secs(120));
    sim.set(Scope::agent(0), Effect::Fail(1.0));
    sim.run(secs(300));
    assert_eq!(sim.cell(LOGIN, 0).quarantined, [agent_id(0)]);
    sim.set(Scope::feature(LOGIN), Effect::Fail(1.0));
    let took = sim
        .run_until(&cell_key(LOGIN, 0), CellState::Down, secs(60))
        .unwrap();
    assert!(took <= secs(21), "{took:?}");
    assert!(sim.cell(LOGIN, 0).quarantined.is_empty());
}

#[test]
fn a_backlog_after_the_collector_was_away_pages_nobody_and_fills_history_in() {
    let mut sim = Sim::new(DEMO);
    sim.run(secs(1200));
    sim.collector_goes();
    sim.run(secs(120));
    // An outage that nobody could be told of, over before the collector is back.
    sim.set(Scope::feature(LOGIN), Effect::Fail(1.0));
    sim.run(secs(300));
    sim.mend();
    sim.run(secs(180));
    sim.collector_returns();
    sim.run(secs(3));
    let missed = sim.cell(LOGIN, 0).samples.missed;
    assert!(missed > 100, "not told yet: {missed}");
    sim.run(secs(120));
    assert_eq!(sim.entered(CellState::Down), 0, "late data moves no state");
    let cell = sim.cell(LOGIN, 0);
    assert_eq!(cell.samples.missed, 0);
    assert_eq!(cell.samples.fail, 90);
    let own = cell.availability.hour.own.unwrap();
    assert!((own - (1920.0 - 300.0) / 1920.0).abs() < 0.01, "{own}");
    assert!(sim.engine.counters().revised > 300);
    assert_eq!(sim.state(LOGIN), FeatureState::Operational);
    assert!(
        sim.path(LOGIN).contains(&FeatureState::Unknown),
        "nothing was seen meanwhile"
    );
}

#[test]
fn announced_work_is_maintenance_and_leaves_availability() {
    let mut sim = Sim::new(DEMO);
    sim.run(secs(600));
    let window = |sim: &Sim, declared| MaintenanceWindow {
        targets: Covers::All,
        features: Covers::Only([feature_id(LOGIN)].into()),
        regions: Covers::All,
        from: sim.now + secs(60),
        until: sim.now + secs(360),
        declared,
    };
    let announced = window(&sim, sim.now);
    sim.give(Event::Maintenance(announced));
    sim.run(secs(60));
    sim.set(Scope::feature(LOGIN), Effect::Fail(1.0));
    sim.run(secs(200));
    assert_eq!(sim.state(LOGIN), FeatureState::Maintenance);
    assert!(sim.cell(LOGIN, 0).overlays.contains(&Overlay::Maintenance));
    assert_eq!(sim.feature(LOGIN).availability.hour.own, Some(1.0));
    assert!(sim.engine.incidents(&crate::sim::target()).is_empty());
    // It overruns: from the declared end on it counts.
    sim.run(secs(220));
    assert_eq!(sim.state(LOGIN), FeatureState::MajorOutage);
    let own = sim.feature(LOGIN).availability.hour.own.unwrap();
    assert!((0.8..0.9).contains(&own), "two minutes of thirteen: {own}");
    assert_eq!(sim.engine.incidents(&crate::sim::target()).len(), 1);
}

#[test]
fn work_that_is_declared_late_is_a_label_only() {
    let mut sim = Sim::new(DEMO);
    sim.run(secs(300));
    sim.set(Scope::feature(LOGIN), Effect::Fail(1.0));
    sim.run(secs(60));
    let late = MaintenanceWindow {
        targets: Covers::All,
        features: Covers::All,
        regions: Covers::All,
        from: sim.now - secs(60),
        until: sim.now + secs(600),
        declared: sim.now,
    };
    sim.give(Event::Maintenance(late));
    sim.run(secs(60));
    assert_eq!(sim.state(LOGIN), FeatureState::MajorOutage);
    assert!(sim.cell(LOGIN, 0).overlays.contains(&Overlay::Maintenance));
    assert!(sim.feature(LOGIN).availability.hour.own.unwrap() < 0.8);
}

#[test]
fn the_slots_of_an_agent_end_when_it_leaves_the_list_not_when_it_stops() {
    let mut sim = Sim::new(DEMO);
    sim.run(secs(300));
    sim.set(Scope::agent(0), Effect::Silent);
    sim.run(secs(300));
    let missed = sim.cell(LOGIN, 0).samples.missed;
    assert!((27..=30).contains(&missed), "{missed}");
    let mut without = roster(DEMO);
    without.agents.remove(0);
    sim.give(Event::Roster(Roster {
        agents: without.agents,
        regions: without.regions,
    }));
    sim.run(secs(300));
    let after = sim.cell(LOGIN, 0).samples.missed;
    assert!(after - missed <= 2, "{missed} before, {after} after");
    assert_eq!(sim.cell(LOGIN, 0).agents, 2);
    assert_eq!(sim.cell(LOGIN, 0).region, region_id(0));
}

fn effect() -> impl Strategy<Value = Effect> {
    prop_oneof![
        Just(Effect::Fail(1.0)),
        Just(Effect::Fail(0.4)),
        Just(Effect::Slow),
        Just(Effect::Blind),
        Just(Effect::Silent),
    ]
}

fn scope() -> impl Strategy<Value = Scope> {
    let feature = prop_oneof![Just(None), Just(Some(LOGIN)), Just(Some(TEXT))];
    let place = (
        proptest::option::of(0_usize..3),
        proptest::option::of(0_usize..9),
    );
    (feature, place).prop_map(|(feature, (region, agent))| Scope {
        feature,
        region,
        agent,
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(12) })]

    #[test]
    fn whatever_happens_states_follow_from_what_is_seen(
        spells in proptest::collection::vec((scope(), effect(), 10_u64..90, 0_u64..60), 1..6),
    ) {
        let mut sim = Sim::new(DEMO);
        sim.run(secs(30));
        for (scope, effect, length, quiet) in spells {
            sim.set(scope, effect);
            for step in 0..length + quiet {
                if step == length {
                    sim.mend();
                }
                sim.run(secs(1));
                for feature in sim.board().features {
                    is_sound(&feature)?;
                }
            }
        }
    }
}

fn is_sound(feature: &FeatureView) -> Result<(), TestCaseError> {
    for cell in &feature.regions {
        let blind = cell.seeing < cell.agents.clamp(1, 2);
        prop_assert_eq!(cell.state == CellState::Unknown, blind, "{:?}", cell);
        prop_assert!(cell.blocked_by.is_none() || blind);
        prop_assert!(cell.state != CellState::Up || cell.score < 1.0);
        prop_assert!(cell.state != CellState::Down || cell.onset.is_some());
        for window in [cell.availability.minutes_5, cell.availability.hour] {
            prop_assert!((0.0..=1.0).contains(&window.coverage), "{:?}", window);
            prop_assert!(window.own.is_none_or(|own| (0.0..=1.0).contains(&own)));
            prop_assert!(window.own.is_some() || window.coverage == 0.0);
        }
    }
    let down = feature
        .regions
        .iter()
        .filter(|cell| cell.state == CellState::Down)
        .count();
    let unknown = feature
        .regions
        .iter()
        .filter(|cell| cell.state == CellState::Unknown)
        .count();
    let expected = match (down, unknown) {
        _ if feature.regions.is_empty() => FeatureState::Unmeasured,
        (_, 2 | 3) => FeatureState::Unknown,
        (2 | 3, _) => FeatureState::MajorOutage,
        (1, 0) if feature.state == FeatureState::MajorOutage => {
            return Err(TestCaseError::fail("a third is less than 0.34"));
        }
        // One of two in sight: major only if it was before.
        (1, 1) if feature.state == FeatureState::MajorOutage => FeatureState::MajorOutage,
        (1, _) => FeatureState::PartialOutage,
        _ => {
            let rest = [
                FeatureState::Operational,
                FeatureState::Degraded,
                FeatureState::Recovering,
            ];
            prop_assert!(rest.contains(&feature.state), "{:?}", feature);
            return Ok(());
        }
    };
    prop_assert_eq!(feature.state, expected);
    Ok(())
}
