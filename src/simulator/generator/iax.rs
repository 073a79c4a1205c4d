//! IAX2 peers and users, and what is answered about them: `IAXpeers`, `IAXpeerlist`, `iax2 show peers`,
//! `iax2 show peer`, `iax2 show users` (`channels/chan_iax2.c`).

use std::net::SocketAddrV4;

use super::peer::{Codec, Text, codec_names, status, text};
use crate::simulator::framing::{Answer, Message, Output, column, list, pad};

const PEERS_HEADING: &str = "Name/Username    Host                                           Mask                                      Port           Status      Description                     \n";
const USERS_HEADING: &str =
    "Username         Secret                Authen           Def.Context      A/C    Codec Pref\n";

/// An IAX2 peer. [`IaxPeer::new`] gives one that registers, and has not done so.
#[derive(Clone)]
pub struct IaxPeer {
    /// The name.
    pub name: Text,
    /// The user name that the server gives to it; may be empty.
    pub username: Text,
    /// The password; empty for none.
    pub secret: Text,
    /// The dialplan context of its calls.
    pub context: Text,
    /// A text for people; may be empty.
    pub description: Text,
    /// Whether it registers, in place of being reached at a fixed address.
    pub dynamic: bool,
    /// Where it is reached now.
    pub address: Option<SocketAddrV4>,
    /// The round trip in milliseconds up to which it counts as reachable; 0 for unmonitored.
    pub max_ms: u32,
    /// The last round trip in milliseconds; 0 before the first, -1 if it does not answer.
    pub last_ms: i32,
    /// Its codecs, the preferred one first.
    pub codecs: Box<[Codec]>,
}

impl IaxPeer {
    /// A peer that registers, and has not done so.
    pub fn new(name: impl AsRef<[u8]>) -> Self {
        Self {
            name: text(name),
            username: Text::default(),
            secret: Text::default(),
            context: text("default"),
            description: Text::default(),
            dynamic: true,
            address: None,
            max_ms: 0,
            last_ms: 0,
            codecs: [Codec::Ulaw, Codec::Alaw].into(),
        }
    }

    /// The same peer, reached at a fixed address.
    pub fn at(self, address: SocketAddrV4) -> Self {
        Self { dynamic: false, address: Some(address), ..self }
    }

    pub(super) fn host(&self) -> String {
        self.address.map_or_else(|| "(null)".into(), |address| address.ip().to_string())
    }

    pub(super) fn port(&self) -> String {
        self.address.map_or_else(|| "(null)".into(), |address| address.port().to_string())
    }

    /// The network mask of its fixed address.
    pub(super) fn mask(&self) -> &'static str {
        if self.dynamic { "(null)" } else { "255.255.255.255" }
    }

    pub(super) fn status(&self) -> String {
        status(self.max_ms, self.last_ms)
    }

    fn name_and_username(&self) -> Vec<u8> {
        if self.username.is_empty() {
            return self.name.to_vec();
        }
        [&*self.name, b"/", &*self.username].concat()
    }
}

/// An IAX2 user, who can call.
#[derive(Clone)]
pub struct IaxUser {
    /// The name.
    pub name: Text,
    /// The password.
    pub secret: Text,
    /// The dialplan context of its calls.
    pub context: Text,
    /// The name it shows when it calls; may be empty.
    pub caller_name: Text,
    /// The number it shows when it calls; may be empty.
    pub caller_number: Text,
}

fn yes_no(value: bool) -> &'static str {
    if value { "yes" } else { "no" }
}

/// `IAXpeers`; its items have no ActionID, as on the real server.
pub(super) fn peers_action(peers: &[IaxPeer], id: Option<&[u8]>) -> Answer {
    let items: Vec<_> = peers
        .iter()
        .map(|peer| {
            Message::event("PeerEntry")
                .header("Channeltype", "IAX2")
                .header("ObjectName", peer.name_and_username())
                .header("ChanObjectType", "peer")
                .header("IPaddress", peer.host())
                .header("IPport", peer.port())
                .header("Dynamic", yes_no(peer.dynamic))
                .header("Trunk", "no")
                .header("Encryption", "no")
                .header("Status", peer.status())
                .header("Description", &peer.description)
                .finish()
        })
        .collect();
    let count = items.len();
    list(id, "Peer status list will follow", items.into_iter(), "PeerlistComplete", count)
}

