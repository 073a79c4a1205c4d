//! The commands that run on a mount and on its copy.

use std::io::{self, Read};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::loops::{Loop, Seen};

/// One of the commands.
#[derive(Clone, Copy, Debug)]
pub enum Task {
    /// A program as people use it.
    Program {
        /// As the table names it.
        name: &'static str,
        /// The program and its arguments.
        line: &'static [&'static str],
        /// How it ends when all is well.
        status: i32,
    },
    /// A loop of this program.
    Loop {
        /// As the table names it.
        name: &'static str,
        /// Which.
        which: Loop,
    },
}

/// All of them, in the order in which they run.
pub const TASKS: [Task; 6] = [
    Task::Program { name: "find", line: &["find", "."], status: 0 },
    Task::Program { name: "ls -lR", line: &["ls", "-lR", "."], status: 0 },
    Task::Program { name: "tar", line: &["tar", "cf", "-", "."], status: 0 },
    // nothing is found, so that every file is read to its end
    Task::Program { name: "grep -r", line: &["grep", "-r", "nosuchthing", "."], status: 1 },
    WALK,
    Task::Loop { name: "readlink", which: Loop::Links },
];

/// The one that reads everything, and tells what it saw.
pub const WALK: Task = Task::Loop { name: "walk", which: Loop::Walk };

/// How a command went.
#[derive(Debug)]
pub struct Ran {
    /// How long it took.
    pub time: Duration,
    /// What a loop came across.
    pub seen: Option<Seen>,
    /// Why it did not go well, as it said itself.
    pub complaint: Option<String>,
}

impl Task {
    /// As the table names it.
    pub fn name(self) -> &'static str {
        match self {
            Task::Program { name, .. } | Task::Loop { name, .. } => name,
        }
    }

    /// Runs it in a directory.
    pub fn run(self, directory: &Path) -> Ran {
        match self {
            Task::Program { line, status, .. } => run_program(directory, line, status),
            Task::Loop { which, .. } => {
                let seen = Loop::finish(which.start(directory));
                let complaint = (seen.failures > 0).then(|| format!("{} steps failed", seen.failures));
                Ran { time: seen.time, seen: Some(seen), complaint }
            }
        }
    }
}

/// Runs a program and reads what it prints: `tar` does not read files at all if it goes to `/dev/null`.
fn run_program(directory: &Path, line: &[&str], status: i32) -> Ran {
    let mut command = Command::new(line[0]);
    command.args(&line[1..]).current_dir(directory).env("LC_ALL", "C");
    let started = Instant::now();
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{}: {error}", line[0]));
    let mut stderr = child.stderr.take().expect("a pipe");
    let said = std::thread::spawn(move || {
        let mut said = String::new();
        let _ = stderr.read_to_string(&mut said);
        said
    });
    io::copy(&mut child.stdout.take().expect("a pipe"), &mut io::sink()).expect("a pipe");
    let ended = child.wait().expect("a child can be waited for");
    let time = started.elapsed();
    let said = said.join().unwrap_or_default();
    let well = ended.code() == Some(status) && said.is_empty();
    let complaint = (!well).then(|| format!("{ended}: {}", said.lines().next().unwrap_or("not a word")));
    Ran { time, seen: None, complaint }
}
