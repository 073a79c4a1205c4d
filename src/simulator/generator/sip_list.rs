//! The lists of SIP peers and users: `SIPpeers`, `sip show peers`, `sip show users`
//! (`channels/chan_sip.c`, alike in 13 and 16).

use std::sync::Arc;

use super::peer::Peer;
use super::{PEERS_PER_PIECE, World};
use crate::simulator::framing::{Answer, Message, Output, column, list, pad};

const PEERS_HEADING: &str = "Name/username             Host                                    Dyn Forcerport Comedia    ACL Port     Status      Description                      Realtime\n";
const USERS_HEADING: &str =
    "Username                   Secret           Accountcode      Def.Context      ACL  Forcerport\n";

impl World {
    pub(super) fn sip_peers_action(&self, id: Option<&[u8]>) -> Answer {
        let peers = self.peers.sorted(Peer::is_peer);
        let count = peers.len();
        let owned_id = id.map(<[u8]>::to_vec);
        let items = in_pieces(peers, move |out, peer| out.extend(entry(peer, owned_id.as_deref())));
        list(id, "Peer status list will follow", items, "PeerlistComplete", count)
    }

    /// `sip show peers`, of the peers whose names `pass`.
    pub(super) fn sip_show_peers(&self, pass: impl Fn(&[u8]) -> bool) -> Output {
        let peers = self.peers.sorted(|peer| peer.is_peer() && pass(&peer.name));
        let summary = summary(&peers);
        let rows = in_pieces(peers, row);
        Output::pieces(std::iter::once(PEERS_HEADING.into()).chain(rows).chain(std::iter::once(summary)))
    }

    pub(super) fn sip_show_users(&self) -> Output {
        let users = self.peers.configured(|peer| peer.is_loaded() && peer.is_user());
        Output::pieces(std::iter::once(USERS_HEADING.into()).chain(in_pieces(users, user_row)))
    }
}

/// Prints peers with `print`, some at a time.
pub(super) fn in_pieces(
    peers: Vec<Arc<Peer>>,
    print: impl Fn(&mut Vec<u8>, &Peer) + Send + 'static,
) -> impl Iterator<Item = Vec<u8>> + Send + 'static {
    let mut rest = peers.into_iter();
    std::iter::from_fn(move || {
        let mut piece = Vec::new();
        rest.by_ref().take(PEERS_PER_PIECE).for_each(|peer| print(&mut piece, &peer));
        (!piece.is_empty()).then_some(piece)
    })
}

fn yes_no(value: bool) -> &'static str {
    if value { "yes" } else { "no" }
}

fn entry(peer: &Peer, id: Option<&[u8]>) -> Vec<u8> {
    let message = Message::event("PeerEntry")
        .action_id(id)
        .header("Channeltype", "SIP")
        .header("ObjectName", &peer.name)
        .header("ChanObjectType", "peer");
    let message = match peer.address {
        Some(address) => message.number("IPaddress", address.ip()).number("IPport", address.port()),
        None => message.header("IPaddress", "-none-").header("IPport", "0"),
    };
    message
        .header("Dynamic", yes_no(peer.is_dynamic()))
        .header("AutoForcerport", yes_no(!peer.forces_nat))
        .header("Forcerport", yes_no(peer.forces_nat))
        .header("AutoComedia", "no")
        .header("Comedia", yes_no(peer.forces_nat))
        .header("VideoSupport", "no")
        .header("TextSupport", "no")
        .header("ACL", "no")
        .header("Status", peer.status())
        .header("RealtimeDevice", yes_no(peer.is_realtime()))
        .header("Description", &peer.description)
        .header("Accountcode", &peer.account_code)
        .finish()
}

fn row(out: &mut Vec<u8>, peer: &Peer) {
    let mut name = peer.name.to_vec();
    if !peer.username.is_empty() {
        name.extend_from_slice(&[b"/", &*peer.username].concat());
    }
    let host = peer.address.map_or_else(|| "(Unspecified)".into(), |address| address.ip().to_string());
    let port = peer.address.map_or(0, |address| address.port()).to_string();
    let cut: [(&[u8], usize); 6] = [
        (&name, 25),
        (host.as_bytes(), 39),
        (if peer.is_dynamic() { b" D " } else { b"" }, 3),
        (if peer.forces_nat { b"Yes" } else { b"Auto (No)" }, 10),
        (if peer.forces_nat { b"Yes" } else { b"No" }, 10),
        (b"", 3),
    ];
    for (value, width) in cut {
        column(out, value, width);
        out.push(b' ');
    }
    pad(out, port.as_bytes(), 8);
    out.push(b' ');
    pad(out, peer.status().as_bytes(), 11);
    out.push(b' ');
    column(out, &peer.description, 32);
    out.extend_from_slice(if peer.is_realtime() { b" Cached RT\n" } else { b" \n" });
}

fn summary(peers: &[Arc<Peer>]) -> Vec<u8> {
    let count = |monitored: bool, online: bool| {
        peers.iter().filter(|peer| (peer.max_ms > 0) == monitored && peer.is_online() == online).count()
    };
    format!(
        "{} sip peers [Monitored: {} online, {} offline Unmonitored: {} online, {} offline]\n",
        peers.len(),
        count(true, true),
        count(true, false),
        count(false, true),
        count(false, false)
    )
    .into_bytes()
}

fn user_row(out: &mut Vec<u8>, peer: &Peer) {
    for (value, width, gap) in [
        (&*peer.name, 25, "  "),
        (&*peer.secret, 15, "  "),
        (&*peer.account_code, 15, "  "),
        (&*peer.context, 15, "  "),
        (b"No", 5, ""),
        (if peer.forces_nat { b"Yes" } else { b"No" }, 10, "\n"),
    ] {
        column(out, value, width);
        out.extend_from_slice(gap.as_bytes());
    }
}
