//! A list of which single records were asked for anew.
//!
//! An event about one of ten thousand peers must not cost a question about all of them. Where a
//! query names a cheaper one (`refresh.one`), a record that an event concerns is asked for by that,
//! and its fields are put over those the list has.

use std::sync::{Arc, PoisonError};

use super::cell::Cell;
use super::queries::{Derived, Queries};
use super::reads::{Reads, Unready};
use super::scope::{Binding, Bindings};
use super::snapshot::Snapshot;
use crate::language::{Query, QueryId, escape};
use crate::parse::value::{Fields, Shapes, Value};

/// Beyond so many records at once, asking for all of them together costs less.
const RECORDS: usize = 256;

impl Queries {
    /// The list of a cell, with the records asked for anew that became stale after it was asked.
    pub(super) fn with_refreshed_records(
        self: &Arc<Self>,
        query: &Query,
        one: QueryId,
        (cell, version): (&Arc<Cell>, u64),
        list: Arc<Snapshot>,
        reads: &Reads,
    ) -> Result<Arc<Snapshot>, Unready> {
        let Value::List(records) = &list.value else { return Ok(list) };
        let asked = cell.asked();
        let stale = self.staleness(cell.query).records_after(asked);
        if stale.is_empty() {
            return Ok(list);
        }
        if asked >= reads.since {
            // a list asked for just now is taken as it is, or events that come faster than answers
            // would keep a reader waiting for ever; but nobody may keep what is computed from it
            reads.outdate(cell);
            return Ok(list);
        }
        if stale.len() > RECORDS {
            return Err(self.ask_for_all(cell, reads));
        }
        let kept = self.refreshed(cell.query);
        if let Some(kept) = &*kept.lock().unwrap_or_else(PoisonError::into_inner)
            && self.still_true(&kept.used, reads.since)
        {
            reads.include(&kept.used);
            return Ok(Arc::clone(&kept.snapshot));
        }
        let (refreshed, used) = reads.apart(|own| {
            own.use_cell(cell, version);
            self.refresh_records(one, cell, &list, records.to_vec(), stale, own)
        });
        let snapshot = Arc::new(Snapshot::new(refreshed?.into(), list.raw.clone(), query.key.clone()));
        let derived = Derived { snapshot: Arc::clone(&snapshot), used };
        *kept.lock().unwrap_or_else(PoisonError::into_inner) = Some(derived);
        Ok(snapshot)
    }

    fn refresh_records(
        self: &Arc<Self>,
        one: QueryId,
        cell: &Arc<Cell>,
        list: &Snapshot,
        mut records: Vec<Value>,
        stale: Vec<Arc<str>>,
        reads: &Reads,
    ) -> Result<Vec<Value>, Unready> {
        let mut shapes = Shapes::new();
        let mut result = Ok(());
        for key in stale {
            let Some(position) = list.position(&key) else { return Err(self.ask_for_all(cell, reads)) };
            let variable = self.model().query(one).parameters.first().map_or("", String::as_str).into();
            let name = escape(&key).into();
            let binding = Binding { variable, name, key, value: records[position].clone() };
            match self.read(one, &Bindings::none().with(binding), reads) {
                Ok(fresh) => records[position] = overlay(&records[position], &fresh.value, &mut shapes),
                Err(Unready::Wanted) => result = Err(Unready::Wanted),
                // the record may be gone: the list knows
                Err(Unready::Failed(_)) => return Err(self.ask_for_all(cell, reads)),
            }
        }
        result.map(|()| records)
    }

    fn ask_for_all(&self, cell: &Arc<Cell>, reads: &Reads) -> Unready {
        self.invalidate(cell.query);
        reads.want(cell)
    }
}

/// A record of a list with the fields that were asked for anew; others are not added, so that all
/// records of the list stay alike.
fn overlay(record: &Value, fresh: &Value, shapes: &mut Shapes) -> Value {
    let Value::Record(fields) = record else { return fresh.clone() };
    let mut overlaid = Fields::new();
    for (name, value) in fields.iter() {
        overlaid.push(name, fresh.get(name).unwrap_or(value).clone());
    }
    overlaid.finish(shapes)
}
