//! A value as YAML.
//!
//! Readers of YAML 1.1 take `no` for false, `010` for 8 and `2026-01-31` for a date, so a text stands
//! without quotes only if none of them can take it for anything else. A text in quotes is as in JSON,
//! which all of them read.

use crate::parse::value::Value;

/// Words that some reader takes for truth or nothing.
const WORDS: [&str; 9] = ["true", "false", "yes", "no", "on", "off", "y", "n", "null"];

/// Readers look for the `:` behind a name only so far, 1,024 characters by the language's definition: before a longer
/// one there is a `?`.
const LONGEST_NAME: usize = 1_000;

/// A value as YAML, one line for each value inside it.
pub fn print(value: &Value) -> String {
    let lines = lines(value).unwrap_or_else(|| vec![flat(value)]);
    lines.into_iter().flat_map(|line| [line, "\n".to_owned()]).collect()
}

/// The lines of a list or record that has something in it.
fn lines(value: &Value) -> Option<Vec<String>> {
    let mut all = Vec::new();
    match value {
        Value::Record(record) => {
            for (name, value) in record.iter() {
                let mut name = text(name);
                if name.len() > LONGEST_NAME {
                    all.push(format!("? {name}"));
                    name.clear();
                }
                match lines(value) {
                    Some(below) => {
                        all.push(format!("{name}:"));
                        all.extend(below.into_iter().map(|line| format!("  {line}")));
                    }
                    None => all.push(format!("{name}: {}", flat(value))),
                }
            }
        }
        Value::List(items) => {
            for item in items.iter() {
                let below = lines(item).unwrap_or_else(|| vec![flat(item)]);
                let marks = std::iter::once("- ").chain(std::iter::repeat("  "));
                all.extend(marks.zip(below).map(|(mark, line)| format!("{mark}{line}")));
            }
        }
        _ => {}
    }
    (!all.is_empty()).then_some(all)
}

/// A value on one line.
fn flat(value: &Value) -> String {
    match value {
        Value::Text(value) => text(value),
        Value::List(_) => "[]".to_owned(),
        Value::Record(_) => "{}".to_owned(),
        Value::Null => "null".to_owned(),
        Value::Bool(value) => value.to_string(),
        Value::Integer(number) => number.to_string(),
        Value::Float(number) => format!("{number:?}"),
    }
}

fn text(text: &str) -> String {
    let is_plain = |character: char| character.is_ascii_alphanumeric() || "_-./@ ".contains(character);
    let begins = text.starts_with(|first: char| first.is_ascii_alphabetic() || "_/".contains(first));
    let is_word = WORDS.iter().any(|word| word.eq_ignore_ascii_case(text));
    if begins && text.chars().all(is_plain) && !text.ends_with(' ') && !is_word {
        return text.to_owned();
    }
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for character in text.chars() {
        match character {
            '"' | '\\' => quoted.extend(['\\', character]),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            _ if character.is_control() || matches!(character, '\u{2028}' | '\u{2029}' | '\u{feff}') => {
                quoted.push_str(&format!("\\u{:04x}", u32::from(character)));
            }
            _ => quoted.push(character),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parse::json;
    use saphyr::{LoadableYamlNode, Scalar, Yaml};

    fn printed(text: &str) -> String {
        print(&json::parse(text.as_bytes()).unwrap())
    }

    /// What a reader of YAML makes of it, as JSON.
    fn read(yaml: &Yaml) -> serde_json::Value {
        match yaml {
            Yaml::Value(Scalar::String(text)) => text.as_ref().into(),
            Yaml::Value(Scalar::Integer(number)) => (*number).into(),
            Yaml::Value(Scalar::FloatingPoint(number)) => number.into_inner().into(),
            Yaml::Value(Scalar::Boolean(value)) => (*value).into(),
            Yaml::Value(Scalar::Null) => serde_json::Value::Null,
            Yaml::Sequence(items) => items.iter().map(read).collect(),
            Yaml::Mapping(fields) => {
                let name = |name: &Yaml| read(name).as_str().unwrap().to_owned();
                serde_json::Value::Object(
                    fields.iter().map(|(key, value)| (name(key), read(value))).collect(),
                )
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn lists_and_records_are_indented_and_types_are_kept() {
        let peers = r#"[{"name":"6001","on":true,"none":null,"ms":20,"load":0.5,"codecs":["ulaw",[],{}]},{"x":{"y":[[1,2],{"z":"a b"}]}}]"#;
        assert_eq!(
            printed(peers),
            "- name: \"6001\"\n  \"on\": true\n  none: null\n  ms: 20\n  load: 0.5\n  codecs:\n    - ulaw\n    - []\n    - {}\n\
             - x:\n    \"y\":\n      - - 1\n        - 2\n      - z: a b\n"
        );
        assert_eq!(
            (printed("[]").as_str(), printed("{}").as_str(), printed("\"a\"").as_str()),
            ("[]\n", "{}\n", "a\n")
        );
    }

    #[test]
    fn every_text_is_read_back_as_that_text() {
        let texts = [
            "",
            " ",
            "a ",
            " a",
            "~",
            "no",
            "Yes",
            "NULL",
            "y",
            "true",
            "010",
            "1e3",
            "0x1f",
            "12:30",
            "2026-01-31",
            "1_000",
            ".5",
            "-",
            "- a",
            "-1",
            "a: b",
            "a #b",
            "#a",
            "a:",
            "{a}",
            "[a]",
            "&a",
            "*a",
            "!a",
            "|",
            ">",
            "%a",
            "@a",
            "`a",
            "'a'",
            "\"a\"",
            "a\\b",
            "two\nlines",
            "a\tb\r",
            "\u{7f}\u{85}\u{1b}[0m\u{0}",
            "\u{2028}\u{feff}",
            "Ünï 日本 😀",
            "---",
            "...",
            "a, b",
            "? a",
            "=",
            "<<",
            "sip/6001@pbx.example.org",
            "<sip:6001@10.0.0.1>",
        ];
        let pairs: serde_json::Map<_, _> =
            texts.iter().map(|text| ((*text).into(), (*text).into())).collect();
        let [long, longer] = [1_000, 70_000].map(|length| "x".repeat(length));
        let long =
            serde_json::json!([{ (long): { "a": 1 }, (longer.clone()): 2, (longer + ":"): { "b": [3] } }]);
        let value = serde_json::json!({ "list": &texts[..], "record": pairs, "long": long });
        let yaml = printed(&value.to_string());
        let documents = Yaml::load_from_str(&yaml).unwrap_or_else(|error| panic!("{error}\n{yaml}"));
        assert_eq!(documents.len(), 1);
        assert_eq!(read(&documents[0]), value, "{yaml}");
    }
}
