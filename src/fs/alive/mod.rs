//! What is alive, served to the kernel: control files and event logs, and what stands beside them.
//!
//! Each top-level directory that holds such an entry is a mount of its own inside the tree's. There
//! nothing is remembered by the kernel: every look and every read is answered here, from what is true
//! at that moment. An open file is a handle: of a log its growing file, of all else what it was when
//! it was opened.

mod filesystem;
mod handles;
mod inodes;
mod requests;

pub use filesystem::AliveFilesystem;
