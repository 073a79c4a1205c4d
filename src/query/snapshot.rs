//! One result, as it was at one moment.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use bytes::Bytes;

use super::records::key_text;
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
#[derive(Debug)]
struct Index {
    /// The key of each record; none for one that has no text there.
    keys: Arc<[Option<Arc<str>>]>,
    first: HashMap<Arc<str>, usize>,
    /// The keys that stand in more than one place.
    repeated: HashSet<Arc<str>>,
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

    /// What names the records by that field, as texts; none for a record that lacks it. Shared by all who
    /// ask, where the field is the result's own key and all that stands there is text.
    pub fn keys(&self, field: &str) -> Arc<[Option<Arc<str>>]> {
        let records = self.value.as_list().map_or(&[][..], |records| records);
        if self.key.as_deref() == Some(field)
            && let Some(Index { keys, .. }) = self.index()
        {
            let names = records.iter().map(|record| record.get(field)).zip(&**keys);
            let mut shared = names.map(|(value, key)| match (value, key) {
                (Some(value), Some(key)) => value.as_str() == Some(key),
                (value, key) => value.is_none() && key.is_none(),
            });
            if shared.all(|same| same) {
                return Arc::clone(keys);
            }
        }
        records.iter().map(|record| record.get(field).map(|key| Arc::from(key_text(key)))).collect()
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
            let key = |item: &Value| item.get(field).and_then(Value::as_str).map(Arc::from);
            let keys: Arc<[Option<Arc<str>>]> = items.iter().map(key).collect();
            let (mut first, mut repeated) = (HashMap::with_capacity(items.len()), HashSet::new());
            for (position, key) in keys.iter().enumerate() {
                if let Some(key) = key
                    && *first.entry(Arc::clone(key)).or_insert(position) != position
                {
                    repeated.insert(Arc::clone(key));
                }
            }
            Index { keys, first, repeated }
        }))
    }

    /// The same result to another eye: whether a reader could tell the two apart.
    pub fn same_as(&self, other: &Snapshot) -> bool {
        self.raw == other.raw && self.value == other.value
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parse::value::{Fields, Shapes};

    fn named(name: Option<Value>) -> Value {
        let mut fields = Fields::new();
        name.into_iter().for_each(|name| fields.push("name", name));
        fields.push("other", "x".into());
        fields.finish(&mut Shapes::new())
    }

    fn list(names: Vec<Option<Value>>) -> Vec<Value> {
        names.into_iter().map(named).collect()
    }

    fn texts(snapshot: &Snapshot, field: &str) -> Vec<Option<String>> {
        snapshot.keys(field).iter().map(|key| key.as_deref().map(str::to_owned)).collect()
    }

    #[test]
    fn the_texts_of_keys_are_shared_by_all_versions_of_a_list() {
        let records = list(vec![Some("a".into()), None, Some("b".into())]);
        let first = Snapshot::new(records.clone().into(), Bytes::new(), Some("name".into()));
        let second = first.with_records(records, vec![0], Bytes::new());
        assert_eq!(texts(&first, "name"), [Some("a".into()), None, Some("b".into())]);
        assert!(Arc::ptr_eq(&first.keys("name"), &second.keys("name")));
        assert_eq!(texts(&first, "other"), ["x", "x", "x"].map(|text| Some(text.to_owned())));
    }

    #[test]
    fn a_key_that_is_no_text_is_read_anew() {
        let records = list(vec![Some(Value::Integer(1)), Some("b".into())]);
        let first = Snapshot::new(records.into(), Bytes::new(), Some("name".into()));
        assert_eq!(texts(&first, "name"), [Some("1".into()), Some("b".into())]);
        let records = list(vec![Some(Value::Integer(2)), Some("b".into())]);
        let second = first.with_records(records, vec![0], Bytes::new());
        assert_eq!(texts(&second, "name"), [Some("2".into()), Some("b".into())]);
    }
}
