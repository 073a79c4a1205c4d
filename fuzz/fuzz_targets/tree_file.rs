#![no_main]

#[allow(dead_code, reason = "each program runs one of them")]
#[path = "../targets/mod.rs"]
mod targets;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| targets::tree_file::check(bytes));
