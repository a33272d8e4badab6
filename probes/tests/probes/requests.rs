//! What a step sends for its actor, and what it keeps of the answer.

use std::net::Ipv4Addr;

use bongsu_probes::run;

use crate::support::dns::{Answer, Dns};
use crate::support::server::{Behaviour, Server, json, with_headers};
use crate::support::tls::authority;
use crate::support::{
    check_sane, context, ending, journey, short, step, target, target_with, verdict,
};

async fn obliging() -> Server {
    Server::start(|_| Behaviour::Answer(json(200, "{}"))).await
}

#[tokio::test]
async fn an_actors_headers_are_sent_by_it_alone_and_a_steps_own_win() {
    let server = obliging().await;
    let journey = short(
        r#"
actor.user.headers = { x-who = "user", x-token = "{{ token }}", x-over = "actor" }
actor.guest.account = "pool:users"
actor.guest.headers.x-who = "guest {{ login }}"
defaults.headers = { x-who = "anybody", x-all = "all" }
[[step]]
name = "both"
as = ["user", "guest"]
get = "/both"
headers.x-over = "step"
capture.token = { header = "content-type" }
[[step]]
name = "again"
as = "user"
get = "/again"
"#,
    );
    let report = run(&journey, &context(target(&server.base()))).await;
    check_sane(&report);
    assert_eq!(verdict(&report), "pass");
    let seen = server.seen();
    let of = |who: &str| seen.iter().find(|request| request.contains(who));
    let user = of("x-who: user").unwrap();
    let guest = of("x-who: guest users-2").unwrap();
    assert!(!user.contains("x-token"), "it has no token yet: {user}");
    assert!(user.contains("x-over: step") && !user.contains("x-over: actor"));
    assert!(!guest.contains("x-token") && !guest.contains("anybody"));
    assert!(user.contains("x-all: all") && guest.contains("x-all: all"));
    assert!(seen[2].contains("x-token: application/json"), "{}", seen[2]);
    assert!(seen[2].contains("x-over: actor"), "{}", seen[2]);
}

#[tokio::test]
async fn an_actor_without_cookies_sends_none_and_shows_none() {
    let session = "0123456789abcdef0123456789";
    let server = Server::start(move |request| {
        let status = if request.starts_with("GET /b") {
            500
        } else {
            200
        };
        let line = format!("set-cookie: sid={session}; Path=/\r\n");
        Behaviour::Answer(with_headers(status, &line, session.as_bytes()))
    })
    .await;
    let journey = short(
        r#"
actor.user.cookies = false
[[step]]
name = "first"
get = "/a"
capture.sid = { cookie = "sid", secret = true }
[[step]]
name = "second"
get = "/b"
"#,
    );
    let report = run(&journey, &context(target(&server.base()))).await;
    check_sane(&report);
    assert_eq!(ending(step(&report, "second")), "fail(status): 500");
    assert!(!server.seen()[1].contains("cookie"));
    assert!(!format!("{report:?}").contains(session), "{report:#?}");
}

#[tokio::test]
async fn every_kind_of_capture_finds_its_value() {
    let server = Server::start(|request| {
        if request.starts_with("GET /show") {
            return Behaviour::Answer(json(200, "{}"));
        }
        let lines = "content-type: application/json\r\n\
            location: https://app.test/back?state=s&code=a%2Bb%20c#x=1\r\n\
            set-cookie: flavour=old\r\nset-cookie: flavour=oat; Path=/\r\n\
            set-cookie: gone=; Max-Age=0\r\n";
        let body = br#"{"id":9007199254740993,"items":[{"n":1},{"n":2}]}"#;
        Behaviour::Answer(with_headers(200, lines, body))
    })
    .await;
    let journey = short(
        r#"
[[step]]
name = "take"
get = "/take"
capture.id = { json = "$.id" }
capture.last = { json = "$.items[*].n", take = "last" }
capture.count = { json = "$.items[*]", take = "count" }
capture.code = { header = "location", parameter = "code" }
capture.x = { header = "location", parameter = "x" }
capture.host = { header = "location", regex = '^https://([^/]+)' }
capture.flavour = { cookie = "flavour" }
capture.gone = { cookie = "gone", optional = true }
capture.digits = { regex = '"id":(\d{4})' }
capture.took = { time = "total" }
capture.waited = { time = "wait" }
capture.resolved = { time = "dns", optional = true }
capture.cipher = { tls = "cipher", optional = true }
capture.address = { ip = true }
[[step]]
name = "show"
when = "{{ took >= waited and waited > 0 }}"
get = "/show"
query = { id = "{{ id }}", last = "{{ last }}", count = "{{ count }}", code = "{{ code }}", x = "{{ x }}", host = "{{ host }}", flavour = "{{ flavour }}", digits = "{{ digits }}", address = "{{ address }}" }
"#,
    );
    let report = run(&journey, &context(target(&server.base()))).await;
    check_sane(&report);
    assert_eq!(verdict(&report), "pass");
    let seen = server.seen();
    let line = seen[1].lines().next().unwrap();
    assert_eq!(
        line,
        "GET /show?id=9007199254740993&last=2&count=2&code=a%2Bb%20c&x=1&host=app.test\
         &flavour=oat&digits=9007&address=127.0.0.1 HTTP/1.1"
    );
    for (capture, problem) in [
        ("{ cookie = \"gone\" }", "no cookie gone is set"),
        ("{ time = \"dns\" }", "that phase was not gone through"),
        (
            "{ tls = \"version\" }",
            "the connection was not encrypted, or does not say",
        ),
        (
            "{ header = \"location\", parameter = \"nope\" }",
            "header location holds no URL with a parameter nope",
        ),
        (
            "{ header = \"location\", regex = \"^ftp\" }",
            "nothing is found in header location",
        ),
        ("{ header = \"nope\" }", "there is no header nope"),
        (
            "{ json = \"$.items[*].n\", take = \"one\" }",
            "$.items[*].n finds 2 values, one is meant",
        ),
    ] {
        let journey = short(&format!(
            "[[step]]\nname = \"take\"\nget = \"/take\"\ncapture.it = {capture}\n"
        ));
        let report = run(&journey, &context(target(&server.base()))).await;
        let take = step(&report, "take");
        assert_eq!(ending(take), "fail(expectation): capture");
        assert_eq!(
            take.failed_expectations,
            [format!("capture `it`: {problem}")]
        );
    }
}

