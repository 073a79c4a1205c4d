//! From TOML to test cases, with every mistake of the file in a report.

use std::path::Path;
use std::sync::Arc;

use regex::Regex;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::{Case, Check, Expectation, Given, Step, TestFile};
use crate::ami::Message;
use crate::language::{Reader, Report, Section, TreeSource};
use crate::recording::Recording;

impl TestFile {
    /// Reads and checks a test file.
    ///
    /// Gives the cases, if nothing keeps them from being run, and the findings.
    ///
    /// # Errors
    /// Only if the file itself cannot be read.
    pub fn load(path: &Path) -> std::io::Result<(Option<TestFile>, Report)> {
        let text = std::fs::read_to_string(path)?;
        let source = Arc::new(TreeSource::new(path, text));
        let mut reader = Reader::new(Arc::clone(&source));
        let (document, errors) = DeTable::parse_recoverable(source.text());
        let broken = !errors.is_empty();
        for error in errors {
            reader.error(error.span().unwrap_or(0..0), "this is not TOML", error.message(), None);
        }
        let file = if broken { None } else { file(&mut reader, document.get_ref()) };
        let report = reader.report;
        Ok((file.filter(|_| !report.has_errors()), report))
    }
}

fn file(reader: &mut Reader, table: &DeTable<'_>) -> Option<TestFile> {
    let section = Section::open(reader, "a test file", table, &["tree", "templates", "case"]);
    let source = Arc::clone(&reader.source);
    let beside = source.path().parent().unwrap_or(Path::new("")).to_owned();
    let tree = section.text(reader, "tree").map(|text| beside.join(text.value));
    if section.get("tree").is_none() {
        let help = Some("add `tree = \"FILE\"`, seen from the test file".into());
        reader.error(0..0, "the test file has no `tree`", "which tree is tested?", help);
    }
    let templates = section.text(reader, "templates").map(|text| beside.join(text.value));
    let mut cases: Vec<Case> = Vec::new();
    for value in tables(reader, "`case`", section.get("case")) {
        let Some(case) = case(reader, value, &beside) else { continue };
        if cases.iter().any(|known| known.name == case.name) {
            let message = format!("there are two cases `{}`", case.name);
            reader.error(case.span.clone(), message, "the second one", Some("name it otherwise".into()));
        }
        cases.push(case);
    }
    if section.get("case").is_none() {
        let help = Some("add a table `[[case]]` with a `name`, and with `[case.expect]` below".into());
        reader.error(0..0, "the test file has no `[[case]]`", "nothing would be tested", help);
    }
    Some(TestFile { source, tree: tree?, templates, cases })
}

/// A list of tables; a table alone is none, since TOML writes it nearly the same.
fn tables<'a, 'i>(
    reader: &mut Reader,
    what: &str,
    value: Option<&'a Spanned<DeValue<'i>>>,
) -> Vec<&'a Spanned<DeValue<'i>>> {
    let Some(value) = value else { return Vec::new() };
    let Some(items) = value.get_ref().as_array() else {
        reader.wrong_type(what, "a list of tables", value);
        return Vec::new();
    };
    items.iter().collect()
}

fn case(reader: &mut Reader, value: &Spanned<DeValue<'_>>, beside: &Path) -> Option<Case> {
    let table = reader.table("a case", value)?;
    let known = ["name", "recording", "query", "expect", "then"];
    let section = Section::open(reader, "a case", table, &known);
    let name = section.text(reader, "name");
    let span = section.key("name").map_or(value.span(), |key| key.span());
    if section.get("name").is_none() {
        let help = Some("add `name = \"…\"`: what the case shows, in words".into());
        reader.error(value.span(), "a case has no `name`", "which one is it?", help);
    }
    let mut steps = vec![step(reader, &section, beside)];
    for value in tables(reader, "`then`", section.get("then")) {
        let Some(table) = reader.table("`then`", value) else { continue };
        let section = Section::open(reader, "`then`", table, &["recording", "query", "events", "expect"]);
        steps.push(step(reader, &section, beside));
    }
    if steps.iter().all(|step| step.expectations.is_empty()) {
        let help = Some("add `[case.expect]` with a line for each path".into());
        reader.error(span.clone(), "a case expects nothing", "nothing would be tested", help);
    }
    Some(Case { name: name?.value, span, steps })
}

