//! All queries of a tree on one server: reading their results, and asking for what is lacking.

use std::borrow::Borrow;
use std::collections::{HashMap, HashSet, VecDeque};
use std::hash::{Hash, Hasher};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

use super::agenda::Agenda;
use super::asking::{Asking, Urgency};
use super::cell::{Cell, Look};
use super::counts::{Answers, Counters, count};
use super::error::{FailureKind, QueryError};
use super::inquiry::Inquiry;
use super::link::Connection;
use super::reads::{Manner, Reads, Unready, Used};
use super::scope::{Bindings, Scope, View};
use super::server::Server;
use super::snapshot::Snapshot;
use super::table::Table;
use crate::language::{
    Expression, Model, Query, QueryId, Question, ServerId, Succession, error_text, from_template,
};
use crate::origin::{Local, Origins};
use crate::parse::value::Shapes;

/// How often a computation may find that it needs one more answer, before that is taken for endless.
const ROUNDS: usize = 32;

/// Of so many records it is remembered what was computed for them: the files of one are mostly read
/// together.
const RECENT: usize = 64;

/// Every query of a tree, with the latest results.
pub struct Queries {
    model: Arc<Model>,
    /// By the numbers of the servers.
    pub(super) connections: Vec<Arc<Connection>>,
    states: Vec<Arc<QueryState>>,
    pub(super) agenda: Arc<Agenda>,
    pub(super) origins: Arc<dyn Origins>,
    /// What is asked of these for no server alone.
    pub(super) beside: Arc<Asking>,
    pub(super) counters: Arc<Counters>,
}

/// What is known of one query.
struct QueryState {
    /// Its questions, by what is asked.
    cells: RwLock<HashSet<ByInquiry>>,
    /// The same by the records that they are asked for.
    by_key: RwLock<HashMap<Arc<str>, Vec<Arc<Cell>>>>,
    /// The result of a query that is asked once.
    table: Arc<Table>,
    /// Results computed for single records a moment ago.
    recent: Mutex<VecDeque<Recent>>,
    /// The field names of results that come one record at a time.
    shapes: Mutex<Shapes>,
    /// How many answers were taken.
    answers: Answers,
    /// Whether anybody can see its answers as they came.
    pub(super) keeps_raw: bool,
}

/// A result computed for one record, and from what.
struct Recent {
    bindings: Bindings,
    snapshot: Arc<Snapshot>,
    used: Used,
}

/// A cell that is found by what is asked.
struct ByInquiry(Arc<Cell>);

impl Borrow<Inquiry> for ByInquiry {
    fn borrow(&self) -> &Inquiry {
        &self.0.inquiry
    }
}

impl Hash for ByInquiry {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.inquiry.hash(state);
    }
}

impl PartialEq for ByInquiry {
    fn eq(&self, other: &ByInquiry) -> bool {
        self.0.inquiry == other.0.inquiry
    }
}

impl Eq for ByInquiry {}

impl QueryState {
    fn new(model: &Model, id: QueryId) -> QueryState {
        QueryState {
            cells: RwLock::default(),
            by_key: RwLock::default(),
            table: Arc::new(Table::new(id)),
            recent: Mutex::default(),
            shapes: Mutex::default(),
            answers: Answers::default(),
            keeps_raw: model.shows_raw(id) || model.query(id).parameters.is_empty(),
        }
    }
}

impl Queries {
    /// The queries of a model, to be answered by `server`, and what is beside it by this machine, which runs
    /// no programs.
    pub fn new(model: Arc<Model>, server: Option<Arc<dyn Server>>) -> Arc<Queries> {
        Queries::on(model, server.into_iter().collect())
    }

    /// The same on its servers, in the order of the tree file.
    pub fn on(model: Arc<Model>, servers: Vec<Arc<dyn Server>>) -> Arc<Queries> {
        Queries::with_origins(model, servers, Arc::new(Local::new(false)))
    }

