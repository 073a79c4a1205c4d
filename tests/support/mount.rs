//! Real mounts: the built program in the foreground, as a child, with a mount point of its own.

use std::ffi::OsStr;
use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use nix::errno::Errno;
use nix::mount::{MntFlags, umount2};
use nix::sys::signal::{Signal, kill};
use nix::sys::statvfs::statvfs;
use nix::unistd::{Pid, geteuid};
use tempfile::TempDir;

use super::counts::{self, Real};
use super::wait_until;

/// How long a mount may take to appear, and to go.
const DEADLINE: Duration = Duration::from_secs(20);

/// Whether this machine can mount FUSE; where it cannot, the reason is printed and the test counts as skipped.
#[track_caller]
pub fn fuse_available() -> bool {
    let lacking = if let Err(error) = OpenOptions::new().read(true).write(true).open("/dev/fuse") {
        format!("/dev/fuse cannot be opened: {error}")
    } else if !geteuid().is_root() && fusermount().is_none() {
        "fusermount3 (Debian: fuse3), which mounts for users other than root, is not installed".to_owned()
    } else {
        return true;
    };
    counts::skipped(&lacking);
    false
}

/// A mount that answers. Dropping it asks the program to unmount, and detaches the mount if it is still there.
#[derive(Debug)]
pub struct Mounted {
    program: Child,
    mount_point: PathBuf,
    stderr: Stderr,
    /// The folder of the mount point; none where the test brought its own.
    _folder: Option<TempDir>,
}

/// A program that ended, or was ended after the deadline, without a mount.
#[derive(Debug, thiserror::Error)]
#[error("no mount at {mount_point} ({status}); standard error:\n{stderr}")]
pub struct NotMounted {
    /// Where the mount should have been.
    pub mount_point: String,
    /// How the program ended; killed by signal 9 if by us, for taking too long.
    pub status: ExitStatus,
    /// Everything the program said.
    pub stderr: String,
}

impl Mounted {
    /// Runs `astfs mount TREE MOUNTPOINT ARGUMENT...` with the variables of `environment` besides our own, and
    /// returns when the mount answers.
    #[track_caller]
    pub fn start<A: AsRef<OsStr>>(
        tree: &Path,
        arguments: impl IntoIterator<Item = A>,
        environment: &[(&str, &str)],
    ) -> Result<Mounted, NotMounted> {
        let folder = tempfile::Builder::new().prefix("mnt").tempdir().expect("a temporary folder");
        let mount_point = folder.path().join("tree");
        fs::create_dir(&mount_point).expect("a folder to mount on");
        let mut command = astfs();
        command.arg("mount").arg(tree).arg(&mount_point).args(arguments);
        command.envs(environment.iter().copied());
        let mut mounted = Mounted::run(command, &mount_point)?;
        mounted._folder = Some(folder);
        counts::touched(Real::Mount);
        Ok(mounted)
    }

    /// Runs any command that is to mount something at `mount_point` and to stay in the foreground.
    pub fn run(command: Command, mount_point: &Path) -> Result<Mounted, NotMounted> {
        Mounted::run_saying(command, mount_point, Stdio::piped())
    }

    /// The same with a standard error of its own; what is said there is collected if it is a new pipe.
    pub fn run_saying(
        mut command: Command,
        mount_point: &Path,
        stderr: Stdio,
    ) -> Result<Mounted, NotMounted> {
        let mut program = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(stderr)
            .spawn()
            .unwrap_or_else(|error| panic!("{command:?} does not start: {error}"));
        let stderr = Stderr::collect(&mut program);
        let mut ended = None;
        let answers = wait_until(DEADLINE, || {
            ended = program.try_wait().expect("a child can be waited for");
            ended.is_some() || is_mounted(mount_point)
        });
        let mut mounted = Mounted { program, mount_point: mount_point.to_owned(), stderr, _folder: None };
        if answers && ended.is_none() {
            return Ok(mounted);
        }
        let _ = mounted.program.kill();
        let status = mounted.program.wait().expect("a child can be waited for");
        let mount_point = mount_point.display().to_string();
        Err(NotMounted { mount_point, status, stderr: mounted.stderr.whole() })
    }

    /// The mount point.
    pub fn path(&self) -> &Path {
        &self.mount_point
    }

    /// Something below the mount point.
    pub fn join(&self, path: impl AsRef<Path>) -> PathBuf {
        self.mount_point.join(path)
    }

    /// What the program has said so far.
    pub fn stderr(&self) -> String {
        self.stderr.so_far()
    }

