//! FUSE requests, translated into questions to the tree.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use fuser::{
    AccessFlags, Errno, FileAttr, FileHandle, FileType, Filesystem, FopenFlags, Generation, INodeNo,
    InitFlags, KernelConfig, LockOwner, OpenFlags, ReplyAttr, ReplyData, ReplyDirectory, ReplyDirectoryPlus,
    ReplyEmpty, ReplyEntry, ReplyOpen, ReplyStatfs, ReplyXattr, Request,
};
use tokio::runtime::Handle;

use super::errno::errno;
use super::inodes::{Inode, Inodes};
use crate::parse::text;
use crate::query::Reads;
use crate::tree::{Kind, Listing, Node, Rendered, Step, Tree, TreeError};

/// How long the kernel may take a name of something alive for known. It bounds what a listing
/// costs, and is the most by which a read can lag behind the server's event.
const ALIVE: Duration = Duration::from_millis(100);
/// What cannot change is known for good.
const FOR_EVER: Duration = Duration::from_secs(u32::MAX as u64);
const BLOCK: u32 = 4096;
const GENERATION: Generation = Generation(0);

/// A tree as a filesystem.
pub struct TreeFilesystem {
    shared: Arc<Shared>,
}

/// What requests share, wherever they are answered.
struct Shared {
    tree: Arc<Tree>,
    runtime: Handle,
    inodes: Mutex<Inodes>,
    directories: Mutex<HashMap<u64, Arc<OpenDirectory>>>,
    next_handle: AtomicU64,
    owner: (u32, u32),
}

/// A directory as it was when it was opened, so that a listing in several pieces is one listing.
struct OpenDirectory {
    node: Node,
    listing: Arc<Listing>,
}

impl TreeFilesystem {
    /// The filesystem of a tree; what has to wait is answered on `runtime`.
    pub fn new(tree: Arc<Tree>, runtime: Handle) -> TreeFilesystem {
        let owner = (nix::unistd::geteuid().as_raw(), nix::unistd::getegid().as_raw());
        let shared = Shared {
            tree,
            runtime,
            inodes: Mutex::new(Inodes::new()),
            directories: Mutex::default(),
            next_handle: AtomicU64::new(1),
            owner,
        };
        TreeFilesystem { shared: Arc::new(shared) }
    }
}

impl Shared {
    fn inodes(&self) -> MutexGuard<'_, Inodes> {
        self.inodes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn directories(&self) -> MutexGuard<'_, HashMap<u64, Arc<OpenDirectory>>> {
        self.directories.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn node(&self, number: INodeNo) -> Result<Node, Errno> {
        self.inodes().get(number).map(|inode| inode.node.clone()).ok_or(Errno::ESTALE)
    }

    /// Computes from what is known, and replies at once; or asks for what is lacking, and replies
    /// from the runtime.
    fn answer<T: Send + 'static>(
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
    fn find(&self, parent: &Node, name: &str, reads: &Reads) -> Result<(Node, Option<Rendered>), Step> {
        let node = self.tree.find_now(parent, name, reads)?;
        let content = self.content(&node, reads)?;
        Ok((node, content))
    }

