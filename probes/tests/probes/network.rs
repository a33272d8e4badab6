//! Names, addresses, connections and certificates: what fails, what is refused, who is blamed.

use std::net::Ipv4Addr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bongsu_model::{BlindReason, Clock, Monotonic, Timestamp};
use bongsu_probes::{Link, SelfCheck, Target, run};
use futures_util::future::BoxFuture;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use crate::support::dns::{Answer, Dns};
use crate::support::server::{Behaviour, Server, json, refusing};
use crate::support::tls::authority;
use crate::support::{
    Guilty, check_sane, context, ending, short, step, target, target_of, target_with, verdict,
};

const GET: &str = r#"
[[step]]
name = "ask"
get = "/x"
"#;

async fn ends(base: &str, keys: &str) -> String {
    let context = context(target_with(base, keys, None));
    let report = run(&short(GET), &context).await;
    check_sane(&report);
    ending(step(&report, "ask"))
}

#[tokio::test]
async fn names_that_do_not_resolve_say_why() {
    for (code, detail) in [(3, "nxdomain"), (2, "servfail"), (5, "refused")] {
        let dns = Dns::start(Answer::Code(code)).await;
        let ended = ends("http://api.test:9", &dns.key()).await;
        assert_eq!(ended, format!("fail(dns): {detail}"));
    }
    let dns = Dns::start(Answer::Code(0)).await;
    assert_eq!(
        ends("http://api.test:9", &dns.key()).await,
        "fail(dns): no_address"
    );
}

#[tokio::test]
async fn a_silent_resolver_ends_at_the_deadline() {
    let dns = Dns::start(Answer::Silence).await;
    let context = context(target_with("http://api.test:9", &dns.key(), None));
    let journey = short("[[step]]\nname = \"ask\"\nget = \"/x\"\ntimeout = \"300ms\"");
    let report = run(&journey, &context).await;
    check_sane(&report);
    assert_eq!(ending(step(&report, "ask")), "fail(dns): timeout");
    // Where the journey's own budget is the smaller one, the journey is out of time.
    let journey = short("[[step]]\nname = \"ask\"\nget = \"/x\"\ntimeout = \"9s\"");
    let report = run(&journey, &context).await;
    check_sane(&report);
    let ended = ending(step(&report, "ask"));
    assert!(
        ["fail(timeout): journey", "fail(dns): timeout"].contains(&ended.as_str()),
        "{ended}"
    );
}

#[tokio::test]
async fn a_resolved_name_is_reached_and_its_address_recorded() {
    let server = Server::start(|_| Behaviour::Answer(json(200, "{}"))).await;
    let dns = Dns::start(Answer::Address(Ipv4Addr::LOCALHOST)).await;
    let base = format!("http://api.test:{}", server.address.port());
    let keys = format!("{}\nallow_private = true", dns.key());
    let report = run(&short(GET), &context(target_with(&base, &keys, None))).await;
    check_sane(&report);
    let ask = step(&report, "ask");
    assert_eq!(ending(ask), "pass");
    assert!(ask.phases.dns.is_some());
    assert_eq!(ask.network.dns_answers, [Ipv4Addr::LOCALHOST]);
    assert_eq!(ask.network.peer_address, Some(Ipv4Addr::LOCALHOST.into()));
    assert_eq!(ask.network.server_address.as_deref(), Some("api.test"));
}

#[tokio::test]
async fn private_addresses_are_refused_after_resolving() {
    let server = Server::start(|_| Behaviour::Answer(json(200, "{}"))).await;
    for address in [Ipv4Addr::LOCALHOST, Ipv4Addr::new(169, 254, 169, 254)] {
        let dns = Dns::start(Answer::Address(address)).await;
        let base = format!("http://api.test:{}", server.address.port());
        let ended = ends(&base, &dns.key()).await;
        let expected = format!(
            "fail(dns): private_address {address}, and target `test` has no `allow_private`"
        );
        assert_eq!(ended, expected);
    }
    // An address in the profile itself is a mistake of ours.
    let ended = ends(&server.base(), "").await;
    assert!(
        ended.starts_with("blind(internal): address 127.0.0.1 is private"),
        "{ended}"
    );
    assert!(server.seen().is_empty());
}

