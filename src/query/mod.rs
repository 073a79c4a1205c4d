//! Results: what the server answered, parsed, kept as immutable snapshots until something makes
//! them stale.
//!
//! Everything above this layer is a pure function of snapshots. It runs with a [`Reads`] that notes
//! which answers it used and which it lacks; [`Queries::settle`] asks for what is lacking and runs
//! it again. So a reader never waits, what it depended on is known exactly, and a question is asked
//! because somebody needed it, once, however many wait for it.

mod ask;
mod caller;
mod cell;
mod control;
mod error;
mod event_log;
mod events;
mod fields;
mod queries;
mod reads;
mod records;
mod refreshed;
mod scope;
mod server;
mod snapshot;
mod staleness;

pub use caller::Caller;
pub use cell::{Cell, Used};
pub use control::Said;
pub use error::{FailureKind, QueryError};
pub use event_log::{EventLog, EventLogs, LogFile};
pub use queries::Queries;
pub use reads::{Reads, Unready};
pub use records::NamedRecord;
pub use scope::{Binding, Bindings, Scope};
pub use server::Server;
pub use snapshot::Snapshot;

#[cfg(test)]
pub(crate) mod recorded;
#[cfg(test)]
mod tests;
