//! Any text as a template: rendered fit to be sent, or told.
#![no_main]

#[path = "../../language/tests/it/harness.rs"]
#[expect(dead_code, reason = "each target has one of them")]
mod harness;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| harness::expressions(bytes));
