//! What was read for single records of a list besides themselves.
//!
//! A field or condition of a record may look at another list, or at the record's own details. Then
//! the record is to be looked at again when that changes, and the ten thousand others are not.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::dependents::Dependent;
use super::queries::Queries;
use super::reads::{Manner, Reads, Used};
use super::snapshot::Snapshot;
use super::table::Table;

/// By the records' positions, what was read for each; only for those for which something was.
#[derive(Debug, Default)]
pub struct Besides {
    rows: HashMap<usize, Used>,
    tables: Vec<TableBeside>,
    /// Those for which answers were read that stand in no table.
    answers: HashSet<usize>,
    /// What the tables were when the records were last looked at, until what was found is put here.
    seen: Option<Vec<Option<Arc<Snapshot>>>>,
}

/// A table that was read for some records.
#[derive(Debug)]
struct TableBeside {
    table: Arc<Table>,
    /// What it was when all records were last found to be true.
    then: Option<Arc<Snapshot>>,
    /// The records for which a record of it was read, by its key,
    readers: HashMap<Arc<str>, Vec<usize>>,
    /// and those for which all of it was.
    of_whole: HashSet<usize>,
}

impl TableBeside {
    /// The records for which something may be another now; none are told if that cannot be said.
    fn concerned(&self, now: Option<&Arc<Snapshot>>) -> Option<HashSet<usize>> {
        let (then, now) = (self.then.as_ref()?, now?);
        let places = now.changed_since(then)?;
        if places.is_empty() {
            return Some(HashSet::new());
        }
        let keys = places.iter().flat_map(|place| [then.key_at(*place), now.key_at(*place)]).flatten();
        let readers = keys.filter_map(|key| self.readers.get(key)).flatten();
        Some(readers.chain(&self.of_whole).copied().collect())
    }
}

impl Besides {
    /// The records for which something has changed since.
    pub fn outdated(&mut self, queries: &Queries, manner: Manner) -> Vec<usize> {
        // seen before the records are looked at: what changes meanwhile is found the next time
        let now: Vec<_> = self.tables.iter().map(|beside| beside.table.snapshot()).collect();
        let mut concerned = Some(self.answers.clone());
        for (beside, now) in self.tables.iter().zip(&now) {
            concerned = concerned.zip(beside.concerned(now.as_ref())).map(|(mut all, of_table)| {
                all.extend(of_table);
                all
            });
        }
        // a look that lacks an answer comes to nothing, and the next has to find the same records
        self.seen = Some(now);
        let is_outdated =
            |position: &usize| self.rows.get(position).is_some_and(|used| !queries.still_true(used, manner));
        match concerned {
            Some(concerned) => concerned.into_iter().filter(is_outdated).collect(),
            None => self.rows.keys().copied().filter(is_outdated).collect(),
        }
    }

    /// Notes what was read for these records, and has `dependent` told when it changes. The others
    /// stay as they are, unless nothing is to be `kept`.
    pub fn put_all(
        &mut self,
        queries: &Queries,
        dependent: Option<Dependent>,
        read: Vec<(usize, Used)>,
        kept: bool,
    ) {
        if !kept {
            self.clear(queries, dependent);
        } else if let Some(seen) = self.seen.take() {
            self.tables.iter_mut().zip(seen).for_each(|(beside, seen)| beside.then = seen);
        }
        for (position, used) in read {
            self.answers.remove(&position);
            if used.is_empty() {
                self.rows.remove(&position);
                continue;
            }
            if !used.cells.is_empty() {
                self.answers.insert(position);
            }
            for read in &used.tables {
                let beside = self.beside(&read.table, read.version);
                for (key, _) in &read.records {
                    let readers = beside.readers.entry(Arc::clone(key)).or_default();
                    if !readers.contains(&position) {
                        readers.push(position);
                    }
                }
                if read.whole {
                    beside.of_whole.insert(position);
                }
            }
            // what was read before and is not any more goes on telling: others may have read it too
            if let Some(dependent) = dependent {
                queries.add_dependent(dependent, &used);
            }
            self.rows.insert(position, used);
        }
    }

    fn beside(&mut self, table: &Arc<Table>, version: u64) -> &mut TableBeside {
        let known = self.tables.iter().position(|beside| Arc::ptr_eq(&beside.table, table));
        let index = known.unwrap_or_else(|| {
            // if it is another already, nothing can be said of what has changed since
            let then = table.snapshot().filter(|_| table.version() == version);
            let (readers, of_whole) = Default::default();
            self.tables.push(TableBeside { table: Arc::clone(table), then, readers, of_whole });
            self.tables.len() - 1
        });
        &mut self.tables[index]
    }

    /// Whether something was read for the record at that position.
    pub fn contains(&self, position: usize) -> bool {
        self.rows.contains_key(&position)
    }

    /// Forgets all of it, and has `dependent` told no longer.
    pub fn clear(&mut self, queries: &Queries, dependent: Option<Dependent>) {
        if let Some(dependent) = dependent {
            self.rows.values().for_each(|used| queries.remove_dependent(dependent, used));
        }
        *self = Besides::default();
    }

    /// Notes in `reads` that what is computed is no fresher than this.
    pub fn touch(&self, reads: &Reads) {
        for beside in &self.tables {
            reads.touch_table(&beside.table, beside.table.version());
        }
    }
}
