//! `mount.astfs`, called as mount(8) calls its helpers.

#![allow(clippy::expect_used, reason = "what fails here is the promise, told with these words")]

mod support;

use std::ffi::OsStr;
use std::fs::{self, OpenOptions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use astfs::simulator::{Content, Version};
use nix::libc;
use nix::sys::signal::{Signal, kill};
use nix::sys::stat::Mode;
use nix::unistd::{Pid, mkfifo};
use support::mount::{astfs, fuse_available, is_mounted, processes_at};
use support::simulated::{Simulated, TreeFile, run_within, shipped, text};
use support::wait_until;
use tempfile::TempDir;

const PATIENCE: Duration = Duration::from_secs(20);

const TREE: &str = r#"
[server]
address = "nowhere.invalid"

[tree]
"motd"          = { text = "hello\n" }
"version"       = { command = "core show version" }
"control/pause" = { write = { command = "core show version" } }
"#;

/// The program by that name, and an empty directory, which is free again in the end.
struct Helper {
    folder: TempDir,
    mountpoint: PathBuf,
}

impl Helper {
    fn new() -> Helper {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let mountpoint = folder.path().join("tree");
        fs::create_dir(&mountpoint).expect("a folder to mount on");
        symlink(env!("CARGO_BIN_EXE_astfs"), folder.path().join("mount.astfs")).expect("a link");
        Helper { folder, mountpoint }
    }

    fn command(&self) -> Command {
        Command::new(self.folder.path().join("mount.astfs"))
    }

    /// Runs `mount.astfs TREE DIR ARGUMENT...` to its end.
    fn run<A: AsRef<OsStr>>(&self, tree: &Path, arguments: impl IntoIterator<Item = A>) -> Output {
        run_within(PATIENCE, self.command().arg(tree).arg(&self.mountpoint).args(arguments))
    }
}

impl Drop for Helper {
    fn drop(&mut self) {
        if is_mounted(&self.mountpoint) {
            let _ = astfs().arg("umount").arg(&self.mountpoint).status();
        }
    }
}

#[track_caller]
fn assert_exit(output: &Output, status: i32, words: &[&str]) {
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(status), "{said}");
    for word in words {
        assert!(said.contains(word), "`{word}` is not in: {said}");
    }
}

#[test]
fn what_mount_hands_over_from_fstab_mounts_a_tree_in_the_background() {
    if !fuse_available() {
        return;
    }
    let helper = Helper::new();
    let options = "rw,nosuid,nodev,noexec,nofail,_netdev,noauto,user,x-systemd.automount,allow_other,recover";
    // its pipes are read to their end: a process that kept them open would hang this
    let mounted = helper.run(&shipped("basic.toml"), ["-n", "-v", "-o", options]);
    assert_exit(&mounted, 0, &[]);
    let answers = fs::read_to_string(helper.mountpoint.join("motd"));
    assert_eq!(answers.expect("it answers as soon as the helper has ended"), "the PBX as files\n");
    let mounts = fs::read_to_string("/proc/self/mounts").expect("the list of mounts");
    let mount = mounts.lines().find(|line| line.contains(&helper.mountpoint.display().to_string()));
    assert!(mount.expect("it is mounted").contains("allow_other"), "{mount:?}");
    assert_exit(&run_within(PATIENCE, astfs().arg("umount").arg(&helper.mountpoint)), 0, &[]);
    assert!(wait_until(PATIENCE, || processes_at(&helper.mountpoint).is_empty()), "the process stays");
}

#[test]
fn the_server_is_that_of_the_options_and_ro_is_for_control_files_too() {
    if !fuse_available() || !nix::unistd::geteuid().is_root() {
        return;
    }
    let server = Simulated::start(Content::new(Version::Asterisk16));
    let (helper, tree) = (Helper::new(), TreeFile::new(TREE));
    let secret = helper.folder.path().join("a secret, of sorts");
    fs::write(&secret, format!("{}\n", server.secret())).expect("a file");
    fs::set_permissions(&secret, fs::Permissions::from_mode(0o600)).expect("it is ours");
    let options =
        format!("ro,server={},user={},secret_file=\"{}\"", server.address(), server.user(), secret.display());
    assert_exit(&helper.run(&tree.path(), ["-o", &options]), 0, &[]);
    let version = helper.mountpoint.join("version");
    assert!(wait_until(PATIENCE, || fs::read_to_string(&version).is_ok_and(|told| !told.is_empty())));
    let refused = OpenOptions::new().write(true).open(helper.mountpoint.join("control/pause"));
    assert_eq!(refused.expect_err("it is read-only").raw_os_error(), Some(libc::EROFS));
}

