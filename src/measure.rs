//! Plain counts of how often something happened and how long it took. Who counts knows nothing of who tells of it.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// The upper bounds that durations are told apart by, in nanoseconds: from an answer of our own memory to the
/// deadline of a slow server.
const BOUNDS: [u64; 11] = [
    5_000,
    20_000,
    100_000,
    500_000,
    2_000_000,
    10_000_000,
    50_000_000,
    200_000_000,
    1_000_000_000,
    5_000_000_000,
    20_000_000_000,
];

/// How long something took, counted by bounds. To add one takes two additions and no lock.
#[derive(Debug, Default)]
pub struct Durations {
    counts: [AtomicU64; BOUNDS.len() + 1],
    nanoseconds: AtomicU64,
}

/// Durations as they were counted up to a moment.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Distribution {
    /// How many took so many seconds at most, and longer than the one before; the last bound is infinite.
    pub counts: Vec<(f64, u64)>,
    /// All together, in seconds.
    pub seconds: f64,
}

impl Distribution {
    /// How many there were.
    pub fn count(&self) -> u64 {
        self.counts.iter().map(|(_, count)| count).sum()
    }
}

impl Durations {
    /// One more.
    pub fn add(&self, took: Duration) {
        // five hundred years fit
        let took = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        let index = BOUNDS.iter().position(|bound| took <= *bound).unwrap_or(BOUNDS.len());
        self.counts[index].fetch_add(1, Ordering::Relaxed);
        self.nanoseconds.fetch_add(took, Ordering::Relaxed);
    }

    /// What was counted so far.
    pub fn so_far(&self) -> Distribution {
        let seconds = |nanoseconds: u64| Duration::from_nanos(nanoseconds).as_secs_f64();
        let bounds = BOUNDS.iter().map(|bound| seconds(*bound)).chain([f64::INFINITY]);
        let counts = self.counts.iter().map(|count| count.load(Ordering::Relaxed));
        let all = seconds(self.nanoseconds.load(Ordering::Relaxed));
        Distribution { counts: bounds.zip(counts).collect(), seconds: all }
    }
}

/// So many names are told apart; others may decide what is called how.
const NAMES: usize = 64;
/// The longest name that is kept, in bytes.
const LONGEST: usize = 64;
/// What all further names are counted as.
pub const OTHER: &str = "other";

/// Counts by names, of which there is a bounded number.
#[derive(Debug, Default)]
pub struct ByName<T>(Mutex<HashMap<Box<str>, Arc<T>>>);

impl<T: Default> ByName<T> {
    /// The count of that name; what is no word, or one too many, is counted as [`OTHER`].
    pub fn of(&self, name: &[u8]) -> Arc<T> {
        let is_word = |name: &&str| {
            let letter = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
            (1..=LONGEST).contains(&name.len()) && name.bytes().all(letter)
        };
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let name = std::str::from_utf8(name).ok().filter(is_word).unwrap_or(OTHER);
        let name = if counts.len() < NAMES || counts.contains_key(name) { name } else { OTHER };
        if let Some(known) = counts.get(name) {
            return Arc::clone(known);
        }
        Arc::clone(counts.entry(name.into()).or_default())
    }

    /// All counts in the order of their names.
    pub fn all(&self) -> Vec<(String, Arc<T>)> {
        let counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut all: Vec<_> =
            counts.iter().map(|(name, count)| (name.to_string(), Arc::clone(count))).collect();
        all.sort_by(|one, other| one.0.cmp(&other.0));
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_counted_by_the_least_bound_that_holds_them() {
        let durations = Durations::default();
        for took in [1, 5_000, 5_001, 30_000_000_000] {
            durations.add(Duration::from_nanos(took));
        }
        let so_far = durations.so_far();
        let counts: Vec<u64> = so_far.counts.iter().map(|(_, count)| *count).collect();
        assert_eq!(counts, [2, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
        assert_eq!((so_far.count(), so_far.counts[11].0), (4, f64::INFINITY));
        assert!((so_far.seconds - 30.000_010_002).abs() < 1e-9, "{so_far:?}");
    }

    #[test]
    fn names_are_bounded_in_number_and_kind() {
        let counts = ByName::<AtomicU64>::default();
        for number in 0..1000 {
            counts.of(format!("Event{number}").as_bytes()).fetch_add(1, Ordering::Relaxed);
        }
        for bad in [&b"a\"} 1\n"[..], b"", b"\xff", &[b'x'; 65]] {
            counts.of(bad).fetch_add(1, Ordering::Relaxed);
        }
        counts.of(b"Event0").fetch_add(1, Ordering::Relaxed);
        let all = counts.all();
        let count = |name: &str| {
            all.iter().find(|(known, _)| known == name).map(|(_, count)| count.load(Ordering::Relaxed))
        };
        assert_eq!((all.len(), count("Event0"), count("Event999")), (NAMES + 1, Some(2), None));
        assert_eq!(count(OTHER), Some(1000 - NAMES as u64 + 4));
    }
}
