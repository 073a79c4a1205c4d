//! Calls, queues and the rest of an Asterisk 13, as recorded; MeetMe as its source prints it.

use astfs::simulator::{Content, Version};
use serde_json::Value;

use crate::support::answers::list;
use crate::support::simulated::{Simulated, shipped};
use crate::support::walk::{Walk, file, link, names, walk_tree};
use crate::{recorded_answer, recordings_of};

fn calling() -> Content {
    let waiting = recorded_answer("13/action_QueueStatus_CALLER_WAITING.txt");
    // it was asked for one context
    let dialplan = recorded_answer("13/action_ShowDialPlan.txt");
    recordings_of(Version::Asterisk13, "13")
        .answer(&[("Action", "QueueStatus")], waiting)
        .answer(&[("Action", "ShowDialPlan"), ("ActionID", "cap-2")], dialplan)
}

fn shown(content: Content) -> (Simulated, Walk) {
    let server = Simulated::start(content);
    let tree = server.open(&shipped("asterisk.toml"));
    let seen = server.runtime().block_on(walk_tree(&tree));
    (server, seen)
}

fn value(seen: &Walk, path: &str) -> String {
    let text = file(seen, path);
    text.strip_suffix('\n').unwrap_or(&text).to_owned()
}

#[test]
fn queues_of_13_have_members_and_callers() {
    let (_server, seen) = shown(calling());
    assert_eq!(names(&seen, "queues"), ["_totals", "sales", "sales.json", "support", "support.json"]);
    let of = |file: &str| value(&seen, &format!("queues/support/{file}"));
    let told = [
        "strategy",
        "max",
        "calls",
        "talk_time",
        "completed",
        "service_level_perf",
        "logged_in",
        "available",
    ];
    assert_eq!(told.map(of), ["ringall", "20", "1", "24", "1", "100", "2", "0"]);
    assert_eq!(of("service_level_perf_2"), "", "13 does not tell it");
    let members = ["Person", "Person.json", "Web Phone", "Web Phone.json"];
    assert_eq!(names(&seen, "queues/support/members"), members);
    let of_person = |file: &str| of(&format!("members/Person/{file}"));
    assert_eq!(
        ["interface", "penalty", "calls_taken", "paused", "last_call", "login_time", "status"].map(of_person),
        ["SIP/person", "1", "1", "true", "2026-11-22T23:14:54Z", "", "Not in use"]
    );
    let json: Value = serde_json::from_str(&of("members/Person.json")).expect("JSON");
    assert_eq!(
        (&json["paused"], &json["login_time"], &json["penalty"]),
        (&true.into(), &Value::Null, &1.into())
    );
    assert_eq!(names(&seen, "queues/support/callers"), ["1", "1.json"]);
    assert_eq!((of("callers/1/wait"), of("callers/1/caller_id_num")), ("2".to_owned(), String::new()));
    assert_eq!(
        link(&seen, "queues/support/callers/1/channel"),
        "../../../../channels/Local%2F1@demo-00000002;1"
    );
    assert_eq!(value(&seen, "queues/sales/members/Local six thousand/interface"), "Local/6001@web/n");
    assert_eq!(
        value(&seen, "queues/_totals"),
        "queues=2\nmembers=5\npaused=3\ncalls=1\ncompleted=1\nabandoned=0"
    );
}

