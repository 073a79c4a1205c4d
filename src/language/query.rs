//! `[query.NAME]`, and the same keys inside an entry of `[tree]`.

use std::sync::Arc;

use toml::Spanned;
use toml::de::DeValue;

use super::code::Code;
use super::diagnostic::suggestion;
use super::document::{Section, Text, duration};
use super::fleet;
use super::hazard::{self, Hazard};
use super::keys;
use super::load::{EachOfQuery, Loader};
use super::model::{Query, QueryId, Question, Refresh, Trigger};
use super::origin;
use super::parts::{Declared, Table};
use super::source::Span;
use super::templates::{TemplateName, TextKind};
use crate::data::Provider;
use crate::parse::{Parser, regex};

/// The keys that say what is asked; exactly one of them makes a query.
pub const SOURCES: [&str; 8] = ["command", "action", "data", "file", "exec", "http", "any", "value"];

/// Keys that belong to one source.
const OF_SOURCE: [(&str, &str); 4] =
    [("search", "data"), ("filter", "data"), ("auth", "http"), ("ca", "http")];

/// Declares every name first, so that queries can name each other in any order, then reads them.
pub fn declare(loader: &mut Loader, tables: &[Table<'_>]) {
    let mut names = Declared::default();
    let mut declared = Vec::new();
    for (part, value) in tables {
        loader.reader.source = Arc::clone(&part.source);
        let Some(table) = loader.reader.table("`query`", value) else { continue };
        for (name, value) in table {
            let place = loader.reader.place(name.span());
            if names.is_new(&mut loader.reader, "query", name.get_ref(), place) {
                let id = QueryId(loader.queries.len());
                loader.queries.push(None);
                loader.query_names.insert(name.get_ref().to_string(), id);
                declared.push((part, id, name, value));
            }
        }
    }
    for (part, id, name, value) in declared {
        loader.reader.source = Arc::clone(&part.source);
        let title = format!("query `{}`", name.get_ref());
        loader.is_readable_name(name.get_ref(), name.span());
        if loader.is_fleet() && name.get_ref() == fleet::SERVER {
            let help = Some("name it otherwise: `server` stands for one of the servers".into());
            let message = "`server` cannot be a query's name here";
            loader.reader.finding(Code::ReservedName, name.span(), message, "taken", help);
        }
        let Some(table) = loader.reader.table(&title, value) else { continue };
        let section = Section::open(&mut loader.reader, &title, table, keys::QUERY);
        loader.queries[id.0] = read(loader, &section, id, name.get_ref(), name.span());
    }
}

/// Reads a query's keys from an open section.
pub fn read(
    loader: &mut Loader,
    section: &Section<'_, '_>,
    id: QueryId,
    name: &str,
    span: Span,
) -> Option<Query> {
    let question = question(loader, section, id, name, &span);
    let parser = section.get("parse").and_then(|value| parser(loader, value));
    let mut needs = Vec::new();
    for need in section.texts(&mut loader.reader, "needs") {
        needs.extend(loader.query_named(&need));
    }
    let rows = section.text(&mut loader.reader, "rows");
    let key = section.text(&mut loader.reader, "key");
    let timeout = section.duration(&mut loader.reader, "timeout");
    let max_stale = section.duration(&mut loader.reader, "max_stale");
    let refresh = section.get("refresh").map(|value| refresh(loader, value)).unwrap_or_default();
    let mut fields = Vec::new();
    if let Some(value) = section.get("fields")
        && let Some(table) = loader.reader.table("`fields`", value)
    {
        for (field, value) in table {
            if let Some(text) = loader.reader.text("a field of `fields`", value)
                && let Some(expression) = loader.expression(&text, None, vec!["row"], Some(id))
            {
                fields.push((field.get_ref().to_string(), expression));
            }
        }
    }
    if let Some(value) = section.get("each")
        && let Some(name) = loader.reader.text("`each`", value)
    {
        let place = loader.reader.place(name.span);
        loader.each_of_queries.push(EachOfQuery { query: id, variable: name.value, place });
    }
    Some(Query {
        name: name.to_owned(),
        server: None,
        copies: Arc::default(),
        place: loader.reader.place(span),
        question: question?,
        parser,
        rows: rows.map(|rows| rows.value.split('.').map(str::to_owned).collect()).unwrap_or_default(),
        key: key.map(|key| key.value),
        needs,
        fields,
        each: None,
        parameters: Vec::new(),
        refresh,
        timeout: timeout.unwrap_or(loader.defaults.timeout),
        max_stale: max_stale.unwrap_or(loader.defaults.max_stale),
        added: false,
    })
}

fn question(
    loader: &mut Loader,
    section: &Section<'_, '_>,
    id: QueryId,
    name: &str,
    span: &Span,
) -> Option<Question> {
    let present: Vec<&str> = SOURCES.into_iter().filter(|key| section.get(key).is_some()).collect();
    let [source] = present[..] else {
        if present.is_empty() && section.misspelt {
            return None; // it may be the key that says it
        }
        let (code, message) = match present[..] {
            [] => (Code::NoSource, format!("query `{name}` asks nothing")),
            _ => {
                let message = format!("query `{name}` has more than one source: {}", quoted(&present));
                (Code::SeveralSources, message)
            }
        };
        let help = Some(format!("give it exactly one of {}", quoted(&SOURCES)));
        loader.reader.finding(code, span.clone(), message, "one source, please", help);
        return None;
    };
    for (key, owner) in OF_SOURCE {
        if source != owner
            && let Some(key) = section.key(key)
        {
            let message = format!("`{}` belongs to `{owner}`, not to `{source}`", key.get_ref());
            loader.reader.finding(
                Code::MisplacedKey,
                key.span(),
                message,
                "has no meaning here",
                Some("leave it out".into()),
            );
        }
    }
    let sent = Sent { at: &format!("query.{name}"), bound: None, also: vec![], query: Some(id) };
    match source {
        "command" => command(loader, section, &sent),
        "data" => {
            let has = |key: &str| section.get(key).is_some();
            let mut template = |key: &str| {
                let text = section.text(&mut loader.reader, key)?;
                sent.compile(loader, key, TextKind::Command, &text)
            };
            let path = template("data")?;
            let search = template("search");
            let filter = template("filter");
            let written = |key: &str| section.get(key).and_then(|value| value.get_ref().as_str());
            let asked = [written("data"), written("search").or(Some("1=1")), written("filter")];
            let asked: Vec<&str> = asked.into_iter().flatten().collect();
            // where actions tell the same, they are asked instead
            let is_read_otherwise = section.get("parse").or(section.get("rows")).is_some();
            let provider = written("data").and_then(Provider::at).filter(|_| !is_read_otherwise);
            if let Some(hazard) = hazard::command(&format!("data get {}", asked.join(" ")))
                && provider.is_none()
            {
                refuse(loader, section, "data", &hazard);
            }
            let complete = search.is_some() == has("search") && filter.is_some() == has("filter");
            complete.then_some(Question::Data { path, search, filter, instead: None })
        }
        "file" | "exec" | "http" => origin::read(loader, section, source, &sent).map(Question::Origin),
        "any" => {
            let names = section.texts(&mut loader.reader, "any");
            let count = names.len();
            let members: Vec<_> = names.iter().filter_map(|name| loader.query_named(name)).collect();
            if let Some(value) = section.get("any").filter(|value| value.get_ref().as_array().is_some())
                && count == 0
            {
                let help = Some("name the queries in the order of preference: `any = [\"a\", \"b\"]`".into());
                loader.reader.finding(
                    Code::NoSource,
                    value.span(),
                    "`any` names no query",
                    "which ones?",
                    help,
                );
            }
            (members.len() == count && count > 0).then_some(Question::Any(members))
        }
        "value" => {
            let text = section.text(&mut loader.reader, "value")?;
            Some(Question::Value(loader.expression(&text, None, vec![], Some(id))?))
        }
        _ => action(loader, section, &sent),
    }
}

/// What the templates of something that is sent may name, and what they are called in errors.
pub struct Sent<'a> {
    /// Where they stand.
    pub at: &'a str,
    /// Template variables of path variables that are set there; none where any may be named.
    pub bound: Option<Vec<String>>,
    /// Other names that are set there.
    pub also: Vec<&'static str>,
    /// The query they belong to, if they belong to one.
    pub query: Option<QueryId>,
}

