//! Values printed in the formats of `as`: what reads the format reads the same value.
//!
//! The input is JSON.

use astfs::language::{Format, print::print};
use astfs::parse::value::Value;
use astfs::parse::{json, text};
use saphyr::{LoadableYamlNode, Yaml};

const FORMATS: [Format; 7] =
    [Format::Text, Format::Json, Format::Yaml, Format::Env, Format::Csv, Format::Table, Format::Toml];

pub fn check(bytes: &[u8]) {
    let Ok(value) = json::parse(bytes) else { return };
    for format in FORMATS {
        let Ok(printed) = print(&value, format) else { continue };
        assert!(printed.is_empty() || printed.ends_with('\n'), "{format:?}: a line without end");
        match format {
            Format::Json => {
                let again = json::parse(&text::encode(&printed)).expect("JSON");
                assert_eq!(again, value, "JSON is read as another value");
            }
            Format::Env => check_env(&printed),
            Format::Toml => {
                let read = printed.parse::<toml::Table>();
                assert!(read.is_ok(), "no TOML: {:?}\n{printed}", read.err());
            }
            Format::Yaml => {
                let documents = Yaml::load_from_str(&printed);
                assert!(
                    documents.as_ref().is_ok_and(|all| all.len() == 1),
                    "no YAML: {documents:?}\n{printed}"
                );
            }
            Format::Csv => check_csv(&value, &printed),
            Format::Text => check_text(&value, &printed),
            Format::Table => {}
        }
    }
}

/// Each line is a name and one word in quotes, so that a shell does nothing but set variables.
fn check_env(printed: &str) {
    let mut rest = printed;
    while !rest.is_empty() {
        let (name, behind) = rest.split_once('=').expect("a name");
        let allowed = |one: char| one.is_ascii_alphanumeric() || one == '_';
        assert!(name.chars().all(allowed) && !name.starts_with(|one: char| one.is_ascii_digit()), "{name:?}");
        assert!(!name.is_empty(), "a value without a name");
        rest = behind.strip_prefix('\'').expect("a quote");
        loop {
            let (_, behind) = rest.split_once('\'').expect("a closing quote");
            match behind.strip_prefix("\\''") {
                Some(goes_on) => rest = goes_on,
                None => {
                    rest = behind.strip_prefix('\n').expect("the line's end");
                    break;
                }
            }
        }
    }
}

/// A list of plain values has one a line.
fn check_text(value: &Value, printed: &str) {
    let Value::List(items) = value else { return };
    if items.iter().all(|item| item.as_str().is_some_and(|text| !text.contains('\n'))) {
        let lines: Vec<_> = items.iter().filter_map(Value::as_str).map(|text| format!("{text}\n")).collect();
        assert_eq!(printed, lines.concat(), "a text a line");
    }
}

/// A list of records has as many rows.
fn check_csv(value: &Value, printed: &str) {
    let (Value::List(items), bytes) = (value, text::encode(printed)) else { return };
    let named = items.iter().any(|item| item.as_record().is_some_and(|record| !record.is_empty()));
    if named && items.iter().all(|item| item.as_record().is_some_and(|record| record.len() > 1)) {
        let rows = astfs::parse::csv::parse(&bytes);
        let rows = rows.map(|rows| rows.as_list().map(|rows| rows.len()));
        assert_eq!(rows, Ok(Some(items.len())), "rows of {printed}");
    }
}
