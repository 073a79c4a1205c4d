use super::*;
use crate::parse::transcript;

fn recorded(name: &str) -> Value {
    parse(&transcript::cli(name)).unwrap()
}

fn json(value: &Value) -> String {
    serde_json::to_string(value).unwrap()
}

#[test]
fn a_sip_peers_fields_have_names_and_whole_values() {
    let peer = recorded("16/cmd__sip_show_peer_6001");
    for (name, value) in [
        ("name", "6001"),
        ("description", "Desk phone; \"quoted\""),
        ("record_off_feature", "automon"),
        ("subscr_cont", "<Not set>"),
        ("pickupgroup", "1, 2"),
        ("callerid", "\"Ünï Çode\" <6001>"),
        ("maxcallbr", "384 kbps"),
        ("t_38_support", "No"),
        ("user_phone", "No"),
        ("addr_ip", "127.0.0.1:54203"),
        ("def_username", "6001"),
        ("status", "OK (1 ms)"),
        ("reg_contact", "sip:6001@127.0.0.1:54203"),
        ("tohost", ""),
        ("rtcp_mux", "No"),
    ] {
        assert_eq!(peer.get(name), Some(&value.into()), "{name}");
    }
    let names: Vec<&str> = peer.as_record().unwrap().iter().map(|(name, _)| name).collect();
    assert_eq!(names.len(), 78);
    assert_eq!(names[..3], ["name", "description", "realtime_peer"]);
}

#[test]
fn channel_variables_are_a_record_under_their_own_names() {
    for (name, variables) in [
        ("16/cmd__sip_show_peer_6001", r#"{"BAZ":"qux=1","FOO":"bar"}"#),
        ("16/cmd__sip_show_user_6001", r#"{"BAZ":"qux=1","FOO":"bar"}"#),
        ("22/cmd__core_show_channel_PJSIP_6001_00000000", r#"{"A":"1","B":"2","BAZ":"qux=1","FOO":"bar"}"#),
        ("13/cmd_core_show_channel", r#"{"SIPCALLID":"390a9a466acb8faf1971666e48821c80@127.0.0.1:15060"}"#),
    ] {
        assert_eq!(json(recorded(name).get("variables").unwrap()), variables, "{name}");
    }
    let value = parse(b"  Variables    :\n  User=Phone   : No\n").unwrap();
    assert_eq!(json(&value), r#"{"variables":{},"user_phone":"No"}"#);
    let value = parse(b" Variables :\n   A = 1\n   A = 2\n   B =  x\n").unwrap();
    assert_eq!(json(&value), r#"{"variables":{"A":["1","2"],"B":" x"}}"#);
}

#[test]
fn a_channels_streams_do_not_mix_with_its_own_fields() {
    let channel = recorded("22/cmd__core_show_channel_PJSIP_6001_00000000");
    assert_eq!(channel.get("name"), Some(&"PJSIP/6001-00000000".into()));
    assert_eq!(channel.get("caller_id_name"), Some(&"Ünï: x".into()));
    assert_eq!(channel.get("state"), Some(&"Up (6)".into()));
    assert_eq!(
        json(channel.get("streams").unwrap()),
        concat!(
            r#"[{"name":"audio-0","type":"audio","state":"sendrecv","group":"-1","formats":"(ulaw)","#,
            r#""metadata":""}]"#
        )
    );
    assert!(recorded("13/cmd_core_show_channel").get("streams").is_none());
}

#[test]
fn settings_of_every_spelling_are_read() {
    for (name, address) in
        [("13/cmd_sip_show_settings", "127.0.0.1:15060"), ("16/cmd__sip_show_settings", "127.0.0.1:26160")]
    {
        let settings = recorded(name);
        for (label, value) in [
            ("udp_bindaddress", address),
            ("path_support", "No"),
            ("reg_max_duration", "3600 secs"),
            ("from_domain", ""),
            ("outbound_reg_retry_403", "No"),
            ("outbound_transport", "UDP"),
            ("outb_proxy", "<not set>"),
            ("802_1p_cos_sip", "4"),
            ("auto_clear", "120 (Disabled)"),
        ] {
            assert_eq!(settings.get(label), Some(&value.into()), "{name}: {label}");
        }
        for headline in ["global_settings", "network_qos_settings", "realtime_sip_settings"] {
            assert!(settings.get(headline).is_none(), "{name}: {headline}");
        }
    }
    assert_eq!(recorded("13/cmd_sip_show_settings").get("reg_min_duration"), Some(&"30 secs".into()));
    assert_eq!(recorded("16/cmd__sip_show_settings").get("reg_min_duration"), Some(&"5 secs".into()));
    assert_eq!(recorded("13/cmd_sip_show_settings").get("our_auth_realm"), Some(&"asterisk".into()));
    assert_eq!(recorded("16/cmd__sip_show_settings").get("our_auth_realm"), Some(&"ast16".into()));
}

#[test]
fn a_label_with_a_colon_inside_needs_the_one_at_its_end() {
    assert_eq!(json(&parse(b"  From: Domain:   example.org").unwrap()), r#"{"from_domain":"example.org"}"#);
    assert_eq!(json(&parse(b"  From: Domain").unwrap()), r#"{"from":"Domain"}"#);
}

#[test]
fn iax2_peers_users_and_uptimes_are_read() {
    let peer = recorded("13/cmd_iax2_show_peer_msm");
    assert_eq!(peer.get("callerid"), Some(&"\"\" <>".into()));
    assert_eq!(peer.get("addr_ip"), Some(&"127.0.0.1 Port 14570".into()));
    assert_eq!(peer.as_record().unwrap().len(), 21);
    assert_eq!(recorded("13/cmd_sip_show_user_zhecka").get("auto_framing"), Some(&"No".into()));
    let uptime = recorded("22/cmd__core_show_uptime_seconds");
    assert_eq!(json(&uptime), r#"{"system_uptime":"21","last_reload":"21"}"#);
}

#[test]
fn pjsip_parameters_are_read_without_the_table_above_them() {
    let aor = recorded("22/cmd__pjsip_show_aor_6001");
    assert_eq!(aor.get("contact"), Some(&"sip:6001@127.0.0.1:50852".into()));
    assert_eq!(aor.get("qualify_timeout"), Some(&"3.000000".into()));
    assert!(aor.get("aor").is_none());
    let endpoint = recorded("22/cmd__pjsip_show_endpoint_6001");
    assert_eq!(endpoint.get("100rel"), Some(&"yes".into()));
    assert_eq!(endpoint.get("callerid"), Some(&"\"Ünï Çode\" <6001>".into()));
    assert!(endpoint.get("inauth").is_none());
}

#[test]
fn a_label_that_comes_again_makes_a_list() {
    assert_eq!(json(&parse(b"A: 1\r\nA: 2\r\nB:\r\n").unwrap()), r#"{"a":["1","2"],"b":""}"#);
}

#[test]
fn a_text_without_fields_is_refused() {
    for (name, line) in [("13/cmd_sip_show_peer_nosuch", 1), ("22/cmd__pjsip_show_endpoint_nosuch", 1)] {
        let error = parse(&transcript::cli(name)).unwrap_err();
        assert!(matches!(error, ParseError::Unexpected { line: at, .. } if at == line), "{name}: {error}");
    }
    let message = parse(b"\n\nnothing here\n").unwrap_err().to_string();
    assert!(message.starts_with("line 3: expected `label: value` lines;"), "{message}");
    assert!(matches!(parse(b""), Err(ParseError::Unexpected { found, .. }) if found == "the end"));
}
