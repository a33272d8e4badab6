//! HTTP/2: when it is spoken, what its connections can do to a run, and what the run says of it.

use std::io::Write as _;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bongsu_model::RunReport;
use bongsu_probes::run;
use proptest::prelude::*;

use crate::support::http2::{
    Act, ENHANCE_YOUR_CALM, FIRST, INTERNAL_ERROR, NO_ERROR, PROTOCOL_ERROR, REFUSED_STREAM,
    SECOND, Server, answer, bare, block, body, continuation, goaway, head, line, open_head, part,
    ping, reset, settings,
};
use crate::support::server::{self, Behaviour, json};
use crate::support::tls::authority;
use crate::support::{check_sane, context, ending, journey, short, step, target_with, verdict};

const GET: &str = r#"
[[step]]
name = "ask"
get = "/x"
timeout = "400ms"
expect.json."$.id" = "u-users-1"
"#;

const JSON: &[(&str, &str)] = &[("content-type", "application/json")];
const ID: &[u8] = br#"{"id":"u-users-1"}"#;

fn right(stream: u32) -> Act {
    Act::Send(answer(stream, 200, JSON, ID))
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// How the step `ask` ends against a server that does so; nothing is sent twice or left behind.
async fn check(acts: Vec<Act>, expected: &str) -> RunReport {
    check_either(acts, &[expected]).await
}

/// The same where it may end in several ways, by who is faster.
async fn check_either(acts: Vec<Act>, expected: &[&str]) -> RunReport {
    let shown: String = format!("{acts:?}").chars().take(200).collect();
    let server = Server::start(move |_| acts.clone()).await;
    let report = run(&short(GET), &context(server.target())).await;
    check_sane(&report);
    let ended = ending(step(&report, "ask"));
    assert!(
        expected.contains(&ended.as_str()),
        "{ended}, not {expected:?}: {shown}"
    );
    assert_eq!(server.counted(), (1, 1), "nothing is sent twice: {shown}");
    closed(&server).await;
    report
}

/// Waits until the server has no connection left: nothing of a run outlives it.
async fn closed(server: &Server) {
    let gone = async {
        while server.open.load(Ordering::Relaxed) > 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), gone)
        .await
        .expect("every connection ends with its run");
}

