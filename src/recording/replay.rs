//! A recording in the place of a server.

use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::broadcast;
use tokio::time::Instant;

use super::{Recording, Told, with_action_id};
use crate::ami::{Action, Answer, AskError, Message};
use crate::query::{Asking, Server};

/// How many events are kept for a receiver that lags.
const EVENTS: usize = 16_384;

/// So long after somebody first listens, recorded events begin: a mount has more than one who listens.
const BEFORE_EVENTS: Duration = Duration::from_secs(1);

/// The ActionID that recorded answers get: theirs was the business of another connection.
const ACTION_ID: &[u8] = b"recorded";

/// A server that answers from a recording, by the same way from bytes to messages as a live one, and
/// knows nothing else. There is no connection, so it is never lost.
pub struct Replay {
    name: String,
    recording: Mutex<Arc<Recording>>,
    events: broadcast::Sender<Arc<Message>>,
    /// Whether the recorded events are to come by themselves, and have not begun to.
    plays: AtomicBool,
}

impl Replay {
    /// A server called `name` in its errors: the recording's file. Its events come at their recorded
    /// distances, from a second after somebody first listens to them.
    pub fn new(name: impl Into<String>, recording: Recording) -> Replay {
        let replay = Replay::without_events(name, recording);
        replay.plays.store(true, Ordering::Relaxed);
        replay
    }

    /// The same, with only those events that are [sent](Replay::send).
    pub fn without_events(name: impl Into<String>, recording: Recording) -> Replay {
        Replay {
            name: name.into(),
            recording: Mutex::new(Arc::new(recording)),
            events: broadcast::Sender::new(EVENTS),
            plays: AtomicBool::new(false),
        }
    }

    /// What it is called in errors.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn present(&self) -> MutexGuard<'_, Arc<Recording>> {
        self.recording.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Answers from another recording from now on.
    pub fn change(&self, recording: Recording) {
        *self.present() = Arc::new(recording);
    }

    /// Sends an event to all who listen.
    pub fn send(&self, event: Message) {
        // that nobody listens is no failure
        let _ = self.events.send(Arc::new(event));
    }

    /// Whether all who listen have taken every event.
    pub fn is_heard(&self) -> bool {
        self.events.is_empty()
    }

    fn answer(&self, action: &Action) -> Result<Answer, AskError> {
        let recording = Arc::clone(&self.present());
        let told = recording.get(action.headers()).ok_or_else(|| AskError::NotRecorded {
            recording: self.name.clone(),
            question: action.question(),
        })?;
        let unanswered = || AskError::Unanswered { action: action.question() };
        match told {
            Told::Nothing => Err(unanswered()),
            Told::Answer { bytes, action_id, .. } => {
                let bytes = with_action_id(bytes, action_id.as_deref(), Some(ACTION_ID));
                // what breaks off in a recording broke off when it was made
                Answer::read(&bytes).map_err(|_| unanswered())
            }
        }
    }

    fn play(&self) {
        let (recording, events) = (Arc::clone(&self.present()), self.events.clone());
        let begin = Instant::now() + BEFORE_EVENTS;
        tokio::spawn(async move {
            for (after, bytes) in &recording.events {
                // what comes at the end of time does not come
                let Some(at) = begin.checked_add(*after) else { return };
                tokio::time::sleep_until(at).await;
                match Message::read(bytes) {
                    Ok(event) => drop(events.send(Arc::new(event))),
                    Err(error) => tracing::warn!("a recorded event is left out: {error}"),
                }
            }
        });
    }
}

impl Server for Replay {
    fn ask(&self, action: Action, _deadline: Duration) -> Asking<'_> {
        Box::pin(async move { self.answer(&action) })
    }

    fn session(&self) -> Option<u64> {
        Some(1)
    }

    fn description(&self) -> String {
        format!("{} (a recording of {})", self.name, self.present().server)
    }

    fn session_changes(&self, known: Option<u64>) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(async move {
            if known == self.session() {
                std::future::pending::<()>().await;
            }
        })
    }

    fn events(&self) -> broadcast::Receiver<Arc<Message>> {
        let receiver = self.events.subscribe();
        if self.plays.swap(false, Ordering::Relaxed) {
            self.play();
        }
        receiver
    }
}

#[cfg(test)]
#[path = "replay_tests.rs"]
mod tests;
