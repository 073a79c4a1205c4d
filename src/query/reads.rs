//! What a computation read, and what it lacked.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use indexmap::IndexMap;

use super::caller::Caller;
use super::cell::Cell;
use super::error::QueryError;
use super::table::Table;
use crate::parse::value::Value;

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

/// A stamp or version that nothing ever has.
const NEVER: u64 = u64::MAX;

/// The results that a computation used, each with what it saw of it.
#[derive(Debug, Clone, Default)]
pub struct Used {
    /// Answers, with the stamp of the look at them.
    pub(super) cells: Vec<(Arc<Cell>, u64)>,
    /// Tables.
    pub(super) tables: Vec<TableRead>,
}

/// What was seen of a table.
#[derive(Debug, Clone)]
pub struct TableRead {
    pub(super) table: Arc<Table>,
    /// The version that was first seen.
    pub(super) version: u64,
    /// Whether it was read as a whole.
    pub(super) whole: bool,
    /// Records that were read by their keys, and what stood there.
    pub(super) records: Vec<(Arc<str>, Option<Value>)>,
}

impl Used {
    /// Whether nothing was used: what was computed is true for ever.
    pub fn is_empty(&self) -> bool {
        self.cells.is_empty() && self.tables.is_empty()
    }

    /// Whether the same was used and seen.
    pub fn is_same(&self, other: &Used) -> bool {
        let cells = || self.cells.iter().zip(&other.cells);
        let tables = || self.tables.iter().zip(&other.tables);
        self.cells.len() == other.cells.len()
            && self.tables.len() == other.tables.len()
            && cells().all(|(one, two)| Arc::ptr_eq(&one.0, &two.0) && one.1 == two.1)
            && tables().all(|(one, two)| one.is_same(two))
    }
}

/// Beyond so many records of one table, it counts as read as a whole.
const RECORDS: usize = 256;

impl TableRead {
    fn is_same(&self, other: &TableRead) -> bool {
        let records = || self.records.iter().zip(&other.records);
        Arc::ptr_eq(&self.table, &other.table)
            && (self.version, self.whole) == (other.version, other.whole)
            && self.records.len() == other.records.len()
            && records().all(|(one, two)| one.0 == two.0 && same(one.1.as_ref(), two.1.as_ref()))
    }

    fn use_whole(&mut self, version: u64) {
        self.whole = true;
        if self.version != version {
            self.version = NEVER;
        }
    }

    fn use_record(&mut self, key: &Arc<str>, value: Option<&Value>) {
        if self.whole {
            return;
        }
        match self.records.iter().find(|(known, _)| known == key) {
            Some((_, known)) if same(known.as_ref(), value) => {}
            Some(_) => self.use_whole(NEVER),
            None if self.records.len() < RECORDS => self.records.push((Arc::clone(key), value.cloned())),
            // the version that was first seen: if it is not the present one, that is found
            None => self.whole = true,
        }
    }
}

/// Whether two values are one, or look the same.
pub fn same(one: Option<&Value>, two: Option<&Value>) -> bool {
    match (one, two) {
        (Some(Value::Record(one)), Some(Value::Record(two))) if Arc::ptr_eq(one, two) => true,
        _ => one == two,
    }
}

/// How a computation reads.
#[derive(Debug, Clone, Copy)]
pub struct Manner {
    /// Whatever was asked since then is fresh enough.
    pub since: Instant,
    /// What an event made stale is asked for, even where its refresh is under way.
    pub eager: bool,
    /// An answer that is not fresh is good enough while there is no other.
    pub takes_stale: bool,
    /// Of what is asked for each of many records, the answer for one will do; the others go without.
    pub samples: bool,
}

impl Manner {
    /// A reader's, from now on.
    pub fn of_reader() -> Manner {
        Manner { since: Instant::now(), eager: false, takes_stale: true, samples: false }
    }
}

/// What one computation read. Shared with the template engine while it runs.
#[derive(Debug, Clone)]
pub struct Reads {
    notes: Arc<Mutex<Notes>>,
    /// How it reads.
    pub manner: Manner,
    caller: Option<Caller>,
}

