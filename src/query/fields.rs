//! `fields`: values computed for each record, put before the server's own.

use std::sync::Arc;

use super::dependents::Dependent;
use super::error::QueryError;
use super::instead::Making;
use super::queries::Queries;
use super::reads::{Reads, Unready};
use super::records::key_text;
use super::scope::{Binding, Bindings, Scope};
use super::snapshot::Snapshot;
use super::table::Stages;
use crate::language::{CompiledExpression, Query, QueryId, RecordsOf, escape, from_template, to_template};
use crate::parse::value::{Fields, Shapes, Value};

/// The fields of a query, ready to be computed.
struct FieldComputation<'a> {
    queries: &'a Arc<Queries>,
    query: &'a Query,
    fields: Vec<(&'a str, CompiledExpression)>,
    bindings: &'a Bindings,
    /// Whether a mistake in them was told.
    told: bool,
    /// Whether they were computed for a record of a list.
    sampled: bool,
    /// What makes the records from entries, where they stand in for those of `data get`.
    making: Option<Making<'a>>,
}

impl FieldComputation<'_> {
    fn field(&self, index: usize, row: &Value, bindings: &Bindings, reads: &Reads) -> Result<Value, Unready> {
        let (name, expression) = &self.fields[index];
        let scope = Scope::new(self.queries, bindings, reads).with("row", to_template(row));
        expression.evaluate(scope.context()).map(|value| from_template(&value)).map_err(|error| {
            self.queries.template_error(&format!("{}.{name}", self.query.name), &error, reads)
        })
    }

    /// The path variables that are set for a record: its own too, if the query says whose record it is.
    fn bindings_of(&self, row: &Value) -> Bindings {
        let Some(RecordsOf { binding, key }) = &self.query.each else { return self.bindings.clone() };
        let Some(key) = row.get(key).map(key_text) else { return self.bindings.clone() };
        let (variable, name) = (binding.as_str().into(), escape(&key).into());
        self.bindings.with(Binding { variable, name, key: key.into(), value: row.clone(), origin: None })
    }

    /// A single record with its fields.
    fn single(&self, row: &Value, shapes: &mut Shapes, reads: &Reads) -> Result<Value, Unready> {
        let mut computed = Vec::with_capacity(self.fields.len());
        let bindings = self.bindings_of(row);
        for index in 0..self.fields.len() {
            computed.push((self.fields[index].0, Some(self.field(index, row, &bindings, reads)?)));
        }
        Ok(before_own(computed, row, shapes))
    }

    /// A record of a list with its fields. One that cannot be computed is missing, and the log says
    /// so: one odd record must not hide the others.
    fn of_list(&mut self, row: &Value, shapes: &mut Shapes, reads: &Reads) -> Result<Value, Unready> {
        let made = self.making.as_ref().map(|making| making.record(row, shapes, reads)).transpose()?;
        let row = made.as_ref().unwrap_or(row);
        if *row == Value::Null || self.fields.is_empty() {
            return Ok(row.clone());
        }
        let mut computed = Vec::with_capacity(self.fields.len());
        let bindings = self.bindings_of(row);
        let is_sample = std::mem::replace(&mut self.sampled, true);
        for index in 0..self.fields.len() {
            let told = match self.query.each {
                Some(_) => reads.apart(|own| self.field(index, row, &bindings, own)).0,
                None => self.field(index, row, &bindings, reads),
            };
            match told {
                Ok(value) => computed.push((self.fields[index].0, Some(value))),
                Err(Unready::Failed(error @ QueryError::Template { .. })) => {
                    if !std::mem::replace(&mut self.told, true) {
                        let key = self.query.key.as_ref().and_then(|key| row.get(key)?.as_str());
                        tracing::warn!("record `{}` lacks a field: {error}", escape(key.unwrap_or("?")));
                    }
                    computed.push((self.fields[index].0, None));
                }
                // what cannot be told of this one is left out
                Err(Unready::Failed(error)) if self.query.each.is_some() && error.is_an_answer() => {
                    computed.push((self.fields[index].0, None));
                }
                // what is asked for each record was asked for one already
                Err(Unready::Wanted) if is_sample && reads.manner.samples && self.query.each.is_some() => {
                    computed.push((self.fields[index].0, None));
                }
                Err(unready) => return Err(unready),
            }
        }
        Ok(before_own(computed, row, shapes))
    }
}

