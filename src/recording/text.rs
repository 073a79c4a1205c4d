//! A recording as text that people read, compare and send along with a report.
//!
//! ```text
//! astfs recording 1
//! server: Asterisk Call Manager/2.10.6
//!
//! > Action: Command
//! > Command: core show uptime
//! < Response: Follows
//! < Privilege: Command
//! | System uptime: 1 hour
//! < --END COMMAND--
//! <
//!
//! * 1.250 s
//! < Event: Reload
//! <
//! ```
//!
//! The first letter says what a line is: `>` a header of a question; `<` what the server sent, up to CR LF;
//! `|` the same up to a bare LF; `~` the same without any line end; `!` what happened in place of an answer
//! or behind it; `*` when an event came; `#` a remark. One blank follows. It is always UTF-8 without
//! control characters: other bytes, and a blank at a line's end, are written `\xNN`, a backslash `\\`.
//! Questions are in the order of their headers.

use std::fmt::Write;
use std::time::Duration;

use super::{Header, Recording, Told, borrowed};

const FIRST_LINE: &str = "astfs recording 1";
const NOTHING: &str = "the server did not answer";
const EMPTY: &str = "the answer is empty";
const CLOSED: &str = "the server hung up";

/// What is wrong with a text that is to be a recording.
#[derive(Debug, PartialEq, Eq)]
pub struct Mistake {
    /// The line, from 1.
    pub line: usize,
    /// What is wrong there.
    pub message: String,
}

/// The text of a recording.
pub fn write(recording: &Recording) -> String {
    let mut text = format!("{FIRST_LINE}\n");
    let about = [("server", &recording.server), ("tree", &recording.tree), ("replaced", &recording.replaced)];
    for (name, value) in about.into_iter().filter(|(_, value)| !value.is_empty()) {
        line(&mut text, &format!("{name}:"), value.as_bytes());
    }
    for exchange in recording.exchanges.values() {
        text.push('\n');
        for (name, value) in borrowed(&exchange.question) {
            line(&mut text, ">", &[name, b": ", value].concat());
        }
        match &exchange.told {
            Told::Nothing => line(&mut text, "!", NOTHING.as_bytes()),
            Told::Answer { bytes, then_closed, .. } => {
                sent(&mut text, bytes);
                if bytes.is_empty() {
                    line(&mut text, "!", EMPTY.as_bytes());
                }
                if *then_closed {
                    line(&mut text, "!", CLOSED.as_bytes());
                }
            }
        }
    }
    for (after, event) in &recording.events {
        // a `String` takes all that is written to it
        let _ = write!(text, "\n* {:.3} s\n", after.as_secs_f64());
        sent(&mut text, event);
    }
    text
}

/// What went over the wire, line by line.
fn sent(text: &mut String, bytes: &[u8]) {
    for piece in bytes.split_inclusive(|&byte| byte == b'\n') {
        if let Some(content) = piece.strip_suffix(b"\r\n") {
            line(text, "<", content);
        } else if let Some(content) = piece.strip_suffix(b"\n") {
            line(text, "|", content);
        } else {
            line(text, "~", piece);
        }
    }
}

fn line(text: &mut String, mark: &str, content: &[u8]) {
    text.push_str(mark);
    if !content.is_empty() {
        text.push(' ');
    }
    let inner = content.trim_ascii_end().len();
    escape(text, &content[..inner]);
    content[inner..].iter().for_each(|&byte| hex(text, byte));
    text.push('\n');
}

fn escape(text: &mut String, content: &[u8]) {
    for chunk in content.utf8_chunks() {
        for character in chunk.valid().chars() {
            match character {
                '\\' => text.push_str("\\\\"),
                '\t' => text.push('\t'),
                _ if character.is_control() => {
                    character.encode_utf8(&mut [0; 4]).bytes().for_each(|byte| hex(text, byte));
                }
                _ => text.push(character),
            }
        }
        chunk.invalid().iter().for_each(|&byte| hex(text, byte));
    }
}

fn hex(text: &mut String, byte: u8) {
    let _ = write!(text, "\\x{byte:02x}");
}

fn unescape(content: &str) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::with_capacity(content.len());
    let mut rest = content;
    while let Some(at) = rest.find('\\') {
        bytes.extend_from_slice(&rest.as_bytes()[..at]);
        let code = rest.get(at + 2..at + 4).and_then(|digits| u8::from_str_radix(digits, 16).ok());
        let taken = match (rest.as_bytes().get(at + 1), code) {
            (Some(b'\\'), _) => {
                bytes.push(b'\\');
                2
            }
            (Some(b'x'), Some(code)) => {
                bytes.push(code);
                4
            }
            _ => return Err("a `\\` is followed by `\\`, or by `x` and two hex digits".into()),
        };
        rest = &rest[at + taken..];
    }
    bytes.extend_from_slice(rest.as_bytes());
    Ok(bytes)
}

