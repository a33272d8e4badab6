//! What must hold of the rules of evidence, whatever the runs say.

use std::time::Duration;

use bongsu_model::{BlindReason, Cadence, CellState, FeatureId, Outcome, RunFacts, Variant};
use proptest::prelude::*;

use crate::fleet::{Journey, TEXT, feature_id, secs};
use crate::script::{FAIL, Script, region_of, start};

/// 2T + D + L at ten seconds.
const FRESH: Duration = Duration::from_secs(34);
const PHOTO: &str = "talk.message.photo";

fn config(cases: u32) -> ProptestConfig {
    ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::with_cases(cases)
    }
}

fn any_outcome() -> impl Strategy<Value = Outcome> {
    prop_oneof![
        3 => Just(Outcome::Pass),
        1 => Just(Outcome::Slow),
        1 => Just(FAIL),
        3 => Just(Outcome::Blocked(feature_id(TEXT))),
        1 => Just(Outcome::Blocked(feature_id(PHOTO))),
        1 => Just(Outcome::Blind(BlindReason::Egress)),
    ]
}

/// What one variant of one agent's journey said, slot by slot; none where nothing was heard.
type Said = Vec<Option<Outcome>>;

fn said() -> impl Strategy<Value = Said> {
    proptest::collection::vec(proptest::option::weighted(0.7, any_outcome()), 0..4)
}

/// The warm runs begin a second after the cold ones.
fn warm(mut run: RunFacts) -> RunFacts {
    run.variant = Variant::new("warm").unwrap();
    run.due = run.due + secs(1);
    run.started = run.started + secs(1);
    run.ended = run.ended + secs(1);
    run
}

/// Agents that run a cold and a warm login, and the runs of each.
fn in_two_variants(fleet: &[(Said, Said)]) -> (Script, Vec<Vec<RunFacts>>) {
    let mut script = Script::new(region_of(fleet.len()), 10);
    let mut runs = Vec::new();
    for (agent, (cold, hot)) in fleet.iter().enumerate() {
        let entry = script.entry(agent, Journey::Login, Variant::cold());
        let mut second = script.entry(agent, Journey::Login, Variant::new("warm").unwrap());
        let phase = entry.cadence.phase() + secs(1);
        second.cadence = Cadence::new(secs(10), phase).unwrap();
        script.plan_entries(agent, vec![entry, second], start());
        let heard = |said: &Said| {
            let said = (0..).zip(said.clone());
            said.filter_map(|(n, outcome)| Some((n, outcome?)))
                .map(|(n, outcome)| script.login(agent, n, outcome))
                .collect::<Vec<RunFacts>>()
        };
        let warm = heard(hot).into_iter().map(warm);
        runs.push(heard(cold).into_iter().chain(warm).collect());
    }
    (script, runs)
}

proptest! {
    #![proptest_config(config(256))]

    #[test]
    fn who_does_not_see_a_cell_says_what_stands_before_it(
        fleet in proptest::collection::vec((said(), said()), 1..6),
        after in 0_u64..70,
    ) {
        let (mut script, runs) = in_two_variants(&fleet);
        let now = start() + secs(after);
        let heard = |run: &RunFacts| run.ended <= now;
        script.feed(runs.iter().flatten().filter(|run| heard(run)).cloned().collect());
        script.engine.advance(now);

        let newest = |agent: &Vec<RunFacts>, variant: &Variant| {
            let ours = agent.iter().filter(|run| heard(run) && run.variant == *variant);
            ours.max_by_key(|run| run.due).filter(|run| run.due + FRESH > now).cloned()
        };
        let variants = [Variant::cold(), Variant::new("warm").unwrap()];
        let mut seeing = 0;
        let mut blocked: Vec<Option<FeatureId>> = Vec::new();
        for agent in &runs {
            let newest: Vec<RunFacts> = variants.iter().filter_map(|v| newest(agent, v)).collect();
            let is_valid = |run: &RunFacts| {
                matches!(run.outcomes.verdict(), Outcome::Pass | Outcome::Slow | Outcome::Fail(_))
            };
            if newest.iter().any(is_valid) {
                seeing += 1;
                continue;
            }
            let last = newest.iter().max_by_key(|run| run.due);
            blocked.push(last.and_then(|run| match run.outcomes.verdict() {
                Outcome::Blocked(by) => Some(by.clone()),
                _ => None,
            }));
        }
        let cell = script.login_cell(now);
        let is_unknown = seeing < fleet.len().min(2);
        prop_assert_eq!(cell.seeing as usize, seeing);
        prop_assert_eq!(cell.state == CellState::Unknown, is_unknown);
        let stands_before = |by: &FeatureId| {
            let count = blocked.iter().flatten().filter(|other| *other == by).count();
            2 * count > blocked.len()
        };
        let expected = blocked.iter().flatten().find(|by| stands_before(by));
        prop_assert_eq!(cell.blocked_by.as_ref(), expected.filter(|_| is_unknown));
    }
}
