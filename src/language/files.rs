//! The templates folder: its files, and what they read by way of each other.
//!
//! No name leads out of the folder: not by `..`, not by a path of its own, not by a symlink. A tree
//! file may come from somebody who must not read what astfs can.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use super::code::Code;
use super::diagnostic::suggestion;
use super::document::Text;
use super::load::{Loader, NamesRead};
use super::source::{Place, Span, TreeSource};
use super::tags::{Reference, Tags};
use super::templates::{TemplateName, TextKind};

/// The files of a templates folder, as far as they were read.
#[derive(Debug, Default)]
pub struct TemplateFiles {
    folder: Option<PathBuf>,
    known: BTreeMap<PathBuf, Option<TemplateFile>>,
    /// What a file reads from outside, files that it names included; none while that is found out.
    outside: HashMap<PathBuf, Arc<Vec<OutsideName>>>,
}

#[derive(Debug, Clone)]
struct TemplateFile {
    name: TemplateName,
    source: Arc<TreeSource>,
}

/// A name that a template reads and does not set.
#[derive(Debug, Clone)]
struct OutsideName {
    name: String,
    source: Arc<TreeSource>,
}

impl TemplateFiles {
    /// The files of that folder, none of them read yet.
    pub fn new(folder: Option<PathBuf>) -> TemplateFiles {
        TemplateFiles { folder, ..TemplateFiles::default() }
    }

    /// The folder, if there is one.
    pub fn folder(&self) -> Option<&PathBuf> {
        self.folder.as_ref()
    }

    /// The names of the files that are templates, sorted.
    fn names(&self) -> Vec<String> {
        let read = self.known.iter().filter(|(_, file)| file.is_some());
        read.map(|(path, _)| path.to_string_lossy().into_owned()).collect()
    }

    /// The text of a template that was read.
    pub fn source(&self, name: &Path) -> Option<&Arc<TreeSource>> {
        self.known.get(name)?.as_ref().map(|file| &file.source)
    }

    /// A file's text.
    fn read(&self, name: &Path) -> io::Result<(PathBuf, String)> {
        let folder = self.folder.as_ref().ok_or(io::ErrorKind::NotFound)?;
        let path = folder.join(name);
        let real = path.canonicalize()?;
        if !real.starts_with(folder.canonicalize()?) {
            return Err(io::Error::new(io::ErrorKind::PermissionDenied, "leads out of the templates folder"));
        }
        if !real.is_file() {
            return Err(io::Error::other("is not a file"));
        }
        match std::fs::read_to_string(real) {
            Ok(text) => Ok((path, text)),
            Err(error) => Err(io::Error::other(format!("cannot be read: {error}"))),
        }
    }
}

/// Whether a name stays inside a folder, going by its letters.
fn is_inside(name: &str) -> bool {
    !name.is_empty() && Path::new(name).components().all(|part| matches!(part, Component::Normal(_)))
}

impl Loader {
    /// Makes every `.j2` file of the templates folder known by its name, so that templates can name
    /// each other by expressions too. Symlinks to folders are not followed.
    pub fn read_template_files(&mut self) {
        let Some(folder) = self.files.folder.clone() else { return };
        let mut pending = vec![PathBuf::new()];
        while let Some(below) = pending.pop() {
            let path = folder.join(&below);
            self.reader.report.looked_at(&path);
            let Ok(entries) = std::fs::read_dir(path) else { continue };
            for entry in entries.flatten() {
                let name = below.join(entry.file_name());
                match entry.file_type() {
                    Ok(kind) if kind.is_dir() => pending.push(name),
                    Ok(_) if name.extension().is_some_and(|extension| extension == "j2") => {
                        // one that cannot be read is told of when something names it
                        let _ = self.template_file(&name);
                    }
                    _ => {}
                }
            }
        }
    }

    /// A template's path and text.
    fn read_template(&mut self, name: &Path) -> io::Result<(PathBuf, String)> {
        if let Some(folder) = &self.files.folder {
            self.reader.report.looked_at(folder.join(name));
        }
        self.files.read(name)
    }

    /// A template of the folder, compiled once; `Ok(None)` if its mistakes are reported already.
    fn template_file(&mut self, name: &Path) -> io::Result<Option<TemplateFile>> {
        if let Some(known) = self.files.known.get(name) {
            return Ok(known.clone());
        }
        let (path, text) = self.read_template(name)?;
        let source = Arc::new(TreeSource::new(path, text));
        let file = match self.templates.add(&name.to_string_lossy(), TextKind::Content, source.text()) {
            Ok(name) => Some(TemplateFile { name, source: Arc::clone(&source) }),
            Err(mistake) => {
                self.template_mistake(&source, source.text(), None, &mistake);
                None
            }
        };
        for mistake in self.templates.unknown_operators(&Tags::of_template(source.text())) {
            self.template_mistake(&source, source.text(), None, &mistake);
        }
        self.files.known.insert(name.to_owned(), file.clone());
        Ok(file)
    }

    /// The template file that the tree file names.
    pub fn named_template(
        &mut self,
        name: &Text,
        bound: Vec<String>,
        also: Vec<&'static str>,
    ) -> Option<TemplateName> {
        let source = Arc::clone(&self.reader.source);
        let file = self.template_named(&name.value, &source, &name.span)?;
        let outside = self.outside_names(Path::new(&name.value), &file);
        let place = Place { source, span: name.span.clone() };
        self.read_outside(&outside, &place, &Some(bound), &also);
        Some(file.name)
    }

