//! How much a template may hold: what its lists are made of is paid for with steps, and they are nested so deep and
//! no deeper.
//!
//! The filters here are put into templates by [`super::metered`]; nobody writes them.

use std::fmt::{self, Write};
use std::sync::{Arc, PoisonError, RwLock};

use minijinja::value::{Enumerator, Kwargs, Object, ObjectRepr, Rest, Tuple, ValueKind};
use minijinja::{Environment, Error, ErrorKind, State, Value};

use super::library::BYTES_PER_STEP;
use super::value::{length_of_parsed, size_of_parsed};

/// How deep the lists and records that a template makes may be nested; the records it is given are not counted.
pub const DEEPEST: usize = 64;

/// Pays for what is kept in a variable or given to a function, and holds it to [`DEEPEST`].
pub const KEPT: &str = "_kept";
/// The same of what is kept in a namespace, which may not hold itself.
pub const HELD: &str = "_held";
/// Pays for all that is in a value, before something goes through it.
pub const COUNTED: &str = "_counted";
/// A list, and the items that are added to it.
pub const WITH_ITEMS: &str = "_with_items";

/// What a step pays for.
const UNITS_PER_STEP: u64 = 64;
/// The price of a value that the template made.
const VALUE: u64 = 32;
/// The price of a value that was parsed: it is gone through without the template engine.
const PARSED: u64 = 4;

/// Gives an environment the filters and functions that hold a template's values to their bounds.
pub fn add_to(environment: &mut Environment<'_>) {
    environment.add_filter(KEPT, |state: &State, value: Value| kept(state, value, false));
    environment.add_filter(HELD, |state: &State, value: Value| kept(state, value, true));
    environment.add_filter(COUNTED, counted);
    environment.add_filter(WITH_ITEMS, with_items);
    environment.add_filter("sum", sum);
    environment.add_function("debug", debug);
}

fn kept(state: &State, value: Value, held: bool) -> Result<Value, Error> {
    if value.as_object().is_none() {
        return Ok(value);
    }
    let mut settling = Settling::new(state, held);
    let settled = settling.settled(&value, 0)?;
    settling.paid.pay(state)?;
    Ok(settled.unwrap_or(value))
}

fn counted(state: &State, value: Value) -> Result<Value, Error> {
    if value.as_object().is_some() {
        let mut paid = Paid::new(state);
        count(&value, 0, &mut paid)?;
        paid.pay(state)?;
    }
    Ok(value)
}

/// What is still to be paid for with the steps that are left.
struct Paid {
    left: u64,
    units: u64,
}

impl Paid {
    fn new(state: &State) -> Paid {
        let left = state.fuel_levels().map_or(u64::MAX, |(_, left)| left.saturating_mul(UNITS_PER_STEP));
        Paid { left, units: 0 }
    }

    fn take(&mut self, units: u64) -> Result<(), Error> {
        self.left = self.left.checked_sub(units).ok_or_else(|| Error::from(ErrorKind::OutOfFuel))?;
        self.units += units;
        Ok(())
    }

    fn pay(self, state: &State) -> Result<(), Error> {
        state.consume_fuel(self.units / UNITS_PER_STEP)
    }
}

/// A walk through a value that is kept.
struct Settling {
    paid: Paid,
    /// Whether it may be held by what it holds.
    held: bool,
    /// How deep it is nested.
    depth: usize,
    /// Whether it holds a list that goes on growing.
    has_growing: bool,
}

impl Settling {
    fn new(state: &State, held: bool) -> Settling {
        Settling { paid: Paid::new(state), held, depth: 0, has_growing: false }
    }

