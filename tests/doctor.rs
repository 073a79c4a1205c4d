//! `astfs doctor`: what it finds, and what it says is to be done.

#![allow(clippy::expect_used, reason = "what fails here is the promise, told with these words")]

mod support;

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Output;
use std::time::Duration;

use astfs::simulator::{Content, Fault, Version};
use nix::sys::signal::Signal;
use serde_json::Value;
use support::mount::{Mounted, astfs, fuse_available, is_dead};
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
    findings.assert("mount point", "fail", &["is not empty", "--nonempty"]);

    fs::write(&secret, "hunter2\n").expect("a file");
    fs::set_permissions(&secret, Permissions::from_mode(0o644)).expect("it is ours");
    fs::set_permissions(tree.path(), Permissions::from_mode(0o666)).expect("it is ours");
    let open = doctor(&[&tree.path()]);
    let findings = Findings::of(&open);
    findings.assert("secret", "warn", &[&format!("chmod 600 {}", secret.display())]);
    findings.assert("permissions", "warn", &["everybody", "chmod o-w"]);
    findings.assert("server", "ok", &["asks none"]);
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
