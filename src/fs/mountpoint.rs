//! What is mounted where, and taking it away.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::mpsc::channel;
use std::time::Duration;

use nix::errno::Errno;
use nix::mount::{MntFlags, umount2};
use nix::sys::statvfs::statvfs;

/// How the kernel lists an astfs mount: with this source, and, as mounted by `fusermount3`, this type.
pub const SOURCE: &str = "astfs";
const TYPES: [&str; 2] = ["fuse", "fuse.astfs"];

/// What is at a directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MountState {
    /// Nothing is mounted there.
    Free,
    /// An astfs that answers.
    Astfs,
    /// What an astfs left behind that ended without unmounting.
    Stale,
    /// Another filesystem.
    Other,
}

/// Looks what is mounted at a directory.
///
/// # Errors
/// If the list of mounts cannot be read.
pub fn inspect(mountpoint: &Path) -> std::io::Result<MountState> {
    let target = absolute(mountpoint);
    let mounts = std::fs::read("/proc/self/mountinfo")?;
    let Some(mounted) = mounted_at(&mounts, &target) else { return Ok(MountState::Free) };
    if !mounted.is_astfs() {
        return Ok(MountState::Other);
    }
    // always answered by the process behind the mount; attributes the kernel would remember for it
    match statvfs(&target) {
        Err(Errno::ENOTCONN | Errno::ECONNABORTED) => Ok(MountState::Stale),
        _ => Ok(MountState::Astfs),
    }
}

/// Looks the same up, but waits no longer than this for the process behind a mount; none if it does not answer.
///
/// # Errors
/// If the list of mounts cannot be read.
pub fn inspect_within(mountpoint: &Path, patience: Duration) -> std::io::Result<Option<MountState>> {
    let (sender, told) = channel();
    let mountpoint = mountpoint.to_owned();
    // one that hangs holds up that thread, which ends with the program
    std::thread::spawn(move || sender.send(inspect(&mountpoint)));
    told.recv_timeout(patience).map_or(Ok(None), |state| state.map(Some))
}

/// The places of the astfs mounts that a path is in, the innermost first. The path is as the kernel lists
/// mounts: absolute, without links.
///
/// # Errors
/// If the list of mounts cannot be read.
pub fn mounts_around(path: &Path) -> std::io::Result<Vec<PathBuf>> {
    Ok(mounted_around(&std::fs::read("/proc/self/mountinfo")?, path))
}

/// The places of all astfs mounts, but for those inside another.
///
/// # Errors
/// If the list of mounts cannot be read.
pub fn mounts() -> std::io::Result<Vec<PathBuf>> {
    Ok(outermost(&std::fs::read("/proc/self/mountinfo")?))
}

/// Takes a mount away at once, even while files in it are open: they stay readable to whoever has
/// them, and the name is free again. What an astfs has mounted inside it goes first.
///
/// # Errors
/// If neither the kernel nor `fusermount3` does it.
pub fn detach(mountpoint: &Path) -> std::io::Result<()> {
    let target = absolute(mountpoint);
    for inside in mounted_inside(&std::fs::read("/proc/self/mountinfo")?, &target) {
        // where that cannot be done, the mount around it takes it along
        let _ = take_away(&inside);
    }
    take_away(&target)
}

/// Takes a mount away whose process does not answer, and with it what is mounted inside: that has no name of its
/// own that could be looked up.
///
/// # Errors
/// If neither the kernel nor `fusermount3` does it.
pub fn detach_unanswering(mountpoint: &Path) -> std::io::Result<()> {
    take_away(&absolute(mountpoint))
}

fn take_away(target: &Path) -> std::io::Result<()> {
    match umount2(target, MntFlags::MNT_DETACH) {
        Ok(()) => Ok(()),
        Err(Errno::EPERM) => fusermount(target),
        Err(error) => Err(error.into()),
    }
}

/// Without privileges a mount is taken away by the program that made it.
fn fusermount(target: &Path) -> std::io::Result<()> {
    let output = Command::new("fusermount3").args(["-u", "-z", "--"]).arg(target).output()?;
    if output.status.success() {
        return Ok(());
    }
    Err(std::io::Error::other(String::from_utf8_lossy(&output.stderr).trim().to_owned()))
}

/// The path as the kernel lists it. The directory itself may not answer, so only its parent is
/// looked at.
fn absolute(path: &Path) -> PathBuf {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    match (path.parent().map(Path::canonicalize), path.file_name()) {
        (Some(Ok(parent)), Some(name)) => parent.join(name),
        _ => path,
    }
}

/// A line of `/proc/PID/mountinfo` (see proc(5)): the mount point is the fifth field, type and source
/// follow the field `-`.
struct Mounted {
    at: PathBuf,
    filesystem: String,
    source: String,
}

