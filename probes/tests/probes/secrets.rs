//! A secret reaches the platform it belongs to and nothing else, whatever the platform does.

use std::sync::atomic::{AtomicUsize, Ordering};

use bongsu_probes::run;

use crate::support::server::{Behaviour, Server, json, with_headers};
use crate::support::{
    SENTINEL, assert_no_secret, check_sane, context, ending, short, step, target,
};

/// A server that sends the request's own text back, in every way it can.
async fn echo(status: u16) -> Server {
    Server::start(move |request| {
        let line = request.lines().next().unwrap_or_default().to_owned();
        let body = request
            .split("\r\n\r\n")
            .nth(1)
            .unwrap_or_default()
            .to_owned();
        let headers = format!(
            "x-echo: {line}\r\nset-cookie: sid={}\r\nx-password: {SENTINEL}\r\n",
            "a-cookie"
        );
        let filler = "f".repeat(4_080);
        let echoed = format!("{{\"you\":\"{SENTINEL}\"}} {body} {line} {filler}{SENTINEL}");
        Behaviour::Answer(with_headers(status, &headers, echoed.as_bytes()))
    })
    .await
}

#[tokio::test]
async fn no_secret_is_in_a_report_in_no_encoding() {
    let steps = [
        r#"post = "/x"
headers.idempotency-key = "{{ run.id }}"
json = { password = "{{ password }}" }"#,
        r#"get = "/x/{{ password }}""#,
        r#"get = "/x"
query = { password = "{{ password }}", basic = "{{ password | b64 }}" }"#,
        r#"post = "/x"
headers.idempotency-key = "{{ run.id }}"
form = { password = "{{ password }}" }"#,
        r#"get = "/x"
headers.x-password = "{{ password }}"
expect.body = "{{ password }}""#,
        r#"get = "/x"
expect.json."$.you" = "{{ password }}""#,
    ];
    for status in [200, 500] {
        for text in steps {
            let server = echo(status).await;
            let journey = short(&format!("[[step]]\nname = 'ask {SENTINEL}'\n{text}\n"));
            let report = run(&journey, &context(target(&server.base()))).await;
            check_sane(&report);
            assert_eq!(server.seen().len(), 1, "{text}: {report:#?}");
            assert_no_secret(&format!("{report:#?}"));
            let ask = step(&report, "ask ***");
            if let Some(evidence) = &ask.evidence {
                let shown = |name: &str| {
                    let found = evidence.headers.iter().find(|(header, _)| header == name);
                    found.unwrap().1.clone()
                };
                assert_eq!(shown("set-cookie"), "***");
                assert_eq!(shown("x-password"), "***");
            }
        }
    }
}

#[tokio::test]
async fn what_is_captured_as_secret_is_taken_out_of_earlier_steps_too() {
    let server = Server::start(|request| {
        if request.starts_with("POST") {
            let body = r#"{"token":"captured-sentinel"}"#;
            return Behaviour::Answer(with_headers(200, "", body.as_bytes()));
        }
        let body = format!("no such thing: {request}");
        Behaviour::Answer(with_headers(404, "", body.as_bytes()))
    })
    .await;
    let journey = short(
        r#"
[[step]]
name = "sign in"
post = "/in"
headers.idempotency-key = "{{ run.id }}"
capture.token = { json = "$.token", secret = true }
[[step]]
name = "ask"
get = "/x/{{ token }}"
"#,
    );
    let report = run(&journey, &context(target(&server.base()))).await;
    let ask = step(&report, "ask");
    assert_eq!(ending(ask), "fail(status): 404");
    assert!(
        ask.network.url.as_ref().unwrap().ends_with("/x/***"),
        "{ask:#?}"
    );
    assert!(!format!("{report:#?}").contains("captured-sentinel"));
}

#[tokio::test]
async fn nothing_that_can_be_printed_shows_a_secret() {
    let context = context(target("http://127.0.0.1:9"));
    assert_no_secret(&format!("{context:#?}"));
}

#[tokio::test]
async fn a_cut_through_an_encoded_secret_leaves_nothing_of_it() {
    // The sentinel in Base64.
    let basic = "c2VudGluZWwvc2VjcmV0K29mPXRoZSB0ZXN0".to_owned();
    let percent =
        percent_encoding::utf8_percent_encode(SENTINEL, percent_encoding::NON_ALPHANUMERIC)
            .to_string();
    // A mismatch shows 120 characters: each is cut at its 10th.
    for (secret, begins) in [
        (basic, "c2Vu"),
        (percent, "sent"),
        (SENTINEL.to_owned(), "sent"),
    ] {
        let body = format!("{{\"x\":\"{}{secret}\"}}", "f".repeat(108));
        let server = Server::start(move |_| Behaviour::Answer(json(200, &body))).await;
        let journey = short(
            "[[step]]\nname = \"ask\"\nget = \"/x\"\nmax_body = 9999\n\
             expect.json.\"$.x\" = \"other\"\n",
        );
        let report = run(&journey, &context(target(&server.base()))).await;
        let shown = step(&report, "ask").failed_expectations.join("\n");
        assert!(shown.contains("fff***"), "{shown}");
        assert!(!format!("{report:#?}").contains(begins), "{report:#?}");
    }
}

