//! What all requests share, and how each is answered: at once if it can be, else when it can be.

use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, RwLock};
use std::time::{Duration, Instant, SystemTime};

use fuser::{Errno, FileAttr, FileType, Generation, INodeNo, ReplyData, ReplyEntry};
use tokio::runtime::Handle;

use super::counters::Counters;
use super::deadlines::Deadlines;
use super::errno::errno;
use super::inodes::{Forgotten, Inode, Inodes, Placed, Shown, is_same};
use super::late::Late;
use super::listers::Listers;
use super::notices::Notices;
use super::readahead::Readahead;
use crate::query::{Caller, Manner, QueryError, Reads};
use crate::tree::{Kind, Node, Rendered, Step, Tree, TreeError, Use};

/// What cannot change without the kernel being told is known for good.
pub const FOR_EVER: Duration = Duration::from_secs(u32::MAX as u64);
pub const BLOCK: u32 = 4096;
pub const GENERATION: Generation = Generation(0);

/// What requests share, wherever they are answered.
pub struct Shared {
    tree: RwLock<Arc<Tree>>,
    pub notices: Arc<Notices>,
    pub counters: Counters,
    pub readahead: Readahead,
    pub listers: Listers,
    pub late: Late,
    pub runtime: Handle,
    pub deadlines: Arc<Deadlines>,
    kernel: OnceLock<File>,
    inodes: Mutex<Inodes>,
    owner: (u32, u32),
}

impl Shared {
    pub fn new(tree: Arc<Tree>, notices: Arc<Notices>, runtime: Handle, deadlines: Arc<Deadlines>) -> Shared {
        Shared {
            tree: RwLock::new(tree),
            notices,
            counters: Counters::default(),
            readahead: Readahead::default(),
            listers: Listers::default(),
            late: Late::default(),
            runtime,
            deadlines,
            kernel: OnceLock::new(),
            inodes: Mutex::new(Inodes::new()),
            owner: (nix::unistd::geteuid().as_raw(), nix::unistd::getegid().as_raw()),
        }
    }

