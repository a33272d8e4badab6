//! Whose failures count: agents that fail alone, that were right after all, that left.

use std::time::Duration;

use bongsu_availability::{Event, QuarantineStep, Release};
use bongsu_model::{CellState, Outcome, Overlay, Trigger};
use proptest::prelude::*;

use crate::fleet::{Journey, LOGIN, TEXT, roster, secs};
use crate::script::{FAIL, Script, region_of, start};

fn login_only(agents: usize, period: u64) -> Script {
    Script::planned(region_of(agents), period, &[Journey::Login])
}

#[test]
fn failures_for_which_an_agent_was_quarantined_count_again_when_another_fails() {
    for (agents, period) in [(2, 60), (2, 300), (3, 300), (5, 300)] {
        let mut script = login_only(agents, period);
        let fault = script.login(0, 4, FAIL).due;
        let mut runs = Vec::new();
        for agent in 0..agents {
            for n in 0..8 {
                let run = script.login(agent, n, FAIL);
                if run.due < fault {
                    runs.push(script.login(agent, n, Outcome::Pass));
                } else {
                    runs.push(run);
                }
            }
            let first = runs.iter().rev().take(8).map(|run| run.due);
            let first = first.filter(|due| *due >= fault).min().unwrap();
            for k in 1..=10 {
                let at = first + Duration::from_millis(5_300 * k);
                runs.push(script.unslotted(agent, Trigger::Burst, at, FAIL));
            }
        }
        let expected = runs
            .iter()
            .filter(|run| run.trigger.slot().is_some() && run.due >= fault);
        let expected = expected.count() as u64;
        script.feed(runs);
        let named = format!("{agents} agents every {period} s: {:?}", script.standing());
        let why = Release::Corroborated;
        assert!(
            script
                .standing()
                .contains(&QuarantineStep::Released { why }),
            "{named}"
        );
        let now = start() + secs(period * 8 - 1);
        let cell = script.login_cell(now);
        assert_eq!(cell.state, CellState::Down, "{named}");
        assert_eq!(cell.onset, Some(fault), "{named}");
        let hour = script.login_cell(now).samples;
        assert_eq!((hour.fail, hour.blind), (expected, 0), "{named}");
        let path = script.path(LOGIN);
        let (down, _) = path.iter().find(|(_, to)| *to == CellState::Down).unwrap();
        let slots = (0..8).map(|n| script.login(1, n, FAIL).due);
        let second = slots.filter(|due| *due >= fault).min().unwrap();
        let second = second.since(start()).as_secs();
        assert!(*down <= second + 25, "{named}: {path:?}");
    }
}

#[test]
fn an_agent_that_only_touches_a_cell_is_quarantined_like_any_other() {
    for agents in [1, 3] {
        let mut script = Script::new(region_of(agents + 1), 10);
        for agent in 0..agents {
            script.plan(agent, &[Journey::Login], start());
        }
        script.plan(agents, &[Journey::Message], start());
        let mut runs = Vec::new();
        for n in 0..60 {
            runs.extend((0..agents).map(|agent| script.login(agent, n, Outcome::Pass)));
            let met = if (10..40).contains(&n) {
                FAIL
            } else {
                Outcome::Pass
            };
            runs.push(script.message(agents, n, met));
        }
        script.feed(runs);
        assert_eq!(
            script.entered(CellState::Down),
            0,
            "{:?}",
            script.path(LOGIN)
        );
        assert_eq!(script.login_cell(start() + secs(600)).state, CellState::Up);
        assert_eq!(script.login_cell(start() + secs(600)).samples.fail, 0);
        let steps = script.standing();
        let why = Release::Passes;
        assert!(matches!(steps[0], QuarantineStep::Held { .. }), "{steps:?}");
        assert_eq!(steps[1..], [QuarantineStep::Released { why }]);
    }
}

#[test]
fn what_an_agent_said_leaves_with_it() {
    for failures in [1, 5] {
        let mut script = login_only(2, 10);
        let mut runs = Vec::new();
        for n in 0..10 {
            let outcome = if n >= 10 - failures {
                FAIL
            } else {
                Outcome::Pass
            };
            runs.push(script.login(0, n, outcome));
            runs.push(script.login(1, n, Outcome::Pass));
        }
        script.feed(runs);
        let mut listed = roster(region_of(2));
        listed.agents.remove(0);
        script.give(start() + secs(101), Event::Roster(listed));
        let cell = script.login_cell(start() + secs(102));
        assert_eq!((cell.state, cell.score), (CellState::Up, 0.0));
        script.feed(vec![script.login(1, 10, FAIL)]);
        assert_eq!(script.entered(CellState::Down), 0);
        let cell = script.login_cell(start() + secs(106));
        assert_eq!(cell.onset, Some(script.login(1, 10, FAIL).due));
    }
}

