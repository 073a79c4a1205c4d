//! What somebody outside keeps of the tree, and what he is told when it is true no longer.
//!
//! The kernel knows names and contents for ever, until it is told otherwise. So whoever serves it says
//! which contents it holds, and is told which have become others, exactly these, and which names
//! came and went.

use std::collections::{BTreeSet, HashSet};
use std::ops::Bound;
use std::sync::{Arc, MutexGuard, PoisonError};

use super::directory::{Directory, NameChange};
use super::error::Step;
use super::layout::Kind;
use super::lookup::Tree;
use super::node::Node;
use super::render::Rendered;
use crate::query::{Dependent, Manner, Outdated, Reads, Used};

/// Whoever keeps contents and names, and wants to be told.
pub trait Keep: Send + Sync {
    /// A node's content is this now.
    fn changed(&self, node: &Node, content: Rendered);
    /// A node's content cannot be told without asking; whoever wants it has to ask.
    fn lost(&self, node: &Node);
    /// Names in a directory came and went.
    fn names_changed(&self, directory: &Node, changes: Vec<NameChange>);
    /// What a directory holds cannot be told any more.
    fn directory_lost(&self, directory: &Node);
    /// How often what happened, by names.
    fn counters(&self) -> Vec<(&'static str, u64)>;
}

/// Keeps nothing: whoever looks asks the tree itself.
impl Keep for () {
    fn changed(&self, _: &Node, _: Rendered) {}
    fn lost(&self, _: &Node) {}
    fn names_changed(&self, _: &Node, _: Vec<NameChange>) {}
    fn directory_lost(&self, _: &Node) {}
    fn counters(&self) -> Vec<(&'static str, u64)> {
        Vec::new()
    }
}

/// So many contents are rendered before names are looked at again: in a storm, rendering takes most of the time.
const AT_ONCE: usize = 16;

/// All that is kept, by numbers.
#[derive(Debug, Default)]
pub struct Kept {
    things: Vec<Option<Thing>>,
    free: Vec<u32>,
    /// The contents that are to be looked at, those of one record together: they read the same.
    waiting: BTreeSet<(Names, u32)>,
    /// The one that was looked at last; those behind it are next, so that each has its turn.
    reached: (Names, u32),
}

/// The names of the records that a node stands for.
type Names = Arc<[Arc<str>]>;

#[derive(Debug, Clone)]
enum Thing {
    Content(Node, Arc<Used>),
    Directory(Node),
}

impl Kept {
    fn add(&mut self, thing: Thing) -> u32 {
        if let Some(number) = self.free.pop() {
            self.things[number as usize] = Some(thing);
            return number;
        }
        self.things.push(Some(thing));
        self.things.len() as u32 - 1
    }

    fn get(&self, number: u32) -> Option<Thing> {
        self.things.get(number as usize)?.clone()
    }

    fn remove(&mut self, number: u32) -> Option<Thing> {
        let thing = self.things.get_mut(number as usize)?.take()?;
        self.free.push(number);
        Some(thing)
    }

    /// The next content that is to be looked at.
    fn next(&mut self) -> Option<(Node, Arc<Used>)> {
        loop {
            let behind = self.waiting.range((Bound::Excluded(&self.reached), Bound::Unbounded)).next();
            let next = behind.or_else(|| self.waiting.first())?.clone();
            self.waiting.remove(&next);
            let number = next.1;
            self.reached = next;
            if let Some(Thing::Content(node, used)) = self.get(number) {
                return Some((node, used));
            }
        }
    }

    fn numbers(&self) -> Vec<u32> {
        let used = self.things.iter().enumerate().filter(|(_, thing)| thing.is_some());
        used.map(|(number, _)| number as u32).collect()
    }
}

impl Tree {
    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Says that a node's content is kept somewhere; gives the number to [release](Tree::release) it
    /// by, if it can ever change. If it has changed meanwhile, that is told at once.
    pub fn keep(&self, node: &Node, used: &Arc<Used>) -> Option<u32> {
        if used.is_empty() {
            return None;
        }
        let number = self.kept().add(Thing::Content(node.clone(), Arc::clone(used)));
        self.queries().add_dependent(Dependent::Kept(number), used);
        Some(number)
    }

    /// Says that what has this number is not kept any more.
    pub fn release(&self, number: u32) {
        let thing = self.kept().remove(number);
        if let Some(Thing::Content(_, used)) = thing {
            self.queries().remove_dependent(Dependent::Kept(number), &used);
        }
    }

    pub(super) fn keep_directory(&self, node: &Node) -> Arc<Directory> {
        let number = self.kept().add(Thing::Directory(node.clone()));
        Arc::new(Directory::new(node.clone(), Some(number)))
    }