#[test]
fn channels_and_hints_of_13_are_those_that_its_actions_tell() {
    let (server, seen) = shown(calling());
    let channels = ["Local%2F1@demo-00000000;1", "Local%2F1@demo-00000000;2", "SIP%2F6001-00000000"];
    let directories: Vec<_> =
        names(&seen, "channels").into_iter().filter(|name| !name.ends_with(".json")).collect();
    assert_eq!(directories, [&channels[..], &["_by_peer"]].concat());
    let of = |file: &str| value(&seen, &format!("channels/SIP%2F6001-00000000/{file}"));
    assert_eq!(
        [
            "state",
            "caller_id_num",
            "caller_id_name",
            "connected_line_num",
            "exten",
            "application_data",
            "language"
        ]
        .map(of),
        ["Up", "6001", "Web Phone", "", "", "3600", "ru"]
    );
    assert_eq!((of("created"), of("peer")), ("2026-11-22T22:26:30Z".to_owned(), "6001".to_owned()));
    assert_eq!(names(&seen, "channels/_by_peer"), ["1@demo", "6001"]);
    assert_eq!(link(&seen, "channels/_by_peer/6001/SIP%2F6001-00000000"), "../../SIP%2F6001-00000000");

    let hints: Vec<_> = names(&seen, "hints").into_iter().filter(|name| !name.ends_with(".json")).collect();
    assert_eq!(hints, ["6001@web", "6002@web", "6100@users_context"]);
    assert_eq!(value(&seen, "hints/6001@web/state"), "InUse");
    assert_eq!(value(&seen, "hints/6100@users_context/devices"), "Custom:door");
    assert_eq!(value(&seen, "devices/SIP%2F6001"), "INUSE");
    assert!(
        !server.questions().iter().any(|question| question.starts_with("data get /asterisk/core")),
        "nothing asks what can crash it: {:?}",
        server.questions()
    );
}

#[test]
fn the_dialplan_and_the_database_of_13_are_those_of_its_console() {
    let (_server, seen) = shown(calling());
    assert_eq!(names(&seen, "dialplan/web"), ["6001", "6002", "700", "701", "_8X.", "_includes"]);
    assert_eq!(
        value(&seen, "dialplan/web/6001"),
        "hint: SIP/6001\n1. NoOp(to web phone)\n2. Dial(SIP/6001,30,tT)\n3. Hangup()"
    );
    assert_eq!(link(&seen, "dialplan/web/_includes/demo"), "../../demo");
    assert_eq!(names(&seen, "database"), ["SIP", "pbx"]);
    assert_eq!(names(&seen, "database/SIP/Registry"), ["6001", "person", "zhecka"]);
    assert_eq!(
        value(&seen, "database/SIP/Registry/6001"),
        "127.0.0.1:25001:3600:6001:sip:6001@127.0.0.1:25001"
    );
}

#[test]
fn what_13_was_not_asked_for_or_does_not_have_is_an_empty_directory() {
    let (_server, seen) = shown(calling());
    for directory in ["conferences", "bridges", "parking", "voicemail", "presence"] {
        assert_eq!(names(&seen, directory), Vec::<&str>::new(), "{directory}");
    }
}

#[test]
fn conferences_of_meetme_stand_beside_those_of_confbridge() {
    let rooms = |rooms: &[&str]| list(rooms.iter().map(|room| format!("{room}\r\n")));
    let content = calling()
        .answer(
            &[("Action", "MeetmeListRooms")],
            rooms(&["Conference: 700\r\nParties: 1\r\nMarked: N/A\r\nActivity: 00:00:09\r\nCreation: Static\r\nLocked: No"]),
        )
        .answer(
            &[("Action", "MeetmeList"), ("Conference", "700")],
            rooms(&["Conference: 700\r\nUserNumber: 1\r\nCallerIDNum: 6001\r\nCallerIDName: Web Phone\r\n\
                     Channel: SIP/6001-00000000\r\nAdmin: No\r\nRole: Talk and listen\r\nMarkedUser: No\r\n\
                     Muted: By admin\r\nTalking: Not monitored"]),
        )
        .answer(
            &[("Action", "ConfbridgeListRooms")],
            "Response: Error\r\nMessage: No active conferences.\r\n\r\n",
        );
    let (_server, seen) = shown(content);
    assert_eq!(names(&seen, "conferences"), ["700", "700.json"]);
    let of = |file: &str| value(&seen, &format!("conferences/700/{file}"));
    assert_eq!(["parties", "marked", "locked"].map(of), ["1", "0", "false"]);
    assert_eq!(
        ["admin", "muted", "caller_id_num"].map(|file| of(&format!("participants/1/{file}"))),
        ["false", "true", "6001"]
    );
    assert_eq!(
        link(&seen, "conferences/700/participants/1/channel"),
        "../../../../channels/SIP%2F6001-00000000"
    );
}
