//! Made-up peers: as many as wanted, the same for the same seed, in the mixture of a real office; and the
//! peers that break careless programs.

use std::net::{Ipv4Addr, SocketAddrV4};

use super::iax::{IaxPeer, IaxUser};
use super::peer::{Codec, Origin, Peer, PeerType, Text, text};

const PEOPLE: [&str; 16] = [
    "alice", "boris", "chen", "dmitri", "elena", "farid", "greta", "hugo", "ines", "jana", "kofi", "lena",
    "marek", "nadia", "olof", "petra",
];
const FAMILIES: [&str; 8] =
    ["Adams", "Петров", "Müller", "Ødegård", "Kowalski", "Nguyễn", "Smith", "Иванова"];
const CONTEXTS: [&str; 4] = ["office", "users_context", "sales", "default"];
const AGENTS: [&str; 4] =
    ["Yealink SIP-T46S 66.85.0.5", "Zoiper r42016", "Linphone/5.2.4", "Cisco-CP8841/12.5.1"];
const CODECS: [&[Codec]; 4] = [
    &[Codec::Ulaw, Codec::Alaw],
    &[Codec::Alaw],
    &[Codec::Ulaw, Codec::Alaw, Codec::Gsm, Codec::G729],
    &[Codec::Alaw, Codec::G726, Codec::Gsm],
];

/// A small generator of random numbers (SplitMix64): the same sequence on every machine and version.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number from 0 to `below` - 1.
    fn below(&mut self, below: u32) -> u32 {
        u32::try_from(self.next() % u64::from(below)).unwrap_or_default()
    }

    /// True in so many of a hundred cases.
    fn percent(&mut self, percent: u32) -> bool {
        self.below(100) < percent
    }

    fn pick<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[usize::try_from(self.next()).unwrap_or_default() % choices.len()]
    }
}

/// `count` SIP peers: of a hundred about 90 friends, 6 trunks and 4 users; two thirds of the friends are
/// registered, and about 8 of them live in a realtime database, half of those not in memory yet.
pub(in crate::simulator) fn sip_peers(count: usize, seed: u64) -> Vec<Peer> {
    let mut random = Random(seed);
    (0..count)
        .map(|number| match random.below(100) {
            0..6 => trunk(number, &mut random),
            6..10 => user(number, &mut random),
            _ => friend(number, &mut random),
        })
        .collect()
}

/// `count` SIP friends of the same mixture, all of them in memory.
pub(in crate::simulator) fn sip_friends(count: usize, seed: u64) -> Vec<Peer> {
    let mut random = Random(seed);
    let in_memory = |peer| Peer { origin: Origin::File, ..peer };
    (0..count).map(|number| in_memory(friend(number, &mut random))).collect()
}

fn secret(random: &mut Random) -> Text {
    text(format!("made-up-{:06x}", random.below(1 << 24)))
}

fn address(number: usize, port: u16) -> SocketAddrV4 {
    let [_, a, b, c] = u32::try_from(number).unwrap_or_default().to_be_bytes();
    SocketAddrV4::new(Ipv4Addr::new(10, a, b, c), port)
}

fn friend(number: usize, random: &mut Random) -> Peer {
    let person = random.pick(&PEOPLE);
    let extension = 1000 + number;
    // Numbers are unique; a person's name is made so by the extension.
    let name = if random.percent(70) { extension.to_string() } else { format!("{person}{extension}") };
    let mut peer = Peer::new(&name);
    peer.secret = secret(random);
    peer.context = text(random.pick(&CONTEXTS));
    peer.language = text(random.pick(&["en", "ru", "de", ""]));
    peer.caller_name =
        text(format!("{}{} {}", person[..1].to_uppercase(), &person[1..], random.pick(&FAMILIES)));
    peer.caller_number = text(extension.to_string());
    peer.codecs = random.pick(&CODECS).into();
    if random.percent(40) {
        peer.mailbox = text(format!("{extension}@default"));
    }
    if random.percent(10) {
        peer.account_code = text(format!("acc-{}", random.below(50)));
        peer.description = text(format!("Desk {} on floor {}", random.below(90) + 10, random.below(9)));
    }
    peer.max_ms = if random.percent(50) { 2000 } else { 0 };
    if random.percent(67) {
        let port = u16::try_from(1024 + random.below(60_000)).unwrap_or(5060);
        let agent = random.pick(&AGENTS);
        peer = peer.registered(
            address(number, port),
            agent,
            i32::try_from(60 + random.below(3540)).unwrap_or(60),
        );
        peer.last_ms = if peer.max_ms == 0 { 0 } else { i32::try_from(1 + random.below(90)).unwrap_or(1) };
    } else if peer.max_ms > 0 {
        peer.last_ms = -1;
    }
    if random.percent(8) {
        peer.origin = Origin::Database { loaded: peer.address.is_some() || random.percent(25) };
        peer.forces_nat = true;
        peer.expiry_time = u64::try_from(peer.expires).map_or(0, |expires| 1_700_000_000 + expires);
    }
    peer
}

