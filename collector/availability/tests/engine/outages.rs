//! Outages from fault to end, as the board and the incidents tell them.

use std::time::Duration;

use bongsu_availability::{Change, Event, IncidentPhase, IncidentStep};
use bongsu_model::{CellState, FeatureState, Outcome, Overlay, PlanRecord, Revision};

use crate::fleet::Journey;
use crate::script::{FAIL, Script, region_of};
use crate::sim::{
    DEMO, Effect, LOGIN, Layout, Scope, Sim, TEXT, agent_id, cell_key, feature_id, secs, target,
};

#[test]
fn a_login_outage_is_charged_to_login_and_blocks_messages() {
    let mut sim = Sim::new(DEMO);
    sim.run(secs(600));
    assert_eq!(sim.state(LOGIN), FeatureState::Operational);
    assert_eq!(sim.state(TEXT), FeatureState::Operational);

    let broken = sim.now;
    sim.set(Scope::feature(LOGIN), Effect::Fail(1.0));
    sim.run(secs(320));
    assert_eq!(sim.state(LOGIN), FeatureState::MajorOutage);
    for region in 0..3 {
        assert_eq!(sim.cell(LOGIN, region).state, CellState::Down);
        let text = sim.cell(TEXT, region);
        assert_eq!(text.state, CellState::Unknown);
        assert_eq!(text.blocked_by, Some(feature_id(LOGIN)));
        assert_eq!(text.samples.fail, 0, "nothing is charged to messages");
        assert!(text.samples.blocked > 80);
    }
    let text = sim.feature(TEXT);
    assert_eq!(text.state, FeatureState::Unknown);
    assert_eq!(text.blocked_by, Some(feature_id(LOGIN)));
    assert_eq!(
        text.availability.minutes_5.own, None,
        "nothing is known of it in this window"
    );
    assert_eq!(text.availability.minutes_5.perceived, Some(0.0));
    assert_eq!(text.availability.hour.own, Some(1.0));
    let perceived = text.availability.hour.perceived.unwrap();
    assert!(
        (0.6..0.7).contains(&perceived),
        "ten of fifteen minutes: {perceived}"
    );

    let incidents = sim.engine.incidents(&target());
    assert_eq!(incidents.len(), 1, "one outage, one incident");
    let incident = &incidents[0];
    assert_eq!(incident.root, feature_id(LOGIN));
    assert_eq!(incident.cells.len(), 3);
    assert_eq!(incident.blocked, [feature_id(TEXT)]);
    assert!(incident.onset >= broken && incident.onset.since(broken) <= secs(4));
    // A run that was due at the instant of the fault began in the millisecond after it.
    assert!(incident.onset_low.unwrap() <= broken + Duration::from_millis(1));
    assert_eq!(text.incident, Some(incident.id.clone()));

    let mended = sim.now;
    sim.mend();
    sim.run(secs(40));
    assert_eq!(sim.state(LOGIN), FeatureState::Recovering);
    assert_eq!(sim.state(TEXT), FeatureState::Operational);
    sim.run(secs(120));
    assert_eq!(sim.state(LOGIN), FeatureState::Operational);
    let incident = &sim.engine.incidents(&target())[0];
    assert_eq!(incident.phase, IncidentPhase::Resolved);
    let resolved = incident.resolved.unwrap();
    assert!(
        resolved >= mended && resolved.since(mended) <= secs(10),
        "from the first pass on"
    );
    sim.run(secs(16 * 60));
    assert_eq!(
        sim.engine.incidents(&target())[0].phase,
        IncidentPhase::Closed
    );
    let path = sim.path(LOGIN);
    let unknown = path.iter().filter(|state| **state == FeatureState::Unknown);
    assert_eq!(unknown.count(), 1, "only before the first runs: {path:?}");
}

#[test]
fn a_fault_in_one_region_is_a_partial_outage() {
    let mut sim = Sim::new(DEMO);
    sim.run(secs(120));
    sim.set(Scope::feature(TEXT).in_region(1), Effect::Fail(1.0));
    sim.run(secs(60));
    assert_eq!(sim.state(TEXT), FeatureState::PartialOutage);
    assert_eq!(sim.state(LOGIN), FeatureState::Operational);
    assert_eq!(sim.cell(TEXT, 1).state, CellState::Down);
    assert_eq!(
        sim.cell(TEXT, 1).last_failure.unwrap().region,
        cell_key(TEXT, 1).region
    );
    assert_eq!(sim.entered(CellState::Down), 1);
    let incident = &sim.engine.incidents(&target())[0];
    assert_eq!(incident.cells, [cell_key(TEXT, 1)]);
    assert!(!incident.evidence.is_empty());
}

