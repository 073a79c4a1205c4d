use std::path::Path;
use std::sync::Arc;

use super::*;
use crate::query::QueryError;
use crate::query::recorded::{Recorded, queries};

const TREE: &str = r#"
[query.peers]
command = "sip show peers"
parse = { regex = '(?P<name>[^;]*);(?P<prefix>.*)' }
key = "name"
[each.peer]
in = "peers"
[tree]
"motd" = { text = "hello\n" }
"control/show" = { write = { command = "sip show peer {{ peers[input].prefix | default('') }}{{ input }}", match = '\w+' } }
"control/{peer}/show" = { write = { action = { Action = "SIPshowpeer", Peer = "{{ peer.name }}" } } }
"events/all" = { events = "*" }
"events/below/peers" = { events = "PeerStatus" }
"#;

async fn alive(server: &Arc<Recorded>) -> Alive {
    server.prints("sip show peers", "6001;a-\n6002;b-");
    server.prints("sip show peer a-6001", "shown");
    server.answers("SIPshowpeer 6002", "Response: Error\r\nMessage: no\r\n\r\n");
    Alive::new(Arc::new(Tree::new(queries(TREE, server)))).0
}

async fn node(alive: &Alive, path: &str) -> Node {
    alive.tree().resolve(Path::new(path)).await.unwrap()
}

#[tokio::test]
async fn the_directories_that_hold_what_is_alive_are_known() {
    let server = Recorded::new();
    let alive = alive(&server).await;
    let directories = Alive::directories(&alive.tree());
    assert_eq!(directories.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["control", "events"]);
    assert_eq!(directories[0].1, node(&alive, "control").await);
    assert!(alive.log(&node(&alive, "events/below/peers").await).is_some());
    assert!(alive.log(&node(&alive, "motd").await).is_none());
    assert!(alive.is_control(&node(&alive, "control/6001/show").await));
}

#[tokio::test]
async fn an_input_is_put_into_the_question_with_what_else_the_template_reads() {
    let server = Recorded::new();
    let alive = alive(&server).await;
    let show = node(&alive, "control/show").await;
    assert!(alive.last_answer(&show).is_none());
    alive.write(&show, b"6001\n").await.unwrap();
    assert_eq!(server.asked(), ["sip show peers", "sip show peer a-6001"], "what it reads is asked first");
    assert_eq!(alive.last_answer(&show).unwrap().text, "shown\n");
    assert_eq!(alive.place(&show), "control/show");
}

#[tokio::test]
async fn each_record_has_its_own_answer_which_a_refusal_is_too() {
    let server = Recorded::new();
    let alive = alive(&server).await;
    let (one, two) = (node(&alive, "control/6001/show").await, node(&alive, "control/6002/show").await);
    let refused = alive.write(&two, b"1").await.unwrap_err();
    assert!(matches!(refused, WriteError::Failed(TreeError::Query(QueryError::Refused { .. }))), "{refused}");
    assert_eq!(alive.last_answer(&two).unwrap().text, "Response: Error\nMessage: no\n\n");
    assert!(alive.last_answer(&one).is_none());
}

#[tokio::test]
async fn what_cannot_be_sent_is_not_and_is_not_repeated_in_the_error() {
    let server = Recorded::new();
    let alive = alive(&server).await;
    let show = node(&alive, "control/show").await;
    let motd = node(&alive, "motd").await;
    server.asked();
    for (node, input) in
        [(&show, &b"se cret\n"[..]), (&show, &[b'x'; 5000]), (&show, b"secret\n\n"), (&motd, b"secret")]
    {
        let error = alive.write(node, input).await.unwrap_err().to_string();
        assert!(!error.contains("cret") && !error.contains("xx"), "{error}");
    }
    assert_eq!(server.asked(), [""; 0]);
}

#[test]
fn one_line_end_is_taken_off() {
    for (written, input) in
        [("a\n", "a"), ("a\r\n", "a"), ("a", "a"), ("a\r", "a\r"), ("a\n\n", "a\n"), ("\n", ""), ("", "")]
    {
        assert_eq!(without_line_end(written.as_bytes()), input.as_bytes(), "{written:?}");
    }
}
