//! When the server changes: what it tells by an event is seen at once, and whoever reads is not torn.

#![allow(clippy::expect_used, reason = "what fails here is the promise, told with these words")]

mod support;

use std::fs::{self, File};
use std::io::Read;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::time::Duration;

use astfs::simulator::{Content, Peer, Version, text};
use support::mount::fuse_available;
use support::simulated::{Simulated, TreeFile, peers_and_users, shipped};
use support::wait_until;

const PATIENCE: Duration = Duration::from_secs(20);

#[test]
fn a_peer_that_registers_or_leaves_moves_between_online_and_offline() {
    if !fuse_available() {
        return;
    }
    for version in [Version::Asterisk13, Version::Asterisk16] {
        let server = Simulated::start(Content::new(version).peers(["alice", "bob"].map(Peer::new)));
        let mounted = server.mount(&peers_and_users());
        let directories = ["users/sipfriends", "peers/sip"].map(|path| mounted.join(path));
        let stands = |presence: &str, name: &str| {
            directories.iter().any(|path| path.join(presence).join(name).join("full").exists())
        };
        assert!(stands("_offline", "alice") && !stands("_online", "alice"), "{version:?}");
        for _ in 0..3 {
            assert!(server.register("alice"));
            let moved = wait_until(PATIENCE, || stands("_online", "alice") && !stands("_offline", "alice"));
            assert!(moved, "{version:?}: {}", mounted.stderr());
            // the kernel may know her file's name for a moment longer than the link's
            let full =
                || directories.iter().find_map(|path| fs::read_to_string(path.join("alice/full")).ok());
            let tells = || full().is_some_and(|full| full.contains("fullcontact=sip:alice@"));
            assert!(wait_until(PATIENCE, tells), "{version:?}: {:?}", full());
            assert!(server.unregister("alice"));
            let back = wait_until(PATIENCE, || stands("_offline", "alice") && !stands("_online", "alice"));
            assert!(back, "{version:?}: {}", mounted.stderr());
        }
        assert!(stands("_offline", "bob"), "{version:?}: who did not move stays");
    }
}

#[test]
fn of_ten_thousand_friends_one_that_registers_costs_a_question_and_all_at_once_a_few_lists() {
    const FRIENDS: usize = 10_000;
    if !fuse_available() {
        return;
    }
    let server = Simulated::start(Content::friends(Version::Asterisk16, FRIENDS, 7));
    let names = server.peer_names().into_iter();
    let names: Vec<String> = names.map(|name| String::from_utf8(name).expect("text")).collect();
    names.iter().for_each(|name| assert!(server.unregister(name)));
    let mounted = server.mount(&shipped("asterisk.toml"));
    let friends = mounted.join("users/sipfriends");
    let stands = |presence: &str, name: &str| fs::symlink_metadata(friends.join(presence).join(name)).is_ok();
    let online = || fs::read_dir(friends.join("_online")).map_or(0, Iterator::count);
    // until nothing was asked for a second; gives what was asked since the last time
    let asked = || {
        let mut known = usize::MAX;
        let is_still = || {
            std::thread::sleep(Duration::from_secs(1));
            std::mem::replace(&mut known, server.questions().len()) == known
        };
        assert!(wait_until(PATIENCE * 3, is_still), "it does not settle");
        let questions = server.questions();
        server.forget_asked();
        questions
    };

    assert!(wait_until(PATIENCE * 3, || online() == 0), "{}", mounted.stderr());
    assert!(stands("_offline", &names[FRIENDS / 2]));
    asked();

    assert!(server.register(&names[FRIENDS / 2]));
    assert!(wait_until(PATIENCE, || stands("_online", &names[FRIENDS / 2])), "{}", mounted.stderr());
    assert_eq!(asked(), [format!("SIPshowpeer {}", names[FRIENDS / 2])]);

    assert_eq!(server.register_all(&names), FRIENDS);
    assert!(wait_until(PATIENCE * 3, || online() == FRIENDS), "{} are online", online());
    let questions = asked();
    let lists = questions.iter().filter(|question| *question == "SIPpeers").count();
    println!("{FRIENDS} registrations at once: {lists} lists, {} questions", questions.len());
    assert!(lists > 0 && questions.len() < FRIENDS / 2, "{lists} lists, {} questions", questions.len());
}

