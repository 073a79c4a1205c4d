//! The tree on top of its queries: finding nodes, listing directories, showing content.

use std::collections::{HashMap, VecDeque};
use std::path::Path;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use super::directory::Directory;
use super::error::{Step, TreeError};
use super::kept::{Keep, Kept};
use super::layout::{Kind, Layout, Place};
use super::listing::{Listed, Listing, bind};
use super::node::Node;
use super::render::Rendered;
use super::status::Program;
use super::uses::Use;
use crate::language::{Attributes, OnError, SERVER, ServerId};
use crate::query::{Bindings, Dependent, Manner, Queries, QueryError, Reads, Unready, Used};

/// How often answers may show that others are lacking, before what is prepared is given up.
const PREPARATIONS: usize = 8;

/// Of so many contents it is remembered what they were computed from.
const RECENTLY_USED: usize = 8;

/// What goes over from a tree to its successor: what is kept, what came of reading it again, and the program.
pub(super) type Lasting = (Arc<Mutex<Kept>>, Arc<Mutex<String>>, Arc<OnceLock<Box<dyn Program>>>);

/// A tree file's tree.
pub struct Tree {
    queries: Arc<Queries>,
    layout: Layout,
    /// Directories whose names can change.
    pub(super) directories: Mutex<HashMap<Node, Arc<Directory>>>,
    recently_used: Mutex<VecDeque<Arc<Used>>>,
    pub(super) kept: Arc<Mutex<Kept>>,
    pub(super) keeper: OnceLock<Box<dyn Keep>>,
    /// What came of the tree file's last reading, as `.astfs/reload` shows it.
    pub(super) last_reload: Arc<Mutex<String>>,
    /// What tells of itself in `.astfs`.
    pub(super) program: Arc<OnceLock<Box<dyn Program>>>,
}

impl Tree {
    /// The tree of these queries' model.
    pub fn new(queries: Arc<Queries>) -> Tree {
        let layout = Layout::new(queries.model());
        Tree::with(queries, layout, Default::default(), Default::default())
    }

    pub(super) fn with(
        queries: Arc<Queries>,
        layout: Layout,
        directories: HashMap<Node, Arc<Directory>>,
        (kept, last_reload, program): Lasting,
    ) -> Tree {
        let (recently_used, keeper) = Default::default();
        let directories = Mutex::new(directories);
        Tree { queries, layout, directories, recently_used, kept, keeper, last_reload, program }
    }

    pub(super) fn layout(&self) -> &Layout {
        &self.layout
    }

    /// What the tree reads from.
    pub fn queries(&self) -> &Arc<Queries> {
        &self.queries
    }

