//! What must hold of the rules of evidence, whatever the runs say.

use std::collections::BTreeMap;
use std::time::Duration;

use bongsu_availability::{Event, HistorySpan, Settings};
use bongsu_model::{
    BlindReason, Cadence, CellState, FeatureId, FeatureState, Outcome, PlanRecord, Revision,
    RunFacts, Timestamp, Trigger, Variant,
};
use proptest::prelude::*;

use crate::fleet::{Journey, LOGIN, TEXT, agent_id, cell_key, feature_id, heartbeat, secs, target};
use crate::script::{FAIL, Script, region_of, start};
use crate::sim::{DEMO, Effect, Scope, Sim};

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
    run.variant = Variant::warm();
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
        let mut second = script.entry(agent, Journey::Login, Variant::warm());
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
        script.advance(now);

        let newest = |agent: &Vec<RunFacts>, variant: &Variant| {
            let ours = agent.iter().filter(|run| heard(run) && run.variant == *variant);
            ours.max_by_key(|run| run.due).filter(|run| run.due + FRESH > now).cloned()
        };
        let variants = [Variant::cold(), Variant::warm()];
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

const AGENTS: usize = 3;

/// Rules by which nothing is ever decided, so that no run is judged blind.
fn undecided() -> Settings {
    Settings {
        h: 1.0e6,
        ..Settings::default()
    }
}

fn planned(settings: Settings, journeys: &[Journey]) -> Script {
    let mut script = Script::deciding_by(settings, region_of(AGENTS), 10);
    for agent in 0..AGENTS {
        script.plan(agent, journeys, start());
    }
    script
}

/// For each slot of each agent what it said; none where nothing was heard.
fn slots(length: usize) -> impl Strategy<Value = Vec<Option<Outcome>>> {
    let said = proptest::option::weighted(0.9, any_outcome());
    proptest::collection::vec(said, length * AGENTS)
}

/// The runs of these slots, the first of each agent first.
fn logins(script: &Script, slots: &[Option<Outcome>]) -> Vec<RunFacts> {
    let runs = (0..).zip(slots).filter_map(|(place, said)| {
        let (agent, n) = (place % AGENTS, place / AGENTS);
        Some(script.login(agent, n as u64, said.clone()?))
    });
    runs.collect()
}

fn instant(length: u64) -> impl Strategy<Value = Timestamp> {
    (0..length * 1_000).prop_map(|ms| start() + Duration::from_millis(ms))
}

/// A run without a slot: whose, when, what it says.
type Unslotted = (usize, Timestamp, Outcome);

/// What is counted and measured of a cell, bucket by bucket and in the windows that are shown.
fn measured(script: &Script, feature: &str, now: Timestamp) -> String {
    let span = HistorySpan {
        from: start(),
        until: now,
        step: secs(60),
    };
    let buckets = script.engine.history(&cell_key(feature, 0), span, now);
    let cell = script.cell(feature, now);
    serde_json::to_string(&(buckets, cell.samples, cell.availability)).unwrap()
}

fn valid() -> impl Strategy<Value = Outcome> {
    prop_oneof![3 => Just(Outcome::Pass), 1 => Just(Outcome::Slow), 1 => Just(FAIL)]
}

/// Rule 1: evidence and ledger are two things.
mod runs_without_a_slot {
    use super::*;

    fn told(slots: &[Option<Outcome>], extra: &[(Trigger, Vec<Unslotted>)]) -> Script {
        let mut script = planned(undecided(), &[Journey::Login]);
        let mut runs = logins(&script, slots);
        for (trigger, extra) in extra {
            runs.extend(extra.iter().map(|(agent, due, outcome)| {
                script.unslotted(*agent, *trigger, *due, outcome.clone())
            }));
        }
        script.feed(runs);
        script.advance(end());
        script
    }

    fn end() -> Timestamp {
        start() + secs(310)
    }

