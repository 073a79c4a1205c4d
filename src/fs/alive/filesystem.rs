//! FUSE requests to a directory that is alive.

use std::ffi::OsStr;
use std::io::Error;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;
use fuser::{
    AccessFlags, BsdFileFlags, Errno, FileHandle, Filesystem, FopenFlags, INodeNo, IoctlFlags, KernelConfig,
    LockOwner, OpenAccMode, OpenFlags, PollEvents, PollFlags, PollNotifier, RenameFlags, ReplyAttr,
    ReplyCreate, ReplyData, ReplyDirectory, ReplyEmpty, ReplyEntry, ReplyIoctl, ReplyOpen, ReplyPoll,
    ReplyStatfs, ReplyWrite, ReplyXattr, Request, TimeOrNow, WriteFlags,
};

use super::handles::{Open, OpenControl};
use super::inodes::Shown;
use super::requests::{Requests, caller};
use crate::fs::deadlines::Deadlines;
use crate::fs::errno::write_errno;
use crate::fs::filesystem::tell_broken;
use crate::fs::shared::{BLOCK, GENERATION};
use crate::parse::text;
use crate::tree::{Alive, Node, Use};

/// The kernel remembers nothing.
const NOT_REMEMBERED: Duration = Duration::ZERO;

/// A directory of a tree that is alive, as a filesystem.
pub struct AliveFilesystem {
    requests: Arc<Requests>,
}

impl AliveFilesystem {
    /// The filesystem of the directory `root`; what has to wait is answered by its deadline.
    pub fn new(alive: Arc<Alive>, root: Node, deadlines: Arc<Deadlines>) -> AliveFilesystem {
        AliveFilesystem { requests: Arc::new(Requests::new(alive, root, deadlines)) }
    }

    fn reply_attributes(&self, request: &Request, number: INodeNo, reply: ReplyAttr) {
        let shown = match self.requests.shown(number) {
            Ok(shown) => shown,
            Err(error) => return reply.error(error),
        };
        let (caller, asked) = (caller(request), shown.clone());
        self.requests.answer(
            "getattr",
            move |requests, reads| requests.content(&asked, caller, reads),
            move |requests, content| match content {
                Ok(content) => {
                    let attributes = requests.attributes(number, &shown, content.as_ref());
                    reply.attr(&NOT_REMEMBERED, &attributes);
                }
                Err(error) => reply.error(error),
            },
        );
    }
}

impl Filesystem for AliveFilesystem {
    fn init(&mut self, _request: &Request, config: &mut KernelConfig) -> std::io::Result<()> {
        tell_broken(config);
        Ok(())
    }

    fn lookup(&self, request: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEntry) {
        let directory = match self.requests.shown(parent) {
            Ok(shown) => shown,
            Err(error) => return reply.error(error),
        };
        let (caller, name) = (caller(request), text::decode(name.as_bytes()).into_owned());
        let (looked_up, begun) = (name.clone(), Instant::now());
        self.requests.answer(
            "lookup",
            move |requests, reads| {
                let found = requests.find(&directory, &name, caller, reads);
                requests.late.found(parent, &name, requests.tree().deadline(), found)
            },
            move |requests, found| match found {
                Ok(found) => {
                    requests.count(&found.shown, Use::Lookup);
                    let number = requests.inodes().looked_up(&found.shown);
                    let attributes = requests.attributes(number, &found.shown, found.content.as_ref());
                    reply.entry(&NOT_REMEMBERED, &attributes, GENERATION);
                }
                Err(error) => {
                    requests.late.note(parent, looked_up, begun, error);
                    reply.error(error);
                }
            },
        );
    }

    fn forget(&self, _request: &Request, number: INodeNo, mentions: u64) {
        self.requests.inodes().forget(number, mentions);
    }

    fn getattr(&self, request: &Request, number: INodeNo, _handle: Option<FileHandle>, reply: ReplyAttr) {
        self.reply_attributes(request, number, reply);
    }

    /// `>` empties a control file before it writes, and `touch` has nothing to touch there: both are
    /// let pass and do nothing.
    fn setattr(
        &self,
        request: &Request,
        number: INodeNo,
        mode: Option<u32>,
        uid: Option<u32>,
        gid: Option<u32>,
        size: Option<u64>,
        _accessed: Option<TimeOrNow>,
        _modified: Option<TimeOrNow>,
        _changed: Option<SystemTime>,
        _handle: Option<FileHandle>,
        _created: Option<SystemTime>,
        _type_changed: Option<SystemTime>,
        _backed_up: Option<SystemTime>,
        _flags: Option<BsdFileFlags>,
        reply: ReplyAttr,
    ) {
        let control = match self.requests.shown(number) {
            Ok(shown) => self.requests.alive.is_control(shown.node()),
            Err(error) => return reply.error(error),
        };
        match size {
            _ if !control || mode.is_some() || uid.is_some() || gid.is_some() => reply.error(Errno::EROFS),
            Some(1..) => reply.error(Errno::EINVAL),
            _ => self.reply_attributes(request, number, reply),
        }
    }

