//! Any bytes from a WebSocket's server: frames in the inbox, then one end.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| bongsu_probes::fuzzing::frames(bytes));
