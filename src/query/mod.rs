//! Results: what the server answered, parsed, kept as immutable snapshots until something makes
//! them stale.
//!
//! Everything above this layer is a pure function of snapshots. It runs with a [`Reads`] that notes
//! which answers it used and which it lacks; [`Queries::settle`] asks for what is lacking and runs
//! it again. So a reader never waits, what it depended on is known exactly, and a question is asked
//! because somebody needed it, once, however many wait for it.

mod action;
mod agenda;
mod ask;
mod asking;
mod besides;
mod caller;
mod cell;
mod changes;
mod control;
mod counts;
mod dependents;
mod early;
mod error;
mod event_log;
mod events;
mod explained;
mod fields;
mod gentle;
mod inquiry;
mod instead;
mod link;
mod queries;
mod reads;
mod records;
mod refresh;
mod refreshed;
mod scope;
mod server;
mod servers;
mod snapshot;
mod standing;
mod table;
mod truth;

pub use besides::Besides;
pub use caller::Caller;
pub use control::Said;
pub use counts::{AnswersSoFar, Bounds, OUTCOMES, ServerTraffic};
pub use dependents::Dependent;
pub use error::{FailureKind, QueryError};
pub use event_log::{EventLog, EventLogs, LogFile};
pub use explained::Asked;
pub use gentle::Gentle;
pub use inquiry::Inquiry;
pub use queries::Queries;
pub use reads::{Manner, Reads, Unready, Used};
pub use records::{NamedRecord, key_text};
pub use refresh::{Keeper, Outdated};
pub use scope::{Binding, Bindings, Scope, View};
pub use server::{Asking, Server};
pub use snapshot::Snapshot;
pub use standing::{ContentStanding, QueryStanding};
pub use table::Table;

#[cfg(test)]
pub(crate) mod recorded;
#[cfg(test)]
mod tests;
