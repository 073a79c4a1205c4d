//! `data` on a server that has no `data get`: what the prototype asked an Asterisk 13 for.

use std::fs;
use std::path::PathBuf;

use serde_json::{Value, json};

use crate::ground::{ASTFS, HOUR, PATIENCE, REPORTING, measure, mount_tree, names, run, text};
use crate::support::asterisk::{Asterisk, Version};
use crate::support::mount;
use crate::support::sip::Register;

const TREE: &str = r#"
[query.friends]
data    = "/asterisk/channel/sip/peers"
search  = "peers/peer/type=friend"
key     = "name"
refresh = { on = ["Reload", "PeerStatus"], every = "5m" }

[query.credentials]
data    = "/asterisk/channel/sip/peers"
filter  = "peers/peer/cid_num,peers/peer/name,peers/peer/username,peers/peer/secret,peers/peer/lastms,peers/peer/fullcontact"
key     = "name"
refresh = { on = ["Reload", "PeerStatus"], every = "5m" }

[query.one]
data    = "/asterisk/channel/sip/peers"
search  = "peers/peer/name={{ friend.name }}"
refresh = { on = ["Reload", "PeerStatus"], every = "5m" }

[each.friend]
in = "friends"

[tree]
"friends/{friend}/context" = { render = "{{ friend.context }}\n" }
"friends/{friend}/codecs"  = { render = "{{ friend.codecs | codecs | join(' ') }}\n" }
"friends/{friend}/one"     = { query = "one", as = "json", mode = "0400" }
"online/{friend}"          = { symlink = "../friends/{{ friend }}", when = "friend.fullcontact" }
"credentials"              = { query = "credentials", as = "json", mode = "0400" }
"peers"                    = { data = "/asterisk/channel/sip/peers", filter = "peers/peer/name|type", refresh = { every = "1s" } }
"iax2/peers"               = { data = "/asterisk/channel/iax2/peers", as = "json", mode = "0400" }
"iax2/users"               = { data = "/asterisk/channel/iax2/users", as = "json", mode = "0400" }
"channels"                 = { data = "/asterisk/core/channels", as = "json" }
"hints"                    = { data = "/asterisk/core/hints", as = "json" }
"types"                    = { data = "/asterisk/core/channeltypes", as = "json" }
"queues"                   = { data = "/asterisk/application/queue/list", as = "json" }
"#;

fn ground() -> Option<(Asterisk, tempfile::TempDir, PathBuf)> {
    if !mount::fuse_available() {
        return None;
    }
    let server = Asterisk::start(Version::V16)?;
    let folder = tempfile::tempdir().expect("a folder");
    let tree = folder.path().join("tree.toml");
    fs::write(&tree, TREE).expect("a file");
    Some((server, folder, tree))
}

#[track_caller]
fn records(path: &std::path::Path) -> Vec<Value> {
    let value: Value = serde_json::from_str(&text(path)).expect("JSON");
    value.as_array().expect("a list").clone()
}

#[track_caller]
fn of<'a>(records: &'a [Value], name: &str) -> &'a Value {
    records.iter().find(|record| record["name"] == name).expect("it is among them")
}

