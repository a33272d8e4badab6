//! What must hold of bytes from the network whatever they are. The tests here give mutated seeds,
//! the fuzzer of `fuzz`, for which this module is public, everything else.

use std::io::Cursor;
use std::sync::Arc;

use bongsu_model::Clock;
use bytes::Bytes;

use crate::clock::SystemClock;
use crate::failure::Fault;

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
