//! Looking at a path: through the tree and its server, or through a mount that has asked already.

use std::path::{Component, Path, PathBuf};

use super::explanation::{Absence, Explanation, Line};
use super::mounted::Mounted;
use crate::language::Model;
use crate::parse::text;
use crate::query::{Manner, QueryError, Reads};
use crate::tree::{Kind, Missing, Node, Step, Tree, TreeError};

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

/// Why a name is not there.
pub(super) enum Lost {
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
    pub(super) async fn settle<T>(
        &self,
        compute: impl Fn(&Reads) -> Result<T, Step>,
    ) -> Result<T, TreeError> {
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
            TreeError::NotFound | TreeError::Panicked => {}
        }
        match self.settle(|reads| self.tree.missing_now(directory, name, reads)).await {
            Ok(missing) => Lost::Missing(missing),
            Err(TreeError::Query(error)) => Lost::Failed(error),
            // it has gone meanwhile
            Err(_) => Lost::Missing(Missing { hidden: None, error: None, records: vec![], nearest: vec![] }),
        }
    }
}
