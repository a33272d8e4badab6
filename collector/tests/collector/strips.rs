//! Strips of a running collector: over its own sockets, and the same after a restart.

use std::net::SocketAddr;

use bongsu_model::Timestamp;
use serde_json::Value;

use crate::fleet::LOGIN;
use crate::harness::{Client, SetClock, collector_with};
use crate::restart::{START, at, live, picture};

async fn get(from: SocketAddr, path: &str) -> Value {
    let answer = Client::new().get(from, path).await.unwrap();
    assert_eq!(
        answer.code,
        200,
        "{path}: {:?}",
        String::from_utf8(answer.body)
    );
    serde_json::from_slice(&answer.body).unwrap()
}

/// The bucket of a region of the strip that begins at `from`.
fn bucket(strip: &Value, region: usize, from: Timestamp) -> &Value {
    let from = bongsu_collector::web::answer::Time(from).to_string();
    let buckets = strip["regions"][region]["buckets"].as_array().unwrap();
    let mut found = buckets
        .iter()
        .filter(|bucket| bucket["from"] == from.as_str());
    found.next().unwrap()
}

#[tokio::test]
async fn a_strip_shows_an_outage_leads_to_its_runs_and_outlives_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let clock = SetClock::at(START);
    let collector = collector_with(folder.path(), clock.clone()).await;
    live(&collector, &clock).await;
    let end = at(1_260);
    clock.set(end);
    picture(&collector, end).await;
    let path = format!("/api/v1/features/{LOGIN}/strip?window=1h");
    let before = get(collector.web_addr(), &path).await;
    // A minute in the middle of region a's outage, from 300 s to 600 s; 1,700,000,000 is 20 s
    // into a minute.
    let minute = at(400);
    let down = bucket(&before, 0, minute);
    assert_eq!(down["sight"], "known");
    assert_eq!(down["own"], 0.0);
    assert_eq!(down["samples"]["fail"], 12);
    assert_eq!(bucket(&before, 1, minute)["own"], 1.0);
    assert_eq!(bucket(&before, 0, at(1_000))["own"], 1.0);
    assert_eq!(before["regions"][0]["buckets"][0]["sight"], "unmeasured");
    assert_eq!(before["incidents"].as_array().unwrap().len(), 1);
    assert_eq!(before["incidents"][0]["down"], true);

    let stretch = format!("from={}&until={}", down["from"], down["until"]).replace('"', "");
    let listed = format!("/api/v1/runs?feature={LOGIN}&region=a&{stretch}");
    let listed = get(collector.web_addr(), &listed).await;
    let runs = listed["runs"].as_array().unwrap();
    assert_eq!(runs.len(), 12, "six slots of two agents");
    assert!(runs.iter().all(|run| run["verdict"]["outcome"] == "fail"));
    let id = runs[6]["id"].as_str().unwrap();
    let run = get(collector.web_addr(), &format!("/api/v1/runs/{id}")).await;
    for (neighbour, apart) in [("previous", -10), ("next", 10)] {
        let started = |run: &Value| run.as_str().unwrap().parse::<jiff::Timestamp>().unwrap();
        let distance = started(&run[neighbour]["at"]) - started(&run["started"]);
        assert_eq!(
            distance.total(jiff::Unit::Second).unwrap(),
            f64::from(apart)
        );
        assert_eq!(run[neighbour]["agent"], run["agent"]);
    }
    collector.shutdown().await;

    let again = collector_with(folder.path(), clock.clone()).await;
    picture(&again, end).await;
    let after = get(again.web_addr(), &path).await;
    assert_eq!(after["regions"], before["regions"]);
    assert_eq!(after["incidents"], before["incidents"]);
    again.shutdown().await;
}