#[test]
fn failures_in_both_features_within_two_minutes_are_one_incident_rooted_upstream() {
    let mut sim = Sim::new(DEMO);
    sim.run(secs(120));
    sim.set(Scope::feature(TEXT), Effect::Fail(1.0));
    sim.run(secs(60));
    sim.set(Scope::feature(LOGIN), Effect::Fail(1.0));
    sim.run(secs(60));
    let incidents = sim.engine.incidents(&target());
    assert_eq!(incidents.len(), 1);
    assert_eq!(incidents[0].root, feature_id(LOGIN));
    assert_eq!(incidents[0].cells.len(), 6);
    assert!(
        incidents[0].lost_sight,
        "messages are out of sight behind login"
    );
}

#[test]
fn a_relapse_belongs_to_the_same_incident() {
    let mut sim = Sim::new(DEMO);
    sim.run(secs(120));
    sim.set(Scope::feature(LOGIN).in_region(0), Effect::Fail(1.0));
    sim.run(secs(60));
    sim.mend();
    sim.run(secs(25));
    assert_eq!(sim.cell(LOGIN, 0).state, CellState::Recovering);
    sim.set(Scope::feature(LOGIN).in_region(0), Effect::Fail(1.0));
    sim.run(secs(15));
    assert_eq!(sim.cell(LOGIN, 0).state, CellState::Down);
    sim.mend();
    sim.run(secs(40));
    assert_eq!(sim.cell(LOGIN, 0).state, CellState::Recovering);
    sim.run(secs(200));
    assert_eq!(sim.cell(LOGIN, 0).state, CellState::Up);
    sim.set(Scope::feature(LOGIN).in_region(0), Effect::Fail(1.0));
    sim.run(secs(60));
    let incidents = sim.engine.incidents(&target());
    assert_eq!(
        incidents.len(),
        1,
        "it went down again before the quiet was over"
    );
    assert_eq!(incidents[0].relapses, 2);
    assert_eq!(incidents[0].phase, IncidentPhase::Open);
    assert!(sim.cell(LOGIN, 0).overlays.contains(&Overlay::Flapping));
    let opened = sim.log.iter().filter(|transition| {
        matches!(
            &transition.change,
            Change::Incident {
                step: IncidentStep::Opened,
                ..
            }
        )
    });
    assert_eq!(opened.count(), 1);
}

#[test]
fn half_of_the_runs_failing_is_a_partial_down_that_proves_its_end_longer() {
    let mut sim = Sim::new(DEMO);
    sim.run(secs(120));
    sim.set(Scope::feature(LOGIN).in_region(0), Effect::Fail(0.5));
    assert!(
        sim.run_until(&cell_key(LOGIN, 0), CellState::Down, secs(180))
            .is_some()
    );
    sim.run(secs(60));
    let cell = sim.cell(LOGIN, 0);
    assert_eq!(cell.state, CellState::Down);
    assert!(cell.overlays.contains(&Overlay::Partial));
    sim.mend();
    // 14 passes take 47 s at 18 runs a minute, 29 take 97 s.
    sim.run(secs(85));
    assert_eq!(sim.cell(LOGIN, 0).state, CellState::Recovering);
    sim.run(secs(40));
    assert_eq!(sim.cell(LOGIN, 0).state, CellState::Up);
}

#[test]
fn slow_is_degraded_not_down() {
    let mut sim = Sim::new(DEMO);
    sim.run(secs(120));
    sim.set(Scope::feature(LOGIN), Effect::Slow);
    sim.run(secs(180));
    let login = sim.feature(LOGIN);
    assert_eq!(login.state, FeatureState::Degraded);
    assert!(login.overlays.contains(&Overlay::Slow));
    assert_eq!(
        login.availability.minutes_5.own,
        Some(1.0),
        "slow still works"
    );
    assert_eq!(sim.entered(CellState::Down), 0);
    sim.mend();
    sim.run(secs(120));
    assert_eq!(sim.state(LOGIN), FeatureState::Operational);
}

#[test]
fn one_failure_is_a_suspicion_that_passes_dispel() {
    let mut sim = Sim::new(DEMO);
    // The next run of agent 0 is one of login's own journey.
    sim.run(secs(115));
    sim.set(Scope::agent(0), Effect::Fail(1.0));
    sim.run(secs(6));
    sim.mend();
    assert_eq!(sim.cell(LOGIN, 0).state, CellState::Suspect);
    sim.run(secs(60));
    assert_eq!(sim.cell(LOGIN, 0).state, CellState::Up);
    assert_eq!(sim.entered(CellState::Down), 0);
    let agent = sim.engine.agents(sim.now).into_iter().next().unwrap();
    assert!(agent.uncorroborated >= 1, "it feeds the estimate of p0");
    assert!(agent.quiet_runs > agent.uncorroborated);
}

