//! `tcp`, `udp` and `ping` steps: bytes out, bytes back, and echoes.

use std::net::SocketAddr;
use std::time::Duration;

use bongsu_model::RunReport;
use bongsu_probes::run;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, UdpSocket};
use tokio::task::JoinSet;

use crate::support::server::refusing;
use crate::support::{check_sane, context, ending, short, step, target_with};

/// A running server; ends when dropped.
struct Peer {
    address: SocketAddr,
    _tasks: JoinSet<()>,
}

/// What a TCP server does with each connection.
#[derive(Clone)]
enum Talk {
    /// Says these pieces one after the other, then waits.
    Say(Vec<&'static [u8]>),
    /// Says this and closes.
    SayAndClose(&'static [u8]),
    /// Answers with what was sent, in capitals.
    Shout,
    /// Says the same for ever.
    Flood(&'static [u8]),
}

async fn tcp(talk: Talk) -> Peer {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        let mut talks = JoinSet::new();
        while let Ok((mut stream, _)) = listener.accept().await {
            let talk = talk.clone();
            talks.spawn(async move {
                match talk {
                    Talk::Say(pieces) => {
                        for piece in pieces {
                            stream.write_all(piece).await.ok()?;
                            tokio::time::sleep(Duration::from_millis(30)).await;
                        }
                        std::future::pending().await
                    }
                    Talk::SayAndClose(bytes) => stream.write_all(bytes).await.ok(),
                    Talk::Shout => loop {
                        let mut room = [0; 1024];
                        let count = stream.read(&mut room).await.ok()?;
                        if count == 0 {
                            return None;
                        }
                        let loud = room[..count].to_ascii_uppercase();
                        stream.write_all(&loud).await.ok()?;
                    },
                    Talk::Flood(bytes) => loop {
                        stream.write_all(bytes).await.ok()?;
                    },
                }
            });
        }
    });
    Peer {
        address,
        _tasks: tasks,
    }
}

/// A UDP server that answers each datagram with these, `?` standing for what was sent.
async fn udp(answers: Vec<&'static [u8]>) -> Peer {
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let address = socket.local_addr().unwrap();
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        let mut room = [0; 4096];
        while let Ok((count, from)) = socket.recv_from(&mut room).await {
            for answer in &answers {
                let answer = if *answer == b"?" {
                    &room[..count]
                } else {
                    answer
                };
                let _ = socket.send_to(answer, from).await;
            }
        }
    });
    Peer {
        address,
        _tasks: tasks,
    }
}

async fn performed(keys: &str, reach: &str) -> RunReport {
    let target = target_with("http://api.test:9", reach, None);
    let journey = short(&format!("[[step]]\nname = \"talk\"\n{keys}"));
    let report = run(&journey, &context(target)).await;
    check_sane(&report);
    report
}

async fn ends(keys: &str, peer: &Peer) -> String {
    let keys = keys.replace("PEER", &peer.address.to_string());
    ending(step(
        &performed(&keys, "allow_private = true").await,
        "talk",
    ))
}

#[tokio::test]
async fn a_connection_alone_is_enough_where_nothing_more_is_expected() {
    let silent = tcp(Talk::Say(Vec::new())).await;
    assert_eq!(ends("tcp = \"PEER\"", &silent).await, "pass");
    assert_eq!(ends("tcp = \"PEER\"\nsend = \"x\"", &silent).await, "pass");
    let gone = refusing().await;
    let ended = ends(&format!("tcp = \"{gone}\""), &silent).await;
    assert_eq!(ended, "fail(connect): refused");
}

