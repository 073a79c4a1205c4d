//! How a mount ends otherwise than it is told to: what is left of it, and that it can be mounted again.

#![allow(clippy::expect_used, reason = "what fails here is the promise, told with these words")]

mod support;

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use astfs::simulator::{Content, Fault, Version};
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sys::signal::Signal;
use support::counts::skipped;
use support::mount::{Mounted, astfs, fuse_available, is_dead, is_mounted};
use support::simulated::{Simulated, TreeFile, run_within, shipped, text};
use support::wait_until;

const PATIENCE: Duration = Duration::from_secs(30);

/// What a mount may take more of the system's memory than it has, in bytes: less than an answer of `HUGE`.
const ROOM: u64 = 32 << 20;
const HUGE: usize = 100_000_000;

const TREE: &str = r#"
[tree]
"motd"         = { text = "static\n" }
"version"      = { command = "core show version" }
"control/show" = { write = { command = "core show uptime" } }
"events/all"   = { events = "*" }
"#;

/// Takes the memory from a mount that it needs to read an answer.
fn run_out_of_memory(server: &Simulated, mounted: &Mounted) {
    let status = fs::read_to_string(format!("/proc/{}/status", mounted.pid())).expect("it runs");
    let size = status.lines().find_map(|line| line.strip_prefix("VmSize:")?.split_whitespace().next());
    let size: u64 = size.and_then(|kib| kib.parse().ok()).expect("a number of KiB");
    let limit = format!("--as={}", size * 1024 + ROOM);
    let limited = Command::new("prlimit").arg(limit).args(["--pid", &mounted.pid().to_string()]).status();
    assert!(limited.expect("prlimit runs").success());
    server.set_fault_for("core show version", Fault::HugeAnswer(HUGE));
    fs::read(mounted.join("version")).expect_err("there is no room for it");
}

fn has_prlimit() -> bool {
    let found = Command::new("prlimit").arg("--version").output().is_ok();
    if !found {
        skipped("taking memory from a program takes prlimit (Debian: util-linux)");
    }
    found
}

/// How many mounts begin at a path or below it.
fn mounts_at(path: &Path) -> usize {
    let mounts = fs::read_to_string("/proc/self/mountinfo").expect("Linux lists mounts");
    let at = |line: &str| line.split(' ').nth(4).is_some_and(|at| Path::new(at).starts_with(path));
    mounts.lines().filter(|line| at(line)).count()
}

/// What is killed in that way leaves mounts that `--recover` replaces, and nothing else.
#[track_caller]
fn assert_only_mounts_are_left(signal: Signal, kill: impl Fn(&Simulated, &Mounted)) {
    let server = Simulated::start(Content::generated(Version::Asterisk16, 3, 1));
    let tree = TreeFile::new(TREE);
    let temporary = tempfile::tempdir().expect("a temporary folder");
    let mut environment = server.environment().to_vec();
    environment.push(("TMPDIR", temporary.path().display().to_string()));
    let environment: Vec<_> = environment.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let is_alive = |mounted: &Mounted| {
        wait_until(PATIENCE, || {
            fs::write(mounted.join("control/show"), "x").is_ok() && mounts_at(mounted.path()) == 3
        })
    };

    let killed = Mounted::start(&tree.path(), [""; 0], &environment);
    let mut killed = killed.unwrap_or_else(|error| panic!("{error}"));
    assert!(is_alive(&killed), "{}", killed.stderr());
    kill(&server, &killed);
    let status = killed.wait(PATIENCE).expect("it ends");
    assert_eq!(status.signal(), Some(signal as i32), "{}", killed.stderr());
    assert!(wait_until(PATIENCE, || is_dead(killed.path())), "somebody answers still");
    assert!(wait_until(PATIENCE, || server.connections() == 0), "the server has a connection still");
    let left: Vec<_> = fs::read_dir(temporary.path()).expect("the folder").flatten().collect();
    assert!(left.is_empty(), "{left:?}");

    server.set_fault(None);
    let mount = |arguments: &[&str]| {
        let mut command = astfs();
        command.arg("mount").arg(tree.path()).arg(killed.path()).args(arguments).envs(server.environment());
        command
    };
    let refused = run_within(PATIENCE, &mut mount(&[]));
    assert_eq!(refused.status.code(), Some(5), "{}", text(&refused.stderr));
    assert!(text(&refused.stderr).contains("--recover"), "{}", text(&refused.stderr));
    let again = Mounted::run(mount(&["--recover"]), killed.path());
    let again = again.unwrap_or_else(|error| panic!("{error}"));
    assert!(is_alive(&again), "{}", again.stderr());
    let version = fs::read_to_string(again.join("version")).expect("it answers again");
    assert!(version.starts_with("Asterisk 16"), "{version}");
    let (status, said) = again.unmount();
    assert_eq!(status.code(), Some(0), "{said}");
    assert_eq!(mounts_at(killed.path()), 0, "nothing is left below");
}

