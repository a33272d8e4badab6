//! `dns` steps: what is asked and how, what is expected of the answer, who is blamed.

use bongsu_model::{RunReport, Verb};
use bongsu_probes::run;
use hickory_resolver::proto::op::{Message, ResponseCode};
use hickory_resolver::proto::rr::RData;
use hickory_resolver::proto::rr::rdata::{A, CNAME, MX, NULL, TXT};

use crate::support::server::{Behaviour, Server, with_headers};
use crate::support::tls::authority;
use crate::support::zone::{Came, Zone, answer, name};
use crate::support::{check_sane, context, ending, short, step, target_with};

fn two_addresses(question: &Message) -> Message {
    let mut answer = answer(
        question,
        vec![
            (300, RData::CNAME(CNAME(name("edge.test.")))),
            (60, RData::A(A::new(192, 0, 2, 2))),
            (90, RData::A(A::new(192, 0, 2, 1))),
        ],
    );
    answer.metadata.authentic_data = true;
    answer
}

async fn zone(script: impl Fn(&Message) -> Message + Send + Sync + 'static) -> Zone {
    Zone::start(
        move |question, _| vec![script(&question).to_vec().unwrap()],
        None,
    )
    .await
}

/// Runs one step against a target with these keys.
async fn performed(step: &str, keys: &str) -> RunReport {
    let target = target_with("http://api.test:9", keys, None);
    let journey = short(&format!("[[step]]\nname = \"ask\"\n{step}"));
    let report = run(&journey, &context(target)).await;
    check_sane(&report);
    report
}

async fn ends(keys: &str, zone: &Zone) -> String {
    let keys = keys.replace("SERVER", &zone.address.to_string());
    let profile = format!("{}\nallow_private = true", zone.key());
    ending(step(&performed(&keys, &profile).await, "ask"))
}

#[tokio::test]
async fn answers_are_held_against_what_is_expected_in_whatever_order_they_come() {
    let zone = zone(two_addresses).await;
    for expected in [
        "",
        "expect.answers = [\"192.0.2.1\", \"192.0.2.2\"]",
        "expect.answers = { contains = \"192.0.2.2\", count = 2 }",
        "expect.answers = { matches = '^192\\.0\\.2\\.' }",
        "expect.answers = { in = [\"192.0.2.1\", \"192.0.2.2\", \"192.0.2.3\"] }",
        "expect.answers = { not = { contains = \"192.0.2.3\" } }",
        "expect.answers = { count = { min = 1, not = 3 } }",
        "expect.ttl = { min = 60, max = 60 }",
        "expect.dnssec = \"authenticated\"",
        "expect = { rcode = \"NOERROR\", time.max = \"2s\" }",
        "server = \"SERVER\"",
        "server = \"SERVER\"\nover = \"tcp\"",
    ] {
        let ended = ends(&format!("dns = \"api.test\"\n{expected}"), &zone).await;
        assert_eq!(ended, "pass", "{expected}");
    }
    for wrong in [
        "expect.answers = \"192.0.2.1\"",
        "expect.answers = [\"192.0.2.1\"]",
        "expect.answers = [\"192.0.2.1\", \"192.0.2.1\"]",
        "expect.answers = { contains = \"192.0.2.3\" }",
        "expect.answers = { matches = '1$' }",
        "expect.answers = { in = [\"192.0.2.1\"] }",
        "expect.answers = { exists = false }",
        "expect.answers = { count = { not = 2 } }",
    ] {
        let ended = ends(&format!("dns = \"api.test\"\n{wrong}"), &zone).await;
        assert_eq!(ended, "fail(expectation): answers", "{wrong}");
    }
}

#[tokio::test]
async fn an_answer_is_reported_and_captured() {
    let zone = zone(two_addresses).await;
    let keys = "dns = \"api.test\"\n\
                capture.all = { dns = \"answers\", take = \"all\" }\n\
                capture.first = { dns = \"answers\", take = \"first\" }\n\
                capture.ttl = { dns = \"ttl\" }\n\
                [[step]]\nname = \"again\"\ndns = \"api.test\"\n\
                expect.answers = { contains = \"{{ first }}\" }\n\
                expect.ttl = \"{{ ttl }}\"\n\
                [[step]]\nname = \"all\"\ndns = \"api.test\"\nexpect.answers = \"{{ all }}\"";
    let report = performed(keys, &zone.key()).await;
    for name in ["ask", "again", "all"] {
        assert_eq!(ending(step(&report, name)), "pass", "{report:#?}");
    }
    let ask = step(&report, "ask");
    assert_eq!(ask.verb, Verb::Dns);
    assert_eq!(ask.network.server_address.as_deref(), Some("api.test"));
    assert_eq!(ask.network.peer_address, Some(zone.address.ip()));
    assert_eq!(ask.network.server_port, Some(zone.address.port()));
    let answers: Vec<String> = ask
        .network
        .dns_answers
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(answers, ["192.0.2.2", "192.0.2.1"]);
    assert!(ask.phases.wait.is_some() && ask.phases.dns.is_none());
}

