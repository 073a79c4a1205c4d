//! What fails over and over: once a minute it is told, with how often it was.

use std::collections::HashMap;
use std::fmt::{Debug, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tracing::field::{Field, Visit};
use tracing::{Event, Level, Metadata, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;

/// So long the same is only counted after it was told.
const MINUTE: Duration = Duration::from_secs(60);
/// So many different texts come from one place in the source before the others are counted together: ten thousand
/// records can fail of one cause.
const DIFFERENT: usize = 20;
/// What this program does when it is told to is no server that fails.
const DEEDS: &str = "astfs::cli";
/// Somebody did something: that is told each time.
const WHO: &str = "uid";
/// The count in the line that tells it.
const AGAIN: &str = "again";

/// Warnings and errors that were told, and how often they came again.
#[derive(Clone, Default)]
pub struct Repeated {
    causes: Arc<Mutex<HashMap<Cause, Told>>>,
    counted: Arc<AtomicU64>,
}

/// A place in the source, and what it said; nothing stands for all that is one too many.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Cause {
    place: (Option<&'static str>, Option<u32>),
    text: Option<String>,
}

struct Told {
    since: Instant,
    again: u64,
}

impl Repeated {
    /// Whether something is to be told now; if not, it is counted.
    fn is_news(&self, metadata: &Metadata<'static>, text: String, now: Instant) -> bool {
        let mut causes = self.causes.lock().unwrap_or_else(PoisonError::into_inner);
        let mut cause = Cause { place: (metadata.file(), metadata.line()), text: Some(text) };
        if !causes.contains_key(&cause)
            && causes.keys().filter(|known| known.place == cause.place).count() >= DIFFERENT
        {
            cause.text = None;
            causes.entry(cause).or_insert(Told { since: now, again: 0 }).again += 1;
            return false;
        }
        match causes.get_mut(&cause) {
            Some(told) => told.again += 1,
            None => return causes.insert(cause, Told { since: now, again: 0 }).is_none(),
        }
        false
    }

    /// How many lines were only counted.
    pub fn counted(&self) -> u64 {
        self.counted.load(Ordering::Relaxed)
    }

    /// Tells what came again in a minute that is over now, or at all.
    pub fn tell_again(&self, now: Option<Instant>) {
        for (text, again) in self.came_again(now) {
            match text {
                Some(text) => tracing::warn!(again, "{text}"),
                None => tracing::warn!(again, "other warnings of that kind"),
            }
        }
    }

    fn came_again(&self, now: Option<Instant>) -> Vec<(Option<String>, u64)> {
        let mut causes = self.causes.lock().unwrap_or_else(PoisonError::into_inner);
        let mut came = Vec::new();
        causes.retain(|cause, told| {
            if now.is_some_and(|now| now.duration_since(told.since) < MINUTE) {
                return true;
            }
            let again = std::mem::take(&mut told.again);
            if again > 0 {
                came.push((cause.text.clone(), again));
            }
            // the next minute begins with this line
            told.since = now.unwrap_or(told.since);
            again > 0
        });
        came
    }
}

impl<S: Subscriber> Layer<S> for Repeated {
    fn event_enabled(&self, event: &Event<'_>, _: Context<'_, S>) -> bool {
        let metadata = event.metadata();
        let has = |name| metadata.fields().field(name).is_some();
        if *metadata.level() > Level::WARN || metadata.target().starts_with(DEEDS) || has(WHO) || has(AGAIN) {
            return true;
        }
        let mut text = Text::default();
        event.record(&mut text);
        let is_news = self.is_news(metadata, text.0, Instant::now());
        if !is_news {
            self.counted.fetch_add(1, Ordering::Relaxed);
        }
        is_news
    }
}

/// A line without its time.
#[derive(Default)]
struct Text(String);

impl Visit for Text {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        // writing to a String cannot fail
        let _ = match field.name() {
            "message" => write!(self.0, "{value:?}"),
            name => write!(self.0, " {name}={value:?}"),
        };
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use tracing_subscriber::fmt;
    use tracing_subscriber::layer::SubscriberExt;

    use super::*;

    #[derive(Clone, Default)]
    struct Log(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Log {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// What is logged while something is done, without times and targets.
    fn logged(does: impl FnOnce(&Repeated)) -> Vec<String> {
        let (log, repeated) = (Log::default(), Repeated::default());
        let place = log.clone();
        let lines = fmt::layer().with_writer(move || place.clone()).without_time().with_target(false);
        let subscriber = tracing_subscriber::registry().with(lines.with_ansi(false)).with(repeated.clone());
        tracing::subscriber::with_default(subscriber, || does(&repeated));
        let log = log.0.lock().unwrap();
        String::from_utf8_lossy(&log).lines().map(|line| line.trim_start().to_owned()).collect()
    }

    #[test]
    fn what_fails_over_and_over_is_told_once_a_minute_with_a_count() {
        let mut log = logged(|repeated| {
            for minute in 0..3 {
                for query in ["peers", "queues"] {
                    for _ in 0..500 {
                        tracing::warn!(target: "astfs::query", "query `{query}`: the server refused");
                    }
                }
                repeated.tell_again(Some(Instant::now() + MINUTE * minute));
            }
            for _ in 0..2 {
                tracing::info!(target: "astfs::query", "fine");
            }
        });
        for minute in log[..6].chunks_mut(2) {
            minute.sort_unstable();
        }
        let lines = |again| {
            ["peers", "queues"].map(|query| format!("WARN query `{query}`: the server refused{again}"))
        };
        let mut expected = [lines(""), lines(" again=999"), lines(" again=500")].concat();
        expected.extend(["INFO fine".to_owned(), "INFO fine".to_owned()]);
        assert_eq!(log, expected);
    }

    #[test]
    fn of_ten_thousand_records_that_fail_a_few_are_named_and_the_rest_is_counted() {
        let log = logged(|repeated| {
            for record in 0..10_000 {
                tracing::warn!(target: "astfs::tree", "record `{record}` left out");
            }
            tracing::warn!(target: "astfs::tree", "another cause");
            repeated.tell_again(None);
        });
        assert_eq!(log.len(), DIFFERENT + 2, "{log:?}");
        assert_eq!(log[0], "WARN record `0` left out");
        assert_eq!(log[DIFFERENT], "WARN another cause");
        assert_eq!(
            log[DIFFERENT + 1],
            format!("WARN other warnings of that kind again={}", 10_000 - DIFFERENT)
        );
    }

    #[test]
    fn who_did_something_is_told_each_time() {
        let log = logged(|_| {
            for _ in 0..3 {
                tracing::warn!(target: "astfs::fs", uid = 7, "refused");
                tracing::warn!("read again, with mistakes");
            }
        });
        assert_eq!(log.len(), 6, "{log:?}");
    }
}
