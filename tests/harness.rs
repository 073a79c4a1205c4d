//! The tests' own ground: real servers answer, phones register with them, mounts are seen and taken away.

#![allow(clippy::expect_used, reason = "what a test expects of its ground")]

mod support;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use nix::unistd::geteuid;
use support::asterisk::{Asterisk, Version};
use support::mount::{self, Mounted};
use support::sip::{Register, RegisterError};
use support::wait_until;

const PATIENCE: Duration = Duration::from_secs(10);
const HOUR: Duration = Duration::from_secs(3600);

/// A manager session as plain as can be: lines out, lines in.
struct Session {
    lines: BufReader<TcpStream>,
}

impl Session {
    fn open(address: SocketAddr) -> Session {
        let stream = TcpStream::connect(address).expect("the manager interface listens");
        stream.set_read_timeout(Some(PATIENCE)).expect("a timeout can be set");
        let mut session = Session { lines: BufReader::new(stream) };
        assert!(session.line().starts_with("Asterisk Call Manager/"));
        session.send("Action: Login\r\nUsername: astfs\r\nSecret: astfs-test\r\n\r\n");
        session.read_until("Message: Authentication accepted");
        session
    }

    fn send(&mut self, text: &str) {
        self.lines.get_mut().write_all(text.as_bytes()).expect("the manager interface takes a request");
    }

    fn line(&mut self) -> String {
        let mut line = Vec::new();
        self.lines.read_until(b'\n', &mut line).expect("the manager interface answers in time");
        assert!(!line.is_empty(), "the manager interface closed the connection");
        String::from_utf8_lossy(&line).trim_end().to_owned()
    }

    /// Reads up to the line that is `wanted`, and gives all lines since the last call.
    fn read_until(&mut self, wanted: &str) -> Vec<String> {
        let mut lines = Vec::new();
        while lines.last().map(String::as_str) != Some(wanted) {
            lines.push(self.line());
        }
        lines
    }
}

#[test]
fn a_phone_registers_with_asterisk_16_and_events_and_console_say_so() {
    let Some(server) = Asterisk::start(Version::V16) else { return };
    let mut session = Session::open(server.ami_address());
    let mut phone = Register::new(server.sip_address(), "6001", "pw6001")
        .expect("a phone has a socket")
        .with_user_agent("harness/16");

    phone.register(HOUR).expect("6001 registers");
    let events = session.read_until("PeerStatus: Registered");
    assert!(events.iter().any(|line| line == "Event: PeerStatus"), "{events:?}");
    session.read_until("PeerStatus: Reachable");
    let peer = server.cli("sip show peer 6001");
    assert!(peer.contains(&format!("sip:6001@{}", phone.local_address())), "{peer}");
    assert!(peer.contains("Useragent    : harness/16"), "{peer}");
    assert!(phone.options_seen() > 0);

    phone.unregister().expect("6001 unregisters");
    session.read_until("PeerStatus: Unregistered");
    let peer = server.cli("sip show peer 6001");
    assert!(peer.contains("Addr->IP     : (null)"), "{peer}");
}

#[test]
fn a_phone_registers_with_asterisk_22_and_events_and_console_say_so() {
    let Some(server) = Asterisk::start(Version::V22) else { return };
    let mut session = Session::open(server.ami_address());
    let mut phone = Register::new(server.sip_address(), "6001", "pw6001").expect("a phone has a socket");

    phone.register(HOUR).expect("6001 registers");
    session.read_until("ContactStatus: Reachable");
    let contacts = server.cli("pjsip show contacts");
    assert!(contacts.contains(&format!("sip:6001@{}", phone.local_address())), "{contacts}");
    assert!(phone.options_seen() > 0);

    phone.unregister().expect("6001 unregisters");
    session.read_until("ContactStatus: Removed");
    let contacts = server.cli("pjsip show contacts");
    assert!(!contacts.contains("6001"), "{contacts}");
}

#[test]
fn a_wrong_password_is_refused_and_an_empty_port_does_not_answer() {
    let Some(server) = Asterisk::start(Version::V16) else { return };
    let mut intruder = Register::new(server.sip_address(), "6001", "guess").expect("a phone has a socket");
    assert!(matches!(intruder.register(HOUR), Err(RegisterError::Refused(_))));

    let mut lost = Register::new(server.trunk_address(), "6001", "pw6001").expect("a phone has a socket");
    assert!(matches!(lost.register(HOUR), Err(RegisterError::NoAnswer(_))));
}