    fn some(outcome: impl Strategy<Value = Outcome>) -> impl Strategy<Value = Vec<Unslotted>> {
        proptest::collection::vec((0..AGENTS, instant(300), outcome), 0..30)
    }

    proptest! {
        #![proptest_config(config(48))]

        #[test]
        fn are_in_no_ledger_no_availability_and_not_among_the_agents(
            slots in slots(30),
            burst in some(any_outcome()),
            manual in some(any_outcome()),
            ci in some(any_outcome()),
        ) {
            let extra =
                [(Trigger::Burst, burst), (Trigger::Manual, manual), (Trigger::Ci, ci.clone())];
            let slotted = told(&slots, &[]);
            let all = told(&slots, &extra);
            prop_assert_eq!(measured(&all, LOGIN, end()), measured(&slotted, LOGIN, end()));
            let agents = |script: &Script| script.login_cell(end()).agents;
            prop_assert_eq!(agents(&all), agents(&slotted));
            // A CI run is nothing at all.
            let with_ci = told(&slots, &[(Trigger::Ci, ci)]);
            prop_assert_eq!(with_ci.login_cell(end()), slotted.login_cell(end()));
            prop_assert_eq!(with_ci.log, slotted.log);
        }

        #[test]
        fn are_in_no_row_of_passes_if_a_person_asked_for_them(
            slots in proptest::collection::vec(valid().prop_map(Some), 30 * AGENTS),
            manual in some(valid()),
        ) {
            let slotted = told(&slots, &[]).login_cell(end());
            let with_manual = told(&slots, &[(Trigger::Manual, manual)]).login_cell(end());
            prop_assert_eq!(with_manual.passes, slotted.passes);
            prop_assert_eq!(with_manual.seeing, slotted.seeing);
        }
    }
}

/// Rule 3: what other journeys meet on their way.
mod touches {
    use super::*;

    proptest! {
        #![proptest_config(config(64))]

        #[test]
        fn count_once_a_period_the_first_received(
            touches in proptest::collection::vec((instant(300), any::<bool>(), valid()), 0..60),
        ) {
            // The one agent that logs in by itself says nothing, so that the score is the other's.
            let mut script = Script::deciding_by(undecided(), region_of(2), 10);
            script.plan(0, &[Journey::Login], start());
            script.plan(1, &[Journey::Message], start());
            let touches = touches.into_iter().map(|(due, is_burst, met)| {
                if is_burst {
                    script.message_burst(1, due, met)
                } else {
                    script.message(1, due.since(start()).as_secs() / 10, met)
                }
            });
            let mut touches: Vec<RunFacts> = touches.collect();
            touches.sort_by_key(|run| (run.ended, run.id));
            script.feed(touches.clone());

            let Settings { p0, hard_p1, h, .. } = undecided();
            let mut score = 0.0_f64;
            let mut newest = None;
            for run in touches {
                let period = Some(run.due.as_unix_nanos() / 10_000_000_000);
                if period > newest {
                    newest = period;
                                        let failed = run.outcomes.others()[0].outcome == FAIL;
                    let step = if failed { hard_p1 / p0 } else { (1.0 - hard_p1) / (1.0 - p0) };
                    score = (score + step.ln()).max(0.0);
                }
            }
            let told = script.login_cell(start() + secs(301)).score * h;
            prop_assert!((told - score).abs() < 1e-6, "{told}, expected {score}");
        }

        #[test]
        fn move_scores_and_nothing_else(
            slots in slots(30),
            touches in proptest::collection::vec((0..AGENTS, instant(300), valid()), 1..60),
        ) {
            let now = start() + secs(310);
            let told = |touches: &[Unslotted]| {
                let mut script = planned(undecided(), &[Journey::Login, Journey::Message]);
                let mut runs = logins(&script, &slots);
                runs.extend(touches.iter().map(|(agent, due, outcome)| {
                    script.message_burst(*agent, *due, outcome.clone())
                }));
                script.feed(runs);
                script.advance(now);
                script
            };
            let (untouched, touched) = (told(&[]), told(&touches));
            prop_assert_eq!(measured(&touched, LOGIN, now), measured(&untouched, LOGIN, now));
            let facts = |script: &Script| {
                let cell = script.login_cell(now);
                let seen = (cell.agents, cell.seeing, cell.blocked_by);
                (seen, cell.passes)
            };
            prop_assert_eq!(facts(&touched), facts(&untouched));
        }
    }
}

