//! The faults of the Python prototype, each as a promise that it cannot happen here.

#![allow(clippy::expect_used, reason = "what fails here is the promise, told with these words")]

mod support;

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::path::Path;
use std::time::Duration;

use astfs::simulator::{Content, Fault, Peer, Version, text};
use support::mount::fuse_available;
use support::simulated::{Simulated, peers_and_users, shell_in, text as printed};
use support::wait_until;
use support::walk::{Shown, file, names, walk};

/// Nothing here takes a second on an idle machine.
const PROMPTLY: Duration = Duration::from_secs(15);

const FRIENDS: &str = "users/sipfriends";

fn friends(version: Version) -> Content {
    let names = ["alice", "bob", "carol", "dave", "erin", "frank", "grace", "heidi"];
    let peers = names.into_iter().zip(0..).map(|(name, number)| {
        let address = SocketAddrV4::new(Ipv4Addr::LOCALHOST, 20_000 + number);
        let mut peer = Peer::new(name).registered(address, format!("phone/{name}"), 600);
        peer.username = text(format!("login-of-{name}"));
        peer.secret = text(format!("made-up-{name}"));
        peer
    });
    Content::new(version).peers(peers)
}

#[test]
fn ls_inside_the_mount_with_the_mount_as_working_directory_ends_promptly() {
    if !fuse_available() {
        return;
    }
    let server = Simulated::start(friends(Version::Asterisk13));
    let mounted = server.mount(&peers_and_users());
    let in_the_mount =
        shell_in(mounted.path(), PROMPTLY, "ls && ls -la . >/dev/null && test -r . && test -x .");
    assert_eq!(printed(&in_the_mount.stdout), "config\npeers\nusers\n", "{}", printed(&in_the_mount.stderr));
    assert!(in_the_mount.status.success());

    let deeper =
        shell_in(mounted.path(), PROMPTLY, "cd users/sipfriends/alice && ls && cd ../../.. && ls -d users");
    let expected = "codecs\ncontexts\ncredentials\nfull\nhuntgroups\nusers\n";
    assert_eq!(printed(&deeper.stdout), expected, "{}", printed(&deeper.stderr));
    let here = shell_in(&mounted.join(FRIENDS), PROMPTLY, "cd _online && cd alice && cat contexts && pwd -P");
    let expected =
        format!("context=default\nsubscribecontext=\n{}\n", mounted.join(FRIENDS).join("alice").display());
    assert_eq!(printed(&here.stdout), expected, "{}", printed(&here.stderr));
}

#[test]
fn a_description_with_quotes_loses_nobody() {
    if !fuse_available() {
        return;
    }
    let descriptions = [
        r#"the "quoted" one"#,
        r#"""#,
        r#"back\slash"#,
        r#"a "half"#,
        r#""}, {"name": "nobody"}"#,
        "it's",
        "description: \"nested\"",
        "plain",
    ];
    let peers = descriptions.into_iter().zip(0..).map(|(description, number)| {
        let mut peer = Peer::new(format!("peer{number}"));
        peer.description = text(description);
        peer
    });
    let server = Simulated::start(Content::new(Version::Asterisk13).peers(peers));
    let mounted = server.mount(&peers_and_users());
    let seen = walk(&mounted.join(FRIENDS));
    for (description, number) in descriptions.into_iter().zip(0..) {
        let full = file(&seen, &format!("peer{number}/full"));
        let line = format!("description={description}");
        assert!(full.lines().any(|known| known == line), "{line} is not in {full}");
    }
    let directories = seen.iter().filter(|(path, shown)| !path.contains('/') && **shown == Shown::Directory);
    assert_eq!(directories.count(), descriptions.len() + 2, "{:?}", seen.keys());
}

