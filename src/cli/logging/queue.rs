//! Lines on their way to a place that may be slow, full or gone: who has one never waits.

use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

/// How many texts may wait to be written; most are a line.
const WAITING: usize = 4096;
/// So long the end of the program waits for lines to be taken.
const PATIENCE: Duration = Duration::from_secs(1);
/// How often it is tried whether there is room for the end.
const LOOK: Duration = Duration::from_millis(5);
/// How often it is looked whether something is to be told that was only counted.
const ROUND: Duration = Duration::from_secs(10);

/// A bounded queue with a thread that writes what is in it.
pub struct Queue {
    waiting: SyncSender<Text>,
    /// Lines for which there was no room, since the last for which there was.
    lost: AtomicU64,
    /// All lines that found no room, or could not be written.
    all_lost: Arc<AtomicU64>,
}

struct Text {
    /// So many lines are missing before it.
    lost: u64,
    bytes: Vec<u8>,
    /// Dropped when it is written, or cannot be.
    done: Option<SyncSender<()>>,
    /// To be done by the thread that writes.
    job: Option<Box<dyn FnOnce() + Send>>,
}

impl Queue {
    /// Starts the thread. From time to time it calls `counted`, which may put lines into the queue. Where lines are
    /// missing, `gap` says how many.
    ///
    /// # Errors
    /// If the system gives no thread.
    pub fn start(
        mut place: impl Write + Send + 'static,
        counted: impl Fn() + Send + 'static,
        gap: fn(u64) -> String,
    ) -> io::Result<Queue> {
        let (waiting, texts) = sync_channel(WAITING);
        let all_lost = Arc::new(AtomicU64::new(0));
        let unwritten = Arc::clone(&all_lost);
        thread::Builder::new()
            .name("log".into())
            .spawn(move || write_all(&texts, &mut place, &counted, (gap, &unwritten)))?;
        Ok(Queue { waiting, lost: AtomicU64::new(0), all_lost })
    }

    /// Has a text written some time; if there is no room, it is lost, and counted.
    pub fn put(&self, text: &[u8]) {
        self.try_put(text, None);
    }

    /// How many lines found no room, or could not be written.
    pub fn lost(&self) -> u64 {
        self.all_lost.load(Ordering::Relaxed)
    }

    /// Has the thread do something, after what was put before; waits for room.
    pub fn run(&self, job: impl FnOnce() + Send + 'static) {
        let text = Text { lost: 0, bytes: Vec::new(), done: None, job: Some(Box::new(job)) };
        // without the thread there is nobody to do it
        let _ = self.waiting.send(text);
    }

    /// Waits until all is written that was put before, for a second at most.
    pub fn flush(&self) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let (done, written) = sync_channel(0);
            if self.try_put(b"", Some(done)) {
                // an error says that it is done, or that the time is over
                let _ = written.recv_timeout(deadline.saturating_duration_since(Instant::now()));
                return;
            }
            if Instant::now() >= deadline {
                return;
            }
            thread::sleep(LOOK);
        }
    }

    /// Whether there was room.
    fn try_put(&self, text: &[u8], done: Option<SyncSender<()>>) -> bool {
        let lost = self.lost.swap(0, Ordering::Relaxed);
        let put = self.waiting.try_send(Text { lost, bytes: text.to_vec(), done, job: None }).is_ok();
        if !put {
            self.lost.fetch_add(lost + lines(text), Ordering::Relaxed);
            self.all_lost.fetch_add(lines(text), Ordering::Relaxed);
        }
        put
    }
}

