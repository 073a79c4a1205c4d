//! Values made safe for what reads a file: a shell, Prometheus.

use minijinja::{Environment, Error, State, Value};

use super::argument::{Filter, nothing_for};
use super::print;
use crate::parse::text;
use crate::parse::value::Value as Parsed;

const SHELL: Filter = Filter { name: "shell", takes: "a text, a number, or a list of them" };
const PROMETHEUS: Filter = Filter { name: "prometheus", takes: "a text, a number, or a record of them" };

pub fn add_to(environment: &mut Environment<'_>) {
    environment.add_filter("shell", shell);
    environment.add_filter("prometheus", prometheus);
}

fn shell(state: &State, value: Value) -> Result<Value, Error> {
    if value.is_undefined() {
        return Ok(nothing_for(&value));
    }
    let word = |value: &Parsed| match value {
        Parsed::List(_) | Parsed::Record(_) => None,
        plain => Some(print::shell_word(&print::scalar(plain))),
    };
    let words = match SHELL.parsed(state, &value)? {
        Parsed::List(items) => {
            items.iter().map(word).collect::<Option<Vec<_>>>().map(|words| words.join(" "))
        }
        plain => word(&plain),
    };
    words.map(Value::from).ok_or_else(|| SHELL.refuses(&value))
}

/// What stands between the quotes of a label, or of a record all labels.
fn prometheus(state: &State, value: Value) -> Result<Value, Error> {
    if value.is_undefined() {
        return Ok(nothing_for(&value));
    }
    Ok(Value::from(match PROMETHEUS.parsed(state, &value)? {
        Parsed::List(_) => return Err(PROMETHEUS.refuses(&value)),
        Parsed::Record(record) => {
            let labels = record.iter().map(|(name, value)| match value {
                Parsed::List(_) | Parsed::Record(_) => {
                    Err(PROMETHEUS.error("cannot use a list or record as a label"))
                }
                plain => Ok(format!("{}=\"{}\"", label_name(name), label_value(&print::scalar(plain)))),
            });
            labels.collect::<Result<Vec<_>, _>>()?.join(",")
        }
        plain => label_value(&print::scalar(&plain)),
    }))
}

/// Prometheus reads no file in which one byte is not UTF-8, so such bytes become U+FFFD.
fn label_value(value: &str) -> String {
    let value = String::from_utf8_lossy(&text::encode(value)).into_owned();
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

fn label_name(name: &str) -> String {
    let allowed = |one: char| if one.is_ascii_alphanumeric() { one } else { '_' };
    let mut label: String = name.chars().map(allowed).collect();
    if label.is_empty() || label.starts_with(|first: char| first.is_ascii_digit()) {
        label.insert(0, '_');
    }
    label
}
