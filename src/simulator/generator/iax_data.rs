//! `data get` of IAX2 peers and users, in 13 only (`channels/chan_iax2.c`).

use super::data_get::Tree;
use super::iax::{IaxPeer, IaxUser};
use super::peer::Codec;
use crate::simulator::framing::Output;

/// `data get /asterisk/channel/iax2/peers`; a search or filter is not looked at.
pub(super) fn peers(peers: &[IaxPeer]) -> Output {
    let mut out = b"peers\n".to_vec();
    for peer in peers {
        let mut tree = Tree { out: &mut out, wanted: None };
        tree.node("peer");
        tree.text("context", &peer.context);
        tree.flag("smoothing", false);
        tree.number("pokefreqok", 60_000);
        tree.empty(&["inkeys", "peercontext"]);
        tree.text("secret", &peer.secret);
        tree.text("host", peer.host());
        tree.text("username", &peer.username);
        tree.number("pokefreqnotok", 10_000);
        tree.empty(&["zonetag"]);
        tree.text("encryption", "no");
        tree.flag("dynamic", peer.dynamic);
        tree.empty(&["regexten", "mailbox", "mohinterpret", "parkinglot"]);
        tree.number("expiry", 60);
        tree.empty(&["dbsecret"]);
        tree.number("maxcallno", 0);
        tree.number("maxms", peer.max_ms);
        tree.text("status", peer.status());
        tree.empty(&["cid_num"]);
        tree.flag("trunk", false);
        tree.number("port", peer.address.map_or(0, |address| address.port()));
        tree.empty(&["outkey"]);
        tree.number("historicms", 0);
        tree.text("mask", peer.mask());
        tree.number("callno", 0);
        tree.empty(&["mohsuggest"]);
        tree.number("lastms", peer.last_ms);
        tree.text("name", &peer.name);
        tree.empty(&["cid_name"]);
        tree.codecs(&peer.codecs);
    }
    out.push(b'\n');
    Output::text(out)
}

/// `data get /asterisk/channel/iax2/users`; a search or filter is not looked at.
pub(super) fn users(users: &[IaxUser]) -> Output {
    let mut out = b"users\n".to_vec();
    for user in users {
        let mut tree = Tree { out: &mut out, wanted: None };
        tree.node("user");
        tree.text("context", &user.context);
        tree.number("maxauthreq", 3);
        tree.flag("access-control", false);
        tree.empty(&["inkeys"]);
        tree.text("codec-preferences", "host");
        tree.text("secret", &user.secret);
        tree.empty(&["mohinterpret", "parkinglot", "dbsecret"]);
        tree.text("cid_num", &user.caller_number);
        tree.empty(&["accountcode", "mohsuggest"]);
        tree.container(
            "authmethods",
            "          md5: True\n          plaintext: False\n          rsa: False\n",
        );
        tree.named_number("amaflags", "Unknown", 0);
        tree.text("name", &user.name);
        tree.text("cid_name", &user.caller_name);
        tree.empty(&["language"]);
        tree.codecs(&[Codec::Ulaw, Codec::Alaw]);
        tree.number("curauthreq", 0);
    }
    out.push(b'\n');
    Output::text(out)
}
