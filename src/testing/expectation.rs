//! Whether a tree shows what is expected.

use std::path::Path;

use super::{Check, Expectation};
use crate::language::Span;
use crate::parse::text;
use crate::query::{Caller, Reads};
use crate::tree::{Alive, Kind, Node, TreeError};

/// Something that is not as expected.
#[derive(Debug)]
pub struct Failure {
    /// The path below the mount point.
    pub path: String,
    /// Where the expectation stands in the test file.
    pub span: Span,
    /// What is wrong with it.
    pub message: String,
    /// What was expected and what was seen, where a comparison tells.
    pub difference: Option<(String, String)>,
    /// What would have been right.
    pub seen: Option<Seen>,
}

/// What stood in the place of what was expected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Seen {
    /// A file's content.
    Equals(String),
    /// Where a link led.
    Link(String),
    /// Permissions.
    Mode(u16),
    /// What a directory held.
    Names(Vec<String>),
}

/// Looks at a path; gives all that is not as expected there.
pub async fn look(alive: &Alive, expectation: &Expectation) -> Vec<Failure> {
    let path = &expectation.path;
    let tree = alive.tree();
    let node = match tree.resolve(Path::new(path)).await {
        Ok(node) => Ok(node),
        Err(TreeError::NotFound) => Err(TreeError::NotFound),
        Err(error) => return vec![failure(path, expectation.checks[0].0.clone(), error.to_string())],
    };
    let mut failures = Vec::new();
    for (span, check) in &expectation.checks {
        let found = match (&node, check) {
            (Err(_), Check::Exists(false)) | (Ok(_), Check::Exists(true)) => None,
            (Ok(_), Check::Exists(false)) => Some("is there, and is not to be".into()),
            (Err(error), _) => Some(error.to_string()),
            (Ok(node), check) => match at(alive, node, check).await {
                Ok(problem) => {
                    failures.extend(problem.map(|problem| Failure {
                        path: path.clone(),
                        span: span.clone(),
                        ..problem
                    }));
                    None
                }
                Err(error) => Some(error),
            },
        };
        failures.extend(found.map(|message: String| failure(path, span.clone(), message)));
    }
    failures
}

fn failure(path: &str, span: Span, message: String) -> Failure {
    Failure { path: path.to_owned(), span, message, difference: None, seen: None }
}

async fn at(alive: &Alive, node: &Node, check: &Check) -> Result<Option<Failure>, String> {
    let tree = alive.tree();
    let differs = |message: &str, expected: String, seen: String, blessing: Option<Seen>| {
        let difference = Some((expected, seen));
        Ok(Some(Failure { difference, seen: blessing, ..failure("", 0..0, message.to_owned()) }))
    };
    match check {
        Check::Exists(_) => Ok(None),
        Check::Mode(mode) => {
            let seen = tree.attributes(node).mode.unwrap_or_default();
            if seen == *mode {
                return Ok(None);
            }
            let message = format!("has another mode: {seen:04o}, not {mode:04o}");
            Ok(Some(Failure { seen: Some(Seen::Mode(seen)), ..failure("", 0..0, message) }))
        }
        Check::Names(names) => {
            let listing = tree.list(node).await.map_err(|error| error.to_string())?;
            let mut seen: Vec<String> = listing.keys().map(|name| name.to_string()).collect();
            let mut expected = names.clone();
            seen.sort();
            expected.sort();
            if seen == expected {
                return Ok(None);
            }
            let lines = |names: &[String]| names.iter().map(|name| format!("{name}\n")).collect();
            differs("holds other names", lines(&expected), lines(&seen), Some(Seen::Names(seen)))
        }
        Check::Link(target) => {
            let seen = content(alive, node, Kind::Link).await?;
            if seen == *target {
                return Ok(None);
            }
            let line = |target: &str| format!("{target}\n");
            differs("leads elsewhere", line(target), line(&seen), Some(Seen::Link(seen)))
        }
        Check::Equals(expected) => {
            let seen = content(alive, node, Kind::File).await?;
            if seen == *expected {
                return Ok(None);
            }
            differs("has another content", expected.clone(), seen.clone(), Some(Seen::Equals(seen)))
        }
        Check::Contains(parts) => {
            let seen = content(alive, node, Kind::File).await?;
            match parts.iter().find(|part| !seen.contains(*part)) {
                Some(part) => differs(&format!("does not contain {part:?}"), part.clone(), seen, None),
                None => Ok(None),
            }
        }
        Check::NotContains(parts) => {
            let seen = content(alive, node, Kind::File).await?;
            let found = parts.iter().find(|part| seen.contains(*part));
            Ok(found.map(|part| failure("", 0..0, format!("contains {part:?}:\n{seen}"))))
        }
        Check::Matches(pattern) => {
            let seen = content(alive, node, Kind::File).await?;
            let message = || format!("does not match `{pattern}`:\n{seen}");
            Ok((!pattern.is_match(&seen)).then(|| failure("", 0..0, message())))
        }
    }
}

async fn content(alive: &Alive, node: &Node, kind: Kind) -> Result<String, String> {
    let tree = alive.tree();
    match (tree.kind(node), kind) {
        (Kind::Directory, _) => return Err("is a directory".into()),
        (Kind::File, Kind::Link) => return Err("is a file and no link".into()),
        (Kind::Link, Kind::File) => return Err("is a link: expect `link`".into()),
        _ => {}
    }
    if let Some(log) = alive.log(node) {
        return Ok(text::decode(&log.current().read(0, usize::MAX)).into_owned());
    }
    let rendered = tree.settle(|reads: &Reads| tree.content_now(node, &reads.for_caller(Caller::own())));
    let rendered = rendered.await.map_err(|error| error.to_string())?;
    Ok(text::decode(&rendered.bytes).into_owned())
}
