//! Each directory says what the console says, entry by entry.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use super::{as_name, busy_and_mounted, objects, value};
use crate::ground::{PATIENCE, fields, measure, names, text, walk};
use crate::support::asterisk::{Asterisk, Version};

const BOTH: [Version; 2] = [Version::V16, Version::V22];

/// The lines of a console's table below its rule.
fn rows(printed: &str) -> Vec<Vec<String>> {
    let lines = printed.lines().skip_while(|line| !line.starts_with("==")).skip(1);
    lines.map(|line| line.split_whitespace().map(str::to_owned).collect()).collect()
}

/// The channels by `core show channels concise`: name, then its other columns. Who announces in a
/// conference is no channel of AMI's list.
fn channels(server: &Asterisk) -> BTreeMap<String, Vec<String>> {
    let printed = server.cli("core show channels concise");
    let lines = printed.lines().filter(|line| line.contains('!') && !line.starts_with("CBAnn/"));
    lines
        .map(|line| {
            let columns: Vec<String> = line.split('!').map(str::to_owned).collect();
            (columns[0].clone(), columns)
        })
        .collect()
}

#[test]
fn channels_are_those_of_the_console() {
    for version in BOTH {
        let Some((server, mounted)) = busy_and_mounted(version) else { return };
        let directory = mounted.join("channels");
        let told = channels(&server);
        let expected: BTreeSet<_> = told.keys().map(|name| as_name(name)).collect();
        assert_eq!(objects(&directory).into_iter().collect::<BTreeSet<_>>(), expected, "{version:?}");
        for (name, columns) in &told {
            let at = |file: &str| value(&directory.join(as_name(name)).join(file));
            let seen = [
                "name",
                "context",
                "exten",
                "priority",
                "state",
                "application",
                "application_data",
                "caller_id_num",
                "account_code",
            ]
            .map(at);
            assert_eq!(seen[..], columns[..9], "{version:?}");
            assert_eq!((at("bridge_id"), at("unique_id")), (columns[12].clone(), columns[13].clone()));
            assert!(at("details").contains(&format!("Name: {name}\n")));
            let linked = at("linked_id");
            assert!(told.values().any(|columns| columns[13] == linked), "{name} is linked to {linked}");
            let stamp = columns[13].split(['-', '.']).rev().nth(1).unwrap_or_default();
            let stamp = jiff::Timestamp::from_second(stamp.parse().expect("seconds")).expect("a time");
            assert_eq!(at("created"), stamp.to_string());
            let json: serde_json::Value =
                serde_json::from_str(&text(&directory.join(as_name(name) + ".json"))).expect("JSON");
            assert_eq!(json["name"], **name);
            assert_eq!(json["bridge_id"].as_str().unwrap_or_default(), columns[12]);
            assert!(at("duration").parse::<u64>().is_ok_and(|seconds| seconds < 600), "{}", at("duration"));
        }
        let by_peer = directory.join("_by_peer");
        assert_eq!(names(&by_peer), ["ring@calls", "stay@calls"], "{version:?}");
        let of_ring: Vec<_> =
            told.keys().filter(|name| name.contains("ring@")).map(|name| as_name(name)).collect();
        assert_eq!(names(&by_peer.join("ring@calls")), of_ring);
        for name in &of_ring {
            assert!(
                by_peer.join("ring@calls").join(name).join("state").exists(),
                "{name}: the link leads there"
            );
        }
    }
}

