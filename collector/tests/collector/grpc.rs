//! OTLP over gRPC, as tonic's client speaks it: what arrives, what is refused and with which code.

use std::net::SocketAddr;
use std::time::Duration;

use bongsu_collector::config::Config;
use bongsu_collector::journal::Sqlite;
use bongsu_collector::process::Collector;
use bongsu_model::{Clock as _, Outcome};
use http_body_util::{BodyExt as _, Full};
use tonic::client::{Grpc, GrpcService as _};
use tonic::codec::{Codec, CompressionEncoding, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::transport::Channel;
use tonic::{Code, Request, Status};

use crate::fleet::{TestAgent, agents, catalogue, config};
use crate::harness::{Client, PATIENCE, SetClock, collector, now};

const TRACES: &str = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";
const LOGS: &str = "/opentelemetry.proto.collector.logs.v1.LogsService/Export";
const METRICS: &str = "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export";

/// Messages as the bytes that they are.
#[derive(Debug, Clone, Copy, Default)]
struct Raw;

impl Codec for Raw {
    type Encode = Vec<u8>;
    type Decode = Vec<u8>;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for Raw {
    type Item = Vec<u8>;
    type Error = Status;

    fn encode(&mut self, item: Vec<u8>, out: &mut EncodeBuf<'_>) -> Result<(), Status> {
        bytes::BufMut::put_slice(out, &item);
        Ok(())
    }
}

impl Decoder for Raw {
    type Item = Vec<u8>;
    type Error = Status;

    fn decode(&mut self, bytes: &mut DecodeBuf<'_>) -> Result<Option<Vec<u8>>, Status> {
        use bytes::Buf as _;
        Ok(Some(bytes.copy_to_bytes(bytes.remaining()).to_vec()))
    }
}

fn channel(to: SocketAddr) -> Channel {
    Channel::from_shared(format!("http://{to}"))
        .unwrap()
        .timeout(PATIENCE)
        .connect_lazy()
}

/// One call with the client's usual ways.
async fn call(
    to: SocketAddr,
    method: &'static str,
    token: Option<&str>,
    packed: Option<CompressionEncoding>,
    message: Vec<u8>,
) -> Result<tonic::Response<Vec<u8>>, Status> {
    let mut grpc = Grpc::new(channel(to));
    if let Some(packed) = packed {
        grpc = grpc.send_compressed(packed);
    }
    grpc.ready().await.unwrap();
    let mut request = Request::new(message);
    if let Some(token) = token {
        let value = format!("Bearer {token}").parse().unwrap();
        request.metadata_mut().insert("authorization", value);
    }
    grpc.unary(request, method.parse().unwrap(), Raw).await
}

async fn runs(to: SocketAddr, agent: &TestAgent, message: Vec<u8>) -> Result<Vec<u8>, Status> {
    let answer = call(to, TRACES, Some(&agent.token), None, message).await?;
    Ok(answer.into_inner())
}

/// A request as no proper client would make it: its status.
async fn raw(to: SocketAddr, headers: &[(&str, &str)], body: Vec<u8>) -> Status {
    let mut request = axum::http::Request::post(TRACES)
        .header("content-type", "application/grpc")
        .header("authorization", format!("Bearer {}", agents()[0].token));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let answer = send(to, request, body).await;
    Status::from_header_map(answer.headers()).unwrap()
}

/// Any request over HTTP/2.
async fn send(
    to: SocketAddr,
    request: axum::http::request::Builder,
    body: Vec<u8>,
) -> axum::http::Response<tonic::body::Body> {
    let body = tonic::body::Body::new(Full::new(bytes::Bytes::from(body)).map_err(|e| match e {}));
    let mut channel = channel(to);
    std::future::poll_fn(|context| {
        tonic::client::GrpcService::<tonic::body::Body>::poll_ready(&mut channel, context)
    })
    .await
    .unwrap();
    channel.call(request.body(body).unwrap()).await.unwrap()
}

fn slot() -> u64 {
    now().as_unix_nanos() / 10_000_000_000 - 10
}

async fn count(collector: &Collector) -> u64 {
    let shared = collector.shared();
    shared.read(|reader| reader.count_runs()).await.unwrap()
}

#[tokio::test]
async fn runs_arrive_plain_gzipped_and_with_zstd_and_full_success_is_an_empty_message() {
    let folder = tempfile::tempdir().unwrap();
    let collector = collector(folder.path()).await;
    let (agent, to) = (&agents()[0], collector.otlp_grpc_addr());
    let codings = [
        None,
        Some(CompressionEncoding::Gzip),
        Some(CompressionEncoding::Zstd),
    ];
    // Asked for once: between two of them the next slot may come.
    let newest = slot();
    for (n, packed) in (0..).zip(codings) {
        let sent = now().as_unix_nanos();
        let body = agent.encode(&[agent.run(newest - n, Outcome::Pass)]);
        let answer = call(to, TRACES, Some(&agent.token), packed, body)
            .await
            .unwrap();
        let received = answer.metadata().get(bongsu_wire::RECEIVED_HEADER);
        let received: u64 = received.unwrap().to_str().unwrap().parse().unwrap();
        assert!((sent..=now().as_unix_nanos()).contains(&received));
        assert_eq!(answer.into_inner(), Vec::<u8>::new(), "{packed:?}");
    }
    assert_eq!(count(&collector).await, 3);
    assert_eq!(runs(to, agent, Vec::new()).await.unwrap(), Vec::<u8>::new());
    let plan = agent.plan(now());
    let answer = call(to, LOGS, Some(&agent.token), None, plan).await;
    assert_eq!(answer.unwrap().into_inner(), Vec::<u8>::new());
    let counters = &collector.shared().counters;
    assert_eq!(counters.requests.get(200), 5);
    assert_eq!(counters.in_flight.get(), 0);
    assert_eq!(counters.in_flight_bytes.get(), 0);
    collector.shutdown().await;
}

#[tokio::test]
async fn a_message_far_beyond_four_mebibytes_is_taken() {
    let folder = tempfile::tempdir().unwrap();
    let mut config = config(folder.path());
    config.limits.body_bytes_max = 16 << 20;
    let clock = SetClock::at(now());
    let collector = Collector::start(config, catalogue(), clock).await.unwrap();
    let agent = &agents()[0];
    // Asked for once: while the runs are made the next slot may come.
    let newest = slot();
    let run = agent.run(newest, Outcome::Pass);
    let one = agent.encode(std::slice::from_ref(&run)).len();
    let many: Vec<_> = (0..(5 << 20) / one as u64 + 1)
        .map(|n| agent.run(newest - n, Outcome::Pass))
        .collect();
    let body = agent.encode(&many);
    assert!(body.len() > 5 << 20);
    assert!(
        runs(collector.otlp_grpc_addr(), agent, body)
            .await
            .unwrap()
            .is_empty()
    );
    assert_eq!(count(&collector).await, many.len() as u64);
    collector.shutdown().await;
}

#[tokio::test]
async fn without_a_known_token_nothing_is_taken() {
    let folder = tempfile::tempdir().unwrap();
    let collector = collector(folder.path()).await;
    let (agents, to) = (agents(), collector.otlp_grpc_addr());
    let body = agents[0].encode(&[agents[0].run(slot(), Outcome::Pass)]);
    for token in [None, Some("wrong"), Some("")] {
        let refused = call(to, TRACES, token, None, body.clone())
            .await
            .unwrap_err();
        assert_eq!(refused.code(), Code::Unauthenticated, "{token:?}");
        assert!(!refused.message().contains("wrong"), "{refused}");
    }
    let refused = runs(to, &agents[1], body).await.unwrap_err();
    assert_eq!(refused.code(), Code::PermissionDenied);
    assert!(
        refused.message().contains("this token is that of a-2"),
        "{refused}"
    );
    assert_eq!(count(&collector).await, 0);
    collector.shutdown().await;
}

#[tokio::test]
async fn a_bad_run_is_refused_alone_in_a_partial_success() {
    let folder = tempfile::tempdir().unwrap();
    let collector = collector(folder.path()).await;
    let agent = &agents()[0];
    let late = agent.run_at(
        1,
        now() - Duration::from_secs(30 * 24 * 3600),
        Outcome::Pass,
    );
    let body = agent.encode(&[agent.run(slot(), Outcome::Pass), late]);
    let answer = runs(collector.otlp_grpc_addr(), agent, body).await.unwrap();
    let partial = bongsu_wire::decode_trace_response(&answer)
        .unwrap()
        .unwrap();
    assert_eq!(partial.rejected, 1);
    assert!(partial.message.contains("retention"), "{}", partial.message);
    assert_eq!(count(&collector).await, 1);
    collector.shutdown().await;
}

#[tokio::test]
async fn what_is_too_large_is_refused_for_good_on_the_wire_and_after_decompression() {
    let folder = tempfile::tempdir().unwrap();
    let collector = collector(folder.path()).await;
    let (agent, to) = (&agents()[0], collector.otlp_grpc_addr());
    let large = vec![0; (1 << 20) + 1];
    for (packed, message) in [
        (None, vec![0; 16 << 20]),
        (None, large.clone()),
        (Some(CompressionEncoding::Gzip), large.clone()),
        (Some(CompressionEncoding::Zstd), large),
    ] {
        let refused = call(to, TRACES, Some(&agent.token), packed, message)
            .await
            .unwrap_err();
        assert_eq!(
            refused.code(),
            Code::ResourceExhausted,
            "{packed:?} {refused}"
        );
        // With a RetryInfo senders would send it again, for ever.
        assert!(refused.details().is_empty());
        assert!(refused.message().contains("1048576 bytes"), "{refused}");
    }
    let counters = &collector.shared().counters;
    assert_eq!(counters.requests.get(413), 4);
    assert_eq!(counters.in_flight_bytes.get(), 0);
    collector.shutdown().await;
}

#[tokio::test]
async fn other_methods_are_unimplemented_and_say_what_there_is() {
    let folder = tempfile::tempdir().unwrap();
    let collector = collector(folder.path()).await;
    let (agent, to) = (&agents()[0], collector.otlp_grpc_addr());
    for (method, says) in [
        (METRICS, "metrics are not taken"),
        ("/grpc.health.v1.Health/Check", "no such method"),
    ] {
        let refused = call(to, method, Some(&agent.token), None, Vec::new()).await;
        let refused = refused.unwrap_err();
        assert_eq!(refused.code(), Code::Unimplemented, "{method}");
        assert!(refused.message().contains(says), "{refused}");
    }
    collector.shutdown().await;
}

#[tokio::test]
async fn what_no_client_should_send_is_refused_for_good_with_a_reason() {
    let folder = tempfile::tempdir().unwrap();
    let collector = collector(folder.path()).await;
    let to = collector.otlp_grpc_addr();
    let body = agents()[0].encode(&[agents()[0].run(slot(), Outcome::Pass)]);
    let framed = |flag: u8, length: usize, message: &[u8]| {
        let length = u32::try_from(length).unwrap().to_be_bytes();
        [&[flag], length.as_slice(), message].concat()
    };
    let cut = &body[..body.len() - 7];
    for (headers, bytes, code, says) in [
        (
            vec![],
            Vec::new(),
            Code::InvalidArgument,
            "no whole message",
        ),
        (
            vec![],
            framed(0, body.len(), cut),
            Code::InvalidArgument,
            "cut short",
        ),
        (
            vec![],
            framed(0, cut.len(), cut),
            Code::InvalidArgument,
            "not a valid ExportTraceServiceRequest",
        ),
        (
            vec![],
            [framed(0, body.len(), &body), framed(0, 0, b"")].concat(),
            Code::InvalidArgument,
            "here is more",
        ),
        (
            vec![],
            framed(1, body.len(), &body),
            Code::InvalidArgument,
            "no grpc-encoding",
        ),
        (
            vec![("grpc-encoding", "gzip")],
            framed(1, body.len(), &body),
            Code::InvalidArgument,
            "not whole gzip",
        ),
        (
            vec![("grpc-encoding", "zstd")],
            framed(1, 0, b""),
            Code::InvalidArgument,
            "not whole zstd",
        ),
        (
            vec![("grpc-encoding", "br")],
            framed(1, body.len(), &body),
            Code::Unimplemented,
            "gzip or zstd",
        ),
        (
            vec![("authorization", "Bearer other")],
            framed(0, body.len(), &body),
            Code::Unauthenticated,
            "one Authorization header",
        ),
    ] {
        let refused = raw(to, &headers, bytes).await;
        assert_eq!(refused.code(), code, "{says}: {refused}");
        assert!(refused.message().contains(says), "{refused}");
        assert!(refused.details().is_empty());
    }
    let good = runs(to, &agents()[0], body).await.unwrap();
    assert!(good.is_empty());
    collector.shutdown().await;
}

#[tokio::test]
async fn who_sends_too_often_is_unavailable_with_the_time_to_come_again() {
    let folder = tempfile::tempdir().unwrap();
    let mut config: Config = config(folder.path());
    config.limits.requests_per_second = 0.5;
    let clock = SetClock::at(now());
    let collector = Collector::start(config, catalogue(), clock.clone())
        .await
        .unwrap();
    let (agent, to) = (&agents()[0], collector.otlp_grpc_addr());
    // The bucket is the same one for both ways in.
    let client = Client::new();
    let http = client.runs(collector.otlp_addr(), agent, Vec::new()).await;
    assert_eq!(http.code, 200);
    runs(to, agent, Vec::new()).await.unwrap();
    let refused = runs(to, agent, Vec::new()).await.unwrap_err();
    assert_eq!(refused.code(), Code::Unavailable);
    assert!(
        refused.message().contains("requests a second from a-1"),
        "{refused}"
    );
    let expected = bongsu_wire::retry_status(14, refused.message(), Duration::from_secs(2));
    assert_eq!(refused.details(), expected);
    clock.set(clock.wall() + Duration::from_secs(2));
    runs(to, agent, Vec::new()).await.unwrap();
    collector.shutdown().await;
}

#[tokio::test]
async fn each_port_tells_the_way_to_the_other() {
    let folder = tempfile::tempdir().unwrap();
    let collector = collector(folder.path()).await;
    let (agent, client) = (&agents()[0], Client::new());
    let (http, grpc) = (collector.otlp_addr(), collector.otlp_grpc_addr());
    let refused = runs(http, agent, Vec::new()).await.unwrap_err();
    assert_eq!(refused.code(), Code::Unimplemented);
    let way = format!("send gRPC to port {}", grpc.port());
    assert!(refused.message().contains(&way), "{refused}");
    let answer = client.runs(grpc, agent, Vec::new()).await;
    assert_eq!(answer.code, 415);
    let way = format!("send HTTP to port {}", http.port());
    assert!(answer.message().contains(&way), "{}", answer.message());
    let answer = client.get(grpc, "/").await.unwrap();
    assert_eq!(answer.code, 415);
    collector.shutdown().await;
}

#[tokio::test]
async fn a_disk_that_fails_is_unavailable_for_a_while_and_not_an_error_for_good() {
    let folder = tempfile::tempdir().unwrap();
    // The journal's own rows fit, and hardly more.
    let disk = Sqlite::open_limited(folder.path(), Some(40)).unwrap();
    let clock = SetClock::at(now());
    let config = config(folder.path());
    let collector = Collector::start_on(Box::new(disk), config, catalogue(), clock)
        .await
        .unwrap();
    let (agent, to) = (&agents()[0], collector.otlp_grpc_addr());
    let newest = slot();
    let many: Vec<_> = (0..200)
        .map(|n| agent.run(newest - n, Outcome::Pass))
        .collect();
    let refused = runs(to, agent, agent.encode(&many)).await.unwrap_err();
    assert_eq!(refused.code(), Code::Unavailable);
    assert!(refused.message().contains("disk is full"), "{refused}");
    let expected = bongsu_wire::retry_status(14, refused.message(), Duration::from_secs(5));
    assert_eq!(refused.details(), expected);
    assert_eq!(count(&collector).await, 0);
    collector.shutdown().await;
}

#[tokio::test]
async fn otlp_over_http_may_come_by_http_2_as_well() {
    let folder = tempfile::tempdir().unwrap();
    let collector = collector(folder.path()).await;
    let agent = &agents()[0];
    let body = agent.encode(&[agent.run(slot(), Outcome::Pass)]);
    let request = axum::http::Request::post("/v1/traces")
        .header("content-type", "application/x-protobuf")
        .header("authorization", format!("Bearer {}", agent.token));
    let answer = send(collector.otlp_addr(), request, body).await;
    assert_eq!(answer.status(), 200);
    assert_eq!(count(&collector).await, 1);
    collector.shutdown().await;
}
