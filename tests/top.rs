//! `astfs top` on real mounts: printed once, and on a terminal.

#![allow(clippy::expect_used, reason = "what fails here is the promise, told with these words")]

mod support;

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use astfs::simulator::{Content, Fault, Version};
use nix::sys::signal::Signal;
use support::mount::{Mounted, astfs, fuse_available};
use support::simulated::{Simulated, TreeFile, run_within, shipped, text};
use support::terminal::OnTerminal;

const PATIENCE: Duration = Duration::from_secs(30);

const TREE: &str = r#"
[server]
user   = "astfs"
secret = { env = "ASTFS_SECRET" }

[query.peers]
action  = "SIPpeers"
key     = "ObjectName"
refresh = { on = ["PeerStatus"], every = "1h" }

[query.version]
command = "core show version"

[each.peer]
in = "peers"

[tree]
"peers.json"         = { query = "peers", as = "json" }
"version"            = { query = "version" }
"peers/{peer}/state" = { render = "{{ peer.Status }}\n" }
"#;

fn server() -> Simulated {
    Simulated::start(Content::generated(Version::Asterisk16, 20, 1))
}

/// A mount of which some files were read, and one could not be.
fn used(server: &Simulated, tree: &Path) -> Mounted {
    let mounted = server.mount(tree);
    server.set_fault_for("core show version", Fault::ErrorAnswer("no".into()));
    fs::read(mounted.join("peers.json")).expect("peers");
    for peer in server.peer_names().iter().take(3) {
        let peer = String::from_utf8_lossy(peer);
        fs::read(mounted.join(format!("peers/{peer}/state"))).expect("a state");
    }
    fs::read(mounted.join("version")).expect_err("it is refused");
    mounted
}

fn top(at: &Path) -> Command {
    let mut command = astfs();
    command.arg("top").arg(at).env_remove("NO_COLOR");
    command
}

/// The words of the line that begins with that one.
#[track_caller]
fn words<'a>(told: &'a str, first: &str) -> Vec<&'a str> {
    let lines = told.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    let line = lines.into_iter().find(|words| words.first() == Some(&first));
    line.unwrap_or_else(|| panic!("no {first} in\n{told}"))
}

#[test]
fn everything_is_printed_once_and_nobody_is_asked_for_it() {
    if !fuse_available() {
        return;
    }
    let (server, tree) = (server(), TreeFile::new(TREE));
    let mounted = used(&server, &tree.path());
    server.forget_asked();
    let output = run_within(PATIENCE, top(mounted.path()).arg("--once"));
    let told = text(&output.stdout);
    assert!(output.status.success() && output.stderr.is_empty(), "{told}{}", text(&output.stderr));
    assert!(server.questions().is_empty(), "{:?}", server.questions());
    assert_eq!(words(&told, "process")[1], mounted.pid().to_string(), "{told}");
    assert!(told.contains("queries  2 asked, 0 stale, 1 failing, of 2\n"), "{told}");
    assert_eq!(words(&told, "-")[1], "up", "{told}");
    assert!(told.contains("version  failed") && told.contains("the server refused: no"), "{told}");
    let state = words(&told, "peers/{peer}/state");
    assert_eq!((state[1], state[3]), ("3", "3"), "looked up and rendered for three peers: {told}");
    assert!(state[2] == "3" && state[4] == "-", "{told}");
    let (_, questions) = told.split_once("QUESTION").expect("the questions");
    let peers = words(questions, "peers");
    assert!(peers[1] == "1" && peers[4].ends_with('s') && peers[4] != "-", "{told}");
    assert!(!told.contains('\x1b'), "{told}");

    // where nobody draws, it is the same without being told so
    let piped = text(&run_within(PATIENCE, &mut top(mounted.path())).stdout);
    assert!(piped.starts_with("astfs top  ") && piped.contains("\nQUERY "), "{piped}");
}

#[test]
fn where_no_astfs_is_mounted_it_ends_with_6() {
    let folder = tempfile::tempdir().expect("a folder");
    let output = run_within(PATIENCE, &mut top(folder.path()));
    assert_eq!(output.status.code(), Some(6), "{}", text(&output.stderr));
    assert!(output.stdout.is_empty() && text(&output.stderr).contains("no astfs is mounted there"));
    let wrong = run_within(PATIENCE, top(folder.path()).args(["--interval", "0"]));
    assert_eq!(wrong.status.code(), Some(2), "{}", text(&wrong.stderr));
}

