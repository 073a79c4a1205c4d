use std::sync::Arc;
use std::time::{Duration, Instant};

use super::recorded::{Recorded, queries, reading};
use super::{Bindings, FailureKind, Manner, Queries, QueryError, Reads, Snapshot};

pub(super) const DEADLINE: Duration = Duration::from_secs(5);

pub(super) async fn json(queries: &Arc<Queries>, name: &str) -> Result<String, QueryError> {
    let (snapshot, _) = queries.settle(DEADLINE, reading(queries, name)).await?;
    Ok(serde_json::to_string(&snapshot.value).unwrap())
}

pub(super) const PEERS: &str = r#"
[query.peers]
command = "sip show peers"
parse = { regex = '(?P<name>\w+) (?P<state>\w+)' }
key = "name"
refresh = { on = "PeerStatus" }
[tree]
"x" = { query = "peers" }
"#;

#[tokio::test]
async fn a_question_is_asked_once_however_many_wait() {
    let server = Recorded::new();
    server.prints("sip show peers", "6001 OK");
    server.holds();
    let queries = queries(PEERS, &server);
    let waiting: Vec<_> = (0..20)
        .map(|_| {
            let queries = Arc::clone(&queries);
            tokio::spawn(async move { json(&queries, "peers").await })
        })
        .collect();
    tokio::time::sleep(Duration::from_millis(50)).await;
    server.goes_on();
    for task in waiting {
        assert_eq!(task.await.unwrap().unwrap(), r#"[{"name":"6001","state":"OK"}]"#);
    }
    assert_eq!(server.asked(), ["sip show peers"]);
    json(&queries, "peers").await.unwrap();
    assert!(server.asked().is_empty(), "a result without a reason to be stale is not asked again");
}

#[tokio::test]
async fn after_a_reconnect_everything_is_asked_again() {
    let server = Recorded::new();
    server.prints("sip show peers", "6001 OK");
    let queries = queries(PEERS, &server);
    json(&queries, "peers").await.unwrap();
    server.reconnects();
    json(&queries, "peers").await.unwrap();
    assert_eq!(server.asked().len(), 2);
}

#[tokio::test]
async fn an_answer_that_says_the_same_changes_nothing_for_who_read_it() {
    let server = Recorded::new();
    server.prints("sip show peers", "6001 OK");
    let queries = queries(PEERS, &server);
    let (_, reads) = queries.settle(DEADLINE, reading(&queries, "peers")).await.unwrap();
    let used = reads.used();
    server.reconnects();
    assert!(!queries.still_true(&used, Manner::of_reader()), "nobody knows before it is asked");
    json(&queries, "peers").await.unwrap();
    assert!(queries.still_true(&used, Manner::of_reader()));
    server.prints("sip show peers", "6001 LOST");
    server.reconnects();
    json(&queries, "peers").await.unwrap();
    assert!(!queries.still_true(&used, Manner::of_reader()));
}

#[tokio::test]
async fn a_failure_is_told_to_all_and_not_asked_for_again_at_once() {
    let server = Recorded::new();
    server.answers("sip show peers", "Response: Error\r\nMessage: Out of order\r\n\r\n");
    let queries = queries(PEERS, &server);
    for _ in 0..10 {
        let error = json(&queries, "peers").await.unwrap_err();
        assert_eq!(error.kind(), FailureKind::Failed);
        assert_eq!(error.to_string(), "query `peers`: the server refused: Out of order");
    }
    assert_eq!(server.asked().len(), 1);
}

#[tokio::test]
async fn a_server_that_does_not_answer_costs_the_timeout_and_no_more() {
    let server = Recorded::new();
    server.holds();
    let queries = queries(&PEERS.replace("refresh", "timeout = \"100ms\"\nrefresh"), &server);
    let started = Instant::now();
    let error = json(&queries, "peers").await.unwrap_err();
    assert_eq!(error.kind(), FailureKind::TimedOut);
    assert!(started.elapsed() < DEADLINE, "{:?}", started.elapsed());
}

const ANY: &str = r#"
[query.peers]
any = ["from_data", "from_action"]
[query.from_data]
data = "/asterisk/channel/sip/peers"
key = "name"
[query.from_action]
action = "SIPpeers"
key = "name"
fields = { name = "row.ObjectName", online = "row.IPaddress != '-none-'", type = "'friend' if users[row.ObjectName] is defined else 'peer'" }
[query.users]
command = "sip show users"
parse = { regex = '(?P<name>\S+)' }
key = "name"
[tree]
"x" = { query = "peers" }
"#;

pub(super) const SIPPEERS: &str = "Response: Success\r\nEventList: start\r\n\r\n\
    Event: PeerEntry\r\nObjectName: 6001\r\nIPaddress: 127.0.0.1\r\n\r\n\
    Event: PeerEntry\r\nObjectName: trunk\r\nIPaddress: -none-\r\n\r\n\
    Event: PeerlistComplete\r\nEventList: Complete\r\nListItems: 2\r\n\r\n";

#[tokio::test]
async fn any_takes_the_first_that_the_server_can_answer_and_remembers() {
    let server = Recorded::new();
    server.answers("SIPpeers", SIPPEERS);
    server.prints("sip show users", "6001");
    let queries = queries(ANY, &server);
    let peers = json(&queries, "peers").await.unwrap();
    assert!(
        peers.starts_with(r#"[{"name":"6001","online":true,"type":"friend","Event":"PeerEntry""#),
        "{peers}"
    );
    assert!(peers.contains(r#"{"name":"trunk","online":false,"type":"peer""#), "{peers}");
    let asked = server.asked();
    assert_eq!(asked.iter().filter(|question| question.starts_with("data get")).count(), 1);
    queries.invalidate(queries.model().query_names["from_data"]);
    json(&queries, "peers").await.unwrap();
    let again = server.asked();
    assert!(again.len() <= 1, "what a server cannot answer is not asked twice without an event: {again:?}");
}

const NEEDS: &str = r#"
[query.rows]
command = "realtime load sippeers 1 1"
parse = { regex = '(?P<name>.+)' }
key = "name"
[query.load]
command = "sip show peer {{ stored.name }} load"
refresh = { every = "1h" }
[query.peers]
command = "sip show peers"
parse = "lines"
needs = ["load"]
refresh = { on = "PeerStatus" }
[query.peer]
action = { Action = "SIPshowpeer", Peer = "{{ stored.name }}" }
[each.rows_of_database]
in = "rows"
as = "stored"
[tree]
"{rows_of_database}" = { query = "peer" }
"x" = { query = "peers" }
"#;

#[tokio::test]
async fn needed_queries_run_first_once_for_each_record_and_with_quoted_arguments() {
    let server = Recorded::new();
    server.prints("realtime load sippeers 1 1", "zhecka\nwith space\nq\"uote\\");
    server.prints("sip show peers", "zhecka");
    let queries = queries(NEEDS, &server);
    assert_eq!(json(&queries, "peers").await.unwrap(), r#"["zhecka"]"#);
    let mut asked = server.asked();
    assert_eq!(asked.remove(0), "realtime load sippeers 1 1");
    assert_eq!(asked.pop().unwrap(), "sip show peers", "the question that needs them comes last");
    asked.sort();
    assert_eq!(
        asked,
        [
            r#"sip show peer "q\"uote\\" load"#,
            r#"sip show peer "with space" load"#,
            "sip show peer zhecka load"
        ]
    );
    queries.invalidate(queries.model().query_names["peers"]);
    json(&queries, "peers").await.unwrap();
    assert_eq!(server.asked(), ["sip show peers"], "what is needed and still good is not run again");
}

#[tokio::test]
async fn a_query_of_a_record_asks_for_that_record() {
    let server = Recorded::new();
    server.prints("realtime load sippeers 1 1", "a\nb");
    for name in ["a", "b"] {
        let answer =
            format!("Response: Success\r\nActionID: 1\r\nObjectName: {name}\r\nCodecs: (ulaw)\r\n\r\n");
        server.answers(&format!("SIPshowpeer {name}"), &answer);
    }
    let queries = queries(NEEDS, &server);
    let id = queries.model().query_names["peer"];
    for (index, name) in ["a", "b"].into_iter().enumerate() {
        let compute = |reads: &Reads| {
            let variable = &queries.model().variables[0];
            let record = queries.records(variable, &Bindings::none(), reads)?.remove(index);
            queries.read(id, &Bindings::none().with(record.binding(variable)), reads)
        };
        let (snapshot, _) = queries.settle(DEADLINE, compute).await.unwrap();
        let json = serde_json::to_string(&snapshot.value).unwrap();
        assert_eq!(json, format!(r#"{{"ObjectName":"{name}","Codecs":"(ulaw)"}}"#));
    }
    assert_eq!(server.asked(), ["realtime load sippeers 1 1", "SIPshowpeer a", "SIPshowpeer b"]);
}

#[tokio::test]
async fn without_a_server_a_query_says_how_to_name_one() {
    let model = super::recorded::model(PEERS);
    let queries = Queries::new(Arc::new(model), None);
    let error = json(&queries, "peers").await.unwrap_err();
    assert!(error.to_string().contains("give --server"), "{error}");
}

#[tokio::test]
async fn thirteen_says_in_words_that_it_does_not_know_a_command() {
    let server = Recorded::new();
    server.prints(
        "sip show peers",
        "No such command 'sip show peers' (type 'core show help' for other commands)",
    );
    let queries = queries(PEERS, &server);
    assert_eq!(json(&queries, "peers").await.unwrap_err().kind(), FailureKind::Unsupported);
}

const COMPUTED: &str = r#"
[query.rows]
command = "sip show peers"
parse = { regex = '(?P<name>\S+) (?P<state>\S+)' }
key = "name"
[query.computed]
value = "stored"
fields = { line = "row.name ~ ' is ' ~ row.state" }
[each.stored]
in = "rows"
[tree]
"{stored}" = { query = "computed" }
"#;

#[tokio::test]
async fn what_is_computed_from_a_record_is_its_own_and_follows_it() {
    let server = Recorded::new();
    let queries = queries(COMPUTED, &server);
    let id = queries.model().query_names["computed"];
    let lines = async || {
        let compute = |reads: &Reads| {
            let variable = &queries.model().variables[0];
            let records = queries.records(variable, &Bindings::none(), reads)?;
            let bound = records.into_iter().map(|one| Bindings::none().with(one.binding(variable)));
            bound.map(|bindings| queries.read(id, &bindings, reads)).collect::<Result<Vec<_>, _>>()
        };
        let (computed, _) = queries.settle(DEADLINE, compute).await.unwrap();
        computed
    };
    let text = |computed: &[Arc<Snapshot>]| -> Vec<String> {
        let line = |one: &Arc<Snapshot>| one.value.get("line").unwrap().as_str().unwrap().to_owned();
        computed.iter().map(line).collect()
    };
    server.prints("sip show peers", "6001 OK\n6002 OK");
    let first = lines().await;
    assert_eq!(text(&first), ["6001 is OK", "6002 is OK"]);
    let again = lines().await;
    assert!(first.iter().zip(&again).all(|(one, two)| Arc::ptr_eq(one, two)), "computed once");
    server.prints("sip show peers", "6001 LOST\n6002 OK");
    server.reconnects();
    assert_eq!(text(&lines().await), ["6001 is LOST", "6002 is OK"]);
}

#[tokio::test]
async fn while_the_server_is_away_the_last_good_result_is_given_and_asked_for_again_afterwards() {
    let server = Recorded::new();
    server.prints("sip show peers", "6001 OK");
    let text = PEERS.replace("refresh", "max_stale = \"200ms\"\nrefresh");
    let queries = queries(&text, &server);
    let known = json(&queries, "peers").await.unwrap();
    server.disconnects();
    assert_eq!(json(&queries, "peers").await.unwrap(), known);
    assert_eq!(queries.standing_of(queries.model().query_names["peers"]).word(), "stale");
    server.prints("sip show peers", "6001 LOST");
    server.reconnects();
    assert!(json(&queries, "peers").await.unwrap().contains("LOST"), "nothing from before is called fresh");
}
