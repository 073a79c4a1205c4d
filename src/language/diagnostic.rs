//! Mistakes, and how they are shown: file, line, column, the line itself, a caret, a remedy.

use std::sync::Arc;

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};

use super::source::{Span, TreeSource};

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
    /// Whether it keeps the tree from being mounted.
    pub severity: Severity,
    /// What is wrong.
    pub message: String,
    /// The file it is in.
    pub source: Arc<TreeSource>,
    /// The place in that file.
    pub span: Span,
    /// What stands under the caret.
    pub label: String,
    /// What to do about it.
    pub help: Option<String>,
}

impl Diagnostic {
    /// Line and column (both from 1) of the finding.
    pub fn position(&self) -> (usize, usize) {
        self.source.position(self.span.start)
    }
}

/// Every finding of one run.
#[derive(Debug, Clone, Default)]
pub struct Report {
    diagnostics: Vec<Diagnostic>,
}

impl Report {
    /// Adds a finding. One that is there already is not told again: a template may be named by many
    /// paths, and its mistake is one.
    pub fn add(&mut self, diagnostic: Diagnostic) {
        let same = |known: &Diagnostic| {
            known.span == diagnostic.span
                && known.message == diagnostic.message
                && known.source.path() == diagnostic.source.path()
        };
        if !self.diagnostics.iter().any(same) {
            self.diagnostics.push(diagnostic);
        }
    }

    /// The findings in the order of the file.
    pub fn diagnostics(&self) -> Vec<&Diagnostic> {
        let mut sorted: Vec<_> = self.diagnostics.iter().collect();
        sorted.sort_by_key(|diagnostic| {
            (diagnostic.source.path().to_owned(), diagnostic.span.start, diagnostic.span.end)
        });
        sorted
    }

    /// Whether the tree cannot be mounted.
    pub fn has_errors(&self) -> bool {
        self.count(Severity::Error) > 0
    }

    /// How many findings of that severity there are.
    pub fn count(&self, severity: Severity) -> usize {
        self.diagnostics.iter().filter(|diagnostic| diagnostic.severity == severity).count()
    }

    /// All findings as text for a terminal, in colour if it is `styled`.
    pub fn render(&self, styled: bool) -> String {
        let renderer = if styled { Renderer::styled() } else { Renderer::plain() };
        self.diagnostics().into_iter().map(|one| format!("{}\n\n", renderer.render(&groups(one)))).collect()
    }
}

fn groups(diagnostic: &Diagnostic) -> Vec<Group<'_>> {
    let level = match diagnostic.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let path = diagnostic.source.path().to_string_lossy().into_owned();
    let annotation = AnnotationKind::Primary.span(diagnostic.span.clone()).label(diagnostic.label.as_str());
    let snippet = Snippet::source(diagnostic.source.shown()).path(path).annotation(annotation);
    let mut group = level.primary_title(diagnostic.message.as_str()).element(snippet);
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
