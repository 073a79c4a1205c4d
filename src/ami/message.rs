//! One message as a server sent it: bytes kept as they came, headers found when asked for.
//!
//! A message owns one allocation of its own exact size, so whoever keeps one message out of
//! thousands keeps nothing else alive, and a list of 850,000 headers costs no allocation per header.

use std::fmt;

use bytes::Bytes;

use super::codec::Decoder;
use super::error::CodecError;

/// How many headers the Debug form shows before it only counts.
const DEBUG_HEADERS: usize = 40;

/// One AMI message: a response, an event, or stray text. Cloning shares the bytes.
///
/// Headers are `Name: value` lines that end in CRLF. Of the value exactly one blank after the colon
/// is taken off, everything else stays, a bare LF (Asterisk 22 sends some) or trailing blanks
/// included. A line without a colon is a header with an empty name and the line as its value.
///
/// The text of a `Response: Follows` (a `Command`'s answer before Asterisk 14) appears among the
/// headers as one `Output` per line, as Asterisk 14 and later send it.
///
/// The Debug form hides the value of each header whose name or value speaks of a secret or password.
#[derive(Clone, PartialEq, Eq)]
pub struct Message {
    bytes: Bytes,
    /// Where the text of a `Response: Follows` begins and ends.
    body: Option<(usize, usize)>,
}

impl Message {
    /// `body`, if any, must lie within `bytes`.
    pub(super) fn new(bytes: Bytes, body: Option<(usize, usize)>) -> Message {
        debug_assert!(body.is_none_or(|(start, end)| start <= end && end <= bytes.len()));
        Message { bytes, body }
    }

    /// The first message in a recording.
    ///
    /// # Errors
    /// [`CodecError::Truncated`] if there is no whole one.
    pub fn read(recording: &[u8]) -> Result<Message, CodecError> {
        let mut decoder = Decoder::default();
        decoder.feed(recording);
        decoder.next_message()?.ok_or(CodecError::Truncated { bytes: recording.len() })
    }

    /// The value of the first header of that name, whatever its case.
    pub fn get(&self, name: &str) -> Option<&[u8]> {
        let wanted = |(found, _): &(&[u8], &[u8])| found.eq_ignore_ascii_case(name.as_bytes());
        self.headers().find(wanted).map(|(_, value)| value)
    }

    /// All headers in the order they came, equal names included, as (name, value).
    pub fn headers(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        let (head, body) = match self.body {
            Some((start, end)) => (&self.bytes[..start], &self.bytes[start..end]),
            None => (&self.bytes[..], &[][..]),
        };
        Headers { head, body }
    }

    /// The event's name, if this is an event: if its first header is `Event`.
    pub fn event(&self) -> Option<&[u8]> {
        self.opening(b"Event")
    }

    /// `Success`, `Error`, `Follows` or what else the response says, if this is one: if its first
    /// header is `Response` (the event `OriginateResponse` has such a header too, further down).
    pub fn response(&self) -> Option<&[u8]> {
        self.opening(b"Response")
    }

    /// The ActionID, wherever in the message it stands.
    pub fn action_id(&self) -> Option<&[u8]> {
        self.get("ActionID")
    }

    /// The bytes as they came, up to and including the empty line or the end marker.
    pub fn as_bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// The text of a `Response: Follows`, without the end marker.
    pub(super) fn body(&self) -> Option<Bytes> {
        self.body.map(|(start, end)| self.bytes.slice(start..end))
    }

    fn opening(&self, wanted: &[u8]) -> Option<&[u8]> {
        let (name, value) = self.headers().next()?;
        name.eq_ignore_ascii_case(wanted).then_some(value)
    }
}

impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut map = f.debug_map();
        for (name, value) in self.headers().take(DEBUG_HEADERS) {
            let value = if speaks_of_secret(name) || speaks_of_secret(value) { b"***" } else { value };
            map.entry(&String::from_utf8_lossy(name), &String::from_utf8_lossy(value));
        }
        let more = self.headers().skip(DEBUG_HEADERS).count();
        if more > 0 {
            map.entry(&"…", &format_args!("{more} more"));
        }
        map.finish()
    }
}

