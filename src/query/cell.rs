//! One question, and the latest answer to it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::watch;

use super::error::QueryError;
use super::snapshot::Snapshot;
use crate::ami::Action;
use crate::language::QueryId;

/// Failures are kept that long, so that a walk over a dead server's files does not ask for each.
const FAILURE_LIVES: Duration = Duration::from_secs(1);

/// What came of asking.
pub type Outcome = Result<Arc<Snapshot>, QueryError>;

/// Answers that a computation used, with their versions.
pub type Used = Vec<(Arc<Cell>, u64)>;

/// One question with its latest outcome.
#[derive(Debug)]
pub struct Cell {
    /// The query it belongs to.
    pub query: QueryId,
    /// What is asked.
    pub action: Action,
    /// The keys of the records that it is asked for.
    pub keys: Vec<Arc<str>>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    latest: Option<Latest>,
    /// Present while somebody asks; it ends when the outcome is here.
    in_flight: Option<watch::Receiver<()>>,
    /// Raised whenever the outcome changed, so that what was computed from it can tell.
    version: u64,
}

#[derive(Debug)]
struct Latest {
    outcome: Outcome,
    /// When the question was sent: nothing that happened later is in the answer.
    asked: Instant,
    session: Option<u64>,
}

/// What decides whether an outcome may still be used.
#[derive(Debug, Clone, Copy)]
pub struct Freshness {
    /// The present session.
    pub session: Option<u64>,
    /// When an event last made the query stale.
    pub invalidated: Option<Instant>,
    /// How long an outcome lives.
    pub lives: Option<Duration>,
    /// Whatever was asked since then is taken: somebody asked for it just now.
    pub since: Instant,
}

impl Cell {
    /// A question nobody asked yet.
    pub fn new(query: QueryId, action: Action, keys: Vec<Arc<str>>) -> Cell {
        Cell { query, action, keys, state: Mutex::default() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The outcome and its version, if it may be used.
    pub fn fresh(&self, freshness: &Freshness) -> Option<(Outcome, u64)> {
        let state = self.state();
        let latest = state.latest.as_ref()?;
        latest.is_fresh(freshness).then(|| (latest.outcome.clone(), state.version))
    }

    /// When the latest outcome was asked for; now, if there is none.
    pub fn asked(&self) -> Instant {
        self.state().latest.as_ref().map_or_else(Instant::now, |latest| latest.asked)
    }

    /// Makes what was computed from the outcome be computed again: a record in it is stale.
    pub fn touch(&self) {
        self.state().version += 1;
    }

    /// Whether the outcome of that version is still the one to use.
    pub fn still(&self, version: u64, freshness: &Freshness) -> bool {
        let state = self.state();
        state.version == version && state.latest.as_ref().is_some_and(|latest| latest.is_fresh(freshness))
    }

    /// Joins the question in flight, or becomes the one who asks it: then the sender is given, and
    /// dropping it wakes everybody.
    pub fn join(&self) -> Result<watch::Receiver<()>, watch::Sender<()>> {
        let mut state = self.state();
        if let Some(waiting) = &state.in_flight
            && waiting.has_changed().is_ok()
        {
            return Ok(waiting.clone());
        }
        let (sender, receiver) = watch::channel(());
        state.in_flight = Some(receiver);
        Err(sender)
    }

    /// Stores what came of asking.
    pub fn settle(&self, outcome: Outcome, asked: Instant, session: Option<u64>) {
        let mut state = self.state();
        let same = match (&state.latest, &outcome) {
            (Some(Latest { outcome: Ok(old), .. }), Ok(new)) => old.same_as(new),
            _ => false,
        };
        if !same {
            state.version += 1;
        }
        let outcome = match (same, state.latest.take()) {
            // the old snapshot stays, so that what was derived from it stays shared
            (true, Some(latest)) => latest.outcome,
            _ => outcome,
        };
        state.latest = Some(Latest { outcome, asked, session });
        state.in_flight = None;
    }
}

impl Latest {
    fn is_fresh(&self, freshness: &Freshness) -> bool {
        if self.asked >= freshness.since {
            return true;
        }
        let same_session = self.session == freshness.session && freshness.session.is_some();
        let not_invalidated = freshness.invalidated.is_none_or(|at| self.asked > at);
        let lives = match &self.outcome {
            // what a server cannot do it will not learn before it is started again
            Err(error) if error.means_cannot_answer() => None,
            Err(_) => return self.asked.elapsed() < FAILURE_LIVES,
            Ok(_) => freshness.lives,
        };
        same_session && not_invalidated && lives.is_none_or(|lives| self.asked.elapsed() < lives)
    }
}
