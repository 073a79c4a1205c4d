//! Which inode stands for what.
//!
//! What a node of the tree shows, to everybody or to one user, has at most one current inode, the one
//! that a lookup finds. Older ones live on while the kernel remembers them: whoever has one open reads
//! on in the version he opened.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::time::SystemTime;

use fuser::INodeNo;
use hashbrown::HashTable;

use crate::tree::{Node, Rendered};

/// What an inode is of.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Shown {
    /// The node of the tree.
    pub node: Node,
    /// The only user, in this group, it is for; none if it is for everybody.
    pub reader: Option<(u32, u32)>,
}

impl From<Node> for Shown {
    fn from(node: Node) -> Shown {
        Shown { node, reader: None }
    }
}

/// One inode.
#[derive(Debug)]
pub struct Inode {
    /// What it shows.
    pub shown: Shown,
    /// A file's bytes or a link's target; none for a directory, and for a file that was listed
    /// before it was rendered.
    pub content: Option<Rendered>,
    /// The number under which the tree tells when that is no longer true.
    kept: Option<u32>,
    /// When its content was first seen.
    pub changed: SystemTime,
    /// How many times the kernel has been told of it and not forgotten it.
    lookups: u64,
}

/// What became of content that was placed.
#[derive(Debug, PartialEq, Eq)]
pub struct Placed {
    /// The inode that shows it.
    pub number: INodeNo,
    /// The inode that was current before, if it was another.
    pub replaced: Option<INodeNo>,
    /// What the tree need not tell of any more.
    pub release: Option<u32>,
}

/// All inodes that the kernel may name.
#[derive(Debug)]
pub struct Inodes {
    by_number: HashMap<u64, Box<Inode>>,
    current: Current,
    next: u64,
    started: SystemTime,
    bytes: usize,
}

impl Inodes {
    /// Only the mount point.
    pub fn new() -> Inodes {
        let started = SystemTime::now();
        let shown = Shown::from(Node::root());
        let next = INodeNo::ROOT.0;
        let mut inodes =
            Inodes { by_number: HashMap::new(), current: Current::default(), next, started, bytes: 0 };
        let root = inodes.insert(&shown, None, None, started);
        inodes.looked_up(root);
        inodes
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.by_number.len()
    }

    /// How many bytes they hold.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// The inode of that number.
    pub fn get(&self, number: INodeNo) -> Option<&Inode> {
        self.by_number.get(&number.0).map(|inode| &**inode)
    }

    /// The number of the current inode.
    pub fn number(&self, shown: &Shown) -> Option<INodeNo> {
        self.current.get(shown, &self.by_number).map(INodeNo)
    }

    /// The current inode.
    pub fn current(&self, shown: &Shown) -> Option<&Inode> {
        self.by_number.get(&self.current.get(shown, &self.by_number)?).map(|inode| &**inode)
    }

    /// The inode that shows this content: the current one, if its content is the same, else a new one
    /// that takes its place. `None` as content is a directory, or a file that is not rendered yet and
    /// whose current inode, if any, is as good. `kept` is the number under which the tree tells of it.
    pub fn place(&mut self, shown: &Shown, content: Option<Rendered>, kept: Option<u32>) -> Placed {
        let current = self.current.get(shown, &self.by_number);
        let Some((number, inode)) =
            current.and_then(|number| Some((number, self.by_number.get_mut(&number)?)))
        else {
            let always = content.as_ref().is_none_or(|content| content.used.is_empty());
            let changed = if always { self.started } else { SystemTime::now() };
            return Placed {
                number: self.insert(shown, content, kept, changed),
                replaced: None,
                release: None,
            };
        };
        let number = INodeNo(number);
        match (&mut inode.content, content) {
            (_, None) => Placed { number, replaced: None, release: kept },
            (Some(old), Some(new)) if old.bytes == new.bytes => {
                old.used = new.used;
                let release = std::mem::replace(&mut inode.kept, kept);
                Placed { number, replaced: None, release }
            }
            (empty @ None, new) => {
                self.bytes += new.as_ref().map_or(0, |content| content.bytes.len());
                *empty = new;
                (inode.kept, inode.changed) = (kept, SystemTime::now());
                Placed { number, replaced: None, release: None }
            }
            (Some(_), new) => {
                let release = inode.kept.take();
                let new = self.insert(shown, new, kept, SystemTime::now());
                self.drop_if_unknown(number);
                Placed { number: new, replaced: Some(number), release }
            }
        }
    }

    /// The content of an inode: what it has, or else this, which it has from now on. So two reads of
    /// one inode never see two versions. Also gives what the tree need not tell of.
    pub fn fill(
        &mut self,
        number: INodeNo,
        content: Rendered,
        kept: Option<u32>,
    ) -> (Option<&Inode>, Option<u32>) {
        let Some(inode) = self.by_number.get_mut(&number.0) else { return (None, kept) };
        if inode.content.is_some() {
            return (Some(inode), kept);
        }
        self.bytes += content.bytes.len();
        inode.content = Some(content);
        (inode.changed, inode.kept) = (SystemTime::now(), kept);
        (Some(inode), None)
    }

    fn insert(
        &mut self,
        shown: &Shown,
        content: Option<Rendered>,
        kept: Option<u32>,
        changed: SystemTime,
    ) -> INodeNo {
        let number = self.next;
        self.next += 1;
        self.bytes += content.as_ref().map_or(0, |content| content.bytes.len());
        let inode = Inode { shown: shown.clone(), content, kept, changed, lookups: 0 };
        self.by_number.insert(number, Box::new(inode));
        self.current.set(shown, number, &self.by_number);
        INodeNo(number)
    }

