//! What a directory holds, kept true record by record.
//!
//! A directory of ten thousand records must not be made anew because one of them changed. So it
//! remembers for each record whether it is there and under which name, and looks again at those that
//! changed; who holds names of it is told which came and went.
//!
//! Each name has a cookie, which stays as long as the name: somebody who lists it in pieces while it
//! changes misses no name that stays, and sees none twice.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use super::layout::PlaceId;
use super::listing::{Listed, Listing, unique};
use super::node::Node;
use crate::language::{ServerId, escape_between};
use crate::parse::value::Value;
use crate::query::{Besides, NamedRecord, Queries, Reads, Snapshot, Table, Used};

/// A directory.
#[derive(Debug)]
pub struct Directory {
    /// Where it is.
    pub node: Node,
    /// The number under which it is told of changes; none if it never changes.
    pub(super) number: Option<u32>,
    dirty: AtomicBool,
    state: Mutex<State>,
}

/// What it holds.
#[derive(Debug, Default)]
pub(super) struct State {
    /// Whether it has been made.
    pub known: bool,
    pub used: Used,
    /// When it is to be looked at again although nothing happened.
    pub until: Option<Instant>,
    /// The server that all of it is of; none if that cannot be said.
    pub server: Option<ServerId>,
    /// Under which connection to it was made.
    pub link: u64,
    names: HashMap<Arc<str>, Slot>,
    order: BTreeMap<u64, Arc<str>>,
    next_cookie: u64,
    /// The records of its path variables.
    pub groups: Vec<Group>,
    /// The entries with names of their own that are there.
    pub literals: Vec<(Arc<str>, PlaceId)>,
    /// Whether each record has the name that it has if no other claims it.
    pub plain: bool,
}

/// One name.
#[derive(Debug, Clone, PartialEq)]
struct Slot {
    cookie: u64,
    place: PlaceId,
    /// Which record of which group it stands for.
    record: Option<(usize, usize)>,
    /// That record's key, and how many others before it bear the same.
    key: Option<(Arc<str>, usize)>,
}

/// The records of one path variable.
#[derive(Debug)]
pub(super) struct Group {
    pub place: PlaceId,
    /// What stands before and behind a record's name.
    pub around: (String, String),
    pub rows: Rows,
    /// Of each record, whether it is one of the variable's, and whether its entry is there.
    pub standing: Vec<Standing>,
    /// What the conditions of some records read besides these.
    pub besides: Besides,
}

/// Where records come from.
#[derive(Debug)]
pub(super) enum Rows {
    /// From a table.
    Table {
        table: Arc<Table>,
        version: u64,
        snapshot: Arc<Snapshot>,
        /// The name of each; none for a record that has none.
        keys: Arc<[Option<Arc<str>>]>,
    },
    /// From something that was computed for this directory.
    Own(Vec<NamedRecord>),
}

/// How a record stands in a directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Standing {
    /// It passes `where`.
    pub counts: bool,
    /// Its `when` holds.
    pub shown: bool,
}

impl Rows {
    pub fn len(&self) -> usize {
        match self {
            Rows::Table { keys, .. } => keys.len(),
            Rows::Own(records) => records.len(),
        }
    }

    pub fn key(&self, position: usize) -> Option<&Arc<str>> {
        match self {
            Rows::Table { keys, .. } => keys[position].as_ref(),
            Rows::Own(records) => Some(&records[position].key),
        }
    }

    pub fn value(&self, position: usize) -> Option<&Value> {
        match self {
            Rows::Table { snapshot, .. } => snapshot.value.as_list()?.get(position),
            Rows::Own(records) => Some(&records[position].value),
        }
    }

    pub fn record(&self, position: usize) -> Option<NamedRecord> {
        let origin = match self {
            Rows::Table { table, version, .. } => Some((Arc::clone(table), *version)),
            Rows::Own(_) => None,
        };
        let (key, value) = (Arc::clone(self.key(position)?), self.value(position)?.clone());
        Some(NamedRecord { key, value, origin })
    }
}

