//! Any bytes as a body, packed or not: no more comes out than allowed.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| bongsu_probes::fuzzing::bodies(bytes));