    /// The tree as it is now: another reading of the tree file takes its place.
    pub fn tree(&self) -> Arc<Tree> {
        Arc::clone(&self.tree.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// One more use of what a node shows.
    pub fn count(&self, node: &Node, which: Use) {
        self.tree.read().unwrap_or_else(PoisonError::into_inner).count(node.place, which);
    }

    /// Has another tree take its place; gives the one before.
    pub fn replace_tree(&self, tree: Arc<Tree>) -> Arc<Tree> {
        std::mem::replace(&mut self.tree.write().unwrap_or_else(PoisonError::into_inner), tree)
    }

    /// Where answers to the kernel are written; none before it is mounted.
    pub fn kernel(&self) -> Option<&File> {
        self.kernel.get()
    }

    /// Says where answers to the kernel are written.
    pub fn connect(&self, kernel: File) {
        // a tree is mounted once
        let _ = self.kernel.set(kernel);
    }

    pub fn inodes(&self) -> MutexGuard<'_, Inodes> {
        self.inodes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn node(&self, number: INodeNo) -> Result<Node, Errno> {
        self.inodes().get(number).map(|inode| inode.shown.node.clone()).ok_or(Errno::ESTALE)
    }

    /// Computes from what is known, and replies at once; or asks for what is lacking, and replies
    /// from the runtime, and by the deadline of the tree in any case. `within` is the directory whose lock the kernel holds meanwhile.
    pub fn answer<T: Send + 'static>(
        self: &Arc<Self>,
        what: &'static str,
        within: Option<INodeNo>,
        compute: impl Fn(&Arc<Shared>, &Reads) -> Result<T, Step> + Send + Sync + 'static,
        reply: impl FnOnce(&Shared, Result<T, Errno>) + Send + 'static,
    ) {
        let asked = Instant::now();
        match guarded(|| compute(self, &Reads::new(Manner::of_reader()))) {
            Ok(value) => reply(self, Ok(value)),
            Err(Step::Failed(error)) => reply(self, Err(told(what, &error))),
            Err(Step::Wanted) => {
                let held = within.map(|directory| self.notices.hold(directory));
                let (shared, replying) = (Arc::clone(self), Arc::clone(self));
                self.deadlines.answer(
                    asked + self.tree().deadline(),
                    async move { shared.tree().settle(|reads| guarded(|| compute(&shared, reads))).await },
                    move |settled| {
                        let settled = settled.ok_or(Errno::ETIMEDOUT);
                        let result = settled.and_then(|settled| settled.map_err(|error| told(what, &error)));
                        reply(&replying, result);
                        drop(held);
                    },
                );
            }
        }
    }

    /// What a node shows to a user in a group.
    pub fn shown(&self, node: Node, reader: (u32, u32)) -> Shown {
        let reader = self.tree().is_personal(&node).then_some(reader);
        Shown { node, reader }
    }

    /// What is to be shown, unless it is a directory. Where its inode's content is still true, nothing
    /// is rendered.
    pub fn content(&self, shown: &Shown, reads: &Reads) -> Result<Option<Rendered>, Step> {
        if self.tree().kind(&shown.node) == Kind::Directory {
            return Ok(None);
        }
        let known = self.inodes().current(shown).and_then(|inode| inode.content.clone());
        if let Some(content) = known
            && !self.tree().is_volatile(&shown.node)
            && self.tree().still_true(&shown.node, &content.used)
        {
            return Ok(Some(content));
        }
        if let Some(content) = self.prepared(&shown.node)
            && self.tree().still_true(&shown.node, &content.used)
        {
            return Ok(Some(content));
        }
        self.counters.renders();
        let reads = match shown.reader {
            Some((uid, gid)) => &reads.for_caller(Caller { uid, gid, pid: None }),
            None => reads,
        };
        self.tree().content_now(&shown.node, reads).map(Some)
    }

    /// Has the inode of what is shown be that with this content.
    pub fn place(&self, shown: &Shown, content: Option<Rendered>) -> Placed {
        if let Some(content) = &content
            && let Some(number) = self.unchanged(shown, content)
        {
            return Placed { number, replaced: None, release: None };
        }
        // what is for one user is looked up each time, so nobody need tell when it changes
        let kept =
            content.as_ref().filter(|_| shown.reader.is_none() && !self.tree().is_volatile(&shown.node));
        let kept = kept.and_then(|content| self.tree().keep(&shown.node, &content.used));
        let placed = self.inodes().place(shown, content, kept);
        placed.release.into_iter().for_each(|number| self.tree().release(number));
        placed
    }

    /// The same for a reply to the kernel, which has to be given while the inodes are locked: until it
    /// is counted, another thread may put a newer inode in its place, or drop one that nobody knows.
    pub fn placed(
        &self,
        shown: &Shown,
        content: Option<Rendered>,
    ) -> (MutexGuard<'_, Inodes>, INodeNo, FileAttr) {
        loop {
            let number = self.place(shown, content.clone()).number;
            let inodes = self.inodes();
            let number = inodes.number(shown).unwrap_or(number);
            if let Some(attributes) = inodes.get(number).map(|inode| self.attributes(number, inode)) {
                return (inodes, number, attributes);
            }
        }
    }

    fn unchanged(&self, shown: &Shown, content: &Rendered) -> Option<INodeNo> {
        let inodes = self.inodes();
        let same = inodes.current(shown).is_some_and(|inode| is_same(inode, content));
        inodes.number(shown).filter(|_| same)
    }

    /// The same for somebody who waits for it: if he has to, what he is likely to look at next is asked
    /// for too.
    pub fn content_awaited(self: &Arc<Self>, shown: &Shown, reads: &Reads) -> Result<Option<Rendered>, Step> {
        let content = self.content(shown, reads);
        if matches!(content, Err(Step::Wanted)) {
            self.look_ahead(&shown.node);
        }
        content
    }

    /// Gives an inode its content, unless it has one.
    pub fn fill<T>(&self, number: INodeNo, content: Rendered, then: impl FnOnce(&Inode) -> T) -> Option<T> {
        let node = self.node(number).ok()?;
        let kept = self.tree().keep(&node, &content.used);
        let mut inodes = self.inodes();
        let (inode, release) = inodes.fill(number, content, kept);
        let then = inode.map(then);
        drop(inodes);
        release.into_iter().for_each(|number| self.tree().release(number));
        then
    }

    pub fn attributes(&self, number: INodeNo, inode: &Inode) -> FileAttr {
        let attributes = self.tree().attributes(&inode.shown.node);
        let size = inode.content.as_ref().map_or(0, |content| content.bytes.len() as u64);
        let (kind, links) = match self.tree().kind(&inode.shown.node) {
            Kind::Directory => (FileType::Directory, 2),
            Kind::File => (FileType::RegularFile, 1),
            Kind::Link => (FileType::Symlink, 1),
        };
        let mode = attributes.mode.unwrap_or_default();
        let (uid, perm) = match inode.shown.reader {
            // nobody else can open it again, not even by a descriptor that is passed on
            Some((user, _)) if kind == FileType::RegularFile => (user, mode & 0o400),
            _ => (attributes.uid.unwrap_or(self.owner.0), mode),
        };
        FileAttr {
            ino: number,
            size,
            blocks: size.div_ceil(512),
            atime: inode.changed,
            mtime: inode.changed,
            ctime: inode.changed,
            crtime: SystemTime::UNIX_EPOCH,
            kind,
            perm,
            nlink: links,
            uid,
            gid: attributes.gid.unwrap_or(self.owner.1),
            rdev: 0,
            blksize: BLOCK,
            flags: 0,
        }
    }

    /// How long a name, and how long the attributes of its inode, are known. To be called without the
    /// lock of the inodes: it may wait for a result that is being computed.
    pub fn lifetimes(&self, shown: &Shown, content: Option<&Rendered>) -> (Duration, Duration) {
        let attributes = match content {
            None if !self.is_directory(shown) => return (Duration::ZERO, Duration::ZERO),
            None => self.listing_lifetime(&shown.node),
            Some(_) => FOR_EVER,
        };
        if shown.reader.is_some() || self.tree().is_volatile(&shown.node) {
            return (Duration::ZERO, attributes);
        }
        let content = content.and_then(|content| self.tree().queries().until(&content.used));
        let above = self.tree().above(&shown.node);
        let above = above.map_or(FOR_EVER, |(above, _)| self.listing_lifetime(&above));
        (above.min(remaining(content)), attributes)
    }

    /// How long the names in a directory are known.
    fn listing_lifetime(&self, directory: &Node) -> Duration {
        if self.tree().is_static(directory) {
            return FOR_EVER;
        }
        let known = self.tree().directory_known(directory);
        known.map_or(Duration::ZERO, |directory| remaining(directory.until()))
    }

    pub fn reply_entry(&self, shown: &Shown, content: Option<Rendered>, reply: ReplyEntry) {
        let (name, known) = self.lifetimes(shown, content.as_ref());
        let (mut inodes, number, attributes) = self.placed(shown, content);
        inodes.looked_up(number);
        drop(inodes);
        reply.entry_with_ttls(&known, &name, &attributes, GENERATION);
    }

    /// How often what happened, and how much there is.
    pub fn all_counters(&self) -> Vec<(&'static str, u64)> {
        let mut counters = self.counters.all();
        let inodes = self.inodes();
        counters.push(("inodes", inodes.count() as u64));
        counters.push(("rendered_bytes", inodes.bytes() as u64));
        drop(inodes);
        counters.push(("fuse_notifications", self.notices.sent()));
        counters
    }

    /// How the content of an inode stands, as extended attributes without their prefix.
    pub fn standing(&self, number: INodeNo) -> Option<Vec<(&'static str, String)>> {
        let (used, shown) = {
            let inodes = self.inodes();
            let inode = inodes.get(number)?;
            (inode.content.as_ref().map(|content| Arc::clone(&content.used)), inode.shown.clone())
        };
        let used = match used {
            Some(used) => used,
            None => Arc::new(self.tree().directory_known(&shown.node)?.used()),
        };
        let standing = self.tree().queries().standing(&used);
        let age = standing.asked.map_or_else(String::new, |at| at.elapsed().as_secs_f64().to_string());
        let queries: Vec<String> = standing.queries.into_iter().collect();
        Some(vec![
            ("age", age),
            ("error", standing.error.unwrap_or_default()),
            ("query", queries.join(",")),
            ("stale", u8::from(standing.stale).to_string()),
            ("version", number.0.to_string()),
        ])
    }

    pub fn is_directory(&self, shown: &Shown) -> bool {
        self.tree().kind(&shown.node) == Kind::Directory
    }

    /// Gives an inode's content to `send`; what was only listed so far is rendered first.
    pub fn read_content(
        self: &Arc<Self>,
        number: INodeNo,
        what: &'static str,
        send: impl FnOnce(&[u8], ReplyData) + Send + 'static,
        reply: ReplyData,
    ) {
        let shown = {
            let inodes = self.inodes();
            let Some(inode) = inodes.get(number) else { return reply.error(Errno::ESTALE) };
            self.count(&inode.shown.node, Use::Read);
            if let Some(content) = &inode.content {
                let bytes = content.bytes.clone();
                drop(inodes);
                return send(&bytes, reply);
            }
            inode.shown.clone()
        };
        self.answer(
            what,
            None,
            move |shared, reads| shared.content_awaited(&shown, reads),
            move |shared, rendered| match rendered {
                Ok(Some(content)) => {
                    let bytes = |inode: &Inode| inode.content.as_ref().map(|content| content.bytes.clone());
                    match shared.fill(number, content, bytes).flatten() {
                        Some(bytes) => send(&bytes, reply),
                        None => reply.error(Errno::ESTALE),
                    }
                }
                Ok(None) => reply.error(Errno::EISDIR),
                Err(error) => reply.error(error),
            },
        );
    }

    /// The kernel has forgotten an inode.
    pub fn forget(&self, number: INodeNo, mentions: u64) {
        let forgotten = self.inodes().forget(number, mentions);
        self.gone(forgotten);
    }

    /// Lets go of what was kept for an inode that is gone.
    pub fn gone(&self, forgotten: Option<Forgotten>) {
        let Some(forgotten) = forgotten else { return };
        forgotten.release.into_iter().for_each(|number| self.tree().release(number));
        if forgotten.was_current {
            self.tree().forget_directory(&forgotten.node);
        }
    }
}

fn remaining(until: Option<Instant>) -> Duration {
    until.map_or(FOR_EVER, |until| until.saturating_duration_since(Instant::now()))
}

/// A failed request is told once, here, unless it only says that a name does not exist or the
/// failure was told when the server was asked.
fn told(what: &str, error: &TreeError) -> Errno {
    match error {
        TreeError::Query(error @ QueryError::Template { .. }) => tracing::warn!("{what}: {error}"),
        TreeError::Query(error) => tracing::debug!("{what}: {error}"),
        _ => {}
    }
    errno(error)
}

/// Runs a computation. A panic in it fails what was asked: it must not end the thread that serves the kernel.
pub fn guarded<T>(compute: impl FnOnce() -> Result<T, Step>) -> Result<T, Step> {
    // what it may leave half done is behind locks, whose holders take it as it is
    catch_unwind(AssertUnwindSafe(compute)).unwrap_or_else(|_| Err(TreeError::Panicked.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_in_a_request_fails_the_request_alone() {
        let lock = Mutex::new(1);
        let panicked = guarded(|| -> Result<(), Step> {
            let _held = lock.lock();
            panic!("a mistake");
        });
        assert!(matches!(panicked, Err(Step::Failed(TreeError::Panicked))));
        assert_eq!(*lock.lock().unwrap_or_else(PoisonError::into_inner), 1, "the lock can be taken again");
        assert!(matches!(guarded(|| Ok(2)), Ok(2)));
    }
}
