//! The recovery board of a running collector over its own sockets, the same after a restart, and
//! its copy in a folder.

use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use bongsu_collector::config::Config;
use bongsu_collector::export::{ExportError, Exporter, Order};
use bongsu_collector::journal::Sqlite;
use bongsu_collector::process::Collector;
use serde_json::Value;

use crate::fleet::{LOGIN, catalogue, config_text};
use crate::harness::{Binary, Client, PATIENCE, SetClock, config_file};
use crate::restart::{START, at, live, picture};

/// A collector whose recovery clocks warn after one minute and are over after two.
async fn hasty(folder: &Path, clock: Arc<SetClock>) -> Collector {
    let text = config_text(folder);
    let limits = "[recovery]\nwarn_after = \"1m\"\nbreach_after = \"2m\"\n[limits]";
    let text = text.replace("[limits]", limits);
    let config = Config::parse(&text, Path::new("collector.toml")).unwrap();
    let storage = Box::new(Sqlite::open(folder).unwrap());
    let collector = Collector::start_on(storage, config, catalogue(), clock).await;
    let collector = collector.unwrap();
    tokio::time::timeout(PATIENCE, collector.ready())
        .await
        .unwrap();
    collector
}

async fn body(from: SocketAddr, path: &str) -> Vec<u8> {
    let answer = Client::new().get(from, path).await.unwrap();
    assert_eq!(answer.code, 200, "{path}");
    answer.body
}

/// Everything that is shown of outages and incidents, by its address.
async fn shown(from: SocketAddr) -> Vec<(String, Vec<u8>)> {
    let recovery: Value = serde_json::from_slice(&body(from, "/api/v1/recovery").await).unwrap();
    let id = recovery["outage"]["id"].as_str().unwrap();
    let mut all = Vec::new();
    for path in [
        "/api/v1/recovery".to_owned(),
        "/api/v1/incidents".to_owned(),
        format!("/api/v1/incidents/{id}"),
        "/api/v1/copy".to_owned(),
        "/recovery?lang=ko".to_owned(),
        "/recovery.txt?lang=en".to_owned(),
        "/incidents?lang=en".to_owned(),
        format!("/incidents/{id}?lang=ko"),
    ] {
        let body = body(from, &path).await;
        all.push((path, body));
    }
    all
}

#[tokio::test]
async fn an_outage_is_told_timed_and_the_same_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let clock = SetClock::at(START);
    let collector = hasty(folder.path(), clock.clone()).await;
    // It installs what reqwest works with.
    let _ = Client::new();
    let events = format!("http://{}/api/v1/events", collector.web_addr());
    let mut events = reqwest::get(events).await.unwrap();
    live(&collector, &clock).await;
    let told = async {
        let mut told = String::new();
        while !told.contains("\"rto.breach\"") {
            let chunk = events.chunk().await.unwrap().unwrap();
            told.push_str(std::str::from_utf8(&chunk).unwrap());
        }
        told
    };
    let told = tokio::time::timeout(PATIENCE, told).await.unwrap();
    assert!(
        told.find("\"rto.warn\"") < told.find("\"rto.breach\""),
        "{told}"
    );

    // While the last runs are fresh: later nobody sees it any more.
    let end = at(1_205);
    clock.set(end);
    picture(&collector, end).await;
    let before = shown(collector.web_addr()).await;
    let recovery: Value = serde_json::from_slice(&before[0].1).unwrap();
    let outage = &recovery["outage"];
    assert_eq!(outage["recovered"]["weighted"], 1.0);
    assert_eq!(
        (&outage["rto_warn_s"], &outage["rto_breach_s"]),
        (&60.into(), &120.into())
    );
    let login = &outage["features"][0];
    assert_eq!(login["id"], LOGIN);
    assert_eq!(
        (&login["regions_up"], &login["regions_affected"]),
        (&1.into(), &1.into())
    );
    assert_eq!(
        login["clock"]["elapsed_s"], 300,
        "from 300 s to 600 s, to the run"
    );
    assert_eq!(login["clock"]["reached"], "rto.breach");
    let run = login["last_failure"]["run"].as_str().unwrap();
    body(collector.web_addr(), &format!("/api/v1/runs/{run}")).await;
    let detail: Value = serde_json::from_slice(&before[2].1).unwrap();
    let words = detail["timeline"].as_array().unwrap().iter();
    let words: Vec<_> = words.map(|event| event["to"].as_str().unwrap()).collect();
    for word in ["opened", "down", "rto.warn", "rto.breach", "recovered"] {
        assert!(words.contains(&word), "{word} in {words:?}");
    }

    collector.shutdown().await;
    let collector = hasty(folder.path(), clock.clone()).await;
    picture(&collector, end).await;
    let after = shown(collector.web_addr()).await;
    for ((path, before), (_, after)) in before.iter().zip(&after) {
        assert!(before == after, "{path} differs after a restart");
    }
    collector.shutdown().await;
}

