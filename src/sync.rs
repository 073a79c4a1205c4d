//! The locks, counters and channels of what is proved for every order in which threads can run: `tests/models.rs`
//! compiles those files once more, with others in the place of these that try the orders out.

pub use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
pub use std::sync::mpsc::{Receiver, Sender, channel};
pub use std::sync::{Mutex, MutexGuard, PoisonError};
