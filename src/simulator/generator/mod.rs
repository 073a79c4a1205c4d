//! Peers and what a server that has them answers: one world per simulated server, asked by all sessions.
//!
//! Answers have the layout of the recorded ones, byte for byte: order of fields, padding, widths at which
//! names are cut, line ends.

mod commands;
mod core;
mod data_get;
pub(super) mod events;
mod iax;
mod iax_data;
mod peer;
mod peers;
mod population;
mod realtime;
mod sip_list;
mod sip_show;
mod sip_show_action;
mod words;

use std::net::{Ipv4Addr, SocketAddrV4};
use std::sync::Mutex;
use std::time::SystemTime;

pub use iax::{IaxPeer, IaxUser};
pub use peer::{Codec, Origin, Peer, PeerType, Text, text};
pub(super) use population::{hostile_peers, iax_example, sip_friends, sip_peers};

use super::Version;
use super::framing::{Answer, Message, list};
use super::request::Request;
use super::server::lock;
use peers::Peers;

/// How many peers stand in one piece of a list.
const PEERS_PER_PIECE: usize = 128;

/// The state of a simulated server that its answers tell of.
pub(super) struct World {
    version: Version,
    peers: Peers,
    iax_peers: Vec<IaxPeer>,
    iax_users: Vec<IaxUser>,
    started: SystemTime,
    reloaded: Mutex<SystemTime>,
}

/// Messages to be sent to all sessions.
type Events = Vec<Vec<u8>>;

impl World {
    pub(super) fn new(
        version: Version,
        peers: Vec<Peer>,
        iax_peers: Vec<IaxPeer>,
        iax_users: Vec<IaxUser>,
    ) -> Self {
        let started = SystemTime::now();
        let world = Self {
            version,
            peers: Peers::default(),
            iax_peers,
            iax_users,
            started,
            reloaded: started.into(),
        };
        peers.into_iter().for_each(|peer| world.add_peer(peer));
        world
    }

    /// The answer to a request, and the events that the request causes.
    pub(super) fn answer(&self, request: &Request) -> (Answer, Events) {
        let id = request.action_id();
        let action = request.action().to_lowercase();
        let answer = match action.as_str() {
            "command" => return self.command(request),
            "reload" => {
                let module = request.get("Module").filter(|module| !module.is_empty());
                let events = self.reload(&String::from_utf8_lossy(module.unwrap_or(b"All")));
                return (
                    Message::response("Success", id).header("Message", "Module Reloaded").answer(),
                    events,
                );
            }
            "sippeers" if self.version.has_sip() => self.sip_peers_action(id),
            "sipshowpeer" if self.version.has_sip() => self.sip_show_peer_action(request),
            "iaxpeers" => iax::peers_action(&self.iax_peers, id),
            "iaxpeerlist" => iax::peer_list_action(&self.iax_peers, id),
            "coreshowchannels" => {
                list(id, "Channels will follow", std::iter::empty(), "CoreShowChannelsComplete", 0)
            }
            "corestatus" => core::status(self.started, *lock(&self.reloaded), id),
            "coresettings" => core::settings(self.version, id),
            "listcommands" => core::list_commands(self.version, id),
            "ping" => core::ping(id),
            _ => unknown_action(request),
        };
        (answer, Events::new())
    }

    /// The whole seconds since the start.
    pub(super) fn uptime_seconds(&self) -> u64 {
        core::seconds_since(self.started)
    }

    pub(super) fn add_peer(&self, peer: Peer) {
        self.peers.add(peer);
    }

    pub(super) fn remove_peer(&self, name: &[u8]) -> bool {
        self.peers.remove(name)
    }

    pub(super) fn peer_names(&self) -> Vec<Vec<u8>> {
        self.peers.sorted(Peer::is_peer).iter().map(|peer| peer.name.to_vec()).collect()
    }

    /// Reloads a module, or `All`; gives the events of it.
    pub(super) fn reload(&self, module: &str) -> Events {
        *lock(&self.reloaded) = SystemTime::now();
        vec![events::reload(self.version, module)]
    }

    /// Registers a peer that is in memory and gives the events of it.
    pub(super) fn register(&self, name: &[u8]) -> Option<Events> {
        self.peers.change(name, |peer| {
            let was_registered = peer.address.is_some();
            let address = peer.address.unwrap_or_else(|| contact_address(name));
            let agent = if peer.user_agent.is_empty() {
                text("Simulated phone/1.0")
            } else {
                peer.user_agent.clone()
            };
            *peer = peer.clone().registered(address, agent, 3600);
            peer.expiry_time = core::unix_seconds(SystemTime::now()) + 3600;
            peer.last_ms = if peer.max_ms > 0 { 1 } else { 0 };
            events::registered(self.version, peer, was_registered)
        })
    }

    /// Takes a peer's registration away and gives the events of it.
    pub(super) fn unregister(&self, name: &[u8]) -> Option<Events> {
        self.peers.change(name, |peer| {
            peer.address = None;
            peer.full_contact = Text::default();
            peer.expires = -1;
            peer.expiry_time = 0;
            peer.last_ms = if peer.max_ms > 0 { -1 } else { 0 };
            events::unregistered(self.version, peer)
        })
    }
}

/// The address that a peer registers from if it never did before: always the same for a name.
fn contact_address(name: &[u8]) -> SocketAddrV4 {
    let hash = name.iter().fold(5381_u32, |hash, &byte| hash.wrapping_mul(33) ^ u32::from(byte));
    let [_, a, b, c] = hash.to_be_bytes();
    SocketAddrV4::new(Ipv4Addr::new(10, a, b, c), 5060)
}

fn unknown_action(request: &Request) -> Answer {
    let action = request.get("Action").unwrap_or_default();
    let hint = b". Use Action: ListCommands to show available commands.";
    Answer::error(request.action_id(), [b"Invalid/unknown command: ", action, hint].concat())
}
