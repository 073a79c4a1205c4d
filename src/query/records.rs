//! The records that a path variable ranges over.

use std::sync::Arc;

use super::error::FailureKind;
use super::queries::Queries;
use super::reads::{Reads, Unready};
use super::scope::{Binding, Bindings, Scope};
use super::table::Table;
use crate::language::{Variable, escape, from_template};
use crate::parse::value::Value;

/// A record with the text that names it.
#[derive(Debug, Clone)]
pub struct NamedRecord {
    /// The value of its key, as the server spells it.
    pub key: Arc<str>,
    /// The record.
    pub value: Value,
    /// The version of a table that it stands in, if it stands in one.
    pub origin: Option<(Arc<Table>, u64)>,
}

impl NamedRecord {
    /// The record bound to its variable, under the name it has if no other record claims it.
    pub fn binding(self, variable: &Variable) -> Binding {
        let name = escape(&self.key).into();
        let variable = variable.binding.as_str().into();
        Binding { variable, name, key: self.key, value: self.value, origin: self.origin }
    }
}

impl Queries {
    /// The records of a path variable, in the server's order, `where` applied.
    ///
    /// # Errors
    /// What is lacking or failed. A server that lacks the feature gives no records, not an error; a
    /// right that is lacking is an error, since there may be records.
    pub fn records(
        self: &Arc<Self>,
        variable: &Variable,
        outer: &Bindings,
        reads: &Reads,
    ) -> Result<Vec<NamedRecord>, Unready> {
        let records = self.all_records(variable, outer, reads)?;
        self.filter(variable, outer, reads, records)
    }

    /// The same without regard to `where`.
    ///
    /// # Errors
    /// As for [`Queries::records`].
    pub fn all_records(
        self: &Arc<Self>,
        variable: &Variable,
        outer: &Bindings,
        reads: &Reads,
    ) -> Result<Vec<NamedRecord>, Unready> {
        let place = format!("each `{}`", variable.name);
        let source = reads.apart(|own| {
            let scope = Scope::new(self, outer, own);
            self.evaluate(&place, &variable.records, &scope, own)
        });
        let source = match source.0 {
            Ok(source) => source,
            Err(Unready::Failed(error)) if error.kind() == FailureKind::Unsupported => return Ok(Vec::new()),
            Err(unready) => return Err(unready),
        };
        let Ok(items) = source.try_iter() else { return Ok(Vec::new()) };
        let is_map = source.kind() == minijinja::value::ValueKind::Map;
        let mut records = Vec::new();
        for item in items {
            let value = if is_map { source.get_item(&item).unwrap_or_default() } else { item.clone() };
            let value = from_template(&value);
            let key = match &variable.key {
                Some(field) => value.get(field).map(key_text),
                None if is_map => Some(item.to_string()),
                None => Some(key_text(&value)),
            };
            let Some(key) = key else {
                tracing::warn!("{place}: a record without the field that names it is left out");
                continue;
            };
            records.push(NamedRecord { key: key.into(), value, origin: None });
        }
        Ok(records)
    }

    fn filter(
        self: &Arc<Self>,
        variable: &Variable,
        outer: &Bindings,
        reads: &Reads,
        mut records: Vec<NamedRecord>,
    ) -> Result<Vec<NamedRecord>, Unready> {
        let Some(filter) = &variable.filter else { return Ok(records) };
        let place = format!("each `{}`: where", variable.name);
        let compiled = self.model().templates.compiled(filter);
        let compiled = compiled.map_err(|error| self.template_error(&place, &error, reads))?;
        let mut unready = None;
        let mut mistakes = 0;
        records.retain(|record| {
            let scope = Scope::new(self, &outer.with(record.clone().binding(variable)), reads);
            match compiled.evaluate(scope.context()) {
                Ok(value) => value.is_true(),
                Err(error) => {
                    match self.template_error(&place, &error, reads) {
                        // one odd record must not hide the others
                        Unready::Failed(error) if reads.verdict().is_none() => {
                            if mistakes == 0 {
                                tracing::warn!("record `{}` left out: {error}", escape(&record.key));
                            }
                            mistakes += 1;
                        }
                        other => unready = Some(other),
                    }
                    false
                }
            }
        });
        unready.map_or(Ok(records), Err)
    }
}

/// The text by which a value names a record.
pub fn key_text(value: &Value) -> String {
    match value {
        Value::Text(text) => text.to_string(),
        other => crate::language::to_template(other).to_string(),
    }
}
