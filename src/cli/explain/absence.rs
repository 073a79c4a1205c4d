//! Why a name is not there.

use std::path::Path;

use super::explanation::{Absence, Line, Reason};
use super::look::{Look, Lost};
use super::standing::kind;
use crate::language::Expression;
use crate::tree::{Missing, NoRecord, Node};

impl Look<'_> {
    /// All that is known of it.
    pub(super) fn absence(&self, directory: &Node, path: &Path, name: String, lost: &Lost) -> Absence {
        let directory_name = match path.as_os_str().is_empty() {
            true => ".".to_owned(),
            false => path.display().to_string(),
        };
        let mut absence = Absence { name, directory: directory_name, reasons: vec![], nearest: vec![] };
        match lost {
            Lost::NotADirectory => {
                let kind = kind(self.tree, directory, self.tree.entry(directory));
                let text =
                    format!("`{}` is a {kind}, not a directory; links are not followed", absence.directory);
                absence.reasons.push(Reason { reason: "not-a-directory", text, declared: None });
            }
            Lost::Failed(error) => {
                absence.reasons.push(Reason { reason: "error", text: error.to_string(), declared: None });
            }
            Lost::Missing(missing) => {
                absence.reasons = self.reasons(missing);
                absence.nearest.clone_from(&missing.nearest);
            }
        }
        absence
    }

    fn reasons(&self, missing: &Missing) -> Vec<Reason> {
        if let Some(entry) = missing.hidden {
            return vec![self.when_false(entry, missing.error.as_deref())];
        }
        if missing.records.is_empty() {
            let text = "no entry has that name".to_owned();
            return vec![Reason { reason: "no-such-entry", text, declared: None }];
        }
        let is_certain = |one: &&NoRecord| one.filtered || one.hidden.is_some();
        let certain: Vec<_> = missing.records.iter().filter(is_certain).collect();
        let told = if certain.is_empty() { missing.records.iter().collect() } else { certain };
        told.into_iter().map(|one| self.no_record(one)).collect()
    }

    fn when_false(&self, entry: usize, error: Option<&str>) -> Reason {
        let entry = &self.model().entries[entry];
        let text = condition("when", entry.when.as_ref(), error);
        Reason { reason: "when-false", text, declared: Some(Line::of_entry(entry)) }
    }

    fn no_record(&self, none: &NoRecord) -> Reason {
        let variable = self.model().variable(none.variable);
        let error = none.error.as_deref();
        if let Some(entry) = none.hidden {
            return self.when_false(entry, error);
        }
        let declared = Some(Line::of(&variable.place));
        if none.filtered {
            let text = condition("where", variable.filter.as_ref(), error);
            return Reason { reason: "where-false", text, declared };
        }
        let from = &variable.records.text;
        match error {
            Some(error) => {
                let text = format!("{{{}}} has no records: {error}", variable.name);
                Reason { reason: "cannot-answer", text, declared }
            }
            None => {
                let passed = match variable.filter {
                    Some(_) => format!(", {} pass `where`", none.counted),
                    None => String::new(),
                };
                let text = format!(
                    "no record of {{{}}} has that name: `{from}` lists {}{passed}",
                    variable.name, none.listed
                );
                Reason { reason: "no-record", text, declared }
            }
        }
    }
}

fn condition(key: &str, expression: Option<&Expression>, error: Option<&str>) -> String {
    let text = expression.map_or("", |expression| &expression.text);
    match error {
        Some(error) => format!("`{key}` cannot be computed: `{text}`: {error}"),
        None => format!("`{key}` is false: `{text}`"),
    }
}
