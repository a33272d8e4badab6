//! Every component broken in turn: what hard needs it goes down in one incident, and the inferred
//! cause is the component's first feature.
//!
//! That the stand-in platform fares as its tables say is held against real journeys in
//! `probes/tests/probes/platform/tables.rs`. Here the same tables drive the pure machines with the
//! shipped catalogue, so that all components are tried in many orders.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use bongsu_availability::{
    Change, Engine, Event, IncidentPhase, IncidentStep, IncidentView, Region, Roster, Settings,
};
use bongsu_model::{
    AgentId, BootId, Cadence, Catalogue, CleanupState, DependencyStrength, FailClass, FeatureId,
    FeatureState, JourneyName, Names, NetworkId, Outcome, Outcomes, PlanEntry, PlanRecord,
    RegionId, Revision, RunFacts, RunId, RunIdentity, TargetName, Timestamp, Trigger, Vantage,
    Variant,
};
use bongsu_superapp::{Component, PlatformFeature};

const REGIONS: usize = 3;
const AGENTS: usize = 3;
const PERIOD: Duration = Duration::from_secs(60);
/// Slots of each journey that go well before something breaks.
const WARM_UP: u64 = 1;
/// Slots after it: enough for every hard need to be decided, whatever the order.
const BROKEN: u64 = 4;
/// Slots until slowness is decided, which takes more.
const SLOW: u64 = 24;
/// Orders that each component is tried in.
const ORDERS: u64 = 2;

fn catalogue() -> Catalogue {
    bongsu_rehearsal::catalogue::shipped().unwrap()
}

fn id(feature: PlatformFeature) -> FeatureId {
    FeatureId::new(feature.as_str()).unwrap()
}

/// The features that need the component in this way, by the platform's own table.
fn needing(component: Component, strength: DependencyStrength) -> BTreeSet<FeatureId> {
    let features = PlatformFeature::ALL.iter();
    features
        .filter(|feature| feature.needs().contains(&(component, strength)))
        .map(|feature| id(*feature))
        .collect()
}

fn start() -> Timestamp {
    // A whole number of periods, so that slots are easy to place.
    Timestamp::from_unix_seconds(1_700_000_040)
}

/// Random numbers by splitmix, so that an order that fails can be told by its seed.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % bound
    }
}

fn target() -> TargetName {
    TargetName::new("superapp").unwrap()
}

fn names() -> Names {
    Names {
        ko: "지역".to_owned(),
        en: "region".to_owned(),
    }
}

fn vantage(agent: usize) -> Vantage {
    Vantage {
        region: RegionId::new(&format!("r{}", agent / AGENTS)).unwrap(),
        network: NetworkId::new("as1").unwrap(),
        agent: AgentId::new(&format!("a{agent}")).unwrap(),
    }
}

/// A journey of one feature as one agent runs it.
struct Walk {
    agent: usize,
    feature: FeatureId,
    journey: JourneyName,
    cadence: Cadence,
}

impl Walk {
    fn entry(&self) -> PlanEntry {
        PlanEntry {
            journey: self.journey.clone(),
            target: target(),
            variant: Variant::cold(),
            feature: self.feature.clone(),
            touches: Vec::new(),
            cadence: self.cadence,
            deadline: Duration::from_secs(20),
        }
    }

    /// The run that answers slot `n` after the start.
    fn run(&self, n: u64, outcome: Outcome) -> RunFacts {
        let slot = self.cadence.first_at_or_after(start()) + n;
        let due = self.cadence.due(slot);
        let trigger = Trigger::Scheduled { slot };
        let vantage = vantage(self.agent);
        let identity = RunIdentity {
            agent: &vantage.agent,
            target: &target(),
            journey: &self.journey,
            variant: &Variant::cold(),
            trigger: trigger.kind(),
            n: slot,
        };
        RunFacts {
            id: RunId::derive(identity, due),
            vantage,
            target: target(),
            journey: self.journey.clone(),
            journey_revision: Revision::of(b"journey"),
            plan_revision: Revision::of(b"plan"),
            variant: Variant::cold(),
            trigger,
            due,
            started: due,
            ended: due + Duration::from_secs(1),
            outcomes: Outcomes::only(self.feature.clone(), outcome),
            flaky: false,
            cleanup: CleanupState::None,
            boot: BootId::new("b").unwrap(),
            seq: slot,
            clock_offset_s: 0.0,
        }
    }
}

