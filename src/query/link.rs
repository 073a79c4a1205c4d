//! The connections to servers: whether there is one, and since when.

use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use super::asking::Asking;
use super::counts::Traffic;
use super::events::Incoming;
use super::queries::Queries;
use super::scope::Bindings;
use super::server::Server;
use crate::language::{QueryId, ServerId};

/// Sessions of a server that takes another's place are counted from so much further on.
const SESSIONS: u64 = 1 << 32;

/// A server, and what passes between it and the queries.
pub struct Connection {
    /// The server.
    pub server: Arc<dyn Server>,
    /// The questions on their way to it.
    pub asking: Asking,
    /// Those to files, programs and URLs that are asked for this server alone: a slow one is in nobody's way.
    pub beside: Asking,
    /// What passed over it.
    pub(super) traffic: Traffic,
    /// Its events, for one model after the other.
    pub incoming: tokio::sync::Mutex<Incoming>,
    /// How many of these are to be looked at once more in a moment.
    pub early: AtomicUsize,
    link: Mutex<Link>,
    first_session: u64,
}

impl Connection {
    /// To a server that nothing was asked yet.
    pub fn new(server: Arc<dyn Server>) -> Connection {
        let (asking, beside, traffic, incoming, early, link) = Default::default();
        Connection { server, asking, beside, traffic, incoming, early, link, first_session: 0 }
    }

    /// To a server that takes the place of this one's: no session of it is one of this one's.
    pub fn replaced_by(&self, server: Arc<dyn Server>) -> Connection {
        let first_session = self.first_session + SESSIONS;
        Connection { first_session, ..Connection::new(server) }
    }

    /// The number of the present session; none while there is no connection.
    pub fn session(&self) -> Option<u64> {
        Some(self.first_session + self.server.session()?)
    }

    /// Waits until the session may be another than `known`.
    pub async fn session_changes(&self, known: Option<u64>) {
        let known = known.and_then(|known| known.checked_sub(self.first_session));
        self.server.session_changes(known).await;
    }

    /// The connection as it is now.
    pub fn link_now(&self) -> Link {
        let session = self.session();
        let mut link = self.link.lock().unwrap_or_else(PoisonError::into_inner);
        if link.session != session {
            // while it is away, what it could not do is known as what it told is
            let data_get = if session.is_none() { link.data_get } else { DataGet::Unknown };
            *link = Link { session, epoch: link.epoch + 1, data_get, ..Link::default() };
        }
        *link
    }

    /// Notes that this session has no `data get`.
    pub fn lacks_data_get(&self, session: Option<u64>, data_get: DataGet) {
        let mut link = self.link.lock().unwrap_or_else(PoisonError::into_inner);
        if link.session == session {
            link.data_get = data_get;
        }
    }
}

/// A connection as it was last seen.
#[derive(Debug, Clone, Copy)]
pub struct Link {
    /// The number of the session; none while there is no connection.
    pub session: Option<u64>,
    /// Grows by one whenever the session is another, or lost.
    pub epoch: u64,
    /// Since when it is so.
    since: Instant,
    /// The same by the clock on the wall.
    pub at: SystemTime,
    /// Whether `data get` can be asked in this session.
    pub data_get: DataGet,
}

/// What is known of `data get` in a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DataGet {
    /// Nothing, or that it answers.
    #[default]
    Unknown,
    /// The server has it not.
    Missing,
    /// The manager user may not use commands.
    Denied,
}

impl Default for Link {
    fn default() -> Link {
        let data_get = DataGet::Unknown;
        Link { session: None, epoch: 0, since: Instant::now(), at: SystemTime::now(), data_get }
    }
}

impl Link {
    /// How long it has been so.
    pub fn age(&self) -> Duration {
        self.since.elapsed()
    }

    /// Since when there is no connection any more; none while there is one, or was none ever.
    pub fn down_since(&self) -> Option<Instant> {
        (self.session.is_none() && self.epoch > 0).then_some(self.since)
    }
}

impl Queries {
    /// The connection that a query asks over; none if there is none, or if it is no server's own.
    pub(super) fn connection_of(&self, id: QueryId) -> Option<&Arc<Connection>> {
        self.connections.get(self.model().query(id).server?.0)
    }

    /// The questions on their way to what is beside the servers, for a query.
    pub(super) fn beside_of(&self, id: QueryId) -> &Asking {
        self.connection_of(id).map_or(&*self.beside, |connection| &connection.beside)
    }

    /// The connection that a query asks over, as it is now.
    pub(super) fn link_of(&self, id: QueryId) -> Link {
        self.connection_of(id).map_or_else(Link::default, |connection| connection.link_now())
    }

    /// Grows with every connection to the server of a query, and every loss of one; of a query that is no
    /// server's own, with those to any.
    pub(super) fn epoch_of(&self, id: QueryId) -> u64 {
        self.epoch(self.model().query(id).server)
    }

    /// The same of a server, or of all.
    pub fn epoch(&self, server: Option<ServerId>) -> u64 {
        match server {
            Some(server) => {
                self.connections.get(server.0).map_or(0, |connection| connection.link_now().epoch)
            }
            None => self.connections.iter().map(|connection| connection.link_now().epoch).sum(),
        }
    }

    /// The server that is meant where these are set; none if there are several, and none of them is.
    pub fn server_of(&self, bindings: &Bindings) -> Option<ServerId> {
        if !self.model().is_fleet() {
            return Some(ServerId(0));
        }
        bindings.server().and_then(|name| self.model().server_named(name))
    }

    /// What is set for a query that is asked once: its server, if there are several.
    pub fn home(&self, id: QueryId) -> Bindings {
        let model = self.model();
        let server = model.query(id).server.filter(|_| model.is_fleet());
        let named = server.and_then(|server| model.servers.get_index(server.0));
        named.map_or_else(Bindings::none, |(name, _)| Bindings::of_server(name))
    }
}
