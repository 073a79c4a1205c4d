//! What is said on standard output and standard error: nobody has to listen.

#![allow(clippy::expect_used, reason = "what fails here is the promise, told with these words")]

mod support;

use std::fs::{self, File, OpenOptions};
use std::io::{PipeReader, Read, pipe};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use astfs::simulator::{Content, Fault, Peer, Version};
use nix::sys::signal::Signal;
use support::mount::{Mounted, astfs, fuse_available};
use support::simulated::{Simulated, TreeFile, run_within, text};
use tempfile::TempDir;

const PATIENCE: Duration = Duration::from_secs(20);

/// Reading `down` is a line of a verbose log, `bad` a warning.
const TREE: &str = r#"
[tree]
"motd" = { text = "hello\n" }
"down" = { command = "core show version" }
"bad"  = { render = "{{ 'x' | int }}" }
"#;

/// A mount whose server is not there.
struct Mount {
    mounted: Mounted,
    file: TreeFile,
    _folder: TempDir,
}

impl Mount {
    fn saying_to(stderr: impl Into<Stdio>, arguments: &[&str]) -> Mount {
        let nobody = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
        let folder = tempfile::tempdir().expect("a temporary folder");
        let (file, mount_point) = (TreeFile::new(TREE), folder.path().join("tree"));
        fs::create_dir(&mount_point).expect("a folder to mount on");
        let mut command = astfs();
        command.arg("mount").args(arguments).arg(file.path()).arg(&mount_point);
        command.env("ASTFS_SERVER", nobody.expect("a port that is free").to_string());
        command.env("ASTFS_USER", "astfs").env("ASTFS_SECRET", "unused");
        let mounted = Mounted::run_saying(command, &mount_point, stderr.into());
        Mount { mounted: mounted.unwrap_or_else(|error| panic!("{error}")), file, _folder: folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.mounted.join(name)
    }

    /// Reads a file that cannot be had, so often.
    fn fail_to_read(&self, name: &str, times: usize) {
        for _ in 0..times {
            fs::read(self.path(name)).expect_err("it cannot be had");
        }
        assert_eq!(fs::read(self.path("motd")).expect("the rest can"), b"hello\n");
    }

    #[track_caller]
    fn ends_well(&mut self) {
        self.mounted.signal(Signal::SIGTERM);
        let status = self.mounted.wait(PATIENCE).expect("it ends");
        assert_eq!(status.code(), Some(0), "{}", self.mounted.stderr());
        assert!(!self.mounted.is_mounted());
    }
}

#[test]
fn a_log_that_nobody_reads_holds_up_no_reader_and_no_end() {
    if !fuse_available() {
        return;
    }
    let (unread, log) = pipe().expect("a pipe");
    let mut mount = Mount::saying_to(log, &["-vv"]);
    mount.fail_to_read("down", 3000);
    mount.ends_well();
    drop(unread);
}

#[test]
fn what_a_log_has_no_room_for_is_counted_where_it_is_missing() {
    if !fuse_available() {
        return;
    }
    let (mut unread, log) = pipe().expect("a pipe");
    let mut mount = Mount::saying_to(log, &["-vv"]);
    // more than the pipe and the program keep
    mount.fail_to_read("down", 6000);
    let reader = std::thread::spawn(move || {
        let mut said = String::new();
        unread.read_to_string(&mut said).expect("the log is text");
        said
    });
    mount.fail_to_read("down", 20);
    mount.ends_well();
    let said = reader.join().expect("a reader");
    let (before, after) = said.split_once("astfs: ").expect("a gap");
    let (lost, after) = after.split_once(' ').expect("a count");
    assert!(lost.parse().is_ok_and(|lost: u64| lost > 0), "{lost}");
    assert!(after.starts_with("lines are missing here: they could not be written\n"), "{after}");
    assert!(before.contains("mounted at ") && before.ends_with('\n'));
    assert!(after.contains(" unmounted "), "{after}");
}

/// The end of a pipe whose other end is closed.
fn closed() -> Stdio {
    let (reader, writer): (PipeReader, _) = pipe().expect("a pipe");
    drop(reader);
    writer.into()
}

#[test]
fn a_log_that_is_closed_or_on_a_full_disk_harms_no_mount() {
    if !fuse_available() {
        return;
    }
    let full = || OpenOptions::new().write(true).open("/dev/full").expect("/dev/full");
    for log in [closed(), full().into()] {
        let mut mount = Mount::saying_to(log, &["-vv"]);
        mount.fail_to_read("down", 100);
        // also what is printed when the tree file is read again
        fs::write(mount.file.path(), "[tree]\n\"motd\" = { txt = 1 }\n").expect("a tree file");
        let output = run_within(PATIENCE, astfs().arg("reload").arg(mount.path("")));
        assert_eq!(output.status.code(), Some(3), "{}", text(&output.stderr));
        mount.fail_to_read("down", 1);
        mount.ends_well();
    }
}

#[test]
fn what_fails_over_and_over_is_one_line_and_a_count() {
    if !fuse_available() {
        return;
    }
    let mount = Mount::saying_to(Stdio::piped(), &[]);
    mount.fail_to_read("bad", 1000);
    let (status, said) = mount.mounted.unmount();
    assert_eq!(status.code(), Some(0), "{said}");
    let told: Vec<_> = said.lines().filter(|line| line.contains("WARN lookup: \"bad\"")).collect();
    assert_eq!(told.len(), 2, "{said}");
    assert!(told[1].starts_with(|year: char| year.is_ascii_digit()) && told[1].contains("again="), "{said}");
}

#[test]
fn a_list_that_is_long_in_coming_is_told_of_once_and_every_answer_to_who_wants_it() {
    if !fuse_available() {
        return;
    }
    let tree = "[query.peers]\naction = \"SIPpeers\"\nkey = \"ObjectName\"\n[each.peer]\nin = \"peers\"\n[tree]\n\
        \"peers/{peer}\" = { command = \"sip show peer {{ peer.ObjectName }}\" }\n";
    let tree = TreeFile::new(tree);
    let server = Simulated::start(Content::new(Version::Asterisk16).peers(["a", "b", "c"].map(Peer::new)));
    server.fail_next("SIPpeers", Fault::DelayAnswer(Duration::from_millis(1200)));
    for (arguments, lists, details) in [(&[][..], 1, 0), (&["-v"], 1, 3)] {
        let mounted = server.mount_with(&tree.path(), arguments);
        let names = fs::read_dir(mounted.join("peers")).expect("it is there");
        let names: Vec<_> = names.flatten().map(|entry| entry.path()).collect();
        names.iter().for_each(|path| drop(fs::read(path).expect("it can be read")));
        let (_, said) = mounted.unmount();
        let count = |what: &str| said.lines().filter(|line| line.contains(what)).count();
        assert_eq!(count("query `peers`: 3 records, answered within "), lists, "{said}");
        assert_eq!(count("`: answered within "), details, "{said}");
    }
}

#[test]
fn who_has_read_enough_of_the_output_ends_a_command_quietly() {
    let tree = Path::new(env!("CARGO_MANIFEST_DIR")).join("trees/basic.toml");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (tree, new) = (tree.to_str().expect("a path of letters"), folder.path().join("new"));
    let new = new.to_str().expect("a path of letters");
    let commands = [
        &["ls", tree][..],
        &["ls", "-l", tree],
        &["tree", tree],
        &["cat", tree, "motd"],
        &["query", tree],
        &["check", tree],
        &["check", "--format", "json", tree],
        &["explain"],
        &["explain", "unknown-query"],
        &["explain", tree, "motd"],
        &["schema"],
        &["completions", "bash"],
        &["man"],
        &["init", "--yes", "--asterisk-config", "/nowhere", new],
    ];
    for arguments in commands {
        let errors = folder.path().join("errors");
        let mut program = astfs();
        program.args(arguments).stdin(Stdio::null()).stdout(closed());
        program.stderr(File::create(&errors).expect("a file for errors"));
        let status = program.status().expect("the program starts");
        let said = fs::read_to_string(&errors).expect("what it said");
        assert_eq!((status.code(), said.as_str()), (Some(0), ""), "{arguments:?}");
    }
    assert!(Path::new(new).join("tree.toml").exists());
}
