//! `astfs mount`: a tree, mounted until a signal or somebody's `umount`.

use std::ffi::OsString;
use std::fs::File;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use nix::sched::{CloneFlags, setns};
use tokio::signal::unix::{SignalKind, signal};

use super::logging::{self, Direction};
use super::metrics::{Endpoint, Serving};
use super::reload::Reloader;
use super::{CliError, TreeSelection, confine, connect, daemon, open, service};
use crate::fs::{Access, Ended, Mount, Mounter};
use crate::tree::Tree;

/// Arguments of `mount`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct MountArgs {
    #[command(flatten)]
    selection: TreeSelection,
    /// An empty directory
    mountpoint: PathBuf,
    #[command(flatten)]
    how: HowToMount,
    /// Go to the background as soon as the mount answers
    #[arg(short, long)]
    daemon: bool,
    /// Read the tree file and templates again whenever they are saved
    #[arg(short, long)]
    watch: bool,
    /// Where a daemon's log lines go; without it they are lost
    #[arg(long, value_name = "FILE")]
    log_file: Option<PathBuf>,
    /// Keep all privileges, and the way to all files, while serving
    #[arg(long)]
    no_sandbox: bool,
    /// Tell whether it could be mounted, and do not
    #[arg(long)]
    dry_run: bool,
    /// Mount in that mount namespace, in which all files are looked for
    #[arg(long, value_name = "FILE")]
    namespace: Option<PathBuf>,
}

const EXAMPLES: &str = "\
Examples:
  ASTFS_SECRET=… astfs mount trees/asterisk.toml /mnt
  astfs mount --server pbx1:5038 --user ops --secret-file /etc/astfs/secret tree.toml /mnt
  astfs mount --daemon --log-file /var/log/astfs.log --allow-other tree.toml /mnt

Only control files can be written. Only the user who mounts may enter it, unless --allow-other is given;
then the modes in the tree file decide. SIGHUP or `astfs reload /mnt` has the tree file read again;
`astfs status /mnt` tells how it stands, `astfs log-level /mnt debug` has it log more.
Ctrl-C or `astfs umount /mnt` ends it.

While it serves, it reads only the folders of its tree files, templates, secret and certificates, starts no
programs and keeps no privileges but those of unmounting; -v tells which. --no-sandbox leaves that out.";

/// What `mount` and `demo` have in common.
#[derive(Debug, Args)]
pub struct HowToMount {
    /// Let every user enter; the files' modes decide what they may read
    #[arg(long)]
    allow_other: bool,
    /// Mount on a directory that is not empty
    #[arg(long)]
    nonempty: bool,
    /// Replace a stale mount that a crash left behind
    #[arg(long)]
    recover: bool,
    /// Refuse writing to control files
    #[arg(long)]
    read_only: bool,
    /// Tell what is counted to a monitoring system, at http://ADDRESS:PORT/metrics
    #[arg(long, value_name = "ADDRESS:PORT")]
    metrics: Option<SocketAddr>,
}

impl HowToMount {
    /// Checks that the directory can be mounted on, and makes it so if it is told to.
    pub fn prepare(&self, mountpoint: &Path) -> Result<(), CliError> {
        Ok(Mount::prepare(mountpoint, self.nonempty, self.recover)?)
    }

    /// Opens the port for metrics, if there is to be one. To be called before the way to do so is given up.
    pub fn endpoint(&self) -> Result<Option<Endpoint>, CliError> {
        self.metrics.map(Endpoint::open).transpose()
    }

    /// Checks the same, and changes nothing.
    fn examine(&self, mountpoint: &Path) -> Result<(), CliError> {
        Ok(Mount::examine(mountpoint, self.nonempty, self.recover)?)
    }
}

impl MountArgs {
    /// Enters the mount namespace that is named. To be called before other threads are there.
    ///
    /// # Errors
    /// If there is none, or this user may not.
    pub fn enter_namespace(&self) -> Result<(), CliError> {
        let Some(path) = self.namespace.as_ref().filter(|_| !self.starts_another()) else { return Ok(()) };
        let entered = File::open(path).and_then(|namespace| Ok(setns(namespace, CloneFlags::CLONE_NEWNS)?));
        entered.map_err(|error| CliError::File { path: path.clone(), error })
    }

    /// Whether this process only starts the one that is to mount.
    fn starts_another(&self) -> bool {
        self.daemon && !daemon::is_background()
    }

    /// Reads the tree, and finds out what is needed to reach its servers.
    fn examine(&self) -> Result<(), CliError> {
        let mut model = open::model(&self.selection.tree, &self.selection.server)?;
        let targets = connect::targets(&mut model, &self.selection.server, None)?;
        open::permit(&model, targets.values(), &self.selection.server)
    }
}

