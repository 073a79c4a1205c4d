//! The manager secret: who can see it.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use astfs::simulator::{Content, Peer, Version};
use tempfile::TempDir;

use super::PATIENCE;
use crate::support::mount::{Mounted, astfs, fuse_available};
use crate::support::simulated::{Simulated, TreeFile, run_within, text};
use crate::support::wait_until;

const SECRET: &str = "Tr0ub4dor-and-3";

/// A server with that secret, a tree that takes it from a file, and that file.
struct Ground {
    server: Simulated,
    tree: TreeFile,
    file: PathBuf,
    _folder: TempDir,
}

fn ground() -> Ground {
    let server = Simulated::start(Content::new(Version::Asterisk16).peers([Peer::new("1001")]));
    server.set_credentials("astfs", SECRET);
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("secret");
    fs::write(&file, format!("{SECRET}\n")).expect("a file");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).expect("the file is ours");
    let tree = TreeFile::new(&format!(
        "[server]\naddress = \"{}\"\nuser = \"astfs\"\nsecret = {{ file = {file:?} }}\nlogin = \"plain\"\n\
         [query.peers]\naction = \"SIPpeers\"\nkey = \"ObjectName\"\n[each.peer]\nin = \"peers\"\n\
         [tree]\n\"version\" = {{ command = \"core show version\" }}\n\
         \"peers/{{peer}}\" = {{ render = \"{{{{ peer.ObjectName }}}}\\n\" }}\n\
         \"control/say\" = {{ write = {{ command = \"core show {{{{ input }}}}\" }} }}\n\
         \"events/all\" = {{ events = \"*\" }}\n",
        server.address()
    ));
    Ground { server, tree, file, _folder: folder }
}

fn files_below(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let entry = entry.expect("an entry");
        match entry.file_type().expect("a kind") {
            kind if kind.is_dir() => files_below(&entry.path(), found),
            kind if kind.is_file() => found.push(entry.path()),
            _ => {}
        }
    }
}

#[test]
fn the_secret_of_a_mount_is_in_no_argument_environment_log_or_file_of_it() {
    if !fuse_available() {
        return;
    }
    let ground = ground();
    let mounted = Mounted::start(&ground.tree.path(), ["-vv"], &[]).expect("a mount");
    let connected = || mounted.stderr().contains(" connected ");
    assert!(wait_until(PATIENCE, connected), "{}", mounted.stderr());
    assert!(fs::read_to_string(mounted.join("version")).expect("a file").starts_with("Asterisk 16"));

    let mut files = Vec::new();
    files_below(mounted.path(), &mut files);
    // no listing has it
    files_below(&mounted.join(".astfs"), &mut files);
    assert!(files.len() > 3 && files.contains(&mounted.join("peers/1001")), "{files:?}");
    let of_process =
        ["cmdline", "environ"].map(|name| PathBuf::from(format!("/proc/{}/{name}", mounted.pid())));
    for file in files.into_iter().chain(of_process) {
        let shown = fs::read(&file).unwrap_or_default();
        assert!(!text(&shown).contains(SECRET), "{}", file.display());
    }
    let (_, log) = mounted.unmount();
    assert!(!log.contains(SECRET), "{log}");
}

#[test]
fn the_secret_is_in_nothing_that_a_command_prints_and_in_no_recording() {
    let ground = ground();
    let recording = ground.file.with_file_name("pbx.rec");
    let tree = ground.tree.path();
    let mut printed = String::new();
    for arguments in [
        vec!["-vv", "ls", "-l"],
        vec!["-vv", "tree"],
        vec!["-vv", "query"],
        vec!["-vv", "explain", "--tree"],
        vec!["-vv", "check", "--live"],
        vec!["-vv", "record", "--events", "0s", "--keep", "all", "--output"],
    ] {
        let mut command = astfs();
        command.args(&arguments);
        if arguments.contains(&"record") {
            command.arg(&recording);
        }
        let output = run_within(PATIENCE, command.arg(&tree));
        printed += &format!("{arguments:?}: {}{}\n", text(&output.stdout), text(&output.stderr));
    }
    assert!(recording.exists(), "{printed}");
    printed += &text(&fs::read(&recording).expect("a recording"));
    assert!(!printed.contains(SECRET), "{printed}");
    let logins = ground.server.asked().iter().filter(|request| request.action() == "Login").count();
    assert!(logins >= 4, "they logged in with it {logins} times");
}

#[test]
fn a_secret_file_that_others_can_read_is_warned_of() {
    let ground = ground();
    let cat = || {
        let output = run_within(PATIENCE, astfs().args(["-v", "cat"]).arg(ground.tree.path()).arg("version"));
        assert!(output.status.success(), "{}", text(&output.stderr));
        text(&output.stderr).clone()
    };
    assert!(!cat().contains("can be read by others"));
    fs::set_permissions(&ground.file, fs::Permissions::from_mode(0o644)).expect("the file is ours");
    let told = cat();
    assert!(told.contains("can be read by others (mode 0644); `chmod 600` it"), "{told}");
}
