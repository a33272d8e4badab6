//! The way of a run through a real collector to what people see.

use std::time::Duration;

use bongsu_model::{Outcome, RunReport, Timestamp};

use crate::fleet::{PERIOD, TestAgent, agents, fail};
use crate::harness::{Client, PATIENCE, SetClock, collector_with};

/// Ten slots after the epoch's 166,589,800th: 2022-10-16.
const FIRST_SLOT: u64 = 166_589_800;

/// What the failing runs saw: steps and evidence as an agent would send them.
fn with_steps(agent: &TestAgent, n: u64, outcome: Outcome) -> RunReport {
    let mut report = agent.run(n, outcome);
    let mut step = super::runs::failed().steps.remove(0);
    step.started = report.facts.started;
    step.ended = report.facts.ended;
    report.steps = vec![step];
    report
}

#[tokio::test]
async fn an_outage_is_seen_on_board_run_and_metrics() {
    let folder = tempfile::tempdir().unwrap();
    let slot = |n: u64| Timestamp::from_unix_seconds((FIRST_SLOT + n) * PERIOD.as_secs());
    let clock = SetClock::at(slot(0));
    let collector = collector_with(folder.path(), clock.clone()).await;
    let (otlp, web) = (collector.otlp_addr(), collector.web_addr());
    let client = Client::new();
    let read = async |path: &str| {
        let answer = client.get(web, path).await.unwrap();
        (answer.code, String::from_utf8(answer.body).unwrap())
    };
    for agent in agents() {
        client.records(otlp, &agent, agent.plan(slot(0))).await;
    }
    let mut last = None;
    for n in 1..=20 {
        clock.set(slot(n) + Duration::from_secs(1));
        for agent in agents() {
            let outcome = if n <= 6 { Outcome::Pass } else { fail() };
            let report = if n <= 6 {
                agent.run(FIRST_SLOT + n, outcome)
            } else {
                with_steps(&agent, FIRST_SLOT + n, outcome)
            };
            let body = agent.encode(std::slice::from_ref(&report));
            let answer = client.runs(otlp, &agent, body).await;
            assert_eq!(answer.partial(), None);
            if let Some(evidence) = bongsu_wire::encode_evidence(&report, &agent.resource()) {
                client.records(otlp, &agent, evidence).await;
            }
            last = Some(report.facts.id);
        }
    }
    let seen = tokio::time::timeout(PATIENCE, async {
        loop {
            let board: serde_json::Value =
                serde_json::from_str(&read("/api/v1/board").await.1).unwrap();
            let features = board["features"].as_array().unwrap();
            let login = features.iter().find(|f| f["id"] == "account.login");
            if login.is_some_and(|login| login["state"] == "major_outage") {
                return login.unwrap().clone();
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    let login = seen.await.unwrap();
    assert_eq!(login["regions"].as_array().unwrap().len(), 2);
    assert_eq!(login["last_failure"]["class"], "status");

    let id = last.unwrap();
    let (code, run) = read(&format!("/api/v1/runs/{id}")).await;
    assert_eq!(code, 200);
    let run: serde_json::Value = serde_json::from_str(&run).unwrap();
    assert_eq!(run["steps"][0]["evidence"]["headers"][0][0], "retry-after");
    let (code, page) = read(&format!("/runs/{id}?lang=en")).await;
    assert_eq!(code, 200);
    assert!(
        page.contains("&lt;script&gt;alert"),
        "the evidence is on the page, as text"
    );

    let (_, board) = read("/?lang=en").await;
    assert!(board.contains("Major outage"));
    let (_, detail) = read("/api/v1/features/account.login").await;
    assert!(detail.contains("\"to\":\"major_outage\""), "{detail}");
    let (_, failed) = read("/api/v1/runs?feature=account.login&outcome=fail&limit=500").await;
    let failed: serde_json::Value = serde_json::from_str(&failed).unwrap();
    assert_eq!(failed["runs"].as_array().unwrap().len(), 4 * 14);
    // Deriving follows the journal: what was acknowledged is counted a moment later.
    let lines = [
        "bongsu_feature_state{target=\"superapp\",feature=\"account.login\",state=\"major_outage\"} 1",
        "bongsu_runs_total{target=\"superapp\",feature=\"account.login\",region=\"b\",outcome=\"fail\"} 28",
        "bongsu_collector_runs_accepted_total 80",
    ];
    let counted = tokio::time::timeout(PATIENCE, async {
        loop {
            let (_, metrics) = read("/metrics").await;
            if lines.iter().all(|line| metrics.contains(line)) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    counted.await.unwrap();
    collector.shutdown().await;
}
