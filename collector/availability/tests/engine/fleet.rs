//! The fleet of the tests: its names, plans and runs.

use std::time::Duration;

use bongsu_availability::{Region, Roster};
use bongsu_model::{
    AgentId, BootId, Cadence, Catalogue, CellKey, CleanupState, Dependency, DependencyStrength,
    Feature, FeatureId, Heartbeat, JourneyName, Names, NetworkId, Outcomes, Paid, PlanEntry,
    PlanRecord, Rank, RegionId, Revision, RunFacts, RunId, RunIdentity, Service, ServiceId,
    SpoolDepth, TargetName, Timestamp, Trigger, Vantage, Variant,
};

pub const LOGIN: &str = "account.login";
pub const TEXT: &str = "talk.message.text";
pub const PERIOD: Duration = Duration::from_secs(10);
pub const DEADLINE: Duration = Duration::from_secs(9);
/// How a fleet is laid out.
#[derive(Debug, Clone, Copy)]
pub struct Layout {
    pub regions: usize,
    pub agents: usize,
    pub message: bool,
    /// Probability that a run fails although nothing is wrong.
    pub noise: f64,
}

pub const DEMO: Layout = Layout {
    regions: 3,
    agents: 3,
    message: true,
    noise: 0.0,
};

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Journey {
    Login,
    Message,
}

impl Journey {
    pub fn name(self) -> JourneyName {
        JourneyName::new(match self {
            Self::Login => "login",
            Self::Message => "send-message",
        })
        .unwrap()
    }

    pub fn feature(self) -> &'static str {
        match self {
            Self::Login => LOGIN,
            Self::Message => TEXT,
        }
    }
}

/// One run of one agent.
#[derive(Debug, Clone, Copy)]
pub struct Told {
    pub agent: usize,
    pub journey: Journey,
    pub trigger: Trigger,
    pub due: Timestamp,
    pub ended: Timestamp,
    /// Tells runs without a slot apart.
    pub nonce: u64,
}

pub fn run(layout: Layout, told: Told, outcomes: Outcomes) -> RunFacts {
    let id = agent_id(told.agent);
    let identity = RunIdentity {
        agent: &id,
        target: &target(),
        journey: &told.journey.name(),
        variant: &Variant::cold(),
        trigger: told.trigger.kind(),
        n: told.trigger.slot().unwrap_or(told.nonce),
    };
    RunFacts {
        id: RunId::derive(identity, told.due),
        vantage: vantage(layout, told.agent),
        target: target(),
        journey: told.journey.name(),
        journey_revision: Revision::of(b"journey"),
        plan_revision: Revision::of(b"plan"),
        variant: Variant::cold(),
        trigger: told.trigger,
        due: told.due,
        started: told.due,
        ended: told.ended,
        outcomes,
        flaky: false,
        cleanup: CleanupState::None,
        boot: BootId::new("b").unwrap(),
        seq: told.nonce,
        clock_offset_s: 0.0,
    }
}

pub fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

pub fn feature_id(text: &str) -> FeatureId {
    FeatureId::new(text).unwrap()
}

pub fn target() -> TargetName {
    TargetName::new("superapp").unwrap()
}

pub fn region_id(region: usize) -> RegionId {
    RegionId::new(&format!("r{region}")).unwrap()
}

pub fn cell_key(feature: &str, region: usize) -> CellKey {
    CellKey {
        target: target(),
        feature: feature_id(feature),
        region: region_id(region),
    }
}

pub fn agent_id(agent: usize) -> AgentId {
    AgentId::new(&format!("a{agent:02}")).unwrap()
}

pub fn vantage(layout: Layout, agent: usize) -> Vantage {
    Vantage {
        region: region_id(agent / layout.agents),
        network: NetworkId::new("as1").unwrap(),
        agent: agent_id(agent),
    }
}

pub fn roster(layout: Layout) -> Roster {
    let regions = (0..layout.regions).map(|region| Region {
        id: region_id(region),
        names: names("region"),
        weight: 1.0,
    });
    let agents = 0..layout.regions * layout.agents;
    Roster {
        regions: regions.collect(),
        agents: agents.map(|agent| vantage(layout, agent)).collect(),
    }
}

pub fn heartbeat(sent: Timestamp) -> Heartbeat {
    Heartbeat {
        sent,
        boot: BootId::new("b").unwrap(),
        clock_offset_s: 0.0,
        controls: Vec::new(),
        spool: SpoolDepth::default(),
        cleanup_debts: 0,
        plan_revision: None,
        plan_refused: None,
        version: "test".to_owned(),
    }
}

pub fn plan(layout: Layout, agent: usize, valid_from: Timestamp) -> PlanRecord {
    let entry = |journey: Journey| PlanEntry {
        journey: journey.name(),
        target: target(),
        variant: Variant::cold(),
        feature: feature_id(journey.feature()),
        touches: match journey {
            Journey::Login => Vec::new(),
            Journey::Message => vec![feature_id(LOGIN)],
        },
        cadence: cadence(layout, agent, journey),
        deadline: DEADLINE,
    };
    PlanRecord {
        revision: Revision::of(b"plan"),
        valid_from,
        entries: journeys(layout).map(entry).collect(),
    }
}

pub fn catalogue() -> Catalogue {
    let feature = |id: &str, depends_on: &[&str]| Feature {
        id: feature_id(id),
        names: names(id),
        service: ServiceId::new("talk").unwrap(),
        life_impact: Rank::new(3).unwrap(),
        absence_harm: Rank::new(0).unwrap(),
        daily_users: 1,
        paid: Paid::Free,
        depends_on: depends_on
            .iter()
            .map(|on| Dependency {
                on: feature_id(on),
                strength: DependencyStrength::Hard,
            })
            .collect(),
        shares: Vec::new(),
        objective: None,
    };
    let service = Service {
        id: ServiceId::new("talk").unwrap(),
        names: names("talk"),
    };
    let features = vec![
        feature(LOGIN, &[]),
        feature(TEXT, &[LOGIN]),
        feature("talk.message.photo", &[LOGIN]),
    ];
    Catalogue::new(vec![service], features).unwrap()
}

fn names(text: &str) -> Names {
    Names {
        ko: text.to_owned(),
        en: text.to_owned(),
    }
}

pub fn journeys(layout: Layout) -> impl Iterator<Item = Journey> {
    [Journey::Login, Journey::Message]
        .into_iter()
        .filter(move |journey| layout.message || *journey == Journey::Login)
}

/// The phase is the agent's place in its region plus a hash of the journey.
pub fn cadence(layout: Layout, agent: usize, journey: Journey) -> Cadence {
    let place = u32::try_from(agent % layout.agents).unwrap();
    let hash = match journey {
        Journey::Login => 0,
        Journey::Message => 1_700,
    };
    let slice = PERIOD / u32::try_from(layout.agents).unwrap();
    Cadence::new(PERIOD, slice * place + Duration::from_millis(hash)).unwrap()
}
