//! Looking at a tree with its first records, as somebody would who reads each of its entries once.

use std::collections::HashSet;
use std::sync::Arc;

use super::live::{Answerable, Lacking};
use crate::language::{Content, Entry, Model, QueryId, Question, Segment, Variable};
use crate::query::{Binding, Bindings, FailureKind, Gentle, Queries, QueryError, Reads, Scope, Unready};
use crate::tree::{self, Tree, TreeError};

/// A tree of which every query is asked once at most.
pub struct Looking {
    tree: Tree,
    queries: Arc<Queries>,
    model: Arc<Model>,
    gentle: Gentle,
    /// The queries whose failure makes an entry fail.
    blamed: HashSet<QueryId>,
}

/// The first records of an entry's path variables.
enum First {
    Are(Bindings),
    /// A path variable has none.
    None(String),
    Failed(QueryError),
}

impl Looking {
    /// At the tree that these queries are for.
    pub fn new(queries: Arc<Queries>) -> Looking {
        let (tree, model) = (Tree::new(Arc::clone(&queries)), Arc::clone(queries.model()));
        Looking { tree, model, gentle: Gentle::new(Arc::clone(&queries)), queries, blamed: HashSet::new() }
    }

    /// What is looked at.
    pub fn model(&self) -> &Model {
        &self.model
    }

    /// What was asked so far.
    pub fn gentle(&self) -> &Gentle {
        &self.gentle
    }

    /// Every entry for its first record; those that fail or stand for nothing.
    pub async fn entries(&mut self) -> Result<Vec<Lacking>, QueryError> {
        let model = Arc::clone(&self.model);
        let mut lacking = Vec::new();
        for entry in &model.entries {
            let (state, reason) = match self.first(&variables(&model, entry)).await {
                First::Are(bindings) => match self.fails(entry, &bindings).await {
                    Some(error) => ("fails", error),
                    None => continue,
                },
                First::None(variable) => {
                    let reason = format!("`{variable}` has no records on this server");
                    lacking.push(Lacking { path: entry.place.text().to_owned(), state: "empty", reason });
                    continue;
                }
                First::Failed(error) => ("fails", error),
            };
            if reason.is_about_connection() {
                return Err(reason);
            }
            let path = entry.place.text().to_owned();
            lacking.push(Lacking { path, state, reason: reason.to_string() });
        }
        Ok(lacking)
    }

    /// The first records of these path variables, outermost first.
    async fn first(&mut self, variables: &[&Variable]) -> First {
        let queries = Arc::clone(&self.queries);
        let mut bindings = Bindings::none();
        for variable in variables {
            let outer = bindings.clone();
            let (records, reads) =
                self.gentle.settle(|reads| settled(queries.records(variable, &outer, reads))).await;
            let records = match records {
                Some(records) => records,
                // `where` takes an answer for each record: the first one will do
                None => {
                    let all = |reads: &Reads| settled(queries.all_records(variable, &outer, reads));
                    self.gentle.settle(all).await.0.unwrap_or_else(|| Ok(Vec::new()))
                }
            };
            match records {
                Ok(records) => match records.into_iter().next() {
                    Some(record) => bindings = bindings.with(record.binding(variable)),
                    None => return First::None(variable.name.clone()),
                },
                Err(error) => {
                    self.blame(&reads);
                    return First::Failed(error);
                }
            }
        }
        First::Are(bindings)
    }

    /// Why an entry cannot be shown for these records, if it cannot.
    async fn fails(&mut self, entry: &Entry, bindings: &Bindings) -> Option<QueryError> {
        let (queries, tree) = (Arc::clone(&self.queries), &self.tree);
        let mut stands = true;
        if let Some(when) = &entry.when {
            let compute = |reads: &Reads| {
                let scope = Scope::new(&queries, bindings, reads);
                settled(
                    queries.evaluate(entry.place.text(), when, &scope, reads).map(|value| value.is_true()),
                )
            };
            let (computed, reads) = self.gentle.settle(compute).await;
            match computed {
                Some(Err(error)) => {
                    self.blame(&reads);
                    return Some(error);
                }
                Some(Ok(value)) => stands = value,
                None => {}
            }
        }
        if matches!(entry.content, Content::LastAnswer | Content::Events(_)) {
            return None;
        }
        let compute = |reads: &Reads| match tree.render_entry(
            entry,
            bindings,
            &reads.for_caller(crate::query::Caller::own()),
        ) {
            Ok(_) => Some(Ok(())),
            Err(tree::Step::Wanted) => None,
            Err(tree::Step::Failed(error)) => Some(Err(error)),
        };
        let (computed, reads) = self.gentle.settle(compute).await;
        match computed {
            // where it does not stand, nobody reads it
            Some(Err(TreeError::Query(error))) if stands => {
                self.blame(&reads);
                Some(error)
            }
            _ => None,
        }
    }

    fn blame(&mut self, reads: &Reads) {
        let failed = self.queries.asked(&reads.used()).into_iter().filter(|asked| asked.error.is_some());
        self.blamed.extend(failed.map(|asked| asked.query));
    }

