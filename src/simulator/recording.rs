//! Answers from recorded conversations: a folder in which `NAME.req` holds one request and `NAME.txt` what
//! a real server answered, byte for byte; or one file, as `astfs record` writes it.
//!
//! A recording answers every request with the same headers, in whatever order; the ActionID is left out
//! of the comparison and put into the answer where the server had it. `<<EOF>>` at an answer's end says
//! that the server hung up.

use std::io;
use std::path::Path;

use super::framing::Answer;
use super::request::{Received, Request, RequestReader};
use crate::recording::{Recording, RecordingError, Told, with_action_id};

/// The mark of a closed connection at the end of an answer.
const END_OF_FILE: &[u8] = b"<<EOF>>";
/// The actions that change the session and are therefore never answered from a recording.
const SESSION_ACTIONS: [&str; 4] = ["Login", "Challenge", "Logoff", "Events"];

/// Recorded answers by what was asked.
#[derive(Clone, Default)]
pub(super) struct Recordings(Recording);

impl Recordings {
    /// Adds all that a file holds, or every pair `NAME.req` and `NAME.txt` of a folder. What is no pair,
    /// holds no request or more than one, or a request that changes the session, is left out.
    ///
    /// # Errors
    /// When the folder or one of the files cannot be read; the error names it.
    pub(super) fn add_all(&mut self, path: &Path) -> io::Result<()> {
        if path.is_file() {
            let recording = Recording::read(path).map_err(|error| match error {
                RecordingError::File { ref error, .. } => io::Error::new(error.kind(), error.to_string()),
                RecordingError::Text { .. } => io::Error::new(io::ErrorKind::InvalidData, error),
            })?;
            self.0.add(recording);
            return Ok(());
        }
        self.add_folder(path)
    }

    fn add_folder(&mut self, folder: &Path) -> io::Result<()> {
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
        let closed = answer.strip_suffix(END_OF_FILE);
        let told = Told::Answer {
            bytes: closed.unwrap_or(answer).to_vec(),
            action_id: request.action_id().map(<[u8]>::to_vec),
            then_closed: closed.is_some(),
        };
        self.0.put(request.headers(), told);
    }

    /// The recorded answer to that request, with its ActionID.
    pub(super) fn answer(&self, request: &Request) -> Option<Answer> {
        match self.0.get(request.headers())? {
            Told::Nothing => Some(Answer::pieces(std::iter::empty())),
            Told::Answer { bytes, action_id, then_closed } => {
                let answer = with_action_id(bytes, action_id.as_deref(), request.action_id());
                let answer = Answer::whole(answer);
                Some(if *then_closed { answer.then_close() } else { answer })
            }
        }
    }
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
