//! A request that is safe to send: nothing in it can end a line, inject a header, or be cut.
//!
//! Asterisk 13 to 22 (`main/manager.c`, `get_input` and `do_message`) read requests line by line: LF
//! alone ends a line too, NUL truncates, a line of more than 1,024 bytes with its line end is refused
//! without ActionID, and at most 128 headers are kept.

use std::fmt;

use super::message::{speaks_of_secret, split_header};

/// The longest line that a server accepts, its CRLF included, in bytes. Asterisk 16 takes exactly so
/// many and not one more; beyond, it may even read the rest of the line as the next request.
pub const LINE_LIMIT: usize = 1024;

/// The most headers in an action, `Action` included; one of the server's 128 is the ActionID's.
pub const HEADER_LIMIT: usize = 127;

/// A request: the action's name and headers in order. The ActionID is the connection's business.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Action {
    /// As they are sent, a CRLF after each: one piece, since there are tens of thousands.
    lines: Box<[u8]>,
}

/// Why something is not an action that can be sent. Values are not repeated: they may be secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ActionError {
    /// A line end or NUL would change the meaning of the request.
    #[error("header {header:?} of an action holds CR, LF or NUL; remove it")]
    ControlByte {
        /// The header's name.
        header: String,
    },
    /// The header's name is empty, holds a colon, or has blanks around it.
    #[error("{header:?} cannot be the name of a header; use a name without colon and outer blanks")]
    Name {
        /// The name.
        header: String,
    },
    /// The action has no name.
    #[error("an action needs a name, such as Ping")]
    Unnamed,
    /// The connection sets this header itself.
    #[error("header {header:?} of an action is set by the connection; leave it out")]
    Reserved {
        /// The header's name.
        header: String,
    },
    /// The line would be refused by the server.
    #[error("header {header:?} of an action makes a line of {length} bytes; {LINE_LIMIT} are allowed")]
    LineTooLong {
        /// The header's name.
        header: String,
        /// The length of the line with its CRLF.
        length: usize,
    },
    /// The server would drop the rest.
    #[error("an action has more than {HEADER_LIMIT} headers; the server would drop the rest")]
    TooManyHeaders,
}

impl Action {
    /// An action without headers, such as `Ping`.
    ///
    /// # Errors
    /// [`ActionError`] if the name cannot be sent.
    pub fn new(name: impl AsRef<[u8]>) -> Result<Action, ActionError> {
        let name = name.as_ref();
        if name.trim_ascii().is_empty() {
            return Err(ActionError::Unnamed);
        }
        check(b"Action", name)?;
        Ok(Action { lines: line(b"Action", name).concat().into() })
    }

    /// The action with one more header; of equal ones the server takes the first.
    ///
    /// # Errors
    /// [`ActionError`] if the header cannot be sent or is the connection's to set.
    pub fn with(self, header: impl AsRef<[u8]>, value: impl AsRef<[u8]>) -> Result<Action, ActionError> {
        let header = header.as_ref();
        if header.eq_ignore_ascii_case(b"Action") || header.eq_ignore_ascii_case(b"ActionID") {
            return Err(ActionError::Reserved { header: shown(header) });
        }
        let value = value.as_ref();
        check(header, value)?;
        if self.headers().count() == HEADER_LIMIT {
            return Err(ActionError::TooManyHeaders);
        }
        Ok(Action { lines: [&*self.lines, &line(header, value).concat()].concat().into() })
    }

    /// The action `Command` with a CLI command.
    ///
    /// # Errors
    /// [`ActionError`] if the command cannot be sent.
    pub fn command(command: impl AsRef<[u8]>) -> Result<Action, ActionError> {
        Action::new("Command")?.with("Command", command)
    }

    /// The action's name.
    pub fn name(&self) -> &[u8] {
        self.headers().next().map_or(b"", |(_, name)| name)
    }

    /// The value of the first header of that name, whatever its case; `Action` is not among them.
    pub fn get(&self, header: &str) -> Option<&[u8]> {
        let mut own = self.headers().skip(1);
        own.find(|(name, _)| name.eq_ignore_ascii_case(header.as_bytes())).map(|(_, value)| value)
    }

    /// All headers in order, `Action` first.
    pub fn headers(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.lines.split(|&byte| byte == b'\n').filter(|line| !line.is_empty()).map(|line| {
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            split_header(line)
        })
    }

    /// The whole action as text, for messages to people: its name, and what it asks for.
    pub fn question(&self) -> String {
        let mut text = self.label();
        for (name, value) in self.headers().skip(1) {
            if !self.hides(name, value) && !name.eq_ignore_ascii_case(b"Command") {
                text.push_str(&format!(" {}={:?}", shown(name), shown(value)));
            }
        }
        text
    }

    /// Its lines for people, name and value, in order; what may be a secret is stars.
    pub fn shown(&self) -> Vec<(String, String)> {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let mut lines = vec![("Action".to_owned(), text(self.name()))];
        lines.extend(self.headers().skip(1).map(|(name, value)| {
            (text(name), if self.hides(name, value) { "***".to_owned() } else { text(value) })
        }));
        lines
    }

