//! Spans passed on: every class of answer, dead and slow destinations, restarts, foreign spans.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use bongsu_collector::clock::SystemClock;
use bongsu_collector::config::{Config, TokenHash};
use bongsu_collector::counters::ForwardCounts;
use bongsu_collector::process::Collector;
use bongsu_model::{Outcome, RunId};
use bongsu_wire::PartialSuccess;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use prost::Message as _;

use crate::destination::{Destination, Nobody, Reply, forward};
use crate::fleet::{TestAgent, agents, catalogue, config_text};
use crate::harness::{Binary, Client, PATIENCE, now, wait};

const SENDER_TOKEN: &str = "token of shop";

fn slot() -> u64 {
    now().as_unix_nanos() / 10_000_000_000 - 1_000
}

/// A collector whose configuration ends with `more`.
async fn start(folder: &Path, more: &str) -> Collector {
    let text = config_text(folder) + more;
    let config = Config::parse(&text, &folder.join("collector.toml")).unwrap();
    let clock = Arc::new(SystemClock::new());
    let collector = Collector::start(config, catalogue(), clock).await.unwrap();
    tokio::time::timeout(PATIENCE, collector.ready())
        .await
        .unwrap();
    collector
}

fn counts(collector: &Collector, name: &str) -> Arc<ForwardCounts> {
    let forwards = &collector.shared().counters.forwards;
    let found = forwards.iter().find(|(known, _)| known == name);
    Arc::clone(&found.unwrap().1)
}

/// Sends runs in one request and returns their ids.
async fn send(collector: &Collector, agent: &TestAgent, slots: &[u64]) -> Vec<RunId> {
    let runs: Vec<_> = slots
        .iter()
        .map(|slot| agent.run(*slot, Outcome::Pass))
        .collect();
    let body = agent.encode(&runs);
    let answer = Client::new().runs(collector.otlp_addr(), agent, body).await;
    assert_eq!(answer.partial(), None);
    runs.iter().map(|run| run.facts.id).collect()
}

fn foreign_spans(count: u8) -> Vec<u8> {
    let spans = (1..=count).map(|n| Span {
        trace_id: vec![n; 16],
        span_id: vec![n; 8],
        name: "GET /cart".to_owned(),
        start_time_unix_nano: 1,
        end_time_unix_nano: 2,
        ..Span::default()
    });
    ExportTraceServiceRequest {
        resource_spans: vec![ResourceSpans {
            scope_spans: vec![ScopeSpans {
                spans: spans.collect(),
                ..ScopeSpans::default()
            }],
            ..ResourceSpans::default()
        }],
    }
    .encode_to_vec()
}

fn foreign_config() -> String {
    let hash = TokenHash::of(SENDER_TOKEN.as_bytes()).to_hex();
    format!(
        "[foreign]\nspans = \"forward\"\n[[sender]]\nid = \"shop\"\ntoken_sha256 = \"{hash}\"\n"
    )
}

async fn count_runs(collector: &Collector) -> u64 {
    let shared = collector.shared();
    shared.read(|reader| reader.count_runs()).await.unwrap()
}

#[tokio::test]
async fn accepted_runs_go_on_unchanged_and_once() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("auth"), "Bearer of tempo\n").unwrap();
    let tempo = Destination::start([]).await;
    let headers = "headers = { authorization = { file = \"auth\" } }\n";
    let collector = start(folder.path(), &(tempo.forward("tempo") + headers)).await;
    let (agent, slot) = (&agents()[0], slot());
    let ids = send(&collector, agent, &[slot, slot + 1]).await;
    wait(|| tempo.runs().len() == 2).await;
    send(&collector, agent, &[slot]).await;
    let third = send(&collector, agent, &[slot + 2]).await;
    wait(|| tempo.runs().len() >= 3).await;
    assert_eq!(tempo.runs(), [ids.clone(), third].concat());
    let got = &tempo.got()[0];
    assert_eq!(got.path, "/v1/traces");
    for (name, value) in [
        ("authorization", "Bearer of tempo"),
        ("content-type", "application/x-protobuf"),
        ("content-encoding", "gzip"),
    ] {
        assert_eq!(got.headers[name], value);
    }
    let agent = got.headers["user-agent"].to_str().unwrap();
    assert!(agent.starts_with("bongsu-collector/"), "{agent}");
    let id = ids[0];
    let stored = collector.shared().read(move |reader| reader.run(&id)).await;
    let spans = stored.unwrap().unwrap().spans.unwrap();
    assert!(got.body.starts_with(&spans));
    let counts = counts(&collector, "tempo");
    wait(|| counts.runs_sent.get() == 3 && counts.runs_waiting.get() == 0).await;
    let metrics = Client::new().get(collector.web_addr(), "/metrics").await;
    let metrics = String::from_utf8(metrics.unwrap().body).unwrap();
    let line = "bongsu_collector_forward_runs_sent_total{to=\"tempo\"} 3";
    assert!(metrics.contains(line), "{metrics}");
    collector.shutdown().await;
}

