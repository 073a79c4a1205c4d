//! Asterisk 13 was asked both ways: what its actions tell is what its `data get` told.

use std::collections::BTreeMap;

use super::*;
use crate::ami::{Answer, Message};
use crate::parse::transcript::{cli, recorded};
use crate::parse::value::{Shapes, Value};
use crate::parse::{headers, outline};

/// What a question of a provider was answered in a recording; nothing where there is none of it.
fn answered(ask: &Ask, recording: &str) -> Value {
    match ask {
        Ask::Command(_, parser) => parser.parse(&cli(recording)).unwrap(),
        Ask::Action(_, entry) => {
            let answer = Answer::read(&recorded(recording)).unwrap();
            match entry {
                Some(_) => headers::record(answer.message().headers(), &mut Shapes::new()),
                None => headers::list(answer.items().iter().map(Message::headers)),
            }
        }
    }
}

/// The recordings that answer a provider: lists, and details by the entries' names.
struct Recordings<'a> {
    path: &'a str,
    lists: &'a [Option<&'a str>],
    details: &'a [(&'a str, &'a [Option<&'a str>])],
}

impl Recordings<'_> {
    fn provider(&self) -> &'static Provider {
        Provider::at(self.path).unwrap()
    }

    fn records(&self, wanted: &Wanted) -> Vec<Value> {
        self.made(wanted).into_iter().map(|(record, _)| record).collect()
    }

    /// The records, each with the names of the questions that were answered for it.
    fn made(&self, wanted: &Wanted) -> Vec<(Value, Vec<&'static str>)> {
        let provider = self.provider();
        let lists = provider.lists.iter().zip(self.lists);
        let lists: Vec<Option<Value>> =
            lists.map(|(list, recording)| recording.map(|name| answered(&list.ask, name))).collect();
        let lists: Vec<Option<&Value>> = lists.iter().map(Option::as_ref).collect();
        let mut records = Vec::new();
        for entry in (provider.entries)(&lists) {
            let name = entry.get("name").and_then(Value::as_str).unwrap();
            let recordings =
                self.details.iter().find(|(known, _)| *known == name).map_or(&[][..], |one| one.1);
            let details: Vec<_> = provider
                .details(wanted, &entry)
                .into_iter()
                .filter_map(|index| {
                    let ask = &provider.details[index].ask;
                    Some((ask.name(), answered(ask, (*recordings.get(index)?)?)))
                })
                .collect();
            let told = Told { entry: &entry, details: &details };
            let asked = provider.lists.iter().map(|list| list.ask.name()).filter(|name| told.has(name));
            let asked = asked.chain(details.iter().map(|(name, _)| *name)).collect();
            records.push((provider.record(wanted, &told, &mut Shapes::new()), asked));
        }
        records.retain(|(record, _)| *record != Value::Null);
        records
    }
}

const SIP: Recordings<'_> = Recordings {
    path: "/asterisk/channel/sip/peers",
    lists: &[Some("13/action_SIPpeers"), Some("13/cmd_sip_show_users")],
    details: &[
        ("6001", &[Some("13/action_SIPshowpeer_6001"), Some("13/cmd_sip_show_peer_6001"), None]),
        ("mtrf", &[Some("13/action_SIPshowpeer_mtrf"), Some("13/cmd_sip_show_peer_mtrf"), None]),
        ("person", &[Some("13/action_SIPshowpeer_person"), Some("13/cmd_sip_show_peer_person"), None]),
        ("zhecka", &[Some("13/action_SIPshowpeer_zhecka"), Some("13/cmd_sip_show_peer_zhecka"), None]),
        ("zhecka1", &[None, None, Some("13/cmd_sip_show_user_zhecka1")]),
        ("zhecka2", &[Some("13/action_SIPshowpeer_zhecka2"), Some("13/cmd_sip_show_peer_zhecka2"), None]),
        ("gw-user", &[None, None, Some("13/cmd_sip_show_user_gw_user")]),
    ],
};

const IAX_PEERS: Recordings<'_> = Recordings {
    path: "/asterisk/channel/iax2/peers",
    lists: &[Some("13/action_IAXpeerlist")],
    details: &[
        ("corbina", &[Some("13/cmd_iax2_show_peer_corbina")]),
        ("msm", &[Some("13/cmd_iax2_show_peer_msm")]),
        ("msm-backup", &[Some("13/cmd_iax2_show_peer_msm_backup")]),
    ],
};

