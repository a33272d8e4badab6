//! Any lines as the cookies that a server sets: what goes back is one proper header.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| bongsu_probes::fuzzing::cookies(bytes));