/// What the machines made of a component that broke.
struct Aftermath {
    engine: Engine,
    at: Timestamp,
    /// Incidents that were opened, and how many of them turned out to be one with another.
    opened: usize,
    merged: usize,
}

impl Aftermath {
    fn unclosed(&self) -> Vec<IncidentView> {
        let mut incidents = self.engine.incidents(&target());
        incidents.retain(|incident| incident.phase != IncidentPhase::Closed);
        incidents
    }

    fn states(&self) -> BTreeMap<FeatureId, FeatureState> {
        let features = self.engine.board(&target(), self.at).features.into_iter();
        features.map(|view| (view.feature, view.state)).collect()
    }
}

/// Runs every feature in every region, each agent at a time of its own within the cadence, and
/// breaks the component: what hard needs it fails, what soft needs it is slow.
fn break_down(catalogue: &Catalogue, component: Component, slots: u64, seed: u64) -> Aftermath {
    let mut dice = Dice(seed);
    let mut engine = Engine::new(Settings::default());
    engine.handle(start(), Event::Catalogue(catalogue.clone()));
    let agents = 0..REGIONS * AGENTS;
    let region = |number: usize| Region {
        id: vantage(number * AGENTS).region,
        names: names(),
        weight: 1.0,
    };
    let roster = Roster {
        regions: (0..REGIONS).map(region).collect(),
        agents: agents.clone().map(vantage).collect(),
    };
    engine.handle(start(), Event::Roster(roster));
    let mut walks = Vec::new();
    for agent in agents {
        let first = walks.len();
        for (number, feature) in catalogue.features().iter().enumerate() {
            let phase = Duration::from_millis(dice.below(60_000));
            walks.push(Walk {
                agent,
                feature: feature.id.clone(),
                journey: JourneyName::new(&format!("walk-{number}")).unwrap(),
                cadence: Cadence::new(PERIOD, phase).unwrap(),
            });
        }
        let record = PlanRecord {
            revision: Revision::of(b"plan"),
            valid_from: start(),
            entries: walks[first..].iter().map(Walk::entry).collect(),
        };
        let agent = vantage(agent).agent;
        engine.handle(start(), Event::Plan { agent, record });
    }
    let broken = start() + PERIOD * u32::try_from(WARM_UP).unwrap();
    let hard = needing(component, DependencyStrength::Hard);
    let soft = needing(component, DependencyStrength::Soft);
    let mut runs = Vec::new();
    for walk in &walks {
        for n in 0..WARM_UP + slots {
            let run = walk.run(n, Outcome::Pass);
            let outcome = if run.ended < broken {
                Outcome::Pass
            } else if hard.contains(&walk.feature) {
                Outcome::Fail(FailClass::Status)
            } else if soft.contains(&walk.feature) {
                Outcome::Slow
            } else {
                Outcome::Pass
            };
            runs.push(walk.run(n, outcome));
        }
    }
    runs.sort_by_key(|run| run.ended);
    let mut at = start();
    for run in runs {
        at = run.ended + Duration::from_millis(50);
        engine.handle(at, Event::Run(Box::new(run)));
    }
    let (mut opened, mut merged) = (0, 0);
    while let Some(transition) = engine.poll_transition() {
        if let Change::Incident { step, .. } = transition.change {
            opened += usize::from(step == IncidentStep::Opened);
            merged += usize::from(matches!(step, IncidentStep::Merged { .. }));
        }
    }
    Aftermath {
        engine,
        at,
        opened,
        merged,
    }
}

