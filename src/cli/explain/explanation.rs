//! What is told of a path; its JSON is documented in `docs/semantics.md`.

use serde::Serialize;

use crate::language::{Entry, Place};

/// All that is told of a path.
#[derive(Debug, Default, Serialize)]
pub struct Explanation {
    /// Below the mount point; `.` for that itself.
    pub path: String,
    /// The tree file.
    pub tree: String,
    pub exists: bool,
    /// `file`, `link`, `directory`, `control`, `log` or `status`; none for what does not exist.
    pub kind: Option<&'static str>,
    /// Permissions as four octal digits.
    pub mode: Option<String>,
    /// None: whoever mounts it.
    pub uid: Option<u32>,
    pub gid: Option<u32>,
    /// The entry that says what it is; none for a directory that only leads on.
    pub entry: Option<Line>,
    /// The entries that lead through a directory.
    pub parent_of: Vec<Line>,
    pub variables: Vec<Record>,
    /// Template files.
    pub templates: Vec<String>,
    /// What a file shows while its content cannot be had.
    pub on_error: Option<&'static str>,
    /// Seconds since the oldest answer that it was made from was asked for.
    pub age: Option<f64>,
    /// Whether one of the answers is not fresh.
    pub stale: Option<bool>,
    /// Why the content cannot be had, or what went wrong last.
    pub error: Option<String>,
    pub queries: Vec<Asking>,
    /// Why it does not exist.
    pub missing: Option<Absence>,
}

/// A line of the tree file.
#[derive(Debug, Clone, Serialize)]
pub struct Line {
    pub file: String,
    /// From 1.
    pub line: usize,
    /// The line; secrets in it are stars.
    pub text: String,
}

impl Line {
    pub fn of(place: &Place) -> Line {
        let (line, _) = place.source.position(place.span.start);
        let shown = place.source.shown();
        let text = shown.lines().nth(line - 1).unwrap_or("").trim().to_owned();
        Line { file: place.source.path().display().to_string(), line, text }
    }

    pub fn of_entry(entry: &Entry) -> Line {
        Line::of(&entry.place)
    }
}

/// A path variable on the way.
#[derive(Debug, Serialize)]
pub struct Record {
    pub variable: String,
    /// The name in the path.
    pub name: String,
    /// What the server calls it; none if that is not known.
    pub key: Option<String>,
    /// Why the name is not the key: `escaped`, `cut`, `suffix`.
    pub given: Vec<&'static str>,
    pub declared: Line,
}

/// A query that is read.
#[derive(Debug, Serialize)]
pub struct Asking {
    pub name: String,
    /// How deep below what the path itself reads; 0 for that.
    pub depth: usize,
    /// The key that leads there.
    pub by: &'static str,
    pub declared: Line,
    /// `fresh`, `stale`, `failed`, `cannot`, `unasked`; none for what asks nothing itself.
    pub state: Option<String>,
    /// In seconds, of the oldest answer.
    pub age: Option<f64>,
    pub error: Option<String>,
    /// Of an `any`, the one that answers.
    pub answered: Option<String>,
    /// The header lines of each question.
    pub questions: Vec<Vec<(String, String)>>,
}

/// Why a path does not exist.
#[derive(Debug, Serialize)]
pub struct Absence {
    /// The first name on the way that is not there.
    pub name: String,
    /// The directory that it is not in.
    pub directory: String,
    pub reasons: Vec<Reason>,
    /// Names there that are like it.
    pub nearest: Vec<String>,
}

/// One reason.
#[derive(Debug, Serialize)]
pub struct Reason {
    /// `no-such-entry`, `no-record`, `where-false`, `when-false`, `cannot-answer`, `not-a-directory` or
    /// `error`.
    pub reason: &'static str,
    pub text: String,
    pub declared: Option<Line>,
}
