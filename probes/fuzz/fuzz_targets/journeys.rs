//! Any file: a journey, fragment, catalogue or target, or what is wrong with it.
#![no_main]

#[path = "../../language/tests/it/harness.rs"]
#[expect(dead_code, reason = "each target has one of them")]
mod harness;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| harness::journeys(bytes));
