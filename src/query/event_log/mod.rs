//! Event logs: the server's events as lines of JSON, in files that grow, bounded and rotated.
//!
//! A [`LogFile`] only ever grows: whoever has it reads on, whatever becomes of its name. An
//! [`EventLog`] is what stands at a name: the file that grows now, and the one before it.

mod file;
mod follow;
mod line;
mod log;

pub use file::LogFile;
pub use follow::EventLogs;
pub use log::EventLog;
