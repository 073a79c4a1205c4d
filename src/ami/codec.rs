//! The bytes of a connection, cut into messages.
//!
//! What stays true: the messages depend on the bytes alone, not on how they were divided into
//! reads; no byte of a message is looked at twice for its end, so any amount of input takes
//! time in proportion to its length; no input makes it panic.
//!
//! Framing, as Asterisk 13 to 22 speak it (`main/manager.c`):
//! - A message begins with `Response:` or `Event:`, its lines end in CRLF, an empty line ends it. An
//!   LF without CR is part of a value. Empty lines between messages mean nothing.
//! - No response holds a line that begins a message, or two `ActionID:` lines: one that does has lost its end.
//!   Events may (`UserEvent` passes on what headers it was given, `OriginateResponse` has one named `Response`).
//! - A message that begins with `Response: Follows` (13 and before) has, after at most one
//!   `Privilege:` and one `ActionID:` line, text whose lines end in LF. `--END COMMAND--` CRLF CRLF
//!   at the start of a line ends it. In the middle of a line the same bytes end it only if the line
//!   after them begins a message: that is how output without a last line end looks, and other text
//!   would have to contain CRLF.
//! - Anything else is stray text (13's `Queues` answers that way): it ends at an empty line or before
//!   a line that begins a message, and is given out as a message that is neither response nor event.

use bytes::{Buf, Bytes, BytesMut};

use super::error::CodecError;
use super::message::{Message, split_header};

/// The longest message that is accepted unless another bound is set, in bytes.
pub const DEFAULT_MESSAGE_LIMIT: usize = 256 << 20;

/// The longest event that is accepted, in bytes: many are kept for who comes late. Of a list each item is one.
pub const EVENT_LIMIT: usize = 1 << 20;

/// An emptied buffer that has grown beyond this is given back, in bytes.
const BUFFER_KEPT: usize = 1 << 20;

const MARKER_LINE: &[u8] = b"--END COMMAND--\r\n";

/// What the message at the buffer's start turned out to be so far.
#[derive(Debug, Clone, Copy)]
enum Stage {
    /// No line of it is complete.
    Opening,
    /// An event.
    Event,
    /// A response, and whether its ActionID was seen.
    Response { action_id: bool },
    /// Neither: lines until one is empty or begins a message.
    Stray,
    /// The headers of a `Response: Follows`.
    FollowsHeaders { privilege: bool, action_id: bool },
    /// The text of a `Response: Follows`.
    Body { start: usize, end: Option<BodyEnd> },
}

/// An end marker that was seen, and what it still lacks.
#[derive(Debug, Clone, Copy)]
enum BodyEnd {
    /// The marker at `at`, its line complete, the empty line missing.
    Marker { at: usize, at_line_start: bool },
    /// A whole marker in the middle of a line; the message would end at `end`.
    Doubtful { at: usize, end: usize },
}

/// An incremental decoder. Give it bytes as they come ([`Decoder::feed`]) and take messages until
/// there is none ([`Decoder::next_message`]).
#[derive(Debug)]
pub struct Decoder {
    buffer: BytesMut,
    /// No line ends between `line` and here.
    scanned: usize,
    /// Where the line that is not complete yet begins.
    line: usize,
    stage: Stage,
    limit: usize,
}

impl Default for Decoder {
    /// A decoder bounded by [`DEFAULT_MESSAGE_LIMIT`].
    fn default() -> Decoder {
        Decoder::new(DEFAULT_MESSAGE_LIMIT)
    }
}

impl Decoder {
    /// A decoder that refuses messages longer than `limit` bytes.
    pub fn new(limit: usize) -> Decoder {
        Decoder { buffer: BytesMut::new(), scanned: 0, line: 0, stage: Stage::Opening, limit }
    }

