//! What events make stale, and what is asked after them.

use std::time::Duration;

use super::super::early::AFTERWARDS;
use super::super::recorded::{Recorded, model, queries, reading};
use super::super::tests::{DEADLINE, PEERS, SIPPEERS, json};
use super::super::{Bindings, Manner, Reads};
use super::*;

#[tokio::test]
async fn an_event_makes_what_it_concerns_stale_and_nothing_else() {
    let server = Recorded::new();
    server.prints("sip show peers", "6001 OK");
    let queries = queries(PEERS, &server);
    let followed = tokio::spawn(Arc::clone(&queries).follow(Box::new(|_| false)));
    json(&queries, "peers").await.unwrap();
    server.asked();
    server.emits("Newchannel");
    tokio::time::sleep(Duration::from_millis(20)).await;
    json(&queries, "peers").await.unwrap();
    assert!(server.asked().is_empty());
    server.prints("sip show peers", "6001 LOST");
    server.emits("PEERSTATUS");
    tokio::time::sleep(Duration::from_millis(20)).await;
    assert!(json(&queries, "peers").await.unwrap().contains("LOST"));
    assert_eq!(server.asked(), ["sip show peers"]);
    followed.abort();
}

#[tokio::test]
async fn an_event_while_the_question_is_in_flight_makes_its_answer_stale() {
    let server = Recorded::new();
    server.prints("sip show peers", "6001 OK");
    server.holds();
    let queries = queries(PEERS, &server);
    let waiting = tokio::spawn({
        let queries = Arc::clone(&queries);
        async move { json(&queries, "peers").await }
    });
    tokio::time::sleep(Duration::from_millis(20)).await;
    queries.invalidate(queries.model().query_names["peers"]);
    server.goes_on();
    waiting.await.unwrap().unwrap();
    json(&queries, "peers").await.unwrap();
    assert_eq!(server.asked().len(), 2);
}

const ONE: &str = r#"
[query.peers]
action = "SIPpeers"
key = "ObjectName"
refresh = { on = ["Reload", { PeerStatus = "event.Peer[4:] if event.Peer is startingwith('SIP/')" }], one = "peer" }
[query.peer]
action = { Action = "SIPshowpeer", Peer = "{{ entry.ObjectName }}" }
fields = { IPaddress = "row['Address-IP']" }
refresh = { on = { PeerStatus = "event.Peer[4:]" } }
[each.entry]
in = "peers"
[tree]
"peers/{entry}/ip" = { render = "{{ entry.IPaddress }}" }
"peers/{entry}/details" = { query = "peer" }
"#;

fn shows(server: &Recorded, name: &str, address: &str) {
    let answer = format!("Response: Success\r\nObjectName: {name}\r\nAddress-IP: {address}\r\n\r\n");
    server.answers(&format!("SIPshowpeer {name}"), &answer);
}

async fn meets(server: &Recorded, event: &str) {
    server.emits(event);
    tokio::time::sleep(Duration::from_millis(20)).await;
}

#[tokio::test]
async fn an_event_about_one_record_asks_for_that_one_and_not_for_the_list() {
    let server = Recorded::new();
    server.answers("SIPpeers", SIPPEERS);
    let queries = queries(ONE, &server);
    let followed = tokio::spawn(Arc::clone(&queries).follow(Box::new(|_| false)));
    let before = json(&queries, "peers").await.unwrap();
    assert_eq!(server.asked(), ["SIPpeers"]);

    shows(&server, "trunk", "10.0.0.9");
    meets(&server, "PeerStatus\r\nPeer: SIP/trunk").await;
    let after = json(&queries, "peers").await.unwrap();
    assert_eq!(server.asked(), ["SIPshowpeer trunk"]);
    assert_eq!(after, before.replace("-none-", "10.0.0.9"), "its own fields are new, nothing else changed");
    json(&queries, "peers").await.unwrap();
    assert!(server.asked().is_empty());

    shows(&server, "6001", "10.0.0.1");
    meets(&server, "PeerStatus\r\nPeer: SIP/6001").await;
    let both = json(&queries, "peers").await.unwrap();
    assert_eq!(server.asked(), ["SIPshowpeer 6001"], "what was asked for anew before is not asked again");
    assert!(both.contains("10.0.0.9") && both.contains("10.0.0.1"), "{both}");

    meets(&server, "PeerStatus\r\nPeer: IAX2/6001").await;
    json(&queries, "peers").await.unwrap();
    assert!(server.asked().is_empty(), "an event about something else concerns nobody here");
    followed.abort();
}

