//! The formats of `as`, which filters print as well.
//!
//! Each prints whole lines in the order of the fields. Truth is `True` or `False`, nothing is empty,
//! except in JSON, YAML and TOML, which have their own words.

use indexmap::IndexSet;

use super::yaml;
use crate::language::model::Format;
use crate::parse::value::Value;

/// How far a column is padded, in characters: one long cell among many short ones must not make a table
/// of their product.
pub const WIDEST_COLUMN: usize = 255;

/// A value in a format.
///
/// # Errors
/// A sentence that says why a value has no such form.
pub fn print(value: &Value, format: Format) -> Result<String, String> {
    match format {
        // what is absent is an empty file
        Format::Text if *value == Value::Null => Ok(String::new()),
        Format::Text => {
            let mut lines = String::new();
            text(value, "", &mut lines);
            Ok(lines)
        }
        Format::Json => {
            serde_json::to_string_pretty(value).map(|json| json + "\n").map_err(|error| error.to_string())
        }
        Format::Env => env(value),
        Format::Csv => Ok(csv(&Columns::of(value, None))),
        Format::Table => Ok(table(&Columns::of(value, None))),
        Format::Toml => toml(value),
        Format::Yaml => Ok(yaml::print(value)),
    }
}

/// `codecs.0.name=ulaw`: one line for each value, led by the way to it. A list of plain values is
/// one a line; records of a list are numbered from 0.
fn text(value: &Value, path: &str, lines: &mut String) {
    let join = |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
    match value {
        Value::Record(record) => {
            for (name, value) in record.iter() {
                text(value, &join(name), lines);
            }
        }
        Value::List(items) => {
            for (index, item) in items.iter().enumerate() {
                let plain = path.is_empty() && !matches!(item, Value::Record(_) | Value::List(_));
                let way = if plain { String::new() } else { join(&index.to_string()) };
                text(item, &way, lines);
            }
        }
        plain if path.is_empty() => {
            let printed = scalar(plain);
            lines.push_str(&printed);
            // a text of several lines brings its last line end; one that is empty is a line, too
            if !printed.ends_with('\n') {
                lines.push('\n');
            }
        }
        plain => {
            lines.push_str(&format!("{path}={}\n", one_line(&scalar(plain))));
        }
    }
}

/// `NAME='value'`, for a shell to source; names are made of what a shell allows.
fn env(value: &Value) -> Result<String, String> {
    let Value::Record(record) = value else {
        return Err("`as = \"env\"` prints a record, not a list".into());
    };
    let mut lines = String::new();
    for (name, value) in record.iter() {
        if matches!(value, Value::Record(_) | Value::List(_)) {
            continue; // a shell variable holds one value
        }
        let mut shell_name: String = name
            .chars()
            .map(|one| if one.is_ascii_alphanumeric() { one.to_ascii_uppercase() } else { '_' })
            .collect();
        if shell_name.is_empty() || shell_name.starts_with(|first: char| first.is_ascii_digit()) {
            shell_name.insert(0, '_');
        }
        lines.push_str(&format!("{shell_name}={}\n", shell_word(&scalar(value))));
    }
    Ok(lines)
}

/// One word of a shell, whatever is in it.
pub fn shell_word(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}

/// A list of records, of lists or of plain values as rows under their names.
#[derive(Debug)]
pub struct Columns {
    names: Vec<String>,
    rows: Vec<Vec<String>>,
}

impl Columns {
    /// The columns of those names, or else of every field name that occurs, in the order of first
    /// occurrence. What is no list is one row.
    pub fn of(value: &Value, chosen: Option<Vec<String>>) -> Columns {
        let rows: Vec<&Value> = match value {
            Value::List(items) => items.iter().collect(),
            other => vec![other],
        };
        let names = chosen.unwrap_or_else(|| {
            let records = rows.iter().filter_map(|row| row.as_record());
            let names: IndexSet<&str> =
                records.flat_map(|record| record.iter().map(|(name, _)| name)).collect();
            names.into_iter().map(str::to_owned).collect()
        });
        let cells = |row: &&Value| match row {
            Value::Record(_) => {
                names.iter().map(|name| row.get(name).map(flat).unwrap_or_default()).collect()
            }
            Value::List(cells) => cells.iter().map(flat).collect(),
            plain => vec![flat(plain)],
        };
        let rows = rows.iter().map(cells).collect();
        Columns { names, rows }
    }

    /// The header, if there are names, and the rows.
    fn lines(&self) -> impl Iterator<Item = &Vec<String>> {
        let header = (!self.names.is_empty()).then_some(&self.names);
        header.into_iter().chain(&self.rows)
    }
}

/// RFC 4180 with line feeds: fields in quotes where they must be, quotes doubled.
pub fn csv(columns: &Columns) -> String {
    let line =
        |row: &Vec<String>| row.iter().map(|cell| csv_quoted(cell)).collect::<Vec<_>>().join(",") + "\n";
    columns.lines().map(line).collect()
}

