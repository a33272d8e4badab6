//! How much each kind of run says, and for how long.

use std::time::Duration;

use bongsu_availability::Event;
use bongsu_model::{BlindReason, Cadence, CellState, Outcome, Timestamp, Trigger, Variant};

use crate::fleet::{Journey, LOGIN, secs};
use crate::script::{FAIL, Script, region_of, start};

#[test]
fn passes_from_before_it_went_down_do_not_end_an_outage() {
    let mut script = Script::planned(region_of(3), 10, &[Journey::Login]);
    let mut runs = Vec::new();
    for n in 0..14 {
        runs.extend((0..3).map(|agent| script.login(agent, n, Outcome::Pass)));
    }
    for k in 0..7 {
        for (agent, shift) in [0, 150, 300].into_iter().enumerate() {
            let at = start() + secs(141) + Duration::from_millis(600 * k + shift);
            runs.push(script.unslotted(agent, Trigger::Manual, at, FAIL));
        }
    }
    script.feed(runs);
    assert_eq!(script.entered(CellState::Down), 1);
    assert_eq!(
        script.login_cell(start() + secs(146)).state,
        CellState::Down
    );
    assert_eq!(script.login_cell(start() + secs(146)).passes, 0);
    let mut runs = Vec::new();
    for n in 15..30 {
        runs.extend((0..3).map(|agent| script.login(agent, n, Outcome::Pass)));
    }
    script.feed(runs);
    let path = script.path(LOGIN);
    let at = |state| path.iter().rfind(|(_, to)| *to == state).unwrap().0;
    assert!(
        at(CellState::Recovering) >= at(CellState::Down) + 4,
        "{path:?}"
    );
    assert!(at(CellState::Up) >= at(CellState::Down) + 60, "{path:?}");
}

#[test]
fn what_was_seen_before_a_gap_neither_ends_an_outage_nor_begins_one() {
    let mut script = Script::planned(region_of(3), 10, &[Journey::Login]);
    let mut runs = Vec::new();
    for n in 0..16 {
        let outcome = if (5..12).contains(&n) {
            FAIL
        } else {
            Outcome::Pass
        };
        runs.extend((0..3).map(|agent| script.login(agent, n, outcome.clone())));
    }
    script.feed(runs);
    script.feed(
        (0..3)
            .map(|agent| script.login(agent, 1_000, Outcome::Pass))
            .collect(),
    );
    let back = script.login_cell(start() + secs(10_009));
    assert_eq!((back.state, back.passes), (CellState::Recovering, 3));

    let mut script = Script::planned(region_of(3), 10, &[Journey::Login]);
    let mut runs = Vec::new();
    for n in 0..7 {
        let outcome = if n >= 5 { FAIL } else { Outcome::Pass };
        runs.extend((0..3).map(|agent| script.login(agent, n, outcome.clone())));
    }
    runs.truncate(19);
    script.feed(runs);
    script.feed(
        (0..3)
            .map(|agent| script.login(agent, 3_600, FAIL))
            .collect(),
    );
    assert_eq!(script.entered(CellState::Down), 0, "ten hours lie between");
    let onset = script.login_cell(start() + secs(36_010)).onset.unwrap();
    assert!(onset >= start() + secs(36_000));
}

#[test]
fn a_backlog_behind_a_newer_run_moves_the_ledger_only() {
    let mut script = Script::planned(region_of(3), 10, &[Journey::Login]);
    for n in 0..10 {
        script.feed(
            (0..3)
                .map(|agent| script.login(agent, n, Outcome::Pass))
                .collect(),
        );
    }
    // The collector was away while the platform failed for twenty seconds; fresh runs come first.
    let mut now = start() + secs(127);
    let mut give = |script: &mut Script, run| {
        now = now + Duration::from_millis(20);
        script.give(now, Event::Run(Box::new(run)));
    };
    for agent in 0..3 {
        let run = script.login(agent, 12, Outcome::Pass);
        give(&mut script, run);
    }
    for n in 10..12 {
        for agent in 0..3 {
            let run = script.login(agent, n, FAIL);
            let again = run.due + secs(5);
            let burst = script.unslotted(agent, Trigger::Burst, again, FAIL);
            give(&mut script, run);
            give(&mut script, burst);
        }
    }
    let cell = script.login_cell(start() + secs(128));
    assert_eq!((cell.state, cell.score), (CellState::Up, 0.0));
    assert_eq!(script.entered(CellState::Suspect), 0);
    assert_eq!((cell.passes, cell.samples.fail), (33, 6));
    assert_eq!(script.engine.counters().late, 12);
}

