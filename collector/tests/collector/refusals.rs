//! Who may speak, for whom, and about when.

use std::time::Duration;

use bongsu_collector::counters::Refusal;
use bongsu_collector::journal::Kind;
use bongsu_collector::process::Collector;
use bongsu_model::{Clock as _, Outcome, RegionId, Timestamp};

use crate::fleet::{agents, catalogue, config};
use crate::harness::{Client, SetClock, collector, now};

fn slot() -> u64 {
    now().as_unix_nanos() / 10_000_000_000 - 10
}

#[tokio::test]
async fn without_a_known_token_nothing_is_taken() {
    let folder = tempfile::tempdir().unwrap();
    let collector = collector(folder.path()).await;
    let (client, agent) = (Client::new(), &agents()[0]);
    let body = agent.encode(&[agent.run(slot(), Outcome::Pass)]);
    for value in [
        None,
        Some("Bearer "),
        Some("Bearer wrong"),
        Some("Basic YTpi"),
        Some("Bearer"),
    ] {
        let headers: Vec<_> = value
            .map(|value| ("authorization", value.to_owned()))
            .into_iter()
            .collect();
        let to = collector.otlp_addr();
        let answer = client
            .post(to, "/v1/traces", &headers, body.clone())
            .await
            .unwrap();
        assert_eq!(answer.code, 401, "{value:?}");
        assert!(!answer.message().contains("wrong"), "{}", answer.message());
    }
    assert_eq!(
        collector
            .shared()
            .read(|reader| reader.count_runs())
            .await
            .unwrap(),
        0
    );
    collector.shutdown().await;
}

#[tokio::test]
async fn a_token_speaks_for_its_own_agent_only() {
    let folder = tempfile::tempdir().unwrap();
    let collector = collector(folder.path()).await;
    let (client, to, agents) = (Client::new(), collector.otlp_addr(), agents());
    let other = agents[1].encode(&[agents[1].run(slot(), Outcome::Pass)]);
    let answer = client.runs(to, &agents[0], other.clone()).await;
    assert_eq!(answer.code, 403);
    assert!(
        answer.message().contains("this token is that of a-1"),
        "{}",
        answer.message()
    );
    let plan = client.records(to, &agents[0], agents[1].plan(now())).await;
    assert_eq!(plan.code, 403);

    // A mixed batch keeps its good records.
    let own = agents[0].encode(&[agents[0].run(slot(), Outcome::Pass)]);
    let mixed = client.runs(to, &agents[0], [own, other].concat()).await;
    let partial = mixed.partial().unwrap();
    assert_eq!(partial.rejected, 1);
    assert!(
        partial.message.contains("claims to be of a-2"),
        "{}",
        partial.message
    );
    assert_eq!(
        collector
            .shared()
            .read(|reader| reader.count_runs())
            .await
            .unwrap(),
        1
    );
    collector.shutdown().await;
}

#[tokio::test]
async fn a_plan_that_claims_another_region_is_refused_and_covers_no_cell() {
    let folder = tempfile::tempdir().unwrap();
    let collector = collector(folder.path()).await;
    let (client, mut agent) = (Client::new(), agents()[0].clone());
    agent.vantage.region = RegionId::new("b").unwrap();
    let answer = client
        .records(collector.otlp_addr(), &agent, agent.plan(now()))
        .await;
    let partial = answer.partial().unwrap();
    assert_eq!(partial.rejected, 1);
    assert!(
        partial.message.contains("claims region b") && partial.message.contains("listed in a"),
        "{}",
        partial.message
    );
    let events = collector
        .shared()
        .read(|reader| reader.events_after(0, 100))
        .await
        .unwrap();
    assert!(
        events.iter().all(|event| event.kind != Kind::Plan),
        "the plan was journaled"
    );
    collector.shutdown().await;
}

