//! A mount as it is measured: by whoever tells of it, while it is there.

use std::sync::{Arc, Weak};

use super::shared::Shared;
use crate::measure::Distribution;
use crate::tree::Tree;

/// The way to measure a mount; it does not keep it.
#[derive(Clone)]
pub struct Gauge(pub(super) Weak<Shared>);

/// What a mount shows, and what it did so far.
pub struct Measured {
    /// The tree that is mounted.
    pub tree: Arc<Tree>,
    /// The kinds of requests of the kernel, with how many came, and how long those took that were timed.
    pub requests: Vec<(&'static str, u64, Distribution)>,
    /// Contents that were rendered for requests.
    pub renders: u64,
    /// Inodes that are known.
    pub inodes: usize,
    /// Bytes that they hold.
    pub rendered_bytes: usize,
    /// Notices that the kernel got,
    pub notices: u64,
    /// and such that wait.
    pub notices_waiting: u64,
}

impl Gauge {
    /// The mount as it is now; none if it has gone.
    pub fn read(&self) -> Option<Measured> {
        let shared = self.0.upgrade()?;
        let (inodes, rendered_bytes) = {
            let inodes = shared.inodes();
            (inodes.count(), inodes.bytes())
        };
        let (notices, notices_waiting) = shared.notices.counts();
        Some(Measured {
            tree: shared.tree(),
            requests: shared.counters.by_kind(),
            renders: shared.counters.rendered(),
            inodes,
            rendered_bytes,
            notices,
            notices_waiting,
        })
    }
}
