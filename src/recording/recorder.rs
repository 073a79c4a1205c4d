//! A server whose answers are kept.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;

use super::{Recording, Told, with_action_id};
use crate::ami::{Action, Answer, AskError, Message};
use crate::query::{Asking, Server};

/// Keeps what a server tells. Each question is asked once: who asks it again gets the same answer, so
/// that all that is computed while it records is computed from what the recording holds.
pub struct Recorder {
    server: Arc<dyn Server>,
    /// Until somebody listens.
    events: Mutex<Option<broadcast::Receiver<Arc<Message>>>>,
    begin: Instant,
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    answers: HashMap<Action, Result<Answer, AskError>>,
    events: Vec<(Duration, Arc<Message>)>,
    /// Why the server could not be asked, if it could not.
    lost: Option<AskError>,
}

impl Recorder {
    /// Keeps what this server tells, from now on.
    pub fn new(server: Arc<dyn Server>) -> Recorder {
        let events = Mutex::new(Some(server.events()));
        Recorder { server, events, begin: Instant::now(), kept: Mutex::default() }
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps events too, until it is dropped or the server is gone. To be called once.
    pub async fn listen(&self) {
        let taken = self.events.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(mut events) = taken else { return };
        loop {
            match events.recv().await {
                Ok(event) => self.kept().events.push((self.begin.elapsed(), event)),
                Err(RecvError::Lagged(count)) => {
                    tracing::warn!("{count} events came too fast to be recorded");
                }
                Err(RecvError::Closed) => return,
            }
        }
    }

    /// Why the server could not be asked, if that happened: then much is missing.
    pub fn lost(&self) -> Option<AskError> {
        self.kept().lost.clone()
    }

    /// How many questions and events it has.
    pub fn count(&self) -> (usize, usize) {
        let kept = self.kept();
        (kept.answers.len(), kept.events.len())
    }

    /// What was recorded up to now.
    pub fn recording(&self) -> Recording {
        let kept = self.kept();
        let mut recording = Recording::default();
        for (action, answer) in &kept.answers {
            let told = match answer {
                Ok(answer) => Told::Answer { bytes: bytes_of(answer), action_id: None, then_closed: false },
                Err(_) => Told::Nothing,
            };
            recording.put(action.headers(), told);
        }
        recording.events =
            kept.events.iter().map(|(after, event)| (*after, without_action_id(event))).collect();
        recording
    }
}

fn bytes_of(answer: &Answer) -> Vec<u8> {
    let messages = std::iter::once(answer.message()).chain(answer.items()).chain(answer.complete());
    messages.flat_map(without_action_id).collect()
}

fn without_action_id(message: &Message) -> Vec<u8> {
    match message.action_id() {
        Some(id) => with_action_id(message.as_bytes(), Some(id), None),
        None => message.as_bytes().to_vec(),
    }
}

impl Server for Recorder {
    fn ask(&self, action: Action, deadline: Duration) -> Asking<'_> {
        Box::pin(async move {
            if let Some(known) = self.kept().answers.get(&action) {
                return known.clone();
            }
            let answer = self.server.ask(action.clone(), deadline).await;
            let mut kept = self.kept();
            match &answer {
                Ok(_) | Err(AskError::Timeout { .. } | AskError::Unanswered { .. }) => {
                    kept.answers.insert(action, answer.clone());
                }
                // that it was not recorded before is so in the new recording as well
                Err(AskError::NotRecorded { .. } | AskError::Refused(_)) => {}
                Err(error) => {
                    kept.lost.get_or_insert_with(|| error.clone());
                }
            }
            answer
        })
    }

    fn session(&self) -> Option<u64> {
        self.server.session()
    }

    fn description(&self) -> String {
        self.server.description()
    }

    fn session_changes(&self, known: Option<u64>) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        self.server.session_changes(known)
    }

    fn events(&self) -> broadcast::Receiver<Arc<Message>> {
        self.server.events()
    }
}
