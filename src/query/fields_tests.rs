//! `each`: what is asked once for each record, as fields of all of them.

use super::super::recorded::{Recorded, queries, reading};
use super::super::tests::{DEADLINE, json};
use super::super::{Manner, Reads};

const TOLD: &str = r#"
[query.peers]
command = "sip show peers"
parse = { regex = '(?P<name>\w+) (?P<state>\w+)' }
key = "name"
[query.details]
command = "sip show peer {{ friend.name }}"
parse = "fields"
refresh = { on = { PeerStatus = "'6001'" }, every = "1h" }
[query.told]
value = "peers"
each = "somebody"
fields = { context = "details.context", upper = "friend.state | lower" }
[each.somebody]
in = "peers"
as = "friend"
[tree]
"told" = { query = "told" }
"{somebody}" = { query = "details.context" }
"#;

fn server() -> std::sync::Arc<Recorded> {
    let server = Recorded::new();
    server.prints("sip show peers", "6001 OK\n6002 LOST\n6003 OK");
    for (name, context) in [("6001", "home"), ("6002", "away"), ("6003", "home")] {
        server.prints(&format!("sip show peer {name}"), &format!("  Context : {context}"));
    }
    server
}

#[tokio::test]
async fn each_record_is_asked_for_once_and_all_together() {
    let server = server();
    let queries = queries(TOLD, &server);
    let told = json(&queries, "told").await.unwrap();
    assert!(told.starts_with(r#"[{"context":"home","upper":"ok","name":"6001","state":"OK"},"#), "{told}");
    assert!(told.contains(r#""context":"away","upper":"lost""#), "{told}");
    let mut asked = server.asked();
    assert_eq!(asked.remove(0), "sip show peers");
    asked.sort_unstable();
    assert_eq!(asked, ["sip show peer 6001", "sip show peer 6002", "sip show peer 6003"]);
    json(&queries, "told").await.unwrap();
    assert!(server.asked().iter().all(|asked| asked == "sip show peers"), "they are true for an hour");
}

#[tokio::test]
async fn an_event_about_a_record_has_that_one_asked_again() {
    let server = server();
    let queries =
        queries(&TOLD.replace("key = \"name\"\n", "key = \"name\"\nrefresh = { every = \"1h\" }\n"), &server);
    let followed = tokio::spawn(std::sync::Arc::clone(&queries).follow(Box::new(|_| false)));
    json(&queries, "told").await.unwrap();
    server.asked();
    server.prints("sip show peer 6001", "  Context : abroad");
    server.emits("PeerStatus");
    tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    let told = json(&queries, "told").await.unwrap();
    assert!(told.contains("abroad") && told.contains("away"), "{told}");
    assert_eq!(server.asked(), ["sip show peer 6001"]);
    followed.abort();
}

#[tokio::test]
async fn what_the_server_does_not_tell_of_one_is_left_out_and_the_others_stay() {
    let server = server();
    server.answers("sip show peer 6002", "Response: Error\r\nMessage: Peer 6002 not found.\r\n\r\n");
    let told = json(&queries(TOLD, &server), "told").await.unwrap();
    assert!(told.contains(r#"{"upper":"lost","name":"6002""#), "{told}");
    assert_eq!(told.matches("home").count(), 2, "{told}");
}

#[tokio::test]
async fn who_takes_samples_asks_for_one_record_alone() {
    let server = server();
    let queries = queries(TOLD, &server);
    json(&queries, "peers").await.unwrap();
    server.asked();
    let manner = Manner { samples: true, ..Manner::of_reader() };
    let reads = Reads::new(manner);
    assert!(reading(&queries, "told")(&reads).is_err());
    assert_eq!(reads.wanted().len(), 1);
    queries.settle(DEADLINE, reading(&queries, "told")).await.unwrap();
    assert_eq!(server.asked().iter().filter(|asked| asked.starts_with("sip show peer ")).count(), 3);
}
