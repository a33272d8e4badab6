//! Who is asked to look early, when, and how that shortens the time to down.

use std::time::Duration;

use bongsu_availability::{BurstRequest, Event, MaintenanceWindow, Scope as Part};
use bongsu_model::{
    AgentId, CellState, FeatureOutcome, Outcome, Outcomes, RunFacts, Timestamp, Trigger,
};

use crate::fleet::{Journey, LOGIN, Layout, TEXT, Told, cell_key, feature_id, run, secs, target};
use crate::script::{FAIL, Script, region_of};
use crate::sim::{Effect, Scope, Sim};

const BOTH: [Journey; 2] = [Journey::Login, Journey::Message];

/// Everybody can be asked.
fn all(_: &AgentId) -> bool {
    true
}

/// A fleet that is up at the instant that is returned: every agent ran its slots of a minute.
fn up(agents: usize, period: u64, journeys: &[Journey]) -> (Script, Timestamp) {
    let mut script = Script::planned(region_of(agents), period, journeys);
    let slots = 60 / period;
    let mut runs = Vec::new();
    for agent in 0..agents {
        for n in 0..slots {
            for journey in journeys {
                runs.push(match journey {
                    Journey::Login => script.login(agent, n, Outcome::Pass),
                    Journey::Message => script.message(agent, n, Outcome::Pass),
                });
            }
        }
    }
    let now = runs.iter().map(|run| run.ended).max().unwrap();
    script.feed(runs);
    assert_eq!(script.login_cell(now).state, CellState::Up);
    assert_eq!(script.engine.next_ask(), None);
    (script, now)
}

/// A manual run: it moves scores, and answers no slot.
fn manual(script: &Script, agent: usize, at: Timestamp, outcome: Outcome) -> RunFacts {
    script.unslotted(agent, Trigger::Manual, at, outcome)
}

fn whom(requests: &[BurstRequest]) -> Vec<&str> {
    requests.iter().map(|r| r.agent.as_str()).collect()
}

#[test]
fn the_first_request_is_at_once_and_goes_to_the_agent_that_looked_longest_ago() {
    let (mut script, now) = up(3, 30, &[Journey::Login]);
    let fault = now + secs(2);
    script.feed(vec![manual(&script, 2, fault, FAIL)]);
    let seen = fault + Duration::from_millis(300);
    assert_eq!(script.engine.next_ask(), Some(seen));
    let first = script.engine.ask(seen, &all);
    assert_eq!(whom(&first), ["a00"]);
    assert_eq!(first[0].cell, cell_key(LOGIN, 0));
    assert_eq!(
        (first[0].journey.as_str(), first[0].variant.as_str()),
        ("login", "cold")
    );
    assert_eq!(first[0].until, seen + secs(5));
    let gap = Duration::from_nanos(1_666_666_666);
    assert_eq!(script.engine.next_ask(), Some(seen + gap));
    let soon = seen + gap - Duration::from_nanos(1);
    assert_eq!(script.engine.ask(soon, &all), []);
    assert_eq!(whom(&script.engine.ask(seen + gap, &all)), ["a01"]);
    assert_eq!(whom(&script.engine.ask(seen + gap * 2, &all)), ["a02"]);
}

#[test]
fn an_agent_that_was_asked_is_asked_again_when_it_answered_or_did_not_in_time() {
    let (mut script, now) = up(2, 30, &[Journey::Login]);
    script.feed(vec![manual(&script, 1, now, FAIL)]);
    let at = |millis| now + Duration::from_millis(millis);
    assert_eq!(whom(&script.engine.ask(at(1_000), &all)), ["a00"]);
    assert_eq!(whom(&script.engine.ask(at(3_500), &all)), ["a01"]);
    let neither = script.engine.ask(at(5_999), &all);
    assert_eq!(
        neither,
        [],
        "no answer is waited for longer than five seconds"
    );
    let answer = script.unslotted(0, Trigger::Burst, at(5_999), FAIL);
    script.feed(vec![answer]);
    assert_eq!(
        whom(&script.engine.ask(at(6_300), &all)),
        ["a00"],
        "it answered"
    );
    assert_eq!(
        whom(&script.engine.ask(at(8_800), &all)),
        ["a01"],
        "it did not"
    );
}