    /// Appends bytes that came.
    pub fn feed(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// The buffer to read into; bytes may only be appended.
    pub(super) fn buffer(&mut self) -> &mut BytesMut {
        &mut self.buffer
    }

    /// Takes one line without its line end, if it is complete: the banner, which no empty line
    /// follows. For use before the first message only.
    ///
    /// # Errors
    /// [`CodecError::TooLong`] if there is no line end within `limit` bytes.
    pub fn next_line(&mut self, limit: usize) -> Result<Option<Bytes>, CodecError> {
        let Some(end) = self.buffer.iter().take(limit).position(|&byte| byte == b'\n') else {
            let room = self.buffer.len() < limit;
            return if room { Ok(None) } else { Err(CodecError::TooLong { limit }) };
        };
        let line = self.buffer.split_to(end + 1).freeze();
        Ok(Some(line.slice(..line.len() - if line.ends_with(b"\r\n") { 2 } else { 1 })))
    }

    /// The next whole message; `None` until more bytes come.
    ///
    /// # Errors
    /// [`CodecError::TooLong`] if the message exceeds the bound, [`CodecError::Endless`] if it is two in one; the
    /// stream is of no use afterwards.
    pub fn next_message(&mut self) -> Result<Option<Message>, CodecError> {
        while let Some(found) = self.buffer[self.scanned..].iter().position(|&byte| byte == b'\n') {
            let end = self.scanned + found + 1;
            self.scanned = end;
            self.bound(end)?;
            if let Some(message) = self.line_feed(end)? {
                return Ok(Some(message));
            }
        }
        self.scanned = self.buffer.len();
        self.bound(self.scanned)?;
        Ok(None)
    }

    /// Whether the message may be so long.
    fn bound(&self, length: usize) -> Result<(), CodecError> {
        let limit = match self.stage {
            Stage::Event => self.limit.min(EVENT_LIMIT),
            _ => self.limit,
        };
        if length > limit { Err(CodecError::TooLong { limit }) } else { Ok(()) }
    }

    /// Whether a message may be complete, and only the beginning of the next one will show it.
    pub fn in_doubt(&self) -> bool {
        matches!(self.stage, Stage::Body { end: Some(BodyEnd::Doubtful { end, .. }), .. } if end == self.buffer.len())
    }

    /// To be asked when the peer closed the connection.
    ///
    /// # Errors
    /// [`CodecError::Truncated`] if that was inside a message.
    pub fn finish(&self) -> Result<(), CodecError> {
        if self.buffer.iter().all(|byte| matches!(byte, b'\r' | b'\n')) {
            return Ok(());
        }
        Err(CodecError::Truncated { bytes: self.buffer.len() })
    }

    /// Acts on the LF that ends at `end`; the message, if that completes one.
    fn line_feed(&mut self, end: usize) -> Result<Option<Message>, CodecError> {
        let line = &self.buffer[self.line..end];
        let empty = matches!(line, b"\n" | b"\r\n");
        let crlf = line.ends_with(b"\r\n");
        match self.stage {
            Stage::Opening if empty => {
                self.consume(end);
                return Ok(None);
            }
            Stage::Opening => {
                let opens = begins_message(line);
                if opens && !crlf {
                    return Ok(None);
                }
                self.stage = match opens {
                    true if says_follows(line) => {
                        Stage::FollowsHeaders { privilege: false, action_id: false }
                    }
                    true if starts_with(line, b"Response:") => Stage::Response { action_id: false },
                    true => Stage::Event,
                    false => Stage::Stray,
                };
            }
            Stage::Event | Stage::Response { .. } if !crlf => return Ok(None),
            Stage::Event | Stage::Response { .. } | Stage::Stray if empty => {
                return Ok(Some(self.complete(end, None)));
            }
            Stage::Event => {}
            Stage::Response { action_id: seen } => {
                let action_id = starts_with(line, b"ActionID:");
                if begins_message(line) || seen && action_id {
                    return Err(CodecError::Endless { bytes: self.line });
                }
                self.stage = Stage::Response { action_id: seen || action_id };
            }
            Stage::Stray if begins_message(line) => return Ok(Some(self.complete(self.line, None))),
            Stage::Stray => {}
            Stage::FollowsHeaders { privilege, action_id } => {
                let name = split_header(line).0;
                self.stage = if crlf && !privilege && name.eq_ignore_ascii_case(b"Privilege") {
                    Stage::FollowsHeaders { privilege: true, action_id }
                } else if crlf && !action_id && name.eq_ignore_ascii_case(b"ActionID") {
                    Stage::FollowsHeaders { privilege, action_id: true }
                } else {
                    return Ok(self.body_line(self.line, None, end));
                };
            }
            Stage::Body { start, end: marker } => return Ok(self.body_line(start, marker, end)),
        }
        self.line = end;
        Ok(None)
    }

    /// Acts on a line of the text that began at `start`.
    fn body_line(&mut self, start: usize, seen: Option<BodyEnd>, end: usize) -> Option<Message> {
        let line = &self.buffer[self.line..end];
        let now = match seen {
            Some(BodyEnd::Marker { at, at_line_start: true }) if line == b"\r\n" => {
                return Some(self.complete(end, Some((start, at))));
            }
            Some(BodyEnd::Marker { at, at_line_start: false }) if line == b"\r\n" => {
                Some(BodyEnd::Doubtful { at, end })
            }
            Some(BodyEnd::Doubtful { at, end }) if begins_message(line) => {
                return Some(self.complete(end, Some((start, at))));
            }
            _ if line.ends_with(MARKER_LINE) => {
                let at_line_start = line.len() == MARKER_LINE.len();
                Some(BodyEnd::Marker { at: end - MARKER_LINE.len(), at_line_start })
            }
            _ => None,
        };
        self.stage = Stage::Body { start, end: now };
        self.line = end;
        None
    }

    /// Takes the first `end` bytes as a message.
    fn complete(&mut self, end: usize, body: Option<(usize, usize)>) -> Message {
        // Copied, so that a message kept for hours does not keep the whole read buffer.
        let message = Message::new(Bytes::copy_from_slice(&self.buffer[..end]), body);
        self.consume(end);
        message
    }

    fn consume(&mut self, end: usize) {
        self.buffer.advance(end);
        if self.buffer.is_empty() && self.buffer.capacity() > BUFFER_KEPT {
            self.buffer = BytesMut::new();
        }
        self.scanned = 0;
        self.line = 0;
        self.stage = Stage::Opening;
    }
}

fn begins_message(line: &[u8]) -> bool {
    starts_with(line, b"Response:") || starts_with(line, b"Event:")
}

fn starts_with(line: &[u8], name: &[u8]) -> bool {
    line.get(..name.len()).is_some_and(|start| start.eq_ignore_ascii_case(name))
}

fn says_follows(line: &[u8]) -> bool {
    let (name, value) = split_header(line);
    name.eq_ignore_ascii_case(b"Response") && value.trim_ascii().eq_ignore_ascii_case(b"Follows")
}

#[cfg(test)]
#[path = "codec_tests.rs"]
pub(in crate::ami) mod tests;