#[tokio::test]
async fn a_run_that_claims_another_region_is_refused_alone() {
    let folder = tempfile::tempdir().unwrap();
    let collector = collector(folder.path()).await;
    let (client, agent) = (Client::new(), &agents()[0]);
    let mut elsewhere = agent.run(slot(), Outcome::Pass);
    elsewhere.facts.vantage.region = RegionId::new("b").unwrap();
    let body = agent.encode(&[agent.run(slot() - 1, Outcome::Pass), elsewhere]);
    let answer = client.runs(collector.otlp_addr(), agent, body).await;
    let partial = answer.partial().unwrap();
    assert_eq!(partial.rejected, 1);
    assert!(
        partial.message.contains("claims region b"),
        "{}",
        partial.message
    );
    let refused = &collector.shared().counters.refused;
    let foreign = Refusal::ALL
        .iter()
        .position(|why| *why == Refusal::Foreign)
        .unwrap();
    assert_eq!(refused[foreign].get(), 1);
    assert_eq!(
        collector
            .shared()
            .read(|reader| reader.count_runs())
            .await
            .unwrap(),
        1
    );
    collector.shutdown().await;
}

#[tokio::test]
async fn runs_of_the_far_future_and_of_the_far_past_are_refused_alone_and_say_why() {
    let folder = tempfile::tempdir().unwrap();
    let collector = collector(folder.path()).await;
    let (client, agent) = (Client::new(), &agents()[0]);
    let runs = [
        (now() + Duration::from_secs(3600), 1),
        (now() - Duration::from_secs(8 * 24 * 3600), 2),
        (now() + Duration::from_secs(120), 3),
        (now() - Duration::from_secs(6 * 24 * 3600), 4),
    ]
    .map(|(due, n): (Timestamp, u64)| agent.run_at(n, due, Outcome::Pass));
    let answer = client
        .runs(collector.otlp_addr(), agent, agent.encode(&runs))
        .await;
    let partial = answer.partial().unwrap();
    assert_eq!(partial.rejected, 2);
    for says in [
        "in the future",
        "check the agent's clock",
        "duplicates could not be recognised",
    ] {
        assert!(partial.message.contains(says), "{}", partial.message);
    }
    assert_eq!(
        collector
            .shared()
            .read(|reader| reader.count_runs())
            .await
            .unwrap(),
        2
    );
    collector.shutdown().await;
}

#[tokio::test]
async fn the_same_run_twice_counts_once_and_is_acknowledged_twice() {
    let folder = tempfile::tempdir().unwrap();
    let collector = collector(folder.path()).await;
    let (client, agent, slot) = (Client::new(), &agents()[0], slot());
    let body = agent.encode(&[agent.run(slot, Outcome::Pass)]);
    for _ in 0..2 {
        let answer = client
            .runs(collector.otlp_addr(), agent, body.clone())
            .await;
        assert_eq!(answer.partial(), None);
    }
    let mut changed = agent.run(slot, Outcome::Pass);
    changed.facts.seq += 1;
    let answer = client
        .runs(collector.otlp_addr(), agent, agent.encode(&[changed]))
        .await;
    let partial = answer.partial().unwrap();
    assert_eq!(partial.rejected, 0);
    assert!(
        partial.message.contains("another content"),
        "{}",
        partial.message
    );
    let counters = &collector.shared().counters;
    assert_eq!(counters.runs_accepted.get(), 1);
    assert_eq!(counters.runs_duplicate.get(), 1);
    assert_eq!(counters.runs_conflicting.get(), 1);
    collector.shutdown().await;
}

#[tokio::test]
async fn an_agent_that_sends_too_often_is_told_when_to_come_again() {
    let folder = tempfile::tempdir().unwrap();
    let mut config = config(folder.path());
    config.limits.requests_per_second = 0.5;
    let clock = SetClock::at(now());
    let collector = Collector::start(config, catalogue(), clock.clone())
        .await
        .unwrap();
    let (client, to, agents) = (Client::new(), collector.otlp_addr(), agents());
    for _ in 0..2 {
        assert_eq!(client.runs(to, &agents[0], Vec::new()).await.code, 200);
    }
    let refused = client.runs(to, &agents[0], Vec::new()).await;
    assert_eq!((refused.code, refused.retry_after), (429, Some(2)));
    assert!(refused.message().contains("requests a second from a-1"));
    // Others are not held back, and neither is the agent later.
    assert_eq!(client.runs(to, &agents[1], Vec::new()).await.code, 200);
    clock.set(clock.wall() + Duration::from_secs(2));
    assert_eq!(client.runs(to, &agents[0], Vec::new()).await.code, 200);
    collector.shutdown().await;
}
