//! From a file to a [`Model`], with every mistake of one run in a [`Report`].

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::diagnostic::{Report, Severity, suggestion};
use super::document::{Reader, Section, Text};
use super::model::{Defaults, Model, Query, QueryId};
use super::path::Pattern;
use super::source::{Span, TreeSource};
use super::templates::{Expression, TemplateMistake, TemplateName, Templates, TextKind};
use super::{check, entry, query, server, variable};

/// What is not in the tree file itself.
#[derive(Debug, Clone, Default)]
pub struct LoadOptions {
    /// The templates folder. Without it: `templates` of `[defaults]`, else a folder `templates`
    /// beside the tree file or beside its folder.
    pub templates: Option<PathBuf>,
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
    let model = loader.model(options);
    let report = loader.reader.report;
    Ok((model.filter(|_| !report.has_errors()), report))
}

/// A place where names are read, checked when all names are known.
pub struct NamesRead {
    /// The names.
    pub names: Vec<String>,
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
}

/// The state of reading one tree file.
pub struct Loader {
    pub reader: Reader,
    pub templates: Templates,
    pub queries: Vec<Option<Query>>,
    pub query_names: HashMap<String, QueryId>,
    pub reads: Vec<NamesRead>,
    pub defaults: Defaults,
    folder: Option<PathBuf>,
    files: HashMap<PathBuf, Option<(TemplateName, Arc<TreeSource>)>>,
}

impl Loader {
    fn new(source: Arc<TreeSource>) -> Loader {
        Loader {
            reader: Reader::new(source),
            templates: Templates::default(),
            queries: Vec::new(),
            query_names: HashMap::new(),
            reads: Vec::new(),
            defaults: Defaults::default(),
            folder: None,
            files: HashMap::new(),
        }
    }

    fn model(&mut self, options: &LoadOptions) -> Option<Model> {
        let source = Arc::clone(&self.reader.source);
        let (document, errors) = DeTable::parse_recoverable(source.text());
        let broken = !errors.is_empty();
        for error in errors {
            let span = error.span().unwrap_or(0..0);
            self.reader.error(span, "this is not TOML", error.message(), None);
        }
        if broken {
            // what follows a syntax error is guesswork: its complaints would mislead
            return None;
        }
        let table = document.get_ref();
        let section = Section::open(
            &mut self.reader,
            "a tree file",
            table,
            &["server", "defaults", "query", "each", "tree"],
        );
        let server = section.get("server").and_then(|value| server::server(&mut self.reader, value));
        if let Some(value) = section.get("defaults") {
            self.defaults = server::defaults(&mut self.reader, value).unwrap_or_default();
        }
        self.folder = self.templates_folder(options, section.get("defaults"));
        self.load_included_templates();
        query::declare(self, section.get("query"));
        let variables = variable::read(self, section.get("each"));
        let entries = entry::read(self, section.get("tree"), &variables);
        if section.get("tree").is_none() {
            let help = Some("add a table `[tree]` with one line for each path".into());
            self.reader.error(0..0, "the tree file has no `[tree]`", "nothing would be mounted", help);
        }
        check::finish(self, &variables, &entries);
        if self.reader.report.has_errors() {
            return None;
        }
        Some(Model {
            source,
            server,
            defaults: self.defaults.clone(),
            queries: std::mem::take(&mut self.queries).into_iter().collect::<Option<_>>()?,
            query_names: std::mem::take(&mut self.query_names),
            variables,
            entries,
            templates: std::mem::take(&mut self.templates),
        })
    }

    fn templates_folder(
        &mut self,
        options: &LoadOptions,
        defaults: Option<&Spanned<DeValue<'_>>>,
    ) -> Option<PathBuf> {
        if let Some(folder) = &options.templates {
            return Some(folder.clone());
        }
        let beside = self.reader.source.path().parent().unwrap_or(Path::new("")).to_owned();
        let named = defaults.and_then(|value| value.get_ref().get("templates"));
        if let Some(value) = named {
            return self.reader.text("`templates` of [defaults]", value).map(|text| beside.join(text.value));
        }
        [beside.join("templates"), beside.join("..").join("templates")]
            .into_iter()
            .find(|folder| folder.is_dir())
    }

    /// Makes every file of the templates folder known by its name, so that templates can include
    /// each other. Nothing outside the folder can be named.
    fn load_included_templates(&mut self) {
        let Some(folder) = self.folder.clone() else { return };
        let mut pending = vec![PathBuf::new()];
        while let Some(below) = pending.pop() {
            let Ok(entries) = std::fs::read_dir(folder.join(&below)) else { continue };
            for entry in entries.flatten() {
                let name = below.join(entry.file_name());
                match entry.file_type() {
                    Ok(kind) if kind.is_dir() => pending.push(name),
                    Ok(_) if name.extension().is_some_and(|extension| extension == "j2") => {
                        self.template_file(&name);
                    }
                    _ => {}
                }
            }
        }
    }