#[test]
fn whoever_has_a_file_open_reads_one_version_to_its_end() {
    if !fuse_available() {
        return;
    }
    let tree = TreeFile::new(
        "[server]\naddress = \"127.0.0.1:5038\"\nuser = \"astfs\"\n\
         [query.peers]\ndata = \"/asterisk/channel/sip/peers\"\nkey = \"name\"\nrefresh = { on = [\"PeerStatus\"] }\n\
         [tree]\n\
         \"long\" = { render = \"{% for peer in peers %}{% for i in range(60000) %}\
         {{ peer.description }} {{ i }}\\n{% endfor %}{% endfor %}\" }\n",
    );
    let described = |description: &str| {
        let address = SocketAddrV4::new(Ipv4Addr::LOCALHOST, 60_000);
        let mut peer = Peer::new("alice").registered(address, "phone", 600);
        peer.description = text(description);
        peer
    };
    let server = Simulated::start(Content::new(Version::Asterisk13).peer(described("before")));
    let mounted = server.mount(&tree.path());
    let path = mounted.join("long");

    let mut opened = File::open(&path).expect("it opens");
    let mut read = vec![0; 5000];
    opened.read_exact(&mut read).expect("it reads");
    server.add_peer(described("and afterwards"));
    assert!(server.register("alice"), "the event that tells of it");
    let size = || fs::metadata(&path).expect("it is there").len();
    let old_size = opened.metadata().expect("an open file has a size").len();
    assert!(wait_until(PATIENCE, || size() != old_size), "{}", mounted.stderr());

    opened.read_to_end(&mut read).expect("it reads on");
    assert_eq!(read.len() as u64, old_size);
    let lines = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");
    let read = lines(read);
    assert_eq!(read.lines().count(), 60_000);
    assert!(read.lines().all(|line| line.starts_with("before ")), "two versions are mixed");
    let new = lines(fs::read(&path).expect("the new version"));
    assert_eq!(new.len() as u64, size());
    assert!(new.lines().all(|line| line.starts_with("and afterwards ")), "the new version is not whole");
    assert!(new.ends_with("and afterwards 59999\n"));
}

#[test]
fn sizes_fit_the_bytes_while_everything_changes() {
    if !fuse_available() {
        return;
    }
    let server = Simulated::start(Content::new(Version::Asterisk16).peers(["alice", "bob"].map(Peer::new)));
    let mounted = server.mount(&peers_and_users());
    for round in 0..60 {
        if round % 2 == 0 {
            server.register("alice")
        } else {
            server.unregister("alice")
        };
        for directory in ["users/sipfriends", "peers/sip"] {
            let path = mounted.join(directory).join("alice/full");
            let Ok(mut file) = File::open(&path) else { continue };
            let size = file.metadata().expect("an open file has a size").len();
            let mut read = Vec::new();
            file.read_to_end(&mut read).expect("it reads");
            assert_eq!(read.len() as u64, size, "round {round}: {}", String::from_utf8_lossy(&read));
            assert!(size > 500 && read.ends_with(b"\n"), "{}", String::from_utf8_lossy(&read));
        }
    }
}

#[test]
fn what_is_sorted_by_context_and_codec_costs_nothing_until_somebody_looks_and_then_one_question_for_each_peer()
 {
    if !fuse_available() {
        return;
    }
    let names: Vec<String> = (0..40).map(|number| format!("peer{number}")).collect();
    let server = Simulated::start(Content::new(Version::Asterisk16).peers(names.iter().map(Peer::new)));
    let mounted = server.mount(&shipped("asterisk.toml"));
    let of_peers = || server.questions().iter().filter(|asked| asked.contains("SIPshowpeer")).count();
    let listed = |path: &str| -> Vec<String> {
        let entries = fs::read_dir(mounted.join(path)).expect("a directory");
        entries.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned()).collect()
    };
    let all = ["users/sipfriends", "peers/sip"].map(listed).concat();
    assert!(all.iter().filter(|name| name.starts_with("peer") && !name.ends_with(".json")).count() == 40);
    assert_eq!(of_peers(), 0, "nobody has looked");

    let directories = ["users/sipfriends", "peers/sip"];
    let links = |sorted: &str| -> usize {
        let groups = directories.iter().map(|path| format!("{path}/{sorted}"));
        let groups =
            groups.flat_map(|path| listed(&path).into_iter().map(move |one| format!("{path}/{one}")));
        groups.map(|path| listed(&path).len()).sum()
    };
    assert_eq!(links("_by_context"), 40);
    assert_eq!(of_peers(), 40, "each once");
    assert!(links("_by_codec") >= 40);
    assert_eq!(links("_by_context"), 40);
    assert_eq!(of_peers(), 40, "and no more for the other, or the next look");

    assert!(server.register("peer7"), "it changes neither");
    let online =
        || directories.iter().any(|path| listed(&format!("{path}/_online")).contains(&"peer7".into()));
    assert!(wait_until(PATIENCE, online), "{}", mounted.stderr());
    assert_eq!(links("_by_context"), 40);
    assert_eq!(of_peers(), 41, "what the list of those online asks of this one");
}
