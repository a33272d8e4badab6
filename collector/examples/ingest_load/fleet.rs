//! The fleet of the load: its configuration, its plans, and the runs of its backlog.

use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use bongsu_collector::config::TokenHash;
use bongsu_model::{
    AgentId, BootId, Cadence, CleanupState, FailClass, FeatureId, FeatureOutcome, JourneyName,
    NetworkFacts, Outcome, Outcomes, Phases, PlanEntry, PlanRecord, Revision, RunFacts, RunId,
    RunIdentity, RunReport, StepKind, StepOutcome, StepReport, TargetName, Timestamp, Trigger,
    TriggerKind, Vantage, Variant, Verb,
};
use bongsu_wire::AgentResource;

/// Journeys of each agent, one a feature.
pub(crate) const JOURNEYS: usize = 43;

/// Agents of one region: as many as decide about one cell.
const AGENTS_OF_REGION: usize = 5;

/// How often each journey runs.
const PERIOD: Duration = Duration::from_secs(60);

/// D of each journey.
const DEADLINE: Duration = Duration::from_secs(30);

/// One run in so many fails.
const FAILS_EVERY: u64 = 500;

/// What requests hold.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Shape {
    /// Agents of the fleet, as prepared.
    #[arg(long, default_value_t = 40)]
    pub(crate) agents: usize,
    /// Slots of each journey that the fleet is behind.
    #[arg(long, default_value_t = 70)]
    pub(crate) slots: u64,
    /// Spans of one request, at least: runs are not split.
    #[arg(long, default_value_t = 500)]
    pub(crate) spans: usize,
    /// Every step on a connection of its own with all phases and TLS facts, some 30 attributes,
    /// instead of steps that share one, some 16.
    #[arg(long)]
    pub(crate) full: bool,
}

/// One agent of the fleet.
#[derive(Debug, Clone)]
pub(crate) struct Agent {
    pub(crate) vantage: Vantage,
    pub(crate) token: String,
    number: usize,
}

/// The agents of a fleet of so many.
pub(crate) fn agents(count: usize) -> Vec<Agent> {
    (0..count)
        .map(|number| {
            let region = format!("region-{}", number / AGENTS_OF_REGION);
            let id = format!("{region}-{}", number % AGENTS_OF_REGION);
            Agent {
                vantage: Vantage {
                    region: region.parse().expect("a name"),
                    network: "as4766".parse().expect("a name"),
                    agent: AgentId::new(&id).expect("a name"),
                },
                token: format!("token of {id}"),
                number,
            }
        })
        .collect()
}

