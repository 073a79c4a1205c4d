//! The values that parsers give and templates read.
//!
//! A result of ten thousand records repeats the same field names ten thousand times, and most of their
//! values. So a [`Record`] shares a [`Shape`] with its siblings, the names and the values of the first of
//! them, and holds only where it differs from that.

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

/// The field names of a kind of record, in the order they came, and the values of the first one met.
#[derive(Debug)]
pub struct Shape {
    names: IndexSet<CompactString>,
    first: Box<[Value]>,
}

/// Named values: a shared [`Shape`], and the values that differ from the shape's.
#[derive(Debug, Clone)]
pub struct Record {
    shape: Arc<Shape>,
    /// By their places among the names, in order; never one that is equal to the shape's.
    differing: Box<[(u32, Value)]>,
}

impl Record {
    fn new(shape: Arc<Shape>, values: impl IntoIterator<Item = Value>) -> Record {
        let places = (0..).zip(values).zip(&shape.first);
        let differing = places.filter(|((_, value), first)| value != *first).map(|(placed, _)| placed);
        let differing = differing.collect();
        Record { shape, differing }
    }

    /// The value of the field of that name.
    pub fn get(&self, name: &str) -> Option<&Value> {
        let place = self.shape.names.get_index_of(name)?;
        match self.differing.binary_search_by_key(&place, |(differing, _)| *differing as usize) {
            Ok(found) => Some(&self.differing[found].1),
            Err(_) => self.shape.first.get(place),
        }
    }

    /// The fields in the order they came.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &Value)> {
        let mut differing = self.differing.iter().peekable();
        let fields = self.shape.names.iter().zip(&self.shape.first).enumerate();
        fields.map(move |(place, (name, first))| {
            let own = differing.next_if(|(differing, _)| *differing as usize == place);
            (name.as_str(), own.map_or(first, |(_, value)| value))
        })
    }

    /// How many fields there are.
    pub fn len(&self) -> usize {
        self.shape.names.len()
    }

    /// Whether there are no fields.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl PartialEq for Record {
    fn eq(&self, other: &Record) -> bool {
        if std::ptr::eq(self, other) {
            return true;
        }
        match Arc::ptr_eq(&self.shape, &other.shape) {
            true => self.differing == other.differing,
            false => self.len() == other.len() && self.iter().eq(other.iter()),
        }
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

    /// The record, sharing with earlier ones of the same `shapes` what it can.
    pub fn finish(self, shapes: &mut Shapes) -> Value {
        let values = self.values.into_iter().map(|pushed| match pushed {
            Pushed::Once(value) => value,
            Pushed::Often(values) => values.into(),
        });
        let record = match shapes.met(&self.names) {
            Some(shape) => Record::new(shape, values),
            None => {
                let shape = Arc::new(Shape { names: self.names, first: values.collect() });
                shapes.keep(Arc::clone(&shape));
                Record { shape, differing: Box::default() }
            }
        };
        Value::Record(Arc::new(record))
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

    /// Those of a record, for others that are to be like it.
    pub fn of(value: Option<&Value>) -> Shapes {
        let record = value.and_then(Value::as_record);
        Shapes(record.map(|record| Arc::clone(&record.shape)).into_iter().collect())
    }

    /// A record as it is, sharing with those met so far what it can; anything else as it stands. For
    /// results that come one at a time and are alike.
    pub fn share(&mut self, value: Value) -> Value {
        let Value::Record(record) = &value else { return value };
        let Some(shape) = self.met(&record.shape.names) else {
            self.keep(Arc::clone(&record.shape));
            return value;
        };
        Value::Record(Arc::new(Record::new(shape, record.iter().map(|(_, value)| value.clone()))))
    }

    fn met(&self, names: &IndexSet<CompactString>) -> Option<Arc<Shape>> {
        let same =
            |shape: &&Arc<Shape>| shape.names.len() == names.len() && shape.names.iter().eq(names.iter());
        self.0.iter().rev().find(same).cloned()
    }

    fn keep(&mut self, shape: Arc<Shape>) {
        if self.0.len() < SHAPES_KEPT {
            self.0.push(shape);
        }
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
    fn a_record_reads_as_it_was_made_wherever_it_differs_from_the_first_of_its_shape() {
        let mut shapes = Shapes::new();
        let texts = [["1", "2", "3"], ["1", "2", "3"], ["x", "2", "3"], ["1", "2", "z"], ["x", "y", "z"]];
        for of in texts.map(|texts| ["a", "b", "c"].into_iter().zip(texts).collect::<Vec<_>>()) {
            let (shared, alone) = (record(&of, &mut shapes), record(&of, &mut Shapes::new()));
            let Value::Record(fields) = &shared else { panic!("a record") };
            let read: Vec<_> = fields.iter().map(|(name, value)| (name, value.as_str().unwrap())).collect();
            assert_eq!(read, of);
            assert!(of.iter().all(|(name, text)| shared.get(name) == Some(&(*text).into())));
            assert_eq!(shared, alone);
            let other = record(&["a", "b", "c"].map(|name| (name, "2")), &mut Shapes::new());
            assert_eq!(Shapes::of(Some(&other)).share(shared), alone);
        }
    }

    #[test]
    fn records_are_equal_if_their_fields_are_whatever_they_share() {
        let mut shapes = Shapes::new();
        let made: Vec<Value> =
            ["1", "2", "2", "1"].map(|text| record(&[("a", text), ("b", "")], &mut shapes)).into();
        assert_eq!((&made[0], &made[1]), (&made[3], &made[2]));
        assert_ne!(made[0], made[1]);
        assert_ne!(made[0], record(&[("b", ""), ("a", "1")], &mut shapes));
        assert_ne!(made[0], record(&[("a", "1")], &mut shapes));
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