/// Events of the kind that make the lists stale, and others.
fn many_events() -> Vec<u8> {
    let mut events = Vec::new();
    for number in 0..500 {
        let name = ["alice", "bob", "nobody"][number % 3];
        events.extend_from_slice(
            format!(
                "Event: PeerStatus\r\nPrivilege: system,all\r\nChannelType: SIP\r\nPeer: SIP/{name}\r\n\
                 PeerStatus: Reachable\r\nTime: {number}\r\n\r\n\
                 Event: VarSet\r\nPrivilege: dialplan,all\r\nVariable: Output\r\nValue: name={name}\r\n\r\n"
            )
            .as_bytes(),
        );
    }
    events
}

/// Every friend's files speak of that friend, whoever else is asked for at the same time.
fn check_nothing_is_swapped(mount_point: &Path, expected: &BTreeSet<String>) {
    let one = |name: &str| {
        for (file, label) in [("credentials", "name="), ("full", "name=")] {
            let path = mount_point.join(FRIENDS).join(name).join(file);
            let content =
                std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            let line = format!("{label}{name}");
            assert!(content.lines().any(|known| known == line), "{line} is not in {file}: {content}");
            let login = format!("username=login-of-{name}");
            assert!(content.lines().any(|known| known == login), "{login} is not in {file}: {content}");
        }
    };
    let one = &one;
    std::thread::scope(|scope| {
        let readers: Vec<_> = expected.iter().map(|name| scope.spawn(move || one(name))).collect();
        for reader in readers {
            assert!(reader.join().is_ok(), "what a friend's files say is wrong; see above");
        }
    });
}

#[test]
fn events_between_a_request_and_its_answer_swap_nothing() {
    if !fuse_available() {
        return;
    }
    for version in [Version::Asterisk13, Version::Asterisk16] {
        let server = Simulated::start(friends(version));
        server.set_fault(Some(Fault::EventBeforeAnswer(many_events())));
        let mounted = server.mount(&peers_and_users());
        let listed: BTreeSet<String> = std::fs::read_dir(mounted.join(FRIENDS))
            .unwrap_or_else(|error| panic!("{version:?}: {error}"))
            .map(|entry| entry.expect("a name").file_name().to_string_lossy().into_owned())
            .filter(|name| !name.starts_with('_'))
            .collect();
        let names: BTreeSet<String> =
            server.peer_names().iter().map(|name| String::from_utf8_lossy(name).into_owned()).collect();
        assert_eq!(listed, names, "{version:?}");
        for _ in 0..3 {
            check_nothing_is_swapped(mounted.path(), &listed);
        }
    }
}

#[test]
fn after_a_reconnect_everything_is_asked_again() {
    if !fuse_available() {
        return;
    }
    let server = Simulated::start(friends(Version::Asterisk13));
    let mounted = server.mount(&peers_and_users());
    let before = walk(mounted.path());
    let questions: BTreeSet<String> = server.questions().into_iter().collect();
    assert!(questions.contains("data get /asterisk/channel/sip/peers"), "{questions:?}");
    assert!(file(&before, "users/sipfriends/alice/credentials").contains("secret=made-up-alice\n"));

    // no event tells of these
    server.remove_peer("bob");
    let mut alice = Peer::new("alice");
    alice.secret = text("made-up-anew");
    server.add_peer(alice);
    server.add_peer(Peer::new("zoe"));
    assert_eq!(walk(mounted.path()), before, "without an event and a reconnect nothing is asked");
    server.forget_asked();

    server.disconnect_all();
    let is_there = |name: &str| mounted.join(FRIENDS).join(name).exists();
    assert!(wait_until(PROMPTLY, || is_there("zoe")), "{}", mounted.stderr());
    assert!(wait_until(PROMPTLY, || !is_there("bob")), "{}", mounted.stderr());
    let credentials = mounted.join("users/sipfriends/alice/credentials");
    let changed =
        || std::fs::read_to_string(&credentials).is_ok_and(|text| text.contains("secret=made-up-anew\n"));
    assert!(wait_until(PROMPTLY, changed), "{}", mounted.stderr());

    let after = walk(mounted.path());
    assert!(
        names(&after, "users/sipfriends/_offline").contains(&"alice"),
        "her contact went with the change"
    );
    let again: BTreeSet<String> = server.questions().into_iter().collect();
    assert_eq!(again, questions, "every question is asked anew");
}
