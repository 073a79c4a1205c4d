//! A server of which somebody else hears what it answers.

use std::collections::HashSet;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::sync::broadcast;
use tokio::sync::mpsc::UnboundedSender;

use crate::ami::{Action, Answer, AskError, Message};
use crate::query::{Asking, Server};

/// What is heard.
#[derive(Debug)]
pub enum Heard {
    /// What came of a question.
    Answer {
        /// The question.
        action: Action,
        /// What came of it.
        outcome: Result<Answer, AskError>,
        /// When it was sent, in microseconds since 1970.
        asked: u64,
    },
    /// These are lists of which single records are asked for.
    Lists(HashSet<Action>),
    /// These are all questions whose answers are read.
    Asked(HashSet<Action>),
    /// Everything was asked once.
    Whole,
}

/// A server, and who hears what it answers.
pub struct Overheard {
    server: Arc<dyn Server>,
    hears: UnboundedSender<Heard>,
}

impl Overheard {
    /// What this server answers from now on is heard.
    pub fn new(server: Arc<dyn Server>, hears: UnboundedSender<Heard>) -> Overheard {
        Overheard { server, hears }
    }
}

/// The time in microseconds since 1970.
fn now() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since.map_or(0, |since| since.as_micros().try_into().unwrap_or(u64::MAX))
}

impl Server for Overheard {
    fn ask(&self, action: Action, deadline: Duration) -> Asking<'_> {
        Box::pin(async move {
            let asked = now();
            let outcome = self.server.ask(action.clone(), deadline).await;
            let is_lost = matches!(
                outcome,
                Err(AskError::NotConnected { .. }
                    | AskError::Disconnected { .. }
                    | AskError::LoginRefused { .. }
                    | AskError::Stopped)
            );
            if !is_lost {
                // nobody hears when another one leads
                let _ = self.hears.send(Heard::Answer { action, outcome: outcome.clone(), asked });
            }
            outcome
        })
    }

    fn session(&self) -> Option<u64> {
        self.server.session()
    }

    fn sessions(&self) -> u64 {
        self.server.sessions()
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
