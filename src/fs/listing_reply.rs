//! The answer to a listing, as the kernel reads it.
//!
//! The kernel takes an entry whose node is 0 for a name and its kind, and makes nothing of it but that.
//! fuser has one number for an entry's node and for what programs see as its inode, and an inode of 0 is a
//! deleted file to them. So what may hold names alone is written to the kernel here.

use std::ffi::OsStr;
use std::fs::File;
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::time::{Duration, SystemTime};

use fuser::{Errno, FileAttr, FileType, ReplyDirectoryPlus, RequestId};

use super::shared::GENERATION;

/// The kernel has room for so many bytes at least; how many it has is known to fuser alone.
const ROOM: usize = 4096;
/// What stands before all entries: `fuse_out_header`.
const HEADER: usize = 16;
/// What stands before each name: `fuse_direntplus`.
const ENTRY: usize = 152;
/// The part of it that tells of the inode: `fuse_entry_out`.
const INODE: usize = 128;
/// The inode that programs see of a name that stands alone: the one that says so elsewhere, too.
const UNKNOWN: u64 = 0xffff_ffff;

/// An answer that is being put together.
pub struct ListingReply {
    reply: ReplyDirectoryPlus,
    /// What is sent without fuser: the request it answers, and the answer so far.
    own: Option<(RequestId, Vec<u8>)>,
}

impl ListingReply {
    /// An answer to that request; `names` says whether there may be names alone.
    pub fn new(reply: ReplyDirectoryPlus, request: RequestId, names: bool) -> ListingReply {
        ListingReply { reply, own: names.then(|| (request, vec![0; HEADER])) }
    }

    /// So many entries fit at most, or some more.
    pub fn fits(&self) -> usize {
        self.own.as_ref().map_or(64, |(_, bytes)| 1 + (HEADER + ROOM - bytes.len()) / (ENTRY + 8))
    }

    /// Adds a name with its inode, both of which the kernel knows that long; whether it does not fit any
    /// more. `next` is the cookie to go on behind it.
    pub fn add(&mut self, name: &OsStr, next: u64, lifetime: &Duration, attributes: &FileAttr) -> bool {
        let Some((_, bytes)) = &mut self.own else {
            return self.reply.add(attributes.ino, next, name, lifetime, attributes, GENERATION);
        };
        let inode = |bytes: &mut Vec<u8>| put_inode(bytes, lifetime, attributes);
        put(bytes, name, next, attributes.ino.0, attributes.kind, inode)
    }

    /// Adds a name with its kind alone; whether it does not fit any more.
    pub fn add_name(&mut self, name: &OsStr, next: u64, kind: FileType) -> bool {
        // one that has gone while the tree file was read again
        let Some((_, bytes)) = &mut self.own else { return false };
        put(bytes, name, next, UNKNOWN, kind, |bytes| bytes.resize(bytes.len() + INODE, 0))
    }

    /// Sends it. `kernel` is where fuser sends what it sends.
    pub fn ok(self, kernel: Option<&File>) {
        let Some((request, mut bytes)) = self.own else { return self.reply.ok() };
        let Some(mut kernel) = kernel else { return self.reply.error(Errno::EIO) };
        let length = bytes.len() as u32;
        bytes[..4].copy_from_slice(&length.to_ne_bytes());
        bytes[8..HEADER].copy_from_slice(&request.0.to_ne_bytes());
        // one answer is one write
        if let Err(error) = kernel.write(&bytes) {
            tracing::debug!("the kernel does not take a listing: {error}");
        }
        // it would answer when dropped; it holds nothing but a reference to the connection
        std::mem::forget(self.reply);
    }

    /// Says that it cannot be listed.
    pub fn error(self, error: Errno) {
        self.reply.error(error);
    }
}

/// Puts a `fuse_direntplus` and the name behind it, unless there is no room for them; whether there is none.
fn put(
    bytes: &mut Vec<u8>,
    name: &OsStr,
    next: u64,
    inode: u64,
    kind: FileType,
    put_inode: impl FnOnce(&mut Vec<u8>),
) -> bool {
    let end = (bytes.len() + ENTRY + name.len()).next_multiple_of(8);
    if end > HEADER + ROOM {
        return true;
    }
    put_inode(bytes);
    put_longs(bytes, [inode, next]);
    put_words(bytes, [name.len() as u32, mode(kind) >> 12]);
    bytes.extend_from_slice(name.as_bytes());
    bytes.resize(end, 0);
    false
}

/// Puts a `fuse_entry_out`.
fn put_inode(bytes: &mut Vec<u8>, lifetime: &Duration, attributes: &FileAttr) {
    let node = attributes.ino.0;
    put_longs(bytes, [node, GENERATION.0, lifetime.as_secs(), lifetime.as_secs()]);
    put_words(bytes, [lifetime.subsec_nanos(); 2]);
    put_longs(bytes, [node, attributes.size, attributes.blocks]);
    let times = [attributes.atime, attributes.mtime, attributes.ctime];
    let times = times.map(|time| time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default());
    put_longs(bytes, times.map(|time| time.as_secs()));
    put_words(bytes, times.map(|time| time.subsec_nanos()));
    let mode = mode(attributes.kind) | u32::from(attributes.perm);
    put_words(bytes, [mode, attributes.nlink, attributes.uid, attributes.gid]);
    put_words(bytes, [attributes.rdev, attributes.blksize, 0]);
}

fn put_longs<const N: usize>(bytes: &mut Vec<u8>, numbers: [u64; N]) {
    numbers.iter().for_each(|number| bytes.extend_from_slice(&number.to_ne_bytes()));
}

fn put_words<const N: usize>(bytes: &mut Vec<u8>, numbers: [u32; N]) {
    numbers.iter().for_each(|number| bytes.extend_from_slice(&number.to_ne_bytes()));
}

/// The part of a mode that says what kind it is of, as in stat(2).
fn mode(kind: FileType) -> u32 {
    match kind {
        FileType::Directory => 0o040_000,
        FileType::Symlink => 0o120_000,
        _ => 0o100_000,
    }
}
