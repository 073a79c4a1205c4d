//! Reading requests as Asterisk reads them (`main/manager.c`, the same from 13 to 22).
//!
//! A line ends with LF, with or without CR before it; an empty line ends the request. A NUL ends the
//! text of its line early. Of two equal headers the first one counts. Bytes may arrive in any portions.

use std::borrow::Cow;
use std::fmt;

/// The longest line in bytes that is read; a request with a longer one is refused.
const LONGEST_LINE: usize = 1023;
/// The most headers that a request may have.
const MOST_HEADERS: usize = 128;

/// A request as a client sent it. Its `Debug` output leaves out the values of secrets.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Request {
    headers: Vec<(Vec<u8>, Vec<u8>)>,
}

impl Request {
    /// A request with these headers, `Action` among them.
    pub(super) fn new<'h>(headers: impl IntoIterator<Item = (&'h str, &'h str)>) -> Self {
        let headers = headers.into_iter().map(|(name, value)| (name.into(), value.into())).collect();
        Self { headers }
    }

    /// All headers as (name, value), in the order in which they came.
    pub fn headers(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.headers.iter().map(|(name, value)| (name.as_slice(), value.as_slice()))
    }

    /// The value of the first header of that name, whatever its case.
    pub fn get(&self, name: &str) -> Option<&[u8]> {
        self.headers().find(|(known, _)| known.eq_ignore_ascii_case(name.as_bytes())).map(|(_, value)| value)
    }

    /// The action's name as it was sent; empty where the request has none.
    pub fn action(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(self.get("Action").unwrap_or_default())
    }

    /// The CLI command of an action `Command`; empty for the other actions.
    pub fn command(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(self.get("Command").unwrap_or_default())
    }

    /// The ActionID, where the request has one that is not empty.
    pub fn action_id(&self) -> Option<&[u8]> {
        self.get("ActionID").filter(|id| !id.is_empty())
    }

    /// Whether the action has this name, whatever its case.
    pub(super) fn is(&self, action: &str) -> bool {
        self.get("Action").is_some_and(|value| value.eq_ignore_ascii_case(action.as_bytes()))
    }

    /// The same request with another ActionID.
    pub(super) fn with_action_id(&self, id: &[u8]) -> Self {
        let mut headers = vec![(b"ActionID".to_vec(), id.to_vec())];
        headers
            .extend(self.headers.iter().filter(|(name, _)| !name.eq_ignore_ascii_case(b"ActionID")).cloned());
        Self { headers }
    }

    /// Reads a line `Name: value` into the request. A line without a colon is a name without value.
    fn add_line(&mut self, line: &[u8]) {
        let (name, value) = match line.iter().position(|&byte| byte == b':') {
            Some(colon) => (&line[..colon], &line[colon + 1..]),
            None => (line, &b""[..]),
        };
        self.headers.push((name.trim_ascii().to_vec(), value.trim_ascii_start().to_vec()));
    }
}

impl fmt::Debug for Request {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = self.headers.iter().map(|(name, value)| {
            let secret = name.eq_ignore_ascii_case(b"Secret") || name.eq_ignore_ascii_case(b"Key");
            let value = if secret { Cow::Borrowed("(hidden)") } else { String::from_utf8_lossy(value) };
            (String::from_utf8_lossy(name), value)
        });
        out.debug_map().entries(shown).finish()
    }
}

/// What the reader found up to an empty line.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Received {
    /// A request; it may lack an action.
    Request(Request),
    /// A request with a line of more than 1,023 bytes.
    LineTooLong,
    /// A request with more than 128 headers.
    TooManyHeaders,
}

/// Cuts what arrives into requests.
#[derive(Default)]
pub(super) struct RequestReader {
    unread: Vec<u8>,
    current: Request,
    line_too_long: bool,
}

impl RequestReader {
    /// Takes in what a read gave.
    pub(super) fn feed(&mut self, bytes: &[u8]) {
        self.unread.extend_from_slice(bytes);
    }

