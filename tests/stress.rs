//! Everything at once, for as long as one likes: readers, walks, `tail -f`, control files, edits of the tree,
//! registrations, a server that fails and comes back. No call is held up, and in the end nothing is left of it.
//!
//! `ASTFS_STRESS_SECONDS` says how long, `ASTFS_STRESS_PEERS` how many peers the server has. The table of
//! `docs/reliability.md` and its chart come of `cargo test --test stress -- --ignored table`, which takes ten minutes
//! unless told otherwise.

#![allow(clippy::expect_used, reason = "what fails here is the promise, told with these words")]

mod support;

#[path = "stress/chance.rs"]
mod chance;
#[path = "stress/chart.rs"]
mod chart;
#[path = "stress/report.rs"]
mod report;
#[path = "stress/saboteur.rs"]
mod saboteur;
#[path = "stress/stage.rs"]
mod stage;
#[path = "stress/workers.rs"]
mod workers;

use std::time::Duration;

use report::Report;
use support::document::{write_chart, write_table};
use support::mount::fuse_available;

/// How many peers the server has unless told otherwise.
const PEERS: usize = 500;

/// The number that a variable tells.
fn told(variable: &str) -> Option<usize> {
    std::env::var(variable).ok().and_then(|text| text.parse().ok())
}

/// What comes of it, for so many seconds unless told otherwise.
fn report(seconds: usize) -> Report {
    let seconds = told("ASTFS_STRESS_SECONDS").unwrap_or(seconds);
    Report::of(told("ASTFS_STRESS_PEERS").unwrap_or(PEERS), Duration::from_secs(seconds as u64))
}

#[test]
fn nothing_hangs_or_leaks_or_stays_untrue_however_much_happens_at_once() {
    if !fuse_available() {
        return;
    }
    let report = report(15);
    println!("{}", report.table());
    report.assert_kept();
}

#[test]
#[ignore = "writes a table of docs/reliability.md, which takes ten minutes"]
fn table() {
    assert!(fuse_available(), "there is no table without mounts");
    let report = report(600);
    println!("{}", report.table());
    write_table("stress", &report.table());
    write_chart(&report.chart());
    report.assert_kept();
}