#[tokio::test]
async fn records_of_every_type_are_written_as_people_write_them() {
    let cases = [
        (
            "MX",
            RData::MX(MX::new(10, name("mail.test."))),
            "10 mail.test",
        ),
        (
            "TXT",
            RData::TXT(TXT::new(vec!["v=spf1 ".to_owned(), "-all.".to_owned()])),
            "v=spf1 -all.",
        ),
        (
            "CNAME",
            RData::CNAME(CNAME(name("edge.test."))),
            "edge.test",
        ),
        (
            "TYPE65400",
            RData::Unknown {
                code: 65_400.into(),
                rdata: NULL::with(vec![0x0a, 0xff]),
            },
            "\\\\# 2 0aff",
        ),
    ];
    for (kind, data, written) in cases {
        let zone = zone(move |question| answer(question, vec![(60, data.clone())])).await;
        let keys = format!("dns = \"api.test\"\ntype = \"{kind}\"\nexpect.answers = \"{written}\"");
        assert_eq!(ends(&keys, &zone).await, "pass", "{kind}");
    }
}

#[tokio::test]
async fn a_code_that_is_not_expected_is_charged_to_dns_by_its_name() {
    for (code, detail) in [
        (ResponseCode::NXDomain, "nxdomain"),
        (ResponseCode::ServFail, "servfail"),
        (ResponseCode::Refused, "refused"),
    ] {
        let zone = zone(move |question| {
            let mut answer = answer(question, Vec::new());
            answer.metadata.response_code = code;
            answer
        })
        .await;
        let ended = ends("dns = \"api.test\"", &zone).await;
        assert_eq!(ended, format!("fail(dns): {detail}"));
        let word = detail.to_uppercase();
        let keys = format!("dns = \"api.test\"\nexpect.rcode = \"{word}\"");
        assert_eq!(ends(&keys, &zone).await, "pass");
        let keys = "dns = \"api.test\"\nexpect.answers = { exists = false }";
        assert_eq!(ends(keys, &zone).await, format!("fail(dns): {detail}"));
    }
    // No error and no answer: the name is there, without what was asked for.
    let empty = zone(|question| answer(question, Vec::new())).await;
    let ended = ends("dns = \"api.test\"", &empty).await;
    assert_eq!(ended, "fail(expectation): answers");
    let keys = "dns = \"api.test\"\nexpect.rcode = \"NOERROR\"";
    assert_eq!(ends(keys, &empty).await, "pass");
}

#[tokio::test]
async fn an_answer_that_is_cut_is_asked_for_again_over_tcp() {
    let script = |question: Message, came| {
        let mut answer = two_addresses(&question);
        if came == Came::Udp {
            answer.answers.clear();
            answer.metadata.truncation = true;
        }
        vec![answer.to_vec().unwrap()]
    };
    let zone = Zone::start(script, None).await;
    assert_eq!(ends("dns = \"api.test\"", &zone).await, "pass");
    assert_eq!(zone.seen(), [Came::Udp, Came::Tcp]);
    // Who asks for UDP gets what UDP gives.
    let ended = ends("dns = \"api.test\"\nover = \"udp\"", &zone).await;
    assert_eq!(ended, "fail(expectation): answers");
}

#[tokio::test]
async fn what_is_no_answer_to_the_question_is_passed_over() {
    let script = |question: Message, _| {
        let mut forged = answer(&question, vec![(1, RData::A(A::new(203, 0, 113, 9)))]);
        forged.metadata.id = forged.metadata.id.wrapping_add(1);
        let mut other = two_addresses(&question);
        other.queries[0].set_name(name("other.test."));
        let right = two_addresses(&question);
        [forged, other, right]
            .iter()
            .map(|message| message.to_vec().unwrap())
            .chain([vec![1, 2, 3]])
            .collect()
    };
    let zone = Zone::start(script, None).await;
    let keys = "dns = \"api.test\"\nexpect.answers = { count = 2 }";
    assert_eq!(ends(keys, &zone).await, "pass");
    let noise = Zone::start(
        |question, _| vec![[question.to_vec().unwrap(), vec![0xff; 9]].concat()],
        None,
    )
    .await;
    let ended = ends("dns = \"api.test\"\ntimeout = \"300ms\"", &noise).await;
    assert!(ended.starts_with("fail(dns): "), "{ended}");
}

