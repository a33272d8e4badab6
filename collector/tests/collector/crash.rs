//! `kill -9` at random moments under load: what was acknowledged is there, exactly once.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use bongsu_collector::journal::{Reader, RunFilter};
use bongsu_model::{Outcome, RunId};
use tokio::sync::watch;

use crate::fleet::{TestAgent, agents};
use crate::harness::{Binary, Client, PATIENCE, config_file, now, wait};

const KILLS: u32 = 20;

/// Senders of each agent.
const SENDERS: u64 = 2;

/// Runs in one request.
const BATCH: u64 = 5;

#[derive(Debug)]
struct Load {
    client: Client,
    collector: watch::Receiver<SocketAddr>,
    over: AtomicBool,
    acknowledged: AtomicU64,
    resent: AtomicU64,
}

#[test]
fn every_acknowledged_run_survives_twenty_kills_exactly_once() {
    let folder = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let acknowledged = runtime.block_on(kill_under_load(folder.path()));
    assert!(acknowledged.len() > 100, "{} runs", acknowledged.len());

    let reader = Reader::new(&folder.path().join("data"));
    for id in &acknowledged {
        assert!(
            reader.run(id).unwrap().is_some(),
            "{id} was acknowledged and is lost"
        );
    }
    let mut counts: BTreeMap<RunId, u32> = BTreeMap::new();
    let mut filter = RunFilter {
        limit: 1_000,
        ..RunFilter::default()
    };
    loop {
        let page = reader.runs(&filter).unwrap();
        let Some(last) = page.last() else { break };
        filter.before = Some(last.seq);
        page.iter()
            .for_each(|run| *counts.entry(run.facts.id).or_default() += 1);
    }
    assert!(counts.values().all(|count| *count == 1));
    assert_eq!(counts.len() as u64, reader.count_runs().unwrap());
    // Nothing is in the journal that nobody sent: at the end every batch was acknowledged.
    assert_eq!(
        counts.keys().copied().collect::<BTreeSet<_>>(),
        acknowledged
    );
}

async fn kill_under_load(folder: &std::path::Path) -> BTreeSet<RunId> {
    let file = config_file(folder);
    let mut binary = Binary::start(&file);
    let (address, collector) = watch::channel(binary.otlp);
    let load = Arc::new(Load {
        client: Client::new(),
        collector,
        over: AtomicBool::new(false),
        acknowledged: AtomicU64::new(0),
        resent: AtomicU64::new(0),
    });
    let mut senders = tokio::task::JoinSet::new();
    for agent in agents() {
        for sender in 0..SENDERS {
            senders.spawn(send(Arc::clone(&load), agent.clone(), sender));
        }
    }
    for _ in 0..KILLS {
        let before = load.acknowledged.load(Ordering::SeqCst);
        // Work has begun again, then a random moment of it.
        wait(|| load.acknowledged.load(Ordering::SeqCst) > before).await;
        tokio::time::sleep(Duration::from_millis(random() % 150)).await;
        tokio::task::spawn_blocking(move || binary.kill())
            .await
            .unwrap();
        let file = file.clone();
        binary = tokio::task::spawn_blocking(move || Binary::start(&file))
            .await
            .unwrap();
        address.send_replace(binary.otlp);
    }
    load.over.store(true, Ordering::SeqCst);
    let acknowledged = tokio::time::timeout(PATIENCE, senders.join_all())
        .await
        .unwrap();
    assert!(
        load.resent.load(Ordering::SeqCst) > 0,
        "no kill hit a request"
    );
    let (status, _) = tokio::task::spawn_blocking(move || binary.terminate())
        .await
        .unwrap();
    assert!(status.success());
    acknowledged.into_iter().flatten().collect()
}

/// Sends batch after batch, each again and again until it is acknowledged, as an agent does.
async fn send(load: Arc<Load>, agent: TestAgent, sender: u64) -> Vec<RunId> {
    let mut acknowledged = Vec::new();
    // Past slots, so that no run lies in the future; each sender has its own.
    let first = now().as_unix_nanos() / 10_000_000_000 - 50_000 + sender * 20_000;
    for batch in 0..20_000 / BATCH {
        if load.over.load(Ordering::SeqCst) {
            return acknowledged;
        }
        let slots = first + batch * BATCH..first + (batch + 1) * BATCH;
        let runs: Vec<_> = slots.map(|n| agent.run(n, Outcome::Pass)).collect();
        let body = agent.encode(&runs);
        let headers = [("authorization", format!("Bearer {}", agent.token))];
        loop {
            let to = *load.collector.borrow();
            let answer = load
                .client
                .post(to, "/v1/traces", &headers, body.clone())
                .await;
            if let Some(answer) = answer {
                assert_eq!(answer.partial(), None);
                break;
            }
            load.resent.fetch_add(1, Ordering::SeqCst);
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        acknowledged.extend(runs.iter().map(|run| run.facts.id));
        load.acknowledged.fetch_add(1, Ordering::SeqCst);
    }
    acknowledged
}

/// Different in every run of the test: a moment that was never tried may be the one that breaks.
fn random() -> u64 {
    use std::hash::{BuildHasher as _, RandomState};
    RandomState::new().hash_one(0)
}
