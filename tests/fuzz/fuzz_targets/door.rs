//! The target `door` under cargo-fuzz.
#![no_main]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| tests::fuzz::run_named("door", bytes));