    /// The program's process id.
    pub fn pid(&self) -> u32 {
        self.program.id()
    }

    /// Sends the program a signal.
    pub fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(self.program.id().try_into().expect("a process id is positive"));
        kill(pid, signal).expect("the program is running");
    }

    /// Waits for the program's end, none after `timeout`.
    pub fn wait(&mut self, timeout: Duration) -> Option<ExitStatus> {
        let mut ended = None;
        let _ = wait_until(timeout, || {
            ended = self.program.try_wait().expect("a child can be waited for");
            ended.is_some()
        });
        ended
    }

    /// Whether something is mounted at the mount point, also if its server has died.
    pub fn is_mounted(&self) -> bool {
        is_mounted(&self.mount_point) || is_dead(&self.mount_point)
    }

    /// Asks the program to unmount, as an operator would, and gives its end and all it said.
    pub fn unmount(mut self) -> (ExitStatus, String) {
        self.signal(Signal::SIGTERM);
        let status = self.wait(DEADLINE).expect("the program ends after SIGTERM");
        (status, self.stderr.whole())
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        if self.wait(Duration::ZERO).is_none() {
            self.signal(Signal::SIGTERM);
            if self.wait(Duration::from_secs(5)).is_none() {
                let _ = self.program.kill();
                let _ = self.program.wait();
            }
        }
        // Mounts can be stacked or nested, and a detached one takes those below it along.
        for _ in 0..8 {
            if !self.is_mounted() || !detach(&self.mount_point) {
                break;
            }
        }
    }
}

/// The built program, to be given arguments.
pub fn astfs() -> Command {
    Command::new(env!("CARGO_BIN_EXE_astfs"))
}

/// Whether a live mount begins at `path`: it answers, and from another device than the folder it lies in. Another
/// user's may be closed to us, also to root.
pub fn is_mounted(path: &Path) -> bool {
    let device = |path: &Path| fs::symlink_metadata(path).map(|metadata| metadata.dev());
    match (device(path), path.parent().map(device)) {
        (Ok(here), Some(Ok(above))) => here != above && !is_dead(path),
        (Err(error), Some(Ok(_))) => error.kind() == ErrorKind::PermissionDenied,
        _ => false,
    }
}

/// Whether a mount is left whose server has died. The kernel may still know the attributes of its directories, so
/// the filesystem itself is asked.
pub fn is_dead(path: &Path) -> bool {
    statvfs(path) == Err(Errno::ENOTCONN)
}

/// Processes that were started with this mount point among their arguments.
pub fn processes_at(mount_point: &Path) -> Vec<PathBuf> {
    let is_ours = |process: &PathBuf| {
        let arguments = fs::read(process.join("cmdline")).unwrap_or_default();
        arguments
            .split(|&byte| byte == 0)
            .any(|argument| argument == mount_point.as_os_str().as_encoded_bytes())
    };
    let processes = fs::read_dir("/proc").expect("/proc lists processes");
    processes.filter_map(|entry| Some(entry.ok()?.path())).filter(is_ours).collect()
}

/// Takes the mount away even if it is in use; says whether that worked.
fn detach(path: &Path) -> bool {
    if geteuid().is_root() {
        return umount2(path, MntFlags::MNT_DETACH).is_ok();
    }
    fusermount().is_some_and(|program| {
        Command::new(program).arg("-uz").arg(path).status().is_ok_and(|status| status.success())
    })
}

fn fusermount() -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join("fusermount3")).find(|program| program.exists())
}

/// A child's standard error, read while it runs so that the child never waits for us.
#[derive(Debug)]
struct Stderr {
    text: Arc<Mutex<Vec<u8>>>,
    reader: Option<JoinHandle<()>>,
}

impl Stderr {
    fn collect(child: &mut Child) -> Stderr {
        let text = Arc::new(Mutex::new(Vec::new()));
        let reader = child.stderr.take().map(|mut pipe| {
            let text = Arc::clone(&text);
            std::thread::spawn(move || {
                let mut piece = [0; 4096];
                while let Ok(length @ 1..) = pipe.read(&mut piece) {
                    text.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(&piece[..length]);
                }
            })
        });
        Stderr { text, reader }
    }

    fn so_far(&self) -> String {
        let text = self.text.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&text).into_owned()
    }

    /// Everything, once the child has ended; the rest is awaited, unless a process that it left behind keeps the
    /// pipe open.
    fn whole(&mut self) -> String {
        if let Some(reader) = self.reader.take() {
            let _ = wait_until(Duration::from_secs(1), || reader.is_finished());
        }
        self.so_far()
    }
}
