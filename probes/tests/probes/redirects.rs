//! Redirects: followed only when told, each hop recorded, and never to where they may not lead.

use std::net::Ipv4Addr;

use bongsu_model::RunReport;
use bongsu_probes::run;

use crate::support::dns::{Answer, Dns};
use crate::support::server::{Behaviour, Server, json, with_headers};
use crate::support::{
    RecordingLog, check_sane, context, ending, short, step, target, target_with, verdict,
};

fn redirect(status: u16, to: &str) -> Behaviour {
    let lines = format!("location: {to}\r\nset-cookie: hop=1; Path=/\r\n");
    Behaviour::Answer(with_headers(status, &lines, b"elsewhere"))
}

fn fine() -> Behaviour {
    Behaviour::Answer(json(200, r#"{"id":"u-users-1"}"#))
}

/// Redirects `/x` to `to` and answers everything else.
async fn server(status: u16, to: &str) -> Server {
    let to = to.to_owned();
    Server::start(move |request| {
        if request.split(' ').nth(1) == Some("/x") {
            redirect(status, &to)
        } else {
            fine()
        }
    })
    .await
}

async fn follow(server: &Server, verb: &str, more: &str) -> RunReport {
    let journey = short(&format!(
        "[[step]]\nname = \"ask\"\n{verb} = \"/x\"\nfollow = 2\nheaders.x-own = \"mine\"\n{more}\n"
    ));
    let report = run(&journey, &context(target(&server.base()))).await;
    check_sane(&report);
    report
}

/// The first line of a request, without the protocol.
fn line(request: &str) -> String {
    let line = request.lines().next().unwrap_or_default();
    line.trim_end_matches(" HTTP/1.1").to_owned()
}

fn body(request: &str) -> &str {
    request.split_once("\r\n\r\n").map_or("", |(_, body)| body)
}

#[tokio::test]
async fn a_redirect_is_followed_when_told_and_every_hop_is_recorded() {
    let server = Server::start(|request| match request.split(' ').nth(1) {
        Some("/x") => redirect(302, "y?a=1#top"),
        Some("/y?a=1") => redirect(307, "/z"),
        _ => fine(),
    })
    .await;
    let more = "expect.json.\"$.id\" = \"u-users-1\"\ncapture.hop = { cookie = \"hop\" }";
    let report = follow(&server, "get", more).await;
    let ask = step(&report, "ask");
    assert_eq!(ending(ask), "pass");
    let lines: Vec<String> = server.seen().iter().map(|seen| line(seen)).collect();
    assert_eq!(lines, ["GET /x", "GET /y?a=1", "GET /z"]);
    let hops: Vec<(u16, String)> = ask
        .redirects
        .iter()
        .map(|hop| (hop.status, hop.url.replace(&server.base(), "")))
        .collect();
    assert_eq!(hops, [(302, "/x".to_owned()), (307, "/y?a=1".to_owned())]);
    let on_the_way: std::time::Duration = ask.redirects.iter().map(|hop| hop.duration).sum();
    assert!(on_the_way <= ask.phases.total(), "{ask:#?}");
    for (n, hop) in ask.redirects.iter().enumerate() {
        assert_eq!(hop.phases.total(), hop.duration, "{hop:?}");
        assert!(hop.phases.wait.is_some(), "{hop:?}");
        assert_eq!(hop.phases.connect.is_some(), n == 0, "{hop:?}");
    }
    assert_eq!(ask.network.url, Some(format!("{}/z", server.base())));
    for request in &server.seen()[1..] {
        assert!(request.contains("x-own: mine"), "{request}");
        assert!(request.contains("cookie: hop=1"), "{request}");
    }
    assert_eq!(*server.connections.lock().unwrap(), 1);
}

#[tokio::test]
async fn the_status_decides_what_becomes_of_method_and_body() {
    let post = "json = { a = 1 }\nside_effect = false";
    for (status, verb, more, expected) in [
        (301, "post", post, "GET /y"),
        (302, "put", post, "GET /y"),
        (303, "post", post, "GET /y"),
        (303, "get", "", "GET /y"),
        (302, "head", "", "HEAD /y"),
        (307, "post", post, "POST /y"),
        (308, "delete", "", "DELETE /y"),
    ] {
        let server = server(status, "/y").await;
        let report = follow(&server, verb, more).await;
        assert_eq!(ending(step(&report, "ask")), "pass", "{status} {verb}");
        let seen = server.seen();
        assert_eq!(line(&seen[1]), expected, "{status} {verb}");
        let is_kept = expected.starts_with("POST");
        assert_eq!(body(&seen[1]), if is_kept { "{\"a\":1}" } else { "" });
        assert_eq!(seen[1].contains("content-type"), is_kept, "{}", seen[1]);
    }
    // What is no redirect, or says not where to, stays an answer.
    for status in [300, 304, 305] {
        let server = server(status, "/y").await;
        let report = follow(&server, "get", "").await;
        let expected = format!("fail(status): {status}");
        assert_eq!(ending(step(&report, "ask")), expected);
        assert_eq!(server.seen().len(), 1);
    }
}

#[tokio::test]
async fn another_origin_gets_nothing_of_the_actors() {
    let other = Server::start(|_| fine()).await;
    let first = server(302, &format!("{}/y", other.base())).await;
    let more =
        "headers.authorization = \"Bearer {{ password }}\"\nheaders.cookie = \"own={{ login }}\"";
    let report = follow(&first, "get", more).await;
    let ask = step(&report, "ask");
    assert_eq!(ending(ask), "pass");
    assert_eq!(ask.network.server_port, Some(other.address.port()));
    let seen = other.seen();
    let lower = seen[0].to_ascii_lowercase();
    for header in ["authorization", "cookie", "x-own"] {
        assert!(!lower.contains(header), "{lower}");
    }
    assert!(lower.contains("user-agent: bongsu/"), "{lower}");

    // A body that would have to go along is not sent there.
    let first = server(307, &format!("{}/y", other.base())).await;
    let report = follow(&first, "post", "json = { password = \"{{ password }}\" }").await;
    assert_eq!(ending(step(&report, "ask")), "fail(redirect_refused): body");
    assert_eq!(other.seen().len(), 1);
}

#[tokio::test]
async fn a_redirect_may_not_lead_where_the_target_does_not_allow() {
    let port = 9;
    for (to, expected) in [
        (
            "http://169.254.169.254/latest/meta-data".to_owned(),
            "metadata_address 169.254.169.254",
        ),
        // The same address in other words.
        (
            "http://2852039166/".to_owned(),
            "metadata_address 169.254.169.254",
        ),
        (
            "http://[::ffff:169.254.169.254]/".to_owned(),
            "metadata_address ::ffff:169.254.169.254",
        ),
        (
            format!("http://elsewhere.example:{port}/"),
            "host `elsewhere.example` is not in `hosts` of target `test`",
        ),
        (
            "//elsewhere.example/".to_owned(),
            "host `elsewhere.example` is not in `hosts` of target `test`",
        ),
        ("file:///etc/passwd".to_owned(), "scheme file"),
        ("http://user:pw@api.test/".to_owned(), "credentials"),
        ("http://[bad/".to_owned(), "location"),
        ("/y\r\nlocation: /z".to_owned(), "location"),
    ] {
        let server = server(302, &to).await;
        let report = follow(&server, "get", "").await;
        let ask = step(&report, "ask");
        assert_eq!(
            ending(ask),
            format!("fail(redirect_refused): {expected}"),
            "{to}"
        );
        assert_eq!(ask.network.http_status, Some(302));
        assert!(ask.redirects.is_empty(), "it was not followed");
        assert_eq!(verdict(&report), "fail(redirect_refused)");
    }
    let loops = server(302, "/x").await;
    let report = follow(&loops, "get", "").await;
    let ask = step(&report, "ask");
    assert_eq!(ending(ask), "fail(redirect_refused): limit 2");
    assert_eq!((ask.redirects.len(), loops.seen().len()), (2, 3));
}

#[tokio::test]
async fn a_name_that_leads_to_the_metadata_address_is_refused() {
    let metadata = Ipv4Addr::new(169, 254, 169, 254);
    let dns = Dns::start(Answer::Address(metadata)).await;
    let server = server(302, "http://metadata.test/latest").await;
    let keys = format!("{}\nallow_private = true", dns.key());
    let journey = short("[[step]]\nname = \"ask\"\nget = \"/x\"\nfollow = 1");
    let report = run(&journey, &context(target_with(&server.base(), &keys, None))).await;
    check_sane(&report);
    let ask = step(&report, "ask");
    assert_eq!(
        ending(ask),
        "fail(redirect_refused): metadata_address 169.254.169.254"
    );
    assert_eq!(ask.redirects.len(), 1, "its name was asked for");
    // Without a redirect it is the name that is wrong.
    let journey = short("[[step]]\nname = \"ask\"\nget = \"http://metadata.test/x\"");
    let report = run(&journey, &context(target_with(&server.base(), &keys, None))).await;
    assert_eq!(
        ending(step(&report, "ask")),
        "fail(dns): metadata_address 169.254.169.254"
    );
}

#[tokio::test]
async fn what_was_done_before_a_redirect_is_still_cleaned_up() {
    let server = Server::start(|request| match line(request).as_str() {
        "POST /x" => redirect(303, "/made"),
        "GET /made" => Behaviour::Answer(json(404, "{}")),
        _ => fine(),
    })
    .await;
    let journey = short(
        "[[step]]\nname = \"make\"\npost = \"/x\"\nfollow = 1\n\
         [[cleanup]]\nname = \"undo\"\ndelete = \"/x\"\n",
    );
    let mut context = context(target(&server.base()));
    context.compensation = std::sync::Arc::new(RecordingLog::default());
    let report = run(&journey, &context).await;
    check_sane(&report);
    assert_eq!(ending(step(&report, "make")), "fail(status): 404");
    assert_eq!(ending(step(&report, "undo")), "pass");
}
