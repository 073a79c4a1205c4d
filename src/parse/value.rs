//! The values that parsers give and templates read.
//!
//! A result of ten thousand records repeats the same field names ten thousand times, so a
//! [`Record`] shares its names (a [`Shape`]) with its siblings and holds only its values.

use std::sync::Arc;

use compact_str::CompactString;
use indexmap::IndexSet;
use serde::ser::{Serialize, SerializeMap, Serializer};

/// One parsed value. Cloning is cheap: lists and records are shared.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum Value {
    /// Nothing: JSON's `null`.
    #[default]
    Null,
    /// `True` or `False` of the data API, `true` or `false` of JSON.
    Bool(bool),
    /// A whole number, where the format says that it is one.
    Integer(i64),
    /// Any other number (JSON only).
    Float(f64),
    /// Text, as made by [`super::text::decode`].
    Text(CompactString),
    /// Values in the order the server gave them.
    List(Arc<[Value]>),
    /// Named values in the order the server gave them.
    Record(Arc<Record>),
}

impl Value {
    /// The text of bytes that a server sent.
    pub fn text(bytes: &[u8]) -> Value {
        Value::Text(CompactString::from(super::text::decode(bytes)))
    }

    /// The text, if it is text.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The items, if it is a list.
    pub fn as_list(&self) -> Option<&Arc<[Value]>> {
        match self {
            Value::List(items) => Some(items),
            _ => None,
        }
    }

    /// The record, if it is one.
    pub fn as_record(&self) -> Option<&Arc<Record>> {
        match self {
            Value::Record(record) => Some(record),
            _ => None,
        }
    }

    /// The field of that name, if it is a record that has one.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.as_record()?.get(name)
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Value {
        Value::Text(text.into())
    }
}

impl From<Vec<Value>> for Value {
    fn from(items: Vec<Value>) -> Value {
        Value::List(items.into())
    }
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Value::Null => serializer.serialize_unit(),
            Value::Bool(value) => serializer.serialize_bool(*value),
            Value::Integer(value) => serializer.serialize_i64(*value),
            Value::Float(value) => serializer.serialize_f64(*value),
            Value::Text(value) => serializer.serialize_str(value),
            Value::List(items) => serializer.collect_seq(items.iter()),
            Value::Record(record) => {
                let mut map = serializer.serialize_map(Some(record.len()))?;
                for (name, value) in record.iter() {
                    map.serialize_entry(name, value)?;
                }
                map.end()
            }
        }
    }
}

/// The field names of a kind of record, in the order they came.
#[derive(Debug, PartialEq, Eq)]
pub struct Shape(IndexSet<CompactString>);

/// Named values: a shared [`Shape`] and one value for each of its names.
#[derive(Debug, Clone)]
pub struct Record {
    shape: Arc<Shape>,
    values: Box<[Value]>,
}

impl Record {
    /// The value of the field of that name.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.shape.0.get_index_of(name).map(|index| &self.values[index])
    }

    /// The fields in the order they came.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &Value)> {
        self.shape.0.iter().map(CompactString::as_str).zip(self.values.iter())
    }

    /// How many fields there are.
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// Whether there are no fields.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }
}

impl PartialEq for Record {
    fn eq(&self, other: &Record) -> bool {
        std::ptr::eq(self, other) || self.iter().eq(other.iter())
    }
}

/// A record under construction. A name pushed twice makes a list of both values.
#[derive(Debug, Default)]
pub struct Fields {
    names: IndexSet<CompactString>,
    values: Vec<Pushed>,
}

/// What was pushed under one name. Apart from [`Value`], so that a name that comes ten thousand times
/// grows one vector instead of copying a list each time.
#[derive(Debug)]
enum Pushed {
    Once(Value),
    Often(Vec<Value>),
}

impl Fields {
    /// No fields yet.
    pub fn new() -> Fields {
        Fields::default()
    }

    /// Appends a field; of a name that is there already, both values become a list.
    pub fn push(&mut self, name: &str, value: Value) {
        let Some(index) = self.names.get_index_of(name) else {
            self.names.insert(name.into());
            self.values.push(Pushed::Once(value));
            return;
        };
        match &mut self.values[index] {
            Pushed::Often(values) => values.push(value),
            Pushed::Once(first) => {
                let first = std::mem::take(first);
                self.values[index] = Pushed::Often(vec![first, value]);
            }
        }
    }

    /// Whether a field of that name was pushed.
    pub fn contains(&self, name: &str) -> bool {
        self.names.contains(name)
    }

