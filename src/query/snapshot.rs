//! One result, as it was at one moment.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use compact_str::CompactString;

use crate::parse::value::Value;

/// A result that never changes. In a template it is a list of its records, which can also be looked
/// up by their key (`sip_users["6001"]`), or whatever else the parser gave.
#[derive(Debug, Default)]
pub struct Snapshot {
    /// The parsed value, the path of `rows` followed.
    pub value: Value,
    /// The text of the answer as it came; empty where nothing shows it.
    pub raw: Bytes,
    key: Option<String>,
    /// Where which key stands; shared by lists with the same keys.
    by_key: Option<Arc<OnceLock<Index>>>,
    /// Tells it from every other.
    number: u64,
    /// How it came from lists with the same keys in the same order, the latest step last.
    changes: Vec<Change>,
}

/// Where which key stands.
#[derive(Debug, Default)]
struct Index {
    first: HashMap<CompactString, usize>,
    /// The keys that stand in more than one place.
    repeated: HashSet<CompactString>,
}

/// In which places a list differs from another one with the same keys in the same order.
#[derive(Debug, Clone)]
struct Change {
    from: u64,
    positions: Arc<[usize]>,
}

/// So many steps are remembered.
const CHANGES: usize = 32;

static SNAPSHOTS: AtomicU64 = AtomicU64::new(0);

impl Snapshot {
    /// A result whose records are named by the field `key`.
    pub fn new(value: Value, raw: Bytes, key: Option<String>) -> Snapshot {
        let number = SNAPSHOTS.fetch_add(1, Ordering::Relaxed);
        // only lists are looked into by key
        let key = key.filter(|_| value.as_list().is_some());
        let by_key = key.as_ref().map(|_| Arc::default());
        Snapshot { value, raw, key, by_key, number, changes: Vec::new() }
    }

    /// The same result with other records in these places; the keys stay.
    pub fn with_records(&self, records: Vec<Value>, positions: Vec<usize>, raw: Bytes) -> Snapshot {
        let known = self.changes.len().saturating_sub(CHANGES - 1);
        let mut changes = self.changes[known..].to_vec();
        changes.push(Change { from: self.number, positions: positions.into() });
        let by_key = self.by_key.clone();
        Snapshot { by_key, changes, ..Snapshot::new(records.into(), raw, self.key.clone()) }
    }

    /// Where it differs from an older one, if that is known to be in a few places only.
    pub fn changed_since(&self, older: &Snapshot) -> Option<Arc<[usize]>> {
        if self.number == older.number {
            return Some(Arc::new([]));
        }
        let first = self.changes.iter().position(|change| change.from == older.number)?;
        if let [only] = &self.changes[first..] {
            return Some(Arc::clone(&only.positions));
        }
        let mut positions: Vec<usize> =
            self.changes[first..].iter().flat_map(|change| change.positions.iter().copied()).collect();
        positions.sort_unstable();
        positions.dedup();
        Some(positions.into())
    }

    /// What names the record at that position.
    pub fn key_at(&self, position: usize) -> Option<&str> {
        self.value.as_list()?.get(position)?.get(self.key.as_ref()?)?.as_str()
    }

    /// The record that bears this key; of several the first.
    pub fn record(&self, key: &str) -> Option<&Value> {
        self.value.as_list()?.get(self.position(key)?)
    }

    /// Where in the list the record stands that bears this key; of several the first.
    pub fn position(&self, key: &str) -> Option<usize> {
        self.index()?.first.get(key).copied()
    }

    /// Whether several records bear this key.
    pub fn repeats(&self, key: &str) -> bool {
        self.index().is_some_and(|index| index.repeated.contains(key))
    }

    fn index(&self) -> Option<&Index> {
        let Value::List(items) = &self.value else { return None };
        let field = self.key.as_ref()?;
        Some(self.by_key.as_ref()?.get_or_init(|| {
            let mut index = Index { first: HashMap::with_capacity(items.len()), ..Index::default() };
            for (position, item) in items.iter().enumerate() {
                if let Some(name) = item.get(field).and_then(Value::as_str)
                    && *index.first.entry(CompactString::from(name)).or_insert(position) != position
                {
                    index.repeated.insert(CompactString::from(name));
                }
            }
            index
        }))
    }

    /// The same result to another eye: whether a reader could tell the two apart.
    pub fn same_as(&self, other: &Snapshot) -> bool {
        self.raw == other.raw && self.value == other.value
    }
}
