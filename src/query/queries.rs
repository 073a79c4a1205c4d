//! All queries of a tree on one server: reading their results, and asking for what is lacking.

use std::borrow::Borrow;
use std::collections::{HashMap, HashSet, VecDeque};
use std::hash::{Hash, Hasher};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::{Duration, Instant};

use super::agenda::Agenda;
use super::asking::{Asking, Urgency};
use super::cell::{Cell, Conditions, Look};
use super::dependents::Dependent;
use super::error::{FailureKind, QueryError};
use super::link::Link;
use super::reads::{Manner, Reads, Unready, Used, same};
use super::scope::{Bindings, Scope, View};
use super::server::Server;
use super::snapshot::Snapshot;
use super::standing::Counters;
use super::table::Table;
use crate::ami::Action;
use crate::language::{
    Content, Expression, Model, Query, QueryId, Question, TemplateName, error_text, from_template,
};
use crate::parse::text;
use crate::parse::value::Shapes;

/// How often a computation may find that it needs one more answer, before that is taken for endless.
const ROUNDS: usize = 32;

/// Of so many records it is remembered what was computed for them: the files of one are mostly read
/// together.
const RECENT: usize = 64;

/// Beyond so many records of one list that events concerned and nobody asked for, all of it is stale.
const PENDING: usize = 100_000;

/// What stands before a filter where nothing is searched for: `data get` (Asterisk 13, 14) takes its
/// arguments by place, and ignores a search that does not begin with the provider's name.
const SEARCH_ALL: &[u8] = b" 1=1";

/// Every query of a tree, with the latest results.
pub struct Queries {
    model: Arc<Model>,
    pub(super) server: Option<Arc<dyn Server>>,
    states: Vec<QueryState>,
    pub(super) agenda: Agenda,
    pub(super) asking: Asking,
    pub(super) link: Mutex<Link>,
    pub(super) counters: Counters,
}

/// What is known of one query.
struct QueryState {
    /// Its questions, by what is asked.
    cells: RwLock<HashSet<ByAction>>,
    /// The same by the records that they are asked for.
    by_key: RwLock<HashMap<Arc<str>, Vec<Arc<Cell>>>>,
    /// The result of a query that is asked once.
    table: Arc<Table>,
    /// Results computed for single records a moment ago.
    recent: Mutex<VecDeque<Recent>>,
    /// The field names of results that come one record at a time.
    shapes: Mutex<Shapes>,
    /// Whether anybody can see its answers as they came.
    pub(super) keeps_raw: bool,
}

/// A result computed for one record, and from what.
struct Recent {
    bindings: Bindings,
    snapshot: Arc<Snapshot>,
    used: Used,
}

/// A cell that is found by its action.
struct ByAction(Arc<Cell>);

impl Borrow<Action> for ByAction {
    fn borrow(&self) -> &Action {
        &self.0.action
    }
}

impl Hash for ByAction {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.action.hash(state);
    }
}

impl PartialEq for ByAction {
    fn eq(&self, other: &ByAction) -> bool {
        self.0.action == other.0.action
    }
}

impl Eq for ByAction {}

