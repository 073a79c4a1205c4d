//! Why something cannot be shown.

use crate::query::{QueryError, Unready};

/// Why something in the tree cannot be shown.
#[derive(Debug, Clone, thiserror::Error)]
pub enum TreeError {
    /// There is no such file or directory.
    #[error("no such file or directory")]
    NotFound,
    /// It is not a directory.
    #[error("not a directory")]
    NotADirectory,
    /// It is a directory.
    #[error("is a directory")]
    IsADirectory,
    /// A mistake of the program itself, which its log tells.
    #[error("a mistake of astfs itself; its log tells more, please report it")]
    Panicked,
    /// What it shows could not be had.
    #[error(transparent)]
    Query(#[from] QueryError),
}

/// A step of a computation that may lack an answer.
#[derive(Debug, Clone)]
pub enum Step {
    /// An answer is lacking; it is noted in the reads.
    Wanted,
    /// It cannot be shown.
    Failed(TreeError),
}

impl From<Unready> for Step {
    fn from(unready: Unready) -> Step {
        match unready {
            Unready::Wanted => Step::Wanted,
            Unready::Failed(error) => Step::Failed(error.into()),
        }
    }
}

impl From<TreeError> for Step {
    fn from(error: TreeError) -> Step {
        Step::Failed(error)
    }
}
