//! Any bytes as the body of an answer of gRPC.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| bongsu_probes::fuzzing::calls(bytes));
