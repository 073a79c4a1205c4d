//! All queries of a tree on one server: reading their results, and asking for what is lacking.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::{Duration, Instant};

use super::cell::{Cell, Freshness, Used};
use super::error::{FailureKind, QueryError};
use super::reads::{Reads, Unready};
use super::scope::{Bindings, Scope};
use super::server::Server;
use super::snapshot::Snapshot;
use super::staleness::Staleness;
use crate::ami::Action;
use crate::language::{Expression, Model, Query, QueryId, Question, TemplateName, error_text, from_template};
use crate::parse::text;
use crate::parse::value::Shapes;

/// How often a computation may find that it needs one more answer, before that is taken for endless.
const ROUNDS: usize = 32;

/// What stands before a filter where nothing is searched for: `data get` (Asterisk 13, 14) takes its
/// arguments by place, and ignores a search that does not begin with the provider's name.
const SEARCH_ALL: &[u8] = b" 1=1";

/// Every query of a tree, with the latest results.
pub struct Queries {
    model: Arc<Model>,
    pub(super) server: Option<Arc<dyn Server>>,
    states: Vec<QueryState>,
}

/// What is known of one query.
#[derive(Default)]
struct QueryState {
    cells: RwLock<HashMap<Action, Arc<Cell>>>,
    /// Results computed from others, for as long as those stay as they were: one for each record of
    /// the path variables that the query mentions.
    derived: Mutex<HashMap<Bindings, Derived>>,
    /// The list with the records that were asked for anew.
    refreshed: Mutex<Option<Derived>>,
    staleness: Mutex<Staleness>,
    /// The field names of results that come one record at a time.
    shapes: Mutex<Shapes>,
}

/// A result computed from others, and from which.
pub(super) struct Derived {
    pub snapshot: Arc<Snapshot>,
    pub used: Used,
}

impl Queries {
    /// The queries of a model, to be answered by `server`.
    pub fn new(model: Arc<Model>, server: Option<Arc<dyn Server>>) -> Arc<Queries> {
        let states = model.queries.iter().map(|_| QueryState::default()).collect();
        Arc::new(Queries { model, server, states })
    }

    /// The tree's model.
    pub fn model(&self) -> &Arc<Model> {
        &self.model
    }

    /// A query's result for these path variables, from what is known now.
    ///
    /// # Errors
    /// [`Unready::Wanted`] if something has to be asked first; it is noted in `reads`.
    pub fn read(
        self: &Arc<Self>,
        id: QueryId,
        bindings: &Bindings,
        reads: &Reads,
    ) -> Result<Arc<Snapshot>, Unready> {
        let query = self.model.query(id);
        match &query.question {
            Question::Any(members) => self.first_answered(query, members, bindings, reads),
            Question::Value(expression) => self.derive(id, query, bindings, reads, |own| {
                let value = self.evaluate(&query.name, expression, &Scope::new(self, bindings, own), own)?;
                if value.is_undefined() {
                    let answer = "its expression gives nothing here".to_owned();
                    return Err(QueryError::Unsupported { query: query.name.as_str().into(), answer }.into());
                }
                let value = self.with_fields(id, query, from_template(&value), bindings, own)?;
                Ok(Arc::new(Snapshot::new(value, Default::default(), query.key.clone())))
            }),
            _ if query.fields.is_empty() => self.answer(id, query, bindings, reads),
            _ => self.derive(id, query, bindings, reads, |own| {
                let answer = self.answer(id, query, bindings, own)?;
                let value = self.with_fields(id, query, answer.value.clone(), bindings, own)?;
                Ok(Arc::new(Snapshot::new(value, answer.raw.clone(), query.key.clone())))
            }),
        }
    }

    fn first_answered(
        self: &Arc<Self>,
        query: &Query,
        members: &[QueryId],
        bindings: &Bindings,
        reads: &Reads,
    ) -> Result<Arc<Snapshot>, Unready> {
        let mut reasons = Vec::new();
        for member in members {
            match self.read(*member, bindings, reads) {
                Err(Unready::Failed(error)) if error.means_cannot_answer() => reasons.push(error),
                other => return other,
            }
        }
        // a right can be given, so that reason goes before what the server cannot do
        if let Some(denied) = reasons.iter().find(|error| error.kind() == FailureKind::Denied) {
            return Err(denied.clone().into());
        }
        let answer = reasons.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
        Err(QueryError::Unsupported { query: query.name.as_str().into(), answer }.into())
    }

