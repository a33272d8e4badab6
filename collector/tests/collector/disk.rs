//! Disks that fail: never a silent loss, and work goes on when they are well again.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bongsu_collector::clock::SystemClock;
use bongsu_collector::journal::{
    End, Reader, Record, Retention, Sqlite, Storage, StorageError, Stored, Swept,
};
use bongsu_collector::process::Collector;
use bongsu_model::{Outcome, Timestamp};

use crate::fleet::{agents, catalogue, config};
use crate::harness::{Binary, Client, config_file, now};

/// A disk whose sync fails while it is told to.
#[derive(Debug)]
struct Unsynced {
    disk: Sqlite,
    failing: Arc<AtomicBool>,
}

impl Unsynced {
    fn check(&self) -> Result<(), StorageError> {
        if self.failing.load(Ordering::SeqCst) {
            return Err(StorageError::Io("fsync: Input/output error".to_owned()));
        }
        Ok(())
    }
}

impl Storage for Unsynced {
    fn append(
        &mut self,
        received: Timestamp,
        group: &[Record],
    ) -> Result<Vec<Stored>, StorageError> {
        let stored = self.disk.append(received, group)?;
        self.check().map(|()| stored)
    }

    fn recover(&mut self) -> Result<End, StorageError> {
        self.check()?;
        self.disk.recover()
    }

    fn end(&mut self) -> Result<End, StorageError> {
        self.disk.end()
    }

    fn sweep(&mut self, now: Timestamp, retention: Retention) -> Result<Swept, StorageError> {
        self.disk.sweep(now, retention)
    }
}

#[tokio::test]
async fn a_sync_that_fails_is_a_refused_acknowledgement() {
    let folder = tempfile::tempdir().unwrap();
    let failing = Arc::new(AtomicBool::new(false));
    let disk = Sqlite::open(folder.path()).unwrap();
    let storage = Box::new(Unsynced {
        disk,
        failing: failing.clone(),
    });
    let clock = Arc::new(SystemClock::new());
    let collector = Collector::start_on(storage, config(folder.path()), catalogue(), clock);
    let collector = collector.await.unwrap();
    let (client, agent, to) = (Client::new(), &agents()[0], collector.otlp_addr());
    let slot = now().as_unix_nanos() / 10_000_000_000 - 10;
    let body = agent.encode(&[agent.run(slot, Outcome::Pass)]);
    failing.store(true, Ordering::SeqCst);
    for _ in 0..2 {
        let answer = client.runs(to, agent, body.clone()).await;
        assert_eq!(answer.code, 503);
        assert!(answer.retry_after.unwrap() > 0);
        assert!(
            answer.message().contains("the disk failed: fsync"),
            "{}",
            answer.message()
        );
    }
    assert_eq!(collector.shared().counters.runs_accepted.get(), 0);
    assert_eq!(
        client
            .get(collector.web_addr(), "/livez")
            .await
            .unwrap()
            .code,
        200
    );
    failing.store(false, Ordering::SeqCst);
    assert_eq!(client.runs(to, agent, body).await.partial(), None);
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
async fn a_full_disk_is_told_and_what_was_acknowledged_stays() {
    let folder = tempfile::tempdir().unwrap();
    let storage = Box::new(Sqlite::open_limited(folder.path(), Some(60)).unwrap());
    let clock = Arc::new(SystemClock::new());
    let collector = Collector::start_on(storage, config(folder.path()), catalogue(), clock);
    let collector = collector.await.unwrap();
    let (client, agent, to) = (Client::new(), &agents()[0], collector.otlp_addr());
    let first = now().as_unix_nanos() / 10_000_000_000 - 10_000;
    let mut acknowledged = 0;
    let refused = loop {
        let runs: Vec<_> = (0..20)
            .map(|n| agent.run(first + acknowledged + n, Outcome::Pass))
            .collect();
        let answer = client.runs(to, agent, agent.encode(&runs)).await;
        if answer.code != 200 {
            break answer;
        }
        acknowledged += 20;
        assert!(acknowledged < 5_000, "the disk does not fill");
    };
    assert_eq!(refused.code, 503);
    assert!(
        refused.message().contains("the disk is full; free space"),
        "{}",
        refused.message()
    );
    assert!(acknowledged > 0);
    assert_eq!(
        client
            .get(collector.web_addr(), "/livez")
            .await
            .unwrap()
            .code,
        200
    );
    collector.shutdown().await;
    assert_eq!(
        Reader::new(folder.path()).count_runs().unwrap(),
        acknowledged
    );
}

#[tokio::test]
async fn the_binary_outlives_writes_that_the_system_refuses() {
    let folder = tempfile::tempdir().unwrap();
    let file = config_file(folder.path());
    // 512 KiB for each file; SQLite's log reaches that first.
    let binary = Binary::start_with_file_limit(&file, 1024);
    let (client, agent, to) = (Client::new(), &agents()[0], binary.otlp);
    let first = now().as_unix_nanos() / 10_000_000_000 - 50_000;
    let mut acknowledged = 0;
    let refused = loop {
        let runs: Vec<_> = (0..50)
            .map(|n| agent.run(first + acknowledged + n, Outcome::Pass))
            .collect();
        let answer = client.runs(to, agent, agent.encode(&runs)).await;
        if answer.code != 200 {
            break answer;
        }
        acknowledged += 50;
        assert!(acknowledged < 20_000, "the limit is never reached");
    };
    assert_eq!(refused.code, 503, "{}", refused.message());
    assert_eq!(client.get(binary.web, "/livez").await.unwrap().code, 200);
    binary.kill();
    // With room again all that was acknowledged is there.
    let binary = Binary::start(&file);
    let reader = Reader::new(&folder.path().join("data"));
    for n in 0..acknowledged {
        let id = agent.run(first + n, Outcome::Pass).facts.id;
        assert!(
            reader.run(&id).unwrap().is_some(),
            "{id} was acknowledged and is lost"
        );
    }
    assert!(binary.terminate().0.success());
}