#[test]
fn bridges_are_those_of_the_console_and_link_to_their_channels() {
    for version in BOTH {
        let Some((server, mounted)) = busy_and_mounted(version) else { return };
        let printed = server.cli("bridge show all");
        let mut expected = BTreeMap::new();
        for line in printed.lines().skip(1) {
            let columns: Vec<&str> = line.split_whitespace().collect();
            let [.., chans, kind, technology, _] = columns[..] else { panic!("{line}") };
            expected.insert(columns[0].to_owned(), [chans, kind, technology].map(str::to_owned));
        }
        assert_eq!(expected.len(), 3, "{printed}");
        let bridges = mounted.join("bridges");
        assert_eq!(objects(&bridges), expected.keys().cloned().collect::<Vec<_>>(), "{version:?}");
        for (id, told) in &expected {
            let bridge = bridges.join(id);
            assert_eq!(["num_channels", "type", "technology"].map(|file| value(&bridge.join(file))), *told);
            let shown = server.cli(&format!("bridge show {id}"));
            let members = shown.lines().filter_map(|line| line.trim().strip_prefix("Channel: "));
            let members: BTreeSet<_> =
                members.filter(|name| !name.starts_with("CBAnn/")).map(as_name).collect();
            assert_eq!(
                names(&bridge.join("channels")).into_iter().collect::<BTreeSet<_>>(),
                members,
                "{shown}"
            );
            for member in &members {
                let back = value(&bridge.join("channels").join(member).join("bridge_id"));
                assert_eq!(back, *id);
                let there = bridge.join("channels").join(member).join("bridge/id");
                assert_eq!(value(&there), *id, "and the channel links to its bridge");
            }
        }
    }
}

#[test]
fn queues_members_and_callers_are_those_of_the_console() {
    for version in BOTH {
        let Some((server, mounted)) = busy_and_mounted(version) else { return };
        let queues = mounted.join("queues");
        assert_eq!(objects(&queues), ["empty", "sales", "support"], "{version:?}");
        for name in objects(&queues) {
            let printed = server.cli(&format!("queue show {name}"));
            let queue = queues.join(&name);
            let at = |file: &str| value(&queue.join(file));
            let percent = |file: &str| at(file).parse::<f64>().expect("a number");
            let max = if at("max") == "0" { "unlimited".to_owned() } else { at("max") };
            let first = format!(
                "{name} has {} calls (max {max}) in '{}' strategy ({}s holdtime, {}s talktime), W:{}, C:{}, A:{}, \
                 SL:{:.1}%, SL2:{:.1}% within {}s",
                at("calls"),
                at("strategy"),
                at("hold_time"),
                at("talk_time"),
                at("weight"),
                at("completed"),
                at("abandoned"),
                percent("service_level_perf"),
                percent("service_level_perf_2"),
                at("service_level"),
            );
            assert_eq!(printed.lines().next(), Some(&*first), "{version:?}");
            let told: Vec<&str> = printed.lines().filter(|line| line.contains(" has taken ")).collect();
            let members = objects(&queue.join("members"));
            assert_eq!(members.len(), told.len(), "{printed}");
            assert_eq!(
                at("logged_in").parse::<usize>().ok(),
                Some(told.iter().filter(|line| !line.contains("(Unavailable)")).count())
            );
            for member in &members {
                let at = |file: &str| value(&queue.join("members").join(member).join(file));
                let begins = format!("      {} ({})", at("name"), at("interface"));
                let line = told.iter().find(|line| line.starts_with(&begins));
                let line = line.unwrap_or_else(|| panic!("no `{begins}`: {printed}"));
                assert!(
                    at("penalty") == "0" || line.contains(&format!("with penalty {} ", at("penalty"))),
                    "{line}"
                );
                // a Local channel's state changes without an event
                let states = ["(Not in use)", "(In use)", "(Ringing)", "(Unavailable)"];
                assert!(states.contains(&&*format!("({})", at("status"))), "{line}: {}", at("status"));
                assert_eq!((at("paused"), at("in_call")), ("false".to_owned(), "false".to_owned()));
                assert_eq!(at("last_call"), "");
            }
            let callers: Vec<&str> = printed
                .lines()
                .skip_while(|line| !line.contains("Callers: "))
                .skip(1)
                .filter(|line| !line.is_empty())
                .collect();
            assert_eq!(objects(&queue.join("callers")).len(), callers.len(), "{printed}");
            for (index, line) in callers.iter().enumerate() {
                let caller = queue.join("callers").join((index + 1).to_string());
                let at = |file: &str| value(&caller.join(file));
                let channel = value(&caller.join("channel/name"));
                assert!(line.trim().starts_with(&format!("{}. {channel} (wait: ", at("position"))), "{line}");
                assert!(line.ends_with(&format!(" prio: {})", at("priority"))), "{line}");
                assert!(at("wait").parse::<u64>().is_ok_and(|seconds| seconds < 600));
            }
        }
        let totals = fields(&queues.join("_totals"));
        assert_eq!(
            (totals["queues"].as_str(), totals["calls"].as_str(), totals["members"].as_str()),
            ("3", "1", "3")
        );
    }
}

