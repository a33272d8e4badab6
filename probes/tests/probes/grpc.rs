//! gRPC: calls by reflection, by a descriptor and of the health check, and what they end as.

use std::sync::Arc;

use bongsu_language::{CheckOptions, Journey, SourceFile, load};
use bongsu_model::RunReport;
use bongsu_probes::run;
use http_body_util::{BodyExt as _, Full};
use prost_reflect::prost::Message as _;
use tonic::body::Body;
use tonic::metadata::MetadataValue;
use tonic::{Response, Status};

use crate::support::grpc::{Reflection, Server, descriptors, order};
use crate::support::{
    SENTINEL, assert_no_secret, check_sane, context, ending, short, step, target_with, verdict,
};

const GET: &str = r#"
[[step]]
name = "get"
grpc = "/shop.v1.Orders/Get"
side_effect = false
timeout = "2s"
headers.x-tenant = "t-{{ user_id }}"
json = { id = "o-1", count = 2 }
"#;

/// A step that names a descriptor, with that descriptor.
fn described(steps: &str) -> Journey {
    let text = format!(
        "format = 1\njourney = \"short\"\nfeature = \"talk.message.text\"\ntimeout = \"3s\"\n\
         base = \"{{{{ target.base.api }}}}\"\nactor.user.account = \"pool:users\"\n{steps}"
    );
    let file = SourceFile::new("journeys/journey.toml", text)
        .with_descriptor("shop.binpb", descriptors().encode_to_vec());
    let mut loaded = load(&[file], CheckOptions::default());
    assert!(!loaded.has_errors(), "{:?}", loaded.diagnostics);
    loaded.journeys.remove(0)
}

async fn ran(server: &Server, journey: &Journey) -> RunReport {
    let report = run(journey, &context(server.target())).await;
    check_sane(&report);
    report
}

#[tokio::test]
async fn a_call_by_reflection_takes_json_and_gives_json() {
    for reflection in [Reflection::V1, Reflection::V1Alpha] {
        let server = Server::start(reflection, |request| {
            assert_eq!(request.get_ref(), b"\x0a\x03o-1\x10\x02");
            Ok(Response::new(order()))
        })
        .await;
        let journey = short(&format!(
            "{GET}{}",
            r#"
expect.grpc_status = "OK"
expect.header.content-type = { starts_with = "application/grpc" }
expect.json."$.total.units" = 900
expect.json."$.total.currency" = "KRW"
capture.line = { json = "$.lines[0]" }
[[step]]
name = "again"
grpc = "/shop.v1.Orders/Get"
side_effect = false
json = { id = "o-1", count = "2" }
expect.json."$.lines" = ["{{ line }}"]
"#
        ));
        let report = ran(&server, &journey).await;
        assert_eq!(verdict(&report), "pass", "{reflection:?} {report:#?}");
        let get = step(&report, "get");
        let phases = get.phases;
        assert!(phases.connect.is_some() && phases.wait.is_some() && phases.receive.is_some());
        assert_eq!(phases.tls, None);
        assert_eq!(get.network.http_version.as_deref(), Some("2"));
        assert!(
            get.network
                .url
                .as_ref()
                .unwrap()
                .ends_with("/shop.v1.Orders/Get")
        );
        // The call has a connection of its own; the second step goes over that of the first and
        // does not ask for the schema again.
        assert_eq!(*server.connections.lock().unwrap(), 2);
        let calls = server.paths();
        let calls = calls.iter().filter(|path| path.ends_with("/Get")).count();
        assert_eq!(calls, 2);
        assert_eq!(step(&report, "again").phases.connect, None);
        let seen = server.seen.lock().unwrap();
        let (_, headers) = seen
            .iter()
            .find(|(path, _)| path.ends_with("/Get"))
            .unwrap();
        assert_eq!(headers["content-type"], "application/grpc");
        assert_eq!(headers["te"], "trailers");
        assert_eq!(headers["x-tenant"], "t-u-users-1");
        let timeout = headers["grpc-timeout"].to_str().unwrap();
        let millis: u64 = timeout.strip_suffix('m').unwrap().parse().unwrap();
        assert!((1..=2000).contains(&millis), "{timeout}");
    }
}

