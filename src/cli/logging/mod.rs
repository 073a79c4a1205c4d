//! What is said on standard error: log lines, and findings that are for people.
//!
//! A command that ends by itself writes there as any program does, and waits if it must. What serves a mount never
//! waits: its lines go through a [queue](queue), and what fails over and over is [counted](repeated). In neither
//! case does it matter whether anybody listens.

mod queue;
mod repeated;

use std::fmt::Display;
use std::io::{self, Write};
use std::sync::OnceLock;
use std::time::Instant;

use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::{EnvFilter, Layer, fmt, registry};

use super::color::Color;
use queue::Queue;
use repeated::Repeated;

/// What is told without being asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Telling {
    /// What a program that serves for long does.
    Deeds,
    /// How far a command has come that takes its time.
    Progress,
    /// What went wrong: the result says the rest.
    Failures,
}

/// Of a program that serves for long.
static UNWAITED: OnceLock<(Queue, Repeated)> = OnceLock::new();

/// Starts logging. `ASTFS_LOG` takes filters as in `astfs=debug` and overrides the flags. Under a
/// journal, which has its own clock, lines carry no time.
pub fn start(verbose: u8, quiet: bool, telling: Telling) {
    let level = match (quiet, verbose) {
        (true, _) => "error",
        (false, 0) => match telling {
            Telling::Deeds => "warn,astfs=info",
            Telling::Progress => "error,astfs::cli=info,astfs::recording=warn",
            Telling::Failures => "error",
        },
        (false, 1) => "info,astfs=debug",
        (false, _) => "debug,astfs=trace",
    };
    let filter = EnvFilter::try_from_env("ASTFS_LOG").unwrap_or_else(|_| EnvFilter::new(level));
    let repeated = (telling == Telling::Deeds).then(Repeated::default);
    let lines = fmt::layer().with_target(false).with_writer(|| Lines).with_ansi(Color::Auto.on_stderr());
    let lines = match std::env::var_os("JOURNAL_STREAM") {
        Some(_) => lines.without_time().boxed(),
        None => lines.boxed(),
    };
    let subscriber = registry().with(lines).with(repeated.clone()).with(filter);
    // a second start in one process (tests) changes nothing
    let _ = tracing::subscriber::set_global_default(subscriber);
    let Some(repeated) = repeated else { return };
    let counted = repeated.clone();
    // without a thread of its own, lines are written by those who have them
    if let Ok(queue) = Queue::start(queue::StandardError, move || counted.tell_again(Some(Instant::now())))
        && UNWAITED.set((queue, repeated)).is_ok()
    {
        // by itself it would write to standard error, and wait
        std::panic::set_hook(Box::new(|panic| {
            tracing::error!("{panic}");
            flush();
        }));
    }
}

/// Says something to the user. It ends with a line end if it is to.
pub fn tell(text: impl Display) {
    write(text.to_string().as_bytes());
}

/// Waits until all that was said is written; if nobody takes it, for a second at most.
pub fn flush() {
    if let Some((queue, repeated)) = UNWAITED.get() {
        repeated.tell_again(None);
        queue.flush();
    }
}

/// Has the thread that writes lines do something first, if there is one.
pub fn on_its_thread(job: impl FnOnce() + Send + 'static) {
    if let Some((queue, _)) = UNWAITED.get() {
        queue.run(job);
    }
}

fn write(text: &[u8]) {
    match UNWAITED.get() {
        Some((queue, _)) => queue.put(text),
        // nobody is left who could be told that it failed
        None => drop(io::stderr().write_all(text)),
    }
}

/// Where log lines are written to, each in one piece.
struct Lines;

impl Write for Lines {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        write(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
