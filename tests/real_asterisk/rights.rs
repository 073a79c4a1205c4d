//! Logging in, and what a manager user's rights allow.

use std::fs;

use nix::libc;

use crate::ground::{
    ASTFS, REPORTING, User, fields, is_there, listing, mount_tree, names, records, shipped, text,
};
use crate::support::asterisk::{Asterisk, Version};
use crate::support::mount;

#[test]
fn a_user_who_may_run_no_commands_gets_what_needs_none() {
    if !mount::fuse_available() {
        return;
    }
    let Some(server) = Asterisk::start(Version::V16) else { return };
    let mounted = mount_tree(&shipped(), &server, REPORTING);

    // who is a friend and who a peer takes a command: all are peers
    let peers = mounted.join("peers/sip");
    for name in ["6001", "fax", "person", "mtrf", "_online~2"] {
        assert!(is_there(&peers.join(name)), "{name} is not in {:?}", names(&peers));
        assert!(is_there(&peers.join("_offline").join(name)));
    }
    assert_eq!(text(&peers.join("fax/contexts")), "context=default\nsubscribecontext=fax-hints\n");
    for file in ["full", "credentials", "codecs", "huntgroups"] {
        let error = fs::read(peers.join("6001").join(file)).expect_err("that takes a command");
        assert_eq!(error.raw_os_error(), Some(libc::EACCES), "{file}: {error}");
    }
    assert!(records(&mounted.join("users/sipfriends")).is_empty());
    for directory in ["users/sipusers", "users/sipusers/_offline", "users/iax2"] {
        let error = listing(&mounted.join(directory)).expect_err("that takes a command");
        assert_eq!(error.raw_os_error(), Some(libc::EACCES), "{directory}: {error}");
    }
    assert_eq!(fields(&mounted.join("peers/iax2/iax1/full"))["Dynamic"], "yes");
}

#[test]
fn both_logins_are_accepted_and_a_wrong_secret_is_denied() {
    if !mount::fuse_available() {
        return;
    }
    let Some(server) = Asterisk::start(Version::V16) else { return };
    let folder = tempfile::tempdir().expect("a temporary folder");
    for login in ["md5", "plain"] {
        let tree = folder.path().join(format!("{login}.toml"));
        let content = format!(
            "[server]\nlogin = \"{login}\"\n[tree]\n\"version\" = {{ command = \"core show version\" }}\n"
        );
        fs::write(&tree, content).expect("a tree file");
        let mounted = mount_tree(&tree, &server, ASTFS);
        assert!(text(&mounted.join("version")).starts_with("Asterisk 16."), "{login}");
        drop(mounted);

        let mounted = mount_tree(&tree, &server, User { name: "astfs", secret: "guess" });
        let error = fs::read(mounted.join("version")).expect_err("the secret is wrong");
        assert_eq!(error.raw_os_error(), Some(libc::EACCES), "{login}: {error}");
        assert!(!mounted.stderr().contains("guess"));
    }
}

#[test]
fn the_check_of_a_live_server_tells_which_right_is_lacking_and_the_user_that_is_enough() {
    let Some(server) = Asterisk::start(Version::V16) else { return };
    let check = |user: User| {
        let mut astfs = mount::astfs();
        astfs.args(["check", "--live", "--format", "json"]).arg(shipped());
        astfs.args(["--server", &server.ami_address().to_string(), "--user", user.name]);
        let output = astfs.env("ASTFS_SECRET", user.secret).output().expect("astfs runs");
        let report: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
        (output.status.code(), report["live"].clone())
    };
    let (status, report) = check(ASTFS);
    assert_eq!(status, Some(0), "{report:#}");
    assert!(report["version"].as_str().is_some_and(|version| version.starts_with("16.")), "{report:#}");
    let classes = |report: &serde_json::Value| -> Vec<String> {
        report["user"]["write"].as_object().expect("classes").keys().cloned().collect()
    };
    let needed = |report: &serde_json::Value| -> Vec<String> {
        // `call` is for the parking lots, and named where they can be asked for
        classes(report).into_iter().filter(|class| class != "call").collect()
    };
    assert_eq!(needed(&report), ["command", "reporting", "system"]);

    let (status, report) = check(REPORTING);
    assert_eq!(status, Some(1), "{report:#}");
    let queries = report["queries"].as_array().expect("a list");
    let state =
        |name: &str| queries.iter().find(|query| query["name"] == name).expect("a line")["state"].clone();
    assert_eq!(
        (state("sip_peer_entries"), state("iax_users_from_command")),
        ("answered".into(), "denied".into())
    );
    assert_eq!(needed(&report), ["command", "reporting", "system"], "what is lacking is among them");
}
