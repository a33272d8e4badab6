//! History is a function of the set of events; live state of their order. As properties, against
//! a reference that counts slot by slot.

use std::time::Duration;

use bongsu_availability::{
    Engine, Event, HistorySpan, Ledger, MaintenanceWindow, Scope as Covers, Settings,
};
use bongsu_model::{
    BlindReason, Cadence, FailClass, Outcome, Outcomes, PlanRecord, Revision, SkipReason,
    Timestamp, Trigger,
};
use proptest::prelude::*;

use crate::fleet::{
    DEADLINE, Journey, LOGIN, Layout, TEXT, Told, agent_id, cell_key, feature_id, plan, roster,
    run, secs,
};
use crate::sim::{DEMO, Effect, Scope, Sim};

const LAYOUT: Layout = Layout {
    regions: 1,
    agents: 2,
    message: false,
    noise: 0.0,
};
const AGENTS: usize = 2;
const LATENESS: Duration = Duration::from_secs(5);

fn start() -> Timestamp {
    Timestamp::from_unix_seconds(1_700_000_000)
}

/// One plan of an agent: from when, and how often it runs.
#[derive(Debug, Clone)]
struct Planned {
    agent: usize,
    from: Duration,
    cadence: Cadence,
}

/// What became of each slot, in the order of the plans.
#[derive(Debug, Clone)]
struct Case {
    plans: Vec<Planned>,
    /// For each agent an outcome for each of its slots; none where nothing is heard.
    outcomes: Vec<Vec<Option<(Outcome, Duration)>>>,
    length: Duration,
}

impl Case {
    /// The spans of an agent's plans with their slots: (due, offset of start, outcome).
    fn slots(&self, agent: usize) -> Vec<Slot> {
        let plans: Vec<&Planned> = self.plans.iter().filter(|p| p.agent == agent).collect();
        let mut slots = Vec::new();
        for (i, plan) in plans.iter().enumerate() {
            let from = start() + plan.from;
            let until = plans
                .get(i + 1)
                .map_or(Timestamp::MAX, |next| start() + next.from);
            let mut n = plan.cadence.first_at_or_after(from);
            while plan.cadence.due(n) < until.min(start() + self.length) {
                let heard = self.outcomes[agent].get(slots.len()).cloned().flatten();
                slots.push(Slot {
                    n,
                    due: plan.cadence.due(n),
                    until,
                    reach: plan.cadence.period() * 2 + DEADLINE,
                    heard,
                });
                n += 1;
            }
        }
        slots
    }

    fn events(&self) -> Vec<Event> {
        let mut events: Vec<Event> = self.plans.iter().map(Planned::event).collect();
        for agent in 0..AGENTS {
            for slot in self.slots(agent) {
                let Some((outcome, offset)) = slot.heard else {
                    continue;
                };
                let told = Told {
                    agent,
                    journey: Journey::Login,
                    trigger: Trigger::Scheduled { slot: slot.n },
                    due: slot.due,
                    ended: slot.due + offset + secs(1),
                    nonce: 0,
                };
                let mut facts = run(LAYOUT, told, Outcomes::only(feature_id(LOGIN), outcome));
                facts.started = slot.due + offset;
                events.push(Event::Run(Box::new(facts)));
            }
        }
        events
    }
}

impl Planned {
    fn event(&self) -> Event {
        let mut record: PlanRecord = plan(LAYOUT, self.agent, start() + self.from);
        record.revision = Revision::of(format!("{self:?}").as_bytes());
        record.entries[0].cadence = self.cadence;
        Event::Plan {
            agent: agent_id(self.agent),
            record,
        }
    }
}

#[derive(Debug, Clone)]
struct Slot {
    n: u64,
    due: Timestamp,
    until: Timestamp,
    reach: Duration,
    heard: Option<(Outcome, Duration)>,
}

/// An engine that decides nothing, so that no agent is quarantined: that is a decision of the
/// live machine, and depends on the order.
fn undecided() -> Engine {
    let mut engine = Engine::new(Settings {
        h: f64::MAX,
        ..Settings::default()
    });
    engine.handle(start(), Event::Roster(roster(LAYOUT)));
    engine
}

