//! FUSE requests, translated into questions to the tree.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use fuser::{
    AccessFlags, Errno, FileHandle, FileType, Filesystem, INodeNo, InitFlags, KernelConfig, LockOwner,
    OpenFlags, ReplyAttr, ReplyData, ReplyDirectory, ReplyDirectoryPlus, ReplyEmpty, ReplyEntry, ReplyOpen,
    ReplyStatfs, ReplyXattr, Request,
};

use super::counters::Request as Kind;
use super::inodes::Shown;
use super::listing::{DOTS, Listing, file_type};
use super::listing_reply::ListingReply;
use super::shared::{BLOCK, FOR_EVER, Shared};
use crate::parse::text;
use crate::query::{Manner, Reads};
use crate::tree::{Directory, Use};

/// A tree as a filesystem.
pub struct TreeFilesystem {
    shared: Arc<Shared>,
}

impl TreeFilesystem {
    pub(super) fn new(shared: Arc<Shared>) -> TreeFilesystem {
        TreeFilesystem { shared }
    }
}

/// What the names of our extended attributes begin with.
const ATTRIBUTES: &str = "user.astfs.";
/// So many names of a directory are taken at once.
const AT_ONCE: usize = 64;

impl TreeFilesystem {
    /// Gives a directory to who lists it: as it is now if he begins, and as it was when he goes on.
    fn listed(
        &self,
        number: INodeNo,
        offset: u64,
        list: impl FnOnce(&Shared, Result<Arc<Directory>, Errno>) + Send + 'static,
    ) {
        let answering = self.shared.counters.request(Kind::Readdir);
        let list = move |shared: &Shared, directory| {
            list(shared, directory);
            drop(answering);
        };
        let node = match self.shared.node(number) {
            Ok(node) => node,
            Err(error) => return list(&self.shared, Err(error)),
        };
        if offset > 0
            && let Some(directory) = self.shared.tree().directory_known(&node)
        {
            return list(&self.shared, Ok(directory));
        }
        self.shared.answer(
            "readdir",
            Some(number),
            move |shared, reads| shared.tree().directory_now(&node, reads),
            list,
        );
    }

    /// The attributes of a directory whose names can change. Its time tells the kernel whether the names
    /// it remembers are the names there are: where that is not known, they may be others, and whoever
    /// lists it asks. Nobody waits here, since most only pass through to what is below.
    fn directory_attributes(&self, number: INodeNo, shown: &Shown, reply: ReplyAttr) {
        let tree = self.shared.tree();
        let listed = tree.directory_known(&shown.node).is_some_and(|directory| directory.is_made());
        let mut lifetime = Duration::ZERO;
        if listed {
            match tree.directory_now(&shown.node, &Reads::new(Manner::of_reader())) {
                Ok(_) => lifetime = self.shared.lifetimes(shown, None).1,
                Err(_) => drop(self.shared.inodes().touch(shown)),
            }
        }
        let inodes = self.shared.inodes();
        let Some(inode) = inodes.get(number) else { return reply.error(Errno::ESTALE) };
        let attributes = self.shared.attributes(number, inode);
        drop(inodes);
        reply.attr(&lifetime, &attributes);
    }
}

/// Has the kernel tell a connection that was broken off, which ends the program with an error, from an unmount.
pub fn tell_broken(config: &mut KernelConfig) {
    // all that an older kernel does not tell apart is the exit status
    let _ = config.add_capabilities(InitFlags::FUSE_ABORT_ERROR);
}

impl Filesystem for TreeFilesystem {
    fn init(&mut self, _request: &Request, config: &mut KernelConfig) -> std::io::Result<()> {
        let wanted = [
            InitFlags::FUSE_NO_OPEN_SUPPORT,
            InitFlags::FUSE_NO_OPENDIR_SUPPORT,
            InitFlags::FUSE_DO_READDIRPLUS,
            InitFlags::FUSE_CACHE_SYMLINKS,
            InitFlags::FUSE_PARALLEL_DIROPS,
            InitFlags::FUSE_AUTO_INVAL_DATA,
        ];
        for capability in wanted {
            if config.add_capabilities(capability).is_err() {
                tracing::info!("this kernel lacks {capability:?}: everything works, some of it slower");
            }
        }
        tell_broken(config);
        Ok(())
    }