fn order(to: SocketAddr, out: &Path) -> Order {
    Order {
        collector: format!("http://{to}"),
        target: None,
        out: out.to_owned(),
    }
}

fn files_of(folder: &Path) -> Vec<String> {
    let files = std::fs::read_dir(folder).unwrap();
    let mut files: Vec<String> = files
        .map(|file| file.unwrap().file_name().into_string().unwrap())
        .collect();
    files.sort();
    files
}

const FILES: [&str; 6] = [
    "board.en.txt",
    "board.json",
    "board.txt",
    "index.en.html",
    "index.html",
    "recovery.json",
];

#[tokio::test]
async fn a_copy_has_every_file_and_stays_when_the_collector_goes() {
    let folder = tempfile::tempdir().unwrap();
    let clock = SetClock::at(START);
    let collector = hasty(&folder.path().join("data"), clock.clone()).await;
    live(&collector, &clock).await;
    let end = at(1_260);
    clock.set(end);
    picture(&collector, end).await;
    let out = folder.path().join("deep/copy");
    let exporter = Exporter::new(&order(collector.web_addr(), &out)).unwrap();
    let written = exporter.once().await.unwrap();
    assert_eq!(written.files, FILES.len());
    assert_eq!(written.as_of, "2023-11-14T22:34:20.000Z");
    assert_eq!(files_of(&out), FILES, "and nothing beside them");
    let recovery = std::fs::read(out.join("recovery.json")).unwrap();
    let recovery: Value = serde_json::from_slice(&recovery).unwrap();
    let live: Value =
        serde_json::from_slice(&body(collector.web_addr(), "/api/v1/recovery").await).unwrap();
    assert_eq!(recovery, live);

    let unknown = Order {
        target: Some("moon".to_owned()),
        ..order(collector.web_addr(), &out)
    };
    let refused = Exporter::new(&unknown).unwrap().once().await.unwrap_err();
    assert!(matches!(refused, ExportError::Refused { status: 404, .. }));
    assert!(
        refused.to_string().contains("use one of `superapp`"),
        "{refused}"
    );

    let page = std::fs::read(out.join("index.html")).unwrap();
    collector.shutdown().await;
    let error = exporter.once().await.unwrap_err();
    assert!(matches!(error, ExportError::Unreachable { .. }), "{error}");
    assert_eq!(std::fs::read(out.join("index.html")).unwrap(), page);
}

#[tokio::test]
async fn a_file_that_cannot_be_replaced_is_named_and_none_is_half_written() {
    let folder = tempfile::tempdir().unwrap();
    let clock = SetClock::at(START);
    let collector = hasty(&folder.path().join("data"), clock).await;
    let out = folder.path().join("copy");
    std::fs::create_dir_all(out.join(".board.txt.new")).unwrap();
    let exporter = Exporter::new(&order(collector.web_addr(), &out)).unwrap();
    let error = exporter.once().await.unwrap_err();
    assert!(error.to_string().contains(".board.txt.new"), "{error}");
    assert!(files_of(&out).iter().all(|file| file.starts_with('.')));
    collector.shutdown().await;
}

#[tokio::test]
async fn the_command_copies_again_and_again_and_stops_when_asked() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("copy");
    let binary = Binary::start(&config_file(folder.path()));
    let url = format!("http://{}", binary.web);
    let command = |more: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_bongsu-collector"));
        command
            .args(["export", "board", "--collector", &url, "--out"])
            .arg(&out)
            .args(more);
        command
    };
    let once = command(&[]).output().unwrap();
    let says = String::from_utf8(once.stdout).unwrap();
    assert!(once.status.success());
    assert!(
        says.starts_with("6 files in ") && says.contains(", as of 2"),
        "{says}"
    );
    let first = std::fs::read(out.join("board.json")).unwrap();

    let mut keeping = command(&["--every", "1s"])
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let renewed = async {
        while std::fs::read(out.join("board.json")).unwrap() == first {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let came = tokio::time::timeout(PATIENCE, renewed).await;
    if came.is_err() {
        keeping.kill().unwrap();
    }
    came.expect("a second copy comes");
    let pid = keeping.id().to_string();
    assert!(
        Command::new("kill")
            .args(["-TERM", &pid])
            .status()
            .unwrap()
            .success()
    );
    assert!(keeping.wait().unwrap().success());
    assert_eq!(files_of(&out), FILES);

    drop(binary);
    let failed = command(&[]).output().unwrap();
    assert_eq!(failed.status.code(), Some(1));
    let says = String::from_utf8(failed.stderr).unwrap();
    assert!(says.contains("does not answer"), "{says}");
    for wrong in [
        &["--every", "1ms"][..],
        &["--every", "soon"],
        &["--config", "x"],
    ] {
        assert_eq!(
            command(wrong).output().unwrap().status.code(),
            Some(2),
            "{wrong:?}"
        );
    }
}