#[test]
fn what_a_single_agent_says_is_of_low_confidence_and_never_major() {
    let mut sim = Sim::new(Layout {
        regions: 3,
        agents: 1,
        message: false,
        noise: 0.0,
    });
    sim.run(secs(120));
    sim.set(Scope::feature(LOGIN), Effect::Fail(1.0));
    sim.run(secs(120));
    assert_eq!(sim.cell(LOGIN, 0).state, CellState::Down);
    assert_eq!(
        sim.cell(LOGIN, 0).confidence,
        bongsu_availability::Confidence::Low
    );
    assert_eq!(sim.state(LOGIN), FeatureState::PartialOutage);
}

#[test]
fn tied_regions_with_alternating_results_do_not_flap() {
    let changes = changes_while_tied(Effect::Alternate);
    assert!(changes.len() <= 1, "{changes:?}");
    // At random, a dozen passes in a row do come by now and then.
    let changes = changes_while_tied(Effect::Fail(0.5));
    assert!(changes.len() <= 8, "{changes:?}");
}

/// What the feature's state did within an hour while two of four regions met `effect`.
fn changes_while_tied(effect: Effect) -> Vec<FeatureState> {
    let mut sim = Sim::new(Layout {
        regions: 4,
        agents: 3,
        message: false,
        noise: 0.0,
    });
    sim.run(secs(120));
    sim.set(Scope::region(0), effect);
    sim.set(Scope::region(1), effect);
    sim.run(secs(300));
    assert_eq!(sim.state(LOGIN), FeatureState::MajorOutage);
    let before = sim.path(LOGIN).len();
    sim.run(secs(3600));
    sim.path(LOGIN).split_off(before)
}

/// Gives the next run of three agents in turn. Returns the state after it.
fn next_login(script: &mut Script, place: &mut u64, outcome: Outcome) -> CellState {
    let agent = usize::try_from(*place % 3).unwrap();
    let run = script.login(agent, *place / 3, outcome);
    *place += 1;
    let at = run.ended;
    script.feed(vec![run]);
    script.login_cell(at).state
}

#[test]
fn three_passes_begin_a_recovery_and_twice_as_many_after_each_relapse() {
    for relapses in 0..5 {
        let mut script = Script::planned(region_of(3), 10, &[Journey::Login]);
        let mut place = 0;
        for _ in 0..6 {
            next_login(&mut script, &mut place, Outcome::Pass);
        }
        let mut expected = [3, 6, 12, 14, 14].into_iter();
        for _ in 0..=relapses {
            while next_login(&mut script, &mut place, FAIL) != CellState::Down {}
            let mut passes = 1..=expected.next().unwrap();
            let recovers = |_: &u32| {
                next_login(&mut script, &mut place, Outcome::Pass) == CellState::Recovering
            };
            assert_eq!(passes.find(recovers), Some(*passes.end()));
        }
        // Up comes when it would have come anyway.
        let recovering = [3, 6, 12, 14, 14][relapses];
        let partial = if relapses == 0 { 19 } else { 29 };
        let mut passes = recovering + 1..;
        let up =
            passes.find(|_| next_login(&mut script, &mut place, Outcome::Pass) == CellState::Up);
        assert_eq!(up, Some(partial), "after {relapses} relapses");
    }
}

#[test]
fn an_incident_that_nobody_is_to_measure_any_more_closes_without_a_recovery() {
    let mut sim = Sim::new(DEMO);
    sim.run(secs(120));
    sim.set(Scope::feature(LOGIN), Effect::Fail(1.0));
    sim.run(secs(60));
    for agent in 0..DEMO.regions * DEMO.agents {
        sim.give(Event::Plan {
            agent: agent_id(agent),
            record: PlanRecord {
                revision: Revision::of(b"nothing"),
                valid_from: sim.now,
                entries: Vec::new(),
            },
        });
    }
    sim.run(secs(20 * 60));
    let incident = sim.engine.incidents(&target()).remove(0);
    let told = sim.log.iter().filter_map(|told| match &told.change {
        Change::Incident { target, .. } => Some(target.clone()),
        _ => None,
    });
    assert!(told.clone().count() >= 3 && told.clone().all(|of| of == target()));
    assert_eq!(incident.phase, IncidentPhase::Closed);
    assert!(incident.closed.is_some());
    assert_eq!(incident.resolved, None);
}
