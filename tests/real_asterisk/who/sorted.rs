//! `_by_context` and `_by_codec`: where the links of a peer stand is what the console says of it.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use super::endpoints::parameters;
use super::with_pjsip;
use crate::as_chan_sip_tells::shown;
use crate::ground::{ASTFS, PATIENCE, measure, mount_tree, names, records, shipped, shipped_on_16, value};
use crate::support::asterisk::{Asterisk, Version};
use crate::support::mount;

/// Contexts longer than the column of `sip show users`, and codecs of a peer's own.
const PEERS: &[u8] = b"[office]\ntype=friend\nhost=dynamic\nsecret=x\ncontext=from-the-office-upstairs\n\
    disallow=all\nallow=g722,alaw\n[gateway]\ntype=peer\nhost=127.0.0.8\ncontext=from-the-gateway\n\
    disallow=all\nallow=gsm\n[caller]\ntype=user\nsecret=x\ncontext=from-callers-of-old\n";

/// Where the links to a record stand: `CONTEXT/NAME`.
fn standing(directory: &Path) -> BTreeSet<String> {
    let links = names(directory).into_iter().flat_map(|one| {
        let of_one = directory.join(&one);
        names(&of_one).into_iter().map(move |name| {
            let link = fs::read_link(of_one.join(&name)).expect("a link");
            assert_eq!(link, Path::new("../..").join(&name), "{one}");
            assert!(of_one.join(&name).exists(), "it leads to the record");
            format!("{one}/{name}")
        })
    });
    links.collect()
}

/// The same as the console has it: `(ulaw|alaw)`.
fn of_codecs(name: &str, printed: &str) -> Vec<String> {
    printed.trim_matches(['(', ')']).split('|').map(|codec| format!("{codec}/{name}")).collect()
}

#[test]
fn sip_peers_stand_where_their_console_says() {
    let Some((server, mounted)) = shipped_on_16(&[("sip_sorted.conf", PEERS)]) else { return };
    for directory in ["users/sipfriends", "peers/sip"] {
        let directory = mounted.join(directory);
        let (mut contexts, mut codecs) = (BTreeSet::new(), BTreeSet::new());
        let takes = |name: &str| name.bytes().all(|byte| byte.is_ascii_alphanumeric());
        for name in records(&directory).into_iter().filter(|name| takes(name)) {
            let shown = shown(&server, &name);
            contexts.insert(format!("{}/{name}", shown["Context"]));
            codecs.extend(of_codecs(&name, &shown["Codecs"]));
        }
        // the others have names that no console takes
        let standing = |path: &str| -> BTreeSet<_> {
            let all = standing(&directory.join(path)).into_iter();
            all.filter(|link| link.split_once('/').is_some_and(|(_, name)| takes(name))).collect()
        };
        assert_eq!(standing("_by_context"), contexts);
        assert_eq!(standing("_by_codec"), codecs);
    }
    let users = mounted.join("users/sipusers");
    let contexts = ["default/trunk-in", "from-callers-of-old/caller"].map(str::to_owned);
    assert_eq!(standing(&users.join("_by_context")), BTreeSet::from(contexts));
    assert_eq!(value(&users.join("caller/context")), "from-callers-of-old");
    assert!(server.cli("sip show user caller").contains("Context      : from-callers-of-old"));
    assert_eq!(names(&users.join("_by_codec")), [""; 0], "no console tells the codecs of a user");

    let edited = String::from_utf8_lossy(PEERS).replace("from-the-gateway", "elsewhere");
    fs::write(server.configuration().join("sip_sorted.conf"), edited).expect("it can be written");
    server.cli("module reload chan_sip.so");
    let moved = mounted.join("peers/sip/_by_context/elsewhere");
    measure("a peer stands elsewhere after a reload", PATIENCE, || {
        moved.exists() && names(&moved) == ["gateway"]
    });
}

#[test]
fn endpoints_of_pjsip_and_peers_of_iax_stand_where_their_console_says() {
    if !mount::fuse_available() {
        return;
    }
    for version in [Version::V16, Version::V22] {
        let Some(server) = with_pjsip(version) else { return };
        let mounted = mount_tree(&shipped(), &server, ASTFS);
        let endpoints = mounted.join("pjsip/endpoints");
        let (mut contexts, mut codecs) = (BTreeSet::new(), BTreeSet::new());
        for name in records(&endpoints) {
            let shown = parameters(&server, &format!("pjsip show endpoint {name}"));
            contexts.insert(format!("{}/{name}", shown["context"]));
            codecs.extend(of_codecs(&name, &shown["allow"]));
        }
        assert!(codecs.len() >= 8 && contexts.len() >= 4, "{codecs:?} {contexts:?}");
        assert_eq!(standing(&endpoints.join("_by_context")), contexts, "{version:?}");
        assert_eq!(standing(&endpoints.join("_by_codec")), codecs, "{version:?}");
        assert_of_iax(&server, &mounted.join("peers/iax2"));
        let users = standing(&mounted.join("users/iax2/_by_context"));
        assert_eq!(users, BTreeSet::from(["default/iax1".to_owned()]));
    }
}

fn assert_of_iax(server: &Asterisk, peers: &Path) {
    let context = |name: &String| {
        let shown = server.cli(&format!("iax2 show peer {name}"));
        let line = shown.lines().find(|line| line.trim_start().starts_with("Context")).expect("a context");
        format!("{}/{name}", line.split_once(':').expect("a value").1.trim())
    };
    let contexts: BTreeSet<_> = records(peers).iter().map(context).collect();
    assert!(!contexts.is_empty());
    assert_eq!(standing(&peers.join("_by_context")), contexts);
}