#[test]
fn nobody_is_asked_whose_run_is_going_or_due_within_a_second() {
    let (mut script, now) = up(1, 30, &[Journey::Login]);
    script.feed(vec![manual(&script, 0, now + secs(1), FAIL)]);
    let next = script.login(0, 2, Outcome::Pass).due;
    let near = next - Duration::from_millis(900);
    assert_eq!(script.engine.ask(near, &all), [], "the slot looks");
    assert_eq!(
        script.engine.ask(next + secs(2), &all),
        [],
        "its run may be going"
    );
    script.feed(vec![script.login(0, 2, FAIL)]);
    let asked = script.engine.ask(next + secs(3), &all);
    assert_eq!(whom(&asked), ["a00"], "it has ended");
    let late = next + secs(26);
    let asked = script.engine.ask(late, &all);
    assert_eq!(
        asked[0].until,
        next + secs(29),
        "no later than a second before the slot"
    );
}

#[test]
fn who_cannot_be_reached_is_passed_over_and_costs_nothing() {
    let (mut script, now) = up(3, 30, &[Journey::Login]);
    script.feed(vec![manual(&script, 2, now + secs(1), FAIL)]);
    let at = now + secs(2);
    assert_eq!(script.engine.ask(at, &|_| false), []);
    let again = script.engine.next_ask().unwrap();
    assert!(again > at && again < at + secs(1));
    let only = |agent: &AgentId| agent.as_str() == "a01";
    assert_eq!(whom(&script.engine.ask(again, &only)), ["a01"]);
}

#[test]
fn what_is_up_down_or_recovering_is_not_asked_about() {
    let (mut script, mut now) = up(3, 30, &[Journey::Login]);
    script.feed(vec![manual(&script, 0, now + secs(1), FAIL)]);
    assert_eq!(script.login_cell(now).state, CellState::Suspect);
    let mut burst = |script: &mut Script, outcome: &Outcome, count: usize| {
        for n in 0..count {
            now = now + secs(1);
            let run = script.unslotted(n % 3, Trigger::Burst, now, outcome.clone());
            script.feed(vec![run]);
        }
        script.login_cell(now).state
    };
    assert_eq!(burst(&mut script, &FAIL, 12), CellState::Down);
    assert_eq!(script.engine.next_ask(), None);
    assert_eq!(burst(&mut script, &Outcome::Pass, 4), CellState::Recovering);
    assert_eq!(script.engine.next_ask(), None);
}

/// The message run that fails by itself, behind a login that works.
fn message_fails(agent: usize, at: Timestamp) -> RunFacts {
    let outcome = |feature: &str, outcome| FeatureOutcome {
        feature: feature_id(feature),
        outcome,
    };
    let outcomes = Outcomes::new(outcome(TEXT, FAIL), vec![outcome(LOGIN, Outcome::Pass)]);
    let told = Told {
        agent,
        journey: Journey::Message,
        trigger: Trigger::Burst,
        due: at,
        ended: at + Duration::from_millis(300),
        nonce: at.as_unix_nanos(),
    };
    run(region_of(3), told, outcomes.unwrap())
}

#[test]
fn what_rests_on_a_suspect_feature_is_not_asked_about() {
    let (mut script, now) = up(3, 30, &BOTH);
    let at = now + secs(2);
    script.feed(vec![message_fails(0, at)]);
    let asked = script.engine.ask(at + secs(1), &all);
    assert_eq!(asked[0].journey, Journey::Message.name());
    script.feed(vec![manual(&script, 0, at + secs(3), FAIL)]);
    assert_eq!(script.cell(TEXT, at).state, CellState::Suspect);
    for millis in (4_000..9_000).step_by(100) {
        let asked = script.engine.ask(at + Duration::from_millis(millis), &all);
        let logins = asked.iter().all(|r| r.journey == Journey::Login.name());
        assert!(logins, "{asked:?}");
    }
}

#[test]
fn announced_work_is_not_asked_about() {
    let (mut script, now) = up(3, 30, &[Journey::Login]);
    let window = MaintenanceWindow {
        targets: Part::All,
        features: Part::All,
        regions: Part::All,
        from: now + secs(1),
        until: now + secs(10),
        declared: now,
    };
    script.give(now, Event::Maintenance(window));
    script.feed(vec![manual(&script, 0, now + secs(2), FAIL)]);
    assert_eq!(script.login_cell(now).state, CellState::Suspect);
    assert_eq!(script.engine.ask(now + secs(3), &all), []);
    assert_eq!(script.engine.ask(now + secs(11), &all).len(), 1);
}

