//! How a mount begins and ends: signals, unmounting, crashes, refusals, the daemon, exit statuses.

#![allow(clippy::expect_used, reason = "what fails here is the promise, told with these words")]

mod support;

use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;
use std::process::{Command, Output};
use std::time::Duration;

use astfs::simulator::{Content, Version};
use nix::sys::signal::Signal;
use support::mount::{Mounted, astfs, fuse_available, is_dead, is_mounted, processes_at};
use support::simulated::{Simulated, TreeFile, run_within, shipped, text};
use support::wait_until;

const PATIENCE: Duration = Duration::from_secs(20);

const MOTD: &str = "the PBX as files\n";

fn mount_basic() -> Mounted {
    Mounted::start(&shipped("basic.toml"), [""; 0], &[]).unwrap_or_else(|error| panic!("{error}"))
}

/// Runs `astfs` to its end.
#[track_caller]
fn run<'a>(arguments: impl IntoIterator<Item = &'a Path>) -> Output {
    run_within(PATIENCE, astfs().args(arguments))
}

/// Runs `astfs mount trees/basic.toml MOUNTPOINT ARGUMENT...`, which is to end by itself.
#[track_caller]
fn try_to_mount(mount_point: &Path, arguments: &[&str]) -> Output {
    let tree = shipped("basic.toml");
    let before = [Path::new("mount"), &tree, mount_point];
    run(before.into_iter().chain(arguments.iter().map(Path::new)))
}

#[track_caller]
fn assert_exit(output: &Output, status: i32, words: &[&str]) {
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(status), "{said}{}", text(&output.stdout));
    for word in words {
        assert!(said.contains(word), "`{word}` is not in: {said}");
    }
}

#[test]
fn sigterm_and_sigint_unmount_and_end_with_status_0() {
    if !fuse_available() {
        return;
    }
    for signal in [Signal::SIGTERM, Signal::SIGINT] {
        let mut mounted = mount_basic();
        assert_eq!(fs::read_to_string(mounted.join("motd")).expect("it is mounted"), MOTD);
        mounted.signal(signal);
        let status = mounted.wait(PATIENCE).unwrap_or_else(|| panic!("{signal} does not end it"));
        assert_eq!(status.code(), Some(0), "{signal}: {}", mounted.stderr());
        assert!(!mounted.is_mounted(), "{signal} leaves the mount");
        assert_eq!(fs::read_dir(mounted.path()).expect("the directory is back").count(), 0);
    }
}

#[test]
fn a_mount_goes_at_once_while_a_file_is_open_and_its_holder_reads_on() {
    if !fuse_available() {
        return;
    }
    let tree = TreeFile::new(
        "[tree]\n\"large\" = { render = \"{% for i in range(90000) %}line {{ i }}\\n{% endfor %}\" }\n",
    );
    let mut mounted = Mounted::start(&tree.path(), [""; 0], &[]).unwrap_or_else(|error| panic!("{error}"));
    let whole = fs::read(mounted.join("large")).expect("it reads");
    let mut holder = File::open(mounted.join("large")).expect("it opens");
    let mut start = [0; 7];
    holder.read_exact(&mut start).expect("it reads");

    assert_exit(&run([Path::new("umount"), mounted.path()]), 0, &[]);
    assert!(!mounted.is_mounted(), "the name is free at once");
    // not from the kernel's memory
    nix::fcntl::posix_fadvise(&holder, 0, 0, nix::fcntl::PosixFadviseAdvice::POSIX_FADV_DONTNEED)
        .expect("the kernel takes advice");
    let mut read = Vec::new();
    holder.seek(SeekFrom::Start(0)).and_then(|_| holder.read_to_end(&mut read)).expect("the holder reads on");
    assert!(read == whole, "{} of {} bytes", read.len(), whole.len());
    drop(holder);
    let status = mounted.wait(PATIENCE).expect("with its last user the program ends");
    assert_eq!(status.code(), Some(0), "{}", mounted.stderr());
}

#[test]
fn sigterm_ends_the_program_at_once_even_while_a_file_is_open() {
    if !fuse_available() {
        return;
    }
    let mut mounted = mount_basic();
    let holder = File::open(mounted.join("motd")).expect("it opens");
    let inside = Command::new("sleep").arg("30").current_dir(mounted.path()).spawn();
    let mut inside = inside.expect("sleep starts");
    mounted.signal(Signal::SIGTERM);
    let status = mounted.wait(PATIENCE);
    let _ = inside.kill().and_then(|()| inside.wait());
    assert_eq!(status.and_then(|status| status.code()), Some(0), "{}", mounted.stderr());
    assert!(!mounted.is_mounted());
    drop(holder);
}

