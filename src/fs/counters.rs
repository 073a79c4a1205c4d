//! How often what happened.

use std::sync::atomic::{AtomicU64, Ordering};

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

/// Counts since the mount began.
#[derive(Debug, Default)]
pub struct Counters {
    requests: [AtomicU64; 6],
    renders: AtomicU64,
}

impl Counters {
    /// One more request.
    pub fn request(&self, kind: Request) {
        self.requests[kind as usize].fetch_add(1, Ordering::Relaxed);
    }

    /// One more content rendered.
    pub fn renders(&self) {
        self.renders.fetch_add(1, Ordering::Relaxed);
    }

    /// The counts by their names.
    pub fn all(&self) -> Vec<(&'static str, u64)> {
        const NAMES: [&str; 6] =
            ["fuse_lookup", "fuse_getattr", "fuse_readlink", "fuse_read", "fuse_readdir", "fuse_other"];
        let counts: Vec<u64> = self.requests.iter().map(|count| count.load(Ordering::Relaxed)).collect();
        let total = [("fuse_requests", counts.iter().sum())];
        let renders = [("renders", self.renders.load(Ordering::Relaxed))];
        total.into_iter().chain(NAMES.into_iter().zip(counts)).chain(renders).collect()
    }
}