    /// The same, with what is beside the servers answered by `origins`.
    pub fn with_origins(
        model: Arc<Model>,
        servers: Vec<Arc<dyn Server>>,
        origins: Arc<dyn Origins>,
    ) -> Arc<Queries> {
        let states = (0..model.queries.len()).map(|index| Arc::new(QueryState::new(&model, QueryId(index))));
        let states = states.collect();
        let connections = servers.into_iter().map(|server| Arc::new(Connection::new(server))).collect();
        let (agenda, beside, counters) = Default::default();
        Arc::new(Queries { model, connections, states, agenda, origins, beside, counters })
    }

    /// The queries of a model that succeeds this one's: what is known of those that are the same stays known.
    /// Of several servers, those are asked from now on that are given here; else those of the same name as before.
    pub fn succeeded_by(&self, succession: Succession, servers: &[Option<Arc<dyn Server>>]) -> Arc<Queries> {
        let Succession { model, same } = succession;
        let states = same.iter().enumerate().map(|(index, same)| match same {
            true => Arc::clone(&self.states[index]),
            false => Arc::new(QueryState::new(&model, QueryId(index))),
        });
        let states = states.collect();
        let names = model.servers.keys().enumerate().filter(|_| model.is_fleet());
        let named = names.filter_map(|(index, name)| {
            let before = self.model.server_named(name).and_then(|id| self.connections.get(id.0));
            match (servers.get(index).cloned().flatten(), before) {
                (Some(server), Some(before)) => Some(Arc::new(before.replaced_by(server))),
                (Some(server), None) => Some(Arc::new(Connection::new(server))),
                (None, before) => before.cloned(),
            }
        });
        let connections = if model.is_fleet() { named.collect() } else { self.connections.clone() };
        Arc::new(Queries {
            states,
            connections,
            model: Arc::new(model),
            agenda: Arc::clone(&self.agenda),
            origins: Arc::clone(&self.origins),
            beside: Arc::clone(&self.beside),
            counters: Arc::clone(&self.counters),
        })
    }

    /// The tree's model.
    pub fn model(&self) -> &Arc<Model> {
        &self.model
    }

    pub(super) fn table(&self, id: QueryId) -> &Arc<Table> {
        &self.states[id.0].table
    }

    pub(super) fn keeps_raw(&self, id: QueryId) -> bool {
        self.states[id.0].keeps_raw
    }

    /// How many answers were taken for a query.
    pub(super) fn answers(&self, id: QueryId) -> &Answers {
        &self.states[id.0].answers
    }

    /// The query that an expression names, if it does nothing else and the query is asked once.
    pub fn named_table(&self, expression: &Expression, server: Option<ServerId>) -> Option<QueryId> {
        let id = self.model.query_named(expression.text.trim(), server)?;
        self.model.query(id).parameters.is_empty().then_some(id)
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
        let view = self.view(id, bindings, reads)?;
        view.use_whole(reads);
        Ok(view.snapshot)
    }

    /// The same for a reader who notes himself what he reads of it.
    ///
    /// # Errors
    /// [`Unready::Wanted`] if something has to be asked first; it is noted in `reads`.
    pub fn view(self: &Arc<Self>, id: QueryId, bindings: &Bindings, reads: &Reads) -> Result<View, Unready> {
        match (self.own_view(id, bindings, reads), self.model.query(id).question.instead()) {
            (Err(Unready::Failed(error)), Some(instead)) if error.means_cannot_answer() => {
                self.view(instead, bindings, reads)
            }
            (view, _) => view,
        }
    }

