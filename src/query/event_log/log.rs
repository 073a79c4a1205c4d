//! A log as it stands at its name: bounded, and rotated seldom.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::file::LogFile;
use super::line;

/// Between two rotations at least so much time passes: `tail -F` looks at a name only when the file
/// that it has stood still for some seconds, and would never see a file that stood there shorter.
const SELDOM: Duration = Duration::from_secs(30);

/// A file that may not be rotated yet grows up to so many times its size; what comes then is counted.
const HARD_BOUND: usize = 2;

/// What became of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Appended {
    /// It is there.
    Added,
    /// It is there, at the beginning of another file.
    Rotated,
    /// There was no room for it.
    Lost,
}

/// A growing file and the one before it.
#[derive(Debug)]
pub struct EventLog {
    /// The size in bytes at which it is rotated.
    size: usize,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    current: Arc<LogFile>,
    rotated: Option<Rotated>,
    /// How many lines found no room since the last that did.
    lost: u64,
}

#[derive(Debug)]
struct Rotated {
    file: Arc<LogFile>,
    at: Instant,
}

impl EventLog {
    /// An empty log that is rotated at this size in bytes.
    pub fn new(size: usize) -> EventLog {
        let state = State { current: Arc::new(LogFile::new()), rotated: None, lost: 0 };
        EventLog { size, state: Mutex::new(state) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The file that grows.
    pub fn current(&self) -> Arc<LogFile> {
        Arc::clone(&self.state().current)
    }

    /// The file that grew before.
    pub fn rotated(&self) -> Option<Arc<LogFile>> {
        self.state().rotated.as_ref().map(|rotated| Arc::clone(&rotated.file))
    }

    /// Adds a line, whose end it brings along, at that time.
    pub(super) fn append(&self, line: &[u8], now: Instant) -> Appended {
        let mut state = self.state();
        let told = if state.lost > 0 { line::lost(state.lost) } else { Vec::new() };
        let mut appended = Appended::Added;
        let (length, added) = (state.current.size().0, told.len() + line.len());
        let may_rotate =
            state.rotated.as_ref().is_none_or(|rotated| now.duration_since(rotated.at) >= SELDOM);
        if length > 0 && length + added > self.size && may_rotate {
            let full = std::mem::replace(&mut state.current, Arc::new(LogFile::new()));
            state.rotated = Some(Rotated { file: full, at: now });
            appended = Appended::Rotated;
        }
        let length = state.current.size().0;
        if length + added > self.size * HARD_BOUND {
            state.lost += 1;
            return Appended::Lost;
        }
        state.lost = 0;
        state.current.append(&told);
        state.current.append(line);
        appended
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &[u8; 100] = &[b'x'; 100];

    fn text(file: &LogFile) -> String {
        String::from_utf8(file.read(0, usize::MAX)).unwrap()
    }

    #[test]
    fn a_full_log_becomes_the_rotated_one_and_who_holds_it_reads_on() {
        let log = EventLog::new(1000);
        let now = Instant::now();
        let first = log.current();
        (0..10).for_each(|_| assert_eq!(log.append(LINE, now), Appended::Added));
        assert!(Arc::ptr_eq(&first, &log.current()) && log.rotated().is_none());
        assert_eq!(log.append(LINE, now), Appended::Rotated);
        assert!(Arc::ptr_eq(&first, &log.rotated().unwrap()));
        assert_ne!(first.number(), log.current().number());
        assert_eq!((first.size().0, log.current().size().0), (1000, 100), "no line is torn or lost");
    }

    #[test]
    fn it_is_rotated_seldom_and_what_finds_no_room_in_between_is_counted() {
        let log = EventLog::new(1000);
        let now = Instant::now();
        for _ in 0..11 {
            log.append(LINE, now);
        }
        let second = log.current();
        for _ in 0..30 {
            log.append(LINE, now + SELDOM / 2);
        }
        assert!(Arc::ptr_eq(&second, &log.current()), "too soon for a second time");
        assert_eq!(second.size().0, 2000, "it grows to its hard bound");
        log.append(LINE, now + SELDOM);
        assert!(Arc::ptr_eq(&second, &log.rotated().unwrap()));
        let third = text(&log.current());
        let (told, line) = third.split_once('\n').unwrap();
        assert!(told.ends_with(r#","astfs":"lost","count":11}"#), "{told}");
        assert_eq!(line.as_bytes(), LINE);
    }

    #[test]
    fn a_line_that_never_fits_is_counted_too() {
        let log = EventLog::new(1000);
        assert_eq!(log.append(&[b'x'; 5000], Instant::now()), Appended::Lost);
        assert_eq!(log.current().size().0, 0);
        log.append(LINE, Instant::now());
        assert!(text(&log.current()).contains(r#""count":1}"#));
    }
}
