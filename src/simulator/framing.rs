//! How answers are laid out on the wire: messages of CRLF headers, lists of events, and the two
//! framings of a `Command`'s output.
//!
//! An [`Answer`] is made piece by piece while it is sent, so that a list of a hundred thousand peers
//! never stands whole in memory. Every piece ends where a line of its answer ends.

use super::Version;

/// The pieces of an answer, in the order in which they are sent.
pub(super) type Pieces = Box<dyn Iterator<Item = Vec<u8>> + Send>;

/// What the server sends for one request.
pub(super) struct Answer {
    pub(super) pieces: Pieces,
    /// Whether the server hangs up behind the last piece.
    pub(super) then_close: bool,
}

impl Answer {
    /// An answer that is there in one piece.
    pub(super) fn whole(bytes: Vec<u8>) -> Self {
        Self::pieces(std::iter::once(bytes))
    }

    /// An answer that is made while it is sent.
    pub(super) fn pieces(pieces: impl Iterator<Item = Vec<u8>> + Send + 'static) -> Self {
        Self { pieces: Box::new(pieces), then_close: false }
    }

    /// `Response: Error` with the reason in `Message`.
    pub(super) fn error(action_id: Option<&[u8]>, message: impl AsRef<[u8]>) -> Self {
        Message::response("Error", action_id).header("Message", message).answer()
    }

    /// The same answer, with the connection closed behind it.
    pub(super) fn then_close(mut self) -> Self {
        self.then_close = true;
        self
    }

    /// All pieces as one, for the faults that count or change bytes.
    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.pieces.flatten().collect()
    }
}

/// A message in the making: headers end CRLF, an empty line ends it.
pub(super) struct Message(Vec<u8>);

impl Message {
    /// Starts `Response: kind`; the ActionID follows where the request had one.
    pub(super) fn response(kind: &str, action_id: Option<&[u8]>) -> Self {
        Self(Vec::new()).header("Response", kind).action_id(action_id)
    }

    /// Starts `Event: name`.
    pub(super) fn event(name: &str) -> Self {
        Self(Vec::new()).header("Event", name)
    }

    /// Adds the request's ActionID, if it had one.
    pub(super) fn action_id(self, action_id: Option<&[u8]>) -> Self {
        match action_id {
            Some(id) => self.header("ActionID", id),
            None => self,
        }
    }

    /// Adds a header; the value's bytes are sent as they are.
    pub(super) fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.0.extend_from_slice(name.as_bytes());
        self.0.extend_from_slice(b": ");
        self.0.extend_from_slice(value.as_ref());
        self.0.extend_from_slice(b"\r\n");
        self
    }

    /// Adds a header whose value is a number.
    pub(super) fn number(self, name: &str, value: impl ToString) -> Self {
        self.header(name, value.to_string())
    }

    /// Ends the message and gives its bytes.
    pub(super) fn finish(mut self) -> Vec<u8> {
        self.0.extend_from_slice(b"\r\n");
        self.0
    }

    /// Ends the message as a whole answer.
    pub(super) fn answer(self) -> Answer {
        Answer::whole(self.finish())
    }
}

/// A list as actions answer it: `EventList: start`, then what `items` gives, then `complete` with the
/// number of items.
pub(super) fn list(
    action_id: Option<&[u8]>,
    message: &str,
    items: impl Iterator<Item = Vec<u8>> + Send + 'static,
    complete: &str,
    count: usize,
) -> Answer {
    let head = Message::response("Success", action_id)
        .header("EventList", "start")
        .header("Message", message)
        .finish();
    let tail = Message::event(complete)
        .action_id(action_id)
        .header("EventList", "Complete")
        .number("ListItems", count)
        .finish();
    Answer::pieces(std::iter::once(head).chain(items).chain(std::iter::once(tail)))
}

/// What a CLI command printed, with LF line ends, and whether it succeeded.
pub(super) struct Output {
    pub(super) succeeded: bool,
    pub(super) pieces: Pieces,
}

impl Output {
    /// A command's whole output, all of it successful.
    pub(super) fn text(text: impl Into<Vec<u8>>) -> Self {
        Self::pieces(std::iter::once(text.into()))
    }

    /// Output that is printed while it is sent; each piece ends at a line's end.
    pub(super) fn pieces(pieces: impl Iterator<Item = Vec<u8>> + Send + 'static) -> Self {
        Self { succeeded: true, pieces: Box::new(pieces) }
    }

    /// The output of a command that failed.
    pub(super) fn failure(text: impl Into<Vec<u8>>) -> Self {
        Self { succeeded: false, ..Self::text(text) }
    }

    /// Frames the output as `version` answers the action `Command`.
    ///
    /// Up to 13 the output follows raw behind three headers, without an empty line between, and
    /// `--END COMMAND--` ends it whether the command succeeded or not. Later versions send one
    /// `Output` header for each line, and tell failure by `Response: Error`.
    pub(super) fn framed(self, version: Version, action_id: Option<&[u8]>) -> Answer {
        if version == Version::Asterisk13 {
            let mut head = b"Response: Follows\r\nPrivilege: Command\r\n".to_vec();
            if let Some(id) = action_id {
                head.extend_from_slice(&[b"ActionID: ", id, b"\r\n"].concat());
            }
            let tail = b"--END COMMAND--\r\n\r\n".to_vec();
            return Answer::pieces(std::iter::once(head).chain(self.pieces).chain(std::iter::once(tail)));
        }
        let kind = if self.succeeded { "Success" } else { "Error" };
        let head = Message::response(kind, action_id).header("Message", "Command output follows").0;
        let lines = self.pieces.map(|piece| as_output_headers(&piece));
        Answer::pieces(std::iter::once(head).chain(lines).chain(std::iter::once(b"\r\n".to_vec())))
    }
}

fn as_output_headers(text: &[u8]) -> Vec<u8> {
    let mut headers = Vec::with_capacity(text.len() + text.len() / 4);
    for line in text.split_inclusive(|&byte| byte == b'\n') {
        headers.extend_from_slice(b"Output: ");
        headers.extend_from_slice(line.strip_suffix(b"\n").unwrap_or(line));
        headers.extend_from_slice(b"\r\n");
    }
    headers
}

/// Appends `value` padded with blanks to `width` bytes; a longer one is appended whole.
pub(super) fn pad(out: &mut Vec<u8>, value: &[u8], width: usize) {
    out.extend_from_slice(value);
    out.resize(out.len() + width.saturating_sub(value.len()), b' ');
}

/// Appends `value` in exactly `width` bytes: padded with blanks, or cut, if need be inside a character
/// of UTF-8, because the real server counts bytes.
pub(super) fn column(out: &mut Vec<u8>, value: &[u8], width: usize) {
    pad(out, &value[..value.len().min(width)], width);
}
