//! Errors as errnos: the one place where this is decided.

use fuser::Errno;

use crate::query::FailureKind;
use crate::tree::TreeError;

/// The errno that tells a program what a [`TreeError`] tells a person.
pub fn errno(error: &TreeError) -> Errno {
    match error {
        TreeError::NotFound => Errno::ENOENT,
        TreeError::NotADirectory => Errno::ENOTDIR,
        TreeError::IsADirectory => Errno::EISDIR,
        TreeError::Query(error) => match error.kind() {
            FailureKind::Unsupported => Errno::EOPNOTSUPP,
            FailureKind::Denied => Errno::EACCES,
            FailureKind::ConnectionRefused => Errno::ECONNREFUSED,
            FailureKind::Down => Errno::EHOSTDOWN,
            FailureKind::TimedOut => Errno::ETIMEDOUT,
            FailureKind::Failed => Errno::EIO,
        },
    }
}
