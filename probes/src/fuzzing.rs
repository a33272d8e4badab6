//! What must hold of bytes from the network whatever they are. The tests here give mutated seeds,
//! the fuzzer of `fuzz`, for which this module is public, everything else.

use std::io::Cursor;
use std::sync::Arc;

use bongsu_model::{Clock, Timestamp};
use bytes::Bytes;

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
    let lines: Vec<_> = text
        .split('\n')
        .map(|line| ("set-cookie".to_owned(), line.to_owned()))
        .collect();
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
