use super::*;
use crate::parse::transcript;

fn json(text: &str) -> String {
    serde_json::to_string(&parse(text.as_bytes()).unwrap()).unwrap()
}

fn recorded(name: &str) -> Vec<Value> {
    parse(&transcript::cli(name)).unwrap().as_list().unwrap().to_vec()
}

fn names(records: &[Value]) -> Vec<&str> {
    records.iter().map(|record| record.get("name").and_then(Value::as_str).unwrap()).collect()
}

#[test]
fn sip_peers_are_a_list_of_typed_records() {
    let peers = recorded("13/cmd_data_sip_peers");
    assert_eq!(names(&peers), ["zhecka2", "zhecka1", "mtrf", "6001", "person", "gw-user", "zhecka"]);
    let peer = &peers[3];
    assert_eq!(peer.get("secret"), Some(&"MegaPass12345".into()));
    assert_eq!(peer.get("host_dynamic"), Some(&Value::Bool(true)));
    assert_eq!(peer.get("is_realtime"), Some(&Value::Bool(false)));
    assert_eq!(peer.get("t38_maxdatagram"), Some(&Value::Integer(-1)));
    assert_eq!(peer.get("call_limit"), Some(&Value::Integer(2147483647)));
    assert_eq!(peer.get("vmexten"), Some(&"*97".into()));
    let of_codec = |name: &str| names(peer.get(name).unwrap().as_list().unwrap()).join(",");
    assert_eq!(of_codec("codecs"), "ulaw,alaw,gsm,g729");
    let json = |name: &str| serde_json::to_string(peer.get(name).unwrap()).unwrap();
    assert_eq!(json("mailboxes"), r#"[{"id":"6001@default"}]"#);
    assert_eq!(json("callingpres"), r#"{"text":"Presentation Allowed, Not Screened","value":0}"#);
    assert_eq!(peer.get("sipoptions").unwrap().get("100rel"), Some(&Value::Bool(false)));
    let cyrillic: &str = peers[4].get("cid_name").and_then(Value::as_str).unwrap();
    assert_eq!(cyrillic, "Иван Петров");
}

#[test]
fn an_unsigned_lastms_is_minus_one_again() {
    let peers = recorded("13/cmd_data_sip_peers_author_fields");
    let lastms: Vec<_> = peers.iter().map(|peer| peer.get("lastms").unwrap().clone()).collect();
    assert_eq!(lastms[..5], [-1, -1, -1, 0, 1].map(Value::Integer));
    assert_eq!(json("a\n  lastms: 4294967295\n  other: 4294967295\n"), r#"{"lastms":-1,"other":4294967295}"#);
}

#[test]
fn hostile_peers_are_all_there_with_their_names_and_descriptions() {
    let peers = recorded("13/hostile_data_sip_peers");
    let cut = format!("very-long-name-{}", "a".repeat(64));
    assert_eq!(cut.len(), 79);
    assert_eq!(
        names(&peers),
        [
            "with space",
            "-END-",
            "mtrf",
            "6001",
            "person",
            "gw-user",
            "Иван",
            &cut,
            "..",
            "_online",
            "hostile/2",
            "hostile1"
        ]
    );
    let described = |index: usize| peers[index].get("description").unwrap();
    assert_eq!(described(1), &"--END COMMAND--".into());
    assert_eq!(described(11), &r#"Person: the "quoted" \ one"#.into());
    let fields: Vec<usize> = peers.iter().map(|peer| peer.as_record().unwrap().len()).collect();
    let mailboxes = |index: &usize| usize::from(peers[*index].get("mailboxes").is_some());
    assert!((0..peers.len()).all(|index| fields[index] == 49 + mailboxes(&index)), "{fields:?}");
}

#[test]
fn queues_nest_members_callers_and_channels() {
    let queues = recorded("13/cmd_data_queues_CALLER_WAITING");
    assert_eq!(names(&queues), ["support", "sales"]);
    let members = queues[1].get("members").unwrap().as_list().unwrap();
    let interfaces: Vec<_> =
        members.iter().map(|member| member.get("interface").unwrap().as_str().unwrap()).collect();
    assert_eq!(interfaces, ["IAX2/corbina", "SIP/person", "Local/6001@web/n"]);
    assert_eq!(members[1].get("paused"), Some(&Value::Bool(true)));
    let callers = queues[0].get("callers").unwrap().as_list().unwrap();
    assert_eq!(callers.len(), 1);
    let channel = callers[0].get("channel").unwrap();
    assert_eq!(channel.get("uniqueid"), Some(&"1795389295.6".into()));
    assert_eq!(serde_json::to_string(channel.get("cdr").unwrap()).unwrap(), "{}");
    assert_eq!(names(channel.get("writeformat").unwrap().as_list().unwrap()), ["ulaw"]);
    assert_eq!(callers[0].get("max_penalty"), Some(&Value::Integer(2147483647)));
    assert_eq!(queues[0].get("callsabandoned"), Some(&Value::Integer(0)));
}

#[test]
fn every_provider_gives_a_list_of_its_records() {
    for (name, count) in [
        ("13/cmd_data_channeltypes", 8),
        ("13/cmd_data_hints", 3),
        ("13/cmd_data_iax2_peers", 3),
        ("13/cmd_data_iax2_users", 2),
        ("13/cmd_data_queues", 2),
        ("13/cmd_data_sip_peers_6001", 1),
        ("13/cmd_data_sip_peers_type_peer", 1),
        ("13/cmd_data_sip_peers_type_friend", 4),
        ("13/cmd_data_channels_FILTERED", 3),
        ("13/cmd_data_channels_EMPTY", 0),
    ] {
        assert_eq!(recorded(name).len(), count, "{name}");
    }
    let hints = recorded("13/cmd_data_hints");
    assert_eq!(serde_json::to_string(hints[0].get("presence_subtype").unwrap()).unwrap(), r#"["",""]"#);
}

#[test]
fn one_child_makes_a_list_where_the_name_says_so() {
    assert_eq!(json("peers\n  peer\n      a: 1\n"), r#"[{"a":1}]"#);
    assert_eq!(json("channeltypes\n  type\n      a: 1\n"), r#"[{"a":1}]"#);
    assert_eq!(json("list\n  queue\n      a: 1\n"), r#"[{"a":1}]"#);
    assert_eq!(json("x\n  format\n      codec\n          a: 1\n"), r#"{"format":[{"a":1}]}"#);
    assert_eq!(
        json("channel\n  sip\n      peers\n          peer\n              a: 1\n"),
        r#"{"sip":{"peers":[{"a":1}]}}"#
    );
    assert_eq!(json("x\n  a\n      n: 1\n  a\n      n: 2\n"), r#"[{"n":1},{"n":2}]"#);
}

#[test]
fn a_name_that_comes_again_beside_others_makes_a_list_of_its_values() {
    assert_eq!(
        json("x\n  a\n      n: 1\n  a\n      n: 2\n  b: True\n  a\n"),
        r#"{"a":[{"n":1},{"n":2},{}],"b":true}"#
    );
}

#[test]
fn empty_containers_are_lists_or_records_by_their_names() {
    assert_eq!(json("peers\n\n"), "[]");
    assert_eq!(json("channel"), "[]");
    assert_eq!(json("x\n  peers\n  cdr\n  list\n"), r#"{"peers":[],"cdr":{},"list":[]}"#);
    assert_eq!(json("peers\n  peer\n  peer\n"), "[{},{}]");
}

#[test]
fn values_are_typed_by_their_form_alone() {
    assert_eq!(
        json(
            "x\n  a: \"True\"\n  b: <none>\n  c: 007\n  d: -\n  e: 99999999999999999999\n  f: \n  g: 1.5\n  h: \"\"\n"
        ),
        r#"{"a":"True","b":"<none>","c":7,"d":"-","e":"99999999999999999999","f":"","g":"1.5","h":""}"#
    );
    assert_eq!(json("x\r\n  a: \"q: \"r\" \\ \"\r\n"), r#"{"a":"q: \"r\" \\ "}"#);
}

#[test]
fn a_value_that_spans_lines_is_whole_and_costs_no_other_record() {
    let text = "peers\n  peer\n      d: \"one\n\ntwo: \"x\" three\n last\"\n      n: \"a\"\n  peer\n      n: \"b\"\n";
    assert_eq!(json(text), r#"[{"d":"one\n\ntwo: \"x\" three\n last","n":"a"},{"n":"b"}]"#);
}

#[test]
fn a_value_that_never_ends_is_what_its_line_holds() {
    let text = "peers\n  peer\n      d: \"one \"two\" three\nrubbish here\n      e: \"open\n      n: \"a\"\n  peer\n      n: \"b\"\n      z: \"\n";
    assert_eq!(json(text), r#"[{"d":"one \"two","e":"open","n":"a"},{"n":"b","z":""}]"#);
}

#[test]
fn a_line_that_fits_nowhere_is_dropped_alone() {
    let text = "peers\n  peer\n      n: 1\n        odd: 2\n    odd\nodd: 3\n      no form at all\n      m: 4\n  peer\n      n: 5\n";
    assert_eq!(json(text), r#"[{"n":1,"m":4},{"n":5}]"#);
}

#[test]
fn a_list_stays_one_whatever_stands_between_its_records() {
    let text = "peers\n  peer\n      n: 1\n  odd\n      m: 2\n  odd: 3\n  peer\n      n: 4\n";
    assert_eq!(json(text), r#"[{"n":1},{"n":4}]"#);
}

#[test]
fn nesting_without_end_is_cut_off() {
    let deep: String =
        (0..100_000).map(|level| format!("{:level$}a\n", "", level = level.min(2_000))).collect();
    let mut value = parse(deep.as_bytes()).unwrap();
    let mut depth = 0;
    while let Some(inner) = value.get("a").cloned() {
        value = inner;
        depth += 1;
    }
    assert_eq!(depth, DEEPEST - 1);
}

#[test]
fn a_message_of_failure_is_refused() {
    let message = parse(b"Command 'data get /nosuch' failed.\n").unwrap_err().to_string();
    assert!(message.starts_with("line 1: expected the bare name of an outline's root;"), "{message}");
    for text in ["", "\n", "  peers\n", "a: 1\n", "No such command 'x'"] {
        assert!(parse(text.as_bytes()).is_err(), "{text:?}");
    }
}
