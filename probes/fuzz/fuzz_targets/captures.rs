//! Any path into any body: the ways to take its matches agree.
#![no_main]

#[path = "../../language/tests/it/harness.rs"]
#[expect(dead_code, reason = "each target has one of them")]
mod harness;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| harness::captures(bytes));