impl Queries {
    /// The queries of a model, to be answered by `server`.
    pub fn new(model: Arc<Model>, server: Option<Arc<dyn Server>>) -> Arc<Queries> {
        let states = model.queries.iter().enumerate().map(|(index, query)| {
            let shown = model
                .entries
                .iter()
                .any(|entry| matches!(entry.content, Content::Raw(QueryId(raw)) if raw == index));
            QueryState {
                cells: RwLock::default(),
                by_key: RwLock::default(),
                table: Arc::new(Table::new(QueryId(index))),
                recent: Mutex::default(),
                shapes: Mutex::default(),
                keeps_raw: shown || query.parameters.is_empty(),
            }
        });
        let states = states.collect();
        let (agenda, asking, link, counters) = Default::default();
        Arc::new(Queries { model, server, states, agenda, asking, link, counters })
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

    /// The query that an expression names, if it does nothing else and the query is asked once.
    pub fn named_table(&self, expression: &Expression) -> Option<QueryId> {
        let id = *self.model.query_names.get(expression.text.trim())?;
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
        for member in members {
            match self.view(*member, bindings, reads) {
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
        let action = self.action(query, bindings, reads)?;
        let cell = self.cell(id, action, bindings.keys(&query.parameters));
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
        let state = &self.states[id.0];
        if let Some(known) = state.cells.read().unwrap_or_else(PoisonError::into_inner).get(&action) {
            return Arc::clone(&known.0);
        }
        let mut cells = state.cells.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = cells.get(&action) {
            return Arc::clone(&known.0);
        }
        let cell = Arc::new(Cell::new(id, action, keys));
        let mut by_key = state.by_key.write().unwrap_or_else(PoisonError::into_inner);
        for key in &cell.keys {
            by_key.entry(Arc::clone(key)).or_default().push(Arc::clone(&cell));
        }
        cells.insert(ByAction(Arc::clone(&cell)));
        cell
    }

    /// Every question of a query.
    pub(super) fn cells(&self, id: QueryId) -> Vec<Arc<Cell>> {
        let cells = self.states[id.0].cells.read().unwrap_or_else(PoisonError::into_inner);
        cells.iter().map(|known| Arc::clone(&known.0)).collect()
    }

    /// A query's questions about one record.
    fn cells_about(&self, id: QueryId, key: &str) -> Vec<Arc<Cell>> {
        let by_key = self.states[id.0].by_key.read().unwrap_or_else(PoisonError::into_inner);
        by_key.get(key).cloned().unwrap_or_default()
    }

    pub(super) fn conditions(&self, cell: &Cell, manner: Manner) -> Conditions {
        let query = self.model.query(cell.query);
        let lives = match (query.refresh.every, query.refresh.on.is_empty()) {
            (Some(every), _) => Some(every),
            (None, true) => Some(self.model.defaults.ttl),
            (None, false) => None,
        };
        let link = self.link_now();
        Conditions {
            session: link.session,
            down_since: link.down_since(),
            lives,
            stale_for: manner.takes_stale.then_some(query.max_stale),
            since: manner.since,
            patient: !manner.eager && cell.is_invalidated() && self.any_live(&cell.dependents()),
        }
    }

    /// Whether a reader of a table need not wait for records that events concerned: their refresh is
    /// under way, because something that is kept depends on the table.
    pub(super) fn is_patient_for(&self, table: &Table, reads: &Reads) -> bool {
        !reads.manner.eager && table.is_live(self)
    }

    /// Whether something is kept that depends on any of these.
    pub(super) fn any_live(&self, dependents: &[Dependent]) -> bool {
        dependents.iter().any(|dependent| match dependent {
            Dependent::Kept(_) => true,
            Dependent::Table(id) => self.table(*id).is_live(self),
        })
    }

    /// Whether everything that was used is still as it was.
    pub fn still_true(&self, used: &Used, manner: Manner) -> bool {
        let link = self.link_now().epoch;
        used.cells.iter().all(|(cell, stamp)| cell.still(*stamp, &self.conditions(cell, manner)))
            && used.tables.iter().all(|read| {
                read.table.is_current(link)
                    && (!read.whole || read.table.version() == read.version)
                    && read
                        .records
                        .iter()
                        .all(|(key, value)| same(read.table.record(key).as_ref(), value.as_ref()))
                    && (manner.takes_stale || self.is_fresh(&read.table.used(), manner))
            })
    }

    /// For a reader for whom no stale answer will do: a table takes what there is, for all who read it.
    fn demand_fresh(&self, used: &Used, reads: &Reads) -> Result<(), Unready> {
        for (cell, stamp) in &used.cells {
            match cell.look(&self.conditions(cell, reads.manner)) {
                Look::Ask => return Err(reads.want(cell)),
                Look::Use { stamp: now, outcome } if now != *stamp => {
                    reads.use_cell(cell, now);
                    outcome?;
                }
                Look::Use { .. } => {}
            }
        }
        used.tables.iter().try_for_each(|read| self.demand_fresh(&read.table.used(), reads))
    }

    fn is_fresh(&self, used: &Used, manner: Manner) -> bool {
        used.cells.iter().all(|(cell, stamp)| cell.still(*stamp, &self.conditions(cell, manner)))
            && used.tables.iter().all(|read| self.is_fresh(&read.table.used(), manner))
    }

    /// Whether the tables among what was used are those of that version still.
    pub fn are_current(&self, used: &Used) -> bool {
        let link = self.connection();
        let mut whole = used.tables.iter().filter(|read| read.whole);
        whole.all(|read| read.table.is_current(link) && read.table.version() == read.version)
    }

    /// Until when what was computed from these is true, if nothing happens; none if that is for ever.
    pub fn until(&self, used: &Used) -> Option<Instant> {
        let manner = Manner::of_reader();
        let cells = used.cells.iter().filter_map(|(cell, _)| cell.until(&self.conditions(cell, manner)));
        cells.chain(used.tables.iter().filter_map(|read| read.table.until())).min()
    }

    /// Has a dependent told of whatever changes in what it was computed from. What has changed since
    /// is told at once, and what an event made stale when it was of no interest yet is asked for.
    pub fn add_dependent(&self, dependent: Dependent, used: &Used) {
        let mut latest = true;
        for (cell, stamp) in &used.cells {
            latest &= cell.add_dependent(dependent, *stamp);
            if cell.is_left_alone() {
                self.plan(cell);
            }
        }
        let link = self.connection();
        for read in &used.tables {
            if read.whole {
                read.table.add_dependent(dependent, None);
                latest &= read.table.version() == read.version;
            }
            for (key, value) in &read.records {
                read.table.add_dependent(dependent, Some(key));
                latest &= same(read.table.record(key).as_ref(), value.as_ref());
            }
            if !read.table.is_current(link) || read.table.is_left_alone() {
                self.agenda.add([Dependent::Table(read.table.query())]);
            }
        }
        if !latest {
            self.mark([dependent]);
        }
    }

    /// Has a dependent told no longer.
    pub fn remove_dependent(&self, dependent: Dependent, used: &Used) {
        for (cell, _) in &used.cells {
            cell.remove_dependent(dependent);
        }
        for read in &used.tables {
            if read.whole {
                read.table.remove_dependent(dependent, None);
            }
            for (key, _) in &read.records {
                read.table.remove_dependent(dependent, Some(key));
            }
        }
    }

    /// Marks these to be looked at again.
    pub(super) fn mark(&self, dependents: impl IntoIterator<Item = Dependent>) {
        let dependents: Vec<Dependent> = dependents.into_iter().collect();
        for dependent in &dependents {
            if let Dependent::Table(id) = dependent {
                self.table(*id).mark();
            }
        }
        if !dependents.is_empty() {
            self.agenda.add(dependents);
        }
    }

    /// Has a question asked again as soon as it is its turn, if something kept depends on it.
    pub(super) fn plan(&self, cell: &Arc<Cell>) {
        self.agenda.ask(cell);
    }

    /// Marks a query's results as stale from now on.
    pub fn invalidate(&self, id: QueryId) {
        for cell in self.cells(id) {
            self.invalidate_cell(&cell);
        }
    }

    fn invalidate_cell(&self, cell: &Arc<Cell>) {
        cell.invalidate(Instant::now());
        // where nobody keeps what depends on it, whoever reads next has to ask
        for dependent in cell.dependents() {
            if let Dependent::Table(id) = dependent {
                self.table(id).mark();
            }
        }
        self.plan(cell);
    }

    /// Marks as stale what concerns the record of that key: the result for that record of a query
    /// that is asked once per record, or that record of a list whose query names a cheaper one.
    /// Without such a query all of the list is stale.
    pub fn invalidate_record(&self, id: QueryId, key: &str) {
        let query = self.model.query(id);
        if query.parameters.is_empty() {
            let Some(one) = query.refresh.one else { return self.invalidate(id) };
            // one moment for both: what is asked while the table is not to be had yet is asked after it
            let now = Instant::now();
            self.cells_about(one, key).iter().for_each(|cell| cell.invalidate(now));
            let overrun = {
                let mut state = self.table(id).state();
                state.pending.insert(key.into(), now);
                state.pending.len() > PENDING
            };
            if overrun {
                self.table(id).state().pending.clear();
                return self.invalidate(id);
            }
            self.mark([Dependent::Table(id)]);
        } else {
            self.cells_about(id, key).iter().for_each(|cell| self.invalidate_cell(cell));
        }
    }

    /// Has a list asked for again if it does not know the record of that key.
    pub(super) fn seek_record(&self, id: QueryId, key: &str) {
        let table = self.table(id);
        if table.record(key).is_none() && table.state().sought.seeks(key) {
            self.invalidate(id);
        }
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
