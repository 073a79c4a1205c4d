//! What the commands of a block stand on: servers, what is mounted, and what goes wrong with them.

use std::fs;
use std::path::Path;

use astfs::simulator::{Content, Fault, Peer, Version};

use super::super::asterisk::{Asterisk, Version as RealVersion};
use super::super::simulated::{Simulated, transcripts};

/// What a `console` block stands on: the words behind `console`.
pub enum Ground {
    /// `shell`, or nothing: what there is already.
    Shell,
    /// `mounted SERVER`: the tree file, mounted at `/mnt` with that server.
    Mounted(String),
    /// `demo ARGUMENT …`: what `astfs demo` mounts with these arguments.
    Demo(String),
    /// `servers NAME=SERVER …`: servers that are reached at `NAME:5038`, nothing mounted. That of the name
    /// `127.0.0.1` is the one that commands ask.
    Servers(Vec<(String, String)>),
    /// `background`, or `background SERVER`: its only command stays, and mounts; the server is there before.
    Background(Option<String>),
    /// `now CHANGE`, `now CHANGE: WHAT`: as the block before, but something has changed with the server. See [`Server::change`].
    Now(String),
}

impl Ground {
    /// Reads the words.
    pub fn read(text: &str) -> Ground {
        let (kind, rest) = text.split_once(' ').unwrap_or((text, ""));
        match kind {
            "" | "shell" => Ground::Shell,
            "background" => Ground::Background((!rest.is_empty()).then(|| rest.to_owned())),
            "mounted" => Ground::Mounted(rest.to_owned()),
            "demo" => Ground::Demo(rest.to_owned()),
            "now" => Ground::Now(rest.to_owned()),
            "servers" => {
                let named = rest.split(' ').filter_map(|server| server.split_once('='));
                Ground::Servers(named.map(|(name, server)| (name.to_owned(), server.to_owned())).collect())
            }
            other => panic!("a console block on `{other}`"),
        }
    }
}

/// A server that a page names.
pub enum Server {
    /// One that is played, or simulated.
    Simulated(Simulated),
    /// A real one.
    Real(Box<Asterisk>),
}

impl Server {
    /// Starts the server of that name:
    ///
    /// - `13-calling`, `16`, `22`: what a real one of that version told, recorded;
    /// - `simulated`: an Asterisk 16 with 8 peers;
    /// - `phones`: one with two phones, 6001, which is registered, and 6002;
    /// - `asterisk-16`: a real one, which knows the manager user of the page's `manager.conf`.
    ///
    /// `None` where this machine cannot have it; then that has been noted.
    pub fn start(name: &str, folder: &Path) -> Option<Server> {
        let recorded = |version| {
            Content::new(version).recordings(transcripts(name)).expect("the recordings can be read")
        };
        let content = match name {
            "13-calling" => {
                let waiting = fs::read(transcripts("13").join("action_QueueStatus_CALLER_WAITING.txt"));
                let content = Content::new(Version::Asterisk13);
                content.answer(&[("Action", "QueueStatus")], waiting.expect("the recording can be read"))
            }
            "16" => recorded(Version::Asterisk16),
            "22" => recorded(Version::Asterisk22),
            "simulated" => Content::generated(Version::Asterisk16, 8, 1),
            "phones" => {
                let address = "192.0.2.1:54203".parse().expect("an address");
                let mut bo = Peer::new("6001").registered(address, "Phone", 3600);
                bo.caller_name = b"Bo"[..].into();
                bo.caller_number = b"03012345678"[..].into();
                Content::new(Version::Asterisk16).peer(bo).peer(Peer::new("6002"))
            }
            "asterisk-16" => return real(folder).map(|server| Server::Real(Box::new(server))),
            other => panic!("no server `{other}`"),
        };
        Some(Server::Simulated(Simulated::start(content)))
    }

    /// Where it listens.
    pub fn address(&self) -> String {
        match self {
            Server::Simulated(server) => server.address().to_string(),
            Server::Real(server) => server.ami_address().to_string(),
        }
    }

    /// The variables that make `astfs` talk to it. The secret of a real one's user is on the page.
    pub fn environment(&self) -> Vec<(&'static str, String)> {
        match self {
            Server::Simulated(server) => server.environment().into(),
            Server::Real(_) => vec![("ASTFS_SERVER", self.address())],
        }
    }

    /// The simulated one.
    pub fn simulated(&self) -> &Simulated {
        match self {
            Server::Simulated(server) => server,
            Server::Real(_) => panic!("a real server does not do what it is told"),
        }
    }

    /// Lets something happen:
    ///
    /// - `sound`: nothing is wrong any more;
    /// - `down`: it hangs up and takes no connection;
    /// - `refusing logins`: it hangs up and takes no login;
    /// - `silent: TEXT`, `hanging up: TEXT`, `denying: TEXT`, `refusing: TEXT`: what it does with requests whose
    ///   action or command contains the text;
    /// - `registering: PEER`, `unregistering: PEER`: what a phone does; `removing: PEER`: what no event tells.
    pub fn change(&self, change: &str) {
        let server = self.simulated();
        let error = |message: &str| Fault::ErrorAnswer(message.to_owned());
        let told = |known: bool| assert!(known, "{change}: there is no such peer");
        let (what, whom) = change.rsplit_once(": ").unwrap_or((change, ""));
        match what {
            "sound" => {
                server.set_fault(None);
                server.come_back();
            }
            "down" => server.go_down(),
            "refusing logins" => {
                server.set_fault(Some(Fault::RefuseLogin));
                server.disconnect_all();
            }
            "silent" => server.set_fault_for(whom, Fault::Silent),
            "hanging up" => server.set_fault_for(whom, Fault::HangUpMidAnswer),
            "denying" => server.set_fault_for(whom, error("Permission denied")),
            "refusing" => server.set_fault_for(whom, error("Not today")),
            "registering" => told(server.register(whom)),
            "unregistering" => told(server.unregister(whom)),
            "removing" => told(server.remove_peer(whom)),
            other => panic!("no change `{other}`"),
        }
    }
}

/// A real Asterisk 16 with the manager user of the folder's `manager.conf` in place of its own of that name.
fn real(folder: &Path) -> Option<Asterisk> {
    let server = Asterisk::start(RealVersion::V16)?;
    let user = fs::read_to_string(folder.join("manager.conf")).expect("the page has a manager.conf");
    let heading = user.lines().find(|line| line.starts_with('[')).expect("a user").to_owned();
    let path = server.configuration().join("manager.conf");
    let before = fs::read_to_string(&path).expect("the server's configuration");
    let (others, rest) = before.split_once(&format!("\n{heading}")).expect("a user of that name");
    let behind = rest.split_once("\n[").map_or(String::new(), |(_, behind)| format!("[{behind}"));
    fs::write(&path, format!("{others}\n{user}\n{behind}")).expect("the configuration can be written");
    server.cli("manager reload");
    Some(server)
}
