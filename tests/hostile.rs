//! Templates that fail, records that fail, names that break careless programs: each harms itself
//! alone, and none gets a word into what the server is asked.

#![allow(clippy::expect_used, reason = "what fails here is the promise, told with these words")]

mod support;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use astfs::simulator::{Content, Fault, Peer, Version, text};
use nix::libc::EIO;
use support::mount::{Mounted, fuse_available};
use support::simulated::{Simulated, TreeFile, peers_and_users, run_within, text as printed};
use support::wait_until;
use support::walk::{Shown, walk};

const PATIENCE: Duration = Duration::from_secs(20);
const SECRET: &str = "made-up-but-secret";

const TREE: &str = r#"
[server]
address = "127.0.0.1:5038"
user    = "astfs"

[query.peers]
data    = "/asterisk/channel/sip/peers"
key     = "name"
refresh = { on = ["PeerStatus"] }

[each.peer]
in = "peers"

[tree]
"peers/{peer}/name"    = { render = "{{ peer.name }}\n" }
"peers/{peer}/broken"  = { template = "broken.j2" }
"peers/{peer}/partly"  = { render = "{% if peer.name == 'bob' %}{{ peer.nothing.deeper }}{% endif %}fine\n" }
"peers/{peer}/show"    = { command = "sip show peer {{ peer.name }}" }
"all/{peer}"           = { symlink = "../peers/{{ peer }}", when = "peer.name != 'bob' or peer.nothing.deeper" }
"#;

const BROKEN: &str =
    "name={{ peer.name }}\nsecret={{ peer.secret }}\nthird={{ peer.secret ~ peer.no_such_field.deeper }}\n";

fn peers<'a>(version: Version, names: impl IntoIterator<Item = &'a str>) -> Content {
    Content::new(version).peers(names.into_iter().map(|name| {
        let mut peer = Peer::new(name);
        peer.secret = text(SECRET);
        peer
    }))
}

fn names_in(directory: &Path) -> BTreeSet<String> {
    let names = fs::read_dir(directory).unwrap_or_else(|error| panic!("{}: {error}", directory.display()));
    names.map(|entry| entry.expect("a name").file_name().to_string_lossy().into_owned()).collect()
}

fn set<'a>(names: impl IntoIterator<Item = &'a str>) -> BTreeSet<String> {
    names.into_iter().map(str::to_owned).collect()
}

#[track_caller]
fn assert_eio(path: &Path) {
    let error = fs::read(path).expect_err("it cannot be computed");
    assert_eq!(error.raw_os_error(), Some(EIO), "{}: {error}", path.display());
}

fn mount_with_broken_template(server: &Simulated) -> (TreeFile, Mounted) {
    mount_beside_broken_template(server, TREE)
}

fn mount_beside_broken_template(server: &Simulated, tree: &str) -> (TreeFile, Mounted) {
    let tree = TreeFile::new(tree);
    let templates = tree.path().with_file_name("templates");
    fs::create_dir(&templates)
        .and_then(|()| fs::write(templates.join("broken.j2"), BROKEN))
        .expect("a template");
    let mounted = server.mount_with(&tree.path(), &["-v"]);
    (tree, mounted)
}

#[test]
fn a_template_that_fails_is_eio_for_its_file_alone_and_the_log_says_where_and_why() {
    if !fuse_available() {
        return;
    }
    let server = Simulated::start(peers(Version::Asterisk13, ["alice", "bob", "carol"]));
    let (_tree, mounted) = mount_with_broken_template(&server);
    for name in ["alice", "bob", "carol"] {
        let at = mounted.join("peers").join(name);
        assert_eq!(names_in(&at), set(["broken", "name", "partly", "show"]));
        assert_eio(&at.join("broken"));
        assert_eq!(fs::read_to_string(at.join("name")).expect("another file"), format!("{name}\n"));
    }
    for name in ["alice", "carol"] {
        assert_eq!(
            fs::read_to_string(mounted.join("peers").join(name).join("partly")).expect("a file"),
            "fine\n"
        );
    }
    assert_eio(&mounted.join("peers/bob/partly"));

    let told =
        |words: &[&str]| mounted.stderr().lines().any(|line| words.iter().all(|word| line.contains(word)));
    let place = ["broken.j2", "line 3", "no_such_field"];
    assert!(wait_until(PATIENCE, || told(&place)), "{place:?} are in no line of:\n{}", mounted.stderr());
    let (_, log) = mounted.unmount();
    assert!(!log.contains(SECRET), "a secret is in the log:\n{log}");
}

#[test]
fn a_record_whose_condition_fails_hides_no_other() {
    if !fuse_available() {
        return;
    }
    let server = Simulated::start(peers(Version::Asterisk13, ["alice", "bob", "carol"]));
    let (_tree, mounted) = mount_with_broken_template(&server);
    assert_eq!(names_in(&mounted.join("all")), set(["alice", "carol"]));
    assert_eq!(names_in(&mounted.join("peers")), set(["alice", "bob", "carol"]));
    assert!(wait_until(PATIENCE, || mounted.stderr().contains("left out")), "{}", mounted.stderr());
}

