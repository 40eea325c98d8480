#![no_main]
//! See tests/src/fuzz.rs, which has the target itself.

#[path = "../../tests/src/fuzz.rs"]
mod fuzz;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz::run("csv", bytes));
