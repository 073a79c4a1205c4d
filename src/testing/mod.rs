//! Tests of trees: what stands at which path when a server tells this or that.
//!
//! A test file ([`TestFile::load`]) is TOML as a tree file is, and its mistakes are reported in the same
//! way. Each [`Case`] is a tree of its own on a recording, or on results that stand in the test file;
//! it is run step by step ([`run`]): what the server tells, the events that come, what is to be seen then.
//! Time does not pass in a test.

mod bless;
mod expectation;
mod file;
mod given;
mod keys;
mod run;

use std::path::PathBuf;
use std::sync::Arc;

use regex::Regex;

use crate::ami::Message;
use crate::language::{Span, TreeSource};
use crate::recording::Recording;

pub use bless::{Blessing, bless};
pub use expectation::{Failure, Seen};
pub use run::run;

/// A file of test cases.
#[derive(Debug)]
pub struct TestFile {
    /// The file.
    pub source: Arc<TreeSource>,
    /// The tree file.
    pub tree: PathBuf,
    /// The templates folder, if the tree's own is not the one.
    pub templates: Option<PathBuf>,
    /// The cases, in the order of the file.
    pub cases: Vec<Case>,
}

/// One case.
#[derive(Debug)]
pub struct Case {
    /// What it shows, in words.
    pub name: String,
    /// Where it stands.
    pub span: Span,
    /// What happens: the case's own tables, then each `then`.
    pub steps: Vec<Step>,
}

/// What changes, and what is to be seen then.
#[derive(Debug, Default)]
pub struct Step {
    /// What the server answers from now on; with its file's name.
    pub recording: Option<(String, Recording)>,
    /// Results of queries from now on.
    pub given: Vec<Given>,
    /// Events that come then.
    pub events: Vec<Message>,
    /// What is to be seen after that.
    pub expectations: Vec<Expectation>,
}

/// A result that stands in the test file.
#[derive(Debug)]
pub struct Given {
    /// The query.
    pub query: String,
    /// Where its name stands.
    pub span: Span,
    /// Its result: a text is what the server prints, anything else what comes of reading that.
    pub result: serde_json::Value,
}

/// What is to be seen at a path.
#[derive(Debug)]
pub struct Expectation {
    /// The path below the mount point.
    pub path: String,
    /// What is to be so, with the place of its key.
    pub checks: Vec<(Span, Check)>,
}

/// One thing that is to be so.
#[derive(Debug)]
pub enum Check {
    /// A file's whole content.
    Equals(String),
    /// Each of these is in a file.
    Contains(Vec<String>),
    /// None of these is in a file.
    NotContains(Vec<String>),
    /// A file's content matches.
    Matches(Regex),
    /// Where a link leads.
    Link(String),
    /// Whether there is anything.
    Exists(bool),
    /// Its permissions.
    Mode(u16),
    /// What a directory holds, in any order.
    Names(Vec<String>),
}

impl Case {
    /// How many things it expects.
    pub fn expectations(&self) -> usize {
        let expectations = self.steps.iter().flat_map(|step| &step.expectations);
        expectations.map(|expectation| expectation.checks.len()).sum()
    }
}
