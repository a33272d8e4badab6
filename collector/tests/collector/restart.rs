//! What is shown is a function of the journal: a restart shows the same.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bongsu_collector::process::Collector;
use bongsu_collector::published::Published;
use bongsu_model::{BootId, Heartbeat, Outcome, Revision, SpoolDepth, Timestamp};

use crate::fleet::{PERIOD, TestAgent, agents, fail};
use crate::harness::{Client, PATIENCE, SetClock, collector_with};

pub(crate) const START: Timestamp = Timestamp::from_unix_seconds(1_700_000_000);

pub(crate) fn at(seconds: u64) -> Timestamp {
    START + Duration::from_secs(seconds)
}

fn heartbeat(agent: &TestAgent, sent: Timestamp) -> Vec<u8> {
    let heartbeat = Heartbeat {
        sent,
        boot: BootId::new("boot-1").unwrap(),
        clock_offset_s: 0.0,
        controls: Vec::new(),
        spool: SpoolDepth::default(),
        cleanup_debts: 0,
        plan_revision: Some(Revision::of(b"plan")),
        plan_refused: None,
        version: "0.1.0".to_owned(),
    };
    bongsu_wire::encode_heartbeat(&heartbeat, &agent.resource())
}

/// The first picture as of `now`. It holds all that was acknowledged before the clock was set to
/// `now`: the writer stamps it after the commit, and deriving keeps the journal's order.
pub(crate) async fn picture(collector: &Collector, now: Timestamp) -> Arc<Published> {
    let mut watch = collector.shared().watch();
    let settled = watch.wait_for(|picture| picture.as_of >= now);
    let picture = tokio::time::timeout(PATIENCE, settled)
        .await
        .unwrap()
        .unwrap();
    Arc::clone(&picture)
}

fn shown(picture: &Published) -> String {
    let boards: Vec<_> = picture.boards.values().collect();
    let incidents: Vec<_> = picture.incidents.values().collect();
    serde_json::to_string_pretty(&(boards, &picture.fleet, incidents)).unwrap()
        + &format!("{:#?}", picture.agents)
}

/// Plans, then twenty minutes of heartbeats and runs, an outage of region `a` in the middle.
pub(crate) async fn live(collector: &Collector, clock: &SetClock) {
    let (client, to) = (Client::new(), collector.otlp_addr());
    for agent in agents() {
        let answer = client.records(to, &agent, agent.plan(START)).await;
        assert_eq!(answer.code, 200, "{}", answer.message());
    }
    let first = START.as_unix_nanos().div_ceil(10_000_000_000);
    for step in 0..120 {
        let due = at(step * PERIOD.as_secs());
        clock.set(due + Duration::from_secs(1));
        for agent in agents() {
            let down = agent.vantage.region.as_str() == "a" && (30..60).contains(&step);
            let outcome = if down { fail() } else { Outcome::Pass };
            let run = agent.run(first + step, outcome);
            client.records(to, &agent, heartbeat(&agent, due)).await;
            let answer = client.runs(to, &agent, agent.encode(&[run])).await;
            assert_eq!(answer.partial(), None);
        }
    }
}

#[tokio::test]
async fn a_restart_shows_the_same_as_before() {
    let folder = tempfile::tempdir().unwrap();
    let clock = SetClock::at(START);
    let collector = collector_with(folder.path(), clock.clone()).await;
    live(&collector, &clock).await;
    let end = at(121 * PERIOD.as_secs());
    clock.set(end);
    let before = picture(&collector, end).await;
    let told = collector.shared().recent_transitions();
    assert!(told.len() > 10, "{told:#?}");
    collector.shutdown().await;
    let collector = collector_with(folder.path(), clock.clone()).await;
    let after = picture(&collector, end).await;
    assert_eq!(told, collector.shared().recent_transitions());
    assert_eq!(shown(&before), shown(&after));
    // The outage in the middle is history by then, and in it.
    assert_eq!(before.incidents.values().map(Vec::len).sum::<usize>(), 1);
    collector.shutdown().await;
}

#[tokio::test]
async fn what_the_configuration_says_is_journaled_when_it_changes_and_only_then() {
    let folder = tempfile::tempdir().unwrap();
    let clock = SetClock::at(START);
    let kinds = |folder: &Path| {
        let events = bongsu_collector::journal::Reader::new(folder)
            .events_after(0, 10)
            .unwrap();
        events
            .iter()
            .map(|event| event.kind.as_str())
            .collect::<Vec<_>>()
    };
    for _ in 0..2 {
        collector_with(folder.path(), clock.clone())
            .await
            .shutdown()
            .await;
        assert_eq!(kinds(folder.path()), ["catalogue", "roster"]);
    }
    let storage = bongsu_collector::journal::Sqlite::open(folder.path()).unwrap();
    let mut text = crate::fleet::config_text(folder.path());
    text += "[[region]]\nid = \"c\"\nnames = { ko = \"c\", en = \"c\" }\n";
    let config = bongsu_collector::config::Config::parse(&text, Path::new("c.toml")).unwrap();
    let catalogue = crate::fleet::catalogue();
    let collector = Collector::start_on(Box::new(storage), config, catalogue, clock.clone());
    collector.await.unwrap().shutdown().await;
    assert_eq!(kinds(folder.path()), ["catalogue", "roster", "roster"]);
}

#[tokio::test]
async fn a_clock_far_behind_the_journal_is_refused_at_the_start() {
    let folder = tempfile::tempdir().unwrap();
    collector_with(folder.path(), SetClock::at(at(3600)))
        .await
        .shutdown()
        .await;
    let storage = Box::new(bongsu_collector::journal::Sqlite::open(folder.path()).unwrap());
    let config = crate::fleet::config(folder.path());
    let catalogue = crate::fleet::catalogue();
    let error = Collector::start_on(storage, config, catalogue, SetClock::at(START)).await;
    let error = error.unwrap_err().to_string();
    assert!(error.contains("clock is 3600 s behind"), "{error}");
}

#[tokio::test]
async fn an_agent_whose_plan_never_came_is_asked_for_it() {
    let folder = tempfile::tempdir().unwrap();
    let clock = SetClock::at(START);
    let collector = collector_with(folder.path(), clock.clone()).await;
    let (client, to) = (Client::new(), collector.otlp_addr());
    let agent = &agents()[0];
    let beat = async |second: u64| {
        clock.set(at(second));
        let answer = client
            .records(to, agent, heartbeat(agent, at(second)))
            .await;
        assert_eq!(answer.code, 200, "{}", answer.message());
        clock.set(at(second + 1));
        picture(&collector, at(second + 1)).await;
        answer.lacks_plan
    };
    assert!(!beat(10).await, "nobody spoke of a plan yet");
    assert!(beat(20).await);
    let told = client.records(to, agent, agent.plan(START)).await;
    assert_eq!(told.code, 200, "{}", told.message());
    clock.set(at(25));
    picture(&collector, at(25)).await;
    assert!(!beat(30).await);
    collector.shutdown().await;
}