#[tokio::test]
async fn a_list_that_says_again_what_it_said_first_takes_back_what_a_record_said_since() {
    let server = Recorded::new();
    server.answers("SIPpeers", SIPPEERS);
    let queries = queries(ONE, &server);
    let followed = tokio::spawn(Arc::clone(&queries).follow(Box::new(|_| false)));
    let before = json(&queries, "peers").await.unwrap();
    shows(&server, "trunk", "10.0.0.9");
    meets(&server, "PeerStatus\r\nPeer: SIP/trunk").await;
    assert!(json(&queries, "peers").await.unwrap().contains("10.0.0.9"));
    meets(&server, "Reload").await;
    assert_eq!(json(&queries, "peers").await.unwrap(), before);
    followed.abort();
}

#[tokio::test]
async fn an_event_about_a_record_that_the_list_does_not_know_asks_for_the_list() {
    let server = Recorded::new();
    server.answers("SIPpeers", SIPPEERS);
    let queries = queries(ONE, &server);
    let followed = tokio::spawn(Arc::clone(&queries).follow(Box::new(|_| false)));
    json(&queries, "peers").await.unwrap();
    server.asked();
    server.answers("SIPpeers", &SIPPEERS.replace("trunk", "newcomer"));
    meets(&server, "PeerStatus\r\nPeer: SIP/newcomer").await;
    assert!(json(&queries, "peers").await.unwrap().contains("newcomer"));
    assert_eq!(server.asked(), ["SIPpeers"]);
    // one that has gone: its own question fails, and the list tells why
    server.answers("SIPshowpeer 6001", "Response: Error\r\nMessage: Peer 6001 not found.\r\n\r\n");
    server.answers("SIPpeers", &SIPPEERS.replace("6001", "6002"));
    meets(&server, "PeerStatus\r\nPeer: SIP/6001").await;
    let peers = json(&queries, "peers").await.unwrap();
    assert!(peers.contains("6002") && !peers.contains("6001"), "{peers}");
    assert_eq!(server.asked(), ["SIPshowpeer 6001", "SIPpeers"]);
    followed.abort();
}

