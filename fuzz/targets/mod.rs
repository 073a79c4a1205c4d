//! What holds for any input at all: one function for each subject, which panics where it does not.
//!
//! The fuzzer calls them (`fuzz_targets`), and so does `tests/fuzz.rs`, with the corpus and some mutations.

pub mod codec;
pub mod control;
pub mod name;
pub mod outline;
pub mod parsers;
pub mod print;
pub mod recording;
pub mod sent;
pub mod template;
pub mod tree_file;

mod value;
mod words;
