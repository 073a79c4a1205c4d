//! The server under the mount, simulated or real: who its friends are, what they do, what it was asked.

use std::net::SocketAddr;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use astfs::simulator::{Content, Request, Simulator, Version};
use tokio::runtime::Runtime;

use crate::connection::{Connection, request};
use crate::processors::{Processors, pin};
use crate::settings::Kind;
use crate::support::asterisk::{self, Asterisk};
use crate::support::sip::Register;

/// The same population in every run.
const SEED: u64 = 1;
/// How many telephones a real server's friends have.
const TELEPHONES: usize = 5;
/// What of a session is no question.
const OF_SESSION: [&str; 5] = ["Login", "Challenge", "Logoff", "Events", "Ping"];

/// A running server with its friends.
pub struct Server {
    kind: Kind,
    running: Running,
    friends: Vec<String>,
}

enum Running {
    /// With the runtime whose only thread is on the other processor.
    Simulated { simulator: Simulator, _runtime: Runtime },
    /// With the telephones of the first friends.
    Real { asterisk: Asterisk, telephones: Vec<Mutex<Register>> },
}

impl Server {
    /// Starts a server with that many friends on the other processor; `None`, with the reason on
    /// standard error, for a real one that this machine cannot have.
    pub fn start(kind: Kind, friends: usize, processors: Processors) -> Option<Server> {
        let version = match kind {
            Kind::Simulated13 => Version::Asterisk13,
            Kind::Simulated16 => Version::Asterisk16,
            Kind::Real16 => return Server::start_real(friends, processors),
        };
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .on_thread_start(move || pin(processors.other))
            .enable_all()
            .build()
            .expect("a runtime");
        let content = Content::friends(version, friends, SEED);
        let simulator = runtime.block_on(Simulator::start(content)).expect("a simulator");
        let names = simulator.peer_names().into_iter();
        let names = names.map(|name| String::from_utf8(name).expect("names of digits and letters")).collect();
        Some(Server { kind, running: Running::Simulated { simulator, _runtime: runtime }, friends: names })
    }

    fn start_real(friends: usize, processors: Processors) -> Option<Server> {
        let names: Vec<String> = (0..friends).map(|number| (100_000 + number).to_string()).collect();
        let configuration: String = names.iter().map(|name| section(name)).collect();
        let files = [("sip_bench.conf", configuration.as_bytes())];
        let asterisk = processors.on_other(|| Asterisk::start_with(asterisk::Version::V16, &files))?;
        let telephone = |name: &String| Register::new(asterisk.sip_address(), name, &secret(name));
        let telephones = processors.on_other(|| {
            names.iter().take(TELEPHONES).map(|name| telephone(name).expect("a telephone").into()).collect()
        });
        Some(Server { kind: Kind::Real16, running: Running::Real { asterisk, telephones }, friends: names })
    }

    /// Which kind it is.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Where its manager interface listens.
    pub fn address(&self) -> SocketAddr {
        match &self.running {
            Running::Simulated { simulator, .. } => simulator.address(),
            Running::Real { asterisk, .. } => asterisk.ami_address(),
        }
    }

    /// The manager user and its secret.
    pub fn credentials(&self) -> (String, String) {
        match &self.running {
            Running::Simulated { simulator, .. } => (simulator.user(), simulator.secret()),
            Running::Real { .. } => ("astfs".into(), "astfs-test".into()),
        }
    }

    /// A manager connection of the benchmark's own.
    pub fn connect(&self) -> Connection {
        let (user, secret) = self.credentials();
        Connection::open(self.address(), &user, &secret)
    }

    /// The names of the friends that were made for the benchmark.
    pub fn friends(&self) -> &[String] {
        &self.friends
    }

    /// The friends that can register.
    pub fn movers(&self) -> &[String] {
        match &self.running {
            Running::Simulated { .. } => &self.friends,
            Running::Real { telephones, .. } => &self.friends[..telephones.len()],
        }
    }

