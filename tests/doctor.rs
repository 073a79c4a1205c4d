//! `astfs doctor`: what it finds, and what it says is to be done.

#![allow(clippy::expect_used, reason = "what fails here is the promise, told with these words")]

mod support;

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output};
use std::time::Duration;

use astfs::simulator::{Content, Fault, Version};
use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};
use nix::sys::signal::Signal;
use nix::sys::stat::{Mode, SFlag, makedev, mknod};
use serde_json::Value;
use support::mount::{Mounted, astfs, fuse_available, is_dead};
use support::nobody::{NOBODY, can_become_nobody};
use support::simulated::{Simulated, TreeFile, peers_and_users, run_within, shipped, text};
use support::wait_until;

const PATIENCE: Duration = Duration::from_secs(30);

/// The findings about a subject: their states, and what is told with the remedy.
struct Findings(Vec<Value>);

impl Findings {
    fn of(output: &Output) -> Findings {
        let report: Value = serde_json::from_slice(&output.stdout).expect("JSON");
        Findings(report["findings"].as_array().expect("a list").clone())
    }

    fn about(&self, subject: &str) -> impl Iterator<Item = (&str, String)> {
        self.0.iter().filter(move |one| one["subject"] == subject).map(|one| {
            let told = format!("{}; {}", one["told"], one["remedy"]);
            (one["state"].as_str().expect("a state"), told)
        })
    }

    /// That one finding about a subject has this state, and these words in it.
    #[track_caller]
    fn assert(&self, subject: &str, state: &str, words: &[&str]) {
        let matches =
            |(found, told): (&str, String)| found == state && words.iter().all(|word| told.contains(word));
        assert!(self.about(subject).any(matches), "no {state} {subject} {words:?}: {:#?}", self.0);
    }

    /// Has a shell do what a finding about a subject, with these words in it, says is to be done.
    #[track_caller]
    fn carry_out(&self, subject: &str, words: &str) {
        let told = |one: &&Value| one["told"].as_str().is_some_and(|told| told.contains(words));
        let remedy = self.0.iter().filter(|one| one["subject"] == subject).find(told);
        let remedy = remedy.and_then(|one| one["remedy"].as_str()).expect("something is to be done");
        let command = remedy.split('`').nth(1).unwrap_or_else(|| panic!("no command: {remedy}"));
        let programs = Path::new(env!("CARGO_BIN_EXE_astfs")).parent().expect("a folder").display();
        let programs = format!("{programs}:{}", std::env::var("PATH").unwrap_or_default());
        let output = run_within(PATIENCE, Command::new("sh").args(["-c", command]).env("PATH", programs));
        assert!(output.status.success(), "{command}: {}", text(&output.stderr));
    }
}

#[test]
fn a_sound_machine_tree_and_server_are_told_line_by_line() {
    if !fuse_available() {
        return;
    }
    let server = Simulated::start(Content::generated(Version::Asterisk16, 20, 1));
    let output = server.run("doctor", &peers_and_users(), ["--format".into(), "json".into()]);
    let findings = Findings::of(&output);
    findings.assert("fuse device", "ok", &["/dev/fuse"]);
    findings.assert("tree", "ok", &["entries", "queries"]);
    findings.assert("permissions", "ok", &[]);
    findings.assert("server", "ok", &["logged in within"]);
    findings.assert("version", "ok", &["Asterisk 16"]);
    for subject in ["rights", "answers"] {
        findings.assert(subject, "ok", &[]);
    }
    // others may have stale mounts here
    let fails = findings.0.iter().any(|one| one["state"] == "fail");
    assert_eq!(output.status.code(), Some(i32::from(fails)), "{:#?}", findings.0);

    let told = text(&server.run("doctor", &peers_and_users(), []).stdout);
    assert_eq!(told.lines().count(), findings.0.len(), "{told}");
    for line in told.lines() {
        let state = line.split_whitespace().next();
        assert!(state.is_some_and(|state| ["ok", "warn", "fail"].contains(&state)), "{line}");
        assert!(state == Some("ok") || line.contains("; "), "no remedy: {line}");
    }
    assert!(!told.contains(&server.secret()), "{told}");
}

fn doctor(arguments: &[&Path]) -> Output {
    run_within(PATIENCE, astfs().args(["doctor", "--format", "json"]).args(arguments))
}

