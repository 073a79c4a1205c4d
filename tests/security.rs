//! What docs/security.md promises: secrets stay where they are, what a server tells steers nothing, and a mount
//! has given up what it does not need.

#![allow(clippy::expect_used, reason = "what fails here is the promise, told with these words")]

#[path = "security/code.rs"]
mod code;
#[path = "security/sandbox.rs"]
mod sandbox;
#[path = "security/secrets.rs"]
mod secrets;
#[path = "security/steering.rs"]
mod steering;
mod support;

use std::time::Duration;

/// How long something may take until it counts as never.
const PATIENCE: Duration = Duration::from_secs(60);