/// Rule 5: what comes later than 2T + D + L after it was due.
mod late_runs {
    use super::*;

    proptest! {
        #![proptest_config(config(48))]

        #[test]
        fn page_nobody_and_restate_history(
            slots in slots(40),
            late in proptest::collection::vec((0..40 * AGENTS, any_outcome(), 1_u64..120_000), 1..80),
        ) {
            let now = start() + secs(700);
            let told = |late: &BTreeMap<usize, (Outcome, u64)>| {
                let mut script = planned(Settings::default(), &[Journey::Login]);
                let in_time = logins(&script, &slots).into_iter().map(|run| (run.ended, run));
                let mut runs: Vec<(Timestamp, RunFacts)> = in_time.collect();
                for (place, (outcome, ms)) in late {
                    let n = (place / AGENTS) as u64;
                    let run = script.login(place % AGENTS, n, outcome.clone());
                    runs.push((run.due + FRESH + Duration::from_millis(*ms), run));
                }
                runs.sort_by_key(|(received, run)| (*received, run.id));
                for (received, run) in runs {
                    script.give(received, Event::Run(Box::new(run)));
                }
                script.advance(now);
                script
            };
            let late: BTreeMap<usize, (Outcome, u64)> = late
                .into_iter()
                .filter(|(place, _, _)| slots[*place].is_none())
                .map(|(place, outcome, ms)| (place, (outcome, ms)))
                .collect();
            let (before, after) = (told(&BTreeMap::new()), told(&late));
            prop_assert_eq!(&after.log, &before.log);
            let (was, is) = (before.login_cell(now), after.login_cell(now));
            prop_assert_eq!((was.state, was.score, was.passes), (is.state, is.score, is.passes));
            prop_assert_eq!(was.samples.missed - is.samples.missed, late.len() as u64);
            prop_assert_eq!(was.samples.expected(), is.samples.expected());
            prop_assert_eq!(after.engine.counters().revised, late.len() as u64);
            prop_assert_eq!(after.engine.counters().late, late.len() as u64);
        }
    }
}

/// Rule 6: without a plan nothing is measured.
mod no_plan {
    use super::*;

    proptest! {
        #![proptest_config(config(24))]

        #[test]
        fn leaves_a_cell_unmeasured(slots in slots(30), burst in proptest::collection::vec(
            (0..AGENTS, instant(300), any_outcome()), 0..30,
        )) {
            let mut script = Script::new(region_of(AGENTS), 10);
            let mut runs = logins(&script, &slots);
            runs.extend(burst.into_iter().map(|(agent, due, outcome)| {
                script.unslotted(agent, Trigger::Burst, due, outcome)
            }));
            script.feed(runs);
            let now = start() + secs(310);
            let view = script.engine.feature(&target(), &feature_id(LOGIN), now);
            prop_assert_eq!(view.state, FeatureState::Unmeasured);
            for cell in view.regions {
                prop_assert_eq!((cell.state, cell.agents), (CellState::Unmeasured, 0));
                prop_assert_eq!((cell.samples.expected(), cell.availability.hour.own), (0, None));
            }
            prop_assert_eq!(script.log, []);
        }
    }
}

/// Rule 7: engine time is the time of receipt.
mod engine_time {
    use super::*;