impl Queries {
    fn field_computation<'a>(
        self: &'a Arc<Self>,
        query: &'a Query,
        bindings: &'a Bindings,
        reads: &Reads,
    ) -> Result<FieldComputation<'a>, Unready> {
        let mut fields = Vec::with_capacity(query.fields.len());
        for (name, expression) in &query.fields {
            let compiled = self.model().templates.compiled(expression);
            let compiled = compiled.map_err(|error| self.template_error(&query.name, &error, reads))?;
            fields.push((name.as_str(), compiled));
        }
        let making = self.making(query, bindings, reads)?;
        Ok(FieldComputation { queries: self, query, fields, bindings, told: false, sampled: false, making })
    }

    /// A result with the query's computed fields: of each record, if it is a list of them.
    ///
    /// # Errors
    /// What is lacking, or why a single record's field failed.
    pub(super) fn with_fields(
        self: &Arc<Self>,
        id: QueryId,
        query: &Query,
        value: Value,
        bindings: &Bindings,
        reads: &Reads,
    ) -> Result<Value, Unready> {
        if query.fields.is_empty() {
            return Ok(value);
        }
        let Value::List(rows) = &value else {
            let computation = self.field_computation(query, bindings, reads)?;
            return computation.single(&value, &mut self.shapes(id), reads);
        };
        Ok(self.computed_rows(query, rows, bindings, reads)?.into())
    }

    /// The records of a list with their fields.
    pub(super) fn computed_rows(
        self: &Arc<Self>,
        query: &Query,
        rows: &[Value],
        bindings: &Bindings,
        reads: &Reads,
    ) -> Result<Vec<Value>, Unready> {
        let mut computation = self.field_computation(query, bindings, reads)?;
        let mut shapes = Shapes::new();
        rows.iter().map(|row| computation.of_list(row, &mut shapes, reads)).collect()
    }

    /// The same for a table, which starts from the records that were computed before: those that are
    /// still what they were, and read nothing that has changed, stay.
    pub(super) fn with_fields_of_all(
        self: &Arc<Self>,
        id: QueryId,
        query: &Query,
        stages: &mut Stages,
        source: &Arc<Snapshot>,
        reads: &Reads,
    ) -> Result<Arc<Snapshot>, Unready> {
        let home = self.home(id);
        let Value::List(rows) = &source.value else {
            let value = self.with_fields(id, query, source.value.clone(), &home, reads)?;
            return Ok(self.successor(query, stages.result.as_ref(), value, source.raw.clone()));
        };
        let before = stages.source.as_ref().zip(stages.result.clone());
        let places = before.and_then(|(old, result)| Some((source.changed_since(old)?, result)));
        let (mut computed, todo) = match &places {
            Some((places, result)) => {
                let mut todo = stages.besides.outdated(self, reads.manner);
                todo.extend(places.iter());
                todo.sort_unstable();
                todo.dedup();
                if todo.is_empty() {
                    stages.besides.put_all(self, None, Vec::new(), true);
                    stages.besides.touch(reads);
                    return Ok(Arc::clone(result));
                }
                (result.value.as_list().map(|rows| rows.to_vec()).unwrap_or_default(), todo)
            }
            None => (vec![Value::Null; rows.len()], (0..rows.len()).collect()),
        };
        let mut computation = self.field_computation(query, &home, reads)?;
        let mut shapes = Shapes::of(computed.first());
        let mut changed = Vec::new();
        let mut lacks = false;
        let mut read = Vec::new();
        for position in todo {
            let own = Reads::new(reads.manner);
            let row = match computation.of_list(&rows[position], &mut shapes, &own) {
                Ok(row) => row,
                // the others may lack something too: all is asked for at once
                Err(Unready::Wanted) => {
                    reads.want_all(&own);
                    lacks = true;
                    continue;
                }
                // it fails for as long as what it read does
                Err(failed) => {
                    reads.include(&own.used());
                    return Err(failed);
                }
            };
            read.push((position, own.used()));
            if computed[position] != row {
                computed[position] = row;
                changed.push(position);
            }
        }
        if lacks {
            return Err(Unready::Wanted);
        }
        stages.besides.put_all(self, Some(Dependent::Table(id)), read, places.is_some());
        stages.besides.touch(reads);
        Ok(match &places {
            Some((_, result)) if changed.is_empty() => Arc::clone(result),
            Some((_, result)) if keeps_keys(query, result, &computed, &changed) => {
                Arc::new(result.with_records(computed, changed, result.raw.clone()))
            }
            _ => self.successor(query, stages.result.as_ref(), computed.into(), source.raw.clone()),
        })
    }
}

/// Whether these records bear the keys that stood in their places.
fn keeps_keys(query: &Query, old: &Snapshot, rows: &[Value], places: &[usize]) -> bool {
    let Some(key) = &query.key else { return true };
    places.iter().all(|place| rows[*place].get(key).and_then(Value::as_str) == old.key_at(*place))
}

/// The computed fields, then those of the record that have no computed one of their name.
fn before_own(computed: Vec<(&str, Option<Value>)>, record: &Value, shapes: &mut Shapes) -> Value {
    let mut fields = Fields::new();
    let own = record.as_record().into_iter().flat_map(|record| record.iter());
    let own = own.filter(|(name, _)| !computed.iter().any(|(known, _)| known == name));
    let own: Vec<_> = own.map(|(name, value)| (name, value.clone())).collect();
    for (name, value) in computed {
        if let Some(value) = value {
            fields.push(name, value);
        }
    }
    for (name, value) in own {
        fields.push(name, value);
    }
    fields.finish(shapes)
}

#[cfg(test)]
#[path = "fields_tests.rs"]
mod tests;
