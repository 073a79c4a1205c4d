//! chan_pjsip: each directory holds what the console lists, and each file what it says.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::net::SocketAddr;
use std::path::Path;

use serde_json::Value;

use super::{as_name, told, with_pjsip};
use crate::ground::{
    ASTFS, HOUR, PATIENCE, is_there, measure, mount_tree, names, records, shipped, text, value,
};
use crate::support::asterisk::{Asterisk, Version};
use crate::support::mount;
use crate::support::sip::Register;

const BOTH: [Version; 2] = [Version::V16, Version::V22];

/// Where chan_pjsip takes registrations.
fn registrar(server: &Asterisk, version: Version) -> SocketAddr {
    match version {
        Version::V16 => server.trunk_address(),
        Version::V22 => server.sip_address(),
    }
}

/// `ParameterName : ParameterValue` of a `pjsip show …`.
pub(super) fn parameters(server: &Asterisk, command: &str) -> BTreeMap<String, String> {
    let printed = server.cli(command);
    let pairs = printed.lines().skip_while(|line| !line.contains("ParameterName")).skip(2);
    let pairs = pairs.filter_map(|line| line.split_once(':'));
    pairs.map(|(name, value)| (name.trim().to_owned(), value.trim().to_owned())).collect()
}

fn json(path: &Path) -> Value {
    serde_json::from_str(&text(path)).expect("JSON")
}

#[track_caller]
fn assert_listed(server: &Asterisk, directory: &Path, command: &str, label: &str) -> BTreeSet<String> {
    let console = told(&server.cli(command), label);
    let seen: BTreeSet<String> = records(directory).into_iter().collect();
    assert_eq!(seen, console.iter().map(|name| as_name(name)).collect(), "{command}");
    assert!(!seen.is_empty(), "{command}");
    for name in &seen {
        assert!(json(&directory.join(format!("{name}.json")))["name"].is_string(), "{name} has a twin");
    }
    seen
}

#[test]
fn every_directory_of_pjsip_holds_what_the_console_lists() {
    if !mount::fuse_available() {
        return;
    }
    for version in BOTH {
        let Some(server) = with_pjsip(version) else { return };
        let mut phone =
            Register::new(registrar(&server, version), "6001", "pw6001").expect("a phone has a socket");
        phone.register(HOUR).expect("6001 registers");
        let mounted = mount_tree(&shipped(), &server, ASTFS);
        let pjsip = mounted.join("pjsip");

        let endpoints = told(&server.cli("pjsip show endpoints"), "Endpoint:  ");
        let endpoints: BTreeSet<_> =
            endpoints.iter().map(|shown| shown.split('/').next().expect("a name").to_owned()).collect();
        assert_eq!(records(&pjsip.join("endpoints")), endpoints.iter().cloned().collect::<Vec<_>>());
        for endpoint in &endpoints {
            let shown = parameters(&server, &format!("pjsip show endpoint {endpoint}"));
            let at = |file: &str| value(&pjsip.join("endpoints").join(endpoint).join(file));
            for (file, parameter) in [
                ("context", "context"),
                ("aors", "aors"),
                ("auths", "auth"),
                ("accountcode", "accountcode"),
                ("dtmf_mode", "dtmf_mode"),
                ("direct_media", "direct_media"),
                ("media_encryption", "media_encryption"),
                ("mailboxes", "mailboxes"),
                ("named_callgroup", "named_call_group"),
                ("fromuser", "from_user"),
                ("transport", "transport"),
            ] {
                assert_eq!(at(file), shown[parameter], "{version:?}: {file} of {endpoint}");
            }
            assert_eq!(format!("({})", at("codecs").replace('\n', "|")), shown["allow"]);
            let twin = json(&pjsip.join("endpoints").join(format!("{endpoint}.json")));
            assert_eq!(twin["context"], *shown["context"]);
            assert_eq!(twin["direct_media"], shown["direct_media"] == "true");
        }
        assert_eq!(value(&pjsip.join("endpoints/6001/cid_name")), "Ünï Çode");

        for aor in assert_listed(&server, &pjsip.join("aors"), "pjsip show aors", "Aor:  ") {
            let shown = parameters(&server, &format!("pjsip show aor {aor}"));
            let at = |file: &str| value(&pjsip.join("aors").join(&aor).join(file));
            for file in ["max_contacts", "remove_existing", "default_expiration", "qualify_frequency"] {
                assert_eq!(at(file), shown[file], "{version:?}: {file} of {aor}");
            }
            // of several contacts, it is the last that the console names
            let contact = shown.get("contact").filter(|contact| !contact.is_empty());
            let contact = contact.map(|contact| format!("{aor}/{contact}"));
            assert_eq!(at("contacts").lines().last().map(str::to_owned), contact, "{aor}");
        }
        let contacts = assert_listed(&server, &pjsip.join("contacts"), "pjsip show contacts", "Contact:  ");
        let uri = format!("sip:6001@{}", phone.local_address());
        let own = as_name(&format!("6001/{uri}"));
        assert!(contacts.contains(&own) && contacts.len() >= 2, "{contacts:?}");
        let at = |file: &str| value(&pjsip.join("contacts").join(&own).join(file));
        assert_eq!(
            ["aor", "uri", "endpoint", "registered", "useragent"].map(at),
            ["6001", &uri, "6001", "true", "astfs-test-phone/1"]
        );
        assert!(at("expires").starts_with("20") && at("expires").ends_with('Z'), "{}", at("expires"));
        assert!(names(&pjsip.join("registrations/inbound")).contains(&own));

        let auths = told(&server.cli("pjsip show auths"), "Auth:  ");
        let seen = records(&pjsip.join("auths"));
        let auth =
            |name: &String| format!("{name}/{}", value(&pjsip.join("auths").join(name).join("username")));
        assert_eq!(seen.iter().map(auth).collect::<BTreeSet<_>>(), auths, "{version:?}");
        assert_eq!(value(&pjsip.join("auths/6001/password")), "pw6001");

        for transport in
            assert_listed(&server, &pjsip.join("transports"), "pjsip show transports", "Transport:  ")
        {
            let shown = parameters(&server, &format!("pjsip show transport {transport}"));
            let at = |file: &str| value(&pjsip.join("transports").join(&transport).join(file));
            assert_eq!([at("bind"), at("protocol")], [shown["bind"].clone(), shown["protocol"].clone()]);
        }
        let registrations = told(&server.cli("pjsip show registrations"), "reg");
        let outbound = pjsip.join("registrations/outbound");
        let shown = |name: &String| {
            let server_uri = value(&outbound.join(name).join("server_uri"));
            format!("{}/{server_uri}", name.strip_prefix("reg").unwrap_or(name))
        };
        assert_eq!(records(&outbound).iter().map(shown).collect::<BTreeSet<_>>(), registrations);
        assert_eq!(records(&outbound), ["reg6001"]);
        assert_eq!(value(&outbound.join("reg6001/registered")), "false", "nobody is there");

        let (status, said) = mounted.unmount();
        assert!(status.success() && !said.contains("WARN") && !said.contains("ERROR"), "{version:?}: {said}");
    }
}

