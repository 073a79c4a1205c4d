//! From a file to a [`Model`], with every mistake of one run in a [`Report`].

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use indexmap::IndexMap;
use toml::de::DeTable;

use super::address::ServerAddress;
use super::check::FixedLink;
use super::code::Code;
use super::diagnostic::{Report, suggestion};
use super::document::{Reader, Section, Text};
use super::files::TemplateFiles;
use super::fleet;
use super::keys;
use super::model::{Defaults, Model, Query, QueryId};
use super::parts::{Parts, Table};
use super::path::Pattern;
use super::server::DeclaredServers;
use super::source::{Place, Span, TreeSource};
use super::tags::Tags;
use super::templates::{Expression, TemplateMistake, TemplateName, Templates, TextKind};
use super::words::RESERVED;
use super::{check, entry, instead, query, server, variable};

/// What is not in the tree file itself.
#[derive(Debug, Clone, Default)]
pub struct LoadOptions {
    /// The templates folder. Without it: `templates` of `[defaults]`, else a folder `templates`
    /// beside the tree file or beside its folder.
    pub templates: Option<PathBuf>,
    /// Whether programs may be run: then it is no finding that the tree does.
    pub allow_exec: bool,
    /// Of several servers, only the one of that name, if there is one.
    pub only: Option<String>,
}

/// Reads and checks a tree file.
///
/// Gives the model, if nothing keeps it from being used, and the findings: warnings, or every error.
///
/// # Errors
/// Only if the file itself cannot be read.
pub fn load(path: &Path, options: &LoadOptions) -> std::io::Result<(Option<Model>, Report)> {
    let text = std::fs::read_to_string(path)?;
    let source = Arc::new(TreeSource::new(path, text));
    let mut loader = Loader::new(Arc::clone(&source));
    loader.allows_exec = options.allow_exec;
    let mut model = loader.model(options).filter(|_| !loader.reader.report.has_errors());
    let report = loader.reader.report;
    if let Some(model) = &mut model {
        model.files = report.files().clone();
    }
    Ok((model, report))
}

/// A place where names are read, checked when all names are known.
pub struct NamesRead {
    /// The names.
    pub names: Vec<String>,
    /// The same with the fields that are read of them: `friend.name`.
    pub nested: Vec<String>,
    /// The file they stand in.
    pub source: Arc<TreeSource>,
    /// The text they stand in, and how to find a part of it in the file.
    pub text: String,
    /// Where the text's string literal stands; none for a template file, which is its own text.
    pub literal: Option<Span>,
    /// Template variables of path variables that are set there; none where any may be named.
    pub bound: Option<Vec<String>>,
    /// Other names that are set there.
    pub also: Vec<&'static str>,
    /// The query whose definition this is, if it is one.
    pub query: Option<QueryId>,
    /// For a template file: the place in a tree file that leads to it.
    pub named_at: Option<Place>,
}

impl NamesRead {
    /// Whether it is content that depends on who reads it.
    pub fn reads_caller(&self) -> bool {
        self.also.contains(&"caller") && self.names.iter().any(|name| name == "caller")
    }

    /// The places where it reads `caller.pid`.
    pub fn reads_of_pid(&self) -> impl Iterator<Item = Place> {
        let names = if self.reads_caller() { Tags::of_template(&self.text).names } else { Vec::new() };
        let is_pid = |rest: &str| [".pid", "['pid']", "[\"pid\"]"].iter().any(|pid| rest.starts_with(pid));
        names
            .into_iter()
            .filter(move |(name, range)| name == "caller" && is_pid(&self.text[range.end..]))
            .map(|(_, range)| self.place(range.start..range.end + ".pid".len()))
    }

    /// Where a part of its text stands.
    pub fn place(&self, range: Span) -> Place {
        let span = match &self.literal {
            Some(literal) => self.source.inside_string(literal, &range),
            None => range,
        };
        Place { source: Arc::clone(&self.source), span }
    }
}

