//! What a filter was given, and what it says when it cannot use it.

use std::sync::LazyLock;

use minijinja::value::ValueKind;
use minijinja::{Environment, Error, ErrorKind, State, Value};

use super::nothing::means_nothing;
use crate::language::value::from_template_within;
use crate::parse::value::Value as Parsed;

/// How many bytes are read for one step of a template.
pub const BYTES_PER_STEP: usize = 16;

/// The filter that reads a value: its name, and what it takes, for its errors.
#[derive(Debug, Clone, Copy)]
pub struct Filter {
    /// Its name in templates.
    pub name: &'static str,
    /// What it takes, as the end of a sentence.
    pub takes: &'static str,
}

impl Filter {
    /// The error about a value that the filter cannot use. It tells the value's kind, not the value.
    pub fn refuses(self, value: &Value) -> Error {
        let kind = match value.kind() {
            ValueKind::Undefined | ValueKind::None => "nothing",
            ValueKind::Bool => "true or false",
            ValueKind::Number => "this number",
            ValueKind::String => "this text",
            ValueKind::Map => "a record",
            ValueKind::Seq | ValueKind::Iterable => "a list",
            _ => match value.as_object() {
                // a path variable over plain texts
                Some(_) => "this text",
                None => "a value of this kind",
            },
        };
        self.error(&format!("cannot use {kind}; it takes {}", self.takes))
    }

    /// An error of this filter.
    pub fn error(self, what: &str) -> Error {
        Error::new(ErrorKind::InvalidOperation, format!("`{}` {what}", self.name))
    }

    /// A text, number or truth as text, or nothing.
    ///
    /// # Errors
    /// If it is a list or a record, or the template has no steps left to read it.
    pub fn text(self, state: &State, value: &Value) -> Result<Option<String>, Error> {
        let text = match self.converted(state, value)? {
            Parsed::Null => return Ok(None),
            Parsed::Text(text) => text.into_string(),
            Parsed::Integer(number) => number.to_string(),
            Parsed::Float(number) => number.to_string(),
            Parsed::Bool(truth) => if truth { "True" } else { "False" }.to_owned(),
            Parsed::List(_) | Parsed::Record(_) => return Err(self.refuses(value)),
        };
        self.pay(state, text.len())?;
        Ok(Some(text).filter(|text| !means_nothing(text)))
    }

    /// A value as parsed, its size paid for with steps of the template.
    ///
    /// # Errors
    /// If the template has no steps left to read it.
    pub fn parsed(self, state: &State, value: &Value) -> Result<Parsed, Error> {
        let parsed = self.converted(state, value)?;
        self.pay(state, size(&parsed))?;
        Ok(parsed)
    }

    fn converted(self, state: &State, value: &Value) -> Result<Parsed, Error> {
        let left = state.fuel_levels().map_or(u64::MAX, |(_, left)| left);
        from_template_within(value, left.saturating_add(1)).ok_or_else(|| Error::from(ErrorKind::OutOfFuel))
    }

    fn pay(self, state: &State, bytes: usize) -> Result<(), Error> {
        state.consume_fuel((bytes / BYTES_PER_STEP) as u64)
    }
}

/// About how many bytes a value is when it is printed.
fn size(value: &Parsed) -> usize {
    match value {
        Parsed::Text(text) => text.len() + 1,
        Parsed::List(items) => items.iter().map(size).sum::<usize>() + 2,
        Parsed::Record(record) => record.iter().map(|(name, value)| name.len() + size(value) + 2).sum(),
        _ => 8,
    }
}

/// What a filter gives for nothing: printed it is nothing, `default` stands in for it, it is not
/// `defined`. A name that is not there stays an error.
pub fn nothing_for(value: &Value) -> Value {
    if value.is_undefined() { value.clone() } else { nothing() }
}

/// Nothing, as `{{ a if false }}` has it: other than a name that is not there, it can be printed.
pub fn nothing() -> Value {
    static NOTHING: LazyLock<Value> = LazyLock::new(|| {
        let environment = Environment::empty();
        let missing = environment.compile_expression("0 if false");
        missing.and_then(|missing| missing.eval(())).unwrap_or(Value::UNDEFINED)
    });
    NOTHING.clone()
}

/// A record for templates; a part that is not there is nothing.
pub fn record<const N: usize>(parts: [(&'static str, Option<Value>); N]) -> Value {
    Value::from_pairs(parts.map(|(name, value)| (name, value.unwrap_or_else(nothing))))
}
