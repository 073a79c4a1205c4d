//! One result, as it was at one moment.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use compact_str::CompactString;
use minijinja::value::{Enumerator, Object, ObjectRepr};

use crate::language::to_template;
use crate::parse::value::Value;

/// A result that never changes. In a template it is a list of its records, which can also be looked
/// up by their key (`sip_users["6001"]`), or whatever else the parser gave.
#[derive(Debug, Default)]
pub struct Snapshot {
    /// The parsed value, the path of `rows` followed.
    pub value: Value,
    /// The text of the answer as it came.
    pub raw: Bytes,
    key: Option<String>,
    by_key: OnceLock<HashMap<CompactString, usize>>,
}

impl Snapshot {
    /// A result whose records are named by the field `key`.
    pub fn new(value: Value, raw: Bytes, key: Option<String>) -> Snapshot {
        Snapshot { value, raw, key, by_key: OnceLock::new() }
    }

    /// The record that bears this key; of several the first.
    pub fn record(&self, key: &str) -> Option<&Value> {
        self.value.as_list()?.get(self.position(key)?)
    }

    /// Where in the list the record stands that bears this key; of several the first.
    pub fn position(&self, key: &str) -> Option<usize> {
        let Value::List(items) = &self.value else { return None };
        let field = self.key.as_ref()?;
        let index = self.by_key.get_or_init(|| {
            let mut index = HashMap::with_capacity(items.len());
            for (position, item) in items.iter().enumerate() {
                if let Some(name) = item.get(field).and_then(Value::as_str) {
                    index.entry(CompactString::from(name)).or_insert(position);
                }
            }
            index
        });
        index.get(key).copied()
    }

    /// The result in a template: a list keeps its lookup by key, all else stands for itself.
    pub fn template_value(self: &Arc<Self>) -> minijinja::Value {
        match self.value {
            Value::List(_) => minijinja::Value::from_object(Records(Arc::clone(self))),
            _ => to_template(&self.value),
        }
    }

    /// The same result to another eye: whether a reader could tell the two apart.
    pub fn same_as(&self, other: &Snapshot) -> bool {
        self.raw == other.raw && self.value == other.value
    }
}

/// A result's list in a template.
#[derive(Debug)]
struct Records(Arc<Snapshot>);

impl Records {
    fn items(&self) -> &[Value] {
        self.0.value.as_list().map_or(&[], |items| items)
    }
}

impl Object for Records {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Seq
    }

    fn get_value(self: &Arc<Self>, key: &minijinja::Value) -> Option<minijinja::Value> {
        match key.as_str() {
            Some(key) => self.0.record(key).map(to_template),
            None => self.items().get(key.as_usize()?).map(to_template),
        }
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Seq(self.items().len())
    }
}