#[tokio::test]
async fn a_descriptor_spares_reflection() {
    let server = Server::start(Reflection::None, |_| Ok(Response::new(order()))).await;
    let journey = described(&format!(
        "{GET}descriptor = \"shop.binpb\"\nexpect.json.\"$.id\" = \"o-1\"\n"
    ));
    let report = ran(&server, &journey).await;
    assert_eq!(verdict(&report), "pass", "{report:#?}");
    assert_eq!(server.paths(), ["/shop.v1.Orders/Get"]);
}

#[tokio::test]
async fn the_health_check_needs_neither_and_expects_serving() {
    for (answer, expected) in [
        (&b"\x08\x01"[..], "pass"),
        (b"\x08\x02", "fail(expectation): json $.status"),
        (b"", "fail(expectation): json $.status"),
    ] {
        let answer = answer.to_vec();
        let server =
            Server::start(Reflection::None, move |_| Ok(Response::new(answer.clone()))).await;
        let report = ran(
            &server,
            &short("[[step]]\nname = \"check\"\ngrpc = \"/grpc.health.v1.Health/Check\"\n"),
        )
        .await;
        assert_eq!(ending(step(&report, "check")), expected);
        assert_eq!(server.paths(), ["/grpc.health.v1.Health/Check"]);
    }
}

#[tokio::test]
async fn over_tls_the_server_must_agree_to_http_2() {
    let server = Server::start_tls(&["h2"], |_| Ok(Response::new(order()))).await;
    let report = ran(&server, &short(GET)).await;
    assert_eq!(verdict(&report), "pass", "{report:#?}");
    let get = step(&report, "get");
    assert_eq!(get.network.tls_next_protocol.as_deref(), Some("h2"));
    assert!(get.phases.tls.is_some());
    for alpn in [&["http/1.1"][..], &[]] {
        let server = Server::start_tls(alpn, |_| Ok(Response::new(order()))).await;
        let report = ran(&server, &short(GET)).await;
        assert_eq!(ending(step(&report, "get")), "fail(tls): alpn", "{alpn:?}");
    }
}

#[tokio::test]
async fn a_status_that_is_not_expected_is_told_with_its_message_and_trailers() {
    let server = Server::start(Reflection::V1, |_| {
        let mut status = Status::not_found("no order o-1 here");
        let value = MetadataValue::try_from("r-77").unwrap();
        status.metadata_mut().insert("x-reason", value);
        Err(status)
    })
    .await;
    let report = ran(&server, &short(GET)).await;
    let get = step(&report, "get");
    assert_eq!(ending(get), "fail(status): NOT_FOUND");
    assert_eq!(
        get.failed_expectations,
        ["grpc_status: expected OK, got NOT_FOUND: no order o-1 here"]
    );
    let evidence = get.evidence.as_ref().unwrap();
    assert!(
        evidence
            .headers
            .contains(&("x-reason".to_owned(), "r-77".to_owned()))
    );

    let expected = r#"
expect.grpc_status = [5, "GONE_IS_NO_STATUS"]
"#
    .replace("GONE_IS_NO_STATUS", "ABORTED");
    let journey = short(&format!(
        "{GET}{expected}expect.header.x-reason = \"r-77\"\ncapture.reason = {{ header = \"x-reason\" }}\n"
    ));
    let report = ran(&server, &journey).await;
    assert_eq!(verdict(&report), "pass", "{report:#?}");
}

#[tokio::test]
async fn what_the_server_does_not_know_is_a_classed_failure() {
    let server = Server::start(Reflection::V1, |_| Ok(Response::new(order()))).await;
    for (was, is, expected, told) in [
        (
            "Orders",
            "Baskets",
            "fail(status): NOT_FOUND",
            "shop.v1.Baskets is not known",
        ),
        (
            "/Get",
            "/Got",
            "fail(expectation): reflection",
            "did you mean `Get`?",
        ),
        ("/Get", "/Watch", "fail(expectation): reflection", "streams"),
        (
            "count = 2",
            "number = 2",
            "fail(expectation): message",
            "number",
        ),
        (
            "count = 2",
            "count = \"two\"",
            "fail(expectation): message",
            "GetRequest",
        ),
    ] {
        let report = ran(&server, &short(&GET.replace(was, is))).await;
        let get = step(&report, "get");
        assert_eq!(ending(get), expected);
        assert!(
            get.failed_expectations[0].contains(told),
            "{:?}",
            get.failed_expectations
        );
    }
    let blind = Server::start(Reflection::None, |_| Ok(Response::new(order()))).await;
    let report = ran(&blind, &short(GET)).await;
    let get = step(&report, "get");
    assert_eq!(ending(get), "fail(status): UNIMPLEMENTED");
    assert!(get.failed_expectations[0].contains("descriptor"));
    assert_eq!(
        blind.paths().len(),
        2,
        "both versions are asked, and nothing else"
    );
}

