//! Mounting a tree, and ending it.

use std::fs::File;
use std::future::poll_fn;
use std::io;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;

use fuser::{Config, Filesystem, MountOption, Notifier, Session, SessionACL};
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::task::AbortHandle;

use super::alive::AliveFilesystem;
use super::deadlines::Deadlines;
use super::filesystem::TreeFilesystem;
use super::gauge::Gauge;
use super::mounter::Mounter;
use super::mountpoint::{MountState, SOURCE, detach, inspect};
use super::notices::{Notices, SENDERS};
use super::publish::Publisher;
use super::shared::Shared;
use crate::tree::{Alive, Tree};

/// Who may enter the mount, and what can be done there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Access {
    /// Every user may enter, and the files' own permissions decide; otherwise only the user who mounts.
    pub others: bool,
    /// Control files cannot be written either.
    pub read_only: bool,
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
    /// What is alive could not be mounted inside the tree.
    #[error(
        "{} cannot be mounted inside the tree: {}; control files and event logs need astfs to run as root",
        .mountpoint.display(), .error.to_string().trim()
    )]
    Alive {
        /// Where.
        mountpoint: PathBuf,
        /// Why not.
        error: io::Error,
    },
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
///
/// What is alive in the tree is mounted inside it, each directory by itself; those mounts end with it.
pub struct Mount {
    mountpoint: PathBuf,
    access: Access,
    mounter: Mounter,
    shared: Arc<Shared>,
    following: AbortHandle,
    ended: oneshot::Receiver<Ended>,
    alive: Option<AliveMounts>,
}

