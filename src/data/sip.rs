//! `/asterisk/channel/sip/peers`: the peers, friends and users of chan_sip.
//!
//! `SIPpeers` lists peers and friends, `sip show users` users and friends, the one in full and the other in
//! columns. What a registration changes is told by `SIPshowpeer`; the rest of it, and what only `sip show
//! peer` tells, changes with the configuration alone.

use super::provider::{Ask, Detail, Field, List, Provider};
use super::told::{
    AMA_FLAGS, Told, caller_name, caller_number, codecs, cut, entry, enumerated, may_be_cut, milliseconds,
    number, rows, text_of, truth, whole,
};
use crate::parse::Parser;
use crate::parse::value::{Fields, Shapes, Value};

const LISTED: &str = "SIPpeers";
const USERS: &str = "sip show users";
const PEER: &str = "SIPshowpeer";
const PEER_SHOWN: &str = "sip show peer";
const USER_SHOWN: &str = "sip show user";

/// The widths of columns in `sip show users`, in bytes.
const NAME_WIDTH: usize = 25;
const SECRET_WIDTH: usize = 15;

const PRESENTATIONS: [(&str, i64); 9] = [
    ("Presentation Allowed, Not Screened", 0),
    ("Presentation Allowed, Passed Screen", 1),
    ("Presentation Allowed, Failed Screen", 2),
    ("Presentation Allowed, Network Number", 3),
    ("Presentation Prohibited, Not Screened", 32),
    ("Presentation Prohibited, Passed Screen", 33),
    ("Presentation Prohibited, Failed Screen", 34),
    ("Presentation Prohibited, Network Number", 35),
    ("Number Unavailable", 67),
];

