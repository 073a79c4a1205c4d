//! System calls on a mount, each measured by itself: of which kind, how long, and what came of it.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use nix::errno::Errno;

/// How often the pulse beats.
const BEAT: Duration = Duration::from_millis(10);
/// The pulse of a busy machine is late by that much and more; beyond it, the program was held up.
const LATE: Duration = Duration::from_millis(100);
/// The piece in which files are read, in bytes.
const PIECE: usize = 128 * 1024;
/// The name of the attribute that says whether a file's content is fresh.
const STALE: &str = "user.astfs.stale";

/// The kinds of system calls that are told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// `statx(2)` of a path, links not followed.
    Stat,
    /// `open(2)` of a file or a directory.
    Open,
    /// `read(2)` of a file.
    Read,
    /// `getdents64(2)`; the slowest of each listing.
    List,
    /// `readlink(2)`.
    Link,
    /// `getxattr(2)`.
    Attribute,
    /// `write(2)` to a control file.
    Write,
}

impl fmt::Display for Kind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Kind::Stat => "stat",
            Kind::Open => "open",
            Kind::Read => "read",
            Kind::List => "getdents",
            Kind::Link => "readlink",
            Kind::Attribute => "getxattr",
            Kind::Write => "write",
        })
    }
}

/// What the calls of one kind took and gave.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    /// How long each took, in microseconds, in no order.
    pub took: Vec<u32>,
    /// The errnos, how often each was given, and how long the slowest of them took.
    pub failed: BTreeMap<i32, (usize, Duration)>,
    /// The slowest, and its path.
    pub worst: (Duration, PathBuf),
}

impl Tally {
    /// Adds those of another time.
    pub fn add(&mut self, other: Tally) {
        self.took.extend(other.took);
        for (errno, (count, longest)) in other.failed {
            let (counted, slowest) = self.failed.entry(errno).or_default();
            *counted += count;
            *slowest = (*slowest).max(longest);
        }
        if other.worst.0 > self.worst.0 {
            self.worst = other.worst;
        }
    }

    /// The time that all but `part` in a hundred of the calls took at most.
    pub fn percentile(&self, percent: usize) -> Duration {
        let mut took = self.took.clone();
        took.sort_unstable();
        let index = (took.len() * percent / 100).min(took.len().saturating_sub(1));
        Duration::from_micros(took.get(index).copied().unwrap_or_default().into())
    }
}

/// All calls of a time, by their kinds.
pub type Tallies = BTreeMap<Kind, Tally>;

/// The slowest call of all, with its kind and path.
pub fn worst(tallies: &Tallies) -> (Duration, String) {
    let slowest = tallies.iter().max_by_key(|(_, tally)| tally.worst.0);
    slowest.map_or_else(Default::default, |(kind, tally)| {
        (tally.worst.0, format!("{kind} {}", tally.worst.1.display()))
    })
}

/// The errnos that calls gave, how often, and how long the slowest of each took.
pub fn errnos(tallies: &Tallies) -> BTreeMap<i32, (usize, Duration)> {
    let mut all = BTreeMap::<i32, (usize, Duration)>::new();
    for (errno, (count, longest)) in tallies.values().flat_map(|tally| &tally.failed) {
        let (counted, slowest) = all.entry(*errno).or_default();
        *counted += count;
        *slowest = (*slowest).max(*longest);
    }
    all
}

/// An errno's name, such as `ETIMEDOUT`.
pub fn name_of(errno: i32) -> String {
    format!("{:?}", Errno::from_raw(errno))
}

/// Makes calls and remembers them. Threads share one.
pub struct Calls {
    made: Mutex<Tallies>,
    pulse: Pulse,
}

impl Calls {
    /// None made yet.
    pub fn new() -> Calls {
        Calls { made: Mutex::default(), pulse: Pulse::start() }
    }

    fn made(&self) -> MutexGuard<'_, Tallies> {
        self.made.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The calls since the last time.
    pub fn take(&self) -> Tallies {
        std::mem::take(&mut self.made())
    }

    /// Makes a call. The time in which this whole program was held up does not count.
    fn measure<T>(&self, kind: Kind, path: &Path, call: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
        let (begin, late) = (Instant::now(), self.pulse.late());
        let result = call();
        let took = begin.elapsed().saturating_sub(self.pulse.late() - late);
        self.note(kind, path, took, result.as_ref().err());
        result
    }