fn history(engine: &Engine, case: &Case, now: Timestamp) -> String {
    let span = HistorySpan {
        from: start(),
        until: start() + case.length,
        step: secs(300),
    };
    let mut buckets = engine.history(&cell_key(LOGIN, 0), span, now);
    // Whether a bucket was told differently before is the one thing that depends on the order.
    for bucket in &mut buckets {
        bucket.revised = false;
    }
    serde_json::to_string(&buckets).unwrap()
}

/// The ledger of a window, counted slot by slot.
fn ledger(case: &Case, from: Timestamp, until: Timestamp, now: Timestamp) -> Ledger {
    let mut ledger = Ledger::default();
    for slot in (0..AGENTS).flat_map(|agent| case.slots(agent)) {
        if slot.due < from || slot.due >= until {
            continue;
        }
        match slot.heard.map(|(outcome, _)| outcome) {
            Some(Outcome::Pass) => ledger.pass += 1,
            Some(Outcome::Slow) => ledger.slow += 1,
            Some(Outcome::Fail(_)) => ledger.fail += 1,
            Some(Outcome::Blocked(_)) => ledger.blocked += 1,
            Some(Outcome::Blind(_)) => ledger.blind += 1,
            Some(Outcome::Skipped(_)) => ledger.skipped += 1,
            None if slot.due + DEADLINE + LATENESS <= now => ledger.missed += 1,
            None => {}
        }
    }
    ledger
}

/// Own and perceived availability of a window, interval by interval: averaged over agents that
/// know any time, as the documentation defines A_user for one region.
fn availability(case: &Case, from: Timestamp, until: Timestamp) -> (Option<f64>, Option<f64>) {
    let (mut own, mut perceived) = ([0.0; 2], [0.0; 2]);
    let (mut knows, mut got) = (0.0, 0.0);
    for agent in 0..AGENTS {
        let (up, down, blocked) = times(&case.slots(agent), from, until);
        if up + down > 0.0 {
            knows += 1.0;
            own = [own[0] + up, own[1] + down];
        }
        if up + down + blocked > 0.0 {
            got += 1.0;
            perceived = [perceived[0] + up, perceived[1] + down + blocked];
        }
    }
    let ratio = |[up, down]: [f64; 2], count: f64| (count > 0.0).then(|| up / (up + down));
    (ratio(own, knows), ratio(perceived, got))
}

fn times(slots: &[Slot], from: Timestamp, until: Timestamp) -> (f64, f64, f64) {
    let (mut up, mut down, mut blocked) = (0.0, 0.0, 0.0);
    let start_of = |slot: &Slot| slot.due + slot.heard.as_ref().map_or(Duration::ZERO, |h| h.1);
    for (i, slot) in slots.iter().enumerate() {
        let begin = start_of(slot);
        let mut end = (begin + slot.reach).min(slot.until);
        if let Some(next) = slots.get(i + 1).filter(|next| next.until == slot.until) {
            end = end.min(start_of(next));
        }
        let seconds = end.min(until).since(begin.max(from)).as_secs_f64();
        match slot.heard.as_ref().map(|(outcome, _)| outcome) {
            Some(Outcome::Pass | Outcome::Slow) => up += seconds,
            Some(Outcome::Fail(_)) => down += seconds,
            Some(Outcome::Blocked(_)) => blocked += seconds,
            Some(Outcome::Blind(_) | Outcome::Skipped(_)) | None => {}
        }
    }
    (up, down, blocked)
}

fn outcome() -> impl Strategy<Value = Option<(Outcome, Duration)>> {
    let outcome = prop_oneof![
        6 => Just(Outcome::Pass),
        1 => Just(Outcome::Slow),
        2 => Just(Outcome::Fail(FailClass::Timeout)),
        1 => Just(Outcome::Blocked(feature_id(TEXT))),
        1 => Just(Outcome::Blind(BlindReason::Clock)),
        1 => Just(Outcome::Skipped(SkipReason::Late)),
    ];
    proptest::option::weighted(
        0.9,
        (outcome, (0_u64..5_000).prop_map(Duration::from_millis)),
    )
}

