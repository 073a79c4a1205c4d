//! The whole answer to one action, and how it is put together from messages.
//!
//! An answer begins with a `Response`. It goes on if that says `EventList: start`, up to an event
//! that has `EventList: Complete`; `ListItems` is not believed, it can be wrong. List actions older
//! than the `EventList` header only say so in words (`Message: … will follow`); their answer goes on
//! up to an event whose name ends in `Complete`. An event belongs to the list if it bears the
//! question's ActionID, or none and no `Privilege` either: `IAXpeers` forgets the ActionID in its
//! items, and every event that is sent to all sessions has a `Privilege`. 13's `DataGet` is answered
//! by a single event in the response's place.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use bytes::{BufMut, Bytes, BytesMut};

use super::codec::Decoder;
use super::error::CodecError;
use super::message::Message;

/// What `Command` says in `Message` from Asterisk 14 on; its `Output` headers may be none.
const OUTPUT_FOLLOWS: &[u8] = b"Command output follows";

/// What every version says in `Message` to a user without the right to ask.
const DENIED: &[u8] = b"Permission denied";

/// The whole answer to one action. Cloning shares it; the Debug form only counts the items.
#[derive(Clone, PartialEq, Eq)]
pub struct Answer {
    message: Message,
    items: Arc<[Message]>,
    complete: Option<Message>,
}

impl Answer {
    /// The answer in a recording of a conversation with one question, told apart from events around
    /// it as on a connection; without ActionIDs in the recording, by order alone.
    ///
    /// # Errors
    /// [`CodecError::Truncated`] if there is no whole answer in it.
    pub fn read(recording: &[u8]) -> Result<Answer, CodecError> {
        let mut decoder = Decoder::default();
        decoder.feed(recording);
        let mut list: Option<(Assembly, Option<Vec<u8>>)> = None;
        while let Some(message) = decoder.next_message()? {
            if let Some((assembly, id)) = &mut list {
                let ours = id.as_deref().is_none_or(|id| belongs(&message, id));
                if ours && let Some(answer) = assembly.add(message, true) {
                    return Ok(answer);
                }
            } else if message.response().is_some() || is_whole_answer(&message) {
                let id = message.action_id().map(<[u8]>::to_vec);
                match Assembly::start(message) {
                    Started::Whole(answer) => return Ok(answer),
                    Started::List(assembly) => list = Some((assembly, id)),
                }
            }
        }
        decoder.finish()?;
        let ended = list.and_then(|(assembly, _)| assembly.end_by_order());
        ended.ok_or(CodecError::Truncated { bytes: recording.len() })
    }

    /// An answer of these messages, as it was once put together.
    pub fn of(message: Message, items: Arc<[Message]>, complete: Option<Message>) -> Answer {
        Answer { message, items, complete }
    }

    /// The `Response` message (for 13's `DataGet` the event that stands in its place).
    pub fn message(&self) -> &Message {
        &self.message
    }

    /// How long it is as it came, in bytes.
    pub fn size(&self) -> usize {
        let messages = std::iter::once(&self.message).chain(&*self.items).chain(&self.complete);
        messages.map(|message| message.as_bytes().len()).sum()
    }

    /// The list's events in order, without the one that completes it.
    pub fn items(&self) -> &[Message] {
        &self.items
    }

    /// The event that completed the list, if this is a list.
    pub fn complete(&self) -> Option<&Message> {
        self.complete.as_ref()
    }

    /// What a `Command` printed: raw bytes, LF after each line.
    ///
    /// The same bytes whether they came in 13's framing or as 14's `Output` headers, because the last
    /// line always gets an LF here, and Asterisk 14 leaves out the empty line after the last LF.
    /// Empty if the command printed nothing; `None` if this is no answer with output.
    pub fn output(&self) -> Option<Bytes> {
        if let Some(body) = self.message.body() {
            if body.is_empty() || body.ends_with(b"\n") {
                return Some(body);
            }
            return Some([&body[..], b"\n"].concat().into());
        }
        let lines = || self.message.headers().filter(|(name, _)| name.eq_ignore_ascii_case(b"Output"));
        if lines().next().is_none() && self.message.get("Message") != Some(OUTPUT_FOLLOWS) {
            return None;
        }
        let mut output = BytesMut::with_capacity(self.message.as_bytes().len());
        for (_, line) in lines() {
            output.put_slice(line);
            output.put_u8(b'\n');
        }
        Some(output.freeze())
    }

