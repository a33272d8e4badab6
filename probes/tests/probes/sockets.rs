//! WebSockets: frames in order, deadlines, and sockets that end too early.

use std::sync::atomic::Ordering;
use std::time::Duration;

use bongsu_language::Journey;
use bongsu_model::RunReport;
use bongsu_probes::run;

use crate::support::server::{Behaviour, Server, json};
use crate::support::socket::{SocketServer, Then};
use crate::support::{check_sane, context, ending, short, step, target, target_with, verdict};

fn journey(more: &str) -> Journey {
    short(&format!(
        r#"
[[step]]
name = "listen"
ws = "{{{{ target.ws.api }}}}/v1/stream"
socket = "inbox"
expect.frame.json."$.type" = "ready"
{more}
"#
    ))
}

const RECEIVE: &str = r#"
[[step]]
name = "receive"
receive = "inbox"
where.json."$.n" = 3
within = "400ms"
expect.json."$.text" = "hello"
"#;

async fn report(frames: &[&str], then: Then, more: &str) -> RunReport {
    let frames = frames.iter().map(|frame| (*frame).to_owned()).collect();
    let server = SocketServer::start(frames, then).await;
    let report = run(&journey(more), &context(target(&server.base()))).await;
    check_sane(&report);
    report
}

#[tokio::test]
async fn a_frame_is_found_among_others_and_judged() {
    let frames = [
        r#"{"type":"ready"}"#,
        r#"{"n":1}"#,
        "no json",
        r#"{"n":3,"text":"hello"}"#,
    ];
    let passed = report(&frames, Then::Echo, RECEIVE).await;
    assert_eq!(verdict(&passed), "pass");
    let listen = step(&passed, "listen");
    assert_eq!(listen.network.http_status, Some(101));
    assert!(listen.phases.wait.is_some() && listen.phases.receive.is_some());

    let wrong = [r#"{"type":"ready"}"#, r#"{"n":3,"text":"bye"}"#];
    let failed = report(&wrong, Then::Echo, RECEIVE).await;
    let receive = step(&failed, "receive");
    assert_eq!(ending(receive), "fail(expectation): json $.text");
    assert_eq!(receive.evidence.as_ref().unwrap().body_head, wrong[1]);
}

#[tokio::test]
async fn a_frame_that_never_comes_is_a_timeout_that_counts_the_others() {
    let frames = [r#"{"type":"ready"}"#, r#"{"n":1}"#, r#"{"n":2}"#];
    let failed = report(&frames, Then::Echo, RECEIVE).await;
    let receive = step(&failed, "receive");
    assert_eq!(ending(receive), "fail(timeout): within");
    assert_eq!(
        receive.failed_expectations,
        ["no frame matched `where`; 2 others came"]
    );
}

#[tokio::test]
async fn the_first_frame_must_be_the_expected_one_and_must_come() {
    let wrong = report(&[r#"{"type":"busy"}"#], Then::Echo, "").await;
    assert_eq!(
        ending(step(&wrong, "listen")),
        "fail(expectation): json $.type"
    );
    let journey = short(
        r#"
[[step]]
name = "listen"
ws = "{{ target.ws.api }}/v1/stream"
socket = "inbox"
timeout = "200ms"
expect.frame.json."$.type" = "ready"
"#,
    );
    let silent = SocketServer::start(Vec::new(), Then::Echo).await;
    let failed = run(&journey, &context(target(&silent.base()))).await;
    check_sane(&failed);
    assert_eq!(ending(step(&failed, "listen")), "fail(timeout): frame");
}

#[tokio::test]
async fn sockets_that_end_say_so() {
    let ready = [r#"{"type":"ready"}"#];
    let closed = report(&ready, Then::Close, RECEIVE).await;
    assert_eq!(ending(step(&closed, "receive")), "fail(ws_closed): closed");
    let dropped = report(&ready, Then::Drop, RECEIVE).await;
    assert_eq!(ending(step(&dropped, "receive")), "fail(ws_closed): closed");
}

#[tokio::test]
async fn pings_are_answered_and_fragments_put_together() {
    let fragments = ["{\"n\":3,\"te", "xt\":\"hello\"}"];
    let pinged = report(&[r#"{"type":"ready"}"#], Then::Ping(fragments), RECEIVE).await;
    assert_eq!(ending(step(&pinged, "receive")), "pass");
}

#[tokio::test]
async fn huge_frames_and_floods_are_capped() {
    let huge = format!("{{\"n\":3,\"x\":\"{}\"}}", "y".repeat(2 << 20));
    let frames = [r#"{"type":"ready"}"#, &huge];
    let failed = report(&frames, Then::Echo, RECEIVE).await;
    assert_eq!(
        ending(step(&failed, "receive")),
        "fail(body_too_large): frame"
    );
    // While something else is going on, unread frames pile up.
    let wait = "[[step]]\nname = \"receive\"\nreceive = \"inbox\"\nwhere.json.\"$.n\" = 9\n\
        within = \"2s\"";
    let flooded = report(&[r#"{"type":"ready"}"#], Then::Flood, wait).await;
    let ended = ending(step(&flooded, "receive"));
    assert!(
        [
            "fail(body_too_large): frames",
            "fail(timeout): within",
            "fail(timeout): journey"
        ]
        .contains(&ended.as_str()),
        "{ended}"
    );
}

#[tokio::test]
async fn frames_are_sent_and_sockets_closed() {
    let more = r#"
[[step]]
name = "send"
send = "inbox"
json = { n = 3, text = "hello" }
[[step]]
name = "receive"
receive = "inbox"
where.json."$.n" = 3
within = "1s"
expect.json."$.text" = "hello"
[[step]]
name = "close"
close = "inbox"
"#;
    let passed = report(&[r#"{"type":"ready"}"#], Then::Echo, more).await;
    assert_eq!(verdict(&passed), "pass", "{passed:#?}");
}

#[tokio::test]
async fn a_refused_upgrade_is_a_status() {
    let server = Server::start(|_| Behaviour::Answer(json(401, r#"{"error":"who?"}"#))).await;
    let failed = run(&journey(""), &context(target(&server.base()))).await;
    check_sane(&failed);
    let listen = step(&failed, "listen");
    assert_eq!(ending(listen), "fail(status): 401");
    assert_eq!(listen.network.http_status, Some(401));
    let hung = Server::start(|_| Behaviour::AnswerAndClose(Vec::new())).await;
    let failed = run(&journey(""), &context(target(&hung.base()))).await;
    assert_eq!(ending(step(&failed, "listen")), "fail(send): closed");
}

#[tokio::test]
async fn a_run_says_goodbye_to_the_sockets_it_leaves_open() {
    let ready = vec![r#"{"type":"ready"}"#.to_owned()];
    let server = SocketServer::start(ready, Then::Echo).await;
    let report = run(&journey(""), &context(target(&server.base()))).await;
    assert_eq!(verdict(&report), "pass");
    let said = async {
        while server.goodbyes.load(Ordering::Relaxed) == 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(2), said)
        .await
        .expect("a close frame comes");
}

#[tokio::test]
async fn a_push_that_beats_the_answer_counts_from_its_own_arrival() {
    let frames = [r#"{"type":"ready"}"#, r#"{"n":3,"text":"hello"}"#];
    let frames = frames.iter().map(|frame| (*frame).to_owned()).collect();
    let socket = SocketServer::start(frames, Then::Echo).await;
    let wait = Duration::from_millis(500);
    let slow = Server::start(move |_| Behaviour::After(wait, json(201, "{}"))).await;
    let keys = format!("base.slow = \"{}\"\nallow_private = true", slow.base());
    let target = target_with(&socket.base(), &keys, None);
    let journey = journey(
        r#"
[[step]]
name = "send"
post = "{{ target.base.slow }}/messages"
headers.idempotency-key = "{{ run.id }}"
[[step]]
name = "receive"
receive = "inbox"
since = "send"
where.json."$.n" = 3
within = "300ms"
slow = "200ms"
"#,
    );
    let report = run(&journey, &context(target)).await;
    check_sane(&report);
    assert_eq!(ending(step(&report, "receive")), "pass");
}
