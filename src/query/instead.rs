//! What stands in for `data get`: records made of the answers to actions and commands.
//!
//! A record is made for each entry that the lists tell of, and looks at the entry's details only if a wanted
//! field is among them. So an event about one of ten thousand peers asks for its details, and makes its
//! record.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::sync::Arc;

use bytes::Bytes;

use super::asking::Told as Answered;
use super::cell::Outcome;
use super::error::QueryError;
use super::link::DataGet;
use super::queries::Queries;
use super::reads::{Reads, Unready};
use super::scope::{Binding, Bindings, Scope};
use super::snapshot::Snapshot;
use crate::ami::AskError;
use crate::data::{Provider, Told, Wanted};
use crate::language::{Query, QueryId, Question, Records, TemplateName, escape};
use crate::parse::value::{Shapes, Value};

/// The field by which an entry is called.
const NAME: &str = "name";

/// Makes the records of one query, one after the other.
pub(super) struct Making<'a> {
    queries: &'a Arc<Queries>,
    records: &'a Records,
    wanted: Wanted,
    /// The details that were looked at for some entry.
    tried: RefCell<BTreeSet<usize>>,
}

impl Making<'_> {
    /// The record of an entry; nothing if it is not searched for.
    pub fn record(&self, entry: &Value, shapes: &mut Shapes, reads: &Reads) -> Result<Value, Unready> {
        let provider = self.records.provider;
        if provider.is_out_of_search(&self.wanted, entry) {
            return Ok(Value::Null);
        }
        let bindings = binding(entry);
        let mut details = Vec::new();
        let mut lacks = false;
        for index in provider.details(&self.wanted, entry) {
            let id = self.records.details[index];
            if self.queries.may_not_ask(id) {
                continue;
            }
            match self.detail(index, id, &bindings, reads) {
                Ok(snapshot) => details.push((provider.details[index].ask.name(), snapshot.value.clone())),
                Err(Unready::Wanted) => lacks = true,
                // what cannot be told of this one is left out
                Err(Unready::Failed(error)) if error.is_an_answer() => {}
                Err(failed) => return Err(failed),
            }
        }
        if lacks {
            return Err(Unready::Wanted);
        }
        Ok(provider.record(&self.wanted, &Told { entry, details: &details }, shapes))
    }

    fn detail(
        &self,
        index: usize,
        id: QueryId,
        bindings: &Bindings,
        reads: &Reads,
    ) -> Result<Arc<Snapshot>, Unready> {
        let is_first = self.tried.borrow_mut().insert(index);
        if is_first || !reads.manner.samples {
            return self.queries.read(id, bindings, reads);
        }
        let own = Reads::new(reads.manner);
        match self.queries.read(id, bindings, &own) {
            Err(Unready::Wanted) => {
                let query = self.queries.model().query(id).name.as_str().into();
                Err(QueryError::Unsupported { query, answer: "not asked".to_owned() }.into())
            }
            told => {
                reads.include(&own.used());
                told
            }
        }
    }
}

fn binding(entry: &Value) -> Bindings {
    let key: Arc<str> = entry.get(NAME).and_then(Value::as_str).unwrap_or_default().into();
    let name = escape(&key).into();
    Bindings::none().with(Binding { variable: "row".into(), name, key, value: entry.clone(), origin: None })
}