/// `IAXpeerlist`.
pub(super) fn peer_list_action(peers: &[IaxPeer], id: Option<&[u8]>) -> Answer {
    let items: Vec<_> = peers
        .iter()
        .map(|peer| {
            let mut message = Message::event("PeerEntry")
                .action_id(id)
                .header("Channeltype", "IAX")
                .header("ObjectName", &peer.name);
            if !peer.username.is_empty() {
                message = message.header("ObjectUsername", &peer.username);
            }
            message
                .header("ChanObjectType", "peer")
                .header("IPaddress", peer.host())
                .header("Mask", peer.mask())
                .header("Port", peer.port())
                .header("Dynamic", yes_no(peer.dynamic))
                .header("Trunk", "no")
                .header("Encryption", "no")
                .header("Status", peer.status())
                .finish()
        })
        .collect();
    let count = items.len();
    list(id, "IAX Peer status list will follow", items.into_iter(), "PeerlistComplete", count)
}

/// `iax2 show peers`.
pub(super) fn show_peers(peers: &[IaxPeer]) -> Output {
    let mut out = PEERS_HEADING.as_bytes().to_vec();
    for peer in peers {
        column(&mut out, &peer.name_and_username(), 15);
        out.extend_from_slice(b"  ");
        column(&mut out, peer.host().as_bytes(), 40);
        out.extend_from_slice(if peer.dynamic { b" (D)  " } else { b" (S)  " });
        column(&mut out, peer.mask().as_bytes(), 40);
        out.extend_from_slice(b"  ");
        pad(&mut out, peer.port().as_bytes(), 15);
        pad(&mut out, peer.status().as_bytes(), 11);
        out.push(b' ');
        column(&mut out, &peer.description, 32);
        out.push(b'\n');
    }
    let count = |pass: fn(&IaxPeer) -> bool| peers.iter().filter(|peer| pass(peer)).count();
    let summary = format!(
        "{} iax2 peers [{} online, {} offline, {} unmonitored]\n",
        peers.len(),
        count(|peer| peer.max_ms > 0 && peer.last_ms > 0),
        count(|peer| peer.max_ms > 0 && peer.last_ms <= 0),
        count(|peer| peer.max_ms == 0)
    );
    out.extend_from_slice(summary.as_bytes());
    Output::text(out)
}

/// `iax2 show peer NAME`.
pub(super) fn show_peer(peers: &[IaxPeer], name: &[u8]) -> Output {
    let Some(peer) = peers.iter().find(|peer| *peer.name == *name) else {
        return Output::text([b"Peer ", name, b" not found.\n\n"].concat());
    };
    let codecs = codec_names(&peer.codecs);
    let fields: [(&str, &[u8]); 21] = [
        ("* Name", &peer.name),
        ("Description", &peer.description),
        ("Secret", if peer.secret.is_empty() { b"<Not set>" } else { b"<Set>" }),
        ("Context", &peer.context),
        ("Parking lot", b""),
        ("Mailbox", b""),
        ("Dynamic", if peer.dynamic { b"Yes" } else { b"No" }),
        ("Callnum limit", b"0"),
        ("Calltoken req", b"No"),
        ("Trunk", b"No"),
        ("Encryption", b"No"),
        ("Callerid", b"\"\" <>"),
        ("Expire", b"-1"),
        ("ACL", b"No"),
        ("Addr->IP", &format!("{} Port {}", peer.host(), peer.port()).into_bytes()),
        ("Defaddr->IP", b"(null) Port (null)"),
        ("Username", &peer.username),
        ("Codecs", codecs.as_bytes()),
        ("Codec Order", codecs.as_bytes()),
        ("Status", &peer.status().into_bytes()),
        ("Qualify", b"every 60000ms when OK, every 10000ms when UNREACHABLE (sample smoothing Off)"),
    ];
    let mut out = b"\n\n".to_vec();
    for (label, value) in fields {
        out.extend_from_slice(format!("  {label:<13}: ").as_bytes());
        out.extend_from_slice(&[value, b"\n"].concat());
    }
    out.push(b'\n');
    Output::text(out)
}

/// `iax2 show users`; the secrets stand in it in clear.
pub(super) fn show_users(users: &[IaxUser]) -> Output {
    let mut out = USERS_HEADING.as_bytes().to_vec();
    for user in users {
        for (value, width, gap) in [
            (&*user.name, 15, "  "),
            (&*user.secret, 20, "  "),
            (b"000000000000002", 15, "  "),
            (&*user.context, 15, "  "),
            (b"No", 5, "  "),
            (b"Host", 5, "\n"),
        ] {
            column(&mut out, value, width);
            out.extend_from_slice(gap.as_bytes());
        }
    }
    Output::text(out)
}
