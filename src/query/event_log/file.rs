//! One generation of a log.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

/// Lines that are only ever added to.
#[derive(Debug)]
pub struct LogFile {
    number: u64,
    text: Mutex<Text>,
}

#[derive(Debug)]
struct Text {
    bytes: Vec<u8>,
    changed: SystemTime,
}

impl LogFile {
    pub(super) fn new() -> LogFile {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let text = Text { bytes: Vec::new(), changed: SystemTime::now() };
        LogFile { number: NEXT.fetch_add(1, Ordering::Relaxed), text: Mutex::new(text) }
    }

    fn text(&self) -> MutexGuard<'_, Text> {
        self.text.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A number that no other log file of this program has.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// How long it is now, in bytes, and since when.
    pub fn size(&self) -> (usize, SystemTime) {
        let text = self.text();
        (text.bytes.len(), text.changed)
    }

    /// At most `count` of its bytes from `offset` on: none at its end.
    pub fn read(&self, offset: u64, count: usize) -> Vec<u8> {
        let text = self.text();
        let start = usize::try_from(offset).unwrap_or(usize::MAX).min(text.bytes.len());
        text.bytes[start..start.saturating_add(count).min(text.bytes.len())].to_vec()
    }

    pub(super) fn append(&self, line: &[u8]) {
        let mut text = self.text();
        text.bytes.extend_from_slice(line);
        text.changed = SystemTime::now();
    }
}
