//! A SIP peer as `chan_sip` keeps it: what its configuration says, and where it is registered.

use std::fmt;
use std::net::SocketAddrV4;

/// Bytes as the server keeps them; usually UTF-8, but nothing makes sure of it.
pub type Text = Box<[u8]>;

/// Makes a [`Text`] of anything that has bytes.
pub fn text(bytes: impl AsRef<[u8]>) -> Text {
    bytes.as_ref().into()
}

/// The `type` of a peer: a friend is both a peer, which can be called, and a user, who can call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PeerType {
    /// Called and calling.
    Friend,
    /// Called only, as a trunk.
    Peer,
    /// Calling only; in no list of peers.
    User,
}

impl PeerType {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Friend => "friend",
            Self::Peer => "peer",
            Self::User => "user",
        }
    }
}

/// Where a peer's configuration comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// `sip.conf`.
    File,
    /// A realtime database; the peer is known to the server only once it was loaded into memory.
    Database {
        /// Whether the server has it in memory.
        loaded: bool,
    },
}

/// An audio or video codec, by Asterisk's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it all")]
pub enum Codec {
    Ulaw,
    Alaw,
    Gsm,
    G729,
    G726,
    H263,
}

impl Codec {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Ulaw => "ulaw",
            Self::Alaw => "alaw",
            Self::Gsm => "gsm",
            Self::G729 => "g729",
            Self::G726 => "g726",
            Self::H263 => "h263",
        }
    }
}

/// The names of codecs as `(ulaw|alaw)`.
pub(super) fn codec_names(codecs: &[Codec]) -> String {
    format!("({})", codecs.iter().map(|codec| codec.name()).collect::<Vec<_>>().join("|"))
}

/// A SIP peer. [`Peer::new`] gives one with the server's defaults, to be changed field by field. Its
/// `Debug` output is its name and kind, without any secret.
#[derive(Clone, PartialEq, Eq)]
pub struct Peer {
    /// The name, at most 79 bytes; longer ones are cut by the server.
    pub name: Text,
    /// Friend, peer or user.
    pub kind: PeerType,
    /// From a file or a database.
    pub origin: Origin,
    /// The password that the peer gives; empty for none.
    pub secret: Text,
    /// The password that the server gives to the peer; empty for none.
    pub remote_secret: Text,
    /// The dialplan context of its calls.
    pub context: Text,
    /// The context of its subscriptions; empty for none.
    pub subscribe_context: Text,
    /// The language of prompts, such as `en`; may be empty.
    pub language: Text,
    /// The account code of its calls; may be empty.
    pub account_code: Text,
    /// A text for people; may be empty.
    pub description: Text,
    /// The name it shows when it calls; may be empty.
    pub caller_name: Text,
    /// The number it shows when it calls; may be empty.
    pub caller_number: Text,
    /// The user in `From` of requests to it; empty for none.
    pub from_user: Text,
    /// The domain in `From` of requests to it; empty for none.
    pub from_domain: Text,
    /// The mailbox as `6001@default`; empty for none.
    pub mailbox: Text,
    /// The extension that listens to voicemail.
    pub voicemail_extension: Text,
    /// The extension that is added to the dialplan while it is registered; empty for none.
    pub registration_extension: Text,
    /// The call groups as the server prints them, such as `1, 2`; may be empty.
    pub call_group: Text,
    /// The pickup groups as the server prints them; may be empty.
    pub pickup_group: Text,
    /// The user name that it gave when it registered, or that its configuration says; may be empty.
    pub username: Text,
    /// The host it is reached at if it does not register; `None` for a peer that does.
    pub static_host: Option<Text>,
    /// Where it is reached now.
    pub address: Option<SocketAddrV4>,
    /// What its device calls itself; may be empty.
    pub user_agent: Text,
    /// The contact that it registered, such as `sip:6001@127.0.0.1:5060`; may be empty.
    pub full_contact: Text,
    /// The seconds left of its registration; -1 without one.
    pub expires: i32,
    /// When its registration ends, in seconds since 1970, as the database has it; 0 without one.
    pub expiry_time: u64,
    /// Its transports, such as `UDP,WS`.
    pub transports: &'static str,
    /// Its codecs, the preferred one first.
    pub codecs: Box<[Codec]>,
    /// `nat=force_rport,comedia`, where the default is to find out (`Auto`).
    pub forces_nat: bool,
    /// `insecure=port,invite`.
    pub insecure: bool,
    /// `qualify`: the round trip in milliseconds up to which it counts as reachable; 0 for unmonitored.
    pub max_ms: u32,
    /// The last round trip in milliseconds; 0 before the first, -1 if it does not answer.
    pub last_ms: i32,
    /// The milliseconds between two checks.
    pub qualify_frequency: u32,
    /// How many calls it is in.
    pub in_use: u32,
    /// Channel variables (`setvar`) in the order in which the server prints them.
    pub variables: Vec<(Text, Text)>,
}