/// The state of reading one tree file.
pub struct Loader {
    pub reader: Reader,
    pub templates: Templates,
    pub queries: Vec<Option<Query>>,
    pub query_names: HashMap<String, QueryId>,
    pub servers: IndexMap<String, ServerAddress>,
    pub reads: Vec<NamesRead>,
    pub defaults: Defaults,
    pub files: TemplateFiles,
    pub reads_of_pid: Vec<ReadOfPid>,
    pub fixed_links: Vec<FixedLink>,
    pub each_of_queries: Vec<EachOfQuery>,
    pub allows_exec: bool,
}

/// That a query names a path variable, which may be declared later.
pub struct EachOfQuery {
    /// The query.
    pub query: QueryId,
    /// The variable's name in paths.
    pub variable: String,
    /// The place of that name.
    pub place: Place,
}

/// A place where a content reads `caller.pid`.
pub struct ReadOfPid {
    /// The top-level directory that the content stands in, if that has a name of its own.
    pub directory: Option<String>,
    /// The place.
    pub place: Place,
}

impl Loader {
    fn new(source: Arc<TreeSource>) -> Loader {
        Loader {
            reader: Reader::new(source),
            templates: Templates::default(),
            queries: Vec::new(),
            query_names: HashMap::new(),
            servers: IndexMap::new(),
            reads: Vec::new(),
            defaults: Defaults::default(),
            files: TemplateFiles::default(),
            reads_of_pid: Vec::new(),
            fixed_links: Vec::new(),
            each_of_queries: Vec::new(),
            allows_exec: false,
        }
    }