#[test]
fn a_record_whose_computed_field_fails_hides_no_other() {
    if !fuse_available() {
        return;
    }
    let tree = TREE
        .replace("[each.peer]", "[query.peers.fields]\nport = \"row.username | int\"\n\n[each.peer]")
        .replace("[tree]", "[tree]\n\"peers/{peer}/port\" = { render = \"{{ peer.port }}\\n\" }");
    let mut odd = Peer::new("odd");
    odd.username = text("no number");
    let even = ["1", "2"].map(|name| {
        let mut peer = Peer::new(format!("even{name}"));
        peer.username = text(name);
        peer
    });
    let server = Simulated::start(Content::new(Version::Asterisk13).peers(even).peer(odd));
    let (_tree, mounted) = mount_beside_broken_template(&server, &tree);
    assert_eq!(names_in(&mounted.join("peers")), set(["even1", "even2", "odd"]));
    let port = |name: &str| fs::read_to_string(mounted.join("peers").join(name).join("port"));
    assert_eq!(port("even1").expect("a number"), "1\n");
    assert_eq!(port("odd").expect_err("what cannot be computed is not there").raw_os_error(), Some(EIO));
    let (_, log) = mounted.unmount();
    assert_eq!(log.matches("record `odd` lacks a field: peers.port: ").count(), 1, "{log}");
}

#[test]
fn a_record_that_the_server_refuses_to_show_hides_no_other() {
    if !fuse_available() {
        return;
    }
    let server = Simulated::start(peers(Version::Asterisk16, ["alice", "bob", "carol"]));
    // the answer to every question about bob
    let request = [("Action", "SIPshowpeer"), ("Peer", "bob")];
    server.answer(&request, "Response: Error\r\nMessage: not today\r\n\r\n");
    let mounted = server.mount(&peers_and_users());
    let friends = mounted.join("users/sipfriends");
    assert_eq!(names_in(&friends), set(["_offline", "_online", "alice", "bob", "carol"]));
    assert_eio(&friends.join("bob/full"));
    for name in ["alice", "carol"] {
        let full = fs::read_to_string(friends.join(name).join("full")).expect("the others are well");
        assert!(full.starts_with(&format!("name={name}\n")), "{full}");
    }
    let (_, log) = mounted.unmount();
    assert_eq!(log.matches("not today").count(), 1, "told once:\n{log}");
}

/// The names that `Content::hostile_names` has, as they stand in a directory.
fn hostile() -> BTreeSet<String> {
    let cut = format!("cut-at-79-bytes-{}", "a".repeat(63));
    let names =
        ["person%2Fperson", "%2E.", "_online~2", "with space", "Ünï", "-END-", "quoted", "latin-1", &cut];
    set(names)
}

#[test]
fn every_peer_with_a_hostile_name_stands_under_its_escaped_name_and_links_lead_to_it() {
    if !fuse_available() {
        return;
    }
    for version in [Version::Asterisk13, Version::Asterisk16] {
        let server = Simulated::start(Content::new(version).hostile_names());
        for name in ["_online", "..", "with space"] {
            assert!(server.register(name), "{name} registers");
        }
        let mounted = server.mount(&peers_and_users());
        let directories = ["users/sipfriends", "peers/sip"].map(|path| mounted.join(path));
        let at = |name: &str| directories.iter().map(|path| path.join(name)).find(|path| path.exists());
        let listed: BTreeSet<String> = directories
            .iter()
            .flat_map(|path| names_in(path))
            .filter(|name| !["_online", "_offline"].contains(&name.as_str()))
            .collect();
        assert_eq!(listed, hostile(), "{version:?}");

        let mut linked = BTreeSet::new();
        for presence in ["_online", "_offline"] {
            for name in directories.iter().flat_map(|path| names_in(&path.join(presence))) {
                let link = at(&format!("{presence}/{name}"))
                    .unwrap_or_else(|| panic!("{presence}/{name} leads nowhere"));
                let resolved = run_within(PATIENCE, Command::new("readlink").arg("-e").arg(&link));
                assert!(resolved.status.success(), "{}", link.display());
                let resolved = printed(&resolved.stdout);
                let own = at(&name).unwrap_or_else(|| panic!("{name} has a link and no directory"));
                assert_eq!(Path::new(resolved.trim_end_matches('\n')), own, "{version:?} {presence}/{name}");
                let online = ["_online~2", "%2E.", "with space"].contains(&name.as_str());
                assert_eq!(online, presence == "_online", "{name} is in {presence}");
                linked.insert(name);
            }
        }
        assert_eq!(linked, hostile(), "{version:?}");

        for name in hostile() {
            let own = at(&name).unwrap_or_else(|| panic!("{name} is listed and not there"));
            let cat = run_within(
                PATIENCE,
                Command::new("cat").arg("--").arg(own.join("full")).arg(own.join("codecs")),
            );
            assert!(cat.status.success(), "{version:?} {name}: {}", printed(&cat.stderr));
            assert!(
                printed(&cat.stdout).contains("\nulaw\n"),
                "{version:?} {name}: {}",
                printed(&cat.stdout)
            );
        }
    }
}