impl fmt::Debug for Peer {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = String::from_utf8_lossy(&self.name);
        out.debug_struct("Peer").field("name", &name).field("kind", &self.kind).finish_non_exhaustive()
    }
}

impl Peer {
    /// A friend that registers, and has not done so yet.
    pub fn new(name: impl AsRef<[u8]>) -> Self {
        let none = Text::default;
        Self {
            name: name.as_ref()[..name.as_ref().len().min(79)].into(),
            kind: PeerType::Friend,
            origin: Origin::File,
            secret: none(),
            remote_secret: none(),
            context: text("default"),
            subscribe_context: none(),
            language: none(),
            account_code: none(),
            description: none(),
            caller_name: none(),
            caller_number: none(),
            from_user: none(),
            from_domain: none(),
            mailbox: none(),
            voicemail_extension: text("asterisk"),
            registration_extension: none(),
            call_group: none(),
            pickup_group: none(),
            username: none(),
            static_host: None,
            address: None,
            user_agent: none(),
            full_contact: none(),
            expires: -1,
            expiry_time: 0,
            transports: "UDP",
            codecs: [Codec::Ulaw, Codec::Alaw].into(),
            forces_nat: false,
            insecure: false,
            max_ms: 0,
            last_ms: 0,
            qualify_frequency: 60_000,
            in_use: 0,
            variables: Vec::new(),
        }
    }

    /// The same peer, registered from that address for that many seconds.
    pub fn registered(mut self, address: SocketAddrV4, user_agent: impl AsRef<[u8]>, expires: i32) -> Self {
        self.full_contact = [b"sip:", &*self.name, b"@", address.to_string().as_bytes()].concat().into();
        self.address = Some(address);
        self.user_agent = text(user_agent);
        self.expires = expires;
        self.username = self.name.clone();
        self
    }

    /// The same peer, reached at a fixed address.
    pub fn at(mut self, host: impl AsRef<[u8]>, address: SocketAddrV4) -> Self {
        self.static_host = Some(text(host));
        self.address = Some(address);
        self
    }

    pub(super) fn is_dynamic(&self) -> bool {
        self.static_host.is_none() && (self.kind != PeerType::User || self.is_realtime())
    }

    pub(super) fn is_realtime(&self) -> bool {
        matches!(self.origin, Origin::Database { .. })
    }

    pub(super) fn is_loaded(&self) -> bool {
        self.origin != Origin::Database { loaded: false }
    }

    /// Whether lists of peers show it.
    pub(super) fn is_peer(&self) -> bool {
        self.kind != PeerType::User
    }

    /// Whether lists of users show it.
    pub(super) fn is_user(&self) -> bool {
        self.kind != PeerType::Peer
    }

    /// What the server says about its reachability, such as `OK (2 ms)`.
    pub(super) fn status(&self) -> String {
        status(self.max_ms, self.last_ms)
    }

    /// Whether the summary of `sip show peers` counts it as online.
    pub(super) fn is_online(&self) -> bool {
        if self.max_ms > 0 { self.last_ms > 0 } else { self.address.is_some() }
    }

    /// `"Name" <number>`.
    pub(super) fn caller_id(&self) -> Vec<u8> {
        [b"\"", &*self.caller_name, b"\" <", &*self.caller_number, b">"].concat()
    }
}

/// The status of a SIP or IAX2 peer with these round trips in milliseconds.
pub(super) fn status(max_ms: u32, last_ms: i32) -> String {
    match last_ms {
        _ if max_ms == 0 => "Unmonitored".into(),
        0 => "UNKNOWN".into(),
        ..0 => "UNREACHABLE".into(),
        _ if i64::from(last_ms) > i64::from(max_ms) => format!("LAGGED ({last_ms} ms)"),
        _ => format!("OK ({last_ms} ms)"),
    }
}
