//! What changed in the tree, made visible: first to whoever asks, then to the kernel.

use std::sync::Arc;

use super::inodes::Shown;
use super::notices::Notice;
use super::shared::Shared;
use crate::tree::{Keep, NameChange, Node, Rendered};

/// Publishes what the tree tells.
pub struct Publisher(pub Arc<Shared>);

impl Keep for Publisher {
    fn changed(&self, node: &Node, content: Rendered) {
        let shown = Shown::from(node.clone());
        if self.0.inodes().number(&shown).is_none() {
            return;
        }
        let placed = self.0.place(&shown, Some(content));
        if placed.replaced.is_some() {
            self.tell_name(node);
        }
    }

    fn lost(&self, node: &Node) {
        let detached = self.0.inodes().detach(&Shown::from(node.clone()));
        let Some((_, release)) = detached else { return };
        release.into_iter().for_each(|number| self.0.tree().release(number));
        self.tell_name(node);
    }

    fn names_changed(&self, directory: &Node, changes: Vec<NameChange>) {
        let replaced = self.0.tree().replaced(&changes);
        let mut inodes = self.0.inodes();
        let mut released = Vec::new();
        if !replaced.is_empty() {
            released.extend(inodes.detach_all(|node| self.0.tree().is_within(node, &replaced)));
        }
        // what stands there now is another directory or file, whatever was cached below the old one
        for node in changes.iter().filter_map(|change| change.before.clone()) {
            released.extend(inodes.detach(&node.into()).and_then(|(_, release)| release));
        }
        let number = inodes.touch(&directory.clone().into());
        drop(inodes);
        released.into_iter().for_each(|number| self.0.tree().release(number));
        let Some(number) = number else { return };
        let names = changes.into_iter().map(|change| Notice::Name(number, change.name));
        self.0.notices.tell(names.chain([Notice::Names(number)]));
    }

    fn counters(&self) -> Vec<(&'static str, u64)> {
        self.0.all_counters()
    }

    fn directory_lost(&self, directory: &Node) {
        let number = self.0.inodes().touch(&directory.clone().into());
        self.0.notices.tell(number.map(Notice::Names));
    }
}

impl Publisher {
    fn tell_name(&self, node: &Node) {
        let Some((above, name)) = self.0.tree().above(node) else { return };
        let number = self.0.inodes().number(&above.into());
        self.0.notices.tell(number.map(|number| Notice::Name(number, name)));
    }
}
