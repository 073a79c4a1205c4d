//! The listening socket and what all sessions share. Whoever aborts the listener's task closes the port;
//! whoever aborts a session's task closes its connection.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use bytes::Bytes;
use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio::task::{AbortHandle, JoinHandle};

use super::fault::{Fault, Injected};
use super::framing::Answer;
use super::generator::World;
use super::recording::Recordings;
use super::request::Request;
use super::session::{Notice, Session};
use super::{Content, Version};

/// How many requests are remembered for [`super::Simulator::asked`]; older ones are forgotten.
const REMEMBERED: usize = 100_000;

/// What every session of a server needs.
pub(super) struct Shared {
    pub(super) version: Version,
    pub(super) world: World,
    pub(super) recordings: RwLock<Recordings>,
    pub(super) fault: Mutex<Option<Injected>>,
    pub(super) asked: Mutex<VecDeque<Request>>,
    /// How many requests there have been.
    pub(super) requests: AtomicU64,
    credentials: Mutex<(String, String)>,
    sessions: Mutex<HashMap<u64, Connected>>,
    /// How many connections there have been.
    connected: AtomicU64,
}

/// A session as the server knows it.
struct Connected {
    notices: UnboundedSender<Notice>,
    task: AbortHandle,
}

/// Locks, also behind a thread that panicked: no state here is ever left half changed.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shared {
    pub(super) fn new(content: Content) -> Self {
        Self {
            version: content.version,
            world: World::new(content.version, content.peers, content.iax_peers, content.iax_users),
            recordings: RwLock::new(content.recordings),
            fault: Mutex::new(None),
            asked: Mutex::new(VecDeque::new()),
            requests: AtomicU64::new(0),
            credentials: Mutex::new((content.user, content.secret)),
            sessions: Mutex::new(HashMap::new()),
            connected: AtomicU64::new(0),
        }
    }

    /// The accepted user and secret.
    pub(super) fn credentials(&self) -> (String, String) {
        lock(&self.credentials).clone()
    }

    pub(super) fn set_credentials(&self, user: &str, secret: &str) {
        *lock(&self.credentials) = (user.into(), secret.into());
    }

    pub(super) fn uptime_seconds(&self) -> u64 {
        self.world.uptime_seconds()
    }

    /// Remembers a request.
    pub(super) fn note(&self, request: &Request) {
        self.requests.fetch_add(1, Ordering::Relaxed);
        let mut asked = lock(&self.asked);
        if asked.len() == REMEMBERED {
            asked.pop_front();
        }
        asked.push_back(request.clone());
    }

    /// The fault that the answer to this request is to show.
    pub(super) fn fault_for(&self, request: &Request) -> Option<Fault> {
        let mut place = lock(&self.fault);
        let injected = place.as_ref().filter(|injected| injected.meets(request))?;
        let (fault, once) = (injected.fault.clone(), injected.once);
        if once {
            *place = None;
        }
        Some(fault)
    }

    /// The answer to a request of a session that is logged in.
    pub(super) fn answer(&self, request: &Request) -> Answer {
        let recorded = self.recordings.read().unwrap_or_else(PoisonError::into_inner).answer(request);
        recorded.unwrap_or_else(|| {
            let (answer, events) = self.world.answer(request);
            self.emit(events);
            answer
        })
    }

    /// Sends events to all sessions that take them.
    pub(super) fn emit(&self, events: impl IntoIterator<Item = Vec<u8>>) {
        for event in events {
            self.notify(&Notice::Event(Bytes::from(event)));
        }
    }

    pub(super) fn notify(&self, notice: &Notice) {
        for connected in lock(&self.sessions).values() {
            // A session that has just ended needs no notice.
            let _ = connected.notices.send(notice.clone());
        }
    }

    /// Closes all connections at once, whatever they are sending.
    pub(super) fn disconnect_all(&self) {
        let sessions = std::mem::take(&mut *lock(&self.sessions));
        for connected in sessions.values() {
            connected.task.abort();
        }
    }

    /// How many connections are open.
    pub(super) fn connections(&self) -> usize {
        lock(&self.sessions).len()
    }
}

/// Opens the port for listening.
///
/// # Errors
/// When the address is taken or not this machine's.
pub(super) fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    reserve(address)?.listen(1024)
}

/// Takes the port without listening: whoever connects is refused, and the port is not given away. A
/// listener of this program can still be opened on it.
///
/// # Errors
/// When the address is taken or not this machine's.
pub(super) fn reserve(address: SocketAddr) -> io::Result<TcpSocket> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    socket.set_reuseaddr(true)?;
    socket.set_reuseport(true)?;
    socket.bind(address)?;
    Ok(socket)
}

/// Accepts connections until the task is aborted.
pub(super) fn accept(listener: TcpListener, shared: Arc<Shared>) -> JoinHandle<()> {
    tokio::spawn(async move {
        loop {
            match listener.accept().await {
                Ok((socket, _)) => start_session(&shared, socket),
                Err(error) => {
                    tracing::warn!(%error, "the simulator could not accept a connection");
                    tokio::time::sleep(std::time::Duration::from_millis(10)).await;
                }
            }
        }
    })
}

fn start_session(shared: &Arc<Shared>, socket: tokio::net::TcpStream) {
    let (sender, notices) = unbounded_channel();
    // Held until the session is known, so that it cannot end before.
    let mut sessions = lock(&shared.sessions);
    let number = shared.connected.fetch_add(1, Ordering::Relaxed);
    let leave = Leave { shared: Arc::clone(shared), number };
    let task = tokio::spawn(async move {
        let session = Session::serve(Arc::clone(&leave.shared), number, socket, notices);
        if let Err(error) = session.await {
            tracing::debug!(%error, "a simulated session ended");
        }
    });
    sessions.insert(number, Connected { notices: sender, task: task.abort_handle() });
}

/// Takes a session out of the server's list when it ends, however it ends.
struct Leave {
    shared: Arc<Shared>,
    number: u64,
}

impl Drop for Leave {
    fn drop(&mut self) {
        lock(&self.shared.sessions).remove(&self.number);
    }
}
