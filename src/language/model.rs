//! What a checked tree file says. Everything in it is resolved: names are indices, templates are
//! compiled, numbers are in range.

use std::collections::{BTreeSet, HashMap};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use encoding_rs::Encoding;
use indexmap::{IndexMap, IndexSet};
use regex::Regex;

use super::address::ServerAddress;
use super::origin::Origin;
use super::path::{Pattern, Segment};
use super::source::{Place, TreeSource};
use super::templates::{Expression, TemplateName, Templates};
use crate::data::Provider;
use crate::parse::Parser;

/// A whole tree file.
#[derive(Debug)]
pub struct Model {
    /// The file it was read from.
    pub source: Arc<TreeSource>,
    /// Every path that was looked at for it, as [`Report::files`](super::Report::files) says.
    pub files: BTreeSet<PathBuf>,
    /// The servers by their names, in the order of the file. The one of a plain `[server]` has an empty name.
    pub servers: IndexMap<String, ServerAddress>,
    /// `[defaults]`, filled up.
    pub defaults: Defaults,
    /// Every query, the unnamed ones of `[tree]` entries included.
    pub queries: Vec<Query>,
    /// The declared queries by name; one that is asked of several servers is `NAME@SERVER` of each.
    pub query_names: HashMap<String, QueryId>,
    /// The declared queries by the names that templates call them by; of one that is asked of several servers
    /// that of the first.
    pub names: HashMap<String, QueryId>,
    /// Every path variable, in the order of the file.
    pub variables: Vec<Variable>,
    /// The entries of `[tree]`, in the order of the file.
    pub entries: Vec<Entry>,
    /// The folder of template files, if there is one.
    pub templates_folder: Option<PathBuf>,
    /// All templates, compiled.
    pub templates: Templates,
}

impl Model {
    /// The query with that index.
    pub fn query(&self, id: QueryId) -> &Query {
        &self.queries[id.0]
    }

    /// Whether some entry shows a query's answer as it came.
    pub fn shows_raw(&self, id: QueryId) -> bool {
        self.entries.iter().any(|entry| matches!(entry.content, Content::Raw(raw) if raw == id))
    }

    /// Whether anything in it needs a server: to be asked, or for its events; or to be listed, with whether there
    /// is a connection, as several are.
    pub fn asks_server(&self) -> bool {
        let needs = |query: &Query| {
            query.question.is_of_server() || !query.refresh.on.is_empty() || !query.refresh.finds.is_empty()
        };
        self.is_fleet() || self.queries.iter().any(needs) || self.entries.iter().any(Entry::is_alive)
    }

    /// The first query that runs a program, if one does.
    pub fn runs_program(&self) -> Option<&Query> {
        let runs = |query: &&Query| matches!(query.question, Question::Origin(Origin::Program { .. }));
        self.queries.iter().find(runs)
    }

    /// The top-level directories that hold control files or event logs, in the order of the file.
    pub fn alive_directories(&self) -> IndexSet<&str> {
        let alive = self.entries.iter().filter(|entry| entry.is_alive());
        let first = alive.filter_map(|entry| entry.path.segments.first());
        let named = first.filter_map(|segment| match segment {
            Segment::Literal(name) => Some(name.as_str()),
            Segment::Variable { .. } => None,
        });
        named.collect()
    }

    /// The path variable with that index.
    pub fn variable(&self, id: VariableId) -> &Variable {
        &self.variables[id.0]
    }
}

/// An index into [`Model::queries`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct QueryId(pub usize);

/// An index into [`Model::servers`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ServerId(pub usize);

/// An index into [`Model::variables`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct VariableId(pub usize);

/// What holds where an entry or a query says nothing else.
#[derive(Debug, Clone)]
pub struct Defaults {
    /// Permissions of files.
    pub mode: u16,
    /// Permissions of directories.
    pub dir_mode: u16,
    /// Owner; none means whoever runs astfs.
    pub uid: Option<u32>,
    /// Group; none means that of whoever runs astfs.
    pub gid: Option<u32>,
    /// How long an answer may take.
    pub timeout: Duration,
    /// How long a result without a `refresh` rule lives.
    pub ttl: Duration,
    /// What a file shows while its content cannot be had.
    pub on_error: OnError,
    /// How long the last good result may be shown in place of one that cannot be had.
    pub max_stale: Duration,
}

impl Default for Defaults {
    fn default() -> Defaults {
        Defaults {
            mode: 0o444,
            dir_mode: 0o555,
            uid: None,
            gid: None,
            timeout: Duration::from_secs(5),
            ttl: Duration::from_secs(5),
            on_error: OnError::Stale,
            max_stale: Duration::from_secs(60),
        }
    }
}