    /// Says that nobody knows names of a directory any more.
    pub fn forget_directory(&self, node: &Node) {
        let Some(directory) = self.take_directory(node) else { return };
        let Some(number) = directory.number else { return };
        self.kept().remove(number);
        let mut state = directory.state();
        let used = std::mem::take(&mut state.used);
        let groups = std::mem::take(&mut state.groups);
        drop(state);
        directory.mark();
        self.queries().remove_dependent(Dependent::Kept(number), &used);
        for mut group in groups {
            group.besides.clear(self.queries(), Some(Dependent::Kept(number)));
        }
    }

    /// Follows the server, and tells `keeper` what becomes of what he keeps, until the server is gone.
    /// To be run as a task of its own; nothing is missed from this call on, so it comes before anything is
    /// kept.
    pub fn follow(self: Arc<Self>, keeper: Box<dyn Keep>) -> impl Future<Output = ()> + Send + use<> {
        // a tree is followed once
        let _ = self.keeper.set(keeper);
        let tree = Arc::clone(&self);
        self.queries().clone().follow(Box::new(move |outdated| tree.look_again(outdated)))
    }

    /// Looks at what is outdated: at all directories, since names matter most, and at some contents;
    /// whether there is more.
    fn look_again(&self, outdated: Outdated) -> bool {
        let numbers = match outdated {
            Outdated::Some(numbers) => numbers,
            Outdated::All => self.kept().numbers(),
        };
        let mut directories = Vec::new();
        {
            let mut kept = self.kept();
            for number in numbers {
                match kept.get(number) {
                    Some(Thing::Content(node, _)) => drop(kept.waiting.insert((node.names, number))),
                    Some(Thing::Directory(node)) => directories.push(node),
                    None => {}
                }
            }
        }
        directories.iter().for_each(|node| self.look_at_directory(node));
        let mut rendered = 0;
        while rendered < AT_ONCE {
            let Some((node, used)) = self.kept().next() else { return false };
            rendered += usize::from(self.look_at_content(&node, &used));
        }
        true
    }

    /// Looks at everything that is kept.
    pub(super) fn look_at_all(&self) {
        let mut more = self.look_again(Outdated::All);
        while more {
            more = self.look_again(Outdated::Some(Vec::new()));
        }
    }

    /// Tells what has become of a content; whether it was rendered for that.
    fn look_at_content(&self, node: &Node, used: &Used) -> bool {
        let Some(keeper) = self.keeper.get() else { return false };
        if self.still_true(node, used) {
            return false;
        }
        let content = self.content_now(node, &Reads::new(Manner::of_reader()));
        let rendered = content.is_ok();
        match content {
            Ok(content) => keeper.changed(node, content),
            Err(_) => keeper.lost(node),
        }
        rendered
    }

    fn look_at_directory(&self, node: &Node) {
        let Some(directory) = self.directory_known(node) else { return };
        directory.mark();
        let reads = Reads::new(Manner::of_reader());
        let made =
            self.bindings(node, &reads).and_then(|bindings| self.make_again(&directory, &bindings, &reads));
        match made {
            Ok(()) => {}
            // names that are known for ever must become others without anybody looking
            Err(Step::Wanted) => {
                let dependent = directory.number.map(Dependent::Kept);
                self.queries().ask_and_mark(reads.wanted(), dependent);
            }
            Err(Step::Failed(_)) => {
                if let Some(keeper) = self.keeper.get() {
                    keeper.directory_lost(node);
                }
            }
        }
    }

    /// The directories among what names led to before.
    pub fn replaced(&self, changes: &[NameChange]) -> HashSet<Node> {
        let before = changes.iter().filter_map(|change| change.before.clone());
        before.filter(|node| self.kind(node) == Kind::Directory).collect()
    }

    /// Whether a node is one of these directories, or in one.
    pub fn is_within(&self, node: &Node, directories: &HashSet<Node>) -> bool {
        let ancestors = std::iter::successors(Some(node.clone()), |node| Some(self.above(node)?.0));
        ancestors.into_iter().any(|node| directories.contains(&node))
    }

    /// Tells what names came and went. One can stand for another record from now on, which need not
    /// have changed itself: nothing that was known below it is true any more.
    pub(super) fn tell_names(&self, directory: &Node, changes: Vec<NameChange>) {
        let replaced = self.replaced(&changes);
        if !replaced.is_empty() {
            let known = self.directories_known();
            let within = known.iter().filter(|node| self.is_within(node, &replaced));
            within.for_each(|node| self.forget_directory(node));
        }
        if let Some(keeper) = self.keeper.get() {
            keeper.names_changed(directory, changes);
        }
    }
}