fn step(reader: &mut Reader, section: &Section<'_, '_>, beside: &Path) -> Step {
    let recording = section.text(reader, "recording").and_then(|text| {
        let path = beside.join(&text.value);
        let read = Recording::read(&path);
        let read = read.map_err(|error| {
            let help = Some("make one with `astfs record TREE -o FILE`".into());
            reader.error(text.span.clone(), error.to_string(), "this recording", help);
        });
        Some((path.display().to_string(), read.ok()?))
    });
    let mut step = Step { recording, ..Step::default() };
    if let Some(table) = section.get("query").and_then(|value| reader.table("`query`", value)) {
        for (name, value) in table {
            let (query, span) = (name.get_ref().to_string(), name.span());
            step.given.push(Given { query, span, result: json(value.get_ref()) });
        }
    }
    for value in tables(reader, "`events`", section.get("events")) {
        step.events.extend(event(reader, value));
    }
    if let Some(table) = section.get("expect").and_then(|value| reader.table("`expect`", value)) {
        for (path, value) in table {
            let checks = checks(reader, value);
            step.expectations.push(Expectation { path: path.get_ref().to_string(), checks });
        }
    }
    step
}

/// An event as it would come over the wire. `Event` is its first header, wherever it stands.
fn event(reader: &mut Reader, value: &Spanned<DeValue<'_>>) -> Option<Message> {
    let table = reader.table("an event", value)?;
    let Some(name) = table.get("Event") else {
        let help = Some("write its headers, `Event` among them: `{ Event = \"Reload\" }`".into());
        reader.error(value.span(), "an event has no name", "no `Event` in it", help);
        return None;
    };
    let named = std::iter::once(("Event", name));
    let others = table.iter().map(|(header, value)| (&**header.get_ref(), value));
    let mut bytes = String::new();
    for (header, value) in named.chain(others.filter(|(header, _)| *header != "Event")) {
        let text = match json(value.get_ref()) {
            serde_json::Value::String(text) => text,
            other => other.to_string(),
        };
        let ends_line = |text: &str| text.contains(['\r', '\n', '\0']);
        if ends_line(&text) || ends_line(header) || header.contains(':') {
            reader.error(value.span(), "a header of an event is one line", "not one line", None);
            return None;
        }
        bytes.push_str(&format!("{header}: {text}\r\n"));
    }
    bytes.push_str("\r\n");
    Message::read(&crate::parse::text::encode(&bytes)).ok()
}

fn checks(reader: &mut Reader, value: &Spanned<DeValue<'_>>) -> Vec<(crate::language::Span, Check)> {
    let Some(table) = reader.table("what is expected at a path", value) else { return Vec::new() };
    let known = ["equals", "contains", "not_contains", "matches", "link", "exists", "mode", "names"];
    let section = Section::open(reader, "an expectation", table, &known);
    let mut checks = Vec::new();
    for key in known {
        let Some(place) = section.key(key) else { continue };
        let check = match key {
            "equals" => section.text(reader, key).map(|text| Check::Equals(text.value)),
            "link" => section.text(reader, key).map(|text| Check::Link(text.value)),
            "exists" => section.flag(reader, key).map(Check::Exists),
            "mode" => section.mode(reader, key).map(Check::Mode),
            "matches" => section.text(reader, key).and_then(|text| match Regex::new(&text.value) {
                Ok(pattern) => Some(Check::Matches(pattern)),
                Err(error) => {
                    let message = format!("`matches` is not a regular expression: {error}");
                    reader.error(text.span, message, "here", None);
                    None
                }
            }),
            _ => {
                let texts = section.texts(reader, key).into_iter().map(|text| text.value).collect();
                Some(match key {
                    "contains" => Check::Contains(texts),
                    "not_contains" => Check::NotContains(texts),
                    _ => Check::Names(texts),
                })
            }
        };
        checks.extend(check.map(|check| (place.span(), check)));
    }
    if checks.is_empty() && !section.misspelt && !reader.report.has_errors() {
        let help = Some(format!("write one of `{}`", known.join("`, `")));
        reader.error(value.span(), "nothing is expected at this path", "empty", help);
    }
    checks
}

/// A TOML value as JSON; what has no form there is its text.
fn json(value: &DeValue<'_>) -> serde_json::Value {
    match value {
        DeValue::String(text) => text.to_string().into(),
        DeValue::Integer(_) => crate::language::integer(value).map_or(serde_json::Value::Null, Into::into),
        DeValue::Float(float) => {
            float.as_str().replace('_', "").parse::<f64>().map_or(serde_json::Value::Null, Into::into)
        }
        DeValue::Boolean(flag) => (*flag).into(),
        DeValue::Datetime(time) => time.to_string().into(),
        DeValue::Array(items) => items.iter().map(|item| json(item.get_ref())).collect(),
        DeValue::Table(table) => {
            let fields =
                table.iter().map(|(name, value)| (name.get_ref().to_string(), json(value.get_ref())));
            serde_json::Value::Object(fields.collect())
        }
    }
}
