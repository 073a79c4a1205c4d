//! Values as templates see them, and back.

use std::fmt;
use std::sync::Arc;

use minijinja::value::{Enumerator, Object, ObjectExt, ObjectRepr, ValueKind};

use crate::parse::value::{Fields, Record, Shapes, Value};

/// A parsed value for a template. Lists and records are shared, not copied.
pub fn to_template(value: &Value) -> minijinja::Value {
    match value {
        Value::Null => minijinja::Value::from(()),
        Value::Bool(value) => minijinja::Value::from(*value),
        Value::Integer(value) => minijinja::Value::from(*value),
        Value::Float(value) => minijinja::Value::from(*value),
        Value::Text(text) => minijinja::Value::from(text.as_str()),
        Value::List(items) => minijinja::Value::from_object(List(Arc::clone(items))),
        Value::Record(record) => minijinja::Value::from_object(Named(Arc::clone(record))),
    }
}

/// A template's value as a parsed one. What has no such form (a function, an object of the engine)
/// becomes its text.
pub fn from_template(value: &minijinja::Value) -> Value {
    from_template_within(value, u64::MAX).unwrap_or_default()
}

/// The same of a value that is made of at most so many, and none of another: a list of the template engine may hold
/// itself over and over.
pub fn from_template_within(value: &minijinja::Value, most: u64) -> Option<Value> {
    let mut left = most;
    convert(value, &mut left)
}

fn convert(value: &minijinja::Value, left: &mut u64) -> Option<Value> {
    *left = left.checked_sub(1)?;
    if let Some(List(items)) = value.downcast_object_ref::<List>() {
        return Some(Value::List(Arc::clone(items)));
    }
    if let Some(Named(record)) = value.downcast_object_ref::<Named>() {
        return Some(Value::Record(Arc::clone(record)));
    }
    if let Some(bound) = value.downcast_object_ref::<Bound>() {
        return Some(bound.value.clone());
    }
    Some(match value.kind() {
        ValueKind::Undefined | ValueKind::None => Value::Null,
        ValueKind::Bool => Value::Bool(value.is_true()),
        ValueKind::Number => number(value),
        ValueKind::Seq | ValueKind::Iterable => match value.try_iter() {
            Ok(items) => items.map(|item| convert(&item, left)).collect::<Option<Vec<_>>>()?.into(),
            Err(_) => Value::Null,
        },
        ValueKind::Map => map(value, left)?,
        _ => Value::Text(value.to_string().into()),
    })
}

/// How many items or fields a list or record has that was parsed; none for any other value.
pub fn length_of_parsed(value: &minijinja::Value) -> Option<usize> {
    parsed(value, |parsed| match parsed {
        Parsed::List(items) => items.len(),
        Parsed::Record(record) => record.len(),
        Parsed::Other => 1,
    })
}

/// How many values such a list or record is made of, four bytes of text counted as one, as far as `most` and a few
/// more; none for any other value.
pub fn size_of_parsed(value: &minijinja::Value, most: u64) -> Option<u64> {
    let mut left = most.saturating_add(1);
    parsed(value, |parsed| match parsed {
        Parsed::List(items) => items.iter().for_each(|item| take_size(item, &mut left)),
        Parsed::Record(record) => record.iter().for_each(|(_, field)| take_size(field, &mut left)),
        Parsed::Other => left = left.saturating_sub(1),
    })?;
    Some(most.saturating_add(1) - left)
}

fn take_size(value: &Value, left: &mut u64) {
    if *left == 0 {
        return;
    }
    let own = 1 + value.as_str().map_or(0, |text| text.len() as u64 / 4);
    *left = left.saturating_sub(own);
    match value {
        Value::List(items) => items.iter().for_each(|item| take_size(item, left)),
        Value::Record(record) => record.iter().for_each(|(_, field)| take_size(field, left)),
        _ => {}
    }
}

