//! Which inode stands for what in a directory that is alive.
//!
//! A node has one inode for as long as the kernel knows it, whatever it shows. A log's file has one
//! of its own: when a log is rotated, another inode stands at its name.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;
use fuser::INodeNo;

use crate::query::LogFile;
use crate::tree::Node;

/// What an inode shows.
#[derive(Debug, Clone)]
pub enum Shown {
    /// A directory, a link, or a file that is not a log.
    Node(Node),
    /// A file of the log at that node.
    Log(Node, Arc<LogFile>),
}

impl Shown {
    /// The node that says who may do what with it.
    pub fn node(&self) -> &Node {
        match self {
            Shown::Node(node) | Shown::Log(node, _) => node,
        }
    }

    fn key(&self) -> Key {
        match self {
            Shown::Node(node) => (node.clone(), None),
            Shown::Log(node, file) => (node.clone(), Some(file.number())),
        }
    }
}

type Key = (Node, Option<u64>);

#[derive(Debug)]
struct Inode {
    shown: Shown,
    /// What it showed last, and since when that is so.
    seen: Bytes,
    changed: SystemTime,
    lookups: u64,
}

/// All inodes that the kernel may name.
#[derive(Debug)]
pub struct Inodes {
    by_number: HashMap<u64, Inode>,
    numbers: HashMap<Key, u64>,
    next: u64,
}

impl Inodes {
    /// Only the directory that is mounted.
    pub fn new(root: Node) -> Inodes {
        let mut inodes = Inodes { by_number: HashMap::new(), numbers: HashMap::new(), next: INodeNo::ROOT.0 };
        inodes.looked_up(&Shown::Node(root));
        inodes
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.by_number.len()
    }

    /// What an inode shows.
    pub fn get(&self, number: INodeNo) -> Option<Shown> {
        Some(self.by_number.get(&number.0)?.shown.clone())
    }

    /// The inode of that, mentioned to the kernel once more. To be called before the reply is sent.
    pub fn looked_up(&mut self, shown: &Shown) -> INodeNo {
        let number = *self.numbers.entry(shown.key()).or_insert(self.next);
        if number == self.next {
            self.next += 1;
        }
        let inode = self.by_number.entry(number).or_insert_with(|| Inode {
            shown: shown.clone(),
            seen: Bytes::new(),
            changed: SystemTime::now(),
            lookups: 0,
        });
        inode.lookups += 1;
        INodeNo(number)
    }

    /// Since when an inode has shown these bytes, as far as anybody looked.
    pub fn changed(&mut self, number: INodeNo, bytes: &Bytes) -> SystemTime {
        let Some(inode) = self.by_number.get_mut(&number.0) else { return SystemTime::now() };
        if inode.seen != *bytes {
            inode.seen = bytes.clone();
            inode.changed = SystemTime::now();
        }
        inode.changed
    }

    /// The kernel forgot that many mentions; an inode without any is gone.
    pub fn forget(&mut self, number: INodeNo, mentions: u64) {
        let Some(inode) = self.by_number.get_mut(&number.0) else { return };
        inode.lookups = inode.lookups.saturating_sub(mentions);
        if inode.lookups == 0 && number != INodeNo::ROOT {
            self.numbers.remove(&inode.shown.key());
            self.by_number.remove(&number.0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(name: &str) -> Shown {
        Shown::Node(Node { names: Arc::new([name.into()]), ..Node::root() })
    }

    #[test]
    fn an_inode_stays_until_the_kernel_forgot_every_mention() {
        let mut inodes = Inodes::new(Node::root());
        let first = inodes.looked_up(&shown("a"));
        assert_eq!(inodes.looked_up(&shown("a")), first);
        assert_ne!(inodes.looked_up(&shown("b")), first);
        inodes.forget(first, 1);
        assert!(inodes.get(first).is_some());
        inodes.forget(first, 1);
        assert!(inodes.get(first).is_none());
        assert_ne!(inodes.looked_up(&shown("a")), first, "a number is never given again");
        inodes.forget(INodeNo::ROOT, 5);
        assert!(inodes.get(INodeNo::ROOT).is_some());
    }

    #[test]
    fn a_time_changes_with_the_content_only() {
        let mut inodes = Inodes::new(Node::root());
        let number = inodes.looked_up(&shown("a"));
        let before = inodes.changed(number, &Bytes::from_static(b"x"));
        assert_eq!(inodes.changed(number, &Bytes::from_static(b"x")), before);
        assert!(inodes.changed(number, &Bytes::from_static(b"y")) > before);
    }
}