    /// Lets no lookup find the current inode any more; gives its number, and what the tree need not
    /// tell of any more.
    pub fn detach(&mut self, shown: &Shown) -> Option<(INodeNo, Option<u32>)> {
        let number = INodeNo(self.current.remove(shown, &self.by_number)?);
        let release = self.by_number.get_mut(&number.0).and_then(|inode| inode.kept.take());
        self.drop_if_unknown(number);
        Some((number, release))
    }

    /// The nodes that are shown now.
    pub fn shown(&self) -> impl Iterator<Item = &Node> {
        self.current.all(&self.by_number).map(|shown| &shown.node)
    }

    /// The same for everything that is shown of these nodes; gives what the tree need not tell of.
    pub fn detach_all(&mut self, of: impl Fn(&Node) -> bool) -> Vec<u32> {
        let shown = self.current.all(&self.by_number);
        let shown: Vec<Shown> = shown.filter(|shown| of(&shown.node)).cloned().collect();
        shown.iter().filter_map(|shown| self.detach(shown)?.1).collect()
    }

    /// Notes that a directory holds other names from now on; gives its number.
    pub fn touch(&mut self, shown: &Shown) -> Option<INodeNo> {
        let number = self.current.get(shown, &self.by_number)?;
        let inode = self.by_number.get_mut(&number)?;
        // a clock that stands still or goes back must not hide it
        let now = SystemTime::now();
        inode.changed = now.max(inode.changed + std::time::Duration::from_nanos(1));
        Some(INodeNo(number))
    }

    /// Counts one more mention of an inode to the kernel. To be called before the reply is sent,
    /// under the lock that chose the inode.
    pub fn looked_up(&mut self, number: INodeNo) {
        if let Some(inode) = self.by_number.get_mut(&number.0) {
            inode.lookups += 1;
        }
    }

    /// The kernel forgot that many mentions; an inode without any is gone. Gives it, if it is.
    pub fn forget(&mut self, number: INodeNo, mentions: u64) -> Option<Forgotten> {
        let inode = self.by_number.get_mut(&number.0)?;
        inode.lookups = inode.lookups.saturating_sub(mentions);
        self.drop_if_unknown(number)
    }

    fn drop_if_unknown(&mut self, number: INodeNo) -> Option<Forgotten> {
        let known = self.by_number.get(&number.0).is_none_or(|inode| inode.lookups > 0);
        if known || number == INodeNo::ROOT {
            return None;
        }
        let shown = self.by_number.get(&number.0)?.shown.clone();
        let was_current = self.current.get(&shown, &self.by_number) == Some(number.0);
        if was_current {
            self.current.remove(&shown, &self.by_number);
        }
        let inode = self.by_number.remove(&number.0)?;
        self.bytes -= inode.content.as_ref().map_or(0, |content| content.bytes.len());
        Some(Forgotten { node: shown.node, release: inode.kept, was_current })
    }
}

/// Which inode is the current one of what is shown: numbers alone, since the inodes know what they show.
#[derive(Debug, Default)]
struct Current {
    numbers: HashTable<u64>,
    hasher: RandomState,
}

impl Current {
    fn get(&self, shown: &Shown, inodes: &HashMap<u64, Box<Inode>>) -> Option<u64> {
        self.numbers.find(self.hasher.hash_one(shown), shows(shown, inodes)).copied()
    }

    fn set(&mut self, shown: &Shown, number: u64, inodes: &HashMap<u64, Box<Inode>>) {
        let hash = self.hasher.hash_one(shown);
        if let Some(known) = self.numbers.find_mut(hash, shows(shown, inodes)) {
            *known = number;
            return;
        }
        let hash_again =
            |known: &u64| inodes.get(known).map_or(0, |inode| self.hasher.hash_one(&inode.shown));
        self.numbers.insert_unique(hash, number, hash_again);
    }

    fn remove(&mut self, shown: &Shown, inodes: &HashMap<u64, Box<Inode>>) -> Option<u64> {
        let found = self.numbers.find_entry(self.hasher.hash_one(shown), shows(shown, inodes));
        found.ok().map(|found| found.remove().0)
    }

    fn all<'a>(&'a self, inodes: &'a HashMap<u64, Box<Inode>>) -> impl Iterator<Item = &'a Shown> {
        self.numbers.iter().filter_map(|number| inodes.get(number)).map(|inode| &inode.shown)
    }
}

fn shows(shown: &Shown, inodes: &HashMap<u64, Box<Inode>>) -> impl Fn(&u64) -> bool {
    |number| inodes.get(number).is_some_and(|inode| inode.shown == *shown)
}

/// An inode that is gone.
#[derive(Debug)]
pub struct Forgotten {
    /// What it showed.
    pub node: Node,
    /// What the tree need not tell of any more.
    pub release: Option<u32>,
    /// Whether no other inode shows that now.
    pub was_current: bool,
}

/// Whether a content is the very one that an inode shows.
pub fn is_same(inode: &Inode, content: &Rendered) -> bool {
    let known = inode.content.as_ref();
    known.is_some_and(|known| Arc::ptr_eq(&known.used, &content.used) && known.bytes == content.bytes)
}

#[cfg(test)]
#[path = "inodes_tests.rs"]
mod tests;
