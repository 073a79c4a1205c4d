//! One session: from the TCP connection to its end.
//!
//! One task owns the socket and does everything with it: it reads whatever comes, at once, into
//! answers and events, and writes what is asked in the order it was asked. So nothing outside can
//! hold up the reading, and a question that is given up disturbs nobody.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, split};
use tokio::net::TcpStream;
use tokio::sync::{broadcast, mpsc, oneshot, watch};
use tokio::time::{sleep_until, timeout};
use tracing::debug;

use super::action::Action;
use super::backoff::random;
use super::codec::Decoder;
use super::error::{AskError, ConnectionError};
use super::login::{self, LoginMethod};
use super::message::Message;
use super::pipeline::{Pipeline, Reply, Taken};
use super::settings::Settings;
use super::watchdog::Watchdog;

/// How much is asked from the system at once, in bytes.
const READ_SIZE: usize = 64 << 10;

/// With more than this unsent, no further questions are taken, in bytes.
const UNSENT_LIMIT: usize = 64 << 10;

/// The longest banner that is looked at, in bytes.
const BANNER_LIMIT: usize = 256;

/// With so many questions unanswered, those that nobody waits for any more included, the server has lost its way.
pub(super) const UNANSWERED: usize = 4096;

/// How long the server may take to say goodbye.
const GOODBYE: Duration = Duration::from_secs(1);

/// What bytes go through, encrypted or not.
trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// A question on its way to the session.
pub(super) struct Request {
    pub(super) action: Action,
    pub(super) reply: Reply,
}

/// How a session ended.
pub(super) enum End {
    /// The connection was lost.
    Lost(ConnectionError),
    /// It was told to stop.
    Stopped,
}

/// A connection, logged in or about to be.
pub(super) struct Connection {
    stream: Box<dyn Stream>,
    /// Whether whoever is on the way can read and change what goes through.
    is_exposed: bool,
    decoder: Decoder,
    version: String,
    /// Unsent bytes.
    out: Vec<u8>,
    /// Whether bytes may be waiting in the encryption.
    unflushed: bool,
    /// Makes ActionIDs that no other client uses.
    token: u64,
    asked: u64,
    pipeline: Pipeline,
}

impl Connection {
    /// Connects, waits for the banner and logs in, each within the connect timeout.
    pub(super) async fn open(settings: &Settings) -> Result<Connection, AskError> {
        let failed = |reason| AskError::NotConnected { address: settings.address.clone(), reason };
        let mut connection = Connection::connect(settings).await.map_err(failed)?;
        let after = settings.connect_timeout;
        match timeout(after, connection.log_in(settings)).await {
            Ok(result) => result?,
            Err(_) => return Err(failed(ConnectionError::LoginTimeout { after })),
        }
        Ok(connection)
    }

    /// The banner's text.
    pub(super) fn version(&self) -> &str {
        &self.version
    }

    /// Whether it is neither encrypted nor within this machine.
    pub(super) fn is_exposed(&self) -> bool {
        self.is_exposed
    }

    async fn connect(settings: &Settings) -> Result<Connection, ConnectionError> {
        let after = settings.connect_timeout;
        let target = (settings.address.host(), settings.address.port());
        let stream = match timeout(after, TcpStream::connect(target)).await {
            Ok(stream) => stream?,
            Err(_) => return Err(ConnectionError::ConnectTimeout { after }),
        };
        stream.set_nodelay(true)?;
        let is_exposed = settings.tls.is_none() && !stream.peer_addr()?.ip().to_canonical().is_loopback();
        let stream: Box<dyn Stream> = match &settings.tls {
            None => Box::new(stream),
            Some(tls) => match timeout(after, tls.wrap(stream)).await {
                Ok(stream) => Box::new(stream.map_err(refused_encryption)?),
                Err(_) => return Err(ConnectionError::TlsTimeout { after }),
            },
        };
        let mut connection = Connection {
            stream,
            is_exposed,
            decoder: Decoder::new(settings.message_limit),
            version: String::new(),
            out: Vec::new(),
            unflushed: false,
            token: random(),
            asked: 0,
            pipeline: Pipeline::new(settings.message_limit),
        };
        match timeout(after, connection.read_banner()).await {
            Ok(result) => result?,
            Err(_) => return Err(ConnectionError::NoBanner { after }),
        }
        Ok(connection)
    }

