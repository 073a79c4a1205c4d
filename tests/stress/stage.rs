//! The server, the relay before it, the mount, and what all workers share.

use std::collections::BTreeMap;
use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use astfs::simulator::{Content, Version};

use crate::support::calls::Calls;
use crate::support::mount::Mounted;
use crate::support::proxy::Proxy;
use crate::support::simulated::{Simulated, TreeFile};
use crate::support::wait_until;
use crate::support::walk::{Walk, walk};

/// The deadline of the tree, twice its timeout, for a path with two names that take an answer (`peers/NAME/FILE`):
/// the kernel looks up one name after the other, and each has the deadline to itself.
pub const DEADLINE: Duration = Duration::from_secs(12);

/// How long a mount of many peers may take to be well.
const PATIENCE: Duration = Duration::from_secs(60);

/// What nothing but events and reconnects keeps true; so in the end it shows whether one was missed.
const TREE: &str = r#"
[server]
address = "127.0.0.1:5038"
user    = "astfs"

[defaults]
timeout = "3s"

[query.peers]
action  = "SIPpeers"
key     = "ObjectName"
refresh = { on = ["Reload", { PeerStatus = "event.Peer[4:]" }], one = "entry", every = "1h" }

[query.entry]
action = { Action = "SIPshowpeer", Peer = "{{ peer.ObjectName }}" }

[query.entry.fields]
IPaddress = "row['Address-IP'] | replace('(null)', '-none-')"
IPport    = "row['Address-Port']"
Dynamic   = "'yes' if row.Dynamic == 'Y' else 'no'"
Status    = "row.Status"

[query.details]
action  = { Action = "SIPshowpeer", Peer = "{{ peer.ObjectName }}" }
refresh = { on = ["Reload", { PeerStatus = "event.Peer[4:]" }], every = "1h" }

[each.peer]
in = "peers"

[tree]
"version"              = { command = "core show version" }
"count"                = { render = "{{ peers | rejectattr('IPaddress', 'eq', '-none-') | list | length }}\n" }
"peers/{peer}/address" = { render = "{{ peer.IPaddress }}\n" }
"peers/{peer}/contact" = { render = "{{ details['Reg-Contact'] }}\n" }
"peers/{peer}/context" = { render = "{{ details.Context }}\n" }
"online/{peer}"        = { symlink = "../peers/{{ peer }}", when = "peer.IPaddress != '-none-'" }
"control/show"         = { write = { command = "sip show peer {{ input }}", match = '.+' } }
"events/all"           = { events = { names = "*", size = "256k" } }
"#;

/// What all workers share.
pub struct Stage {
    pub server: Simulated,
    /// One of another version that takes its place at times.
    pub other: Simulated,
    pub proxy: Proxy,
    pub mounted: Mounted,
    pub calls: Calls,
    /// The names of the peers, as directories.
    pub peers: Vec<String>,
    tree: TreeFile,
    done: Mutex<BTreeMap<&'static str, usize>>,
    ended: AtomicBool,
}

impl Stage {
    /// A mount that is well, with a server that has so many peers.
    pub fn set(peers: usize) -> Stage {
        let server = Simulated::start(Content::friends(Version::Asterisk16, peers, 3));
        let other = Simulated::start(Content::friends(Version::Asterisk13, peers, 3));
        other.set_credentials(&server.user(), &server.secret());
        let proxy = Proxy::start(server.address());
        let tree = TreeFile::new(TREE);
        let mounted = mount(&server, &proxy.address().to_string(), &tree);
        let mut names = Vec::new();
        let well = wait_until(PATIENCE, || {
            let listed = fs::read_dir(mounted.join("peers"));
            names = listed.map_or_else(
                |_| Vec::new(),
                |listed| listed.flatten().filter_map(|entry| entry.file_name().into_string().ok()).collect(),
            );
            names.len() == peers
        });
        assert!(well, "{} peers of {peers}:\n{}", names.len(), mounted.stderr());
        let (done, ended) = (Mutex::default(), AtomicBool::new(false));
        Stage { server, other, proxy, mounted, calls: Calls::new(), peers: names, tree, done, ended }
    }

    /// Whether the workers are to go on.
    pub fn goes_on(&self) -> bool {
        !self.ended.load(Ordering::Relaxed)
    }

    /// Has the workers begin.
    pub fn begin(&self) {
        self.ended.store(false, Ordering::Relaxed);
    }

    /// Has the workers end.
    pub fn end(&self) {
        self.ended.store(true, Ordering::Relaxed);
    }

    /// Rests, but not beyond the end.
    pub fn rest(&self, time: Duration) {
        let _ = wait_until(time, || !self.goes_on());
    }

    /// Counts something that was done.
    pub fn count(&self, what: &'static str) {
        *self.done.lock().unwrap_or_else(PoisonError::into_inner).entry(what).or_default() += 1;
    }

    /// How often what was done.
    pub fn done(&self) -> BTreeMap<&'static str, usize> {
        self.done.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Edits the tree: these lines stand behind all others.
    pub fn edit(&self, lines: &str) {
        // as editors do: whoever reads it meanwhile has the old one or the new one
        let path = self.tree.path();
        let new = path.with_extension("new");
        fs::write(&new, format!("{TREE}{lines}"))
            .and_then(|()| fs::rename(&new, &path))
            .expect("it is written");
    }

    /// What the mount shows, but for what is alive, which no other mount shows.
    pub fn shown(&self) -> Walk {
        of_the_server(walk(self.mounted.path()))
    }

    /// What another mount of the same tree and server shows.
    pub fn shown_anew(&self) -> Walk {
        let fresh = mount(&self.server, &self.server.address().to_string(), &self.tree);
        let connected = || fs::read(fresh.join("version")).is_ok();
        assert!(wait_until(PATIENCE, connected), "{}", fresh.stderr());
        of_the_server(walk(fresh.path()))
    }
}

fn mount(server: &Simulated, address: &str, tree: &TreeFile) -> Mounted {
    let (user, secret) = (server.user(), server.secret());
    let environment = [("ASTFS_SERVER", address), ("ASTFS_USER", &*user), ("ASTFS_SECRET", &*secret)];
    Mounted::start(&tree.path(), [""; 0], &environment).unwrap_or_else(|error| panic!("{error}"))
}

fn of_the_server(mut shown: Walk) -> Walk {
    shown.retain(|path, _| !path.starts_with("control") && !path.starts_with("events"));
    shown
}
