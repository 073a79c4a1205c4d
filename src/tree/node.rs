//! Places for particular records.

use std::sync::Arc;

use super::layout::{Layout, PlaceId};

/// A place together with the names of the records that its path variables stand for, outermost
/// first. Two equal nodes are one path.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Node {
    /// The place.
    pub place: PlaceId,
    /// The names in the directories, as they are listed.
    pub names: Arc<[Arc<str>]>,
}

impl Node {
    /// The mount point.
    pub fn root() -> Node {
        Node { place: Layout::ROOT, names: Arc::new([]) }
    }

    /// A place in this directory that has a name of its own.
    pub fn literal(&self, place: PlaceId) -> Node {
        Node { place, names: Arc::clone(&self.names) }
    }

    /// A place in this directory for the record of that name.
    pub fn record(&self, place: PlaceId, name: &Arc<str>) -> Node {
        Node { place, names: self.names.iter().cloned().chain([Arc::clone(name)]).collect() }
    }
}
