//! What a server can do wrong, and what the mount says then: an errno that tells, in time, for that
//! file alone; and the data when the server is well again.

#![allow(clippy::expect_used, reason = "what fails here is the promise, told with these words")]

mod support;

use std::fs;
use std::io;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use astfs::simulator::{Content, Fault, Version};
use nix::libc::{EACCES, ECONNREFUSED, EHOSTDOWN, EIO, ETIMEDOUT};
use nix::sys::signal::Signal;
use support::mount::{Mounted, fuse_available};
use support::simulated::{Simulated, TreeFile};
use support::wait_until;

const PATIENCE: Duration = Duration::from_secs(20);
/// An answer that is not waited for; the rest is a busy machine's.
const PROMPTLY: Duration = Duration::from_secs(3);

const TREE: &str = r#"
[server]
address = "127.0.0.1:5038"
user    = "astfs"

[defaults]
timeout = "1s"

[query.peers]
action  = "SIPpeers"
key     = "ObjectName"
refresh = { on = ["PeerStatus"] }

[each.peer]
in = "peers"

[tree]
"motd"              = { text = "static\n" }
"version"           = { command = "core show version" }
"uptime"            = { command = "core show uptime" }
"peers/about"       = { text = "one file for each peer\n" }
"peers/{peer}"      = { render = "{{ peer.ObjectName }}\n" }
"huge"              = { command = "sip show peers", timeout = "60s" }
"#;

fn simulated(version: Version) -> (Simulated, TreeFile) {
    (Simulated::start(Content::generated(version, 5, 11)), TreeFile::new(TREE))
}

fn read(mounted: &Mounted, path: &str) -> io::Result<String> {
    fs::read_to_string(mounted.join(path))
}

/// Reading fails with one of these errnos, in that time.
#[track_caller]
fn assert_fails(mounted: &Mounted, path: &str, errnos: &[i32], within: Duration) {
    let start = Instant::now();
    let error = match fs::metadata(mounted.join(path)).and_then(|metadata| {
        if metadata.is_dir() {
            fs::read_dir(mounted.join(path))?.next().transpose().map(drop)
        } else {
            read(mounted, path).map(drop)
        }
    }) {
        Ok(()) => panic!("{path} can be read"),
        Err(error) => error,
    };
    let took = start.elapsed();
    let errno = error.raw_os_error().unwrap_or_else(|| panic!("{path}: {error}"));
    assert!(errnos.contains(&errno), "{path}: {error}; the log:\n{}", mounted.stderr());
    assert!(took < within, "{path} took {took:?}");
}

