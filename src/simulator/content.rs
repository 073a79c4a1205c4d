//! What a simulated server is made of, put together before it starts.

use std::io;
use std::path::Path;

use super::Version;
use super::generator::{IaxPeer, IaxUser, Peer, hostile_peers, iax_example, sip_friends, sip_peers};
use super::recording::Recordings;
use super::request::Request;

/// The configuration of a simulated server. Recorded answers go before generated ones.
#[derive(Clone)]
pub struct Content {
    pub(super) version: Version,
    pub(super) user: String,
    pub(super) secret: String,
    pub(super) peers: Vec<Peer>,
    pub(super) iax_peers: Vec<IaxPeer>,
    pub(super) iax_users: Vec<IaxUser>,
    pub(super) recordings: Recordings,
}

impl Content {
    /// A server without any peer, which accepts user `astfs` with the secret `simulated`.
    pub fn new(version: Version) -> Self {
        Self {
            version,
            user: "astfs".into(),
            secret: "simulated".into(),
            peers: Vec::new(),
            iax_peers: Vec::new(),
            iax_users: Vec::new(),
            recordings: Recordings::default(),
        }
    }

    /// A server with `count` SIP peers and a few IAX2 ones; the same seed gives the same peers.
    pub fn generated(version: Version, count: usize, seed: u64) -> Self {
        let (iax_peers, iax_users) = iax_example();
        Self { peers: sip_peers(count, seed), iax_peers, iax_users, ..Self::new(version) }
    }

    /// A server with exactly `count` SIP friends, none of them in a database, and a few IAX2 peers; the
    /// same seed gives the same friends. For measurements, which divide by their number.
    pub fn friends(version: Version, count: usize, seed: u64) -> Self {
        Self { peers: sip_friends(count, seed), ..Self::generated(version, 0, seed) }
    }

    /// The user and the secret that the server accepts.
    pub fn credentials(mut self, user: impl Into<String>, secret: impl Into<String>) -> Self {
        (self.user, self.secret) = (user.into(), secret.into());
        self
    }

    /// Adds a SIP peer. Of two with the same name the later one stays.
    pub fn peer(mut self, peer: Peer) -> Self {
        self.peers.push(peer);
        self
    }

    /// Adds SIP peers in this order.
    pub fn peers(mut self, peers: impl IntoIterator<Item = Peer>) -> Self {
        self.peers.extend(peers);
        self
    }

    /// Adds SIP peers whose names and texts break careless programs: `..`, `with space`, slashes,
    /// `--END COMMAND--`, quotes and backslashes, invalid UTF-8, a name cut at 79 bytes.
    pub fn hostile_names(self) -> Self {
        self.peers(hostile_peers())
    }

    /// Adds an IAX2 peer.
    pub fn iax_peer(mut self, peer: IaxPeer) -> Self {
        self.iax_peers.push(peer);
        self
    }

    /// Adds an IAX2 user.
    pub fn iax_user(mut self, user: IaxUser) -> Self {
        self.iax_users.push(user);
        self
    }

    /// Adds the recorded answers of a folder with pairs `NAME.req` and `NAME.txt`, or of a file that
    /// `astfs record` wrote.
    ///
    /// # Errors
    /// When the folder or one of its files cannot be read; the error names it.
    pub fn recordings(mut self, path: impl AsRef<Path>) -> io::Result<Self> {
        self.recordings.add_all(path.as_ref())?;
        Ok(self)
    }

    /// Adds one recorded answer, as [`Content::recordings`] does for files; for pairs that are compiled
    /// into the program. A request that is none, or that logs in or off, is ignored.
    pub fn recorded(mut self, request: &[u8], answer: &[u8]) -> Self {
        self.recordings.add(request, answer);
        self
    }

    /// Binds an answer, as it goes over the wire, to a request. Where the request has no ActionID, the
    /// answer is given without one too, and gets that of whoever asks.
    pub fn answer(mut self, request: &[(&str, &str)], answer: impl AsRef<[u8]>) -> Self {
        self.recordings.bind(&Request::new(request.iter().copied()), answer.as_ref());
        self
    }
}