#[test]
fn a_mount_that_is_killed_leaves_stale_mounts_alone_and_recover_replaces_them() {
    if fuse_available() {
        assert_only_mounts_are_left(Signal::SIGKILL, |_, mounted| mounted.signal(Signal::SIGKILL));
    }
}

#[test]
fn a_mount_that_gets_no_more_memory_leaves_stale_mounts_alone_and_recover_replaces_them() {
    if fuse_available() && has_prlimit() {
        assert_only_mounts_are_left(Signal::SIGABRT, run_out_of_memory);
    }
}

#[test]
fn a_daemon_whose_log_has_no_room_serves_and_ends_as_any_other() {
    if !fuse_available() {
        return;
    }
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mount_point = folder.path().join("tree");
    fs::create_dir(&mount_point).expect("a folder to mount on");
    let mut start = astfs();
    start.arg("mount").arg(shipped("basic.toml")).arg(&mount_point);
    let started = run_within(PATIENCE, start.args(["--daemon", "--log-file", "/dev/full", "-vv"]));
    let motd = fs::read_to_string(mount_point.join("motd"));
    let ended = run_within(PATIENCE, astfs().arg("umount").arg(&mount_point));
    assert_eq!(started.status.code(), Some(0), "{}", text(&started.stderr));
    assert_eq!(motd.expect("it answers"), "the PBX as files\n");
    assert_eq!(ended.status.code(), Some(0), "{}", text(&ended.stderr));
    assert!(!is_mounted(&mount_point));
}

/// Breaks the kernel's connection to what is mounted there, as an administrator can; says whether this machine
/// lets us.
fn break_connection(mount_point: &Path) -> bool {
    let device = fs::metadata(mount_point).expect("it is mounted").dev();
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut connections = Path::new("/sys/fs/fuse/connections").to_owned();
    let ours = |connections: &Path| connections.join(device.to_string()).join("abort");
    let hidden = !ours(&connections).exists();
    if hidden {
        connections = folder.path().to_owned();
        let none = None::<&str>;
        if mount(Some("none"), &connections, Some("fusectl"), MsFlags::empty(), none).is_err() {
            skipped("breaking a connection to the kernel takes root and the kernel's fusectl");
            return false;
        }
    }
    let broken = fs::write(ours(&connections), "1");
    if hidden {
        umount2(&connections, MntFlags::MNT_DETACH).expect("what was mounted is unmounted");
    }
    broken.expect("the kernel breaks it");
    true
}

#[test]
fn a_mount_whose_connection_to_the_kernel_breaks_ends_with_status_5_and_can_be_mounted_again() {
    if !fuse_available() {
        return;
    }
    for part in ["", "control"] {
        ends_when_broken(part);
    }
}

/// The tree's own connection, or that of a directory that is mounted in it, breaks.
fn ends_when_broken(part: &str) {
    let server = Simulated::start(Content::generated(Version::Asterisk16, 3, 1));
    let tree = TreeFile::new(TREE);
    let mut broken = server.mount(&tree.path());
    let all = || fs::write(broken.join("control/show"), "x").is_ok() && mounts_at(broken.path()) == 3;
    assert!(wait_until(PATIENCE, all), "{}", broken.stderr());
    if !break_connection(&broken.join(part)) {
        return;
    }
    let status = broken.wait(PATIENCE).expect("it ends");
    assert_eq!(status.code(), Some(5), "{}", broken.stderr());
    assert!(wait_until(PATIENCE, || server.connections() == 0), "the server has a connection still");
    let mut again = astfs();
    again.arg("mount").arg(tree.path()).arg(broken.path()).arg("--recover").envs(server.environment());
    let again = Mounted::run(again, broken.path()).unwrap_or_else(|error| panic!("{error}"));
    assert!(wait_until(PATIENCE, || fs::read(again.join("version")).is_ok()), "{}", again.stderr());
    let (status, said) = again.unmount();
    assert_eq!(status.code(), Some(0), "{said}");
    assert_eq!(mounts_at(broken.path()), 0, "nothing is left below");
}
