//! What a computation read, and what it lacked.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

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

/// What one computation read. Shared with the template engine while it runs.
#[derive(Debug, Clone)]
pub struct Reads {
    notes: Arc<Mutex<Notes>>,
    /// Whatever was asked since then is fresh enough for this computation.
    pub since: Instant,
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
        Reads { notes: Arc::default(), since }
    }

    fn notes(&self) -> MutexGuard<'_, Notes> {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes that an outcome was used.
    pub fn use_cell(&self, cell: &Arc<Cell>, version: u64) {
        let mut notes = self.notes();
        if !notes.used.iter().any(|(known, _)| Arc::ptr_eq(known, cell)) {
            notes.used.push((Arc::clone(cell), version));
        }
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