#[tokio::test]
async fn facts_of_tls_can_be_captured() {
    let ca = authority("test CA");
    let acceptor = ca.acceptor("localhost.test", 2090, &["http/1.1"]);
    let server = Server::start_with(|_| Behaviour::Answer(json(200, "{}")), Some(acceptor)).await;
    let dns = Dns::start(Answer::Address(Ipv4Addr::LOCALHOST)).await;
    let keys = format!("{}\nallow_private = true", dns.key());
    let base = format!("https://localhost.test:{}", server.address.port());
    let journey = short(
        r#"
[[step]]
name = "take"
get = "/take"
capture.version = { tls = "version" }
capture.cipher = { tls = "cipher" }
capture.protocol = { tls = "protocol" }
capture.not_after = { tls = "not_after" }
[[step]]
name = "show"
when = "{{ not_after > now() }}"
get = "/show/{{ version }}/{{ protocol }}/{{ cipher }}"
"#,
    );
    let target = target_with(&base, &keys, Some(ca.pem.as_bytes()));
    let report = run(&journey, &context(target)).await;
    check_sane(&report);
    assert_eq!(verdict(&report), "pass", "{report:#?}");
    let seen = server.seen();
    assert!(
        seen[1].starts_with("GET /show/1.3/http%2F1.1/TLS_AES_"),
        "{}",
        seen[1]
    );
}

#[tokio::test]
async fn a_version_of_ip_is_asked_for_alone() {
    let server = obliging().await;
    let dns = Dns::start(Answer::Address(Ipv4Addr::LOCALHOST)).await;
    let keys = format!("{}\nallow_private = true", dns.key());
    let base = format!("http://api.test:{}", server.address.port());
    for (ip, expected) in [("4", "pass"), ("6", "fail(dns): no_address")] {
        let text = format!(
            "format = 1\njourney = \"short\"\nfeature = \"a\"\ntimeout = \"3s\"\nip = \"{ip}\"\n\
             base = \"{{{{ target.base.api }}}}\"\nactor.user.account = \"pool:users\"\n\
             [[step]]\nname = \"ask\"\nget = \"/x\"\n"
        );
        let report = run(&journey(&text), &context(target_with(&base, &keys, None))).await;
        check_sane(&report);
        assert_eq!(ending(step(&report, "ask")), expected, "ip = {ip}");
    }
}

