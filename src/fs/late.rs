//! Names that could not be looked up in time, remembered for a moment.
//!
//! A name that the kernel knows already is looked up to see whether it is still right, and, if that fails in whatever way,
//! once more to find out what is there (`fuse_dentry_revalidate` in `fs/fuse/dir.c`). Whoever has waited for the first of
//! both is not to wait again for the second.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use fuser::{Errno, INodeNo};

use crate::query::QueryError;
use crate::tree::{Step, TreeError};

/// So long it is remembered; whoever waited less has not waited.
const REMEMBERED: Duration = Duration::from_secs(1);

/// The names that somebody waited for in vain a moment ago, with their directories.
#[derive(Default)]
pub struct Late(Mutex<HashMap<(INodeNo, String), Instant>>);

impl Late {
    fn names(&self) -> MutexGuard<'_, HashMap<(INodeNo, String), Instant>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes that somebody has waited since then, if this error says that it was in vain.
    pub fn note(&self, directory: INodeNo, name: String, since: Instant, error: Errno) {
        if i32::from(error) != i32::from(Errno::ETIMEDOUT) || since.elapsed() < REMEMBERED {
            return;
        }
        let mut names = self.names();
        names.retain(|_, at| at.elapsed() < REMEMBERED);
        names.insert((directory, name), Instant::now());
    }

    /// What was found at a name, but that nobody waits for one that was too late for its `deadline` a moment ago.
    pub fn found<T>(
        &self,
        directory: INodeNo,
        name: &str,
        deadline: Duration,
        found: Result<T, Step>,
    ) -> Result<T, Step> {
        match found {
            Err(Step::Wanted) if self.knows(directory, name) => {
                Err(TreeError::from(QueryError::Late { seconds: deadline.as_secs_f32() }).into())
            }
            found => found,
        }
    }

    /// Whether somebody has waited in vain a moment ago.
    fn knows(&self, directory: INodeNo, name: &str) -> bool {
        let at = self.names().get(&(directory, name.to_owned())).copied();
        at.is_some_and(|at| at.elapsed() < REMEMBERED)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_late_for_a_moment_after_somebody_waited_long_for_it() {
        let (late, directory) = (Late::default(), INodeNo(7));
        let timed_out = Errno::ETIMEDOUT;
        late.note(directory, "a".into(), Instant::now(), timed_out);
        assert!(
            !late.knows(directory, "a"),
            "what fails at once is not late, so it does not stay so for ever"
        );
        late.note(directory, "b".into(), Instant::now() - REMEMBERED, Errno::EIO);
        late.note(directory, "a".into(), Instant::now() - REMEMBERED, timed_out);
        assert!(late.knows(directory, "a"));
        assert!(!late.knows(directory, "b") && !late.knows(INodeNo(8), "a"));
    }
}
