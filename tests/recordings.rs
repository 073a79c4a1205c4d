//! What real servers said, recorded, and the tree that comes of it: over the library and on a mount.

#![allow(clippy::expect_used, reason = "what fails here is the promise, told with these words")]

#[path = "recordings/going_on.rs"]
mod going_on;
mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use astfs::simulator::{Content, Version};
use support::CREDENTIALS;
use support::recorded::{Record, records};
use support::simulated::{Simulated, shipped, text, transcripts};
use support::walk::{Shown, Walk, file, link, names, walk, walk_tree, without_errnos};

const SIP_PEERS: &str = "data get /asterisk/channel/sip/peers";
const OF_A_SIP_PEER: [&str; 23] = [
    "accountcode",
    "address",
    "call_limit",
    "cid_name",
    "cid_num",
    "codecs",
    "context",
    "contexts",
    "credentials",
    "description",
    "expiry",
    "full",
    "fullcontact",
    "huntgroups",
    "is_realtime",
    "language",
    "latency",
    "mailbox",
    "online",
    "status",
    "subscribecontext",
    "useragent",
    "username",
];
/// Files that say what one field of `data get` says.
const OF_ONE_FIELD: [(&str, &str); 12] = [
    ("accountcode", "accountcode"),
    ("call_limit", "call_limit"),
    ("cid_name", "cid_name"),
    ("cid_num", "cid_num"),
    ("context", "context"),
    ("description", "description"),
    ("fullcontact", "fullcontact"),
    ("language", "language"),
    ("mailbox", "unsolicited_mailbox"),
    ("subscribecontext", "subscribecontext"),
    ("useragent", "useragent"),
    ("username", "username"),
];
/// What stands beside the peers.
const BESIDE_SIP_PEERS: [&str; 6] =
    ["_by_codec", "_by_context", "_offline", "_online", "_realtime", "_unreachable"];
/// Where records of each type stand.
const SIP_TYPES: [(&str, &str); 3] =
    [("peers/sip", "peer"), ("users/sipfriends", "friend"), ("users/sipusers", "user")];

fn recordings_of(version: Version, folder: &str) -> Content {
    Content::new(version).recordings(transcripts(folder)).expect("the recordings are there")
}

fn recorded_answer(name: &str) -> String {
    let path = transcripts(name);
    text(&std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display())))
}

/// The hostile recording in the place of the ordinary one.
fn hostile_content() -> Content {
    let request = [("Action", "Command"), ("Command", SIP_PEERS), ("ActionID", "h")];
    recordings_of(Version::Asterisk13, "13")
        .answer(&request, recorded_answer("13/hostile_data_sip_peers.txt"))
}

/// The tree through the library, in the order of its questions.
fn through_the_library(server: &Simulated) -> Walk {
    let tree = server.open(&shipped("asterisk.toml"));
    server.runtime().block_on(walk_tree(&tree))
}

/// The file name of a record, by the documented rule, as far as the recordings need it.
fn file_name(name: &str) -> String {
    match name {
        ".." => "%2E.".into(),
        "_online" => "_online~2".into(),
        _ => name.replace('/', "%2F"),
    }
}

/// The name of the file beside it that tells the same as JSON.
fn twin_name(name: &str) -> String {
    match name {
        "_online" => "_online.json".into(),
        _ => file_name(name) + ".json",
    }
}

/// Everything that stands below `peers/sip`, `users/sipfriends` and `users/sipusers`, from the
/// recorded `data get`.
fn check_sip(seen: &Walk, peers: &[Record]) {
    for (directory, kind) in SIP_TYPES {
        let of_kind: Vec<&Record> = peers.iter().filter(|peer| peer.text("type") == kind).collect();
        let mut expected: Vec<String> = of_kind.iter().map(|peer| file_name(&peer.text("name"))).collect();
        expected.extend(of_kind.iter().map(|peer| twin_name(&peer.text("name"))));
        let beside = BESIDE_SIP_PEERS.iter().filter(|name| kind != "user" || **name != "_unreachable");
        expected.extend(beside.map(|name| (*name).to_owned()));
        expected.sort();
        assert_eq!(names(seen, directory), expected, "{directory}");

        check_groups(seen, &format!("{directory}/_by_context"), &of_kind, |peer| vec![peer.text("context")]);
        check_groups(seen, &format!("{directory}/_by_codec"), &of_kind, Record::codecs);
        let realtime = of_kind.iter().filter(|peer| peer.text("is_realtime") == "True");
        let mut expected: Vec<String> = realtime.map(|peer| file_name(&peer.text("name"))).collect();
        expected.sort();
        assert_eq!(names(seen, &format!("{directory}/_realtime")), expected);

        for presence in ["_offline", "_online"] {
            let there =
                of_kind.iter().filter(|peer| (presence == "_online") != peer.text("fullcontact").is_empty());
            let mut expected: Vec<String> =
                there.map(|peer| format!("../{}", file_name(&peer.text("name")))).collect();
            expected.sort();
            let below = format!("{directory}/{presence}");
            let mut targets: Vec<String> =
                names(seen, &below).iter().map(|name| link(seen, &format!("{below}/{name}"))).collect();
            targets.sort();
            assert_eq!(targets, expected, "{below}");
        }
        for peer in of_kind {
            check_files(seen, &format!("{directory}/{}", file_name(&peer.text("name"))), peer);
        }
    }
}