    /// A result computed from others, which is kept; unless it is one record's and computed without
    /// fields, which is done sooner than it is found again.
    fn derive(
        self: &Arc<Self>,
        id: QueryId,
        query: &Query,
        bindings: &Bindings,
        reads: &Reads,
        compute: impl FnOnce(&Reads) -> Result<Arc<Snapshot>, Unready>,
    ) -> Result<Arc<Snapshot>, Unready> {
        if query.fields.is_empty() && !query.parameters.is_empty() {
            return reads.apart(compute).0;
        }
        let mentioned = bindings.only(&query.parameters);
        let derived = || self.states[id.0].derived.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((bound, kept)) = derived().get_key_value(&mentioned)
            && bound.same_records(&mentioned)
            && self.still_true(&kept.used, reads.since)
        {
            reads.include(&kept.used);
            return Ok(Arc::clone(&kept.snapshot));
        }
        let (computed, used) = reads.apart(compute);
        let snapshot = computed?;
        let kept = Derived { snapshot: Arc::clone(&snapshot), used };
        let mut derived = derived();
        // the key holds the record, so it is replaced together with the result
        derived.remove(&mentioned);
        derived.insert(mentioned, kept);
        Ok(snapshot)
    }

    /// The parsed answer of the server.
    fn answer(
        self: &Arc<Self>,
        id: QueryId,
        query: &Query,
        bindings: &Bindings,
        reads: &Reads,
    ) -> Result<Arc<Snapshot>, Unready> {
        let action = self.action(query, bindings, reads)?;
        let cell = self.cell(id, action, bindings.keys(&query.parameters));
        let Some((outcome, version)) = cell.fresh(&self.freshness(&cell, reads.since)) else {
            return Err(reads.want(&cell));
        };
        reads.use_cell(&cell, version);
        let snapshot = outcome?;
        match query.refresh.one {
            Some(one) => self.with_refreshed_records(query, one, (&cell, version), snapshot, reads),
            None => Ok(snapshot),
        }
    }

    /// The AMI action that asks a query.
    fn action(
        self: &Arc<Self>,
        query: &Query,
        bindings: &Bindings,
        reads: &Reads,
    ) -> Result<Action, Unready> {
        let render = |template: &TemplateName| -> Result<Vec<u8>, Unready> {
            let context = Scope::new(self, bindings, reads).context();
            let rendered = self.model.templates.render(template, context);
            let rendered = rendered.map_err(|error| self.template_error(&query.name, &error, reads))?;
            Ok(text::encode(&rendered).into_owned())
        };
        let unsendable =
            |error| Unready::Failed(QueryError::Unsendable { query: query.name.as_str().into(), error });
        match &query.question {
            Question::Command(command) => Action::command(render(command)?).map_err(unsendable),
            Question::Data { path, search, filter } => {
                let mut command = b"data get ".to_vec();
                command.extend(render(path)?);
                if let Some(search) = search {
                    command.push(b' ');
                    command.extend(render(search)?);
                } else if filter.is_some() {
                    command.extend(SEARCH_ALL);
                }
                if let Some(filter) = filter {
                    command.push(b' ');
                    command.extend(render(filter)?);
                }
                Action::command(command).map_err(unsendable)
            }
            Question::Action { name, headers } => {
                let mut action = Action::new(render(name)?).map_err(unsendable)?;
                for (header, value) in headers {
                    action = action.with(header, render(value)?).map_err(unsendable)?;
                }
                Ok(action)
            }
            Question::Any(_) | Question::Value(_) => {
                let error = QueryError::Template {
                    place: query.name.as_str().into(),
                    message: "asks nothing itself".into(),
                };
                Err(error.into())
            }
        }
    }

    /// Evaluates an expression, telling what it lacks from what is wrong with it.
    pub fn evaluate(
        &self,
        place: &str,
        expression: &Expression,
        scope: &Scope,
        reads: &Reads,
    ) -> Result<minijinja::Value, Unready> {
        let value = self.model.templates.evaluate(expression, scope.clone().context());
        value.map_err(|error| self.template_error(place, &error, reads))
    }

