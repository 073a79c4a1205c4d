//! Listing a directory: its names, and what the kernel is told of each.
//!
//! A listing waits for no content, asks no server for one, and renders nothing, unless the process that
//! lists is one that [looks](super::listers) at what it lists. What is left out is found when somebody
//! looks it up.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::time::Duration;

use fuser::{Errno, FileType, INodeNo};

use super::inodes::Shown;
use super::listers::Look;
use super::listing_reply::ListingReply;
use super::shared::Shared;
use crate::parse::text;
use crate::query::{Manner, Reads};
use crate::tree::{self, Directory, Named, Rendered, Step};

/// Names that stand in every directory.
pub const DOTS: [&str; 2] = [".", ".."];

/// What kind of file the kernel takes a node for.
pub fn file_type(kind: tree::Kind) -> FileType {
    match kind {
        tree::Kind::Directory => FileType::Directory,
        tree::Kind::File => FileType::RegularFile,
        tree::Kind::Link => FileType::Symlink,
    }
}

/// One answer to somebody who lists a directory.
pub struct Listing {
    /// The directory's inode.
    pub directory: INodeNo,
    /// The cookie that he goes on behind; 0 if he begins.
    pub offset: u64,
    /// His user and group.
    pub reader: (u32, u32),
    /// His process.
    pub process: u32,
}

/// What was found about the files of a listing so far.
struct Found {
    look: Look,
    /// Whether the last one's answers were here: where one file's are not, those of the others are not
    /// either, mostly.
    known: bool,
}

impl Shared {
    /// Lists names of a directory, as many as fit.
    pub fn list(&self, listing: &Listing, directory: &Directory, mut reply: ListingReply) {
        let Listing { directory: number, offset, .. } = *listing;
        for (index, name) in DOTS.into_iter().enumerate().skip(offset as usize) {
            let inodes = self.inodes();
            let Some(inode) = inodes.get(number) else { return reply.error(Errno::ESTALE) };
            let attributes = self.attributes(number, inode);
            drop(inodes);
            if reply.add(OsStr::new(name), index as u64 + 1, &Duration::ZERO, &attributes) {
                return reply.ok(self.kernel());
            }
        }
        let look = self.listers.begin(listing.process, number, offset == 0);
        let mut found = Found { look, known: true };
        let mut cookie = offset.saturating_sub(DOTS.len() as u64);
        'full: loop {
            let names = directory.after(cookie, reply.fits());
            let Some(last) = names.last() else { break };
            cookie = last.cookie;
            for named in names {
                if self.add_entry(named, listing.reader, &mut found, &mut reply) {
                    break 'full;
                }
            }
        }
        // before the kernel has the names: it may ask for one of them at once
        self.listers.end(found.look);
        reply.ok(self.kernel());
    }

    /// Adds a name to a listing, with its inode if that is known or wanted; whether it does not fit any more.
    fn add_entry(
        &self,
        named: Named,
        reader: (u32, u32),
        found: &mut Found,
        reply: &mut ListingReply,
    ) -> bool {
        let name = text::encode(&named.name);
        let (name, next) = (OsStr::from_bytes(&name), named.cookie + DOTS.len() as u64);
        let kind = self.tree().kind(&named.node);
        let shown = self.shown(named.node, reader);
        let content = match kind {
            tree::Kind::Directory => None,
            tree::Kind::File | tree::Kind::Link => {
                let content = self.content_for_listing(&shown, found);
                if content.is_none() {
                    found.look.leave_out();
                    return reply.add_name(name, next, file_type(kind));
                }
                content
            }
        };
        let (lifetime, attributes_live) = self.lifetimes(&shown, content.as_ref());
        let lifetime = lifetime.min(attributes_live);
        let (mut inodes, number, attributes) = self.placed(&shown, content);
        let full = reply.add(name, next, &lifetime, &attributes);
        if !full {
            inodes.looked_up(number);
            return false;
        }
        // an inode that nobody has heard of is gone again
        let forgotten = inodes.forget(number, 0);
        drop(inodes);
        self.gone(forgotten);
        true
    }

    /// The content of a file or link, if it is at hand, or if it is wanted and all that it takes is here.
    fn content_for_listing(&self, shown: &Shown, found: &mut Found) -> Option<Rendered> {
        if shown.reader.is_some() || self.tree().is_volatile(&shown.node) {
            return None; // it is looked up each time in any case
        }
        let content = self.inodes().current(shown).and_then(|inode| inode.content.clone());
        let is_new = content.is_none();
        if let Some(content) = content
            && self.tree().still_true(&shown.node, &content.used)
        {
            return Some(content);
        }
        if is_new && (!found.known || !self.is_worth_trying(&shown.node)) {
            found.known = false;
            return None;
        }
        if !found.look.wants_next() {
            return None;
        }
        let computed = self.content(shown, &Reads::new(Manner::of_reader()));
        if is_new && !shown.node.names.is_empty() {
            let lacked = matches!(computed, Err(Step::Wanted));
            self.tried(&shown.node, lacked);
            found.known &= !lacked;
        }
        computed.ok().flatten()
    }
}