/// How a directory's names changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NameChange {
    /// The name.
    pub name: Arc<str>,
    /// What it led to before, if it was there.
    pub before: Option<Node>,
    /// Whether it is there now.
    pub there: bool,
}

/// A name with the place it leads to.
#[derive(Debug, Clone)]
pub struct Named {
    /// Goes on behind this name.
    pub cookie: u64,
    /// The name.
    pub name: Arc<str>,
    /// What it leads to.
    pub node: Node,
}

impl Directory {
    pub(super) fn new(node: Node, number: Option<u32>) -> Directory {
        Directory { node, number, dirty: AtomicBool::new(false), state: Mutex::default() }
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Marks it to be looked at again.
    pub(super) fn mark(&self) {
        self.dirty.store(true, Ordering::Release);
    }

    /// Whether something has changed since it was made; asked by who makes it again.
    pub(super) fn unmark(&self) -> bool {
        self.dirty.swap(false, Ordering::AcqRel)
    }

    /// Whether it may be read as it is.
    pub(super) fn is_current(&self, queries: &Queries) -> bool {
        let state = self.state();
        let link = queries.epoch(state.server);
        !self.dirty.load(Ordering::Acquire)
            && state.known
            && (self.number.is_none() || state.link == link)
            && state.until.is_none_or(|until| Instant::now() < until)
            && queries.are_current(&state.used)
    }

    /// What it was made from.
    pub fn used(&self) -> Used {
        self.state().used.clone()
    }

    /// Whether it was ever made.
    pub fn is_made(&self) -> bool {
        self.state().known
    }

    /// Until when its names are what they are, if nothing happens: none if that is for ever. Now, if
    /// it is not known.
    pub fn until(&self) -> Option<Instant> {
        let state = self.state();
        if state.known && !self.dirty.load(Ordering::Acquire) { state.until } else { Some(Instant::now()) }
    }

    /// What a name leads to.
    pub fn find(&self, name: &str) -> Option<Node> {
        let state = self.state();
        let (name, slot) = state.names.get_key_value(name)?;
        Some(self.child(name, slot))
    }

    /// The cookie of a name.
    pub fn cookie(&self, name: &str) -> Option<u64> {
        self.state().names.get(name).map(|slot| slot.cookie)
    }

    fn child(&self, name: &Arc<str>, slot: &Slot) -> Node {
        match slot.record {
            Some(_) => self.node.record(slot.place, name),
            None => self.node.literal(slot.place),
        }
    }

    /// The record that a name stands for. One of a table tells itself when it is read. One that was
    /// computed for this directory is what it is for as long as the directory is, and so is a name that
    /// was given because another was taken: `reads` notes what the directory was made from.
    pub(super) fn record(&self, name: &str, reads: &Reads) -> Option<NamedRecord> {
        let state = self.state();
        let (group, row) = state.names.get(name)?.record?;
        let record = state.groups.get(group)?.rows.record(row)?;
        let given = name.rsplit_once('~').is_some_and(|(_, number)| number.parse::<usize>().is_ok());
        if record.origin.is_none() || given {
            reads.include(&state.used);
        }
        Some(record)
    }

    /// Up to `limit` names behind that cookie, in order; 0 is before the first.
    pub fn after(&self, cookie: u64, limit: usize) -> Vec<Named> {
        let state = self.state();
        let behind = state.order.range(cookie + 1..).take(limit);
        let named = behind.filter_map(|(cookie, name)| {
            let slot = state.names.get(name)?;
            Some(Named { cookie: *cookie, name: Arc::clone(name), node: self.child(name, slot) })
        });
        named.collect()
    }

    /// All of it.
    pub(super) fn listing(&self) -> Listing {
        let state = self.state();
        let listed = state.order.values().filter_map(|name| {
            let slot = state.names.get(name)?;
            let record = slot.record.and_then(|(group, row)| state.groups.get(group)?.rows.record(row));
            Some((Arc::clone(name), Listed { place: slot.place, record }))
        });
        listed.collect()
    }
}

impl State {
    /// Names what is there: the literals first, then the records that count, each under the name that is
    /// left for it. Gives what changed.
    pub fn name_all(&mut self, directory: &Directory, reserved: &HashSet<Arc<str>>) -> Vec<NameChange> {
        let mut names = HashMap::new();
        let mut order = Vec::new();
        for (name, place) in &self.literals {
            order.push(Arc::clone(name));
            names.insert(Arc::clone(name), Slot { cookie: 0, place: *place, record: None, key: None });
        }
        let mut taken = reserved.clone();
        let mut plain = true;
        for (index, group) in self.groups.iter().enumerate() {
            let mut borne: HashMap<&str, usize> = HashMap::with_capacity(group.standing.len());
            for (position, standing) in group.standing.iter().enumerate() {
                let Some(key) = group.rows.key(position).filter(|_| standing.counts) else { continue };
                // the name is given whether it is shown or not, so that it stays when that changes
                let times = borne.entry(key).or_default();
                let nth = *times;
                *times += 1;
                let own = group.name(key);
                let name = unique(&own, &mut taken);
                plain &= own == name;
                if standing.shown {
                    order.push(Arc::clone(&name));
                    let record = Some((index, position));
                    let key = Some((Arc::clone(key), nth));
                    names.insert(name, Slot { cookie: 0, place: group.place, record, key });
                }
            }
        }
        self.plain = plain;
        self.replace(directory, names, order)
    }