/// A value as one field of CSV.
pub fn csv_cell(value: &Value) -> String {
    csv_quoted(&flat(value))
}

fn csv_quoted(cell: &str) -> String {
    match cell.contains([',', '"', '\n', '\r']) {
        true => format!("\"{}\"", cell.replace('"', "\"\"")),
        false => cell.to_owned(),
    }
}

/// Columns aligned by characters, two blanks between them.
pub fn table(columns: &Columns) -> String {
    let lines: Vec<Vec<String>> =
        columns.lines().map(|row| row.iter().map(|cell| one_line(cell)).collect()).collect();
    let mut widths: Vec<usize> = Vec::new();
    for row in &lines {
        widths.resize(widths.len().max(row.len()), 0);
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = cell.chars().count().clamp(*width, WIDEST_COLUMN);
        }
    }
    let mut text = String::new();
    for row in &lines {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}"));
        text.push_str(cells.collect::<Vec<_>>().join("  ").trim_end());
        text.push('\n');
    }
    text
}

fn toml(value: &Value) -> Result<String, String> {
    if !matches!(value, Value::Record(_)) {
        return Err("`as = \"toml\"` prints a record: TOML has no list at its top".into());
    }
    let json = serde_json::to_value(value).map_err(|error| error.to_string())?;
    toml::to_string(&without_null(json)).map_err(|error| error.to_string())
}

/// TOML has no word for nothing: such fields are left out.
fn without_null(json: serde_json::Value) -> serde_json::Value {
    match json {
        serde_json::Value::Object(fields) => fields
            .into_iter()
            .filter(|(_, value)| !value.is_null())
            .map(|(name, value)| (name, without_null(value)))
            .collect(),
        serde_json::Value::Array(items) => items.into_iter().map(without_null).collect(),
        other => other,
    }
}

/// A value in one cell: lists and records as JSON.
fn flat(value: &Value) -> String {
    match value {
        Value::List(_) | Value::Record(_) => serde_json::to_string(value).unwrap_or_default(),
        plain => scalar(plain),
    }
}

/// A value on one line: lists and records as JSON.
pub fn cell(value: &Value) -> String {
    one_line(&flat(value))
}

/// A plain value as text.
pub fn scalar(value: &Value) -> String {
    match value {
        Value::Null | Value::List(_) | Value::Record(_) => String::new(),
        Value::Bool(true) => "True".into(),
        Value::Bool(false) => "False".into(),
        Value::Integer(number) => number.to_string(),
        Value::Float(number) => number.to_string(),
        Value::Text(text) => text.to_string(),
    }
}

/// One value stays on one line, whatever a server put into it.
fn one_line(text: &str) -> String {
    text.replace('\r', "\\r").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parse::json;

    fn printed(json_text: &str, format: Format) -> String {
        print(&json::parse(json_text.as_bytes()).unwrap(), format).unwrap()
    }

    const PEER: &str =
        r#"{"name":"60'01","on":true,"none":null,"codecs":[{"name":"ulaw","ms":20},{"name":"alaw"}]}"#;
    const PEERS: &str = r#"[{"name":"a,b","n":1},{"name":"Ünï","x":"two\nlines"}]"#;

    #[test]
    fn text_has_one_line_for_each_value() {
        assert_eq!(
            printed(PEER, Format::Text),
            "name=60'01\non=True\nnone=\ncodecs.0.name=ulaw\ncodecs.0.ms=20\ncodecs.1.name=alaw\n"
        );
        assert_eq!(printed(r#"["a","b"]"#, Format::Text), "a\nb\n");
        assert_eq!((printed("null", Format::Text), printed("\"\"", Format::Text)), ("".into(), "\n".into()));
        assert_eq!(printed(r#"{"a":"x\ny=z"}"#, Format::Text), "a=x\\ny=z\n");
    }

    #[test]
    fn env_can_be_sourced() {
        assert_eq!(printed(PEER, Format::Env), "NAME='60'\\''01'\nON='True'\nNONE=''\n");
        assert!(print(&json::parse(b"[]").unwrap(), Format::Env).is_err());
    }

    #[test]
    fn csv_and_table_take_every_field_that_occurs() {
        assert_eq!(printed(PEERS, Format::Csv), "name,n,x\n\"a,b\",1,\nÜnï,,\"two\nlines\"\n");
        assert_eq!(printed(PEERS, Format::Table), "name  n  x\na,b   1\nÜnï      two\\nlines\n");
    }

    #[test]
    fn json_and_toml_keep_types() {
        assert!(printed(PEER, Format::Json).contains("\"on\": true,"));
        let toml = printed(PEER, Format::Toml);
        assert!(
            toml.contains("on = true") && toml.contains("[[codecs]]") && !toml.contains("none"),
            "{toml}"
        );
    }
}
