//! Attribution by table and by property.

use proptest::prelude::*;

use super::*;

fn feature(name: &str) -> FeatureId {
    FeatureId::new(name).unwrap()
}

fn at(ms: u64) -> Monotonic {
    Monotonic::from_origin(Duration::from_millis(ms))
}

/// `l` is `login`, `t` is `talk`; a digit after it is how many actors perform the step.
fn planned(text: &str) -> Vec<PlannedStep> {
    text.split_ascii_whitespace()
        .zip(0..)
        .map(|(word, index)| PlannedStep {
            index,
            feature: feature(if word.starts_with('l') {
                "login"
            } else {
                "talk"
            }),
            actors: word[1..].parse().unwrap_or(1),
        })
        .collect()
}

const FAIL: StepOutcome = StepOutcome::Fail(FailClass::Status);

fn did(index: u32, outcome: StepOutcome, ended_ms: u64) -> PerformedStep {
    PerformedStep {
        index,
        outcome,
        ended: at(ended_ms),
        overrun: None,
        ending: Ending::Own,
    }
}

fn check(plan: &str, performed: &[PerformedStep], login: &str, talk: &str) {
    let outcomes = attribute(&feature("talk"), &planned(plan), performed, None);
    assert_eq!(
        outcomes.verdict().to_string(),
        talk,
        "talk of {plan}: {performed:?}"
    );
    let other = outcomes
        .others()
        .first()
        .map(|other| other.outcome.to_string());
    assert_eq!(
        other.unwrap_or_default(),
        login,
        "login of {plan}: {performed:?}"
    );
}

#[test]
fn the_first_failing_step_is_charged_and_what_stands_behind_it_is_blocked() {
    use StepOutcome::{Pass, Slow};
    check("l t", &[did(0, Pass, 1), did(1, Pass, 2)], "pass", "pass");
    check("l t", &[did(0, Slow, 1), did(1, Pass, 2)], "slow", "pass");
    check(
        "l t t",
        &[did(0, Pass, 1), did(1, Slow, 2), did(2, Pass, 3)],
        "pass",
        "slow",
    );
    check("l t", &[did(0, FAIL, 1)], "fail(status)", "blocked(login)");
    check(
        "l t",
        &[did(0, Pass, 1), did(1, FAIL, 2)],
        "pass",
        "fail(status)",
    );
    // Partly reached: the second step of login never came.
    check(
        "l t l",
        &[did(0, Pass, 1), did(1, FAIL, 2)],
        "blocked(talk)",
        "fail(status)",
    );
    check(
        "t l t",
        &[did(0, Pass, 1), did(1, FAIL, 2)],
        "fail(status)",
        "blocked(login)",
    );
    check(
        "t t",
        &[did(0, Pass, 1), did(1, FAIL, 2)],
        "",
        "fail(status)",
    );
}

#[test]
fn among_actors_the_earliest_failure_wins() {
    let later = PerformedStep {
        outcome: StepOutcome::Fail(FailClass::Connect),
        ..did(0, FAIL, 9)
    };
    check(
        "l2 t",
        &[later.clone(), did(0, FAIL, 5)],
        "fail(status)",
        "blocked(login)",
    );
    check(
        "l2 t",
        &[did(0, FAIL, 5), later],
        "fail(status)",
        "blocked(login)",
    );
    let one = [did(0, StepOutcome::Pass, 1), did(0, FAIL, 2)];
    check("l2 t", &one, "fail(status)", "blocked(login)");
    let blind = did(0, StepOutcome::Blind(BlindReason::Internal), 3);
    check(
        "l2 t",
        &[blind.clone(), did(0, FAIL, 2)],
        "fail(status)",
        "blocked(login)",
    );
    check(
        "l2 t",
        &[did(0, FAIL, 4), blind],
        "blind(internal)",
        "blind(internal)",
    );
    // One of two actors never acted: the feature was only partly reached.
    check(
        "l2 t",
        &[did(0, StepOutcome::Pass, 1)],
        "blind(interrupted)",
        "blind(interrupted)",
    );
}

