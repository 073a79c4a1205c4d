//! One manager connection of the benchmark's own: what the same questions cost whoever asks them himself.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

/// How many questions are sent before their answers are awaited. They fit into a socket's buffer, so
/// neither side ever waits for the other to read.
const PIPELINED: usize = 200;
/// The longest answer to a `Ping`, in bytes.
const LONGEST_PONG: usize = 256;
const DEADLINE: Duration = Duration::from_secs(60);

/// A session that is logged in and takes no events.
pub struct Connection {
    stream: TcpStream,
    pings: u64,
    buffer: Vec<u8>,
}

impl Connection {
    /// Connects and logs in.
    pub fn open(address: SocketAddr, user: &str, secret: &str) -> Connection {
        let stream = TcpStream::connect(address).expect("the server listens");
        stream.set_nodelay(true).expect("a socket's option");
        stream.set_read_timeout(Some(DEADLINE)).expect("a socket's option");
        let mut connection = Connection { stream, pings: 0, buffer: vec![0; 64 * 1024] };
        let login = format!("Action: Login\r\nUsername: {user}\r\nSecret: {secret}\r\nEvents: off\r\n\r\n");
        connection.fetch(&[login.into_bytes()]);
        connection
    }

    /// Asks these questions, whole requests with their empty lines, and reads all their answers; gives
    /// the time that it took. Answers come in the questions' order, so that of a `Ping` behind the last
    /// one is the end.
    pub fn fetch(&mut self, questions: &[Vec<u8>]) -> Duration {
        let started = Instant::now();
        for some in questions.chunks(PIPELINED) {
            self.pings += 1;
            let id = format!("ActionID: end-{}\r\n", self.pings);
            let mut requests = some.concat();
            requests.extend_from_slice(format!("Action: Ping\r\n{id}\r\n").as_bytes());
            self.stream.write_all(&requests).expect("the server takes questions");
            self.read_through(id.as_bytes());
        }
        started.elapsed()
    }

    fn read_through(&mut self, id: &[u8]) {
        let mut tail = Vec::new();
        while !(tail.ends_with(b"\r\n\r\n") && tail.windows(id.len()).any(|part| part == id)) {
            let length = self.stream.read(&mut self.buffer).expect("the server answers");
            assert!(length > 0, "the server hung up on the benchmark's own connection");
            tail.extend_from_slice(&self.buffer[..length]);
            tail.drain(..tail.len().saturating_sub(LONGEST_PONG));
        }
    }
}

/// A request with these headers.
pub fn request(headers: &[(&str, &str)]) -> Vec<u8> {
    let lines: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    format!("{lines}\r\n").into_bytes()
}
