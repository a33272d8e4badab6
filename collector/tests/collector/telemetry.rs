//! What the collector tells of itself, pushed to a receiver of metrics.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::HeaderMap;
use bongsu_collector::clock::SystemClock;
use bongsu_collector::config::Config;
use bongsu_collector::journal::Sqlite;
use bongsu_collector::process::Collector;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use prost::Message as _;

use crate::fleet::{catalogue, config_text};
use crate::harness::{Client, PATIENCE, wait};

type Taken = Arc<Mutex<Vec<(HeaderMap, ExportMetricsServiceRequest)>>>;

async fn receive(State(taken): State<Taken>, headers: HeaderMap, body: Bytes) {
    let request = ExportMetricsServiceRequest::decode(body).unwrap();
    taken.lock().unwrap().push((headers, request));
}

#[tokio::test]
async fn own_counters_are_pushed_with_the_header_from_its_file() {
    let _ = Client::new();
    let taken = Taken::default();
    let router = Router::new()
        .route("/v1/metrics", axum::routing::post(receive))
        .with_state(taken.clone());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await });

    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("header"), "Bearer sesame\n").unwrap();
    let header = folder.path().join("header");
    let text = format!(
        "{}[telemetry]\nurl = \"http://{address}\"\nevery = \"1s\"\n\
         headers = {{ authorization = {{ file = {header:?} }} }}\n",
        config_text(folder.path())
    );
    let config = Config::parse(&text, std::path::Path::new("collector.toml")).unwrap();
    let storage = Box::new(Sqlite::open(folder.path()).unwrap());
    let clock = Arc::new(SystemClock::new());
    let collector = Collector::start_on(storage, config, catalogue(), clock);
    let collector = collector.await.unwrap();
    tokio::time::timeout(PATIENCE, collector.ready())
        .await
        .unwrap();
    wait(|| !taken.lock().unwrap().is_empty()).await;
    collector.shutdown().await;

    let taken = taken.lock().unwrap();
    let (headers, request) = &taken[0];
    assert_eq!(headers["authorization"], "Bearer sesame");
    let metrics = &request.resource_metrics[0].scope_metrics[0].metrics;
    for name in ["bongsu_collector_commits", "bongsu_collector_queue_depth"] {
        assert!(metrics.iter().any(|m| m.name == name), "{name}");
    }
}

#[tokio::test]
async fn a_secret_that_is_missing_is_named_at_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let text = format!(
        "{}[telemetry]\nurl = \"http://127.0.0.1:9\"\nheaders = {{ x-key = {{ file = \"no-such\" }} }}\n",
        config_text(folder.path())
    );
    let config = Config::parse(&text, std::path::Path::new("collector.toml")).unwrap();
    let storage = Box::new(Sqlite::open(folder.path()).unwrap());
    let clock = Arc::new(SystemClock::new());
    let refused = Collector::start_on(storage, config, catalogue(), clock).await;
    let message = refused.unwrap_err().to_string();
    assert!(message.contains("no-such"), "{message}");
}
