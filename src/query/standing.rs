//! How results stand: how old they are, whether they are fresh, and what went wrong.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::cell::Standing;
use super::counts::AnswersSoFar;
use super::link::Connection;
use super::queries::Queries;
use super::reads::{Manner, Used};
use crate::language::QueryId;

/// How a query stands: all its questions together.
#[derive(Debug, Clone, Default)]
pub struct QueryStanding {
    /// Its name.
    pub name: String,
    /// How many different questions were asked for it.
    pub questions: usize,
    /// Of these, how many have a fresh answer,
    pub fresh: usize,
    /// how many one that is not fresh any more,
    pub stale: usize,
    /// and how many failed when they were last asked.
    pub failed: usize,
    /// How many are in use and not fresh, for another reason than their age, which is looked at when somebody looks.
    pub overdue: usize,
    /// Of those that failed, how many because this server cannot answer them.
    pub cannot: usize,
    /// The answers that were taken, failures included.
    pub answers: AnswersSoFar,
    /// Whether something is kept that depends on it, so that events make it be asked again.
    pub kept: bool,
    /// The age of the oldest answer.
    pub age: Option<Duration>,
    /// What went wrong last.
    pub error: Option<String>,
    /// Whether it asks `data get`, and actions are asked instead, since that cannot be had.
    pub instead: bool,
}

impl QueryStanding {
    /// How many answers in use are overdue; what another query stands in for has none.
    pub fn overdue(&self) -> usize {
        if self.instead { 0 } else { self.overdue }
    }

    /// How many questions failed when they were last asked, though this server can answer them.
    pub fn failing(&self) -> usize {
        if self.instead { 0 } else { self.failed - self.cannot }
    }

    /// The same in a word: `fresh`, `stale`, `failed`, `cannot` (this server cannot answer it), `instead`
    /// (it has no `data get`, and actions are asked instead) or `unasked`.
    pub fn word(&self) -> &'static str {
        match self {
            QueryStanding { instead: true, .. } => "instead",
            QueryStanding { questions: 0, .. } => "unasked",
            QueryStanding { failed, cannot, .. } if failed > cannot => "failed",
            QueryStanding { cannot: 1.., .. } => "cannot",
            QueryStanding { stale: 1.., .. } => "stale",
            _ => "fresh",
        }
    }
}

/// How something that was computed stands.
#[derive(Debug, Clone, Default)]
pub struct ContentStanding {
    /// When the oldest answer it was computed from was asked for; none if it needed none.
    pub asked: Option<Instant>,
    /// Whether one of the answers is not fresh.
    pub stale: bool,
    /// What went wrong when one was last asked for.
    pub error: Option<String>,
    /// The queries it was computed from.
    pub queries: BTreeSet<String>,
}

impl Queries {
    /// How a query stands.
    pub fn standing_of(&self, id: QueryId) -> QueryStanding {
        let query = self.model().query(id);
        let mut standing = QueryStanding { name: query.name.clone(), ..QueryStanding::default() };
        for cell in self.cells(id) {
            let Standing { asked, stale, aged, error } = cell.standing(&self.conditions(&cell, strict()));
            if asked.is_none() && error.is_none() {
                continue; // the question is there, but nobody has asked it
            }
            standing.questions += 1;
            standing.cannot += usize::from(error.as_ref().is_some_and(|error| error.means_cannot_answer()));
            match (asked, stale, &error) {
                (_, _, Some(_)) => standing.failed += 1,
                (_, true, _) => standing.stale += 1,
                _ => standing.fresh += 1,
            }
            let kept = self.any_live(&cell.dependents());
            standing.overdue += usize::from(kept && stale && !aged && asked.is_some());
            standing.kept |= kept;
            standing.age = standing.age.max(asked.map(|asked| asked.elapsed()));
            standing.error = error.map(|error| error.to_string()).or(standing.error.take());
        }
        standing.answers = self.answers(id).so_far();
        standing.instead = self.is_stood_in_for(id);
        if standing.instead {
            standing.error = None;
        }
        standing
    }

    /// How what was computed from these stands.
    pub fn standing(&self, used: &Used) -> ContentStanding {
        let mut standing = ContentStanding::default();
        self.add_standing(used, &mut standing);
        standing
    }

    fn add_standing(&self, used: &Used, standing: &mut ContentStanding) {
        for (cell, _) in &used.cells {
            let one = cell.standing(&self.conditions(cell, strict()));
            standing.queries.insert(self.model().query(cell.query).name.clone());
            let cannot = one.error.as_ref().is_some_and(|error| error.means_cannot_answer());
            standing.asked = standing.asked.into_iter().chain(one.asked).min();
            standing.stale |= one.stale && !cannot;
            let error = one.error.filter(|_| !cannot).map(|error| error.to_string());
            standing.error = standing.error.take().or(error);
        }
        for read in &used.tables {
            standing.queries.insert(self.model().query(read.table.query()).name.clone());
            self.add_standing(&read.table.used(), standing);
        }
    }

    /// The connections in words, each with its server's name, which is empty if there is only one.
    pub fn server_standings(&self) -> Vec<(&str, String)> {
        let names = self.model().servers.keys().map(String::as_str).chain(std::iter::repeat(""));
        let said = |connection: &Arc<Connection>| {
            let link = connection.link_now();
            let since = match (link.session, link.down_since()) {
                (Some(session), _) => format!("session {session}, for {} s", link.age().as_secs()),
                (None, Some(down)) => format!("down for {} s", down.elapsed().as_secs()),
                (None, None) => "not connected yet".to_owned(),
            };
            format!("{}: {since}", connection.server.description())
        };
        names.zip(self.connections.iter().map(said)).collect()
    }

    /// How often what happened, by names.
    pub fn counters(&self) -> Vec<(&'static str, u64)> {
        let events = self.counters.events.load(Ordering::Relaxed);
        let sent = self.connections.iter().map(|connection| connection.asking.sent()).sum();
        vec![("ami_actions", sent), ("ami_events", events), ("other_questions", self.asked_beside())]
    }
}

/// What an event made stale counts as stale, also while its refresh is under way.
pub(super) fn strict() -> Manner {
    Manner { eager: true, ..Manner::of_reader() }
}
