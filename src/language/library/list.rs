//! Lists in one text, and the order of extensions.

use std::cmp::Ordering;

use minijinja::value::{Kwargs, ValueKind};
use minijinja::{Environment, Error, State, Value};

use super::argument::{Filter, nothing_for};
use crate::language::value::to_template;
use crate::parse::value::Value as Parsed;

const PARTS: Filter =
    Filter { name: "parts", takes: "a text like `ulaw,alaw` or `SIP/6001&SIP/6002`, or a list" };
const NATURAL_SORT: Filter = Filter { name: "natural_sort", takes: "a list" };

pub fn add_to(environment: &mut Environment<'_>) {
    environment.add_filter("parts", parts);
    environment.add_filter("natural_sort", natural_sort);
}

fn parts(state: &State, value: Value, separators: Option<Value>) -> Result<Value, Error> {
    if value.is_undefined() {
        return Ok(nothing_for(&value));
    }
    if matches!(value.kind(), ValueKind::Seq | ValueKind::Iterable) {
        return Ok(value);
    }
    let separators = separators.unwrap_or_else(|| Value::from(",|&"));
    let Some(separators) = separators.as_str().filter(|separators| !separators.is_empty()) else {
        return Err(PARTS.error("takes its separators as a text, like `parts(\"&\")`"));
    };
    let text = PARTS.text(state, &value)?.unwrap_or_default();
    let parts = text.split(|one| separators.contains(one)).map(str::trim);
    Ok(parts.filter(|part| !part.is_empty()).map(Value::from).collect())
}

fn natural_sort(state: &State, value: Value, field: Option<Value>, named: Kwargs) -> Result<Value, Error> {
    let field = match field {
        Some(field) => Some(field),
        None => named.get("attribute")?,
    };
    let reverse: Option<bool> = named.get("reverse")?;
    named.assert_all_used()?;
    let field = match &field {
        None => None,
        Some(field) => match field.as_str() {
            Some(field) => Some(field),
            None => return Err(NATURAL_SORT.error("takes a field's name as a text")),
        },
    };
    if value.is_undefined() {
        return Ok(nothing_for(&value));
    }
    let items = match NATURAL_SORT.parsed(state, &value)? {
        Parsed::List(items) => items,
        Parsed::Null => return Ok(Value::from(Vec::<Value>::new())),
        _ => return Err(NATURAL_SORT.refuses(&value)),
    };
    let key = |item: &Parsed| match field {
        Some(field) => item.get(field).map(plain).unwrap_or_default(),
        None => plain(item),
    };
    let mut keyed: Vec<(String, &Parsed)> = items.iter().map(|item| (key(item), item)).collect();
    // a comparison is about as long as the shorter of both; that of n items takes log n for each
    state.consume_fuel(keyed.len() as u64 * u64::from(usize::BITS - keyed.len().leading_zeros()))?;
    keyed.sort_by(|(one, _), (other, _)| natural_order(one, other));
    if reverse == Some(true) {
        keyed.reverse();
    }
    Ok(keyed.into_iter().map(|(_, item)| to_template(item)).collect())
}

fn plain(value: &Parsed) -> String {
    match value {
        Parsed::Text(text) => text.to_string(),
        Parsed::Integer(number) => number.to_string(),
        Parsed::Float(number) => number.to_string(),
        _ => String::new(),
    }
}

/// Digits count as numbers, however long; letters count without their case, unless nothing else differs.
fn natural_order(one: &str, other: &str) -> Ordering {
    let (mut left, mut right) = (one, other);
    loop {
        let (Some(first), Some(second)) = (left.chars().next(), right.chars().next()) else {
            return left.len().cmp(&right.len()).then_with(|| one.cmp(other));
        };
        if first.is_ascii_digit() && second.is_ascii_digit() {
            let (number, behind) = leading_digits(left);
            let (against, behind_that) = leading_digits(right);
            let order = number.len().cmp(&against.len()).then_with(|| number.cmp(against));
            if order.is_ne() {
                return order;
            }
            (left, right) = (behind, behind_that);
        } else {
            let order = first.to_lowercase().cmp(second.to_lowercase());
            if order.is_ne() {
                return order;
            }
            (left, right) = (&left[first.len_utf8()..], &right[second.len_utf8()..]);
        }
    }
}

/// The digits that a text begins with, without leading zeros, and what follows.
fn leading_digits(text: &str) -> (&str, &str) {
    let end = text.find(|one: char| !one.is_ascii_digit()).unwrap_or(text.len());
    (text[..end].trim_start_matches('0'), &text[end..])
}
