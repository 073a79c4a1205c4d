//! Looking at a path: through the tree and its server, or through a mount that has asked already.

use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Component, Path, PathBuf};

use super::explanation::{Absence, Explanation, Line, Reason, Record};
use super::mounted::Mounted;
use super::reading::Reading;
use crate::language::{Content, Entry, Expression, Model, OnError, Way};
use crate::parse::text;
use crate::query::{Caller, Manner, QueryError, Reads, Used};
use crate::tree::{Above, Given, Kind, Missing, NoRecord, Node, Step, Tree, TreeError};

/// How often a computation may find that it needs one more result of the mount.
const ROUNDS: usize = 32;

/// Where answers come from.
pub enum Ground<'a> {
    /// The server, once for each question.
    Server,
    /// A mount, which has asked.
    Mount(&'a Mounted),
}

/// A look at a tree.
pub struct Look<'a> {
    pub(super) tree: &'a Tree,
    pub(super) ground: Ground<'a>,
}

/// Where a path leads.
struct Followed {
    /// As far as it is there.
    node: Node,
    path: PathBuf,
    /// The name that is not there, and why.
    lost: Option<(String, Lost)>,
}

enum Lost {
    Missing(Missing),
    NotADirectory,
    Failed(QueryError),
}

impl<'a> Look<'a> {
    pub fn new(tree: &'a Tree, ground: Ground<'a>) -> Look<'a> {
        Look { tree, ground }
    }

    pub(super) fn model(&self) -> &'a Model {
        self.tree.queries().model()
    }

    /// Runs a computation, with what it lacks from where answers come from.
    async fn settle<T>(&self, compute: impl Fn(&Reads) -> Result<T, Step>) -> Result<T, TreeError> {
        let Ground::Mount(mounted) = self.ground else { return self.tree.settle(compute).await };
        let queries = self.tree.queries();
        for _ in 0..ROUNDS {
            let reads = Reads::new(Manner::of_reader());
            match compute(&reads) {
                Ok(value) => return Ok(value),
                Err(Step::Failed(error)) => return Err(error),
                Err(Step::Wanted) => {
                    for id in queries.lacking(&reads) {
                        mounted.supply(queries, id)?;
                    }
                }
            }
        }
        let seconds = self.tree.deadline().as_secs_f32();
        Err(QueryError::Late { seconds }.into())
    }

    /// All that can be told of a path; and the error that keeps it from being told whether it exists.
    pub async fn explain(&self, path: &Path) -> (Explanation, Option<QueryError>) {
        let followed = self.follow(path).await;
        let names = path.components().filter_map(|part| match part {
            Component::Normal(name) => Some(text::decode(name.as_encoded_bytes()).into_owned()),
            Component::ParentDir => Some("..".to_owned()),
            _ => None,
        });
        let whole = names.collect::<Vec<_>>().join("/");
        let path = if whole.is_empty() { ".".to_owned() } else { whole };
        let tree = self.model().source.path().display().to_string();
        let mut told = Explanation { path, tree, exists: followed.lost.is_none(), ..Explanation::default() };
        let mut error = None;
        match followed.lost {
            None => self.describe(&followed.node, &followed.path, &mut told),
            Some((name, lost)) => {
                told.missing = Some(self.absence(&followed.node, &followed.path, name, &lost));
                if let Lost::Failed(failed) = lost {
                    error = Some(failed);
                }
            }
        }
        let no_entry = |missing: &Absence| missing.reasons.iter().any(|one| one.reason == "no-such-entry");
        let leads_on = self.tree.entry(&followed.node).is_none();
        if leads_on && told.missing.as_ref().is_none_or(no_entry) {
            told.parent_of =
                self.tree.entries_below(&followed.node).into_iter().map(Line::of_entry).collect();
        }
        self.tell_read(&followed.node, &followed.path, &mut told).await;
        (told, error)
    }

    async fn follow(&self, path: &Path) -> Followed {
        let mut followed = Followed { node: Node::root(), path: PathBuf::new(), lost: None };
        for part in path.components() {
            let part = match part {
                Component::RootDir | Component::CurDir | Component::Prefix(_) => continue,
                other => other.as_os_str(),
            };
            let name = text::decode(part.as_encoded_bytes()).into_owned();
            let found = self.settle(|reads| self.tree.find_now(&followed.node, &name, reads)).await;
            let below = followed.path.join(part);
            match found {
                Ok(node) => followed.node = node,
                Err(error) => match self.seen(&followed.node, &name, &below) {
                    Some(node) => followed.node = node,
                    None => {
                        let lost = self.lost(&followed.node, &name, error).await;
                        followed.lost = Some((name, lost));
                        return followed;
                    }
                },
            }
            followed.path = below;
        }
        followed
    }

    /// What stands in a mount although its records are not known here.
    fn seen(&self, directory: &Node, name: &str, below: &Path) -> Option<Node> {
        let Ground::Mount(mounted) = self.ground else { return None };
        let is = mounted.metadata(below).ok()?.file_type();
        let kind = match () {
            () if is.is_dir() => Kind::Directory,
            () if is.is_symlink() => Kind::Link,
            () => Kind::File,
        };
        // a log that was rotated is explained as the log
        let names = [Some(name), name.strip_suffix(".1")].into_iter().flatten();
        let mut nodes = names.flat_map(|name| self.tree.candidates(directory, name));
        nodes.find(|node| self.tree.kind(node) == kind)
    }

    async fn lost(&self, directory: &Node, name: &str, error: TreeError) -> Lost {
        match error {
            TreeError::NotADirectory | TreeError::IsADirectory => return Lost::NotADirectory,
            TreeError::Query(error) => return Lost::Failed(error),
            TreeError::NotFound => {}
        }
        match self.settle(|reads| self.tree.missing_now(directory, name, reads)).await {
            Ok(missing) => Lost::Missing(missing),
            Err(TreeError::Query(error)) => Lost::Failed(error),
            // it has gone meanwhile
            Err(_) => Lost::Missing(Missing { hidden: None, error: None, records: vec![], nearest: vec![] }),
        }
    }

    /// What stands at a node.
    fn describe(&self, node: &Node, below: &Path, told: &mut Explanation) {
        let entry = self.tree.entry(node);
        told.kind = Some(kind(self.tree, node, entry));
        let attributes = self.tree.attributes(node);
        (told.uid, told.gid) = (attributes.uid, attributes.gid);
        let mut mode = u32::from(attributes.mode.unwrap_or_default());
        if let Ground::Mount(mounted) = self.ground
            && let Ok(metadata) = mounted.metadata(below)
        {
            mode = metadata.permissions().mode() & 0o7777;
            (told.uid, told.gid) = (Some(metadata.uid()), Some(metadata.gid()));
        }
        told.mode = Some(format!("{mode:04o}"));
        let Some(entry) = entry else { return };
        told.entry = Some(Line::of_entry(entry));
        let files = self.model().template_files_of(entry).into_iter();
        told.templates = files.map(|path| path.display().to_string()).collect();
        if !matches!(entry.content, Content::Directory | Content::Text(_)) && !entry.is_alive() {
            let named = OnError::NAMES.into_iter().find(|(_, choice)| *choice == entry.on_error);
            told.on_error = named.map(|(name, _)| name);
        }
    }

    /// The records on the way, and what is read for the content or the listing.
    async fn tell_read(&self, node: &Node, below: &Path, told: &mut Explanation) {
        let records = self.settle(|reads| self.tree.records_above(node, reads)).await;
        let (above, bindings) = match records {
            Ok((above, bindings)) => (above, Some(bindings)),
            Err(_) => (self.tree.variables_above(node), None),
        };
        told.variables = above.iter().map(|one| self.record(one)).collect();
        let mut asked = Vec::new();
        match self.ground {
            Ground::Mount(mounted) => {
                told.age = mounted.attribute(below, "age").and_then(|age| age.parse().ok());
                told.stale = mounted.attribute(below, "stale").map(|stale| stale == "1");
                told.error = mounted.attribute(below, "error");
            }
            Ground::Server => {
                let read = |reads: &Reads| self.tree.read_now(node, &reads.for_caller(Caller::own()));
                let (error, used) = match self.settle(read).await {
                    Ok(read) => read,
                    Err(error) => (Some(error), Used::default()),
                };
                let standing = self.tree.queries().standing(&used);
                told.age = standing.asked.map(|at| at.elapsed().as_secs_f64());
                told.stale = standing.asked.map(|_| standing.stale);
                told.error = error.map(|error| error.to_string()).or(standing.error);
                asked = self.tree.queries().asked(&used);
            }
        }
        let used = match self.ground {
            Ground::Mount(mounted) => mounted.attribute(below, "query"),
            Ground::Server => None,
        };
        let mut reading = Reading::new(self, bindings, asked, used);
        let entry = self.tree.entry(node);
        for (way, id) in entry.iter().flat_map(|entry| self.model().queries_of_entry(entry)) {
            reading.add(way, id, 0);
        }
        let above = above.iter().map(|one| one.variable);
        for variable in self.tree.variables_in(node).into_iter().chain(above) {
            for id in self.model().queries_of_variable(self.model().variable(variable)) {
                reading.add(Way::Each, id, 0);
            }
        }
        told.queries = reading.all();
    }

    fn record(&self, above: &Above) -> Record {
        let variable = self.model().variable(above.variable);
        let word = |given: &Given| match given {
            Given::Escaped => "escaped",
            Given::Cut => "cut",
            Given::Suffix => "suffix",
        };
        Record {
            variable: variable.name.clone(),
            name: above.name.to_string(),
            key: above.key.as_ref().map(ToString::to_string),
            given: above.given.iter().map(word).collect(),
            declared: Line::of(&variable.place),
        }
    }

    fn absence(&self, directory: &Node, path: &Path, name: String, lost: &Lost) -> Absence {
        let directory_name = match path.as_os_str().is_empty() {
            true => ".".to_owned(),
            false => path.display().to_string(),
        };
        let mut absence = Absence { name, directory: directory_name, reasons: vec![], nearest: vec![] };
        match lost {
            Lost::NotADirectory => {
                let kind = kind(self.tree, directory, self.tree.entry(directory));
                let text =
                    format!("`{}` is a {kind}, not a directory; links are not followed", absence.directory);
                absence.reasons.push(Reason { reason: "not-a-directory", text, declared: None });
            }
            Lost::Failed(error) => {
                absence.reasons.push(Reason { reason: "error", text: error.to_string(), declared: None });
            }
            Lost::Missing(missing) => {
                absence.reasons = self.reasons(missing);
                absence.nearest.clone_from(&missing.nearest);
            }
        }
        absence
    }

    fn reasons(&self, missing: &Missing) -> Vec<Reason> {
        if let Some(entry) = missing.hidden {
            return vec![self.when_false(entry, missing.error.as_deref())];
        }
        if missing.records.is_empty() {
            let text = "no entry has that name".to_owned();
            return vec![Reason { reason: "no-such-entry", text, declared: None }];
        }
        let is_certain = |one: &&NoRecord| one.filtered || one.hidden.is_some();
        let certain: Vec<_> = missing.records.iter().filter(is_certain).collect();
        let told = if certain.is_empty() { missing.records.iter().collect() } else { certain };
        told.into_iter().map(|one| self.no_record(one)).collect()
    }

    fn when_false(&self, entry: usize, error: Option<&str>) -> Reason {
        let entry = &self.model().entries[entry];
        let text = condition("when", entry.when.as_ref(), error);
        Reason { reason: "when-false", text, declared: Some(Line::of_entry(entry)) }
    }

    fn no_record(&self, none: &NoRecord) -> Reason {
        let variable = self.model().variable(none.variable);
        let error = none.error.as_deref();
        if let Some(entry) = none.hidden {
            return self.when_false(entry, error);
        }
        let declared = Some(Line::of(&variable.place));
        if none.filtered {
            let text = condition("where", variable.filter.as_ref(), error);
            return Reason { reason: "where-false", text, declared };
        }
        let from = &variable.records.text;
        match error {
            Some(error) => {
                let text = format!("{{{}}} has no records: {error}", variable.name);
                Reason { reason: "cannot-answer", text, declared }
            }
            None => {
                let passed = match variable.filter {
                    Some(_) => format!(", {} pass `where`", none.counted),
                    None => String::new(),
                };
                let text = format!(
                    "no record of {{{}}} has that name: `{from}` lists {}{passed}",
                    variable.name, none.listed
                );
                Reason { reason: "no-record", text, declared }
            }
        }
    }
}

fn condition(key: &str, expression: Option<&Expression>, error: Option<&str>) -> String {
    let text = expression.map_or("", |expression| &expression.text);
    match error {
        Some(error) => format!("`{key}` cannot be computed: `{text}`: {error}"),
        None => format!("`{key}` is false: `{text}`"),
    }
}

fn kind(tree: &Tree, node: &Node, entry: Option<&Entry>) -> &'static str {
    match (tree.kind(node), entry) {
        (_, Some(entry)) if entry.write.is_some() => "control",
        (_, Some(Entry { content: Content::Events(_), .. })) => "log",
        (Kind::Directory, _) => "directory",
        (Kind::Link, _) => "link",
        (Kind::File, None) if tree.is_volatile(node) => "status",
        (Kind::File, _) => "file",
    }
}