    /// The same, without what stands in for `data get`.
    pub(super) fn own_view(
        self: &Arc<Self>,
        id: QueryId,
        bindings: &Bindings,
        reads: &Reads,
    ) -> Result<View, Unready> {
        let query = self.model.query(id);
        if let Question::Any(members) = &query.question {
            return self.first_answered(query, members, bindings, reads);
        }
        if query.parameters.is_empty() {
            let (table, outcome, version) = self.tabled(id, reads)?;
            return match outcome {
                Ok(snapshot) => {
                    if !reads.manner.takes_stale {
                        self.demand_fresh(&table.used(), reads)?;
                    }
                    reads.touch_table(&table, version);
                    Ok(View { snapshot, table: Some((table, version)) })
                }
                Err(error) => {
                    reads.use_table(&table, version);
                    Err(error.into())
                }
            };
        }
        let snapshot = match &query.question {
            Question::Value(expression) => self.derive(id, query, bindings, reads, |own| {
                let value = self.evaluate(&query.name, expression, &Scope::new(self, bindings, own), own)?;
                self.defined(query, &value)?;
                let value = self.with_fields(id, query, from_template(&value), bindings, own)?;
                Ok(Arc::new(Snapshot::new(value, Default::default(), query.key.clone())))
            }),
            Question::Records(records) => {
                self.derive(id, query, bindings, reads, |own| self.records_for(query, records, bindings, own))
            }
            _ if query.fields.is_empty() => Ok(self.answer(id, query, bindings, reads)?.1),
            _ => self.derive(id, query, bindings, reads, |own| {
                let (_, answer) = self.answer(id, query, bindings, own)?;
                let value = self.with_fields(id, query, answer.value.clone(), bindings, own)?;
                Ok(Arc::new(Snapshot::new(value, answer.raw.clone(), query.key.clone())))
            }),
        };
        Ok(View { snapshot: snapshot?, table: None })
    }

    /// A `value` that gives nothing is something that this server cannot tell.
    pub(super) fn defined(&self, query: &Query, value: &minijinja::Value) -> Result<(), QueryError> {
        if !value.is_undefined() {
            return Ok(());
        }
        let answer = "its expression gives nothing here".to_owned();
        Err(QueryError::Unsupported { query: query.name.as_str().into(), answer })
    }

