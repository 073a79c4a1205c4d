//! The mounts inside the mount: who may enter, and how they end.

use std::fs::{self, File};
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::{Duration, Instant};

use astfs::simulator::{Content, Fault, Peer, Version};
use nix::libc::ETIMEDOUT;
use nix::sys::signal::Signal;

use super::{PATIENCE, mount};
use crate::support::mount::{Mounted, astfs, fuse_available, is_mounted};
use crate::support::nobody::{
    NOBODY, as_nobody, assert_refused, can_become_nobody, let_others_near, open_the_device,
};
use crate::support::simulated::{Simulated, TreeFile, run_within, shipped, text};
use crate::support::wait_until;

const ALIVE: [&str; 2] = ["control", "events"];

fn server() -> Simulated {
    let qualify = [("Action", "Command"), ("Command", "sip qualify peer alice")];
    let answer = "Response: Success\r\nMessage: Command output follows\r\nOutput: asked\r\n\r\n";
    Simulated::start(Content::new(Version::Asterisk16).peer(Peer::new("alice")).answer(&qualify, answer))
}

/// How many mounts begin at a path or below it.
fn mounts_at(path: &Path) -> usize {
    let mounts = fs::read_to_string("/proc/self/mountinfo").expect("Linux lists mounts");
    let at = |line: &str| line.split(' ').nth(4).is_some_and(|at| Path::new(at).starts_with(path));
    mounts.lines().filter(|line| at(line)).count()
}

/// Runs `astfs umount`.
#[track_caller]
fn umount(path: &Path) {
    let output = run_within(PATIENCE, astfs().arg("umount").arg(path));
    assert!(output.status.success(), "{}", text(&output.stderr));
}

#[test]
fn the_tree_that_comes_with_astfs_does_what_it_says() {
    if !fuse_available() {
        return;
    }
    let server = server();
    let mounted = mount(&server, &shipped("alive.toml"), &[], &ALIVE);
    assert_eq!(mounts_at(mounted.path()), 3);
    fs::write(mounted.join("control/qualify"), "alice\n").expect("it is done");
    assert_eq!(fs::read_to_string(mounted.join("control/qualify")).expect("it reads"), "asked\n");
    assert!(fs::write(mounted.join("control/qualify"), "alice; core stop now").is_err());
    assert!(server.register("alice"));
    let told = || fs::read_to_string(mounted.join("events/peers")).is_ok_and(|log| log.contains("SIP/alice"));
    assert!(wait_until(PATIENCE, told), "{}", mounted.stderr());
}

#[test]
fn others_than_root_mount_a_tree_whose_logs_stay_empty_but_none_with_control_files() {
    if !fuse_available() || !can_become_nobody() {
        return;
    }
    let server = server();
    let folder = tempfile::tempdir().expect("a temporary folder");
    open_the_device(folder.path());
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).expect("the folder is ours");
    let (program, mountpoint) = (folder.path().join("astfs"), folder.path().join("mnt"));
    fs::copy(env!("CARGO_BIN_EXE_astfs"), &program).expect("the program can be copied");
    fs::create_dir(&mountpoint).expect("a mount point");
    std::os::unix::fs::chown(&mountpoint, Some(NOBODY), Some(NOBODY)).expect("it becomes his");
    let mount = |tree: &str| {
        let file = folder.path().join("tree.toml");
        fs::write(&file, tree).expect("a tree file");
        fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).expect("the file is ours");
        let [address, user, secret] = server.environment().map(|(name, value)| format!("{name}={value}"));
        let arguments =
            [&*address, &user, &secret, &program.to_string_lossy(), "mount", "--daemon"].map(str::to_owned);
        let paths = [&file, &mountpoint].map(|path| path.to_string_lossy().into_owned());
        as_nobody("env", arguments.into_iter().chain(paths))
    };
    let logs = "[tree]\n\"events/all\" = { events = \"*\" }\n\"motd\" = { text = \"hello\\n\" }\n";
    mount(logs).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(as_nobody("cat", [mountpoint.join("motd")]), Ok("hello\n".to_owned()));
    assert_eq!(as_nobody("ls", [mountpoint.join("events")]), Ok("all\n".to_owned()));
    assert_eq!(as_nobody("cat", [mountpoint.join("events/all")]), Ok(String::new()));
    as_nobody(&program.to_string_lossy(), [std::ffi::OsStr::new("umount"), mountpoint.as_os_str()])
        .unwrap_or_else(|error| panic!("{error}"));
    let refused = mount(&format!("{logs}\"control/x\" = {{ write = {{ action = \"Ping\" }} }}\n"));
    let refused = refused.expect_err("a control file could not be used");
    assert!(refused.contains("need astfs to run as root"), "{refused}");
}

#[test]
fn a_tree_without_anything_alive_is_one_mount() {
    if !fuse_available() {
        return;
    }
    let mounted =
        Mounted::start(&shipped("basic.toml"), [""; 0], &[]).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(mounts_at(mounted.path()), 1);
}