#[test]
fn nothing_that_a_record_contains_becomes_a_word_of_a_command() {
    if !fuse_available() {
        return;
    }
    let names = [
        "with space",
        "6001 load",
        "quo\"te",
        "back\\slash",
        "\" load \"",
        "tab\there",
        "semi;colon",
        "plain",
    ];
    let server = Simulated::start(peers(Version::Asterisk13, names));
    let (_tree, mounted) = mount_with_broken_template(&server);
    for name in names_in(&mounted.join("peers")) {
        let _ = fs::read(mounted.join("peers").join(&name).join("show"));
    }
    let asked: BTreeSet<String> =
        server.questions().into_iter().filter(|question| question.starts_with("sip show peer ")).collect();
    let expected = [
        r#"sip show peer "with space""#,
        r#"sip show peer "6001 load""#,
        r#"sip show peer "quo\"te""#,
        r#"sip show peer "back\\slash""#,
        r#"sip show peer "\" load \"""#,
        "sip show peer \"tab\there\"",
        "sip show peer semi;colon",
        "sip show peer plain",
    ];
    assert_eq!(asked, set(expected));
    let with_space =
        fs::read_to_string(mounted.join("peers/with space/show")).expect("the right peer is shown");
    assert!(with_space.contains("Name       : with space\n"), "{with_space}");
}

#[test]
fn line_ends_in_a_record_never_reach_the_wire() {
    if !fuse_available() {
        return;
    }
    let tree = TreeFile::new(
        "[server]\naddress = \"127.0.0.1:5038\"\nuser = \"astfs\"\n\
         [tree]\n\
         \"command\" = { command = \"core show {{ 'uptime\\r\\n\\r\\nAction: Reload' }}\" }\n\
         \"header\" = { action = { Action = \"SIPshowpeer\", Peer = \"{{ 'x\\r\\nAction: Reload' }}\" } }\n\
         \"fine\" = { command = \"core show uptime\" }\n",
    );
    let server = Simulated::start(Content::new(Version::Asterisk16));
    let mounted = server.mount(&tree.path());
    assert_eio(&mounted.join("command"));
    assert_eio(&mounted.join("header"));
    assert!(fs::read_to_string(mounted.join("fine")).expect("a sound question").contains("System uptime"));
    assert_eq!(server.questions(), ["core show uptime"]);
}

#[test]
fn a_second_walk_over_an_unchanged_tree_asks_the_server_nothing() {
    if !fuse_available() {
        return;
    }
    for version in [Version::Asterisk13, Version::Asterisk16] {
        let server = Simulated::start(Content::generated(version, 30, 5));
        let mounted = server.mount(&peers_and_users());
        let read_all = || {
            let mut find = Command::new("sh");
            find.args(["-c", "find . -type f -print0 | sort -z | xargs -0 cat"]).current_dir(mounted.path());
            let output = run_within(PATIENCE, &mut find);
            assert!(output.status.success() && output.stderr.is_empty(), "{}", printed(&output.stderr));
            printed(&output.stdout)
        };
        let first = read_all();
        assert!(first.len() > 10_000, "{}", first.len());
        assert!(server.questions().len() >= 4, "{:?}", server.questions());
        server.forget_asked();
        let second = read_all();
        assert_eq!(server.questions(), Vec::<String>::new(), "{version:?}");
        assert!(second == first, "{version:?}: the same questions, another answer");
        let failed = walk(mounted.path()).into_iter().find(|(_, shown)| matches!(shown, Shown::Failed(_)));
        assert_eq!(failed, None, "{version:?}");
    }
}

#[test]
fn a_query_that_the_server_refuses_for_one_directory_leaves_the_others() {
    if !fuse_available() {
        return;
    }
    let server = Simulated::start(Content::generated(Version::Asterisk13, 5, 5));
    server.set_fault_for("data get /asterisk/channel/iax2", Fault::ErrorAnswer("out of order".into()));
    let mounted = server.mount(&peers_and_users());
    let error = fs::read_dir(mounted.join("peers/iax2"))
        .and_then(|mut names| names.next().transpose())
        .map(drop)
        .expect_err("the server refuses");
    assert_eq!(error.raw_os_error(), Some(EIO), "{error}");
    assert!(names_in(&mounted.join("users/sipfriends")).len() > 2);
    assert_eq!(names_in(&mounted.join("peers")), set(["iax2", "sip"]));
}