    async fn read_banner(&mut self) -> Result<(), ConnectionError> {
        let line = loop {
            if let Some(line) = self.decoder.next_line(BANNER_LIMIT)? {
                break line;
            }
            self.read().await?;
        };
        self.version = String::from_utf8_lossy(&line).into_owned();
        if !self.version.starts_with(login::BANNER) {
            let line = self.version.chars().take(60).collect();
            return Err(ConnectionError::NotAsterisk { line });
        }
        Ok(())
    }

    async fn log_in(&mut self, settings: &Settings) -> Result<(), AskError> {
        let failed = |reason| AskError::NotConnected { address: settings.address.clone(), reason };
        let refused = |answer: &Message| AskError::LoginRefused {
            address: settings.address.clone(),
            user: settings.user.clone(),
            message: String::from_utf8_lossy(answer.get("Message").unwrap_or_default()).trim().to_owned(),
        };
        let login = match settings.login {
            LoginMethod::Plain => login::plain(&settings.user, &settings.secret)?,
            LoginMethod::Md5 => {
                let answer = self.exchange(&login::challenge()?).await.map_err(failed)?;
                let Some(challenge) = answer.get("Challenge") else { return Err(refused(&answer)) };
                login::answer(&settings.user, &settings.secret, challenge)?
            }
        };
        let answer = self.exchange(&login).await.map_err(failed)?;
        if answer.response() != Some(b"Success") {
            return Err(refused(&answer));
        }
        Ok(())
    }

    /// Asks and waits for the response; for use before the session runs.
    async fn exchange(&mut self, action: &Action) -> Result<Message, ConnectionError> {
        let id = self.next_id();
        action.encode(&id, &mut self.out);
        self.stream.write_all(&self.out).await?;
        self.stream.flush().await?;
        self.out = Vec::new();
        loop {
            while let Some(message) = self.decoder.next_message()? {
                let ours = message.action_id().is_none_or(|found| found == id);
                if message.response().is_some() && ours {
                    return Ok(message);
                }
            }
            self.read().await?;
        }
    }

    /// Runs the session until it is lost, or until `stop` changes or its sender is gone.
    ///
    /// What was asked and not answered by then is handed back, to be failed.
    pub(super) async fn run(
        mut self,
        settings: &Settings,
        mut requests: mpsc::Receiver<Request>,
        events: &broadcast::Sender<Arc<Message>>,
        stop: &mut watch::Receiver<bool>,
    ) -> (End, Unfinished) {
        let end = match self.serve(settings, &mut requests, events, stop).await {
            Ok(()) => {
                // The server may be gone already, and then needs no farewell.
                let _ = timeout(GOODBYE, self.say_goodbye(events)).await;
                End::Stopped
            }
            Err(reason) => End::Lost(reason),
        };
        (end, Unfinished { pipeline: self.pipeline, requests })
    }

    async fn serve(
        &mut self,
        settings: &Settings,
        requests: &mut mpsc::Receiver<Request>,
        events: &broadcast::Sender<Arc<Message>>,
        stop: &mut watch::Receiver<bool>,
    ) -> Result<(), ConnectionError> {
        let mut watchdog = Watchdog::new(settings);
        let (mut taken, mut pinged) = (0, None);
        loop {
            taken += self.take_messages(events)?;
            if (self.decoder.in_doubt() || self.pipeline.holds_back()) && pinged != Some(taken) {
                // Only the next message shows whether the last one was over, or was meant: have one sent.
                self.ping();
                pinged = Some(taken);
            }
            let (mut reader, mut writer) = split(&mut self.stream);
            self.decoder.buffer().reserve(READ_SIZE);
            tokio::select! {
                count = reader.read_buf(self.decoder.buffer()) => {
                    if at_end(count)? {
                        return Err(closed(&self.decoder));
                    }
                    watchdog.heard();
                }
                count = push(&mut writer, &self.out), if self.unflushed || !self.out.is_empty() => {
                    let count = count?;
                    self.unflushed = count > 0;
                    self.out.drain(..count);
                }
                request = requests.recv(), if self.out.len() < UNSENT_LIMIT => match request {
                    Some(Request { action, reply }) if !reply.is_closed() => {
                        self.send(&action, reply);
                        if self.pipeline.len() > UNANSWERED {
                            return Err(ConnectionError::Unanswered { questions: UNANSWERED });
                        }
                    }
                    Some(_) => {}
                    None => return Ok(()),
                },
                () = sleep_until(watchdog.due()) => {
                    let busy = self.pipeline.someone_waits_before(&watchdog.ping);
                    if watchdog.wants_ping(busy)? {
                        watchdog.ping = self.ping();
                    }
                }
                _ = stop.changed() => return Ok(()),
            }
        }
    }