    fn content(&self, node: &Node, reads: &Reads) -> Result<Option<Rendered>, Step> {
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

    fn attributes(&self, number: INodeNo, inode: &Inode) -> FileAttr {
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
    fn lifetimes(&self, inode: &Inode) -> (Duration, Duration) {
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

    fn reply_entry(&self, node: &Node, content: Option<Rendered>, reply: ReplyEntry) {
        let mut inodes = self.inodes();
        let number = inodes.place(node, content);
        inodes.looked_up(number);
        let Some(inode) = inodes.get(number) else { return reply.error(Errno::ESTALE) };
        let attributes = self.attributes(number, inode);
        let (name, known) = self.lifetimes(inode);
        drop(inodes);
        reply.entry_with_ttls(&known, &name, &attributes, GENERATION);
    }

    fn open_directory(&self, handle: FileHandle) -> Option<Arc<OpenDirectory>> {
        self.directories().get(&handle.0).cloned()
    }
}

/// A failed request is told once, here, unless it only says that a name does not exist or the
/// failure was told when the server was asked.
fn told(what: &str, error: &TreeError) -> Errno {
    use crate::query::QueryError;
    match error {
        TreeError::Query(error @ QueryError::Template { .. }) => tracing::warn!("{what}: {error}"),
        TreeError::Query(error) => tracing::debug!("{what}: {error}"),
        _ => {}
    }
    errno(error)
}

fn file_type(kind: Kind) -> FileType {
    match kind {
        Kind::Directory => FileType::Directory,
        Kind::File => FileType::RegularFile,
        Kind::Link => FileType::Symlink,
    }
}

impl Filesystem for TreeFilesystem {
    fn init(&mut self, _request: &Request, config: &mut KernelConfig) -> std::io::Result<()> {
        let wanted = [
            InitFlags::FUSE_NO_OPEN_SUPPORT,
            InitFlags::FUSE_DO_READDIRPLUS,
            InitFlags::FUSE_CACHE_SYMLINKS,
            InitFlags::FUSE_PARALLEL_DIROPS,
        ];
        for capability in wanted {
            if config.add_capabilities(capability).is_err() {
                tracing::info!("this kernel lacks {capability:?}: everything works, some of it slower");
            }
        }
        Ok(())
    }

    fn lookup(&self, _request: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEntry) {
        let parent = match self.shared.node(parent) {
            Ok(node) => node,
            Err(error) => return reply.error(error),
        };
        let name = text::decode(name.as_bytes()).into_owned();
        self.shared.answer(
            "lookup",
            move |shared, reads| shared.find(&parent, &name, reads),
            |shared, found| match found {
                Ok((node, content)) => shared.reply_entry(&node, content, reply),
                Err(error) => reply.error(error),
            },
        );
    }

    fn forget(&self, _request: &Request, number: INodeNo, mentions: u64) {
        self.shared.inodes().forget(number, mentions);
    }

    fn getattr(&self, _request: &Request, number: INodeNo, _handle: Option<FileHandle>, reply: ReplyAttr) {
        let node = match self.shared.inodes().get(number) {
            Some(inode)
                if inode.content.is_some() || self.shared.tree.kind(&inode.node) == Kind::Directory =>
            {
                return reply.attr(&FOR_EVER, &self.shared.attributes(number, inode));
            }
            Some(inode) => inode.node.clone(),
            None => return reply.error(Errno::ESTALE),
        };
        self.shared.answer(
            "getattr",
            move |shared, reads| Ok((node.clone(), shared.content(&node, reads)?)),
            move |shared, rendered| {
                let (node, content) = match rendered {
                    Ok(rendered) => rendered,
                    Err(error) => return reply.error(error),
                };
                let mut inodes = shared.inodes();
                inodes.place(&node, content);
                match inodes.get(number) {
                    Some(inode) => reply.attr(&Duration::ZERO, &shared.attributes(number, inode)),
                    None => reply.error(Errno::ESTALE),
                }
            },
        );
    }

    fn readlink(&self, _request: &Request, number: INodeNo, reply: ReplyData) {
        self.read_content(number, "readlink", |content, reply: ReplyData| reply.data(content), reply);
    }

    fn open(&self, _request: &Request, _number: INodeNo, _flags: OpenFlags, reply: ReplyOpen) {
        // an inode's content never changes, so there is nothing to pin: the kernel need not ask
        reply.error(Errno::ENOSYS);
    }

    fn read(
        &self,
        _request: &Request,
        number: INodeNo,
        _handle: FileHandle,
        offset: u64,
        size: u32,
        _flags: OpenFlags,
        _lock_owner: Option<LockOwner>,
        reply: ReplyData,
    ) {
        let slice = move |content: &[u8], reply: ReplyData| {
            let start = usize::try_from(offset).unwrap_or(usize::MAX).min(content.len());
            let end = start.saturating_add(size as usize).min(content.len());
            reply.data(&content[start..end]);
        };
        self.read_content(number, "read", slice, reply);
    }

    fn opendir(&self, _request: &Request, number: INodeNo, _flags: OpenFlags, reply: ReplyOpen) {
        let node = match self.shared.node(number) {
            Ok(node) => node,
            Err(error) => return reply.error(error),
        };
        self.shared.answer(
            "opendir",
            move |shared, reads| {
                Ok(OpenDirectory { node: node.clone(), listing: shared.tree.list_now(&node, reads)? })
            },
            |shared, opened| match opened {
                Ok(directory) => {
                    let handle = shared.next_handle.fetch_add(1, Ordering::Relaxed);
                    shared.directories().insert(handle, Arc::new(directory));
                    reply.opened(FileHandle(handle), FopenFlags::empty());
                }
                Err(error) => reply.error(error),
            },
        );
    }

    fn readdir(
        &self,
        _request: &Request,
        number: INodeNo,
        handle: FileHandle,
        offset: u64,
        mut reply: ReplyDirectory,
    ) {
        let Some(directory) = self.shared.open_directory(handle) else { return reply.error(Errno::EBADF) };
        let dots = [".", ".."].into_iter().map(|name| (name, FileType::Directory));
        let names = directory.listing.iter().map(|(name, listed)| {
            (&**name, file_type(self.shared.tree.kind(&Tree::listed(&directory.node, name, listed))))
        });
        for (index, (name, kind)) in dots.chain(names).enumerate().skip(offset as usize) {
            let name = text::encode(name);
            if reply.add(number, index as u64 + 1, kind, OsStr::from_bytes(&name)) {
                break;
            }
        }
        reply.ok();
    }

    fn readdirplus(
        &self,
        _request: &Request,
        number: INodeNo,
        handle: FileHandle,
        offset: u64,
        mut reply: ReplyDirectoryPlus,
    ) {
        let Some(directory) = self.shared.open_directory(handle) else { return reply.error(Errno::EBADF) };
        for (index, name) in [".", ".."].into_iter().enumerate().skip(offset as usize) {
            let inodes = self.shared.inodes();
            let Some(inode) = inodes.get(number) else { break };
            let attributes = self.shared.attributes(number, inode);
            if reply.add(number, index as u64 + 1, name, &Duration::ZERO, &attributes, GENERATION) {
                return reply.ok();
            }
        }
        let skipped = (offset as usize).saturating_sub(2);
        for (index, (name, listed)) in directory.listing.iter().enumerate().skip(skipped) {
            let node = Tree::listed(&directory.node, name, listed);
            // what is not known is listed without a size, and asked for when somebody looks at it:
            // a listing never waits
            let content = self.shared.content(&node, &Reads::new(Instant::now())).ok().flatten();
            let mut inodes = self.shared.inodes();
            let number = inodes.place(&node, content);
            let Some(inode) = inodes.get(number) else { continue };
            let attributes = self.shared.attributes(number, inode);
            let (lifetime, _) = self.shared.lifetimes(inode);
            let name = text::encode(name);
            if reply.add(
                number,
                index as u64 + 3,
                OsStr::from_bytes(&name),
                &lifetime,
                &attributes,
                GENERATION,
            ) {
                inodes.looked_up(number);
                inodes.forget(number, 1);
                break;
            }
            inodes.looked_up(number);
        }
        reply.ok();
    }

    fn releasedir(
        &self,
        _request: &Request,
        _number: INodeNo,
        handle: FileHandle,
        _flags: OpenFlags,
        reply: ReplyEmpty,
    ) {
        self.shared.directories().remove(&handle.0);
        reply.ok();
    }

    fn statfs(&self, _request: &Request, _number: INodeNo, reply: ReplyStatfs) {
        let inodes = self.shared.inodes().count() as u64;
        reply.statfs(0, 0, 0, inodes, 0, BLOCK, 255, BLOCK);
    }

    fn access(&self, _request: &Request, _number: INodeNo, _mask: AccessFlags, reply: ReplyEmpty) {
        // the kernel checks permissions itself (`default_permissions`)
        reply.error(Errno::ENOSYS);
    }

    fn getxattr(&self, _request: &Request, _number: INodeNo, _name: &OsStr, _size: u32, reply: ReplyXattr) {
        reply.error(Errno::ENOSYS);
    }

    fn listxattr(&self, _request: &Request, _number: INodeNo, _size: u32, reply: ReplyXattr) {
        reply.error(Errno::ENOSYS);
    }
}

impl TreeFilesystem {
    /// Gives an inode's content to `send`; what was only listed so far is rendered first.
    fn read_content(
        &self,
        number: INodeNo,
        what: &'static str,
        send: impl FnOnce(&[u8], ReplyData) + Send + 'static,
        reply: ReplyData,
    ) {
        let node = {
            let inodes = self.shared.inodes();
            let Some(inode) = inodes.get(number) else { return reply.error(Errno::ESTALE) };
            if let Some(content) = &inode.content {
                let bytes = content.bytes.clone();
                drop(inodes);
                return send(&bytes, reply);
            }
            inode.node.clone()
        };
        self.shared.answer(
            what,
            move |shared, reads| shared.tree.content_now(&node, reads),
            move |_, rendered| match rendered {
                Ok(rendered) => send(&rendered.bytes, reply),
                Err(error) => reply.error(error),
            },
        );
    }
}
