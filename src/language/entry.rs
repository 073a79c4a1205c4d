//! `[tree]`: what stands at each path.

use std::sync::Arc;

use encoding_rs::Encoding;
use toml::de::DeTable;

use super::alive;
use super::check::FixedLink;
use super::code::Code;
use super::diagnostic::suggestion;
use super::document::{Section, Text};
use super::keys;
use super::load::{Loader, NamesRead, ReadOfPid};
use super::model::{Content, Entry, Format, OnError, Printed, Query, QueryId, Variable};
use super::parts::Table;
use super::path::{Pattern, Segment};
use super::query::{self, quoted};
use super::secrets;
use super::server;
use super::source::Span;
use super::templates::TextKind;

/// The keys that say what stands at a path.
const CONTENTS: [&str; 12] = [
    "text", "symlink", "command", "action", "data", "file", "exec", "http", "query", "render", "template",
    "events",
];

/// Those that ask something themselves.
const QUESTIONS: [&str; 6] = ["command", "action", "data", "file", "exec", "http"];

/// Character sets to suggest; each has more names, and there are more of them.
const CHARACTER_SETS: [&str; 12] = [
    "utf-8",
    "latin1",
    "iso-8859-2",
    "iso-8859-15",
    "windows-1250",
    "windows-1251",
    "windows-1252",
    "koi8-r",
    "koi8-u",
    "gbk",
    "shift_jis",
    "euc-kr",
];

/// The permissions of what is alive, where the tree file does not say: whoever writes acts on the
/// server, and events tell who calls whom.
fn mode_of_alive(content: &Content, written: bool) -> Option<u16> {
    match content {
        _ if written => Some(0o600),
        Content::Events(_) => Some(0o400),
        _ => None,
    }
}

/// Reads `encoding`: a character set by a name that the web knows it by.
fn encoding(loader: &mut Loader, section: &Section<'_, '_>) -> Option<&'static Encoding> {
    let Text { value, span } = section.text(&mut loader.reader, "encoding")?;
    let found = Encoding::for_label(value.as_bytes());
    if let Some(set) = found.filter(|set| set.output_encoding() == *set) {
        return Some(set);
    }
    let message = match found {
        Some(set) => format!("content cannot be shown in {}", set.name()),
        None => format!("there is no character set `{value}`"),
    };
    let help = suggestion(&value.to_ascii_lowercase(), CHARACTER_SETS);
    loader.reader.finding(Code::UnknownEncoding, span, message, "unknown character set", help);
    None
}

/// Reads every entry.
pub fn read(loader: &mut Loader, tables: &[Table<'_>], variables: &[Variable]) -> Vec<Entry> {
    let mut entries = Vec::new();
    for (part, value) in tables {
        loader.reader.source = Arc::clone(&part.source);
        let Some(table) = loader.reader.table("`tree`", value) else { continue };
        for (path, value) in table {
            let title = format!("entry \"{}\"", path.get_ref());
            let Some(pattern) = loader.pattern(path.get_ref(), &path.span()) else { continue };
            let Some(table) = value.get_ref().as_table() else {
                let found = format!("expected a table, found {}", value.get_ref().type_str());
                let help = Some(format!("write what it is: `\"{}\" = {{ text = \"…\" }}`", path.get_ref()));
                loader.reader.finding(
                    Code::WrongType,
                    value.span(),
                    format!("{title} must be a table"),
                    found,
                    help,
                );
                continue;
            };
            let alive = table.contains_key("write") || table.contains_key("events");
            let pattern = part.placed(pattern, alive);
            let reading = EntryReading { title: &title, path: pattern, span: path.span(), variables };
            let entry = reading.read(loader, table);
            let target = table.get("symlink").filter(|_| entry.is_some());
            if let Some((value, target)) = target.and_then(|value| Some((value, value.get_ref().as_str()?)))
                && !target.contains('{')
            {
                let place = loader.reader.place(value.span());
                loader.fixed_links.push(FixedLink { entry: entries.len(), target: target.to_owned(), place });
            }
            entries.extend(entry);
        }
    }
    entries
}

struct EntryReading<'a> {
    title: &'a str,
    path: Pattern,
    span: Span,
    variables: &'a [Variable],
}