#[test]
fn what_is_wrong_with_a_tree_is_told_with_its_remedy() {
    let wrong = TreeFile::new("[tree]\n\"a\" = { txt = \"x\" }\n");
    let output = doctor(&[&wrong.path()]);
    assert_eq!(output.status.code(), Some(3), "{}", text(&output.stderr));
    Findings::of(&output).assert("tree", "fail", &["1 error", "astfs check"]);

    let missing = doctor(&[Path::new("/no/such.toml")]);
    assert_eq!(missing.status.code(), Some(1));
    Findings::of(&missing).assert("tree", "fail", &["/no/such.toml", "astfs init"]);

    let tree = TreeFile::new("");
    let in_use = tree.path().parent().expect("a folder").to_owned();
    let secret = in_use.join("secret");
    let text_of_tree = format!(
        "[server]\nuser = \"astfs\"\nsecret = {{ file = \"{}\" }}\n[tree]\n\"motd\" = {{ text = \"x\" }}\n",
        secret.display()
    );
    fs::write(tree.path(), text_of_tree).expect("the tree can be written");
    let absent = doctor(&[&tree.path(), &in_use]);
    assert_eq!(absent.status.code(), Some(1));
    let findings = Findings::of(&absent);
    findings.assert("secret", "fail", &["No such file", "write the manager user's secret"]);
    findings.assert("server", "ok", &["asks none"]);
    findings.carry_out("secret", "No such file");
    Findings::of(&doctor(&[&tree.path()])).assert("secret", "fail", &["is empty", "write the manager"]);
    fs::write(&secret, "hunter2\n").expect("a file");
    Findings::of(&doctor(&[&tree.path()])).assert("secret", "ok", &[]);
    fs::remove_file(&secret).expect("it is ours");
    let given = run_within(
        PATIENCE,
        astfs().args(["doctor", "--format", "json"]).arg(tree.path()).env("ASTFS_SECRET", "hunter2"),
    );
    Findings::of(&given).assert("secret", "ok", &["ASTFS_SECRET"]);
    findings.assert("mount point", "fail", &["is not empty", "--nonempty"]);

    fs::write(&secret, "hunter2\n").expect("a file");
    fs::set_permissions(&secret, Permissions::from_mode(0o644)).expect("it is ours");
    fs::set_permissions(tree.path(), Permissions::from_mode(0o666)).expect("it is ours");
    let open = doctor(&[&tree.path()]);
    let findings = Findings::of(&open);
    findings.assert("secret", "warn", &[&format!("chmod 600 {}", secret.display())]);
    findings.assert("permissions", "warn", &["everybody", "chmod o-w"]);
    findings.assert("server", "ok", &["asks none"]);
    findings.carry_out("secret", "read by others");
    findings.carry_out("permissions", "everybody");
    let closed = Findings::of(&doctor(&[&tree.path()]));
    closed.assert("secret", "ok", &[]);
    closed.assert("permissions", "ok", &[]);
    assert!(!text(&open.stdout).contains("hunter2"));
}

#[test]
fn a_server_that_cannot_be_asked_or_denies_is_told_apart() {
    let server = Simulated::start(Content::generated(Version::Asterisk16, 20, 1));
    let ask = || server.run("doctor", &peers_and_users(), ["--format".into(), "json".into()]);
    server.set_fault_for("command", Fault::ErrorAnswer("Permission denied".into()));
    let denied = ask();
    assert_eq!(denied.status.code(), Some(1), "{}", text(&denied.stderr));
    let findings = Findings::of(&denied);
    findings.assert("server", "ok", &[]);
    findings.assert("rights", "fail", &["denied", "astfs check --live"]);
    findings.assert("answers", "fail", &["cannot be shown"]);

    server.set_fault(Some(Fault::RefuseLogin));
    let refused = ask();
    assert_eq!(refused.status.code(), Some(4), "{}", text(&refused.stderr));
    Findings::of(&refused).assert("server", "fail", &["refuses the login"]);

    server.go_down();
    let down = ask();
    assert_eq!(down.status.code(), Some(4), "{}", text(&down.stderr));
    Findings::of(&down).assert("server", "fail", &["onnection refused", "manager.conf"]);
}

#[test]
fn a_stale_mount_is_found() {
    if !fuse_available() {
        return;
    }
    let mut mounted =
        Mounted::start(&shipped("basic.toml"), [""; 0], &[]).unwrap_or_else(|error| panic!("{error}"));
    mounted.signal(Signal::SIGKILL);
    mounted.wait(PATIENCE).expect("nobody survives SIGKILL");
    assert!(wait_until(PATIENCE, || is_dead(mounted.path())), "somebody answers still");
    let output = doctor(&[]);
    assert_eq!(output.status.code(), Some(1), "{}", text(&output.stderr));
    let umount = format!("astfs umount {}", mounted.path().display());
    Findings::of(&output).assert("mounts", "fail", &["has gone", &umount]);
}