#[tokio::test]
async fn a_slow_server_is_a_timeout_and_retry_and_poll_ask_again() {
    let held = Arc::new(std::sync::Mutex::new(2));
    let theirs = held.clone();
    let server = Server::start(Reflection::V1, move |_| {
        let mut left = theirs.lock().unwrap();
        if *left > 0 {
            *left -= 1;
            return Err(Status::unavailable("warming up"));
        }
        Ok(Response::new(order()))
    })
    .await;
    let retry = "retry = { times = 2, on = [\"UNAVAILABLE\"] }\n";
    let report = ran(&server, &short(&format!("{GET}{retry}"))).await;
    let get = step(&report, "get");
    assert_eq!((ending(get).as_str(), get.attempts), ("pass", 3));
    assert_eq!(get.earlier_attempts[0].detail, "UNAVAILABLE");

    let asked = std::sync::atomic::AtomicU32::new(0);
    let becoming = Server::start(Reflection::V1, move |_| {
        match asked.fetch_add(1, std::sync::atomic::Ordering::Relaxed) {
            0 => Err(Status::not_found("not yet")),
            1 => Err(Status::unavailable("restarting")),
            _ => Ok(Response::new(order())),
        }
    })
    .await;
    let poll = "poll = { every = \"100ms\", for = \"2s\" }\n";
    let report = ran(&becoming, &short(&format!("{GET}{poll}"))).await;
    let get = step(&report, "get");
    assert_eq!((ending(get).as_str(), get.polls), ("pass", 3));
    let earlier: Vec<&str> = get
        .earlier_attempts
        .iter()
        .map(|e| e.detail.as_str())
        .collect();
    assert_eq!(
        earlier,
        ["UNAVAILABLE"],
        "that it is not there yet is no failure"
    );

    let hanging = Server::start_raw(None, Arc::new(|_| Box::pin(std::future::pending()))).await;
    let journey = described(&format!(
        "{}descriptor = \"shop.binpb\"\n",
        GET.replace("2s", "200ms")
    ));
    let report = run(&journey, &context(hanging.target())).await;
    assert_eq!(ending(step(&report, "get")), "fail(timeout): first_byte");
}