    /// Whether nothing was pushed.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// The record, sharing its names with earlier ones of the same `shapes`.
    pub fn finish(self, shapes: &mut Shapes) -> Value {
        let values = self.values.into_iter().map(|pushed| match pushed {
            Pushed::Once(value) => value,
            Pushed::Often(values) => values.into(),
        });
        Value::Record(Arc::new(Record { values: values.collect(), shape: shapes.intern(self.names) }))
    }
}

/// The shapes met so far in one result, so that equal ones are kept once.
#[derive(Debug, Default)]
pub struct Shapes(Vec<Arc<Shape>>);

/// Beyond so many shapes in one result, sharing is given up rather than searched for.
const SHAPES_KEPT: usize = 64;

impl Shapes {
    /// None met yet.
    pub fn new() -> Shapes {
        Shapes::default()
    }

    /// A record as it is, its names shared with those met so far; anything else as it stands. For
    /// results that come one at a time and are alike.
    pub fn share(&mut self, value: Value) -> Value {
        match value {
            Value::Record(record) => {
                let shape = match self.met(&record.shape.0) {
                    Some(shape) => shape,
                    None => self.keep(Arc::clone(&record.shape)),
                };
                Value::Record(Arc::new(Record { shape, values: record.values.clone() }))
            }
            other => other,
        }
    }

    fn intern(&mut self, names: IndexSet<CompactString>) -> Arc<Shape> {
        self.met(&names).unwrap_or_else(|| self.keep(Arc::new(Shape(names))))
    }

    fn met(&self, names: &IndexSet<CompactString>) -> Option<Arc<Shape>> {
        let same = |shape: &&Arc<Shape>| shape.0.len() == names.len() && shape.0.iter().eq(names.iter());
        self.0.iter().rev().find(same).cloned()
    }

    fn keep(&mut self, shape: Arc<Shape>) -> Arc<Shape> {
        if self.0.len() < SHAPES_KEPT {
            self.0.push(Arc::clone(&shape));
        }
        shape
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(pairs: &[(&str, &str)], shapes: &mut Shapes) -> Value {
        let mut fields = Fields::new();
        for (name, value) in pairs {
            fields.push(name, (*value).into());
        }
        fields.finish(shapes)
    }

    #[test]
    fn records_with_equal_names_share_them() {
        let mut shapes = Shapes::new();
        let one = record(&[("a", "1"), ("b", "2")], &mut shapes);
        let two = record(&[("a", "3"), ("b", "4")], &mut shapes);
        let three = record(&[("b", "4"), ("a", "3")], &mut shapes);
        let shape = |value: &Value| Arc::as_ptr(&value.as_record().unwrap().shape);
        assert_eq!(shape(&one), shape(&two));
        assert_ne!(shape(&one), shape(&three));
        assert_eq!(two.get("b"), Some(&"4".into()));
        assert_eq!(two.get("c"), None);
    }

    #[test]
    fn a_record_of_another_result_can_share_them_too() {
        let mut kept = Shapes::new();
        let one = kept.share(record(&[("a", "1"), ("b", "2")], &mut Shapes::new()));
        let two = kept.share(record(&[("a", "3"), ("b", "4")], &mut Shapes::new()));
        let shape = |value: &Value| Arc::as_ptr(&value.as_record().unwrap().shape);
        assert_eq!(shape(&one), shape(&two));
        assert_eq!(serde_json::to_string(&two).unwrap(), r#"{"a":"3","b":"4"}"#);
        assert_eq!(kept.share("text".into()), "text".into());
    }

    #[test]
    fn a_name_that_comes_again_makes_a_list() {
        let value = record(&[("v", "1"), ("x", "0"), ("v", "2"), ("v", "3")], &mut Shapes::new());
        assert_eq!(serde_json::to_string(&value).unwrap(), r#"{"v":["1","2","3"],"x":"0"}"#);
    }

    #[test]
    fn a_name_that_comes_very_often_costs_no_more_each_time() {
        let mut fields = Fields::new();
        for _ in 0..200_000 {
            fields.push("Output", "".into());
        }
        let value = fields.finish(&mut Shapes::new());
        assert_eq!(value.get("Output").unwrap().as_list().unwrap().len(), 200_000);
    }

    #[test]
    fn a_list_pushed_once_is_not_merged_into() {
        let mut fields = Fields::new();
        fields.push("v", vec!["1".into()].into());
        fields.push("v", "2".into());
        let value = fields.finish(&mut Shapes::new());
        assert_eq!(serde_json::to_string(&value).unwrap(), r#"{"v":[["1"],"2"]}"#);
    }
}