impl Sent<'_> {
    /// Compiles the template of a key.
    pub fn compile(
        &self,
        loader: &mut Loader,
        key: &str,
        kind: TextKind,
        text: &Text,
    ) -> Option<TemplateName> {
        let at = format!("{}.{key}", self.at);
        loader.inline_template(&at, kind, text, self.bound.clone(), self.also.clone(), self.query)
    }
}

/// Reads `command`.
pub fn command(loader: &mut Loader, section: &Section<'_, '_>, sent: &Sent<'_>) -> Option<Question> {
    let text = section.text(&mut loader.reader, "command")?;
    let command = sent.compile(loader, "command", TextKind::Command, &text)?;
    if let Some(hazard) = hazard::command(&text.value) {
        refuse(loader, section, "command", &hazard);
    }
    Some(Question::Command(command))
}

/// Reads `action`.
pub fn action(loader: &mut Loader, section: &Section<'_, '_>, sent: &Sent<'_>) -> Option<Question> {
    let value = section.get("action")?;
    let compile = |loader: &mut Loader, header: &str, text: &Text| {
        sent.compile(loader, &format!("action.{header}"), TextKind::Header, text)
    };
    if value.get_ref().is_str() {
        let text = section.text(&mut loader.reader, "action")?;
        return Some(Question::Action { name: compile(loader, "Action", &text)?, headers: Vec::new() });
    }
    let Some(table) = value.get_ref().as_table() else {
        loader.reader.wrong_type("`action`", "an action's name or a table of its headers", value);
        return None;
    };
    let mut action = None;
    let mut headers = Vec::new();
    for (header, value) in table {
        let what = format!("header `{}`", header.get_ref());
        let text = loader.reader.text(&what, value)?;
        let template = compile(loader, header.get_ref(), &text)?;
        if header.get_ref().eq_ignore_ascii_case("action") {
            action = Some(template);
        } else {
            headers.push((header.get_ref().to_string(), template));
        }
    }
    if action.is_none() {
        let help = Some("write `action = { Action = \"SIPshowpeer\", Peer = \"…\" }`".into());
        loader.reader.finding(
            Code::NoAction,
            value.span(),
            "the headers name no `Action`",
            "which action?",
            help,
        );
    }
    let header = |name: &str| {
        let found = table.iter().find(|(header, _)| header.get_ref().eq_ignore_ascii_case(name));
        found.and_then(|(_, value)| value.get_ref().as_str())
    };
    if header("Action").is_some_and(|action| action.eq_ignore_ascii_case("DataGet"))
        && let Some(hazard) = hazard::command(&format!(
            "data get {} 1=1 {}",
            header("Path").unwrap_or("/"),
            header("Filter").unwrap_or("")
        ))
    {
        refuse(loader, section, "action", &hazard);
    }
    Some(Question::Action { name: action?, headers })
}