#[tokio::test]
async fn answers_that_are_no_grpc_are_classed() {
    let answer =
        |status: u16, kind: &'static str, body: &'static [u8], grpc: Option<&'static str>| {
            Arc::new(move |_: http::Request<hyper::body::Incoming>| {
                let mut trailers = http::HeaderMap::new();
                if let Some(grpc) = grpc {
                    trailers.insert("grpc-status", grpc.parse().unwrap());
                }
                let body = Full::new(bytes::Bytes::from_static(body))
                    .with_trailers(async move { Some(Ok(trailers)) })
                    .map_err(|never| match never {});
                let response = http::Response::builder()
                    .status(status)
                    .header("content-type", kind)
                    .body(Body::new(body))
                    .unwrap();
                Box::pin(std::future::ready(response))
                    as futures_util::future::BoxFuture<'static, _>
            })
        };
    let grpc = "application/grpc";
    for (answering, expected) in [
        (
            answer(503, "text/html", b"<h1>busy</h1>", None),
            "fail(status): 503",
        ),
        (
            answer(200, "text/html", b"<h1>hello</h1>", Some("0")),
            "fail(expectation): malformed",
        ),
        (
            answer(200, grpc, b"\0\0\0\0\x05o-1", Some("0")),
            "fail(expectation): malformed",
        ),
        (
            answer(200, grpc, b"\0\0\0\0\0", None),
            "fail(expectation): malformed",
        ),
        (
            answer(200, grpc, b"", Some("0")),
            "fail(expectation): malformed",
        ),
        (
            answer(200, grpc, b"\0\0\0\0\0\0\0\0\0\0", Some("0")),
            "fail(expectation): malformed",
        ),
        (
            answer(200, grpc, b"\0\0\0\0\x01\xff", Some("0")),
            "fail(expectation): malformed",
        ),
        (
            answer(200, grpc, b"\x01\0\0\0\x01x", Some("0")),
            "fail(expectation): encoding",
        ),
        (
            answer(200, grpc, &[0; 4096], Some("0")),
            "fail(body_too_large): body",
        ),
        (
            answer(200, grpc, b"\0\0\0\0\x05\x0a\x03o-1", Some("0")),
            "pass",
        ),
        (
            answer(200, grpc, b"", Some("16")),
            "fail(status): UNAUTHENTICATED",
        ),
    ] {
        let server = Server::start_raw(None, answering).await;
        let journey = described(&format!(
            "{GET}descriptor = \"shop.binpb\"\nmax_body = 1024\n"
        ));
        let report = ran(&server, &journey).await;
        assert_eq!(ending(step(&report, "get")), expected);
    }
}

#[tokio::test]
async fn hosts_beyond_the_list_and_private_addresses_are_never_reached() {
    let server = Server::start(Reflection::V1, |_| Ok(Response::new(order()))).await;
    let port = server.address.port();
    let elsewhere = GET.replace("/shop", &format!("http://localhost:{port}/shop"));
    let report = ran(&server, &short(&elsewhere)).await;
    assert!(ending(step(&report, "get")).contains("is not in `hosts`"));
    let public = target_with(&format!("http://127.0.0.1:{port}"), "", None);
    let report = run(&short(GET), &context(public)).await;
    assert!(ending(step(&report, "get")).contains("is private"));
    assert_eq!(*server.connections.lock().unwrap(), 0);
}

#[tokio::test]
async fn no_secret_shows_wherever_the_server_puts_it() {
    let server = Server::start(Reflection::V1, |request| {
        assert!(String::from_utf8_lossy(request.get_ref()).contains(SENTINEL));
        let mut status = Status::internal(format!("bad password {SENTINEL}"));
        status
            .metadata_mut()
            .insert("x-echo", MetadataValue::try_from(SENTINEL).unwrap());
        Err(status)
    })
    .await;
    let secret = GET.replace("count = 2", "note = \"{{ password }}\"");
    let report = ran(&server, &short(&secret)).await;
    assert_eq!(ending(step(&report, "get")), "fail(status): INTERNAL");
    let misfit = GET.replace("count = 2", "count = \"{{ password }}\"");
    let report = ran(&server, &short(&misfit)).await;
    assert_eq!(ending(step(&report, "get")), "fail(expectation): message");
    assert_no_secret(&format!("{report:?}"));
}

#[tokio::test]
async fn what_was_not_called_owes_no_cleanup() {
    let making = r#"
[[step]]
name = "make"
grpc = "/shop.v1.Orders/Get"
json = { id = "o-1" }
[[cleanup]]
name = "undo"
grpc = "/shop.v1.Orders/Get"
json = { id = "o-2" }
"#;
    for (reflection, answer, owed) in [
        (Reflection::None, None, false),
        (Reflection::V1, Some(Status::invalid_argument("no")), false),
        (Reflection::V1, Some(Status::internal("broken")), true),
    ] {
        let server = Server::start(reflection, move |request| {
            let is_undo = request.get_ref().ends_with(b"o-2");
            match &answer {
                Some(status) if !is_undo => Err(status.clone()),
                _ => Ok(Response::new(order())),
            }
        })
        .await;
        let report = run(&short(making), &context(server.target())).await;
        let undone = report.steps.iter().any(|step| step.name == "undo");
        assert_eq!(undone, owed, "{reflection:?}");
    }
}