    /// Lets the mover of that number register, or its registration end; gives the time just before.
    /// A telephone needs two messages and their answers for it.
    pub fn change(&self, mover: usize, online: bool) -> Instant {
        let began = Instant::now();
        match &self.running {
            Running::Simulated { simulator, .. } => {
                let name = &self.friends[mover];
                let known = if online { simulator.register(name) } else { simulator.unregister(name) };
                assert!(known, "{name} is no friend");
            }
            Running::Real { telephones, .. } => {
                let mut telephone = telephones[mover].lock().expect("a telephone that works");
                let done = if online {
                    telephone.register(Duration::from_secs(600))
                } else {
                    telephone.unregister()
                };
                done.expect("the registrar takes it");
            }
        }
        began
    }

    /// How many requests all its sessions have sent so far, where it counts them.
    pub fn requests(&self) -> Option<u64> {
        match &self.running {
            Running::Simulated { simulator, .. } => Some(simulator.requests()),
            Running::Real { .. } => None,
        }
    }

    /// Begins a list of questions.
    pub fn forget_questions(&self) {
        if let Running::Simulated { simulator, .. } = &self.running {
            simulator.forget_asked();
        }
    }

    /// The questions asked since then, the last 100,000 of them. A real server does not tell: for it
    /// these are the first `count` of those that a mount asks, the lists in any case, then the details;
    /// without a count all of them.
    pub fn questions(&self, count: Option<u64>) -> Vec<Vec<u8>> {
        let Running::Simulated { simulator, .. } = &self.running else {
            let lists = lists();
            let count = count.and_then(|count| usize::try_from(count).ok()).unwrap_or(usize::MAX);
            let count = count.max(lists.len());
            let details = self.friends.iter().flat_map(|name| details(name));
            return lists.into_iter().chain(details).take(count).collect();
        };
        let asked = simulator.asked().into_iter();
        asked.filter(|request| !OF_SESSION.contains(&&*request.action())).map(|asked| again(&asked)).collect()
    }

    /// What one registration makes a mount ask about the friend.
    pub fn questions_about(&self, name: &str) -> Vec<Vec<u8>> {
        let entry = request(&[("Action", "SIPshowpeer"), ("Peer", name)]);
        match self.kind {
            Kind::Simulated13 => vec![entry],
            Kind::Simulated16 | Kind::Real16 => vec![entry, command(&format!("sip show user {name}"))],
        }
    }

    /// A real server, for its console.
    pub fn real(&self) -> Option<&Asterisk> {
        match &self.running {
            Running::Simulated { .. } => None,
            Running::Real { asterisk, .. } => Some(asterisk),
        }
    }
}

/// The questions for the lists of a server from 16 on.
fn lists() -> Vec<Vec<u8>> {
    let mut lists: Vec<_> =
        ["SIPpeers", "IAXpeerlist"].iter().map(|action| request(&[("Action", action)])).collect();
    let commands = ["realtime load sippeers 1 1", "sip show users", "iax2 show users"];
    lists.extend(commands.iter().map(|text| command(text)));
    lists
}

/// The questions for everything about one peer of such a server.
fn details(name: &str) -> [Vec<u8>; 2] {
    [request(&[("Action", "SIPshowpeer"), ("Peer", name)]), command(&format!("sip show peer {name}"))]
}

fn command(text: &str) -> Vec<u8> {
    request(&[("Action", "Command"), ("Command", text)])
}

fn again(asked: &Request) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (name, value) in asked.headers().filter(|(name, _)| !name.eq_ignore_ascii_case(b"ActionID")) {
        bytes.extend_from_slice(&[name, b": ", value, b"\r\n"].concat());
    }
    bytes.extend_from_slice(b"\r\n");
    bytes
}

fn secret(name: &str) -> String {
    format!("made-up-{name}")
}

/// A friend of a real server.
fn section(name: &str) -> String {
    format!(
        "[{name}]\ntype = friend\nhost = dynamic\nsecret = {}\ncontext = office\nlanguage = en\n\
         callerid = \"Person {name}\" <{name}>\ndisallow = all\nallow = ulaw,alaw\n\n",
        secret(name)
    )
}
