//! What Asterisk prints where there is nothing.

use minijinja::{Environment, Error, State, Value};

use super::argument::{Filter, nothing_for};
use crate::language::value::from_template_within;
use crate::parse::value::Value as Parsed;

/// The words for nothing, in small letters. `unknown` and `none` without brackets are words of their
/// own: a phone's status, a setting's value.
const WORDS: [&str; 14] = [
    "",
    "<not set>",
    "(not set)",
    "<none>",
    "(none)",
    "-none-",
    "(null)",
    "<unknown>",
    "<unspecified>",
    "(unspecified)",
    "n/a",
    "(n/a)",
    "(empty)",
    "-nan",
];

pub fn add_to(environment: &mut Environment<'_>) {
    environment.add_filter("known", known);
    environment.add_test("unset", |value: Value| is_nothing(&value));
}

/// Whether Asterisk says with that text that there is nothing.
pub fn means_nothing(text: &str) -> bool {
    let text = text.trim();
    WORDS.iter().any(|word| text.eq_ignore_ascii_case(word))
}

fn is_nothing(value: &Value) -> bool {
    // a list is something, however much it holds
    match from_template_within(value, 1) {
        Some(Parsed::Null) => true,
        Some(Parsed::Text(text)) => means_nothing(&text),
        _ => false,
    }
}

fn known(state: &State, value: Value) -> Result<Value, Error> {
    let filter = Filter { name: "known", takes: "any value" };
    filter.parsed(state, &value)?;
    Ok(if is_nothing(&value) { nothing_for(&value) } else { value })
}