fn planned(agent: usize) -> impl Strategy<Value = Vec<Planned>> {
    let cadence = prop_oneof![Just(10_u64), Just(15), Just(60)];
    let later = proptest::option::of((600_u64..3_000, cadence.clone(), 0_u64..10_000));
    (cadence, 0_u64..10_000, later).prop_map(move |(period, phase, later)| {
        let first = (0, period, phase);
        let plans = std::iter::once(first).chain(later);
        plans
            .map(|(from, period, phase)| Planned {
                agent,
                from: secs(from),
                cadence: Cadence::new(secs(period), Duration::from_millis(phase)).unwrap(),
            })
            .collect()
    })
}

fn case() -> impl Strategy<Value = Case> {
    let outcomes = proptest::collection::vec(outcome(), 0..400);
    let outcomes = proptest::collection::vec(outcomes, AGENTS);
    (planned(0), planned(1), outcomes).prop_map(|(a, b, outcomes)| Case {
        plans: a.into_iter().chain(b).collect(),
        outcomes,
        length: secs(3_600),
    })
}

/// The events of a case with the order in which they arrive, some of them twice.
fn delivered() -> impl Strategy<Value = (Case, Vec<usize>)> {
    case().prop_flat_map(|case| {
        let count = case.events().len();
        let twice = proptest::collection::vec(0..count, 0..20);
        let order = twice.prop_map(move |twice| (0..count).chain(twice).collect::<Vec<usize>>());
        (Just(case), order.prop_shuffle())
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(48) })]

    #[test]
    fn ledger_and_availability_are_what_slot_by_slot_counting_gives(
        case in case(),
        // Short buckets are counted by slots, long ones by sums over blocks.
        step in prop_oneof![Just(300_u64), Just(1_700), Just(3_600)],
    ) {
        let mut engine = undecided();
        let end = start() + case.length + secs(120);
        let mut events: Vec<(Timestamp, Event)> = case.events().into_iter().map(|event| match &event {
            Event::Run(run) => (run.ended, event),
            Event::Plan { record, .. } => (record.valid_from, event),
            _ => (start(), event),
        }).collect();
        events.sort_by_key(|(at, _)| *at);
        for (at, event) in events {
            engine.handle(at, event);
        }
        let step = secs(step);
        let span = HistorySpan { from: start(), until: start() + case.length, step };
        for bucket in engine.history(&cell_key(LOGIN, 0), span, end) {
            let expected = ledger(&case, bucket.from, bucket.until, end);
            prop_assert_eq!(bucket.samples, expected);
            let (own, perceived) = availability(&case, bucket.from, bucket.until);
            let found = bucket.availability;
            prop_assert!(is_close(found.own, own), "own {:?}, expected {own:?}", found.own);
            prop_assert!(is_close(found.perceived, perceived));
            prop_assert!((0.0..=1.0).contains(&found.coverage));
        }
    }

    #[test]
    fn expected_slots_are_the_sum_of_what_became_of_them_at_any_instant(
        case in case(),
        at in 0_u64..3_600,
        width in 1_u64..3_600,
    ) {
        let mut engine = undecided();
        let now = start() + secs(at);
        for event in case.events() {
            // What had ended and was valid by then.
            match &event {
                Event::Run(run) if run.ended > now => {}
                Event::Plan { record, .. } if record.valid_from > now => {}
                _ => engine.handle(now, event),
            }
        }
        engine.advance(now);
        let span = HistorySpan { from: now - secs(width), until: now, step: secs(width) };
        let bucket = &engine.history(&cell_key(LOGIN, 0), span, now)[0];
        let settled_or_heard = (0..AGENTS).flat_map(|agent| case.slots(agent)).filter(|slot| {
            let heard = slot.heard.as_ref().is_some_and(|(_, o)| slot.due + *o + secs(1) <= now);
            slot.due >= bucket.from
                && slot.due < bucket.until
                && (heard || slot.due + DEADLINE + LATENESS <= now)
        });
        prop_assert_eq!(bucket.samples.expected(), settled_or_heard.count() as u64);
    }

    #[test]
    fn the_order_of_arrival_leaves_no_trace_in_history((case, order) in delivered()) {
        let events = case.events();
        let end = start() + case.length + secs(600);
        let mut in_order = undecided();
        for event in &events {
            in_order.handle(end, event.clone());
        }
        let mut shuffled = undecided();
        for (i, place) in (0_u32..).zip(&order) {
            shuffled.handle(end + Duration::from_millis(1) * i, events[*place].clone());
        }
        let now = end + secs(60);
        prop_assert_eq!(history(&in_order, &case, now), history(&shuffled, &case, now));
    }
}

