//! `data get /asterisk/channel/sip/peers [SEARCH [FILTER]]` of Asterisk 13 (`main/data.c`,
//! `channels/chan_sip.c`).
//!
//! The root's name stands at the left, its nodes at 2 blanks, their fields at 6 and nested ones at 10;
//! strings are in quotes, and nothing inside is escaped; an empty line ends the output.
//!
//! Of the search: conditions `peers/peer/FIELD=VALUE` and `!=` on the text fields named in [`searched`],
//! joined by commas; of two on the same field the last counts, those on other fields are not seen, and if
//! all are on other fields nothing is found. A search that does not begin with `peers/peer/` finds
//! everything. Of the filter: paths `peers/peer/FIELD`, several fields joined by `|`, no wildcards; with a
//! filter the search is skipped, which is what the real server does unless the filter names five certain
//! fields.

use super::World;
use super::peer::{Codec, Peer};
use super::sip_list::in_pieces;
use crate::simulator::framing::Output;

const SIP_OPTIONS: [&str; 22] = [
    "sec_agree",
    "join",
    "eventlist",
    "norefersub",
    "outbound",
    "from-change",
    "replaces",
    "100rel",
    "sdp-anat",
    "replace",
    "early-session",
    "gruu",
    "recipient-list-subscribe",
    "recipient-list-invite",
    "tdialog",
    "privacy",
    "timer",
    "precondition",
    "resource-priority",
    "histinfo",
    "path",
    "pref",
];

impl World {
    pub(super) fn data_get_sip_peers(&self, search: Option<&str>, filter: Option<&str>) -> Output {
        let wanted = filter.map(filtered_fields);
        let search = Search::parse(search.filter(|_| wanted.is_none()));
        let peers = self.peers.configured(|peer| peer.is_loaded() && search.finds(peer));
        let nodes = in_pieces(peers, move |out, peer| {
            let mut tree = Tree { out, wanted: wanted.as_deref() };
            print_peer(&mut tree, peer);
        });
        Output::pieces(
            std::iter::once(b"peers\n".to_vec()).chain(nodes).chain(std::iter::once(b"\n".to_vec())),
        )
    }
}

/// What the server says of a path that it does not know.
pub(super) fn failed(line: &[u8]) -> Output {
    Output::failure([b"Command '", line, b"' failed.\n"].concat())
}

/// The text of a field that can be searched.
fn searched<'p>(peer: &'p Peer, field: &str) -> Option<&'p [u8]> {
    Some(match field {
        "name" => &peer.name,
        "type" => peer.kind.name().as_bytes(),
        "username" => &peer.username,
        "secret" => &peer.secret,
        "context" => &peer.context,
        "language" => &peer.language,
        "accountcode" => &peer.account_code,
        "description" => &peer.description,
        "cid_name" => &peer.caller_name,
        "cid_num" => &peer.caller_number,
        "fullcontact" => &peer.full_contact,
        "useragent" => &peer.user_agent,
        _ => return None,
    })
}

/// Which peers are wanted.
enum Search {
    Everything,
    /// Field, whether it must be equal, and to what.
    Conditions(Vec<(String, bool, Vec<u8>)>),
}

impl Search {
    fn parse(search: Option<&str>) -> Self {
        let terms = search.unwrap_or_default().split(',').map(|term| term.trim_start_matches('/'));
        let mut conditions = Vec::new();
        for term in terms {
            let Some((path, value)) = term.split_once('=') else { continue };
            let (path, equal) = path.strip_suffix('!').map_or((path, true), |path| (path, false));
            // `==` is no operator, and such a condition is not seen.
            if let (Some(field), false) = (path.strip_prefix("peers/peer/"), value.starts_with('=')) {
                conditions.push((field.to_owned(), equal, value.as_bytes().to_vec()));
            }
        }
        if conditions.is_empty() { Self::Everything } else { Self::Conditions(conditions) }
    }

    fn finds(&self, peer: &Peer) -> bool {
        let Self::Conditions(conditions) = self else { return true };
        let mut seen = false;
        for (number, (field, equal, value)) in conditions.iter().enumerate() {
            let overruled = conditions[number + 1..].iter().any(|(later, ..)| later == field);
            if let (Some(text), false) = (searched(peer, field), overruled) {
                seen = true;
                if (text == value) != *equal {
                    return false;
                }
            }
        }
        seen
    }
}

/// The fields that a filter names.
fn filtered_fields(filter: &str) -> Vec<String> {
    filter
        .split(',')
        .filter_map(|path| path.trim_start_matches('/').strip_prefix("peers/peer/"))
        .flat_map(|fields| fields.split('|').map(str::to_owned))
        .collect()
}

/// Prints the fields of a node, all or only those that are wanted.
pub(super) struct Tree<'t> {
    pub(super) out: &'t mut Vec<u8>,
    pub(super) wanted: Option<&'t [String]>,
}

