//! What is asked beside the server: files, programs and URLs.
//!
//! A [`Request`] says what; making one keeps what a record holds in its place. [`Origins`] answer it: the
//! machine's own ([`Local`]), or a recording in their place. Nothing here knows queries: how fresh an answer
//! is, and who waits for it, is their business.

mod error;
mod file;
mod local;
mod program;
mod request;
mod secret;
mod url;
mod watch;

use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::broadcast;

pub use error::{OriginError, RequestError};
pub use local::Local;
pub use request::Request;

/// The longest answer, in bytes.
const LIMIT: usize = 16 << 20;

/// What came of asking.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Content {
    /// The bytes of a file, of a program's standard output, of a response's body.
    pub bytes: Bytes,
    /// Whether it is told of when something else is true ([`Origins::changes`]).
    pub watched: bool,
}

/// That something else is true now.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Change {
    /// Of the file with that path.
    File(Arc<Path>),
    /// Of any file: it is not known which.
    Any,
}

/// An answer that is on its way.
pub type Reading<'a> = Pin<Box<dyn Future<Output = Result<Content, OriginError>> + Send + 'a>>;

/// Something that answers requests: this machine, or recorded answers.
pub trait Origins: Send + Sync {
    /// Asks; the answer, or why there is none, comes within `deadline`.
    fn ask<'a>(&'a self, request: &'a Request, deadline: Duration) -> Reading<'a>;

    /// What changes from now on of that for which it is watched.
    fn changes(&self) -> broadcast::Receiver<Change>;
}