#[tokio::test]
async fn no_dress_of_a_private_address_reaches_it_by_no_verb() {
    let server = Server::start(|_| Behaviour::Answer(json(200, "{}"))).await;
    let port = server.address.port();
    let steps = [
        GET,
        "[[step]]\nname = \"ask\"\nws = \"{{ target.ws.api }}/x\"\nsocket = \"s\"\n",
        "[[step]]\nname = \"ask\"\ngrpc = \"/grpc.health.v1.Health/Check\"\n",
    ];
    for dress in [
        "::1",
        "::ffff:127.0.0.1",
        "::127.0.0.1",
        "64:ff9b::127.0.0.1",
        "64:ff9b::169.254.169.254",
        "2002:7f00:1::1",
        "fd00:ec2::254",
    ] {
        let address: std::net::Ipv6Addr = dress.parse().unwrap();
        let dns = Dns::start(Answer::Address6(address)).await;
        for step_text in steps {
            // By a name that leads to it.
            let base = format!("http://api.test:{port}");
            let target = target_with(&base, &dns.key(), None);
            let report = run(&short(step_text), &context(target)).await;
            let ended = ending(step(&report, "ask"));
            let expected = format!("fail(dns): private_address {address},");
            assert!(ended.starts_with(&expected), "{dress}: {ended}");
            // By itself, where the profile names it and yet does not allow private addresses.
            let base = format!("http://[{address}]:{port}");
            let target = target_of(&base, &format!("hosts = [\"{address}\"]"), "", None);
            let report = run(&short(step_text), &context(target)).await;
            let ended = ending(step(&report, "ask"));
            let expected = format!("blind(internal): address {address} is private");
            assert!(ended.starts_with(&expected), "{dress}: {ended}");
        }
    }
    assert!(server.seen().is_empty());
    assert_eq!(*server.connections.lock().unwrap(), 0);
}

#[tokio::test]
async fn hosts_outside_the_allow_list_are_never_even_resolved() {
    let dns = Dns::start(Answer::Address(Ipv4Addr::LOCALHOST)).await;
    let keys = format!("{}\nallow_private = true", dns.key());
    let target = target_with("http://api.test:9", &keys, None);
    let journey = short("[[step]]\nname = \"ask\"\nget = \"http://elsewhere.example:9/x\"");
    let report = run(&journey, &context(target)).await;
    check_sane(&report);
    let ended = ending(step(&report, "ask"));
    assert_eq!(
        ended,
        "blind(internal): host `elsewhere.example` is not in `hosts` of target `test`"
    );
}

#[tokio::test]
async fn refused_connections_are_charged_to_connect() {
    let base = format!("http://{}", refusing().await);
    let ended = ends(&base, "allow_private = true").await;
    assert_eq!(ended, "fail(connect): refused");
}

#[tokio::test]
async fn certificates_are_always_verified() {
    let ours = authority("ours");
    let foreign = authority("foreign");
    let dns = Dns::start(Answer::Address(Ipv4Addr::LOCALHOST)).await;
    let keys = format!("{}\nallow_private = true\nca = \"ca.pem\"", dns.key());
    let cases = [
        (ours.acceptor("api.test", 2090, &[]), "pass"),
        (
            ours.acceptor("other.test", 2090, &[]),
            "fail(tls): wrong_name",
        ),
        (ours.acceptor("api.test", 2001, &[]), "fail(tls): expired"),
        (
            foreign.acceptor("api.test", 2090, &[]),
            "fail(tls): unknown_issuer",
        ),
    ];
    for (acceptor, expected) in cases {
        let server =
            Server::start_with(|_| Behaviour::Answer(json(200, "{}")), Some(acceptor)).await;
        let base = format!("https://api.test:{}", server.address.port());
        let target = target_with(&base, &keys, Some(ours.pem.as_bytes()));
        let report = run(&short(GET), &context(target)).await;
        check_sane(&report);
        let ask = step(&report, "ask");
        assert_eq!(ending(ask), expected);
        assert!(ask.phases.tls.is_some());
        if expected == "pass" {
            assert_eq!(ask.network.tls_version.as_deref(), Some("1.3"));
            assert!(
                ask.network
                    .tls_cipher
                    .as_ref()
                    .unwrap()
                    .starts_with("TLS_AES_")
            );
            let end = Timestamp::from_unix_seconds(3_786_912_000);
            assert_eq!(ask.network.tls_not_after, Some(end));
        } else {
            assert!(
                server.seen().is_empty(),
                "nothing is sent over a bad session"
            );
        }
    }
    // A plain server where TLS is expected.
    let plain = Server::start(|_| Behaviour::Answer(json(200, "{}"))).await;
    let base = format!("https://api.test:{}", plain.address.port());
    let ended = ends(&base, &format!("{}\nallow_private = true", dns.key())).await;
    assert!(ended.starts_with("fail("), "{ended}");
}

#[tokio::test]
async fn an_agent_that_is_itself_at_fault_is_blind_and_not_the_platform_down() {
    let guilty = Arc::new(Guilty::default());
    let base = format!("http://{}", refusing().await);
    let mut context = context(target(&base));
    context.self_check = guilty.clone();
    let before = context.clock.monotonic();
    let report = run(&short(GET), &context).await;
    let after = context.clock.monotonic();
    assert_eq!(verdict(&report), "blind(egress)");
    assert_eq!(ending(step(&report, "ask")), "blind(egress): refused");
    let asked = std::mem::take(&mut *guilty.0.lock().unwrap());
    assert!(
        asked.len() == 1 && before <= asked[0] && asked[0] <= after,
        "{asked:?}"
    );

    // A wrong answer needs a working network: nothing is asked, nothing excused.
    let server = Server::start(|_| Behaviour::Answer(json(500, "{}"))).await;
    context.target = Arc::new(target(&server.base()));
    let report = run(&short(GET), &context).await;
    assert_eq!(verdict(&report), "fail(status)");
    assert_eq!(*guilty.0.lock().unwrap(), []);
}