#[test]
fn touches_move_scores_and_nothing_else() {
    let both = [Journey::Login, Journey::Message];
    let mut script = Script::planned(region_of(3), 10, &both);
    let mut runs = Vec::new();
    for n in 0..40 {
        for agent in 0..3 {
            let met = if n == 10 && agent == 0 {
                FAIL
            } else {
                Outcome::Pass
            };
            runs.push(script.login(agent, n, Outcome::Pass));
            runs.push(script.message(agent, n, met));
        }
    }
    script.feed(runs);
    assert_eq!(script.entered(CellState::Suspect), 1);
    let agents = script.engine.agents(start() + secs(400));
    assert!(
        agents.iter().all(|agent| agent.uncorroborated == 0),
        "p0 is of own runs"
    );

    let mut script = Script::planned(region_of(3), 10, &both);
    let mut runs = Vec::new();
    for n in 0..30 {
        for agent in 0..3 {
            let outcome = if n >= 10 { FAIL } else { Outcome::Pass };
            runs.push(script.login(agent, n, outcome));
            runs.push(script.message(agent, n, Outcome::Pass));
        }
    }
    script.feed(runs);
    let cell = script.login_cell(start() + secs(299));
    assert_eq!(cell.state, CellState::Down);
    assert!(
        !cell.overlays.contains(&Overlay::Partial),
        "no own run passed"
    );
}

#[test]
fn a_quarantine_leaves_the_slowness_that_the_others_see() {
    let mut script = login_only(3, 10);
    let mut runs = Vec::new();
    for n in 0..60 {
        runs.push(script.login(0, n, if n >= 30 { FAIL } else { Outcome::Slow }));
        runs.extend((1..3).map(|agent| script.login(agent, n, Outcome::Slow)));
    }
    for run in runs {
        let now = run.ended;
        script.feed(vec![run]);
        if now >= start() + secs(200) {
            assert_eq!(script.login_cell(now).overlays, [Overlay::Slow]);
        }
    }
    assert!(
        !script
            .login_cell(start() + secs(599))
            .quarantined
            .is_empty()
    );
}

#[test]
fn an_agent_that_is_blocked_by_its_own_fault_does_not_blind_the_dependants() {
    let mut script = Script::planned(region_of(2), 10, &[Journey::Login, Journey::Message]);
    let mut runs = Vec::new();
    for n in 0..60 {
        for agent in 0..2 {
            let bad = agent == 0 && (5..30).contains(&n);
            let outcome = if bad { FAIL } else { Outcome::Pass };
            runs.push(script.login(agent, n, outcome.clone()));
            runs.push(script.message(agent, n, outcome));
        }
    }
    let (during, after) = runs
        .into_iter()
        .partition(|run| run.due < start() + secs(299));
    script.feed(during);
    let text = script.cell(TEXT, start() + secs(300));
    assert_eq!(
        (text.state, text.agents, text.seeing),
        (CellState::Up, 1, 1)
    );
    assert_eq!(text.blocked_by, None);
    script.feed(after);
    let text = script.cell(TEXT, start() + secs(599));
    assert_eq!(
        (text.state, text.agents, text.seeing),
        (CellState::Up, 2, 2)
    );
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(16) })]

    #[test]
    fn a_quarantine_begins_with_the_first_failure_however_little_it_started_late(
        jitter in 0_u64..2_000_000,
    ) {
        for outage in [None, Some(14)] {
            let mut script = login_only(3, 10);
            let mut runs = Vec::new();
            for n in 0..20 {
                for agent in 0..3 {
                    let bad = agent == 0 && n >= 3 || outage.is_some_and(|from| n >= from);
                    let mut run = script.login(agent, n, if bad { FAIL } else { Outcome::Pass });
                    run.started = run.due + Duration::from_nanos(jitter);
                    runs.push(run);
                }
            }
            script.feed(runs);
            let samples = script.login_cell(start() + secs(200)).samples;
            // With the outage the runs that are still live when the second agent fails count.
            let blind = if outage.is_some() { 8 } else { 17 };
            prop_assert_eq!((samples.pass, samples.blind), (if outage.is_some() { 31 } else { 43 }, blind));
        }
    }
}
