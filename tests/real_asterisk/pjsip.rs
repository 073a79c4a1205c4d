//! Asterisk 22, which has no chan_sip.

use std::fs;
use std::path::Path;

use crate::ground::{
    ASTFS, HOUR, PATIENCE, fields, is_there, measure, mount_tree, names, records, shipped, text,
};
use crate::support::asterisk::{Asterisk, Version};
use crate::support::mount;
use crate::support::sip::Register;

#[test]
fn without_chan_sip_the_shipped_tree_has_no_sip_peers_and_says_nothing_wrong() {
    if !mount::fuse_available() {
        return;
    }
    let Some(server) = Asterisk::start(Version::V22) else { return };
    let mounted = mount_tree(&shipped(), &server, ASTFS);
    for directory in ["peers/sip", "users/sipfriends", "users/sipusers"] {
        assert!(records(&mounted.join(directory)).is_empty(), "{directory}");
        for below in ["_offline", "_online"] {
            assert!(names(&mounted.join(directory).join(below)).is_empty(), "{directory}/{below}");
        }
    }
    assert_eq!(records(&mounted.join("peers/iax2")), ["iax1", "iax2"]);
    assert_eq!(records(&mounted.join("users/iax2")), ["iax1"]);
    assert_eq!(fields(&mounted.join("peers/iax2/iax2/full"))["IPaddress"], "127.0.0.1");
    assert_eq!(fields(&mounted.join("users/iax2/iax1/full"))["secret"], "iaxpw");
    let (status, said) = mounted.unmount();
    assert!(status.success());
    assert!(!said.contains("WARN") && !said.contains("ERROR"), "{said}");
}

#[test]
fn endpoints_are_directories_and_follow_a_registration() {
    if !mount::fuse_available() {
        return;
    }
    let Some(server) = Asterisk::start(Version::V22) else { return };
    let tree = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/trees/pjsip.toml");
    let mounted = mount_tree(&tree, &server, ASTFS);
    let endpoints = mounted.join("endpoints");
    assert_eq!(names(&endpoints), ["6001", "6002", "_available", "_unavailable", "mtrf", "person"]);
    assert!(text(&mounted.join("version")).starts_with("Asterisk 22."));
    assert!(fields(&mounted.join("status")).contains_key("CoreStartupDate"));
    let phone_files = endpoints.join("6001");
    assert_eq!(text(&phone_files.join("context")), "default\n");
    assert_eq!(text(&phone_files.join("state")), "Unavailable\n");
    assert!(text(&phone_files.join("full")).contains(".NamedCallGroup=g1\n"));

    let mut phone = Register::new(server.sip_address(), "6001", "pw6001").expect("a phone has a socket");
    phone.register(HOUR).expect("6001 registers");
    let available = endpoints.join("_available/6001");
    measure("6001 available after the 200 OK", PATIENCE, || {
        is_there(&available) && text(&phone_files.join("state")) == "Not in use\n"
    });
    assert_eq!(fs::read_link(&available).expect("it is a link"), Path::new("../6001"));
    let contact = format!("sip:6001@{}", phone.local_address());
    for file in ["contacts", "full"] {
        let tells = || text(&available.join(file)).contains(&contact);
        measure(&format!("the contact in its `{file}`"), PATIENCE, tells);
    }

    phone.unregister().expect("6001 unregisters");
    let unavailable = endpoints.join("_unavailable/6001");
    measure("6001 unavailable after the 200 OK", PATIENCE, || {
        is_there(&unavailable) && !is_there(&available)
    });
    measure("and its state", PATIENCE, || text(&phone_files.join("state")) == "Unavailable\n");
}
