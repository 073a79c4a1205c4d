//! What requests share, and what they are answered from.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Instant, SystemTime};

use bytes::Bytes;
use fuser::{Errno, FileAttr, FileType, INodeNo, Request};

use super::handles::Handles;
use super::inodes::{Inodes, Shown};
use crate::fs::deadlines::Deadlines;
use crate::fs::errno::errno;
use crate::fs::late::Late;
use crate::fs::shared::{BLOCK, guarded};
use crate::parse::text;
use crate::query::{Caller, Manner, QueryError, Reads};
use crate::tree::{Alive, Kind, Node, Step, Tree, TreeError, Use};

/// What requests share, wherever they are answered.
pub struct Requests {
    pub alive: Arc<Alive>,
    pub deadlines: Arc<Deadlines>,
    pub handles: Handles,
    pub late: Late,
    inodes: Mutex<Inodes>,
    owner: (u32, u32),
    started: SystemTime,
}

/// What stands at a name, and what it shows.
pub struct Found {
    pub shown: Shown,
    /// A file's bytes or a link's target; none for a directory and for a log.
    pub content: Option<Bytes>,
}

impl Requests {
    /// Requests for the directory `root`.
    pub fn new(alive: Arc<Alive>, root: Node, deadlines: Arc<Deadlines>) -> Requests {
        Requests {
            alive,
            deadlines,
            handles: Handles::default(),
            late: Late::default(),
            inodes: Mutex::new(Inodes::new(root)),
            owner: (nix::unistd::geteuid().as_raw(), nix::unistd::getegid().as_raw()),
            started: SystemTime::now(),
        }
    }

    pub fn inodes(&self) -> MutexGuard<'_, Inodes> {
        self.inodes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn tree(&self) -> Arc<Tree> {
        self.alive.tree()
    }

    /// One more use of what an inode shows. What is opened is read anew, so an opening is a reading.
    pub fn count(&self, shown: &Shown, which: Use) {
        self.tree().count(shown.node().place, which);
    }

    pub fn shown(&self, number: INodeNo) -> Result<Shown, Errno> {
        self.inodes().get(number).ok_or(Errno::ESTALE)
    }