#[track_caller]
fn assert_static_entries_work(mounted: &Mounted) {
    let start = Instant::now();
    assert_eq!(read(mounted, "motd").expect("it needs no server"), "static\n");
    assert_eq!(read(mounted, "peers/about").expect("it needs no server"), "one file for each peer\n");
    let mut names: Vec<_> = fs::read_dir(mounted.path())
        .expect("the mount point needs no server")
        .map(|entry| entry.expect("a name").file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    assert_eq!(names, ["huge", "motd", "peers", "uptime", "version"]);
    assert!(start.elapsed() < PROMPTLY, "static entries took {:?}", start.elapsed());
}

/// Waits until a file is there again, and says how long that took.
#[track_caller]
fn wait_for(mounted: &Mounted, path: &str, content: &str) -> Duration {
    let start = Instant::now();
    let there = wait_until(PATIENCE, || read(mounted, path).is_ok_and(|text| text.contains(content)));
    assert!(there, "{path} does not come back: {:?}; the log:\n{}", read(mounted, path), mounted.stderr());
    start.elapsed()
}

/// Runs every case on both framings, at the same time: most of them wait for a timeout.
#[track_caller]
fn all_at_once<T: Clone + Send>(cases: impl IntoIterator<Item = T>, check: impl Fn(Version, T) + Sync) {
    std::thread::scope(|scope| {
        let check = &check;
        let mut running = Vec::new();
        for case in cases {
            for version in [Version::Asterisk13, Version::Asterisk16] {
                let case = case.clone();
                running.push(scope.spawn(move || check(version, case)));
            }
        }
        let failed = running.into_iter().map(|one| one.join()).filter(Result::is_err).count();
        assert_eq!(failed, 0, "cases failed; see above");
    });
}

#[test]
fn a_server_that_is_not_there_gives_econnrefused_promptly_and_static_entries_work() {
    if !fuse_available() {
        return;
    }
    let (server, tree) = simulated(Version::Asterisk16);
    server.go_down();
    let mounted = server.mount(&tree.path());
    assert_static_entries_work(&mounted);
    for path in ["version", "peers", "peers/6001", "uptime"] {
        assert_fails(&mounted, path, &[ECONNREFUSED], PROMPTLY);
    }
    assert_static_entries_work(&mounted);
    let address = server.address().to_string();
    let told = || mounted.stderr().lines().any(|line| line.contains("refused") && line.contains(&address));
    assert!(wait_until(PATIENCE, told), "{}", mounted.stderr());

    server.come_back();
    let took = wait_for(&mounted, "version", "Asterisk 16");
    assert!(
        took < Duration::from_secs(10),
        "after a short outage the next attempt comes soon, not in {took:?}"
    );
    assert_eq!(
        fs::read_dir(mounted.join("peers")).expect("the peers are back").count(),
        server.peer_names().len() + 1
    );
}

#[test]
fn a_refused_login_gives_eacces_and_a_log_line_without_the_secret() {
    if !fuse_available() {
        return;
    }
    let (server, tree) = simulated(Version::Asterisk16);
    let address = server.address().to_string();
    let environment =
        [("ASTFS_SERVER", &*address), ("ASTFS_USER", "astfs"), ("ASTFS_SECRET", "mistyped-but-secret")];
    let mounted =
        Mounted::start(&tree.path(), ["-vv"], &environment).unwrap_or_else(|error| panic!("{error}"));
    for path in ["version", "peers", "peers/6001"] {
        assert_fails(&mounted, path, &[EACCES], PROMPTLY);
    }
    assert_static_entries_work(&mounted);
    let (_, log) = mounted.unmount();
    assert!(log.contains("refuses the login of \"astfs\""), "{log}");
    assert!(!log.contains("mistyped-but-secret"), "the secret is in the log:\n{log}");
    let logins = server.asked().iter().filter(|request| request.action() == "Login").count();
    assert_eq!(logins, 1, "a refused login is not tried again at once");
}

#[test]
fn a_server_that_hangs_up_in_the_middle_of_an_answer_is_asked_again() {
    if !fuse_available() {
        return;
    }
    for version in [Version::Asterisk13, Version::Asterisk16] {
        let (server, tree) = simulated(version);
        let mounted = server.mount(&tree.path());
        wait_for(&mounted, "uptime", "System uptime");
        server.fail_next("core show version", Fault::HangUpMidAnswer);
        assert_fails(&mounted, "version", &[EHOSTDOWN], PROMPTLY);
        assert_static_entries_work(&mounted);
        let took = wait_for(&mounted, "version", "Asterisk 1");
        assert!(took < Duration::from_secs(10), "{version:?}: {took:?}");

        server.fail_next("SIPpeers", Fault::HangUpMidAnswer);
        assert_fails(&mounted, "peers", &[EHOSTDOWN], PROMPTLY);
        let whole = || {
            fs::read_dir(mounted.join("peers"))
                .is_ok_and(|names| names.count() == 1 + server.peer_names().len())
        };
        assert!(wait_until(PATIENCE, whole), "{version:?}: half a list is no list: {}", mounted.stderr());
    }
}

#[test]
fn silence_ends_in_etimedout_after_the_timeout_of_the_tree_and_holds_up_nothing_else() {
    if !fuse_available() {
        return;
    }
    let (server, tree) = simulated(Version::Asterisk16);
    let mounted = server.mount(&tree.path());
    wait_for(&mounted, "uptime", "System uptime");
    server.set_fault_for("core show version", Fault::Silent);
    std::thread::scope(|scope| {
        let start = Instant::now();
        let waiting = scope.spawn(|| assert_fails(&mounted, "version", &[ETIMEDOUT], PATIENCE));
        assert_static_entries_work(&mounted);
        assert!(waiting.join().is_ok(), "the silent file; see above");
        let took = start.elapsed();
        let allowed = Duration::from_millis(900)..Duration::from_secs(4);
        assert!(allowed.contains(&took), "a timeout of 1 s took {took:?}");
    });
    wait_for(&mounted, "uptime", "System uptime");
    server.set_fault(None);
    wait_for(&mounted, "version", "Asterisk 16");
}

#[test]
fn a_question_that_is_never_answered_keeps_neither_the_program_nor_its_reader() {
    if !fuse_available() {
        return;
    }
    let (server, _) = simulated(Version::Asterisk16);
    let tree = TreeFile::new(&TREE.replace("timeout = \"1s\"", "timeout = \"1h\""));
    let mut mounted = server.mount(&tree.path());
    wait_for(&mounted, "uptime", "System uptime");
    server.set_fault_for("core show version", Fault::Silent);
    let reader = Command::new("cat").arg(mounted.join("version")).stderr(Stdio::null()).spawn();
    let mut reader = reader.expect("cat starts");
    assert!(wait_until(PATIENCE, || server.questions().contains(&"core show version".to_owned())));
    mounted.signal(Signal::SIGTERM);
    let status = mounted.wait(PATIENCE);
    let mut read = None;
    let released = wait_until(PATIENCE, || {
        read = reader.try_wait().expect("a child can be waited for");
        read.is_some()
    });
    let _ = reader.kill();
    assert_eq!(status.and_then(|status| status.code()), Some(0), "{}", mounted.stderr());
    assert!(released && read.is_some_and(|status| !status.success()), "the reader got {read:?}");
}

#[test]
fn garbage_instead_of_an_answer_is_an_error_and_never_content() {
    if !fuse_available() {
        return;
    }
    let garbage: [&[u8]; 5] = [
        b"\x00\xff\xfe\r\n\r\n",
        b"no header here\r\n\r\n",
        b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n",
        b"\r\n\r\n\r\n: \r\n--END COMMAND--\r\n\r\n",
        b"Response: Success\r\nActionID: someone-elses\r\nMessage: Command output follows\r\nOutput: stolen\r\n\r\n",
    ];
    all_at_once(garbage, |version, bytes| {
        let (server, tree) = simulated(version);
        let mounted = server.mount(&tree.path());
        server.set_fault_for("core show version", Fault::Garbage(bytes.to_vec()));
        assert_fails(&mounted, "version", &[ETIMEDOUT, EIO, EHOSTDOWN], Duration::from_secs(5));
        assert_static_entries_work(&mounted);
        server.set_fault(None);
        wait_for(&mounted, "uptime", "System uptime");
        wait_for(&mounted, "version", "Asterisk 1");
    });
}

#[test]
fn an_answer_that_is_framed_wrongly_is_an_error_and_the_next_one_is_right() {
    if !fuse_available() {
        return;
    }
    let cases = [
        ("core show version", "version", Fault::WrongActionId),
        ("core show version", "version", Fault::NeverCompleteList),
        ("SIPpeers", "peers", Fault::WrongActionId),
        ("SIPpeers", "peers", Fault::NeverCompleteList),
    ];
    all_at_once(cases, |version, (asked, path, fault)| {
        let (server, tree) = simulated(version);
        let mounted = server.mount(&tree.path());
        server.set_fault_for(asked, fault);
        assert_fails(&mounted, path, &[ETIMEDOUT, EIO, EHOSTDOWN], Duration::from_secs(5));
        assert_static_entries_work(&mounted);
        server.set_fault(None);
        wait_for(&mounted, "uptime", "System uptime");
        wait_for(&mounted, "version", "Asterisk 1");
        let names = || fs::read_dir(mounted.join("peers")).map_or(0, Iterator::count);
        let all = wait_until(PATIENCE, || names() == 1 + server.peer_names().len());
        assert!(all, "{version:?}: {}", mounted.stderr());
    });
}

#[test]
fn an_answer_byte_by_byte_or_late_is_the_same_answer() {
    if !fuse_available() {
        return;
    }
    for version in [Version::Asterisk13, Version::Asterisk16] {
        let (server, tree) = simulated(version);
        let mounted = server.mount(&tree.path());
        let before = read(&mounted, "version").expect("a sound server answers");
        for fault in [Fault::ByteByByte, Fault::DelayAnswer(Duration::from_millis(200))] {
            server.set_fault(Some(fault));
            server.disconnect_all();
            server.forget_asked();
            let again = || {
                let read = read(&mounted, "version");
                read.is_ok_and(|text| text == before)
                    && server.questions().contains(&"core show version".to_owned())
            };
            assert!(wait_until(PATIENCE, again), "{version:?}: {}", mounted.stderr());
        }
    }
}

#[test]
fn an_answer_of_50_megabytes_can_be_read_whole() {
    if !fuse_available() {
        return;
    }
    const SIZE: usize = 50_000_000;
    let (server, tree) = simulated(Version::Asterisk13);
    server.set_fault_for("sip show peers", Fault::HugeAnswer(SIZE));
    let mounted = server.mount(&tree.path());
    let size = fs::metadata(mounted.join("huge")).expect("it has a size").len();
    let whole = fs::read(mounted.join("huge")).expect("it can be read");
    assert!(whole.len() >= SIZE, "{}", whole.len());
    assert_eq!(whole.len() as u64, size);
    let line = b"All work and no play makes a long line of text, and a long answer of such lines.";
    let lines = whole.strip_suffix(b"\n").expect("the last line has an end").split(|&byte| byte == b'\n');
    assert!(lines.into_iter().all(|found| found == line), "a line is not as it was sent");
    wait_for(&mounted, "version", "Asterisk 13");
}

#[test]
fn data_comes_back_by_itself_after_a_server_was_down() {
    if !fuse_available() {
        return;
    }
    let (server, _) = simulated(Version::Asterisk16);
    let tree = TreeFile::new(&TREE.replace("timeout = \"1s\"", "timeout = \"1s\"\non_error = \"error\""));
    let mounted = server.mount(&tree.path());
    wait_for(&mounted, "version", "Asterisk 16");
    server.go_down();
    let gone = || {
        let error = read(&mounted, "version").err().and_then(|error| error.raw_os_error());
        error == Some(ECONNREFUSED)
    };
    assert!(wait_until(PATIENCE, gone), "{:?}: {}", read(&mounted, "version"), mounted.stderr());
    assert_static_entries_work(&mounted);
    server.come_back();
    let took = wait_for(&mounted, "version", "Asterisk 16");
    assert!(took < Duration::from_secs(10), "{took:?}");
}
