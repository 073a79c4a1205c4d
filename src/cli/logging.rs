//! Log lines on standard error.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::Subscriber;

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
    let builder = Subscriber::builder()
        .with_env_filter(filter)
        .with_target(false)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal());
    // a second start in one process (tests) changes nothing
    let _ = if std::env::var_os("JOURNAL_STREAM").is_some() {
        tracing::subscriber::set_global_default(builder.without_time().finish())
    } else {
        tracing::subscriber::set_global_default(builder.finish())
    };
}
