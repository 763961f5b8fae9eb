//! The target `run` under cargo-fuzz.
#![no_main]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| tests::fuzz::run_named("run", bytes));
