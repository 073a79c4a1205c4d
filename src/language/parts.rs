//! The files that make up a tree: the tree file, and what it includes.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::code::Code;
use super::document::{Reader, Section, Text};
use super::keys;
use super::path::{Pattern, Segment};
use super::server;
use super::source::{Place, TreeSource};

/// One of the files.
#[derive(Debug)]
pub struct Part {
    /// The file.
    pub source: Arc<TreeSource>,
    /// Which part includes it; none for the tree file itself.
    included_by: Option<usize>,
    real_path: PathBuf,
    /// Where its paths begin, seen from the mount point; nothing if there.
    under: Vec<Segment>,
}

impl Part {
    /// A path of its `[tree]`, seen from the mount point. What is `alive` stays in its top-level directory,
    /// which has to have a name of its own.
    pub fn placed(&self, mut path: Pattern, alive: bool) -> Pattern {
        let first = usize::from(alive && path.segments.len() > 1);
        path.segments.splice(first..first, self.under.iter().cloned());
        path
    }
}

/// The files of a tree: each stands behind the one that includes it, and none stands twice.
#[derive(Debug, Default)]
pub struct Parts {
    all: Vec<Part>,
    /// Whether one of them is not TOML.
    pub broken: bool,
}

/// A table of one of the files.
pub type Table<'a> = (&'a Part, &'a Spanned<DeValue<'a>>);

impl Parts {
    /// Reads what the tree file includes, and what that does.
    pub fn read(reader: &mut Reader) -> Parts {
        let mut parts = Parts::default();
        let source = Arc::clone(&reader.source);
        let real_path = source.path().canonicalize().unwrap_or_else(|_| source.path().to_owned());
        parts.add(reader, Part { source, included_by: None, real_path, under: Vec::new() });
        reader.source = Arc::clone(&parts.all[0].source);
        parts
    }

    /// The files, the tree file itself first.
    pub fn iter(&self) -> impl Iterator<Item = &Part> {
        self.all.iter()
    }

    fn add(&mut self, reader: &mut Reader, part: Part) {
        reader.report.looked_at(part.source.path());
        reader.source = Arc::clone(&part.source);
        let source = Arc::clone(&part.source);
        let index = self.all.len();
        self.all.push(part);
        let (document, errors) = DeTable::parse_recoverable(source.text());
        server::hide_secret(&source, document.get_ref(), !errors.is_empty());
        report_syntax(reader, &errors);
        self.broken |= !errors.is_empty();
        let Some(included) = document.get_ref().get("include") else { return };
        let list = included.get_ref().as_array().map_or(std::slice::from_ref(included), |list| list);
        for value in list {
            reader.source = Arc::clone(&source);
            if let Some((name, under)) = include(reader, value) {
                let under = [&self.all[index].under[..], &under.segments].concat();
                self.include(reader, index, &name, under);
            }
        }
    }

    fn include(&mut self, reader: &mut Reader, by: usize, name: &Text, under: Vec<Segment>) {
        let folder = reader.source.path().parent().unwrap_or(Path::new(""));
        let path = folder.join(&name.value);
        reader.report.looked_at(&path);
        let (real_path, text) = match read_included(&path) {
            Ok(read) => read,
            Err(error) => {
                let message = format!("the included file `{}` cannot be read: {error}", path.display());
                let help = "the name is seen from the file it stands in".to_owned();
                reader.finding(Code::UnreadableFile, name.span.clone(), message, "not read", Some(help));
                return;
            }
        };
        let way: Vec<usize> = std::iter::successors(Some(by), |part| self.all[*part].included_by).collect();
        if let Some(start) = way.iter().position(|part| self.all[*part].real_path == real_path) {
            let shown = |part: &usize| format!("`{}`", self.all[*part].source.path().display());
            let mut circle: Vec<_> = way[..=start].iter().rev().map(shown).collect();
            circle.push(shown(&way[start]));
            let message = format!("files include each other in a circle: {}", circle.join(" includes "));
            let help = "put what both need into a file of its own".to_owned();
            reader.finding(
                Code::CircularInclude,
                name.span.clone(),
                message,
                "closes the circle",
                Some(help),
            );
            return;
        }
        let Some(known) = self.all.iter().find(|part| part.real_path == real_path) else {
            let source = Arc::new(TreeSource::new(path, text));
            return self.add(reader, Part { source, included_by: Some(by), real_path, under });
        };
        if known.under != under {
            let message = format!("`{}` is included under two paths", path.display());
            let help = "include it once: what it declares has one name".to_owned();
            let code = Code::ConflictingSetting;
            reader.finding(code, name.span.clone(), message, "which one counts?", Some(help));
        }
    }