#[test]
fn a_test_adds_configuration_and_hostile_names_are_taken_as_they_stand() {
    let extra: &[u8] = b"[caf\xe9]\ntype = peer\nhost = dynamic\n";
    let Some(server) = Asterisk::start_with(Version::V16, &[("sip_extra.conf", extra)]) else { return };
    let mut session = Session::open(server.ami_address());
    session.send("Action: SIPpeers\r\n\r\n");
    let listed = session.read_until("Event: PeerlistComplete");

    let hostile =
        ["with space", "Ünï", "person/person", "_online", "..", "../6001", "semi;colon", "\"quoted\""];
    for name in hostile.iter().chain(&["back\\slash", "-END-", "caf\u{fffd}"]) {
        assert!(listed.contains(&format!("ObjectName: {name}")), "{name} is not in {listed:#?}");
    }
}

#[test]
fn two_servers_run_side_by_side_and_end_with_their_values() {
    let (Some(one), Some(two)) = (Asterisk::start(Version::V16), Asterisk::start(Version::V16)) else {
        return;
    };
    let (first, second) = (one.ami_address(), two.ami_address());
    assert_ne!(first, second);
    let open = [first, second].map(|address| TcpStream::connect(address).expect("both listen"));
    drop(one);
    assert!(is_hung_up(&open[0]));
    Session::open(second);
    drop(two);
    assert!(is_hung_up(&open[1]));
}

/// Whether the other side is gone. Its port may be another server's by now, so it is not asked there.
fn is_hung_up(mut stream: &TcpStream) -> bool {
    stream.set_read_timeout(Some(Duration::from_secs(10))).expect("a timeout can be set");
    match stream.read_to_end(&mut Vec::new()) {
        Ok(_) => true,
        Err(error) => error.kind() == std::io::ErrorKind::ConnectionReset,
    }
}

#[test]
fn a_server_can_be_suspended_killed_stopped_and_started_again() {
    let Some(mut server) = Asterisk::start(Version::V16) else { return };
    let mut session = Session::open(server.ami_address());
    let ping = "Action: Ping\r\n\r\n";

    server.suspend();
    session.send(ping);
    session.lines.get_ref().set_read_timeout(Some(Duration::from_millis(300))).expect("a timeout can be set");
    let mut buffered = Vec::new();
    while session.lines.read_until(b'\n', &mut buffered).is_ok() {}
    assert!(!String::from_utf8_lossy(&buffered).contains("Pong"), "a suspended server answered");
    session.lines.get_ref().set_read_timeout(Some(PATIENCE)).expect("a timeout can be set");
    server.resume();
    session.read_until("Ping: Pong");

    server.stop();
    session.read_until("Event: Shutdown");
    server.start_again();
    let mut session = Session::open(server.ami_address());
    server.kill();
    let mut rest = Vec::new();
    while session.lines.read_until(b'\n', &mut rest).is_ok_and(|length| length > 0) {}
    assert!(!String::from_utf8_lossy(&rest).contains("Shutdown"));
    // a killed process is gone a moment before the kernel has closed its sockets
    assert!(wait_until(Duration::from_secs(5), || TcpStream::connect(server.ami_address()).is_err()));
}

#[test]
fn a_program_that_does_not_mount_is_reported_with_what_it_said() {
    let Err(failure) = Mounted::start(Path::new("/nonexistent/tree.toml"), ["--none-such"], &[]) else {
        panic!("a tree that does not exist was mounted");
    };
    assert_ne!(failure.status.code(), None, "the program had to be killed: {failure}");

    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut program = Command::new("sh");
    program.args(["-c", "echo no tree today >&2; exit 3"]);
    let failure = Mounted::run(program, folder.path()).expect_err("a shell mounts nothing");
    assert_eq!((failure.status.code(), failure.stderr.as_str()), (Some(3), "no tree today\n"));
}

#[test]
fn a_mount_is_seen_and_taken_away_even_if_its_program_does_not_care() {
    if !geteuid().is_root() {
        support::counts::skipped("only root mounts a tmpfs");
        return;
    }
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mount_point = folder.path().join("tree");
    std::fs::create_dir(&mount_point).expect("a folder to mount on");
    let mut program = Command::new("sh");
    program.args(["-c", "mount -t tmpfs none \"$0\" && echo mounted >&2 && exec sleep 60"]).arg(&mount_point);

    let mounted = match Mounted::run(program, &mount_point) {
        Ok(mounted) => mounted,
        Err(failure) => return support::counts::skipped(&format!("no right to mount: {failure}")),
    };
    assert!(mount::is_mounted(&mount_point));
    assert!(wait_until(PATIENCE, || mounted.stderr() == "mounted\n"), "{}", mounted.stderr());
    std::fs::write(mounted.join("in use"), "x").expect("a tmpfs takes files");
    let in_use = std::fs::File::open(mounted.join("in use")).expect("the file is there");
    drop(mounted);
    assert!(!mount::is_mounted(&mount_point));
    drop(in_use);
}

#[test]
fn waiting_ends_when_the_condition_holds_and_when_the_time_is_up() {
    let mut asked = 0;
    assert!(wait_until(PATIENCE, || {
        asked += 1;
        asked == 3
    }));
    assert!(!wait_until(Duration::from_millis(20), || false));
}
