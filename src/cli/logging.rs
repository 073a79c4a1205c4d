//! Log lines on standard error.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::Subscriber;

/// Starts logging. A program that `serves` for long tells what it does; one that answers and ends
/// says with its result what there is to say. `ASTFS_LOG` takes filters as in `astfs=debug` and overrides the flags. Under a
/// journal, which has its own clock, lines carry no time.
pub fn start(verbose: u8, quiet: bool, serves: bool) {
    let level = match (quiet, verbose) {
        (true, _) => "error",
        (false, 0) if serves => "warn,astfs=info",
        (false, 0) => "error",
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