    /// Computes from what is known, and replies at once; or asks for what is lacking, and replies
    /// from the runtime.
    pub fn answer<T: Send + 'static>(
        self: &Arc<Self>,
        what: &'static str,
        compute: impl Fn(&Requests, &Reads) -> Result<T, Step> + Send + Sync + 'static,
        reply: impl FnOnce(&Requests, Result<T, Errno>) + Send + 'static,
    ) {
        let told = move |error: &TreeError| {
            match error {
                TreeError::Query(error @ QueryError::Template { .. }) => tracing::warn!("{what}: {error}"),
                TreeError::Query(error) => tracing::debug!("{what}: {error}"),
                _ => {}
            }
            errno(error)
        };
        let asked = Instant::now();
        match guarded(|| compute(self, &Reads::new(Manner::of_reader()))) {
            Ok(value) => reply(self, Ok(value)),
            Err(Step::Failed(error)) => reply(self, Err(told(&error))),
            Err(Step::Wanted) => {
                let (requests, replying) = (Arc::clone(self), Arc::clone(self));
                self.deadlines.answer(
                    asked + self.tree().deadline(),
                    async move { requests.tree().settle(|reads| guarded(|| compute(&requests, reads))).await },
                    move |settled| {
                        let settled = settled.ok_or(Errno::ETIMEDOUT);
                        reply(&replying, settled.and_then(|settled| settled.map_err(|error| told(&error))));
                    },
                );
            }
        }
    }

    /// What stands at a name in a directory, and what it shows to `caller`.
    pub fn find(&self, directory: &Shown, name: &str, caller: Caller, reads: &Reads) -> Result<Found, Step> {
        let Shown::Node(directory) = directory else { return Err(TreeError::NotADirectory.into()) };
        let mut rotated = self.alive.rotated(directory).into_iter();
        if let Some((_, node, file)) = rotated.find(|(rotated, ..)| rotated == name) {
            return Ok(Found { shown: Shown::Log(node, file), content: None });
        }
        let node = self.tree().find_now(directory, name, reads)?;
        let shown = match self.alive.log(&node) {
            Some(log) => Shown::Log(node, log.current()),
            None => Shown::Node(node),
        };
        let content = self.content(&shown, caller, reads)?;
        Ok(Found { shown, content })
    }

    /// What an inode shows to `caller`: a file's bytes or a link's target; none for a directory and
    /// for a log.
    pub fn content(&self, shown: &Shown, caller: Caller, reads: &Reads) -> Result<Option<Bytes>, Step> {
        let Shown::Node(node) = shown else { return Ok(None) };
        if self.tree().kind(node) == Kind::Directory {
            return Ok(None);
        }
        if self.alive.shows_answer(node) {
            return Ok(Some(self.alive.last_answer(node).map(|answer| answer.text).unwrap_or_default()));
        }
        let reads = if self.alive.is_personal(node) { reads.for_caller(caller) } else { reads.clone() };
        match self.tree().content_now(node, &reads) {
            Ok(rendered) => Ok(Some(rendered.bytes)),
            // what cannot be shown just now can be written to all the same
            Err(Step::Failed(_)) if self.alive.is_control(node) => Ok(Some(Bytes::new())),
            Err(step) => Err(step),
        }
    }

    /// The names in a directory, and what they are.
    pub fn list(&self, directory: &Shown, reads: &Reads) -> Result<Vec<(Bytes, FileType)>, Step> {
        let Shown::Node(directory) = directory else { return Err(TreeError::NotADirectory.into()) };
        let listing = self.tree().list_now(directory, reads)?;
        let listed = listing.iter().map(|(name, listed)| {
            let kind = self.tree().kind(&Tree::listed(directory, name, listed));
            (name.to_string(), file_type(kind))
        });
        let rotated = self.alive.rotated(directory).into_iter();
        let rotated = rotated.map(|(name, ..)| (name, FileType::RegularFile));
        let dots = [".", ".."].map(|name| (name.to_owned(), FileType::Directory));
        let named = dots.into_iter().chain(listed).chain(rotated);
        Ok(named.map(|(name, kind)| (Bytes::from(text::encode(&name).into_owned()), kind)).collect())
    }

    pub fn attributes(&self, number: INodeNo, shown: &Shown, content: Option<&Bytes>) -> FileAttr {
        let node = shown.node();
        let attributes = self.tree().attributes(node);
        let kind = file_type(self.tree().kind(node));
        let (size, changed) = match (shown, content) {
            (Shown::Log(_, file), _) => file.size(),
            (Shown::Node(_), Some(bytes)) => {
                let answered = self.alive.last_answer(node).filter(|_| self.alive.shows_answer(node));
                let changed = answered.map(|answer| answer.at);
                (bytes.len(), changed.unwrap_or_else(|| self.inodes().changed(number, bytes)))
            }
            (Shown::Node(_), None) => (0, self.started),
        };
        let size = size as u64;
        FileAttr {
            ino: number,
            size,
            blocks: size.div_ceil(512),
            atime: changed,
            mtime: changed,
            ctime: changed,
            crtime: SystemTime::UNIX_EPOCH,
            kind,
            perm: attributes.mode.unwrap_or_default(),
            nlink: if kind == FileType::Directory { 2 } else { 1 },
            uid: attributes.uid.unwrap_or(self.owner.0),
            gid: attributes.gid.unwrap_or(self.owner.1),
            rdev: 0,
            blksize: BLOCK,
            flags: 0,
        }
    }
}

/// Who asks.
pub fn caller(request: &Request) -> Caller {
    Caller { uid: request.uid(), gid: request.gid(), pid: Some(request.pid()) }
}

fn file_type(kind: Kind) -> FileType {
    match kind {
        Kind::Directory => FileType::Directory,
        Kind::File => FileType::RegularFile,
        Kind::Link => FileType::Symlink,
    }
}