#[tokio::test]
async fn the_server_chooses_what_is_spoken() {
    let ours = authority("ours");
    let cases: [(&[&str], Option<&str>, &str); 4] = [
        (&[], None, "pass"),
        (&["http/1.1"], Some("http/1.1"), "pass"),
        (&["http/1.1", "h2"], Some("http/1.1"), "pass"),
        (&["spdy/3"], None, "fail(tls): alpn"),
    ];
    for (alpn, agreed, ended) in cases {
        let acceptor = ours.acceptor("127.0.0.1", 2090, alpn);
        let script = |_: &str| Behaviour::Answer(json(200, r#"{"id":"u-users-1"}"#));
        let server = server::Server::start_with(script, Some(acceptor)).await;
        let base = format!("https://{}", server.address);
        let keys = "allow_private = true\nca = \"ca.pem\"";
        let target = target_with(&base, keys, Some(ours.pem.as_bytes()));
        let report = run(&short(GET), &context(target)).await;
        check_sane(&report);
        let ask = step(&report, "ask");
        assert_eq!(ending(ask), ended, "{alpn:?}");
        assert_eq!(ask.network.tls_next_protocol.as_deref(), agreed, "{alpn:?}");
        let version = (ended == "pass").then_some("1.1");
        assert_eq!(ask.network.http_version.as_deref(), version, "{alpn:?}");
    }
    let report = check(vec![right(FIRST)], "pass").await;
    let ask = step(&report, "ask");
    assert_eq!(ask.network.tls_next_protocol.as_deref(), Some("h2"));
    assert_eq!(ask.network.http_version.as_deref(), Some("2"));
    assert_eq!(ask.network.http_status, Some(200));
    assert!(ask.network.tls_not_after.is_some());
}

#[tokio::test]
async fn a_request_is_said_as_http_2_says_it() {
    let ours = authority("ours");
    let acceptor = ours.acceptor("127.0.0.1", 2090, &["h2", "http/1.1"]);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let serving = async {
        let (stream, _) = listener.accept().await.unwrap();
        let stream = acceptor.accept(stream).await.unwrap();
        let mut connection = h2::server::handshake(stream).await.unwrap();
        let (request, mut respond) = connection.accept().await.unwrap().unwrap();
        let (parts, mut body) = request.into_parts();
        let mut sent = Vec::new();
        let reading = async {
            while let Some(piece) = body.data().await {
                sent.extend(piece.unwrap());
            }
            let done = http::Response::builder().status(201).body(()).unwrap();
            respond.send_response(done, true).unwrap();
        };
        // The connection is driven by being asked for the next request.
        let next = async { connection.accept().await.is_none() };
        let ((), ended) = tokio::join!(reading, next);
        assert!(ended);
        (parts, sent)
    };
    let target = target_with(
        &format!("https://{address}"),
        "allow_private = true\nca = \"ca.pem\"",
        Some(ours.pem.as_bytes()),
    );
    let journey = short(
        "[[step]]\nname = \"ask\"\npost = \"/x?y=1\"\njson = { a = 1 }\n\
         headers.x-own = \"z\"\nexpect.status = 201",
    );
    let context = context(target);
    let ((parts, sent), report) = tokio::join!(serving, async {
        let report = run(&journey, &context).await;
        check_sane(&report);
        report
    });
    assert_eq!(verdict(&report), "pass", "{report:#?}");
    assert_eq!(parts.method, "POST");
    assert_eq!(parts.uri.to_string(), format!("https://{address}/x?y=1"));
    assert_eq!(sent, br#"{"a":1}"#);
    let header = |name: &str| parts.headers.get(name).map(|value| value.to_str().unwrap());
    assert_eq!(header("host"), None);
    assert_eq!(header("connection"), None);
    assert_eq!(header("content-length"), Some("7"));
    assert_eq!(header("accept-encoding"), Some("gzip, br"));
    assert_eq!(header("x-own"), Some("z"));
    assert!(header("user-agent").unwrap().starts_with("bongsu/"));
}

#[tokio::test]
async fn a_right_answer_passes_however_it_is_sent() {
    let gzipped = gzip(ID);
    let encoded = [JSON, &[("content-encoding", "gzip")]].concat();
    check(
        vec![Act::Send(answer(FIRST, 200, &encoded, &gzipped))],
        "pass",
    )
    .await;
    let measured = [JSON, &[("content-length", "18")]].concat();
    check(vec![Act::Send(answer(FIRST, 200, &measured, ID))], "pass").await;
    // An early hint, pings and settings before and in the answer, padding of nothing, trailers.
    let mut frames = head(FIRST, 103, &[("link", "<x>")]);
    frames.extend([ping(), settings(), head(FIRST, 200, JSON)].concat());
    for byte in ID {
        frames.extend([part(FIRST, &[*byte]), part(FIRST, b""), ping()].concat());
    }
    frames.extend(crate::support::http2::frame(
        1,
        5,
        FIRST,
        &line("x-sum", "1"),
    ));
    check(vec![Act::Send(frames)], "pass").await;
}

#[tokio::test]
async fn errors_of_http_2_have_their_class_and_detail() {
    let cut = || Act::Send([head(FIRST, 200, JSON), part(FIRST, &ID[..4])].concat());
    let lie = [JSON, &[("content-length", "99")]].concat();
    let cases = [
        (
            vec![Act::Send(reset(FIRST, INTERNAL_ERROR))],
            "fail(send): rst_stream internal_error",
        ),
        (
            vec![Act::Send(reset(FIRST, REFUSED_STREAM))],
            "fail(send): rst_stream refused_stream",
        ),
        (
            vec![Act::Send(reset(FIRST, 4_000))],
            "fail(send): rst_stream unknown",
        ),
        (
            vec![cut(), Act::Send(reset(FIRST, INTERNAL_ERROR))],
            "fail(send): rst_stream internal_error",
        ),
        // A body is not whole because the server says that there was no error.
        (
            vec![cut(), Act::Send(reset(FIRST, NO_ERROR))],
            "fail(send): rst_stream no_error",
        ),
        // On a new connection nobody can have closed it for idleness.
        (
            vec![Act::Send(goaway(0, NO_ERROR))],
            "fail(send): goaway no_error",
        ),
        (
            vec![Act::Send(goaway(0, ENHANCE_YOUR_CALM))],
            "fail(send): goaway enhance_your_calm",
        ),
        (
            vec![Act::Send(goaway(0, PROTOCOL_ERROR)), Act::Close],
            "fail(send): goaway protocol_error",
        ),
        (vec![Act::Close], "fail(send): closed"),
        (vec![Act::Reset], "fail(send): reset"),
        (vec![cut(), Act::Close], "fail(send): closed"),
        (vec![cut(), Act::Reset], "fail(send): reset"),
        (
            vec![Act::Send(b"HTTP/1.1 400 Bad\r\n\r\n".to_vec())],
            "fail(expectation): malformed",
        ),
        (
            vec![Act::Send(head(FIRST, 200, &[("connection", "close")]))],
            "fail(expectation): malformed",
        ),
        (
            vec![Act::Send(answer(FIRST, 200, &lie, ID))],
            "fail(expectation): malformed",
        ),
        (
            vec![Act::Send(part(FIRST, ID))],
            "fail(expectation): malformed",
        ),
        (vec![Act::Send(bare(FIRST, 503, JSON))], "fail(status): 503"),
        (
            vec![Act::Send(answer(
                FIRST,
                200,
                &[("content-encoding", "gzip")],
                ID,
            ))],
            "fail(expectation): malformed",
        ),
        (
            vec![Act::Send(answer(
                FIRST,
                200,
                &[("content-encoding", "gzip"), ("content-encoding", "gzip")],
                &gzip(&gzip(ID)),
            ))],
            "fail(expectation): encoding",
        ),
        (
            vec![Act::Send(answer(
                FIRST,
                200,
                &[("content-encoding", "zstd")],
                ID,
            ))],
            "fail(expectation): encoding",
        ),
    ];
    for (acts, expected) in cases {
        check(acts, expected).await;
    }
}

#[tokio::test]
async fn answers_without_end_or_measure_stop_at_their_cap() {
    let encoded = [("content-encoding", "gzip")];
    let bomb = answer(FIRST, 200, &encoded, &gzip(&vec![0; 50 << 20]));
    let report = check(vec![Act::Send(bomb)], "fail(body_too_large): body").await;
    assert_eq!(step(&report, "ask").network.body_bytes, Some(1 << 20));
    // Whoever sends more than the window that it was given breaks the protocol; where it is given
    // more of it in time, the cap comes first.
    let endless = Act::Endless(part(FIRST, &[b'x'; 0x4000]));
    let plain = vec![Act::Send(head(FIRST, 200, &[])), endless];
    let ends = ["fail(expectation): malformed", "fail(body_too_large): body"];
    let _ = check_either(plain, &ends).await;
    let server = Server::start(|_| vec![Act::Send(answer(FIRST, 200, &[], &[b'x'; 70_000]))]).await;
    let small = short("[[step]]\nname = \"ask\"\nget = \"/x\"\nmax_body = 65536");
    let report = run(&small, &context(server.target())).await;
    check_sane(&report);
    let ask = step(&report, "ask");
    assert_eq!(ending(ask), "fail(body_too_large): body");
    assert_eq!(ask.network.body_bytes, Some(65_536));

    let many: Vec<_> = (0..200)
        .map(|n| (format!("x-{n}"), "y".to_owned()))
        .collect();
    let lines: Vec<_> = many.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
    check(
        vec![Act::Send(bare(FIRST, 200, &lines))],
        "fail(body_too_large): headers",
    )
    .await;
    // A little over the cap of bytes, far over it, and without end.
    let long = "y".repeat(15_000);
    for times in [5, 40] {
        let mut frames = open_head(FIRST, &block(200, &[]));
        for _ in 0..times {
            frames.extend(continuation(FIRST, &line("x-long", &long)));
        }
        let all = [
            frames,
            crate::support::http2::frame(9, 4, FIRST, &line("x-last", "y")),
        ];
        check(
            vec![Act::Send(all.concat())],
            "fail(body_too_large): headers",
        )
        .await;
    }
    for piece in [line("x-long", &long), Vec::new()] {
        let flood = vec![
            Act::Send(open_head(FIRST, &block(200, &[]))),
            Act::Endless(continuation(FIRST, &piece)),
        ];
        check(flood, "fail(body_too_large): headers").await;
    }
}

#[tokio::test]
async fn slow_answers_and_floods_of_control_frames_end_at_the_deadline() {
    let every = Duration::from_millis(20);
    let start = || Act::Send(head(FIRST, 200, JSON));
    let cases = [
        (vec![], "fail(timeout): first_byte"),
        (vec![Act::Drip(ping(), every)], "fail(timeout): first_byte"),
        (vec![start()], "fail(timeout): body"),
        (
            vec![start(), Act::Drip(part(FIRST, b"x"), every)],
            "fail(timeout): body",
        ),
        (
            vec![Act::Send(open_head(FIRST, &block(200, &[])))],
            "fail(timeout): first_byte",
        ),
        (
            vec![Act::Endless(ping().repeat(100))],
            "fail(timeout): first_byte",
        ),
        (
            vec![Act::Endless(settings().repeat(100))],
            "fail(timeout): first_byte",
        ),
        (
            vec![start(), Act::Endless(ping().repeat(100))],
            "fail(timeout): body",
        ),
    ];
    for (acts, expected) in cases {
        check(acts, expected).await;
    }
}

/// Two steps; the second goes over the first's connection if that can be.
async fn two(
    second: &str,
    script: impl Fn(u32) -> Vec<Act> + Send + Sync + 'static,
) -> (RunReport, (u32, u32)) {
    let server = Server::start(script).await;
    let journey = short(&format!(
        "[[step]]\nname = \"first\"\nget = \"/1\"\n[[step]]\nname = \"second\"\n{second}\n"
    ));
    let report = run(&journey, &context(server.target())).await;
    check_sane(&report);
    closed(&server).await;
    (report, server.counted())
}

const POST: &str = "post = \"/2\"\nheaders.idempotency-key = \"{{ run.id }}\"";

#[tokio::test]
async fn two_requests_of_an_actor_go_over_one_connection() {
    for second in ["get = \"/2\"", POST] {
        let (report, counted) = two(second, |n| vec![right(2 * n - 1)]).await;
        assert_eq!(verdict(&report), "pass", "{second}: {report:#?}");
        assert_eq!(counted, (1, 2), "{second}");
        let [first, second] = [step(&report, "first"), step(&report, "second")];
        assert!(first.phases.connect.is_some() && first.phases.tls.is_some());
        let phases = (second.phases.dns, second.phases.connect, second.phases.tls);
        assert_eq!(phases, (None, None, None));
        assert!(second.phases.wait.is_some() && second.phases.receive.is_some());
        assert_eq!(
            second.network.tls_next_protocol,
            first.network.tls_next_protocol
        );
        assert_eq!(second.network.tls_not_after, first.network.tls_not_after);
        assert_eq!(second.network.http_version.as_deref(), Some("2"));
    }
}

#[tokio::test]
async fn two_actors_and_two_runs_share_no_connection() {
    let server = Server::start(|_| vec![right(FIRST)]).await;
    let both = journey(
        r#"
format = 1
journey = "both"
feature = "talk.message.text"
timeout = "3s"
base = "{{ target.base.api }}"
actor.a.account = "pool:users"
actor.b.account = "pool:users"
[[step]]
name = "ask"
as = ["a", "b"]
get = "/x"
"#,
    );
    let context = context(server.target());
    for runs in 1..=2 {
        let report = run(&both, &context).await;
        check_sane(&report);
        assert_eq!(verdict(&report), "pass", "{report:#?}");
        assert_eq!(server.counted(), (2 * runs, 2 * runs));
        closed(&server).await;
    }
}

#[tokio::test]
async fn a_connection_that_the_server_closed_before_a_request_is_replaced() {
    let scripts: [fn(u32) -> Vec<Act>; 4] = [
        // It says goodbye after its answer, and closes or does not.
        |n| match n {
            1 => vec![right(FIRST), Act::Send(goaway(FIRST, NO_ERROR))],
            _ => vec![right(FIRST)],
        },
        |n| match n {
            1 => vec![right(FIRST), Act::Send(goaway(FIRST, NO_ERROR)), Act::Close],
            _ => vec![right(FIRST)],
        },
        |n| match n {
            1 => vec![right(FIRST), Act::Close],
            _ => vec![right(FIRST)],
        },
        // For a reason of its own.
        |n| match n {
            1 => vec![
                right(FIRST),
                Act::Send(goaway(FIRST, ENHANCE_YOUR_CALM)),
                Act::Close,
            ],
            _ => vec![right(FIRST)],
        },
    ];
    for (at, script) in scripts.into_iter().enumerate() {
        let (report, counted) = two(POST, script).await;
        assert_eq!(verdict(&report), "pass", "{at}: {report:#?}");
        assert_eq!(counted, (2, 2), "{at}");
        let second = step(&report, "second");
        assert!(
            second.phases.connect.is_some(),
            "a new one is told: {at}: {second:#?}"
        );
        assert!(second.phases.tls.is_some(), "{at}");
    }
}

#[tokio::test]
async fn a_goodbye_that_crosses_a_request_is_told_from_one_that_follows_it() {
    // It crosses: the last stream that the server will act upon is the first.
    let (report, counted) = two(POST, |n| match n {
        1 | 3 => vec![right(FIRST)],
        _ => vec![Act::Send(goaway(FIRST, NO_ERROR))],
    })
    .await;
    assert_eq!(verdict(&report), "pass", "{report:#?}");
    assert_eq!(counted, (2, 3));
    assert!(step(&report, "second").phases.connect.is_some());

    // What the server took, refused or broke is never sent again.
    let cases: [(Vec<Act>, &str); 4] = [
        (
            vec![Act::Send(goaway(SECOND, NO_ERROR)), Act::Close],
            "fail(send): closed",
        ),
        (
            vec![Act::Send(goaway(FIRST, INTERNAL_ERROR))],
            "fail(send): goaway internal_error",
        ),
        (
            vec![Act::Send(reset(SECOND, REFUSED_STREAM))],
            "fail(send): rst_stream refused_stream",
        ),
        (vec![Act::Close], "fail(send): closed"),
    ];
    for second in ["get = \"/2\"", POST] {
        for (acts, expected) in &cases {
            let acts = acts.clone();
            let (report, counted) = two(second, move |n| match n {
                1 => vec![right(FIRST)],
                _ => acts.clone(),
            })
            .await;
            assert_eq!(ending(step(&report, "second")), *expected, "{second}");
            assert_eq!(counted, (1, 2), "{expected}");
        }
    }
}

#[tokio::test]
async fn after_a_goodbye_the_answer_that_was_begun_is_read_to_its_end() {
    let frames = [
        head(FIRST, 200, JSON),
        goaway(FIRST, NO_ERROR),
        body(FIRST, ID),
    ];
    check(vec![Act::Send(frames.concat()), Act::Close], "pass").await;
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn phases_add_up_to_the_total_however_the_answer_comes(
        pauses in proptest::collection::vec(0_u64..30, 3),
        noise in 0_usize..3,
        pieces in 1_usize..6,
        is_cut in any::<bool>(),
    ) {
        let pause = |n: usize| Act::Wait(Duration::from_millis(pauses[n]));
        let mut acts = vec![pause(0), Act::Send(ping().repeat(noise)), pause(1)];
        acts.push(Act::Send(head(FIRST, 200, JSON)));
        acts.push(pause(2));
        for piece in ID.chunks(ID.len().div_ceil(pieces)) {
            acts.push(Act::Send(part(FIRST, piece)));
        }
        acts.push(if is_cut { Act::Close } else { Act::Send(body(FIRST, b"")) });
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let report = runtime.block_on(async {
            let server = Server::start(move |_| acts.clone()).await;
            run(&short(GET), &context(server.target())).await
        });
        // It holds the phases against the total.
        check_sane(&report);
        let ask = step(&report, "ask");
        let expected = if is_cut { "fail(send): closed" } else { "pass" };
        prop_assert_eq!(ending(ask), expected);
        prop_assert!(ask.phases.wait.unwrap() >= Duration::from_millis(pauses[0] + pauses[1]));
let answering = ask.phases.wait.unwrap() + ask.phases.receive.unwrap();
        prop_assert!(answering >= Duration::from_millis(pauses.iter().sum()));
    }
}
