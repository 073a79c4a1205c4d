//! What is still true, until when, and who is told when it is not any more.

use std::sync::Arc;
use std::time::Instant;

use super::cell::{Cell, Conditions, Look};
use super::dependents::Dependent;
use super::inquiry::{BESIDE, Inquiry};
use super::queries::Queries;
use super::reads::{Manner, Reads, Unready, Used, same};
use super::table::Table;
use crate::language::QueryId;

/// Beyond so many records of one list that events concerned and nobody asked for, all of it is stale.
const PENDING: usize = 100_000;

impl Queries {
    pub(super) fn conditions(&self, cell: &Cell, manner: Manner) -> Conditions {
        let query = self.model().query(cell.query);
        let lives = match (query.refresh.every, query.refresh.on.is_empty()) {
            _ if self.is_published(cell) => None,
            (Some(every), _) => Some(every),
            (None, true) if cell.is_watched() => None,
            (None, true) => Some(self.model().defaults.ttl),
            (None, false) => None,
        };
        let (session, down_since) = match &cell.inquiry {
            Inquiry::Action(_) => {
                let link = self.link_of(cell.query);
                (link.session, link.down_since())
            }
            Inquiry::Request(_) => (Some(BESIDE), None),
        };
        Conditions {
            session,
            down_since,
            lives,
            stale_for: manner.takes_stale.then_some(query.max_stale),
            since: manner.since,
            patient: !manner.eager && cell.is_invalidated() && self.any_live(&cell.dependents()),
        }
    }

    /// Whether a reader of a table need not wait for records that events concerned: their refresh is
    /// under way, because something that is kept depends on the table.
    pub(super) fn is_patient_for(&self, table: &Table, reads: &Reads) -> bool {
        !reads.manner.eager && table.is_live(self)
    }

    /// Whether something is kept that depends on any of these.
    pub(super) fn any_live(&self, dependents: &[Dependent]) -> bool {
        dependents.iter().any(|dependent| match dependent {
            Dependent::Kept(_) => true,
            Dependent::Table(id) => self.table(*id).is_live(self),
        })
    }

    /// Whether everything that was used is still as it was.
    pub fn still_true(&self, used: &Used, manner: Manner) -> bool {
        used.cells.iter().all(|(cell, stamp)| cell.still(*stamp, &self.conditions(cell, manner)))
            && used.tables.iter().all(|read| {
                self.is_current(&read.table)
                    && (!read.whole || read.table.version() == read.version)
                    && read
                        .records
                        .iter()
                        .all(|(key, value)| same(read.table.record(key).as_ref(), value.as_ref()))
                    && (manner.takes_stale || self.is_fresh(&read.table.used(), manner))
            })
    }

    /// For a reader for whom no stale answer will do: a table takes what there is, for all who read it.
    pub(super) fn demand_fresh(&self, used: &Used, reads: &Reads) -> Result<(), Unready> {
        for (cell, stamp) in &used.cells {
            match cell.look(&self.conditions(cell, reads.manner)) {
                Look::Ask => return Err(reads.want(cell)),
                Look::Use { stamp: now, outcome } if now != *stamp => {
                    reads.use_cell(cell, now);
                    outcome?;
                }
                Look::Use { .. } => {}
            }
        }
        used.tables.iter().try_for_each(|read| self.demand_fresh(&read.table.used(), reads))
    }

    fn is_fresh(&self, used: &Used, manner: Manner) -> bool {
        used.cells.iter().all(|(cell, stamp)| cell.still(*stamp, &self.conditions(cell, manner)))
            && used.tables.iter().all(|read| self.is_fresh(&read.table.used(), manner))
    }

    /// Whether what is kept of a table may be given out as it is.
    fn is_current(&self, table: &Table) -> bool {
        table.is_current(self.epoch_of(table.query()))
    }

    /// Whether the tables among what was used are those of that version still.
    pub fn are_current(&self, used: &Used) -> bool {
        let mut whole = used.tables.iter().filter(|read| read.whole);
        whole.all(|read| self.is_current(&read.table) && read.table.version() == read.version)
    }

    /// Until when what was computed from these is true, if nothing happens; none if that is for ever.
    pub fn until(&self, used: &Used) -> Option<Instant> {
        let manner = Manner::of_reader();
        let cells = used.cells.iter().filter_map(|(cell, _)| cell.until(&self.conditions(cell, manner)));
        cells.chain(used.tables.iter().filter_map(|read| read.table.until())).min()
    }