    /// Hands out all messages that are complete; how many.
    fn take_messages(&mut self, events: &broadcast::Sender<Arc<Message>>) -> Result<u64, ConnectionError> {
        let mut taken = 0;
        while let Some(message) = self.decoder.next_message()? {
            taken += 1;
            match self.pipeline.take(message) {
                Taken::Answer => {}
                // A server that is up says so at the login. Until then it lacks actions and records that it will
                // have, and no other event tells of these.
                Taken::Event(event)
                    if event.event() == Some(b"FullyBooted") && self.pipeline.has_answered() =>
                {
                    return Err(ConnectionError::StartedUp);
                }
                // That nobody listens is no failure.
                Taken::Event(event) => drop(events.send(Arc::new(event))),
                Taken::Stray(message) => {
                    debug!(bytes = message.as_bytes().len(), "discarded a message that answers nothing");
                }
            }
        }
        Ok(taken)
    }

    /// Queues a question for writing; its ActionID.
    fn send(&mut self, action: &Action, reply: Reply) -> Vec<u8> {
        let id = self.next_id();
        action.encode(&id, &mut self.out);
        self.pipeline.ask(id.clone(), action.label(), reply);
        id
    }

    /// Queues a Ping whose answer nobody waits for; its ActionID.
    fn ping(&mut self) -> Vec<u8> {
        Action::new("Ping").map_or_else(|_| Vec::new(), |ping| self.send(&ping, oneshot::channel().0))
    }

    /// Sends Logoff after what is unsent, and waits until the server has closed.
    async fn say_goodbye(&mut self, events: &broadcast::Sender<Arc<Message>>) -> Result<(), ConnectionError> {
        if let Ok(logoff) = Action::new("Logoff") {
            self.send(&logoff, oneshot::channel().0);
        }
        loop {
            let (mut reader, mut writer) = split(&mut self.stream);
            self.decoder.buffer().reserve(READ_SIZE);
            tokio::select! {
                count = reader.read_buf(self.decoder.buffer()) => if at_end(count)? { return Ok(()) },
                count = push(&mut writer, &self.out), if self.unflushed || !self.out.is_empty() => {
                    let count = count?;
                    self.unflushed = count > 0;
                    self.out.drain(..count);
                }
            }
            self.take_messages(events)?;
        }
    }

    async fn read(&mut self) -> Result<(), ConnectionError> {
        self.decoder.buffer().reserve(READ_SIZE);
        if at_end(self.stream.read_buf(self.decoder.buffer()).await)? {
            return Err(closed(&self.decoder));
        }
        Ok(())
    }

    fn next_id(&mut self) -> Vec<u8> {
        self.asked += 1;
        format!("{:016x}-{}", self.token, self.asked).into_bytes()
    }
}

/// Questions that a session left unanswered.
pub(super) struct Unfinished {
    pipeline: Pipeline,
    requests: mpsc::Receiver<Request>,
}

impl Unfinished {
    /// Tells all who wait, whether their question was sent or not.
    pub(super) fn fail(mut self, error: &AskError) {
        self.requests.close();
        while let Ok(request) = self.requests.try_recv() {
            // Nobody may be waiting any more.
            let _ = request.reply.send(Err(error.clone()));
        }
        self.pipeline.fail(error);
    }
}

/// Writes some of it; when all was written, sees to it that nothing stays in the encryption. Gives how much was
/// written; whoever stops waiting has written nothing.
async fn push(writer: &mut (impl AsyncWrite + Unpin), out: &[u8]) -> io::Result<usize> {
    if out.is_empty() {
        return writer.flush().await.map(|()| 0);
    }
    writer.write(out).await
}

/// Whether nothing more comes. Many a server ends an encrypted connection without saying so; whether
/// something was missing is seen from the messages.
fn at_end(count: io::Result<usize>) -> Result<bool, ConnectionError> {
    match count {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(true),
        count => Ok(count? == 0),
    }
}

/// Why no encryption was agreed on.
fn refused_encryption(error: io::Error) -> ConnectionError {
    match error.kind() {
        io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset => ConnectionError::Tls(
            "the server ended the connection before TLS was agreed on; check its certificate and \
             `tlsbindaddr` in manager.conf, and that this host is permitted"
                .into(),
        ),
        _ => error.into(),
    }
}

/// The end of the stream, in the middle of a message or not.
fn closed(decoder: &Decoder) -> ConnectionError {
    decoder.finish().map_or_else(ConnectionError::Codec, |()| ConnectionError::Closed)
}
