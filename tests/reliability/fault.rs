//! The faults.

use std::time::Duration;

use astfs::simulator::{Fault as Answering, Version};
use nix::libc::{EACCES, ECONNREFUSED, EHOSTDOWN, EIO, ETIMEDOUT};

use crate::support::proxy::Manner;

/// The size of an answer of one message that is far too large, in bytes.
const HUGE: usize = 100_000_000;

/// A way in which a server fails for a while.
pub struct Fault {
    /// What an operator would call it.
    pub name: &'static str,
    /// The server's version.
    pub version: Version,
    /// How it is made.
    pub inject: Inject,
    /// What reading fails with meanwhile, where no stale content is wanted.
    pub errnos: &'static [i32],
    /// Whether what is told meanwhile is another text, by the nature of the fault.
    pub tells_other: bool,
}

/// Who makes it.
#[derive(Clone, Debug)]
pub enum Inject {
    /// The server goes down.
    Refused,
    /// Packets get lost on the way to the server and back.
    Unreachable,
    /// The server spoils the answers to questions that contain this text.
    Answers(&'static str, Answering),
    /// A relay does something to a connection, as it goes on.
    Relayed(Manner),
    /// The same, beginning with new connections.
    RelayedAnew(Manner),
    /// The server ends, and knows another secret when it is back.
    SecretChanged,
    /// Another server takes its place.
    Replaced(Version),
    /// A real server is suspended.
    Suspended,
    /// A real server is killed.
    Killed,
}

impl Fault {
    /// Whether another server is there afterwards.
    pub fn replaces(&self) -> bool {
        matches!(self.inject, Inject::Replaced(_))
    }

    /// Whether nothing can be had of the server meanwhile.
    pub fn cuts_off(&self) -> bool {
        matches!(
            self.inject,
            Inject::Refused
                | Inject::Unreachable
                | Inject::Answers("", Answering::WrongActionId | Answering::NeverCompleteList)
                | Inject::Relayed(Manner::Hold | Manner::Half | Manner::Drip | Manner::Reset)
                | Inject::RelayedAnew(Manner::Hold)
                | Inject::SecretChanged
                | Inject::Suspended
                | Inject::Killed
        )
    }

    /// Whether it takes much of the machine.
    pub fn is_heavy(&self) -> bool {
        matches!(
            self.inject,
            Inject::Relayed(Manner::Flood(_) | Manner::EndlessLine)
                | Inject::Answers(_, Answering::HugeAnswer(_))
        )
    }
}

/// All of them.
pub fn all() -> Vec<Fault> {
    use Inject::{Answers, Killed, Refused, Relayed, RelayedAnew, Replaced, SecretChanged, Suspended};
    use Version::{Asterisk13, Asterisk16};
    const AWAY: &[i32] = &[ECONNREFUSED, EHOSTDOWN];
    const SILENT: &[i32] = &[ETIMEDOUT, EHOSTDOWN];
    const UNREADABLE: &[i32] = &[ETIMEDOUT, EHOSTDOWN, EIO];
    let fault =
        |name, inject, errnos| Fault { name, version: Asterisk16, inject, errnos, tells_other: false };
    let on_13 = |fault: Fault| Fault { version: Asterisk13, ..fault };
    let telling_other = |fault: Fault| Fault { tells_other: true, ..fault };
    let version = "core show version";
    vec![
        fault("refuses connections", Refused, AWAY),
        fault("cannot be reached: packets are dropped", Inject::Unreachable, SILENT),
        fault("accepts connections and says nothing", RelayedAnew(Manner::Hold), SILENT),
        fault("falls silent", Relayed(Manner::Hold), SILENT),
        fault("stops in the middle of a message", Relayed(Manner::Half), SILENT),
        on_13(fault("stops in the middle of a message (13)", Relayed(Manner::Half), SILENT)),
        fault("sends a byte a second", Relayed(Manner::Drip), SILENT),
        fault("resets connections", Relayed(Manner::Reset), AWAY),
        fault("closes after each answer", Relayed(Manner::CloseAfterAnswer), AWAY),
        fault("answers late, within the timeout", Answers("", LATE), &[ETIMEDOUT]),
        fault("answers out of turn", Relayed(Manner::OutOfTurn), UNREADABLE),
        telling_other(fault("answers with another's ActionID", Relayed(Manner::OthersActionId), UNREADABLE)),
        fault("answers with an ActionID that nobody sent", Answers("", Answering::WrongActionId), UNREADABLE),
        fault("never completes a list or an output", Answers("", Answering::NeverCompleteList), UNREADABLE),
        on_13(fault("never completes one (13)", Answers("", Answering::NeverCompleteList), UNREADABLE)),
        telling_other(fault("sends invalid UTF-8", Relayed(Manner::Spoil(b'e', 0xff)), UNREADABLE)),
        telling_other(fault("sends NUL bytes", Relayed(Manner::Spoil(b'e', 0)), UNREADABLE)),
        telling_other(fault("a banner of 13, answers of 16", RelayedAnew(BANNER_13), UNREADABLE)),
        on_13(telling_other(fault("a banner of 16, answers of 13", RelayedAnew(BANNER_16), UNREADABLE))),
        fault("refuses the login that worked", SecretChanged, &[EACCES, EHOSTDOWN]),
        telling_other(fault("is 13 after a restart", Replaced(Asterisk13), AWAY)),
        on_13(telling_other(fault("is 16 after a restart (13)", Replaced(Asterisk16), AWAY))),
        fault("is suspended (real 16)", Suspended, SILENT),
        fault("is killed (real 16)", Killed, AWAY),
        fault("floods events at line rate", Relayed(Manner::Flood(events())), &[ETIMEDOUT]),
        telling_other(fault("sends 100 MB in one message", Answers(version, HUGE_ANSWER), UNREADABLE)),
        on_13(telling_other(fault("sends 100 MB in one (13)", Answers(version, HUGE_ANSWER), UNREADABLE))),
        fault("sends a line without end", Relayed(Manner::EndlessLine), UNREADABLE),
    ]
}

const LATE: Answering = Answering::DelayAnswer(Duration::from_millis(150));
const HUGE_ANSWER: Answering = Answering::HugeAnswer(HUGE);
const BANNER_13: Manner = Manner::Banner("Asterisk Call Manager/2.10.6");
const BANNER_16: Manner = Manner::Banner("Asterisk Call Manager/5.0.4");

/// As many events as are sent at once: half of them say that something else is true of a peer.
fn events() -> Vec<u8> {
    let event = |number: usize| {
        let peer = format!("PeerStatus: Registered\r\nPeer: SIP/{}\r\n", 6001 + number % 7);
        let name = if number.is_multiple_of(2) { "PeerStatus" } else { "Newexten" };
        format!("Event: {name}\r\nPrivilege: system,all\r\nChannelType: SIP\r\n{peer}\r\n").into_bytes()
    };
    (0..500).flat_map(event).collect()
}
