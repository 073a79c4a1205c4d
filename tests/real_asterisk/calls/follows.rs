//! What changes on the server is in the mount in time.

use std::time::Duration;

use super::{as_name, busy_and_mounted, objects, value};
use crate::ground::{PATIENCE, is_there, measure, names};
use crate::support::asterisk::Version;

const BOTH: [Version; 2] = [Version::V16, Version::V22];

#[test]
fn a_call_comes_and_goes_with_its_channels_and_their_bridge() {
    for version in BOTH {
        let Some((server, mounted)) = busy_and_mounted(version) else { return };
        let (channels, bridges) = (mounted.join("channels"), mounted.join("bridges"));
        let before = (objects(&channels), objects(&bridges));
        server.cli("channel originate Local/stay@calls/n extension talk@calls");
        measure("four channels more", PATIENCE, || objects(&channels).len() == before.0.len() + 4);
        measure("and a bridge", PATIENCE, || objects(&bridges).len() == before.1.len() + 1);
        let bridge = objects(&bridges).into_iter().find(|id| !before.1.contains(id)).expect("a new one");
        measure("with two channels", PATIENCE, || names(&bridges.join(&bridge).join("channels")).len() == 2);
        let talking = names(&bridges.join(&bridge).join("channels"));
        for channel in &talking {
            measure("which are up", PATIENCE, || value(&channels.join(channel).join("state")) == "Up");
            measure("and know it", PATIENCE, || value(&channels.join(channel).join("bridge_id")) == bridge);
        }
        let name = value(&channels.join(&talking[0]).join("name"));
        server.cli(&format!("channel request hangup {name}"));
        measure("channels and bridge gone", PATIENCE, || {
            (objects(&channels), objects(&bridges)) == before && !is_there(&channels.join(as_name(&name)))
        });
        assert!(!mounted.stderr().contains("WARN"), "{version:?}: {}", mounted.stderr());
    }
}

#[test]
fn a_step_of_the_dialplan_is_seen_at_once() {
    for version in BOTH {
        let Some((server, mounted)) = busy_and_mounted(version) else { return };
        let channels = mounted.join("channels");
        let waiting = value(&mounted.join("queues/sales/callers/1/channel/name"));
        let channel = channels.join(as_name(&waiting));
        assert_eq!(
            (value(&channel.join("application")), value(&channel.join("exten"))),
            ("Queue".into(), "wait".into())
        );
        server.cli(&format!("channel redirect {waiting} calls,stay,1"));
        measure("another application", PATIENCE, || value(&channel.join("application")) == "Wait");
        assert_eq!(
            (value(&channel.join("exten")), value(&channel.join("priority"))),
            ("stay".into(), "2".into())
        );
    }
}

#[test]
fn queues_follow_pauses_and_callers() {
    for version in BOTH {
        let Some((server, mounted)) = busy_and_mounted(version) else { return };
        let queue = mounted.join("queues/sales");
        let member = queue.join("members/Ringing Bell");
        assert_eq!(
            (value(&member.join("paused")), value(&member.join("paused_reason"))),
            ("false".into(), String::new())
        );
        server.cli("queue pause member Local/ring@calls queue sales reason lunch");
        measure("a pause", PATIENCE, || value(&member.join("paused")) == "true");
        measure("its reason", PATIENCE, || value(&member.join("paused_reason")) == "lunch");
        measure("nobody is left", PATIENCE, || value(&queue.join("available")) == "0");
        server.cli("queue unpause member Local/ring@calls queue sales");
        measure("its end", PATIENCE, || value(&member.join("paused")) == "false");
        server.cli("queue add member Local/stay@calls to sales penalty 3 as \"New One\"");
        measure("a new member", PATIENCE, || is_there(&queue.join("members/New One")));
        assert_eq!(value(&queue.join("members/New One/penalty")), "3");
        server.cli("channel originate Local/stay@calls/n extension wait@calls");
        server.cli("queue remove member Local/stay@calls from sales");
        measure("which goes", PATIENCE, || !is_there(&queue.join("members/New One")));
        let waiting = value(&queue.join("callers/1/channel/name"));
        server.cli(&format!("channel request hangup {waiting}"));
        measure("a caller who hangs up", PATIENCE, || value(&queue.join("abandoned")) == "1");
    }
}