    fn replace(
        &mut self,
        directory: &Directory,
        mut names: HashMap<Arc<str>, Slot>,
        order: Vec<Arc<str>>,
    ) -> Vec<NameChange> {
        let before = std::mem::take(&mut self.names);
        let mut changes = Vec::new();
        self.order.clear();
        for name in order {
            let Some(slot) = names.get_mut(&name) else { continue };
            let old = before.get(&name);
            let same = old.filter(|old| old.place == slot.place && old.key == slot.key);
            // a name that stays stays where it is, also if it stands for another record now
            slot.cookie = old.map_or_else(
                || {
                    self.next_cookie += 1;
                    self.next_cookie
                },
                |old| old.cookie,
            );
            self.order.insert(slot.cookie, Arc::clone(&name));
            if same.is_none() {
                let before = old.map(|old| directory.child(&name, old));
                changes.push(NameChange { name, before, there: true });
            }
        }
        for (name, old) in &before {
            if !names.contains_key(name) {
                let before = Some(directory.child(name, old));
                changes.push(NameChange { name: Arc::clone(name), before, there: false });
            }
        }
        self.names = names;
        changes
    }

    /// Lets one record of a group, which counts, come or go.
    pub fn show(
        &mut self,
        directory: &Directory,
        index: usize,
        position: usize,
        shown: bool,
    ) -> Option<NameChange> {
        let group = self.groups.get(index)?;
        let key = Arc::clone(group.rows.key(position)?);
        let name = group.name(&key);
        let record = Some((index, position));
        if shown {
            self.next_cookie += 1;
            let slot = Slot { cookie: self.next_cookie, place: group.place, record, key: Some((key, 0)) };
            self.order.insert(slot.cookie, Arc::clone(&name));
            self.names.insert(Arc::clone(&name), slot);
            return Some(NameChange { name, before: None, there: true });
        }
        let slot = self.names.remove(&name)?;
        self.order.remove(&slot.cookie);
        let before = Some(directory.child(&name, &slot));
        Some(NameChange { name, before, there: false })
    }
}

impl Group {
    /// The name of a record if no other claims it.
    pub(super) fn name(&self, key: &Arc<str>) -> Arc<str> {
        let (prefix, suffix) = (&self.around.0, &self.around.1);
        let name = escape_between(prefix, key, suffix);
        if *name == **key { Arc::clone(key) } else { name.into() }
    }
}