    /// What is kept in its place, if that is another: a list that was not gone through yet (a slice, two lists
    /// joined) becomes one that was.
    fn settled(&mut self, value: &Value, depth: usize) -> Result<Option<Value>, Error> {
        let Some(object) = value.as_object() else { return Ok(None) };
        self.paid.take(VALUE)?;
        if let Some(length) = length_of_parsed(value) {
            self.paid.take(PARSED * length as u64)?;
            return Ok(None);
        }
        let growing = object.downcast_ref::<Growing>();
        self.depth = self.depth.max(depth + growing.map_or(1, |growing| growing.depth));
        self.has_growing |= growing.is_some();
        if self.depth > DEEPEST {
            return Err(too_deep());
        }
        match value.kind() {
            _ if growing.is_some() => Ok(None),
            ValueKind::Seq | ValueKind::Iterable => self.settled_list(value, depth),
            ValueKind::Map if !is_of_the_engine(object.type_name()) => self.settled_record(value, depth),
            ValueKind::Map | ValueKind::Plain if self.held => Err(Error::new(
                ErrorKind::InvalidOperation,
                "a namespace, and a list that is added to, hold texts, numbers, lists and records, \
                 and no namespace, macro or loop",
            )),
            _ => Ok(None),
        }
    }

    fn settled_list(&mut self, value: &Value, depth: usize) -> Result<Option<Value>, Error> {
        let is_tuple = value.downcast_object_ref::<Tuple>().is_some();
        let mut changed = !is_tuple && value.downcast_object_ref::<Vec<Value>>().is_none();
        let mut items = Vec::new();
        for (index, item) in value.try_iter()?.enumerate() {
            self.paid.take(VALUE)?;
            let settled = self.settled(&item, depth + 1)?;
            if !changed && settled.is_some() {
                items.extend(value.try_iter()?.take(index));
                changed = true;
            }
            if changed {
                items.push(settled.unwrap_or(item));
            }
        }
        Ok(changed.then(|| if is_tuple { Value::from(Tuple::from(items)) } else { Value::from(items) }))
    }

    fn settled_record(&mut self, value: &Value, depth: usize) -> Result<Option<Value>, Error> {
        let mut changed = false;
        let mut fields = Vec::new();
        for key in value.try_iter()? {
            self.paid.take(2 * VALUE)?;
            let field = value.get_item(&key)?;
            let settled = (self.settled(&key, depth + 1)?, self.settled(&field, depth + 1)?);
            changed |= settled.0.is_some() || settled.1.is_some();
            fields.push((settled.0.unwrap_or(key), settled.1.unwrap_or(field)));
        }
        Ok(changed.then(|| Value::from_pairs(fields)))
    }
}

/// Pays for all that is in a value.
fn count(value: &Value, depth: usize, paid: &mut Paid) -> Result<(), Error> {
    if let Some(text) = value.as_str() {
        return paid.take(VALUE + text.len() as u64);
    }
    paid.take(VALUE)?;
    let Some(object) = value.as_object() else { return Ok(()) };
    if depth > 4 * DEEPEST {
        return Err(too_deep());
    }
    if let Some(size) = size_of_parsed(value, paid.left / PARSED) {
        return paid.take(PARSED * size);
    }
    match value.kind() {
        ValueKind::Seq | ValueKind::Iterable => {
            value.try_iter()?.try_for_each(|item| count(&item, depth + 1, paid))
        }
        ValueKind::Map if !is_of_the_engine(object.type_name()) || is_namespace(object.type_name()) => {
            value.try_iter()?.try_for_each(|key| {
                count(&key, depth + 1, paid)?;
                count(&value.get_item(&key)?, depth + 1, paid)
            })
        }
        _ => Ok(()),
    }
}

fn too_deep() -> Error {
    let message = format!(
        "lists and records are nested more than {DEEPEST} deep: give them names of their own, one beside the other"
    );
    Error::new(ErrorKind::InvalidOperation, message)
}

/// Whether it is the engine's namespace, loop, macro or module.
fn is_of_the_engine(type_name: &str) -> bool {
    is_namespace(type_name) || type_name.starts_with("minijinja::vm::")
}

fn is_namespace(type_name: &str) -> bool {
    type_name.ends_with("::Namespace")
}

/// A list that items are added to at its end. All that grew from one beginning share their items, and each has a
/// length of its own.
#[derive(Debug)]
struct Growing {
    items: Arc<RwLock<Vec<Value>>>,
    length: usize,
    depth: usize,
}

