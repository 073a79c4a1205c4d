//! The result of a query that is asked once, kept true record by record.
//!
//! An event about one of ten thousand peers must cost work for that one. So a table that is computed
//! again starts from what it was: it looks at the records that changed, and tells those who read
//! these, or the whole.
//!
//! Whether it is true still is known without a look at what it was computed from: whatever that was
//! marks it when it changes.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::besides::Besides;
use super::cell::Outcome;
use super::dependents::{Dependent, Dependents};
use super::queries::Queries;
use super::reads::{Manner, Reads, Unready, Used, same};
use super::scope::Scope;
use super::snapshot::Snapshot;
use crate::data::Wanted;
use crate::language::{Query, QueryId, Question, from_template};
use crate::parse::value::Value;

/// The kept result of one query.
#[derive(Debug)]
pub struct Table {
    query: QueryId,
    /// Whether something that it was computed from has changed.
    dirty: AtomicBool,
    /// Whether its records that events concerned are being asked for.
    asking: AtomicBool,
    /// Whether what could not be had of these is asked for again in a moment.
    resting: AtomicBool,
    state: Mutex<State>,
    dependents: Mutex<TableDependents>,
}

/// Records that events concerned, by their keys, and when they did.
pub(super) type Pending = HashMap<Arc<str>, Instant>;

/// What is kept.
#[derive(Debug, Default)]
pub(super) struct State {
    current: Option<Current>,
    stages: Stages,
    /// Records of which an event said that they changed, and when it did.
    pub(super) pending: Pending,
    /// Records that events named and that the list did not know.
    pub(super) sought: Sought,
    /// When the list was last asked for because so many records waited.
    pub(super) together: Option<Instant>,
}

/// Records that a list did not know, and when it was last asked again for them.
#[derive(Debug, Default)]
pub(super) struct Sought(HashMap<Arc<str>, Instant>);

/// So many are remembered.
const SOUGHT: usize = 10_000;

/// For so long, a record that was not found is not sought again: a server tells of things that its
/// lists do not have, and the lists are long.
const NOT_AGAIN: Duration = Duration::from_secs(60);

impl Sought {
    /// Whether a record that the list does not know is a reason to ask for the list.
    pub fn seeks(&mut self, key: &str) -> bool {
        if self.0.len() >= SOUGHT {
            self.0.clear();
        }
        let before = self.0.get(key);
        if before.is_some_and(|at| at.elapsed() < NOT_AGAIN) {
            return false;
        }
        self.0.insert(key.into(), Instant::now());
        true
    }
}

#[derive(Debug)]
struct Current {
    outcome: Outcome,
    version: u64,
    used: Used,
    /// When it is to be looked at again although nothing happened.
    until: Option<Instant>,
    /// Under which connection, or loss of one, it was computed.
    link: u64,
}

/// What a result was computed from on the way, to go on from there.
#[derive(Debug, Default)]
pub(super) struct Stages {
    /// The server's answer.
    pub answer: Option<Arc<Snapshot>>,
    /// When it was asked for.
    pub asked: Option<Instant>,
    /// The same with the records over it that were asked for anew.
    pub list: Option<Arc<Snapshot>>,
    /// These records, and when an event concerned them.
    pub anew: Pending,
    /// The records that `fields` were computed for.
    pub source: Option<Arc<Snapshot>>,
    /// The result.
    pub result: Option<Arc<Snapshot>>,
    /// Of records that stand in for those of `data get`: which are wanted,
    pub wanted: Option<Wanted>,
    /// and those of the result that were searched for.
    pub found: Option<Arc<Snapshot>>,
    /// What the fields of some records read besides these.
    pub besides: Besides,
}

#[derive(Debug, Default)]
struct TableDependents {
    whole: Dependents,
    records: HashMap<Arc<str>, Dependents>,
}

