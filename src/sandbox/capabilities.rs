//! The parts of root's privileges.

use std::fs::File;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use caps::errors::CapsError;
use caps::{CapSet, Capability, CapsHashSet};

/// What mounting and unmounting take: the call itself, and the way to a directory of another user.
const MOUNT: [Capability; 2] = [Capability::CAP_SYS_ADMIN, Capability::CAP_DAC_READ_SEARCH];

/// The same in words, for who is root.
pub const MOUNTING: &str = "CAP_SYS_ADMIN and CAP_DAC_READ_SEARCH, if it had them";

/// Whether this process has the privilege to mount without `fusermount3`.
pub fn may_mount() -> bool {
    caps::has_cap(None, CapSet::Effective, Capability::CAP_SYS_ADMIN).unwrap_or_default()
}

/// Has this thread keep what mounting and unmounting take, and nothing else.
///
/// # Errors
/// If the kernel does not allow it.
pub fn keep_what_mounting_takes() -> Result<(), CapsError> {
    keep(&MOUNT)
}

/// Gives up all of them, but for reading those of the paths that could not be read then. Gives the names of what
/// is kept.
pub fn give_up(reads: &[PathBuf]) -> Result<String, CapsError> {
    let kept: &[Capability] = match lacks_rights_without(reads) {
        true => &[Capability::CAP_DAC_READ_SEARCH],
        false => &[],
    };
    keep(kept)?;
    let left = caps::read(None, CapSet::Permitted)?;
    let names: Vec<String> = left.iter().map(Capability::to_string).collect();
    Ok(if names.is_empty() { "none".into() } else { names.join(", ") })
}

fn keep(wanted: &[Capability]) -> Result<(), CapsError> {
    let had = caps::read(None, CapSet::Permitted)?;
    let kept: CapsHashSet = wanted.iter().copied().filter(|capability| had.contains(capability)).collect();
    caps::set(None, CapSet::Effective, &kept)?;
    caps::set(None, CapSet::Permitted, &kept)?;
    caps::clear(None, CapSet::Inheritable)
}

/// Whether one of the paths cannot be read by a thread that has given up everything; it is tried.
fn lacks_rights_without(reads: &[PathBuf]) -> bool {
    let denied =
        |path: &Path| File::open(path).is_err_and(|error| error.kind() == ErrorKind::PermissionDenied);
    std::thread::scope(|scope| {
        let tried = scope.spawn(|| keep(&[]).is_ok() && reads.iter().any(|path| denied(path)));
        tried.join().unwrap_or_default()
    })
}