/// A directory for each group, with the records that are in it.
fn check_groups(seen: &Walk, directory: &str, records: &[&Record], groups: impl Fn(&Record) -> Vec<String>) {
    let mut expected: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for record in records {
        // there a peer is not beside the directories of states
        let name = file_name(&record.text("name")).replace("_online~2", "_online");
        for group in groups(record).into_iter().filter(|group| !group.is_empty()) {
            expected.entry(group).or_default().insert(name.clone());
        }
    }
    assert_eq!(names(seen, directory), expected.keys().cloned().collect::<Vec<_>>(), "{directory}");
    for (group, records) in expected {
        let below = format!("{directory}/{group}");
        assert_eq!(names(seen, &below), records.into_iter().collect::<Vec<_>>(), "{below}");
    }
}

fn check_files(seen: &Walk, of_peer: &str, peer: &Record) {
    assert_eq!(names(seen, of_peer), OF_A_SIP_PEER, "{of_peer}");
    let lines = |fields: &[(&str, &str)]| -> String {
        fields.iter().map(|(label, field)| format!("{label}={}\n", peer.text(field))).collect()
    };
    let same = |names: &[&'static str]| names.iter().map(|name| (*name, *name)).collect::<Vec<_>>();

    let credentials = same(&CREDENTIALS);
    assert_eq!(file(seen, &format!("{of_peer}/credentials")), lines(&credentials));
    let contexts = same(&["context", "subscribecontext"]);
    assert_eq!(file(seen, &format!("{of_peer}/contexts")), lines(&contexts));
    let huntgroups = same(&["vmexten", "unsolicited_mailbox", "mwi_from"]);
    assert_eq!(file(seen, &format!("{of_peer}/huntgroups")), lines(&huntgroups));
    let media = lines(&[
        ("t38_maxdatagram", "t38_maxdatagram"),
        ("rtptimeout", "rtptimeout"),
        ("timer_t1", "timer_t1"),
        ("timerb", "timer_b"),
        ("maxcallbitrate", "maxcallbitrate"),
        ("rtpkeepalive", "rtpkeepalive"),
        ("rtpholdtimeout", "rtpholdtimeout"),
        ("qualifyfreq", "qualifyfreq"),
        ("autoframing", "autoframing"),
    ]);
    let codecs: String = peer.codecs().iter().map(|codec| format!("{codec}\n")).collect();
    assert_eq!(file(seen, &format!("{of_peer}/codecs")), codecs + &media);

    for (name, field) in OF_ONE_FIELD {
        let value = peer.text(field);
        let line = if value.is_empty() { value } else { value + "\n" };
        assert_eq!(file(seen, &format!("{of_peer}/{name}")), line, "{of_peer}/{name}");
    }
    let truth = |set: bool| format!("{set}\n");
    assert_eq!(file(seen, &format!("{of_peer}/online")), truth(!peer.text("fullcontact").is_empty()));
    assert_eq!(file(seen, &format!("{of_peer}/is_realtime")), truth(peer.text("is_realtime") == "True"));

    let online = if peer.text("fullcontact").is_empty() { "online=False" } else { "online=True" };
    let mut expected = vec![online.to_owned()];
    expected.extend(peer.lines());
    let full = file(seen, &format!("{of_peer}/full"));
    assert_eq!(full.lines().collect::<Vec<_>>(), expected, "{of_peer}/full");
}

fn check_iax(seen: &Walk, directory: &str, recorded: &[Record]) {
    let mut expected: Vec<String> = recorded.iter().map(|record| record.text("name")).collect();
    expected.extend(recorded.iter().map(|record| record.text("name") + ".json"));
    let is_of_peers = directory.starts_with("peers");
    expected.push("_by_context".to_owned());
    let all: Vec<&Record> = recorded.iter().collect();
    check_groups(seen, &format!("{directory}/_by_context"), &all, |one| vec![one.text("context")]);
    if is_of_peers {
        expected.extend(["_offline", "_online", "_unreachable"].map(str::to_owned));
    }
    expected.sort();
    assert!(!recorded.is_empty(), "the recording has nobody for {directory}");
    assert_eq!(names(seen, directory), expected, "{directory}");
    for record in recorded {
        let at = format!("{directory}/{}", record.text("name"));
        let context = record.text("context");
        assert_eq!(file(seen, &format!("{at}/context")), context + "\n", "{at}");
        let full = file(seen, &format!("{at}/full"));
        // of a peer, whether it is online stands first
        let told: Vec<_> = full.lines().skip(usize::from(is_of_peers)).collect();
        assert_eq!(told, record.lines(), "{at}/full");
    }
}

/// The whole tree of Asterisk 13, from the recorded answers.
fn check_13(seen: &Walk, sip: &str) {
    assert_eq!(link(seen, "config"), "/etc/asterisk");
    assert_eq!(names(seen, "peers"), ["iax2", "mgcp", "sip", "skinny", "unistim"]);
    assert_eq!(names(seen, "users"), ["iax2", "sipfriends", "sipusers"]);
    check_sip(seen, &records(&recorded_answer(sip)));
    check_iax(seen, "peers/iax2", &records(&recorded_answer("13/cmd_data_iax2_peers.txt")));
    check_iax(seen, "users/iax2", &records(&recorded_answer("13/cmd_data_iax2_users.txt")));
}

/// How often each realtime row was brought into memory, and the rows asked for.
fn check_realtime_questions(server: &Simulated) {
    let asked = server.questions();
    let times = |question: &str| asked.iter().filter(|asked| *asked == question).count();
    assert_eq!(times("realtime load sippeers 1 1"), 1, "{asked:#?}");
    for name in ["zhecka", "zhecka1", "zhecka2"] {
        assert_eq!(times(&format!("sip show peer {name} load")), 1, "{name} in {asked:#?}");
    }
    let last_load = asked.iter().rposition(|asked| asked.ends_with(" load"));
    let peers = asked.iter().position(|asked| asked == SIP_PEERS);
    assert!(last_load < peers, "peers are asked for before all rows are in memory: {asked:#?}");
}

/// Every file of peers and users printed by `astfs cat` is the file on the mount.
fn check_cat(server: &Simulated, seen: &Walk) {
    let files = seen.iter().filter_map(|(path, shown)| match shown {
        Shown::File(bytes) if path.starts_with("peers/") || path.starts_with("users/") => Some((path, bytes)),
        _ => None,
    });
    let (paths, contents): (Vec<&String>, Vec<&Vec<u8>>) = files.unzip();
    let printed = server.run("cat", &shipped("asterisk.toml"), paths.iter().map(PathBuf::from));
    assert!(printed.status.success(), "{}", text(&printed.stderr));
    let on_the_mount: Vec<u8> = contents.into_iter().flatten().copied().collect();
    assert!(!on_the_mount.is_empty());
    assert_eq!(text(&printed.stdout), text(&on_the_mount));
}

#[test]
fn asterisk_13_as_recorded_becomes_the_tree_of_peers_friends_and_users() {
    let server = Simulated::start(recordings_of(Version::Asterisk13, "13"));
    let seen = through_the_library(&server);
    check_13(&seen, "13/cmd_data_sip_peers.txt");
    check_realtime_questions(&server);
    let realtime: Vec<bool> = ["sipfriends/zhecka", "sipusers/zhecka1", "sipfriends/zhecka2"]
        .map(|path| seen.contains_key(&format!("users/{path}")))
        .into();
    assert_eq!(realtime, [true; 3], "who is only in the database is there too");
    let types = file(&seen, "users/sipfriends/6001/full");
    for line in ["autoframing=False", "lastms=0", "host_dynamic=True", "call_limit=2147483647"] {
        assert!(types.lines().any(|known| known == line), "{line} is not in {types}");
    }
}

#[test]
fn the_mount_shows_the_same_bytes_as_the_library_and_as_cat() {
    if !support::mount::fuse_available() {
        return;
    }
    let server = Simulated::start(recordings_of(Version::Asterisk13, "13"));
    let through_the_library = through_the_library(&server);
    server.forget_asked();
    let mounted = server.mount(&shipped("asterisk.toml"));
    let seen = walk(mounted.path());
    check_13(&seen, "13/cmd_data_sip_peers.txt");
    check_realtime_questions(&server);
    let seen = without_errnos(seen);
    let other: Vec<_> =
        seen.iter().filter(|(path, shown)| through_the_library.get(*path) != Some(shown)).collect();
    assert!(other.is_empty() && seen.len() == through_the_library.len(), "{other:#?}");
    check_cat(&server, &seen);
}

#[test]
fn every_peer_with_a_hostile_name_or_description_appears_over_the_library() {
    let server = Simulated::start(hostile_content());
    let seen = through_the_library(&server);
    check_13(&seen, "13/hostile_data_sip_peers.txt");
    check_realtime_questions(&server);
    let cut_name = format!("very-long-name-{}", "a".repeat(64));
    assert_eq!(cut_name.len(), 79);
    for name in ["with space", "%2E.", "_online~2", "Иван", "hostile%2F2", "-END-", &cut_name] {
        assert!(seen.contains_key(&format!("users/sipfriends/{name}/full")), "{name} is missing");
    }
    let quoted = file(&seen, "users/sipfriends/hostile1/full");
    assert!(quoted.contains("\ndescription=Person: the \"quoted\" \\ one\n"), "{quoted}");
}

#[test]
fn every_peer_with_a_hostile_name_or_description_appears_on_the_mount() {
    if !support::mount::fuse_available() {
        return;
    }
    let server = Simulated::start(hostile_content());
    let mounted = server.mount(&shipped("asterisk.toml"));
    let seen = walk(mounted.path());
    check_13(&seen, "13/hostile_data_sip_peers.txt");
    check_realtime_questions(&server);
    check_cat(&server, &seen);
}

#[test]
fn asterisk_16_as_recorded_has_the_same_tree_from_its_actions() {
    if !support::mount::fuse_available() {
        return;
    }
    let server = Simulated::start(recordings_of(Version::Asterisk16, "16"));
    let mounted = server.mount(&shipped("asterisk.toml"));
    let list = |path: &str| {
        let entries = std::fs::read_dir(mounted.join(path)).unwrap_or_else(|error| panic!("{path}: {error}"));
        let names = entries.map(|entry| entry.expect("a name").file_name().to_string_lossy().into_owned());
        let mut names: Vec<String> = names.collect();
        names.sort();
        names
    };
    let records = |path: &str| -> Vec<String> {
        list(path).into_iter().filter(|name| !name.starts_with('_') && !name.ends_with(".json")).collect()
    };
    assert_eq!(records("peers/sip"), ["mtrf", "person", "zhecka"]);
    assert_eq!(records("users/sipfriends"), ["6001", "6002"]);
    assert_eq!(records("users/sipusers"), ["trunk-in"]);
    assert_eq!(list("users/sipfriends/_online"), ["6001"]);
    assert_eq!(list("users/sipfriends/_offline"), ["6002"]);
    assert_eq!(records("users/iax2"), ["iax1"]);
    assert_eq!(list("users/sipfriends/6001"), OF_A_SIP_PEER);

    let read = |path: &str| {
        std::fs::read_to_string(mounted.join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
    };
    let credentials = read("users/sipfriends/6001/credentials");
    assert!(
        credentials.starts_with(
            "name=6001\nusername=6001\nsecret=\nmd5secret=\nfromuser=\nfromdomain=\ncid_name=Ünï Çode\n\
             remotesecret=\nfullcontact=sip:6001@127.0.0.1:54203\nuseragent=py-ua/1\nregexten=\ntransports="
        ),
        "{credentials}"
    );
    assert_eq!(credentials.lines().count(), 12, "{credentials}");
    assert_eq!(read("users/sipfriends/6001/contexts"), "context=default\nsubscribecontext=\n");
    let codecs = read("users/sipfriends/6001/codecs");
    assert!(codecs.starts_with("ulaw\nalaw\nt38_maxdatagram=-1\n"), "{codecs}");
    assert!(
        codecs.contains("\nmaxcallbitrate=384\n") && codecs.contains("\nqualifyfreq=10000\n"),
        "{codecs}"
    );
    let full = read("users/sipfriends/6001/full");
    for line in
        ["Description=Desk phone; \"quoted\"", "Status=OK (1 ms)", "SIP-RTP-Engine=asterisk", "type=friend"]
    {
        assert!(full.lines().any(|known| known == line), "{line} is not in {full}");
    }
    assert_eq!(read("users/sipusers/trunk-in/contexts"), "context=default\nsubscribecontext=\n");
    // of the others only the lists were recorded
    let shown = walk(&mounted.join("users/sipusers"));
    let of_trunk = names(&shown, "trunk-in").into_iter().map(|name| shown.get(&format!("trunk-in/{name}")));
    let files: Vec<_> = of_trunk.flatten().filter(|shown| matches!(shown, Shown::File(_))).collect();
    assert!(!files.is_empty(), "{shown:?}");
    for file in files {
        let Shown::File(bytes) = file else { continue };
        assert!(!text(bytes).contains("pwtrunk"), "a secret that may be cut is left out: {}", text(bytes));
    }

    let asked = server.questions();
    let times = |question: &str| asked.iter().filter(|asked| *asked == question).count();
    for question in ["SIPpeers", "sip show users", "realtime load sippeers 1 1", "sip show peer zhecka load"]
    {
        assert_eq!(times(question), 1, "{question} in {asked:#?}");
    }
    assert_eq!(times("SIPshowpeer 6001"), 1, "{asked:#?}");
}
