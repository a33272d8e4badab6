//! What an agent tells of itself, pushed to a receiver of metrics.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::HeaderMap;

use crate::stage::{LOGIN, Stage, bongsu, until};

type Taken = Arc<Mutex<Vec<(HeaderMap, Bytes)>>>;

async fn receive(State(taken): State<Taken>, headers: HeaderMap, body: Bytes) {
    taken.lock().unwrap().push((headers, body));
}

fn holds(body: &[u8], text: &str) -> bool {
    body.windows(text.len()).any(|part| part == text.as_bytes())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn own_metrics_are_pushed_with_the_header_from_its_file() {
    let taken = Taken::default();
    let router = Router::new()
        .route("/v1/metrics", axum::routing::post(receive))
        .with_state(taken.clone());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await });

    let stage = Stage::new().await;
    stage.write_journey("login", LOGIN);
    std::fs::write(stage.path("header"), "Bearer sesame\n").unwrap();
    let config = stage.write_agent(&format!(
        "[telemetry]\nurl = \"http://{address}\"\nevery = \"1s\"\n\
         headers = {{ authorization = {{ file = \"header\" }} }}\n"
    ));
    let agent = stage.spawn_agent(&config);
    until("a run is told of", || {
        let taken = taken.lock().unwrap();
        taken.iter().any(|(_, body)| holds(body, "verdict"))
    })
    .await;
    assert_eq!(agent.terminate().await, Some(0), "{}", stage.log());
    let taken = taken.lock().unwrap();
    let (headers, body) = &taken[0];
    assert_eq!(headers["authorization"], "Bearer sesame");
    for text in ["bongsu_agent_spool_records", "seoul-1", "bongsu-agent"] {
        assert!(holds(body, text), "{text}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn telemetry_that_cannot_be_used_is_said_with_its_remedy() {
    let stage = Stage::new().await;
    stage.write_journey("login", LOGIN);
    for (lines, expected) in [
        (
            "url = \"http://127.0.0.1:9\"\nheaders = { x-key = \"hunter2-key\" }",
            "`x-key` must be a table",
        ),
        (
            "url = \"http://127.0.0.1:9\"\nheaders = { x-key = { file = \"no-such\" } }",
            "no-such",
        ),
        (
            "url = \"http://127.0.0.1:9\"\nevery = \"10ms\"",
            "write 1s or longer",
        ),
        ("every = \"10s\"", "`url` is missing"),
    ] {
        let config = stage.write_agent(&format!("[telemetry]\n{lines}\n"));
        let output = bongsu()
            .args(["agent", "--config"])
            .arg(&config)
            .output()
            .unwrap();
        let message = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(3), "{message}");
        assert!(message.contains(expected), "{lines}:\n{message}");
        assert!(!message.contains("hunter2"), "{message}");
    }
}