/// In the order in which chan_sip has them.
const OPTIONS: [&str; 22] = [
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

/// The provider.
pub static PEERS: Provider = Provider {
    path: "/asterisk/channel/sip/peers",
    root: "peers",
    node: "peer",
    lists: &[
        List { ask: Ask::Action(LISTED, None), optional: false, lasting: Some("ObjectName") },
        List { ask: Ask::Command(USERS, Parser::Table), optional: true, lasting: Some("username") },
    ],
    details: &[
        Detail { ask: Ask::Action(PEER, Some("Peer")), of: LISTED, lasting: false },
        Detail { ask: Ask::Command(PEER_SHOWN, Parser::Fields), of: LISTED, lasting: true },
        Detail { ask: Ask::Command(USER_SHOWN, Parser::Fields), of: USERS, lasting: true },
    ],
    entries,
    fields: &[
        Field {
            name: "context",
            from: &[PEER, USER_SHOWN],
            value: |told| either(told, "Context", "context"),
        },
        Field { name: "vmexten", from: &[PEER_SHOWN], value: |told| told.text(PEER_SHOWN, "vm_extension") },
        Field {
            name: "autoframing",
            from: &[PEER_SHOWN, USER_SHOWN],
            value: |told| {
                let shown = told.get(PEER_SHOWN, "auto_framing");
                truth(shown.or_else(|| told.get(USER_SHOWN, "auto_framing"))?)
            },
        },
        Field {
            name: "transports",
            from: &[PEER_SHOWN],
            value: |told| told.text(PEER_SHOWN, "allowed_trsp"),
        },
        Field {
            name: "md5secret",
            from: &[PEER, USER_SHOWN],
            value: |told| unset(told, "MD5SecretExist", Some("md5secret")),
        },
        Field {
            name: "timer_t1",
            from: &[PEER_SHOWN],
            value: |told| number(told.get(PEER_SHOWN, "timer_t1")?),
        },
        Field {
            name: "callingpres",
            from: &[PEER, USER_SHOWN],
            value: |told| enumerated(told_by(told, "CID-CallingPres", "callingpres")?, &PRESENTATIONS),
        },
        Field { name: "mailboxes", from: &[PEER], value: mailboxes },
        Field { name: "secret", from: &[PEER, USERS], value: secret },
        Field {
            name: "t38_maxdatagram",
            from: &[PEER],
            value: |told| number(told.get(PEER, "SIP-T.38MaxDtgrm")?),
        },
        Field { name: "username", from: &[PEER], value: |told| told.text(PEER, "Default-Username") },
        Field { name: "fromdomain", from: &[PEER], value: |told| told.text_or_empty(PEER, "SIP-FromDomain") },
        Field {
            name: "allowtransfer",
            from: &[PEER, USER_SHOWN],
            value: |told| {
                enumerated(told_by(told, "TransferMode", "transfer_mode")?, &[("open", 0), ("closed", 1)])
            },
        },
        Field { name: "useragent", from: &[PEER], value: |told| told.text_or_empty(PEER, "SIP-Useragent") },
        Field { name: "parkinglot", from: &[PEER], value: |told| told.text(PEER, "Parkinglot") },
        Field {
            name: "call_limit",
            from: &[PEER, USER_SHOWN],
            value: |told| number(told_by(told, "Call-limit", "call_limit")?),
        },
        Field { name: "fullcontact", from: &[PEER], value: |told| told.text_or_empty(PEER, "Reg-Contact") },
        Field { name: "qualifyfreq", from: &[PEER], value: |told| number(told.get(PEER, "QualifyFreq")?) },
        Field {
            name: "cid_num",
            from: &[PEER, USER_SHOWN],
            value: |told| caller_number(told_by(told, "Callerid", "callerid")?),
        },
        Field {
            name: "subscribecontext",
            from: &[PEER],
            value: |told| told.text_or_empty(PEER, "SubscribeContext"),
        },
        Field {
            name: "timer_b",
            from: &[PEER_SHOWN],
            value: |told| number(told.get(PEER_SHOWN, "timer_b")?),
        },
        Field { name: "fromuser", from: &[PEER], value: |told| told.text_or_empty(PEER, "SIP-FromUser") },
        Field { name: "host_dynamic", from: &[PEER], value: |told| truth(told.get(PEER, "Dynamic")?) },
        Field { name: "accountcode", from: &[LISTED, USERS], value: account_code },
        Field { name: "remotesecret", from: &[PEER], value: |told| unset(told, "RemoteSecretExist", None) },
        Field {
            name: "maxcallbitrate",
            from: &[PEER, USER_SHOWN],
            value: |told| number(told_by(told, "MaxCallBR", "maxcallbr")?),
        },
        Field { name: "mohsuggest", from: &[PEER], value: |told| told.text(PEER, "MOHSuggest") },
        Field { name: "lastms", from: &[PEER], value: |told| milliseconds(told.get(PEER, "Status")?) },
        Field { name: "sipoptions", from: &[PEER_SHOWN], value: options },
        Field { name: "tohost", from: &[PEER], value: |told| told.text(PEER, "ToHost") },
        Field {
            name: "amaflags",
            from: &[PEER, USER_SHOWN],
            value: |told| enumerated(told_by(told, "AMAflags", "ama_flags")?, &AMA_FLAGS),
        },
        Field { name: "name", from: &[LISTED, USERS], value: |told| told.entry.get("name").cloned() },
        Field {
            name: "cid_name",
            from: &[PEER, USER_SHOWN],
            value: |told| caller_name(told_by(told, "Callerid", "callerid")?),
        },
        Field {
            name: "language",
            from: &[PEER, USER_SHOWN],
            value: |told| either(told, "Language", "language"),
        },
        Field {
            name: "is_realtime",
            from: &[LISTED],
            value: |told| truth(told.get(LISTED, "RealtimeDevice")?),
        },
        Field { name: "description", from: &[PEER], value: |told| told.text_or_empty(PEER, "Description") },
        Field { name: "type", from: &[LISTED, USERS], value: kind },
        Field {
            name: "engine",
            from: &[PEER, USER_SHOWN],
            value: |told| either(told, "SIP-RTP-Engine", "rtp_engine"),
        },
        Field { name: "codecs", from: &[PEER], value: |told| codecs(told.get(PEER, "Codecs")?) },
    ],
    missing: &[
        "inuse",
        "unsolicited_mailbox",
        "regexten",
        "rtptimeout",
        "mohinterpret",
        "rtpkeepalive",
        "rtpholdtimeout",
        "maxms",
        "mwi_from",
        "onhold",
        "ringing",
    ],
    events: &[("PeerStatus", "event.Peer[4:] if event.ChannelType == 'SIP'")],
};

/// Peers and friends, then the users that are nothing else. Where users may not be asked for, nothing
/// tells a friend from a peer.
fn entries(lists: &[Option<&Value>]) -> Vec<Value> {
    let users = lists[1].map(|_| rows(lists[1]));
    let mut shapes = Shapes::new();
    let mut by_name: std::collections::HashMap<&str, &Value> =
        users.into_iter().flatten().filter_map(|user| Some((text_of(user, "username")?, user))).collect();
    let mut entries = Vec::new();
    for peer in rows(lists[0]) {
        let Some(name) = text_of(peer, "ObjectName") else { continue };
        let user = users.map(|_| by_name.remove(cut(name, NAME_WIDTH).as_str()).unwrap_or(&Value::Null));
        entries.push(entry(name, &[(LISTED, Some(peer)), (USERS, user)], &mut shapes));
    }
    for user in users.into_iter().flatten() {
        if let Some(name) = text_of(user, "username")
            && by_name.contains_key(name)
        {
            entries.push(entry(name, &[(USERS, Some(user))], &mut shapes));
        }
    }
    entries
}

/// What a peer's action or a user's command says.
fn told_by<'a>(told: &Told<'a>, header: &str, label: &str) -> Option<&'a str> {
    told.get(PEER, header).or_else(|| told.get(USER_SHOWN, label))
}

