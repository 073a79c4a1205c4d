//! Who looks at what he lists.
//!
//! The kernel asks for a directory's names and their attributes in one, whoever lists it: `find`, which
//! reads names only, and `ls -l`, which looks at each. To tell a file's size is to render it. So names
//! come without attributes first, and a process that then looks up what was left out gets them with its
//! next listings. As those give it no more reason to look anything up, one name in many is left out to
//! learn whether it still looks.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use fuser::INodeNo;

/// So many attributes are given to a process that was seen to look at what it lists.
const CREDIT: usize = 1024;
/// One name in so many is left out then.
const ONE_IN: usize = 128;
/// So many of the directories in which something was left out are remembered of each process.
const LISTED: usize = 8;
/// Of so many processes it is remembered.
const PROCESSES: usize = 64;
/// A process that has neither listed nor looked up anything for so long is forgotten.
const FORGOTTEN: Duration = Duration::from_secs(10);

/// What is remembered of processes that list directories, by their numbers as the kernel tells them: a
/// thread's own, and 0 for all that are in another namespace.
#[derive(Debug, Default)]
pub struct Listers {
    processes: Mutex<HashMap<u32, Lister>>,
}

/// What is remembered of one.
#[derive(Debug)]
struct Lister {
    seen: Instant,
    /// How many attributes it is still given.
    credit: usize,
    /// How many of these come before one is left out.
    given_next: usize,
    /// The directory that it listed last, and whether with attributes.
    last: (INodeNo, bool),
    /// The directories that it listed last in which something was left out.
    lacking: VecDeque<INodeNo>,
}

/// One answer to a process that lists a directory.
#[derive(Debug)]
pub struct Look {
    process: u32,
    directory: INodeNo,
    wants: bool,
    credit: usize,
    given_next: usize,
    left_out: bool,
}

impl Listers {
    fn processes(&self) -> MutexGuard<'_, HashMap<u32, Lister>> {
        self.processes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A process lists a directory: from its beginning, or on from where the last answer ended. A directory
    /// that was begun with attributes is ended with them.
    pub fn begin(&self, process: u32, directory: INodeNo, from_start: bool) -> Look {
        let mut processes = self.processes();
        if processes.len() >= PROCESSES {
            let oldest = processes.values().map(|lister| lister.seen).min();
            processes.retain(|_, lister| Some(lister.seen) != oldest && lister.seen.elapsed() < FORGOTTEN);
        }
        let lister = processes.entry(process).or_insert_with(|| Lister::new(directory));
        if lister.seen.elapsed() >= FORGOTTEN {
            *lister = Lister::new(directory);
        }
        lister.seen = Instant::now();
        let goes_on = !from_start && lister.last == (directory, true);
        let wants = lister.credit > 0 || goes_on;
        lister.last = (directory, wants);
        let (credit, given_next) = (lister.credit, lister.given_next);
        Look { process, directory, wants, credit, given_next, left_out: false }
    }

    /// The answer is complete.
    pub fn end(&self, look: Look) {
        let mut processes = self.processes();
        let Some(lister) = processes.get_mut(&look.process) else { return };
        if look.wants {
            (lister.credit, lister.given_next) = (look.credit, look.given_next);
        }
        if look.left_out && !lister.lacking.contains(&look.directory) {
            lister.lacking.truncate(LISTED - 1);
            lister.lacking.push_front(look.directory);
        }
    }

    /// A process has looked up a file or link in a directory.
    pub fn looked_up(&self, process: u32, directory: INodeNo) {
        let mut processes = self.processes();
        let Some(lister) = processes.get_mut(&process) else { return };
        if lister.lacking.contains(&directory) {
            lister.seen = Instant::now();
            lister.credit = CREDIT;
        }
    }
}

impl Lister {
    fn new(directory: INodeNo) -> Lister {
        let (credit, lacking) = Default::default();
        Lister { seen: Instant::now(), credit, given_next: ONE_IN, last: (directory, false), lacking }
    }
}

impl Look {
    /// Whether the next name that would have to be rendered is to come with its attributes.
    pub fn wants_next(&mut self) -> bool {
        if !self.wants {
            return false;
        }
        self.credit = self.credit.saturating_sub(1);
        if self.given_next == 0 {
            self.given_next = ONE_IN;
            return false;
        }
        self.given_next -= 1;
        true
    }

    /// A name is listed without attributes.
    pub fn leave_out(&mut self) {
        self.left_out = true;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lists a directory of so many files, and gives how many came with attributes.
    fn list(listers: &Listers, process: u32, directory: u64, files: usize) -> usize {
        let mut look = listers.begin(process, INodeNo(directory), true);
        let given = (0..files).filter(|_| {
            let wanted = look.wants_next();
            if !wanted {
                look.leave_out();
            }
            wanted
        });
        let given = given.count();
        listers.end(look);
        given
    }

    #[test]
    fn attributes_are_for_the_process_that_looks_up_what_its_listing_left_out() {
        let listers = Listers::default();
        assert_eq!(list(&listers, 1, 10, 5), 0);
        listers.looked_up(1, INodeNo(11));
        assert_eq!(list(&listers, 1, 12, 5), 0, "it looked elsewhere");
        listers.looked_up(2, INodeNo(10));
        assert_eq!(list(&listers, 1, 13, 5), 0, "another looked");
        listers.looked_up(1, INodeNo(10));
        assert_eq!(list(&listers, 1, 14, 5), 5);
        assert_eq!(list(&listers, 2, 14, 5), 0, "another lists");
    }

    #[test]
    fn who_looks_no_more_gets_names_only_after_a_while_and_who_goes_on_goes_on() {
        let listers = Listers::default();
        list(&listers, 1, 10, 1);
        listers.looked_up(1, INodeNo(10));
        let given: usize = (100..10_000).map(|directory| list(&listers, 1, directory, 5)).sum();
        assert!((CREDIT - CREDIT / ONE_IN - 5..CREDIT + 5).contains(&given), "{given}");

        listers.looked_up(1, INodeNo(9_999));
        let lookups = (20_000..30_000).filter(|directory| {
            let left_out = list(&listers, 1, *directory, 5) < 5;
            if left_out {
                listers.looked_up(1, INodeNo(*directory));
            }
            left_out
        });
        let lookups = lookups.count();
        assert!((300..500).contains(&lookups), "{lookups} for 50,000 files");
    }

    #[test]
    fn a_directory_that_was_begun_with_attributes_is_ended_with_them() {
        let listers = Listers::default();
        list(&listers, 1, 10, 1);
        listers.looked_up(1, INodeNo(10));
        list(&listers, 1, 11, 10 * CREDIT);
        let mut look = listers.begin(1, INodeNo(11), false);
        let given = (0..100).filter(|_| look.wants_next()).count();
        assert!(given >= 99, "{given}");
        listers.end(look);
        assert_eq!(list(&listers, 1, 12, 5), 0, "the next is another");
    }

    #[test]
    fn no_more_than_some_processes_are_remembered() {
        let listers = Listers::default();
        for process in 0..10_000 {
            list(&listers, process, 10, 1);
        }
        assert!(listers.processes().len() <= PROCESSES);
        listers.looked_up(9_999, INodeNo(10));
        assert_eq!(list(&listers, 9_999, 11, 1), 1, "the latest is");
    }
}
