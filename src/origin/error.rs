//! No error ever holds a secret, or the part of a URL behind its host.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// Why something cannot be asked. Values are not repeated: they may be secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    /// A record's value would be an option.
    #[error(
        "argument {number} of `{program}` begins with `-` and would be an option; put \"--\" or a text before it"
    )]
    Option {
        /// The program.
        program: String,
        /// Which argument, from 1.
        number: usize,
    },
    /// A NUL ends whatever it stands in.
    #[error("{what} holds a NUL; remove it")]
    Nul {
        /// What holds it.
        what: String,
    },
    /// A segment of a URL's path leads out of it.
    #[error("the path of the URL has a segment `.` or `..`, which leads elsewhere; remove it")]
    Segment,
}

/// Why a request has no answer.
#[derive(Debug, Clone, thiserror::Error)]
pub enum OriginError {
    /// A file cannot be read.
    #[error("{}: {error}", .path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why not.
        error: Arc<io::Error>,
    },
    /// It is a directory, a device, a pipe.
    #[error("{}: this is no regular file", .path.display())]
    NotAFile {
        /// Which.
        path: PathBuf,
    },
    /// The answer is longer than allowed.
    #[error("the answer of {what} is longer than {limit} bytes; ask for less")]
    TooLong {
        /// What was asked.
        what: String,
        /// The bound.
        limit: usize,
    },
    /// The deadline passed.
    #[error("no answer of {what} within {after:?}")]
    Timeout {
        /// What was asked.
        what: String,
        /// The deadline.
        after: Duration,
    },
    /// The user has not allowed that.
    #[error("program `{program}` is not run; the option --allow-exec allows it")]
    NotAllowed {
        /// Which.
        program: String,
    },
    /// A program cannot be started, or its output not be read.
    #[error("program `{program}` cannot be run: {error}")]
    Program {
        /// Which.
        program: String,
        /// Why not.
        error: Arc<io::Error>,
    },
    /// A program says that it failed.
    #[error("program `{program}` failed: {said}")]
    Failed {
        /// Which.
        program: String,
        /// The first line of its standard error; if there is none, how it ended.
        said: String,
    },
    /// A secret cannot be had.
    #[error("no secret for {host}: {reason}")]
    Secret {
        /// For whom it is.
        host: String,
        /// Why not.
        reason: String,
    },
    /// The certificates cannot be had.
    #[error("no certificates: {reason}")]
    Certificates {
        /// Why not.
        reason: String,
    },
    /// There is no connection to a host.
    #[error("{host} cannot be reached: {error}")]
    Unreachable {
        /// Which.
        host: String,
        /// Why not.
        error: Arc<io::Error>,
    },
    /// What came is no answer.
    #[error("{host}: {reason}")]
    Http {
        /// Who was asked.
        host: String,
        /// What went wrong.
        reason: String,
    },
    /// A host answers that it does not give it.
    #[error("{host} answered {status}{}", if (300..400).contains(.status) {
        "; redirects are not followed: name the URL itself"
    } else {
        ""
    })]
    Status {
        /// Which.
        host: String,
        /// The status of the response.
        status: u16,
    },
    /// A recording stands in for it, and this was not asked when it was made.
    #[error("the recording {recording} holds no answer to {question}; record it again with this tree")]
    NotRecorded {
        /// The recording's file.
        recording: String,
        /// What was asked.
        question: String,
    },
    /// A recording stands in for it, and there was no answer when it was made.
    #[error("there was no answer to {question} when the recording {recording} was made")]
    Unanswered {
        /// The recording's file.
        recording: String,
        /// What was asked.
        question: String,
    },
}