#[test]
fn the_journeys_deadline_is_charged_to_who_overran_most() {
    let timeout = StepOutcome::Fail(FailClass::Timeout);
    let over = |index, outcome, overrun_ms: u64| PerformedStep {
        overrun: Some(Duration::from_millis(overrun_ms)),
        ..did(index, outcome, u64::from(index))
    };
    let cut = |index| PerformedStep {
        ending: Ending::JourneyDeadline,
        ..did(index, timeout, u64::from(index))
    };
    let slow_login = over(0, StepOutcome::Slow, 4_000);
    check(
        "l t",
        &[slow_login.clone(), cut(1)],
        "fail(timeout)",
        "blocked(login)",
    );
    // Nobody overran: the step that was cut off is charged.
    check(
        "l t",
        &[did(0, StepOutcome::Pass, 0), cut(1)],
        "pass",
        "fail(timeout)",
    );
    let talk_worse = PerformedStep {
        overrun: Some(Duration::from_secs(5)),
        ..cut(1)
    };
    check(
        "l t",
        &[slow_login.clone(), talk_worse],
        "slow",
        "fail(timeout)",
    );
    // A budget of its own leaves no doubt, however slow others were.
    check(
        "l t",
        &[slow_login, did(1, timeout, 1)],
        "slow",
        "fail(timeout)",
    );
}

#[test]
fn a_fault_of_the_agents_blinds_the_whole_run() {
    let performed = [did(0, StepOutcome::Pass, 1), did(1, FAIL, 2)];
    let blind = Some(BlindReason::Egress);
    let outcomes = attribute(&feature("talk"), &planned("l t"), &performed, blind);
    assert!(
        outcomes
            .iter()
            .all(|(each, _)| each.outcome == Outcome::Blind(BlindReason::Egress))
    );
    let internal = did(1, StepOutcome::Blind(BlindReason::Internal), 2);
    let performed = [did(0, StepOutcome::Pass, 1), internal];
    check("l t", &performed, "blind(internal)", "blind(internal)");
    check("l t", &[], "blind(interrupted)", "blind(interrupted)");
}

fn outcome() -> impl Strategy<Value = StepOutcome> {
    prop_oneof![
        4 => Just(StepOutcome::Pass),
        2 => Just(StepOutcome::Slow),
        1 => Just(FAIL),
        1 => Just(StepOutcome::Blind(BlindReason::Internal)),
    ]
}

proptest! {
    #[test]
    fn every_run_charges_one_feature_or_none_and_proves_no_pass_it_has_not_seen(
        features in proptest::collection::vec(0_usize..4, 1..8),
        outcomes in proptest::collection::vec((outcome(), 0_u64..50, any::<bool>()), 0..8),
        own in 0_usize..4,
    ) {
        let names = ["a", "b", "c", "d"].map(feature);
        let planned: Vec<PlannedStep> = features
            .iter()
            .zip(0..)
            .map(|(n, index)| PlannedStep { index, feature: names[*n].clone(), actors: 1 })
            .collect();
        let mut performed = Vec::new();
        for ((result, overrun, is_cut), index) in outcomes.iter().zip(0..) {
            if usize::try_from(index).unwrap() >= planned.len() {
                break;
            }
            performed.push(PerformedStep {
                overrun: (*overrun > 25).then(|| Duration::from_millis(*overrun)),
                ending: if *is_cut { Ending::JourneyDeadline } else { Ending::Own },
                ..did(index, *result, u64::from(index))
            });
            if matches!(result, StepOutcome::Fail(_) | StepOutcome::Blind(_)) {
                break;
            }
        }
        let judged = attribute(&names[own], &planned, &performed, None);
        let failed: Vec<_> = judged
            .iter()
            .filter(|(each, _)| matches!(each.outcome, Outcome::Fail(_)))
            .collect();
        let last = performed.last().map(|step| step.outcome);
        match last {
            Some(StepOutcome::Fail(_)) => prop_assert_eq!(failed.len() <= 1, true),
            _ => prop_assert!(failed.is_empty()),
        }
        for (each, _) in judged.iter() {
            match &each.outcome {
                Outcome::Pass | Outcome::Slow => {
                    let all_passed = planned
                        .iter()
                        .filter(|step| step.feature == each.feature)
                        .all(|step| performed.iter().any(|done| {
                            done.index == step.index
                                && matches!(done.outcome, StepOutcome::Pass | StepOutcome::Slow)
                        }));
                    prop_assert!(all_passed);
                }
                Outcome::Blocked(by) => {
                    prop_assert!(by != &each.feature);
                    prop_assert!(planned.iter().any(|step| &step.feature == by));
                }
                Outcome::Fail(_) | Outcome::Blind(_) => {}
                Outcome::Skipped(_) => prop_assert!(false, "no run skips itself"),
            }
        }
    }
}