/// A self-check that never comes to an end.
#[derive(Debug)]
struct Endless;

impl SelfCheck for Endless {
    fn own_fault(&self, _: Monotonic) -> BoxFuture<'_, Option<BlindReason>> {
        Box::pin(std::future::pending())
    }
}

#[tokio::test]
async fn a_self_check_that_is_cut_short_proves_nothing_of_the_platform() {
    let base = format!("http://{}", refusing().await);
    let mut context = context(target(&base));
    context.self_check = Arc::new(Endless);
    let report = run(&short(GET), &context).await;
    check_sane(&report);
    assert_eq!(verdict(&report), "blind(starved)");
}

/// A server behind TLS that sends `answer` and then what is no part of the encryption.
async fn garbled(acceptor: tokio_rustls::TlsAcceptor, answer: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let mut stream = acceptor.accept(stream).await.unwrap();
        let mut asked = [0; 4096];
        assert!(stream.read(&mut asked).await.unwrap() > 0);
        stream.write_all(answer.as_bytes()).await.unwrap();
        stream.flush().await.unwrap();
        let no_record = b"\x17\x03\x03\x00\x1eas many bytes as it says it has";
        let (socket, _) = stream.get_mut();
        socket.write_all(no_record).await.unwrap();
        // It stays open: what fails is not its end.
        std::future::pending::<()>().await;
    });
    format!("https://api.test:{port}")
}

#[tokio::test]
async fn encryption_that_breaks_is_a_broken_connection_and_no_malformed_answer() {
    let authority = authority("garbled");
    for answer in [
        "",
        "HTTP/1.1 200 OK\r\ncontent-le",
        "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\nhalf\r\n",
    ] {
        let dns = Dns::start(Answer::Address(Ipv4Addr::LOCALHOST)).await;
        let acceptor = authority.acceptor("api.test", 4000, &["http/1.1"]);
        let base = garbled(acceptor, answer).await;
        let keys = format!("allow_private = true\n{}", dns.key());
        let target = target_with(&base, &keys, Some(authority.pem.as_bytes()));
        let report = run(&short(GET), &context(target)).await;
        check_sane(&report);
        let ended = ending(step(&report, "ask"));
        assert_eq!(ended, "fail(send): invalid_data", "{answer}");
    }
}

/// A clock whose wall time jumps when it is read for the n-th time.
#[derive(Debug)]
struct Jumping {
    inner: bongsu_probes::SystemClock,
    started: Timestamp,
}

impl Clock for Jumping {
    fn wall(&self) -> Timestamp {
        let now = self.inner.wall();
        if now.since(self.started) > Duration::from_millis(100) {
            return now + Duration::from_secs(90);
        }
        now
    }

    fn monotonic(&self) -> Monotonic {
        self.inner.monotonic()
    }
}

#[tokio::test]
async fn a_clock_that_jumps_blinds_the_run() {
    let wait = Duration::from_millis(250);
    let server = Server::start(move |_| Behaviour::After(wait, json(200, "{}"))).await;
    let mut context = context(target(&server.base()));
    let inner = bongsu_probes::SystemClock::new();
    let started = inner.wall();
    context.clock = Arc::new(Jumping { inner, started });
    let report = run(&short(GET), &context).await;
    check_sane(&report);
    assert_eq!(verdict(&report), "blind(clock)");
}

#[tokio::test]
async fn a_cut_link_reaches_nothing_not_even_over_an_open_connection() {
    let link: Arc<OnceLock<Arc<Target>>> = Arc::default();
    let their_link = link.clone();
    let server = Server::start(move |_| {
        their_link.get().unwrap().set_link(Link::Cut);
        Behaviour::Answer(json(200, "{}"))
    })
    .await;
    let mut context = context(target(&server.base()));
    link.set(context.target.clone()).unwrap();
    context.self_check = Arc::new(Guilty::default());
    let journey = short(&format!("{GET}\n[[step]]\nname = \"again\"\nget = \"/y\""));
    let report = run(&journey, &context).await;
    check_sane(&report);
    assert_eq!(verdict(&report), "blind(egress)");
    assert_eq!(ending(step(&report, "again")), "blind(egress): unreachable");
    assert_eq!(server.seen().len(), 1);
    context.target.set_link(Link::Up);
    let report = run(&short(GET), &context).await;
    assert_eq!(verdict(&report), "pass", "{report:#?}");
}

#[tokio::test]
async fn without_an_account_nothing_is_tried() {
    let server = Server::start(|_| Behaviour::Answer(json(200, "{}"))).await;
    let mut context = context(target(&server.base()));
    context.accounts.clear();
    let report = run(&short(GET), &context).await;
    assert_eq!(verdict(&report), "blind(no_account)");
    assert!(report.steps.is_empty() && server.seen().is_empty());
}
