//! Answers by way of NATS: one session asks a server, and publishes what it tells; any number of mounts read that.
//!
//! A *bucket* of each server holds a key for each question (`encoding`): what is asked, and the answer, byte by
//! byte as it came. The rows of a long one have keys of their own, of which only those are put that are another
//! (`shelf`). One of its publishers *leads*: it holds the lease (`lease`), reads everything (`everything`) that its
//! tree asks, and puts each answer behind the one before (`term`), so that of two that take themselves for the leader
//! only one can put anything.
//! A [`Reader`] mirrors the bucket, and is a [`Server`](crate::query::Server) that answers at once.
//!
//! Nothing below knows of NATS: the query layer knows that there are servers of which somebody else says when an
//! answer is another ([`Published`](crate::query::Published)).

mod encoding;
mod everything;
mod lease;
mod mirror;
mod names;
mod nats;
mod overheard;
mod publisher;
mod reader;
mod settings;
mod shelf;
mod term;

pub use nats::{Nats, NatsError};
pub use publisher::Publisher;
pub use reader::Reader;
pub use settings::{Credentials, NatsSettings};
