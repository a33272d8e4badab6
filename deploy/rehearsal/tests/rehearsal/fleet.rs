//! The main job, end to end: a fleet over real sockets, broken and mended, seen through the API.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bongsu_model::Clock;
use bongsu_rehearsal::command::{Line, parse_line};
use bongsu_rehearsal::fleet::{Fleet, FleetConfig, superapp};
use bongsu_rehearsal::layout::Journeys;
use bongsu_rehearsal::region::Shape;
use serde_json::Value;

/// Far more than any step of the story takes, so that a busy machine does not fail it.
const PATIENCE: Duration = Duration::from_secs(180);

pub(crate) struct Story {
    pub(crate) fleet: Fleet,
    client: reqwest::Client,
    folder: tempfile::TempDir,
}

impl Story {
    pub(crate) async fn begin() -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let folder = tempfile::tempdir().unwrap();
        let free = "127.0.0.1:0".parse().unwrap();
        let config = FleetConfig {
            targets: vec![superapp()],
            shape: Shape::default(),
            otlp: free,
            web: free,
            folder: folder.path().to_owned(),
            seed: 7,
            journeys: Journeys::Only(JOURNEYS),
        };
        let clock: Arc<dyn Clock> = Arc::new(bongsu_probes::SystemClock::new());
        let fleet = Fleet::start(config, clock).await.unwrap();
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        Self {
            fleet,
            client,
            folder,
        }
    }

    /// Where everything of it lies.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Does what a line asks for; gives what is told then.
    async fn tell(&self, line: &str) -> String {
        let Ok(Line::Do(command)) = parse_line(line) else {
            panic!("{line} is no command")
        };
        self.fleet.act(&command).await.unwrap()
    }

    /// What is told when a line asks for what cannot be done.
    async fn refused(&self, line: &str) -> String {
        let Ok(Line::Do(command)) = parse_line(line) else {
            panic!("{line} is no command")
        };
        self.fleet.act(&command).await.unwrap_err().to_string()
    }

    pub(crate) async fn get(&self, path: &str) -> Value {
        let url = format!("http://{}/api/v1/{path}", self.fleet.collector.web_addr());
        let answer = self.client.get(&url).send().await.unwrap();
        assert!(answer.status().is_success(), "{url}: {}", answer.status());
        answer.json().await.unwrap()
    }

    pub(crate) async fn feature(&self, id: &str) -> Value {
        let board = self.get("board").await;
        let features = board["features"].as_array().unwrap();
        features
            .iter()
            .find(|feature| feature["id"] == id)
            .expect(id)
            .clone()
    }

    /// The incident that covers a feature.
    async fn incident_of(&self, id: &str) -> Value {
        let feature = self.feature(id).await;
        let incident = feature["incident"].as_str().expect(id);
        self.get(&format!("incidents/{incident}")).await["incident"].clone()
    }

    /// Waits until the feature is as wanted; panics with the last picture when it never is.
    pub(crate) async fn until(&self, id: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let mut pictures = self.fleet.collector.shared().watch();
        let waiting = async {
            loop {
                let feature = self.feature(id).await;
                if wanted(&feature) {
                    return feature;
                }
                pictures.changed().await.unwrap();
            }
        };
        match tokio::time::timeout(PATIENCE, waiting).await {
            Ok(feature) => feature,
            Err(_) => panic!("{id} never got there: {:#}", self.feature(id).await),
        }
    }
}

/// What the stories run: one journey of each kind, so that a busy machine carries nine agents.
const JOURNEYS: &[&str] = &[
    "account/login.toml",
    "talk/send-message.toml",
    "talk/transfer-in-chat.toml",
    "pay/transfer.toml",
    "mobility/call-taxi.toml",
];

/// The features that they measure.
const FEATURES: [&str; 5] = [
    "account.login",
    "talk.message.text",
    "talk.transfer.in-chat",
    "pay.transfer.account",
    "mobility.taxi.call",
];

pub(crate) fn state(feature: &Value) -> &str {
    feature["state"].as_str().unwrap()
}