impl Mounted {
    fn is_astfs(&self) -> bool {
        self.source == SOURCE && TYPES.contains(&self.filesystem.as_str())
    }
}

fn listed(mountinfo: &[u8]) -> impl DoubleEndedIterator<Item = Mounted> {
    mountinfo.split(|&byte| byte == b'\n').filter_map(|line| {
        let fields: Vec<&[u8]> = line.split(|&byte| byte == b' ').collect();
        let dash = fields.iter().position(|field| *field == b"-")?;
        let text = |index: usize| {
            String::from_utf8_lossy(fields.get(index).copied().unwrap_or_default()).into_owned()
        };
        let at = OsStr::from_bytes(&unescape(fields.get(4)?)).into();
        Some(Mounted { at, filesystem: text(dash + 1), source: text(dash + 2) })
    })
}

/// What is mounted at `target`; the last mount counts.
fn mounted_at(mountinfo: &[u8], target: &Path) -> Option<Mounted> {
    listed(mountinfo).rfind(|mounted| mounted.at == target)
}

/// What an astfs has mounted below `target`, the last first.
fn mounted_inside(mountinfo: &[u8], target: &Path) -> Vec<PathBuf> {
    let inside =
        |mounted: &Mounted| mounted.is_astfs() && mounted.at != target && mounted.at.starts_with(target);
    listed(mountinfo).rev().filter(inside).map(|mounted| mounted.at).collect()
}

/// The astfs mounts around a path, the innermost first.
fn mounted_around(mountinfo: &[u8], path: &Path) -> Vec<PathBuf> {
    let around = |mounted: &Mounted| mounted.is_astfs() && path.starts_with(&mounted.at);
    let mut around: Vec<_> = listed(mountinfo).filter(around).map(|mounted| mounted.at).collect();
    around.sort_by_key(|at| std::cmp::Reverse(at.components().count()));
    around
}

/// The astfs mounts that are in no other.
fn outermost(mountinfo: &[u8]) -> Vec<PathBuf> {
    let mut outermost: Vec<PathBuf> = Vec::new();
    for mounted in listed(mountinfo).filter(Mounted::is_astfs) {
        if !outermost.iter().any(|around| mounted.at.starts_with(around)) {
            outermost.push(mounted.at);
        }
    }
    outermost
}

/// `\040` for a blank, and so on.
fn unescape(field: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(field.len());
    let mut rest = field;
    while let Some((&first, after)) = rest.split_first() {
        let octal = |digits: &[u8]| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 8).ok();
        match after.get(..3).and_then(octal) {
            Some(byte) if first == b'\\' => {
                bytes.push(byte);
                rest = &after[3..];
            }
            _ => {
                bytes.push(first);
                rest = after;
            }
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOUNTINFO: &[u8] = b"22 1 0:20 / / rw - ext4 /dev/vda rw\n\
        40 22 0:35 / /mnt rw,nosuid shared:9 - fuse.astfs astfs ro\n\
        41 22 0:36 / /mnt/a\\040b rw - fuse astfs ro\n\
        42 22 0:37 / /srv rw - fuse.astfs astfs ro\n\
        43 22 0:38 / /srv rw - tmpfs tmpfs rw\n";

    #[test]
    fn the_last_mount_at_a_place_counts() {
        let at = |path: &str| {
            mounted_at(MOUNTINFO, Path::new(path)).map(|one| format!("{} {}", one.filesystem, one.source))
        };
        assert_eq!(at("/mnt").as_deref(), Some("fuse.astfs astfs"));
        assert_eq!(at("/mnt/a b").as_deref(), Some("fuse astfs"));
        assert_eq!(at("/srv").as_deref(), Some("tmpfs tmpfs"));
        assert_eq!(at("/mnt/nowhere"), None);
    }

    #[test]
    fn what_astfs_has_mounted_inside_is_found_the_last_first() {
        let inside = |path: &str| mounted_inside(MOUNTINFO, Path::new(path));
        assert_eq!(inside("/"), ["/srv", "/mnt/a b", "/mnt"].map(PathBuf::from));
        assert_eq!(inside("/mnt"), [PathBuf::from("/mnt/a b")]);
        let around = |path: &str| mounted_around(MOUNTINFO, Path::new(path));
        assert_eq!(around("/mnt/a b/c"), ["/mnt/a b", "/mnt"].map(PathBuf::from));
        assert!(around("/mntx").is_empty());
        assert_eq!(outermost(MOUNTINFO), ["/mnt", "/srv"].map(PathBuf::from));
        assert!(inside("/srv").is_empty() && inside("/mn").is_empty());
    }
}
