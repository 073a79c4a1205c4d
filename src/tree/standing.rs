//! How a tree stands, for programs: `.astfs/status.json`.

use serde::{Deserialize, Serialize};

use super::lookup::Tree;
use super::uses::PathUses;
use crate::query::{Bounds, QueryStanding};

/// How everything stands. Times are in seconds.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Stands {
    /// The version of this program.
    pub version: String,
    /// The tree file.
    pub tree: String,
    /// The process that shows it.
    pub process: u32,
    /// Whether nothing has failed, no server is away, and nothing in use is overdue.
    pub well: bool,
    /// The servers.
    pub servers: Vec<ServerStands>,
    /// The queries that ask something.
    pub queries: Vec<QueryStands>,
    /// The files and links that were used, by their paths in the tree file.
    #[serde(default)]
    pub files: Vec<FileStands>,
    /// How often a bound was reached.
    pub bounds: Bounds,
}

/// How a server stands.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ServerStands {
    /// Its name; empty if there is only one.
    pub name: String,
    /// Its address, and what it said of itself.
    pub description: String,
    /// Whether there is a connection.
    pub up: bool,
    /// How long that has been so, as far as it was noticed.
    pub since: f64,
    /// How often it was logged in to.
    pub sessions: u64,
    /// Questions that are being answered,
    pub in_flight: usize,
    /// and such that wait for their turn.
    pub waiting: usize,
    /// Actions that were sent and have ended,
    pub actions: u64,
    /// and events that came.
    pub events: u64,
}

/// How a query stands.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct QueryStands {
    /// Its name.
    pub name: String,
    /// In a word, as in `.astfs/status`.
    pub state: String,
    /// The age of its oldest answer.
    pub age: Option<f64>,
    /// How many different questions were asked for it.
    pub questions: usize,
    /// Answers that are in use, and not fresh for another reason than their age.
    pub overdue: usize,
    /// Questions whose last answer was a failure, but for those that this server cannot answer.
    pub failing: usize,
    /// Answers that were taken, failures included,
    pub asked: u64,
    /// and the failures among them.
    pub failures: u64,
    /// How long it took from being asked to being answered, on the average; none before the first answer.
    #[serde(default)]
    pub mean: Option<f64>,
    /// The longest that it took.
    #[serde(default)]
    pub longest: Option<f64>,
    /// What went wrong last.
    pub error: Option<String>,
}

/// How often a path of the tree file was used that is a file or link.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct FileStands {
    /// The path, with its variables as they stand in the tree file.
    pub path: String,
    /// Names that were looked for and found; what the kernel remembers it looks for no more.
    pub lookups: u64,
    /// Readings; what the kernel holds it reads no more.
    pub reads: u64,
    /// Contents that were computed, or could not be: for a reader, ahead of one, and after an event.
    pub renders: u64,
}

impl QueryStands {
    fn of(standing: QueryStanding) -> QueryStands {
        QueryStands {
            state: standing.word().to_owned(),
            age: standing.age.map(|age| age.as_secs_f64()),
            questions: standing.questions,
            overdue: standing.overdue(),
            failing: standing.failing(),
            asked: standing.answers.all,
            failures: standing.answers.failures,
            mean: standing.answers.mean().map(|mean| mean.as_secs_f64()),
            longest: (standing.answers.all > 0).then_some(standing.answers.longest.as_secs_f64()),
            error: standing.error,
            name: standing.name,
        }
    }
}

impl FileStands {
    fn of(PathUses { path, lookups, reads, renders }: PathUses) -> FileStands {
        FileStands { path, lookups, reads, renders }
    }
}

impl Tree {
    /// How everything stands.
    pub fn stands(&self) -> Stands {
        let servers = self.queries().traffic().into_iter().map(|server| ServerStands {
            up: server.up,
            since: server.since.as_secs_f64(),
            sessions: server.sessions,
            in_flight: server.in_flight,
            waiting: server.waiting,
            actions: server.actions.iter().map(|(_, outcomes, _)| outcomes.iter().sum::<u64>()).sum(),
            events: server.events.iter().map(|(_, count)| count).sum(),
            name: server.name,
            description: server.description,
        });
        let servers: Vec<_> = servers.collect();
        let queries: Vec<_> = self.all_standings().into_iter().map(QueryStands::of).collect();
        let path = self.queries().model().source.path();
        Stands {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            tree: std::path::absolute(path).unwrap_or_else(|_| path.to_owned()).display().to_string(),
            process: std::process::id(),
            well: servers.iter().all(|server| server.up)
                && queries.iter().all(|query| query.overdue == 0 && query.failing == 0),
            servers,
            queries,
            files: self.uses().into_iter().map(FileStands::of).collect(),
            bounds: self.queries().bounds(),
        }
    }

    pub(super) fn standing_in_json(&self) -> String {
        serde_json::to_string_pretty(&self.stands()).unwrap_or_default() + "\n"
    }
}