/// Mounts. The arguments are those of this process, for the one in the background.
pub fn run(args: MountArgs, arguments: &[OsString]) -> Result<(), CliError> {
    if args.dry_run {
        args.examine()?;
        return args.how.examine(&args.mountpoint);
    }
    let background = daemon::is_background();
    if args.starts_another() {
        // mistakes are told where the user sees them, and once; those in another namespace by who is in it
        if args.namespace.is_none() {
            args.examine()?;
        }
        return daemon::start(arguments, args.log_file.as_deref());
    }
    if background {
        daemon::leave_terminal()?;
    }
    args.how.prepare(&args.mountpoint)?;
    let endpoint = args.how.endpoint()?;
    // before all that serves, which is to be without what this thread keeps
    let mounter = Mounter::start()?;
    let confined = if args.no_sandbox {
        false
    } else {
        confine::confine(&args.selection, args.log_file.as_deref(), &mounter)?
    };
    let runtime = open::runtime()?;
    let done = runtime.block_on(async {
        let (tree, mut reloader) = Reloader::open(&args.selection, None, args.watch)?;
        reloader.confined = confined;
        let ready = || if background { daemon::tell_ready(args.log_file.as_deref()) } else { Ok(()) };
        serve(tree, reloader, &args.mountpoint, &args.how, (mounter, endpoint), ready).await
    });
    // a request that still waits for a server must not keep the program
    runtime.shutdown_background();
    done
}

/// Has the process outlive SIGUSR1 and SIGUSR2 that come before it serves: whoever sends them takes it for a mount
/// already. To be called first of all; no thread is started.
///
/// # Errors
/// If the system gives no file for it.
pub fn outlive_signals() -> std::io::Result<()> {
    // what is done with a signal stays when the runtime goes by which it is set
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    let _entered = runtime.enter();
    for kind in [SignalKind::user_defined1(), SignalKind::user_defined2()] {
        drop(signal(kind)?);
    }
    Ok(())
}

/// Mounts a tree and serves it until SIGINT, SIGTERM or an unmount; it is read again on SIGHUP, and when its files
/// are saved if they are watched. SIGUSR1 and SIGUSR2 have it log more and less.
pub async fn serve(
    tree: Arc<Tree>,
    mut reloader: Reloader,
    mountpoint: &Path,
    how: &HowToMount,
    (mounter, endpoint): (Mounter, Option<Endpoint>),
    ready: impl FnOnce() -> Result<(), CliError>,
) -> Result<(), CliError> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut hangup = signal(SignalKind::hangup())?;
    let mut more = signal(SignalKind::user_defined1())?;
    let mut less = signal(SignalKind::user_defined2())?;
    let access = Access { others: how.allow_other, read_only: how.read_only };
    let runtime = tokio::runtime::Handle::current();
    let mut mount = Mount::start(tree, mountpoint, access, mounter, runtime)?;
    mount.tree().served_by(Box::new(Serving(mount.gauge())));
    if let Some(endpoint) = endpoint {
        tokio::spawn(endpoint.serve(mount.gauge()));
    }
    if let Err(error) = ready() {
        mount.detach()?;
        return Err(error);
    }
    tracing::info!("mounted at {}", mountpoint.display());
    service::ready(mountpoint);
    service::watch(mountpoint.to_owned());
    loop {
        tokio::select! {
            ended = mount.ended() => {
                service::stopping();
                match ended {
                    Ended::Unmounted => tracing::info!("{} was unmounted", mountpoint.display()),
                    Ended::Broken(error) => {
                        let at = mountpoint.display();
                        let message = format!("{at}: the connection to the kernel broke: {error}");
                        return Err(CliError::Mountpoint(message));
                    }
                }
                break;
            }
            _ = interrupt.recv() => break end(&mount, mountpoint)?,
            _ = terminate.recv() => break end(&mount, mountpoint)?,
            _ = hangup.recv() => {}
            _ = more.recv() => {
                logging::step(Direction::More);
                continue;
            }
            _ = less.recv() => {
                logging::step(Direction::Less);
                continue;
            }
            () = reloader.saved() => {}
        }
        service::reloading();
        reloader.reload(&mut mount).await;
        service::reloaded();
    }
    reloader.stop().await;
    Ok(())
}

fn end(mount: &Mount, mountpoint: &Path) -> Result<(), CliError> {
    service::stopping();
    mount.detach().map_err(|error| CliError::Mountpoint(format!("{}: {error}", mountpoint.display())))?;
    tracing::info!("unmounted {}", mountpoint.display());
    Ok(())
}
