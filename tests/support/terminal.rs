//! A program on a terminal of its own, and what it has on its screen.

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{LocalModes, Termios, Winsize, tcgetattr, tcsetwinsize};

use super::wait_until;

/// A program that runs on a terminal.
pub struct OnTerminal {
    program: Child,
    /// Our end of it, and the program's, which stays open so that its modes can be looked at.
    ours: File,
    theirs: File,
    before: Termios,
    written: Arc<Mutex<Vec<u8>>>,
}

impl OnTerminal {
    /// Starts it on a terminal of that many columns and rows.
    pub fn start(command: &mut Command, size: (u16, u16)) -> OnTerminal {
        let ours =
            openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).expect("a terminal");
        grantpt(&ours).expect("it is ours");
        unlockpt(&ours).expect("it can be opened");
        let name = ptsname(&ours, Vec::new()).expect("it has a name").into_string().expect("of letters");
        let theirs = OpenOptions::new().read(true).write(true).open(name).expect("it opens");
        let ours = File::from(ours);
        resize(&ours, size);
        let before = tcgetattr(&theirs).expect("it has modes");
        let end = || theirs.try_clone().expect("a descriptor");
        // in a group of its own, as a shell starts it: only so does Ctrl-Z stop it
        command.process_group(0).env("TERM", "xterm-256color");
        let program = command.stdin(end()).stdout(end()).stderr(end()).spawn();
        let program = program.expect("the program starts");
        let written = Arc::new(Mutex::new(Vec::new()));
        let (mut reader, into) = (ours.try_clone().expect("a descriptor"), Arc::clone(&written));
        std::thread::spawn(move || {
            let mut piece = [0; 4096];
            while let Ok(length @ 1..) = reader.read(&mut piece) {
                into.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(&piece[..length]);
            }
        });
        OnTerminal { program, ours, theirs, before, written }
    }

    /// Presses keys.
    pub fn press(&mut self, keys: &str) {
        self.ours.write_all(keys.as_bytes()).expect("the terminal takes keys");
    }

    /// Gives the terminal another size, and has the program hear of it, as the kernel would of its own terminal.
    pub fn resize(&self, size: (u16, u16)) {
        resize(&self.ours, size);
        self.signal(Signal::SIGWINCH);
    }

    pub fn signal(&self, signal: Signal) {
        let process = i32::try_from(self.program.id()).expect("a process id");
        kill(Pid::from_raw(process), signal).expect("the program runs");
    }

    /// All that was written to the terminal so far.
    pub fn written(&self) -> String {
        String::from_utf8_lossy(&self.written.lock().unwrap_or_else(PoisonError::into_inner)).into_owned()
    }

    /// What is on the screen now.
    pub fn screen(&self) -> String {
        shown(&self.written())
    }

    /// Waits until that is on the screen.
    #[track_caller]
    pub fn await_text(&self, patience: Duration, text: &str) {
        let there = wait_until(patience, || self.screen().contains(text));
        assert!(there, "no {text:?} on\n{}", self.screen());
    }

    /// Whether the program is stopped, as by Ctrl-Z.
    pub fn is_stopped(&self) -> bool {
        let status = std::fs::read_to_string(format!("/proc/{}/stat", self.program.id())).unwrap_or_default();
        status.rsplit_once(") ").is_some_and(|(_, state)| state.starts_with('T'))
    }

    /// Whether keys reach the program one by one, as it has to be while it draws.
    pub fn is_raw(&self) -> bool {
        !tcgetattr(&self.theirs).expect("it has modes").local_modes.contains(LocalModes::ICANON)
    }

    /// Waits for the program's end; how it ended, and whether the terminal is as it was before.
    #[track_caller]
    pub fn end(mut self, patience: Duration) -> (ExitStatus, bool) {
        let mut ended = None;
        let has_ended = wait_until(patience, || {
            ended = self.program.try_wait().expect("a child can be waited for");
            ended.is_some()
        });
        assert!(has_ended, "it goes on:\n{}", self.screen());
        let after = tcgetattr(&self.theirs).expect("it has modes");
        let modes = |modes: &Termios| (modes.input_modes, modes.output_modes, modes.local_modes);
        // its own screen is left, and the cursor seen
        let last = |on: &str, off: &str| {
            let written = self.written();
            written.rfind(on) > written.rfind(off)
        };
        let restored = || last("\x1b[?1049l", "\x1b[?1049h") && last("\x1b[?25h", "\x1b[?25l");
        // what it wrote last may still be on its way to us
        let restored = wait_until(patience, restored);
        (ended.expect("it has ended"), restored && modes(&self.before) == modes(&after))
    }
}

impl Drop for OnTerminal {
    fn drop(&mut self) {
        let _ = self.program.kill();
        let _ = self.program.wait();
    }
}

fn resize(terminal: &File, (columns, rows): (u16, u16)) {
    let size = Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
    tcsetwinsize(terminal, size).expect("it has a size");
}

/// What a terminal shows after all that: text where it was put, as far as a program that draws cell by cell needs it.
fn shown(written: &str) -> String {
    let mut rows: Vec<Vec<char>> = Vec::new();
    let (mut row, mut column) = (0_usize, 0_usize);
    let mut rest = written.chars().peekable();
    while let Some(character) = rest.next() {
        match character {
            '\x1b' if rest.next_if_eq(&'[').is_some() => {
                let mut given = String::new();
                let last = loop {
                    match rest.next() {
                        Some(end @ '@'..='~') => break end,
                        Some(other) => given.push(other),
                        None => break ' ',
                    }
                };
                let numbers: Vec<usize> = given.split(';').map(|one| one.parse().unwrap_or(1)).collect();
                match last {
                    'H' => {
                        row = numbers.first().copied().unwrap_or(1).saturating_sub(1);
                        column = numbers.get(1).copied().unwrap_or(1).saturating_sub(1);
                    }
                    'J' => rows.clear(),
                    'h' if given == "?1049" => rows.clear(),
                    _ => {}
                }
            }
            '\r' => column = 0,
            '\n' => row += 1,
            character if character.is_control() => {}
            character => {
                rows.resize(rows.len().max(row + 1), Vec::new());
                let line = &mut rows[row];
                line.resize(line.len().max(column + 1), ' ');
                line[column] = character;
                column += 1;
            }
        }
    }
    rows.iter().map(|line| line.iter().collect::<String>().trim_end().to_owned() + "\n").collect()
}
