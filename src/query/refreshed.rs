//! A list of which single records are asked for anew.
//!
//! An event about one of ten thousand peers must not cost a question about all of them. Where a
//! query names a cheaper one (`refresh.one`), a record that an event concerns is asked for by that,
//! and its fields are put over those the list has.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Instant;

use super::cell::Cell;
use super::queries::Queries;
use super::reads::{Manner, Reads, Unready};
use super::scope::{Binding, Bindings};
use super::snapshot::Snapshot;
use super::table::{Pending, Sought, Stages, Table};
use crate::language::{Query, QueryId, escape};
use crate::parse::value::{Fields, Shapes, Value};

/// If more than one in so many records of a list are to be asked for, asking for the list costs less: Asterisk 22
/// tells three endpoints of a list in the time of one alone, 16 tells thirty peers.
const ONE_IN: usize = 8;

/// So many are asked for together: those of events that come meanwhile wait for no more.
const AT_ONCE: usize = 256;

impl Queries {
    /// The list that a server answered, with those records put over it that were asked for anew. If it
    /// `waits`, for all that are to be; else with those whose answers are here.
    pub(super) fn with_records_anew(
        self: &Arc<Self>,
        query: &Query,
        one: QueryId,
        (pending, sought): (&mut Pending, &mut Sought),
        stages: &mut Stages,
        answer: (&Arc<Cell>, &Arc<Snapshot>),
        (reads, waits): (&Reads, bool),
    ) -> Result<Arc<Snapshot>, Unready> {
        let (cell, answer) = answer;
        let asked = cell.asked();
        let known = stages.answer.as_ref().is_some_and(|known| Arc::ptr_eq(known, answer));
        let known = known && stages.asked == asked;
        let list = match &stages.list {
            Some(list) if known => Arc::clone(list),
            list => self.successor(query, list.as_ref(), answer.value.clone(), answer.raw.clone()),
        };
        (stages.answer, stages.list) = (Some(Arc::clone(answer)), Some(Arc::clone(&list)));
        stages.asked = asked;
        if !known {
            // an answer is read sooner than a list that was asked for before: what happened since belongs
            // over the list as well
            for (key, at) in stages.anew.drain() {
                pending.entry(key).or_insert(at);
            }
            self.pend_later(one, cell, &list, pending);
        }
        // the list has told of what was known when it was asked
        // a list asked for just now is taken as it is, or events that come faster than answers would
        // keep a reader waiting for ever
        let waits = waits && asked.is_none_or(|asked| asked < reads.manner.since);
        pending.retain(|_, at| asked.is_none_or(|asked| *at >= asked));
        let mut unknown = false;
        pending.retain(|key, _| {
            let known = list.position(key).is_some();
            unknown |= !known && sought.seeks(key);
            known
        });
        // meanwhile the single ones go on: a list that takes long is not asked for at once
        let many = if self.is_published(cell) { usize::MAX } else { many(&list) };
        if (unknown || waits && pending.len() > many)
            && let Some(unready) = self.ask_for_all(cell, reads, waits)
        {
            return Err(unready);
        }
        let turn = oldest(pending);
        let Value::List(before) = &list.value else { return Ok(list) };
        let mut anew: Vec<(usize, Value)> = Vec::new();
        let mut lacks = false;
        let mut gone = false;
        let mut shapes = Shapes::of(before.first());
        pending.retain(|key, marked| {
            let Some(position) = list.position(key).filter(|_| waits || turn.contains(key)) else {
                return true;
            };
            let manner = Manner { eager: true, takes_stale: false, ..reads.manner };
            let own = Reads::new(manner);
            match self.read(one, &self.record_of_list(one, key, &before[position]), &own) {
                Ok(fresh) if asked_since(&own, *marked) => {
                    anew.push((position, overlay(&before[position], &fresh.value, &mut shapes)));
                    stages.anew.insert(Arc::clone(key), *marked);
                    false
                }
                Ok(_) => true,
                Err(Unready::Wanted) => {
                    if waits {
                        reads.want_all(&own);
                    }
                    lacks = true;
                    true
                }
                // the record may be gone: the list knows
                Err(Unready::Failed(_)) => {
                    gone = true;
                    false
                }
            }
        });
        anew.retain(|(position, value)| before[*position] != *value);
        let mut result = Arc::clone(&list);
        if !anew.is_empty() {
            let mut records = before.to_vec();
            let positions = anew.iter().map(|(position, _)| *position).collect();
            for (position, value) in anew {
                records[position] = value;
            }
            result = Arc::new(list.with_records(records, positions, list.raw.clone()));
            stages.list = Some(Arc::clone(&result));
        }
        if gone && let Some(unready) = self.ask_for_all(cell, reads, waits) {
            return Err(unready);
        }
        if lacks && waits { Err(Unready::Wanted) } else { Ok(result) }
    }

