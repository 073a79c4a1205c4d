//! How much is logged, which can be changed while the program runs.

use std::sync::{Mutex, OnceLock, PoisonError};

use clap::ValueEnum;
use tracing::Subscriber;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::{EnvFilter, Layer, reload};

/// What a mount does.
pub const INFO: &str = "warn,astfs=info";
/// What is asked and answered.
pub const DEBUG: &str = "info,astfs=debug";
/// Everything.
pub const TRACE: &str = "debug,astfs=trace";

/// How much is logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub enum Level {
    /// What failed for good
    Error,
    /// And what went wrong
    Warn,
    /// And what was done
    Info,
    /// And what is asked and answered
    Debug,
    /// And everything else
    Trace,
}

impl Level {
    const ALL: [Level; 5] = [Level::Error, Level::Warn, Level::Info, Level::Debug, Level::Trace];

    fn filter(self) -> EnvFilter {
        EnvFilter::new(match self {
            Level::Error => "error",
            Level::Warn => "warn",
            Level::Info => INFO,
            Level::Debug => DEBUG,
            Level::Trace => TRACE,
        })
    }

    /// Its name.
    pub fn word(self) -> &'static str {
        match self {
            Level::Error => "error",
            Level::Warn => "warn",
            Level::Info => "info",
            Level::Debug => "debug",
            Level::Trace => "trace",
        }
    }

    /// The level of that name.
    pub fn named(word: &str) -> Option<Level> {
        Level::ALL.into_iter().find(|level| level.word() == word)
    }

    /// The most that a filter lets through.
    fn of(filter: &EnvFilter) -> Level {
        match filter.max_level_hint() {
            Some(LevelFilter::OFF | LevelFilter::ERROR) => Level::Error,
            Some(LevelFilter::WARN) => Level::Warn,
            Some(LevelFilter::INFO) => Level::Info,
            Some(LevelFilter::DEBUG) => Level::Debug,
            _ => Level::Trace,
        }
    }

    fn next(self, direction: Direction) -> Level {
        let index = self as usize;
        Level::ALL[match direction {
            Direction::More => (index + 1).min(Level::ALL.len() - 1),
            Direction::Less => index.saturating_sub(1),
        }]
    }
}

/// From one level to the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// One more is told.
    More,
    /// One less is.
    Less,
}

static PRESENT: Mutex<Level> = Mutex::new(Level::Info);
static CHANGE: OnceLock<Box<dyn Fn(EnvFilter) + Send + Sync>> = OnceLock::new();

/// The filter as a layer that can be changed.
pub fn changeable<S: Subscriber + for<'a> LookupSpan<'a>>(filter: EnvFilter) -> impl Layer<S> {
    *PRESENT.lock().unwrap_or_else(PoisonError::into_inner) = Level::of(&filter);
    let (layer, handle) = reload::Layer::new(filter);
    // fails when nothing logs any more
    let _ = CHANGE.set(Box::new(move |filter| drop(handle.reload(filter))));
    layer
}

/// How much is logged.
pub fn level() -> Level {
    *PRESENT.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Logs one level more or less from now on.
pub fn step(direction: Direction) {
    let level = {
        let mut present = PRESENT.lock().unwrap_or_else(PoisonError::into_inner);
        *present = present.next(direction);
        *present
    };
    if let Some(change) = CHANGE.get() {
        change(level.filter());
    }
    tracing::info!("the log tells what is of level {} from now on", level.word());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_level_has_a_filter_that_is_of_that_level() {
        for level in Level::ALL {
            assert_eq!(Level::of(&level.filter()), level);
            assert_eq!(Level::named(level.word()), Some(level));
            assert!(level.next(Direction::More) >= level && level.next(Direction::Less) <= level);
        }
        assert_eq!(Level::Error.next(Direction::Less), Level::Error);
        assert_eq!(Level::Trace.next(Direction::More), Level::Trace);
    }
}