#[tokio::test]
async fn times_addresses_and_tls_are_captured_of_a_call_as_of_any_request() {
    let server = Server::start_tls(&["h2"], |_| Ok(Response::new(order()))).await;
    let journey = short(&format!(
        "{GET}{}",
        r#"
capture.took = { time = "total" }
capture.connected = { time = "connect" }
capture.shaken = { time = "tls" }
capture.waited = { time = "wait" }
capture.received = { time = "receive" }
capture.resolved = { time = "dns", optional = true }
capture.address = { ip = true }
capture.version = { tls = "version" }
capture.cipher = { tls = "cipher" }
capture.protocol = { tls = "protocol" }
capture.ends = { tls = "not_after" }
[[step]]
name = "tell"
grpc = "/shop.v1.Orders/Get"
side_effect = false
json = { id = "o-1", count = 2 }
headers.x-times = "{{ took }} {{ connected }} {{ shaken }} {{ waited }} {{ received }}"
headers.x-tls = "{{ version }} {{ cipher }} {{ protocol }} {{ ends }}"
headers.x-address = "{{ address }}"
capture.again = { tls = "protocol" }
capture.there = { ip = true }
[[step]]
name = "unset"
grpc = "/shop.v1.Orders/Get"
side_effect = false
json = { id = "{{ again }} {{ there }}", count = 2 }
capture.connected = { time = "connect" }
"#
    ));
    let report = ran(&server, &journey).await;
    assert_eq!(ending(step(&report, "tell")), "pass", "{report:#?}");
    let seen = server.seen.lock().unwrap();
    let told = |name: &str| {
        let mut all = seen.iter().filter_map(|(_, headers)| headers.get(name));
        all.next().unwrap().to_str().unwrap().to_owned()
    };
    let get = step(&report, "get");
    let times = told("x-times");
    let times: Vec<f64> = times.split(' ').map(|time| time.parse().unwrap()).collect();
    let [total, parts @ ..] = times.as_slice() else {
        panic!("{times:?}")
    };
    assert!(
        (parts.iter().sum::<f64>() - total).abs() < 1e-6,
        "{times:?}"
    );
    let phase = |phase: Option<std::time::Duration>| phase.unwrap().as_secs_f64();
    assert!(
        (times[1] - phase(get.phases.connect)).abs() < 1e-6,
        "{times:?}"
    );
    assert!((times[2] - phase(get.phases.tls)).abs() < 1e-6, "{times:?}");
    assert_eq!(told("x-address"), "127.0.0.1");
    let tls = told("x-tls");
    let words: Vec<&str> = tls.split(' ').collect();
    assert_eq!((words[0], words[2]), ("1.3", "h2"), "{tls}");
    assert!(words[1].starts_with("TLS_"), "{tls}");
    let ends = get.network.tls_not_after.unwrap().as_unix_nanos() / 1_000_000_000;
    assert_eq!(words[3], ends.to_string());
    // Over the connection that is open already the address and TLS are known; a time is not.
    let unset = step(&report, "unset");
    assert_eq!(ending(unset), "fail(expectation): capture");
    let expected = "capture `connected`: that phase was not gone through";
    assert_eq!(unset.failed_expectations, [expected]);
}

#[tokio::test]
async fn a_call_without_tls_has_no_facts_of_it() {
    let server = Server::start(Reflection::V1, |_| Ok(Response::new(order()))).await;
    for (capture, told) in [
        (
            "{ tls = \"version\" }",
            "the connection was not encrypted, or does not say",
        ),
        ("{ time = \"tls\" }", "that phase was not gone through"),
    ] {
        let report = ran(&server, &short(&format!("{GET}capture.x = {capture}\n"))).await;
        let get = step(&report, "get");
        assert_eq!(ending(get), "fail(expectation): capture", "{capture}");
        assert_eq!(get.failed_expectations, [format!("capture `x`: {told}")]);
    }
    // The address is there also where the answer is an error.
    let refusing = Server::start(Reflection::V1, |_| Err(Status::not_found("no"))).await;
    let more = "expect.grpc_status = \"NOT_FOUND\"\ncapture.at = { ip = true }\n\
                capture.took = { time = \"total\" }\n";
    let report = ran(&refusing, &short(&format!("{GET}{more}"))).await;
    assert_eq!(verdict(&report), "pass", "{report:#?}");
}
