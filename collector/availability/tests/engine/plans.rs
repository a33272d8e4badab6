//! What plans and users may do to the numbers and to each other.

use std::time::Duration;

use bongsu_availability::{Event, HistorySpan, MaintenanceWindow, Scope};
use bongsu_model::{
    Cadence, CellState, JourneyName, Outcome, PlanEntry, PlanRecord, Revision, Timestamp, Trigger,
    Variant,
};

use crate::fleet::{
    DEADLINE, Journey, LOGIN, Layout, agent_id, cell_key, feature_id, heartbeat, secs, target,
};
use crate::script::{FAIL, Script, region_of, start};

#[test]
fn an_agent_that_joins_leaves_the_weight_of_its_region_as_it_is() {
    let layout = Layout {
        regions: 2,
        agents: 2,
        message: false,
        noise: 0.0,
    };
    let hour = |joins: bool| {
        let mut script = Script::new(layout, 10);
        let mut runs = Vec::new();
        for agent in [0, 2, 3] {
            script.plan(agent, &[Journey::Login], start());
            let outcome = if agent == 0 { FAIL } else { Outcome::Pass };
            runs.extend((0..355).map(|n| script.login(agent, n, outcome.clone())));
        }
        script.feed(runs);
        if joins {
            script.plan(1, &[Journey::Login], start() + secs(3_540));
            script.feed(vec![script.login(1, 354, FAIL)]);
        }
        let now = start() + secs(3_552);
        let view = script.engine.feature(&target(), &feature_id(LOGIN), now);
        view.availability.hour.own.unwrap()
    };
    assert!((hour(false) - 0.5).abs() < 0.01);
    assert!((hour(true) - hour(false)).abs() < 0.01, "{}", hour(true));
}

#[test]
fn a_cold_start_that_is_planned_no_more_does_not_speak_for_now() {
    let mut script = Script::new(region_of(2), 10);
    let warm = Variant::new("warm").unwrap();
    for agent in 0..2 {
        script.plan(agent, &[Journey::Login], start());
        script.feed(
            (0..5)
                .map(|n| script.login(agent, n, Outcome::Pass))
                .collect(),
        );
    }
    for agent in 0..2 {
        let entry = script.entry(agent, Journey::Login, warm.clone());
        script.plan_entries(agent, vec![entry], start() + secs(60));
    }
    let mut runs = Vec::new();
    for n in 7..500 {
        for agent in 0..2 {
            let mut run = script.login(agent, n, FAIL);
            run.variant = warm.clone();
            runs.push(run);
        }
    }
    script.feed(runs);
    let windows = script.login_cell(start() + secs(5_000)).availability;
    assert_eq!(windows.minutes_5.perceived, Some(0.0));
    assert_eq!(windows.hour.perceived, Some(0.0));
    assert!(windows.hours_24.perceived.unwrap() < 0.1);
}

#[test]
fn entries_that_no_agent_would_run_are_refused_and_counted() {
    let mut script = Script::new(region_of(1), 10);
    let sane = script.entry(0, Journey::Login, Variant::cold());
    let hostile = |period: Duration, deadline: Duration| PlanEntry {
        journey: JourneyName::new("hostile").unwrap(),
        cadence: Cadence::new(period, Duration::ZERO).unwrap(),
        deadline,
        ..sane.clone()
    };
    let entries = vec![
        hostile(Duration::from_micros(10), Duration::from_micros(5)),
        hostile(Duration::from_micros(100), secs(1 << 23)),
        hostile(Duration::from_millis(999), DEADLINE / 10),
        hostile(secs(10), secs(10)),
        sane.clone(),
    ];
    script.plan_entries(0, entries, start());
    assert_eq!(script.engine.counters().refused, 4);
    let mut run = script.login(0, 1, Outcome::Pass);
    run.journey = JourneyName::new("hostile").unwrap();
    script.feed(vec![run, script.login(0, 0, Outcome::Pass)]);
    let samples = script.login_cell(start() + secs(60)).samples;
    assert_eq!((samples.pass, samples.missed), (1, 4));
}

