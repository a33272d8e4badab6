//! What counts as evidence, what as ledger, and when: the rules one by one.

use std::time::Duration;

use bongsu_availability::{Change, Engine, Event, Settings};
use bongsu_model::{
    BlindReason, CellState, FailClass, FeatureOutcome, FeatureState, Outcome, Outcomes, RunFacts,
    SkipReason, Timestamp, Trigger,
};
use proptest::prelude::*;

use crate::fleet::{
    Journey, LOGIN, Layout, PERIOD, TEXT, Told, agent_id, cadence, catalogue, cell_key, feature_id,
    plan, region_id, roster, run, secs, target,
};

const LAYOUT: Layout = Layout {
    regions: 1,
    agents: 3,
    message: true,
    noise: 0.0,
};
/// 2T + D + L.
const FRESH: Duration = Duration::from_secs(34);
const FAIL: Outcome = Outcome::Fail(FailClass::Status);

fn start() -> Timestamp {
    Timestamp::from_unix_seconds(1_700_000_000)
}

/// An engine that knows the fleet and its plans, without a run.
fn planned() -> Engine {
    let mut engine = Engine::new(Settings::default());
    engine.handle(start(), Event::Catalogue(catalogue()));
    engine.handle(start(), Event::Roster(roster(LAYOUT)));
    for agent in 0..3 {
        let record = plan(LAYOUT, agent, start());
        engine.handle(
            start(),
            Event::Plan {
                agent: agent_id(agent),
                record,
            },
        );
    }
    engine
}

/// The login run of `agent` that answers its slot `n` after the start.
fn login(agent: usize, n: u64, outcome: Outcome) -> RunFacts {
    let cadence = cadence(LAYOUT, agent, Journey::Login);
    let slot = cadence.first_at_or_after(start()) + n;
    let due = cadence.due(slot);
    let told = Told {
        agent,
        journey: Journey::Login,
        trigger: Trigger::Scheduled { slot },
        due,
        ended: due + secs(1),
        nonce: 0,
    };
    run(LAYOUT, told, Outcomes::only(feature_id(LOGIN), outcome))
}

/// A run without a slot.
fn unslotted(trigger: Trigger, at: Timestamp, nonce: u64, outcome: Outcome) -> RunFacts {
    let told = Told {
        agent: 0,
        journey: Journey::Login,
        trigger,
        due: at,
        ended: at,
        nonce,
    };
    run(LAYOUT, told, Outcomes::only(feature_id(LOGIN), outcome))
}

/// A run of the message journey that meets `login` on its way.
fn message(agent: usize, n: u64, login: Outcome) -> RunFacts {
    let cadence = cadence(LAYOUT, agent, Journey::Message);
    let slot = cadence.first_at_or_after(start()) + n;
    let due = cadence.due(slot);
    let told = Told {
        agent,
        journey: Journey::Message,
        trigger: Trigger::Scheduled { slot },
        due,
        ended: due + secs(1),
        nonce: 0,
    };
    let own = FeatureOutcome {
        feature: feature_id(TEXT),
        outcome: Outcome::Blocked(feature_id(LOGIN)),
    };
    let other = FeatureOutcome {
        feature: feature_id(LOGIN),
        outcome: login,
    };
    run(LAYOUT, told, Outcomes::new(own, vec![other]).unwrap())
}

fn give(engine: &mut Engine, received: Timestamp, run: &RunFacts) {
    engine.handle(received, Event::Run(Box::new(run.clone())));
}

/// All three agents pass once.
fn warm_up(engine: &mut Engine) {
    for agent in 0..3 {
        let run = login(agent, 0, Outcome::Pass);
        give(engine, run.ended, &run);
    }
}

fn cell(engine: &Engine, now: Timestamp) -> bongsu_availability::CellView {
    let feature = engine.feature(&target(), &feature_id(LOGIN), now);
    feature.regions.into_iter().next().unwrap()
}