#[test]
fn a_mount_that_hangs_is_taken_away_by_the_command_that_is_told() {
    if !fuse_available() {
        return;
    }
    let server = Simulated::start(Content::generated(Version::Asterisk16, 2, 1));
    let tree = TreeFile::new("[tree]\n\"motd\" = { text = \"x\" }\n\"events/all\" = { events = [\"*\"] }\n");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let place = folder.path().join("a b's");
    fs::create_dir(&place).expect("a folder to mount on");
    let mut command = astfs();
    command.arg("mount").arg(tree.path()).arg(&place).envs(server.environment());
    let mounted = Mounted::run(command, &place).unwrap_or_else(|error| panic!("{error}"));
    mounted.signal(Signal::SIGSTOP);

    let findings = Findings::of(&doctor(&[&shipped("basic.toml"), &place]));
    findings.assert("mounts", "fail", &["a b's", "does not answer"]);
    findings.assert("mount point", "fail", &["a b's", "does not answer", "astfs umount"]);
    findings.carry_out("mounts", "a b's");
    let listed = fs::read_to_string("/proc/self/mounts").expect("the list of mounts");
    assert!(!listed.contains("a\\040b's"), "{listed}");
    Findings::of(&doctor(&[&shipped("basic.toml"), &place])).assert("mount point", "ok", &["empty"]);
    mounted.signal(Signal::SIGCONT);
}

#[test]
fn what_a_bare_root_lacks_is_there_after_the_commands_that_are_told() {
    if !fuse_available() || !can_become_nobody() {
        return;
    }
    let none = None::<&str>;
    unshare(CloneFlags::CLONE_NEWNS).expect("mounts of our own");
    mount(none, "/", none, MsFlags::MS_REC | MsFlags::MS_PRIVATE, none).expect("they stay our own");
    let empty = |place: &str| {
        mount(Some("tmpfs"), place, Some("tmpfs"), MsFlags::empty(), none)
            .expect("an empty folder in its place");
    };
    empty("/dev");
    // every program that is started here is given it
    mknod("/dev/null", SFlag::S_IFCHR, Mode::from_bits_truncate(0o666), makedev(1, 3)).expect("a device");
    empty("/usr/sbin");
    let findings = Findings::of(&doctor(&[]));
    findings.assert("fuse device", "fail", &["No such file"]);
    findings.carry_out("fuse device", "No such file");
    findings.carry_out("mount.astfs", "do not know astfs");
    let findings = Findings::of(&doctor(&[]));
    findings.assert("fuse device", "ok", &[]);
    findings.assert("mount.astfs", "ok", &["/usr/sbin/mount.astfs"]);

    empty("/proc");
    let findings = Findings::of(&doctor(&[]));
    findings.assert("mounts", "fail", &["cannot be read"]);
    findings.carry_out("mounts", "cannot be read");
    let findings = Findings::of(&doctor(&[]));
    assert!(findings.about("mounts").all(|(_, told)| !told.contains("cannot be read")), "{:#?}", findings.0);
}

#[test]
fn others_than_root_are_told_what_fusermount3_lacks() {
    if !can_become_nobody() {
        return;
    }
    let folder = tempfile::tempdir().expect("a temporary folder");
    fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).expect("it is ours");
    let ids = [format!("--reuid={NOBODY}"), format!("--regid={NOBODY}"), "--clear-groups".into()];
    let ask = || {
        let mut command = Command::new("setpriv");
        command.args(&ids).arg("env").arg(format!("PATH={}", folder.path().display()));
        command.arg(env!("CARGO_BIN_EXE_astfs")).args(["doctor", "--format", "json"]);
        Findings::of(&run_within(PATIENCE, &mut command))
    };
    let findings = ask();
    findings.assert("fusermount3", "fail", &["not on the PATH", "apt install fuse3"]);
    findings.assert("control files", "warn", &["only root"]);

    let program = folder.path().join("fusermount3");
    fs::write(&program, "#!/bin/sh\n").expect("a file");
    fs::set_permissions(&program, Permissions::from_mode(0o755)).expect("it is ours");
    let findings = ask();
    findings.assert("fusermount3", "fail", &["does not run as root"]);
    findings.carry_out("fusermount3", "does not run as root");
    ask().assert("fusermount3", "ok", &[]);
}
