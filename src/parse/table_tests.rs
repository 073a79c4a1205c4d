use super::*;
use crate::parse::transcript;

fn rows(text: &[u8]) -> Vec<Value> {
    parse(text).unwrap().as_list().unwrap().to_vec()
}

fn recorded(name: &str) -> Vec<Value> {
    rows(&transcript::cli(name))
}

fn json(value: &Value) -> String {
    serde_json::to_string(value).unwrap()
}

/// Every value of one column.
fn column<'v>(rows: &'v [Value], name: &str) -> Vec<&'v str> {
    rows.iter().map(|row| row.get(name).and_then(Value::as_str).unwrap()).collect()
}

#[test]
fn sip_peers_keep_every_column_apart() {
    let rows = recorded("13/cmd_sip_show_peers");
    assert_eq!(rows.len(), 5);
    assert_eq!(
        json(&rows[2]),
        concat!(
            r#"{"name_username":"person/person","host":"127.0.0.1","dyn":"D","forcerport":"Auto (No)","#,
            r#""comedia":"No","acl":"","port":"25002","status":"OK (2 ms)","description":"Person One","#,
            r#""realtime":""}"#
        )
    );
    assert_eq!(column(&rows, "dyn"), ["D", "", "D", "D", "D"]);
    assert_eq!(column(&rows, "port"), ["25001", "15099", "25002", "25003", "0"]);
    assert_eq!(column(&rows, "realtime"), ["", "", "", "Cached RT", "Cached RT"]);
    let rows = recorded("16/cmd__sip_show_peers");
    assert_eq!(column(&rows, "name_username"), ["6001/6001", "6002", "mtrf", "person"]);
    assert_eq!(column(&rows, "description"), ["Desk phone; \"quoted\"", "", "", ""]);
    assert_eq!(recorded("13/cmd_sip_show_peers_like").len(), 1);
}

