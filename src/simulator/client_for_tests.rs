//! A client that only moves bytes, for tests over a real socket.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::Simulator;

/// No wait of a test lasts longer.
const DEADLINE: Duration = Duration::from_secs(20);

pub(super) struct Client {
    stream: TcpStream,
    unread: Vec<u8>,
}

impl Client {
    /// Connects and reads the banner.
    pub(super) async fn connect(simulator: &Simulator) -> Self {
        let stream = TcpStream::connect(simulator.address()).await.unwrap();
        let mut client = Self { stream, unread: Vec::new() };
        assert_eq!(client.read_through("\r\n").await, format!("{}\r\n", simulator.version().banner()));
        client
    }

    /// Connects and logs in, without events.
    pub(super) async fn log_in(simulator: &Simulator) -> Self {
        Self::log_in_with_events(simulator, "off").await
    }

    /// Connects and logs in, with these events, and reads up to the answer's end.
    pub(super) async fn log_in_with_events(simulator: &Simulator, events: &str) -> Self {
        let mut client = Self::connect(simulator).await;
        let (user, secret) = (simulator.user(), simulator.secret());
        client.send(format!("Action: Login\nUsername: {user}\nSecret: {secret}\nEvents: {events}\n\n")).await;
        let answer = client.read_through("\r\n\r\n").await;
        assert_eq!(answer, "Response: Success\r\nMessage: Authentication accepted\r\n\r\n");
        client
    }

    pub(super) async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.write_all(bytes.as_ref()).await.unwrap();
    }

    /// What comes up to this text, and the text.
    pub(super) async fn read_through(&mut self, text: &str) -> String {
        String::from_utf8_lossy(&self.read_through_bytes(text.as_bytes()).await).into_owned()
    }

    async fn read_through_bytes(&mut self, text: &[u8]) -> Vec<u8> {
        let mut searched = 0;
        loop {
            if let Some(at) = self.unread[searched..].windows(text.len()).position(|window| window == text) {
                return self.unread.drain(..searched + at + text.len()).collect();
            }
            searched = self.unread.len().saturating_sub(text.len());
            let got = tokio::time::timeout(DEADLINE, self.stream.read_buf(&mut self.unread)).await;
            let got = got.unwrap_or_else(|_| panic!("no {text:?} within the deadline")).unwrap();
            assert!(got > 0, "closed before {:?}: {:?}", text.escape_ascii(), self.unread.escape_ascii());
        }
    }

    /// All that comes until the server hangs up.
    pub(super) async fn read_to_end(mut self) -> String {
        let reading = self.stream.read_to_end(&mut self.unread);
        // A connection that is torn down counts as closed too.
        let _ = tokio::time::timeout(DEADLINE, reading).await.expect("the server hangs up");
        String::from_utf8_lossy(&self.unread).into_owned()
    }

    /// The bytes of the answer to a request, told from what follows by a `Ping` behind it.
    pub(super) async fn ask(&mut self, request: impl AsRef<[u8]>) -> Vec<u8> {
        self.send(request).await;
        self.send("Action: Ping\r\nActionID: behind-it\r\n\r\n").await;
        let pong = b"Response: Success\r\nActionID: behind-it\r\nPing: Pong\r\n";
        let mut answer = self.read_through_bytes(pong).await;
        answer.truncate(answer.len() - pong.len());
        self.read_through("\r\n\r\n").await;
        answer
    }

    /// The same as text.
    pub(super) async fn ask_text(&mut self, request: impl AsRef<[u8]>) -> String {
        String::from_utf8_lossy(&self.ask(request).await).into_owned()
    }

    /// The answer to a CLI command, without ActionID.
    pub(super) async fn command(&mut self, command: &str) -> String {
        self.ask_text(format!("Action: Command\r\nCommand: {command}\r\n\r\n")).await
    }

    /// Whether nothing comes for that long.
    pub(super) async fn is_quiet_for(&mut self, time: Duration) -> bool {
        self.unread.is_empty()
            && tokio::time::timeout(time, self.stream.read_buf(&mut self.unread)).await.is_err()
    }
}
