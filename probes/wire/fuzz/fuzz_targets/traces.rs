//! Any bytes as a request of runs: reading in place and the full decode agree.
#![no_main]

#[path = "../../tests/it/agreement.rs"]
mod agreement;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| agreement::agree(bytes));
