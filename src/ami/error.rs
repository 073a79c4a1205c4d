//! What can go wrong between a question and its answer.
//!
//! That a server answers `Response: Error` is no error here: it is an [`Answer`](super::Answer).
//! No error ever holds a secret.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use super::action::ActionError;
use super::address::Address;
use super::tls;

/// Why bytes could not be cut into messages.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CodecError {
    /// A message (or the banner) is longer than the bound, in bytes.
    #[error("a message is longer than {limit} bytes; ask for less at once or raise the bound")]
    TooLong {
        /// The bound.
        limit: usize,
    },
    /// The connection, or the recording, ended inside a message or list.
    #[error("the end came inside a message, after {bytes} bytes of it; ask again")]
    Truncated {
        /// How much of it had come.
        bytes: usize,
    },
    /// A response went over into the next message: bytes between them were lost, and with them perhaps events.
    #[error("a response has no end: after {bytes} bytes of it the next message began; connect again")]
    Endless {
        /// How much of it had come.
        bytes: usize,
    },
}

/// Why there is no connection.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ConnectionError {
    /// The operating system says so.
    #[error("{0}; check the address and that manager.conf is enabled")]
    Io(Arc<io::Error>),
    /// The TCP connection was not made in time.
    #[error("no connection within {after:?}; check the address and firewalls")]
    ConnectTimeout {
        /// How long it was tried.
        after: Duration,
    },
    /// Connected, but the server did not say who it is.
    #[error(
        "no banner within {after:?}; check that this port is the manager's, and without TLS if `tls` is not set"
    )]
    NoBanner {
        /// How long it was waited for.
        after: Duration,
    },
    /// The first line is not Asterisk's.
    #[error("the first line is {line:?}, not an Asterisk Call Manager's; check the port")]
    NotAsterisk {
        /// That line, cut where it is long.
        line: String,
    },
    /// The login was sent and not answered.
    #[error("no answer to the login within {after:?}; the server may be overloaded or still starting")]
    LoginTimeout {
        /// How long it was waited for.
        after: Duration,
    },
    /// The server closed the connection between messages.
    #[error("the server closed the connection")]
    Closed,
    /// It has told that it is up only after it had answered questions, not all of them rightly.
    #[error("the server has only now started up; it is asked again")]
    StartedUp,
    /// Nothing came, not even the answer to a Ping.
    #[error("nothing came for {after:?} after a Ping; the server or the network is down")]
    Silent {
        /// How long after the Ping.
        after: Duration,
    },
    /// It goes on to send something, but no answers.
    #[error(
        "{questions} questions were not answered; the server is to be started again if that does not end"
    )]
    Unanswered {
        /// How many.
        questions: usize,
    },
    /// The server, or this side, does not agree to encrypt.
    #[error("{0}")]
    Tls(String),
    /// Nothing was agreed on in time.
    #[error("no TLS within {after:?}; check that this port is the one of `tlsbindaddr` in manager.conf")]
    TlsTimeout {
        /// How long it was waited for.
        after: Duration,
    },
    /// What came could not be cut into messages.
    #[error(transparent)]
    Codec(#[from] CodecError),
}

impl From<io::Error> for ConnectionError {
    fn from(error: io::Error) -> ConnectionError {
        match error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
            Some(error) => ConnectionError::Tls(tls::explain(error)),
            None => ConnectionError::Io(Arc::new(error)),
        }
    }
}

/// Why a question has no answer.
#[derive(Debug, Clone, thiserror::Error)]
pub enum AskError {
    /// There is no connection, and the question was not sent.
    #[error("not connected to {address}: {reason}")]
    NotConnected {
        /// The server.
        address: Address,
        /// Why not.
        reason: ConnectionError,
    },
    /// The server refuses user, secret or this host; the question was not sent.
    #[error(
        "{address} refuses the login of {user:?} ({message}); check user, secret and permit in manager.conf"
    )]
    LoginRefused {
        /// The server.
        address: Address,
        /// Who tried.
        user: String,
        /// What the server said.
        message: String,
    },
    /// The deadline passed. The question may have been sent; its answer will be discarded.
    #[error("no answer to {action} within {after:?}; the server is slow, or never answers this action")]
    Timeout {
        /// The action's name.
        action: String,
        /// The deadline.
        after: Duration,
    },
    /// The connection was lost after the question was handed over.
    #[error("the connection to {address} was lost before the answer: {reason}")]
    Disconnected {
        /// The server.
        address: Address,
        /// How.
        reason: ConnectionError,
    },
    /// The server went on to answer a later question, so this one's answer will not come (any more).
    #[error("the server did not answer {action}, or not to the end, and went on; it may have nothing to say")]
    Unanswered {
        /// The action's name.
        action: String,
    },
    /// The list is longer than what is taken; what came of it was dropped.
    #[error("the answer to {action} is longer than {limit} bytes; ask for less at once")]
    TooLong {
        /// The action's name.
        action: String,
        /// The bound.
        limit: usize,
    },
    /// A recording stands in for the server, and this was not asked when it was made.
    #[error("the recording {recording} holds no answer to {question}; record it again with this tree")]
    NotRecorded {
        /// The recording's file.
        recording: String,
        /// What was asked.
        question: String,
    },
    /// Answers are taken from where others publish them, and nobody publishes any now.
    #[error("nothing is published at {place}: {reason}")]
    NoPublisher {
        /// Where they are taken from.
        place: String,
        /// Why not.
        reason: String,
    },
    /// Answers are taken from where others publish them, and this one is not among them.
    #[error("{place} holds no answer to {question}; publish with the same tree")]
    NotPublished {
        /// Where they are taken from.
        place: String,
        /// What was asked.
        question: String,
    },
    /// Whoever publishes the answers had none.
    #[error("whoever publishes asked in vain: {reason}")]
    Relayed {
        /// Why.
        reason: String,
    },
    /// The question (or the login) cannot be sent.
    #[error(transparent)]
    Refused(#[from] ActionError),
    /// The client was stopped.
    #[error("the client was stopped")]
    Stopped,
}
