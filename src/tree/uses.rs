//! How often each path of the tree file was used: counted where it is used, told of by monitoring.

use std::sync::atomic::{AtomicU64, Ordering};

use super::layout::{Kind, PlaceId};
use super::lookup::Tree;

/// What is done with a file or link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Use {
    /// Somebody looked for its name and found it.
    Lookup,
    /// Somebody read of it.
    Read,
    /// What it holds was computed, or could not be.
    Render,
}

/// How often each use was made of a place, whatever records it stood for.
#[derive(Debug, Default)]
pub struct Uses([AtomicU64; 3]);

impl Uses {
    fn of(&self, which: Use) -> u64 {
        self.0[which as usize].load(Ordering::Relaxed)
    }
}

/// How often a path of the tree file was used, as it stands there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PathUses {
    /// The path, with its variables.
    pub path: String,
    /// How often somebody looked for a name and found it here,
    pub lookups: u64,
    /// how often somebody read,
    pub reads: u64,
    /// and how often a content was computed, or could not be.
    pub renders: u64,
}

impl Tree {
    /// One more use of what stands at a place; of one that this tree does not have, nothing is counted.
    pub fn count(&self, place: PlaceId, which: Use) {
        if let Some(place) = self.layout().places.get(place.0) {
            place.uses.0[which as usize].fetch_add(1, Ordering::Relaxed);
        }
    }

    /// The files and links of the tree file that were used, in the order in which they stand there. What the tree
    /// file has not got since it was read again is not told of.
    pub fn uses(&self) -> Vec<PathUses> {
        let model = self.queries().model();
        let mut used: Vec<_> = self.layout().places.iter().filter(|place| place.entry.is_some()).collect();
        used.sort_by_key(|place| place.entry);
        let told =
            used.into_iter().filter(|place| place.kind(model) != Kind::Directory).filter_map(|place| {
                let [lookups, reads, renders] =
                    [Use::Lookup, Use::Read, Use::Render].map(|which| place.uses.of(which));
                let path = place.entry(model)?.path.to_string();
                (lookups + reads + renders > 0).then_some(PathUses { path, lookups, reads, renders })
            });
        told.collect()
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::query::recorded::{Recorded, model, queries};

    const TREE: &str = "[query.peers]\ncommand = 'sip show peers'\nparse = 'lines'\n[each.peer]\nin = 'peers'\n\
                        [tree]\n'peers/{peer}/name' = { render = '{{ peer }}' }\n'motd' = { text = 'hello' }\n";

    #[tokio::test]
    async fn a_path_is_counted_for_all_its_records_and_as_long_as_it_is_the_same() {
        let server = Recorded::new();
        server.prints("sip show peers", "6001\n6002\n");
        let tree = Tree::new(queries(TREE, &server));
        for path in ["peers/6001/name", "peers/6002/name", "motd"] {
            let node = tree.resolve(Path::new(path)).await.unwrap();
            tree.count(node.place, Use::Lookup);
            tree.content(&node).await.unwrap();
        }
        tree.count(tree.resolve(Path::new("peers/6001")).await.unwrap().place, Use::Lookup);
        let uses = |path: &str, lookups, renders| PathUses { path: path.into(), lookups, reads: 0, renders };
        assert_eq!(tree.uses(), [uses("peers/{peer}/name", 2, 2), uses("motd", 1, 1)]);

        // read again: what is the same goes on, what is another begins, what is not there any more is not told of
        let same = tree.succeeded_by(model(&TREE.replace("hello", "good day")), &[]).tree;
        assert_eq!(same.uses(), [uses("peers/{peer}/name", 2, 2)]);
        let node = same.resolve(Path::new("motd")).await.unwrap();
        same.count(node.place, Use::Lookup);
        assert_eq!(same.uses()[1], uses("motd", 1, 0));
    }
}