fn write_all(
    texts: &Receiver<Text>,
    place: &mut impl Write,
    counted: &impl Fn(),
    (gap, unwritten): (fn(u64) -> String, &AtomicU64),
) {
    let mut lost = 0;
    let mut round = Instant::now() + ROUND;
    loop {
        let now = Instant::now();
        if now >= round {
            counted();
            round = now + ROUND;
        }
        let text = match texts.recv_timeout(round - now.min(round)) {
            Ok(text) => text,
            Err(RecvTimeoutError::Timeout) => continue,
            Err(RecvTimeoutError::Disconnected) => return,
        };
        if let Some(job) = text.job {
            job();
        }
        lost += text.lost;
        if lost > 0 && place.write_all(gap(lost).as_bytes()).is_ok() {
            lost = 0;
        }
        if place.write_all(&text.bytes).is_err() {
            lost += lines(&text.bytes);
            unwritten.fetch_add(lines(&text.bytes), Ordering::Relaxed);
        }
        drop(text.done);
    }
}

fn lines(text: &[u8]) -> u64 {
    text.iter().filter(|&&byte| byte == b'\n').count() as u64
}

/// Standard error without the library's lock, which whoever waits here would hold.
pub struct StandardError;

impl Write for StandardError {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(nix::unistd::write(io::stderr(), bytes)?)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::sync::mpsc::{Sender, channel};

    use super::*;

    /// A place that takes something when it is let to, and refuses it if that was said.
    #[derive(Clone, Default)]
    struct Place {
        taken: Arc<Mutex<Vec<u8>>>,
        turns: Arc<Mutex<Option<Receiver<bool>>>>,
    }

    impl Place {
        fn slow() -> (Place, Sender<bool>) {
            let (turn, turns) = channel();
            (Place { turns: Arc::new(Mutex::new(Some(turns))), ..Place::default() }, turn)
        }

        fn text(&self) -> String {
            String::from_utf8_lossy(&self.taken.lock().unwrap()).into_owned()
        }
    }

    impl Write for Place {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let turn = self.turns.lock().unwrap().as_ref().map(|turns| turns.recv().unwrap_or(true));
            if turn == Some(false) {
                return Err(io::ErrorKind::StorageFull.into());
            }
            self.taken.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn what_was_put_is_written_when_it_was_waited_for() {
        let place = Place::default();
        let queue = Queue::start(place.clone(), || {}, crate::cli::logging::gap).unwrap();
        for number in 0..3000 {
            queue.put(format!("{number}\n").as_bytes());
        }
        queue.flush();
        let expected: String = (0..3000).map(|number| format!("{number}\n")).collect();
        assert_eq!(place.text(), expected);
    }

    #[test]
    fn who_puts_never_waits_and_what_had_no_room_is_counted_where_it_is_missing() {
        let (place, turn) = Place::slow();
        let queue = Queue::start(place.clone(), || {}, crate::cli::logging::gap).unwrap();
        for number in 0..WAITING + 100 {
            queue.put(format!("{number}\n").as_bytes());
        }
        // nobody takes anything, and the end comes nevertheless
        queue.flush();
        drop(turn);
        // whatever the thread has taken by now, one text or none, the rest fits
        while !place.text().contains("4095\n") {
            thread::sleep(LOOK);
        }
        queue.put(b"later\nand\n");
        queue.flush();
        let text = place.text();
        let (before, after) = text.split_once("astfs: ").unwrap();
        let written = before.lines().count();
        assert!(written >= WAITING && before.lines().eq((0..written).map(|number| number.to_string())));
        let lost = WAITING + 100 - written;
        assert_eq!(after, format!("{lost} lines are missing here: they could not be written\nlater\nand\n"));
    }

    #[test]
    fn what_could_not_be_written_is_counted_when_something_can() {
        let (place, turn) = Place::slow();
        let queue = Queue::start(place.clone(), || {}, crate::cli::logging::gap).unwrap();
        queue.put(b"one\ntwo\n");
        queue.put(b"three\n");
        // the first; a gap and the second; then all can be written
        [false, false, false, true].iter().for_each(|taken| turn.send(*taken).unwrap());
        drop(turn);
        queue.put(b"four\n");
        queue.flush();
        assert_eq!(place.text(), "astfs: 3 lines are missing here: they could not be written\nfour\n");
        assert_eq!(queue.lost(), 3);
    }
}