#[tokio::test]
async fn a_session_cookie_that_a_body_repeats_is_taken_out() {
    let session = "0123456789abcdef0123456789abcdef";
    let server = Server::start(move |_| {
        let headers = format!("set-cookie: sid={session}\r\nset-cookie: lang=ko\r\n");
        let body = format!("your session is {session}, ko");
        Behaviour::Answer(with_headers(500, &headers, body.as_bytes()))
    })
    .await;
    let journey = short("[[step]]\nname = \"ask\"\nget = \"/x\"\n");
    let report = run(&journey, &context(target(&server.base()))).await;
    let evidence = step(&report, "ask").evidence.clone().unwrap();
    assert_eq!(evidence.body_head, "your session is ***, ko");
}

#[tokio::test]
async fn a_session_cookie_that_is_there_no_more_is_taken_out_too() {
    let session = |n: usize| format!("0123456789abcdef-{n:04}");
    // The first is replaced, the second deleted, the third refused as soon as it comes.
    for last in [
        format!(
            "sid={}; Path=/\r\nset-cookie: sid=; Path=/; Max-Age=0",
            session(2)
        ),
        format!("sid={}; Path=/; Max-Age=0", session(3)),
    ] {
        let asked = AtomicUsize::new(0);
        let server = Server::start(move |_| {
            if asked.fetch_add(1, Ordering::SeqCst) == 0 {
                let first = format!("set-cookie: sid={}; Path=/\r\n", session(1));
                return Behaviour::Answer(with_headers(200, &first, b"{}"));
            }
            let body = [1, 2, 3].map(session).join(", ");
            let last = format!("set-cookie: {last}\r\n");
            Behaviour::Answer(with_headers(500, &last, body.as_bytes()))
        })
        .await;
        let journey = short(
            "[[step]]\nname = \"sign in\"\nget = \"/x\"\n[[step]]\nname = \"ask\"\nget = \"/x\"\n",
        );
        let report = run(&journey, &context(target(&server.base()))).await;
        let evidence = step(&report, "ask").evidence.clone().unwrap();
        assert!(evidence.body_head.starts_with("***, "), "{evidence:?}");
        let shown = evidence.body_head.matches("***").count();
        assert_eq!(shown, 2, "{evidence:?}");
    }
}

#[tokio::test]
async fn a_secret_that_could_not_be_captured_is_in_no_evidence() {
    let token = "a-fresh-session-token";
    let captured = format!("{{\"token\":\"{token}\"}}");
    let elsewhere = format!("{{\"data\":{{\"token\":\"{token}\"}}}}");
    let mut broken = crate::support::server::head("content-length: 999\r\n");
    broken.extend_from_slice(captured.as_bytes());
    let cases = [
        // A wrong status, for which the capture is of no use.
        (Behaviour::Answer(json(202, &captured)), "***"),
        (Behaviour::Answer(json(500, &captured)), "***"),
        (Behaviour::Answer(json(200, &elsewhere)), "(not shown"),
        (Behaviour::AnswerAndClose(broken), "(not shown"),
        // A refusal is shown: it is what the reader needs.
        (
            Behaviour::Answer(json(401, "{\"error\":\"wrong\"}")),
            "wrong",
        ),
    ];
    for (behaviour, shown) in cases {
        let server = Server::start(move |_| behaviour.clone()).await;
        let journey = short(
            "[[step]]\nname = \"ask\"\nget = \"/x\"\nexpect.status = 200\n\
             capture.token = { json = \"$.token\", secret = true }\n",
        );
        let report = run(&journey, &context(target(&server.base()))).await;
        let evidence = step(&report, "ask").evidence.clone().unwrap();
        assert!(evidence.body_head.contains(shown), "{evidence:?}");
        assert!(!format!("{report:#?}").contains(token), "{report:#?}");
    }
}

#[tokio::test]
async fn what_an_earlier_attempt_was_given_is_taken_out_of_a_later_one() {
    let attempts = AtomicUsize::new(0);
    let server = Server::start(move |_| {
        let is_first = attempts.fetch_add(1, Ordering::Relaxed) == 0;
        Behaviour::Answer(if is_first {
            json(503, r#"{"token":"first-token-of-all"}"#)
        } else {
            json(
                200,
                r#"{"token":"second-token","was":"first-token-of-all"}"#,
            )
        })
    })
    .await;
    let journey = short(
        r#"
[[step]]
name = "ask"
get = "/x"
retry = { times = 1, on = ["503"] }
capture.token = { json = "$.token", secret = true }
expect.json."$.was" = "another"
"#,
    );
    let report = run(&journey, &context(target(&server.base()))).await;
    check_sane(&report);
    let ask = step(&report, "ask");
    assert_eq!((ask.attempts, server.seen().len()), (2, 2));
    assert_eq!(ending(ask), "fail(expectation): json $.was");
    let shown = format!("{report:#?}");
    for token in ["first-token", "second-token"] {
        assert!(!shown.contains(token), "{shown}");
    }
}