#[test]
fn on_a_terminal_it_draws_heeds_keys_and_gives_the_terminal_back() {
    if !fuse_available() {
        return;
    }
    let (server, tree) = (server(), TreeFile::new(TREE));
    let mounted = used(&server, &tree.path());
    let mut top = OnTerminal::start(top(mounted.path()).args(["--interval", "0.2"]), (110, 30));
    top.await_text(PATIENCE, "QUERY    [STATE]");
    top.await_text(PATIENCE, "peers/{peer}/state");
    top.await_text(PATIENCE, "requests/s");
    assert!(top.is_raw());
    assert!(top.written().contains("\x1b[38;5;1;"), "what fails is red");
    // what happens shows by itself
    fs::read(mounted.join("peers.json")).expect("peers");
    server.unregister(&server.peer_names()[0]);
    let events = |screen: &str| words(screen, "-")[8].parse::<u64>().unwrap_or(0);
    assert!(support::wait_until(PATIENCE, || events(&top.screen()) >= 1), "{}", top.screen());

    top.press("s");
    top.await_text(PATIENCE, "[AGE]");
    top.press("\x1b[D\x1b[D");
    top.await_text(PATIENCE, "[QUERY]");
    top.press("\t\x1b[C");
    top.await_text(PATIENCE, "[FILE]");
    top.press("?");
    top.await_text(PATIENCE, "q, Esc, Ctrl-C");
    top.press("?p");
    top.await_text(PATIENCE, "PAUSED");
    top.await_text(PATIENCE, "[FILE]");
    let long = "q end  Tab list  s column  Up Down further  p pause  ? keys";
    top.await_text(PATIENCE, long);
    top.resize((40, 12));
    let fits = || top.screen().lines().all(|line| line.chars().count() <= 40) && !top.screen().contains(long);
    assert!(support::wait_until(PATIENCE, fits), "{}", top.screen());
    assert!(top.screen().lines().count() <= 12, "{}", top.screen());
    top.press("q");
    let (status, restored) = top.end(PATIENCE);
    assert!(status.success() && restored, "{status}");
}

#[test]
fn it_stops_and_goes_on_as_other_programs_and_draws_anew_when_it_is_told_to() {
    if !fuse_available() {
        return;
    }
    let (server, tree) = (server(), TreeFile::new(TREE));
    let mounted = used(&server, &tree.path());
    let mut top = OnTerminal::start(&mut top(mounted.path()), (80, 24));
    let drawings = |top: &OnTerminal| top.written().matches("? keys").count();
    top.await_text(PATIENCE, "? keys");
    let before = drawings(&top);
    top.press("\x0c");
    assert!(support::wait_until(PATIENCE, || drawings(&top) > before), "{}", top.screen());
    top.press("\x1a");
    assert!(support::wait_until(PATIENCE, || top.is_stopped()), "{}", top.screen());
    assert!(!top.is_raw(), "the shell has the terminal as it was");
    let before = drawings(&top);
    top.signal(Signal::SIGCONT);
    assert!(support::wait_until(PATIENCE, || drawings(&top) > before), "{}", top.screen());
    assert!(top.is_raw());
    top.await_text(PATIENCE, "QUERY    [STATE]");
    top.press("q");
    let (status, restored) = top.end(PATIENCE);
    assert!(status.success() && restored, "{status}");
}

#[test]
fn every_way_to_end_it_gives_the_terminal_back() {
    if !fuse_available() {
        return;
    }
    let (server, tree) = (server(), TreeFile::new(TREE));
    let mounted = used(&server, &tree.path());
    let start = || {
        let on = OnTerminal::start(top(mounted.path()).env("NO_COLOR", "1"), (80, 24));
        on.await_text(PATIENCE, "? keys");
        assert!(on.is_raw());
        assert!(!on.written().contains("\x1b[38;5;"), "no colours were wanted");
        on
    };
    for keys in ["\x03", "\x1b", "q"] {
        let mut on = start();
        on.press(keys);
        let (status, restored) = on.end(PATIENCE);
        assert!(status.success() && restored, "{keys:?}: {status}");
    }
    for signal in [Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP] {
        let on = start();
        on.signal(signal);
        let (status, restored) = on.end(PATIENCE);
        assert!(status.success() && restored, "{signal}: {status}");
    }
}

#[test]
fn a_mount_that_goes_away_is_told_of_and_shown_again_when_it_is_back() {
    if !fuse_available() {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let mount = || {
        let mut command = astfs();
        command.arg("mount").arg(shipped("basic.toml")).arg(folder.path());
        Mounted::run(command, folder.path()).unwrap_or_else(|error| panic!("{error}"))
    };
    let mounted = mount();
    let mut top = OnTerminal::start(top(folder.path()).args(["-n", "0.2"]), (120, 24));
    top.await_text(PATIENCE, "? keys");
    mounted.unmount();
    top.await_text(PATIENCE, "GONE since");
    top.await_text(PATIENCE, "no astfs is mounted there");
    let again = mount();
    top.await_text(PATIENCE, &format!("process  {} ", again.pid()));
    assert!(!top.screen().contains("GONE"), "{}", top.screen());
    top.press("q");
    let (status, restored) = top.end(PATIENCE);
    assert!(status.success() && restored, "{status}");
}
