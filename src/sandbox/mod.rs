//! What a program that serves a mount gives up, since it does not need it.
//!
//! Each part holds for the thread that gives it up and for the threads that it starts from then on, so it is
//! done before those that serve are there. The one that mounts was started earlier: it keeps what that takes.
//! A kernel that lacks a part goes without, and that is said.

mod calls;
mod capabilities;
mod files;

use std::path::PathBuf;

use landlock::RulesetStatus;
use nix::sys::prctl;
use tracing::{debug, info};

pub use capabilities::{keep_what_mounting_takes, may_mount};

/// The files that are still needed.
#[derive(Debug, Clone, Default)]
pub struct Needs {
    /// Files, and folders with all that is in them, that are read.
    pub reads: Vec<PathBuf>,
    /// Files that are written.
    pub writes: Vec<PathBuf>,
}

/// Has the kernel show this process' memory to nobody: neither in a core dump nor to a debugger of the same user.
pub fn hide_memory() {
    match prctl::set_dumpable(false) {
        Ok(()) => debug!("kept from core dumps and debuggers"),
        Err(error) => info!("memory with secrets can be dumped: {error}"),
    }
}

impl Needs {
    /// Gives up everything else, for this thread and those that it starts from now on; says at the level of
    /// debugging what is left.
    pub fn confine(&self) {
        match capabilities::give_up(&self.reads) {
            Ok(kept) => {
                debug!("capabilities kept: {kept}; by the thread that mounts: {}", capabilities::MOUNTING)
            }
            Err(error) => info!("capabilities are kept: {error}"),
        }
        if let Err(error) = prctl::set_no_new_privs() {
            info!("programs could still gain privileges: {error}");
        }
        match files::restrict(self) {
            Ok(RulesetStatus::NotEnforced) => info!("this kernel has no Landlock: every file can be reached"),
            Ok(status) => {
                let partly = if status == RulesetStatus::PartiallyEnforced {
                    " (as far as this kernel can)"
                } else {
                    ""
                };
                debug!(reads = ?self.reads, writes = ?self.writes, "files that can be reached, besides the system's{partly}");
            }
            Err(error) => info!("every file can be reached: {error}"),
        }
        match calls::restrict() {
            Ok(()) => debug!("no programs can be started; sockets kept: {}", calls::FAMILIES),
            Err(error) => info!("every system call can be made: {error}"),
        }
    }

    /// The same without a word, for a thread that was there before.
    pub fn confine_silently(&self) {
        let _ = capabilities::give_up(&self.reads);
        let _ = prctl::set_no_new_privs();
        let _ = files::restrict(self);
        let _ = calls::restrict();
    }
}

/// The parts that a kernel can lack, each with what it does here, or why nothing; they are tried.
pub fn parts() -> [(&'static str, Result<String, String>); 2] {
    // what is given up is so for a thread
    let tried = std::thread::spawn(|| {
        let _ = prctl::set_no_new_privs();
        let files = match files::restrict(&Needs::default()) {
            Ok(RulesetStatus::FullyEnforced) => Ok("a mount reaches only the files of its tree".to_owned()),
            Ok(RulesetStatus::PartiallyEnforced) => {
                Ok("a mount reaches only the files of its tree, as far as this kernel can".to_owned())
            }
            Ok(RulesetStatus::NotEnforced) => Err("this kernel has no Landlock".to_owned()),
            Err(error) => Err(error.to_string()),
        };
        let calls = calls::restrict();
        let calls = calls.map(|()| "a mount starts no programs".to_owned());
        [("landlock", files), ("seccomp", calls.map_err(|error| error.to_string()))]
    });
    let untried = || Err("it cannot be tried".to_owned());
    tried.join().unwrap_or_else(|_| [("landlock", untried()), ("seccomp", untried())])
}

#[cfg(test)]
mod tests {
    #[test]
    fn memory_that_is_hidden_cannot_be_dumped() {
        super::hide_memory();
        assert_eq!(nix::sys::prctl::get_dumpable(), Ok(false));
    }
}