/// The values of a record by their ways; containers that are empty included.
fn leaves(value: &Value) -> BTreeMap<String, String> {
    fn walk(way: &str, value: &Value, leaves: &mut BTreeMap<String, String>) {
        match value {
            Value::Record(record) => {
                record.iter().for_each(|(name, value)| walk(&format!("{way}/{name}"), value, leaves));
            }
            Value::List(items) if !items.is_empty() => {
                items.iter().enumerate().for_each(|(at, item)| walk(&format!("{way}/{at}"), item, leaves));
            }
            other => drop(leaves.insert(way.to_owned(), serde_json::to_string(other).unwrap())),
        }
    }
    let mut found = BTreeMap::new();
    walk("", value, &mut found);
    found
}

/// Compares, record by record and field by field, what `data get` told with what was made of actions.
/// `other` are the values that differ, or of which it is known that no answer tells them.
#[track_caller]
fn same(recordings: &Recordings<'_>, data: &str, key: &str, other: &[&str]) {
    same_filtered(recordings, data, None, key, other);
}

#[track_caller]
fn same_filtered(recordings: &Recordings<'_>, data: &str, filter: Option<&str>, key: &str, other: &[&str]) {
    let provider = recordings.provider();
    let told = outline::parse(&cli(data)).unwrap();
    let told = told.as_list().unwrap();
    let made = recordings.made(&provider.wanted(None, filter));
    assert_eq!(made.len(), told.len());
    let mut differ = Vec::new();
    for record in told.iter() {
        let name = record.get(key).and_then(Value::as_str).unwrap();
        let of_name = |made: &&(Value, Vec<&str>)| made.0.get(key).and_then(Value::as_str) == Some(name);
        let (found, asked) = made.iter().find(of_name).unwrap_or_else(|| panic!("{name} is missing"));
        let (before, now) = (leaves(record), leaves(found));
        for (way, value) in &before {
            let field = way.split('/').nth(1).unwrap();
            match now.get(way) {
                Some(made) if made != value => differ.push(format!("{name}{way}: {value} was {made}")),
                Some(_) => {}
                None if provider.missing.contains(&field) => {}
                None if !provider.fields.iter().any(|known| {
                    known.name == field && known.from.iter().any(|from| asked.contains(from))
                }) => {}
                None => differ.push(format!("{name}{way}: {value} is missing")),
            }
        }
        for way in now.keys().filter(|way| !before.contains_key(*way)) {
            differ.push(format!("{name}{way} is made up"));
        }
    }
    assert_eq!(differ, other);
}

#[test]
fn sip_peers_are_what_data_get_told() {
    // a secret that is set is told only where a user's fits its column
    let other = ["mtrf/remotesecret: \"TrunkSecret1\" is missing"];
    same(&SIP, "13/cmd_data_sip_peers", "name", &other);
}

#[test]
fn iax_peers_are_what_data_get_told() {
    let other = [
        "corbina/secret: \"corbPass\" is missing",
        // at another moment
        "msm/lastms: 0 was -1",
        "msm/secret: \"msmPass\" is missing",
        "msm/status: \"UNKNOWN\" was \"UNREACHABLE\"",
        "msm-backup/secret: \"msmPass2\" is missing",
    ];
    same(&IAX_PEERS, "13/cmd_data_iax2_peers", "name", &other);
}

#[test]
fn iax_users_are_what_data_get_told() {
    let users = Recordings {
        path: "/asterisk/channel/iax2/users",
        lists: &[Some("13/cmd_iax2_show_users")],
        details: &[],
    };
    same(&users, "13/cmd_data_iax2_users", "name", &[]);
}

#[test]
fn hints_are_what_data_get_told() {
    let lists = &[Some("13/action_ExtensionStateList"), Some("13/cmd_core_show_hints")];
    let hints = Recordings { path: "/asterisk/core/hints", lists, details: &[] };
    same(&hints, "13/cmd_data_hints", "extension", &[]);
}

#[test]
fn channel_types_are_what_data_get_told() {
    let lists = &[Some("13/cmd_core_show_channeltypes")];
    let types = Recordings { path: "/asterisk/core/channeltypes", lists, details: &[] };
    let cut =
        "Surrogate/description: \"Surrogate channel used to pull channel from an application\" is missing";
    same(&types, "13/cmd_data_channeltypes", "name", &[cut]);
}

