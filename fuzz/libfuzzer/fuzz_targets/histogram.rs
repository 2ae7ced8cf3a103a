#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| stampede_fuzz::histogram::run(data));