/// Whether a text may name, or stand beside, something that must not be shown.
pub(super) fn speaks_of_secret(text: &[u8]) -> bool {
    let words: [&[u8]; 3] = [b"secret", b"password", b"md5cred"];
    words.iter().any(|word| text.windows(word.len()).any(|part| part.eq_ignore_ascii_case(word)))
}

struct Headers<'a> {
    head: &'a [u8],
    body: &'a [u8],
}

impl<'a> Iterator for Headers<'a> {
    type Item = (&'a [u8], &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        while !self.head.is_empty() {
            let (line, rest) = split_crlf(self.head);
            self.head = rest;
            if !line.is_empty() {
                return Some(split_header(line));
            }
        }
        if self.body.is_empty() {
            return None;
        }
        let end = self.body.iter().position(|&byte| byte == b'\n');
        let line = &self.body[..end.unwrap_or(self.body.len())];
        self.body = end.map_or(&[], |end| &self.body[end + 1..]);
        Some((b"Output", line))
    }
}

/// The first line and what follows it; only CRLF ends a line.
fn split_crlf(text: &[u8]) -> (&[u8], &[u8]) {
    let mut from = 0;
    while let Some(found) = text[from..].iter().position(|&byte| byte == b'\n') {
        let at = from + found;
        if at > 0 && text[at - 1] == b'\r' {
            return (&text[..at - 1], &text[at + 1..]);
        }
        from = at + 1;
    }
    (text, &[])
}

/// Name and value of a line.
pub(super) fn split_header(line: &[u8]) -> (&[u8], &[u8]) {
    match line.iter().position(|&byte| byte == b':') {
        Some(colon) => {
            let value = &line[colon + 1..];
            (&line[..colon], value.strip_prefix(b" ").unwrap_or(value))
        }
        None => (&[], line),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(text: &str) -> Message {
        Message::read(text.as_bytes()).unwrap()
    }

    #[test]
    fn names_match_in_any_case_and_the_first_of_equal_ones_wins() {
        let message =
            message("Response: Success\r\nChanVariable: a\r\nchanvariable: b\r\nActionid: 7\r\n\r\n");
        assert_eq!(message.get("CHANVARIABLE"), Some(&b"a"[..]));
        assert_eq!(message.action_id(), Some(&b"7"[..]));
        assert_eq!(message.headers().count(), 4);
        assert_eq!(message.get("Nosuch"), None);
    }

    #[test]
    fn values_keep_their_blanks_and_bare_line_feeds() {
        let message =
            message("Response: Error\r\nMessage: gone\n\r\nOutput:   x \r\nTight:v\r\nEmpty: \r\n\r\n");
        let values: Vec<&[u8]> = message.headers().map(|(_, value)| value).collect();
        assert_eq!(values, [&b"Error"[..], b"gone\n", b"  x ", b"v", b""]);
    }

    #[test]
    fn an_event_with_a_response_header_is_not_a_response() {
        let message = message("Event: OriginateResponse\r\nResponse: Failure\r\n\r\n");
        assert_eq!(message.event(), Some(&b"OriginateResponse"[..]));
        assert_eq!(message.response(), None);
        assert_eq!(message.get("Response"), Some(&b"Failure"[..]));
    }

    #[test]
    fn the_text_of_follows_reads_as_output_headers() {
        let message = message(
            "Response: Follows\r\nPrivilege: Command\r\nActionID: 1\r\n\n  Name: x\n--END COMMAND--\r\n\r\n",
        );
        let output: Vec<&[u8]> =
            message.headers().filter(|(name, _)| *name == b"Output").map(|(_, value)| value).collect();
        assert_eq!(output, [&b""[..], b"  Name: x"]);
        assert_eq!(message.action_id(), Some(&b"1"[..]));
    }

    #[test]
    fn debug_hides_secrets_and_stays_short() {
        let mut text = String::from(
            "Event: X\r\nSecret: one1\r\nremoteSECRETuser: two2\r\nPassword: three3\r\nLine-1: secret=four4\r\nUser: me\r\n",
        );
        text.push_str(&"Filler: x\r\n".repeat(10_000));
        text.push_str("\r\n");
        let shown = format!("{:?}", message(&text));
        for secret in ["one1", "two2", "three3", "four4"] {
            assert!(!shown.contains(secret), "{shown}");
        }
        assert!(shown.contains("me") && shown.contains("9966 more"), "{shown}");
        assert!(shown.len() < 2000);
    }
}
