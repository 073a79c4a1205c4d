//! What is asked beside the server is asked as a server is: once for all who wait, again when it is stale.

use std::collections::HashMap;
use std::sync::Mutex;

use tokio::sync::broadcast;

use super::super::recorded::{Recorded, model};
use super::super::server::Server;
use super::super::tests::json;
use super::*;
use crate::origin::{Change, Origins, Reading};

/// Files from a table.
struct Files {
    texts: Mutex<HashMap<String, String>>,
    asked: Mutex<Vec<String>>,
    changes: broadcast::Sender<Change>,
    watched: bool,
}

impl Files {
    fn new(watched: bool) -> Arc<Files> {
        let (texts, asked) = Default::default();
        Arc::new(Files { texts, asked, changes: broadcast::Sender::new(16), watched })
    }

    fn holds(&self, path: &str, text: &str) {
        self.texts.lock().unwrap().insert(path.to_owned(), text.to_owned());
    }

    fn asked(&self) -> Vec<String> {
        std::mem::take(&mut *self.asked.lock().unwrap())
    }
}

impl Origins for Files {
    fn ask<'a>(&'a self, request: &'a Request, deadline: Duration) -> Reading<'a> {
        Box::pin(async move {
            let label = request.label();
            self.asked.lock().unwrap().push(label.clone());
            tokio::task::yield_now().await;
            match self.texts.lock().unwrap().get(&label) {
                Some(text) => Ok(Content { bytes: text.clone().into(), watched: self.watched }),
                None => Err(OriginError::Timeout { what: label, after: deadline }),
            }
        })
    }

    fn changes(&self) -> broadcast::Receiver<Change> {
        self.changes.subscribe()
    }
}

const TREE: &str = r#"
[defaults]
ttl       = "1ms"
max_stale = "200ms"
[query.notes]
file  = "/notes"
parse = "lines"
[query.again]
file  = "/again"
refresh = { on = ["PeerStatus"] }
[query.either]
any = ["again", "notes"]
[tree]
"notes" = { query = "either" }
"#;

fn queries(files: &Arc<Files>, server: Option<&Arc<Recorded>>) -> Arc<Queries> {
    let servers = server.map(|server| Arc::clone(server) as Arc<dyn Server>).into_iter().collect();
    Queries::with_origins(Arc::new(model(TREE)), servers, Arc::clone(files) as Arc<dyn Origins>)
}

#[tokio::test]
async fn a_question_in_flight_is_joined_and_its_answer_lives_for_its_ttl() {
    let files = Files::new(false);
    files.holds("/notes", "a\nb\n");
    let queries = queries(&files, None);
    let (one, two) = tokio::join!(json(&queries, "notes"), json(&queries, "notes"));
    assert_eq!((one.unwrap(), two.unwrap()), (r#"["a","b"]"#.to_owned(), r#"["a","b"]"#.to_owned()));
    assert_eq!(files.asked(), ["/notes"]);
    tokio::time::sleep(Duration::from_millis(20)).await;
    files.holds("/notes", "c\n");
    assert_eq!(json(&queries, "notes").await.unwrap(), r#"["c"]"#);
}

#[tokio::test]
async fn what_is_watched_is_asked_again_when_it_has_changed_and_not_before() {
    let files = Files::new(true);
    files.holds("/notes", "a\n");
    let queries = queries(&files, None);
    let followed = tokio::spawn(Arc::clone(&queries).follow(Box::new(|_| false)));
    json(&queries, "notes").await.unwrap();
    tokio::time::sleep(Duration::from_millis(20)).await;
    json(&queries, "notes").await.unwrap();
    assert_eq!(files.asked(), ["/notes"]);
    files.holds("/notes", "b\n");
    files.changes.send(Change::File(std::path::Path::new("/notes").into())).unwrap();
    tokio::time::sleep(Duration::from_millis(20)).await;
    assert_eq!(json(&queries, "notes").await.unwrap(), r#"["b"]"#);
    files.holds("/notes", "c\n");
    files.changes.send(Change::Any).unwrap();
    tokio::time::sleep(Duration::from_millis(20)).await;
    assert_eq!(json(&queries, "notes").await.unwrap(), r#"["c"]"#);
    assert_eq!(files.asked().len(), 2);
    followed.abort();
}

#[tokio::test]
async fn an_event_of_the_server_makes_it_stale_and_a_lost_connection_does_not() {
    let (files, server) = (Files::new(false), Recorded::new());
    files.holds("/again", "one");
    let queries = queries(&files, Some(&server));
    let followed = tokio::spawn(Arc::clone(&queries).follow(Box::new(|_| false)));
    json(&queries, "again").await.unwrap();
    server.disconnects();
    tokio::time::sleep(Duration::from_millis(20)).await;
    assert_eq!(json(&queries, "again").await.unwrap(), r#""one""#);
    assert_eq!(queries.standing_of(queries.model().query_names["again"]).word(), "fresh");
    server.reconnects();
    tokio::time::sleep(Duration::from_millis(20)).await;
    assert_eq!(json(&queries, "again").await.unwrap(), r#""one""#);
    assert_eq!(files.asked(), ["/again"]);
    files.holds("/again", "two");
    server.emits("PeerStatus");
    tokio::time::sleep(Duration::from_millis(20)).await;
    assert_eq!(json(&queries, "again").await.unwrap(), r#""two""#);
    assert!(server.asked().is_empty());
    followed.abort();
}

#[tokio::test]
async fn while_it_cannot_be_had_the_last_good_content_is_given_for_a_while() {
    let files = Files::new(false);
    files.holds("/notes", "a\n");
    let queries = queries(&files, None);
    json(&queries, "notes").await.unwrap();
    files.texts.lock().unwrap().clear();
    tokio::time::sleep(Duration::from_millis(20)).await;
    assert_eq!(json(&queries, "notes").await.unwrap(), r#"["a"]"#);
    assert_eq!(queries.standing_of(queries.model().query_names["notes"]).word(), "failed");
    tokio::time::sleep(Duration::from_millis(1300)).await;
    assert!(json(&queries, "notes").await.is_err());
}

#[tokio::test]
async fn what_is_not_there_is_passed_over_and_found_when_it_has_come() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).display().to_string();
    std::fs::write(at("notes"), "notes\n").unwrap();
    let tree = TREE.replace("\"/notes\"", &format!("{:?}", at("notes")));
    let tree = tree.replace("\"/again\"", &format!("{:?}", at("again")));
    let queries = Queries::new(Arc::new(model(&tree)), None);
    assert_eq!(json(&queries, "either").await.unwrap(), r#"["notes"]"#);
    let error = json(&queries, "again").await.unwrap_err();
    assert_eq!(error.kind(), super::super::FailureKind::Missing, "{error}");
    std::fs::write(at("again"), "here").unwrap();
    tokio::time::sleep(super::super::cell::FAILURE_LIVES).await;
    assert_eq!(json(&queries, "either").await.unwrap(), r#""here""#);
}