#[test]
fn channels_are_what_data_get_told() {
    let lists = &[Some("13/action_CoreShowChannels")];
    let channels = Recordings { path: "/asterisk/core/channels", lists, details: &[] };
    let filter = Some("channels/channel/name|context|exten|uniqueid|state");
    same_filtered(&channels, "13/cmd_data_channels_FILTERED", filter, "name", &[]);
}

#[test]
fn queues_are_what_data_get_told() {
    let lists = &[Some("13/action_QueueStatus")];
    let queues = Recordings { path: "/asterisk/application/queue/list", lists, details: &[] };
    let member = |queue: &str, member: u8| format!("{queue}/members/{member}/rt_uniqueid: \"\" is missing");
    let other = [("support", 0), ("support", 1), ("sales", 0), ("sales", 1), ("sales", 2)];
    let other = other.map(|(queue, place)| member(queue, place));
    same(&queues, "13/cmd_data_queues", "name", &other.each_ref().map(String::as_str));
}

#[test]
fn callers_in_a_queue_are_what_data_get_told_of_them() {
    let lists = &[Some("13/action_QueueStatus_CALLER_WAITING")];
    let queues = Recordings { path: "/asterisk/application/queue/list", lists, details: &[] };
    let made = queues.records(&Wanted::default());
    let told = outline::parse(&cli("13/cmd_data_queues_CALLER_WAITING")).unwrap();
    let caller = |queues: &[Value]| leaves(&queues[0].get("callers").unwrap().as_list().unwrap()[0]);
    let (made, told) = (caller(&made), caller(told.as_list().unwrap()));
    let ways: Vec<&str> = made.keys().map(String::as_str).collect();
    assert_eq!(ways, ["/channel/name", "/channel/uniqueid", "/pos", "/prio"]);
    assert!(made.iter().all(|(way, value)| told.get(way) == Some(value)), "{made:?}");
}

#[test]
fn who_may_not_use_commands_gets_what_actions_tell() {
    let without = Recordings { lists: &[Some("13/action_SIPpeers"), None], ..SIP };
    let made = without.records(&Wanted::default());
    assert_eq!(made.len(), 5);
    let person = made.iter().find(|one| one.get("name") == Some(&"person".into())).unwrap();
    assert_eq!(person.get("type"), None, "nothing tells a friend from a peer");
    assert_eq!(person.get("accountcode"), Some(&"acc-person".into()));
}

fn told_by_13() -> Vec<Value> {
    outline::parse(&cli("13/cmd_data_sip_peers")).unwrap().as_list().unwrap().to_vec()
}

/// The experiments that were made on Asterisk 13: each a line of arguments and what came of them.
fn experiments(name: &str) -> Vec<(String, String)> {
    let text = String::from_utf8(recorded(name)).unwrap();
    let lines = text.lines().filter_map(|line| line.split_once(" -> "));
    lines.map(|(asked, came)| (asked.trim().to_owned(), came.to_owned())).collect()
}

/// What is wanted of the records that `data get` told: its own search and filter.
fn found(wanted: &Wanted) -> Vec<Value> {
    let all = told_by_13().into_iter().filter(|record| wanted.search.takes(record));
    all.map(|record| wanted.filter.apply(record, &["peers", "peer"], &mut Shapes::new())).collect()
}

fn names(records: &[Value]) -> Vec<&str> {
    let mut names: Vec<_> = records.iter().filter_map(|one| one.get("name")?.as_str()).collect();
    names.sort_unstable();
    names
}

#[test]
fn a_search_finds_what_it_found_on_13() {
    let provider = Provider::at("/asterisk/channel/sip/peers").unwrap();
    let mut differ = Vec::new();
    for (asked, came) in experiments("13/experiments_search") {
        let search = asked.strip_prefix("/asterisk/channel/sip/peers ").unwrap();
        let found = names(&found(&provider.wanted(Some(search), None))).join(",");
        if found != came.split_once("names=").unwrap().1 {
            differ.push(format!("{search}: {found}"));
        }
    }
    // there, times are compared as if they were 0, and of two conditions on one field only the last counts;
    // and that zhecka2 registered was at another moment
    let faults = [
        "peers/peer/lastms=-1: mtrf,zhecka1,zhecka2",
        "peers/peer/lastms>0: person",
        "peers/peer/lastms<1: 6001,gw-user,mtrf,zhecka,zhecka1,zhecka2",
        "peers/peer/lastms!=0: mtrf,person,zhecka1,zhecka2",
        "peers/peer/name=6001,peers/peer/name=person: ",
        "peers/peer/timer_t1=500: 6001,gw-user,mtrf,person,zhecka,zhecka1,zhecka2",
        "peers/peer/timer_t1>100: 6001,gw-user,mtrf,person,zhecka,zhecka1,zhecka2",
        "peers/peer/fullcontact!=: 6001,person,zhecka,zhecka2",
    ];
    assert_eq!(differ, faults);
}