    /// Why a template stopped: an answer that is lacking, a query that failed, or its own mistake.
    pub fn template_error(&self, place: &str, error: &minijinja::Error, reads: &Reads) -> Unready {
        reads.verdict().unwrap_or_else(|| {
            QueryError::Template { place: place.into(), message: error_text(error) }.into()
        })
    }

    fn cell(&self, id: QueryId, action: Action, keys: Vec<Arc<str>>) -> Arc<Cell> {
        let cells = &self.states[id.0].cells;
        if let Some(cell) = cells.read().unwrap_or_else(PoisonError::into_inner).get(&action) {
            return Arc::clone(cell);
        }
        let mut cells = cells.write().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(cells.entry(action.clone()).or_insert_with(|| Arc::new(Cell::new(id, action, keys))))
    }

    fn freshness(&self, cell: &Cell, since: Instant) -> Freshness {
        let refresh = &self.model.query(cell.query).refresh;
        let lives = match (refresh.every, refresh.on.is_empty()) {
            (Some(every), _) => Some(every),
            (None, true) => Some(self.model.defaults.ttl),
            (None, false) => None,
        };
        Freshness {
            session: self.server.as_ref().and_then(|server| server.session()),
            invalidated: self.staleness(cell.query).since(&cell.keys),
            lives,
            since,
        }
    }

    /// Whether everything that was used is still as it was.
    pub fn still_true(&self, used: &Used, since: Instant) -> bool {
        used.iter().all(|(cell, version)| cell.still(*version, &self.freshness(cell, since)))
    }

    /// Marks a query's results as stale from now on.
    pub fn invalidate(&self, id: QueryId) {
        self.staleness(id).mark_all();
    }

    /// Marks as stale what concerns the record of that key: the result for that record of a query
    /// that is asked once per record, or that record of a list whose query names a cheaper one.
    /// Without such a query all of the list is stale.
    pub fn invalidate_record(&self, id: QueryId, key: &str) {
        let query = self.model.query(id);
        match query.refresh.one {
            Some(one) => {
                self.staleness(one).mark_record(key);
                self.staleness(id).mark_record(key);
                let cells = self.states[id.0].cells.read().unwrap_or_else(PoisonError::into_inner);
                cells.values().for_each(|cell| cell.touch());
            }
            None if query.parameters.is_empty() => self.invalidate(id),
            None => self.staleness(id).mark_record(key),
        }
    }

    pub(super) fn staleness(&self, id: QueryId) -> MutexGuard<'_, Staleness> {
        self.states[id.0].staleness.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn shapes(&self, id: QueryId) -> MutexGuard<'_, Shapes> {
        self.states[id.0].shapes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn refreshed(&self, id: QueryId) -> &Mutex<Option<Derived>> {
        &self.states[id.0].refreshed
    }

    /// Runs a computation, asks for what it lacks, and runs it again until it lacks nothing.
    ///
    /// Gives what it computed, and what it read on the way.
    ///
    /// # Errors
    /// Why it has no result, at the latest after `deadline`.
    pub async fn settle<T>(
        self: &Arc<Self>,
        deadline: Duration,
        compute: impl Fn(&Reads) -> Result<T, Unready>,
    ) -> Result<(T, Reads), QueryError> {
        let late = || QueryError::Late { seconds: deadline.as_secs_f32() };
        tokio::time::timeout(deadline, self.settle_in_rounds(compute))
            .await
            .map_err(|_| late())?
            .ok_or_else(late)?
    }

    async fn settle_in_rounds<T>(
        self: &Arc<Self>,
        compute: impl Fn(&Reads) -> Result<T, Unready>,
    ) -> Option<Result<(T, Reads), QueryError>> {
        let since = Instant::now();
        for _ in 0..ROUNDS {
            let reads = Reads::new(since);
            match compute(&reads) {
                Ok(value) => return Some(Ok((value, reads))),
                Err(Unready::Failed(error)) => return Some(Err(error)),
                Err(Unready::Wanted) => self.ask_all(reads.wanted()).await,
            }
        }
        None
    }
}