/// Writes the configuration of a collector for the fleet into `folder`.
pub(crate) fn prepare(folder: &Path, count: usize, otlp: SocketAddr) -> io::Result<()> {
    std::fs::create_dir_all(folder)?;
    let web = SocketAddr::new(otlp.ip(), otlp.port() + 1);
    let mut text = format!(
        "format = 1\ndata = \"data\"\ncatalogue = \"catalogue.toml\"\n\
         default_target = \"superapp\"\n[listen]\notlp = \"{otlp}\"\nweb = \"{web}\"\n\
         [limits]\nrequests_per_second = 100000\n"
    );
    let agents = agents(count);
    let mut regions: Vec<&str> = agents.iter().map(|a| a.vantage.region.as_str()).collect();
    regions.dedup();
    for region in regions {
        text += &format!(
            "[[region]]\nid = \"{region}\"\nnames = {{ ko = \"{region}\", en = \"{region}\" }}\n"
        );
    }
    for agent in &agents {
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
    std::fs::write(folder.join("collector.toml"), text)?;
    let mut text =
        "format = 1\n[[service]]\nid = \"app\"\nnames = { ko = \"앱\", en = \"App\" }\n".to_owned();
    for journey in 0..JOURNEYS {
        let id = feature(journey);
        text += &format!(
            "[[feature]]\nid = \"{id}\"\nservice = \"app\"\nlife_impact = 1\nabsence_harm = 1\n\
             names = {{ ko = \"{id}\", en = \"{id}\" }}\ndaily_users = 1\npaid = \"free\"\n\
             depends_on = []\nobjective = 0.999\n"
        );
    }
    std::fs::write(folder.join("catalogue.toml"), text)
}

fn feature(journey: usize) -> FeatureId {
    FeatureId::new(&format!("app.feature.number-{journey}")).expect("a name")
}

fn target() -> TargetName {
    TargetName::new("superapp").expect("a name")
}

impl Agent {
    /// What the agent says of itself beside every run.
    pub(crate) fn resource(&self) -> AgentResource {
        AgentResource {
            region: Some(self.vantage.region.clone()),
            network: Some(self.vantage.network.clone()),
            host_name: Some("probe-1".to_owned()),
            host_arch: Some("amd64".to_owned()),
            os_type: Some("linux".to_owned()),
            geo_country: Some("KR".to_owned()),
            ..AgentResource::new(self.vantage.agent.clone(), "0.1.0")
        }
    }

    /// The agent's plan, valid since long before its backlog.
    pub(crate) fn plan(&self, valid_from: Timestamp) -> PlanRecord {
        let entries = (0..JOURNEYS).map(|journey| PlanEntry {
            journey: self.journey(journey),
            target: target(),
            variant: Variant::cold(),
            feature: feature(journey),
            touches: vec![feature((journey + 1) % JOURNEYS)],
            cadence: self.cadence(journey),
            deadline: DEADLINE,
        });
        PlanRecord {
            revision: Revision::of(b"plan"),
            valid_from,
            entries: entries.collect(),
        }
    }

    /// The last `slots` runs of every journey before `now`, oldest first.
    pub(crate) fn backlog<'a>(
        &'a self,
        shape: &'a Shape,
        now: Timestamp,
    ) -> impl Iterator<Item = RunReport> + 'a {
        (0..shape.slots).flat_map(move |back| {
            (0..JOURNEYS).map(move |journey| {
                let last = self.cadence(journey).last_at_or_before(now - DEADLINE);
                let slot = last.expect("after the epoch") - (shape.slots - 1 - back);
                self.run(journey, slot, shape.full)
            })
        })
    }

    fn journey(&self, journey: usize) -> JourneyName {
        JourneyName::new(&format!("journey-{journey}")).expect("a name")
    }

    fn cadence(&self, journey: usize) -> Cadence {
        let place = (self.number * JOURNEYS + journey) as u64;
        let phase = Duration::from_millis(place * 7_919 % 60_000);
        Cadence::new(PERIOD, phase).expect("a period above zero")
    }

    fn run(&self, journey: usize, slot: u64, full: bool) -> RunReport {
        let due = self.cadence(journey).due(slot);
        let name = self.journey(journey);
        let identity = RunIdentity {
            agent: &self.vantage.agent,
            target: &target(),
            journey: &name,
            variant: &Variant::cold(),
            trigger: TriggerKind::Scheduled,
            n: slot,
        };
        let id = RunId::derive(identity, due);
        let seed = u64::from_be_bytes(id.as_bytes()[8..].try_into().expect("8 bytes"));
        let failed = seed.is_multiple_of(FAILS_EVERY);
        let steps = self.steps(journey, due, seed, full);
        let own = FeatureOutcome {
            feature: feature(journey),
            outcome: if failed {
                Outcome::Fail(FailClass::Status)
            } else {
                Outcome::Pass
            },
        };
        let other = FeatureOutcome {
            feature: feature((journey + 1) % JOURNEYS),
            outcome: Outcome::Pass,
        };
        let facts = RunFacts {
            id,
            vantage: self.vantage.clone(),
            target: target(),
            journey_revision: Revision::of(name.as_str().as_bytes()),
            journey: name,
            plan_revision: Revision::of(b"plan"),
            variant: Variant::cold(),
            trigger: Trigger::Scheduled { slot },
            due,
            started: due + Duration::from_micros(seed % 900),
            ended: steps.last().map_or(due, |step| step.ended),
            outcomes: Outcomes::new(own, vec![other]).expect("two features"),
            flaky: false,
            cleanup: CleanupState::Done,
            boot: BootId::new("boot-1").expect("a name"),
            seq: slot,
            clock_offset_s: 0.000_25,
        };
        RunReport { facts, steps }
    }

    /// Five to eight steps; the first opens the connection, the others share it.
    fn steps(&self, journey: usize, due: Timestamp, seed: u64, full: bool) -> Vec<StepReport> {
        let mut at = due + Duration::from_millis(1);
        let count = [5, 6, 7, 8][journey % 4];
        (0..count)
            .map(|index| {
                let jitter = Duration::from_micros((seed >> index) % 40_000);
                let wait = Duration::from_millis(20) + jitter;
                let started = at;
                at = at + wait + Duration::from_millis(5);
                let step = StepReport {
                    name: format!("step {index} of the journey"),
                    index,
                    kind: if index + 1 == count {
                        StepKind::Cleanup
                    } else {
                        StepKind::Step
                    },
                    verb: [Verb::Get, Verb::Post][index as usize % 2],
                    actor: "alice".parse().expect("a name"),
                    actor_index: 0,
                    feature: (index + 1 < count).then(|| feature(journey)),
                    outcome: StepOutcome::Pass,
                    started,
                    ended: at,
                    attempts: 1,
                    polls: 0,
                    phases: Phases {
                        wait: Some(wait),
                        ..Phases::default()
                    },
                    network: NetworkFacts {
                        url: Some(format!(
                            "https://app.superapp.test/v1/items/{}?page={index}",
                            seed % 100_000
                        )),
                        http_status: Some(200),
                        ..NetworkFacts::default()
                    },
                    detail: None,
                    failed_expectations: Vec::new(),
                    earlier_attempts: Vec::new(),
                    redirects: Vec::new(),
                    evidence: None,
                };
                if full || index == 0 {
                    connected(step, jitter)
                } else {
                    step
                }
            })
            .collect()
    }
}

/// The step with a connection of its own.
fn connected(mut step: StepReport, jitter: Duration) -> StepReport {
    step.phases.dns = Some(Duration::from_micros(900));
    step.phases.connect = Some(Duration::from_millis(3) + jitter / 10);
    step.phases.tls = Some(Duration::from_millis(7) + jitter / 5);
    step.phases.receive = Some(Duration::from_micros(350));
    let network = &mut step.network;
    network.server_address = Some("app.superapp.test".to_owned());
    network.server_port = Some(443);
    network.peer_address = Some("203.0.113.7".parse().expect("an address"));
    network.http_version = Some("1.1".to_owned());
    network.body_bytes = Some(1_843);
    network.dns_answers = vec!["203.0.113.7".parse().expect("an address")];
    network.tls_version = Some("1.3".to_owned());
    network.tls_cipher = Some("TLS_AES_256_GCM_SHA384".to_owned());
    network.tls_not_after = Some(Timestamp::from_unix_seconds(1_800_000_000));
    step
}