    fn lookup(&self, request: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEntry) {
        let answering = self.shared.counters.request(Kind::Lookup);
        let directory = match self.shared.node(parent) {
            Ok(node) => node,
            Err(error) => return reply.error(error),
        };
        let name = text::decode(name.as_bytes()).into_owned();
        let (reader, process) = ((request.uid(), request.gid()), request.pid());
        let (looked_up, begun) = (name.clone(), Instant::now());
        let find = move |shared: &Arc<Shared>, reads: &Reads| {
            let shown = shared.shown(shared.tree().find_now(&directory, &name, reads)?, reader);
            let content = shared.content_awaited(&shown, reads)?;
            Ok((shown, content))
        };
        let late = looked_up.clone();
        self.shared.answer(
            "lookup",
            Some(parent),
            move |shared, reads| {
                shared.late.found(parent, &late, shared.tree().deadline(), find(shared, reads))
            },
            move |shared, found| {
                match found {
                    Ok((shown, content)) => {
                        if content.is_some() {
                            shared.count(&shown.node, Use::Lookup);
                            shared.listers.looked_up(process, parent);
                        }
                        shared.reply_entry(&shown, content, reply);
                    }
                    Err(error) => {
                        shared.late.note(parent, looked_up, begun, error);
                        reply.error(error);
                    }
                }
                drop(answering);
            },
        );
    }

    fn forget(&self, _request: &Request, number: INodeNo, mentions: u64) {
        self.shared.forget(number, mentions);
    }

    fn getattr(&self, _request: &Request, number: INodeNo, _handle: Option<FileHandle>, reply: ReplyAttr) {
        let answering = self.shared.counters.request(Kind::Getattr);
        let shown = {
            let inodes = self.shared.inodes();
            let Some(inode) = inodes.get(number) else { return reply.error(Errno::ESTALE) };
            let is_static = || self.shared.tree().is_static(&inode.shown.node);
            if inode.content.is_some() || self.shared.is_directory(&inode.shown) && is_static() {
                let attributes = self.shared.attributes(number, inode);
                drop(inodes);
                return reply.attr(&FOR_EVER, &attributes);
            }
            inode.shown.clone()
        };
        if self.shared.is_directory(&shown) {
            return self.directory_attributes(number, &shown, reply);
        }
        self.shared.answer(
            "getattr",
            None,
            move |shared, reads| shared.content_awaited(&shown, reads),
            move |shared, rendered| {
                let rendered = rendered.and_then(|content| content.ok_or(Errno::EISDIR));
                let filled = rendered.and_then(|content| {
                    let filled = shared.fill(number, content, |inode| shared.attributes(number, inode));
                    filled.ok_or(Errno::ESTALE)
                });
                match filled {
                    Ok(attributes) => reply.attr(&FOR_EVER, &attributes),
                    Err(error) => reply.error(error),
                }
                drop(answering);
            },
        );
    }

    fn readlink(&self, _request: &Request, number: INodeNo, reply: ReplyData) {
        let answering = self.shared.counters.request(Kind::Readlink);
        let target = move |content: &[u8], reply: ReplyData| {
            reply.data(content);
            drop(answering);
        };
        self.shared.read_content(number, "readlink", target, reply);
    }

    fn open(&self, _request: &Request, _number: INodeNo, _flags: OpenFlags, reply: ReplyOpen) {
        let _answering = self.shared.counters.request(Kind::Other);
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
        let answering = self.shared.counters.request(Kind::Read);
        let slice = move |content: &[u8], reply: ReplyData| {
            let start = usize::try_from(offset).unwrap_or(usize::MAX).min(content.len());
            let end = start.saturating_add(size as usize).min(content.len());
            reply.data(&content[start..end]);
            drop(answering);
        };
        self.shared.read_content(number, "read", slice, reply);
    }

