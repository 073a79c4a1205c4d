//! Mistakes, and how they are shown: file, line, column, the line itself, a caret, a remedy.

mod json;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};

use super::code::Code;
use super::source::{Place, TreeSource};

/// Whether a finding keeps the tree from being mounted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// The tree cannot be mounted.
    Error,
    /// The tree can be mounted, but is probably not what was meant.
    Warning,
}

/// One finding in a tree file or template.
#[derive(Debug, Clone)]
pub struct Diagnostic {
    /// Which kind of finding it is.
    pub code: Code,
    /// What is wrong.
    pub message: String,
    /// Where.
    pub place: Place,
    /// What stands under the caret.
    pub label: String,
    /// Another place that it has to do with, and what stands under the mark there.
    pub related: Option<(Place, String)>,
    /// What to do about it.
    pub help: Option<String>,
}

impl Diagnostic {
    /// Whether it keeps the tree from being mounted.
    pub fn severity(&self) -> Severity {
        self.code.severity()
    }

    /// Line and column (both from 1) of the finding.
    pub fn position(&self) -> (usize, usize) {
        self.place.source.position(self.place.span.start)
    }
}

/// So many findings are shown to people: who made more of them mistook the file.
const MOST_SHOWN: usize = 100;

/// Every finding of one run.
#[derive(Debug, Clone, Default)]
pub struct Report {
    diagnostics: Vec<Diagnostic>,
    files: BTreeSet<PathBuf>,
}

impl Report {
    /// The report that a tree file cannot be read.
    pub fn unreadable(path: &Path, error: &std::io::Error) -> Report {
        let place = Place { source: Arc::new(TreeSource::new(path, "")), span: 0..0 };
        let mut report = Report::default();
        report.add(Diagnostic {
            code: Code::UnreadableFile,
            message: format!("{} cannot be read: {error}", path.display()),
            place,
            label: "not read".into(),
            related: None,
            help: None,
        });
        report
    }

    /// Adds the findings of another run.
    pub fn extend(&mut self, other: Report) {
        self.files.extend(other.files);
        other.diagnostics.into_iter().for_each(|diagnostic| self.add(diagnostic));
    }

    /// In how many files something was found.
    pub fn files_with_findings(&self) -> usize {
        let paths = self.diagnostics.iter().map(|diagnostic| diagnostic.place.source.path());
        paths.collect::<BTreeSet<_>>().len()
    }

    /// Notes a path that was looked at.
    pub fn looked_at(&mut self, path: impl Into<PathBuf>) {
        self.files.insert(path.into());
    }

    /// Every path that was looked at: tree files, templates, folders of templates, and what was named
    /// and is not there. If one of them changes, another run may find something else.
    pub fn files(&self) -> &BTreeSet<PathBuf> {
        &self.files
    }

    /// Adds a finding. One that is there already is not told again: a template may be named by many
    /// paths, and its mistake is one.
    pub fn add(&mut self, diagnostic: Diagnostic) {
        let same = |known: &Diagnostic| {
            known.place.span == diagnostic.place.span
                && known.message == diagnostic.message
                && known.place.source.path() == diagnostic.place.source.path()
        };
        if !self.diagnostics.iter().any(same) {
            self.diagnostics.push(diagnostic);
        }
    }

    /// The findings in the order of the file.
    pub fn diagnostics(&self) -> Vec<&Diagnostic> {
        let mut sorted: Vec<_> = self.diagnostics.iter().collect();
        sorted.sort_by_key(|diagnostic| {
            let Place { source, span } = &diagnostic.place;
            (source.path().to_owned(), span.start, span.end)
        });
        sorted
    }

    /// Whether the tree cannot be mounted.
    pub fn has_errors(&self) -> bool {
        self.count(Severity::Error) > 0
    }

    /// How many findings of that severity there are.
    pub fn count(&self, severity: Severity) -> usize {
        self.diagnostics.iter().filter(|diagnostic| diagnostic.severity() == severity).count()
    }

    /// The findings as text for a terminal, in colour if it is `styled`: the first hundred, and how many more.
    pub fn render(&self, styled: bool) -> String {
        let renderer = if styled { Renderer::styled() } else { Renderer::plain() };
        let shown = self.diagnostics().into_iter().take(MOST_SHOWN);
        let mut text: String = shown.map(|one| format!("{}\n\n", renderer.render(&groups(one)))).collect();
        if let Some(more @ 1..) = self.diagnostics.len().checked_sub(MOST_SHOWN) {
            text.push_str(&format!("and {more} more, which `astfs check --format json` tells\n\n"));
        }
        text
    }
}

fn groups(diagnostic: &Diagnostic) -> Vec<Group<'_>> {
    let level = match diagnostic.severity() {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let title = level.primary_title(diagnostic.message.as_str()).id(diagnostic.code.name());
    let Place { source, span } = &diagnostic.place;
    if source.text().is_empty() {
        return vec![Group::with_title(title)];
    }
    let path = |source: &TreeSource| source.path().to_string_lossy().into_owned();
    let annotation = AnnotationKind::Primary.span(span.clone()).label(diagnostic.label.as_str());
    let mut snippet = Snippet::source(source.shown()).path(path(source)).annotation(annotation);
    let mut elsewhere = None;
    if let Some((place, label)) = &diagnostic.related {
        let annotation = AnnotationKind::Context.span(place.span.clone()).label(label.as_str());
        if place.source.path() == source.path() {
            snippet = snippet.annotation(annotation);
        } else {
            let shown = place.source.shown();
            elsewhere = Some(Snippet::source(shown).path(path(&place.source)).annotation(annotation));
        }
    }
    let mut group = title.element(snippet);
    if let Some(snippet) = elsewhere {
        group = group.element(snippet);
    }
    if let Some(help) = &diagnostic.help {
        group = group.element(Level::HELP.message(help.as_str()));
    }
    vec![group]
}

/// The known name nearest to `name`, if one is near enough to be meant.
pub fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    known
        .into_iter()
        .map(|candidate| (strsim::jaro_winkler(name, candidate), candidate))
        .filter(|(likeness, _)| *likeness > 0.75)
        // the first of those that are alike, for the same words in every run
        .reduce(|best, other| if other.0 > best.0 { other } else { best })
        .map(|(_, candidate)| candidate)
}

/// "did you mean `x`?", or else the names there are.
pub fn suggestion<'a>(name: &str, known: impl IntoIterator<Item = &'a str> + Clone) -> Option<String> {
    if let Some(meant) = nearest(name, known.clone()) {
        return Some(format!("did you mean `{meant}`?"));
    }
    let names: Vec<_> = known.into_iter().map(|name| format!("`{name}`")).collect();
    (!names.is_empty()).then(|| format!("known here: {}", names.join(", ")))
}