/// Where data comes from: `[query.NAME]`, or the source inside a `[tree]` entry.
#[derive(Debug, Clone)]
pub struct Query {
    /// Its name; an unnamed one is called by the path it stands at. One of several servers' has `@SERVER`
    /// behind it.
    pub name: String,
    /// The server that is asked; none if it is none of several servers' own.
    pub server: Option<ServerId>,
    /// The same query of each server, if it is asked of several.
    pub copies: Arc<[QueryId]>,
    /// Where it is declared.
    pub place: Place,
    /// What is asked.
    pub question: Question,
    /// How the answer's text is read; none for structured answers.
    pub parser: Option<Parser>,
    /// The fields to follow inside the result to the list of records.
    pub rows: Vec<String>,
    /// The field that names a record.
    pub key: Option<String>,
    /// Queries to run first, for their effect.
    pub needs: Vec<QueryId>,
    /// Fields to compute for each record, before the server's own.
    pub fields: Vec<(String, Expression)>,
    /// The path variable whose records these are, while their fields are computed.
    pub each: Option<RecordsOf>,
    /// The variables of a path that it mentions: it is asked once for each of their records.
    pub parameters: Vec<String>,
    /// When its result has to be asked again.
    pub refresh: Refresh,
    /// How long an answer may take.
    pub timeout: Duration,
    /// How long the last good result may be shown in place of one that cannot be had.
    pub max_stale: Duration,
    /// Whether it is none of the tree file: it was added for one that asks `data get`.
    pub added: bool,
}

/// What the records of a list are, while their fields are computed: a path variable's. So their fields can tell
/// what is asked once for each of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordsOf {
    /// The variable's name in templates.
    pub binding: String,
    /// The field that names a record.
    pub key: String,
}

/// What a query asks.
#[derive(Debug, Clone)]
pub enum Question {
    /// A command of the CLI.
    Command(TemplateName),
    /// An AMI action: its name and headers.
    Action {
        /// The action's name.
        name: TemplateName,
        /// Its headers in the order of the file.
        headers: Vec<(String, TemplateName)>,
    },
    /// `data get`.
    Data {
        /// The provider's path.
        path: TemplateName,
        /// Which nodes: `peers/peer/name=6001`.
        search: Option<TemplateName>,
        /// Which fields: `peers/peer/name,peers/peer/secret`.
        filter: Option<TemplateName>,
        /// The query that tells the same where there is no `data get`, if there is one.
        instead: Option<QueryId>,
    },
    /// Something beside the server.
    Origin(Origin),
    /// What `data get` would tell, made of other queries.
    Records(Records),
    /// The entries of a provider that these queries list, in the provider's order.
    Entries(&'static Provider, Vec<QueryId>),
    /// The first of these queries that the server can answer.
    Any(Vec<QueryId>),
    /// An expression over other queries and path variables.
    Value(Expression),
    /// The list of several servers.
    Servers,
}

impl Question {
    /// Whether it is put to the server.
    pub fn is_of_server(&self) -> bool {
        matches!(self, Question::Command(_) | Question::Action { .. } | Question::Data { .. })
    }

    /// Whether nothing is asked for it: the result is made from what is known.
    pub fn is_derived(&self) -> bool {
        !self.is_of_server() && !matches!(self, Question::Origin(_))
    }

    /// Whether the answer is the text that came, unless it is parsed.
    pub fn gives_text(&self) -> bool {
        matches!(self, Question::Command(_) | Question::Data { .. } | Question::Origin(_))
    }

    /// The query that tells the same where there is no `data get`.
    pub fn instead(&self) -> Option<QueryId> {
        match self {
            Question::Data { instead, .. } => *instead,
            _ => None,
        }
    }