fn region_states(feature: &Value) -> Vec<&str> {
    feature["regions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|r| r["state"].as_str().unwrap())
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broken_component_is_charged_to_its_feature_and_heals() {
    let story = Story::begin().await;
    for feature in FEATURES {
        story.until(feature, |f| state(f) == "operational").await;
    }

    story.tell("break account").await;
    let login = story
        .until("account.login", |f| region_states(f) == ["down"; 3])
        .await;
    assert_eq!(state(&login), "major_outage");
    let incident = story.incident_of("account.login").await;
    assert_eq!(incident["root"], "account.login", "{incident:#}");
    let agents = story.get("agents").await;
    for agent in agents["agents"].as_array().unwrap() {
        assert_eq!(agent["channel"]["kind"], "websocket", "{agent:#}");
        assert_eq!(agent["health"]["healthy"], true, "{agent:#}");
        let plan = &agent["effective_config"]["plan_revision"];
        assert_eq!(*plan, agent["plan_revision"], "{agent:#}");
    }
    let failed = story
        .get("runs?feature=account.login&outcome=fail&limit=100")
        .await;
    let failed = failed["runs"].as_array().unwrap();
    let is_burst = |run: &&Value| run["trigger"] == "burst";
    assert!(
        failed.iter().filter(is_burst).count() >= 3,
        "each region's agents were asked to run early: {failed:#?}"
    );
    let talk = story
        .until("talk.message.text", |f| state(f) == "unknown")
        .await;
    assert_eq!(talk["blocked_by"], "account.login");
    assert_eq!(
        talk["last_failure"],
        Value::Null,
        "nothing is charged to messaging"
    );
    let hour = &talk["availability"]["1h"];
    assert_eq!(hour["own"], 1.0, "{hour}");
    assert!(hour["perceived"].as_f64().unwrap() < 1.0, "{hour}");
    let blocked = story
        .get("runs?feature=talk.message.text&outcome=blocked&limit=1")
        .await;
    assert_eq!(
        blocked["runs"][0]["verdict"]["by"], "account.login",
        "{blocked:#}"
    );

    story.tell("mend account").await;
    story
        .until("account.login", |f| state(f) == "recovering")
        .await;
    for feature in ["account.login", "talk.message.text"] {
        story.until(feature, |f| state(f) == "operational").await;
    }

    story.tell("break relay lost-delivery in kr-seoul").await;
    let talk = story
        .until("talk.message.text", |f| state(f) == "partial_outage")
        .await;
    let down: Vec<_> = talk["regions"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|region| region["state"] == "down")
        .map(|region| region["region"].as_str().unwrap())
        .collect();
    assert_eq!(down, ["kr-seoul"]);
    let run = talk["last_failure"]["run"].as_str().unwrap();
    let run = story.get(&format!("runs/{run}")).await;
    let failed: Vec<_> = run["steps"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|step| step["outcome"] == "fail")
        .map(|step| step["name"].as_str().unwrap())
        .collect();
    assert_eq!(
        failed,
        ["bob receives it"],
        "the receiving half finds it: {run:#}"
    );
    story.fleet.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn money_and_taxis_go_down_with_their_components_and_nothing_else_does() {
    let story = Story::begin().await;
    for feature in FEATURES {
        story.until(feature, |f| state(f) == "operational").await;
    }
    story.tell("break pay-core").await;
    for feature in ["talk.transfer.in-chat", "pay.transfer.account"] {
        story
            .until(feature, |f| region_states(f) == ["down"; 3])
            .await;
    }
    // What users miss first without the core is not measured here: of the two that share it, the
    // catalogue lists this one first.
    let incident = story.incident_of("pay.transfer.account").await;
    assert_eq!(incident["root"], "talk.transfer.in-chat", "{incident:#}");
    let features = ["pay.transfer.account", "talk.transfer.in-chat"];
    assert_eq!(incident["features"], serde_json::json!(features));
    story.tell("break map-core in kr-seoul").await;
    story.tell("break dispatch in jp-tokyo").await;
    // Of Seoul, Busan and Tokyo, the two that have a part broken.
    story
        .until("mobility.taxi.call", |f| {
            region_states(f) == ["down", "up", "down"]
        })
        .await;
    for feature in ["account.login", "talk.message.text"] {
        let feature = story.feature(feature).await;
        assert_eq!(feature["last_failure"], Value::Null, "{feature:#}");
    }
    story.tell("mend").await;
    for feature in FEATURES {
        story.until(feature, |f| state(f) == "operational").await;
    }
    let audit = story.fleet.platforms[&superapp()].audit();
    assert!(audit.money.is_clean(), "{:?}", audit.money);
    story.fleet.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_centre_without_power_takes_its_features_and_what_is_failed_over_is_back() {
    let story = Story::begin().await;
    for feature in FEATURES {
        story.until(feature, |f| state(f) == "operational").await;
    }
    for (line, wanted) in [
        ("break dc-aa", "did you mean `dc-a`?"),
        ("mend dcb", "did you mean `dc-b`?"),
        ("break acount", "did you mean `account`?"),
        ("break dc-a hang", "can only lose its power"),
        ("fail-over acount", "did you mean `account`?"),
        ("fail-over bank-core", "no place in dc-b"),
        (
            "fail-over dc-a",
            "components of dc-a are, one by one: account,",
        ),
        ("fail-over talk.login.pc", "is not moved by itself"),
        ("fail-back account", "already"),
    ] {
        let told = story.refused(line).await;
        assert!(told.contains(wanted), "{line}: {told}");
    }
    assert_eq!(story.fleet.wrongs(), [] as [&str; 0], "nothing was done");

    story.tell("break dc-a").await;
    story
        .until("account.login", |f| region_states(f) == ["down"; 3])
        .await;
    for line in ["fail-over account", "fail-over relay"] {
        story.tell(line).await;
    }
    let wrongs = [
        "no power: dc-a",
        "failed over: account",
        "failed over: relay",
    ];
    assert_eq!(story.fleet.wrongs(), wrongs);
    for feature in ["account.login", "talk.message.text"] {
        story
            .until(feature, |f| region_states(f) == ["up"; 3])
            .await;
    }
    // In sight again, and what it needs besides is not served from anywhere.
    story
        .until("mobility.taxi.call", |f| region_states(f) == ["down"; 3])
        .await;
    let told = story.tell("fail-over media-store").await;
    assert!(
        told.ends_with("not all of its data stands by there"),
        "{told}"
    );
    story.tell("fail-back media-store").await;
    for line in ["fail-back relay", "mend relay"] {
        let told = story.tell(line).await;
        assert!(told.ends_with("; but dc-a has no power"), "{told}");
    }
    story.tell("mend dc-a").await;
    assert_eq!(story.fleet.wrongs(), ["failed over: account"]);
    story.tell("mend").await;
    assert_eq!(story.fleet.wrongs(), [] as [&str; 0]);
    for feature in FEATURES {
        story.until(feature, |f| state(f) == "operational").await;
    }
    story.fleet.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_agent_cut_off_from_everything_is_blind_and_nothing_goes_down() {
    let story = Story::begin().await;
    for feature in ["account.login", "talk.message.text"] {
        story.until(feature, |f| state(f) == "operational").await;
    }
    story.tell("break agent:seoul-1").await;
    // Its heartbeats stop: the fleet sees it go before any feature could.
    let lost = async {
        let mut pictures = story.fleet.collector.shared().watch();
        let gone = pictures.wait_for(|picture| picture.fleet.present == 8);
        gone.await.map(|_| ())
    };
    tokio::time::timeout(PATIENCE, lost).await.unwrap().unwrap();
    story.tell("mend agent:seoul-1").await;
    // What it measured meanwhile arrives late, as blind runs.
    let blind = async {
        loop {
            let runs = story
                .get("runs?feature=account.login&outcome=blind&limit=10")
                .await;
            let runs = runs["runs"].as_array().unwrap().clone();
            if let Some(run) = runs.first() {
                return run.clone();
            }
            tokio::task::yield_now().await;
            story
                .fleet
                .collector
                .shared()
                .watch()
                .changed()
                .await
                .unwrap();
        }
    };
    let run = tokio::time::timeout(PATIENCE, blind).await.unwrap();
    assert_eq!(run["agent"], "seoul-1", "{run:#}");
    assert_eq!(run["verdict"]["reason"], "egress", "{run:#}");
    for feature in ["account.login", "talk.message.text"] {
        let feature = story.feature(feature).await;
        assert_eq!(state(&feature), "operational", "{feature:#}");
        assert_eq!(feature["last_failure"], Value::Null, "{feature:#}");
    }
    story.fleet.shutdown().await;
}
