//! What a computation read, and what it lacked.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use super::caller::Caller;
use super::cell::{Cell, Used};
use super::error::QueryError;

/// A computation could not be finished. What it lacks, or why it failed, is noted in its [`Reads`].
#[derive(Debug, Clone, thiserror::Error)]
pub enum Unready {
    /// An answer has to be asked first.
    #[error("an answer is not here yet")]
    Wanted,
    /// It cannot be computed.
    #[error(transparent)]
    Failed(#[from] QueryError),
}

/// A version that no outcome ever has.
const NEVER: u64 = u64::MAX;

/// What one computation read. Shared with the template engine while it runs.
#[derive(Debug, Clone)]
pub struct Reads {
    notes: Arc<Mutex<Notes>>,
    /// Whatever was asked since then is fresh enough for this computation.
    pub since: Instant,
    caller: Option<Caller>,
}

#[derive(Debug, Default)]
struct Notes {
    used: Used,
    wanted: Vec<Arc<Cell>>,
    failed: Option<QueryError>,
}

impl Reads {
    /// Nothing read yet.
    pub fn new(since: Instant) -> Reads {
        Reads { notes: Arc::default(), since, caller: None }
    }

    /// The same notes, for content that is made for this reader alone. What is computed
    /// [apart](Reads::apart) on the way is for everybody and does not see him.
    pub fn for_caller(&self, caller: Caller) -> Reads {
        Reads { caller: Some(caller), ..self.clone() }
    }

    /// Whom the content is made for, if it is made for one reader.
    pub fn caller(&self) -> Option<Caller> {
        self.caller
    }

    fn notes(&self) -> MutexGuard<'_, Notes> {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes that an outcome was used. If it changed since it was last used, what is computed is true
    /// of neither version.
    pub fn use_cell(&self, cell: &Arc<Cell>, version: u64) {
        let mut notes = self.notes();
        match notes.used.iter_mut().find(|(known, _)| Arc::ptr_eq(known, cell)) {
            Some((_, known)) if *known == version => {}
            Some((_, known)) => *known = NEVER,
            None => notes.used.push((Arc::clone(cell), version)),
        }
    }

    /// Notes that what was used is outdated already, so that what is computed from it is not kept.
    pub fn outdate(&self, cell: &Arc<Cell>) {
        self.use_cell(cell, NEVER);
    }

    /// Notes that an outcome is lacking.
    pub fn want(&self, cell: &Arc<Cell>) -> Unready {
        let mut notes = self.notes();
        if !notes.wanted.iter().any(|known| Arc::ptr_eq(known, cell)) {
            notes.wanted.push(Arc::clone(cell));
        }
        Unready::Wanted
    }

    /// Notes why a value that was read does not exist. The first reason stays.
    pub fn fail(&self, error: QueryError) {
        self.notes().failed.get_or_insert(error);
    }

    /// Runs a part of a computation whose failure the rest can live with: what it used and lacks is
    /// noted here too, why it failed is not.
    pub fn apart<T>(&self, compute: impl FnOnce(&Reads) -> T) -> (T, Used) {
        let own = Reads::new(self.since);
        let computed = compute(&own);
        for wanted in own.wanted() {
            self.want(&wanted);
        }
        let used = own.used();
        self.include(&used);
        (computed, used)
    }

    /// Takes over what another computation read.
    pub fn include(&self, used: &Used) {
        for (cell, version) in used {
            self.use_cell(cell, *version);
        }
    }

    /// What was used.
    pub fn used(&self) -> Used {
        self.notes().used.clone()
    }

    /// What is lacking.
    pub fn wanted(&self) -> Vec<Arc<Cell>> {
        self.notes().wanted.clone()
    }

    /// Why the computation stopped, if what it read made it stop. The template engine turns both
    /// into errors of its own, so they are asked for here first.
    pub fn verdict(&self) -> Option<Unready> {
        let notes = self.notes();
        if !notes.wanted.is_empty() {
            return Some(Unready::Wanted);
        }
        notes.failed.clone().map(Unready::Failed)
    }
}
