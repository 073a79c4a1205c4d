//! `data` where there is no `data get`: what is asked instead, and what an event makes be asked again.

use std::time::Duration;

use super::super::Manner;
use super::super::recorded::{Recorded, model, queries};
use super::super::tests::json;
use super::*;
use crate::language::Content;
use crate::parse::transcript::{cli, recorded};

const TREE: &str = r#"
[query.peers]
data    = "/asterisk/channel/sip/peers"
key     = "name"
refresh = { on = ["Reload", "PeerStatus"] }

[query.names]
data    = "/asterisk/channel/sip/peers"
filter  = "peers/peer/name|type"
key     = "name"
refresh = { on = ["Reload", "PeerStatus"] }

[query.one]
data    = "/asterisk/channel/sip/peers"
search  = "peers/peer/name={{ name.name }}"
filter  = "peers/peer/name|fullcontact"
refresh = { on = ["Reload", "PeerStatus"] }

[query.online]
data    = "/asterisk/channel/sip/peers"
search  = "peers/peer/fullcontact!="
key     = "name"
fields  = { shown = "row.name ~ '!'" }
refresh = { on = ["Reload", "PeerStatus"] }

[query.either]
any = ["peers", "other"]
[query.other]
value = "'the tree says it'"

[query.channels]
data = "/asterisk/core/channels"

[each.name]
in = "names"

[tree]
"raw"        = { data = "/asterisk/core/channels" }
"all"        = { query = "peers", as = "json", mode = "0400" }
"{name}/one" = { query = "one", as = "json" }
"#;

const NO_SUCH: &str = "Response: Error\r\nMessage: Command output follows\r\n\
    Output: No such command 'data get /asterisk/channel/sip/peers' (type 'core show help data get' for other \
    possible commands)\r\n\r\n";
const DENIED: &str = "Response: Error\r\nMessage: Permission denied\r\n\r\n";

/// A server that tells what Asterisk 13 told, but for `data get`.
fn server() -> Arc<Recorded> {
    let server = Recorded::new();
    let answer = |name: &str| String::from_utf8(recorded(name)).unwrap();
    server.answers("data get /asterisk/channel/sip/peers", NO_SUCH);
    server.answers("SIPpeers", &answer("13/action_SIPpeers"));
    server.answers("CoreShowChannels", &answer("13/action_CoreShowChannels"));
    for peer in ["6001", "mtrf", "person", "zhecka", "zhecka2"] {
        server.answers(&format!("SIPshowpeer {peer}"), &answer(&format!("13/action_SIPshowpeer_{peer}")));
    }
    let commands = [
        ("sip show users", "13/cmd_sip_show_users"),
        ("sip show peer 6001", "13/cmd_sip_show_peer_6001"),
        ("sip show peer mtrf", "13/cmd_sip_show_peer_mtrf"),
        ("sip show peer person", "13/cmd_sip_show_peer_person"),
        ("sip show peer zhecka", "13/cmd_sip_show_peer_zhecka"),
        ("sip show peer zhecka2", "13/cmd_sip_show_peer_zhecka2"),
        ("sip show user zhecka1", "13/cmd_sip_show_user_zhecka1"),
        ("sip show user gw-user", "13/cmd_sip_show_user_gw_user"),
    ];
    for (command, name) in commands {
        server.prints(command, &String::from_utf8(cli(name)).unwrap());
    }
    server
}

const DETAILS: [&str; 12] = [
    "SIPshowpeer 6001",
    "SIPshowpeer mtrf",
    "SIPshowpeer person",
    "SIPshowpeer zhecka",
    "SIPshowpeer zhecka2",
    "sip show peer 6001",
    "sip show peer mtrf",
    "sip show peer person",
    "sip show peer zhecka",
    "sip show peer zhecka2",
    "sip show user gw-user",
    "sip show user zhecka1",
];

fn sorted(server: &Recorded) -> Vec<String> {
    let mut asked = server.asked();
    asked.sort();
    asked
}

/// The records of a query, each by its name.
async fn told(queries: &Arc<Queries>, name: &str) -> serde_json::Value {
    serde_json::from_str(&json(queries, name).await.unwrap()).unwrap()
}

