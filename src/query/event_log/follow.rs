//! The server's events on their way into the logs.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime};

use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;
use tokio::task::JoinSet;

use super::line;
use super::log::{Appended, EventLog};
use crate::ami::Message;
use crate::language::{Content, Expression, Pattern, ServerId, error_text, to_template};
use crate::parse::headers;
use crate::parse::value::{Shapes, Value};
use crate::query::Queries;
use crate::query::counts::count;
use crate::query::link::Connection;

/// How often it is looked whether the connection is a new one, while no event comes.
const LOOK: Duration = Duration::from_secs(1);

/// Every log of a tree, by the path of its entry and the server whose events it holds.
pub struct EventLogs {
    logs: HashMap<(Pattern, ServerId), Arc<EventLog>>,
}

impl EventLogs {
    /// The logs of a tree, empty, and what fills them: to be run as a task of its own, and ending
    /// with the servers. Whatever comes from now on is logged.
    pub fn new(queries: &Arc<Queries>) -> (EventLogs, impl Future<Output = ()> + Send + use<>) {
        let model = queries.model();
        let mut logs = HashMap::new();
        let mut followers = Vec::new();
        for server in (0..model.servers.len().max(1)).map(ServerId) {
            let mut followed = Vec::new();
            for (index, entry) in model.entries.iter().enumerate() {
                if let Content::Events(declared) = &entry.content {
                    let log = Arc::new(EventLog::new(declared.size));
                    logs.insert((entry.path.clone(), server), Arc::clone(&log));
                    followed.push(Followed { entry: index, log, told: AtomicBool::new(false) });
                }
            }
            if let Some(connection) = queries.connections.get(server.0).filter(|_| !followed.is_empty()) {
                let (queries, connection) = (Arc::clone(queries), Arc::clone(connection));
                let events = connection.server.events();
                followers.push((Follower { queries, connection, followed, session: None }, events));
            }
        }
        let following = async move {
            let followers = followers.into_iter().map(|(follower, events)| follower.follow(events));
            followers.collect::<JoinSet<()>>().join_all().await;
        };
        (EventLogs { logs }, following)
    }

    /// The log of the entry with that path, of that server.
    pub fn get(&self, path: &Pattern, server: ServerId) -> Option<&Arc<EventLog>> {
        self.logs.get(&(path.clone(), server))
    }
}

struct Followed {
    entry: usize,
    log: Arc<EventLog>,
    /// Whether it was told that its `where` cannot be computed.
    told: AtomicBool,
}

struct Follower {
    queries: Arc<Queries>,
    connection: Arc<Connection>,
    followed: Vec<Followed>,
    session: Option<u64>,
}

impl Follower {
    async fn follow(mut self, mut events: broadcast::Receiver<Arc<Message>>) {
        self.look_for_new_session();
        let mut look = tokio::time::interval(LOOK);
        loop {
            tokio::select! {
                biased;
                event = events.recv() => {
                    self.look_for_new_session();
                    match event {
                        Ok(event) => self.take(&event),
                        Err(RecvError::Lagged(count)) => self.note(&line::lost(count)),
                        Err(RecvError::Closed) => return,
                    }
                }
                _ = look.tick() => self.look_for_new_session(),
            }
        }
    }

    /// Notes that the connection is another one than before.
    fn look_for_new_session(&mut self) {
        let Some(present) = self.connection.session() else { return };
        if self.session.replace(present).is_some_and(|before| before != present) {
            self.note(&line::reconnected());
        }
    }

    /// Puts a line of our own into every log.
    fn note(&self, line: &[u8]) {
        self.followed.iter().for_each(|followed| self.append(followed, line));
    }

    fn append(&self, followed: &Followed, line: &[u8]) {
        match followed.log.append(line, Instant::now()) {
            Appended::Added => {}
            Appended::Rotated => count(&self.queries.counters.logs_rotated),
            Appended::Lost => count(&self.queries.counters.log_lines_lost),
        }
    }

    fn take(&self, event: &Message) {
        let Some(name) = event.event() else { return };
        let name = String::from_utf8_lossy(name).to_ascii_lowercase();
        let mut record = None;
        for followed in &self.followed {
            let Content::Events(declared) = &self.queries.model().entries[followed.entry].content else {
                continue;
            };
            if declared.names.as_ref().is_some_and(|names| !names.contains(&name)) {
                continue;
            }
            let (record, line) = record.get_or_insert_with(|| {
                let record = headers::record(event.headers(), &mut Shapes::new());
                let line = line::event(&record, SystemTime::now());
                (record, line)
            });
            if declared.filter.as_ref().is_none_or(|filter| self.holds(filter, record, followed)) {
                self.append(followed, line);
            }
        }
    }

    /// Whether an event is one that the log is to hold; one of which that cannot be said is not.
    fn holds(&self, filter: &Expression, record: &Value, followed: &Followed) -> bool {
        let context = minijinja::context! { event => to_template(record) };
        match self.queries.model().templates.evaluate(filter, context) {
            Ok(value) => value.is_true(),
            Err(error) => {
                if !followed.told.swap(true, Ordering::Relaxed) {
                    let text = error_text(&error);
                    tracing::warn!(
                        "`where` of an event log, `{}`: {text}; such events are left out",
                        filter.text
                    );
                }
                false
            }
        }
    }
}

#[cfg(test)]
#[path = "follow_tests.rs"]
mod tests;
