//! What this machine has for mounting, and what is mounted.

use std::fs::OpenOptions;
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::unistd::geteuid;

use super::super::mount_helper;
use super::{Findings, word};
use crate::fs::{Mount, MountError, MountState, inspect_within, mounts};
use crate::sandbox;

const FUSE: &str = "/dev/fuse";
/// Where the kernel tells the devices it has that share one number, and that of FUSE.
const DEVICES: &str = "/proc/misc";
const FUSE_CONFIGURATION: &str = "/etc/fuse.conf";
/// Where mount(8) looks for its helpers.
const HELPERS: [&str; 2] = ["/usr/sbin", "/sbin"];
/// So long a mount may take to answer.
const PATIENCE: Duration = Duration::from_secs(3);
const SET_USER_ID: u32 = 0o4000;

/// Looks at all that a mount takes here.
pub fn look(findings: &mut Findings) {
    fuse_device(findings);
    privileges(findings);
    helper(findings);
    for (part, outcome) in sandbox::parts() {
        match outcome {
            Ok(told) => findings.ok(part, told),
            Err(told) => findings.warn(part, told, "a mount goes without it; a newer kernel has it"),
        }
    }
    mounted(findings);
}

/// Looks at the directory that is to be mounted on.
pub fn look_at(mountpoint: &Path, findings: &mut Findings) {
    let (subject, shown) = ("mount point", mountpoint.display());
    // looking closer would hang with it
    if state(mountpoint).is_none() {
        return findings.fail(subject, format_args!("{shown} {}", unanswering()), takes_away(mountpoint));
    }
    match Mount::examine(mountpoint, false, false) {
        Ok(()) => findings.ok(subject, format_args!("{shown} is an empty directory")),
        Err(MountError::Stale(_)) => {
            let told = format_args!("{shown} is a stale mount: the astfs behind it has gone");
            findings.fail(subject, told, takes_away(mountpoint));
        }
        Err(MountError::Mounted(_)) => findings.ok(subject, format_args!("{shown} has an astfs mounted")),
        // it says itself what is to be done
        Err(error) => {
            let error = error.to_string();
            let (told, remedy) = error.split_once("; ").unwrap_or((&error, "give an empty directory"));
            findings.fail(subject, told, remedy);
        }
    }
}

fn fuse_device(findings: &mut Findings) {
    let subject = "fuse device";
    match OpenOptions::new().read(true).write(true).open(FUSE) {
        Ok(_) => findings.ok(subject, format_args!("{FUSE} opens")),
        Err(error) => {
            let remedy = match error.kind() {
                ErrorKind::PermissionDenied => {
                    "`chmod 666 /dev/fuse`, as udev does, or, in a container, let it have the device"
                }
                ErrorKind::NotFound if kernel_has_fuse() => {
                    "`mknod -m 666 /dev/fuse c 10 229`, or, in a container, give it the device"
                }
                _ => "`modprobe fuse`, or, in a container, give it the device",
            };
            findings.fail(subject, format_args!("{FUSE}: {error}"), remedy);
        }
    }
}

/// Whether only the name of the device is missing, as in a folder that is somebody's root.
fn kernel_has_fuse() -> bool {
    let devices = std::fs::read_to_string(DEVICES).unwrap_or_default();
    devices.lines().any(|line| line.split_whitespace().nth(1) == Some("fuse"))
}

/// Who may mount, and let others in.
fn privileges(findings: &mut Findings) {
    if geteuid().is_root() {
        match sandbox::may_mount() {
            true => findings.ok("privileges", "root mounts by itself"),
            false => findings.fail(
                "privileges",
                "root may not mount here",
                "in a container, give it CAP_SYS_ADMIN",
            ),
        }
        return;
    }
    let subject = "fusermount3";
    match fusermount() {
        Some(program) if is_set_user_id(&program) => findings.ok(subject, program.display()),
        Some(program) => {
            let shown = program.display();
            findings.fail(
                subject,
                format_args!("{shown} does not run as root"),
                format_args!("`chown root {0}; chmod u+s {0}`, as root", word(&program)),
            );
        }
        None => findings.fail(subject, "not on the PATH", "`apt install fuse3`, or mount as root"),
    }
    findings.warn(
        "control files",
        "only root mounts control files and event logs",
        "mount as root where the tree has some",
    );
    let configuration = std::fs::read_to_string(FUSE_CONFIGURATION).unwrap_or_default();
    match configuration.lines().any(|line| line.trim() == "user_allow_other") {
        true => findings.ok("allow_other", format_args!("{FUSE_CONFIGURATION} allows it")),
        false => findings.warn(
            "allow_other",
            format_args!("{FUSE_CONFIGURATION} does not allow it"),
            "write a line `user_allow_other` into it if others are to enter your mounts",
        ),
    }
}

fn fusermount() -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join("fusermount3")).find(|program| program.is_file())
}

fn is_set_user_id(program: &Path) -> bool {
    program.metadata().is_ok_and(|about| about.uid() == 0 && about.mode() & SET_USER_ID != 0)
}

/// Whether `mount -t astfs` and fstab find this program.
fn helper(findings: &mut Findings) {
    let name = mount_helper::NAME;
    let found = HELPERS.map(|folder| Path::new(folder).join(name)).into_iter().find(|path| path.exists());
    match found {
        Some(found) => findings.ok(name, found.display()),
        None => {
            let program = std::env::current_exe().unwrap_or_else(|_| "astfs".into());
            findings.warn(
                name,
                "mount(8) and /etc/fstab do not know astfs",
                format_args!("`ln -sf {} {}/{name}` if they are to", word(&program), HELPERS[0]),
            );
        }
    }
}

/// The astfs mounts there are, and those among them that nobody serves.
fn mounted(findings: &mut Findings) {
    let subject = "mounts";
    let all = match mounts() {
        Ok(all) => all,
        Err(error) => {
            let told = format_args!("what is mounted cannot be read: {error}");
            return findings.fail(subject, told, "`mount -t proc proc /proc`");
        }
    };
    let mut answer = 0;
    for mountpoint in &all {
        let shown = mountpoint.display();
        match state(mountpoint) {
            Some(MountState::Stale) => {
                findings.fail(
                    subject,
                    format_args!("{shown}: the astfs behind it has gone"),
                    takes_away(mountpoint),
                );
            }
            None => findings.fail(subject, format_args!("{shown} {}", unanswering()), takes_away(mountpoint)),
            Some(_) => answer += 1,
        }
    }
    if answer == all.len() {
        let told = if answer == 0 { "none".to_owned() } else { format!("{answer}, and all answer") };
        findings.ok(subject, told);
    }
}

/// What is at a mount point; none if it does not answer.
fn state(mountpoint: &Path) -> Option<MountState> {
    inspect_within(mountpoint, PATIENCE).unwrap_or(Some(MountState::Free))
}

fn unanswering() -> String {
    format!("does not answer within {} s", PATIENCE.as_secs())
}

fn takes_away(mountpoint: &Path) -> String {
    format!("`astfs umount {}` takes it away", word(mountpoint))
}
