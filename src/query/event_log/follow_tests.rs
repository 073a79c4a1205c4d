use std::sync::Arc;
use std::time::Duration;

use super::*;
use crate::query::recorded::{Recorded, queries};

const TREE: &str = r#"
[tree]
"events/all"  = { events = "*" }
"events/peer" = { events = { names = "peerStatus", where = "event.Peer == 'SIP/6001'" } }
"motd"        = { text = "hello" }
"#;

fn lines(log: &EventLog) -> Vec<serde_json::Value> {
    let text = log.current().read(0, usize::MAX);
    let lines = text.split(|&byte| byte == b'\n').filter(|line| !line.is_empty());
    lines.map(|line| serde_json::from_slice(line).unwrap()).collect()
}

async fn until(mut condition: impl FnMut() -> bool) {
    let waiting = async {
        while !condition() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), waiting).await.expect("it happens");
}

fn log_at(logs: &EventLogs, entry: usize) -> Option<&Arc<EventLog>> {
    logs.get(&crate::query::recorded::model(TREE).entries[entry].path, ServerId(0))
}

#[tokio::test]
async fn each_log_has_the_events_that_it_names_from_the_beginning() {
    let server = Recorded::new();
    let (logs, following) = EventLogs::new(&queries(TREE, &server));
    server.emits("PeerStatus\r\nPeer: SIP/6001");
    tokio::spawn(following);
    server.emits("PeerStatus\r\nPeer: SIP/6002");
    server.emits("Reload\r\nModule: All");
    let (all, peer) = (log_at(&logs, 0).unwrap(), log_at(&logs, 1).unwrap());
    assert!(log_at(&logs, 2).is_none());
    until(|| lines(all).len() == 3).await;
    assert_eq!(lines(all)[2]["Module"], "All");
    let peer = lines(peer);
    assert_eq!((peer.len(), &peer[0]["Peer"]), (1, &"SIP/6001".into()));
}

#[tokio::test]
async fn a_new_connection_and_events_that_came_too_fast_are_told_in_the_log() {
    let server = Recorded::new();
    let (logs, following) = EventLogs::new(&queries(TREE, &server));
    let log = Arc::clone(log_at(&logs, 0).unwrap());
    let gap = |what: &str| lines(&log).iter().find(|line| line["astfs"] == what).cloned();
    for _ in 0..20 {
        server.emits("Reload");
    }
    tokio::spawn(following);
    until(|| gap("lost").is_some()).await;
    assert_eq!(gap("lost").unwrap()["count"], 4);
    assert_eq!(lines(&log).len(), 17);
    assert!(gap("reconnected").is_none(), "the first connection is none after another");
    server.reconnects();
    server.emits("FullyBooted");
    until(|| lines(&log).len() == 19).await;
    assert_eq!(lines(&log)[17]["astfs"], "reconnected");
    assert_eq!(lines(&log)[18]["Event"], "FullyBooted");
}
