//! Errors as errnos: the one place where this is decided.

use fuser::Errno;

use crate::query::{FailureKind, QueryError};
use crate::tree::{TreeError, WriteError};

/// The errno that tells a program what a [`TreeError`] tells a person.
pub fn errno(error: &TreeError) -> Errno {
    match error {
        TreeError::NotFound => Errno::ENOENT,
        TreeError::NotADirectory => Errno::ENOTDIR,
        TreeError::IsADirectory => Errno::EISDIR,
        TreeError::Panicked => Errno::EIO,
        TreeError::Query(error) => match error.kind() {
            FailureKind::Unsupported => Errno::EOPNOTSUPP,
            FailureKind::Missing => Errno::ENOENT,
            FailureKind::Denied => Errno::EACCES,
            FailureKind::ConnectionRefused => Errno::ECONNREFUSED,
            FailureKind::Down => Errno::EHOSTDOWN,
            FailureKind::TimedOut => Errno::ETIMEDOUT,
            FailureKind::Failed => Errno::EIO,
        },
    }
}

/// The errno of an input that was not done: that the server answered "no" is told apart from all
/// else that can go wrong.
pub fn write_errno(error: &WriteError) -> Errno {
    match error {
        WriteError::TooLong(_) => Errno::EFBIG,
        WriteError::Mismatch | WriteError::Failed(TreeError::Query(QueryError::Unsendable { .. })) => {
            Errno::EINVAL
        }
        WriteError::Failed(TreeError::Query(QueryError::Refused { .. })) => Errno::EPERM,
        WriteError::Failed(error) => errno(error),
    }
}