/// What is being read.
#[derive(Default)]
struct Part {
    question: Vec<Header>,
    after: Option<Duration>,
    bytes: Vec<u8>,
    nothing: bool,
    empty: bool,
    then_closed: bool,
}

/// Reads a text.
pub fn read(bytes: &[u8]) -> Result<Recording, Mistake> {
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let line = bytes[..error.valid_up_to()].iter().filter(|&&byte| byte == b'\n').count() + 1;
        Mistake { line, message: "this is not UTF-8".into() }
    })?;
    let mut lines = text.lines().enumerate();
    if lines.next().is_none_or(|(_, first)| first != FIRST_LINE) {
        let message = format!("this is no recording: its first line would be `{FIRST_LINE}`");
        return Err(Mistake { line: 1, message });
    }
    let mut recording = Recording::default();
    let mut part = Part::default();
    for (index, line) in lines {
        let mistake = |message: String| Mistake { line: index + 1, message };
        let (mark, content) = line.split_once(' ').unwrap_or((line, ""));
        let content = || unescape(content).map_err(mistake);
        match mark {
            "" | "#" => {}
            ">" => {
                if part.has_ended() {
                    std::mem::take(&mut part).finish(&mut recording).map_err(mistake)?;
                }
                part.question.push(header(&content()?).map_err(mistake)?);
            }
            "*" => {
                std::mem::take(&mut part).finish(&mut recording).map_err(mistake)?;
                part.after = Some(seconds(&content()?).map_err(mistake)?);
            }
            "<" => part.bytes.extend([content()?, b"\r\n".to_vec()].concat()),
            "|" => part.bytes.extend([content()?, b"\n".to_vec()].concat()),
            "~" => part.bytes.extend(content()?),
            "!" if content()? == NOTHING.as_bytes() => part.nothing = true,
            "!" if content()? == EMPTY.as_bytes() => part.empty = true,
            "!" if content()? == CLOSED.as_bytes() => part.then_closed = true,
            "server:" => recording.server = text_of(&content()?),
            "tree:" => recording.tree = text_of(&content()?),
            "replaced:" => recording.replaced = text_of(&content()?),
            _ => return Err(mistake("a line begins with `>`, `<`, `|`, `~`, `!`, `*` or `#`".into())),
        }
    }
    let last = text.lines().count();
    part.finish(&mut recording).map_err(|message| Mistake { line: last, message })?;
    Ok(recording)
}

impl Part {
    fn has_ended(&self) -> bool {
        self.after.is_some() || self.nothing || self.empty || !self.bytes.is_empty()
    }

    fn finish(self, recording: &mut Recording) -> Result<(), String> {
        let Part { mut question, after, bytes, nothing, empty, then_closed } = self;
        question.retain(|(name, _)| !name.eq_ignore_ascii_case(b"ActionID"));
        match after {
            _ if question.is_empty() && after.is_none() && bytes.is_empty() && !nothing && !empty => {}
            Some(_) if bytes.is_empty() => return Err("the event above is empty".into()),
            Some(after) => recording.events.push((after, bytes)),
            None if question.is_empty() => return Err("the answer above has no question".into()),
            None if nothing => recording.put(borrowed(&question), Told::Nothing),
            None if bytes.is_empty() && !empty => return Err("the question above has no answer".into()),
            None => {
                recording.put(borrowed(&question), Told::Answer { bytes, action_id: None, then_closed });
            }
        }
        Ok(())
    }
}

fn header(line: &[u8]) -> Result<Header, String> {
    let colon = line.iter().position(|&byte| byte == b':').ok_or("a question's line is `Name: value`")?;
    let value = &line[colon + 1..];
    Ok((line[..colon].to_vec(), value.strip_prefix(b" ").unwrap_or(value).to_vec()))
}

fn seconds(content: &[u8]) -> Result<Duration, String> {
    let number = content.strip_suffix(b" s").and_then(|number| std::str::from_utf8(number).ok());
    let number = number.and_then(|number| number.parse().ok());
    number
        .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
        .ok_or_else(|| "an event begins with `* SECONDS s`".into())
}

fn text_of(content: &[u8]) -> String {
    String::from_utf8_lossy(content).into_owned()
}

#[cfg(test)]
#[path = "text_tests.rs"]
mod tests;