/// How often which field is shown, as the experiments list them.
fn shown(value: &Value, name: &str, counts: &mut BTreeMap<String, usize>) {
    match value {
        Value::Record(record) => record.iter().for_each(|(name, value)| {
            *counts.entry(name.to_owned()).or_default() += 1;
            shown(value, name, counts);
        }),
        Value::List(items) => items.iter().for_each(|item| {
            *counts.entry(child_of(name).unwrap().to_owned()).or_default() += 1;
            shown(item, name, counts);
        }),
        _ => {}
    }
}

#[test]
fn a_filter_shows_what_it_showed_on_13() {
    let provider = Provider::at("/asterisk/channel/sip/peers").unwrap();
    let mut differ = Vec::new();
    for (asked, came) in experiments("13/experiments_filter") {
        let (search, filter) = asked.split_once('|').unwrap();
        let (search, filter) = (search.trim(), filter.trim());
        let found = found(&provider.wanted(Some(search), (!filter.is_empty()).then_some(filter)));
        let mut counts = BTreeMap::new();
        found.iter().for_each(|record| shown(record, "", &mut counts));
        let counts: Vec<_> = counts.iter().map(|(name, count)| format!("{name}*{count}")).collect();
        let counts = format!("{} peers; fields: {}", found.len(), counts.join(" "));
        let came = came.split("; names:").next().unwrap().trim_end();
        // what came was noted in 200 bytes
        let came_whole = came.len() < 190;
        if !(counts.trim_end() == came || !came_whole && counts.starts_with(&came[..180])) {
            differ.push(format!("{search} | {filter}: {}", &counts[..counts.len().min(60)]));
        }
    }
    // there, a search is passed over, or finds nothing, unless the filter names some fields, so are fields that
    // stand behind these, and a filter that does not begin at the root is garbled
    let faults = [
        "peers/peer/name=6001 | peers/peer/name: 1 peers; fields: name*1",
        "peers/peer/name=6001 | peers/peer/name,peers/peer/allowtransfer: 1 peers; fields: allowtransfer*1 name*1",
        "peers/peer/context=web | peers/peer/name|allowtransfer|amaflags|sipoptions|callingpres: 1 peers; fields: \
         allowtransfer*1 amaflags*1 callingpres*1 na",
        "1=1 | name: 0 peers; fields: ",
        "1=1 | name,secret: 0 peers; fields: ",
        "1=1 | peers/peer/type: 7 peers; fields: type*7",
        "1=1 | peers/peer/name,peers/peer/codecs/codec/name: 7 peers; fields: codec*19 codecs*7 name*26",
    ];
    assert_eq!(differ, faults);
}

#[test]
fn made_records_are_printed_in_the_words_of_data_get() {
    let told = cli("13/cmd_data_sip_peers");
    let text = String::from_utf8(told.clone()).unwrap().replace("4294967295", "-1");
    let printed = print("peers", "peer", outline::parse(&told).unwrap().as_list().unwrap());
    assert_eq!(String::from_utf8(printed).unwrap(), text);
}

#[test]
fn no_field_is_both_told_and_missing() {
    for provider in PROVIDERS {
        let mut fields: Vec<&str> = provider.fields.iter().map(|field| field.name).collect();
        fields.extend(provider.missing);
        let count = fields.len();
        fields.sort_unstable();
        fields.dedup();
        assert_eq!(fields.len(), count, "{}", provider.path);
        let asked = provider.lists.iter().map(|list| list.ask.name());
        let asked: Vec<&str> = asked.chain(provider.details.iter().map(|one| one.ask.name())).collect();
        let from = provider.fields.iter().flat_map(|field| field.from);
        assert!(from.into_iter().all(|name| asked.contains(name)), "{}", provider.path);
    }
}