#[tokio::test]
async fn a_wait_before_a_step_is_none_of_its_time() {
    let server = obliging().await;
    let journey = short(
        "[[step]]\nname = \"first\"\nget = \"/1\"\n\
         [[step]]\nname = \"second\"\nget = \"/2\"\nwait_before = \"700ms\"\nwithin = \"600ms\"\n",
    );
    let report = run(&journey, &context(target(&server.base()))).await;
    check_sane(&report);
    assert_eq!(verdict(&report), "pass", "{report:#?}");
    let (first, second) = (step(&report, "first"), step(&report, "second"));
    let apart = second.started.since(first.ended);
    assert!(apart >= std::time::Duration::from_millis(700), "{apart:?}");

    // The journey's deadline ends the wait; an agent that stops does too. Without a condition such
    // a pause is refused.
    let endless = short(
        "[[step]]\nname = \"first\"\nget = \"/1\"\n\
         [[step]]\nname = \"second\"\nget = \"/2\"\nwhen = \"1 < 2\"\nwait_before = \"1m\"\n",
    );
    let report = run(&endless, &context(target(&server.base()))).await;
    assert_eq!(ending(step(&report, "second")), "fail(timeout): journey");
    let context = context(target(&server.base()));
    let cancel = context.cancel.clone();
    let stopping = async {
        while server.seen().len() < 4 {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
        cancel.cancel();
    };
    let (report, ()) = tokio::join!(run(&endless, &context), stopping);
    assert!(ending(step(&report, "second")).starts_with("blind(interrupted)"));
    assert_eq!(server.seen().len(), 4);
}

#[tokio::test]
async fn a_value_with_a_line_break_never_becomes_a_second_header() {
    let server =
        Server::start(|_| Behaviour::Answer(json(200, r#"{"evil":"a\r\nx-injected: 1"}"#))).await;
    let journey = short(
        r#"
[[step]]
name = "take"
get = "/take"
capture.evil = { json = "$.evil" }
[[step]]
name = "send"
get = "/send"
headers.x-value = "{{ evil }}"
"#,
    );
    let report = run(&journey, &context(target(&server.base()))).await;
    check_sane(&report);
    assert_eq!(
        ending(step(&report, "send")),
        "blind(internal): the value of header `x-value` has a character that no header may have"
    );
    assert_eq!(server.seen().len(), 1, "nothing of it was sent");
}

#[tokio::test]
async fn a_form_has_its_parts_with_their_types_and_sizes() {
    let server = obliging().await;
    let journey = short(
        r#"
[[step]]
name = "upload"
post = "/files"
multipart.caption = "by {{ login }}"
multipart.meta = { json = { n = 1 } }
multipart.photo = { file = "a \"b\".jpg", type = "image/jpeg", size = "3KiB" }
[[step]]
name = "raw"
put = "/raw"
body.base64 = "AAEC"
[[step]]
name = "generated"
put = "/generated"
body = { size = 5000 }
"#,
    );
    let report = run(&journey, &context(target(&server.base()))).await;
    check_sane(&report);
    assert_eq!(verdict(&report), "pass", "{report:#?}");
    let seen = server.seen();
    let run_id = report.facts.id;
    assert!(
        seen[0].contains(&format!(
            "content-type: multipart/form-data; boundary=bongsu-{run_id}-0\r\n"
        )),
        "{}",
        seen[0]
    );
    for part in [
        "content-disposition: form-data; name=\"caption\"\r\n\r\nby users-1\r\n",
        "name=\"meta\"\r\ncontent-type: application/json\r\n\r\n{\"n\":1}\r\n",
        "name=\"photo\"; filename=\"a %22b%22.jpg\"\r\ncontent-type: image/jpeg\r\n\r\n",
    ] {
        assert!(seen[0].contains(part), "{part} in {}", seen[0]);
    }
    assert!(seen[1].contains("content-type: application/octet-stream\r\n"));
    assert!(seen[1].ends_with("\r\n\r\n\u{0}\u{1}\u{2}"), "{}", seen[1]);
    assert!(seen[2].contains("content-length: 5000\r\n"), "{}", seen[2]);
}

#[tokio::test]
async fn everything_that_does_not_hold_is_told_with_what_came() {
    let server =
        Server::start(|_| Behaviour::Answer(json(200, r#"{"a":1,"b":"x","c":[1,2]}"#))).await;
    let journey = short(
        r#"
[[step]]
name = "ask"
get = "/x"
expect.status = 201
expect.header.content-type = { contains = "xml" }
expect.header.etag = { exists = true }
expect.json."$.a" = { is = "string", not = 1 }
expect.json."$['a']" = { min = 2 }
expect.json."$.b" = { in = ["y", "z"], starts_with = "y", matches = '^y$' }
expect.json."$.c[*]" = { count = { min = 3 } }
expect.body = { contains = "nothing like it" }
"#,
    );
    let report = run(&journey, &context(target(&server.base()))).await;
    check_sane(&report);
    let failed = &step(&report, "ask").failed_expectations;
    assert_eq!(failed.len(), 5, "{failed:#?}");
    assert_eq!(failed[0], "status: expected 201, got 200");
    let last = failed[4].strip_prefix("7 more: ").unwrap();
    let all: Vec<&str> = failed[..4]
        .iter()
        .map(String::as_str)
        .chain(last.split("; "))
        .collect();
    for expected in [
        "header content-type: expected something that contains \"xml\", got \"application/json\"",
        "header etag: expected a value, got nothing",
        "json $.a: expected string, got 1",
        "json $['a']: expected at least 2, got 1",
        "json $.a: expected not 1, got 1",
        "json $.b: expected one of \"y\", \"z\", got \"x\"",
        "json $.b: expected something that starts with \"y\", got \"x\"",
        "json $.b: expected something that matches ^y$, got \"x\"",
        "json $.c[*]: expected a count of at least 3, got 2 values",
    ] {
        assert!(all.contains(&expected), "{expected} in {all:#?}");
    }
    assert_eq!(all.len(), 11, "{all:#?}");
}
