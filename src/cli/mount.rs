//! `astfs mount`: a tree, mounted until a signal or somebody's `umount`.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use tokio::signal::unix::{SignalKind, signal};

use super::reload::Reloader;
use super::{CliError, TreeSelection, confine, connect, daemon, open};
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
}

const EXAMPLES: &str = "\
Examples:
  ASTFS_SECRET=… astfs mount trees/asterisk.toml /mnt
  astfs mount --server pbx1:5038 --user ops --secret-file /etc/astfs/secret tree.toml /mnt
  astfs mount --daemon --log-file /var/log/astfs.log --allow-other tree.toml /mnt

Only control files can be written. Only the user who mounts may enter it, unless --allow-other is given;
then the modes in the tree file decide. SIGHUP or `astfs reload /mnt` has the tree file read again.
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
}

impl HowToMount {
    /// Checks that the directory can be mounted on, and makes it so if it is told to.
    pub fn prepare(&self, mountpoint: &Path) -> Result<(), CliError> {
        Ok(Mount::prepare(mountpoint, self.nonempty, self.recover)?)
    }
}

pub fn run(args: MountArgs) -> Result<(), CliError> {
    let background = daemon::is_background();
    if args.daemon && !background {
        // mistakes are told where the user sees them
        let mut model = open::model(&args.selection.tree, &args.selection.server)?;
        let targets = connect::targets(&mut model, &args.selection.server, None)?;
        open::permit(&model, targets.values(), &args.selection.server)?;
        return daemon::start(args.log_file.as_deref());
    }
    if background {
        daemon::leave_terminal()?;
    }
    args.how.prepare(&args.mountpoint)?;
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
        serve(tree, reloader, &args.mountpoint, &args.how, mounter, ready).await
    });
    // a request that still waits for a server must not keep the program
    runtime.shutdown_background();
    done
}

/// Mounts a tree and serves it until SIGINT, SIGTERM or an unmount; it is read again on SIGHUP, and when its files
/// are saved if they are watched.
pub async fn serve(
    tree: Arc<Tree>,
    mut reloader: Reloader,
    mountpoint: &Path,
    how: &HowToMount,
    mounter: Mounter,
    ready: impl FnOnce() -> Result<(), CliError>,
) -> Result<(), CliError> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut hangup = signal(SignalKind::hangup())?;
    let access = if how.allow_other { Access::Others } else { Access::Owner };
    let runtime = tokio::runtime::Handle::current();
    let mut mount = Mount::start(tree, mountpoint, access, mounter, runtime)?;
    tracing::info!("mounted at {}", mountpoint.display());
    if let Err(error) = ready() {
        mount.detach()?;
        return Err(error);
    }
    loop {
        tokio::select! {
            ended = mount.ended() => match ended {
                Ended::Unmounted => {
                    tracing::info!("{} was unmounted", mountpoint.display());
                    break;
                }
                Ended::Broken(error) => {
                    let message = format!("{}: the connection to the kernel broke: {error}", mountpoint.display());
                    return Err(CliError::Mountpoint(message));
                }
            },
            _ = interrupt.recv() => break end(&mount, mountpoint)?,
            _ = terminate.recv() => break end(&mount, mountpoint)?,
            _ = hangup.recv() => {}
            () = reloader.saved() => {}
        }
        reloader.reload(&mut mount).await;
    }
    reloader.stop().await;
    Ok(())
}

fn end(mount: &Mount, mountpoint: &Path) -> Result<(), CliError> {
    mount.detach().map_err(|error| CliError::Mountpoint(format!("{}: {error}", mountpoint.display())))?;
    tracing::info!("unmounted {}", mountpoint.display());
    Ok(())
}
