//! What the fuzzer checks (`fuzz/`), without it: each of its functions over its corpus, and over mutations of that
//! which are the same in every run.

#![allow(clippy::expect_used, reason = "what fails here is the promise, told with these words")]

#[path = "../fuzz/targets/mod.rs"]
mod targets;

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

/// How many mutations each function gets, unless the environment's `ASTFS_FUZZ_MUTATIONS` is another number.
const MUTATIONS: usize = 500;
/// The longest mutation, in bytes.
const LONGEST: usize = 4_096;

/// Numbers that look random and are the same in every run (xorshift64*).
struct Numbers(u64);

impl Numbers {
    /// One of the numbers below `end`; 0 if there is none.
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let number = self.0.wrapping_mul(0x2545_F491_4F6C_DD1D);
        (number >> 33) as usize % end.max(1)
    }

    fn part<'b>(&mut self, bytes: &'b [u8]) -> &'b [u8] {
        let start = self.below(bytes.len() + 1);
        let length = self.below(bytes.len().min(64) + 1);
        &bytes[start..bytes.len().min(start + length)]
    }
}

/// Bytes that mean something to one reader or another.
const TELLING: [&[u8]; 20] = [
    b"\r\n",
    b"\n",
    b"\0",
    b"\xff",
    b"\xc3\xa9",
    b"\xe2\x82",
    b"'",
    b"\"",
    b"\\",
    b"{{",
    b"}}",
    b"{%",
    b"|",
    b"..",
    b"/",
    b"%",
    b"\r\n\r\n",
    b"--END COMMAND--\r\n\r\n",
    b"\xee\xbe\x80",
    b"    ",
];

/// One input made of two others.
fn mutation(numbers: &mut Numbers, one: &[u8], other: &[u8]) -> Vec<u8> {
    let mut bytes = one.to_vec();
    for _ in 0..=numbers.below(4) {
        let at = numbers.below(bytes.len() + 1);
        let end = bytes.len().min(at + numbers.below(16));
        match numbers.below(6) {
            0 => drop(bytes.splice(at..end, [])),
            1 => drop(bytes.splice(at..at, numbers.part(other).to_vec())),
            2 => drop(bytes.splice(at..end, TELLING[numbers.below(TELLING.len())].iter().copied())),
            3 => {
                let part = numbers.part(&bytes).to_vec();
                bytes.splice(at..at, part);
            }
            4 => bytes.truncate(at),
            _ => {
                if let Some(byte) = bytes.get_mut(at) {
                    *byte = byte.wrapping_add(numbers.below(255) as u8 + 1);
                }
            }
        }
    }
    bytes.truncate(LONGEST);
    bytes
}

fn corpus(name: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(name);
    let mut files: Vec<_> =
        fs::read_dir(folder).expect("a corpus").map(|entry| entry.expect("a file").path()).collect();
    files.sort();
    files.into_iter().map(|file| fs::read(file).expect("a file")).collect()
}

/// Runs a function over its corpus and over mutations of it; an input that breaks a promise fails the test, and is
/// written where `fuzz/corpus` can take it from.
fn holds_for_all(name: &str, check: fn(&[u8])) {
    let seeds = corpus(name);
    assert!(seeds.len() >= 5, "only {} seeds", seeds.len());
    let mut numbers = Numbers(0x5EED_0000 + name.len() as u64);
    let count = std::env::var("ASTFS_FUZZ_MUTATIONS").map(|number| number.parse().expect("a number"));
    let mutations = (0..count.unwrap_or(MUTATIONS)).map(|_| {
        let (one, other) = (numbers.below(seeds.len()), numbers.below(seeds.len()));
        mutation(&mut numbers, &seeds[one], &seeds[other])
    });
    for bytes in seeds.iter().cloned().chain(mutations) {
        if catch_unwind(AssertUnwindSafe(|| check(&bytes))).is_err() {
            let kept = std::env::temp_dir().join(format!("astfs-fuzz-{name}"));
            fs::write(&kept, &bytes).expect("a file");
            panic!("{name}: a promise is broken for what is in {}", kept.display());
        }
    }
}

#[test]
fn messages_do_not_depend_on_how_their_bytes_came() {
    holds_for_all("codec", targets::codec::check);
}

#[test]
fn each_parser_answers_any_bytes_within_bounds() {
    holds_for_all("parsers", targets::parsers::check);
}

#[test]
fn an_outline_is_read_from_any_bytes_within_bounds() {
    holds_for_all("outline", targets::outline::check);
}

#[test]
fn what_is_printed_in_a_format_is_of_that_format() {
    holds_for_all("print", targets::print::check);
}

#[test]
fn every_finding_about_a_tree_file_stands_inside_it() {
    holds_for_all("tree_file", targets::tree_file::check);
}

#[test]
fn a_template_ends_and_its_errors_tell_no_value() {
    holds_for_all("template", targets::template::check);
}

#[test]
fn a_name_in_a_directory_is_valid_and_reversible() {
    holds_for_all("name", targets::name::check);
}

#[test]
fn what_a_record_puts_into_a_question_stays_one_argument_or_header() {
    holds_for_all("sent", targets::sent::check);
}

#[test]
fn an_input_of_a_control_file_is_sent_as_one_argument_or_not_at_all() {
    holds_for_all("control", targets::control::check);
}

#[test]
fn a_recording_that_was_read_is_written_as_it_was() {
    holds_for_all("recording", targets::recording::check);
}