    pub(super) fn place(&self, node: &Node) -> &Place {
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

    /// Whether what a node shows depends on who reads it.
    pub fn is_personal(&self, node: &Node) -> bool {
        self.place(node).entry(self.queries.model()).is_some_and(|entry| entry.personal)
    }

    /// Whether what a node shows may be another whenever somebody looks.
    pub fn is_volatile(&self, node: &Node) -> bool {
        self.place(node).status.is_some()
    }

    /// Whether the names in a directory are always the same.
    pub fn is_static(&self, directory: &Node) -> bool {
        let place = self.place(directory);
        let model = self.queries.model();
        let conditional = |id| self.layout.place(id).when(model).is_some();
        place.variables.is_empty() && !place.literals.values().any(|literal| conditional(*literal))
    }

    /// Whether there can be something in a directory that is none itself.
    pub fn holds_files(&self, directory: &Node) -> bool {
        let place = self.place(directory);
        let mut places = place.literals.values().chain(&place.variables);
        places.any(|id| self.layout.place(*id).kind(self.queries.model()) != Kind::Directory)
    }

    /// The directory that a node is in, and its name there; none for the mount point.
    pub fn above(&self, node: &Node) -> Option<(Node, Arc<str>)> {
        let place = self.place(node);
        let above = place.parent?;
        if place.variable.is_some() {
            let (name, names) = node.names.split_last()?;
            return Some((Node { place: above, names: names.into() }, Arc::clone(name)));
        }
        let mut literals = self.layout.place(above).literals.iter();
        let (name, _) = literals.find(|(_, literal)| **literal == node.place)?;
        Some((Node { place: above, names: Arc::clone(&node.names) }, name.as_str().into()))
    }

    /// The server that a node is of; none if there are several and its path names none.
    pub fn server_of(&self, node: &Node) -> Option<ServerId> {
        let model = self.queries.model();
        if !model.is_fleet() {
            return Some(ServerId(0));
        }
        let places = std::iter::successors(Some(node.place), |id| self.layout.place(*id).parent);
        let named = places.filter_map(|id| self.layout.place(id).variable.as_ref());
        let mut named = named.zip(node.names.iter().rev());
        named.find_map(|(named, name)| {
            let is_server = model.variable(named.variable).binding == SERVER;
            let name = name.strip_prefix(&*named.prefix)?.strip_suffix(&*named.suffix)?;
            is_server.then(|| model.server_named(name))?
        })
    }

    /// Whether what was computed from these answers is still true, for what the node shows.
    pub fn still_true(&self, node: &Node, used: &Used) -> bool {
        self.queries.still_true(used, self.manner(node, Manner::of_reader()))
    }

    /// How a node's content is read: whether stale answers will do for it.
    fn manner(&self, node: &Node, manner: Manner) -> Manner {
        let entry = self.place(node).entry(self.queries.model());
        let takes_stale = entry.is_none_or(|entry| entry.on_error == OnError::Stale);
        Manner { takes_stale: takes_stale && manner.takes_stale, ..manner }
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
            let above = Node { place: parent, names: node.names[..depth].into() };
            let name = &node.names[depth];
            let directory = self.directory_with(&above, &bindings, reads)?;
            let record = directory.record(name, reads).ok_or(TreeError::NotFound)?;
            bindings = bindings.with(bind(self.queries.model().variable(named.variable), name, &record));
        }
        Ok(bindings)
    }

    /// A directory as it is now.
    pub fn directory_now(&self, node: &Node, reads: &Reads) -> Result<Arc<Directory>, Step> {
        if self.kind(node) != Kind::Directory {
            return Err(TreeError::NotADirectory.into());
        }
        let bindings = self.bindings(node, reads)?;
        self.directory_with(node, &bindings, reads)
    }

    /// A directory as it was last made, if it was.
    pub fn directory_known(&self, node: &Node) -> Option<Arc<Directory>> {
        if self.is_static(node) {
            return self.directory_with(node, &Bindings::none(), &Reads::new(Manner::of_reader())).ok();
        }
        self.directories.lock().unwrap_or_else(PoisonError::into_inner).get(node).cloned()
    }

    fn directory_with(
        &self,
        node: &Node,
        bindings: &Bindings,
        reads: &Reads,
    ) -> Result<Arc<Directory>, Step> {
        let directory = if self.is_static(node) {
            Arc::new(Directory::new(node.clone(), None))
        } else {
            let mut directories = self.directories.lock().unwrap_or_else(PoisonError::into_inner);
            let made = directories.entry(node.clone()).or_insert_with(|| self.keep_directory(node));
            Arc::clone(made)
        };
        if !directory.is_current(&self.queries) {
            self.make_again(&directory, bindings, reads)?;
        }
        Ok(directory)
    }

    /// Where the directories are that were ever made.
    pub(super) fn directories_known(&self) -> Vec<Node> {
        self.directories.lock().unwrap_or_else(PoisonError::into_inner).keys().cloned().collect()
    }

    pub(super) fn take_directory(&self, node: &Node) -> Option<Arc<Directory>> {
        self.directories.lock().unwrap_or_else(PoisonError::into_inner).remove(node)
    }

    /// Makes a directory what it is now, and tells who holds names of it what changed.
    pub(super) fn make_again(
        &self,
        directory: &Directory,
        bindings: &Bindings,
        reads: &Reads,
    ) -> Result<(), Step> {
        let mut state = directory.state();
        // what changes from here on marks it again
        directory.unmark();
        let server = self.queries.server_of(bindings);
        let link = self.queries.epoch(server);
        let (made, used) = reads.apart(|own| self.make(directory, &mut state, bindings, own));
        let changes = match made {
            Ok(changes) => changes,
            Err(step) => {
                directory.mark();
                return Err(step);
            }
        };
        let told = state.known;
        (state.known, state.server, state.link) = (true, server, link);
        if let Some(number) = directory.number {
            state.until = self.queries.until(&used);
            let before = std::mem::replace(&mut state.used, used.clone());
            self.queries.remove_dependent(Dependent::Kept(number), &before);
            self.queries.add_dependent(Dependent::Kept(number), &used);
        }
        drop(state);
        if told && !changes.is_empty() {
            self.tell_names(&directory.node, changes);
        }
        Ok(())
    }