impl Object for Growing {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Seq
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        let index = key.as_usize().filter(|index| *index < self.length)?;
        self.items.read().unwrap_or_else(PoisonError::into_inner).get(index).cloned()
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Seq(self.length)
    }
}

fn with_items(state: &State, list: Value, items: Value) -> Result<Value, Error> {
    if !matches!(list.kind(), ValueKind::Seq | ValueKind::Iterable)
        || list.downcast_object_ref::<Tuple>().is_some()
    {
        let message = format!("tried to use + operator on unsupported types {} and sequence", list.kind());
        return Err(Error::new(ErrorKind::InvalidOperation, message));
    }
    let mut settling = Settling::new(state, true);
    let items = settling.settled(&items, 0)?.unwrap_or(items);
    // one that holds what grew from the same beginning would hold itself
    let growing = list.downcast_object_ref::<Growing>().filter(|_| !settling.has_growing);
    if let Some(growing) = growing {
        let mut all = growing.items.write().unwrap_or_else(PoisonError::into_inner);
        if all.len() == growing.length {
            all.extend(items.try_iter()?);
            let (items, depth) = (Arc::clone(&growing.items), growing.depth.max(settling.depth));
            let grown = Growing { items, length: all.len(), depth };
            settling.paid.pay(state)?;
            return if depth > DEEPEST { Err(too_deep()) } else { Ok(Value::from_object(grown)) };
        }
    }
    let list = settling.settled(&list, 0)?.unwrap_or(list);
    let mut all = Vec::new();
    for item in list.try_iter()?.chain(items.try_iter()?) {
        settling.paid.take(VALUE)?;
        all.push(item);
    }
    let (length, depth) = (all.len(), settling.depth);
    settling.paid.pay(state)?;
    Ok(Value::from_object(Growing { items: Arc::new(RwLock::new(all)), length, depth }))
}

/// Numbers, added. The engine adds texts and lists as well, and copies all of them for each.
fn sum(
    state: &State,
    values: Value,
    attribute: Option<&str>,
    start: Option<Value>,
    named: Kwargs,
) -> Result<Value, Error> {
    let given = start.clone().or_else(|| named.peek("start").ok());
    if given.is_some_and(|start| !matches!(start.kind(), ValueKind::Number | ValueKind::Undefined)) {
        let message = "`sum` adds numbers; texts are joined with `join`, lists with `chain`";
        return Err(Error::new(ErrorKind::InvalidOperation, message));
    }
    minijinja::filters::sum(state, values, attribute, start, named)
}

/// What is there, for whoever writes a template.
fn debug(state: &State, values: Rest<Value>) -> Result<String, Error> {
    match &values[..] {
        [] => printed(state, format_args!("{state:#?}")),
        [value] => printed(state, format_args!("{value:#?}")),
        values => printed(state, format_args!("{values:#?}")),
    }
}

/// Text that grows up to so many bytes.
struct Bounded {
    text: String,
    room: usize,
}

impl Write for Bounded {
    fn write_str(&mut self, part: &str) -> fmt::Result {
        self.room = self.room.checked_sub(part.len()).ok_or(fmt::Error)?;
        self.text.push_str(part);
        Ok(())
    }
}

/// A value as text. A list may hold another many times over, so what it prints has to be paid for while it is
/// printed.
///
/// # Errors
/// If the template has no steps left to print it.
pub fn printed(state: &State, value: impl fmt::Display) -> Result<String, Error> {
    let room = state.fuel_levels().map_or(u64::MAX, |(_, left)| left.saturating_mul(BYTES_PER_STEP as u64));
    let mut bounded = Bounded { text: String::new(), room: usize::try_from(room).unwrap_or(usize::MAX) };
    match write!(bounded, "{value}") {
        Ok(()) => Ok(bounded.text),
        Err(_) => Err(Error::from(ErrorKind::OutOfFuel)),
    }
}

#[cfg(test)]
#[path = "extent_tests.rs"]
mod tests;