/// What is mounted inside the tree.
struct AliveMounts {
    alive: Arc<Alive>,
    following: AbortHandle,
    names: Vec<String>,
    ended: Vec<oneshot::Receiver<Ended>>,
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
        if recover && inspect(mountpoint).map_err(failed)? == MountState::Stale {
            detach(mountpoint).map_err(failed)?;
        }
        Mount::examine(mountpoint, nonempty, false)
    }

    /// Checks the same without taking anything away; what a stale mount hides is not known.
    ///
    /// # Errors
    /// Why it cannot.
    pub fn examine(mountpoint: &Path, nonempty: bool, recover: bool) -> Result<(), MountError> {
        let failed = |error| MountError::Mountpoint { mountpoint: mountpoint.to_owned(), error };
        match inspect(mountpoint).map_err(failed)? {
            MountState::Astfs => return Err(MountError::Mounted(mountpoint.to_owned())),
            MountState::Stale if recover => return Ok(()),
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

    /// Mounts a tree, by the thread that mounts and later unmounts. When this returns, the mount answers.
    ///
    /// # Errors
    /// If the kernel or `fusermount3` refuses.
    pub fn start(
        tree: Arc<Tree>,
        mountpoint: &Path,
        access: Access,
        mounter: Mounter,
        runtime: Handle,
    ) -> Result<Mount, MountError> {
        let refused = |error| MountError::Refused { mountpoint: mountpoint.to_owned(), error };
        let (notices, unsent) = Notices::new();
        let deadlines = Arc::new(Deadlines::new(runtime.clone()).map_err(refused)?);
        let shared = Shared::new(Arc::clone(&tree), Arc::clone(&notices), runtime.clone(), deadlines);
        let shared = Arc::new(shared);
        let following = Arc::clone(&tree).follow(Box::new(Publisher(Arc::clone(&shared))));
        let filesystem = TreeFilesystem::new(Arc::clone(&shared));
        let session = mount(&mounter, filesystem, mountpoint, config(access, MountOption::RO));
        let session = session.map_err(refused)?;
        shared.connect(File::from(session.as_fd().try_clone_to_owned().map_err(refused)?));
        let (ended, kernel) = serve(session).map_err(refused)?;
        let unsent = Arc::new(unsent);
        for _ in 0..SENDERS {
            let (notices, unsent, kernel) = (Arc::clone(&notices), Arc::clone(&unsent), kernel.clone());
            let notifier = std::thread::Builder::new().name("notices".into());
            notifier.spawn(move || notices.send(&unsent, |notice| notice.tell(&kernel))).map_err(refused)?;
        }
        let following = runtime.spawn(following).abort_handle();
        let mountpoint = mountpoint.to_owned();
        let mut mount = Mount { mountpoint, access, mounter, shared, following, ended, alive: None };
        if let Err(error) = mount.start_alive(tree) {
            // what was mounted so far is of no use to whoever is told that it failed
            let _ = mount.detach();
            return Err(error);
        }
        Ok(mount)
    }

    /// The tree that is mounted.
    pub fn tree(&self) -> Arc<Tree> {
        self.shared.tree()
    }

    /// The way to measure it.
    pub fn gauge(&self) -> Gauge {
        Gauge(Arc::downgrade(&self.shared))
    }

    /// Has a successor of the mounted tree take its place, at once: what is the same stays what it is, down
    /// to what the kernel remembers.
    ///
    /// # Errors
    /// If what is alive in it cannot be mounted; everything else is in its place then.
    pub fn replace(&mut self, tree: Arc<Tree>) -> Result<(), MountError> {
        let same = Alive::is_same(&self.tree(), &tree);
        if !same {
            self.end_alive();
        }
        // both follow for a moment, so that no event is missed
        let following = Arc::clone(&tree).follow(Box::new(Publisher(Arc::clone(&self.shared))));
        let before = self.shared.replace_tree(Arc::clone(&tree));
        self.following.abort();
        self.following = self.shared.runtime.spawn(following).abort_handle();
        self.shared.take_over(&tree, &before);
        match &self.alive {
            Some(mounts) => mounts.alive.replace_tree(tree),
            None => self.start_alive(tree)?,
        }
        Ok(())
    }

    /// Mounts what is alive inside the tree.
    fn start_alive(&mut self, tree: Arc<Tree>) -> Result<(), MountError> {
        let directories = Alive::directories(&tree);
        if directories.is_empty() {
            return Ok(());
        }
        // `fusermount3`, by which others than root mount, mounts nothing inside a FUSE mount: logs that stay
        // empty must not keep them from the rest of a tree
        let may_lack = !nix::unistd::geteuid().is_root()
            && tree.queries().model().entries.iter().all(|entry| entry.write.is_none());
        let runtime = self.shared.runtime.clone();
        let writing = if self.access.read_only { MountOption::RO } else { MountOption::RW };
        let (alive, following) = Alive::new(tree);
        let alive = Arc::new(alive);
        let following = runtime.spawn(following).abort_handle();
        let (names, ended) = Default::default();
        let mounts = self.alive.insert(AliveMounts { alive, following, names, ended });
        for (name, directory) in directories {
            let mountpoint = self.mountpoint.join(&name);
            let filesystem = AliveFilesystem::new(
                Arc::clone(&mounts.alive),
                directory,
                Arc::clone(&self.shared.deadlines),
            );
            let session = mount(&self.mounter, filesystem, &mountpoint, config(self.access, writing.clone()));
            match session.and_then(serve) {
                Ok((ended, _)) => {
                    mounts.names.push(name);
                    mounts.ended.push(ended);
                }
                Err(_) if may_lack => tracing::warn!("only root can mount event logs: {name}/ stays empty"),
                Err(error) => return Err(MountError::Alive { mountpoint, error }),
            }
        }
        Ok(())
    }

    /// Takes away what is mounted inside the tree. Whoever has a log open reads what it held.
    fn end_alive(&mut self) {
        let Some(mounts) = self.alive.take() else { return };
        mounts.following.abort();
        for name in mounts.names {
            let mountpoint = self.mountpoint.join(name);
            if let Err(error) = take_away(&self.mounter, &mountpoint) {
                tracing::warn!("{} stays mounted: {error}", mountpoint.display());
            }
        }
    }

    /// Waits until somebody unmounts it, or the kernel's connection to it, or to what is mounted inside it, breaks.
    pub async fn ended(&mut self) -> Ended {
        let inside = self.alive.as_mut().map(|mounts| &mut mounts.ended);
        let mut none = Vec::new();
        let inside = inside.unwrap_or(&mut none);
        let ended = tokio::select! {
            ended = &mut self.ended => ended.unwrap_or(Ended::Unmounted),
            error = broken(inside) => Ended::Broken(error),
        };
        if matches!(ended, Ended::Unmounted) {
            // whoever has a log open reads on
            for alive in inside {
                let _ = alive.await;
            }
        }
        ended
    }

    /// Takes the mount away, whoever uses it. Nobody is waited for: a file that is open stays open,
    /// and the program can end.
    ///
    /// # Errors
    /// If it cannot be taken away.
    pub fn detach(&self) -> io::Result<()> {
        take_away(&self.mounter, &self.mountpoint)
    }
}

/// Waits until one of the sessions breaks; those that were unmounted are not waited for any more.
async fn broken(sessions: &mut Vec<oneshot::Receiver<Ended>>) -> io::Error {
    poll_fn(|context| {
        let mut broken = Poll::Pending;
        sessions.retain_mut(|session| match Pin::new(session).poll(context) {
            Poll::Pending => true,
            Poll::Ready(Ok(Ended::Broken(error))) => {
                broken = Poll::Ready(error);
                false
            }
            Poll::Ready(_) => false,
        });
        broken
    })
    .await
}

fn take_away(mounter: &Mounter, mountpoint: &Path) -> io::Result<()> {
    let mountpoint = mountpoint.to_owned();
    mounter.run(move || detach(&mountpoint))?
}

/// How the tree, or a directory of it, is mounted.
fn config(access: Access, writing: MountOption) -> Config {
    let mut config = Config::default();
    config.mount_options = vec![
        MountOption::FSName(SOURCE.into()),
        MountOption::Subtype("astfs".into()),
        writing,
        MountOption::DefaultPermissions,
        MountOption::NoSuid,
        MountOption::NoDev,
        MountOption::NoExec,
        MountOption::NoAtime,
    ];
    config.acl = if access.others { SessionACL::All } else { SessionACL::Owner };
    config.n_threads = Some(SESSION_THREADS);
    config
}

/// Mounts a filesystem, by the thread that may.
fn mount<F: Filesystem + 'static>(
    mounter: &Mounter,
    filesystem: F,
    mountpoint: &Path,
    config: Config,
) -> io::Result<Session<F>> {
    let mountpoint = mountpoint.to_owned();
    mounter.run(move || Session::new(filesystem, mountpoint, &config))?
}

/// Serves what is mounted on threads of its own; gives how that ends, and the way to tell the kernel what it
/// must not remember.
fn serve(session: Session<impl Filesystem + 'static>) -> io::Result<(oneshot::Receiver<Ended>, Notifier)> {
    let kernel = session.notifier();
    let (sender, ended) = oneshot::channel();
    std::thread::Builder::new().name("fuse".into()).spawn(move || {
        let end = match session.run() {
            Ok(()) => Ended::Unmounted,
            Err(error) => Ended::Broken(error),
        };
        // nobody listens when the program is ending anyway
        let _ = sender.send(end);
    })?;
    Ok((ended, kernel))
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