#[test]
fn the_first_feature_of_a_component_is_one_that_fails_without_it() {
    for component in Component::ALL {
        let first = id(component.first_feature());
        let hard = needing(*component, DependencyStrength::Hard);
        if hard.is_empty() {
            let soft = needing(*component, DependencyStrength::Soft);
            assert!(soft.contains(&first), "{}: {first}", component.as_str());
        } else {
            assert!(hard.contains(&first), "{}: {first}", component.as_str());
        }
    }
    let undetected = Component::ALL
        .iter()
        .filter(|component| needing(**component, DependencyStrength::Hard).is_empty());
    let undetected: Vec<_> = undetected.collect();
    assert_eq!(
        undetected,
        [&Component::Cache],
        "all others take features down"
    );
}

#[test]
fn the_catalogue_knows_of_every_part_that_features_share_and_of_no_other() {
    let catalogue = catalogue();
    let login = id(PlatformFeature::AccountLogin);
    for feature in PlatformFeature::ALL {
        let own = id(*feature);
        let needs = feature.needs().iter();
        let needs = needs.filter(|(_, strength)| *strength == DependencyStrength::Hard);
        let firsts = needs.map(|(component, _)| id(component.first_feature()));
        let mut parts: BTreeSet<_> = firsts.filter(|first| *first != own).collect();
        // Almost all sign in: that they share it would make one incident of what fails by chance
        // at the same time. They depend on it.
        if parts.remove(&login) {
            assert!(catalogue.upstream(&own).contains(&login), "{own}");
        }
        let shares = &catalogue.feature(&own).unwrap().shares;
        let listed: BTreeSet<_> = shares.iter().cloned().collect();
        assert_eq!(listed, parts, "{own} shares what it rests on");
        assert_eq!(listed.len(), shares.len(), "{own} shares nothing twice");
    }
}

#[test]
fn the_inferred_cause_of_every_broken_component_is_its_first_feature() {
    let catalogue = catalogue();
    let mut merged = 0;
    for component in Component::ALL {
        let hard = needing(*component, DependencyStrength::Hard);
        let first = id(component.first_feature());
        for seed in 0..ORDERS {
            let told = format!("{} broken, seed {seed}", component.as_str());
            let aftermath = break_down(&catalogue, *component, BROKEN, seed);
            merged += aftermath.merged;
            let unclosed = aftermath.unclosed();
            for (feature, state) in aftermath.states() {
                let is_down = state == FeatureState::MajorOutage;
                assert_eq!(
                    is_down,
                    hard.contains(&feature),
                    "{told}: {feature} {state:?}"
                );
            }
            if hard.is_empty() {
                assert_eq!(aftermath.opened, 0, "{told}: nothing fails");
                continue;
            }
            let [incident] = &unclosed[..] else {
                panic!("{told}: {unclosed:#?}");
            };
            assert_eq!(aftermath.opened, aftermath.merged + 1, "{told}");
            assert_eq!(incident.root, first, "{told}");
            assert_eq!(incident.cells.len(), hard.len() * REGIONS, "{told}");
            let [outage] = &aftermath.engine.recoveries(&target(), aftermath.at)[..] else {
                panic!("{told}: one outage");
            };
            assert_eq!(outage.rows.len(), hard.len(), "{told}");
            for row in &outage.rows {
                assert_eq!(row.incident, incident.id, "{told}: {}", row.feature);
            }
        }
    }
    assert!(merged > 0, "some are seen as several at first");
}

#[test]
fn a_component_that_features_can_do_without_slows_its_first_feature_and_opens_nothing() {
    let catalogue = catalogue();
    let aftermath = break_down(&catalogue, Component::Cache, SLOW, 0);
    assert_eq!(aftermath.opened, 0);
    let states = aftermath.states();
    let slow = states
        .iter()
        .filter(|(_, state)| **state != FeatureState::Operational);
    let slow: Vec<_> = slow.collect();
    let first = id(Component::Cache.first_feature());
    assert_eq!(slow, [(&first, &FeatureState::Degraded)]);
}
