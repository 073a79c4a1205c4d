//! Caller ID: `"Name" <number>`.

use minijinja::{Environment, Error, State, Value};

use super::argument::{Filter, nothing_for, record};
use super::nothing::means_nothing;

const CALLER_ID: Filter = Filter { name: "caller_id", takes: "a text like `\"Web Phone\" <6001>`" };

pub fn add_to(environment: &mut Environment<'_>) {
    environment.add_filter("caller_id", caller_id);
}

fn caller_id(state: &State, value: Value) -> Result<Value, Error> {
    if value.is_undefined() {
        return Ok(nothing_for(&value));
    }
    let text = CALLER_ID.text(state, &value)?.unwrap_or_default();
    let (name, number) = read(&text);
    let part = |part: String| (!means_nothing(&part)).then(|| Value::from(part));
    Ok(record([("name", part(name)), ("number", part(number))]))
}

/// Name and number. A name may hold quotes and brackets, so the number is what the last bracket opens.
fn read(text: &str) -> (String, String) {
    let text = text.trim();
    let bracket = text.ends_with('>').then(|| text.rfind('<')).flatten();
    match bracket {
        Some(open) => (unquoted(text[..open].trim_end()), text[open + 1..text.len() - 1].trim().to_owned()),
        None if is_number(text) => (String::new(), text.to_owned()),
        None => (unquoted(text), String::new()),
    }
}

fn is_number(text: &str) -> bool {
    text.chars().all(|one| one.is_ascii_digit() || "+*#-. ()".contains(one))
}

/// Without the quotes around it, and without the backslash before a quote or a backslash.
fn unquoted(text: &str) -> String {
    let Some(inside) = text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) else {
        return text.to_owned();
    };
    let mut name = String::with_capacity(inside.len());
    let mut characters = inside.chars().peekable();
    while let Some(one) = characters.next() {
        let escaped = characters.next_if(|next| one == '\\' && matches!(next, '"' | '\\'));
        name.push(escaped.unwrap_or(one));
    }
    name
}