    /// What a directory holds, from what is known now.
    pub fn list_now(&self, directory: &Node, reads: &Reads) -> Result<Arc<Listing>, Step> {
        Ok(Arc::new(self.directory_now(directory, reads)?.listing()))
    }

    /// The node of that name in a directory, from what is known now.
    pub fn find_now(&self, directory: &Node, name: &str, reads: &Reads) -> Result<Node, Step> {
        if self.kind(directory) != Kind::Directory {
            return Err(TreeError::NotADirectory.into());
        }
        let bindings = self.bindings(directory, reads)?;
        // an entry is found without its siblings: a server that is down hides only its own records
        if let Some(status) = self.status_directory(directory.place, name) {
            return Ok(directory.literal(status));
        }
        if let Some(place) = self.place(directory).literals.get(name) {
            let exists = self.exists(*place, &bindings, reads)?;
            return if exists { Ok(directory.literal(*place)) } else { Err(TreeError::NotFound.into()) };
        }
        let found = self.directory_with(directory, &bindings, reads)?.find(name);
        Ok(found.ok_or(TreeError::NotFound)?)
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
        let on_error = self.place(node).entry(self.queries.model()).map(|entry| entry.on_error);
        let mut own = Reads::new(self.manner(node, reads.manner));
        if let Some(caller) = reads.caller() {
            own = own.for_caller(caller);
        }
        let rendered = self.bindings(node, &own).and_then(|bindings| self.render(node, &bindings, &own));
        reads.want_all(&own);
        if !matches!(rendered, Err(Step::Wanted)) {
            self.count(node.place, Use::Render);
        }
        let bytes = match rendered {
            Err(Step::Failed(TreeError::Query(_))) if on_error == Some(OnError::Empty) => Default::default(),
            other => other?,
        };
        Ok(Rendered { bytes, used: self.shared_used(own.used()) })
    }

    /// What was used, shared with contents that were computed from the same a moment ago: the files of a
    /// record mostly are.
    fn shared_used(&self, used: Used) -> Arc<Used> {
        let mut recent = self.recently_used.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(same) = recent.iter().find(|known| known.is_same(&used)) {
            return Arc::clone(same);
        }
        let used = Arc::new(used);
        recent.truncate(RECENTLY_USED - 1);
        recent.push_front(Arc::clone(&used));
        used
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

    /// The files and links of their own names in a directory, but for those whose content depends on who
    /// reads it.
    pub fn files_in(&self, directory: &Node) -> Vec<Node> {
        let literals = self.place(directory).literals.values();
        let nodes = literals.map(|literal| directory.literal(*literal));
        nodes.filter(|node| self.kind(node) != Kind::Directory && !self.is_personal(node)).collect()
    }

    /// Gives `done` the contents of these nodes as they become known, asking for what is lacking after
    /// whatever somebody waits for. What fails is left out.
    pub async fn prepare(&self, mut nodes: Vec<Node>, done: impl Fn(&Node, Rendered)) {
        for _ in 0..PREPARATIONS {
            let reads = Reads::new(Manner::of_reader());
            nodes.retain(|node| match self.content_now(node, &reads) {
                Ok(content) => {
                    done(node, content);
                    false
                }
                Err(Step::Wanted) => true,
                Err(Step::Failed(_)) => false,
            });
            if nodes.is_empty() {
                return;
            }
            self.queries.ask_ahead(&reads).await;
        }
    }

    /// The longest that anything takes: a question, and one more for a query it needs first.
    pub fn deadline(&self) -> Duration {
        let model = self.queries.model();
        let longest = model.queries.iter().map(|query| query.timeout).max();
        longest.unwrap_or(model.defaults.timeout) * 2
    }

    /// Runs a computation until nothing is lacking.
    pub async fn settle<T>(&self, compute: impl Fn(&Reads) -> Result<T, Step>) -> Result<T, TreeError> {
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