/// A mount whose program was killed.
fn stale_mount() -> Mounted {
    let mut mounted = mount_basic();
    mounted.signal(Signal::SIGKILL);
    mounted.wait(PATIENCE).expect("nobody survives SIGKILL");
    assert!(is_dead(mounted.path()), "somebody answers still");
    mounted
}

#[test]
fn a_stale_mount_is_named_with_its_remedies_and_recover_replaces_it() {
    if !fuse_available() {
        return;
    }
    let stale = stale_mount();
    let shown = stale.path().display().to_string();
    let refused = try_to_mount(stale.path(), &[]);
    assert_exit(&refused, 5, &["stale mount", "--recover", &format!("astfs umount {shown}")]);
    assert_eq!(text(&refused.stderr).lines().count(), 1, "one sentence is enough: {}", text(&refused.stderr));

    let mut again = astfs();
    again.arg("mount").arg(shipped("basic.toml")).arg(stale.path()).arg("--recover");
    let again = Mounted::run(again, stale.path()).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(fs::read_to_string(again.join("motd")).expect("it answers again"), MOTD);
    let (status, said) = again.unmount();
    assert_eq!(status.code(), Some(0), "{said}");
    assert!(!stale.is_mounted(), "nothing is left below");
}

#[test]
fn umount_takes_a_stale_mount_away() {
    if !fuse_available() {
        return;
    }
    let stale = stale_mount();
    assert_exit(&run([Path::new("umount"), stale.path()]), 0, &[]);
    assert!(!stale.is_mounted());
    assert_eq!(fs::read_dir(stale.path()).expect("the directory is back").count(), 0);
}

#[test]
fn what_cannot_be_mounted_on_is_refused_with_status_5_and_the_reason() {
    if !fuse_available() {
        return;
    }
    let folder = tempfile::tempdir().expect("a temporary folder");
    let in_use = folder.path().join("in use");
    fs::create_dir(&in_use).and_then(|()| fs::write(in_use.join("keep"), "x")).expect("a folder in use");
    assert_exit(&try_to_mount(&in_use, &[]), 5, &["is not empty", "--nonempty"]);
    assert_exit(&try_to_mount(&in_use.join("keep"), &[]), 5, &["is not a directory"]);
    let missing = folder.path().join("missing");
    assert_exit(&try_to_mount(&missing, &[]), 5, &["missing", "No such file or directory"]);
    assert!(!missing.exists(), "a mistyped mount point is not made");

    let mut over = astfs();
    over.arg("mount").arg(shipped("basic.toml")).arg(&in_use).arg("--nonempty");
    let over = Mounted::run(over, &in_use).unwrap_or_else(|error| panic!("{error}"));
    assert!(over.join("motd").exists() && !over.join("keep").exists());
    let (status, said) = over.unmount();
    assert_eq!(status.code(), Some(0), "{said}");
    assert_eq!(fs::read_to_string(in_use.join("keep")).expect("what was hidden is back"), "x");
}

#[test]
fn a_second_mount_at_the_same_place_is_refused_and_the_first_stays() {
    if !fuse_available() {
        return;
    }
    let mounted = mount_basic();
    for arguments in [&[][..], &["--nonempty"], &["--recover"]] {
        assert_exit(&try_to_mount(mounted.path(), arguments), 5, &["mounted already", "astfs umount"]);
    }
    assert_eq!(fs::read_to_string(mounted.join("motd")).expect("the first still answers"), MOTD);
}

#[test]
fn the_daemon_returns_when_the_mount_answers_and_ends_when_it_is_unmounted() {
    if !fuse_available() {
        return;
    }
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mount_point = folder.path().join("tree");
    fs::create_dir(&mount_point).expect("a folder to mount on");
    let log = folder.path().join("log");
    let log_text = log.display().to_string();
    // its pipes are read to their end: a daemon that kept them open would hang this
    let started = try_to_mount(&mount_point, &["--daemon", "--log-file", &log_text]);
    let answers = fs::read_to_string(mount_point.join("motd"));
    let running = processes_at(&mount_point).len();
    let ended = run([Path::new("umount"), &mount_point]);

    assert_exit(&started, 0, &[]);
    assert_eq!(answers.expect("it answers as soon as the command has ended"), MOTD);
    assert_eq!(running, 1);
    assert_exit(&ended, 0, &[]);
    assert!(!is_mounted(&mount_point));
    assert!(wait_until(PATIENCE, || processes_at(&mount_point).is_empty()), "the daemon stays");
    let logged = fs::read_to_string(&log).expect("the log is there");
    assert!(logged.contains("was unmounted"), "{logged}");
}

