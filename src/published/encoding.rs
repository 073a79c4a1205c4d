//! An answer as it lies in a bucket: a head that can be read, the bytes as they came, and of a long one its rows.

use std::sync::Arc;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::ami::{Action, Answer, AskError, Message};
use crate::recording::{with_action_id, without_secrets};

/// What is longer in all has its rows in keys of their own, in bytes.
const LONG: usize = 8 << 10;

/// A row of a long text ends after so many bytes at the latest.
const ROW: usize = 4 << 10;

/// What is said of a question, on the first line of its head.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// The action's headers; what may be a secret is stars.
    pub question: Vec<(String, String)>,
    /// When it was asked: in microseconds since 1970, by the publisher's clock.
    pub asked: u64,
    /// The publisher, and the how manieth time that it led.
    pub session: String,
    /// Why there is no answer, if it was asked in vain; what it told before stays behind it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// How long the messages are that follow, in bytes.
    pub sizes: Vec<usize>,
    /// Whether the last of them completes a list.
    pub complete: bool,
    /// Where the rest is.
    #[serde(default, skip_serializing_if = "Rows::are_none")]
    pub rows: Rows,
}

/// What the rows of an answer are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Rows {
    /// There are none: all follows the head.
    #[default]
    None,
    /// The items of a list.
    Items,
    /// Parts of the only message.
    Parts,
}

impl Rows {
    fn are_none(&self) -> bool {
        *self == Rows::None
    }
}

/// Why something in a bucket is no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EncodingError {
    /// The head's first line is not one.
    #[error("the head of an answer cannot be read: {0}")]
    Head(String),
    /// Bytes are missing.
    #[error("an answer is not all there")]
    Torn,
    /// The bytes are no message.
    #[error("an answer holds what is no message")]
    Message,
}

/// An answer as it lies in a bucket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Encoded {
    /// What is said of it.
    pub head: Head,
    /// The messages that follow the head.
    pub body: Vec<u8>,
    /// Its rows.
    pub rows: Vec<Bytes>,
}

impl Encoded {
    /// What came of asking, without secrets unless they are to be published.
    pub fn of(
        action: &Action,
        outcome: &Result<Answer, AskError>,
        (asked, session): (u64, &str),
        secrets: bool,
    ) -> Encoded {
        let mut head = Head {
            question: action.shown(),
            asked,
            session: session.to_owned(),
            error: None,
            sizes: Vec::new(),
            complete: false,
            rows: Rows::None,
        };
        let (mut body, mut rows) = (Vec::new(), Vec::new());
        let answer = match outcome {
            Ok(answer) => answer,
            Err(error) => {
                head.error = Some(error.to_string());
                return Encoded { head, body, rows };
            }
        };
        let bytes = |message: &Message| bytes_of(message, secrets);
        head.complete = answer.complete().is_some();
        let is_long = answer.size() > LONG;
        if is_long && answer.items().is_empty() && !head.complete {
            head.rows = Rows::Parts;
            rows = parts(&bytes(answer.message()));
            return Encoded { head, body, rows };
        }
        let mut add = |message: &Message| {
            let bytes = bytes(message);
            head.sizes.push(bytes.len());
            body.extend(bytes);
        };
        add(answer.message());
        if is_long {
            rows = answer.items().iter().map(|item| bytes(item).into()).collect();
        } else {
            answer.items().iter().for_each(&mut add);
        }
        answer.complete().into_iter().for_each(&mut add);
        if is_long {
            head.rows = Rows::Items;
        }
        Encoded { head, body, rows }
    }

    /// When it was asked, in microseconds since 1970.
    pub fn asked(&self) -> u64 {
        self.head.asked
    }

    /// The value of the head's key.
    pub fn to_value(&self) -> Bytes {
        // of texts and numbers alone
        let mut value = serde_json::to_vec(&self.head).unwrap_or_default();
        value.push(b'\n');
        value.extend_from_slice(&self.body);
        value.into()
    }

    /// Reads the value of a head's key.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn read_value(value: &Bytes) -> Result<(Head, Bytes), EncodingError> {
        let end = value.iter().position(|&byte| byte == b'\n').ok_or(EncodingError::Torn)?;
        let head = serde_json::from_slice(&value[..end]);
        Ok((head.map_err(|error| EncodingError::Head(error.to_string()))?, value.slice(end + 1..)))
    }
}

/// An answer made of what lies in a bucket: the head, what follows it, and the rows in their order.
///
/// # Errors
/// What is wrong with it.
pub fn answer(
    head: &Head,
    body: &Bytes,
    rows: impl Iterator<Item = Option<Bytes>>,
) -> Result<Answer, EncodingError> {
    let rows = rows.collect::<Option<Vec<Bytes>>>().ok_or(EncodingError::Torn)?;
    if head.rows == Rows::Parts {
        return Ok(Answer::of(message(&rows.concat())?, Arc::default(), None));
    }
    let mut messages = Vec::with_capacity(head.sizes.len());
    let mut rest = &body[..];
    for &size in &head.sizes {
        let (own, behind) = rest.split_at_checked(size).ok_or(EncodingError::Torn)?;
        messages.push(message(own)?);
        rest = behind;
    }
    let complete = if head.complete { messages.pop() } else { None };
    if messages.is_empty() {
        return Err(EncodingError::Torn);
    }
    let first = messages.remove(0);
    for row in &rows {
        messages.push(message(row)?);
    }
    Ok(Answer::of(first, messages.into(), complete))
}

fn message(bytes: &[u8]) -> Result<Message, EncodingError> {
    Message::read(bytes).map_err(|_| EncodingError::Message)
}

/// A message as it is published: without the ActionID, which is the conversation's, and without secrets.
pub fn bytes_of(message: &Message, secrets: bool) -> Vec<u8> {
    let bytes = match message.action_id() {
        Some(id) => with_action_id(message.as_bytes(), Some(id), None),
        None => message.as_bytes().to_vec(),
    };
    if secrets { bytes } else { without_secrets(&bytes) }
}

/// A text in parts that end where its lines say so, not their number: a line more or less changes one part.
fn parts(text: &[u8]) -> Vec<Bytes> {
    let mut parts = Vec::new();
    let mut begin = 0;
    let mut end = 0;
    for line in text.split_inclusive(|&byte| byte == b'\n') {
        end += line.len();
        let sum: u32 = line.iter().map(|&byte| u32::from(byte)).sum();
        if sum.is_multiple_of(8) || end - begin >= ROW {
            parts.push(Bytes::copy_from_slice(&text[begin..end]));
            begin = end;
        }
    }
    if begin < end {
        parts.push(Bytes::copy_from_slice(&text[begin..end]));
    }
    // one line can be longer than what is sent at once
    parts.into_iter().flat_map(|part| pieces(&part)).collect()
}

fn pieces(part: &Bytes) -> Vec<Bytes> {
    const LONGEST: usize = 256 << 10;
    (0..part.len().div_ceil(LONGEST))
        .map(|index| part.slice(index * LONGEST..part.len().min((index + 1) * LONGEST)))
        .collect()
}

#[cfg(test)]
#[path = "encoding_tests.rs"]
mod tests;