/// What of a template's value was parsed.
enum Parsed<'v> {
    List(&'v [Value]),
    Record(&'v Record),
    Other,
}

fn parsed<T>(value: &minijinja::Value, read: impl FnOnce(Parsed<'_>) -> T) -> Option<T> {
    if let Some(List(items)) = value.downcast_object_ref::<List>() {
        return Some(read(Parsed::List(items)));
    }
    if let Some(Named(record)) = value.downcast_object_ref::<Named>() {
        return Some(read(Parsed::Record(record)));
    }
    let bound = value.downcast_object_ref::<Bound>()?;
    Some(read(match &bound.value {
        Value::List(items) => Parsed::List(items),
        Value::Record(record) => Parsed::Record(record),
        _ => Parsed::Other,
    }))
}

fn number(value: &minijinja::Value) -> Value {
    if let Ok(number) = i64::try_from(value.clone()) {
        return Value::Integer(number);
    }
    f64::try_from(value.clone()).map_or(Value::Null, Value::Float)
}

fn map(value: &minijinja::Value, left: &mut u64) -> Option<Value> {
    let mut fields = Fields::new();
    for key in value.try_iter().into_iter().flatten() {
        if let Ok(item) = value.get_item(&key) {
            fields.push(&key.to_string(), convert(&item, left)?);
        }
    }
    Some(fields.finish(&mut Shapes::new()))
}

/// A list in a template.
#[derive(Debug)]
struct List(Arc<[Value]>);

impl Object for List {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Seq
    }

    fn get_value(self: &Arc<Self>, key: &minijinja::Value) -> Option<minijinja::Value> {
        self.0.get(key.as_usize()?).map(to_template)
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Seq(self.0.len())
    }
}

/// A record in a template.
#[derive(Debug)]
struct Named(Arc<Record>);

impl Object for Named {
    fn get_value(self: &Arc<Self>, key: &minijinja::Value) -> Option<minijinja::Value> {
        self.0.get(key.as_str()?).map(to_template)
    }

    fn get_value_by_str(self: &Arc<Self>, key: &str) -> Option<minijinja::Value> {
        self.0.get(key).map(to_template)
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        self.mapped_enumerator(|named| Box::new(named.0.iter().map(|(name, _)| minijinja::Value::from(name))))
    }

    fn enumerator_len(self: &Arc<Self>) -> Option<usize> {
        Some(self.0.len())
    }
}

/// The record that a path variable stands for. It reads like the record; printed, it is the name
/// of its directory entry, so `../{{ friend }}` always links to the right one.
#[derive(Debug)]
pub struct Bound {
    name: Arc<str>,
    value: Value,
}

impl Bound {
    /// The record `value` under its file name.
    pub fn new(name: Arc<str>, value: Value) -> Bound {
        Bound { name, value }
    }

    /// Its name in the directory.
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl Object for Bound {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        match self.value {
            Value::Record(_) => ObjectRepr::Map,
            Value::List(_) => ObjectRepr::Seq,
            _ => ObjectRepr::Plain,
        }
    }

    fn get_value(self: &Arc<Self>, key: &minijinja::Value) -> Option<minijinja::Value> {
        match &self.value {
            Value::Record(record) => record.get(key.as_str()?).map(to_template),
            Value::List(items) => items.get(key.as_usize()?).map(to_template),
            _ => None,
        }
    }

    fn get_value_by_str(self: &Arc<Self>, key: &str) -> Option<minijinja::Value> {
        self.value.get(key).map(to_template)
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        match &self.value {
            Value::Record(_) => self.mapped_enumerator(|bound| {
                let record = bound.value.as_record();
                Box::new(
                    record
                        .into_iter()
                        .flat_map(|record| record.iter().map(|(name, _)| minijinja::Value::from(name))),
                )
            }),
            Value::List(items) => Enumerator::Seq(items.len()),
            _ => Enumerator::NonEnumerable,
        }
    }

    fn render(self: &Arc<Self>, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.name)
    }
}

#[cfg(test)]
#[path = "value_tests.rs"]
mod tests;
