//! While the server is away, and when it is back.

use std::fs;
use std::time::{Duration, Instant};

use astfs::simulator::{Content, Fault, Version};
use nix::libc::{ECONNREFUSED, EHOSTDOWN, EIO};

use super::PATIENCE;
use crate::support::answers::{command, event, printed};
use crate::support::mount::{Mounted, fuse_available};
use crate::support::simulated::{Simulated, TreeFile, peers_and_users};
use crate::support::wait_until;
use crate::support::walk::walk;

const TREE: &str = r#"
[server]
address = "127.0.0.1:5038"
user    = "astfs"

[query.text]
command   = "show text"
refresh   = { on = ["Marked"] }
max_stale = "3s"

[query.long]
command   = "show long"
refresh   = { on = ["Marked"] }
max_stale = "1h"

[tree]
"short" = { query = "text" }
"long"  = { query = "long" }
"error" = { query = "long", on_error = "error" }
"empty" = { query = "long", on_error = "empty" }
"link"  = { symlink = "{{ long | trim }}" }
"here"  = { text = "", when = "long | trim == 'one'" }
"#;

fn publish(server: &Simulated, text: &str) {
    for name in ["text", "long"] {
        server.answer(&command(&format!("show {name}")), printed([text]));
    }
}

/// What each file shows: its text, or its errno.
fn shown(mounted: &Mounted, name: &str) -> Result<String, i32> {
    fs::read_to_string(mounted.join(name)).map_err(|error| error.raw_os_error().unwrap_or_default())
}

fn is_away(shown: &Result<String, i32>) -> bool {
    matches!(shown, Err(ECONNREFUSED | EHOSTDOWN))
}

#[test]
fn the_last_good_content_is_shown_up_to_max_stale_and_then_why_there_is_none() {
    if !fuse_available() {
        return;
    }
    let server = Simulated::start(Content::new(Version::Asterisk16));
    publish(&server, "one");
    let tree = TreeFile::new(TREE);
    let mounted = server.mount(&tree.path());
    let one = Ok("one\n".to_owned());
    let all_one = || ["short", "long", "error", "empty"].iter().all(|name| shown(&mounted, name) == one);
    assert!(wait_until(PATIENCE, all_one), "{}", mounted.stderr());

    server.go_down();
    let begin = Instant::now();
    let told = || is_away(&shown(&mounted, "error")) && shown(&mounted, "empty") == Ok(String::new());
    let mut last = Instant::now();
    let found = wait_until(PATIENCE, || {
        let now = Instant::now();
        let short = shown(&mounted, "short");
        if short == one {
            last = now;
        }
        assert_eq!(shown(&mounted, "long"), one, "for an hour");
        told()
    });
    assert!(found, "{:?} {:?}", shown(&mounted, "error"), shown(&mounted, "empty"));
    let gone = wait_until(PATIENCE, || {
        let now = Instant::now();
        let short = shown(&mounted, "short");
        assert!(short == one || is_away(&short), "{short:?}");
        if short == one {
            last = now;
        }
        is_away(&short)
    });
    assert!(gone, "it is shown for ever");
    let for_long = last.duration_since(begin);
    assert!(for_long > Duration::from_millis(1500), "it is shown for {for_long:?} only");
    assert_eq!(shown(&mounted, "long"), one, "for an hour");
    assert_eq!(fs::read_link(mounted.join("link")).expect("a link").to_str(), Some("one"));
    assert!(mounted.join("here").exists() && told());
}

