//! What the service manager is told of a mount, on a socket in its place.

#![allow(clippy::expect_used, reason = "what fails here is the promise, told with these words")]

mod support;

use std::fs;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::time::{Duration, Instant};

use nix::sys::ptrace;
use nix::sys::signal::Signal;
use nix::unistd::Pid;
use support::mount::{Mounted, fuse_available};
use support::simulated::TreeFile;
use support::wait_until;
use tempfile::TempDir;

const PATIENCE: Duration = Duration::from_secs(20);
const TREE: &str = "[tree]\n\"motd\" = { text = \"hello\\n\" }\n";

/// A socket in the place of the service manager's.
struct Manager {
    folder: TempDir,
    socket: UnixDatagram,
}

impl Manager {
    fn new() -> Manager {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let socket = UnixDatagram::bind(folder.path().join("notify")).expect("a socket");
        Manager { folder, socket }
    }

    /// Mounts a tree as a service with a watchdog of that time, or none.
    #[track_caller]
    fn mount(&self, tree: &Path, watchdog: Option<Duration>) -> Mounted {
        let socket = self.folder.path().join("notify").display().to_string();
        let within = watchdog.unwrap_or_default().as_micros().to_string();
        let mut environment = vec![("NOTIFY_SOCKET", &*socket)];
        environment.extend(watchdog.map(|_| ("WATCHDOG_USEC", &*within)));
        Mounted::start(tree, [""; 0], &environment).unwrap_or_else(|error| panic!("{error}"))
    }

    /// The next message, if one comes within this time.
    fn next(&self, within: Duration) -> Option<String> {
        self.socket.set_read_timeout(Some(within)).expect("a timeout");
        let mut message = [0; 4096];
        let length = self.socket.recv(&mut message).ok()?;
        Some(String::from_utf8_lossy(&message[..length]).into_owned())
    }

    /// Waits for a message in which this line stands; gives it.
    #[track_caller]
    fn told(&self, line: &str) -> String {
        let deadline = Instant::now() + PATIENCE;
        let mut others = Vec::new();
        while Instant::now() < deadline {
            match self.next(PATIENCE) {
                Some(message) if message.lines().any(|one| one == line) => return message,
                other => others.extend(other),
            }
        }
        panic!("`{line}` is not told, but: {others:?}");
    }

    fn forget(&self) {
        while self.next(Duration::from_millis(1)).is_some() {}
    }
}

#[test]
fn readiness_is_told_when_the_mount_answers_and_then_reloads_and_the_end() {
    if !fuse_available() {
        return;
    }
    let (manager, tree) = (Manager::new(), TreeFile::new(TREE));
    let mounted = manager.mount(&tree.path(), None);
    let ready = manager.told("READY=1");
    assert!(ready.contains(&format!("\nSTATUS=mounted at {}\n", mounted.path().display())), "{ready}");
    assert_eq!(fs::read_to_string(mounted.join("motd")).expect("it answers"), "hello\n");
    assert_eq!(manager.next(Duration::from_millis(300)), None, "nobody watches");

    fs::write(tree.path(), TREE.replace("hello", "good morning")).expect("the tree can be written");
    mounted.signal(Signal::SIGHUP);
    let reloading = manager.told("RELOADING=1");
    assert!(reloading.contains("\nMONOTONIC_USEC="), "{reloading}");
    manager.told("READY=1");
    assert_eq!(fs::read_to_string(mounted.join("motd")).expect("it answers"), "good morning\n");

    let (status, said) = mounted.unmount();
    assert!(status.success(), "{said}");
    manager.told("STOPPING=1");
}

#[test]
fn the_end_is_told_whoever_unmounts() {
    if !fuse_available() {
        return;
    }
    let (manager, tree) = (Manager::new(), TreeFile::new(TREE));
    let mut mounted = manager.mount(&tree.path(), None);
    manager.told("READY=1");
    let done = support::mount::astfs().arg("umount").arg(mounted.path()).status().expect("it runs");
    assert!(done.success());
    manager.told("STOPPING=1");
    assert!(mounted.wait(PATIENCE).is_some_and(|status| status.success()), "{}", mounted.stderr());
}

/// The threads of a process that serve its mounts.
fn serving(process: u32) -> Vec<Pid> {
    let tasks = fs::read_dir(format!("/proc/{process}/task")).expect("its threads");
    let name = |path: &Path| fs::read_to_string(path.join("comm")).unwrap_or_default();
    tasks
        .filter_map(|task| Some(task.ok()?.path()))
        .filter(|task| name(task).starts_with("fuse"))
        .filter_map(|task| Some(Pid::from_raw(task.file_name()?.to_str()?.parse().ok()?)))
        .collect()
}

#[test]
fn the_watchdog_is_told_only_while_the_mount_answers() {
    // looking into a process whose memory is hidden
    if !fuse_available() || !nix::unistd::geteuid().is_root() {
        return;
    }
    let (manager, tree) = (Manager::new(), TreeFile::new(TREE));
    let within = Duration::from_millis(300);
    let mounted = manager.mount(&tree.path(), Some(within));
    for _ in 0..3 {
        assert_eq!(manager.told("WATCHDOG=1"), "WATCHDOG=1\n");
    }
    let threads = serving(mounted.pid());
    assert!(!threads.is_empty(), "no thread serves");
    for thread in &threads {
        ptrace::seize(*thread, ptrace::Options::empty()).expect("root traces");
        ptrace::interrupt(*thread).expect("a traced thread stops");
    }
    // one may have been under way
    std::thread::sleep(within * 3);
    manager.forget();
    let told = manager.next(within * 5);
    for thread in &threads {
        // it is detached when it has stopped, which it was waiting for the kernel to do
        assert!(wait_until(PATIENCE, || ptrace::detach(*thread, None).is_ok()), "a thread stays stopped");
    }
    assert_eq!(told, None, "while nobody serves");
    manager.told("WATCHDOG=1");
    let (status, said) = mounted.unmount();
    assert!(status.success(), "{said}");
}
