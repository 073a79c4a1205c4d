//! Findings for programs: the JSON of `astfs check --format json`.
//!
//! Its shape is stable: keys are added, never renamed or taken away, and `version` counts the day one
//! has to be.

use serde_json::{Value, json};

use super::{Diagnostic, Report, Severity};
use crate::language::source::Place;

const VERSION: u32 = 1;

impl Report {
    /// All findings as one JSON document.
    pub fn to_json(&self) -> Value {
        let findings: Vec<_> = self.diagnostics().into_iter().map(finding).collect();
        json!({
            "version": VERSION,
            "errors": self.count(Severity::Error),
            "warnings": self.count(Severity::Warning),
            "findings": findings,
        })
    }
}

fn finding(diagnostic: &Diagnostic) -> Value {
    let severity = match diagnostic.severity() {
        Severity::Error => "error",
        Severity::Warning => "warning",
    };
    let mut finding = place(&diagnostic.place);
    finding["severity"] = severity.into();
    finding["code"] = diagnostic.code.name().into();
    finding["message"] = diagnostic.message.as_str().into();
    finding["label"] = diagnostic.label.as_str().into();
    finding["help"] = diagnostic.help.as_deref().into();
    finding["related"] = diagnostic.related.as_ref().map_or(Value::Null, |(at, label)| {
        let mut related = place(at);
        related["label"] = label.as_str().into();
        related
    });
    finding
}

/// Lines and columns count from 1, columns in characters; `end` is the place behind.
fn place(place: &Place) -> Value {
    let (line, column) = place.source.position(place.span.start);
    let (end_line, end_column) = place.source.position(place.span.end);
    json!({
        "file": place.source.path().to_string_lossy(),
        "line": line,
        "column": column,
        "end": { "line": end_line, "column": end_column },
    })
}