#[test]
fn one_agent_cannot_take_the_room_of_the_others() {
    let layout = region_of(3);
    let mut script = Script::new(layout, 10);
    for i in 0..2_000 {
        let mut run = script.login(0, 1, Outcome::Pass);
        run.journey = JourneyName::new(&format!("j{i}")).unwrap();
        script.give(run.ended, Event::Run(Box::new(run)));
    }
    assert_eq!(script.engine.counters().dropped, 1_800);
    for agent in 0..3 {
        script.plan(agent, &[Journey::Login], start() + secs(20));
    }
    let mut runs = Vec::new();
    for n in 2..10 {
        runs.extend((0..3).map(|agent| script.login(agent, n, FAIL)));
    }
    script.feed(runs);
    let cell = script.login_cell(start() + secs(100));
    assert_eq!((cell.state, cell.agents), (CellState::Down, 3));
}

#[test]
fn a_run_that_answers_no_slot_is_no_evidence_after_a_restart_either() {
    let mut script = Script::planned(region_of(3), 10, &[Journey::Login]);
    for n in 0..3 {
        script.feed(
            (0..3)
                .map(|agent| script.login(agent, n, Outcome::Pass))
                .collect(),
        );
    }
    let mut stray = script.login(0, 3, FAIL);
    stray.due = stray.due + Duration::from_millis(1_111);
    stray.started = stray.due;
    stray.trigger = Trigger::Scheduled { slot: 77 };
    let at = start() + secs(32);
    script.give(at, Event::Run(Box::new(stray)));
    script.plan(0, &[Journey::Login], at + secs(1));
    let cell = script.login_cell(at + secs(1));
    assert_eq!((cell.state, cell.score), (CellState::Up, 0.0));
    assert_eq!(cell.last_failure, None);
}

#[test]
fn a_resolved_incident_keeps_its_first_pass_when_sight_is_lost_and_regained() {
    let mut script = Script::planned(region_of(3), 10, &[Journey::Login]);
    let mut runs = Vec::new();
    for n in (0..60).chain(70..90) {
        for agent in 0..3 {
            let bad = (5..12).contains(&n) || n == 40 && agent == 0;
            let outcome = if bad { FAIL } else { Outcome::Pass };
            runs.push(script.login(agent, n, outcome));
        }
    }
    script.feed(runs);
    let lost = script
        .path(LOGIN)
        .into_iter()
        .filter(|(_, to)| *to == CellState::Unknown);
    assert_eq!(lost.count(), 2);
    let incident = &script.engine.incidents(&target())[0];
    let mended = (0..3).map(|agent| script.login(agent, 12, FAIL).due).min();
    assert_eq!((incident.first_pass, incident.resolved), (mended, mended));
}

#[test]
fn an_old_maintenance_window_changes_nothing_when_a_plan_is_told_again() {
    let mut script = Script::planned(region_of(2), 10, &[Journey::Login]);
    let window = MaintenanceWindow {
        targets: Scope::All,
        features: Scope::All,
        regions: Scope::All,
        from: start() + secs(100),
        until: start() + secs(200),
        declared: start(),
    };
    script.give(start(), Event::Maintenance(window));
    for n in 0..400 {
        script.feed((0..2).map(|agent| script.login(agent, n, FAIL)).collect());
    }
    let now = start() + secs(4_001);
    let before = script.login_cell(now);
    for agent in 0..2 {
        script.plan(agent, &[Journey::Login], start() + secs(4_000));
    }
    assert_eq!(script.login_cell(now), before);
    assert_eq!(before.availability.hours_24.own, Some(0.0));
}

#[test]
fn an_agent_that_works_on_a_plan_that_never_came_is_told_apart() {
    let mut script = Script::new(region_of(1), 10);
    let beat = |script: &mut Script, second: u64, revision: Option<Revision>| {
        let at = start() + secs(second);
        let mut heartbeat = heartbeat(at);
        heartbeat.plan_revision = revision;
        let agent = agent_id(0);
        script.give(at, Event::Heartbeat { agent, heartbeat });
        script.engine.agents(at)[0].plan_unknown
    };
    let plan = || Some(Revision::of(b"plan"));
    assert!(!beat(&mut script, 1, None), "it names none");
    assert!(beat(&mut script, 2, plan()));
    script.plan(0, &[Journey::Login], start() + secs(3));
    assert!(!beat(&mut script, 4, plan()));
    assert!(beat(&mut script, 5, Some(Revision::of(b"another"))));
}

