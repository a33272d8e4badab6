//! Own metrics, pushed to a receiver over a real socket.

#![expect(clippy::unwrap_used, reason = "these are tests, helpers included")]

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use bongsu_model::Secret;
use bongsu_telemetry::{Family, FamilyKind, Sample, Settings, Source, StartError, Telemetry};
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::metrics::v1::{metric::Data, number_data_point::Value};
use prost::Message as _;

#[derive(Debug, Default)]
struct Numbers(AtomicU64);

fn numbers() -> Arc<dyn Source> {
    Arc::new(Numbers::default())
}

impl Source for Numbers {
    fn families(&self) -> Vec<Family> {
        let runs = Sample {
            labels: vec![("verdict", "pass".to_owned())],
            value: 7.0,
        };
        let level = Sample {
            labels: Vec::new(),
            value: f64::from(u32::try_from(self.0.fetch_add(1, Ordering::Relaxed)).unwrap()),
        };
        vec![
            Family {
                name: "bongsu_agent_runs",
                kind: FamilyKind::Counter,
                help: "Runs that ended.",
                samples: vec![runs],
            },
            Family {
                name: "bongsu_agent_runs_going",
                kind: FamilyKind::Gauge,
                help: "Runs going now.",
                samples: vec![level],
            },
        ]
    }
}

#[derive(Debug, Default)]
struct Receiver {
    taken: Mutex<Vec<(HeaderMap, ExportMetricsServiceRequest)>>,
}

async fn receive(
    State(receiver): State<Arc<Receiver>>,
    headers: HeaderMap,
    body: Bytes,
) -> StatusCode {
    let request = ExportMetricsServiceRequest::decode(body).unwrap();
    receiver.taken.lock().unwrap().push((headers, request));
    StatusCode::OK
}

async fn listening() -> (Arc<Receiver>, String) {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let receiver = Arc::<Receiver>::default();
    let router = Router::new()
        .route("/v1/metrics", axum::routing::post(receive))
        .with_state(receiver.clone());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    (receiver, url)
}

fn settings(url: String) -> Settings {
    Settings {
        url,
        headers: vec![("x-api-key".to_owned(), Secret::new("sesame".to_owned()))],
        ca: None,
        every: Duration::from_millis(50),
        resource: vec![("service.name", "bongsu-agent".to_owned())],
    }
}

/// Waits for a condition, with a deadline that a busy machine keeps.
async fn until(what: &str, holds: impl Fn() -> bool) {
    for _ in 0..1_500 {
        if holds() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("never came: {what}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn families_arrive_with_resource_labels_and_headers() {
    let (receiver, url) = listening().await;
    let telemetry = Telemetry::start(&settings(url), &numbers()).unwrap();
    until("two requests", || receiver.taken.lock().unwrap().len() >= 2).await;
    assert_eq!(telemetry.counts().failed, 0);
    telemetry.shutdown(Duration::from_secs(10)).await;

    let taken = receiver.taken.lock().unwrap();
    let (headers, request) = &taken[0];
    assert_eq!(headers["x-api-key"], "sesame");
    assert_eq!(headers["content-type"], "application/x-protobuf");
    let resource = &request.resource_metrics[0];
    let attributes = &resource.resource.as_ref().unwrap().attributes;
    assert_eq!(attributes.len(), 1, "{attributes:?}");
    let metrics = &resource.scope_metrics[0].metrics;
    let find = |name: &str| metrics.iter().find(|metric| metric.name == name).unwrap();
    let Some(Data::Sum(runs)) = &find("bongsu_agent_runs").data else {
        panic!("a counter is a sum");
    };
    assert!(runs.is_monotonic);
    assert_eq!(runs.data_points[0].value, Some(Value::AsDouble(7.0)));
    assert_eq!(runs.data_points[0].attributes[0].key, "verdict");
    let going = find("bongsu_agent_runs_going");
    assert!(matches!(going.data, Some(Data::Gauge(_))));
    assert_eq!(going.description, "Runs going now.");
}

#[tokio::test]
async fn a_receiver_that_is_away_costs_a_count_and_no_time() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", closed.local_addr().unwrap());
    drop(closed);
    let telemetry = Telemetry::start(&settings(url), &numbers()).unwrap();
    until("a failure", || telemetry.counts().failed > 0).await;
    assert_eq!(telemetry.counts().sent, 0);
    telemetry.shutdown(Duration::from_secs(10)).await;
}

#[tokio::test]
async fn what_cannot_be_used_is_refused_at_the_start() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut wrong = settings("http://127.0.0.1:4318".to_owned());
    wrong.headers[0].0 = "not a header".to_owned();
    let refused = Telemetry::start(&wrong, &numbers()).unwrap_err();
    assert!(matches!(refused, StartError::Header(_)), "{refused}");
    let mut wrong = settings("http://127.0.0.1:4318".to_owned());
    wrong.ca = Some(b"no certificate".to_vec());
    let refused = Telemetry::start(&wrong, &numbers()).unwrap_err();
    assert!(matches!(refused, StartError::Roots(_)), "{refused}");
}
