//! Runs of a CI job in the real collector: they are seen, and they decide and count nothing.

use std::sync::Arc;

use bongsu_agent::config::SecretSource;
use bongsu_agent::direct::{Delivered, DirectConfig, courier};
use bongsu_agent::plan::{LoadedTarget, load_target_file};
use bongsu_language::{Journey, SourceFile, load_journeys};
use bongsu_model::{
    AgentId, BootId, Clock, NetworkId, RegionId, Revision, RunId, RunIdentity, RunReport, Trigger,
    Vantage, Variant,
};
use bongsu_probes::{Context, NoCompensationLog, NoSelfCheck, RunOrder, SystemClock};
use bongsu_rehearsal::region::{RehearsalAgent, Shape};
use tokio_util::sync::CancellationToken;

use crate::fleet::{Story, state};

/// The planned journey of its name as a branch has changed it: it fails, whatever the platform does.
const WRONG: &str = r#"
format = 1
journey = "login"
feature = "account.login"
timeout = "10s"
base = "{{ target.base.account }}"
actor.user.account = "pool:login-users"

[[step]]
name = "nobody is there"
get = "/v1/nobody"
expect.status = 200
"#;

/// Far more than it takes to take a feature down.
const RUNS: u64 = 30;

struct Job {
    journey: Journey,
    target: LoadedTarget,
    vantage: Vantage,
    clock: Arc<dyn Clock>,
}

impl Job {
    async fn run(&self, trigger: Trigger, seq: u64) -> RunReport {
        let variant = Variant::cold();
        let now = self.clock.wall();
        let identity = RunIdentity {
            agent: &self.vantage.agent,
            target: self.target.target.name(),
            journey: &self.journey.name,
            variant: &variant,
            trigger: trigger.kind(),
            n: seq,
        };
        let (_, accounts) = &self.target.pools[0];
        let context = Context {
            clock: self.clock.clone(),
            order: RunOrder {
                id: RunId::derive(identity, now),
                vantage: self.vantage.clone(),
                plan_revision: Revision::of(b"none"),
                variant,
                trigger,
                due: now,
                boot: BootId::new("c1").unwrap(),
                seq,
                clock_offset_s: 0.0,
            },
            target: self.target.target.clone(),
            accounts: accounts[..1].to_vec(),
            sessions: Arc::default(),
            compensation: Arc::new(NoCompensationLog),
            cancel: CancellationToken::new(),
            self_check: Arc::new(NoSelfCheck),
        };
        bongsu_probes::run(&self.journey, &context).await
    }

    async fn deliver(&self, story: &Story, trigger: Trigger, from: u64) -> Delivered {
        let agent = self.vantage.agent.as_str();
        let config = DirectConfig {
            url: format!("http://{}", story.fleet.collector.otlp_addr()),
            token: SecretSource::File(story.folder().join(format!("agents/{agent}/token"))),
            ca: None,
            vantage: self.vantage.clone(),
        };
        let (outbox, courier) = courier(config, self.clock.clone()).unwrap();
        for seq in from..from + RUNS {
            outbox.put(self.run(trigger, seq).await);
        }
        drop(outbox);
        courier.deliver().await
    }
}

fn all_taken() -> Delivered {
    Delivered {
        acknowledged: RUNS,
        lost: 0,
        reason: None,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn runs_of_a_ci_job_are_seen_and_decide_nothing() {
    let story = Story::begin().await;
    story
        .until("account.login", |f| state(f) == "operational")
        .await;
    let agent = RehearsalAgent::all(Shape::default().agents).next().unwrap();
    let profile = format!("targets/superapp/target-{}.toml", agent.region.id);
    let job = Job {
        journey: load_journeys(&[SourceFile::new("ci.toml", WRONG)])
            .unwrap()
            .remove(0),
        target: load_target_file(&story.folder().join(profile), None).unwrap(),
        vantage: Vantage {
            agent: AgentId::new(&agent.id()).unwrap(),
            region: RegionId::new(agent.region.id).unwrap(),
            network: NetworkId::new(agent.network()).unwrap(),
        },
        clock: Arc::new(SystemClock::new()),
    };

    assert_eq!(job.deliver(&story, Trigger::Ci, 0).await, all_taken());
    let runs = story
        .get("runs?feature=account.login&outcome=fail&limit=100")
        .await;
    let runs = runs["runs"].as_array().unwrap();
    assert_eq!(runs.len() as u64, RUNS, "{runs:#?}");
    assert!(runs.iter().all(|run| run["trigger"] == "ci"), "{runs:#?}");
    let login = story.feature("account.login").await;
    assert_eq!(state(&login), "operational");
    assert_eq!(login["last_failure"], serde_json::Value::Null, "{login:#}");
    let hour = &login["availability"]["1h"];
    assert_eq!(
        (&hour["own"], &hour["perceived"]),
        (&1.0.into(), &1.0.into()),
        "{hour}"
    );

    // The same runs by hand are evidence: it was their trigger that kept the others out.
    assert_eq!(
        job.deliver(&story, Trigger::Manual, RUNS).await,
        all_taken()
    );
    story
        .until("account.login", |f| !f["last_failure"].is_null())
        .await;
    story.fleet.shutdown().await;
}
