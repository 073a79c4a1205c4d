//! A telephone, as far as Asterisk's registrar can see one: it registers with digest authentication, and answers
//! the OPTIONS by which a server with `qualify` finds out whether it is reachable. RFC 3261 over UDP; no calls.

mod digest;
mod message;

use std::io;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use message::Message;

/// How long the telephone waits for an answer, repeating its request meanwhile as UDP demands.
const DEADLINE: Duration = Duration::from_secs(5);
const REPEAT: Duration = Duration::from_millis(500);
/// How often the receiving thread looks whether it is still wanted.
const PATIENCE: Duration = Duration::from_millis(50);

/// Why a registration did not come about.
#[derive(Debug, thiserror::Error)]
pub enum RegisterError {
    /// The socket failed.
    #[error("the SIP socket failed: {0}")]
    Socket(#[from] io::Error),
    /// No final answer within the deadline.
    #[error("the registrar at {0} does not answer")]
    NoAnswer(SocketAddr),
    /// A final answer other than 200, or a challenge that cannot be met.
    #[error("the registrar refuses: {0}")]
    Refused(String),
}

/// One telephone with one account. Dropping it falls silent without unregistering, as a phone that loses power.
#[derive(Debug)]
pub struct Register {
    registrar: SocketAddr,
    user: String,
    password: String,
    user_agent: String,
    call_id: String,
    socket: UdpSocket,
    sequence: u32,
    answers: Receiver<Message>,
    line: Arc<Line>,
    listener: Option<JoinHandle<()>>,
}

/// What the telephone and its receiving thread share.
#[derive(Debug)]
struct Line {
    open: AtomicBool,
    answers_options: AtomicBool,
    options_seen: AtomicU32,
}

impl Register {
    /// A telephone on a free loopback port, not registered yet.
    pub fn new(registrar: SocketAddr, user: &str, password: &str) -> io::Result<Register> {
        Register::on_port(registrar, user, password, 0)
    }