    proptest! {
        #![proptest_config(config(24))]

        #[test]
        fn is_the_same_whenever_timers_are_asked_and_when_a_journal_is_replayed(
            slots in slots(40),
            delays in proptest::collection::vec(0_u64..60_000, 1..40),
            beats in proptest::collection::vec((0..AGENTS, instant(400)), 0..60),
            asked in proptest::collection::vec(instant(600), 0..200),
            again in (0..AGENTS, instant(400)),
        ) {
            let script = planned(Settings::default(), &[Journey::Login]);
            let runs = logins(&script, &slots).into_iter().zip(delays.iter().cycle());
            let runs = runs.map(|(run, ms)| {
                (run.ended + Duration::from_millis(*ms / 4), Event::Run(Box::new(run)))
            });
            let beats = beats.into_iter().map(|(agent, at)| {
                (at, Event::Heartbeat { agent: agent_id(agent), heartbeat: heartbeat(at) })
            });
            let mut journal: Vec<(Timestamp, Event)> = runs.chain(beats).collect();
            let (agent, at) = again;
            let entry = script.entry(agent, Journey::Login, Variant::warm());
            let record = PlanRecord {
                revision: Revision::of(b"again"), valid_from: at + secs(20), entries: vec![entry],
            };
            journal.push((at, Event::Plan { agent: agent_id(agent), record }));
            journal.sort_by_key(|(at, _)| *at);
            let end = start() + secs(600);

            let told = |asked: &[Timestamp]| {
                let mut script = planned(Settings::default(), &[Journey::Login]);
                let mut asked = asked.iter().copied().peekable();
                for (received, event) in &journal {
                    while let Some(at) = asked.next_if(|at| at <= received) {
                        script.advance(at);
                    }
                    script.give(*received, event.clone());
                }
                asked.for_each(|at| script.advance(at));
                script.advance(end);
                let board = serde_json::to_string(&script.engine.board(&target(), end)).unwrap();
                (script.log, board)
            };
            let mut asked = asked;
            asked.sort();
            let live = told(&asked);
            let replayed = told(&[]);
            prop_assert!(live.0.windows(2).all(|pair| pair[0].at <= pair[1].at));
            prop_assert_eq!(live, replayed);
        }
    }
}

/// Rules 8 and 9: who fails alone, and who does not.
mod outliers {
    use super::*;

    /// The cells of three regions; for each perhaps one agent with a share of failures.
    fn bad() -> impl Strategy<Value = Vec<Option<(usize, f64)>>> {
        let share = prop_oneof![Just(1.0), 0.05..1.0_f64];
        proptest::collection::vec(proptest::option::of((0..AGENTS, share)), 3)
    }

    proptest! {
        #![proptest_config(config(12))]

        #[test]
        fn one_bad_agent_in_each_cell_turns_nothing_down(bad in bad(), seed in 0_u64..1_000) {
            let mut sim = Sim::with(DEMO, Settings::default(), seed);
            sim.run(secs(60));
            for (region, (agent, share)) in
                (0..).zip(&bad).filter_map(|(region, bad)| Some((region, bad.as_ref()?)))
            {
                sim.set(Scope::agent(region * DEMO.agents + agent), Effect::Fail(*share));
            }
            sim.run(secs(900));
            prop_assert_eq!(sim.entered(CellState::Down), 0);
            // Who always fails is found; who does not fail is not.
            for (region, bad) in bad.iter().enumerate() {
                let held = sim.cell(LOGIN, region).quarantined;
                let agent = bad.map(|(agent, _)| agent_id(region * DEMO.agents + agent));
                prop_assert!(held.iter().all(|held| Some(held) == agent.as_ref()), "{held:?}");
                let always = bad.is_some_and(|(_, share)| share >= 1.0);
                prop_assert!(!always || held.len() == 1);
            }
        }
    }

