//! `astfs check --live`: what a tree gets of its server, found out gently.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::Serialize;

use super::super::connect::Connected;
use super::super::{CliError, ServerSelection, connect, open};
use super::rights::{self, Classes, Told};
use crate::ami::{Action, AskError, State};
use crate::language::{Content, Entry, Model, QueryId, Question, Segment, Variable};
use crate::query::{Binding, Bindings, FailureKind, Gentle, Queries, QueryError, Reads, Scope, Unready};
use crate::tree::{self, Tree, TreeError};

/// How long the program's own two questions may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// All that was found out.
#[derive(Serialize)]
pub struct Live {
    /// Which server.
    pub server: String,
    /// Its version, if it may be asked for.
    pub version: Option<String>,
    /// How long it took to connect and log in, in milliseconds; none of a recording.
    pub login_ms: Option<u64>,
    /// Each query that asks something, and each `any`.
    pub queries: Vec<Answerable>,
    /// The entries that fail, or stand for nothing.
    pub entries: Vec<Lacking>,
    /// The manager user that is enough.
    pub user: User,
}

/// Whether a query can be answered.
#[derive(Serialize)]
pub struct Answerable {
    /// The query.
    pub name: String,
    /// `answered`, `missing`, `denied`, `failed`, `no record` (there is none to ask for), or `not asked`
    /// (nothing needs it on this server).
    pub state: &'static str,
    /// Of an `any`, the member that answers.
    pub answers: Option<String>,
    /// What the server said, or what went wrong.
    pub reason: Option<String>,
    /// Whether something in the tree fails because of it.
    pub matters: bool,
}

/// An entry that fails, or stands for nothing.
#[derive(Serialize)]
pub struct Lacking {
    /// Its path, as the tree file has it.
    pub path: String,
    /// `fails` or `empty`.
    pub state: &'static str,
    /// Why.
    pub reason: String,
}

/// A manager user.
#[derive(Default, Serialize)]
pub struct User {
    /// The classes to read, each with the events that need it.
    pub read: Classes,
    /// The classes to write, each with the queries and entries that need it.
    pub write: Classes,
    /// What takes classes that are not known.
    pub unknown: Vec<String>,
}

impl Live {
    /// Whether something in the tree fails.
    pub fn fails(&self) -> bool {
        self.entries.iter().any(|entry| entry.state == "fails")
    }
}

/// Asks a tree's server. To be called on a runtime.
///
/// # Errors
/// When there is none, or it cannot be asked.
pub async fn ask(model: Model, selection: &ServerSelection) -> Result<Live, CliError> {
    let message = "there is no server to ask; add `[server]` to the tree file or give --server";
    let target = connect::only_target(&model, selection)?;
    let target = target.ok_or_else(|| CliError::Arguments(message.into()))?;
    let begun = Instant::now();
    let connected = target.connect()?;
    let login_ms = log_in(&connected).await?.then(|| begun.elapsed().as_millis() as u64);
    let server = Arc::clone(&connected.server);
    let asked = |action: &'static str| {
        let server = &server;
        async move { server.ask(Action::new(action).map_err(AskError::from)?, PATIENCE).await }
    };
    let settings = asked("CoreSettings").await.ok().filter(|answer| !answer.is_error());
    let version = settings.and_then(|answer| {
        answer.message().get("AsteriskVersion").map(|version| String::from_utf8_lossy(version).into_owned())
    });
    let told = asked("ListCommands").await.ok().filter(|answer| !answer.is_error());
    let told = told.as_ref().map(Told::read).unwrap_or_default();

    let origins = open::origins(vec![connected.origins.clone()], selection);
    let queries = Queries::with_origins(Arc::new(model), vec![Arc::clone(&server)], origins);
    let mut looking = Looking::new(queries);
    let entries = looking.entries().await?;
    looking.besides().await?;
    let live = Live {
        server: server.description(),
        version,
        login_ms,
        queries: looking.queries().await,
        entries,
        user: looking.user(&told),
    };
    if let Some(client) = &connected.client {
        client.stop().await;
    }
    Ok(live)
}

