//! A relay between astfs and a server, which does to the server's bytes what networks and strange servers do.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::stream::{Outgoing, own_messages};

/// How long a relay waits for bytes before it looks whether anything has changed.
const LOOK: Duration = Duration::from_millis(20);
/// What a relay takes at once, in bytes.
const PIECE: usize = 64 * 1024;
/// With so many bytes not passed on, no more are taken from the server.
const HELD: usize = 4 << 20;
/// How long answers are gathered to be mixed.
const GATHER: Duration = Duration::from_millis(100);

/// What is done to what the server sends.
#[derive(Clone, Debug, PartialEq)]
pub enum Manner {
    /// Nothing.
    Pass,
    /// Connections are accepted, and nothing is sent on them.
    Hold,
    /// The first half of what comes next is sent, and then nothing more.
    Half,
    /// One byte is sent each second.
    Drip,
    /// A connection is reset as soon as anything is asked on it.
    Reset,
    /// The connection is closed behind the first answer after the login.
    CloseAfterAnswer,
    /// Answers are sent last first.
    OutOfTurn,
    /// Answers bear each other's ActionIDs.
    OthersActionId,
    /// Between answers, events are sent as fast as they are taken.
    Flood(Vec<u8>),
    /// After the login nothing is sent but one line that never ends.
    EndlessLine,
    /// In all that is told, this letter becomes that byte.
    Spoil(u8, u8),
    /// Connections begin with another version's banner.
    Banner(&'static str),
}

impl Manner {
    /// Whether something is done to whole messages, or between them.
    fn is_of_messages(&self) -> bool {
        matches!(
            self,
            Manner::OutOfTurn | Manner::OthersActionId | Manner::Flood(_) | Manner::CloseAfterAnswer
        )
    }
}

/// A running relay; dropping it closes all its connections.
pub struct Proxy {
    shared: Arc<Shared>,
    address: SocketAddr,
    accepting: Option<JoinHandle<()>>,
}

struct Shared {
    manner: Mutex<Manner>,
    server: Mutex<SocketAddr>,
    /// Raised to have all connections that are open now closed.
    generation: AtomicU64,
    ended: AtomicBool,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Proxy {
    /// Starts a relay to that server on a free port of 127.0.0.1.
    pub fn start(server: SocketAddr) -> Proxy {
        Proxy::start_on(TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port"), server)
    }

    /// The same on a port that is open already.
    pub fn start_on(listener: TcpListener, server: SocketAddr) -> Proxy {
        let address = listener.local_addr().expect("it is bound");
        let shared = Arc::new(Shared {
            manner: Mutex::new(Manner::Pass),
            server: Mutex::new(server),
            generation: AtomicU64::new(0),
            ended: AtomicBool::new(false),
        });
        listener.set_nonblocking(true).expect("a listener need not block");
        let accepting = Some(std::thread::spawn({
            let shared = Arc::clone(&shared);
            move || accept(&listener, &shared)
        }));
        Proxy { shared, address, accepting }
    }

    /// Where astfs finds the server.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What is done from now on.
    pub fn set(&self, manner: Manner) {
        *lock(&self.shared.manner) = manner;
    }

    /// Closes all connections; new ones are relayed to that server.
    pub fn lead_to(&self, server: SocketAddr) {
        *lock(&self.shared.server) = server;
        self.cut();
    }

    /// Closes all connections.
    pub fn cut(&self) {
        self.shared.generation.fetch_add(1, Ordering::Relaxed);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.ended.store(true, Ordering::Relaxed);
        self.cut();
        if let Some(accepting) = self.accepting.take() {
            let _ = accepting.join();
        }
    }
}

fn accept(listener: &TcpListener, shared: &Arc<Shared>) {
    while !shared.ended.load(Ordering::Relaxed) {
        match listener.accept() {
            Ok((client, _)) => {
                let server = *lock(&shared.server);
                // a server that is not there is a client that is hung up on
                if let Ok(server) = TcpStream::connect(server) {
                    Relay::start(shared, client, server);
                }
            }
            Err(_) => std::thread::sleep(LOOK),
        }
    }
}

/// One connection, to and fro.
struct Relay {
    shared: Arc<Shared>,
    generation: u64,
    closed: Arc<AtomicBool>,
}

impl Relay {
    fn start(shared: &Arc<Shared>, client: TcpStream, server: TcpStream) {
        let generation = shared.generation.load(Ordering::Relaxed);
        let relay = Relay { shared: Arc::clone(shared), generation, closed: Arc::default() };
        let other = Relay { shared: Arc::clone(shared), generation, closed: Arc::clone(&relay.closed) };
        for socket in [&client, &server] {
            socket.set_nonblocking(false).expect("a socket may block");
            socket.set_nodelay(true).expect("a socket sends at once");
            socket.set_read_timeout(Some(LOOK)).expect("a read may end");
        }
        let clones = (client.try_clone().expect("a clone"), server.try_clone().expect("a clone"));
        std::thread::spawn(move || {
            let _ = relay.ask(&client, &server);
            relay.closed.store(true, Ordering::Relaxed);
        });
        std::thread::spawn(move || {
            let (client, server) = clones;
            let _ = other.answer(&client, server);
            other.closed.store(true, Ordering::Relaxed);
            // whoever still waits for room in it is to end too
            let _ = client.shutdown(Shutdown::Write);
        });
    }

    fn manner(&self) -> Manner {
        lock(&self.shared.manner).clone()
    }

    fn goes_on(&self) -> bool {
        !self.closed.load(Ordering::Relaxed)
            && self.generation == self.shared.generation.load(Ordering::Relaxed)
    }

    /// Passes on what the client asks.
    fn ask(&self, mut client: &TcpStream, mut server: &TcpStream) -> io::Result<()> {
        let mut piece = vec![0; PIECE];
        while self.goes_on() {
            if self.manner() == Manner::Reset {
                // closed with something unread, a connection is reset
                if matches!(client.peek(&mut piece), Ok(1..)) {
                    return Ok(());
                }
                continue;
            }
            match client.read(&mut piece) {
                Ok(0) => return Ok(()),
                Ok(length) => server.write_all(&piece[..length])?,
                Err(error) if is_nothing_yet(&error) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Passes on what the server answers, in the manner of the moment.
    fn answer(&self, mut client: &TcpStream, mut server: TcpStream) -> io::Result<()> {
        let (mut piece, mut held) = (vec![0; PIECE], Vec::new());
        let mut outgoing = Outgoing::default();
        let (mut halved, mut since) = (false, None);
        let mut dripped = Instant::now();
        while self.goes_on() {
            let manner = self.manner();
            let wait = if matches!(manner, Manner::Flood(_)) { Duration::from_millis(1) } else { LOOK };
            server.set_read_timeout(Some(wait))?;
            if held.len() < HELD {
                match server.read(&mut piece) {
                    Ok(0) => return client.write_all(&held),
                    Ok(length) => held.extend_from_slice(&piece[..length]),
                    Err(error) if is_nothing_yet(&error) => {}
                    Err(error) => return Err(error),
                }
            } else {
                std::thread::sleep(LOOK);
            }
            if manner != Manner::Half {
                halved = false;
            }
            if manner.is_of_messages() && outgoing.logged_in {
                let (rest, complete) = outgoing.begun(&mut held);
                client.write_all(&rest)?;
                if !complete {
                    continue;
                }
            }
            match &manner {
                Manner::Hold => {}
                Manner::Half if halved => {}
                Manner::Half => {
                    let half: Vec<u8> = held.drain(..held.len().div_ceil(2)).collect();
                    halved = !half.is_empty();
                    client.write_all(&half)?;
                }
                Manner::Drip => {
                    if dripped.elapsed() >= Duration::from_secs(1) && !held.is_empty() {
                        dripped = Instant::now();
                        client.write_all(&[held.remove(0)])?;
                    }
                }
                Manner::OutOfTurn | Manner::OthersActionId if outgoing.logged_in => {
                    let gathered = since.get_or_insert_with(Instant::now).elapsed() >= GATHER;
                    if gathered {
                        since = None;
                        client.write_all(&outgoing.mixed(&mut held, manner == Manner::OthersActionId))?;
                    }
                }
                Manner::Flood(events) if outgoing.logged_in => {
                    client.write_all(&own_messages(&mut held))?;
                    client.write_all(events)?;
                }
                Manner::EndlessLine if outgoing.logged_in => {
                    held.clear();
                    client.write_all(&vec![b'x'; PIECE])?;
                }
                Manner::CloseAfterAnswer if outgoing.logged_in => {
                    let answer = own_messages(&mut held);
                    client.write_all(&answer)?;
                    if answer.windows(9).any(|window| window == b"ActionID:") {
                        return Ok(());
                    }
                }
                Manner::Spoil(letter, byte) if outgoing.logged_in => {
                    client.write_all(&outgoing.spoilt(&mut held, *letter, *byte))?;
                }
                Manner::Banner(banner) => client.write_all(&outgoing.greeted(&mut held, banner))?,
                _ => client.write_all(&outgoing.passed(&mut held))?,
            }
        }
        Ok(())
    }
}

fn is_nothing_yet(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut | io::ErrorKind::Interrupted)
}
