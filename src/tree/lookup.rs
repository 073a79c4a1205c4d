//! The tree on top of its queries: finding nodes, listing directories, showing content.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::error::{Step, TreeError};
use super::layout::{Kind, Layout, Place};
use super::listing::{Listed, Listing, bind};
use super::node::Node;
use super::render::Rendered;
use crate::language::Attributes;
use crate::query::{Bindings, Queries, QueryError, Reads, Used};

/// A tree file's tree.
pub struct Tree {
    queries: Arc<Queries>,
    layout: Layout,
    /// Listings of directories with path variables, for as long as they are true.
    listings: Mutex<HashMap<Node, Arc<KeptListing>>>,
}

struct KeptListing {
    listing: Arc<Listing>,
    used: Used,
}

impl Tree {
    /// The tree of these queries' model.
    pub fn new(queries: Arc<Queries>) -> Tree {
        let layout = Layout::new(queries.model());
        Tree { queries, layout, listings: Mutex::default() }
    }

    pub(super) fn layout(&self) -> &Layout {
        &self.layout
    }

    /// What the tree reads from.
    pub fn queries(&self) -> &Arc<Queries> {
        &self.queries
    }

    fn place(&self, node: &Node) -> &Place {
        self.layout.place(node.place)
    }

    /// What a node is.
    pub fn kind(&self, node: &Node) -> Kind {
        self.place(node).kind(self.queries.model())
    }

    /// Permissions and owner of a node.
    pub fn attributes(&self, node: &Node) -> Attributes {
        self.place(node).attributes(self.queries.model())
    }

    /// Whether a node is there as long as the tree is: it stands for no record and has no condition.
    pub fn is_permanent(&self, node: &Node) -> bool {
        let mut place = Some(node.place);
        while let Some(id) = place {
            let here = self.layout.place(id);
            if here.variable.is_some() || here.when(self.queries.model()).is_some() {
                return false;
            }
            place = here.parent;
        }
        true
    }

    /// Whether what was computed from these answers is still true.
    pub fn still_true(&self, used: &Used) -> bool {
        self.queries.still_true(used, Instant::now())
    }

    // ---- what is known now: each of these gives `Step::Wanted` where something must be asked ----

    /// The path variables' records on the way to a node.
    pub(super) fn bindings(&self, node: &Node, reads: &Reads) -> Result<Bindings, Step> {
        let mut variables = Vec::new();
        let mut place = Some(node.place);
        while let Some(id) = place {
            let here = self.layout.place(id);
            variables.extend(here.variable.as_ref().zip(here.parent));
            place = here.parent;
        }
        let mut bindings = Bindings::none();
        for (depth, (named, parent)) in variables.into_iter().rev().enumerate() {
            let directory = Node { place: parent, names: node.names[..depth].into() };
            let name = &node.names[depth];
            let listing = self.listing(&directory, &bindings, reads)?;
            let record =
                listing.get(name).and_then(|listed| listed.record.as_ref()).ok_or(TreeError::NotFound)?;
            bindings = bindings.with(bind(self.queries.model().variable(named.variable), name, record));
        }
        Ok(bindings)
    }

    fn listing(&self, directory: &Node, bindings: &Bindings, reads: &Reads) -> Result<Arc<Listing>, Step> {
        if self.place(directory).variables.is_empty() {
            return Ok(Arc::new(self.compute_listing(directory, bindings, reads)?));
        }
        let kept = self.listings.lock().unwrap_or_else(PoisonError::into_inner).get(directory).cloned();
        if let Some(kept) = kept
            && self.queries.still_true(&kept.used, reads.since)
        {
            reads.include(&kept.used);
            return Ok(Arc::clone(&kept.listing));
        }
        let (computed, used) = reads.apart(|own| self.compute_listing(directory, bindings, own));
        let listing = Arc::new(computed?);
        let kept = Arc::new(KeptListing { listing: Arc::clone(&listing), used });
        self.listings.lock().unwrap_or_else(PoisonError::into_inner).insert(directory.clone(), kept);
        Ok(listing)
    }

    /// What a directory holds, from what is known now.
    pub fn list_now(&self, directory: &Node, reads: &Reads) -> Result<Arc<Listing>, Step> {
        if self.kind(directory) != Kind::Directory {
            return Err(TreeError::NotADirectory.into());
        }
        let bindings = self.bindings(directory, reads)?;
        self.listing(directory, &bindings, reads)
    }