#[test]
fn a_plan_from_beyond_any_clock_holds_from_its_receipt() {
    let far = Timestamp::from_unix_seconds(9_214_646_400);
    let mut script = Script::planned(region_of(1), 10, &[Journey::Login]);
    script.feed(vec![script.login(0, 0, Outcome::Pass)]);
    let now = start() + secs(5);
    let give = |script: &mut Script, valid_from, period| {
        let mut entry = script.entry(0, Journey::Login, Variant::cold());
        entry.cadence = Cadence::new(period, Duration::ZERO).unwrap();
        let record = PlanRecord {
            revision: Revision::of(format!("{period:?}").as_bytes()),
            valid_from,
            entries: vec![entry],
        };
        let agent = agent_id(0);
        script.give(now, Event::Plan { agent, record });
    };
    // However many there are, none takes the place of the plan in force before it.
    for i in 0..300 {
        give(&mut script, far + secs(i), secs(20));
    }
    assert_eq!(script.engine.counters().future, 300);
    assert!(script.engine.next_wakeup().unwrap() < now + secs(60));
    let ledger = |script: &Script, at| script.login_cell(start() + secs(at)).samples.expected();
    assert_eq!(
        ledger(&script, 115),
        1 + 5,
        "every ten seconds, then every twenty"
    );
    // A plan whose clock is right comes after it.
    give(&mut script, start() + secs(60), secs(10));
    assert_eq!(ledger(&script, 115), 1 + 2 + 5);
    assert_eq!(script.login_cell(now).agents, 1);
}

#[test]
fn a_plan_since_ever_costs_no_more_than_one_of_today() {
    let mut script = Script::new(region_of(1), 10);
    script.plan(0, &[Journey::Login], Timestamp::EPOCH);
    script.feed((0..4).map(|n| script.login(0, n, Outcome::Pass)).collect());
    let now = start() + secs(60);
    let cell = script.login_cell(now);
    assert_eq!((cell.samples.pass, cell.samples.expected()), (4, 359));
    script.plan(0, &[Journey::Login], now);
    assert_eq!(script.login_cell(now).samples, cell.samples);
}

#[test]
fn a_run_that_was_due_before_all_that_is_kept_leaves_no_trace() {
    let mut script = Script::new(region_of(1), 10);
    script.feed(vec![script.login(0, 0, Outcome::Pass)]);
    let now = start() + secs(5);
    let days = |days: u64| start() - secs(days * 24 * 3_600);
    for (i, due) in (0..600).map(|i| {
        (
            i,
            if i % 2 == 0 {
                Timestamp::EPOCH
            } else {
                days(2)
            },
        )
    }) {
        for trigger in [
            Trigger::Burst,
            Trigger::Manual,
            Trigger::Scheduled { slot: i },
        ] {
            let mut run = script.unslotted(0, trigger, due + secs(i), FAIL);
            run.ended = now;
            script.give(now, Event::Run(Box::new(run)));
        }
    }
    assert_eq!(script.engine.counters().dropped, 1_800);
    assert_eq!(script.engine.counters().waiting, 1);
    // The run that waits for its plan still does.
    script.plan(0, &[Journey::Login], start());
    let cell = script.login_cell(now);
    assert_eq!((cell.state, cell.passes), (CellState::Up, 1));
    assert_eq!(cell.samples.expected(), 1);
    assert_eq!((cell.last_failure, cell.onset), (None, None));
}

#[test]
fn an_agent_that_restarts_every_minute_owes_every_slot_of_the_day() {
    let mut script = Script::new(region_of(1), 60);
    for minute in 0..24 * 60 {
        script.plan(0, &[Journey::Login], start() + secs(60 * minute));
        if minute % 2 == 0 {
            script.feed(vec![script.login(0, minute, Outcome::Pass)]);
        }
    }
    let now = start() + secs(24 * 3_600);
    let span = HistorySpan {
        from: start(),
        until: now,
        step: secs(24 * 3_600),
    };
    let day = &script.engine.history(&cell_key(LOGIN, 0), span, now)[0];
    let settled = 24 * 60 / 2;
    assert_eq!((day.samples.pass, day.samples.missed), (settled, settled));
}