    fn readlink(&self, request: &Request, number: INodeNo, reply: ReplyData) {
        let shown = match self.requests.shown(number) {
            Ok(shown) => shown,
            Err(error) => return reply.error(error),
        };
        let caller = caller(request);
        self.requests.answer(
            "readlink",
            move |requests, reads| requests.content(&shown, caller, reads),
            |_, target| match target {
                Ok(target) => reply.data(&target.unwrap_or_default()),
                Err(error) => reply.error(error),
            },
        );
    }

    fn open(&self, request: &Request, number: INodeNo, flags: OpenFlags, reply: ReplyOpen) {
        let shown = match self.requests.shown(number) {
            Ok(shown) => shown,
            Err(error) => return reply.error(error),
        };
        if flags.acc_mode() != OpenAccMode::O_WRONLY {
            self.requests.count(&shown, Use::Read);
        }
        let alive = &self.requests.alive;
        let keep = |requests: &Requests, open, reply: ReplyOpen| {
            reply.opened(requests.handles.keep(open), FopenFlags::FOPEN_DIRECT_IO);
        };
        let control = match &shown {
            Shown::Log(_, file) if flags.acc_mode() == OpenAccMode::O_RDONLY => {
                return keep(&self.requests, Open::Log(Arc::clone(file)), reply);
            }
            Shown::Node(node) if alive.is_control(node) => Some(node.clone()),
            _ if flags.acc_mode() != OpenAccMode::O_RDONLY => return reply.error(Errno::EROFS),
            _ => None,
        };
        if let Some(node) = &control
            && flags.acc_mode() == OpenAccMode::O_WRONLY
        {
            // what is never read need not be had
            let control = OpenControl::new(node.clone(), Bytes::new());
            return keep(&self.requests, Open::Control(control), reply);
        }
        let caller = caller(request);
        self.requests.answer(
            "open",
            move |requests, reads| requests.content(&shown, caller, reads),
            move |requests, content| match content {
                Ok(content) => {
                    let content = content.unwrap_or_default();
                    let open = match control {
                        Some(node) => Open::Control(OpenControl::new(node, content)),
                        None => Open::Snapshot(content),
                    };
                    keep(requests, open, reply);
                }
                Err(error) => reply.error(error),
            },
        );
    }

    fn read(
        &self,
        _request: &Request,
        _number: INodeNo,
        handle: FileHandle,
        offset: u64,
        size: u32,
        _flags: OpenFlags,
        _lock_owner: Option<LockOwner>,
        reply: ReplyData,
    ) {
        let Some(open) = self.requests.handles.get(handle) else { return reply.error(Errno::EBADF) };
        let part = |bytes: &[u8]| {
            let start = usize::try_from(offset).unwrap_or(usize::MAX).min(bytes.len());
            bytes[start..start.saturating_add(size as usize).min(bytes.len())].to_vec()
        };
        match &*open {
            Open::Snapshot(bytes) => reply.data(&part(bytes)),
            Open::Log(file) => reply.data(&file.read(offset, size as usize)),
            Open::Control(control) => reply.data(&part(&control.shown())),
            Open::Directory(_) => reply.error(Errno::EISDIR),
        }
    }

    /// One write is one input, at whatever offset: `>>` writes at the end of what is read.
    fn write(
        &self,
        request: &Request,
        _number: INodeNo,
        handle: FileHandle,
        _offset: u64,
        input: &[u8],
        _write_flags: WriteFlags,
        _flags: OpenFlags,
        _lock_owner: Option<LockOwner>,
        reply: ReplyWrite,
    ) {
        let Some(open) = self.requests.handles.get(handle) else { return reply.error(Errno::EBADF) };
        let Open::Control(control) = &*open else { return reply.error(Errno::EBADF) };
        if let Some(error) = control.refused(input) {
            return reply.error(error);
        }
        let (requests, uid, pid) = (Arc::clone(&self.requests), request.uid(), request.pid());
        let (input, writing) = (Bytes::copy_from_slice(input), Arc::clone(&open));
        let (written, deadline) = (input.clone(), Instant::now() + requests.alive.deadline(&control.node));
        let work = async move {
            let Open::Control(control) = &*writing else { return Some(Errno::EBADF) };
            let done = requests.alive.write(&control.node, &input).await;
            let place = requests.alive.place(&control.node);
            let refusal = done.as_ref().err().map(write_errno);
            match (&done, refusal) {
                (Err(error), Some(errno)) => {
                    // the server's words may repeat the input; they stand in the file
                    tracing::warn!(uid, pid, "{place}: {}", Error::from_raw_os_error(errno.into()));
                    tracing::debug!("{place}: {error}");
                }
                _ => tracing::info!(uid, pid, "{place}: done"),
            }
            if let Some(answer) = requests.alive.last_answer(&control.node)
                && requests.alive.shows_answer(&control.node)
            {
                control.show(answer.text);
            }
            refusal
        };
        self.requests.deadlines.answer(deadline, work, move |refusal| {
            let Open::Control(control) = &*open else { return };
            // it may have been done, or be done yet
            let refusal = refusal.unwrap_or(Some(Errno::ETIMEDOUT));
            let length = written.len() as u32;
            control.note(written, refusal);
            match refusal {
                None => reply.written(length),
                Some(error) => reply.error(error),
            }
        });
    }

