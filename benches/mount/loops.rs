//! Small loops over a directory tree: the programs beneath `find`, `cat` and `readlink` without their
//! own work. Each runs in a child, this same program with other arguments, which times itself.

use std::fs::{self, File};
use std::io::{Read, Result};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// The argument that makes this program such a child; a [`Loop`]'s name and a directory follow.
pub const ARGUMENT: &str = "--loop";

/// What is done in one pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loop {
    /// List each directory; stat, open and read each file.
    Walk,
    /// List each directory; read each link.
    Links,
    /// Like `Walk`, again and again until standard input ends.
    WalkOn,
}

impl Loop {
    const ALL: [Loop; 3] = [Loop::Walk, Loop::Links, Loop::WalkOn];

    fn name(self) -> &'static str {
        match self {
            Loop::Walk => "walk",
            Loop::Links => "links",
            Loop::WalkOn => "walk-on",
        }
    }

    /// Starts the child.
    pub fn start(self, directory: &Path) -> Child {
        let program = std::env::current_exe().expect("this program's path");
        let mut command = Command::new(program);
        command.arg(ARGUMENT).arg(self.name()).arg(directory);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("a child")
    }

    /// Waits for what the child has seen. For [`Loop::WalkOn`] this is what ends it.
    pub fn finish(mut child: Child) -> Seen {
        drop(child.stdin.take());
        let output = child.wait_with_output().expect("a child can be waited for");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let numbers: Vec<u64> = text.split_whitespace().filter_map(|number| number.parse().ok()).collect();
        let [nanoseconds, slowest, names, files, bytes, failures] = numbers[..] else {
            panic!("a loop ended ({}) and said {text:?}", output.status)
        };
        let (time, slowest) = (Duration::from_nanos(nanoseconds), Duration::from_nanos(slowest));
        Seen { time, slowest, names, files, bytes, failures }
    }
}

/// What a loop came across.
#[derive(Clone, Copy, Debug, Default)]
pub struct Seen {
    /// From the first call to the last.
    pub time: Duration,
    /// The longest of its steps: one listing, one file, one link.
    pub slowest: Duration,
    /// Directories, files and links.
    pub names: u64,
    /// Files that were read.
    pub files: u64,
    /// Their bytes, or those of the links' targets.
    pub bytes: u64,
    /// Steps that failed. While things change, a name may be gone by its turn.
    pub failures: u64,
}

/// The child's whole life: runs the loop that its arguments name and prints what it saw.
pub fn run(mut arguments: impl Iterator<Item = String>) {
    let name = arguments.next().expect("a loop");
    let which = Loop::ALL.into_iter().find(|which| which.name() == name).expect("a loop's name");
    let directory = PathBuf::from(arguments.next().expect("a directory"));
    let ended = Arc::new(AtomicBool::new(which != Loop::WalkOn));
    if which == Loop::WalkOn {
        let ended = Arc::clone(&ended);
        std::thread::spawn(move || {
            let _ = std::io::stdin().read_to_end(&mut Vec::new());
            ended.store(true, Ordering::Relaxed);
        });
    }
    let mut pass = Pass { which, ended: &ended, buffer: Vec::new(), seen: Seen::default() };
    let started = Instant::now();
    loop {
        pass.directory(&directory);
        if ended.load(Ordering::Relaxed) {
            break;
        }
    }
    let (Seen { slowest, names, files, bytes, failures, .. }, time) = (pass.seen, started.elapsed());
    println!("{} {} {names} {files} {bytes} {failures}", time.as_nanos(), slowest.as_nanos());
}

struct Pass<'a> {
    which: Loop,
    ended: &'a AtomicBool,
    buffer: Vec<u8>,
    seen: Seen,
}

impl Pass<'_> {
    fn directory(&mut self, directory: &Path) {
        let listing = self.step(|_| fs::read_dir(directory)?.collect::<Result<Vec<_>>>());
        for entry in listing.unwrap_or_default() {
            if self.which == Loop::WalkOn && self.ended.load(Ordering::Relaxed) {
                return;
            }
            self.seen.names += 1;
            let Ok(kind) = entry.file_type() else { continue };
            let path = entry.path();
            if kind.is_dir() {
                self.directory(&path);
            } else if kind.is_file() && self.which != Loop::Links {
                self.step(|pass| pass.file(&path));
            } else if kind.is_symlink() && self.which == Loop::Links {
                let target = self.step(|_| fs::read_link(&path));
                self.seen.bytes += target.map_or(0, |target| target.as_os_str().len() as u64);
            }
        }
    }

    fn file(&mut self, path: &Path) -> Result<()> {
        fs::symlink_metadata(path)?;
        self.buffer.clear();
        let length = File::open(path)?.read_to_end(&mut self.buffer)?;
        self.seen.files += 1;
        self.seen.bytes += length as u64;
        Ok(())
    }

    /// Times one step and counts its failure.
    fn step<T>(&mut self, work: impl FnOnce(&mut Self) -> Result<T>) -> Option<T> {
        let started = Instant::now();
        let done = work(self);
        self.seen.slowest = self.seen.slowest.max(started.elapsed());
        self.seen.failures += u64::from(done.is_err());
        done.ok()
    }
}
