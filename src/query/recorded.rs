//! A server for tests: answers from a table, counts what it is asked, and can be held up.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::{Semaphore, broadcast, watch};

use super::server::{Asking, Server};
use super::{Queries, Reads, Snapshot, Unready};
use crate::ami::{Action, Answer, AskError, Message};
use crate::language::{LoadOptions, Model, load};

pub struct Recorded {
    answers: Mutex<HashMap<String, Vec<u8>>>,
    asked: Mutex<Vec<String>>,
    session: watch::Sender<Option<u64>>,
    events: broadcast::Sender<Arc<Message>>,
    gate: Semaphore,
}

const OPEN: usize = 1_000_000;
/// The session after a lost connection is a later one than any before.
const LAST: u64 = 1_000;

impl Recorded {
    pub fn new() -> Arc<Recorded> {
        Arc::new(Recorded {
            answers: Mutex::default(),
            asked: Mutex::default(),
            session: watch::Sender::new(Some(1)),
            events: broadcast::Sender::new(16),
            gate: Semaphore::new(OPEN),
        })
    }

    /// What a command prints from now on.
    pub fn prints(&self, command: &str, output: &str) {
        let mut answer = "Response: Success\r\nMessage: Command output follows\r\n".to_owned();
        output.lines().for_each(|line| answer.push_str(&format!("Output: {line}\r\n")));
        self.answers(command, &(answer + "\r\n"));
    }

    /// What an action, or a command, answers from now on.
    pub fn answers(&self, question: &str, answer: &str) {
        self.answers.lock().unwrap().insert(question.to_owned(), answer.as_bytes().to_vec());
    }

    /// What was asked since the last call: commands, and actions with the values of their headers.
    pub fn asked(&self) -> Vec<String> {
        std::mem::take(&mut *self.asked.lock().unwrap())
    }

    /// A new session, as after a reconnect.
    pub fn reconnects(&self) {
        self.session.send_modify(|session| *session = Some(session.unwrap_or(LAST) + 1));
    }

    /// The connection is lost until [`Recorded::reconnects`].
    pub fn disconnects(&self) {
        self.session.send_replace(None);
    }

    /// An event of that name.
    pub fn emits(&self, event: &str) {
        let message = Message::read(format!("Event: {event}\r\n\r\n").as_bytes()).unwrap();
        self.events.send(Arc::new(message)).unwrap();
    }

    /// Answers nothing until it is let go on.
    pub fn holds(&self) {
        self.gate.forget_permits(OPEN);
    }

    pub fn goes_on(&self) {
        self.gate.add_permits(OPEN);
    }
}

impl Server for Recorded {
    fn ask(&self, action: Action, deadline: Duration) -> Asking<'_> {
        let header = |name| action.get(name).map(|value| String::from_utf8_lossy(value).into_owned());
        let mut question =
            header("Command").unwrap_or_else(|| String::from_utf8_lossy(action.name()).into_owned());
        if let Some(peer) = header("Peer") {
            question = format!("{question} {peer}");
        }
        self.asked.lock().unwrap().push(question.clone());
        Box::pin(async move {
            let held = tokio::time::timeout(deadline, self.gate.acquire()).await;
            if held.is_err() {
                return Err(AskError::Timeout { action: question, after: deadline });
            }
            let answer = self.answers.lock().unwrap().get(&question).cloned();
            let unknown = b"Response: Error\r\nMessage: Invalid/unknown command: x\r\n\r\n".to_vec();
            Ok(Answer::read(&answer.unwrap_or(unknown)).unwrap())
        })
    }

    fn session(&self) -> Option<u64> {
        *self.session.borrow()
    }

    fn description(&self) -> String {
        "recorded answers".to_owned()
    }

    fn session_changes(&self, known: Option<u64>) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(async move {
            let _ = self.session.subscribe().wait_for(|session| *session != known).await;
        })
    }

    fn events(&self) -> broadcast::Receiver<Arc<Message>> {
        self.events.subscribe()
    }
}

/// The model of a tree file's text; its mistakes fail the test.
pub fn model(text: &str) -> Model {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tree.toml");
    std::fs::write(&path, text).unwrap();
    let (model, report) = load(&path, &LoadOptions::default()).unwrap();
    model.unwrap_or_else(|| panic!("{}", report.render(false)))
}

/// The queries of a tree file's text on a server.
pub fn queries(text: &str, server: &Arc<Recorded>) -> Arc<Queries> {
    Queries::new(Arc::new(model(text)), Some(Arc::clone(server) as Arc<dyn Server>))
}

/// A computation that reads one query that is not asked per record.
pub fn reading<'a>(
    queries: &'a Arc<Queries>,
    name: &str,
) -> impl Fn(&Reads) -> Result<Arc<Snapshot>, Unready> + use<'a> {
    let id = queries.model().query_names[name];
    move |reads| queries.read(id, &super::Bindings::none(), reads)
}
