//! An Asterisk to try things on: a server that speaks AMI on a loopback port, as the real ones of
//! versions 13, 16 and 22 do, byte for byte.
//!
//! It answers from recorded conversations first ([`Content::recordings`]), then from a generator of SIP
//! and IAX2 peers ([`Content::generated`]), and otherwise as a real server answers what it does not know.
//! A client cannot tell it from a real server, except that it
//! - refuses a failed login at once, where a real server waits a second before it hangs up;
//! - never drops a client that reads slowly, and lets it wait instead;
//! - sends no event of the class `security`, and none of calls and queues, since it has none;
//! - prints peers outside the sorted lists in the order of their configuration, where a real server's
//!   order is that of its hash table;
//! - does not count a registration's remaining seconds down.
//!
//! What it answers by itself: the actions `SIPpeers`, `SIPshowpeer`, `IAXpeers`, `IAXpeerlist`, `Command`,
//! `CoreStatus`, `CoreSettings`, `CoreShowChannels`, `ListCommands`, `Reload`, `Ping`, and those of a
//! session (`Login`, `Challenge`, `Logoff`, `Events`); the commands `sip show peers [like PATTERN]`,
//! `sip show peer`, `sip show users`, `sip show user`, `iax2 show peers`, `iax2 show peer`,
//! `iax2 show users`, `realtime load sippeers`, `data get` (13 only), `core show version`,
//! `core show uptime [seconds]` and `module reload`. SIP is there in 13 and 16 only.

mod content;
mod fault;
mod framing;
mod generator;
mod recording;
mod request;
mod server;
mod session;

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use tokio::net::TcpSocket;
use tokio::task::JoinHandle;

pub use content::Content;
pub use fault::Fault;
pub use generator::{Codec, IaxPeer, IaxUser, Origin, Peer, PeerType, Text, text};
pub use request::Request;

use fault::Injected;
use generator::events;
use server::{Shared, lock};
use session::Notice;

/// How long [`Simulator::stop`] waits for sessions to take their last events.
const FAREWELL: Duration = Duration::from_secs(1);

/// The version of Asterisk that is simulated: its banner, its framing of commands, and which actions and
/// commands it knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    /// 13.38, the last with both `data get` and raw command output.
    Asterisk13,
    /// 16.28, with `Output` headers and `chan_sip`.
    Asterisk16,
    /// 22.10, which has no `chan_sip` any more; its PJSIP answers come from recordings only.
    Asterisk22,
}

impl Version {
    /// The line that greets a new connection, without its line end.
    pub fn banner(self) -> &'static str {
        match self {
            Self::Asterisk13 => "Asterisk Call Manager/2.10.6",
            Self::Asterisk16 => "Asterisk Call Manager/5.0.4",
            Self::Asterisk22 => "Asterisk Call Manager/11.0.0",
        }
    }

    /// The `SystemName` that the server of the transcripts was given; 13's had none.
    fn system_name(self) -> Option<&'static str> {
        match self {
            Self::Asterisk13 => None,
            Self::Asterisk16 => Some("ast16"),
            Self::Asterisk22 => Some("ast22"),
        }
    }

    fn has_sip(self) -> bool {
        self != Self::Asterisk22
    }
}

/// A running server. Dropping it closes the port and all connections, as soon as its runtime gets to it;
/// [`Simulator::stop`] takes leave first.
pub struct Simulator {
    shared: Arc<Shared>,
    address: SocketAddr,
    /// Holds the port while nobody listens on it, so that nobody else gets it.
    _reserved: TcpSocket,
    /// The task that accepts connections; none while they are refused.
    listening: std::sync::Mutex<Option<JoinHandle<()>>>,
}

impl Simulator {
    /// Starts a server on a free port of 127.0.0.1. It runs on the tokio runtime of the caller.
    ///
    /// # Errors
    /// When no port can be opened.
    pub async fn start(content: Content) -> io::Result<Self> {
        Self::start_at(content, SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).await
    }

    /// Starts a server on that address.
    ///
    /// # Errors
    /// When the address is taken or not this machine's.
    pub async fn start_at(content: Content, address: SocketAddr) -> io::Result<Self> {
        let reserved = server::reserve(address)?;
        let address = reserved.local_addr()?;
        let listener = server::listen(address)?;
        let shared = Arc::new(Shared::new(content));
        let listening = Some(server::accept(listener, Arc::clone(&shared))).into();
        Ok(Self { shared, address, _reserved: reserved, listening })
    }

    /// Where the server listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The version that is simulated.
    pub fn version(&self) -> Version {
        self.shared.version
    }

    /// The user that can log in.
    pub fn user(&self) -> String {
        self.shared.credentials().0
    }

    /// The secret that the user logs in with.
    pub fn secret(&self) -> String {
        self.shared.credentials().1
    }

    /// Changes user and secret for the logins to come.
    pub fn set_credentials(&self, user: &str, secret: &str) {
        self.shared.set_credentials(user, secret);
    }

    /// Lets a dynamic SIP peer register, or register again, from a contact of its own, with the events of
    /// the real server. Says whether there is such a peer in memory.
    pub fn register(&self, peer: impl AsRef<[u8]>) -> bool {
        self.change(self.shared.world.register(peer.as_ref()))
    }