/// Reports a question that can crash the server.
fn refuse(loader: &mut Loader, section: &Section<'_, '_>, key: &str, hazard: &Hazard) {
    let Some(value) = section.get(key) else { return };
    let Hazard { provider, safe_filter } = hazard;
    let message = format!("this crashes an Asterisk 13 that has a channel up: `data get` of `{provider}`");
    let label = "reads `oldwriteformat`, which is not set";
    let help = format!(
        "name the fields you want, without `oldwriteformat`: `data = \"{provider}\", filter = \"{safe_filter}\"`"
    );
    loader.reader.finding(Code::CrashesServer, value.span(), message, label, Some(help));
}

/// Reads `parse`.
fn parser(loader: &mut Loader, value: &Spanned<DeValue<'_>>) -> Option<Parser> {
    if let Some(name) = value.get_ref().as_str() {
        let parser = Parser::from_name(name);
        if parser.is_none() {
            let help = suggestion(name, Parser::NAMES.iter().copied());
            loader.reader.finding(
                Code::UnknownParser,
                value.span(),
                format!("there is no parser `{name}`"),
                "unknown parser",
                help,
            );
        }
        return parser;
    }
    let Some(table) = value.get_ref().as_table() else {
        loader.reader.wrong_type("`parse`", "a parser's name or a table", value);
        return None;
    };
    let section = Section::open(&mut loader.reader, "`parse`", table, keys::PARSE);
    if section.get("concise").is_some() {
        let names = section.texts(&mut loader.reader, "concise");
        return Some(Parser::Concise { names: names.into_iter().map(|name| name.value).collect() });
    }
    if section.misspelt && section.get("regex").is_none() {
        return None;
    }
    let Some(pattern) = section.text(&mut loader.reader, "regex") else {
        let help = Some("write `parse = { regex = '(?P<name>…)' }` or `parse = \"table\"`".into());
        loader.reader.finding(
            Code::UnknownParser,
            value.span(),
            "`parse` names no parser",
            "which one?",
            help,
        );
        return None;
    };
    let multi = section.flag(&mut loader.reader, "multi").unwrap_or(false);
    let scope = if multi { regex::Scope::Text } else { regex::Scope::Line };
    regex::Pattern::new(&pattern.value, scope)
        .map(Parser::Regex)
        .map_err(|error| wrong_regex(loader, &pattern, &error.to_string()))
        .ok()
}

