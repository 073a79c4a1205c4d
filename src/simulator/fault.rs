//! What can be made to go wrong on purpose: each fault spoils the answers of the requests it meets.

use std::time::Duration;

use super::Version;
use super::framing::{Answer, Output};
use super::request::Request;

/// The size in bytes of the pieces in which [`Fault::HugeAnswer`] is made.
const HUGE_PIECE: usize = 64 * 1024;

/// A way in which a server can fail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// Every login is refused as if the secret were wrong, and the connection closed.
    RefuseLogin,
    /// The request is taken and never answered.
    Silent,
    /// The first half of the answer's bytes is sent, then the connection is closed.
    HangUpMidAnswer,
    /// These bytes are sent in place of the answer.
    Garbage(Vec<u8>),
    /// A well-formed answer whose text is at least that many bytes long.
    HugeAnswer(usize),
    /// The answer, and with it all that follow on its connection, comes that much later.
    DelayAnswer(Duration),
    /// Each byte of the answer is sent by itself.
    ByteByByte,
    /// These bytes, one or many whole event messages, come between the request and its answer.
    EventBeforeAnswer(Vec<u8>),
    /// The answer bears an ActionID that nobody sent.
    WrongActionId,
    /// The end of the answer is missing (a list's `…Complete` event, a command's end marker or empty
    /// line), and the connection stays open.
    NeverCompleteList,
    /// `Response: Error` with this text as its `Message`.
    ErrorAnswer(String),
}

/// A fault with the requests that it meets.
#[derive(Debug, Clone)]
pub(super) struct Injected {
    pub(super) fault: Fault,
    /// Only requests whose action or command contains this text, whatever its case.
    pub(super) only: Option<String>,
    /// Only the next request that it meets.
    pub(super) once: bool,
}

impl Injected {
    /// Whether this fault meets that request.
    pub(super) fn meets(&self, request: &Request) -> bool {
        if self.fault == Fault::RefuseLogin && !request.is("Login") {
            return false;
        }
        self.only.as_deref().is_none_or(|text| {
            let text = text.to_lowercase();
            request.action().to_lowercase().contains(&text)
                || request.command().to_lowercase().contains(&text)
        })
    }
}

/// An answer together with the manner in which it is sent.
pub(super) struct Delivery {
    /// The wait before the first byte.
    pub(super) delay: Duration,
    /// Whether each byte goes out by itself.
    pub(super) byte_by_byte: bool,
    pub(super) answer: Answer,
}

impl Delivery {
    /// An answer sent as a sound server does.
    pub(super) fn sound(answer: Answer) -> Self {
        Self { delay: Duration::ZERO, byte_by_byte: false, answer }
    }
}

/// Spoils the answer that `answer_to` gives to the request.
pub(super) fn spoil(
    fault: &Fault,
    version: Version,
    request: &Request,
    answer_to: impl FnOnce(&Request) -> Answer,
) -> Delivery {
    let answer = match fault {
        Fault::RefuseLogin => Answer::error(request.action_id(), "Authentication failed").then_close(),
        Fault::Silent => Answer::pieces(std::iter::empty()),
        Fault::Garbage(bytes) => Answer::whole(bytes.clone()),
        Fault::HugeAnswer(size) => huge(*size).framed(version, request.action_id()),
        Fault::ErrorAnswer(text) => Answer::error(request.action_id(), text),
        Fault::WrongActionId => answer_to(&request.with_action_id(b"nobody-sent-this")),
        Fault::HangUpMidAnswer => {
            let mut bytes = answer_to(request).into_bytes();
            bytes.truncate(bytes.len() / 2);
            Answer::whole(bytes).then_close()
        }
        Fault::NeverCompleteList => {
            let mut bytes = answer_to(request).into_bytes();
            bytes.truncate(start_of_end(&bytes));
            Answer::whole(bytes)
        }
        Fault::EventBeforeAnswer(events) => {
            let answer = answer_to(request);
            Answer { pieces: Box::new(std::iter::once(events.clone()).chain(answer.pieces)), ..answer }
        }
        Fault::DelayAnswer(_) | Fault::ByteByByte => answer_to(request),
    };
    let delay = if let Fault::DelayAnswer(delay) = fault { *delay } else { Duration::ZERO };
    Delivery { delay, byte_by_byte: *fault == Fault::ByteByByte, answer }
}

fn huge(size: usize) -> Output {
    const LINE: &[u8] = b"All work and no play makes a long line of text, and a long answer of such lines.\n";
    let piece = LINE.repeat(HUGE_PIECE / LINE.len());
    let count = size.div_ceil(piece.len());
    Output::pieces(std::iter::repeat_n(piece, count))
}

/// Where that part of an answer starts without which it is not complete.
fn start_of_end(answer: &[u8]) -> usize {
    let find_last = |text: &[u8]| answer.windows(text.len()).rposition(|window| window == text);
    if let Some(marker) = find_last(b"--END COMMAND--\r\n") {
        return marker;
    }
    if find_last(b"\r\nEventList: Complete\r\n").is_some() {
        return find_last(b"\r\n\r\nEvent: ").map_or(0, |end_of_item| end_of_item + 4);
    }
    answer.len().saturating_sub(2)
}
