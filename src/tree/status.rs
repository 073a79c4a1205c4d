//! `.astfs` at the mount point: what the tree knows of its queries and its server, for people.
//!
//! The directory is found by its name and not listed, so that nobody walks into it by chance. What
//! stands in it is made anew whenever somebody looks.

use std::fmt::Write as _;
use std::path::Path;
use std::sync::PoisonError;
use std::time::Duration;

use bytes::Bytes;

use super::error::{Step, TreeError};
use super::layout::{Layout, Place, PlaceId};
use super::lookup::Tree;
use crate::language::{Attributes, Model, QueryId, STATUS_DIRECTORY};
use crate::query::{QueryStanding, Reads};

/// The name of the file that tells what came of a reload.
pub const RELOAD: &str = "reload";

/// The name of the file that tells how everything stands, for programs.
pub const STANDING: &str = "status.json";

/// The name of the file that tells what is counted, for monitoring.
pub const METRICS: &str = "metrics";

/// The name of the file that tells how much is logged.
pub const LOG_LEVEL: &str = "log-level";

/// The program around a tree, as far as it tells of itself in the tree.
pub trait Program: Send + Sync {
    /// What is counted, for monitoring.
    fn metrics(&self) -> String;
    /// The last lines of its log.
    fn log(&self) -> String;
    /// How much it logs, in a word.
    fn log_level(&self) -> String;
}

/// What stands in a file below it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// The server, and every query in a line.
    Summary,
    /// How often what happened, as `name=value`.
    Counters,
    /// What went wrong when queries were last asked.
    Errors,
    /// What came of the tree file's last reading.
    Reload,
    /// How everything stands, for programs.
    Standing,
    /// What is counted, for monitoring.
    Metrics,
    /// The last lines of the log.
    Log,
    /// How much is logged.
    LogLevel,
    /// A query's state, as `name=value`.
    State(QueryId),
    /// A query's result as JSON.
    Result(QueryId),
    /// The text that a query's result was read from.
    Raw(QueryId),
    /// A directory whose files show what the server told, secrets included.
    Queries,
}

impl Layout {
    /// Adds the places of the status directory.
    pub(super) fn add_status(&mut self, model: &Model) {
        let top = self.hidden_child(Layout::ROOT);
        self.status_child(top, "status", Status::Summary);
        self.status_child(top, "counters", Status::Counters);
        self.status_child(top, "errors", Status::Errors);
        self.status_child(top, RELOAD, Status::Reload);
        self.status_child(top, STANDING, Status::Standing);
        self.status_child(top, METRICS, Status::Metrics);
        self.status_child(top, "log", Status::Log);
        self.status_child(top, LOG_LEVEL, Status::LogLevel);
        let queries = self.status_child(top, "queries", Status::Queries);
        let mut declared: Vec<_> = model.query_names.iter().collect();
        declared.sort();
        for (name, id) in declared {
            let directory = self.status_child(queries, name, Status::Queries);
            self.status_child(directory, "state", Status::State(*id));
            if model.query(*id).parameters.is_empty() {
                self.status_child(directory, "result.json", Status::Result(*id));
                self.status_child(directory, "raw", Status::Raw(*id));
            }
        }
        self.set_hidden(top);
    }
}

impl Place {
    /// Permissions of a place of the status directory.
    pub(super) fn status_attributes(&self, defaults: Attributes) -> Attributes {
        let mode = match self.status {
            Some(Status::Queries) => 0o500,
            Some(Status::State(_) | Status::Result(_) | Status::Raw(_)) => 0o400,
            Some(Status::Errors | Status::Reload | Status::Log) => 0o400,
            Some(
                Status::Summary | Status::Counters | Status::Standing | Status::Metrics | Status::LogLevel,
            ) => 0o444,
            None => return defaults,
        };
        Attributes { mode: Some(mode), uid: None, gid: None }
    }
}

impl Tree {
    /// Has `.astfs/reload` show that.
    pub fn tell_of_reload(&self, text: String) {
        *self.last_reload.lock().unwrap_or_else(PoisonError::into_inner) = text;
    }

    /// Says which program it is that tells of itself; the first that does so stays.
    pub fn served_by(&self, program: Box<dyn Program>) {
        let _ = self.program.set(program);
    }

    fn said(&self, of: impl Fn(&dyn Program) -> String) -> String {
        self.program.get().map(|program| of(&**program)).unwrap_or_default()
    }

    /// The place of the status directory.
    pub(super) fn status_directory(&self, directory: PlaceId, name: &str) -> Option<PlaceId> {
        (directory == Layout::ROOT && name == STATUS_DIRECTORY).then(|| self.layout().hidden())?
    }