#[test]
fn while_a_question_fails_each_file_shows_what_it_was_told_to() {
    if !fuse_available() {
        return;
    }
    let server = Simulated::start(Content::new(Version::Asterisk16));
    publish(&server, "one");
    let tree = TreeFile::new(TREE);
    let mounted = server.mount(&tree.path());
    let all = |text: &str| {
        ["long", "error", "empty"].iter().all(|name| shown(&mounted, name) == Ok(format!("{text}\n")))
    };
    assert!(wait_until(PATIENCE, || all("one")), "{}", mounted.stderr());
    server.set_fault_for("show long", Fault::ErrorAnswer("not today".into()));
    publish(&server, "two");
    server.emit(event("Marked", ""));
    let told = || shown(&mounted, "error") == Err(EIO) && shown(&mounted, "empty") == Ok(String::new());
    assert!(wait_until(PATIENCE, told), "{:?} {:?}", shown(&mounted, "error"), shown(&mounted, "empty"));
    assert_eq!(shown(&mounted, "long"), Ok("one\n".into()));
    server.set_fault(None);
    assert!(wait_until(PATIENCE, || all("two")), "{}", mounted.stderr());
}

#[test]
fn after_a_reconnect_nothing_is_shown_that_was_not_asked_again() {
    if !fuse_available() {
        return;
    }
    let server = Simulated::start(Content::new(Version::Asterisk16));
    publish(&server, "one");
    let tree = TreeFile::new(TREE);
    let mounted = server.mount(&tree.path());
    let all = |text: &str| {
        ["short", "long", "error", "empty"]
            .iter()
            .all(|name| shown(&mounted, name) == Ok(format!("{text}\n")))
    };
    assert!(wait_until(PATIENCE, || all("one") && mounted.join("here").exists()), "{}", mounted.stderr());
    for round in 2..5 {
        let text = format!("round {round}");
        server.go_down();
        publish(&server, &text);
        assert!(wait_until(PATIENCE, || is_away(&shown(&mounted, "error"))), "{}", mounted.stderr());
        server.forget_asked();
        server.set_fault_for("show", Fault::DelayAnswer(Duration::from_millis(300)));
        server.come_back();
        let connected = || mounted.stderr().contains(&format!("session={round}"));
        assert!(wait_until(PATIENCE, connected), "{}", mounted.stderr());
        // what it says of the connection it says before it has told the kernel
        std::thread::sleep(Duration::from_millis(100));
        for name in ["long", "short", "error", "empty"] {
            assert_eq!(shown(&mounted, name), Ok(format!("{text}\n")), "{name}: {}", mounted.stderr());
        }
        assert_eq!(fs::read_link(mounted.join("link")).expect("a link").to_str(), Some(&*text));
        assert!(!mounted.join("here").exists(), "{}", mounted.stderr());
        let mut asked = server.questions();
        asked.sort();
        assert_eq!(asked, ["show long", "show text"], "each question once");
        server.set_fault(None);
    }
    publish(&server, "one");
    server.emit(event("Marked", ""));
    assert!(wait_until(PATIENCE, || all("one") && mounted.join("here").exists()), "{}", mounted.stderr());
}

#[test]
fn a_tree_of_peers_is_shown_as_it_was_while_a_server_of_any_version_is_away() {
    if !fuse_available() {
        return;
    }
    for version in [Version::Asterisk13, Version::Asterisk16] {
        let server = Simulated::start(Content::generated(version, 20, 3));
        let mounted = server.mount(&peers_and_users());
        let whole = || fs::read_dir(mounted.join("users/sipfriends")).is_ok_and(|names| names.count() > 4);
        assert!(wait_until(PATIENCE, whole), "{version:?}: {}", mounted.stderr());
        let before = walk(mounted.path());
        assert!(before.len() > 80, "{before:#?}");
        server.go_down();
        assert!(wait_until(PATIENCE, || mounted.stderr().contains("WARN down")), "{}", mounted.stderr());
        for _ in 0..5 {
            std::thread::sleep(Duration::from_millis(100));
            let now = walk(mounted.path());
            let other: Vec<&String> =
                before.keys().filter(|path| before.get(*path) != now.get(*path)).collect();
            assert_eq!(other, [""; 0], "{version:?}: {}", mounted.stderr());
        }
        server.come_back();
        let back = || mounted.stderr().contains("session=2") && walk(mounted.path()) == before;
        assert!(wait_until(PATIENCE, back), "{version:?}: {}", mounted.stderr());
    }
}