impl Table {
    /// Nothing known yet.
    pub fn new(query: QueryId) -> Table {
        let (dirty, asking, resting) = (AtomicBool::new(true), AtomicBool::default(), AtomicBool::default());
        Table { query, dirty, asking, resting, state: Mutex::default(), dependents: Mutex::default() }
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn dependents(&self) -> MutexGuard<'_, TableDependents> {
        self.dependents.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The query.
    pub fn query(&self) -> QueryId {
        self.query
    }

    /// Marks it to be computed again.
    pub fn mark(&self) {
        self.dirty.store(true, Ordering::Release);
    }

    /// Whether its records that events concerned are being asked for.
    pub(super) fn is_asking(&self) -> bool {
        self.asking.load(Ordering::Acquire)
    }

    /// Begins to wait before what could not be had is asked for again; not if somebody does already.
    pub(super) fn begin_rest(&self) -> bool {
        !self.resting.swap(true, Ordering::AcqRel)
    }

    /// Ends that.
    pub(super) fn end_rest(&self) {
        self.resting.store(false, Ordering::Release);
    }

    /// Whether events concerned some of its records, and nobody is asking for them.
    pub(super) fn is_left_alone(&self) -> bool {
        !self.is_looked_after() && !self.state().pending.is_empty()
    }

    /// Whether its records that events concerned are asked for, now or in a moment.
    fn is_looked_after(&self) -> bool {
        self.is_asking() || self.resting.load(Ordering::Acquire)
    }

    /// Notes whether they are.
    pub(super) fn set_asking(&self, asking: bool) {
        self.asking.store(asking, Ordering::Release);
    }

    /// Adds a dependent on the whole, or on the record of a key.
    pub(super) fn add_dependent(&self, dependent: Dependent, key: Option<&Arc<str>>) {
        let mut dependents = self.dependents();
        match key {
            None => dependents.whole.add(dependent),
            Some(key) => dependents.records.entry(Arc::clone(key)).or_default().add(dependent),
        }
    }

    /// Takes a dependent away.
    pub(super) fn remove_dependent(&self, dependent: Dependent, key: Option<&Arc<str>>) {
        let mut dependents = self.dependents();
        let Some(key) = key else { return dependents.whole.remove(dependent) };
        if let Some(known) = dependents.records.get_mut(key) {
            known.remove(dependent);
            if known.is_empty() {
                dependents.records.remove(key);
            }
        }
    }

    /// Whatever was computed from it or from one of its records, each once.
    pub(super) fn all_dependents(&self) -> Vec<Dependent> {
        let dependents = self.dependents();
        let of_records = dependents.records.values().flat_map(Dependents::all);
        let all: HashSet<Dependent> = dependents.whole.all().into_iter().chain(of_records).collect();
        all.into_iter().collect()
    }

    /// Whether anything is kept that was computed from it; other tables among it are asked.
    pub(super) fn is_live(&self, queries: &Queries) -> bool {
        let whole = {
            let dependents = self.dependents();
            if !dependents.records.is_empty() {
                return true;
            }
            dependents.whole.all()
        };
        queries.any_live(&whole)
    }

    /// Keeps a result that was had elsewhere.
    pub(super) fn supply(&self, outcome: Outcome, link: u64) {
        let (version, used, until) = (1, Used::default(), None);
        self.state().current = Some(Current { outcome, version, used, until, link });
        self.dirty.store(false, Ordering::Release);
    }

    /// The record of that key as it is kept now.
    pub(super) fn record(&self, key: &str) -> Option<Value> {
        let state = self.state();
        state.current.as_ref()?.outcome.as_ref().ok()?.record(key).cloned()
    }

    /// Whether a record is the one that its key finds, and no other bears that key.
    pub(super) fn tells(&self, key: &str, value: &Value) -> bool {
        let state = self.state();
        let snapshot = state.current.as_ref().and_then(|current| current.outcome.as_ref().ok());
        snapshot.is_some_and(|snapshot| !snapshot.repeats(key) && same(snapshot.record(key), Some(value)))
    }

    /// The result that is kept now, if it is one.
    pub(super) fn snapshot(&self) -> Option<Arc<Snapshot>> {
        self.state().current.as_ref()?.outcome.as_ref().ok().cloned()
    }

    /// The version that is kept now.
    pub(super) fn version(&self) -> u64 {
        self.state().current.as_ref().map_or(0, |current| current.version)
    }

    /// Until when it is true, if nothing happens; none if that is for ever.
    pub(super) fn until(&self) -> Option<Instant> {
        self.state().current.as_ref().and_then(|current| current.until)
    }

    /// What it was computed from.
    pub(super) fn used(&self) -> Used {
        self.state().current.as_ref().map(|current| current.used.clone()).unwrap_or_default()
    }

    /// Whether what is kept may be given out as it is.
    pub(super) fn is_current(&self, link: u64) -> bool {
        let dirty = self.dirty.load(Ordering::Acquire);
        !dirty && self.state().current.as_ref().is_some_and(|current| current.is_true(link))
    }
}

impl Current {
    fn is_true(&self, link: u64) -> bool {
        self.link == link && self.until.is_none_or(|until| Instant::now() < until)
    }
}

impl Queries {
    /// The result of a query that is asked once, and its version.
    ///
    /// # Errors
    /// [`Unready::Wanted`] if something has to be asked first. Why there is no result is a result.
    pub(super) fn tabled(
        self: &Arc<Self>,
        id: QueryId,
        reads: &Reads,
    ) -> Result<(Arc<Table>, Outcome, u64), Unready> {
        let table = self.table(id);
        let mut state = table.state();
        let link = self.epoch_of(id);
        let concerned = !state.pending.is_empty();
        let waits = concerned && !self.is_patient_for(table, reads);
        if concerned && !waits && !table.is_looked_after() {
            // it may have been of no interest to anybody when the events came
            self.agenda.add([Dependent::Table(id)]);
        }
        if !table.dirty.load(Ordering::Acquire)
            && !waits
            && !reads.manner.eager
            && let Some(current) = state.current.as_ref().filter(|current| current.is_true(link))
        {
            return Ok((Arc::clone(table), current.outcome.clone(), current.version));
        }
        // what changes from here on marks it again
        table.dirty.store(false, Ordering::Release);
        // what is kept is kept for all: who takes nothing stale looks at what it was computed from
        let own = Reads::new(Manner { takes_stale: true, ..reads.manner });
        let outcome = match self.compute_table(id, &mut state, &own, waits) {
            Ok(snapshot) => Ok(snapshot),
            Err(Unready::Failed(error)) => Err(error),
            Err(Unready::Wanted) => {
                table.mark();
                reads.want_all(&own);
                return Err(Unready::Wanted);
            }
        };
        let (outcome, version) = self.keep_table(table, &mut state, outcome, own.used(), link);
        Ok((Arc::clone(table), outcome, version))
    }