#[test]
fn bursts_and_manual_runs_are_evidence_but_not_ledger_and_ci_is_neither() {
    let mut engine = planned();
    warm_up(&mut engine);
    let at = start() + secs(10);
    let before = cell(&engine, at);
    give(&mut engine, at, &unslotted(Trigger::Ci, at, 1, FAIL));
    assert_eq!(cell(&engine, at), before);
    give(&mut engine, at, &unslotted(Trigger::Manual, at, 2, FAIL));
    let manual = cell(&engine, at);
    assert_eq!(manual.state, CellState::Suspect);
    assert_eq!(manual.passes, 3, "a manual run does not count for recovery");
    give(&mut engine, at, &unslotted(Trigger::Burst, at, 3, FAIL));
    let burst = cell(&engine, at);
    assert_eq!(burst.passes, 0);
    assert_eq!(burst.samples, before.samples);
    assert_eq!(burst.availability, before.availability);
}

#[test]
fn a_run_that_comes_twice_counts_once() {
    let mut engine = planned();
    warm_up(&mut engine);
    let scheduled = login(0, 1, FAIL);
    let burst = unslotted(Trigger::Burst, scheduled.ended, 7, FAIL);
    for run in [&scheduled, &burst] {
        give(&mut engine, scheduled.ended, run);
    }
    let once = cell(&engine, scheduled.ended);
    for run in [&scheduled, &burst, &scheduled] {
        give(&mut engine, scheduled.ended, run);
    }
    assert_eq!(cell(&engine, scheduled.ended), once);
    assert_eq!(engine.counters().duplicates, 3);
}

#[test]
fn steps_of_other_journeys_move_scores_once_a_period_and_nothing_else() {
    let mut engine = planned();
    for n in 0..4 {
        let run = message(0, n, FAIL);
        give(&mut engine, run.ended, &run);
    }
    let now = start() + secs(40);
    let login = cell(&engine, now);
    assert_eq!(
        (login.state, login.seeing),
        (CellState::Unknown, 0),
        "it does not see"
    );
    assert_eq!(login.samples.valid(), 0);
    assert_eq!(login.passes, 0);
    let before = login.score;
    // A burst of the same journey within the period says nothing more.
    let told = Told {
        agent: 1,
        journey: Journey::Message,
        trigger: Trigger::Burst,
        due: start() + secs(41),
        ended: start() + secs(42),
        nonce: 9,
    };
    let own = FeatureOutcome {
        feature: feature_id(TEXT),
        outcome: Outcome::Pass,
    };
    let other = FeatureOutcome {
        feature: feature_id(LOGIN),
        outcome: FAIL,
    };
    let outcomes = Outcomes::new(own, vec![other]).unwrap();
    give(
        &mut engine,
        told.ended,
        &run(LAYOUT, told, outcomes.clone()),
    );
    let once = cell(&engine, told.ended).score;
    assert!(once > before);
    let again = Told {
        due: told.due + secs(1),
        nonce: 10,
        ..told
    };
    give(&mut engine, told.ended, &run(LAYOUT, again, outcomes));
    assert_eq!(cell(&engine, told.ended).score, once);
}

#[test]
fn a_feature_that_only_other_journeys_touch_stays_unmeasured_with_its_evidence() {
    let mut engine = planned();
    let mut run = message(0, 0, Outcome::Pass);
    let photo = feature_id("talk.message.photo");
    let other = FeatureOutcome {
        feature: photo.clone(),
        outcome: FAIL,
    };
    run.outcomes = Outcomes::new(run.outcomes.own().clone(), vec![other]).unwrap();
    give(&mut engine, run.ended, &run);
    let view = engine.feature(&target(), &photo, run.ended);
    assert_eq!(view.state, FeatureState::Unmeasured);
    assert_eq!(view.last_failure.unwrap().run, run.id);
    assert_eq!(view.regions[0].state, CellState::Unmeasured);
}

#[test]
fn missed_is_replaced_by_a_late_run_that_is_evidence_only_while_fresh() {
    let mut engine = planned();
    warm_up(&mut engine);
    let run = login(0, 1, FAIL);
    let settled = run.due + secs(14);
    engine.advance(settled);
    assert_eq!(
        cell(&engine, settled - Duration::from_nanos(1))
            .samples
            .missed,
        0
    );
    assert_eq!(cell(&engine, settled).samples.missed, 1, "due + D + L");
    give(&mut engine, run.due + FRESH, &run);
    let view = cell(&engine, run.due + FRESH);
    assert_eq!(
        (view.samples.fail, view.score > 0.0),
        (1, false),
        "one agent is left out"
    );
    assert_eq!(view.passes, 0, "it is live");

    let late = login(1, 1, FAIL);
    let received = late.due + FRESH + Duration::from_nanos(1);
    let before = cell(&engine, received);
    give(&mut engine, received, &late);
    let after = cell(&engine, received);
    assert_eq!(
        after.samples.fail,
        before.samples.fail + 1,
        "history is restated"
    );
    assert_eq!(
        (after.state, after.score),
        (before.state, before.score),
        "nobody is told"
    );
    assert_eq!(engine.counters().late, 1);
    let span = bongsu_availability::HistorySpan {
        from: start(),
        until: received,
        step: received.since(start()),
    };
    assert!(engine.history(&cell_key(LOGIN, 0), span, received)[0].revised);
}

