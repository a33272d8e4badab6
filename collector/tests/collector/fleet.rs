//! Agents as a collector sees them: tokens, and runs that differ by a number.

use std::path::Path;
use std::time::Duration;

use bongsu_collector::config::{Config, TokenHash};
use bongsu_model::{
    AgentId, BootId, Cadence, Catalogue, CleanupState, FailClass, FeatureId, JourneyName,
    NetworkId, Outcome, Outcomes, PlanEntry, PlanRecord, RegionId, Revision, RunFacts, RunId,
    RunIdentity, RunReport, TargetName, Timestamp, Trigger, TriggerKind, Vantage, Variant,
};
use bongsu_wire::AgentResource;

pub(crate) const LOGIN: &str = "account.login";

/// The token of the one operator of the tests.
pub(crate) const OPERATOR_TOKEN: &str = "token of the desk";

/// How often the agents of the tests run.
pub(crate) const PERIOD: Duration = Duration::from_secs(10);

/// An agent of the tests' roster: two regions, `a` and `b`, two agents each.
#[derive(Debug, Clone)]
pub(crate) struct TestAgent {
    pub(crate) vantage: Vantage,
    pub(crate) token: String,
}

pub(crate) fn agents() -> Vec<TestAgent> {
    ["a-1", "a-2", "b-1", "b-2"]
        .map(|id| TestAgent {
            vantage: Vantage {
                region: RegionId::new(&id[..1]).unwrap(),
                network: NetworkId::new("as1").unwrap(),
                agent: AgentId::new(id).unwrap(),
            },
            token: format!("token of {id}"),
        })
        .to_vec()
}

/// The configuration of the tests as text; ports are chosen by the system.
pub(crate) fn config_text(data: &Path) -> String {
    let catalogue = Path::new(env!("CARGO_MANIFEST_DIR")).join("../probes/journeys/catalogue.toml");
    let mut text = format!(
        "format = 1\ndata = {data:?}\ncatalogue = {catalogue:?}\ndefault_target = \"superapp\"\n\
         [listen]\notlp = \"127.0.0.1:0\"\notlp_grpc = \"127.0.0.1:0\"\nweb = \"127.0.0.1:0\"\n\
         [limits]\nbody_bytes_max = \"1MiB\"\nrequests_per_second = 100000\n"
    );
    let hash = TokenHash::of(OPERATOR_TOKEN.as_bytes()).to_hex();
    text += &format!("[[operator]]\nid = \"desk\"\ntoken_sha256 = \"{hash}\"\n");
    for region in ["a", "b"] {
        text += &format!(
            "[[region]]\nid = \"{region}\"\nnames = {{ ko = \"{region}\", en = \"{region}\" }}\n"
        );
    }
    for agent in agents() {
        let Vantage {
            region,
            network,
            agent: id,
        } = &agent.vantage;
        let hash = TokenHash::of(agent.token.as_bytes()).to_hex();
        text += &format!(
            "[[agent]]\nid = \"{id}\"\nregion = \"{region}\"\nnetwork = \"{network}\"\n\
             token_sha256 = \"{hash}\"\n"
        );
    }
    text
}

pub(crate) fn config(data: &Path) -> Config {
    Config::parse(&config_text(data), Path::new("collector.toml")).unwrap()
}

pub(crate) fn catalogue() -> Catalogue {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../probes/journeys/catalogue.toml");
    bongsu_collector::catalogue::load(&file).unwrap()
}

pub(crate) fn fail() -> Outcome {
    Outcome::Fail(FailClass::Status)
}

impl TestAgent {
    /// The run of slot `n` of the agent's cadence.
    pub(crate) fn run(&self, n: u64, outcome: Outcome) -> RunReport {
        let due = self.cadence().due(n);
        self.run_at(n, due, outcome)
    }

    /// A run that says it was due at `due`.
    pub(crate) fn run_at(&self, n: u64, due: Timestamp, outcome: Outcome) -> RunReport {
        let target = TargetName::new("superapp").unwrap();
        let journey = JourneyName::new("login").unwrap();
        let variant = Variant::cold();
        let identity = RunIdentity {
            agent: &self.vantage.agent,
            target: &target,
            journey: &journey,
            variant: &variant,
            trigger: TriggerKind::Scheduled,
            n,
        };
        let facts = RunFacts {
            id: RunId::derive(identity, due),
            vantage: self.vantage.clone(),
            target: target.clone(),
            journey: journey.clone(),
            journey_revision: Revision::of(b"journey"),
            plan_revision: Revision::of(b"plan"),
            variant: variant.clone(),
            trigger: Trigger::Scheduled { slot: n },
            due,
            started: due,
            ended: due + Duration::from_millis(300),
            outcomes: Outcomes::only(FeatureId::new(LOGIN).unwrap(), outcome),
            flaky: false,
            cleanup: CleanupState::None,
            boot: BootId::new("boot-1").unwrap(),
            seq: n,
            clock_offset_s: 0.0,
        };
        RunReport {
            facts,
            steps: Vec::new(),
        }
    }

    /// Runs as the body of a request.
    pub(crate) fn encode(&self, runs: &[RunReport]) -> Vec<u8> {
        let parts: Vec<_> = runs
            .iter()
            .map(|run| bongsu_wire::encode_run(run, &self.resource()))
            .collect();
        bongsu_wire::merge_traces(parts.iter().map(Vec::as_slice))
    }

    /// The agent's plan as the body of a request.
    pub(crate) fn plan(&self, valid_from: Timestamp) -> Vec<u8> {
        let entry = PlanEntry {
            journey: JourneyName::new("login").unwrap(),
            target: TargetName::new("superapp").unwrap(),
            variant: Variant::cold(),
            feature: FeatureId::new(LOGIN).unwrap(),
            touches: Vec::new(),
            cadence: self.cadence(),
            deadline: Duration::from_secs(9),
        };
        let revision = Revision::of(b"plan");
        let plan = PlanRecord {
            revision,
            valid_from,
            entries: vec![entry],
        };
        bongsu_wire::encode_plan(&plan, &self.resource(), valid_from)
    }

    pub(crate) fn resource(&self) -> AgentResource {
        AgentResource {
            region: Some(self.vantage.region.clone()),
            network: Some(self.vantage.network.clone()),
            ..AgentResource::new(self.vantage.agent.clone(), "0.1.0")
        }
    }

    fn cadence(&self) -> Cadence {
        Cadence::new(PERIOD, Duration::ZERO).unwrap()
    }
}
