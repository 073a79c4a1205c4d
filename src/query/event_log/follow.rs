//! The server's events on their way into the logs.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime};

use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;

use super::line;
use super::log::EventLog;
use crate::ami::Message;
use crate::language::{Content, Expression, Pattern, error_text, to_template};
use crate::parse::headers;
use crate::parse::value::{Shapes, Value};
use crate::query::Queries;

/// How often it is looked whether the connection is a new one, while no event comes.
const LOOK: Duration = Duration::from_secs(1);

/// Every log of a tree, by the path of its entry.
pub struct EventLogs {
    logs: HashMap<Pattern, Arc<EventLog>>,
}

impl EventLogs {
    /// The logs of a tree, empty, and what fills them: to be run as a task of its own, and ending
    /// with the server. Whatever comes from now on is logged.
    pub fn new(queries: &Arc<Queries>) -> (EventLogs, impl Future<Output = ()> + Send + use<>) {
        let mut logs = HashMap::new();
        let mut followed = Vec::new();
        for (index, entry) in queries.model().entries.iter().enumerate() {
            if let Content::Events(declared) = &entry.content {
                let log = Arc::new(EventLog::new(declared.size));
                logs.insert(entry.path.clone(), Arc::clone(&log));
                followed.push(Followed { entry: index, log, told: AtomicBool::new(false) });
            }
        }
        let events = queries.server.as_ref().map(|server| server.events()).filter(|_| !followed.is_empty());
        let follower = Follower { queries: Arc::clone(queries), followed, session: None };
        let following = async move {
            if let Some(events) = events {
                follower.follow(events).await;
            }
        };
        (EventLogs { logs }, following)
    }

    /// The log of the entry with that path.
    pub fn get(&self, path: &Pattern) -> Option<&Arc<EventLog>> {
        self.logs.get(path)
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
        let Some(present) = self.queries.server.as_ref().and_then(|server| server.session()) else { return };
        if self.session.replace(present).is_some_and(|before| before != present) {
            self.note(&line::reconnected());
        }
    }

    /// Puts a line of our own into every log.
    fn note(&self, line: &[u8]) {
        self.followed.iter().for_each(|followed| followed.log.append(line, Instant::now()));
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
                followed.log.append(line, Instant::now());
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