fn trunk(number: usize, random: &mut Random) -> Peer {
    let provider = random.pick(&["mtrf", "telco", "sipgate", "carrier"]);
    let host = address(number, 5060);
    let mut peer = Peer::new(format!("{provider}-{number}")).at(host.ip().to_string(), host);
    peer.kind = PeerType::Peer;
    peer.remote_secret = secret(random);
    peer.context = text("incoming");
    peer.from_user = text(format!("7495{:07}", random.below(10_000_000)));
    peer.from_domain = text(format!("sip.{provider}.example"));
    peer.username = text(format!("{provider}_login{number}"));
    peer.insecure = true;
    peer.codecs = [Codec::Alaw, Codec::Ulaw].into();
    peer.max_ms = 2000;
    peer.last_ms = if random.percent(80) { i32::try_from(5 + random.below(60)).unwrap_or(5) } else { -1 };
    peer
}

fn user(number: usize, random: &mut Random) -> Peer {
    let mut peer = Peer::new(format!("gw-user-{number}"));
    peer.kind = PeerType::User;
    peer.secret = secret(random);
    peer.context = text("incoming");
    peer
}

/// A few IAX2 peers and users.
pub(in crate::simulator) fn iax_example() -> (Vec<IaxPeer>, Vec<IaxUser>) {
    let named = |name: &str, secret: &str| IaxPeer {
        username: text(name),
        secret: text(secret),
        ..IaxPeer::new(name)
    };
    let branch = |number| SocketAddrV4::new(Ipv4Addr::new(192, 0, 2, number), 4569);
    let peers = vec![
        IaxPeer { context: text("incoming"), ..named("branch-east", "made-up-east") },
        IaxPeer { max_ms: 2000, last_ms: 14, ..named("branch-west", "made-up-west").at(branch(10)) },
        IaxPeer { max_ms: 2000, last_ms: -1, ..named("branch-west-backup", "made-up-back").at(branch(11)) },
    ];
    let user = |name: &str, secret: &str, number: &str| IaxUser {
        name: text(name),
        secret: text(secret),
        context: text("incoming"),
        caller_name: text(if number.is_empty() { "" } else { "Branch" }),
        caller_number: text(number),
    };
    (
        peers,
        vec![user("branch-east", "made-up-east", ""), user("branch-north", "made-up-north", "4950000000")],
    )
}

/// Friends whose names and texts break careless programs.
pub(in crate::simulator) fn hostile_peers() -> Vec<Peer> {
    let cut_name = format!("cut-at-79-bytes-{}", "a".repeat(100));
    let names =
        ["person/person", "..", "_online", "with space", "Ünï", "-END-", "quoted", "latin-1", &cut_name];
    names
        .into_iter()
        .map(|name| {
            let mut peer = Peer::new(name);
            peer.secret = text("made-up-hostile");
            match name {
                "-END-" => peer.description = text("--END COMMAND--"),
                "quoted" => peer.description = text(r#"Person: the "quoted" \ one"#),
                "latin-1" => peer.caller_name = text(b"Ren\xE9 M\xFCller"),
                _ => {}
            }
            peer
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_peers_and_another_seed_others() {
        assert_eq!(sip_peers(200, 7), sip_peers(200, 7));
        assert_ne!(sip_peers(200, 7), sip_peers(200, 8));
    }

    #[test]
    fn names_are_unique_and_the_mixture_is_that_of_an_office() {
        let peers = sip_peers(10_000, 1);
        let names: std::collections::HashSet<_> = peers.iter().map(|peer| peer.name.clone()).collect();
        assert_eq!(names.len(), peers.len());
        let count = |pass: &dyn Fn(&Peer) -> bool| peers.iter().filter(|peer| pass(peer)).count();
        assert!((8_700..9_300).contains(&count(&|peer| peer.kind == PeerType::Friend)));
        assert!((450..750).contains(&count(&|peer| peer.kind == PeerType::Peer)));
        assert!((5_600..6_400).contains(&count(&|peer| !peer.user_agent.is_empty())));
        assert!((100..400).contains(&count(&|peer| !peer.is_loaded())));
    }

    #[test]
    fn friends_are_as_many_as_asked_for_and_all_in_memory() {
        let friends = sip_friends(1_000, 1);
        assert_eq!(friends.len(), 1_000);
        assert!(friends.iter().all(|peer| peer.kind == PeerType::Friend && peer.is_loaded()));
        let registered = friends.iter().filter(|peer| peer.address.is_some()).count();
        assert!((600..740).contains(&registered), "{registered}");
    }
}
