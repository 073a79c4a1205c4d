//! What is alive in a tree: control files with their last answers, and event logs.
//!
//! Unlike everything else here it has a state of its own: what was written and what came. So it
//! starts with a mount and ends with it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, SystemTime};

use bytes::Bytes;

use super::error::{Step, TreeError};
use super::layout::Layout;
use super::lookup::Tree;
use super::node::Node;
use crate::ami::Action;
use crate::language::{Content, Entry, ServerId, Write};
use crate::parse::text;
use crate::query::{EventLog, EventLogs, LogFile, Reads};

/// The longest input of a control file, in bytes: no line that a server takes is longer.
pub const LONGEST_INPUT: usize = 4096;

/// The alive part of a tree.
pub struct Alive {
    tree: RwLock<Arc<Tree>>,
    logs: EventLogs,
    answers: Mutex<HashMap<Node, LastAnswer>>,
}

/// What the server said last to a control file's input.
#[derive(Debug, Clone)]
pub struct LastAnswer {
    /// A command's output, or the headers of an action's answer.
    pub text: Bytes,
    /// When it came.
    pub at: SystemTime,
}

/// Why an input was not done. What it holds is not repeated: it may be secret.
#[derive(Debug, Clone, thiserror::Error)]
pub enum WriteError {
    /// It is too long.
    #[error("an input of {0} bytes; {LONGEST_INPUT} are allowed")]
    TooLong(usize),
    /// It is not what the tree file's `match` asks for.
    #[error("the input does not match the entry's `match`")]
    Mismatch,
    /// It could not be sent, the server refused it, or did not answer.
    #[error(transparent)]
    Failed(#[from] TreeError),
}

impl Alive {
    /// The alive part of a tree, and what keeps its logs growing: to be run as a task of its own.
    /// Whatever the server tells from now on is logged.
    pub fn new(tree: Arc<Tree>) -> (Alive, impl Future<Output = ()> + Send + use<>) {
        let (logs, following) = EventLogs::new(tree.queries());
        (Alive { tree: RwLock::new(tree), logs, answers: Mutex::default() }, following)
    }