#[test]
fn conferences_and_their_participants_are_those_of_the_console() {
    for version in BOTH {
        let Some((server, mounted)) = busy_and_mounted(version) else { return };
        let conferences = mounted.join("conferences");
        let told = rows(&server.cli("confbridge list"));
        assert_eq!(told.len(), 1);
        let word = |truth: &str| if truth == "true" { "Yes" } else { "No" }.to_owned();
        for row in &told {
            let conference = conferences.join(&row[0]);
            let at = |file: &str| value(&conference.join(file));
            assert_eq!(
                [at("name"), at("parties"), at("marked"), word(&at("locked")), word(&at("muted"))],
                row[..]
            );
            let told = rows(&server.cli(&format!("confbridge list {}", row[0])));
            let participants = objects(&conference.join("participants"));
            assert_eq!(
                participants,
                told.iter().map(|row| as_name(&row[0])).collect::<Vec<_>>(),
                "{version:?}"
            );
            for participant in &participants {
                let participant = conference.join("participants").join(participant);
                assert_eq!(
                    as_name(&value(&participant.join("channel/name"))),
                    participant.file_name().expect("a name").to_string_lossy()
                );
                for file in ["admin", "marked", "muted", "waiting"] {
                    assert_eq!(value(&participant.join(file)), "false", "{file}");
                }
            }
        }
        assert_eq!(objects(&conferences).len(), told.len());
    }
}

#[test]
fn without_a_conference_there_is_an_empty_directory() {
    for version in BOTH {
        let Some(server) = Asterisk::start(version) else { return };
        let mounted = crate::ground::mount_tree(&crate::ground::shipped(), &server, crate::ground::ASTFS);
        for directory in ["conferences", "channels/_by_peer", "bridges"] {
            assert_eq!(names(&mounted.join(directory)), Vec::<String>::new(), "{version:?}: {directory}");
        }
        assert!(!mounted.stderr().contains("WARN"), "{}", mounted.stderr());
    }
}

#[test]
fn hints_and_states_are_those_of_the_console() {
    for version in BOTH {
        let Some((server, mounted)) = busy_and_mounted(version) else { return };
        let hints = mounted.join("hints");
        let printed = server.cli("core show hints");
        let told: Vec<&str> = printed.lines().filter(|line| line.contains(" State:")).collect();
        assert_eq!(objects(&hints).len(), told.len(), "{printed}");
        for name in objects(&hints) {
            let at = |file: &str| value(&hints.join(&name).join(file));
            assert_eq!(format!("{}@{}", at("exten"), at("context")), name);
            let cut: String = name.chars().take(20).collect();
            let line = told
                .iter()
                .find(|line| line.starts_with(&cut))
                .unwrap_or_else(|| panic!("{name}: {printed}"));
            assert!(line.contains(&format!(" State:{} ", at("state"))), "{line}");
            let device = at("devices").replace('\n', "&");
            let device: String = device.chars().take(18).collect();
            assert!(line.contains(&format!(": {device}")), "{line}: {device}");
        }
        assert_eq!(value(&hints.join("door@calls/presence_id")), "CustomPresence:door");
        assert!(server.cli("devstate list").contains("Name: 'Custom:lamp'  State: 'INUSE'"));
        assert_eq!(value(&mounted.join("devices/Custom:lamp")), "INUSE");
        assert!(server.cli("presencestate list").contains("--- State: 'available'"));
        assert_eq!(
            text(&mounted.join("presence/CustomPresence:door")),
            "state=available\nsubtype=open\nmessage=hi\n"
        );
    }
}

