//! The thread that mounts and unmounts. It is started before anything is given up, so that all others can give
//! up what that takes.

use std::io;
use std::sync::mpsc::{Sender, channel};

/// The name of the thread.
pub const THREAD: &str = "mounts";

type Job = Box<dyn FnOnce() + Send>;

/// The way to that thread, which ends with the last of them.
#[derive(Debug, Clone)]
pub struct Mounter {
    jobs: Sender<Job>,
}

impl Mounter {
    /// Starts the thread.
    ///
    /// # Errors
    /// If the system gives none.
    pub fn start() -> io::Result<Mounter> {
        let (jobs, waiting) = channel::<Job>();
        std::thread::Builder::new()
            .name(THREAD.into())
            .spawn(move || waiting.iter().for_each(|job| job()))?;
        Ok(Mounter { jobs })
    }

    /// Has it do something, and waits until that is done.
    ///
    /// # Errors
    /// If the thread has ended.
    pub fn run<T: Send + 'static>(&self, job: impl FnOnce() -> T + Send + 'static) -> io::Result<T> {
        let (sender, done) = channel();
        let ended = |_| io::Error::other("the thread that mounts has ended");
        // whoever asked may be gone
        let job = Box::new(move || drop(sender.send(job())));
        self.jobs.send(job).map_err(|_| ended(()))?;
        done.recv().map_err(|_| ended(()))
    }
}