#[test]
fn all_mounts_go_with_the_signal_and_with_umount_also_while_a_log_is_open() {
    if !fuse_available() {
        return;
    }
    let server = server();
    for by_signal in [Some(Signal::SIGTERM), Some(Signal::SIGINT), None] {
        let mut mounted = mount(&server, &shipped("alive.toml"), &[], &ALIVE);
        let log = || fs::read_to_string(mounted.join("events/all")).unwrap_or_default();
        // what happens before it is connected is in no log
        let happens = || server.register("alice") && log().contains("SIP/alice");
        assert!(wait_until(PATIENCE, happens));
        let mut holder = File::open(mounted.join("events/all")).expect("it opens");
        match by_signal {
            Some(signal) => mounted.signal(signal),
            None => umount(mounted.path()),
        }
        if by_signal.is_none() {
            let mut log = String::new();
            holder.read_to_string(&mut log).expect("the holder reads on");
            assert!(log.contains("SIP/alice"), "{log}");
            drop(holder);
        }
        let status = mounted.wait(PATIENCE).unwrap_or_else(|| panic!("{by_signal:?} does not end it"));
        assert_eq!(status.code(), Some(0), "{}", mounted.stderr());
        assert_eq!(mounts_at(mounted.path()), 0, "{by_signal:?}");
    }
}

#[test]
fn what_a_crash_leaves_behind_is_cleared_by_umount_and_by_recover() {
    if !fuse_available() {
        return;
    }
    let server = server();
    for recover in [false, true] {
        let mut mounted = mount(&server, &shipped("alive.toml"), &[], &ALIVE);
        mounted.signal(Signal::SIGKILL);
        mounted.wait(PATIENCE).expect("nobody survives SIGKILL");
        assert_eq!(mounts_at(mounted.path()), 3, "the kernel keeps them");
        if recover {
            let mut again = astfs();
            again.arg("mount").arg(shipped("alive.toml")).arg(mounted.path()).arg("--recover");
            again.envs(server.environment());
            let again = Mounted::run(again, mounted.path()).unwrap_or_else(|error| panic!("{error}"));
            let whole = || ALIVE.iter().all(|directory| is_mounted(&again.join(directory)));
            assert!(wait_until(PATIENCE, whole), "{}", again.stderr());
            assert_eq!(mounts_at(mounted.path()), 3, "and none below");
            fs::write(again.join("control/qualify"), "alice\n").expect("it works again");
            let (status, said) = again.unmount();
            assert_eq!(status.code(), Some(0), "{said}");
        } else {
            umount(mounted.path());
        }
        assert_eq!(mounts_at(mounted.path()), 0);
        assert_eq!(fs::read_dir(mounted.path()).expect("the directory is back").count(), 0);
    }
}

#[test]
fn only_the_modes_decide_what_others_may_read_and_write() {
    if !fuse_available() || !can_become_nobody() {
        return;
    }
    let server = server();
    let tree = TreeFile::new(
        "[tree]\n\
         \"control/ours\" = { write = { command = \"sip qualify peer {{ input }}\" } }\n\
         \"control/theirs\" = { write = { command = \"sip qualify peer {{ input }}\" }, mode = \"0622\" }\n\
         \"events/ours\" = { events = \"*\" }\n\
         \"events/theirs\" = { events = \"*\", mode = \"0444\" }\n",
    );
    let mounted = mount(&server, &tree.path(), &["--allow-other"], &ALIVE);
    let_others_near(&mounted);
    let write = |name: &str| {
        let path = mounted.join("control").join(name);
        as_nobody("sh", ["-c".as_ref(), "echo alice > \"$0\"".as_ref(), path.as_os_str()])
    };
    server.forget_asked();
    assert_refused(write("ours"));
    assert_eq!(server.questions(), [""; 0]);
    assert_eq!(write("theirs").as_deref(), Ok(""));
    assert_eq!(server.questions(), ["sip qualify peer alice"]);
    let cat = |path: &str| as_nobody("cat", [mounted.join(path)]);
    for closed in ["control/ours", "control/theirs", "events/ours"] {
        assert_refused(cat(closed));
    }
    assert!(cat("events/theirs").is_ok());
    drop(mounted);

    let mounted = mount(&server, &tree.path(), &[], &ALIVE);
    let_others_near(&mounted);
    assert_refused(as_nobody("cat", [mounted.join("events/theirs")]));
    assert_refused(as_nobody("ls", [mounted.join("control")]));
}

#[test]
fn a_name_beside_a_control_file_is_waited_for_once_though_the_kernel_looks_it_up_twice() {
    if !fuse_available() {
        return;
    }
    let tree = TreeFile::new(
        r#"
[defaults]
timeout  = "1s"
ttl      = "100ms"
on_error = "error"

[tree]
"control/show"    = { write = { command = "core show uptime" } }
"control/version" = { command = "core show version" }
"#,
    );
    let server = Simulated::start(Content::generated(Version::Asterisk16, 3, 1));
    let mounted = mount(&server, &tree.path(), &[], &["control"]);
    let version = mounted.join("control/version");
    assert!(wait_until(PATIENCE, || fs::metadata(&version).is_ok()), "{}", mounted.stderr());
    server.set_fault_for("core show version", Fault::Silent);
    std::thread::sleep(Duration::from_millis(200));
    let begin = Instant::now();
    let error = fs::metadata(&version).expect_err("there is no answer");
    assert_eq!(error.raw_os_error(), Some(ETIMEDOUT), "{}", mounted.stderr());
    // a name has twice the timeout, and the rest is a busy machine's
    assert!(begin.elapsed() < Duration::from_millis(3500), "it took {:?}", begin.elapsed());
    server.set_fault(None);
    assert!(wait_until(PATIENCE, || fs::metadata(&version).is_ok()), "{}", mounted.stderr());
}