fn either(told: &Told<'_>, header: &str, label: &str) -> Option<Value> {
    told_by(told, header, label).map(Value::from)
}

fn kind(told: &Told<'_>) -> Option<Value> {
    told.of(USERS)?;
    Some(match (told.has(LISTED), told.has(USERS)) {
        (true, true) => "friend".into(),
        (true, false) => "peer".into(),
        _ => "user".into(),
    })
}

/// That there is no secret is told; what it is, is not.
fn unset(told: &Told<'_>, header: &str, label: Option<&str>) -> Option<Value> {
    let none = told.get(PEER, header) == Some("N")
        || label.is_some_and(|label| told.get(USER_SHOWN, label) == Some("<Not set>"));
    none.then(|| "".into())
}

/// The list of users shows the beginning of a secret: all of it, if it does not fill its column. So it
/// does of a name, and then the secret may be another's.
fn secret(told: &Told<'_>) -> Option<Value> {
    let user = told.of(USERS).filter(|user| **user != Value::Null);
    let of_this = user.filter(|user| !may_be_cut(text_of(user, "username").unwrap_or_default(), NAME_WIDTH));
    let listed = of_this.and_then(|user| whole(text_of(user, "secret")?, SECRET_WIDTH));
    listed.or_else(|| unset(told, "SecretExist", None))
}

fn account_code(told: &Told<'_>) -> Option<Value> {
    told.text(LISTED, "Accountcode").or_else(|| whole(told.get(USERS, "accountcode")?, SECRET_WIDTH))
}

fn mailboxes(told: &Told<'_>) -> Option<Value> {
    let ids = told.get(PEER, "VoiceMailbox")?.split(',').filter(|id| !id.is_empty());
    let mut shapes = Shapes::new();
    let boxes = ids.map(|id| {
        let mut fields = Fields::new();
        fields.push("id", id.into());
        fields.finish(&mut shapes)
    });
    let boxes: Vec<Value> = boxes.collect();
    (!boxes.is_empty()).then(|| boxes.into())
}

fn options(told: &Told<'_>) -> Option<Value> {
    let shown = told.get(PEER_SHOWN, "sip_options")?;
    let set: Vec<&str> = shown.split([' ', ',']).collect();
    let mut fields = Fields::new();
    for option in OPTIONS {
        fields.push(option, Value::Bool(set.contains(&option)));
    }
    Some(fields.finish(&mut Shapes::new()))
}
