//! Why a query has no result.

use std::io::ErrorKind;
use std::sync::Arc;

use crate::ami::{ActionError, AskError, ConnectionError};
use crate::origin::{OriginError, RequestError};
use crate::parse::ParseError;

/// Why a query has no result. Cloned to everybody who waits for it.
#[derive(Debug, Clone, thiserror::Error)]
pub enum QueryError {
    /// The server has no such command or action.
    #[error("query `{query}`: this server cannot answer it: {answer}")]
    Unsupported {
        /// The query.
        query: Arc<str>,
        /// What the server said.
        answer: String,
    },
    /// The manager user has not the right to ask.
    #[error(
        "query `{query}`: permission denied; give the manager user the class that `manager show command` names"
    )]
    Denied {
        /// The query.
        query: Arc<str>,
    },
    /// The server answered with an error.
    #[error("query `{query}`: the server refused: {answer}")]
    Refused {
        /// The query.
        query: Arc<str>,
        /// What the server said.
        answer: String,
    },
    /// There was no answer.
    #[error("query `{query}`: {error}")]
    NoAnswer {
        /// The query.
        query: Arc<str>,
        /// Why not.
        error: AskError,
    },
    /// A file, a program or a URL gave nothing.
    #[error("query `{query}`: {error}")]
    NoContent {
        /// The query.
        query: Arc<str>,
        /// Why not.
        error: OriginError,
    },
    /// What a record holds cannot be asked for.
    #[error("query `{query}`: {error}")]
    Unaskable {
        /// The query.
        query: Arc<str>,
        /// What is wrong with it.
        error: RequestError,
    },
    /// The answer could not be read.
    #[error("query `{query}`: the answer could not be parsed: {error}")]
    Unreadable {
        /// The query.
        query: Arc<str>,
        /// Where and why.
        error: Arc<ParseError>,
    },
    /// What is to be sent cannot be sent.
    #[error("query `{query}`: {error}")]
    Unsendable {
        /// The query.
        query: Arc<str>,
        /// What is wrong with it.
        error: ActionError,
    },
    /// A template or expression failed.
    #[error("{place}: {message}")]
    Template {
        /// What was being computed.
        place: Arc<str>,
        /// What went wrong.
        message: String,
    },
    /// The tree file declares no server, and none was named otherwise.
    #[error("query `{query}`: no server is configured; add `[server]` to the tree file or give --server")]
    NoServer {
        /// The query.
        query: Arc<str>,
    },
    /// It took longer than allowed in all.
    #[error("no result within {seconds} s; the server is slow or the tree asks too much at once")]
    Late {
        /// The deadline.
        seconds: f32,
    },
}

/// The kinds of failure that a user can tell apart by an errno.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailureKind {
    /// The server lacks the feature.
    Unsupported,
    /// What is to be read is not there: a file, a program, what a URL names.
    Missing,
    /// Not allowed.
    Denied,
    /// Nobody listens there, or it is down.
    ConnectionRefused,
    /// Not connected.
    Down,
    /// No answer in time.
    TimedOut,
    /// Anything else that went wrong.
    Failed,
}

impl QueryError {
    /// What kind of failure it is.
    pub fn kind(&self) -> FailureKind {
        match self {
            QueryError::Unsupported { .. } => FailureKind::Unsupported,
            QueryError::Denied { .. } => FailureKind::Denied,
            QueryError::NoAnswer { error, .. } => match error {
                AskError::LoginRefused { .. } => FailureKind::Denied,
                AskError::Timeout { .. } => FailureKind::TimedOut,
                AskError::Unanswered { .. }
                | AskError::TooLong { .. }
                | AskError::NotRecorded { .. }
                | AskError::NotPublished { .. }
                | AskError::Relayed { .. }
                | AskError::Refused(_) => FailureKind::Failed,
                AskError::NotConnected { reason: ConnectionError::Io(error), .. }
                    if error.kind() == std::io::ErrorKind::ConnectionRefused =>
                {
                    FailureKind::ConnectionRefused
                }
                AskError::NotConnected { .. }
                | AskError::NoPublisher { .. }
                | AskError::Disconnected { .. }
                | AskError::Stopped => FailureKind::Down,
            },
            QueryError::NoContent { error, .. } => kind_of(error),
            QueryError::Late { .. } => FailureKind::TimedOut,
            QueryError::NoServer { .. } => FailureKind::Down,
            QueryError::Refused { .. }
            | QueryError::Unreadable { .. }
            | QueryError::Unsendable { .. }
            | QueryError::Unaskable { .. }
            | QueryError::Template { .. } => FailureKind::Failed,
        }
    }

    /// Whether the connection has told of it already, so that each query need not.
    pub fn is_about_connection(&self) -> bool {
        use AskError::{Disconnected, LoginRefused, NoPublisher, NotConnected, Stopped};
        let QueryError::NoAnswer { error, .. } = self else { return false };
        matches!(
            error,
            NotConnected { .. } | NoPublisher { .. } | LoginRefused { .. } | Disconnected { .. } | Stopped
        )
    }

    /// Whether the server answered, and the answer was no.
    pub fn is_an_answer(&self) -> bool {
        self.means_cannot_answer()
            || matches!(self, QueryError::Refused { .. } | QueryError::Unreadable { .. })
    }

    /// Whether another query may be tried instead (`any`).
    pub fn means_cannot_answer(&self) -> bool {
        matches!(self.kind(), FailureKind::Unsupported | FailureKind::Missing | FailureKind::Denied)
            && !matches!(self, QueryError::NoAnswer { .. })
    }

    /// Whether it stays so for as long as the connection does. What is beside the server can change at any
    /// time.
    pub fn lasts(&self) -> bool {
        self.means_cannot_answer() && !matches!(self, QueryError::NoContent { .. })
    }
}

/// What kind of failure it is that something beside the server gave nothing.
fn kind_of(error: &OriginError) -> FailureKind {
    match error {
        OriginError::File { error, .. } | OriginError::Program { error, .. } => match error.kind() {
            ErrorKind::NotFound | ErrorKind::NotADirectory => FailureKind::Missing,
            ErrorKind::PermissionDenied => FailureKind::Denied,
            _ => FailureKind::Failed,
        },
        OriginError::Unreachable { error, .. } => match error.kind() {
            ErrorKind::ConnectionRefused => FailureKind::ConnectionRefused,
            _ => FailureKind::Down,
        },
        OriginError::Status { status, .. } => match status {
            401 | 403 | 407 => FailureKind::Denied,
            404 | 410 => FailureKind::Missing,
            _ => FailureKind::Failed,
        },
        OriginError::NotAllowed { .. } => FailureKind::Denied,
        OriginError::Timeout { .. } => FailureKind::TimedOut,
        OriginError::NotAFile { .. }
        | OriginError::TooLong { .. }
        | OriginError::Failed { .. }
        | OriginError::Secret { .. }
        | OriginError::Certificates { .. }
        | OriginError::Http { .. }
        | OriginError::NotRecorded { .. }
        | OriginError::Unanswered { .. } => FailureKind::Failed,
    }
}
