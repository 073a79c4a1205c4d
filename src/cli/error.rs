//! What went wrong with a command, and with which status it ends.

use std::io;
use std::path::PathBuf;
use std::process::ExitCode;

use crate::ami::{AskError, TlsError};
use crate::fs::MountError;
use crate::query::{FailureKind, QueryError};
use crate::recording::RecordingError;
use crate::tree::TreeError;

/// The program's exit statuses; usage errors end with 2.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Something failed.
    Failed = 1,
    /// The tree file has mistakes.
    TreeFile = 3,
    /// The server cannot be asked.
    Server = 4,
    /// Mounting or unmounting failed.
    Mount = 5,
    /// No astfs is mounted there.
    NotMounted = 6,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(exit as u8)
    }
}

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub enum CliError {
    /// The tree file has mistakes; they are printed already.
    #[error("the tree file has mistakes")]
    Mistakes,
    /// A file cannot be read.
    #[error("{}: {error}", .path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why not.
        error: io::Error,
    },
    /// The arguments do not say enough.
    #[error("{0}")]
    Arguments(String),
    /// The tree runs a program, which was not allowed.
    #[error("{}:{line}: query `{query}` runs a program; give --allow-exec if it may", .file.display())]
    Program {
        /// The query; that of an entry is called by its path.
        query: String,
        /// Where it is declared.
        file: PathBuf,
        /// The line, from 1.
        line: usize,
    },
    /// A path or query of the tree.
    #[error("{path}: {error}")]
    Tree {
        /// Which.
        path: String,
        /// Why not.
        error: TreeError,
    },
    /// A query.
    #[error(transparent)]
    Query(#[from] QueryError),
    /// The server, whatever is asked.
    #[error(transparent)]
    Server(#[from] AskError),
    /// What is needed to encrypt the connection.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// NATS.
    #[cfg(feature = "nats")]
    #[error(transparent)]
    Nats(#[from] crate::published::NatsError),
    /// A recording.
    #[error(transparent)]
    Recording(#[from] RecordingError),
    /// Mounting.
    #[error(transparent)]
    Mount(#[from] MountError),
    /// What is mounted there.
    #[error("{0}")]
    Mountpoint(String),
    /// Nothing of ours is mounted there that answers.
    #[error("{}: {reason}", .mountpoint.display())]
    NotMounted {
        /// Where.
        mountpoint: PathBuf,
        /// What is there instead.
        reason: &'static str,
    },
    /// A signal came while the background process began.
    #[error("interrupted before the mount was there")]
    Interrupted,
    /// The program's own surroundings: runtime, output.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// A part of this program ended with that status and told why itself.
    #[error("ended with status {0}")]
    Told(u8),
}

impl CliError {
    /// Whether the user has been told already.
    pub fn is_told(&self) -> bool {
        matches!(self, CliError::Mistakes | CliError::Told(_))
    }

    /// The status to end with.
    pub fn exit(&self) -> ExitCode {
        let of_query = |error: &QueryError| match error.kind() {
            FailureKind::ConnectionRefused | FailureKind::Down | FailureKind::TimedOut => Exit::Server,
            FailureKind::Denied => Exit::Server,
            _ => Exit::Failed,
        };
        match self {
            CliError::Mistakes => Exit::TreeFile,
            CliError::Mount(_) | CliError::Mountpoint(_) => Exit::Mount,
            CliError::NotMounted { .. } => Exit::NotMounted,
            CliError::Query(error) | CliError::Tree { error: TreeError::Query(error), .. } => of_query(error),
            CliError::Told(status) => return ExitCode::from(*status),
            CliError::Server(_) => Exit::Server,
            #[cfg(feature = "nats")]
            CliError::Nats(_) => Exit::Server,
            CliError::File { .. }
            | CliError::Arguments(_)
            | CliError::Program { .. }
            | CliError::Tree { .. }
            | CliError::Recording(_)
            | CliError::Tls(_)
            | CliError::Interrupted
            | CliError::Io(_) => Exit::Failed,
        }
        .into()
    }
}