impl Queries {
    /// What makes the records of a query that stands in for `data get`.
    pub(super) fn making<'a>(
        self: &'a Arc<Self>,
        query: &'a Query,
        bindings: &Bindings,
        reads: &Reads,
    ) -> Result<Option<Making<'a>>, Unready> {
        let Question::Records(records) = &query.question else { return Ok(None) };
        let wanted = self.wanted_records(query, records, bindings, reads)?;
        Ok(Some(Making { queries: self, records, wanted, tried: RefCell::default() }))
    }

    /// Which records are wanted, and what of them.
    pub(super) fn wanted_records(
        self: &Arc<Self>,
        query: &Query,
        records: &Records,
        bindings: &Bindings,
        reads: &Reads,
    ) -> Result<Wanted, Unready> {
        let render = |template: &Option<TemplateName>| -> Result<Option<String>, Unready> {
            let Some(template) = template else { return Ok(None) };
            let context = Scope::new(self, bindings, reads).context();
            let rendered = self.model().templates.render(template, context);
            rendered
                .map(|text| Some(argument(&text)))
                .map_err(|error| self.template_error(&query.name, &error, reads))
        };
        let (search, filter) = (render(&records.search)?, render(&records.filter)?);
        Ok(records.provider.wanted(search.as_deref(), filter.as_deref()))
    }

    /// What the lists of a provider say; nothing of one that may be lacking, and is.
    pub(super) fn entries(
        self: &Arc<Self>,
        provider: &Provider,
        lists: &[QueryId],
        reads: &Reads,
    ) -> Result<Value, Unready> {
        let mut told = Vec::with_capacity(lists.len());
        let mut lacks = false;
        for (list, id) in provider.lists.iter().zip(lists) {
            match self.view(*id, &self.home(*id), reads) {
                Ok(view) => {
                    view.use_whole(reads);
                    told.push(Some(view.snapshot));
                }
                Err(Unready::Wanted) => lacks = true,
                Err(Unready::Failed(error)) if list.optional && error.means_cannot_answer() => {
                    told.push(None)
                }
                Err(failed) => return Err(failed),
            }
        }
        if lacks {
            return Err(Unready::Wanted);
        }
        let told: Vec<Option<&Value>> = told.iter().map(|one| one.as_ref().map(|one| &one.value)).collect();
        Ok((provider.entries)(&told).into())
    }

    /// The records for one binding of path variables. One that is searched for by its name is found by it.
    pub(super) fn records_for(
        self: &Arc<Self>,
        query: &Query,
        records: &Records,
        bindings: &Bindings,
        reads: &Reads,
    ) -> Result<Arc<Snapshot>, Unready> {
        let wanted = self.wanted_records(query, records, bindings, reads)?;
        let view = self.view(records.entries, &self.home(records.entries), reads)?;
        let entries: Vec<Value> = match wanted.search.wants_equal(NAME) {
            Some(name) => {
                let entry = view.snapshot.record(name);
                if let Some((table, version)) = &view.table {
                    reads.use_record(table, *version, &name.into(), entry);
                }
                entry.into_iter().cloned().collect()
            }
            None => {
                view.use_whole(reads);
                view.snapshot.value.as_list().map(|entries| entries.to_vec()).unwrap_or_default()
            }
        };
        let rows = self.computed_rows(query, &entries, bindings, reads)?;
        let rows: Vec<Value> = rows.into_iter().filter(|row| *row != Value::Null).collect();
        Ok(Arc::new(Snapshot::new(rows.into(), Bytes::new(), query.key.clone())))
    }

    /// A query's answer as it came, or as `data get` would have printed it.
    ///
    /// # Errors
    /// What is lacking, or failed.
    pub fn raw(self: &Arc<Self>, id: QueryId, bindings: &Bindings, reads: &Reads) -> Result<Bytes, Unready> {
        let snapshot = self.read(id, bindings, reads)?;
        let question = &self.model().query(id).question;
        let made = question.instead().map_or(question, |instead| &self.model().query(instead).question);
        match (made, snapshot.value.as_list()) {
            (Question::Records(records), Some(rows)) if snapshot.raw.is_empty() => {
                Ok(crate::data::print(records.provider.root, records.provider.node, rows).into())
            }
            _ => Ok(snapshot.raw.clone()),
        }
    }

    /// Notes that this session has no `data get`, or may not ask it: then it is not asked again.
    pub(super) fn note_data_get(&self, id: QueryId, outcome: &Outcome, told: &Answered) {
        let lacking = match outcome {
            Err(error @ QueryError::Denied { .. }) if error.means_cannot_answer() => DataGet::Denied,
            Err(error) if error.means_cannot_answer() => DataGet::Missing,
            // whoever publishes asks the actions instead, and found that out by another of these questions
            Err(QueryError::NoAnswer { error: AskError::NotPublished { .. }, .. }) => DataGet::Missing,
            _ => return,
        };
        if self.model().query(id).question.instead().is_some() {
            self.connection_of(id).into_iter().for_each(|one| one.lacks_data_get(told.session, lacking));
        }
    }

    /// Why `data get` need not be asked, if another stands in for it.
    pub fn lacks_data_get(&self, id: QueryId) -> Option<QueryError> {
        let query = self.model().query(id);
        query.question.instead()?;
        let query = query.name.as_str().into();
        match self.link_of(id).data_get {
            DataGet::Unknown => None,
            DataGet::Missing => {
                Some(QueryError::Unsupported { query, answer: "this server has no `data get`".into() })
            }
            DataGet::Denied => Some(QueryError::Denied { query }),
        }
    }

    /// Whether another query stands in for one that asks `data get`, in this session.
    pub(super) fn is_stood_in_for(&self, id: QueryId) -> bool {
        let query = self.model().query(id);
        let made = |instead| !query.parameters.is_empty() || self.table(instead).snapshot().is_some();
        self.lacks_data_get(id).is_some() && query.question.instead().is_some_and(made)
    }

    /// Whether a detail is a command, where commands were refused: it is not tried for each record.
    fn may_not_ask(&self, id: QueryId) -> bool {
        let denied = self.link_of(id).data_get == DataGet::Denied;
        denied && matches!(self.model().query(id).question, Question::Command(_))
    }
}

/// An argument as the CLI reads it: without the quotes around a part, and a backslash before a character.
fn argument(text: &str) -> String {
    let mut read = String::with_capacity(text.len());
    let mut characters = text.trim().chars();
    while let Some(one) = characters.next() {
        match one {
            '"' => {}
            '\\' => read.extend(characters.next()),
            one => read.push(one),
        }
    }
    read
}

#[cfg(test)]
#[path = "instead_tests.rs"]
mod tests;
