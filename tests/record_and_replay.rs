//! `astfs record`, and a recording in the place of the server it was made from.

#![allow(clippy::expect_used, reason = "what fails here is the promise, told with these words")]

mod support;

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::time::Duration;

use astfs::simulator::{Content, Peer, Version};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use support::mount::{Mounted, astfs, fuse_available};
use support::simulated::{Simulated, peers_and_users, run_within, shipped, text, transcripts};
use support::walk::{Shown, Walk, walk};

const PATIENCE: Duration = Duration::from_secs(60);

/// The recording that the shipped tree is tested with.
const OF_13: &str = "tests/trees/asterisk-13.rec";

fn server_13() -> Simulated {
    let content = Content::new(Version::Asterisk13).recordings(transcripts("13"));
    Simulated::start(content.expect("the recordings are there"))
}

/// Runs `astfs record TREE -o FILE ARGUMENT...` on this server.
fn record(server: &Simulated, tree: &Path, file: &Path, arguments: &[&str]) -> Output {
    let mut program = astfs();
    program.arg("record").arg(tree).arg("-o").arg(file).args(arguments).envs(server.environment());
    run_within(PATIENCE, &mut program)
}

#[track_caller]
fn recorded(server: &Simulated, tree: &Path, file: &Path, arguments: &[&str]) -> String {
    let output = record(server, tree, file, arguments);
    assert!(output.status.success(), "{}", text(&output.stderr));
    std::fs::read_to_string(file).expect("it is written")
}

/// Runs `astfs COMMAND TREE ARGUMENT... --server replay:FILE`.
fn replay(command: &str, tree: &Path, arguments: &[&str], file: &Path) -> Output {
    let mut program = astfs();
    program.arg(command).arg(tree).args(arguments).arg("--server").arg(replay_of(file));
    run_within(PATIENCE, &mut program)
}

fn replay_of(file: &Path) -> String {
    format!("replay:{}", file.display())
}

fn mount_replay(tree: &Path, file: &Path) -> Mounted {
    Mounted::start(tree, ["--server", &replay_of(file)], &[]).expect("a recording can be mounted")
}

fn files(seen: &Walk) -> Vec<&str> {
    let files = seen.iter().filter(|(_, shown)| matches!(shown, Shown::File(_)));
    files.map(|(path, _)| path.as_str()).collect()
}

#[test]
fn the_recording_of_13_is_what_astfs_records_of_its_transcripts() {
    let folder = tempfile::tempdir().expect("a folder");
    let seen = recorded(
        &server_13(),
        Path::new("trees/asterisk.toml"),
        &folder.path().join("13.rec"),
        &["--events", "0s"],
    );
    if std::env::var_os("UPDATE_EXPECTED").is_some() {
        std::fs::write(OF_13, &seen).expect("the recording can be written");
    }
    let kept = std::fs::read_to_string(OF_13).expect("the recording is there");
    assert!(kept == seen, "{OF_13} is another; UPDATE_EXPECTED=1 writes it anew");
}

#[test]
fn a_mount_of_a_recording_shows_the_same_bytes_as_the_live_one() {
    if !fuse_available() {
        return;
    }
    let server = server_13();
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("pbx.rec");
    let tree = shipped("asterisk.toml");
    recorded(&server, &tree, &file, &["--events", "0s", "--keep", "all"]);
    let live = walk(server.mount(&tree).path());
    server.go_down();
    assert!(live.len() > 50, "only {} names", live.len());
    assert_eq!(walk(mount_replay(&tree, &file).path()), live);

    let printed = replay("cat", &tree, &files(&live), &file);
    assert!(printed.status.success(), "{}", text(&printed.stderr));
    let contents = live.values().filter_map(|shown| match shown {
        Shown::File(bytes) => Some(bytes.clone()),
        _ => None,
    });
    assert_eq!(text(&printed.stdout), text(&contents.collect::<Vec<_>>().concat()));
}

