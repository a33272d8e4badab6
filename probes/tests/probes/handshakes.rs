//! `tls` steps: what a handshake shows, what is expected of it, what fails and who is blamed.

use std::net::Ipv4Addr;

use bongsu_model::RunReport;
use bongsu_probes::run;

use crate::support::dns::{Answer, Dns};
use crate::support::server::{Behaviour, Server};
use crate::support::tls::{Authority, authority};
use crate::support::{check_sane, context, ending, short, step, target_with};

/// A server at `api.test`, and what a journey against it needs.
struct Stage {
    server: Server,
    dns: Dns,
    authority: Authority,
}

impl Stage {
    async fn set(name: &str, last_year: i32, alpn: &[&str]) -> Self {
        let authority = authority("ours");
        let acceptor = authority.acceptor(name, last_year, alpn);
        Self::with(authority, acceptor).await
    }

    async fn with(authority: Authority, acceptor: tokio_rustls::TlsAcceptor) -> Self {
        Self {
            server: Server::start_with(|_| Behaviour::Hang, Some(acceptor)).await,
            dns: Dns::start(Answer::Address(Ipv4Addr::LOCALHOST)).await,
            authority,
        }
    }

    async fn run(&self, keys: &str, reach: &str) -> RunReport {
        let port = self.server.address.port();
        let base = format!("https://api.test:{port}");
        let profile = format!("{}\nca = \"ca.pem\"\n{reach}", self.dns.key());
        let target = target_with(&base, &profile, Some(self.authority.pem.as_bytes()));
        let keys = keys.replace("PORT", &port.to_string());
        let journey = short(&format!("[[step]]\nname = \"shake\"\n{keys}"));
        let report = run(&journey, &context(target)).await;
        check_sane(&report);
        report
    }

    async fn ends(&self, keys: &str) -> String {
        let report = self.run(keys, "allow_private = true").await;
        let shake = step(&report, "shake");
        format!("{} {:?}", ending(shake), shake.failed_expectations)
    }
}

#[tokio::test]
async fn a_handshake_shows_what_it_agreed_on_and_whose_certificate_it_is() {
    let stage = Stage::set("api.test", 2090, &["h2"]).await;
    let keys = r#"
tls = "api.test:PORT"
alpn = ["h2", "http/1.1"]
expect.days_left = { min = 14 }
expect.issuer = { contains = "CN=ours" }
expect.names = { contains = "api.test", count = 1 }
expect.chain = { count = 1 }
expect.version = "1.3"
expect.cipher = { starts_with = "TLS_AES_" }
expect.alpn = "h2"
expect.ocsp = "none"
expect.time.max = "3s"
capture.left = { tls = "days_left" }
capture.name = { tls = "names", take = "one" }

[[step]]
name = "what was captured"
tls = "{{ target.base.api }}"
expect.names = "{{ name }}"
expect.days_left = "{{ left }}"
"#;
    let report = stage.run(keys, "allow_private = true").await;
    let shake = step(&report, "shake");
    assert_eq!(ending(shake), "pass", "{shake:#?}");
    assert!(shake.phases.dns.is_some() && shake.phases.tls.is_some());
    assert!(shake.phases.wait.is_none());
    assert_eq!(shake.network.tls_next_protocol.as_deref(), Some("h2"));
    assert_eq!(shake.network.server_address.as_deref(), Some("api.test"));
    let again = step(&report, "what was captured");
    assert_eq!(ending(again), "pass", "{again:#?}");
    // Nothing is offered unless the step says so.
    assert_eq!(again.network.tls_next_protocol, None);
}

#[tokio::test]
async fn every_fact_that_is_not_as_expected_is_told_with_what_it_is() {
    let stage = Stage::set("api.test", 2090, &[]).await;
    let ended = stage
        .ends(
            "tls = \"api.test:PORT\"\nexpect.version = \"1.2\"\n\
             expect.names = { contains = \"www.test\" }\nexpect.alpn = \"h2\"\n\
             expect.ocsp = \"good\"\nexpect.chain = { count = { min = 2 } }",
        )
        .await;
    assert_eq!(
        ended,
        "fail(expectation): version [\"version: expected \\\"1.2\\\", got \\\"1.3\\\"\", \
         \"names: expected something that contains \\\"www.test\\\", got [\\\"api.test\\\"]\", \
         \"alpn: expected \\\"h2\\\", got nothing\", \
         \"ocsp: expected \\\"good\\\", got \\\"none\\\"\", \
         \"chain: expected a count of at least 2, got [\\\"CN=rcgen self signed cert\\\"]\"]"
    );
}

