//! Several servers: `[server.NAME]`, the path variable `{server}`, and the list `servers`.
//!
//! A query that asks a server, or reads one that does, counts as asked once for each `server`, as it would for
//! each record of any path variable: so the same checks find a path that does not say which one is meant. In
//! the finished model there is a copy of it for each server, and nothing above has to tell them apart.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::code::Code;
use super::load::{Loader, NamesRead};
use super::model::{Content, Entry, Model, Printed, Query, QueryId, Question, Refresh, ServerId, Variable};
use super::source::Place;

/// The path variable that stands for each of several servers, in paths and in templates.
pub const SERVER: &str = "server";
/// The query that lists them.
pub const SERVERS: &str = "servers";
/// The field of it that names a server.
pub const NAME: &str = "name";
/// What stands between a query's name and its server's.
const AT: char = '@';

impl Model {
    /// Whether several servers are declared, each by a name.
    pub fn is_fleet(&self) -> bool {
        self.servers.keys().any(|name| !name.is_empty())
    }

    /// How many queries the tree file says, however many servers they are asked of.
    pub fn declared_queries(&self) -> usize {
        let first = |(index, query): &(usize, &Query)| query.copies.first().is_none_or(|id| id.0 == *index);
        let derived = usize::from(self.list_of_servers().is_some());
        let declared = self.queries.iter().enumerate().filter(|(_, query)| !query.added);
        declared.filter(first).count() - derived
    }

    /// The query that lists several servers, if there are several.
    pub fn list_of_servers(&self) -> Option<QueryId> {
        self.names.get(SERVERS).copied().filter(|id| matches!(self.query(*id).question, Question::Servers))
    }

    /// The server of that name.
    pub fn server_named(&self, name: &str) -> Option<ServerId> {
        self.servers.get_index_of(name).map(ServerId)
    }

    /// A query, or the copy of it that belongs to that server.
    pub fn on(&self, id: QueryId, server: Option<ServerId>) -> QueryId {
        server.and_then(|server| self.query(id).copies.get(server.0).copied()).unwrap_or(id)
    }

    /// The query that templates call so, of that server.
    pub fn query_named(&self, name: &str, server: Option<ServerId>) -> Option<QueryId> {
        self.names.get(name).map(|id| self.on(*id, server))
    }

    /// Makes of each query that is asked for each of several servers a copy for each.
    pub(super) fn with_copies(mut self) -> Model {
        let fleet = self.is_fleet();
        let mut next = 0;
        let is_copied = |query: &Query| fleet && query.parameters.iter().any(|name| name == SERVER);
        let copies = |query: &Query| {
            let count = if is_copied(query) { self.servers.len() } else { 1 };
            next += count;
            (next - count..next).map(QueryId).collect()
        };
        let numbers: Vec<Arc<[QueryId]>> = self.queries.iter().map(copies).collect();
        let on = |id: &QueryId, server: usize| {
            let copies = &numbers[id.0];
            copies.get(server).copied().unwrap_or(copies[0])
        };
        let mut queries = Vec::with_capacity(next);
        for (query, copies) in self.queries.iter().zip(&numbers) {
            for server in 0..copies.len() {
                let mut copy = query.clone();
                copy.server = (!fleet).then_some(ServerId(0));
                if is_copied(query) {
                    copy.server = Some(ServerId(server));
                    copy.copies = Arc::clone(copies);
                    copy.parameters.retain(|name| name != SERVER);
                    let (name, _) = self.servers.get_index(server).unzip();
                    copy.name = format!("{}{AT}{}", query.name, name.map_or("", String::as_str));
                }
                let own = |id: &QueryId| on(id, server);
                // one that is nobody's own has what it needs done by all of them
                let needs = query.needs.iter();
                copy.needs = match is_copied(query) {
                    true => needs.map(own).collect(),
                    false => needs.flat_map(|need| numbers[need.0].iter().copied()).collect(),
                };
                copy.refresh.one = query.refresh.one.as_ref().map(own);
                copy.question.queries_mut().into_iter().for_each(|query| *query = own(query));
                queries.push(copy);
            }
        }
        self.queries = queries;
        let names = std::mem::take(&mut self.query_names);
        self.query_names = names
            .values()
            .flat_map(|id| &*numbers[id.0])
            .map(|id| (self.queries[id.0].name.clone(), *id))
            .collect();
        self.names = names.into_iter().map(|(name, id)| (name, on(&id, 0))).collect();
        for entry in &mut self.entries {
            entry.content.queries_mut().for_each(|id| *id = on(id, 0));
        }
        self
    }
}