    fn note(&self, kind: Kind, path: &Path, took: Duration, error: Option<&io::Error>) {
        let mut made = self.made();
        let tally = made.entry(kind).or_default();
        tally.took.push(took.as_micros().try_into().unwrap_or(u32::MAX));
        if took > tally.worst.0 {
            tally.worst = (took, path.to_owned());
        }
        if let Some(errno) = error.and_then(io::Error::raw_os_error) {
            let (count, longest) = tally.failed.entry(errno).or_default();
            *count += 1;
            *longest = (*longest).max(took);
        }
    }

    /// Looks at what stands at a path; a link is not followed.
    pub fn stat(&self, path: &Path) -> io::Result<std::fs::Metadata> {
        self.measure(Kind::Stat, path, || path.symlink_metadata())
    }

    /// Where a link leads.
    pub fn link(&self, path: &Path) -> io::Result<PathBuf> {
        self.measure(Kind::Link, path, || path.read_link())
    }

    /// A whole file.
    pub fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        let mut file = self.measure(Kind::Open, path, || File::open(path))?;
        let (mut bytes, mut piece) = (Vec::new(), vec![0; PIECE]);
        loop {
            match self.measure(Kind::Read, path, || file.read(&mut piece))? {
                0 => return Ok(bytes),
                length => bytes.extend_from_slice(&piece[..length]),
            }
        }
    }

    /// A directory's names.
    pub fn list(&self, path: &Path) -> io::Result<Vec<OsString>> {
        let mut directory = self.measure(Kind::Open, path, || path.read_dir())?;
        let (mut names, mut longest) = (Vec::new(), Duration::ZERO);
        loop {
            let (begin, late) = (Instant::now(), self.pulse.late());
            let next = directory.next();
            longest = longest.max(begin.elapsed().saturating_sub(self.pulse.late() - late));
            match next {
                Some(Ok(entry)) => names.push(entry.file_name()),
                Some(Err(error)) => {
                    self.note(Kind::List, path, longest, Some(&error));
                    return Err(error);
                }
                None => {
                    self.note(Kind::List, path, longest, None);
                    return Ok(names);
                }
            }
        }
    }

    /// Whether a file's content is marked stale.
    pub fn is_stale(&self, path: &Path) -> io::Result<bool> {
        let mut value = [0_u8; 8];
        let length = self.measure(Kind::Attribute, path, || {
            rustix::fs::getxattr(path, STALE, &mut value).map_err(io::Error::from)
        })?;
        Ok(&value[..length] == b"1")
    }

    /// Writes an input to a control file.
    pub fn write(&self, path: &Path, input: &str) -> io::Result<()> {
        let mut file = self.measure(Kind::Open, path, || OpenOptions::new().write(true).open(path))?;
        self.measure(Kind::Write, path, || file.write(input.as_bytes())).map(drop)
    }
}

/// Notices when this program is held up: a machine may have more to do than to run tests, and may even
/// suspend them. What is measured here is a mount, not the machine.
struct Pulse {
    /// By how much all beats together came too late, in microseconds.
    late: Arc<AtomicU64>,
    ended: Arc<AtomicBool>,
    beating: Option<JoinHandle<()>>,
}

impl Pulse {
    fn start() -> Pulse {
        let (late, ended) = (Arc::<AtomicU64>::default(), Arc::<AtomicBool>::default());
        let (lateness, end) = (Arc::clone(&late), Arc::clone(&ended));
        let beating = std::thread::spawn(move || {
            while !end.load(Ordering::Relaxed) {
                let begin = Instant::now();
                std::thread::sleep(BEAT);
                let over = begin.elapsed().saturating_sub(BEAT);
                if over > LATE {
                    lateness.fetch_add(over.as_micros().try_into().unwrap_or(u64::MAX), Ordering::Relaxed);
                }
            }
        });
        Pulse { late, ended, beating: Some(beating) }
    }

    fn late(&self) -> Duration {
        Duration::from_micros(self.late.load(Ordering::Relaxed))
    }
}

impl Drop for Pulse {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Relaxed);
        if let Some(beating) = self.beating.take() {
            let _ = beating.join();
        }
    }
}