    /// What a template inside the tree file reads by way of files.
    pub fn inline_references(
        &mut self,
        tags: &Tags,
        text: &Text,
        bound: &Option<Vec<String>>,
        also: &[&'static str],
    ) {
        let source = Arc::clone(&self.reader.source);
        for reference in &tags.references {
            let span = |range: &Span| source.inside_string(&text.span, range);
            let outside = self.names_behind(reference, &text.value, &source, span);
            let place = self.reader.place(source.inside_string(&text.span, &reference.tag));
            self.read_outside(&outside, &place, bound, also);
        }
    }

    /// The names that templates read which only an expression names: where there is one, any file of the
    /// folder may be meant.
    pub fn names_of_unnamed_templates(&self, reads: &[NamesRead]) -> Vec<String> {
        let files = self.files.known.values().flatten();
        let inline = reads.iter().filter(|read| read.literal.is_some());
        let texts = files.clone().map(|file| file.source.text()).chain(inline.map(|read| read.text.as_str()));
        let unnamed = |text: &str| Tags::of_template(text).references.iter().any(|one| one.names.is_empty());
        if !texts.into_iter().any(unnamed) {
            return Vec::new();
        }
        files.flat_map(|file| self.templates.names(&file.name)).collect()
    }

    /// Notes names of template files, one note for each file.
    fn read_outside(
        &mut self,
        outside: &[OutsideName],
        named_at: &Place,
        bound: &Option<Vec<String>>,
        also: &[&'static str],
    ) {
        let mut by_file: BTreeMap<&Path, (&Arc<TreeSource>, Vec<String>)> = BTreeMap::new();
        for one in outside {
            let file = by_file.entry(one.source.path()).or_insert((&one.source, Vec::new()));
            file.1.push(one.name.clone());
        }
        for (source, names) in by_file.into_values() {
            let nested = self.files_nested_names(source);
            self.reads.push(NamesRead {
                names,
                nested,
                source: Arc::clone(source),
                text: source.text().to_owned(),
                literal: None,
                bound: bound.clone(),
                also: also.to_vec(),
                query: None,
                named_at: Some(named_at.clone()),
            });
        }
    }

    /// What a template file reads, with the fields it reads of it.
    fn files_nested_names(&self, source: &TreeSource) -> Vec<String> {
        let mut files = self.files.known.values().flatten();
        let file = files.find(|file| file.source.path() == source.path());
        file.map(|file| self.templates.nested_names(&file.name)).unwrap_or_default()
    }

    /// The template of that name; there being none is an error at `span`.
    fn template_named(&mut self, name: &str, source: &Arc<TreeSource>, span: &Span) -> Option<TemplateFile> {
        let error = match is_inside(name) {
            true => match self.template_file(Path::new(name)) {
                Ok(file) => return file,
                Err(error) => error,
            },
            false => io::Error::other("is no path inside the templates folder"),
        };
        let missing = matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory);
        let message = match missing {
            true => format!("there is no template `{name}`"),
            false => format!("template `{name}` {error}"),
        };
        let (label, help) = match &self.files.folder {
            Some(folder) if missing => {
                let known = self.files.names();
                let help = suggestion(name, known.iter().map(String::as_str)).or_else(|| {
                    let what = if folder.is_dir() { "holds no `.j2` file" } else { "is not there" };
                    Some(format!("the templates folder {} {what}", folder.display()))
                });
                (format!("not in {}", folder.display()), help)
            }
            Some(folder) => {
                ("no template".into(), Some(format!("templates are files in {}", folder.display())))
            }
            None => (
                "there is no templates folder".into(),
                Some("make a folder `templates` beside the tree file".into()),
            ),
        };
        let code = if missing { Code::UnknownTemplate } else { Code::UnreadableTemplate };
        let place = Place { source: Arc::clone(source), span: span.clone() };
        self.reader.finding_at(code, place, message, label, help);
        None
    }

    /// The names that a file reads from outside, by way of the files it names too.
    fn outside_names(&mut self, name: &Path, file: &TemplateFile) -> Arc<Vec<OutsideName>> {
        if let Some(known) = self.files.outside.get(name) {
            return Arc::clone(known);
        }
        // templates may name each other in a circle; this one then adds nothing a second time
        self.files.outside.insert(name.to_owned(), Arc::default());
        let source = &file.source;
        let own = self.templates.names(&file.name).into_iter();
        let mut names: Vec<_> = own.map(|name| OutsideName { name, source: Arc::clone(source) }).collect();
        for reference in &Tags::of_template(source.text()).references {
            names.extend(self.names_behind(reference, source.text(), source, Span::clone));
        }
        let mut seen = std::collections::HashSet::new();
        names.retain(|one| seen.insert((one.name.clone(), one.source.path().to_owned())));
        let names = Arc::new(names);
        self.files.outside.insert(name.to_owned(), Arc::clone(&names));
        names
    }

    /// The names that the templates of a tag read and `text`, where the tag stands, does not set.
    fn names_behind(
        &mut self,
        reference: &Reference,
        text: &str,
        source: &Arc<TreeSource>,
        span: impl Fn(&Span) -> Span,
    ) -> Vec<OutsideName> {
        let mut names = Vec::new();
        let one_is_enough = reference.names.len() > 1
            && reference
                .names
                .iter()
                .any(|(name, _)| is_inside(name) && self.template_file(Path::new(name)).is_ok());
        for (name, range) in &reference.names {
            if (one_is_enough || !reference.required)
                && is_inside(name)
                && self.read_template(Path::new(name)).is_err()
            {
                continue;
            }
            let Some(file) = self.template_named(name, source, &span(range)) else { continue };
            names.extend(self.outside_names(Path::new(name), &file).iter().cloned());
        }
        let position = if reference.keyword == "extends" { text.len() } else { reference.tag.start };
        let probed: Vec<String> = names.iter().map(|one| one.name.clone()).collect();
        let outside = self.templates.read_from_outside(text, position, &probed);
        names.retain(|one| outside.contains(&one.name));
        names
    }
}
