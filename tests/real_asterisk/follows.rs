//! What happens on the server is in the mount at once.

use std::fs;
use std::path::Path;
use std::time::Duration;

use crate::ground::{HOUR, PATIENCE, fields, is_there, measure, names, shipped_on_16};
use crate::support::sip::Register;

#[test]
fn online_and_offline_follow_a_registration_and_its_end() {
    let Some((server, mounted)) = shipped_on_16(&[]) else { return };
    let (online, offline) =
        (mounted.join("users/sipfriends/_online/6001"), mounted.join("users/sipfriends/_offline/6001"));
    let directory = mounted.join("users/sipfriends/6001");
    assert!(!is_there(&online) && is_there(&offline));
    assert_eq!(fields(&directory.join("credentials"))["fullcontact"], "");

    let mut phone = Register::new(server.sip_address(), "6001", "pw6001")
        .expect("a phone has a socket")
        .with_user_agent("desk/1.0");
    phone.register(HOUR).expect("6001 registers");
    measure("6001 online after the 200 OK", PATIENCE, || is_there(&online) && !is_there(&offline));
    assert_eq!(names(&mounted.join("users/sipfriends/_online")), ["6001"]);
    assert_eq!(fs::read_link(&online).expect("it is a link"), Path::new("../6001"));
    let contact = format!("sip:6001@{}", phone.local_address());
    measure("and with its contact", PATIENCE, || {
        fields(&online.join("credentials"))["fullcontact"] == contact
    });
    assert_eq!(fields(&online.join("credentials"))["useragent"], "desk/1.0");

    phone.unregister().expect("6001 unregisters");
    measure("6001 offline after the 200 OK", PATIENCE, || is_there(&offline) && !is_there(&online));
    // the last contact and user agent stay: Asterisk 16 itself goes on naming them
    measure("and without an address", PATIENCE, || fields(&directory.join("full"))["Address-IP"] == "(null)");
}

#[test]
fn a_registration_that_expires_takes_the_peer_offline() {
    let Some((server, mounted)) = shipped_on_16(&[]) else { return };
    let online = mounted.join("peers/sip/_online/person");
    let mut phone = Register::new(server.sip_address(), "person", "pwperson").expect("a phone has a socket");
    phone.register(Duration::from_secs(5)).expect("person registers");
    measure("person online after the 200 OK", PATIENCE, || is_there(&online));
    drop(phone);
    // the server grants ten seconds more than were asked for
    measure("person offline after its five seconds", Duration::from_secs(25), || !is_there(&online));
}

#[test]
fn peers_of_the_database_are_found_when_they_are_listed_and_when_they_register() {
    let Some((server, mounted)) = shipped_on_16(&[]) else { return };
    let friends = mounted.join("users/sipfriends");
    let zhecka = fields(&friends.join("zhecka/full"));
    assert_eq!(
        (zhecka["is_realtime"].as_str(), zhecka["cid_name"].as_str(), zhecka["cid_num"].as_str()),
        ("True", "Zhecka", "6100")
    );
    assert!(is_there(&friends.join("_offline/zhecka")));
    assert!(!names(&friends).contains(&"rtpeer".to_owned()), "the driver lists the first row only");

    let mut phone = Register::new(server.sip_address(), "rtpeer", "pwrt").expect("a phone has a socket");
    phone.register(HOUR).expect("rtpeer registers");
    measure("rtpeer there after the 200 OK", PATIENCE, || is_there(&friends.join("_online/rtpeer")));
    assert!(!is_there(&mounted.join("peers/sip/rtpeer")), "it is a friend");
    let credentials = fields(&friends.join("rtpeer/credentials"));
    assert_eq!(credentials["fullcontact"], format!("sip:rtpeer@{}", phone.local_address()));
}

#[test]
fn a_reload_adds_changes_and_removes_peers() {
    let before: &[u8] = b"[early]\ntype = peer\nhost = dynamic\ndescription = before\n";
    let Some((server, mounted)) = shipped_on_16(&[("sip_early.conf", before)]) else { return };
    let peers = mounted.join("peers/sip");
    assert_eq!(fields(&peers.join("early/full"))["Description"], "before");
    assert!(!is_there(&peers.join("late")));

    let late = "[late]\ntype = peer\nhost = dynamic\nsubscribecontext = hints\nvmexten = *98\n";
    fs::write(server.configuration().join("sip_late.conf"), late).expect("the configuration can be written");
    let after = "[early]\ntype = peer\nhost = dynamic\ndescription = after\nvmexten = *99\n";
    fs::write(server.configuration().join("sip_early.conf"), after)
        .expect("the configuration can be written");
    server.cli("module reload chan_sip.so");
    measure("late there after the reload", PATIENCE, || is_there(&peers.join("late")));
    assert_eq!(fields(&peers.join("late/contexts"))["subscribecontext"], "hints");
    assert_eq!(fields(&peers.join("late/huntgroups"))["vmexten"], "*98");
    measure("early changed", PATIENCE, || fields(&peers.join("early/full"))["Description"] == "after");
    assert_eq!(fields(&peers.join("early/huntgroups"))["vmexten"], "*99");

    fs::remove_file(server.configuration().join("sip_late.conf")).expect("the configuration can be written");
    server.cli("module reload chan_sip.so");
    measure("late gone after the reload", PATIENCE, || !is_there(&peers.join("late")));
    assert!(!is_there(&peers.join("_offline/late")));
}