#[tokio::test]
async fn passing_troubles_are_waited_out_with_both_forms_of_retry_after() {
    let folder = tempfile::tempdir().unwrap();
    let tempo = Destination::start([
        Reply::Later(429, "0"),
        Reply::Status(502),
        Reply::Later(503, "Sun, 06 Nov 1994 08:49:37 GMT"),
        Reply::Status(504),
        Reply::Body(200, b"<html>sign in</html>".to_vec()),
    ])
    .await;
    let collector = start(folder.path(), &tempo.forward("tempo")).await;
    let ids = send(&collector, &agents()[0], &[slot()]).await;
    let counts = counts(&collector, "tempo");
    wait(|| counts.runs_sent.get() == 1).await;
    assert_eq!(counts.retries.get(), 5);
    let got = tempo.got();
    assert_eq!(got.len(), 6);
    assert!(got.iter().all(|one| one.body == got[0].body));
    assert_eq!(
        bongsu_wire::decode_traces(&got[5].body).unwrap().len(),
        ids.len()
    );
    assert_eq!(counts.runs_refused.get(), 0);
    collector.shutdown().await;
}

#[tokio::test]
async fn final_refusals_are_counted_and_skipped() {
    let folder = tempfile::tempdir().unwrap();
    let refusals = [400, 408, 413, 422, 500, 501];
    let tempo = Destination::start(refusals.map(Reply::Status)).await;
    let collector = start(folder.path(), &tempo.forward("tempo")).await;
    let counts = counts(&collector, "tempo");
    for (n, _) in (1..).zip(refusals) {
        send(&collector, &agents()[0], &[slot() + n]).await;
        wait(|| counts.runs_refused.get() == n).await;
    }
    let good = send(&collector, &agents()[0], &[slot() + 50]).await;
    wait(|| counts.runs_sent.get() == 1).await;
    assert_eq!(tempo.runs(), good);
    assert_eq!(counts.retries.get(), 0);
    assert_eq!(counts.runs_waiting.get(), 0);
    collector.shutdown().await;
}

#[tokio::test]
async fn one_bad_run_does_not_take_its_batch_with_it() {
    let folder = tempfile::tempdir().unwrap();
    let tempo = Destination::start([]).await;
    let collector = start(folder.path(), &tempo.forward("tempo")).await;
    let (agent, slot) = (&agents()[0], slot());
    let bad = agent.run(slot + 1, Outcome::Pass).facts.id;
    tempo.always(Reply::RefuseIf(bad.as_bytes().to_vec()));
    let mut ids = send(&collector, agent, &[slot, slot + 1, slot + 2]).await;
    let counts = counts(&collector, "tempo");
    wait(|| counts.runs_sent.get() == 2 && counts.runs_refused.get() == 1).await;
    ids.retain(|id| *id != bad);
    assert_eq!(tempo.runs(), ids);
    assert_eq!(tempo.got().len(), 4);
    collector.shutdown().await;
}

#[tokio::test]
async fn who_takes_no_gzip_gets_it_plain_and_a_partial_success_is_counted() {
    let folder = tempfile::tempdir().unwrap();
    let partial = PartialSuccess {
        rejected: 2,
        message: "too old".to_owned(),
    };
    let answer = bongsu_wire::trace_response(Some(partial));
    let tempo = Destination::start([Reply::Status(415), Reply::Body(200, answer)]).await;
    let collector = start(folder.path(), &tempo.forward("tempo")).await;
    send(&collector, &agents()[0], &[slot()]).await;
    let counts = counts(&collector, "tempo");
    wait(|| counts.runs_sent.get() == 1).await;
    assert_eq!(counts.spans_rejected.get(), 2);
    let got = tempo.got();
    assert!(got[0].headers.contains_key("content-encoding"));
    assert!(!got[1].headers.contains_key("content-encoding"));
    assert_eq!(got[0].body, got[1].body);
    collector.shutdown().await;
}