#[tokio::test]
async fn a_lost_datagram_is_asked_for_again_and_silence_ends_at_the_deadline() {
    let lost = std::sync::atomic::AtomicBool::new(false);
    let forgetful = Zone::start(
        move |question, _| {
            if lost.swap(true, std::sync::atomic::Ordering::Relaxed) {
                vec![two_addresses(&question).to_vec().unwrap()]
            } else {
                Vec::new()
            }
        },
        None,
    )
    .await;
    assert_eq!(ends("dns = \"api.test\"", &forgetful).await, "pass");
    assert_eq!(forgetful.seen(), [Came::Udp, Came::Udp]);
    let silent = Zone::start(|_, _| Vec::new(), None).await;
    for over in ["udp", "tcp"] {
        let keys = format!("dns = \"api.test\"\nover = \"{over}\"\ntimeout = \"200ms\"");
        assert_eq!(ends(&keys, &silent).await, "fail(dns): timeout");
    }
    let gone = {
        let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.local_addr().unwrap()
    };
    for over in ["udp", "tcp"] {
        let keys = format!("dns = \"api.test\"\nserver = \"{gone}\"\nover = \"{over}\"");
        assert_eq!(ends(&keys, &silent).await, "fail(connect): refused");
    }
}

#[tokio::test]
async fn names_are_asked_for_over_tls_and_https_with_verified_servers() {
    let ours = authority("ours");
    let acceptor = || ours.acceptor("dns.test", 2090, &[]);
    let dot = Zone::start(
        |question, _| vec![two_addresses(&question).to_vec().unwrap()],
        Some(acceptor()),
    )
    .await;
    let doh = Server::start_with(
        |request| {
            assert!(
                request.starts_with("POST /dns-query HTTP/1.1\r\n"),
                "{request}"
            );
            assert!(request.contains("content-type: application/dns-message\r\n"));
            let mut question = Message::query();
            question.metadata.id = 0;
            question.add_query(hickory_resolver::proto::op::Query::query(
                name("api.test."),
                hickory_resolver::proto::rr::RecordType::A,
            ));
            let body = two_addresses(&question).to_vec().unwrap();
            let kind = "content-type: application/dns-message\r\n";
            Behaviour::Answer(with_headers(200, kind, &body))
        },
        Some(acceptor()),
    )
    .await;
    let resolver =
        zone(|question| answer(question, vec![(60, RData::A(A::new(127, 0, 0, 1)))])).await;
    let broken = Server::start_with(
        |_| Behaviour::Answer(with_headers(503, "", b"busy")),
        Some(acceptor()),
    )
    .await;
    let (dot_port, doh_port) = (dot.address.port(), doh.address.port());
    let broken_port = broken.address.port();
    let keys = format!("{}\nallow_private = true\nca = \"ca.pem\"", resolver.key());
    let cases = [
        (
            format!("over = \"dot\"\nserver = \"dns.test:{dot_port}\""),
            "pass",
        ),
        (
            format!("over = \"doh\"\nserver = \"https://dns.test:{doh_port}/dns-query\""),
            "pass",
        ),
        (
            format!("over = \"dot\"\nserver = \"127.0.0.1:{dot_port}\""),
            "fail(tls): wrong_name",
        ),
        (
            format!("over = \"doh\"\nserver = \"https://dns.test:{broken_port}/dns-query\""),
            "fail(status): 503",
        ),
    ];
    for (how, expected) in cases {
        let steps = format!(
            "[[step]]\nname = \"ask\"\ndns = \"api.test\"\n{how}\n\
             expect.answers = [\"192.0.2.1\", \"192.0.2.2\"]"
        );
        let target = target_with("http://api.test:9", &keys, Some(ours.pem.as_bytes()));
        let report = run(&short(&steps), &context(target)).await;
        check_sane(&report);
        let ask = step(&report, "ask");
        assert_eq!(ending(ask), expected, "{how} {ask:#?}");
        assert!(ask.phases.tls.is_some(), "{how}");
        assert_eq!(ask.network.server_address.as_deref(), Some("api.test"));
    }
}

#[tokio::test]
async fn the_target_says_which_names_and_servers_may_be_asked() {
    let zone = zone(two_addresses).await;
    let not_listed = "blind(internal): host `elsewhere.example` is not in `hosts` of target `test`";
    for keys in [
        "dns = \"elsewhere.example\"",
        "dns = \"api.test\"\nserver = \"elsewhere.example:53\"",
        "dns = \"api.test\"\nserver = \"elsewhere.example\"\nover = \"dot\"",
        "dns = \"api.test\"\nserver = \"https://elsewhere.example/dns-query\"\nover = \"doh\"",
    ] {
        assert_eq!(ends(keys, &zone).await, not_listed, "{keys}");
    }
    // A private server that the journey names is refused, the target's own resolver is not.
    let named = format!("dns = \"api.test\"\nserver = \"{}\"", zone.address);
    let ended = ending(step(&performed(&named, &zone.key()).await, "ask"));
    assert!(
        ended.starts_with("blind(internal): address 127.0.0.1 is private"),
        "{ended}"
    );
    assert!(zone.seen().is_empty());
    let report = performed("dns = \"api.test\"", &zone.key()).await;
    assert_eq!(ending(step(&report, "ask")), "pass");
}
