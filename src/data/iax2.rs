//! `/asterisk/channel/iax2/peers` and `/asterisk/channel/iax2/users`.

use super::provider::{Ask, Detail, Field, List, Provider};
use super::told::{
    Told, caller_name, caller_number, codecs, entries_of, may_be_cut, milliseconds, number, truth, whole,
};
use crate::parse::Parser;
use crate::parse::value::{Fields, Shapes, Value};

const LISTED: &str = "IAXpeerlist";
const SHOWN: &str = "iax2 show peer";
const USER_LIST: &str = "iax2 show users";

/// The widths of columns in `iax2 show users`, in bytes.
const NAME_WIDTH: usize = 15;
const SECRET_WIDTH: usize = 20;

/// The peers.
pub static PEERS: Provider = Provider {
    path: "/asterisk/channel/iax2/peers",
    root: "peers",
    node: "peer",
    lists: &[List { ask: Ask::Action(LISTED, None), optional: false, lasting: None }],
    details: &[Detail { ask: Ask::Command(SHOWN, Parser::Fields), of: LISTED, lasting: true }],
    entries: |lists| entries_of(LISTED, "ObjectName", lists[0]),
    fields: &[
        Field { name: "context", from: &[SHOWN], value: |told| told.text(SHOWN, "context") },
        Field {
            name: "smoothing",
            from: &[SHOWN],
            value: |told| Some(Value::Bool(told.get(SHOWN, "qualify")?.contains("smoothing On"))),
        },
        Field { name: "pokefreqok", from: &[SHOWN], value: |told| every(told, "when OK") },
        Field {
            name: "secret",
            from: &[SHOWN],
            value: |told| (told.get(SHOWN, "secret")? == "<Not set>").then(|| "".into()),
        },
        Field { name: "host", from: &[LISTED], value: |told| told.text(LISTED, "IPaddress") },
        Field {
            name: "username",
            from: &[LISTED],
            value: |told| told.text_or_empty(LISTED, "ObjectUsername"),
        },
        Field { name: "pokefreqnotok", from: &[SHOWN], value: |told| every(told, "when UNREACHABLE") },
        Field { name: "encryption", from: &[LISTED], value: |told| told.text(LISTED, "Encryption") },
        Field { name: "dynamic", from: &[LISTED], value: |told| truth(told.get(LISTED, "Dynamic")?) },
        Field { name: "mailbox", from: &[SHOWN], value: |told| told.text_or_empty(SHOWN, "mailbox") },
        Field { name: "parkinglot", from: &[SHOWN], value: |told| told.text_or_empty(SHOWN, "parking_lot") },
        Field { name: "maxcallno", from: &[SHOWN], value: |told| number(told.get(SHOWN, "callnum_limit")?) },
        Field { name: "status", from: &[LISTED], value: |told| told.text(LISTED, "Status") },
        Field { name: "cid_num", from: &[SHOWN], value: |told| caller_number(told.get(SHOWN, "callerid")?) },
        Field { name: "trunk", from: &[LISTED], value: |told| truth(told.get(LISTED, "Trunk")?) },
        Field {
            name: "port",
            from: &[LISTED],
            value: |told| match told.get(LISTED, "Port")? {
                "(null)" => Some(Value::Integer(0)),
                port => number(port),
            },
        },
        Field { name: "mask", from: &[LISTED], value: |told| told.text(LISTED, "Mask") },
        Field { name: "lastms", from: &[LISTED], value: |told| milliseconds(told.get(LISTED, "Status")?) },
        Field { name: "name", from: &[LISTED], value: |told| told.entry.get("name").cloned() },
        Field { name: "cid_name", from: &[SHOWN], value: |told| caller_name(told.get(SHOWN, "callerid")?) },
        Field { name: "codecs", from: &[SHOWN], value: |told| codecs(told.get(SHOWN, "codecs")?) },
    ],
    missing: &[
        "inkeys",
        "peercontext",
        "zonetag",
        "regexten",
        "mohinterpret",
        "expiry",
        "dbsecret",
        "maxms",
        "outkey",
        "historicms",
        "callno",
        "mohsuggest",
    ],
    events: &[("PeerStatus", "event.Peer | replace('IAX2/', '') if event.ChannelType == 'IAX2'")],
};

/// The users.
pub static USERS: Provider = Provider {
    path: "/asterisk/channel/iax2/users",
    root: "users",
    node: "user",
    lists: &[List { ask: Ask::Command(USER_LIST, Parser::Table), optional: false, lasting: None }],
    details: &[],
    entries: |lists| entries_of(USER_LIST, "username", lists[0]),
    fields: &[
        Field {
            name: "context",
            from: &[USER_LIST],
            value: |told| whole(told.get(USER_LIST, "def_context")?, 15),
        },
        Field {
            name: "access-control",
            from: &[USER_LIST],
            value: |told| truth(told.get(USER_LIST, "a_c")?),
        },
        Field { name: "codec-preferences", from: &[USER_LIST], value: preferences },
        Field { name: "secret", from: &[USER_LIST], value: secret },
        Field { name: "authmethods", from: &[USER_LIST], value: methods },
        Field { name: "name", from: &[USER_LIST], value: |told| told.entry.get("name").cloned() },
    ],
    missing: &[
        "maxauthreq",
        "inkeys",
        "mohinterpret",
        "parkinglot",
        "dbsecret",
        "cid_num",
        "accountcode",
        "mohsuggest",
        "amaflags",
        "cid_name",
        "language",
        "codecs",
        "curauthreq",
    ],
    events: &[],
};

/// The milliseconds of `every 60000ms when OK, every 10000ms when UNREACHABLE (…)`.
fn every(told: &Told<'_>, when: &str) -> Option<Value> {
    let qualify = told.get(SHOWN, "qualify")?;
    number(qualify.split_once(&format!("ms {when}"))?.0.rsplit_once(' ')?.1)
}

/// As `data get` spells them: `Host` is `host`.
fn preferences(told: &Told<'_>) -> Option<Value> {
    let shown = told.get(USER_LIST, "codec_pref")?;
    let lower = ["Host", "Caller", "Disabled"].contains(&shown);
    Some(if lower { shown.to_ascii_lowercase().as_str().into() } else { shown.into() })
}

/// A secret that does not fill its column is whole. A name that does may be another's.
fn secret(told: &Told<'_>) -> Option<Value> {
    if may_be_cut(told.get(USER_LIST, "username")?, NAME_WIDTH) {
        return None;
    }
    match told.get(USER_LIST, "secret")? {
        "-no secret-" => Some("".into()),
        key if key.starts_with("Key: ") => None,
        secret => whole(secret, SECRET_WIDTH),
    }
}

/// The bits of `Authen`, as a number.
fn methods(told: &Told<'_>) -> Option<Value> {
    let bits: u64 = told.get(USER_LIST, "authen")?.parse().ok()?;
    let mut fields = Fields::new();
    for (name, bit) in [("md5", 2), ("plaintext", 1), ("rsa", 4)] {
        fields.push(name, Value::Bool(bits & bit != 0));
    }
    Some(fields.finish(&mut Shapes::new()))
}
