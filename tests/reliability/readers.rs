//! Threads that look at everything in a mount all the time, and judge what they are shown.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::support::calls::Calls;

/// The rest after each call: a machine is not to be kept busy by looking alone.
const REST: Duration = Duration::from_millis(4);

/// So much is told of what should not have been read, in bytes.
const SHOWN: usize = 300;

/// The files that tell the same as long as the server is the same.
pub type Truth = BTreeMap<PathBuf, Vec<u8>>;

/// What readers share.
pub struct Readers<'a> {
    calls: &'a Calls,
    top: &'a Path,
    peers: Vec<String>,
    /// How many records there are.
    count: usize,
    truth: Truth,
    ended: AtomicBool,
    /// How many reads gave what is marked stale.
    pub stale: AtomicUsize,
    untrue: Mutex<Vec<Untrue>>,
}

/// What was read in place of what the server tells.
pub struct Untrue {
    path: PathBuf,
    content: Vec<u8>,
    stale: bool,
}

impl fmt::Display for Untrue {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Untrue { path, content, stale } = self;
        let shown = &content[..content.len().min(SHOWN)];
        let stale = if *stale { "stale" } else { "fresh" };
        write!(formatter, "{}, {stale}: `{}`", path.display(), shown.escape_ascii())
    }
}

impl<'a> Readers<'a> {
    /// Readers of a mount that is well; they look at these records, of so many.
    pub fn new(
        calls: &'a Calls,
        top: &'a Path,
        peers: Vec<String>,
        count: usize,
        truth: Truth,
    ) -> Readers<'a> {
        Readers {
            calls,
            top,
            peers,
            count,
            truth,
            ended: AtomicBool::new(false),
            stale: AtomicUsize::new(0),
            untrue: Mutex::default(),
        }
    }

    /// Has the mount looked at while something is done.
    pub fn during<T>(&self, work: impl FnOnce() -> T) -> T {
        self.ended.store(false, Ordering::Relaxed);
        std::thread::scope(|scope| {
            let loops: [fn(&Self); 5] =
                [Self::look, Self::read, Self::list, Self::read_strictly, Self::use_what_is_alive];
            for one in loops {
                scope.spawn(move || {
                    while !self.ended.load(Ordering::Relaxed) {
                        one(self);
                    }
                });
            }
            // also if the work panics: else the scope would wait for the readers for ever
            let end = AtEnd(&self.ended);
            let done = work();
            drop(end);
            done
        })
    }

    /// The reads that gave something else than the server tells.
    pub fn untrue(&self) -> MutexGuard<'_, Vec<Untrue>> {
        self.untrue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn peer(&self, peer: &str, file: &str) -> PathBuf {
        self.top.join("peers").join(peer).join(file)
    }

    fn rest(&self) {
        std::thread::sleep(REST);
    }

    fn look(&self) {
        for peer in &self.peers {
            for file in ["address", "context"] {
                let _ = self.calls.stat(&self.peer(peer, file));
                self.rest();
            }
            let _ = self.calls.link(&self.top.join("online").join(peer));
        }
        let _ = self.calls.stat(&self.top.join("peers/nobody"));
    }

    fn read(&self) {
        for peer in &self.peers {
            self.read_one(&self.peer(peer, "context"));
            let _ = self.calls.read(&self.peer(peer, "address"));
            self.rest();
        }
        for file in ["motd", "version", "uptime"] {
            self.read_one(&self.top.join(file));
        }
    }

    fn read_one(&self, path: &Path) {
        let Ok(content) = self.calls.read(path) else { return };
        let stale = self.calls.is_stale(path).is_ok_and(|stale| stale);
        self.stale.fetch_add(stale.into(), Ordering::Relaxed);
        if self.truth.get(path).is_some_and(|truth| *truth != content) {
            let path = path.strip_prefix(self.top).unwrap_or(path).to_owned();
            self.untrue().push(Untrue { path, content, stale });
        }
        self.rest();
    }

    fn list(&self) {
        for directory in ["", "peers", "online"] {
            let _ = self.calls.list(&self.top.join(directory));
            self.rest();
        }
        for peer in &self.peers {
            let _ = self.calls.list(&self.top.join("peers").join(peer));
            self.rest();
        }
    }

    fn read_strictly(&self) {
        self.read_one(&self.top.join("strict"));
    }

    fn use_what_is_alive(&self) {
        let _ = self.calls.write(&self.top.join("control/show"), &self.peers[0]);
        let _ = self.calls.read(&self.top.join("control/show"));
        let _ = self.calls.read(&self.top.join("events/all"));
        let _ = self.calls.list(&self.top.join("control"));
        std::thread::sleep(REST * 25);
    }

    /// How long it takes until everything is there again and fresh; no more than `patience`.
    pub fn recovery(&self, version: &str, patience: Duration) -> Option<Duration> {
        let begin = Instant::now();
        while begin.elapsed() < patience {
            if self.is_well(version) {
                return Some(begin.elapsed());
            }
            self.rest();
        }
        None
    }

    fn is_well(&self, version: &str) -> bool {
        let fresh = |path: &Path| self.calls.is_stale(path).is_ok_and(|stale| !stale);
        let is_true = |path: &Path| {
            let content = self.calls.read(path);
            content.is_ok_and(|content| self.truth.get(path).is_none_or(|truth| *truth == content))
        };
        let strict = self.calls.read(&self.top.join("strict")).unwrap_or_default();
        let names = self.calls.list(&self.top.join("peers")).map_or(0, |names| names.len());
        strict.starts_with(version.as_bytes())
            && names == self.count
            && fresh(&self.top.join("version"))
            && self.peers.iter().all(|peer| {
                let context = self.peer(peer, "context");
                is_true(&context) && fresh(&context)
            })
    }
}

/// Tells readers to end.
struct AtEnd<'a>(&'a AtomicBool);

impl Drop for AtEnd<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