    /// Has a dependent told of whatever changes in what it was computed from. What has changed since
    /// is told at once, and what an event made stale when it was of no interest yet is asked for.
    pub fn add_dependent(&self, dependent: Dependent, used: &Used) {
        let mut latest = true;
        for (cell, stamp) in &used.cells {
            latest &= cell.add_dependent(dependent, *stamp);
            if cell.is_left_alone() {
                self.plan(cell);
            }
        }
        for read in &used.tables {
            if read.whole {
                read.table.add_dependent(dependent, None);
                latest &= read.table.version() == read.version;
            }
            for (key, value) in &read.records {
                read.table.add_dependent(dependent, Some(key));
                latest &= same(read.table.record(key).as_ref(), value.as_ref());
            }
            if !self.is_current(&read.table) || read.table.is_left_alone() {
                self.agenda.add([Dependent::Table(read.table.query())]);
            }
        }
        if !latest {
            self.mark([dependent]);
        }
    }

    /// Has a dependent told no longer.
    pub fn remove_dependent(&self, dependent: Dependent, used: &Used) {
        for (cell, _) in &used.cells {
            cell.remove_dependent(dependent);
        }
        for read in &used.tables {
            if read.whole {
                read.table.remove_dependent(dependent, None);
            }
            for (key, _) in &read.records {
                read.table.remove_dependent(dependent, Some(key));
            }
        }
    }

    /// Marks these to be looked at again.
    pub(super) fn mark(&self, dependents: impl IntoIterator<Item = Dependent>) {
        let dependents: Vec<Dependent> = dependents.into_iter().collect();
        for dependent in &dependents {
            if let Dependent::Table(id) = dependent {
                self.table(*id).mark();
            }
        }
        if !dependents.is_empty() {
            self.agenda.add(dependents);
        }
    }

    /// Has a question asked again as soon as it is its turn, if something kept depends on it.
    pub(super) fn plan(&self, cell: &Arc<Cell>) {
        self.agenda.ask(cell);
    }

    /// Marks a query's results as stale from now on.
    pub fn invalidate(&self, id: QueryId) {
        for cell in self.cells(id) {
            self.invalidate_cell(&cell);
        }
    }

    pub(super) fn invalidate_cell(&self, cell: &Arc<Cell>) {
        cell.invalidate(Instant::now());
        // where nobody keeps what depends on it, whoever reads next has to ask
        let dependents = cell.dependents();
        let further = !self.any_live(&dependents);
        self.mark_tables(dependents, further);
        self.plan(cell);
    }

    /// Marks tables; and `further`, those that were made from them.
    fn mark_tables(&self, dependents: Vec<Dependent>, further: bool) {
        for dependent in dependents {
            if let Dependent::Table(id) = dependent {
                self.table(id).mark();
                if further {
                    self.mark_tables(self.table(id).all_dependents(), true);
                }
            }
        }
    }

    /// Marks as stale what concerns the record of that key: the result for that record of a query
    /// that is asked once per record, or that record of a list whose query names a cheaper one.
    /// Without such a query all of the list is stale.
    pub fn invalidate_record(&self, id: QueryId, key: &str) {
        let query = self.model().query(id);
        if query.parameters.is_empty() {
            let Some(one) = query.refresh.one else { return self.invalidate(id) };
            // one moment for both: what is asked while the table is not to be had yet is asked after it
            let now = Instant::now();
            self.cells_about(one, key).iter().for_each(|cell| cell.invalidate(now));
            let overrun = {
                let mut state = self.table(id).state();
                state.pending.insert(key.into(), now);
                state.pending.len() > PENDING
            };
            if overrun {
                self.table(id).state().pending.clear();
                return self.invalidate(id);
            }
            // what is being asked marks it when it is here, and those that came meanwhile are looked at then
            if !self.table(id).is_asking() {
                self.mark([Dependent::Table(id)]);
            }
        } else {
            self.cells_about(id, key).iter().for_each(|cell| self.invalidate_cell(cell));
        }
    }

    /// Has a list asked for again if it does not know the record of that key.
    pub(super) fn seek_record(&self, id: QueryId, key: &str) {
        let table = self.table(id);
        if table.record(key).is_none() && table.state().sought.seeks(key) {
            self.invalidate(id);
        }
    }
}
