//! How often what happened between the queries and their servers.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::link::Connection;
use super::queries::Queries;
use crate::ami::{Action, Answer, AskError};
use crate::measure::{ByName, Distribution, Durations};

/// How often what happened, whatever server it was.
#[derive(Debug, Default)]
pub struct Counters {
    /// Events that were looked at.
    pub(super) events: AtomicU64,
    /// Events that came too fast to be looked at.
    pub(super) events_lost: AtomicU64,
    /// Templates and expressions that took more steps than they may.
    pub(super) stopped: AtomicU64,
    /// Event logs that were full and begun anew.
    pub(super) logs_rotated: AtomicU64,
    /// Lines for which an event log had no room.
    pub(super) log_lines_lost: AtomicU64,
}

/// One more.
pub(super) fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

/// How an action ended, in words, in the order in which they are counted.
pub const OUTCOMES: [&str; 4] = ["answered", "refused", "timeout", "lost"];

/// What came of the actions of one name.
#[derive(Debug, Default)]
pub(super) struct ActionCounts {
    outcomes: [AtomicU64; OUTCOMES.len()],
    took: Durations,
}

/// The answers that were taken for a query.
#[derive(Debug, Default)]
pub(super) struct Answers {
    all: AtomicU64,
    failures: AtomicU64,
    nanoseconds: AtomicU64,
    longest: AtomicU64,
}

/// The answers that were taken for a query up to a moment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct AnswersSoFar {
    /// All of them.
    pub all: u64,
    /// The failures among them.
    pub failures: u64,
    /// How long it took from being asked to being answered, all together.
    pub took: Duration,
    /// The longest that one took.
    pub longest: Duration,
}

impl AnswersSoFar {
    /// How long one took on the average; none without an answer.
    pub fn mean(&self) -> Option<Duration> {
        (self.all > 0).then(|| self.took.div_f64(self.all as f64))
    }
}

impl Answers {
    /// One more, that took so long from being asked to being answered.
    pub fn add(&self, is_failure: bool, took: Duration) {
        // five hundred years fit
        let took = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        self.nanoseconds.fetch_add(took, Ordering::Relaxed);
        self.longest.fetch_max(took, Ordering::Relaxed);
        count(&self.all);
        if is_failure {
            count(&self.failures);
        }
    }

    /// All of them.
    pub fn so_far(&self) -> AnswersSoFar {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        AnswersSoFar {
            all: read(&self.all),
            failures: read(&self.failures),
            took: Duration::from_nanos(read(&self.nanoseconds)),
            longest: Duration::from_nanos(read(&self.longest)),
        }
    }
}

/// What passed over one connection.
#[derive(Debug, Default)]
pub(super) struct Traffic {
    actions: ByName<ActionCounts>,
    events: ByName<AtomicU64>,
}

impl Traffic {
    /// One more event of that name.
    pub fn event(&self, name: &[u8]) {
        count(&self.events.of(name));
    }
}

impl Connection {
    /// Asks the server, and counts what comes of it.
    pub(super) async fn ask(&self, action: Action, deadline: Duration) -> Result<Answer, AskError> {
        let counts = self.traffic.actions.of(action.name());
        let asked = Instant::now();
        let answer = self.server.ask(action, deadline).await;
        let outcome = match &answer {
            Ok(answer) if !answer.is_error() => 0,
            Ok(_) => 1,
            Err(AskError::Timeout { .. }) => 2,
            Err(_) => 3,
        };
        count(&counts.outcomes[outcome]);
        counts.took.add(asked.elapsed());
        answer
    }
}

/// What passed between the queries and one server so far, and how it stands.
#[derive(Debug, Clone)]
pub struct ServerTraffic {
    /// Its name; empty if there is only one.
    pub name: String,
    /// What it is and what it said of itself, for people.
    pub description: String,
    /// Whether there is a connection.
    pub up: bool,
    /// How long that has been so, as far as it was noticed.
    pub since: Duration,
    /// How often it was logged in to.
    pub sessions: u64,
    /// Questions that are being answered,
    pub in_flight: usize,
    /// and such that wait for their turn.
    pub waiting: usize,
    /// The actions by their names, with how many ended in each of [`OUTCOMES`], and how long they took.
    pub actions: Vec<(String, [u64; OUTCOMES.len()], Distribution)>,
    /// The events by their names.
    pub events: Vec<(String, u64)>,
}

/// How often a bound was reached, so that something was left out or begun anew.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub struct Bounds {
    /// Events that came too fast to be looked at; everything was asked again.
    pub events_lost: u64,
    /// Templates and expressions that were stopped.
    pub templates_stopped: u64,
    /// Event logs that were full and begun anew.
    pub event_logs_rotated: u64,
    /// Lines for which an event log had no room.
    pub event_log_lines_lost: u64,
}

impl Queries {
    /// What passed between the queries and each server.
    pub fn traffic(&self) -> Vec<ServerTraffic> {
        let names = self.model().servers.keys().map(String::as_str).chain(std::iter::repeat(""));
        let of = |(name, connection): (&str, &Arc<Connection>)| {
            let link = connection.link_now();
            let actions = connection.traffic.actions.all().into_iter().map(|(action, counts)| {
                let outcomes = counts.outcomes.each_ref().map(|count| count.load(Ordering::Relaxed));
                (action, outcomes, counts.took.so_far())
            });
            let events = connection.traffic.events.all().into_iter();
            let (in_flight, waiting) = connection.asking.under_way();
            ServerTraffic {
                name: name.to_owned(),
                description: connection.server.description(),
                up: link.session.is_some(),
                since: link.age(),
                sessions: connection.server.sessions(),
                in_flight,
                waiting,
                actions: actions.collect(),
                events: events.map(|(event, count)| (event, count.load(Ordering::Relaxed))).collect(),
            }
        };
        names.zip(&self.connections).map(of).collect()
    }

    /// How many questions were asked beside the servers.
    pub fn asked_beside(&self) -> u64 {
        let of_servers = self.connections.iter().map(|connection| connection.beside.sent());
        self.beside.sent() + of_servers.sum::<u64>()
    }

    /// How often bounds were reached.
    pub fn bounds(&self) -> Bounds {
        let Counters { events_lost, stopped, logs_rotated, log_lines_lost, .. } = &*self.counters;
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Bounds {
            events_lost: count(events_lost),
            templates_stopped: count(stopped),
            event_logs_rotated: count(logs_rotated),
            event_log_lines_lost: count(log_lines_lost),
        }
    }
}
