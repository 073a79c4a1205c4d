//! Which processor does what: astfs and the commands that are measured share one, and the server and
//! whoever waits for its events have another, where there are two.
//!
//! A message between the processors of a virtual machine takes anything from 10 to 150 µs, so a mount
//! and its readers on different ones would measure the machine.

use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::unistd::Pid;

/// The processors that this benchmark uses, by their numbers; the same one twice where there is no other.
#[derive(Clone, Copy)]
pub struct Processors {
    /// Of astfs and the commands; the main thread is on it, and so is every child.
    pub measured: usize,
    /// Of the server and the observers.
    pub other: usize,
    /// How many there are.
    pub count: usize,
}

impl Processors {
    /// The first and the last processor that this process may use; puts the calling thread on the first.
    pub fn choose() -> Processors {
        let allowed = sched_getaffinity(Pid::from_raw(0)).expect("the processors can be asked for");
        let numbers: Vec<usize> =
            (0..CpuSet::count()).filter(|number| allowed.is_set(*number).unwrap_or(false)).collect();
        let [measured, .., other] = numbers[..] else {
            let only = numbers[0];
            pin(only);
            return Processors { measured: only, other: only, count: 1 };
        };
        let chosen = Processors { measured, other, count: numbers.len() };
        pin(chosen.measured);
        chosen
    }

    /// Runs something, and starts the processes that it starts, on the other processor.
    pub fn on_other<T>(self, work: impl FnOnce() -> T) -> T {
        pin(self.other);
        let done = work();
        pin(self.measured);
        done
    }
}

/// Puts the calling thread, with the threads and processes that it starts from now on, on one processor.
pub fn pin(processor: usize) {
    let mut set = CpuSet::new();
    set.set(processor).expect("a processor's number");
    sched_setaffinity(Pid::from_raw(0), &set).expect("processors can be chosen");
}
