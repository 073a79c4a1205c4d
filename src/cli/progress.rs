//! How far a command has come that takes its time.

use std::io::IsTerminal;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

/// Where there is no terminal, it is told so often how far it has come.
const TOLD_EVERY: Duration = Duration::from_secs(10);

/// A bar on a terminal, otherwise a line in the log now and then.
pub struct Progress {
    /// What is done, in one word.
    doing: &'static str,
    bar: Option<ProgressBar>,
    count: Mutex<Count>,
}

struct Count {
    found: usize,
    done: usize,
    told: Instant,
}

impl Progress {
    /// Of something that begins now.
    pub fn start(doing: &'static str) -> Progress {
        let bar = std::io::stderr().is_terminal().then(|| ProgressBar::new(0));
        if let (Some(bar), Ok(style)) = (&bar, ProgressStyle::with_template("{msg} {wide_bar} {pos}/{len}")) {
            bar.set_style(style);
            bar.set_message(doing);
        }
        Progress { doing, bar, count: Mutex::new(Count { found: 0, done: 0, told: Instant::now() }) }
    }

    /// So many things more are to be done.
    pub fn found(&self, more: usize) {
        self.count(more, 0);
    }

    /// So many things more are done.
    pub fn done(&self, more: usize) {
        self.count(0, more);
    }

    fn count(&self, found: usize, done: usize) {
        let mut count = self.count.lock().unwrap_or_else(PoisonError::into_inner);
        count.found += found;
        count.done += done;
        match &self.bar {
            Some(bar) => {
                bar.set_length(count.found as u64);
                bar.set_position(count.done as u64);
            }
            None if count.told.elapsed() >= TOLD_EVERY => {
                tracing::info!("{}: {} of {} so far", self.doing, count.done, count.found);
                count.told = Instant::now();
            }
            None => {}
        }
    }

    /// Everything is done, and something else begins.
    pub fn turn_to(&self, what: String) {
        match &self.bar {
            Some(bar) => bar.set_message(what),
            None => tracing::info!("{what}"),
        }
    }

    /// Has something printed while no bar is in its way.
    pub fn aside<T>(&self, print: impl FnOnce() -> T) -> T {
        match &self.bar {
            Some(bar) => bar.suspend(print),
            None => print(),
        }
    }

    /// Takes the bar away.
    pub fn end(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.end();
    }
}