#[test]
fn every_command_that_asks_a_server_takes_a_recording() {
    let server = server_13();
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("pbx.rec");
    let tree = shipped("asterisk.toml");
    recorded(&server, &tree, &file, &["--events", "0s", "--keep", "all"]);
    let commands: [(&str, &[&str]); 5] = [
        ("tree", &[]),
        ("ls", &["-l", "users/sipfriends/_online"]),
        ("cat", &["users/sipfriends/6001/full"]),
        ("query", &["sip_peers"]),
        ("query", &["sip_peer", "--record", "peer=6001"]),
    ];
    for (command, arguments) in commands {
        let live = server.run(command, &tree, arguments.iter().map(PathBuf::from));
        let replayed = replay(command, &tree, arguments, &file);
        assert!(live.status.success() && !live.stdout.is_empty(), "{command}: {}", text(&live.stderr));
        assert_eq!(text(&replayed.stdout), text(&live.stdout), "{command} {}", text(&replayed.stderr));
    }
}

#[test]
fn the_simulator_answers_from_a_recording_on_its_socket() {
    let tree = shipped("asterisk.toml");
    let content = Content::new(Version::Asterisk13).recordings(OF_13).expect("the recording is there");
    let live = Simulated::start(content).run("tree", &tree, []);
    assert!(live.status.success(), "{}", text(&live.stderr));
    assert_eq!(text(&live.stdout), text(&replay("tree", &tree, &[], Path::new(OF_13)).stdout));
}

#[test]
fn with_replacements_the_same_names_lead_to_the_same_records() {
    let server = Simulated::start(Content::generated(Version::Asterisk13, 60, 7));
    let folder = tempfile::tempdir().expect("a folder");
    let (whole, replaced) = (folder.path().join("whole.rec"), folder.path().join("replaced.rec"));
    let tree = shipped("asterisk.toml");
    let before = recorded(&server, &tree, &whole, &["--events", "0s", "--keep", "all"]);
    let after = recorded(&server, &tree, &replaced, &["--events", "0s"]);
    // numbers in the records' names would be others; those of this server have four digits
    let shown = |file| text(&replay("tree", &tree, &[], file).stdout);
    assert_eq!(shown(&whole), shown(&replaced));
    assert_eq!(before.lines().count(), after.lines().count() - 1, "but for the line that tells so");

    let secrets: Vec<&str> = before
        .lines()
        .filter_map(|line| line.split_once("secret: \"")?.1.strip_suffix('"'))
        .filter(|secret| !secret.is_empty())
        .collect();
    assert!(secrets.len() > 30, "{secrets:?}");
    let left: Vec<_> = secrets.iter().filter(|secret| after.contains(**secret)).collect();
    assert!(left.is_empty(), "{left:?}");
    assert!(!after.contains(&server.secret()));
}

#[test]
fn peers_whose_names_are_numbers_are_found_by_their_replacements() {
    if !fuse_available() {
        return;
    }
    let names = ["200100", "200101", "0301234567"];
    let content = Content::new(Version::Asterisk16).peers(names.map(Peer::new));
    let server = Simulated::start(content);
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("pbx.rec");
    let tree = peers_and_users();
    let written = recorded(&server, &tree, &file, &["--events", "0s"]);
    let live = walk(server.mount(&tree).path());
    let replayed = walk(mount_replay(&tree, &file).path());
    assert_eq!(replayed.len(), live.len());
    let failed: Vec<_> = replayed.iter().filter(|(_, shown)| matches!(shown, Shown::Failed(_))).collect();
    assert!(failed.is_empty(), "{failed:?}");
    for name in names {
        let is_there = |seen: &Walk| seen.keys().any(|path| path.contains(name));
        assert!(is_there(&live) && !is_there(&replayed) && !written.contains(name), "{name}");
    }
}