#[tokio::test]
async fn what_the_server_tells_before_it_is_so_is_asked_again_afterwards() {
    let server = Recorded::new();
    server.answers("SIPpeers", SIPPEERS);
    shows(&server, "6001", "10.0.0.1");
    let queries = queries(ONE, &server);
    let followed = tokio::spawn(Arc::clone(&queries).follow(Box::new(|_| false)));
    json(&queries, "peers").await.unwrap();
    meets(&server, "PeerStatus\r\nPeer: SIP/6001\r\nPeerStatus: Unregistered\r\nCause: Expired").await;
    assert!(json(&queries, "peers").await.unwrap().contains("10.0.0.1"), "the server says so still");
    shows(&server, "6001", "-none-");
    let gone = async {
        while json(&queries, "peers").await.unwrap().contains("10.0.0.1") {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(DEADLINE, gone).await.expect("asked again without another event");
    server.asked();
    meets(&server, "PeerStatus\r\nPeer: SIP/6001\r\nPeerStatus: Registered").await;
    json(&queries, "peers").await.unwrap();
    tokio::time::sleep(2 * AFTERWARDS[1]).await;
    json(&queries, "peers").await.unwrap();
    assert_eq!(server.asked(), ["SIPshowpeer 6001"], "what is told when it is so is asked once");
    followed.abort();
}

#[tokio::test]
async fn what_one_model_left_unread_or_had_to_look_at_again_the_next_one_does() {
    let server = Recorded::new();
    server.answers("SIPpeers", SIPPEERS);
    shows(&server, "6001", "10.0.0.1");
    let mut queries = queries(ONE, &server);
    let mut followed = tokio::spawn(Arc::clone(&queries).follow(Box::new(|_| false)));
    json(&queries, "peers").await.unwrap();
    for (event, address) in [("Registered", "10.0.0.2"), ("Unregistered", "-none-")] {
        server.emits(&format!("PeerStatus\r\nPeer: SIP/6001\r\nPeerStatus: {event}"));
        if event == "Unregistered" {
            // it is looked at now, and the server has not come to it
            tokio::time::sleep(Duration::from_millis(20)).await;
            json(&queries, "peers").await.unwrap();
        }
        queries = queries.succeeded_by(model(ONE).succeed(queries.model()), &[]);
        let following = tokio::spawn(Arc::clone(&queries).follow(Box::new(|_| false)));
        std::mem::replace(&mut followed, following).abort();
        shows(&server, "6001", address);
        let told = async {
            while !json(&queries, "peers").await.unwrap().contains(address) {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        tokio::time::timeout(DEADLINE, told).await.expect(event);
    }
    followed.abort();
}

#[tokio::test]
async fn an_event_about_one_record_leaves_the_details_of_others_alone() {
    let server = Recorded::new();
    server.answers("SIPpeers", SIPPEERS);
    shows(&server, "6001", "127.0.0.1");
    shows(&server, "trunk", "-none-");
    let queries = queries(ONE, &server);
    let followed = tokio::spawn(Arc::clone(&queries).follow(Box::new(|_| false)));
    let id = queries.model().query_names["peer"];
    let all = async || {
        let compute = |reads: &Reads| {
            let variable = &queries.model().variables[0];
            let records = queries.records(variable, &Bindings::none(), reads)?;
            let bound = records.into_iter().map(|one| Bindings::none().with(one.binding(variable)));
            bound.map(|bindings| queries.read(id, &bindings, reads)).collect::<Result<Vec<_>, _>>()
        };
        queries.settle(DEADLINE, compute).await.unwrap()
    };
    let (_, reads) = all().await;
    assert_eq!(server.asked(), ["SIPpeers", "SIPshowpeer 6001", "SIPshowpeer trunk"]);
    meets(&server, "PeerStatus\r\nPeer: SIP/trunk").await;
    assert!(!queries.still_true(&reads.used(), Manner::of_reader()));
    all().await;
    assert_eq!(server.asked(), ["SIPshowpeer trunk"]);
    followed.abort();
}

#[tokio::test]
async fn what_is_computed_from_a_list_that_an_event_overtook_is_not_kept() {
    let server = Recorded::new();
    server.answers("SIPpeers", SIPPEERS);
    shows(&server, "trunk", "10.0.0.9");
    server.holds();
    let queries = queries(ONE, &server);
    let followed = tokio::spawn(Arc::clone(&queries).follow(Box::new(|_| false)));
    let reading_now = tokio::spawn({
        let queries = Arc::clone(&queries);
        async move { queries.settle(DEADLINE, reading(&queries, "peers")).await.unwrap().1 }
    });
    tokio::time::sleep(Duration::from_millis(20)).await;
    meets(&server, "PeerStatus\r\nPeer: SIP/trunk").await;
    server.goes_on();
    let reads = reading_now.await.unwrap();
    assert!(!queries.still_true(&reads.used(), Manner::of_reader()));
    assert!(json(&queries, "peers").await.unwrap().contains("10.0.0.9"));
    assert_eq!(server.asked(), ["SIPpeers", "SIPshowpeer trunk"]);
    followed.abort();
}

#[tokio::test]
async fn a_storm_of_events_about_many_records_becomes_one_question() {
    let server = Recorded::new();
    let entry = |number| format!("Event: PeerEntry\r\nObjectName: {number}\r\nIPaddress: -none-\r\n\r\n");
    let entries: String = (0..1100).map(entry).collect();
    server.answers(
        "SIPpeers",
        &format!(
            "Response: Success\r\nEventList: start\r\n\r\n{entries}Event: Done\r\nEventList: Complete\r\n\r\n"
        ),
    );
    let queries = queries(ONE, &server);
    json(&queries, "peers").await.unwrap();
    server.asked();
    let id = queries.model().query_names["peers"];
    (0..1100).for_each(|number| queries.invalidate_record(id, &number.to_string()));
    json(&queries, "peers").await.unwrap();
    assert_eq!(server.asked(), ["SIPpeers"]);
}

const FINDS: &str = r#"
[query.users]
command = "sip show users"
parse = { regex = '(?P<name>\S+)' }
key = "name"
refresh = { finds = { PeerStatus = "event.Peer" } }
[tree]
"x" = { query = "users" }
"#;

#[tokio::test]
async fn an_event_about_a_record_that_a_list_only_has_to_find_asks_for_the_list_once() {
    let server = Recorded::new();
    server.prints("sip show users", "6001");
    let queries = queries(FINDS, &server);
    let followed = tokio::spawn(Arc::clone(&queries).follow(Box::new(|_| false)));
    json(&queries, "users").await.unwrap();
    server.asked();
    meets(&server, "PeerStatus\r\nPeer: 6001").await;
    json(&queries, "users").await.unwrap();
    assert!(server.asked().is_empty(), "it is known");
    server.prints("sip show users", "6001\n6002");
    meets(&server, "PeerStatus\r\nPeer: 6002").await;
    assert!(json(&queries, "users").await.unwrap().contains("6002"));
    assert_eq!(server.asked(), ["sip show users"]);
    for _ in 0..3 {
        meets(&server, "PeerStatus\r\nPeer: trunk").await;
        json(&queries, "users").await.unwrap();
    }
    assert_eq!(server.asked(), ["sip show users"], "what is not there is not sought again at once");
    followed.abort();
}