fn of<'a>(records: &'a serde_json::Value, name: &str) -> &'a serde_json::Value {
    records.as_array().unwrap().iter().find(|record| record["name"] == name).unwrap()
}

#[tokio::test]
async fn without_data_get_actions_and_commands_are_asked_once() {
    let server = server();
    let queries = queries(TREE, &server);
    let peers = told(&queries, "peers").await;
    assert_eq!(peers.as_array().unwrap().len(), 7);
    let (phone, user) = (of(&peers, "6001"), of(&peers, "gw-user"));
    assert_eq!((&phone["type"], &phone["vmexten"]), (&"friend".into(), &"*97".into()));
    assert_eq!((&user["type"], &user["context"]), (&"user".into(), &"mtrf-in".into()));
    let mut expected = vec!["SIPpeers", "data get /asterisk/channel/sip/peers", "sip show users"];
    expected.extend(DETAILS);
    expected.sort_unstable();
    assert_eq!(sorted(&server), expected);
    told(&queries, "peers").await;
    assert!(server.asked().is_empty());
}

#[tokio::test]
async fn what_is_known_of_a_connection_is_not_asked_again_by_another_query() {
    let server = server();
    let queries = queries(TREE, &server);
    told(&queries, "peers").await;
    server.asked();
    told(&queries, "online").await;
    assert!(server.asked().is_empty(), "all is known");
    server.reconnects();
    server.answers(
        "data get /asterisk/channel/sip/peers",
        &String::from_utf8(recorded("13/cmd_data_sip_peers")).unwrap(),
    );
    let peers = told(&queries, "peers").await;
    assert_eq!(of(&peers, "6001")["secret"], "MegaPass12345");
    assert_eq!(server.asked(), ["data get /asterisk/channel/sip/peers"]);
}

#[tokio::test]
async fn only_what_the_wanted_fields_take_is_asked() {
    let server = server();
    let queries = queries(TREE, &server);
    server.answers("data get /asterisk/channel/sip/peers 1=1 peers/peer/name|type", NO_SUCH);
    let names = told(&queries, "names").await;
    assert_eq!(of(&names, "mtrf"), &serde_json::json!({ "name": "mtrf", "type": "peer" }));
    let asked = sorted(&server);
    let expected =
        ["SIPpeers", "data get /asterisk/channel/sip/peers 1=1 peers/peer/name|type", "sip show users"];
    assert_eq!(asked, expected);

    let id = queries.model().query_names["one"];
    let entry = |name: &str| {
        let value = serde_json::json!({ "name": name }).to_string();
        let value = crate::parse::json::parse(value.as_bytes()).unwrap();
        let (variable, name): (Arc<str>, Arc<str>) = ("name".into(), name.into());
        Bindings::none().with(Binding { variable, name: name.clone(), key: name, value, origin: None })
    };
    let bindings = entry("person");
    let compute = |reads: &Reads| queries.read(id, &bindings, reads);
    let (one, _) = queries.settle(Duration::from_secs(5), compute).await.unwrap();
    let contact = r#"[{"fullcontact":"sip:person@127.0.0.1:25002","name":"person"}]"#;
    assert_eq!(serde_json::to_string(&one.value).unwrap(), contact);
    assert_eq!(server.asked(), ["SIPshowpeer person"]);
}

