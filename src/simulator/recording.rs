//! Answers from recorded conversations: `NAME.req` holds one request, `NAME.txt` what a real server
//! answered, byte for byte.
//!
//! A recording answers every request with the same headers, in whatever order; the ActionID is left out
//! of the comparison and put into the answer where the server had it. `<<EOF>>` at an answer's end says
//! that the server hung up.

use std::collections::HashMap;
use std::io;
use std::path::Path;

use super::framing::Answer;
use super::request::{Received, Request, RequestReader};

/// The mark of a closed connection at the end of an answer.
const END_OF_FILE: &[u8] = b"<<EOF>>";
/// The actions that change the session and are therefore never answered from a recording.
const SESSION_ACTIONS: [&str; 4] = ["Login", "Challenge", "Logoff", "Events"];

/// The headers of a request in an order of their own, names and action in lower case, without ActionID.
type Key = Vec<(Vec<u8>, Vec<u8>)>;

#[derive(Clone)]
struct Recording {
    answer: Vec<u8>,
    /// The ActionID that stands in the answer.
    action_id: Option<Vec<u8>>,
}

/// Recorded answers by what was asked.
#[derive(Clone, Default)]
pub(super) struct Recordings(HashMap<Key, Recording>);

impl Recordings {
    /// Adds every pair `NAME.req` and `NAME.txt` of a folder. What is no pair, holds no request or more
    /// than one, or a request that changes the session, is left out.
    ///
    /// # Errors
    /// When the folder or one of the files cannot be read; the error names it.
    pub(super) fn add_folder(&mut self, folder: &Path) -> io::Result<()> {
        let named = |path: &Path, error: io::Error| {
            io::Error::new(error.kind(), format!("cannot read the recordings at {}: {error}", path.display()))
        };
        for entry in std::fs::read_dir(folder).map_err(|error| named(folder, error))? {
            let request = entry.map_err(|error| named(folder, error))?.path();
            let answer = request.with_extension("txt");
            if request.extension().is_some_and(|extension| extension == "req") && answer.exists() {
                let read = |path: &Path| std::fs::read(path).map_err(|error| named(path, error));
                self.add(&read(&request)?, &read(&answer)?);
            }
        }
        Ok(())
    }

    /// Adds the answer to a request, both as they went over the wire. Says whether it can be used: the
    /// bytes must hold exactly one request, and not one that changes the session.
    pub(super) fn add(&mut self, request: &[u8], answer: &[u8]) -> bool {
        let mut reader = RequestReader::default();
        reader.feed(request);
        let (Some(Received::Request(request)), None) = (reader.next(), reader.next()) else { return false };
        if request.action().is_empty() || SESSION_ACTIONS.iter().any(|action| request.is(action)) {
            return false;
        }
        self.bind(&request, answer);
        true
    }

    /// Binds an answer to a request. An ActionID in the request is the one that stands in the answer;
    /// without one, the answer gets the ActionID of whoever asks.
    pub(super) fn bind(&mut self, request: &Request, answer: &[u8]) {
        let recording =
            Recording { answer: answer.to_vec(), action_id: request.action_id().map(<[u8]>::to_vec) };
        self.0.insert(key(request), recording);
    }

    /// The recorded answer to that request, with its ActionID.
    pub(super) fn answer(&self, request: &Request) -> Option<Answer> {
        let recording = self.0.get(&key(request))?;
        let closed = recording.answer.strip_suffix(END_OF_FILE);
        let bytes = closed.unwrap_or(&recording.answer);
        let answer =
            Answer::whole(with_action_id(bytes, recording.action_id.as_deref(), request.action_id()));
        Some(if closed.is_some() { answer.then_close() } else { answer })
    }
}

fn key(request: &Request) -> Key {
    let mut key: Key = request
        .headers()
        .map(|(name, value)| {
            let name = name.to_ascii_lowercase();
            let value = if name == b"action" { value.to_ascii_lowercase() } else { value.to_vec() };
            (name, value)
        })
        .filter(|(name, _)| name != b"actionid")
        .collect();
    key.sort();
    key
}

/// Replaces the recorded ActionID by `wanted`, takes it out, or puts `wanted` in where none was recorded:
/// behind the first header of each message, and behind `Privilege` where a command's raw output follows,
/// which is never touched.
fn with_action_id(answer: &[u8], recorded: Option<&[u8]>, wanted: Option<&[u8]>) -> Vec<u8> {
    let wanted = wanted.map(|id| [b"ActionID: ", id, b"\r\n"].concat()).unwrap_or_default();
    let recorded = recorded.map(|id| [b"ActionID: ", id, b"\r\n"].concat());
    let follows = answer.starts_with(b"Response: Follows\r\n");
    let mut result = Vec::with_capacity(answer.len() + 64);
    let mut starts_message = true;
    for (number, line) in answer.split_inclusive(|&byte| byte == b'\n').enumerate() {
        let in_body = follows && number > 2;
        match &recorded {
            Some(recorded) if !in_body && line == recorded.as_slice() => result.extend_from_slice(&wanted),
            Some(_) => result.extend_from_slice(line),
            None => {
                result.extend_from_slice(line);
                let place = if follows { number == 1 } else { starts_message && is_first_header(line) };
                if place {
                    result.extend_from_slice(&wanted);
                }
            }
        }
        starts_message = line == b"\r\n";
    }
    result
}

