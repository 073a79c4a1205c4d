//! Another reading of the tree file in the place of the one that is mounted.
//!
//! What is the same keeps its inode, so whatever the kernel knows of it stays true. What is another or gone is
//! found by no lookup any more, and the kernel is told to forget its name; whoever has it open reads on.

use std::sync::Arc;
use std::time::Duration;

use fuser::INodeNo;

use super::notices::Notice;
use super::shared::Shared;
use crate::tree::{Kind, Tree};

/// A request that was answered from the tree before can reach the kernel after the notices, and can have made a
/// directory as it was: both are seen to once more then.
const AFTERWARDS: Duration = Duration::from_millis(200);

/// So long it is waited for the kernel to have been told: a directory in which somebody waits can take longer.
const PATIENCE: Duration = Duration::from_secs(1);

impl Shared {
    /// Has a tree take the place of the one before, and tells the kernel what it must not remember. To be
    /// called when that tree is followed.
    pub fn take_over(self: &Arc<Self>, tree: &Arc<Tree>, before: &Tree) {
        let mut notices = Vec::new();
        let released = {
            let mut inodes = self.inodes();
            let stay: Vec<_> = inodes
                .shown()
                .filter(|node| !tree.is_gone(node) && tree.kind(node) == Kind::Directory)
                .cloned()
                .collect();
            for node in stay {
                if tree.holds_others_than(before, &node)
                    && let Some(number) = inodes.touch(&node.clone().into())
                {
                    let names = tree.renamed_since(before, &node).into_iter();
                    notices.extend(names.map(|name| Notice::Name(number, name)));
                    notices.push(Notice::Names(number));
                }
            }
            inodes.detach_all(|node| tree.is_gone(node))
        };
        released.into_iter().for_each(|number| tree.release(number));
        self.notices.tell(notices.clone());
        tree.take_over();
        self.notices.wait_until_sent(PATIENCE);
        // to forget a name is to take away what is mounted there
        let alive = tree.queries().model().alive_directories();
        notices
            .retain(|notice| !matches!(notice, Notice::Name(INodeNo::ROOT, name) if alive.contains(&**name)));
        let (shared, tree) = (Arc::clone(self), Arc::clone(tree));
        self.runtime.spawn(async move {
            for rest in [AFTERWARDS, tree.deadline()] {
                tokio::time::sleep(rest).await;
                if !Arc::ptr_eq(&shared.tree(), &tree) {
                    return;
                }
                tree.take_over();
                shared.notices.tell(notices.clone());
            }
        });
    }
}