#[test]
fn a_run_that_hung_while_a_later_one_passed_is_news() {
    let mut script = Script::planned(region_of(3), 10, &[Journey::Login]);
    for n in 0..3 {
        script.feed(
            (0..3)
                .map(|agent| script.login(agent, n, Outcome::Pass))
                .collect(),
        );
    }
    let mut hung = script.login(0, 3, FAIL);
    hung.ended = hung.due + secs(6);
    let at = hung.due + secs(2);
    let passed = script.unslotted(0, Trigger::Burst, at, Outcome::Pass);
    script.feed(vec![passed, hung]);
    assert_eq!(script.entered(CellState::Suspect), 1);
}

#[test]
fn a_clock_that_was_ahead_does_not_silence_its_agent() {
    let mut script = Script::planned(region_of(3), 10, &[Journey::Login]);
    let mut ahead = script.login(0, 0, Outcome::Pass);
    ahead.started = start() + secs(1_000_000_000);
    let mut runs = vec![ahead];
    runs.extend((1..3).map(|agent| script.login(agent, 0, Outcome::Pass)));
    for n in 1..5 {
        runs.extend((0..3).map(|agent| script.login(agent, n, Outcome::Pass)));
    }
    script.feed(runs);
    assert_eq!(script.login_cell(start() + secs(50)).passes, 15);
}

/// Three agents that passed their first four logins.
fn passing() -> Script {
    let mut script = Script::planned(region_of(3), 10, &[Journey::Login, Journey::Message]);
    for n in 0..4 {
        script.feed(
            (0..3)
                .map(|agent| script.login(agent, n, Outcome::Pass))
                .collect(),
        );
    }
    script
}

#[test]
fn an_agent_ahead_is_not_seen_to_see_after_it_fell_silent() {
    let mut script = passing();
    let now = start() + secs(38);
    for agent in 0..3 {
        let ahead = now + secs(290);
        let run = script.unslotted(agent, Trigger::Burst, ahead, Outcome::Pass);
        script.give(now, Event::Run(Box::new(run)));
    }
    // 2T + D + L after the receipt.
    let silent = now + secs(34);
    script.engine.advance(silent);
    let cell = script.login_cell(silent);
    assert_eq!((cell.state, cell.seeing), (CellState::Unknown, 0));

    // Nor does it, if the run had to wait for its plan.
    let mut script = Script::planned(region_of(2), 10, &[]);
    for agent in 0..2 {
        let run = script.unslotted(agent, Trigger::Burst, now + secs(290), Outcome::Pass);
        script.give(now, Event::Run(Box::new(run)));
    }
    for agent in 0..2 {
        let entry = script.entry(agent, Journey::Login, Variant::cold());
        script.plan_entries(agent, vec![entry], now + secs(30));
    }
    assert_eq!(script.login_cell(now + secs(31)).seeing, 2);
    assert_eq!(script.login_cell(now + secs(35)).seeing, 0);
}

#[test]
fn a_run_of_an_agent_ahead_is_not_the_newest_for_ever() {
    let mut script = passing();
    let now = start() + secs(38);
    let ahead = script.unslotted(0, Trigger::Burst, now + secs(290), Outcome::Pass);
    script.give(now, Event::Run(Box::new(ahead)));
    let next = script.login(0, 4, Outcome::Blind(BlindReason::Egress));
    let id = next.id;
    script.feed(vec![next]);
    let cell = script.login_cell(start() + secs(41));
    assert_eq!(cell.last_run.unwrap().run, id);
    assert_eq!(cell.seeing, 2, "its newest run is blind");
}

#[test]
fn a_touch_of_an_agent_ahead_does_not_use_up_its_later_periods() {
    let mut script = passing();
    let mut ahead = script.message(0, 3, Outcome::Pass);
    ahead.started = ahead.due + secs(290);
    let later = script.message(0, 4, FAIL);
    script.feed(vec![ahead, later]);
    assert_eq!(script.entered(CellState::Suspect), 1);
}

#[test]
fn touches_count_on_when_a_plan_makes_the_period_longer() {
    let mut script = passing();
    script.feed(vec![script.message(0, 3, Outcome::Pass)]);
    for agent in 0..3 {
        let mut entry = script.entry(agent, Journey::Login, Variant::cold());
        let (period, phase) = (secs(60), entry.cadence.phase());
        entry.cadence = Cadence::new(period, phase).unwrap();
        let message = script.entry(agent, Journey::Message, Variant::cold());
        script.plan_entries(agent, vec![entry, message], start() + secs(38));
    }
    // The next full minute of the epoch begins at 40 s.
    script.feed(vec![script.message(0, 4, FAIL)]);
    assert_eq!(script.entered(CellState::Suspect), 1);
}

#[test]
fn a_failure_does_not_begin_before_it_was_due() {
    let mut script = passing();
    let mut run = script.login(0, 4, FAIL);
    run.started = Timestamp::EPOCH;
    let due = run.due;
    script.feed(vec![run]);
    assert_eq!(script.login_cell(start() + secs(41)).onset, Some(due));
}
