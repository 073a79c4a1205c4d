//! A server's state of peers and people, changed at random but by a seed, and told to a simulated server.

use astfs::simulator::Fault;

use crate::support::answers::{self, list, record};
use crate::support::simulated::Simulated;

/// Numbers that a seed gives.
pub struct Random(u64);

impl Random {
    /// The same seed gives the same numbers.
    pub fn new(seed: u64) -> Random {
        Random(seed)
    }

    /// A number below `limit`.
    pub fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((mixed ^ (mixed >> 31)) % limit as u64) as usize
    }

    /// One of these.
    pub fn of<T: Copy>(&mut self, those: &[T]) -> T {
        those[self.below(those.len())]
    }
}

/// Names of peers: plain, to be escaped, and claimed by others.
const PEERS: [&str; 17] = [
    "ann",
    "alice",
    "bob",
    "carol",
    "dave",
    "erin",
    "a/b",
    "..",
    ".",
    "",
    "50%",
    "with space",
    "ünïcode",
    "_online",
    "_online~2",
    "_offline",
    "x.txt",
];
const PEOPLE: [&str; 4] = ["ann", "ben", "cleo", "../d"];
const CITIES: [&str; 3] = ["Oslo", "Rome", "Lima"];
const NOTES: [&str; 3] = ["none", "calls often", "{{ 7 * 7 }}"];

/// One peer.
#[derive(Clone, Debug)]
pub struct Peer {
    pub name: &'static str,
    /// Empty while it is not registered.
    pub address: String,
    pub owner: &'static str,
    pub note: &'static str,
    pub vip: bool,
}

/// One person; two can have one name.
#[derive(Clone, Debug)]
pub struct Person {
    pub name: &'static str,
    pub city: &'static str,
}

/// All that the server knows, in its order.
#[derive(Clone, Debug, Default)]
pub struct World {
    pub peers: Vec<Peer>,
    pub people: Vec<Person>,
    /// What has been done, to be told when a test fails.
    pub history: Vec<String>,
    events: Vec<String>,
}

impl World {
    /// A few peers and people.
    pub fn new(random: &mut Random) -> World {
        let mut world = World::default();
        for _ in 0..5 {
            world.add_peer(random);
        }
        world.people = vec![Person { name: "ann", city: "Oslo" }, Person { name: "ben", city: "Rome" }];
        world.events.clear();
        world
    }

    /// Changes something, without telling anybody.
    pub fn change(&mut self, random: &mut Random) {
        match random.below(12) {
            0..=3 => self.with_peer(random, |peer, random| {
                peer.address = if random.below(3) == 0 {
                    String::new()
                } else {
                    format!("10.0.{}.{}", random.below(200), random.below(200))
                };
            }),
            4 => self.with_peer(random, |peer, random| peer.note = random.of(&NOTES)),
            5 => self.add_peer(random),
            6 if !self.peers.is_empty() => {
                let place = random.below(self.peers.len());
                let gone = self.peers.remove(place);
                self.done(format!("remove {:?}", gone.name), "Reload", None);
            }
            7 if !self.peers.is_empty() => {
                // another one in its place, which may have an old one's name
                let place = random.below(self.peers.len());
                let gone = self.peers.remove(place);
                self.add_peer(random);
                if let Some(new) = self.peers.pop() {
                    self.history.push(format!("{:?} is {:?} now", gone.name, new.name));
                    self.peers.insert(place.min(self.peers.len()), new);
                }
            }
            8 => {
                self.peers.reverse();
                self.done("turn round".into(), "Reload", None);
            }
            9 => self.with_peer(random, |peer, random| {
                peer.owner = random.of(&PEOPLE);
                peer.vip = random.below(2) == 0;
            }),
            10 => {
                let person = Person { name: random.of(&PEOPLE), city: random.of(&CITIES) };
                let place = random.below(self.people.len() + 1);
                let done = format!("add {person:?}");
                self.people.insert(place, person);
                self.done(done, "PersonChange", None);
            }
            _ if !self.people.is_empty() => {
                let place = random.below(self.people.len());
                if random.below(2) == 0 {
                    let gone = self.people.remove(place);
                    self.done(format!("remove {gone:?}"), "PersonChange", None);
                } else {
                    self.people[place].city = random.of(&CITIES);
                    self.done(format!("move {:?}", self.people[place]), "PersonChange", None);
                }
            }
            // about one that is not there: nothing comes of it
            _ => self.done("nothing".into(), "PeerStatus", Some("nobody")),
        }
    }

    fn with_peer(&mut self, random: &mut Random, change: impl FnOnce(&mut Peer, &mut Random)) {
        if self.peers.is_empty() {
            return;
        }
        let place = random.below(self.peers.len());
        change(&mut self.peers[place], random);
        let peer = self.peers[place].clone();
        self.done(format!("now {peer:?}"), "PeerStatus", Some(peer.name));
    }

    fn add_peer(&mut self, random: &mut Random) {
        let free: Vec<&'static str> =
            PEERS.into_iter().filter(|name| self.peers.iter().all(|peer| peer.name != *name)).collect();
        if free.is_empty() {
            return;
        }
        let peer = Peer {
            name: random.of(&free),
            address: random.of(&["", "10.1.1.1"]).into(),
            owner: random.of(&PEOPLE),
            note: random.of(&NOTES),
            vip: random.below(2) == 0,
        };
        let place = random.below(self.peers.len() + 1);
        self.done(format!("add {peer:?}"), "Reload", None);
        self.peers.insert(place, peer);
    }

    fn done(&mut self, what: String, event: &str, peer: Option<&str>) {
        self.history.push(what);
        let peer = peer.map_or_else(String::new, |peer| format!("Peer: {peer}\r\n"));
        self.events.push(answers::event(event, &peer));
    }

    /// Has the server answer what is so now.
    pub fn publish(&self, server: &Simulated) {
        server.answer(&[("Action", "Peers")], list(self.peers.iter().map(Peer::headers)));
        let people =
            self.people.iter().map(|person| format!("Name: {}\r\nCity: {}\r\n", person.name, person.city));
        server.answer(&[("Action", "People")], list(people));
        for name in PEERS {
            let peer = self.peers.iter().find(|peer| peer.name == name);
            server.answer(&[("Action", "Peer"), ("Name", name)], record(peer.map(Peer::headers)));
            let note = peer.map(|peer| format!("Text: {}\r\n", peer.note));
            server.answer(&[("Action", "Note"), ("Name", name)], record(note));
        }
    }

    /// Tells by events what changed since this was last called.
    pub fn tell(&mut self, server: &Simulated) {
        for event in self.events.drain(..) {
            server.emit(event);
        }
    }

    /// Forgets what was to be told.
    pub fn keep_silent(&mut self) {
        self.events.clear();
    }
}

impl Peer {
    fn headers(&self) -> String {
        let Peer { name, address, owner, vip, .. } = self;
        let kind = if *vip { "vip" } else { "plain" };
        format!("Name: {name}\r\nAddress: {address}\r\nOwner: {owner}\r\nKind: {kind}\r\n")
    }
}

/// A way in which the next answer goes wrong, and which.
pub fn mishap(random: &mut Random) -> (&'static str, Fault) {
    let question = random.of(&["Peers", "Peer", "Note", "People"]);
    let fault = match random.below(4) {
        0 => Fault::DelayAnswer(std::time::Duration::from_millis(random.below(40) as u64)),
        1 => Fault::HangUpMidAnswer,
        2 => Fault::ErrorAnswer("not today".into()),
        _ => Fault::ByteByByte,
    };
    (question, fault)
}
