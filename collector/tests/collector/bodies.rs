//! Bodies that are compressed, broken, too large or of another kind.

use std::io::Write as _;

use bongsu_model::Outcome;

use crate::fleet::{TestAgent, agents};
use crate::harness::{Answer, Client, collector, now, wait};

/// Slots of the last minutes.
fn slot() -> u64 {
    now().as_unix_nanos() / 10_000_000_000 - 10
}

fn body(agent: &TestAgent) -> Vec<u8> {
    agent.encode(&[agent.run(slot(), Outcome::Pass)])
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    zstd::encode_all(bytes, 3).unwrap()
}

/// Sends `body` under `encoding` to a fresh collector; checks that it is alive afterwards.
async fn check(encoding: Option<&str>, body: Vec<u8>) -> Answer {
    let folder = tempfile::tempdir().unwrap();
    let collector = collector(folder.path()).await;
    let (client, agent) = (Client::new(), &agents()[0]);
    let mut headers = vec![("authorization", format!("Bearer {}", agent.token))];
    headers.extend(encoding.map(|encoding| ("content-encoding", encoding.to_owned())));
    let to = collector.otlp_addr();
    let answer = client.post(to, "/v1/traces", &headers, body).await.unwrap();
    let good = agent.encode(&[agent.run(slot() - 1, Outcome::Pass)]);
    assert_eq!(client.runs(to, agent, good).await.partial(), None);
    let counters = &collector.shared().counters;
    assert!(counters.requests.get(answer.code) > 0);
    assert_eq!(counters.in_flight.get(), 0);
    assert_eq!(counters.in_flight_bytes.get(), 0);
    collector.shutdown().await;
    answer
}

#[tokio::test]
async fn plain_gzip_and_zstd_are_taken_and_full_success_is_an_empty_answer() {
    let body = body(&agents()[0]);
    for (encoding, body) in [
        (None, body.clone()),
        (Some("identity"), body.clone()),
        (Some("gzip"), gzip(&body)),
        (Some("GZIP"), gzip(&body)),
        (Some("zstd"), zstd(&body)),
    ] {
        let sent = now().as_unix_nanos();
        let answer = check(encoding, body).await;
        assert_eq!(answer.partial(), None, "{encoding:?}");
        assert!(answer.body.is_empty(), "{encoding:?}");
        let received = answer.received.unwrap();
        assert!(
            (sent..=now().as_unix_nanos()).contains(&received),
            "{received}"
        );
    }
}

#[tokio::test]
async fn an_empty_request_is_a_success() {
    assert_eq!(check(None, Vec::new()).await.partial(), None);
}

#[tokio::test]
async fn garbage_truncated_and_wrongly_compressed_bodies_are_400_with_a_reason() {
    let body = body(&agents()[0]);
    let short = |bytes: Vec<u8>| bytes[..bytes.len() - 7].to_vec();
    for (encoding, body, says) in [
        (
            None,
            b"\xff\xff\xffthis is no protobuf".to_vec(),
            "not a valid ExportTraceServiceRequest",
        ),
        (
            None,
            short(body.clone()),
            "not a valid ExportTraceServiceRequest",
        ),
        (None, gzip(&body), "not a valid ExportTraceServiceRequest"),
        (Some("gzip"), short(gzip(&body)), "not whole gzip"),
        (Some("gzip"), body.clone(), "not whole gzip"),
        (Some("gzip"), zstd(&body), "not whole gzip"),
        (Some("gzip"), Vec::new(), "not whole gzip"),
        (Some("zstd"), short(zstd(&body)), "not whole zstd"),
        (Some("zstd"), gzip(&body), "not whole zstd"),
    ] {
        let answer = check(encoding, body).await;
        assert_eq!(answer.code, 400, "{encoding:?} {says}");
        assert!(
            answer.message().contains(says),
            "{encoding:?}: {}",
            answer.message()
        );
        assert_eq!(answer.retry_after, None);
    }
}

#[tokio::test]
async fn a_body_over_the_limit_is_413_on_the_wire_and_after_decompression() {
    let large = vec![0; (1 << 20) + 1];
    for (encoding, body) in [
        // Far more than fits into the buffers between the two: its sender must still hear why.
        (None, vec![0; 16 << 20]),
        (None, large.clone()),
        (Some("gzip"), gzip(&large)),
        (Some("zstd"), zstd(&large)),
    ] {
        let answer = check(encoding, body).await;
        assert_eq!(answer.code, 413, "{encoding:?}");
        assert!(
            answer.message().contains("1048576 bytes"),
            "{}",
            answer.message()
        );
    }
}

#[tokio::test]
async fn other_encodings_types_methods_and_signals_are_refused_in_their_own_way() {
    let answer = check(Some("br"), Vec::new()).await;
    assert_eq!(answer.code, 415);
    assert!(answer.message().contains("gzip or zstd"));

    let folder = tempfile::tempdir().unwrap();
    let collector = collector(folder.path()).await;
    let (client, to) = (Client::new(), collector.otlp_addr());
    for content_type in [
        "text/plain",
        "application/jsonl",
        "application/octet-stream",
        "",
    ] {
        let headers = vec![
            ("authorization", format!("Bearer {}", agents()[0].token)),
            ("content-type", content_type.to_owned()),
        ];
        let answer = client
            .post(to, "/v1/traces", &headers, b"{}".to_vec())
            .await
            .unwrap();
        assert_eq!(answer.code, 415, "{content_type}");
        for says in ["application/x-protobuf or application/json", content_type] {
            assert!(answer.message().contains(says), "{}", answer.message());
        }
    }
    let metrics = client.runs_at(to, "/v1/metrics", &agents()[0]).await;
    assert_eq!(metrics.code, 404);
    assert!(metrics.message().contains("metrics are not taken"));
    assert_eq!(client.get(to, "/v1/traces").await.unwrap().code, 405);
    assert_eq!(client.get(to, "/").await.unwrap().code, 404);
    collector.shutdown().await;
}

#[tokio::test]
async fn a_sender_that_goes_away_in_the_middle_leaves_nothing_behind() {
    use tokio::io::AsyncWriteExt as _;

    let folder = tempfile::tempdir().unwrap();
    let collector = collector(folder.path()).await;
    let (client, agent, to) = (Client::new(), &agents()[0], collector.otlp_addr());
    let head = format!(
        "POST /v1/traces HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {}\r\n\
         Content-Type: application/x-protobuf\r\nContent-Length: 100000\r\n\r\n",
        agent.token
    );
    let mut stream = tokio::net::TcpStream::connect(to).await.unwrap();
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(&[0; 5_000]).await.unwrap();
    let counters = &collector.shared().counters;
    wait(|| counters.in_flight_bytes.get() > 0).await;
    drop(stream);
    wait(|| counters.in_flight.get() == 0).await;
    assert_eq!(counters.in_flight_bytes.get(), 0);
    let good = agent.encode(&[agent.run(slot(), Outcome::Pass)]);
    assert_eq!(client.runs(to, agent, good).await.partial(), None);
    collector.shutdown().await;
}