    /// A template of the folder, compiled once.
    fn template_file(&mut self, name: &Path) -> Option<(TemplateName, Arc<TreeSource>)> {
        if let Some(known) = self.files.get(name) {
            return known.clone();
        }
        let path = self.folder.as_ref()?.join(name);
        let compiled = std::fs::read_to_string(&path).ok().and_then(|text| {
            let source = Arc::new(TreeSource::new(path, text));
            match self.templates.add(&name.to_string_lossy(), TextKind::Content, source.text()) {
                Ok(template) => Some((template, source)),
                Err(mistake) => {
                    self.template_mistake(&source, source.text(), None, &mistake);
                    None
                }
            }
        });
        self.files.insert(name.to_owned(), compiled.clone());
        compiled
    }

    /// The template file that a tree file names.
    pub fn named_template(
        &mut self,
        name: &Text,
        bound: Vec<String>,
        also: Vec<&'static str>,
    ) -> Option<TemplateName> {
        if let Some((template, source)) = self.template_file(Path::new(&name.value)) {
            let text = source.text().to_owned();
            let names = self.templates.names(&template);
            self.reads.push(NamesRead {
                names,
                source,
                text,
                literal: None,
                bound: Some(bound),
                also,
                query: None,
            });
            return Some(template);
        }
        if self.files.get(Path::new(&name.value)).is_some_and(Option::is_none)
            && self.folder.as_ref().is_some_and(|folder| folder.join(&name.value).is_file())
        {
            return None; // its own mistakes are reported already
        }
        let known: Vec<String> = self.files.keys().map(|path| path.to_string_lossy().into_owned()).collect();
        let (label, help) = match &self.folder {
            Some(folder) => (
                format!("not in {}", folder.display()),
                suggestion(&name.value, known.iter().map(String::as_str)),
            ),
            None => (
                "there is no templates folder".into(),
                Some("make a folder `templates` beside the tree file".into()),
            ),
        };
        self.reader.error(name.span.clone(), format!("there is no template `{}`", name.value), label, help);
        None
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
                self.names_read(names, text, bound, also, query);
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
                self.names_read(expression.names.clone(), text, bound, also, query);
                Some(expression)
            }
            Err(mistake) => {
                let source = Arc::clone(&self.reader.source);
                self.template_mistake(&source, &text.value, Some(&text.span), &mistake);
                None
            }
        }
    }

    fn names_read(
        &mut self,
        names: Vec<String>,
        text: &Text,
        bound: Option<Vec<String>>,
        also: Vec<&'static str>,
        query: Option<QueryId>,
    ) {
        self.reads.push(NamesRead {
            names,
            source: Arc::clone(&self.reader.source),
            text: text.value.clone(),
            literal: Some(text.span.clone()),
            bound,
            also,
            query,
        });
    }

    fn template_mistake(
        &mut self,
        source: &Arc<TreeSource>,
        text: &str,
        literal: Option<&Span>,
        mistake: &TemplateMistake,
    ) {
        let line = mistake.line.map(|line| TreeSource::new("", text).line(line));
        let range = mistake.range.clone().or(line).unwrap_or(0..text.len());
        let span = literal.map_or(range.clone(), |literal| source.inside_string(literal, &range));
        let message = format!("the template cannot be read: {}", mistake.message);
        self.reader.finding(Severity::Error, Arc::clone(source), span, message, "here".into(), None);
    }

    /// Reads a path of `[tree]`.
    pub fn pattern(&mut self, text: &str, span: &Span) -> Option<Pattern> {
        Pattern::parse(text)
            .map_err(|mistake| {
                let at = self.reader.source.inside_string(span, &mistake.range);
                self.reader.error(at, mistake.message, "in this path", Some(mistake.help.into()));
            })
            .ok()
    }

    /// The query of that name; an unknown one is an error.
    pub fn query_named(&mut self, name: &Text) -> Option<QueryId> {
        let found = self.query_names.get(&name.value).copied();
        if found.is_none() {
            let help = suggestion(&name.value, self.query_names.keys().map(String::as_str));
            self.reader.error(
                name.span.clone(),
                format!("there is no query `{}`", name.value),
                "unknown query",
                help,
            );
        }
        found
    }
}
