//! Any bytes as a certificate: when it ends, or nothing.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| bongsu_probes::fuzzing::staples(bytes));
