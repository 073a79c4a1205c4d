//! Telling the kernel what it must not remember any more.
//!
//! The kernel takes a directory's lock to drop a name, and holds it while a lookup in that directory
//! waits for us. So notices are sent by threads that serve no request and hold no lock, after what they
//! tell of can be seen; and a directory in which a request waits for a server gets its notices when that
//! request is answered, so that it does not hold up those of others. A request can still come between
//! the look whether one waits and the kernel's taking of the lock: so there are several such threads, of
//! which one at a time tells of a directory.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, VecDeque};
use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use fuser::{INodeNo, Notifier};

use crate::parse::text;
use crate::sync::{AtomicU64, Mutex, MutexGuard, Ordering, PoisonError, Receiver, Sender, channel};

/// What the kernel has to drop.
#[derive(Debug, Clone)]
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

    /// Has the kernel drop it.
    ///
    /// # Errors
    /// Where the kernel does not take it.
    pub fn tell(&self, kernel: &Notifier) -> io::Result<()> {
        match self {
            Notice::Name(directory, name) => {
                kernel.inval_entry(*directory, OsStr::from_bytes(&text::encode(name)))
            }
            Notice::Names(directory) => kernel.inval_inode(*directory, 0, 0),
        }
    }
}

/// Where notices are handed in.
#[derive(Debug)]
pub struct Notices {
    sender: Sender<Notice>,
    /// Directories in which requests wait, or of which the kernel is being told.
    held: Mutex<HashMap<u64, Busy>>,
    /// How many were handed in, and how many of these sent.
    told: AtomicU64,
    sent: AtomicU64,
}

/// A directory of which nothing can be told just now.
#[derive(Debug, Default)]
struct Busy {
    /// How many requests wait in it.
    requests: usize,
    /// Whether a thread is telling of it.
    told: bool,
    /// The notices for afterwards.
    waiting: VecDeque<Notice>,
}

/// The other end, for the threads that send them.
pub struct Unsent(pub(super) Mutex<Receiver<Notice>>);

/// So many threads send notices: each can be held up by one directory.
pub const SENDERS: usize = 4;

/// While it lives, a directory gets no notices: a request in it waits.
pub struct Held {
    notices: Arc<Notices>,
    directory: u64,
}

impl Notices {
    /// Both ends.
    pub fn new() -> (Arc<Notices>, Unsent) {
        let (sender, receiver) = channel();
        let notices =
            Notices { sender, held: Mutex::default(), told: AtomicU64::new(0), sent: AtomicU64::new(0) };
        (Arc::new(notices), Unsent(Mutex::new(receiver)))
    }

    fn held(&self) -> MutexGuard<'_, HashMap<u64, Busy>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Hands notices in. What they tell of has to be there for the kernel to find.
    pub fn tell(&self, notices: impl IntoIterator<Item = Notice>) {
        for notice in notices {
            self.told.fetch_add(1, Ordering::Relaxed);
            self.hand_in(notice);
        }
    }

    fn hand_in(&self, notice: Notice) {
        // without the other end there is no mount any more
        let _ = self.sender.send(notice);
    }

    /// Whether requests wait in a directory, or somebody is telling of it.
    #[cfg(test)]
    pub(super) fn is_busy(&self, directory: INodeNo) -> bool {
        self.held().contains_key(&directory.0)
    }

    /// How many were sent.
    pub fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }

    /// Waits until what was handed in so far has been sent, but no longer than that.
    pub fn wait_until_sent(&self, patience: Duration) {
        let told = self.told.load(Ordering::Relaxed);
        let deadline = Instant::now() + patience;
        while self.sent() < told && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// Holds a directory's notices while a request in it waits.
    pub fn hold(self: &Arc<Self>, directory: INodeNo) -> Held {
        self.held().entry(directory.0).or_default().requests += 1;
        Held { notices: Arc::clone(self), directory: directory.0 }
    }

    /// Sends what is handed in, by telling the kernel, until there is no mount any more. For threads of their own.
    pub fn send(&self, unsent: &Unsent, tell: impl Fn(&Notice) -> io::Result<()>) {
        // begun before another thread takes the next: the notices of a directory keep their order
        let next = || {
            let unsent = unsent.0.lock().unwrap_or_else(PoisonError::into_inner);
            unsent.recv().map(|notice| self.begin(notice))
        };
        while let Ok(mut ready) = next() {
            while let Some(notice) = ready {
                let done = tell(&notice);
                self.sent.fetch_add(1, Ordering::Relaxed);
                if let Err(error) = done {
                    tracing::debug!("the kernel does not take {notice:?}: {error}");
                }
                ready = self.go_on(notice.directory());
            }
        }
    }

    /// Gives a notice back if its directory can be told of, which it is from now on.
    pub(super) fn begin(&self, notice: Notice) -> Option<Notice> {
        let mut held = self.held();
        match held.entry(notice.directory()) {
            Entry::Occupied(mut busy) => {
                busy.get_mut().waiting.push_back(notice);
                None
            }
            Entry::Vacant(place) => {
                place.insert(Busy { told: true, ..Busy::default() });
                Some(notice)
            }
        }
    }

    /// The next notice of a directory that is being told of, unless a request waits in it now.
    pub(super) fn go_on(&self, directory: u64) -> Option<Notice> {
        let mut held = self.held();
        let busy = held.get_mut(&directory)?;
        busy.told = false;
        if busy.requests > 0 {
            return None;
        }
        let Some(notice) = busy.waiting.pop_front() else {
            held.remove(&directory);
            return None;
        };
        busy.told = true;
        Some(notice)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let mut held = self.notices.held();
        let Some(busy) = held.get_mut(&self.directory) else { return };
        busy.requests -= 1;
        // who is telling of it goes on by himself
        if busy.requests == 0 && !busy.told {
            let waiting = held.remove(&self.directory).map(|busy| busy.waiting);
            drop(held);
            waiting.into_iter().flatten().for_each(|notice| self.notices.hand_in(notice));
        }
    }
}