    /// The queries that it is made of by their numbers, not by their names.
    pub(super) fn queries_mut(&mut self) -> Vec<&mut QueryId> {
        match self {
            Question::Any(queries) | Question::Entries(_, queries) => queries.iter_mut().collect(),
            Question::Data { instead, .. } => instead.iter_mut().collect(),
            Question::Records(records) => {
                std::iter::once(&mut records.entries).chain(&mut records.details).collect()
            }
            _ => Vec::new(),
        }
    }
}

/// What `data get` would tell of a provider.
#[derive(Debug, Clone)]
pub struct Records {
    /// The provider.
    pub provider: &'static Provider,
    /// The query of its entries.
    pub entries: QueryId,
    /// The queries of its details, in its order; each is asked for the entry that is called `row`.
    pub details: Vec<QueryId>,
    /// Which records, as for `data get`.
    pub search: Option<TemplateName>,
    /// Which fields.
    pub filter: Option<TemplateName>,
}

/// When a result has to be asked again.
#[derive(Debug, Clone, Default)]
pub struct Refresh {
    /// After one of these events.
    pub on: Vec<Trigger>,
    /// The query that asks for one record of a list anew, where an event concerns that one.
    pub one: Option<QueryId>,
    /// At that age.
    pub every: Option<Duration>,
    /// After one of these events, if a list does not know the record that it names.
    pub finds: Vec<Trigger>,
}

/// An event that makes a result stale.
#[derive(Debug, Clone)]
pub struct Trigger {
    /// The event's name, in lower case.
    pub event: String,
    /// What gives the key of the record concerned; without it, all of the result is.
    pub key: Option<Expression>,
}

/// A path variable: `[each.NAME]`.
#[derive(Debug)]
pub struct Variable {
    /// Its name in paths.
    pub name: String,
    /// Its name in templates: the same, unless `as` says otherwise.
    pub binding: String,
    /// Where it is declared.
    pub place: Place,
    /// What it ranges over.
    pub records: Expression,
    /// Which of the records.
    pub filter: Option<Expression>,
    /// The field that gives the path segment; none where the records are plain texts.
    pub key: Option<String>,
}

impl Variable {
    /// The names that decide what it ranges over.
    pub fn mentioned(&self) -> impl Iterator<Item = &String> {
        self.records.names.iter().chain(self.filter.iter().flat_map(|filter| &filter.names))
    }
}

/// A line of `[tree]`.
#[derive(Debug)]
pub struct Entry {
    /// Where in the mount.
    pub path: Pattern,
    /// Where it is declared.
    pub place: Place,
    /// What stands there.
    pub content: Content,
    /// Permissions and owner, where they are not the defaults.
    pub attributes: Attributes,
    /// It exists only while this is true.
    pub when: Option<Expression>,
    /// What it shows while its content cannot be had.
    pub on_error: OnError,
    /// The character set that its content is shown in; UTF-8 if there is none.
    pub encoding: Option<&'static Encoding>,
    /// Whether its content depends on who reads it: its template reads `caller`.
    pub personal: bool,
    /// What writing to it does; none for what is only read.
    pub write: Option<Write>,
}

impl Entry {
    /// Whether it is a control file or an event log, which need a protocol of their own.
    pub fn is_alive(&self) -> bool {
        self.write.is_some() || matches!(self.content, Content::Events(_))
    }
}

/// What writing to a control file does.
#[derive(Debug)]
pub struct Write {
    /// The command or action that is sent; its templates read `input`.
    pub question: Question,
    /// What all of the input has to match.
    pub matches: Option<Regex>,
    /// How long the answer may take.
    pub timeout: Duration,
}

/// A log of events.
#[derive(Debug)]
pub struct EventLog {
    /// The events' names, in lower case; none means every event.
    pub names: Option<Vec<String>>,
    /// Only the events for which this is true; it reads `event`.
    pub filter: Option<Expression>,
    /// At which size in bytes it is rotated.
    pub size: usize,
}

/// What a file shows while its content cannot be had.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnError {
    /// The last good content, for as long as the `max_stale` of its queries; then the error.
    Stale,
    /// The error, at once.
    Error,
    /// Nothing: the file is empty.
    Empty,
}

impl OnError {
    /// The choices by their names in a tree file.
    pub const NAMES: [(&'static str, OnError); 3] =
        [("stale", OnError::Stale), ("error", OnError::Error), ("empty", OnError::Empty)];
}

/// Permissions and owner of an entry.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Attributes {
    /// Permission bits.
    pub mode: Option<u16>,
    /// Owner.
    pub uid: Option<u32>,
    /// Group.
    pub gid: Option<u32>,
}

/// What stands at a path.
#[derive(Debug)]
pub enum Content {
    /// A directory.
    Directory,
    /// These bytes.
    Text(Arc<[u8]>),
    /// A link to where the template says.
    Link(TemplateName),
    /// What the template prints; `result` names a query of the entry's own.
    Template {
        /// The template.
        template: TemplateName,
        /// What the variable `result` reads.
        result: Option<QueryId>,
    },
    /// The bytes that a query's answer consists of.
    Raw(QueryId),
    /// A value, printed.
    Printed {
        /// What to print.
        value: Printed,
        /// How.
        format: Format,
    },
    /// What the server said to the last input of a control file.
    LastAnswer,
    /// A growing log.
    Events(EventLog),
}

/// What an entry prints by `as`.
#[derive(Debug)]
pub enum Printed {
    /// A query's result.
    Query(QueryId),
    /// An expression over queries and path variables.
    Expression(Expression),
}

/// The formats of `as`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// One `path.to.field=value` a line; a list of texts is one text a line.
    Text,
    /// JSON, indented.
    Json,
    /// YAML, indented.
    Yaml,
    /// `NAME='value'` lines that a shell can source.
    Env,
    /// Comma-separated values under a header line.
    Csv,
    /// Aligned columns under a header line.
    Table,
    /// TOML.
    Toml,
}

impl Format {
    /// The formats by their names in a tree file.
    pub const NAMES: [(&'static str, Format); 7] = [
        ("text", Format::Text),
        ("json", Format::Json),
        ("yaml", Format::Yaml),
        ("env", Format::Env),
        ("csv", Format::Csv),
        ("table", Format::Table),
        ("toml", Format::Toml),
    ];
}