    fn opendir(&self, _request: &Request, _number: INodeNo, _flags: OpenFlags, reply: ReplyOpen) {
        let _answering = self.shared.counters.request(Kind::Other);
        // names have cookies that stay, so there is nothing to pin here either
        reply.error(Errno::ENOSYS);
    }

    fn readdir(
        &self,
        _request: &Request,
        number: INodeNo,
        _handle: FileHandle,
        offset: u64,
        mut reply: ReplyDirectory,
    ) {
        self.listed(number, offset, move |shared, directory| {
            for (index, name) in DOTS.into_iter().enumerate().skip(offset as usize) {
                if reply.add(number, index as u64 + 1, FileType::Directory, name) {
                    return reply.ok();
                }
            }
            let mut cookie = offset.saturating_sub(DOTS.len() as u64);
            let directory = match directory {
                Ok(directory) => directory,
                Err(error) => return reply.error(error),
            };
            loop {
                let names = directory.after(cookie, AT_ONCE);
                let Some(last) = names.last() else { break };
                cookie = last.cookie;
                for named in &names {
                    let kind = file_type(shared.tree().kind(&named.node));
                    let name = text::encode(&named.name);
                    let next = named.cookie + DOTS.len() as u64;
                    if reply.add(number, next, kind, OsStr::from_bytes(&name)) {
                        return reply.ok();
                    }
                }
            }
            reply.ok();
        });
    }

    fn readdirplus(
        &self,
        request: &Request,
        number: INodeNo,
        _handle: FileHandle,
        offset: u64,
        reply: ReplyDirectoryPlus,
    ) {
        let (reader, process) = ((request.uid(), request.gid()), request.pid());
        let (listing, request) = (Listing { directory: number, offset, reader, process }, request.unique());
        self.listed(number, offset, move |shared, directory| match directory {
            Ok(directory) => {
                let names = shared.tree().holds_files(&directory.node);
                shared.list(&listing, &directory, ListingReply::new(reply, request, names));
            }
            Err(error) => reply.error(error),
        });
    }

    fn statfs(&self, _request: &Request, _number: INodeNo, reply: ReplyStatfs) {
        let inodes = self.shared.inodes().count() as u64;
        reply.statfs(0, 0, 0, inodes, 0, BLOCK, 255, BLOCK);
    }

    fn access(&self, _request: &Request, _number: INodeNo, _mask: AccessFlags, reply: ReplyEmpty) {
        // the kernel checks permissions itself (`default_permissions`)
        reply.error(Errno::ENOSYS);
    }

    fn getxattr(&self, _request: &Request, number: INodeNo, name: &OsStr, size: u32, reply: ReplyXattr) {
        let _answering = self.shared.counters.request(Kind::Other);
        let Some(name) = name.to_str().and_then(|name| name.strip_prefix(ATTRIBUTES)) else {
            // programs that look for access lists on every file ask no more once they are told this
            return reply.error(Errno::EOPNOTSUPP);
        };
        let standing = self.shared.standing(number).unwrap_or_default();
        match standing.into_iter().find(|(known, _)| *known == name) {
            Some((_, value)) => give(value.as_bytes(), size, reply),
            None => reply.error(Errno::ENODATA),
        }
    }

    fn listxattr(&self, _request: &Request, number: INodeNo, size: u32, reply: ReplyXattr) {
        let _answering = self.shared.counters.request(Kind::Other);
        let standing = self.shared.standing(number).unwrap_or_default();
        let names: String = standing.iter().map(|(name, _)| format!("{ATTRIBUTES}{name}\0")).collect();
        give(names.as_bytes(), size, reply);
    }
}

/// Gives an extended attribute, or its size to who asks how much room it takes (getxattr(2)).
fn give(value: &[u8], size: u32, reply: ReplyXattr) {
    match size as usize {
        0 => reply.size(value.len() as u32),
        room if room < value.len() => reply.error(Errno::ERANGE),
        _ => reply.data(value),
    }
}
