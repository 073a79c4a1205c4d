//! What all requests share, and how each is answered: at once if it can be, else when it can be.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use fuser::{Errno, FileAttr, FileHandle, FileType, Generation, INodeNo, ReplyData, ReplyEntry};
use tokio::runtime::Handle;

use super::errno::errno;
use super::inodes::{Inode, Inodes};
use crate::query::{QueryError, Reads};
use crate::tree::{Kind, Listing, Node, Rendered, Step, Tree, TreeError};

/// How long the kernel may take a name of something alive for known. It bounds what a listing
/// costs, and is the most by which a read can lag behind the server's event.
const ALIVE: Duration = Duration::from_millis(100);
/// What cannot change is known for good.
pub const FOR_EVER: Duration = Duration::from_secs(u32::MAX as u64);
pub const BLOCK: u32 = 4096;
pub const GENERATION: Generation = Generation(0);

/// What requests share, wherever they are answered.
pub struct Shared {
    pub tree: Arc<Tree>,
    runtime: Handle,
    inodes: Mutex<Inodes>,
    directories: Mutex<HashMap<u64, Arc<OpenDirectory>>>,
    next_handle: AtomicU64,
    owner: (u32, u32),
}

/// A directory as it was when it was opened, so that a listing in several pieces is one listing.
pub struct OpenDirectory {
    pub node: Node,
    pub listing: Arc<Listing>,
}

impl Shared {
    pub fn new(tree: Arc<Tree>, runtime: Handle) -> Shared {
        Shared {
            tree,
            runtime,
            inodes: Mutex::new(Inodes::new()),
            directories: Mutex::default(),
            next_handle: AtomicU64::new(1),
            owner: (nix::unistd::geteuid().as_raw(), nix::unistd::getegid().as_raw()),
        }
    }

    pub fn inodes(&self) -> MutexGuard<'_, Inodes> {
        self.inodes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn directories(&self) -> MutexGuard<'_, HashMap<u64, Arc<OpenDirectory>>> {
        self.directories.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn node(&self, number: INodeNo) -> Result<Node, Errno> {
        self.inodes().get(number).map(|inode| inode.node.clone()).ok_or(Errno::ESTALE)
    }

    /// Computes from what is known, and replies at once; or asks for what is lacking, and replies
    /// from the runtime.
    pub fn answer<T: Send + 'static>(
        self: &Arc<Self>,
        what: &'static str,
        compute: impl Fn(&Shared, &Reads) -> Result<T, Step> + Send + Sync + 'static,
        reply: impl FnOnce(&Shared, Result<T, Errno>) + Send + 'static,
    ) {
        match compute(self, &Reads::new(Instant::now())) {
            Ok(value) => reply(self, Ok(value)),
            Err(Step::Failed(error)) => reply(self, Err(told(what, &error))),
            Err(Step::Wanted) => {
                let shared = Arc::clone(self);
                self.runtime.spawn(async move {
                    let settled = shared.tree.settle(|reads| compute(&shared, reads)).await;
                    reply(&shared, settled.map_err(|error| told(what, &error)));
                });
            }
        }
    }

    /// The node of a name, and its content unless it is a directory. Where its inode's content is
    /// still true, nothing is rendered.
    pub fn find(&self, parent: &Node, name: &str, reads: &Reads) -> Result<(Node, Option<Rendered>), Step> {
        let node = self.tree.find_now(parent, name, reads)?;
        let content = self.content(&node, reads)?;
        Ok((node, content))
    }

    pub fn content(&self, node: &Node, reads: &Reads) -> Result<Option<Rendered>, Step> {
        if self.tree.kind(node) == Kind::Directory {
            return Ok(None);
        }
        let known = self.inodes().current(node).and_then(|inode| inode.content.clone());
        if let Some(content) = known
            && self.tree.still_true(&content.used)
        {
            return Ok(Some(content));
        }
        self.tree.content_now(node, reads).map(Some)
    }

    pub fn attributes(&self, number: INodeNo, inode: &Inode) -> FileAttr {
        let attributes = self.tree.attributes(&inode.node);
        let size = inode.content.as_ref().map_or(0, |content| content.bytes.len() as u64);
        let (kind, links) = match self.tree.kind(&inode.node) {
            Kind::Directory => (FileType::Directory, 2),
            Kind::File => (FileType::RegularFile, 1),
            Kind::Link => (FileType::Symlink, 1),
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
            perm: attributes.mode.unwrap_or_default(),
            nlink: links,
            uid: attributes.uid.unwrap_or(self.owner.0),
            gid: attributes.gid.unwrap_or(self.owner.1),
            rdev: 0,
            blksize: BLOCK,
            flags: 0,
        }
    }

    /// How long a name, and how long the attributes of its inode, are known.
    pub fn lifetimes(&self, inode: &Inode) -> (Duration, Duration) {
        let directory = self.tree.kind(&inode.node) == Kind::Directory;
        let name = match &inode.content {
            _ if !self.tree.is_permanent(&inode.node) => ALIVE,
            None if directory => FOR_EVER,
            Some(content) if content.used.is_empty() => FOR_EVER,
            _ => ALIVE,
        };
        let attributes = match &inode.content {
            None if !directory => Duration::ZERO,
            _ => FOR_EVER,
        };
        (name.min(attributes), attributes)
    }

    pub fn reply_entry(&self, node: &Node, content: Option<Rendered>, reply: ReplyEntry) {
        let mut inodes = self.inodes();
        let number = inodes.place(node, content);
        inodes.looked_up(number);
        let Some(inode) = inodes.get(number) else { return reply.error(Errno::ESTALE) };
        let attributes = self.attributes(number, inode);
        let (name, known) = self.lifetimes(inode);
        drop(inodes);
        reply.entry_with_ttls(&known, &name, &attributes, GENERATION);
    }

    /// Keeps a listing until the directory is closed.
    pub fn keep_directory(&self, directory: OpenDirectory) -> FileHandle {
        let handle = self.next_handle.fetch_add(1, Ordering::Relaxed);
        self.directories().insert(handle, Arc::new(directory));
        FileHandle(handle)
    }

    /// Forgets the listing of a closed directory.
    pub fn close_directory(&self, handle: FileHandle) {
        self.directories().remove(&handle.0);
    }

    /// The listing of an open directory.
    pub fn open_directory(&self, handle: FileHandle) -> Option<Arc<OpenDirectory>> {
        self.directories().get(&handle.0).cloned()
    }

    /// Gives an inode's content to `send`; what was only listed so far is rendered first.
    pub fn read_content(
        self: &Arc<Self>,
        number: INodeNo,
        what: &'static str,
        send: impl FnOnce(&[u8], ReplyData) + Send + 'static,
        reply: ReplyData,
    ) {
        let node = {
            let inodes = self.inodes();
            let Some(inode) = inodes.get(number) else { return reply.error(Errno::ESTALE) };
            if let Some(content) = &inode.content {
                let bytes = content.bytes.clone();
                drop(inodes);
                return send(&bytes, reply);
            }
            inode.node.clone()
        };
        self.answer(
            what,
            move |shared, reads| shared.tree.content_now(&node, reads),
            move |shared, rendered| match rendered {
                Ok(content) => {
                    let filled =
                        shared.inodes().fill(number, content).and_then(|inode| inode.content.clone());
                    match filled {
                        Some(content) => send(&content.bytes, reply),
                        None => reply.error(Errno::ESTALE),
                    }
                }
                Err(error) => reply.error(error),
            },
        );
    }
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
