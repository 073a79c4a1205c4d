//! The events that a server sends by itself. 13 stamps each with its time (its server had
//! `timestampevents`), 16 and 22 name the system. Fields and order are those of the recorded events.

use super::core::timestamp;
use super::peer::Peer;
use crate::simulator::Version;
use crate::simulator::framing::Message;

fn event(version: Version, name: &str, class: &str) -> Message {
    let message = Message::event(name).header("Privilege", format!("{class},all"));
    match version.system_name() {
        Some(system) => message.header("SystemName", system),
        None => message.header("Timestamp", timestamp()),
    }
}

fn peer_status(version: Version, peer: &Peer, status: &str) -> Message {
    event(version, "PeerStatus", "system")
        .header("ChannelType", "SIP")
        .header("Peer", [b"SIP/", &*peer.name].concat())
        .header("PeerStatus", status)
}

fn device_state(version: Version, peer: &Peer, state: &str) -> Vec<u8> {
    event(version, "DeviceStateChange", "call")
        .header("Device", [b"SIP/", &*peer.name].concat())
        .header("State", state)
        .finish()
}

/// The events of a registration. `again` says that the peer was registered already; then only the first
/// is sent.
pub(super) fn registered(version: Version, peer: &Peer, again: bool) -> Vec<Vec<u8>> {
    let address = peer.address.map(|address| address.to_string()).unwrap_or_default();
    let mut events = vec![peer_status(version, peer, "Registered").header("Address", address).finish()];
    if again {
        return events;
    }
    if version == Version::Asterisk13 && peer.max_ms > 0 {
        // Until its first answer a monitored peer counts as not there.
        events.push(device_state(version, peer, "UNAVAILABLE"));
    }
    events.push(device_state(version, peer, "NOT_INUSE"));
    if peer.max_ms > 0 {
        events.push(peer_status(version, peer, "Reachable").finish());
    }
    events
}

/// The events of a registration's end.
pub(super) fn unregistered(version: Version, peer: &Peer) -> Vec<Vec<u8>> {
    let mut events = vec![
        peer_status(version, peer, "Unregistered").header("Cause", "Expired").finish(),
        device_state(version, peer, "UNAVAILABLE"),
    ];
    if version == Version::Asterisk13 {
        events.reverse();
    }
    events
}

/// The event of a reload.
pub(super) fn reload(version: Version, module: &str) -> Vec<u8> {
    event(version, "Reload", "system").header("Module", module).header("Status", "0").finish()
}

/// The event of a server that stops.
pub(in crate::simulator) fn shutdown(version: Version) -> Vec<u8> {
    event(version, "Shutdown", "system").header("Shutdown", "Cleanly").header("Restart", "False").finish()
}

/// The event behind a login that takes events; 13 sends none.
pub(in crate::simulator) fn fully_booted(version: Version, uptime_seconds: u64) -> Option<Vec<u8>> {
    let message = Message::event("FullyBooted")
        .header("Privilege", "system,all")
        .number("Uptime", uptime_seconds)
        .number("LastReload", uptime_seconds)
        .header("Status", "Fully Booted");
    (version != Version::Asterisk13).then(|| message.finish())
}
