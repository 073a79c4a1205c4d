//! How often what happened.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use crate::measure::{Distribution, Durations};

/// The requests that are counted by kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Request {
    /// What does a name lead to?
    Lookup,
    /// What are an inode's attributes?
    Getattr,
    /// Where does a link lead?
    Readlink,
    /// Give bytes of a file.
    Read,
    /// Give names of a directory.
    Readdir,
    /// Anything else but FORGET, which is no question.
    Other,
}

/// What the counts of the kinds are called.
const KINDS: [&str; 6] =
    ["fuse_lookup", "fuse_getattr", "fuse_readlink", "fuse_read", "fuse_readdir", "fuse_other"];

/// Counts since the mount began.
#[derive(Debug, Default)]
pub struct Counters {
    requests: [AtomicU64; KINDS.len()],
    took: Arc<[Durations; KINDS.len()]>,
    renders: AtomicU64,
}

/// Of so many requests of a kind one is timed: two looks at the clock cost more than all other counting, and a tenth
/// of an answer from memory.
const TIMED: u64 = 8;

/// A request that is being answered: when this goes, it is.
#[derive(Debug)]
pub struct Answering {
    /// Its end is what counts.
    _timed: Option<Timed>,
}

#[derive(Debug)]
struct Timed {
    took: Arc<[Durations; KINDS.len()]>,
    kind: Request,
    begun: Instant,
}

impl Drop for Timed {
    fn drop(&mut self) {
        self.took[self.kind as usize].add(self.begun.elapsed());
    }
}

impl Counters {
    /// One more request, to be kept until it is answered.
    pub fn request(&self, kind: Request) -> Answering {
        let before = self.requests[kind as usize].fetch_add(1, Ordering::Relaxed);
        let timed = || Timed { took: Arc::clone(&self.took), kind, begun: Instant::now() };
        Answering { _timed: before.is_multiple_of(TIMED).then(timed) }
    }

    /// One more content rendered.
    pub fn renders(&self) {
        self.renders.fetch_add(1, Ordering::Relaxed);
    }

    /// How many contents were rendered.
    pub fn rendered(&self) -> u64 {
        self.renders.load(Ordering::Relaxed)
    }

    /// The kinds of requests, with how many came, and how long those took that were timed.
    pub fn by_kind(&self) -> Vec<(&'static str, u64, Distribution)> {
        let counts = self.requests.iter().map(|count| count.load(Ordering::Relaxed));
        let took = self.took.iter().map(Durations::so_far);
        let kinds = KINDS.map(|kind| kind.trim_start_matches("fuse_")).into_iter();
        kinds.zip(counts).zip(took).map(|((kind, count), took)| (kind, count, took)).collect()
    }

    /// The counts by their names.
    pub fn all(&self) -> Vec<(&'static str, u64)> {
        let counts: Vec<u64> = self.requests.iter().map(|count| count.load(Ordering::Relaxed)).collect();
        let total = [("fuse_requests", counts.iter().sum())];
        let renders = [("renders", self.rendered())];
        total.into_iter().chain(KINDS.into_iter().zip(counts)).chain(renders).collect()
    }
}
