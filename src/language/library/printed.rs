//! The formats of `as`, inside a template; without a line end at the end, as templates have one there.

use minijinja::value::Kwargs;
use minijinja::{Environment, Error, State, Value};

use super::argument::{Filter, nothing_for};
use super::print::{self, Columns, WIDEST_COLUMN};
use crate::language::model::Format;
use crate::parse::value::Value as Parsed;

const PAIRS: Filter = Filter { name: "pairs", takes: "a record" };
const ENV: Filter = Filter { name: "env", takes: "a record" };
const TABLE: Filter = Filter { name: "table", takes: "a list of records, a record, or a list of lists" };
const CSV: Filter = Filter { name: "csv", takes: "any value" };
const JSON_LINES: Filter = Filter { name: "json_lines", takes: "any value" };

pub fn add_to(environment: &mut Environment<'_>) {
    environment.add_filter("pairs", pairs);
    environment.add_filter("env", env);
    environment.add_filter("table", table);
    environment.add_filter("csv", csv);
    environment.add_filter("json_lines", json_lines);
}

/// Whole lines as a template has them.
fn without_last_line_end(mut lines: String) -> Value {
    if lines.ends_with('\n') {
        lines.pop();
    }
    Value::from(lines)
}

/// The names of fields that a filter was given, first or by a name.
fn names(
    filter: Filter,
    given: Option<Value>,
    named: &Kwargs,
    key: &str,
) -> Result<Option<Vec<String>>, Error> {
    let given = match given {
        Some(given) => given,
        None => match named.get::<Option<Value>>(key)? {
            Some(given) => given,
            None => return Ok(None),
        },
    };
    let wrong = || filter.error(&format!("takes `{key}` as a list of names, like [\"name\", \"context\"]"));
    let items = given.try_iter().map_err(|_| wrong())?;
    items.map(|item| item.as_str().map(str::to_owned).ok_or_else(wrong)).collect::<Result<_, _>>().map(Some)
}

fn pairs(state: &State, value: Value, fields: Option<Value>, named: Kwargs) -> Result<Value, Error> {
    let fields = names(PAIRS, fields, &named, "fields")?;
    let separator: Option<Value> = named.get("separator")?;
    let aligned: Option<bool> = named.get("aligned")?;
    named.assert_all_used()?;
    let separator = match &separator {
        None if aligned == Some(true) => " = ",
        None => "=",
        Some(separator) => {
            separator.as_str().ok_or_else(|| PAIRS.error("takes its separator as a text, like \": \""))?
        }
    };
    if value.is_undefined() {
        return Ok(nothing_for(&value));
    }
    let parsed = PAIRS.parsed(state, &value)?;
    let Some(record) = parsed.as_record() else { return Err(PAIRS.refuses(&value)) };
    let lines: Vec<(&str, String)> = match &fields {
        Some(fields) => {
            let found = |name: &String| record.get(name).map(print::cell).unwrap_or_default();
            fields.iter().map(|name| (name.as_str(), found(name))).collect()
        }
        None => record.iter().map(|(name, value)| (name, print::cell(value))).collect(),
    };
    let width = match aligned {
        Some(true) => {
            lines.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0).min(WIDEST_COLUMN)
        }
        _ => 0,
    };
    let line = |(name, value): &(&str, String)| match value.as_str() {
        "" => format!("{name:width$}{separator}").trim_end_matches(' ').to_owned(),
        value => format!("{name:width$}{separator}{value}"),
    };
    let lines: Vec<String> = lines.iter().map(line).collect();
    Ok(Value::from(lines.join("\n")))
}

fn env(state: &State, value: Value) -> Result<Value, Error> {
    if value.is_undefined() {
        return Ok(nothing_for(&value));
    }
    let parsed = ENV.parsed(state, &value)?;
    let lines = print::print(&parsed, Format::Env).map_err(|_| ENV.refuses(&value))?;
    Ok(without_last_line_end(lines))
}

fn table(state: &State, value: Value, columns: Option<Value>, named: Kwargs) -> Result<Value, Error> {
    let chosen = names(TABLE, columns, &named, "columns")?;
    named.assert_all_used()?;
    if value.is_undefined() {
        return Ok(nothing_for(&value));
    }
    match TABLE.parsed(state, &value)? {
        parsed @ (Parsed::List(_) | Parsed::Record(_)) => {
            Ok(without_last_line_end(print::table(&Columns::of(&parsed, chosen))))
        }
        Parsed::Null => Ok(nothing_for(&value)),
        _ => Err(TABLE.refuses(&value)),
    }
}

fn csv(state: &State, value: Value, columns: Option<Value>, named: Kwargs) -> Result<Value, Error> {
    let chosen = names(CSV, columns, &named, "columns")?;
    named.assert_all_used()?;
    if value.is_undefined() {
        return Ok(nothing_for(&value));
    }
    let composed = |item: &Parsed| matches!(item, Parsed::List(_) | Parsed::Record(_));
    Ok(match CSV.parsed(state, &value)? {
        // plain values make one line
        Parsed::List(items) if chosen.is_none() && !items.iter().any(composed) => {
            Value::from(items.iter().map(print::csv_cell).collect::<Vec<_>>().join(","))
        }
        parsed @ (Parsed::List(_) | Parsed::Record(_)) => {
            without_last_line_end(print::csv(&Columns::of(&parsed, chosen)))
        }
        plain => Value::from(print::csv_cell(&plain)),
    })
}

fn json_lines(state: &State, value: Value) -> Result<Value, Error> {
    if value.is_undefined() {
        return Ok(nothing_for(&value));
    }
    let line =
        |value: &Parsed| serde_json::to_string(value).map_err(|_| JSON_LINES.refuses(&Value::UNDEFINED));
    Ok(Value::from(match JSON_LINES.parsed(state, &value)? {
        Parsed::List(items) => items.iter().map(line).collect::<Result<Vec<_>, _>>()?.join("\n"),
        other => line(&other)?,
    }))
}
