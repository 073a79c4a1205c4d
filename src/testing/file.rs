//! From TOML to test cases, with every mistake of the file in a report.

use std::path::Path;
use std::sync::Arc;

use regex::Regex;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::{Case, Check, Expectation, Given, Step, TestFile, keys};
use crate::ami::Message;
use crate::language::{Code, Reader, Report, Section, Span, TreeSource, report_syntax};
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
        report_syntax(&mut reader, &errors);
        let file = if errors.is_empty() { file(&mut reader, document.get_ref()) } else { None };
        let report = reader.report;
        Ok((file.filter(|_| !report.has_errors()), report))
    }
}

fn file(reader: &mut Reader, table: &DeTable<'_>) -> Option<TestFile> {
    let section = Section::open(reader, "a test file", table, keys::TEST_FILE);
    let source = Arc::clone(&reader.source);
    let beside = source.path().parent().unwrap_or(Path::new("")).to_owned();
    let tree = section.text(reader, "tree").map(|text| beside.join(text.value));
    if section.get("tree").is_none() {
        let help = Some("add `tree = \"FILE\"`, seen from the test file".into());
        let (message, label) = ("the test file has no `tree`", "which tree is tested?");
        reader.finding(Code::IncompleteTest, 0..0, message, label, help);
    }
    let templates = section.text(reader, "templates").map(|text| beside.join(text.value));
    let mut cases: Vec<Case> = Vec::new();
    for value in tables(reader, "`case`", section.get("case")) {
        let Some(case) = case(reader, value, &beside) else { continue };
        if let Some(first) = cases.iter().find(|known| known.name == case.name) {
            let places = (reader.place(case.span.clone()), reader.place(first.span.clone()));
            let message = format!("there are two cases `{}`", case.name);
            let (related, help) = ((&places.1, "first here"), Some("name it otherwise".into()));
            reader.finding_beside(Code::RepeatedCase, &places.0, related, message, "and here", help);
        }
        cases.push(case);
    }
    if section.get("case").is_none() {
        let help = Some("add a table `[[case]]` with a `name`, and with `[case.expect]` below".into());
        let (message, label) = ("the test file has no `[[case]]`", "nothing would be tested");
        reader.finding(Code::NothingTested, 0..0, message, label, help);
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
    let section = Section::open(reader, "a case", table, keys::CASE);
    let name = section.text(reader, "name");
    let span = section.key("name").map_or(value.span(), |key| key.span());
    if section.get("name").is_none() {
        let help = Some("add `name = \"…\"`: what the case shows, in words".into());
        let (message, label) = ("a case has no `name`", "which one is it?");
        reader.finding(Code::IncompleteTest, value.span(), message, label, help);
    }
    let mut steps = vec![step(reader, &section, beside)];
    for value in tables(reader, "`then`", section.get("then")) {
        let Some(table) = reader.table("`then`", value) else { continue };
        let section = Section::open(reader, "`then`", table, keys::THEN);
        steps.push(step(reader, &section, beside));
    }
    if steps.iter().all(|step| step.expectations.is_empty()) {
        let help = Some("add `[case.expect]` with a line for each path".into());
        let (message, label) = ("a case expects nothing", "nothing would be tested");
        reader.finding(Code::NothingTested, span.clone(), message, label, help);
    }
    Some(Case { name: name?.value, span, steps })
}

fn step(reader: &mut Reader, section: &Section<'_, '_>, beside: &Path) -> Step {
    let recording = section.text(reader, "recording").and_then(|text| {
        let path = beside.join(&text.value);
        let read = Recording::read(&path);
        let read = read.map_err(|error| {
            let help = Some("make one with `astfs record TREE -o FILE`".into());
            let (span, message) = (text.span.clone(), error.to_string());
            reader.finding(Code::UnreadableRecording, span, message, "this recording", help);
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
        let (message, label) = ("an event has no name", "no `Event` in it");
        reader.finding(Code::InvalidEvent, value.span(), message, label, help);
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
            let message = "a header of an event is one line, and its name has no `:`";
            let help = Some("send an event for each, with one value for each header".into());
            reader.finding(Code::InvalidEvent, value.span(), message, "not a header", help);
            return None;
        }
        bytes.push_str(&format!("{header}: {text}\r\n"));
    }
    bytes.push_str("\r\n");
    Message::read(&crate::parse::text::encode(&bytes)).ok()
}

fn checks(reader: &mut Reader, value: &Spanned<DeValue<'_>>) -> Vec<(Span, Check)> {
    let Some(table) = reader.table("what is expected at a path", value) else { return Vec::new() };
    let section = Section::open(reader, "an expectation", table, keys::EXPECTATION);
    let mut checks = Vec::new();
    for key in keys::EXPECTATION.iter().map(|key| key.name) {
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
                    reader.finding(Code::InvalidRegex, text.span, message, "here", None);
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
    if table.is_empty() {
        let known: Vec<&str> = keys::EXPECTATION.iter().map(|key| key.name).collect();
        let help = Some(format!("write one of `{}`", known.join("`, `")));
        let message = "nothing is expected at this path";
        reader.finding(Code::NothingTested, value.span(), message, "empty", help);
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
