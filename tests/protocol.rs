//! What the kernel is told and what it remembers: nothing torn, nothing stale for ever, nothing of another
//! user's, and no message that is not needed.
//!
//! `ASTFS_TEST_SECONDS` lengthens what runs for a while.

#![allow(clippy::expect_used, reason = "what fails here is the promise, told with these words")]

mod support;

#[path = "protocol/age.rs"]
mod age;
#[path = "protocol/away.rs"]
mod away;
#[path = "protocol/callers.rs"]
mod callers;
#[path = "protocol/listing.rs"]
mod listing;
#[path = "protocol/messages.rs"]
mod messages;
#[path = "protocol/phones.rs"]
mod phones;
#[path = "protocol/recovery.rs"]
mod recovery;
#[path = "protocol/slow.rs"]
mod slow;
#[path = "protocol/stale.rs"]
mod stale;
#[path = "protocol/storm.rs"]
mod storm;
#[path = "protocol/torn.rs"]
mod torn;
#[path = "protocol/versions.rs"]
mod versions;

use std::time::Duration;

/// How long something may take until it counts as never.
const PATIENCE: Duration = Duration::from_secs(20);

/// How long what runs for a while runs, unless told otherwise.
fn a_while(seconds: u64) -> Duration {
    let told = std::env::var("ASTFS_TEST_SECONDS").ok().and_then(|text| text.parse().ok());
    Duration::from_secs(told.unwrap_or(seconds))
}