    fn flush(
        &self,
        _request: &Request,
        _number: INodeNo,
        _handle: FileHandle,
        _lock_owner: LockOwner,
        reply: ReplyEmpty,
    ) {
        reply.ok();
    }

    fn fsync(
        &self,
        _request: &Request,
        _number: INodeNo,
        _handle: FileHandle,
        _data: bool,
        reply: ReplyEmpty,
    ) {
        reply.ok();
    }

    fn release(
        &self,
        _request: &Request,
        _number: INodeNo,
        handle: FileHandle,
        _flags: OpenFlags,
        _lock_owner: Option<LockOwner>,
        _flush: bool,
        reply: ReplyEmpty,
    ) {
        self.requests.handles.close(handle);
        reply.ok();
    }

    fn opendir(&self, _request: &Request, number: INodeNo, _flags: OpenFlags, reply: ReplyOpen) {
        let directory = match self.requests.shown(number) {
            Ok(shown) => shown,
            Err(error) => return reply.error(error),
        };
        self.requests.answer(
            "opendir",
            move |requests, reads| requests.list(&directory, reads),
            |requests, listed| match listed {
                Ok(listed) => {
                    reply.opened(requests.handles.keep(Open::Directory(listed)), FopenFlags::empty());
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
        let open = self.requests.handles.get(handle);
        let Some(Open::Directory(listed)) = open.as_deref() else { return reply.error(Errno::EBADF) };
        for (index, (name, kind)) in listed.iter().enumerate().skip(offset as usize) {
            if reply.add(number, index as u64 + 1, *kind, OsStr::from_bytes(name)) {
                break;
            }
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
        self.requests.handles.close(handle);
        reply.ok();
    }

    fn statfs(&self, _request: &Request, _number: INodeNo, reply: ReplyStatfs) {
        let inodes = self.requests.inodes().count() as u64;
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

    fn poll(
        &self,
        _request: &Request,
        _number: INodeNo,
        _handle: FileHandle,
        _notifier: PollNotifier,
        _events: PollEvents,
        _flags: PollFlags,
        reply: ReplyPoll,
    ) {
        reply.error(Errno::ENOSYS);
    }

    fn ioctl(
        &self,
        _request: &Request,
        _number: INodeNo,
        _handle: FileHandle,
        _flags: IoctlFlags,
        _command: u32,
        _input: &[u8],
        _size: u32,
        reply: ReplyIoctl,
    ) {
        reply.error(Errno::ENOTTY);
    }

    // ---- the names are the tree file's and the server's, whatever root tries ----------------------

    fn mknod(
        &self,
        _request: &Request,
        _parent: INodeNo,
        _name: &OsStr,
        _mode: u32,
        _mask: u32,
        _device: u32,
        reply: ReplyEntry,
    ) {
        reply.error(Errno::EROFS);
    }

    fn mkdir(
        &self,
        _request: &Request,
        _parent: INodeNo,
        _name: &OsStr,
        _mode: u32,
        _mask: u32,
        reply: ReplyEntry,
    ) {
        reply.error(Errno::EROFS);
    }

    fn unlink(&self, _request: &Request, _parent: INodeNo, _name: &OsStr, reply: ReplyEmpty) {
        reply.error(Errno::EROFS);
    }

    fn rmdir(&self, _request: &Request, _parent: INodeNo, _name: &OsStr, reply: ReplyEmpty) {
        reply.error(Errno::EROFS);
    }

    fn symlink(
        &self,
        _request: &Request,
        _parent: INodeNo,
        _name: &OsStr,
        _target: &Path,
        reply: ReplyEntry,
    ) {
        reply.error(Errno::EROFS);
    }

    fn rename(
        &self,
        _request: &Request,
        _parent: INodeNo,
        _name: &OsStr,
        _new_parent: INodeNo,
        _new_name: &OsStr,
        _flags: RenameFlags,
        reply: ReplyEmpty,
    ) {
        reply.error(Errno::EROFS);
    }

    fn link(
        &self,
        _request: &Request,
        _number: INodeNo,
        _new_parent: INodeNo,
        _new_name: &OsStr,
        reply: ReplyEntry,
    ) {
        reply.error(Errno::EROFS);
    }

    fn create(
        &self,
        _request: &Request,
        _parent: INodeNo,
        _name: &OsStr,
        _mode: u32,
        _mask: u32,
        _flags: i32,
        reply: ReplyCreate,
    ) {
        reply.error(Errno::EROFS);
    }
}