#[test]
fn conferences_follow_who_joins_and_who_is_muted() {
    for version in BOTH {
        let Some((server, mounted)) = busy_and_mounted(version) else { return };
        let participants = mounted.join("conferences/8001/participants");
        let first = objects(&participants);
        server.cli("channel originate Local/stay@calls/n extension 8001@default");
        measure("another participant", PATIENCE, || objects(&participants).len() == 2);
        measure("is counted", PATIENCE, || value(&mounted.join("conferences/8001/parties")) == "2");
        let channel = value(&participants.join(&first[0]).join("channel/name"));
        server.cli(&format!("confbridge mute 8001 {channel}"));
        // 16 tells of it by an event of the console's mute only from the user's own menu
        measure("and one is muted", Duration::from_secs(20), || {
            value(&participants.join(&first[0]).join("muted")) == "true"
        });
        server.cli("confbridge kick 8001 all");
        measure("nobody is left", PATIENCE, || objects(&mounted.join("conferences")).is_empty());
    }
}

#[test]
fn states_and_parked_calls_follow() {
    for version in BOTH {
        let Some((server, mounted)) = busy_and_mounted(version) else { return };
        let (lamp, hint) = (mounted.join("devices/Custom:lamp"), mounted.join("hints/7000@default/state"));
        assert_eq!((value(&lamp), value(&hint)), ("INUSE".into(), "InUse".into()));
        server.cli("devstate change Custom:lamp RINGING");
        measure("a device's state", PATIENCE, || value(&lamp) == "RINGING");
        measure("and its hint's", PATIENCE, || value(&hint) == "Ringing");
        server.cli("presencestate change CustomPresence:door away,closed,later");
        let door = mounted.join("presence/CustomPresence:door");
        measure("presence", PATIENCE, || value(&door) == "state=away\nsubtype=closed\nmessage=later");
        let lot = mounted.join("parking/default");
        let parked = value(&lot.join("701/channel/name"));
        server.cli(&format!("channel request hangup {parked}"));
        measure("a parked call that ends", PATIENCE, || {
            objects(&lot).is_empty() && value(&lot.join("calls")) == "0"
        });
        server.cli("channel originate Local/stay@calls/n extension park@calls");
        measure("and the next", PATIENCE, || objects(&lot) == ["701"]);
    }
}

#[test]
fn the_database_is_at_most_as_old_as_its_queries_allow() {
    const EVERY: Duration = Duration::from_secs(5);
    for version in BOTH {
        let Some((server, mounted)) = busy_and_mounted(version) else { return };
        let key = mounted.join("database/astfs/plain");
        assert_eq!(value(&key), "value");
        server.cli("database put astfs plain other");
        server.cli("database put new/family key 1");
        measure("another value", EVERY + PATIENCE, || value(&key) == "other");
        measure("a new key", EVERY + PATIENCE, || is_there(&mounted.join("database/new/family/key")));
        server.cli("database del astfs plain");
        measure("a key that is gone", EVERY + PATIENCE, || !is_there(&key));
    }
}

#[test]
fn the_dialplan_follows_a_reload() {
    for version in BOTH {
        let Some((server, mounted)) = busy_and_mounted(version) else { return };
        let late = mounted.join("dialplan/calls/late");
        assert!(!is_there(&late));
        let file = server.configuration().join("extensions.conf");
        let before = std::fs::read_to_string(&file).expect("the configuration");
        let after = before.replace("[calls]\n", "[calls]\nexten => late,1,NoOp(late)\n");
        std::fs::write(&file, after).expect("the configuration can be written");
        server.cli("module reload pbx_config");
        measure("an extension that a reload adds", PATIENCE, || is_there(&late));
        assert_eq!(value(&late), "1. NoOp(late)");
    }
}
