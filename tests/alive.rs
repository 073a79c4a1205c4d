//! Control files and event logs on a real mount, and the mounts inside the mount.

#![allow(clippy::expect_used, reason = "what fails here is the promise, told with these words")]

mod support;

#[path = "alive/control.rs"]
mod control;
#[path = "alive/logs.rs"]
mod logs;
#[path = "alive/mounts.rs"]
mod mounts;

use std::path::Path;
use std::process::{Command, Output};
use std::time::Duration;

use support::mount::{Mounted, is_mounted};
use support::simulated::{Simulated, run_within, shell_in};
use support::wait_until;

const PATIENCE: Duration = Duration::from_secs(20);

/// Mounts a tree, and waits until its directories `alive` are mounted too and the server is there.
#[track_caller]
fn mount(server: &Simulated, tree: &Path, arguments: &[&str], alive: &[&str]) -> Mounted {
    let mounted = server.mount_with(tree, arguments);
    let connected = || mounted.stderr().contains("connected");
    let all = || connected() && alive.iter().all(|directory| is_mounted(&mounted.join(directory)));
    assert!(wait_until(PATIENCE, all), "{}", mounted.stderr());
    mounted
}

/// Runs a shell script inside a mount.
#[track_caller]
fn shell(mounted: &Mounted, script: &str) -> Output {
    shell_in(mounted.path(), PATIENCE, script)
}

/// Runs a Python script inside a mount; none where there is no Python.
#[track_caller]
fn python(mounted: &Mounted, script: &str) -> Option<Output> {
    let found = Command::new("python3").arg("--version").output().is_ok_and(|output| output.status.success());
    if !found {
        support::counts::skipped("there is no python3");
        return None;
    }
    Some(run_within(PATIENCE, Command::new("python3").args(["-c", script]).current_dir(mounted.path())))
}
