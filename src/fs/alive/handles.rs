//! Open files and directories.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use fuser::{Errno, FileHandle, FileType};

use crate::query::LogFile;
use crate::tree::Node;

/// What is open.
#[derive(Debug)]
pub enum Open {
    /// A file as it was when it was opened.
    Snapshot(Bytes),
    /// A log's file, as it is when it is read.
    Log(Arc<LogFile>),
    /// A control file.
    Control(OpenControl),
    /// A directory as it was when it was opened: the names, and what they are.
    Directory(Vec<(Bytes, FileType)>),
}

/// A control file that is open.
#[derive(Debug)]
pub struct OpenControl {
    /// The control file.
    pub node: Node,
    shown: Mutex<Bytes>,
    refused: Mutex<Option<(Bytes, Errno)>>,
}

impl OpenControl {
    /// A control file that showed this when it was opened.
    pub fn new(node: Node, shown: Bytes) -> OpenControl {
        OpenControl { node, shown: Mutex::new(shown), refused: Mutex::default() }
    }

    /// What reading gives.
    pub fn shown(&self) -> Bytes {
        lock(&self.shown).clone()
    }

    /// Shows the answer to what was written by this handle.
    pub fn show(&self, answer: Bytes) {
        *lock(&self.shown) = answer;
    }

    /// Why this input was refused, if it is the one that was refused last: some programs write it
    /// again when they close the file (Python does), and nothing is to be done twice.
    pub fn refused(&self, input: &[u8]) -> Option<Errno> {
        lock(&self.refused).as_ref().filter(|(refused, _)| refused == input).map(|(_, errno)| *errno)
    }

    /// Notes what came of an input.
    pub fn note(&self, input: Bytes, refusal: Option<Errno>) {
        *lock(&self.refused) = refusal.map(|errno| (input, errno));
    }
}

/// Everything that is open, by the number that the kernel has for it.
#[derive(Debug, Default)]
pub struct Handles {
    open: Mutex<HashMap<u64, Arc<Open>>>,
    next: AtomicU64,
}

impl Handles {
    /// Keeps what was opened until it is closed.
    pub fn keep(&self, open: Open) -> FileHandle {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        lock(&self.open).insert(number, Arc::new(open));
        FileHandle(number)
    }

    /// What is open by that number.
    pub fn get(&self, handle: FileHandle) -> Option<Arc<Open>> {
        lock(&self.open).get(&handle.0).cloned()
    }

    /// Forgets what was closed.
    pub fn close(&self, handle: FileHandle) {
        lock(&self.open).remove(&handle.0);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
