//! What must hold of bytes from the network whatever they are. The tests here give mutated seeds,
//! the fuzzer of `fuzz`, for which this module is public, everything else.

use std::io::Cursor;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::{Arc, LazyLock};

use bongsu_model::{Clock, Timestamp};
use bytes::Bytes;
use rustls_pki_types::CertificateDer;

use crate::clock::SystemClock;
use crate::failure::Fault;
use crate::http::CookieJar;

/// Any bytes from a WebSocket's server: frames in the inbox, then one end.
pub fn frames(bytes: &[u8]) {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let stream = tokio::io::join(Cursor::new(bytes.to_vec()), tokio::io::sink());
    let stream = crate::dial::Metered::new(Box::new(stream), &clock);
    let (texts, end) = runtime().block_on(crate::websocket::read_all(stream, &clock));
    let read: usize = texts.iter().map(String::len).sum();
    // A byte that is no UTF-8 becomes a character of three.
    assert!(
        read <= 3 * bytes.len(),
        "{read} bytes out of {}",
        bytes.len()
    );
    assert!(matches!(end, Fault::Platform { .. }), "{end:?}");
}

/// Any bytes as the body of an answer of gRPC.
pub fn calls(bytes: &[u8]) {
    let body = Bytes::copy_from_slice(bytes);
    if let Ok(messages) = crate::grpc::unframe(&body) {
        let length: usize = messages.iter().map(|message| message.len() + 5).sum();
        assert_eq!(length, bytes.len(), "nothing is left out");
    }
}

/// Any bytes as a certificate.
pub fn certificates(bytes: &[u8]) {
    if let Some(after) = crate::tls::not_after(bytes) {
        assert!(after >= Timestamp::EPOCH);
    }
}

/// Any lines as the cookies that a server sets: what goes back is one proper header.
pub fn cookies(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let lines = text.split('\n').map(|line| ("set-cookie", line)).collect();
    let url = http::Uri::from_static("https://api.a.test/x/y");
    let mut jar = CookieJar::default();
    jar.store(&url, &lines, Timestamp::EPOCH);
    if let Some(value) = jar.header(&url, Timestamp::EPOCH) {
        assert!(!value.is_empty());
        assert!(http::HeaderValue::from_str(&value).is_ok(), "{value:?}");
    }
    assert_eq!(
        jar.header(&http::Uri::from_static("https://b.test/"), Timestamp::EPOCH),
        None
    );
}

/// Any bytes as a body, its first byte saying how it is encoded: no more comes out than allowed.
pub fn bodies(bytes: &[u8]) {
    const BODY_BYTES_MAX: usize = 64 * 1024;
    let Some((encoding, body)) = bytes.split_first() else {
        return;
    };
    let encoding = match encoding {
        b'g' => "gzip",
        b'b' => "br",
        _ => "identity",
    };
    let read = runtime().block_on(crate::http::read_body(encoding, body, BODY_BYTES_MAX));
    match read {
        Ok(content) => assert!(content.len() <= BODY_BYTES_MAX),
        Err(fault) => assert!(matches!(fault, Fault::Platform { .. }), "{fault:?}"),
    }
}

/// Any bytes as the answer to a DNS question: they are read, refused, or of another question.
pub fn answers(bytes: &[u8]) {
    /// Any type (RFC 8482): no record is passed over.
    const ANY: u16 = 255;
    /// Most records of an answer that are looked at.
    const RECORDS_MAX: usize = 256;
    let question = crate::net::Question::new("a.test", ANY).expect("a name");
    // Over HTTPS the id is 0, so that seeds can have it; whatever comes gets that far.
    let question = question.over_https();
    let mut bytes = bytes.to_vec();
    bytes.iter_mut().take(2).for_each(|byte| *byte = 0);
    match question.read(&bytes) {
        None => {}
        Some(Ok(reply)) => {
            assert!(reply.addresses.len() <= RECORDS_MAX);
            let names: Vec<String> = reply.facts.iter().map(|(f, _)| f.to_string()).collect();
            assert_eq!(names[..3], ["rcode", "answers", "dnssec"]);
        }
        Some(Err(fault)) => assert!(matches!(fault, Fault::Platform { .. }), "{fault:?}"),
    }
}

/// Any message as the reply to an echo, its first byte saying of which version of IP: none passes
/// that does not bring back what was sent.
pub fn echoes(bytes: &[u8]) {
    let Some((version, message)) = bytes.split_first() else {
        return;
    };
    let address: IpAddr = match version {
        b'6' => Ipv6Addr::LOCALHOST.into(),
        _ => Ipv4Addr::LOCALHOST.into(),
    };
    let echo = crate::net::echo(address, 7_u64.to_be_bytes());
    if crate::net::is_reply(message, &echo) {
        assert!(message.ends_with(&echo[6..]), "{message:?}");
    }
}