#[test]
fn a_quarantined_agent_is_not_asked() {
    let mut sim = Sim::new(Layout {
        regions: 1,
        agents: 3,
        message: false,
        noise: 0.0,
    });
    sim.channel = true;
    sim.run(secs(60));
    sim.set(Scope::agent(0), Effect::Fail(1.0));
    sim.run(secs(180));
    assert_eq!(sim.cell(LOGIN, 0).quarantined.len(), 1);
    let (held, before) = (sim.now, sim.asked.len());
    // Its failures make nothing suspect any more; another's do.
    sim.set(Scope::agent(1), Effect::Alternate);
    sim.run(secs(20));
    let since = sim.asked[before..].iter().filter(|(at, _)| *at >= held);
    let (_, first) = since.clone().next().unwrap();
    assert_ne!(
        first.agent.as_str(),
        "a00",
        "{:?}",
        since.collect::<Vec<_>>()
    );
}

#[test]
fn asking_leaves_no_trace_in_what_is_derived() {
    let (mut asked, now) = up(3, 30, &BOTH);
    let (mut silent, _) = up(3, 30, &BOTH);
    for script in [&mut asked, &mut silent] {
        script.feed(vec![manual(script, 0, now + secs(1), FAIL)]);
    }
    for millis in (1_000..20_000).step_by(50) {
        asked.engine.ask(now + Duration::from_millis(millis), &all);
    }
    let later = now + secs(20);
    assert_eq!(
        asked.engine.board(&target(), later),
        silent.engine.board(&target(), later)
    );
    assert_eq!(asked.log, silent.log);
}

fn detections(layout: Layout, effect: Effect, count: u64) -> Vec<Duration> {
    let detection = |seed| {
        let mut sim = Sim::with(layout, bongsu_availability::Settings::default(), seed);
        sim.channel = true;
        let phase = Duration::from_secs_f64(sim.random() * 10.0);
        sim.run(secs(60) + phase);
        sim.set(Scope::feature(LOGIN), effect);
        let found = sim.run_until(&cell_key(LOGIN, 0), CellState::Down, secs(600));
        found.expect("a fault is found within ten minutes")
    };
    let mut all: Vec<Duration> = (0..count).map(detection).collect();
    all.sort();
    all
}

const REGION: Layout = Layout {
    regions: 1,
    agents: 3,
    message: false,
    noise: 0.0,
};

#[test]
fn a_total_outage_is_down_within_ten_seconds_mostly_and_twelve_nearly_always() {
    let all = detections(REGION, Effect::Fail(1.0), 200);
    let (p50, p95) = (all[100], all[190]);
    println!("p50 {p50:?} p95 {p95:?} max {:?}", all[199]);
    assert!(
        p50 <= secs(10) && p95 <= secs(12),
        "p50 {p50:?} p95 {p95:?}"
    );
}

#[test]
fn a_hang_takes_its_time_limit_longer() {
    let all = detections(REGION, Effect::Hang, 100);
    let (p50, p95) = (all[50], all[95]);
    println!("p50 {p50:?} p95 {p95:?}");
    assert!(
        p50 <= secs(24) && p95 <= secs(25),
        "p50 {p50:?} p95 {p95:?}"
    );
}

#[test]
fn noise_is_looked_into_and_turns_nothing_down() {
    let layout = Layout {
        regions: 25,
        noise: 0.01,
        ..REGION
    };
    let mut quiet = Sim::with(layout, bongsu_availability::Settings::default(), 7);
    quiet.channel = true;
    quiet.run(secs(3_600));
    assert_eq!(quiet.entered(CellState::Down), 0);
    // A bucket of 30 and a fifth of the planned rate, each of 25 cells.
    let planned = 25 * 3 * 360;
    assert!(
        quiet.asked.len() <= 25 * 30 + planned / 5,
        "{}",
        quiet.asked.len()
    );
    assert!(!quiet.asked.is_empty());
    println!("{} asked beside {planned} planned", quiet.asked.len());
}
