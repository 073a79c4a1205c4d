//! A server's part of a conversation, kept: each question with its answer, and the events that came.
//!
//! There is one store of answers, [`Recording`], and one rule which question an answer belongs to. It
//! is filled from a file ([`Recording::read`]), from a live server ([`Recorder`]) or by hand, and it is
//! answered from in the place of a server ([`Replay`]) or by the simulator, on a socket.

mod action_id;
mod addresses;
mod beside;
mod everything;
mod hidden;
mod numbers;
mod recorder;
mod replacement;
mod replay;
mod secrets;
mod text;

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

pub use action_id::with_action_id;
pub use beside::{OriginRecorder, Replays};
pub use everything::{Step, ask_everything};
pub use hidden::without_secrets;
pub use recorder::Recorder;
pub use replacement::{Kept, replace};
pub use replay::Replay;

/// A header of a question: its name and its value.
pub type Header = (Vec<u8>, Vec<u8>);

/// What makes two questions one: their headers in an order of their own, names and action in lower case,
/// without ActionID.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Key(Vec<Header>);

impl Key {
    fn of<'h>(headers: impl IntoIterator<Item = (&'h [u8], &'h [u8])>) -> Key {
        let mut key: Vec<Header> = headers
            .into_iter()
            .map(|(name, value)| {
                let name = name.to_ascii_lowercase();
                let value = if name == b"action" { value.to_ascii_lowercase() } else { value.to_vec() };
                (name, value)
            })
            .filter(|(name, _)| name != b"actionid")
            .collect();
        key.sort();
        Key(key)
    }
}

/// What a server did when it was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Told {
    /// It answered.
    Answer {
        /// The answer as it came over the wire.
        bytes: Vec<u8>,
        /// The ActionID that stands in it; none if none does.
        action_id: Option<Vec<u8>>,
        /// Whether it hung up behind it.
        then_closed: bool,
    },
    /// It said nothing to it.
    Nothing,
}

/// A question and what came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Exchange {
    /// The question's headers as they were sent, without ActionID.
    question: Vec<Header>,
    told: Told,
}

/// Questions with their answers, and events.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Recording {
    /// What the server called itself: `Asterisk Call Manager/5.0.4`.
    pub server: String,
    /// The tree file that the questions come from, as the user named it; empty if none is known.
    pub tree: String,
    /// What was replaced in it, for people; empty if nothing was.
    pub replaced: String,
    exchanges: BTreeMap<Key, Exchange>,
    /// Events as they came over the wire, and when after the beginning they came.
    pub events: Vec<(Duration, Vec<u8>)>,
}

/// Why a recording cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum RecordingError {
    /// The file cannot be read.
    #[error("{}: {error}", .path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why not.
        error: io::Error,
    },
    /// It is not a recording, or one that was spoiled.
    #[error("{}:{line}: {message}", .path.display())]
    Text {
        /// Which.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong there.
        message: String,
    },
}

impl Recording {
    /// Reads a recording's file.
    ///
    /// # Errors
    /// When it cannot be read or is no recording; the error names the file, and the line.
    pub fn read(path: &Path) -> Result<Recording, RecordingError> {
        let bytes =
            std::fs::read(path).map_err(|error| RecordingError::File { path: path.to_owned(), error })?;
        Recording::parse(path, &bytes)
    }

    /// Reads what a recording's file at `path` holds.
    ///
    /// # Errors
    /// When it is no recording; the error names the file, and the line.
    pub fn parse(path: &Path, bytes: &[u8]) -> Result<Recording, RecordingError> {
        text::read(bytes).map_err(|text::Mistake { line, message }| RecordingError::Text {
            path: path.to_owned(),
            line,
            message,
        })
    }

    /// The recording as the text of its file: the same for the same recording, in an order that does not
    /// depend on the one in which was asked.
    pub fn to_text(&self) -> String {
        text::write(self)
    }

    /// Puts what a server told into the recording, in place of what it told before.
    pub fn put<'h>(&mut self, question: impl IntoIterator<Item = (&'h [u8], &'h [u8])>, told: Told) {
        let question: Vec<Header> = question
            .into_iter()
            .filter(|(name, _)| !name.eq_ignore_ascii_case(b"ActionID"))
            .map(|(name, value)| (name.to_vec(), value.to_vec()))
            .collect();
        let key = Key::of(borrowed(&question));
        self.exchanges.insert(key, Exchange { question, told });
    }

    /// Adds all that another recording holds; of two answers to one question the other's stays.
    pub fn add(&mut self, other: Recording) {
        self.exchanges.extend(other.exchanges);
        self.events.extend(other.events);
    }

    /// What the server told when it was asked this, whatever the order of the headers.
    pub fn get<'h>(&self, question: impl IntoIterator<Item = (&'h [u8], &'h [u8])>) -> Option<&Told> {
        Some(&self.exchanges.get(&Key::of(question))?.told)
    }

    /// How many questions it holds.
    pub fn len(&self) -> usize {
        self.exchanges.len()
    }

    /// Whether it holds no question.
    pub fn is_empty(&self) -> bool {
        self.exchanges.is_empty()
    }
}

fn borrowed(headers: &[Header]) -> impl Iterator<Item = (&[u8], &[u8])> {
    headers.iter().map(|(name, value)| (name.as_slice(), value.as_slice()))
}
