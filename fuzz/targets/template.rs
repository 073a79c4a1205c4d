//! Templates and expressions, compiled and run over records: they end, what they print is bounded by their steps,
//! and no error tells a value.
//!
//! The input's first byte says where the text goes; the rest is a template, and an expression.

use std::cell::LazyCell;

use astfs::language::{Expression, TemplateName, Templates, TextKind, error_text, to_template};
use astfs::parse::json;
use astfs::parse::value::Value;

/// Fewer than a tree gives, so that the fuzzer goes on.
const STEPS: u64 = 10_000;

/// A value that no error may tell.
const SECRET: &str = "hunter2-4711";

const RECORDS: &str = r#"{
    "x": "6001", "y": "a b", "secret": "hunter2-4711", "number": 42, "float": 2.5, "none": null, "on": true,
    "text": "two\nlines \u001b[31m ünï", "contact": "\"Alice\" <sip:alice@10.0.0.1:5060;transport=tcp>",
    "duration": "1 hour, 2 minutes, 3 seconds", "time": "2026-11-22T22:29:54.632+0000", "codecs": "(ulaw|alaw)",
    "list": ["b", "a10", "a9", "", 3, null], "empty": [], "nested": [[1, [2, [3]]], {"a": {"b": {"c": "d"}}}],
    "peer": {"name": "6001", "ip": "10.0.0.1", "status": "OK (20 ms)", "codecs": ["ulaw", "alaw"]},
    "peers": [
        {"name": "6001", "ip": "10.0.0.1", "status": "OK (20 ms)", "n": 1},
        {"name": "person/person", "ip": "-none-", "status": "UNKNOWN", "n": 2, "secret": "hunter2-4711"},
        {"name": "..", "ip": "(null)", "status": "LAGGED", "n": "3"}
    ]
}"#;

thread_local! {
    static SCOPE: LazyCell<Value> =
        LazyCell::new(|| json::parse(RECORDS.as_bytes()).expect("the records of this test"));
}

pub fn check(bytes: &[u8]) {
    let Some((kind, text)) = bytes.split_first() else { return };
    let text = String::from_utf8_lossy(text);
    let kind = match kind % 4 {
        0 => TextKind::Content,
        1 => TextKind::Link,
        2 => TextKind::Command,
        _ => TextKind::Header,
    };
    let mut templates = Templates::default();
    templates.set_steps(STEPS);
    match templates.add("the template", kind, &text) {
        Ok(name) => check_template(&templates, &name, &text),
        Err(mistake) => {
            let inside = |range: std::ops::Range<usize>| text.get(range).is_some();
            assert!(mistake.range.is_none_or(inside), "a mistake outside of the text");
            assert!(mistake.line.is_none_or(|line| line <= text.split('\n').count() + 1));
        }
    }
    match templates.expression(&text) {
        Ok(expression) => check_expression(&templates, &expression),
        Err(mistake) => {
            let inside = |range: std::ops::Range<usize>| text.get(range).is_some();
            assert!(mistake.range.is_none_or(inside), "a mistake outside of the text");
        }
    }
}

fn check_template(templates: &Templates, name: &TemplateName, text: &str) {
    templates.names(name);
    templates.nested_names(name);
    assert!(templates.behind(name).texts.contains_key(name));
    let positions = text.char_indices().map(|(at, _)| at);
    for position in positions.step_by(text.len() / 3 + 1) {
        templates.read_from_outside(text, position, &["peer".into()]);
    }
    match SCOPE.with(|scope| templates.render(name, to_template(scope))) {
        // a step prints a value of the records at most
        Ok(printed) => assert!(printed.len() as u64 <= 1000 * STEPS, "{} bytes", printed.len()),
        Err(error) => check_error(&error_text(&error), text),
    }
}

fn check_expression(templates: &Templates, expression: &Expression) {
    templates.constant(expression);
    match SCOPE.with(|scope| templates.evaluate(expression, to_template(scope))) {
        Ok(value) => drop(value.to_string()),
        Err(error) => check_error(&error_text(&error), &expression.text),
    }
}

fn check_error(told: &str, text: &str) {
    assert!(text.contains(SECRET) || !told.contains(SECRET), "an error tells a value: {told}");
}
