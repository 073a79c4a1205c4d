//! Mounting a tree, and ending it.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use fuser::{Config, MountOption, Session, SessionACL};
use tokio::runtime::Handle;
use tokio::sync::oneshot;

use super::filesystem::TreeFilesystem;
use super::mountpoint::{MountState, SOURCE, detach, inspect};
use super::notices::Notices;
use super::publish::Publisher;
use super::shared::Shared;
use crate::tree::Tree;

/// Who may enter the mount.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Only the user who mounts.
    Owner,
    /// Every user; the files' own permissions decide.
    Others,
}

/// Why a tree could not be mounted.
#[derive(Debug, thiserror::Error)]
pub enum MountError {
    /// The mount point cannot be looked at.
    #[error("{}: {error}{}", .mountpoint.display(), absence(.error))]
    Mountpoint {
        /// Where.
        mountpoint: PathBuf,
        /// Why not.
        error: io::Error,
    },
    /// The mount point is no directory.
    #[error("{} is not a directory; give an empty directory to mount on", .0.display())]
    NotADirectory(PathBuf),
    /// There is something in it that the mount would hide.
    #[error("{} is not empty; mount on an empty directory, or give --nonempty to hide what is there", .0.display())]
    NotEmpty(PathBuf),
    /// An astfs is mounted there.
    #[error("{} has an astfs mounted already; `astfs umount {}` ends it", .0.display(), .0.display())]
    Mounted(PathBuf),
    /// What an astfs left behind that ended without unmounting.
    #[error(
        "{} is a stale mount: the astfs behind it has gone; give --recover to replace it, or `astfs umount {}`",
        .0.display(), .0.display()
    )]
    Stale(PathBuf),
    /// The kernel or `fusermount3` refused.
    #[error("{} cannot be mounted: {error}{}", .mountpoint.display(), hint(.error))]
    Refused {
        /// Where.
        mountpoint: PathBuf,
        /// Why not.
        error: io::Error,
    },
}

/// How a mount ended.
#[derive(Debug)]
pub enum Ended {
    /// Somebody unmounted it.
    Unmounted,
    /// The connection to the kernel broke.
    Broken(io::Error),
}

/// A mounted tree. It stays mounted until it is [detached](Mount::detach) or somebody unmounts it.
pub struct Mount {
    mountpoint: PathBuf,
    ended: oneshot::Receiver<Ended>,
}

/// One thread more than needed keeps a slow request from holding up the others.
const SESSION_THREADS: usize = 2;

impl Mount {
    /// Checks that a directory can be mounted on; with `recover`, takes a stale mount away first.
    ///
    /// # Errors
    /// Why it cannot.
    pub fn prepare(mountpoint: &Path, nonempty: bool, recover: bool) -> Result<(), MountError> {
        let failed = |error| MountError::Mountpoint { mountpoint: mountpoint.to_owned(), error };
        match inspect(mountpoint).map_err(failed)? {
            MountState::Astfs => return Err(MountError::Mounted(mountpoint.to_owned())),
            MountState::Stale if recover => detach(mountpoint).map_err(failed)?,
            MountState::Stale => return Err(MountError::Stale(mountpoint.to_owned())),
            MountState::Free | MountState::Other => {}
        }
        if !std::fs::metadata(mountpoint).map_err(failed)?.is_dir() {
            return Err(MountError::NotADirectory(mountpoint.to_owned()));
        }
        if !nonempty && std::fs::read_dir(mountpoint).map_err(failed)?.next().is_some() {
            return Err(MountError::NotEmpty(mountpoint.to_owned()));
        }
        Ok(())
    }

    /// Mounts a tree. When this returns, the mount answers.
    ///
    /// # Errors
    /// If the kernel or `fusermount3` refuses.
    pub fn start(
        tree: Arc<Tree>,
        mountpoint: &Path,
        access: Access,
        runtime: Handle,
    ) -> Result<Mount, MountError> {
        let refused = |error| MountError::Refused { mountpoint: mountpoint.to_owned(), error };
        let mut config = Config::default();
        config.mount_options = vec![
            MountOption::FSName(SOURCE.into()),
            MountOption::Subtype("astfs".into()),
            MountOption::RO,
            MountOption::DefaultPermissions,
            MountOption::NoSuid,
            MountOption::NoDev,
            MountOption::NoExec,
            MountOption::NoAtime,
        ];
        config.acl = match access {
            Access::Owner => SessionACL::Owner,
            Access::Others => SessionACL::All,
        };
        config.n_threads = Some(SESSION_THREADS);
        let (notices, unsent) = Notices::new();
        let shared = Arc::new(Shared::new(Arc::clone(&tree), Arc::clone(&notices), runtime.clone()));
        let filesystem = TreeFilesystem::new(Arc::clone(&shared));
        let session = Session::new(filesystem, mountpoint, &config).map_err(refused)?;
        let kernel = session.notifier();
        let notifier = std::thread::Builder::new().name("notices".into());
        notifier.spawn(move || notices.send(&unsent, &kernel)).map_err(refused)?;
        runtime.spawn(tree.follow(Box::new(Publisher(shared))));
        let (sender, ended) = oneshot::channel();
        std::thread::Builder::new()
            .name("fuse".into())
            .spawn(move || {
                let end = match session.run() {
                    Ok(()) => Ended::Unmounted,
                    Err(error) => Ended::Broken(error),
                };
                // nobody listens when the program is ending anyway
                let _ = sender.send(end);
            })
            .map_err(refused)?;
        Ok(Mount { mountpoint: mountpoint.to_owned(), ended })
    }

    /// Waits until somebody unmounts it.
    pub async fn ended(&mut self) -> Ended {
        (&mut self.ended).await.unwrap_or(Ended::Unmounted)
    }

    /// Takes the mount away, whoever uses it. Nobody is waited for: a file that is open stays open,
    /// and the program can end.
    ///
    /// # Errors
    /// If it cannot be taken away.
    pub fn detach(&self) -> io::Result<()> {
        detach(&self.mountpoint)
    }
}

fn absence(error: &io::Error) -> &'static str {
    if error.kind() == io::ErrorKind::NotFound { "; make the directory first" } else { "" }
}

fn hint(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::NotFound => {
            "; is the FUSE module loaded (/dev/fuse) and, if not root, fusermount3 installed?"
        }
        io::ErrorKind::PermissionDenied => "; run as root, or install fuse3 and own the directory",
        _ => "",
    }
}
