//! A mount, its server, and what stands between them.

use astfs::simulator::{Content, Version};

use super::fault::{Fault, Inject};
use super::namespace::Namespace;
use crate::support::asterisk::{self, Asterisk};
use crate::support::counts::skipped;
use crate::support::mount::Mounted;
use crate::support::proxy::{Manner, Proxy};
use crate::support::simulated::{Simulated, TreeFile};

/// A tree of everything that can wait for a server. Its deadline is twice its timeout.
const TREE: &str = r#"
[server]
address = "127.0.0.1:5038"
user    = "astfs"

[defaults]
timeout = "1s"
ttl     = "200ms"

[query.peers]
action  = "SIPpeers"
key     = "ObjectName"
refresh = { on = [{ PeerStatus = "event.Peer[4:]" }], every = "300ms" }

[query.details]
action = { Action = "SIPshowpeer", Peer = "{{ peer.ObjectName }}" }

[each.peer]
in = "peers"

[tree]
"motd"                 = { text = "static\n" }
"version"              = { command = "core show version" }
"strict"               = { command = "core show version", on_error = "error" }
"uptime"               = { command = "core show uptime" }
"peers/{peer}/address" = { render = "{{ peer.IPaddress }}\n" }
"peers/{peer}/context" = { render = "{{ details.Context }}\n" }
"online/{peer}"        = { symlink = "../peers/{{ peer }}", when = "peer.IPaddress != '-none-'" }
"control/show"         = { write = { command = "sip show peer {{ input }}", match = '.+' } }
"events/all"           = { events = { names = "*", size = "64k" } }
"#;

/// A manager user of `tests/asterisk/common/manager.conf`.
const REAL: (&str, &str) = ("astfs", "astfs-test");

/// A mount and its server, well at first.
pub struct Ground {
    pub mounted: Mounted,
    server: Server,
    proxy: Option<Proxy>,
    /// The server that takes the place of the first.
    other: Option<Simulated>,
    namespace: Option<Namespace>,
    secret: String,
    _tree: TreeFile,
}

enum Server {
    Simulated(Simulated),
    Real(Asterisk),
}

fn simulated(version: Version) -> Simulated {
    let server = Simulated::start(Content::generated(version, 5, 11));
    for peer in server.peer_names() {
        server.register(peer);
    }
    server
}

impl Ground {
    /// What that fault needs; none, with the reason told, where this machine cannot have it.
    pub fn for_fault(fault: &Fault) -> Option<Ground> {
        let real = matches!(fault.inject, Inject::Suspended | Inject::Killed);
        let server = match real {
            true => Server::Real(Asterisk::start(asterisk::Version::V16)?),
            false => Server::Simulated(simulated(fault.version)),
        };
        let (address, user, secret) = match &server {
            Server::Simulated(server) => (server.address(), server.user(), server.secret()),
            Server::Real(server) => (server.ami_address(), REAL.0.to_owned(), REAL.1.to_owned()),
        };
        let mut namespace = None;
        let proxy = match &fault.inject {
            Inject::Relayed(_) | Inject::RelayedAnew(_) | Inject::Replaced(_) => Some(Proxy::start(address)),
            Inject::Unreachable => {
                namespace = Namespace::make();
                let Some(namespace) = &namespace else {
                    skipped("a network whose packets are dropped takes root and `ip netns`");
                    return None;
                };
                Some(Proxy::start_on(namespace.listen(), address))
            }
            _ => None,
        };
        let other = match fault.inject {
            Inject::Replaced(version) => Some(simulated(version)),
            _ => None,
        };
        let tree = TreeFile::new(TREE);
        let address = proxy.as_ref().map_or(address, Proxy::address).to_string();
        let environment = [("ASTFS_SERVER", &*address), ("ASTFS_USER", &*user), ("ASTFS_SECRET", &*secret)];
        let mounted = Mounted::start(&tree.path(), [""; 0], &environment);
        let mounted = mounted.unwrap_or_else(|error| panic!("{error}"));
        Some(Ground { mounted, server, proxy, other, namespace, secret, _tree: tree })
    }

    /// Has the fault begin.
    pub fn begin(&mut self, fault: &Fault) {
        match (&fault.inject, &mut self.server) {
            (Inject::Refused, Server::Simulated(server)) => server.go_down(),
            (Inject::Answers("", answering), Server::Simulated(server)) => {
                server.set_fault(Some(answering.clone()));
            }
            (Inject::Answers(text, answering), Server::Simulated(server)) => {
                server.set_fault_for(text, answering.clone());
            }
            (Inject::SecretChanged, Server::Simulated(server)) => {
                server.set_credentials("astfs", "another");
                server.disconnect_all();
            }
            (Inject::Suspended, Server::Real(server)) => server.suspend(),
            (Inject::Killed, Server::Real(server)) => server.kill(),
            _ => {}
        }
        if let Some(namespace) = &self.namespace {
            assert!(namespace.drop_packets(), "packets go elsewhere");
        }
        let Some(proxy) = &self.proxy else { return };
        match (&fault.inject, &self.other) {
            (Inject::Relayed(manner), _) => proxy.set(manner.clone()),
            (Inject::RelayedAnew(manner), _) => {
                proxy.set(manner.clone());
                proxy.cut();
            }
            (Inject::Replaced(_), Some(other)) => proxy.lead_to(other.address()),
            _ => {}
        }
    }

    /// Has the fault end. A server that was replaced stays so.
    pub fn end(&mut self, fault: &Fault) {
        match (&fault.inject, &mut self.server) {
            (Inject::Refused, Server::Simulated(server)) => server.come_back(),
            (Inject::Answers(..), Server::Simulated(server)) => server.set_fault(None),
            (Inject::SecretChanged, Server::Simulated(server)) => {
                server.set_credentials("astfs", &self.secret);
            }
            (Inject::Suspended, Server::Real(server)) => server.resume(),
            (Inject::Killed, Server::Real(server)) => server.start_again(),
            _ => {}
        }
        if let Some(namespace) = &self.namespace {
            assert!(namespace.pass(), "packets arrive");
        }
        if let Some(proxy) = &self.proxy {
            let banner = matches!(fault.inject, Inject::RelayedAnew(Manner::Banner(_)));
            proxy.set(Manner::Pass);
            if banner {
                proxy.cut();
            }
        }
    }

    /// The first words of `core show version` when all is well again.
    pub fn version(&self, fault: &Fault) -> &'static str {
        let version = match fault.inject {
            Inject::Replaced(version) => version,
            _ => fault.version,
        };
        if version == Version::Asterisk13 { "Asterisk 13" } else { "Asterisk 16" }
    }
}