    fn compute_table(
        self: &Arc<Self>,
        id: QueryId,
        state: &mut State,
        reads: &Reads,
        waits: bool,
    ) -> Result<Arc<Snapshot>, Unready> {
        let query = self.model().query(id);
        let home = self.home(id);
        let State { stages, pending, sought, .. } = state;
        let source = match &query.question {
            Question::Value(expression) => match self.named_table(expression, query.server) {
                Some(named) => {
                    let view = self.view(named, &home, reads)?;
                    view.use_whole(reads);
                    view.snapshot
                }
                None => {
                    let scope = Scope::new(self, &home, reads);
                    let value = self.evaluate(&query.name, expression, &scope, reads)?;
                    self.defined(query, &value)?;
                    let rows = from_template(&value);
                    self.successor(query, stages.source.as_ref(), rows, Default::default())
                }
            },
            Question::Servers => {
                self.successor(query, stages.source.as_ref(), self.server_records(), Default::default())
            }
            Question::Entries(provider, lists) => {
                let entries = self.entries(provider, lists, reads)?;
                self.successor(query, stages.source.as_ref(), entries, Default::default())
            }
            Question::Records(records) => {
                let wanted = self.wanted_records(query, records, &home, reads)?;
                if stages.wanted.as_ref() != Some(&wanted) {
                    *stages = Stages { wanted: Some(wanted), ..Stages::default() };
                }
                let view = self.view(records.entries, &home, reads)?;
                view.use_whole(reads);
                view.snapshot
            }
            _ => {
                let answer = self.answer(id, query, &home, reads).inspect_err(|unready| {
                    // nobody asks for single records of a list that cannot be had
                    if matches!(unready, Unready::Failed(error) if error.means_cannot_answer()) {
                        pending.clear();
                    }
                })?;
                match query.refresh.one {
                    Some(one) if answer.1.value.as_list().is_some() => {
                        let answer = (&answer.0, &answer.1);
                        self.with_records_anew(query, one, (pending, sought), stages, answer, (reads, waits))?
                    }
                    _ => answer.1,
                }
            }
        };
        let renamed =
            query.fields.is_empty() && matches!(query.question, Question::Value(_)) && query.key.is_some();
        let made = matches!(query.question, Question::Records(_));
        let result = if query.fields.is_empty() && !renamed && !made {
            Arc::clone(&source)
        } else {
            self.with_fields_of_all(id, query, stages, &source, reads)?
        };
        stages.source = Some(source);
        stages.result = Some(Arc::clone(&result));
        let searched = stages.wanted.as_ref().is_some_and(|wanted| !wanted.search.is_for_all());
        if let Some(rows) = result.value.as_list().filter(|_| made && searched) {
            let found: Vec<Value> = rows.iter().filter(|row| **row != Value::Null).cloned().collect();
            let found = self.successor(query, stages.found.as_ref(), found.into(), Default::default());
            stages.found = Some(Arc::clone(&found));
            return Ok(found);
        }
        Ok(result)
    }

