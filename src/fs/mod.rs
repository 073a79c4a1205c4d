//! The tree served to the kernel through FUSE.
//!
//! An inode of a file or link never changes its content: a new version is a new inode under the
//! same name, as if somebody had replaced the file by `rename(2)`. So sizes are exact, nothing is
//! ever torn, the page cache never lies, and `open` need not be answered at all.
//!
//! What is known is answered on the thread that reads `/dev/fuse`; what must first be asked from a
//! server is answered from the runtime, so that no request waits behind another.

mod alive;
mod counters;
mod deadlines;
mod errno;
mod filesystem;
mod gauge;
mod inodes;
mod late;
mod listers;
mod listing;
mod listing_reply;
mod mount;
mod mounter;
mod mountpoint;
mod notices;
#[cfg(test)]
mod notices_tests;
mod publish;
mod readahead;
mod shared;
mod succession;

pub use filesystem::TreeFilesystem;
pub use gauge::{Gauge, Measured};
pub use mount::{Access, Ended, Mount, MountError};
pub use mounter::Mounter;
pub use mountpoint::{
    MountState, detach, detach_unanswering, inspect, inspect_within, mounts, mounts_around,
};