    pub(super) fn render_status(&self, status: Status, reads: &Reads) -> Result<Bytes, Step> {
        let queries = self.queries();
        let text = match status {
            Status::Queries => return Err(TreeError::IsADirectory.into()),
            Status::Summary => self.summary(),
            Status::Counters => self.counters(),
            Status::Errors => self.errors(),
            Status::Reload => self.last_reload.lock().unwrap_or_else(PoisonError::into_inner).clone(),
            Status::Standing => self.standing_in_json(),
            Status::Metrics => self.said(|program| program.metrics()),
            Status::Log => self.said(|program| program.log()),
            Status::LogLevel => self.said(|program| program.log_level() + "\n"),
            Status::State(id) => state(&queries.standing_of(id)),
            Status::Result(id) => {
                let snapshot = queries.read(id, &queries.home(id), reads)?;
                serde_json::to_string_pretty(&snapshot.value).unwrap_or_default() + "\n"
            }
            Status::Raw(id) => return Ok(queries.raw(id, &queries.home(id), reads)?),
        };
        Ok(text.into())
    }

    /// How every query stands that asks something.
    pub fn all_standings(&self) -> Vec<QueryStanding> {
        let queries = self.queries().model().queries.iter().enumerate();
        let asking = queries.filter(|(_, query)| !query.question.is_derived());
        let standings = asking.map(|(index, query)| (query, self.queries().standing_of(QueryId(index))));
        // what stands in for `data get` is told of where it does
        let standings = standings.filter(|(query, standing)| !query.added || standing.questions > 0);
        standings.map(|(_, standing)| standing).collect()
    }

    fn summary(&self) -> String {
        let standings = self.all_standings();
        let mut text = format!("astfs      {}\n", env!("CARGO_PKG_VERSION"));
        let model = self.queries().model();
        // whoever reads it may be in another directory
        let whole = |path: &Path| std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        let _ = writeln!(text, "tree       {}", whole(model.source.path()).display());
        if let Some(folder) = &model.templates_folder {
            let _ = writeln!(text, "templates  {}", whole(folder).display());
        }
        let _ = writeln!(text, "process    {}", std::process::id());
        let servers = self.queries().server_standings();
        for (name, standing) in &servers {
            let name = if name.is_empty() { String::new() } else { format!("{name} ") };
            let _ = writeln!(text, "server     {name}{standing}");
        }
        if servers.is_empty() {
            text.push_str("server     none\n");
        }
        let of = |wanted: &str| standings.iter().filter(|standing| standing.word() == wanted).count();
        let counts =
            ["fresh", "stale", "failed", "cannot", "unasked"].map(|word| format!("{} {word}", of(word)));
        let _ = writeln!(text, "queries    {}\n", counts.join(", "));
        let width = standings.iter().map(|standing| standing.name.chars().count()).max().unwrap_or(0).max(5);
        let _ = writeln!(text, "{:width$}  {:7}  {:>9}  {:>9}  ERROR", "QUERY", "STATE", "AGE", "QUESTIONS");
        for standing in &standings {
            let age = standing.age.map_or_else(|| "-".to_owned(), age_text);
            let error = standing.error.as_deref().unwrap_or_default();
            let line = format!(
                "{:width$}  {:7}  {age:>9}  {:>9}  {error}",
                standing.name,
                standing.word(),
                standing.questions
            );
            let _ = writeln!(text, "{}", line.trim_end());
        }
        text
    }

    fn counters(&self) -> String {
        let mut counters = self.queries().counters();
        counters.extend(self.keeper.get().into_iter().flat_map(|keeper| keeper.counters()));
        counters.iter().map(|(name, count)| format!("{name}={count}\n")).collect()
    }

    fn errors(&self) -> String {
        let failed = self.all_standings().into_iter().filter_map(|standing| standing.error);
        failed.map(|error| error + "\n").collect()
    }
}

fn state(standing: &QueryStanding) -> String {
    let age = standing.age.map(|age| age.as_secs_f64().to_string()).unwrap_or_default();
    format!(
        "state={}\nage={age}\nquestions={}\nfresh={}\nstale={}\nfailed={}\nkept={}\nerror={}\n",
        standing.word(),
        standing.questions,
        standing.fresh,
        standing.stale,
        standing.failed,
        standing.kept,
        standing.error.as_deref().unwrap_or_default()
    )
}

/// An age for people: `12.3s`, `4m05s`, `2h00m`.
pub fn age_text(age: Duration) -> String {
    match age.as_secs() {
        0..100 => format!("{:.1}s", age.as_secs_f64()),
        whole @ 100..6000 => format!("{}m{:02}s", whole / 60, whole % 60),
        whole => format!("{}h{:02}m", whole / 3600, whole / 60 % 60),
    }
}