#[test]
fn parked_calls_are_those_of_the_console() {
    for version in BOTH {
        let Some((server, mounted)) = busy_and_mounted(version) else { return };
        let parking = mounted.join("parking");
        let printed = server.cli("parking show");
        let told: Vec<&str> = printed.lines().filter_map(|line| line.strip_prefix("Parking Lot: ")).collect();
        assert_eq!(objects(&parking), told, "{version:?}");
        for lot in told {
            let printed = server.cli(&format!("parking show {lot}"));
            let at = |file: &str| value(&parking.join(lot).join(file));
            assert!(
                printed.contains(&format!(
                    "Parking Spaces      :  {}-{}\n",
                    at("start_space"),
                    at("stop_space")
                )),
                "{printed}"
            );
            assert!(printed.contains(&format!("Parking Time        :  {} sec\n", at("timeout"))));
            let of_calls = |label: &str| -> Vec<String> {
                let lines = printed.lines().filter_map(|line| line.trim().split_once(':'));
                lines
                    .filter(|(name, _)| name.trim() == label)
                    .map(|(_, value)| value.trim().to_owned())
                    .collect()
            };
            assert_eq!(objects(&parking.join(lot)), of_calls("Space"));
            assert_eq!(at("calls"), of_calls("Space").len().to_string());
            for (space, channel) in of_calls("Space").iter().zip(of_calls("Channel")) {
                let call = parking.join(lot).join(space);
                assert_eq!(
                    (value(&call.join("space")), value(&call.join("channel/name"))),
                    (space.clone(), channel)
                );
                assert_eq!(vec![value(&call.join("parker"))], of_calls("Parker Dial String"));
            }
        }
    }
}

#[test]
fn voicemail_boxes_are_those_of_the_console() {
    // 16's voicemail is a package of its own, which the tests' server has not
    let Some((server, mounted)) = busy_and_mounted(Version::V22) else { return };
    let voicemail = mounted.join("voicemail");
    let printed = server.cli("voicemail show users");
    let mut seen = 0;
    for context in objects(&voicemail) {
        for mailbox in objects(&voicemail.join(&context)) {
            let at = |file: &str| value(&voicemail.join(&context).join(&mailbox).join(file));
            let begins = format!("{context:<10} {mailbox:<5} {:<25}", at("full_name"));
            let line = printed.lines().find(|line| line.starts_with(&begins));
            let line = line.unwrap_or_else(|| panic!("no `{begins}`: {printed}"));
            assert!(line.ends_with(&format!(" {}", at("new_messages"))), "{line}");
            seen += 1;
        }
    }
    assert!(printed.contains(&format!("\n{seen} voicemail users configured.")), "{printed}");
    assert_eq!(value(&voicemail.join("default/6001/email")), "alice@example.com");
    assert_eq!(value(&voicemail.join("default/6002/email")), "");
    let Some((_server, mounted)) = busy_and_mounted(Version::V16) else { return };
    assert_eq!(names(&mounted.join("voicemail")), Vec::<String>::new());
}

