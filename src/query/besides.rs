//! What was read for single records of a list besides themselves.
//!
//! A field or condition of a record may look at another list, or at the record's own details. Then
//! the record is to be looked at again when that changes, and the ten thousand others are not.

use std::collections::HashMap;
use std::sync::Arc;

use super::dependents::Dependent;
use super::queries::Queries;
use super::reads::{Manner, Reads, Used};
use super::table::Table;

/// By the records' positions, what was read for each; only for those for which something was.
#[derive(Debug, Default)]
pub struct Besides {
    rows: HashMap<usize, Used>,
    /// The tables among it, as they were when all records were last found to be true.
    tables: Vec<(Arc<Table>, u64)>,
    /// The same as they were when the records were last looked at, until what was found is put here.
    seen: Option<Vec<(Arc<Table>, u64)>>,
}

impl Besides {
    /// The records for which something has changed since.
    pub fn outdated(&mut self, queries: &Queries, manner: Manner) -> Vec<usize> {
        // read before the records are looked at: what changes meanwhile is found the next time
        let now: Vec<(Arc<Table>, u64)> =
            self.tables.iter().map(|(table, _)| (Arc::clone(table), table.version())).collect();
        let answers = self.rows.values().any(|used| !used.cells.is_empty());
        if !answers && self.tables.iter().zip(&now).all(|(then, now)| then.1 == now.1) {
            return Vec::new();
        }
        // a look that lacks an answer comes to nothing, and the next has to find the same records
        self.seen = Some(now);
        let outdated = self.rows.iter().filter(|(_, used)| !queries.still_true(used, manner));
        outdated.map(|(position, _)| *position).collect()
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
            self.tables = seen;
        }
        for (position, used) in read {
            if used.is_empty() {
                self.rows.remove(&position);
                continue;
            }
            for read in &used.tables {
                if !self.tables.iter().any(|(known, _)| Arc::ptr_eq(known, &read.table)) {
                    self.tables.push((Arc::clone(&read.table), read.version));
                }
            }
            // what was read before and is not any more goes on telling: others may have read it too
            if let Some(dependent) = dependent {
                queries.add_dependent(dependent, &used);
            }
            self.rows.insert(position, used);
        }
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
        for (table, version) in &self.tables {
            reads.touch_table(table, *version);
        }
    }
}