    fn model(&mut self, options: &LoadOptions) -> Option<Model> {
        let source = Arc::clone(&self.reader.source);
        let parts = Parts::read(&mut self.reader);
        if parts.broken {
            // what follows a syntax error is guesswork: its complaints would mislead
            return None;
        }
        let parsed = parts.iter().map(|part| (part, DeTable::parse_recoverable(part.source.text()).0));
        let documents: Vec<_> = parsed.collect();
        let mut sections = Vec::new();
        for (part, document) in &documents {
            self.reader.source = Arc::clone(&part.source);
            let section = Section::open(&mut self.reader, "a tree file", document.get_ref(), keys::TREE_FILE);
            sections.push((*part, section));
        }
        let tables = |key: &str| -> Vec<Table<'_>> {
            let found = sections.iter().filter_map(|(part, section)| Some((*part, section.get(key)?)));
            found.collect()
        };
        self.settings(&parts, &tables("server"), &tables("defaults"));
        if let Some(only) = options.only.as_deref().filter(|only| self.servers.contains_key(*only)) {
            self.servers.retain(|name, _| name == only);
        }
        let folder = self.templates_folder(&source, options, &tables("defaults"));
        self.files = TemplateFiles::new(folder);
        self.read_template_files();
        let fleet = self.is_fleet().then(|| Place { source: Arc::clone(&source), span: 0..0 });
        if let Some(place) = &fleet {
            self.declare_servers(place.clone());
        }
        query::declare(self, &tables("query"));
        let mut variables = variable::read(self, &tables("each"));
        if let Some(place) = fleet {
            self.declare_server(&mut variables, place);
        }
        let entries = entry::read(self, &tables("tree"), &variables);
        self.reader.source = Arc::clone(&source);
        if tables("tree").is_empty() {
            let help = Some("add a table `[tree]` with one line for each path".into());
            let (message, label) = ("the tree file has no `[tree]`", "nothing would be mounted");
            self.reader.finding(Code::NoTree, 0..0, message, label, help);
        }
        check::finish(self, &variables, &entries);
        if self.reader.report.has_errors() {
            return None;
        }
        instead::add(self);
        let model = Model {
            source,
            files: Default::default(),
            servers: std::mem::take(&mut self.servers),
            defaults: self.defaults.clone(),
            queries: std::mem::take(&mut self.queries).into_iter().collect::<Option<_>>()?,
            query_names: std::mem::take(&mut self.query_names),
            names: HashMap::new(),
            variables,
            entries,
            templates_folder: self.files.folder().cloned(),
            templates: std::mem::take(&mut self.templates),
        };
        Some(model.with_copies())
    }

    /// Reads `[server]` and `[defaults]` of all files: the first that says something counts.
    fn settings(&mut self, parts: &Parts, servers: &[Table<'_>], defaults: &[Table<'_>]) {
        parts.report_conflicts(&mut self.reader, "[server]", servers);
        parts.report_conflicts(&mut self.reader, "[defaults]", defaults);
        let mut declared = DeclaredServers::default();
        for (part, value) in servers.iter().rev() {
            self.reader.source = Arc::clone(&part.source);
            declared.read(&mut self.reader, value);
        }
        self.servers = declared.finish();
        declared.warn_of_plain(&mut self.reader, &self.servers);
        for (part, value) in defaults.iter().rev() {
            self.reader.source = Arc::clone(&part.source);
            let base = self.defaults.clone();
            self.defaults = server::defaults(&mut self.reader, value, base).unwrap_or_default();
        }
    }

    fn templates_folder(
        &mut self,
        tree_file: &TreeSource,
        options: &LoadOptions,
        defaults: &[Table<'_>],
    ) -> Option<PathBuf> {
        if let Some(folder) = &options.templates {
            return Some(folder.clone());
        }
        let beside = |source: &TreeSource| source.path().parent().unwrap_or(Path::new("")).to_owned();
        let mut named =
            defaults.iter().filter_map(|(part, value)| Some((part, value.get_ref().get("templates")?)));
        if let Some((part, value)) = named.next() {
            self.reader.source = Arc::clone(&part.source);
            let text = self.reader.text("`templates` of [defaults]", value)?;
            return Some(beside(&part.source).join(text.value));
        }
        let beside = beside(tree_file);
        [beside.join("templates"), beside.join("..").join("templates")].into_iter().find(|folder| {
            self.reader.report.looked_at(folder);
            folder.is_dir()
        })
    }

    /// Compiles a template that stands in the tree file.
    pub fn inline_template(
        &mut self,
        at: &str,
        kind: TextKind,
        text: &Text,
        bound: Option<Vec<String>>,
        also: Vec<&'static str>,
        query: Option<QueryId>,
    ) -> Option<TemplateName> {
        match self.templates.add(at, kind, &text.value) {
            Ok(template) => {
                let names = self.templates.names(&template);
                let nested = self.templates.nested_names(&template);
                let tags = Tags::of_template(&text.value);
                self.operators(&tags, text);
                match kind {
                    TextKind::Content => self.inline_references(&tags, text, &bound, &also),
                    _ => self.refuse_references(&tags, text),
                }
                self.names_read((names, nested), text, bound, also, query);
                Some(template)
            }
            Err(mistake) => {
                let source = Arc::clone(&self.reader.source);
                self.template_mistake(&source, &text.value, Some(&text.span), &mistake);
                None
            }
        }
    }

    /// Compiles an expression that stands in the tree file.
    pub fn expression(
        &mut self,
        text: &Text,
        bound: Option<Vec<String>>,
        also: Vec<&'static str>,
        query: Option<QueryId>,
    ) -> Option<Expression> {
        match self.templates.expression(&text.value) {
            Ok(expression) => {
                self.operators(&Tags::of_expression(&text.value), text);
                self.names_read(
                    (expression.names.clone(), expression.nested.clone()),
                    text,
                    bound,
                    also,
                    query,
                );
                Some(expression)
            }
            Err(mistake) => {
                let source = Arc::clone(&self.reader.source);
                self.template_mistake(&source, &text.value, Some(&text.span), &mistake);
                None
            }
        }
    }

    /// Compiles a condition; one that is never true is told of, with what then is `never`.
    pub fn condition(&mut self, text: &Text, bound: Option<Vec<String>>, never: &str) -> Option<Expression> {
        let expression = self.expression(text, bound, vec![], None)?;
        if self.templates.constant(&expression).is_some_and(|value| !value.is_true()) {
            let message = format!("this is never true: {never}");
            let help = Some("leave out what it decides on, or let it read a query or a path variable".into());
            self.reader.finding(Code::NeverTrue, text.span.clone(), message, "always false", help);
        }
        Some(expression)
    }

    /// Compiles an expression over `event`, which is evaluated while events come; `what` it says.
    pub fn event_expression(&mut self, text: &Text, what: &str) -> Option<Expression> {
        let expression = self.expression(text, Some(Vec::new()), vec!["event"], None)?;
        if self.query_names.keys().any(|query| expression.names.contains(query)) {
            let help = Some("compute it from `event` alone: nothing is asked while events come".into());
            let message = format!("{what} cannot depend on a query");
            self.reader.finding(Code::QueryInEvent, text.span.clone(), message, "reads a query", help);
        }
        Some(expression)
    }

    fn names_read(
        &mut self,
        (names, nested): (Vec<String>, Vec<String>),
        text: &Text,
        bound: Option<Vec<String>>,
        also: Vec<&'static str>,
        query: Option<QueryId>,
    ) {
        self.reads.push(NamesRead {
            names,
            nested,
            source: Arc::clone(&self.reader.source),
            text: text.value.clone(),
            literal: Some(text.span.clone()),
            bound,
            also,
            query,
            named_at: None,
        });
    }

    /// Reports filters and tests that there are not.
    fn operators(&mut self, tags: &Tags, text: &Text) {
        let source = Arc::clone(&self.reader.source);
        for mistake in self.templates.unknown_operators(tags) {
            self.template_mistake(&source, &text.value, Some(&text.span), &mistake);
        }
    }

    /// A file's templates print for files: elsewhere, what they print would not be made safe.
    fn refuse_references(&mut self, tags: &Tags, text: &Text) {
        for reference in &tags.references {
            let span = self.reader.source.inside_string(&text.span, &reference.tag);
            let message = format!("`{}` has no place here", reference.keyword);
            let label = "a template file's output would go out unquoted";
            let help =
                Some("write the template out: files are only included in `render` and `template`".into());
            self.reader.finding(Code::MisplacedInclude, span, message, label, help);
        }
    }

    /// Reports a mistake in a template or expression.
    pub fn template_mistake(
        &mut self,
        source: &Arc<TreeSource>,
        text: &str,
        literal: Option<&Span>,
        mistake: &TemplateMistake,
    ) {
        let line = mistake.line.map(|line| TreeSource::new("", text).line(line));
        let range = mistake.range.clone().or(line).unwrap_or(0..text.len());
        let span = literal.map_or(range.clone(), |literal| source.inside_string(literal, &range));
        let place = Place { source: Arc::clone(source), span };
        self.reader.finding_at(mistake.code, place, mistake.message.as_str(), "here", mistake.help.clone());
    }

    /// Reads a path of `[tree]`.
    pub fn pattern(&mut self, text: &str, span: &Span) -> Option<Pattern> {
        Pattern::parse(text)
            .map_err(|mistake| {
                let at = self.reader.source.inside_string(span, &mistake.range);
                self.reader.finding(
                    Code::InvalidPath,
                    at,
                    mistake.message,
                    "in this path",
                    Some(mistake.help.into()),
                );
            })
            .ok()
    }

    /// Whether templates can read that name; one that they cannot is an error.
    pub fn is_readable_name(&mut self, name: &str, span: Span) -> bool {
        let is_part = |character: char| character.is_ascii_alphanumeric() || character == '_';
        let is_word = name.chars().all(is_part) && !name.starts_with(|first: char| first.is_ascii_digit());
        if name.is_empty() || !is_word {
            let help = Some("name it with letters, digits and `_`: templates read it by that name".into());
            self.reader.finding(
                Code::InvalidName,
                span,
                format!("`{name}` cannot be a name"),
                "not a name",
                help,
            );
            return false;
        }
        if RESERVED.contains(&name) || (self.is_fleet() && name == fleet::SERVERS) {
            let help = Some(format!("name it otherwise: `{name}` means something of its own in templates"));
            self.reader.finding(
                Code::ReservedName,
                span,
                format!("`{name}` cannot be a name"),
                "taken",
                help,
            );
            return false;
        }
        true
    }

    /// The query of that name; an unknown one is an error.
    pub fn query_named(&mut self, name: &Text) -> Option<QueryId> {
        let found = self.query_names.get(&name.value).copied();
        if found.is_none() {
            let mut known: Vec<&str> = self.query_names.keys().map(String::as_str).collect();
            known.sort_unstable();
            let help = suggestion(&name.value, known.iter().copied());
            self.reader.finding(
                Code::UnknownQuery,
                name.span.clone(),
                format!("there is no query `{}`", name.value),
                "unknown query",
                help,
            );
        }
        found
    }
}