    /// Whether a part is included by another one, itself or by way of others.
    fn is_below(&self, part: &Part, other: &Part) -> bool {
        let mut above = std::iter::successors(part.included_by, |part| self.all[*part].included_by);
        above.any(|above| std::ptr::eq(&self.all[above], other))
    }

    /// Reports keys that two of these tables set, of which none stands in a file that includes the other.
    pub fn report_conflicts(&self, reader: &mut Reader, title: &str, tables: &[Table<'_>]) {
        let mut first: Vec<(&str, &Part, Place)> = Vec::new();
        for (part, value) in tables {
            for key in value.get_ref().as_table().into_iter().flat_map(DeTable::keys) {
                let place = Place { source: Arc::clone(&part.source), span: key.span() };
                let name: &str = key.get_ref();
                match first.iter().find(|(known, _, _)| *known == name) {
                    None => first.push((name, part, place)),
                    Some((_, other, _)) if self.is_below(part, other) => {}
                    Some((_, _, other)) => {
                        let file = other.source.path().display();
                        let message = format!("`{name}` of {title} is set here and in {file}");
                        let help =
                            Some(format!("set it in {}, which counts", self.all[0].source.path().display()));
                        let related = (other, "and here");
                        let code = Code::ConflictingSetting;
                        reader.finding_beside(code, &place, related, message, "which one counts?", help);
                    }
                }
            }
        }
    }
}

/// A file that is included, and where its paths begin.
fn include(reader: &mut Reader, value: &Spanned<DeValue<'_>>) -> Option<(Text, Pattern)> {
    let Some(table) = value.get_ref().as_table() else {
        return Some((reader.text("`include`", value)?, Pattern { segments: Vec::new(), directory: true }));
    };
    let section = Section::open(reader, "`include`", table, keys::INCLUDE);
    let under = section.text(reader, "under");
    let Some(file) = section.text(reader, "file") else {
        if !section.misspelt && section.get("file").is_none() {
            let help = Some("write `include = { file = \"asterisk.toml\", under = \"{server}\" }`".into());
            let (code, message) = (Code::UnreadableFile, "`include` names no file");
            reader.finding(code, value.span(), message, "`file` is missing", help);
        }
        return None;
    };
    let text = under.as_ref().map_or("", |under| &under.value);
    match Pattern::parse(text) {
        Ok(pattern) => Some((file, pattern)),
        Err(mistake) => {
            let span =
                under.map_or(value.span(), |under| reader.source.inside_string(&under.span, &mistake.range));
            reader.finding(
                Code::InvalidPath,
                span,
                mistake.message,
                "in this path",
                Some(mistake.help.into()),
            );
            None
        }
    }
}

/// Reports what keeps the file that is being read from being TOML.
pub fn report_syntax(reader: &mut Reader, errors: &[toml::de::Error]) {
    for error in errors {
        let span = error.span().unwrap_or(0..0);
        let help = remedy(error.message()).map(str::to_owned);
        reader.finding(Code::NotToml, span, "this is not TOML", error.message(), help);
    }
}

/// What to do about a mistake in TOML.
fn remedy(message: &str) -> Option<&'static str> {
    let remedies = [
        ("invalid boolean", "write texts in quotes"),
        ("invalid unquoted key", "write paths in quotes: `\"users/{friend}/name\" = …`"),
        ("key with no value", "write `key = value`"),
    ];
    remedies.into_iter().find(|(start, _)| message.starts_with(start)).map(|(_, remedy)| remedy)
}

/// An included file's real path and text. Whoever writes a tree file may not be allowed to read all that
/// astfs can: a file that is not named as TOML is not read, as its lines would show in a report.
fn read_included(path: &Path) -> io::Result<(PathBuf, String)> {
    if path.extension().is_none_or(|extension| extension != "toml") {
        return Err(io::Error::other("its name does not end in `.toml`"));
    }
    let real_path = path.canonicalize()?;
    if real_path.extension().is_none_or(|extension| extension != "toml") || !real_path.is_file() {
        return Err(io::Error::other("it is no file whose name ends in `.toml`"));
    }
    let text = std::fs::read_to_string(&real_path)?;
    Ok((real_path, text))
}

/// Names that were declared, and where.
#[derive(Debug, Default)]
pub struct Declared {
    places: std::collections::HashMap<String, Place>,
}

impl Declared {
    /// Notes a name; one that is there already is an error that shows both places.
    pub fn is_new(&mut self, reader: &mut Reader, what: &str, name: &str, place: Place) -> bool {
        let Some(first) = self.places.get(name) else {
            self.places.insert(name.to_owned(), place);
            return true;
        };
        let line = first.line_seen_from(&place.source);
        let message = format!("{what} `{name}` is declared here and in {line}");
        let help = Some("give one of them another name, or leave it out".to_owned());
        let related = (first, "first here");
        reader.finding_beside(Code::DuplicateName, &place, related, message, "the same name again", help);
        false
    }
}
