//! Asking ahead for whoever walks through the records of a directory.
//!
//! The details of a record are asked for when somebody looks at them. A walk over thousands of records
//! would wait for each in turn; so, as a disk is read ahead, the records behind the one that somebody
//! waits for are asked for together, more and more of them as long as he goes on in order. A listing
//! alone, as `find` makes, asks for nothing.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::shared::Shared;
use crate::tree::{Node, Rendered};

/// How many records are asked for ahead at first, and at most.
const FIRST: usize = 8;
const MOST: usize = 256;
/// After that long, a walk is another one.
const FORGOTTEN: Duration = Duration::from_secs(5);

/// What is asked for ahead, by directory.
#[derive(Debug, Default)]
pub struct Readahead {
    windows: Mutex<HashMap<Node, Window>>,
}

/// The records that were last asked for ahead in a directory.
#[derive(Debug, Default)]
struct Window {
    /// The cookies of the record that somebody waited for, and of the last one.
    start: u64,
    end: u64,
    size: usize,
    /// When they were asked for.
    asked: Option<Instant>,
    /// Their contents, until somebody looks at them.
    prepared: HashMap<Node, Rendered>,
    /// In how many more records a listing does not try to show what their files hold: the last one that
    /// tried lacked the answers, and to try costs as much as to show.
    untried: usize,
}

/// A listing tries again after so many records.
const UNTRIED: usize = 16;

impl Readahead {
    fn windows(&self) -> MutexGuard<'_, HashMap<Node, Window>> {
        self.windows.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shared {
    /// A content that was prepared because somebody was expected to look at it.
    pub fn prepared(&self, node: &Node) -> Option<Rendered> {
        if node.names.is_empty() {
            return None;
        }
        let (records, _) = self.records_around(node)?;
        self.readahead.windows().get_mut(&records)?.prepared.remove(node)
    }

    /// Whether a listing should try to show what a file holds, though nobody has looked at it yet.
    pub fn is_worth_trying(&self, file: &Node) -> bool {
        let Some((records, _)) = self.records_around(file) else { return true };
        let mut windows = self.readahead.windows();
        let Some(window) = windows.get_mut(&records).filter(|window| window.untried > 0) else { return true };
        let prepared = window.prepared.contains_key(file);
        window.untried -= usize::from(!prepared);
        prepared
    }

    /// Notes whether the answers for a file were here when a listing tried.
    pub fn tried(&self, file: &Node, lacked: bool) {
        let Some((records, _)) = self.records_around(file) else { return };
        let mut windows = self.readahead.windows();
        if lacked {
            windows.entry(records).or_default().untried = UNTRIED;
        } else if let Some(window) = windows.get_mut(&records) {
            window.untried = 0;
        }
    }

    /// The directory of records in one of which a file stands, and that record's name.
    fn records_around(&self, file: &Node) -> Option<(Node, Arc<str>)> {
        let (record, _) = self.tree().above(file)?;
        let (records, name) = self.tree().above(&record)?;
        (records.names.len() < record.names.len()).then_some((records, name))
    }

    /// Somebody waits for a file of a record: asks for the files of the records behind it.
    pub fn look_ahead(self: &Arc<Self>, file: &Node) {
        let Some((records, name)) = self.records_around(file) else { return };
        let Some(directory) = self.tree().directory_known(&records) else { return };
        let Some(cookie) = directory.cookie(&name) else { return };
        let names = {
            let mut windows = self.readahead.windows();
            let window = windows.entry(records.clone()).or_default();
            let recent = window.asked.is_some_and(|asked| asked.elapsed() < FORGOTTEN);
            if recent && (window.start..=window.end).contains(&cookie) {
                return; // it is on its way
            }
            let next = directory.after(window.end, 1).first().map(|named| named.cookie);
            let size = if recent && next == Some(cookie) { (window.size * 2).min(MOST) } else { FIRST };
            let names = directory.after(cookie, size);
            let end = names.last().map_or(cookie, |last| last.cookie);
            let (asked, prepared) = (Some(Instant::now()), HashMap::new());
            *window = Window { start: cookie, end, size, asked, prepared, untried: 0 };
            names
        };
        let files: Vec<Node> = names.iter().flat_map(|named| self.tree().files_in(&named.node)).collect();
        let shared = Arc::clone(self);
        self.runtime.spawn(async move {
            let prepared = |node: &Node, content: Rendered| {
                if let Some(window) = shared.readahead.windows().get_mut(&records) {
                    window.prepared.insert(node.clone(), content);
                }
            };
            shared.tree().prepare(files, prepared).await;
        });
    }
}