#[tokio::test]
async fn an_event_about_one_peer_asks_for_that_one() {
    let server = server();
    let queries = queries(TREE, &server);
    let followed = tokio::spawn(Arc::clone(&queries).follow(Box::new(|_| false)));
    let online = told(&queries, "online").await;
    assert_eq!(of(&online, "6001")["shown"], "6001!");
    assert_eq!(online.as_array().unwrap().len(), 4);
    server.asked();
    let gone = String::from_utf8(recorded("13/action_SIPshowpeer_6001")).unwrap();
    server
        .answers("SIPshowpeer 6001", &gone.replace("Reg-Contact: sip:6001@127.0.0.1:25001", "Reg-Contact: "));
    server.emits("PeerStatus\r\nChannelType: SIP\r\nPeer: SIP/6001\r\nPeerStatus: Registered");
    tokio::time::sleep(Duration::from_millis(30)).await;
    let online = told(&queries, "online").await;
    assert_eq!(online.as_array().unwrap().len(), 3);
    assert_eq!(server.asked(), ["SIPshowpeer 6001"]);
    // one that the list does not know is a reason to ask for the list
    server.emits("PeerStatus\r\nChannelType: SIP\r\nPeer: SIP/new\r\nPeerStatus: Registered");
    tokio::time::sleep(Duration::from_millis(30)).await;
    told(&queries, "online").await;
    assert_eq!(sorted(&server), ["SIPpeers", "sip show users"]);
    followed.abort();
}

#[tokio::test]
async fn where_the_tree_says_itself_what_stands_in_that_does() {
    let server = server();
    let queries = queries(TREE, &server);
    assert_eq!(json(&queries, "either").await.unwrap(), "\"the tree says it\"");
    assert_eq!(server.asked(), ["data get /asterisk/channel/sip/peers"]);
}

#[test]
fn nothing_is_added_for_a_query_that_the_tree_has_another_for() {
    let data = "[query.first]\ndata = \"/asterisk/core/hints\"\n";
    let tree = format!(
        "{data}[query.second]\naction = \"CoreStatus\"\n[query.either]\nany = [\"first\", \"second\"]\n\
         [tree]\n\"a\" = {{ query = \"either\", as = \"json\" }}\n"
    );
    let added = |tree: &str| model(tree).queries.iter().filter(|query| query.added).count();
    assert_eq!(added(&tree), 0);
    assert_eq!(added(&format!("{tree}\"b\" = {{ query = \"first\", as = \"json\" }}\n")), 4);
}

#[tokio::test]
async fn who_may_not_use_commands_is_not_refused_for_each_peer() {
    let server = server();
    let commands: Vec<_> = DETAILS.iter().filter(|question| question.starts_with("sip ")).collect();
    for command in commands.into_iter().chain([&"sip show users", &"data get /asterisk/channel/sip/peers"]) {
        server.answers(command, DENIED);
    }
    let queries = queries(TREE, &server);
    let peers = told(&queries, "peers").await;
    assert_eq!(of(&peers, "6001")["fullcontact"], "sip:6001@127.0.0.1:25001");
    assert_eq!(of(&peers, "6001").get("vmexten"), None);
    let commands: Vec<_> = server.asked().into_iter().filter(|asked| !asked.starts_with("SIP")).collect();
    assert_eq!(commands, ["data get /asterisk/channel/sip/peers", "sip show users"]);
}

#[tokio::test]
async fn what_crashes_a_server_is_never_sent() {
    let server = server();
    let queries = queries(TREE, &server);
    let channels = told(&queries, "channels").await;
    assert_eq!(of(&channels, "SIP/6001-00000000")["state"]["text"], "Up");
    assert_eq!(server.asked(), ["CoreShowChannels"]);
    let Content::Raw(raw) = queries.model().entries[0].content else { panic!("it is shown as it comes") };
    let compute = |reads: &Reads| queries.raw(raw, &Bindings::none(), reads);
    let (printed, _) = queries.settle(Duration::from_secs(5), compute).await.unwrap();
    let printed = String::from_utf8(printed.to_vec()).unwrap();
    assert!(printed.starts_with("channels\n  channel\n      context: \"web\"\n"), "{printed}");
}

#[tokio::test]
async fn a_status_says_that_others_are_asked_instead() {
    let server = server();
    let queries = queries(TREE, &server);
    let word = |name: &str| queries.standing_of(queries.model().query_names[name]).word();
    assert_eq!(word("peers"), "unasked");
    told(&queries, "peers").await;
    assert_eq!((word("peers"), word("names")), ("instead", "unasked"));
    let manner = Manner::of_reader();
    let id = queries.model().query_names["peers"];
    let answering = queries.answering(id, &Bindings::none(), manner, |_| None).unwrap();
    assert_eq!(queries.model().query(answering).name, "peers without data get");
}
