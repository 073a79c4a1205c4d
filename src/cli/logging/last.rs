//! The last lines of the log, for who looks into the mount.

use std::collections::VecDeque;
use std::io::{self, Write};
use std::sync::{Mutex, PoisonError};

/// So much of the log is kept, in bytes; whole lines.
const KEPT: usize = 64 << 10;

static LINES: Mutex<Kept> = Mutex::new(Kept { lines: VecDeque::new(), bytes: 0 });

struct Kept {
    lines: VecDeque<Box<[u8]>>,
    bytes: usize,
}

impl Kept {
    fn add(&mut self, line: &[u8]) {
        // one that is longer than all that is kept is cut
        let line = &line[..line.len().min(KEPT)];
        self.lines.push_back(line.into());
        self.bytes += line.len();
        while self.bytes > KEPT
            && let Some(oldest) = self.lines.pop_front()
        {
            self.bytes -= oldest.len();
        }
    }

    fn text(&self) -> String {
        self.lines.iter().map(|line| String::from_utf8_lossy(line)).collect()
    }
}

/// The last lines, the oldest first.
pub fn last_lines() -> String {
    LINES.lock().unwrap_or_else(PoisonError::into_inner).text()
}

/// Where lines are kept, each in one piece.
pub struct Last;

impl Write for Last {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        LINES.lock().unwrap_or_else(PoisonError::into_inner).add(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_lines_are_kept_whole_and_no_more_than_there_is_room_for() {
        let mut kept = Kept { lines: VecDeque::new(), bytes: 0 };
        for number in 0..10_000 {
            kept.add(format!("line number {number}\n").as_bytes());
        }
        let text = kept.text();
        assert!(text.len() <= KEPT && text.len() > KEPT - 40, "{}", text.len());
        assert!(text.starts_with("line number ") && text.ends_with("line number 9999\n"));
        kept.add(&[b'x'; KEPT + 1]);
        assert_eq!(kept.text().len(), KEPT);
    }
}
