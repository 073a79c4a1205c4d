//! One connection: the banner, the login, then requests answered strictly in order, with events between
//! answers but never inside one.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use md5::{Digest, Md5};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::mpsc::UnboundedReceiver;

use super::fault::{Delivery, spoil};
use super::framing::{Answer, Message};
use super::generator::events;
use super::request::{Received, Request, RequestReader};
use super::server::Shared;

/// What the server hands to a session besides requests.
#[derive(Debug, Clone)]
pub(super) enum Notice {
    /// An event message, sent if the session takes events of its class.
    Event(Bytes),
    /// Hang up, behind the events that came before.
    HangUp,
}

/// Which events a session takes.
#[derive(Debug, PartialEq, Eq)]
enum EventMask {
    Off,
    All,
    /// Only events with one of these classes in their `Privilege`.
    Classes(Vec<String>),
}

impl EventMask {
    fn parse(text: &[u8]) -> Self {
        let text = String::from_utf8_lossy(text).to_lowercase();
        match text.as_str() {
            "off" | "no" | "false" | "0" => Self::Off,
            "" | "on" | "yes" | "true" | "all" | "-1" => Self::All,
            classes => Self::Classes(classes.split(',').map(|class| class.trim().to_owned()).collect()),
        }
    }

    fn takes(&self, event: &[u8]) -> bool {
        match self {
            Self::Off => false,
            Self::All => true,
            Self::Classes(wanted) => event
                .split(|&byte| byte == b'\n')
                .find_map(|line| line.strip_prefix(b"Privilege: "))
                .is_some_and(|classes| {
                    let classes = String::from_utf8_lossy(classes);
                    classes
                        .trim_end()
                        .split(',')
                        .any(|class| class != "all" && wanted.iter().any(|w| w == class))
                }),
        }
    }
}

/// The state of one connection.
pub(super) struct Session {
    shared: Arc<Shared>,
    number: u64,
    logged_in: bool,
    events: EventMask,
    challenge: Option<String>,
}

impl Session {
    /// Serves a connection until either side hangs up. `number` tells the server's sessions apart.
    ///
    /// # Errors
    /// When the socket fails; a client that closes is no error.
    pub(super) async fn serve(
        shared: Arc<Shared>,
        number: u64,
        socket: TcpStream,
        mut notices: UnboundedReceiver<Notice>,
    ) -> io::Result<()> {
        socket.set_nodelay(true)?;
        let (mut from_client, mut to_client) = socket.into_split();
        to_client.write_all(format!("{}\r\n", shared.version.banner()).as_bytes()).await?;
        let mut session = Self { shared, number, logged_in: false, events: EventMask::Off, challenge: None };
        let mut reader = RequestReader::default();
        let mut chunk = vec![0; 16 * 1024];
        loop {
            tokio::select! {
                notice = notices.recv() => match notice {
                    Some(Notice::Event(event)) if session.events.takes(&event) => {
                        to_client.write_all(&event).await?;
                    }
                    Some(Notice::Event(_)) => {}
                    Some(Notice::HangUp) | None => return to_client.shutdown().await,
                },
                read = read_some(&mut from_client, &mut chunk) => {
                    let length = read?;
                    if length == 0 {
                        return Ok(());
                    }
                    reader.feed(&chunk[..length]);
                    while let Some(received) = reader.next() {
                        let delivery = session.receive(received);
                        if !deliver(&mut to_client, delivery).await? {
                            return to_client.shutdown().await;
                        }
                    }
                }
            }
        }
    }

    fn receive(&mut self, received: Received) -> Delivery {
        let request = match received {
            Received::Request(request) => request,
            Received::LineTooLong => {
                return Delivery::sound(Answer::error(None, "Failed to parse message: line too long"));
            }
            Received::TooManyHeaders => {
                let message = "Too many lines in message or allocation failure";
                return Delivery::sound(Answer::error(None, message));
            }
        };
        self.shared.note(&request);
        match self.shared.fault_for(&request) {
            Some(fault) => spoil(&fault, self.shared.version, &request, |request| self.answer(request)),
            None => Delivery::sound(self.answer(&request)),
        }
    }

    fn answer(&mut self, request: &Request) -> Answer {
        let id = request.action_id();
        match request.action().to_lowercase().as_str() {
            "" => Answer::error(id, "Missing action in request"),
            "login" => self.log_in(request),
            "challenge" => self.make_challenge(request),
            "logoff" => {
                let goodbye = Message::response("Goodbye", id).header("Message", "Thanks for all the fish.");
                goodbye.answer().then_close()
            }
            _ if !self.logged_in => Answer::error(id, "Permission denied"),
            "events" => self.choose_events(request),
            _ => self.shared.answer(request),
        }
    }

    fn log_in(&mut self, request: &Request) -> Answer {
        let id = request.action_id();
        let (user, secret) = self.shared.credentials();
        let known = request.get("Username") == Some(user.as_bytes());
        if !known || !self.proves(request, &secret) {
            return Answer::error(id, "Authentication failed").then_close();
        }
        self.logged_in = true;
        self.events = EventMask::parse(request.get("Events").unwrap_or_default());
        let mut accepted =
            Message::response("Success", id).header("Message", "Authentication accepted").finish();
        let booted = events::fully_booted(self.shared.version, self.shared.uptime_seconds());
        accepted.extend(booted.filter(|event| self.events.takes(event)).unwrap_or_default());
        Answer::whole(accepted)
    }

    /// Whether the request shows that its sender knows the secret: in clear, or as the MD5 of challenge
    /// and secret in lower-case hexadecimal digits.
    fn proves(&mut self, request: &Request, secret: &str) -> bool {
        if !request.get("AuthType").is_some_and(|kind| kind.eq_ignore_ascii_case(b"MD5")) {
            return request.get("Secret") == Some(secret.as_bytes());
        }
        let Some(challenge) = self.challenge.take() else { return false };
        let digest = Md5::digest(format!("{challenge}{secret}"));
        let key: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        request.get("Key") == Some(key.as_bytes())
    }

    fn make_challenge(&mut self, request: &Request) -> Answer {
        let id = request.action_id();
        if !request.get("AuthType").is_some_and(|kind| kind.eq_ignore_ascii_case(b"MD5")) {
            return Answer::error(id, "Must specify AuthType");
        }
        let challenge = (162_901_244 + self.number * 7919).to_string();
        let answer = Message::response("Success", id).header("Challenge", &challenge).answer();
        self.challenge = Some(challenge);
        answer
    }

    fn choose_events(&mut self, request: &Request) -> Answer {
        self.events = EventMask::parse(request.get("EventMask").unwrap_or_default());
        let state = if self.events == EventMask::Off { "Off" } else { "On" };
        Message::response("Success", request.action_id()).header("Events", state).answer()
    }
}

async fn read_some(from_client: &mut OwnedReadHalf, chunk: &mut [u8]) -> io::Result<usize> {
    from_client.read(chunk).await
}

/// Sends an answer; says whether the connection stays open behind it.
async fn deliver(to_client: &mut OwnedWriteHalf, delivery: Delivery) -> io::Result<bool> {
    if delivery.delay > Duration::ZERO {
        tokio::time::sleep(delivery.delay).await;
    }
    for piece in delivery.answer.pieces {
        if delivery.byte_by_byte {
            for byte in piece {
                to_client.write_all(&[byte]).await?;
                tokio::task::yield_now().await;
            }
        } else {
            to_client.write_all(&piece).await?;
        }
    }
    Ok(!delivery.answer.then_close)
}
