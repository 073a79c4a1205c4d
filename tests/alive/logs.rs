//! Event logs: what is in them, who reads while they grow, and how they are rotated.

use std::fs::{self, File};
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

use astfs::simulator::{Content, Peer, Version};
use serde_json::Value;

use super::{PATIENCE, mount};
use crate::support::mount::{Mounted, fuse_available};
use crate::support::simulated::{Simulated, TreeFile};
use crate::support::wait_until;

const TREE: &str = r#"
[server]
address = "127.0.0.1:5038"
user    = "astfs"

[tree]
"events/all"   = { events = "*" }
"events/small" = { events = { names = "UserEvent", size = "16k" } }
"events/sip"   = { events = { names = ["PeerStatus", "Reload"], where = "event.Peer == 'SIP/alice'" } }
"#;

fn server() -> Simulated {
    Simulated::start(Content::new(Version::Asterisk16).peers(["alice", "bob"].map(Peer::new)))
}

/// An event of that number, about a hundred bytes long in the log.
fn emit(server: &Simulated, number: usize) {
    server.emit(format!(
        "Event: UserEvent\r\nPrivilege: user,all\r\nUserEvent: Test\r\nNumber: {number}\r\n\r\n"
    ));
}

/// Each line of a log's text, which has to be whole and JSON.
#[track_caller]
fn lines(text: &str) -> Vec<Value> {
    assert!(text.is_empty() || text.ends_with('\n'), "a line is torn: {text:?}");
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{line:?}: {error}")))
        .collect()
}

fn log(mounted: &Mounted, path: &str) -> Vec<Value> {
    lines(&fs::read_to_string(mounted.join(path)).expect("the log reads"))
}

fn numbers(lines: &[Value]) -> Vec<usize> {
    lines.iter().filter_map(|line| line["Number"].as_str()?.parse().ok()).collect()
}

/// A `tail` that runs, and all that it printed.
struct Tail {
    program: Child,
    output: ChildStdout,
    printed: Vec<u8>,
}

impl Tail {
    fn start(mounted: &Mounted, arguments: &[&str], path: &str) -> Tail {
        let mut command = Command::new("tail");
        command.args(arguments).arg(mounted.join(path)).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut program = command.spawn().expect("tail starts");
        let output = program.stdout.take().expect("a pipe");
        let flags = nix::fcntl::FcntlArg::F_SETFL(nix::fcntl::OFlag::O_NONBLOCK);
        nix::fcntl::fcntl(&output, flags).expect("a pipe need not block");
        Tail { program, output, printed: Vec::new() }
    }

    /// The numbers of the events in what it printed so far.
    fn numbers(&mut self) -> Vec<usize> {
        // a pipe that is empty just now is an error of this kind of reading
        let _ = self.output.read_to_end(&mut self.printed);
        let whole = self.printed.iter().rposition(|&byte| byte == b'\n').map_or(0, |end| end + 1);
        numbers(&lines(std::str::from_utf8(&self.printed[..whole]).expect("text")))
    }
}

impl Drop for Tail {
    fn drop(&mut self) {
        let _ = self.program.kill();
        let _ = self.program.wait();
    }
}

#[test]
fn a_log_holds_the_events_it_names_each_as_a_line() {
    if !fuse_available() {
        return;
    }
    let server = server();
    let tree = TreeFile::new(TREE);
    let mounted = mount(&server, &tree.path(), &[], &["events"]);
    assert!(server.register("alice") && server.register("bob"));
    server.reload();
    let has = |path: &str, name: &str| log(&mounted, path).iter().any(|line| line["Event"] == name);
    assert!(wait_until(PATIENCE, || has("events/all", "Reload")), "{:?}", log(&mounted, "events/all"));
    let all = log(&mounted, "events/all");
    let first = all[0].as_object().expect("an object");
    let keys: Vec<_> = first.keys().map(String::as_str).take(3).collect();
    assert_eq!(keys, ["time", "Event", "Privilege"], "as the server spelt and ordered them");
    assert!(all.iter().any(|line| line["Event"] == "PeerStatus" && line["Peer"] == "SIP/bob"));
    let sip = log(&mounted, "events/sip");
    assert!(!sip.is_empty() && sip.iter().all(|line| line["Peer"] == "SIP/alice"), "{sip:?}");
    let size = fs::metadata(mounted.join("events/all")).expect("it is there").len();
    assert_eq!(size, fs::read(mounted.join("events/all")).expect("it reads").len() as u64);
    let nothing = mount(&server, &tree.path(), &[], &["events"]);
    assert!(log(&nothing, "events/small").is_empty(), "what came before the mount is not in it");
}