    fn first_answered(
        self: &Arc<Self>,
        query: &Query,
        members: &[QueryId],
        bindings: &Bindings,
        reads: &Reads,
    ) -> Result<View, Unready> {
        let mut reasons = Vec::new();
        for index in 0..members.len() {
            match self.member_view(members, index, bindings, reads) {
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

    /// The result of one of several queries of which the first that can answers. What stands in for `data get`
    /// is asked for the last alone: for the others the tree says itself what does.
    pub(super) fn member_view(
        self: &Arc<Self>,
        members: &[QueryId],
        index: usize,
        bindings: &Bindings,
        reads: &Reads,
    ) -> Result<View, Unready> {
        let view = if index + 1 == members.len() { Self::view } else { Self::own_view };
        view(self, members[index], bindings, reads)
    }

    /// A result computed for one record. With fields it is remembered for a moment; without, it is
    /// computed sooner than it is found again.
    fn derive(
        self: &Arc<Self>,
        id: QueryId,
        query: &Query,
        bindings: &Bindings,
        reads: &Reads,
        compute: impl FnOnce(&Reads) -> Result<Arc<Snapshot>, Unready>,
    ) -> Result<Arc<Snapshot>, Unready> {
        if query.fields.is_empty() {
            return reads.apart(compute).0;
        }
        let mentioned = bindings.only(&query.parameters);
        let recent = || self.states[id.0].recent.lock().unwrap_or_else(PoisonError::into_inner);
        let same_record = |one: &Recent| one.bindings == mentioned && one.bindings.same_records(&mentioned);
        let known = recent()
            .iter()
            .find(|one| same_record(one))
            .map(|one| (Arc::clone(&one.snapshot), one.used.clone()));
        if let Some((snapshot, used)) = known
            && self.still_true(&used, reads.manner)
        {
            reads.include(&used);
            return Ok(snapshot);
        }
        let (computed, used) = reads.apart(compute);
        let snapshot = computed?;
        let mut recent = recent();
        recent.retain(|one| one.bindings != mentioned);
        recent.truncate(RECENT - 1);
        recent.push_front(Recent { bindings: mentioned, snapshot: Arc::clone(&snapshot), used });
        Ok(snapshot)
    }

    /// The parsed answer of the server, and the question it answers.
    pub(super) fn answer(
        self: &Arc<Self>,
        id: QueryId,
        query: &Query,
        bindings: &Bindings,
        reads: &Reads,
    ) -> Result<(Arc<Cell>, Arc<Snapshot>), Unready> {
        if let Some(error) = self.lacks_data_get(id) {
            return Err(error.into());
        }
        let inquiry = self.inquiry(query, bindings, reads)?;
        let cell = self.cell(id, inquiry, bindings.keys(&query.parameters));
        let conditions = self.conditions(&cell, reads.manner);
        match cell.look(&conditions) {
            Look::Ask => Err(reads.want(&cell)),
            Look::Use { outcome, stamp } => {
                if conditions.patient && cell.is_left_alone() {
                    self.plan(&cell);
                }
                reads.use_cell(&cell, stamp);
                Ok((cell, outcome?))
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
            if ran_out(error) {
                count(&self.counters.stopped);
            }
            QueryError::Template { place: place.into(), message: error_text(error) }.into()
        })
    }

    /// The cell of a query's question, if that was ever wanted.
    pub(super) fn known_cell(&self, id: QueryId, inquiry: &Inquiry) -> Option<Arc<Cell>> {
        let cells = self.states[id.0].cells.read().unwrap_or_else(PoisonError::into_inner);
        cells.get(inquiry).map(|known| Arc::clone(&known.0))
    }

    pub(super) fn cell(&self, id: QueryId, inquiry: Inquiry, keys: Vec<Arc<str>>) -> Arc<Cell> {
        if let Some(known) = self.known_cell(id, &inquiry) {
            return known;
        }
        let state = &self.states[id.0];
        let mut cells = state.cells.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = cells.get(&inquiry) {
            return Arc::clone(&known.0);
        }
        let cell = Arc::new(Cell::new(id, inquiry, keys));
        let mut by_key = state.by_key.write().unwrap_or_else(PoisonError::into_inner);
        for key in &cell.keys {
            by_key.entry(Arc::clone(key)).or_default().push(Arc::clone(&cell));
        }
        cells.insert(ByInquiry(Arc::clone(&cell)));
        cell
    }

    /// The same question of other queries, where events made the answer stale: they need not ask it too.
    pub(super) fn cells_alike(&self, cell: &Cell) -> Vec<Arc<Cell>> {
        let server = self.model.query(cell.query).server;
        let is_other = |id: &QueryId| *id != cell.query && self.model.query(*id).server == server;
        let others = (0..self.states.len()).map(QueryId).filter(is_other);
        let alike = others.filter_map(|id| self.known_cell(id, &cell.inquiry));
        alike.filter(|cell| cell.is_invalidated()).collect()
    }

    /// Every question of a query.
    pub(super) fn cells(&self, id: QueryId) -> Vec<Arc<Cell>> {
        let cells = self.states[id.0].cells.read().unwrap_or_else(PoisonError::into_inner);
        cells.iter().map(|known| Arc::clone(&known.0)).collect()
    }

    /// A query's questions about one record.
    pub(super) fn cells_about(&self, id: QueryId, key: &str) -> Vec<Arc<Cell>> {
        let by_key = self.states[id.0].by_key.read().unwrap_or_else(PoisonError::into_inner);
        by_key.get(key).cloned().unwrap_or_default()
    }

    pub(super) fn shapes(&self, id: QueryId) -> MutexGuard<'_, Shapes> {
        self.states[id.0].shapes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks for what a computation lacked, after whatever somebody waits for.
    pub async fn ask_ahead(self: &Arc<Self>, reads: &Reads) {
        self.ask_all(reads.wanted(), Urgency::Background).await;
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
        let manner = Manner::of_reader();
        for _ in 0..ROUNDS {
            let reads = Reads::new(manner);
            match compute(&reads) {
                Ok(value) => return Some(Ok((value, reads))),
                Err(Unready::Failed(error)) => return Some(Err(error)),
                Err(Unready::Wanted) => self.ask_all(reads.wanted(), Urgency::Interactive).await,
            }
        }
        None
    }
}

/// Whether a template or expression was stopped because it took too many steps.
fn ran_out(error: &minijinja::Error) -> bool {
    let causes = std::iter::successors(Some(error as &dyn std::error::Error), |error| error.source());
    let mut causes = causes.filter_map(|cause| cause.downcast_ref::<minijinja::Error>());
    causes.any(|cause| cause.kind() == minijinja::ErrorKind::OutOfFuel)
}
