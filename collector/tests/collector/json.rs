//! OTLP/JSON: the same runs, kept as protobuf, and answers in JSON.

use std::io::Write as _;

use bongsu_model::Outcome;
use bongsu_wire::decode_traces;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use prost::Message as _;

use crate::fleet::{TestAgent, agents};
use crate::harness::{Answer, Client, collector, now};

const JSON: &str = "application/json";

fn slot() -> u64 {
    now().as_unix_nanos() / 10_000_000_000 - 10
}

fn json(protobuf: &[u8]) -> Vec<u8> {
    let request = ExportTraceServiceRequest::decode(protobuf).unwrap();
    serde_json::to_vec(&request).unwrap()
}

fn headers(agent: &TestAgent, content_type: &str) -> Vec<(&'static str, String)> {
    vec![
        ("authorization", format!("Bearer {}", agent.token)),
        ("content-type", content_type.to_owned()),
    ]
}

/// The answer's body, which must be JSON.
fn said(answer: &Answer) -> serde_json::Value {
    assert_eq!(answer.content_type.as_deref(), Some(JSON));
    serde_json::from_slice(&answer.body).unwrap()
}

#[tokio::test]
async fn a_run_in_json_is_kept_as_protobuf_and_full_success_is_an_empty_object() {
    let folder = tempfile::tempdir().unwrap();
    let collector = collector(folder.path()).await;
    let (client, agent, to) = (Client::new(), &agents()[0], collector.otlp_addr());
    let newest = slot();
    for (n, content_type) in
        (0..).zip([JSON, "application/json; charset=utf-8", "Application/JSON"])
    {
        let run = agent.run(newest - n, Outcome::Pass);
        let body = json(&agent.encode(std::slice::from_ref(&run)));
        let answer = client
            .post(to, "/v1/traces", &headers(agent, content_type), body)
            .await
            .unwrap();
        assert_eq!((answer.code, said(&answer)), (200, serde_json::json!({})));
        let id = run.facts.id;
        let read = collector.shared().read(move |reader| reader.run(&id)).await;
        let detail = read.unwrap().unwrap();
        assert!(decode_traces(detail.spans.as_ref().unwrap()).unwrap()[0].is_ok());
        assert_eq!(detail.report().unwrap(), Some(run));
    }
    collector.shutdown().await;
}

#[tokio::test]
async fn compressed_json_an_empty_envelope_and_a_partial_success_are_answered_in_json() {
    let folder = tempfile::tempdir().unwrap();
    let collector = collector(folder.path()).await;
    let (client, agent, to) = (Client::new(), &agents()[0], collector.otlp_addr());
    let body = json(&agent.encode(&[agent.run(slot(), Outcome::Pass)]));
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(&body).unwrap();
    let mut packed = headers(agent, JSON);
    packed.push(("content-encoding", "gzip".to_owned()));
    let body = encoder.finish().unwrap();
    let answer = client.post(to, "/v1/traces", &packed, body).await.unwrap();
    assert_eq!((answer.code, said(&answer)), (200, serde_json::json!({})));
    for path in ["/v1/traces", "/v1/logs"] {
        let answer = client
            .post(to, path, &headers(agent, JSON), b"{}".to_vec())
            .await
            .unwrap();
        assert_eq!((answer.code, said(&answer)), (200, serde_json::json!({})));
    }
    let foreign = br#"{"resourceSpans":[{"scopeSpans":[{"spans":[{
        "traceId":"5b8efff798038103d269b633813fc60c","spanId":"eee19b7ec3c1b174","name":"GET",
        "kind":2,"startTimeUnixNano":"1544712660000000000","endTimeUnixNano":"1544712661000000000"
        }]}]}]}"#;
    let answer = client
        .post(to, "/v1/traces", &headers(agent, JSON), foreign.to_vec())
        .await
        .unwrap();
    assert_eq!(answer.code, 200);
    let partial = &said(&answer)["partialSuccess"];
    assert_eq!(partial["rejectedSpans"], "1");
    let message = partial["errorMessage"].as_str().unwrap();
    assert!(message.contains("not a run of Bongsu"), "{message}");
    assert!(message.contains("[foreign]"), "{message}");
    collector.shutdown().await;
}

#[tokio::test]
async fn wrong_json_is_400_in_json_and_says_where() {
    let folder = tempfile::tempdir().unwrap();
    let collector = collector(folder.path()).await;
    let (client, agent, to) = (Client::new(), &agents()[0], collector.otlp_addr());
    let deep = "[".repeat(100_000);
    for (body, says) in [
        ("", "EOF"),
        ("<html>", "at line 1 column 1"),
        (
            r#"{"resourceSpans":5}"#,
            "`resourceSpans` is \"5\", expected a list of objects",
        ),
        (
            r#"{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"5b8g"}]}]}]}"#,
            "`traceId` is \"5b8g\", expected hex digits",
        ),
        (
            r#"{"resourceSpans":[{"scopeSpans":[{"spans":[{"kind":"SPAN_KIND_CLIENT"}]}]}]}"#,
            "the number of the enum's value, not its name",
        ),
        (
            &format!(r#"{{"resourceSpans":{deep}}}"#),
            "ExportTraceServiceRequest in JSON",
        ),
    ] {
        let answer = client
            .post(
                to,
                "/v1/traces",
                &headers(agent, JSON),
                body.as_bytes().to_vec(),
            )
            .await
            .unwrap();
        assert_eq!(answer.code, 400, "{says}");
        let message = said(&answer)["message"].as_str().unwrap().to_owned();
        assert!(message.contains(says), "{message}");
        assert_eq!(answer.retry_after, None);
    }
    let mut nobody = headers(agent, JSON);
    nobody[0].1 = "Bearer wrong".to_owned();
    let answer = client
        .post(to, "/v1/traces", &nobody, b"{}".to_vec())
        .await
        .unwrap();
    assert_eq!(answer.code, 401);
    assert!(said(&answer)["message"].as_str().unwrap().contains("token"));
    assert_eq!(collector.shared().counters.in_flight_bytes.get(), 0);
    collector.shutdown().await;
}

#[tokio::test]
async fn many_empty_spans_in_json_are_refused_before_they_take_memory() {
    let folder = tempfile::tempdir().unwrap();
    let collector = collector(folder.path()).await;
    let (client, agent, to) = (Client::new(), &agents()[0], collector.otlp_addr());
    let spans = vec!["{}"; 100_000].join(",");
    let body = format!(r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{spans}]}}]}}]}}"#);
    let answer = client
        .post(to, "/v1/traces", &headers(agent, JSON), body.into_bytes())
        .await
        .unwrap();
    assert_eq!(answer.code, 400);
    let message = said(&answer)["message"].as_str().unwrap().to_owned();
    assert!(message.contains("too many empty parts"), "{message}");
    collector.shutdown().await;
}