    /// Registers SIP peers as [`register`](Self::register) does, all before the first event is sent. Says how
    /// many of them are in memory.
    pub fn register_all(&self, peers: impl IntoIterator<Item: AsRef<[u8]>>) -> usize {
        let events = peers.into_iter().filter_map(|peer| self.shared.world.register(peer.as_ref()));
        let events: Vec<_> = events.collect();
        let known = events.len();
        self.shared.emit(events.into_iter().flatten());
        known
    }

    /// Lets a SIP peer's registration end, with the events of the real server. Says whether there is such
    /// a peer in memory.
    pub fn unregister(&self, peer: impl AsRef<[u8]>) -> bool {
        self.change(self.shared.world.unregister(peer.as_ref()))
    }

    fn change(&self, events: Option<Vec<Vec<u8>>>) -> bool {
        let known = events.is_some();
        self.shared.emit(events.into_iter().flatten());
        known
    }

    /// Adds a SIP peer or replaces the one of that name. As on a real server no event tells of it.
    pub fn add_peer(&self, peer: Peer) {
        self.shared.world.add_peer(peer);
    }

    /// Removes a SIP peer. As on a real server no event tells of it. Says whether there was one.
    pub fn remove_peer(&self, peer: impl AsRef<[u8]>) -> bool {
        self.shared.world.remove_peer(peer.as_ref())
    }

    /// The names of all SIP peers in memory, as `sip show peers` sorts them, users left out.
    pub fn peer_names(&self) -> Vec<Vec<u8>> {
        self.shared.world.peer_names()
    }

    /// Reloads the configuration as the action `Reload` does: nothing changes but the time of the last
    /// reload, and the event `Reload` goes out.
    pub fn reload(&self) {
        self.shared.emit(self.shared.world.reload("All"));
    }

    /// Sends an event, one whole message as it goes over the wire, to all sessions that take its class.
    pub fn emit(&self, event: impl Into<Vec<u8>>) {
        self.shared.emit([event.into()]);
    }

    /// Binds an answer to a request from now on; see [`Content::answer`].
    pub fn answer(&self, request: &[(&str, &str)], answer: impl AsRef<[u8]>) {
        let request = Request::new(request.iter().copied());
        self.shared
            .recordings
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .bind(&request, answer.as_ref());
    }

    /// The last 100,000 requests of all sessions, in the order in which they were received.
    pub fn asked(&self) -> Vec<Request> {
        lock(&self.shared.asked).iter().cloned().collect()
    }

    /// How many requests all sessions have sent so far, those of a login included.
    pub fn requests(&self) -> u64 {
        self.shared.requests.load(Ordering::Relaxed)
    }

    /// Forgets the requests received up to now, so that the next ones can be counted.
    pub fn forget_asked(&self) {
        lock(&self.shared.asked).clear();
    }

    /// Spoils the answers to all requests from now on, or to none.
    pub fn set_fault(&self, fault: Option<Fault>) {
        *lock(&self.shared.fault) = fault.map(|fault| Injected { fault, only: None, once: false });
    }

    /// Spoils the answers to the requests whose action or command contains `text`, whatever its case.
    pub fn set_fault_for(&self, text: &str, fault: Fault) {
        *lock(&self.shared.fault) = Some(Injected { fault, only: Some(text.into()), once: false });
    }

    /// Spoils the answer to one request, the next whose action or command contains `text`.
    pub fn fail_next(&self, text: &str, fault: Fault) {
        *lock(&self.shared.fault) = Some(Injected { fault, only: Some(text.into()), once: true });
    }

    /// How many connections are open.
    pub fn connections(&self) -> usize {
        self.shared.connections()
    }

    /// Hangs up on all clients at once, in whatever they are doing. They can connect again.
    pub fn disconnect_all(&self) {
        self.shared.disconnect_all();
    }

    /// Goes down: hangs up on all clients and refuses new connections. The port stays this server's.
    pub async fn refuse_connections(&self) {
        let before = lock(&self.listening).take();
        if let Some(task) = before {
            task.abort();
            // The port is closed once the task is gone; being cancelled is how it ends.
            let _ = task.await;
        }
        self.disconnect_all();
    }

    /// Comes back on the same port.
    ///
    /// # Errors
    /// When the port cannot be opened.
    pub fn accept_connections(&self) -> io::Result<()> {
        let mut listening = lock(&self.listening);
        if listening.is_none() {
            let listener = server::listen(self.address)?;
            *listening = Some(server::accept(listener, Arc::clone(&self.shared)));
        }
        Ok(())
    }

    /// Stops as `core stop now` does: the event `Shutdown`, then all connections are closed.
    pub async fn stop(self) {
        self.shared.emit([events::shutdown(self.shared.version)]);
        self.shared.notify(&Notice::HangUp);
        let gone = async {
            while self.connections() > 0 {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        // A client that does not read its last events is hung up on by the drop.
        let _ = tokio::time::timeout(FAREWELL, gone).await;
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        if let Some(task) = &*lock(&self.listening) {
            task.abort();
        }
        self.shared.disconnect_all();
    }
}

#[cfg(test)]
#[path = "client_for_tests.rs"]
mod client_for_tests;
#[cfg(test)]
#[path = "fault_tests.rs"]
mod fault_tests;
#[cfg(test)]
#[path = "session_tests.rs"]
mod session_tests;
#[cfg(test)]
#[path = "transcript_tests.rs"]
mod transcript_tests;