#[tokio::test]
async fn refused_headers_pause_and_lose_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let tempo = Destination::start([]).await;
    tempo.always(Reply::Status(401));
    let collector = start(folder.path(), &tempo.forward("tempo")).await;
    let ids = send(&collector, &agents()[0], &[slot()]).await;
    let counts = counts(&collector, "tempo");
    wait(|| counts.retries.get() == 1).await;
    assert_eq!(counts.runs_refused.get(), 0);
    assert_eq!(counts.runs_waiting.get(), 1);
    collector.shutdown().await;
    let again = Destination::start([]).await;
    let collector = start(folder.path(), &again.forward("tempo")).await;
    wait(|| again.runs() == ids).await;
    collector.shutdown().await;
}

#[tokio::test]
async fn dead_and_hanging_destinations_hold_up_neither_ingest_nor_others() {
    let folder = tempfile::tempdir().unwrap();
    let (live, hanging) = (Destination::start([]).await, Destination::start([]).await);
    hanging.always(Reply::Never);
    let nobody = Nobody::new();
    let more = [
        forward("dead", nobody.address),
        hanging.forward("hanging"),
        live.forward("live"),
    ];
    let collector = start(folder.path(), &more.concat()).await;
    let mut ids = Vec::new();
    for n in 0..40 {
        ids.extend(send(&collector, &agents()[0], &[slot() + n]).await);
    }
    wait(|| live.runs() == ids).await;
    let dead = counts(&collector, "dead");
    wait(|| dead.runs_waiting.get() == 40).await;
    assert_eq!(dead.runs_sent.get(), 0);
    assert_eq!(counts(&collector, "hanging").runs_sent.get(), 0);
    wait(|| collector.shared().counters.events_derived.get() >= 40).await;
    // It also stops at once, with two of them open.
    tokio::time::timeout(PATIENCE, collector.shutdown())
        .await
        .unwrap();
}

#[tokio::test]
async fn a_restart_goes_on_where_the_answers_ended_and_skips_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let first = Destination::start([]).await;
    let collector = start(folder.path(), &first.forward("tempo")).await;
    let (agent, slot) = (&agents()[0], slot());
    let one = send(&collector, agent, &[slot]).await;
    let counts = counts(&collector, "tempo");
    wait(|| counts.runs_sent.get() == 1).await;
    // It gets the next one and never answers.
    first.always(Reply::Never);
    let two = send(&collector, agent, &[slot + 1]).await;
    wait(|| first.got().len() == 2).await;
    let three = send(&collector, agent, &[slot + 2]).await;
    collector.shutdown().await;
    assert_eq!(first.runs(), one);
    let second = Destination::start([]).await;
    let collector = start(folder.path(), &second.forward("tempo")).await;
    let rest = [two, three].concat();
    wait(|| second.runs() == rest).await;
    collector.shutdown().await;
}

#[tokio::test]
async fn after_kill_9_in_the_middle_every_acknowledged_run_arrives() {
    let folder = tempfile::tempdir().unwrap();
    let tempo = Destination::start([]).await;
    let text = config_text(&folder.path().join("data")) + &tempo.forward("tempo");
    let file = folder.path().join("collector.toml");
    std::fs::write(&file, text).unwrap();
    let (agent, slot, client) = (&agents()[0], slot(), Client::new());
    let mut sent = BTreeSet::new();
    for round in 0..3_u64 {
        let binary = Binary::start(&file);
        for n in 0..30 {
            let run = agent.run(slot + round * 100 + n, Outcome::Pass);
            let body = agent.encode(std::slice::from_ref(&run));
            let answer = client.runs(binary.otlp, agent, body).await;
            assert_eq!(answer.partial(), None);
            sent.insert(run.facts.id);
        }
        // At some point of its work on them.
        wait(|| tempo.runs().len() as u64 > round * 30).await;
        binary.kill();
    }
    let binary = Binary::start(&file);
    wait(|| BTreeSet::from_iter(tempo.runs()) == sent).await;
    let (status, log) = binary.terminate();
    assert!(status.success(), "{log:#?}");
}