#[test]
fn a_daemon_that_cannot_mount_says_so_before_its_command_ends() {
    if !fuse_available() {
        return;
    }
    let folder = tempfile::tempdir().expect("a temporary folder");
    fs::write(folder.path().join("keep"), "x").expect("a file");
    let refused = try_to_mount(folder.path(), &["--daemon"]);
    assert_exit(&refused, 5, &["is not empty"]);
    assert_eq!(text(&refused.stderr).lines().count(), 1, "told once: {}", text(&refused.stderr));

    let wrong = TreeFile::new("[tree]\n\"a\" = { txt = \"x\" }\n");
    let refused = run([Path::new("mount"), &wrong.path(), folder.path(), Path::new("--daemon")]);
    assert_exit(&refused, 3, &["txt"]);
    assert_eq!(
        text(&refused.stderr).matches("has no key").count(),
        1,
        "told once: {}",
        text(&refused.stderr)
    );
    assert!(processes_at(folder.path()).is_empty());
}

#[test]
fn the_demo_needs_no_asterisk_and_leaves_nothing_behind() {
    if !fuse_available() {
        return;
    }
    for version in ["13", "16"] {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let mount_point = folder.path().join("made/by/the demo");
        let mut demo = astfs();
        demo.arg("demo")
            .arg(&mount_point)
            .args(["--peers", "50", "--asterisk", version])
            .env("TMPDIR", folder.path());
        let demo = Mounted::run(demo, &mount_point).unwrap_or_else(|error| panic!("{error}"));
        let online = demo.join("users/sipfriends/_online");
        let somebody = || fs::read_dir(&online).is_ok_and(|names| names.count() > 0);
        assert!(wait_until(PATIENCE, somebody), "{version}: {}", demo.stderr());
        let full = fs::read_dir(&online).ok().and_then(|mut names| names.next()?.ok());
        let full = full.expect("somebody is online").path().join("full");
        assert!(fs::read_to_string(full).expect("a phone's file").contains("\nuseragent="), "{version}");
        let (status, said) = demo.unmount();
        assert_eq!(status.code(), Some(0), "{said}");
        assert!(!mount_point.exists(), "the directory that it made stays");
        let left: Vec<_> = fs::read_dir(folder.path()).expect("the folder").filter_map(Result::ok).collect();
        assert_eq!(left.len(), 1, "besides `made`: {left:?}");
    }
}

#[test]
fn exit_statuses_are_those_that_help_promises() {
    let help = run([Path::new("--help")]);
    let promised = "Exit status: 0 done, 1 failed, 2 wrong usage, 3 mistakes in the tree file or test file,\n\
                    4 the server cannot be asked, 5 cannot mount or unmount, 6 no astfs is mounted there.";
    assert!(text(&help.stdout).contains(promised), "{}", text(&help.stdout));
    assert_exit(&help, 0, &[]);

    let basic = shipped("basic.toml");
    let asterisk = shipped("asterisk.toml");
    let wrong = TreeFile::new("[tree]\n\"a\" = { text = 1 }\n");
    let path = Path::new;
    assert_exit(&run([path("check"), &basic]), 0, &[]);
    assert_exit(&run([path("cat"), &basic, path("motd")]), 0, &[]);
    assert_exit(&run([path("cat"), &basic, path("no/such")]), 1, &["no/such", "no such file or directory"]);
    assert_exit(&run([path("check"), path("/no/such/tree.toml")]), 1, &["/no/such/tree.toml"]);
    assert_exit(&run([path("--no-such-flag")]), 2, &["--no-such-flag"]);
    assert_exit(&run([path("mount")]), 2, &["Usage"]);
    for command in ["check", "ls", "tree"] {
        assert_exit(&run([path(command), &wrong.path()]), 3, &["tree.toml"]);
    }
    let folder = tempfile::tempdir().expect("a temporary folder");
    assert_exit(&run([path("mount"), &wrong.path(), folder.path()]), 3, &["tree.toml"]);
    assert_exit(&run([path("umount"), folder.path()]), 5, &["nothing is mounted"]);
    assert_exit(&run([path("reload"), folder.path()]), 6, &["no astfs is mounted there"]);

    let server = Simulated::start(Content::new(Version::Asterisk13));
    let peers = || server.run("ls", &asterisk, ["users/sipfriends".into()]);
    assert_exit(&peers(), 0, &[]);
    server.set_credentials("astfs", "another");
    let mut refused = astfs();
    refused.arg("ls").arg(&asterisk).arg("users/sipfriends").envs(server.environment());
    refused.env("ASTFS_SECRET", "not the right one");
    let refused = run_within(PATIENCE, &mut refused);
    assert_exit(&refused, 4, &["refuses the login"]);
    assert!(!text(&refused.stderr).contains("not the right one"), "{}", text(&refused.stderr));
    server.go_down();
    assert_exit(&peers(), 4, &["not connected"]);
}
