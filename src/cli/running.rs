//! A mount that runs, as other commands find it: by what it tells in `.astfs`.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::CliError;
use crate::fs::{MountState, inspect};
use crate::language::STATUS_DIRECTORY;
use crate::tree::{STANDING, Stands};

/// How often it is looked whether something has come about.
const LOOK: Duration = Duration::from_millis(10);

/// A mount of ours that answers.
pub struct Running {
    /// As it was named.
    given: PathBuf,
    status: PathBuf,
}

impl Running {
    /// The mount at that directory.
    ///
    /// # Errors
    /// If no astfs is mounted there, or it has ended.
    pub fn at(mountpoint: &Path) -> Result<Running, CliError> {
        // a stale mount has no other name than the one it was given
        let whole = mountpoint.canonicalize().unwrap_or_else(|_| mountpoint.to_owned());
        let lacking = |reason| Err(CliError::NotMounted { mountpoint: mountpoint.to_owned(), reason });
        // whatever a folder says of a process, only a mount of ours is believed
        match inspect(&whole)? {
            MountState::Astfs => {
                Ok(Running { given: mountpoint.to_owned(), status: whole.join(STATUS_DIRECTORY) })
            }
            MountState::Free => lacking("no astfs is mounted there; `astfs mount` mounts a tree"),
            MountState::Other => lacking("what is mounted there is not an astfs"),
            MountState::Stale => {
                lacking("the astfs that was mounted there has ended; `astfs umount` takes the rest away")
            }
        }
    }

    /// An error that says what is wrong with it.
    pub fn lacks(&self, reason: &'static str) -> CliError {
        CliError::NotMounted { mountpoint: self.given.clone(), reason }
    }

    /// A file of `.astfs`.
    ///
    /// # Errors
    /// If it is not there, or cannot be read.
    pub fn read(&self, name: &str) -> Result<String, CliError> {
        let path = self.status.join(name);
        std::fs::read_to_string(&path).map_err(|error| match error.kind() {
            // a control directory is a mount inside the mount
            ErrorKind::NotFound => self.lacks("that is a part of a mount; name where the tree is mounted"),
            _ => CliError::File { path, error },
        })
    }

    /// How it stands, and as it tells so in JSON.
    ///
    /// # Errors
    /// If it cannot be read, or is told as another version does.
    pub fn stands(&self) -> Result<(Stands, String), CliError> {
        let told = self.read(STANDING)?;
        let stands = serde_json::from_str(&told).map_err(|_| {
            self.lacks("what is mounted there tells of itself as another version does; mount it anew")
        })?;
        Ok((stands, told))
    }

    /// Sends its process a signal.
    ///
    /// # Errors
    /// If it does not say which process it is, or this user may not.
    pub fn signal(&self, signal: Signal) -> Result<(), CliError> {
        let summary = self.read("status")?;
        let process = summary.lines().find_map(|line| line.strip_prefix("process ")?.trim().parse().ok());
        let process =
            process.ok_or_else(|| self.lacks("what is mounted there does not say which process it is"))?;
        Ok(kill(Pid::from_raw(process), signal).map_err(std::io::Error::from)?)
    }

    /// Reads a file of `.astfs` until it holds what is waited for.
    ///
    /// # Errors
    /// If it does not within `patience`.
    pub fn await_in(
        &self,
        name: &str,
        patience: Duration,
        is_it: impl Fn(&str) -> bool,
    ) -> Result<String, CliError> {
        let deadline = Instant::now() + patience;
        loop {
            std::thread::sleep(LOOK);
            let now = self.read(name)?;
            if is_it(&now) {
                return Ok(now);
            }
            if Instant::now() > deadline {
                let late = format!("no answer within {} s; its log tells more", patience.as_secs());
                return Err(CliError::Mountpoint(format!("{}: {late}", self.given.display())));
            }
        }
    }
}