#[tokio::test]
async fn runs_that_retention_takes_first_are_counted_as_dropped() {
    let folder = tempfile::tempdir().unwrap();
    let nobody = Nobody::new();
    let address = nobody.address;
    let collector = start(folder.path(), &forward("tempo", address)).await;
    let (agent, slot) = (&agents()[0], slot());
    let ids = send(&collector, agent, &[slot, slot + 1, slot + 2, slot + 3]).await;
    let counts = counts(&collector, "tempo");
    wait(|| counts.runs_waiting.get() == 4).await;
    collector.shutdown().await;
    let collector = start(folder.path(), &forward("tempo", address)).await;
    let counts = self::counts(&collector, "tempo");
    // The first batch is in its hands; what comes later is still to be read.
    wait(|| counts.retries.get() > 0).await;
    let later = send(&collector, agent, &[slot + 10, slot + 11, slot + 12]).await;
    wait(|| counts.runs_waiting.get() == 7).await;
    let journal = rusqlite::Connection::open(folder.path().join("journal.db")).unwrap();
    journal.busy_timeout(PATIENCE).unwrap();
    let thinned = "UPDATE event SET spans = NULL, segment = NULL WHERE run = ?1";
    assert_eq!(journal.execute(thinned, [later[0].as_bytes()]).unwrap(), 1);
    let expired = "DELETE FROM event WHERE run = ?1";
    assert_eq!(journal.execute(expired, [later[1].as_bytes()]).unwrap(), 1);
    let tempo = nobody.arrives();
    wait(|| counts.runs_waiting.get() == 0).await;
    assert_eq!(counts.runs_dropped.get(), 2);
    assert_eq!(counts.runs_sent.get(), 5);
    assert_eq!(tempo.runs(), [ids, vec![later[2]]].concat());
    collector.shutdown().await;
}

#[tokio::test]
async fn a_destination_that_is_new_begins_with_what_comes_then() {
    let folder = tempfile::tempdir().unwrap();
    let (first, second) = (Destination::start([]).await, Destination::start([]).await);
    let collector = start(folder.path(), &first.forward("first")).await;
    let old = send(&collector, &agents()[0], &[slot()]).await;
    // Its answer was heard: otherwise it would come again.
    let counts = counts(&collector, "first");
    wait(|| counts.runs_sent.get() == 1).await;
    assert_eq!(first.runs(), old);
    collector.shutdown().await;
    let more = [first.forward("first"), second.forward("second")].concat();
    let collector = start(folder.path(), &more).await;
    let new = send(&collector, &agents()[0], &[slot() + 7]).await;
    wait(|| second.runs() == new).await;
    wait(|| first.runs() == [old.clone(), new.clone()].concat()).await;
    collector.shutdown().await;
}

#[tokio::test]
async fn foreign_spans_of_a_sender_go_on_untouched_and_are_no_runs() {
    let folder = tempfile::tempdir().unwrap();
    let tempo = Destination::start([]).await;
    let collector = start(folder.path(), &(foreign_config() + &tempo.forward("tempo"))).await;
    let (client, to) = (Client::new(), collector.otlp_addr());
    let headers = [("authorization", format!("Bearer {SENDER_TOKEN}"))];
    let body = foreign_spans(3);
    let answer = client.post(to, "/v1/traces", &headers, body.clone()).await;
    assert_eq!(answer.unwrap().partial(), None);
    wait(|| tempo.got().len() == 1).await;
    assert_eq!(tempo.got()[0].body, body);
    let counts = counts(&collector, "tempo");
    wait(|| counts.foreign_sent.get() == 3 && counts.foreign_waiting.get() == 0).await;
    assert_eq!(collector.shared().counters.foreign_spans_accepted.get(), 3);

    // A sender has no voice, not even with a run that is right.
    let agent = &agents()[0];
    let run = agent.encode(&[agent.run(slot(), Outcome::Pass)]);
    let mixed = [run.clone(), foreign_spans(1)].concat();
    let answer = client
        .post(to, "/v1/traces", &headers, mixed)
        .await
        .unwrap();
    let partial = answer.partial().unwrap();
    assert_eq!(partial.rejected, 1);
    assert!(
        partial.message.contains("from agents only"),
        "{}",
        partial.message
    );
    wait(|| tempo.got().len() == 2).await;
    assert_eq!(tempo.got()[1].body, foreign_spans(1));
    let answer = client
        .post(to, "/v1/logs", &headers, Vec::new())
        .await
        .unwrap();
    assert_eq!(answer.code, 403);
    assert!(
        answer.message().contains("sender shop"),
        "{}",
        answer.message()
    );
    assert_eq!(count_runs(&collector).await, 0);

    // What an agent sends besides its runs goes on too.
    let mixed = [run, foreign_spans(2)].concat();
    assert_eq!(client.runs(to, agent, mixed).await.partial(), None);
    wait(|| counts.foreign_sent.get() == 6 && counts.runs_sent.get() == 1).await;
    assert_eq!(count_runs(&collector).await, 1);
    collector.shutdown().await;
}

