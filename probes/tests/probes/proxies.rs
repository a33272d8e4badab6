//! Targets behind a proxy: what it is asked, what it resolves, and whose fault its refusals are.

use bongsu_model::{RunReport, Secret};
use bongsu_probes::{Target, run};

use crate::support::proxy::{Manner, ProxyServer};
use crate::support::server::{Behaviour, Server, json, refusing};
use crate::support::socket::{SocketServer, Then};
use crate::support::tls::authority;
use crate::support::{
    SENTINEL, check_sane, context, ending, journey, short, step, target_of, target_with, verdict,
};

const LOOK: &str = "[[step]]\nname = \"look\"\nget = \"/x?n=1\"\ntimeout = \"400ms\"\n";

const TWICE: &str = "[[step]]\nname = \"look\"\nget = \"/x?n=1\"\n\
                     [[step]]\nname = \"again\"\nget = \"/y\"\n";

async fn ready() -> Server {
    Server::start(|_| Behaviour::Answer(json(200, "{}"))).await
}

async fn run_at(target: Target, steps: &str) -> RunReport {
    let report = run(&short(steps), &context(target)).await;
    check_sane(&report);
    report
}

#[tokio::test]
async fn what_is_encrypted_goes_through_a_tunnel_and_the_proxy_resolves_the_name() {
    let authority = authority("proxied");
    let acceptor = authority.acceptor("api.test", 4000, &["http/1.1"]);
    let server = Server::start_with(|_| Behaviour::Answer(json(200, "{}")), Some(acceptor)).await;
    let proxy = ProxyServer::start(Manner::Leads(server.address)).await;
    // No `allow_private`: the proxy is where it is, and the platform's address is its business.
    let pem = authority.pem.as_bytes();
    let target = target_with("https://api.test", &proxy.key(), Some(pem));
    let report = run_at(target, TWICE).await;
    assert_eq!(verdict(&report), "pass", "{report:#?}");
    let asked = "CONNECT api.test:443 HTTP/1.1\r\nHost: api.test:443\r\n\r\n";
    assert_eq!(proxy.seen(), [asked], "one tunnel for both steps");
    let first = &server.seen()[0];
    assert!(first.starts_with("GET /x?n=1 HTTP/1.1\r\n"), "{first}");
    assert!(first.contains("host: api.test\r\n"), "{first}");
    let look = step(&report, "look");
    assert_eq!(look.phases.dns, None, "nothing was resolved here");
    let (connect, tunnel) = (look.phases.connect.unwrap(), look.network.tunnel.unwrap());
    assert!(tunnel <= connect, "{look:#?}");
    assert!(look.phases.tls.is_some());
    assert_eq!(look.network.server_address.as_deref(), Some("api.test"));
    assert_eq!(look.network.peer_address, Some(proxy.address.ip()));
    let again = step(&report, "again");
    assert_eq!((again.phases.connect, again.network.tunnel), (None, None));
}

#[tokio::test]
async fn plain_requests_are_handed_to_the_proxy_whole() {
    let server = ready().await;
    let proxy = ProxyServer::start(Manner::Leads(server.address)).await;
    let target = target_with("http://api.test:8080", &proxy.key(), None);
    let report = run_at(target, TWICE).await;
    assert_eq!(verdict(&report), "pass", "{report:#?}");
    let lines: Vec<String> = server
        .seen()
        .iter()
        .map(|request| request.lines().take(2).collect::<Vec<_>>().join(" | "))
        .collect();
    assert_eq!(
        lines,
        [
            "GET http://api.test:8080/x?n=1 HTTP/1.1 | host: api.test:8080",
            "GET http://api.test:8080/y HTTP/1.1 | host: api.test:8080",
        ]
    );
    assert_eq!(proxy.seen().len(), 1, "one connection for both steps");
    assert_eq!(step(&report, "look").network.tunnel, None);
}

