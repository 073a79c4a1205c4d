//! What the integration tests stand on: real Asterisk servers, real phones, real mounts.
//!
//! A test file says `mod support;` and takes what it needs. Everything started here ends with the value
//! that stands for it, also when the test panics, and a server even when the test process is killed.
//!
//! What a machine lacks makes a test *skip*: the function says so on standard error and gives `None` or
//! `false`, and the test returns. Under `tests/run` a missing Asterisk is a failure instead.

#![allow(dead_code, reason = "each test file uses a part of the support")]
#![allow(clippy::expect_used, reason = "what the tests' ground lacks ends the test, with these words")]

pub mod answers;
pub mod asterisk;
pub mod calls;
pub mod counts;
pub mod document;
pub mod gauges;
pub mod mount;
pub mod nobody;
pub mod page;
pub mod proxy;
pub mod recorded;
pub mod simulated;
pub mod sip;
pub mod stream;
pub mod terminal;
pub mod walk;

use std::time::{Duration, Instant};

/// Asks `condition` every few milliseconds until it holds or `timeout` has passed; says whether it held.
#[must_use = "a condition that never held is a failure"]
pub fn wait_until(timeout: Duration, mut condition: impl FnMut() -> bool) -> bool {
    let deadline = Instant::now() + timeout;
    loop {
        if condition() {
            return true;
        }
        if Instant::now() >= deadline {
            return false;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// The fields of the shipped tree's `credentials`, in their order.
pub const CREDENTIALS: [&str; 12] = [
    "name",
    "username",
    "secret",
    "md5secret",
    "fromuser",
    "fromdomain",
    "cid_name",
    "remotesecret",
    "fullcontact",
    "useragent",
    "regexten",
    "transports",
];