impl EntryReading<'_> {
    fn read(self, loader: &mut Loader, table: &DeTable<'_>) -> Option<Entry> {
        let section = Section::open(&mut loader.reader, self.title, table, keys::ENTRY);
        let bound = self.bound(loader);
        let when = section.text(&mut loader.reader, "when");
        let when =
            when.and_then(|text| loader.condition(&text, Some(bound.clone()), "the entry is never there"));
        let mut attributes = server::attributes(&mut loader.reader, &section);
        let write = section.get("write").map(|value| alive::write(loader, value, self.title, &bound));
        let on_error = server::on_error(&mut loader.reader, &section);
        let encoding = encoding(loader, &section);
        let before = loader.reads.len();
        let content = self.content(loader, &section, &bound)?;
        let personal = loader.reads[before..].iter().any(NamesRead::reads_caller);
        self.note_reads_of_pid(loader, before);
        if let Some(mode) = mode_of_alive(&content, write.is_some()) {
            attributes.mode.get_or_insert(mode);
        }
        if let Some(shown) = loader.secret_shown(&section, &content, &loader.reads[before..]) {
            let mode = *attributes.mode.get_or_insert(secrets::MODE);
            loader.check_secret_mode(&section, mode, &shown);
        }
        let write = write.map_or(Some(None), |write| write.map(Some))?;
        if on_error == Some(OnError::Empty)
            && matches!(content, Content::Link(_))
            && let Some(value) = section.get("on_error")
        {
            let help = Some("write `on_error = \"error\"`, or leave it out".into());
            loader.reader.finding(
                Code::EmptyLink,
                value.span(),
                "a link cannot be empty",
                "beside `symlink`",
                help,
            );
        }
        let on_error = on_error.unwrap_or(match (&content, loader.defaults.on_error) {
            (Content::Link(_), OnError::Empty) => OnError::Error,
            (_, default) => default,
        });
        let place = loader.reader.place(self.span);
        Some(Entry { path: self.path, place, content, attributes, when, encoding, on_error, personal, write })
    }

    fn note_reads_of_pid(&self, loader: &mut Loader, from: usize) {
        let directory = match &self.path.segments[..] {
            [Segment::Literal(name), _, ..] => Some(name.clone()),
            _ => None,
        };
        for read in &loader.reads[from..] {
            let reads = read.reads_of_pid();
            loader.reads_of_pid.extend(reads.map(|place| ReadOfPid { directory: directory.clone(), place }));
        }
    }

    /// The template variables that the path sets; an undeclared path variable is an error.
    fn bound(&self, loader: &mut Loader) -> Vec<String> {
        let mut bound = Vec::new();
        for (index, name) in self.path.variables().enumerate() {
            if self.path.variables().take(index).any(|outer| outer == name) {
                let help = Some("declare a second one that ranges over the same".into());
                let message = format!("`{{{name}}}` stands twice in one path");
                loader.reader.finding(Code::RepeatedVariable, self.span.clone(), message, "twice", help);
                continue;
            }
            if let Some(variable) = self.variables.iter().find(|variable| variable.name == name) {
                bound.push(variable.binding.clone());
                continue;
            }
            let text = &loader.reader.source.text()[self.span.clone()];
            let start = self.span.start + text.find(&format!("{{{name}}}")).unwrap_or(0);
            let help = suggestion(name, self.variables.iter().map(|variable| variable.name.as_str()))
                .or_else(|| Some(format!("declare it: `[each.{name}]` with `in = \"…\"`")));
            let span = start..start + name.len() + 2;
            loader.reader.finding(
                Code::UnknownVariable,
                span,
                format!("there is no path variable `{name}`"),
                "not declared",
                help,
            );
        }
        bound
    }

    fn content(&self, loader: &mut Loader, section: &Section<'_, '_>, bound: &[String]) -> Option<Content> {
        let present: Vec<&str> = CONTENTS.into_iter().filter(|key| section.get(key).is_some()).collect();
        let asks = |key: &str| QUESTIONS.contains(&key);
        let written = section.get("write").is_some();
        match present[..] {
            [] if self.path.directory && written => return self.directory_with(loader, "write"),
            [] if written => {
                self.misplaced(loader, section, "write");
                return Some(Content::LastAnswer);
            }
            [one @ ("symlink" | "events"), ..] if written && !self.path.directory => {
                let message = format!("{} cannot have `write` beside `{one}`", self.title);
                let label = if one == "events" { "a log is only read" } else { "a link is not written to" };
                let help = Some("split it into two entries, or leave one of them out".into());
                loader.reader.finding(Code::MisplacedWrite, self.span.clone(), message, label, help);
                return None;
            }
            [] if self.path.directory => {
                self.misplaced(loader, section, "a directory");
                return Some(Content::Directory);
            }
            [] if section.misspelt => return None, // it may be the key that says it
            [] => {
                let help =
                    format!("give it one of {}, or end the path in `/` for a directory", quoted(&CONTENTS));
                let message = format!("{} says nothing of its content", self.title);
                loader.reader.finding(
                    Code::NoContent,
                    self.span.clone(),
                    message,
                    "what should stand here?",
                    Some(help),
                );
                return None;
            }
            [one, ..] if self.path.directory => return self.directory_with(loader, one),
            [_] => {}
            [source, "render" | "template"] if asks(source) => {}
            _ => {
                let help = Some("split it into two entries, or leave one of them out".into());
                let message = format!("{} has more than one content: {}", self.title, quoted(&present));
                loader.reader.finding(
                    Code::SeveralContents,
                    self.span.clone(),
                    message,
                    "one content, please",
                    help,
                );
                return None;
            }
        }
        let own = match present[0] {
            source if asks(source) => Some(self.own_query(loader, section, bound)?),
            _ => None,
        };
        let also: Vec<&'static str> = own.map(|_| "result").into_iter().collect();
        let also_caller: Vec<&'static str> = also.iter().copied().chain(["caller"]).collect();
        let scope = Some(bound.to_vec());
        let at = |key: &str| format!("{}: {key}", self.title);
        let last = *present.last()?;
        self.misplaced(loader, section, last);
        match last {
            "text" => {
                Some(Content::Text(section.text(&mut loader.reader, "text")?.value.into_bytes().into()))
            }
            "symlink" => {
                let text = section.text(&mut loader.reader, "symlink")?;
                Some(Content::Link(loader.inline_template(
                    &at("symlink"),
                    TextKind::Link,
                    &text,
                    scope,
                    also_caller,
                    None,
                )?))
            }
            "render" => {
                let text = section.text(&mut loader.reader, "render")?;
                let template = loader.inline_template(
                    &at("render"),
                    TextKind::Content,
                    &text,
                    scope,
                    also_caller,
                    None,
                )?;
                Some(Content::Template { template, result: own })
            }
            "template" => {
                let name = section.text(&mut loader.reader, "template")?;
                Some(Content::Template {
                    template: loader.named_template(&name, bound.to_vec(), also_caller)?,
                    result: own,
                })
            }
            "events" => Some(Content::Events(alive::events(loader, section.get("events")?)?)),
            "query" => {
                let text = section.text(&mut loader.reader, "query")?;
                let format = self.format(loader, section)?.unwrap_or(Format::Text);
                Some(Content::Printed {
                    value: Printed::Expression(loader.expression(&text, scope, also, None)?),
                    format,
                })
            }
            _ => match (self.format(loader, section)?, own?) {
                (Some(format), own) => Some(Content::Printed { value: Printed::Query(own), format }),
                (None, own) if self.is_structured(loader, own) => {
                    Some(Content::Printed { value: Printed::Query(own), format: Format::Text })
                }
                (None, own) => Some(Content::Raw(own)),
            },
        }
    }

    /// Reports a content on a path that is a directory.
    fn directory_with(&self, loader: &mut Loader, key: &str) -> Option<Content> {
        let (label, help) = match self.path.segments.is_empty() {
            true => ("the mount point", "give the entry a name"),
            false => ("ends in `/`", "leave the `/` at the end out"),
        };
        let message = format!("{} is a directory and cannot have `{key}`", self.title);
        loader.reader.finding(Code::ContentOfDirectory, self.span.clone(), message, label, Some(help.into()));
        None
    }

    /// Whether a query's answer is a value rather than the bytes of a command.
    fn is_structured(&self, loader: &Loader, id: QueryId) -> bool {
        let query = loader.queries[id.0].as_ref();
        query.is_some_and(|query| query.parser.is_some() || !query.question.gives_text())
    }

    /// `as`: `Some(None)` where it is not given, `None` where it is wrong.
    fn format(&self, loader: &mut Loader, section: &Section<'_, '_>) -> Option<Option<Format>> {
        let Some(Text { value, span }) = section.text(&mut loader.reader, "as") else { return Some(None) };
        let found = Format::NAMES.into_iter().find(|(name, _)| *name == value);
        if found.is_none() {
            let help = suggestion(&value, Format::NAMES.iter().map(|(name, _)| *name));
            loader.reader.finding(
                Code::UnknownFormat,
                span,
                format!("there is no format `{value}`"),
                "unknown format",
                help,
            );
        }
        Some(Some(found?.1))
    }

    /// Keys that say nothing beside this content.
    fn misplaced(&self, loader: &mut Loader, section: &Section<'_, '_>, content: &str) {
        let asks = QUESTIONS.iter().any(|key| section.get(key).is_some());
        let printed = content == "query" || QUESTIONS.contains(&content);
        let of_queries = [
            "parse",
            "search",
            "filter",
            "auth",
            "ca",
            "rows",
            "key",
            "needs",
            "refresh",
            "timeout",
            "max_stale",
        ];
        let shown = !matches!(content, "symlink" | "a directory" | "write" | "events");
        let fails = !matches!(content, "text" | "a directory" | "write" | "events");
        let wrong = of_queries
            .into_iter()
            .filter(|_| !asks)
            .chain((!printed).then_some("as"))
            .chain((!fails).then_some("on_error"))
            .chain((!shown).then_some("encoding"));
        for key in wrong {
            if let Some(key) = section.key(key) {
                let beside = match content {
                    "a directory" => "on a directory".to_owned(),
                    content => format!("beside `{content}`"),
                };
                let message = format!("`{}` has no meaning {beside}", key.get_ref());
                loader.reader.finding(
                    Code::MisplacedKey,
                    key.span(),
                    message,
                    "has no effect",
                    Some("leave it out".into()),
                );
            }
        }
    }

    /// The query inside an entry that asks something itself.
    fn own_query(&self, loader: &mut Loader, section: &Section<'_, '_>, bound: &[String]) -> Option<QueryId> {
        let id = QueryId(loader.queries.len());
        loader.queries.push(None);
        let before = loader.reads.len();
        let query: Option<Query> = query::read(loader, section, id, self.title, self.span.clone());
        for read in &mut loader.reads[before..] {
            read.bound = Some(bound.to_vec());
        }
        loader.queries[id.0] = query;
        loader.queries[id.0].as_ref().map(|_| id)
    }
}