/// Waits for the connection; whether there is one to wait for.
async fn log_in(connected: &Connected) -> Result<bool, AskError> {
    let Some(client) = &connected.client else { return Ok(false) };
    let mut state = client.state();
    // the client holds the other end
    match state.wait_for(|state| !matches!(state, State::Connecting)).await.as_deref() {
        Ok(State::Down { reason, .. }) => Err(reason.clone()),
        _ => Ok(true),
    }
}

struct Looking {
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
    fn new(queries: Arc<Queries>) -> Looking {
        let (tree, model) = (Tree::new(Arc::clone(&queries)), Arc::clone(queries.model()));
        Looking { tree, model, gentle: Gentle::new(Arc::clone(&queries)), queries, blamed: HashSet::new() }
    }

    /// Every entry for its first record; those that fail or stand for nothing.
    async fn entries(&mut self) -> Result<Vec<Lacking>, QueryError> {
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
    async fn besides(&mut self) -> Result<(), QueryError> {
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
        let mut bindings = Bindings::none();
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

    async fn queries(&mut self) -> Vec<Answerable> {
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
                Question::Value(_) => continue,
                _ => self.first_of(id).await,
            };
            if let (Question::Any(_), First::Are(bindings)) = (&query.question, &first) {
                let answering = self.gentle.answering(id, bindings);
                answerable.answers = answering.map(|member| model.query(member).name.clone());
            }
            answerable.state = match self.gentle.failure(id) {
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

    /// The user that is enough for all that this server can answer.
    fn user(&self, told: &Told) -> User {
        let mut user = User::default();
        let mut write = Vec::new();
        let mut need = |question: &Question, why: String| {
            let action = self.gentle.action_name(question).unwrap_or_else(|| "an action by a record".into());
            match told.of(&action) {
                Some(classes) => write.push((classes, why)),
                None => user.unknown.push(format!("{action} ({why})")),
            }
        };
        let mut events: Vec<(String, String)> = Vec::new();
        let mut ids = (0..self.model.queries.len()).map(QueryId);
        let denied = ids.any(|id| {
            self.model.query(id).question.is_of_server()
                && self.gentle.failure(id).is_some_and(|error| error.kind() == FailureKind::Denied)
        });
        for (index, query) in self.model.queries.iter().enumerate() {
            let id = QueryId(index);
            let asks = query.question.is_of_server();
            // what was not asked may be for another record, or once what was denied is allowed
            let may_be_asked = || denied || !query.parameters.is_empty();
            let needed = match self.gentle.failure(id) {
                Some(error) => error.kind() != FailureKind::Unsupported,
                None => self.gentle.has_asked(id) || may_be_asked(),
            };
            if asks && needed {
                need(&query.question, query.name.clone());
                let triggers = query.refresh.on.iter().chain(&query.refresh.finds);
                events.extend(triggers.map(|trigger| (trigger.event.clone(), query.name.clone())));
            }
        }
        for entry in &self.model.entries {
            let path = entry.place.text().to_owned();
            if let Some(write) = &entry.write {
                need(&write.question, path.clone());
            }
            if let Content::Events(log) = &entry.content {
                let names = log.names.clone().unwrap_or_else(|| vec!["*".to_owned()]);
                events.extend(names.into_iter().map(|name| (name, path.clone())));
            }
        }
        user.write = rights::fewest(&write);
        for (event, why) in events {
            let class = if event == "*" { Some("all") } else { rights::of_event(&event) };
            match class {
                Some(class) => drop(user.read.entry(class.to_owned()).or_default().insert(why)),
                None => user.unknown.push(format!("event {event} ({why})")),
            }
        }
        user.unknown.sort_unstable();
        user.unknown.dedup();
        user
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