/// Reports a regular expression that cannot be used.
pub fn wrong_regex(loader: &mut Loader, pattern: &Text, error: &str) {
    let (message, range) = regex_mistake(error, &pattern.value);
    let span = loader.reader.source.inside_string(&pattern.span, &range);
    loader.reader.finding(
        Code::InvalidRegex,
        span,
        format!("the regex cannot be used: {message}"),
        "in this regex",
        None,
    );
}

/// What is wrong with a regex, and where: the regex engine draws both below the expression.
fn regex_mistake(error: &str, pattern: &str) -> (String, std::ops::Range<usize>) {
    let drawn = error.lines().skip_while(|line| line.trim_start() != pattern).nth(1);
    let message = error.lines().find_map(|line| line.strip_prefix("error: "));
    let Some((drawn, message)) = drawn.zip(message) else { return (error.to_owned(), 0..pattern.len()) };
    let indent = 4;
    let before = drawn.chars().take_while(|character| *character == ' ').count().saturating_sub(indent);
    let marks = drawn.chars().filter(|character| *character == '^').count();
    let offset = |index: usize| pattern.char_indices().nth(index).map_or(pattern.len(), |(offset, _)| offset);
    (message.to_owned(), offset(before)..offset(before + marks.max(1)))
}

fn refresh(loader: &mut Loader, value: &Spanned<DeValue<'_>>) -> Refresh {
    if let Some(text) = value.get_ref().as_str() {
        let key = if duration(text).is_some() { "every" } else { "on" };
        let help = Some(format!("write `refresh = {{ {key} = \"{text}\" }}`"));
        let label = "expected a table, found string";
        loader.reader.finding(Code::WrongType, value.span(), "`refresh` must be a table", label, help);
        return Refresh::default();
    }
    let Some(table) = loader.reader.table("`refresh`", value) else { return Refresh::default() };
    let section = Section::open(&mut loader.reader, "`refresh`", table, keys::REFRESH);
    let one = section.text(&mut loader.reader, "one");
    let finds = section.get("finds").map(|value| triggers(loader, value)).unwrap_or_default();
    if let Some(key) = section.key("finds")
        && finds.iter().any(|trigger| trigger.key.is_none())
    {
        let help = Some("write `finds = { EVENT = \"event.HEADER\" }`".into());
        let message = "an event of `finds` has to say which record it names";
        loader.reader.finding(Code::InvalidRefresh, key.span(), message, "which record?", help);
    }
    Refresh {
        on: section.get("on").map(|value| triggers(loader, value)).unwrap_or_default(),
        one: one.and_then(|name| loader.query_named(&name)),
        every: section.duration(&mut loader.reader, "every"),
        finds,
    }
}

/// Reads `on`: an event's name, a table of names and expressions, or a list of these.
fn triggers(loader: &mut Loader, value: &Spanned<DeValue<'_>>) -> Vec<Trigger> {
    match value.get_ref() {
        DeValue::String(name) => vec![Trigger { event: name.to_ascii_lowercase(), key: None }],
        DeValue::Array(items) => items.iter().flat_map(|item| triggers(loader, item)).collect(),
        DeValue::Table(table) => {
            let mut triggers = Vec::new();
            for (event, value) in table {
                let what = format!("the record that `{}` concerns", event.get_ref());
                let Some(text) = loader.reader.text(&what, value) else { continue };
                let Some(key) = loader.event_expression(&text, "an event's record") else { continue };
                triggers.push(Trigger { event: event.get_ref().to_ascii_lowercase(), key: Some(key) });
            }
            triggers
        }
        _ => {
            loader.reader.wrong_type("`on` of `refresh`", "an event's name, or a list of names", value);
            Vec::new()
        }
    }
}

/// Names in backquotes, separated by commas.
pub fn quoted(names: &[&str]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}