    /// Stores a computed result, and marks who reads something that is another now.
    fn keep_table(
        self: &Arc<Self>,
        table: &Arc<Table>,
        state: &mut State,
        outcome: Outcome,
        used: Used,
        link: u64,
    ) -> (Outcome, u64) {
        let dependent = Dependent::Table(table.query);
        let old = state.current.take();
        if let Some(old) = &old {
            self.remove_dependent(dependent, &old.used);
        }
        let before = old.as_ref().map(|old| &old.outcome);
        let changed = match (before, &outcome) {
            (Some(Ok(before)), Ok(now)) => !Arc::ptr_eq(before, now),
            (Some(Err(before)), Err(now)) => before.to_string() != now.to_string(),
            _ => true,
        };
        let version = old.as_ref().map_or(0, |old| old.version) + u64::from(changed);
        if changed {
            let told =
                table.dependents().told(before.and_then(|one| one.as_ref().ok()), outcome.as_ref().ok());
            self.mark(told);
        }
        // what is known to be overtaken is true for no moment
        let overtaken = !state.pending.is_empty() && !table.is_live(self);
        let until = if overtaken { Some(Instant::now()) } else { self.until(&used) };
        let kept = outcome.clone();
        state.current = Some(Current { outcome, version, used: used.clone(), until, link });
        self.add_dependent(dependent, &used);
        (kept, version)
    }

    /// A newer list than `old`: records that say the same stay what they are, so that who reads them
    /// sees that nothing has changed.
    pub(super) fn successor(
        &self,
        query: &Query,
        old: Option<&Arc<Snapshot>>,
        value: Value,
        raw: bytes::Bytes,
    ) -> Arc<Snapshot> {
        let made = |value: Value| Arc::new(Snapshot::new(value, raw.clone(), query.key.clone()));
        let (Some(old), Value::List(rows)) = (old, &value) else {
            return match old {
                Some(old) if old.value == value && old.raw == raw => Arc::clone(old),
                _ => made(value),
            };
        };
        let Value::List(before) = &old.value else { return made(value) };
        let fresh = Snapshot::new(value.clone(), raw.clone(), query.key.clone());
        let alike =
            rows.len() == before.len() && (0..rows.len()).all(|at| fresh.key_at(at) == old.key_at(at));
        let mut changed = Vec::new();
        let mut reused = Vec::with_capacity(rows.len());
        for (position, row) in rows.iter().enumerate() {
            let known = if alike {
                before.get(position)
            } else {
                fresh.key_at(position).and_then(|key| old.record(key))
            };
            match known {
                Some(known) if same(Some(known), Some(row)) => reused.push(known.clone()),
                _ => {
                    changed.push(position);
                    reused.push(row.clone());
                }
            }
        }
        match alike {
            true if changed.is_empty() && old.raw == raw => Arc::clone(old),
            true => Arc::new(old.with_records(reused, changed, raw)),
            false => made(reused.into()),
        }
    }
}

impl TableDependents {
    /// Who reads something that is another now.
    fn told(&self, before: Option<&Arc<Snapshot>>, now: Option<&Arc<Snapshot>>) -> Vec<Dependent> {
        let mut told = self.whole.all();
        let places =
            before.zip(now).and_then(|(before, now)| Some((before, now, now.changed_since(before)?)));
        if let Some((before, now, places)) = places {
            let keys = places.iter().flat_map(|place| [before.key_at(*place), now.key_at(*place)]);
            let records = keys.flatten().filter_map(|key| self.records.get(key));
            told.extend(records.flat_map(Dependents::all));
            return told;
        }
        for (key, dependents) in &self.records {
            let at = |snapshot: Option<&Arc<Snapshot>>| snapshot.and_then(|one| one.record(key)).cloned();
            if before.is_none() || now.is_none() || !same(at(before).as_ref(), at(now).as_ref()) {
                told.extend(dependents.all());
            }
        }
        told
    }
}