    /// The queries that others take beside them: for their effect, or for one record.
    pub async fn besides(&mut self) -> Result<(), QueryError> {
        let model = Arc::clone(&self.model);
        let mut came_on = true;
        while std::mem::take(&mut came_on) {
            for (index, query) in model.queries.iter().enumerate() {
                let id = QueryId(index);
                if !self.gentle.has_asked(id) || self.gentle.failure(id).is_some() {
                    continue;
                }
                for other in query.needs.iter().chain(&query.refresh.one).copied() {
                    if self.gentle.has_asked(other) {
                        continue;
                    }
                    let First::Are(bindings) = self.first_of(other).await else { continue };
                    let queries = Arc::clone(&self.queries);
                    let read = |reads: &Reads| settled(queries.read(other, &bindings, reads).map(drop));
                    self.gentle.settle(read).await;
                    came_on |= self.gentle.has_asked(other);
                    match self.gentle.failure(other) {
                        Some(error) if error.is_about_connection() => return Err(error),
                        _ => {}
                    }
                }
            }
        }
        Ok(())
    }

    /// The first records that a query can be asked for.
    async fn first_of(&mut self, id: QueryId) -> First {
        let model = Arc::clone(&self.model);
        let mut bindings = self.queries.home(id);
        for parameter in &model.query(id).parameters {
            let mut found: Option<Binding> = None;
            for variable in model.variables.iter().filter(|variable| variable.binding == *parameter) {
                if found.is_none()
                    && let First::Are(first) = self.first(&[variable]).await
                {
                    found = first.innermost().cloned();
                }
            }
            let Some(binding) = found else { return First::None(parameter.clone()) };
            bindings = bindings.with(binding);
        }
        First::Are(bindings)
    }

    /// How each query stands after that.
    pub async fn queries(&mut self) -> Vec<Answerable> {
        let model = Arc::clone(&self.model);
        let mut queries = Vec::new();
        for (index, query) in model.queries.iter().enumerate() {
            let id = QueryId(index);
            let mut answerable = Answerable {
                name: query.name.clone(),
                state: "not asked",
                answers: None,
                reason: None,
                matters: self.blamed.contains(&id),
            };
            let first = match query.question {
                Question::Value(_) | Question::Servers | Question::Records(_) | Question::Entries(..) => {
                    continue;
                }
                _ if query.added && !self.gentle.has_asked(id) => continue,
                _ => self.first_of(id).await,
            };
            let has_others = matches!(query.question, Question::Any(_)) || query.question.instead().is_some();
            if let First::Are(bindings) = &first
                && has_others
            {
                let answering = self.gentle.answering(id, bindings);
                answerable.answers =
                    answering.filter(|member| *member != id).map(|member| answering_name(&model, member));
            }
            // one of its `data get` was asked, and tells of all
            let failure = self.gentle.failure(id).or_else(|| self.queries.lacks_data_get(id));
            answerable.state = match failure {
                // another stands in for it
                Some(error) if error.means_cannot_answer() && answerable.answers.is_some() => "answered",
                Some(error) => {
                    let state = match error.kind() {
                        FailureKind::Unsupported => "missing",
                        FailureKind::Denied => "denied",
                        _ => "failed",
                    };
                    answerable.reason = Some(said(&error));
                    state
                }
                None if self.gentle.has_asked(id) || answerable.answers.is_some() => "answered",
                None if matches!(first, First::None(_)) => "no record",
                None => "not asked",
            };
            queries.push(answerable);
        }
        queries
    }
}

/// What answers instead of another query: its name, or the questions that stand in for `data get`.
fn answering_name(model: &Model, member: QueryId) -> String {
    let query = model.query(member);
    match &query.question {
        Question::Records(records) => {
            let provider = records.provider;
            let lists = provider.lists.iter().map(|list| list.ask.name());
            let details = provider.details.iter().map(|detail| detail.ask.name());
            lists.chain(details).collect::<Vec<_>>().join(", ")
        }
        _ => query.name.clone(),
    }
}

/// Why a query has no result, without its name.
fn said(error: &QueryError) -> String {
    match error {
        QueryError::Unsupported { answer, .. } | QueryError::Refused { answer, .. } => answer.clone(),
        QueryError::Denied { .. } => "permission denied".to_owned(),
        QueryError::NoAnswer { error, .. } => error.to_string(),
        other => other.to_string(),
    }
}

/// The path variables of an entry, outermost first.
fn variables<'m>(model: &'m Model, entry: &Entry) -> Vec<&'m Variable> {
    let named = entry.path.segments.iter().filter_map(|segment| match segment {
        Segment::Variable { name, .. } => model.variables.iter().find(|variable| variable.name == *name),
        Segment::Literal(_) => None,
    });
    named.collect()
}

/// What a computation came to; none if it lacks something.
fn settled<T>(computed: Result<T, Unready>) -> Option<Result<T, QueryError>> {
    match computed {
        Ok(value) => Some(Ok(value)),
        Err(Unready::Failed(error)) => Some(Err(error)),
        Err(Unready::Wanted) => None,
    }
}
