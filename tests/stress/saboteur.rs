//! What goes wrong with the server, one after the other.

use std::time::Duration;

use astfs::simulator::Fault;

use super::chance::Chance;
use super::stage::Stage;
use crate::support::proxy::Manner;

/// The longest that a fault lasts, in milliseconds.
const LONGEST: usize = 3000;
/// The longest time without one, in milliseconds.
const QUIET: usize = 5000;

/// What it floods with: somebody who is not there has registered.
const FLOOD: &[u8] =
    b"Event: PeerStatus\r\nPrivilege: system,all\r\nChannelType: SIP\r\nPeer: SIP/nobody\r\n\
                      PeerStatus: Registered\r\n\r\n";

/// A way in which the server fails.
enum Sabotage {
    Restart,
    Disconnect,
    Relayed(Manner),
    /// What is told meanwhile is not what the server has, so the connection ends with it: then all is asked anew.
    Falsified(Manner),
    Answers(Fault),
    /// The same for the version alone.
    Version(Fault),
    /// A server of another version takes its place.
    Replaced,
}

/// Has faults begin and end for as long as the workers go on; in the end the server is well.
pub fn sabotage(stage: &Stage, seed: u64) {
    let mut chance = Chance::new(seed);
    let all = [
        ("went down and came back", Sabotage::Restart),
        ("hung up", Sabotage::Disconnect),
        ("fell silent", Sabotage::Relayed(Manner::Hold)),
        ("stopped in the middle of a message", Sabotage::Relayed(Manner::Half)),
        ("sent a byte a second", Sabotage::Relayed(Manner::Drip)),
        ("reset connections", Sabotage::Relayed(Manner::Reset)),
        ("closed after each answer", Sabotage::Relayed(Manner::CloseAfterAnswer)),
        ("answered out of turn", Sabotage::Relayed(Manner::OutOfTurn)),
        ("answered with another's ActionID", Sabotage::Falsified(Manner::OthersActionId)),
        ("sent invalid UTF-8", Sabotage::Falsified(Manner::Spoil(b'e', 0xff))),
        ("sent NUL bytes", Sabotage::Falsified(Manner::Spoil(b'e', 0))),
        ("sent a line without end", Sabotage::Falsified(Manner::EndlessLine)),
        ("flooded events", Sabotage::Falsified(Manner::Flood(FLOOD.repeat(500)))),
        ("was 13 after a restart, and 16 after another", Sabotage::Replaced),
        ("sent 100 MB in one message", Sabotage::Version(Fault::HugeAnswer(100_000_000))),
        ("hung up in the middle of answers", Sabotage::Answers(Fault::HangUpMidAnswer)),
        ("sent garbage", Sabotage::Answers(Fault::Garbage(b"\x00\xff\r\n\r\nno header\r\n\r\n".to_vec()))),
        ("sent unknown ActionIDs", Sabotage::Answers(Fault::WrongActionId)),
        ("never completed lists", Sabotage::Answers(Fault::NeverCompleteList)),
        ("took its time", Sabotage::Answers(Fault::DelayAnswer(Duration::from_millis(50)))),
        ("refused everything", Sabotage::Answers(Fault::ErrorAnswer("not today".into()))),
    ];
    let millis = |number: usize| Duration::from_millis(number as u64);
    while stage.goes_on() {
        stage.rest(millis(500 + chance.below(QUIET)));
        let (name, sabotage) = chance.of(&all);
        match sabotage {
            Sabotage::Restart => stage.server.go_down(),
            Sabotage::Disconnect => stage.server.disconnect_all(),
            Sabotage::Relayed(manner) | Sabotage::Falsified(manner) => stage.proxy.set(manner.clone()),
            Sabotage::Version(fault) => stage.server.set_fault_for("core show version", fault.clone()),
            Sabotage::Replaced => stage.proxy.lead_to(stage.other.address()),
            Sabotage::Answers(fault) => stage.server.set_fault(Some(fault.clone())),
        }
        stage.rest(millis(200 + chance.below(LONGEST)));
        match sabotage {
            Sabotage::Restart => stage.server.come_back(),
            Sabotage::Disconnect => {}
            Sabotage::Relayed(_) => stage.proxy.set(Manner::Pass),
            Sabotage::Falsified(_) => {
                stage.proxy.set(Manner::Pass);
                stage.proxy.cut();
            }
            Sabotage::Replaced => stage.proxy.lead_to(stage.server.address()),
            Sabotage::Answers(_) | Sabotage::Version(_) => stage.server.set_fault(None),
        }
        stage.count(name);
    }
}