    /// The node of that name in a directory, from what is known now.
    pub fn find_now(&self, directory: &Node, name: &str, reads: &Reads) -> Result<Node, Step> {
        if self.kind(directory) != Kind::Directory {
            return Err(TreeError::NotADirectory.into());
        }
        let bindings = self.bindings(directory, reads)?;
        // an entry is found without its siblings: a server that is down hides only its own records
        if let Some(place) = self.place(directory).literals.get(name) {
            let exists = self.exists(*place, &bindings, reads)?;
            return if exists { Ok(directory.literal(*place)) } else { Err(TreeError::NotFound.into()) };
        }
        let listing = self.listing(directory, &bindings, reads)?;
        let (name, listed) = listing.get_key_value(name).ok_or(TreeError::NotFound)?;
        Ok(Tree::listed(directory, name, listed))
    }

    /// The node of a listed name.
    pub fn listed(directory: &Node, name: &Arc<str>, listed: &Listed) -> Node {
        match listed.record {
            Some(_) => directory.record(listed.place, name),
            None => directory.literal(listed.place),
        }
    }

    /// A file's bytes or a link's target, from what is known now.
    pub fn content_now(&self, node: &Node, reads: &Reads) -> Result<Rendered, Step> {
        if self.kind(node) == Kind::Directory {
            return Err(TreeError::IsADirectory.into());
        }
        let bindings = self.bindings(node, reads)?;
        let bytes = self.render(node, &bindings, reads)?;
        Ok(Rendered { bytes, used: reads.used() })
    }

    // ---- the same, asking for what is lacking --------------------------------------------------

    /// What a directory holds.
    ///
    /// # Errors
    /// Why it cannot be listed, within the tree's deadline.
    pub async fn list(&self, directory: &Node) -> Result<Arc<Listing>, TreeError> {
        self.settle(|reads| self.list_now(directory, reads)).await
    }

    /// The node of that name in a directory.
    ///
    /// # Errors
    /// [`TreeError::NotFound`], or why that cannot be known.
    pub async fn find(&self, directory: &Node, name: &str) -> Result<Node, TreeError> {
        self.settle(|reads| self.find_now(directory, name, reads)).await
    }

    /// The node at a path below the mount point. Links are not followed.
    ///
    /// # Errors
    /// [`TreeError::NotFound`], or why that cannot be known.
    pub async fn resolve(&self, path: &Path) -> Result<Node, TreeError> {
        let mut node = Node::root();
        for component in path.components() {
            match component {
                std::path::Component::Normal(name) => {
                    let name = crate::parse::text::decode(name.as_encoded_bytes()).into_owned();
                    node = self.find(&node, &name).await?;
                }
                std::path::Component::RootDir | std::path::Component::CurDir => {}
                _ => return Err(TreeError::NotFound),
            }
        }
        Ok(node)
    }

    /// A file's bytes or a link's target.
    ///
    /// # Errors
    /// Why it cannot be shown, within the tree's deadline.
    pub async fn content(&self, node: &Node) -> Result<Rendered, TreeError> {
        self.settle(|reads| self.content_now(node, reads)).await
    }

    /// The longest that anything takes: a question, and one more for a query it needs first.
    pub fn deadline(&self) -> Duration {
        let model = self.queries.model();
        let longest = model.queries.iter().map(|query| query.timeout).max();
        longest.unwrap_or(model.defaults.timeout) * 2
    }

    /// Runs a computation until nothing is lacking.
    pub async fn settle<T>(&self, compute: impl Fn(&Reads) -> Result<T, Step>) -> Result<T, TreeError> {
        use crate::query::Unready;
        // what the tree itself has to say (no such file) is a result to the queries below
        let settled = self.queries.settle(self.deadline(), |reads| match compute(reads) {
            Ok(value) => Ok(Ok(value)),
            Err(Step::Wanted) => Err(Unready::Wanted),
            Err(Step::Failed(error)) => Ok(Err(error)),
        });
        match settled.await {
            Ok((result, _)) => result,
            Err(error) => Err(log_late(error).into()),
        }
    }
}

fn log_late(error: QueryError) -> QueryError {
    if matches!(error, QueryError::Late { .. }) {
        tracing::warn!("{error}");
    }
    error
}
