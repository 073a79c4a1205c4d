//! Another user, who has no right of his own.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};
use nix::sys::stat::{Mode, SFlag, makedev, mknod};
use nix::unistd::geteuid;

use super::counts;
use super::mount::Mounted;
use super::simulated::{run_within, text};

/// His number, and his group's.
pub const NOBODY: u32 = 65_534;

/// Whether we can become him; where not, the reason is printed and the test counts as skipped.
pub fn can_become_nobody() -> bool {
    if !geteuid().is_root() {
        counts::skipped("only root becomes another user");
        return false;
    }
    true
}

/// Gives this thread, and what it starts, a `/dev/fuse` that every user may open, as most machines have. It is in
/// that folder, and seen by nobody else.
pub fn open_the_device(folder: &Path) {
    let device = folder.join("fuse");
    mknod(&device, SFlag::S_IFCHR, Mode::empty(), makedev(10, 229)).expect("a device");
    fs::set_permissions(&device, fs::Permissions::from_mode(0o666)).expect("it is ours");
    unshare(CloneFlags::CLONE_NEWNS).expect("mounts of our own");
    let none = None::<&str>;
    mount(none, "/", none, MsFlags::MS_REC | MsFlags::MS_PRIVATE, none).expect("they stay our own");
    mount(Some(&device), "/dev/fuse", none, MsFlags::MS_BIND, none)
        .expect("the device in the place of the other");
}

/// Lets every user come as far as the mount point.
pub fn let_others_near(mounted: &Mounted) {
    let folder = mounted.path().parent().expect("a mount point lies in a folder");
    fs::set_permissions(folder, fs::Permissions::from_mode(0o755)).expect("the folder is ours");
}

/// What a program says when he runs it: its output, or its complaint.
pub fn as_nobody(
    program: &str,
    arguments: impl IntoIterator<Item = impl AsRef<OsStr>>,
) -> Result<String, String> {
    let ids = [format!("--reuid={NOBODY}"), format!("--regid={NOBODY}"), "--clear-groups".into()];
    let mut command = Command::new("setpriv");
    command.args(ids).arg(program).args(arguments).env("LC_ALL", "C");
    let output = run_within(Duration::from_secs(20), &mut command);
    if output.status.success() { Ok(text(&output.stdout)) } else { Err(text(&output.stderr)) }
}

/// Whether he was told that he may not.
#[track_caller]
pub fn assert_refused(result: Result<String, String>) {
    let complaint = result.expect_err("it was allowed");
    assert!(complaint.contains("Permission denied"), "{complaint}");
}
