//! One question, and the latest answer to it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::watch;

use super::dependents::{Dependent, Dependents};
use super::error::QueryError;
use super::inquiry::Inquiry;
use super::snapshot::Snapshot;
use crate::language::QueryId;
use crate::sync::{AtomicBool, Mutex, MutexGuard, Ordering, PoisonError};

/// Failures are kept that long, so that a walk over a dead server's files does not ask for each.
pub const FAILURE_LIVES: Duration = Duration::from_secs(1);

/// A question about everything is asked again, because of events, so that it takes at most one part
/// in that many of the server's time.
const DUTY: u32 = 10;

/// What came of asking.
pub type Outcome = Result<Arc<Snapshot>, QueryError>;

/// One question with its latest outcome.
#[derive(Debug)]
pub struct Cell {
    /// The query it belongs to.
    pub query: QueryId,
    /// What is asked.
    pub inquiry: Inquiry,
    /// Whether it is told of when something else than the latest answer is true.
    watched: AtomicBool,
    /// The keys of the records that it is asked for.
    pub keys: Box<[Arc<str>]>,
    state: Mutex<State>,
    refreshing: Mutex<Refreshing>,
}

/// Whether it is being asked again for those who keep what depends on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Refreshing {
    #[default]
    No,
    Yes,
    /// And there is a reason to do so once more afterwards.
    AndAgain,
}

#[derive(Debug, Default)]
struct State {
    /// The last answer that could be used.
    good: Option<Good>,
    /// What went wrong since.
    failure: Option<Box<Failure>>,
    /// When an event last said that something else is true now.
    invalidated: Option<Instant>,
    /// Present while somebody asks; it ends when the outcome is here.
    in_flight: Option<watch::Receiver<()>>,
    /// Raised whenever what a reader gets may have changed.
    version: u64,
    /// How long the last answer took.
    took: Duration,
    dependents: Dependents,
}

#[derive(Debug)]
struct Good {
    snapshot: Arc<Snapshot>,
    /// When the question was sent: nothing that happened later is in the answer.
    asked: Instant,
    session: Option<u64>,
}

#[derive(Debug)]
struct Failure {
    error: QueryError,
    asked: Instant,
    session: Option<u64>,
}

/// What decides whether an outcome may be used.
#[derive(Debug, Clone, Copy)]
pub struct Conditions {
    /// The present session; none while there is no connection.
    pub session: Option<u64>,
    /// Since when there has been none, if it is known that there is none.
    pub down_since: Option<Instant>,
    /// How long an answer counts as fresh.
    pub lives: Option<Duration>,
    /// How long an answer that is not fresh is good enough while there is no other; none if it never
    /// is.
    pub stale_for: Option<Duration>,
    /// Whatever was asked since then is taken: somebody asked for it just now.
    pub since: Instant,
    /// Whether what an event made stale is good enough until its refresh is here, which is under way.
    pub patient: bool,
}

/// What a reader gets.
#[derive(Debug)]
pub enum Look {
    /// An outcome.
    Use {
        /// The outcome.
        outcome: Outcome,
        /// Two looks with one stamp gave the same.
        stamp: u64,
    },
    /// The question has to be asked.
    Ask,
}

/// How an answer stands, for people.
#[derive(Debug, Clone)]
pub struct Standing {
    /// When the answer that is shown was asked for.
    pub asked: Option<Instant>,
    /// Whether it is not fresh.
    pub stale: bool,
    /// Whether its age alone is the reason for that.
    pub aged: bool,
    /// What went wrong when it was last asked for.
    pub error: Option<QueryError>,
}