/// The dialplan as the console prints it: lines of extensions and includes by context.
fn dialplan(printed: &str) -> BTreeMap<String, BTreeMap<String, String>> {
    let mut contexts: BTreeMap<String, BTreeMap<String, String>> = BTreeMap::new();
    let (mut context, mut extension) = (String::new(), String::new());
    for line in printed.lines() {
        if let Some(rest) = line.strip_prefix("[ Context '") {
            context = rest.split('\'').next().unwrap_or_default().to_owned();
            contexts.entry(context.clone()).or_default();
            continue;
        }
        let Some((head, _registrar)) = line.rsplit_once(" [") else { continue };
        let (name, step) = match head.split_once("=>") {
            Some((name, step)) => (Some(name.trim()), step.trim()),
            None => (None, head.trim()),
        };
        if name == Some("Include") {
            let include = format!("_includes/{}", step.trim_matches('\''));
            contexts.entry(context.clone()).or_default().insert(include, String::new());
            continue;
        }
        if let Some(name) = name {
            extension = name.trim_matches('\'').to_owned();
        }
        let steps = contexts.entry(context.clone()).or_default().entry(extension.clone()).or_default();
        steps.push_str(&format!("{step}\n"));
    }
    contexts
}

#[test]
fn the_dialplan_is_that_of_the_console() {
    for version in BOTH {
        let Some((server, mounted)) = busy_and_mounted(version) else { return };
        let directory = mounted.join("dialplan");
        let told = dialplan(&server.cli("dialplan show"));
        assert!(told["calls"]["wait"].contains("2. Queue(sales)\n"), "{told:?}");
        assert_eq!(names(&directory), told.keys().cloned().collect::<Vec<_>>(), "{version:?}");
        for (context, extensions) in &told {
            let mut seen = BTreeMap::new();
            for path in walk(&directory.join(context)) {
                let name =
                    path.strip_prefix(directory.join(context)).expect("below").to_string_lossy().into_owned();
                let kind = fs::symlink_metadata(&path).expect("it is listed").file_type();
                if kind.is_symlink() {
                    assert!(path.join(".").is_dir(), "{}: the link leads to a context", path.display());
                    seen.insert(name, String::new());
                } else if kind.is_file() {
                    seen.insert(name, text(&path));
                }
            }
            assert_eq!(&seen, extensions, "{version:?}: {context}");
        }
    }
}

#[test]
fn the_database_is_that_of_the_console_key_by_key() {
    for version in BOTH {
        let Some((server, mounted)) = busy_and_mounted(version) else { return };
        let printed = server.cli("database show");
        let lines = printed.lines().filter(|line| line.starts_with('/'));
        let told: BTreeMap<PathBuf, String> = lines
            .map(|line| {
                let (key, value) = line.split_once(": ").expect("a key and a value");
                (PathBuf::from(key.trim()), value.trim_end().to_owned())
            })
            .collect();
        let database = mounted.join("database");
        let mut seen = BTreeMap::new();
        for path in walk(&database) {
            if path.is_file() {
                let below = path.strip_prefix(&database).expect("below").to_string_lossy().into_owned();
                let key = below.replace("nested~2", "nested").replace("%2F", "/");
                seen.insert(Path::new("/").join(key), value(&path));
            }
        }
        assert_eq!(seen, told, "{version:?}");
        assert_eq!(seen[Path::new("/cidname/with space")], "Ünï  Çode");
        assert_eq!(
            value(&database.join("astfs/a/b/c%2Fd%2Fe%2Fdeepest")),
            "1",
            "deeper ones have `/` in their names"
        );
        assert_eq!(value(&database.join("astfs/nested~2")), "two", "a key where others are below it");
    }
}

#[test]
fn event_logs_tell_of_calls_from_the_mount_on() {
    for version in BOTH {
        let Some((server, mounted)) = busy_and_mounted(version) else { return };
        let log = |name: &str| text(&mounted.join("events").join(name));
        measure("logs mounted", PATIENCE, || mounted.join("events/all").exists());
        server.cli("channel request hangup all");
        for name in ["all", "calls"] {
            measure("hangups in the log", PATIENCE, || {
                log(name).matches("\"Event\":\"Hangup\"").count() >= 8
            });
        }
        assert!(!log("peers").contains("Hangup") && !log("security").contains("Hangup"), "{version:?}");
    }
}