#[tokio::test]
async fn foreign_spans_in_json_go_on_as_protobuf() {
    let folder = tempfile::tempdir().unwrap();
    let tempo = Destination::start([]).await;
    let collector = start(folder.path(), &(foreign_config() + &tempo.forward("tempo"))).await;
    let headers = [
        ("authorization", format!("Bearer {SENDER_TOKEN}")),
        ("content-type", "application/json".to_owned()),
    ];
    let request = ExportTraceServiceRequest::decode(foreign_spans(2).as_slice()).unwrap();
    let body = serde_json::to_vec(&request).unwrap();
    let answer = Client::new()
        .post(collector.otlp_addr(), "/v1/traces", &headers, body)
        .await
        .unwrap();
    assert_eq!((answer.code, answer.body.as_slice()), (200, &b"{}"[..]));
    wait(|| tempo.got().len() == 1).await;
    assert_eq!(tempo.got()[0].body, foreign_spans(2));
    collector.shutdown().await;
}

#[tokio::test]
async fn foreign_spans_wait_on_disk_through_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let nobody = Nobody::new();
    let address = nobody.address;
    let more = foreign_config() + &forward("tempo", address);
    let collector = start(folder.path(), &more).await;
    let headers = [("authorization", format!("Bearer {SENDER_TOKEN}"))];
    let (client, to) = (Client::new(), collector.otlp_addr());
    for count in [2, 3] {
        let body = foreign_spans(count);
        let answer = client.post(to, "/v1/traces", &headers, body).await;
        assert_eq!(answer.unwrap().partial(), None);
    }
    let counts = counts(&collector, "tempo");
    wait(|| counts.foreign_waiting.get() == 5).await;
    collector.shutdown().await;
    let tempo = nobody.arrives();
    let collector = start(folder.path(), &more).await;
    let counts = self::counts(&collector, "tempo");
    wait(|| counts.foreign_sent.get() == 5).await;
    let bodies: Vec<u8> = tempo.got().into_iter().flat_map(|got| got.body).collect();
    assert_eq!(bodies, [foreign_spans(2), foreign_spans(3)].concat());
    collector.shutdown().await;
}

#[tokio::test]
async fn broken_foreign_requests_are_400_and_nothing_of_them_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let tempo = Destination::start([]).await;
    let collector = start(folder.path(), &(foreign_config() + &tempo.forward("tempo"))).await;
    let (client, to) = (Client::new(), collector.otlp_addr());
    let headers = [("authorization", format!("Bearer {SENDER_TOKEN}"))];
    let mut cut = foreign_spans(3);
    cut.extend_from_slice(&[0x0a, 0x7f, 0]);
    let answer = client.post(to, "/v1/traces", &headers, cut).await.unwrap();
    assert_eq!(answer.code, 400);
    let answer = client
        .post(
            to,
            "/v1/traces",
            &headers,
            b"\xff\xff\xffno protobuf".to_vec(),
        )
        .await
        .unwrap();
    assert_eq!(answer.code, 400);
    let good = foreign_spans(1);
    client
        .post(to, "/v1/traces", &headers, good.clone())
        .await
        .unwrap();
    wait(|| !tempo.got().is_empty()).await;
    assert_eq!(tempo.got()[0].body, good);
    collector.shutdown().await;
}

#[tokio::test]
async fn a_secret_that_is_missing_stops_the_start_and_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let more = forward("tempo", Nobody::new().address)
        + "headers = { authorization = { file = \"gone\" } }\n";
    let text = config_text(folder.path()) + &more;
    let config = Config::parse(&text, &folder.path().join("collector.toml")).unwrap();
    let clock = Arc::new(SystemClock::new());
    let error = Collector::start(config, catalogue(), clock)
        .await
        .unwrap_err();
    let error = error.to_string();
    assert!(
        error.contains("[[forward]] `tempo`, header `authorization`"),
        "{error}"
    );
    assert!(error.contains("gone"), "{error}");
}