    /// The action as text, for messages to people: its name, and of a `Command` the command.
    pub fn label(&self) -> String {
        match self.get("Command") {
            Some(command) if !self.hides(b"Command", command) => {
                format!("{} {:?}", shown(self.name()), shown(command))
            }
            _ => shown(self.name()),
        }
    }

    /// Appends the request's bytes. `id` must be short and free of line ends.
    pub(super) fn encode(&self, id: &[u8], out: &mut Vec<u8>) {
        out.extend_from_slice(&self.lines);
        for part in line(b"ActionID", id) {
            out.extend_from_slice(part);
        }
        out.extend_from_slice(b"\r\n");
    }

    /// Whether a value must not be shown.
    fn hides(&self, name: &[u8], value: &[u8]) -> bool {
        let login = self.name().eq_ignore_ascii_case(b"Login");
        speaks_of_secret(name) || speaks_of_secret(value) || login && name.eq_ignore_ascii_case(b"Key")
    }
}

impl fmt::Debug for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut map = f.debug_map();
        map.entry(&"Action", &String::from_utf8_lossy(self.name()));
        for (name, value) in self.headers().skip(1) {
            let value = if self.hides(name, value) { b"***" } else { value };
            map.entry(&String::from_utf8_lossy(name), &String::from_utf8_lossy(value));
        }
        map.finish()
    }
}

/// The parts of a header's line.
fn line<'a>(name: &'a [u8], value: &'a [u8]) -> [&'a [u8]; 4] {
    [name, b": ", value, b"\r\n"]
}

/// Whether a line of that name and value can be sent.
fn check(name: &[u8], value: &[u8]) -> Result<(), ActionError> {
    let header = || shown(name);
    if name.iter().chain(value).any(|byte| matches!(byte, b'\r' | b'\n' | 0)) {
        return Err(ActionError::ControlByte { header: header() });
    }
    if name.is_empty() || name.contains(&b':') || name.trim_ascii() != name {
        return Err(ActionError::Name { header: header() });
    }
    let length = name.len() + value.len() + b": \r\n".len();
    if length > LINE_LIMIT {
        return Err(ActionError::LineTooLong { header: header(), length });
    }
    Ok(())
}

/// Bytes as text for an error message, cut where they are long.
fn shown(bytes: &[u8]) -> String {
    String::from_utf8_lossy(&bytes[..bytes.len().min(64)]).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_its_headers_then_the_action_id_and_an_empty_line() {
        let action = Action::new("SIPshowpeer").unwrap().with("Peer", b"caf\xe9").unwrap();
        let mut bytes = Vec::new();
        action.encode(b"7-1", &mut bytes);
        assert_eq!(bytes, b"Action: SIPshowpeer\r\nPeer: caf\xe9\r\nActionID: 7-1\r\n\r\n");
        assert_eq!(action.label(), "SIPshowpeer");
        assert_eq!(Action::command("sip show peers").unwrap().label(), "Command \"sip show peers\"");
        assert_eq!((action.name(), action.get("peer")), (&b"SIPshowpeer"[..], Some(&b"caf\xe9"[..])));
    }

    #[test]
    fn nothing_can_be_injected() {
        for bad in ["a\r\nAction: Originate", "a\nb", "a\rb", "a\0b"] {
            assert!(matches!(Action::command(bad), Err(ActionError::ControlByte { .. })));
            assert!(matches!(Action::new(bad), Err(ActionError::ControlByte { .. })));
            let named = Action::new("X").unwrap().with(bad, "v");
            assert!(matches!(named, Err(ActionError::ControlByte { .. })));
        }
        for bad in ["", " x", "x ", "a:b"] {
            assert!(matches!(Action::new("X").unwrap().with(bad, ""), Err(ActionError::Name { .. })));
        }
        for bad in ["Action", "actionid"] {
            assert!(matches!(Action::new("X").unwrap().with(bad, "1"), Err(ActionError::Reserved { .. })));
        }
        assert_eq!(Action::new(" "), Err(ActionError::Unnamed));
    }

    #[test]
    fn what_the_server_would_refuse_or_drop_is_refused_before() {
        let longest = LINE_LIMIT - "Command: \r\n".len();
        assert!(Action::command("x".repeat(longest)).is_ok());
        let error = Action::command("x".repeat(longest + 1)).unwrap_err();
        assert_eq!(error, ActionError::LineTooLong { header: "Command".into(), length: LINE_LIMIT + 1 });

        let full = (1..HEADER_LIMIT).try_fold(Action::new("X").unwrap(), |action, _| action.with("a", "b"));
        assert_eq!(full.unwrap().with("a", "b"), Err(ActionError::TooManyHeaders));
    }

    #[test]
    fn debug_and_errors_hide_secrets() {
        let login =
            Action::new("Login").unwrap().with("Secret", "one1").unwrap().with("Key", "two2").unwrap();
        let shown = format!("{login:?}");
        assert!(!shown.contains("one1") && !shown.contains("two2") && shown.contains("Login"), "{shown}");
        let lines = login.shown();
        assert_eq!(lines[0], ("Action".into(), "Login".into()));
        assert_eq!(lines[1..], ["Secret", "Key"].map(|name| (name.into(), "***".into())));
        let error = Action::new("Login").unwrap().with("Secret", "three3\n").unwrap_err();
        assert!(!format!("{error} {error:?}").contains("three3"));
    }
}