#[tokio::test]
async fn what_comes_back_is_read_until_it_is_what_was_expected() {
    let banner = tcp(Talk::Say(vec![
        b"220 ma",
        b"il.test ESMT",
        b"P\r\n",
        b"more",
    ]))
    .await;
    let keys = "tcp = \"PEER\"\nexpect.body = { matches = '^220 .*ESMTP\\r\\n' }\n\
                capture.host = { regex = '^220 (\\S+)' }\n\
                [[step]]\nname = \"again\"\ntcp = \"PEER\"\n\
                expect.body = { contains = \"{{ host }} ESMTP\" }";
    let keys = keys.replace("PEER", &banner.address.to_string());
    let report = performed(&keys, "allow_private = true").await;
    let talk = step(&report, "talk");
    assert_eq!(ending(talk), "pass", "{talk:#?}");
    assert_eq!(talk.network.body_bytes, Some(21), "{talk:#?}");
    assert!(talk.phases.connect.is_some() && talk.phases.wait.is_some());
    assert!(talk.phases.receive.is_some());
    assert_eq!(ending(step(&report, "again")), "pass");

    let shout = tcp(Talk::Shout).await;
    for (send, expected) in [
        (
            "\"ping {{ user_id }}\\r\\n\"",
            "body = \"PING U-USERS-1\\r\\n\"",
        ),
        ("{ hex = \"61 62 0a ff\" }", "hex = \"41420aff\""),
        ("{ base64 = \"YWI=\" }", "body = { starts_with = \"AB\" }"),
        ("'{\"A\":1}'", "json.\"$.A\" = 1"),
    ] {
        let keys = format!("tcp = \"PEER\"\nsend = {send}\nexpect.{expected}");
        assert_eq!(ends(&keys, &shout).await, "pass", "{send}");
    }
}

#[tokio::test]
async fn what_is_not_as_expected_is_told_when_the_peer_or_the_time_ends() {
    let wrong = tcp(Talk::SayAndClose(b"554 no\r\n")).await;
    let expects = "expect.body = { starts_with = \"220\" }";
    let report = performed(
        &format!("tcp = \"{}\"\n{expects}", wrong.address),
        "allow_private = true",
    )
    .await;
    let talk = step(&report, "talk");
    assert_eq!(ending(talk), "fail(expectation): content");
    assert_eq!(
        talk.failed_expectations,
        ["content: expected something that starts with \"220\", got \"554 no\\r\\n\""]
    );
    assert_eq!(talk.evidence.as_ref().unwrap().body_head, "554 no\r\n");

    let stays = tcp(Talk::Say(vec![b"554 no\r\n"])).await;
    let keys = format!("tcp = \"PEER\"\n{expects}\ntimeout = \"200ms\"");
    assert_eq!(ends(&keys, &stays).await, "fail(expectation): content");
    let keys = format!("tcp = \"PEER\"\n{expects}\nwithin = \"200ms\"");
    assert_eq!(ends(&keys, &stays).await, "fail(timeout): within");
    let silent = tcp(Talk::Say(Vec::new())).await;
    let keys = format!("tcp = \"PEER\"\n{expects}\ntimeout = \"200ms\"");
    assert_eq!(ends(&keys, &silent).await, "fail(timeout): first_byte");
    let closes = tcp(Talk::SayAndClose(b"")).await;
    let keys = format!("tcp = \"PEER\"\n{expects}");
    assert_eq!(ends(&keys, &closes).await, "fail(send): closed");
}

#[tokio::test]
async fn a_flood_ends_at_its_cap() {
    let flood = tcp(Talk::Flood(b"abcdefgh")).await;
    let keys = "tcp = \"PEER\"\nmax_body = 20000\nexpect.body = { contains = \"z\" }";
    assert_eq!(ends(keys, &flood).await, "fail(body_too_large): body");
    let large = udp(vec![b"0123456789"]).await;
    let keys = "udp = \"PEER\"\nsend = \"x\"\nmax_body = 9";
    assert_eq!(ends(keys, &large).await, "fail(body_too_large): body");
}

#[tokio::test]
async fn a_datagram_is_answered_by_one_that_fits() {
    let echo = udp(vec![b"noise", b"?", b"later"]).await;
    let keys = "udp = \"PEER\"\nsend = { hex = \"00ff\" }\nexpect.hex = \"00ff\"";
    assert_eq!(ends(keys, &echo).await, "pass");
    assert_eq!(ends("udp = \"PEER\"\nsend = \"hi\"", &echo).await, "pass");
    let keys = "udp = \"PEER\"\nsend = \"hi\"\nexpect.body = \"ho\"\ntimeout = \"200ms\"";
    assert_eq!(ends(keys, &echo).await, "fail(expectation): content");
    let silent = udp(Vec::new()).await;
    let keys = "udp = \"PEER\"\nsend = \"hi\"\ntimeout = \"200ms\"";
    assert_eq!(ends(keys, &silent).await, "fail(timeout): no_reply");
    let gone = {
        let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.local_addr().unwrap()
    };
    let keys = format!("udp = \"{gone}\"\nsend = \"hi\"");
    assert_eq!(ends(&keys, &silent).await, "fail(connect): refused");
}

