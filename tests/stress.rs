//! Everything at once, for as long as one likes: readers, walks, `tail -f`, control files, edits of the tree,
//! registrations, a server that fails and comes back. No call is held up, and in the end nothing is left of it.
//!
//! `ASTFS_STRESS_SECONDS` says how long. The table of `docs/reliability.md` comes of
//! `cargo test --test stress -- --ignored table`, which takes ten minutes unless told otherwise.

#![allow(clippy::expect_used, reason = "what fails here is the promise, told with these words")]

mod support;

#[path = "stress/chance.rs"]
mod chance;
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
use support::document::write_table;
use support::mount::fuse_available;

/// How many peers the server has.
const PEERS: usize = 500;

fn lasting(unless_told: u64) -> Duration {
    let told = std::env::var("ASTFS_STRESS_SECONDS").ok().and_then(|text| text.parse().ok());
    Duration::from_secs(told.unwrap_or(unless_told))
}

#[test]
#[ignore = "lasts half a minute, and has not been seen often enough to be relied on, see docs/reliability.md"]
fn nothing_hangs_or_leaks_or_stays_untrue_however_much_happens_at_once() {
    if !fuse_available() {
        return;
    }
    let report = Report::of(PEERS, lasting(20));
    println!("{}", report.table());
    report.assert_kept();
}

#[test]
#[ignore = "writes a table of docs/reliability.md, which takes ten minutes"]
fn table() {
    assert!(fuse_available(), "there is no table without mounts");
    let report = Report::of(PEERS, lasting(600));
    println!("{}", report.table());
    write_table("stress", &report.table());
    report.assert_kept();
}