    proptest! {
        #![proptest_config(config(48))]

        #[test]
        fn are_held_from_the_threshold_on_until_fourteen_passes_or_another_failure(
            agents in 2_usize..5,
            stretches in proptest::collection::vec((0.0..1.0_f64, 1_usize..30), 1..8),
            draws in proptest::collection::vec(0.0..1.0_f64, 240),
        ) {
            let settings = Settings::default();
            let bad = (settings.hard_p1 / settings.p0).ln();
            let good = ((1.0 - settings.hard_p1) / (1.0 - settings.p0)).ln();
            let mut script = Script::planned(region_of(agents), 10, &[Journey::Login]);
            script.feed((0..agents).map(|agent| script.login(agent, 0, Outcome::Pass)).collect());
            let shares = stretches.iter().flat_map(|(share, n)| std::iter::repeat_n(*share, *n));
            // The score of all, then the one without each agent.
            let mut scores = vec![0.0_f64; agents + 1];
            let mut held: Option<u32> = None;
            let mut end = start();
            for (slot, (share, draw)) in (1..).zip(shares.zip(&draws)) {
                for agent in 0..agents {
                    let failed = agent == 0 && *draw < share;
                    let outcome = if failed { FAIL } else { Outcome::Pass };
                    let run = script.login(agent, slot, outcome);
                    end = run.ended;
                    script.feed(vec![run]);
                    // The others pass, so that the score without agent 0 is zero.
                    held = match held {
                        Some(passes) if agent == 0 => {
                            let passes = if failed { 0 } else { passes + 1 };
                            Some(passes).filter(|passes| *passes < settings.passes_to_up)
                        }
                        Some(passes) => Some(passes),
                        None => {
                            for (without, score) in scores.iter_mut().enumerate() {
                                if without != agent + 1 {
                                    let moved = *score + if failed { bad } else { good };
                                    *score = moved.clamp(0.0, 2.0 * settings.h);
                                }
                            }
                            (scores[0] >= settings.h && scores[1] == 0.0).then_some(0)
                        }
                    };
                    if held.is_some() {
                        scores.fill(0.0);
                    }
                    let cell = script.login_cell(end);
                    prop_assert_eq!(cell.quarantined.len(), usize::from(held.is_some()));
                    let left = agents - usize::from(held.is_some());
                    prop_assert_eq!(cell.agents as usize, left);
                    let suspect = scores.iter().any(|score| *score > 0.0);
                    let state = if suspect { CellState::Suspect } else { CellState::Up };
                    prop_assert_eq!(cell.state, state);
                }
            }
            // Another agent that fails ends it at once.
            script.feed(vec![script.unslotted(1, Trigger::Burst, end + secs(1), FAIL)]);
            prop_assert!(script.login_cell(end + secs(2)).quarantined.is_empty());
        }

        #[test]
        fn are_none_when_most_fail_alike(
            agents in 2_usize..5,
            fault in 0_u64..10_000,
            bursts in proptest::collection::vec((0_usize..5, 0_u64..120_000), 0..40),
        ) {
            let mut script = Script::planned(region_of(agents), 10, &[Journey::Login]);
            let fault = start() + secs(60) + Duration::from_millis(fault);
            let mut runs = Vec::new();
            for n in 0..24 {
                for agent in 0..agents {
                    let run = script.login(agent, n, FAIL);
                    let works = run.due < fault;
                    runs.push(if works { script.login(agent, n, Outcome::Pass) } else { run });
                }
            }
            let failed = runs.iter().filter(|run| run.due >= fault).count();
            runs.extend(bursts.into_iter().map(|(agent, ms)| {
                let at = fault + Duration::from_millis(ms);
                script.unslotted(agent % agents, Trigger::Burst, at, FAIL)
            }));
            script.feed(runs);
            let now = start() + secs(240);
            let cell = script.login_cell(now);
            prop_assert_eq!(cell.state, CellState::Down);
            prop_assert_eq!((cell.agents as usize, cell.seeing as usize), (agents, agents));
            prop_assert!(cell.quarantined.is_empty());
            prop_assert_eq!((cell.samples.fail, cell.samples.blind), (failed as u64, 0));
        }
    }
}
