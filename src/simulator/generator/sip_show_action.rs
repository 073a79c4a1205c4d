//! One SIP peer in full as a message: `SIPshowpeer` (`channels/chan_sip.c`, alike in 13 and 16).

use super::World;
use super::peer::{Peer, codec_names};
use super::sip_show::{CALLING_PRESENTATION, insecure, not_found};
use crate::simulator::Version;
use crate::simulator::framing::{Answer, Message};
use crate::simulator::request::Request;

impl World {
    pub(super) fn sip_show_peer_action(&self, request: &Request) -> Answer {
        let id = request.action_id();
        let Some(name) = request.get("Peer").filter(|name| !name.is_empty()) else {
            return Answer::error(id, "Peer: <name> missing.");
        };
        if let Some(peer) = self.peers.get(name).filter(|peer| peer.is_peer()) {
            return Answer::whole(peer_message(&peer, id));
        }
        let mut error = Message::response("Error", id).header("Message", not_found("Peer", name)).finish();
        if self.version != Version::Asterisk13 {
            error.extend_from_slice(b"\r\n");
        }
        Answer::whole(error)
    }
}

fn letter(value: bool) -> &'static str {
    if value { "Y" } else { "N" }
}

fn peer_message(peer: &Peer, id: Option<&[u8]>) -> Vec<u8> {
    let message = Message::response("Success", id)
        .header("Channeltype", "SIP")
        .header("ObjectName", &peer.name)
        .header("ChanObjectType", "peer")
        .header("SecretExist", letter(!peer.secret.is_empty()))
        .header("RemoteSecretExist", letter(!peer.remote_secret.is_empty()))
        .header("MD5SecretExist", "N")
        .header("Context", &peer.context);
    let message = with_configuration(message, peer);
    let message = with_sip_options(message, peer);
    with_registration(message, peer).finish()
}

fn with_configuration(mut message: Message, peer: &Peer) -> Message {
    if !peer.subscribe_context.is_empty() {
        message = message.header("SubscribeContext", &peer.subscribe_context);
    }
    message = message.header("Language", &peer.language).header("ToneZone", "<Not set>");
    if !peer.account_code.is_empty() {
        message = message.header("Accountcode", &peer.account_code);
    }
    message = message.header("AMAflags", "Unknown").header("CID-CallingPres", CALLING_PRESENTATION);
    if !peer.from_user.is_empty() {
        message = message.header("SIP-FromUser", &peer.from_user);
    }
    if !peer.from_domain.is_empty() {
        message = message.header("SIP-FromDomain", &peer.from_domain).header("Sip-FromDomain-Port", "5060");
    }
    message
        .header("Callgroup", &peer.call_group)
        .header("Pickupgroup", &peer.pickup_group)
        .header("Named Callgroup", "")
        .header("Named Pickupgroup", "")
        .header("MOHSuggest", "")
        .header("VoiceMailbox", &peer.mailbox)
        .header("TransferMode", "open")
        .header("LastMsgsSent", "0")
        .header("Maxforwards", "0")
        .header("Call-limit", "2147483647")
        .header("Busy-level", "0")
        .header("MaxCallBR", "384 kbps")
        .header("Dynamic", letter(peer.is_dynamic()))
        .header("Callerid", peer.caller_id())
        .header("RegExpire", format!("{} seconds", peer.expires))
        .header("SIP-AuthInsecure", insecure(peer))
}

fn with_sip_options(message: Message, peer: &Peer) -> Message {
    let message = message
        .header("SIP-Forcerport", if peer.forces_nat { "Y" } else { "a" })
        .header("SIP-Comedia", letter(peer.forces_nat));
    [
        ("ACL", "N"),
        ("SIP-CanReinvite", "Y"),
        ("SIP-DirectMedia", "Y"),
        ("SIP-PromiscRedir", "N"),
        ("SIP-UserPhone", "N"),
        ("SIP-VideoSupport", "N"),
        ("SIP-TextSupport", "N"),
        ("SIP-T.38Support", "N"),
        ("SIP-T.38EC", "Unknown"),
        ("SIP-T.38MaxDtgrm", "4294967295"),
        ("SIP-Sess-Timers", "Accept"),
        ("SIP-Sess-Refresh", "uas"),
        ("SIP-Sess-Expires", "1800"),
        ("SIP-Sess-Min", "90"),
        ("SIP-RTP-Engine", "asterisk"),
        ("SIP-Encryption", "N"),
        ("SIP-RTCP-Mux", "N"),
        ("SIP-DTMFmode", "rfc2833"),
    ]
    .into_iter()
    .fold(message, |message, (name, value)| message.header(name, value))
}

fn with_registration(message: Message, peer: &Peer) -> Message {
    let message = message.header("ToHost", peer.static_host.as_deref().unwrap_or_default());
    let message = match peer.address {
        Some(address) => message.number("Address-IP", address.ip()).number("Address-Port", address.port()),
        None => message.header("Address-IP", "(null)").header("Address-Port", "0"),
    };
    let message = message
        .header("Default-addr-IP", "(null)")
        .header("Default-addr-port", "0")
        .header("Default-Username", &peer.username)
        .header("Codecs", codec_names(&peer.codecs))
        .header("Status", peer.status())
        .header("SIP-Useragent", &peer.user_agent)
        .header("Reg-Contact", &peer.full_contact)
        .header("QualifyFreq", format!("{} ms", peer.qualify_frequency))
        .header("Parkinglot", "");
    let variables = peer.variables.iter();
    variables
        .fold(message, |message, (name, value)| {
            message.header("ChanVariable", [&**name, b"=", &**value].concat())
        })
        .header("SIP-Use-Reason-Header", "N")
        .header("Description", &peer.description)
}