    /// The next whole request, or `None` until more bytes have arrived.
    pub(super) fn next(&mut self) -> Option<Received> {
        let mut taken = 0;
        let mut found = None;
        while let Some(length) = self.unread[taken..].iter().position(|&byte| byte == b'\n') {
            let line = &self.unread[taken..taken + length];
            taken += length + 1;
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            if line.len() > LONGEST_LINE {
                self.line_too_long = true;
                continue;
            }
            let line = line.split(|&byte| byte == 0).next().unwrap_or_default();
            if line.is_empty() {
                found = Some(self.finish());
                break;
            }
            if self.current.headers.len() <= MOST_HEADERS {
                self.current.add_line(line);
            }
        }
        self.unread.drain(..taken);
        if found.is_none() && self.unread.len() > LONGEST_LINE + 1 {
            self.line_too_long = true;
            // One byte stays, so that what follows is not taken for an empty line.
            self.unread.truncate(1);
        }
        found
    }

    fn finish(&mut self) -> Received {
        let request = std::mem::take(&mut self.current);
        if std::mem::take(&mut self.line_too_long) {
            Received::LineTooLong
        } else if request.headers.len() > MOST_HEADERS {
            Received::TooManyHeaders
        } else {
            Received::Request(request)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(portions: &[&[u8]]) -> Vec<Received> {
        let mut reader = RequestReader::default();
        let mut received = Vec::new();
        for portion in portions {
            reader.feed(portion);
            received.extend(std::iter::from_fn(|| reader.next()));
        }
        received
    }

    #[test]
    fn crlf_and_lf_lines_give_the_same_request() {
        let expected = vec![Received::Request(Request::new([("Action", "Ping"), ("ActionID", "1")]))];
        assert_eq!(all(&[b"Action: Ping\r\nActionID: 1\r\n\r\n"]), expected);
        assert_eq!(all(&[b"Action:Ping\nActionID: 1\n\n"]), expected);
    }

    #[test]
    fn portions_of_any_size_give_the_same_requests() {
        let bytes = b"Action: Ping\r\n\r\nAction: Command\r\nCommand: core show version\r\n\r\n";
        let whole = all(&[bytes]);
        assert_eq!(whole.len(), 2);
        for size in 1..bytes.len() {
            assert_eq!(all(&bytes.chunks(size).collect::<Vec<_>>()), whole, "portions of {size} bytes");
        }
    }

    #[test]
    fn the_first_of_two_equal_headers_counts() {
        let received = all(&[b"Action: Ping\r\naction: Logoff\r\n\r\n"]);
        let [Received::Request(request)] = &received[..] else { panic!("{received:?}") };
        assert_eq!(request.action(), "Ping");
    }

    #[test]
    fn a_nul_ends_the_text_of_its_line() {
        assert_eq!(
            all(&[b"Action: Ping\0Logoff\r\n\r\n"]),
            [Received::Request(Request::new([("Action", "Ping")]))]
        );
    }

    #[test]
    fn a_line_of_1024_bytes_is_refused_and_the_next_request_is_read() {
        let long = |length: usize| [b"X: ".to_vec(), vec![b'y'; length - 3], b"\r\n\r\n".to_vec()].concat();
        assert!(matches!(all(&[&long(1023)])[..], [Received::Request(_)]));
        assert_eq!(all(&[&long(1024)]), [Received::LineTooLong]);
        let huge = [long(100_000), b"Action: Ping\n\n".to_vec()].concat();
        for size in [700, 1500, 200_000] {
            let received = all(&huge.chunks(size).collect::<Vec<_>>());
            assert_eq!(received.len(), 2, "portions of {size} bytes: {received:?}");
            assert_eq!(received[0], Received::LineTooLong);
        }
    }

    #[test]
    fn a_request_of_129_headers_is_refused() {
        let headers = |count: usize| ["A: b\n".repeat(count), "\n".into()].concat().into_bytes();
        assert!(matches!(all(&[&headers(128)])[..], [Received::Request(_)]));
        assert_eq!(all(&[&headers(129)]), [Received::TooManyHeaders]);
    }

    #[test]
    fn debug_output_hides_secrets() {
        let shown =
            format!("{:?}", Request::new([("Username", "astfs"), ("Secret", "s3cret"), ("Key", "ab12")]));
        assert!(shown.contains("astfs") && !shown.contains("s3cret") && !shown.contains("ab12"), "{shown}");
    }
}