impl Query {
    /// Its name, whichever of several servers' it is.
    pub fn name_on_each(&self) -> &str {
        match self.copies.is_empty() {
            true => &self.name,
            false => self.name.rsplit_once(AT).map_or(&*self.name, |(name, _)| name),
        }
    }
}

impl Content {
    /// The query whose result it is made of, if it is one.
    pub(super) fn queries_mut(&mut self) -> impl Iterator<Item = &mut QueryId> {
        let query = match self {
            Content::Template { result, .. } => result.as_mut(),
            Content::Raw(id) | Content::Printed { value: Printed::Query(id), .. } => Some(id),
            _ => None,
        };
        query.into_iter()
    }
}

impl Loader {
    /// Whether several servers are declared.
    pub fn is_fleet(&self) -> bool {
        self.servers.keys().any(|name| !name.is_empty())
    }

    /// Declares the list of the servers, which stands at `place`.
    pub fn declare_servers(&mut self, place: Place) {
        let id = QueryId(self.queries.len());
        self.query_names.insert(SERVERS.to_owned(), id);
        self.queries.push(Some(Query {
            name: SERVERS.to_owned(),
            server: None,
            copies: Arc::default(),
            place,
            question: Question::Servers,
            parser: None,
            rows: Vec::new(),
            key: Some(NAME.to_owned()),
            needs: Vec::new(),
            fields: Vec::new(),
            each: None,
            parameters: Vec::new(),
            refresh: Refresh::default(),
            timeout: self.defaults.timeout,
            max_stale: self.defaults.max_stale,
            added: false,
        }));
    }

    /// The path variable of the servers, unless the tree file declares it itself.
    pub fn declare_server(&mut self, variables: &mut Vec<Variable>, place: Place) {
        if variables.iter().any(|variable| variable.name == SERVER) {
            return;
        }
        let Ok(records) = self.templates.expression(SERVERS) else { return };
        variables.push(Variable {
            name: SERVER.to_owned(),
            binding: SERVER.to_owned(),
            place,
            records,
            filter: None,
            key: Some(NAME.to_owned()),
        });
    }

    /// The queries that are read of servers by this, as in `server.sip_peers`: it names the servers, and its
    /// text holds the queries' names.
    pub fn read_of_servers(&self, read: &NamesRead) -> BTreeSet<usize> {
        let names_servers = read.names.iter().any(|name| name == SERVERS || name == SERVER);
        if !self.is_fleet() || !names_servers {
            return BTreeSet::new();
        }
        let is_part = |character: char| character.is_ascii_alphanumeric() || character == '_';
        let words: BTreeSet<&str> = read.text.split(|character| !is_part(character)).collect();
        let named = self.query_names.iter().filter(|(name, _)| words.contains(name.as_str()));
        named.map(|(_, QueryId(query))| *query).filter(|query| Some(QueryId(*query)) != read.query).collect()
    }
}

/// Reports what asks a server on a path that does not say which one.
pub fn check(loader: &mut Loader, variables: &[Variable], entries: &[Entry]) {
    if !loader.is_fleet() {
        return;
    }
    let sets_server = |name: &str| variables.iter().any(|one| one.name == name && one.binding == SERVER);
    for entry in entries.iter().filter(|entry| !entry.path.variables().any(sets_server)) {
        let own = match &entry.content {
            Content::Template { result: Some(id), .. }
            | Content::Raw(id)
            | Content::Printed { value: Printed::Query(id), .. } => loader.queries[id.0].as_ref(),
            _ => None,
        };
        let asks = own.is_some_and(|query| query.parameters.iter().any(|name| name == SERVER));
        if asks || entry.is_alive() {
            let message = "this asks a server, and there are several";
            let help = "put `{server}` into its path: `\"{server}/…\"`, `\"control/{server}/…\"`".to_owned();
            let (code, place) = (Code::WhichServer, entry.place.clone());
            loader.reader.finding_at(code, place, message, "which one?", Some(help));
        }
    }
}