#[tokio::test]
async fn a_poll_waits_for_the_right_answer() {
    let seen = std::sync::atomic::AtomicU8::new(0);
    let zone = crate::support::zone::Zone::start(
        move |question, _| {
            let last = seen.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            let address = hickory_resolver::proto::rr::rdata::A::new(192, 0, 2, last);
            let data = hickory_resolver::proto::rr::RData::A(address);
            let answer = crate::support::zone::answer(&question, vec![(1, data)]);
            vec![answer.to_vec().unwrap()]
        },
        None,
    )
    .await;
    let keys = "dns = \"api.test\"\npoll = { every = \"100ms\", for = \"2s\" }\n\
                expect.answers = \"192.0.2.2\"";
    let report = performed(keys, &zone.key()).await;
    let talk = step(&report, "talk");
    assert_eq!(
        (ending(talk).as_str(), talk.polls),
        ("pass", 3),
        "{talk:#?}"
    );
}

#[tokio::test]
async fn the_target_says_where_bytes_and_echoes_may_go() {
    let peer = tcp(Talk::Shout).await;
    for verb in [
        "tcp = \"elsewhere.example:9\"",
        "udp = \"elsewhere.example:9\"\nsend = \"x\"",
        "ping = \"elsewhere.example\"",
    ] {
        assert_eq!(
            ends(verb, &peer).await,
            "blind(internal): host `elsewhere.example` is not in `hosts` of target `test`"
        );
    }
    for verb in [
        "tcp = \"127.0.0.1:9\"",
        "udp = \"127.0.0.1:9\"\nsend = \"x\"",
        "ping = \"127.0.0.1\"",
    ] {
        let report = performed(verb, "").await;
        let ended = ending(step(&report, "talk"));
        assert!(
            ended.starts_with("blind(internal): address 127.0.0.1 is private"),
            "{ended}"
        );
    }
}

#[tokio::test]
async fn a_secret_that_comes_back_is_in_no_report_not_even_in_hexadecimal() {
    let echo = udp(vec![b"?"]).await;
    let shout = tcp(Talk::Shout).await;
    let sends = "send = \"say {{ password }}!\"\ntimeout = \"200ms\"\n";
    let cases = [
        format!("udp = \"{}\"\n{sends}", echo.address),
        format!("tcp = \"{}\"\n{sends}", shout.address),
    ];
    for how in cases {
        for expected in ["hex = \"00\"", "body = \"x\"", "json.\"$.a\" = 1"] {
            // The report is searched for the secret in every form.
            let report =
                performed(&format!("{how}expect.{expected}"), "allow_private = true").await;
            let talk = step(&report, "talk");
            assert!(ending(talk).starts_with("fail(expectation)"), "{talk:#?}");
            assert!(talk.evidence.is_some());
        }
    }
}

/// Whether this machine gives us a socket for echoes.
fn may_ping() -> bool {
    let kind = socket2::Type::DGRAM;
    socket2::Socket::new(socket2::Domain::IPV4, kind, Some(socket2::Protocol::ICMPV4)).is_ok()
}

#[tokio::test]
async fn an_echo_comes_back_or_the_agent_says_that_it_may_not_ask() {
    let report = performed(
        "ping = \"127.0.0.1\"\nexpect.time.max = \"2s\"",
        "allow_private = true",
    )
    .await;
    let talk = step(&report, "talk");
    let ended = ending(talk);
    if may_ping() {
        assert_eq!(ended, "pass");
        assert!(talk.phases.wait.is_some());
    } else {
        assert!(
            ended.starts_with("blind(internal): this machine does not let the agent ping"),
            "{ended}"
        );
        assert_eq!(
            report.facts.outcomes.verdict().to_string(),
            "blind(internal)"
        );
    }
}