/// What was noted so far; answers by their address, since a computation may use thousands.
#[derive(Debug, Default)]
struct Notes {
    cells: IndexMap<usize, (Arc<Cell>, u64)>,
    tables: Vec<TableRead>,
    wanted: IndexMap<usize, Arc<Cell>>,
    failed: Option<QueryError>,
}

impl Notes {
    fn use_cell(&mut self, cell: &Arc<Cell>, stamp: u64) {
        let (_, known) = self.cells.entry(address(cell)).or_insert_with(|| (Arc::clone(cell), stamp));
        if *known != stamp {
            *known = NEVER;
        }
    }

    fn table(&mut self, table: &Arc<Table>, version: u64) -> &mut TableRead {
        let known = self.tables.iter().position(|read| Arc::ptr_eq(&read.table, table));
        let index = known.unwrap_or_else(|| {
            let table = Arc::clone(table);
            self.tables.push(TableRead { table, version, whole: false, records: Vec::new() });
            self.tables.len() - 1
        });
        &mut self.tables[index]
    }
}

fn address(cell: &Arc<Cell>) -> usize {
    Arc::as_ptr(cell) as usize
}

impl Reads {
    /// Nothing read yet.
    pub fn new(manner: Manner) -> Reads {
        Reads { notes: Arc::default(), manner, caller: None }
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
    pub fn use_cell(&self, cell: &Arc<Cell>, stamp: u64) {
        self.notes().use_cell(cell, stamp);
    }

    /// Notes that a table was read as a whole.
    pub fn use_table(&self, table: &Arc<Table>, version: u64) {
        self.notes().table(table, version).use_whole(version);
    }

    /// Notes that something of a table was read: what is computed is as fresh as the table.
    pub fn touch_table(&self, table: &Arc<Table>, version: u64) {
        self.notes().table(table, version);
    }

    /// Notes that a record of a table was read, or that there is none of that key.
    pub fn use_record(&self, table: &Arc<Table>, version: u64, key: &Arc<str>, value: Option<&Value>) {
        self.notes().table(table, version).use_record(key, value);
    }

    /// Notes that an outcome is lacking.
    pub fn want(&self, cell: &Arc<Cell>) -> Unready {
        self.notes().wanted.entry(address(cell)).or_insert_with(|| Arc::clone(cell));
        Unready::Wanted
    }

    /// Notes why a value that was read does not exist. The first reason stays.
    pub fn fail(&self, error: QueryError) {
        self.notes().failed.get_or_insert(error);
    }

    /// Runs a part of a computation whose failure the rest can live with: what it used and lacks is
    /// noted here too, why it failed is not.
    pub fn apart<T>(&self, compute: impl FnOnce(&Reads) -> T) -> (T, Used) {
        let own = Reads::new(self.manner);
        let computed = compute(&own);
        self.want_all(&own);
        let used = own.used();
        self.include(&used);
        (computed, used)
    }

    /// Notes that what another computation lacks is lacking here.
    pub fn want_all(&self, other: &Reads) {
        for wanted in other.wanted() {
            self.want(&wanted);
        }
    }

    /// Takes over what another computation used. What both saw, and saw differently, is true of
    /// neither.
    pub fn include(&self, used: &Used) {
        let mut notes = self.notes();
        for (cell, stamp) in &used.cells {
            notes.use_cell(cell, *stamp);
        }
        for read in &used.tables {
            let own = notes.table(&read.table, read.version);
            if read.whole {
                own.use_whole(read.version);
            }
            for (key, value) in &read.records {
                own.use_record(key, value.as_ref());
            }
        }
    }

    /// What was used.
    pub fn used(&self) -> Used {
        let notes = self.notes();
        Used { cells: notes.cells.values().cloned().collect(), tables: notes.tables.clone() }
    }

    /// What is lacking.
    pub fn wanted(&self) -> Vec<Arc<Cell>> {
        self.notes().wanted.values().cloned().collect()
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