#[tokio::test]
async fn sockets_go_through_a_tunnel() {
    let server = SocketServer::start(vec![r#"{"type":"ready"}"#.to_owned()], Then::Echo).await;
    let proxy = ProxyServer::start(Manner::Leads(server.address)).await;
    let target = target_with("http://api.test", &proxy.key(), None);
    let listen = "[[step]]\nname = \"listen\"\nws = \"{{ target.ws.api }}/stream\"\n\
                  socket = \"inbox\"\nexpect.frame.json.\"$.type\" = \"ready\"\n";
    let report = run_at(target, listen).await;
    assert_eq!(verdict(&report), "pass", "{report:#?}");
    assert!(proxy.seen()[0].starts_with("CONNECT api.test:80 HTTP/1.1\r\n"));
    assert!(step(&report, "listen").network.tunnel.is_some());
}

#[tokio::test]
async fn a_proxy_that_fails_by_itself_is_the_agents_fault_and_no_downtime() {
    let page = "HTTP/1.1 403 Forbidden\r\ncontent-length: 2\r\n\r\nno";
    let login = "HTTP/1.1 407 Login\r\nproxy-authenticate: Basic\r\ncontent-length: 0\r\n\r\n";
    for (base, manner, expected) in [
        (
            "https",
            Manner::Answers(page),
            "blind(egress): the proxy answers 403",
        ),
        (
            "https",
            Manner::Answers(login),
            "blind(credentials): the proxy answers 407",
        ),
        (
            "http",
            Manner::Answers(login),
            "blind(credentials): the proxy answers 407",
        ),
        (
            "https",
            Manner::Answers(""),
            "blind(egress): the target's `proxy` cannot be reached",
        ),
        (
            "https",
            Manner::Answers("220 mail\r\n\r\n"),
            "blind(egress): the target's `proxy` does",
        ),
        // It could not reach the platform, or nothing comes of its trying.
        (
            "https",
            Manner::Answers("HTTP/1.1 504 Late\r\n\r\n"),
            "fail(connect): proxy_504",
        ),
        ("https", Manner::Hangs, "fail(connect): timeout"),
    ] {
        let proxy = ProxyServer::start(manner).await;
        let trusted = authority("proxied").pem;
        let base = format!("{base}://api.test");
        let target = target_with(&base, &proxy.key(), Some(trusted.as_bytes()));
        let report = run_at(target, LOOK).await;
        let ended = ending(&report.steps[0]);
        assert!(ended.starts_with(expected), "{manner:?}: {ended}");
        let told = expected.split(':').next().unwrap();
        assert_eq!(verdict(&report), told, "{manner:?}");
    }
    // Nobody is there at all.
    let key = format!("proxy = \"http://{}\"", refusing().await);
    let report = run_at(target_with("http://api.test", &key, None), LOOK).await;
    let expected = "blind(egress): the target's `proxy` cannot be reached: refused";
    assert_eq!(ending(&report.steps[0]), expected);
}

#[tokio::test]
async fn a_proxy_that_is_not_reached_is_the_agents_fault_in_the_attempts_own_time_alone() {
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(0).unwrap();
    let address = listener.local_addr().unwrap();
    // The only one that there is room for: whoever comes next waits for an answer.
    let _first = tokio::net::TcpStream::connect(address).await.unwrap();
    let key = format!("proxy = \"http://{address}\"");
    for (keys, timeout, expected) in [
        (
            "timeout = \"200ms\"",
            "9s",
            "blind(egress): the target's `proxy` cannot be reached: timeout",
        ),
        ("within = \"200ms\"", "9s", "fail(timeout): within"),
        ("", "300ms", "fail(timeout): journey"),
        (
            "poll = { every = \"100ms\", for = \"200ms\" }",
            "9s",
            "fail(connect): timeout",
        ),
    ] {
        let text = format!(
            r#"
format = 1
journey = "look"
feature = "talk.message.text"
timeout = "{timeout}"
cleanup_timeout = "1s"
base = "http://api.test"
actor.user.account = "pool:users"
[[step]]
name = "look"
get = "/x"
{keys}
"#
        );
        let target = target_with("http://api.test", &key, None);
        let report = run(&journey(&text), &context(target)).await;
        check_sane(&report);
        assert_eq!(ending(&report.steps[0]), expected, "{keys}");
    }
}

#[tokio::test]
async fn who_asks_is_told_to_the_proxy_alone_and_shown_nowhere() {
    for base in ["http", "https"] {
        let authority = authority("proxied");
        let acceptor = authority.acceptor("api.test", 4000, &[]);
        let acceptor = (base == "https").then_some(acceptor);
        let answer = |_: &str| Behaviour::Answer(json(500, "{}"));
        let server = Server::start_with(answer, acceptor).await;
        let proxy = ProxyServer::start(Manner::Leads(server.address)).await;
        let pem = authority.pem.as_bytes();
        let mut target = target_with(&format!("{base}://api.test"), &proxy.key(), Some(pem));
        target.log_in_to_proxy(&Secret::new("agent"), Secret::new(SENTINEL));
        // `check_sane` looks for the password.
        let report = run_at(target, LOOK).await;
        assert_eq!(verdict(&report), "fail(status)", "{report:#?}");
        let asked = proxy.seen()[0].to_ascii_lowercase();
        assert!(asked.contains("\r\nproxy-authorization: basic "), "{asked}");
        let is_told = server.seen()[0].contains("proxy-authorization");
        // This proxy passes plain requests on as they are; a tunnel is not looked into.
        assert_eq!(is_told, base == "http");
    }
}

#[tokio::test]
async fn a_proxy_is_asked_for_allowed_hosts_alone_and_for_no_private_address() {
    let server = ready().await;
    let proxy = ProxyServer::start(Manner::Leads(server.address)).await;
    for (url, expected) in [
        (
            "http://evil.example/",
            "host `evil.example` is not in `hosts`",
        ),
        ("http://10.0.0.1/", "address 10.0.0.1 is private"),
        (
            "http://169.254.169.254/",
            "address 169.254.169.254 is private",
        ),
    ] {
        let hosts = "hosts = [\"*.test\", \"10.0.0.1\", \"169.254.169.254\"]";
        let target = target_of("http://api.test", hosts, &proxy.key(), None);
        let report = run_at(
            target,
            &format!("[[step]]\nname = \"look\"\nget = \"{url}\"\n"),
        )
        .await;
        let ended = ending(&report.steps[0]);
        assert!(ended.starts_with("blind(internal)"), "{url}: {ended}");
        assert!(ended.contains(expected), "{url}: {ended}");
    }
    // A redirect leads no further than a URL does.
    let moved = "HTTP/1.1 302 Found\r\nlocation: http://169.254.169.254/latest\r\ncontent-length: 0\r\n\r\n";
    let proxy = ProxyServer::start(Manner::Answers(moved)).await;
    let target = target_with("http://api.test", &proxy.key(), None);
    let follow = "[[step]]\nname = \"look\"\nget = \"/\"\nfollow = 1\n";
    let report = run_at(target, follow).await;
    let ended = ending(&report.steps[0]);
    assert!(
        ended.starts_with("fail(redirect_refused): metadata_address"),
        "{ended}"
    );
}

#[tokio::test]
async fn steps_below_http_go_straight_to_their_hosts() {
    let server = ready().await;
    let port = server.address.port();
    let key = format!(
        "allow_private = true\nproxy = \"http://{}\"",
        refusing().await
    );
    let target = target_with("http://api.test", &key, None);
    let knock = format!("[[step]]\nname = \"knock\"\ntcp = \"127.0.0.1:{port}\"\n");
    let report = run_at(target, &knock).await;
    assert_eq!(verdict(&report), "pass", "{report:#?}");
}