fn is_close(a: Option<f64>, b: Option<f64>) -> bool {
    match (a, b) {
        (Some(a), Some(b)) => (a - b).abs() < 1e-9,
        (a, b) => a == b,
    }
}

#[test]
fn a_replayed_journal_gives_the_same_transitions_whenever_timers_are_asked() {
    let mut sim = Sim::new(Layout {
        noise: 0.02,
        ..DEMO
    });
    sim.run(secs(120));
    sim.set(Scope::feature(LOGIN).in_region(0), Effect::Fail(1.0));
    sim.set(Scope::agent(8), Effect::Fail(1.0));
    sim.run(secs(200));
    sim.mend();
    sim.set(Scope::region(2), Effect::Silent);
    sim.run(secs(300));
    assert!(sim.log.len() > 30);
    for transition in &sim.log {
        let json = serde_json::to_value(transition).unwrap();
        assert!(json["at"].is_number() && json["kind"].is_string(), "{json}");
    }
    for step in [None, Some(secs(1)), Some(secs(7))] {
        let mut engine = Engine::new(Settings::default());
        let mut log = Vec::new();
        let mut asked = sim.journal[0].0;
        for (received, event) in &sim.journal {
            while let Some(step) = step.filter(|step| asked + *step <= *received) {
                asked = asked + step;
                engine.advance(asked);
            }
            engine.handle(*received, event.clone());
        }
        engine.advance(sim.now);
        log.extend(std::iter::from_fn(|| engine.poll_transition()));
        assert_eq!(log, sim.log);
        let board = |engine: &Engine| {
            serde_json::to_string(&engine.board(&crate::fleet::target(), sim.now)).unwrap()
        };
        assert_eq!(board(&engine), board(&sim.engine));
    }
}

/// The day of section 1.8 of the documentation, each of its minutes ten seconds long: a total
/// outage of 20 minutes, one of an hour in one region, two hours in which 30 % fail, an agent
/// that is blind for three hours, a region that is silent for two, half an hour of announced work.
#[test]
fn the_documented_day_is_measured_within_half_a_point() {
    let minutes = |minutes: u64| secs(minutes * 10);
    let layout = Layout {
        regions: 4,
        agents: 5,
        message: false,
        noise: 0.002,
    };
    let mut sim = Sim::with(layout, Settings::default(), 3);
    let begin = sim.now;
    let spells = [
        (60, 20, Scope::default(), Effect::Fail(1.0)),
        (180, 60, Scope::region(1), Effect::Fail(1.0)),
        (300, 120, Scope::default(), Effect::Fail(0.3)),
        (500, 180, Scope::agent(7), Effect::Blind),
        (800, 120, Scope::region(3), Effect::Silent),
        (1_000, 30, Scope::default(), Effect::Fail(1.0)),
    ];
    sim.give(Event::Maintenance(MaintenanceWindow {
        targets: Covers::All,
        features: Covers::All,
        regions: Covers::All,
        from: begin + minutes(1_000),
        until: begin + minutes(1_030),
        declared: begin,
    }));
    for (from, length, scope, effect) in spells {
        sim.run((begin + minutes(from)).since(sim.now));
        sim.set(scope, effect);
        sim.run(minutes(length));
        sim.mend();
    }
    let end = begin + minutes(1_440);
    sim.run(end.since(sim.now));
    sim.run(secs(20));
    let span = HistorySpan {
        from: begin,
        until: end,
        step: end.since(begin),
    };
    let target = crate::fleet::target();
    let day = &sim
        .engine
        .feature_history(&target, &feature_id(LOGIN), span, sim.now)[0];
    let (own, coverage) = (day.availability.own.unwrap(), day.availability.coverage);
    assert!((own - 0.9496).abs() < 0.005, "{own}");
    assert!((coverage - 0.972).abs() < 0.005, "{coverage}");
}