fn is_first_header(line: &[u8]) -> bool {
    line.starts_with(b"Response: ") || line.starts_with(b"Event: ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(recordings: &Recordings, request: &[(&str, &str)]) -> Option<String> {
        let answer = recordings.answer(&Request::new(request.iter().copied()))?;
        Some(String::from_utf8(answer.into_bytes()).unwrap())
    }

    const REQUEST: &[u8] = b"Action: Command\r\nCommand: core show version\r\nActionID: cap-1\r\n\r\n";
    const ANSWER: &[u8] = b"Response: Follows\r\nPrivilege: Command\r\nActionID: cap-1\r\n\
        a line\nActionID: cap-1\r\n--END COMMAND--\r\n\r\n";

    #[test]
    fn the_action_id_of_the_request_replaces_the_recorded_one_outside_the_raw_output() {
        let mut recordings = Recordings::default();
        assert!(recordings.add(REQUEST, ANSWER));
        let request = [("actionid", "77"), ("COMMAND", "core show version"), ("action", "command")];
        assert_eq!(
            bytes(&recordings, &request).unwrap(),
            "Response: Follows\r\nPrivilege: Command\r\nActionID: 77\r\n\
             a line\nActionID: cap-1\r\n--END COMMAND--\r\n\r\n"
        );
        assert!(
            bytes(&recordings, &request[1..])
                .unwrap()
                .starts_with("Response: Follows\r\nPrivilege: Command\r\na line\n")
        );
    }

    #[test]
    fn an_action_id_is_put_in_where_none_was_recorded() {
        let mut recordings = Recordings::default();
        let list = Request::new([("Action", "SIPpeers")]);
        recordings.bind(&list, b"Response: Success\r\nX: y\r\n\r\nEvent: PeerEntry\r\nX: Event: y\r\n\r\n");
        let command = Request::new([("Action", "Command"), ("Command", "x")]);
        recordings
            .bind(&command, b"Response: Follows\r\nPrivilege: Command\r\nEvent: y\n--END COMMAND--\r\n\r\n");
        assert_eq!(
            bytes(&recordings, &[("Action", "SIPpeers"), ("ActionID", "5")]).unwrap(),
            "Response: Success\r\nActionID: 5\r\nX: y\r\n\r\nEvent: PeerEntry\r\nActionID: 5\r\nX: Event: y\r\n\r\n"
        );
        assert_eq!(
            bytes(&recordings, &[("Action", "Command"), ("Command", "x"), ("ActionID", "5")]).unwrap(),
            "Response: Follows\r\nPrivilege: Command\r\nActionID: 5\r\nEvent: y\n--END COMMAND--\r\n\r\n"
        );
    }

    #[test]
    fn another_command_is_not_answered() {
        let mut recordings = Recordings::default();
        assert!(recordings.add(REQUEST, ANSWER));
        assert_eq!(bytes(&recordings, &[("Action", "Command"), ("Command", "core show uptime")]), None);
    }

    #[test]
    fn requests_that_change_the_session_and_broken_recordings_are_left_out() {
        let mut recordings = Recordings::default();
        for request in ["", "Action: Ping\r\n", "Action: Login\r\n\r\n", "Action: Ping\n\nAction: Ping\n\n"] {
            assert!(!recordings.add(request.as_bytes(), b"Response: Success\r\n\r\n"), "{request:?}");
        }
    }

    #[test]
    fn the_mark_of_a_closed_connection_hangs_up() {
        let mut recordings = Recordings::default();
        assert!(recordings.add(b"Action: Bye\n\n", b"Response: Goodbye\r\n\r\n<<EOF>>"));
        let answer = recordings.answer(&Request::new([("Action", "Bye")])).unwrap();
        assert!(answer.then_close);
        assert_eq!(answer.into_bytes(), b"Response: Goodbye\r\n\r\n");
    }

    #[test]
    fn a_folder_that_is_not_there_is_named_in_the_error() {
        let error = Recordings::default().add_folder(Path::new("/no/such/folder")).unwrap_err();
        assert!(error.to_string().contains("/no/such/folder"), "{error}");
    }
}
