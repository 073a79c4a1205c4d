//! What is said on standard error: log lines, and findings that are for people.
//!
//! A command that ends by itself writes there as any program does, and waits if it must. What serves a mount never
//! waits: its lines go through a [queue](queue), and what fails over and over is [counted](repeated). In neither
//! case does it matter whether anybody listens.

mod last;
mod level;
mod queue;
mod repeated;

use std::fmt::Display;
use std::io::{self, Write};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use clap::ValueEnum;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::{EnvFilter, Layer, fmt, registry};

use super::color::Color;
use crate::metrics::LogLines;
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

/// How lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum LogFormat {
    /// For people
    #[default]
    Text,
    /// One JSON object per line
    Json,
}

/// Whether every line is a JSON object.
static IN_JSON: AtomicBool = AtomicBool::new(false);

/// Of a program that serves for long.
static UNWAITED: OnceLock<(Queue, Repeated)> = OnceLock::new();

/// Starts logging. `ASTFS_LOG` takes filters as in `astfs=debug` and overrides the flags. Under a
/// journal, which has its own clock, lines carry no time.
pub fn start(verbose: u8, quiet: bool, telling: Telling, format: LogFormat) {
    IN_JSON.store(format == LogFormat::Json, Ordering::Relaxed);
    let level = match (quiet, verbose) {
        (true, _) => "error",
        (false, 0) => match telling {
            Telling::Deeds => level::INFO,
            Telling::Progress => "error,astfs::cli=info,astfs::recording=warn",
            Telling::Failures => "error",
        },
        (false, 1) => level::DEBUG,
        (false, _) => level::TRACE,
    };
    let filter = EnvFilter::try_from_env("ASTFS_LOG").unwrap_or_else(|_| EnvFilter::new(level));
    let repeated = (telling == Telling::Deeds).then(Repeated::default);
    let lines = fmt::layer().with_target(false).with_writer(|| Lines).with_ansi(Color::Auto.on_stderr());
    let lines = match (format, std::env::var_os("JOURNAL_STREAM")) {
        (LogFormat::Json, _) => lines.json().flatten_event(true).with_target(true).with_ansi(false).boxed(),
        (LogFormat::Text, Some(_)) => lines.without_time().boxed(),
        (LogFormat::Text, None) => lines.boxed(),
    };
    let last = repeated
        .is_some()
        .then(|| fmt::layer().with_target(false).with_writer(|| last::Last).with_ansi(false));
    let filter = level::changeable(filter);
    let subscriber = registry().with(lines).with(last).with(repeated.clone()).with(filter);
    // a second start in one process (tests) changes nothing
    let _ = tracing::subscriber::set_global_default(subscriber);
    let Some(repeated) = repeated else { return };
    let counted = repeated.clone();
    // without a thread of its own, lines are written by those who have them
    if let Ok(queue) =
        Queue::start(queue::StandardError, move || counted.tell_again(Some(Instant::now())), gap)
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
    let text = text.to_string();
    match IN_JSON.load(Ordering::Relaxed) {
        true if text.trim().is_empty() => {}
        true => write(json_line("INFO", text.trim_end()).as_bytes()),
        false => write(text.as_bytes()),
    }
}

/// What stands where lines are missing.
fn gap(lost: u64) -> String {
    let text = format!("{lost} lines are missing here: they could not be written");
    match IN_JSON.load(Ordering::Relaxed) {
        true => json_line("WARN", &text),
        false => format!("astfs: {text}\n"),
    }
}

fn json_line(level: &str, message: &str) -> String {
    let timestamp = format!("{:.6}", jiff::Timestamp::now());
    let line = serde_json::json!({
        "timestamp": timestamp, "level": level, "message": message, "target": "astfs::cli",
    });
    format!("{line}\n")
}

/// The lines that were left out so far.
pub fn left_out() -> LogLines {
    let counts =
        |(queue, repeated): &(Queue, Repeated)| LogLines { lost: queue.lost(), repeated: repeated.counted() };
    UNWAITED.get().map(counts).unwrap_or_default()
}

pub use last::last_lines;
pub use level::{Direction, Level, level, step};

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