#[test]
fn statuses_are_those_of_mount_and_what_is_wrong_is_named() {
    let helper = Helper::new();
    let tree = shipped("basic.toml");
    assert_exit(&helper.run(&tree, ["-o", "rw,colour=blue"]), 1, &["`colour`"]);
    let secret = helper.run(&tree, ["-o", "secret=hunter2"]);
    assert_exit(&secret, 1, &["`secret`", "secret_file"]);
    assert!(!text(&secret.stderr).contains("hunter2"), "{}", text(&secret.stderr));
    assert_exit(&helper.run(&tree, ["--no-such-flag"]), 1, &["--no-such-flag"]);
    assert_exit(&run_within(PATIENCE, &mut helper.command()), 1, &["Usage: mount.astfs"]);
    assert_exit(&run_within(PATIENCE, helper.command().arg("--help")), 0, &[]);
    let without_user = TreeFile::new(TREE);
    let without_user = helper.run(&without_user.path(), ["-f", "-o", "server=127.0.0.1"]);
    assert_exit(&without_user, 1, &["no manager user"]);
    assert_exit(&helper.run(Path::new("/no/such/tree.toml"), [""; 0]), 32, &["/no/such/tree.toml"]);
    let wrong = TreeFile::new("[tree]\n\"a\" = { txt = \"x\" }\n");
    assert_exit(&helper.run(&wrong.path(), [""; 0]), 32, &["has no key `txt`"]);
    assert_exit(&helper.run(&tree, ["-s", "-f", "-o", "colour=blue"]), 0, &[]);
    assert!(!is_mounted(&helper.mountpoint), "-f has mounted it");
    fs::write(helper.mountpoint.join("keep"), "x").expect("a file");
    for arguments in [&["-f"][..], &[]] {
        assert_exit(&helper.run(&tree, arguments), 32, &["is not empty"]);
    }
    assert!(processes_at(&helper.mountpoint).is_empty());
}

#[test]
fn who_is_interrupted_before_the_mount_is_there_ends_with_8_and_leaves_nothing() {
    if !fuse_available() {
        return;
    }
    let (helper, tree) = (Helper::new(), TreeFile::new(TREE));
    // whoever reads it waits for a writer
    let secret = helper.folder.path().join("secret");
    mkfifo(&secret, Mode::S_IRUSR | Mode::S_IWUSR).expect("a pipe with a name");
    let options = format!("server=127.0.0.1,user=astfs,secret_file={}", secret.display());
    let mut command = helper.command();
    command.arg(tree.path()).arg(&helper.mountpoint).args(["-o", &options]);
    let mut helping = command.stderr(Stdio::null()).spawn().expect("it starts");
    // the process that is called finds the secret, the one in the background does not
    fs::write(&secret, "secret\n").expect("it is read");
    let both = || processes_at(&helper.mountpoint).len() == 2;
    assert!(wait_until(PATIENCE, both), "there is no process in the background");
    kill(Pid::from_raw(helping.id().cast_signed()), Signal::SIGINT).expect("it is there");
    let mut status = None;
    let ended = wait_until(PATIENCE, || {
        status = helping.try_wait().expect("a child can be waited for");
        status.is_some()
    });
    if !ended {
        let _ = helping.kill();
    }
    assert_eq!(status.and_then(|status| status.code()), Some(8));
    assert!(wait_until(PATIENCE, || processes_at(&helper.mountpoint).is_empty()), "a process stays");
    assert!(!is_mounted(&helper.mountpoint));
}

#[test]
fn a_mount_is_made_in_the_namespace_that_is_named() {
    if !fuse_available() || !nix::unistd::geteuid().is_root() {
        return;
    }
    let helper = Helper::new();
    let mut inside = Command::new("unshare")
        .args(["--mount", "--propagation", "private", "sleep", "60"])
        .spawn()
        .expect("unshare starts");
    let namespace = PathBuf::from(format!("/proc/{}/ns/mnt", inside.id()));
    let link = |path: &Path| fs::read_link(path).ok();
    let other = || link(&namespace).is_some_and(|there| Some(there) != link(Path::new("/proc/self/ns/mnt")));
    let entered = wait_until(PATIENCE, other);
    let done = helper.run(&shipped("basic.toml"), [OsStr::new("-N"), namespace.as_os_str()]);
    let below = helper.mountpoint.strip_prefix("/").expect("an absolute path").join("motd");
    let there = fs::read_to_string(format!("/proc/{}/root", inside.id()) + "/" + &below.to_string_lossy());
    let here = is_mounted(&helper.mountpoint);
    for process in processes_at(&helper.mountpoint) {
        let id = process.file_name().and_then(OsStr::to_str).and_then(|id| id.parse().ok());
        kill(Pid::from_raw(id.expect("a process")), Signal::SIGTERM).expect("it is there");
    }
    let _ = inside.kill().and_then(|()| inside.wait());
    assert!(entered, "there is no other namespace");
    assert_exit(&done, 0, &[]);
    assert_eq!(there.expect("it is mounted there"), "the PBX as files\n");
    assert!(!here, "it is mounted here too");
}