#[test]
fn tail_sees_events_as_they_come() {
    if !fuse_available() {
        return;
    }
    let server = server();
    let tree = TreeFile::new(TREE);
    let mounted = mount(&server, &tree.path(), &[], &["events"]);
    emit(&server, 0);
    assert!(wait_until(PATIENCE, || log(&mounted, "events/small").len() == 1));
    let mut tail = Tail::start(&mounted, &["-n+1", "-f", "-s0.05"], "events/small");
    for number in 1..5 {
        assert!(wait_until(PATIENCE, || tail.numbers().len() == number), "{number}");
        emit(&server, number);
    }
    assert!(wait_until(PATIENCE, || tail.numbers() == [0, 1, 2, 3, 4]), "{:?}", tail.numbers());
}

#[test]
fn a_full_log_is_rotated_and_whoever_has_it_open_reads_it_whole() {
    if !fuse_available() {
        return;
    }
    let server = server();
    let tree = TreeFile::new(TREE);
    let mounted = mount(&server, &tree.path(), &[], &["events"]);
    let (path, rotated) = (mounted.join("events/small"), mounted.join("events/small.1"));
    emit(&server, 0);
    assert!(wait_until(PATIENCE, || log(&mounted, "events/small").len() == 1));
    assert!(!rotated.exists());
    let mut holder = File::open(&path).expect("it opens");
    let mut tail =
        Tail::start(&mounted, &["-n+1", "-F", "-s0.05", "--max-unchanged-stats=2"], "events/small");
    assert!(wait_until(PATIENCE, || tail.numbers() == [0]), "{:?}", tail.numbers());
    let count = 200;
    (1..count).for_each(|number| emit(&server, number));
    assert!(
        wait_until(PATIENCE, || rotated.exists()),
        "{} bytes",
        fs::metadata(&path).expect("it is there").len()
    );
    let last = || numbers(&log(&mounted, "events/small")).last() == Some(&(count - 1));
    assert!(wait_until(PATIENCE, last));

    let mut held = String::new();
    holder.read_to_string(&mut held).expect("the holder reads on");
    assert_eq!(held, fs::read_to_string(&rotated).expect("it reads"), "the holder has the rotated one");
    assert!(held.len() <= 16 * 1024, "{} bytes", held.len());
    let inode = |path| fs::metadata(path).expect("it is there").ino();
    assert_eq!(holder.metadata().expect("it is open").ino(), inode(&rotated));
    assert_ne!(inode(&path), inode(&rotated), "another file stands at the name");
    let both = [lines(&held), log(&mounted, "events/small")].concat();
    assert_eq!(numbers(&both), (0..count).collect::<Vec<_>>(), "no event is lost or there twice");
    let listed: Vec<_> = fs::read_dir(mounted.join("events")).expect("it lists").collect();
    assert_eq!(listed.len(), 4, "{listed:?}");
    assert!(wait_until(PATIENCE, || tail.numbers().len() == count), "tail -F: {}", tail.numbers().len());
    assert_eq!(tail.numbers(), (0..count).collect::<Vec<_>>());

    // so soon again it is not rotated: it grows to its hard bound, and then loses what is told
    (count..count + 400).for_each(|number| emit(&server, number));
    let settled = || fs::metadata(&path).is_ok_and(|metadata| metadata.len() > 31 * 1024);
    assert!(wait_until(PATIENCE, settled));
    std::thread::sleep(Duration::from_millis(200));
    assert!(fs::metadata(&path).expect("it is there").len() <= 32 * 1024);
    assert_eq!(held, fs::read_to_string(&rotated).expect("it reads"), "the rotated one is the same");
}

#[test]
fn whoever_reads_while_a_log_grows_reads_whole_lines() {
    if !fuse_available() {
        return;
    }
    let server = server();
    let tree = TreeFile::new(TREE);
    let mounted = mount(&server, &tree.path(), &[], &["events"]);
    let path = mounted.join("events/all");
    let count = 2000;
    std::thread::scope(|scope| {
        scope.spawn(|| (0..count).for_each(|number| emit(&server, number)));
        let mut seen = 0;
        let complete = || {
            let read = numbers(&lines(&fs::read_to_string(&path).expect("it reads")));
            assert!(
                read.len() >= seen && read.iter().copied().eq(0..read.len()),
                "{} after {seen}",
                read.len()
            );
            seen = read.len();
            seen == count
        };
        assert!(wait_until(PATIENCE, complete));
    });
}

#[test]
fn a_reconnect_is_told_in_every_log() {
    if !fuse_available() {
        return;
    }
    let server = server();
    let tree = TreeFile::new(TREE);
    let mounted = mount(&server, &tree.path(), &[], &["events"]);
    emit(&server, 1);
    assert!(wait_until(PATIENCE, || log(&mounted, "events/small").len() == 1));
    server.disconnect_all();
    let told = |path: &str| log(&mounted, path).iter().any(|line| line["astfs"] == "reconnected");
    assert!(wait_until(PATIENCE, || told("events/small") && told("events/sip")), "{}", mounted.stderr());
    emit(&server, 2);
    assert!(wait_until(PATIENCE, || numbers(&log(&mounted, "events/small")) == [1, 2]));
}
