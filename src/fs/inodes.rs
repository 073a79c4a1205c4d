//! Which inode stands for what.
//!
//! A node of the tree has at most one current inode, the one that a lookup finds. Older ones live on
//! while the kernel remembers them: whoever has one open reads on in the version he opened.

use std::collections::HashMap;
use std::time::SystemTime;

use fuser::INodeNo;

use crate::tree::{Node, Rendered};

/// One inode.
#[derive(Debug)]
pub struct Inode {
    /// What it shows.
    pub node: Node,
    /// A file's bytes or a link's target; none for a directory, and for a file that was listed
    /// before it was rendered.
    pub content: Option<Rendered>,
    /// When its content was first seen.
    pub changed: SystemTime,
    /// How many times the kernel has been told of it and not forgotten it.
    lookups: u64,
}

/// All inodes that the kernel may name.
#[derive(Debug)]
pub struct Inodes {
    by_number: HashMap<u64, Inode>,
    current: HashMap<Node, u64>,
    next: u64,
    started: SystemTime,
}

impl Inodes {
    /// Only the mount point.
    pub fn new() -> Inodes {
        let started = SystemTime::now();
        let root = Inode { node: Node::root(), content: None, changed: started, lookups: 1 };
        Inodes {
            by_number: HashMap::from([(INodeNo::ROOT.0, root)]),
            current: HashMap::from([(Node::root(), INodeNo::ROOT.0)]),
            next: INodeNo::ROOT.0 + 1,
            started,
        }
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.by_number.len()
    }

    /// The inode of that number.
    pub fn get(&self, number: INodeNo) -> Option<&Inode> {
        self.by_number.get(&number.0)
    }

    /// The current inode of a node.
    pub fn current(&self, node: &Node) -> Option<&Inode> {
        self.by_number.get(self.current.get(node)?)
    }

    /// The inode that shows this content of a node: the current one, if its content is the same,
    /// else a new one that takes its place. `None` as content is a directory, or a file that is not
    /// rendered yet and whose current inode, if any, is as good.
    pub fn place(&mut self, node: &Node, content: Option<Rendered>) -> INodeNo {
        if let Some(number) = self.current.get(node)
            && let Some(inode) = self.by_number.get_mut(number)
        {
            match (&mut inode.content, content) {
                (_, None) => return INodeNo(*number),
                (Some(old), Some(new)) if old.bytes == new.bytes => {
                    old.used = new.used;
                    return INodeNo(*number);
                }
                (empty @ None, new) => {
                    *empty = new;
                    inode.changed = SystemTime::now();
                    return INodeNo(*number);
                }
                (Some(_), new) => return self.insert(node, new, SystemTime::now()),
            }
        }
        let changed = if content.as_ref().is_some_and(|content| !content.used.is_empty()) {
            SystemTime::now()
        } else {
            self.started
        };
        self.insert(node, content, changed)
    }

    /// The content of an inode: what it has, or else this, which it has from now on. So two reads of
    /// one inode never see two versions.
    pub fn fill(&mut self, number: INodeNo, content: Rendered) -> Option<&Inode> {
        let inode = self.by_number.get_mut(&number.0)?;
        if inode.content.is_none() {
            inode.content = Some(content);
            inode.changed = SystemTime::now();
        }
        Some(inode)
    }

    fn insert(&mut self, node: &Node, content: Option<Rendered>, changed: SystemTime) -> INodeNo {
        let number = self.next;
        self.next += 1;
        self.by_number.insert(number, Inode { node: node.clone(), content, changed, lookups: 0 });
        self.current.insert(node.clone(), number);
        INodeNo(number)
    }

    /// Counts one more mention of an inode to the kernel. To be called before the reply is sent,
    /// under the lock that chose the inode.
    pub fn looked_up(&mut self, number: INodeNo) {
        if let Some(inode) = self.by_number.get_mut(&number.0) {
            inode.lookups += 1;
        }
    }

    /// The kernel forgot that many mentions; an inode without any is gone.
    pub fn forget(&mut self, number: INodeNo, mentions: u64) {
        let Some(inode) = self.by_number.get_mut(&number.0) else { return };
        inode.lookups = inode.lookups.saturating_sub(mentions);
        if inode.lookups == 0
            && number != INodeNo::ROOT
            && let Some(inode) = self.by_number.remove(&number.0)
            && self.current.get(&inode.node) == Some(&number.0)
        {
            self.current.remove(&inode.node);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use bytes::Bytes;

    use super::*;

    fn node(name: &str) -> Node {
        Node { names: Arc::new([name.into()]), ..Node::root() }
    }

    fn content(text: &'static str) -> Option<Rendered> {
        Some(Rendered { bytes: Bytes::from_static(text.as_bytes()), used: Vec::new() })
    }

    #[test]
    fn new_content_is_a_new_inode_and_the_old_one_keeps_its_bytes() {
        let mut inodes = Inodes::new();
        let first = inodes.place(&node("a"), content("one"));
        inodes.looked_up(first);
        assert_eq!(inodes.place(&node("a"), content("one")), first);
        let second = inodes.place(&node("a"), content("two"));
        assert_ne!(first, second);
        assert_eq!(inodes.get(first).unwrap().content.as_ref().unwrap().bytes, "one");
        assert_eq!(inodes.current(&node("a")).unwrap().content.as_ref().unwrap().bytes, "two");
        inodes.forget(first, 1);
        assert!(inodes.get(first).is_none());
        assert!(inodes.current(&node("a")).is_some());
    }

    #[test]
    fn a_listed_file_gets_its_content_later_in_the_same_inode() {
        let mut inodes = Inodes::new();
        let listed = inodes.place(&node("a"), None);
        assert_eq!(inodes.place(&node("a"), content("one")), listed);
    }

    #[test]
    fn an_inode_is_filled_once_whoever_comes_later_with_what() {
        let mut inodes = Inodes::new();
        let listed = inodes.place(&node("a"), None);
        for text in ["one", "two"] {
            let inode = inodes.fill(listed, content(text).unwrap()).unwrap();
            assert_eq!(inode.content.as_ref().unwrap().bytes, "one");
        }
        inodes.forget(listed, 0);
        assert!(inodes.fill(listed, content("x").unwrap()).is_none());
    }

    #[test]
    fn forgotten_inodes_leave_nothing_behind() {
        let mut inodes = Inodes::new();
        for round in 0..100 {
            let number = inodes.place(&node(&format!("n{round}")), content("x"));
            inodes.looked_up(number);
            inodes.looked_up(number);
            inodes.forget(number, 1);
            assert!(inodes.get(number).is_some());
            inodes.forget(number, 1);
        }
        assert_eq!((inodes.count(), inodes.current.len()), (1, 1));
        inodes.forget(INodeNo::ROOT, 5);
        assert!(inodes.get(INodeNo::ROOT).is_some());
    }
}