#[test]
fn the_file_is_its_owners_alone_and_replaces_none_unless_told_to() {
    let server = server_13();
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("pbx.rec");
    let tree = shipped("asterisk.toml");
    recorded(&server, &tree, &file, &["--events", "0s"]);
    assert_eq!(file.metadata().expect("it is there").permissions().mode() & 0o777, 0o600);
    std::fs::write(&file, "mine").expect("it can be written");
    let refused = record(&server, &tree, &file, &["--events", "0s"]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(text(&refused.stderr).contains("--force"), "{}", text(&refused.stderr));
    assert_eq!(std::fs::read(&file).expect("it is there"), b"mine");
    assert!(
        recorded(&server, &tree, &file, &["--events", "0s", "--force"]).starts_with("astfs recording 1\n")
    );
}

#[test]
fn where_the_server_cannot_be_asked_nothing_is_written() {
    let server = server_13();
    server.go_down();
    let folder = tempfile::tempdir().expect("a folder");
    let failed = record(&server, &shipped("asterisk.toml"), &folder.path().join("pbx.rec"), &[]);
    assert_eq!(failed.status.code(), Some(4), "{}", text(&failed.stderr));
    assert_eq!(std::fs::read_dir(folder.path()).expect("the folder").count(), 0);
}

#[test]
fn a_question_that_was_not_recorded_is_named_with_the_file() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("pbx.rec");
    recorded(&server_13(), &shipped("asterisk.toml"), &file, &["--events", "0s"]);
    let tree = folder.path().join("tree.toml");
    std::fs::write(&tree, "[tree]\n\"calls\" = { command = \"core show calls\" }\n").expect("a tree file");
    let failed = replay("cat", &tree, &["calls"], &file);
    let said = text(&failed.stderr);
    assert_eq!(failed.status.code(), Some(1), "{said}");
    assert!(said.contains("pbx.rec") && said.contains("core show calls"), "{said}");
    let none = replay("cat", &tree, &["calls"], Path::new("no.rec"));
    assert!(text(&none.stderr).contains("no.rec"), "{}", text(&none.stderr));
}

#[test]
fn a_recording_recorded_again_is_the_same() {
    let folder = tempfile::tempdir().expect("a folder");
    let again = folder.path().join("again.rec");
    let mut program = astfs();
    program.args(["record", "trees/asterisk.toml", "--server", &replay_of(Path::new(OF_13))]);
    program.args(["--events", "0s", "--keep", "all", "-o"]).arg(&again);
    let output = run_within(PATIENCE, &mut program);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let (before, after) = (std::fs::read_to_string(OF_13), std::fs::read_to_string(&again));
    let (before, after) = (before.expect("it is there"), after.expect("it is there"));
    assert!(before == after, "{after}");
}

#[test]
fn events_are_recorded_until_an_interrupt_and_come_again_on_a_mount() {
    let server = Simulated::start(Content::generated(Version::Asterisk16, 5, 1));
    let folder = tempfile::tempdir().expect("a folder");
    let (tree, file) = (folder.path().join("tree.toml"), folder.path().join("pbx.rec"));
    let declared = "[server]\n[query.peers]\naction = \"SIPpeers\"\n[tree]\n\
                    \"peers\" = { query = \"peers\", as = \"json\" }\n\"events/all\" = { events = \"PeerStatus\" }\n";
    std::fs::write(&tree, declared).expect("a tree file");
    let mut program = astfs();
    program.arg("record").arg(&tree).arg("-o").arg(&file).args(["--events", "1h"]);
    let mut program = program.envs(server.environment()).stderr(Stdio::null()).spawn().expect("it starts");
    assert!(support::wait_until(PATIENCE, || server.questions().contains(&"SIPpeers".to_owned())));
    let peer = server.peer_names().swap_remove(0);
    let registered = server.register(&peer) || server.unregister(&peer);
    assert!(registered);
    // the event is on its way behind the answer to this question
    std::thread::sleep(Duration::from_millis(500));
    kill(Pid::from_raw(program.id().try_into().expect("a process id")), Signal::SIGINT).expect("it runs");
    assert!(program.wait().expect("it ends").success());
    let written = std::fs::read_to_string(&file).expect("it is written");
    assert!(written.contains("\n< Event: PeerStatus\n"), "{written}");

    if !fuse_available() || !nix::unistd::geteuid().is_root() {
        return;
    }
    let mounted = mount_replay(&tree, &file);
    let log = mounted.join("events/all");
    let came = support::wait_until(PATIENCE, || {
        std::fs::read_to_string(&log).is_ok_and(|text| text.contains("\"Event\":\"PeerStatus\""))
    });
    assert!(came, "{}", mounted.stderr());
}