#[test]
fn sight_is_lost_at_its_own_deadline_whenever_the_next_event_comes() {
    let mut engine = planned();
    warm_up(&mut engine);
    while engine.poll_transition().is_some() {}
    let record = plan(LAYOUT, 0, start());
    engine.handle(
        start() + secs(3_600),
        Event::Plan {
            agent: agent_id(0),
            record,
        },
    );
    let lost = engine.poll_transition().unwrap();
    assert!(matches!(
        lost.change,
        Change::Cell {
            to: CellState::Unknown,
            ..
        }
    ));
    // With the second of three runs stale, fewer than two agents see.
    assert_eq!(lost.at, login(1, 0, Outcome::Pass).due + FRESH);
}

#[test]
fn a_run_before_its_plan_is_derived_when_the_plan_comes() {
    let mut engine = Engine::new(Settings::default());
    engine.handle(start(), Event::Roster(roster(LAYOUT)));
    for agent in 0..3 {
        let run = login(agent, 0, Outcome::Pass);
        give(&mut engine, run.ended, &run);
    }
    let now = start() + secs(12);
    let state = |engine: &Engine| engine.feature(&target(), &feature_id(LOGIN), now).state;
    assert_eq!(state(&engine), FeatureState::Unmeasured);
    for agent in 0..3 {
        let record = plan(LAYOUT, agent, start());
        engine.handle(
            now,
            Event::Plan {
                agent: agent_id(agent),
                record,
            },
        );
    }
    assert_eq!(state(&engine), FeatureState::Operational);
    assert_eq!(cell(&engine, now).samples.pass, 3);
    assert_eq!(engine.counters().waiting, 3);
}

#[test]
fn who_is_not_listed_is_not_heard() {
    let mut engine = planned();
    let mut run = login(0, 0, Outcome::Pass);
    run.vantage.agent = agent_id(77);
    give(&mut engine, run.ended, &run);
    assert_eq!(engine.counters().strangers, 1);
    let mut ahead = login(0, 0, Outcome::Pass);
    ahead.due = run.ended + secs(3_600);
    give(&mut engine, run.ended, &ahead);
    assert_eq!(engine.counters().future, 1);
    assert_eq!(cell(&engine, run.ended).region, region_id(0));
    assert_eq!(cell(&engine, run.ended).last_run, None);
}

#[test]
fn a_cell_needs_two_agents_that_see() {
    let mut engine = planned();
    let run = login(0, 0, Outcome::Pass);
    give(&mut engine, run.ended, &run);
    assert_eq!(cell(&engine, run.ended).state, CellState::Unknown);
    let run = login(1, 0, Outcome::Pass);
    give(&mut engine, run.ended, &run);
    let view = cell(&engine, run.ended);
    assert_eq!(
        (view.state, view.agents, view.seeing),
        (CellState::Up, 3, 2)
    );
    assert!(PERIOD > Duration::ZERO);
}

fn no_evidence() -> impl Strategy<Value = Outcome> {
    prop_oneof![
        Just(Outcome::Blocked(feature_id("talk.message.photo"))),
        Just(Outcome::Blind(BlindReason::Egress)),
        Just(Outcome::Skipped(SkipReason::Overlap)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(64) })]

    #[test]
    fn blocked_blind_and_skipped_are_never_evidence(
        outcomes in proptest::collection::vec((0_usize..3, no_evidence()), 1..60),
    ) {
        let mut engine = planned();
        for (n, (agent, outcome)) in (0..).zip(outcomes) {
            let run = login(agent, n, outcome);
            give(&mut engine, run.ended, &run);
            let view = cell(&engine, run.ended);
            prop_assert_eq!(view.state, CellState::Unknown);
            prop_assert_eq!(view.score, 0.0);
            prop_assert_eq!(view.availability.hours_24.own, None);
        }
    }
}
