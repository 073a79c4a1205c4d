//! The shipped tree only asks: all that it can send is in a list of questions that change nothing.

use std::collections::BTreeSet;
use std::path::Path;

use astfs::language::{LoadOptions, Model, Question, load};

/// What the plain tree may send: actions by their names, commands as they are declared.
const QUESTIONS: &[&str] = &[
    "BridgeList",
    "ConfbridgeList",
    "ConfbridgeListRooms",
    "CoreSettings",
    "CoreShowChannels",
    "CoreStatus",
    "DAHDIShowChannels",
    "DBGetTree",
    "DeviceStateList",
    "ExtensionState",
    "ExtensionStateList",
    "Getvar",
    "IAXpeerlist",
    "IAXregistry",
    "MeetmeList",
    "MeetmeListRooms",
    "PJSIPShowAors",
    "PJSIPShowAuths",
    "PJSIPShowContacts",
    "PJSIPShowEndpoint",
    "PJSIPShowEndpoints",
    "PJSIPShowRegistrationsInbound",
    "PJSIPShowRegistrationsOutbound",
    "ParkedCalls",
    "Parkinglots",
    "PresenceStateList",
    "QueueStatus",
    "SIPpeers",
    "SIPshowpeer",
    "SIPshowregistry",
    "ShowDialPlan",
    "Status",
    "VoicemailUsersList",
    "core show application {{ application.name }}",
    "core show applications",
    "core show channel {{ channel.Channel }}",
    "core show codecs",
    "core show config mappings",
    "core show settings",
    "core show sysinfo",
    "core show translation",
    "core show uptime seconds",
    "dahdi show channel {{ dahdi_channel.DAHDIChannel }}",
    "data get /asterisk/channel/iax2/peers",
    "data get /asterisk/channel/iax2/users",
    "data get /asterisk/channel/sip/peers",
    "database show",
    "iax2 show peer {{ iax_peer.name }}",
    // brings a peer of the database into memory, as its registration does
    "iax2 show peer {{ iax_row_in_database.name }} load",
    "iax2 show users",
    "logger show channels",
    "manager show connected",
    "manager show user {{ manager_user.username }}",
    "manager show users",
    "mgcp show endpoints",
    "module show",
    "pjsip show transport {{ pjsip_transport.name }}",
    "pjsip show transports",
    "realtime load iaxpeers 1 1",
    "realtime load sippeers 1 1",
    "realtime load {{ realtime_family.family }} 1 1",
    "sip show peer {{ peer.name }}",
    // brings a peer of the database into memory, as its registration does
    "sip show peer {{ row_in_database.name }} load",
    "sip show settings",
    "sip show user {{ peer.name }}",
    "sip show users",
    "skinny show devices",
    "unistim show devices",
];

/// What the control files send.
const CHANGES: &[&str] = &[
    "ConfbridgeMute",
    "ConfbridgeUnmute",
    "DBDel",
    "DBPut",
    "Hangup",
    "MuteAudio",
    "Originate",
    "PJSIPQualify",
    "QueuePause",
    "Reload",
    "SIPqualifypeer",
];

fn model(tree: &str) -> Model {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(tree);
    let (model, report) = load(&path, &LoadOptions::default()).expect("the tree file is there");
    model.unwrap_or_else(|| panic!("{}", report.render(false)))
}

/// A question's action, or its command.
fn sent(model: &Model, question: &Question) -> Option<String> {
    let texts = model.templates.texts();
    match question {
        Question::Command(command) => Some(texts[command].clone()),
        Question::Action { name, .. } => Some(texts[name].clone()),
        Question::Data { path, .. } => Some(format!("data get {}", texts[path])),
        question if question.is_derived() => None,
        other => panic!("{other:?} is not known here"),
    }
}

#[test]
fn the_plain_tree_sends_nothing_that_changes_a_server() {
    let model = model("trees/asterisk.toml");
    assert!(model.entries.iter().all(|entry| entry.write.is_none()), "nothing in it can be written");
    let sent: BTreeSet<String> =
        model.queries.iter().filter_map(|query| sent(&model, &query.question)).collect();
    assert_eq!(sent, QUESTIONS.iter().map(|question| (*question).to_owned()).collect());
}

#[test]
fn the_tree_with_control_files_asks_the_same_and_checks_each_input() {
    let (plain, control) = (model("trees/asterisk.toml"), model("trees/asterisk-control.toml"));
    assert_eq!(plain.queries.len(), control.queries.len());
    let writes: Vec<_> =
        control.entries.iter().filter_map(|entry| Some((entry, entry.write.as_ref()?))).collect();
    assert_eq!(control.entries.len(), plain.entries.len() + writes.len());
    for (entry, write) in &writes {
        assert!(write.matches.is_some(), "{}: any input would be taken", entry.place.text());
        assert_eq!(entry.attributes.mode, Some(0o600), "{}", entry.place.text());
    }
    let sent: BTreeSet<String> =
        writes.iter().filter_map(|(_, write)| sent(&control, &write.question)).collect();
    assert_eq!(sent, CHANGES.iter().map(|change| (*change).to_owned()).collect());
}