#[test]
fn hostile_peer_names_and_descriptions_stay_in_their_columns() {
    let rows = recorded("13/hostile_sip_show_peers");
    assert_eq!(
        column(&rows, "name_username"),
        [
            "-END-",
            "..",
            "6001/6001",
            "_online",
            "hostile/2",
            "hostile1",
            "mtrf/mtrf_login",
            "person/person",
            "very-long-name-aaaaaaaaaa",
            "with space",
            "Иван",
        ]
    );
    assert_eq!(rows[0].get("description"), Some(&"--END COMMAND--".into()));
    assert_eq!(rows[5].get("description"), Some(&r#"Person: the "quoted" \ one"#.into()));
    assert!(column(&rows, "status").iter().all(|status| !status.is_empty()));
    assert!(column(&rows, "host").iter().all(|host| ["127.0.0.1", "(Unspecified)"].contains(host)));
}

#[test]
fn a_name_cut_inside_a_character_keeps_its_bytes_and_its_neighbours() {
    let text = b"Name/username             Host        Port\n\
                 \xd0\x98\xd0\x98\xd0\x98\xd0\x98\xd0\x98\xd0\x98\xd0\x98\xd0\x98\xd0\x98\xd0\x98\xd0\x98\xd0\x98\xd0 \
                 127.0.0.1   5060\n";
    let rows = rows(text);
    let name = rows[0].get("name_username").unwrap().as_str().unwrap();
    assert_eq!(crate::parse::text::encode(name).as_ref(), &text[43..68]);
    assert_eq!(rows[0].get("host"), Some(&"127.0.0.1".into()));
    assert_eq!(rows[0].get("port"), Some(&"5060".into()));
}

#[test]
fn sip_users_and_registrations_are_read() {
    let users = recorded("13/cmd_sip_show_users");
    assert_eq!(column(&users, "username"), ["zhecka2", "zhecka1", "6001", "person", "gw-user", "zhecka"]);
    assert_eq!(column(&users, "accountcode")[3], "acc-person");
    assert_eq!(column(&users, "def_context")[4], "mtrf-in");
    assert_eq!(column(&users, "forcerport")[4], "No");
    assert_eq!(column(&recorded("16/cmd__sip_show_users"), "secret"), ["pw6002", "pw6001", "pwtrunk"]);
    assert!(recorded("13/cmd_sip_show_registry").is_empty());
    assert_eq!(
        json(&recorded("16/cmd__sip_show_registry")[0]),
        concat!(
            r#"{"host":"127.0.0.1:26199","dnsmgr":"N","username":"6001","refresh":"120","#,
            r#""state":"Request Sent","reg_time":""}"#
        )
    );
}

#[test]
fn labels_of_one_name_make_a_list() {
    let rows = recorded("16/cmd__sip_show_channels");
    assert_eq!(rows.len(), 4);
    assert_eq!(
        json(&rows[2]),
        concat!(
            r#"{"peer":["127.0.0.1","mtrf"],"user_anr":"(None)","call_id":"726a6f590588d8e","#,
            r#""format":"(nothing)","hold":"No","last_message":"Init: OPTIONS","expiry":""}"#
        )
    );
    assert_eq!(
        json(&recorded("13/cmd_sip_show_channelstats")[0]),
        concat!(
            r#"{"peer":"127.0.0.1","call_id":"390a9a466ac","duration":"00:00:15","recv_pack":"0000000000","#,
            r#""lost":["0000000000","0000000000"],"percent":["( 0.00%)","( 0.00%)"],"#,
            r#""jitter":["0.0000","0.0000"],"send_pack":"0000000000"}"#
        )
    );
}

#[test]
fn iax2_peers_are_read_though_their_header_is_out_of_place() {
    let rows = recorded("13/cmd_iax2_show_peers");
    assert_eq!(
        rows.iter().map(json).collect::<Vec<_>>(),
        [
            concat!(
                r#"{"name_username":"corbina/corbina","host":"(null)","dyn":"(D)","mask":"(null)","#,
                r#""port":"(null)","trunk":"","encryption":"","status":"Unmonitored","description":""}"#
            ),
            concat!(
                r#"{"name_username":"msm/msm_login","host":"127.0.0.1","dyn":"(S)","mask":"255.255.255.255","#,
                r#""port":"14570","trunk":"","encryption":"","status":"UNKNOWN","description":""}"#
            ),
            concat!(
                r#"{"name_username":"msm-backup/msm_","host":"127.0.0.1","dyn":"(S)","#,
                r#""mask":"255.255.255.255","port":"14571","trunk":"","encryption":"","#,
                r#""status":"Unmonitored","description":""}"#
            ),
        ]
    );
    for name in ["16/cmd__iax2_show_peers", "22/cmd__iax2_show_peers"] {
        let rows = recorded(name);
        assert_eq!(column(&rows, "name_username"), ["iax1", "iax2"], "{name}");
        assert_eq!(column(&rows, "dyn"), ["(D)", "(S)"], "{name}");
        assert_eq!(column(&rows, "status"), ["UNKNOWN", "Unmonitored"], "{name}");
    }
}

#[test]
fn labels_of_two_words_stay_one_label() {
    for (name, count) in
        [("13/cmd_iax2_show_users", 2), ("16/cmd__iax2_show_users", 1), ("22/cmd__iax2_show_users", 1)]
    {
        let rows = recorded(name);
        assert_eq!(column(&rows, "codec_pref"), vec!["Host"; count], "{name}");
        assert_eq!(column(&rows, "authen"), vec!["000000000000002"; count], "{name}");
    }
    let inuse = recorded("16/cmd__sip_show_inuse");
    assert_eq!(json(&inuse[2]), r#"{"peer_name":"6001","in_use":"1/0/0","limit":"2147483647"}"#);
    assert_eq!(inuse.len(), 6);
    assert!(recorded("22/cmd__iax2_show_registry").is_empty());
}

#[test]
fn modules_have_their_status_and_support_level_apart() {
    for (name, count) in
        [("13/cmd_module_show", 213), ("16/cmd__module_show", 47), ("22/cmd__module_show", 65)]
    {
        let rows = recorded(name);
        assert_eq!(rows.len(), count, "{name}");
        assert!(column(&rows, "use_count").iter().all(|count| count.parse::<u32>().is_ok()), "{name}");
        assert!(column(&rows, "status").iter().all(|it| ["Running", "Not Running"].contains(it)), "{name}");
        let levels = ["core", "extended", "deprecated"];
        assert!(column(&rows, "support_level").iter().all(|level| levels.contains(level)), "{name}");
    }
    assert_eq!(
        json(&recorded("13/cmd_module_show")[1]),
        concat!(
            r#"{"module":"app_amd.so","description":"Answering Machine Detection Application","use_count":"0","#,
            r#""status":"Not Running","support_level":"extended"}"#
        )
    );
}

#[test]
fn channels_of_every_version_are_read() {
    for (name, count) in [
        ("13/cmd_core_show_channels", 3),
        ("16/cmd__core_show_channels", 5),
        ("22/cmd__core_show_channels", 5),
    ] {
        let rows = recorded(name);
        assert_eq!(column(&rows, "state"), vec!["Up"; count], "{name}");
        assert!(column(&rows, "application_data").iter().all(|data| data.ends_with(')')), "{name}");
    }
    let rows = recorded("22/cmd__core_show_channels");
    assert_eq!(rows[2].get("channel"), Some(&"PJSIP/6001-00000000".into()));
    assert_eq!(rows[2].get("location"), Some(&"echo@default:2".into()));
    for (name, cut) in [("16", "0a4598d4-52cd-4bc6-8"), ("22", "683bb118-45e4-49dc-a")] {
        let rows = recorded(&format!("{name}/cmd__core_show_channels_verbose"));
        assert_eq!(rows.len(), 5);
        let own = rows.iter().find(|row| row.get("callerid") == Some(&"555".into())).unwrap();
        assert_eq!(own.get("prio"), Some(&"2".into()));
        assert_eq!(own.get("extension"), Some(&"echo".into()));
        assert_eq!(own.get("duration"), Some(&"00:00:02".into()));
        assert_eq!(own.get("accountcode"), Some(&"".into()));
        assert_eq!(rows[4].get("bridgeid"), Some(&cut.into()));
    }
}

#[test]
fn a_rule_below_the_header_is_no_row_and_may_show_the_columns() {
    let types = recorded("13/cmd_core_show_channeltypes");
    assert_eq!(types.len(), 8);
    assert_eq!(
        json(&types[7]),
        concat!(
            r#"{"type":"Surrogate","description":"Surrogate channel used to pull channel f","#,
            r#""devicestate":"no","indications":"no","transfer":"no"}"#
        )
    );
    assert_eq!(
        json(&recorded("22/cmd__confbridge_list")[0]),
        r#"{"conference_bridge_name":"8001","users":"1","marked":"0","locked":"No","muted":"No"}"#
    );
    assert_eq!(recorded("16/cmd__confbridge_list_8001")[0].get("menu"), Some(&"default_menu".into()));
    let commands = recorded("13/cmd_manager_show_commands");
    assert_eq!(commands.len(), 104);
    assert_eq!(
        json(&commands[1]),
        r#"{"action":"AGI","synopsis":"Add an AGI command to execute by Async AGI."}"#
    );
    let codecs = recorded("13/cmd_core_show_codecs");
    assert_eq!(codecs.len(), 44);
    assert_eq!(
        json(&codecs[8]),
        concat!(
            r#"{"id":"24","type":"audio","name":"siren7","format":"siren7","#,
            r#""description":"(ITU G.722.1 (Siren7, licensed from Polycom))"}"#
        )
    );
    assert_eq!(column(&recorded("13/cmd_manager_show_users"), "username"), ["astfs", "agiadmin", "limited"]);
}

#[test]
fn a_value_that_overflows_moves_the_columns_after_it() {
    for name in ["16/cmd__manager_show_connected", "22/cmd__manager_show_connected"] {
        let rows = recorded(name);
        assert_eq!(rows.len(), 1, "{name}");
        assert_eq!(column(&rows, "ip_address"), ["127.0.0.1"], "{name}");
        assert_eq!(column(&rows, "httpcnt"), ["0"], "{name}");
        let write = if name.starts_with("16") { "write" } else { "writeperms" };
        assert_eq!(column(&rows, write), ["2147483647"], "{name}");
    }
    let text = b"Name   State   Note     Last\nabcdefghij Up      a b      z\nx      Down    full-wid y\n";
    assert_eq!(
        rows(text).iter().map(json).collect::<Vec<_>>(),
        [
            r#"{"name":"abcdefghij","state":"Up","note":"a b","last":"z"}"#,
            r#"{"name":"x","state":"Down","note":"full-wid","last":"y"}"#,
        ]
    );
}

#[test]
fn a_value_wider_than_its_label_on_the_left_is_not_the_column_befores() {
    let text = b"Username       Refresh State\nabc           12345678 Registered\n";
    assert_eq!(json(&rows(text)[0]), r#"{"username":"abc","refresh":"12345678","state":"Registered"}"#);
}

#[test]
fn only_the_summary_at_the_end_is_dropped() {
    let text = b"Name          Note\n3 phones      here\n12 of         them\n\n2 things shown\n1 more\n\n";
    let rows = rows(text);
    assert_eq!(column(&rows, "name"), ["3 phones", "12 of"]);
}

#[test]
fn rows_shorter_than_the_header_have_empty_columns() {
    assert_eq!(json(&rows(b"A     B     C\r\nx\r\n")[0]), r#"{"a":"x","b":"","c":""}"#);
}

#[test]
fn prose_before_the_header_is_skipped() {
    let text = b"Note: this is informational.\n\nID  NAME\n1   ulaw\n";
    assert_eq!(json(&rows(text)[0]), r#"{"id":"1","name":"ulaw"}"#);
}

#[test]
fn a_text_that_is_no_table_is_refused_at_its_first_line() {
    for (name, line, found) in [
        ("13/cmd_sip_show_peer_nosuch", 1, "`Peer nosuch not found.`"),
        ("16/cmd__no_such_command", 1, "`No such command "),
        ("13/cmd_sip_show_peer_6001", 3, "`* Name       : 6001`"),
        ("13/cmd_sip_show_settings", 3, "`Global Settings:`"),
        ("13/cmd_core_show_hints", 2, "`-= Registered"),
        ("16/cmd__database_show", 1, "`/CustomDevstate"),
        ("22/cmd__pjsip_show_contacts", 2, "`Contact:"),
        ("22/cmd__queue_show", 1, "`empty has 0 calls"),
    ] {
        let error = parse(&transcript::cli(name)).unwrap_err();
        let expected = format!("line {line}: expected a header line with labels in columns;");
        assert!(error.to_string().starts_with(&expected), "{name}: {error}");
        assert!(
            matches!(error, ParseError::Unexpected { found: shown, .. } if shown.starts_with(found)),
            "{name}"
        );
    }
    assert!(parse(&b"a  ".repeat(201)).is_err());
    assert!(rows(b"").is_empty());
    assert!(rows(b"\n\n").is_empty());
}
