//! The target `segment` under cargo-fuzz.
#![no_main]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| tests::fuzz::run_named("segment", bytes));