    /// The same on a chosen local port.
    pub fn on_port(registrar: SocketAddr, user: &str, password: &str, port: u16) -> io::Result<Register> {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, port))?;
        socket.set_read_timeout(Some(PATIENCE))?;
        let line = Arc::new(Line {
            open: AtomicBool::new(true),
            answers_options: AtomicBool::new(true),
            options_seen: AtomicU32::new(0),
        });
        let (heard, answers) = channel();
        let listener = std::thread::spawn({
            let (socket, line) = (socket.try_clone()?, Arc::clone(&line));
            move || {
                line.listen(&socket, |answer| {
                    // The telephone may have hung up; then nobody misses the answer.
                    let _ = heard.send(answer);
                });
            }
        });
        Ok(Register {
            registrar,
            user: user.to_owned(),
            password: password.to_owned(),
            user_agent: "astfs-test-phone/1".to_owned(),
            call_id: format!("{}-{}@127.0.0.1", std::process::id(), socket.local_addr()?.port()),
            socket,
            sequence: 0,
            answers,
            line,
            listener: Some(listener),
        })
    }

    /// The name by which the telephone introduces itself.
    pub fn with_user_agent(mut self, user_agent: &str) -> Register {
        user_agent.clone_into(&mut self.user_agent);
        self
    }

    /// Where the telephone receives: the address in the server's contact.
    pub fn local_address(&self) -> SocketAddr {
        self.socket.local_addr().expect("a bound socket has an address")
    }

    /// Registers, or refreshes the registration, for `expires`; whole seconds.
    pub fn register(&mut self, expires: Duration) -> Result<(), RegisterError> {
        self.bind_contact(expires.as_secs())
    }

    /// Takes the registration back.
    pub fn unregister(&mut self) -> Result<(), RegisterError> {
        self.bind_contact(0)
    }

    /// Whether the telephone answers OPTIONS, as it does at first; a server with `qualify` notices.
    pub fn answer_options(&self, answer: bool) {
        self.line.answers_options.store(answer, Ordering::Relaxed);
    }

    /// How many OPTIONS have come so far, answered or not.
    pub fn options_seen(&self) -> u32 {
        self.line.options_seen.load(Ordering::Relaxed)
    }

    fn bind_contact(&mut self, expires: u64) -> Result<(), RegisterError> {
        let first = self.ask(expires, None)?;
        let last = if first.status() == Some(401) {
            let uri = format!("sip:{}", self.registrar);
            let authorization = first
                .values("WWW-Authenticate")
                .find_map(|challenge| digest::answer(challenge, &self.user, &self.password, "REGISTER", &uri))
                .ok_or_else(|| RegisterError::Refused(format!("no MD5 challenge in {first:?}")))?;
            self.ask(expires, Some(&authorization))?
        } else {
            first
        };
        if last.status() == Some(200) {
            Ok(())
        } else {
            Err(RegisterError::Refused(last.start_line().to_owned()))
        }
    }

    /// Sends a REGISTER until its final answer comes.
    fn ask(&mut self, expires: u64, authorization: Option<&str>) -> Result<Message, RegisterError> {
        self.sequence += 1;
        let cseq = format!("{} REGISTER", self.sequence);
        let request = self.request(&cseq, expires, authorization)?;
        let deadline = Instant::now() + DEADLINE;
        while Instant::now() < deadline {
            self.socket.send_to(request.as_bytes(), self.registrar)?;
            let repeat = Instant::now() + REPEAT;
            loop {
                match self.answers.recv_timeout(repeat.saturating_duration_since(Instant::now())) {
                    // Answers to repeated requests come late, and provisional ones say nothing yet.
                    Ok(answer) if answer.value("CSeq") != Some(&cseq) || answer.status() < Some(200) => {}
                    Ok(answer) => return Ok(answer),
                    Err(RecvTimeoutError::Timeout) => break,
                    Err(RecvTimeoutError::Disconnected) => {
                        return Err(io::Error::from(io::ErrorKind::BrokenPipe).into());
                    }
                }
            }
        }
        Err(RegisterError::NoAnswer(self.registrar))
    }

    fn request(&self, cseq: &str, expires: u64, authorization: Option<&str>) -> io::Result<String> {
        let (registrar, local, user) = (self.registrar, self.socket.local_addr()?, &self.user);
        let authorization =
            authorization.map(|value| format!("Authorization: {value}\r\n")).unwrap_or_default();
        Ok(format!(
            "REGISTER sip:{registrar} SIP/2.0\r\n\
             Via: SIP/2.0/UDP {local};branch=z9hG4bK-{sequence}-{port};rport\r\n\
             Max-Forwards: 70\r\n\
             From: <sip:{user}@{registrar}>;tag=astfs{port}\r\n\
             To: <sip:{user}@{registrar}>\r\n\
             Call-ID: {call_id}\r\n\
             CSeq: {cseq}\r\n\
             Contact: <sip:{user}@{local}>\r\n\
             Expires: {expires}\r\n\
             User-Agent: {user_agent}\r\n\
             {authorization}\
             Content-Length: 0\r\n\r\n",
            sequence = self.sequence,
            port = local.port(),
            call_id = self.call_id,
            user_agent = self.user_agent,
        ))
    }
}

impl Drop for Register {
    fn drop(&mut self) {
        self.line.open.store(false, Ordering::Relaxed);
        if let Some(listener) = self.listener.take() {
            let _ = listener.join();
        }
    }
}

impl Line {
    /// Receives until the telephone is dropped: requests are answered here, answers are handed on.
    fn listen(&self, socket: &UdpSocket, hand_on: impl Fn(Message)) {
        let mut datagram = [0; 65_536];
        while self.open.load(Ordering::Relaxed) {
            // Apart from the timeout, errors are the refusals of a server that has gone: the line stays open.
            let Ok((length, from)) = socket.recv_from(&mut datagram) else { continue };
            let Some(message) = Message::parse(&datagram[..length]) else { continue };
            if message.status().is_some() {
                hand_on(message);
                continue;
            }
            let status = match message.method() {
                "OPTIONS" => {
                    self.options_seen.fetch_add(1, Ordering::Relaxed);
                    if !self.answers_options.load(Ordering::Relaxed) {
                        continue;
                    }
                    "200 OK"
                }
                "NOTIFY" => "200 OK",
                "ACK" => continue,
                _ => "501 Not Implemented",
            };
            let _ = socket.send_to(message.answer(status).as_bytes(), from);
        }
    }
}