/// Any bytes as a stapled OCSP response: what it says counts only if the issuer signed that.
///
/// Certificates and seeds were made with `openssl ocsp`.
pub fn staples(bytes: &[u8]) {
    /// 2030, when all of them are of now.
    const NOW_S: u64 = 1_900_000_000;
    let leaf = CertificateDer::from_slice(include_bytes!("../fuzz/fixtures/leaf.der"));
    let now = Timestamp::from_unix_seconds(NOW_S);
    let word = crate::tls::stapled_status(bytes, &[leaf], &TRUST, now);
    match word {
        "none" | "unreadable" | "unverified" => {}
        "good" | "revoked" | "unknown" | "stale" => {
            let said = crate::tls::signed_content(bytes);
            let known = SIGNED.iter().map(|known| crate::tls::signed_content(known));
            assert!(known.into_iter().any(|known| known == said), "{word}");
        }
        other => panic!("no word: {other}"),
    }
}

static TRUST: LazyLock<crate::tls::Trust> = LazyLock::new(|| {
    let ca = include_bytes!("../fuzz/fixtures/ca.pem");
    crate::tls::Trust::beside(Some(ca), rustls::RootCertStore::empty).expect("a root")
});

/// All that the issuer, or its responder, ever signed.
const SIGNED: [&[u8]; 4] = [
    include_bytes!("../fuzz/seeds/staples/issuer-good"),
    include_bytes!("../fuzz/seeds/staples/issuer-unknown"),
    include_bytes!("../fuzz/seeds/staples/delegate-good"),
    include_bytes!("../fuzz/seeds/staples/delegate-revoked"),
];

fn runtime() -> tokio::runtime::Runtime {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    builder.build().expect("a runtime without drivers")
}

#[cfg(test)]
#[path = "../language/tests/it/mutate.rs"]
mod mutate;

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn seeds(target: &str) -> Vec<Vec<u8>> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
        mutate::seeds(&folder.join("fuzz/seeds").join(target))
    }

    #[test]
    fn any_bytes_of_a_websocket_are_frames_and_an_end() {
        mutate::each(&seeds("frames"), 3_000, frames);
    }

    #[test]
    fn any_body_of_grpc_is_messages_or_malformed() {
        mutate::each(&seeds("calls"), 10_000, calls);
    }

    #[test]
    fn any_certificate_ends_or_cannot_be_read() {
        mutate::each(&seeds("certificates"), 10_000, certificates);
        let ends = |seed: &Vec<u8>| crate::tls::not_after(seed).is_some();
        assert!(seeds("certificates").iter().all(ends));
    }

    #[test]
    fn any_cookie_makes_a_header_or_none() {
        mutate::each(&seeds("cookies"), 5_000, cookies);
    }

    #[test]
    fn any_body_is_unpacked_within_its_cap_or_refused() {
        mutate::each(&seeds("bodies"), 2_000, bodies);
    }

    #[test]
    fn any_answer_of_dns_is_read_refused_or_anothers() {
        mutate::each(&seeds("answers"), 10_000, answers);
    }

    #[test]
    fn any_echo_brings_back_what_was_sent_or_is_none() {
        mutate::each(&seeds("echoes"), 20_000, echoes);
    }

    #[test]
    fn any_staple_says_what_the_issuer_signed_or_nothing() {
        mutate::each(&seeds("staples"), 1_000, staples);
    }

    #[test]
    fn the_seeds_of_dns_echoes_and_staples_say_what_they_are_for() {
        let question = || {
            crate::net::Question::new("a.test", 255)
                .unwrap()
                .over_https()
        };
        let read = |seed: &Vec<u8>| question().read(seed).is_some_and(|read| read.is_ok());
        let answers = seeds("answers");
        // All but the one whose name never ends.
        assert_eq!(
            answers.iter().filter(|seed| read(seed)).count(),
            answers.len() - 1
        );
        let echo = |address: IpAddr| crate::net::echo(address, 7_u64.to_be_bytes());
        let is_reply = |seed: &Vec<u8>| match seed.split_first() {
            Some((b'6', rest)) => crate::net::is_reply(rest, &echo(Ipv6Addr::LOCALHOST.into())),
            Some((_, rest)) => crate::net::is_reply(rest, &echo(Ipv4Addr::LOCALHOST.into())),
            None => false,
        };
        assert_eq!(
            seeds("echoes").iter().filter(|seed| is_reply(seed)).count(),
            4
        );
        let leaf = CertificateDer::from_slice(include_bytes!("../fuzz/fixtures/leaf.der"));
        let now = Timestamp::from_unix_seconds(1_900_000_000);
        let word = |seed: &Vec<u8>| {
            crate::tls::stapled_status(seed, std::slice::from_ref(&leaf), &TRUST, now)
        };
        let mut words: Vec<&str> = seeds("staples").iter().map(word).collect();
        words.sort_unstable();
        let expected = [
            "good",
            "good",
            "revoked",
            "unknown",
            "unreadable",
            "unverified",
        ];
        assert_eq!(words, expected, "as OpenSSL made them");
    }

    #[test]
    fn the_seeds_say_what_they_are_for() {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
        let read = |bytes: Vec<u8>| {
            let stream = tokio::io::join(Cursor::new(bytes), tokio::io::sink());
            let stream = crate::dial::Metered::new(Box::new(stream), &clock);
            runtime().block_on(crate::websocket::read_all(stream, &clock))
        };
        let whole = seeds("frames")
            .into_iter()
            .map(read)
            .map(|(texts, _)| texts.len());
        assert_eq!(whole.sum::<usize>(), 4);
    }
}