    /// The tree.
    pub fn tree(&self) -> Arc<Tree> {
        Arc::clone(&self.tree.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Has a tree take the place of the one before it, in which the same is [alive](Self::is_same).
    pub fn replace_tree(&self, tree: Arc<Tree>) {
        *self.tree.write().unwrap_or_else(PoisonError::into_inner) = tree;
    }

    /// Whether what is alive in one tree is what is alive in another.
    pub fn is_same(one: &Tree, other: &Tree) -> bool {
        let alive = |tree: &Tree| {
            let model = tree.queries().model();
            let entries = model.entries.iter().filter(|entry| entry.is_alive());
            let entries = entries.map(|entry| (entry.path.clone(), model.definition_of_entry(entry)));
            (entries.collect::<Vec<_>>(), model.servers.clone())
        };
        alive(one) == alive(other)
    }

    /// The top-level directories that hold what is alive, by their names.
    pub fn directories(tree: &Tree) -> Vec<(String, Node)> {
        let names = tree.queries().model().alive_directories();
        let literals = &tree.layout().place(Layout::ROOT).literals;
        let node = |name: &str| Some((name.to_owned(), Node::root().literal(*literals.get(name)?)));
        names.into_iter().filter_map(node).collect()
    }

    fn entry<T>(&self, node: &Node, of: impl FnOnce(&Entry) -> T) -> Option<T> {
        let tree = self.tree();
        tree.layout().place(node.place).entry(tree.queries().model()).map(of)
    }

    /// The log at a node, if one stands there.
    pub fn log(&self, node: &Node) -> Option<&Arc<EventLog>> {
        let server = self.tree().server_of(node).unwrap_or(ServerId(0));
        self.logs.get(&self.entry(node, |entry| entry.path.clone())?, server)
    }

    /// The rotated files of the logs in a directory: their names, and whose they are.
    pub fn rotated(&self, directory: &Node) -> Vec<(String, Node, Arc<LogFile>)> {
        let tree = self.tree();
        let literals = tree.layout().place(directory.place).literals.iter();
        let rotated = literals.filter_map(|(name, place)| {
            let node = directory.literal(*place);
            let file = self.log(&node)?.rotated()?;
            Some((rotated_name(name), node, file))
        });
        rotated.collect()
    }

    /// Whether a node is a control file.
    pub fn is_control(&self, node: &Node) -> bool {
        self.entry(node, |entry| entry.write.is_some()).unwrap_or(false)
    }

    /// The path of a node as the tree file has it.
    pub fn place(&self, node: &Node) -> String {
        self.entry(node, |entry| entry.place.text().trim_matches('"').to_owned()).unwrap_or_default()
    }

    /// Whether a node's content depends on who reads it.
    pub fn is_personal(&self, node: &Node) -> bool {
        self.entry(node, |entry| entry.personal).unwrap_or(false)
    }

    /// Whether a node shows the last answer of the server, rather than a content of its own.
    pub fn shows_answer(&self, node: &Node) -> bool {
        self.entry(node, |entry| matches!(entry.content, Content::LastAnswer)).unwrap_or(false)
    }

    /// The server's last answer to a control file's input; none before the first.
    pub fn last_answer(&self, node: &Node) -> Option<LastAnswer> {
        self.answers.lock().unwrap_or_else(PoisonError::into_inner).get(node).cloned()
    }

    /// The longest that an input takes: what it is made from, and the server's answer to it.
    pub fn deadline(&self, node: &Node) -> Duration {
        let timeout = self.entry(node, |entry| entry.write.as_ref().map(|write| write.timeout));
        self.tree().deadline() + timeout.flatten().unwrap_or_default()
    }

    /// Does what an input to a control file asks for, and waits for the answer.
    ///
    /// # Errors
    /// Why it was not done. If the connection was lost or the server did not answer in time, it may
    /// have been done all the same.
    pub async fn write(&self, node: &Node, input: &[u8]) -> Result<(), WriteError> {
        if input.len() > LONGEST_INPUT {
            return Err(WriteError::TooLong(input.len()));
        }
        let tree = self.tree();
        let entry = tree.layout().place(node.place).entry(tree.queries().model());
        let write = entry.and_then(|entry| entry.write.as_ref()).ok_or(TreeError::NotFound)?;
        let input = text::decode(without_line_end(input));
        if write.matches.as_ref().is_some_and(|pattern| !pattern.is_match(&input)) {
            return Err(WriteError::Mismatch);
        }
        let place = self.place(node);
        let action = tree.settle(|reads| action(&tree, &place, write, node, &input, reads)).await?;
        let said =
            tree.queries().act(tree.server_of(node), &place, write, action).await.map_err(TreeError::from)?;
        let answer = LastAnswer { text: said.text, at: SystemTime::now() };
        self.answers.lock().unwrap_or_else(PoisonError::into_inner).insert(node.clone(), answer);
        said.refusal.map_or(Ok(()), |refusal| Err(TreeError::from(refusal).into()))
    }
}

fn action(
    tree: &Tree,
    place: &str,
    write: &Write,
    node: &Node,
    input: &str,
    reads: &Reads,
) -> Result<Action, Step> {
    let bindings = tree.bindings(node, reads)?;
    Ok(tree.queries().action_of_input(place, write, input, &bindings, reads)?)
}

/// The name under which a log's rotated file stands.
pub fn rotated_name(name: &str) -> String {
    format!("{name}.1")
}

/// What was written, without the line end that `echo` adds.
fn without_line_end(input: &[u8]) -> &[u8] {
    let line = input.strip_suffix(b"\n").unwrap_or(input);
    if line.len() < input.len() { line.strip_suffix(b"\r").unwrap_or(line) } else { line }
}

#[cfg(test)]
#[path = "alive_tests.rs"]
mod tests;
