//! One SIP peer or user in full as text: `sip show peer`, `sip show user` (`channels/chan_sip.c`, alike in
//! 13 and 16).

use super::World;
use super::peer::{Peer, codec_names};
use crate::simulator::framing::Output;

/// What every peer here may show of its number.
pub(super) const CALLING_PRESENTATION: &str = "Presentation Allowed, Not Screened";

impl World {
    /// `sip show peer NAME [load]`. As on a real server, `load` brings a user into memory too, though the
    /// answer says that there is no such peer.
    pub(super) fn sip_show_peer(&self, name: &[u8], load: bool) -> Output {
        if load {
            self.peers.load(name);
        }
        match self.peers.get(name).filter(|peer| peer.is_peer()) {
            Some(peer) => Output::text(peer_text(&peer)),
            None => Output::text([&not_found("Peer", name)[..], b"\n\n"].concat()),
        }
    }

    /// `sip show user NAME [load]`.
    pub(super) fn sip_show_user(&self, name: &[u8], load: bool) -> Output {
        if load {
            self.peers.load(name);
        }
        match self.peers.get(name).filter(|peer| peer.is_user()) {
            Some(user) => Output::text(user_text(&user)),
            None => Output::text([&not_found("User", name)[..], b"\n\n"].concat()),
        }
    }
}

/// What the server says of a name that it does not know.
pub(super) fn not_found(kind: &str, name: &[u8]) -> Vec<u8> {
    [kind.as_bytes(), b" ", name, b" not found."].concat()
}

fn yes_no(value: bool) -> &'static str {
    if value { "Yes" } else { "No" }
}

/// The `insecure` setting.
pub(super) fn insecure(peer: &Peer) -> &'static str {
    if peer.insecure { "port,invite" } else { "no" }
}

/// Lines `  Label        : value`.
struct Fields(Vec<u8>);

impl Fields {
    fn new() -> Self {
        Self(b"\n\n".to_vec())
    }

    fn add(&mut self, label: &str, value: impl AsRef<[u8]>) {
        self.0.extend_from_slice(format!("  {label:<13}: ").as_bytes());
        self.0.extend_from_slice(value.as_ref());
        self.0.push(b'\n');
    }

    fn add_all(&mut self, fields: &[(&str, &str)]) {
        fields.iter().for_each(|(label, value)| self.add(label, value));
    }

    /// A line that is there only where there is a value.
    fn add_some(&mut self, label: &str, value: &[u8]) {
        if !value.is_empty() {
            self.add(label, value);
        }
    }

    fn add_variables(&mut self, peer: &Peer) {
        if peer.variables.is_empty() {
            return;
        }
        self.0.extend_from_slice(b"  Variables    :\n");
        for (name, value) in &peer.variables {
            self.0.extend_from_slice(&[b"                 ", &**name, b" = ", &**value, b"\n"].concat());
        }
    }

    fn finish(mut self) -> Vec<u8> {
        self.0.push(b'\n');
        self.0
    }
}

fn set(secret: &[u8]) -> &'static str {
    if secret.is_empty() { "<Not set>" } else { "<Set>" }
}

fn or_not_set(value: &[u8]) -> &[u8] {
    if value.is_empty() { b"<Not set>" } else { value }
}

fn peer_text(peer: &Peer) -> Vec<u8> {
    let mut fields = Fields::new();
    add_identity(&mut fields, peer);
    add_limits(&mut fields, peer);
    add_signalling(&mut fields, peer);
    add_registration(&mut fields, peer);
    fields.finish()
}

fn add_identity(fields: &mut Fields, peer: &Peer) {
    fields.add("* Name", &peer.name);
    fields.add("Description", &peer.description);
    fields.add("Realtime peer", if peer.is_realtime() { "Yes, cached" } else { "No" });
    fields.add("Secret", set(&peer.secret));
    fields.add("MD5Secret", "<Not set>");
    fields.add("Remote Secret", set(&peer.remote_secret));
    fields.add("Context", &peer.context);
    fields.add("Record On feature ", "automon");
    fields.add("Record Off feature ", "automon");
    fields.add("Subscr.Cont.", or_not_set(&peer.subscribe_context));
    fields.add("Language", &peer.language);
    fields.add("Tonezone", "<Not set>");
    fields.add_some("Accountcode", &peer.account_code);
    fields.add("AMA flags", "Unknown");
    fields.add("Transfer mode", "open");
    fields.add("CallingPres", CALLING_PRESENTATION);
    fields.add_some("FromUser", &peer.from_user);
    if !peer.from_domain.is_empty() {
        fields.add("FromDomain", [&*peer.from_domain, b" Port 5060"].concat());
    }
}