#[test]
fn a_registration_of_an_endpoint_and_its_end_are_seen_at_once() {
    if !mount::fuse_available() {
        return;
    }
    for version in BOTH {
        let Some(server) = with_pjsip(version) else { return };
        let mounted = mount_tree(&shipped(), &server, ASTFS);
        let pjsip = mounted.join("pjsip");
        let (online, offline) = (pjsip.join("endpoints/_online/6002"), pjsip.join("endpoints/_offline/6002"));
        assert!(is_there(&offline) && !is_there(&online), "{version:?}");
        assert_eq!(value(&pjsip.join("endpoints/6002/contacts")), "");

        let mut phone =
            Register::new(registrar(&server, version), "6002", "pw6002").expect("a phone has a socket");
        phone.register(HOUR).expect("6002 registers");
        let contact = format!("6002/sip:6002@{}", phone.local_address());
        measure("6002 online", PATIENCE, || is_there(&online) && !is_there(&offline));
        assert_eq!(fs::read_link(&online).expect("a link"), Path::new("../6002"));
        measure("its contact", PATIENCE, || value(&pjsip.join("endpoints/6002/contacts")) == contact);
        measure("and that of its AOR", PATIENCE, || value(&pjsip.join("aors/6002/contacts")) == contact);
        let inbound = pjsip.join("registrations/inbound").join(as_name(&contact));
        measure("and its registration", PATIENCE, || is_there(&inbound.join("status")));

        phone.unregister().expect("6002 unregisters");
        measure("6002 offline", PATIENCE, || is_there(&offline) && !is_there(&online));
        measure("and without a registration", PATIENCE, || !is_there(&inbound));
        measure("and no contact", PATIENCE, || value(&pjsip.join("endpoints/6002/contacts")).is_empty());
    }
}

#[test]
fn endpoints_that_a_reload_adds_and_removes_come_and_go() {
    if !mount::fuse_available() {
        return;
    }
    for version in BOTH {
        let Some(server) = with_pjsip(version) else { return };
        let mounted = mount_tree(&shipped(), &server, ASTFS);
        let (late, aor) = (mounted.join("pjsip/endpoints/late"), mounted.join("pjsip/aors/late"));
        assert!(!is_there(&late) && !is_there(&aor), "{version:?}");
        let file = server.configuration().join("pjsip_late.conf");
        fs::write(&file, "[late](phone)\naors = late\n[late]\ntype = aor\nmax_contacts = 7\n")
            .expect("a file");
        server.cli("module reload res_pjsip.so");
        measure("late is there", PATIENCE, || is_there(&late) && is_there(&aor));
        assert_eq!(value(&aor.join("max_contacts")), "7");
        assert_eq!(value(&late.join("context")), "default");
        fs::remove_file(&file).expect("it was there");
        server.cli("module reload res_pjsip.so");
        measure("late is gone", PATIENCE, || !is_there(&late) && !is_there(&aor));
    }
}

#[test]
fn pjsip_without_an_endpoint_is_empty_and_says_nothing_wrong() {
    if !mount::fuse_available() {
        return;
    }
    let Some(server) = Asterisk::start(Version::V22) else { return };
    let file = server.configuration().join("pjsip.conf");
    fs::write(&file, "[udp]\ntype = transport\nprotocol = udp\nbind = 127.0.0.1:0\n").expect("a file");
    server.cli("module reload res_pjsip.so");
    server.cli("module reload res_pjsip_outbound_registration.so");
    let mounted = mount_tree(&shipped(), &server, ASTFS);
    for directory in ["endpoints", "aors", "contacts", "auths", "registrations/outbound"] {
        let path = mounted.join("pjsip").join(directory);
        assert!(records(&path).is_empty(), "{directory}: {:?}", records(&path));
    }
    let (status, said) = mounted.unmount();
    assert!(status.success() && !said.contains("WARN") && !said.contains("ERROR"), "{said}");
}
