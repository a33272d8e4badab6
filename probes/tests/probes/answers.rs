//! What an HTTP answer can do to a run, and what the run says of it.

use std::io::{Read as _, Write as _};
use std::sync::{Mutex, mpsc};
use std::time::Duration;

use bongsu_language::Step;
use bongsu_probes::{StepWatch, run, run_watched};

use crate::support::server::{Behaviour, Server, head, json, with_headers};
use crate::support::{check_sane, context, ending, short, step, target, verdict};

const GET: &str = r#"
[[step]]
name = "ask"
get = "/x"
timeout = "400ms"
expect.json."$.id" = "u-users-1"
"#;

/// How the step `ask` ends against a server that behaves so.
async fn check(behaviour: Behaviour, expected: &str) {
    let shown = format!("{behaviour:?}")
        .chars()
        .take(200)
        .collect::<String>();
    let server = Server::start(move |_| behaviour.clone()).await;
    let context = context(target(&server.base()));
    let report = run(&short(GET), &context).await;
    check_sane(&report);
    assert_eq!(ending(step(&report, "ask")), expected, "{shown}");
    assert_eq!(server.seen().len(), 1, "nothing is sent twice: {shown}");
}

async fn brotli(bytes: &[u8]) -> Vec<u8> {
    use tokio::io::AsyncReadExt as _;
    let mut encoder = async_compression::tokio::bufread::BrotliEncoder::new(bytes);
    let mut encoded = Vec::new();
    encoder.read_to_end(&mut encoded).await.unwrap();
    encoded
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[tokio::test]
async fn a_right_answer_passes_however_it_is_sent() {
    let body = br#"{"id":"u-users-1"}"#;
    check(
        Behaviour::Answer(json(200, r#"{"id":"u-users-1"}"#)),
        "pass",
    )
    .await;
    let compressed = with_headers(200, "content-encoding: gzip\r\n", &gzip(body));
    check(Behaviour::Answer(compressed), "pass").await;
    let chunked = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n\
        9\r\n{\"id\":\"u-\r\n9\r\nusers-1\"}\r\n0\r\n\r\n";
    check(Behaviour::Answer(chunked.to_vec()), "pass").await;
    let mut closing = head("connection: close\r\n");
    closing.extend(body);
    check(Behaviour::AnswerAndClose(closing), "pass").await;
}

#[tokio::test]
async fn wrong_answers_have_their_class_and_detail() {
    check(Behaviour::Answer(json(503, "{}")), "fail(status): 503").await;
    check(Behaviour::Answer(json(404, "{}")), "fail(status): 404").await;
    let other = Behaviour::Answer(json(200, r#"{"id":"someone"}"#));
    check(other, "fail(expectation): json $.id").await;
    let no_json = Behaviour::Answer(json(200, "<html>"));
    check(no_json, "fail(expectation): json $.id").await;
    check(
        Behaviour::Answer(b"SSH-2.0-OpenSSH\r\n\r\n".to_vec()),
        "fail(expectation): malformed",
    )
    .await;
    let no_gzip = with_headers(200, "content-encoding: gzip\r\n", b"this is no gzip");
    check(Behaviour::Answer(no_gzip), "fail(expectation): malformed").await;
    let mut no_chunk = head("transfer-encoding: chunked\r\n");
    no_chunk.extend(b"no size\r\n{}\r\n0\r\n\r\n");
    let no_chunk = Behaviour::Answer(no_chunk);
    check(no_chunk, "fail(expectation): malformed").await;
    let unknown = with_headers(200, "content-encoding: zstd\r\n", b"...");
    check(Behaviour::Answer(unknown), "fail(expectation): encoding").await;
}

#[tokio::test]
async fn broken_connections_are_told_apart_from_wrong_answers() {
    check(Behaviour::AnswerAndClose(Vec::new()), "fail(send): closed").await;
    check(Behaviour::Reset(Vec::new()), "fail(send): reset").await;
    let cut = head("content-length: 100\r\n");
    check(Behaviour::AnswerAndClose(cut), "fail(send): closed").await;
}

#[tokio::test]
async fn answers_without_end_or_measure_stop_at_their_cap() {
    let bomb = with_headers(200, "content-encoding: gzip\r\n", &gzip(&vec![0; 50 << 20]));
    check(Behaviour::Answer(bomb), "fail(body_too_large): body").await;
    let bomb = with_headers(
        200,
        "content-encoding: br\r\n",
        &brotli(&vec![0; 50 << 20]).await,
    );
    assert!(bomb.len() < 1024, "{} bytes", bomb.len());
    check(Behaviour::Answer(bomb), "fail(body_too_large): body").await;
    // Proper chunks without end, plain and as ever more streams of zeros.
    let mut chunk = b"1000\r\n".to_vec();
    chunk.extend([b'x'; 0x1000]);
    chunk.extend(b"\r\n");
    let chunked = head("transfer-encoding: chunked\r\n");
    check(
        Behaviour::EndlessAfter(chunked, chunk),
        "fail(body_too_large): body",
    )
    .await;
    // A body that only the end of the connection would end, plain and as one stream of zeros.
    let mut plain = head("");
    plain.extend([b'x'; 4096]);
    check(Behaviour::Endless(plain), "fail(body_too_large): body").await;
    let compressed = gzip(&vec![0; 8 << 20]);
    let mut inflating = head("content-encoding: gzip\r\n");
    inflating.extend(&compressed);
    check(
        Behaviour::Drip(inflating, Duration::from_secs(1)),
        "fail(body_too_large): body",
    )
    .await;
    let nested = with_headers(
        200,
        "content-encoding: gzip\r\ncontent-encoding: gzip\r\n",
        &gzip(&compressed),
    );
    check(Behaviour::Answer(nested), "fail(expectation): encoding").await;
    let listed = with_headers(200, "content-encoding: gzip, gzip\r\n", &gzip(&compressed));
    check(Behaviour::Answer(listed), "fail(expectation): encoding").await;
    let pieces = Server::start(|_| {
        let mut bytes = head("transfer-encoding: chunked\r\n");
        for _ in 0..300 {
            bytes.extend(b"1000\r\n");
            bytes.extend([b'x'; 0x1000]);
            bytes.extend(b"\r\n");
        }
        Behaviour::Answer(bytes)
    })
    .await;
    let report = run(&short(GET), &context(target(&pieces.base()))).await;
    check_sane(&report);
    let ask = step(&report, "ask");
    assert_eq!(ending(ask), "fail(body_too_large): body");
    assert_eq!(ask.network.body_bytes, Some(1 << 20));

    let many: String = (0..10_000).map(|n| format!("x-{n}: y\r\n")).collect();
    check(
        Behaviour::Answer(with_headers(200, &many, b"")),
        "fail(body_too_large): headers",
    )
    .await;
    // The same behind the body, and without end.
    let trailed = [
        head("transfer-encoding: chunked\r\n"),
        b"2\r\n{}\r\n0\r\n".to_vec(),
        many.clone().into_bytes(),
        b"\r\n".to_vec(),
    ];
    check(
        Behaviour::Answer(trailed.concat()),
        "fail(body_too_large): headers",
    )
    .await;
    check(
        Behaviour::EndlessAfter(b"HTTP/1.1 200 OK\r\n".to_vec(), b"x: y\r\n".to_vec()),
        "fail(body_too_large): headers",
    )
    .await;
    let long = format!("x-long: {}\r\n", "y".repeat(200_000));
    check(
        Behaviour::Answer(with_headers(200, &long, b"")),
        "fail(body_too_large): headers",
    )
    .await;
}

#[tokio::test]
async fn slow_answers_end_at_the_deadline() {
    check(Behaviour::Hang, "fail(timeout): first_byte").await;
    let every = Duration::from_millis(20);
    let body = Behaviour::Drip(head("content-length: 1000000\r\n"), every);
    check(body, "fail(timeout): body").await;
    // One byte a second, head included.
    let second = Duration::from_secs(1);
    let byte = Behaviour::Drip(head("content-length: 60\r\n"), second);
    check(byte, "fail(timeout): body").await;
    let byte = Behaviour::Drip(b"H".to_vec(), second);
    check(byte, "fail(timeout): body").await;
    // A head that never ends: its first byte came, its last never will.
    let line = Behaviour::Drip(b"HTTP/1.1 200 OK\r\nx: ".to_vec(), every);
    check(line, "fail(timeout): body").await;
}

#[tokio::test]
async fn phases_say_where_the_time_went() {
    let wait = Duration::from_millis(120);
    let server =
        Server::start(move |_| Behaviour::After(wait, json(200, r#"{"id":"u-users-1"}"#))).await;
    let report = run(&short(GET), &context(target(&server.base()))).await;
    check_sane(&report);
    let ask = step(&report, "ask");
    assert!(ask.phases.wait.unwrap() >= wait, "{ask:#?}");
    assert!(ask.phases.receive.unwrap() < wait, "{ask:#?}");
    assert!(ask.phases.connect.is_some());
    assert_eq!(ask.phases.dns, None, "an address needs no resolving");
    assert_eq!(ask.phases.tls, None);
    assert_eq!(ask.network.http_version.as_deref(), Some("1.1"));
    assert_eq!(ask.network.server_port, Some(server.address.port()));
}

#[tokio::test]
async fn a_redirect_is_a_status_and_is_never_followed() {
    for status in [301, 302, 303, 307, 308] {
        let to = "location: http://169.254.169.254/latest/meta-data\r\n";
        let answer = with_headers(status, to, b"");
        check(
            Behaviour::Answer(answer),
            &format!("fail(status): {status}"),
        )
        .await;
    }
}

#[tokio::test]
async fn requests_say_who_they_are_and_nothing_they_should_not() {
    let server = Server::start(|_| Behaviour::Answer(json(200, r#"{"id":"u-users-1"}"#))).await;
    let journey = short(
        r#"
defaults.headers.authorization = "Bearer {{ token }}"
[[step]]
name = "ask"
get = "/x"
capture.token = { json = "$.id" }
[[step]]
name = "ask again"
get = "/y"
"#,
    );
    let report = run(&journey, &context(target(&server.base()))).await;
    assert_eq!(verdict(&report), "pass");
    let seen = server.seen();
    let first = seen[0].to_ascii_lowercase();
    let agent = format!(
        "user-agent: bongsu/{} (+synthetic)",
        env!("CARGO_PKG_VERSION")
    );
    assert!(first.contains(&agent), "{first}");
    assert!(first.contains("accept-encoding: gzip, br"), "{first}");
    assert!(
        first.contains(&format!("host: {}", server.address)),
        "{first}"
    );
    assert!(!first.contains("authorization"), "{first}");
    assert!(
        seen[1].contains("authorization: Bearer u-users-1"),
        "{}",
        seen[1]
    );
    assert_eq!(
        *server.connections.lock().unwrap(),
        1,
        "one connection for one actor"
    );
    let again = step(&report, "ask again");
    assert_eq!((again.phases.connect, again.phases.dns), (None, None));
    assert!(again.network.peer_address.is_some());
}

#[tokio::test]
async fn cookies_stay_with_their_actor() {
    let server = Server::start(|request| {
        let first = request.starts_with("POST");
        let cookie = if first {
            "set-cookie: sid=abc; Path=/\r\n"
        } else {
            ""
        };
        Behaviour::Answer(with_headers(200, cookie, b"{}"))
    })
    .await;
    let journey = short(
        r#"
actor.guest.account = "pool:users"
[[step]]
name = "log in"
as = "user"
post = "/login"
[[step]]
name = "as user"
as = "user"
get = "/user"
[[step]]
name = "as guest"
as = "guest"
get = "/guest"
"#,
    );
    let report = run(&journey, &context(target(&server.base()))).await;
    assert_eq!(verdict(&report), "pass");
    let seen = server.seen();
    assert!(seen[1].contains("cookie: sid=abc"), "{}", seen[1]);
    assert!(!seen[2].contains("cookie"), "{}", seen[2]);
}

#[tokio::test]
async fn a_failure_leaves_evidence_and_a_pass_leaves_none() {
    let body = format!("{{\"error\":\"{}\"}}", "broken ".repeat(2_000));
    let server = Server::start(move |_| Behaviour::Answer(json(500, &body))).await;
    let report = run(&short(GET), &context(target(&server.base()))).await;
    check_sane(&report);
    let ask = step(&report, "ask");
    let evidence = ask.evidence.as_ref().unwrap();
    assert!(evidence.body_head.starts_with("{\"error\":\"broken"));
    assert_eq!(evidence.body_head.len(), 4096);
    assert!(
        evidence
            .headers
            .iter()
            .any(|(name, _)| name == "content-type")
    );
    assert_eq!(ask.failed_expectations.len(), 2, "{ask:#?}");
    assert!(
        ask.failed_expectations[0].starts_with("status: expected"),
        "{ask:#?}"
    );

    let server = Server::start(|_| Behaviour::Answer(json(200, r#"{"id":"u-users-1"}"#))).await;
    let report = run(&short(GET), &context(target(&server.base()))).await;
    assert_eq!(step(&report, "ask").evidence, None);
}

/// Two steps over one connection; `answers` are given in turn, the last for ever.
async fn over_a_kept_connection(second: &str, answers: Vec<Behaviour>) -> (String, usize, u32) {
    let asked = std::sync::atomic::AtomicUsize::new(0);
    let server = Server::start(move |_| {
        let at = asked.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        answers[at.min(answers.len() - 1)].clone()
    })
    .await;
    let journey = short(&format!(
        "[[step]]\nname = \"first\"\nget = \"/1\"\n[[step]]\nname = \"second\"\n{second}\n"
    ));
    let report = run(&journey, &context(target(&server.base()))).await;
    check_sane(&report);
    let connections = *server.connections.lock().unwrap();
    let ended = ending(step(&report, "second"));
    (ended, server.seen().len(), connections)
}

#[tokio::test]
async fn what_a_kept_connection_took_is_never_sent_again() {
    let ok = || Behaviour::Answer(json(200, "{}"));
    let close = || Behaviour::AnswerAndClose(Vec::new());
    let post = "post = \"/2\"\nheaders.idempotency-key = \"{{ run.id }}\"";
    let cases = [
        // It may have been seen, so that it fails, whatever its method.
        (
            "get = \"/2\"",
            vec![ok(), close(), ok()],
            "fail(send): closed",
            2,
            1,
        ),
        (post, vec![ok(), close(), ok()], "fail(send): closed", 2, 1),
        // So does one that was half answered, and one that got no answer in time.
        (
            "get = \"/2\"",
            vec![
                ok(),
                Behaviour::AnswerAndClose(b"HTTP/1.1 2".to_vec()),
                ok(),
            ],
            "fail(send): closed",
            2,
            1,
        ),
        (
            "get = \"/2\"\ntimeout = \"200ms\"",
            vec![ok(), Behaviour::Hang],
            "fail(timeout): first_byte",
            2,
            1,
        ),
        // What was closed before is not used: nothing can have been seen.
        (
            post,
            vec![Behaviour::AnswerAndClose(json(200, "{}")), ok()],
            "pass",
            2,
            2,
        ),
    ];
    for (second, answers, ended, requests, connections) in cases {
        let shown = format!("{second} {answers:?}");
        let got = over_a_kept_connection(second, answers).await;
        assert_eq!(got, (ended.to_owned(), requests, connections), "{shown}");
    }
}

/// Has the server end its connection while the second step begins: before the runtime looks again.
#[derive(Debug)]
struct Closing {
    close: mpsc::Sender<()>,
    closed: Mutex<mpsc::Receiver<()>>,
}

impl StepWatch for Closing {
    fn begins(&self, step: &Step) {
        if step.index == 1 {
            self.close.send(()).unwrap();
            self.closed.lock().unwrap().recv().unwrap();
        }
    }
}

/// Takes a connection, reads a request from it and answers.
fn answer_one(listener: &std::net::TcpListener) -> std::net::TcpStream {
    let (mut stream, _) = listener.accept().unwrap();
    let mut seen = Vec::new();
    while !seen.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        seen.extend(byte);
    }
    stream.write_all(&json(200, "{}")).unwrap();
    stream
}

#[tokio::test]
async fn a_connection_that_ended_since_the_last_answer_is_not_used() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let ((close, told), (done, closed)) = (mpsc::channel(), mpsc::channel());
    let _server = std::thread::spawn(move || {
        let first = answer_one(&listener);
        told.recv().unwrap();
        drop(first);
        done.send(()).unwrap();
        let _second = answer_one(&listener);
    });
    let closing = Closing {
        close,
        closed: Mutex::new(closed),
    };
    let report = tokio::spawn(async move {
        let journey = short(
            "[[step]]\nname = \"first\"\nget = \"/1\"\n[[step]]\nname = \"second\"\npost = \"/2\"\n",
        );
        let context = context(target(&base));
        run_watched(&journey, &context, &closing).await
    });
    let report = report.await.unwrap();
    assert_eq!(verdict(&report), "pass", "{report:#?}");
    assert!(step(&report, "second").phases.connect.is_some());
}

#[tokio::test]
async fn a_connection_ends_with_its_run() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let ends = tokio::task::spawn_blocking(move || {
        let mut stream = answer_one(&listener);
        // One that stays open is an error instead of a wait.
        stream.set_read_timeout(Some(Duration::from_secs(20)))?;
        stream.read(&mut [0])
    });
    let journey = short("[[step]]\nname = \"ask\"\nget = \"/\"\n");
    let report = run(&journey, &context(target(&base))).await;
    assert_eq!(verdict(&report), "pass", "{report:#?}");
    // The runtime and what the run was given live on.
    assert_eq!(ends.await.unwrap().unwrap(), 0);
}

#[tokio::test]
async fn answers_without_a_body_leave_the_connection_usable() {
    let answers = [
        (
            "head = \"/1\"",
            &b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n"[..],
        ),
        ("get = \"/1\"", b"HTTP/1.1 204 No\r\n\r\n"),
        (
            "get = \"/1\"\nexpect.status = 304",
            b"HTTP/1.1 304 Same\r\ncontent-length: 9\r\ncontent-encoding: gzip\r\n\r\n",
        ),
        (
            "get = \"/1\"",
            b"HTTP/1.1 103 Early\r\nlink: <x>\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n",
        ),
    ];
    for (first, answer) in answers {
        let server = Server::start(move |request| {
            let is_first = request.contains(" /1 ");
            Behaviour::Answer(if is_first {
                answer.to_vec()
            } else {
                json(200, "{}")
            })
        })
        .await;
        let journey = short(&format!(
            "[[step]]\nname = \"first\"\n{first}\n[[step]]\nname = \"second\"\nget = \"/2\"\n"
        ));
        let report = run(&journey, &context(target(&server.base()))).await;
        assert_eq!(verdict(&report), "pass", "{first}: {report:#?}");
        assert_eq!(*server.connections.lock().unwrap(), 1, "{first}");
    }
}