impl Cell {
    /// A question nobody asked yet.
    pub fn new(query: QueryId, inquiry: Inquiry, keys: Vec<Arc<str>>) -> Cell {
        let (watched, state, refreshing) = Default::default();
        Cell { query, inquiry, watched, keys: keys.into(), state, refreshing }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn refreshing(&self) -> MutexGuard<'_, Refreshing> {
        self.refreshing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins to refresh it, and says so; or has whoever does so already do it once more.
    pub fn begin_refresh(&self) -> bool {
        let mut refreshing = self.refreshing();
        let begins = *refreshing == Refreshing::No;
        *refreshing = if begins { Refreshing::Yes } else { Refreshing::AndAgain };
        begins
    }

    /// Ends that; whether it has to be done once more.
    pub fn end_refresh(&self) -> bool {
        std::mem::take(&mut *self.refreshing()) == Refreshing::AndAgain || self.is_invalidated()
    }

    /// Whether it is being asked again for those who keep what depends on it.
    pub fn is_refreshing(&self) -> bool {
        *self.refreshing() != Refreshing::No
    }

    /// Whether an event has said that something else is true now, and nobody is asking for it: nobody
    /// kept what depends on it when the event came.
    pub fn is_left_alone(&self) -> bool {
        *self.refreshing() == Refreshing::No && self.is_invalidated()
    }

    /// Whether a change is told of, so that age alone makes nothing stale.
    pub fn is_watched(&self) -> bool {
        self.watched.load(Ordering::Relaxed)
    }

    /// Notes whether a change of the next answer will be told of.
    pub fn set_watched(&self, watched: bool) {
        self.watched.store(watched, Ordering::Relaxed);
    }

    /// What a reader gets under these conditions.
    pub fn look(&self, conditions: &Conditions) -> Look {
        self.state().look(conditions)
    }

    /// Whether a look would give what one with that stamp gave.
    pub fn still(&self, stamp: u64, conditions: &Conditions) -> bool {
        matches!(self.look(conditions), Look::Use { stamp: now, .. } if now == stamp)
    }

    /// Until when a look that gave an outcome gives the same, if nothing happens.
    pub fn until(&self, conditions: &Conditions) -> Option<Instant> {
        self.state().until(conditions)
    }

    /// When the answer in use was asked for, and how it stands.
    pub fn standing(&self, conditions: &Conditions) -> Standing {
        let state = self.state();
        let fresh = state.good.as_ref().is_some_and(|good| state.is_fresh(good, conditions));
        Standing {
            asked: state.good.as_ref().map(|good| good.asked),
            stale: !fresh,
            aged: !fresh
                && state
                    .good
                    .as_ref()
                    .is_some_and(|good| state.is_fresh(good, &Conditions { lives: None, ..*conditions })),
            error: state.failure.as_ref().map(|failure| failure.error.clone()),
        }
    }

    /// Whether it was answered when it was last asked.
    pub fn is_answered(&self) -> bool {
        let state = self.state();
        state.good.is_some() && state.failure.is_none()
    }

    /// When the latest answer was asked for.
    pub fn asked(&self) -> Option<Instant> {
        self.state().good.as_ref().map(|good| good.asked)
    }

    /// Whether an event has said that something else is true now, and nobody has asked since: or asked in vain, unless
    /// the server cannot tell it at all.
    pub fn is_invalidated(&self) -> bool {
        let state = self.state();
        let lasting = state.failure.as_ref().filter(|failure| failure.error.lasts());
        let asked = state.good.as_ref().map(|good| good.asked).max(lasting.map(|failure| failure.asked));
        state.invalidated.is_some_and(|at| asked.is_none_or(|asked| asked <= at))
    }

    /// Notes that something else is true since that moment.
    pub fn invalidate(&self, at: Instant) {
        let mut state = self.state();
        state.invalidated = state.invalidated.max(Some(at));
    }

    /// How long to wait before it is asked again because of events.
    pub fn rest(&self) -> Duration {
        let rested = self.asked().map_or(Duration::MAX, |asked| asked.elapsed());
        self.pause().saturating_sub(rested)
    }

    /// How long there is from one time that it is asked because of events to the next.
    pub fn pause(&self) -> Duration {
        self.state().took * DUTY
    }

    /// Adds a dependent of what was seen under that stamp; whether it is still the latest.
    pub fn add_dependent(&self, dependent: Dependent, stamp: u64) -> bool {
        let mut state = self.state();
        state.dependents.add(dependent);
        state.version == stamp >> 1
    }

    /// Takes a dependent away.
    pub fn remove_dependent(&self, dependent: Dependent) {
        self.state().dependents.remove(dependent);
    }

    /// Who depends on it.
    pub fn dependents(&self) -> Vec<Dependent> {
        self.state().dependents.all()
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

    /// Stores what came of asking; gives those who have to be told.
    pub fn settle(&self, outcome: Outcome, asked: Instant, session: Option<u64>) -> Vec<Dependent> {
        let mut state = self.state();
        state.took = asked.elapsed();
        state.in_flight = None;
        let changed = match outcome {
            Err(error) => {
                let news = state.failure.is_none();
                state.failure = Some(Box::new(Failure { error, asked, session }));
                news
            }
            Ok(snapshot) => {
                let recovered = state.failure.take().is_some();
                match &mut state.good {
                    // the old snapshot stays, so that what was derived from it stays shared
                    Some(good) if good.snapshot.same_as(&snapshot) => {
                        (good.asked, good.session) = (asked, session);
                        recovered
                    }
                    _ => {
                        state.good = Some(Good { snapshot, asked, session });
                        true
                    }
                }
            }
        };
        if !changed {
            return Vec::new();
        }
        state.version += 1;
        state.dependents.all()
    }
}

impl State {
    fn look(&self, conditions: &Conditions) -> Look {
        let give =
            |good: &Good| Look::Use { outcome: Ok(Arc::clone(&good.snapshot)), stamp: self.version << 1 };
        let fail = |failure: &Failure| Look::Use {
            outcome: Err(failure.error.clone()),
            stamp: (self.version << 1) | 1,
        };
        if let Some(failure) = self.lasting_failure(conditions) {
            return fail(failure);
        }
        if let Some(good) = &self.good
            && self.failure.is_none()
            && (good.asked >= conditions.since || self.is_fresh(good, conditions))
        {
            return give(good);
        }
        // what failed in another session, or without one, may succeed in this one
        let tried = self.failure.as_ref().filter(|failure| {
            let lives = failure.session == conditions.session && failure.asked.elapsed() < FAILURE_LIVES;
            failure.asked >= conditions.since || lives
        });
        let usable = self.good.as_ref().filter(|good| self.is_good_enough(good, conditions));
        match (usable, tried) {
            (Some(good), tried) if tried.is_some() || conditions.down_since.is_some() => give(good),
            (None, Some(failure)) => fail(failure),
            _ => Look::Ask,
        }
    }

    /// What a server cannot do it will not learn before it is started again, or says so.
    fn lasting_failure(&self, conditions: &Conditions) -> Option<&Failure> {
        // while it is away, what it could not do is known as what it told is
        let same = |failure: &Failure| failure.session == conditions.session;
        let away = conditions.down_since.is_some();
        self.failure.as_deref().filter(|failure| {
            failure.error.lasts()
                && (same(failure) || away)
                && self.invalidated.is_none_or(|at| failure.asked > at)
        })
    }

    fn is_fresh(&self, good: &Good, conditions: &Conditions) -> bool {
        let overtaken = self.invalidated.is_some_and(|at| good.asked <= at);
        good.session.is_some()
            && good.session == conditions.session
            && (!overtaken || conditions.patient)
            && conditions.lives.is_none_or(|lives| good.asked.elapsed() < lives)
    }

    /// Whether an answer that is not fresh may be shown while there is no other.
    fn is_good_enough(&self, good: &Good, conditions: &Conditions) -> bool {
        conditions.stale_for.is_some_and(|stale_for| self.stale_since(good, conditions).elapsed() < stale_for)
    }

    /// When the answer ceased to be fresh: by an event, with its connection, or by its age.
    fn stale_since(&self, good: &Good, conditions: &Conditions) -> Instant {
        let aged = conditions.lives.map(|lives| good.asked + lives);
        let event = self.invalidated.filter(|at| good.asked <= *at);
        let lost = conditions.down_since;
        let failed = self.failure.as_ref().map(|failure| failure.asked);
        [aged, event, lost].into_iter().flatten().min().or(failed).unwrap_or_else(Instant::now)
    }

    fn until(&self, conditions: &Conditions) -> Option<Instant> {
        if self.lasting_failure(conditions).is_some() {
            return None;
        }
        let Some(good) = &self.good else { return Some(Instant::now() + FAILURE_LIVES) };
        if self.failure.is_none() && self.is_fresh(good, conditions) {
            return conditions.lives.map(|lives| good.asked + lives);
        }
        // looked at again at once if an event overtook it, else soon: whoever comes then asks
        let overtaken = self.invalidated.is_some_and(|at| good.asked <= at);
        Some(Instant::now() + if overtaken { Duration::ZERO } else { FAILURE_LIVES })
    }
}
