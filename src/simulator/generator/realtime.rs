//! `realtime load sippeers COLUMN VALUE`: the rows of the database that holds the realtime SIP peers,
//! in memory or not.
//!
//! The columns are those of the recorded servers, 36 in 13 and 17 later. `1 1` gives all rows, as a MySQL
//! driver answers it; otherwise only the column `name` can be asked for.

use super::World;
use super::peer::{Peer, codec_names};
use crate::simulator::Version;
use crate::simulator::framing::{Output, pad};

impl World {
    pub(super) fn realtime_load(&self, column: &[u8], value: &[u8]) -> Output {
        let rows = self.peers.configured(Peer::is_realtime);
        let all = column == b"1" && value == b"1";
        let wanted = |peer: &Peer| all || (column == b"name" && *peer.name == *value);
        let mut text = Vec::new();
        for (number, peer) in rows.iter().enumerate().filter(|(_, peer)| wanted(peer)) {
            if text.is_empty() {
                print(&mut text, "Column Name", b"Column Value");
                print(&mut text, "--------------------", b"--------------------");
            }
            let columns = if self.version == Version::Asterisk13 {
                wide(number + 1, peer)
            } else {
                narrow(number + 1, peer)
            };
            columns.iter().for_each(|(name, value)| print(&mut text, name, value));
        }
        if text.is_empty() {
            Output::text("No rows found matching search criteria.\n")
        } else {
            Output::text(text)
        }
    }
}

fn print(out: &mut Vec<u8>, name: &str, value: &[u8]) {
    out.extend_from_slice(format!("{name:>30}  ").as_bytes());
    pad(out, value, 30);
    out.push(b'\n');
}

type Columns = Vec<(&'static str, Vec<u8>)>;

fn caller_id(peer: &Peer) -> Vec<u8> {
    if peer.caller_name.is_empty() && peer.caller_number.is_empty() { Vec::new() } else { peer.caller_id() }
}

fn wide(id: usize, peer: &Peer) -> Columns {
    let once_registered = |value: String| if peer.expiry_time > 0 { value.into_bytes() } else { Vec::new() };
    let none = Vec::new;
    let codecs = codec_names(&peer.codecs).trim_matches(['(', ')']).replace('|', ",");
    vec![
        ("id", id.to_string().into()),
        ("name", peer.name.to_vec()),
        ("ipaddr", peer.address.map(|address| address.ip().to_string()).unwrap_or_default().into()),
        ("port", peer.address.map(|address| address.port().to_string()).unwrap_or_default().into()),
        ("regseconds", once_registered(peer.expiry_time.to_string())),
        ("defaultuser", peer.username.to_vec()),
        ("fullcontact", peer.full_contact.to_vec()),
        ("regserver", none()),
        ("useragent", peer.user_agent.to_vec()),
        ("lastms", once_registered(peer.last_ms.to_string())),
        ("host", b"dynamic".into()),
        ("type", peer.kind.name().into()),
        ("context", peer.context.to_vec()),
        ("permit", none()),
        ("deny", none()),
        ("secret", peer.secret.to_vec()),
        ("md5secret", none()),
        ("remotesecret", peer.remote_secret.to_vec()),
        ("transport", peer.transports.to_lowercase().into()),
        ("dtmfmode", none()),
        ("directmedia", none()),
        ("nat", if peer.forces_nat { b"force_rport,comedia".into() } else { none() }),
        ("callgroup", peer.call_group.to_vec()),
        ("pickupgroup", peer.pickup_group.to_vec()),
        ("language", peer.language.to_vec()),
        ("disallow", b"all".into()),
        ("allow", codecs.into()),
        ("insecure", if peer.insecure { b"port,invite".into() } else { none() }),
        ("accountcode", peer.account_code.to_vec()),
        ("callerid", caller_id(peer)),
        ("mailbox", peer.mailbox.to_vec()),
        ("regexten", peer.registration_extension.to_vec()),
        ("fromdomain", peer.from_domain.to_vec()),
        ("fromuser", peer.from_user.to_vec()),
        ("qualify", qualify(peer).into()),
        ("vmexten", none()),
    ]
}

fn narrow(id: usize, peer: &Peer) -> Columns {
    let none = Vec::new;
    vec![
        ("id", id.to_string().into()),
        ("name", peer.name.to_vec()),
        ("type", peer.kind.name().into()),
        ("host", b"dynamic".into()),
        ("secret", peer.secret.to_vec()),
        ("context", peer.context.to_vec()),
        ("qualify", qualify(peer).into()),
        ("callerid", caller_id(peer)),
        ("mailbox", peer.mailbox.to_vec()),
        ("ipaddr", peer.address.map(|address| address.ip().to_string()).unwrap_or_default().into()),
        ("port", peer.address.map_or(0, |address| address.port()).to_string().into()),
        ("regseconds", peer.expiry_time.to_string().into()),
        ("defaultuser", peer.username.to_vec()),
        ("fullcontact", peer.full_contact.to_vec()),
        ("regserver", none()),
        ("useragent", peer.user_agent.to_vec()),
        ("lastms", peer.last_ms.max(0).to_string().into()),
    ]
}

fn qualify(peer: &Peer) -> &'static str {
    if peer.max_ms > 0 { "yes" } else { "no" }
}