impl Tree<'_> {
    /// Starts a node.
    pub(super) fn node(&mut self, name: &str) {
        self.out.extend_from_slice(format!("  {name}\n").as_bytes());
    }

    fn wants(&self, name: &str) -> bool {
        self.wanted.is_none_or(|wanted| wanted.iter().any(|field| field == name))
    }

    /// A field whose value is text.
    pub(super) fn text(&mut self, name: &str, value: impl AsRef<[u8]>) {
        if self.wants(name) {
            self.out.extend_from_slice(format!("      {name}: \"").as_bytes());
            self.out.extend_from_slice(value.as_ref());
            self.out.extend_from_slice(b"\"\n");
        }
    }

    /// Fields whose value is an empty text.
    pub(super) fn empty(&mut self, names: &[&str]) {
        names.iter().for_each(|name| self.text(name, ""));
    }

    /// A field whose value is a number.
    pub(super) fn number(&mut self, name: &str, value: impl std::fmt::Display) {
        if self.wants(name) {
            self.out.extend_from_slice(format!("      {name}: {value}\n").as_bytes());
        }
    }

    /// A field that is `True` or `False`.
    pub(super) fn flag(&mut self, name: &str, value: bool) {
        self.number(name, if value { "True" } else { "False" });
    }

    /// A container with its lines, which bring their own line ends and indentation of 10 blanks or more.
    pub(super) fn container(&mut self, name: &str, lines: impl AsRef<[u8]>) {
        if self.wants(name) {
            self.out.extend_from_slice(format!("      {name}\n").as_bytes());
            self.out.extend_from_slice(lines.as_ref());
        }
    }

    /// A value that the server gives as text and as number.
    pub(super) fn named_number(&mut self, name: &str, text: &str, value: u32) {
        self.container(name, format!("          text: \"{text}\"\n          value: {value}\n"));
    }

    /// The container `codecs`.
    pub(super) fn codecs(&mut self, codecs: &[Codec]) {
        let lines: String = codecs
            .iter()
            .map(|codec| {
                let (frame_length, description) = facts(*codec);
                format!(
                    "          codec\n              samplespersecond: 8000\n              name: \"{}\"\n              \
                     frame_length: {frame_length}\n              description: \"{description}\"\n",
                    codec.name()
                )
            })
            .collect();
        self.container("codecs", lines);
    }
}

/// Length in bytes of a frame, and description.
fn facts(codec: Codec) -> (u32, &'static str) {
    match codec {
        Codec::Ulaw => (80, "G.711 u-law"),
        Codec::Alaw => (80, "G.711 a-law"),
        Codec::Gsm => (33, "GSM"),
        Codec::G729 => (10, "G.729A"),
        Codec::G726 => (40, "G.726 RFC3551"),
        Codec::H263 => (0, "H.263 video"),
    }
}

fn print_peer(tree: &mut Tree<'_>, peer: &Peer) {
    tree.node("peer");
    print_first_half(tree, peer);
    print_second_half(tree, peer);
    let options: String = SIP_OPTIONS.iter().map(|option| format!("          {option}: False\n")).collect();
    tree.container("sipoptions", options);
    tree.text("tohost", peer.static_host.as_deref().unwrap_or_default());
    tree.named_number("amaflags", "Unknown", 0);
    tree.text("name", &peer.name);
    tree.text("cid_name", &peer.caller_name);
    tree.text("language", &peer.language);
    tree.flag("is_realtime", peer.is_realtime());
    tree.text("description", &peer.description);
    tree.text("type", peer.kind.name());
    tree.text("engine", "asterisk");
    tree.codecs(&peer.codecs);
}

fn print_first_half(tree: &mut Tree<'_>, peer: &Peer) {
    tree.text("context", &peer.context);
    tree.text("vmexten", &peer.voicemail_extension);
    tree.flag("autoframing", false);
    tree.text("transports", peer.transports);
    tree.empty(&["md5secret"]);
    tree.number("inuse", peer.in_use);
    tree.number("timer_t1", 500);
    tree.named_number("callingpres", "Presentation Allowed, Not Screened", 0);
    tree.empty(&["unsolicited_mailbox"]);
    if !peer.mailbox.is_empty() {
        let lines = [b"          mailbox\n              id: \"", &*peer.mailbox, b"\"\n"].concat();
        tree.container("mailboxes", lines);
    }
    tree.text("secret", &peer.secret);
    tree.number("t38_maxdatagram", -1);
    tree.text("username", &peer.username);
    tree.text("fromdomain", &peer.from_domain);
    tree.text("regexten", &peer.registration_extension);
    tree.named_number("allowtransfer", "open", 0);
    tree.text("useragent", &peer.user_agent);
    tree.number("rtptimeout", 0);
    tree.text("mohinterpret", "default");
    tree.empty(&["parkinglot"]);
}

fn print_second_half(tree: &mut Tree<'_>, peer: &Peer) {
    tree.number("call_limit", i32::MAX);
    tree.number("rtpkeepalive", 0);
    tree.text("fullcontact", &peer.full_contact);
    tree.number("rtpholdtimeout", 0);
    tree.number("qualifyfreq", peer.qualify_frequency);
    tree.number("maxms", peer.max_ms);
    tree.text("cid_num", &peer.caller_number);
    tree.empty(&["mwi_from"]);
    tree.text("subscribecontext", &peer.subscribe_context);
    tree.number("onhold", 0);
    tree.number("ringing", 0);
    tree.number("timer_b", 32_000);
    tree.text("fromuser", &peer.from_user);
    tree.flag("host_dynamic", peer.is_dynamic());
    tree.text("accountcode", &peer.account_code);
    tree.text("remotesecret", &peer.remote_secret);
    tree.number("maxcallbitrate", 384);
    tree.empty(&["mohsuggest"]);
    // The server prints -1 as if it had no sign.
    tree.number("lastms", peer.last_ms.cast_unsigned());
}