fn add_limits(fields: &mut Fields, peer: &Peer) {
    fields.add("Callgroup", &peer.call_group);
    fields.add("Pickupgroup", &peer.pickup_group);
    fields.add_all(&[("Named Callgr", ""), ("Nam. Pickupgr", ""), ("MOH Suggest", "")]);
    fields.add("Mailbox", &peer.mailbox);
    fields.add("VM Extension", &peer.voicemail_extension);
    fields.add_all(&[("LastMsgsSent", "0/0"), ("Call limit", "2147483647"), ("Max forwards", "0")]);
    fields.add("Dynamic", yes_no(peer.is_dynamic()));
    fields.add("Callerid", peer.caller_id());
    fields.add("MaxCallBR", "384 kbps");
    fields.add("Expire", peer.expires.to_string());
    fields.add("Insecure", insecure(peer));
    fields.add("Force rport", if peer.forces_nat { "Yes" } else { "Auto (No)" });
    fields.add("Symmetric RTP", yes_no(peer.forces_nat));
}

fn add_signalling(fields: &mut Fields, peer: &Peer) {
    fields.add_all(&[
        ("ACL", "No"),
        ("ContactACL", "No"),
        ("DirectMedACL", "No"),
        ("T.38 support", "No"),
        ("T.38 EC mode", "Unknown"),
        ("T.38 MaxDtgrm", "4294967295"),
        ("DirectMedia", "Yes"),
        ("PromiscRedir", "No"),
        ("User=Phone", "No"),
        ("Video Support", "No"),
        ("Text Support", "No"),
        ("Ign SDP ver", "No"),
        ("Trust RPID", "No"),
        ("Send RPID", "No"),
        ("Path support", "No"),
        ("Path", "N/A"),
        ("TrustIDOutbnd", "Legacy"),
        ("Subscriptions", "Yes"),
        ("Overlap dial", "Yes"),
        ("DTMFmode", "rfc2833"),
        ("Timer T1", "500"),
        ("Timer B", "32000"),
    ]);
    fields.add("ToHost", peer.static_host.as_deref().unwrap_or_default());
}

fn add_registration(fields: &mut Fields, peer: &Peer) {
    fields.add("Addr->IP", peer.address.map_or_else(|| "(null)".into(), |address| address.to_string()));
    fields.add("Defaddr->IP", "(null)");
    fields.add("Prim.Transp.", peer.transports.split(',').next().unwrap_or_default());
    fields.add("Allowed.Trsp", peer.transports);
    fields.add("Def. Username", &peer.username);
    fields.add("SIP Options", "(none)");
    fields.add("Codecs", codec_names(&peer.codecs));
    fields.add("Auto-Framing", "No");
    fields.add("Status", peer.status());
    fields.add("Useragent", &peer.user_agent);
    fields.add("Reg. Contact", &peer.full_contact);
    fields.add("Qualify Freq", format!("{} ms", peer.qualify_frequency));
    fields.add("Keepalive", "0 ms");
    fields.add_variables(peer);
    fields.add_all(&[
        ("Sess-Timers", "Accept"),
        ("Sess-Refresh", "uas"),
        ("Sess-Expires", "1800 secs"),
        ("Min-Sess", "90 secs"),
        ("RTP Engine", "asterisk"),
        ("Parkinglot", ""),
        ("Use Reason", "No"),
        ("Encryption", "No"),
        ("RTCP Mux", "No"),
    ]);
}

fn user_text(user: &Peer) -> Vec<u8> {
    let mut fields = Fields::new();
    fields.add("* Name", &user.name);
    fields.add("Secret", set(&user.secret));
    fields.add("MD5Secret", "<Not set>");
    fields.add("Context", &user.context);
    fields.add("Language", &user.language);
    fields.add_some("Accountcode", &user.account_code);
    fields.add_all(&[
        ("AMA flags", "Unknown"),
        ("Tonezone", "<Not set>"),
        ("Transfer mode", "open"),
        ("MaxCallBR", "384 kbps"),
        ("CallingPres", CALLING_PRESENTATION),
        ("Call limit", "2147483647"),
    ]);
    fields.add("Callgroup", &user.call_group);
    fields.add("Pickupgroup", &user.pickup_group);
    fields.add_all(&[("Named Callgr", ""), ("Nam. Pickupgr", "")]);
    fields.add("Callerid", user.caller_id());
    fields.add_all(&[
        ("ACL", "No"),
        ("Sess-Timers", "Accept"),
        ("Sess-Refresh", "uas"),
        ("Sess-Expires", "1800 secs"),
        ("Sess-Min-SE", "90 secs"),
        ("RTP Engine", "asterisk"),
    ]);
    // The server prints this one line by another pattern.
    fields.0.extend_from_slice(b"  Auto-Framing:  No \n");
    fields.add_variables(user);
    fields.finish()
}
