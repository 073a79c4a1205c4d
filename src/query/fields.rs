//! `fields`: values computed for each record, put before the server's own.

use std::sync::Arc;

use super::error::QueryError;
use super::queries::Queries;
use super::reads::{Reads, Unready};
use super::scope::{Bindings, Scope};
use crate::language::{Query, QueryId, escape, from_template, to_template};
use crate::parse::value::{Fields, Shapes, Value};

impl Queries {
    /// A result with the query's computed fields: of each record, if it is a list of them.
    ///
    /// A field that cannot be computed for one record of a list is missing from that record, and the
    /// log says so: one odd record must not hide the others.
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
        let compiled = query.fields.iter().map(|(name, expression)| {
            let evaluate = self.model().templates.evaluate_each(expression);
            Ok((name.as_str(), evaluate.map_err(|error| self.template_error(&query.name, &error, reads))?))
        });
        let compiled = compiled.collect::<Result<Vec<_>, Unready>>()?;
        let scope = Scope::new(self, bindings, reads);
        let compute = |name: &str, evaluate: &dyn Fn(minijinja::Value) -> _, row: &Value| {
            let value: Result<minijinja::Value, _> =
                evaluate(scope.clone().with("row", to_template(row)).context());
            value
                .map(|value| from_template(&value))
                .map_err(|error| self.template_error(&format!("{}.{name}", query.name), &error, reads))
        };
        let Value::List(rows) = &value else {
            let computed =
                compiled.iter().map(|(name, evaluate)| Ok((*name, Some(compute(name, evaluate, &value)?))));
            let computed = computed.collect::<Result<Vec<_>, Unready>>()?;
            return Ok(before_own(computed, &value, &mut self.shapes(id)));
        };
        let mut shapes = Shapes::new();
        let mut told = false;
        let mut records = Vec::with_capacity(rows.len());
        for row in rows.iter() {
            let mut computed = Vec::with_capacity(compiled.len());
            for (name, evaluate) in &compiled {
                match compute(name, evaluate, row) {
                    Ok(value) => computed.push((*name, Some(value))),
                    Err(Unready::Failed(error @ QueryError::Template { .. })) => {
                        if !std::mem::replace(&mut told, true) {
                            let key = query.key.as_ref().and_then(|key| row.get(key)?.as_str());
                            tracing::warn!("record `{}` lacks a field: {error}", escape(key.unwrap_or("?")));
                        }
                        computed.push((*name, None));
                    }
                    Err(unready) => return Err(unready),
                }
            }
            records.push(before_own(computed, row, &mut shapes));
        }
        Ok(records.into())
    }
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