    /// The questions that have to be asked for the records of a table that events concerned: one for each, or
    /// the one for all.
    pub(super) fn pending_questions(self: &Arc<Self>, table: &Table) -> Vec<Arc<Cell>> {
        let query = self.model().query(table.query());
        let Some(one) = query.refresh.one else { return Vec::new() };
        if let Some(list) = self.list_instead(table) {
            return vec![list];
        }
        let keys = oldest(&table.state().pending);
        let reads = Reads::new(Manner { eager: true, ..Manner::of_reader() });
        for key in keys {
            if let Some(record) = table.record(&key) {
                // what it lacks is noted, which is all that is wanted of it
                let _ = self.read(one, &self.record_of_list(one, &key, &record), &reads);
            }
        }
        reads.wanted()
    }

    /// The question for a whole list, if it costs less than those for its records that wait; or if these are many,
    /// and it has not been asked because of such for so long that it takes at most a tenth of the time.
    fn list_instead(self: &Arc<Self>, table: &Table) -> Option<Arc<Cell>> {
        let waiting = table.state().pending.len();
        if waiting <= AT_ONCE {
            return None;
        }
        let (id, many) = (table.query(), many(&*table.snapshot()?));
        let (query, home) = (self.model().query(id), self.home(id));
        let reads = Reads::new(Manner { eager: true, ..Manner::of_reader() });
        let list = self.known_cell(id, &self.inquiry(query, &home, &reads).ok()?)?;
        // what a server could not tell just now, or never can, is not asked for again and again; and where somebody
        // else asks, the list is what it was
        if !list.is_answered() || self.is_published(&list) {
            return None;
        }
        let now = Instant::now();
        {
            let mut state = table.state();
            let rested = state.together.is_none_or(|at| now.duration_since(at) >= list.pause());
            if waiting <= many && !rested {
                return None;
            }
            state.together = Some(now);
        }
        list.invalidate(now);
        // it is lacking now
        let _ = self.answer(id, query, &home, &reads);
        reads.wanted().pop()
    }

    pub(super) fn record_of_list(&self, one: QueryId, key: &Arc<str>, record: &Value) -> Bindings {
        let variable = self.model().query(one).parameters.first().map_or("", String::as_str).into();
        let (name, key, value) = (escape(key).into(), Arc::clone(key), record.clone());
        self.home(one).with(Binding { variable, name, key, value, origin: None })
    }

    /// Has the whole list asked for: now, if it `waits`, else when it is its turn.
    fn ask_for_all(&self, cell: &Arc<Cell>, reads: &Reads, waits: bool) -> Option<Unready> {
        if cell.is_invalidated() && !waits {
            return None; // it is planned
        }
        cell.invalidate(Instant::now());
        if waits {
            return Some(reads.want(cell));
        }
        self.plan(cell);
        None
    }
}

/// Beyond so many records of a list at once, asking for all of them together costs less.
fn many(list: &Snapshot) -> usize {
    (list.value.as_list().map_or(0, |records| records.len()) / ONE_IN).max(AT_ONCE)
}

/// The records whose turn it is: those that wait longest.
fn oldest(pending: &Pending) -> HashSet<Arc<str>> {
    let mut waiting: Vec<(&Instant, &Arc<str>)> = pending.iter().map(|(key, at)| (at, key)).collect();
    waiting.sort_unstable();
    waiting.into_iter().take(AT_ONCE).map(|(_, key)| Arc::clone(key)).collect()
}

/// Whether all that was used was asked after that moment.
fn asked_since(reads: &Reads, moment: Instant) -> bool {
    let used = reads.used();
    let mut of_record = used.cells.iter().filter(|(cell, _)| !cell.keys.is_empty());
    of_record.all(|(cell, _)| cell.asked().is_some_and(|asked| asked > moment))
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
