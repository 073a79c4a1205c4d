//! Telling the kernel what it must not remember any more.
//!
//! The kernel takes a directory's lock to drop a name, and holds it while a lookup in that directory
//! waits for us. So notices are sent by a thread that serves no request and holds no lock, after what
//! they tell of can be seen; and a directory in which a request waits for a server gets its notices
//! when that request is answered, so that it does not hold up those of others.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use fuser::{INodeNo, Notifier};

use crate::parse::text;

/// What the kernel has to drop.
#[derive(Debug)]
pub enum Notice {
    /// What it knows of a name in a directory.
    Name(INodeNo, Arc<str>),
    /// What it knows of a directory: its attributes and its list of names.
    Names(INodeNo),
}

impl Notice {
    fn directory(&self) -> u64 {
        match self {
            Notice::Name(directory, _) | Notice::Names(directory) => directory.0,
        }
    }
}

/// Where notices are handed in.
#[derive(Debug)]
pub struct Notices {
    sender: Sender<Notice>,
    /// Directories in which requests wait, how many, and the notices for afterwards.
    held: Mutex<HashMap<u64, (usize, Vec<Notice>)>>,
    sent: AtomicU64,
}

/// The other end, for the thread that sends them.
pub struct Unsent(Receiver<Notice>);

/// While it lives, a directory gets no notices: a request in it waits.
pub struct Held {
    notices: Arc<Notices>,
    directory: u64,
}

impl Notices {
    /// Both ends.
    pub fn new() -> (Arc<Notices>, Unsent) {
        let (sender, receiver) = channel();
        let notices = Notices { sender, held: Mutex::default(), sent: AtomicU64::new(0) };
        (Arc::new(notices), Unsent(receiver))
    }

    fn held(&self) -> MutexGuard<'_, HashMap<u64, (usize, Vec<Notice>)>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Hands notices in. What they tell of has to be there for the kernel to find.
    pub fn tell(&self, notices: impl IntoIterator<Item = Notice>) {
        for notice in notices {
            // without the other end there is no mount any more
            let _ = self.sender.send(notice);
        }
    }

    /// How many were sent.
    pub fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }

    /// Holds a directory's notices while a request in it waits.
    pub fn hold(self: &Arc<Self>, directory: INodeNo) -> Held {
        self.held().entry(directory.0).or_default().0 += 1;
        Held { notices: Arc::clone(self), directory: directory.0 }
    }

    /// Sends what is handed in until there is no mount any more. For a thread of its own.
    pub fn send(&self, unsent: &Unsent, kernel: &Notifier) {
        while let Ok(notice) = unsent.0.recv() {
            if let Some((_, waiting)) = self.held().get_mut(&notice.directory()) {
                waiting.push(notice);
                continue;
            }
            let done = match &notice {
                Notice::Name(directory, name) => {
                    kernel.inval_entry(*directory, OsStr::from_bytes(&text::encode(name)))
                }
                Notice::Names(directory) => kernel.inval_inode(*directory, 0, 0),
            };
            self.sent.fetch_add(1, Ordering::Relaxed);
            if let Err(error) = done {
                tracing::debug!("the kernel does not take {notice:?}: {error}");
            }
        }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let mut held = self.notices.held();
        let Some((count, _)) = held.get_mut(&self.directory) else { return };
        *count -= 1;
        if *count == 0 {
            let waiting = held.remove(&self.directory).map(|(_, waiting)| waiting);
            drop(held);
            self.notices.tell(waiting.into_iter().flatten());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notices_of_a_directory_in_which_somebody_waits_come_when_he_is_answered() {
        let (notices, unsent) = Notices::new();
        let (one, two) = (notices.hold(INodeNo(5)), notices.hold(INodeNo(5)));
        notices.held().get_mut(&5).unwrap().1.push(Notice::Names(INodeNo(5)));
        drop(one);
        assert!(unsent.0.try_recv().is_err(), "somebody waits still");
        drop(two);
        assert!(matches!(unsent.0.try_recv(), Ok(Notice::Names(INodeNo(5)))));
        assert!(notices.held().is_empty());
    }
}
