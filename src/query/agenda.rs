//! What is to be looked at again because something changed.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use super::cell::Cell;
use super::dependents::Dependent;
use crate::language::QueryId;

/// What has been marked since somebody last took it. Everything is in it once, however often it was
/// marked: a storm of events makes it no longer than what there is to look at.
#[derive(Debug, Default)]
pub struct Agenda {
    marked: Mutex<Marked>,
    bell: Notify,
}

/// What was marked.
#[derive(Debug, Default)]
pub struct Marked {
    /// Tables to be computed again.
    pub tables: HashSet<QueryId>,
    /// What layers above keep, by their numbers.
    pub kept: HashSet<u32>,
    /// Questions to be asked again, by their address.
    pub cells: HashMap<usize, Arc<Cell>>,
    /// Whether whoever waits is to look, although nothing was marked.
    pub again: bool,
}

impl Agenda {
    fn marked(&self) -> MutexGuard<'_, Marked> {
        self.marked.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds dependents of something that changed.
    pub fn add(&self, dependents: impl IntoIterator<Item = Dependent>) {
        let mut marked = self.marked();
        for dependent in dependents {
            match dependent {
                Dependent::Table(query) => drop(marked.tables.insert(query)),
                Dependent::Kept(number) => drop(marked.kept.insert(number)),
            }
        }
        drop(marked);
        self.bell.notify_one();
    }

    /// Adds a question.
    pub fn ask(&self, cell: &Arc<Cell>) {
        self.marked().cells.insert(Arc::as_ptr(cell) as usize, Arc::clone(cell));
        self.bell.notify_one();
    }

    /// Whether there is nothing.
    pub fn is_empty(&self) -> bool {
        let marked = self.marked();
        !marked.again && marked.tables.is_empty() && marked.kept.is_empty() && marked.cells.is_empty()
    }

    /// Has whoever waits look, although nothing was marked.
    pub fn ring(&self) {
        self.marked().again = true;
        self.bell.notify_one();
    }

    /// Waits until there is something.
    pub async fn wait(&self) {
        self.bell.notified().await;
    }

    /// Takes all there is.
    pub fn take(&self) -> Marked {
        std::mem::take(&mut *self.marked())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_empty_when_all_was_taken_also_what_was_only_rung_for() {
        let agenda = Agenda::default();
        assert!(agenda.is_empty());
        agenda.ring();
        assert!(!agenda.is_empty());
        agenda.take();
        assert!(agenda.is_empty());
        agenda.add([Dependent::Kept(3)]);
        assert!(!agenda.is_empty());
        assert!(agenda.take().kept.contains(&3) && agenda.is_empty());
    }
}
