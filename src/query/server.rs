//! What the query layer needs of a server.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::broadcast;

use crate::ami::{Action, Answer, AskError, Client, Message, State};

/// An answer that is on its way.
pub type Asking<'a> = Pin<Box<dyn Future<Output = Result<Answer, AskError>> + Send + 'a>>;

/// Something that answers AMI actions: a live connection, or recorded answers.
pub trait Server: Send + Sync {
    /// Asks; the answer, or why there is none, comes within `deadline`.
    fn ask(&self, action: Action, deadline: Duration) -> Asking<'_>;

    /// The number of the present session, which grows with every login; none while there is no
    /// connection. Answers of another session are not fresh any more.
    fn session(&self) -> Option<u64>;

    /// How many sessions there were.
    fn sessions(&self) -> u64 {
        self.session().unwrap_or_default()
    }

    /// What it is, for people: its address, and what it said of itself.
    fn description(&self) -> String;

    /// Waits until the session may be another than `known`.
    fn session_changes(&self, known: Option<u64>) -> Pin<Box<dyn Future<Output = ()> + Send + '_>>;

    /// The server's events from now on. A receiver that lags has to take everything for stale.
    fn events(&self) -> broadcast::Receiver<Arc<Message>>;

    /// Its answers, if somebody else asks for them and it knows when one is another. Then neither events nor age
    /// make anything stale, but that alone.
    fn published(&self) -> Option<&dyn Published> {
        None
    }
}

/// Answers that somebody else asks for, and keeps fresh.
pub trait Published: Send + Sync {
    /// The questions that have another answer, from now on. A receiver that lags has to take everything for stale.
    fn overtaken(&self) -> broadcast::Receiver<Action>;

    /// Whether the latest answer to one question came after the latest to another; also notes that somebody wants to
    /// be told when the first one's is another.
    fn is_later(&self, one: &Action, than: &Action) -> bool;
}

impl Server for Client {
    fn ask(&self, action: Action, deadline: Duration) -> Asking<'_> {
        Box::pin(Client::ask(self, action, deadline))
    }

    fn session(&self) -> Option<u64> {
        session(&self.state().borrow())
    }

    fn sessions(&self) -> u64 {
        Client::sessions(self)
    }

    fn description(&self) -> String {
        let said = match &*self.state().borrow() {
            State::Connecting => "connecting".to_owned(),
            State::Connected { version, .. } => version.clone(),
            State::Down { reason, .. } => reason.to_string(),
        };
        format!("{} ({said})", self.address())
    }

    fn session_changes(&self, known: Option<u64>) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(async move {
            let mut state = self.state();
            // the client, which is borrowed here, holds the other end
            let _ = state.wait_for(|state| session(state) != known).await;
        })
    }

    fn events(&self) -> broadcast::Receiver<Arc<Message>> {
        Client::events(self)
    }
}

fn session(state: &State) -> Option<u64> {
    match state {
        State::Connected { session, .. } => Some(*session),
        _ => None,
    }
}
