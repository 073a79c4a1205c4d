//! chan_sip and IAX2: what a peer's files and the directories of states say is what the console says.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::as_chan_sip_tells::shown;
use crate::ground::{
    ASTFS, HOUR, PATIENCE, is_there, measure, mount_tree, names, records, shipped, shipped_on_16, text, value,
};
use crate::support::asterisk::{Asterisk, Version};
use crate::support::mount;
use crate::support::sip::Register;

#[test]
fn the_files_of_a_sip_peer_say_what_its_console_says() {
    let Some((server, mounted)) = shipped_on_16(&[]) else { return };
    let mut phone = Register::new(server.sip_address(), "6001", "pw6001").expect("a phone has a socket");
    phone.register(HOUR).expect("6001 registers");
    let friends = mounted.join("users/sipfriends");
    measure("6001 online", PATIENCE, || is_there(&friends.join("_online/6001")));
    let reachable = || value(&friends.join("6001/status")) == "ok";
    measure("6001 answers", PATIENCE, reachable);
    for (directory, peer) in [
        ("users/sipfriends", "6001"),
        ("users/sipfriends", "fax"),
        ("peers/sip", "mtrf"),
        ("peers/sip", "person"),
    ] {
        let shown = shown(&server, peer);
        let set = |label: &str| {
            let value = shown.get(label).map_or("", String::as_str);
            if ["<Not set>", "(null)", "(none)"].contains(&value) { String::new() } else { value.to_owned() }
        };
        let at = |file: &str| value(&mounted.join(directory).join(peer).join(file));
        for (file, label) in [
            ("context", "Context"),
            ("subscribecontext", "Subscr.Cont."),
            ("description", "Description"),
            ("language", "Language"),
            ("mailbox", "Mailbox"),
            ("call_limit", "Call limit"),
            ("username", "Def. Username"),
            ("fullcontact", "Reg. Contact"),
            ("useragent", "Useragent"),
            ("address", "Addr->IP"),
        ] {
            assert_eq!(at(file), set(label), "{file} of {peer}");
        }
        let status = set("Status");
        assert_eq!(Some(at("status").as_str()), status.to_lowercase().split(' ').next());
        if let Some((_, milliseconds)) = status.trim_end_matches(" ms)").split_once('(') {
            let milliseconds: f64 = milliseconds.parse().expect("a number");
            let latency: f64 = at("latency").parse().expect("a number of seconds");
            assert!((latency * 1000.0 - milliseconds).abs() < 100.0, "{latency} s, {milliseconds} ms");
        }
        let twin: serde_json::Value =
            serde_json::from_str(&text(&mounted.join(directory).join(format!("{peer}.json")))).expect("JSON");
        assert_eq!((&twin["name"], &twin["context"]), (&peer.into(), &set("Context").into()));
        assert_eq!(twin["is_realtime"], false);
    }
    let expiry: u64 = value(&friends.join("6001/expiry")).parse().expect("seconds");
    assert!((3000..4000).contains(&expiry), "{expiry}");
}

#[test]
fn states_of_sip_peers_are_directories_of_links() {
    let Some((server, mounted)) = shipped_on_16(&[]) else { return };
    let friends = mounted.join("users/sipfriends");
    assert_eq!(names(&friends.join("_realtime")), ["zhecka"]);
    let mut phone = Register::new(server.sip_address(), "rtpeer", "pwrt").expect("a phone has a socket");
    phone.register(HOUR).expect("rtpeer registers");
    measure("rtpeer is of the database", PATIENCE, || {
        names(&friends.join("_realtime")) == ["rtpeer", "zhecka"]
    });

    // nobody is where the provider should be, and the first question is a while after the start
    let unreachable = mounted.join("peers/sip/_unreachable");
    measure("mtrf is unreachable", Duration::from_secs(60), || names(&unreachable) == ["mtrf"]);
    let console = server.cli("sip show peers");
    let told: BTreeSet<_> = console.lines().filter(|line| line.contains("UNREACHABLE")).collect();
    assert!(told.len() == 1 && told.iter().all(|line| line.starts_with("mtrf")), "{told:?}");
    assert_eq!(value(&unreachable.join("mtrf/status")), "unreachable");
}

#[test]
fn registrations_elsewhere_are_those_of_the_console() {
    if !mount::fuse_available() {
        return;
    }
    for version in [Version::V16, Version::V22] {
        let Some(server) = Asterisk::start(version) else { return };
        let mounted = mount_tree(&shipped(), &server, ASTFS);
        for (directory, command) in [("sip", "sip show registry"), ("iax2", "iax2 show registry")] {
            let console = server.cli(command);
            let rows = console.lines().filter(|line| line.contains(':') && !line.starts_with("No such"));
            let told: BTreeSet<_> = rows
                .map(|row| {
                    let words: Vec<&str> = row.split_whitespace().collect();
                    format!("{}@{}", words[2], words[0])
                })
                .collect();
            let path = mounted.join("registrations").join(directory);
            let seen: BTreeSet<_> = records(&path).into_iter().collect();
            assert_eq!(seen, told, "{version:?}: {console}");
            assert_eq!(seen.is_empty(), directory == "sip" && version == Version::V22);
            for name in &seen {
                let state = value(&path.join(name).join("state"));
                assert_eq!(value(&path.join(name).join("registered")), (state == "Registered").to_string());
            }
        }
    }
}

#[test]
fn iax_peers_say_what_the_console_says() {
    if !mount::fuse_available() {
        return;
    }
    for version in [Version::V16, Version::V22] {
        let Some(server) = Asterisk::start(version) else { return };
        let mounted = mount_tree(&shipped(), &server, ASTFS);
        let peers = mounted.join("peers/iax2");
        let console = server.cli("iax2 show peers");
        let told: Vec<_> = console
            .lines()
            .filter(|line| line.contains("(D)") || line.contains("(S)"))
            .map(|line| line.split_whitespace().next().expect("a name").to_owned())
            .collect();
        assert_eq!(records(&peers), told, "{console}");
        for name in told {
            let shown = server.cli(&format!("iax2 show peer {name}"));
            let set = |label: &str| {
                let line = shown.lines().find(|line| line.trim_start_matches([' ', '*']).starts_with(label));
                line.and_then(|line| line.split_once(':')).map_or("", |(_, value)| value.trim()).to_owned()
            };
            let at = |file: &str| value(&peers.join(&name).join(file));
            assert_eq!([at("context"), at("username")], [set("Context"), set("Username")]);
            assert_eq!(at("status"), set("Status").to_lowercase());
            assert_eq!(at("dynamic"), (set("Dynamic") == "Yes").to_string());
            assert_eq!(format!("({})", at("codecs").replace('\n', "|")), set("Codecs"));
            let there = names(&peers.join("_online")).contains(&name);
            assert_eq!((there, !there), (name == "iax2", names(&peers.join("_offline")).contains(&name)));
        }
        assert_eq!(value(&mounted.join("users/iax2/iax1/context")), "default");
    }
}