#[tokio::test]
async fn a_certificate_that_ends_soon_is_told_before_it_ends() {
    let stage = Stage::set("api.test", 2090, &[]).await;
    let ended = stage
        .ends("tls = \"api.test:PORT\"\nexpect.days_left = { min = 40000 }")
        .await;
    assert!(
        ended.starts_with(
            "fail(expectation): days_left [\"days_left: expected at least 40000, got 2"
        ),
        "{ended}"
    );
}

#[tokio::test]
async fn bad_certificates_and_silent_servers_fail_the_handshake() {
    let expired = Stage::set("api.test", 2001, &[]).await;
    let keys = "tls = \"api.test:PORT\"";
    assert_eq!(expired.ends(keys).await, "fail(tls): expired []");
    let other = Stage::set("other.test", 2090, &[]).await;
    assert_eq!(other.ends(keys).await, "fail(tls): wrong_name []");
    // The same server is right under the name that it is asked by.
    let named = "tls = \"127.0.0.1:PORT\"\nserver_name = \"other.test\"";
    assert_eq!(other.ends(named).await, "pass []");
    let offered = "tls = \"other.test:PORT\"\nalpn = [\"h2\"]";
    let picky = Stage::set("other.test", 2090, &["http/1.1"]).await;
    assert_eq!(picky.ends(offered).await, "fail(tls): alpn []");

    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = silent.local_addr().unwrap().port();
    let keys = format!("tls = \"api.test:{port}\"\ntimeout = \"200ms\"");
    assert_eq!(other.ends(&keys).await, "fail(tls): timeout []");
    drop(silent);
    let keys = format!("tls = \"api.test:{port}\"");
    assert_eq!(other.ends(&keys).await, "fail(connect): refused []");
}

#[tokio::test]
async fn the_target_says_where_a_handshake_may_go() {
    let stage = Stage::set("api.test", 2090, &[]).await;
    for keys in [
        "tls = \"elsewhere.example:PORT\"",
        "tls = \"api.test:PORT\"\nserver_name = \"elsewhere.example\"",
    ] {
        assert_eq!(
            stage.ends(keys).await,
            "blind(internal): host `elsewhere.example` is not in `hosts` of target `test` []"
        );
    }
    let report = stage.run("tls = \"api.test:PORT\"", "").await;
    assert_eq!(
        ending(step(&report, "shake")),
        "fail(dns): private_address 127.0.0.1, and target `test` has no `allow_private`"
    );
    let report = stage.run("tls = \"127.0.0.1:PORT\"", "").await;
    let ended = ending(step(&report, "shake"));
    assert!(
        ended.starts_with("blind(internal): address 127.0.0.1 is private"),
        "{ended}"
    );
    assert_eq!(*stage.server.connections.lock().unwrap(), 0);
}

#[tokio::test]
async fn what_the_server_staples_is_seen_and_what_cannot_be_read_is_not_called_good() {
    let ours = authority("ours");
    // An OCSP response that says `tryLater` (RFC 6960, section 4.2.1).
    let try_later = vec![0x30, 3, 0x0a, 1, 3];
    let acceptor = ours.stapling("api.test", 2090, &[], try_later);
    let stage = Stage::with(ours, acceptor).await;
    let keys = "tls = \"api.test:PORT\"\nexpect.ocsp = ";
    let ended = stage.ends(&format!("{keys}\"unreadable\"")).await;
    assert_eq!(ended, "pass []");
    let ended = stage.ends(&format!("{keys}\"good\"")).await;
    assert_eq!(
        ended,
        "fail(expectation): ocsp [\"ocsp: expected \\\"good\\\", got \\\"unreadable\\\"\"]"
    );
}