    /// Whether the server says `Response: Error`. Asterisk 13 answers a command that it does not
    /// know with `Follows` and a text, which is no error by this measure.
    pub fn is_error(&self) -> bool {
        self.message.response().is_some_and(|response| response.eq_ignore_ascii_case(b"Error"))
    }

    /// Whether the server says that the user may not ask this.
    pub(super) fn is_denied(&self) -> bool {
        self.is_error() && self.message.get("Message").is_some_and(|text| text.starts_with(DENIED))
    }

    /// What the server says about its error, if it is one: the output where there is some, else
    /// `Message`. Bytes that are not UTF-8 are replaced: this is for people.
    pub fn error_text(&self) -> Option<Cow<'_, str>> {
        if !self.is_error() {
            return None;
        }
        if let Some(output) = self.output()
            && !output.trim_ascii().is_empty()
        {
            return Some(String::from_utf8_lossy(output.trim_ascii()).into_owned().into());
        }
        let text = self.message.get("Message").unwrap_or(b"no reason given");
        Some(String::from_utf8_lossy(text.trim_ascii()))
    }
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answer")
            .field("message", &self.message)
            .field("items", &self.items.len())
            .field("complete", &self.complete)
            .finish()
    }
}

/// What a response makes of its question.
pub(super) enum Started {
    /// Answered.
    Whole(Answer),
    /// Events are to come.
    List(Assembly),
}

/// An answer that is a list and not at its end.
pub(super) struct Assembly {
    response: Message,
    items: Vec<Message>,
    /// How long these are together.
    bytes: usize,
    /// Whether the list was announced in words only.
    in_words: bool,
}

impl Assembly {
    /// Begins the answer with its response.
    pub(super) fn start(response: Message) -> Started {
        let announced = response.get("EventList").is_some_and(|list| list.eq_ignore_ascii_case(b"start"));
        let in_words = !announced && announces_in_words(&response);
        if response.response().is_some() && (announced || in_words) {
            return Started::List(Assembly { response, items: Vec::new(), bytes: 0, in_words });
        }
        Started::Whole(Answer { message: response, items: Arc::default(), complete: None })
    }

    /// Adds an event that belongs to the list; the answer, if that completes it. Without `keep` the
    /// items are dropped, for an answer that nobody waits for any more.
    pub(super) fn add(&mut self, event: Message, keep: bool) -> Option<Answer> {
        let ends = match event.get("EventList") {
            Some(list) => !list.eq_ignore_ascii_case(b"start"),
            None => self.in_words && event.event().is_some_and(|name| name.ends_with(b"Complete")),
        };
        if ends {
            return Some(self.take(Some(event)));
        }
        if keep {
            self.bytes += event.as_bytes().len();
            self.items.push(event);
        } else {
            (self.items, self.bytes) = (Vec::new(), 0);
        }
        None
    }

    /// How long the items are together that are kept so far, in bytes.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// The answer of a list whose end was not announced either, once the server has gone on.
    pub(super) fn end_by_order(mut self) -> Option<Answer> {
        self.in_words.then(|| self.take(None))
    }

    fn take(&mut self, complete: Option<Message>) -> Answer {
        let items = std::mem::take(&mut self.items).into();
        Answer { message: self.response.clone(), items, complete }
    }
}

/// Whether an event that comes while the list of the question `id` is under way is part of it.
pub(super) fn belongs(event: &Message, id: &[u8]) -> bool {
    match event.action_id() {
        Some(other) => other == id,
        None => event.event().is_some() && event.get("Privilege").is_none(),
    }
}

/// Whether an event with a question's ActionID, in place of a response, is the whole answer. An event
/// that an action caused for everybody to hear (`UserEvent` repeats the ActionID) has a `Privilege`.
pub(super) fn is_whole_answer(event: &Message) -> bool {
    event.event().is_some() && event.action_id().is_some() && event.get("Privilege").is_none()
}

fn announces_in_words(response: &Message) -> bool {
    let success = response.response().is_some_and(|response| response.eq_ignore_ascii_case(b"Success"));
    let words: &[u8] = b"will follow";
    let text = response.get("Message").unwrap_or_default().trim_ascii();
    let text = text.strip_suffix(b".").unwrap_or(text);
    let end = &text[text.len().saturating_sub(words.len())..];
    success && end.eq_ignore_ascii_case(words)
}

#[cfg(test)]
#[path = "answer_tests.rs"]
mod tests;
