//! Which tests have touched the real thing, and which were skipped.
//!
//! A suite that skips what it cannot run is green and proves nothing. With `ASTFS_TEST_COUNTS` naming a file, each
//! line of it becomes `KIND<TAB>TEST` or `skipped<TAB>TEST<TAB>REASON`; `tests/run` counts and prints them.

use std::fs::OpenOptions;
use std::io::Write;
use std::panic::Location;

/// The real things that are counted; the names are those that `tests/run` prints.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Real {
    /// A mount in the kernel, served by the built program.
    Mount,
    /// A running Asterisk 16.
    Asterisk16,
    /// A running Asterisk 22.
    Asterisk22,
}

/// Notes that the running test uses `real`.
#[track_caller]
pub fn touched(real: Real) {
    let kind = match real {
        Real::Mount => "real mount",
        Real::Asterisk16 => "asterisk 16",
        Real::Asterisk22 => "asterisk 22",
    };
    append(&format!("{kind}\t{}\n", running_test()));
}

/// Notes, and says on standard error, that the running test cannot do its work on this machine.
#[track_caller]
pub fn skipped(reason: &str) {
    let test = running_test();
    let reason = reason.split_whitespace().collect::<Vec<_>>().join(" ");
    // Not `eprintln!`, which the test runner swallows for a test that passes.
    let _ = writeln!(std::io::stderr(), "skipped: {test}: {reason}");
    append(&format!("skipped\t{test}\t{reason}\n"));
}

/// The test's name, which the test runner gives to its thread; with a single test thread every test runs on the
/// main one, and the line that asked tells them apart.
#[track_caller]
fn running_test() -> String {
    let file = env!("CARGO_CRATE_NAME");
    match std::thread::current().name() {
        Some(name) if name != "main" => format!("{file}::{name}"),
        _ => format!("{file}, line {}", Location::caller().line()),
    }
}

/// Appends in one write, so that lines of tests that run at once do not mix.
fn append(line: &str) {
    let Some(path) = std::env::var_os("ASTFS_TEST_COUNTS") else { return };
    let mut file = OpenOptions::new().create(true).append(true).open(&path).expect("ASTFS_TEST_COUNTS opens");
    file.write_all(line.as_bytes()).expect("ASTFS_TEST_COUNTS can be written");
}