#[test]
fn the_queries_of_the_prototype_are_answered_by_asterisk_16() {
    let Some((server, _folder, tree)) = ground() else { return };
    let mounted = mount_tree(&tree, &server, ASTFS);
    let friends = names(&mounted.join("friends"));
    assert!(friends.contains(&"6001".to_owned()) && !friends.contains(&"person".to_owned()), "{friends:?}");
    assert_eq!(text(&mounted.join("friends/6001/context")), "default\n");
    assert_eq!(text(&mounted.join("friends/6001/codecs")), "ulaw alaw\n");
    assert_eq!(names(&mounted.join("online")), [""; 0]);

    let mut phone = Register::new(server.sip_address(), "6001", "pw6001").expect("a phone has a socket");
    phone.register(HOUR).expect("6001 registers");
    measure("6001 online after the 200 OK", PATIENCE, || names(&mounted.join("online")) == ["6001"]);
    let contact = format!("sip:6001@{}", phone.local_address());
    measure("and with its contact", PATIENCE, || {
        of(&records(&mounted.join("credentials")), "6001")["fullcontact"] == contact.as_str()
    });
    let credentials = records(&mounted.join("credentials"));
    let phone = of(&credentials, "6001");
    assert_eq!((&phone["cid_num"], &phone["secret"]), (&json!("6001"), &json!("pw6001")));
    assert_eq!(phone.as_object().expect("a record").len(), 6, "{phone}");

    let one = records(&mounted.join("friends/6001/one"));
    assert_eq!(one.len(), 1);
    assert_eq!(one[0]["fullcontact"], contact.as_str());
    assert_eq!((&one[0]["vmexten"], &one[0]["timer_b"]), (&json!("asterisk"), &json!(32000)));
    assert_eq!(one[0]["mailboxes"], json!([{ "id": "6001@default" }]));
    assert_eq!(one[0]["description"], "Desk phone; \"quoted\"");

    let printed = text(&mounted.join("peers"));
    assert!(printed.starts_with("peers\n  peer\n      name: \""), "{printed}");
    assert!(printed.contains("      name: \"person\"\n      type: \"peer\"\n"), "{printed}");
    let status = text(&mounted.join(".astfs/status"));
    let line = status.lines().find(|line| line.starts_with("friends ")).expect("it has a line");
    assert_eq!(line.split_whitespace().nth(1), Some("instead"), "{status}");
    let words = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
    let asked = |line: &str| words(line).starts_with("SIPshowpeer for /asterisk/channel/sip/peers fresh");
    assert!(status.lines().any(asked), "{status}");
}

#[test]
fn every_provider_is_answered_by_asterisk_16() {
    let Some((server, _folder, tree)) = ground() else { return };
    let mounted = mount_tree(&tree, &server, ASTFS);
    let peers = records(&mounted.join("iax2/peers"));
    assert_eq!(of(&peers, "iax2")["host"], "127.0.0.1");
    assert_eq!(of(&peers, "iax1")["pokefreqok"], 60000);
    let users = records(&mounted.join("iax2/users"));
    let user = of(&users, "iax1");
    assert_eq!((&user["secret"], &user["authmethods"]["md5"]), (&json!("iaxpw"), &json!(true)));
    let hints = records(&mounted.join("hints"));
    let lamp = hints.iter().find(|hint| hint["application"] == "Custom:lamp").expect("it has a hint");
    assert_eq!((&lamp["extension"], &lamp["context"]), (&json!("7000"), &json!("default")));
    assert_eq!((&lamp["watchers"], &lamp["presence_state"]), (&json!(0), &json!("not_set")));
    let types = records(&mounted.join("types"));
    let sip = of(&types, "SIP");
    assert_eq!((&sip["devicestate"], &sip["send_text"]), (&json!(true), &json!(true)), "{sip}");
    assert!(
        sip["capabilities"].as_array().is_some_and(|codecs| codecs.iter().any(|one| one["name"] == "ulaw"))
    );
    let queues = records(&mounted.join("queues"));
    assert_eq!(of(&queues, "support")["strategy"], "ringall");
    server.cli("channel originate Local/echo@default application Wait 60");
    measure("a call is among the channels", PATIENCE * 3, || {
        let channels = records(&mounted.join("channels"));
        channels.iter().any(|channel| channel["appl"] == "Wait" && channel["state"]["value"] == 6)
    });
}

#[test]
fn who_may_not_use_commands_gets_what_actions_tell_and_a_check_says_so() {
    let Some((server, _folder, tree)) = ground() else { return };
    let text_of = fs::read_to_string(&tree).expect("the tree");
    let all = text_of.replace("search  = \"peers/peer/type=friend\"\n", "");
    fs::write(&tree, all).expect("a file");
    let mounted = mount_tree(&tree, &server, REPORTING);
    assert_eq!(text(&mounted.join("friends/6001/context")), "default\n");
    assert_eq!(records(&mounted.join("friends/6001/one"))[0].get("vmexten"), None);
    drop(mounted);
    let checked = run("check", &tree, &["--live".as_ref()], &server);
    let told = String::from_utf8_lossy(&checked.stdout).into_owned();
    let said = "answered by `SIPpeers, sip show users, SIPshowpeer, sip show peer, sip show user`";
    let line = told.lines().find(|line| line.contains(" friends ")).unwrap_or_else(|| panic!("{told}"));
    assert!(line.ends_with(said), "{told}");
    assert!(told.contains("this server answers all that the tree asks"), "{told}");
}
