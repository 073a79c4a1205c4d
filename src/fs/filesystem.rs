//! FUSE requests, translated into questions to the tree.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use fuser::{
    AccessFlags, Errno, FileHandle, FileType, Filesystem, FopenFlags, INodeNo, InitFlags, KernelConfig,
    LockOwner, OpenFlags, ReplyAttr, ReplyData, ReplyDirectory, ReplyDirectoryPlus, ReplyEmpty, ReplyEntry,
    ReplyOpen, ReplyStatfs, ReplyXattr, Request,
};
use tokio::runtime::Handle;

use super::shared::{BLOCK, FOR_EVER, GENERATION, OpenDirectory, Shared};
use crate::parse::text;
use crate::query::Reads;
use crate::tree::{Kind, Tree};

/// A tree as a filesystem.
pub struct TreeFilesystem {
    shared: Arc<Shared>,
}

impl TreeFilesystem {
    /// The filesystem of a tree; what has to wait is answered on `runtime`.
    pub fn new(tree: Arc<Tree>, runtime: Handle) -> TreeFilesystem {
        TreeFilesystem { shared: Arc::new(Shared::new(tree, runtime)) }
    }
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
            move |shared, reads| shared.tree.content_now(&node, reads),
            move |shared, rendered| match rendered {
                Ok(content) => match shared.inodes().fill(number, content) {
                    Some(inode) => reply.attr(&FOR_EVER, &shared.attributes(number, inode)),
                    None => reply.error(Errno::ESTALE),
                },
                Err(error) => reply.error(error),
            },
        );
    }

    fn readlink(&self, _request: &Request, number: INodeNo, reply: ReplyData) {
        self.shared.read_content(number, "readlink", |content, reply: ReplyData| reply.data(content), reply);
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
        self.shared.read_content(number, "read", slice, reply);
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
                    reply.opened(shared.keep_directory(directory), FopenFlags::empty());
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
        self.shared.close_directory(handle);
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
